"""The state of the line: one row, which no other module of the store reads or writes.

The row holds the anchor of the limit clock; the SIM that the line is bound to, its number, its credit, its last top-up
and its texts to itself; when the modem became ready, and when another SIM came in; the pause, the reasons that answers
wait for, and the breaker; the beginning of a flood and of shadow mode; whether the database was just restored from a
backup; the last sealed backup; the digest of the pseudonyms' key; whether a rebuild is due; and the progress of alerts.
The table
`events` records these changes for people; nothing in the row is read back from it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Self

from hotlined import breaker
from hotlined.breaker import Breaker
from hotlined.clock import Anchor, Now, boot_id, rfc3339
from hotlined.forms import Time
from hotlined.policy import Share, WaitingFor
from hotlined.states import KEPT_BACK, EventKind, HoldReason, SealFailure, SendingState
from hotlined.store.line import events
from hotlined.store.line.database import Database

EPOCH_SECONDS = 1.0  # the calendar may drift this far from the limit clock before the new epoch is written

LIMIT_TIME = "(SELECT limit_time FROM line_state)"
"""SQL for the last reading of the limit clock that was saved."""
IN_SHADOW_MODE = "(SELECT shadow_at IS NOT NULL FROM line_state)"
"""SQL that is true if the line is in shadow mode."""
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


# ---- the limit clock


def clock_of(connection: sqlite3.Connection) -> tuple[Anchor | None, float]:
    """Return the last anchor of the limit clock, None without one, and the calendar's time when the clock was 0."""
    row = connection.execute("SELECT limit_time, boot_id, boottime, known_time, limit_epoch FROM line_state").fetchone()
    if row is None:  # a person deleted the row: `db check` reports it, and commands can still read the rest
        return None, 0.0
    *anchor, epoch = row
    return Anchor(*anchor) if row["boot_id"] else None, float(epoch)


def save_limit_clock(db: Database, now: Now) -> None:
    """Write an anchor of the limit clock, inside the transaction whose rows limits will read.

    The calendar's time when the limit clock was 0 is kept unless it is a second off, so that due times do not jitter.
    The totals of answers need to know whether the calendar was synchronised at this moment.
    """
    anchor = db.clock.anchor(now.limit)
    if calendar_moved(db, now):
        db.limit_epoch = now.utc.timestamp() - now.limit
    db.execute(
        "UPDATE line_state SET limit_time = ?, boot_id = ?, boottime = ?, known_time = ?, limit_epoch = ?,"
        " synchronised = ?",
        anchor.limit_time,
        anchor.boot_id,
        anchor.boottime,
        anchor.known_time,
        db.limit_epoch,
        now.synchronised,
    )


def calendar_moved(db: Database, now: Now) -> bool:
    """Tell whether the calendar was set since the limit clock was saved: then due times are at other calendar times."""
    return abs(db.limit_epoch - (now.utc.timestamp() - now.limit)) >= EPOCH_SECONDS


def calendar_time(db: Database, limit: float) -> str:
    """Return the calendar's time at a reading of the limit clock, in RFC 3339."""
    epoch: float = db.value("SELECT limit_epoch FROM line_state")
    return rfc3339(datetime.fromtimestamp(epoch + limit, UTC))


# ---- the SIM


def commit_own_number(db: Database, number: str) -> None:
    """Commit the number that the SIM reports as its own, if it differs from the one before."""
    if own_number(db) != number:
        with db.transaction():
            db.execute("UPDATE line_state SET own_number = ?", number)


def own_number(db: Database) -> str | None:
    """Return the number that the SIM last reported as its own, in E.164."""
    row = db.one("SELECT own_number FROM line_state")
    return row["own_number"] if row else None


def bound_sim(db: Database) -> tuple[str, str] | None:
    """Return the stick's IMEI and the SIM's IMSI that the line is bound to; None before the first."""
    row = db.one("SELECT imei, imsi FROM line_state WHERE imsi IS NOT NULL")
    return (row["imei"], row["imsi"]) if row else None


