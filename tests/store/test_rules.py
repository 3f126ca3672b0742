"""Each rule of the money path by itself, in the fewest steps: where one is switched off, a test says so."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import store_steps
from store_steps import RULES, begin_next, lose, refuse, segment_of, take
from test_asked_again import ONE, TWO, at, report, state

from hotlined import policy
from hotlined.breaker import Outcome
from hotlined.gsm.address import Identity, LineType
from hotlined.gsm.alphabet import Plan
from hotlined.simulator import pdus
from hotlined.states import ByHand
from hotlined.store.answers import answers, contacts, decisions, fates, gate, queue, windows
from hotlined.store.file import integrity
from hotlined.store.file.opening import open_for_daemon
from hotlined.store.line import history, line, pseudonyms
from hotlined.store.line.database import Database
from hotlined.store.people import purging

HERS, HIS, THEIRS = "+32470000001", "+32470000002", "+32470000003"
DAY = 86400.0
AGAIN = RULES._replace(limits=policy.Limits((timedelta(0),), per_number=99))
"""Whoever writes again is answered again."""


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """Give an open database of its own to each test."""
    with open_for_daemon(store_steps.make_empty(tmp_path / "hotlined.db")) as database:
        yield database


def within(hour: int = 99, day: int = 99, month: int = 99, *, reserve: int = 50) -> policy.Rules:
    """Return rules with these windows, by which whoever writes again is answered again."""
    limits = AGAIN.limits._replace(segments=policy.Windows(hour, day, month), reserve_for_new=reserve)
    return AGAIN._replace(limits=limits)


def wrote(
    db: Database,
    number: str = HERS,
    seconds: float = 0.0,
    rules: policy.Rules = AGAIN,
    words: str | None = None,
    *,
    delay: float = 0.0,
    shadow: bool = False,
) -> int:
    """Receive a text that nobody wrote before, judge it by these rules, and return its contact."""
    contact = contacts.record_whole(
        db, "main", "text", mobile(number), words or f"salut {seconds:.0f} {number}", at(seconds)
    )
    store_steps.judge(db, contact, at(seconds), rules, delay=delay, shadow=shadow)
    return contact


def mobile(number: str) -> Identity:
    """Return who a Belgian mobile is."""
    return Identity(number, number, "BE", LineType.MOBILE)


def goes(db: Database, seconds: float, rules: policy.Rules = AGAIN, planned: Plan = ONE) -> gate.Begun:
    """Let the next segment out."""
    return segment_of(begin_next(db, at(seconds), planned, rules))


def sent(db: Database, number: str, seconds: float, rules: policy.Rules = AGAIN, planned: Plan = ONE) -> int:
    """Answer a number: receive its text, and let the network take what is sent."""
    contact = wrote(db, number, seconds, rules)
    for _ in range(planned.segments):
        take(db, goes(db, seconds, rules, planned), at(seconds))
    return contact


def typed(db: Database, number: str, seconds: float, *, kind: ByHand = ByHand.SEND) -> int:
    """Queue a text of a person's own, and return its id."""
    with db.transaction():
        queued = answers.enqueue_by_hand(db, number, ONE, AGAIN, at(seconds), kind=kind, who="marie", shadow=False)
    assert isinstance(queued, int)
    return queued


def waits_for(db: Database, seconds: float, rules: policy.Rules, planned: Plan = ONE) -> policy.WaitingFor:
    """Ask the gate about the answer whose turn it is, and return what it waits for."""
    result = begin_next(db, at(seconds), planned, rules)
    assert isinstance(result, policy.Wait), result
    return result.waiting_for


# ---- windows and their reserve


@pytest.mark.parametrize(
    ("window", "apart"), [("hour", 600.0), ("day", 7200.0), ("month", 2 * DAY)], ids=["hour", "day", "month"]
)
def test_the_reserve_holds_in_each_window(db: Database, window: str, apart: float) -> None:
    """Of four half is for new numbers: one goes to a number as a new one, two as a known one, and no third."""
    rules = within(**{window: 4})
    for nth in range(3):
        sent(db, HERS, nth * apart, rules)
    wrote(db, HERS, 3 * apart, rules)

    assert waits_for(db, 3 * apart, rules) is policy.WaitingFor.RESERVE
    sent(db, HIS, 3 * apart, rules)


