"""Answers that a person requeues or cancels: late proofs, later decisions, and the time of sending."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import store_steps
from filled import KEVIN, Filled
from store_steps import RULES, begin_next, lose, refuse, segment_of, take

from hotlined.gsm import tpdu
from hotlined.gsm.address import Address, Ton, identify
from hotlined.gsm.alphabet import plan
from hotlined.machine.clock import Now
from hotlined.rules import policy
from hotlined.states import ByHand
from hotlined.store.answers import decisions, fates, gate, queue, verdicts
from hotlined.store.file import integrity
from hotlined.store.file.opening import open_for_daemon
from hotlined.store.line.database import Database

START = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
HERS, HIS = "+32470000001", "+32470000002"
ONE, TWO = plan("Non."), plan("n" * 200)
EVERYWHERE = RULES._replace(numbers=policy.Numbers(answer_countries=("BE", "FR", "NL", "LU", "DE")))


FAR = 10 * 365 * 86400.0  # seconds: later than now, on the calendar of this machine, too


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    """Give a line without a daemon."""
    line = Filled(tmp_path)
    with line.db:
        yield line


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """Give an open database of its own to each test; at its end, check that no rows contradict each other."""
    with open_for_daemon(store_steps.make_empty(tmp_path / "hotlined.db")) as database:
        yield database
        contradictions = list(integrity.contradictions(database.connection, lambda _, __: None))
        # these tests make rows without segments
        assert not [each for each in contradictions if "as many segments as it counts" not in each]


def at(seconds: float) -> Now:
    """Return a moment, in seconds after the beginning."""
    return Now(START + timedelta(seconds=seconds), seconds, synchronised=False)


def came(db: Database, number: str = HERS, seconds: float = 0.0, *, delay: float = 0.0, words: str = "oui") -> int:
    """Receive a text, judge it by rules that answer all countries, and return the id of its contact."""
    identity = identify(Address(number[1:], Ton.INTERNATIONAL), "BE")
    contact = store_steps.record_whole(db, "main", "text", identity, words, at(seconds))
    store_steps.judge(db, contact, at(seconds), EVERYWHERE, delay=delay)
    return contact


def let_out(db: Database, seconds: float, planned: object = ONE) -> gate.Begun:
    """Let the next segment out."""
    return segment_of(begin_next(db, at(seconds), planned))  # type: ignore[arg-type]


def state(db: Database, contact: int = 1) -> tuple[str, str | None]:
    """Return the state and the reason of the answer to a contact."""
    row = db.the("SELECT state, reason FROM answers WHERE contact_id = ?", contact)
    return row["state"], row["reason"]


def report(
    db: Database, seconds: float, mr: int = 7, status: int = 0, number: str = HERS, ton: Ton = Ton.INTERNATIONAL
) -> int | None:
    """Receive a status report, and return the segment that it was matched to."""
    recipient = Address(number.lstrip("+"), ton)
    with db.transaction():
        return fates.apply_report(db, tpdu.StatusReport(None, mr, recipient, None, None, status), at(seconds))


def asked_again(db: Database, planned: object = ONE) -> gate.Begun:
    """Lose the result of an answer's first segment, requeue the answer, and return that segment."""
    came(db)
    begun = let_out(db, 1, planned)
    lose(db, begun, at(121))
    assert verdicts.requeue(db, 1, "marie", at(130)) is None
    return begun


# ---- a late proof ends a requeued answer


@pytest.mark.parametrize(("status", "becomes"), [(0x00, "delivered"), (0x20, "sent"), (0x46, "undelivered")])
def test_report_that_an_answer_left_whole_ends_its_requeue(db: Database, status: int, becomes: str) -> None:
    """The answer is not sent again; `cancel` returns its new state."""
    asked_again(db)
    report(db, 140, status=status)

    assert state(db) == (becomes, None)
    assert queue.due(db, at(150)) == []
    assert verdicts.cancel(db, 1, "marie", at(150)) == becomes


def test_late_result_of_the_last_segment_ends_a_requeue(db: Database) -> None:
    """The answer is sent, and cannot be requeued."""
    begun = asked_again(db)
    fates.settle_late(db, begun.segment_id, 7, RULES, at(140))

    assert state(db) == ("sent", None)
    assert verdicts.requeue(db, 1, "marie", at(150)) == "sent"