def bind_sim(db: Database, imei: str, imsi: str) -> None:
    """Record the stick and the SIM that the line answers with from now on, inside the transaction that is open.

    Nothing is known yet of another SIM: its number, its balance, its top-ups, the countries that it cannot text, and
    whether a text to itself comes back.
    """
    before = bound_sim(db)
    if before and before[1] not in ("", imsi):
        db.execute(
            "UPDATE line_state SET own_number = NULL, balance = NULL, balance_at = NULL, balance_before = NULL,"
            " topped_up_at = NULL, topped_up_by = NULL, topped_up_from = NULL, topped_up_to = NULL,"
            " topped_up_boot = NULL, topped_up_limit = NULL, selftest_number = NULL"
        )
        db.execute("DELETE FROM country_outages")
    db.execute("UPDATE line_state SET imei = ?, imsi = ?, sim_changed_at = NULL", imei, imsi)


def commit_sim_changed(db: Database, now: Now, *, changed: bool) -> None:
    """Commit that another stick or SIM than the line's is in, or no longer is, unless that is recorded already."""
    if (_sim_changed_at(db) is not None) != changed:
        with db.transaction():
            db.execute("UPDATE line_state SET sim_changed_at = ?", now.rfc3339 if changed else None)


def _sim_changed_at(db: Database) -> str | None:
    at: str | None = db.value("SELECT sim_changed_at FROM line_state")
    return at


def note_ready(db: Database, since: float | None) -> None:
    """Record when the modem became ready, or None if it is not ready, inside the transaction that is open."""
    db.execute("UPDATE line_state SET ready_limit = ?", since)


def maybe_ready_since(db: Database) -> float | None:
    """Return when the modem became ready, on the limit clock; None if it is not known to be ready."""
    since: float | None = db.value("SELECT ready_limit FROM line_state")
    return since


@dataclass(frozen=True, slots=True)
class Credit:
    """The SIM's credit as far as it is known: the last balance from the network, its time, and the last top-up.

    The validity of the SIM after a top-up is in the configuration.
    """

    balance: float | None = None
    asked_at: Time | None = None
    topped_up_at: Time | None = None
    valid_until: Time | None = None


def commit_balance(db: Database, balance: str, now: Now, *, low: bool) -> None:
    """Commit the balance that the network reported, if its value is new, or if it begins or ceases to be low."""
    row = db.the("SELECT balance, balance_low FROM line_state")
    if tuple(row) != (balance, int(low)):
        with db.transaction():
            db.execute("UPDATE line_state SET balance = ?, balance_low = ?, balance_at = ?", balance, low, now.rfc3339)
            events.record(db, now, EventKind.BALANCE_LOW if low else EventKind.BALANCE, detail={"balance": balance})


def forget_balance(db: Database) -> None:
    """Record that the balance is not known any more, inside the transaction that is open."""
    db.execute("UPDATE line_state SET balance = NULL, balance_low = 0, balance_at = NULL")


def credit_of(db: Database) -> Credit:
    """Return the recorded credit; a balance is recorded only when it changes."""
    row = db.one("SELECT balance, balance_at, topped_up_at FROM line_state")
    if row is None:
        return Credit()
    if row["balance"] is not None:
        with suppress(ValueError):  # a person edited the database and wrote something else
            return Credit(float(row["balance"]), row["balance_at"], row["topped_up_at"])
    return Credit(topped_up_at=row["topped_up_at"])


# ---- the SIM's life


class TopUp(NamedTuple):
    """The last top-up of the SIM: a person reported it (`by`), or the daemon inferred it from a balance that rose."""

    at: str
    by: str | None = None
    rose_from: str | None = None
    rose_to: str | None = None


def maybe_top_up(db: Database) -> TopUp | None:
    """Return the last known top-up of the SIM; None if none is known."""
    row = db.one(
        "SELECT topped_up_at, topped_up_by, topped_up_from, topped_up_to FROM line_state WHERE topped_up_at IS NOT NULL"
    )
    return TopUp(*row) if row else None


def balance_before(db: Database) -> str | None:
    """Return the balance that the next one is compared with; None if there is none to compare with."""
    before: str | None = db.value("SELECT balance_before FROM line_state")
    return before


