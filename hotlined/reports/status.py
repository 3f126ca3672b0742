"""The document that `status --json` prints: a line at one moment."""

import os
from dataclasses import dataclass
from typing import Annotated

from hotlined import __version__
from hotlined.forms import ByWindow, Form, Time
from hotlined.machine import clock
from hotlined.reports.overview import LineReport
from hotlined.reports.stored import Budget
from hotlined.reports.trouble import TroubleStatus, trouble_status
from hotlined.states import OPEN, AnswerState, SealFailure
from hotlined.status import ModemStatus
from hotlined.store.line.line_row import Credit, Sending
from hotlined.store.reading.review import Waiting


@dataclass(frozen=True, slots=True)
class ClockStatus:
    """The machine's clock, by the kernel."""

    synchronised: bool


@dataclass(frozen=True, slots=True)
class BackupStatus:
    """The last sealed backup."""

    folder: str
    at: Time | None
    """Null: there is no backup yet."""
    age_seconds: int | None
    """Only time during which the machine was on."""
    name: str | None
    failure: SealFailure | None
    """The reason why the latest try failed; more may be added."""
    failed_at: Time | None
    """The time since which tries fail for this reason."""


@dataclass(frozen=True, slots=True)
class WaitingStatus:
    """The contacts that wait for a person."""

    alert_words: int
    """Texts without a tag that contain a word of alerts.words."""
    reactions: int
    """Other reactions without a tag."""
    told: int
    """Contacts at which a volunteer asked the admin to look, and about which no admin has decided."""


@dataclass(frozen=True, slots=True)
class LineStatus:
    """status --json. A value that is not known is null; so are all values of a database that cannot be read."""

    alive: bool
    pid: int | None
    """The process of the daemon that wrote its status last."""
    version: str
    line: str
    config: str
    database: str
    paused: bool | None
    paused_by: str | None
    """Null if the line is not paused."""
    since: Time | None
    """The start of the daemon."""
    last_scan_at: Time | None
    """The last time that the daemon listed the storages of the modem."""
    clock: ClockStatus
    queue: Annotated[dict[str, int], Form(keys=(*OPEN, AnswerState.UNCONFIRMED))] | None
    """Answers by state; those in unconfirmed are of the last 24 hours."""
    budgets: ByWindow[Budget] | None
    modem: ModemStatus
    database_state: str | None
    """The state of the database: ok, full, denied, locked, damaged, replaced."""
    sending: Sending | None
    next_due_at: Time | None
    """The earliest time of the next answer; null if none waits, or a person has to decide first."""
    credit: Credit | None
    backup: BackupStatus | None
    """Null also if no backup is configured."""
    waiting: WaitingStatus | None
    trouble: tuple[TroubleStatus, ...]


def document(report: LineReport, waiting: Waiting | None) -> LineStatus:
    """Return the document that `status --json` prints; `waiting` counts the contacts that wait for a person."""
    daemon, stored, config = report.daemon, report.stored, report.config
    return LineStatus(
        alive=report.alive,
        pid=daemon.pid,
        version=daemon.version or __version__,
        line=config.line,
        config=os.fspath(config.path),
        database=os.fspath(config.database),
        paused=stored.is_paused if stored else None,
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
        waiting=WaitingStatus(waiting.alert_words, waiting.reactions, len(waiting.told)) if waiting else None,
        trouble=tuple(map(trouble_status, report.trouble)),
    )


def _backup(report: LineReport) -> BackupStatus | None:
    """Return the last sealed backup; None if backups are not configured, or the database cannot be read."""
    config = report.config.backup
    if config.folder is None or report.stored is None:
        return None
    sealed = report.stored.sealed
    return BackupStatus(
        folder=os.fspath(config.folder),
        at=sealed.at,
        age_seconds=None if sealed.age_seconds is None else int(sealed.age_seconds),
        name=sealed.name,
        failure=sealed.failure,
        failed_at=sealed.failed_at,
    )
