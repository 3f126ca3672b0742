"""Runs age (https://age-encryption.org), which encrypts and decrypts: all through pipes, and no key on a disk.

To seal is to encrypt a backup for a recipient, the public half of a key; the identity is the secret half.
"""

import contextlib
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from hotlined import agekey
from hotlined.conditions import SEAL_FAILURES
from hotlined.errors import SealError
from hotlined.language import _
from hotlined.states import SealFailure

_PIECE = 256 * 1024
_ENOUGH = 2000  # characters of age's messages


def seal(recipients: Sequence[str], write: Callable[[IO[bytes]], None], take: Callable[[bytes], None]) -> None:
    """Seal what `write` writes, and hand it to `take` piece by piece; raises SealError, and what the two raise.

    A thread calls `take`, because age stops reading its input when nobody takes its output.
    """
    command = [_program("age"), "--encrypt", *(f"--recipient={recipient}" for recipient in recipients)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    assert process.stderr
    failures: list[BaseException] = []
    taker = threading.Thread(target=_pour, args=(process.stdout, take, failures))
    taker.start()
    try:
        with contextlib.suppress(BrokenPipeError):  # the reason why age or `take` failed is raised below
            try:
                write(process.stdin)
            finally:
                process.stdin.close()
    except BaseException:
        process.kill()  # age must not finish: its output so far would look like a whole file
        raise
    finally:
        taker.join()
        said = process.stderr.read(_ENOUGH).decode(errors="replace")
        process.stderr.close()
        code = process.wait()
    if failures:
        raise failures[0]
    if code:
        raise _failed(said, SealFailure.NO_AGE)


def _pour(source: IO[bytes], take: Callable[[bytes], None], failures: list[BaseException]) -> None:
    try:
        while piece := source.read(_PIECE):
            take(piece)
    except BaseException as error:  # noqa: BLE001 `seal` raises it again
        failures.append(error)
    finally:
        source.close()  # age ends at its next write


@contextlib.contextmanager
def opened(file: IO[bytes], identity: str) -> Iterator[IO[bytes]]:
    """Give the content of a sealed file as a stream; raises SealError if this key does not open it."""
    read_end, write_end = os.pipe()
    try:
        os.write(write_end, f"{identity}\n".encode())
        os.close(write_end)
        command = [_program("age"), "--decrypt", f"--identity=/dev/fd/{read_end}"]
        process = subprocess.Popen(
            command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=(read_end,)
        )
    finally:
        os.close(read_end)
    assert process.stdout
    assert process.stderr
    try:
        yield process.stdout
        process.stdout.close()
        if process.wait():
            raise _unopened(process.stderr.read(_ENOUGH).decode(errors="replace"))
    except SealError as error:
        process.stdout.close()
        said = process.stderr.read(_ENOUGH).decode(errors="replace")
        if process.wait() and said and not re.search(r"broken\spipe", said, re.IGNORECASE):
            raise _unopened(said) from error
        raise
    finally:
        process.stdout.close()
        process.stderr.close()
        process.kill()
        process.wait()


def make_identity() -> tuple[str, str]:
    """Return a new identity and its recipient."""
    said = _run([_program("age-keygen")], "")
    identity = next(line for line in said.splitlines() if line.startswith(agekey.IDENTITY.upper()))
    return identity, recipient_of(identity)


def recipient_of(identity: str) -> str:
    """Return the recipient of an identity."""
    return _run([_program("age-keygen"), "-y"], f"{identity}\n").strip()


def is_there() -> bool:
    """Return whether age is installed."""
    return shutil.which("age") is not None


def _run(command: Sequence[str | Path], given: str) -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise _failed(done.stderr, None)
    return done.stdout


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        words = _("age is missing, which seals backups and opens them.")
        raise SealError(words, SEAL_FAILURES[SealFailure.NO_AGE].cure, SealFailure.NO_AGE)
    return found


def _failed(said: str, failure: SealFailure | None) -> SealError:
    return SealError(
        _("age failed: {reason}", reason=_first(said)), _("docs/backup.md says how it is set up."), failure
    )


def _unopened(said: str) -> SealError:
    if re.search(r"no\sidentity\smatched", said):
        return SealError(
            _("This key does not open the file."),
            _("It was sealed for another key: look for that paper, or take another file."),
        )
    return SealError(
        _("age cannot open the file: {reason}", reason=_first(said)),
        _("Take another one: each of them is complete by itself."),
    )


def _first(said: str) -> str:
    return next((re.sub(r"^age(-keygen)?:\s(error:\s)?", "", line) for line in said.splitlines() if line.strip()), "?")
