"""`hotlined simulate`: a flood against the real policy and the real store, in virtual time."""

import random
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import click
from click.core import ParameterSource

from hotlined.cli.group import TranslatedCommand
from hotlined.cli.output import json_line, print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.table import table
from hotlined.cli.typed import options, read
from hotlined.config import Config
from hotlined.errors import StoreError, UsageError
from hotlined.language import N_, NP_, Phrases, _, in_digits, ngettext
from hotlined.policy import Limits, Rules
from hotlined.reports.rules import rules_of
from hotlined.simulation.flood import Arrival, flood, replay
from hotlined.simulation.play import play
from hotlined.simulation.sums import FloodReport, sum_up
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.reading import simulation
from hotlined.store.reading.simulation import FinalState, Waits
from hotlined.words.amounts import in_contacts, segments_and_price, wait_in_words
from hotlined.words.columns import FITTED, Column, Layout, inner
from hotlined.words.reasons import briefly


def _share(value: str) -> int:
    if not re.fullmatch("([0-9]{1,2}|100)%?", value):
        raise UsageError(
            _("{value} is not a percentage from {least} to {most}.", value=repr(value), least="0%", most="100%")
        )
    return int(value.removesuffix("%"))


_SHAPE = options(
    click.option(
        "--messages",
        metavar="COUNT",
        type=click.IntRange(1),
        default=10_000,
        show_default=True,
        help="How many texts come.",
    ),
    click.option(
        "--numbers",
        metavar="COUNT",
        type=click.IntRange(1, 10**10),
        default=500,
        show_default=True,
        help="How many numbers text again and again.",
    ),
    click.option(
        "--hours",
        metavar="HOURS",
        type=click.IntRange(1, 87_600),
        default=72,
        show_default=True,
        help="Over how many hours they come.",
    ),
    click.option(
        "--new",
        metavar="SHARE",
        type=read(_share),
        default="10%",
        show_default=True,
        help="The share that comes from numbers never seen before.",
    ),
)
"""The options of an invented flood."""


@click.command(cls=TranslatedCommand)
@_SHAPE
@click.option(
    "--csv",
    "log",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Use the file that `log -n 0 --csv` wrote, instead of a made-up flood.",
)
@click.option(
    "--seed", metavar="SEED", type=int, default=1, show_default=True, help="The same seed gives the same result."
)
@click.option("--json", "as_json", is_flag=True, help="One object, every value exactly.")
@pass_settings
@click.pass_context
def simulate(
    ctx: click.Context, settings: Settings, /, log: Path | None, seed: int, as_json: bool, **shape: int
) -> None:
    """Send a flood through the rules in force, in virtual time, and show what would be answered and spent.

    Nothing is transmitted, and the line's database is not touched. The flood is made up, or the log of a real one.

    Example: hotlined simulate --messages 20000 --numbers 300 --new 5%
    """
    config = settings.config()
    if log and any(ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in shape):
        raise click.UsageError(N_("--csv says what comes: --messages, --numbers, --hours and --new do not go with it."))
    rng = random.Random(seed)  # noqa: S311  not a secret: the same seed must give the same flood
    arrivals = replay(log, config) if log else flood(**shape, config=config, rng=rng)
    with tempfile.TemporaryDirectory() as folder, simulation.open_to_throw_away(Path(folder) / "flood.db") as db:
        coming = _with_progress(arrivals, None if log else shape["messages"])
        seconds = play(db, coming, config, rng, _rules(config))
        report = sum_up(db, config, seed, seconds)
    if as_json:
        click.echo(json_line(report))
    else:
        _print(report, config.limits)


def _rules(config: Config) -> Rules:
    """Return the rules of the line; without a database, the rules that the configuration alone gives."""
    with suppress(StoreError), open_beside_daemon(config.database) as db:
        return rules_of(db, config)
    return config.rules()


def _with_progress(arrivals: Iterable[Arrival], total: int | None) -> Iterable[Arrival]:
    """Pass contacts on; a terminal shows how many have come."""
    from rich.console import Console  # noqa: PLC0415  importing it takes a tenth of a second
    from rich.progress import track  # noqa: PLC0415  slow to import, too

    console = Console(stderr=True)
    if not console.is_interactive:  # before rich 14 a disabled progress bar leaves an empty line
        return arrivals
    return track(arrivals, "", total, console=console, transient=True)


_FATES: Phrases[str] = Phrases(
    {
        FinalState.ANSWERED: NP_("flood", "answered"),
        FinalState.SUPPRESSED: NP_("flood", "not answered"),
        FinalState.CANCELLED: NP_("flood", "cancelled"),
        FinalState.WAITING: NP_("flood", "waiting"),
    }
)
_LABEL: Column[tuple[str, int]] = Column("", FITTED, lambda row: row[0], lambda row: "dim" if row[0][0] == " " else "")
_CONTACTS: Column[tuple[str, int]] = Column(N_("CONTACTS"), FITTED, lambda row: in_digits(row[1]), right=True)
_LAYOUTS = (Layout(0, (_LABEL, _CONTACTS), bars=lambda row: row[1]), Layout(0, (_LABEL, _CONTACTS)))


def _print(report: FloodReport, limits: Limits) -> None:
    print_wrapped(_spent(report, limits))
    print_wrapped(_waited(report.first_contacts))
    click.echo()
    click.echo("\n".join(table(_fates(report), _LAYOUTS)))


def _spent(report: FloodReport, limits: Limits) -> str:
    if not report.received:
        return _("There is no contact in the log.")
    return ngettext(
        "{number} of {contacts} in {wait} is answered, with {segments}: at most {hour} in an hour, {day} in a day,"
        " {month} in 30 days.",
        "{number} of {contacts} in {wait} are answered, with {segments}: at most {hour} in an hour, {day} in a day,"
        " {month} in 30 days.",
        sum(report.fates[FinalState.ANSWERED].values()),
        contacts=in_contacts(report.received),
        wait=wait_in_words(report.seconds),
        segments=segments_and_price(report.segments, limits),
        **{
            name: _("{used} of {limit}", used=in_digits(peak.segments), limit=in_digits(peak.limit))
            for name, peak in report.worst.items()
        },
    )


def _waited(first: Waits) -> str:
    if not first.asked:
        return _("No number is new.")
    if not first.answered:
        return _("None of {asked} new numbers is answered.", asked=in_digits(first.asked))
    return ngettext(
        "{number} of {asked} new numbers is answered, after {worst}.",
        "{number} of {asked} new numbers are answered, half of them within {median}, the last after {worst}.",
        first.answered,
        asked=in_digits(first.asked),
        median=wait_in_words(first.median_seconds),
        worst=wait_in_words(first.worst_seconds),
    )


def _fates(report: FloodReport) -> Iterator[tuple[str, int]]:
    for fate, reasons in report.fates.items():
        yield _FATES[fate], sum(reasons.values())
        for reason, count in reasons.items():
            yield inner(briefly(reason)), count
