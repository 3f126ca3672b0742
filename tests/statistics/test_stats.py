"""`hotlined stats`: figures that add up, in local time, and sentences to read to a journalist."""

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from filled import KEVIN, LEA, Filled
from hypothesis import given, settings
from hypothesis import strategies as st

from hotlined.config import load
from hotlined.errors import UsageError
from hotlined.machine.clock import rfc3339
from hotlined.reports.summary import came
from hotlined.statistics.document import document
from hotlined.statistics.periods import By, before, choose, edges, week_days
from hotlined.statistics.plain import calendar, length, rate, share
from hotlined.statistics.sentences import sentences
from hotlined.statistics.summary import averages, summarise
from hotlined.store.reading import figures, review

BRUSSELS = "CET-1CEST,M3.5.0,M10.5.0/3"  # in POSIX' notation: the clocks change on the last Sundays
MONDAY = datetime(2025, 11, 3, tzinfo=UTC) - timedelta(hours=1)  # midnight in Brussels
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LONG_AGO = figures.Extent(datetime(1999, 1, 1, tzinfo=UTC), datetime(1999, 1, 1, tzinfo=UTC))
NOVEMBER_DATES = MONDAY - 2 * DAY, MONDAY + 28 * DAY
NOVEMBER = ("--since", "2025-11", "--until", "2025-11")


@pytest.fixture(autouse=True)
def brussels(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the local time zone to Brussels."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", BRUSSELS)
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Filled]:
    """Give a line with nothing in it, and a price."""
    filled = Filled(tmp_path, limits={"price_per_segment": 0.05})
    with filled.db:
        yield filled


def contact(line: Filled, at: datetime, originator: str | None = KEVIN, **more: Any) -> int:
    """Store a contact as the daemon does, suppressed by its cooldown unless stated otherwise."""
    row = {
        "line": "fr", "kind": "text", "originator": originator, "line_type": "mobile", "text": "Salut",
        "country": "BE" if originator and originator[0] in "+~" else None,
        "segments_received": 1, "segments_total": 1, "received_at": rfc3339(at), "received_limit": at.timestamp(),
        "synchronised": 0,
        "verdict": "suppress", "reason": "cooldown",
    } | more  # fmt: skip
    return insert(line, "contacts", row)


def answer(
    line: Filled,
    contact_id: int | None,
    sent: datetime,
    segments: int = 2,
    **more: Any,
) -> int:
    """Store an answer that left at a moment, and its segments."""
    known = line.db.one("SELECT originator FROM contacts WHERE id = ?", contact_id)
    state = more.get("state", "sent")
    row = {
        "contact_id": contact_id, "recipient": known["originator"] if known else LEA, "state": state, "text": "Non",
        "encoding": "gsm7", "segments": segments, "share": "new" if contact_id else "by_hand", "draw": 0,
        "queued_at": rfc3339(sent), "queued_limit": 0.0, "age_limit": 0.0, "due_limit": 0.0,
        "by_hand": None if contact_id else "send",
        "sent_at": rfc3339(sent) if state in {"sent", "delivered", "undelivered"} else None,
    } | more  # fmt: skip
    answer_id = insert(line, "answers", row)
    if state in {"cancelled", "queued"}:
        segments = 0
    else:
        attempt_id = insert(line, "attempts", {
            "answer_id": answer_id, "begun_at": rfc3339(sent), "begun_limit": 0.0, "step": 0, "variant": 0,
            "share": "new", "reference": 0,
        })  # fmt: skip
    for sequence in range(1, segments + 1):
        insert(line, "answer_segments", {
            "attempt_id": attempt_id, "sequence": sequence, "tpdu_length": 1,
            "state": "refused" if state == "failed" else "sent",
            "submitted_at": rfc3339(sent), "submitted_limit": 1.0,
        })  # fmt: skip
    if contact_id:
        line.db.connection.execute(
            "UPDATE contacts SET verdict = 'answer', reason = 'first_contact' WHERE id = ?", (contact_id,)
        )
    return answer_id


def insert(line: Filled, table: str, row: dict[str, Any]) -> int:
    """Insert a row and return its id."""
    cursor = line.db.connection.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", (*row.values(),)
    )
    assert cursor.lastrowid
    return cursor.lastrowid


def told(line: Filled, *arguments: str) -> dict[str, Any]:
    """Return the output of `stats --json`."""
    result = line.run("stats", "--json", *(arguments or NOVEMBER))
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


# ---- counts


