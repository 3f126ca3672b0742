"""`hotlined numbers` and `hotlined show NUMBER`: who contacts the line, and when a number may next be answered."""

import csv
import io
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filled import ANSWER, KEVIN, LEA, RULES, Filled

from hotlined import pseudonym
from hotlined.gsm import alphabet
from hotlined.machine.clock import boottime
from hotlined.rules.policy import Reason, WaitingFor
from hotlined.states import ByHand
from hotlined.status import DaemonStatus
from hotlined.store.answers import decisions, verdicts
from hotlined.store.answers.correspondents import Order, correspondents
from hotlined.store.line import pseudonyms
from hotlined.store.line.line_row import commit_own_number, commit_sim_changed, commit_wait
from hotlined.words.reasons import REASONS
from hotlined.words.times import moment

TOM, PROXIMUS, LONDON = "+32470999999", "8850", "+447400123456"
KEYS = ["number", "contacts", "first_at", "last_at", "last_id", "answers", "segments", "blocked", "opted_out"]
KEYS += ["blocked_at", "blocked_by", "opted_out_at"]
DAY = 86_400.0
AT_ONCE = {"text": ANSWER, "delay": "0s"}
NEAR = 900  # seconds that the line's clock may be ahead of the command's


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Filled]:
    """Give a line with nothing in it."""
    filled = Filled(tmp_path, answer=AT_ONCE)
    with filled.db:
        yield filled


@pytest.fixture
def busy(line: Filled) -> Filled:
    """Give a line with contacts of an answered number, a blocked one, a withheld one, and noise."""
    line.judge(line.text("Salut"))
    line.send()
    line.judge(line.text("Salut ?", sender=LEA))
    line.judge(line.text("Réponds !"))
    line.db.connection.execute("UPDATE contacts SET originator = NULL WHERE id = ?", (line.call(),))
    line.pdu("00FF")
    for number in (LEA, TOM):
        decisions.block(line.db, number, "somebody", line.now())
    return line


def listed(line: Filled, *arguments: str) -> list[dict[str, Any]]:
    """Return the output of `numbers --json`."""
    return [json.loads(each) for each in line.run("numbers", "--json", *arguments).stdout.splitlines()]


def asked(line: Filled, number: str, *arguments: str) -> dict[str, Any]:
    """Return the output of `show NUMBER --json`."""
    result = line.run("show", "--number", number, "--json", *arguments)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


# ---- the list


def test_each_number_is_summed_up(busy: Filled) -> None:
    """Withheld numbers count as one, noise as none."""
    everyone = {each["number"]: each for each in listed(busy)}

    assert set(everyone) == {KEVIN, LEA, TOM, None}
    assert list(everyone[KEVIN]) == KEYS
    assert list(everyone[KEVIN].values())[1:] == [
        2, "2026-11-24T22:01:00.000Z", "2026-11-24T22:11:00.000Z", 3, 1, 2, False, False, None, None, None,
    ]  # fmt: skip
    assert (everyone[LEA]["contacts"], everyone[LEA]["answers"], everyone[LEA]["blocked"]) == (1, 0, True)
    assert (everyone[TOM]["contacts"], everyone[TOM]["last_at"], everyone[TOM]["blocked"]) == (0, None, True)
    assert everyone[None]["contacts"] == 1


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        ("", [TOM, LEA, KEVIN, None]),
        ("--sort first", [TOM, KEVIN, LEA, None]),
        ("--sort contacts", [TOM, LEA, None, KEVIN]),
        ("-n 1", [None]),
        ("-n 1 --sort contacts", [KEVIN]),
        ("-n 0", [TOM, LEA, KEVIN, None]),
    ],
)
def test_the_list_is_sorted_and_ends_with_the_most(busy: Filled, arguments: str, numbers: list[str | None]) -> None:
    """`--sort` names the order, and `-n` keeps the end of the list."""
    assert [each["number"] for each in listed(busy, *arguments.split())] == numbers


def test_a_number_blocked_in_the_configuration_is_blocked(tmp_path: Path) -> None:
    """It counts like one of `hotlined block`."""
    filled = Filled(tmp_path, numbers={"blocked": [LEA]})
    with filled.db:
        filled.call()
        assert [each["blocked"] for each in listed(filled)] == [True]
        assert asked(filled, LEA)["next"]["reason"] == "blocked"


