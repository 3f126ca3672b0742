"""The conditions of a line, seen in one place: which conditions hold, and of which subjects nothing is known now.

`status`, the desk, doctor, the digest, the metrics and the alerts go by this. Not known is not the same as absent: a
database that cannot be read, a dead daemon, a clock that is not synchronised and a value between two bounds say
nothing, and what alerts have told stays as it is.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hotlined import conditions
from hotlined.conditions import BUDGET_LEVEL, BUDGET_OVER
from hotlined.conditions import BUDGETS as BUDGET_NAMES
from hotlined.config import Config, alerts_reach_somebody
from hotlined.database_files import WAL, beside
from hotlined.errors import DatabaseMissingError, DatabaseVersionError, StoreError
from hotlined.language import _
from hotlined.reports import answer, sealed, sim_country, sim_life
from hotlined.reports.disk import Disk
from hotlined.reports.in_force import differing_keys
from hotlined.reports.stored import Budget, Stored, balance_in_words, is_low
from hotlined.reports.trouble import Trouble, database_in_words, holding, said
from hotlined.rules.policy import BUDGETS
from hotlined.states import (
    AlertCondition,
    DatabaseState,
    HoldReason,
    ModemState,
    SendingState,
    TroubleCode,
    database_trouble,
    is_about_database,
)
from hotlined.status import DaemonStatus, FoundStatus
from hotlined.store.file import holders
from hotlined.store.file.trouble import DatabaseTrouble
from hotlined.store.line.line_row import Sending
from hotlined.words.amounts import lasting, sentence
from hotlined.words.countries import country_in_words
from hotlined.words.sealing import service_of
from hotlined.words.times import moment

UNUSABLE = (DatabaseState.FULL, DatabaseState.LOCKED, DatabaseState.DAMAGED)
_REFUSED = (TroubleCode.CONFIG_REFUSED, TroubleCode.ANSWER_REFUSED)
"""The troubles of a reload that changed nothing; they say that the file is not in force."""
_STORED = (
    *(AlertCondition.KEY, AlertCondition.PAUSED, AlertCondition.OUTAGE, AlertCondition.COUNTRY, AlertCondition.BALANCE),
    *(AlertCondition.SIM_LIFE, AlertCondition.SELFTEST, AlertCondition.SILENCE, AlertCondition.TEXT_LOST),
    *(AlertCondition.BACKUP, AlertCondition.HUB, *conditions.WINDOWS),
)
"""The subjects that only the database knows."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that holds at one moment, and the subjects of which nothing is known then."""

    holding: tuple[Trouble, ...]
    unknown: frozenset[str]

    @property
    def shown(self) -> tuple[Trouble, ...]:
        """The troubles that people are shown: of each subject only those with the highest rank."""
        highest: dict[str, int] = {}
        for each in self.holding:
            if each.row.subject and each.row.is_shown:
                highest[each.subject] = max(each.row.rank, highest.get(each.subject, 0))
        return tuple(
            each for each in self.holding if each.row.is_shown and each.row.rank >= highest.get(each.subject, 0)
        )


def see(
    config: Config,
    statuses: FoundStatus,
    stored: Stored | None,
    database_state: str | None,
    failure: Trouble | None,
    disk: Disk | None,
) -> Seen:
    """Return what is wrong with a line; without `stored` the database cannot be read, for the reason in `failure`."""
    daemon, alive = statuses.ours, statuses.ours.is_alive()
    found = [
        *_about_daemon(config, statuses, failure, alive=alive),
        *_about_configuration(config, daemon, alive=alive),
        *_about_database(config, daemon, database_state, failure, alive=alive),
        *answer.troubles(config, daemon, alive=alive),
    ]
    codes = {each.code for each in found}
    if stored:
        found += [each for each in _about_line(config, stored) if each.code not in codes]
    if words_go_nowhere(config):
        found.append(holding(TroubleCode.ALERTS_NOWHERE, name=config.name))
    found += [*_about_readers(config, daemon), *_about_disk(disk)]
    unknown = [*_unknown_without(daemon, disk, alive=alive), *_unknown(config, stored, found)]
    return Seen(tuple(found), frozenset(unknown))


def words_go_nowhere(config: Config) -> bool:
    """Tell whether an alert about a text with a word of alerts.words would certainly reach nobody."""
    return bool(config.alerts.words) and not alerts_reach_somebody(config)


def _unknown_without(daemon: DaemonStatus, disk: Disk | None, *, alive: bool) -> Iterator[str]:
    """Yield the subjects of which daemon and disk say nothing."""
    if not (alive and daemon.modem.state == ModemState.READY):
        # a daemon that waits for its database has not looked for a modem yet, and reports no trouble of one
        yield from (AlertCondition.RECEPTION, AlertCondition.STORAGE, AlertCondition.MODEM)
    if not alive:
        yield from (AlertCondition.CONFIG, AlertCondition.ANSWER)
    if disk is None or not (disk.is_low or disk.has_room):
        yield AlertCondition.DISK


