"""The state of a line: what is the same text, what is a new one, and what an answer's states do to the limits."""

import contextlib
import itertools
import os
import random
import tempfile
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_steps import PLAN, RULES, SOURCE, begin_next, listing, lose, make_empty, record, refuse, segment_of, take
from store_steps import begin as begin_answer
from store_steps import judge as judge_contact

from hotlined import migrations, policy, pseudonym
from hotlined.clock import Now
from hotlined.database_files import PINS, beside
from hotlined.errors import DatabaseInUseError, DatabaseMissingError, DatabaseVersionError, RefusedError, StoreError
from hotlined.gsm.address import Address, Ton, identify
from hotlined.gsm.alphabet import plan
from hotlined.simulator import pdus
from hotlined.states import ByHand, Refusal, RequestState
from hotlined.store.answers import answers, breakers, contacts, decisions, fates, gate, queue, windows
from hotlined.store.file.opening import open_beside_daemon, open_for_daemon
from hotlined.store.line import pins, requests
from hotlined.store.line.database import Database
from hotlined.store.line.history import history_of
from hotlined.store.line.line import (
    Sending,
    breaker_of,
    commit_share_wait,
    commit_wait,
    flood_began,
    is_paused,
    maybe_ready_since,
    note_flood,
    note_pause,
    note_ready,
    save_limit_clock,
    sending_of,
)
from hotlined.store.line.requests import RequestVerb
from hotlined.store.people import backup
from hotlined.timing import USUAL

SENDER = "+32470123456"
SENT = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """Give an open database of its own to each test."""
    with open_for_daemon(make_empty(tmp_path / "hotlined.db")) as database:
        yield database


def at(_: Database, seconds: float) -> Now:
    """Return a moment so many seconds after the database was made, on both clocks."""
    return Now(SENT + timedelta(seconds=seconds), seconds, synchronised=False)


def text(body: str = "oui", sender: str = SENDER, *, scts: datetime = SENT, reference: int = 0) -> list[str]:
    """Return the PDUs of a text."""
    return pdus.write_text(sender, body, scts=scts, reference=reference)


def scan(db: Database, *entries: str, seconds: float = 0.0, complete: bool = True) -> list[contacts.Recorded]:
    """Record a listing of SM."""
    return record(db, *entries, now=at(db, seconds), complete=complete)


def count(db: Database, table: str) -> int:
    """Return the number of rows."""
    row = db.one(f"SELECT count(*) FROM {table}")
    assert row
    return int(row[0])


def contact(db: Database, contact_id: int = 1) -> dict[str, Any]:
    """Return a contact."""
    row = db.one("SELECT * FROM contacts WHERE id = ?", contact_id)
    assert row
    return dict(row)


# ---- the same text


def test_a_text_that_was_not_deleted_is_the_same_text_when_it_is_listed_again(db: Database) -> None:
    """A crash or a refusal between commit and deletion makes no second row."""
    (pdu,) = text()
    first = scan(db, pdu)
    again = scan(db, pdu)

    assert [kept.segment_id for kept in again] == [kept.segment_id for kept in first]
    assert (count(db, "contacts"), count(db, "segments")) == (1, 1)
    assert contact(db)["repeats"] == 0


def test_reading_what_is_known_writes_nothing(db: Database) -> None:
    """A deletion that is refused each time costs no write to the card."""
    scan(db, *text())
    before = db.connection.total_changes
    scan(db, *text())

    assert db.connection.total_changes == before


def test_a_text_delivered_again_after_its_deletion_is_a_repeat(db: Database) -> None:
    """The network's second delivery of a text is counted, not answered."""
    (pdu,) = text()
    contacts.confirm_deleted(db, [kept.segment_id for kept in scan(db, pdu)], at(db, 1))
    scan(db, pdu)

    assert count(db, "contacts") == 1
    assert contact(db)["repeats"] == 1


def test_two_entries_that_are_equal_are_a_text_and_its_repeat(db: Database) -> None:
    """Entries are matched as multisets: one row stands for one entry only."""
    (pdu,) = text()
    first = scan(db, pdu)
    both = scan(db, pdu, pdu)

    assert len({kept.segment_id for kept in both}) == 2
    assert first[0].segment_id in {kept.segment_id for kept in both}
    assert contact(db)["repeats"] == 1


def test_another_time_stamp_is_another_text(db: Database) -> None:
    """Who sends the same word twice has sent two texts."""
    scan(db, *text(), *text(scts=SENT + timedelta(seconds=1)))

    assert count(db, "contacts") == 2


def test_a_row_that_a_whole_listing_does_not_show_has_been_deleted(db: Database) -> None:
    """A crash between deletion and its confirmation is made good by the next listing, but only by a complete one."""
    (pdu,) = text()
    scan(db, pdu)
    scan(db, complete=False)
    assert db.one("SELECT 1 FROM segments WHERE deleted_at IS NULL")
    scan(db)
    assert not db.one("SELECT 1 FROM segments WHERE deleted_at IS NULL")


def test_a_text_that_moved_to_another_index_is_deleted_there(db: Database) -> None:
    """Indexes renumbered by a reset are taken from the listing, never from memory."""
    (pdu,) = text()
    scan(db, pdu)
    (kept,) = contacts.record_listing(db, SOURCE, listing(pdu, start=7), at(db, 1), complete=True)

    assert kept.index == 7
    assert count(db, "segments") == 1


def test_a_listing_takes_the_row_of_its_own_storage(db: Database) -> None:
    """A text that lies in two storages keeps both rows, whichever of them is listed again."""
    (pdu,) = text()
    contacts.record_listing(db, SOURCE._replace(storage="ME"), listing(pdu, pdu), at(db, 0), complete=True)
    scan(db, pdu)
    scan(db, pdu)

    rows = db.all("SELECT storage FROM segments WHERE deleted_at IS NULL ORDER BY storage")
    assert [row["storage"] for row in rows] == ["ME", "SM"]


def test_another_sim_is_another_text(db: Database) -> None:
    """The same octets on another SIM are not the same text."""
    (pdu,) = text()
    scan(db, pdu)
    contacts.record_listing(db, SOURCE._replace(imsi="208"), listing(pdu), at(db, 1), complete=True)

    assert count(db, "contacts") == 2


def test_what_will_not_decode_is_kept_with_its_reason(db: Database) -> None:
    """Octets that make no sense are a contact of kind unreadable, raw, and may leave the SIM."""
    kept = scan(db, "07912374151616F6FF", "", "ZZ")

    assert len(kept) == 3
    assert [row["kind"] for row in db.all("SELECT kind FROM contacts")] == ["unreadable"] * 3
    assert all(row["problem"] for row in db.all("SELECT problem FROM segments"))


# ---- concatenated texts

LONG = "".join(f"{count:03} " for count in range(150))  # four segments


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::5])
def test_segments_are_joined_in_any_order(db: Database, order: tuple[int, ...]) -> None:
    """However the segments arrive, the text is the one that was sent, and it is one contact."""
    parts = text(LONG)
    for index in order:
        scan(db, parts[index])

    assert count(db, "contacts") == 1
    assert contact(db)["text"] == LONG
    assert (contact(db)["segments_received"], contact(db)["segments_total"]) == (4, 4)


def test_a_missing_segment_is_an_ellipsis_and_is_filled_in_when_it_comes(db: Database) -> None:
    """An incomplete text is waited for, judged as it is, and completed later without another verdict."""
    parts = text(LONG)
    scan(db, parts[0], parts[2], parts[3])
    assert not contacts.unjudged(db, at(db, 29))
    assert queue.waiting(db).judgement == contacts.INCOMPLETE_AFTER_SECONDS
    assert contacts.unjudged(db, at(db, 30)) == [(1, False)]
    assert "…" in contact(db)["text"]
    judge(db, 1, 30)
    scan(db, parts[1], seconds=300)

    assert contact(db)["text"] == LONG
    assert not contacts.unjudged(db, at(db, 301))
    assert count(db, "contacts") == count(db, "answers") == 1


