"""The state of a line: what is the same text, what is a new one, and what an answer's states do to the limits."""

import itertools
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotlined import migrations, policy
from hotlined.clock import Now
from hotlined.errors import DatabaseInUseError, DatabaseMissingError, DatabaseNewerError, StoreError
from hotlined.gsm import alphabet, tpdu
from hotlined.gsm.address import Address, Ton, identify
from hotlined.simulator import pdus
from hotlined.store import inbound, outbound, people
from hotlined.store.database import Database, open_beside_daemon, open_for_daemon

SENDER = "+32470123456"
SENT = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
SOURCE = inbound.Source("fr", "206012345678901", "SM", lambda originator: identify(originator, "BE"))
RULES = policy.Rules(policy.Limits(), policy.Numbers(), timedelta(hours=24))
PLAN = alphabet.plan("x" * 200)  # two segments


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a database with nothing in it, made once."""
    path = tmp_path_factory.mktemp("template") / "hotlined.db"
    open_for_daemon(path).close()
    return path


@pytest.fixture
def db(template: Path, tmp_path: Path) -> Iterator[Database]:
    """Give an open database of its own to each test."""
    path = tmp_path / "hotlined.db"
    path.write_bytes(template.read_bytes())
    with open_for_daemon(path) as database:
        yield database


def at(_: Database, seconds: float) -> Now:
    """Return a moment so many seconds after the database was made, on both clocks."""
    return Now(SENT + timedelta(seconds=seconds), seconds, synchronised=False)


def text(body: str = "oui", sender: str = SENDER, *, scts: datetime = SENT, reference: int = 0) -> list[str]:
    """Return the PDUs of a text."""
    return pdus.write_text(sender, body, scts=scts, reference=reference)


def listing(*entries: str, start: int = 1) -> list[inbound.Reading]:
    """Return entries as a listing shows them."""
    return [inbound.read(pdu, None, index) for index, pdu in enumerate(entries, start)]


def scan(db: Database, *entries: str, seconds: float = 0.0, complete: bool = True) -> list[inbound.Kept]:
    """Record a listing of SM."""
    return inbound.record_listing(db, SOURCE, listing(*entries), at(db, seconds), complete=complete)


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
    """A deletion that is refused for ever costs no write to the card."""
    scan(db, *text())
    before = db.connection.total_changes
    scan(db, *text())

    assert db.connection.total_changes == before


def test_a_text_delivered_again_after_its_deletion_is_a_repeat(db: Database) -> None:
    """The network's second delivery of a text is counted, not answered."""
    (pdu,) = text()
    inbound.confirm_deleted(db, [kept.segment_id for kept in scan(db, pdu)], at(db, 1))
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
    (kept,) = inbound.record_listing(db, SOURCE, listing(pdu, start=7), at(db, 1), complete=True)

    assert kept.index == 7
    assert count(db, "segments") == 1


def test_another_sim_is_another_text(db: Database) -> None:
    """The same octets on another SIM are not the same text."""
    (pdu,) = text()
    scan(db, pdu)
    inbound.record_listing(db, replace(SOURCE, imsi="208"), listing(pdu), at(db, 1), complete=True)

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
    assert inbound.next_unjudged(db, at(db, 29)) is None
    assert inbound.next_judgement(db) == inbound.INCOMPLETE_AFTER_SECONDS
    assert inbound.next_unjudged(db, at(db, 30)) == 1
    assert "…" in contact(db)["text"]
    judge(db, 1, 30)
    scan(db, parts[1], seconds=300)

    assert contact(db)["text"] == LONG
    assert inbound.next_unjudged(db, at(db, 301)) is None
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
    inbound.confirm_deleted(db, [scan(db, parts[0])[0].segment_id], at(db, 1))
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


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1_000_000))
def test_any_interleaving_of_listings_and_deletions_keeps_each_text_once(template: Path, seed: int) -> None:
    """Whatever is listed, deleted, refused and interrupted in between: as many contacts as texts, every text whole."""
    dice = random.Random(seed)
    bodies = dice.choices(["court", "é" * 161, "😀" * 80], k=dice.randint(1, 4))
    waiting = [
        pdu
        for number, body in enumerate(bodies)
        for pdu in text(body, f"+3247000000{number}", scts=SENT + timedelta(seconds=number), reference=number)
    ]
    dice.shuffle(waiting)
    path = template.with_name("interleaved.db")
    path.write_bytes(template.read_bytes())
    with open_for_daemon(path) as db:
        stored: list[str] = []
        while waiting or stored:
            arrived = dice.randint(0, len(waiting))
            stored, waiting = stored + waiting[:arrived], waiting[arrived:]
            kept = scan(db, *stored, complete=dice.random() < 0.5)
            gone = {entry.index for entry in kept if dice.random() < 0.7}
            stored = [pdu for index, pdu in enumerate(stored, 1) if index not in gone]
            if dice.random() < 0.5:
                confirmed = [entry.segment_id for entry in kept if entry.index in gone]
                inbound.confirm_deleted(db, confirmed, at(db, 1))
        texts = sorted(row["text"] for row in db.all("SELECT text FROM contacts"))

        assert texts == sorted(bodies)
        assert sum(row["repeats"] for row in db.all("SELECT repeats FROM contacts")) == 0


