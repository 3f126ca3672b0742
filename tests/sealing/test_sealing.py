"""Sealed backups: contents, the disk with them, and a line restored from one.

The disk is a folder on another file system than the database; age itself does the sealing. Sticks that are mounted by
label, full, read-only or pulled are tried in `scripts/lab backup`.
"""

import base64
import errno
import gzip
import io
import json
import os
import pty
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import extent
import pytest
from conftest import Line, wait_until
from filled import KEVIN, LEA, Filled
from hypothesis import given
from hypothesis import strategies as st
from needs import forbidden, needs
from running import CliRunner
from test_agekey import IDENTITY
from test_db import small_files, spoil
from test_docs import TEXTS, blocks

from hotlined import agekey
from hotlined.cli import main
from hotlined.conditions import SEAL_FAILURES
from hotlined.config import load, parse
from hotlined.database_files import FLEET, KEY, PINS, beside, write_key
from hotlined.errors import ConfigError, SealError
from hotlined.reports.overview import report_line
from hotlined.sealing import age, archive
from hotlined.sealing.shelf import Shelf
from hotlined.states import AlertCondition, SealFailure
from hotlined.store.file.opening import open_for_daemon
from hotlined.store.file.snapshot import snapshot
from hotlined.store.line import line_row
from hotlined.store.people import backup
from hotlined.words.sealing import key_on_paper

RECIPIENT = "age1ty97hxj9nrjeeeegvxpskwr77npkqfrpmj8lu3nq75usgyuz2pkqn9z76k"
"""A key from age-keygen, used only in these tests."""
needs_age = needs("age")
PLACES = [Path(each) for each in ("/dev/shm", "/tmp", "/var/tmp")]
SECRET = "la phrase que personne ne lit"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Give a folder on another disk than the database."""
    here = tmp_path.stat().st_dev
    place = next((place for place in PLACES if place.is_dir() and place.stat().st_dev != here), None)
    if place is None:
        forbidden("there is one file system")
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield Path(folder)


@pytest.fixture
def filled(tmp_path: Path, disk: Path) -> Iterator[Filled]:
    """Give a line that is backed up: one answer is sent, one queued, one contact is not judged."""
    filled = Filled(tmp_path, backup={"folder": str(disk), "recipients": [RECIPIENT], "keep": 3})
    with filled.db:
        filled.judge(filled.text(SECRET))
        filled.send()
        filled.judge(filled.call(LEA), delay=3600.0)
        filled.text(sender="+32499887766")
        yield filled


def sealed(filled: Filled) -> Path:
    """Make a backup and return it."""
    result = filled.run("db", "backup")
    assert result.exit_code == 0, result.output
    return Shelf(Path(filled.settings["backup"]["folder"]), "fr").backups()[-1]


def failure(filled: Filled) -> tuple[int, str | None]:
    """Try to make a backup; return the exit code, and the failure by `status`."""
    result = filled.run("db", "backup")
    return result.exit_code, json.loads(filled.run("status", "--json").stdout)["backup"]["failure"]


def taken_out(path: Path, folder: Path, identity: str = IDENTITY) -> Path:
    """Open a backup with age and tar only, as anybody with the key may."""
    (folder / "identity").write_text(identity + "\n")
    folder = folder / "out"
    folder.mkdir()
    opened = subprocess.run(
        ["age", "-d", "-i", str(folder.parent / "identity"), str(path)], capture_output=True, check=True
    )
    subprocess.run(["tar", "-xz"], cwd=folder, input=opened.stdout, check=True)
    return folder


def names(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return sorted(path.name for path in folder.iterdir())


# ---- the key on paper


@needs_age
def test_new_key_is_only_on_the_printed_page(tmp_path: Path) -> None:
    """The page also has the lines for the configuration."""
    line = Filled(tmp_path)
    with line.db:
        before = names(tmp_path)
        result = line.run("db", "key")
        assert names(tmp_path) == before
    typed = "\n".join(row for row in result.stdout.splitlines() if re.fullmatch(r"    [0-9A-Z -]+", row))
    identity = agekey.maybe_identity(typed)
    assert identity
    configured = result.stdout[result.stdout.index("backup:") :].partition("\n\n")[0]
    config = parse(f"answer: {{text: Non}}\n{configured}\n", tmp_path / "main.yaml")
    assert config.backup.folder == Path("/media/hotlined")
    line.config.write_text(json.dumps(line.settings | {"backup": {"recipients": list(config.backup.recipients)}}))
    checked = line.run("db", "key", "--check", input=typed)
    assert (checked.exit_code, "This is the right key" in checked.stdout) == (0, True), checked.output


@needs_age
@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        (IDENTITY[:-2], 2, "This is not the whole key: 56 of 58 characters."),
        (IDENTITY.replace("GDHE", "GDHK"), 2, "The key is mistyped."),
        ("OTHER", 1, "This is a key, but not that of these backups"),
    ],
)
def test_key_check_says_what_is_wrong(tmp_path: Path, typed: str, code: int, words: str) -> None:
    """The key is short, mistyped, or that of other backups."""
    line = Filled(tmp_path, backup={"recipients": [RECIPIENT]})
    line.db.close()
    if typed == "OTHER":
        said = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout
        typed = said  # with the comments that it writes
    result = line.run("db", "key", "--check", input=typed)
    assert (result.exit_code, words in result.stderr) == (code, True), result.output


@needs_age
@pytest.mark.parametrize(("rows", "words"), [(None, "This is the right key"), (2, "not the whole key: 32 of 58")])
def test_key_check_reads_lines_until_the_key_is_whole(tmp_path: Path, rows: int | None, words: str) -> None:
    """An empty line at the terminal ends it."""
    line = Filled(tmp_path, backup={"recipients": [RECIPIENT]})
    line.db.close()
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "hotlined", "--config", str(line.config), "db", "key", "--check"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for row in [*agekey.on_paper(IDENTITY)[1:][:rows], ""]:
            os.write(ours, f"{row.lower()}\n".encode())
        output, _ = process.communicate()
    for descriptor in (ours, theirs):
        os.close(descriptor)
    assert words in output


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("folder: /media/hotlined", "backup.recipients names nobody"),
        (f"recipients: [{RECIPIENT[:-1]}q]", "expected a recipient of age"),
        (f"recipients: [{IDENTITY}]", "expected a recipient of age"),
    ],
)
def test_configuration_without_a_usable_recipient_is_refused(settings: str, words: str) -> None:
    """It has none, a mistyped one, or a secret key."""
    with pytest.raises(ConfigError) as refused:
        parse(f"answer: {{text: Non}}\nbackup: {{{settings}}}\n", Path("/etc/hotlined/main.yaml"))
    assert words in str(refused.value.problems)
    assert IDENTITY not in str(refused.value.problems)


# ---- contents of a backup


@needs_age
def test_backup_opens_with_age_and_tar_alone(filled: Filled, tmp_path: Path) -> None:
    """The database is whole and has the rows of its moment."""
    write_key(filled.database, KEY, b"k" * 32)
    write_key(filled.database, FLEET, b"f" * 32)
    write_key(filled.database, PINS, b"p" * 32)
    out = taken_out(sealed(filled), tmp_path)

    keys = ["hotlined.db.fleet", "hotlined.db.key", "hotlined.db.pins"]
    assert names(out) == ["about.json", "config.yaml", "hotlined.db", *keys]
    assert (out / "hotlined.db.fleet").read_bytes() == b"f" * 32
    assert (out / "config.yaml").read_bytes() == filled.config.read_bytes()
    assert (out / "hotlined.db.key").read_bytes() == b"k" * 32
    about = json.loads((out / "about.json").read_text())
    assert about["line"] == "fr"
    with closing(sqlite3.connect(out / "hotlined.db")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert copy.execute("SELECT text FROM contacts WHERE id = 1").fetchall() == [(SECRET,)]


@needs_age
def test_sealed_backup_shows_no_text_or_number(filled: Filled, disk: Path) -> None:
    """No copy of the database is left on the card."""
    before = names(filled.folder)
    path = sealed(filled)
    octets = path.read_bytes()
    # compressed words would not be found: so it has to be age's format for one recipient, without gzip in it
    header, _, payload = octets.partition(b"\n---")
    assert re.fullmatch(rb"age-encryption\.org/v1\n-> X25519 \S+\n\S+", header), header
    assert b"\x1f\x8b\x08\0\0" not in payload
    for word in (SECRET, KEVIN, KEVIN[1:], "SQLite format 3", "contacts", "config.yaml"):
        assert word.encode() not in octets
    assert names(disk) == [path.name]
    assert names(filled.folder) == before
    assert path.stat().st_mode & 0o777 == 0o640


@needs_age
def test_backup_by_the_unit_has_the_secrets_of_root(
    filled: Filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials bring them; a missing file's placeholder is left out."""
    handed = tmp_path / "credentials"
    handed.mkdir()
    (handed / "pin").write_text("2580\n")
    (handed / "urls").write_text("-")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    out = taken_out(sealed(filled), tmp_path)

    assert (out / "pin").read_text() == "2580\n"
    assert not (out / "urls").exists()


