"""`hotlined status`: whether the daemon lives, what its modem does, what waits, what is spent, what is wrong.

Put together from the daemon's file in the runtime directory, the database and the clocks; each may be missing, and
what is not known is null.
"""

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import click

from hotlined import __version__, clock
from hotlined import status as daemon_status
from hotlined.cli.output import as_typed, json_line, print_sheet
from hotlined.cli.settings import Settings, pass_settings
from hotlined.config import Config, Mode
from hotlined.errors import DatabaseMissingError, DatabaseVersionError, RefusedError, StoreError, UnavailableError
from hotlined.reports.in_force import Broken
from hotlined.status import CONFIG_REFUSED, DaemonStatus, Found, Trouble
from hotlined.store import attempts, holders, queue
from hotlined.store.database import Database, open_beside_daemon
from hotlined.store.line import FREE, Credit, Sending, credit_of, maybe_paused_by, maybe_shadow_since, recorded_holds
from hotlined.store.trouble import TROUBLES, DatabaseTrouble
from hotlined.words.amounts import sentence
from hotlined.words.conditions import WINDOWS, hold_in_words
from hotlined.words.times import moment

_STATES = ("full", "locked", "damaged")  # of a database that cannot be used
SHADOW = "shadow"
CONFIG_BROKEN = "config_broken"
WINDOW_CODES = tuple(f"budget_{window}" for window in WINDOWS)
_WANTED = frozenset({SHADOW, *WINDOW_CODES})
"""Troubles that a person has chosen, or that pass: with nothing else the exit code is 0."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database knows of the line."""

    paused_by: str | None
    """None while nobody has paused it."""
    sending: Sending
    holds: tuple[Sending, ...]
    queue: dict[str, int]
    next_due_at: str | None
    budgets: dict[str, dict[str, int]]
    full_windows: frozenset[str]
    shadow_since: str | None
    credit: Credit


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is known of the line at one moment."""

    config: Config
    daemon: DaemonStatus
    """What the daemon said last, whether it lives or not."""
    alive: bool
    mode: str
    """Shadow or live, as the daemon has it in force."""
    stored: Stored | None
    """None where the database cannot be read."""
    database_state: str | None
    trouble: tuple[Trouble, ...]

    @property
    def grave(self) -> tuple[Trouble, ...]:
        """The troubles that somebody has to do something about; shadow mode and a full window are none."""
        return tuple(each for each in self.trouble if each.code not in _WANTED)

    @property
    def ready(self) -> bool:
        """Whether the daemon lives, its modem is ready, and nothing keeps answers back but what was chosen."""
        return self.alive and self.daemon.modem.state == "ready" and not self.grave

    @property
    def sending(self) -> Sending | None:
        """Whether answers go out, None where that is not known."""
        return self.stored.sending if self.stored else None

    def maybe(self, code: str) -> Trouble | None:
        """Return a trouble by its code."""
        return next((each for each in self.trouble if each.code == code), None)

    def document(self) -> dict[str, Any]:
        """Return what `status --json` prints."""
        told, stored = self.daemon, self.stored
        return {
            "alive": self.alive,
            "pid": told.pid,
            "version": told.version or __version__,
            "line": self.config.line,
            "config": os.fspath(self.config.path),
            "database": os.fspath(self.config.database),
            "mode": self.mode,
            "paused": stored.paused_by is not None if stored else None,
            "paused_by": stored.paused_by if stored else None,
            "since": told.since,
            "last_scan_at": told.last_scan_at,
            "clock": {"synchronised": clock.synchronised()},
            "queue": stored.queue if stored else None,
            "budgets": stored.budgets if stored else None,
            "modem": asdict(told.modem),
            "database_state": self.database_state,
            "sending": asdict(stored.sending) if stored else None,
            "next_due_at": stored.next_due_at if stored else None,
            "credit": asdict(stored.credit) if stored else None,
            "trouble": [asdict(each) for each in self.trouble],
        }


def report(config: Config, broken: Broken | None = None) -> Report:
    """Look at everything once; `broken` says what is wrong with the file that `config` was not read from."""
    found = daemon_status.find(config.runtime_dir, config.name, config.database)
    told, alive = found.ours, found.ours.is_alive()
    mode = told.mode or config.mode.value
    stored, state, failure = _stored(config, told, alive=alive, shadow=mode == SHADOW)
    if alive and state not in _STATES:
        state = told.database_state
    database = [each for each in told.trouble if alive and each.code.startswith("database_")]
    if not database and failure:
        database = [failure]
    elif not database and state in _STATES:
        words, cure = (
            f"The daemon cannot use its database: {TROUBLES[state].words}.",
            TROUBLES[state].hint,
        )
        database = [Trouble(f"database_{state}", words, cure)]
    database = [_with_holders(each, config) for each in database]
    said = [each for each in told.trouble if alive and not each.code.startswith("database_")]
    if broken:  # that a reload was refused is then said by this, newer
        said = [_configuration_trouble(broken, alive=alive), *(each for each in said if each.code != CONFIG_REFUSED)]
    trouble = (*_daemon_trouble(found, alive=alive), *said, *database)
    codes = {each.code for each in trouble}
    trouble += tuple(each for each in _line_trouble(config, mode, stored) if each.code not in codes)
    return Report(config, told, alive, mode, stored, state, trouble)


def _with_holders(trouble: Trouble, config: Config) -> Trouble:
    """Name who keeps the database locked: the daemon does not see other users' processes, a person here may."""
    if trouble.code != "database_locked" or not (held := holders.who_blocks(config.database)):
        return trouble
    return replace(trouble, words=f"{trouble.words} It is held by {', '.join(held)}.")


