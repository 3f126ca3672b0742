"""The page of `stats --html`: one file that needs no network, no script and no other file.

It is given counts only: no number and no text of anybody can get onto it. It is for the press: what the line has left
to spend would tell a troll how much more it takes, and is not on it.
"""

import base64
import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import count

from hotlined import __version__
from hotlined.states import ModemState
from hotlined.statistics.drawing import (
    FOOT,
    HEAD,
    HEIGHT,
    ROW,
    STRIP,
    Bars,
    Figure,
    draw_bars,
    draw_list,
    draw_strip,
    figure_in_html,
    text_in_html,
)
from hotlined.statistics.periods import zone
from hotlined.statistics.plain import calendar, length, money
from hotlined.statistics.sentences import sentences
from hotlined.statistics.style import STYLE
from hotlined.statistics.summary import Summary, averages, modem_seconds
from hotlined.statistics.variants import WROTE_BACK, Place, verdict
from hotlined.store.figures import Span, Tally
from hotlined.words.amounts import many, wait_in_words
from hotlined.words.reasons import briefly, reason_in_words

_CELL = 22  # pixels: a row of the heat map
_FINEST = 0.1  # percent of the width: what is shorter is drawn so wide
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def draw(summary: Summary, written: datetime) -> str:
    """Write the page, whole, in HTML."""
    return _PAGE.format(
        hash=base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode(),
        style=STYLE,
        line=text_in_html(summary.line),
        dates=calendar(summary.period.start, summary.period.end),
        described=describe(summary),
        inside=draw_inside(summary),
        written=written,
        version=__version__,
    )


def describe(summary: Summary) -> str:
    """Write in HTML which period is shown beside which."""
    period, before = summary.period, summary.before_start
    earlier = f" Before: {length(before, period.start)}, {calendar(before, period.start)}." if before else ""
    return (
        f"<strong>{calendar(period.start, period.end)}</strong> ({length(period.start, period.end)}, by {period.by})."
        f"{earlier} All times are local ({text_in_html(zone(period))})."
    )


def draw_inside(summary: Summary) -> str:
    """Write in HTML what the page shows: figures, sentences, drawings with their tables."""
    ids = count(1)
    words = "".join(f"<p>{text_in_html(sentence)}</p>" for sentence in sentences(summary))
    figures = "\n".join(figure_in_html(figure, next(ids)) for figure in _figures(summary))
    return f'{_tiles(summary)}\n<section class="words"><h2>In words</h2>{words}</section>\n{figures}'


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'sha256-{hash}';\
 base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>Line {line}: {dates}</title>
