"""Who was answered by one line of a fleet counts at all that exchange it, for cooldown and cap, by ages alone."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import store_steps
from filled import KEVIN, LEA, RULES
from postgres import cluster
from test_fleet import Enter, Member, enter, hub
from test_fleet_lying import lie

from hotlined import policy
from hotlined.clock import Now
from hotlined.errors import RefusedError
from hotlined.gsm import alphabet
from hotlined.policy import Cancel, Reason
from hotlined.store import backup, claims, erasing, exchanging, fleet, fleet_answers
from hotlined.store.fleet_answers import Answered
from hotlined.store.opening import open_for_daemon

__all__ = ["cluster", "enter", "hub"]
ALL = ["opt_outs", "blocks", "answers"]
TABLES = ("fleet_answers_line", "fleet_answers_own", "fleet_answers")
DAY = 86400.0
CAP_ALONE = RULES._replace(limits=policy.Limits(cooldown=(timedelta(0),), per_number=2))


def share(line: Member, *what: str) -> None:
    """Have a line exchange these."""
    line.settings["fleet"] = {"share": list(what)}
    line.config.write_text(json.dumps(line.settings))


@pytest.fixture
def pair(enter: Enter) -> Iterator[tuple[Member, Member]]:
    """Give two lines that exchange answers, too."""
    both = enter("fr"), enter("nl")
    for line in both:
        share(line, *ALL)
        line.sync()
    yield both
    for line in both:
        line.db.close()  # it may be another one than at first


def answer(line: Member, number: str = KEVIN, rules: policy.Rules = RULES) -> policy.Verdict:
    """Have somebody text; send the answer, if it is answered."""
    contact_id = line.text("Salut", number)
    verdict = store_steps.judge(line.db, contact_id, line.now(), rules)
    if verdict.answer:
        begun = store_steps.segment_of(store_steps.begin_next(line.db, line.now(), alphabet.plan("Non."), rules))
        store_steps.take(line.db, begun, line.now())
    return verdict


def exchange(*lines: Member) -> None:
    """Have lines exchange, each once."""
    for line in lines:
        line.sync()


def known(line: Member, number: str = KEVIN) -> list[tuple[str, int]]:
    """Return which lines answered a number, and how often, as a line knows it."""
    rows = line.db.all("SELECT line, answers FROM fleet_answers WHERE person = ? ORDER BY 1", line.person(number))
    return [tuple(row) for row in rows]


def said(line: Member, number: str = KEVIN) -> int | None:
    """Return how many answers a line says that a number had; None where it says nothing."""
    row = line.db.one("SELECT answers FROM fleet_answers_own WHERE person = ?", line.person(number))
    return row["answers"] if row else None


def row_of(line: Member, source: str, version: int, answers: int, age: int = 0, number: str = KEVIN) -> Answered:
    """Return a row about a number as a line of the fleet writes it, signed."""
    key = claims.key_of(line.database)
    return Answered(source, line.person(number), version, answers, "", age).signed(key)


def take(line: Member, *rows: Answered, place: int = 1, now: Now | None = None) -> int:
    """Hand in rows as if the hub had sent them; return how many are not believed."""
    cursor = int(line.db.value("SELECT cursor FROM fleet_answers_line"))
    placed = [claims.Placed(cursor + place + index, row) for index, row in enumerate(rows)]
    span = cursor, cursor + place + len(rows)
    return fleet_answers.take(line.db, span, placed, claims.key_of(line.database), now or line.db.now())


# ---- what it is for


def test_who_was_answered_at_one_line_waits_for_the_cooldown_at_the_other(pair: tuple[Member, Member]) -> None:
    """The reason is the same, and log and number name the line that answered; nobody else is meant by it."""
    fr, nl = pair
    answer(fr)
    with fr.doors():
        assert "Sent: 1." in fr.sync()
    with nl.doors():
        assert "Taken: 1." in nl.sync()

    assert nl.shown(nl.receive("Salut")) == ("suppress", "cooldown", "fr")
    assert nl.shown(nl.receive("Salut", LEA)) == ("answer", "first_contact", None)
    assert "answered elsewhere: fr" in nl.run("number", KEVIN).output
    assert "elsewhere" not in nl.run("number", LEA).output


def test_the_cap_of_a_number_counts_the_answers_of_all_lines(pair: tuple[Member, Member]) -> None:
    """One answer from each of two lines is two: with a cap of two neither answers again, and nothing more is said."""
    fr, nl = pair
    for line in (fr, nl):
        assert answer(line, rules=CAP_ALONE).answer
        exchange(fr, nl)
    exchange(fr, nl)

    assert answer(fr, rules=CAP_ALONE) == policy.Verdict(False, Reason.PER_NUMBER, "nl")
    assert answer(nl, rules=CAP_ALONE) == policy.Verdict(False, Reason.PER_NUMBER, "fr")
    assert (said(fr), said(nl)) == (1, 1)


def test_a_line_whose_own_answers_are_enough_names_no_other(pair: tuple[Member, Member]) -> None:
    """Where it would refuse for itself, whatever is known from elsewhere, the refusal is its own."""
    fr, nl = pair
    for _time in range(2):
        answer(nl, rules=CAP_ALONE)
    answer(fr, rules=CAP_ALONE)
    exchange(fr, nl)

    assert answer(nl, rules=CAP_ALONE) == policy.Verdict(False, Reason.PER_NUMBER, None)


def test_the_gate_refuses_an_answer_that_was_queued_before(pair: tuple[Member, Member]) -> None:
    """What waits for its delay while another line answers is not sent, and the log says whose answer that was."""
    fr, nl = pair
    queued = nl.receive("Salut")
    answer(fr)
    exchange(fr, nl)

    assert nl.let_out() == Cancel(Reason.COOLDOWN, "fr")
    assert nl.shown(queued) == ("answer", "first_contact", "fr")


def test_an_answer_counts_from_when_it_is_handed_to_the_modem(pair: tuple[Member, Member]) -> None:
    """Perhaps sent is sent; what the network refused, so that nothing left, counts nowhere, as on the line itself."""
    fr, nl = pair
    fr.receive("Salut")
    begun = store_steps.segment_of(store_steps.begin_next(fr.db, fr.now(), rules=RULES))
    exchange(fr, nl)
    assert known(nl) == [("fr", 1)]
    store_steps.refuse(fr.db, begun, fr.now(), 38)
    exchange(fr, nl)

    assert known(nl) == []
    assert nl.shown(nl.receive("Salut"))[:2] == ("answer", "first_contact")


def test_which_text_a_number_gets_and_from_which_share_is_the_line_s_own_affair(pair: tuple[Member, Member]) -> None:
    """A number that another line answered is a new one here: the first of the texts, and the room for new numbers."""
    fr, nl = pair
    answer(fr, rules=CAP_ALONE)
    exchange(fr, nl)
    answer(nl, rules=CAP_ALONE)

    assert tuple(nl.db.the("SELECT step, share FROM attempts")) == (0, "new")


# ---- ages


@pytest.mark.parametrize("calendar", [datetime(1970, 1, 1, tzinfo=UTC), datetime(2027, 11, 27, tzinfo=UTC)])
def test_no_calendar_enters_an_age(pair: tuple[Member, Member], calendar: datetime) -> None:
    """With a clock of 1970, or a year ahead, on either line, the age is that of the limit clock, and what it meets."""
    fr, nl = pair
    answer(fr)
    key = claims.key_of(fr.database)
    sent = fr.now()._replace(utc=calendar)
    (row,) = fleet_answers.unsent_rows(fr.db, key, sent._replace(limit=sent.limit + DAY))
    reading = nl.db.now()._replace(utc=calendar, limit=5.0)
    take(nl, row, now=reading)

    assert row.age == pytest.approx(DAY, abs=600)
    assert nl.db.value("SELECT last_limit FROM fleet_answers") == 5.0 - row.age


def test_what_waits_at_the_hub_grows_older_there(pair: tuple[Member, Member], hub: str) -> None:
    """Who reads two days later is told of an answer of two days ago: its cooldown is over, the cap counts it."""
    fr, nl = pair
    answer(fr)
    fr.sync()
    lie(hub, "UPDATE hotlined.answers SET answered_at = answered_at - interval '2 days'")
    nl.sync()

    assert known(nl) == [("fr", 1)]
    assert nl.shown(nl.receive("Salut")) == ("answer", "first_contact", None)


def test_who_sends_days_later_says_how_old_it_is(pair: tuple[Member, Member]) -> None:
    """A line that was off line for two days of its own counts these, whatever the hub's clock says."""
    fr, nl = pair
    answer(fr)
    fr.db.execute("UPDATE fleet_answers_own SET last_limit = last_limit - ?", 2 * DAY)
    exchange(fr, nl)

    assert nl.db.now().limit - nl.db.value("SELECT last_limit FROM fleet_answers") > 2 * DAY
    assert nl.shown(nl.receive("Salut"))[0] == "answer"