# ---- answers


def judge(db: Database, contact_id: int = 1, seconds: float = 0.0, **changes: Any) -> policy.Verdict:
    """Judge a contact."""
    rules = replace(RULES, **changes)
    return outbound.judge(
        db, contact_id, rules, at(db, seconds), compose=lambda _: PLAN, delay_seconds=0.0, shadow=False
    )


def begin(
    db: Database, seconds: float = 0.0, *, shadow: bool = False, **changes: Any
) -> tuple[policy.Gate, outbound.Begun | None]:
    """Let the first due answer's next segment out."""
    (answer, *_) = outbound.due(db, at(db, seconds))
    segments = tpdu.encode_submit(answer.recipient, PLAN, reference=answer.reference)
    return outbound.begin(db, answer, segments, replace(RULES, **changes), at(db, seconds), shadow=shadow)


def queue(db: Database) -> None:
    """Put one answer of two segments into the queue."""
    scan(db, *text())
    assert judge(db).answer


def answer(db: Database) -> dict[str, Any]:
    """Return the first answer."""
    row = db.one("SELECT * FROM answers")
    assert row
    return dict(row)


def begun(db: Database, seconds: float = 0.0) -> outbound.Begun:
    """Begin a segment that the gate lets out."""
    verdict, result = begin(db, seconds)
    assert isinstance(verdict, policy.Pass)
    assert result
    return result


def test_both_segments_count_when_the_first_is_begun(db: Database) -> None:
    """The whole answer is counted in the transaction that begins it."""
    queue(db)
    begun(db)

    assert answer(db)["state"] == "sending"
    assert outbound.spent(db, at(db, 1), shadow=False)["hour"].total == 2


def test_an_answer_is_sent_when_every_segment_is(db: Database) -> None:
    """Sent means that each segment had its +CMGS."""
    queue(db)
    outbound.mark_sent(db, begun(db).segment_id, 1, at(db, 1))
    assert answer(db)["state"] == "sending"
    outbound.mark_sent(db, begun(db, 2).segment_id, 2, at(db, 3))

    assert (answer(db)["state"], answer(db)["sent_at"]) == ("sent", at(db, 3).rfc3339)


def test_a_crash_between_two_segments_goes_on_with_the_second(db: Database) -> None:
    """What was never submitted is submitted after a restart, and only that, under the stored reference."""
    queue(db)
    first = begun(db)
    outbound.mark_sent(db, first.segment_id, 1, at(db, 1))
    assert outbound.recover(db, at(db, 2)) == 0
    second = begun(db, 3)

    assert (second.sequence, second.total) == (2, 2)
    assert second.pdu != first.pdu


def test_a_crash_during_a_segment_is_unconfirmed_and_stays_so(db: Database) -> None:
    """A segment that was in hand is never submitted again, and nothing behind it is."""
    queue(db)
    begun(db)
    assert outbound.recover(db, at(db, 1)) == 1

    assert answer(db)["state"] == "unconfirmed"
    assert outbound.due(db, at(db, 9999)) == []
    assert outbound.spent(db, at(db, 1), shadow=False)["hour"].total == 2


