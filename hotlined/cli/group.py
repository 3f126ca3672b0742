"""Commands and groups of commands: their help is in the language of the line.

click writes the help in English, from the docstring of a command and the `help` of its options. Here each paragraph and
each option is looked up in the catalogues before it is written. Names of commands and options stay as they are typed.
"""

import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from functools import reduce
from typing import NoReturn

import click
from click.shell_completion import CompletionItem

from hotlined.language import _, labelled, placeholders
from hotlined.words.harmless import harmless

_WHOLE = 200  # characters: no first sentence of a command is longer
_NEAR = 0.65  # difflib's ratio: enough for lgo and log, and selftets is near selftest alone
_EXAMPLE = "Example: "
_AS_IT_IS = "\b"  # click's mark of a paragraph whose lines stay


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a help, each on one line; paragraphs with commands to copy keep their lines."""
    pieces = inspect.cleandoc(text).split("\n\n")
    return [piece if piece.startswith(_AS_IT_IS) else " ".join(piece.split()) for piece in pieces]


def is_translated(paragraph: str) -> bool:
    """Tell whether a paragraph has a translation: one with commands to be copied has none."""
    return not paragraph.startswith((_AS_IT_IS, _EXAMPLE))


def _in_words(paragraph: str) -> str:
    if is_translated(paragraph):
        return _(paragraph)
    return labelled(_("Example"), found) if (found := paragraph.removeprefix(_EXAMPLE)) != paragraph else paragraph


def options_of(command: click.Command, ctx: click.Context) -> Iterator[tuple[str, str, str]]:
    """Yield how each option of a command is typed, its help, and what click adds behind it in brackets."""
    for option in command.get_params(ctx):
        if isinstance(option, click.Option) and (record := option.get_help_record(ctx)):
            name, text = record
            yield name, (ours := option.help or ""), text.removeprefix(ours)


def _options_in_words(command: click.Command, ctx: click.Context) -> Iterator[tuple[str, str]]:
    for name, text, added in options_of(command, ctx):
        limits = added.replace("required", _("required")).replace("default: ", labelled(_("default")))
        yield placeholders(name), _(text) + limits


def _heading(words: str) -> str:
    """Return a heading as far as its colon, which click writes."""
    return labelled(words).removesuffix(": ")


class TranslatedCommand(click.Command):
    """A command whose help is in the language of the line; where its configuration cannot be read, in the locale's."""

    def get_help(self, ctx: click.Context) -> str:
        """Return the help."""
        _speak(ctx)
        return super().get_help(ctx)

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the first sentence of the help, cut after so many characters."""
        sentence = re.sub(r"(?<=\.) .*", "", self._paragraphs()[0])
        return textwrap.shorten(sentence, limit, placeholder="...")

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the pieces of the line that shows how the command is typed."""
        return [placeholders(piece) for piece in super().collect_usage_pieces(ctx)]

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the line that shows how the command is typed."""
        pieces = " ".join(self.collect_usage_pieces(ctx))
        formatter.write_usage(ctx.command_path, pieces, prefix=_("Usage:") + " ")

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the paragraphs."""
        del ctx
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text("\n\n".join(self._paragraphs()))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each option with its help."""
        with formatter.section(_heading(_("Options"))):
            formatter.write_dl([*_options_in_words(self, ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return what completes a word, with what it means where a shell shows that."""
        _speak(ctx)
        found = super().shell_complete(ctx, incomplete)
        for item in found:
            item.help = item.help and _(item.help)
        return found

    def _paragraphs(self) -> list[str]:
        return [*map(_in_words, paragraphs(self.help or ""))]


def _speak(ctx: click.Context) -> None:
    if settings := ctx.find_root().obj:
        settings.speak_to_person()


class Group(TranslatedCommand, click.Group):
    """A group of commands; its help shows whole sentences, and a mistyped command names the nearest ones."""

    command_class = TranslatedCommand

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each option, then each command."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with its first whole sentence."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        shown = [(name, command) for name, command in commands if command and not command.hidden]
        with formatter.section(_heading(_("Commands"))):
            formatter.write_dl([(name, command.get_short_help_str(_WHOLE)) for name, command in shown])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command by its name; if there is none, the error names the commands with a similar name."""
        name = ctx.token_normalize_func(args[0]) if ctx.token_normalize_func else args[0]
        if self.get_command(ctx, name) is None and not ctx.resilient_parsing:
            from difflib import get_close_matches  # noqa: PLC0415  only for mistakes

            self.refuse(ctx, args[0], get_close_matches(name, self.list_commands(ctx), cutoff=_NEAR))
        return super().resolve_command(ctx, args)

    def refuse(self, ctx: click.Context, typed: str, meant: Iterable[str]) -> NoReturn:
        """Fail because there is no such command; name the commands that may be meant, or the command that lists all."""
        if settings := ctx.find_root().obj:
            settings.speak_early(ctx)
        told = _("There is no command {name}.", name=harmless(typed))
        names = list(meant)
        if names:
            either = reduce(lambda first, second: _("{first} or {second}", first=first, second=second), names)
            more = _("Is {names} meant?", names=either)
        else:
            listing = f"`{' '.join(('hotlined help', *ctx.command_path.split()[1:]))}`"
            more = _("{command} lists all of them.", command=listing)
        ctx.fail(f"{told} {more}")
