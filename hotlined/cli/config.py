"""`hotlined config`: the configuration judged, and as it is in force."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import click

from hotlined import config as configuration
from hotlined.cli import Group, Settings, pass_settings
from hotlined.cli.output import counted, print_wrapped
from hotlined.config import Config, Mode
from hotlined.gsm.alphabet import plan


@click.group(cls=Group)
def config() -> None:
    """Judge the configuration, or show it as it is in force.

    Example: hotlined config check
    """


@config.command
@pass_settings
def check(settings: Settings) -> None:
    """Say whether the configuration can be used, what it can cost at worst, and what is risky in it.

    Every problem is named with its line; the exit code is then 78.

    Example: hotlined --config config.yaml config check
    """
    chosen = settings.config()
    print_wrapped(f"{chosen.path} is fine.")
    for sentence in (*_costs(chosen), *_risks(chosen)):
        print_wrapped(sentence)


@config.command
@pass_settings
def show(settings: Settings) -> None:
    """Show every key in force as YAML, defaults included; secrets are hidden.

    Example: hotlined --config config.yaml config show
    """
    click.echo(configuration.show(settings.config()), nl=False)


def worst_case(chosen: Config) -> dict[str, int]:
    """Return the most segments that any hour, day and 30 days can take, each window within the others."""
    limits = chosen.limits.segments
    return {
        "hour": min(limits.hour, limits.day, limits.month),
        "day": min(24 * limits.hour, limits.day, limits.month),
        "month": min(30 * 24 * limits.hour, 30 * limits.day, limits.month),
    }


def _money(chosen: Config, segments: int) -> str:
    return f"{(segments * chosen.limits.price_per_segment).quantize(Decimal('0.01'))} {chosen.limits.currency}"


def _costs(chosen: Config) -> Iterator[str]:
    for number, text in enumerate(chosen.answer.texts, 1):
        planned = plan(text, chosen.answer.encoding)
        name = "The answer" if len(chosen.answer.texts) == 1 else f"Answer {number}"
        price = _money(chosen, planned.segments)
        blame = f" because of {' '.join(planned.to_blame)}" if planned.to_blame else ""
        yield f"{name} takes {counted(planned.segments, 'segment')} in {planned.encoding}{blame}: {price}."
    worst = worst_case(chosen)
    yield (
        "At worst it spends "
        + ", ".join(
            f"{counted(segments, 'segment')} in {window} ({_money(chosen, segments)})"
            for window, segments in zip(("an hour", "a day", "30 days"), worst.values(), strict=True)
        )
        + "."
    )


def _risks(chosen: Config) -> Iterator[str]:
    """Yield what is allowed and may still not be meant."""
    answer, limits, worst = chosen.answer, chosen.limits, worst_case(chosen)
    largest = max(plan(text, answer.encoding).segments for text in answer.texts)
    risks = (
        (chosen.mode is Mode.SHADOW, "mode is shadow: nothing is transmitted."),
        (
            answer.delay[0] == timedelta(0),
            "answer.delay begins at 0s: an answer may arrive while she still stands there.",
        ),
        (limits.per_number == 0, "limits.per_number is 0: nobody is ever answered."),
        (min(worst.values()) == 0, "limits.segments has a 0: nothing is ever sent."),
        (0 < min(worst.values()) < largest, f"limits.segments has no room for an answer of {largest} segments."),
        (limits.reserve_for_new == 100, "limits.reserve_for_new is 100%: a number is never answered again."),
        (timedelta(0) in limits.cooldown, "limits.cooldown has a 0s: only limits.per_number holds back who texts on."),
        (not chosen.numbers.answer_countries, "numbers.answer_countries is empty: nobody is ever answered."),
    )
    return (f"Careful: {sentence}" for risky, sentence in risks if risky)