def test_the_newspapers_figures_are_printed(line: Filled) -> None:
    """The founders gave a newspaper facts such as these sentences."""
    contact(line, MONDAY - 60 * DAY)
    with line.db.transaction():
        texts = [(week, number) for week, many in enumerate((850, 400, 260)) for number in range(many)]
        for week, number in texts:
            contact(line, MONDAY + 7 * week * DAY + number * 10 * MINUTE, f"+32470{week}{number:05}")
        for number in range(20):
            at = MONDAY + 15 * DAY + number * HOUR
            originator = f"+32471{number:06}"
            answer(line, contact(line, at, originator), at + 40 * MINUTE)
            contact(line, at + 50 * MINUTE, originator, tags=json.dumps(["apology" if number % 2 else "insult"]))
    result = line.run("stats", "--since", "2025-11-03", "--until", "2025-11-23")

    assert result.exit_code == 0, result.output
    for sentence in (
        "1,550 texts in three weeks (3 to 23 November 2025), more than 500 a week.",
        "55 % of them came in the week from 3 to 9 November 2025.",
        "The busiest day was 18 November 2025, with 156 texts.",
        "1,530 different telephone numbers texted or called, all of them for the first time.",
        "The line answered 20 times, half of them within 40 minutes.",
        "Estimated cost: 2.00 EUR (40 billed texts, at 0.05 EUR each).",
        "20 reactions to the answer: 10 apologies, 10 insults.",
        "In the three weeks before (13 October to 2 November 2025): no text.",
    ):
        assert sentence in result.stdout.splitlines()


def test_contacts_and_numbers_are_counted_by_kind(line: Filled) -> None:
    """Pseudonyms count as numbers; names and withheld numbers do not."""
    contact(line, MONDAY - 5 * DAY, KEVIN)
    for originator in (KEVIN, KEVIN, LEA, "~0123456789ab", "Bank", None):
        contact(line, MONDAY, originator)
    contact(line, MONDAY, LEA, kind="call", text=None)
    contact(line, MONDAY, None, kind="call", text=None)
    contact(line, MONDAY, LEA, kind="mms")
    contact(line, MONDAY, None, kind="unreadable", text=None)
    total = told(line)["total"]

    assert {name: total[name] for name in ("texts", "calls", "others", "mms", "withheld", "new", "returning")} == {
        "texts": 6, "calls": 2, "others": 2, "mms": 1, "withheld": 2, "new": 2, "returning": 1,
    }  # fmt: skip


def test_reasons_are_counted(line: Filled) -> None:
    """Those of suppressed contacts and of cancelled answers are apart."""
    for reason in ("cooldown", "blocked", "cooldown"):
        contact(line, MONDAY, reason=reason)
    answer(line, contact(line, MONDAY, LEA), MONDAY, state="cancelled", reason="stale")
    found = told(line)["total"]

    assert found["suppressed"] == 3
    assert found["reasons"] == {"suppressed": {"cooldown": 2, "blocked": 1}, "cancelled": {"stale": 1}}
    assert list(found["reasons"]["suppressed"]) == ["cooldown", "blocked"]


def test_only_answers_that_may_have_left_count_and_cost(line: Filled) -> None:
    """Unconfirmed ones count and are named; texts by hand cost, too."""
    for state in ("sent", "delivered", "unconfirmed", "cancelled", "failed", "queued"):
        answer(line, contact(line, MONDAY, LEA), MONDAY + HOUR, state=state)
    answer(line, None, MONDAY + HOUR, segments=1)
    total = told(line)["total"]

    assert (total["answers"], total["unconfirmed"]) == (3, 1)
    assert total["segments"] == 7
    assert total["cost"] == 0.35
    rows = line.run("stats", *NOVEMBER).stdout
    assert re.search("^answers +3$.^  perhaps sent +1$", rows, re.MULTILINE | re.DOTALL)
    assert "unconfirmed" not in rows  # codes are for --json


def test_an_answer_that_ended_half_sent_is_none(line: Filled) -> None:
    """Its segment costs, and its text has no answer; one that left whole before a failed attempt counts."""
    for second in ("cancelled", "unconfirmed"):
        answer(line, contact(line, MONDAY, LEA), MONDAY + HOUR)
        line.db.connection.execute(
            "UPDATE answer_segments SET state = ? WHERE sequence = 2 AND id = (SELECT max(id) FROM answer_segments)",
            (second,),
        )
    line.db.connection.execute("UPDATE answers SET state = 'failed', reason = 'person'")
    total = told(line)["total"]

    assert (total["answers"], total["segments"]) == (1, 3)
    assert sum(text["answers"] for text in total["by_text"]) == 1


def test_the_time_to_an_answer_is_given_in_quartiles(line: Filled) -> None:
    """There are none without an answer."""
    assert told(line)["total"]["seconds_to_answer"] is None
    for minutes in (50, 10, 30, 20, 40):
        answer(line, contact(line, MONDAY, LEA), MONDAY + minutes * MINUTE)

    assert told(line)["total"]["seconds_to_answer"] == [1200.0, 1800.0, 2400.0]


@pytest.mark.parametrize(
    ("after", "more", "reactions"),
    [
        (timedelta(milliseconds=1), {}, 1),
        (DAY, {}, 1),
        (DAY + timedelta(milliseconds=1), {}, 0),
        (timedelta(0), {}, 0),
        (HOUR, {"kind": "call"}, 0),
        (HOUR, {"originator": LEA}, 0),
    ],
)
def test_a_reaction_is_a_text_within_a_day_after_the_answer(
    line: Filled, after: timedelta, more: dict[str, Any], reactions: int
) -> None:
    """It comes from the answered number, and `review` has it."""
    answer(line, contact(line, MONDAY), MONDAY + HOUR)
    contact_id = contact(line, MONDAY + HOUR + after, **more)
    shown = [*review.queue(line.db)]

    assert told(line)["total"]["reactions"] == reactions
    assert shown == [contact_id] * reactions
    line.db.connection.execute("UPDATE contacts SET tags = ? WHERE id = ?", ('["insult"]', contact_id))
    assert told(line)["total"]["tags"] == ({"insult": 1} if reactions else {})


