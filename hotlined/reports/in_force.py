"""The configuration in force: what a living daemon goes by, else what the file says.

A daemon keeps the configuration that it has read last, and writes it into its status file. Commands, pages and alerts
go by it: otherwise they would promise what the daemon does not do. Keys that only commands and units read count as the
file says. If the file cannot be used, all of it is the daemon's; without a living daemon nothing is in force.
Known to be wrong: a daemon whose `runtime_dir` cannot be seen in the broken file is looked for in the usual folders.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from hotlined import config as configuration
from hotlined import status
from hotlined.config import Broken, Config
from hotlined.errors import ConfigError
from hotlined.machine import clock, person

_OF_THE_DAEMON = ("line_number", "modem.", "answer.", "limits.", "numbers.", "credit.")
"""Keys, or beginnings of keys, that take effect when the daemon reads them; commands and units read the others."""
_ELSEWHERE = frozenset({"modem.pin", "answer.text_file", "answer.text", "answer.texts"})
"""Keys that are not compared here: no status file has the PIN, and `reports.answer` compares the texts."""


def read(path: Path) -> Config:
    """Return the configuration in force of the line that has this file.

    Raises ConfigError with every problem if the file cannot be used, and no daemon lives that was started with it; and
    HotlinedError for root if another user owns the folder of that daemon's status.
    """
    try:
        return current(configuration.load(path))
    except ConfigError as error:
        return of_daemon(path, error)


def current(config: Config) -> Config:
    """Return the configuration that is in force now, by one that was read earlier; raises as `read` does.

    What a daemon has after an upgrade may not be understood; then the file counts.
    """
    if config.broken:
        return read(config.path)
    daemon, file = status.find(config.runtime_dir, config.name, config.database).ours, config.written or config
    if daemon.is_alive() and daemon.in_force != configuration.in_force(file):
        with suppress(ConfigError):
            return _joined(_parsed(daemon.in_force, Path(daemon.config)), file)
    return file


def of_daemon(path: Path, error: ConfigError) -> Config:
    """Return what a living daemon has in force, while `error` is the trouble with its file; raises as `read` does."""
    running = next(_running(path), None) if error.problems else None
    if running is None:
        raise error
    # a person who was taken out of the file must not come back because of a mistake in it
    web = running.web._replace(people=())
    return running._replace(web=web, broken=Broken(error.message, _changed_at(path)))


def differing_keys(config: Config) -> tuple[str, ...]:
    """Return the keys whose values in the file are not those that a living daemon has in force.

    The file is read again, because the desk may have read it before the daemon did.
    """
    if (file := config.written) is None:
        return ()
    with suppress(ConfigError):
        file = configuration.load(config.path)
    differing = (key for key, _old, _new in configuration.differences(config, file))
    return tuple(key for key in differing if key.startswith(_OF_THE_DAEMON) and key not in _ELSEWHERE)


def _joined(running: Config, file: Config) -> Config:
    """Return the file's configuration with the keys of the daemon as it has them; it tells nobody the PIN."""
    joined = file._replace(
        line_number=running.line_number,
        modem=replace(running.modem, pin=file.modem.pin),
        answer=running.answer._replace(text_file=file.answer.text_file, file=file.answer.file),
        limits=running.limits,
        numbers=running.numbers,
        credit=running.credit,
    )
    return file if joined == file else joined._replace(written=file)


_parsed = lru_cache(maxsize=1)(configuration.parse)  # the desk asks for each page


def _running(path: Path) -> Iterator[Config]:
    """Yield the configurations of living daemons that were started with a file that cannot be used."""
    stated, usual = configuration.maybe_stated(path, "runtime_dir"), configuration.KEYS["runtime_dir"].default
    for folder in dict.fromkeys((path.absolute().parent / (stated or usual), usual)):
        person.require_no_root(folder / path.stem, path.stem)
        for daemon in status.statuses(folder, path.stem):
            with suppress(ConfigError):
                if daemon.is_alive() and os.path.realpath(daemon.config) == os.path.realpath(path):
                    yield configuration.parse(daemon.in_force, Path(daemon.config))


def _changed_at(path: Path) -> str | None:
    with suppress(OSError):
        return clock.rfc3339(datetime.fromtimestamp(path.stat().st_mtime, UTC))
    return None