@pytest.fixture
def refusing(tmp_path: Path) -> Iterator[Filled]:
    """Give a line that refuses four: one blocked twice and opted out, two blocked, and one opted out."""
    filled = Filled(tmp_path, answer=AT_ONCE, numbers={"blocked": [LONDON]})
    with filled.db:
        filled.judge(filled.text("Salut"))
        filled.text("Salut", sender=LEA)
        decisions.block(filled.db, LEA, "anna", filled.now())
        decisions.block(filled.db, LEA, "root", filled.now())
        decisions.block(filled.db, TOM, "root", filled.now())
        with filled.db.transaction():
            decisions.opt_out(filled.db, LEA, filled.now())
            decisions.opt_out(filled.db, "+32470888888", filled.now())
        yield filled


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ("--blocked", {LEA, TOM, LONDON}),
        ("--opted-out", {LEA, "+32470888888"}),
        ("--blocked --opted-out", {LEA, TOM, LONDON, "+32470888888"}),
        ("--blocked -n 1", {LEA}),
    ],
)
def test_refused_numbers_are_listed(refusing: Filled, options: str, numbers: set[str]) -> None:
    """Numbers without contacts and those of the configuration are listed, too."""
    found = listed(refusing, *options.split())

    assert {each["number"] for each in found} == numbers
    assert found[-1]["number"] == LEA  # the latest contact


def test_a_refusal_names_its_person_and_beginning(refusing: Filled) -> None:
    """The first block counts; an opt-out has no author.

    `numbers`, `show` and `export` say the same.
    """
    lea = next(each for each in listed(refusing, "--blocked") if each["number"] == LEA)
    blocked, opted_out = moment(lea["blocked_at"]), moment(lea["opted_out_at"])
    words = f"blocked by anna, {blocked}; opted out, {opted_out}"
    shown = refusing.run("numbers", "--blocked").stdout

    assert (lea["blocked"], lea["opted_out"], lea["blocked_by"]) == (True, True, "anna")
    assert next(line for line in shown.splitlines() if LEA in line).endswith(words)
    assert next(line for line in shown.splitlines() if LONDON in line).endswith("blocked in the configuration")
    assert words in " ".join(refusing.run("show", LEA).stdout.split())
    assert asked(refusing, LEA)["blocked_by"] == "anna"
    exported = json.loads(refusing.run("export", LEA, "--json").stdout)["decided"]
    assert (exported["blocked_by"], exported["blocked_at"]) == ("anna", lea["blocked_at"])
    narrow = [line.strip() for line in refusing.on_a_terminal(40, "numbers", "--blocked")]
    assert f"blocked by anna, {blocked}; op" in " ".join(narrow)

    decisions.unblock(refusing.db, LEA, "root", refusing.now())
    assert {each["number"] for each in listed(refusing, "--blocked")} == {TOM, LONDON}
    assert refusing.run("numbers", "--opted-out", "-n", "1").stdout.splitlines()[-1].endswith(f"opted out, {opted_out}")


def test_an_empty_list_of_refused_numbers_has_its_own_words(line: Filled) -> None:
    """They differ from those of a line without contacts."""
    line.text()
    assert line.run("numbers", "--blocked").stdout == "Nobody is in this list.\n"


def test_csv_calculates_nothing(busy: Filled) -> None:
    """Numbers begin with an apostrophe; the header has the keys of --json."""
    header, *rows = csv.reader(io.StringIO(busy.run("numbers", "--csv").stdout_bytes.decode(), newline=""))

    assert header == KEYS
    assert [row[0] for row in rows] == [f"'{TOM}", f"'{LEA}", f"'{KEVIN}", ""]
    assert busy.run("numbers", "--csv", "--json").exit_code == 2


@pytest.mark.parametrize(
    ("columns", "headings"),
    [(80, "NUMBER CONTACTS ANSWERS SEGMENTS FIRST LAST STATE"), (40, "NUMBER IN OUT LAST")],
)
def test_the_list_fits_its_terminal(busy: Filled, columns: int, headings: str) -> None:
    """A narrow one has fewer columns, and the state below."""
    lines = busy.on_a_terminal(columns, "numbers")

    assert lines[0].split() == headings.split()
    assert max(map(len, lines)) <= columns
    assert [each.split()[-1] for each in lines[1:3]] == (["blocked", "blocked"] if columns == 80 else ["-", "blocked"])
    assert lines[-1].startswith("withheld")


def test_an_empty_list_is_a_sentence(line: Filled) -> None:
    """Programs get no output."""
    assert line.run("numbers").stdout == "Nobody has contacted the line yet.\n"
    assert line.run("numbers", "--json").stdout == ""


