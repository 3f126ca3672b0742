"""The choice of alerts that are due: pure, the difference between what was told and what is seen now.

Known to be wrong: a condition of which the database has no moment on the limit clock waits from the first run that
finds it, up to an interval late; and what came and went between two runs is told only if it is news by itself.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from textwrap import shorten

from hotlined.conditions import TABLE
from hotlined.machine.clock import Now
from hotlined.reports.seen import Seen
from hotlined.reports.trouble import Trouble
from hotlined.states import AlertCondition, EventKind, ModemState, modem_event
from hotlined.store.answers.tells import Tell
from hotlined.store.answers.words_met import NewTexts
from hotlined.store.line.alerting import AlertProgress, Draft
from hotlined.store.line.events import Event
from hotlined.words.alerts import alert_in_words, begin_in_words, end_in_words
from hotlined.words.times import moment

_TITLES_LONGEST = 80  # in characters: with the rest they fit one segment
EVENTS: Mapping[str, int] = {EventKind.FLOOD_BEGIN: 1, EventKind.FLOOD_END: 0}
"""The events of a flood, which is no condition: how large it was is known only at its end."""
_READY = modem_event(ModemState.READY)
_SUBJECTS = {row.subject for row in TABLE.values()} - {"", AlertCondition.DATABASE}
"""All but the database, which the note tells (`run`), because it cannot record that."""
KINDS = (*EVENTS, _READY)
"""Every kind of event that is read for alerts."""


@dataclass(frozen=True, slots=True)
class News:
    """News that is no condition."""

    events: Sequence[Event] = ()
    words: NewTexts | None = None
    """Texts with a word of alerts.words, if it is time for an alert about them."""
    tells: Sequence[Sequence[Tell]] = ()
    """Requests to the admin that an alert has to name, those of each person together."""


@dataclass(frozen=True, slots=True)
class Due:
    """The alerts that are due, those that are only remembered, and the progress after both."""

    progress: AlertProgress
    told: list[Draft] = field(default_factory=list)
    silent: list[Draft] = field(default_factory=list)


def due(before: AlertProgress, seen: Seen, news: News, now: Now) -> Due:
    """Return the alerts that are due: one for each subject that begins, gets worse or ends.

    The first run tells what holds in one alert, and nothing that is long over.
    """
    is_first = before.event_id is None
    known = AlertProgress() if is_first else before
    since = dict(known.since_limits)
    if any(event.kind == _READY for event in news.events):
        since.pop(AlertCondition.MODEM, None)  # the modem was ready in between
    drafts = [*_flood(known, news.events, only_newest=is_first), *_changes(known, seen, since, now)]
    told = [each for each in drafts if each.title]
    silent = [each for each in drafts if not each.title]
    if is_first:
        told, silent = _first(told, now), [*silent, *(told if len(told) > 1 else ())]
        named = {each.condition for each in drafts}
        old = (each for each, level in before.levels.items() if level and each not in named)
        silent += [Draft(each, 0, now.rfc3339, "", "") for each in old]
    told += [_told(tells) for tells in news.tells]
    if news.words:
        told.append(_words(news.words, now))
    newest = max((event.event_id for event in news.events), default=before.event_id or 0)
    return Due(replace(before, event_id=newest, since_limits=since), told, silent)


def _changes(known: AlertProgress, seen: Seen, since: dict[str, float], now: Now) -> Iterator[Draft]:
    """Yield an alert for each subject that differs from what was told, and keep `since` up to date."""
    holding: dict[str, list[Trouble]] = {}
    for each in seen.holding:
        if each.row.rank and each.row.subject in _SUBJECTS:
            holding.setdefault(each.subject, []).append(each)
    for subject in dict.fromkeys((*holding, *known.levels, *since)):
        if subject in holding:
            yield from _held(known, subject, holding[subject], since, now)
        elif subject.partition(":")[0] in _SUBJECTS - seen.unknown:
            since.pop(subject, None)
            if known.levels.get(subject):
                yield Draft(subject, 0, now.rfc3339, *end_in_words(subject))


def _held(
    known: AlertProgress, subject: str, troubles: Sequence[Trouble], since: dict[str, float], now: Now
) -> Iterator[Draft]:
    """Yield the alert that a subject holds, if it has lasted, and was not told, or not so grave, or long ago."""
    stored = [each.since_limit for each in troubles]
    if None in stored:  # then it counts from the first run that saw it
        began = since.setdefault(subject, now.limit)
    else:
        began = since[subject] = min(each for each in stored if each is not None)
    lasting = [each for each in troubles if now.limit - began >= each.row.after_seconds]
    if not lasting:
        return
    worst = max(lasting, key=attrgetter("row.rank"))
    row, level = worst.row, known.levels.get(subject, 0)
    told_seconds = now.limit - known.recorded_limits.get(subject, -math.inf)
    is_worse = row.rank > level and (level > 0 or not row.rests or told_seconds >= row.again_seconds)
    is_news = row.is_news and worst.since is not None and known.told.get(subject) != worst.since
    if is_worse or (level and (is_news or told_seconds >= row.again_seconds)):
        at = worst.since if row.is_news and worst.since else now.rfc3339
        yield Draft(subject, max(row.rank, level), at, *begin_in_words(row, worst.values))


def _flood(known: AlertProgress, happened: Sequence[Event], *, only_newest: bool) -> Iterator[Draft]:
    """Yield the beginning and the end of each flood."""
    level = known.levels.get(AlertCondition.FLOOD, 0)
    events = [event for event in happened if event.kind in EVENTS]
    for event in events[-1:] if only_newest else events:
        if EVENTS[event.kind] != level:
            level = EVENTS[event.kind]
            filling = {name: event.detail.get(name) for name in ("contacts", "seconds")}
            yield draft(AlertCondition.FLOOD, level, event.at, **filling)


def _first(told: Sequence[Draft], now: Now) -> list[Draft]:
    """Return one alert in place of several."""
    if len(told) < 2:
        return [*told]
    named = shorten("; ".join(each.title for each in told), _TITLES_LONGEST, placeholder="…")
    return [draft(AlertCondition.SEVERAL, 1, now.rfc3339, count=len(told), titles=named)]


def _told(tells: Sequence[Tell]) -> Draft:
    """Return the alert that a person asks the admin to look at contacts; it contains no text and no number."""
    first, waits = tells[0], next((each.waits for each in tells if each.waits), None)
    ids = ", ".join(str(each.contact_id) for each in tells)
    level = (1 if len(tells) == 1 else 2) + (2 if waits else 0)
    return draft(AlertCondition.TOLD, level, first.at, by=first.who, ids=ids, id=str(waits or first.contact_id))


def _words(new: NewTexts, now: Now) -> Draft:
    """Return the alert about texts with a word of alerts.words; it has the contacts' IDs, no text and no number."""
    ids = ", ".join(map(str, new.first_ids))
    filling = {"count": new.count, "ids": ids, "id": str(new.first_ids[0]), "since": moment(new.since)}
    level = 1 if new.count == 1 else 2 if new.count == len(new.first_ids) else 3
    return draft(AlertCondition.WORDS, level, now.rfc3339, **filling)


def draft(condition: str, level: int, at: str, **filling: object) -> Draft:
    """Return an alert that is no condition's, with its title and text."""
    return Draft(condition, level, at, *alert_in_words(condition, level, filling))