def test_the_same_reference_from_two_originators_is_two_texts(db: Database) -> None:
    """References are the sender's own: two senders' segments never mix."""
    ours, theirs = text("a" * 200), text("b" * 200, "+32470999999")
    scan(db, ours[0], theirs[1], theirs[0], ours[1])

    assert {row["text"] for row in db.all("SELECT text FROM contacts")} == {"a" * 200, "b" * 200}


def test_a_reference_used_again_a_day_later_is_another_text(db: Database) -> None:
    """A segment that is missing since yesterday is not filled by today's."""
    scan(db, text("a" * 200)[0])
    scan(db, *text("b" * 200, scts=SENT + timedelta(days=1)), seconds=86400)

    assert [row["text"] for row in db.all("SELECT text FROM contacts")] == ["a" * 153 + "…", "b" * 200]


def test_two_interleaved_texts_under_one_reference_stay_two(db: Database) -> None:
    """A phone that uses one reference for everything is still understood."""
    first, second = text("a" * 200), text("b" * 200, scts=SENT + timedelta(seconds=5))
    scan(db, first[0], second[0], first[1], second[1])

    assert [row["text"] for row in db.all("SELECT text FROM contacts")] == ["a" * 200, "b" * 200]


def test_a_segment_delivered_twice_is_a_repeat(db: Database) -> None:
    """A repeated segment neither completes a text nor starts another."""
    parts = text("a" * 200)
    contacts.confirm_deleted(db, [scan(db, parts[0])[0].segment_id], at(db, 1))
    scan(db, parts[0])

    assert contact(db)["segments_received"] == 1
    assert contact(db)["repeats"] == 1


def test_a_pair_split_by_the_senders_phone_survives(db: Database) -> None:
    """An emoji whose halves lie in two segments is whole in the log."""
    body = "x" * 66 + "😀" + "y" * 10
    octets = body.encode("utf-16-be")
    halves = [octets[:134], octets[134:]]
    parts = []
    for sequence, half in enumerate(halves, 1):
        header = bytes([5, 0, 3, 7, 2, sequence])
        whole = pdus.write_delivers(SENDER, "ucs2", half[:2], scts=SENT, reference=0)[0]
        front = whole[: -len(f"{2:02X}" + half[:2].hex())]
        first_octet = 2 * (1 + int(whole[:2], 16))
        flags = int(front[first_octet : first_octet + 2], 16) | 0x40
        front = f"{front[:first_octet]}{flags:02X}{front[first_octet + 2 :]}"
        user_data = header + half
        parts.append(front + f"{len(user_data):02X}" + user_data.hex().upper())
    scan(db, parts[1], parts[0])

    assert contact(db)["text"] == body


def test_the_sender_of_an_mms_is_its_originator(db: Database) -> None:
    """The notification comes from a centre; the contact is who sent the message."""
    scan(db, *pdus.write_mms("+32479001122", "photo", scts=SENT, reference=9))

    assert (contact(db)["kind"], contact(db)["originator"]) == ("mms", "+32479001122")


def test_a_text_to_a_port_keeps_its_words_and_is_not_answered(db: Database) -> None:
    """What is addressed to an application but written in an alphabet can be read; octets are data and nothing else."""
    words = "Je sais où tu habites"
    scan(
        db,
        *pdus.write_delivers(
            SENDER, "ucs2", words.encode("utf-16-be"), scts=SENT, reference=1, ports=bytes([5, 4, 0x15, 0x81, 0, 0])
        ),
    )
    scan(
        db,
        *pdus.write_delivers(SENDER, "8bit", b"octets", scts=SENT, reference=2, ports=bytes([5, 4, 0x15, 0x81, 0, 0])),
        seconds=9,
    )

    assert [(row["kind"], row["text"]) for row in db.all("SELECT kind, text FROM contacts ORDER BY id")] == [
        ("data", words),
        ("data", None),
    ]
    assert judge(db).reason is policy.Reason.NOT_TEXT


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1_000_000))
def test_any_interleaving_of_listings_and_deletions_keeps_each_text_once(seed: int) -> None:
    """Whatever is listed, deleted, refused and interrupted in between: as many contacts as texts, every text whole."""
    dice = random.Random(seed)
    bodies = dice.choices(["court", "é" * 161, "😀" * 80], k=dice.randint(1, 4))
    waiting = [
        pdu
        for number, body in enumerate(bodies)
        for pdu in text(body, f"+3247000000{number}", scts=SENT + timedelta(seconds=number), reference=number)
    ]
    dice.shuffle(waiting)
    with tempfile.TemporaryDirectory() as name, open_for_daemon(make_empty(Path(name) / "hotlined.db")) as db:
        stored: list[str] = []
        while waiting or stored:
            arrived = dice.randint(0, len(waiting))
            stored, waiting = stored + waiting[:arrived], waiting[arrived:]
            kept = scan(db, *stored, complete=dice.random() < 0.5)
            gone = {entry.index for entry in kept if dice.random() < 0.7}
            stored = [pdu for index, pdu in enumerate(stored, 1) if index not in gone]
            if dice.random() < 0.5:
                confirmed = [entry.segment_id for entry in kept if entry.index in gone]
                contacts.confirm_deleted(db, confirmed, at(db, 1))
        texts = sorted(row["text"] for row in db.all("SELECT text FROM contacts"))

        assert texts == sorted(bodies)
        assert sum(row["repeats"] for row in db.all("SELECT repeats FROM contacts")) == 0


# ---- answers


def judge(db: Database, contact_id: int = 1, seconds: float = 0.0, **changes: Any) -> policy.Verdict:
    """Judge a contact."""
    return judge_contact(db, contact_id, at(db, seconds), RULES._replace(**changes))


def begin(db: Database, seconds: float = 0.0, *, shadow: bool = False, **changes: Any) -> gate.TurnResult:
    """Let the first due answer's next segment out."""
    return begin_next(db, at(db, seconds), rules=RULES._replace(**changes), shadow=shadow)


def recipients(db: Database, seconds: float) -> list[str]:
    """Return to whom the answers are whose turn it is."""
    return [
        row["recipient"]
        for turn in queue.due(db, at(db, seconds))
        for row in db.all("SELECT recipient FROM answers WHERE id = ?", turn.answer_id)
    ]


def queue_one(db: Database) -> None:
    """Put one answer of two segments into the queue."""
    scan(db, *text())
    assert judge(db).answer


def answer(db: Database) -> dict[str, Any]:
    """Return the first answer."""
    row = db.one("SELECT * FROM answers")
    assert row
    return dict(row)


def begun(db: Database, seconds: float = 0.0) -> gate.Begun:
    """Begin a segment that the gate lets out."""
    return segment_of(begin(db, seconds))


def test_both_segments_count_when_the_first_is_begun(db: Database) -> None:
    """The whole answer is counted in the transaction that begins it."""
    queue_one(db)
    begun(db)

    assert answer(db)["state"] == "sending"
    assert windows.spent(db, at(db, 1), shadow=False)["hour"].total == 2


def test_an_answer_is_sent_when_every_segment_is(db: Database) -> None:
    """Sent means that each segment had its +CMGS."""
    queue_one(db)
    take(db, begun(db), at(db, 1), 1)
    assert answer(db)["state"] == "sending"
    take(db, begun(db, 2), at(db, 3), 2)

    assert (answer(db)["state"], answer(db)["sent_at"]) == ("sent", at(db, 3).rfc3339)


def test_a_crash_between_two_segments_goes_on_with_the_second(db: Database) -> None:
    """What was never submitted is submitted after a restart, and only that, under the stored reference."""
    queue_one(db)
    first = begun(db)
    take(db, first, at(db, 1), 1)
    assert fates.recover(db, at(db, 2)) == 0
    second = begun(db, 3)

    assert (second.sequence, second.total) == (2, 2)
    assert second.pdu != first.pdu


