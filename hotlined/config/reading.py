"""Nodes → values by key: unknown and misspelled keys, scalars of the wrong kind, what is lost behind a `#`.

Known to be wrong: a list's entry that is an alias is reported on its anchor's line.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from hotlined.config.keys import (
    ANY_HASH,
    COUNTRY,
    GLUED_HASH,
    KEYS,
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

if TYPE_CHECKING:
    import yaml

    from hotlined.config.syntax import Node

MOST_KEYS = 100  # of one section: more is no configuration, and every unknown key costs a search


_INVISIBLE = frozenset({"Zs", "Cf", "Cc"})  # blanks of other widths, formats, controls: none shows itself in an editor


def _maybe_invisible(text: str) -> str | None:
    """Name the first character of a text that nobody sees, or that is taken for a blank and is none."""
    found = next((each for each in text if each != " " and unicodedata.category(each) in _INVISIBLE), None)
    return None if found is None else f"an invisible {unicodedata.name(found, f'U+{ord(found):04X}').lower()}"


def _judge_name(section: str, name: str, value: "Node", lines: Mapping[str, int]) -> tuple[str, str]:
    """Return the key that is meant by one that is not known, as far as that can be told, and what is wrong with it.

    `lines` has the lines of the keys beside it.
    """
    plain = "".join(each for each in name if each == " " or unicodedata.category(each) not in _INVISIBLE).strip()
    known = [path for path in (*KEYS, *SECTIONS) if path.rpartition(".")[2] == plain]
    if (invisible := _maybe_invisible(name)) and known:
        path = next((path for path in known if path.rpartition(".")[0] == section), known[0])
        where = "before" if _maybe_invisible(name.partition(plain)[0]) else "in"
        return path, f"{invisible} stands {where} `{plain}`: delete it, and indent with blanks"
    path = f"{section}.{name}" if section else name
    if "." in name and path in KEYS:
        *outer, key = name.split(".")
        hidden = KEYS[path].secret or KEYS[path].kind.personal
        stated = "…" if hidden or value.id != "scalar" else in_yaml(value.value) if len(value.value) <= 40 else "…"
        steps = [f"`{'  ' * depth}{each}:`" for depth, each in enumerate(outer)]
        last = f"`{'  ' * len(outer)}{key}: {stated}`"
        if outer[0] in lines:
            below = "".join(f" {step} and below it" for step in steps[1:])
            return path, f"a dot does not nest: below `{outer[0]}:` on line {lines[outer[0]]} write{below} {last}"
        below = " and below it ".join((*steps, last))
        return path, f"a dot does not nest: write {len(steps) + 1} lines, {below}"
    dotted = " (a dot does not nest)" if "." in name else ""
    nearest, is_like = nearest_key(path)
    told = f"the nearest known one is {nearest}" if is_like else "the config.yaml that came with hotlined has them all"
    return in_yaml(path[:80]), f"unknown key{dotted}; {told}"


def _no_section(section: str, node: "Node") -> str:
    """Say what is wrong with what should be a section; most often a blank is missing, or is no blank."""
    if node.id == "mapping":
        return f"expected a section of at most {MOST_KEYS} keys, got one of {len(node.value)}"
    sentence = f"expected a section: keys on lines of their own, indented; got {name_of(node)}"
    found = re.match(r"([a-z_]+):(\S|[^\S ])", node.value) if node.id == "scalar" else None
    if not found and section == "limits.segments":
        windows = (f"{key.rpartition('.')[2]}: {KEYS[key].default}" for key in KEYS if key.startswith(f"{section}."))
        return f"{sentence}; on one line it is {{{', '.join(windows)}}}"
    if not found:
        return sentence
    invisible = _maybe_invisible(found[2])
    return f"{sentence}; " + (
        f"{invisible} stands behind `{found[1]}:`: make it a blank"
        if invisible
        else f"a blank is missing behind `{found[1]}:`"
    )


class Stated(NamedTuple):
    """What the file says: the line of each key and section, the node of each key."""

    lines: dict[str, int]
    nodes: "dict[str, Node]"


def walk(root: "Node | None", problems: list[Problem]) -> Stated:
    """Find each known key of a document, and add what is wrong with the others to `problems`."""
    stated = Stated({}, {})
    sections = [("", 1, root)]
    for section, section_line, node in sections:
        if node is None or is_null(node):  # every key of it is commented out
            continue
        if node.id != "mapping" or len(node.value) > MOST_KEYS:
            problems.append(Problem(section_line, section, _no_section(section, node)))
            continue
        beside = {key.value: key.start_mark.line + 1 for key, _ in node.value if key.id == "scalar"}
        for key, value in node.value:
            line = key.start_mark.line + 1
            name = key.value if key.id == "scalar" else name_of(key)
            path = f"{section}.{name}" if section else name
            if "." in name or path not in (*KEYS, *SECTIONS):
                problems.append(Problem(line, *_judge_name(section, name, value, beside)))
            elif path in stated.lines:
                problems.append(Problem(line, path, f"stated twice; first on line {stated.lines[path]}"))
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
    tagged = "; a value that starts with ! needs quotes" if str(node.tag).startswith("!") else ""
    meant = kind.meant(node.value) if node.id == "scalar" else None
    asked = f"; is {meant} meant?" if meant else ""
    visible = node.value.replace("\0", "") if node.id == "scalar" and not kind.personal else ""
    if invisible := _maybe_invisible(visible):
        asked = f"; {invisible} stands in it: delete it"
    raise ValueError(f"expected {kind.expected}, got {name_of(node, personal=kind.personal)}{tagged}{asked}")


def _judge_comment(key: Key, node: "Node") -> Iterator[str]:
    """Find a value that its writer may have meant to go on where YAML sees a comment.

    A plain value ends at a blank and a #, and nothing else would tell her: half of the answer would be sent.
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
    what = "" if key.secret or key.kind.personal else f" ({quoted(rest)})"
    yield (
        f"ends at the #, and what follows{what} is a comment: put the whole value in quotes; a remark goes on a "
        "line of its own"
    )


