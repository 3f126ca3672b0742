"""A hub that is kept from test to test, with the invitations to it: to make them takes longer than most of the tests.

Each test gets it without rows and under another name. Where a test changed more than rows, another hub is made: what
PostgreSQL notes of schema, functions, rights and roles, of the whole cluster, has to be what it was.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from postgres import Cluster

_CATALOGUES = (
    *("pg_class", "pg_attribute", "pg_attrdef", "pg_constraint", "pg_index", "pg_namespace", "pg_policy", "pg_proc"),
    *("pg_rewrite", "pg_trigger", "pg_type", "pg_authid", "pg_auth_members", "pg_database", "pg_db_role_setting"),
    "hotlined.migrations",
)
"""Whatever is made, changed or granted has a row there, under the number of the transaction that wrote it."""
_STATE = " UNION ALL ".join(
    f"SELECT '{name}', count(*), sum(xmin::text::bigint), max(xmin::text::bigint) FROM {name}" for name in _CATALOGUES
)
_EMPTY = """
SET LOCAL session_replication_role = replica;
DELETE FROM hotlined.persons;
DELETE FROM hotlined.answers;
DELETE FROM hotlined.lines;
DELETE FROM hotlined.hub;
INSERT INTO hotlined.hub DEFAULT VALUES;
SELECT setval('hotlined.places', 1, false)
"""
_KEYS = "fleet-keys"

State = list[tuple[object, ...]]


@dataclass
class Kept:
    """One hub, what it was made of when it was last looked at, the keys of its fleet, and who is invited."""

    url: str
    state: State
    keys: bytes | None = None
    invitations: dict[str, bytes] = field(default_factory=dict)


_kept: dict[str, Kept] = {}


def give(cluster: Cluster, make: Callable[[str], None]) -> str:
    """Return the URL of a hub without rows: the one of the test before, or another that is made."""
    import psycopg  # noqa: PLC0415  the fixture of the cluster looks for it

    kept = _kept.get(cluster.url("hub"))
    if kept and kept.state and _state(kept.url) == kept.state:
        with psycopg.connect(kept.url) as connection:
            connection.execute(_EMPTY)  # type: ignore[call-overload]
        return kept.url
    url = cluster.database()
    make(url)
    _kept[url] = Kept(url, _state(url))
    return url


def invite(url: str, line: str, file: Path, invite_anew: Callable[[], None]) -> None:
    """Write the invitation of a line: the one of a test before, where this one has not invited it yet."""
    import psycopg  # noqa: PLC0415  the same

    kept, keys = _kept.get(url), file.with_name(_KEYS)
    if kept is None or file.exists() or (keys.exists() and keys.read_bytes() != kept.keys):
        invite_anew()
        return
    if kept.keys and not keys.exists():
        _write(keys, kept.keys)
    if line in kept.invitations:
        with psycopg.connect(url) as connection:
            connection.execute("INSERT INTO hotlined.lines (line) VALUES (%s)", (line,))
        _write(file, kept.invitations[line])
        return
    is_unchanged = _state(url) == kept.state
    invite_anew()
    if is_unchanged:
        kept.invitations[line], kept.keys, kept.state = file.read_bytes(), keys.read_bytes(), _state(url)


def _state(url: str) -> State:
    """Return what PostgreSQL notes of a hub; nothing where there is none."""
    import psycopg  # noqa: PLC0415  the same

    with contextlib.suppress(psycopg.errors.UndefinedTable), psycopg.connect(url) as connection:
        return connection.execute(_STATE).fetchall()  # type: ignore[call-overload,no-any-return]
    return []


def _write(path: Path, octets: bytes) -> None:
    path.touch(0o600)
    path.write_bytes(octets)
