"""The content of a sealed backup: a compressed tar whose last member is the database, written and read as a stream.

A person can open it without hotlined, with the programs age and tar. The recipient (age's public key) is no secret, so
anybody can make a file that age opens with the line's key. Therefore `read` accepts only what `write` writes: plain
headers of USTAR (the standard form of tar), regular files, each name once, limited sizes, and nothing after the end.
"""

import gzip
import io
import json
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import IO, Any, Protocol

from hotlined import database_files
from hotlined.config import LARGEST_ANSWER
from hotlined.config.keys import LINE_NAME
from hotlined.errors import SealError
from hotlined.language import _
from hotlined.machine.files import LARGEST
from hotlined.pseudonym import KEY_OCTETS
from hotlined.store.file.snapshot import Snapshot

FORMAT = 2
_ABOUT, DATABASE = "about.json", "hotlined.db"
CONFIG, ANSWER = "config.yaml", "answer.txt"
KEY, FLEET, PINS = "hotlined.db.key", "hotlined.db.fleet", "hotlined.db.pins"
PIN, URLS = "pin", "urls"
BESIDE = {KEY: database_files.KEY, FLEET: database_files.FLEET, PINS: database_files.PINS}
"""The members that are files beside the database, with the endings that are added to its name for them."""
LARGEST_MEMBERS = {
    _ABOUT: 4096,
    CONFIG: LARGEST,
    ANSWER: LARGEST_ANSWER + 1,
    KEY: KEY_OCTETS,
    FLEET: KEY_OCTETS,
    PINS: KEY_OCTETS,
    PIN: LARGEST,
    URLS: LARGEST,
    DATABASE: 4 << 30,
}
"""The members that a backup may have, with their largest sizes in bytes.

They are the configuration, the answer's file, the keys beside the database, the SIM's PIN and the addresses of alerts
if they are not in the configuration, and the database.
"""
_LEVEL = 1  # of compression, the fastest: a Pi is slow, and texts still shrink to a quarter
_GZIP = 16 + zlib.MAX_WBITS  # makes zlib write the header and the end of a gzip file
_PIECE = 64 * 1024
_MODE = 0o600
_USTAR = b"ustar\x0000"  # magic and version; GNU's tar writes others
# bytes, at most, after the last member of a tar: two blocks of zeros, and zeros up to a multiple of a record
_BEHIND = tarfile.RECORDSIZE + 2 * tarfile.BLOCKSIZE
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_VERSION = re.compile(r"[0-9A-Za-z.+~-]{1,60}")
# the errors that a spoiled file causes; ValueError and OverflowError because tarfile does not check a header's numbers
_SPOILED = (tarfile.TarError, OSError, EOFError, zlib.error, ValueError, OverflowError)


@dataclass(frozen=True, slots=True)
class About:
    """The line of a backup, when it was made, and by which version."""

    line: str
    made_at: str
    version: str
    format: int = FORMAT


def write(out: IO[bytes], about: About, small: Mapping[str, bytes], database: Snapshot) -> None:
    """Write a backup to a stream, piece by piece."""
    squeezed = _Squeezed(out)
    with tarfile.open(fileobj=squeezed, mode="w|", format=tarfile.USTAR_FORMAT) as tar:  # type: ignore[call-overload]
        for name, octets in {_ABOUT: json.dumps(asdict(about)).encode(), **small}.items():
            tar.addfile(_member(name, len(octets)), io.BytesIO(octets))
        tar.addfile(_member(DATABASE, database.octets), _Pieces(database.pieces()))
    squeezed.finish()


