"""The file alerts.json of a line: facts that a database in trouble cannot keep, and the time of the last ping.

It is in the line's folder of the runtime directory, and is locked while alerts are sent.
"""

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from hotlined import config as configuration
from hotlined.config import Config
from hotlined.errors import HotlinedError, RefusedError, reason_of
from hotlined.language import _
from hotlined.machine import files

_MODE = 0o600


@dataclass(slots=True)
class Note:
    """The contents of alerts.json, which is locked while it is open.

    `pinged` is the time of the last ping, in seconds since boot. `trouble` is the state of a database that could not
    record its own alert; the alert had the text `words`, was made at `at`, and was sent to the channels in `taken`.
    """

    file: IO[str]
    pinged: float | None = None
    trouble: str | None = None
    words: str = ""
    at: str = ""
    taken: list[str] = field(default_factory=list)

    def save(self) -> None:
        """Write the note; raises OSError if the runtime directory is full."""
        kept = {
            "pinged": self.pinged,
            "trouble": self.trouble,
            "words": self.words,
            "at": self.at,
            "taken": self.taken,
        }
        self.file.seek(0)
        self.file.truncate()
        json.dump(kept, self.file)
        self.file.flush()


def _open_note(path: Path) -> IO[str]:
    """Open the note, for this user alone; anything else under its name is removed.

    Raises HotlinedError if it cannot be opened.
    """
    for attempt in range(2):  # in the second one, whatever another user had put there has been removed
        try:
            file = os.fdopen(files.open_plain(path, os.O_RDWR, _MODE), "r+")
            if os.fstat(file.fileno()).st_uid == os.geteuid():
                return file
            file.close()
        except OSError as error:
            if attempt:
                raise _no_note(path, error) from error
        try:
            path.unlink()  # removes a link, not the file that it leads to
        except OSError as error:
            raise _no_note(path, error) from error
    raise _no_note(path, PermissionError(errno.EACCES, _("another user makes it again each time")))


def _no_note(path: Path, error: OSError) -> HotlinedError:
    return HotlinedError(
        _("{path} cannot be used: {reason}.", path=path, reason=reason_of(error)),
        _("Take it away: `sudo rm -r {path}`.", path=path),
    )


@contextlib.contextmanager
def open_note(config: Config) -> Iterator[Note]:
    """Open and lock the note; raises RefusedError while another run has it."""
    with _open_note(configuration.runtime_dir(config) / "alerts.json") as file:
        if not files.lock(file.fileno()):
            raise RefusedError(_("Alerts are being sent already."), _("Wait for that to end."))
        file.seek(0)
        note = Note(file)
        with contextlib.suppress(ValueError, TypeError, AttributeError):  # a note that a crash cut off counts as empty
            note = Note(file, **json.load(file))
        yield note
