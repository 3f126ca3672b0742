"""What an act came to, for the page that it leads to: an act ends in a redirect, so that a reload repeats nothing.

A sentence stays here, for the person whom it is for, and the address of the next page has a sign for it alone. Where
the desk has ended in between, that page shows what is so now, without the sentence.
"""

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock

_MOST = 100
_SIGN_OCTETS = 9


@dataclass(frozen=True, slots=True)
class Undo:
    """The act that takes another one back, and the fields of its form."""

    act: str
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Link:
    """A page that a notice leads to: its path, the words for it, its icon, and the key that opens it, if any."""

    path: str
    words: str
    sign: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence about an act, what takes it back, and where it leads, where there is such a thing."""

    words: str
    undo: Undo | None = None
    link: Link | None = None


@dataclass(slots=True)
class Notices:
    """The sentences about the last acts."""

    kept: OrderedDict[tuple[str, str], Notice] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)

    def leave(self, who: str, notice: Notice) -> str:
        """Leave a sentence for a person, and return the sign for it."""
        sign = secrets.token_urlsafe(_SIGN_OCTETS)
        with self.lock:
            self.kept[who, sign] = notice
            while len(self.kept) > _MOST:
                self.kept.popitem(last=False)
        return sign

    def maybe(self, who: str, sign: str) -> Notice | None:
        """Return the sentence that a sign stands for; None for anybody else, and where it is gone."""
        return self.kept.get((who, sign))
