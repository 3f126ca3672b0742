"""`hotlined limits`: what is left, and the highest possible spending."""

import heapq
import json
import math
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from filled import ANSWER, LEA, Filled
from hypothesis import given, settings
from hypothesis import strategies as st

from hotlined.machine.clock import Now
from hotlined.rules import policy
from hotlined.store.answers import decisions, windows
from hotlined.words.amounts import wait_in_words

Make = Callable[..., Filled]
LIMITS = {"hour": 6, "day": 20, "month": 50}


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Give a function that makes a line with settings of its own."""
    with ExitStack() as stack:

        def make(**more: Any) -> Filled:
            line = Filled(tmp_path, **{"answer": {"text": ANSWER, "delay": "0s"}} | more)
            stack.enter_context(line.db)
            return line

        yield make


def told(line: Filled) -> dict[str, Any]:
    """Return the output of `limits --json`."""
    result = line.run("limits", "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def answer_contacts(line: Filled, count: int) -> None:
    """Answer this number of first contacts, two segments each."""
    for number in range(count):
        line.judge(line.text("Salut", f"+3247000{number:04}"))
        line.send()


def test_without_a_database_nothing_is_used(make: Make) -> None:
    """All windows have room before the daemon's first start."""
    line = make()
    line.db.close()
    line.database.unlink()
    found = told(line)

    assert found["windows"]["hour"] == {
        "used": 0,
        "known": 0,
        "limit": 60,
        "reserve": 30,
        "new_in_seconds": 0,
        "known_in_seconds": 0,
    }
    assert found["answers"] == [{"segments": 2, "price": None}]


def test_the_worst_is_bounded_by_every_window(make: Make) -> None:
    """A month's worst case is bounded by its days' limits, too."""
    line = make(limits={"segments": {"hour": 7, "day": 500, "month": 100_000}, "price_per_segment": 0.1})

    assert told(line)["worst"] == {
        "hour": {"segments": 7, "price": 0.7, "first_contacts": 3},
        "day": {"segments": 168, "price": 16.8, "first_contacts": 84},
        "month": {"segments": 5040, "price": 504.0, "first_contacts": 2520},
    }


def test_sent_segments_count_in_their_windows(make: Make) -> None:
    """Each sent segment counts in the hour, the day and the month."""
    line = make(limits={"segments": LIMITS})
    answer_contacts(line, 2)
    windows = told(line)["windows"]

    assert [each["used"] for each in windows.values()] == [4, 4, 4]
    assert [each["limit"] for each in windows.values()] == [6, 20, 50]
    assert [each["reserve"] for each in windows.values()] == [3, 10, 25]
    assert windows["hour"]["new_in_seconds"] == 0


def test_a_full_window_says_when_it_has_room(make: Make) -> None:
    """Room comes once the oldest two segments have left the window."""
    line = make(limits={"segments": LIMITS})
    answer_contacts(line, 3)
    second = line.db.one("SELECT submitted_limit FROM answer_segments WHERE sequence = 2 ORDER BY id LIMIT 1")
    latest = line.db.one("SELECT limit_time FROM line_state")  # ahead of this machine's clock: it does not advance
    assert second
    assert latest
    windows = told(line)["windows"]

    assert windows["hour"]["used"] == 6
    assert windows["hour"]["new_in_seconds"] == second["submitted_limit"] + 3600 - latest["limit_time"]
    assert windows["day"]["new_in_seconds"] == 0


def wait(line: Filled, count: int, share: str = "new") -> None:
    """Let this number of answers wait, two segments each."""
    for _ in range(count):
        line.judge(line.text("Salut", f"+3248{line.newest() if line.log() else 0:07}"))
    line.db.connection.execute("UPDATE answers SET share = ?, due_limit = 0 WHERE state = 'queued'", (share,))


def test_answers_due_before_take_room_from_the_next(make: Make) -> None:
    """They fill even an empty window; their number is shown, and older ones that find no room then come behind it."""
    line = make(
        answer={"text": ANSWER, "delay": "30m"},
        limits={"segments": {"hour": 6, "day": 14, "month": 50}},
        modem={"send_interval": "0s"},
    )
    wait(line, 3)
    full = told(line)
    shown = line.run("limits").stdout
    wait(line, 5)
    longer = told(line)

    assert full["windows"]["hour"]["used"] == 0
    assert full["queue"] == {
        "new": {"answers": 3, "segments": 6, "next_in_seconds": pytest.approx(3600), "ahead": 3},
        "known": {"answers": 0, "segments": 0, "next_in_seconds": pytest.approx(3600), "ahead": 0},
    }
    assert [each["new_in_seconds"] for each in full["windows"].values()] == pytest.approx([3600, 0, 0])
    assert (full["waits"], full["first_in_seconds"]) == (3, 0)
    assert "3 answers wait; the next can go now." in shown
    note = "new number can go: in 1h (3 answers go first). To a known number whose cooldown is over: in 1h."
    assert note in " ".join(shown.split())
    assert longer["queue"]["new"] == {
        "answers": 8, "segments": 16, "next_in_seconds": pytest.approx(3600), "ahead": 3
    }  # fmt: skip
    assert longer["windows"]["day"]["new_in_seconds"] == 0


