"""Each rule of the money path by itself, in the fewest steps: a test fails for each rule that is switched off."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import store_steps
from store_steps import RULES, begin_next, lose, refuse, segment_of, take
from test_asked_again import ONE, START, TWO, at, report, state

from hotlined.gsm.address import Identity, LineType
from hotlined.gsm.alphabet import Plan
from hotlined.rules import policy
from hotlined.rules.breaker import Outcome
from hotlined.simulator import pdus
from hotlined.states import ByHand
from hotlined.store.answers import breakers, decisions, fates, gate, lifecycle, queue, verdicts, windows
from hotlined.store.file import integrity
from hotlined.store.file.opening import open_for_daemon
from hotlined.store.line import history, line_row, pseudonyms
from hotlined.store.line.database import Database
from hotlined.store.people import purging

HERS, HIS, THEIRS, FOURTH = "+32470000001", "+32470000002", "+32470000003", "+32470000004"
DAY = 86400.0
AGAIN = RULES._replace(limits=policy.Limits((timedelta(0),), per_number=99))
"""Rules without a cooldown, and with almost no cap."""


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """Give an open database of its own to each test."""
    with open_for_daemon(store_steps.make_empty(tmp_path / "hotlined.db")) as database:
        yield database


def within(hour: int = 99, day: int = 99, month: int = 99, *, reserve: int = 50) -> policy.Rules:
    """Return rules with these windows, without a cooldown."""
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
) -> int:
    """Receive a text that is new, judge it by these rules, and return the id of its contact."""
    contact = store_steps.record_whole(
        db, "main", "text", mobile(number), words or f"salut {seconds:.0f} {number}", at(seconds)
    )
    store_steps.judge(db, contact, at(seconds), rules, delay=delay)
    return contact


def mobile(number: str) -> Identity:
    """Return the identity of a Belgian mobile."""
    return Identity(number, number, "BE", LineType.MOBILE)


def goes(db: Database, seconds: float, rules: policy.Rules = AGAIN, planned: Plan = ONE) -> gate.Begun:
    """Let the next segment out."""
    return segment_of(begin_next(db, at(seconds), planned, rules))


def sent(db: Database, number: str, seconds: float, rules: policy.Rules = AGAIN, planned: Plan = ONE) -> int:
    """Answer a number: receive its text, and let the network accept the answer."""
    contact = wrote(db, number, seconds, rules)
    for _ in range(planned.segments):
        take(db, goes(db, seconds, rules, planned), at(seconds))
    return contact


def typed(db: Database, number: str, seconds: float, *, kind: ByHand = ByHand.SEND) -> int:
    """Queue a text by hand, and return its id."""
    with db.transaction():
        queued = verdicts.enqueue_by_hand(db, number, ONE, AGAIN, at(seconds), kind=kind, who="marie")
    assert isinstance(queued, int)
    return queued


def waits_for(db: Database, seconds: float, rules: policy.Rules, planned: Plan = ONE) -> policy.WaitingFor:
    """Ask the gate about the first due answer, and return what it waits for."""
    result = begin_next(db, at(seconds), planned, rules)
    assert isinstance(result, policy.Wait), result
    return result.waiting_for


# ---- the delay


def test_trial_waits_for_the_delay_of_its_answer(db: Database) -> None:
    """An answer that leaves early says that somebody sits at the telephone; an outage changes nothing about that."""
    wrote(db, FOURTH, delay=1800.0)
    for second, number in enumerate((HERS, HIS, THEIRS), 1):
        wrote(db, number, second)
        lose(db, goes(db, second), at(second))
    assert line_row.row_of(db).breaker.lets_try(1799.0)

    assert queue.due(db, at(1799.0)) == []
    assert queue.due(db, at(1800.0))[0].trial


# ---- the other address of an MMS


@pytest.mark.parametrize("blocked", [(), ("8600",)])
def test_centre_blocked_while_its_mms_waits_stops_the_answer(db: Database, blocked: tuple[str, ...]) -> None:
    """The gate knows both addresses of a photo message, and the configuration in force when the answer is due."""
    store_steps.record(db, *pdus.write_mms(HERS, "photo", scts=START, reference=9, originator="8600"), now=at(0))
    store_steps.judge(db, 1, at(0))
    rules = RULES._replace(numbers=RULES.numbers._replace(blocked=blocked))
    result = begin_next(db, at(1), ONE, rules)

    assert (result == policy.Cancel(policy.Reason.BLOCKED)) is bool(blocked)


# ---- windows and their reserve


@pytest.mark.parametrize(
    ("window", "apart"), [("hour", 600.0), ("day", 7200.0), ("month", 2 * DAY)], ids=["hour", "day", "month"]
)
def test_reserve_holds_in_each_window(db: Database, window: str, apart: float) -> None:
    """Half of four segments are for numbers without an answer."""
    rules = within(**{window: 4})
    for nth in range(3):
        sent(db, HERS, nth * apart, rules)
    wrote(db, HERS, 3 * apart, rules)

    assert waits_for(db, 3 * apart, rules) is policy.WaitingFor.RESERVE
    sent(db, HIS, 3 * apart, rules)


@pytest.mark.parametrize("window", policy.WINDOW_SECONDS)
def test_window_has_its_exact_length(db: Database, window: str) -> None:
    """A segment leaves it after an hour, a day or 30 days.

    A second earlier it has not left.
    """
    seconds, rules = policy.WINDOW_SECONDS[window], within(**{window: 1})
    sent(db, HERS, 0.0, rules)
    now = at(seconds - 1)
    assert windows.spent(db, now)[window].total == 1
    assert windows.spent(db, at(seconds))[window].total == 0


def test_rest_of_an_answer_counts_in_its_share(db: Database) -> None:
    """The waiting second segment counts among the known, like the first."""
    for number in (HERS, HIS):
        sent(db, number, 0.0)
    wrote(db, HERS, 10)
    goes(db, 11, planned=TWO)

    assert windows.spent(db, at(12))["hour"] == policy.Spent(4, 2)


def test_rest_after_a_late_result_needs_room_in_its_share(db: Database) -> None:
    """The requeued answer makes the number a known one."""
    rules = within(hour=6)
    wrote(db, HERS, 0, rules)
    lose(db, goes(db, 1, rules, TWO), at(2))
    verdicts.requeue(db, 1, "marie", at(3))
    begun = goes(db, 4, rules, TWO)
    lose(db, begun, at(5))
    for nth in range(3):
        sent(db, HIS, 30 + nth, rules)
    assert windows.spent(db, at(50))["hour"] == policy.Spent(5, 3)
    fates.settle_late(db, begun.segment_id, 9, rules, at(60))

    assert state(db)[0] == "failed"


def test_answer_from_a_backup_counts_in_its_share(db: Database) -> None:
    """It may have left since the backup."""
    sent(db, HERS, 0.0)
    for contact, number in ((2, HERS), (3, HIS)):
        wrote(db, number, 10)
        with db.transaction():
            fates.mark_doubtful(db, db.value("SELECT id FROM answers WHERE contact_id = ?", contact), at(20))

    assert windows.spent(db, at(21))["hour"] == policy.Spent(3, 1)


# ---- numbers


def test_text_during_an_answer_gets_no_second_one(db: Database) -> None:
    """The verdict is pending: the first answer may still fail."""
    wrote(db)
    goes(db, 1)
    second = wrote(db, HERS, 2)

    assert db.value("SELECT reason FROM contacts WHERE id = ?", second) == "pending"


def test_loop_guard_compares_the_latest_twenty_texts(db: Database) -> None:
    """The fourth equal short text is a loop, also after many others."""
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


def test_text_by_hand_does_not_count_as_an_answer(db: Database) -> None:
    """Its number stays new; a person is there to try again."""
    first, second = typed(db, HERS, 0), typed(db, HIS, 0)
    take(db, goes(db, 1), at(1))
    refuse(db, goes(db, 2), at(2), 42)
    contact = wrote(db, HERS, 10)

    assert db.value("SELECT reason FROM contacts WHERE id = ?", contact) == "first_contact"
    assert [db.value("SELECT state FROM answers WHERE id = ?", each) for each in (first, second)] == ["sent", "failed"]


def test_text_by_hand_moves_no_answer_to_the_known_share(db: Database) -> None:
    """Its number stays new and overtakes an answer that needs the reserve."""
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


def test_block_cancels_a_queued_text_by_hand(db: Database) -> None:
    """The transaction is the same; an opt-out ends answers only."""
    typed(db, HERS, 0)
    with db.transaction():
        decisions.opt_out(db, HERS, at(1))
    assert db.value("SELECT state FROM answers") == "queued"
    assert decisions.block(db, HERS, "marie", at(2)) == 1
    assert tuple(db.the("SELECT state, reason FROM answers")) == ("cancelled", "blocked")


def test_text_by_hand_without_room_is_refused(db: Database) -> None:
    """The queued texts by hand take room, too."""
    rules = within(hour=1)
    with db.transaction():
        asked = [verdicts.enqueue_by_hand(db, HERS, ONE, rules, at(0), kind=ByHand.SEND, who="marie") for _ in range(2)]

    assert isinstance(asked[0], int)
    assert asked[1] == policy.Wait(policy.WaitingFor.BUDGET_HOUR)


def test_answer_is_as_old_as_its_contact(db: Database) -> None:
    """The text's age makes its answer stale, however late its verdict.

    It is stale a day after the text came.
    """
    contact = store_steps.record_whole(db, "main", "text", mobile(HERS), "salut", at(0))
    store_steps.judge(db, contact, at(20 * 3600))

    assert queue.sweep(db, timedelta(hours=24), at(24 * 3600), by_calendar=False) == 0
    assert queue.sweep(db, timedelta(hours=24), at(24 * 3600 + 1), by_calendar=False) == 1


def test_only_mobile_line_types_are_answered() -> None:
    """A text to a personal number may cost any amount.

    Mobile and fixed-or-mobile lines are answered.
    """
    for line_type in set(LineType) - {LineType.MOBILE, LineType.FIXED_OR_MOBILE}:
        identity = Identity(HERS, HERS, "BE", line_type)
        verdict = policy.judge(policy.Contact("text", identity, timedelta(0)), policy.History(), RULES, 0.0)
        assert verdict.reason is policy.Reason.NOT_ANSWERABLE


# ---- tries


def test_refusal_counts_only_after_a_segment_to_another_number(db: Database) -> None:
    """The network accepted somebody else's segment since the last refusal."""
    wrote(db)
    refuse(db, goes(db, 1), at(1), 42)
    typed(db, HERS, 2)
    take(db, goes(db, 3), at(3))
    due = db.value("SELECT due_limit FROM answers WHERE contact_id = 1")
    refuse(db, goes(db, due), at(due), 42)

    assert db.value("SELECT refusals_counted FROM answers WHERE contact_id = 1") == 1


