"""Decisions of people: block, pause, requeue, send.

A decision is recorded at once, and the daemon obeys it before its next send. `send`, `try`, `balance`, `adopt` and
`selftest` need the running daemon, which owns the modem; they wait for its result.
"""

import shlex
from typing import Any

import click

from hotlined.cli import typed
from hotlined.cli.output import as_typed, print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.typed import CONTACT_ID
from hotlined.clock import rfc3339
from hotlined.config import Config
from hotlined.control.client import decide
from hotlined.errors import RefusedError, UsageError
from hotlined.language import _
from hotlined.reports import decided
from hotlined.reports import selftest as selftests
from hotlined.reports.answer import require_text
from hotlined.reports.line import report_line, require_daemons_database
from hotlined.reports.typed import e164 as read_number
from hotlined.reports.typed import topped_up as read_topped_up
from hotlined.store import requests
from hotlined.store.opening import open_beside_daemon
from hotlined.store.requests import RequestVerb
from hotlined.words.amounts import sentence
from hotlined.words.conditions import NOT_RUNNING
from hotlined.words.harmless import harmless
from hotlined.words.refusals import fate_in_words, result_in_words


@click.command
@typed.number
@pass_settings
def block(settings: Settings, number: str) -> None:
    """Never answer NUMBER again, and cancel what is queued for it.

    Example: hotlined block 0470/12.34.56
    """
    config, e164 = _number(settings, number)
    cancelled = _decide(settings, config, "block", number=e164)
    print_wrapped(decided.blocked(e164, cancelled))


@click.command
@typed.number
@pass_settings
def unblock(settings: Settings, number: str) -> None:
    """Treat NUMBER like any other again.

    Example: hotlined unblock +32470123456
    """
    config, e164 = _number(settings, number)
    was = _decide(settings, config, "unblock", number=e164)
    print_wrapped(decided.unblocked(config, e164, was=was))


@click.command
@typed.number
@pass_settings
def optin(settings: Settings, number: str) -> None:
    """Answer NUMBER again although it had opted out.

    Example: hotlined optin +32470123456
    """
    config, e164 = _number(settings, number)
    was = _decide(settings, config, "optin", number=e164)
    print_wrapped(decided.opted_in(e164, was=was))


@click.command
@pass_settings
def pause(settings: Settings) -> None:
    """Send nothing until `resume`. Contacts are recorded and judged as usual.

    Example: hotlined pause
    """
    config = settings.config()
    require_daemons_database(config)
    before = decided.pause_before(config)
    _decide(settings, config, "pause")
    print_wrapped(as_typed(decided.paused(config, before)))


@click.command
@pass_settings
def resume(settings: Settings) -> None:
    """Send again after `pause`, or after the loss of the key of the pseudonyms.

    If that key is lost, the line goes on with a new key: a number that is stored as a pseudonym then counts as new.

    Example: hotlined resume
    """
    config = settings.config()
    require_daemons_database(config)
    was = decided.is_ended_by_resume(config)
    another_key = _decide(settings, config, "resume")
    print_wrapped(decided.resumed(config, was=was, another_key=another_key))


@click.command
@click.argument("date", metavar="[DATE]", required=False)
@pass_settings
def topup(settings: Settings, date: str | None) -> None:
    """Record that the SIM was topped up, now or on DATE: its life (credit.valid_for) counts from then.

    An operator switches a prepaid SIM off some time after its last top-up, and its number is lost. If answers wait
    because the SIM cannot pay, the line tries one now. DATE can be 2026-11-24, 7d (ago), yesterday or monday.

    Example: hotlined topup yesterday
    """
    config = settings.config()
    at = rfc3339(read_topped_up(date, config.credit.valid_for)) if date else None
    moment = _decide(settings, config, "topup", at=at)
    print_wrapped(as_typed(decided.topped_up(config, moment)))


@click.command
@click.argument("contact_id", metavar="ID", type=CONTACT_ID)
@pass_settings
def requeue(settings: Settings, contact_id: int) -> None:
    """Send the answer to contact ID once more, if it was perhaps sent, has failed or was cancelled.

    An answer that was perhaps sent may have arrived, so its recipient may get it twice. The limits of the SIM apply.
    The exit code is 75 if the answer is in another state, or never had a text and there is none for it now; 1 if there
    is no such contact.

    Example: hotlined requeue 7
    """
    _change(settings, "requeue", contact_id)


@click.command
@click.argument("contact_id", metavar="ID", type=CONTACT_ID)
@pass_settings
def cancel(settings: Settings, contact_id: int) -> None:
    """Cancel the answer to contact ID while it waits. The next text of the number can be answered again.

    If half of it has left already, the other half is not sent. The exit code is 75 if nothing waits, 1 if there is no
    such contact.

    Example: hotlined cancel 8
    """
    _change(settings, "cancel", contact_id)