def test_each_share_has_its_own_queue(make: Make) -> None:
    """Waiting answers to known numbers do not delay answers to new ones."""
    line = make(
        answer={"text": ANSWER, "delay": "1m"},
        limits={"segments": {"hour": 8, "day": 80, "month": 800}},
        modem={"send_interval": "0s"},
    )
    wait(line, 3, "known")
    found = told(line)["queue"]

    assert found["known"] == {"answers": 3, "segments": 6, "next_in_seconds": pytest.approx(3600), "ahead": 2}
    assert found["new"]["next_in_seconds"] == 60


def test_an_answer_that_will_be_too_old_takes_no_room(make: Make) -> None:
    """An answer that will be cancelled before its turn does not count."""
    line = make(
        answer={"text": ANSWER, "max_age": "2h", "delay": "90m"},
        limits={"segments": {"hour": 2, "day": 80, "month": 800}},
        modem={"send_interval": "0s"},
    )
    wait(line, 9)
    line.db.connection.execute("UPDATE answers SET age_limit = age_limit - 5400")
    found = told(line)["queue"]["new"]

    assert (found["next_in_seconds"], found["ahead"]) == (pytest.approx(5400), 1)


def test_a_new_answer_waits_for_its_delay_and_for_those_due_before(make: Make) -> None:
    """Answers due after its delay do not hold it up."""
    line = make(answer={"text": ANSWER, "delay": ["30m", "60m"]})
    wait(line, 3)
    now = line.db.now().limit
    for answer, minutes in ((1, 10), (2, 29.99), (3, 55)):
        line.db.connection.execute("UPDATE answers SET due_limit = ? WHERE id = ?", (now + 60 * minutes, answer))
    found = told(line)["queue"]["new"]

    assert (found["answers"], found["ahead"]) == (3, 2)
    assert found["next_in_seconds"] == pytest.approx(30 * 60, abs=10)
    said = " ".join(line.run("limits").stdout.split())
    assert "An answer to a new number can go: after the usual delay (2 answers go first). To a known number" in said


def test_segments_leave_one_after_the_other(make: Make) -> None:
    """The queue takes three seconds a segment by default, and a newer answer goes before the rest of it."""
    line = make(answer={"text": ANSWER, "delay": "10s"})
    wait(line, 5)
    found = told(line)["queue"]["new"]

    assert (found["next_in_seconds"], found["ahead"]) == (pytest.approx(12), 2)
    assert told(line)["windows"]["hour"]["new_in_seconds"] == 0


class Waiting(NamedTuple):
    """An answer in the queue: its share, its segments, its age in hours, and the hour before which it is due."""

    share: str
    segments: int
    age: int
    hour: int


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.builds(Waiting, st.sampled_from(["new", "known"]), st.integers(1, 3), st.integers(0, 4), st.integers(0, 4)),
        max_size=8,
    ),
    st.integers(2, 9),
    st.integers(2, 30),
    st.integers(0, 1),
    st.integers(0, 3),
)
def test_the_forecast_is_what_the_gate_does(queue: list[Waiting], hour: int, day: int, half: int, delay: int) -> None:
    """The predicted times are right for any queue."""
    due = [3600 * each.hour - 60 * (nth + 1) for nth, each in enumerate(queue)]  # no two at once, in any hour
    with tempfile.TemporaryDirectory() as folder:
        line = Filled(
            Path(folder),
            limits={"segments": {"hour": hour, "day": day, "month": 60}, "reserve_for_new": f"{50 * half}%"},
            modem={"send_interval": "0s"},
            answer={"text": ANSWER, "delay": f"{delay}h30m", "max_age": "30d"},
        )
        with line.db:
            wait(line, len(queue))
            now = line.db.value("SELECT limit_time FROM line_state")  # ahead of this machine's clock
            for answer_id, (each, seconds) in enumerate(zip(queue, due, strict=True), 1):
                line.db.connection.execute(
                    "UPDATE answers SET share = ?, segments = ?, age_limit = ?, due_limit = ? WHERE id = ?",
                    (each.share, each.segments, now - 3600 * each.age, now + seconds, answer_id),
                )
            found = told(line)
    first = min(played(queue, due, hour, day, half).values(), default=None)
    assert found["first_in_seconds"] == (first if first is None else pytest.approx(first))
    for share in ("new", "known"):
        asked = [*queue, Waiting(share, 2, 0, 0)], [*due, 3600 * delay + 1800]
        expected = played(*asked, hour, day, half).get(len(queue))
        told_of = found["queue"][share]["next_in_seconds"]
        assert told_of == (expected if expected is None else pytest.approx(expected))


