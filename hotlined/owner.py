"""Whose a line is, and who this person is: as root the program becomes the line's user before it opens anything of it.

A folder that a line's user or its group can write is no place for root: whatever lies there may be a link.
"""

import contextlib
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

DESK_USER = "hotweb-"
"""How the user begins that the desk of a line runs as; the line's name follows. `hotlined-web-…` may be a line's."""
_MOST_LINKS = 40  # that Linux follows on the way to a file: path_resolution(7)


def who() -> str:
    """Return the name of the person who runs this: of the one who became root with sudo; `uid 1003` without a name."""
    uid = os.getuid()
    person = os.environ.get("SUDO_UID", "")
    if uid == 0 and person.isascii() and person.isdigit():
        uid = int(person)
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return f"uid {uid}"


def become(database: Path) -> bool:
    """As root become the owner of the database, or of the folder that it is to be in; return whether that happened.

    For good: nothing brings root back. It stays root only where file and folders are root's: whoever owns one of them
    decides what lies there, be it a link to a file of root's or of another line.
    """
    if os.geteuid() != 0:
        return False
    owner = _maybe_owner(database)
    if owner is None:
        return False
    uid, gid = owner
    try:
        person = pwd.getpwuid(uid)
    except KeyError:
        os.setgroups([gid])
    else:
        gid = person.pw_gid
        os.setgroups(os.getgrouplist(person.pw_name, gid))
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    return True


def _maybe_owner(database: Path) -> tuple[int, int] | None:
    """Return the first that is not root of the file's owner and those of the folders above it, the nearest first.

    A link counts as it is and not as what it leads to; only one that nobody but root could make is followed.
    """
    for path in _followed(database.absolute()):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if status.st_uid != 0:
                return status.st_uid, status.st_gid
    return None


def _followed(path: Path) -> Iterator[Path]:
    """Yield a path and the folders above it, then the same of where each link on the way leads to."""
    for _ in range(_MOST_LINKS):
        yield path
        yield from path.parents
        link = next((each for each in (*reversed(path.parents), path) if os.path.islink(each)), None)  # noqa: PTH114  no error where it may not be looked
        if link is None:
            return
        path = link.parent / link.readlink() / path.relative_to(link)


class Written:
    """A file that a person has named, as it is written: what it was before stays until `finish`."""

    def __init__(self, descriptor: int, done: int) -> None:
        self._descriptor = descriptor
        self._done = done

    def write(self, octets: bytes) -> None:
        """Write on."""
        view = memoryview(octets)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def finish(self) -> None:
        """Say that it is whole: it takes the place of what was there."""
        os.write(self._done, b"!")


@contextlib.contextmanager
def written(path: Path, mode: int = 0o640) -> Iterator[Written]:
    """Open a file that a person has named before this process becomes somebody else, and let that person write it.

    A process of its own, which opens nothing else, keeps the person's rights and puts the file in its place once it is
    whole and on the disk. Raises OSError where the person may not write there.
    """
    new = path.with_name(path.name + ".new")
    try:
        new.unlink(missing_ok=True)  # of one that was cut off
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    except OSError as error:
        error.filename = os.fspath(path)  # what was asked for, not the file beside it
        raise
    with contextlib.suppress(PermissionError):  # a stick with FAT knows no rights
        os.fchmod(descriptor, mode)
    heard, done = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        os.close(done)
        os._exit(_keep(heard, descriptor, new, path))
    os.close(heard)
    try:
        yield Written(descriptor, done)
    finally:
        os.close(done)
        os.close(descriptor)
        failed = os.waitstatus_to_exitcode(os.waitpid(keeper, 0)[1])
    if failed:
        raise OSError(failed, os.strerror(failed), os.fspath(path))


def _keep(heard: int, descriptor: int, new: Path, path: Path) -> int:
    """Wait for the end of the writing, and return an errno: 0 where the file is in its place, or was given up."""
    try:
        whole = os.read(heard, 1)
        if not whole:
            new.unlink()
            return 0
        os.fsync(descriptor)
        new.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
    except OSError as error:
        return error.errno or 1
    return 0