def test_a_cooldown_from_elsewhere_outlives_a_restart(pair: tuple[Member, Member]) -> None:
    """It stands in the database, by the line's own limit clock."""
    fr, nl = pair
    answer(fr)
    exchange(fr, nl)
    nl.db.close()
    nl.db = open_for_daemon(nl.database)

    assert nl.shown(nl.receive("Salut")) == ("suppress", "cooldown", "fr")


# ---- what is lost, and found again


def test_without_the_hub_a_line_owes_a_row_a_person(pair: tuple[Member, Member]) -> None:
    """However often it answers meanwhile; what it has not sent is sent once the hub is there."""
    fr, nl = pair
    often = RULES._replace(limits=policy.Limits((timedelta(0),), 100, policy.Windows(900, 900, 900), 0))
    for _time in range(3):
        answer(fr, rules=often)
        answer(fr, LEA, often)
    assert fr.db.value("SELECT count(*) FROM fleet_answers_own") == 2
    assert json.loads(fr.run("fleet", "status", "--json").output)["owed"] == 2
    exchange(fr, nl)

    assert (known(nl), known(nl, LEA)) == ([("fr", 3)], [("fr", 3)])


def test_a_restored_line_hears_of_its_own_answers(pair: tuple[Member, Member], tmp_path: Path) -> None:
    """What it sent after its backup counts for itself and for the others, and is not counted twice."""
    fr, nl = pair
    answer(fr, rules=CAP_ALONE)
    fr.sync()
    copy = tmp_path / "copy.db"
    backup.make(fr.database, copy, lambda _, __: None)
    answer(fr, rules=CAP_ALONE)
    exchange(fr, nl)
    assert known(nl) == [("fr", 2)]
    fr.db.close()
    for ending in ("", "-wal", "-shm"):
        fr.database.with_name(fr.database.name + ending).unlink(missing_ok=True)
    copy.rename(fr.database)
    fr.db = open_for_daemon(fr.database)
    exchange(fr, nl, fr, nl)

    assert (known(fr), said(fr), known(nl)) == ([("fr", 1)], 2, [("fr", 2)])
    assert answer(fr, rules=CAP_ALONE) == policy.Verdict(False, Reason.PER_NUMBER, None)
    assert answer(nl, rules=CAP_ALONE) == policy.Verdict(False, Reason.PER_NUMBER, "fr")


