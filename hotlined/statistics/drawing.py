"""Drawings of the page in SVG, each with the table of its figures.

Horizontal lengths are percentages, so that a drawing fits every width while its letters keep their size.
Known to be wrong: a period of thousands of bars has bars thinner than a pixel.
"""

import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count

from hotlined.language import _, in_digits
from hotlined.statistics.style import PICTURE
from hotlined.words.html import text_in_html

HEIGHT, HEAD, FOOT = 200, 18, 24  # pixels: of the bars, above them, below them
ROW = 38  # pixels: a row of a list, with its bar
STRIP = 34  # pixels
_LABELS = 7  # at most this many below an axis
_STYLES = ("major", "minor", "medium", "minor")  # CSS classes of labels in turn: a phone shows only the major ones
_LAST_LABEL = 93  # percent of the width: a label further right would end beyond the edge of a phone


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing: its title, an explanation, the key to its colours (CSS class and word), and the table of its figures.

    `name` is the name of the file that has only this drawing.
    """

    name: str
    title: str
    says: str
    drawing: str
    height: int
    headings: Sequence[str]
    rows: Iterable[Sequence[object]]
    key: Sequence[tuple[str, str]] = ()
    ends_in_words: bool = False  # whether the table's last column has words, not figures
    beside: bool = False  # whether the drawing leaves room on its left for an axis or names


@dataclass(frozen=True, slots=True)
class Bars:
    """A series of bars: CSS class, heights, the base of each bar, and width (1 reaches the next bar)."""

    style: str
    heights: Sequence[int]
    bases: Sequence[int]
    width: float


def draw_bars(labels: Sequence[str], says: Sequence[str], series: Sequence[Bars], whole: Sequence[bool]) -> str:
    """Draw bars side by side on one axis; each shows its `says` when pointed at, and is pale if it is not `whole`."""
    top, step = _scale(
        max(base + height for bars in series for base, height in zip(bars.bases, bars.heights, strict=True))
    )
    wide = 100 / len(labels)
    floor = HEAD + HEIGHT

    def rise(value: float) -> float:
        return HEIGHT * value / top

    parts = [
        f'<line x1="0" x2="100%" y1="{floor - rise(mark):.1f}" y2="{floor - rise(mark):.1f}"/>'
        f'<text x="-8" y="{floor - rise(mark) + 4:.1f}" class="end">{in_digits(mark)}</text>'
        for mark in range(step, top + 1, step)
    ]
    for at, title in enumerate(says):
        rects = "".join(
            f'<rect x="{(at + (1 - bars.width) / 2) * wide:.3f}%" width="{bars.width * wide:.3f}%"'
            f' y="{floor - rise(bars.bases[at] + bars.heights[at]):.1f}" height="{rise(bars.heights[at]):.1f}"'
            f' class="{bars.style}"/>'
            for bars in series
            if bars.heights[at]
        )
        pale = "" if whole[at] else ' class="part"'
        parts.append(f"<g{pale}><title>{title}</title>{rects}</g>" if rects else "")
    parts.append(f'<line x1="0" x2="100%" y1="{floor}" y2="{floor}" class="floor"/>')
    every = math.ceil(len(labels) / _LABELS)
    for number, at in enumerate(range(0, len(labels), every)):
        style, centre = _STYLES[number % len(_STYLES)], (at + 0.5) * wide
        if centre <= _LAST_LABEL:
            parts.append(f'<text x="{centre:.3f}%" y="{floor + 17}" class="middle {style}">{labels[at]}</text>')
    return "".join(parts)


def _scale(most: int) -> tuple[int, int]:
    """Return the end of an axis and the step between its at most five marks: 1, 2 or 5 times a power of ten."""
    step = next(factor * 10**power for power in count() for factor in (1, 2, 5) if 5 * factor * 10**power >= most)
    return max(1, math.ceil(most / step)) * step, step


def draw_strip(first: float, wide: float, style: str, says: str) -> str:
    """Draw a piece of a strip; it shows `says` when pointed at."""
    return (
        f'<rect x="{first:.2f}%" y="0" width="{wide:.2f}%" height="{STRIP}" class="{style}">'
        f"<title>{says}</title></rect>"
    )


def draw_list(rows: Sequence[tuple[str, str, str, float]]) -> str:
    """Draw rows of a name, its explanation if there is room, a value, and a bar in percent of the width."""
    parts = []
    for number, (name, says, value, percent) in enumerate(rows):
        top = number * ROW
        meaning = f'<tspan dx="8" class="says">{text_in_html(says)}</tspan>' if says else ""
        parts.append(
            f'<text x="0" y="{top + 15}" class="name">{text_in_html(name)}{meaning}</text>'
            f'<text x="100%" y="{top + 15}" class="name end">{value}</text>'
            f'<rect x="0" y="{top + 21}" width="100%" height="7" rx="3" class="none"/>'
            f'<rect x="0" y="{top + 21}" width="{min(100.0, percent):.2f}%" height="7" rx="3" class="a"/>'
        )
    return "".join(parts)


def figure_in_html(figure: Figure, number: int, picture: str = "") -> str:
    """Write a figure with its drawing, its key and its table; `picture` is the path of its own file, or empty."""
    says = text_in_html(figure.says)
    words = _("Picture (SVG)")
    link = f'<p><a class="picture" href="{text_in_html(picture)}" download>{words}</a></p>'
    return _SECTION.format(
        title=figure.title,
        says=says,
        in_figures=_("In figures"),
        key="".join(f'<span><i class="{style}"></i>{word}</span>' for style, word in figure.key),
        place="beside" if figure.beside else "whole",
        height=figure.height,
        number=number,
        drawing=figure.drawing,
        picture=link if picture else "",
        table="in-words" if figure.ends_in_words else "counted",
        head="".join(f'<th scope="col">{text_in_html(heading)}</th>' for heading in figure.headings),
        body="\n".join(
            f'<tr><th scope="row">{text_in_html(first)}</th>{"".join(f"<td>{_cell(cell)}</td>" for cell in cells)}</tr>'
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
{picture}<details><summary>{in_figures}</summary>
<div><table class="{table}"><thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody></table></div>
</details>
</section>"""