@pytest.mark.parametrize("window", policy.WINDOW_SECONDS)
def test_a_window_is_as_long_as_it_says(db: Database, window: str) -> None:
    """To the second: what left an hour, a day, 30 days ago is in it no more, and a second less ago it is."""
    seconds, rules = policy.WINDOW_SECONDS[window], within(**{window: 1})
    sent(db, HERS, 0.0, rules)
    now = at(seconds - 1)
    assert windows.spent(db, now, shadow=False)[window].total == 1
    assert windows.spent(db, at(seconds), shadow=False)[window].total == 0


def test_the_rest_of_an_answer_counts_in_its_share(db: Database) -> None:
    """The second half that waits has a place among the known, like the first."""
    for number in (HERS, HIS):
        sent(db, number, 0.0)
    wrote(db, HERS, 10)
    goes(db, 11, planned=TWO)

    assert windows.spent(db, at(12), shadow=False)["hour"] == policy.Spent(4, 2)


def test_the_rest_after_a_late_result_asks_its_own_share(db: Database) -> None:
    """Of what was asked for again it is one to a known number, though that had no other answer."""
    rules = within(hour=6)
    wrote(db, HERS, 0, rules)
    lose(db, goes(db, 1, rules, TWO), at(2))
    answers.requeue(db, 1, "marie", at(3))
    begun = goes(db, 4, rules, TWO)
    lose(db, begun, at(5))
    for nth in range(3):
        sent(db, HIS, 30 + nth, rules)
    assert windows.spent(db, at(50), shadow=False)["hour"] == policy.Spent(5, 3)
    fates.settle_late(db, begun.segment_id, 9, rules, at(60))

    assert state(db)[0] == "failed"


def test_what_a_backup_held_counts_in_its_share(db: Database) -> None:
    """An answer that may have left since counts as it would have been counted."""
    sent(db, HERS, 0.0)
    for contact, number in ((2, HERS), (3, HIS)):
        wrote(db, number, 10)
        with db.transaction():
            fates.mark_doubtful(db, db.value("SELECT id FROM answers WHERE contact_id = ?", contact), at(20))

    assert windows.spent(db, at(21), shadow=False)["hour"] == policy.Spent(3, 1)


# ---- numbers


def test_an_answer_that_is_being_sent_is_pending(db: Database) -> None:
    """Who writes while his answer is on its way gets no second one; the first may fail yet."""
    wrote(db)
    goes(db, 1)
    second = wrote(db, HERS, 2)

    assert db.value("SELECT reason FROM contacts WHERE id = ?", second) == "pending"


def test_the_latest_texts_of_a_number_are_compared(db: Database) -> None:
    """Of many texts the last twenty: the fourth of one short text is a machine's, also after a hundred others."""
    seconds = 0.0
    for nth in range(25):
        seconds += 60
        wrote(db, HERS, seconds, words=f"mot {'abcdefghijklmnopqrstuvwxyz'[nth] * 3}")
        take(db, goes(db, seconds), at(seconds))
    reasons = []
    for _ in range(4):
        seconds += 60
        contact = wrote(db, HERS, seconds, words="pas la")
        reasons.append(db.value("SELECT reason FROM contacts WHERE id = ?", contact))
        if reasons[-1] != "loop":
            take(db, goes(db, seconds), at(seconds))

    assert reasons == ["cooldown_over"] * 3 + ["loop"]


def test_a_text_by_hand_is_no_answer(db: Database) -> None:
    """It makes nobody a number that was answered, and is not tried again: a person stands there."""
    first, second = typed(db, HERS, 0), typed(db, HIS, 0)
    take(db, goes(db, 1), at(1))
    refuse(db, goes(db, 2), at(2), 38)
    contact = wrote(db, HERS, 10)

    assert db.value("SELECT reason FROM contacts WHERE id = ?", contact) == "first_contact"
    assert [db.value("SELECT state FROM answers WHERE id = ?", each) for each in (first, second)] == ["sent", "failed"]


def test_a_text_by_hand_moves_no_answer_to_the_known(db: Database) -> None:
    """Its number is as new as before, and does not stand behind one that waits because of the reserve."""
    rules = within(hour=6, reserve=70)
    for seconds in (0.0, 1.0, 2.0):
        sent(db, HIS, seconds, rules)
    wrote(db, HIS, 3, rules)
    wrote(db, HERS, 4, rules)
    typed(db, HERS, 5)
    take(db, goes(db, 6), at(6))

    shares_now = [row["share"] for row in db.all("SELECT share FROM answers WHERE state = 'queued' ORDER BY id")]
    assert shares_now == ["known", "new"]
    assert goes(db, 7, rules).recipient == HERS
    assert waits_for(db, 8, rules) is policy.WaitingFor.RESERVE


