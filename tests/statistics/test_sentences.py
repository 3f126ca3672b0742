"""The sentences of `hotlined stats` for any history: parts add up to wholes, and every number is in the figures."""

import json
import re
import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import extent
import pytest
from filled import LEA, Filled
from hypothesis import given, settings
from hypothesis import strategies as st
from test_stats import DAY, HOUR, MINUTE, MONDAY, answer, brussels, contact

from hotlined.cli.output import json_line
from hotlined.config import load
from hotlined.machine.clock import parse_rfc3339, rfc3339
from hotlined.statistics.document import document
from hotlined.statistics.summary import summarise

__all__ = ["brussels"]  # the fixture

EXAMPLES = extent.examples(40, 100)
Figures = dict[str, Any]

# ---- histories

KINDS = ("text", "text", "text", "call", "mms", "unreadable")
STATES = ("sent", "sent", "delivered", "unconfirmed", "cancelled", "failed", "queued")
TAGS = ("insult", "threat", "apology", "joke", "love")


@st.composite
def lives(draw: st.DrawFn) -> tuple[timedelta, list[tuple[Any, ...]], list[tuple[list[str] | None, int]]]:
    """Draw a line's age, groups of contacts with the answers to each number, and reactions to the first.

    A reaction has tags, or None if it was erased unread.
    """
    age = draw(st.integers(1, 45 * 24 * 60)) * MINUTE
    moments = st.integers(0, age // MINUTE).map(lambda minutes: minutes * MINUTE)
    bunch = st.tuples(
        moments | st.integers(0, 90).map(lambda minutes: min(age, minutes * MINUTE)),  # many at the same time
        st.integers(1, 40),  # contacts, a minute apart
        st.integers(0, 1) | st.integers(0, 9) | st.none(),  # the number, or none
        st.sampled_from(KINDS),
        st.sampled_from((None, None, *STATES)),  # the state of the answer to the first
        st.lists(st.sampled_from(TAGS), unique=True, max_size=3),
        st.sampled_from(("cooldown", "blocked", "per_number")),
    )
    tags = st.lists(st.sampled_from(TAGS), unique=True, max_size=3)
    many = st.integers(1, 3) | st.integers(1, 150) | st.sampled_from((10, 20, 40))
    return age, draw(st.lists(bunch, max_size=12)), draw(st.lists(st.tuples(tags | st.none(), many), max_size=7))


def fill(line: Filled, bunches: list[tuple[Any, ...]], reactions: list[tuple[list[str] | None, int]]) -> None:
    """Store the history."""
    with line.db.transaction():
        if reactions:
            answer(line, contact(line, MONDAY, LEA), MONDAY)
        for tags, many in reactions:
            row = {"text": None} if tags is None else {"tags": json.dumps(tags)}
            for at in range(many):
                contact(line, MONDAY + (1 + at) * timedelta(seconds=1), LEA, **row)
        for begins, many, number, kind, state, tags, reason in bunches:
            originator = None if number is None else f"+3247000000{number}"
            for at in range(many):
                moment = MONDAY + begins + at * MINUTE
                made = contact(line, moment, originator, kind=kind, reason=reason, tags=json.dumps(tags))
                if state and originator and at == 0:
                    more: dict[str, Any] = {"reason": "stale"} if state == "cancelled" else {}
                    answer(line, made, moment + MINUTE / 2, state=state, **more)
        line.db.execute("INSERT INTO events (at, kind) VALUES (?, 'modem_ready')", rfc3339(MONDAY + HOUR))


# ---- sentences

WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
FRACTIONS = {"a quarter": 1 / 4, "a third": 1 / 3, "half": 1 / 2, "two thirds": 2 / 3, "three quarters": 3 / 4}
SECONDS = {"minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
NUMBER = rf"(?:{'|'.join(WORDS)}|[0-9][0-9,.]*)"
LENGTH = r"(?P<length>{NUMBER} )?(?P<unit>minute|hour|day|week)s?".replace("{NUMBER}", NUMBER)
DATES = r"\([^()]+\)"
PART = re.compile(rf"(?:^|, )(?P<number>{NUMBER}) (?P<words>[a-z]+(?: [a-z+ ]+)?)")
ONE = {"apologies": "apology", "insults": "insult", "threats": "threat"}


def value(word: str) -> float:
    """Return the value of a number in words or digits."""
    word = word.strip().lower()
    return float(WORDS.index(word)) if word in WORDS else float(word.replace(",", ""))


def fraction(share: str) -> float:
    """Return the value of a share in words."""
    words = share.lower().removeprefix("more than ").removeprefix("nearly ")
    return FRACTIONS[words] if words in FRACTIONS else float(words.removesuffix(" %")) / 100


def length_is_right(said: re.Match[str], since: str, until: str) -> float:
    """Compare a length with the ends of its tally; return it in seconds."""
    unit = SECONDS[said["unit"]]
    seconds = value(said["length"] or "one") * unit
    lasted = (parse_rfc3339(until) - parse_rfc3339(since)).total_seconds()
    begun = SECONDS["day"] if lasted >= 14 * SECONDS["day"] else min(unit, SECONDS["day"]) / 2
    assert abs(seconds - lasted) <= max(3_600, begun)  # an hour, as the clocks change
    return seconds


def texts(said: re.Match[str], found: Figures) -> None:
    """Divide the texts by the time: the sentence has that rate, or says on which side of it the rate is."""
    assert value(said["texts"]) == found["total"]["texts"]
    seconds = length_is_right(said, found["since"], found["until"])
    if said["rate"]:
        each, rate = value(said["texts"]) / seconds * SECONDS[said["per"]], value(said["rate"])
        assert abs(each - rate) <= max(0.5, rate / 8)
        assert said["side"] == (None if abs(each - rate) < 1e-9 else "more than " if each > rate else "nearly ")
        assert (said["article"] == "an") == (said["per"] == "hour")


def busiest(said: re.Match[str], found: Figures) -> None:
    """Compare the share with that of the week with most texts, within two points."""
    most = max(week["texts"] for week in found["weeks"]) / found["total"]["texts"]
    assert abs((1 if said["share"] == "All" else fraction(said["share"])) - most) <= 0.02


def numbers(said: re.Match[str], found: Figures) -> None:
    """Compare all numbers, and the new ones, which no sentence counts over the whole history."""
    new, every = found["total"]["new"], found["total"]["new"] + found["total"]["returning"]
    assert value(said["numbers"]) == every
    if not said["told"]:
        assert found["began"] >= found["since"]
    elif said["new"]:
        assert {"all": every, "none": 0}.get(said["new"], None if said["new"] in {"all", "none"} else new) == new
    else:
        assert (every, new) == (1, 0 if said["not"] else 1)


def answers(said: re.Match[str], found: Figures) -> None:
    """Compare all answers, and the wait that half of the timed ones do not exceed."""
    total = found["total"]
    assert (1 if said["once"] else value(said["answers"])) == total["answers"]
    assert bool(said["unit"]) == bool(total["timed"])
    if said["unit"]:
        unit = SECONDS[said["unit"]]
        most = value(said["length"]) * unit
        assert most - unit <= total["seconds_to_answer"][1] <= most


def cost(said: re.Match[str], found: Figures) -> None:
    """Multiply the segments by the price of one."""
    segments, price = found["total"]["segments"], found["price_per_segment"]
    assert (value(said["segments"]), value(said["price"])) == (segments, price)
    assert abs(value(said["cost"]) - segments * price) < 0.006


def counted_parts(listed: str) -> list[tuple[float, str]]:
    """Return the number and the tags of each part of a list."""
    parts = [(value(part["number"]), part["words"]) for part in PART.finditer(listed)]
    return [(number, ONE.get(words, words.removeprefix("tagged "))) for number, words in parts]


def reactions(said: re.Match[str], found: Figures) -> None:
    """Compare each part with its figure; together they are the tagged reactions."""
    total = found["total"]
    figures = [(each["reactions"], " + ".join(each["tags"])) for each in total["by_tags"] if each["tags"]]
    assert value(said["reactions"]) == total["reactions"]
    tagged = total["reactions"] - total["untagged"] - total["unread"]
    assert (value(said["tagged"]) if said["tagged"] else total["reactions"]) == tagged
    parts = counted_parts(said["parts"])
    assert len(parts) == min(5, len(figures))
    assert sum(number for number, _words in parts) == tagged
    assert parts[:4] == figures[:4]
    assert parts == figures or parts[4][1] == "with other tags"


def untagged(said: re.Match[str], found: Figures) -> None:
    """Compare all reactions, while none has a tag."""
    assert value(said["number"]) == found["total"]["reactions"] == found["total"]["untagged"] + found["total"]["unread"]


def busiest_day(said: re.Match[str], found: Figures) -> None:
    """Compare the day with the figures; no bar of another day is higher."""
    day = found["busiest_day"]
    assert value(said["number"]) == day["texts"] < found["total"]["texts"]
    assert f"{date.fromisoformat(day['day']):%d %B %Y}".lstrip("0") == said["day"]
    if found["by"] == "day":
        assert max(each["texts"] for each in found["bins"]) == day["texts"]


def earlier(said: re.Match[str], found: Figures) -> None:
    """Compare the texts of the period before, and its length."""
    assert value(said["texts"]) == found["before"]["texts"]
    length_is_right(said, found["before"]["since"], found["before"]["until"])


def figure(name: str) -> Callable[[re.Match[str], Figures], None]:
    """Return a function that compares a sentence's number with a figure."""

    def check(said: re.Match[str], found: Figures) -> None:
        assert value(said["number"]) == found["total"][name]

    return check


def unconfirmed(said: re.Match[str], found: Figures) -> None:
    """Compare the unconfirmed answers; the sentence differs for one, and for all."""
    assert found["total"]["unconfirmed"] == found["total"]["answers"]
    assert (said["them"] == "that answer") == (found["total"]["answers"] == 1)


def elsewhere(said: re.Match[str], found: Figures) -> None:
    """Compare the tags of other texts than reactions."""
    assert counted_parts(said["parts"]) == [(count, tag) for tag, count in found["total"]["other_tags"].items()]


def began(said: re.Match[str], found: Figures) -> None:
    """Compare the time of the first record, to the minute."""
    assert f"{parse_rfc3339(found['began']).astimezone():%d %B %Y at %H:%M}".lstrip("0") == said["began"]


COUNTED = re.compile(
    rf"\b({NUMBER}) (?:text|call|sender|answer|segment|reaction|minute|hour|day|week)(s?)\b", re.IGNORECASE
)
SENTENCES: dict[str, Callable[[re.Match[str], Figures], None]] = {
    rf"(?P<texts>No|{NUMBER}) texts? in {LENGTH} {DATES}"
    rf"(?:, (?P<side>more than |nearly )?(?P<rate>{NUMBER}) (?P<article>an?) (?P<per>week|day|hour))?\.": texts,
    r"(?P<share>.+) of them came in the week from .+\.": busiest,
    rf"(?P<number>{NUMBER}) calls? in the same time\.": figure("calls"),
    rf"(?P<number>{NUMBER}) photo messages? in the same time\.": figure("mms"),
    rf"The busiest day was (?P<day>.+), with (?P<number>{NUMBER}) texts?\.": busiest_day,
    rf"(?P<numbers>{NUMBER})(?: different)? telephone numbers? texted or called"
    rf"(?P<told>, (?:(?P<new>all|none|{NUMBER}) of them |(?P<not>not )?)for the first time)?\.": numbers,
    rf"(?P<number>{NUMBER}) (?:text or call|texts or calls) came from a withheld number\.": figure("withheld"),
    rf"The line answered (?:(?P<once>once)|(?P<answers>{NUMBER}) times)"
    rf"(?:, (?:after|half of them within) {LENGTH})?\.": answers,
    rf"Of (?P<number>{NUMBER}) of these answers nobody knows whether (?:it|they) left\.": figure("unconfirmed"),
    r"Nobody knows whether (?P<them>that answer|these answers) left\.": unconfirmed,
    rf"Estimated cost: (?P<cost>{NUMBER}) EUR \((?P<segments>{NUMBER}) billed texts?, at (?P<price>{NUMBER}) EUR"
    r"(?: each)?\)\.": cost,
    rf"(?P<number>{NUMBER}) reactions? (?:was|were) erased before anybody tagged (?:it|them)\.": figure("unread"),
    rf"(?:Of )?(?P<reactions>{NUMBER}) reactions? to the answer"
    rf"(?: (?P<tagged>{NUMBER}) ha(?:s|ve) been read and tagged)?: (?P<parts>.+)\.": reactions,
    rf"(?P<number>{NUMBER}) reactions? to the answer, which nobody has read and tagged\.": untagged,
    r"In other texts: (?P<parts>.+)\.": elsewhere,
    rf"In the {LENGTH} before {DATES}: (?P<texts>{NUMBER}) texts?\.": earlier,
    r"The line's records begin on (?P<began>.+)\.": began,
}


def sentences_are_true(found: Figures) -> None:
    """Match every sentence with the known ones, and its numbers with the figures."""
    for sentence in found["words"]:
        matched = [(said, check) for form, check in SENTENCES.items() if (said := re.fullmatch(form, sentence))]
        assert len(matched) == 1, sentence
        matched[0][1](matched[0][0], found)
        for number, plural in COUNTED.findall(sentence):
            assert bool(plural) == (value(number) != 1 and number.lower() != "no"), sentence


def parts_add_up(found: Figures) -> None:
    """Add up the parts by reason, tag, bar, hour of the week and state: they give the wholes."""
    total = found["total"]
    for tally in filter(None, (total, found["before"])):
        assert sum(tally["reasons"]["suppressed"].values()) == tally["suppressed"]
        assert sum(each["reactions"] for each in tally["by_tags"]) + tally["unread"] == tally["reactions"]
        assert sum(each["reactions"] for each in tally["by_tags"] if not each["tags"]) == tally["untagged"]
        for tag, count in tally["tags"].items():
            assert sum(each["reactions"] for each in tally["by_tags"] if tag in each["tags"]) == count
    counted = ("texts", "calls", "others", "mms", "withheld", "new", "suppressed", "answers", "unconfirmed", "segments")
    for name in counted:
        assert sum(each[name] for each in found["bins"]) == total[name]
    assert sum(map(sum, found["week"])) == total["texts"] + total["calls"] + total["others"]
    assert all(
        days or not contacts
        for counted, there in zip(found["week"], found["week_days"], strict=True)
        for contacts, days in zip(counted, there, strict=True)
    )
    assert sum(week["texts"] for week in found["weeks"]) <= total["texts"]
    lasted = (parse_rfc3339(found["until"]) - parse_rfc3339(found["since"])).total_seconds()
    assert sum(found["modem_seconds"].values()) == pytest.approx(lasted)


@given(life=lives(), since=st.none() | st.just(0) | st.integers(0, 40))
@settings(deadline=None, max_examples=EXAMPLES)
def test_parts_add_up_and_sentences_match_the_figures(
    life: tuple[timedelta, list[tuple[Any, ...]], list[tuple[list[str], int]]], since: int | None
) -> None:
    """Lives of lines are drawn at random."""
    age, *came = life
    with tempfile.TemporaryDirectory() as folder:
        line = Filled(Path(folder), limits={"price_per_segment": 0.05})
        with line.db:
            fill(line, *came)
            now = MONDAY + age + HOUR
            begins = None if since is None else min(MONDAY + since * DAY, now - MINUTE)
            found = json.loads(json_line(document(summarise(line.db, load(line.config), begins, None, None, now))))
    parts_add_up(found)
    sentences_are_true(found)
