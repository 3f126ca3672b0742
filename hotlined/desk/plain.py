"""Troubles of a line for people without a terminal: no commands, no files, no keys of the configuration.

A sentence from another room is kept if it has none of these; otherwise the person to ask is named instead.
"""

import re

from hotlined.config import Config
from hotlined.language import _
from hotlined.reports.trouble import Trouble

_TECHNICAL = re.compile(r"`|'hotlined |\b[a-z]+\.[a-z_]{2,}\b|/\w+[/.]|\b[A-Z_]{2,}=")
"""Words that are of no use without a terminal: commands, keys such as web.ask, files."""
_ENDS = re.compile(r"(?<=[.!?])\s+")


def trouble_in_plain_words(trouble: Trouble) -> str:
    """Return a sentence about a trouble that a volunteer understands."""
    plain = trouble.row.plain_message
    return _(plain) if plain else without_commands(trouble.words) or _("Something is wrong with it.")


def without_commands(text: str) -> str:
    """Leave out the sentences of a text that name a command, a file or a key of the configuration."""
    return " ".join(each for each in _ENDS.split(text) if not _TECHNICAL.search(each))


def whom_to_ask(config: Config) -> str:
    """Return the name of the person whom people at the desk ask or call."""
    return config.web.ask or _("the person who runs this line")


def is_named(config: Config, name: str) -> bool:
    """Tell whether `web.ask` has a visitor's name as one of its words."""
    return any(each in re.findall(r"\w+", (config.web.ask or "").casefold()) for each in name.casefold().split()[:1])
