"""`hotlined stats`: the figures of a period, for a terminal, a script, a spreadsheet, or as a page."""

import csv
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from hotlined.cli.group import TranslatedCommand
from hotlined.cli.output import FILE, json_line, output_to, print_sheet, print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.table import table
from hotlined.cli.typed import WHEN
from hotlined.errors import UsageError
from hotlined.forms import by_key
from hotlined.language import N_, _, in_digits, in_row, pgettext
from hotlined.machine.clock import here
from hotlined.reports.typed import TimeRange
from hotlined.states import AnswerState
from hotlined.statistics.document import bins, document
from hotlined.statistics.periods import UNITS, By, zone
from hotlined.statistics.plain import calendar, length, text_in_words
from hotlined.statistics.sentences import sentences
from hotlined.statistics.summary import Bin, Summary, summarise
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.reading.figures import SentText, Tally
from hotlined.words.amounts import maybe_money, wait_in_words
from hotlined.words.columns import FITTED, Column, Layout, figures, inner
from hotlined.words.harmless import csv_cell
from hotlined.words.reasons import STATES, briefly
from hotlined.words.tags import tag_in_words

_DESK = Path(__file__).parent.parent / "desk/static/desk.css"


@click.command(cls=TranslatedCommand)
@click.option(
    "--since", metavar="WHEN", type=WHEN, help="From this time on (the last 30 days): 2026-11-24, 7d (ago), monday."
)
@click.option("--until", metavar="WHEN", type=WHEN, help="Up to this time; a day counts whole.")
@click.option(
    "--by",
    metavar="UNIT",
    type=click.Choice([by.value for by in By]),
    help="A bar for each hour, day, week or month.",
)
@click.option("--json", "form", flag_value="json", help="One object, every value exactly.")
@click.option("--csv", "form", flag_value="csv", help="CSV for spreadsheets, a line for each bar.")
@click.option(
    "--html",
    "page",
    metavar="FILE",
    type=FILE,
    help="Write a page to FILE, a new one (- is the standard output), to look at, print or publish. It names no number"
    " and quotes nobody.",
)
@pass_settings
def stats(
    settings: Settings,
    since: TimeRange | None,
    until: TimeRange | None,
    by: str | None,
    form: str | None,
    page: Path | None,
) -> None:
    """Show contacts, numbers, answers, costs and reactions in figures, beside those of the period before.

    A period begins with the line's first contact at the earliest, and ends now at the latest. Without --since and
    --until it is the last 30 whole days up to yesterday; before the first midnight of the line it is today. Days and
    hours are those of this machine's time zone. A reaction is a text within 24 hours after an answer to its number.

    It also gives sentences that can be printed as they are. There a telephone number counts as a person; names and
    short codes do not.

    Example: hotlined stats --since 7d --by day
    """
    chosen, now = settings.config(), here()
    if page and form:
        raise UsageError(_("{one} and {other} exclude each other.", one="--html", other="--" + form))
    ends = since.start if since else None, until.end if until else None
    with _at_work(_("Counting")), open_beside_daemon(chosen.database) as db:
        summary = summarise(db, chosen, *ends, By(by) if by else None, now)
    if page:
        from hotlined.statistics.page import draw  # noqa: PLC0415  the other forms do not need it

        with output_to(page):
            click.echo(draw(summary, _DESK.read_text("utf-8")), nl=False)
    else:
        {"json": _print_json, "csv": _print_csv, None: _print}[form](summary)


def _at_work(what: str) -> AbstractContextManager[Any]:
    """Show on a terminal that something takes a while."""
    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console  # noqa: PLC0415  only for a terminal

    return Console(stderr=True).status(what)


def _print_json(summary: Summary) -> None:
    click.echo(json_line(document(summary)))


def _print_csv(summary: Summary) -> None:
    rows = [*map(by_key, bins(summary))]
    sheet = io.StringIO()
    written = csv.DictWriter(sheet, list(rows[0]))
    written.writeheader()
    written.writerows({name: csv_cell(cell) for name, cell in row.items()} for row in rows)
    click.echo(sheet.getvalue(), nl=False)


# ---- for people

Line = tuple[str, Callable[[Tally], str]]


def _number(name: str) -> Callable[[Tally], str]:
    return lambda tally: in_digits(getattr(tally.counts, name))


def _waited(part: int) -> Callable[[Tally], str]:
    return lambda tally: wait_in_words(tally.seconds_to_answer[part]) if tally.seconds_to_answer else "-"


