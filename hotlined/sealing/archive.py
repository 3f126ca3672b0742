"""What a sealed backup holds: a compressed tar whose last member is the database, written and read as a stream.

Any tar opens it, once age has. What is read of one is taken by name and by size alone: whoever knows the recipient can
make a file that opens.
"""

import io
import json
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import IO

from hotlined.errors import SealError
from hotlined.files import LARGEST
from hotlined.language import _
from hotlined.store import database_files
from hotlined.store.snapshot import Snapshot

FORMAT = 1
_ABOUT, DATABASE = "about.json", "hotlined.db"
CONFIG, ANSWER = "config.yaml", "answer.txt"
KEY, PINS = "hotlined.db.key", "hotlined.db.pins"
ACCOUNTS, PIN, URLS = "accounts", "pin", "urls"
BESIDE = {KEY: database_files.KEY, PINS: database_files.PINS}
"""Those that lie beside the database, and what they are called after it."""
SMALL = (CONFIG, ANSWER, *BESIDE, ACCOUNTS, PIN, URLS)
"""What may stand before the database, by name: the configuration, the answer's file, the keys beside the database, the
accounts of the desk, the SIM's PIN and the addresses of alerts if they are not in the configuration."""
_LEVEL = 1  # of compression: a Pi spends its time on it, and texts shrink to a quarter all the same
_GZIP = 16 + zlib.MAX_WBITS
_PIECE = 64 * 1024
# tarfile reads numbers of a header without looking whether they are any, and adds them up
_SPOILED = (tarfile.TarError, OSError, EOFError, zlib.error, ValueError, OverflowError)


@dataclass(frozen=True, slots=True)
class About:
    """Of which line a backup is, what its paths are called by, when it was made, and by which version."""

    line: str
    name: str
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
    member.size, member.mode = octets, 0o600
    return member


class _Squeezed:
    """A stream that is compressed as it is written."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out, self._squeeze = out, zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)

    def write(self, octets: bytes) -> int:
        self._out.write(self._squeeze.compress(octets))
        return len(octets)

    def finish(self) -> None:
        self._out.write(self._squeeze.flush())


class _Pieces(io.RawIOBase):
    """Pieces, read as a file is."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""

    def read(self, size: int = -1) -> bytes:
        while not self._rest and (piece := next(self._pieces, b"")):
            self._rest = piece
        read, self._rest = self._rest[:size], self._rest[size:]
        while 0 < len(read) < size and (piece := next(self._pieces, b"")):
            read, self._rest = read + piece[: size - len(read)], piece[size - len(read) :]
        return read


@dataclass(frozen=True, slots=True)
class Opened:
    """A backup that is read: what stands before its database, and the stream that the database comes in."""

    about: About
    small: Mapping[str, bytes]
    octets: int
    database: IO[bytes]

    def pieces(self) -> Iterator[bytes]:
        """Yield the octets of the database; raises SealError where the file ends before them."""
        left = self.octets
        if left < 0:
            raise _no_backup()
        while left:
            try:
                piece = self.database.read(min(_PIECE, left))
            except _SPOILED as error:
                raise _no_backup() from error
            if not piece:
                raise _no_backup()
            left -= len(piece)
            yield piece


def read(stream: IO[bytes]) -> Opened:
    """Read a backup up to its database; raises SealError for what is none."""
    small: dict[str, bytes] = {}
    try:
        tar = tarfile.open(fileobj=stream, mode="r|gz")  # noqa: SIM115  its last member is read later
        for member in tar:
            file = tar.extractfile(member) if member.isreg() else None
            if file is None or member.name not in (_ABOUT, DATABASE, *SMALL):
                continue
            if member.name == DATABASE:
                return Opened(_about(small.pop(_ABOUT, b"")), MappingProxyType(small), member.size, file)
            if member.size > LARGEST:
                break
            small[member.name] = file.read()
    except _SPOILED as error:
        raise _no_backup() from error
    raise _no_backup()


def _about(octets: bytes) -> About:
    try:
        found = json.loads(octets)
        about = About(
            **{name: str(found[name]) for name in ("line", "name", "made_at", "version")}, format=found["format"]
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _no_backup() from error
    if about.format != FORMAT:
        raise SealError(
            _("A later version of hotlined made this backup ({version}).", version=about.version),
            _("Install that version, then restore it."),
        )
    return about


def _no_backup() -> SealError:
    return SealError(
        _("The file is not a whole backup of a line."), _("Take another one: each of them stands on its own.")
    )
