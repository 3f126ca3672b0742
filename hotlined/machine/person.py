"""The person who typed a command, also with sudo; and a check that stops root from working in other users' folders.

Root has no special rights here: the installed command becomes the line's user before Python starts, and sets a variable
to say that root has started it.
"""

import contextlib
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from hotlined.errors import HotlinedError
from hotlined.language import _

FOR_ROOT = "HOTLINED_FOR_ROOT"
"""The variable that the installed command sets when root has started it."""
_PERSONS = ("SUDO_UID", "PKEXEC_UID")  # sudo(8) and pkexec(1) set these to the user who became root
_MOST_LINKS = 40  # the most links that Linux follows in one path: path_resolution(7)


def is_for_root() -> bool:
    """Tell whether root started this command, even if it runs as another user now."""
    return os.geteuid() == 0 or FOR_ROOT in os.environ


def who() -> str:
    """Return the name of the person who typed this command, also with sudo; `uid 1003` for a user without a name.

    It is only a claim, since variables can be forged: the control program believes it only from the line's own user.
    """
    became_root = _maybe_behind_root()
    uid = os.getuid() if became_root is None else became_root
    return _maybe_name(uid) or f"uid {uid}"


def uid() -> int:
    """Return the user ID of the person who typed this command: also with sudo, and root's if root names no person.

    A program of the person's own, such as the browser that opens the desk, runs as this user.
    """
    if not is_for_root():
        return os.getuid()
    return _maybe_behind_root() or 0


def _maybe_behind_root() -> int | None:
    """Return the user ID of the person who became root; None if this is not for root or no variable names a person."""
    named = (os.environ.get(name, "") for name in _PERSONS) if is_for_root() else ()
    return next((int(text) for text in named if text.isascii() and text.isdigit()), None)


def require_no_root(path: Path, line: str) -> None:
    """Raise HotlinedError for root if another user owns a file, or a folder on the way to it.

    That user could replace the file, for example by a link to a file of root's or of another line.
    """
    if os.geteuid() != 0 or (uid := _maybe_owner(path)) is None:
        return
    name = _maybe_name(uid)
    shown, typed = (name, name) if name else (f"uid {uid}", f"'#{uid}'")
    raise HotlinedError(
        _("{path} is {user}'s, and root does not work there.", path=path, user=shown),
        _(
            "`sudo hotlined --line {line} …` becomes the line's user first; in a checkout it is `sudo -u {user} …`.",
            line=line,
            user=typed,
        ),
    )


def _maybe_owner(path: Path) -> int | None:
    """Return an owner other than root, of a file or of a folder above it; None if root owns all.

    The search goes from the file upwards, and checks the owner of a link before it follows the link. So it follows only
    links of root: nobody else can lead it away to a folder of their choice.
    """
    for each in _followed(path.absolute()):
        with contextlib.suppress(OSError):
            if uid := each.lstat().st_uid:
                return uid
    return None


def _followed(path: Path) -> Iterator[Path]:
    """Yield a path and the folders above it, then the same for the target of each link on the way."""
    for _link in range(_MOST_LINKS):
        yield path
        yield from path.parents
        link = next((each for each in (*reversed(path.parents), path) if os.path.islink(each)), None)  # noqa: PTH114  Path.is_symlink may raise PermissionError
        if link is None:
            return
        path = link.parent / link.readlink() / path.relative_to(link)


def _maybe_name(uid: int) -> str | None:
    with contextlib.suppress(KeyError, OverflowError):
        return pwd.getpwuid(uid).pw_name
    return None
