"""Files in folders that other programs write to as well: the file behind a name may be replaced at any moment.

These functions follow no link, wait for no FIFO, and read no file without a limit; a new file appears whole.
Known to be wrong: without `durable`, a power cut may lose a file that was just replaced.
"""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from hotlined.errors import UsageError
from hotlined.language import _
from hotlined.machine import person

LARGEST = 4 << 20  # bytes that are read: status files are the largest, with a configuration of up to 128 KiB as JSON
_SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_plain(path: Path, flags: int, mode: int | None = None) -> int:
    """Open a regular file and return its descriptor.

    With a `mode`, a missing file is created, and a file of this user's gets that mode.
    Raises OSError, also for a link and for anything else that is not a regular file.
    """
    descriptor = os.open(path, flags | _SAFELY | (os.O_CREAT if mode is not None else 0), mode or 0)
    try:
        _require_plain(descriptor, path, mode)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def open_new(path: Path, mode: int) -> int:
    """Create a file and return its descriptor; raises FileExistsError if anything has its name, and OSError."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)


@contextlib.contextmanager
def open_folder(path: Path) -> Iterator[int]:
    """Open a folder and yield its descriptor; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def lock(descriptor: int) -> bool:
    """Lock an open file or folder against other processes until it is closed; return whether it was free.

    It does not wait. Raises OSError if the file system has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sync(folder: Path) -> None:
    """Write the names in a folder to the disk; raises OSError."""
    with open_folder(folder) as descriptor:
        os.fsync(descriptor)


def _require_plain(descriptor: int, path: Path, mode: int | None) -> None:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, _("this is not a regular file"), os.fspath(path))
    if mode is not None and found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) != mode:
        os.fchmod(descriptor, mode)


def read(path: Path, owner: int | None = None) -> str:
    """Return the text of a regular file in UTF-8.

    Raises OSError, PermissionError for a file that `owner` (a user ID) does not own, and ValueError for a file that has
    more than `LARGEST` bytes or is not UTF-8.
    """
    with os.fdopen(open_plain(path, os.O_RDONLY), "rb") as file:
        if owner is not None and os.fstat(file.fileno()).st_uid != owner:
            raise PermissionError(errno.EACCES, _("this is somebody else's"), os.fspath(path))
        octets = file.read(LARGEST + 1)
    if len(octets) > LARGEST:
        raise ValueError(_("{path} is larger than anything that is read here", path=path))
    return octets.decode()


def replace(path: Path, octets: bytes, mode: int, *, beside: Path | None = None, durable: bool = False) -> None:
    """Write a new file and move it to `path`, whole or not at all; it replaces a file or a link of that name.

    It gets the owner of the file `beside`, if this process may give files away. With `durable`, file and name are on
    the disk afterwards. Raises OSError, also if a folder has the name.
    """
    new = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    descriptor = open_new(new, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            with contextlib.suppress(PermissionError):  # a stick with FAT has no modes
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
    """Write the content of a file to the disk, also if another program wrote it; skip a file that cannot be read."""
    with contextlib.suppress(OSError):
        descriptor = open_plain(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def create(path: Path) -> Iterator[BinaryIO]:
    """Create a file that a person named, readable only by that person, and give it for writing.

    If the writing fails, the file is removed. Raises OSError; UsageError if the name is in use, and for root: the name
    may lead, by a link, to a place where only root can write.
    """
    if person.is_for_root():
        raise UsageError(
            _("Root opens no file by its name: {file}.", file=path),
            _("Type `- > {file}` instead: then your shell opens it.", file=path),
        )
    try:
        descriptor = open_new(path, 0o600)
    except FileExistsError as error:
        raise UsageError(_("{file} is there already.", file=path), _("Name a file that does not exist yet.")) from error
    made = os.fstat(descriptor)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    except BaseException:
        with contextlib.suppress(OSError):
            if os.path.samestat(path.lstat(), made):  # else another program has put its own file there
                path.unlink()
        raise


def is_missing(path: Path | None) -> bool:
    """Tell whether a file certainly does not exist; a file that this user may not see may exist."""
    try:
        return path is not None and not path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