def test_what_cannot_have_left_counts_for_nothing(db: Database) -> None:
    """A refused answer spends no budget and starts no cooldown."""
    queue(db)
    outbound.mark_refused(db, begun(db), "cms_30", at(db, 1), again=False)

    assert (answer(db)["state"], answer(db)["reason"]) == ("failed", "cms_30")
    assert outbound.spent(db, at(db, 1), shadow=False)["hour"].total == 0
    assert outbound.history_of(db, SENDER, shadow=False) == policy.History()


def test_a_refusal_worth_another_try_is_tried_with_growing_pauses_to_an_end(db: Database) -> None:
    """Tries come later and later, and after the last pause the answer has failed."""
    queue(db)
    moments = [0.0]
    while outbound.mark_refused(db, begun(db, moments[-1]), "cms_38", at(db, moments[-1]), again=True):
        assert answer(db)["waiting_for"] == "retry"
        assert outbound.due(db, at(db, answer(db)["due_limit"] - 1)) == []
        moments.append(answer(db)["due_limit"])

    pauses = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert pauses == list(outbound.RETRY_AFTER_SECONDS)
    assert answer(db)["state"] == "failed"


def test_a_refused_second_segment_leaves_the_first_counted(db: Database) -> None:
    """Half an answer has been paid for: it keeps its count, its cooldown, and is finished later."""
    queue(db)
    outbound.mark_sent(db, begun(db).segment_id, 1, at(db, 1))
    outbound.mark_refused(db, begun(db, 2), "cms_38", at(db, 2), again=True)

    assert outbound.spent(db, at(db, 3), shadow=False)["hour"].total == 1
    assert outbound.history_of(db, SENDER, shadow=False).answers == 1
    assert begun(db, 100).sequence == 2


def test_a_late_result_settles_an_unconfirmed_answer(db: Database) -> None:
    """A +CMGS that comes after its time limit turns unconfirmed into sent, if nothing else is missing."""
    queue(db)
    outbound.mark_sent(db, begun(db).segment_id, 1, at(db, 1))
    second = begun(db, 2)
    outbound.mark_unconfirmed(db, second.segment_id, "no result")
    assert answer(db)["state"] == "unconfirmed"
    outbound.mark_sent(db, second.segment_id, 7, at(db, 200))

    assert answer(db)["state"] == "sent"


@pytest.mark.parametrize(("status", "state"), [(0x00, "delivered"), (0x20, "sent"), (0x46, "undelivered")])
def test_a_status_report_settles_its_segment_by_recipient_and_reference(db: Database, status: int, state: str) -> None:
    """Reports are matched after any time and restart, and are no contacts."""
    queue(db)
    for mr in (41, 42):
        outbound.mark_sent(db, begun(db, mr).segment_id, mr, at(db, mr))
    reports = [pdus.write_status_report(mr, SENDER, SENT, SENT, status) for mr in (42, 41)]
    scan(db, *reports, seconds=60)

    assert answer(db)["state"] == state
    assert count(db, "contacts") == 1
    assert {row["kind"] for row in db.all("SELECT kind FROM segments WHERE answer_segment_id IS NOT NULL")} == {
        "status_report"
    }


def test_a_report_about_another_number_settles_nothing(db: Database) -> None:
    """References are one octet and come again: the recipient has to fit too."""
    queue(db)
    for mr in (41, 42):
        outbound.mark_sent(db, begun(db, mr).segment_id, mr, at(db, mr))
    scan(db, pdus.write_status_report(41, "+32499000000", SENT, SENT, 0), seconds=60)

    assert answer(db)["state"] == "sent"


def test_a_second_answer_to_a_number_waits_for_the_cooldown(db: Database) -> None:
    """Texts while an answer is queued, and then within the cooldown, get none; after it they do."""
    queue(db)
    scan(db, *text("encore", scts=SENT + timedelta(seconds=9)))
    assert judge(db, 2, 9).reason is policy.Reason.PENDING
    for mr in (1, 2):
        outbound.mark_sent(db, begun(db, 10).segment_id, mr, at(db, 10))
    for seconds, reason in ((86409.0, policy.Reason.COOLDOWN), (86410.0, policy.Reason.COOLDOWN_OVER)):
        scan(db, *text("encore", scts=SENT + timedelta(seconds=seconds)), seconds=seconds)
        contact_id = inbound.next_unjudged(db, at(db, seconds))
        assert contact_id
        assert judge(db, contact_id, seconds).reason is reason