# ---- one number


def answered(line: Filled, times: int = 1) -> None:
    """Answer KEVIN this many times, long ago."""
    for _ in range(times):
        line.judge(line.text())
        line.send()
        line.db.connection.execute("UPDATE attempts SET begun_limit = begun_limit - ?", (8 * DAY,))


def just_answered(line: Filled) -> None:
    """Answer KEVIN now."""
    answered(line)
    line.db.connection.execute("UPDATE attempts SET begun_limit = ?", (line.db.now().limit,))


def opted_out(line: Filled) -> None:
    """Let KEVIN opt out."""
    with line.db.transaction():
        decisions.opt_out(line.db, KEVIN, line.now())


@pytest.mark.parametrize(
    ("before", "number", "reason", "seconds"),
    [
        (lambda _: None, KEVIN, "first_contact", 0),
        (answered, KEVIN, "cooldown_over", 0),
        (just_answered, KEVIN, "cooldown", DAY),
        (lambda line: answered(line, 3), KEVIN, "per_number", None),
        (lambda line: line.judge(line.text()), KEVIN, "pending", None),
        (lambda line: decisions.block(line.db, KEVIN, "somebody", line.now()), KEVIN, "blocked", None),
        (opted_out, KEVIN, "opted_out", None),
        (lambda _: None, LONDON, "country", None),
        (lambda _: None, "+3222345678", "not_answerable", None),
        (lambda line: line.text(sender=PROXIMUS), PROXIMUS, "not_answerable", None),
        (lambda line: commit_own_number(line.db, KEVIN), KEVIN, "own_number", None),
    ],
    ids=[
        "new",
        "answered",
        "cooldown",
        "cap",
        "pending",
        "blocked",
        "opted out",
        "country",
        "landline",
        "short",
        "own",
    ],
)
def test_the_next_answer_is_by_the_policy(
    line: Filled, before: Callable[[Filled], object], number: str, reason: str, seconds: float | None
) -> None:
    """`show NUMBER` says whether and when a text would be answered."""
    before(line)
    told = asked(line, number)["next"]

    assert (told["answer"], told["reason"]) == (reason in {"first_contact", "cooldown_over"}, reason)
    assert told["in_seconds"] == (seconds if seconds is None else pytest.approx(seconds, abs=NEAR))
    assert REASONS[Reason(reason)] in line.run("show", "--number", number).stdout


def test_the_next_answer_waits_for_its_window(tmp_path: Path) -> None:
    """A window that is too small makes it wait for ever."""
    filled = Filled(
        tmp_path, limits={"segments": {"hour": 2, "day": 2, "month": 1}, "reserve_for_new": "0%"}, answer=AT_ONCE
    )
    with filled.db:
        filled.judge(filled.text())
        filled.send()
        filled.db.connection.execute("UPDATE answer_segments SET submitted_limit = ?", (filled.db.now().limit,))
        never = asked(filled, LEA)["next"]
        filled.config.write_text(json.dumps(filled.settings | {"limits": {"segments": {"hour": 2, "day": 9}}}))
        later = asked(filled, LEA)["next"]
        said = filled.run("show", LEA).stdout

    assert (never["answer"], never["in_seconds"], never["windows"]["month"]) == (True, None, None)
    assert later["in_seconds"] == later["windows"]["hour"] == pytest.approx(3600, abs=NEAR)
    assert later["windows"]["month"] == 0
    assert re.search("next answer +if it writes again: on [0-9]+ [A-Z][a-z]+ [0-9:]+ at", said)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("paused_at = '2026-11-24T22:00:00.000Z', paused_by = 'pi'", "Paused by pi: nothing is sent."),
        ("key_lost_at = '2026-11-24T22:00:00.000Z'", "A key of the pseudonyms is lost"),
        ("breaker_cause = 'outage'", "Nothing leaves, though the network is there"),
    ],
)
def test_no_answer_is_promised_while_none_can_go(line: Filled, state: str, words: str) -> None:
    """The policy says yes without a time; the sheet names the hold."""
    assert (asked(line, KEVIN)["next"]["in_seconds"], asked(line, KEVIN)["paused"]) == (0, False)
    line.db.connection.execute(f"UPDATE line_state SET {state}")
    told = asked(line, KEVIN)
    shown = line.run("show", KEVIN).stdout

    assert (told["next"]["answer"], told["next"]["in_seconds"]) == (True, None)
    assert told["paused"] is ("paused_at" in state)
    assert "next answer    no answer until this changes" in shown
    assert f"  held back    {words}" in shown


