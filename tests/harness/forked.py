"""Starts the daemon in a process that is forked once all is imported: two thirds of a start are imports.

It is the real daemon in a process of its own; only its command line is that of the process it was forked from.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from multiprocessing import util
from pathlib import Path
from typing import Any

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(  # not the modules of tests: before Python 3.13 it does not find them
    [
        *("hotlined.cli.run", "hotlined.daemon", "hotlined.migrations", "hotlined.store.line.database"),
        *("serial", "yaml", "phonenumbers.shortnumberinfo", "phonenumbers.data.region_BE"),
    ]
)


def keep_socket_in(folder: Path) -> None:
    """Keep the forkserver's socket in a folder of the tests: a worker that is killed as it ends does not remove it."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    util.get_temp_dir()  # multiprocessing remembers it
    tempfile.tempdir = before


class Forked:
    """A process that calls `target`, with what `subprocess.Popen` offers; both outputs go to the end of `log`."""

    def __init__(self, target: Callable[..., object], arguments: tuple[Any, ...], log: Path, folder: Path) -> None:
        log.touch()
        self._process = FORKS.Process(target=_be, args=(target, arguments, log, folder, dict(os.environ)))
        self._process.start()
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or minus the number of the signal that ended it; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return the exit code; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return the exit code; raises TimeoutExpired."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("hotlined", timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """End it in order."""
        self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()


def _be(
    target: Callable[..., object], arguments: tuple[Any, ...], log: Path, folder: Path, environment: Mapping[str, str]
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    os.close(output)
    target(*arguments)