def test_a_block_ends_a_text_by_hand_that_waits(db: Database) -> None:
    """With it, in the same step, as it ends an answer; an opt-out is about answers alone."""
    typed(db, HERS, 0)
    with db.transaction():
        decisions.opt_out(db, HERS, at(1))
    assert db.value("SELECT state FROM answers") == "queued"
    assert decisions.block(db, HERS, "marie", at(2)) == 1
    assert tuple(db.the("SELECT state, reason FROM answers")) == ("cancelled", "blocked")


def test_texts_by_hand_see_those_in_front_of_them(db: Database) -> None:
    """What would have to wait is refused, and those that wait for their turn take room."""
    rules = within(hour=1)
    with db.transaction():
        asked = [
            answers.enqueue_by_hand(db, HERS, ONE, rules, at(0), kind=ByHand.SEND, who="marie", shadow=False)
            for _ in range(2)
        ]

    assert isinstance(asked[0], int)
    assert asked[1] == policy.Wait(policy.WaitingFor.BUDGET_HOUR)


def test_an_answer_is_as_old_as_its_contact(db: Database) -> None:
    """A text that was judged late is stale a day after it came."""
    contact = contacts.record_whole(db, "main", "text", mobile(HERS), "salut", at(0))
    store_steps.judge(db, contact, at(20 * 3600))

    assert queue.sweep(db, timedelta(hours=24), at(24 * 3600), by_calendar=False) == 0
    assert queue.sweep(db, timedelta(hours=24), at(24 * 3600 + 1), by_calendar=False) == 1


def test_nobody_is_answered_whom_no_phone_can_text() -> None:
    """A personal number is anybody's and costs what it likes; of lines there are two that are answered."""
    for line_type in set(LineType) - {LineType.MOBILE, LineType.FIXED_OR_MOBILE}:
        identity = Identity(HERS, HERS, "BE", line_type)
        verdict = policy.judge(policy.Contact("text", identity, timedelta(0)), policy.History(), RULES, 0.0)
        assert verdict.reason is policy.Reason.NOT_ANSWERABLE


# ---- tries


def test_a_segment_to_the_number_itself_is_no_sign_that_others_leave(db: Database) -> None:
    """A refusal counts towards the end of the tries only if something to somebody else was taken since the last."""
    wrote(db)
    refuse(db, goes(db, 1), at(1), 38)
    typed(db, HERS, 2)
    take(db, goes(db, 3), at(3))
    due = db.value("SELECT due_limit FROM answers WHERE contact_id = 1")
    refuse(db, goes(db, due), at(due), 38)

    assert db.value("SELECT refusals_counted FROM answers WHERE contact_id = 1") == 1


def test_tries_have_growing_pauses(db: Database) -> None:
    """A minute, five, fifteen, then an hour; before that it is not its turn."""
    wrote(db)
    now, pauses = 1.0, []
    for _ in range(5):
        refuse(db, goes(db, now), at(now), 38)
        due = db.value("SELECT due_limit FROM answers")
        assert queue.due(db, at(due - 1)) == []
        pauses.append(due - now)
        now = due

    assert pauses == [60, 300, 900, 3600, 3600]


def test_an_attempt_that_goes_on_forgets_how_it_ended(db: Database) -> None:
    """The rest of an answer that was put back is no failure of the line any more while it is under way."""
    wrote(db)
    take(db, goes(db, 1, planned=TWO), at(1))
    refuse(db, goes(db, 2, planned=TWO), at(2), 38)
    due = db.value("SELECT due_limit FROM answers")
    assert db.value("SELECT outcome FROM attempts") is not None
    goes(db, due, planned=TWO)

    assert db.value("SELECT outcome FROM attempts") is None


def test_what_was_withdrawn_leaves_no_attempt(db: Database) -> None:
    """A segment that never reached the modem counts nowhere, and its text is composed anew."""
    wrote(db)
    fates.withdraw_segment(db, goes(db, 1), at(2))

    assert db.value("SELECT count(*) FROM attempts") == 0
    assert db.value("SELECT text FROM answers") is None
    assert windows.spent(db, at(3), shadow=False)["hour"].total == 0


