"""`hotlined log` and `hotlined show`: every contact, with hostile text made harmless."""

import csv
import io
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from conftest import speaking
from filled import ANSWER_KEYS, KEVIN, LEA, LOG_KEYS, SENT, Filled
from hypothesis import example, given, settings
from hypothesis import strategies as st
from spreadsheets import calculated
from test_show import by_hand
from test_stats import MONDAY, contact

from hotlined.cli.contacts import CONTACTS, OUTCOME_WIDTH
from hotlined.cli.output import json_line
from hotlined.cli.table import table
from hotlined.config import load
from hotlined.documents import LoggedAnswer
from hotlined.gsm.alphabet import Encoding
from hotlined.language import Language, spoken
from hotlined.machine.clock import rfc3339
from hotlined.reports.contact import rows_for_people
from hotlined.reports.typed import period, topped_up
from hotlined.rules.policy import AttemptCause, Reason, WaitingFor, cms_code
from hotlined.simulator import pdus
from hotlined.states import AnswerState, SendingState
from hotlined.store.answers import decisions, verdicts
from hotlined.store.reading import log as contact_log
from hotlined.words.harmless import csv_cell, harmless
from hotlined.words.reasons import CAUSES, REASONS, answer_in_words, briefly, cause_in_words
from hotlined.words.times import TIME_WIDTH, clock_time, moment

HOSTILE = "\x1b[2J\x9b31m\u202ecod\u2066\u200b\u2028[red]x[/red]\n=1+1\r\x07"
texts = st.text(st.characters(blacklist_categories=["Cs"]), max_size=60) | st.text(
    "a\x1b\u202e\u200d\u0301\n\r\t=;\" '\x9b[]", max_size=40
)
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Filled]:
    """Give a line with nothing in it."""
    filled = Filled(tmp_path)
    with filled.db:
        yield filled


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Give a line with an answered text, a suppressed one, a call whose answer waits, and an undecodable text."""
    filled = Filled(tmp_path_factory.mktemp("busy"))
    with filled.db:
        filled.judge(filled.text("Salut, ÇA va ?"))
        filled.send()
        filled.judge(filled.text("réponds !"))
        filled.judge(filled.call(), delay=3650 * 86400.0)
        filled.pdu("00FF")
        filled.db.connection.execute("""UPDATE contacts SET tags = '["troll", "à voir"]' WHERE id = 2""")
        yield filled


# ---- the list


def test_log_json_has_the_keys_that_are_promised(busy: Filled) -> None:
    """The keys are in order, in nested objects, too."""
    contacts = busy.log()

    assert all(list(contact) == LOG_KEYS for contact in contacts)
    assert all(list(contact["segments"]) == ["received", "total"] for contact in contacts)
    assert [contact["answer"] and list(contact["answer"]) for contact in contacts] == [
        ANSWER_KEYS,
        None,
        ANSWER_KEYS,
        None,
    ]


def test_log_json_has_what_was_recorded(busy: Filled) -> None:
    """Kinds, verdicts, answers and times are those that were recorded."""
    text, again, call, unreadable = busy.log()

    assert (text["id"], text["kind"], text["originator"], text["text"]) == (1, "text", KEVIN, "Salut, ÇA va ?")
    assert (text["verdict"], text["reason"], text["scts"]) == ("answer", "first_contact", "2026-11-24T22:00:00+00:00")
    assert text["received_at"] == "2026-11-24T22:01:00.000Z"
    assert text["segments"] == {"received": 1, "total": 1}
    assert (text["answer"]["state"], text["answer"]["segments_sent"], text["answer"]["encoding"]) == ("sent", 2, "gsm7")
    assert (again["verdict"], again["reason"], again["tags"]) == ("suppress", "cooldown", ["troll", "à voir"])
    assert (call["kind"], call["originator"], call["text"]) == ("call", LEA, None)
    assert call["segments"] == {"received": 0, "total": 0}
    assert (call["answer"]["state"], call["answer"]["waiting_for"]) == ("queued", "due")
    assert (unreadable["kind"], unreadable["originator"], unreadable["verdict"]) == ("unreadable", None, None)


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ("-n 2", [3, 4]),
        ("-n 0", [1, 2, 3, 4]),
        ("--kind call --kind unreadable", [3, 4]),
        ("--verdict suppress", [2]),
        ("--verdict answer -n 1", [3]),
        ("--reason cooldown", [2]),
        ("--reason person", []),
        ("--state sent --state queued", [1, 3]),
        ("--state delivered", []),
        ("--number 0470/12.34.56", [1, 2]),
        ("--number 0032470123456 --verdict answer", [1]),
        ("--number 8850", []),
        ("--tag troll", [2]),
        ("--tag trol", []),
        ("--search ca", [1]),
        ("--search REPONDS", [2]),
        ("--search %", []),
        ("--since 2026-11-24T22:01:00Z --until 2026-11-24T22:01:00Z", [1]),
        ("--until 2026-11-24T22:00:59.999Z", []),
        ("--since 2026-11-24T22:01:00.001Z -n 1", [4]),
        ("--until 2000-01-01", []),
    ],
)
def test_filters_combine_and_keep_the_newest_in_order(busy: Filled, arguments: str, ids: list[int]) -> None:
    """Matching contacts are listed oldest first, at most the newest n."""
    assert [contact["id"] for contact in busy.log(*arguments.split())] == ids


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Give an empty line whose texts are rolled back after each example."""
    filled = Filled(tmp_path_factory.mktemp("searched"))
    with filled.db:
        yield filled


