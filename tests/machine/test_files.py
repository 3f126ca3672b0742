"""A FILE that a person names: opened with that person's rights, new, whole or absent; root's is opened by the shell."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from filled import KEVIN, Filled
from needs import needs_root
from persons import COMMAND, LINE, MEMBER, ROOT, Person, give

from hotlined.database_files import KEY, beside, write_key
from hotlined.errors import UsageError
from hotlined.machine import files, person

COMMANDS = {
    "db backup": (["db", "backup"], b"SQLite format 3\0"),
    "evidence": (["evidence", KEVIN], b"PK\3\4"),
    "metrics": (["metrics"], b"# HELP"),
    "stats": (["stats", "--html"], b"<!DOCTYPE html>"),
    "export": (["export", KEVIN], b"written "),
    "doctor": (["doctor", "--record"], b"# hotlined recording 1\n"),
}
"""Each command that writes a FILE: its words before the name, and the first bytes of the file."""
WAYS = ["metrics", "db backup"]
"""A command for each way of making a FILE: a copy of the database has its own."""


@pytest.fixture
def house() -> Iterator[Path]:
    """Give a folder with a line of its own user (`state`) and a folder of a member (`home`)."""
    folder = Path(tempfile.mkdtemp(prefix="hotlined-named-"))  # pytest's own folders are closed to other users
    folder.chmod(0o755)
    for name, user in (("state", LINE), ("home", MEMBER)):
        (folder / name).mkdir(mode=0o750)
        os.chown(folder / name, user.uid, LINE.gids[0])
    filled = Filled(folder / "state", modem={"port": "/dev/null"})
    filled.judge(filled.text())
    filled.db.close()
    give(folder / "state")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def write(house: Path, words: list[str], user: Person = LINE, **environment: str) -> tuple[int, str, str]:
    """Run a command of the line; return its exit code, stdout and stderr."""
    done = user.hotlined(house / "state/main.yaml", *words, **environment)
    return done.returncode, done.stdout, done.stderr


@needs_root
@pytest.mark.parametrize("name", COMMANDS)
def test_a_file_is_new_and_its_owners_alone(house: Path, name: str) -> None:
    """It has stdout's content and mode 0600."""
    words, begins = COMMANDS[name]
    file = house / "state/named"
    code, said, _ = write(house, [*words, str(file)])
    made = file.stat()

    assert (code, said) == (69 if name == "doctor" else 0, "")  # no modem answers at /dev/null
    assert file.read_bytes().startswith(begins)
    assert (made.st_mode & 0o777, made.st_uid) == (0o600, LINE.uid)


@needs_root
@pytest.mark.parametrize(
    ("name", "kind"),
    [*((way, "file") for way in WAYS), *(("metrics", kind) for kind in ("link", "dangling", "fifo", "folder"))],
)
def test_an_existing_name_is_not_touched(house: Path, name: str, kind: str) -> None:
    """Links are not followed, broken or not; no FIFO is awaited."""
    file, elsewhere = house / "state/named", house / "state/elsewhere"
    elsewhere.write_text("mine")
    if kind == "fifo":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    elif kind == "file":
        file.write_text("mine")
    else:
        file.symlink_to(elsewhere if kind == "link" else house / "state/nothing")
    before = file.lstat().st_ino
    code, _, why = write(house, [*COMMANDS[name][0], str(file)])

    assert (code, file.lstat().st_ino, elsewhere.read_text()) == (2, before, "mine"), why
    assert "named is there already" in why
    assert kind != "file" or file.read_text() == "mine"
    assert not (house / "state/nothing").exists()


@needs_root
@pytest.mark.parametrize("name", WAYS)
def test_root_names_no_file(house: Path, name: str) -> None:
    """The error says what to type: there the shell opens the file."""
    words, begins = COMMANDS[name]
    file = house / "state/named"
    code, said, why = write(house, [*words, str(file)], HOTLINED_FOR_ROOT="1", SUDO_UID=str(MEMBER.uid))
    assert (code, said, file.exists()) == (2, "", False)
    assert f"Type `- > {file}` instead" in why

    opened = f"import os; os.dup2(os.open({str(file)!r}, os.O_WRONLY | os.O_CREAT), 1); {COMMAND}"
    LINE.call(opened, "--config", str(house / "state/main.yaml"), *words, "-", HOTLINED_FOR_ROOT="1")
    assert file.read_bytes().startswith(begins)


@needs_root
def test_uid_0_names_no_file_either(tmp_path: Path) -> None:
    """The database may be root's own, as in a container."""
    line = Filled(tmp_path)
    line.db.close()
    done = line.run("metrics", str(tmp_path / "named"))

    assert (done.exit_code, (tmp_path / "named").exists()) == (2, False)
    assert line.run("metrics", "-").stdout == line.run("metrics").stdout


