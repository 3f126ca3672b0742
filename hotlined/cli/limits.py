"""`hotlined limits`: what is left in each window, what waits, and the worst that can be spent."""

import sys
from collections.abc import Iterable
from dataclasses import asdict

import click

from hotlined.cli.output import as_typed, json_line, print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.language import _, in_digits
from hotlined.reports.limits import LimitsReport, report_limits, waits_in_words
from hotlined.words.amounts import in_money, in_segments, wait_in_words
from hotlined.words.conditions import WINDOW_NAMES, hold_in_words
from hotlined.words.harmless import harmless

_WHOLE = 1000  # characters: wider than any of these tables
_WIDE = 60  # characters: from here on there is room for two blanks between two columns


@click.command
@click.option("--json", "as_json", is_flag=True, help="One object, every value exactly.")
@pass_settings
def limits(settings: Settings, as_json: bool) -> None:
    """Show what is left in each window, what waits, and the worst that can be spent.

    NEW says when there is room for one more answer to a new number, KNOWN for one to a number that was answered before:
    these numbers may not use the reserve. Answers that wait already go first. The worst is the most that the windows
    allow, whatever comes.

    Example: hotlined limits --json
    """
    config = settings.config()
    report = report_limits(config, settings.unknown)
    if as_json:
        click.echo(json_line(asdict(report)))
        return
    _print_windows(report)
    for hold in report.held:
        print_wrapped(as_typed(" ".join(hold_in_words(hold.reason, hold.by))))
    print_wrapped(waits_in_words(report))
    if not report.unknown:
        click.echo()
        _print_worst(report)


def _print_windows(report: LimitsReport) -> None:
    _print_table(
        (_("WINDOW"), _("USED"), _("LIMIT"), _("RESERVE"), _("NEW"), _("KNOWN")),
        (
            (
                WINDOW_NAMES[name],
                in_digits(window.used),
                "?" if window.limit is None else in_digits(window.limit),
                "?" if window.reserve is None else in_digits(window.reserve),
                "?" if report.unknown else wait_in_words(window.new_in_seconds),
                "?" if report.unknown else wait_in_words(window.known_in_seconds),
            )
            for name, window in report.windows.items()
        ),
        second=(4, 5),
    )


def _print_worst(report: LimitsReport) -> None:
    def money(amount: float) -> str:
        return harmless(in_money(amount, report.currency))

    _print_table(
        (_("AT WORST"), _("SEGMENTS"), _("PRICE"), _("NEW NUMBERS")),
        (
            (WINDOW_NAMES[name], in_digits(worst.segments), money(worst.price), in_digits(worst.first_contacts))
            for name, worst in report.worst.items()
        ),
        second=(3,),
    )
    for number, cost in enumerate(report.answers, 1):
        name = _("An answer") if len(report.answers) == 1 else _("Answer {number}", number=number)
        segments = in_segments(cost.segments)
        print_wrapped(_("{name} costs {price}: {segments}.", name=name, price=money(cost.price), segments=segments))


def _print_table(headings: tuple[str, ...], rows: Iterable[tuple[object, ...]], second: tuple[int, ...] = ()) -> None:
    """Print a table as wide as the terminal; in a pipe or a file nothing is cut.

    If it is too wide, the columns `second` go into a second table below, behind the first column.
    """
    from rich.console import Console  # noqa: PLC0415  JSON does without
    from rich.measure import Measurement  # noqa: PLC0415  the same
    from rich.table import Table  # noqa: PLC0415  the same

    console = Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else _WHOLE)
    rows = list(rows)

    def table(columns: Iterable[int]) -> Table:
        made = Table(box=None, pad_edge=False, collapse_padding=console.width < _WIDE, header_style="dim")
        for number in columns:
            made.add_column(headings[number], justify="right" if number else "left")
        for row in rows:
            made.add_row(*(str(row[number]) for number in columns))
        return made

    every = range(len(headings))
    tables = [table(every)]
    if second and Measurement.get(console, console.options.update(max_width=_WHOLE), tables[0]).maximum > console.width:
        tables = [table([number for number in every if number not in second]), table((0, *second))]
    with console.capture() as shown:  # rich would end the program itself if the reader closes the pipe
        console.print(*tables, sep="\n")
    click.echo(shown.get(), color=True)