def test_answer_proven_to_have_left_half_stays_requeued_whole(db: Database) -> None:
    """Its segments all go again, unless a person cancels it.

    An answer that a person cancels has failed.
    """
    begun = asked_again(db, TWO)
    fates.settle_late(db, begun.segment_id, 7, RULES, at(140))

    assert state(db)[0] == "queued"
    assert verdicts.cancel(db, 1, "marie", at(150)) is None
    assert state(db) == ("failed", "person")


def test_late_result_after_a_report_changes_nothing(db: Database) -> None:
    """The delivery report says more; the stored message reference stays."""
    came(db)
    begun = let_out(db, 1)
    lose(db, begun, at(121))
    report(db, 130)

    assert fates.settle_late(db, begun.segment_id, 9, RULES, at(140)) is None
    assert state(db) == ("delivered", None)
    assert db.value("SELECT mr FROM answer_segments") == 7


# ---- an answer that was ended does not go on


def _cancel(db: Database) -> None:
    verdicts.cancel(db, 1, "marie", at(140))


def _block(db: Database) -> None:
    decisions.block(db, HERS, "marie", at(140))
    decisions.unblock(db, HERS, "marie", at(141))


def _grow_old(db: Database) -> None:
    queue.sweep(db, timedelta(seconds=5), at(140), by_calendar=False)


@pytest.mark.parametrize(("ended_by", "reason"), [(_cancel, "person"), (_block, "blocked"), (_grow_old, "stale")])
def test_late_result_does_not_continue_an_answer_that_was_ended(db: Database, ended_by: object, reason: str) -> None:
    """The second segment stays unsent, though proof comes within the hour."""
    begun = asked_again(db, TWO)
    ended_by(db)  # type: ignore[operator]
    assert state(db) == ("unconfirmed", reason)
    fates.settle_late(db, begun.segment_id, 7, RULES, at(200))

    assert state(db) == ("failed", reason)
    assert queue.due(db, at(200)) == []


# ---- the recipient and the attempt that a report is matched to


@pytest.mark.parametrize("other", ["+33621123456", "+352621123456", "+621123456"])
def test_report_with_an_international_address_matches_the_whole_number(db: Database, other: str) -> None:
    """Mobile numbers of different countries may share their last nine digits."""
    came(db, "+31621123456")
    lose(db, segment_of(begin_next(db, at(1), ONE, EVERYWHERE)), at(121))

    assert report(db, 130, number=other) is None
    assert report(db, 131, number="0621123456", ton=Ton.NATIONAL) is not None
    assert state(db)[0] == "delivered"


@pytest.mark.parametrize(
    ("digits", "fits"),
    [("3456", False), ("123456", False), ("0123456", False), ("70123456", True), ("470123456", True)],
)
def test_report_with_too_few_digits_matches_no_recipient(db: Database, digits: str, fits: bool) -> None:
    """National numbers have at least seven digits, all of them the recipient's."""
    came(db, "+32470123456")
    lose(db, let_out(db, 1), at(121))

    assert (report(db, 130, number=digits, ton=Ton.UNKNOWN) is not None) == fits


def test_report_on_an_earlier_attempt_leaves_the_answer_alone(db: Database) -> None:
    """The answer shows the state and report of its latest attempt."""
    asked_again(db)
    take(db, let_out(db, 200), at(201), 50)
    report(db, 210, status=0x46)

    assert state(db) == ("sent", None)
    assert db.value("SELECT reported_at FROM answers") is None
    assert [row["state"] for row in db.all("SELECT state FROM answer_segments ORDER BY id")] == ["undelivered", "sent"]


def test_report_matches_the_latest_segment_with_its_reference(db: Database) -> None:
    """A message reference has one byte and is used again."""
    rules = RULES._replace(limits=RULES.limits._replace(cooldown=(timedelta(0),)))
    for contact, seconds in ((1, 0.0), (2, 86400.0)):
        came(db, seconds=seconds, words=f"encore {contact}")
        if contact == 2:
            db.connection.execute("UPDATE contacts SET verdict = NULL, reason = NULL WHERE id = 2")
            store_steps.judge(db, 2, at(seconds), rules)
        take(db, segment_of(begin_next(db, at(seconds + 1), ONE, rules)), at(seconds + 2), 7)
    report(db, 86500)

    assert [state(db, contact)[0] for contact in (1, 2)] == ["sent", "delivered"]


