"""The hub: a PostgreSQL (15 or later) with our schema and roles, and the rows that a line writes and reads there.

No other module speaks to it. The hub knows persons by pseudonyms alone and has none of the keys. Its migrations only
add, so that lines of two versions can use it at once.
"""

import contextlib
import os
import re
import secrets
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from hotlined.errors import HotlinedError, RefusedError, UnavailableError
from hotlined.fleet.certificates import Certificates
from hotlined.language import _
from hotlined.store.claims import Claim
from hotlined.store.fleet import MOST_ROWS
from hotlined.store.fleet_answers import Answered

if TYPE_CHECKING:
    import psycopg

LINE = re.compile("[a-z0-9][a-z0-9_-]{0,21}")
_SECONDS = 10
_TOO_EARLY = re.compile("not yet valid")  # of a certificate, as OpenSSL says it
_ROLE = "hotlined_"
_GROUP = "hotlined-lines"  # no line's role can have this name: it has a hyphen where theirs have an underscore
_LOCK = 7_303_014  # any number, the same everywhere: one transaction at a time gives out places

_LIMITS = {
    "statement_timeout": f"{_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{_SECONDS // 2}s",
    "idle_session_timeout": "10min",  # a line asks every 15 s: one that is silent for so long has lost this connection
}
"""The settings that end a session for which others have to wait, before those give up."""
_MOST_CONNECTIONS = 20  # of a line at once: a bad network leaves some open that nobody uses

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
    # A line's row of a person: the versions at which it claimed an opt-out and a block, and what it has undone. That
    # line alone raises `version`. The hub gives each change the next `place`, in the order of which lines read.
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
    # a line reads on after the last place that it has read: it would miss a lower one that is committed later
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
    # Each line reports how it is, for itself alone, at a moment of the hub's clock. A function needs no right on the
    # table, so lines that were invited before can report, too.
    """
    CREATE FUNCTION hotlined.report(said text) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
      AS $$ UPDATE hotlined.lines SET seen_at = now(), figures = said WHERE session_user = 'hotlined_' || line $$
    """,
)
_LOGINS = (
    "ALTER TABLE hotlined.lines ADD removed_at timestamptz",  # NULL: the line is in the fleet
    # a line logs in under a name that begins with its role's
    """
    CREATE OR REPLACE FUNCTION hotlined.report(said text) RETURNS void LANGUAGE sql SECURITY DEFINER
      SET search_path = pg_catalog AS $$
        UPDATE hotlined.lines SET seen_at = now(), figures = said
        WHERE split_part(session_user::text, '.', 1) = 'hotlined_' || line
      $$
    """,
)
_ERASURES = (
    # the version at which a line erased a person, and when, where its clock was synchronised
    r"""
    ALTER TABLE hotlined.persons ADD erased bigint CHECK (erased BETWEEN 1 AND version),
      ADD erased_at text CHECK (erased_at ~ '^[0-9]{4}(-[0-9]{2}){2}T[0-9:.]{12}Z$')
    """,
)
_ANSWERS = (
    # How often a line answered a person, and when last, by the hub's clock; `answers` is 0 once no answer counts.
    # Versions, places and rights are as those of persons.
    """
    CREATE TABLE hotlined.answers (
      line text NOT NULL REFERENCES hotlined.lines ON DELETE CASCADE,
      person text NOT NULL CHECK (person ~ '^~[0-9a-f]{12}$'),
      version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
      answers integer NOT NULL CHECK (answers BETWEEN 0 AND 1000000),
      signature text NOT NULL CHECK (signature ~ '^[0-9a-f]{64}$'),
      answered_at timestamptz NOT NULL CHECK (isfinite(answered_at)),
      place bigint NOT NULL UNIQUE,
      PRIMARY KEY (line, person)
    )
    """,
    """
    CREATE TRIGGER turn BEFORE INSERT OR UPDATE ON hotlined.answers
      FOR EACH STATEMENT EXECUTE FUNCTION hotlined.take_turn()
    """,
    """
    CREATE TRIGGER place BEFORE INSERT OR UPDATE ON hotlined.answers
      FOR EACH ROW EXECUTE FUNCTION hotlined.give_place()
    """,
    "ALTER TABLE hotlined.answers ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY readable ON hotlined.answers FOR SELECT USING (true)",
    f"""
    CREATE POLICY insertable ON hotlined.answers FOR INSERT
      WITH CHECK (current_user = '{_ROLE}' || line)
    """,
    f"""
    CREATE POLICY changeable ON hotlined.answers FOR UPDATE
      USING (current_user = '{_ROLE}' || line) WITH CHECK (current_user = '{_ROLE}' || line)
    """,
    f"CREATE POLICY erasable ON hotlined.answers FOR DELETE USING (current_user = '{_ROLE}' || line)",
    # lines that were invited before
    f"""
    DO $$ DECLARE role text; BEGIN
      FOR role IN SELECT rolname FROM pg_roles JOIN hotlined.lines ON rolname = '{_ROLE}' || line LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON hotlined.answers TO %I', role);
      END LOOP;
    END $$
    """,
)
SCHEMA = (
    ("first", _FIRST),
    ("figures", _FIGURES),
    ("logins", _LOGINS),
    ("erasures", _ERASURES),
    ("answers", _ANSWERS),
)
"""Every migration of the hub: its name and its statements."""

