"""`hotlined log` and `hotlined show`: what came, what was decided, and what became of the answers.

Three forms of one list: lines for people as wide as the terminal, JSON Lines that keep everything exactly, CSV for
spreadsheets. Every form is printed row by row, so none grows with the database.
"""

import csv
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from enum import StrEnum
from sqlite3 import Row
from typing import Any, TypeVar

import click

from hotlined.cli import CONTACT_ID, COUNT, Settings, pass_settings
from hotlined.cli.completion import complete_number, complete_tag
from hotlined.cli.dates import Period, moment, when
from hotlined.cli.output import counted, csv_cell, harmless, json_line, sheet
from hotlined.cli.pager import no_pager, print_paged
from hotlined.cli.table import Column, Layout, table
from hotlined.cli.tags import tag_word
from hotlined.config import Config, Mode
from hotlined.errors import AddressError, HotlinedError, UsageError
from hotlined.gsm.address import parse_number
from hotlined.gsm.alphabet import plan
from hotlined.policy import Reason
from hotlined.states import State
from hotlined.store import attempts, reading
from hotlined.store.database import Database, open_beside_daemon

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Contact = dict[str, Any]

FOLLOW_SECONDS = 1.0


def _originator(text: str | None, country: str) -> dict[str, Any]:
    """Return what a filter asks for: a number in E.164 where there is one, else a name as typed."""
    if text is None:
        return {}
    if "…" in text or "..." in text:
        raise UsageError(f"{text!r} is masked.", "Take the whole number, as `hotlined log` shows it.")
    try:
        return {"originator": parse_number(text, country)}
    except AddressError:
        return {"name": text.strip()}


# how an answer's state shows at a glance
_MARKS = {
    State.QUEUED: "…",
    State.SENDING: "…",
    State.SENT: "✓",
    State.DELIVERED: "✓",
    State.SHADOWED: "✓",
    State.UNDELIVERED: "!",
    State.FAILED: "!",
    State.UNCONFIRMED: "?",
    State.CANCELLED: "-",
}
_STYLES = {"✓": "green", "!": "red", "?": "yellow", "…": "cyan", "-": "dim"}


def _mark(contact: _Contact) -> str:
    if contact.get("verdict", "") is None:
        return "…"
    return _MARKS[State(contact["answer"]["state"])] if contact["answer"] else "-"


def _fate(contact: _Contact) -> str:
    return _STYLES[_mark(contact)]


def _time(contact: _Contact) -> str:
    return moment(contact["received_at"])


def _what(contact: _Contact) -> str:
    """Return the text, behind what it is where it is no plain text."""
    kind, text, segments = contact["kind"], contact["text"], contact["segments"]
    marks = [f"({kind})"] if kind != "text" else [] if text is not None else ["(erased)"]
    if segments["received"] < segments["total"]:
        marks.append(f"({segments['received']} of {segments['total']})")
    return " ".join([*marks, harmless(text or "")])


def _from(contact: _Contact) -> str:
    nobody = "unknown" if contact["kind"] == reading.Kind.UNREADABLE else reading.WITHHELD
    return contact["originator"] or nobody


def _reason(contact: _Contact) -> str:
    return _words(contact["reason"] or "not judged yet")


def _state(contact: _Contact) -> str:
    answer = contact["answer"]
    if not answer:
        return ""
    return _words(": ".join(filter(None, (answer["state"], answer["waiting_for"]))))


def _outcome(contact: _Contact) -> str:
    return _state(contact) or _reason(contact)


def _words(name: str) -> str:
    return harmless(name.replace("_", " "))


_ID: Column[_Contact] = Column("ID", 6, lambda contact: str(contact["id"]), "dim", right=True)
_TIME = Column("TIME", 11, _time)
_FROM: Column[_Contact] = Column("FROM", 14, lambda contact: harmless(_from(contact)), "bold")
_MARK = Column("", 1, _mark, _fate)
_TEXT = Column("TEXT", 0, _what)
_LAYOUTS = (
    Layout(110, (_ID, _TIME, _FROM, _MARK, _TEXT, Column("REASON", 14, _reason), Column("ANSWER", 20, _state, _fate))),
    Layout(70, (_ID, _TIME, _FROM, _MARK, _TEXT, Column("OUTCOME", 14, _outcome, _fate))),
    Layout(0, (_ID, _TIME, _FROM, _MARK), below=Column("TEXT", 7, _what)),
)