def _change(settings: Settings, verb: str, contact_id: int) -> None:
    config = settings.config()
    if verb == "requeue":
        require_text(config, contact_id)
    state = _decide(settings, config, verb, contact_id=contact_id)
    print_wrapped(decided.changed(config, verb, contact_id, state))


@click.command("try")
@typed.number
@pass_settings
def try_answer(settings: Settings, number: str) -> None:
    """Send the first answer to NUMBER now: a phone of yours, to see what people get.

    The answer counts in the windows of the SIM, but changes nothing for the number. The line sends five such answers a
    day at most. The exit code is 75 if the daemon does not run, or if the number could not be answered.

    Example: hotlined try 0470123456
    """
    config, e164 = _number(settings, number)
    result = _asked(settings, config, RequestVerb.TRY, number=e164)
    print_wrapped(fate_in_words(_("The answer to {recipient}", recipient=e164), result))


@click.command
@typed.number
@click.argument("words", metavar="TEXT", nargs=-1, required=True)
@pass_settings
def send(settings: Settings, number: str, words: tuple[str, ...]) -> None:
    """Send TEXT to NUMBER through the running daemon, within the limits of the SIM, and wait for the result.

    The exit code is 75 if the daemon does not run or a limit refuses.

    Example: hotlined send 0470123456 "Tout va bien."
    """
    text = " ".join(words)
    if len(words) > 1:
        raise UsageError(
            _("The text has more than one word: put it in quotes."), f"`hotlined send {number} {_quoted(text)}`"
        )
    config, e164 = _number(settings, number)
    result = _asked(settings, config, RequestVerb.SEND, number=e164, text=text)
    print_wrapped(fate_in_words(_("The text to {recipient}", recipient=e164), result))


@click.command
@pass_settings
def balance(settings: Settings) -> None:
    """Ask the network what is left on the SIM (credit.ussd), through the running daemon.

    The exit code is 75 if the daemon does not run, or no code is configured.

    Example: hotlined balance
    """
    config = settings.config()
    click.echo(harmless(_asked(settings, config, RequestVerb.BALANCE), "\n"))
    for words in decided.life(config):
        print_wrapped(as_typed(words))


@click.command
@pass_settings
def adopt(settings: Settings) -> None:
    """Use the stick and the SIM that are in the modem now for this line.

    The daemon answers only with the stick and the SIM that it knows: with another SIM, answers would come from another
    number. Answers that were queued for the former SIM are cancelled. The exit code is 75 if the daemon does not run.

    Example: hotlined adopt
    """
    print_wrapped(sentence(result_in_words(_asked(settings, settings.config(), RequestVerb.ADOPT), None) or ""))


@click.command
@pass_settings
def selftest(settings: Settings) -> None:
    """Send a text to the line's own number and wait until it comes back.

    This tests modem, SIM, network and database together. It costs one segment. The exit code is 75 if the daemon does
    not run or a limit refuses, 1 if the text does not come back.

    Example: hotlined selftest
    """
    config = settings.config()
    _require_daemon(config)
    with open_beside_daemon(config.database) as db:
        own = selftests.own(config, db)
        if own is None:
            raise RefusedError(_("The SIM does not know its own number."), _("Set line_number in the configuration."))
        text = selftests.text()
        result = _asked(settings, config, RequestVerb.SEND, number=own, text=text)
        fate = fate_in_words(_("The text to {recipient}", recipient=own), result)
        print_wrapped(f"{fate} {selftests.awaited()}")
        selftests.wait_until_back(db, text)
    print_wrapped(_("It came back. The line works."))


def _decide(settings: Settings, config: Config, verb: str, **arguments: Any) -> Any:
    """Carry out a decision; raises RefusedError if the daemon has another file open than the line's database."""
    require_daemons_database(config)
    return decide(config, settings.who, verb, **arguments)


def _number(settings: Settings, text: str) -> tuple[Config, str]:
    config = settings.config()
    return config, read_number(text, config.numbers.country)


def _quoted(text: str) -> str:
    """Quote a text for a shell, with double quotes if possible: an apostrophe is common in French."""
    return shlex.quote(text) if set(text) & set('"$`\\!') else f'"{text}"'


def _asked(settings: Settings, config: Config, verb: RequestVerb, **arguments: str) -> str:
    """Request something of the running daemon, wait for its result and return it."""
    _require_daemon(config)
    request_id = _decide(settings, config, "ask", request=verb, arguments=arguments)
    with open_beside_daemon(config.database) as db:
        progress = requests.wait_for(
            db, request_id, lambda: bool(_decide(settings, config, "expire", request_id=request_id))
        )
    return decided.result(progress)


def _require_daemon(config: Config) -> None:
    if not report_line(config).alive:
        raise RefusedError(NOT_RUNNING.words, _("Start it: only the daemon can do this, it owns the modem."))
