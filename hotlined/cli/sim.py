"""`hotlined sim`: the balance of the SIM, its last top-up, and the stick and SIM that serve the line."""

import click

from hotlined.cli.deciding import asked, decided_now
from hotlined.cli.group import Group
from hotlined.cli.output import as_typed, print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.machine.clock import here, rfc3339
from hotlined.reports import decided
from hotlined.reports.typed import topped_up as read_topped_up
from hotlined.store.line.requests import RequestVerb
from hotlined.words.harmless import harmless
from hotlined.words.requests import result_in_words


@click.group(cls=Group)
def sim() -> None:
    """Ask for the balance, record a top-up, or go on with another SIM.

    Example: hotlined sim topup
    """


@sim.command()
@pass_settings
def balance(settings: Settings) -> None:
    """Ask the network what is left on the SIM (credit.ussd), through the running daemon.

    The exit code is 69 if the daemon does not run or the modem is not ready, 75 if no code is configured.

    Example: hotlined sim balance
    """
    config = settings.config()
    click.echo(harmless(asked(config, settings.who, RequestVerb.BALANCE), "\n"))
    for words in decided.life(config):
        print_wrapped(as_typed(words))


@sim.command()
@click.argument("date", metavar="[DATE]", required=False)
@pass_settings
def topup(settings: Settings, date: str | None) -> None:
    """Record that the SIM was topped up, now or on DATE: its life (credit.valid_for) counts from then.

    An operator switches a prepaid SIM off some time after its last top-up, and its number is lost. The balance known
    before is void. If answers wait because the SIM cannot pay, the line tries one within five minutes. DATE can be
    24/11, 2026-11-24, 7d (ago), yesterday or monday.

    Example: hotlined sim topup yesterday
    """
    config = settings.config()
    at = rfc3339(read_topped_up(date, config.credit.valid_for, here())) if date else None
    moment = decided_now(config, settings.who, "topup", at=at)
    print_wrapped(as_typed(decided.topped_up(config, moment, is_dated=date is not None)))


@sim.command()
@pass_settings
def adopt(settings: Settings) -> None:
    """Use for this line the stick and the SIM that are plugged in now.

    The daemon answers only with the stick and the SIM that it knows: with another SIM, answers would come from another
    number. Answers that were queued for the former SIM are cancelled. The exit code is 69 if the daemon does not run.

    Example: hotlined sim adopt
    """
    result = asked(settings.config(), settings.who, RequestVerb.ADOPT)
    print_wrapped(result_in_words(result, None) or "")
