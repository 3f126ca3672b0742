"""Runs a person's editor on a text in a folder of its own: VISUAL, EDITOR, else nano or vi.

With sudo the editor runs as the person and not as root, because an editor can start other programs. So the folder
belongs to the person.
"""

import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotlined import files
from hotlined.errors import HotlinedError, TextError, reason_of
from hotlined.language import N_, _

_EDITORS = ("nano", "vi")


@dataclass(frozen=True, slots=True)
class DraftFile:
    """A text while a person edits it; its file stays until `drop`."""

    path: Path
    owner: int

    def edit(self) -> str:
        """Run the editor and return the text that it leaves.

        Raises HotlinedError if there is no editor or it failed, and TextError if the text is not in UTF-8.
        """
        command = [*_command(), os.fspath(self.path)]
        try:
            done = subprocess.run(command, check=False, **_as(self.owner))
        except OSError as error:
            words = _("{path} cannot be started: {reason}.", path=command[0], reason=reason_of(error))
            raise HotlinedError(words, _(_CHOOSE)) from error
        if done.returncode:
            words = _("{editor} ended with {code}.", editor=command[0], code=done.returncode)
            raise HotlinedError(words, _(_CHOOSE))
        try:
            return files.read(self.path, self.owner)
        except OSError as error:
            words = _("{path} cannot be read: {reason}.", path=self.path, reason=reason_of(error))
            raise HotlinedError(words) from error
        except ValueError as error:
            raise TextError(_("The text is not in UTF-8."), _("Save it in that encoding.")) from error

    def drop(self) -> None:
        """Delete the text and its folder."""
        shutil.rmtree(self.path.parent, ignore_errors=True)


_CHOOSE = N_("VISUAL or EDITOR names another editor.")


def begin(text: str) -> DraftFile:
    """Write a text to a file that only the person can read."""
    owner = _person()
    folder = Path(tempfile.mkdtemp(prefix="hotlined-"))  # 0700
    path = folder / "answer.txt"
    path.write_text(text, encoding="utf-8", newline="")
    if owner != os.geteuid():
        os.chown(path, owner, -1)
        os.chown(folder, owner, -1)
    return DraftFile(path, owner)


def _person() -> int:
    """Return the uid of the person who runs this: with sudo, of the one who became root."""
    uid = os.environ.get("SUDO_UID", "")
    return int(uid) if os.geteuid() == 0 and uid.isascii() and uid.isdigit() else os.geteuid()


def _as(owner: int) -> dict[str, Any]:
    """Return the arguments of `subprocess` that run a program as somebody."""
    if owner == os.geteuid():
        return {}
    try:
        person = pwd.getpwuid(owner)
    except KeyError:  # a number without a name has no other group
        return {"user": owner, "group": owner, "extra_groups": []}
    groups = os.getgrouplist(person.pw_name, person.pw_gid)
    named = {"HOME": person.pw_dir, "USER": person.pw_name, "LOGNAME": person.pw_name}
    return {"user": owner, "group": person.pw_gid, "extra_groups": groups, "env": os.environ | named}


def _command() -> list[str]:
    for name in ("VISUAL", "EDITOR"):
        if os.environ.get(name, "").strip():
            try:
                return shlex.split(os.environ[name])
            except ValueError as error:
                raise HotlinedError(_("{name} has a quote that nothing closes.", name=name), _(_CHOOSE)) from error
    found = next(filter(shutil.which, _EDITORS), None)
    if found is None:
        raise HotlinedError(_("There is no editor."), _(_CHOOSE))
    return [found]