def lines(summary: Summary) -> Iterator[Line]:
    """Yield the rows of a period's figures: a label, indented if it is a part of the row above, and its value."""
    tallies = [tally for tally in (summary.total, summary.before) if tally]

    def words(name: str) -> Iterator[Line]:
        for word in dict.fromkeys(word for tally in tallies for word in getattr(tally, name)):
            yield (
                inner(tag_in_words(word) if name == "tags" else briefly(word)),
                partial(_of_word, name, word),
            )

    yield _("texts"), _number("texts")
    yield _("calls"), _number("calls")
    yield pgettext("contacts", "other"), _number("others")
    yield _("without a number"), _number("withheld")
    yield _("new numbers"), _number("new")
    yield _("returning"), _number("returning")
    yield _("answers"), _number("answers")
    if any(tally.counts.unconfirmed for tally in tallies):
        yield inner(STATES[AnswerState.UNCONFIRMED]), _number("unconfirmed")
    yield _("time to answer"), _waited(1)
    yield inner(_("quickest quarter")), _waited(0)
    yield inner(_("slowest quarter")), _waited(2)
    yield _("segments"), _number("segments")
    if summary.limits.price_per_segment is not None:
        yield _("estimated cost"), lambda tally: maybe_money(tally.counts.segments, summary.limits) or ""
    yield _("not answered"), _number("suppressed")
    yield from words("suppressed")
    yield pgettext("answers", "cancelled"), lambda tally: in_digits(sum(tally.cancelled.values()))
    yield from words("cancelled")
    yield _("reactions"), lambda tally: in_digits(tally.reactions)
    yield from words("tags")
    if any(tally.untagged for tally in tallies):
        yield inner(_("not tagged")), lambda tally: in_digits(tally.untagged)
    if any(tally.unread for tally in tallies):
        yield inner(_("erased unread")), lambda tally: in_digits(tally.unread)


def _of_word(name: str, word: str, tally: Tally) -> str:
    return in_digits(getattr(tally, name).get(word, 0))


def _print(summary: Summary) -> None:
    period, earlier = summary.period, summary.before_start
    print_sheet(
        (
            (_("line"), _("{line}, times in {zone}", line=summary.line, zone=zone(period))),
            (_("now"), f"{length(period.start, period.end)}, {calendar(period.start, period.end)}"),
            (_("before"), f"{length(earlier, period.start)}, {calendar(earlier, period.start)}" if earlier else None),
        )
    )
    for rows in (_bars(summary), _totals(summary)):
        click.echo()
        click.echo("\n".join(rows))
    click.echo()
    for sentence in sentences(summary):
        print_wrapped(sentence)
    if len(summary.total.by_text) > 1:
        click.echo()
        click.echo("\n".join(table(summary.total.by_text, _BY_TEXT)))


def _tags(sent: SentText) -> str:
    return in_row(f"{in_digits(count)} {tag_in_words(tag)}" for tag, count in sent.tags.items())


_BY_TEXT: tuple[Layout[SentText], ...] = (
    Layout(
        0,
        (
            Column(N_("ANSWERS"), 9, lambda sent: in_digits(sent.answers), right=True),
            Column(N_("REACTIONS"), 9, lambda sent: in_digits(sent.reactions), right=True),
            Column(N_("TEXT"), 0, text_in_words),
        ),
        Column("", 20, _tags),
    ),
)
"""The columns for each sent text, with the tags of its reactions below it."""


def _totals(summary: Summary) -> Iterator[str]:
    tallies = [tally for tally in (summary.total, summary.before) if tally]
    columns = figures("", N_("NOW"), N_("BEFORE"))[: 1 + len(tallies)]
    layout = Layout(0, tuple(replace(column, style=_part_is_dim) for column in columns))
    return table(((label, *map(value, tallies)) for label, value in lines(summary)), [layout])


def _part_is_dim(row: Sequence[str]) -> str:
    return "dim" if row[0].startswith(" ") else ""


def _count(heading: str, name: str) -> Column[Bin]:
    return Column(heading, FITTED, lambda part: in_digits(getattr(part.counts, name)), right=True)


_TEXTS, _ANSWERS = _count(N_("TEXTS"), "texts"), _count(N_("ANSWERS"), "answers")
_COLUMNS = (
    (_TEXTS, _count(N_("CALLS"), "calls"), _count(N_("NEW"), "new"), _ANSWERS, _count(N_("SEGMENTS"), "segments")),
    (_TEXTS, _ANSWERS),
    (_TEXTS,),
)
"""The counts beside the bars; the first group that leaves room for bars is shown."""


def _bars(summary: Summary) -> Iterator[str]:
    """Yield the lines of the bars: one for the texts of each part of the period, beside as many counts as fit."""
    unit: Column[Bin] = Column(UNITS[summary.period.by].upper, FITTED, lambda part: part.label)
    layouts = [Layout(0, (unit, *columns), bars=lambda part: part.counts.texts) for columns in _COLUMNS]
    return table(summary.bins, layouts)