def send_all(db: Database, seconds: float) -> None:
    """Send the two segments of the answer that is due."""
    for mr in (1, 2):
        outbound.mark_sent(db, begun(db, seconds).segment_id, mr, at(db, seconds))


def receive(db: Database, body: str, seconds: float) -> policy.Reason:
    """Receive a text and judge it."""
    scan(db, *text(body, scts=SENT + timedelta(seconds=seconds)), seconds=seconds)
    contact_id = inbound.next_unjudged(db, at(db, seconds))
    assert contact_id
    return judge(db, contact_id, seconds).reason


def test_stop_silences_a_number_for_good_until_a_person_undoes_it(db: Database) -> None:
    """Only after an answer, and then for ever; optin makes the number like any other again."""
    assert receive(db, "Stop", 0) is policy.Reason.FIRST_CONTACT
    send_all(db, 1)
    assert receive(db, "STOP !", 100) is policy.Reason.OPTED_OUT
    assert receive(db, "allo ?", 200 * 86400) is policy.Reason.OPTED_OUT
    people.opt_in(db, SENDER, "admin", at(db, 200 * 86400))
    assert receive(db, "allo ?", 201 * 86400) is policy.Reason.COOLDOWN_OVER


def test_an_out_of_office_is_answered_once(db: Database) -> None:
    """A machine's second equal text is a loop, whatever the cooldown."""
    away = "Je suis absent jusqu'au 12. Pour toute urgence, appelez le bureau."
    assert receive(db, away, 0) is policy.Reason.FIRST_CONTACT
    send_all(db, 1)
    assert receive(db, away, 9 * 86400) is policy.Reason.LOOP


def test_shadow_mode_counts_for_itself_alone(db: Database) -> None:
    """What was not transmitted limits shadow mode, and nothing once the line is live."""
    queue(db)
    verdict, result = begin(db, shadow=True)

    assert isinstance(verdict, policy.Pass)
    assert result is None
    assert answer(db)["state"] == "shadowed"
    assert outbound.spent(db, at(db, 1), shadow=True)["hour"].total == 2
    assert outbound.spent(db, at(db, 1), shadow=False)["hour"].total == 0


def test_a_block_cancels_what_is_queued(db: Database) -> None:
    """What people decide holds before the next send."""
    queue(db)
    with db.transaction():
        db.execute(
            "INSERT INTO numbers (number, blocked_at, changed_by) VALUES (?, ?, 'admin')", SENDER, at(db, 1).rfc3339
        )
    begin(db, 2)

    assert (answer(db)["state"], answer(db)["reason"]) == ("cancelled", "blocked")


def test_a_stale_answer_is_cancelled(db: Database) -> None:
    """What an outage or a full budget held back for longer than max_age is not sent."""
    queue(db)
    begin(db, 86401)

    assert (answer(db)["state"], answer(db)["reason"]) == ("cancelled", "stale")


def test_waiting_for_is_written_once(db: Database) -> None:
    """An answer says what it waits for, and waiting on costs no write."""
    queue(db)
    wait = policy.WaitingFor.BUDGET_HOUR
    outbound.mark_waiting(db, wait, at(db, 1), answered_before=False)
    before = db.connection.total_changes
    outbound.mark_waiting(db, wait, at(db, 2), answered_before=False)

    assert answer(db)["waiting_for"] == "budget_hour"
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

    assert [due.recipient for due in outbound.due(db, at(db, 3 * 86400.0))] == [first, known]


def test_an_answer_that_waits_does_not_hold_up_another_that_was_begun(db: Database) -> None:
    """Each answer that was begun gets its turn, whatever another one waits for."""
    queue(db)
    outbound.mark_sent(db, begun(db).segment_id, 1, at(db, 1))
    scan(db, *text("autre", "+32470999999"), seconds=2)
    judge(db, 2, 2)
    last = outbound.due(db, at(db, 3))[-1]
    segments = tpdu.encode_submit(last.recipient, PLAN, reference=last.reference)
    outbound.begin(db, last, segments, RULES, at(db, 3), shadow=False)

    assert [answer.recipient for answer in outbound.due(db, at(db, 4))] == [SENDER, "+32470999999"]


