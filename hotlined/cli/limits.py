"""`hotlined limits`: what is left in each window, what waits, and the worst that can be spent.

When there is room is worked out for the next text, so behind all answers that wait already. The worst is what the
configured windows allow, whatever comes; neither needs a daemon, nor a database.
"""

import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

import click

from hotlined import policy
from hotlined.cli.config import worst_case
from hotlined.cli.output import as_typed, json_line, print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.status import holds_of
from hotlined.clock import Now, rfc3339
from hotlined.config import Config, Mode
from hotlined.errors import DatabaseMissingError
from hotlined.gsm.alphabet import plan
from hotlined.policy import Share
from hotlined.reports.in_force import shortened
from hotlined.store import attempts, forecast
from hotlined.store.database import Database, open_beside_daemon
from hotlined.store.line import Sending
from hotlined.words.amounts import counted, price, wait_in_words
from hotlined.words.conditions import hold_in_words
from hotlined.words.harmless import harmless
from hotlined.words.times import clock_time

_WHOLE = 1000  # characters: wider than any of these tables
SOON_SECONDS = 60
"""What goes in less than that goes now, for people: the next answer waits for those before it to be handed over."""
_WIDE = 60  # characters: from here on there is room for two blanks between two columns


@dataclass(frozen=True, slots=True)
class Window:
    """One window, in segments; `returning` are those to numbers that were answered before: `reserve` is not for them.

    It also says in how many seconds there is room for one answer more to a new and to a known number, once those that
    wait have gone: 0 now, None never. What nobody can say while the configuration is broken is None, too.
    """

    used: int
    returning: int
    limit: int | None
    reserve: int | None
    new_in_seconds: float | None
    known_in_seconds: float | None


@dataclass(frozen=True, slots=True)
class Queue:
    """The answers that wait in one share, their segments, and in how many seconds that to a text of now can go.

    That is at the earliest: `answer.delay` is drawn at random. None: never, or while something keeps all back. `ahead`
    of those that wait are due before it.
    """

    answers: int
    segments: int
    next_in_seconds: float | None
    ahead: int


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
    """What `limits --json` prints; `answers` are the first to a number, the second and so on.

    `held` is all that keeps answers back, whatever room there is. `waits` are all answers that wait, and the first of
    them goes in `first_in_seconds`; None where nobody can say.
    """

    line: str
    mode: str
    currency: str
    windows: dict[str, Window]
    queue: dict[str, Queue]
    held: tuple[Sending, ...]
    worst: dict[str, Worst]
    answers: tuple[Cost, ...]
    waits: int
    first_in_seconds: float | None
    unknown: tuple[str, ...] = ()
    """The keys that nobody can say while the configuration is broken; what follows from them is left out."""


_FORECAST = ("answer", "limits", "modem.send_interval", "mode")  # what it depends on when there is room, and how much


def report(chosen: Config, unknown: tuple[str, ...] = ()) -> Report:
    """Look at the windows and work out the worst; without a database nothing is used.

    `unknown` are keys that have only their default in `chosen`.
    """
    unknown = tuple(key for key in unknown if key.startswith(_FORECAST))
    found = _report(chosen)
    if not unknown:
        return found
    windows = {
        name: replace(
            each,
            limit=None if f"limits.segments.{name}" in unknown else each.limit,
            reserve=None if {f"limits.segments.{name}", "limits.reserve_for_new"} & {*unknown} else each.reserve,
            new_in_seconds=None,
            known_in_seconds=None,
        )
        for name, each in found.windows.items()
    }
    queue = {share: replace(each, next_in_seconds=None) for share, each in found.queue.items()}
    return replace(found, windows=windows, queue=queue, worst={}, answers=(), first_in_seconds=None, unknown=unknown)


