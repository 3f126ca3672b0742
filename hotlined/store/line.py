"""The state of the line: its SIM and number, its credit, and what keeps its answers back."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from hotlined.clock import Now
from hotlined.policy import WaitingFor
from hotlined.store.database import Database


def note_own_number(db: Database, number: str) -> None:
    """Commit the number that the SIM says is its own, if that is news."""
    if own_number(db) != number:
        with db.transaction():
            db.execute("UPDATE line_state SET own_number = ?", number)


def own_number(db: Database) -> str | None:
    """Return the number that the SIM last said is its own, in E.164."""
    row = db.one("SELECT own_number FROM line_state")
    return row["own_number"] if row else None


def bound_sim(db: Database) -> tuple[str, str] | None:
    """Return the IMEI and the IMSI that the line is served with; None before the first."""
    row = db.one("SELECT imei, imsi FROM line_state WHERE imsi IS NOT NULL")
    return (row["imei"], row["imsi"]) if row else None


def bind_sim(db: Database, imei: str, imsi: str) -> None:
    """Record with which stick and SIM the line is served from now on, inside the transaction that is open."""
    db.execute("UPDATE line_state SET imei = ?, imsi = ?", imei, imsi)


def note_balance(db: Database, balance: str, now: Now, *, low: bool) -> None:
    """Commit a balance that the network told, if that is news: another value, or low for the first time."""
    kind = "balance_low" if low else "balance"
    last = db.one("SELECT kind, detail FROM events WHERE kind IN ('balance', 'balance_low') ORDER BY id DESC LIMIT 1")
    if last is None or (last["kind"], last["detail"]) != (kind, balance):
        with db.transaction():
            db.event(now, kind, balance)


@dataclass(frozen=True, slots=True)
class Credit:
    """What is known of the SIM's credit: the balance that the network told last, and when."""

    balance: float | None = None
    asked_at: str | None = None
    topped_up_at: str | None = None
    valid_until: str | None = None


def credit_of(db: Database) -> Credit:
    """Return what was noted of the credit; a balance is noted when it has changed."""
    latest = _maybe_latest(db, "balance", "balance_low")
    if latest is None:
        return Credit()
    with suppress(ValueError):
        return Credit(float(latest["detail"]), latest["at"])
    return Credit()


def is_paused(db: Database) -> bool:
    """Tell whether the line is paused."""
    return maybe_paused_by(db) is not None


def maybe_paused_by(db: Database) -> str | None:
    """Return who has paused the line, None while it is not paused."""
    row = db.one("SELECT coalesce(paused_by, '') AS paused_by FROM line_state WHERE paused_at IS NOT NULL")
    return row["paused_by"] if row else None


@dataclass(frozen=True, slots=True)
class Sending:
    """Whether answers go out: free, paused (by a person), held (nothing that `resume` ends), or trial (the breaker).

    `reason` is a code: of a pause `person`, or `restored` where it came back with a backup. `since` is RFC 3339, None
    where it is not known.
    """

    state: str
    reason: str | None = None
    since: str | None = None
    by: str | None = None


FREE = Sending("free")


def sending_of(db: Database, *, sim_changed: bool | None = None) -> Sending:
    """Return whether answers go out, and else what keeps them back first; see `recorded_holds`."""
    return next(recorded_holds(db, sim_changed=sim_changed), FREE)


def recorded_holds(db: Database, *, sim_changed: bool | None = None) -> Iterator[Sending]:
    """Yield all that keeps answers back, first what a resume or a trial would not end.

    `sim_changed` is the daemon's word on whether another stick or SIM is in; None where no daemon says anything: then
    it is so if the last answer was held for it.
    """
    row = db.one("SELECT hold, key_lost_at, paused_at, paused_by, breaker_cause, breaker_since FROM line_state")
    assert row is not None
    if row["key_lost_at"]:
        yield Sending("held", "key_lost", row["key_lost_at"])
    if row["hold"] == WaitingFor.HELD if sim_changed is None else sim_changed:
        changed = _maybe_latest(db, "modem_sim_changed")
        yield Sending("held", "sim_changed", changed["at"] if changed else None)
    if row["paused_at"]:
        latest = _maybe_latest(db, "pause", "pause_restored")
        restored = latest is not None and latest["kind"] == "pause_restored"
        yield Sending("paused", "restored" if restored else "person", row["paused_at"], row["paused_by"])
    if row["breaker_cause"]:
        yield Sending("trial", row["breaker_cause"], row["breaker_since"])


def _maybe_latest(db: Database, *kinds: str) -> sqlite3.Row | None:
    """Return the latest event of these kinds."""
    return db.one(
        "SELECT at, kind, detail FROM events WHERE id = (SELECT max(id) FROM events"
        " WHERE kind IN (SELECT value FROM json_each(?)))",
        json.dumps(kinds),
    )


def maybe_shadow_since(db: Database) -> str | None:
    """Return since when the line has been in shadow mode by what its daemon noted; None where it has not."""
    latest = _maybe_latest(db, "mode_shadow", "mode_live")
    return latest["at"] if latest and latest["kind"] == "mode_shadow" else None
