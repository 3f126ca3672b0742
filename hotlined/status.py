"""The status of a line's daemon: one value, which the daemon writes into a file and everybody else reads.

It is the daemon's word alone; what the database knows of the line, `hotlined status` adds. What an earlier or a later
daemon writes is read as far as it is understood. What is wrong stands there in codes and values: `reports.trouble` says
it.
Known to be wrong: for three minutes after a crash, another process that got its number passes for the daemon.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Self, get_type_hints

from hotlined import clock, files
from hotlined.causes import Value
from hotlined.forms import Form, Time, by_key
from hotlined.states import DatabaseState, ModemState

FILE = "status.json"  # in the folder of the line's own, in the runtime directory


@dataclass(frozen=True, slots=True)
class DaemonTrouble:
    """Something that keeps the line from doing its work, as its daemon knows it: in codes."""

    code: str
    cause: str | None = None
    """A `CauseCode`, or which trouble of a database it is; None where the code says it all."""
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
    """How the modem is; None for what it has not said, and for all of it where no daemon has said anything."""

    state: Annotated[str | None, Form(enum=(*ModemState, None))] = None
    since: Time | None = None
    step: str | None = None
    """The last rung of the recovery ladder, while it is climbed."""
    steps: int = 0
    """How many rungs were climbed since that trouble began."""
    undeletable: int = 0
    """Entries of the SIM that the modem does not delete."""
    port: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    generation: Annotated[str | None, Form(enum=("LTE", "3G", "2G", "before LTE", None))] = None
    """The newest networks that the modem knows: LTE, 3G, 2G, or "before LTE"."""
    operator: str | None = None
    registration: Annotated[str, Form(enum=("home", "roaming", "searching", "denied", "none", "unknown"))] = "unknown"
    signal_percent: Annotated[int | None, Form(maximum=100)] = None
    technology: str | None = None
    """The kind of network: 2G, 3G, LTE, NB-IoT, 5G."""
    sms_service: str | None = None
    """The way that texts are sent (AT+CGSMS?): packet or circuit, the one first or alone."""
    storages: tuple[Storage, ...] = ()


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """How a daemon is, as it last said; without arguments: of a daemon that never said anything."""

    pid: int | None = None
    version: str | None = None
    line: str = ""
    config: str = ""
    database: str = ""
    mode: str | None = None
    since: str | None = None
    last_scan_at: str | None = None
    modem: ModemStatus = ModemStatus()
    sim_changed: bool = False
    """Another stick or SIM than the line's is in, so nobody is answered; also while its modem is being recovered."""
    database_state: str = DatabaseState.OK
    database_file: tuple[int, int] | None = None
    """The file that the daemon has open: its device and inode."""
    balance_asked_at: str | None = None
    trouble: tuple[DaemonTrouble, ...] = ()
    in_force: str = ""
    """The configuration in force, without secrets, as YAML: what commands go by while its file is broken."""
    pass_boottime: float = float("-inf")
    """When this was written, in seconds since boot."""
    alive_seconds: float = 180.0
    """How old it may be before its daemon counts as hanging."""

    def to_json(self) -> str:
        """Write it as it stands in the file."""
        return json.dumps(self, default=by_key)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` has written; raises ValueError for anything that is not at least like it."""
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
        """Tell whether the daemon's process lives and went on a short time ago, in this boot."""
        if self.pid is None:
            return False
        try:
            os.kill(self.pid, 0)
        except PermissionError:
            pass  # it lives, as somebody else
        except (OSError, OverflowError):
            return False
        return 0 <= clock.boottime() - self.pass_boottime < self.alive_seconds


@dataclass(frozen=True, slots=True)
class FoundStatus:
    """The last status of a database's daemon, and the one that another database's daemon wrote in its place."""

    ours: DaemonStatus = DaemonStatus()
    others: DaemonStatus = DaemonStatus()


def find(runtime_dir: Path, name: str, database: Path) -> FoundStatus:
    """Look for what the daemon that has a database said last, where the daemons of a line's name write it."""
    real = os.path.realpath(database)
    ours, others = DaemonStatus(), DaemonStatus()
    for status in statuses(runtime_dir, name):
        if os.path.realpath(status.database) == real:
            ours = status if ours == DaemonStatus() else ours
        else:
            others = status if others == DaemonStatus() else others
    return FoundStatus(ours, others)


def statuses(runtime_dir: Path, name: str) -> Iterator[DaemonStatus]:
    """Yield the statuses of a line that there are files of; their folder is looked for where the daemon makes it."""
    for folder, owner in ((runtime_dir, None), (private_folder(), os.getuid())):
        with suppress(OSError, ValueError):
            yield DaemonStatus.from_json(files.read(folder / name / FILE, owner))


def private_folder() -> Path:
    """Return where the folders of lines are whose runtime directory cannot be made; nobody else's is believed."""
    temporary = os.environ.get("TMPDIR", "/tmp")  # noqa: S108  its owner is asked for; `tempfile` loads half a MiB
    return Path(temporary) / f"hotlined-{os.getuid()}"


def _values(found: object) -> dict[str, Value]:
    """Return the values of a trouble that are texts, numbers or lists of texts; others stand for nothing."""
    return {
        name: value
        for name, value in _mapping(found).items()
        if isinstance(value, str | int | float)
        or (isinstance(value, list) and all(isinstance(each, str) for each in value))
    }


def _known(kind: type[Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain fields of a dataclass that a document has, each of the right type."""
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
