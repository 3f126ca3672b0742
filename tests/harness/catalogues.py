"""Updates the catalogues of `hotlined/catalogues` from the program's sentences: `scripts/run catalogues`.

New sentences are added without a translation, unused ones are dropped. A translation is never guessed.
The help of commands has no marks: its paragraphs, options and placeholders are read from the commands themselves.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import click
from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from hotlined.cli import group, main
from hotlined.language import CATALOGUES, PLACEHOLDER, Language

ROOT = Path(__file__).parents[2]
TRANSLATED = [language for language in Language if language is not Language.ENGLISH]
_METHODS = [("hotlined/**.py", "python"), ("hotlined/desk/templates/**.html", "jinja2.ext:babel_extract")]
_MARKS = {
    "_": None,
    "N_": None,
    "pgettext": ((1, "c"), 2),
    "NP_": ((1, "c"), 2),
    "ngettext": (1, 2),
}
_HEADER = """msgid ""
msgstr ""
"Language: {language}\\n"
"Plural-Forms: nplurals=2; plural=({plural});\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"""
PLURALS = {Language.FRENCH: "n > 1", Language.DUTCH: "n != 1"}
"""The condition for a plural in C, for each language; `language.unfilled_plural` does the same."""


def said() -> Catalog:
    """Return every marked sentence of the package."""
    catalogue = Catalog()
    for name, line, message, _, context in extract_from_dir(
        ROOT, method_map=_METHODS, options_map={"**.html": {"silent": "false"}}, keywords=_MARKS
    ):
        catalogue.add(message, locations=[(name, line)], context=context)
    for words in helped(main):
        catalogue.add(words)
    return catalogue


def helped(command: click.Command, path: str = "") -> Iterator[str]:
    """Yield what the help of a command is made of, then of all those below it; the first one's page has none of it."""
    context = click.Context(command)
    typed = command.collect_usage_pieces(context)
    for name, text, _added in group.options_of(command, context):
        typed.append(name)
        yield text
    yield from PLACEHOLDER.findall(" ".join(typed))
    yield from filter(group.is_translated, group.paragraphs((path and command.help) or ""))
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below
            yield from helped(below, f"{path} {name}")


def stored(language: Language) -> Catalog:
    """Return a catalogue as it is in the package."""
    path = CATALOGUES / f"{language}.po"
    return parsed(path.read_text("utf-8") if path.exists() else header(language), language)


def header(language: Language) -> str:
    """Return the head of a catalogue."""
    return _HEADER.format(language=language, plural=PLURALS[language])


def parsed(text: str, language: Language) -> Catalog:
    """Return a catalogue as Babel reads it."""
    return read_po(io.BytesIO(text.encode()), language)


def written(catalogue: Catalog, language: Language) -> str:
    """Return a catalogue as a file: sentences in alphabetical order, without their places in the code."""
    for message in catalogue:
        message.flags.clear()
    output = io.BytesIO()
    write_po(output, catalogue, width=0, omit_header=True, sort_output=True, no_location=True, ignore_obsolete=True)
    return f"{header(language)}\n{output.getvalue().decode().strip()}\n"


def untranslated(catalogue: Catalog) -> Iterator[str]:
    """Yield the sentences without a translation, or with an incomplete one."""
    for message in catalogue:
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        if message.id and not all(forms):
            yield str(message.id)


def update() -> None:
    """Update the catalogues and name the sentences to translate, and the translations that went."""
    template = said()
    for language in TRANSLATED:
        catalogue = stored(language)
        catalogue.update(template, no_fuzzy_matching=True)
        (CATALOGUES / f"{language}.po").write_text(written(catalogue, language), "utf-8")
        missing = [*untranslated(catalogue)]
        click.echo(f"{language}: {len(catalogue)} sentences, {len(missing)} to translate")
        for sentence in missing:
            click.echo(f"  {sentence}")
        for gone in catalogue.obsolete.values():
            click.echo(f"  gone: {gone.string}")


if __name__ == "__main__":
    update()