def test_another_hub_is_told_all(pair: tuple[Member, Member], hub: str) -> None:
    """A hub that begins anew, or was put back to an earlier day, is told everything again."""
    fr, nl = pair
    answer(fr)
    fr.sync()
    lie(hub, "DELETE FROM hotlined.answers")
    exchange(fr, nl)
    assert known(nl) == [("fr", 1)]
    answer(fr, LEA)
    fr.sync()
    lie(hub, "DELETE FROM hotlined.answers", "UPDATE hotlined.hub SET id = gen_random_uuid()")
    exchange(fr, nl)

    assert known(nl, LEA) == [("fr", 1)]
    assert not exchanging.has_unsent_rows(fr.db)


def test_what_was_read_is_read_once(pair: tuple[Member, Member]) -> None:
    """Also by a line that has nothing to say itself."""
    fr, nl = pair
    answer(fr)
    exchange(fr, nl)

    assert "Taken: 0." in nl.sync()


def test_what_was_sent_is_noted_up_to_its_version(pair: tuple[Member, Member]) -> None:
    """An answer that leaves while the one before is on its way to the hub is still to be sent."""
    fr, _nl = pair
    answer(fr, rules=CAP_ALONE)
    (row,) = fleet_answers.unsent_rows(fr.db, claims.key_of(fr.database), fr.now())
    answer(fr, rules=CAP_ALONE)
    fleet_answers.acknowledge(fr.db, [(row.person, row.version)])

    assert exchanging.count_unsent_rows(fr.db) == 1


