"""What `hotlined db own` makes of a folder in which a whole group could write. As root: it takes two users."""

import os
import re
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from filled import Filled

ROOT = Path(__file__).parent.parent
LINE, MEMBER, GROUP = 61_101, 61_102, 61_110
# as the code sees them: who runs a program, as which group, and in which others
Who = tuple[int, int, tuple[int, ...]]
THE_LINE: Who = (LINE, LINE, (GROUP,))
A_MEMBER: Who = (MEMBER, MEMBER, (GROUP,))


def words_as(who: Who, code: str, *arguments: object) -> list[str]:
    """Return what runs Python as somebody."""
    user, group, groups = who
    person = [sys.executable, ROOT / "tests/persons.py", user, ",".join(map(str, (group, *groups)))]
    return [str(word) for word in (*person, f"import os; os.umask(0o007)\n{code}", *arguments)]


def run_as(who: Who, code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run it."""
    return subprocess.run(words_as(who, code, *arguments), cwd="/", text=True, capture_output=True, check=False)


class Former:
    """A line's folder as it was: everybody of the group writes in it."""

    def __init__(self, outside: Path) -> None:
        self.outside = outside
        self.folder = outside / "line"
        self.folder.mkdir()
        filled = Filled(self.folder)
        with filled.db:
            filled.judge(filled.text(text="un"))
        self.database = filled.database
        for where, _, names in os.walk(self.folder):
            os.chown(where, LINE, GROUP)
            Path(where).chmod(0o2770)
            for name in names:
                os.chown(f"{where}/{name}", LINE, GROUP)
                Path(f"{where}/{name}").chmod(0o660)
        for ending in ("-wal", "-shm"):
            self.beside(ending).unlink(missing_ok=True)
        outside.chmod(0o755)

    def beside(self, ending: str) -> Path:
        """Return the path of a file of the database."""
        return self.database.with_name(self.database.name + ending)

    def own(self) -> subprocess.CompletedProcess[str]:
        """Run the command as the installer does."""
        code = "import sys; from hotlined.cli import main; main(sys.argv[1:])"
        return run_as(THE_LINE, code, "db", "own", "--folder", self.folder, "--database", self.database)

    def texts(self) -> list[str]:
        """Return the texts that the database holds, as its user reads it."""
        query = "SELECT text FROM contacts"
        code = f"import sqlite3, sys; print(*(x for x, in sqlite3.connect(sys.argv[1]).execute('{query}')))"
        done = run_as((LINE, LINE, ()), code, self.database)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()


@pytest.fixture
def former() -> Iterator[Former]:
    """Give such a folder, where other users than root get to."""
    if os.getuid():
        pytest.skip("two users are needed")
    with tempfile.TemporaryDirectory(prefix="hotlined-owning-") as outside:
        yield Former(Path(outside))


def test_what_a_member_made_becomes_the_lines(former: Former) -> None:
    """A -wal with texts in it, a -shm and a key that a member's program made are the line's then; nothing is lost."""
    code = (
        "import os, sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1])\n"
        "db.execute('PRAGMA journal_mode = WAL')\n"
        "db.execute(\"UPDATE contacts SET text = 'deux'\")\n"
        "db.commit()\n"
        "open(sys.argv[1] + '.key', 'wb').write(b'k' * 32)\n"
        "os._exit(0)"
    )
    assert run_as(A_MEMBER, code, former.database).returncode == 0
    assert former.beside("-wal").stat().st_uid == MEMBER
    assert former.beside("-wal").stat().st_size

    done = former.own()

    assert done.returncode == 0, done.stderr
    assert former.beside(".key").read_bytes() == b"k" * 32
    assert stat.S_IMODE(former.folder.stat().st_mode) == 0o2750
    for ending in ("", "-wal", ".key"):
        found = former.beside(ending).lstat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode), found.st_nlink) == (LINE, LINE, 0o640, 1)
    assert not former.beside("-shm").exists()
    assert former.texts() == ["deux"]


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "hard link"])
def test_what_is_no_file_of_its_own_is_set_aside(former: Former, kind: str) -> None:
    """A link, a FIFO, a folder or a second name of somebody's file is not followed, waited for, changed or removed."""
    target = former.outside / "target"
    target.write_text("root's")
    target.chmod(0o666)
    os.chown(target, MEMBER, MEMBER)
    places = [former.beside(ending) for ending in ("-wal", "-shm", ".key", ".lock", "-journal")]
    makers: dict[str, Callable[[Path], object]] = {
        "link": lambda place: place.symlink_to(target),
        "fifo": os.mkfifo,
        "folder": Path.mkdir,
        "hard link": lambda place: os.link(target, place),
    }
    for place in places:
        place.unlink(missing_ok=True)
        makers[kind](place)
        if kind != "hard link":
            os.chown(place, MEMBER, GROUP, follow_symlinks=False)
    before = target.stat()

    done = former.own()

    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"is \S+\.set-aside-\w+ now\.", done.stdout)) == len(places)
    assert not [place for place in places if os.path.lexists(place)]
    after = target.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert target.read_text() == "root's"
    assert former.texts() == ["un"]