def commit_balance_before(db: Database, balance: str) -> None:
    """Commit the balance that the next one is compared with, if it is a new value."""
    if balance_before(db) != balance:
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
    row = db.the("SELECT topped_up_boot, topped_up_limit FROM line_state")
    if row["topped_up_boot"] == boot_id():
        at = rfc3339(now.utc - timedelta(seconds=max(0.0, now.limit - row["topped_up_limit"])))
        with db.transaction():
            db.execute("UPDATE line_state SET topped_up_at = ?, topped_up_boot = NULL", at)


# ---- its texts to itself


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


_SELFTEST = {field.name: f"selftest_{field.name}" for field in fields(SelfTest)}
"""The column of `line_state` for each field of `SelfTest`."""


def selftest_of(db: Database, number: str) -> SelfTest:
    """Return the texts of the line to itself; what is recorded of another number does not count."""
    row = db.the(f"SELECT {', '.join(_SELFTEST.values())} FROM line_state")
    if row["selftest_number"] != number:
        return SelfTest(number)
    return SelfTest(**{name: row[column] for name, column in _SELFTEST.items()})


def commit_selftest(db: Database, test: SelfTest) -> None:
    """Commit what is known of the texts of the line to itself."""
    columns = ", ".join(f"{column} = :{name}" for name, column in _SELFTEST.items())
    with db.transaction():
        db.execute(f"UPDATE line_state SET {columns}", **asdict(test))


# ---- the pause


class Pause(NamedTuple):
    """A pause: nothing is sent since `at`. `by` is None for that of a database that was made anew."""

    at: str
    by: str | None


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


def is_paused(db: Database) -> bool:
    """Tell whether the line is paused."""
    return maybe_paused_by(db) is not None


def maybe_paused_by(db: Database) -> str | None:
    """Return the name of the person who paused the line; None while it is not paused."""
    # a pause without a name is a pause, too: NULL would read as no pause
    row = db.one("SELECT coalesce(paused_by, '') AS paused_by FROM line_state WHERE paused_at IS NOT NULL")
    return row["paused_by"] if row else None


def pause_began(db: Database) -> float:
    """Return when the pause began, on the limit clock; 0 if that is not known."""
    return float(db.value("SELECT coalesce(paused_limit, 0.0) FROM line_state"))


# ---- what holds answers back


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


def sending_of(db: Database, *, sim_changed: bool | None = None) -> Sending:
    """Return the state of sending: free, or the first of `recorded_holds`."""
    return next(recorded_holds(db, sim_changed=sim_changed), FREE)


def recorded_holds(db: Database, *, sim_changed: bool | None = None) -> Iterator[Sending]:
    """Yield all that keeps answers back; first the holds that a resume or a trial does not end.

    `sim_changed` is the running daemon's report on whether another stick or SIM is in; None without a daemon: then its
    last record counts.
    """
    row = db.the(
        "SELECT sim_changed_at, key_lost_at, paused_at, paused_by, pause_restored, breaker_cause, breaker_since"
        " FROM line_state"
    )
    if reason := key_lack(db):
        yield Sending.kept_back(reason, row["key_lost_at"])
    if sim_changed is None:
        sim_changed = row["sim_changed_at"] is not None
    if sim_changed:
        yield Sending.kept_back(HoldReason.SIM_CHANGED, row["sim_changed_at"])
    if row["paused_at"]:
        reason = HoldReason.RESTORED if row["pause_restored"] else HoldReason.PERSON
        reason = HoldReason.MADE_ANEW if row["paused_by"] is None else reason
        yield Sending.kept_back(reason, row["paused_at"], row["paused_by"])
    if row["breaker_cause"]:
        yield Sending.kept_back(HoldReason(row["breaker_cause"]), row["breaker_since"])


def commit_wait(db: Database, waiting_for: WaitingFor | None) -> None:
    """Commit the reason that all answers wait for, or None."""
    _commit_wait(db, "hold", waiting_for)


def commit_half_sent_wait(db: Database, waiting_for: WaitingFor | None) -> None:
    """Commit the reason that only half-sent answers wait for, or None."""
    _commit_wait(db, "hold_half", waiting_for)


