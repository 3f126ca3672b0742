"""The page of figures: on the desk, or as one file (`stats --html`) without a network, a script or another file.

It is made from counts and the line's own texts, so no number and no stranger's words can get onto it. It is for the
press, so the rest of the budget is not on it: that would tell a troll how much more the line can take.
"""

import math
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import count, groupby

from hotlined.language import N_, Phrases, _, in_digits, ngettext, pgettext
from hotlined.states import ModemState, NoModemState
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
    figure_as_picture,
    figure_in_html,
)
from hotlined.statistics.periods import UNITS, WEEKDAYS, By, in_short, zone
from hotlined.statistics.plain import calendar, length, text_in_words
from hotlined.statistics.sentences import sentences
from hotlined.statistics.style import FIGURES
from hotlined.statistics.summary import Bin, Summary, averages, modem_seconds
from hotlined.store.reading.figures import Span, Tally
from hotlined.words.amounts import in_answers, in_reactions, maybe_money, wait_in_words
from hotlined.words.html import text_in_html, whole_page
from hotlined.words.reasons import briefly, reason_in_words
from hotlined.words.states import MODEM_STATES
from hotlined.words.tags import tag_in_words, tagged_in_words

_CELL = 22  # pixels: the height of a row in the heat map
_NAME = 40  # characters of a text that fit beside its bar
_SENTENCE = 120  # characters of the line's description that fit into a line of a picture
_FINEST = 0.1  # percent of the width: a shorter piece is drawn as wide as this, to be visible
_BY = Phrases({By.HOUR: N_("by hour"), By.DAY: N_("by day"), By.WEEK: N_("by week"), By.MONTH: N_("by month")})
_OTHER_STATES: Phrases[str] = Phrases({NoModemState.STOPPED: N_("daemon stopped"), NoModemState.UNKNOWN: N_("unknown")})


def draw(summary: Summary, style: str) -> str:
    """Return the whole page in HTML, with the style sheet of the pages that it is one of."""
    parts = "\n".join(draw_parts(summary))
    title = _title(summary)
    return whole_page(title, FIGURES + style, f"<main>\n<h1>{text_in_html(title)}</h1>\n{parts}\n</main>\n")


def _title(summary: Summary) -> str:
    dates = calendar(summary.period.start, summary.period.end)
    return _("Line {line}: {dates}", line=summary.line, dates=dates)


def _described(summary: Summary) -> str:
    """Return in HTML the dates of the period that is shown, and of the earlier period that it is compared with."""
    period, before = summary.period, summary.before_start
    told = [
        _(
            "{calendar} ({length}, {by_unit}).",
            calendar=_strong(calendar(period.start, period.end)),
            length=length(period.start, period.end),
            by_unit=_BY[period.by],
        )
    ]
    if before:
        lasted = length(before, period.start)
        told.append(_("Before: {length}, {calendar}.", length=lasted, calendar=calendar(before, period.start)))
    told.append(_("All times are local ({zone}).", zone=text_in_html(zone(period))))
    return " ".join(told)


def _strong(words: str) -> str:
    return f"<strong>{words}</strong>"


def draw_parts(summary: Summary, picture: Callable[[str], str] = lambda _name: "") -> Iterator[str]:
    """Yield the contents of the page part by part, because a drawing with a bar for each hour of a month is long.

    `picture` returns the path of a drawing's own file by its name, or an empty text.
    """
    ids = count(1)
    if summary.about:
        yield f'<p class="about">{text_in_html(summary.about)}</p>'
    yield f'<p class="mark">{_described(summary)}</p>'
    words = "".join(f"<p>{text_in_html(sentence)}</p>" for sentence in sentences(summary))
    heading = _("In words")
    yield f'{_tiles(summary)}\n<section class="words"><h2>{heading}</h2>{words}</section>'
    for figure in _figures(summary):
        yield figure_in_html(figure, next(ids), picture(figure.name))
    no_names = _("This page names no number and quotes nobody.")
    yield f'<p class="mark">{no_names}</p>'


def maybe_picture(summary: Summary, name: str) -> str | None:
    """Return one drawing of the page in SVG, to be printed elsewhere; None if there is none by that name."""
    figure = next((each for each in _figures(summary) if each.name == name), None)
    if figure is None:
        return None
    about = [*textwrap.wrap(summary.about, _SENTENCE)] if summary.about else []
    return figure_as_picture(figure, _title(summary), about)


def _figures(summary: Summary) -> Iterator[Figure]:
    yield _over_time(summary)
    if summary.total.reactions:
        yield _reactions(summary.total)
    yield _week(summary)
    yield _numbers(summary)
    yield _reasons(summary)
    if len(summary.total.by_text) > 1:
        yield _by_text(summary.total)
    yield _service(summary)


