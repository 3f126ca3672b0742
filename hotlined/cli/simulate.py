"""`hotlined simulate`: a flood through the real policy and the real store, in virtual time."""

import math
import random
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import click
from click.core import ParameterSource

from hotlined.cli.output import json_line, print_sheet
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.typed import options, read
from hotlined.config import Config
from hotlined.errors import StoreError, UsageError
from hotlined.language import N_, NP_, Phrases, _, in_digits, pgettext
from hotlined.policy import Rules
from hotlined.rehearsal.flood import DAY_SECONDS, HOUR_SECONDS, Arrival, flood, replay
from hotlined.rehearsal.play import play
from hotlined.rehearsal.sums import FloodReport, sum_up
from hotlined.reports.rules import rules_of
from hotlined.store import rehearsal
from hotlined.store.opening import open_beside_daemon
from hotlined.store.rehearsal import FinalState
from hotlined.words.amounts import in_money, in_segments, wait_in_words
from hotlined.words.columns import inner
from hotlined.words.reasons import briefly

_PLOT_WIDTH, _PLOT_ROWS, _PLOT_LABEL = 100, 8, 6  # characters: at most, and those left of the plot
_PLOT_MARKS = 6


def _share(value: str) -> int:
    if not re.fullmatch("([0-9]{1,2}|100)%?", value):
        raise UsageError(
            _("{value} is no percentage from {least} to {most}.", value=repr(value), least="0%", most="100%")
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
"""The options of a flood that is made up."""


@click.command
@_SHAPE
@click.option(
    "--csv",
    "log",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Use the file that `log -n 0 --csv` wrote, instead of a made-up flood.",
)
@click.option(
    "--seed", metavar="NUMBER", type=int, default=1, show_default=True, help="The same seed gives the same result."
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
    rng = random.Random(seed)  # noqa: S311  no secret: the same seed has to give the same flood
    arrivals = replay(log, config) if log else flood(**shape, config=config, rng=rng)
    with tempfile.TemporaryDirectory() as folder, rehearsal.open_to_throw_away(Path(folder) / "flood.db") as db:
        coming = _with_progress(arrivals, None if log else shape["messages"])
        seconds = play(db, coming, config, rng, _rules(config))
        report = sum_up(db, config, seed, seconds)
    if as_json:
        click.echo(json_line(asdict(report)))
    else:
        _print(report)


def _rules(config: Config) -> Rules:
    """Return the rules of the line; before it has a database, those of the configuration."""
    with suppress(StoreError), open_beside_daemon(config.database) as db:
        return rules_of(db, config)
    return config.rules()


def _with_progress(arrivals: Iterable[Arrival], total: int | None) -> Iterable[Arrival]:
    """Pass contacts on and show on a terminal how many have come."""
    from rich.console import Console  # noqa: PLC0415  it takes a tenth of a second
    from rich.progress import track  # noqa: PLC0415  the same

    console = Console(stderr=True)
    if not console.is_interactive:  # a progress that is disabled leaves an empty line, before rich 14
        return arrivals
    return track(arrivals, "", total, console=console, transient=True)


def _print(report: FloodReport) -> None:
    print_sheet(_sheet(report))
    width = min(shutil.get_terminal_size().columns, _PLOT_WIDTH)
    for what in ("received", "answered") if report.timeline else ():
        click.echo()
        click.echo(_plot(report, what, width))


_FATES: Phrases[str] = Phrases(
    {
        FinalState.ANSWERED: NP_("flood", "answered"),
        FinalState.SUPPRESSED: NP_("flood", "not answered"),
        FinalState.CANCELLED: NP_("flood", "cancelled"),
        FinalState.WAITING: NP_("flood", "waiting"),
    }
)
_WORST = Phrases({"hour": N_("worst hour"), "day": N_("worst day"), "month": N_("worst month")})
_TITLES = Phrases(
    {
        ("received", HOUR_SECONDS): N_("received per hour"),
        ("received", DAY_SECONDS): N_("received per day"),
        ("answered", HOUR_SECONDS): N_("answered per hour"),
        ("answered", DAY_SECONDS): N_("answered per day"),
    }
)


def _sheet(report: FloodReport) -> Iterator[tuple[str, str | None]]:
    lasted = wait_in_words(report.seconds)
    came = _("{number} in {wait} (seed {seed})", number=in_digits(report.received), wait=lasted, seed=report.seed)
    yield pgettext("flood", "received"), came
    for fate, reasons in report.fates.items():
        total = in_digits(sum(reasons.values()))
        why = ", ".join(f"{in_digits(count)} {briefly(reason)}" for reason, count in reasons.items())
        yield _FATES[fate], _("{total}: {why}", total=total, why=why) if why else total
    cost = in_money(report.price, report.currency)
    yield _("spent"), _("{segments}, {price}", segments=in_segments(report.segments), price=cost)
    for name, peak in report.worst.items():
        used, limit = in_digits(peak.segments), in_segments(peak.limit)
        yield _WORST[name], _("{used} of {limit}", used=used, limit=limit)
    first = report.first_contacts
    asked, answered = in_digits(first.asked), in_digits(first.answered)
    yield _("first contacts"), _("{answered} of {asked} answered", answered=answered, asked=asked)
    if first.answered:
        median, worst = wait_in_words(first.median_seconds), wait_in_words(first.worst_seconds)
        yield inner(_("waited")), _("{median} (median), {worst} (worst)", median=median, worst=worst)


def _plot(report: FloodReport, what: str, width: int) -> str:
    """Draw what was received, or answered, over time."""
    import plotext  # noqa: PLC0415  JSON does without

    heights = {hours.start_seconds // report.bin_seconds: getattr(hours, what) for hours in report.timeline}
    places = range(max(heights) + 1)
    marks = places[:: max(1, math.ceil(len(places) / _PLOT_MARKS))]
    highest = max(1, *heights.values())
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.frame(False)
    plotext.plot_size(width, _PLOT_ROWS)
    plotext.title(_TITLES[what, report.bin_seconds])
    plotext.bar(places, [heights.get(place, 0) for place in places], width=1)
    plotext.xlim(-0.5, places[-1] + 0.5)
    tick = _("{number}h") if report.bin_seconds == HOUR_SECONDS else _("{number}d")
    plotext.xticks(marks, [tick.format(number=in_digits(mark)) for mark in marks])
    plotext.ylim(0, highest)
    plotext.yticks([0, highest], [f"{in_digits(mark):>{_PLOT_LABEL}}" for mark in (0, highest)])
    drawn: str = plotext.uncolorize(plotext.build())
    return "\n".join(line.rstrip() for line in drawn.splitlines())
