"""The hub: a PostgreSQL (15 or later) that lines ask and an admin sets up; only this module connects to it.

A line logs in with a role of its own, which reads all lists and writes its own (hub.sql). Known to be wrong: with
queries of its own a line can keep the hub busy, and fill its disk and memory.
"""

import base64
import contextlib
import secrets
import time
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any, LiteralString
from urllib.parse import quote, urlencode

from hotlined.errors import HotlinedError, NotLetInError, RefusedError, UnavailableError
from hotlined.fleet.invitation import KEY_FILE
from hotlined.language import _

if TYPE_CHECKING:
    import psycopg

_LINES = "hotlined-lines"  # the group of all lines' roles; the name of a line never has a hyphen
_ROLE = "hotlined_"
_SECONDS = 10
_END_SESSIONS = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = %s"
_TRIES = 100  # to end a role's sessions, a tenth of a second each
_DIGEST: LiteralString = """
  SELECT encode(sha256(coalesce(string_agg(line || ':' || number, ' ' ORDER BY line COLLATE "C"), '')::bytea), 'hex')
  FROM hotlined.lists
"""
_WAITS: dict[str, Any] = {
    "connect_timeout": _SECONDS,
    "tcp_user_timeout": _SECONDS * 1000,
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "options": f"-c statement_timeout={_SECONDS}s",
}
_LONGEST = 350_000  # octets of a list; hub.sql has the same

HBA = (
    "local    {database}  +{lines}       scram-sha-256",
    "hostssl  {database}  +{lines}  all  scram-sha-256",
    "local    all  +{lines}       reject",
    "host     all  +{lines}  all  reject",
)
"""The first lines of pg_hba.conf: a line logs in with its password, by TLS or a Unix socket, to this database only."""


