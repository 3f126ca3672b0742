"""`hotlined limits`: the room left in each window, the answers that wait, and the most that can be spent."""

from collections.abc import Iterable, Sequence

import click

from hotlined.cli.group import TranslatedCommand
from hotlined.cli.output import as_typed, json_line, print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.table import table
from hotlined.conditions import WINDOW_NAMES, hold_in_words
from hotlined.language import N_, _, in_digits
from hotlined.machine.clock import here
from hotlined.reports.limits import LimitsReport, report_limits, waits_in_words
from hotlined.rules.policy import Limits
from hotlined.words.amounts import maybe_money, segments_and_price, wait_in_words
from hotlined.words.columns import Column, Layout, figures


@click.command(cls=TranslatedCommand)
@click.option("--json", "as_json", is_flag=True, help="One object, every value exactly.")
@pass_settings
def limits(settings: Settings, as_json: bool) -> None:
    """Show what is left of each budget, what waits, and the worst that can be spent.

    NEW says when there is room for one more answer to a new number, KNOWN for one to a number that was answered before:
    these numbers may not use the reserve. Of the answers that are due, the newest leaves first. The worst is the most
    that the budgets allow, whatever comes.

    Example: hotlined limits --json
    """
    config = settings.config()
    report = report_limits(config)
    if as_json:
        click.echo(json_line(report))
        return
    _print_windows(report)
    for hold in report.held:
        print_wrapped(as_typed(" ".join(hold_in_words(hold.reason, hold.by))))
    print_wrapped(waits_in_words(report, config.answer.delay[0], here()))
    click.echo()
    _print_worst(report, config.limits)


def _print_windows(report: LimitsReport) -> None:
    _print_table(
        (
            (
                WINDOW_NAMES[name],
                in_digits(window.used),
                in_digits(window.limit),
                in_digits(window.reserve),
                wait_in_words(window.new_in_seconds),
                wait_in_words(window.known_in_seconds),
            )
            for name, window in report.windows.items()
        ),
        figures(N_("WINDOW"), N_("USED"), N_("LIMIT"), N_("RESERVE"), N_("NEW"), N_("KNOWN")),
        apart=2,
    )


def _print_worst(report: LimitsReport, limits: Limits) -> None:
    has_price = limits.price_per_segment is not None
    _print_table(
        (
            (
                WINDOW_NAMES[name],
                in_digits(worst.segments),
                *((maybe_money(worst.segments, limits) or "",) if has_price else ()),
                in_digits(worst.first_contacts),
            )
            for name, worst in report.worst.items()
        ),
        figures(N_("AT WORST"), N_("SEGMENTS"), *((N_("PRICE"),) if has_price else ()), N_("NEW NUMBERS")),
        apart=1,
    )
    for number, cost in enumerate(report.answers, 1):
        name = _("An answer") if len(report.answers) == 1 else _("Answer {number}", number=number)
        print_wrapped(_("{name} takes {segments}.", name=name, segments=segments_and_price(cost.segments, limits)))


def _print_table(rows: Iterable[Sequence[str]], columns: tuple[Column[Sequence[str]], ...], apart: int) -> None:
    """Print a table; if it is too wide, its last `apart` columns follow in a second table, with the first one."""
    narrow = Layout(0, columns[:-apart], then=Layout(0, (columns[0], *columns[-apart:])))
    click.echo("\n".join(table(rows, (Layout(0, columns), narrow))))
    click.echo()