def require_daemons_database(config: Config) -> None:
    """Raise RefusedError where the daemon runs on another file than the one that its database's name leads to now."""
    told = daemon_status.find(config.runtime_dir, config.name, config.database).ours
    if not told.is_alive() or told.database_file is None:
        return
    try:
        found = config.database.stat()
    except PermissionError:
        return
    except OSError:
        found = None
    if found is None or (found.st_dev, found.st_ino) != told.database_file:
        raise RefusedError(
            f"The daemon would not see this: {config.database} was moved, removed or replaced while it ran.",
            "Put the file back with its -wal and -shm; or restart the daemon, to begin with what is there now.",
        )


def holds_of(db: Database, config: Config) -> tuple[Sending, ...]:
    """Return all that keeps answers back, by the database and the daemon's own word, if one lives."""
    told = daemon_status.find(config.runtime_dir, config.name, config.database).ours
    return _holds(db, told, alive=told.is_alive())


def _holds(db: Database, told: DaemonStatus, *, alive: bool) -> tuple[Sending, ...]:
    return tuple(recorded_holds(db, sim_changed=told.sim_changed if alive else None))


def _stored(
    config: Config, told: DaemonStatus, *, alive: bool, shadow: bool
) -> tuple[Stored | None, str | None, Trouble | None]:
    """Return what the database knows, its state (None if that is not known), and what is wrong with it."""
    limits = config.limits.segments
    try:
        with open_beside_daemon(config.database) as db:
            now = db.now()
            spent = attempts.spent(db, now, shadow=shadow)
            held = _holds(db, told, alive=alive)
            first = held[0] if held else FREE
            credit = credit_of(db)
            return (
                Stored(
                    paused_by=maybe_paused_by(db),
                    sending=first,
                    holds=held,
                    queue=queue.counted(db),
                    next_due_at=queue.maybe_next_due_at(db, first),
                    budgets={name: {"limit": getattr(limits, name), "used": spent[name].total} for name in spent},
                    full_windows=frozenset(queue.full_windows(db, now.limit)),
                    shadow_since=maybe_shadow_since(db),
                    credit=replace(credit, asked_at=told.balance_asked_at or credit.asked_at),
                ),
                "ok",
                None,
            )
    except (StoreError, sqlite3.Error) as error:
        name = DatabaseTrouble.of(error).name or DatabaseTrouble.of(error.__cause__).name
        said = DatabaseTrouble.of(error).as_error() if isinstance(error, sqlite3.Error) else error
        code = _database_code(error, name)
        return None, name if name in _STATES else None, Trouble(code, sentence(said.message), said.hint)


def _database_code(error: Exception, name: str | None) -> str:
    if isinstance(error, DatabaseMissingError):
        return "database_missing"
    if isinstance(error, DatabaseVersionError):
        return "database_version"
    return f"database_{name.replace(' ', '_')}" if name else "database_unknown"


def _daemon_trouble(found: Found, *, alive: bool) -> Iterator[Trouble]:
    """Yield why no daemon says anything, if none does."""
    if alive:
        return
    others, pid = found.others, found.ours.pid
    if others.is_alive():
        yield Trouble(
            "other_daemon",
            f"The status of this line is that of another daemon (process {others.pid}), which has the database"
            f" {others.database}.",
            "Give the file of one of the two another name, or another runtime_dir, and start it again.",
        )
    elif pid is None and found.ours == DaemonStatus():
        yield Trouble(
            "not_running",
            "The daemon does not run.",
            "Start it: `hotlined run`, or `systemctl start hotlined` if it is a service.",
        )
    else:
        yield Trouble(
            "not_alive",
            f"The daemon (process {pid or 'unknown'}) ended without a word or hangs; below is what was last known.",
            "Start it again; if it is a service: `journalctl -u hotlined` has its last words,"
            " `systemctl restart hotlined`.",
        )