def test_a_rest_that_was_withdrawn_has_no_time(db: Database) -> None:
    """The second half waits again, without the moment of a submission that was none."""
    wrote(db)
    take(db, goes(db, 1, planned=TWO), at(1))
    fates.withdraw_segment(db, goes(db, 2, planned=TWO), at(3))

    row = db.the("SELECT state, submitted_at, submitted_limit FROM answer_segments ORDER BY id DESC LIMIT 1")
    assert tuple(row) == ("waiting", None, None)
    assert state(db)[0] == "queued"


@pytest.mark.parametrize("later", [None, "text by hand", "erased"])
def test_the_rest_follows_a_late_result_unless_something_else_went_there(db: Database, later: str | None) -> None:
    """Nobody gets the end of an answer behind another text, and what is erased cannot be sent."""
    wrote(db)
    begun = goes(db, 1, planned=TWO)
    lose(db, begun, at(121))
    if later == "text by hand":
        typed(db, HERS, 130)
        take(db, goes(db, 131), at(132))
    if later == "erased":
        db.connection.execute("UPDATE answer_segments SET pdu = NULL")
    fates.settle_late(db, begun.segment_id, 7, AGAIN, at(200))

    assert state(db) == (("failed", "half") if later else ("sending", None))


# ---- shares


def two_wait(db: Database, *, shadow: bool = False) -> None:
    """Have two answers to one new number wait: one that was cancelled, and then asked for again, and a later one."""
    wrote(db, shadow=shadow)
    answers.cancel(db, 1, "marie", at(0))
    wrote(db, HERS, 1, shadow=shadow)
    answers.requeue(db, 1, "marie", at(2))


def test_an_answer_stands_in_its_share_from_the_first_segment_on(db: Database) -> None:
    """A number that is being answered is no new one, whatever the power does meanwhile."""
    two_wait(db)
    goes(db, 4)

    assert db.value("SELECT share FROM answers WHERE state = 'queued'") == "known"
    contradictions = list(integrity.contradictions(db.connection, lambda _, __: None))
    assert not [each for each in contradictions if "share" in each]


def test_a_number_is_new_again_when_nothing_left(db: Database) -> None:
    """What the network refused makes nobody known; neither does what was withdrawn."""
    two_wait(db)
    refuse(db, goes(db, 4), at(4), 38)
    assert [row["share"] for row in db.all("SELECT share FROM answers")] == ["new", "new"]
    fates.withdraw_segment(db, goes(db, 5), at(6))
    assert [row["share"] for row in db.all("SELECT share FROM answers")] == ["new", "new"]


def test_in_shadow_mode_shares_are_those_of_shadow_mode(db: Database) -> None:
    """Who was let out there was answered there; live it was not."""
    wrote(db, shadow=True)
    assert begin_next(db, at(1), ONE, AGAIN, shadow=True) == gate.Shadowed()
    wrote(db, HERS, 10, shadow=True)
    for shadow, share in ((True, "known"), (False, "new"), (True, "known")):
        decisions.commit_mode(db, at(11), shadow=shadow)
        assert db.value("SELECT share FROM answers WHERE state = 'queued'") == share


def test_shadow_mode_files_what_it_lets_out(db: Database) -> None:
    """The other answers of a number that was let out stand among the known from then on."""
    decisions.commit_mode(db, at(0), shadow=True)
    two_wait(db, shadow=True)
    begin_next(db, at(3), ONE, AGAIN, shadow=True)

    assert db.value("SELECT share FROM answers WHERE state = 'queued'") == "known"


def test_shadow_mode_holds_half_of_an_answer_that_went_out_live(db: Database) -> None:
    """The rest goes out live as well, or nothing does."""
    wrote(db)
    take(db, goes(db, 1, planned=TWO), at(1))
    result = store_steps.begin(db, 1, at(2), TWO, AGAIN, shadow=True)

    assert result == policy.Wait(policy.WaitingFor.HELD)
    assert [row["state"] for row in db.all("SELECT state FROM answer_segments ORDER BY id")] == ["sent", "waiting"]


def test_shadow_mode_ends_a_text_by_hand_that_waited(db: Database) -> None:
    """It is not let out, and does not wait until the mode ends: a person can try again."""
    queued = typed(db, HERS, 0)
    result = store_steps.begin(db, queued, at(1), ONE, AGAIN, shadow=True)

    assert result == policy.Cancel(policy.Reason.SHADOW)
    assert db.value("SELECT state FROM answers") == "cancelled"