def test_another_sim_is_judged_as_the_daemon_does(line: Filled) -> None:
    """A running daemon with another SIM answers nobody."""
    path = line.folder / "run" / "main" / "status.json"
    path.parent.mkdir(parents=True)
    told = DaemonStatus(pid=os.getpid(), database=str(line.database), sim_changed=True, pass_boottime=boottime())
    path.write_text(told.to_json())
    found = asked(line, KEVIN)["next"]

    assert (found["answer"], found["reason"], found["in_seconds"]) == (False, "sim_changed", None)
    assert " adopt` goes on with this one." in line.run("show", KEVIN).stdout
    path.write_text(replace(told, pass_boottime=-1e6).to_json())
    assert asked(line, KEVIN)["next"]["answer"]


def test_the_last_seconds_of_a_cooldown_count(tmp_path: Path) -> None:
    """No answer is promised during its last half minute."""
    filled = Filled(tmp_path, limits={"cooldown": "24h"}, answer=AT_ONCE)
    with filled.db:
        filled.judge(filled.text())
        filled.send()
        ahead = asked(filled, KEVIN)["next"]["in_seconds"] - DAY  # how far the line's clock is ahead of the command's
        filled.db.connection.execute("UPDATE attempts SET begun_limit = begun_limit - ?", (DAY + ahead - 30,))
        shown = filled.run("show", KEVIN).stdout

    assert re.search("next answer +if it writes again: on [0-9]+ [A-Z][a-z]+ [0-9:]+ at", shown)
    assert "its next text is answered" not in shown


def queued(line: Filled, first: int, count: int) -> None:
    """Let this number of new numbers wait for their answers."""
    for number in range(first, first + count):
        line.judge(line.text("Salut", f"+3247000{number:04}"))
    line.db.connection.execute("UPDATE answers SET due_limit = 0")


def test_answers_that_are_due_before_go_first(tmp_path: Path) -> None:
    """A window's worth of them leaves in each hour until the next one is due; their number is shown."""
    filled = Filled(
        tmp_path,
        limits={"segments": {"hour": 4, "day": 300}},
        modem={"send_interval": "0s"},
        answer={"text": ANSWER, "delay": "90m"},
    )
    with filled.db:
        queued(filled, 0, 1)
        one = asked(filled, LEA)["next"]
        queued(filled, 1, 5)
        many = asked(filled, LEA)["next"]
        said = filled.run("show", LEA).stdout
        filled.db.connection.execute("UPDATE answers SET state = 'cancelled', reason = 'person'")
        none = asked(filled, LEA)["next"]

    assert (one["in_seconds"], one["ahead"]) == (pytest.approx(5400), {"answers": 1, "segments": 2})
    assert (many["in_seconds"], many["ahead"]) == (pytest.approx(2 * 3600), {"answers": 4, "segments": 8})
    assert many["windows"] == pytest.approx({"hour": 2 * 3600, "day": 0, "month": 0})
    assert (none["in_seconds"], none["ahead"]) == (pytest.approx(5400), {"answers": 0, "segments": 0})
    assert re.search("next answer +if it writes again: on [0-9]+ [A-Z][a-z]+ [0-9:]+ at", said)
    assert re.search(r"waiting +4 answers \(8 segments\) go first", said)
    assert re.search("room +hour's budget: in 2h, day's budget: now, month's budget: now", said)


def test_a_queued_answer_is_shown_with_its_time(line: Filled) -> None:
    """The sheet does not say that there will be none."""
    line.judge(line.text(), delay=0.0)
    line.db.connection.execute(
        "UPDATE answers SET due_limit = ? - (SELECT limit_epoch FROM line_state)", (time.time() + 3600,)
    )
    line.daemon_runs()
    shown = line.run("show", KEVIN).stdout

    assert re.search("next answer +one is on its way: goes [0-9]{2}:[0-9]{2}\n", shown)
    decisions.pause(line.db, "somebody", line.now())
    assert re.search("next answer +one is on its way: paused\n", line.run("show", KEVIN).stdout)


