"""The last sealed backup: whether it is too old, and the sentences about it."""

from hotlined.conditions import BACKUP_NONE, BACKUP_OLD, SEAL_FAILURES, Condition
from hotlined.config import Config
from hotlined.database_files import is_on_card
from hotlined.language import _
from hotlined.store.line.line import Sealed
from hotlined.words.times import moment


def is_old(config: Config, sealed: Sealed) -> bool:
    """Tell whether sealed backups are configured and the last one is missing, or older than `backup.alert_after`.

    Its age counts only the time during which the machine was on: while it is off, nothing comes in that could be
    lost.
    """
    if not config.backup.folder:
        return False
    return sealed.age_seconds is None or sealed.age_seconds > config.backup.alert_after.total_seconds()


def condition(sealed: Sealed) -> Condition:
    """Return the condition of a backup that is too old."""
    return BACKUP_NONE if sealed.at is None else BACKUP_OLD


def maybe_trouble(config: Config, sealed: Sealed) -> tuple[str, str] | None:
    """Return the trouble of a backup that is too old, with its cure; None if it is recent enough."""
    if not is_old(config, sealed):
        return None
    known, at = condition(sealed), moment(sealed.at) if sealed.at else ""
    words, cure = known.words.format(at=at), known.cure.format(name=config.name)
    if sealed.failure:
        failed = SEAL_FAILURES[sealed.failure]
        return f"{words} {failed.words.format(folder=config.backup.folder)}", failed.cure
    return words, cure


def in_words(config: Config, sealed: Sealed) -> str | None:
    """Return in words when the last backup was made, and why a later one failed; None if none are configured."""
    if not config.backup.folder:
        return None
    made = _("{moment}, {name}", moment=moment(sealed.at), name=sealed.name) if sealed.at else _("no backup yet")
    if sealed.at and is_on_card(config.backup.folder, config.database):
        made = _("{made}, only on this card", made=made)
    if sealed.failure is None or sealed.failed_at is None:
        return made
    why = SEAL_FAILURES[sealed.failure].title
    return _("{made}; since {moment}: {why}", made=made, moment=moment(sealed.failed_at), why=why)