def test_tries_have_growing_pauses(db: Database) -> None:
    """These are a minute, five, fifteen, and an hour each."""
    wrote(db)
    now, pauses = 1.0, []
    for _ in range(5):
        refuse(db, goes(db, now), at(now), 42)
        due = db.value("SELECT due_limit FROM answers")
        assert queue.due(db, at(due - 1)) == []
        pauses.append(due - now)
        now = due

    assert pauses == [60, 300, 900, 3600, 3600]


def test_continued_attempt_has_no_outcome(db: Database) -> None:
    """It is no failure of the line until its rest has ended."""
    wrote(db)
    take(db, goes(db, 1, planned=TWO), at(1))
    refuse(db, goes(db, 2, planned=TWO), at(2), 42)
    due = db.value("SELECT due_limit FROM answers")
    assert db.value("SELECT outcome FROM attempts") is not None
    goes(db, due, planned=TWO)

    assert db.value("SELECT outcome FROM attempts") is None


def test_withdrawn_segment_leaves_no_attempt(db: Database) -> None:
    """It never reached the modem; its text is composed anew."""
    wrote(db)
    fates.withdraw_segment(db, goes(db, 1), at(2))

    assert db.value("SELECT count(*) FROM attempts") == 0
    assert db.value("SELECT text FROM answers") is None
    assert windows.spent(db, at(3))["hour"].total == 0