def test_a_running_daemon_decides_whether_an_answer_is_held(line: Filled) -> None:
    """A hold noted earlier does not count while the SIM is right."""
    line.judge(line.text(), delay=0.0)
    line.db.connection.execute(
        "UPDATE answers SET due_limit = ? - (SELECT limit_epoch FROM line_state)", (time.time() + 3600,)
    )
    commit_wait(line.db, WaitingFor.HELD)
    commit_sim_changed(line.db, line.now(), changed=True)
    path = line.folder / "run" / "main" / "status.json"
    path.parent.mkdir(parents=True)
    told = DaemonStatus(pid=os.getpid(), database=str(line.database), sim_changed=False, pass_boottime=boottime())

    assert " waits: held back" in line.run("show", KEVIN).stdout
    path.write_text(told.to_json())
    shown = line.run("show", KEVIN).stdout
    assert re.search("next answer +one is on its way: goes [0-9]{2}:[0-9]{2}\n", shown)
    assert re.search(" goes [0-9]{2}:[0-9]{2} +Salut", shown)


@pytest.mark.parametrize("word", ["Withheld", "masqué", "masque\u0301", "verborgen"])
def test_withheld_is_not_a_number(line: Filled, word: str) -> None:
    """A sentence says where to look."""
    line.db.connection.execute("UPDATE contacts SET originator = NULL WHERE id = ?", (line.call(),))
    result = line.run("show", word)

    assert result.exit_code == 2
    assert "log --number withheld`" in result.stderr


def test_a_number_has_its_history(busy: Filled) -> None:
    """The newest n contacts follow, however the number is typed."""
    told = asked(busy, "0470/12.34.56")

    assert [*told][: len(KEYS)] == KEYS
    assert (told["number"], told["country"], told["line_type"], told["segments"]) == (KEVIN, "BE", "mobile", 2)
    assert told["history"] == busy.log("--number", KEVIN)
    assert [each["text"] for each in asked(busy, KEVIN, "-n", "1")["history"]] == ["Réponds !"]
    shown = busy.on_a_terminal(80, "show", KEVIN)
    assert shown[0] == f"number         {KEVIN} (BE, mobile)"
    assert shown[-1].endswith(" Réponds !")
    assert " no: had one lately " in shown[-1]
    assert "\nanswers        1 answer, 2 segments\n" in busy.run("show", KEVIN).stdout


def test_a_text_by_hand_is_not_an_answer(line: Filled) -> None:
    """Its segments are shown as a person's."""
    plan, now = alphabet.plan(ANSWER), line.now()
    with line.db.transaction():
        verdicts.enqueue_by_hand(line.db, KEVIN, plan, RULES, now, kind=ByHand.ANSWER, who="pi")
    line.send()

    assert "\nanswers        none, but 2 segments by hand\n" in line.run("show", KEVIN).stdout


def test_a_number_without_contacts_has_a_sheet(busy: Filled) -> None:
    """The sheet has a next answer, but no history."""
    shown = busy.run("show", "+32470111111").stdout

    assert shown.endswith("\nIt has not contacted the line.\n")
    assert "its next text is answered, after the usual delay" in shown
    assert "blocked" in busy.run("show", TOM).stdout


def test_a_pause_is_shown(line: Filled) -> None:
    """The sheet of a number shows that the line is paused."""
    decisions.pause(line.db, "somebody", line.now())

    assert f"`hotlined --config {line.config} resume`" in line.run("show", KEVIN).stdout


def test_a_word_that_is_neither_number_nor_name_is_a_usage_error(busy: Filled) -> None:
    """No contact has such a name."""
    assert busy.run("show", "nobody").exit_code == 2


def test_a_pseudonym_counts_for_its_number(busy: Filled) -> None:
    """Contacts under both are added up."""
    before = asked(busy, KEVIN)
    with busy.db.transaction():
        name = pseudonym.of(pseudonyms.adopt_key(busy.db), KEVIN)
    busy.db.connection.execute("UPDATE contacts SET originator = ? WHERE id = 1", (name,))
    busy.db.connection.execute("UPDATE answers SET recipient = ? WHERE recipient = ?", (name, KEVIN))
    after = asked(busy, KEVIN)

    assert {key: after[key] for key in KEYS} == {key: before[key] for key in KEYS}
    assert [each["originator"] for each in after["history"]] == [name, KEVIN]
    assert after["next"]["reason"] == "cooldown"
    assert asked(busy, name)["contacts"] == 1


