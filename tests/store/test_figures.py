"""Figures agree with a count of all rows in Python after any events, erasures and clock steps."""

import json
import sqlite3
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import extent
import pytest
from filled import KEVIN, LEA, Filled
from hypothesis import given, settings
from hypothesis import strategies as st
from test_stats import DAY, HOUR, MONDAY, answer, contact

from hotlined.machine.clock import Now, parse_rfc3339, rfc3339
from hotlined.statistics.periods import By
from hotlined.statistics.periods import edges as edges_of
from hotlined.store.answers.correspondents import Order, correspondents
from hotlined.store.line.database import Database
from hotlined.store.people import erasing, purging
from hotlined.store.reading import figures
from hotlined.store.reading.figures import Slot

EXAMPLES = extent.examples(40, 200)
ZONES = (
    "CET-1CEST,M3.5.0,M10.5.0/3",
    "IST-5:30",
    "NPT-5:45",
    "NST3:30NDT,M3.2.0,M11.1.0",
    "LHST-10:30LHDT-11,M10.1.0,M4.1.0",
    "UTC",
)
MILLISECOND = timedelta(milliseconds=1)

# ---- generated events

NUMBERS = (*(f"+3247000000{number}" for number in range(3)), None)
MOMENTS = (
    st.integers(0, 6 * 24 * 3_600_000)
    | st.integers(0, 6 * 24).map(lambda hours: hours * 3_600_000)  # on a full hour
    | st.integers(0, 6 * 24).map(lambda hours: hours * 3_600_000 - 1)
).map(lambda milliseconds: MONDAY + milliseconds * MILLISECOND)


