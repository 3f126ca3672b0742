"""Puts queued answers into the shares that the windows count them in: numbers that are new, or were answered before.

The gate looks up the share of each answer that it lets out; `refile` keeps the other queued answers in the shares in
which the gate will count them. A text by hand stays in the share of its own.
"""

from hotlined import states
from hotlined.policy import Share
from hotlined.states import AnswerState
from hotlined.store.line import pseudonyms
from hotlined.store.line.database import Database


def refile(db: Database, recipient: str | None = None, *, shadow: bool = False) -> None:
    """Put queued answers into the share that the gate counts them in: those to a number, or all."""
    pseudonyms.teach(db)
    name, pseudonym = pseudonyms.names(db, recipient or "")
    # `share <> new share`: SQLite writes a row again even where nothing of it changes, and the card wears
    which = "recipient IN (:name, :pseudonym)" if recipient else "1"
    db.connection.execute(
        f"UPDATE answers SET share = {_SHARE} WHERE state = '{AnswerState.QUEUED}' AND by_hand IS NULL AND {which}"
        f" AND share <> {_SHARE}",
        {"shadow": int(shadow), "name": name, "pseudonym": pseudonym},
    )


_SHARE = f"""
CASE WHEN EXISTS (SELECT 1 FROM answers o JOIN attempts t ON t.answer_id = o.id
  JOIN answer_segments s ON s.attempt_id = t.id
  WHERE o.recipient IN (answers.recipient, pseudonym_of(answers.recipient)) AND o.by_hand IS NULL
    AND (s.state IN {states.MAY_HAVE_LEFT} OR (:shadow AND s.state IN {states.IN_SHADOW})))
THEN '{Share.KNOWN}' ELSE '{Share.NEW}' END
"""