@needs_age
def test_backup_by_hand_names_the_missing_secrets(
    filled: Filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says which unit makes a complete one."""
    assert "Not in it" not in filled.run("db", "backup").output
    for name in ("pin", "urls"):
        (filled.folder / f"main.{name}").write_text("2580\n")
    said = filled.run("db", "backup")
    assert said.exit_code == 0
    assert " ".join(said.stderr.split()) == (
        "Not in it: the SIM's PIN, the addresses of alerts. `sudo systemctl start hotlined-offcard@main` makes one"
        " with what only root reads."
    )
    copied = " ".join(filled.run("db", "backup", "-").stderr.split())
    lacks = "Not in it: the configuration, the SIM's PIN, the addresses of alerts."
    assert f"{lacks} A sealed backup has them: see" in copied

    handed = tmp_path / "credentials"
    handed.mkdir()
    for name in ("pin", "urls"):
        (handed / name).write_text("2580\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    assert "Not in it" not in filled.run("db", "backup").output


def test_snapshot_has_the_rows_of_its_beginning(filled: Filled) -> None:
    """Later commits do not make it begin again."""
    for _ in range(40):
        filled.text()
    begun = filled.newest()
    octets = b""
    with snapshot(filled.database) as taken:
        for piece in taken.pieces():
            octets += piece
            filled.text("meanwhile")
        filled.db.connection.execute("PRAGMA wal_checkpoint")
    copy = filled.folder / "copy.db"
    copy.write_bytes(octets)
    with closing(sqlite3.connect(copy)) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert opened.execute("SELECT max(id) FROM contacts").fetchall() == [(begun,)]
    assert filled.newest() > begun
    filled.text("and after")
    assert filled.run("db", "check", "--full").exit_code == 0


def test_snapshot_begins_with_an_empty_wal(filled: Filled) -> None:
    """A checkpoint makes the file alone the database."""
    wal = filled.database.with_name("hotlined.db-wal")
    filled.text("waits in the -wal")
    assert wal.stat().st_size > 0
    with snapshot(filled.database) as taken:
        octets = b"".join(taken.pieces())
    assert octets == filled.database.read_bytes()[: taken.octets]
    with closing(sqlite3.connect(":memory:")) as copy:
        copy.deserialize(octets[:18] + b"\1\1" + octets[20:])  # as if it had no -wal
        assert copy.execute("SELECT max(id) FROM contacts").fetchall() == [(filled.newest(),)]


# ---- the disk


@needs_age
def test_newest_backups_of_the_line_are_kept(filled: Filled, disk: Path) -> None:
    """Other lines' backups and other files stay."""
    others = ["nl-000001-20260101T000000Z.age", "fr-x-000001-20260101T000000Z.age", "photo.jpg", "fr-000001.age"]
    for name in others:
        (disk / name).touch()
    made = [sealed(filled).name for _ in range(5)]

    assert names(disk) == sorted([*others, *made[-3:]])
    assert [name[:10] for name in made] == [f"fr-00000{number}-"[:10] for number in range(1, 6)]


def test_newest_backup_is_the_last_one_made(tmp_path: Path) -> None:
    """Their numbers decide, not their dates: a clock may say 1970."""
    shelf = Shelf(tmp_path, "fr")
    for year in (2026, 1970, 2031):
        with shelf.new(datetime(year, 1, 1, tzinfo=UTC)) as writing:
            writing.write(b"x")
            writing.finish()
    shelf.keep(2)

    assert [path.name for path in shelf.backups()] == [
        "fr-000002-19700101T000000Z.age",
        "fr-000003-20310101T000000Z.age",
    ]


@needs_age
def test_full_disk_never_removes_the_last_good_backup(
    filled: Filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only older ones make room.

    A limit on the size of files plays the full disk.
    """
    paths = [sealed(filled) for _ in range(3)]
    before = paths[-1].read_bytes()
    (tmp_path / "urls").write_text(os.urandom(2_000_000).hex())
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with small_files(1_000_000):
        assert failure(filled) == (1, "full")

    assert names(paths[0].parent) == [paths[-1].name]
    assert paths[-1].read_bytes() == before


@needs_age
def test_killed_backup_leaves_the_last_good_one(filled: Filled, disk: Path) -> None:
    """Its unfinished file is removed by the next backup."""
    before = sealed(filled)
    filled.db.connection.execute(
        "INSERT INTO events (at, kind, word) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
        " LIMIT 8000) SELECT '2026-11-24T22:18:00.123Z', 'lab', hex(randomblob(200)) FROM n"
    )
    command = [sys.executable, "-m", "hotlined", "--config", str(filled.config), "db", "backup"]
    unfinished = disk / ".fr.unfinished"
    with subprocess.Popen(command) as process:
        wait_until(lambda: unfinished.exists() and unfinished.stat().st_size > 0)
        process.send_signal(signal.SIGKILL)
    assert names(disk) == sorted([".fr.unfinished", before.name])
    after = sealed(filled)

    assert names(disk) == [before.name, after.name]


def test_backup_is_read_back_before_it_counts(tmp_path: Path) -> None:
    """Sticks may claim too much room, and return other bytes."""
    shelf = Shelf(tmp_path, "fr")
    with shelf.new(datetime(2026, 1, 1, tzinfo=UTC)) as writing:
        writing.write(b"x" * 100_000)
        (unfinished,) = tmp_path.iterdir()
        with unfinished.open("r+b") as file:
            file.seek(50_000)
            file.write(b"y")
        with pytest.raises(SealError) as found:
            writing.finish()
    assert found.value.failure == SealFailure.ALTERED
    assert names(tmp_path) == []


def test_missing_folder_is_a_failure(filled: Filled, tmp_path: Path) -> None:
    """No command makes it: it may be that of a stick which is not in."""
    filled.settings["backup"]["folder"] = str(tmp_path / "nowhere")
    filled.config.write_text(json.dumps(filled.settings))

    assert failure(filled) == (1, "absent")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("number", "failure"),
    [
        (errno.EIO, "lost"),
        (errno.ENODEV, "lost"),
        (errno.EROFS, "read_only"),
        (errno.ENOSPC, "full"),
        (errno.EACCES, "denied"),
    ],
)
def test_error_of_the_disk_has_its_own_failure(tmp_path: Path, number: int, failure: str) -> None:
    """The unfinished file goes, and the previous backup stays."""
    shelf = Shelf(tmp_path, "fr")
    with shelf.new(datetime(2026, 1, 1, tzinfo=UTC)) as writing:
        writing.write(b"x")
        before = writing.finish()

    def refuse() -> None:
        with shelf.new(datetime(2026, 1, 2, tzinfo=UTC)) as writing:
            writing.write(b"y")
            raise OSError(number, os.strerror(number))

    with pytest.raises(SealError) as found:
        refuse()
    assert found.value.failure == failure
    assert names(tmp_path) == [before.name]


@needs_age
def test_damaged_database_removes_no_good_backup(filled: Filled, disk: Path) -> None:
    """The check before the backup fails."""
    made = [sealed(filled).name for _ in range(3)]
    filled.db.close()
    spoil(filled.database)
    assert filled.run("db", "backup").exit_code == 1
    assert names(disk) == made


@needs_age
def test_second_backup_of_a_line_at_a_time_is_refused(filled: Filled, disk: Path) -> None:
    """Exit code 75 is no failure; another line may write."""
    with Shelf(disk, "fr").new(datetime(2026, 1, 1, tzinfo=UTC)):
        assert failure(filled) == (75, None)
    with Shelf(disk, "nl").new(datetime(2026, 1, 1, tzinfo=UTC)):
        assert failure(filled) == (0, None)


@needs_age
def test_link_or_fifo_on_the_stick_is_not_followed(filled: Filled, disk: Path) -> None:
    """Anybody may have prepared the stick."""
    victim = filled.folder / "victim"
    victim.write_text("mine")
    (disk / ".fr.unfinished").symlink_to(victim)
    assert failure(filled)[0] == 1
    (disk / ".fr.unfinished").unlink()
    os.mkfifo(disk / ".fr.unfinished")
    assert failure(filled)[0] == 1
    assert victim.read_text() == "mine"


def test_every_failure_has_words_and_a_cure() -> None:
    """The database allows exactly these causes."""
    assert set(SEAL_FAILURES) == set(SealFailure)


# ---- a restored line


def unpacked(
    filled: Filled, path: Path, *options: str, identity: str = IDENTITY
) -> "subprocess.CompletedProcess[bytes]":
    """Open a backup as the unit of `hotlined-setup restore` does: backup on standard input, key as a credential."""
    credentials = filled.folder / "key"
    credentials.mkdir(exist_ok=True)
    (credentials / "key").write_text("\n".join(agekey.on_paper(identity)))
    words = ["--config", str(filled.config), "db", "unpack", *options]
    said, complained = (io.TextIOWrapper(io.BytesIO()) for _ in range(2))
    with path.open(encoding="latin-1") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", file)
        patch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
        with redirect_stdout(said), redirect_stderr(complained), pytest.raises(SystemExit) as ended:
            main(words)
    octets = []
    for written in (said, complained):
        written.flush()
        octets.append(written.buffer.getvalue())
    return subprocess.CompletedProcess(words, int(ended.value.code or 0), *octets)


def restored(filled: Filled, path: Path) -> tuple[dict[str, Any], list[str]]:
    """Restore database and keys; return the files for root, and the words at the end."""
    done = unpacked(filled, path)
    assert done.returncode == 0, done.stderr.decode()
    placed = filled.run("db", "place")
    assert placed.exit_code == 0, placed.output
    found: dict[str, Any] = json.loads(done.stdout)
    said: list[str] = json.loads(placed.stdout)["said"]
    return found, said


def octets_of(found: dict[str, Any], name: str) -> bytes:
    """Return the bytes of a file that root writes."""
    return base64.b64decode(found["files"][name]["octets"])


def everything(folder: Path) -> dict[str, bytes]:
    """Return the files in a folder, with the hidden ones."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.parent.name != "key"}


def new_card(filled: Filled) -> None:
    """Remove everything of the line except what an installation makes."""
    filled.db.close()
    for path in filled.folder.rglob("hotlined.db*"):
        path.unlink()
    filled.config.write_text("answer: {text_file: main.txt}\ndatabase: hotlined.db\n")


Members = list[tuple[tarfile.TarInfo, bytes]]


def member(name: str, octets: bytes = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    """Return a member of an archive as in a backup, with these fields changed."""
    made = tarfile.TarInfo(name)
    made.size, made.mode = len(octets), 0o600
    for field, value in fields.items():
        setattr(made, field, value)
    return made, octets


def forged(path: Path, members: Members, form: int = tarfile.USTAR_FORMAT) -> Path:
    """Seal a forged archive."""
    octets = io.BytesIO()
    with tarfile.open(fileobj=octets, mode="w:gz", format=form) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    made = subprocess.run(["age", "-r", RECIPIENT], input=octets.getvalue(), capture_output=True, check=True)
    path.write_bytes(made.stdout)
    return path


def contents(path: Path) -> dict[str, bytes]:
    """Return the files in a backup, by name, in their order."""
    with path.open("rb") as file, age.opened(file, IDENTITY) as stream:
        opened = archive.read(stream)
        database = b"".join(opened.pieces())
    return {"about.json": json.dumps(asdict(opened.about)).encode(), **opened.small, archive.DATABASE: database}


def resealed(path: Path, **changed: bytes) -> Path:
    """Make a backup again with other contents, and return it."""
    return forged(path, [member(name, octets) for name, octets in {**contents(path), **changed}.items()])


@needs_age
def test_line_is_restored_on_a_new_card(filled: Filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files have their modes; root gets all but database and keys."""
    handed = tmp_path / "credentials"
    handed.mkdir()
    (handed / "pin").write_text("2580\n")
    (handed / "urls").write_text("ntfy://very-secret\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    write_key(filled.database, KEY, b"k" * 32)
    write_key(filled.database, PINS, b"p" * 32)
    before = filled.config.read_bytes()
    path = sealed(filled)
    new_card(filled)
    found, said = restored(filled, path)

    assert "backup of the line fr" in found["said"][0]
    assert octets_of(found, "config.yaml") == before
    assert octets_of(found, "pin") == b"2580\n"
    assert octets_of(found, "urls") == b"ntfy://very-secret\n"
    shown = json.dumps([each["shown"] for each in found["files"].values()])
    assert "2580" not in shown
    assert "very-secret" not in shown
    assert 'line: "fr" instead of' in shown.replace("\\", "") or "line: fr instead of" in shown
    assert said == ["There was no database here before."]
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("hotlined.db*")}
    assert modes["hotlined.db.pins"] == 0o600
    assert {modes[name] for name in ("hotlined.db", "hotlined.db.key")} == {0o640}
    assert (tmp_path / "keys/hotlined.db.key").read_bytes() == b"k" * 32
    assert filled.config.read_text().startswith("answer: {text_file")  # it is root's to write
    with open_for_daemon(filled.database) as db:
        assert db.all("SELECT text FROM contacts")[0]["text"] == SECRET
    filled.config.write_bytes(before)
    assert filled.run("db", "check", "--full").exit_code == 0


NEITHER = "Non.\r\n---\r\nNee.\r\n".encode("utf-8-sig")
"""Two variants, as an editor on Windows saves them."""


@needs_age
@pytest.mark.parametrize("octets", [NEITHER, b""], ids=["two variants", "empty"])
def test_backup_has_the_answer(filled: Filled, octets: bytes) -> None:
    """A person sees it beside the present one."""
    file = filled.folder / "main.txt"
    file.write_bytes(octets)
    filled.config.write_text(json.dumps(filled.settings | {"answer": {"text_file": "main.txt"}}))
    path = sealed(filled)
    new_card(filled)
    file.write_text("the sample \x1b[31m")
    found, _ = restored(filled, path)

    assert octets_of(found, "answer.txt") == octets
    shown = found["files"]["answer.txt"]["shown"]
    assert [each for each in shown if "the sample \\x1b[31m" in each]
    assert any("nobody is answered" in each for each in shown) == (octets == b"")


@needs_age
@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: (path.unlink(), os.mkfifo(path))], ids=["gone", "fifo"])
def test_unreadable_answer_does_not_stop_a_backup(filled: Filled, spoil: Callable[[Path], object]) -> None:
    """The other files are sealed without it."""
    file = filled.folder / "main.txt"
    file.write_text("Non.")
    filled.config.write_text(json.dumps(filled.settings | {"answer": {"text_file": "main.txt"}}))
    spoil(file)
    said = filled.run("db", "backup")

    assert said.exit_code == 0, said.output
    assert "answer.txt" not in said.stdout


@needs_age
def test_restored_line_answers_nobody_twice(filled: Filled) -> None:
    """Queued answers are unconfirmed and count, unjudged contacts are not answered."""
    path = sealed(filled)
    made_at = json.loads(filled.run("status", "--json").stdout)["backup"]["at"]
    new_card(filled)
    restored(filled, path)
    with open_for_daemon(filled.database) as db:
        assert line_row.row_of(db).copied_at == made_at
        assert backup.quarantine_restored(db, filled.now()) == made_at
        assert [row["state"] for row in db.all("SELECT state FROM answers ORDER BY id")] == ["sent", "unconfirmed"]
        assert [row["reason"] for row in db.all("SELECT reason FROM contacts WHERE id = 3")] == ["restored"]
        assert backup.quarantine_restored(db, filled.now()) is None


@needs_age
def test_replaced_database_is_kept_and_its_new_contacts_counted(filled: Filled) -> None:
    """Numbers that opted out or were blocked since the backup are named."""
    path = sealed(filled)
    late = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    filled.text("after the backup")
    filled.db.connection.execute("UPDATE contacts SET received_at = ? WHERE id = 4", ((late,)[0],))
    filled.db.connection.execute("INSERT INTO numbers VALUES ('+32470555001', ?, 'anna', NULL, 0, NULL)", (late,))
    filled.db.connection.execute("INSERT INTO numbers VALUES ('+32470555002', NULL, NULL, ?, 0, NULL)", (late,))
    filled.db.connection.execute(
        "INSERT INTO numbers VALUES ('+32470555003', '2026-01-01T00:00:00.000Z', 'anna', NULL, 0, NULL)"
    )
    wal = filled.database.with_name("hotlined.db-wal").read_bytes()
    filled.db.close()
    filled.database.with_name("hotlined.db-wal").write_bytes(wal)
    with closing(sqlite3.connect(filled.database)) as reader:  # a reader is open: the pages of the -wal are kept, too
        reader.execute("SELECT count(*) FROM contacts").fetchone()
        restored(filled, path)
    assert [path.stat().st_size for path in filled.folder.glob("before-1/*-wal")] in ([], [0])
    for _ in range(2):  # the second time, the database there is the same copy, which no daemon has opened
        _, said = restored(filled, path)
        assert said[:3] == [
            "These numbers were blocked or opted out since. So that they are not answered, type, once the line runs:",
            "hotlined --line main block +32470555001",
            "hotlined --line main block +32470555002  # opted out",
        ]
        assert re.fullmatch(
            rf"Contacts .* since .*: 1\. It is in {filled.folder}/before-1, which `forget` does not reach\.", said[-1]
        )
    with closing(sqlite3.connect(filled.folder / "before-1" / "hotlined.db")) as aside:
        assert aside.execute("SELECT max(id) FROM contacts").fetchall() == [(4,)]
    with closing(sqlite3.connect(filled.database)) as back:
        assert back.execute("SELECT max(id) FROM contacts").fetchall() == [(3,)]


def killed(step: int, *words: str) -> int:
    """Run a command that is killed before it names or removes a file for the n-th time; return its exit code."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = step

    def die_in_time(event: str, _arguments: object) -> None:
        nonlocal left
        if event in {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir"}:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    code = 1
    try:
        sys.addaudithook(die_in_time)
        code = CliRunner().invoke(main, words).exit_code
    finally:
        os._exit(code)


@needs_age
def test_killed_and_repeated_restore_ends_the_same(filled: Filled, tmp_path: Path) -> None:
    """The database is the old or new one after each kill."""
    write_key(filled.database, KEY, b"n" * 32)
    path = sealed(filled)
    filled.text("after the backup")
    filled.db.close()
    kept = dict.fromkeys((".key", ".pins"), b"o" * 32)  # the keys of the present line
    before, found, ends = filled.database.read_bytes(), set(), set()
    for step in extent.sample(range(1, 60), 3):
        filled.database.unlink()
        filled.database.write_bytes(before)
        for ending, octets in kept.items():
            write_key(filled.database, ending, octets)
        for folder in tmp_path.glob("before-*"):
            shutil.rmtree(folder)
        assert unpacked(filled, path).returncode == 0
        code = killed(step, "--config", str(filled.config), "db", "place")
        with closing(sqlite3.connect(f"file:{filled.database}?mode=ro", uri=True)) as db:
            found.add(db.execute("SELECT max(id) FROM contacts").fetchone())
        _, said = restored(filled, path)
        with closing(sqlite3.connect(filled.database)) as db:
            last = db.execute("SELECT max(id) FROM contacts").fetchone()
        aside = {name.rpartition("/")[2]: octets for name, octets in everything(tmp_path / "before-1").items()}
        assert aside == {"hotlined.db": before, "hotlined.db.key": b"o" * 32, "hotlined.db.pins": b"o" * 32}
        ends.add((last, said[-1], beside(filled.database, KEY).read_bytes(), *names(tmp_path)))
        if code == 0:
            break
        assert code == -signal.SIGKILL

    assert found == {(4,), (3,)}
    assert len(ends) == 1, ends
    assert step > 8


@needs_age
@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (b"limits: {cooldown: soon}\n", "limits.cooldown"),
        (b"alerts: {urls: [\n", "main.yaml"),
        (b"# \xe9t\xe9\n", "UTF-8"),
        (b"database: [\n", "main.yaml"),
        pytest.param(b"# much\n" * 30_000, "the file has more than", id="too long"),
        (b"database: /etc/sudoers.d/hotlined\n", "would begin an empty one"),
        (b"database: !!python/object/apply:os.system ['touch /etc/evil']\n", "main.yaml"),
    ],
)
def test_unusable_configuration_in_a_backup_stops_no_restore(filled: Filled, broken: bytes, words: str) -> None:
    """The database goes where the present configuration says; the problem is named."""
    rest = "".join(f"{key}: {json.dumps(value)}\n" for key, value in filled.settings.items() if key != "database")
    path = resealed(sealed(filled), **{archive.CONFIG: rest.encode() + broken})
    filled.db.close()
    filled.database.unlink()
    found, _ = restored(filled, path)

    part = found["files"]["config.yaml"]
    assert (part["usable"], words in " ".join(part["shown"])) == (False, True), part["shown"]
    with closing(sqlite3.connect(filled.database)) as back:
        assert back.execute("SELECT max(id) FROM contacts").fetchall() == [(3,)]


@needs_age
@pytest.mark.parametrize(
    ("spoiled", "code", "words"),
    [
        ("other key", 1, "This key does not open the file."),
        ("mistyped", 2, "The key is mistyped."),
        ("cut", 1, ""),
        ("one octet", 1, ""),
        ("no backup", 1, "age cannot open the file"),
        ("empty", 1, "age cannot open the file"),
        ("more behind", 1, ""),
    ],
)
def test_failed_restore_changes_nothing(filled: Filled, spoiled: str, code: int, words: str) -> None:
    """A wrong key, part of a file and trailing bytes are errors."""
    identity = IDENTITY
    path = sealed(filled)
    octets = path.read_bytes()
    if spoiled == "other key":
        said = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout
        identity = said.split()[-1]
    elif spoiled == "mistyped":
        identity = IDENTITY.replace("GDHE", "GDHK")
    changes = {
        "cut": octets[:-5000],
        "one octet": octets[:-9] + bytes([octets[-9] ^ 1]) + octets[-8:],
        "no backup": b"hello",
        "empty": b"",
        "more behind": octets + b"hello",
    }
    if spoiled in changes:
        path.write_bytes(changes[spoiled])
    filled.db.close()
    before = everything(filled.folder)
    result = unpacked(filled, path, identity=identity)

    assert (result.returncode, words in result.stderr.decode()) == (code, True), result.stderr
    assert everything(filled.folder) == before
    assert filled.run("db", "place").exit_code == 1
    assert everything(filled.folder) == before


def hostile(path: Path) -> dict[str, Members]:
    """Return archives that somebody with the recipient has forged."""
    sound = contents(path)
    about, database, config = sound["about.json"], sound[archive.DATABASE], sound[archive.CONFIG]
    base = [member("about.json", about), member("config.yaml", config)]
    end = member("hotlined.db", database)
    first, second = base
    of_this = json.loads(about)

    def said(**changed: Any) -> Members:
        return [member("about.json", json.dumps(of_this | changed).encode()), second, end]

    def other(name: str, kind: bytes, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
        return member(name, type=kind, linkname=link)

    return {
        "traversal": [*base, member("../../../etc/evil", b"x"), end],
        "absolute": [*base, member("/etc/evil", b"x"), end],
        "symlink config": [first, other("config.yaml", tarfile.SYMTYPE, "/etc/shadow"), end],
        "hardlink config": [first, other("config.yaml", tarfile.LNKTYPE, "/etc/shadow"), end],
        "symlink db": [*base, other("hotlined.db", tarfile.SYMTYPE, "/etc/shadow")],
        "device": [*base, other("hotlined.db.key", tarfile.CHRTYPE), other("urls", tarfile.FIFOTYPE), end],
        "folder": [*base, other("pin", tarfile.DIRTYPE), end],
        "dup config": [*base, member("config.yaml", b"database: /etc/evil.db\n"), end],
        "setuid": [*base, member("pin", b"1234", mode=0o6777, uid=0), end],
        "sparse": [*base, other("hotlined.db", tarfile.GNUTYPE_SPARSE)],
        "about traversal": said(line="../../x"),
        "about more": said(name="../x"),
        "about moment": said(made_at="\x1b[31m"),
        "about version": said(version=["1"]),
        "about format": said(format=99),
        "about deep": [member("about.json", b"[" * 4000), second, end],
        "about huge": [member("about.json", b"[" * 200_000), second, end],
        "no about": [second, end],
        "no config": [first, end],
        "no db": base,
        "empty db": [*base, member("hotlined.db")],
        "text db": [*base, member("hotlined.db", b"hello" * 1000)],
        "big small": [*base, member("urls", b"x" * (5 << 20)), end],
        "big key": [*base, member("hotlined.db.key", b"k" * 33), end],
        "another": [*base, member("another", b"{}"), end],
        "behind": [*base, end, member("pin", b"1234")],
        "config bomb": [first, member("config.yaml", BOMB), end],
        "config binary": [first, member("config.yaml", os.urandom(1000)), end],
        "config tag": [first, member("config.yaml", b"database: !!python/object/apply:os.system [id]\n"), end],
    }


BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % (c, c, *([c - 1] * 9)) for c in range(98, 107)
)
UNUSABLE = ("config bomb", "config binary", "config tag")
"""Archives that are sound, with a configuration that never comes into force; the database is taken."""


@needs_age
def test_forged_archives_change_nothing(filled: Filled, tmp_path: Path) -> None:
    """Links, devices, names, sizes and modes that `write` never makes are refused."""
    path = sealed(filled)
    forms = hostile(path)
    filled.db.close()
    before = everything(filled.folder)
    for name, members in forms.items():
        for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
            if form != tarfile.USTAR_FORMAT and name not in ("config tag", "setuid", "traversal"):
                continue
            made = forged(tmp_path / "made.age", members, form)
            done = unpacked(filled, made)
            made.unlink()
            if name in UNUSABLE and form != tarfile.GNU_FORMAT:
                assert json.loads(done.stdout)["files"]["config.yaml"]["usable"] is False, name
                assert filled.run("db", "place", "--discard").exit_code == 0
            else:
                assert (done.returncode, done.stdout) == (1, b""), (name, done.stderr)
                assert str(filled.database).encode() not in done.stderr, name  # the fault is in the backup
                assert b"Traceback" not in done.stderr, name
            assert everything(filled.folder) == before, name
    for name in ("/etc/evil", "/evil", "/tmp/evil"):
        assert not Path(name).exists()


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.REGTYPE])
def test_header_of_a_gigabyte_is_refused_without_memory(tmp_path: Path, kind: bytes) -> None:
    """Compressed it has a MiB; the process may have 200 MiB."""
    header = tarfile.TarInfo("about.json")
    header.type, header.size, header.mode = kind, 1 << 30, 0o600
    begin, mebibyte = gzip.compress(header.tobuf(tarfile.USTAR_FORMAT)), gzip.compress(bytes(1 << 20))
    (tmp_path / "bomb").write_bytes(begin + mebibyte * (1 << 10))
    script = (
        "import resource, sys; from hotlined.sealing import archive; from hotlined.errors import SealError\n"
        "resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))\n"
        "try: archive.read(open(sys.argv[1], 'rb'))\n"
        "except SealError: print('refused')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "bomb"], capture_output=True, text=True, check=False
    )
    assert done.stdout == "refused\n", done.stderr


@given(st.binary(max_size=1024), st.integers(0, 511), st.integers(0, 255))
def test_reader_refuses_all_headers_but_its_own(octets: bytes, place: int, octet: int) -> None:
    """Bytes are random, or one byte of the header is changed."""
    header = bytearray(member("about.json", ABOUT)[0].tobuf(tarfile.USTAR_FORMAT))
    header[place] = octet
    for made in (octets, bytes(header) + ABOUT):
        with pytest.raises(SealError):
            archive.read(io.BytesIO(gzip.compress(made)))


ABOUT = b'{"line": "fr", "made_at": "2026-11-30T00:00:00.000Z", "version": "1", "format": 2}'


@needs_age
def test_key_is_found_among_the_text_around_it(filled: Filled) -> None:
    """It comes from `db key`, age-keygen or a person's typing."""
    path = sealed(filled)
    filled.db.close()
    page = "\n".join(key_on_paper(IDENTITY, RECIPIENT))
    for text in (page, f"# created: 2026\n# public key: {RECIPIENT}\n{IDENTITY}\n", f"\ufeff{IDENTITY.lower()}\r\n"):
        done = unpacked(filled, path)
        (filled.folder / "key" / "key").write_text(text)
        command = [sys.executable, "-m", "hotlined", "--config", str(filled.config), "db", "unpack"]
        environment = os.environ | {"CREDENTIALS_DIRECTORY": str(filled.folder / "key")}
        with path.open("rb") as file:
            done = subprocess.run(command, stdin=file, capture_output=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr


@needs_age
def test_restore_refuses_a_running_line(line: Line, disk: Path) -> None:
    """Its daemon has to stop; the restored line answers nobody twice."""
    line.configure(backup={"folder": str(disk), "recipients": [RECIPIENT]})
    line.start()
    line.wait_state("ready")
    line.sim.do("deliver", from_=KEVIN, text="un")
    wait_until(lambda: line.submitted() and line.settled())
    line.cli("db", "backup")
    (line.folder / "key").write_text(IDENTITY)
    command = [sys.executable, "-m", "hotlined", "--config", str(line.config), "db", "unpack"]
    environment = os.environ | {"CREDENTIALS_DIRECTORY": str(line.folder)}

    def unpack() -> "subprocess.CompletedProcess[str]":
        with next(disk.glob("*.age")).open("rb") as file:
            return subprocess.run(command, stdin=file, capture_output=True, text=True, env=environment, check=False)

    refused = unpack()
    assert (refused.returncode, "Another daemon has" in refused.stderr) == (1, True), refused.stderr
    line.stop()
    assert unpack().returncode == 0
    line.cli("db", "place")
    line.start()
    line.wait_state("ready")
    wait_until(lambda: line.count("SELECT count(*) FROM events WHERE kind = 'restored'") == 1)
    assert len(line.submitted()) == 1


@pytest.mark.parametrize("folder", ["hotlined-nl", "elsewhere"])
def test_database_of_a_later_version_names_the_restore_command(tmp_path: Path, folder: str) -> None:
    """The command restores this line's copy from before the upgrade."""
    (tmp_path / folder).mkdir()
    filled = Filled(tmp_path / folder)
    filled.db.connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('hotlined', 'later', '2027')"
    )
    filled.db.close()
    said = " ".join(filled.run("log").stderr.split())

    assert "was written by another version of hotlined (it has later)" in said
    assert f"`sudo hotlined-setup restore {'nl' if folder == 'hotlined-nl' else 'NAME'} --before`" in said


def test_plain_copy_restores_the_database_only(filled: Filled, tmp_path: Path) -> None:
    """The keys stay, and other files are refused."""
    copy = tmp_path / "main-0.1.0.db"
    copy.write_bytes(filled.run("db", "backup", "-").stdout_bytes)
    write_key(filled.database, PINS, b"p" * 32)
    filled.text("after the upgrade")
    filled.db.connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('hotlined', 'later', '2027')"
    )
    filled.db.close()
    octets = filled.database.read_bytes()
    for wrong in (b"", b"hello" * 1000, octets):
        (tmp_path / "wrong").write_bytes(wrong)
        assert unpacked(filled, tmp_path / "wrong", "--plain").returncode in {1, 78}
        assert filled.database.read_bytes() == octets
    done = unpacked(filled, copy, "--plain")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["files"] == {}
    assert filled.run("db", "place").exit_code == 0
    assert beside(filled.database, PINS).read_bytes() == b"p" * 32
    with open_for_daemon(filled.database) as db:
        assert db.value("SELECT max(id) FROM contacts") == 3
        assert backup.quarantine_restored(db, filled.now())