def _unknown(config: Config, stored: Stored | None, found: list[Trouble]) -> Iterator[str]:
    """Yield the subjects of which the database says nothing."""
    if stored is None:
        yield from _STORED
        return
    if stored.life is None:
        yield AlertCondition.SIM_LIFE
    if not config.backup.folder:
        yield AlertCondition.BACKUP
    if stored.silence is None or stored.silence.is_long is None:
        yield AlertCondition.SILENCE
    if not (stored.fleet and (stored.fleet.trouble or (stored.fleet.hub and stored.fleet.hub.reachable))):
        yield AlertCondition.HUB
    asked = config.credit.ussd is not None and stored.credit.balance is not None
    if not asked or any(each.code == HoldReason.CREDIT for each in found):
        yield AlertCondition.BALANCE
    if not (stored.selftest and stored.selftest.back_at):  # none ever came back: its number may be wrong
        yield AlertCondition.SELFTEST
    yield from (BUDGETS[window] for window, budget in stored.budgets.items() if budget.percent >= BUDGET_OVER)


def _about_daemon(config: Config, statuses: FoundStatus, failure: Trouble | None, *, alive: bool) -> Iterator[Trouble]:
    """Yield why no daemon of this database writes a status; nothing if a daemon does, or if to start it is no help."""
    if alive or (failure and failure.code == TroubleCode.DATABASE_VERSION):
        return
    others, pid = statuses.others, statuses.ours.pid
    if others.is_alive():
        yield holding(TroubleCode.OTHER_DAEMON, pid=str(others.pid), database=others.database)
    elif pid is None and statuses.ours == DaemonStatus():
        yield holding(TroubleCode.NOT_RUNNING, name=config.name)
    else:
        yield holding(TroubleCode.NOT_ALIVE, pid=str(pid or _("unknown")), name=config.name)


def _about_configuration(config: Config, daemon: DaemonStatus, *, alive: bool) -> Iterator[Trouble]:
    """Yield what is wrong with the configuration, and what the daemon says of its modem."""
    unit = service_of(config.name)
    if config.broken:  # newer than the daemon's report of a refused reload, and replaces it
        yield holding(TroubleCode.CONFIG_BROKEN, config.broken.since, problem=config.broken.message, unit=unit)
    for each in daemon.trouble if alive else ():
        if is_about_database(each.code) or each.code == TroubleCode.ANSWER_REFUSED:
            continue
        if each.code != TroubleCode.CONFIG_REFUSED or not config.broken:
            yield said(each, config)
    differing = differing_keys(config)
    if differing and not config.broken and not any(each.code in _REFUSED for each in daemon.trouble):
        yield holding(TroubleCode.CONFIG_DIFFERS, keys=", ".join(differing), unit=unit)


def _about_database(
    config: Config, daemon: DaemonStatus, state: str | None, failure: Trouble | None, *, alive: bool
) -> Iterator[Trouble]:
    """Yield the trouble of the database.

    The daemon uses the database and knows its trouble best; a failure here counts if the daemon reports none.
    """
    found = [said(each, config) for each in daemon.trouble if alive and is_about_database(each.code)]
    if not found and failure:
        found = [failure]
    elif not found and state in UNUSABLE:
        found = [Trouble(database_trouble(state), *database_in_words(state, config.database))]
    yield from (_with_holders(each, config) for each in found)


def _with_holders(trouble: Trouble, config: Config) -> Trouble:
    """Add the programs that keep the database locked; a person may see other users' processes, the daemon may not."""
    if trouble.code != database_trouble(DatabaseState.LOCKED) or not (held := holders.who_blocks(config.database)):
        return trouble
    by = _("It is held by {programs}.", programs=", ".join(held))
    return replace(trouble, words=f"{trouble.words} {by}")


def failure_of(config: Config, error: Exception) -> tuple[str | None, Trouble]:
    """Return the state of a database that cannot be read (None if unknown), and its trouble."""
    name = DatabaseTrouble.of(error).name or DatabaseTrouble.of(error.__cause__).name
    ours = DatabaseTrouble.of(error).as_error(config.database) if isinstance(error, sqlite3.Error) else error
    assert isinstance(ours, StoreError)
    return name if name in UNUSABLE else None, Trouble(_database_code(error, name), sentence(ours.message), ours.hint)


