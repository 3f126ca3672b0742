"""Files in a folder that other programs write too: no name in it is trusted to be what it was.

Nothing is followed that may be a link, nothing is waited for that may be a FIFO, nothing is read without end, and what
is new appears whole. Known to be wrong: what is replaced may be lost in a power cut, where `durable` is not asked for.
"""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from hotlined import person
from hotlined.errors import UsageError
from hotlined.language import _

LARGEST = 4 << 20  # octets of a file that is read: a configuration in force has 128 KiB at most, and is written as JSON
_SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_plain(path: Path, flags: int, mode: int | None = None) -> int:
    """Open a regular file and return its descriptor; with a mode it is made where there is none, and ours gets it.

    Raises OSError, also for a link and for anything that is no regular file.
    """
    descriptor = os.open(path, flags | _SAFELY | (os.O_CREAT if mode is not None else 0), mode or 0)
    try:
        _require_plain(descriptor, path, mode)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def open_new(path: Path, mode: int) -> int:
    """Make a file and return its descriptor; raises FileExistsError where anything has its name, OSError."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)


@contextlib.contextmanager
def open_folder(path: Path) -> Iterator[int]:
    """Give the descriptor of a folder; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def lock(descriptor: int) -> bool:
    """Lock an open file or folder against other processes until it is closed; return whether it was free.

    Nothing is waited for. Raises OSError where the file system knows no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sync(folder: Path) -> None:
    """Bring the names in a folder to the disk; raises OSError."""
    with open_folder(folder) as descriptor:
        os.fsync(descriptor)


def _require_plain(descriptor: int, path: Path, mode: int | None) -> None:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, _("this is no regular file"), os.fspath(path))
    if mode is not None and found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) != mode:
        os.fchmod(descriptor, mode)


def read(path: Path, owner: int | None = None) -> str:
    """Return the text of a regular file, of this owner if one is named; raises OSError, or ValueError if it is huge."""
    with os.fdopen(open_plain(path, os.O_RDONLY), "rb") as file:
        if owner is not None and os.fstat(file.fileno()).st_uid != owner:
            raise PermissionError(errno.EACCES, _("this is somebody else's"), os.fspath(path))
        octets = file.read(LARGEST + 1)
    if len(octets) > LARGEST:
        raise ValueError(_("{path} is larger than anything that is read here", path=path))
    return octets.decode()


def replace(path: Path, octets: bytes, mode: int, *, beside: Path | None = None, durable: bool = False) -> None:
    """Put a new file in the place of whatever has its name, whole or not at all; a folder there is an OSError.

    Whoever owns the file `beside` owns it too, if that may be given away. A durable one is on the disk afterwards.
    """
    new = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    descriptor = open_new(new, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            with contextlib.suppress(PermissionError):  # a stick with FAT knows no rights
                os.fchmod(descriptor, mode)
            if beside is not None:
                owner = beside.stat()
                with contextlib.suppress(PermissionError):
                    os.fchown(descriptor, owner.st_uid, owner.st_gid)
            if durable:
                os.fsync(descriptor)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    if durable:
        sync(path.parent)


def keep(path: Path) -> None:
    """Have on the disk what stands in a file, whoever has written it; a file that cannot be read is left alone."""
    with contextlib.suppress(OSError):
        descriptor = open_plain(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def create(path: Path) -> Iterator[BinaryIO]:
    """Make a file that a person has named, for that person alone, and give it to be written; it is whole or taken away.

    Raises UsageError where something has the name, and for root: a name may lead where only root can write. OSError.
    """
    if person.is_for_root():
        raise UsageError(
            _("Root opens no file by its name: {file}.", file=path),
            _("Type `- > {file}` instead: then your shell opens it.", file=path),
        )
    try:
        descriptor = open_new(path, 0o600)
    except FileExistsError as error:
        raise UsageError(_("{file} is there already.", file=path), _("Name a file that is not.")) from error
    made = os.fstat(descriptor)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    except BaseException:
        with contextlib.suppress(OSError):
            if os.path.samestat(path.lstat(), made):  # else somebody has put something else there
                path.unlink()
        raise


def is_missing(path: Path | None) -> bool:
    """Tell whether a file is certainly not there: one that only the daemon may see may well be."""
    try:
        return path is not None and not path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