def test_tags_of_reactions_are_counted(line: Filled) -> None:
    """A reaction with two tags counts for both, one without apart."""
    answer(line, contact(line, MONDAY, tags='["insult"]'), MONDAY + HOUR)
    for tags in (["insult"], ["insult", "threat"], []):
        contact(line, MONDAY + 2 * HOUR, tags=json.dumps(tags))
    found = told(line)

    assert found["total"]["tags"] == {"insult": 2, "threat": 1}
    assert found["total"]["untagged"] == 1
    assert found["total"]["by_tags"] == [
        {"tags": ["insult"], "reactions": 1},
        {"tags": ["insult", "threat"], "reactions": 1},
        {"tags": [], "reactions": 1},
    ]
    assert found["words"][-3:-1] == [
        "Of 3 reactions to the answer 2 have been read and tagged: 1 insult, 1 tagged insult + threat.",
        "In other texts: 1 insult.",
    ]


def test_tags_of_first_contacts_are_counted_apart(line: Filled) -> None:
    """A threat before any answer must not change reactions' shares."""
    answer(line, contact(line, MONDAY, tags='["threat"]'), MONDAY + HOUR)
    contact(line, MONDAY + 2 * HOUR, tags='["apology"]')
    contact(line, MONDAY + 2 * HOUR, "+32470999999", tags='["threat", "insult"]')
    found = told(line)["total"]

    assert found["other_tags"] == {"threat": 2, "insult": 1}
    assert (found["reactions"], found["tags"]) == (1, {"apology": 1})
    words = "In other texts: 2 threats, 1 insult."
    assert words in told(line)["words"]
    assert words in line.run("stats", *NOVEMBER).stdout.splitlines()


def test_reasons_are_in_plain_words(line: Filled) -> None:
    """The words are those of `log`; JSON has the codes."""
    contact(line, MONDAY, reason="not_answerable")
    answer(line, contact(line, MONDAY), MONDAY, state="cancelled", reason="stale")
    shown = [" ".join(row.split()) for row in line.run("stats", *NOVEMBER).stdout.splitlines()]

    assert "cannot be texted 1" in shown
    assert "too late 1" in shown
    assert "not answerable 1" not in shown


def test_untagged_reactions_are_counted(line: Filled) -> None:
    """Sentence and table say that nobody has tagged them."""
    answer(line, contact(line, MONDAY), MONDAY + HOUR)
    contact(line, MONDAY + 2 * HOUR)

    assert "1 reaction to the answer, which nobody has read and tagged." in told(line)["words"]
    assert ["not", "tagged", "1"] in [row.split() for row in line.run("stats", *NOVEMBER).stdout.splitlines()]


# ---- periods


@pytest.mark.parametrize("by", [by.value for by in By])
def test_the_bins_add_up(line: Filled, by: str) -> None:
    """Each contact and segment is in exactly one of them."""
    for hours in range(0, 30 * 24, 7):
        at = datetime(2025, 10, 31, 23, tzinfo=UTC) + hours * HOUR
        answer(line, contact(line, at, f"+324700{hours:05}"), at + 30 * MINUTE)
    found = told(line, *NOVEMBER, "--by", by)

    for name in ("texts", "answers", "segments", "new"):
        assert sum(each[name] for each in found["bins"]) == found["total"][name] > 0
    assert sum(map(sum, found["week"])) == found["total"]["texts"]
    assert found["bins"][0]["since"] == found["since"]
    assert found["bins"][-1]["until"] == found["until"]
    assert all(one["until"] == two["since"] for one, two in pairwise(found["bins"]))


def test_a_day_is_local(line: Filled) -> None:
    """Brussels decides day and weekday, whatever the time in UTC."""
    contact(line, MONDAY - timedelta(milliseconds=1))
    contact(line, MONDAY)
    found = told(line)

    assert [each["texts"] for each in found["bins"][:3]] == [1, 1, 0]
    assert found["week"][6][23] == 1
    assert found["week"][0][0] == 1


def test_days_of_a_clock_change_are_whole(line: Filled) -> None:
    """Each of 25 hours has a name, even the repeated one."""
    contact(line, datetime(2025, 10, 25, tzinfo=UTC))
    for minutes in (30, 90):  # 02:30 in summer time, and again in winter time
        contact(line, datetime(2025, 10, 26, 0, 0, tzinfo=UTC) + minutes * MINUTE)
    found = told(line, "--since", "2025-10-26", "--until", "2025-10-26")
    shown = line.run("stats", "--since", "2025-10-26", "--until", "2025-10-26", env={"COLUMNS": "80"}).stdout

    assert found["zone"] == "CEST/CET"
    assert found["bins"][0]["since"] == "2025-10-25T22:00:00.000Z"
    assert len(found["bins"]) == 25
    assert [each["texts"] for each in found["bins"]][2:4] == [1, 1]
    assert found["week"][6][2] == 2
    assert "26 Oct 02:00 CEST" in shown
    assert "26 Oct 02:00 CET" in shown
    assert "2 texts in one day (26 October 2025)." in shown


