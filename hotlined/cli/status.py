"""`hotlined status`: whether the daemon lives, what its modem does, what waits, what is spent.

Put together from the daemon's file in the runtime directory, the database and the clocks; each may be missing, and
what is not known is null.
"""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import click

from hotlined import __version__, clock
from hotlined.cli import Settings, pass_settings
from hotlined.cli.output import json_line, print_sheet, sentence
from hotlined.config import Config, Mode
from hotlined.errors import RefusedError, StoreError, UnavailableError
from hotlined.store import attempts, reading
from hotlined.store.database import TROUBLES, in_a_sentence, maybe_trouble, open_beside_daemon

ALIVE_SECONDS = 180.0  # where the file does not say
_TOLD = {"pid", "pass_boottime", "database", "modem", "trouble", "database_state"}  # without these it is no status
_STATES = ("full", "locked", "damaged")  # of a database that cannot be used
WINDOWS = {"hour": "hour", "day": "24 hours", "month": "30 days"}
_MODEM = ("state", "since", "step", "port", "manufacturer", "model", "operator", "registration", "signal_percent")


@dataclass(frozen=True, slots=True)
class Report:
    """What `status --json` prints, and in sentences what is wrong and what to do, or None."""

    document: dict[str, Any]
    trouble: str | None

    @property
    def ready(self) -> bool:
        """Whether the daemon lives and its modem is ready."""
        return bool(self.document["alive"]) and self.document["modem"]["state"] == "ready"


def report(config: Config) -> Report:
    """Look at everything once."""
    told, others = _told(config)
    alive = _alive(told)
    stored, failure = _stored(config)
    state = stored["database_state"]
    if alive and state not in _STATES:
        state = told["database_state"]
    if alive:  # the daemon writes, and knows better than who only reads
        failure = told.get("database_trouble") or failure
    if state in _STATES and not failure:
        failure = f"The daemon cannot use its database: {TROUBLES[state].words}. {TROUBLES[state].hint}"
    modem = told.get("modem") or {}
    document = {
        "alive": alive,
        "pid": told.get("pid"),
        "version": told.get("version", __version__),
        "line": config.line,
        "config": os.fspath(config.path),
        "database": os.fspath(config.database),
        "mode": told.get("mode", config.mode.value),
        "paused": stored.get("paused"),
        "paused_by": stored.get("paused_by"),
        "since": told.get("since"),
        "last_scan_at": told.get("last_scan_at"),
        "clock": {"synchronised": clock.synchronised()},
        "queue": stored.get("queue"),
        "budgets": stored.get("budgets"),
        "modem": {name: modem.get(name) for name in _MODEM} | {"storages": modem.get("storages", [])},
        "database_state": state,
        "sending": stored.get("sending"),
        "next_due_at": stored.get("next_due_at"),
    }
    document["modem"]["registration"] = modem.get("registration", "unknown")
    trouble = " ".join(filter(None, (_trouble(told, others, alive), failure)))
    return Report(document, trouble or None)


def _told(config: Config) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the daemon wrote last, and what that of another database wrote in its place; {} for nothing."""
    database = os.path.realpath(config.database)
    ours: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for told in _files(config):
        if os.path.realpath(str(told["database"])) == database:
            ours = ours or told
        else:
            others = others or told
    return ours, others


def require_daemons_database(config: Config) -> None:
    """Raise RefusedError where the daemon runs on another file than the one that its database's name leads to now."""
    told, _ = _told(config)
    if not _alive(told) or not told.get("database_file"):
        return
    try:
        found = config.database.stat()
    except PermissionError:
        return
    except OSError:
        found = None
    if found is None or [found.st_dev, found.st_ino] != told["database_file"]:
        raise RefusedError(
            f"The daemon would not see this: {config.database} was moved, removed or replaced while it ran.",
            "Put the file back with its -wal and -shm; or restart the daemon, to begin with what is there now.",
        )


def _files(config: Config) -> Iterator[dict[str, Any]]:
    """Yield the status files of the line; their folder is looked for where the daemon makes it."""
    own = Path(gettempdir()) / f"hotlined-{os.getuid()}"
    for folder in (config.runtime_dir, own):
        with suppress(OSError, ValueError):
            path = folder / f"{config.line}.json"
            if folder == own and path.lstat().st_uid != os.getuid():
                continue
            told = json.loads(path.read_text())
            if isinstance(told, dict) and told.keys() >= _TOLD:
                yield told


def _alive(told: dict[str, Any]) -> bool:
    """Tell whether the daemon's process lives and went on a short time ago, in this boot; it says how long that is."""
    try:
        os.kill(told["pid"], 0)
    except PermissionError:
        pass  # it lives, as somebody else
    except (KeyError, OSError, OverflowError, TypeError):
        return False
    return bool(0 <= clock.boottime() - told["pass_boottime"] < told.get("alive_seconds", ALIVE_SECONDS))