def _database_code(error: Exception, name: str | None) -> str:
    if isinstance(error, DatabaseMissingError):
        return TroubleCode.DATABASE_MISSING
    if isinstance(error, DatabaseVersionError):
        return TroubleCode.DATABASE_VERSION
    return database_trouble(name) if name else TroubleCode.DATABASE_UNKNOWN


def _about_line(config: Config, stored: Stored) -> Iterator[Trouble]:
    """Yield what the database says."""
    for hold in stored.holds:
        yield _hold(config, stored, hold)
    for outage in stored.countries:
        yield holding(
            TroubleCode.COUNTRY_OUTAGE,
            outage.since,
            variant="barred" if outage.is_barred(stored.at) else "",
            instance=outage.country,
            since_limit=outage.since_limit,
            country=country_in_words(outage.country),
            code=outage.country,
        )
    if declined := stored.declined:
        since, left = moment(declined.since), moment(declined.left_at)
        yield _maybe_about_credit(config, holding(TroubleCode.REFUSALS, declined.since, since=since, left=left))
    if failing := stored.failing_since:
        yield holding(TroubleCode.ANSWERS_FAIL, failing, since=moment(failing))
    for window, budget in stored.budgets.items():
        yield from _window(stored, window, budget)
    if ending := sim_life.maybe_trouble(stored.life, stored.top_up, stored.credit.valid_until, stored.at):
        yield ending
    yield from _about_reception(stored)
    if backup := sealed.maybe_trouble(config, stored.sealed):
        yield backup
    yield from stored.fleet.trouble if stored.fleet else ()
    if is_low(config, stored.credit) and all(hold.reason is not HoldReason.CREDIT for hold in stored.holds):
        yield holding(TroubleCode.CREDIT_LOW, stored.credit.asked_at, balance=balance_in_words(config, stored.credit))
    if stored.sim_country and sim_country.is_unanswered(config, stored.sim_country):
        yield holding(TroubleCode.SIM_COUNTRY, country=country_in_words(stored.sim_country), code=stored.sim_country)


def _about_reception(stored: Stored) -> Iterator[Trouble]:
    """Yield what the database says of texts that do not come in."""
    if (test := stored.selftest) and test.lost_at and test.at:
        code = TroubleCode.SELFTEST_LOST if test.back_at else TroubleCode.NUMBER_UNSURE
        yield holding(code, test.lost_at, at=moment(test.at), number=test.number)
    if (lost := stored.text_lost) and lost.is_recent(stored.at):
        yield holding(TroubleCode.TEXT_LOST, lost.at, at=moment(lost.at))
    if (silence := stored.silence) and silence.is_long:
        usual = lasting(silence.usual) if silence.usual else ""
        yield holding(TroubleCode.SILENCE, silence=lasting(silence.length), usual=usual)


def _hold(config: Config, stored: Stored, hold: Sending) -> Trouble:
    """Return something that holds all answers back."""
    by, since = hold.by or _("somebody"), moment(hold.since) if hold.since else _("some time ago")
    if hold.state is SendingState.PAUSED:
        variant = "" if hold.reason in (None, HoldReason.PERSON) else hold.reason
        return holding(
            SendingState.PAUSED, hold.since, variant=variant, since_limit=stored.paused_limit, by=by, since=since
        )
    assert hold.reason
    found = holding(hold.reason, hold.since)
    return _maybe_about_credit(config, found) if hold.reason is HoldReason.OUTAGE else found


def _maybe_about_credit(config: Config, trouble: Trouble) -> Trouble:
    """Put before the cure of answers that do not leave: perhaps the SIM has no credit."""
    credit = conditions.ASK_BALANCE if config.credit.ussd else conditions.NETWORK_OR_CREDIT
    return replace(trouble, cure=f"{_(credit)} {trouble.cure}")


def _window(stored: Stored, window: str, budget: Budget) -> Iterator[Trouble]:
    """Yield that a window is spent, or nearly; or that an answer waits for it, which alone is no alert."""
    if budget.limit and budget.is_spent:
        variants = [""]
    else:
        waits = budget.is_spent or window in stored.full_windows
        variants = ["waits"] * waits + [str(BUDGET_LEVEL)] * (budget.percent >= BUDGET_LEVEL)
    for variant in variants:
        name = BUDGET_NAMES[window]
        yield holding(BUDGETS[window], variant=variant, budget=name, used=budget.used, limit=budget.limit)


def _about_readers(config: Config, daemon: DaemonStatus) -> Iterator[Trouble]:
    if readers := holders.who_keeps_pages(config.database, daemon.pid):
        yield holding(TroubleCode.READER, programs=", ".join(readers), file=str(beside(config.database, WAL)))


def _about_disk(disk: Disk | None) -> Iterator[Trouble]:
    if disk and disk.is_low:
        yield holding(TroubleCode.DISK_LOW, free=disk.megabytes)