def test_withdrawn_second_segment_has_no_submission_time(db: Database) -> None:
    """It waits again."""
    wrote(db)
    take(db, goes(db, 1, planned=TWO), at(1))
    fates.withdraw_segment(db, goes(db, 2, planned=TWO), at(3))

    row = db.the("SELECT state, submitted_at, submitted_limit FROM answer_segments ORDER BY id DESC LIMIT 1")
    assert tuple(row) == ("waiting", None, None)
    assert state(db)[0] == "queued"


@pytest.mark.parametrize("later", [None, "text by hand", "erased"])
def test_rest_after_a_late_result_goes_only_without_another_text(db: Database, later: str | None) -> None:
    """An erased segment cannot be sent, either."""
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


def two_wait(db: Database) -> None:
    """Queue two answers to one new number: one that was cancelled and requeued, and a later one."""
    wrote(db)
    verdicts.cancel(db, 1, "marie", at(0))
    wrote(db, HERS, 1)
    verdicts.requeue(db, 1, "marie", at(2))


def test_number_is_known_from_its_first_segment_on(db: Database) -> None:
    """Its other queued answer becomes known at once, before a power cut."""
    two_wait(db)
    goes(db, 4)

    assert db.value("SELECT share FROM answers WHERE state = 'queued'") == "known"
    contradictions = list(integrity.contradictions(db.connection, lambda _, __: None))
    assert not [each for each in contradictions if "share" in each]


