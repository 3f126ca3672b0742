"""The state of the line: one row, which no other module of the store reads or writes; it is read whole (`row_of`).

The row holds the anchor of the limit clock; the SIM that the line is bound to, its number, its credit, its last top-up
and its texts to itself; when the modem became ready, and when another SIM came in; the pause, the reasons that answers
wait for, and the breaker; the beginning of a flood; whether the database was just restored from a backup; the last
sealed backup; the digests of the pseudonyms' keys; whether a rebuild is due; and the progress of alerts.
The table `events` records these changes for people; nothing in the row is read back from it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Self

from hotlined.forms import Time
from hotlined.machine.clock import Anchor, Now, boot_id, boottime, rfc3339
from hotlined.rules import breaker
from hotlined.rules.breaker import Breaker
from hotlined.rules.policy import Share, WaitingFor
from hotlined.states import KEPT_BACK, EventKind, HoldReason, SealFailure, SendingState
from hotlined.store.line import events
from hotlined.store.line.database import Database

EPOCH_SECONDS = 1.0  # the calendar may drift this far from the limit clock before the new epoch is written

LIMIT_TIME = "(SELECT limit_time FROM line_state)"
"""SQL for the last reading of the limit clock that was saved."""
KEY_DIGEST = "(SELECT key_digest FROM line_state)"
"""SQL for the digest of the key that pseudonyms are made with; NULL if there are none yet."""
FLEET_KEY_DIGEST = "(SELECT fleet_key_digest FROM line_state)"
"""SQL for the digest of the fleet's key; NULL if the line is in no fleet."""
IS_PAUSED = "(SELECT paused_at IS NOT NULL FROM line_state)"
"""SQL that is true if the line is paused."""
BREAKER_IS_OPEN = "(SELECT breaker_cause IS NOT NULL FROM line_state)"
"""SQL that is true if the line's breaker is open."""
WRONG_NUMBER_OF_ROWS = "SELECT count(*) FROM line_state HAVING count(*) <> 1"
"""A query that returns a row if the table has more or fewer than the one row that it must have."""


# ---- reading


@dataclass(frozen=True, slots=True)
class Credit:
    """The SIM's credit as far as it is known: the last balance from the network, its time, and the last top-up.

    The validity of the SIM after a top-up is in the configuration.
    """

    balance: float | None = None
    asked_at: Time | None = None
    topped_up_at: Time | None = None
    valid_until: Time | None = None


