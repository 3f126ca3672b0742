"""What was typed wrongly, told in the language in force: click's own sentences are known by their wording.

Nothing else is known so: click hands over whole sentences in English, and looks translations up in compiled catalogues
alone, which there are none of. One that another version of click says otherwise stays in English. So does help, and
what stands in brackets behind "Usage:", which help explains.
"""

import re
from functools import lru_cache

import click

from hotlined.language import N_, Language, _, spoken

WORDINGS = (
    N_("Invalid value for {name}: {message}"),
    N_("Invalid value: {message}"),
    N_("Missing argument {name}. Choose from: {choices}"),
    N_("Missing option {name}. Choose from: {choices}"),
    N_("Missing argument {name}."),
    N_("Missing option {name}."),
    N_("Missing command."),
    N_("No such option {name}. Did you mean {other}?"),
    N_("No such option {name}. (Did you mean one of: {others}?)"),
    N_("No such option {name}."),
    N_("Option {name} requires an argument."),
    N_("Option {name} does not take a value."),
    N_("Got unexpected extra argument ({words})"),
    N_("Got unexpected extra arguments ({words})"),
    N_("{value} is not a valid integer."),
    N_("{value} is not a valid integer range."),
    N_("{value} is not in the range {range}."),
    N_("{value} is not one of {choices}."),
    N_("File {path} does not exist."),
    N_("Path {path} does not exist."),
    N_("File {path} is a directory."),
    N_("File {path} is not readable."),
)
"""What click says of an option, an argument or a command; the longer one first where another begins like it."""

EARLIER = (
    N_("No such option: {name} Did you mean {other}?"),
    N_("No such option: {name} (Possible options: {others})"),
    N_("No such option: {name}"),
)
"""The same of click before 8.2."""

_ON_BLANKS = N_("Write a number without blanks, or in quotes.")
_EXTRA = re.compile("Got unexpected extra argument")


def in_words(error: click.UsageError) -> str:
    """Say what is wrong, and what helps where a shell has split a number that was typed with blanks."""
    said = " ".join(error.format_message().split())
    told = _said_again(said)
    parameters = error.ctx.command.params if error.ctx else []
    takes_number = any(one.name == "number" and isinstance(one, click.Argument) for one in parameters)
    return f"{told}. {_(_ON_BLANKS)}" if takes_number and _EXTRA.match(said) else told


def usage(context: click.Context) -> str:
    """Return how the command is used, and where its help is."""
    formatter, command = context.make_formatter(), context.command
    pieces = " ".join(command.collect_usage_pieces(context))
    formatter.write_usage(context.command_path, pieces, prefix=_("Usage:") + " ")
    help_ = max(command.get_help_option_names(context), key=len, default="")
    if not help_:
        return formatter.getvalue()
    command_line = f"'{context.command_path} {help_}'"
    return formatter.getvalue() + _("Try {command} for help.", command=command_line) + "\n"


def _said_again(text: str) -> str:
    """Return a sentence in the language in force: one of ours is its own key; one that nobody knows stays so."""
    if spoken() is Language.ENGLISH:
        return text
    if (ours := _(text)) != text:
        return ours
    for message, pattern in _patterns():
        if found := pattern.fullmatch(text):
            return _(message, **{name: _said_again(value) for name, value in found.groupdict().items()})
    return text


@lru_cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return the sentences, each with what fits it."""
    return tuple((message, _pattern(message)) for message in (*WORDINGS, *EARLIER))


def _pattern(message: str) -> re.Pattern[str]:
    """Return what fits a sentence; a place that it has twice is filled twice with the same."""
    known: set[str] = set()

    def place(found: re.Match[str]) -> str:
        name = found[1]
        again = name in known
        known.add(name)
        return f"(?P={name})" if again else f"(?P<{name}>.+?)"

    return re.compile(re.sub(r"\\\{(\w+)\\\}", place, re.escape(message)), re.DOTALL)
