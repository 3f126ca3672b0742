"""Which wording of the answer went out, and what came back: told apart by a digest, which outlives the text.

An attempt has the place of its text in the configuration (which answer to the number, which variant, for which
country), and a digest of it as it was on the air: whoever changes a text begins a wording of its own.
"""

import hashlib
from dataclasses import dataclass

from hotlined.store.database import Database

_DIGITS = 16  # hexadecimal: two of a line's texts have the same once in 2**64


def digest(text: str) -> str:
    """Return what tells a text from others."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


@dataclass(frozen=True, slots=True)
class Place:
    """Which of the line's texts an answer has, counted from 0: of which answer to its number, which variant.

    `country` is the number's where the text was one for it, else None.
    """

    step: int
    variant: int
    country: str | None


def maybe_place(db: Database, answer_id: int) -> Place | None:
    """Return which text the latest attempt of an answer had; None where it never had any."""
    row = db.one(
        "SELECT step, variant, country FROM attempts WHERE answer_id = ? AND wording IS NOT NULL"
        " ORDER BY id DESC LIMIT 1",
        answer_id,
    )
    return Place(**row) if row else None


def chosen_by(db: Database, answer_id: int) -> tuple[str | None, int]:
    """Return by what the text of an answer is chosen: the country of its contact, and the number that it drew."""
    row = db.the(
        "SELECT c.country, a.draw FROM answers a LEFT JOIN contacts c ON c.id = a.contact_id WHERE a.id = ?", answer_id
    )
    return row["country"], row["draw"]
