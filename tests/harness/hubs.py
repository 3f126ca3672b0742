"""A PostgreSQL of the tests' own, and hubs in it: the newest one installed, in a temporary folder.

It trusts everybody at its Unix socket, listens nowhere else, and does not survive a power cut.
"""

import contextlib
import importlib.resources
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from needs import APT, PACKAGES

from hotlined.fleet.hub import Hub as HubOfLine

if TYPE_CHECKING:
    import psycopg

PROGRAMS = (
    [Path(os.environ["HOTLINED_POSTGRESQL"])]
    if "HOTLINED_POSTGRESQL" in os.environ
    else sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
)
"""Folders of the programs of each PostgreSQL, the newest last; HOTLINED_POSTGRESQL names another one."""
OPTIONS = ("fsync=off", "listen_addresses=", "shared_buffers=8MB", "max_connections=40", "autovacuum=off")
SUPERUSER = "postgres"
HUB = (importlib.resources.files("hotlined.fleet") / "hub.sql").read_text()


class Cluster:
    """A PostgreSQL that runs."""

    def __init__(self, folder: Path, programs: Path, port: int) -> None:
        self.folder, self.programs, self.port = folder, programs, port
        self._names = (f"hub{number}" for number in itertools.count(1))

    def run(self, program: str, *arguments: str) -> None:
        """Run a program of PostgreSQL to its end, as a user other than root, whom it refuses."""
        command = [str(self.programs / program), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid", SUPERUSER, "--regid", SUPERUSER, "--clear-groups", *command]
        # the server inherits standard output and error, and would keep a pipe open
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def url(self, database: str, user: str = SUPERUSER) -> str:
        """Return the URL of a database, for a role."""
        return f"postgresql://{user}@/{database}?host={self.folder}&port={self.port}"

    def own(self, file: Path) -> None:
        """Make a file its user's alone."""
        file.chmod(0o600)
        if os.geteuid() == 0:
            shutil.chown(file, SUPERUSER, SUPERUSER)

    def refusal(self, url: str, statement: str) -> str:
        """Return the error of a statement; empty if it works."""
        import psycopg  # noqa: PLC0415  the fixture has looked for it

        try:
            with psycopg.connect(url, autocommit=True) as session:
                session.execute(statement.encode())
        except psycopg.Error as error:
            return str(error)
        return ""

    def connect(self, database: str, user: str = SUPERUSER) -> "psycopg.Connection[Any]":
        """Log in; each statement is a transaction."""
        import psycopg  # noqa: PLC0415  the fixture has looked for it

        return psycopg.connect(self.url(database, user), autocommit=True)

    @contextlib.contextmanager
    def hub(self, digest: str, *lines: str) -> Iterator["Hub"]:
        """Give a hub of a fleet with the digest of its key, and with these lines."""
        name = next(self._names)
        with self.connect(SUPERUSER) as session:
            session.execute(f"CREATE DATABASE {name}".encode())
        hub = Hub(self, name, digest, *lines)
        yield hub
        hub.close()


class Hub:
    """A hub, with a session of each line that has asked it."""

    def __init__(self, cluster: Cluster, name: str, digest: str, *lines: str) -> None:
        self.cluster, self.name = cluster, name
        self.admin = cluster.connect(name)
        self.sessions: dict[str, psycopg.Connection[Any]] = {}
        with self.admin.transaction():
            self.admin.execute(HUB.encode())
        self.admin.execute("INSERT INTO hotlined.key (digest) VALUES (%s)", [digest])
        for line in lines:
            self.invite(line)

    def invite(self, line: str) -> None:
        """Let a line log in."""
        role = f'"hotlined_{line}"'
        if not self.admin.execute("SELECT FROM pg_roles WHERE rolname = %s", [f"hotlined_{line}"]).rowcount:
            self.admin.execute(f"CREATE ROLE {role}".encode())
        self.admin.execute(f'ALTER ROLE {role} LOGIN; GRANT "hotlined-lines" TO {role}'.encode())
        self.admin.execute("INSERT INTO hotlined.lists (line) VALUES (%s) ON CONFLICT DO NOTHING", [line])

    def close(self) -> None:
        """End every session."""
        for session in (self.admin, *self.sessions.values()):
            session.close()

    def one(self, statement: str) -> Any:
        """Return the single value of a query as the superuser."""
        row = self.admin.execute(statement.encode()).fetchone()
        assert row
        return row[0]

    def session(self, line: str) -> "psycopg.Connection[Any]":
        """Return the session of a line."""
        if line not in self.sessions or self.sessions[line].closed:
            self.sessions[line] = self.cluster.connect(self.name, f"hotlined_{line}")
        return self.sessions[line]

    def of(self, line: str) -> HubOfLine:
        """Return what the exchange of a line has of it."""
        return HubOfLine(self.session(line))


def programs() -> Path:
    """Return the folder of the newest PostgreSQL; a missing one skips the test with its package as the reason."""
    if not PROGRAMS:
        pytest.skip(APT + PACKAGES["pg_lsclusters"])
    pytest.importorskip("psycopg", reason=f"{APT}python3-psycopg")
    return PROGRAMS[-1]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Give a PostgreSQL."""
    with running(programs()) as found:
        yield found


@contextlib.contextmanager
def running(programs: Path, port: int = 5432, options: Sequence[str] = OPTIONS) -> Iterator[Cluster]:
    """Run a PostgreSQL, and leave no file of it behind."""
    folder = Path(tempfile.mkdtemp(prefix="hotlined-hub-"))  # short: the path of a socket has at most 107 bytes
    if os.geteuid() == 0:
        folder.chmod(0o755)
        shutil.chown(folder, SUPERUSER, SUPERUSER)
    cluster = Cluster(folder, programs, port)
    data = str(folder / "data")
    options = " ".join(f"-c {option}" for option in (*options, f"port={port}"))
    try:
        cluster.run("initdb", "-N", "--auth=trust", "-E", "UTF8", "--locale", "C", "-U", SUPERUSER, "-D", data)
        cluster.run("pg_ctl", "-w", "-D", data, "-l", str(folder / "log"), "-o", f"-k {folder} {options}", "start")
        yield cluster
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            cluster.run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
