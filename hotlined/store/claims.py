"""The row with which a line tells the other lines of its fleet what it decided about a person; the line signs it.

Each version of a row contains all that the versions before it said. So rows may arrive late, twice or in any order. The
hub has no key: it can withhold or repeat a row, but neither make nor change one.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from hotlined import pseudonym
from hotlined.errors import RefusedError
from hotlined.language import _
from hotlined.states import DecisionKind
from hotlined.store.database_files import ORDERS, beside

HIGHEST = 2**53 - 1
"""The highest version and place that is believed: not every reader of JSON has larger whole numbers."""
MOST_UNDONE = 2**52
"""The highest version that is believed to be undone: above it a line has versions left for later claims."""
MOST_LINES = 64
"""The most lines whose claims one row undoes."""
LONGEST_UNDONE = 8192
_FORM, _FORM_ERASED = "hotlined claim 1", "hotlined claim 2"

Row = TypeVar("Row")
Undone = dict[DecisionKind, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Claim:
    """A line's row of a person.

    `opted_out` and `blocked` are the versions at which the line claimed that the person opted out or is blocked; None
    without a claim. `undone` is which claims the line has undone, its own and others', each up to a version: JSON as
    `written` writes it. `erased` is the version at which the line last erased the person, None if it never did;
    `erased_at` is when, None if its clock was not synchronised. `signature` has 64 hexadecimal digits.
    """

    line: str
    person: str
    version: int
    opted_out: int | None
    blocked: int | None
    undone: str
    erased: int | None = None
    erased_at: str | None = None
    signature: str = ""

    def of(self, kind: DecisionKind) -> int | None:
        """Return the version at which the opt-out or the block was claimed; None if it was not."""
        return self.opted_out if kind is DecisionKind.OPT_OUTS else self.blocked

    def signed(self, key: bytes) -> "Claim":
        """Return the row with its signature: HMAC-SHA256 over the form's name and every field, a line each.

        A row without an erasure has the form of rows from before there were erasures: these are still believed.
        """
        form, said = (_FORM, -3) if self.erased is None else (_FORM_ERASED, -1)
        return replace(self, signature=signature(key, form, astuple(self)[:said]))

    def is_signed(self, key: bytes) -> bool:
        """Tell whether the signature is of this row, under the key of the fleet."""
        return is_same(self.signed(key).signature, self.signature)


@dataclass(frozen=True, slots=True)
class Placed(Generic[Row]):
    """A row of a line and its place at the hub."""

    place: int
    row: Row


def signature(key: bytes, form: str, fields: Iterable[object]) -> str:
    """Return the HMAC-SHA256 over a form's name and fields, a line each, in hexadecimal digits; None is empty."""
    import hmac  # noqa: PLC0415  it loads OpenSSL, 4 MiB

    lines = [form, *("" if field is None else str(field) for field in fields)]
    return hmac.digest(key, "\n".join(lines).encode(), "sha256").hex()


def is_same(ours: str, theirs: str) -> bool:
    """Tell whether two signatures are the same, in a time that does not depend on where they differ."""
    import hmac  # noqa: PLC0415  the same

    return hmac.compare_digest(ours, theirs)


def written(undone: Mapping[DecisionKind, Mapping[str, int]]) -> str:
    """Write what is undone as JSON: by the kind of decision and the line, up to which version."""
    return json.dumps({key: lines for key, lines in undone.items() if lines}, sort_keys=True, separators=(",", ":"))


def undone_of(octets: str) -> Undone:
    """Read what is undone; raises ValueError for whatever `written` does not write."""
    said = json.loads(octets)
    found: Undone = {DecisionKind(key): lines for key, lines in said.items()} if isinstance(said, dict) else {}
    fits = isinstance(said, dict) and all(
        isinstance(lines, dict)
        and len(lines) <= MOST_LINES
        and all(type(version) is int and 0 < version <= HIGHEST for version in lines.values())
        for lines in found.values()
    )
    if not fits:
        raise ValueError(octets)
    return found


def merged(one: Undone, other: Mapping[DecisionKind, Mapping[str, int]]) -> Undone:
    """Return what is undone by either: of each claim up to the higher version."""
    both: Undone = {kind: dict(one.get(kind, {})) for kind in DecisionKind}
    for kind, lines in other.items():
        for line, version in lines.items():
            both[kind][line] = max(version, both[kind].get(line, 0))
    return both


def key_of(database: Path) -> bytes:
    """Return the key that signs rows; raises RefusedError if it is missing."""
    path = beside(database, ORDERS)
    key = pseudonym.maybe_key(path)
    if key is None:
        raise RefusedError(
            _("{path} is missing or no key: nothing can be exchanged.", path=path),
            _("`hotlined fleet join FILE` with a new invitation brings it back."),
        )
    return key
