"""Migrations: interrupted, repeated, made by two at once, from a later version; a new database is whole or absent."""

import re
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import extent
import interrupting
import pytest
from conftest import Line, wait_until
from needs import needs

from hotlined import migrations
from hotlined.errors import DatabaseVersionError, StoreError
from hotlined.store.file.opening import open_beside_daemon, open_for_daemon

ROOT = Path(__file__).parent.parent
SOURCE = Path(migrations.__file__).read_text()
NEXT = (
    "next",
    ("CREATE TABLE next (x)", "ALTER TABLE contacts ADD COLUMN next TEXT", "CREATE INDEX nexts ON next (x)"),
)
"""A migration that a later version may have."""
APPLY = "import sys; from pathlib import Path; from hotlined.migrations import apply; apply(Path(sys.argv[1]))"
READ = """
import sys
from hotlined import migrations
migrations.SCHEMA += ({later},)
from pathlib import Path
from hotlined.errors import StoreError
from hotlined.store.file.opening import open_beside_daemon
for _ in sys.stdin:
    try:
        with open_beside_daemon(Path(sys.argv[1])) as db:
            print(db.value("SELECT count(*) FROM contacts"), flush=True)
    except StoreError as error:
        print(type(error).__name__, flush=True)
"""
"""A program that opens a database at each line of input, and prints its count of contacts or the error."""


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add one more migration."""
    monkeypatch.setattr(migrations, "SCHEMA", (*migrations.SCHEMA, NEXT))


def empty(path: Path) -> Path:
    """Make an empty file, as the daemon does before it migrates."""
    path.touch()
    return path


def schema(path: Path) -> list[str]:
    """Return a database's schema, after checking its integrity."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        sql = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT GLOB 'sqlite_*' ORDER BY type, name"
        return [row[0] for row in connection.execute(sql)]


def applied(path: Path) -> tuple[str, ...]:
    """Return the names of a database's migrations."""
    with closing(sqlite3.connect(path)) as connection:
        return migrations.applied(connection)


def test_the_schema_has_no_function_of_json(tmp_path: Path) -> None:
    """SQLite 3.40 takes those for unsafe in a schema that is not trusted: no backup could be restored with it."""
    migrations.apply(empty(tmp_path / "hotlined.db"))
    assert not [sql for sql in schema(tmp_path / "hotlined.db") if re.search(r"\bjson\w*\s*\(|->", sql)]


@pytest.mark.usefixtures("later")
def test_an_interrupted_migration_is_made_again(tmp_path: Path) -> None:
    """A kill leaves all migrations or none.

    The next run completes them.
    """
    path = empty(tmp_path / "new.db")
    count = interrupting.migrate(path)
    whole = schema(path)
    assert count > sum(len(statements) for _, statements in migrations.SCHEMA)
    found = []
    copies = interrupting.copies(path, count)
    some = extent.sample(copies, 3)
    for copy in copies:
        half = applied(copy)
        found.append(half)
        if copy not in some:
            continue
        assert schema(copy) == []
        migrations.apply(copy)
        assert schema(copy) == whole
        assert applied(copy) == migrations.names()
    assert {*found} == {()}


def test_two_migrations_at_once_make_one_database(tmp_path: Path) -> None:
    """The second one waits, and the database is whole."""
    path = empty(tmp_path / "new.db")
    children = [subprocess.Popen([sys.executable, "-c", APPLY, str(path)]) for _ in range(4)]

    assert [child.wait() for child in children] == [0] * 4
    assert applied(path) == migrations.names()
    migrations.apply(tmp_path / "other.db")
    assert schema(path) == schema(tmp_path / "other.db")


def test_of_two_daemons_that_start_at_once_one_serves(line: Line) -> None:
    """One makes the database and serves, the other ends with 1."""
    line.configure()
    line.start()
    first = line.daemon
    line.start()
    second = line.daemon
    assert first
    assert second
    wait_until(lambda: {first.poll(), second.poll()} == {None, 1})
    line.daemon = first if first.poll() is None else second
    line.wait_state("ready")

    assert applied(line.database) == migrations.names()


