"""The report of a line: what its daemon, its database and the clocks say at one moment, and what is wrong.

Each of the three may be missing; whatever is not known is None.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal

from hotlined import conditions
from hotlined import status as daemon_status
from hotlined.clock import Now
from hotlined.conditions import BUDGETS as BUDGET_NAMES
from hotlined.conditions import NOT_RUNNING, WINDOW_FULL, Gravity, hold_in_words
from hotlined.config import Broken, Config, alerts_reach_somebody
from hotlined.database_files import WAL, beside
from hotlined.errors import DatabaseMissingError, DatabaseVersionError, RefusedError, StoreError
from hotlined.language import _, in_digits
from hotlined.policy import BUDGETS
from hotlined.reports import answer, sealed, selftest, sim_country, sim_life
from hotlined.reports.ahead import look_ahead
from hotlined.reports.disk import Disk, maybe_disk, maybe_trouble
from hotlined.reports.fleet import Fleet, maybe_fleet
from hotlined.reports.in_force import differing_keys
from hotlined.reports.silence import Silence, maybe_silence
from hotlined.reports.silence import in_words as silence_in_words
from hotlined.reports.trouble import Trouble, database_in_words, said
from hotlined.states import (
    DatabaseState,
    HoldReason,
    ModemState,
    SelftestObstacle,
    SendingState,
    TroubleCode,
    database_trouble,
    is_about_database,
)
from hotlined.status import DaemonStatus, FoundStatus
from hotlined.store.answers import windows
from hotlined.store.answers.breakers import (
    CountryOutage,
    Declined,
    country_outages,
    maybe_declined,
    maybe_failing_since,
)
from hotlined.store.file import holders
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.file.trouble import DatabaseTrouble
from hotlined.store.line.database import Database
from hotlined.store.line.line import FREE, Credit, LineRow, Sealed, SelfTest, Sending, TopUp, row_of
from hotlined.store.line.reception import LostText, maybe_lost_text, selftest_obstacles
from hotlined.store.reading import forecast, review
from hotlined.store.reading.review import Waiting
from hotlined.words.amounts import in_money, sentence
from hotlined.words.countries import country_outage_in_words, sim_country_in_words
from hotlined.words.sealing import service_of
from hotlined.words.times import moment

_UNUSABLE = (DatabaseState.FULL, DatabaseState.LOCKED, DatabaseState.DAMAGED)
_REFUSED = (TroubleCode.CONFIG_REFUSED, TroubleCode.ANSWER_REFUSED)
"""The troubles of a reload that changed nothing; they say that the file is not in force."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The segments spent in a window, and its limit."""

    limit: int
    used: int

    @property
    def is_spent(self) -> bool:
        """True if nothing is left."""
        return self.used >= self.limit


@dataclass(frozen=True, slots=True)
class Stored:
    """The part of a report that comes from the database."""

    is_paused: bool
    paused_by: str | None
    """None if the line is not paused."""
    sending: Sending
    holds: tuple[Sending, ...]
    queue: dict[str, int]
    next_due_at: str | None
    budgets: dict[str, Budget]
    full_windows: frozenset[str]
    countries: tuple[CountryOutage, ...]
    """Countries to which no answer leaves, while answers to others do."""
    declined: Declined | None
    """The refusals in a row by the network, and since when, although answers left not long ago."""
    failing_since: str | None
    """The failure of the first of the last ten answers; None if one of them was taken."""
    credit: Credit
    top_up: TopUp | None
    life: int | None
    """The level of the SIM's end, as in `sim_life.level`; None if the clock is not synchronised."""
    sealed: Sealed
    """The last sealed backup."""
    sim_country: str | None
    """The country of the SIM; None if it is not known."""
    selftest: SelfTest | None
    """The texts of the line to itself; None if it makes none, or does not know its number."""
    selftest_is_due: bool
    silence: Silence | None
    """The time without a contact; None if the modem is not ready, and before the first contact."""
    text_lost: LostText | None
    """The last text that the modem announced and did not store."""
    fleet: Fleet | None
    """The fleet of the line; None if it is not in a fleet."""
    at: Now


_NO_DAEMON = Sending(SendingState.NO_DAEMON)


