"""The last sealed backup: whether it is too old, and the sentences about it."""

from dataclasses import replace

from hotlined.conditions import SEAL_FAILURES
from hotlined.config import Config
from hotlined.database_files import is_on_card
from hotlined.language import _
from hotlined.reports.trouble import Trouble, holding
from hotlined.states import TroubleCode
from hotlined.store.line.line_row import Sealed
from hotlined.words.times import moment


def is_old(config: Config, sealed: Sealed) -> bool:
    """Tell whether sealed backups are configured and the last one is missing, or older than `backup.alert_after`.

    Its age counts only the time during which the machine was on: while it is off, nothing comes in that could be
    lost.
    """
    if not config.backup.folder:
        return False
    return sealed.age_seconds is None or sealed.age_seconds > config.backup.alert_after.total_seconds()


def maybe_trouble(config: Config, sealed: Sealed) -> Trouble | None:
    """Return the trouble of a backup that is too old; None if it is recent enough."""
    if not is_old(config, sealed):
        return None
    at, failed = moment(sealed.at) if sealed.at else "", SEAL_FAILURES[sealed.failure] if sealed.failure else None
    variant = "" if sealed.at else "none"
    found = holding(TroubleCode.BACKUP_OLD, sealed.at, variant=variant, at=at, name=config.name)
    if failed is None:
        return found
    words = f"{found.words} {failed.words.format(folder=config.backup.folder)}"
    return replace(found, words=words, cure=failed.cure, values={"cure": failed.cure})


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