SEARCHED = st.text("aAéÉ\u0301ßs%_\\\0 ю🦊", max_size=4)


@given(written=st.lists(SEARCHED, min_size=1, max_size=6), search=SEARCHED)
@example(["a\0b"], "B")
@example([None, "é"], "\u0301")
def test_a_search_ignores_case_and_accents(searched: Filled, written: list[str | None], search: str) -> None:
    """The filter in SQLite drops none of the texts that match."""
    db = searched.db
    db.connection.execute("BEGIN")
    try:
        ids = [contact(searched, MONDAY, text=text) for text in written]
        found = [row["id"] for row in contact_log.rows(db, contact_log.Filter(search=search))]
    finally:
        db.connection.execute("ROLLBACK")
    needle = contact_log.without_accents(search)
    fits = [not needle or needle in contact_log.without_accents(text or "") for text in written]

    assert found == [contact_id for contact_id, fit in zip(ids, fits, strict=True) if fit]


@pytest.mark.parametrize("form", ["", "--csv", "--json"])
def test_what_is_left_out_is_counted(busy: Filled, form: str) -> None:
    """More contacts or texts by hand than `-n` are counted on standard error."""
    by_hand(busy, "+32470999999")
    by_hand(busy, "+32470999999")
    hands = len(busy.run("log", "--by-hand", "--json").stdout.splitlines())
    left_out = {
        ("-n1", "--number", KEVIN): "1 of 2; `-n 0` shows all.",
        ("-n1",): f"1 of {len(busy.log())}; `-n 0` shows all.",
        ("-n1", "--by-hand"): f"1 of {hands}; `-n 0` shows all.",
        ("-n0",): "",
        ("--number", KEVIN): "",
        ("--by-hand",): "",
    }

    for words, said in left_out.items():
        assert busy.run("log", *form.split(), *words).stderr.strip() == said, words


@pytest.mark.parametrize("words", ["--follow", "--since 1h", "--state sent", "--search x", "--kept", "--tag threat"])
def test_texts_by_hand_have_the_filter_of_a_number_alone(busy: Filled, words: str) -> None:
    """Another filter is refused, so that nobody takes all texts for those that fit."""
    assert busy.run("log", "--by-hand", *words.split()).exit_code == 2
    by_hand(busy, "+32470999999")
    for number, length in (("+32470999999", 1), ("Proximus", 0)):
        found = busy.run("log", "--by-hand", "-n1", "--json", "--number", number)
        assert (found.exit_code, len(found.stdout.splitlines())) == (0, length)


def test_a_filter_that_texts_by_hand_do_not_have_is_refused_without_a_database(tmp_path: Path) -> None:
    """A mistake of typing comes before a database that is not there."""
    filled = Filled(tmp_path)
    filled.database.unlink()
    assert [filled.run("log", "--by-hand", *words).exit_code for words in ([], ["--kept"])] == [69, 2]


def test_a_period_that_ends_before_it_begins_is_refused(busy: Filled) -> None:
    """Nobody takes it for a time in which nothing came."""
    result = busy.run("log", "--since", "2/1/2024", "--until", "1/1/2024")

    assert (result.exit_code, "ends before it begins" in result.stderr) == (2, True)


def test_a_list_says_since_when_it_counts(busy: Filled) -> None:
    """The head of a list names the moment that `--since` means."""
    head = busy.run("log", "--since", "2/1/2024").stdout.splitlines()[0]

    assert head == "Since 2 Jan 2024 00:00:"


def test_a_number_without_an_option_is_refused_with_the_option(busy: Filled) -> None:
    """The error of `log` names `--number` and `show`."""
    result = busy.run("log", KEVIN)

    assert result.exit_code == 2
    assert "--number chooses" in result.stderr
    assert f"`hotlined --config {busy.config} show NUMBER`" in result.stderr


@pytest.mark.parametrize("command", ["keep", "cancel", "requeue", "tag"])
def test_a_number_is_refused_where_an_id_is_needed(busy: Filled, command: str) -> None:
    """The error names the command that shows the IDs, and the 0 stays."""
    result = busy.run(command, "0470123456", *(["troll"] if command == "tag" else []))

    assert result.exit_code == 2
    shows = f"`hotlined --config {busy.config} show 0470123456` shows"
    assert f"'0470123456' is a number, and an ID is needed here. {shows}" in result.stderr


@pytest.mark.parametrize("stepped", [False, True])
def test_a_period_holds_after_the_clock_was_put_back(line: Filled, stepped: bool) -> None:
    """`--since` goes by the recorded dates, whether or not they ascend."""
    days = (5, 0, 3) if stepped else (0, 3, 5)
    ids = [contact(line, MONDAY + day * timedelta(days=1)) for day in days]
    where = contact_log.Filter(since=MONDAY + timedelta(days=2))

    assert [row["id"] for row in contact_log.rows(line.db, where)] == [
        contact_id for contact_id, day in zip(ids, days, strict=True) if day >= 2
    ]
    assert [*contact_log.rows(line.db, contact_log.Filter(since=MONDAY + timedelta(days=9)))] == []


