"""`hotlined text`: changes the answer in an editor, and shows what a text costs to send."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from hotlined import config as configuration
from hotlined import person
from hotlined.cli import editor
from hotlined.cli.group import Group
from hotlined.cli.output import YES, as_typed, json_line, print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.config import Config, Wording, editing
from hotlined.errors import ConfigError, HotlinedError, TextError, UsageError
from hotlined.gsm.alphabet import Encoding
from hotlined.language import _, in_digits, labelled, ngettext
from hotlined.reports import draft
from hotlined.reports.limits import worst_in_words
from hotlined.reports.reload import reload
from hotlined.reports.text import TextCost, as_it_leaves, cost, wording_in_words
from hotlined.words.amounts import in_money, in_segments
from hotlined.words.characters import replacement_in_words

_NO = ("n", "no", "non", "nee")


@click.group(cls=Group)
def text() -> None:
    """Change the answer, or show what a text costs to send.

    Example: hotlined text check "Non."
    """


@text.command
@click.argument("text", required=False)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, one object a text.")
@pass_settings
@click.pass_context
def check(ctx: click.Context, settings: Settings, text: str | None, as_json: bool) -> None:
    """Show what TEXT costs to send: encoding, segments, price, and which characters make it more expensive.

    Without TEXT it checks the configured answers, also while the configuration cannot be used. With - it reads the text
    from the standard input: type the text with its apostrophes and quotes, which a shell would remove, then Ctrl-D on a
    line of its own. The exit code is 1 if the text takes more than answer.max_segments.

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
            print_wrapped(_("{name}:", name=wording_in_words(wording, len(chosen.answer.steps))))
        _print(text_cost)
    ctx.exit(0 if fits else 1)


def _place(wording: Wording) -> dict[str, int | str | None]:
    """Return which text it is, for programs, counted from 1: the number of the answer, the country, the variant.

    A text for a country belongs to every answer, so `answer` is None; for a text that was typed, all three are None.
    """
    ours = wording.step is not None or wording.country is not None
    answer = None if wording.step is None else wording.step + 1
    return {"answer": answer, "country": wording.country, "variant": wording.variant + 1 if ours else None}


def _terms(settings: Settings, text: str | None) -> Config:
    """Return the configuration, or the sound part of a broken one, because the mistake is often in the text itself.

    Raises ConfigError if the answers themselves are asked for and cannot be read.
    """
    try:
        return settings.config()
    except ConfigError as error:
        salvaged = _salvaged(settings)
        if text is None and (salvaged is None or "answer.text" in salvaged.unknown):
            raise
        used = [key for key in _USED if salvaged is None or key in salvaged.unknown]
        warning = _("Warning: {problem}; see `hotlined config check`.", problem=error.message)
        defaults = _("Judged by the defaults of {keys}.", keys=", ".join(used)) if used else ""
        print_wrapped(as_typed(f"{warning} {defaults}".rstrip()), err=True)
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
        expected = configuration.KEYS["answer.text"].kind.expected
        raise TextError(_("Expected {expected}, got {got}.", expected=expected, got=repr(typed)))
    return typed


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode().removesuffix("\n")
    except UnicodeDecodeError as error:
        raise TextError(_("The text is not in UTF-8."), _("Save it in that encoding.")) from error


@text.command
@pass_settings
def edit(settings: Settings) -> None:
    """Change the answer in your editor, without YAML.

    It opens the texts in VISUAL or EDITOR, else in nano or vi. Then it shows each changed text as it will leave, its
    price, and what can be spent at worst, and asks. If you say yes, it writes the file, which keeps its comments and
    every other line. The running daemon reads the file at once, and the command shows what the daemon says. If you say
    no, it does not write the file, and keeps your text elsewhere.

    Example: hotlined text edit
    """
    settings.speak_early()
    path = settings.path = configuration.find(settings.option, settings.line, os.environ)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        hint = _("Change {path} itself, then run `hotlined config check`.", path=path)
        raise UsageError(_("`text edit` needs a terminal."), hint)
    person.require_no_root(path, configuration.salvage(path).config.name)
    original = editing.read(path)
    places = editing.spots(original.text, path)
    wordings = [spot.wording for spot in places]
    most = configuration.salvage_text(original.text, path).config.answer.max_segments
    begun = draft.write(wordings, most, path)
    text = editor.begin(begun)
    try:
        made = _converse(original, places, text, draft.read(begun, wordings))
        if made is not None:
            editing.write(original, made)
    except BaseException:
        print_wrapped(_("Your text is kept in {path}.", path=text.path), err=True)
        raise
    if made is None:
        return
    text.drop()
    print_wrapped(_("Written: {path}.", path=original.path))
    _reload(path)