def commit_share_wait(db: Database, share: Share, waiting_for: WaitingFor | None) -> None:
    """Commit the reason that the answers of a share wait for, or None."""
    if share is not Share.BY_HAND:
        _commit_wait(db, f"hold_{share}", waiting_for)


def _commit_wait(db: Database, column: str, waiting_for: WaitingFor | None) -> None:
    """Commit only a change: every pass finds the same reason again, and each write wears the card."""
    row = db.one(f"SELECT {column} FROM line_state")
    if row is not None and row[column] != waiting_for:
        with db.transaction():
            db.execute(f"UPDATE line_state SET {column} = ?", waiting_for)


def forget_waits(db: Database) -> None:
    """Record that no reason for waiting is known, inside the transaction that is open."""
    db.execute("UPDATE line_state SET hold = NULL, hold_half = NULL, hold_new = NULL, hold_known = NULL")


def share_waits(db: Database) -> dict[Share, str | None]:
    """Return what answers to new numbers wait for, and answers to numbers that were answered before."""
    row = db.the("SELECT hold_new, hold_known FROM line_state")
    return {Share.NEW: row["hold_new"], Share.KNOWN: row["hold_known"]}


# ---- the breaker

_BREAKER = {field.name: f"breaker_{field.name}" for field in fields(Breaker)}
"""The column of `line_state` for each field of `Breaker`."""


def breaker_of(db: Database) -> Breaker:
    """Return the line's breaker."""
    return _breaker_in(db.the(f"SELECT {', '.join(_BREAKER.values())} FROM line_state"))


def _breaker_in(row: sqlite3.Row) -> Breaker:
    values = {name: row[column] for name, column in _BREAKER.items()}
    cause = breaker.Cause(values["cause"]) if values["cause"] else None
    return Breaker(**{**values, "cause": cause, "trial_requested": bool(values["trial_requested"])})


def set_breaker(db: Database, state: Breaker) -> None:
    """Record the line's breaker, inside the transaction that is open."""
    columns = ", ".join(f"{column} = :{name}" for name, column in _BREAKER.items())
    db.execute(f"UPDATE line_state SET {columns}", **asdict(state))


def note_trial_request(db: Database) -> None:
    """Record that a person may have ended the outage, inside the open transaction: the daemon makes a trial due."""
    db.execute("UPDATE line_state SET breaker_trial_requested = 1 WHERE breaker_cause IS NOT NULL")


# ---- all that a pass asks


class Standing(NamedTuple):
    """The values of the line's row that a pass of the daemon needs, read at one moment, for that pass alone.

    `wait` is the recorded reason that all answers wait for, `half_sent_wait` the one that half-sent answers wait for.
    """

    own_number: str | None
    is_paused: bool
    wait: str | None
    half_sent_wait: str | None
    share_waits: dict[Share, str | None]
    breaker: Breaker


def standing_of(db: Database) -> Standing:
    """Return the values of the line's row for one pass of the daemon."""
    row = db.the("SELECT * FROM line_state")
    shares = {Share.NEW: row["hold_new"], Share.KNOWN: row["hold_known"]}
    paused = row["paused_at"] is not None
    return Standing(row["own_number"], paused, row["hold"], row["hold_half"], shares, _breaker_in(row))


# ---- floods, shadow mode, a backup that was restored


def flood_began(db: Database) -> float | None:
    """Return when the present flood was noticed, on the limit clock; None without a flood."""
    began: float | None = db.value("SELECT flood_limit FROM line_state")
    return began


def note_flood(db: Database, began: float | None) -> None:
    """Record that a flood began, or None if there is none, inside the transaction that is open."""
    db.execute("UPDATE line_state SET flood_limit = ?", began)


class Shadow(NamedTuple):
    """The beginning of shadow mode, by the calendar and on the limit clock."""

    at: str
    limit: float


def maybe_shadow(db: Database) -> Shadow | None:
    """Return the beginning of shadow mode as the daemon recorded it; None if the line is not in shadow mode."""
    row = db.one("SELECT shadow_at, shadow_limit FROM line_state WHERE shadow_at IS NOT NULL")
    return Shadow(*row) if row else None