def test_number_is_new_again_when_nothing_left(db: Database) -> None:
    """Neither a refused nor a withdrawn segment makes it known."""
    two_wait(db)
    refuse(db, goes(db, 4), at(4), 42)
    assert [row["share"] for row in db.all("SELECT share FROM answers")] == ["new", "new"]
    fates.withdraw_segment(db, goes(db, 5), at(6))
    assert [row["share"] for row in db.all("SELECT share FROM answers")] == ["new", "new"]


# ---- the saved limit clock


def test_limit_clock_is_saved_with_a_received_segment(db: Database) -> None:
    """An incomplete message waits only the rest of its time.

    A power cut would otherwise make the message wait longer.
    """
    parts = pdus.write_text(HERS, "x" * 200, scts=at(0).utc, reference=1)
    now = at(500.0)
    store_steps.record(db, parts[0], now=now)
    anchor, _ = line_row.clock_of(db.connection)

    assert anchor
    assert anchor.limit_time == 500.0


def test_limit_clock_is_saved_with_a_released_segment(db: Database) -> None:
    """A power cut does not change its time in the windows."""
    wrote(db)
    goes(db, 700)

    anchor, _ = line_row.clock_of(db.connection)
    assert anchor
    assert anchor.limit_time == 700.0


# ---- other rules, people and backups


@pytest.mark.parametrize(
    ("cms", "outcome"),
    [
        (1, Outcome.DECLINED),
        (195, Outcome.RECIPIENT),
        (42, Outcome.DECLINED),
        (38, Outcome.UNCONFIRMED),
        (208, Outcome.DECLINED),
        (302, Outcome.REFUSED),
    ],
)
def test_refusal_has_the_outcome_of_its_cause(db: Database, cms: int, outcome: Outcome) -> None:
    """An invalid address says nothing about the line, the modem's refusal most."""
    wrote(db)
    refuse(db, goes(db, 1), at(2), cms)

    assert db.value("SELECT outcome FROM attempts") == outcome


def wrote_from_france(db: Database, number: str, seconds: float, rules: policy.Rules) -> None:
    """Receive a text from France and judge it."""
    sender = Identity(number, number, "FR", LineType.MOBILE)
    contact = store_steps.record_whole(db, "main", "text", sender, f"salut {number}", at(seconds))
    store_steps.judge(db, contact, at(seconds), rules, delay=0.0)


def test_trial_of_a_country_that_waits_no_longer_is_an_answer(db: Database) -> None:
    """The outage may end between the turn of an answer and the gate."""
    rules = AGAIN._replace(numbers=policy.Numbers(answer_countries=("BE", "FR")))
    began = "INSERT INTO country_outages (country, since, since_limit, due) VALUES ('FR', ?, 0.0, 1.0)"
    with db.transaction():
        db.execute(began, at(0).rfc3339)
    wrote_from_france(db, "+33612345678", 1, rules)
    (turn,) = queue.due(db, at(2))
    assert turn.trial
    breakers.keep_countries(db, ("BE",))

    segment_of(store_steps.begin(db, turn.answer_id, at(2), ONE, rules, trial=turn.trial))
    assert db.value("SELECT trial FROM attempts") is None


@pytest.mark.parametrize("late", ["result", "report"])
def test_late_proof_closes_the_breaker_but_not_a_country(db: Database, late: str) -> None:
    """Everything to that country failed meanwhile, so it stays out."""
    rules = AGAIN._replace(numbers=policy.Numbers(answer_countries=("BE", "FR")))
    french = "+33612345678"
    wrote_from_france(db, french, 0, rules)
    begun = [goes(db, 1, rules)]
    lose(db, begun[0], at(2))
    for nth, number in enumerate((HERS, HIS), 1):
        wrote(db, number, 10.0 * nth, rules)
        begun.append(goes(db, 10.0 * nth + 1, rules))
        lose(db, begun[-1], at(10.0 * nth + 2))
    assert line_row.row_of(db).breaker.is_open

    if late == "result":
        fates.settle_late(db, begun[1].segment_id, 7, rules, at(40))
    else:
        report(db, 40, number=HERS)

    assert not line_row.row_of(db).breaker.is_open
    assert [row["country"] for row in db.all("SELECT country FROM country_outages")] == ["FR"]