def test_an_hour_that_never_was_and_new_year(line: Filled) -> None:
    """A day of 23 hours is whole; a week and its days go on over New Year, and the day's contacts begin at midnight."""
    contact(line, datetime(2026, 3, 28, 22, 30, tzinfo=UTC))
    for hour, minute in ((0, 59), (1, 0)):  # 01:59 in winter time, 03:00 in summer time
        contact(line, datetime(2026, 3, 29, hour, minute, tzinfo=UTC))
    years = [datetime(2026, 12, 31, 22, 59, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC)]
    for at in years:
        contact(line, at)
    short = told(line, "--since", "2026-03-29", "--until", "2026-03-29")
    week = told(line, "--since", "2026-W53", "--until", "2026-W53", "--by", "day")

    assert [each["texts"] for each in short["bins"]] == [0, 1, 1, *[0] * 20]
    assert (short["week"][6][1], short["week"][6][2], short["week"][6][3]) == (1, 0, 1)
    assert [each["texts"] for each in week["bins"]] == [0, 0, 0, 1, 1, 0, 0]
    assert came(line.db, (years[1] + 5 * MINUTE).astimezone()).today == 1
    assert came(line.db, datetime(2026, 3, 29, 1, 5, tzinfo=UTC).astimezone()).today == 2


def test_the_period_before_has_as_many_days(line: Filled) -> None:
    """Whole days may include a clock change; other periods match in seconds."""
    midnights = [datetime(2025, month, day).astimezone() for month, day in ((10, 21), (10, 28), (10, 14))]
    start, end, earlier = midnights

    assert before(start, end) == earlier
    assert before(start, end + MINUTE) == start - (end + MINUTE - start)
    assert before(start, start + 29 * DAY + HOUR) == datetime(2025, 9, 21).astimezone()
    contact(line, earlier)
    contact(line, earlier - timedelta(milliseconds=1))
    assert told(line, "--since", "2025-10-21", "--until", "2025-10-27")["before"]["texts"] == 1


@pytest.mark.parametrize(
    ("days", "by"), [(3, By.HOUR), (3.1, By.DAY), (62, By.DAY), (63, By.WEEK), (400, By.WEEK), (401, By.MONTH)]
)
def test_the_bins_suit_the_length(days: float, by: By) -> None:
    """Hours suit a short period, months a long one, unless `--by` decides."""
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)

    assert choose(now - days * DAY, None, None, now, LONG_AGO).by is by
    assert choose(now - days * DAY, None, By.DAY, now, LONG_AGO).by is By.DAY


@pytest.mark.parametrize("hour", [0, 12, 22])
def test_the_usual_period_is_thirty_whole_days(hour: int) -> None:
    """It ends with yesterday, at any time of the day."""
    now = datetime(2026, 11, 20, hour, tzinfo=UTC)
    period = choose(None, None, None, now, LONG_AGO)

    assert (period.start, period.end) == (
        datetime(2026, 10, 20, 22, tzinfo=UTC),  # the clocks change in between
        datetime(2026, 11, 19, 23, tzinfo=UTC),
    )
    assert length(period.start, period.end) == "30 days"
    assert before(period.start, period.end) == datetime(2026, 9, 20, 22, tzinfo=UTC)


def test_without_a_beginning_the_period_has_thirty_days() -> None:
    """The day of `--until` alone is the last of the 30."""
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    period = choose(None, datetime(2026, 11, 10).astimezone(), None, now, LONG_AGO)

    assert calendar(period.start, period.end) == "11 October to 9 November 2026"
    assert length(period.start, period.end) == "30 days"


def test_a_line_one_day_old_begins_with_its_first_contact(line: Filled) -> None:
    """No figure, comparison or busiest day covers an earlier time."""
    with line.db.transaction():
        for number in range(21):
            contact(line, MONDAY + 22 * HOUR + (5 + number * 10) * MINUTE, f"+3247000{number:04}")
    now = MONDAY + 25 * HOUR + 50 * MINUTE
    found = document(summarise(line.db, load(line.config), None, now, None, now))

    assert [*found.words] == [
        "21 texts in four hours (3 November, 22:05 to 4 November 2025, 01:50), more than 5 an hour.",
        "The busiest day was 3 November 2025, with 12 texts.",
        "21 different telephone numbers texted or called.",
        "The line's records begin on 3 November 2025 at 22:05.",
    ]
    assert [each.texts for each in found.bins] == [6, 6, 6, 3]
    assert found.before is None
    yesterday = document(summarise(line.db, load(line.config), None, None, None, now))
    assert yesterday.words[0] == "12 texts in 115 minutes (3 November 2025, 22:05 to 24:00)."


