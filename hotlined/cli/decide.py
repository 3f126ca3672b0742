"""Decisions of people: block, pause, requeue, send.

A decision is recorded at once, and the daemon obeys it before it sends the next segment. `send` and `selftest` need the
running daemon, because only it uses the modem; they wait for its result.
"""

import shlex
import sys

import click

from hotlined.cli import typed
from hotlined.cli.deciding import asked, decided_now, require_modem
from hotlined.cli.group import TranslatedCommand
from hotlined.cli.output import as_typed, confirm, print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.typed import ANSWER_ID, WHEN
from hotlined.config import Config
from hotlined.errors import RefusedError, UsageError
from hotlined.language import N_, _
from hotlined.machine.clock import rfc3339
from hotlined.reports import decided
from hotlined.reports import selftest as selftests
from hotlined.reports.answer import require_text
from hotlined.reports.number import whom
from hotlined.reports.overview import require_daemons_database
from hotlined.reports.typed import AnswerMeant, TimeRange
from hotlined.reports.typed import e164 as read_number
from hotlined.store.answers import verdicts
from hotlined.store.answers.decisions import Resumed
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.line.reception import selftest_text
from hotlined.store.line.requests import RequestVerb
from hotlined.words.requests import fate_in_words


@click.command(cls=TranslatedCommand)
@typed.number
@pass_settings
def block(settings: Settings, number: str) -> None:
    """Never answer NUMBER again, and cancel what is queued for it.

    NUMBER can be a name or a short code that has contacted the line, too. The block then also applies to the photo
    messages that it announces.

    Example: hotlined block 0470/12.34.56
    """
    config = settings.config()
    meant = whom(config, number)
    cancelled = decided_now(config, settings.who, "block", number=meant)
    print_wrapped(decided.blocked(meant, cancelled))