@pytest.mark.parametrize("window", policy.WINDOW_SECONDS)
def test_shadow_mode_has_the_limits_of_the_line(db: Database, window: str) -> None:
    """What it lets out counts there, together with what left live, and nowhere else."""
    rules = within(**{window: 2}, reserve=0)
    sent(db, HERS, 0.0, rules)
    for number, outcome in ((HIS, gate.Shadowed()), (THEIRS, policy.Wait(policy.BUDGETS[window]))):
        wrote(db, number, 1, rules, shadow=True)
        assert begin_next(db, at(2), ONE, rules, shadow=True) == outcome
    assert windows.spent(db, at(3), shadow=False)[window].total == 1
    assert history.history_of(db, HIS, shadow=True).answers == 1
    assert history.history_of(db, HIS, shadow=False).answers == 0
    assert history.history_of(db, HERS, shadow=True).answers == 1


# ---- what is on the disk


def test_the_clock_of_the_limits_is_saved_with_what_was_received(db: Database) -> None:
    """After a power cut half a message waits as long as it would have, and not from the last saving on."""
    parts = pdus.write_text(HERS, "x" * 200, scts=at(0).utc, reference=1)
    now = at(500.0)
    store_steps.record(db, parts[0], now=now)
    anchor, _ = line.clock_of(db.connection)

    assert anchor
    assert anchor.limit_time == 500.0


def test_the_clock_of_the_limits_is_saved_with_what_is_let_out(db: Database) -> None:
    """What counts in a window counts from a time that no power cut undoes."""
    wrote(db)
    goes(db, 700)

    anchor, _ = line.clock_of(db.connection)
    assert anchor
    assert anchor.limit_time == 700.0


# ---- what else people and backups do


@pytest.mark.parametrize(
    ("cms", "outcome"),
    [
        (1, Outcome.RECIPIENT),
        (195, Outcome.RECIPIENT),
        (38, Outcome.DECLINED),
        (208, Outcome.DECLINED),
        (302, Outcome.REFUSED),
    ],
)
def test_a_refusal_says_whose_fault_it_is(db: Database, cms: int, outcome: Outcome) -> None:
    """An unassigned number says nothing of the line; the network's own refusal says less of it than the modem's."""
    wrote(db)
    refuse(db, goes(db, 1), at(2), cms)

    assert db.value("SELECT outcome FROM attempts") == outcome


@pytest.mark.parametrize("late", ["result", "report"])
def test_a_late_proof_lets_a_country_wait_by_itself(db: Database, late: str) -> None:
    """It closes the line's breaker: the country of which all failed meanwhile stays out, as after any other answer."""
    rules = AGAIN._replace(numbers=policy.Numbers(answer_countries=("BE", "FR")))
    french = "+33612345678"
    contact = contacts.record_whole(db, "main", "text", Identity(french, french, "FR", LineType.MOBILE), "salut", at(0))
    store_steps.judge(db, contact, at(0), rules, delay=0.0, shadow=False)
    begun = [goes(db, 1, rules)]
    lose(db, begun[0], at(2))
    for nth, number in enumerate((HERS, HIS), 1):
        wrote(db, number, 10.0 * nth, rules)
        begun.append(goes(db, 10.0 * nth + 1, rules))
        lose(db, begun[-1], at(10.0 * nth + 2))
    assert line.breaker_of(db).is_open

    if late == "result":
        fates.settle_late(db, begun[1].segment_id, 7, rules, at(40))
    else:
        report(db, 40, number=HERS)

    assert not line.breaker_of(db).is_open
    assert [row["country"] for row in db.all("SELECT country FROM country_outages")] == ["FR"]


def test_what_a_late_proof_says_is_written_down(db: Database) -> None:
    """An answer that is known to have left has a time of its leaving; a report that was overtaken changes nothing."""
    wrote(db)
    begun = goes(db, 1)
    lose(db, begun, at(121))
    fates.settle_late(db, begun.segment_id, 7, AGAIN, at(200))
    assert db.value("SELECT sent_at FROM answers") == at(200).rfc3339
    for status, said in ((0x00, "delivered"), (0x20, "delivered"), (0x46, "undelivered"), (0x20, "undelivered")):
        report(db, 210, 7, status, HERS)
        assert state(db)[0] == said


def test_the_first_answer_by_hand_counts_among_the_known(db: Database) -> None:
    """To a phone of the house it takes nothing from what is for new numbers, and there are five of them a day."""
    for nth in range(5):
        assert answers.by_hand_today(db, at(nth)) == nth
        typed(db, HERS, nth, kind=ByHand.ANSWER)
        take(db, goes(db, nth), at(nth))

    assert windows.spent(db, at(9), shadow=False)["hour"] == policy.Spent(5, 5)
    assert answers.by_hand_today(db, at(86400)) == 4


