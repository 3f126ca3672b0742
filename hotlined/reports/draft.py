"""The texts of the answer as a plain text for an editor, without YAML: each has a line above it that names it."""

from collections.abc import Sequence
from pathlib import Path

from hotlined.config import Wording
from hotlined.errors import TextError
from hotlined.language import _, ngettext
from hotlined.reports.text import wording_in_words
from hotlined.words.amounts import in_segments

_RULE = "====="


def steps(wordings: Sequence[Wording]) -> int:
    """Return how many texts a number may get one after the other."""
    return 1 + max(wording.step or 0 for wording in wordings)


def headings(wordings: Sequence[Wording]) -> list[str]:
    """Return the line above each text."""
    last = steps(wordings) - 1
    return [f"{_RULE} {_name(each, last)} {_RULE}" for each in wordings]


def _name(wording: Wording, last: int) -> str:
    name = wording_in_words(wording, last + 1)
    return _("{name} (and every further one)", name=name) if wording.step == last > 0 else name


def write(wordings: Sequence[Wording], most: int, path: Path) -> str:
    """Return the plain text for an editor; it names the file `path` and the most segments that a text may have."""
    about = (
        ngettext(
            "What the line answers. Change the text below, save, and leave the editor (nano: Ctrl-O, Enter, Ctrl-X).",
            "What the line answers. Change the texts below, save, and leave the editor (nano: Ctrl-O, Enter, Ctrl-X).",
            len(wordings),
        ),
        _("Nothing is written before you have seen what it costs and said yes. These first lines are not sent."),
        _(
            "A text may have at most {segments}, and a line break is sent as one. To add or to remove a text, edit"
            " {path}.",
            segments=in_segments(most),
            path=path,
        ),
    )
    parts = zip(headings(wordings), wordings, strict=True)
    return "".join(f"# {line}\n" for line in about) + "".join(
        f"\n{heading}\n\n{wording.text}\n" for heading, wording in parts
    )


def read(written: str, wordings: Sequence[Wording]) -> list[str]:
    """Return the texts from what `write` wrote and a person changed, in the order of the wordings.

    Raises TextError if the lines above the texts are not those that `write` wrote.
    """
    found: dict[str, list[str]] = {heading: [] for heading in headings(wordings)}
    seen: set[str] = set()
    here: list[str] = []
    for line in written.replace("\r\n", "\n").split("\n"):
        heading = line.strip()
        if heading not in found:
            here.append(line)
        elif heading in seen:
            raise TextError(
                _("The line `{heading}` stands there twice.", heading=heading), _("Leave each of them once.")
            )
        else:
            here = found[heading]
            seen.add(heading)
    if missing := next((heading for heading in found if heading not in seen), None):
        raise TextError(_("The line `{heading}` is missing.", heading=missing), _("Put it back above its text."))
    return ["\n".join(lines).strip() for lines in found.values()]