def _converse(
    original: editing.Original, places: Sequence[editing.Spot], text: editor.DraftFile, before: Sequence[str]
) -> str | None:
    """Let a person edit until she says yes or no; return the file's new text, None where nothing is to be written."""
    while True:
        try:
            after = draft.read(text.edit(), [spot.wording for spot in places])
            if after == list(before):
                print_wrapped(_("Nothing was changed."))
                text.drop()
                return None
            changed = {spot: new for spot, old, new in zip(places, before, after, strict=True) if new != old}
            made = editing.rewrite(original.text, original.path, changed)
            can_be_sent = _show(original.path, made, changed, [spot.wording for spot in places])
        except HotlinedError as error:
            print_wrapped(as_typed(f"{error.message} {error.hint}".strip()))
            can_be_sent = False
        question = _("Write it? y: yes, e: edit again, n: no") if can_be_sent else _("e: edit again, n: no")
        choices = [*(YES if can_be_sent else ()), "e", *_NO]
        said = _asked(question, choices)
        if said in YES:
            return made
        if said in _NO:
            print_wrapped(_("Nothing was written. Your text is kept in {path}.", path=text.path))
            return None


def _asked(question: str, choices: Sequence[str]) -> str:
    """Ask until one of the choices is typed; click would say in English that another one is none."""
    while (said := str(click.prompt(labelled(question), prompt_suffix="")).strip().casefold()) not in choices:
        known = ", ".join(map(repr, choices))
        mistake = _("{value} is not one of {choices}.", value=repr(said), choices=known)
        print_wrapped(_("Error: {problem}", problem=mistake))
    return said


def _show(path: Path, made: str, changed: Mapping[editing.Spot, str], wordings: Sequence[Wording]) -> bool:
    """Show what would be sent and what it costs; tell whether it can be."""
    config = configuration.salvage_text(made, path).config
    can_be_sent = True
    for spot, new in changed.items():
        name = wording_in_words(spot.wording, draft.steps(wordings))
        if not new:
            print_wrapped(_("{name} is blank: there is nothing to send.", name=name))
            can_be_sent = False
            continue
        for label, sentence in as_it_leaves(name, new, config):
            print_wrapped(sentence, label)
        text_cost = cost(new, config)
        if not text_cost.fits:
            too_long = ngettext(
                "It is {number} character too long: it may have {most} (answer.max_segments).",
                "It is {number} characters too long: it may have {most} (answer.max_segments).",
                text_cost.characters_too_many,
                most=in_segments(text_cost.max_segments),
            )
            print_wrapped(too_long)
            can_be_sent = False
    print_wrapped(worst_in_words(config.limits))
    problems = configuration.judge(made, path)
    if problems and can_be_sent:
        print_wrapped(_("{path} has other problems, and no daemon reads it before they are corrected:", path=path))
        for problem in problems:
            told = f"{problem.key}: {problem.sentence}" if problem.key else problem.sentence
            print_wrapped("  " + _("line {line}: {problem}", line=problem.line, problem=told))
    return can_be_sent


def _reload(path: Path) -> None:
    """Make the daemon read the file, as the line's user, and print what the daemon says."""
    try:
        config = configuration.load(path)
    except ConfigError as error:
        goes_on = _(
            "{problem}; the daemon goes on with what it has. See `hotlined config check`.", problem=error.message
        )
        print_wrapped(as_typed(goes_on))
        return
    person.require_no_root(config.database, config.name)
    told = reload(config)
    print_wrapped(as_typed(told.sentence))
    if not told.taken:
        click.get_current_context().exit(1)


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
        _("price: {price}", price=in_money(text_cost.price, text_cost.currency)),
    ]
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
        for one in text_cost.forcing
    ]
    if len(text_cost.forcing) > 1:
        lines.append(_("without all of them: {segments}", segments=in_segments(text_cost.segments_without_forcing)))
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
