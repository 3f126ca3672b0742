"""The problems of a configuration, each with its line, and the quoting of text from the file."""

import re
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from hotlined.errors import ConfigError
from hotlined.language import _, ngettext


class Problem(NamedTuple):
    """A sentence about a line of the file; `key` is empty if the problem belongs to no particular key."""

    line: int
    key: str
    sentence: str


def quoted(text: str) -> str:
    """Quote the text of a person, cut to 40 characters."""
    return repr(text if len(text) <= 40 else f"{text[:39]}…")


def in_yaml(text: str) -> str:
    """Write a scalar for YAML, quoted if necessary. Control characters are escaped: a terminal would obey them."""
    if re.fullmatch(r"[A-Za-z0-9/][A-Za-z0-9/_.%-]*", text) and text.lower() != "null":
        return text
    escaped = "".join(
        character if character.isprintable() and character != "\\" else character.encode("unicode_escape").decode()
        for character in text
    )
    return '"' + escaped.replace('"', r"\"") + '"'


def refuse(path: Path, problems: list[Problem]) -> ConfigError:
    """Return the error with all problems of a file, in the order of their lines."""
    return ConfigError(
        ngettext(
            "{path} cannot be used: one problem", "{path} cannot be used: {number} problems", len(problems), path=path
        ),
        tuple(
            f"{path}:{line}: {key}: {sentence}" if key else f"{path}:{line}: {sentence}"
            for line, key, sentence in sorted(problems, key=attrgetter("line"))
        ),
        _("Correct these lines, then run `hotlined config check`."),
    )