def test_shadow_mode_does_not_forget_what_left_live(db: Database) -> None:
    """An answer half sent when the mode is changed keeps its count, and is not called shadowed."""
    queue(db)
    outbound.mark_sent(db, begun(db).segment_id, 1, at(db, 1))
    begin(db, 2, shadow=True)

    assert answer(db)["state"] == "sending"
    assert outbound.history_of(db, SENDER, shadow=False).answers == 1


def test_what_was_begun_is_finished_whatever_its_age(db: Database) -> None:
    """Only an answer that was not begun can be stale."""
    queue(db)
    outbound.mark_sent(db, begun(db, 86399).segment_id, 1, at(db, 86399))

    assert begun(db, 86401).sequence == 2


def test_a_report_that_was_overtaken_changes_nothing(db: Database) -> None:
    """Delivered stays delivered when an older report says: still trying."""
    queue(db)
    for mr in (41, 42):
        outbound.mark_sent(db, begun(db, mr).segment_id, mr, at(db, mr))
    for status in (0x00, 0x20):
        scan(db, *(pdus.write_status_report(mr, SENDER, SENT, SENT, status) for mr in (41, 42)), seconds=60)

    assert answer(db)["state"] == "delivered"


def test_requeue_counts_anew_and_keeps_what_was_counted(db: Database) -> None:
    """The cooldown runs from the answer that a person sent again; the windows keep both."""
    queue(db)
    outbound.mark_unconfirmed(db, begun(db).segment_id, "no result")
    assert outbound.requeue(db, 1, "admin", at(db, 500)) is None
    assert outbound.spent(db, at(db, 500), shadow=False)["hour"].total == 2
    outbound.mark_sent(db, begun(db, 1000).segment_id, 1, at(db, 1000))

    assert outbound.spent(db, at(db, 1000), shadow=False)["hour"].total == 4
    assert outbound.history_of(db, SENDER, shadow=False).last_answer == 1000


def test_a_request_cut_off_by_a_crash_is_ended(db: Database) -> None:
    """Nobody waits for what a daemon that is gone had begun."""
    request_id = people.ask(db, "send", {}, "admin", db.now())
    people.take(db, db.now())
    people.recover(db, db.now())

    assert people.outcome(db, request_id).state == "refused"


def test_what_the_loop_asks_reads_no_whole_table(db: Database) -> None:
    """A database of years answers what every pass asks, and what the way of a text asks, from its indexes."""
    queries: list[str] = []
    db.connection.set_trace_callback(queries.append)
    now = at(db, 1)
    outbound.due(db, now)
    outbound.next_due(db)
    outbound.latest_due(db, now)
    outbound.mark_waiting(db, policy.WaitingFor.BUDGET_DAY, now, answered_before=True)
    outbound.recover(db, now)
    inbound.next_unjudged(db, now)
    inbound.next_judgement(db)
    inbound.watch_flood(db, now)
    people.take(db, now)
    people.settle(db, now)
    scan(db)
    receive(db, "x" * 200, 0)
    send_all(db, 1)
    receive(db, "encore", 2)
    scan(db, pdus.write_status_report(1, SENDER, SENT, SENT, 0), seconds=3)
    inbound.has_call(db, identify(Address(SENDER[1:], Ton.INTERNATIONAL), "BE"), 0.0)
    outbound.maybe_notice(db, 1)
    db.connection.set_trace_callback(None)
    plans = {
        query: [row["detail"] for row in db.all(f"EXPLAIN QUERY PLAN {query}")]
        for query in queries
        if query.startswith(("SELECT", "UPDATE"))
    }
    harmless = {
        "SCAN contacts USING INDEX contacts_unjudged",  # it holds nothing but what is not judged yet
        "SCAN line_state",  # one row
    }
    scans = {(step, query) for query, plan in plans.items() for step in plan if step.startswith("SCAN")}

    assert len(plans) > 30
    assert not [(step, query) for step, query in scans if step not in harmless]


# ---- floods


