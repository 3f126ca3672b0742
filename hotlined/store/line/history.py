"""Reads from the attempts and their segments what an answer's number had: how many answers, when, and what is open.

What a state counts for stands in `states.FACTS`. An attempt counts for its number from when it began.
"""

import json

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
    names = pseudonyms.names(db, number or "")
    row = db.the(_HISTORY, names=json.dumps(names), shadow=shadow, without=without)
    everybody = json.dumps((*names, *(pseudonyms.names(db, other) if other else ())))
    decided = db.the(_DECIDED, names=everybody)
    return policy.History(
        answers=row["answers"],
        last_answer=row["last_answer"],
        other=other,
        pending=bool(row["pending"]),
        blocked=bool(decided["blocked"]),
        opted_out=bool(decided["opted_out"]),
        hidden=pseudonyms.is_lost(db),
    )


# numbers has two rows of a person, by its number and by its pseudonym, if something was decided while the key was lost:
# count(blocked_at) counts the rows in which it is not NULL, so it is 0 only if neither row has a block
_DECIDED = """
SELECT count(blocked_at) AS blocked, count(opted_out_at) AS opted_out
FROM numbers WHERE number IN (SELECT value FROM json_each(:names))
"""


# max() over what may have left: an answer that was asked for again counts once, from its last attempt. IS NOT, for
# `without` may be NULL, which leaves no answer out; with <> no answer at all would be counted then, and the cap is void
_HISTORY = f"""
SELECT count(last) AS answers, max(last) AS last_answer, coalesce(max(open), 0) AS pending FROM (
  SELECT a.state IN {states.listed(states.OPEN)} AS open, (
    SELECT max(t.begun_limit) FROM attempts t WHERE t.answer_id = a.id AND EXISTS
      (SELECT 1 FROM answer_segments s WHERE s.attempt_id = t.id AND {_MAY_HAVE_LEFT})
  ) AS last
  FROM answers a WHERE a.recipient IN (SELECT value FROM json_each(:names)) AND a.by_hand IS NULL
    AND a.id IS NOT :without
)
"""


def may_have_left(db: Database, answer_id: int, *, shadow: bool) -> bool:
    """Tell whether something of an answer may have left, in whichever attempt."""
    return bool(
        db.one(
            f"SELECT 1 FROM attempts t JOIN answer_segments s ON s.attempt_id = t.id"
            f" WHERE t.answer_id = :answer AND {_MAY_HAVE_LEFT} LIMIT 1",
            answer=answer_id,
            shadow=shadow,
        )
    )