def test_a_second_name_of_the_database_leads_nowhere(former: Former) -> None:
    """A member who has kept another name of the database holds what it was, and sees nothing of what it becomes."""
    os.link(former.database, former.outside / "kept")

    assert former.own().returncode == 0
    assert former.database.stat().st_nlink == 1
    assert former.texts() == ["un"]


def test_a_setuid_program_is_one_no_longer(former: Former) -> None:
    """Among the line's files, also in a folder of its own below, none can be run as anybody."""
    inner = former.folder / "backup"
    inner.mkdir()
    os.chown(inner, LINE, GROUP)
    for place in (former.folder / "sh", inner / "sh"):
        place.write_text("")
        os.chown(place, LINE, GROUP)
        place.chmod(0o4775)

    assert former.own().returncode == 0
    assert {stat.S_IMODE(place.stat().st_mode) for place in (former.folder / "sh", inner / "sh")} == {0o640}
    assert stat.S_IMODE(inner.stat().st_mode) == 0o2750


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_the_place_of_old_copies_is_the_lines_or_set_aside(former: Former, kind: str) -> None:
    """What a member put where copies were is not filled any more."""
    place = former.folder / "backup"
    place.symlink_to("/etc") if kind == "link" else place.mkdir()
    os.chown(place, MEMBER, GROUP, follow_symlinks=False)

    done = former.own()

    assert done.returncode == 0, done.stderr
    assert not os.path.lexists(place)


def test_beside_a_program_that_has_it_open_nothing_is_copied(former: Former) -> None:
    """While a member's program has the database open it says so and copies nothing: what that writes would be lost."""
    code = (
        "import sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1])\n"
        "db.execute('PRAGMA journal_mode = WAL')\n"
        "db.execute('SELECT count(*) FROM contacts').fetchone()\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        words_as(A_MEMBER, code, former.database), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as member:
        assert member.stdout
        assert member.stdout.readline() == "open\n"
        done = former.own()
        assert done.returncode == 1
        assert "open" in done.stderr
        assert former.beside("-wal").stat().st_uid == MEMBER
        assert member.stdin
        member.stdin.close()
    assert former.own().returncode == 0


def test_it_is_nothing_for_root(former: Former) -> None:
    """As root it does nothing: a name in there may be a link by the time that root follows it."""
    words = ["db", "own", "--folder", str(former.folder), "--database", str(former.database)]
    done = subprocess.run(
        [sys.executable, "-m", "hotlined", *words], text=True, capture_output=True, check=False, cwd=ROOT
    )

    assert done.returncode == 1
    assert "not for root" in done.stderr
    assert stat.S_IMODE(former.folder.stat().st_mode) == 0o2770


def test_twice_is_as_good_as_once(former: Former) -> None:
    """It can be cut off and run again."""
    former.own()
    done = former.own()

    assert (done.returncode, done.stdout) == (0, "")
    with closing(sqlite3.connect(former.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