def test_withheld_and_named_originators_are_found(line: Filled) -> None:
    """A name may have any case; an undecodable text's originator is unknown."""
    named, hidden = line.call(), line.call()
    line.db.connection.execute("UPDATE contacts SET originator = 'Proximus' WHERE id = ?", (named,))
    line.db.connection.execute("UPDATE contacts SET originator = NULL WHERE id = ?", (hidden,))
    line.pdu("00FF")
    lines = line.run("log").stdout.splitlines()

    assert [contact["id"] for contact in line.log("--number", "pROXIMUS")] == [named]
    assert [contact["id"] for contact in line.log("--number", "Withheld")] == [hidden]
    assert [each.split()[4] for each in lines[1:]] == ["Proximus", "withheld", "unknown"]
    assert "from           withheld" in line.run("show", str(hidden)).stdout


def test_a_cancelled_answer_is_found_by_its_own_reason(line: Filled) -> None:
    """`--reason` also finds the reason for which an answer was cancelled."""
    line.judge(line.text())
    line.db.connection.execute("UPDATE answers SET state = 'cancelled', reason = 'stale'")

    assert [contact["id"] for contact in line.log("--reason", "stale")] == [1]


@pytest.mark.parametrize(
    "arguments", [("--since", "soon"), ("--since", "9" * 8 + "d"), ("--until", "9999-12-31"), ("-n", "-1"),
                  ("--kind", "x"), ("--number", "+3247…877"), ("--json", "--csv"), ("--tag", "\udcff")]
)  # fmt: skip
def test_an_absurd_option_is_a_usage_error(busy: Filled, arguments: tuple[str, ...]) -> None:
    """A wrong value ends with 2 and a sentence, without a traceback."""
    result = busy.run("log", *arguments)

    assert result.exit_code == 2
    assert "Error: " in result.stderr
    assert "Traceback" not in result.stderr


def test_csv_has_the_columns_of_the_view(busy: Filled) -> None:
    """CSV follows RFC 4180; unknown values are empty fields."""
    output = busy.run("log", "--csv").stdout_bytes.decode()
    header, first, *_ = rows = list(csv.reader(io.StringIO(output, newline="")))

    assert tuple(header) == contact_log.columns(busy.db)
    assert header[:7] == ["id", "line", "kind", "originator", "other_originator", "text", "segments_received"]
    assert header[-1] == "answer_reported_at"
    assert first[header.index("originator")] == f"'{KEVIN}"
    assert first[header.index("answer_reported_at")] == ""
    assert len(rows) == 5
    assert output.count("\r\n") == 5


# ---- for people


def outcome(line: str) -> str:
    """Return the content of the column of outcomes on a wide terminal."""
    before = 5 + 1 + TIME_WIDTH[spoken()] + 1 + 13 + 1
    return line[before : before + OUTCOME_WIDTH].rstrip()


@pytest.mark.parametrize(("columns", "headings"), [
    (150, "ID TIME FROM ANSWER TEXT"), (80, "ID TIME FROM ANSWER TEXT"), (40, "ID TIME FROM"),
])  # fmt: skip
def test_the_table_fits_its_terminal(busy: Filled, columns: int, headings: str) -> None:
    """Outcome and text are below each contact on a narrow terminal."""
    lines = busy.on_a_terminal(columns, "log", NO_COLOR="1")

    assert lines[0].split() == headings.split()
    assert len(lines) == (9 if columns == 40 else 5)
    assert max(map(len, lines)) <= columns
    assert "Salut, ÇA va" in lines[2 if columns == 40 else 1]


@pytest.mark.parametrize("columns", [80, 40])
def test_the_table_shows_the_outcome_of_each_contact(busy: Filled, columns: int) -> None:
    """Plain words say why there is no answer, on a phone, too."""
    busy.daemon_runs()
    lines = busy.on_a_terminal(columns, "log")
    due = busy.log()[2]["answer"]["due_at"]
    expected = ["sent", "no: had one lately", f"goes {moment(due)}", "not decided yet"]

    if columns == 40:
        assert [line.strip().partition(" · ")[0].strip() for line in lines[2::2]] == expected
    else:
        assert [outcome(line) for line in lines[1:]] == expected


WAITS = "UPDATE line_state SET paused_at = NULL, hold = NULL, hold_new = NULL, breaker_cause = NULL"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("", "goes in a moment"),
        (", paused_at = '2026-11-24T22:00:00.000Z'", "paused"),
        (", hold = 'held'", "waits: held back"),
        (", hold = 'network'", "waits: no network"),
        (", breaker_cause = 'outage'", "waits: nothing leaves"),
        (", breaker_cause = 'credit'", "waits: no credit"),
        (", hold_new = 'budget_hour'", "waits: hour's budget"),
        (", hold_new = 'budget_day'", "waits: day's budget"),
        (", hold_new = 'budget_month'", "waits: month's budget"),
        (", hold_new = 'reserve'", "waits: new ones first"),
    ],
)
def test_the_reason_of_a_wait_is_whole_at_every_width(line: Filled, change: str, words: str) -> None:
    """Each reason is readable at 80 and at 40 columns."""
    line.judge(line.text())
    line.db.connection.execute("UPDATE answers SET due_limit = 0")
    line.db.connection.execute(WAITS + change)
    line.daemon_runs()
    wide, narrow = (line.on_a_terminal(columns, "log") for columns in (80, 40))

    assert outcome(wide[1]) == words
    assert narrow[2].startswith(f"  {words} · ")