def test_a_crash_during_a_segment_is_unconfirmed_and_stays_so(db: Database) -> None:
    """A segment that was being submitted is never submitted again, and nothing behind it is."""
    queue_one(db)
    begun(db)
    assert fates.recover(db, at(db, 1)) == 1

    assert answer(db)["state"] == "unconfirmed"
    assert queue.due(db, at(db, 9999)) == []
    assert windows.spent(db, at(db, 1), shadow=False)["hour"].total == 1


def test_what_cannot_have_left_counts_for_nothing(db: Database) -> None:
    """A refused answer spends no budget and starts no cooldown."""
    queue_one(db)
    refuse(db, begun(db), at(db, 1), 27)

    assert (answer(db)["state"], answer(db)["reason"]) == ("failed", "cms_27")
    assert windows.spent(db, at(db, 1), shadow=False)["hour"].total == 0
    assert history_of(db, SENDER, shadow=False) == policy.History()


def test_a_refusal_of_the_line_is_tried_with_growing_pauses_to_an_end_while_others_leave(db: Database) -> None:
    """Tries come later and later; when others left between all of them, the answer has failed after the fifth."""
    queue_one(db)
    now, pauses = 0.0, []
    for other in range(policy.MOST_REFUSALS + 1):
        refuse(db, begun(db, now), at(db, now), 38)
        if answer(db)["state"] == "failed":
            break
        pauses.append(answer(db)["due_limit"] - now)
        assert queue.due(db, at(db, answer(db)["due_limit"] - 1)) == []
        scan(db, *text("autre", f"+3247100000{other}", scts=SENT + timedelta(seconds=now)), seconds=now + 1)
        contact_id = contacts.unjudged(db, at(db, now + 1))[0].contact_id
        assert judge(db, contact_id, now + 1).answer
        for mr in (1, 2):
            take(db, begun(db, now + 2), at(db, now + 2), mr)
        now = answer(db)["due_limit"]

    assert pauses == [*USUAL.retry_after, USUAL.retry_after[-1]]
    assert (answer(db)["state"], answer(db)["reason"]) == ("failed", "cms_38")


def test_while_nothing_leaves_nothing_fails(db: Database) -> None:
    """Refusals with nobody else's segment taken between them bring no answer to its end before it is stale."""
    queue_one(db)
    now = 0.0
    for _ in range(3 * policy.MOST_REFUSALS):
        refuse(db, begun(db, now), at(db, now), 38)
        now = answer(db)["due_limit"]

    assert answer(db)["state"] == "queued"
    assert windows.spent(db, at(db, now), shadow=False)["hour"].total == 0


def test_a_refused_second_segment_leaves_the_first_counted(db: Database) -> None:
    """Half an answer has been paid for, and the place of the other half is kept without an end."""
    queue_one(db)
    take(db, begun(db), at(db, 1))
    refuse(db, begun(db, 2), at(db, 2), 38)

    assert (answer(db)["state"], answer(db)["text"]) == ("queued", PLAN.text)
    assert windows.spent(db, at(db, 3), shadow=False)["hour"].total == 2
    assert windows.spent(db, at(db, 7200), shadow=False)["hour"].total == 1
    assert history_of(db, SENDER, shadow=False).answers == 1
    assert begun(db, 7200).sequence == 2


def test_what_the_modem_said_is_a_detail_and_no_reason(db: Database) -> None:
    """The reason of an answer is a code; the words of an error without a cause stand with its segment."""
    queue_one(db)
    first = begun(db)
    fates.settle(db, first, policy.Refused(detail="+CME ERROR: unknown"), at(db, 1))
    segment = db.the("SELECT cause, detail FROM answer_segments WHERE id = ?", first.segment_id)

    assert answer(db)["reason"] == "error"
    assert tuple(segment) == ("error", "+CME ERROR: unknown")


def test_a_value_has_a_row_and_an_insert_says_its_id(db: Database) -> None:
    """Where a query has no row there is no value, which is an error; rows are inserted by the names of columns."""
    with db.transaction():
        event_id = db.insert("events", at="2026-11-24T22:00:00.000Z", kind="pause", who="marie")

    assert db.value("SELECT who FROM events WHERE id = ?", event_id) == "marie"
    with pytest.raises(LookupError):
        db.value("SELECT who FROM events WHERE id = ?", event_id + 1)


def test_a_refused_answer_is_composed_anew(db: Database) -> None:
    """Before a segment has left, no text is stored: what goes out is what is in force then."""
    queue_one(db)
    assert answer(db)["text"] is None
    refuse(db, begun(db), at(db, 1), 38)

    assert (answer(db)["text"], answer(db)["segments"]) == (None, None)


def test_a_late_result_settles_an_unconfirmed_answer(db: Database) -> None:
    """A +CMGS that comes after its time limit turns unconfirmed into sent, if nothing else is missing."""
    queue_one(db)
    take(db, begun(db), at(db, 1))
    second = begun(db, 2)
    lose(db, second, at(db, 3))
    assert answer(db)["state"] == "unconfirmed"
    fates.settle_late(db, second.segment_id, 7, RULES, at(db, 200))

    assert answer(db)["state"] == "sent"


@pytest.mark.parametrize(("seconds", "state"), [(3600.0, "sending"), (3603.0, "failed")])
def test_a_late_result_lets_the_rest_go_on_within_the_hour(db: Database, seconds: float, state: str) -> None:
    """The second segment follows a first one that was unconfirmed: in time, else half of the answer was sent."""
    queue_one(db)
    first = begun(db)
    lose(db, first, at(db, 1))
    assert windows.spent(db, at(db, 2), shadow=False)["hour"].total == 1
    fates.settle_late(db, first.segment_id, 7, RULES, at(db, seconds))

    assert answer(db)["state"] == state
    assert [turn.answer_id for turn in queue.due(db, at(db, seconds))] == ([1] if state == "sending" else [])


def test_a_report_proves_and_starts_nothing(db: Database) -> None:
    """Half of an answer that a status report proves to have left has failed: nothing is unknown any more.

    What left is no sign of an outage: the attempt counts neither for the breaker nor against it.
    """
    queue_one(db)
    lose(db, begun(db), at(db, 1))
    scan(db, pdus.write_status_report(7, SENDER, SENT, SENT, 0), seconds=60)

    assert (answer(db)["state"], answer(db)["reason"]) == ("failed", "half")
    assert db.value("SELECT outcome FROM attempts") == "no_evidence"
    assert queue.due(db, at(db, 61)) == []


@pytest.mark.parametrize(("status", "state"), [(0x00, "delivered"), (0x20, "sent"), (0x46, "undelivered")])
def test_a_status_report_settles_its_segment_by_recipient_and_reference(db: Database, status: int, state: str) -> None:
    """Reports are matched after any time and restart, and are no contacts."""
    queue_one(db)
    for mr in (41, 42):
        take(db, begun(db, mr), at(db, mr), mr)
    reports = [pdus.write_status_report(mr, SENDER, SENT, SENT, status) for mr in (42, 41)]
    scan(db, *reports, seconds=60)

    assert answer(db)["state"] == state
    assert count(db, "contacts") == 1
    assert {row["kind"] for row in db.all("SELECT kind FROM segments WHERE answer_segment_id IS NOT NULL")} == {
        "status_report"
    }


def test_a_write_needs_an_open_transaction(db: Database) -> None:
    """A statement that writes outside a transaction fails at once, instead of committing by itself."""
    with pytest.raises(AssertionError, match="outside a transaction"):
        db.execute("UPDATE line_state SET own_number = 'x'")
    with pytest.raises(AssertionError, match="outside a transaction"):
        note_ready(db, 0.0)


def test_what_follows_a_change_is_done_once_before_the_commit(db: Database) -> None:
    """All that a transaction asked for is done together at its end, and nothing of what was rolled back."""
    done: list[list[str]] = []

    def follow(inside: Database, subjects: Collection[str]) -> None:
        assert inside.connection.in_transaction
        done.append(sorted(subjects))

    with db.transaction():
        for subject in "bab":
            db.before_commit(follow, subject)
        assert done == []
    with contextlib.suppress(ZeroDivisionError), db.transaction():
        db.before_commit(follow, "c")
        raise ZeroDivisionError
    with db.transaction():
        pass

    assert done == [["a", "b"]]