class TopUp(NamedTuple):
    """The last top-up of the SIM: a person reported it (`by`), or the daemon inferred it from a balance that rose."""

    at: str
    by: str | None = None
    rose_from: str | None = None
    rose_to: str | None = None


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The texts of the line to one number, its own: `at` is when it asked for the last one, `at_limit` the same moment.

    `left_limit` is when the last one left or may have left; None if it did not. `tries` counts those since the last
    text that came. `lost_at` is when it was found that the first of these had not come back; None if it is not lost.
    `back_at` is when one came back last; None if none ever did, on this SIM and this number.
    """

    number: str
    at: str | None = None
    at_limit: float = 0.0
    request_id: int | None = None
    left_limit: float | None = None
    tries: int = 0
    lost_at: str | None = None
    back_at: str | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """The state of sending: free, paused (by a person), held (`resume` does not end it), trial (the breaker is open).

    The reason of a pause is `person`, `restored` if the pause came back with a backup, or `made_anew`. `since` is null
    if the time is not known.
    """

    state: SendingState
    reason: HoldReason | None = None
    since: Time | None = None
    by: str | None = None

    @classmethod
    def kept_back(cls, reason: HoldReason, since: str | None, by: str | None = None) -> Self:
        """Return the state of sending that belongs to a reason."""
        return cls(KEPT_BACK[reason], reason, since, by)


FREE = Sending(SendingState.FREE)


class Sealed(NamedTuple):
    """The last sealed backup: its time, its age in seconds on the limit clock, its name; and why a later one failed.

    `at` is None if there is none yet; `failure` is None if the latest attempt succeeded.
    """

    at: str | None = None
    age_seconds: float | None = None
    name: str | None = None
    failure: SealFailure | None = None
    failed_at: str | None = None


class LineRow(NamedTuple):
    """The row, read whole at one moment; its fields are the table's columns, and the methods say what they mean.

    Without a row (a person deleted it: `db check` reports that) it is a new line's, so commands can read the rest.
    """

    limit_time: float = 0.0
    boot_id: str = ""
    boottime: float = 0.0
    known_time: float = 0.0
    limit_epoch: float = 0.0
    paused_at: str | None = None
    paused_by: str | None = None
    paused_limit: float | None = None
    pause_restored: int = 0
    flood_limit: float | None = None
    """When the present flood was noticed, on the limit clock; None without a flood."""
    imei: str | None = None
    imsi: str | None = None
    own_number: str | None = None
    """The number that the SIM last reported as its own, in E.164."""
    sim_changed_at: str | None = None
    selftest_number: str | None = None
    selftest_at: str | None = None
    selftest_at_limit: float = 0.0
    selftest_request_id: int | None = None
    selftest_left_limit: float | None = None
    selftest_tries: int = 0
    selftest_lost_at: str | None = None
    selftest_back_at: str | None = None
    ready_limit: float | None = None
    """When the modem became ready, on the limit clock; None if it is not known to be ready."""
    hold: str | None = None
    hold_new: str | None = None
    hold_known: str | None = None
    breaker_cause: str | None = None
    breaker_since: str | None = None
    breaker_failed_from: float = 0.0
    breaker_rounds: int = 0
    breaker_refused: int = 0
    breaker_due: float = 0.0
    breaker_last_trial: float | None = None
    breaker_trial_requested: int = 0
    breaker_closed_at_attempt: int = 0
    breaker_closed_limit: float = -1e9
    balance: str | None = None
    balance_low: int = 0
    balance_at: str | None = None
    balance_before: str | None = None
    topped_up_at: str | None = None
    topped_up_by: str | None = None
    topped_up_from: str | None = None
    topped_up_to: str | None = None
    topped_up_boot: str | None = None
    topped_up_limit: float | None = None
    key_digest: str | None = None
    fleet_key_digest: str | None = None
    key_lost_at: str | None = None
    key_denied: int = 0
    erasures: int = 0
    erasures_rebuilt: int = 0
    copied_at: str | None = None
    """When this database was copied from the one in use; None unless it is such a copy."""
    sealed_at: str | None = None
    sealed_limit: float | None = None
    sealed_as: str | None = None
    seal_failure: str | None = None
    seal_failed_at: str | None = None
    alerts_event: int | None = None
    """The last event that alerts have read."""
    alerts_since: str = "{}"
    """Since when each subject of alerts holds, on the limit clock, as JSON."""

    @property
    def sim(self) -> tuple[str, str] | None:
        """The stick's IMEI and the SIM's IMSI that the line is bound to; None before the first."""
        return None if self.imsi is None else (self.imei or "", self.imsi)

    @property
    def credit(self) -> Credit:
        """The recorded credit; a balance is recorded only when it changes."""
        with suppress(ValueError):  # a person edited the database and wrote something else
            if self.balance is not None:
                return Credit(float(self.balance), self.balance_at, self.topped_up_at)
        return Credit(topped_up_at=self.topped_up_at)

    @property
    def top_up(self) -> TopUp | None:
        """The last known top-up of the SIM; None if none is known."""
        if self.topped_up_at is None:
            return None
        return TopUp(self.topped_up_at, self.topped_up_by, self.topped_up_from, self.topped_up_to)

    def selftest(self, number: str) -> SelfTest:
        """Return the texts of the line to itself; what is recorded of another number does not count."""
        if self.selftest_number != number:
            return SelfTest(number)
        return SelfTest(**{name: getattr(self, column) for name, column in _SELFTEST.items()})

    @property
    def is_paused(self) -> bool:
        """Whether the line is paused."""
        return self.paused_at is not None

    def holds(self, *, sim_changed: bool | None = None) -> Iterator[Sending]:
        """Yield all that keeps answers back; first the holds that a resume or a trial does not end.

        `sim_changed` is the running daemon's report on whether another stick or SIM is in; None without a daemon: then
        its last record counts.
        """
        if self.key_lack:
            yield Sending.kept_back(self.key_lack, self.key_lost_at)
        if self.sim_changed_at is not None if sim_changed is None else sim_changed:
            yield Sending.kept_back(HoldReason.SIM_CHANGED, self.sim_changed_at)
        if self.paused_at:
            reason = HoldReason.RESTORED if self.pause_restored else HoldReason.PERSON
            reason = HoldReason.MADE_ANEW if self.paused_by is None else reason
            yield Sending.kept_back(reason, self.paused_at, self.paused_by)
        if self.breaker_cause:
            yield Sending.kept_back(HoldReason(self.breaker_cause), self.breaker_since)

    def sending(self, *, sim_changed: bool | None = None) -> Sending:
        """Return the state of sending: free, or the first of `holds`."""
        return next(self.holds(sim_changed=sim_changed), FREE)

    @property
    def share_waits(self) -> dict[Share, str | None]:
        """The waits of answers to new numbers, and to numbers that were answered before."""
        return {Share.NEW: self.hold_new, Share.KNOWN: self.hold_known}

    @property
    def breaker(self) -> Breaker:
        """The line's breaker."""
        values = {name: getattr(self, column) for name, column in _BREAKER.items()}
        cause = breaker.Cause(self.breaker_cause) if self.breaker_cause else None
        return Breaker(**values | {"cause": cause, "trial_requested": bool(self.breaker_trial_requested)})

    def sealed(self, now: Now) -> Sealed:
        """Return the record of the last sealed backup."""
        age = None if self.sealed_limit is None else max(0.0, now.limit - self.sealed_limit)
        failure = SealFailure(self.seal_failure) if self.seal_failure else None
        return Sealed(self.sealed_at, age, self.sealed_as, failure, self.seal_failed_at)

    @property
    def key_lack(self) -> HoldReason | None:
        """The reason why the key could not be used at the last look; None if it could."""
        if self.key_lost_at is None:
            return None
        return HoldReason.KEY_DENIED if self.key_denied else HoldReason.KEY_LOST

    @property
    def needs_rebuild(self) -> bool:
        """Whether there was an erasure since the file was last rewritten."""
        return self.erasures > self.erasures_rebuilt


