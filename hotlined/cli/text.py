"""`hotlined text check`: what a text costs on the air, and which characters force UCS-2."""

import sys
from pathlib import Path

import click

from hotlined import config as configuration
from hotlined.cli.group import Group
from hotlined.cli.output import as_typed, json_line, print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.config import Config, Wording
from hotlined.errors import ConfigError, TextError
from hotlined.gsm.alphabet import Encoding
from hotlined.reports.text import TextCost, cost, wording_in_words
from hotlined.words.amounts import counted
from hotlined.words.characters import replacement_in_words


@click.group(cls=Group)
def text() -> None:
    """Show what a text costs on the air.

    Example: hotlined text check "Non."
    """


@text.command
@click.argument("text", required=False)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, one object a text.")
@pass_settings
@click.pass_context
def check(ctx: click.Context, settings: Settings, text: str | None, as_json: bool) -> None:
    """Show what TEXT costs on the air: encoding, segments, price, and which characters make it more expensive.

    Without TEXT it checks the configured answers, also while the configuration cannot be used. With - it reads the text
    from the standard input: type it with its apostrophes and quotes, which a shell would remove, then Ctrl-D on a line
    of its own. The exit code is 1 if the text takes more than answer.max_segments.

    Example: hotlined text check 'Hé, arrêtez !'
    """
    chosen = _terms(settings, text)
    wordings = chosen.answer.wordings if text is None else (Wording(_typed(text), None, 0, None, several=False),)
    fits = True
    for wording in wordings:
        text_cost = cost(wording.text, chosen)
        fits = fits and text_cost.fits
        if as_json:
            click.echo(json_line(text_cost.document() | _place(wording)))
            continue
        if len(wordings) > 1:
            print_wrapped(f"{wording_in_words(wording, chosen.answer)}:")
        _print(text_cost)
    ctx.exit(0 if fits else 1)


def _place(wording: Wording) -> dict[str, int | str | None]:
    """Return which text it is for a script, counted from 1: which answer to a number, for which country, which variant.

    One for a country is for every answer; one that was typed is none of the line's.
    """
    ours = wording.step is not None or wording.country is not None
    answer = None if wording.step is None else wording.step + 1
    return {"answer": answer, "country": wording.country, "variant": wording.variant + 1 if ours else None}


def _terms(settings: Settings, text: str | None) -> Config:
    """Return the configuration, or the sound part of one that cannot be used: the text is often the mistake in it.

    Raises ConfigError where the answers themselves are asked for and cannot be read.
    """
    try:
        return settings.config()
    except ConfigError as error:
        salvaged = _salvaged(settings)
        if text is None and (salvaged is None or "answer.text" in salvaged.unknown):
            raise
        used = [key for key in _USED if salvaged is None or key in salvaged.unknown]
        defaults = f" Judged by the defaults of {', '.join(used)}." if used else ""
        print_wrapped(as_typed(f"Warning: {error.message}; see `hotlined config check`.{defaults}"), err=True)
        return salvaged.config if salvaged else configuration.parse('answer: {text: "-"}', Path("defaults"))


_USED = ("answer.encoding", "answer.max_segments", "limits.price_per_segment", "limits.currency")


def _salvaged(settings: Settings) -> configuration.Salvaged | None:
    try:
        return configuration.salvage(settings.path) if settings.path else None
    except ConfigError:
        return None


def _typed(text: str) -> str:
    typed = _standard_input() if text == "-" else text
    if not typed.strip():
        raise TextError(f"Expected {configuration.KEYS['answer.text'].kind.expected}, got {typed!r}.")
    return typed


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode().removesuffix("\n")
    except UnicodeDecodeError as error:
        raise TextError("The text is not in UTF-8.", "Save it in that encoding.") from error


def _print(text_cost: TextCost) -> None:
    unit, width = ("septet", "") if text_cost.encoding == Encoding.GSM7 else ("unit", " of 16 bits")
    characters = counted(text_cost.characters, "character")
    too_long = f"{counted(text_cost.characters_too_many, 'character')} too long"
    lines = [
        text_cost.text,
        f"{characters}, {counted(text_cost.units, unit)}{width} in {text_cost.encoding}",
        f"segments: {text_cost.segments} of at most {text_cost.max_segments}: {'fits' if text_cost.fits else too_long}",
        f"price: {text_cost.price:.2f} {text_cost.currency}",
    ]
    lines += [f"replaced: {replacement_in_words(one)}" for one in text_cost.replaced]
    lines += [
        f"forces ucs2: {one.character} ({one.name}), {counted(one.count, 'time')}; "
        f"without it: {counted(one.segments_without, 'segment')}"
        for one in text_cost.forcing
    ]
    if len(text_cost.forcing) > 1:
        lines.append(f"without all of them: {counted(text_cost.segments_without_forcing, 'segment')}")
    for line in lines:
        print_wrapped(line)