def test_a_report_about_another_number_settles_nothing(db: Database) -> None:
    """References are one octet and come again: the recipient has to fit too."""
    queue_one(db)
    for mr in (41, 42):
        take(db, begun(db, mr), at(db, mr), mr)
    scan(db, pdus.write_status_report(41, "+32499000000", SENT, SENT, 0), seconds=60)

    assert answer(db)["state"] == "sent"


def test_a_second_answer_to_a_number_waits_for_the_cooldown(db: Database) -> None:
    """Texts while an answer is queued, and then within the cooldown, get none; after it they do."""
    queue_one(db)
    scan(db, *text("encore", scts=SENT + timedelta(seconds=9)))
    assert judge(db, 2, 9).reason is policy.Reason.PENDING
    for mr in (1, 2):
        take(db, begun(db, 10), at(db, 10), mr)
    for seconds, reason in ((86409.0, policy.Reason.COOLDOWN), (86410.0, policy.Reason.COOLDOWN_OVER)):
        scan(db, *text("encore", scts=SENT + timedelta(seconds=seconds)), seconds=seconds)
        contact_id = contacts.unjudged(db, at(db, seconds))[0].contact_id
        assert judge(db, contact_id, seconds).reason is reason


def send_all(db: Database, seconds: float) -> None:
    """Send the two segments of the answer that is due."""
    for mr in (1, 2):
        take(db, begun(db, seconds), at(db, seconds), mr)


def receive(db: Database, body: str, seconds: float) -> policy.Reason:
    """Receive a text and judge it."""
    scan(db, *text(body, scts=SENT + timedelta(seconds=seconds)), seconds=seconds)
    contact_id = contacts.unjudged(db, at(db, seconds))[0].contact_id
    return judge(db, contact_id, seconds).reason


def test_stop_silences_a_number_for_good_until_a_person_undoes_it(db: Database) -> None:
    """At any time, also as the first word; lifting it makes the number like any other again."""
    assert receive(db, "Stop svp !", 0) is policy.Reason.OPTED_OUT
    assert receive(db, "allo ?", 200 * 86400) is policy.Reason.OPTED_OUT
    decisions.lift_opt_out(db, SENDER, "admin", at(db, 200 * 86400))
    assert receive(db, "allo ?", 201 * 86400) is policy.Reason.FIRST_CONTACT


def test_stop_while_an_answer_is_queued_cancels_it(db: Database) -> None:
    """Who says no before the answer has left gets none."""
    queue_one(db)
    assert receive(db, "STOP", 60) is policy.Reason.OPTED_OUT

    assert (answer(db)["state"], answer(db)["reason"]) == ("cancelled", "opted_out")


def test_an_out_of_office_is_answered_once(db: Database) -> None:
    """A machine's second equal text is a loop, whatever the cooldown."""
    away = "Je suis absent jusqu'au 12. Pour toute urgence, appelez le bureau."
    assert receive(db, away, 0) is policy.Reason.FIRST_CONTACT
    send_all(db, 1)
    assert receive(db, away, 9 * 86400) is policy.Reason.LOOP


def test_shadow_mode_counts_for_itself_alone(db: Database) -> None:
    """What was not transmitted limits shadow mode, and nothing once the line is live."""
    queue_one(db)

    assert begin(db, shadow=True) == gate.Shadowed()
    assert answer(db)["state"] == "shadowed"
    assert windows.spent(db, at(db, 1), shadow=True)["hour"].total == 2
    assert windows.spent(db, at(db, 1), shadow=False)["hour"].total == 0


def test_a_block_cancels_what_is_queued_at_once(db: Database) -> None:
    """What people decide holds before the next send, and is seen before it, whether a daemon runs or not."""
    queue_one(db)
    assert decisions.block(db, SENDER, "admin", at(db, 1)) == 1

    assert (answer(db)["state"], answer(db)["reason"]) == ("cancelled", "blocked")


def test_a_person_cancels_one_answer_and_decides_nothing_about_its_number(db: Database) -> None:
    """What was cancelled by hand is not sent; the next text is answered."""
    queue_one(db)
    assert answers.cancel(db, 1, "admin", at(db, 1)) is None
    assert answers.cancel(db, 1, "admin", at(db, 2)) == "cancelled"

    assert (answer(db)["state"], answer(db)["reason"]) == ("cancelled", "person")
    assert receive(db, "encore", 60) is policy.Reason.FIRST_CONTACT


def test_a_stale_answer_is_cancelled(db: Database) -> None:
    """What an outage or a full budget held back for longer than max_age is not sent."""
    queue_one(db)
    begin(db, 86401)

    assert (answer(db)["state"], answer(db)["reason"]) == ("cancelled", "stale")


def test_what_waited_for_too_long_is_swept_whatever_holds_it_back(db: Database) -> None:
    """A queue that nobody asks the gate about grows stale all the same, and the next text is answered."""
    queue_one(db)
    assert queue.sweep(db, RULES.max_age, at(db, 86400), by_calendar=False) == 0
    assert queue.sweep(db, RULES.max_age, at(db, 86401), by_calendar=False) == 1

    assert (answer(db)["state"], answer(db)["reason"]) == ("cancelled", "stale")
    assert receive(db, "encore", 86402) is policy.Reason.FIRST_CONTACT


def test_a_call_grows_old_without_power_too(db: Database) -> None:
    """A call has no time stamp of the centre: where the calendar could be trusted when it came, that tells its age."""
    came = at(db, 0)._replace(synchronised=True)
    caller = identify(Address(SENDER[1:], Ton.INTERNATIONAL), "BE")
    assert judge(db, contacts.record_call(db, "fr", caller, came)).answer
    later = Now(came.utc + timedelta(hours=25), 60.0, synchronised=True)
    assert queue.sweep(db, RULES.max_age, later._replace(synchronised=False), by_calendar=True) == 0
    assert queue.sweep(db, RULES.max_age, later, by_calendar=True) == 1


def test_a_hold_is_written_once(db: Database) -> None:
    """What holds a share back is a word of the line, and holding on costs no write."""
    commit_share_wait(db, policy.Share.NEW, policy.WaitingFor.BUDGET_HOUR)
    before = db.connection.total_changes
    commit_share_wait(db, policy.Share.NEW, policy.WaitingFor.BUDGET_HOUR)

    assert db.connection.total_changes == before


# ---- what a review found


def test_new_numbers_go_first_and_the_oldest_of_each_kind(db: Database) -> None:
    """Whose turn it may be: the oldest answer to a new number, and behind it the oldest to one that was answered."""
    known, first, second = "+32470000001", "+32470000002", "+32470000003"
    scan(db, *text(sender=known))
    judge(db, 1, 0)
    send_all(db, 0)
    for number, sender in enumerate((known, first, second), 2):
        scan(db, *text("encore", sender=sender, scts=SENT + timedelta(days=2)), seconds=2 * 86400.0 + number)
        assert judge(db, number, 2 * 86400.0 + number).answer

    assert recipients(db, 3 * 86400.0) == [first, known]


def test_an_answer_that_waits_does_not_hold_up_another_that_was_begun(db: Database) -> None:
    """Each answer that was begun gets its turn, whatever another one waits for."""
    queue_one(db)
    take(db, begun(db), at(db, 1), 1)
    scan(db, *text("autre", "+32470999999"), seconds=2)
    judge(db, 2, 2)
    last = queue.due(db, at(db, 3))[-1]
    begin_answer(db, last.answer_id, at(db, 3))

    assert recipients(db, 4) == [SENDER, "+32470999999"]