@dataclass(frozen=True, slots=True)
class LineReport:
    """Everything that is known of a line at one moment."""

    config: Config
    daemon: DaemonStatus
    """The daemon's last status, even if the daemon is dead."""
    alive: bool
    stored: Stored | None
    """None if the database cannot be read."""
    database_state: str | None
    trouble: tuple[Trouble, ...]
    disk: Disk | None
    """The disk of the database; None if it cannot be seen."""

    @property
    def grave(self) -> tuple[Trouble, ...]:
        """The troubles that a person has to deal with: not a full window."""
        return tuple(trouble for trouble in self.trouble if conditions.row(trouble.code).gravity > Gravity.NOTE)

    @property
    def ready(self) -> bool:
        """True if the daemon is alive, its modem ready, and there is no grave trouble."""
        return self.alive and self.daemon.modem.state == ModemState.READY and not self.grave

    @property
    def stopping(self) -> tuple[Trouble, ...]:
        """The grave troubles that stop a running daemon from sending answers."""
        return tuple(trouble for trouble in self.trouble if conditions.row(trouble.code).gravity is Gravity.STOPS)

    @property
    def answers(self) -> bool:
        """True if answers go out: the daemon is alive, its modem is ready, and no grave trouble stops them."""
        return self.alive and self.daemon.modem.state == ModemState.READY and not self.stopping

    @property
    def sending(self) -> Sending | None:
        """The state of sending: free, or kept back and by what; None if the database cannot be read."""
        return self.stored.sending if self.stored else None

    @property
    def selftest_obstacle(self) -> SelftestObstacle | None:
        """The obstacle to a self-test now; None if there is none."""
        stored = self.stored
        if stored is None:
            return SelftestObstacle.NOT_RUNNING
        return next(
            selftest_obstacles(
                stored.selftest,
                is_number_set=self.config.line_number is not None,
                has_text=bool(self.config.answer.steps),
                alive=self.alive,
                modem_is_ready=self.daemon.modem.state == ModemState.READY,
                holds=stored.holds,
                full=any(budget.is_spent for budget in stored.budgets.values()),
            ),
            None,
        )

    def maybe(self, code: str) -> Trouble | None:
        """Return the trouble with this code, or None."""
        return next((trouble for trouble in self.trouble if trouble.code == code), None)


def report_line(config: Config) -> LineReport:
    """Return the report of a line that has this configuration in force."""
    statuses = daemon_status.find(config.runtime_dir, config.name, config.database)
    daemon, alive = statuses.ours, statuses.ours.is_alive()
    differing = differing_keys(config)
    stored, state, failure = _stored(config, daemon, alive=alive)
    if alive and state not in _UNUSABLE:
        state = daemon.database_state
    by_daemon = [said(each, config) for each in daemon.trouble if each.code != TroubleCode.ANSWER_REFUSED and alive]
    about_database = [trouble for trouble in by_daemon if is_about_database(trouble.code)]
    others = [trouble for trouble in by_daemon if not is_about_database(trouble.code)]
    # the daemon uses the database and knows its trouble best; a failure here counts if the daemon reports none
    if not about_database and failure:
        about_database = [failure]
    elif not about_database and state in _UNUSABLE:
        about_database = [Trouble(database_trouble(state), *database_in_words(state, config.database))]
    about_database = [_with_holders(trouble, config) for trouble in about_database]
    if config.broken:  # newer than the daemon's report of a refused reload, and replaces it
        others = [trouble for trouble in others if trouble.code != TroubleCode.CONFIG_REFUSED]
        others.insert(0, _configuration_trouble(config.name, config.broken))
    elif differing and not any(each.code in _REFUSED for each in daemon.trouble):
        known, unit = conditions.CONFIG_DIFFERS, service_of(config.name)
        words = known.words.format(keys=", ".join(differing))
        others.append(Trouble(TroubleCode.CONFIG_DIFFERS, words, known.cure.format(unit=unit)))
    about_answer = tuple(answer.troubles(config, daemon, alive=alive))
    about_daemon = tuple(_daemon_trouble(config.name, statuses, alive=alive))
    if failure and failure.code == TroubleCode.DATABASE_VERSION:
        about_daemon = ()  # to start it would not help
    trouble = (*about_daemon, *others, *about_database, *about_answer)
    codes = {one.code for one in trouble}
    trouble += tuple(one for one in _line_trouble(config, stored) if one.code not in codes)
    if readers := holders.who_keeps_pages(config.database, daemon.pid):
        words = _(
            "The database is read by {programs}, who does not let go: {file} cannot shrink, and grows with each text.",
            programs=", ".join(readers),
            file=beside(config.database, WAL),
        )
        trouble += (Trouble(TroubleCode.READER, words, _("End that program, or what it does in the database.")),)
    disk = maybe_disk(config)
    if low := maybe_trouble(disk):
        trouble += (low,)
    return LineReport(config, daemon, alive, stored, state, trouble, disk)