def _tiles(summary: Summary) -> str:
    """Return the most important figures, each beside its value in the period before."""
    both = _tallies(summary)
    tiles: dict[str, list[str]] = {
        _("Texts"): [in_digits(tally.counts.texts) for tally in both],
        _("New numbers"): [in_digits(tally.counts.new) for tally in both],
        _("Answers"): [in_digits(tally.counts.answers) for tally in both],
        _("Median time to answer"): [
            wait_in_words(_rounded_up(tally.seconds_to_answer[1])) if tally.seconds_to_answer else "–" for tally in both
        ],
        _("Estimated cost"): [*filter(None, (maybe_money(tally.counts.segments, summary.limits) for tally in both))],
        _("Reactions within a day"): [in_digits(tally.reactions) for tally in both],
    }
    tiles = {name: values for name, values in tiles.items() if values}  # without a price there is no cost
    listed = "".join(
        f"<div><dt>{name}</dt><dd>{text_in_html(now)}</dd>"
        + "".join(f'<dd class="before">{text_in_html(_before(value))}</dd>' for value in before)
        + "</div>"
        for name, (now, *before) in tiles.items()
    )
    return f'<dl class="tiles">{listed}</dl>'


def _before(value: str) -> str:
    return _("before: {value}", value=value)


def _tallies(summary: Summary) -> list[Tally]:
    """Return the figures of the period, and of the period before if the line existed then."""
    return [tally for tally in (summary.total, summary.before) if tally]


def _rounded_up(seconds: float) -> float:
    """Round a time up to whole minutes, as the sentences do; a time of up to a minute to whole seconds."""
    step = 60 if seconds > 60 else 1
    return step * max(1, math.ceil(seconds / step))


def _over_time(summary: Summary) -> Figure:
    texts = [part.counts.texts for part in summary.bins]
    calls = [part.counts.calls for part in summary.bins]
    answers = [part.counts.answers for part in summary.bins]
    costs = [maybe_money(part.counts.segments, summary.limits) for part in summary.bins]
    has_price = summary.limits.price_per_segment is not None
    ground, whole = [0] * len(texts), [part.whole for part in summary.bins]
    # calls are on top of texts, because both are answered
    called = [Bars("c", calls, texts, 0.84)] if any(calls) else []
    return Figure(
        name="texts",
        title=_("Texts, calls and answers"),
        says=" ".join(
            filter(
                None,
                (
                    _("Texts and calls received, and answers let out, {by_unit}.", by_unit=_BY[summary.period.by]),
                    "" if all(whole) else _("Pale: a time that is only partly in the period."),
                ),
            )
        ),
        drawing=draw_bars(
            [part.label for part in summary.bins],
            [_("{label}: {texts}, {calls}, {answers}", label=_named(part), texts=_in_texts(texts),
               calls=_in_calls(calls), answers=in_answers(answers))
             for part, texts, calls, answers in zip(summary.bins, texts, calls, answers, strict=True)],
            [Bars("a", texts, ground, 0.84), *called, Bars("b", answers, ground, 0.36)],
            whole,
        ),
        height=HEAD + HEIGHT + FOOT,
        headings=(UNITS[summary.period.by].capitalize(), _("Texts"), _("Calls"), _("Answers"), _("Segments"),
                  *([_("Estimated cost")] if has_price else ())),
        rows=(
            (part.label, part.counts.texts, part.counts.calls, part.counts.answers, part.counts.segments,
             *([cost] if has_price else ()))
            for part, cost in zip(summary.bins, costs, strict=True)
        ),
        key=(("a", _("texts")), *([("c", _("calls"))] if called else []), ("b", _("answers"))),
        beside=True,
    )  # fmt: skip


def _named(part: Bin) -> str:
    return part.label if part.whole else _("{label} (in part)", label=part.label)


def _reactions(total: Tally) -> Figure:
    rows = [(tagged_in_words(each.tags, each.reactions), each.reactions) for each in total.by_tags if each.tags]
    rows += [(_("not read yet"), total.untagged)] if total.untagged else []
    rows += [(_("erased before anybody read them"), total.unread)] if total.unread else []
    most = max(number for _name, number in rows)
    return Figure(
        name="reactions",
        title=_("Reactions to the answer"),
        says=_("What people wrote within a day after the answer, as volunteers read it."),
        drawing=draw_list([(name, "", in_digits(number), 100 * number / most) for name, number in rows]),
        height=ROW * len(rows),
        headings=(_("Reactions"), _("Texts")),
        rows=rows,
    )


def _in_texts(number: int) -> str:
    return ngettext("{number} text", "{number} texts", number)


def _in_calls(number: int) -> str:
    return ngettext("{number} call", "{number} calls", number)


