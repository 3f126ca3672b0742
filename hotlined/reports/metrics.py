"""The figures of a line in the text format of Prometheus; names, labels and meanings are promises to scripts.

All are gauges, and none is kept for them. One that is not known now is left out: without a living daemon those of the
modem, without a readable database those of the queue. Labels are words of tables and names of storages; they never
contain a number, a text or a tag.
"""

import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from hotlined import __version__
from hotlined.config import Config
from hotlined.database_files import WAL, beside
from hotlined.errors import StoreError
from hotlined.machine.clock import parse_rfc3339
from hotlined.reports.overview import LineReport, report_line
from hotlined.reports.stored import Stored
from hotlined.rules.policy import WaitingFor
from hotlined.states import DatabaseState, EventKind, ModemState, SendingState
from hotlined.status import ModemStatus
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.line.reception import LastContact, maybe_last_contact
from hotlined.store.reading import figures, forecast

FIGURES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "hotlined_up": ((), "1 while the daemon lives and can use its database, else 0."),
    "hotlined_build_info": (("version",), "1, for the version that runs."),
    "hotlined_answers_queued": (("waiting_for",), "Queued answers, by what holds them back now."),
    "hotlined_budget_used_segments": (("window",), "Segments spent in the last hour, day or month."),
    "hotlined_budget_limit_segments": (("window",), "The limit of a window; 0: none go out."),
    "hotlined_modem_state": (("state",), "1 for the state that the modem is in, 0 for the others."),
    "hotlined_sending_state": (("state",), "1 for how answers go out (free, trial, paused, held), 0 for the others."),
    "hotlined_trouble": (("code",), "1 for each trouble of status --json; those that are over are left out."),
    "hotlined_signal_ratio": ((), "The signal from 0 to 1: rssi of +CSQ divided by 31; in LTE not RSRP."),
    "hotlined_storage_used": (("storage",), "Texts in a storage of the modem."),
    "hotlined_storage_slots": (("storage",), "Texts that a storage has room for."),
    "hotlined_last_scan_timestamp_seconds": ((), "When the storages of the modem were last listed."),
    "hotlined_last_contact_timestamp_seconds": ((), "When the newest contact came."),
    "hotlined_balance": ((), "The credit of the SIM, in the line's currency."),
    "hotlined_database_bytes": ((), "Bytes of the database and its log on the disk."),
    "hotlined_restored_timestamp_seconds": ((), "When a backup was last put back."),
}
"""Every figure: its labels beside `line`, and its meaning; docs/metrics.md has them from here."""

_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})  # in the value of a label


@dataclass(frozen=True, slots=True)
class Extra:
    """The values that the report lacks: why answers wait, the last contact, and when a backup was put back."""

    waiting: Mapping[str, int]
    last: LastContact | None
    restored_at: datetime | None


@dataclass(frozen=True, slots=True)
class Family:
    """The samples of one name of `FIGURES`, each with its labels (besides `line`) and its value."""

    name: str
    samples: Iterable[tuple[Mapping[str, str], float]]

    def lines(self, line: str) -> Iterator[str]:
        """Yield the samples in the text format; nothing if there are none."""
        samples = [(labels, value) for labels, value in self.samples if math.isfinite(value)]
        if not samples:
            return
        yield f"# HELP {self.name} {FIGURES[self.name][1]}"
        yield f"# TYPE {self.name} gauge"
        for labels, value in samples:
            pairs = ",".join(f'{name}="{word.translate(_ESCAPED)}"' for name, word in {"line": line, **labels}.items())
            yield f"{self.name}{{{pairs}}} {value}"


def write(config: Config) -> str:
    """Return all figures as text."""
    report = report_line(config)
    extra = _maybe_extra(config) if report.stored else None
    families = [*_of_daemon(report, is_readable=extra is not None)]
    if report.stored and extra:
        families += _of_database(report.stored, extra)
    octets = _maybe_octets(config)
    families.append(_one("hotlined_database_bytes", octets))
    return "".join(f"{text}\n" for family in families for text in family.lines(config.line))


def _maybe_extra(config: Config) -> Extra | None:
    try:
        with open_beside_daemon(config.database) as db:
            restored_at = figures.maybe_last_event(db, EventKind.RESTORED)
            return Extra(forecast.waiting(db), maybe_last_contact(db), restored_at)
    except (StoreError, sqlite3.Error):
        return None


def _maybe_octets(config: Config) -> int | None:
    """Return the size of the database and its write-ahead log in bytes; None if there is no database."""
    with suppress(OSError):
        octets = config.database.stat().st_size
        with suppress(OSError):
            octets += beside(config.database, WAL).stat().st_size
        return octets
    return None


def _of_daemon(report: LineReport, *, is_readable: bool) -> Iterator[Family]:
    """Yield the figures of the daemon; if it is dead, none of its modem."""
    alive, daemon = report.alive, report.daemon
    up = alive and is_readable and report.database_state == DatabaseState.OK
    yield _one("hotlined_up", int(up))
    version = (daemon.version if alive else None) or __version__
    yield Family("hotlined_build_info", [({"version": version}, 1)])
    yield Family(
        "hotlined_trouble", [({"code": code}, 1) for code in dict.fromkeys(one.code for one in report.trouble)]
    )
    if alive:
        yield from _of_modem(daemon.modem)
    scanned = parse_rfc3339(daemon.last_scan_at) if daemon.last_scan_at else None
    yield _when("hotlined_last_scan_timestamp_seconds", scanned)


def _of_modem(modem: ModemStatus) -> Iterator[Family]:
    yield _state("hotlined_modem_state", ModemState, modem.state)
    signal = None if modem.signal_percent is None else modem.signal_percent / 100
    yield _one("hotlined_signal_ratio", signal)
    names = [{"storage": each.name} for each in modem.storages]
    for name, entries in (
        ("used", [each.used for each in modem.storages]),
        ("slots", [each.total for each in modem.storages]),
    ):
        yield Family(f"hotlined_storage_{name}", list(zip(names, entries, strict=True)))


def _of_database(stored: Stored, extra: Extra) -> Iterator[Family]:
    """Yield the state of the line: sending, queue, windows, credit."""
    states = [state for state in SendingState if state is not SendingState.NO_DAEMON]
    yield _state("hotlined_sending_state", states, stored.sending.state)
    for name in ("used", "limit"):
        yield Family(
            f"hotlined_budget_{name}_segments",
            [({"window": window}, getattr(budget, name)) for window, budget in stored.budgets.items()],
        )
    yield _one("hotlined_balance", stored.credit.balance)
    yield Family(
        "hotlined_answers_queued",
        [({"waiting_for": reason}, extra.waiting.get(reason, 0)) for reason in WaitingFor],
    )
    yield _when("hotlined_last_contact_timestamp_seconds", parse_rfc3339(extra.last.at) if extra.last else None)
    yield _when("hotlined_restored_timestamp_seconds", extra.restored_at)


def _one(name: str, value: float | None) -> Family:
    return Family(name, [] if value is None else [({}, value)])


def _when(name: str, moment: datetime | None) -> Family:
    return _one(name, moment.timestamp() if moment else None)


def _state(name: str, states: Iterable[str], now: str | None) -> Family:
    return Family(name, [({"state": str(state)}, int(state == now)) for state in states])