def maybe_waiting(config: Config) -> Waiting | None:
    """Return what waits for a person; None if the database cannot be read."""
    with suppress(StoreError, sqlite3.Error), open_beside_daemon(config.database) as db:
        return review.waiting(db, config.web.others)
    return None


def is_low(config: Config, credit: Credit) -> bool:
    """Tell whether the last balance from the operator is below `credit.alert_below`."""
    return config.credit.ussd is not None and credit.balance is not None and credit.balance < config.credit.alert_below


def balance_in_words(config: Config, credit: Credit) -> str:
    """Return the last balance from the operator, in the line's currency."""
    return in_money(Decimal(str(credit.balance)), config.limits.currency)


def words_go_nowhere(config: Config) -> bool:
    """Tell whether an alert about a text with a word of alerts.words would certainly reach nobody."""
    return bool(config.alerts.words) and not alerts_reach_somebody(config)


def _with_holders(trouble: Trouble, config: Config) -> Trouble:
    """Add the programs that keep the database locked; a person may see other users' processes, the daemon may not."""
    if trouble.code != database_trouble(DatabaseState.LOCKED) or not (held := holders.who_blocks(config.database)):
        return trouble
    by = _("It is held by {programs}.", programs=", ".join(held))
    return replace(trouble, words=f"{trouble.words} {by}")


def require_daemons_database(config: Config) -> None:
    """Raise RefusedError if the running daemon has another file open than the one that is now at the database's path.

    A command that wrote into the new file would seem to succeed, and the daemon would never see the change.
    """
    daemon = daemon_status.find(config.runtime_dir, config.name, config.database).ours
    if not daemon.is_alive() or daemon.database_file is None:
        return
    try:
        file = config.database.stat()
    except PermissionError:
        return
    except OSError:
        file = None
    if file is None or (file.st_dev, file.st_ino) != daemon.database_file:
        raise RefusedError(
            _(
                "The daemon would not see this: {database} was moved, removed or replaced while it ran.",
                database=config.database,
            ),
            conditions.REPLACED.cure,
        )


def sending_now(config: Config, sending: Sending) -> Sending:
    """Return what keeps answers back by the database; if that is nothing and no daemon runs, the state says so."""
    if sending.state is not SendingState.FREE:
        return sending
    daemon = daemon_status.find(config.runtime_dir, config.name, config.database).ours
    return sending if daemon.is_alive() else _NO_DAEMON


def holds_of(db: Database, config: Config) -> tuple[Sending, ...]:
    """Return everything that keeps answers back, by the database and, if a daemon lives, by what it says."""
    daemon = daemon_status.find(config.runtime_dir, config.name, config.database).ours
    return _holds(row_of(db), daemon, alive=daemon.is_alive())


def _holds(row: LineRow, daemon: DaemonStatus, *, alive: bool) -> tuple[Sending, ...]:
    return tuple(row.holds(sim_changed=daemon.sim_changed if alive else None))


