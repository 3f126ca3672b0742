"""The line's own folder at run time: its place, and its making."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from hotlined.config.values import Config
from hotlined.errors import ConfigError, reason_of
from hotlined.language import _
from hotlined.status import private_folder


def wanted_runtime_dir(config: Config) -> Path:
    """Return the place of the line's folder at run time: the folder that systemd made, else NAME in `runtime_dir`."""
    given = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(given) if given else config.runtime_dir / config.name


def runtime_dir(config: Config) -> Path:
    """Make the line's folder for its status and return it; if that fails, hotlined-UID/NAME in the temporary folder.

    A folder that is a link, or that another user owns, is not used. The folder in the temporary folder is private
    (0700). Raises ConfigError if that cannot be used either.
    """
    folder = wanted_runtime_dir(config)
    with suppress(OSError):
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        if _is_ours(folder):
            return folder
    for folder in (private_folder(), private_folder() / config.name):
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            ours = _is_ours(folder)
        except OSError as error:
            raise _no_runtime_dir(config, folder, reason_of(error)) from error
        if not ours:
            raise _no_runtime_dir(config, folder, _("a link or somebody else's"))
        folder.chmod(0o700)
    return folder


def _is_ours(folder: Path) -> bool:
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


def _no_runtime_dir(config: Config, folder: Path, reason: str) -> ConfigError:
    message = _(
        "{wanted} cannot be used, and {folder} cannot be used: {reason}",
        wanted=wanted_runtime_dir(config),
        folder=folder,
        reason=reason,
    )
    hint = _("Set runtime_dir to a folder of this user.")
    return ConfigError(message, (f"{config.path}: runtime_dir: {message}",), hint)