@pytest.mark.parametrize(
    ("since", "until", "last", "ends"),
    [
        (None, None, 0, (2, 5)),
        (1, 4, 0, (2, 4)),
        (3, 9, 0, (3, 5)),
        (3, 9, 6, (3, 9)),
        (0, 1, 0, (0, 1)),
        (6, 9, 0, (6, 9)),
    ],
)
def test_a_period_is_within_the_life_of_the_line(
    since: int | None, until: int | None, last: int, ends: tuple[int, int]
) -> None:
    """A period outside it, or a wrong clock, is left as asked."""
    extent = figures.Extent(MONDAY + 2 * DAY, MONDAY + max(2, last) * DAY)
    period = choose(
        None if since is None else MONDAY + since * DAY,
        None if until is None else MONDAY + until * DAY,
        None,
        MONDAY + 5 * DAY,
        extent,
    )

    assert (period.start, period.end) == tuple(MONDAY + day * DAY for day in ends)


def test_a_young_line_is_counted_from_its_first_minute(line: Filled) -> None:
    """A sentence says when its records begin, also of a time before."""
    contact(line, MONDAY + 18 * MINUTE)
    now = MONDAY + 42 * MINUTE
    words = list(sentences(summarise(line.db, load(line.config), None, None, None, now)))
    before = list(sentences(summarise(line.db, load(line.config), MONDAY - 2 * DAY, MONDAY - DAY, None, now)))

    assert words[0] == "1 text in 24 minutes (3 November 2025, 00:18 to 00:42)."
    assert "The line's records begin on 3 November 2025 at 00:18." in words
    assert before[0] == "No text in one day (1 November 2025)."
    assert before[-1] == words[-1]


def test_the_period_before_needs_the_line_for_its_whole_length(line: Filled) -> None:
    """Its figures are left out for a younger line."""
    contact(line, MONDAY + DAY)
    contact(line, MONDAY + 8 * DAY)
    week = ("--since", "2025-11-11", "--until", "2025-11-17")

    assert told(line, *week)["before"]["texts"] == 1
    assert "BEFORE" in line.run("stats", *week).stdout
    line.db.connection.execute("UPDATE contacts SET received_at = ? WHERE id = 1", (rfc3339(MONDAY + 2 * DAY),))
    assert told(line, *week)["before"] is None
    assert "BEFORE" not in line.run("stats", *week).stdout


def test_every_figure_has_its_period(line: Filled) -> None:
    """Dates head both columns, and --json has them for each tally."""
    contact(line, MONDAY - 40 * DAY)
    contact(line, MONDAY)
    shown = line.run("stats", *NOVEMBER).stdout.splitlines()
    found = told(line)

    assert shown[1].split(None, 1) == ["now", "30 days, 1 to 30 November 2025"]
    assert shown[2].split(None, 1) == ["before", "30 days, 2 to 31 October 2025"]
    assert [row.split() for row in shown if "NOW" in row] == [["NOW", "BEFORE"]]
    for each in (found, found["total"], found["before"], *found["bins"], *found["weeks"]):
        assert each["until" if each is not found["before"] else "since"]
    assert (found["before"]["since"], found["before"]["until"]) == ("2025-10-01T22:00:00.000Z", found["since"])


def test_hours_of_the_week_are_averages(line: Filled) -> None:
    """A weekday is not busier for coming five times."""
    with line.db.transaction():
        for day in range(30):
            for _ in range(4):
                contact(line, datetime(2025, 11, 1, 12, tzinfo=UTC) + day * DAY)
    summary = summarise(line.db, load(line.config), *NOVEMBER_DATES, None, datetime(2025, 12, 24, tzinfo=UTC))
    at_one = [day[13] for day in averages(summary)]

    assert [day[13] for day in summary.week] == [16, 16, 16, 16, 16, 20, 20]
    assert at_one == [4] * 7


@given(
    start=st.datetimes(datetime(2024, 1, 1), datetime(2026, 1, 1)),  # noqa: DTZ001  local time
    seconds=st.integers(1, 40 * 86_400),
)
@settings(deadline=None)
def test_days_of_a_weekday_are_those_of_the_calendar(start: datetime, seconds: int) -> None:
    """A day counts for each hour that the period touches."""
    begin = start.astimezone()
    end = (begin + timedelta(seconds=seconds)).astimezone()
    walked = [[0] * 24 for _ in range(7)]
    hour = begin.replace(minute=0, second=0, microsecond=0, tzinfo=None)
    while hour < end.replace(tzinfo=None):
        walked[hour.weekday()][hour.hour] += 1
        hour += HOUR

    assert week_days(begin, end) == tuple(map(tuple, walked))