@pytest.mark.usefixtures("later")
def test_a_reader_during_the_first_start_sees_no_database_or_an_empty_one(tmp_path: Path) -> None:
    """An empty one has all tables already."""
    path = tmp_path / "new.db"
    seen: list[str] = []
    connect = sqlite3.connect
    program = [sys.executable, "-c", READ.format(later=NEXT), str(path)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdin
        assert reader.stdout

        def look(_: str = "") -> None:
            reader.stdin.write("\n")
            reader.stdin.flush()
            seen.append(reader.stdout.readline().strip())

        def traced(*args: object, **kwargs: object) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*args, **kwargs)  # type: ignore[call-overload]
            connection.set_trace_callback(look)
            return connection

        look()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sqlite3, "connect", traced)
            db = open_for_daemon(path)
        look()
        db.close()
        look()
        reader.stdin.close()

    assert len(seen) > len(migrations.SCHEMA[0][1])
    assert sorted(seen, reverse=True) == seen  # DatabaseMissingError first, then 0
    assert {*seen} == {"DatabaseMissingError", "0"}


def test_a_migration_without_room_changes_nothing(tmp_path: Path) -> None:
    """A full disk is named as the cause."""
    path = empty(tmp_path / "new.db")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        with pytest.raises(StoreError) as caught:
            open_for_daemon(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert caught.value.trouble == "full"
    assert applied(path) == ()
    open_for_daemon(path).close()


def test_another_programs_database_is_left_unchanged(tmp_path: Path) -> None:
    """A database with tables of no migration is refused in words."""
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE contacts (x)")
    before = path.read_bytes()
    for opens in (open_for_daemon, open_beside_daemon):
        with pytest.raises(StoreError, match="is not a database of hotlined"):
            opens(path)

    assert path.read_bytes() == before


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    """Migrations that were made are not made again."""
    path = tmp_path / "new.db"
    migrations.apply(path)
    with closing(sqlite3.connect(path)) as connection:
        before = list(connection.iterdump())
    migrations.apply(path)
    with closing(sqlite3.connect(path)) as connection:
        assert list(connection.iterdump()) == before


@pytest.mark.parametrize("name", ["later", "initial"])
def test_a_later_versions_database_is_left_unchanged(tmp_path: Path, name: str) -> None:
    """Unknown migrations are refused in one sentence."""
    path = tmp_path / "later.db"
    migrations.apply(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE _sqlite_migrations SET name = ? WHERE id = 1", (name,))
    before = path.read_bytes()
    for opens in (open_for_daemon, open_beside_daemon):
        with pytest.raises(DatabaseVersionError, match=f"written by another version .*{name}"):
            opens(path)

    assert path.read_bytes() == before


def schema_of(source: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the migrations of the module at another moment."""
    names: dict[str, object] = {}
    exec(re.sub(r"^from hotlined\b.*", "", source, flags=re.MULTILINE), names)
    found: tuple[tuple[str, tuple[str, ...]], ...] = names["SCHEMA"]  # type: ignore[assignment]
    return found


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, and return what it prints; empty if it fails, as where there is no repository."""
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "tag.gpgsign=false", "-c", "commit.gpgsign=false")
    command = ["git", *who, "-C", folder, *words]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout


def edited(folder: Path) -> list[str]:
    """Return the releases of a checkout whose migrations are not the first ones of the present version."""
    released = {tag: schema_of(git(folder, "show", f"{tag}:hotlined/migrations.py")) for tag in tags(folder)}
    return [tag for tag, schema in released.items() if schema != migrations.SCHEMA[: len(schema)]]


def tags(folder: Path) -> list[str]:
    """Return the tags of releases."""
    return git(folder, "tag", "--list", "v*").split()


@needs("git")
def test_no_migration_is_edited_after_its_release() -> None:
    """Each release's migrations are the first ones of this version."""
    assert edited(ROOT) == []


@needs("git")
@pytest.mark.usefixtures("later")
def test_an_edited_migration_is_found_by_the_tag_of_its_release(tmp_path: Path) -> None:
    """Only the release that had it otherwise is named; a later migration is none of its business."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "hotlined").mkdir()
    for tag, source in (("v0.1.0", SOURCE), ("v0.2.0", SOURCE.replace("line TEXT NOT NULL", "line TEXT", 1))):
        (tmp_path / "hotlined/migrations.py").write_text(source)
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "--quiet", "--message", tag)
        git(tmp_path, "tag", tag)

    assert tags(tmp_path) == ["v0.1.0", "v0.2.0"]
    assert edited(tmp_path) == ["v0.2.0"]


def test_the_first_migration_is_named_by_its_content() -> None:
    """Another version's database has a name that this one does not know, and so it is refused."""
    other = schema_of(SOURCE.replace("line TEXT NOT NULL", "line TEXT", 1))

    assert [name for name, _ in schema_of(SOURCE)] == [*migrations.names()]
    assert other[0][0] not in migrations.names()