# ---- age of the backup


def told_title(filled: Filled) -> str:
    """Return the headline of the alert about the backup."""
    (trouble,) = [each for each in report_line(load(filled.config)).trouble if each.subject == AlertCondition.BACKUP]
    return trouble.row.known.title


@needs_age
def test_missing_or_old_backup_is_a_trouble(filled: Filled) -> None:
    """Status and alerts report it with a cure until the next backup."""

    def told() -> list[str]:
        return [one["words"] for one in json.loads(filled.run("status", "--json").stdout)["trouble"]]

    assert any("There is no sealed backup yet" in words for words in told())
    assert told_title(filled) == "there is no sealed backup"
    path = sealed(filled)
    assert not any("backup" in words for words in told())
    assert path.name in filled.run("status").stdout
    document = json.loads(filled.run("status", "--json").stdout)["backup"]
    assert (document["name"], document["failure"]) == (path.name, None)
    filled.db.connection.execute("UPDATE line_state SET sealed_limit = sealed_limit - 3 * 86400 - 60")
    assert any("The last sealed backup is of" in words for words in told())
    assert told_title(filled) == "the backup is old"


@needs_age
def test_same_failure_is_written_once(filled: Filled, disk: Path) -> None:
    """Weeks without the stick cost no more writes; the first time stays."""
    disk.rename(away := disk.with_name(f"{disk.name}.away"))
    try:
        assert failure(filled) == (1, "absent")
        since = filled.db.value("SELECT seal_failed_at FROM line_state")
        changes = filled.db.value("PRAGMA data_version")
        assert failure(filled) == (1, "absent")
        assert filled.db.value("PRAGMA data_version") == changes
        assert filled.db.value("SELECT seal_failed_at FROM line_state") == since
    finally:
        away.rename(disk)
    assert failure(filled) == (0, None)


