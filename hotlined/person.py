"""The person who typed a command: the one at the keyboard, also behind root; and why root works in no folder of others.

Root is nobody special: the installed command becomes the line's user before Python starts, and says so by a variable.
"""

import contextlib
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from hotlined.errors import HotlinedError
from hotlined.language import _

FOR_ROOT = "HOTLINED_FOR_ROOT"
"""The variable by which the installed command says that root has started it."""
_PERSONS = ("SUDO_UID", "PKEXEC_UID")  # of sudo(8) and pkexec(1): who became root
_MOST_LINKS = 40  # that Linux follows on the way to a file: path_resolution(7)


def is_for_root() -> bool:
    """Tell whether root has typed this, whoever it runs as by now."""
    return os.geteuid() == 0 or FOR_ROOT in os.environ


def who() -> str:
    """Return the name of the person who typed this: of the one who became root, too; `uid 1003` without a name.

    It is what this process says of itself: the control program believes it of the line's own user alone.
    """
    became_root = _maybe_behind_root()
    uid = os.getuid() if became_root is None else became_root
    return _maybe_name(uid) or f"uid {uid}"


def uid() -> int:
    """Return whose programs the person uses who typed this: those of the one who became root, else root's own."""
    if not is_for_root():
        return os.getuid()
    return _maybe_behind_root() or 0


def _maybe_behind_root() -> int | None:
    """Return who became root and typed this; None where nobody is named."""
    named = (os.environ.get(name, "") for name in _PERSONS) if is_for_root() else ()
    return next((int(text) for text in named if text.isascii() and text.isdigit()), None)


def require_no_root(path: Path, line: str) -> None:
    """Raise HotlinedError for root where a file, or a folder on the way to it, is somebody else's.

    Whoever owns one of them decides what lies there, be it a link to a file of root's or of another line.
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
    """Return the first that is not root of the owners of a file and of the folders above it, the nearest first.

    A link counts as it is and not as what it leads to; only one that nobody but root could make is followed.
    """
    for each in _followed(path.absolute()):
        with contextlib.suppress(OSError):
            if uid := each.lstat().st_uid:
                return uid
    return None


def _followed(path: Path) -> Iterator[Path]:
    """Yield a path and the folders above it, then the same of where each link on the way leads to."""
    for _link in range(_MOST_LINKS):
        yield path
        yield from path.parents
        link = next((each for each in (*reversed(path.parents), path) if os.path.islink(each)), None)  # noqa: PTH114  no error where it may not be looked
        if link is None:
            return
        path = link.parent / link.readlink() / path.relative_to(link)


def _maybe_name(uid: int) -> str | None:
    with contextlib.suppress(KeyError, OverflowError):
        return pwd.getpwuid(uid).pw_name
    return None
