"""The status of a line's daemon: one value, which the daemon writes into a file and all other programs read.

The file has only what the daemon knows; `hotlined status` adds what the database knows. Troubles are codes with values,
and `reports.trouble` puts them into words. A file of an earlier or a later version is read as far as it is understood.
Known to be wrong: for three minutes after a crash, a new process with the daemon's process ID is taken for the daemon.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Self, get_type_hints

from hotlined.causes import Value
from hotlined.forms import Form, Time, by_key
from hotlined.machine import clock, files
from hotlined.states import DatabaseState, ModemState

FILE = "status.json"  # in the line's folder of the runtime directory


@dataclass(frozen=True, slots=True)
class DaemonTrouble:
    """A trouble that keeps the line from doing its work, in codes, as the daemon reports it."""

    code: str
    cause: str | None = None
    """A `CauseCode`, or a code of the database's trouble; None if `code` says everything."""
    values: Mapping[str, Value] = field(default_factory=dict)
    since: str | None = None
    """RFC 3339; None where it is not known."""


@dataclass(frozen=True, slots=True)
class Storage:
    """How full a storage of the modem is."""

    name: str = ""
    used: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class ModemStatus:
    """The state of the modem; a value is null if the modem has not reported it, or if no daemon has."""

    state: Annotated[str | None, Form(enum=(*ModemState, None))] = None
    since: Time | None = None
    step: str | None = None
    """The last step of the recovery, while a recovery goes on."""
    steps: int = 0
    """How many steps the recovery has taken since the trouble began."""
    undeletable: int = 0
    """The number of entries on the SIM that the modem does not delete."""
    port: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    generation: Annotated[str | None, Form(enum=("LTE", "3G", "2G", "before LTE", None))] = None
    """The newest kind of network that the modem supports: LTE, 3G, 2G, or "before LTE"."""
    operator: str | None = None
    registration: Annotated[str, Form(enum=("home", "roaming", "searching", "denied", "none", "unknown"))] = "unknown"
    signal_percent: Annotated[int | None, Form(maximum=100)] = None
    technology: str | None = None
    """The kind of the present network: 2G, 3G, LTE, NB-IoT or 5G."""
    sms_service: str | None = None
    """The domain that carries texts (AT+CGSMS?): packet, circuit, packet_first or circuit_first."""
    storages: tuple[Storage, ...] = ()


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """The status that a daemon last reported; without arguments: the status of a daemon that never reported one."""

    pid: int | None = None
    version: str | None = None
    line: str = ""
    config: str = ""
    database: str = ""
    since: str | None = None
    last_scan_at: str | None = None
    modem: ModemStatus = ModemStatus()
    sim_changed: bool = False
    """Whether the stick or the SIM is not the line's, so that nobody is answered; also during a recovery."""
    database_state: str = DatabaseState.OK
    database_file: tuple[int, int] | None = None
    """The file that the daemon has open: its device and inode."""
    balance_asked_at: str | None = None
    trouble: tuple[DaemonTrouble, ...] = ()
    in_force: str = ""
    """The configuration in force, without secrets, as YAML: commands go by it."""
    pass_boottime: float = float("-inf")
    """When the status was written, in seconds since boot."""
    alive_seconds: float = 180.0
    """If the status is this many seconds old, the daemon counts as hanging."""

    def to_json(self) -> str:
        """Return the text of the file."""
        return json.dumps(self, default=by_key)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a text of `to_json`; raises ValueError for a text without the most important keys."""
        document = json.loads(text)
        if not isinstance(document, dict) or not document.keys() >= {"pid", "database", "modem"}:
            raise ValueError(text)
        modem = _mapping(document["modem"])
        storages = tuple(Storage(**_known(Storage, each)) for each in _mappings(modem.get("storages")))
        troubles = tuple(
            DaemonTrouble(**known, values=_values(each.get("values")))
            for each in _mappings(document.get("trouble"))
            if "code" in (known := _known(DaemonTrouble, each))
        )
        known = _known(cls, document)
        match document.get("database_file"):
            case [int(device), int(inode)]:
                known["database_file"] = device, inode
        return cls(
            **known | {"modem": ModemStatus(**_known(ModemStatus, modem) | {"storages": storages}), "trouble": troubles}
        )

    def is_alive(self) -> bool:
        """Tell whether the daemon's process lives and has made progress lately, in this boot."""
        if self.pid is None:
            return False
        try:
            os.kill(self.pid, 0)
        except PermissionError:
            pass  # it lives, and belongs to another user
        except (OSError, OverflowError):
            return False
        return 0 <= clock.boottime() - self.pass_boottime < self.alive_seconds


@dataclass(frozen=True, slots=True)
class FoundStatus:
    """The last status of our database's daemon, and the last of a daemon of the same name with another database."""

    ours: DaemonStatus = DaemonStatus()
    others: DaemonStatus = DaemonStatus()


def find(runtime_dir: Path, name: str, database: Path) -> FoundStatus:
    """Find the last status of a database's daemon, and the last of a daemon of the same name with another database."""
    real = os.path.realpath(database)
    ours, others = DaemonStatus(), DaemonStatus()
    for status in statuses(runtime_dir, name):
        if os.path.realpath(status.database) == real:
            ours = status if ours == DaemonStatus() else ours
        else:
            others = status if others == DaemonStatus() else others
    return FoundStatus(ours, others)


def statuses(runtime_dir: Path, name: str) -> Iterator[DaemonStatus]:
    """Yield the statuses of a line from the two folders in which its daemon may have written one."""
    for folder, owner in ((runtime_dir, None), (private_folder(), os.getuid())):
        with suppress(OSError, ValueError):
            yield DaemonStatus.from_json(files.read(folder / name / FILE, owner))


def private_folder() -> Path:
    """Return the folder that takes the place of a runtime directory that cannot be made.

    Other users may write there, so a file counts only if this user owns it.
    """
    temporary = os.environ.get("TMPDIR", "/tmp")  # noqa: S108  the reader checks the owner; `tempfile` takes 0.5 MiB
    return Path(temporary) / f"hotlined-{os.getuid()}"


def _values(found: object) -> dict[str, Value]:
    """Return the values of a trouble that are texts, numbers or lists of texts; drop others."""
    return {
        name: value
        for name, value in _mapping(found).items()
        if isinstance(value, str | int | float)
        or (isinstance(value, list) and all(isinstance(each, str) for each in value))
    }


def _known(kind: type[Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a dataclass with a plain type that a document has, if the value is of that type."""
    hints = get_type_hints(kind)
    plain = {str, int, bool, float, str | None, int | None}
    return {
        field.name: document[field.name]
        for field in fields(kind)
        if field.name in document and hints[field.name] in plain and _fits(document[field.name], hints[field.name])
    }


def _fits(value: object, hint: Any) -> bool:
    return isinstance(value, int | float if hint is float else hint) and (hint is bool or not isinstance(value, bool))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: object) -> Iterator[Mapping[str, Any]]:
    return (each for each in value if isinstance(each, dict)) if isinstance(value, list) else iter(())