@st.composite
def contacts_of(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a contact, judged or not."""
    verdict = draw(st.sampled_from(("suppress", "suppress", "answer", None)))
    reasons = {"suppress": ("cooldown", "blocked", "stale"), "answer": ("first_contact",), None: (None,)}
    return {
        "originator": draw(st.sampled_from(NUMBERS)),
        "kind": draw(st.sampled_from(("text", "text", "text", "call", "mms", "unreadable"))),
        "synchronised": draw(st.integers(0, 1)),
        "verdict": verdict,
        "reason": draw(st.sampled_from(reasons[verdict])),
        "tags": json.dumps(draw(st.lists(st.sampled_from(("insult", "threat")), unique=True, max_size=2))),
    }


STEPS = st.one_of(
    st.tuples(st.just("contact"), contacts_of(), st.integers(0, 24 * 3_600_000)),
    st.tuples(st.just("contact"), contacts_of(), st.integers(0, 1_800_000)),
    st.tuples(st.just("contact"), contacts_of(), st.just(0)),
    st.tuples(st.just("clock"), MOMENTS),  # the clock is set, forward or back
    st.tuples(
        st.just("answer"),
        st.integers(0, 30),
        st.integers(0, 26 * 3_600_000) | st.integers(0, 3_600_000),
        st.sampled_from(("Non", "Nee", None)),
    ),
    st.tuples(st.just("judge"), st.integers(0, 30)),
    st.tuples(st.just("becomes"), st.integers(0, 30), st.sampled_from(("data", "mms"))),
    st.tuples(st.just("forget"), st.sampled_from(NUMBERS[:-1])),
    st.tuples(st.just("purge"), st.integers(0, 40)),
    st.tuples(st.just("renamed"), st.integers(0, 30), st.sampled_from(NUMBERS)),
)
LIVES = st.lists(STEPS, min_size=12, max_size=40)  # in fewer steps hardly any number comes back


def live(line: Filled, steps: list[tuple[Any, ...]]) -> None:
    """Carry out the steps."""
    now, db = MONDAY, line.db
    for what, *more in steps:
        if what == "clock":
            (now,) = more
            continue
        if what == "contact":
            row, later = more
            now += later * MILLISECOND
            contact(line, now, **row)
            continue
        if what == "forget":
            erasing.forget(db, more[0], "pi", Now(now, now.timestamp(), synchronised=True), opts_out=lambda _: False)
            continue
        if what == "purge":
            keep = more[0] * DAY
            for _ in purging.purge(db, keep, keep, Now(now, now.timestamp(), synchronised=False)):
                pass
            continue
        found = db.all("SELECT id, originator FROM contacts ORDER BY id")
        if not found:
            continue
        contact_id, originator = found[more[0] % len(found)]
        if what == "answer" and originator and not db.one("SELECT 1 FROM answers WHERE contact_id = ?", contact_id):
            at_ms = db.one("SELECT received_at FROM contacts WHERE id = ?", contact_id)
            assert at_ms
            answer(line, contact_id, parse_rfc3339(at_ms[0]) + more[1] * MILLISECOND, text=more[2])
        if what == "judge":
            db.connection.execute(
                "UPDATE contacts SET verdict = 'suppress', reason = 'stale' WHERE id = ? AND verdict IS NULL",
                (contact_id,),
            )
        if what == "becomes":
            db.connection.execute("UPDATE contacts SET kind = ? WHERE id = ?", (more[1], contact_id))
        if what == "renamed":
            country = "BE" if more[1] and more[1][0] in "+~" else None
            db.connection.execute(
                "UPDATE contacts SET originator = ?, country = ? WHERE id = ?", (more[1], country, contact_id)
            )


# ---- the count in Python


def rows_of(db: Database, start: datetime, end: datetime) -> list[sqlite3.Row]:
    """Return the contacts of a period, in the order of their arrival."""
    return [
        row
        for row in db.all("SELECT * FROM contacts ORDER BY id")
        if rfc3339(start) <= row["received_at"] < rfc3339(end)
    ]


def counted(db: Database, start: datetime, end: datetime) -> dict[str, Any]:
    """Count a period row by row."""
    every = db.all("SELECT * FROM contacts ORDER BY id")
    rows = rows_of(db, start, end)
    first = {}
    for row in every:
        first.setdefault(row["originator"], row["id"])
    numbers = {row["originator"] for row in rows if row["country"]}
    new = {number for number in numbers if first[number] in {row["id"] for row in rows}}
    sent = db.all("SELECT * FROM answers WHERE by_hand IS NULL AND sent_at IS NOT NULL ORDER BY sent_at, id")

    def answered(row: sqlite3.Row) -> sqlite3.Row | None:
        """Return the answer before a contact: the latest of the preceding day."""
        at = parse_rfc3339(row["received_at"])
        before = [
            each
            for each in sent
            if each["recipient"] == row["originator"] and at - DAY <= parse_rfc3339(each["sent_at"]) < at
        ]
        return before[-1] if before and row["kind"] == "text" else None

    came_back = [(row, to) for row in rows if (to := answered(row))]
    reactions = Counter(row["tags"] for row, _ in came_back)
    unread = sum(row["tags"] == "[]" and row["text"] is None for row, _ in came_back)
    went = [each for each in sent if rfc3339(start) <= each["sent_at"] < rfc3339(end)]
    by_text = {each["text"]: [0, 0, Counter[str]()] for each in (*went, *(to for _, to in came_back))}
    for each in went:
        by_text[each["text"]][0] += 1
    for row, to in came_back:
        by_text[to["text"]][1] += 1
        by_text[to["text"]][2].update(json.loads(row["tags"]))
    return {
        "texts": sum(row["kind"] == "text" for row in rows),
        "calls": sum(row["kind"] == "call" for row in rows),
        "others": sum(row["kind"] not in ("text", "call") for row in rows),
        "mms": sum(row["kind"] == "mms" for row in rows),
        "withheld": sum(row["originator"] is None and row["kind"] in ("text", "call") for row in rows),
        "new": len(new),
        "returning": len(numbers) - len(new),
        "reasons": dict(Counter(row["reason"] for row in rows if row["verdict"] == "suppress")),
        "reactions": reactions.total(),
        "untagged": reactions["[]"] - unread,
        "unread": unread,
        "other_tags": Counter(tag for row in rows if not answered(row) for tag in json.loads(row["tags"])),
        "by_text": by_text,
    }


def figured(tally: figures.Tally) -> dict[str, Any]:
    """Return the same figures of a tally."""
    counts = asdict(tally.counts)
    assert tally.counts.suppressed == sum(tally.suppressed.values())
    return {name: counts[name] for name in ("texts", "calls", "others", "mms", "withheld", "new", "returning")} | {
        "reasons": tally.suppressed,
        "reactions": tally.reactions,
        "untagged": tally.untagged,
        "unread": tally.unread,
        "other_tags": Counter(tally.other_tags),
        "by_text": {each.text: [each.answers, each.reactions, Counter(each.tags)] for each in tally.by_text},
    }


def by_local_hour(slots: list[Slot]) -> Counter[tuple[str, bool]]:
    """Count texts and other contacts by the local hour."""
    found: Counter[tuple[str, bool]] = Counter()
    for slot in slots:
        hour = f"{slot.start.astimezone():%Y-%m-%d %H %z}"
        found[hour, True] += slot.texts
        found[hour, False] += slot.contacts - slot.texts
    return +found


@given(steps=LIVES, zone=st.sampled_from(ZONES), ends=st.tuples(MOMENTS, MOMENTS), by=st.sampled_from(By))
@settings(deadline=None, max_examples=EXAMPLES)
def test_figures_agree_with_a_count_of_the_rows(
    steps: list[tuple[Any, ...]],
    zone: str,
    ends: tuple[datetime, datetime],
    by: By,
) -> None:
    """They do for each period, whatever the clock said."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setenv("TZ", zone)
        time.tzset()
        line = Filled(Path(folder))
        with line.db as db:
            live(line, steps)
            start, end = sorted(moment.astimezone() for moment in ends)
            end = min(end, start + 36 * HOUR) + HOUR if by is By.HOUR else end + HOUR
            bounds = edges_of(start, end, by)
            whole = [MONDAY - 400 * DAY, start, end, MONDAY + 400 * DAY]
            for edges in (bounds, whole):
                for tally, (since, until) in zip(figures.tallies(db, edges), pairwise(edges), strict=True):
                    assert figured(tally) == counted(db, since, until)
            rows = rows_of(db, start, end)
            exact = [Slot(parse_rfc3339(row["received_at"]), int(row["kind"] == "text"), 1) for row in rows]
            assert by_local_hour(figures.slots(db, start, end)) == by_local_hour(exact)
    time.tzset()


@given(steps=LIVES, order=st.sampled_from(Order), limit=st.integers(0, 5))
@settings(deadline=None, max_examples=EXAMPLES)
def test_list_of_numbers_agrees_with_the_rows(steps: list[tuple[Any, ...]], order: Order, limit: int) -> None:
    """Contacts and dates do, in each order and with each limit."""
    with tempfile.TemporaryDirectory() as folder:
        line = Filled(Path(folder))
        with line.db as db:
            live(line, steps)
            by_number: dict[str | None, list[sqlite3.Row]] = {}
            for row in db.all("SELECT * FROM contacts ORDER BY id"):
                if row["originator"] is not None or row["kind"] != "unreadable":
                    by_number.setdefault(row["originator"], []).append(row)

            def key(number: str | None) -> tuple[Any, ...]:
                dates = [row["received_at"] for row in by_number[number]]
                last = max(dates), by_number[number][-1]["id"]
                return {
                    Order.LAST: last,
                    Order.CONTACTS: (len(dates), *last),
                    Order.FIRST: (min(dates), last[1]),
                }[order]

            expected = sorted(by_number, key=key)[-limit:] if limit else sorted(by_number, key=key)
            found = correspondents(db, order, limit)
            assert [each.number for each in found] == expected
            alone = [correspondents(db, order, 0, only=(each.number or "",)) for each in found]
            for each, same in zip(found, alone, strict=True):
                dates = [row["received_at"] for row in by_number[each.number]]
                assert (each.contacts, each.first_at, each.last_at) == (len(dates), min(dates), max(dates))
                assert same == ([each] if each.number else [])


def test_clock_set_back_counts_no_number_twice(tmp_path: Path) -> None:
    """The number came before and after a time with a fast clock.

    The order goes by dates.
    """
    filled = Filled(tmp_path)
    with filled.db as db:
        for at, number in ((MONDAY, KEVIN), (MONDAY + 10 * DAY, LEA), (MONDAY + HOUR, KEVIN)):
            contact(filled, at, number)
        (counts,) = figures.counts(db, [MONDAY, MONDAY + DAY])
        listed = {order: correspondents(db, order, 1)[0].number for order in Order}

    assert (counts.texts, counts.new, counts.returning) == (2, 1, 0)
    assert listed == {Order.LAST: LEA, Order.CONTACTS: KEVIN, Order.FIRST: LEA}


def test_figures_follow_a_late_change_of_kind(tmp_path: Path) -> None:
    """Later segments may show another kind."""
    line = Filled(tmp_path)
    with line.db as db:
        contact_id = line.text()
        line.judge(contact_id)
        db.connection.execute("UPDATE contacts SET kind = 'data' WHERE id = ?", (contact_id,))
        tally, *_ = figures.tallies(db, [MONDAY, MONDAY + 800 * DAY])

    assert (tally.counts.texts, tally.counts.others) == (0, 1)
