"""Requests of the command line to the running daemon, for actions that need the modem, which only the daemon has.

A request is a row with a verb and arguments. The daemon begins the oldest one and records its result; a request that no
daemon begins expires.
"""

import json
import sqlite3
import time
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from hotlined.errors import RefusedError
from hotlined.language import _
from hotlined.machine.clock import Now, boot_id, boottime
from hotlined.states import OPEN, TAKEN, ByHand, Refusal, RequestState
from hotlined.store.line.database import Database

EXPIRES_AFTER_SECONDS = 120.0
_LOOK_SECONDS = 0.2
_QUEUED_SECONDS = 5.0
_RESULT_SECONDS = 600.0  # one segment may take send_timeout, and a long text has several segments


class RequestVerb(StrEnum):
    """The requests that the daemon carries out; the control program writes no others."""

    SEND = "send"
    ANSWER = "answer"
    BALANCE = "balance"
    ADOPT = "adopt"


BY_HAND = {RequestVerb.SEND: ByHand.SEND, RequestVerb.ANSWER: ByHand.ANSWER}
"""The mark of the answer that is queued for a request; the other verbs queue none."""
_NEEDED = {RequestVerb.SEND: ("number", "text"), RequestVerb.ANSWER: ("number",)}
"""The arguments that each verb requires."""


class Request(NamedTuple):
    """A request: a verb, its arguments, and the person who asks."""

    request_id: int
    verb: RequestVerb
    arguments: dict[str, str]
    who: str


class RequestProgress(NamedTuple):
    """The state of a request, and its result.

    The result of a refused one is a code (`Refusal`, `Reason`, `WaitingFor` or `CauseCode`), and `detail` has the
    values of its sentence, an object in JSON.
    """

    state: RequestState
    result: str | None
    answer_id: int | None
    detail: str | None = None


def ask(db: Database, verb: RequestVerb, arguments: dict[str, str], who: str, now: Now) -> int:
    """Commit a request and return its id; it expires if it is not begun within two minutes."""
    with db.transaction():
        return db.insert(
            "requests",
            verb=verb,
            arguments=json.dumps(arguments),
            who=who,
            created_at=now.rfc3339,
            created_limit=now.limit,
            boot_id=boot_id(),
            expires_boottime=boottime() + EXPIRES_AFTER_SECONDS,
            state=RequestState.OPEN,
        )


def progress_of(db: Database, request_id: int) -> RequestProgress:
    """Return the state of a request."""
    row = db.the("SELECT state, result, answer_id, detail FROM requests WHERE id = ?", request_id)
    return RequestProgress(RequestState(row["state"]), row["result"], row["answer_id"], row["detail"])


def wait_for(
    db: Database,
    request_id: int,
    withdraw: Callable[[], bool],
    *,
    begun_within: float = EXPIRES_AFTER_SECONDS,
    ended_within: float = _RESULT_SECONDS,
) -> RequestProgress:
    """Wait until a request is ended, and return its state and result.

    If it is not begun within `begun_within` seconds, `withdraw` is called to end it, and returns whether it could.
    Raises RefusedError if it was withdrawn, or if there is no result after `ended_within` seconds more.
    """
    deadline = time.monotonic() + begun_within
    while (result := progress_of(db, request_id)).state.is_pending:
        is_late = result.state is RequestState.OPEN and time.monotonic() > deadline
        if is_late and withdraw():
            raise RefusedError(
                _("The daemon did not begin this within two minutes."), _("`hotlined status` says how it is.")
            )
        if time.monotonic() > deadline + ended_within:
            raise RefusedError(
                _("No result came yet."), _("The daemon has the text; its journal says what becomes of it.")
            )
        time.sleep(_LOOK_SECONDS)
    return result


def wait_for_answer(db: Database, request_id: int) -> int | None:
    """Return the id of the answer that the daemon queues for a request that it begins; None if it queues none.

    The daemon does both in the same pass, so this waits only a few seconds.
    """
    deadline = time.monotonic() + _QUEUED_SECONDS
    while (progress := progress_of(db, request_id)).state.is_pending and progress.answer_id is None:
        if time.monotonic() > deadline:
            break
        time.sleep(_LOOK_SECONDS)
    return progress.answer_id