def test_late_proof_sets_the_time_of_sending(db: Database) -> None:
    """An overtaken status report changes nothing."""
    wrote(db)
    begun = goes(db, 1)
    lose(db, begun, at(121))
    fates.settle_late(db, begun.segment_id, 7, AGAIN, at(200))
    assert db.value("SELECT sent_at FROM answers") == at(200).rfc3339
    for status, said in ((0x00, "delivered"), (0x20, "delivered"), (0x46, "undelivered"), (0x20, "undelivered")):
        report(db, 210, 7, status, HERS)
        assert state(db)[0] == said


def test_first_answer_by_hand_counts_among_the_known(db: Database) -> None:
    """It takes nothing from the reserve; the day's five are counted."""
    for nth in range(5):
        assert verdicts.by_hand_today(db, at(nth)) == nth
        typed(db, HERS, nth, kind=ByHand.ANSWER)
        take(db, goes(db, nth), at(nth))

    assert windows.spent(db, at(9))["hour"] == policy.Spent(5, 5)
    assert verdicts.by_hand_today(db, at(86400)) == 4


def test_another_sim_ends_queued_answers(db: Database) -> None:
    """The rest of a half-sent one would have another number."""
    wrote(db, HIS, 0)
    take(db, goes(db, 1, planned=TWO), at(1))
    wrote(db, HERS, 2)
    with db.transaction():
        lifecycle.end_all(db, policy.Reason.SIM_CHANGED)

    assert [state(db, contact) for contact in (1, 2)] == [("failed", "sim_changed"), ("cancelled", "sim_changed")]


def test_queued_answer_from_a_backup_is_unconfirmed(db: Database) -> None:
    """Its reason is `restored`, and it counts for its number."""
    wrote(db)
    with db.transaction():
        fates.mark_doubtful(db, 1, at(5))

    assert state(db) == ("unconfirmed", "restored")
    assert history.history_of(db, HERS).answers == 1


def test_number_is_known_under_its_pseudonym(db: Database) -> None:
    """The purged number is not new, and its cooldown holds."""
    sent(db, HERS, 0)
    with db.transaction():
        pseudonyms.adopt_key(db)
    for _ in purging.purge(db, timedelta(0), timedelta(0), at(10)):
        pass
    assert db.value("SELECT recipient FROM answers").startswith("~")
    assert history.history_of(db, HERS).answers == 1
    wrote(db, HERS, 20, delay=60)
    assert db.value("SELECT share FROM answers WHERE state = 'queued'") == "known"
    verdicts.cancel(db, 2, "marie", at(21))
    db.connection.execute("UPDATE answers SET share = 'new' WHERE id = 2")
    verdicts.requeue(db, 2, "marie", at(22))
    assert db.value("SELECT share FROM answers WHERE state = 'queued'") == "known"
    assert verdicts.requeue(db, 1, "marie", at(30)) == "erased"


def test_answers_return_to_their_share_once_the_key_is_back(db: Database) -> None:
    """A `resume` moves them before the daemon's own check.

    They were queued as new without the key.
    """
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
def test_erased_answer_is_not_requeued(db: Database, numbers: float) -> None:
    """Either its text or its number is erased."""
    wrote(db)
    lose(db, goes(db, 1), at(2))
    wrote(db, HIS, 3)
    verdicts.cancel(db, 2, "marie", at(4))
    with db.transaction():
        pseudonyms.adopt_key(db)
    for _ in purging.purge(db, timedelta(0), timedelta(seconds=numbers), at(10)):
        pass

    assert verdicts.requeue(db, 1, "marie", at(20)) == "erased"
    assert verdicts.requeue(db, 2, "marie", at(20)) == (None if numbers else "erased")


def test_each_answer_to_a_number_has_the_text_of_its_step(db: Database) -> None:
    """The step is the number of earlier answers."""
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
        )
        take(db, segment_of(begun), at(seconds))

    assert asked == [0, 1]


def test_loop_guard_knows_answers_of_30_days(db: Database) -> None:
    """Autoresponders may return a text that is no longer configured.

    Texts by hand do not count.
    """
    sent(db, HERS, 0)
    typed(db, HIS, 1)
    assert verdicts.recent_texts(db, at(30 * DAY - 1)) == ["Non."]
    assert verdicts.recent_texts(db, at(30 * DAY)) == []