<style>{style}</style>
</head>
<body>
<header><h1>Line {line}</h1>
<p>{described}</p></header>
<main>
{inside}
</main>
<footer><p>Written on {written:%d %B %Y at %H:%M} by hotlined {version}. It names no number and quotes no text.</p>
</footer>
</body>
</html>
"""


def _figures(summary: Summary) -> Iterator[Figure]:
    yield _over_time(summary)
    yield _week(summary)
    yield _numbers(summary)
    yield _reasons(summary)
    yield from map(_variants, summary.places)
    yield _service(summary)


def _tiles(summary: Summary) -> str:
    """Write the figures that one looks for first, each with that of the period before."""
    both = _tallies(summary)
    tiles = {
        "Texts": [f"{tally.counts.texts:,}" for tally in both],
        "New numbers": [f"{tally.counts.new:,}" for tally in both],
        "Answers": [f"{tally.counts.answers:,}" for tally in both],
        "Median time to answer": [
            wait_in_words(_rounded_up(tally.seconds_to_answer[1])) if tally.seconds_to_answer else "–" for tally in both
        ],
        "Cost": [money(tally.counts.segments, summary.limits) for tally in both],
        "Reactions within a day": [f"{tally.reactions:,}" for tally in both],
    }
    listed = "".join(
        f"<div><dt>{name}</dt><dd>{text_in_html(now)}</dd>"
        + "".join(f'<dd class="before">before: {text_in_html(value)}</dd>' for value in before)
        + "</div>"
        for name, (now, *before) in tiles.items()
    )
    return f'<dl class="tiles">{listed}</dl>'


def _tallies(summary: Summary) -> list[Tally]:
    """Return the figures of the period, and those of the one before if the line existed then."""
    return [tally for tally in (summary.total, summary.before) if tally]


def _rounded_up(seconds: float) -> float:
    """Round a time up to minutes, as the sentences do, or to a second where it is shorter."""
    step = 60 if seconds > 60 else 1
    return step * max(1, math.ceil(seconds / step))


def _over_time(summary: Summary) -> Figure:
    texts = [part.counts.texts for part in summary.bins]
    calls = [part.counts.calls for part in summary.bins]
    answers = [part.counts.answers for part in summary.bins]
    ground = [0] * len(texts)
    called = [Bars("c", calls, texts, 0.84)] if any(calls) else []  # they are answered, too
    return Figure(
        title="Texts, calls and answers",
        says=f"Texts and calls received, and answers let out, by {summary.period.by}.",
        drawing=draw_bars(
            [part.label for part in summary.bins],
            [f"{part.label}: {many(texts, 'text')}, {many(calls, 'call')}, {many(answers, 'answer')}"
             for part, texts, calls, answers in zip(summary.bins, texts, calls, answers, strict=True)],
            [Bars("a", texts, ground, 0.84), *called, Bars("b", answers, ground, 0.36)],
        ),
        height=HEAD + HEIGHT + FOOT,
        headings=(summary.period.by.capitalize(), "Texts", "Calls", "Answers", "Segments", "Cost"),
        rows=(
            (part.label, part.counts.texts, part.counts.calls, part.counts.answers, part.counts.segments,
             money(part.counts.segments, summary.limits))
            for part in summary.bins
        ),
        key=(("a", "texts"), *([("c", "calls")] if called else []), ("b", "answers")),
        beside=True,
    )  # fmt: skip


def _week(summary: Summary) -> Figure:
    week = averages(summary)
    most = max((average for day in week for average in day if average), default=0.0)
    wide = 100 / 24
    parts = []
    for row, (name, day) in enumerate(zip(_WEEKDAYS, week, strict=True)):
        parts.append(f'<text x="-8" y="{row * _CELL + 15}" class="end">{name}</text>')
        for hour, average in enumerate(day):
            if average is None:
                continue
            contacts, days = summary.week[row][hour], summary.week_days[row][hour]
            says = f"{name} {hour:02}:00 to {hour + 1:02}:00: {average:,.1f} ({contacts:,} on {many(days, 'day')})"
            strength = f' class="a" fill-opacity="{0.12 + 0.88 * average / most:.2f}"' if average else ' class="none"'
            parts.append(
                f'<rect x="{hour * wide:.2f}%" y="{row * _CELL + 1}" width="{wide - 0.25:.2f}%"'
                f' height="{_CELL - 2}" rx="2"{strength}><title>{says}</title></rect>'
            )
    parts += [f'<text x="{hour * wide:.2f}%" y="{7 * _CELL + 15}">{hour:02}</text>' for hour in range(0, 24, 3)]
    shades = {average for day in week for average in day if average}
    strongest = f" The strongest colour stands for {f'{most:,.1f}'.removesuffix('.0')} in an hour."
    strongest = strongest if len(shades) > 1 else ""  # a single one is no scale
    blank = " Where there is no field, the period has no such hour." if any(None in day for day in week) else ""
    return Figure(
        title="Hours of the week",
        says=f"Contacts by weekday and hour: the average of all such days of the period.{strongest}{blank}",
        drawing="".join(parts),
        height=7 * _CELL + FOOT,
        headings=("Hour", *_WEEKDAYS),
        rows=(
            (f"{hour:02}:00", *("" if day[hour] is None else f"{day[hour]:,.1f}" for day in week)) for hour in range(24)
        ),
        beside=True,
    )


def _numbers(summary: Summary) -> Figure:
    new = [part.counts.new for part in summary.bins]
    returning = [part.counts.returning for part in summary.bins]
    return Figure(
        title="New and returning numbers",
        says=f"Numbers that texted or called, by {summary.period.by}: for the first time, or again."
        f" A number that comes in several {summary.period.by}s is in each of them.",
        drawing=draw_bars(
            [part.label for part in summary.bins],
            [f"{part.label}: {first:,} new, {again:,} returning" for part, first, again in
             zip(summary.bins, new, returning, strict=True)],
            [Bars("d", new, [0] * len(new), 0.84), Bars("c", returning, new, 0.84)],
        ),
        height=HEAD + HEIGHT + FOOT,
        headings=(summary.period.by.capitalize(), "New", "Returning", "Without a number"),
        rows=((part.label, part.counts.new, part.counts.returning, part.counts.withheld) for part in summary.bins),
        key=(("d", "new"), ("c", "returning")),
        beside=True,
    )  # fmt: skip


def _variants(place: Place) -> Figure:
    brought = [place.of(kind) for kind in place.tags]
    names = [f"variant {each.variant}" for each in place.variants]
    answers = [each.outcome.answers for each in place.variants]
    back = place.of(WROTE_BACK)
    parts = list(zip(names, answers, back, strict=True))
    return Figure(
        title=f"{place.name}: its variants",
        says="Answers to which somebody wrote back within a day, of those that went out; the table has the tags. "
        + " ".join(verdict(place)),
        drawing=draw_list(
            [(name, "", f"{some:,} of {all_:,}", 100 * some / max(1, all_)) for name, all_, some in parts]
        ),
        height=ROW * len(parts),
        headings=("Variant", "Answers", "Wrote back", *place.tags),
        rows=[(*part, *(counts[at] for counts in brought)) for at, part in enumerate(parts)],
    )


def _reasons(summary: Summary) -> Figure:
    total, tallies = summary.total, _tallies(summary)
    kinds = (
        ("", [tally.suppressed for tally in tallies]),
        ("cancelled: ", [tally.cancelled for tally in tallies]),
    )
    rows = [
        (f"{kind}{briefly(reason)}", [counts.get(reason, 0) for counts in by_period], reason_in_words(reason))
        for kind, by_period in kinds
        for reason in dict.fromkeys(reason for counts in by_period for reason in counts)
    ]
    most = max([1, *(counts[0] for _, counts, _ in rows)])
    contacts, cancelled = total.counts.suppressed, sum(total.cancelled.values())
    return Figure(
        title="Not answered, and why",
        says=f"{contacts:,} {'contact' if contacts == 1 else 'contacts'} got no answer by rule;"
        f" {cancelled:,} {'answer was' if cancelled == 1 else 'answers were'} cancelled.",
        drawing=draw_list([(name, says, f"{counts[0]:,}", 100 * counts[0] / most) for name, counts, says in rows]),
        height=ROW * len(rows),
        headings=("Reason", *("Now", "Before")[: len(tallies)], "Meaning"),
        rows=[(name, *counts, says) for name, counts, says in rows],
        ends_in_words=True,
    )


def _service(summary: Summary) -> Figure:
    period, whole = summary.period, (summary.period.end - summary.period.start).total_seconds()
    seconds = modem_seconds(summary)
    known = math.fsum(time for state, time in seconds.items() if state != "unknown")
    ready = ready_percent(seconds.get(ModemState.READY, 0.0), known)

    of = "time of which something is known" if "unknown" in seconds else "period"

    def place(moment: datetime) -> float:
        return 100 * (moment - period.start).total_seconds() / whole

    since = next((place(span.start) for span in summary.modem if span.state), 100.0)
    parts = [draw_strip(0.0, 100.0, "none", "not known"), draw_strip(since, 100.0 - since, "e", "ready")]
    parts += [draw_strip(first, wide, "f", says) for first, wide, says in _interruptions(summary.modem, place)]
    parts += [
        f'<text x="0" y="{STRIP + 17}">{_moment(period.start)}</text>',
        f'<text x="100%" y="{STRIP + 17}" class="end">{_moment(period.end)}</text>',
    ]
    return Figure(
        title="Service",
        says=f"The modem was ready for {ready:.1f} % of the {of}, as the daemon recorded it."
        if known
        else "Nothing is known of the modem in this time.",
        drawing="".join(parts),
        height=STRIP + FOOT,
        headings=("State", "Time", "Share"),
        rows=((_words(state), wait_in_words(time), f"{100 * time / whole:.2f} %") for state, time in seconds.items()),
        key=(("e", "ready"), ("f", "not ready"), ("none", "not known")),
    )


def ready_percent(ready: float, known: float) -> float:
    """Return a share in percent, rounded down to a tenth: 100 only for the whole."""
    # divided first: 1000 * x / x is less than 1000 for one x in eight
    return math.floor(1000 * (ready / known)) / 10 if known else 0.0


def _interruptions(spans: Sequence[Span], place: Callable[[datetime], float]) -> Iterator[tuple[float, float, str]]:
    """Yield the begin and width of each time without service, in percent, and what it was.

    Those that follow too closely are drawn as one, so that a modem that comes and goes fits the page.
    """
    groups: list[list[Span]] = []
    for span in spans:
        if span.state in {ModemState.READY, None}:
            continue
        if groups and place(span.start) - place(groups[-1][-1].end) < _FINEST:
            groups[-1].append(span)
        else:
            groups.append([span])
    for group in groups:
        first, last = group[0].start, group[-1].end
        states = ", ".join(dict.fromkeys(_words(span.state or "") for span in group))
        yield place(first), max(_FINEST, place(last) - place(first)), f"{states}: {_moment(first)} to {_moment(last)}"


def _words(name: str) -> str:
    return "daemon stopped" if name == "stopped" else name.replace("_", " ")


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone():%d %b %H:%M}"
