"""The state of the line: one row, which no other module of the store reads or writes.

It holds the anchor of the limit clock, the SIM that the line is bound to, its number, its credit and its life, since
when the modem is ready or another SIM is in, the pause, what the daemon found to hold answers back, the breaker, since
when there is a flood or shadow mode, whether it was just restored from a backup, the key of the pseudonyms, whether a
rebuild is due, and how far alerts are. The table `events` tells people when these things changed; none of them is
read back from it.
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

EPOCH_SECONDS = 1.0  # so far the calendar may drift from the limit clock before that is written down

LIMIT_TIME = "(SELECT limit_time FROM line_state)"
"""The last reading of the limit clock that was saved, as SQL."""
IN_SHADOW_MODE = "(SELECT shadow_at IS NOT NULL FROM line_state)"
"""Whether the line is in shadow mode, as SQL."""
KEY_DIGEST = "(SELECT key_digest FROM line_state)"
"""The digest of the key that pseudonyms are made with, as SQL; NULL where there are none yet."""
FLEET_KEY_DIGEST = "(SELECT key_digest FROM fleet WHERE id = 1)"
"""The same of the fleet's key; NULL where the line is in none."""
IS_PAUSED = "(SELECT paused_at IS NOT NULL FROM line_state)"
"""Whether the line is paused, as SQL."""
BREAKER_IS_OPEN = "(SELECT breaker_cause IS NOT NULL FROM line_state)"
"""Whether the line's breaker is open, as SQL."""
WRONG_NUMBER_OF_ROWS = "SELECT count(*) FROM line_state HAVING count(*) <> 1"
"""A query that has a row where the line has not exactly one."""


# ---- the limit clock


def clock_of(connection: sqlite3.Connection) -> tuple[Anchor | None, float]:
    """Return the last anchor of the limit clock, None before the first, and what the calendar said when it was 0."""
    row = connection.execute("SELECT limit_time, boot_id, boottime, limit_epoch FROM line_state").fetchone()
    if row is None:  # somebody has deleted the row: `db check` says so, and a command can still read the rest
        return None, 0.0
    *anchor, epoch = row
    return Anchor(*anchor) if row["boot_id"] else None, float(epoch)


def save_limit_clock(db: Database, now: Now) -> None:
    """Write an anchor of the limit clock, inside the transaction whose rows limits will read.

    Where the limit clock began by the calendar is kept unless it is a second off: so what is due does not jitter.
    Whether the calendar was synchronised then is what the totals of answers go by.
    """
    anchor = db.clock.anchor(now.limit)
    if calendar_moved(db, now):
        db.limit_epoch = now.utc.timestamp() - now.limit
    db.execute(
        "UPDATE line_state SET limit_time = ?, boot_id = ?, boottime = ?, limit_epoch = ?, synchronised = ?",
        anchor.limit_time,
        anchor.boot_id,
        anchor.boottime,
        db.limit_epoch,
        now.synchronised,
    )


def calendar_moved(db: Database, now: Now) -> bool:
    """Tell whether the calendar has been set since the limit clock was saved: what is due by it is another time."""
    return abs(db.limit_epoch - (now.utc.timestamp() - now.limit)) >= EPOCH_SECONDS


def calendar_time(db: Database, limit: float) -> str:
    """Return a reading of the limit clock as the calendar has it, in RFC 3339."""
    epoch: float = db.value("SELECT limit_epoch FROM line_state")
    return rfc3339(datetime.fromtimestamp(epoch + limit, UTC))


# ---- the SIM


def commit_own_number(db: Database, number: str) -> None:
    """Commit the number that the SIM says is its own, where it differs from the one before."""
    if own_number(db) != number:
        with db.transaction():
            db.execute("UPDATE line_state SET own_number = ?", number)


def own_number(db: Database) -> str | None:
    """Return the number that the SIM last said is its own, in E.164."""
    row = db.one("SELECT own_number FROM line_state")
    return row["own_number"] if row else None


def bound_sim(db: Database) -> tuple[str, str] | None:
    """Return the IMEI of the stick and the IMSI of the SIM that the line answers with; None before the first."""
    row = db.one("SELECT imei, imsi FROM line_state WHERE imsi IS NOT NULL")
    return (row["imei"], row["imsi"]) if row else None


