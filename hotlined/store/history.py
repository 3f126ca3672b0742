"""Reads from the attempts and their segments what an answer's number had: how many answers, when, and what is open.

What a state counts for stands in `states.FACTS`. An attempt counts for its number from when it began.
"""

import json

from hotlined import policy, states
from hotlined.store import pseudonyms
from hotlined.store.database import Database

_MAY_HAVE_LEFT = f"(s.state IN {states.MAY_HAVE_LEFT} OR (:shadow AND s.state IN {states.IN_SHADOW}))"


def history_of(
    db: Database, number: str | None, *, shadow: bool, without: int | None = None, other: str | None = None
) -> policy.History:
    """Return what limits need to know of a number, also by its pseudonym; the answer `without` is left out.

    `other` is a second name of the same person: what is decided about it holds, too. Texts by hand are no answers.
    """
    names = pseudonyms.names(db, number or "")
    arguments = {"names": json.dumps(names), "shadow": int(shadow), "without": without}
    row = db.connection.execute(_HISTORY, arguments).fetchone()
    everybody = json.dumps((*names, *(pseudonyms.names(db, other) if other else ())))
    decided = db.connection.execute(_DECIDED, {"names": everybody, "person": pseudonyms.first(names)}).fetchone()
    return policy.History(
        answers=row["answers"],
        last_answer=row["last_answer"],
        other=other,
        pending=bool(row["pending"]),
        blocked=bool(decided["blocked"]),
        opted_out=bool(decided["opted_out"]),
        hidden=pseudonyms.is_lost(db),
        blocked_elsewhere=None if decided["blocked"] else decided["blocked_elsewhere"],
        opted_out_elsewhere=None if decided["opted_out"] else decided["opted_out_elsewhere"],
        answers_elsewhere=decided["answers_elsewhere"],
        last_elsewhere=decided["last_elsewhere"],
        answered_elsewhere=decided["answered_elsewhere"],
    )


# numbers has two rows of a person, by its number and by its pseudonym, if something was decided while the key was lost:
# count(blocked_at) counts the rows in which it is not NULL, so it is 0 only if neither row has a block. Of several
# other lines of the fleet this names the first by name
_DECIDED = """
SELECT count(blocked_at) AS blocked, count(opted_out_at) AS opted_out,
  (SELECT min(line) FROM fleet_persons WHERE person IN (SELECT value FROM json_each(:names))
    AND blocked > blocked_undone) AS blocked_elsewhere,
  (SELECT min(line) FROM fleet_persons WHERE person IN (SELECT value FROM json_each(:names))
    AND opted_out > opted_out_undone) AS opted_out_elsewhere,
  (SELECT ifnull(sum(answers), 0) FROM fleet_answers WHERE person = :person) AS answers_elsewhere,
  (SELECT max(last_limit) FROM fleet_answers WHERE person = :person) AS last_elsewhere,
  (SELECT line FROM fleet_answers WHERE person = :person AND line NOT IN (SELECT line FROM fleet_line)
    ORDER BY last_limit DESC, line LIMIT 1) AS answered_elsewhere
FROM numbers WHERE number IN (SELECT value FROM json_each(:names))
"""


# max() over what may have left: an answer that was asked for again counts once, from its last attempt
_LAST = """
(SELECT max(t.begun_limit) FROM attempts t WHERE t.answer_id = a.id AND EXISTS
  (SELECT 1 FROM answer_segments s WHERE s.attempt_id = t.id AND {counts}))
"""
# IS NOT, for `without` may be NULL, which leaves no answer out; with <> no answer at all would be counted then, and the
# cap is void
_HISTORY = f"""
SELECT count(last) AS answers, max(last) AS last_answer, coalesce(max(open), 0) AS pending FROM (
  SELECT a.state IN {states.listed(states.OPEN)} AS open, {_LAST.format(counts=_MAY_HAVE_LEFT)} AS last
  FROM answers a WHERE a.recipient IN (SELECT value FROM json_each(:names)) AND a.by_hand IS NULL
    AND a.id IS NOT :without
)
"""
ANSWERED = f"""
SELECT pseudonym_of(recipient) AS person, count(*) AS answers, max(last) AS last_answer FROM (
  SELECT a.recipient, {_LAST.format(counts=f"s.state IN {states.MAY_HAVE_LEFT}")} AS last
  FROM answers a WHERE a.by_hand IS NULL
) WHERE last IS NOT NULL GROUP BY 1
"""
"""How many answers each person had, and when the last, as `history_of` counts them."""


def may_have_left(db: Database, answer_id: int, *, shadow: bool) -> bool:
    """Tell whether something of an answer may have left, in whichever attempt."""
    return bool(
        db.connection.execute(
            f"SELECT 1 FROM attempts t JOIN answer_segments s ON s.attempt_id = t.id"
            f" WHERE t.answer_id = :answer AND {_MAY_HAVE_LEFT} LIMIT 1",
            {"answer": answer_id, "shadow": int(shadow)},
        ).fetchone()
    )
