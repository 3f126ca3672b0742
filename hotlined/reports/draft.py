"""The texts of the answer as a plain text for an editor: what each is, below it the text as it is, no YAML."""

from collections.abc import Sequence
from pathlib import Path

from hotlined.config import Wording
from hotlined.errors import TextError
from hotlined.reports.text import wording_in_words
from hotlined.words.amounts import counted

_ABOUT = """\
# What the line answers. Change the text{s} below, save, and leave the editor (nano: Ctrl-O, Enter, Ctrl-X).
# Nothing is written before you have seen what it costs and said yes. These first lines are not sent.
# A text may have at most {most}, and a line break is sent as one. To add or to remove a text, edit {path}.
"""
_RULE, _FURTHER = "=====", " (and every further one)"


def steps(wordings: Sequence[Wording]) -> int:
    """Return how many texts a number may get one after the other."""
    return 1 + max(wording.step or 0 for wording in wordings)


def headings(wordings: Sequence[Wording]) -> list[str]:
    """Return the line above each text."""
    last = steps(wordings) - 1
    return [
        f"{_RULE} {wording_in_words(each, last + 1)}{_FURTHER if each.step == last > 0 else ''} {_RULE}"
        for each in wordings
    ]


def write(wordings: Sequence[Wording], most: int, path: Path) -> str:
    """Return the plain text of the answer in the file `path`, of which each part may have so many segments at most."""
    about = _ABOUT.format(s="" if len(wordings) == 1 else "s", most=counted(most, "segment"), path=path)
    parts = zip(headings(wordings), wordings, strict=True)
    return about + "".join(f"\n{heading}\n\n{wording.text}\n" for heading, wording in parts)


def read(written: str, wordings: Sequence[Wording]) -> list[str]:
    """Return the texts of what `write` wrote and a person changed, in the order of the wordings.

    Raises TextError where the lines above the texts are not those that were there.
    """
    found: dict[str, list[str]] = {heading: [] for heading in headings(wordings)}
    seen: set[str] = set()
    here: list[str] = []
    for line in written.replace("\r\n", "\n").split("\n"):
        heading = line.strip()
        if heading not in found:
            here.append(line)
        elif heading in seen:
            raise TextError(f"The line `{heading}` stands there twice.", "Leave each of them once.")
        else:
            here = found[heading]
            seen.add(heading)
    if missing := next((heading for heading in found if heading not in seen), None):
        raise TextError(f"The line `{missing}` is missing.", "Put it back above its text.")
    return ["\n".join(lines).strip() for lines in found.values()]
