"""The alerts that are due: the difference between what was told and what is seen."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotlined import conditions
from hotlined.alerts.due import EVENTS, News, draft, due
from hotlined.conditions import OVER, TABLE
from hotlined.machine.clock import Now
from hotlined.reports.disk import Disk
from hotlined.reports.seen import Seen
from hotlined.reports.trouble import Trouble
from hotlined.states import ModemState
from hotlined.store.file.trouble import TROUBLES
from hotlined.store.line import events
from hotlined.store.line.alerting import AlertProgress
from hotlined.words.alerts import TEXTS

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOTHING = Seen((), frozenset())
LATER = "of a later version"
VALUES = ("used", "limit", "free", "balance", "since", "name", "end", "by", "at", "left", "silence", "usual")


def at(seconds: float, *, synchronised: bool = True) -> Now:
    """Return the moment this many seconds after noon, which is 0 on the limit clock."""
    return Now(NOON + timedelta(seconds=seconds), seconds, synchronised)


def holds(*keys: str, since: float | None = None, instance: str = "", unknown: Sequence[str] = ()) -> Seen:
    """Return that these rows hold, since a moment of the limit clock, and what is not known."""
    return Seen(
        tuple(
            Trouble(
                code, "", "", None, variant, instance, since, dict.fromkeys((*VALUES, "budget", "country", "code"), "1")
            )
            for code, _, variant in (key.partition(".") for key in keys)
        ),
        frozenset(unknown),
    )


class Teller:
    """Runs of `due`, each continuing where the one before ended, as the database remembers it."""

    def __init__(self, *, first: bool = False) -> None:
        self.progress = AlertProgress(event_id=None if first else 0)

    def tell(self, seen: Seen, seconds: float = 0.0, *news: tuple[int, str]) -> list[tuple[str, int]]:
        """Return the conditions and levels of the alerts that are due."""
        happened = [events.Event(number, kind, at(seconds).rfc3339, {}) for number, kind in news]
        found = due(self.progress, seen, News(happened), at(seconds))
        both = [*found.told, *found.silent]
        self.progress = replace(
            found.progress,
            levels={**found.progress.levels, **{each.condition: each.level for each in both}},
            recorded_limits={**found.progress.recorded_limits, **{each.condition: seconds for each in both}},
            told={**found.progress.told, **{each.condition: each.at for each in both}},
        )
        return [(each.condition, each.level) for each in found.told]


SUBJECTS = sorted({str(row.subject) for row in TABLE.values() if row.subject and row.subject != "database"})


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_has_an_alert_for_each_worse_rank_and_one_for_its_end(subject: str) -> None:
    """A lower rank is none, and while nothing is known of it the alert stays as it is."""
    rows = sorted(((row.rank, key) for key, row in TABLE.items() if row.subject == subject and row.rank))
    (first, lowest), (worst, highest) = rows[0], rows[-1]
    low, high, unknown = holds(lowest, since=-1e6), holds(highest, since=-1e6), Seen((), frozenset({subject}))
    teller = Teller()

    told = [teller.tell(each) for each in (unknown, NOTHING, low, unknown, low, high, low, high, NOTHING, NOTHING)]
    graver = [] if worst == first else [(subject, worst)]
    over = [(subject, 0)] if subject in OVER else []
    assert told == [[], [], [(subject, first)], [], [], graver, [], [], over, []]


@pytest.mark.parametrize("key", [key for key, row in TABLE.items() if row.after_seconds and row.rank])
def test_a_condition_is_told_once_it_has_lasted(key: str) -> None:
    """Known since when, or counted from the first run that saw it; one that ended before is no alert."""
    row, known, counted, short = TABLE[key], Teller(), Teller(), Teller()

    assert known.tell(holds(key, since=0.0), row.after_seconds - 1) == []
    assert known.tell(holds(key, since=0.0), row.after_seconds) == [(row.subject, row.rank)]
    assert counted.tell(holds(key), 500) == []
    assert counted.tell(holds(key), 500 + row.after_seconds - 1) == []
    assert counted.tell(holds(key), 500 + row.after_seconds) == [(row.subject, row.rank)]
    assert [short.tell(each, row.after_seconds) for each in (holds(key), NOTHING, holds(key))] == [[], [], []]


def test_a_modem_that_is_lost_in_several_ways_is_one_trouble() -> None:
    """The time counts from the first way, a ready moment in between begins it anew, and a person is called once."""
    teller = Teller()
    states = ("absent", "starting", "recovering", "unregistered", LATER, "sim_absent", "absent", "pin_required")
    told = [teller.tell(holds(state), 150.0 * number) for number, state in enumerate(states)]

    assert told == [[], [], [], [], [("modem", 1)], [("modem", 2)], [], []]
    assert [teller.tell(NOTHING, 1200), teller.tell(NOTHING, 1201)] == [[("modem", 0)], []]

    flapping = Teller()
    flapping.tell(holds("absent"), 0)
    assert flapping.tell(holds("absent"), 650, (1, "modem_ready")) == []
    assert flapping.tell(holds("absent"), 1250) == [("modem", 1)]


def test_each_country_has_its_own_alert() -> None:
    """It is told after an hour and once a day, the SIM is named after a day, and one that returns waits for a day."""
    teller = Teller()
    german, barred, french = (
        holds(key, since=0.0, instance=country).holding[0]
        for key, country in (("country_outage", "DE"), ("country_outage.barred", "DE"), ("country_outage", "FR"))
    )
    told = [
        teller.tell(Seen(holding, frozenset()), seconds)
        for seconds, holding in (
            (3599, (german, french)),
            (3600, (german, french)),
            (3600 + 86_399, (german, french)),
            (3600 + 86_400, (barred, french)),
            (100_000, (french,)),
            (110_000, (replace(german, since_limit=100_000.0), french)),
            (110_001, (replace(german, since_limit=100_000.0),)),
            (200_000, (replace(german, since_limit=100_000.0),)),
        )
    ]

    assert told == [
        [], [("country:DE", 1), ("country:FR", 1)], [], [("country:DE", 2), ("country:FR", 1)],
        [("country:DE", 0)], [], [("country:FR", 0)], [("country:DE", 1)],
    ]  # fmt: skip


def test_each_storage_has_its_own_alert() -> None:
    """One that can be read again does not end the trouble of another."""
    teller = Teller()
    storages = [holds("storage_unread", since=-600.0, instance=each).holding[0] for each in ("ME", "SM")]

    assert teller.tell(Seen(tuple(storages), frozenset())) == [("storage:ME", 1), ("storage:SM", 1)]
    assert teller.tell(Seen((storages[1],), frozenset())) == [("storage:ME", 0)]


def test_a_second_lost_text_is_told_again() -> None:
    """It is news by itself, and the end of the day in which it is shown is none."""
    teller = Teller()
    lost = [replace(holds("text_lost").holding[0], since=at(seconds).rfc3339) for seconds in (0, 50)]

    first, second = (Seen((each,), frozenset()) for each in lost)
    told = [teller.tell(each, 60.0 + number) for number, each in enumerate((first, first, second, NOTHING, second))]
    assert told == [[("text_lost", 1)], [], [("text_lost", 1)], [], [("text_lost", 1)]]


def test_a_pause_is_told_daily() -> None:
    """A person may forget it; its end is told once, a short pause never."""
    teller, pause = Teller(), holds("paused", since=0.0)
    moments = (0, 3599, 3600, 3900, 3600 + 86_399, 3600 + 86_400, 3600 + 2 * 86_400)

    once = [("paused", 1)]
    assert [teller.tell(pause, moment) for moment in moments] == [[], [], once, [], [], once, once]
    assert [teller.tell(NOTHING, 300_000 + moment) for moment in (0, 1)] == [[("paused", 0)], []]


@given(st.lists(st.integers(0, 120), max_size=30))
def test_levels_of_a_budget_only_rise_between_two_ends(percents: list[int]) -> None:
    """Spending reaches each level that is told; an end follows a beginning, below 40 %."""
    teller, level = Teller(), 0
    for percent in percents:
        key = "budget_day" if percent >= 100 else "budget_day.80" if percent >= 80 else ""
        seen = holds(*filter(None, [key]), unknown=["budget_day"] if percent >= 40 else [])
        for _, told in teller.tell(seen):
            assert told > level or (told == 0 and level and percent < 40)
            assert told <= percent
            level = told


@pytest.mark.parametrize(
    ("total", "low", "between", "enough"),
    [
        (100_000_000_000, 4_999_999_999, 9_999_999_999, 10_000_000_000),
        (500_000_000, 49_999_999, 99_999_999, 100_000_000),
    ],
)
def test_a_nearly_full_disk_ends_at_twice_the_room(total: int, low: int, between: int, enough: int) -> None:
    """Less than 5 % or 50 MB begins the alert."""
    found = [Disk(free, total) for free in (low, low + 1, between, enough)]

    assert [each.is_low for each in found] == [True, False, False, False]
    assert [each.has_room for each in found] == [False, False, False, True]


def test_floods_are_told_in_order() -> None:
    """A flood between two runs is told with its end, repetitions never."""
    teller = Teller()
    told = teller.tell(NOTHING, 0, (1, "flood_begin"), (2, "flood_end"), (3, "flood_begin"), (4, "flood_begin"))

    assert told == [("flood", 1), ("flood", 0), ("flood", 1)]
    assert teller.progress.event_id == 4


def test_the_first_run_tells_what_holds_in_one_alert() -> None:
    """Nobody is told what is over; each has its own end."""
    over, flood = ((1, "flood_begin"), (2, "flood_end")), (3, "flood_begin")
    alone, several = Teller(first=True), Teller(first=True)

    assert alone.tell(holds("credit_low"), 0, *over) == [("balance", 1)]
    assert several.tell(holds("credit_low", "key_lost"), 0, *over, flood) == [("several", 1)]
    assert several.tell(holds("credit_low"), 1) == [("key", 0)]


def test_a_run_after_a_restore_is_a_first_one() -> None:
    """Alerts of the time before the copy say nothing about now: neither its end, nor that it was told."""
    teller = Teller()
    teller.tell(holds("credit_low", "key_lost", "disk_low"), 0, (1, "flood_begin"))
    teller.progress = replace(teller.progress, event_id=None)

    assert teller.tell(holds("credit_low", "key_lost"), 10, (2, "flood_end")) == [("several", 1)]
    assert teller.tell(holds("disk_low"), 11, (3, "flood_begin")) == [
        ("flood", 1), ("disk", 1), ("balance", 0), ("key", 0),
    ]  # fmt: skip


def test_a_restored_wait_counts_for_nothing() -> None:
    """A condition of the time before the copy has not lasted since then."""
    teller = Teller(first=True)
    teller.progress = replace(teller.progress, since_limits={"config": -1e6})

    assert [teller.tell(holds("config_broken"), seconds) for seconds in (0, 599, 600)] == [[], [], [("config", 1)]]


def test_a_clock_that_jumps_makes_no_alert() -> None:
    """It counts from the first run that saw it, by the limit clock, or from the moment that the database has on it."""
    absent = replace(holds("absent").holding[0], since=at(-86_400).rfc3339)
    seen, teller = Seen((absent,), frozenset()), Teller()

    assert [teller.tell(seen, seconds) for seconds in (0, 599, 600)] == [[], [], [("modem", 1)]]


def test_a_pause_that_ended_between_two_runs_is_another_one() -> None:
    """Its hour counts from its own beginning."""
    teller = Teller()
    teller.tell(holds("paused", since=0), 3500)

    assert Teller().tell(holds("paused", since=0), 3600) == [("paused", 1)]
    assert teller.tell(holds("paused", since=3550), 3800) == []
    assert teller.tell(holds("paused", since=3550), 3550 + 3600) == [("paused", 1)]


def test_what_is_graver_is_told_too() -> None:
    """Within a subject the rank rises with the gravity."""
    rows = [row for row in TABLE.values() if row.subject and row.rank]

    assert not [
        (one, other)
        for one in rows
        for other in rows
        if one.subject == other.subject and one.gravity < other.gravity and one.rank >= other.rank
    ]


def test_every_state_of_modem_and_database_has_an_alert() -> None:
    """The daemon can report no state without words."""
    assert {*ModemState} - {"ready"} <= conditions.MODEM.keys()
    assert {trouble.state for trouble in TROUBLES.values()} | {"replaced"} == conditions.DATABASE_TITLES.keys()
    assert {("flood", level) for level in EVENTS.values()} <= TEXTS.keys()
    assert draft("database", 0, "").title == "the database is fine again"
