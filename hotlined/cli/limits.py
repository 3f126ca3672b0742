"""`hotlined limits`: what is left in each window, and the worst that can be spent.

The worst is what the configured windows allow, whatever comes; neither needs a daemon, nor a database.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta

import click

from hotlined import policy
from hotlined.cli import Settings, pass_settings
from hotlined.cli.config import worst_case
from hotlined.cli.output import counted, harmless, json_line
from hotlined.config import Config, Mode, format_duration
from hotlined.errors import DatabaseMissingError
from hotlined.gsm.alphabet import plan
from hotlined.store import attempts
from hotlined.store.database import Database, open_beside_daemon

_WIDE = 60  # characters: from here on there is room for two blanks between two columns
_STEPS = ((86_400, 3_600), (3_600, 60), (0, 1))  # seconds: from so many on, a wait is told in steps of so many


@dataclass(frozen=True, slots=True)
class Window:
    """One window, in segments; `returning` are those to numbers that were answered before: `reserve` is not for them.

    It also says in how many seconds there is room for an answer to a new and to a known number: 0 now, None never.
    """

    used: int
    returning: int
    limit: int
    reserve: int
    new_in_seconds: float | None
    known_in_seconds: float | None


@dataclass(frozen=True, slots=True)
class Worst:
    """The most that a window allows: segments, their price, and the first contacts that can be answered with them."""

    segments: int
    price: float
    first_contacts: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What one answer costs."""

    segments: int
    price: float


@dataclass(frozen=True, slots=True)
class Report:
    """What `limits --json` prints; `answers` are the first to a number, the second and so on."""

    line: str
    mode: str
    currency: str
    windows: dict[str, Window]
    worst: dict[str, Worst]
    answers: tuple[Cost, ...]


def report(chosen: Config) -> Report:
    """Look at the windows and work out the worst; without a database nothing is used."""
    limits = chosen.limits
    segments = [plan(text, chosen.answer.encoding).segments for text in chosen.answer.texts]
    try:
        with open_beside_daemon(chosen.database) as db:
            windows = _windows(db, chosen, segments)
    except DatabaseMissingError:
        windows = _windows(None, chosen, segments)
    return Report(
        line=chosen.line,
        mode=chosen.mode.value,
        currency=limits.currency,
        windows=windows,
        worst={
            name: Worst(most, price(most, limits), most // segments[0]) for name, most in worst_case(chosen).items()
        },
        answers=tuple(Cost(each, price(each, limits)) for each in segments),
    )


def price(segments: int, limits: policy.Limits) -> float:
    """Return what segments cost, in the configured currency."""
    return float(segments * limits.price_per_segment)


def _windows(db: Database | None, chosen: Config, segments: list[int]) -> dict[str, Window]:
    shadow = chosen.mode is Mode.SHADOW
    now = db.now() if db else None
    spent = (
        attempts.spent(db, now, shadow=shadow) if db and now else dict.fromkeys(policy.WINDOW_SECONDS, policy.Spent())
    )

    def room_in(name: str, *, returning: bool) -> float | None:
        wanted = max(segments[1:] or segments) if returning else segments[0]
        if db and now:
            at = attempts.room_at(db, name, wanted, chosen.limits, now, returning=returning, shadow=shadow)
            return None if at is None else at - now.limit
        limit = getattr(chosen.limits.segments, name)
        return 0.0 if wanted <= limit - returning * policy.reserve(limit, chosen.limits) else None

    return {
        name: Window(
            used=used.total,
            returning=used.returning,
            limit=(limit := getattr(chosen.limits.segments, name)),
            reserve=policy.reserve(limit, chosen.limits),
            new_in_seconds=room_in(name, returning=False),
            known_in_seconds=room_in(name, returning=True),
        )
        for name, used in spent.items()
    }


@click.command
@click.option("--json", "as_json", is_flag=True, help="One object, every value exactly.")
@pass_settings
def limits(settings: Settings, as_json: bool) -> None:
    """Show what is left in each window, and the worst that can be spent.

    ROOM is when an answer to a new number fits, IF KNOWN when one to a number that was answered before does, which the
    reserve is not for. The worst is what the windows allow, whatever comes.

    Example: hotlined limits --json
    """
    found = report(settings.config())
    if as_json:
        click.echo(json_line(asdict(found)))
    else:
        _print(found)


def _print(found: Report) -> None:
    from rich.console import Console  # noqa: PLC0415  JSON does without
    from rich.table import Table  # noqa: PLC0415  the same

    console = Console(highlight=False, markup=False, emoji=False)

    def print_table(headings: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
        table = Table(box=None, pad_edge=False, collapse_padding=console.width < _WIDE, header_style="dim")
        for number, heading in enumerate(headings):
            table.add_column(heading, justify="right" if number else "left")
        for row in rows:
            table.add_row(*map(str, row))
        with console.capture() as shown:  # rich would end the program itself where nobody reads on
            console.print(table)
        click.echo(shown.get(), color=True)

    def money(amount: float) -> str:
        return harmless(f"{amount:.2f} {found.currency}")

    print_table(
        ("WINDOW", "USED", "LIMIT", "RESERVE", "ROOM", "IF KNOWN"),
        (
            (
                name,
                each.used,
                each.limit,
                each.reserve,
                in_words(each.new_in_seconds),
                in_words(each.known_in_seconds),
            )
            for name, each in found.windows.items()
        ),
    )
    print_table(
        ("AT WORST", "SEGMENTS", "PRICE", "NEW NUMBERS"),
        ((name, each.segments, money(each.price), each.first_contacts) for name, each in found.worst.items()),
    )
    for number, each in enumerate(found.answers, 1):
        name = "An answer" if len(found.answers) == 1 else f"Answer {number}"
        click.echo(f"{name} costs {money(each.price)}: {counted(each.segments, 'segment')}.")


def in_words(seconds: float | None) -> str:
    """Write a time to wait in at most two units, rounded up: now, 45s, 3h12m, 29d4h; never for None."""
    if seconds is None:
        return "never"
    if seconds <= 0:
        return "now"
    step = next(step for least, step in _STEPS if seconds >= least)
    return format_duration(timedelta(seconds=math.ceil(seconds / step) * step))