def _member(name: str, octets: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = octets, _MODE
    return member


class _Squeezed:
    """A stream that compresses while it is written."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out, self._squeeze = out, zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)

    def write(self, octets: bytes) -> int:
        self._out.write(self._squeeze.compress(octets))
        return len(octets)

    def finish(self) -> None:
        self._out.write(self._squeeze.flush())


class _Pieces(io.RawIOBase):
    """A sequence of pieces that can be read like a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""

    def read(self, size: int = -1) -> bytes:
        while not self._rest and (piece := next(self._pieces, b"")):
            self._rest = piece
        read, self._rest = self._rest[:size], self._rest[size:]
        while 0 < len(read) < size and (piece := next(self._pieces, b"")):
            read, self._rest = read + piece[: size - len(read)], piece[size - len(read) :]
        return read


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A backup that is being read: everything before its database, and the stream from which the database comes."""

    about: About
    small: Mapping[str, bytes]
    octets: int
    stream: _Readable

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes of the database; raises SealError if the backup does not end after them."""
        left = self.octets
        try:
            while left:
                piece = self.stream.read(min(_PIECE, left))
                if not piece:
                    raise _no_backup()
                left -= len(piece)
                yield piece
            _exactly(self.stream, -self.octets % tarfile.BLOCKSIZE)
            behind = _up_to(self.stream, _BEHIND)
            if any(behind) or len(behind) < 2 * tarfile.BLOCKSIZE or self.stream.read(1):
                raise _no_backup()
        except _SPOILED as error:
            raise _no_backup() from error


def read(stream: IO[bytes]) -> Opened:
    """Read a backup up to its database; raises SealError if it is not a backup."""
    plain = gzip.GzipFile(fileobj=stream)
    small: dict[str, bytes] = {}
    try:
        while True:
            name, octets = _header(_exactly(plain, tarfile.BLOCKSIZE))
            if name in small:
                raise _no_backup()
            if name == DATABASE:
                break
            small[name] = _exactly(plain, octets)
            _exactly(plain, -octets % tarfile.BLOCKSIZE)
    except _SPOILED as error:
        raise _no_backup() from error
    about = _about(small.pop(_ABOUT, b""))
    if CONFIG not in small:
        raise _no_backup()
    return Opened(about, MappingProxyType(small), octets, plain)


def _header(block: bytes) -> tuple[str, int]:
    """Return the name and the size of a member; raises SealError for a member that `write` does not make."""
    member = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    is_plain = (
        block[257:265] == _USTAR
        and block[156:157] == tarfile.REGTYPE
        and not any(block[345:])  # the field for long names in USTAR
        and not member.linkname
        and member.mode == _MODE
    )
    if not is_plain or not 0 <= member.size <= LARGEST_MEMBERS.get(member.name, -1):
        raise _no_backup()
    return member.name, member.size


def _up_to(stream: _Readable, most: int) -> bytes:
    """Return the next bytes of a stream, fewer than `most` only at its end."""
    found = b""
    while len(found) < most and (piece := stream.read(most - len(found))):
        found += piece
    return found


def _exactly(stream: _Readable, octets: int) -> bytes:
    found = _up_to(stream, octets)
    if len(found) < octets:
        raise _no_backup()
    return found


def _about(octets: bytes) -> About:
    try:
        found = json.loads(octets)
        if isinstance(found, dict) and (version := found.get("format")) != FORMAT and isinstance(version, int):
            raise SealError(
                _("Another version of hotlined made this backup."), _("Install that version, then restore it.")
            )
        about = _sound(found)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _no_backup() from error
    return about


def _sound(found: Any) -> About:
    """Return a backup's description of itself; raises ValueError, KeyError or TypeError if it is malformed."""
    about = About(**found)
    is_sound = (
        set(found) == {field.name for field in fields(About)}
        and re.fullmatch(LINE_NAME.pattern, about.line)
        and _MOMENT.fullmatch(about.made_at)
        and _VERSION.fullmatch(about.version)
    )
    if not is_sound:
        raise ValueError
    return about


def _no_backup() -> SealError:
    return SealError(
        _("The file is not a whole backup of a line."), _("Take another one: each of them is complete by itself.")
    )
