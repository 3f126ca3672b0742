"""One contact as `log --json` has it, with the answer that would leave by the configuration in force."""

from sqlite3 import Row
from typing import Any

from hotlined.config import Config, Mode
from hotlined.gsm.alphabet import plan
from hotlined.states import State
from hotlined.store import attempts
from hotlined.store import log as contact_log
from hotlined.store.database import Database


def entry(db: Database, config: Config, row: Row) -> dict[str, Any]:
    """Return a row as the object of `log --json`."""
    contact = contact_log.entry(row)
    preview(db, config, contact)
    return contact


def preview(db: Database, config: Config, contact: dict[str, Any]) -> None:
    """Put the text, encoding and segments that would leave now into an answer that is not composed yet."""
    answer = contact["answer"]
    if answer is None:
        return
    answer["composed"] = answer["encoding"] is not None
    if answer["composed"] or answer["state"] != State.QUEUED:
        return
    history = attempts.history_of(db, contact["originator"], shadow=config.mode is Mode.SHADOW, without=answer["id"])
    planned = plan(config.answer.text_after(history.answers), config.answer.encoding)
    answer |= {"text": planned.text, "encoding": planned.encoding.value, "segments": planned.segments}