def _ends_with_lone_quote(text: str) -> bool:
    """Tell whether a quote ends a text that none opens; an apostrophe stands behind a letter."""
    if text.endswith('"'):
        return text.count('"') % 2 == 1
    return bool(re.search(r"[^\w']'\Z", text)) and len(re.findall(r"(?<!\w)'|'(?!\w)", text)) % 2 == 1


def _judge_quote(key: Key, node: "Node") -> Iterator[str]:
    """Find prose that ends with a quote which never opened: it would be sent with it."""
    plain = node.id == "scalar" and cast("yaml.ScalarNode", node).style is None
    if plain and key.kind.comment == ANY_HASH and _ends_with_lone_quote(node.value):
        yield f"ends with {node.value[-1]}, and no quote opens it: put the whole value in quotes, or take that one away"


def _no_list(key: Key, node: "Node") -> str:
    """Say what is wrong with what should be a list; most often its brackets are missing."""
    hidden = key.secret or key.kind.personal
    sentence = f"expected a list ([] for none), got {name_of(node, personal=hidden)}"
    if node.id != "scalar" or is_null(node):
        return sentence
    if hidden or key.kind is TEXT:  # a text may have commas of its own
        return f'{sentence}; write ["…"], each entry in quotes'
    entries = filter(None, re.split(r"\s*[,;]\s*", node.value.strip()[:80]))
    return f"{sentence}; write [{', '.join(in_yaml(key.kind.meant(entry) or entry) for entry in entries)}]"


def _alone(key: Key, line: int, node: "Node", where: Where, place: str = "") -> tuple[list[Any], list[Problem]]:
    """Return the value of a scalar, if it is one, and what is wrong with it, named by its place.

    A mistake is reported on the line that is given, what stands behind a # on that of the end of the value.
    """
    if cut := next(chain(_judge_comment(key, node), _judge_quote(key, node)), ""):
        return [], [Problem(node.end_mark.line + 1, key.path, place + cut)]
    try:
        return [_scalar(key.kind, node, where)], []
    except ValueError as error:
        return [], [Problem(line, key.path, f"{place}{error}")]