def bind_sim(db: Database, imei: str, imsi: str) -> None:
    """Record with which stick and SIM the line answers from now on, inside the transaction that is open.

    Of another SIM nothing is known yet: its number, its balance, when it was topped up, where it may not text.
    """
    before = bound_sim(db)
    if before and before[1] not in ("", imsi):
        db.execute(
            "UPDATE line_state SET own_number = NULL, balance = NULL, balance_at = NULL, balance_before = NULL,"
            " topped_up_at = NULL, topped_up_by = NULL, topped_up_from = NULL, topped_up_to = NULL,"
            " topped_up_boot = NULL, topped_up_limit = NULL"
        )
        db.execute("DELETE FROM country_outages")
    db.execute("UPDATE line_state SET imei = ?, imsi = ?, sim_changed_at = NULL", imei, imsi)


def commit_sim_changed(db: Database, now: Now, *, changed: bool) -> None:
    """Commit that another stick or SIM than the line's is in, or that none is any more; nothing where that is known."""
    if (_sim_changed_at(db) is not None) != changed:
        with db.transaction():
            db.execute("UPDATE line_state SET sim_changed_at = ?", now.rfc3339 if changed else None)


def _sim_changed_at(db: Database) -> str | None:
    at: str | None = db.value("SELECT sim_changed_at FROM line_state")
    return at


def note_ready(db: Database, since: float | None) -> None:
    """Record since when the modem has been ready, or with None that it is not, inside the transaction that is open."""
    db.execute("UPDATE line_state SET ready_limit = ?", since)


def maybe_ready_since(db: Database) -> float | None:
    """Return the reading of the limit clock since when the modem has been ready; None where it is not known to be."""
    since: float | None = db.value("SELECT ready_limit FROM line_state")
    return since


@dataclass(frozen=True, slots=True)
class Credit:
    """What is known of the SIM's credit: the last balance that the network answered with, and when; the last top-up.

    Until when the SIM lives is the configuration's to say.
    """

    balance: float | None = None
    asked_at: Time | None = None
    topped_up_at: Time | None = None
    valid_until: Time | None = None


def commit_balance(db: Database, balance: str, now: Now, *, low: bool) -> None:
    """Commit the balance that the network answered with, where it has another value, or begins or ceases to be low."""
    row = db.the("SELECT balance, balance_low FROM line_state")
    if tuple(row) != (balance, int(low)):
        with db.transaction():
            db.execute("UPDATE line_state SET balance = ?, balance_low = ?, balance_at = ?", balance, low, now.rfc3339)
            events.record(db, now, EventKind.BALANCE_LOW if low else EventKind.BALANCE, detail={"balance": balance})


def credit_of(db: Database) -> Credit:
    """Return what was noted of the credit; a balance is noted when it has changed."""
    row = db.one("SELECT balance, balance_at, topped_up_at FROM line_state")
    if row is None:
        return Credit()
    if row["balance"] is not None:
        with suppress(ValueError):  # a person wrote something else
            return Credit(float(row["balance"]), row["balance_at"], row["topped_up_at"])
    return Credit(topped_up_at=row["topped_up_at"])


# ---- the SIM's life


class TopUp(NamedTuple):
    """When the SIM was topped up last: a person said so, or it was taken for that because the balance rose."""

    at: str
    by: str | None = None
    rose_from: str | None = None
    rose_to: str | None = None


def maybe_top_up(db: Database) -> TopUp | None:
    """Return the last top-up that is known of the SIM, None where none is."""
    row = db.one(
        "SELECT topped_up_at, topped_up_by, topped_up_from, topped_up_to FROM line_state WHERE topped_up_at IS NOT NULL"
    )
    return TopUp(*row) if row else None


def balance_before(db: Database) -> str | None:
    """Return the balance that a rise is measured from; None where the next one is the first."""
    before: str | None = db.value("SELECT balance_before FROM line_state")
    return before


def commit_balance_before(db: Database, balance: str) -> None:
    """Commit the balance that the next rise is measured from, where it is another one."""
    if balance_before(db) != balance:
        with db.transaction():
            db.execute("UPDATE line_state SET balance_before = ?", balance)