def test_the_latest_numbers_are_exact_during_a_flood(line: Filled) -> None:
    """All the newest contacts may be of one number."""
    numbers = [f"+3247000000{each}" for each in range(5)]
    contacts = [*numbers, *["+32470999999"] * 2500, *numbers[3:]]
    with line.db.transaction():
        line.db.connection.executemany(
            "INSERT INTO contacts (line, kind, originator, country, line_type, text, segments_received, segments_total,"
            " received_at, received_limit, synchronised, verdict, reason)"
            " VALUES ('fr', 'text', ?, 'BE', 'mobile', 'Salut', 1, 1, ?, 0, 0, 'suppress', 'cooldown')",
            [(number, f"2026-11-24T22:{each // 60:02}:{each % 60:02}.000Z") for each, number in enumerate(contacts)],
        )
    whole = correspondents(line.db, Order.LAST, 0)

    assert [each.number for each in whole[-3:]] == ["+32470999999", *numbers[3:]]
    for limit in range(1, 7):
        assert correspondents(line.db, Order.LAST, limit) == whole[-limit:]


@pytest.mark.parametrize(
    ("order", "among", "limit", "expected"),
    [
        ("contacts", 0, 2, "CA"),
        ("contacts", 4, 1, "A"),
        ("contacts", 4, 9, "DCA"),
        ("first", 0, 3, "BCD"),
        ("first", 4, 3, "ACD"),
        ("first", 4, 1, "D"),
        ("last", 0, 9, "BCDA"),
        ("last", 4, 9, "CDA"),
    ],
)
def test_the_list_can_be_of_the_newest_contacts_only(
    line: Filled, order: str, among: int, limit: int, expected: str
) -> None:
    """`among` limits the originators, not their counts."""
    with line.db.transaction():
        line.db.connection.executemany(
            "INSERT INTO contacts (line, kind, originator, country, line_type, text, segments_received, segments_total,"
            " received_at, received_limit, synchronised, verdict, reason)"
            " VALUES ('fr', 'text', ?, 'BE', 'mobile', 'Salut', 1, 1, ?, 0, 0, 'suppress', 'cooldown')",
            [(number, f"2026-11-24T22:00:{each:02}.000Z") for each, number in enumerate("AAABCCDA")],
        )
    whole = {each.number: each for each in correspondents(line.db, Order.LAST, 0)}
    found = correspondents(line.db, Order(order), limit, among=among)

    assert found == [whole[number] for number in expected]


@pytest.mark.parametrize("delay", ["0s", "30m"])
@pytest.mark.parametrize(("waiting", "hour"), [(0, 60), (2, 60), (3, 6), (0, 0), (2, 1)])
def test_limits_and_show_agree_on_the_next_answer(tmp_path: Path, delay: str, waiting: int, hour: int) -> None:
    """New and known numbers get the same time, in figures and words."""
    limits = {"segments": {"hour": hour, "day": 500, "month": 5000}}
    line = Filled(tmp_path, answer={"text": ANSWER, "delay": delay}, limits=limits, modem={"send_interval": "0s"})
    with line.db:
        line.judge(line.text("Salut", LEA))
        line.send()
        line.db.connection.execute("UPDATE answer_segments SET submitted_limit = submitted_limit - 86400")
        line.db.connection.execute("UPDATE attempts SET begun_limit = begun_limit - 2 * 86400")
        for number in range(waiting):
            line.judge(line.text("Salut", f"+3248000000{number}"))
        line.db.connection.execute("UPDATE answers SET due_limit = 0 WHERE state = 'queued'")
        queue = json.loads(line.run("limits", "--json").stdout)["queue"]
        said = " ".join(line.run("limits").stdout.split())
        of_numbers = {"new": KEVIN, "known": LEA}
        shown = {share: line.run("show", number).stdout for share, number in of_numbers.items()}
        asked_of = {share: asked(line, number)["next"] for share, number in of_numbers.items()}

    for share, outlook in asked_of.items():
        expected = queue[share]["next_in_seconds"]
        assert outlook["answer"]
        assert outlook["in_seconds"] == (None if expected is None else pytest.approx(expected, abs=5))
        soon = expected is not None and expected < (1800 if delay == "30m" else 0) + 60
        assert ("its next text is answered, after the usual delay" in shown[share]) == soon
    words = re.search(r"new number can go: (.+?)\. To a known number whose cooldown is over: (.+?)\.", said)
    assert words
    for share, told in zip(asked_of, words.groups(), strict=True):
        seconds = queue[share]["next_in_seconds"]
        begins = "never" if seconds is None else "in "
        if seconds is not None and seconds < (1800 if delay == "30m" else 0) + 60:
            begins = "after the usual delay" if delay == "30m" else "now"
        assert told.startswith(begins)
