"""`hotlined numbers` and `hotlined number`: who contacts the line, and when one may next be answered.

Whether a number may be answered is asked of the policy itself, as for a text that came now.
Known to be wrong: a number that became a pseudonym in part stands in the list twice, once under each name.
"""

import csv
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from itertools import chain

import click

from hotlined import policy
from hotlined.cli import typed
from hotlined.cli.limits import SOON_SECONDS, look_ahead
from hotlined.cli.log import entry, lines
from hotlined.cli.output import as_typed, csv_cell, json_line, sheet
from hotlined.cli.pager import no_pager, print_paged
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.status import holds_of
from hotlined.cli.table import Column, Layout, table
from hotlined.cli.typed import COUNT
from hotlined.clock import Now, rfc3339
from hotlined.config import Config, Mode
from hotlined.errors import UsageError
from hotlined.gsm.address import Address, Identity, Ton, identify, parse_number
from hotlined.gsm.alphabet import plan
from hotlined.policy import Reason
from hotlined.states import State
from hotlined.store import attempts, correspondents, log, pseudonyms
from hotlined.store.correspondents import Correspondent
from hotlined.store.database import Database, open_beside_daemon
from hotlined.store.forecast import Ahead
from hotlined.store.line import FREE, Sending, is_paused, own_number, sending_of
from hotlined.words.amounts import counted, wait_in_words
from hotlined.words.conditions import hold_in_words
from hotlined.words.harmless import harmless
from hotlined.words.reasons import REASONS, answer_in_words, briefly
from hotlined.words.times import TIME_WIDTH, maybe_moment, moment

_COLUMNS = tuple(Correspondent.__dataclass_fields__)


def _when(text: str | None) -> str:
    return maybe_moment(text) or "-"


def _state(who: Correspondent) -> str:
    return ", ".join(word for word, holds in (("blocked", who.blocked), ("opted out", who.opted_out)) if holds)


_NUMBER: Column[Correspondent] = Column("NUMBER", 14, lambda who: harmless(who.number or log.WITHHELD), "bold")
_CONTACTS: Column[Correspondent] = Column("CONTACTS", 8, lambda who: str(who.contacts), right=True)
_ANSWERS: Column[Correspondent] = Column("ANSWERS", 7, lambda who: str(who.answers), right=True)
_SEGMENTS: Column[Correspondent] = Column("SEGMENTS", 8, lambda who: str(who.segments), right=True)
_FIRST: Column[Correspondent] = Column("FIRST", TIME_WIDTH, lambda who: _when(who.first_at), right=True)
_LAST: Column[Correspondent] = Column("LAST", TIME_WIDTH, lambda who: _when(who.last_at), right=True)
_STATE: Column[Correspondent] = Column("STATE", 0, _state, "yellow")
_LAYOUTS = (
    Layout(78, (_NUMBER, _CONTACTS, _ANSWERS, _SEGMENTS, _FIRST, _LAST, _STATE)),
    Layout(
        0,
        (_NUMBER, replace(_CONTACTS, heading="IN", width=5), replace(_ANSWERS, heading="OUT", width=4), _LAST),
        below=replace(_STATE, width=2),
    ),
)


@click.command
@click.option("-n", "limit", metavar="COUNT", type=COUNT, default="50", help="So many, the last ones (50); 0: all.")
@click.option(
    "--sort",
    "order",
    metavar="ORDER",
    type=click.Choice([order.value for order in correspondents.Order]),
    default=correspondents.Order.LAST.value,
    help="By the last contact (last), how many there are (contacts), or the first contact (first); the latest or most"
    " stand at the end.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, one object a number.")
