"""The hub: one PostgreSQL (15 or later) with a schema of ours, its roles, and what a line writes and reads there.

The only place that speaks to it. The hub knows persons by pseudonyms alone and has none of the keys. Its migrations
only add, so that lines of two versions use it at once.
"""

import contextlib
import os
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from hotlined.errors import HotlinedError, RefusedError, UnavailableError
from hotlined.language import _
from hotlined.store.claims import Claim
from hotlined.store.fleet import MOST_ROWS

if TYPE_CHECKING:
    import psycopg

LINE = re.compile("[a-z0-9][a-z0-9_-]{0,21}")
_SECONDS = 10
_ROLE = "hotlined_"
_LOCK = 7_303_014  # any number, the same everywhere: one transaction at a time gives out places

_FIRST = (
    "CREATE TABLE hotlined.hub (id uuid NOT NULL DEFAULT gen_random_uuid())",
    "INSERT INTO hotlined.hub DEFAULT VALUES",
    # every line that was invited
    """
    CREATE TABLE hotlined.lines (
      line text PRIMARY KEY CHECK (line ~ '^[a-z0-9][a-z0-9_-]{0,21}$'),
      invited_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE SEQUENCE hotlined.places",
    # What a line says of a person: the versions at which an opt-out and a block were claimed, and what it has undone.
    # `version` is raised by that line alone; `place` is where it stands for those who read on.
    """
    CREATE TABLE hotlined.persons (
      line text NOT NULL REFERENCES hotlined.lines ON DELETE CASCADE,
      person text NOT NULL CHECK (person ~ '^~[0-9a-f]{12}$'),
      version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
      opted_out bigint CHECK (opted_out BETWEEN 1 AND version),
      blocked bigint CHECK (blocked BETWEEN 1 AND version),
      undone text NOT NULL CHECK (length(undone) <= 8192),
      signature text NOT NULL CHECK (signature ~ '^[0-9a-f]{64}$'),
      place bigint NOT NULL UNIQUE,
      PRIMARY KEY (line, person)
    )
    """,
    # whoever reads on from the last place that it saw would miss a lower one that is committed later
    f"""
    CREATE FUNCTION hotlined.take_turn() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_advisory_xact_lock({_LOCK}); RETURN NULL; END $$
    """,
    """
    CREATE FUNCTION hotlined.give_place() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN new.place := nextval('hotlined.places'); RETURN new; END $$
    """,
    """
    CREATE TRIGGER turn BEFORE INSERT OR UPDATE ON hotlined.persons
      FOR EACH STATEMENT EXECUTE FUNCTION hotlined.take_turn()
    """,
    """
    CREATE TRIGGER place BEFORE INSERT OR UPDATE ON hotlined.persons
      FOR EACH ROW EXECUTE FUNCTION hotlined.give_place()
    """,
    # all read everything, each writes its own rows
    "ALTER TABLE hotlined.persons ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY readable ON hotlined.persons FOR SELECT USING (true)",
    f"""
    CREATE POLICY insertable ON hotlined.persons FOR INSERT
      WITH CHECK (current_user = '{_ROLE}' || line)
    """,
    f"""
    CREATE POLICY changeable ON hotlined.persons FOR UPDATE
      USING (current_user = '{_ROLE}' || line) WITH CHECK (current_user = '{_ROLE}' || line)
    """,
)
_FIGURES = (
    "ALTER TABLE hotlined.lines ADD seen_at timestamptz, ADD figures text CHECK (octet_length(figures) <= 2000)",
    # Each line says how it is, of itself alone and by the hub's clock; a function needs no right on the table, so lines
    # that were invited before do it, too.
    """
    CREATE FUNCTION hotlined.report(said text) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
      AS $$ UPDATE hotlined.lines SET seen_at = now(), figures = said WHERE session_user = 'hotlined_' || line $$
    """,
)
SCHEMA = (("first", _FIRST), ("figures", _FIGURES))
"""Every migration of the hub: its name and its statements."""

_GRANTS = (
    "GRANT USAGE ON SCHEMA hotlined TO {role}",
    "GRANT SELECT ON hotlined.migrations, hotlined.hub, hotlined.lines, hotlined.persons TO {role}",
    "GRANT INSERT, UPDATE ON hotlined.persons TO {role}",
    "GRANT USAGE ON SEQUENCE hotlined.places TO {role}",
)

_FIELDS = ", ".join(field.name for field in fields(Claim))
_PUSH = f"""
    INSERT INTO hotlined.persons AS p ({_FIELDS})
    SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[])
    ON CONFLICT (line, person) DO UPDATE SET version = excluded.version, opted_out = excluded.opted_out,
      blocked = excluded.blocked, undone = excluded.undone, signature = excluded.signature
      WHERE p.version < excluded.version