def _stored(config: Config, daemon: DaemonStatus, *, alive: bool) -> tuple[Stored | None, str | None, Trouble | None]:
    """Return the database's part of the report, the database's state (None if unknown), and its trouble."""
    limits = config.limits.segments
    try:
        with open_beside_daemon(config.database) as db:
            now = db.now()
            spent = windows.spent(db, now)
            row = row_of(db)
            credit, valid_for = row.credit, config.credit.valid_for
            holds = _holds(row, daemon, alive=alive)
            first = holds[0] if holds else FREE
            end = sim_life.valid_until(row.top_up, valid_for)
            return (
                Stored(
                    is_paused=row.is_paused,
                    paused_by=row.paused_by,
                    sending=first,
                    holds=holds,
                    queue=forecast.counted(db, now.limit),
                    next_due_at=forecast.maybe_next_at(db, look_ahead(db, config, now), first),
                    budgets={name: Budget(getattr(limits, name), spent[name].total) for name in spent},
                    full_windows=frozenset(forecast.full_windows(db, now.limit)),
                    countries=tuple(country_outages(db)),
                    declined=maybe_declined(db, now),
                    failing_since=maybe_failing_since(db),
                    credit=replace(
                        credit,
                        asked_at=credit.asked_at and (daemon.balance_asked_at or credit.asked_at),
                        valid_until=end,
                    ),
                    top_up=row.top_up,
                    life=sim_life.level(end, valid_for, now),
                    sealed=row.sealed(now),
                    sim_country=sim_country.of_sim(config, db),
                    selftest=selftest.last(config, db),
                    selftest_is_due=selftest.is_due(config, db, now),
                    silence=maybe_silence(db, now) if alive and daemon.modem.state == ModemState.READY else None,
                    text_lost=maybe_lost_text(db),
                    fleet=maybe_fleet(db, config),
                    at=now,
                ),
                DatabaseState.OK,
                None,
            )
    except (StoreError, sqlite3.Error) as error:
        name = DatabaseTrouble.of(error).name or DatabaseTrouble.of(error.__cause__).name
        ours = DatabaseTrouble.of(error).as_error(config.database) if isinstance(error, sqlite3.Error) else error
        code = _database_code(error, name)
        return None, name if name in _UNUSABLE else None, Trouble(code, sentence(ours.message), ours.hint)


def _database_code(error: Exception, name: str | None) -> str:
    if isinstance(error, DatabaseMissingError):
        return TroubleCode.DATABASE_MISSING
    if isinstance(error, DatabaseVersionError):
        return TroubleCode.DATABASE_VERSION
    return database_trouble(name) if name else TroubleCode.DATABASE_UNKNOWN


def _daemon_trouble(name: str, statuses: FoundStatus, *, alive: bool) -> Iterator[Trouble]:
    """Yield why no daemon of this database writes a status; nothing if a daemon does."""
    if alive:
        return
    others, pid = statuses.others, statuses.ours.pid
    if others.is_alive():
        yield Trouble(
            TroubleCode.OTHER_DAEMON,
            _(
                "The status of this line is that of another daemon (process {pid}), which has the database {database}.",
                pid=others.pid,
                database=others.database,
            ),
            _("Give the file of one of the two another name, or another runtime_dir, and start it again."),
        )
    elif pid is None and statuses.ours == DaemonStatus():
        yield Trouble(TroubleCode.NOT_RUNNING, NOT_RUNNING.words, NOT_RUNNING.cure.format(name=name))
    else:
        yield Trouble(
            TroubleCode.NOT_ALIVE,
            _(
                "The daemon (process {pid}) ended unexpectedly, or hangs; below is what was last known.",
                pid=pid or _("unknown"),
            ),
            _(
                "Start it again: `sudo systemctl restart hotlined@{name}`; `journalctl -u"
                " hotlined@{name}` says why. Or `hotlined run`, where it is not a service.",
                name=name,
            ),
        )


def _configuration_trouble(name: str, broken: Broken) -> Trouble:
    known, then = conditions.CONFIG_BROKEN, f"`sudo systemctl reload hotlined@{name}`"
    words = known.words.format(problem=broken.message)
    return Trouble(TroubleCode.CONFIG_BROKEN, words, known.cure.format(then=then), broken.since)


