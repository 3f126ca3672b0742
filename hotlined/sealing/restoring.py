"""Puts a sealed backup back: first the database, by the line's user; then, by root, what lies beside the configuration.

What was there is moved aside, and nothing of it is lost. The database is marked as a copy, so that its daemon sends
nothing that may have left since. Cut off anywhere, it is done once more from the beginning.
"""

import contextlib
import json
import os
import pwd
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hotlined import files, owner
from hotlined.config import Config, load, parse, salvage, salvage_text
from hotlined.errors import ConfigError, DatabaseInUseError, HotlinedError, SealError, refusal_of
from hotlined.language import _
from hotlined.sealing import age, archive
from hotlined.sealing.archive import Opened
from hotlined.sealing.shelf import Shelf, lines_in
from hotlined.store import backup
from hotlined.store.database_files import FILE_MODE, SECRET, SECRET_MODE, beside
from hotlined.store.trouble import DatabaseTrouble
from hotlined.words.sealing import service_of

_ROOTS = {archive.PIN: "pin", archive.URLS: "urls"}  # readable by root alone: see systemd/hotlined-offcard@.service
_PRIVATE, _GROUPS = 0o600, 0o640
_DATABASE = "database"  # the key that says where it lies


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back: of which line, from when, and into which files."""

    line: str
    name: str
    made_at: str
    config: Config
    written: tuple[Path, ...]
    aside: tuple[Path, ...]
    """Where lies what was there before."""
    problem: ConfigError | None
    """What is wrong with the configuration, which is put back all the same: the line was left with it."""


def find(place: Path, wanted: str | None) -> Path:
    """Return a backup: a file itself, or the newest of a line in a folder; raises SealError where there is none."""
    if not place.is_dir():
        return place
    lines = lines_in(place)
    if wanted is None and len(lines) == 1:
        wanted = lines.pop()
    if wanted is None and lines:
        raise SealError(
            _("{folder} has backups of several lines: {lines}.", folder=place, lines=", ".join(sorted(lines))),
            _("Name the file that is meant."),
        )
    found = Shelf(place, wanted).backups() if wanted else []
    if not found:
        raise SealError(_("There is no backup in {folder}.", folder=place), _("Is the right backup stick in?"))
    return found[-1]


def restore(file: IO[bytes], identity: str, config_path: Path) -> Restored:
    """Put a backup back as the line whose configuration is `config_path`; raises HotlinedError, OSError."""
    with age.opened(file, identity) as stream:
        opened = archive.read(stream)
        config = _as_far_as_sound(opened.small.get(archive.CONFIG, b"").decode(errors="replace"), config_path)
        require_its_place(opened, config)
        if not os.geteuid() and not config.database.parent.is_dir():
            words = _("There is no folder {folder}: the line is not installed here.", folder=config.database.parent)
            raise SealError(words, _("Install it first: `sudo hotlined-setup add {name}`.", name=config.name))
        moved = _as_owner(config.database, lambda: _put_database(opened, config.database))
    written, aside = _put_beside(opened, config)
    database = [config.database, *_secrets(opened, config.database)]
    about, problem = opened.about, None
    try:
        load(config_path)
    except ConfigError as error:
        problem = error
    return Restored(about.line, about.name, about.made_at, config, (*database, *written), (*moved, *aside), problem)


def _as_far_as_sound(text: str, path: Path) -> Config:
    """Read a configuration, a broken one as far as it is sound; raises ConfigError where its database is unknown."""
    with contextlib.suppress(ConfigError):
        return parse(text, path)
    salvaged = salvage_text(text, path)
    if _DATABASE not in salvaged.unknown:
        return salvaged.config
    with contextlib.suppress(ConfigError):  # that of the line as it was installed here
        installed = salvage(path)
        if _DATABASE not in installed.unknown:
            return salvaged.config._replace(database=installed.config.database)
    raise ConfigError(
        _("The configuration in the backup does not say where its database lies, nor does one that is here."),
        (),
        _("docs/backup.md says how it is taken out and corrected."),
    )


def require_its_place(opened: Opened, config: Config) -> None:
    """Raise SealError where a backup is another line's: paths and units are called by the name of its file."""
    if opened.about.name != config.name:
        raise SealError(
            _("This is the backup of another line of this machine: {name}.", name=opened.about.name),
            _("Name that line with `--line`; the first one, `main`, needs none."),
        )


