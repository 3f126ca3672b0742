"""A new database, and the daemon's steps on it, in a line each: receive, judge, let out, settle."""

import stat
import tempfile
from datetime import timedelta
from functools import cache
from pathlib import Path

from hotlined.gsm import tpdu
from hotlined.gsm.address import Identity, identify
from hotlined.gsm.alphabet import Plan, plan
from hotlined.machine.clock import Now
from hotlined.rules import policy
from hotlined.states import SubmitProblem
from hotlined.store.answers import contacts, fates, gate, queue, verdicts
from hotlined.store.file.opening import open_for_daemon
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import save_limit_clock

RULES = policy.Rules(policy.Limits(), policy.Numbers(), timedelta(hours=24))
PLAN = plan("x" * 200)
"""Two segments."""
SOURCE = contacts.Source("fr", "206012345678901", "SM", lambda originator: identify(originator, "BE"))
"""The SIM that the texts come from."""


@cache
def _empty() -> tuple[bytes, int]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hotlined.db"
        open_for_daemon(path).close()
        return path.read_bytes(), stat.S_IMODE(path.stat().st_mode)


def make_empty(path: Path) -> Path:
    """Make an empty database as the daemon does, and return its path; only the first takes long."""
    octets, mode = _empty()
    path.write_bytes(octets)
    path.chmod(mode)
    return path


def listing(*entries: str, start: int = 1) -> list[contacts.DecodedEntry]:
    """Return PDUs as a listing of the SIM, from an index on."""
    return [contacts.read(pdu, len(pdu) // 2, index) for index, pdu in enumerate(entries, start)]


def record(
    db: Database, *entries: str, now: Now, source: contacts.Source = SOURCE, complete: bool = True
) -> list[contacts.Recorded]:
    """Record a listing of the SIM."""
    return contacts.record_listing(db, source, listing(*entries), now, complete=complete)


def record_whole(db: Database, line: str, kind: str, identity: Identity, text: str | None, now: Now) -> int:
    """Record a contact that is complete and comes from no modem, and return its id."""
    with db.transaction():
        contact_id = contacts._insert_contact(db, line, kind, identity, now, received=1, total=1)
        db.execute("UPDATE contacts SET text = ? WHERE id = ?", text, contact_id)
        save_limit_clock(db, now)
    return contact_id


def judge(
    db: Database,
    contact_id: int,
    now: Now,
    rules: policy.Rules = RULES,
    *,
    delay: float = 0.0,
) -> policy.Verdict:
    """Judge a contact and queue its answer."""
    return verdicts.judge(db, contact_id, rules, now, delay_seconds=delay)


def encode(recipient: str, planned: Plan, reference: int) -> tuple[tpdu.EncodedSegment, ...]:
    """Make TPDUs as the daemon does."""
    return tpdu.encode_submit(recipient, planned, reference=reference, report=True, validity=timedelta(hours=24))


def begin(
    db: Database,
    answer_id: int,
    now: Now,
    planned: Plan = PLAN,
    rules: policy.Rules = RULES,
    *,
    trial: bool = False,
) -> gate.TurnResult:
    """Let the gate decide about an answer with this text."""
    return gate.begin(
        db,
        answer_id,
        rules,
        now,
        compose=lambda *_: gate.Composition(planned),
        encode=encode,
        trial=trial,
    )


def begin_next(db: Database, now: Now, planned: Plan = PLAN, rules: policy.Rules = RULES) -> gate.TurnResult:
    """Let the gate decide about the first due answer."""
    (turn, *_) = queue.due(db, now)
    return begin(db, turn.answer_id, now, planned, rules, trial=turn.trial)


def segment_of(result: gate.TurnResult) -> gate.Begun:
    """Return the segment that the gate let out."""
    assert isinstance(result, gate.Begun)
    return result


def take(db: Database, begun: gate.Begun, now: Now, mr: int | None = 1) -> fates.Settled:
    """Let the network accept a segment."""
    return fates.settle(db, begun, policy.Taken(mr), now)


def refuse(db: Database, begun: gate.Begun, now: Now, cms: int) -> fates.Settled:
    """Let the network refuse a segment."""
    return fates.settle(db, begun, policy.Refused(cms), now)


def lose(db: Database, begun: gate.Begun, now: Now) -> fates.Settled:
    """Give no result for a segment."""
    return fates.settle(db, begun, policy.Unknown(policy.AttemptCause.NO_RESULT, SubmitProblem.NO_RESPONSE), now)