def _line_trouble(config: Config, stored: Stored | None) -> Iterator[Trouble]:
    """Yield what keeps answers back according to the database."""
    if stored:
        yield from _hold_trouble(config, stored)
        yield from _country_trouble(config, stored)
    for window, budget in stored.budgets.items() if stored else ():
        if budget.is_spent or (stored and window in stored.full_windows):
            used, limit = in_digits(budget.used), in_digits(budget.limit)
            words = WINDOW_FULL.words.format(budget=BUDGET_NAMES[window], used=used, limit=limit)
            yield Trouble(BUDGETS[window], words, WINDOW_FULL.cure)
    if stored and stored.life and stored.top_up and stored.credit.valid_until:
        known = sim_life.in_words(stored.life, stored.top_up, stored.credit.valid_until, stored.at)
        ended = stored.life == sim_life.OVER
        since = stored.credit.valid_until if ended else None
        code = TroubleCode.SIM_ENDED if ended else TroubleCode.SIM_ENDS
        yield Trouble(code, known.words, known.cure, since)
    if stored and stored.selftest:
        yield from _selftest_trouble(stored.selftest)
    if stored and stored.text_lost and stored.text_lost.is_recent(stored.at):
        lost, known = stored.text_lost, conditions.TEXT_LOST
        yield Trouble(TroubleCode.TEXT_LOST, known.words.format(at=moment(lost.at)), known.cure, lost.at)
    if stored and stored.silence and stored.silence.is_long:
        yield Trouble(TroubleCode.SILENCE, silence_in_words(stored.silence), conditions.SILENCE.cure)
    if stored and (known_backup := sealed.maybe_trouble(config, stored.sealed)):
        yield Trouble(TroubleCode.BACKUP_OLD, *known_backup, stored.sealed.at)
    yield from stored.fleet.trouble if stored and stored.fleet else ()
    yield from _overlooked(config, stored)


def _selftest_trouble(test: SelfTest) -> Iterator[Trouble]:
    """Yield that a text of the line to itself did not come back; a note if none ever did."""
    if test.lost_at and test.at:
        code = TroubleCode.SELFTEST_LOST if test.back_at else TroubleCode.NUMBER_UNSURE
        known = conditions.SELFTEST_LOST if test.back_at else conditions.NUMBER_UNSURE
        words = known.words.format(at=moment(test.at), number=test.number)
        yield Trouble(code, words, known.cure, test.lost_at)


def _hold_trouble(config: Config, stored: Stored) -> Iterator[Trouble]:
    """Yield everything that holds all answers back."""
    for hold in stored.holds:
        kept_back = hold.reason if hold.reason and hold.state is not SendingState.PAUSED else hold.state
        words, cure = hold_in_words(hold.reason, hold.by)
        if hold.reason is HoldReason.OUTAGE:
            cure = _credit_cure(config, cure)
        yield Trouble(kept_back.value, words, cure, hold.since)


def _overlooked(config: Config, stored: Stored | None) -> Iterator[Trouble]:
    """Yield troubles that stop nothing and are easily overlooked: credit, the SIM's country, alerts that go nowhere."""
    if stored and is_low(config, stored.credit) and all(hold.reason is not HoldReason.CREDIT for hold in stored.holds):
        known = conditions.CREDIT_LOW
        words = known.words.format(balance=balance_in_words(config, stored.credit))
        yield Trouble(TroubleCode.CREDIT_LOW, words, known.cure, stored.credit.asked_at)
    if stored and stored.sim_country and sim_country.is_unanswered(config, stored.sim_country):
        yield Trouble(TroubleCode.SIM_COUNTRY, *sim_country_in_words(stored.sim_country))
    if words_go_nowhere(config):
        known = conditions.ALERTS_NOWHERE
        yield Trouble(TroubleCode.ALERTS_NOWHERE, known.words, known.cure.format(name=config.name))


def _credit_cure(config: Config, cure: str) -> str:
    """Return the cure for answers that do not leave, with a sentence before it: perhaps the SIM has no credit."""
    credit = conditions.ASK_BALANCE if config.credit.ussd else conditions.NETWORK_OR_CREDIT
    return f"{_(credit)} {cure}"


def _country_trouble(config: Config, stored: Stored) -> Iterator[Trouble]:
    """Yield the countries to which no answer leaves while others do, refusals in a row, and ten answers in vain."""
    for outage in stored.countries:
        _title, words, cure = country_outage_in_words(outage.country, is_barred=outage.is_barred(stored.at))
        yield Trouble(TroubleCode.COUNTRY_OUTAGE, words, cure, outage.since)
    if stored.declined:
        since, left = moment(stored.declined.since), moment(stored.declined.left_at)
        words = conditions.REFUSALS.words.format(since=since, left=left)
        cure = _credit_cure(config, conditions.REFUSALS.cure)
        yield Trouble(TroubleCode.REFUSALS, words, cure, stored.declined.since)
    if stored.failing_since:
        known = conditions.ANSWERS_FAIL
        words = known.words.format(since=moment(stored.failing_since))
        yield Trouble(TroubleCode.ANSWERS_FAIL, words, known.cure, stored.failing_since)