def test_shadow_mode_does_not_forget_what_left_live(db: Database) -> None:
    """An answer half sent when the mode is changed keeps its count, and is not called shadowed."""
    queue_one(db)
    take(db, begun(db), at(db, 1), 1)
    begin(db, 2, shadow=True)

    assert answer(db)["state"] == "sending"
    assert history_of(db, SENDER, shadow=False).answers == 1


def test_what_was_begun_is_finished_whatever_its_age(db: Database) -> None:
    """Only an answer that was not begun can be stale."""
    queue_one(db)
    take(db, begun(db, 86399), at(db, 86399), 1)

    assert begun(db, 86401).sequence == 2


def test_a_report_that_was_overtaken_changes_nothing(db: Database) -> None:
    """Delivered stays delivered when an older report says: still trying."""
    queue_one(db)
    for mr in (41, 42):
        take(db, begun(db, mr), at(db, mr), mr)
    for status in (0x00, 0x20):
        scan(db, *(pdus.write_status_report(mr, SENDER, SENT, SENT, status) for mr in (41, 42)), seconds=60)

    assert answer(db)["state"] == "delivered"


def test_requeue_counts_anew_and_keeps_what_was_counted(db: Database) -> None:
    """The cooldown runs from the answer that a person sent again; the windows keep both."""
    queue_one(db)
    lose(db, begun(db), at(db, 1))
    assert answers.requeue(db, 1, "admin", at(db, 500)) is None
    assert windows.spent(db, at(db, 500), shadow=False)["hour"].total == 1
    take(db, begun(db, 1000), at(db, 1000), 1)

    assert windows.spent(db, at(db, 1000), shadow=False)["hour"].total == 3
    assert history_of(db, SENDER, shadow=False).last_answer == 1000


def test_a_request_cut_off_by_a_crash_is_ended(db: Database) -> None:
    """Nobody waits for what a daemon that is gone had begun."""
    request_id = requests.ask(db, RequestVerb.SEND, {}, "admin", db.now())
    requests.next_request(db, db.now())
    requests.recover(db, db.now())

    assert requests.progress_of(db, request_id).state == "refused"


def test_who_waits_for_a_request_hears_that_it_was_not_begun_or_did_not_end(db: Database) -> None:
    """What nobody begins is withdrawn, unless the daemon begins it just then; what has no result is not called done."""
    withdrawn, begun_then = (requests.ask(db, RequestVerb.BALANCE, {}, "pi", db.now()) for _ in range(2))
    with pytest.raises(RefusedError, match="did not begin"):
        requests.wait_for(db, withdrawn, lambda: requests.expire(db, withdrawn, db.now()), begun_within=0.0)

    def begin_instead() -> bool:
        request = requests.next_request(db, db.now())
        return request is None or requests.expire(db, request.request_id, db.now())

    with pytest.raises(RefusedError, match="No result came yet"):
        requests.wait_for(db, begun_then, begin_instead, begun_within=0.0, ended_within=0.0)
    assert requests.progress_of(db, withdrawn).state is RequestState.EXPIRED
    assert requests.progress_of(db, begun_then).state is RequestState.BEGUN
    requests.end(db, begun_then, "5.00 EUR", db.now())
    assert requests.wait_for(db, begun_then, lambda: False).result == "5.00 EUR"


@pytest.mark.parametrize(("status", "state"), [(0x00, "delivered"), (0x20, "sent"), (0x46, "undelivered")])
def test_a_text_that_was_taken_is_done_whatever_its_report_says(db: Database, status: int, state: str) -> None:
    """A report that comes before the request is settled does not make a refusal of a text that the network took."""
    request_id = requests.ask(db, RequestVerb.SEND, {"number": SENDER, "text": "Salut"}, "pi", at(db, 0))
    requests.next_request(db, at(db, 0))
    with db.transaction():
        answer_id = answers.enqueue_by_hand(
            db, SENDER, plan("Salut"), RULES, at(db, 0), kind=ByHand.SEND, who="pi", shadow=False
        )
        assert isinstance(answer_id, int)
        requests.await_answer(db, request_id, answer_id)
    assert requests.settle(db, at(db, 0)) == 1
    take(db, begun(db, 1), at(db, 1), 41)
    scan(db, pdus.write_status_report(41, SENDER, SENT, SENT, status), seconds=2)

    assert requests.settle(db, at(db, 3)) == 0
    assert requests.progress_of(db, request_id) == requests.RequestProgress(RequestState.DONE, state, answer_id)


def test_transactions_that_share_a_commit_are_each_whole_or_nothing(db: Database) -> None:
    """One that fails leaves the others as they are, and nobody else sees any of them before the end."""
    with open_beside_daemon(db.path) as reader:
        with db.shared_commit():
            with db.transaction():
                note_pause(db, "pi", at(db, 0))
            with contextlib.suppress(ZeroDivisionError), db.transaction():
                note_flood(db, 1.0)
                raise ZeroDivisionError
            with db.transaction():
                note_ready(db, 2.0)
            assert not is_paused(reader)
        assert is_paused(reader)
        assert flood_began(reader) is None
        assert maybe_ready_since(reader) == 2.0


def test_nothing_remains_of_a_shared_commit_whose_end_is_not_reached(db: Database) -> None:
    """What comes after a transaction may fail: then the pass has written nothing, and the next one begins anew."""
    with contextlib.suppress(ZeroDivisionError), db.shared_commit():
        with db.transaction():
            note_pause(db, "pi", at(db, 0))
        raise ZeroDivisionError
    assert not is_paused(db)

    with db.transaction():
        note_pause(db, "pi", at(db, 0))
    assert is_paused(db)


def test_what_the_loop_asks_reads_no_whole_table(db: Database) -> None:
    """A database of years answers what every pass asks, and what the way of a text asks, from its indexes."""
    queries: list[str] = []
    db.connection.set_trace_callback(queries.append)
    now = at(db, 1)
    queue.waiting(db)
    queue.due(db, now)
    queue.next_dues(db)
    queue.requeue_half_sent(db)
    queue.sweep(db, RULES.max_age, now, by_calendar=False)
    commit_wait(db, policy.WaitingFor.NETWORK)
    fates.recover(db, now)
    contacts.unjudged(db, now)
    contacts.watch_flood(db, now)
    requests.next_request(db, now)
    requests.settle(db, now)
    scan(db)
    receive(db, "x" * 200, 0)
    send_all(db, 1)
    receive(db, "encore", 2)
    scan(db, pdus.write_status_report(1, SENDER, SENT, SENT, 0), seconds=3)
    contacts.has_call(db, identify(Address(SENDER[1:], Ton.INTERNATIONAL), "BE"), 0.0)
    answers.notice(db, 1)
    db.connection.set_trace_callback(None)
    plans = {
        query: [row["detail"] for row in db.all(f"EXPLAIN QUERY PLAN {query}")]
        for query in queries
        if query.startswith(("SELECT", "UPDATE"))
    }
    harmless = {
        "SCAN contacts USING INDEX contacts_unjudged",  # it holds nothing but what is not judged yet
        "SCAN answer_segments USING COVERING INDEX answer_segments_waiting",  # nothing but the second halves that wait
        "SCAN line_state",  # one row
        "SCAN CONSTANT ROW",  # no table at all
        "SCAN country_outages",  # a row for a country that is answered
        "SCAN c",  # the few that its sub-query finds
        "SCAN json_each VIRTUAL TABLE INDEX 1:",  # the names of one person
    }
    scans = {(step, query) for query, plan in plans.items() for step in plan if step.startswith("SCAN")}

    assert len(plans) > 30
    assert not [(step, query) for step, query in scans if step not in harmless]


# ---- floods