def _scalars(key: Key, node: "Node", where: Where, name: str) -> tuple[list[Any], list[Problem]]:
    """Return the values of a list of scalars, and what is wrong with them; `name` is what each is called."""
    values, problems = [], []
    for place, item in enumerate(node.value, start=1):
        found, wrong = _alone(key, item.start_mark.line + 1, item, where, f"{name} {place}: ")
        values += found
        problems += wrong
    return values, problems


def _variants(key: Key, line: int, node: "Node", where: Where, place: str) -> tuple[tuple[Any, ...], list[Problem]]:
    """Return the variants of one place, a list or one alone, and what is wrong with them."""
    if node.id != "sequence":
        values, problems = _alone(key, line, node, where, f"{place}: ")
    elif 0 < len(node.value) <= MOST_KEYS:
        values, problems = _scalars(key, node, where, f"{place}, variant")
    else:
        sentence = f"{place}: expected 1 to {MOST_KEYS} variants, got {len(node.value)}"
        values, problems = [], [Problem(line, key.path, sentence)]
    return tuple(values), problems


def _convert_nested(key: Key, line: int, node: "Node", where: Where) -> tuple[Any, list[Problem]]:
    """Return the variants of each entry of a list, and what is wrong with it."""
    if len(node.value) > MOST_KEYS:
        return (), [Problem(line, key.path, f"expected at most {MOST_KEYS} entries, got {len(node.value)}")]
    found = [
        _variants(key, item.start_mark.line + 1, item, where, f"entry {place}")
        for place, item in enumerate(node.value, start=1)
    ]
    return tuple(variants for variants, _ in found), [problem for _, wrong in found for problem in wrong]


def _convert_by_country(key: Key, line: int, node: "Node", where: Where) -> tuple[Any, list[Problem]]:
    """Return the countries of a section with the variants of each, and what is wrong with it."""
    if is_null(node):  # each of them is commented out
        return (), []
    if node.id != "mapping" or len(node.value) > MOST_KEYS:
        got = f"one of {len(node.value)}" if node.id == "mapping" else name_of(node)
        sentence = f'expected a section with a country for each key, like {{NL: "…", DE: ["…", "…"]}}, got {got}'
        return (), [Problem(line, key.path, sentence)]
    found: dict[str, tuple[Any, ...]] = {}
    problems = []
    for name, value in node.value:
        here = name.start_mark.line + 1
        try:
            country = _scalar(COUNTRY, name, where)
        except ValueError as error:
            problems.append(Problem(here, key.path, str(error)))
            continue
        if country in found:
            problems.append(Problem(here, key.path, f"{country} is stated twice"))
            continue
        found[country], wrong = _variants(key, here, value, where, country)
        problems += wrong
    return tuple(found.items()), problems


def convert(key: Key, line: int, node: "Node", where: Where) -> tuple[Any, list[Problem]]:
    """Return the value of a key, and what is wrong with it."""
    if key.shape is Shape.MAYBE and is_null(node):
        return None, [Problem(line, key.path, sentence) for sentence in _judge_comment(key, node)]
    if key.shape is Shape.BY_COUNTRY:
        return _convert_by_country(key, line, node, where)
    if key.shape is Shape.NESTED and node.id == "sequence":
        return _convert_nested(key, line, node, where)
    listed = node.id == "sequence" and (
        key.shape is Shape.LIST or (key.shape in {Shape.SERIES, Shape.RANGE} and node.value)
    )
    if key.shape in {Shape.LIST, Shape.NESTED} and not listed:
        return (), [Problem(line, key.path, _no_list(key, node))]
    values, problems = _scalars(key, node, where, "entry") if listed else _alone(key, line, node, where)
    if key.shape is Shape.RANGE and not problems and (len(values) > 2 or values[0] > values[-1]):
        typed = ", ".join(item.value for item in node.value)  # as it is known to her who wrote it
        problems.append(Problem(line, key.path, f"expected one duration, or two and the shorter first, got {typed}"))
    return (values[0] if values and key.shape in {Shape.ONE, Shape.MAYBE} else tuple(values)), problems
