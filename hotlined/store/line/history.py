"""Reads from the attempts and their segments what an answer's number had: how many answers, when, and what is open.

What a state counts for stands in `states.FACTS`. An attempt counts for its number from when it began.
"""

from hotlined import policy, states
from hotlined.store.line import pseudonyms
from hotlined.store.line.database import Database

_MAY_HAVE_LEFT = f"(s.state IN {states.MAY_HAVE_LEFT} OR (:shadow AND s.state IN {states.IN_SHADOW}))"


def history_of(
    db: Database, number: str | None, *, shadow: bool, without: int | None = None, other: str | None = None
) -> policy.History:
    """Return what limits need to know of a number, also by its pseudonym; the answer `without` is left out.

    `other` is a second name of the same person: what is decided about it holds, too. Texts by hand are no answers.
    """
    row = db.the(_HISTORY, number=number or "", other=other, shadow=shadow, without=without)
    return policy.History(
        answers=row["answers"],
        last_answer=row["last_answer"],
        other=other,
        pending=bool(row["pending"]),
        blocked=bool(row["blocked"]),
        opted_out=bool(row["opted_out"]),
        hidden=bool(row["hidden"]),
    )


# max() over what may have left: an answer that was asked for again counts once, from its last attempt. IS NOT, for
# `without` may be NULL, which leaves no answer out; with <> no answer would be counted then, and the cap be void.
# numbers has two rows of a person, by its number and by its pseudonym, if something was decided while the key was lost
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
"""Whether something of an answer may have left, in whichever attempt, as SQL with `:shadow`."""


def may_have_left(db: Database, answer_id: int, *, shadow: bool) -> bool:
    """Tell whether something of an answer may have left, in whichever attempt."""
    return bool(db.value(f"SELECT {ANY_MAY_HAVE_LEFT.format(':answer')}", answer=answer_id, shadow=shadow))