GRANTS = (
    "GRANT USAGE ON SCHEMA hotlined TO {role}",
    "GRANT SELECT ON hotlined.migrations, hotlined.hub, hotlined.lines, hotlined.persons TO {role}",
    "GRANT INSERT, UPDATE ON hotlined.persons TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON hotlined.answers TO {role}",
    "GRANT USAGE ON SEQUENCE hotlined.places TO {role}",
)
"""What a line may do."""

_FIELDS = ", ".join(field.name for field in fields(Claim))
_PUSH = f"""
    INSERT INTO hotlined.persons AS p ({_FIELDS})
    SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[],
      %s::text[], %s::text[])
    ON CONFLICT (line, person) DO UPDATE SET version = excluded.version, opted_out = excluded.opted_out,
      blocked = excluded.blocked, undone = excluded.undone, erased = excluded.erased, erased_at = excluded.erased_at,
      signature = excluded.signature
      WHERE p.version < excluded.version
"""
_PULL = f"""
    SELECT place, {_FIELDS} FROM hotlined.persons
    WHERE place > %s AND (line <> %s OR place <= %s) ORDER BY place LIMIT %s
"""
_PUSH_ANSWERS = """
    INSERT INTO hotlined.answers AS a (line, person, version, answers, signature, answered_at)
    SELECT line, person, version, answers, signature, now() - age * interval '1 second'
    FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::integer[], %s::text[], %s::bigint[])
      AS said (line, person, version, answers, signature, age)
    ON CONFLICT (line, person) DO UPDATE SET version = excluded.version, answers = excluded.answers,
      signature = excluded.signature, answered_at = excluded.answered_at WHERE a.version < excluded.version
"""
_ANSWERED = (
    "line, person, version, answers, signature,"
    " greatest(0, least(1000000000, extract(epoch FROM now()) - extract(epoch FROM answered_at)))::bigint"
)
_PULL_ANSWERS = f"""
    SELECT place, {_ANSWERED} FROM hotlined.answers
    WHERE place > %s AND (line <> %s OR place <= %s) ORDER BY place LIMIT %s
"""
_HIGHEST_ANSWERED = f"SELECT {_ANSWERED} FROM hotlined.answers WHERE line = %s ORDER BY version DESC LIMIT 1"
# a line that was away for longer still counts answers that were retracted: it answers less often, never more
_PURGE_ANSWERS = """
    DELETE FROM hotlined.answers WHERE line = %s AND answers = 0 AND answered_at < now() - interval '400 days'
"""
# A copy that was restored or promoted gives out places a second time, so it is another hub. It has another timeline,
# which is the first eight digits of the name of a WAL file.
_IDENTITY = """
    SELECT md5(concat_ws(' ', id, system_identifier, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)))::uuid
    FROM hotlined.hub, pg_control_system()
"""
_HIGHEST = f"SELECT {_FIELDS} FROM hotlined.persons WHERE line = %s ORDER BY version DESC LIMIT 1"
_LINES = """
    SELECT line, seen_at, extract(epoch FROM now() - seen_at)::float8, figures FROM hotlined.lines
    WHERE removed_at IS NULL ORDER BY line LIMIT %s
"""
# A line has not carried out the orders behind the place that it reports (`read`). If as many lines lack one order of a
# line as lack another of it, they are the same lines, and the two orders are alike. The oldest of those that are alike
# comes first, so that each kind is shown.
_ERASED = """
    SELECT line, erased_at, place, alike FROM (
      SELECT line, erased_at, place, count(*) OVER each AS alike, row_number() OVER (each ORDER BY place) AS number
      FROM (
        SELECT p.line, erased_at, place,
          width_bucket(place, %(first)s::bigint[]) - coalesce(place >= own.first, false)::integer AS lacking
        FROM hotlined.persons p LEFT JOIN unnest(%(lines)s::text[], %(first)s::bigint[]) AS own (line, first)
          ON own.line = p.line
        WHERE erased IS NOT NULL
      ) AS erased WHERE lacking > 0 WINDOW each AS (PARTITION BY line, lacking)
    ) AS numbered ORDER BY number, place LIMIT %(most)s
"""
HBA = (
    "local    {database}  +hotlined-lines       scram-sha-256",
    "hostssl  {database}  +hotlined-lines  all  cert",
    "local    all       +hotlined-lines       reject",
    "host     all       +hotlined-lines  all  reject",
)
"""What stands first in pg_hba.conf: a line shows its certificate, or its password at a Unix socket."""