def _report(chosen: Config) -> Report:
    limits = chosen.limits
    segments = [plan(text, chosen.answer.encoding).segments for text in chosen.answer.texts]
    try:
        with open_beside_daemon(chosen.database) as db:
            now = db.now()
            spent = attempts.spent(db, now, shadow=chosen.mode is Mode.SHADOW)
            seen = look_ahead(db, chosen, now)
            held = holds_of(db, chosen)
    except DatabaseMissingError:
        held = ()
        spent = dict.fromkeys(policy.WINDOW_SECONDS, policy.Spent())
        seen = forecast.nothing(limits, chosen.answer.delay[0])
    new = seen.outlook(segments[0], known=False)
    known = seen.outlook(sizes(chosen)[Share.KNOWN], known=True)

    def left(at: float | None) -> float | None:
        return None if at is None else at - seen.now

    return Report(
        line=chosen.line,
        mode=chosen.mode.value,
        currency=limits.currency,
        windows={
            name: Window(
                used=used.total,
                returning=used.returning,
                limit=(limit := getattr(limits.segments, name)),
                reserve=policy.reserve(limit, limits),
                new_in_seconds=left(new.windows[name]),
                known_in_seconds=left(known.windows[name]),
            )
            for name, used in spent.items()
        },
        queue={
            share.value: Queue(
                seen.ahead[share].answers,
                seen.ahead[share].segments,
                None if held else left(outlook.at),
                outlook.ahead.answers,
            )
            for share, outlook in ((Share.NEW, new), (Share.KNOWN, known))
        },
        held=held,
        worst={
            name: Worst(most, price(most, limits), most // segments[0]) for name, most in worst_case(chosen).items()
        },
        answers=tuple(Cost(each, price(each, limits)) for each in segments),
        waits=sum(each.answers for each in seen.ahead.values()),
        first_in_seconds=None if held else left(seen.first_at()),
    )


def sizes(chosen: Config) -> dict[Share, int]:
    """Return how many segments an answer takes that is not composed yet: to a known number, the longest it may get."""
    each = [plan(text, chosen.answer.encoding).segments for text in chosen.answer.texts]
    return {Share.NEW: each[0], Share.KNOWN: max(each[1:] or each)}


def look_ahead(db: Database, chosen: Config, now: Now) -> forecast.Forecast:
    """Look at what waits and what is spent."""
    return forecast.forecast(
        db,
        chosen.limits,
        now,
        max_age=chosen.answer.max_age,
        send_interval=chosen.modem.send_interval,
        delay=chosen.answer.delay[0],
        sizes=sizes(chosen),
        shadow=chosen.mode is Mode.SHADOW,
    )


@click.command
@click.option("--json", "as_json", is_flag=True, help="One object, every value exactly.")
@pass_settings
def limits(settings: Settings, as_json: bool) -> None:
    """Show what is left in each window, what waits, and the worst that can be spent.

    NEW says when there is room for one more answer to a new number, KNOWN for one to a number that was answered before:
    the reserve is not for these. Whoever waits already goes first. The worst is what the windows allow, whatever comes.

    Example: hotlined limits --json
    """
    config = settings.config()
    found = report(config, settings.unknown)
    if as_json:
        click.echo(json_line(asdict(found)))
    else:
        _print(found)


def _print(found: Report) -> None:
    from rich.console import Console  # noqa: PLC0415  JSON does without
    from rich.table import Table  # noqa: PLC0415  the same

    # in a pipe or a file nothing is cut
    console = Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else _WHOLE)

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
        ("WINDOW", "USED", "LIMIT", "RESERVE", "NEW", "KNOWN"),
        (
            (
                name,
                each.used,
                "?" if each.limit is None else each.limit,
                "?" if each.reserve is None else each.reserve,
                "?" if found.unknown else wait_in_words(each.new_in_seconds),
                "?" if found.unknown else wait_in_words(each.known_in_seconds),
            )
            for name, each in found.windows.items()
        ),
    )
    new, known = (found.queue[share.value] for share in (Share.NEW, Share.KNOWN))
    for held in found.held:
        print_wrapped(as_typed(" ".join(hold_in_words(held.state, held.reason, held.by))))
    if found.unknown:
        print_wrapped(
            f"{waiting_in_words(new)} to new numbers and {waiting_in_words(known)} to known ones wait. When they can"
            " go, and what can be spent at worst, nobody can say:"
            f" {', '.join(shortened(found.unknown))} cannot be read."
        )
        return
    print_wrapped(
        f"Until then {waiting_in_words(new)} to new numbers and {waiting_in_words(known)} to known ones wait."
        if found.held
        else f"{_first_in_words(found)}A text that comes now can be answered {next_in_words(new)} if its number is new,"
        f" {next_in_words(known)} if it was answered before."
    )
    print_table(
        ("AT WORST", "SEGMENTS", "PRICE", "NEW NUMBERS"),
        ((name, each.segments, money(each.price), each.first_contacts) for name, each in found.worst.items()),
    )
    for number, each in enumerate(found.answers, 1):
        name = "An answer" if len(found.answers) == 1 else f"Answer {number}"
        click.echo(f"{name} costs {money(each.price)}: {counted(each.segments, 'segment')}.")


def next_in_words(queue: Queue) -> str:
    """Write when the answer to a text of now can go, and behind how many of those that wait."""
    seconds = queue.next_in_seconds
    when = "now" if seconds is not None and seconds < SOON_SECONDS else wait_in_words(seconds)
    if when not in {"now", "never"}:
        when = f"in {when}"
    return f"{when}, behind {counted(queue.ahead, 'answer')}," if queue.ahead else when


def _first_in_words(found: Report) -> str:
    """Write how many answers wait and when the first of them goes; nothing where none waits."""
    if not found.waits:
        return ""
    waits = f"{counted(found.waits, 'answer')} {'waits' if found.waits == 1 else 'wait'}"
    if found.first_in_seconds is None:
        return f"{waits}; none will find room in time. "
    if found.first_in_seconds < SOON_SECONDS:
        return f"{waits}; the next can go now. "
    at = rfc3339(datetime.now(UTC) + timedelta(seconds=found.first_in_seconds))
    return f"{waits}; the next can go {clock_time(at)}. "


def waiting_in_words(queue: Queue) -> str:
    """Write how many answers wait, and their segments."""
    if not queue.answers:
        return "no answer"
    return f"{counted(queue.answers, 'answer')} ({counted(queue.segments, 'segment')})"