@needs_root
@pytest.mark.parametrize("name", [*WAYS, "evidence"])
def test_a_file_is_written_with_the_members_own_rights(house: Path, name: str) -> None:
    """A member writes at home, not where only the line's user may.

    An unfinished file is removed.
    """
    words, begins = COMMANDS[name]
    (house / "home/named").unlink(missing_ok=True)
    code, _, why = write(house, [*words, str(house / "home/named")], MEMBER)
    if name == "evidence":  # evidence is a decision, and no terminal is there to confirm it
        assert (code, (house / "home/named").exists()) == (75, False)
    else:
        assert code == 0, why
        assert (house / "home/named").read_bytes().startswith(begins)
        assert (house / "home/named").stat().st_uid == MEMBER.uid
    code, _, why = write(house, [*words, str(house / "state/named")], MEMBER)

    assert (code, (house / "state/named").exists()) == (1, False)
    assert "Permission denied" in why


@needs_root
def test_an_unfinished_file_is_removed(house: Path) -> None:
    """The command fails after it began the file."""
    code, _, _ = write(house, ["evidence", "+33699999999", str(house / "state/named")])
    assert (code, (house / "state/named").exists()) == (1, False)


@needs_root
@pytest.mark.parametrize("name", WAYS)
def test_a_folder_that_is_not_there_is_a_sentence(house: Path, name: str) -> None:
    """Nothing is printed instead of the file."""
    code, said, why = write(house, [*COMMANDS[name][0], str(house / "state/none/named")])

    assert (code, said) == (1, "")
    assert "none/named: No such file" in why


@needs_root
def test_half_a_number_makes_no_file(house: Path) -> None:
    """A number with a blank has a first half without data."""
    done = write(house, ["export", "0470", str(house / "state/123456")])

    assert done[:2] == (0, "Nothing is stored about 0470.\n")
    assert not (house / "state/123456").exists()


@needs_root
def test_a_full_disk_leaves_no_part_of_a_file(house: Path) -> None:
    """A limit on file sizes stands for the full disk."""
    file = house / "state/named"
    code = (
        "import sys; from pathlib import Path; from hotlined.machine import files\n"
        "with files.create(Path(sys.argv[1])) as file: file.write(bytes(40_000))"
    )
    python, *program = LINE.program(code, str(file))
    limited = ["prlimit", "--fsize=32768", python, "-B", *program]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(limited, cwd="/", env=environment, capture_output=True, text=True, check=False)

    assert (done.returncode, file.exists()) == (1, False)
    assert "File too large" in done.stderr


@needs_root
def test_a_file_put_there_meanwhile_stays(house: Path) -> None:
    """A failed command removes only its own file."""
    code = (
        "import sys; from pathlib import Path; from hotlined.machine import files\n"
        "path = Path(sys.argv[1])\n"
        "with files.create(path) as file:\n"
        "    path.rename(path.with_name('moved')); path.write_text('another'); raise SystemExit(7)"
    )
    done = LINE.call(code, str(house / "state/named"))

    assert done.returncode == 7, done.stderr
    assert (house / "state/named").read_text() == "another"


@needs_root
def test_the_key_of_the_pseudonyms_goes_beside_a_copy(house: Path) -> None:
    """Copy and key exist both or not at all.

    The database's own names are refused.
    """
    state = house / "state"
    write_key(state / "hotlined.db", KEY, b"1" * 32)
    give(state)
    code, _, said = write(house, ["db", "backup", str(state / "copy.db")])
    assert (code, (state / "copy.db.key").read_bytes()) == (0, b"1" * 32)
    assert f"{state}/copy.db.key" in said
    assert (state / "copy.db.key").stat().st_mode & 0o777 == 0o600
    (state / "copy.db").unlink()
    code, _, said = write(house, ["db", "backup", str(state / "copy.db")])
    assert (code, (state / "copy.db").exists()) == (2, False)

    for ending in ("", "-wal", KEY):
        code, _, said = write(house, ["db", "backup", str(beside(state / "hotlined.db", ending))])
        assert (code, "belongs to the database itself" in said) == (2, True)


@needs_root
def test_the_answers_file_goes_beside_a_copy(house: Path) -> None:
    """It is copied as it is; a missing one is no error."""
    state, octets = house / "state", b"\xef\xbb\xbfNon.\r\nArr\xeate\r\n"
    settings = json.loads((state / "main.yaml").read_text()) | {"answer": {"text_file": "main.txt"}}
    (state / "main.yaml").write_text(json.dumps(settings))
    (state / "main.txt").write_bytes(octets)
    give(state)
    code, _, said = write(house, ["db", "backup", str(state / "copy.db")])
    assert (code, (state / "copy.db.answer").read_bytes()) == (0, octets)
    assert f"{state}/copy.db.answer is a copy of the answer's file." in said

    (state / "main.txt").unlink()
    code, _, _ = write(house, ["db", "backup", str(state / "again.db")])
    assert (code, (state / "again.db.answer").exists()) == (0, False)


@needs_root
def test_a_zip_in_a_file_is_whole(house: Path) -> None:
    """The checksum of `evidence` is printed."""
    code, _, said = write(house, ["evidence", KEVIN, str(house / "state/threat.zip")])
    with zipfile.ZipFile(house / "state/threat.zip") as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 5

    assert code == 0
    assert re.search("SHA256SUMS.txt is [0-9a-f]{64}", said)


def test_a_variable_marks_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The installed command sets it, whoever runs the tests."""
    monkeypatch.setenv(person.FOR_ROOT, "1")
    with pytest.raises(UsageError), files.create(tmp_path / "named"):
        pass
    assert list(tmp_path.iterdir()) == []
