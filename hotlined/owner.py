"""Whose a line is, and who this person is: as root the program becomes the line's user before it opens anything of it.

A folder that a line's user or its group can write is no place for root: whatever lies there may be a link.
"""

import contextlib
import errno
import os
import pwd
import signal
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
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

    It gets its name once it is whole and on the disk. Raises OSError where the person may not write there.
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

    def keep(*, is_whole: bool) -> None:
        if not is_whole:
            new.unlink()
            return
        os.fsync(descriptor)
        new.replace(path)
        _sync_folder(path.parent)

    with _keeper(path, (descriptor,), keep) as done:
        yield Written(descriptor, done)


@contextlib.contextmanager
def _keeper(
    path: Path, descriptors: Iterable[int], keep: Callable[..., None], begin: Callable[[], None] = lambda: None
) -> Iterator[int]:
    """Start a process that keeps the person's rights, and give a pipe: a word in it says that all is whole.

    The process opens nothing else. It begins with `begin`; `keep` gives what was written its name, or takes it away
    where the pipe ends without a word. Raises OSError for what failed there.
    """
    heard, done = os.pipe()
    # the terminal's signals reach it too, and it has to tidy up: so they are blocked before it is there
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGHUP, signal.SIGTERM))
    keeper = os.fork()
    if keeper == 0:
        code = 1
        try:
            os.close(done)
            begin()
            keep(is_whole=os.read(heard, 1) != b"")
            code = 0
        except OSError as error:
            code = error.errno or 1
        finally:
            os._exit(code)  # whatever was raised: it is a copy of whoever wrote, and nothing that is open is its own
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    os.close(heard)
    try:
        yield done
    finally:
        for descriptor in (done, *descriptors):
            os.close(descriptor)
        failed = os.waitstatus_to_exitcode(os.waitpid(keeper, 0)[1])
    if failed:
        raise OSError(failed, os.strerror(failed), os.fspath(path))


def _sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class WrittenFolder:
    """A folder that a person has named, as it is written: nothing lies under its name until `finish`."""

    def __init__(self, files: Mapping[str, int], done: int) -> None:
        self._files = files
        self._done = done

    def write(self, name: str, octets: bytes) -> None:
        """Write one of its files."""
        view = memoryview(octets)
        while view:
            view = view[os.write(self._files[name], view) :]

    def finish(self) -> None:
        """Say that it is whole: it gets its name."""
        os.write(self._done, b"!")


UNFINISHED = ".unfinished"
"""What a folder's name ends with until it is whole, and if the machine stops before."""


@contextlib.contextmanager
def written_folder(folder: Path, names: Iterable[str]) -> Iterator[WrittenFolder]:
    """Make a folder that a person has named, with empty files, before this process becomes somebody else.

    It and they are that person's alone: of whoever became root with sudo, too. It gets its name once all is on the
    disk, and everything is taken away where that is given up.
    Raises OSError where the person may not write there, or the folder is there and not empty.
    """
    new = folder.with_name(folder.name + UNFINISHED)
    with _as_person():
        if os.path.lexists(folder):
            _require_empty(folder)
        new.mkdir(0o700)
        opened = os.open(new, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        files = {name: os.open(name, flags, 0o600, dir_fd=opened) for name in names}

    def keep(*, is_whole: bool) -> None:
        if not is_whole:
            for name in files:
                os.unlink(name, dir_fd=opened)
            new.rmdir()
            return
        for descriptor in (*files.values(), opened):
            os.fsync(descriptor)
        new.rename(folder)  # in the place of an empty one, or of nothing
        _sync_folder(folder.parent)

    with _keeper(folder, (opened, *files.values()), keep, begin=_become_person) as done:
        yield WrittenFolder(files, done)


def _require_empty(folder: Path) -> None:
    """Raise OSError unless a folder is one, itself and no link, and empty."""
    if not stat.S_ISDIR(folder.lstat().st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), os.fspath(folder))
    with os.scandir(folder) as entries:
        if any(entries):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), os.fspath(folder))


def _maybe_person() -> tuple[int, int, list[int]] | None:
    """Return user, group and groups of the person who became root with sudo; None where this process is the person."""
    uid, gid = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if os.geteuid() != 0 or not (uid.isascii() and uid.isdigit() and gid.isascii() and gid.isdigit()):
        return None
    try:
        groups = os.getgrouplist(pwd.getpwuid(int(uid)).pw_name, int(gid))
    except (KeyError, OverflowError):
        groups = [int(gid)]
    return int(uid), int(gid), groups


@contextlib.contextmanager
def _as_person() -> Iterator[None]:
    """Open and make files with the rights of the person who became root with sudo, for as long as it lasts."""
    person = _maybe_person()
    if person is None:
        yield
        return
    uid, gid, groups = person
    before = os.getgroups()
    os.setgroups(groups)
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)


def _become_person() -> None:
    if person := _maybe_person():
        uid, gid, groups = person
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
