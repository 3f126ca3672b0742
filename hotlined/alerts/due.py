"""The choice of alerts that are due: pure, from the alerts sent before, the present state, and the events since.

Known to be wrong: the moment at which a daemon stopped is not known, so its ten minutes begin with the first run that
finds it stopped.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import shorten
from typing import NamedTuple

from hotlined.clock import Now
from hotlined.conditions import HOLDS, MODEM, NOT_RUNNING, UNKNOWN_STATE
from hotlined.language import in_digits
from hotlined.policy import BUDGETS
from hotlined.states import (
    AlertCondition,
    EventKind,
    HoldReason,
    ModemState,
    country_condition,
    maybe_country,
    modem_event,
)
from hotlined.store.answers.breakers import CountryOutage
from hotlined.store.answers.tells import Tell
from hotlined.store.answers.words_met import NewTexts
from hotlined.store.line.alerting import AlertProgress, Draft
from hotlined.store.line.events import Event
from hotlined.words.alerts import alert_in_words
from hotlined.words.times import moment

LOST_SECONDS = 600.0  # time without a ready modem until an alert
FORGOTTEN_SECONDS = 3600.0  # time in a pause until an alert
COUNTRY_SECONDS = 3600.0  # time without an answer leaving to a country until an alert
AGAIN_SECONDS = 86_400.0  # pause before the same alert is sent again
BUDGET_LEVELS = (80, 100)  # percent of a window; each is an alert
BUDGET_OVER = 40  # percent; below it an alert says that the window has room again


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause, which a person may forget: its beginning, by the limit clock and in words.

    The `reason` is that of the hold; a pause that nobody chose now has its alert at once.
    """

    limit: float
    since: str
    by: str | None = None
    reason: HoldReason = HoldReason.PERSON


@dataclass(frozen=True, slots=True)
class Judged:
    """The level that a report gives a subject (0: nothing is wrong), and the values that fill in its alert."""

    level: int
    filling: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class LineState:
    """The state of the line at one moment.

    `name` is the line's name in units. `modem_state` is None while the daemon does not run. `unwell_seconds` is how
    long the modem has not been ready, by the daemon. `budgets` has (used, limit) in segments by window. `pause` is None
    while the line is not paused.
    """

    name: str
    modem_state: str | None
    unwell_seconds: float
    budgets: Mapping[str, tuple[int, int]]
    pause: Pause | None = None
    judged: Mapping[str, Judged] = field(default_factory=dict)
    """By subject; one about which nothing is known now has no entry, and its alert stays as it is."""
    countries: Sequence[CountryOutage] = ()
    """Countries to which no answer leaves, while answers to others do."""
    words: NewTexts | None = None
    """Texts with a word of alerts.words, if it is time for an alert about them."""
    tells: Sequence[Sequence[Tell]] = ()
    """Requests to the admin that an alert has to name, those of each person together."""


class _Sign(NamedTuple):
    """The present level of a condition, its beginning, the values for its alert, and the pause until the next alert."""

    condition: str
    level: int
    at: str | None
    filling: Mapping[str, object]
    again_seconds: float | None = None


_TITLES_LONGEST = 80  # in characters: with the rest they fit one segment
_NAMING = (AlertCondition.WORDS, AlertCondition.TOLD)
"""Alerts that name contacts, and so are never told together with others."""
EVENTS: Mapping[str, tuple[str, int]] = {
    EventKind.FLOOD_BEGIN: (AlertCondition.FLOOD, 1),
    EventKind.FLOOD_END: (AlertCondition.FLOOD, 0),
}
"""Events that begin (1) or end (0) a condition."""
_READY = modem_event(ModemState.READY)
KINDS = (*EVENTS, _READY)
"""Every kind of event that is read for alerts."""


def due(
    progress: AlertProgress, state: LineState, news: Sequence[Event], now: Now
) -> tuple[AlertProgress, list[Draft]]:
    """Return the progress after this run and the alerts that are due: one for each change of a condition.

    In the first run only the newest event of each condition counts, so that nobody is alerted to what is long over.
    """
    unwell_limit = _unwell_since(progress, state, news, now)
    levels = dict(progress.levels)
    drafts = []
    signs = (
        *_happened(news, only_newest=progress.event_id is None),
        *_signs(levels, state, unwell_limit, now),
        *_countries(progress, state, now),
    )
    for sign in signs:
        last_seconds = now.limit - progress.recorded_limits.get(sign.condition, now.limit)
        is_due_again = sign.level and sign.again_seconds is not None and last_seconds >= sign.again_seconds
        if sign.level != levels.get(sign.condition, 0) or is_due_again:
            levels[sign.condition] = sign.level
            drafts.append(draft(sign.condition, sign.level, sign.at or now.rfc3339, **sign.filling))
    drafts += [_told(tells) for tells in state.tells]
    if state.words:
        drafts.append(_words(state.words, now))
    newest = max((event.event_id for event in news), default=progress.event_id or 0)
    recorded_limits = {**progress.recorded_limits, **{alert.condition: now.limit for alert in drafts}}
    return AlertProgress(levels, newest, unwell_limit, recorded_limits), drafts


def _unwell_since(progress: AlertProgress, state: LineState, news: Sequence[Event], now: Now) -> float | None:
    """Return since when the modem has not been ready, by the limit clock; None if it is ready.

    The first run that finds it so takes the moment from the daemon; later runs keep it until the modem was ready again.
    """
    if state.modem_state == ModemState.READY:
        return None
    was_ready = any(event.kind == _READY for event in news)
    if progress.unwell_limit is None or was_ready:
        return now.limit - state.unwell_seconds
    return progress.unwell_limit


