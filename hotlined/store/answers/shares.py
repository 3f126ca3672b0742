"""Puts queued answers into the shares that the windows count them in: numbers that are new, or were answered before.

The gate looks up the share of each answer that it lets out; the other queued answers stand in the shares in which it
will count them. Nobody has to remember that: `lifecycle` has `refile` done, before the commit, for the recipient of
each segment that moved, and what changes the shares of all (the key of the pseudonyms, shadow mode) does it in
`decisions`. A text by hand stays in the share of its own.
"""

import json
from collections.abc import Collection

from hotlined import states
from hotlined.policy import Share
from hotlined.states import AnswerState
from hotlined.store.line import line, pseudonyms
from hotlined.store.line.database import Database


def refile(db: Database, recipients: Collection[str] | None = None) -> None:
    """Put queued answers into the shares that the gate counts them in: those to some numbers, or all."""
    names = [name for each in recipients or () for name in pseudonyms.names(db, each)]
    # `+state`: by its index SQLite would read the whole queue at each text
    which = "state" if recipients is None else "recipient IN (SELECT value FROM json_each(:names)) AND +state"
    # `share <> new share`: SQLite writes a row again even where nothing of it changes, and the card wears
    db.execute(
        f"UPDATE answers SET share = {_SHARE} WHERE {which} = '{AnswerState.QUEUED}' AND by_hand IS NULL"
        f" AND share <> {_SHARE}",
        names=json.dumps(names),
    )


_SHARE = f"""
CASE WHEN EXISTS (SELECT 1 FROM answers o JOIN attempts t ON t.answer_id = o.id
  JOIN answer_segments s ON s.attempt_id = t.id
  WHERE o.recipient IN (answers.recipient, pseudonym_of(answers.recipient)) AND o.by_hand IS NULL
    AND (s.state IN {states.MAY_HAVE_LEFT} OR ({line.IN_SHADOW_MODE} AND s.state IN {states.IN_SHADOW})))
THEN '{Share.KNOWN}' ELSE '{Share.NEW}' END
"""