@click.option("--csv", "as_csv", is_flag=True, help="CSV for spreadsheets.")
@no_pager
@pass_settings
def numbers(settings: Settings, limit: int, order: str, as_json: bool, as_csv: bool, pager: bool) -> None:
    """Show who contacts the line: contacts, answers, the segments that these took, and who is blocked or has opted out.

    Example: hotlined numbers --sort contacts -n 10
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other.")
    config = settings.config()
    with open_beside_daemon(config.database) as db:
        found = correspondents.correspondents(db, correspondents.Order(order), limit, shadow=config.mode is Mode.SHADOW)
    shown = [replace(who, blocked=who.blocked or who.number in config.numbers.blocked) for who in found]
    if as_json:
        for who in shown:
            click.echo(json_line(asdict(who)))
    elif as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(_COLUMNS)
        writer.writerows(map(csv_cell, asdict(who).values()) for who in shown)
    else:
        print_paged(table(shown, _LAYOUTS, "Nobody has contacted the line yet."), pager=pager, at_end=True)


@dataclass(frozen=True, slots=True)
class Next:
    """Whether a text that came now would be answered and why, and when the next answer can go at the earliest.

    `in_seconds` is None where a decision of people has to come first, or the end of an outage. `windows` are the
    seconds until each window has room for that answer (0: now; None: never), once those that are due before it have
    gone: `ahead`.
    """

    answer: bool
    reason: Reason
    in_seconds: float | None
    windows: dict[str, float | None]
    ahead: Ahead


def outlook(db: Database, config: Config, identity: Identity, now: Now, held: Sending) -> Next:
    """Ask the policy and the windows about a number; nothing is promised while something keeps all answers back."""
    limits, shadow = config.limits, config.mode is Mode.SHADOW
    rules = config.rules(own_number(db), sim_changed=held.reason == "sim_changed")
    history = attempts.history_of(db, identity.originator, shadow=shadow)
    verdict = policy.judge(policy.Contact("text", identity, timedelta(0)), history, rules, now.limit)
    segments = plan(config.answer.text_after(history.answers), config.answer.encoding).segments
    known = history.answers > 0
    seen = look_ahead(db, config, now)
    room = seen.outlook(segments, known=known)
    windows = {name: None if at is None else at - now.limit for name, at in room.windows.items()}
    waits = [None if room.at is None else room.at - now.limit]
    if verdict.reason is Reason.COOLDOWN:
        waits.append(policy.cooldown_left(history, limits, now.limit) + config.answer.delay[0].total_seconds())
    elif not verdict.answer:
        waits.append(None)
    if held.state != "free":
        waits.append(None)
    in_seconds = None if None in waits else max(filter(None, waits), default=0.0)
    return Next(verdict.answer, verdict.reason, in_seconds, windows, room.ahead)


def _identity(db: Database, text: str, country: str) -> Identity:
    """Return who is meant: a number however it is written, or a name or short code that contacted the line."""
    if text.strip().lower() == log.WITHHELD:
        raise UsageError(
            "Nobody can tell those apart who withhold their number.",
            f"`hotlined log --number {log.WITHHELD}` shows what they sent.",
        )
    if known := correspondents.maybe_identity(db, text.strip()):
        return known
    return identify(Address(parse_number(text, country)[1:], Ton.INTERNATIONAL), country)


def _together(found: list[Correspondent], number: str, config: Config) -> Correspondent:
    """Sum up what stands under a number and under its pseudonym."""
    return Correspondent(
        number=number,
        contacts=sum(each.contacts for each in found),
        first_at=min((each.first_at for each in found if each.first_at), default=None),
        last_at=max((each.last_at for each in found if each.last_at), default=None),
        answers=sum(each.answers for each in found),
        segments=sum(each.segments for each in found),
        blocked=any(each.blocked for each in found) or number in config.numbers.blocked,
        opted_out=any(each.opted_out for each in found),
    )


def _sheet(
    who: Correspondent,
    identity: Identity,
    told: Next,
    now: Now,
    *,
    least_delay: float,
    waiting: str,
    holds: tuple[Sending, ...],
) -> Iterator[tuple[str, str]]:
    """Yield labels and values; `waiting` says what becomes of an answer that is queued for it, empty without one."""
    where = ", ".join(filter(None, (identity.country, identity.line_type.replace("_", " "))))
    yield "number", f"{who.number or log.WITHHELD} ({where})"
    yield "contacts", str(who.contacts)
    if who.first_at and who.last_at:
        yield "first, last", f"{moment(who.first_at)}, {moment(who.last_at)}"
    how = " in all" if who.answers else ", sent by hand"  # those by hand are among the former
    spent = f"; {counted(who.segments, 'segment')} went to it{how}" if who.segments else ""
    yield "answers", f"{who.answers or 'none'}{spent}"
    yield "state", _state(who)
    yield "next answer", f"one is on its way: {waiting}" if waiting else _next_in_words(told, now, least_delay)
    yield "  because", REASONS[told.reason]
    yield "  waiting", _ahead_in_words(told)
    yield "  room", _room_in_words(told.windows)
    for held in holds:
        yield "  held back", as_typed(" ".join(hold_in_words(held.state, held.reason, held.by)))


def _next_in_words(told: Next, now: Now, least_delay: float) -> str:
    if told.in_seconds is None:
        return "none while this is so"
    if told.answer and told.in_seconds < least_delay + SOON_SECONDS:
        return "its next text is answered, after the usual delay"
    at = rfc3339(now.utc + timedelta(seconds=told.in_seconds))
    return f"in {wait_in_words(told.in_seconds)}, on {moment(at)} if the power stays on"


def _ahead_in_words(told: Next) -> str:
    """Say what goes first, where an answer would come of a text."""
    ahead = told.ahead
    if told.in_seconds is None or not ahead.answers:
        return ""
    verb = "goes" if ahead.answers == 1 else "go"
    return f"{counted(ahead.answers, 'answer')} ({counted(ahead.segments, 'segment')}) {verb} first"


def _room_in_words(windows: dict[str, float | None]) -> str:
    """Say when the budget of each window has room; nothing where all of them have."""
    if all(seconds == 0 for seconds in windows.values()):
        return ""
    return ", ".join(
        f"{name}'s budget: {wait_in_words(seconds) if not seconds else f'in {wait_in_words(seconds)}'}"
        for name, seconds in windows.items()
    )


def _waiting(db: Database, number: str) -> str:
    """Say what becomes of the answer that is queued for a number."""
    where = log.Filter(originator=number, states=(State.QUEUED, State.SENDING))
    found = list(log.entries(db, where, 1))
    return answer_in_words(found[0]["answer"], sending_of(db).state) if found else briefly(Reason.PENDING)


@click.command
@typed.number
@click.option("-n", "limit", metavar="COUNT", type=COUNT, default="50", help="The newest contacts (50); 0: all.")
@click.option("--json", "as_json", is_flag=True, help="One object: what `numbers --json` has, `next`, and `history`.")
@no_pager
@pass_settings
def number(settings: Settings, /, number: str, limit: int, as_json: bool, pager: bool) -> None:
    """Show what NUMBER sent and got, and when it may next be answered, or why not.

    Example: hotlined number 0470123456
    """
    config = settings.config()
    shadow = config.mode is Mode.SHADOW
    with open_beside_daemon(config.database) as db:
        identity = _identity(db, number, config.numbers.country)
        assert identity.originator
        names = pseudonyms.both(db, identity.originator)
        found = correspondents.correspondents(db, correspondents.Order.LAST, 0, shadow=shadow, only=names)
        who = _together(found, identity.originator, config)
        now = db.now()
        holds = holds_of(db, config)
        told = outlook(db, config, identity, now, holds[0] if holds else FREE)
        rows = log.rows(db, log.Filter(originator=identity.originator), limit)
        waiting = _waiting(db, identity.originator) if told.reason is Reason.PENDING else ""
        if as_json:
            more = {"country": identity.country, "line_type": identity.line_type, "next": asdict(told)}
            history = [entry(db, config, row) for row in rows]
            by_hand = [log.by_hand_entry(row) for row in log.texts_by_hand(db, 0, identity.originator)]
            click.echo(
                json_line(asdict(who) | more | {"paused": is_paused(db), "history": history, "by_hand": by_hand})
            )
        else:
            least_delay = config.answer.delay[0].total_seconds()
            head = sheet(_sheet(who, identity, told, now, least_delay=least_delay, waiting=waiting, holds=holds))
            print_paged(chain(head, [""], lines(db, rows, "It has not contacted the line.")), pager=pager)