@needs_age
def test_backup_on_the_card_is_told(tmp_path: Path) -> None:
    """A program that carries it elsewhere may read it by its group; command and `status` say that it is there alone."""
    folder = tmp_path / "sealed"
    folder.mkdir()
    filled = Filled(tmp_path, backup={"folder": str(folder), "recipients": [RECIPIENT]})
    with filled.db:
        result = filled.run("db", "backup")
        assert result.exit_code == 0
        assert "only on this card" in " ".join(result.stderr.split())
        (made,) = folder.iterdir()
        assert made.stat().st_mode & 0o777 == 0o640
        assert f"{made.name}, only on this card" in filled.run("status").stdout


def test_folder_for_a_disk_waits_for_its_disk() -> None:
    """A backup never lands on the card below /media or /mnt."""
    root = Path("/")
    if Path("/mnt").stat().st_dev != root.stat().st_dev:
        forbidden("a disk is mounted at /mnt")
    with pytest.raises(SealError) as absent:
        Shelf(Path("/mnt"), "fr").require_disk(root / "hotlined.db")

    assert absent.value.failure == SealFailure.ABSENT


# ---- its page


@needs("openssl")
def test_documented_openssl_commands_work(filled: Filled, tmp_path: Path) -> None:
    """The encrypting machine does not have the private key."""
    before = filled.run("db", "backup", "-").stdout_bytes
    (tmp_path / "Mon.db").write_bytes(before)
    commands = [line for block in blocks(TEXTS["docs/backup.md"], "console") for line in block.splitlines()]
    ours = [line.removeprefix("sudo ") for line in commands if re.match("(sudo )?openssl", line)]
    assert len(ours) == 3
    for command in ours:
        local = command.replace("/var/backups/hotlined/main", str(tmp_path)).replace("/mnt", str(tmp_path))
        if "-encrypt" in local:
            (tmp_path / "key.pem").rename(tmp_path / "elsewhere.pem")
        subprocess.run(local, shell=True, cwd=tmp_path, check=True, capture_output=True)
        if "-encrypt" in local:
            assert SECRET.encode() not in (tmp_path / "Mon.cms").read_bytes()
            (tmp_path / "elsewhere.pem").rename(tmp_path / "key.pem")
            (tmp_path / "Mon.db").unlink()
    assert (tmp_path / "Mon.db").read_bytes() == before


@pytest.mark.parametrize(
    ("page", "heading"),
    [("docs/backup.md", "A new card"), ("docs/fr/sauvegarde.md", "Repartir sur une carte neuve")],
)
def test_page_for_a_new_card_has_at_most_ten_steps(page: str, heading: str) -> None:
    """The French page has the same commands."""
    section = TEXTS[page].partition(f"## {heading}\n")[2].partition("\n## ")[0]
    steps = re.findall(r"^[0-9]+\. .*$", section, re.MULTILINE)
    assert 0 < len(steps) <= 10
    typed = [words for step in steps for words in re.findall("`([^`]+)`", step)]
    assert typed == [
        "sudo mount -o ro /dev/disk/by-label/HOTLINED /mnt",
        "ls /mnt",
        "sudo hotlined-setup restore < /mnt/main-000042-….age",
        "hotlined status",
        "sudo umount /mnt",
        "sudo systemctl enable --now hotlined-offcard@main.timer",
    ]
