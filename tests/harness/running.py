"""The runner for commands in the test's own process: click's, with the same results for every click.

click 8.1, which Debian has, mixes standard error into standard output unless an option says otherwise. Later versions
separate them and no longer have that option.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
from click import testing  # noqa: TID251  here alone

_TAKEN = inspect.signature(testing.CliRunner).parameters
_APART: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in _TAKEN else {}


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a command that has ended: output and exit code."""

    exit_code: int
    stdout_bytes: bytes
    stderr_bytes: bytes
    exception: BaseException | None

    @property
    def stdout(self) -> str:
        """Return the standard output."""
        return self.stdout_bytes.decode()

    @property
    def stderr(self) -> str:
        """Return the standard error."""
        return self.stderr_bytes.decode()

    @property
    def output(self) -> str:
        """Return both, standard error last."""
        return self.stdout + self.stderr


class CliRunner:
    """A runner of commands."""

    def invoke(self, command: click.Command, arguments: Sequence[str], **options: Any) -> Result:
        """Run a command; the options are those of click's runner."""
        done = testing.CliRunner(**_APART).invoke(command, arguments, **options)
        return Result(done.exit_code, done.stdout_bytes, done.stderr_bytes or b"", done.exception)