# ---- turned on and off


def test_a_line_that_does_not_exchange_answers_says_and_asks_nothing(enter: Enter, hub: str) -> None:
    """Nothing of its answers is kept for others or sent, and the hub is not asked, even where it has no such table."""
    fr = enter("fr")
    answer(fr)
    lie(hub, "DROP TABLE hotlined.answers")
    fr.sync()

    assert [fr.db.value(f"SELECT count(*) FROM {table}") for table in TABLES] == [0, 0, 0]


def test_what_was_answered_before_counts_once_it_is_exchanged(enter: Enter) -> None:
    """A line that turns it on later says whom it had answered, and when."""
    fr, nl = enter("fr"), enter("nl")
    answer(fr)
    for line in (fr, nl):
        share(line, *ALL)
    exchange(fr, nl)

    assert nl.shown(nl.receive("Salut")) == ("suppress", "cooldown", "fr")


def test_turned_off_it_is_forgotten_here_and_taken_back_at_the_hub(pair: tuple[Member, Member], hub: str) -> None:
    """With the next exchange nothing from elsewhere counts here, nothing from here elsewhere, and nothing is left."""
    fr, nl = pair
    answer(fr)
    answer(nl, LEA)
    exchange(fr, nl, fr)
    assert known(fr, LEA) == [("nl", 1)]
    share(fr, "opt_outs", "blocks")
    exchange(fr, nl)

    assert [fr.db.value(f"SELECT count(*) FROM {table}") for table in TABLES] == [0, 0, 0]
    assert fr.shown(fr.receive("Salut", LEA))[0] == "answer"
    assert nl.shown(nl.receive("Salut"))[0] == "answer"
    with psycopg.connect(hub) as connection:
        assert connection.execute("SELECT sum(answers) FROM hotlined.answers WHERE line = 'fr'").fetchone() == (0,)


def test_who_is_forgotten_is_a_new_number_and_the_others_hear_of_it(pair: tuple[Member, Member]) -> None:
    """What is known of a person's answers goes, own and others'; the others hear that this line answered it no more."""
    fr, nl = pair
    answer(fr)
    take(fr, row_of(fr, "be", 3, 2))
    assert known(fr) == [("be", 2)]
    exchange(fr, nl)
    assert known(nl) == [("fr", 1)]
    erasing.forget(fr.db, KEVIN, fr.now(), keep_opt_out=False, opts_out=lambda _text: False)
    assert (known(fr), said(fr)) == ([], 0)
    exchange(fr, nl)

    assert (known(nl), said(fr)) == ([], None)
    assert fr.shown(fr.receive("Salut")) == ("answer", "first_contact", None)


def test_what_is_over_leaves_the_hub_in_the_end(pair: tuple[Member, Member], hub: str) -> None:
    """A row that counts no more is dropped once everybody had more than a year to hear of it."""
    fr, _nl = pair
    answer(fr)
    fr.sync()
    erasing.forget(fr.db, KEVIN, fr.now(), keep_opt_out=False, opts_out=lambda _text: False)
    fr.sync()
    lie(hub, "UPDATE hotlined.answers SET answered_at = answered_at - interval '401 days'")
    answer(fr, LEA)
    fr.sync()

    with psycopg.connect(hub) as connection:
        assert connection.execute("SELECT person FROM hotlined.answers").fetchall() == [(fr.person(LEA),)]


# ---- a hub that lies