@given(
    start=st.datetimes(datetime(2000, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001  local time
    seconds=st.integers(1, 40 * 86_400),
    by=st.sampled_from(By),
)
@settings(deadline=None)
def test_edges_ascend_and_begin_at_midnight(start: datetime, seconds: int, by: By) -> None:
    """All but the ends begin a local hour, day, week or month."""
    begin = start.astimezone()
    found = edges(begin, (begin + timedelta(seconds=seconds)).astimezone(), by)

    assert (found[0], found[-1]) == (begin, begin + timedelta(seconds=seconds))
    assert all(one < two for one, two in pairwise(found))
    for edge in found[1:-1]:
        assert (edge.minute, edge.second, edge.microsecond) == (0, 0, 0)
        assert by is By.HOUR or edge.hour == 0
        assert by is not By.WEEK or edge.weekday() == 0
        assert by is not By.MONTH or edge.day == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--since", "2026-11-03", "--until", "2026-11-02"], "ends before it begins"),
        (["--since", "1960-01-01", "--by", "hour"], "bars."),
        (["--since", "soon"], "is not a time"),
        (["--json", "--html", "x.html"], "exclude each other"),
        (["--by", "minute"], "minute"),
    ],
)
def test_an_absurd_period_is_refused(line: Filled, arguments: list[str], says: str) -> None:
    """The error says why it cannot be shown."""
    result = line.run("stats", *arguments)

    assert result.exit_code == 2
    assert says in result.stderr


def test_a_period_may_end_with_the_calendar(line: Filled) -> None:
    """A month beyond the year 9999 ends with the period."""
    assert len(told(line, "--since", "9999-11-30", "--until", "9999-12-30", "--by", "month")["bins"]) == 2
    assert len(told(line, "--since", "9999-12-29T12:00", "--until", "9999-12-29T12:30", "--by", "hour")["bins"]) == 1
    with pytest.raises(UsageError):
        choose(
            datetime(1, 1, 3, tzinfo=UTC), None, By.MONTH, datetime(2026, 1, 1, tzinfo=UTC), figures.Extent(None, None)
        )


# ---- the modem


def test_the_state_of_the_modem_is_from_its_events(line: Filled) -> None:
    """An earlier state continues in the period; other events are none."""
    for at, kind in (
        (MONDAY - 10 * DAY, "modem_ready"),
        (MONDAY, "modem_absent"),
        (MONDAY, "flood"),
        (MONDAY + HOUR, "modem_unplugged"),
        (MONDAY + 2 * HOUR, "modem_ready"),
    ):
        line.db.connection.execute("INSERT INTO events (at, kind) VALUES (?, ?)", (rfc3339(at), kind))
    seconds = told(line)["modem_seconds"]

    assert seconds == {"ready": 30 * 86_400.0 - 7200, "absent": 7200.0}


def test_the_modem_is_unknown_before_its_first_event(line: Filled) -> None:
    """A clock that went back gives no negative time."""
    for at, kind in ((MONDAY + DAY, "modem_ready"), (MONDAY, "modem_absent")):
        line.db.connection.execute("INSERT INTO events (at, kind) VALUES (?, ?)", (rfc3339(at), kind))
    start = MONDAY - DAY
    spans = figures.spans(line.db, start, MONDAY + 2 * DAY)

    assert spans == [
        figures.Span(None, start, MONDAY + DAY),
        figures.Span("absent", MONDAY + DAY, MONDAY + 2 * DAY),
    ]


# ---- output


def test_csv_has_a_row_for_each_bar(line: Filled) -> None:
    """The columns are those of the bins in --json."""
    contact(line, MONDAY - 3 * DAY)
    result = line.run("stats", "--csv", *NOVEMBER)
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    bins = told(line)["bins"]

    assert result.exit_code == 0
    assert len(rows) == 30
    assert [{name: str(cell) for name, cell in each.items()} for each in bins] == rows


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("by", [by.value for by in By])
def test_the_tables_fit_the_terminal(line: Filled, columns: int, by: str) -> None:
    """No table is wider than the terminal, and no cell is cut."""
    with line.db.transaction():
        for number in range(1200):
            contact(line, MONDAY + number * MINUTE, f"+3247000{number:04}", reason="not_answerable")
    answer(line, contact(line, MONDAY, LEA), MONDAY + HOUR)
    shown = line.on_a_terminal(columns, "stats", "--since", "2025-11-03", "--until", "2025-11-04", "--by", by)
    tables = "\n".join(shown).split("\n\n")[1:3]

    assert all(len(text) <= columns for table in tables for text in table.splitlines())
    assert "…" not in "".join(shown)
    assert "━" in tables[0]
    assert "1,201" in tables[1]


def test_in_a_pipe_the_figures_are_whole(line: Filled) -> None:
    """Every column and full bars are there, whatever COLUMNS says."""
    contact(line, MONDAY)
    table = line.run("stats", *NOVEMBER, env={"COLUMNS": "12"}).stdout.split("\n\n")[1].splitlines()

    assert table[0].split() == ["DAY", "TEXTS", "CALLS", "NEW", "ANSWERS", "SEGMENTS"]
    assert table[1].endswith(" " + 40 * "━")


def test_a_bar_is_as_long_without_its_colour(line: Filled) -> None:
    """A day without texts has no bar in a mail, either."""
    contact(line, MONDAY)
    shown = "\n".join(line.on_a_terminal(80, "stats", *NOVEMBER, "--by", "day"))
    days = shown.split("\n\n")[1].splitlines()[1:]

    assert ["━" in day for day in days] == [day.startswith("Mon 03 Nov") for day in days]