def test_the_due_time_is_local(line: Filled) -> None:
    """A pause of the line is shown instead of the time."""
    line.daemon_runs()
    line.judge(line.text(), delay=0.0)
    epoch = datetime.now(UTC) + timedelta(hours=1)
    line.db.connection.execute(
        "UPDATE answers SET due_limit = ? - (SELECT limit_epoch FROM line_state)", (epoch.timestamp(),)
    )
    shown = {zone: outcome(line.on_a_terminal(80, "log", TZ=zone)[1]) for zone in ("Europe/Brussels", "Asia/Tokyo")}
    assert shown == {zone: f"goes {epoch.astimezone(ZoneInfo(zone)):%H:%M}" for zone in shown}

    decisions.pause(line.db, "somebody", line.now())
    assert outcome(line.on_a_terminal(80, "log")[1]) == "paused"
    assert re.search(r"answer +1: paused", line.run("show", "1").stdout)
    assert line.log()[0]["answer"]["waiting_for"] == "due"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("due_limit = 0", "goes in a moment"),
        ("due_limit = 1e9", "goes "),
        ("due_limit = 1e9, refusals = 1", "tries again "),
    ],
)
def test_no_time_is_promised_while_no_daemon_runs(line: Filled, change: str, words: str) -> None:
    """A due answer waits for the daemon, or for a pause's end."""
    line.judge(line.text())
    line.db.connection.execute(f"UPDATE answers SET {change}")

    def said() -> list[str]:
        found = re.search(r"^answer +1: (.*)", line.run("show", "1").stdout, re.MULTILINE)
        asked = re.search(r"one is on its way: (.*)", line.run("show", KEVIN).stdout, re.MULTILINE)
        assert found
        assert asked
        return [outcome(line.on_a_terminal(80, "log")[1]), found[1], asked[1]]

    assert said() == ["waits: no daemon"] * 3
    line.daemon_runs()
    assert all(each.startswith(words) for each in said())
    line.daemon_runs(runs=False)
    assert said() == ["waits: no daemon"] * 3
    decisions.pause(line.db, "somebody", line.now())
    assert said() == ["paused"] * 3


def test_no_outcome_is_longer_than_its_column() -> None:
    """States, reasons and waits have plain words; none is a code."""
    words = {each: briefly(each) for each in (*Reason, *WaitingFor)}

    assert max(len(each.format(at="tomorrow")[:99]) for each in words.values() if "{at}" not in each) <= OUTCOME_WIDTH
    assert all(len(each.format(at="04:12")) <= OUTCOME_WIDTH for each in words.values())
    assert not [code for code, each in words.items() if "_" in each or each in {"due", "pending"}]
    free = SendingState.FREE
    for state in AnswerState:
        assert 0 < len(answer_in_words(logged_answer(state), free)) <= OUTCOME_WIDTH
    queued = logged_answer(AnswerState.QUEUED, WaitingFor.DUE)
    assert len(answer_in_words(queued, SendingState.NO_DAEMON)) <= OUTCOME_WIDTH


def logged_answer(state: AnswerState, waiting_for: WaitingFor | None = None) -> LoggedAnswer:
    """Return an answer of two segments in a state."""
    at = "2026-11-24T22:00:00.000Z"
    return LoggedAnswer(1, state, None, "Non.", Encoding.GSM7, 2, 0, waiting_for, at, at, None, None)


def test_the_list_shows_why_an_answer_was_cancelled_or_how_far_it_came(line: Filled) -> None:
    """A failed answer has the number of its segments that were sent."""
    line.judge(line.text())
    line.send()
    line.judge(line.text(sender=LEA))
    line.db.connection.execute("UPDATE answers SET state = 'failed' WHERE id = 1")
    line.db.connection.execute("UPDATE answer_segments SET state = 'cancelled' WHERE sequence = 2")
    line.db.connection.execute("UPDATE answers SET state = 'cancelled', reason = 'stale' WHERE id = 2")
    lines = line.on_a_terminal(80, "log")

    assert [outcome(each) for each in lines[1:]] == ["only 1 of 2 left", "no: too late"]


def test_in_a_pipe_every_text_is_whole(line: Filled) -> None:
    """Each contact is one line, whatever COLUMNS says."""
    line.judge(line.text("Je sais où tu habites, " * 5 + "je vais te tuer"))
    line.db.connection.execute("UPDATE contacts SET received_at = '2025-03-04T11:00:00.000Z'")
    _, shown = line.run("log", env={"COLUMNS": "40", "TZ": "UTC"}).stdout.splitlines()

    assert shown.endswith("Je sais où tu habites, " * 5 + "je vais te tuer")
    assert "4 Mar 2025" in shown
    assert ":00 +32470123456" in shown


def test_tags_and_kept_contacts_show_and_are_found(line: Filled) -> None:
    """`--kept` finds kept contacts, in JSON and CSV too."""
    for text in ("un", "deux", "trois"):
        line.text(text)
    line.run("tag", "2", "spam")
    line.run("keep", "2")
    line.run("keep", "3")
    shown = line.run("log").stdout.splitlines()

    assert [each.split("not decided yet")[1].strip() for each in shown[1:]] == [
        "un",
        "(kept) #spam deux",
        "(kept) trois",
    ]
    assert [contact["id"] for contact in line.log("--kept")] == [2, 3]
    assert [contact["id"] for contact in line.log("--kept", "--tag", "spam")] == [2]
    assert [list(contact) for contact in line.log("--kept")] == [LOG_KEYS, LOG_KEYS]
    assert line.run("log", "--csv", "--kept").stdout.splitlines()[0].split(",") == list(contact_log.columns(line.db))
    line.run("keep", "3", "--undo")
    assert [contact["id"] for contact in line.log("--kept")] == [2]