@pytest.mark.parametrize("field", [{"answers": 9}, {"version": 9}, {"line": "be"}, {"person": "~0123456789ab"}])
def test_a_row_is_as_its_line_signed_it(pair: tuple[Member, Member], field: dict[str, object]) -> None:
    """Whoever has no key can name no person, and raise no count."""
    _fr, nl = pair
    row = replace(row_of(nl, "fr", 3, 1), **field)  # type: ignore[arg-type]

    assert take(nl, row) == 1
    assert nl.db.value("SELECT count(*) FROM fleet_answers") == 0


def test_a_row_that_is_repeated_says_nothing_new(pair: tuple[Member, Member]) -> None:
    """An earlier row, or the same one with another age, changes nothing: a cooldown cannot be kept alive by it."""
    _fr, nl = pair
    take(nl, row_of(nl, "fr", 3, 2, age=500))
    before = tuple(nl.db.the("SELECT * FROM fleet_answers"))
    take(nl, row_of(nl, "fr", 3, 2), row_of(nl, "fr", 2, 1))

    assert tuple(nl.db.the("SELECT * FROM fleet_answers")) == before


def test_ages_have_bounds(pair: tuple[Member, Member]) -> None:
    """An answer of tomorrow is one of now; one of a thousand years ago holds nobody up, and counts for the cap."""
    _fr, nl = pair
    now = nl.db.now()
    take(nl, row_of(nl, "fr", 3, 2, age=-99), row_of(nl, "fr", 4, 1, age=10**15, number=LEA), now=now)

    assert nl.db.value("SELECT max(last_limit) FROM fleet_answers") == now.limit
    assert nl.shown(nl.receive("Salut", LEA))[0] == "answer"


def test_rows_of_this_line_are_nothing_new_to_it(pair: tuple[Member, Member]) -> None:
    """A hub that sends a line its own rows changes nothing, unless the line's database is older than they are."""
    fr, _nl = pair
    take(fr, row_of(fr, "fr", 900, 900))

    assert known(fr) == []


@pytest.mark.parametrize(
    "lies", ["answered_at = 'infinity'", "answered_at = '-infinity'", "answered_at = now() + interval '9 years'"]
)
def test_moments_that_do_not_exist_stop_nobody(pair: tuple[Member, Member], hub: str, lies: str) -> None:
    """Whatever the hub has as the moment of an answer, the count of it holds, and opt-outs are exchanged."""
    fr, nl = pair
    answer(fr)
    fr.receive("Stop", LEA)
    fr.sync()
    lie(
        hub,
        "ALTER TABLE hotlined.answers DROP CONSTRAINT answers_answered_at_check",
        f"UPDATE hotlined.answers SET {lies}",
    )
    nl.sync()

    assert known(nl) == [("fr", 1)]
    assert nl.shown(nl.receive("Salut", LEA)) == ("suppress", "opted_out", "fr")


def test_a_flood_of_rows_is_refused_and_said(pair: tuple[Member, Member], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of others so many are kept and no more: the status says that there is no room, and opt-outs go on."""
    fr, nl = pair
    monkeypatch.setattr(fleet, "MOST_STORED", 1)
    take(nl, row_of(nl, "fr", 3, 1))
    with pytest.raises(RefusedError, match="takes no more"):
        take(nl, row_of(nl, "fr", 4, 1, number=LEA))
    fr.receive("Stop", LEA)
    fr.sync()
    nl.sync()

    assert "fleet_full" in nl.run("status", "--json").output
    assert nl.shown(nl.receive("Salut", LEA)) == ("suppress", "opted_out", "fr")


def test_a_role_writes_its_own_answers_alone(pair: tuple[Member, Member]) -> None:
    """Whoever has the address of one line can neither change nor erase what another says."""
    fr, nl = pair
    answer(nl)
    nl.sync()
    address = json.loads(fr.config.with_suffix(".fleet").read_text())["hub"]
    with psycopg.connect(address, autocommit=True) as connection:
        for statement in (
            "UPDATE hotlined.answers SET answers = 0, version = version + 1",
            "DELETE FROM hotlined.answers",
        ):
            assert connection.execute(statement).rowcount == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(
                "INSERT INTO hotlined.answers (line, person, version, answers, signature, answered_at)"
                " VALUES ('nl', '~000000000000', 1, 1, repeat('0', 64), now())"
            )
