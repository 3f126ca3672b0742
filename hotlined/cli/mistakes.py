"""Mistakes on the command line, in the current language: click's English messages become sentences of ours.

Most mistakes are recognised by the class and the fields of click's exception. Some exceptions have only a message;
these are recognised by its wording (`WORDINGS`), because click would look for translations in compiled catalogues,
and has none. A message that another version of click words differently stays English.
"""

import re

import click

from hotlined.errors import refusal_of
from hotlined.language import N_, Language, _, placeholders, spoken

WORDINGS = (
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
    N_("Path {path} is not readable."),
)
"""The messages of click's exceptions that have only a message.

If one wording begins like another, the longer one is first."""

_ON_BLANKS = N_("Write a number without blanks, or in quotes.")
_ON_FILTERS = N_(
    "--number chooses the contacts of a number or name, --search those with a word; `hotlined show NUMBER` shows one"
    " person."
)
_NUMBERS = ("number", "id_or_number")
"""The arguments that take a number."""
_EXTRA = re.compile("Got unexpected extra argument")


def in_words(error: click.UsageError) -> str:
    """Return the problem in words; with advice for a number with blanks, or one that needs an option."""
    told = _told(error)
    if error.ctx is None or not _EXTRA.match(error.message):
        return told
    names = {(one.name, one.param_type_name) for one in error.ctx.command.params}
    if any((name, "argument") in names for name in _NUMBERS):
        return f"{told}. {_(_ON_BLANKS)}"
    return f"{told}. {_(_ON_FILTERS)}" if ("search", "option") in names else told


def _told(error: click.UsageError) -> str:
    match error:
        case click.MissingParameter():
            return _missing(error)
        case click.BadParameter():
            message = _value_problem(error)
            name = _name(error)
            return _("Invalid value for {name}: {message}", name=name, message=message) if name else message
        case click.NoSuchOption():
            return _no_option(repr(error.option_name), [*map(repr, sorted(error.possibilities or ()))])
    return _said_again(error.message)


def _name(error: click.BadParameter) -> str:
    """Return the name of the option or argument; empty if click does not name it."""
    hint = error.param_hint or (error.param.get_error_hint(error.ctx) if error.param and error.ctx else "")
    return placeholders(hint if isinstance(hint, str) else " / ".join(map(repr, hint)))


def _missing(error: click.MissingParameter) -> str:
    name, kind = _name(error), error.param.type if error.param else None
    is_argument = isinstance(error.param, click.Argument)
    if isinstance(kind, click.Choice):
        choices = ", ".join(map(str, kind.choices))
        if is_argument:
            return _("Missing argument {name}. Choose from: {choices}", name=name, choices=choices)
        return _("Missing option {name}. Choose from: {choices}", name=name, choices=choices)
    return _("Missing argument {name}.", name=name) if is_argument else _("Missing option {name}.", name=name)


def _value_problem(error: click.BadParameter) -> str:
    """Return the problem of a value; for a file that cannot be opened, the system's reason."""
    refused = error.__context__
    if error.param and isinstance(error.param.type, click.File) and isinstance(refused, OSError):
        return refusal_of(refused)
    return _said_again(error.message)


def _no_option(name: str, near: list[str]) -> str:
    match near:
        case []:
            return _("No such option {name}.", name=name)
        case [other]:
            return _("No such option {name}. Did you mean {other}?", name=name, other=other)
    others = ", ".join(near)
    return _("No such option {name}. (Did you mean one of: {others}?)", name=name, others=others)


def usage(context: click.Context) -> str:
    """Return the usage of a command, and the command that shows its help."""
    formatter, command = context.make_formatter(), context.command
    command.format_usage(context, formatter)
    help_ = max(command.get_help_option_names(context), key=len, default="")
    if not help_:
        return formatter.getvalue()
    command_line = f"'{context.command_path} {help_}'"
    return formatter.getvalue() + _("Try {command} for help.", command=command_line) + "\n"


def _said_again(message: str) -> str:
    """Return a message in the current language; one that is not ours and not in `WORDINGS` is returned as it is."""
    text = " ".join(message.split())
    if spoken() is Language.ENGLISH:
        return text
    if (ours := _(text)) != text:
        return ours
    found = ((wording, _pattern(wording).fullmatch(text)) for wording in WORDINGS)
    return next((_(wording, **match.groupdict()) for wording, match in found if match), text)


def _pattern(wording: str) -> re.Pattern[str]:
    """Return a pattern for a wording of click; each of its places is a group."""
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(wording)), re.DOTALL)
