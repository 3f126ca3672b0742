"""`hotlined config`: checks the configuration, and shows it with its defaults."""

from collections.abc import Iterator

import click

from hotlined import config as configuration
from hotlined.cli.group import Group
from hotlined.cli.output import as_typed, print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.config import Config
from hotlined.gsm.alphabet import plan
from hotlined.language import _
from hotlined.reports.limits import worst_in_words
from hotlined.reports.risks import risks
from hotlined.reports.selftest import cost_in_words
from hotlined.reports.text import as_it_leaves, wording_in_words
from hotlined.words.amounts import segments_and_price


@click.group(cls=Group)
def config() -> None:
    """Check the configuration, or show it as it is in force.

    Example: hotlined config check
    """


@config.command()
@pass_settings
def check(settings: Settings) -> None:
    """Say whether the configuration can be used, what is sent, what it can cost at worst, and what is risky.

    It shows each answer as a phone does, segment by segment, and which characters were replaced. If there are problems,
    in the answer's file too, it names each with its line, and the exit code is 78; also if there is no modem.pin_file
    where that key says.

    Example: hotlined --config config.yaml config check
    """
    chosen = settings.written()
    if unusable := configuration.maybe_unusable_answer(chosen) or configuration.maybe_missing_pin_file(chosen):
        raise unusable
    print_wrapped(_("{path} is fine.", path=chosen.path))
    for wording in chosen.answer.wordings:
        for label, sentence in as_it_leaves(wording_in_words(wording, len(chosen.answer.steps)), wording.text, chosen):
            print_wrapped(sentence, label)
    if len(chosen.answer.texts) > 1:
        dearest = max(plan(text, chosen.answer.encoding).segments for text in chosen.answer.texts)
        print_wrapped(_("The longest of them takes {segments}.", segments=segments_and_price(dearest, chosen.limits)))
    for sentence in (worst_in_words(chosen.limits), *_costs(chosen)):
        print_wrapped(sentence)
    for sentence in risks(chosen):
        print_wrapped(as_typed(_("Careful: {sentence}", sentence=sentence)))


@config.command()
@pass_settings
def show(settings: Settings) -> None:
    """Show every key in force as YAML, defaults included; secrets are hidden.

    Example: hotlined --config config.yaml config show
    """
    click.echo(configuration.show(settings.config()), nl=False)


def _costs(chosen: Config) -> Iterator[str]:
    """Yield the cost of the line's self-tests, if it makes any, and what it needs before the first."""
    if every := chosen.alerts.selftest:
        yield cost_in_words(every, chosen.limits)
        if chosen.line_number is None:
            yield as_typed(_("It does so by itself once `hotlined selftest` came back, or with line_number."))