def test_wide_characters_keep_the_columns_straight(line: Filled) -> None:
    """A text of wide characters takes as many columns as any other."""
    from rich.cells import cell_len  # noqa: PLC0415  what the test compares with

    line.judge(line.text("日本語" * 20))
    line.judge(line.text("abc" * 20))
    _, wide, narrow = line.on_a_terminal(80, "log")

    assert len(narrow) == 79
    assert cell_len(wide) in {78, 79}


def test_the_order_of_columns_is_the_same_everywhere(busy: Filled) -> None:
    """Terminal and pipe agree, the text last."""
    terminal, pipe = busy.on_a_terminal(150, "log"), busy.run("log").stdout.splitlines()

    assert terminal[0].split() == pipe[0].split()
    assert pipe[0].split()[-1] == "TEXT"


def test_a_reason_may_be_typed_as_the_log_has_it(busy: Filled) -> None:
    """The code works too; an unknown word is answered with all reasons."""
    assert busy.log("--reason", "Had one lately") == busy.log("--reason", "cooldown") != []
    said = busy.run("log", "--reason", "weather")

    assert said.exit_code == 2
    assert "cooldown (had one lately)" in " ".join(said.stderr.split())


def test_an_empty_log_is_a_sentence(line: Filled) -> None:
    """Programs get no output."""
    assert line.run("log").stdout == "Nobody has contacted the line yet.\n"
    assert line.run("log", "--kind", "call").stdout == "No contact fits.\n"
    assert line.run("log", "--json").stdout == ""


def test_an_erased_text_and_a_missing_segment_show(line: Filled) -> None:
    """They are marked as such, not left blank."""
    line.text("x" * 200)
    line.db.connection.execute(
        "UPDATE contacts SET segments_received = 1, text = NULL, received_at = '1970-01-01T00:00:00.000Z'"
    )
    shown = line.run("log", env={"COLUMNS": "150"}).stdout

    assert "(erased) (1 of 2)" in shown
    assert "1 Jan 1970 " in shown


# ---- hostile text


@settings(deadline=None, max_examples=300)
@given(texts)
@example("\x7f\x00")
def test_no_text_is_obeyed(text: str) -> None:
    """No control character gets through; a newline becomes a sign."""
    assert not OBEYED.search(harmless(text))
    assert "\n" not in harmless(text)
    assert not OBEYED.search(json_line(text))
    assert json_line(text).isascii()
    assert json.loads(json_line(text)) == text


@settings(deadline=None, max_examples=300)
@given(texts)
@example("salut\n=1+1")
@example("a;=SERVICEWEB(CAR(104)&A1)")
@example('"\n=1";"=2')
def test_no_cell_is_calculated(text: str) -> None:
    """No cell begins like a formula, whether commas or semicolons are between cells; only apostrophes are added."""
    output = io.StringIO(newline="")
    csv.writer(output).writerow(["x", csv_cell(text), "x"])
    ((_, cell, _),) = csv.reader(io.StringIO(output.getvalue(), newline=""))

    assert not calculated(output.getvalue())
    assert cell.replace("'", "") == harmless(text).replace("'", "")
    assert not OBEYED.search(output.getvalue().removesuffix("\r\n"))


@settings(deadline=None, max_examples=25)
@given(st.lists(texts, min_size=1, max_size=4))
def test_every_form_of_the_log_is_harmless(bodies: list[str]) -> None:
    """Newlines are the only control characters; JSON keeps any text exactly."""
    with tempfile.TemporaryDirectory() as folder:
        line = Filled(Path(folder))
        with line.db:
            for body in bodies:
                contact_id = line.call()
                line.db.connection.execute(
                    "UPDATE contacts SET text = ?, originator = ?, kind = 'text' WHERE id = ?", (body, body, contact_id)
                )
            forms = [line.run(*form).stdout for form in (("log",), ("show", "1"))]
            forms.append(line.run("log", "--csv").stdout_bytes.decode().replace("\r\n", "\n"))
            contacts = line.log()

    assert [contact["text"] for contact in contacts] == bodies
    assert not any(map(OBEYED.search, forms))
    assert len(forms[0].splitlines()) == 1 + len(bodies)


def test_an_attack_is_shown_escaped(line: Filled) -> None:
    """Escape sequences, bidi overrides and markup are shown as visible escapes."""
    line.judge(line.text(HOSTILE))
    shown = line.run("log", env={"COLUMNS": "200"}).stdout

    assert r"\x1b[2J\x9b31m\u202ecod\u2066\u200b\u2028[red]x[/red]⏎=1+1\x0d\x07" in shown
    assert line.log()[0]["text"] == HOSTILE


@pytest.mark.parametrize(
    "text", ["👩\u200d👩\u200d👧", "👩🏽\u200d❤️\u200d💋\u200d👨🏿", "🙂\u200d↔️", "🏳️\u200d🌈", "👍🏽", "1️⃣"]
)
def test_a_composed_emoji_is_shown_as_typed(text: str) -> None:
    """Its joiners are not escaped."""
    assert harmless(f"Salut {text} !") == f"Salut {text} !"


