"""Troubles of a line in words: the daemon writes down only codes, because each reader has a language of their own."""

from dataclasses import dataclass
from pathlib import Path

from hotlined import conditions
from hotlined.causes import CodedCause
from hotlined.conditions import modem_in_words
from hotlined.config import Config
from hotlined.language import N_, _
from hotlined.states import DatabaseState, TroubleCode, database_trouble, is_about_database
from hotlined.status import DaemonTrouble
from hotlined.store.file.trouble import TROUBLES, UNNAMED_HINT
from hotlined.words.amounts import sentence

_NO_REPORTS = (
    N_("The modem passes no status reports on, so no answer will be known as delivered."),
    N_("Set modem.delivery_reports to false, or use another stick."),
)
_NOT_READ_AGAIN = (
    N_("The configuration was not read again, and the old one holds."),
    N_("`hotlined config check` names the lines. Correct them, then reload."),
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A trouble of the line: a code for scripts, a sentence, its cure, and since when."""

    code: str
    words: str
    cure: str = ""
    since: str | None = None
    """RFC 3339; null if it is not known."""

    @property
    def sentences(self) -> str:
        """The words and the cure."""
        return f"{self.words} {self.cure}".strip()


def said(trouble: DaemonTrouble, config: Config) -> Trouble:
    """Return a trouble that the daemon of a line wrote down, in words."""
    return Trouble(trouble.code, *_in_words(trouble, config), trouble.since)


def database_in_words(name: str | None, database: Path, reason: str = "") -> tuple[str, str]:
    """Return the sentence and the cure for a database that its daemon cannot use.

    `reason` is SQLite's own; it is shown if the trouble has no name.
    """
    known = TROUBLES.get(name or "")
    words = _("The daemon cannot use its database: {reason}.", reason=_(known.words) if known else reason)
    return words, known.cure(database) if known else _(UNNAMED_HINT)


def _in_words(trouble: DaemonTrouble, config: Config) -> tuple[str, str]:
    """Return the sentence and the cure of a trouble."""
    if trouble.code == database_trouble(DatabaseState.REPLACED):
        return conditions.REPLACED.words.format(database=config.database), conditions.REPLACED.cure
    cause = CodedCause(trouble.cause, trouble.values) if trouble.cause else None
    if is_about_database(trouble.code):
        if cause and cause.words:
            return cause.words, cause.cure
        return database_in_words(trouble.cause, config.database, str(trouble.values.get("reason", "")))
    match trouble.code:
        case TroubleCode.CONFIG_REFUSED if cause and cause.words:
            reason = sentence(cause.words)
            return _("The configuration was not read again, and the old one holds: {reason}", reason=reason), cause.cure
        case TroubleCode.CONFIG_REFUSED:
            words, cure = _NOT_READ_AGAIN
            return _(words), _(cure)
        case TroubleCode.STORAGE_UNREAD:
            storage, answer, count = (str(trouble.values.get(name, "")) for name in ("storage", "answer", "count"))
            return conditions.unread_in_words(storage, answer, count)
        case TroubleCode.STORAGE_FULL:
            storage, places = (str(trouble.values.get(name, "…")) for name in ("storage", "places"))
            return conditions.full_in_words(storage, places)
        case TroubleCode.VOLTE_ONLY:
            return conditions.VOLTE_ONLY.words, conditions.VOLTE_ONLY.cure
        case TroubleCode.NO_REPORTS:
            words, cure = _NO_REPORTS
            return _(words), _(cure)
    return modem_in_words(trouble.code, cause)