def test_a_flood_is_an_event_with_its_beginning_its_end_and_its_size(db: Database) -> None:
    """Many contacts in ten minutes are one flood, recorded twice: when it begins and when it is over."""
    for count in range(contacts.FLOOD_CONTACTS - 1):
        scan(db, *text("x", f"+32470{count:06}", scts=SENT + timedelta(seconds=count)), seconds=count)
    assert contacts.watch_flood(db, at(db, 60)) is None
    for count in range(10):
        scan(db, *text("y", f"+32471{count:06}"), seconds=60)
    assert contacts.watch_flood(db, at(db, 61)) == "flood_begin"
    assert contacts.watch_flood(db, at(db, 62)) is None
    assert contacts.watch_flood(db, at(db, 661)) == "flood_end"
    assert contacts.watch_flood(db, at(db, 662)) is None

    assert [tuple(row) for row in db.all("SELECT kind, detail FROM events")] == [
        ("flood_begin", '{"contacts": 69, "seconds": 600}'),
        ("flood_end", '{"contacts": 69}'),
    ]


# ---- the database


def test_a_second_daemon_is_refused(db: Database) -> None:
    """One database has one daemon."""
    with pytest.raises(DatabaseInUseError):
        open_for_daemon(db.path)


def test_a_newer_schema_is_refused_and_left_alone(db: Database) -> None:
    """What a later version wrote is neither read nor migrated by this one."""
    with db.transaction():
        db.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('hotlined', 'later', '')")
    with pytest.raises(DatabaseVersionError):
        open_beside_daemon(db.path)
    db.close()
    with pytest.raises(DatabaseVersionError):
        open_for_daemon(db.path)


def test_an_older_schema_is_not_touched_by_commands(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the daemon migrates; a command says so."""
    monkeypatch.setattr(migrations, "SCHEMA", (*migrations.SCHEMA, ("next", ("CREATE TABLE next (x)",))))
    with pytest.raises(StoreError, match="earlier version"):
        open_beside_daemon(db.path)


def test_no_database_is_said_so(tmp_path: Path) -> None:
    """A command before the first start says what makes the database."""
    with pytest.raises(DatabaseMissingError):
        open_beside_daemon(tmp_path / "none.db")


def test_what_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    """A damaged file is never overwritten."""
    path = tmp_path / "damaged.db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError):
        open_for_daemon(path)

    assert path.read_bytes() == b"this is no database" * 100


def test_files_are_for_the_group_to_read_alone(tmp_path: Path) -> None:
    """Texts of strangers are read by the group and nobody else; nobody but the owner writes, or holds the lock."""
    folder = tmp_path / "state"
    own = {"hotlined.db", "hotlined.db-wal", "hotlined.db-shm"}
    before = os.umask(0o077)
    try:
        with open_for_daemon(folder / "hotlined.db") as db:
            with db.transaction():
                save_limit_clock(db, db.now())
            running = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    finally:
        os.umask(before)
    stopped = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}

    assert folder.stat().st_mode & 0o7777 == 0o2750
    assert running == stopped == dict.fromkeys(own, 0o640) | {"hotlined.db.lock": 0o600}


@pytest.mark.parametrize("trap", ["link", "fifo", "folder"])
def test_a_lock_that_is_a_trap_is_not_followed(db: Database, tmp_path: Path, trap: str) -> None:
    """A link, a FIFO or a folder in its place is an error at once, and what a link leads to stays as it is."""
    db.close()
    lock, target = db.path.with_name("hotlined.db.lock"), tmp_path / "target"
    lock.unlink()
    target.touch(0o644)
    {"link": lambda: lock.symlink_to(target), "fifo": lambda: os.mkfifo(lock), "folder": lock.mkdir}[trap]()
    with pytest.raises(StoreError):
        open_for_daemon(db.path)

    assert target.stat().st_mode & 0o777 == 0o644


def test_migrating_twice_changes_nothing(db: Database) -> None:
    """What is applied is not applied again."""
    before = list(db.connection.iterdump())
    migrations.apply(db.path)

    assert list(db.connection.iterdump()) == before


def test_the_limit_clock_goes_on_after_a_restart(db: Database) -> None:
    """Within a boot it is exact; of another boot only the time since then is added, never taken away."""
    now = db.now()
    with db.transaction():
        save_limit_clock(db, now)
    db.close()
    with open_for_daemon(db.path) as again:
        assert again.now().limit >= now.limit
        assert again.now().limit - now.limit < 60
        again.connection.execute("UPDATE line_state SET boot_id = 'another', limit_time = 1e9")
    with open_for_daemon(db.path) as later:
        assert later.now().limit >= 1e9


def test_a_request_that_nobody_begins_expires(db: Database) -> None:
    """What was asked of a daemon that did not run is not done when it starts later."""
    request_id = requests.ask(db, RequestVerb.BALANCE, {}, "admin", db.now())
    db.connection.execute("UPDATE requests SET expires_boottime = 0")
    assert requests.next_request(db, db.now()) is None
    assert requests.progress_of(db, request_id).state == "expired"


def test_requests_are_begun_in_their_order_and_ended_once(db: Database) -> None:
    """The oldest open request is taken first, and none twice."""
    first, second = (requests.ask(db, RequestVerb.BALANCE, {"n": n}, "admin", db.now()) for n in "12")
    taken = [requests.next_request(db, db.now()) for _ in range(3)]
    requests.end(db, first, "scanned", db.now())

    assert [request and request.request_id for request in taken] == [first, second, None]
    assert requests.progress_of(db, first) == requests.RequestProgress(RequestState.DONE, "scanned", None)
    assert not requests.expire(db, second, db.now())


def test_of_a_verb_that_is_none_nothing_is_begun(db: Database) -> None:
    """What another version asked for is refused as unknown; what waits behind it is begun."""
    strange, known = (requests.ask(db, verb, {}, "admin", db.now()) for verb in ("scan", "adopt"))
    begun = requests.next_request(db, db.now())

    assert begun == requests.Request(known, RequestVerb.ADOPT, {}, "admin")
    assert requests.progress_of(db, strange) == requests.RequestProgress(
        RequestState.REFUSED, Refusal.UNKNOWN_VERB, None
    )


def test_a_pin_is_tried_once_for_each_sim(db: Database) -> None:
    """A try is on the disk before it is made; only an accepted PIN may be given again."""
    assert not pins.was_refused(db, "sim", "digest")
    pins.commit_try(db, "sim", "digest", db.now())
    assert pins.was_refused(db, "sim", "digest")
    assert not pins.was_refused(db, "another", "digest")
    pins.accept(db, "sim", "digest")
    pins.commit_try(db, "sim", "digest", db.now())
    assert not pins.was_refused(db, "sim", "digest")
    pins.refuse(db, "sim", "digest")
    assert pins.was_refused(db, "sim", "digest")


def test_a_key_that_is_a_fifo_is_none(tmp_path: Path) -> None:
    """What stands in the place of the pseudonyms' key holds nobody up."""
    os.mkfifo(tmp_path / "hotlined.db.key")

    assert pseudonym.maybe_key(tmp_path / "hotlined.db.key") is None


def test_a_pin_cannot_be_found_from_the_database(db: Database, tmp_path: Path) -> None:
    """What is noted of a PIN depends on a secret that only the line's user reads and no backup has."""
    noted = pins.digest(db, "2580")
    secret = beside(db.path, PINS)

    assert pins.digest(db, "2580") == noted != pins.digest(db, "2581")
    assert secret.stat().st_mode & 0o777 == 0o600
    with backup.copied(db.path, lambda *_: None) as copy:
        (tmp_path / "copies.db").write_bytes(copy.read())
    assert not list(tmp_path.glob("copies.db*pins*"))
    secret.unlink()
    assert pins.digest(db, "2580") != noted


# ---- what a stick, or a flood, does to a line


@pytest.mark.parametrize(("same_boot", "is_open"), [(True, False), (False, True)])
def test_only_a_machine_that_starts_anew_blames_the_line(db: Database, same_boot: bool, is_open: bool) -> None:
    """Three segments submitted at three starts open the breaker where the stick took the Pi down, not after a kill."""
    for number in range(3):
        scan(db, *text(f"texte {number}", f"+3247000000{number}"), seconds=number)
        judge(db, number + 1, number)
        begun(db, number)
        if not same_boot:
            db.connection.execute("UPDATE attempts SET boot_id = 'another'")
        fates.recover(db, at(db, number))

    assert breaker_of(db).is_open is is_open
    assert {row["state"] for row in db.all("SELECT state FROM answers")} == {"unconfirmed"}


def test_a_restart_neither_closes_the_breaker_nor_buys_a_trial(db: Database) -> None:
    """What the breaker knows stands in the database: the next trial comes when it was due before."""
    for number in range(3):
        scan(db, *text(f"texte {number}", f"+3247000000{number}"), seconds=0)
        judge(db, number + 1)
        lose(db, begun(db), at(db, 0))
    before = breaker_of(db)
    fates.recover(db, at(db, 30))

    assert before.is_open
    assert breaker_of(db) == before
    assert not before.lets_try(59.0)
    assert before.lets_try(60.0)


def test_a_flood_of_first_halves_costs_a_further_one_no_more(db: Database) -> None:
    """However many incomplete texts an originator has left under one reference, the next segment looks at a few."""
    now = at(db, 0)
    with db.transaction():
        db.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000)"
            " INSERT INTO contacts (line, kind, originator, line_type, segments_received, segments_total,"
            " concatenation, scts, received_at, received_limit)"
            " SELECT 'fr', 'text', ?, 'mobile', 1, 2, ?, ?, ?, 0 FROM n",
            SENDER,
            f"{Address(SENDER[1:], Ton.INTERNATIONAL, 1)}/7/8/2",
            SENT.isoformat(),
            now.rfc3339,
        )
        db.execute(
            "INSERT INTO segments (contact_id, kind, sequence, pdu, imsi, received_at)"
            " SELECT id, 'deliver', 1, 'x' || id, '', received_at FROM contacts"
        )
    steps = [0]

    def count_steps() -> None:
        steps[0] += 1

    db.connection.set_progress_handler(count_steps, 1000)
    scan(db, text("y" * 200, scts=SENT + timedelta(minutes=1), reference=7)[0], seconds=60)
    db.connection.set_progress_handler(None, 0)

    assert count(db, "contacts") == 20001
    assert steps[0] < 20, f"{steps[0]} thousand steps of SQLite's machine"