def note_shadow(db: Database, since: Shadow | None) -> None:
    """Record the beginning of shadow mode, or None if the line is not in it, inside the open transaction."""
    db.execute(
        "UPDATE line_state SET shadow_at = ?, shadow_limit = ?", *((since.at, since.limit) if since else (None, None))
    )


def mark_copied(connection: sqlite3.Connection, at: str) -> None:
    """Mark a copied database as a copy."""
    connection.execute("UPDATE line_state SET copied_at = ?", (at,))


def maybe_copied_at(db: Database) -> str | None:
    """Return when this database was copied from the one in use; None unless it is such a copy."""
    return copied_at_of(db.connection)


def copied_at_of(connection: sqlite3.Connection) -> str | None:
    """Return when a database was copied, as `maybe_copied_at`, on a connection that was not opened as a line's."""
    row = connection.execute("SELECT copied_at FROM line_state").fetchone()
    return row[0] if row else None


def note_restored(db: Database) -> Pause | None:
    """Record that a copy is the database in use from now on, inside the open transaction; return its pause, if any.

    The pause of the copy holds again, although no person decided that now: it is marked as restored.
    """
    db.execute("UPDATE line_state SET copied_at = NULL, pause_restored = paused_at IS NOT NULL")
    row = db.one("SELECT paused_at, paused_by FROM line_state WHERE paused_at IS NOT NULL")
    return Pause(row["paused_at"], row["paused_by"]) if row else None


# ---- sealed backups


class Sealed(NamedTuple):
    """The last sealed backup: its time, its age in seconds on the limit clock, its name; and why a later one failed.

    `at` is None if there is none yet; `failure` is None if the latest attempt succeeded.
    """

    at: str | None = None
    age_seconds: float | None = None
    name: str | None = None
    failure: SealFailure | None = None
    failed_at: str | None = None


def sealed_of(db: Database, now: Now) -> Sealed:
    """Return the record of the last sealed backup."""
    row = db.one("SELECT sealed_at, sealed_limit, sealed_as, seal_failure, seal_failed_at FROM line_state")
    if row is None:
        return Sealed()
    age = None if row["sealed_limit"] is None else max(0.0, now.limit - row["sealed_limit"])
    failure = SealFailure(row["seal_failure"]) if row["seal_failure"] else None
    return Sealed(row["sealed_at"], age, row["sealed_as"], failure, row["seal_failed_at"])


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
    if db.value("SELECT seal_failure FROM line_state") != failure:
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


def key_lack(db: Database) -> HoldReason | None:
    """Return why the key could not be used at the last look; None if it could."""
    row = db.one("SELECT key_denied FROM line_state WHERE key_lost_at IS NOT NULL")
    if row is None:
        return None
    return HoldReason.KEY_DENIED if row["key_denied"] else HoldReason.KEY_LOST


# ---- erasure and alerts


def request_rebuild(db: Database) -> None:
    """Record an erasure whose data the file may still contain, inside the transaction that is open."""
    db.execute("UPDATE line_state SET erasures = erasures + 1")


def needs_rebuild(db: Database) -> bool:
    """Tell whether there was an erasure since the file was last rewritten."""
    return db.one("SELECT 1 FROM line_state WHERE erasures > erasures_rebuilt") is not None


def erasures(db: Database) -> int:
    """Return the number of erasures whose data the file may have contained."""
    return int(db.value("SELECT erasures FROM line_state"))


def note_rebuilt(db: Database, erasures: int) -> None:
    """Record that the file was rewritten after this number of erasures; it may still contain data of later ones."""
    db.execute("UPDATE line_state SET erasures_rebuilt = max(erasures_rebuilt, ?)", erasures)


def alerts_reached(db: Database) -> tuple[int | None, float | None]:
    """Return the last event that alerts have read, and when the line stopped working (limit time); or None each."""
    row = db.the("SELECT alerts_event, unwell_limit FROM line_state")
    return row["alerts_event"], row["unwell_limit"]


def note_alerts_reached(db: Database, event_id: int | None, unwell_limit: float | None) -> None:
    """Record the last event that alerts have read and when the line stopped working, inside the open transaction."""
    db.execute("UPDATE line_state SET alerts_event = ?, unwell_limit = ?", event_id, unwell_limit)