def test_another_sim_ends_what_waits(db: Database) -> None:
    """Half of an answer too: its rest would come from another number."""
    wrote(db, HIS, 0)
    take(db, goes(db, 1, planned=TWO), at(1))
    wrote(db, HERS, 2)
    with db.transaction():
        answers.cancel_all(db, policy.Reason.SIM_CHANGED)

    assert [state(db, contact) for contact in (1, 2)] == [("failed", "sim_changed"), ("cancelled", "sim_changed")]


def test_what_waited_in_a_backup_may_have_left(db: Database) -> None:
    """It is perhaps sent, says why, and counts for its number."""
    wrote(db)
    with db.transaction():
        fates.mark_doubtful(db, 1, at(5))

    assert state(db) == ("unconfirmed", "restored")
    assert history.history_of(db, HERS, shadow=False).answers == 1


def test_a_number_is_known_under_its_pseudonym(db: Database) -> None:
    """Who was answered long ago is no new number, and is not answered again before the cooldown is over."""
    sent(db, HERS, 0)
    with db.transaction():
        pseudonyms.adopt_key(db)
    for _ in purging.purge(db, timedelta(0), timedelta(0), at(10)):
        pass
    assert db.value("SELECT recipient FROM answers").startswith("~")
    assert history.history_of(db, HERS, shadow=False).answers == 1
    wrote(db, HERS, 20, delay=60)
    assert db.value("SELECT share FROM answers WHERE state = 'queued'") == "known"
    answers.cancel(db, 2, "marie", at(21))
    db.connection.execute("UPDATE answers SET share = 'new' WHERE id = 2")
    answers.requeue(db, 2, "marie", at(22))
    assert db.value("SELECT share FROM answers WHERE state = 'queued'") == "known"
    assert answers.requeue(db, 1, "marie", at(30)) == "erased"


def test_answers_find_their_shares_once_the_key_is_back(db: Database) -> None:
    """An answer queued while nobody knew who had one stands among the known again, also if a person notices first."""
    sent(db, HERS, 0)
    with db.transaction():
        pseudonyms.adopt_key(db)
    for _ in purging.purge(db, timedelta(0), timedelta(0), at(10)):
        pass
    away = db.key_path.rename(db.path.with_name("away"))
    db.keys.clear()
    assert decisions.commit_key_lack(db, at(11))
    wrote(db, HERS, 20, delay=60)
    assert db.value("SELECT share FROM answers WHERE state = 'queued'") == "new"
    away.rename(db.key_path)
    decisions.resume(db, "marie", at(30))

    assert db.value("SELECT share FROM answers WHERE state = 'queued'") == "known"


@pytest.mark.parametrize("numbers", [0.0, 99 * DAY], ids=["text and number", "text"])
def test_what_is_erased_is_not_sent_again(db: Database, numbers: float) -> None:
    """Neither a text that nobody has any more, nor anything to a number that nobody knows."""
    wrote(db)
    lose(db, goes(db, 1), at(2))
    wrote(db, HIS, 3)
    answers.cancel(db, 2, "marie", at(4))
    with db.transaction():
        pseudonyms.adopt_key(db)
    for _ in purging.purge(db, timedelta(0), timedelta(seconds=numbers), at(10)):
        pass

    assert answers.requeue(db, 1, "marie", at(20)) == "erased"
    assert answers.requeue(db, 2, "marie", at(20)) == (None if numbers else "erased")


def test_each_answer_to_a_number_has_the_text_of_its_place(db: Database) -> None:
    """The first, the second: what counts is how many the number had."""
    asked = []
    for seconds in (0.0, 60.0):
        wrote(db, HERS, seconds)
        (turn,) = queue.due(db, at(seconds))
        begun = gate.begin(
            db,
            turn.answer_id,
            AGAIN,
            at(seconds),
            compose=lambda step, *_: asked.append(step) or gate.Composition(ONE),
            encode=store_steps.encode,
            shadow=False,
        )
        take(db, segment_of(begun), at(seconds))

    assert asked == [0, 1]


def test_the_loop_guard_knows_what_was_sent_in_30_days(db: Database) -> None:
    """An autoresponder may send back a text that is configured no more; what a person typed is none of ours."""
    sent(db, HERS, 0)
    typed(db, HIS, 1)
    assert answers.recent_texts(db, at(30 * DAY - 1)) == ["Non."]
    assert answers.recent_texts(db, at(30 * DAY)) == []
