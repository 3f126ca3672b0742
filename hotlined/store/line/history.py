"""Reads a number's history from attempts and segments: how many answers it had, when, and whether one is open.

`states.FACTS` says what each state counts for. An attempt counts for its number from its beginning.
"""

from hotlined import states
from hotlined.rules import policy
from hotlined.store.line import elsewhere, pseudonyms
from hotlined.store.line.database import Database

_MAY_HAVE_LEFT = f"s.state IN {states.MAY_HAVE_LEFT}"


def own_of(db: Database, number: str | None, *, without: int | None = None, other: str | None = None) -> policy.History:
    """Return what the limits need to know of a number, also by its pseudonym; the answer `without` is left out.

    `other` is a second name of the same person: decisions about it hold, too. Texts by hand do not count as answers.
    """
    row = db.the(_HISTORY, number=number or "", other=other, without=without)
    return policy.History(
        answers=row["answers"],
        last_answer=row["last_answer"],
        other=other,
        pending=bool(row["pending"]),
        blocked=bool(row["blocked"]),
        opted_out=bool(row["opted_out"]),
        hidden=bool(row["hidden"]),
    )


def history_of(
    db: Database, number: str | None, *, without: int | None = None, other: str | None = None
) -> policy.History:
    """Return the same together with what other lines of the fleet have decided."""
    known = own_of(db, number, without=without, other=other)
    return elsewhere.together(db, known, number, other) if number and elsewhere.is_member(db) else known


# max() over the attempts that may have left: an answer that was asked for again counts once, from its last attempt.
# The test is IS NOT, because `without` may be NULL, which leaves no answer out: with <> no answer would be counted
# then, and the cap would be void. `numbers` has two rows of a person, one by the number and one by its pseudonym, if
# something was decided while the key was lost
_DECIDED = (
    f"SELECT 1 FROM numbers WHERE number IN {pseudonyms.both(':number')} AND {{0}} IS NOT NULL"
    f" UNION ALL SELECT 1 FROM numbers WHERE number IN {pseudonyms.both(':other')} AND {{0}} IS NOT NULL"
)
_HISTORY = f"""
SELECT count(last) AS answers, max(last) AS last_answer, coalesce(max(open), 0) AS pending,
  EXISTS ({_DECIDED.format("blocked_at")}) AS blocked, EXISTS ({_DECIDED.format("opted_out_at")}) AS opted_out,
  {pseudonyms.IS_KEY_LOST} AS hidden
FROM (
  SELECT a.state IN {states.listed(states.OPEN)} AS open, (
    SELECT max(t.begun_limit) FROM attempts t WHERE t.answer_id = a.id AND EXISTS
      (SELECT 1 FROM answer_segments s WHERE s.attempt_id = t.id AND {_MAY_HAVE_LEFT})
  ) AS last
  FROM answers a WHERE a.recipient IN {pseudonyms.both(":number")} AND a.by_hand IS NULL AND a.id IS NOT :without
)
"""


ANY_MAY_HAVE_LEFT = (
    "EXISTS (SELECT 1 FROM attempts t JOIN answer_segments s ON s.attempt_id = t.id"
    f" WHERE t.answer_id = {{}} AND {_MAY_HAVE_LEFT})"
)
"""SQL: whether any part of an answer may have left, in any of its attempts."""


def may_have_left(db: Database, answer_id: int) -> bool:
    """Tell whether any part of an answer may have left, in any of its attempts."""
    return bool(db.value(f"SELECT {ANY_MAY_HAVE_LEFT.format(':answer')}", answer=answer_id))
