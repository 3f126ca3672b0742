"""The answer's file: plain text as any editor saves it; a line of three hyphens separates variants.

An empty file is not a mistake: it means that nobody is answered. A file with problems is not used; each problem is
reported with its line.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from hotlined.config.judging import judge_each
from hotlined.config.problems import Problem, quoted
from hotlined.config.reading import MOST_KEYS
from hotlined.config.values import AnswerFile
from hotlined.errors import reason_of
from hotlined.language import N_, _, in_digits
from hotlined.machine import files

LARGEST = 64 * 1024  # bytes
SEPARATOR = "---"
_LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_PLAIN = N_("expected plain text in UTF-8, got {got}; save the file as that")


def octets(path: Path) -> bytes:
    """Return the bytes of a file, at most `LARGEST` + 1; if there are that many, the file is too large.

    A link is followed. Raises OSError, also for anything that is not a regular file: reading a pipe would block.
    """
    with os.fdopen(files.open_plain(Path(os.path.realpath(path)), os.O_RDONLY), "rb") as file:
        return file.read(LARGEST + 1)


def read(path: Path, encoding: str, max_segments: int) -> AnswerFile:
    """Read a file, and check whether its variants can be sent; problems are in the result, nothing is raised."""
    try:
        found = octets(path)
    except OSError as error:
        unread = Problem(1, "", _("cannot be read: {reason}", reason=reason_of(error)))
        return AnswerFile(problems=(unread,), is_denied=isinstance(error, PermissionError))
    text, problem = _decoded(found)
    if problem:
        return AnswerFile(problems=(problem,))
    variants, problems = _variants(text)
    if not problems:
        problems = [
            Problem(line, "", sentence)
            for line, variant in variants
            for sentence in judge_each((variant,), encoding, max_segments)
        ]
    return AnswerFile(tuple(variant for _line, variant in variants), tuple(problems))


def _decoded(found: bytes) -> tuple[str, Problem | None]:
    """Return the text, or the problem that makes it unusable."""
    if len(found) > LARGEST:
        return "", Problem(1, "", _("the file has more than {number} bytes", number=in_digits(LARGEST)))
    if found.startswith(_UTF_16):
        return "", Problem(1, "", _(_PLAIN, got="UTF-16"))
    if found.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{\\rtf"):
        return "", Problem(1, "", _(_PLAIN, got="RTF"))
    try:
        text = found.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = found[: error.start].decode("utf-8", "replace")
        return "", Problem(_line_of(before), "", _("expected UTF-8; save the file in that encoding"))
    if "\0" in text:
        return "", Problem(_line_of(text.partition("\0")[0]), "", _(_PLAIN, got=quoted("\0")))
    return text, None


def _line_of(before: str) -> int:
    """Return the number of the line on which a text ends."""
    return len(_LINE_END.findall(before)) + 1


def _variants(text: str) -> tuple[list[tuple[int, str]], list[Problem]]:
    """Return the variants, each with the number of its first line; if there are problems, return only these."""
    parts = list(_parts(text))
    variants = [(line, variant) for _separator, line, variant in parts if variant]
    if len(parts) > MOST_KEYS:
        sentence = _("expected at most {most} variants, got {number}", most=MOST_KEYS, number=len(parts))
        return [], [Problem(parts[MOST_KEYS][0], "", sentence)]
    if len(parts) == 1:
        return variants, []
    missing = _("a variant without a text: write one, or take this `{separator}` away", separator=SEPARATOR)
    problems = [Problem(separator, "", missing) for separator, _line, variant in parts if not variant]
    return ([], problems) if problems else (variants, [])


def _parts(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield each part: the line numbers of the separator before it and of its first line, and its text."""
    lines = _LINE_END.split(text)
    separators = [number for number, line in enumerate(lines, 1) if line.strip() == SEPARATOR]
    for before, behind in zip((0, *separators), (*separators, len(lines) + 1), strict=True):
        part = lines[before : behind - 1]
        blank = next((number for number, line in enumerate(part) if line.strip()), 0)
        # the first part has no separator before it: take the one after it
        yield before or min(behind, len(lines)), before + blank + 1, "\n".join(part).strip()