@dataclass(frozen=True, slots=True)
class HubAddress:
    """Where the hub is, the name with which a line logs in, and over TCP its certificate."""

    url: str = field(repr=False)
    certificates: Certificates | None = None


@dataclass(frozen=True, slots=True)
class Greeting:
    """The identity of the hub, the last place that it gave out, and its latest row of a line."""

    hub: str
    top: int
    highest: Claim | None


class Hub:
    """An open connection to the hub, of a line or of the person who sets the hub up."""

    def __init__(self, connection: "psycopg.Connection[tuple[Any, ...]]", asked: Mapping[str, Any]) -> None:
        self._connection = connection
        # the connection itself knows only the host that it reached, of all that were named
        self._parameters: dict[str, str] = {**connection.info.get_parameters(), **asked}

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """End the connection if the body takes longer; raises HotlinedError for answers of another form.

        Every other limit counts the time in which nothing arrives: a hub that sends an octet now and then would never
        reach it.
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
            channel.shutdown(socket.SHUT_RDWR)  # a reader that waits for this connection then sees its end

    def greet(self, line: str) -> Greeting:
        """Return the identity and state of the hub; raises RefusedError if its schema is older than this version."""
        with self._connection.transaction():
            self._require_schema()
            ((hub,),) = self._connection.execute(_IDENTITY).fetchall()
            ((top,),) = self._connection.execute("SELECT coalesce(max(place), 0) FROM hotlined.persons").fetchall()
            highest = [Claim(*row) for row in self._connection.execute(_HIGHEST, (line,)).fetchall()]
        return Greeting(str(hub), top, highest[0] if highest else None)

    def push(self, claims: Sequence[Claim]) -> None:
        """Commit rows of a line; a row that the hub has in that or a later version stays as it is."""
        columns = [list(column) for column in zip(*map(astuple, claims), strict=True)]
        # a single statement: all other lines would wait until this connection ends a transaction
        self._connection.execute(_PUSH, columns)

    def pull(self, line: str, after: int, recall: int) -> list[list[Any]]:
        """Return the rows of other lines after a place, and those of the line itself up to `recall`: one batch at most.

        Each row is its place and the fields of a claim, as the hub has them, unchecked.
        """
        rows = self._connection.execute(_PULL, (after, line, recall, MOST_ROWS)).fetchall()
        return [[place, claim] for place, *claim in rows]

    def greet_answers(self, line: str) -> tuple[int, Answered | None]:
        """Return the last place that the hub gave out for answers, and its latest such row of a line."""
        ((top,),) = self._connection.execute("SELECT coalesce(max(place), 0) FROM hotlined.answers").fetchall()
        rows = self._connection.execute(_HIGHEST_ANSWERED, (line,)).fetchall()
        return top, Answered(*rows[0]) if rows else None

    def push_answers(self, line: str, rows: Sequence[Answered]) -> None:
        """Commit rows about whom a line answered; a row that the hub has in that or a later version stays as it is."""
        columns = [list(column) for column in zip(*map(astuple, rows), strict=True)]
        self._connection.execute(_PUSH_ANSWERS, columns)
        self._connection.execute(_PURGE_ANSWERS, (line,))

    def pull_answers(self, line: str, after: int, recall: int) -> list[list[Any]]:
        """Return rows about whom other lines answered, as `pull` returns decisions."""
        rows = self._connection.execute(_PULL_ANSWERS, (after, line, recall, MOST_ROWS)).fetchall()
        return [[place, answered] for place, *answered in rows]

    def report(self, figures: str) -> None:
        """Commit how this line is, and that it is connected now."""
        self._connection.execute("SELECT hotlined.report(%s)", (figures,))

    def lines(self, most: int) -> list[tuple[Any, ...]]:
        """Return each invited line: its name, when it was last connected, how many seconds ago, what it reported."""
        return self._connection.execute(_LINES, (most,)).fetchall()

    def erasures(self, read: Mapping[str, int], most: int) -> list[tuple[Any, ...]]:
        """Return erasures that a line has not carried out: of those that are alike only the oldest, and their number.

        `read` is the place up to which each line has carried out orders. An erasure is the line that ordered it, the
        moment, its place, and how many erasures of that line the same lines have not carried out.
        """
        lacked = sorted((place + 1, line) for line, place in read.items())  # width_bucket() takes sorted bounds
        arguments = {
            "first": [place for place, _line in lacked],
            "lines": [line for _place, line in lacked],
            "most": most,
        }
        return self._connection.execute(_ERASED, arguments).fetchall()

    def init(self) -> list[str]:
        """Make the schema or bring it up to date, in one transaction; return which migrations were applied."""
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

    @property
    def database(self) -> str:
        """The name of the hub's database."""
        return self._connection.info.dbname

    @property
    def hosts(self) -> list[str]:
        """The hosts at which the hub is reached over TCP; none for a Unix socket."""
        named = self._parameters.get("host", "").split(",")
        return [host for host in named if host and not host.startswith(("/", "@"))]

    def invite(self, line: str, login: str) -> str:
        """Let a line log in under this name, and under no earlier one; return the URL that it uses.

        The line's role has the rights. The name is new with each invitation, so that earlier invitations are void.
        Raises RefusedError as `greet` does.
        """
        from psycopg import sql  # noqa: PLC0415  heavy

        role, name = sql.Identifier(_ROLE + line), sql.Identifier(login)
        password = None if self.hosts else secrets.token_hex(16)
        with self._connection.transaction():
            self._require_schema()
            self._wait_for_others()
            for each in (_GROUP, _ROLE + line):
                if not self._connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (each,)).fetchall():
                    self._connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(each)))
            for grant in GRANTS:
                self._connection.execute(sql.SQL(grant).format(role=role))
            ended = self._drop_logins(line)
            self._connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN CONNECTION LIMIT {} IN ROLE {}, {}").format(
                    name, sql.Literal(_MOST_CONNECTIONS), role, sql.Identifier(_GROUP)
                )
            )
            for setting, value in ({"role": _ROLE + line} | _LIMITS).items():
                statement = sql.SQL("ALTER ROLE {} SET {} = {}")
                self._connection.execute(statement.format(name, sql.Identifier(setting), sql.Literal(value)))
            if password:  # so that the server sees, and may log, only a verifier and not the password
                secret = self._connection.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256")
                statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
                self._connection.execute(statement.format(name, sql.Literal(secret.decode())))
            self._connection.execute(
                "INSERT INTO hotlined.lines (line) VALUES (%s)"
                " ON CONFLICT (line) DO UPDATE SET invited_at = now(), removed_at = NULL",
                (line,),
            )
        self._end(ended)
        return self._url(login, password)

    def remove(self, line: str) -> None:
        """Stop a line from logging in, and end its sessions; its rows stay.

        Raises RefusedError if no line has that name, and as `greet` does.
        """
        with self._connection.transaction():
            self._require_schema()
            self._wait_for_others()
            ended = self._drop_logins(line)
            statement = "UPDATE hotlined.lines SET removed_at = coalesce(removed_at, now()) WHERE line = %s"
            if not self._connection.execute(statement, (line,)).rowcount:
                raise RefusedError(_("The hub knows no line {line}.", line=line))
        self._end(ended)

    def _wait_for_others(self) -> None:
        """Keep other invitations waiting until the transaction ends, by a lock that no line can take."""
        self._connection.execute("LOCK TABLE hotlined.migrations IN SHARE ROW EXCLUSIVE MODE")

    def _drop_logins(self, line: str) -> list[int]:
        """Drop every name under which a line logs in, inside the open transaction; return the numbers of the roles."""
        from psycopg import sql  # noqa: PLC0415  heavy

        rows = self._connection.execute(
            "SELECT rolname, oid FROM pg_roles WHERE starts_with(rolname, %s) AND rolcanlogin", (f"{_ROLE}{line}.",)
        ).fetchall()
        numbers = [number for _name, number in rows]
        self._end(numbers)  # first, because dropping a role would wait for its session if that has locked a row
        for name, _number in rows:
            self._connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))
        return numbers

    def _end(self, numbers: list[int]) -> None:
        """End the sessions of roles that are dropped: PostgreSQL does not end them."""
        self._connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = ANY(%s::oid[])", (numbers,)
        )

    def _url(self, login: str, password: str | None) -> str:
        names = ("host", "port", "target_session_attrs")
        kept = {name: self._parameters[name] for name in names if name in self._parameters}
        if len(self.hosts) > 1:  # of several machines a line needs the one that it can write to
            kept.setdefault("target_session_attrs", "read-write")
        who = quote(login, safe="") + (f":{password}" if password else "")
        return f"postgresql://{who}@/{quote(self.database, safe='')}?{urlencode(kept)}"

    def _require_schema(self) -> None:
        known = self._names()
        if missing := [name for name, _statements in SCHEMA if name not in known]:
            raise RefusedError(
                _("The hub is of an earlier version: it lacks {names}.", names=", ".join(missing)),
                _("`hotlined fleet hub init URL` brings it up to date; lines of both versions go on."),
            )

    def _names(self) -> set[str]:
        with _explained_schema():
            return {name for (name,) in self._connection.execute("SELECT name FROM hotlined.migrations").fetchall()}


