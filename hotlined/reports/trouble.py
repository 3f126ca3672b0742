"""Troubles of a line in words: the daemon writes down only codes, because each reader has a language of their own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hotlined import conditions
from hotlined.causes import CodedCause
from hotlined.conditions import Gravity, modem_in_words
from hotlined.config import Config
from hotlined.forms import Time, extended
from hotlined.language import _, in_digits
from hotlined.states import AlertCondition, DatabaseState, TroubleCode, about, database_trouble, is_about_database
from hotlined.status import DaemonTrouble
from hotlined.store.file.trouble import TROUBLES, UNNAMED_HINT
from hotlined.words.amounts import sentence


@dataclass(frozen=True, slots=True)
class Trouble:
    """A condition that holds: a code for scripts, a sentence, its cure, and since when.

    `variant` says which of the rows of its code it is, `instance` of which country or storage.
    """

    code: str
    words: str
    cure: str = ""
    since: str | None = None
    """RFC 3339; null if it is not known."""
    variant: str = ""
    instance: str = ""
    since_limit: float | None = None
    """The same moment on the limit clock, if the database has it."""
    values: Mapping[str, object] = field(default_factory=dict)
    """The values for the braces of its alert: an int is an amount; whatever is typed, such as an ID, is a str."""

    @property
    def row(self) -> conditions.Row:
        """The consequences of it."""
        return conditions.row(f"{self.code}.{self.variant}" if self.variant else self.code)

    @property
    def subject(self) -> str:
        """The subject of its alert, with its instance; empty if it has none."""
        return about(self.row.subject, self.instance)

    @property
    def sentences(self) -> str:
        """The words and the cure."""
        return f"{self.words} {self.cure}".strip()


def holding(
    code: str,
    since: str | None = None,
    /,
    *,
    variant: str = "",
    instance: str = "",
    since_limit: float | None = None,
    cure: str | None = None,
    **values: object,
) -> Trouble:
    """Return a condition with the words of its row; `cure` replaces the row's."""
    known = conditions.row(f"{code}.{variant}" if variant else code).known
    shown = {name: in_digits(value) if isinstance(value, int) else value for name, value in values.items()}
    words, usual = known.words.format(**shown), known.cure.format(**shown)
    return Trouble(code, words, usual if cure is None else cure, since, variant, instance, since_limit, values)


@dataclass(frozen=True, slots=True)
class TroubleStatus:
    """A trouble: a code for scripts, a sentence, its cure, and since when."""

    code: str
    words: str
    cure: str
    since: Time | None
    warning: bool
    """True if it stops nothing, passes by itself, or was chosen by a person."""


def trouble_status(trouble: Trouble) -> TroubleStatus:
    """Return a trouble as programs read it."""
    return extended(TroubleStatus, trouble, warning=trouble.row.gravity is Gravity.NOTE)


def said(trouble: DaemonTrouble, config: Config) -> Trouble:
    """Return a trouble that the daemon of a line wrote down, in words."""
    known = conditions.row(trouble.code)
    instance = str(trouble.values.get("storage", "")) if known.subject == AlertCondition.STORAGE else ""
    values = {"name": config.name}
    return Trouble(trouble.code, *_in_words(trouble, config), trouble.since, instance=instance, values=values)


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
        case TroubleCode.STORAGE_UNREAD:
            storage, answer, count = (str(trouble.values.get(name, "")) for name in ("storage", "answer", "count"))
            return conditions.unread_in_words(storage, answer, count)
        case TroubleCode.STORAGE_FULL:
            storage, places = (str(trouble.values.get(name, "…")) for name in ("storage", "places"))
            return conditions.full_in_words(storage, places)
        case TroubleCode.CONFIG_REFUSED | TroubleCode.VOLTE_ONLY | TroubleCode.NO_REPORTS:
            known = conditions.row(trouble.code).known
            return known.words, known.cure
    return modem_in_words(trouble.code, cause)
