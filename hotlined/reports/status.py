"""What `status --json` prints: the document of a line at one moment."""

import os
from dataclasses import dataclass
from typing import Annotated

from hotlined import __version__, clock
from hotlined.config import Mode
from hotlined.forms import ByWindow, Form, Time, extended
from hotlined.reports.line import HARMLESS, Budget, LineReport
from hotlined.states import OPEN, AnswerState, SealFailure
from hotlined.status import ModemStatus
from hotlined.store.line.line import Credit, Sending
from hotlined.store.reading.review import Waiting


@dataclass(frozen=True, slots=True)
class ClockStatus:
    """The machine's clock, as the kernel has it."""

    synchronised: bool


@dataclass(frozen=True, slots=True)
class BackupStatus:
    """The last sealed backup off the card."""

    folder: str | None
    """Null where backups go to another machine alone."""
    at: Time | None
    """Null: there is none yet."""
    age_seconds: int | None
    """Time in which the machine was off is not counted."""
    name: str | None
    failure: SealFailure | None
    """Why the latest try failed; more may be added."""
    failed_at: Time | None
    """Since when it fails so."""


@dataclass(frozen=True, slots=True)
class WaitingStatus:
    """What waits for a person."""

    alert_words: int
    """Texts with a word of alerts.words."""
    reactions: int
    """Other reactions without a tag."""
    asked: int
    """What other lines asked."""


@dataclass(frozen=True, slots=True)
class TroubleStatus:
    """Something that is wrong: a code for scripts, a sentence, its cure, since when."""

    code: str
    words: str
    cure: str
    since: Time | None
    warning: bool
    """Whether it keeps nothing from working, or a person chose it."""


@dataclass(frozen=True, slots=True)
class LineStatus:
    """status --json; null for what is not known, and for all that the database says where it cannot be read."""

    alive: bool
    pid: int | None
    version: str
    line: str
    config: str
    database: str
    mode: Annotated[str, Form(enum=(*Mode,))]
    paused: bool | None
    paused_by: str | None
    since: Time | None
    last_scan_at: Time | None
    clock: ClockStatus
    queue: Annotated[dict[str, int], Form(keys=(*OPEN, AnswerState.UNCONFIRMED))] | None
    budgets: ByWindow[Budget] | None
    modem: ModemStatus
    database_state: str | None
    """How the database is: ok, full, denied, locked, damaged, replaced."""
    sending: Sending | None
    next_due_at: Time | None
    credit: Credit | None
    backup: BackupStatus | None
    """Null where none is wanted, too."""
    waiting: WaitingStatus | None
    trouble: tuple[TroubleStatus, ...]


def document(report: LineReport, waiting: Waiting | None) -> LineStatus:
    """Return what `status --json` prints; `waiting` is what waits for a person."""
    daemon, stored, config = report.daemon, report.stored, report.config
    asked = len(stored.fleet.asked) if stored and stored.fleet else 0
    return LineStatus(
        alive=report.alive,
        pid=daemon.pid,
        version=daemon.version or __version__,
        line=config.line,
        config=os.fspath(config.path),
        database=os.fspath(config.database),
        mode=report.mode,
        paused=stored.paused_by is not None if stored else None,
        paused_by=stored.paused_by if stored else None,
        since=daemon.since,
        last_scan_at=daemon.last_scan_at,
        clock=ClockStatus(clock.synchronised()),
        queue=stored.queue if stored else None,
        budgets=stored.budgets if stored else None,
        modem=daemon.modem,
        database_state=report.database_state,
        sending=stored.sending if stored else None,
        next_due_at=stored.next_due_at if stored else None,
        credit=stored.credit if stored else None,
        backup=_backup(report),
        waiting=WaitingStatus(waiting.alert_words, waiting.reactions, asked) if waiting else None,
        trouble=tuple(extended(TroubleStatus, each, warning=each.code in HARMLESS) for each in report.trouble),
    )


def _backup(report: LineReport) -> BackupStatus | None:
    """Return what is known of the sealed backup; None if none is configured, or none is known."""
    config = report.config.backup
    if not config.is_wanted or report.stored is None:
        return None
    sealed = report.stored.sealed
    return BackupStatus(
        folder=None if config.folder is None else os.fspath(config.folder),
        at=sealed.at,
        age_seconds=None if sealed.age_seconds is None else int(sealed.age_seconds),
        name=sealed.name,
        failure=sealed.failure,
        failed_at=sealed.failed_at,
    )