def _cell(value: object) -> str:
    return in_digits(value) if isinstance(value, int) else text_in_html(value)


_WIDTH, _MARGIN, _AXIS = 900, 24, 44  # pixels: width of a picture, margin around it, room for an axis
_LINE, _LETTERS = 20, 120  # pixels of a line of words, and the characters that fit into one


def figure_as_picture(figure: Figure, heading: str, about: Sequence[str]) -> str:
    """Write a drawing as a picture of its own in SVG, with its title, explanation and key, and the line's name."""
    told = [*textwrap.wrap(figure.says, _LETTERS), *about]
    left = _MARGIN + (_AXIS if figure.beside else 0)
    words = "".join(
        f'<text x="{_MARGIN}" y="{_MARGIN + 34 + number * _LINE}">{text_in_html(each)}</text>'
        for number, each in enumerate(told)
    )
    top = _MARGIN + 44 + len(told) * _LINE
    keys, at = [], _MARGIN
    for style, word in figure.key:
        keys.append(
            f'<rect x="{at}" y="{top}" width="12" height="12" rx="2" class="{style}"/>'
            f'<text x="{at + 18}" y="{top + 11}">{text_in_html(word)}</text>'
        )
        at += 40 + 8 * len(word)
    top += 28 if keys else 0
    height = top + figure.height + _MARGIN
    return _PICTURE.format(
        width=_WIDTH,
        height=height,
        style=PICTURE,
        heading=text_in_html(f"{heading}: {figure.title}"),
        margin=_MARGIN,
        title_at=_MARGIN + 8,
        words=words,
        key="".join(keys),
        left=left,
        top=top,
        inside=_WIDTH - left - _MARGIN,
        drawing=figure.drawing,
    )


_PICTURE = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">
<title>{heading}</title>
<style>{style}</style>
<rect width="{width}" height="{height}" class="paper"/>
<text x="{margin}" y="{title_at}" class="heading">{heading}</text>
{words}{key}
<svg x="{left}" y="{top}" width="{inside}" height="100%" overflow="visible">
{drawing}
</svg>
</svg>
"""