"""
_PULL = f"""
    SELECT place, {_FIELDS} FROM hotlined.persons
    WHERE place > %s AND (line <> %s OR place <= %s) ORDER BY place LIMIT %s
"""
# A copy that was put back or promoted gives places anew that were given already: it is another hub. The first eight
# digits of a file of its log are those of its history (its timeline).
_IDENTITY = """
    SELECT md5(concat_ws(' ', id, system_identifier, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)))::uuid
    FROM hotlined.hub, pg_control_system()
"""
_HIGHEST = f"SELECT {_FIELDS} FROM hotlined.persons WHERE line = %s ORDER BY version DESC LIMIT 1"


_LINES = """
    SELECT line, seen_at, extract(epoch FROM now() - seen_at)::float8, figures FROM hotlined.lines
    ORDER BY line LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Greeting:
    """How the hub calls itself, the last place that it gave out, and the latest row that it has of a line."""

    hub: str
    top: int
    highest: Claim | None


class Hub:
    """An open connection to the hub, of one line or of whoever sets it up."""

    def __init__(self, connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
        self._connection = connection

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Cut the connection off where what is inside takes longer; raise HotlinedError for answers of another form.

        A hub that says an octet now and then is waited for else: every other limit is one of silence.
        """
        timer = threading.Timer(seconds, self._cut_off)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (TypeError, ValueError, LookupError, ArithmeticError) as error:
            raise HotlinedError(
                _("The hub answers what no hub of a fleet does: {reason}.", reason=type(error).__name__),
                _("Whoever runs it has to look what is at its address."),
            ) from error
        finally:
            timer.cancel()

    def _cut_off(self) -> None:
        with contextlib.suppress(Exception), socket.socket(fileno=os.dup(self._connection.fileno())) as channel:
            channel.shutdown(socket.SHUT_RDWR)  # whoever waits for it reads its end

    def greet(self, line: str) -> Greeting:
        """Return who the hub is; raises RefusedError where its schema is older than this version of ours."""
        with self._connection.transaction():
            known = self._names()
            if missing := [name for name, _statements in SCHEMA if name not in known]:
                raise RefusedError(
                    _("The hub is of an earlier version: it lacks {names}.", names=", ".join(missing)),
                    _("`hotlined fleet hub init URL` brings it up to date; lines of both versions go on."),
                )
            ((hub,),) = self._connection.execute(_IDENTITY).fetchall()
            ((top,),) = self._connection.execute("SELECT coalesce(max(place), 0) FROM hotlined.persons").fetchall()
            highest = [Claim(*row) for row in self._connection.execute(_HIGHEST, (line,)).fetchall()]
        return Greeting(str(hub), top, highest[0] if highest else None)

    def push(self, claims: Sequence[Claim]) -> None:
        """Commit what a line says; what the hub has in that version or a later one stays as it is."""
        columns = [list(column) for column in zip(*map(astuple, claims), strict=True)]
        with self._connection.transaction():
            self._connection.execute(_PUSH, columns)

    def pull(self, line: str, after: int, recall: int) -> list[list[Any]]:
        """Return what others say behind a place, and up to another the line itself, as much as is taken at once.

        Each row is its place and the fields of a claim, as the hub has them: nothing is known of them yet.
        """
        with self._connection.transaction():
            rows = self._connection.execute(_PULL, (after, line, recall, MOST_ROWS)).fetchall()
        return [[place, claim] for place, *claim in rows]

    def report(self, figures: str) -> None:
        """Commit how this line is, and that it is here."""
        with self._connection.transaction():
            self._connection.execute("SELECT hotlined.report(%s)", (figures,))

    def lines(self, most: int) -> list[tuple[Any, ...]]:
        """Return each line that was invited: its name, when it was here, how many seconds ago, and what it said."""
        with self._connection.transaction():
            return self._connection.execute(_LINES, (most,)).fetchall()

    def init(self) -> list[str]:
        """Make the schema or bring it up to date, each migration wholly or not at all; return which were applied."""
        applied = []
        with self._connection.transaction():
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            self._connection.execute("CREATE SCHEMA IF NOT EXISTS hotlined")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS hotlined.migrations"
                " (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
            )
            known = self._names()
            for name, statements in SCHEMA:
                if name in known:
                    continue
                for statement in statements:
                    self._connection.execute(statement)
                self._connection.execute("INSERT INTO hotlined.migrations (name) VALUES (%s)", (name,))
                applied.append(name)
        return applied

    def invite(self, line: str) -> str:
        """Make a role for a line and the rights that it has; return the role's URL, without a password."""
        from psycopg import sql  # noqa: PLC0415  heavy

        role = sql.Identifier(_ROLE + line)
        with self._connection.transaction():
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            if not self._connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (_ROLE + line,)).fetchall():
                self._connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
            for grant in _GRANTS:
                self._connection.execute(sql.SQL(grant).format(role=role))
            self._connection.execute(
                "INSERT INTO hotlined.lines (line) VALUES (%s) ON CONFLICT (line) DO UPDATE SET invited_at = now()",
                (line,),
            )
        return self._url(_ROLE + line)

    def _url(self, role: str) -> str:
        parameters = self._connection.info.get_parameters()
        kept = [(name, parameters[name]) for name in ("host", "port") if name in parameters]
        name = quote(self._connection.info.dbname, safe="")
        return f"postgresql://{quote(role, safe='')}@/{name}?{urlencode(kept)}"

    def _names(self) -> set[str]:
        with _explained_schema():
            return {name for (name,) in self._connection.execute("SELECT name FROM hotlined.migrations").fetchall()}