def lines(rows: Iterable[Row]) -> Iterator[str]:
    """Yield contacts as a table for people."""
    return table(map(reading.entry, rows), _LAYOUTS, "No contacts.")


def entry(db: Database, config: Config, row: Row) -> _Contact:
    """Return a row as the object of `log --json`."""
    contact = reading.entry(row)
    preview(db, config, contact)
    return contact


def preview(db: Database, config: Config, contact: _Contact) -> None:
    """Say of a contact's answer what would leave by the configuration in force, where it is not composed yet."""
    answer = contact["answer"]
    if answer is None:
        return
    answer["composed"] = answer["encoding"] is not None
    if answer["composed"] or answer["state"] != State.QUEUED:
        return
    history = attempts.history_of(db, contact["originator"], shadow=config.mode is Mode.SHADOW, without=answer["id"])
    planned = plan(config.answer.text_after(history.answers), config.answer.encoding)
    answer |= {"text": planned.text, "encoding": planned.encoding.value, "segments": planned.segments}


def _print_by_hand(rows: list[Row], *, as_json: bool, as_csv: bool) -> None:
    """Print the texts that people sent themselves."""
    if as_csv:
        _print_csv(rows, tuple(rows[0].keys()) if rows else ())
        return
    texts = [reading.by_hand_entry(row) for row in rows]
    if as_json:
        for text in texts:
            click.echo(json_line(text))
    else:
        for line in table(texts, _BY_HAND_LAYOUTS, "No texts by hand."):
            click.echo(line)


_TO: Column[_Contact] = Column("TO", 14, lambda text: harmless(text["recipient"]), "bold")
_BY: Column[_Contact] = Column("BY", 10, lambda text: harmless(f"{text['asked_by']} ({text['kind']})"))
_QUEUED_AT: Column[_Contact] = Column("TIME", 11, lambda text: moment(text["answer"]["queued_at"]))
_HAND_TEXT: Column[_Contact] = Column("TEXT", 0, lambda text: harmless(text["answer"]["text"] or ""))
_BY_HAND_LAYOUTS = (
    Layout(70, (_QUEUED_AT, _TO, _MARK, _HAND_TEXT, _BY, Column("OUTCOME", 14, _state, _fate))),
    Layout(0, (_QUEUED_AT, _TO, _MARK), below=_HAND_TEXT),
)