def _secrets(opened: Opened, database: Path) -> dict[Path, tuple[bytes, int]]:
    """Return the keys that lie beside the database, with their octets and modes."""
    return {
        beside(database, ending): (opened.small[name], SECRET_MODE if ending in SECRET else FILE_MODE)
        for name, ending in archive.BESIDE.items()
        if name in opened.small
    }


def _as_owner(database: Path, put: Callable[[], list[str]]) -> list[Path]:
    """Do something in the line's folder: as root in a process that becomes the line's user first, for good."""
    if os.geteuid():
        return list(map(Path, put()))
    heard, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(heard)
        os._exit(_tell(told, database, put))
    os.close(told)
    with os.fdopen(heard) as answers:
        said = answers.read()
    os.waitpid(child, 0)
    outcome = json.loads(said) if said else {"error": _("it was killed"), "hint": ""}
    if "error" in outcome:
        raise SealError(outcome["error"], outcome["hint"])
    return list(map(Path, outcome["moved"]))


def _tell(told: int, database: Path, put: Callable[[], list[str]]) -> int:
    """Become the owner of the database, do the work, and tell the parent what came of it."""
    outcome: dict[str, object]
    try:
        owner.become(database)
        outcome = {"moved": put()}
    except HotlinedError as error:
        outcome = {"error": error.message, "hint": error.hint}
    except OSError as error:
        outcome = {"error": refusal_of(error), "hint": ""}
    os.write(told, json.dumps(outcome).encode())
    return 0


def _put_database(opened: Opened, database: Path) -> list[str]:
    """Write the database and its keys in the place of those that are there; return where those are now."""
    try:
        return list(
            map(str, backup.restore(database, opened.pieces(), opened.about.made_at, _secrets(opened, database)))
        )
    except DatabaseInUseError as error:
        hint = _("Stop it first: `sudo systemctl stop {unit}`.", unit=service_of(opened.about.name))
        raise DatabaseInUseError(error.message, hint) from error
    except sqlite3.Error as error:
        raise DatabaseTrouble.of(error).as_error(database) from error


def _put_beside(opened: Opened, config: Config) -> tuple[list[Path], list[Path]]:
    """Write what lies beside the configuration, each file for those who read it."""
    written, aside = [], []
    for path, octets, mode, group in _files_beside(opened, config):
        is_same = path.exists() and path.read_bytes() == octets
        if is_same and path.is_symlink():
            continue
        if not is_same:
            if path.exists():
                before = _free(path.with_name(f"{path.name}.before"))
                path.replace(before)
                aside.append(before)
            files.replace(path, octets, _PRIVATE, durable=True)
            written.append(path)
        # also where it was there already: a restore that was cut off may have left it private
        descriptor = files.open_plain(path, os.O_RDONLY)
        try:
            if group is not None and not os.geteuid():
                os.fchown(descriptor, -1, group)
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
    return written, aside


def _free(path: Path) -> Path:
    """Return the name itself where nothing has it, else the first free one with a number behind it."""
    number, found = 1, path
    while found.exists():
        number += 1
        found = path.with_name(f"{path.name}-{number}")
    return found


def _files_beside(opened: Opened, config: Config) -> Iterator[tuple[Path, bytes, int, int | None]]:
    """Yield each file, its octets, its mode and its group."""
    yield config.path, opened.small[archive.CONFIG], _GROUPS, _maybe_group_of(config.database)
    if octets := opened.small.get(archive.ACCOUNTS):
        desk = None
        with contextlib.suppress(KeyError):
            desk = pwd.getpwnam(f"{owner.DESK_USER}{config.name}").pw_gid
        yield config.path.with_name(f"{config.name}.accounts"), octets, _PRIVATE if desk is None else _GROUPS, desk
    for name, ending in _ROOTS.items():
        if octets := opened.small.get(name):
            own = f"{config.name}.{ending}"
            yield config.path.with_name(own), octets, _PRIVATE, None


def _maybe_group_of(database: Path) -> int | None:
    with contextlib.suppress(OSError):
        found = database.lstat()
        return found.st_gid if stat.S_ISREG(found.st_mode) else None
    return None