def _configuration_trouble(broken: Broken, *, alive: bool) -> Trouble:
    goes_on = "the daemon goes on with what it has" if alive else "the daemon cannot start with it"
    then = "`systemctl reload hotlined`" if alive else "start the daemon"
    return Trouble(
        CONFIG_BROKEN,
        f"{broken.message}; {goes_on}.",
        f"`hotlined config check` names the lines. Correct them, then {then}.",
        broken.since,
    )


def _line_trouble(config: Config, mode: str, stored: Stored | None) -> Iterator[Trouble]:
    """Yield what keeps answers back, as the database has it."""
    for held in stored.holds if stored else ():
        code = "paused" if held.state == "paused" else held.reason or held.state
        yield Trouble(code, *hold_in_words(held.state, held.reason, held.by), held.since)
    for window, each in stored.budgets.items() if stored else ():
        if each["used"] >= each["limit"] or (stored and window in stored.full_windows):
            yield Trouble(
                f"budget_{window}",
                f"{each['used']} of {each['limit']} segments of the last {WINDOWS[window]} are spent: answers wait.",
                "`hotlined limits` says when there is room again.",
            )
    if mode == SHADOW:
        yield Trouble(
            SHADOW,
            "Shadow mode: everything is done but transmit, so nobody is answered.",
            f"Set `mode: {Mode.LIVE}` in {config.path}, then `systemctl reload hotlined`, or start the daemon again.",
            stored.shadow_since if stored else None,
        )


def _in_words(trouble: Trouble) -> str:
    since = f"Since {moment(trouble.since)}: " if trouble.since else ""
    return since + as_typed(sentence(trouble.sentences))


def _sheet(told: Report) -> Iterator[tuple[str, str | None]]:
    daemon, modem, stored = told.daemon, told.daemon.modem, told.stored
    queue, budgets = (stored.queue, stored.budgets) if stored else ({}, {})
    yield "line", f"{told.config.line}, {told.mode}"
    yield "daemon", f"alive since {_when(daemon.since)}, process {daemon.pid}" if told.alive else "not alive"
    for trouble in told.trouble:
        yield "trouble", _in_words(trouble)
    was = "" if told.alive else "was "
    yield "modem", f"{was}{modem.state} since {_when(modem.since)}" if modem.state else "unknown"
    yield "  recovery", f"{modem.step}, step {modem.steps}" if modem.step and told.alive else None
    yield "  port", modem.port
    yield "  make", " ".join(filter(None, (modem.manufacturer, modem.model)))
    registration = modem.registration if modem.registration != "unknown" else None
    signal = None if modem.signal_percent is None else f"signal {modem.signal_percent} %"
    way = f"texts by {modem.sms_service}" if modem.sms_service and modem.sms_service != "circuit" else None  # the usual
    yield "  network", ", ".join(filter(None, (modem.operator, registration, modem.technology, signal, way)))
    undeletable = f"{modem.undeletable} that it does not delete" if modem.undeletable else None
    storages = (f"{use.name} {use.used} of {use.total}" for use in modem.storages)
    yield "  storages", ", ".join(filter(None, (*storages, undeletable)))
    yield "last scan", _when(daemon.last_scan_at)
    yield "answers", ", ".join(f"{count} {state}" for state, count in queue.items())
    yield "next answer", _when(stored.next_due_at) if stored and told.alive else None
    yield (
        "spent",
        ", ".join(f"{each['used']} of {each['limit']} in the last {WINDOWS[name]}" for name, each in budgets.items()),
    )
    if stored and stored.credit.balance is not None:
        yield "balance", f"{stored.credit.balance:.2f}, asked {_when(stored.credit.asked_at)}"
    yield "clock", "synchronised" if clock.synchronised() else "not synchronised"
    yield "database", f"{told.config.database} ({told.database_state or 'state unknown'})"
    yield "configuration", os.fspath(told.config.path)


def _when(at: str | None) -> str | None:
    return moment(at) if at else None


@click.command
@click.option("--json", "as_json", is_flag=True, help="One object, every value exactly.")
@pass_settings
@click.pass_context
def status(ctx: click.Context, settings: Settings, as_json: bool) -> None:
    """Show whether the daemon lives, its modem is ready, and answers go out.

    It also tells what waits, what is spent, and what is wrong: since when, and its cure. The exit code is 69 where
    something is wrong. Shadow mode and a full window are shown, too, and do not count as wrong.

    Example: hotlined status --json
    """
    config = settings.config()
    told = report(config, settings.broken)
    if as_json:
        click.echo(json_line(told.document()))
    else:
        print_sheet(_sheet(told))
    ctx.exit(0 if told.ready else UnavailableError.exit_code)