@pytest.mark.parametrize(
    "text", ["a\u200db", "👩\u200d", "\u200d👩", "👩\u200d\u200d👩", "👩\u200da", "1\u200d1", "\u2800\u200d\u2800"]
)
def test_a_joiner_that_joins_no_emoji_is_escaped(text: str) -> None:
    """Two different words would look the same with an invisible joiner."""
    assert "\u200d" not in harmless(text)
    assert r"\u200d" in harmless(text)


def test_a_storm_of_combining_marks_is_cut(line: Filled) -> None:
    """A letter keeps three combining marks; further ones are escaped."""
    del line
    assert harmless("e\u0301") == "e\u0301"
    assert harmless("Z" + "\u0301" * 5) == "Z\u0301\u0301\u0301\\u0301\\u0301"
    assert harmless("\U000e0041") == r"\U000e0041"


# ---- show


def test_show_json_is_the_log_object_with_its_parts(busy: Filled) -> None:
    """Segments with PDUs, answer segments with their fate, and events are added."""
    contact = json.loads(busy.run("show", "1", "--json").stdout)
    parts, sent, events = contact.pop("parts"), contact["answer"].pop("parts"), contact.pop("events")
    assert contact.pop("kept") is None
    assert contact.pop("by_hand") == []
    assert contact["answer"].pop("wording") is None
    assert contact.pop("alert_words") == []

    assert contact == busy.log()[0]
    (part,) = parts
    assert (part["kind"], part["sequence"], part["storage"], part["storage_index"]) == ("deliver", 1, "SM", 1)
    assert part["pdu"].startswith("07")
    assert part["deleted_at"]
    assert [(each["sequence"], each["state"], each["mr"], each["current"]) for each in sent] == [
        (1, "sent", 7, True),
        (2, "sent", 8, True),
    ]
    assert events == []


def test_show_has_everything_in_words(busy: Filled) -> None:
    """The sheet has text, reason and each segment's reference."""
    shown = busy.run("show", "1").stdout

    for words in (
        "Salut, ÇA va ?",
        KEVIN,
        REASONS[Reason.FIRST_CONTACT],
        "deleted 24 Nov ",
        "reference 8",
        "2 of 2 sent",
    ):
        assert words in shown
    assert "problem" in busy.run("show", "4").stdout
    assert "not decided yet" in busy.run("show", "4").stdout
    assert "from           unknown" in busy.run("show", "4").stdout


def test_a_count_of_one_is_singular(line: Filled) -> None:
    """Counts of one are written in the singular."""
    line.call()
    assert "0 copies" in line.run("show", "1").stdout
    line.db.connection.execute("UPDATE contacts SET repeats = 1")
    assert "1 copy\n" in line.run("show", "1").stdout


# ---- colours


@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colours_are_for_terminals_that_want_them(
    busy: Filled, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], coloured: bool
) -> None:
    """NO_COLOR and TERM=dumb leave out the colour of a mark."""
    for name, value in ({"TERM": "xterm"} | environment).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    rows = contact_log.rows(busy.db, contact_log.Filter())
    shown = "\n".join(table(rows_for_people(busy.db, load(busy.config), rows), CONTACTS, ""))

    assert ("\x1b[32m" in shown) == coloured


@pytest.mark.parametrize("arguments", ["log", "show 1", "status", "config check", "text check"])
def test_forty_columns_are_enough(line: Filled, arguments: str) -> None:
    """Only single words that are longer exceed them."""
    line.judge(line.text("Salut, ça va ? " * 5))
    lines = line.on_a_terminal(40, *arguments.split())

    assert len(lines) > 1
    assert all(len(each) <= 40 or len(each.split()[-1]) >= 25 for each in lines)


def test_show_of_an_unknown_contact_is_a_sentence(busy: Filled) -> None:
    """The exit code is 1, and a hint names the configuration."""
    result = busy.run("show", "99")

    assert result.exit_code == 1
    assert result.stderr.splitlines()[0] == "Error: There is no contact 99."
    assert f"Configuration: {busy.config}" in result.stderr


def test_an_unconfirmed_answer_says_why(line: Filled) -> None:
    """An unconfirmed answer is shown as `perhaps sent`, with the cause."""
    line.judge(line.text())
    line.send([None])
    shown = line.run("show", "1").stdout

    assert "perhaps sent; no result came from the modem; detail: no answer came" in shown
    assert "0 of 2 sent" in shown


def test_every_reason_has_words() -> None:
    """Every reason has an explanation in words."""
    assert set(REASONS) == set(Reason)


CMS_ERRORS = {
    1: "the network",
    38: "the modem",
    41: "the network",
    193: "the service centre",
    331: "the modem",
    500: "the modem",
}


def test_every_cause_of_an_attempt_has_words() -> None:
    """The words include the cause's number, if any, and who refused."""
    assert set(CAUSES) == set(AttemptCause)
    for cms, who in CMS_ERRORS.items():
        words = cause_in_words(cms_code(cms))
        assert words.startswith(who)
        assert f"CMS error {cms}" in words
    assert cause_in_words("of_a_later_version") == "of_a_later_version"