def _full_hour(hour: int) -> str:
    return f"{hour:02}:00"


def _week(summary: Summary) -> Figure:
    week = averages(summary)
    most = max((average for day in week for average in day if average), default=0.0)
    wide = 100 / 24
    parts = []
    for row, (name, day) in enumerate(zip(WEEKDAYS.values(), week, strict=True)):
        parts.append(f'<g transform="translate(0 {row * _CELL})"><text x="-8" y="15" class="end">{name}</text>')
        parts += _ground(day, wide)
        for hour, average in enumerate(day):
            if not average:
                continue
            contacts, days = summary.week[row][hour], summary.week_days[row][hour]
            says = _(
                "{weekday} {first} to {last}: {average} ({contacts} on {days})",
                weekday=name,
                first=_full_hour(hour),
                last=_full_hour(hour + 1),
                average=in_digits(average, 1),
                contacts=in_digits(contacts),
                days=ngettext("{number} day", "{number} days", days),
            )
            parts.append(
                f'<rect x="{hour * wide:.2f}%" y="1" width="{wide - 0.25:.2f}%" height="{_CELL - 2}" rx="2" class="a"'
                f' fill-opacity="{0.12 + 0.88 * average / most:.2f}"><title>{says}</title></rect>'
            )
        parts.append("</g>")
    parts += [f'<text x="{hour * wide:.2f}%" y="{7 * _CELL + 15}">{hour:02}</text>' for hour in range(0, 24, 3)]
    shades = {average for day in week for average in day if average}
    told = [_("Contacts by weekday and hour: the average of all such days of the period.")]
    if len(shades) > 1:  # one shade alone needs no scale
        per_hour = in_digits(most, 0 if f"{most:.1f}".endswith(".0") else 1)
        told.append(_("The strongest colour means {number} in an hour.", number=per_hour))
    if any(None in day for day in week):
        told.append(_("An hour without a square is not in the period."))
    return Figure(
        name="week",
        title=_("Hours of the week"),
        says=" ".join(told),
        drawing="".join(parts),
        height=7 * _CELL + FOOT,
        headings=(_("Hour"), *WEEKDAYS.values()),
        rows=(
            (_full_hour(hour), *("" if day[hour] is None else in_digits(day[hour] or 0, 1) for day in week))
            for hour in range(24)
        ),
        beside=True,
    )


def _ground(day: Sequence[float | None], wide: float) -> Iterator[str]:
    """Yield the background of a weekday's row: the hours that the period has; the contacts are drawn over it."""
    says = _("no contact")
    for has, group in groupby(enumerate(day), lambda each: each[1] is not None):
        hours = [hour for hour, _average in group]
        if has:
            yield (
                f'<rect x="{hours[0] * wide:.2f}%" y="1" width="{len(hours) * wide - 0.25:.2f}%" height="{_CELL - 2}"'
                f' rx="2" class="none"><title>{says}</title></rect>'
            )


def _numbers(summary: Summary) -> Figure:
    new = [part.counts.new for part in summary.bins]
    returning, whole = [part.counts.returning for part in summary.bins], [part.whole for part in summary.bins]
    return Figure(
        name="numbers",
        title=_("New and returning numbers"),
        says=_(
            "Numbers that texted or called, {by_unit}: for the first time, or again. A number that comes in several of"
            " these times is in each of them.",
            by_unit=_BY[summary.period.by],
        ),
        drawing=draw_bars(
            [part.label for part in summary.bins],
            [_("{label}: {new} new, {again} returning", label=_named(part), new=in_digits(first),
               again=in_digits(again)) for part, first, again in
             zip(summary.bins, new, returning, strict=True)],
            [Bars("d", new, [0] * len(new), 0.84), Bars("c", returning, new, 0.84)],
            whole,
        ),
        height=HEAD + HEIGHT + FOOT,
        headings=(UNITS[summary.period.by].capitalize(), _("New"), _("Returning"), _("Without a number")),
        rows=((part.label, part.counts.new, part.counts.returning, part.counts.withheld) for part in summary.bins),
        key=(("d", _("new")), ("c", _("returning"))),
        beside=True,
    )  # fmt: skip


def _by_text(total: Tally) -> Figure:
    texts = [(text_in_words(sent), sent) for sent in total.by_text]
    most = max([1, *(sent.answers for sent in total.by_text)])
    return Figure(
        name="by-text",
        title=_("Answers by their text"),
        says=_("How many answers were sent with each text, and the reactions to them; the table has their tags."),
        drawing=draw_list(
            [
                (_shortened(text), in_reactions(sent.reactions), in_digits(sent.answers), 100 * sent.answers / most)
                for text, sent in texts
            ]
        ),
        height=ROW * len(texts),
        headings=(_("Answers"), _("Reactions"), *map(tag_in_words, total.tags), _("Text")),
        rows=[
            (in_digits(sent.answers), sent.reactions, *(sent.tags.get(tag, 0) for tag in total.tags), text)
            for text, sent in texts
        ],
        ends_in_words=True,
    )