def test_a_flood_is_an_event_with_its_beginning_its_end_and_its_size(db: Database) -> None:
    """Many contacts in ten minutes are one flood, recorded twice: when it begins and when it is over."""
    for count in range(inbound.FLOOD_CONTACTS - 1):
        scan(db, *text("x", f"+32470{count:06}", scts=SENT + timedelta(seconds=count)), seconds=count)
    assert inbound.watch_flood(db, at(db, 60)) is None
    for count in range(10):
        scan(db, *text("y", f"+32471{count:06}"), seconds=60)
    assert inbound.watch_flood(db, at(db, 61)) == "flood_begin"
    assert inbound.watch_flood(db, at(db, 62)) is None
    assert inbound.watch_flood(db, at(db, 661)) == "flood_end"
    assert inbound.watch_flood(db, at(db, 662)) is None

    assert [tuple(row) for row in db.all("SELECT kind, detail FROM events")] == [
        ("flood_begin", "69 contacts in 600 s"),
        ("flood_end", "69 contacts"),
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
    with pytest.raises(DatabaseNewerError):
        open_beside_daemon(db.path)
    db.close()
    with pytest.raises(DatabaseNewerError):
        open_for_daemon(db.path)


def test_an_older_schema_is_not_touched_by_commands(tmp_path: Path) -> None:
    """Only the daemon migrates; a command says so."""
    path = tmp_path / "empty.db"
    sqlite3.connect(path).close()
    path.touch()
    with pytest.raises(StoreError, match="earlier version"):
        open_beside_daemon(path)


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


def test_files_are_for_the_group_alone(tmp_path: Path) -> None:
    """Texts of strangers are read by the group and nobody else."""
    folder = tmp_path / "state"
    with open_for_daemon(folder / "hotlined.db") as db:
        db.save_limit_clock(db.now())
        modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}

        assert folder.stat().st_mode & 0o7777 == 0o2770
        assert set(modes.values()) == {0o660}
        assert {"hotlined.db", "hotlined.db-wal"} <= set(modes)


def test_migrating_twice_changes_nothing(db: Database) -> None:
    """What is applied is not applied again."""
    before = list(db.connection.iterdump())
    migrations.apply(db.path)

    assert list(db.connection.iterdump()) == before


def test_the_limit_clock_goes_on_after_a_restart(db: Database) -> None:
    """Within a boot it is exact; of another boot only the time since then is added, never taken away."""
    now = db.now()
    db.save_limit_clock(now)
    db.close()
    with open_for_daemon(db.path) as again:
        assert again.now().limit >= now.limit
        assert again.now().limit - now.limit < 60
        again.execute("UPDATE line_state SET boot_id = 'another', limit_time = 1e9")
    with open_for_daemon(db.path) as later:
        assert later.now().limit >= 1e9


def test_a_request_that_nobody_begins_expires(db: Database) -> None:
    """What was asked of a daemon that did not run is not done when it starts later."""
    request_id = people.ask(db, "scan", {}, "admin", db.now())
    db.execute("UPDATE requests SET expires_boottime = 0")
    assert people.take(db, db.now()) is None
    assert people.outcome(db, request_id).state == "expired"


def test_requests_are_begun_in_their_order_and_ended_once(db: Database) -> None:
    """The oldest open request is taken first, and none twice."""
    first, second = (people.ask(db, "scan", {"n": n}, "admin", db.now()) for n in "12")
    taken = [people.take(db, db.now()) for _ in range(3)]
    people.end(db, first, "done", "scanned", db.now())

    assert [request and request.request_id for request in taken] == [first, second, None]
    assert people.outcome(db, first) == people.Outcome("done", "scanned", None)
    assert not people.expire(db, second, db.now())


def test_a_pin_is_tried_once_for_each_sim(db: Database) -> None:
    """A try is on the disk before it is made; only an accepted PIN may be given again."""
    assert not people.pin_tried(db, "sim", "digest")
    people.try_pin(db, "sim", "digest", db.now())
    assert people.pin_tried(db, "sim", "digest")
    assert not people.pin_tried(db, "another", "digest")
    people.accept_pin(db, "sim", "digest")
    people.try_pin(db, "sim", "digest", db.now())
    assert not people.pin_tried(db, "sim", "digest")
    people.refuse_pin(db, "sim", "digest")
    assert people.pin_tried(db, "sim", "digest")
