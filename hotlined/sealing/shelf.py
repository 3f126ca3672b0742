"""The folder for sealed backups of lines, on a disk that can be full, read-only, or pulled out at any moment.

A backup is written under a temporary name, synced to the disk, read back, and only then gets its name; after that the
oldest backups are removed. The newest is the one with the highest number, because after a start the clock may be in
1970. Several lines can share a folder. Known to be wrong: two lines of one name, on two machines, share their backups.
"""

import contextlib
import errno
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hotlined.conditions import SEAL_FAILURES
from hotlined.database_files import is_on_card
from hotlined.errors import RefusedError, SealError
from hotlined.language import _
from hotlined.machine import files
from hotlined.states import SealFailure

NAME = re.compile(r"(?P<line>[a-z0-9][a-z0-9_]{0,21})-(?P<number>[0-9]{6})-[0-9]{8}T[0-9]{6}Z\.age")
"""The name of a backup: LINE-NUMBER-TIME.age."""
_UNFINISHED = ".unfinished"
_MODE = 0o640  # the folder's group may carry it elsewhere
_PIECE = 256 * 1024
_FAILURES: Mapping[int | None, SealFailure] = {
    errno.ENOENT: SealFailure.ABSENT,
    errno.ENOTDIR: SealFailure.ABSENT,
    errno.ENOSPC: SealFailure.FULL,
    errno.EDQUOT: SealFailure.FULL,
    errno.EFBIG: SealFailure.FULL,
    errno.EROFS: SealFailure.READ_ONLY,
    errno.EACCES: SealFailure.DENIED,
    errno.EPERM: SealFailure.DENIED,
}


def failed(failure: SealFailure, folder: Path) -> SealError:
    """Return the error for a backup that could not be put into a folder."""
    known = SEAL_FAILURES[failure]
    return SealError(known.words.format(folder=folder), known.cure.format(folder=folder), failure)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder, and the line whose backups these methods are about."""

    folder: Path
    line: str

    def backups(self) -> list[Path]:
        """Return the backups of the line, oldest first; raises OSError."""
        found = {path.name: NAME.fullmatch(path.name) for path in self.folder.iterdir()}
        return [self.folder / name for name, match in sorted(found.items()) if match and match["line"] == self.line]

    def require_disk(self, database: Path) -> None:
        """Raise SealError unless the folder is there, and its disk is in if it is where disks are mounted."""
        with self._named_errors():
            is_beside = self.folder.stat().st_dev == database.parent.stat().st_dev
        if is_beside and not is_on_card(self.folder, database):
            raise failed(SealFailure.ABSENT, self.folder)

    @contextlib.contextmanager
    def new(self, now: datetime) -> Iterator["Writing"]:
        """Give a backup to be written; it is removed unless finished. Raises SealError, RefusedError."""
        unfinished = self.folder / f".{self.line}{_UNFINISHED}"
        with self._named_errors():
            descriptor = files.open_plain(unfinished, os.O_RDWR, _MODE)
        try:
            with self._named_errors():
                with contextlib.suppress(PermissionError):  # FAT has no file modes
                    os.fchmod(descriptor, _MODE)
                if not files.lock(descriptor):
                    raise RefusedError(
                        _("Another backup is being written to {folder}.", folder=self.folder), _("Wait until it ends.")
                    )
                os.ftruncate(descriptor, 0)  # drop the rest of a write that was cut off
                try:
                    yield Writing(self, descriptor, unfinished, now)
                finally:
                    with contextlib.suppress(OSError):  # the file has its name by now, or the disk is gone
                        unfinished.unlink()
        finally:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def keep(self, count: int) -> None:
        """Remove all backups except the newest `count`; one that cannot be removed stays."""
        for path in self.backups()[:-count]:
            with contextlib.suppress(OSError):
                path.unlink()

    def make_room(self) -> bool:
        """Remove the oldest backup unless it is the only one; return whether it was removed."""
        with contextlib.suppress(OSError):
            oldest, *others = self.backups()
            if others:
                oldest.unlink()
                files.sync(self.folder)
                return True
        return False

    def next_number(self) -> int:
        """Return the number of the next backup."""
        numbers = [int(match["number"]) for path in self.backups() if (match := NAME.fullmatch(path.name))]
        return max(numbers, default=0) + 1

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Raise an OSError of the disk as a SealError; an unknown error means that the disk was lost."""
        try:
            yield
        except OSError as error:
            raise failed(_FAILURES.get(error.errno, SealFailure.LOST), self.folder) from error


class Writing:
    """A backup that is being written; it has no name until `finish`."""

    def __init__(self, shelf: Shelf, descriptor: int, path: Path, now: datetime) -> None:
        self._shelf, self._descriptor, self._path, self._now = shelf, descriptor, path, now
        self._digest, self.octets = hashlib.sha256(), 0

    def write(self, octets: bytes) -> None:
        """Write the next bytes; raises OSError."""
        self._digest.update(octets)
        self.octets += len(octets)
        view = memoryview(octets)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def finish(self) -> Path:
        """Sync it to the disk, read it back, give it its name, and return its path; raises OSError, SealError."""
        os.fsync(self._descriptor)
        with contextlib.suppress(OSError):  # some file systems cannot do this: then the backup is read back from memory
            os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        if self._read_back() != self._digest.digest():
            raise failed(SealFailure.ALTERED, self._shelf.folder)
        name = f"{self._shelf.line}-{self._shelf.next_number():06}-{self._now:%Y%m%dT%H%M%SZ}.age"
        path = self._path.with_name(name)
        self._path.rename(path)
        files.sync(self._shelf.folder)
        return path

    def _read_back(self) -> bytes:
        digest, done = hashlib.sha256(), 0
        while piece := os.pread(self._descriptor, _PIECE, done):
            digest.update(piece)
            done += len(piece)
        return digest.digest()
