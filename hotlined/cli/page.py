"""The page of `hotlined stats --html`: one file that needs no network, no script and no other file.

Drawings are SVG whose lengths across are percentages, so that they fit every width while their letters keep their size;
behind each stands a table. It is given counts only: no number and no text of anybody can get onto it. It is for the
press: what the line has left to spend would tell a troll how much more it takes, and is not on it.
Known to be wrong: a period of thousands of bars has bars thinner than a pixel.
"""

import base64
import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from itertools import count

from hotlined import __version__
from hotlined.cli.summary import Summary, averages, calendar, length, modem_seconds, money, sentences, zone
from hotlined.store.figures import Span, Tally
from hotlined.words.amounts import many, wait_in_words
from hotlined.words.harmless import harmless
from hotlined.words.reasons import briefly, reason_in_words

_HEIGHT, _HEAD, _FOOT = 200, 18, 24  # pixels: of the bars, above and below them
_CELL = 22  # pixels: a row of the heat map
_ROW = 38  # pixels: a line of a list with its bar
_STRIP = 34  # pixels
_LABELS = 7  # below an axis, at most
_LAST_LABEL = 93  # percent of the width: the label of a bar further right would end beyond the edge of a phone
_FINEST = 0.1  # percent of the width: what is shorter is drawn so wide
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class _Figure:
    """A drawing, what it shows, the key to its colours (CSS class and word), and the table behind it."""

    title: str
    says: str
    drawing: str
    height: int
    headings: Sequence[str]
    rows: Iterable[Sequence[object]]
    key: Sequence[tuple[str, str]] = ()
    told: bool = False  # whether the table's last column is words
    beside: bool = False  # whether something stands before the drawing: an axis or names


@dataclass(frozen=True, slots=True)
class _Bars:
    """One series of bars: its CSS class, its heights, what each stands on, and how wide it is (1: up to the next)."""

    style: str
    heights: Sequence[int]
    bases: Sequence[int]
    width: float


