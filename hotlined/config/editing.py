"""The texts of the answer in a configuration file, replaced where they stand: every other octet of it stays.

A text keeps its quotes where they can hold it, else it gets double ones. What was made is read again: it has to be the
same document but for the texts. A YAML library that writes documents would keep the comments, but not the lines.
Known to be wrong: a text that an alias repeats elsewhere is not changed.
"""

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, cast

from hotlined import files
from hotlined.config.loading import file_octets
from hotlined.config.reading import walk
from hotlined.config.syntax import compose, is_null
from hotlined.config.values import Wording
from hotlined.errors import ConfigError, reason_of
from hotlined.language import _

if TYPE_CHECKING:
    import yaml

    from hotlined.config.syntax import Node

TEXT_KEYS = ("answer.text", "answer.texts", "answer.by_country")
"""The keys that hold texts of the answer."""

_BLANKS = " \t\r\n"
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")  # an anchor, a tag
_HEADER = re.compile(r"[|>]([0-9+-]*)([ \t]+#[^\r\n]*)?[ \t]*(\r\n|\r|\n|\Z)")


@dataclass(frozen=True, slots=True)
class Spot:
    """A text of the answer and where it stands in a file's text."""

    wording: Wording
    start: int
    end: int
    style: str | None
    """The sign that opens it (a quote, | or >); None for a plain value."""
    is_null: bool


def spots(text: str, path: Path) -> tuple[Spot, ...]:
    """Find the texts of the answer in the text of the file `path`, also where the file cannot be used otherwise.

    Raises ConfigError for what is no YAML, and where no text is stated.
    """
    nodes = walk(compose(text, path), []).nodes
    found: list[Spot] = []
    single, steps, countries = map(nodes.get, TEXT_KEYS)
    if single is not None and (steps is None or not steps.value):
        found += _place(single, 0, None)
    elif steps is not None and steps.id == "sequence":
        for step, node in enumerate(steps.value):
            found += _place(node, step, None)
    if countries is not None and countries.id == "mapping":
        for name, node in countries.value:
            found += _place(node, None, str(name.value))
    if not found:
        raise ConfigError(
            _("{path} has no text to edit.", path=path),
            (),
            _("Write answer.text into it, as the config.yaml that came with hotlined."),
        )
    return tuple(found)


def _place(node: "Node", step: int | None, country: str | None) -> Iterator[Spot]:
    """Yield the variants of one place."""
    nodes = node.value if node.id == "sequence" else [node]
    for variant, each in enumerate(nodes):
        if each.id == "scalar":
            text = "" if is_null(each) else each.value.strip()
            wording = Wording(text, step, variant, country, len(nodes) > 1)
            start, end = each.start_mark.index, each.end_mark.index
            yield Spot(wording, start, end, cast("yaml.ScalarNode", each).style, is_null(each))


def rewrite(text: str, path: Path, texts: Mapping[Spot, str]) -> str:
    """Return the text of a file with other texts of the answer at these spots.

    Raises ConfigError where that would change anything else: an alias repeats one of them.
    """
    for spot in sorted(texts, key=attrgetter("start"), reverse=True):  # so that those before stay where they are
        text = _rewrite(text, path, spot, texts[spot].strip())
    return text


def _rewrite(text: str, path: Path, spot: Spot, wanted: str) -> str:
    items = _items(text)
    place = _maybe_place(items, spot)
    if place is not None and not _is_repeated(items, items[place].anchor):
        others = [each.wording.text for each in spots(text, path) if each.start != spot.start]
        for written in _spellings(text, spot, wanted):
            made = text[: spot.start] + written + text[spot.end :]
            with suppress(ConfigError):  # a text may hold what ends its value, and what follows is no YAML then
                compose(made, path)
                made_items = _items(made)
                if _differs_there_alone(items, made_items, place) and (
                    _texts_around(made, path, made_items[place].start) == (wanted, others)
                ):
                    return made
    line = text.count("\n", 0, spot.start) + 1
    at = f"{path}:{line}"
    raise ConfigError(
        _("{place}: this text cannot be changed alone: the file uses it elsewhere, too.", place=at),
        (),
        _("Change it in the file itself."),
    )


@dataclass(frozen=True, slots=True)
class Item:
    """One step of a document, as YAML's parser reports it: a value, an alias, where a list or a section begins or ends.

    Nodes would not do: in them an alias is what it stands for, and a text that is repeated looks like two.
    """

    kind: str
    """What YAML calls it: Scalar, Alias, SequenceStart, …"""
    start: int
    """Where it stands in the text."""
    anchor: str | None
    tag: str | None
    value: str | None
    """What a scalar holds, without its quotes; None for all else."""

    @property
    def frame(self) -> tuple[str, str | None, str | None]:
        """All of it but its value and where it stands."""
        return (self.kind, self.anchor, self.tag)


