"""The stored state of a line: known and new texts, and the states of an answer with their effect on limits."""

import contextlib
import itertools
import os
import random
import re
import tempfile
import time
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

from hotlined import RELEASED, migrations, pseudonym
from hotlined.database_files import PINS, beside
from hotlined.errors import DatabaseInUseError, DatabaseMissingError, DatabaseVersionError, RefusedError, StoreError
from hotlined.gsm.address import Address, Ton, identify
from hotlined.gsm.alphabet import plan
from hotlined.machine.clock import Now
from hotlined.machine.timing import USUAL
from hotlined.rules import policy
from hotlined.simulator import pdus
from hotlined.states import ByHand, Refusal, RequestState
from hotlined.store.answers import contacts, decisions, fates, gate, queue, verdicts, windows
from hotlined.store.file import integrity
from hotlined.store.file.opening import open_beside_daemon, open_for_daemon
from hotlined.store.line import pins, requests
from hotlined.store.line.database import Database
from hotlined.store.line.history import history_of
from hotlined.store.line.line_row import (
    Sending,
    commit_share_wait,
    commit_wait,
    note_flood,
    note_pause,
    note_ready,
    row_of,
    save_limit_clock,
)
from hotlined.store.line.requests import RequestVerb
from hotlined.store.people import backup
from hotlined.store.reading import forecast

SENDER = "+32470123456"
SENT = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """Give an open database of its own to each test."""
    with open_for_daemon(make_empty(tmp_path / "hotlined.db")) as database:
        yield database


def at(_: Database, seconds: float) -> Now:
    """Return a moment, in seconds after the database was made, on both clocks."""
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


def test_line_without_its_row_reads_as_a_new_one(db: Database) -> None:
    """All columns are read, with the values of a line that has just been made."""
    columns = {row["name"] for row in db.all("SELECT name FROM pragma_table_info('line_state')")}
    with db.transaction():
        db.execute("DELETE FROM line_state")
    without = row_of(db)
    with db.transaction():
        db.execute("INSERT INTO line_state (id) VALUES (1)")

    assert without == row_of(db)
    assert columns == {"id", *without._fields}


def test_undeleted_text_listed_again_is_the_same_text(db: Database) -> None:
    """A crash or refusal came before its deletion from the SIM."""
    (pdu,) = text()
    first = scan(db, pdu)
    again = scan(db, pdu)

    assert [kept.segment_id for kept in again] == [kept.segment_id for kept in first]
    assert (count(db, "contacts"), count(db, "segments")) == (1, 1)
    assert contact(db)["repeats"] == 0


def test_listing_of_known_texts_writes_nothing(db: Database) -> None:
    """A deletion refused each time costs the card no write."""
    scan(db, *text())
    before = db.connection.total_changes
    scan(db, *text())

    assert db.connection.total_changes == before


def test_text_delivered_again_after_its_deletion_is_a_repeat(db: Database) -> None:
    """The network's second delivery of a text is counted, not answered."""
    (pdu,) = text()
    contacts.confirm_deleted(db, "SM", [kept.segment_id for kept in scan(db, pdu)], at(db, 1))
    scan(db, pdu)

    assert count(db, "contacts") == 1
    assert contact(db)["repeats"] == 1


def test_text_that_the_modem_stored_twice_is_no_repeat(db: Database) -> None:
    """The other storage is listed once the first entry is gone: its entry is the same text, and is deleted, too."""
    (pdu,) = text()
    (kept,) = scan(db, pdu)
    contacts.confirm_deleted(db, "SM", [kept.segment_id], at(db, 1))
    elsewhere = contacts.record_listing(db, SOURCE._replace(storage="ME"), listing(pdu), at(db, 2), complete=True)

    assert [again.segment_id for again in elsewhere] == [kept.segment_id]
    assert (count(db, "segments"), contact(db)["repeats"]) == (1, 0)
    assert db.one("SELECT 1 FROM segments WHERE storage = 'ME' AND deleted_at IS NULL")
    assert not list(integrity.contradictions(db.connection, lambda _, __: None))


def test_two_equal_entries_are_a_text_and_its_repeat(db: Database) -> None:
    """Entries are matched as multisets: a row matches one entry only."""
    (pdu,) = text()
    first = scan(db, pdu)
    both = scan(db, pdu, pdu)

    assert len({kept.segment_id for kept in both}) == 2
    assert first[0].segment_id in {kept.segment_id for kept in both}
    assert contact(db)["repeats"] == 1


def test_another_time_stamp_is_another_text(db: Database) -> None:
    """The same words sent twice are two texts."""
    scan(db, *text(), *text(scts=SENT + timedelta(seconds=1)))

    assert count(db, "contacts") == 2


def test_row_missing_from_a_complete_listing_is_deleted(db: Database) -> None:
    """The confirmation was lost; an incomplete listing proves nothing."""
    (pdu,) = text()
    scan(db, pdu)
    scan(db, complete=False)
    assert db.one("SELECT 1 FROM segments WHERE deleted_at IS NULL")
    scan(db)
    assert not db.one("SELECT 1 FROM segments WHERE deleted_at IS NULL")


def test_text_whose_place_a_listing_could_not_show_is_still_there(db: Database) -> None:
    """A garbled line of a complete listing proves nothing about its place; read again, its text is the same one."""
    (pdu,) = text()
    scan(db, pdu)
    contacts.record_listing(db, SOURCE, [], at(db, 1), complete=True, unseen=[1])
    assert db.one("SELECT 1 FROM segments WHERE deleted_at IS NULL")
    scan(db, pdu)

    assert contact(db)["repeats"] == 0