def new_login(line: str) -> str:
    """Return a name with which a line is to log in, and which no other invitation has."""
    return f"{_ROLE}{line}.{secrets.token_hex(4)}"


@contextlib.contextmanager
def opened(address: HubAddress | str) -> Iterator[Hub]:
    """Give a connection to the hub; raises UnavailableError without it, HotlinedError for anything else that fails."""
    try:
        import psycopg.conninfo  # noqa: PLC0415  it is of an extra, and heavy
    except ImportError as error:
        raise UnavailableError(
            _("The hub needs psycopg and libpq, which are missing: {reason}.", reason=str(error)),
            _("On Debian: `apt install libpq5`; then `pip install 'hotlined[fleet]'`."),
        ) from error
    found = HubAddress(address) if isinstance(address, str) else address
    options = " ".join(f"-c {setting}={value}" for setting, value in _LIMITS.items())
    try:
        with (
            _shown(found.certificates) as secured,
            psycopg.connect(
                found.url,
                connect_timeout=_SECONDS,
                options=options,
                tcp_user_timeout=_SECONDS * 1000,
                autocommit=True,
                application_name="hotlined",
                **secured,
            ) as connection,
        ):
            yield Hub(connection, psycopg.conninfo.conninfo_to_dict(found.url))
    except psycopg.OperationalError as error:
        reason = " ".join(str(error).split())
        cure = ""
        if _TOO_EARLY.search(reason):
            cure = _("The clock of this machine is behind: `timedatectl` shows it.")
        raise UnavailableError(_("The hub cannot be reached: {reason}", reason=reason), cure) from error
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise HotlinedError(_("The hub refused: {reason}", reason=reason)) from error


@contextlib.contextmanager
def _shown(certificates: Certificates | None) -> Iterator[dict[str, Any]]:
    """Give the options with which libpq finds the certificates; it reads only files, so they are files in memory."""
    if certificates is None:
        yield {}
        return
    with contextlib.ExitStack() as stack:
        secured: dict[str, Any] = {"sslmode": "verify-full", "gssencmode": "disable"}
        for name, pem in (
            ("sslrootcert", certificates.authority),
            ("sslcert", certificates.certificate),
            ("sslkey", certificates.key),
        ):
            descriptor = os.memfd_create(name)
            stack.callback(os.close, descriptor)
            os.fchmod(descriptor, 0o600)
            os.write(descriptor, pem.encode())
            secured[name] = f"/proc/self/fd/{descriptor}"
        yield secured


@contextlib.contextmanager
def _explained_schema() -> Iterator[None]:
    import psycopg.errors  # noqa: PLC0415  heavy

    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
        raise UnavailableError(
            _("This PostgreSQL is no hub of hotlined yet."), _("`hotlined fleet hub init URL` makes it one.")
        ) from error