@click.command(cls=TranslatedCommand)
@typed.number
@click.option("--opted-out", is_flag=True, help="Lift the opt-out of NUMBER instead. The command asks first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_settings
def unblock(settings: Settings, number: str, opted_out: bool, yes: bool) -> None:
    """Lift the block of NUMBER: it is treated like any other again.

    A person who has opted out stays opted out. With --opted-out the command lifts the opt-out instead, and records who
    did it. Do that only if the person asks for it.

    Example: hotlined unblock +32470123456
    """
    config = settings.config()
    meant = whom(config, number)
    if not opted_out:
        was = decided_now(config, settings.who, "unblock", number=meant)
        print_wrapped(as_typed(decided.unblocked(config, meant, was=was)))
        return
    if not yes and decided.has_opted_out(config, meant):
        confirm(
            _("{number} asked not to be answered any more. Answer it again?", number=meant),
            _("`hotlined unblock --opted-out NUMBER --yes` does not ask."),
        )
    was = decided_now(config, settings.who, "lift_opt_out", number=meant)
    print_wrapped(as_typed(decided.opt_out_lifted(config, meant, was=was)))


@click.command(cls=TranslatedCommand)
@pass_settings
def pause(settings: Settings) -> None:
    """Send nothing until `resume`. Contacts are still recorded, and answers wait.

    An answer that becomes older than answer.max_age meanwhile is cancelled.

    Example: hotlined pause
    """
    config = settings.config()
    require_daemons_database(config)
    before = decided.pause_before(config)
    decided_now(config, settings.who, "pause")
    cure = _("`hotlined resume` ends the pause.")
    print_wrapped(as_typed(f"{decided.paused(config, before)} {cure}"))


@click.command(cls=TranslatedCommand)
@click.option("--cancel", "drops", is_flag=True, help="Cancel the answers that wait, instead of sending them.")
@pass_settings
def resume(settings: Settings, drops: bool) -> None:
    """Send again after `pause`, or after the loss of the key of the pseudonyms.

    The command first says how many answers go out, and since when they wait. On a terminal it asks.

    If that key is lost, it says which file that is, and goes on with a new key: a number that is stored as a pseudonym
    then counts as new.

    Example: hotlined resume
    """
    config = settings.config()
    require_daemons_database(config)
    was = decided.is_ended_by_resume(config)
    drop = _("`hotlined resume --cancel` drops them.")
    leaving = "" if drops else decided.leaving(config)
    if told := " ".join(filter(None, (decided.forgotten(config), leaving and f"{leaving} {drop}"))):
        print_wrapped(as_typed(told))
        if sys.stdin.isatty():
            confirm(_("Let answers go out again?"), drop)
    done = Resumed(**decided_now(config, settings.who, "resume", drops=drops))
    print_wrapped(decided.resumed(config, done, was=was, drops=drops))


@click.command(cls=TranslatedCommand)
@click.argument("meant", metavar="[ID]", type=ANSWER_ID, required=False)
@click.option(
    "--since",
    metavar="WHEN",
    type=WHEN,
    help="Instead of one, all answers that were perhaps sent at this time or later: 2026-11-24, 24h (ago), yesterday.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_settings
def requeue(settings: Settings, meant: AnswerMeant | None, since: TimeRange | None, yes: bool) -> None:
    """Send the answer to contact ID once more, if it was perhaps sent, has failed or was cancelled.

    ID can also be a text that was sent by hand, such as h12. An answer that was perhaps sent may have arrived: then its
    recipient gets it twice. One that never left is not sent sooner than it was planned. The limits of the SIM apply.
    The exit code is 75 if its number is blocked or has opted out, if the answer is in another state, or never had a
    text and there is none for it now; 1 if there is no such contact.

    With --since, as after an outage, each number gets the latest of its answers again. Numbers that got something since
    are left out, and those for which an answer waits or that are blocked, opted out or erased; so are texts by hand.
    The command says how many it is about, and asks.

    Example: hotlined requeue 7
    """
    if (meant is None) is (since is None):
        raise click.UsageError(N_("Give an ID, or --since."))
    if meant is not None:
        _change(settings, "requeue", meant)
        return
    assert since
    config, moment = settings.config(), rfc3339(since.start)
    found = decided.perhaps_sent(config, moment)
    if found.again and not yes:
        confirm(
            as_typed(" ".join(decided.requeue_question(found))),
            _("`hotlined requeue --since WHEN --yes` does not ask."),
        )
    if found.again:
        found = verdicts.PerhapsSent(**decided_now(config, settings.who, "requeue_since", since=moment))
    print_wrapped(decided.requeued_since(found))


@click.command(cls=TranslatedCommand)
@click.argument("meant", metavar="ID", type=ANSWER_ID)
@pass_settings
def cancel(settings: Settings, meant: AnswerMeant) -> None:
    """Cancel the answer to contact ID while it waits. The next text of the number can be answered again.

    ID can also be a text that was sent by hand, such as h12. If half of it has left already, the other half is not
    sent. The exit code is 75 if nothing waits, 1 if there is no such contact.

    Example: hotlined cancel 8
    """
    _change(settings, "cancel", meant)


_BY_HAND = {"requeue": "requeue_by_hand", "cancel": "cancel_by_hand"}
"""The verbs for a text by hand, by the verbs for the answer to a contact."""


def _change(settings: Settings, verb: str, meant: AnswerMeant) -> None:
    config = settings.config()
    if meant.by_hand:
        state = decided_now(config, settings.who, _BY_HAND[verb], answer_id=meant.row_id)
    else:
        if verb == "requeue":
            require_text(config, meant.row_id)
        state = decided_now(config, settings.who, verb, contact_id=meant.row_id)
    print_wrapped(decided.changed(config, verb, meant, state))


@click.command(cls=TranslatedCommand)
@typed.number
@click.argument("words", metavar="[TEXT]", nargs=-1)
@click.option(
    "--answer", is_flag=True, help="Send the first answer of the line, to a phone of yours, instead of a TEXT."
)
@pass_settings
def send(settings: Settings, number: str, words: tuple[str, ...], answer: bool) -> None:
    """Send TEXT to NUMBER through the running daemon, within the limits of the SIM, and wait for the result.

    With --answer it sends what a first contact would get, without the delay, so that you see it on your own phone. This
    changes nothing for the number, which may be of any country. The line sends five such answers a day at most, and
    none while it is paused, while an answer to the number waits (`cancel` ends that), or to a number that is blocked or
    has opted out.

    Ctrl-C withdraws the text while it waits, and says whether it has left. The exit code is 69 if the daemon does not
    run or the modem is not ready, 75 if a limit refuses.

    Example: hotlined send 0470123456 "Tout va bien."
    """
    text = " ".join(words)
    if answer and words:
        raise click.UsageError(N_("--answer sends the answer of the line: give no TEXT."))
    if not answer and not text.strip():
        raise click.UsageError(N_("Give a TEXT, or --answer."))
    config, e164 = _number(settings, number)
    if answer:
        result = asked(config, settings.who, RequestVerb.ANSWER, number=e164)
        print_wrapped(fate_in_words(_("The answer to {recipient}", recipient=e164), result))
        return
    if len(words) > 1:
        raise UsageError(
            _("The text has more than one word: put it in quotes."), f"`hotlined send {number} {_quoted(text)}`"
        )
    result = asked(config, settings.who, RequestVerb.SEND, number=e164, text=text)
    print_wrapped(fate_in_words(_("The text to {recipient}", recipient=e164), result))


@click.command(cls=TranslatedCommand)
@pass_settings
def selftest(settings: Settings) -> None:
    """Send a text to the line's own number and wait until it comes back.

    This tests modem, SIM, network and database together. It costs one segment. The exit code is 69 if the daemon does
    not run or the modem is not ready, 75 if a limit refuses, 1 if the text does not come back.

    Example: hotlined selftest
    """
    config = settings.config()
    require_modem(config)
    with open_beside_daemon(config.database) as db:
        own = selftests.own(config, db)
        if own is None:
            raise RefusedError(_("The SIM does not know its own number."), _("Set line_number in the configuration."))
        text = selftest_text()
        result = asked(config, settings.who, RequestVerb.SEND, number=own, text=text)
        fate = fate_in_words(_("The text to {recipient}", recipient=own), result)
        print_wrapped(f"{fate} {selftests.awaited()}")
        try:
            selftests.wait_until_back(db, text)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_("It has left: `hotlined log` shows it when it comes back.")) from None
    print_wrapped(_("It came back. The line works."))


def _number(settings: Settings, text: str) -> tuple[Config, str]:
    config = settings.config()
    return config, read_number(text, config.numbers.country)


def _quoted(text: str) -> str:
    """Quote a text for a shell, if possible with double quotes, because French has many apostrophes."""
    return shlex.quote(text) if set(text) & set('"$`\\!') else f'"{text}"'