def test_a_terminal_too_narrow_for_bars_has_the_figures(line: Filled) -> None:
    """Its bars are short; no bar is longer than its terminal."""
    contact(line, MONDAY)
    bars = {columns: line.on_a_terminal(columns, "stats", *NOVEMBER) for columns in (12, *range(24, 40, 3))}

    assert "Mon 03 Nov     1 ━━━━━━" in bars.pop(12)
    for columns, shown in bars.items():
        assert max(len(row) for row in shown if "━" in row) <= columns


def test_an_empty_database_has_figures(line: Filled) -> None:
    """Those of today are 0, and nothing is compared."""
    result = line.run("stats")
    days = told(line, "--by", "day")["bins"]

    assert result.exit_code == 0, result.output
    assert len(days) == 1
    assert result.stdout.splitlines()[-1].startswith("No text in ")
    assert "before" not in result.stdout.lower()


def test_tags_are_escaped(line: Filled) -> None:
    """Control characters of a tag never reach the terminal."""
    answer(line, contact(line, MONDAY), MONDAY + HOUR)
    contact(line, MONDAY + 2 * HOUR, tags=json.dumps(["\x1b[2Jx"]))
    result = line.run("stats", *NOVEMBER)

    assert "\x1b" not in result.stdout
    assert result.stdout.count(r"\x1b[2Jx") == 2


def test_a_terminal_without_unicode_gets_bars_too(line: Filled) -> None:
    """The bars are hyphens on an ASCII locale."""
    contact(line, MONDAY)
    done = subprocess.run(
        [sys.executable, "-m", "hotlined", "--config", str(line.config), "stats", *NOVEMBER],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
        check=True,
    )

    assert b"----" in done.stdout
    assert b"\\u" not in done.stdout


def test_progress_is_for_terminals_only(line: Filled) -> None:
    """It is on stderr, and the figures are the same."""
    leader, follower = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "hotlined", "--config", str(line.config), "stats", "--json", *NOVEMBER],
            stdout=subprocess.PIPE,
            stderr=follower,
            env=os.environ | {"TERM": "xterm"},
            check=True,
        )
        shown = os.read(leader, 65536)
    finally:
        os.close(leader)
        os.close(follower)

    assert b"Counting" in shown
    assert json.loads(done.stdout)["line"] == "fr"


# ---- words


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [
        (1, 2, "half"), (51, 100, "more than half"), (49, 100, "nearly half"), (1, 3, "a third"),
        (3, 4, "three quarters"), (7, 7, "all"), (12, 100, "12 %"), (1, 1000, "less than 1 %"),
        (999, 1000, "more than 99 %"), (1, 5, "20 %"), (22, 100, "22 %"), (23, 100, "nearly a quarter"),
        (26, 100, "more than a quarter"),
    ],
)  # fmt: skip
def test_a_share_is_put_in_words(part: int, whole: int, words: str) -> None:
    """A close simple fraction names it, but never as exact."""
    assert share(part, whole) == words


def test_a_length_matches_the_times_beside_it() -> None:
    """Ten minutes lie between 17:23 and 17:33, whatever the seconds were."""
    start = datetime(2026, 11, 26, 17, 23, tzinfo=UTC)

    assert length(start, start + 10 * MINUTE + timedelta(seconds=59)) == "ten minutes"
    assert length(start + timedelta(seconds=59), start + 10 * MINUTE) == "ten minutes"


@pytest.mark.parametrize(
    ("lasting", "words"),
    [
        (HOUR, "60 minutes"), (6 * HOUR + timedelta(milliseconds=20), "six hours"), (23 * HOUR, "23 hours"),
        (DAY, "one day"), (25 * HOUR, "25 hours"), (2 * DAY, "two days"), (6.5 * DAY, "one week"),
        (3.1 * DAY, "three days"), (83 * HOUR, "83 hours"), (4.6 * DAY, "five days"), (21 * DAY, "three weeks"),
        (30 * DAY, "30 days"), (91 * DAY, "13 weeks"),
        (timedelta(seconds=1), "one minute"),
    ],
)  # fmt: skip
def test_a_length_is_put_in_words(lasting: timedelta, words: str) -> None:
    """Whole weeks come first, then days, hours and minutes.

    Hours are named if days would be a tenth off, minutes below two hours.
    """
    start = MONDAY.astimezone()

    assert length(start, start + lasting) == words


def test_a_day_of_25_hours_is_a_day() -> None:
    """The clocks change between its two midnights."""
    assert length(datetime(2025, 10, 26).astimezone(), datetime(2025, 10, 27).astimezone()) == "one day"


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2025-11-03T00:00", "2025-11-24T00:00", "3 to 23 November 2025"),
        ("2025-11-03T00:00", "2025-11-04T00:00", "3 November 2025"),
        ("2025-10-27T00:00", "2025-11-03T00:00", "27 October to 2 November 2025"),
        ("2025-12-29T00:00", "2026-01-05T00:00", "29 December 2025 to 4 January 2026"),
        ("2025-10-24T00:00", "2025-11-22T11:32", "24 October to 22 November 2025, 11:32"),
        ("2025-11-24T22:00", "2025-11-24T23:10", "24 November 2025, 22:00 to 23:10"),
        ("2025-11-24T00:00", "2025-11-24T23:10", "24 November 2025, 00:00 to 23:10"),
        ("2025-11-24T22:00", "2025-11-25T00:00", "24 November 2025, 22:00 to 24:00"),
        ("2025-11-24T22:00", "2025-11-26T02:10", "24 November, 22:00 to 26 November 2025, 02:10"),
    ],
)
def test_a_period_is_put_in_words(start: str, end: str, words: str) -> None:
    """The last day is included; hours are named if needed."""
    assert calendar(datetime.fromisoformat(start).astimezone(), datetime.fromisoformat(end).astimezone()) == words