def note_top_up(db: Database, top_up: TopUp, now: Now, *, dated: bool) -> None:
    """Record the last top-up, inside the transaction that is open; `dated` says whether its date is to be trusted.

    After what a person said the next balance begins a new comparison: that it rose is known already.
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
    """Commit the date of a top-up anew that was noted before the calendar could be trusted, now that it can.

    Nobody knows how long the machine was off since then if it was: a date of an earlier boot stays as it is.
    """
    row = db.the("SELECT topped_up_boot, topped_up_limit FROM line_state")
    if row["topped_up_boot"] == boot_id():
        at = rfc3339(now.utc - timedelta(seconds=max(0.0, now.limit - row["topped_up_limit"])))
        with db.transaction():
            db.execute("UPDATE line_state SET topped_up_at = ?, topped_up_boot = NULL", at)


# ---- the pause


class Pause(NamedTuple):
    """Since when nothing is sent, and by whose word."""

    at: str
    by: str


def note_pause(db: Database, who: str, now: Now) -> None:
    """Record a pause by a person, inside the transaction that is open: the first one began it and names it."""
    db.execute(  # each right side sees the row as it was: paused_at is NULL where there was no pause before
        "UPDATE line_state SET paused_at = coalesce(paused_at, ?), paused_limit = coalesce(paused_limit, ?),"
        " paused_by = iif(paused_at IS NULL, ?, paused_by), pause_restored = 0",
        now.rfc3339,
        now.limit,
        who,
    )


def end_pause(db: Database) -> None:
    """Record that there is no pause, inside the transaction that is open; after one the breaker may try an answer."""
    db.execute(  # SQL evaluates each right side with the row as it was: paused_at is still that of the pause
        "UPDATE line_state SET breaker_trial_requested = iif(paused_at IS NULL, breaker_trial_requested, 1),"
        " paused_at = NULL, paused_limit = NULL, paused_by = NULL, pause_restored = 0"
    )


def is_paused(db: Database) -> bool:
    """Tell whether the line is paused."""
    return maybe_paused_by(db) is not None


def maybe_paused_by(db: Database) -> str | None:
    """Return who has paused the line, None while it is not paused."""
    # a pause without a name is one all the same: NULL would say that there is none
    row = db.one("SELECT coalesce(paused_by, '') AS paused_by FROM line_state WHERE paused_at IS NOT NULL")
    return row["paused_by"] if row else None


def pause_began(db: Database) -> float:
    """Return the reading of the limit clock at which the pause began; 0 where that is not known."""
    return float(db.value("SELECT coalesce(paused_limit, 0.0) FROM line_state"))


# ---- what holds answers back


@dataclass(frozen=True, slots=True)
class Sending:
    """Whether answers go out: free, paused (by a person), held (nothing that `resume` ends), or trial (the breaker).

    The reason of a pause is `person`, or `restored` where it came back with a backup. `since` is RFC 3339, None where
    it is not known.
    """

    state: SendingState
    reason: HoldReason | None = None
    since: Time | None = None
    by: str | None = None

    @classmethod
    def kept_back(cls, reason: HoldReason, since: str | None, by: str | None = None) -> Self:
        """Return how answers are kept back for a reason."""
        return cls(KEPT_BACK[reason], reason, since, by)


FREE = Sending(SendingState.FREE)


def sending_of(db: Database, *, sim_changed: bool | None = None) -> Sending:
    """Return whether answers go out, and else what keeps them back first; see `recorded_holds`."""
    return next(recorded_holds(db, sim_changed=sim_changed), FREE)


def recorded_holds(db: Database, *, sim_changed: bool | None = None) -> Iterator[Sending]:
    """Yield all that keeps answers back, first what a resume or a trial would not end.

    `sim_changed` is the daemon's word on whether another stick or SIM is in; None where no daemon says anything: then
    what it noted last holds.
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
        yield Sending.kept_back(reason, row["paused_at"], row["paused_by"])
    if row["breaker_cause"]:
        yield Sending.kept_back(HoldReason(row["breaker_cause"]), row["breaker_since"])


def commit_wait(db: Database, waiting_for: WaitingFor | None) -> None:
    """Commit what every answer waits for."""
    _commit_wait(db, "hold", waiting_for)


def commit_half_sent_wait(db: Database, waiting_for: WaitingFor | None) -> None:
    """Commit what answers that are half sent wait for, and no others."""
    _commit_wait(db, "hold_half", waiting_for)


def commit_share_wait(db: Database, share: Share, waiting_for: WaitingFor | None) -> None:
    """Commit what the answers of a share wait for."""
    if share is not Share.BY_HAND:
        _commit_wait(db, f"hold_{share}", waiting_for)


def _commit_wait(db: Database, column: str, waiting_for: WaitingFor | None) -> None:
    """Commit what answers wait for where it differs: the same is found in every pass, and the card wears."""
    row = db.one(f"SELECT {column} FROM line_state")
    if row is not None and row[column] != waiting_for:
        with db.transaction():
            db.execute(f"UPDATE line_state SET {column} = ?", waiting_for)