def test_report_more_than_eight_days_late_matches_nothing(db: Database) -> None:
    """The network gives up a text after a few days."""
    came(db)
    take(db, let_out(db, 1), at(2), 7)

    assert report(db, 8 * 86400 + 2) is None
    assert report(db, 8 * 86400) is not None


# ---- time and recipient of a requeued answer


def test_requeued_answer_that_never_left_keeps_its_due_time(db: Database) -> None:
    """A mistaken cancel does not shorten the delay."""
    came(db, delay=1800)
    verdicts.cancel(db, 1, "marie", at(60))
    assert verdicts.requeue(db, 1, "marie", at(120)) is None
    assert queue.due(db, at(1799)) == []
    take(db, let_out(db, 1800), at(1801))


def test_requeued_answer_whose_due_time_is_over_goes_at_once(db: Database) -> None:
    """An answer that may have left does so, too."""
    came(db)
    refuse(db, let_out(db, 1), at(2), 27)
    assert verdicts.requeue(db, 1, "marie", at(60)) is None
    lose(db, let_out(db, 60), at(180))
    assert verdicts.requeue(db, 1, "marie", at(200)) is None
    assert [turn.answer_id for turn in queue.due(db, at(200))] == [1]


def test_requeued_answer_that_may_have_left_goes_at_once(db: Database) -> None:
    """The due time of its next try does not delay it."""
    came(db)
    begun = let_out(db, 1)
    lose(db, begun, at(2))
    db.connection.execute("UPDATE answers SET due_limit = 900")
    assert verdicts.requeue(db, 1, "marie", at(60)) is None
    assert [turn.answer_id for turn in queue.due(db, at(60))] == [1]


def test_requeued_answer_is_the_newest(db: Database) -> None:
    """The answer to a later text goes behind it."""
    asked_again(db)
    came(db, HIS, 60)
    db.connection.execute("UPDATE answers SET share = 'new'")

    assert let_out(db, 200).recipient == HERS
    assert let_out(db, 201).recipient == HIS


def test_requeue_refuses_blocked_and_opted_out_recipients(db: Database) -> None:
    """Both addresses and the configuration count; a text by hand still goes.

    The text by hand goes to a number that opted out, not to a blocked one.
    """
    came(db)
    refuse(db, let_out(db, 1), at(2), 27)
    assert verdicts.requeue(db, 1, "marie", at(3), blocked=[HERS]) == "blocked"
    decisions.block(db, HERS, "marie", at(4))
    assert verdicts.requeue(db, 1, "marie", at(5)) == "blocked"
    decisions.unblock(db, HERS, "marie", at(6))
    db.connection.execute("UPDATE contacts SET other_originator = ?", (HIS,))
    decisions.block(db, HIS, "marie", at(7))
    assert verdicts.requeue(db, 1, "marie", at(8)) == "blocked"
    decisions.unblock(db, HIS, "marie", at(9))
    with db.transaction():
        decisions.opt_out(db, HERS, at(10))
    assert verdicts.requeue(db, 1, "marie", at(11)) == "opted_out"
    with db.transaction():
        typed = verdicts.enqueue_by_hand(db, HERS, ONE, RULES, at(12), kind=ByHand.SEND, who="marie")
    assert isinstance(typed, int)
    verdicts.cancel_by_hand(db, typed, "marie", at(13))
    assert verdicts.requeue_by_hand(db, typed, "marie", at(14)) is None


def test_requeue_restores_all_tries_and_a_new_age(db: Database) -> None:
    """The answer had failed after its last try."""
    came(db)
    seconds = 1.0
    for contact in range(2, 8):
        refuse(db, let_out(db, seconds), at(seconds), 42)
        seconds = db.value("SELECT due_limit FROM answers WHERE id = 1")
        other = came(db, f"+3247000{contact:04}", seconds)
        answer = db.value("SELECT id FROM answers WHERE contact_id = ?", other)
        take(db, segment_of(store_steps.begin(db, answer, at(seconds), ONE)), at(seconds))
        seconds += 1
    assert state(db) == ("failed", "cms_42")
    later = 30 * 3600.0
    assert verdicts.requeue(db, 1, "marie", at(later)) is None
    assert queue.sweep(db, timedelta(hours=24), at(later + 60), by_calendar=False) == 0
    refuse(db, let_out(db, later + 60), at(later + 60), 42)
    assert state(db)[0] == "queued"


