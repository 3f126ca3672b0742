"""Parses YAML into nodes, which have their line numbers; text that is not YAML gets advice that a person can follow.

Known to be wrong: only the first mistake of broken YAML is reported.
"""

import re
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, cast

from hotlined.config.keys import NAMES
from hotlined.config.problems import Problem, quoted, refuse
from hotlined.errors import ConfigError
from hotlined.language import N_, Language, _, in_row, spoken

if TYPE_CHECKING:
    import yaml  # at run time only in functions: programs that read no configuration do not load it

    Node = yaml.ScalarNode | yaml.SequenceNode | yaml.MappingNode

# a part of PyYAML's message, and the advice for the person who wrote the file
_CURES = (
    (r"'\t'", N_("YAML indents with spaces, never with tabs")),
    ("cannot start any token", N_("a value that starts with @, ` or % needs quotes")),
    ("alias", N_("a value that starts with * needs quotes")),
    ("anchor", N_("a value that starts with & needs quotes")),
    (
        "mapping values are not allowed",
        N_("a value with a colon and a blank in it needs quotes; and a key must be indented as much as its neighbours"),
    ),
    ("entries are not allowed", N_("a value that starts with - and a blank needs quotes")),
    ("mapping keys are not allowed", N_("a value that starts with ? and a blank needs quotes")),
    ("scanning a block scalar", N_("a value that starts with > or | needs quotes")),
    ("unknown escape", N_(r"between double quotes a \ is written \\")),
    ("could not find expected ':'", N_("a colon is missing behind a key")),
    ("expected ',' or", N_("a comma is missing between two entries, or a bracket at the end")),
)


class _Ended(StrEnum):
    """The kinds of characters that end a value earlier than its writer meant, each with the advice."""

    QUOTES = N_(
        'there are quotes inside the quotes: put the text between "…", and write “ ” or \\" inside; an apostrophe is'
        " fine there"
    )
    COMMENT = N_("text after a blank and # is a comment: put the whole value in quotes")
    BRACKET = N_("a value that starts with [ or {brace} needs quotes")


# parts of the messages of PyYAML if a value ended earlier than its writer meant
_ENDED_SIGNS = ("expected <block end>", "expected ',' or", "expected the node content")


def _ended_early(text: str, index: int, message: str) -> _Ended | None:
    """Return why a value ended too early: a quote inside it, a comment, or the end of a bracket that begins it."""
    if not any(sign in message for sign in _ENDED_SIGNS):
        return None
    before = text[:index].rstrip()
    if re.search(r"[ \t]#[^\n]*\Z", before):
        return _Ended.COMMENT
    if "\n" in text[len(before) : index]:  # the parser stopped on a later line: the value before is right
        return None
    if before.endswith(("'", '"')):
        return _Ended.QUOTES
    if before.endswith(("]", "}")) and text[index : index + 1] not in ("", "]", "}"):
        return _Ended.BRACKET
    return None


_INDENTED = N_("this line is not indented like the other keys of its section: put the same blanks before all of them")
_OPENED = N_("the quote that opens here is not closed: put one at the end of the value")


def _maybe_opened(text: str, index: int) -> int | None:
    """Return the line on which the quoted value before `index` begins; None if it ends on the same line."""
    import yaml  # noqa: PLC0415  only for mistakes

    end = len(text[:index].rstrip())
    with suppress(yaml.YAMLError):
        for token in yaml.scan(text):
            if isinstance(token, yaml.ScalarToken) and token.style and token.end_mark.index == end:
                return token.start_mark.line + 1 if token.start_mark.line < token.end_mark.line else None
    return None


def _maybe_glued(text: str, mark: "yaml.Mark", message: str) -> Problem | None:
    """Find the `key:value` above a mistake that lacks a blank: YAML takes it for text, and reports the next key."""
    if not any(sign in message for sign in ("mapping values are not allowed", "could not find expected ':'")):
        return None
    found = None
    rows = re.split("\r\n|[\r\n\x85\u2028\u2029]", text)
    for number in range(min(mark.line, len(rows)), 0, -1):
        match = re.match(r"\s*([^\W\d]\w*):(\S)?", rows[number - 1])
        if match and match[2] and match[1] in NAMES:
            found = Problem(number, "", _("a blank is missing behind `{key}:`", key=match[1]))
        elif match and not match[2]:
            break
    return found


def _told(error: "yaml.MarkedYAMLError") -> str:
    if error.context_mark is None:
        return str(error.problem)
    places = {"context": error.context, "line": error.context_mark.line + 1, "problem": error.problem}
    return _("{context} from line {line}, {problem}", **places)


def _broken(path: Path, line: int, message: str) -> ConfigError:
    cure = next((_(cure) for sign, cure in _CURES if sign in message), "")
    is_translated = cure and spoken() is not Language.ENGLISH  # the parser's own words are English only
    told = _("this is not YAML") if is_translated else _("this is not YAML: {message}", message=message)
    return refuse(path, [Problem(line, "", in_row((told, cure)))])


def compose(text: str, path: Path) -> "Node | None":
    """Parse a text into nodes; raises ConfigError. Aliases do not copy nodes, so no small file fills the memory."""
    import yaml  # noqa: PLC0415  only reading a configuration needs it

    try:
        loader = yaml.SafeLoader(text)  # not CSafeLoader, whose depth has no limit: its stack would overflow
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = f"U+{ord(text[error.position]):04X}"
        character = _("the character {code} is not allowed", code=code)
        raise _broken(path, line, character) from error
    try:
        return cast("Node | None", loader.get_single_node())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or loader.get_mark()
        if error.context_mark and "end of stream" in str(error.problem):
            raise refuse(path, [Problem(error.context_mark.line + 1, "", _(_OPENED))]) from error
        if early := _ended_early(text, mark.index, str(error.problem)):
            line = text.count("\n", 0, len(text[: mark.index].rstrip())) + 1
            if early is _Ended.QUOTES and (opened := _maybe_opened(text, mark.index)):
                raise refuse(path, [Problem(opened, "", _(_OPENED))]) from error
            raise refuse(path, [Problem(line, "", _(early, brace="{"))]) from error
        if glued := _maybe_glued(text, mark, str(error.problem)):
            raise refuse(path, [glued]) from error
        if "expected <block end>" in str(error.problem):
            raise refuse(path, [Problem(mark.line + 1, "", _(_INDENTED))]) from error
        raise _broken(path, mark.line + 1, _told(error)) from error
    except RecursionError as error:
        raise _broken(path, loader.get_mark().line + 1, _("nested too deeply")) from error
    except (ValueError, OverflowError) as error:  # an escape or a directive with an impossible number
        raise _broken(path, loader.get_mark().line + 1, _("a number is out of range")) from error


def is_null(node: "Node") -> bool:
    """Tell whether a node is null: nothing, ~ or null."""
    return node.tag == "tag:yaml.org,2002:null"


def name_of(node: "Node", *, personal: bool = False) -> str:
    """Return a description of a node, for "got …"; the text of a `personal` scalar is not shown."""
    if is_null(node):
        return _("nothing")
    if node.id == "sequence":
        return _("a list") if node.value else _("an empty list")
    if node.id == "mapping":
        return _("a section") if node.value else _("an empty section")
    return _("something else (not shown)") if personal else quoted(node.value)