def row_of(db: Database) -> LineRow:
    """Return the line's row as it is now."""
    return _read(db.connection)


def _read(connection: sqlite3.Connection) -> LineRow:
    row = connection.execute(_ROW).fetchone()
    return LineRow(*row) if row else LineRow()


_ROW = f"SELECT {', '.join(LineRow._fields)} FROM line_state"
_BREAKER = {field.name: f"breaker_{field.name}" for field in fields(Breaker)}
"""The column of `line_state` for each field of `Breaker`."""
_SELFTEST = {field.name: f"selftest_{field.name}" for field in fields(SelfTest)}
"""The column of `line_state` for each field of `SelfTest`."""


# ---- the limit clock


def clock_of(connection: sqlite3.Connection) -> tuple[Anchor | None, float]:
    """Return the last anchor of the limit clock, None without one, and the calendar's time when the clock was 0.

    A copy of another boot goes on from now: the machine may have been on for days before its line came.
    """
    state = _read(connection)
    boot, since = state.boot_id, state.boottime
    if state.copied_at and boot != boot_id():
        boot, since = boot_id(), boottime()
    return Anchor(state.limit_time, boot, since, state.known_time) if boot else None, state.limit_epoch


def save_limit_clock(db: Database, now: Now) -> None:
    """Write an anchor of the limit clock, inside the transaction whose rows limits will read.

    The calendar's time when the limit clock was 0 is kept unless it is a second off, so that due times do not jitter.
    """
    anchor = db.clock.anchor(now.limit)
    if calendar_moved(db, now):
        db.limit_epoch = now.utc.timestamp() - now.limit
    db.execute(
        "UPDATE line_state SET limit_time = ?, boot_id = ?, boottime = ?, known_time = ?, limit_epoch = ?",
        anchor.limit_time,
        anchor.boot_id,
        anchor.boottime,
        anchor.known_time,
        db.limit_epoch,
    )


