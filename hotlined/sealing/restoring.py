"""Opens a backup for `hotlined-setup restore`: stages database and keys, and hands the rest back.

Staged files wait beside their place until a person has agreed. All of this runs as the line's user, because anybody who
knows the recipient may have made the backup. Root takes the bytes of configuration, answer, PIN and addresses
unchanged, and shows what is written here; see debian/hotlined-setup.
"""

import base64
import contextlib
import shlex
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hotlined.config import Config, load, parse, parse_octets
from hotlined.config import differences as differing
from hotlined.errors import ConfigError
from hotlined.language import _
from hotlined.machine.files import is_missing
from hotlined.sealing import age, archive
from hotlined.store.file.trouble import DatabaseTrouble
from hotlined.store.people import backup
from hotlined.words.harmless import harmless
from hotlined.words.times import moment

_LINES = 60  # at most, when an answer is shown
_PIECE = 64 * 1024


def _installed(path: Path) -> Config:
    """Return the configuration installed here, all defaults if there is none; raises ConfigError if it is broken."""
    return parse('answer: {text: "?"}', path) if is_missing(path) else load(path)


def place_of_database(path: Path) -> Path:
    """Return the place of a line's database: from the configuration installed here, else the default."""
    return _installed(path).database


@dataclass(frozen=True, slots=True)
class UnpackedFile:
    """A file for root to write: its bytes in base64, the lines to show about it, and whether it can be used."""

    octets: str
    shown: list[str]
    usable: bool


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The part of a backup that root needs: sentences about it, and its files by name."""

    said: list[str]
    files: dict[str, UnpackedFile]


def unpack(file: IO[bytes], identity: str, path: Path) -> Unpacked:
    """Stage the content of a sealed backup for the line of the configuration `path`; return the part that root needs.

    Raises SealError and StoreError if the backup cannot be used, and OSError.
    """
    database = place_of_database(path)
    try:
        with age.opened(file, identity) as stream:
            opened = archive.read(stream)
            secrets = {ending: opened.small[name] for name, ending in archive.BESIDE.items() if name in opened.small}
            backup.stage(database, opened.pieces(), opened.about.made_at, secrets)
    except BaseException:
        backup.discard(database)
        raise
    about = opened.about
    said = _(
        "This is a backup of the line {line}, made {moment} by version {version}.",
        line=about.line,
        moment=moment(about.made_at, dated=True),
        version=about.version,
    )
    return Unpacked([said], dict(_files(opened.small, path, database)))


def unpack_plain(file: IO[bytes], path: Path) -> Unpacked:
    """Stage a copy of the database that was made before an upgrade; the keys stay. Raises as `unpack` does."""
    database = place_of_database(path)
    made_at = backup.stage(database, iter(lambda: file.read(_PIECE), b""), None, None)
    said = _("This is the database as it was {moment}.", moment=moment(made_at, dated=True))
    return Unpacked([said], {})


def place(path: Path) -> list[str]:
    """Put the staged files in place; return sentences about it, the last one about the contacts left behind."""
    database = place_of_database(path)
    try:
        placed = backup.place(database)
    except sqlite3.Error as error:
        raise DatabaseTrouble.of(error).as_error(database) from error
    return list(_placed(placed, path.stem))


def discard(path: Path) -> None:
    """Remove the staged files if they are not wanted."""
    backup.discard(place_of_database(path))


def _placed(placed: backup.Placed, name: str) -> Iterator[str]:
    said_stop = _("opted out")
    if placed.decided:
        yield _(
            "These numbers were blocked or opted out since. So that they are not answered, type, once the line runs:"
        )
    for number, opted_out in placed.decided:
        command = shlex.join(("hotlined", "--line", name, "block", harmless(number)))
        yield f"{command}  # {said_stop}" if opted_out else command
    since = moment(placed.made_at, dated=True)
    if placed.aside is None:
        yield _("There was no database here before.")
    elif placed.contacts is None:
        yield _(
            "The database that was here is in {folder}, which `forget` does not reach; what it had received cannot be"
            " read.",
            folder=placed.aside,
        )
    else:
        yield _(
            "Contacts that the database that was here had received since {moment}: {number}. It is in {folder},"
            " which `forget` does not reach.",
            number=placed.contacts,
            moment=since,
            folder=placed.aside,
        )


def _files(small: Mapping[str, bytes], path: Path, database: Path) -> Iterator[tuple[str, UnpackedFile]]:
    """Yield each file for root to write, with its name."""
    for name in (archive.CONFIG, archive.ANSWER, archive.PIN, archive.URLS):
        if (octets := small.get(name)) is None:
            continue
        usable = True
        if name == archive.CONFIG:
            usable, shown = _configuration(octets, path, database)
        elif name == archive.ANSWER:
            shown = [*_answer(octets, path)]
        elif name == archive.URLS:
            shown = [*_addresses(octets)]
        else:
            shown = [_("A PIN for the SIM.")]
        yield name, UnpackedFile(base64.b64encode(octets).decode(), shown, usable)


def _configuration(octets: bytes, path: Path, database: Path) -> tuple[bool, list[str]]:
    """Return whether a configuration can be used here, and the changes that it makes or its faults."""
    try:
        coming = parse_octets(octets, path)
    except ConfigError as error:
        return False, [_("It cannot be used:"), *map(harmless, error.problems or (error.message,))]
    if coming.database.resolve() != database.resolve():
        words = _(
            "It has the database at {theirs}, and here it is at {ours}: with it the line would begin an empty one.",
            theirs=harmless(str(coming.database)),
            ours=database,
        )
        return False, [words]
    changes = [
        _("{key}: {coming} instead of {installed}", key=key, coming=harmless(new), installed=harmless(old))
        for key, old, new in differing(_installed(path), coming)
    ]
    return True, changes or [_("It says what the one that is here says.")]


def _answer(octets: bytes, path: Path) -> Iterator[str]:
    """Yield the answer in a backup, and the one that is here."""
    here = b""
    with contextlib.suppress(OSError):
        here = path.with_name(f"{path.stem}.txt").read_bytes()
    if here == octets:
        yield _("It is the one that is here.")
        return
    for title, text in ((_("In the backup:"), octets), (_("Here:"), here)):
        lines = text.decode("utf-8-sig", "replace").strip().splitlines()
        yield title
        yield from (f"  {harmless(each)}" for each in lines[:_LINES] or [_("(nothing: nobody is answered)")])


def _addresses(octets: bytes) -> Iterator[str]:
    """Yield the kind of each address; the rest of it is a secret."""
    for each in octets.decode(errors="replace").split()[:_LINES]:
        yield f"{harmless(each.partition(':')[0][:20])}://***"
