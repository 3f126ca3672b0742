"""Long output goes through a pager, as in git: on a terminal only, and only if it is longer than the screen.

HOTLINED_PAGER or PAGER names the pager (`less`). An empty name, `cat` or --no-pager turns it off. LESS is `FRX` unless
it is set; with sudo, `less` starts no shell (LESSSECURE). Without an installed pager, and on a terminal that cannot
move its cursor, everything is printed.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])

no_pager: Callable[[_Command], _Command] = click.option(
    "--no-pager", "pager", is_flag=True, flag_value=False, default=True, help="Print everything, however long it is."
)
"""The option of every command that pages."""


def print_paged(lines: Iterable[str], *, pager: bool = True, at_end: bool = False) -> None:
    """Print lines, through the pager if they are more than a screen.

    `at_end` shows the last lines first, and repeats the first line, the headings, below them. Lines are taken as the
    pager needs them, so a person can look at a list before it is complete.
    """
    rest = iter(lines)
    command = _command(at_end=at_end) if pager else None
    if command:
        screen = shutil.get_terminal_size()
        held: list[str] = []
        room = screen.lines - 1  # the prompt comes below
        for line in rest:
            held.append(line)
            room -= max(1, -(-len(click.unstyle(line)) // screen.columns))
            if room < 0:
                _page(command, chain(held, rest, held[:1] if at_end else ()))
                return
        rest = iter(held)
    for line in rest:
        print(line, flush=True)


def _command(*, at_end: bool) -> list[str] | None:
    """Return the pager's command line; None without a terminal or a pager."""
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") in {"", "dumb"}:
        return None
    command: list[str] = []
    with suppress(ValueError):  # quotes that do not close
        command = shlex.split(os.environ.get("HOTLINED_PAGER", os.environ.get("PAGER", "less")))
    if not command or command == ["cat"] or not shutil.which(command[0]):
        return None
    return [*command, "+G"] if at_end and Path(command[0]).name == "less" else command


def _page(command: list[str], lines: Iterable[str]) -> None:
    # less can start a shell: a person who may run this with sudo need not be allowed to run everything
    lent = {"LESSSECURE": "1"} if "SUDO_UID" in os.environ or os.geteuid() != os.getuid() else {}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        env={"LESS": "FRX"} | os.environ | lent,
        encoding=sys.stdout.encoding,
        errors="backslashreplace",
    ) as pager:
        assert pager.stdin
        with suppress(BrokenPipeError, KeyboardInterrupt):  # the pager was left early
            for line in lines:
                pager.stdin.write(f"{line}\n")
        with suppress(BrokenPipeError):
            pager.stdin.close()
        while pager.poll() is None:
            with suppress(KeyboardInterrupt):  # Ctrl-C is the pager's
                pager.wait()