def calendar_moved(db: Database, now: Now) -> bool:
    """Tell whether the calendar was set since the limit clock was saved: then due times are at other calendar times."""
    return abs(db.limit_epoch - (now.utc.timestamp() - now.limit)) >= EPOCH_SECONDS


def calendar_time(db: Database, limit: float) -> str:
    """Return the calendar's time at a reading of the limit clock, in RFC 3339."""
    return rfc3339(datetime.fromtimestamp(row_of(db).limit_epoch + limit, UTC))


# ---- the SIM


def commit_own_number(db: Database, number: str) -> None:
    """Commit the number that the SIM reports as its own, if it differs from the one before."""
    if row_of(db).own_number != number:
        with db.transaction():
            db.execute("UPDATE line_state SET own_number = ?", number)


def bind_sim(db: Database, imei: str, imsi: str) -> None:
    """Record the stick and the SIM that the line answers with from now on, inside the transaction that is open.

    Nothing is known yet of another SIM: its number, its balance, its top-ups, the countries that it cannot text, and
    whether a text to itself comes back.
    """
    if row_of(db).imsi not in (None, "", imsi):
        db.execute(
            "UPDATE line_state SET own_number = NULL, balance = NULL, balance_at = NULL, balance_before = NULL,"
            " topped_up_at = NULL, topped_up_by = NULL, topped_up_from = NULL, topped_up_to = NULL,"
            " topped_up_boot = NULL, topped_up_limit = NULL, selftest_number = NULL"
        )
        db.execute("DELETE FROM country_outages")
    db.execute("UPDATE line_state SET imei = ?, imsi = ?, sim_changed_at = NULL", imei, imsi)


def commit_sim_changed(db: Database, now: Now, *, changed: bool) -> None:
    """Commit that another stick or SIM than the line's is in, or no longer is, unless that is recorded already."""
    if (row_of(db).sim_changed_at is not None) != changed:
        with db.transaction():
            db.execute("UPDATE line_state SET sim_changed_at = ?", now.rfc3339 if changed else None)


def note_ready(db: Database, since: float | None) -> None:
    """Record when the modem became ready, or None if it is not ready, inside the transaction that is open."""
    db.execute("UPDATE line_state SET ready_limit = ?", since)


def commit_balance(db: Database, balance: str, now: Now, *, low: bool) -> None:
    """Commit the balance that the network reported, if its value is new, or if it begins or ceases to be low."""
    state = row_of(db)
    if (state.balance, bool(state.balance_low)) != (balance, low):
        with db.transaction():
            db.execute("UPDATE line_state SET balance = ?, balance_low = ?, balance_at = ?", balance, low, now.rfc3339)
            events.record(db, now, EventKind.BALANCE_LOW if low else EventKind.BALANCE, detail={"balance": balance})


def forget_balance(db: Database) -> None:
    """Record that the balance is not known any more, inside the transaction that is open."""
    db.execute("UPDATE line_state SET balance = NULL, balance_low = 0, balance_at = NULL")


# ---- the SIM's life


def commit_balance_before(db: Database, balance: str) -> None:
    """Commit the balance that the next one is compared with, if it is a new value."""
    if row_of(db).balance_before != balance:
        with db.transaction():
            db.execute("UPDATE line_state SET balance_before = ?", balance)


def note_top_up(db: Database, top_up: TopUp, now: Now, *, dated: bool) -> None:
    """Record the last top-up, inside the transaction that is open; `dated` says whether its date can be trusted.

    After a person's report the next balance starts a new comparison: its rise is this top-up, which is recorded
    already.
    """
    db.execute(
        "UPDATE line_state SET topped_up_at = ?, topped_up_by = ?, topped_up_from = ?, topped_up_to = ?,"
        " topped_up_boot = ?, topped_up_limit = ?, balance_before = ?",
        top_up.at,
        top_up.by,
        top_up.rose_from,
        top_up.rose_to,
        None if dated else boot_id(),
        now.limit,
        top_up.rose_to,
    )


