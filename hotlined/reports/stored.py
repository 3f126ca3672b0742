"""The part of a line's report that comes from its database, read at one moment."""

from dataclasses import dataclass, replace
from decimal import Decimal

from hotlined import status as daemon_status
from hotlined.config import Config
from hotlined.machine.clock import Now
from hotlined.reports import selftest, sim_country, sim_life
from hotlined.reports.ahead import look_ahead
from hotlined.reports.fleet import Fleet, maybe_fleet
from hotlined.reports.silence import Silence, maybe_silence
from hotlined.states import ModemState, SendingState
from hotlined.status import DaemonStatus
from hotlined.store.answers import windows
from hotlined.store.answers.breakers import (
    CountryOutage,
    Declined,
    country_outages,
    maybe_declined,
    maybe_failing_since,
)
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import FREE, Credit, LineRow, Sealed, SelfTest, Sending, TopUp, row_of
from hotlined.store.line.reception import LostText, maybe_lost_text
from hotlined.store.reading import forecast
from hotlined.words.amounts import in_money

_NO_DAEMON = Sending(SendingState.NO_DAEMON)


@dataclass(frozen=True, slots=True)
class Budget:
    """The segments spent in a window, and its limit."""

    limit: int
    used: int

    @property
    def is_spent(self) -> bool:
        """True if nothing is left."""
        return self.used >= self.limit

    @property
    def percent(self) -> int:
        """How much of it is spent; 0 for a limit of 0, which has nothing to spend."""
        return 100 * self.used // self.limit if self.limit else 0


@dataclass(frozen=True, slots=True)
class Stored:
    """The part of a report that comes from the database."""

    is_paused: bool
    paused_by: str | None
    """None if the line is not paused."""
    paused_limit: float | None
    """When the pause began, on the limit clock."""
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


def read_stored(config: Config, daemon: DaemonStatus, *, alive: bool) -> Stored:
    """Read the database's part of the report; raises StoreError or sqlite3.Error if it cannot be read."""
    limits = config.limits.segments
    with open_beside_daemon(config.database) as db:
        now = db.now()
        spent = windows.spent(db, now)
        row = row_of(db)
        credit, valid_for = row.credit, config.credit.valid_for
        holds = _holds(row, daemon, alive=alive)
        first = holds[0] if holds else FREE
        end = sim_life.valid_until(row.top_up, valid_for)
        return Stored(
            is_paused=row.is_paused,
            paused_by=row.paused_by,
            paused_limit=row.paused_limit,
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
        )


def is_low(config: Config, credit: Credit) -> bool:
    """Tell whether the last balance from the operator is below `credit.alert_below`."""
    return config.credit.ussd is not None and credit.balance is not None and credit.balance < config.credit.alert_below


def balance_in_words(config: Config, credit: Credit) -> str:
    """Return the last balance from the operator, in the line's currency."""
    return in_money(Decimal(str(credit.balance)), config.limits.currency)


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
