"""Makes the running daemon read its configuration again, and says what the daemon did with it, by its status file."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from hotlined import config as configuration
from hotlined import status
from hotlined.config import Config
from hotlined.language import _
from hotlined.states import TroubleCode
from hotlined.status import DaemonStatus, Trouble

_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 15.0  # a pass of the daemon takes a segment at most, and that seldom takes longer


@dataclass(frozen=True, slots=True)
class Told:
    """The result of a reload: whether the daemon took the configuration, and the sentence that says so."""

    taken: bool
    sentence: str


def reload(config: Config) -> Told:
    """Make the daemon that was started with a file read it again, and wait for what it says."""
    before = _daemon(config)
    if before is None or before.pid is None:
        return Told(True, _("No daemon runs: it reads the file when it starts."))
    unit = f"hotlined@{config.name}"
    try:
        os.kill(before.pid, signal.SIGHUP)
    except PermissionError:
        return Told(
            False, _("The daemon does not know it yet. `sudo systemctl reload {unit}` has it read the file.", unit=unit)
        )
    except OSError:
        return Told(True, _("The daemon has just ended: it reads the file when it starts."))
    until = time.monotonic() + _PATIENCE_SECONDS
    wanted, refused = configuration.in_force(config), _maybe_refusal(before)
    while time.monotonic() < until:
        now = _daemon(config)
        if now and (trouble := _maybe_refusal(now)) and trouble != refused:
            return Told(False, _("The daemon refuses the file. {reason}", reason=trouble.sentences))
        if now and now.in_force == wanted and _maybe_refusal(now) is None:
            return Told(True, _("The daemon has it: the next answer that leaves is the new one."))
        time.sleep(_LOOK_SECONDS)
    return Told(False, _("The daemon was asked to read it, and has not said anything yet. See `hotlined status`."))


def _daemon(config: Config) -> DaemonStatus | None:
    """Return the status of the living daemon that was started with this file."""
    ours = status.find(config.runtime_dir, config.name, config.database).ours
    return ours if ours.is_alive() and _same(ours.config, config.path) else None


def _same(name: str, path: Path) -> bool:
    return os.path.realpath(name) == os.path.realpath(path)


def _maybe_refusal(daemon: DaemonStatus) -> Trouble | None:
    return next((trouble for trouble in daemon.trouble if trouble.code == TroubleCode.CONFIG_REFUSED), None)