def test_requeued_answer_ages_from_its_requeue_by_both_clocks(db: Database) -> None:
    """The contact's time stamp is a day old, and counts nowhere."""
    came(db)
    db.connection.execute("UPDATE contacts SET scts = '2026-11-24T22:00:00+00:00'")
    lose(db, let_out(db, 1), at(2))
    now = at(30 * 3600)._replace(synchronised=True)
    assert verdicts.requeue(db, 1, "marie", now) is None
    assert queue.sweep(db, timedelta(hours=24), now, by_calendar=True) == 0
    assert isinstance(begin_next(db, now, ONE), gate.Begun)


# ---- output for people


def test_requeue_says_when_the_answer_goes(filled: Filled) -> None:
    """The answer keeps its due time, and `requeue` says so."""
    contact = filled.text("oui")
    filled.judge(contact, delay=FAR)
    filled.run("cancel", str(contact))
    said = filled.run("requeue", str(contact)).stdout

    assert f"The answer to contact {contact} is queued again. It keeps its time: " in " ".join(said.split())


@pytest.mark.parametrize("words", ["the number is blocked", "the number asked not to be answered"])
def test_requeue_refuses_in_words(filled: Filled, words: str) -> None:
    """The hint names the command that lifts the rule.

    The command exits with 75, as for every rule that refuses.
    """
    contact = filled.text("oui")
    filled.judge(contact, delay=FAR)
    if "blocked" in words:
        filled.run("block", KEVIN)
    else:
        filled.judge(filled.text("STOP"))
    result = filled.run("requeue", str(contact))

    assert result.exit_code == 75
    assert words in result.stderr
    assert "unblock" in result.stderr


# ---- all that a time left perhaps sent


def doubtful(db: Database, number: str, seconds: float) -> int:
    """Receive a text, let the daemon end while its answer is being submitted, and return the id of its contact."""
    contact = came(db, number, seconds)
    let_out(db, seconds)
    assert fates.recover(db, at(seconds)) == 1
    return contact


def test_answers_that_were_perhaps_sent_since_a_moment_are_sent_again(db: Database) -> None:
    """Each number gets the latest one, unless something was taken or waits, or the number is refused or erased."""
    early, twice, blocked, opted_out, reached, by_hand, waits, erased = (f"+324700000{n}" for n in range(10, 18))
    later = 100_000.0
    for seconds, number in enumerate((early, twice, blocked, opted_out, reached, by_hand, waits, erased)):
        doubtful(db, number, seconds)
    assert doubtful(db, twice, later) == 9
    came(db, reached, later)
    take(db, let_out(db, later), at(later))
    with db.transaction():
        verdicts.enqueue_by_hand(db, by_hand, ONE, EVERYWHERE, at(later), kind=ByHand.SEND, who="marie")
    take(db, let_out(db, later), at(later))
    came(db, waits, later, delay=900.0)
    decisions.block(db, blocked, "marie", at(later))
    came(db, opted_out, later, words="stop")
    with db.transaction():
        db.execute("UPDATE answers SET text = NULL WHERE recipient = ?", erased)
    left_out = {"taken": 2, "waits": 1, "blocked": 1, "opted_out": 1, "erased": 1}

    since = at(1).rfc3339
    assert verdicts.perhaps_sent(db, since) == verdicts.PerhapsSent(1, at(later).rfc3339, left_out)
    assert verdicts.requeue_since(db, since, "marie", at(later + 9)) == verdicts.PerhapsSent(
        1, at(later).rfc3339, left_out
    )
    assert verdicts.perhaps_sent(db, since) == verdicts.PerhapsSent(0, None, left_out | {"waits": 2})
    assert [turn.answer_id for turn in queue.due(db, at(later + 9))] == [
        db.value("SELECT id FROM answers WHERE contact_id = 9")
    ]
    assert [tuple(row) for row in db.all("SELECT contact_id, who FROM events WHERE kind = 'requeue'")] == [(9, "marie")]
    assert verdicts.requeue_since(db, at(0).rfc3339, "marie", at(later + 9), blocked=[early]).left_out["blocked"] == 2