def test_a_late_proof_for_an_attempt_that_was_asked_for_again_changes_that_attempt_alone(db: Database) -> None:
    """What a person queued once more leaves whole, whatever becomes known of the attempt before."""
    queue_one(db)
    first = begun(db)
    lose(db, first, at(db, 1))
    answers.requeue(db, 1, "admin", at(db, 2))
    fates.settle_late(db, first.segment_id, 7, RULES, at(db, 3))
    assert answer(db)["state"] == "queued"
    send_all(db, 4)

    assert answer(db)["state"] == "sent"
    assert [row["state"] for row in db.all("SELECT state FROM answer_segments ORDER BY id")] == [
        "sent",
        "cancelled",
        "sent",
        "sent",
    ]


def test_two_unconfirmed_segments_to_a_number_are_proven_by_no_report_without_a_reference(db: Database) -> None:
    """A report that fits more than one of them says nothing about either."""
    queue_one(db)
    lose(db, begun(db), at(db, 1))
    answers.requeue(db, 1, "admin", at(db, 2))
    lose(db, begun(db, 3), at(db, 4))
    scan(db, pdus.write_status_report(99, SENDER, SENT, SENT, 0), seconds=60)

    assert answer(db)["state"] == "unconfirmed"


def test_a_row_that_cannot_be_sent_is_set_aside(db: Database) -> None:
    """It has failed, an event has the reason, and the next answer has its turn."""
    queue_one(db)
    scan(db, *text("autre", "+32470999999"), seconds=1)
    judge(db, 2, 1)
    gate.set_aside(db, 1, "AddressError()", at(db, 2))

    assert (answer(db)["state"], answer(db)["reason"]) == ("failed", "set_aside")
    assert recipients(db, 3) == ["+32470999999"]
    assert [row["kind"] for row in db.all("SELECT kind FROM events WHERE contact_id = 1")] == ["set_aside"]


@pytest.mark.parametrize("step", ["sweep", "requeue_half_sent"])
def test_what_a_person_ends_in_the_same_moment_is_no_bug(db: Database, step: str) -> None:
    """A command of another process that comes between a look and the transaction behind it is seen there."""
    queue_one(db)
    if step == "requeue_half_sent":
        take(db, begun(db), at(db, 1))
    ended: list[str | None] = []

    def end_it_first(statement: str) -> None:
        if statement.startswith("BEGIN") and not ended:
            with open_beside_daemon(db.path) as other:
                ended.append(answers.cancel(other, 1, "pi", at(db, 2)))

    db.connection.set_trace_callback(end_it_first)
    if step == "sweep":
        queue.sweep(db, RULES.max_age, at(db, 90000), by_calendar=False)
    else:
        queue.requeue_half_sent(db)
    db.connection.set_trace_callback(None)

    assert ended == [None]
    assert (answer(db)["state"], answer(db)["reason"]) == ("cancelled" if step == "sweep" else "failed", "person")


# ---- trials, halves, and rows that are odd


def open_the_breaker(db: Database, limits: policy.Limits | None = None) -> None:
    """Let answers to three people be lost, so that the breaker opens at 0 s."""
    for number in range(3):
        scan(db, *text(f"perdu {number}", f"+3247900000{number}"), seconds=0)
        contact_id = contacts.unjudged(db, at(db, 0))[0].contact_id
        judge(db, contact_id)
        if breaker_of(db).is_open:
            return
        segment = segment_of(begin_next(db, at(db, 0), rules=RULES._replace(limits=limits or RULES.limits)))
        lose(db, segment, at(db, 0))
    assert breaker_of(db).is_open


def candidates(db: Database, seconds: float) -> list[str]:
    """Return who may be tried, in order."""
    return [
        row["recipient"]
        for turn in queue.due(db, at(db, seconds))
        if turn.trial
        for row in db.all("SELECT recipient FROM answers WHERE id = ?", turn.answer_id)
    ]


def queued(db: Database, *numbers: str, seconds: float = 0.0) -> None:
    """Queue an answer to each of these numbers."""
    for number in numbers:
        scan(db, *text(f"salut {number} {seconds}", number, scts=SENT + timedelta(seconds=seconds)), seconds=seconds)
        contact_id = contacts.unjudged(db, at(db, seconds))[0].contact_id
        assert judge(db, contact_id, seconds).answer


def test_a_candidate_that_waits_for_a_window_leaves_the_trial_to_the_next(db: Database) -> None:
    """A number that was taken before comes first, and where its share is full a new one has its chance."""
    known, new = "+32470000001", "+32470000002"
    queued(db, known)
    send_all(db, 0)
    open_the_breaker(db)
    queued(db, known, new, seconds=2 * 86400.0)

    assert candidates(db, 3 * 86400.0) == [known, new]


def first_trial(db: Database, seconds: float) -> queue.Turn:
    """Return who is tried first."""
    return next(turn for turn in queue.due(db, at(db, seconds)) if turn.trial)


def refuse_a_trial(db: Database, seconds: float) -> str:
    """Let the network refuse the trial that comes first, and return to whom it was."""
    first = first_trial(db, seconds)
    segment = segment_of(begin_answer(db, first.answer_id, at(db, seconds), trial=True))
    refuse(db, segment, at(db, seconds), 22)
    return segment.recipient


def test_who_is_alone_is_tried_once_in_each_round(db: Database) -> None:
    """Nobody is tried twice in a round, and in the next one whoever was last has his turn if there is nobody else."""
    open_the_breaker(db)
    queued(db, SENDER, seconds=2)
    assert refuse_a_trial(db, 400) == SENDER
    assert candidates(db, 401) == candidates(db, 699) == []

    assert candidates(db, 700) == [SENDER]