def _shortened(text: str) -> str:
    return text if len(text) <= _NAME else text[: _NAME - 1] + "…"


def _reasons(summary: Summary) -> Figure:
    total, tallies = summary.total, _tallies(summary)
    kinds = (
        ("{reason}", [tally.suppressed for tally in tallies]),
        (_("cancelled: {reason}"), [tally.cancelled for tally in tallies]),
    )
    rows = [
        (kind.format(reason=briefly(reason)), [counts.get(reason, 0) for counts in by_period], reason_in_words(reason))
        for kind, by_period in kinds
        for reason in dict.fromkeys(reason for counts in by_period for reason in counts)
    ]
    most = max([1, *(counts[0] for _name, counts, _says in rows)])
    contacts, cancelled = total.counts.suppressed, sum(total.cancelled.values())
    return Figure(
        name="reasons",
        title=_("Not answered, and why"),
        says=" ".join(
            [
                ngettext(
                    "{number} contact got no answer by rule.", "{number} contacts got no answer by rule.", contacts
                ),
                ngettext("{number} answer was cancelled.", "{number} answers were cancelled.", cancelled),
            ]
        ),
        drawing=draw_list([(name, says, in_digits(counts[0]), 100 * counts[0] / most) for name, counts, says in rows]),
        height=ROW * len(rows),
        headings=(_("Reason"), *(_("Now"), _("Before"))[: len(tallies)], _("Meaning")),
        rows=[(name, *counts, says) for name, counts, says in rows],
        ends_in_words=True,
    )


def _service(summary: Summary) -> Figure:
    period, whole = summary.period, (summary.period.end - summary.period.start).total_seconds()
    seconds = modem_seconds(summary)

    def place(moment: datetime) -> float:
        return 100 * (moment - period.start).total_seconds() / whole

    since = next((place(span.start) for span in summary.modem if span.state), 100.0)
    parts = [draw_strip(0.0, 100.0, "none", _("not known")), draw_strip(since, 100.0 - since, "e", _("ready"))]
    parts += [draw_strip(first, wide, "f", says) for first, wide, says in _interruptions(summary.modem, place)]
    parts += [
        f'<text x="0" y="{STRIP + 17}">{_moment(period.start)}</text>',
        f'<text x="100%" y="{STRIP + 17}" class="end">{_moment(period.end)}</text>',
    ]
    return Figure(
        name="service",
        title=_("Service"),
        says=_was_ready(seconds),
        drawing="".join(parts),
        height=STRIP + FOOT,
        headings=(_("State"), pgettext("length", "Time"), _("Share")),
        rows=(
            (_words(state), wait_in_words(time), _("{number} %", number=in_digits(100 * time / whole, 2)))
            for state, time in seconds.items()
        ),
        key=(("e", _("ready")), ("f", _("not ready")), ("none", _("not known"))),
    )


def _was_ready(seconds: Mapping[str, float]) -> str:
    """Return in words the share of the time with a ready modem, from the seconds in each state."""
    known = math.fsum(time for state, time in seconds.items() if state != NoModemState.UNKNOWN)
    if not known:
        return _("Nothing is known of the modem in this time.")
    number = in_digits(ready_percent(seconds.get(ModemState.READY, 0.0), known), 1)
    if NoModemState.UNKNOWN in seconds:
        return _(
            "According to the daemon, the modem was ready for {number} % of the time that is known.",
            number=number,
        )
    return _("The modem was ready for {number} % of the period, as the daemon recorded it.", number=number)


def ready_percent(ready: float, known: float) -> float:
    """Return a share in percent, rounded down to a tenth, so that 100 means the whole."""
    # divide first: 1000 * x / x is less than 1000 for one x in eight
    return math.floor(1000 * (ready / known)) / 10 if known else 0.0


def _interruptions(spans: Sequence[Span], place: Callable[[datetime], float]) -> Iterator[tuple[float, float, str]]:
    """Yield the times without service: where each begins, its width (both in percent), and its words.

    Those that are too close to each other are drawn as one, so that a modem that comes and goes does not fill the
    page.
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
        says = _("{states}: {first} to {last}", states=states, first=_moment(first), last=_moment(last))
        yield place(first), max(_FINEST, place(last) - place(first)), says


def _words(name: str) -> str:
    return _OTHER_STATES.get(name) or MODEM_STATES.get(name, name)


def _moment(moment: datetime) -> str:
    return in_short(moment.astimezone())