class Hub:
    """An open connection to the hub, of a line or of the admin who sets it up."""

    def __init__(self, connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
        self._connection = connection

    # ---- a line

    def digest(self) -> str:
        """Return a digest of the numbers of all lists: one row, however many lines there are."""
        return str(self._row(_DIGEST))

    def numbers(self) -> tuple[str, dict[str, int]]:
        """Return the digest of the fleet's key, and the number of each line's list."""
        rows = self._connection.execute("SELECT line, number FROM hotlined.lists").fetchall()
        return self.maybe_fingerprint() or "", {str(line): int(number) for line, number in rows}

    def read(self, line: str) -> dict[str, Any]:
        """Return the list of a line, for `store.fleet.turn`; raises HotlinedError if it is too long."""
        sql = "SELECT number, mark, persons FROM hotlined.lists WHERE line = %s"
        rows = self._connection.execute(sql, (line,), binary=True).fetchall()  # as text it would be twice as long
        if len(rows) != 1 or len(rows[0][2]) > _LONGEST:
            raise HotlinedError(_("The hub's answer makes no sense."))
        ((number, mark, persons),) = rows
        return {"line": line, "number": number, "mark": mark, "list": base64.b64encode(persons).decode()}

    def write(self, line: str, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
        """Write the list of this line over the one it knows; return it with its number, None if that is another."""
        rows = self._connection.execute(
            "UPDATE hotlined.lists SET persons = %s, mark = %s, number = %s WHERE line = %s AND number = %s"
            " RETURNING number",
            (base64.b64decode(wanted["list"]), wanted["mark"], wanted["number"], line, wanted["over"]),
        ).fetchall()
        return {"line": line, "number": rows[0][0], "mark": wanted["mark"], "list": wanted["list"]} if rows else None

    def report(self) -> dict[str, str | None]:
        """Note that this line was at the hub; return when each line was, in RFC 3339."""
        self._connection.execute(
            "UPDATE hotlined.lists SET seen_at = clock_timestamp() WHERE 'hotlined_' || line = current_user"
        )
        form = 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'
        sql = "SELECT line, to_char(seen_at AT TIME ZONE 'UTC', %s) FROM hotlined.lists"
        return {str(line): seen_at for line, seen_at in self._connection.execute(sql, (form,)).fetchall()}

    # ---- an admin

    def init(self) -> list[str]:
        """Make this database a hub, or one again after a restore; return the lines to put first in pg_hba.conf."""
        with self._connection.transaction():
            self._connection.execute((resources.files("hotlined.fleet") / "hub.sql").read_bytes())
        database = self._connection.info.dbname
        return [each.format(database=database, lines=_LINES) for each in HBA]

    def invite(self, line: str, fingerprint: str, host: str | None) -> str:
        """Let a line log in, with a new password; return its URL with the password. Older invitations become void.

        The very first invitation gives the hub the fingerprint of the fleet's key; later, RefusedError is raised for
        another key. `host` is the hub's address for the lines, if it differs from the one in the admin's own URL.
        """
        role = _ROLE + line
        password = secrets.token_urlsafe(24)
        # only a hash of the password is sent, so no log of the hub has the password
        verifier = self._connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
        self._require_key(fingerprint)
        is_known = self._is_there(role)
        if is_known:
            self._shut_out(role)
        with self._connection.transaction():
            if not is_known:
                self._run("CREATE ROLE {}", role)
            self._run("GRANT {} TO {}", _LINES, role)
            # 5, as a bad network leaves dead connections behind; 64 MB, or a line's own query could fill the disk
            self._run("ALTER ROLE {} LOGIN CONNECTION LIMIT 5", role)
            self._run("ALTER ROLE {} PASSWORD {}", role, password=verifier)
            self._run("ALTER ROLE {} SET temp_file_limit = '64MB'", role)
            self._connection.execute("INSERT INTO hotlined.lists (line) VALUES (%s) ON CONFLICT DO NOTHING", (line,))
        return self._url(role, password, host)

    def remove(self, line: str) -> None:
        """Shut a line out: no log-in, no session, no objects of its own, no role; its list stays.

        Raises RefusedError if no line of that name is in the fleet.
        """
        role = _ROLE + line
        if not self._is_there(role):
            raise RefusedError(_("The hub knows no line {line}.", line=line))
        self._shut_out(role)  # in a transaction of its own: the line is out even if the rest fails
        with self._connection.transaction():
            self._run("DROP OWNED BY {}", role)
            self._run("DROP ROLE {}", role)

    def lift(self, line: str) -> int:
        """Empty the list of a removed line; return how many persons were in it.

        Raises RefusedError for a line that is in the fleet, or never was.
        """
        rows = self._connection.execute("SELECT octet_length(persons) / 7 FROM hotlined.lists WHERE line = %s", (line,))
        if (found := rows.fetchone()) is None:
            raise RefusedError(_("The hub knows no line {line}.", line=line))
        if self._is_there(_ROLE + line):
            raise RefusedError(
                _("Line {line} is in the fleet.", line=line), _("Lift it there: a line's list is its own.")
            )
        self._connection.execute("UPDATE hotlined.lists SET persons = '', mark = NULL WHERE line = %s", (line,))
        return int(found[0])

    def maybe_fingerprint(self) -> str | None:
        """Return the fingerprint of the fleet's key; None before the first invitation."""
        found = self._connection.execute("SELECT digest FROM hotlined.key").fetchall()
        return str(found[0][0]) if found else None

    def _require_key(self, fingerprint: str) -> None:
        known = self.maybe_fingerprint()
        if known is None:
            self._connection.execute("INSERT INTO hotlined.key (digest) VALUES (%s)", (fingerprint,))
        elif known != fingerprint:
            raise RefusedError(
                _("This is not the key of the fleet: the hub knows another one."),
                _("Look for {file} beside the first invitation, or in the folder keys of a line.", file=KEY_FILE),
            )

    def _is_there(self, role: str) -> bool:
        return bool(self._row("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", role))

    def _shut_out(self, role: str) -> None:
        """Forbid a role to log in, and end its sessions; raises HotlinedError if some are left after `_TRIES`.

        A session may change its own role in an open transaction, and the lock of that would stop our change for ever.
        So the sessions are ended first, our change waits for the lock only 100 ms, and both are tried again. After the
        change the sessions are ended until none is left: one may have logged in just before it.
        """
        from psycopg.errors import LockNotAvailable  # noqa: PLC0415  heavy

        is_out = False
        for _try in range(_TRIES):
            if not self._row(_END_SESSIONS, role) and is_out:
                return
            if is_out:
                time.sleep(0.1)
                continue
            with contextlib.suppress(LockNotAvailable), self._connection.transaction():
                self._connection.execute("SET LOCAL lock_timeout = '100ms'")
                self._run("ALTER ROLE {} NOLOGIN PASSWORD NULL", role)
                is_out = True
        raise HotlinedError(_("Sessions of {role} do not end at the hub: try again.", role=role))

    def _row(self, statement: LiteralString, *values: str) -> Any:
        ((value,),) = self._connection.execute(statement, values).fetchall()
        return value

    def _run(self, statement: LiteralString, *names: str, password: str | None = None) -> None:
        """Run a statement with names of roles and perhaps a password in it, which cannot be parameters."""
        from psycopg import sql  # noqa: PLC0415  heavy

        values = [*map(sql.Identifier, names), *([sql.Literal(password)] if password else [])]
        self._connection.execute(sql.SQL(statement).format(*values))

    def _url(self, role: str, password: str, host: str | None) -> str:
        """Return the URL for a line's log-in: over TLS with channel binding, or at a Unix socket."""
        info = self._connection.info
        who, database = f"{role}:{password}", quote(info.dbname, safe="")
        if host is None:
            host, port = info.host, str(info.port)
        else:
            host, _colon, port = host.partition(":")
        query = {"host": host, "port": port or "5432", "target_session_attrs": "read-write"}  # no standby
        if not host.startswith("/"):
            query |= {"sslmode": "require", "channel_binding": "require"}
        return f"postgresql://{who}@/{database}?{urlencode(query, safe='/')}"


@contextlib.contextmanager
def opened(url: str) -> Iterator[Hub]:
    """Open a connection to the hub; raises UnavailableError if there is none, HotlinedError for any other failure."""
    try:
        import psycopg  # noqa: PLC0415 heavy, and from a package that only a fleet needs
    except ImportError as error:
        raise UnavailableError(
            _("psycopg is missing, which speaks to the hub: {reason}.", reason=str(error)),
            _("On Debian and Raspberry Pi OS: `{command}`.", command="sudo apt install python3-psycopg"),
        ) from error
    try:
        with psycopg.connect(url, autocommit=True, application_name="hotlined", **_WAITS) as connection:
            yield Hub(connection)
    except (psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction) as error:
        raise UnavailableError(
            _("This PostgreSQL is not a hub of hotlined yet."), _("`hotlined fleet hub init --hub URL` makes it one.")
        ) from error
    except psycopg.OperationalError as error:
        reason = _in_a_line(error)
        if "pg_hba.conf" in reason or (error.pgconn and error.pgconn.used_password):
            raise NotLetInError(_("The hub does not let this line in: {reason}", reason=reason)) from error
        raise UnavailableError(_("The hub cannot be reached: {reason}", reason=reason)) from error
    except psycopg.Error as error:
        raise HotlinedError(_("The hub refused: {reason}", reason=_in_a_line(error))) from error


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())
