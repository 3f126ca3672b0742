"""A PostgreSQL of the tests' own: one private cluster a process of tests, and an empty database for each that asks.

Its files are made by the first process of a run that asks, and copied by the others. It is the newest version that is
installed; HOTLINED_POSTGRESQL names the folder of the programs of another one. It trusts whoever reaches its Unix socket and, until a test says otherwise, refuses all who come
over TCP, from this machine alone. It keeps nothing safe from a power cut.
"""

import atexit
import contextlib
import fcntl
import importlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conftest import wait_until

_INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
PROGRAMS = Path(os.environ["HOTLINED_POSTGRESQL"]) if "HOTLINED_POSTGRESQL" in os.environ else next(reversed(_INSTALLED), None)
"""Where the programs of PostgreSQL are; None where there is none."""
OPTIONS = ("fsync=off", "listen_addresses=127.0.0.1", "shared_buffers=8MB", "max_connections=40", "autovacuum=off")
SUPERUSER = "postgres"


def free_port() -> int:
    """Return a port at which nobody listens."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@dataclass
class Cluster:
    """A PostgreSQL that runs."""

    folder: Path
    programs: Path
    process: subprocess.Popen[bytes] | None = None
    port: int = field(default_factory=free_port)
    data: Path | None = None
    options: tuple[str, ...] = OPTIONS

    @property
    def said(self) -> Path:
        """Return the file of what it said since its last start."""
        return self.folder / "said"

    @property
    def _data(self) -> str:
        return str(self.data or self.folder / "data")

    def as_its_user(self, program: str, *arguments: str) -> list[str]:
        """Return a program of PostgreSQL's with its arguments: it refuses to run as root."""
        command = [str(self.programs / program), *arguments]
        return (
            command
            if os.geteuid()
            else ["setpriv", "--reuid", SUPERUSER, "--regid", SUPERUSER, "--clear-groups", *command]
        )

    def start(self) -> None:
        """Start it and wait until it answers.

        As long as a process of a killed one still holds its memory, another ends at once.
        """
        options = [word for option in (*self.options, f"port={self.port}") for word in ("-c", option)]
        command = self.as_its_user("postgres", "-D", self._data, "-k", str(self.folder), *options)
        ready = [str(self.programs / "pg_isready"), "-q", "-h", str(self.folder), "-p", str(self.port)]
        self.process = None
        self.said.write_bytes(b"")

        def is_ready() -> bool:
            if self.process is None or self.process.poll() is not None:
                with self.said.open("ab") as said:
                    self.process = subprocess.Popen(command, stdout=said, stderr=said)
            return subprocess.run(ready, check=False).returncode == 0

        try:
            wait_until(is_ready, "PostgreSQL")
        except AssertionError as error:
            raise AssertionError(f"PostgreSQL does not start: {self.said.read_text()[-2000:]}") from error

    def kill(self) -> None:
        """Kill the server as a crash does."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it at once."""
        if self.process:
            subprocess.run(
                self.as_its_user("pg_ctl", "-D", self._data, "-m", "immediate", "-W", "stop"),
                check=False,
                capture_output=True,
            )
            self.process.wait()

    def database(self, name: str = "hub") -> str:
        """Return the URL of a database that is no hub (any more), as the superuser."""
        import psycopg  # noqa: PLC0415  it is looked for by the fixture

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).fetchall():
                connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            connection.execute("DROP SCHEMA IF EXISTS hotlined CASCADE")
        return self.url(name)

    def dump(self, url: str) -> str:
        """Return all that a database holds, as SQL."""
        command = [str(self.programs / "pg_dump"), url]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def give(self, file: Path, mode: int) -> None:
        """Make a file its user's."""
        file.chmod(mode)
        if os.geteuid() == 0:
            shutil.chown(file, SUPERUSER, SUPERUSER)

    def rows(self, url: str, statement: str) -> list[tuple[Any, ...]]:
        """Return what a statement finds."""
        import psycopg  # noqa: PLC0415  it is looked for by the fixture

        with psycopg.connect(url, autocommit=True) as connection:
            return connection.execute(statement).fetchall()  # type: ignore[call-overload,no-any-return]

    def refusal(self, url: str, statement: str) -> str:
        """Return why a statement is refused; empty where it is not."""
        import psycopg  # noqa: PLC0415  the same

        try:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(statement)  # type: ignore[call-overload]
        except psycopg.Error as error:
            return str(error)
        return ""

    def url(self, database: str) -> str:
        """Return the URL of a database, as the superuser."""
        return f"postgresql://{SUPERUSER}@/{database}?host={self.folder}&port={self.port}"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Give a PostgreSQL of this process of tests, the newest that there is."""
    with _found(PROGRAMS) as cluster:
        yield cluster


@contextlib.contextmanager
def _found(programs: Path | None) -> Iterator[Cluster]:
    try:
        importlib.import_module("psycopg")
    except ImportError as error:
        pytest.skip(f"psycopg or libpq is missing: {error}")
    if programs is None:
        pytest.skip("PostgreSQL is missing")
    with running(programs) as cluster:
        yield cluster


@contextlib.contextmanager
def running(programs: Path, options: tuple[str, ...] = OPTIONS, within: Path | None = None) -> Iterator[Cluster]:
    """Have a PostgreSQL run, and leave nothing of it behind."""
    folder = _folder(within)
    cluster = Cluster(folder, programs, options=options)
    subprocess.run(["cp", "-a", _made(cluster), folder / "data"], check=True)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)


def _folder(within: Path | None = None) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="hotlined-hub-", dir=within))  # short: a socket's path has 107 octets at most
    if os.geteuid() == 0:
        folder.chmod(0o755)
        shutil.chown(folder, SUPERUSER, SUPERUSER)
    return folder


_FIRST = os.getpid()
"""The process that the others of a run are forked from."""
_NEW = _folder() if PROGRAMS else None
"""Where the files of clusters lie that were never started: to copy one takes a tenth of what `initdb` takes."""


@atexit.register
def _clean() -> None:
    if _NEW and os.getpid() == _FIRST:
        shutil.rmtree(_NEW, ignore_errors=True)


def _made(cluster: Cluster) -> Path:
    """Return the files of a new cluster of this version."""
    assert _NEW
    data = _NEW / cluster.programs.as_posix().strip("/").replace("/", "-")
    asked = ["-N", "--auth-local=trust", "--auth-host=reject", "-E", "UTF8", "--locale", "C", "-U", SUPERUSER]
    with (_NEW / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not data.exists():
            made = cluster.as_its_user("initdb", *asked, "-D", str(data))
            subprocess.run(made, check=True, capture_output=True)
    return data