def _happened(news: Sequence[Event], *, only_newest: bool) -> Iterator[_Sign]:
    changes = [event for event in news if event.kind in EVENTS]
    if only_newest:
        changes = list({EVENTS[event.kind][0]: event for event in changes}.values())
    for event in changes:
        condition, level = EVENTS[event.kind]
        filling = {name: event.detail.get(name) for name in ("contacts", "seconds")}
        yield _Sign(condition, level, event.at, filling)


def _signs(levels: Mapping[str, int], state: LineState, unwell_limit: float | None, now: Now) -> Iterator[_Sign]:
    """Yield the level of every condition that is not known from events.

    A value between two bounds, or one that is not known, yields nothing, and the level stays.
    """
    yield from _modem(levels, state, unwell_limit, now)
    yield from _pause(state, now)
    for subject, judged in state.judged.items():
        yield _Sign(subject, judged.level, None, judged.filling)
    yield from _budgets(levels, state)


def _modem(levels: Mapping[str, int], state: LineState, unwell_limit: float | None, now: Now) -> Iterator[_Sign]:
    """Yield whether the modem is lost; level 2, for which a person is needed, stays until the modem is ready."""
    if unwell_limit is None:
        yield _Sign(AlertCondition.MODEM, 0, None, {})
    elif now.limit - unwell_limit >= LOST_SECONDS:
        known = NOT_RUNNING if state.modem_state is None else MODEM.get(state.modem_state, UNKNOWN_STATE)
        level = 2 if known.waits_for_a_person else 1
        yield _Sign(
            AlertCondition.MODEM,
            max(level, levels.get(AlertCondition.MODEM, 0)),
            None,
            {"title": known.title, "cure": known.cure.format(name=state.name)},
        )


def _budgets(levels: Mapping[str, int], state: LineState) -> Iterator[_Sign]:
    """Yield how much of each window is spent; a level that was reached stays until the window has room again."""
    for window, (used, limit) in state.budgets.items():
        condition = BUDGETS[window]
        percent = 100 * used // limit if limit else 0  # a limit of 0 has no levels to reach
        reached = max((level for level in BUDGET_LEVELS if percent >= level), default=0)
        level = 0 if percent < BUDGET_OVER else max(reached, levels.get(condition, 0))
        yield _Sign(condition, level, None, {"used": used, "limit": limit})


def _pause(state: LineState, now: Now) -> Iterator[_Sign]:
    """Yield the level of a pause."""
    pause = state.pause
    if pause is None:
        yield _Sign(AlertCondition.PAUSED, 0, None, {})
    elif pause.reason is not HoldReason.PERSON or now.limit - pause.limit >= FORGOTTEN_SECONDS:
        known = HOLDS[pause.reason]
        filling = {"title": known.title, "words": known.words.format(by=pause.by), "cure": known.cure}
        yield _Sign(AlertCondition.PAUSED, 1, None, {"since": pause.since, **filling}, AGAIN_SECONDS)


def _countries(progress: AlertProgress, state: LineState, now: Now) -> Iterator[_Sign]:
    """Yield the countries to which nothing leaves, with at most one alert a day for each, and those that are over."""
    waiting = {country_condition(outage.country): outage for outage in state.countries}
    for condition, outage in waiting.items():
        told_seconds = now.limit - progress.recorded_limits.get(condition, -math.inf)
        if now.limit - outage.since_limit >= COUNTRY_SECONDS and told_seconds >= AGAIN_SECONDS:
            yield _Sign(condition, 2 if outage.is_barred(now) else 1, None, {}, AGAIN_SECONDS)
    for condition, level in progress.levels.items():
        if level and maybe_country(condition) and condition not in waiting:
            yield _Sign(condition, 0, None, {})


def _told(tells: Sequence[Tell]) -> Draft:
    """Return the alert that a person asks the admin to look at contacts; it contains no text and no number."""
    first, waits = tells[0], next((each.waits for each in tells if each.waits), None)
    ids = ", ".join(str(each.contact_id) for each in tells)
    level = (1 if len(tells) == 1 else 2) + (2 if waits else 0)
    return draft(AlertCondition.TOLD, level, first.at, by=first.who, ids=ids, id=waits or first.contact_id)


def _words(new: NewTexts, now: Now) -> Draft:
    """Return the alert about texts with a word of alerts.words; it has the contacts' IDs, no text and no number."""
    ids = ", ".join(map(str, new.first_ids))
    filling = {"count": in_digits(new.count), "ids": ids, "id": new.first_ids[0], "since": moment(new.since)}
    level = 1 if new.count == 1 else 2 if new.count == len(new.first_ids) else 3
    return draft(AlertCondition.WORDS, level, now.rfc3339, **filling)


def first_told(before: AlertProgress, drafts: Sequence[Draft], now: Now) -> tuple[Sequence[Draft], Sequence[Draft]]:
    """Return the alerts that are sent, and those that need no message: in a first run one alert names several."""
    held = [each for each in drafts if each.condition not in _NAMING]
    if before.event_id is not None or len(held) < 2:
        return drafts, ()
    named = shorten("; ".join(each.title for each in held), _TITLES_LONGEST, placeholder="…")
    several = draft(AlertCondition.SEVERAL, 1, now.rfc3339, count=len(held), titles=named)
    return [several, *(each for each in drafts if each.condition in _NAMING)], held


def draft(condition: str, level: int, at: str, **filling: object) -> Draft:
    """Return an alert with its title and text."""
    return Draft(condition, level, at, *alert_in_words(condition, level, filling))