def test_whoever_was_tried_least_is_tried_first(db: Database) -> None:
    """Once everybody was tried, the oldest is tried again; who comes meanwhile has his turn before."""
    open_the_breaker(db)
    first, second, later = "+32470000001", "+32470000002", "+32470000003"
    queued(db, first, second, seconds=2)
    assert [refuse_a_trial(db, 400), refuse_a_trial(db, 401)] == [first, second]
    assert candidates(db, 402) == []
    assert candidates(db, 700) == [first]
    queued(db, later, seconds=402)

    assert candidates(db, 403) == candidates(db, 700) == [later]


def test_half_an_answer_is_no_proof_that_its_number_is_reached(db: Database) -> None:
    """While the breaker is open it is tried again like all others: whoever was tried less often comes before."""
    half, new = "+32470000001", "+32470000002"
    queued(db, half)
    take(db, begun(db), at(db, 0))
    refuse(db, begun(db, 1), at(db, 1), 22)
    open_the_breaker(db)
    queued(db, new, seconds=2)

    assert candidates(db, 400)[1:] == [half]


def test_a_pause_is_by_whoever_began_it(db: Database) -> None:
    """A second person who pauses a line that is paused changes neither since when nor by whom; the events name both.

    After `resume` the next one begins a pause of its own.
    """
    decisions.pause(db, "anna", at(db, 0))
    decisions.pause(db, "marie", at(db, 3600))
    first = sending_of(db)
    decisions.resume(db, "anna", at(db, 3700))
    decisions.pause(db, "marie", at(db, 7200))

    assert first == Sending("paused", "person", at(db, 0).rfc3339, "anna")
    assert sending_of(db) == Sending("paused", "person", at(db, 7200).rfc3339, "marie")
    said = [row["who"] for row in db.all("SELECT who FROM events WHERE kind = 'pause' ORDER BY id")]
    assert said == ["anna", "marie", "marie"]


@pytest.mark.parametrize("half", [False, True])
def test_a_trial_of_which_a_segment_left_keeps_its_pause(db: Database, half: bool) -> None:
    """A trial that its recipient cannot get is not used up, but where a segment of it left: that was paid for."""
    open_the_breaker(db)
    queued(db, "+32470000001", "+32470000002", seconds=1)
    first = first_trial(db, 60)
    segment = segment_of(begin_answer(db, first.answer_id, at(db, 60), trial=True))
    if half:
        take(db, segment, at(db, 60))
        segment = begun(db, 60)
    refuse(db, segment, at(db, 60), 27)

    assert breaker_of(db).is_open
    assert breaker_of(db).lets_try(61.0) is not half
    assert not half or breaker_of(db).lets_try(60.0 + 300.0)


def test_a_recipient_who_is_mistyped_opens_no_breaker(db: Database) -> None:
    """Texts by hand to numbers that are not there say nothing about the line."""
    for number in range(4):
        with db.transaction():
            queued_id = answers.enqueue_by_hand(
                db, f"+3247900000{number}", PLAN, RULES, at(db, number), kind=ByHand.SEND, who="pi", shadow=False
            )
        assert isinstance(queued_id, int)
        refuse(db, begun(db, number), at(db, number), 1)

    assert not breaker_of(db).is_open


def test_a_person_is_not_told_that_a_text_goes_when_others_take_its_room(db: Database) -> None:
    """What was accepted by hand and has not left yet counts for what is asked next."""
    limits = policy.Limits(segments=policy.Windows(3, 3, 3), reserve_for_new=0)
    rules = RULES._replace(limits=limits)
    accepted = []
    for number in range(2):
        with db.transaction():
            accepted.append(
                answers.enqueue_by_hand(
                    db, f"+3247900000{number}", PLAN, rules, at(db, 0), kind=ByHand.SEND, who="pi", shadow=False
                )
            )

    assert accepted == [1, policy.Wait(policy.WaitingFor.BUDGET_MONTH)]


def test_half_sent_answers_lost_since_the_breaker_closed_open_it_again(db: Database) -> None:
    """What ended after the breaker closed counts, however early its attempt began."""
    halves = [f"+3247000001{number}" for number in range(3)]
    for number in halves:
        queued(db, number)
        take(db, begun(db), at(db, 0))
        refuse(db, begun(db, 1), at(db, 1), 38)
        if breaker_of(db).is_open:
            with db.transaction():
                breakers.close_breaker(db, at(db, 2), "BE", USUAL.trial_after)
    with db.transaction():
        breakers.close_breaker(db, at(db, 3), "BE", USUAL.trial_after)
    for moment in (400.0, 401.0, 402.0):
        lose(db, begun(db, moment), at(db, moment))

    assert breaker_of(db).is_open


def test_an_answer_that_a_person_queued_again_and_took_back_is_unconfirmed_as_before(db: Database) -> None:
    """What may have left is not called cancelled, and a report about it is heard."""
    queue_one(db)
    lose(db, begun(db), at(db, 1))
    answers.requeue(db, 1, "pi", at(db, 2))
    assert answers.cancel(db, 1, "pi", at(db, 3)) is None
    assert answer(db)["state"] == "unconfirmed"
    scan(db, pdus.write_status_report(7, SENDER, SENT, SENT, 0), seconds=60)

    assert (answer(db)["state"], answer(db)["reason"]) == ("failed", "person")


def test_a_report_about_an_answer_that_was_set_aside_stops_nothing(db: Database) -> None:
    """It proves its own segment, and the answer stays what it is."""
    queue_one(db)
    lose(db, begun(db), at(db, 1))
    answers.requeue(db, 1, "pi", at(db, 2))
    gate.set_aside(db, 1, "AddressError()", at(db, 3))
    kept = scan(db, pdus.write_status_report(7, SENDER, SENT, SENT, 0), seconds=60)

    assert len(kept) == 1
    assert answer(db)["state"] == "failed"


def test_a_second_half_that_may_be_eithers_fault_fails_at_the_second_time(db: Database) -> None:
    """A phone that refuses the rest of its answer while others get theirs ends it."""
    queue_one(db)
    take(db, begun(db), at(db, 1))
    refuse(db, begun(db, 2), at(db, 2), 28)
    queued(db, "+32470999999", seconds=3)
    for moment in (4.0, 5.0):
        turn = queue.due(db, at(db, moment))[-1]
        segment = segment_of(begin_answer(db, turn.answer_id, at(db, moment)))
        take(db, segment, at(db, moment))
    refuse(db, begun(db, 100), at(db, 100), 28)

    assert (answer(db)["state"], answer(db)["reason"]) == ("failed", "cms_28")


def test_what_is_sent_again_may_be_longer_than_is_configured_now(db: Database) -> None:
    """A person who wants a stored answer once more is held to the windows, not to answer.max_segments."""
    queue_one(db)
    lose(db, begun(db), at(db, 1))
    answers.requeue(db, 1, "pi", at(db, 2))

    assert isinstance(begin(db, 3, max_segments=1), gate.Begun)


def test_an_mms_whose_segments_come_one_by_one_keeps_both_addresses(db: Database) -> None:
    """However often it is joined, the address that its contact does not go by is the other one."""
    for originator, other in (("8600", "8600"), (SENDER, "+32479001122")):
        parts = pdus.write_mms(
            "+32479001122", "photo" * 40, scts=SENT, reference=int(originator[-2:]), originator=originator
        )
        assert len(parts) > 2
        for index, part in enumerate(parts):
            scan(db, part, seconds=index)
        row = db.one("SELECT originator, other_originator FROM contacts ORDER BY id DESC LIMIT 1")
        assert row
        assert set(row) == {originator if originator == SENDER else "+32479001122", other}


def test_a_number_that_the_configuration_blocks_is_blocked_by_either_address(db: Database) -> None:
    """`numbers.blocked` holds for TP-OA and for From, like a block by command."""
    scan(db, *pdus.write_mms("+32479001122", "photo", scts=SENT, reference=9))
    row = contact(db)
    assert row["originator"] == "+32479001122"

    blocked = policy.Numbers(blocked=(row["other_originator"],))
    assert judge(db, 1, 0, numbers=blocked).reason is policy.Reason.BLOCKED
