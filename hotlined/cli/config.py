"""`hotlined config`: the configuration judged, and as it is in force."""

import json
from collections.abc import Iterator
from datetime import timedelta

import click

from hotlined import config as configuration
from hotlined.cli.group import Group
from hotlined.cli.output import print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.config import Config, Mode
from hotlined.config import schema as editors
from hotlined.files import is_missing
from hotlined.gsm.alphabet import plan
from hotlined.language import _
from hotlined.reports.hearing import cost_in_words
from hotlined.reports.limits import worst_case, worst_in_words
from hotlined.reports.text import as_it_leaves, wording_in_words
from hotlined.words.amounts import in_segments, money


@click.group(cls=Group)
def config() -> None:
    """Check the configuration, or show it as it is in force.

    Example: hotlined config check
    """


@config.command
@pass_settings
def check(settings: Settings) -> None:
    """Say whether the configuration can be used, what is sent, what it can cost at worst, and what is risky.

    It shows each answer as a phone does, segment by segment, and which characters were replaced. Every problem is named
    with its line; the exit code is then 78.

    Example: hotlined --config config.yaml config check
    """
    chosen = settings.config()
    print_wrapped(_("{path} is fine.", path=chosen.path))
    for wording in chosen.answer.wordings:
        for label, sentence in as_it_leaves(wording_in_words(wording, len(chosen.answer.steps)), wording.text, chosen):
            print_wrapped(sentence, label)
    if len(chosen.answer.texts) > 1:
        dearest = max(plan(text, chosen.answer.encoding).segments for text in chosen.answer.texts)
        price = money(dearest, chosen.limits)
        print_wrapped(_("The dearest of them takes {segments}: {price}.", segments=in_segments(dearest), price=price))
    for sentence in (worst_in_words(chosen.limits), *_costs(chosen), *_risks(chosen)):
        print_wrapped(sentence)


@config.command
@pass_settings
def show(settings: Settings) -> None:
    """Show every key in force as YAML, defaults included; secrets are hidden.

    Example: hotlined --config config.yaml config show
    """
    click.echo(configuration.show(settings.config()), nl=False)


@config.command
def schema() -> None:
    """Print the JSON schema of config.yaml, with which an editor checks the file as it is written.

    It is draft 7, for YAML language servers. Its description names what it cannot know; `hotlined config check` does.

    Example: hotlined config schema
    """
    click.echo(json.dumps(editors.schema(), indent=2))


def _costs(chosen: Config) -> Iterator[str]:
    """Yield what the texts of the line to itself cost, if it sends any."""
    if every := chosen.alerts.selftest:
        yield cost_in_words(every, chosen.limits)


# YAML knows none of these for a quote
_MARKS = ("«»", "“”", "„”", "„“", "””", "‘’")


def _maybe_marks(text: str) -> str | None:
    """Return the quotation marks that stand around the whole of a text."""
    if len(text) < 2:
        return None
    within = text[1:-1]
    return next((m for m in _MARKS if text[0] == m[0] and text[-1] == m[1] and m[0] not in within), None)


def _risks(chosen: Config) -> Iterator[str]:
    """Yield warnings about what is allowed and may be a mistake."""
    answer, limits, worst = chosen.answer, chosen.limits, worst_case(chosen.limits)
    largest = max(plan(text, answer.encoding).segments for text in answer.texts)
    unanswered = [country for country, _texts in answer.by_country if country not in chosen.numbers.answer_countries]
    marks = next(filter(None, map(_maybe_marks, answer.texts)), None)
    risks = (
        (
            marks is not None,
            _(
                "{opening} and {closing} stand around the text: these marks are part of the answer.",
                opening=(marks or "")[:1],
                closing=(marks or "")[1:],
            ),
        ),
        (chosen.mode is Mode.SHADOW, _("mode is shadow: nothing is transmitted.")),
        (
            answer.delay[0] == timedelta(0),
            _("answer.delay begins at 0s: an answer may arrive before she is gone."),
        ),
        (limits.per_number == 0, _("limits.per_number is 0: nobody is ever answered.")),
        (min(worst.values()) == 0, _("limits.segments has a 0: nothing is ever sent.")),
        (
            0 < min(worst.values()) < largest,
            _("limits.segments has no room for an answer of {segments}.", segments=in_segments(largest)),
        ),
        (
            limits.reserve_for_new == 100,
            _("limits.reserve_for_new is {share}: a number is never answered again.", share="100%"),
        ),
        (
            not limits.cooldown[-1],
            _("limits.cooldown ends with 0s: only limits.per_number holds back who texts on."),
        ),
        (
            limits.cooldown[-1] > timedelta(0) in limits.cooldown,
            _("limits.cooldown has a 0s: who writes back is answered again, and costs more than one answer."),
        ),
        (
            bool(unanswered),
            _(
                "answer.by_country has {countries}, numbers.answer_countries has not: nobody there gets it.",
                countries=", ".join(unanswered),
            ),
        ),
        (not chosen.numbers.answer_countries, _("numbers.answer_countries is empty: nobody is ever answered.")),
        (
            is_missing(chosen.modem.pin_file),
            _(
                "modem.pin_file: there is no {path}, so a SIM that asks for its PIN gets none.",
                path=chosen.modem.pin_file,
            ),
        ),
        (
            chosen.alerts.digest is not None and not chosen.alerts.urls and chosen.alerts.urls_file is None,
            _("alerts.digest: no alerts.urls and no alerts.urls_file: only systemd's credential says where it goes."),
        ),
        (
            is_missing(chosen.alerts.urls_file),
            _(
                "alerts.urls_file: there is no {path}, so alerts do not go where it says.",
                path=chosen.alerts.urls_file,
            ),
        ),
    )
    return (_("Careful: {sentence}", sentence=sentence) for risky, sentence in risks if risky)
