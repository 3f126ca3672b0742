"""Which wording of the answer went out, and what came back: told apart by a digest, which outlives the text.

An attempt has the place of its text in the configuration (which answer to the number, which variant, for which
country), and a digest of it as it was on the air: whoever changes a text begins a wording of its own.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from zlib import crc32

from hotlined.clock import rfc3339
from hotlined.gsm.alphabet import Plan, plan
from hotlined.states import ContactKind
from hotlined.store import totals
from hotlined.store.database import Database
from hotlined.store.reactions import IS_WITHIN, SENT, reaction_ends


def digest(planned: Plan) -> str:
    """Return what tells a text from others, as it is on the air: two of a line's texts have the same once in 2**32.

    A checksum is enough, for all of them are ours; hashlib would take the daemon 4 MiB.
    """
    return f"{crc32(planned.text.encode()):08x}"


def digest_of(text: str, encoding: str) -> str:
    """Return the digest that a text has once it is sent; raises TextError where it cannot be sent."""
    return digest(plan(text, encoding))


class Place(NamedTuple):
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


@dataclass(slots=True)
class WordingCounts:
    """How many answers of a wording went out, to how many somebody wrote back, and how many brought a tag.

    A reaction belongs to the latest answer to its number, within a day. An answer counts once for each tag, however
    many texts bear it: they are one person's.
    """

    answers: int = 0
    wrote_back: int = 0
    tags: Counter[str] = field(default_factory=Counter)

    def add(self, other: "WordingCounts") -> None:
        """Add what came of other answers."""
        self.answers += other.answers
        self.wrote_back += other.wrote_back
        self.tags += other.tags


Wording = tuple[int, str | None, str]
"""The step, the country and the digest of what went out."""


def counts_by_wording(db: Database, start: datetime, end: datetime) -> dict[Wording, WordingCounts]:
    """Count what came of the answers that went out in a period, by wording; reactions count up to a day after it."""
    period = {"start": rfc3339(start), "end": rfc3339(end)}
    sql = _COUNTS if totals.clock_stepped(db) else _COUNTS_BY_ID
    found = {
        (step, country, wording): WordingCounts(answers, wrote_back)
        for step, country, wording, answers, wrote_back in db.connection.execute(sql, period)
    }
    brought: set[tuple[int, Wording, str]] = set()
    for answer_id, step, country, wording, tags in db.connection.execute(_TAGGED, period):
        brought.update((answer_id, (step, country, wording), tag) for tag in json.loads(tags))
    for _, wording, tag in brought:
        found[wording].tags[tag] += 1
    return found


def together(each: Iterable[WordingCounts]) -> WordingCounts:
    """Add up what came of several wordings."""
    total = WordingCounts()
    for counts in each:
        total.add(counts)
    return total


_DAY_LATER = reaction_ends(":end")
# each answer of the period with its wording, and up to when a text is a reaction to it; the next answer to the same
# number may be of the day after the period
_SENT = f"""
WITH every AS (
  {SENT} WHERE by_hand IS NULL AND sent_at >= :start AND sent_at < {_DAY_LATER}
),
sent AS MATERIALIZED (
  SELECT e.*, t.step, t.country, t.wording FROM every e JOIN attempts t
    ON t.id = (SELECT max(id) FROM attempts WHERE answer_id = e.id)
  WHERE e.since < :end AND t.wording IS NOT NULL
)
"""
_COUNTS = f"""
{_SENT}
SELECT step, country, wording, count(*), sum(EXISTS (
    SELECT 1 FROM contacts c WHERE c.originator = s.recipient AND {IS_WITHIN}
  )) FROM sent s GROUP BY step, country, wording
"""
# the same by two indexes, where dates ascend as ids do: of a number with very many contacts few are looked at
_COUNTS_BY_ID = f"""
{_SENT},
ranges AS MATERIALIZED (
  SELECT s.*,
    (SELECT id FROM contacts WHERE received_at > s.since ORDER BY received_at, id LIMIT 1) AS first,
    (SELECT id FROM contacts WHERE received_at <= s.until ORDER BY received_at DESC, id DESC LIMIT 1) AS last
  FROM sent s
)
SELECT step, country, wording, count(*), sum(EXISTS (
    SELECT 1 FROM contacts c WHERE c.originator = r.recipient AND c.id BETWEEN r.first AND r.last
      AND c.kind = '{ContactKind.TEXT}'
  )) FROM ranges r GROUP BY step, country, wording
"""
# CROSS: from the tagged contacts, which are few, to the answers
_TAGGED = f"""
{_SENT}
SELECT s.id, s.step, s.country, s.wording, c.tags FROM contacts c CROSS JOIN sent s ON s.recipient = c.originator
WHERE c.tags <> '[]' AND c.received_at >= :start AND c.received_at <= {_DAY_LATER} AND {IS_WITHIN}
"""