def _stored(config: Config) -> tuple[dict[str, Any], str | None]:
    """Return what the database knows, or its state alone (None if that is not known) and what is wrong with it."""
    limits = config.limits.segments
    try:
        with open_beside_daemon(config.database) as db:
            spent = attempts.spent(db, db.now(), shadow=config.mode is Mode.SHADOW)
            return {
                "paused": reading.paused(db),
                "paused_by": reading.maybe_paused_by(db),
                "sending": asdict(reading.sending(db)),
                "queue": reading.queue(db),
                "next_due_at": reading.maybe_next_due_at(db),
                "budgets": {name: {"limit": getattr(limits, name), "used": spent[name].total} for name in spent},
                "database_state": "ok",
            }, None
    except (StoreError, sqlite3.Error) as error:
        name = maybe_trouble(error) or maybe_trouble(error.__cause__)
        said = in_a_sentence(error) if isinstance(error, sqlite3.Error) else error
        return {"database_state": name if name in _STATES else None}, f"{sentence(said.message)} {said.hint}"


def _trouble(told: dict[str, Any], others: dict[str, Any], alive: bool) -> str:
    """Say what is wrong with the daemon and its modem, or nothing."""
    if alive:
        return sentence(str(told["trouble"] or ""))
    if _alive(others):
        return (
            f"The status of this line is that of another daemon (process {others['pid']}), which has the database "
            f"{others['database']}. Give one of the two another line, or another runtime_dir, and start it again."
        )
    if not told:
        return "The daemon does not run. Start it: `hotlined run`, or `systemctl start hotlined` if it is a service."
    return (
        f"The daemon (process {told['pid']}) ended without a word or hangs; below is what was last known. Start it "
        "again; if it is a service: `journalctl -u hotlined` has its last words, `systemctl restart hotlined`."
    )


def _sheet(told: Report) -> Iterator[tuple[str, str | None]]:
    document, modem = told.document, told.document["modem"]
    queue, budgets = document["queue"] or {}, document["budgets"] or {}
    paused = f", paused by {document['paused_by']}" if document["paused"] else ""
    yield "line", f"{document['line']}, {document['mode']}{paused}"
    alive = document["alive"]
    yield "daemon", f"alive since {document['since']}, process {document['pid']}" if alive else "not alive"
    yield "trouble", told.trouble
    was = "" if alive else "was "
    yield "modem", f"{was}{modem['state']} since {modem['since']}" if modem["state"] else "unknown"
    yield "  port", modem["port"]
    yield "  make", " ".join(filter(None, (modem["manufacturer"], modem["model"])))
    registration = modem["registration"] if modem["registration"] != "unknown" else None
    signal = None if modem["signal_percent"] is None else f"signal {modem['signal_percent']} %"
    yield "  network", ", ".join(filter(None, (modem["operator"], registration, signal)))
    yield "  storages", ", ".join(f"{use['name']} {use['used']} of {use['total']}" for use in modem["storages"])
    yield "last scan", document["last_scan_at"]
    yield "sending", _sending_in_words(document["sending"])
    yield "answers", ", ".join(f"{count} {state}" for state, count in queue.items())
    yield (
        "spent",
        ", ".join(f"{each['used']} of {each['limit']} in the last {WINDOWS[name]}" for name, each in budgets.items()),
    )
    yield "clock", "synchronised" if document["clock"]["synchronised"] else "not synchronised"
    yield "database", f"{document['database']} ({document['database_state'] or 'state unknown'})"
    yield "configuration", document["config"]


_SENDING = {
    "key_lost": "nothing is sent: the key of the pseudonyms is lost; bring it back, or `hotlined resume` without",
    "sim_changed": "nobody is answered: another stick or SIM is in; `hotlined adopt` goes on with it",
    "outage": "nothing leaves though the network has the line: answers wait, one is tried now and then",
    "credit": "the SIM cannot pay, or is barred: top it up; answers wait, one is tried now and then",
}


def _sending_in_words(sending: dict[str, Any] | None) -> str | None:
    if sending is None or sending["state"] not in ("held", "trial"):
        return None
    since = f" (since {sending['since']})" if sending["since"] else ""
    return f"{_SENDING.get(sending['reason'], sending['reason'])}{since}"


@click.command
@click.option("--json", "as_json", is_flag=True, help="One object, every value exactly.")
@pass_settings
@click.pass_context
def status(ctx: click.Context, settings: Settings, as_json: bool) -> None:
    """Show whether the daemon lives and its modem is ready.

    Also what waits, what is spent, and what is wrong with its cure. The exit code is 0 only when both are so, else 69.

    Example: hotlined status --json
    """
    told = report(settings.config())
    if as_json:
        click.echo(json_line(told.document))
    else:
        print_sheet(_sheet(told))
    ctx.exit(0 if told.ready else UnavailableError.exit_code)