@pytest.mark.parametrize(
    ("texts", "number", "unit", "words"),
    [
        (1, 30, "day", None),
        (30, 30, "day", "7 a week"),
        (300, 30, "day", "70 a week"),
        (301, 30, "day", "more than 70 a week"),
        (319, 30, "day", "nearly 75 a week"),
        (20, 4, "hour", "5 an hour"),
        (21, 4, "hour", "more than 5 an hour"),
        (23, 4, "hour", "nearly 6 an hour"),
        (226, 2, "hour", "more than 110 an hour"),
        (248, 1, "day", "more than 10 an hour"),
        (50, 5, "day", "10 a day"),
        (50, 50, "hour", "24 a day"),
        (5, 1, "day", None),
        (48, 1, "day", "2 an hour"),
        (7, 1, "week", "1 a day"),
        (9, 90, "minute", None),
        (2, 2, "hour", "1 an hour"),
    ],
)
def test_a_rate_is_the_quotient(texts: int, number: int, unit: str, words: str | None) -> None:
    """Texts are divided by the stated time, or nearly so.

    The nearest round number may replace the exact one.
    """
    assert rate(texts, number, unit) == words


def test_a_long_wait_is_given_in_hours(line: Filled) -> None:
    """Minutes are for waits below two hours."""
    answer(line, contact(line, MONDAY), MONDAY + 150 * MINUTE)

    assert "The line answered once, after three hours." in told(line)["words"]


def test_only_completely_sent_answers_are_timed(line: Filled) -> None:
    """Unconfirmed ones are named in a sentence."""
    for minutes, state in enumerate(("sent", "delivered", "undelivered", "unconfirmed", "unconfirmed")):
        answer(line, contact(line, MONDAY), MONDAY + 10 * minutes * MINUTE, state=state)
    words = told(line)["words"]

    assert "The line answered 5 times, half of them within ten minutes." in words
    assert "Of 2 of these answers nobody knows whether they left." in words


@pytest.mark.parametrize("state", ["sent", "unconfirmed"])
def test_a_single_answer_has_no_number(line: Filled, state: str) -> None:
    """It is `once`, with a remark if it is unconfirmed."""
    answer(line, contact(line, MONDAY), MONDAY + HOUR, state=state)
    words = told(line)["words"]

    assert ("The line answered once, after 60 minutes." in words) == (state == "sent")
    assert ("Nobody knows whether that answer left." in words) == (state == "unconfirmed")


def test_operators_and_short_codes_are_not_people(line: Filled) -> None:
    """Sentences count telephone numbers alone.

    Over the whole history the sentence leaves `for the first time` out.
    """
    for originator in (KEVIN, LEA, "Proximus", "8850"):
        contact(line, MONDAY, originator)
    assert "2 different telephone numbers texted or called." in told(line)["words"]
    contact(line, MONDAY - 60 * DAY, "bpost")

    assert "2 different telephone numbers texted or called, all of them for the first time." in told(line)["words"]


def test_without_a_price_no_sentence_names_money(tmp_path: Path) -> None:
    """Neither JSON, CSV nor the page has a cost."""
    line = Filled(tmp_path)
    with line.db:
        answer(line, contact(line, MONDAY), MONDAY + HOUR)
        found, shown = told(line), line.run("stats", *NOVEMBER).stdout
        page = line.run("stats", "--html", "-", *NOVEMBER).stdout
        sheet = list(csv.DictReader(io.StringIO(line.run("stats", "--csv", *NOVEMBER).stdout)))

    assert (found["price_per_segment"], found["total"]["cost"]) == (None, None)
    assert {row["cost"] for row in sheet} == {""}
    assert not re.search("EUR|[Cc]ost|spent", "".join((shown, page, *found["words"])))


def test_picture_messages_are_counted(line: Filled) -> None:
    """Their senders count among the contacts."""
    contact(line, MONDAY, kind="mms", text=None)
    contact(line, MONDAY, kind="mms", text=None)

    assert "2 photo messages in the same time." in told(line)["words"]


def test_the_busiest_day_is_named_among_many_texts(line: Filled) -> None:
    """Few texts or a single day name none."""
    for number in range(12):
        contact(line, MONDAY + number % 2 * DAY)
    assert not [each for each in told(line)["words"] if "busiest" in each]
    assert told(line)["busiest_day"] == {"day": "2025-11-03", "texts": 6}
    contact(line, MONDAY + DAY)

    assert "The busiest day was 4 November 2025, with 7 texts." in told(line)["words"]
    one_day = told(line, "--since", "2025-11-04", "--until", "2025-11-04")
    assert not [each for each in one_day["words"] if "busiest" in each]
