"""Nodes → values by key; finds unknown and misspelled keys, scalars of the wrong kind, and text that a `#` cuts off.

Known to be wrong: a problem of a list entry that is an alias is reported on the line of its anchor.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from hotlined.config.keys import (
    ANY_HASH,
    COUNTRY,
    GLUED_HASH,
    KEYS,
    PERSON,
    SECTIONS,
    TEXT,
    Key,
    Kind,
    Shape,
    Where,
    nearest_key,
)
from hotlined.config.problems import Problem, in_yaml, quoted
from hotlined.config.syntax import is_null, name_of
from hotlined.config.values import Role
from hotlined.language import N_, _, character_name, in_row

if TYPE_CHECKING:
    import yaml

    from hotlined.config.syntax import Node

MOST_KEYS = 100  # in one section: a real file has fewer, and every unknown key costs a search


_INVISIBLE = frozenset({"Zs", "Cf", "Cc"})  # blanks of other widths, formats, controls: an editor shows none of them


def _maybe_invisible(text: str) -> str | None:
    """Name the first character of a text that is invisible, or that only looks like a blank."""
    found = next((each for each in text if each != " " and unicodedata.category(each) in _INVISIBLE), None)
    if found is None:
        return None
    return _("an invisible {name}", name=character_name(found))


_BEFORE = N_("{invisible} is before `{key}`: delete it, and indent with blanks")
_WITHIN = N_("{invisible} is in `{key}`: delete it, and indent with blanks")


def _judge_name(section: str, name: str, value: "Node", lines: Mapping[str, int]) -> tuple[str, str]:
    """Return the known key that an unknown one probably means, or else its own path, and the problem in words.

    `lines` has the lines of the keys of the same section.
    """
    plain = "".join(each for each in name if each == " " or unicodedata.category(each) not in _INVISIBLE).strip()
    known = [path for path in (*KEYS, *SECTIONS) if path.rpartition(".")[2] == plain]
    if (invisible := _maybe_invisible(name)) and known:
        path = next((path for path in known if path.rpartition(".")[0] == section), known[0])
        before = bool(_maybe_invisible(name.partition(plain)[0]))
        return path, _(_BEFORE if before else _WITHIN, invisible=invisible, key=plain)
    path = f"{section}.{name}" if section else name
    if "." in name and path in KEYS:
        return path, _nested(path, name.split("."), value, lines)
    if name.isdecimal():  # the end of a number with a comma
        return in_yaml(path[:80]), _("unknown key (a comma ends a value within braces: write 0.06, or 3000)")
    nearest, is_like = nearest_key(path)
    return in_yaml(path[:80]), in_row(
        (
            _("unknown key (a dot does not indent)") if "." in name else _("unknown key"),
            _("the nearest known one is {key}", key=nearest)
            if is_like
            else _("the config.yaml that came with hotlined has them all"),
        )
    )


def _nested(path: str, names: list[str], value: "Node", lines: Mapping[str, int]) -> str:
    """Return how to nest a key that was written with dots, in words."""
    *outer, key = names
    hidden = KEYS[path].secret or KEYS[path].kind.personal
    stated = "…" if hidden or value.id != "scalar" else in_yaml(value.value) if len(value.value) <= 40 else "…"
    written = [f"`{'  ' * depth}{each}:`" for depth, each in enumerate(outer)]
    written.append(f"`{'  ' * len(outer)}{key}: {stated}`")
    if (line := lines.get(outer[0])) is None:
        return _("a dot does not indent: write {number} lines, {rows}", number=len(names), rows=_in_turn(written))
    first, *rest = written  # the section exists already
    return _(
        "a dot does not indent: below {first} on line {line} write {rows}", first=first, line=line, rows=_in_turn(rest)
    )


def _in_turn(written: list[str]) -> str:
    """Return in words that each of these lines has its place below the one before."""
    rows, *others = written
    for row in others:
        rows = _("{rows} and below it {row}", rows=rows, row=row)
    return rows


def _no_section(section: str, node: "Node") -> str:
    """Return the problem of a node that should be a section; most often a blank is missing or is another character."""
    if node.id == "mapping":
        return _(
            "expected a section of at most {most} keys, got one of {number}", most=MOST_KEYS, number=len(node.value)
        )
    sentence = _("expected a section: keys on lines of their own, indented; got {got}", got=name_of(node))
    found = re.match(r"([a-z_]+):(\S|[^\S ])", node.value) if node.id == "scalar" else None
    if not found and section == "limits.segments":
        windows = (f"{key.rpartition('.')[2]}: {KEYS[key].default}" for key in KEYS if key.startswith(f"{section}."))
        one_line = f"{{{', '.join(windows)}}}"
        return in_row((sentence, _("on one line it is {windows}", windows=one_line)))
    if not found:
        return sentence
    if invisible := _maybe_invisible(found[2]):
        return in_row(
            (sentence, _("{invisible} is after `{key}:`: make it a blank", invisible=invisible, key=found[1]))
        )
    return in_row((sentence, _("a blank is missing behind `{key}:`", key=found[1])))


class Stated(NamedTuple):
    """The keys that the file states: the line of each key and section, the node of each key."""

    lines: dict[str, int]
    nodes: "dict[str, Node]"


def walk(root: "Node | None", problems: list[Problem]) -> Stated:
    """Find each known key of a document, and add the problems of all others to `problems`."""
    stated = Stated({}, {})
    sections = [("", 1, root)]
    for section, section_line, node in sections:
        if node is None or is_null(node):  # all its keys are commented out
            continue
        if node.id != "mapping" or len(node.value) > MOST_KEYS:
            problems.append(Problem(section_line, section, _no_section(section, node)))
            continue
        beside = {key.value: key.start_mark.line + 1 for key, _value in node.value if key.id == "scalar"}
        for key, value in node.value:
            line = key.start_mark.line + 1
            name = key.value if key.id == "scalar" else name_of(key)
            path = f"{section}.{name}" if section else name
            if "." in name or path not in (*KEYS, *SECTIONS):
                problems.append(Problem(line, *_judge_name(section, name, value, beside)))
            elif path in stated.lines:
                twice = _("stated twice; first on line {line}", line=stated.lines[path])
                problems.append(Problem(line, path, twice))
            else:
                stated.lines[path] = line
                if path in KEYS:
                    stated.nodes[path] = value
                else:
                    sections.append((path, line, value))
    return stated


def _scalar(kind: Kind, node: "Node", where: Where) -> Any:
    with suppress(ValueError):
        if node.id == "scalar" and not is_null(node):
            node.value.encode()  # an escape can make a lone surrogate
            if "\0" not in node.value:
                return kind.parse(node.value, where)
    tagged = _("a value that starts with ! needs quotes") if str(node.tag).startswith("!") else ""
    meant = kind.meant(node.value) if node.id == "scalar" else None
    asked = _("is {meant} meant?", meant=meant) if meant else ""
    visible = node.value.replace("\0", "") if node.id == "scalar" and not kind.personal else ""
    if invisible := _maybe_invisible(visible):
        asked = _("{invisible} is in it: delete it", invisible=invisible)
    got = name_of(node, personal=kind.personal)
    raise ValueError(in_row((_("expected {expected}, got {got}", expected=kind.expected, got=got), tagged, asked)))


def _judge_comment(key: Key, node: "Node") -> Iterator[str]:
    """Find a value that is cut off by a #, where the writer may have meant text and not a comment.

    In YAML a blank and a # end a plain value. Without this check half of the answer would be sent, and nobody would see
    why.
    """
    plain = node.id == "scalar" and cast("yaml.ScalarNode", node).style is None
    if not plain or key.kind.comment is None or node.end_mark.buffer is None:
        return
    text, at = node.end_mark.buffer, node.end_mark.pointer
    found = re.compile(GLUED_HASH if is_null(node) else key.kind.comment).match(text, at)
    if not found:
        return
    end = re.compile("[^\r\n\0\x85\u2028\u2029]*").match(text, at)
    rest = end[0].strip() if end else ""
    if key.secret or key.kind.personal:
        yield _(
            "ends at the #, and what follows is a comment: put the whole value in quotes; a remark goes on a line of"
            " its own"
        )
    else:
        yield _(
            "ends at the #, and what follows ({rest}) is a comment: put the whole value in quotes; a remark goes on a"
            " line of its own",
            rest=quoted(rest),
        )


def _ends_with_lone_quote(text: str) -> bool:
    """Tell whether a text ends with a quote that was never opened; an apostrophe after a letter is not a quote."""
    if text.endswith('"'):
        return text.count('"') % 2 == 1
    return bool(re.search(r"[^\w']'\Z", text)) and len(re.findall(r"(?<!\w)'|'(?!\w)", text)) % 2 == 1


def _judge_quote(key: Key, node: "Node") -> Iterator[str]:
    """Find prose that ends with a quote that was never opened: the answer would be sent with that quote."""
    plain = node.id == "scalar" and cast("yaml.ScalarNode", node).style is None
    if plain and key.kind.comment == ANY_HASH and _ends_with_lone_quote(node.value):
        yield _(
            "ends with {quote}, and no quote opens it: put the whole value in quotes, or take that one away",
            quote=node.value[-1],
        )


def _no_list(key: Key, node: "Node") -> str:
    """Return the problem of a node that should be a list; most often the brackets are missing."""
    hidden = key.secret or key.kind.personal
    sentence = _("expected a list ([] for none), got {got}", got=name_of(node, personal=hidden))
    if node.id != "scalar" or is_null(node):
        return sentence
    if hidden or key.kind is TEXT:  # a text may have commas of its own
        return in_row((sentence, _('write ["…"], each entry in quotes')))
    entries = filter(None, re.split(r"\s*[,;]\s*", node.value.strip()[:80]))
    listed = f"[{', '.join(in_yaml(key.kind.meant(entry) or entry) for entry in entries)}]"
    return in_row((sentence, _("write {example}", example=listed)))


def _alone(key: Key, line: int, node: "Node", where: Where, place: str = "") -> tuple[list[Any], list[Problem]]:
    """Return the value of a scalar, in a list that is empty if it has none, and its problems; `place` is their subject.

    A mistake is reported on `line`; text that a # cuts off is reported on the line where the value ends.
    """
    if cut := next(chain(_judge_comment(key, node), _judge_quote(key, node)), ""):
        return [], [Problem(node.end_mark.line + 1, key.path, _at(place, cut))]
    try:
        return [_scalar(key.kind, node, where)], []
    except ValueError as error:
        return [], [Problem(line, key.path, _at(place, str(error)))]


def _at(place: str, sentence: str) -> str:
    return _("{place}: {sentence}", place=place, sentence=sentence) if place else sentence


def _entry(number: int) -> str:
    return _("entry {number}", number=number)


def _variant(place: str, number: int) -> str:
    return _("{place}, variant {number}", place=place, number=number)


def _scalars(key: Key, node: "Node", where: Where, name: Callable[[int], str]) -> tuple[list[Any], list[Problem]]:
    """Return the values of a list of scalars, and their problems; `name` makes the name of an entry from its number."""
    values, problems = [], []
    for place, item in enumerate(node.value, start=1):
        found, wrong = _alone(key, item.start_mark.line + 1, item, where, name(place))
        values += found
        problems += wrong
    return values, problems


def _variants(key: Key, line: int, node: "Node", where: Where, place: str) -> tuple[tuple[Any, ...], list[Problem]]:
    """Return the variants of one place, from one scalar or a list, and their problems."""
    if node.id != "sequence":
        values, problems = _alone(key, line, node, where, place)
    elif 0 < len(node.value) <= MOST_KEYS:
        values, problems = _scalars(key, node, where, partial(_variant, place))
    else:
        sentence = _("expected 1 to {most} variants, got {number}", most=MOST_KEYS, number=len(node.value))
        values, problems = [], [Problem(line, key.path, _at(place, sentence))]
    return tuple(values), problems


def _convert_nested(key: Key, line: int, node: "Node", where: Where) -> tuple[Any, list[Problem]]:
    """Return the variants of each entry of a list, and their problems."""
    if len(node.value) > MOST_KEYS:
        sentence = _("expected at most {most} entries, got {number}", most=MOST_KEYS, number=len(node.value))
        return (), [Problem(line, key.path, sentence)]
    found = [
        _variants(key, item.start_mark.line + 1, item, where, _entry(place))
        for place, item in enumerate(node.value, start=1)
    ]
    return tuple(variants for variants, _wrong in found), [problem for _variants, wrong in found for problem in wrong]


def _no_entries(key: Key, node: "Node") -> str:
    places = {"most": MOST_KEYS, "number": len(node.value), "got": name_of(node)}
    if key.shape is Shape.BY_PERSON:
        places["example"] = f"{{anna: {Role.VOLUNTEER}}}"
        if node.id == "mapping":
            return _("expected a section with at most {most} names, like {example}, got one of {number}", **places)
        return _("expected a section with a person's name for each key, like {example}, got {got}", **places)
    places["example"] = '{NL: "…", DE: ["…", "…"]}'
    if node.id == "mapping":
        return _("expected a section with at most {most} countries, like {example}, got one of {number}", **places)
    return _("expected a section with a country for each key, like {example}, got {got}", **places)


def _convert_section(key: Key, line: int, node: "Node", where: Where) -> tuple[Any, list[Problem]]:
    """Return the entries of a section whose keys are countries or persons, and their problems."""
    if is_null(node):  # all its entries are commented out
        return (), []
    if node.id != "mapping" or len(node.value) > MOST_KEYS:
        return (), [Problem(line, key.path, _no_entries(key, node))]
    found: dict[str, Any] = {}
    problems = []
    for name, value in node.value:
        here = name.start_mark.line + 1
        try:
            stated = _scalar(PERSON if key.shape is Shape.BY_PERSON else COUNTRY, name, where)
        except ValueError as error:
            problems.append(Problem(here, key.path, str(error)))
            continue
        if stated in found:
            problems.append(Problem(here, key.path, _("{name} is stated twice", name=stated)))
            continue
        if key.shape is Shape.BY_PERSON:
            values, wrong = _alone(key, here, value, where, stated)
            found[stated] = values[0] if values else None
        else:
            found[stated], wrong = _variants(key, here, value, where, stated)
        problems += wrong
    return tuple(found.items()), problems


def convert(key: Key, line: int, node: "Node", where: Where) -> tuple[Any, list[Problem]]:
    """Return the value of a key, and its problems."""
    if (key.shape is Shape.MAYBE or key.default is None) and is_null(node):
        return None, [Problem(line, key.path, sentence) for sentence in _judge_comment(key, node)]
    if key.shape in {Shape.BY_COUNTRY, Shape.BY_PERSON}:
        return _convert_section(key, line, node, where)
    if key.shape is Shape.NESTED and node.id == "sequence":
        return _convert_nested(key, line, node, where)
    listed = node.id == "sequence" and (
        key.shape is Shape.LIST or (key.shape in {Shape.SERIES, Shape.RANGE} and node.value)
    )
    if key.shape in {Shape.LIST, Shape.NESTED} and not listed:
        return (), [Problem(line, key.path, _no_list(key, node))]
    values, problems = _scalars(key, node, where, _entry) if listed else _alone(key, line, node, where)
    if key.shape is Shape.RANGE and not problems and (len(values) > 2 or values[0] > values[-1]):
        typed = ", ".join(item.value for item in node.value)  # as the writer typed it
        sentence = _("expected one duration, or two and the shorter first, got {got}", got=typed)
        problems.append(Problem(line, key.path, sentence))
    return (values[0] if values and key.shape in {Shape.ONE, Shape.MAYBE} else tuple(values)), problems