def next_request(db: Database, now: Now) -> Request | None:
    """Commit the oldest open request as begun and return it; end those before it that are expired or malformed."""
    if not db.one(f"SELECT 1 FROM requests WHERE state = '{RequestState.OPEN}' LIMIT 1"):
        return None
    with db.transaction():
        db.execute(
            # a deadline of another boot cannot be compared, for that clock began anew at 0: the boot's id is compared
            f"UPDATE requests SET state = '{RequestState.EXPIRED}', ended_at = ? WHERE state = '{RequestState.OPEN}'"
            " AND (boot_id IS NOT ? OR expires_boottime < ?)",
            now.rfc3339,
            boot_id(),
            boottime(),
        )
        for row in db.all(_OPEN):
            request = _read(row)
            if isinstance(request, Request):
                db.execute("UPDATE requests SET state = ? WHERE id = ?", RequestState.BEGUN, row["id"])
                return request
            db.execute(
                "UPDATE requests SET state = ?, arguments = '{}', result = ?, ended_at = ? WHERE id = ?",
                RequestState.REFUSED,
                request,
                now.rfc3339,
                row["id"],
            )
    return None


_OPEN = f"SELECT id, verb, arguments, who FROM requests WHERE state = '{RequestState.OPEN}' ORDER BY id"


def _read(row: sqlite3.Row) -> Request | Refusal:
    """Read a row as a request, or return why it is not one: another program, or another version, wrote it."""
    if row["verb"] not in list(RequestVerb):
        return Refusal.UNKNOWN_VERB
    verb = RequestVerb(row["verb"])
    try:
        arguments = json.loads(row["arguments"])
    except ValueError:
        return Refusal.MALFORMED
    if not isinstance(arguments, dict) or not all(isinstance(value, str) for value in arguments.values()):
        return Refusal.MALFORMED
    if not all(name in arguments for name in _NEEDED.get(verb, ())):
        return Refusal.MALFORMED
    return Request(row["id"], verb, arguments, row["who"])


def end(db: Database, request_id: int, result: str, now: Now) -> None:
    """Commit that a request was carried out, and its result."""
    with db.transaction():
        db.execute(
            "UPDATE requests SET state = ?, result = ?, ended_at = ? WHERE id = ?",
            RequestState.DONE,
            result,
            now.rfc3339,
            request_id,
        )


def refuse(db: Database, request_id: int, refusal: StrEnum, now: Now, **values: object) -> None:
    """Commit why a request was refused: a code of `RequestProgress`, and the values of its sentence."""
    with db.transaction():
        db.execute(
            "UPDATE requests SET state = ?, result = ?, detail = ?, ended_at = ? WHERE id = ?",
            RequestState.REFUSED,
            refusal,
            json.dumps(values) if values else None,
            now.rfc3339,
            request_id,
        )


def await_answer(db: Database, request_id: int, answer_id: int) -> None:
    """Tie a request to the answer whose fate will end it, inside the transaction that is open."""
    db.execute("UPDATE requests SET answer_id = ? WHERE id = ?", answer_id, request_id)


def recover(db: Database, now: Now) -> None:
    """Commit that requests which a stopped daemon had begun, and which have no answer, were not carried out."""
    rows = db.all(f"SELECT id FROM requests WHERE state = '{RequestState.BEGUN}' AND answer_id IS NULL")
    for row in rows:
        refuse(db, row["id"], Refusal.STOPPED, now)


def settle(db: Database, now: Now) -> int:
    """End the requests whose text was taken by the network or ended otherwise; return how many requests still wait."""
    rows = db.all(
        "SELECT r.id, a.state, a.reason FROM requests r JOIN answers a ON a.id = r.answer_id"
        f" WHERE r.state = '{RequestState.BEGUN}'"
    )
    open_ones = 0
    for row in rows:
        if row["state"] in OPEN:
            open_ones += 1
            continue
        if row["state"] in TAKEN:
            end(db, row["id"], row["state"], now)
        else:
            refuse(db, row["id"], Refusal.NOT_SENT, now, state=row["state"], reason=row["reason"])
    return open_ones


def expire(db: Database, request_id: int, now: Now) -> bool:
    """Withdraw a request that the daemon has not begun; return whether that was possible."""
    with db.transaction():
        cursor = db.execute(
            "UPDATE requests SET state = ?, ended_at = ? WHERE id = ? AND state = ?",
            RequestState.EXPIRED,
            now.rfc3339,
            request_id,
            RequestState.OPEN,
        )
    return cursor.rowcount == 1
