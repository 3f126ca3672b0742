"""Sentences about the results of acts. An act ends in a redirect, so that reloading the next page repeats nothing.

The sentence stays here for the person who acted, and the address of the next page has only a random sign for it. If
the desk ended in between, that page is shown without the sentence.
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
    """The act that takes an act back, and the fields of its form."""

    act: str
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Link:
    """A page that a notice leads to: its path, its words, its icon, and the key that opens it, if any."""

    path: str
    words: str
    sign: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence about an act, and, if they exist, the act that takes it back and a page to go to."""

    words: str
    undo: Undo | None = None
    link: Link | None = None


@dataclass(slots=True)
class Notices:
    """The sentences about the last acts, for at most `_MOST` of them."""

    kept: OrderedDict[tuple[str, str], Notice] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)

    def leave(self, who: str, notice: Notice) -> str:
        """Keep a sentence for a person, and return its sign."""
        sign = secrets.token_urlsafe(_SIGN_OCTETS)
        with self.lock:
            self.kept[who, sign] = notice
            while len(self.kept) > _MOST:
                self.kept.popitem(last=False)
        return sign

    def maybe(self, who: str, sign: str) -> Notice | None:
        """Return the sentence for a sign; None for another person, or if it is gone."""
        return self.kept.get((who, sign))