def commit_top_up_date(db: Database, now: Now) -> None:
    """Commit the right date of a top-up that was recorded before the calendar could be trusted, now that it can.

    It is counted back on the limit clock, which only works within one boot: after a reboot nobody knows how long the
    machine was off, and the date stays as it is.
    """
    state = row_of(db)
    if state.topped_up_boot == boot_id() and state.topped_up_limit is not None:
        at = rfc3339(now.utc - timedelta(seconds=max(0.0, now.limit - state.topped_up_limit)))
        with db.transaction():
            db.execute("UPDATE line_state SET topped_up_at = ?, topped_up_boot = NULL", at)


# ---- its texts to itself


def commit_selftest(db: Database, test: SelfTest) -> None:
    """Commit what is known of the texts of the line to itself."""
    columns = ", ".join(f"{column} = :{name}" for name, column in _SELFTEST.items())
    with db.transaction():
        db.execute(f"UPDATE line_state SET {columns}", **asdict(test))


# ---- the pause


def note_pause(db: Database, who: str | None, now: Now) -> None:
    """Record a pause, inside the transaction that is open; the first pause keeps its time and its name.

    `who` is a person, or None for a database that was made anew.
    """
    db.execute(  # each right side sees the row as it was: paused_at is NULL unless the line was paused before
        "UPDATE line_state SET paused_at = coalesce(paused_at, ?), paused_limit = coalesce(paused_limit, ?),"
        " paused_by = iif(paused_at IS NULL, ?, paused_by), pause_restored = 0",
        now.rfc3339,
        now.limit,
        who,
    )


def end_pause(db: Database) -> None:
    """Record the end of a pause, inside the transaction that is open; the breaker may then try an answer."""
    db.execute(  # each right side sees the row as it was: paused_at is still that of the pause
        "UPDATE line_state SET breaker_trial_requested = iif(paused_at IS NULL, breaker_trial_requested, 1),"
        " paused_at = NULL, paused_limit = NULL, paused_by = NULL, pause_restored = 0"
    )


# ---- what answers wait for


def commit_wait(db: Database, waiting_for: WaitingFor | None) -> None:
    """Commit the reason that all answers wait for, or None."""
    _commit_wait(db, "hold", waiting_for)


def commit_share_wait(db: Database, share: Share, waiting_for: WaitingFor | None) -> None:
    """Commit the reason that the answers of a share wait for, or None."""
    if share is not Share.BY_HAND:
        _commit_wait(db, f"hold_{share}", waiting_for)


def _commit_wait(db: Database, column: str, waiting_for: WaitingFor | None) -> None:
    """Commit only a change: every pass finds the same reason again, and each write wears the card."""
    if getattr(row_of(db), column) != waiting_for:
        with db.transaction():
            db.execute(f"UPDATE line_state SET {column} = ?", waiting_for)


def forget_waits(db: Database) -> None:
    """Record that no reason for waiting is known, inside the transaction that is open."""
    db.execute("UPDATE line_state SET hold = NULL, hold_new = NULL, hold_known = NULL")


# ---- the breaker


def set_breaker(db: Database, state: Breaker) -> None:
    """Record the line's breaker, inside the transaction that is open."""
    columns = ", ".join(f"{column} = :{name}" for name, column in _BREAKER.items())
    db.execute(f"UPDATE line_state SET {columns}", **asdict(state))


def note_trial_request(db: Database) -> None:
    """Record that a person may have ended the outage, inside the open transaction: the daemon makes a trial due."""
    db.execute("UPDATE line_state SET breaker_trial_requested = 1 WHERE breaker_cause IS NOT NULL")


# ---- floods, a backup that was restored


def note_flood(db: Database, began: float | None) -> None:
    """Record that a flood began, or None if there is none, inside the transaction that is open."""
    db.execute("UPDATE line_state SET flood_limit = ?", began)


def mark_copied(connection: sqlite3.Connection, at: str) -> None:
    """Mark a copied database as a copy."""
    connection.execute("UPDATE line_state SET copied_at = ?", (at,))