def draw(summary: Summary, written: datetime) -> str:
    """Write the page, whole, in HTML."""
    period = summary.period
    ids = count(1)
    return _PAGE.format(
        hash=base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode(),
        style=_STYLE,
        line=_text(summary.line),
        dates=calendar(period.start, period.end),
        length=length(period.start, period.end),
        by=period.by,
        zone=_text(zone(period)),
        before=f" Before: {length(summary.before_start, period.start)}, {calendar(summary.before_start, period.start)}."
        if summary.before_start
        else "",
        tiles=_tiles(summary),
        words="".join(f"<p>{_text(sentence)}</p>" for sentence in sentences(summary)),
        figures="\n".join(_figure(figure, next(ids)) for figure in _figures(summary)),
        written=written,
        version=__version__,
    )


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
<p><strong>{dates}</strong> ({length}, by {by}).{before} All times are local ({zone}).</p></header>
<main>
{tiles}
<section class="words"><h2>In words</h2>{words}</section>
{figures}
</main>
<footer><p>Written on {written:%d %B %Y at %H:%M} by hotlined {version}. It names no number and quotes no text.</p>
</footer>
</body>
</html>
"""


def _figures(summary: Summary) -> Iterator[_Figure]:
    yield _over_time(summary)
    yield _week(summary)
    yield _numbers(summary)
    yield _reasons(summary)
    yield _service(summary)


# ---- what is shown


def _tiles(summary: Summary) -> str:
    """Write the figures that one looks for first, each with that of the period before."""
    both = _tallies(summary)
    tiles = {
        "Texts": [f"{each.counts.texts:,}" for each in both],
        "New numbers": [f"{each.counts.new:,}" for each in both],
        "Answers": [f"{each.counts.answers:,}" for each in both],
        "Median time to answer": [
            wait_in_words(_rounded_up(each.seconds_to_answer[1])) if each.seconds_to_answer else "–" for each in both
        ],
        "Cost": [money(each.counts.segments, summary.limits) for each in both],
        "Reactions within a day": [f"{each.reactions:,}" for each in both],
    }
    listed = "".join(
        f"<div><dt>{name}</dt><dd>{_text(now)}</dd>"
        + "".join(f'<dd class="before">before: {_text(each)}</dd>' for each in before)
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


def _over_time(summary: Summary) -> _Figure:
    texts = [each.counts.texts for each in summary.bins]
    calls = [each.counts.calls for each in summary.bins]
    answers = [each.counts.answers for each in summary.bins]
    ground = [0] * len(texts)
    called = [_Bars("c", calls, texts, 0.84)] if any(calls) else []  # they are answered, too
    return _Figure(
        title="Texts, calls and answers",
        says=f"Texts and calls received, and answers let out, by {summary.period.by}.",
        drawing=_columns(
            [each.label for each in summary.bins],
            [f"{each.label}: {many(texts, 'text')}, {many(calls, 'call')}, {many(answers, 'answer')}"
             for each, texts, calls, answers in zip(summary.bins, texts, calls, answers, strict=True)],
            [_Bars("a", texts, ground, 0.84), *called, _Bars("b", answers, ground, 0.36)],
        ),
        height=_HEAD + _HEIGHT + _FOOT,
        headings=(summary.period.by.capitalize(), "Texts", "Calls", "Answers", "Segments", "Cost"),
        rows=(
            (each.label, each.counts.texts, each.counts.calls, each.counts.answers, each.counts.segments,
             money(each.counts.segments, summary.limits))
            for each in summary.bins
        ),
        key=(("a", "texts"), *([("c", "calls")] if called else []), ("b", "answers")),
        beside=True,
    )  # fmt: skip


def _week(summary: Summary) -> _Figure:
    found = averages(summary)
    most = max((each for day in found for each in day if each), default=0.0)
    wide = 100 / 24
    parts = []
    for row, (name, day) in enumerate(zip(_WEEKDAYS, found, strict=True)):
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
    shades = {each for day in found for each in day if each}
    strongest = f" The strongest colour stands for {f'{most:,.1f}'.removesuffix('.0')} in an hour."
    strongest = strongest if len(shades) > 1 else ""  # a single one is no scale
    blank = " Where there is no field, the period has no such hour." if any(None in day for day in found) else ""
    return _Figure(
        title="Hours of the week",
        says=f"Contacts by weekday and hour: the average of all such days of the period.{strongest}{blank}",
        drawing="".join(parts),
        height=7 * _CELL + _FOOT,
        headings=("Hour", *_WEEKDAYS),
        rows=(
            (f"{hour:02}:00", *("" if day[hour] is None else f"{day[hour]:,.1f}" for day in found))
            for hour in range(24)
        ),
        beside=True,
    )


def _numbers(summary: Summary) -> _Figure:
    new = [each.counts.new for each in summary.bins]
    returning = [each.counts.returning for each in summary.bins]
    return _Figure(
        title="New and returning numbers",
        says=f"Numbers that texted or called, by {summary.period.by}: for the first time, or again."
        f" A number that comes in several {summary.period.by}s is in each of them.",
        drawing=_columns(
            [each.label for each in summary.bins],
            [f"{each.label}: {first:,} new, {again:,} returning" for each, first, again in
             zip(summary.bins, new, returning, strict=True)],
            [_Bars("d", new, [0] * len(new), 0.84), _Bars("c", returning, new, 0.84)],
        ),
        height=_HEAD + _HEIGHT + _FOOT,
        headings=(summary.period.by.capitalize(), "New", "Returning", "Without a number"),
        rows=((each.label, each.counts.new, each.counts.returning, each.counts.withheld) for each in summary.bins),
        key=(("d", "new"), ("c", "returning")),
        beside=True,
    )  # fmt: skip


def _reasons(summary: Summary) -> _Figure:
    total, tallies = summary.total, _tallies(summary)
    kinds = (
        ("", [tally.suppressed for tally in tallies]),
        ("cancelled: ", [tally.cancelled for tally in tallies]),
    )
    rows = [
        (f"{kind}{briefly(reason)}", [each.get(reason, 0) for each in counted_by], reason_in_words(reason))
        for kind, counted_by in kinds
        for reason in dict.fromkeys(reason for each in counted_by for reason in each)
    ]
    most = max([1, *(counts[0] for _, counts, _ in rows)])
    contacts, cancelled = total.counts.suppressed, sum(total.cancelled.values())
    return _Figure(
        title="Not answered, and why",
        says=f"{contacts:,} {'contact' if contacts == 1 else 'contacts'} got no answer by rule;"
        f" {cancelled:,} {'answer was' if cancelled == 1 else 'answers were'} cancelled.",
        drawing=_list([(name, says, f"{counts[0]:,}", 100 * counts[0] / most) for name, counts, says in rows]),
        height=_ROW * len(rows),
        headings=("Reason", *("Now", "Before")[: len(tallies)], "Meaning"),
        rows=[(name, *counts, says) for name, counts, says in rows],
        told=True,
    )


def _service(summary: Summary) -> _Figure:
    period, whole = summary.period, (summary.period.end - summary.period.start).total_seconds()
    seconds = modem_seconds(summary)
    known = math.fsum(each for state, each in seconds.items() if state != "unknown")
    ready = math.floor(1000 * seconds.get("ready", 0.0) / known) / 10 if known else 0.0  # 100 only if nothing is amiss

    of = "time of which something is known" if "unknown" in seconds else "period"

    def place(moment: datetime) -> float:
        return 100 * (moment - period.start).total_seconds() / whole

    since = next((place(span.start) for span in summary.modem if span.state), 100.0)
    parts = [_strip(0.0, 100.0, "none", "not known"), _strip(since, 100.0 - since, "e", "ready")]
    parts += [_strip(first, wide, "f", says) for first, wide, says in _interruptions(summary.modem, place)]
    parts += [
        f'<text x="0" y="{_STRIP + 17}">{_moment(period.start)}</text>',
        f'<text x="100%" y="{_STRIP + 17}" class="end">{_moment(period.end)}</text>',
    ]
    return _Figure(
        title="Service",
        says=f"The modem was ready for {ready:.1f} % of the {of}, as the daemon recorded it."
        if known
        else "Nothing is known of the modem in this time.",
        drawing="".join(parts),
        height=_STRIP + _FOOT,
        headings=("State", "Time", "Share"),
        rows=((_words(state), wait_in_words(each), f"{100 * each / whole:.2f} %") for state, each in seconds.items()),
        key=(("e", "ready"), ("f", "not ready"), ("none", "not known")),
    )


def _interruptions(spans: Sequence[Span], place: Callable[[datetime], float]) -> Iterator[tuple[float, float, str]]:
    """Yield where a time without service begins, how wide it is, in percent, and what it was.

    Those too near to be told apart are one, so that a modem that comes and goes draws no more than there is room for.
    """
    groups: list[list[Span]] = []
    for span in spans:
        if span.state in {"ready", None}:
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


# ---- how it is drawn


def _columns(labels: Sequence[str], says: Sequence[str], series: Sequence[_Bars]) -> str:
    """Draw bars side by side on one axis, with what each says when it is pointed at."""
    top, step = _scale(
        max(base + height for bars in series for base, height in zip(bars.bases, bars.heights, strict=True))
    )
    wide = 100 / len(labels)
    floor = _HEAD + _HEIGHT

    def rise(value: float) -> float:
        return _HEIGHT * value / top

    parts = [
        f'<line x1="0" x2="100%" y1="{floor - rise(mark):.1f}" y2="{floor - rise(mark):.1f}"/>'
        f'<text x="-8" y="{floor - rise(mark) + 4:.1f}" class="end">{mark:,}</text>'
        for mark in range(step, top + 1, step)
    ]
    for at, told in enumerate(says):
        rects = "".join(
            f'<rect x="{(at + (1 - bars.width) / 2) * wide:.3f}%" width="{bars.width * wide:.3f}%"'
            f' y="{floor - rise(bars.bases[at] + bars.heights[at]):.1f}" height="{rise(bars.heights[at]):.1f}"'
            f' class="{bars.style}"/>'
            for bars in series
            if bars.heights[at]
        )
        parts.append(f"<g><title>{told}</title>{rects}</g>" if rects else "")
    parts.append(f'<line x1="0" x2="100%" y1="{floor}" y2="{floor}" class="floor"/>')
    every = math.ceil(len(labels) / _LABELS)
    for number, at in enumerate(range(0, len(labels), every)):
        style, centre = "minor" if number % 2 else "major", (at + 0.5) * wide
        if centre <= _LAST_LABEL:
            parts.append(f'<text x="{centre:.3f}%" y="{floor + 17}" class="middle {style}">{labels[at]}</text>')
    return "".join(parts)


def _scale(most: int) -> tuple[int, int]:
    """Return where an axis ends, and the step between its marks: at most five, 1, 2 or 5 times a power of ten."""
    step = next(factor * 10**power for power in count() for factor in (1, 2, 5) if 5 * factor * 10**power >= most)
    return max(1, math.ceil(most / step)) * step, step


def _strip(first: float, wide: float, style: str, says: str) -> str:
    return (
        f'<rect x="{first:.2f}%" y="0" width="{wide:.2f}%" height="{_STRIP}" class="{style}">'
        f"<title>{says}</title></rect>"
    )


def _list(rows: Sequence[tuple[str, str, str, float]]) -> str:
    """Draw lines of a name, what it means where there is room, a value and a bar in percent."""
    parts = []
    for number, (name, says, value, percent) in enumerate(rows):
        top = number * _ROW
        parts.append(
            f'<text x="0" y="{top + 15}" class="name">{_text(name)}'
            f'<tspan dx="8" class="says">{_text(says)}</tspan></text>'
            f'<text x="100%" y="{top + 15}" class="name end">{value}</text>'
            f'<rect x="0" y="{top + 21}" width="100%" height="7" rx="3" class="none"/>'
            f'<rect x="0" y="{top + 21}" width="{min(100.0, percent):.2f}%" height="7" rx="3" class="a"/>'
        )
    return "".join(parts)


def _figure(figure: _Figure, number: int) -> str:
    says = _text(figure.says)
    return _SECTION.format(
        title=figure.title,
        says=says,
        key="".join(f'<span><i class="{style}"></i>{word}</span>' for style, word in figure.key),
        place="beside" if figure.beside else "whole",
        height=figure.height,
        number=number,
        drawing=figure.drawing,
        table="told" if figure.told else "counted",
        head="".join(f'<th scope="col">{_text(heading)}</th>' for heading in figure.headings),
        body="\n".join(
            f'<tr><th scope="row">{_text(first)}</th>{"".join(f"<td>{_cell(cell)}</td>" for cell in cells)}</tr>'
            for first, *cells in figure.rows
        ),
    )


_SECTION = """<section>
<h2>{title}</h2>
<figure>
<figcaption>{says}</figcaption>
<p class="key">{key}</p>
<div class="{place}">
<svg role="img" width="100%" height="{height}" aria-labelledby="t{number} d{number}">
<title id="t{number}">{title}</title><desc id="d{number}">{says}</desc>
{drawing}
</svg>
</div>
</figure>
<details><summary>In figures</summary>
<div><table class="{table}"><thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody></table></div>
</details>
</section>"""


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else _text(value)


def _text(value: object) -> str:
    return escape(harmless(str(value)))


_LIGHT = """color-scheme:light;--paper:#fff;--ink:#1b1f24;--soft:#59636e;--rule:#dfe3e8;--none:#eceff2;--tile:#f6f7f9;
--a:#5b95cc;--b:#12355b;--c:#6bb3a6;--d:#0b5d57;--e:#6bb3a6;--f:#8f1d1d"""
_DARK = """color-scheme:dark;--paper:#14171c;--ink:#e8ebef;--soft:#9aa5b1;--rule:#2d333b;--none:#252b33;--tile:#1b2027;
--a:#4484bf;--b:#d9e9f8;--c:#2f7d72;--d:#a5e0d5;--e:#2f7d72;--f:#ff9d8a"""
_STYLE = f":root{{{_LIGHT}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{_DARK}}}}}\n"
_STYLE += """*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:2.5rem 1.25rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;
font-variant-numeric:tabular-nums}
h1{font-size:1.9rem;line-height:1.2;margin:0}
h2{font-size:1.15rem;margin:0 0 .25rem}
header p,footer,figcaption,.before,dt{color:var(--soft)}
header p{margin:.25rem 0 0}
section{margin-top:2.75rem}
.words p{font-size:1.1rem;margin:0 0 .35rem;max-width:42rem}
.tiles{display:grid;grid-template-columns:repeat(3,1fr);gap:.75rem;margin:1.75rem 0 0}
.tiles div{background:var(--tile);border-radius:8px;padding:.75rem .875rem;display:flex;flex-direction:column}
dt{font-size:.8rem;line-height:1.3;flex:1}
dd{margin:0;font-size:1.4rem;font-weight:600;line-height:1.3}
dd.before{font-size:.8rem;font-weight:400}
figure{margin:0}
figcaption{font-size:.9rem;margin-bottom:.75rem}
svg{display:block;overflow:visible;margin-top:.5rem}
.beside{padding-left:2.75rem}
text{font-size:12px;fill:var(--soft)}
.name{font-size:14px;fill:var(--ink)}
.says{font-size:12px;fill:var(--soft)}
.end{text-anchor:end}
.middle{text-anchor:middle}
line{stroke:var(--rule);shape-rendering:crispEdges}
line.floor{stroke:var(--soft)}
.key{display:flex;flex-wrap:wrap;gap:1.25rem;margin:0;font-size:.9rem}
.key i{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.45em}
.a{fill:var(--a);background:var(--a)}.b{fill:var(--b);background:var(--b)}.c{fill:var(--c);background:var(--c)}
.d{fill:var(--d);background:var(--d)}.e{fill:var(--e);background:var(--e)}.f{fill:var(--f);background:var(--f)}
.none{fill:var(--none);background:var(--none)}
details{margin-top:.75rem;font-size:.9rem}
summary{cursor:pointer;color:var(--soft);width:max-content}
details div{overflow-x:auto;margin-top:.5rem}
table{border-collapse:collapse;min-width:min(100%,24rem)}
th,td{padding:.2rem .75rem .2rem 0;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}
th:first-child,.told :last-child{text-align:left}
th{font-weight:400}
thead th{color:var(--soft)}
footer{margin-top:3rem;font-size:.8rem}
@media screen and (max-width:48rem){.says{display:none}}
@media (max-width:36rem){body{padding:1.5rem 1rem}.minor{display:none}.tiles{grid-template-columns:1fr 1fr}
h1{font-size:1.6rem}}
@page{margin:15mm}
@media print{body{padding:0;font-size:11pt;max-width:none}section,.tiles div{break-inside:avoid}
section{margin-top:1.5rem}details{display:none}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""