def forget_waits(db: Database) -> None:
    """Record that nothing is known for which answers wait, inside the transaction that is open."""
    db.execute("UPDATE line_state SET hold = NULL, hold_half = NULL, hold_new = NULL, hold_known = NULL")


def share_waits(db: Database) -> dict[Share, str | None]:
    """Return what the answers to new numbers wait for, and those to numbers that were answered before."""
    row = db.the("SELECT hold_new, hold_known FROM line_state")
    return {Share.NEW: row["hold_new"], Share.KNOWN: row["hold_known"]}


# ---- the breaker

_BREAKER = {field.name: f"breaker_{field.name}" for field in fields(Breaker)}
"""The column of each value of `Breaker`."""


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
    """How the line stands: what a pass of the daemon asks of its row, at one moment. It serves that pass alone.

    `wait` and `half_sent_wait` are what was noted that all answers wait for, and those that are half sent.
    """

    own_number: str | None
    is_paused: bool
    wait: str | None
    half_sent_wait: str | None
    share_waits: dict[Share, str | None]
    breaker: Breaker


def standing_of(db: Database) -> Standing:
    """Return how the line stands."""
    row = db.the("SELECT * FROM line_state")
    shares = {Share.NEW: row["hold_new"], Share.KNOWN: row["hold_known"]}
    paused = row["paused_at"] is not None
    return Standing(row["own_number"], paused, row["hold"], row["hold_half"], shares, _breaker_in(row))


# ---- floods, shadow mode, a backup that was restored


def flood_began(db: Database) -> float | None:
    """Return the reading of the limit clock at which the flood was noticed that still goes on; None without one."""
    began: float | None = db.value("SELECT flood_limit FROM line_state")
    return began


def note_flood(db: Database, began: float | None) -> None:
    """Record that a flood began, or with None that there is none, inside the transaction that is open."""
    db.execute("UPDATE line_state SET flood_limit = ?", began)


class Shadow(NamedTuple):
    """Since when the line has been in shadow mode: by the calendar, and on the limit clock."""

    at: str
    limit: float


def maybe_shadow(db: Database) -> Shadow | None:
    """Return since when the line has been in shadow mode by what its daemon noted; None where it has not."""
    row = db.one("SELECT shadow_at, shadow_limit FROM line_state WHERE shadow_at IS NOT NULL")
    return Shadow(*row) if row else None


def note_shadow(db: Database, since: Shadow | None) -> None:
    """Record since when the line is in shadow mode, or with None that it is not, inside the open transaction."""
    db.execute(
        "UPDATE line_state SET shadow_at = ?, shadow_limit = ?", *((since.at, since.limit) if since else (None, None))
    )


def mark_copied(connection: sqlite3.Connection, at: str) -> None:
    """Record in a copy of a database that it is one."""
    connection.execute("UPDATE line_state SET copied_at = ?", (at,))


def maybe_copied_at(db: Database) -> str | None:
    """Return when this database was copied from the one in use, None unless it is such a copy."""
    return copied_at_of(db.connection)


def copied_at_of(connection: sqlite3.Connection) -> str | None:
    """Return the same of a database that is not opened as a line's."""
    row = connection.execute("SELECT copied_at FROM line_state").fetchone()
    return row[0] if row else None


def note_restored(db: Database) -> Pause | None:
    """Record that a copy is in use from now on, inside the transaction that is open; return its pause, if it had one.

    Its pause holds again, and nobody has chosen that.
    """
    db.execute("UPDATE line_state SET copied_at = NULL, pause_restored = paused_at IS NOT NULL")
    row = db.one("SELECT paused_at, paused_by FROM line_state WHERE paused_at IS NOT NULL")
    return Pause(row["paused_at"], row["paused_by"]) if row else None


# ---- sealed backups off the card


class Sealed(NamedTuple):
    """The last sealed backup: when it was made, its age in seconds on the limit clock, its name; why the next failed.

    None in `at` where there is none yet, in `failure` where the latest try was not in vain.
    """

    at: str | None = None
    age_seconds: float | None = None
    name: str | None = None
    failure: SealFailure | None = None
    failed_at: str | None = None