def _items(text: str) -> Sequence[Item]:
    """Return all that stands in a document, in the order of the text."""
    import yaml  # noqa: PLC0415  only a reading of the configuration needs it

    return [
        Item(
            kind=type(event).__name__.removesuffix("Event"),
            start=event.start_mark.index if event.start_mark else 0,
            # an end of anything has neither, and only a scalar has a value
            anchor=getattr(event, "anchor", None),
            tag=getattr(event, "tag", None),
            value=getattr(event, "value", None),
        )
        for event in yaml.parse(text, yaml.SafeLoader)
    ]


def _maybe_place(items: Sequence[Item], spot: Spot) -> int | None:
    """Return which item a text is; None where an alias stands, which has another item's text."""
    return next((place for place, item in enumerate(items) if (item.kind, item.start) == ("Scalar", spot.start)), None)


def _is_repeated(items: Sequence[Item], anchor: str | None) -> bool:
    """Tell whether an alias stands for what has this anchor: to change that would change both."""
    return anchor is not None and any(item.kind == "Alias" and item.anchor == anchor for item in items)


def _differs_there_alone(before: Sequence[Item], after: Sequence[Item], place: int) -> bool:
    """Tell whether two documents are the same but for the value at one place; where things stand has moved."""
    return len(before) == len(after) and all(
        old.frame == new.frame and (at == place or old.value == new.value)
        for at, (old, new) in enumerate(zip(before, after, strict=True))
    )


def _texts_around(text: str, path: Path, start: int) -> tuple[str | None, Sequence[str]]:
    """Return the text of the answer that stands at a place, and all others: what the items hold is not stripped."""
    found = {each.start: each.wording.text for each in spots(text, path)}
    here = found.pop(start, None)
    return here, list(found.values())


def _spellings(text: str, spot: Spot, wanted: str) -> Iterator[str]:
    """Yield how a text may be written at a spot, the likest to what stands there first."""
    old = text[spot.start : spot.end]
    if not old:  # nothing stands behind the colon
        yield f" {_double(wanted)}"
        return
    properties = _PROPERTIES.match(old)
    begin = properties[0] if properties else ""
    value = old[len(begin) :]
    rest = value[len(value.rstrip(_BLANKS)) :]  # a block ends with the lines below it
    value = value[: len(value) - len(rest)]
    header = _HEADER.match(value + rest)
    if spot.style in ("|", ">") and header:
        yield begin + _block(value, header, wanted) + rest
        yield begin + _double(wanted) + (header[2] or "") + rest
    if spot.style == "'":
        yield begin + "'" + wanted.replace("'", "''") + "'" + rest
    if spot.style is None and not spot.is_null and "#" not in wanted and not wanted.endswith(("'", '"')):
        yield begin + wanted + rest
    yield begin + _double(wanted) + rest


def _block(value: str, header: re.Match[str], wanted: str) -> str:
    """Write a text below a header, indented as it was."""
    newline = header[3] or "\n"
    lines = [line for line in value[header.end() :].splitlines() if line.strip()]
    indent = re.match(" *", lines[0])[0] if lines else ""  # type: ignore[index]  # it matches anything
    body = newline.join(indent + line if line else "" for line in wanted.split("\n"))
    return f"|{header[1]}{header[2] or ''}{newline}{body}"


def _double(text: str) -> str:
    """Write a text between double quotes, on one line."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else character.encode("unicode_escape").decode()


@dataclass(frozen=True, slots=True)
class Original:
    """A configuration file as it was read: where it really lies, its octets, and its text."""

    path: Path
    octets: bytes
    text: str


def read(path: Path) -> Original:
    """Read a file that is to be changed; a link stays one, and what it leads to is changed.

    Raises ConfigError where this user may not replace it, and for what is no UTF-8.
    """
    octets = file_octets(path)
    real = path.resolve()
    state = real.stat()
    ours = os.geteuid() == 0 or (state.st_uid == os.geteuid() and state.st_gid in (*os.getgroups(), os.getegid()))
    if not ours or not os.access(real.parent, os.W_OK):
        raise ConfigError(_("{path} is not this user's to change.", path=real), (), _("Put `sudo` before the command."))
    try:
        return Original(real, octets, octets.decode())
    except UnicodeDecodeError as error:
        raise ConfigError(_("{path} is not in UTF-8.", path=path), (), _("Save it in that encoding first.")) from error


def write(original: Original, text: str) -> None:
    """Put a text in the place of a file's, whole and on the disk or not at all, with its owner and its rights.

    Raises ConfigError where somebody else has changed the file meanwhile, and where it cannot be replaced.
    """
    try:
        if original.path.read_bytes() != original.octets:
            raise ConfigError(
                _("{path} was changed by somebody else meanwhile: nothing was written.", path=original.path),
                (),
                _("Begin again."),
            )
        mode = stat.S_IMODE(original.path.stat().st_mode)
        files.replace(original.path, text.encode(), mode, beside=original.path, durable=True)
    except OSError as error:
        raise ConfigError(
            _("{path} cannot be written: {reason}.", path=original.path, reason=reason_of(error))
        ) from error