def _print_csv(rows: Iterable[Row], columns: tuple[str, ...]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    for row in rows:
        writer.writerow(csv_cell(value) for value in row)
        sys.stdout.flush()


def _follow(db: Database, where: reading.Filter, limit: int) -> Iterator[Row]:
    """Yield the newest rows, then every one that comes or changes, for ever."""
    follower = reading.place(db)
    version = db.changed_elsewhere()
    for row in reading.rows(db, where, limit):
        reading.note(follower, row)
        yield row
    while True:
        yield from reading.changes(db, where, follower)
        while version == (version := db.changed_elsewhere()):
            time.sleep(FOLLOW_SECONDS)


def _any_of(option: str, name: str, values: type[StrEnum], meaning: str) -> Callable[[_Command], _Command]:
    """Make an option that takes one of these values and may be given again; its help names them."""
    words = [value.value for value in values]
    metavar = option.removeprefix("--").upper()
    return click.option(
        option, name, multiple=True, type=click.Choice(words), metavar=metavar, help=f"{meaning}: {', '.join(words)}."
    )


@click.command
@click.option("-n", "limit", metavar="COUNT", type=COUNT, default="50", help="The newest (50); 0: all.")
@click.option("--follow", is_flag=True, help="Go on with what comes and what changes, until Ctrl-C.")
@click.option(
    "--since",
    metavar="WHEN",
    type=when,
    help="Received then or later: 2026-11-24, 24h (ago), yesterday, monday.",
)
@click.option("--until", metavar="WHEN", type=when, help="Received then or earlier; a day is meant whole.")
@click.option(
    "--number",
    metavar="NUMBER",
    shell_complete=complete_number,
    help="From this number, however it is written; from this name; or withheld.",
)
@_any_of("--kind", "kinds", reading.Kind, "Of this kind")
@_any_of("--verdict", "verdicts", reading.Verdict, "So decided")
@_any_of("--reason", "reasons", Reason, "Decided or cancelled for this reason")
@_any_of("--state", "states", State, "With an answer in this state")
@click.option("--tag", metavar="WORD", type=tag_word, shell_complete=complete_tag, help="With this tag.")
@click.option("--search", metavar="TEXT", help="With this in its text, case and accents aside.")
@click.option("--by-hand", is_flag=True, help="Instead the texts that people sent themselves: `send` and `try`.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, oldest first, every text exactly.")
@click.option("--csv", "as_csv", is_flag=True, help="CSV for spreadsheets.")
@no_pager
@pass_settings
def log(
    settings: Settings,
    /,
    limit: int,
    follow: bool,
    since: Period | None,
    until: Period | None,
    number: str | None,
    by_hand: bool,
    as_json: bool,
    as_csv: bool,
    pager: bool,
    **more: Any,
) -> None:
    """Show contacts and what became of them, the newest last.

    Filters combine: what is shown fits all of them. --kind, --verdict, --reason and --state may be given more than
    once: one of the values will do. More than a screen goes through a pager (HOTLINED_PAGER, PAGER, or less), at its
    end.

    Example: hotlined log --since yesterday --verdict answer
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other.")
    config = settings.config()
    where = reading.Filter(
        since=since.start if since else None,
        until=until.end if until else None,
        **_originator(number, config.numbers.country),
        **more,
    )
    with (
        open_beside_daemon(config.database) as db,
        suppress(*([KeyboardInterrupt] if follow else [])),
    ):
        if by_hand:
            _print_by_hand(reading.texts_by_hand(db, limit, where.originator), as_json=as_json, as_csv=as_csv)
            return
        rows = _follow(db, where, limit) if follow else reading.rows(db, where, limit)
        if as_json:
            for row in rows:
                click.echo(json_line(entry(db, config, row)))
        elif as_csv:
            _print_csv(rows, reading.columns(db))
        else:
            print_paged(lines(rows), pager=pager and not follow, at_end=True)


REASONS = {
    Reason.FIRST_CONTACT: "this number was never answered before",
    Reason.COOLDOWN_OVER: "the cooldown since its last answer is over",
    Reason.PENDING: "an answer to this number was already queued",
    Reason.COOLDOWN: "its last answer was too short a time ago",
    Reason.PER_NUMBER: "it has had all the answers that a number ever gets",
    Reason.BLOCKED: "the number is blocked",
    Reason.OPTED_OUT: "the number asked not to be answered",
    Reason.COUNTRY: "its country is not answered",
    Reason.NOT_ANSWERABLE: "no text can reach it: a short code, a name, a withheld number or no mobile line",
    Reason.OWN_NUMBER: "it is the line's own number",
    Reason.LOOP: "another machine answers us",
    Reason.STALE: "it was too old to be answered",
    Reason.NOT_TEXT: "it is nothing that a person wrote",
    Reason.SIM_CHANGED: "the modem had another SIM",
    Reason.RESTORED: "it waited for its verdict in a backup that was put back",
    Reason.PERSON: "a person said so",
    Reason.SHADOW: "it was sent by hand, and shadow mode transmits nothing",
    Reason.TOO_LONG: "it takes more segments than answer.max_segments allows",
    Reason.SET_ASIDE: "it made the program stumble; the journal has the reason",
}
"""Every reason in words."""


def _in_words(reason: str | None) -> str:
    """Return a reason with its meaning; a cause that is no reason of ours stands as it is."""
    return f"{reason} ({REASONS[Reason(reason)]})" if reason in list(Reason) else reason or ""


def _sheet(contact: _Contact) -> Iterator[tuple[str, str | None]]:
    """Yield a contact as labels and values; what is not known is left out by the printer."""
    segments = contact["segments"]
    yield "contact", f"{contact['id']}: {contact['kind']} on line {contact['line']}"
    yield "originator", _from(contact)
    yield "received", contact["received_at"]
    yield "scts", contact["scts"]
    yield "text", contact["text"]
    yield "segments", f"{segments['received']} of {segments['total']}; {counted(contact['repeats'], 'repeat')}"
    yield "tags", " ".join(contact["tags"])
    yield "verdict", contact["verdict"] or "not judged yet"
    yield "reason", _in_words(contact["reason"])
    if kept := contact["kept"]:
        yield "kept", f"by {kept['by']}, {kept['at']}"
    for number, part in enumerate(contact["parts"], 1):
        place = f"{part['storage']} {part['storage_index']}" if part["storage"] else "handed over directly"
        deleted = f"deleted {part['deleted_at']}" if part["deleted_at"] else "not deleted yet"
        repeat = ", a repeat" if part["repeat"] else ""
        yield f"part {number}", f"{part['kind']}, sequence {part['sequence'] or '-'}{repeat}; {place}, {deleted}"
        yield "  problem", part["problem"]
        yield "  pdu", part["pdu"]
    if answer := contact["answer"]:
        yield from _answer_sheet(answer)
    for text in contact["by_hand"]:
        yield "by hand", f"{text['asked_by']} ({text['kind']}): {_state(text)}, {text['answer']['queued_at']}"
        yield "  text", text["answer"]["text"]
    for event in contact["events"]:
        yield "event", " ".join(filter(None, (event["at"], _words(event["kind"]), event["detail"])))


def _answer_sheet(answer: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    yield "answer", f"{answer['id']}: {_state({'answer': answer})}"
    yield "  reason", _in_words(answer["reason"])
    yield "  text", answer["text"]
    if answer["segments"]:
        tense = "sent" if answer["composed"] else "sent; by the configuration in force"
        yield "  segments", f"{answer['segments_sent']} of {answer['segments']} {tense}, in {answer['encoding']}"
    yield "  queued", f"{answer['queued_at']}, due {answer['due_at']}"
    yield "  sent", answer["sent_at"]
    yield "  reported", answer["reported_at"]
    for part in answer["parts"]:
        earlier = "" if part["current"] else " (an earlier attempt)"
        known = [f"{name} {part[key]}" for name, key in _FATE if part[key] is not None]
        yield f"  part {part['sequence']}", "; ".join([part["state"] + earlier, *known])
        yield "    pdu", part["pdu"]


_FATE = (
    ("reference", "mr"),
    ("cause", "cause"),
    ("detail", "detail"),
    ("submitted", "submitted_at"),
    ("sent", "sent_at"),
    ("status", "report_status"),
    ("reported", "reported_at"),
    ("discharged", "discharged_at"),
)


@click.command
@click.argument("contact_id", metavar="ID", type=CONTACT_ID)
@click.option("--json", "as_json", is_flag=True, help="The object of `log --json` with its parts and events.")
@no_pager
@pass_settings
def show(settings: Settings, /, contact_id: int, as_json: bool, pager: bool) -> None:
    """Show one contact whole.

    Its segments with their raw PDUs, the verdict in words, the answer with the fate of each of its segments, and what
    people did about it.

    Example: hotlined show 12
    """
    config = settings.config()
    with open_beside_daemon(config.database) as db:
        contact = reading.maybe_contact(db, contact_id)
        if contact:
            preview(db, config, contact)
    if contact is None:
        raise HotlinedError(f"There is no contact {contact_id}.", "`hotlined log` shows those that there are.")
    if as_json:
        click.echo(json_line(contact))
    else:
        print_paged(sheet(_sheet(contact)), pager=pager)