def played(queue: list[Waiting], due: list[int], hour: int, day: int, half: int) -> dict[int, int]:
    """Play the queue by the rules, and return when each of its answers goes; others never have room."""
    windows = (hour, 3600), (day, 86_400), (60, 30 * 86_400)
    newest = sorted(range(len(queue)), key=lambda nth: (queue[nth].age, -nth))
    goes: dict[int, int] = {}
    moments = sorted([0, *due])

    def fits(asked: Waiting, at: int) -> bool:
        for limit, seconds in windows:
            inside = [queue[nth] for nth, moment in goes.items() if moment > at - seconds]
            known = [each for each in inside if each.share == "known"]
            counted = [(inside, limit)] + [(known, limit - half * (limit // 2))] * (asked.share == "known")
            if any(sum(each.segments for each in left) + asked.segments > most for left, most in counted):
                return False
        return True

    def heads(at: int) -> Iterator[int]:
        for share in ("new", "known"):
            yield from [nth for nth in newest if queue[nth].share == share and nth not in goes and due[nth] <= at][:1]

    while moments:
        at = max(0, heapq.heappop(moments))
        while (nth := next((nth for nth in heads(at) if fits(queue[nth], at)), None)) is not None:
            goes[nth] = at
            for _, seconds in windows:
                heapq.heappush(moments, at + seconds)
    return goes


def test_a_window_that_is_too_small_never_has_room(make: Make) -> None:
    """JSON says null, people read `never`, also without a database."""
    line = make(limits={"segments": {"hour": 3, "day": 1, "month": 50}})
    windows = told(line)["windows"]
    line.db.close()
    line.database.unlink()

    assert windows["hour"] == {
        "used": 0,
        "known": 0,
        "limit": 3,
        "reserve": 1,
        "new_in_seconds": 0,
        "known_in_seconds": 0,
    }
    assert windows["day"]["new_in_seconds"] is None
    assert windows["day"]["known_in_seconds"] is None
    assert told(line)["windows"] == windows
    assert "never" in line.run("limits").stdout


def test_each_answer_of_a_number_has_its_own_price(make: Make) -> None:
    """A known number needs room for the longest answer it may get."""
    texts = ["Non.", ANSWER]
    limits = {"segments": {"hour": 2, "day": 20, "month": 50}, "price_per_segment": 0.05}
    line = make(answer={"texts": texts}, limits=limits)
    found = told(line)

    assert [each["segments"] for each in found["answers"]] == [1, 2]
    assert found["windows"]["hour"]["new_in_seconds"] == 0
    assert found["windows"]["hour"]["known_in_seconds"] is None
    assert "Answer 2 takes 2 segments (0.10 EUR)." in line.run("limits").stdout
    line.db.close()
    line.database.unlink()
    assert told(line) == found


@pytest.mark.parametrize("columns", [40, 80])
def test_the_tables_fit_the_terminal(make: Make, columns: int) -> None:
    """No number or heading is cut."""
    line = make(limits={"price_per_segment": 0.05})
    answer_contacts(line, 1)
    lines = line.on_a_terminal(columns, "limits")
    shown = " ".join(" ".join(lines).split())

    assert all(len(text) <= columns for text in lines)
    assert "…" not in shown
    assert lines[1].split() == ["hour", "2", "60", "30", "now", "now"]
    room = "An answer to a new number can go: now. To a known number whose cooldown is over: now."
    assert room in shown
    assert "150.00 EUR" in shown
    assert "An answer takes 2 segments (0.10 EUR)." in shown


@pytest.mark.parametrize("columns", [32, 40])
@pytest.mark.parametrize(
    ("language", "headings"),
    [
        ("en", "WINDOW USED LIMIT RESERVE NEW KNOWN AT WORST SEGMENTS PRICE NEW NUMBERS"),
        ("fr", "PÉRIODE DÉPENSÉ MAXIMUM RÉSERVE NOUVEAUX CONNUS AU PIRE SEGMENTS PRIX NOUVEAUX NUMÉROS"),
        ("nl", "PERIODE VERBRUIKT LIMIET RESERVE NIEUW BEKEND HOOGSTENS SEGMENTEN PRIJS NIEUWE NUMMERS"),
    ],
)
def test_no_heading_is_cut_on_a_phone_in_any_language(make: Make, columns: int, language: str, headings: str) -> None:
    """A table that is too wide becomes two."""
    lines = make(language=language, limits={"segments": {"month": 30_000}, "price_per_segment": 0.05}).on_a_terminal(
        columns, "limits"
    )
    shown = " ".join(lines)

    assert all(len(text) <= columns for text in lines)
    assert "…" not in shown
    assert [word for word in headings.split() if word not in shown.split()] == []
    assert shown.count(headings.split(maxsplit=1)[0]) == 1 + (columns == 32 or language != "en")


def test_a_broken_configuration_is_78(make: Make) -> None:
    """A file without an answer ends `limits` at once."""
    line = make()
    line.config.write_text("answer: {}")

    assert line.run("limits").exit_code == 78


def test_room_is_exact_for_known_numbers_too(make: Make) -> None:
    """Their share can be full before its window is."""
    line = make()
    limits = policy.Limits(segments=policy.Windows(hour=10, day=20, month=50))
    line.judge(line.text("Salut", LEA))
    line.send()
    line.db.connection.execute("UPDATE answer_segments SET submitted_limit = 100.0 + sequence")
    line.judge(line.text("Salut"))
    line.send()
    line.db.connection.execute("UPDATE attempts SET share = 'known' WHERE id = 1")
    line.db.connection.execute("UPDATE answer_segments SET submitted_limit = 0.0 WHERE attempt_id = 1 AND sequence = 2")
    line.db.connection.execute(
        "UPDATE answer_segments SET submitted_limit = 102.0 WHERE attempt_id = 2 AND sequence = 2"
    )
    line.db.connection.execute(
        "UPDATE answer_segments SET submitted_limit = -9999.0 WHERE submitted_limit NOT IN (101.0, 102.0)"
    )
    now = Now(line.now().utc, 200.0, synchronised=False)

    occupied = windows.occupancy(line.db, now)

    def room(segments: int, *, known: bool) -> float:
        return occupied.room_at("hour", segments, limits, now.limit, known=known)

    assert room(8, known=False) == 200.0
    assert room(9, known=False) == 3701.0
    assert room(10, known=False) == 3702.0
    assert room(4, known=True) == 200.0
    assert room(5, known=True) == 3701.0
    assert room(6, known=True) == math.inf
    assert room(11, known=False) == math.inf


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(0), "now"),
        (timedelta(milliseconds=1), "1s"),
        (timedelta(seconds=3599), "59m59s"),
        (timedelta(hours=3, minutes=11, seconds=1), "3h12m"),
        (timedelta(days=29, hours=3, seconds=1), "29d4h"),
    ],
)
def test_a_wait_is_shown_in_at_most_two_units(duration: timedelta, words: str) -> None:
    """A wait is rounded up and shown in at most two units."""
    assert wait_in_words(duration.total_seconds()) == words


def test_a_wait_ignores_float_noise() -> None:
    """A rounding error of 0.2 microseconds adds no second."""
    assert wait_in_words(1800.0000002) == "30m"


def test_a_pause_is_shown_and_no_time_is_promised(make: Make) -> None:
    """The time is given again after `resume`."""
    line = make()
    line.judge(line.text())
    decisions.pause(line.db, "marie", line.now())
    found, shown = told(line), line.run("limits").stdout

    assert [each["state"] for each in found["held"]] == ["paused"]
    assert [each["next_in_seconds"] for each in found["queue"].values()] == [None, None]
    assert f"Paused by marie: nothing is sent. `hotlined --config {line.config} resume`" in shown
    assert "\n1 answer (2 segments) to new numbers and no answer to known ones wait.\n" in shown
    decisions.resume(line.db, "marie", line.now())
    assert told(line)["held"] == []
    line.db.connection.execute("UPDATE answers SET due_limit = due_limit + 3600")
    assert told(line)["first_in_seconds"] == pytest.approx(3600, abs=10)
    assert re.search("1 answer waits; the next can go [0-9]{2}:[0-9]{2}\\.", line.run("limits").stdout)
    assert told(line)["queue"]["new"]["next_in_seconds"] is not None
