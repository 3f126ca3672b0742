"""`hotlined text`: shows the cost of a text."""

import sys
from pathlib import Path

import click

from hotlined import config as configuration
from hotlined.cli.group import Group
from hotlined.cli.output import as_typed, json_line, print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.config import AnswerConfig
from hotlined.errors import HotlinedError
from hotlined.gsm.alphabet import Encoding
from hotlined.language import _, in_digits, ngettext
from hotlined.reports.answer import empty_in_words
from hotlined.reports.risks import of_texts
from hotlined.reports.text import TextCost, checked, cost, replacement_in_words, wording_in_words
from hotlined.words.amounts import in_money, in_segments


@click.group(cls=Group)
def text() -> None:
    """Show what a text costs to send.

    Example: hotlined text check "Non."
    """


@text.command()
@click.argument("text", required=False)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, one object a text.")
@pass_settings
@click.pass_context
def check(ctx: click.Context, settings: Settings, text: str | None, as_json: bool) -> None:
    """Show what TEXT costs to send: encoding, segments, price, and which characters make it more expensive.

    Without TEXT it checks the answer's file as it is now, and each of its variants. With - it reads the text from the
    standard input: type the text with its apostrophes and quotes, which a shell would remove, then Ctrl-D on a line of
    its own. The exit code is 1 if the text takes more than answer.max_segments, 78 if the file is not text.

    Example: hotlined text check 'Hé, arrêtez !'
    """
    if text is None or settings.is_configured():
        chosen = settings.written()
    else:  # somebody chooses a text before there is a line: the defaults judge it
        chosen = configuration.parse('answer: {text: "-"}', Path("defaults"))
    answer = chosen.answer if text is None else _answer_of(_typed(text), chosen.answer)
    if answer.file and not answer.file.variants and (unusable := configuration.maybe_unusable_answer(chosen)):
        raise unusable
    if answer.file:
        answer = answer._replace(steps=(answer.file.variants,) if answer.file.variants else ())
    fits = True
    for wording in answer.wordings:
        text_cost = cost(wording.text, chosen)
        fits = fits and text_cost.fits
        if as_json:
            click.echo(json_line(checked(text_cost, wording if text is None else None)))
            continue
        if len(answer.texts) > 1:
            print_wrapped(_("{name}:", name=wording_in_words(wording, len(answer.steps))))
        _print(text_cost)
    if not answer.steps:
        print_wrapped(as_typed(empty_in_words(chosen)), err=as_json)
    for sentence in of_texts(answer.texts if text is None else ()):
        print_wrapped(_("Careful: {sentence}", sentence=sentence), err=as_json)
    ctx.exit(0 if fits else 1)


def _answer_of(text: str, answer: AnswerConfig) -> AnswerConfig:
    """Return the answer with one typed text in the place of all others."""
    return answer._replace(text_file=None, file=None, steps=((text,),), by_country=())


def _typed(text: str) -> str:
    typed = _standard_input() if text == "-" else text
    if not typed.strip():
        expected = configuration.KEYS["answer.text"].kind.expected
        raise HotlinedError(_("Expected {expected}, got {got}.", expected=expected, got=repr(typed)))
    return typed


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode().removesuffix("\n")
    except UnicodeDecodeError as error:
        raise HotlinedError(_("The text is not in UTF-8."), _("Save it in that encoding.")) from error


def _print(text_cost: TextCost) -> None:
    segments, most = in_digits(text_cost.segments), in_digits(text_cost.max_segments)
    fits = _("segments: {segments} of at most {most}: fits", segments=segments, most=most)
    too_long = ngettext(
        "segments: {segments} of at most {most}: {number} character too long",
        "segments: {segments} of at most {most}: {number} characters too long",
        text_cost.characters_too_many,
        segments=segments,
        most=most,
    )
    lines = [
        text_cost.text,
        _size(text_cost),
        fits if text_cost.fits else too_long,
    ]
    if text_cost.price is not None:
        lines.append(_("price: {price}", price=in_money(text_cost.price, text_cost.currency)))
    lines += [_("replaced: {replacement}", replacement=replacement_in_words(one)) for one in text_cost.replaced]
    lines += [
        ngettext(
            "forces ucs2: {character} ({name}), {number} time; without it: {segments}",
            "forces ucs2: {character} ({name}), {number} times; without it: {segments}",
            one.count,
            character=one.character,
            name=one.name,
            segments=in_segments(one.segments_without),
        )
        for one in text_cost.to_blame
    ]
    if len(text_cost.to_blame) > 1:
        lines.append(_("without all of them: {segments}", segments=in_segments(text_cost.segments_without_blamed)))
    for line in lines:
        print_wrapped(line)


def _size(text_cost: TextCost) -> str:
    characters = ngettext("{number} character", "{number} characters", text_cost.characters)
    places = {"characters": characters, "encoding": text_cost.encoding}
    if text_cost.encoding == Encoding.GSM7:
        return ngettext(
            "{characters}, {number} septet in {encoding}",
            "{characters}, {number} septets in {encoding}",
            text_cost.units,
            **places,
        )
    return ngettext(
        "{characters}, {number} unit of 16 bits in {encoding}",
        "{characters}, {number} units of 16 bits in {encoding}",
        text_cost.units,
        **places,
    )