@pytest.mark.parametrize("language", Language)
def test_show_has_no_code_of_a_cause(tmp_path: Path, language: Language) -> None:
    """Causes are shown in words, for an answer and for its segments."""
    filled = Filled(tmp_path, language=language.value)
    with filled.db:
        filled.judge(filled.text())
        filled.send([None])
        for code in (*AttemptCause, *map(cms_code, CMS_ERRORS)):
            filled.db.connection.execute("UPDATE answers SET reason = ?", (code,))
            filled.db.connection.execute("UPDATE answer_segments SET cause = ?", (code,))
            shown = filled.run("show", "1").stdout
            cells = {cell.split()[-1] for cell in re.split(r"[ \xa0]{2,}|[;\n]", shown) if len(cell.split()) in (1, 2)}
            assert code not in cells
            with speaking(language):
                assert (
                    " ".join(shown.split()).count(" ".join(cause_in_words(code).split())) == 3
                )  # answer, two segments
            (contact,) = filled.log()
            assert contact["answer"]["reason"] == code


# ---- times


def test_times_are_read_as_people_type_them() -> None:
    """Moments, days, durations ago and weekday names are understood."""
    now = datetime(2026, 11, 24, 22, 18, tzinfo=UTC).astimezone()  # a Tuesday
    today = now.replace(hour=0, minute=0)
    day = timedelta(days=1)

    assert period("90m", now).start == now - timedelta(minutes=90)
    assert (period("today", now).start, period("Yesterday", now).start) == (today, today - day)
    assert period("yesterday", now).end == today
    assert {period(word, now) for word in ("Hier", "gisteren")} == {period("yesterday", now)}
    assert {period(word, now) for word in ("aujourd'hui", "aujourd’hui", "vandaag")} == {period("today", now)}
    assert (period("monday", now).start, period("wed", now).start) == (today - day, today - 6 * day)
    assert {period(word, now).start for word in ("18:00", "18h00")} == {today + timedelta(hours=18)}
    assert period("23:00", now).start == today - timedelta(hours=1)
    assert period("18h", now).start == now - timedelta(hours=18)
    assert period(f"{now:%A}", now) == period("today", now)
    assert {period(word, now) for word in ("lundi", "Maandag")} == {period("monday", now)}
    assert {period(word, now) for word in ("24 Nov", "24 nov 2026")} == {period("today", now)}
    assert {period(word, now) for word in ("24 novembre", "24 November 2026")} == {period("today", now)}
    assert {period(f"1 {word}", now).start.month for word in ("juillet", "July", "juli")} == {7}
    assert {period(word, now) for word in ("24/11", "24/11/2026", "24-11-2026", "24.11.26")} == {period("today", now)}
    assert period("3/2/2026", now).start.date().isoformat() == "2026-02-03"  # the day comes first in every language
    assert period("24/11 22:18", now).start == period("24/11/2026 22:18", now).start == now
    for word in ("11/24", "32/1", "29/2/2026", "24/11/202", "24/"):
        with pytest.raises(ValueError, match=r"month|day|isoformat"):
            period(word, now)
    assert period(moment(rfc3339(now)), now).start == now
    assert period("24 Nov 2025 22:18", now).end == datetime(2025, 11, 24, 22, 19).astimezone()
    assert period("2026-11-20", now).start.date().isoformat() == "2026-11-20"
    assert period("2026-02", now).end == period("2026-03-01", now).start
    assert period("2026-W48", now).start == today - day
    assert period("2026-W48", now).end - period("2026-W48", now).start == 7 * day
    assert period("2026-11-24T22:18:00+01:00", now).start == datetime(2026, 11, 24, 21, 18, tzinfo=UTC)
    assert period("2026-11-24 22:18", now).start == datetime(2026, 11, 24, 22, 18).astimezone()
    with pytest.raises(ValueError):
        period("noon", now)


def test_date_without_a_year_is_near() -> None:
    """In January people type a day of December as they did in December; and a period may end on a day to come."""
    january, december = (
        datetime(year, month, 2, 9, 0, tzinfo=UTC).astimezone() for year, month in ((2027, 1), (2026, 12))
    )
    words = ("31 Dec", "31/12", "31/12 22:18")

    for now in (january, december):
        assert {period(word, now).start.date().isoformat() for word in words} == {"2026-12-31"}
    assert {period(word, january) for word in ("2 Jan", "2/1")} == {period("today", january)}
    assert period("1 Jan", january) == period("yesterday", january)
    assert period("2/1", december).start.date().isoformat() == "2026-01-02"
    assert topped_up("31/12", 365 * timedelta(days=1), january).date().isoformat() == "2026-12-31"