@contextlib.contextmanager
def opened(url: str) -> Iterator[Hub]:
    """Connect to the hub; raises UnavailableError where it cannot be reached or goes away, HotlinedError else."""
    try:
        import psycopg  # noqa: PLC0415  it is of an extra, and heavy
    except ImportError as error:
        raise UnavailableError(
            _("The hub needs psycopg and libpq, which are missing: {reason}.", reason=str(error)),
            _("On Debian: `apt install libpq5`; then `pip install 'hotlined[fleet]'`."),
        ) from error
    options = f"-c statement_timeout={_SECONDS}s -c idle_in_transaction_session_timeout={_SECONDS}s"
    try:
        with psycopg.connect(
            url,
            connect_timeout=_SECONDS,
            options=options,
            tcp_user_timeout=_SECONDS * 1000,
            autocommit=True,
            application_name="hotlined",
        ) as connection:
            yield Hub(connection)
    except psycopg.OperationalError as error:
        reason = " ".join(str(error).split())
        raise UnavailableError(_("The hub cannot be reached: {reason}", reason=reason)) from error
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise HotlinedError(_("The hub refused: {reason}", reason=reason)) from error


@contextlib.contextmanager
def _explained_schema() -> Iterator[None]:
    import psycopg.errors  # noqa: PLC0415  heavy

    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
        raise UnavailableError(
            _("This PostgreSQL is no hub of hotlined yet."), _("`hotlined fleet hub init URL` makes it one.")
        ) from error