def copied_at_of(connection: sqlite3.Connection) -> str | None:
    """Return when a database was copied, None unless it is a copy, on a connection that was not opened as a line's."""
    row = connection.execute("SELECT copied_at FROM line_state").fetchone()
    return row[0] if row else None


def note_restored(db: Database) -> None:
    """Record that a copy is the database in use from now on, inside the open transaction.

    The pause of the copy holds again, although no person decided that now: it is marked as restored. Alerts begin anew,
    because what they told when the copy was made says nothing about now.
    """
    db.execute(
        "UPDATE line_state SET copied_at = NULL, pause_restored = paused_at IS NOT NULL, alerts_event = NULL,"
        " alerts_since = '{}'"
    )


# ---- sealed backups


def commit_sealed(db: Database, name: str, began: Now) -> None:
    """Commit that a sealed backup is complete; its time is when it `began`."""
    with db.transaction():
        db.execute(
            "UPDATE line_state SET sealed_at = ?, sealed_limit = ?, sealed_as = ?,"
            " seal_failure = NULL, seal_failed_at = NULL",
            began.rfc3339,
            began.limit,
            name,
        )


def commit_seal_failure(db: Database, failure: SealFailure, now: Now) -> None:
    """Commit why a sealed backup failed, if the reason is new: it recurs every few hours, and writes wear the card."""
    if row_of(db).seal_failure != failure:
        with db.transaction():
            db.execute("UPDATE line_state SET seal_failure = ?, seal_failed_at = ?", failure, now.rfc3339)


# ---- the key of the pseudonyms


def key_digests_of(connection: sqlite3.Connection) -> tuple[str | None, str | None]:
    """Return the digests of the line's own key and the fleet's, in a database of any version; None for each missing."""
    with suppress(sqlite3.OperationalError):  # an older version had no pseudonyms, and no such column
        own, fleet = connection.execute(_DIGESTS).fetchone() or (None, None)
        return own, fleet
    return None, None


_DIGESTS = f"SELECT {KEY_DIGEST}, {FLEET_KEY_DIGEST} FROM line_state"


def bind_key(db: Database, digest: str) -> None:
    """Record the key that pseudonyms are made with from now on, inside the transaction that is open."""
    db.execute("UPDATE line_state SET key_digest = ?, key_lost_at = NULL, key_denied = 0", digest)


def bind_fleet_key(db: Database, digest: str | None) -> None:
    """Record the key of the line's fleet, inside the transaction that is open; None if the line is in no fleet."""
    db.execute("UPDATE line_state SET fleet_key_digest = ?", digest)


def note_key_lack(db: Database, lack: HoldReason | None, file: str, now: Now) -> None:
    """Record why a key cannot be used, or None if all can, inside the transaction that is open."""
    db.execute(
        "UPDATE line_state SET key_lost_at = iif(?, coalesce(key_lost_at, ?), NULL), key_denied = ?",
        bool(lack),
        now.rfc3339,
        lack is HoldReason.KEY_DENIED,
    )
    events.record(db, now, _KEY_EVENTS[lack] if lack else EventKind.KEY_BACK, detail={"key": file})


_KEY_EVENTS = {HoldReason.KEY_LOST: EventKind.KEY_LOST, HoldReason.KEY_DENIED: EventKind.KEY_DENIED}


# ---- erasure and alerts


def request_rebuild(db: Database) -> None:
    """Record an erasure whose data the file may still contain, inside the transaction that is open."""
    db.execute("UPDATE line_state SET erasures = erasures + 1")


def note_rebuilt(db: Database, erasures: int) -> None:
    """Record that the file was rewritten after this number of erasures; it may still contain data of later ones."""
    db.execute("UPDATE line_state SET erasures_rebuilt = max(erasures_rebuilt, ?)", erasures)


def note_alerts_reached(db: Database, event_id: int | None, since: str) -> None:
    """Record the last event that alerts have read and since when each subject holds, inside the open transaction."""
    db.execute("UPDATE line_state SET alerts_event = ?, alerts_since = ?", event_id, since)