@pytest.fixture
def brussels(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the local time zone to Brussels."""
    monkeypatch.setenv("TZ", "Europe/Brussels")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


UTC_MARK = re.compile(r"[0-9]T[0-9:.]+Z")
SECONDS = re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2}")


@pytest.mark.usefixtures("brussels")
@pytest.mark.parametrize("arguments", ["log -n 0", "show 1", f"show {KEVIN}", "numbers", f"export {KEVIN}"])
def test_times_are_shown_in_one_way(line: Filled, arguments: str) -> None:
    """Times are local, day before month; another year is shown.

    On documents for the police, which are read years later, each time has its year and its seconds.
    """
    line.judge(line.text())
    line.send()
    line.run("tag", "1", "threat")
    line.run("keep", "1")
    line.db.connection.execute(
        "UPDATE contacts SET received_at = '2025-03-04T23:30:00.000Z', scts = '2025-03-04T23:29:00+00:00'"
    )
    shown = line.run(*arguments.split()).stdout

    assert "5 Mar 2025 00:30" in shown
    assert not UTC_MARK.search(shown)
    assert bool(SECONDS.search(shown)) == arguments.startswith("export")
    assert not re.search(r"\b(due|pending|queued:|suppress)\b", shown)


def test_the_year_is_said_where_it_is_not_this_one() -> None:
    """Paper always has the year."""
    now = datetime.now(UTC)
    this_year = now.replace(month=6, day=9, hour=12, minute=5)

    assert re.fullmatch(r"9 Jun [0-9]{2}:05", moment(rfc3339(this_year)))
    assert re.fullmatch(rf"9 Jun {now.year} [0-9]{{2}}:05", moment(rfc3339(this_year), dated=True))
    assert re.fullmatch(r"9 Jun 2019 [0-9]{2}:05", moment(rfc3339(this_year.replace(year=2019))))
    assert re.fullmatch(r"[0-9]{2}:[0-9]{2}", clock_time(rfc3339(now + timedelta(hours=11))))
    assert clock_time(rfc3339(now + timedelta(hours=13))) == moment(rfc3339(now + timedelta(hours=13)))


# ---- following


def follower_of(line: Filled, **where: Any) -> Callable[[], list[tuple[int, str | None]]]:
    """Return a function that gives the follower's news since its last call: contacts and states of answers."""
    position = contact_log.newest_position(line.db)
    return lambda: [
        (row["id"], row["answer_state"]) for row in contact_log.changes(line.db, contact_log.Filter(**where), position)
    ]


def test_changes_are_what_is_new_or_different(line: Filled) -> None:
    """A follower gets each change once, and nothing from before."""
    line.text("before")
    heard = follower_of(line)

    assert heard() == []
    line.text()
    assert heard() == [(2, None)]
    assert heard() == []
    line.judge(1)
    line.call()
    assert heard() == [(1, "queued"), (3, None)]
    line.send()
    assert heard() == [(1, "sent")]


def test_old_contacts_are_followed_too(line: Filled) -> None:
    """Reports, attempts and tags count, however many contacts came since."""
    reported, unconfirmed = line.text(), line.text(sender=LEA)
    line.judge(reported)
    line.send()
    line.judge(unconfirmed)
    line.send([None])
    with line.db.transaction():
        for _ in range(2000):
            line.db.execute(
                "INSERT INTO contacts (line, kind, line_type, segments_received, segments_total, received_at,"
                " received_limit, verdict, reason) VALUES ('fr', 'call', 'mobile', 0, 0, '', 0, 'suppress', 'cooldown')"
            )
    heard = follower_of(line)

    assert heard() == []
    line.pdu(*(pdus.write_status_report(mr, KEVIN, SENT, SENT, 0) for mr in (7, 8)))
    assert heard() == [(reported, "delivered")]
    verdicts.requeue(line.db, unconfirmed, "somebody", line.now())
    assert heard() == [(unconfirmed, "queued")]
    decisions.tag(line.db, reported, "excuses", "somebody", line.now())
    assert heard() == [(reported, "delivered")]
    assert heard() == []


def test_a_follower_gets_contacts_that_begin_to_match(line: Filled) -> None:
    """A change can make a contact match the filter."""
    line.judge(line.text("Salut"))
    heard, silent = follower_of(line, states=("sent",)), follower_of(line, states=("sent",), search="bonjour")

    assert (heard(), silent()) == ([], [])
    line.send()
    assert (heard(), silent()) == ([(1, "sent")], [])


def test_follow_prints_what_comes_until_ctrl_c(line: Filled) -> None:
    """The newest contacts come first; Ctrl-C ends with 0."""
    line.text("un")
    line.text("deux")
    command = [sys.executable, "-m", "hotlined", "--config", str(line.config), "log", "--follow", "--json", "-n", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as follower:
        assert follower.stdout
        heard = [json.loads(follower.stdout.readline())]
        line.text("trois")
        heard.append(json.loads(follower.stdout.readline()))
        line.judge(2)
        heard.append(json.loads(follower.stdout.readline()))
        follower.send_signal(signal.SIGINT)
        rest, errors = follower.communicate()

    assert [(contact["id"], contact["text"]) for contact in heard] == [(2, "deux"), (3, "trois"), (2, "deux")]
    assert heard[2]["verdict"] == "answer"
    assert (follower.returncode, rest, errors) == (0, "", "")


def imported(line: Filled, *names: str) -> list[str]:
    """Return those of these packages that `log --json` has imported at its end."""
    program = (
        "import sys\n"
        "from hotlined.cli import main\n"
        f"main(['--config', {str(line.config)!r}, 'log', '--json'], standalone_mode=False)\n"
        "print(*[name for name in sys.argv[1:] if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *names], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()


def test_log_json_imports_nothing_large(line: Filled) -> None:
    """The daemon and libraries for tables, modems and schema stay unloaded."""
    unwanted = ("rich", "serial", "sqlite_utils", "hotlined.daemon", "hotlined.gsm.modem", "hotlined.simulator")

    assert imported(line, "click", "yaml", *unwanted) == ["click", "yaml"]


def test_log_json_reads_no_numbering_plans(line: Filled) -> None:
    """The plans are needed only for --number or a configured country."""
    line.config.write_text(json.dumps({name: value for name, value in line.settings.items() if name != "numbers"}))
    assert imported(line, "phonenumbers") == []
