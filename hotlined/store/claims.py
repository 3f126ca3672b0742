"""What a line says of a person to the other lines of its fleet: one row, which it signs.

A row only grows: with a higher version it says all that the one before said. So rows may come late, twice or in any
order. The hub has no key and can keep a row back or repeat it, but neither make nor change one.
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
from hotlined.store.beside import ORDERS, beside

HIGHEST = 2**53 - 1
"""The highest version and place that is believed: JSON of others has no larger whole number."""
MOST_UNDONE = 2**52
"""The highest version that is believed to be undone: above it a line has versions left for what it says later."""
MOST_LINES = 64
"""The most lines of which one row undoes something."""
LONGEST_UNDONE = 8192
_FORM, _FORM_ERASED = "hotlined claim 1", "hotlined claim 2"

Row = TypeVar("Row")
Undone = dict[DecisionKind, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a line says of a person.

    `opted_out` and `blocked` are the versions at which it was said that the person opted out there, or is blocked
    there; None for neither. `undone` is which of these no longer hold, of whichever line, each up to a version: JSON
    as `written` writes it. `erased` is the version at which that line last erased the person, None where it never did;
    `erased_at` is when, None where its clock was not synchronised. `signature` has 64 hexadecimal digits.
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
        """Return the version at which the opt-out or the block was claimed; None where it is not."""
        return self.opted_out if kind is DecisionKind.OPT_OUTS else self.blocked

    def signed(self, key: bytes) -> "Claim":
        """Return the row with its signature: HMAC-SHA256 over the form's name and every field, a line each.

        A row of a person whom that line never erased is signed as before there were erasures.
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
    """Tell whether two signatures are the same, in a time that says nothing of where they differ."""
    import hmac  # noqa: PLC0415  the same

    return hmac.compare_digest(ours, theirs)


def written(undone: Mapping[DecisionKind, Mapping[str, int]]) -> str:
    """Write what is undone: by the kind of decision, and by line, up to which version."""
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
    """Return what is undone by either."""
    both: Undone = {kind: dict(one.get(kind, {})) for kind in DecisionKind}
    for kind, lines in other.items():
        for line, version in lines.items():
            both[kind][line] = max(version, both[kind].get(line, 0))
    return both


def key_of(database: Path) -> bytes:
    """Return the key that rows are signed with; raises RefusedError where it is not there."""
    path = beside(database, ORDERS)
    key = pseudonym.maybe_key(path)
    if key is None:
        raise RefusedError(
            _("{path} is missing or no key: nothing can be exchanged.", path=path),
            _("`hotlined fleet join FILE` with a new invitation brings it back."),
        )
    return key