def sealed_of(db: Database, now: Now) -> Sealed:
    """Return what is known of the last sealed backup."""
    row = db.one("SELECT sealed_at, sealed_limit, sealed_as, seal_failure, seal_failed_at FROM line_state")
    if row is None:
        return Sealed()
    age = None if row["sealed_limit"] is None else max(0.0, now.limit - row["sealed_limit"])
    failure = SealFailure(row["seal_failure"]) if row["seal_failure"] else None
    return Sealed(row["sealed_at"], age, row["sealed_as"], failure, row["seal_failed_at"])


def commit_sealed(db: Database, name: str, began: Now) -> None:
    """Commit that a sealed backup is whole and off the card: of the moment at which it began."""
    with db.transaction():
        db.execute(
            "UPDATE line_state SET sealed_at = ?, sealed_limit = ?, sealed_as = ?,"
            " seal_failure = NULL, seal_failed_at = NULL",
            began.rfc3339,
            began.limit,
            name,
        )


def commit_seal_failure(db: Database, failure: SealFailure, now: Now) -> None:
    """Commit why a sealed backup failed, where that is news: the same is found every few hours, and the card wears."""
    if db.value("SELECT seal_failure FROM line_state") != failure:
        with db.transaction():
            db.execute("UPDATE line_state SET seal_failure = ?, seal_failed_at = ?", failure, now.rfc3339)


# ---- the key of the pseudonyms


def key_digests_of(connection: sqlite3.Connection) -> tuple[str | None, str | None]:
    """Return the digests of the line's own key and of its fleet's, in a database of any version; None without such."""
    with suppress(sqlite3.OperationalError):  # a version that had no pseudonyms, and no such column
        own, fleet = connection.execute(_DIGESTS).fetchone() or (None, None)
        return own, fleet
    return None, None


_DIGESTS = f"SELECT {KEY_DIGEST}, {FLEET_KEY_DIGEST} FROM line_state"


def bind_key(db: Database, digest: str) -> None:
    """Record with which key pseudonyms are made from now on, inside the transaction that is open."""
    db.execute("UPDATE line_state SET key_digest = ?, key_lost_at = NULL, key_denied = 0", digest)


def note_key_lack(db: Database, lack: HoldReason | None, file: str, now: Now) -> None:
    """Record why a key cannot be used, or with None that all can, inside the transaction that is open."""
    db.execute(
        "UPDATE line_state SET key_lost_at = iif(?, coalesce(key_lost_at, ?), NULL), key_denied = ?",
        bool(lack),
        now.rfc3339,
        lack is HoldReason.KEY_DENIED,
    )
    events.record(db, now, _KEY_EVENTS[lack] if lack else EventKind.KEY_BACK, detail={"key": file})


_KEY_EVENTS = {HoldReason.KEY_LOST: EventKind.KEY_LOST, HoldReason.KEY_DENIED: EventKind.KEY_DENIED}


def key_lack(db: Database) -> HoldReason | None:
    """Return why the key could not be used when that was last looked at; None where it could."""
    row = db.one("SELECT key_denied FROM line_state WHERE key_lost_at IS NOT NULL")
    if row is None:
        return None
    return HoldReason.KEY_DENIED if row["key_denied"] else HoldReason.KEY_LOST


# ---- erasure and alerts


def request_rebuild(db: Database) -> None:
    """Record that something was erased that the file may still hold a copy of, inside the transaction that is open."""
    db.execute("UPDATE line_state SET erasures = erasures + 1")


def needs_rebuild(db: Database) -> bool:
    """Tell whether something was erased since the file was last written anew."""
    return db.one("SELECT 1 FROM line_state WHERE erasures > erasures_rebuilt") is not None


def erasures(db: Database) -> int:
    """Return how often something was erased that the file may have held a copy of."""
    return int(db.value("SELECT erasures FROM line_state"))


def note_rebuilt(db: Database, erasures: int) -> None:
    """Record that the file was written anew after so many erasures; of those that came later it may hold a copy."""
    db.execute("UPDATE line_state SET erasures_rebuilt = max(erasures_rebuilt, ?)", erasures)


def alerts_reached(db: Database) -> tuple[int | None, float | None]:
    """Return the last event that alerts took in, and the limit time since when the line does not work; None: never."""
    row = db.the("SELECT alerts_event, unwell_limit FROM line_state")
    return row["alerts_event"], row["unwell_limit"]


def note_alerts_reached(db: Database, event_id: int | None, unwell_limit: float | None) -> None:
    """Record how far alerts are, inside the transaction that is open."""
    db.execute("UPDATE line_state SET alerts_event = ?, unwell_limit = ?", event_id, unwell_limit)