def test_stored_copy_of_a_text_handed_over_directly_is_a_repeat(db: Database) -> None:
    """The first one lies in no storage, so nothing of it is still to be deleted."""
    (pdu,) = text()
    contacts.record(db, SOURCE._replace(storage=None), [contacts.read(pdu, len(pdu) // 2, None)], at(db, 0))
    assert db.one("SELECT 1 FROM segments WHERE deleted_at IS NOT NULL")
    scan(db, pdu)

    assert (count(db, "contacts"), contact(db)["repeats"]) == (1, 1)


def test_text_that_moved_is_deleted_at_its_new_index(db: Database) -> None:
    """A reset may renumber texts: only the listing's indexes count."""
    (pdu,) = text()
    scan(db, pdu)
    (kept,) = contacts.record_listing(db, SOURCE, listing(pdu, start=7), at(db, 1), complete=True)

    assert kept.index == 7
    assert count(db, "segments") == 1


def test_listing_matches_rows_of_its_own_storage(db: Database) -> None:
    """A text in two storages keeps both rows."""
    (pdu,) = text()
    contacts.record_listing(db, SOURCE._replace(storage="ME"), listing(pdu, pdu), at(db, 0), complete=True)
    scan(db, pdu)
    scan(db, pdu)

    rows = db.all("SELECT storage FROM segments WHERE deleted_at IS NULL ORDER BY storage")
    assert [row["storage"] for row in rows] == ["ME", "SM"]


def test_same_pdu_on_another_sim_is_another_text(db: Database) -> None:
    """Its IMSI differs."""
    (pdu,) = text()
    scan(db, pdu)
    contacts.record_listing(db, SOURCE._replace(imsi="208"), listing(pdu), at(db, 1), complete=True)

    assert count(db, "contacts") == 2


def test_undecodable_pdu_is_kept_with_its_reason(db: Database) -> None:
    """The raw contact of kind unreadable may leave the SIM."""
    kept = scan(db, "07912374151616F6FF", "", "ZZ")

    assert len(kept) == 3
    assert [row["kind"] for row in db.all("SELECT kind FROM contacts")] == ["unreadable"] * 3
    assert all(row["problem"] for row in db.all("SELECT problem FROM segments"))


# ---- concatenated texts

LONG = "".join(f"{count:03} " for count in range(150))  # four segments


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::5])
def test_segments_are_joined_in_any_order(db: Database, order: tuple[int, ...]) -> None:
    """The whole text is one contact in each order."""
    parts = text(LONG)
    for index in order:
        scan(db, parts[index])

    assert count(db, "contacts") == 1
    assert contact(db)["text"] == LONG
    assert (contact(db)["segments_received"], contact(db)["segments_total"]) == (4, 4)


def test_late_segment_completes_a_judged_text(db: Database) -> None:
    """The text had an ellipsis, and gets no second verdict."""
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


def test_same_reference_from_two_originators_is_two_texts(db: Database) -> None:
    """References belong to their sender: segments of two senders never mix."""
    ours, theirs = text("a" * 200), text("b" * 200, "+32470999999")
    scan(db, ours[0], theirs[1], theirs[0], ours[1])

    assert {row["text"] for row in db.all("SELECT text FROM contacts")} == {"a" * 200, "b" * 200}


@pytest.mark.parametrize("step", [1, -1], ids=["in order", "in reverse"])
def test_reference_used_again_a_day_later_is_another_text(db: Database, step: int) -> None:
    """Yesterday's missing segment is not filled by today's, though that comes first."""
    scan(db, text("a" * 200)[0])
    scan(db, *text("b" * 200, scts=SENT + timedelta(days=1))[::step], seconds=86400)

    assert [row["text"] for row in db.all("SELECT text FROM contacts")] == ["a" * 153 + "…", "b" * 200]


def test_interleaved_texts_with_one_reference_stay_apart(db: Database) -> None:
    """Some phones use one reference for all their texts."""
    first, second = text("a" * 200), text("b" * 200, scts=SENT + timedelta(seconds=5))
    scan(db, first[0], second[0], first[1], second[1])

    assert [row["text"] for row in db.all("SELECT text FROM contacts")] == ["a" * 200, "b" * 200]


def test_segment_delivered_twice_is_a_repeat(db: Database) -> None:
    """It neither completes a text nor starts another."""
    parts = text("a" * 200)
    contacts.confirm_deleted(db, "SM", [scan(db, parts[0])[0].segment_id], at(db, 1))
    scan(db, parts[0])

    assert contact(db)["segments_received"] == 1
    assert contact(db)["repeats"] == 1


def test_surrogate_pair_split_between_segments_is_joined(db: Database) -> None:
    """The log has the emoji whole."""
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


def test_originator_of_an_mms_is_its_sender(db: Database) -> None:
    """The notification itself comes from a centre."""
    scan(db, *pdus.write_mms("+32479001122", "photo", scts=SENT, reference=9))

    assert (contact(db)["kind"], contact(db)["originator"]) == ("mms", "+32479001122")


def test_text_to_a_port_is_stored_and_not_answered(db: Database) -> None:
    """Its addressee is an application; 8-bit data is not text."""
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
def test_interleaved_listings_and_deletions_keep_each_text_once(seed: int) -> None:
    """Each text becomes one whole contact, whatever is refused or interrupted.

    There are no repeats.
    """
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
                contacts.confirm_deleted(db, "SM", confirmed, at(db, 1))
        texts = sorted(row["text"] for row in db.all("SELECT text FROM contacts"))

        assert texts == sorted(bodies)
        assert sum(row["repeats"] for row in db.all("SELECT repeats FROM contacts")) == 0


# ---- answers


def judge(db: Database, contact_id: int = 1, seconds: float = 0.0, **changes: Any) -> policy.Verdict:
    """Judge a contact."""
    return judge_contact(db, contact_id, at(db, seconds), RULES._replace(**changes))


def begin(db: Database, seconds: float = 0.0, **changes: Any) -> gate.TurnResult:
    """Let the first due answer's next segment out."""
    return begin_next(db, at(db, seconds), rules=RULES._replace(**changes))


def recipients(db: Database, seconds: float) -> list[str]:
    """Return the recipients of the due answers."""
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


def test_whole_answer_counts_when_its_first_segment_begins(db: Database) -> None:
    """It counts in the same transaction."""
    queue_one(db)
    begun(db)

    assert answer(db)["state"] == "sending"
    assert windows.spent(db, at(db, 1))["hour"].total == 2


def test_answer_is_sent_when_all_segments_are(db: Database) -> None:
    """Each segment needs its +CMGS."""
    queue_one(db)
    take(db, begun(db), at(db, 1), 1)
    assert answer(db)["state"] == "sending"
    take(db, begun(db, 2), at(db, 3), 2)

    assert (answer(db)["state"], answer(db)["sent_at"]) == ("sent", at(db, 3).rfc3339)


def test_answer_interrupted_between_segments_goes_on(db: Database) -> None:
    """A restart sends only the segment that was never submitted.

    It goes out under the stored reference.
    """
    queue_one(db)
    first = begun(db)
    take(db, first, at(db, 1), 1)
    assert fates.recover(db, at(db, 2)) == 0
    second = begun(db, 3)

    assert (second.sequence, second.total) == (2, 2)
    assert second.pdu != first.pdu


def test_segment_interrupted_by_a_crash_is_unconfirmed(db: Database) -> None:
    """Neither it nor a later segment of its answer goes out."""
    queue_one(db)
    begun(db)
    assert fates.recover(db, at(db, 1)) == 1

    assert answer(db)["state"] == "unconfirmed"
    assert queue.due(db, at(db, 9999)) == []
    assert windows.spent(db, at(db, 1))["hour"].total == 1


def test_refused_answer_counts_for_nothing(db: Database) -> None:
    """It spends no budget and starts no cooldown."""
    queue_one(db)
    refuse(db, begun(db), at(db, 1), 27)

    assert (answer(db)["state"], answer(db)["reason"]) == ("failed", "cms_27")
    assert windows.spent(db, at(db, 1))["hour"].total == 0
    assert history_of(db, SENDER) == policy.History()


def test_refused_answer_fails_after_its_last_try_while_others_leave(db: Database) -> None:
    """Pauses grow; only refusals between accepted texts of others count."""
    queue_one(db)
    now, pauses = 0.0, []
    for other in range(policy.MOST_REFUSALS + 1):
        refuse(db, begun(db, now), at(db, now), 42)
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
    assert (answer(db)["state"], answer(db)["reason"]) == ("failed", "cms_42")


def test_refused_answer_stays_queued_while_nothing_leaves(db: Database) -> None:
    """Refusals count only with an accepted segment to others between them."""
    queue_one(db)
    now = 0.0
    for _ in range(3 * policy.MOST_REFUSALS):
        refuse(db, begun(db, now), at(db, now), 42)
        now = answer(db)["due_limit"]

    assert answer(db)["state"] == "queued"
    assert windows.spent(db, at(db, now))["hour"].total == 0


def test_refused_second_segment_leaves_the_first_counted(db: Database) -> None:
    """The first is paid for; the second waits without an end."""
    queue_one(db)
    take(db, begun(db), at(db, 1))
    refuse(db, begun(db, 2), at(db, 2), 42)

    assert (answer(db)["state"], answer(db)["text"]) == ("queued", PLAN.text)
    assert windows.spent(db, at(db, 3))["hour"].total == 2
    assert windows.spent(db, at(db, 7200))["hour"].total == 1
    assert history_of(db, SENDER).answers == 1
    assert begun(db, 7200).sequence == 2


def test_words_of_the_modem_are_a_detail_not_a_reason(db: Database) -> None:
    """Reasons are codes; the segment has the words."""
    queue_one(db)
    first = begun(db)
    fates.settle(db, first, policy.Refused(detail="+CME ERROR: unknown"), at(db, 1))
    segment = db.the("SELECT cause, detail FROM answer_segments WHERE id = ?", first.segment_id)

    assert answer(db)["reason"] == "error"
    assert tuple(segment) == ("error", "+CME ERROR: unknown")


def test_value_needs_a_row_and_insert_returns_its_id(db: Database) -> None:
    """A query without a row raises LookupError."""
    with db.transaction():
        event_id = db.insert("events", at="2026-11-24T22:00:00.000Z", kind="pause", who="marie")

    assert db.value("SELECT who FROM events WHERE id = ?", event_id) == "marie"
    with pytest.raises(LookupError):
        db.value("SELECT who FROM events WHERE id = ?", event_id + 1)


def test_refused_answer_is_composed_anew(db: Database) -> None:
    """No text is stored before a segment has left."""
    queue_one(db)
    assert answer(db)["text"] is None
    refuse(db, begun(db), at(db, 1), 42)

    assert (answer(db)["text"], answer(db)["segments"]) == (None, None)


def test_late_result_settles_an_unconfirmed_answer(db: Database) -> None:
    """The +CMGS came after its time limit; no segment is missing."""
    queue_one(db)
    take(db, begun(db), at(db, 1))
    second = begun(db, 2)
    lose(db, second, at(db, 3))
    assert answer(db)["state"] == "unconfirmed"
    fates.settle_late(db, second.segment_id, 7, RULES, at(db, 200))

    assert answer(db)["state"] == "sent"


@pytest.mark.parametrize(("seconds", "state"), [(3600.0, "sending"), (3603.0, "failed")])
def test_late_result_lets_the_rest_go_on_within_the_hour(db: Database, seconds: float, state: str) -> None:
    """Later, half of the answer was sent, and it has failed."""
    queue_one(db)
    first = begun(db)
    lose(db, first, at(db, 1))
    assert windows.spent(db, at(db, 2))["hour"].total == 1
    fates.settle_late(db, first.segment_id, 7, RULES, at(db, seconds))

    assert answer(db)["state"] == state
    assert [turn.answer_id for turn in queue.due(db, at(db, seconds))] == ([1] if state == "sending" else [])


@pytest.mark.parametrize(
    ("became", "awaited"), [("no_result", True), ("stopped", True), ("crashed", True), ("error", False)]
)
def test_result_of_a_segment_is_awaited_for_an_hour(db: Database, became: str, awaited: bool) -> None:
    """An error is a result; a segment does not await itself."""
    queue_one(db)
    first = begun(db)
    match became:
        case "crashed":
            fates.recover(db, at(db, 1))
        case "error":
            refuse(db, first, at(db, 1), 500)
        case _:
            fates.settle(db, first, policy.Unknown(policy.AttemptCause(became)), at(db, 1))

    assert answer(db)["state"] == "unconfirmed"
    assert fates.awaits_another_result(db, first.segment_id + 1, at(db, 3599), 3600) is awaited
    assert not fates.awaits_another_result(db, first.segment_id + 1, at(db, 3601), 3600)
    assert not fates.awaits_another_result(db, first.segment_id, at(db, 2), 3600)


def test_report_of_half_an_answer_makes_it_failed(db: Database) -> None:
    """The second segment stays unsent; the breaker ignores the attempt."""
    queue_one(db)
    lose(db, begun(db), at(db, 1))
    scan(db, pdus.write_status_report(7, SENDER, SENT, SENT, 0), seconds=60)

    assert (answer(db)["state"], answer(db)["reason"]) == ("failed", "half")
    assert db.value("SELECT outcome FROM attempts") == "no_evidence"
    assert queue.due(db, at(db, 61)) == []


@pytest.mark.parametrize(("status", "state"), [(0, "delivered"), (1, "sent"), (0x20, "sent"), (0x46, "undelivered")])
def test_report_settles_its_segment_by_recipient_and_reference(db: Database, status: int, state: str) -> None:
    """It may come late, and is not a contact."""
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


def test_write_outside_a_transaction_fails(db: Database) -> None:
    """It raises AssertionError, instead of committing by itself."""
    with pytest.raises(AssertionError, match="outside a transaction"):
        db.execute("UPDATE line_state SET own_number = 'x'")
    with pytest.raises(AssertionError, match="outside a transaction"):
        note_ready(db, 0.0)


def test_before_commit_runs_each_step_once_with_all_subjects(db: Database) -> None:
    """A transaction that is rolled back runs none."""
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


def test_report_about_another_number_settles_nothing(db: Database) -> None:
    """References have one byte and repeat: the recipient has to match."""
    queue_one(db)
    for mr in (41, 42):
        take(db, begun(db, mr), at(db, mr), mr)
    scan(db, pdus.write_status_report(41, "+32499000000", SENT, SENT, 0), seconds=60)

    assert answer(db)["state"] == "sent"


def test_second_answer_to_a_number_waits_for_the_cooldown(db: Database) -> None:
    """Texts that come before its end get none."""
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
    """Send the two segments of the due answer."""
    for mr in (1, 2):
        take(db, begun(db, seconds), at(db, seconds), mr)


def receive(db: Database, body: str, seconds: float) -> policy.Reason:
    """Receive a text and judge it."""
    scan(db, *text(body, scts=SENT + timedelta(seconds=seconds)), seconds=seconds)
    contact_id = contacts.unjudged(db, at(db, seconds))[0].contact_id
    return judge(db, contact_id, seconds).reason


def test_stop_silences_a_number_until_a_person_lifts_it(db: Database) -> None:
    """A stop as the first of several words holds, too."""
    assert receive(db, "Stop svp !", 0) is policy.Reason.OPTED_OUT
    assert receive(db, "allo ?", 200 * 86400) is policy.Reason.OPTED_OUT
    decisions.lift_opt_out(db, SENDER, "admin", at(db, 200 * 86400))
    assert receive(db, "allo ?", 201 * 86400) is policy.Reason.FIRST_CONTACT


def test_stop_cancels_a_queued_answer(db: Database) -> None:
    """Its reason is opted_out."""
    queue_one(db)
    assert receive(db, "STOP", 60) is policy.Reason.OPTED_OUT

    assert (answer(db)["state"], answer(db)["reason"]) == ("cancelled", "opted_out")


def test_out_of_office_text_is_answered_once(db: Database) -> None:
    """Its second equal text is a loop, even after the cooldown."""
    away = "Je suis absent jusqu'au 12. Pour toute urgence, appelez le bureau."
    assert receive(db, away, 0) is policy.Reason.FIRST_CONTACT
    send_all(db, 1)
    assert receive(db, away, 9 * 86400) is policy.Reason.LOOP


def test_block_cancels_queued_answers_at_once(db: Database) -> None:
    """No daemon is needed for it."""
    queue_one(db)
    assert decisions.block(db, SENDER, "admin", at(db, 1)) == 1

    assert (answer(db)["state"], answer(db)["reason"]) == ("cancelled", "blocked")


def test_cancel_ends_one_answer_and_leaves_its_number_alone(db: Database) -> None:
    """The number's next text is answered."""
    queue_one(db)
    assert verdicts.cancel(db, 1, "admin", at(db, 1)) is None
    assert verdicts.cancel(db, 1, "admin", at(db, 2)) == "cancelled"

    assert (answer(db)["state"], answer(db)["reason"]) == ("cancelled", "person")
    assert receive(db, "encore", 60) is policy.Reason.FIRST_CONTACT


def test_gate_cancels_a_stale_answer(db: Database) -> None:
    """The answer waited for longer than max_age."""
    queue_one(db)
    begin(db, 86401)

    assert (answer(db)["state"], answer(db)["reason"]) == ("cancelled", "stale")


@pytest.mark.parametrize("read_at", [0, 1])
def test_text_older_than_the_newest_known_moment_is_stale(db: Database, read_at: int) -> None:
    """An unsynchronised calendar does not make it fresh, at its verdict or while its answer waits."""
    scan(db, *text())
    known = [at(db, read_at)._replace(known=SENT + RULES.max_age + timedelta(seconds=more)) for more in (0, 1)]
    if read_at:
        assert judge_contact(db, 1, known[1], RULES).reason is policy.Reason.STALE
        return
    assert judge_contact(db, 1, known[0], RULES).reason is policy.Reason.FIRST_CONTACT
    assert queue.sweep(db, RULES.max_age, known[0], by_calendar=True) == 0
    assert queue.sweep(db, RULES.max_age, known[1], by_calendar=True) == 1


def test_sweep_cancels_stale_answers(db: Database) -> None:
    """The number's next text is answered."""
    queue_one(db)
    assert queue.sweep(db, RULES.max_age, at(db, 86400), by_calendar=False) == 0
    assert queue.sweep(db, RULES.max_age, at(db, 86401), by_calendar=False) == 1

    assert (answer(db)["state"], answer(db)["reason"]) == ("cancelled", "stale")
    assert receive(db, "encore", 86402) is policy.Reason.FIRST_CONTACT


def test_call_ages_by_date_without_power(db: Database) -> None:
    """It has no time stamp, but the date of its arrival."""
    came = at(db, 0)._replace(synchronised=True)
    caller = identify(Address(SENDER[1:], Ton.INTERNATIONAL), "BE")
    assert judge(db, contacts.record_call(db, "fr", caller, came)).answer
    later = Now(came.utc + timedelta(hours=25), 60.0, synchronised=True)
    assert queue.sweep(db, RULES.max_age, later._replace(synchronised=False), by_calendar=True) == 0
    assert queue.sweep(db, RULES.max_age, later, by_calendar=True) == 1


def test_reason_of_a_hold_is_written_once(db: Database) -> None:
    """The same reason again costs no write."""
    commit_share_wait(db, policy.Share.NEW, policy.WaitingFor.BUDGET_HOUR)
    before = db.connection.total_changes
    commit_share_wait(db, policy.Share.NEW, policy.WaitingFor.BUDGET_HOUR)

    assert db.connection.total_changes == before


# ---- order and fates of answers


def test_newest_answer_to_a_new_number_goes_first(db: Database) -> None:
    """The newest to a known number comes behind it."""
    known, first, second = "+32470000001", "+32470000002", "+32470000003"
    scan(db, *text(sender=known))
    judge(db, 1, 0)
    send_all(db, 0)
    for number, sender in enumerate((first, second, known), 2):
        scan(db, *text("encore", sender=sender, scts=SENT + timedelta(days=2)), seconds=2 * 86400.0 + number)
        assert judge(db, number, 2 * 86400.0 + number).answer

    assert recipients(db, 3 * 86400.0) == [second, known]


def test_newer_answer_holds_up_none_before_it_is_due(db: Database) -> None:
    """An older one leaves meanwhile, though it was due later than a third."""
    due_soon, due_late, not_due = "+32470000001", "+32470000002", "+32470000003"
    for number, (sender, delay) in enumerate(((due_soon, 50.0), (due_late, 90.0), (not_due, 500.0)), 1):
        scan(db, *text(sender=sender), seconds=number)
        assert judge_contact(db, number, at(db, number), delay=delay).answer

    assert [recipients(db, seconds) for seconds in (50, 60, 100, 503)] == [[], [due_soon], [due_late], [not_due]]


def test_put_back_answer_goes_by_its_age_once_its_pause_is_over(db: Database) -> None:
    """Its new due time makes it no newer, and no older."""
    older, between, newer = "+32470000001", "+32470000002", "+32470000003"
    for number, sender in enumerate((older, between, newer), 1):
        scan(db, *text(sender=sender), seconds=number)
        assert judge(db, number, number).answer
    for number, sender in ((3, newer), (1, older)):
        refuse(db, segment_of(begin_answer(db, number, at(db, 10))), at(db, 10), 22)
        assert recipients(db, 11) == [between], sender

    assert recipients(db, 10 + USUAL.retry_after[0]) == [newer]
    take(db, begun(db, 100), at(db, 100))
    take(db, begun(db, 101), at(db, 101))
    assert recipients(db, 102) == [between]


def test_last_queued_of_answers_of_one_age_goes_first(db: Database) -> None:
    """A listing of the storage has one time for all its texts, whenever their answers are due."""
    first, second = "+32470000001", "+32470000002"
    scan(db, *text(sender=first), *text(sender=second))
    judge_contact(db, 1, at(db, 0), delay=30.0)
    judge_contact(db, 2, at(db, 0), delay=60.0)

    assert recipients(db, 60) == [second]


def test_texts_by_hand_leave_in_their_order(db: Database) -> None:
    """The first one is the first to leave."""
    for seconds, recipient in enumerate(("+32470000001", "+32470000002")):
        with db.transaction():
            verdicts.enqueue_by_hand(db, recipient, plan("Salut"), RULES, at(db, seconds), kind=ByHand.SEND, who="pi")

    assert recipients(db, 10) == ["+32470000001"]


def test_head_of_a_share_is_read_from_its_index(db: Database) -> None:
    """No pass sorts the queue, and what is not due yet is passed over within the index."""
    queries: list[str] = []
    db.connection.set_trace_callback(queries.append)
    queue.due(db, at(db, 1))
    queue.waiting(db)
    db.connection.set_trace_callback(None)
    plan = [row["detail"] for query in queries for row in db.all(f"EXPLAIN QUERY PLAN {query}")]

    assert not [step for step in plan if "TEMP B-TREE" in step]
    assert plan.count("SEARCH a USING INDEX answers_age (share=?)") == 2
    by_age = re.compile(r"SEARCH answers USING (COVERING )?INDEX answers_age \(share=\?\)")
    assert len([*filter(by_age.fullmatch, plan)]) == len(policy.Share)


def test_waiting_answer_does_not_hold_up_a_begun_one(db: Database) -> None:
    """Each begun answer is due, whatever another one waits for."""
    queue_one(db)
    take(db, begun(db), at(db, 1), 1)
    scan(db, *text("autre", "+32470999999"), seconds=2)
    judge(db, 2, 2)
    last = queue.due(db, at(db, 3))[-1]
    begin_answer(db, last.answer_id, at(db, 3))

    assert recipients(db, 4) == [SENDER, "+32470999999"]


def test_begun_answer_is_finished_at_any_age(db: Database) -> None:
    """Only an answer that was not begun can be stale."""
    queue_one(db)
    take(db, begun(db, 86399), at(db, 86399), 1)

    assert begun(db, 86401).sequence == 2


def test_begun_answer_is_counted_among_those_that_leave_at_any_age(db: Database) -> None:
    """The figures before `resume` leave out only what will be stale."""
    queue_one(db)
    assert forecast.leaving(db, RULES.max_age, at(db, 86500)).answers == 0
    take(db, begun(db), at(db, 1), 1)

    assert forecast.leaving(db, RULES.max_age, at(db, 86500)).answers == 1


def test_overtaken_report_changes_nothing(db: Database) -> None:
    """Delivered stays after an older report of further tries."""
    queue_one(db)
    for mr in (41, 42):
        take(db, begun(db, mr), at(db, mr), mr)
    for status in (0x00, 0x20):
        scan(db, *(pdus.write_status_report(mr, SENDER, SENT, SENT, status) for mr in (41, 42)), seconds=60)

    assert answer(db)["state"] == "delivered"


def test_requeued_answer_counts_again_in_the_windows(db: Database) -> None:
    """Both attempts count; the cooldown runs from the second."""
    queue_one(db)
    lose(db, begun(db), at(db, 1))
    assert verdicts.requeue(db, 1, "admin", at(db, 500)) is None
    assert windows.spent(db, at(db, 500))["hour"].total == 1
    take(db, begun(db, 1000), at(db, 1000), 1)

    assert windows.spent(db, at(db, 1000))["hour"].total == 3
    assert history_of(db, SENDER).last_answer == 1000


def test_request_interrupted_by_a_crash_is_refused(db: Database) -> None:
    """Nobody waits for a daemon that is gone."""
    request_id = requests.ask(db, RequestVerb.SEND, {}, "admin", db.now())
    requests.next_request(db, db.now())
    requests.recover(db, db.now())

    assert requests.progress_of(db, request_id).state == "refused"


def test_waiting_for_a_request_reports_a_missing_begin_or_result(db: Database) -> None:
    """A late request is withdrawn, unless the daemon begins it then."""
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
def test_report_does_not_turn_an_accepted_text_into_a_refusal(db: Database, status: int, state: str) -> None:
    """The request is done, though the report came before."""
    request_id = requests.ask(db, RequestVerb.SEND, {"number": SENDER, "text": "Salut"}, "pi", at(db, 0))
    requests.next_request(db, at(db, 0))
    with db.transaction():
        answer_id = verdicts.enqueue_by_hand(db, SENDER, plan("Salut"), RULES, at(db, 0), kind=ByHand.SEND, who="pi")
        assert isinstance(answer_id, int)
        requests.await_answer(db, request_id, answer_id)
    assert requests.settle(db, at(db, 0)) == 1
    take(db, begun(db, 1), at(db, 1), 41)
    scan(db, pdus.write_status_report(41, SENDER, SENT, SENT, status), seconds=2)

    assert requests.settle(db, at(db, 3)) == 0
    assert requests.progress_of(db, request_id) == requests.RequestProgress(RequestState.DONE, state, answer_id)


def test_transaction_that_fails_in_a_shared_commit_leaves_the_others(db: Database) -> None:
    """Other processes see none of them before the commit."""
    with open_beside_daemon(db.path) as reader:
        with db.shared_commit():
            with db.transaction():
                note_pause(db, "pi", at(db, 0))
            with contextlib.suppress(ZeroDivisionError), db.transaction():
                note_flood(db, 1.0)
                raise ZeroDivisionError
            with db.transaction():
                note_ready(db, 2.0)
            assert not row_of(reader).is_paused
        assert row_of(reader).is_paused
        assert row_of(reader).flood_limit is None
        assert row_of(reader).ready_limit == 2.0


def test_error_in_a_shared_commit_rolls_all_of_it_back(db: Database) -> None:
    """The next pass begins anew."""
    with contextlib.suppress(ZeroDivisionError), db.shared_commit():
        with db.transaction():
            note_pause(db, "pi", at(db, 0))
        raise ZeroDivisionError
    assert not row_of(db).is_paused

    with db.transaction():
        note_pause(db, "pi", at(db, 0))
    assert row_of(db).is_paused


def test_queries_of_the_loop_use_indexes(db: Database) -> None:
    """No query of a pass or text scans years of rows."""
    queries: list[str] = []
    db.connection.set_trace_callback(queries.append)
    now = at(db, 1)
    queue.waiting(db)
    queue.due(db, now)
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
    verdicts.notice(db, 1)
    db.connection.set_trace_callback(None)
    plans = {
        query: [row["detail"] for row in db.all(f"EXPLAIN QUERY PLAN {query}")]
        for query in queries
        if query.startswith(("SELECT", "UPDATE"))
    }
    harmless = {
        "SCAN contacts USING INDEX contacts_unjudged",  # it has only contacts that are not judged yet
        "SCAN answer_segments USING COVERING INDEX answer_segments_waiting",  # only segments that wait
        "SCAN line_state",  # one row
        "SCAN CONSTANT ROW",  # no table at all
        "SCAN country_outages",  # a row for a country that is answered
        "SCAN c",  # the few rows of its sub-query
        "SCAN json_each VIRTUAL TABLE INDEX 1:",  # the names of one person
    }
    scans = {(step, query) for query, plan in plans.items() for step in plan if step.startswith("SCAN")}

    assert len(plans) > 30
    assert not [(step, query) for step, query in scans if step not in harmless]


# ---- floods


def test_flood_is_recorded_with_its_begin_end_and_size(db: Database) -> None:
    """60 contacts in ten minutes are a flood."""
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


def test_flood_that_becomes_weaker_goes_on(db: Database) -> None:
    """It ends at half its bound: one that swings around the bound is one flood, and one alert."""
    for number in range(contacts.FLOOD_CONTACTS):
        scan(db, *text("x", f"+32470{number:06}"), seconds=10 * number)
    assert contacts.watch_flood(db, at(db, 599)) == "flood_begin"
    assert contacts.watch_flood(db, at(db, 850)) is None
    assert contacts.watch_flood(db, at(db, 950)) == "flood_end"


# ---- the database


def test_second_daemon_on_a_database_is_refused(db: Database) -> None:
    """It raises DatabaseInUseError."""
    with pytest.raises(DatabaseInUseError):
        open_for_daemon(db.path)


def test_newer_schema_is_refused(db: Database) -> None:
    """Daemon and commands do not open it, and do not migrate."""
    with db.transaction():
        db.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('hotlined', 'later', '')")
    with pytest.raises(DatabaseVersionError):
        open_beside_daemon(db.path)
    db.close()
    with pytest.raises(DatabaseVersionError):
        open_for_daemon(db.path)


def test_commands_refuse_an_older_schema(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the daemon migrates; the error says so."""
    monkeypatch.setattr(migrations, "SCHEMA", (*migrations.SCHEMA, ("next", ("CREATE TABLE next (x)",))))
    with pytest.raises(StoreError, match="earlier version"):
        open_beside_daemon(db.path)


def test_missing_database_is_explained(tmp_path: Path) -> None:
    """A command before the first start raises DatabaseMissingError."""
    with pytest.raises(DatabaseMissingError):
        open_beside_daemon(tmp_path / "none.db")


def test_file_that_is_not_a_database_is_left_alone(tmp_path: Path) -> None:
    """The daemon does not overwrite a damaged file."""
    path = tmp_path / "damaged.db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError):
        open_for_daemon(path)

    assert path.read_bytes() == b"this is no database" * 100


def test_files_are_readable_by_the_group_and_writable_by_the_owner(tmp_path: Path) -> None:
    """The lock is the owner's alone, the folder closed to others."""
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
def test_lock_that_is_a_link_fifo_or_folder_is_refused(db: Database, tmp_path: Path, trap: str) -> None:
    """Opening fails at once, and leaves the link's target alone."""
    db.close()
    lock, target = db.path.with_name("hotlined.db.lock"), tmp_path / "target"
    lock.unlink()
    target.touch(0o644)
    {"link": lambda: lock.symlink_to(target), "fifo": lambda: os.mkfifo(lock), "folder": lock.mkdir}[trap]()
    with pytest.raises(StoreError):
        open_for_daemon(db.path)

    assert target.stat().st_mode & 0o777 == 0o644


def test_migrating_twice_changes_nothing(db: Database) -> None:
    """Migrations that were applied are not applied again."""
    before = list(db.connection.iterdump())
    migrations.apply(db.path)

    assert list(db.connection.iterdump()) == before


def test_limit_clock_goes_on_after_a_restart(db: Database) -> None:
    """Another boot adds only the time since it began."""
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


def test_time_before_a_restore_ends_no_cooldown(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that was on for days before its line came counts none of them."""
    with db.transaction():
        save_limit_clock(db, now := db.now())
    target, boot = tmp_path / "copy.db", tmp_path / "boot_id"
    with backup.copied(db.path, lambda *_: None) as copy:
        target.write_bytes(copy.read())
    boot.write_text("another machine's boot\n")
    monkeypatch.setattr("hotlined.machine.clock._BOOT_ID", boot)
    on_for = 9e6
    monkeypatch.setattr(time, "clock_gettime", lambda _: on_for)
    with open_for_daemon(target) as restored:
        assert restored.now().limit == pytest.approx(now.limit, abs=1e-6)
        on_for += 60
        assert restored.now().limit == pytest.approx(now.limit + 60, abs=1e-6)
        assert backup.quarantine_restored(restored, restored.now())
    with open_for_daemon(target) as restored:
        assert restored.now().limit == pytest.approx(now.limit + 60, abs=1e-6)
    boot.write_text("the next boot\n")
    with open_for_daemon(target) as restored:
        assert restored.now().limit == pytest.approx(now.limit + 60 + on_for, abs=1e-6)


def test_newest_known_moment_outlives_a_restart(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the last moment at which the calendar could be trusted, or the date of this version if that is later."""
    monkeypatch.setattr("hotlined.machine.clock.synchronised", lambda: False)
    released = db.now().newest
    assert released == datetime.fromisoformat(RELEASED).replace(tzinfo=UTC)

    monkeypatch.setattr("hotlined.machine.clock.synchronised", lambda: True)
    now = db.now()
    with db.transaction():
        save_limit_clock(db, now)
    monkeypatch.setattr("hotlined.machine.clock.synchronised", lambda: False)
    db.close()
    with open_for_daemon(db.path) as again:
        assert abs(again.now().newest - max(now.utc, released)) < timedelta(milliseconds=1)


def test_calendar_that_nobody_confirms_makes_no_text_old(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that says 2099 before it is synchronised is no moment that has passed, however often it is read."""
    monkeypatch.setattr("hotlined.machine.clock.synchronised", lambda: False)
    before = db.now().newest
    with db.transaction():
        save_limit_clock(db, db.now())
    assert db.now().newest == before
    db.close()
    with open_for_daemon(db.path) as again:
        assert again.now().newest == before


def test_request_that_is_not_begun_in_time_expires(db: Database) -> None:
    """A daemon that starts later does not carry it out."""
    request_id = requests.ask(db, RequestVerb.BALANCE, {}, "admin", db.now())
    db.connection.execute("UPDATE requests SET expires_boottime = 0")
    assert requests.next_request(db, db.now()) is None
    assert requests.progress_of(db, request_id).state == "expired"


def test_requests_are_begun_in_their_order_and_ended_once(db: Database) -> None:
    """The oldest open request is begun first, and none twice."""
    first, second = (requests.ask(db, RequestVerb.BALANCE, {"n": n}, "admin", db.now()) for n in "12")
    taken = [requests.next_request(db, db.now()) for _ in range(3)]
    requests.end(db, first, "scanned", db.now())

    assert [request and request.request_id for request in taken] == [first, second, None]
    assert requests.progress_of(db, first) == requests.RequestProgress(RequestState.DONE, "scanned", None)
    assert not requests.expire(db, second, db.now())


def test_request_with_an_unknown_verb_is_refused(db: Database) -> None:
    """Another version asked for it; the next request is begun."""
    strange, known = (requests.ask(db, verb, {}, "admin", db.now()) for verb in ("scan", "adopt"))
    begun = requests.next_request(db, db.now())

    assert begun == requests.Request(known, RequestVerb.ADOPT, {}, "admin")
    assert requests.progress_of(db, strange) == requests.RequestProgress(
        RequestState.REFUSED, Refusal.UNKNOWN_VERB, None
    )


def test_pin_is_tried_once_for_each_sim(db: Database) -> None:
    """The try is committed first; only an accepted PIN goes again."""
    assert not pins.was_refused(db, "sim", "digest")
    pins.commit_try(db, "sim", "digest", db.now())
    assert pins.was_refused(db, "sim", "digest")
    assert not pins.was_refused(db, "another", "digest")
    pins.accept(db, "sim", "digest")
    pins.commit_try(db, "sim", "digest", db.now())
    assert not pins.was_refused(db, "sim", "digest")
    pins.refuse(db, "sim", "digest")
    assert pins.was_refused(db, "sim", "digest")


def test_fifo_is_not_read_as_a_key(tmp_path: Path) -> None:
    """A FIFO in place of the pseudonyms' key blocks nothing."""
    os.mkfifo(tmp_path / "hotlined.db.key")

    assert pseudonym.maybe_key(tmp_path / "hotlined.db.key") is None


def test_pin_cannot_be_derived_from_the_database(db: Database, tmp_path: Path) -> None:
    """Its digest needs a secret that no backup has.

    Only the line's user reads that secret.
    """
    noted = pins.digest(db, "2580")
    secret = beside(db.path, PINS)

    assert pins.digest(db, "2580") == noted != pins.digest(db, "2581")
    assert secret.stat().st_mode & 0o777 == 0o600
    with backup.copied(db.path, lambda *_: None) as copy:
        (tmp_path / "copies.db").write_bytes(copy.read())
    assert not list(tmp_path.glob("copies.db*pins*"))
    secret.unlink()
    assert pins.digest(db, "2580") != noted


# ---- restarts, floods, and rows that cannot be sent


@pytest.mark.parametrize(("same_boot", "is_open"), [(True, False), (False, True)])
def test_breaker_opens_when_submitting_restarts_the_machine(db: Database, same_boot: bool, is_open: bool) -> None:
    """Three boots open it; three kills of the daemon do not."""
    for number in range(3):
        scan(db, *text(f"texte {number}", f"+3247000000{number}"), seconds=number)
        judge(db, number + 1, number)
        begun(db, number)
        if not same_boot:
            db.connection.execute("UPDATE attempts SET boot_id = 'another'")
        fates.recover(db, at(db, number))

    assert row_of(db).breaker.is_open is is_open
    assert {row["state"] for row in db.all("SELECT state FROM answers")} == {"unconfirmed"}


def test_restart_neither_closes_the_breaker_nor_moves_its_trial(db: Database) -> None:
    """The database keeps its state and the time of its trial."""
    for number in range(3):
        scan(db, *text(f"texte {number}", f"+3247000000{number}"), seconds=0)
        judge(db, number + 1)
        lose(db, begun(db), at(db, 0))
    before = row_of(db).breaker
    fates.recover(db, at(db, 30))

    assert before.is_open
    assert row_of(db).breaker == before
    assert not before.lets_try(59.0)
    assert before.lets_try(60.0)


def test_flood_of_incomplete_texts_does_not_slow_down_the_next(db: Database) -> None:
    """A segment with the same reference looks at few of them."""
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


def test_late_proof_of_an_earlier_attempt_leaves_the_requeue_alone(db: Database) -> None:
    """The requeued answer leaves whole."""
    queue_one(db)
    first = begun(db)
    lose(db, first, at(db, 1))
    verdicts.requeue(db, 1, "admin", at(db, 2))
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


def test_report_that_fits_two_unconfirmed_segments_proves_neither(db: Database) -> None:
    """Neither has a known reference."""
    queue_one(db)
    lose(db, begun(db), at(db, 1))
    verdicts.requeue(db, 1, "admin", at(db, 2))
    lose(db, begun(db, 3), at(db, 4))
    scan(db, pdus.write_status_report(99, SENDER, SENT, SENT, 0), seconds=60)

    assert answer(db)["state"] == "unconfirmed"


def test_row_that_cannot_be_sent_is_set_aside(db: Database) -> None:
    """It has failed with an event; the next answer is due."""
    queue_one(db)
    scan(db, *text("autre", "+32470999999"), seconds=1)
    judge(db, 2, 1)
    gate.set_aside(db, 1, "AddressError()", at(db, 2))

    assert (answer(db)["state"], answer(db)["reason"]) == ("failed", "set_aside")
    assert recipients(db, 3) == ["+32470999999"]
    assert [row["kind"] for row in db.all("SELECT kind FROM events WHERE contact_id = 1")] == ["set_aside"]


@pytest.mark.parametrize("step", ["sweep", "requeue_half_sent"])
def test_cancel_between_a_query_and_its_transaction_is_respected(db: Database, step: str) -> None:
    """A command of another process cancels first; the transaction sees it."""
    queue_one(db)
    if step == "requeue_half_sent":
        take(db, begun(db), at(db, 1))
    ended: list[str | None] = []

    def end_it_first(statement: str) -> None:
        if statement.startswith("BEGIN") and not ended:
            with open_beside_daemon(db.path) as other:
                ended.append(verdicts.cancel(other, 1, "pi", at(db, 2)))

    db.connection.set_trace_callback(end_it_first)
    if step == "sweep":
        queue.sweep(db, RULES.max_age, at(db, 90000), by_calendar=False)
    else:
        queue.requeue_half_sent(db)
    db.connection.set_trace_callback(None)

    assert ended == [None]
    assert (answer(db)["state"], answer(db)["reason"]) == ("cancelled" if step == "sweep" else "failed", "person")


# ---- trials and half-sent answers


def open_the_breaker(db: Database, limits: policy.Limits | None = None) -> None:
    """Lose answers to three people, so that the breaker opens at 0 s."""
    for number in range(3):
        scan(db, *text(f"perdu {number}", f"+3247900000{number}"), seconds=0)
        contact_id = contacts.unjudged(db, at(db, 0))[0].contact_id
        judge(db, contact_id)
        if row_of(db).breaker.is_open:
            return
        segment = segment_of(begin_next(db, at(db, 0), rules=RULES._replace(limits=limits or RULES.limits)))
        lose(db, segment, at(db, 0))
    assert row_of(db).breaker.is_open


def candidates(db: Database, seconds: float) -> list[str]:
    """Return the recipients for a trial, in order."""
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


def test_trial_has_a_candidate_of_each_share(db: Database) -> None:
    """The new number's turn comes if the known share is full."""
    known, new = "+32470000001", "+32470000002"
    queued(db, known)
    send_all(db, 0)
    open_the_breaker(db)
    queued(db, known, new, seconds=2 * 86400.0)

    assert candidates(db, 3 * 86400.0) == [known, new]


def first_trial(db: Database, seconds: float) -> queue.Turn:
    """Return the turn that is tried first."""
    return next(turn for turn in queue.due(db, at(db, seconds)) if turn.trial)


def refuse_a_trial(db: Database, seconds: float) -> str:
    """Let the network refuse the first trial, and return its recipient."""
    first = first_trial(db, seconds)
    segment = segment_of(begin_answer(db, first.answer_id, at(db, seconds), trial=True))
    refuse(db, segment, at(db, seconds), 22)
    return segment.recipient


def test_lone_candidate_is_tried_once_in_each_round(db: Database) -> None:
    """The next round may begin with it, too."""
    open_the_breaker(db)
    queued(db, SENDER, seconds=2)
    assert refuse_a_trial(db, 400) == SENDER
    assert candidates(db, 401) == candidates(db, 699) == []

    assert candidates(db, 700) == [SENDER]


def test_least_tried_candidate_is_tried_first(db: Database) -> None:
    """Among equals it is the oldest; a newcomer goes first."""
    open_the_breaker(db)
    first, second, later = "+32470000001", "+32470000002", "+32470000003"
    queued(db, first, second, seconds=2)
    assert [refuse_a_trial(db, 400), refuse_a_trial(db, 401)] == [first, second]
    assert candidates(db, 402) == []
    assert candidates(db, 700) == [first]
    queued(db, later, seconds=402)

    assert candidates(db, 403) == candidates(db, 700) == [later]


def test_half_sent_answer_gives_no_precedence_in_a_trial(db: Database) -> None:
    """A number that was tried less often comes first."""
    half, new = "+32470000001", "+32470000002"
    queued(db, half)
    take(db, begun(db), at(db, 0))
    refuse(db, begun(db, 1), at(db, 1), 22)
    open_the_breaker(db)
    queued(db, new, seconds=2)

    assert candidates(db, 400)[1:] == [half]


def test_second_pause_keeps_person_and_time_of_the_first(db: Database) -> None:
    """The events name both people; `resume` ends both pauses."""
    decisions.pause(db, "anna", at(db, 0))
    decisions.pause(db, "marie", at(db, 3600))
    first = row_of(db).sending()
    decisions.resume(db, "anna", at(db, 3700))
    decisions.pause(db, "marie", at(db, 7200))

    assert first == Sending("paused", "person", at(db, 0).rfc3339, "anna")
    assert row_of(db).sending() == Sending("paused", "person", at(db, 7200).rfc3339, "marie")
    said = [row["who"] for row in db.all("SELECT who FROM events WHERE kind = 'pause' ORDER BY id")]
    assert said == ["anna", "marie", "marie"]


@pytest.mark.parametrize("half", [False, True])
def test_trial_refused_for_its_recipient_is_not_used_up(db: Database, half: bool) -> None:
    """The trial is used up if a segment left and was paid."""
    open_the_breaker(db)
    queued(db, "+32470000001", "+32470000002", seconds=1)
    first = first_trial(db, 60)
    segment = segment_of(begin_answer(db, first.answer_id, at(db, 60), trial=True))
    if half:
        take(db, segment, at(db, 60))
        segment = begun(db, 60)
    refuse(db, segment, at(db, 60), 27)

    assert row_of(db).breaker.is_open
    assert row_of(db).breaker.lets_try(61.0) is not half
    assert not half or row_of(db).breaker.lets_try(60.0 + 300.0)


def test_texts_by_hand_to_wrong_numbers_do_not_open_the_breaker(db: Database) -> None:
    """Unassigned numbers say nothing about the line."""
    for number in range(4):
        with db.transaction():
            queued_id = verdicts.enqueue_by_hand(
                db, f"+3247900000{number}", PLAN, RULES, at(db, number), kind=ByHand.SEND, who="pi"
            )
        assert isinstance(queued_id, int)
        refuse(db, begun(db, number), at(db, number), 1)

    assert not row_of(db).breaker.is_open


def test_text_by_hand_counts_earlier_ones_that_wait(db: Database) -> None:
    """An accepted text takes room before it has left."""
    limits = policy.Limits(segments=policy.Windows(3, 3, 3), reserve_for_new=0)
    rules = RULES._replace(limits=limits)
    accepted = []
    for number in range(2):
        with db.transaction():
            accepted.append(
                verdicts.enqueue_by_hand(db, f"+3247900000{number}", PLAN, rules, at(db, 0), kind=ByHand.SEND, who="pi")
            )

    assert accepted == [1, policy.Wait(policy.WaitingFor.BUDGET_MONTH)]


def test_half_sent_answers_lost_after_closing_reopen_the_breaker(db: Database) -> None:
    """Their end counts, though their attempts began before the breaker closed."""
    halves = [f"+3247000001{number}" for number in range(3)]
    for number in halves:
        queued(db, number)
        take(db, begun(db), at(db, 0))
        refuse(db, begun(db, 1), at(db, 1), 42)
    assert row_of(db).breaker.is_open
    queued(db, "+32470000019", seconds=2.0)
    other = db.value("SELECT max(id) FROM answers")
    for seconds in (2, 3):
        take(db, segment_of(begin_answer(db, other, at(db, seconds), trial=True)), at(db, seconds))
    assert not row_of(db).breaker.is_open
    for moment in (400.0, 401.0, 402.0):
        lose(db, begun(db, moment), at(db, moment))

    assert row_of(db).breaker.is_open


def test_cancelled_requeue_is_unconfirmed_as_before(db: Database) -> None:
    """It may have left, and a report about it still counts."""
    queue_one(db)
    lose(db, begun(db), at(db, 1))
    verdicts.requeue(db, 1, "pi", at(db, 2))
    assert verdicts.cancel(db, 1, "pi", at(db, 3)) is None
    assert answer(db)["state"] == "unconfirmed"
    scan(db, pdus.write_status_report(7, SENDER, SENT, SENT, 0), seconds=60)

    assert (answer(db)["state"], answer(db)["reason"]) == ("failed", "person")


def test_report_about_an_answer_that_was_set_aside_stops_nothing(db: Database) -> None:
    """It proves its own segment, and the answer stays failed."""
    queue_one(db)
    lose(db, begun(db), at(db, 1))
    verdicts.requeue(db, 1, "pi", at(db, 2))
    gate.set_aside(db, 1, "AddressError()", at(db, 3))
    kept = scan(db, pdus.write_status_report(7, SENDER, SENT, SENT, 0), seconds=60)

    assert len(kept) == 1
    assert answer(db)["state"] == "failed"


def test_report_that_contradicts_the_rows_is_kept_and_stops_nothing(db: Database) -> None:
    """A person may have changed rows by hand: the report may leave the SIM, and so may the text beside it."""
    queue_one(db)
    for number in (7, 8):
        take(db, begun(db), at(db, number), number)
    assert answer(db)["state"] == "sent"
    db.connection.execute("UPDATE answers SET state = 'cancelled'")
    kept = scan(db, pdus.write_status_report(7, SENDER, SENT, SENT, 0), *text("non", "+32470999888"), seconds=60)

    assert len(kept) == 2
    assert db.all("SELECT kind FROM segments WHERE problem = 'contradicts'")[0]["kind"] == "status_report"
    assert count(db, "contacts") == 2


def test_second_segment_refused_twice_fails(db: Database) -> None:
    """The cause may be the phone's: others get their answers meanwhile."""
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


def test_requeued_answer_may_be_longer_than_max_segments(db: Database) -> None:
    """Only the windows bound a stored answer."""
    queue_one(db)
    lose(db, begun(db), at(db, 1))
    verdicts.requeue(db, 1, "pi", at(db, 2))

    assert isinstance(begin(db, 3, max_segments=1), gate.Begun)


def test_mms_in_several_segments_keeps_both_addresses(db: Database) -> None:
    """Further segments do not mix up originator and other address."""
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


def test_configured_block_matches_either_address(db: Database) -> None:
    """`numbers.blocked` holds for TP-OA and From, like `block`."""
    scan(db, *pdus.write_mms("+32479001122", "photo", scts=SENT, reference=9))
    row = contact(db)
    assert row["originator"] == "+32479001122"

    blocked = policy.Numbers(blocked=(row["other_originator"],))
    assert judge(db, 1, 0, numbers=blocked).reason is policy.Reason.BLOCKED
