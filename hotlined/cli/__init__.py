"""The command line: the table of commands, the options they share, the error boundary with its exit codes.

This package is the only place that prints. A command's module is imported when the command is used, so that none
pays for another's imports; `hotlined --help` imports them all.
"""

import contextlib
import importlib
import os
import re
import shlex
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hotlined import __version__, owner
from hotlined.cli.output import TYPED, as_typed, print_wrapped, wrapped
from hotlined.errors import ConfigError, HotlinedError, UsageError
from hotlined.words.harmless import harmless

if TYPE_CHECKING:
    from hotlined.config import Config

COMMANDS = {
    "The daemon": {
        "run": "hotlined.cli.run:run",
        "status": "hotlined.cli.status:status",
        "demo": "hotlined.cli.demo:demo",
        "alerts": "hotlined.cli.alerts:alerts",
        "doctor": "hotlined.cli.doctor:doctor",
        "udev-rule": "hotlined.cli.udev:udev_rule",
    },
    "What came, and what became of it": {
        "log": "hotlined.cli.log:log",
        "show": "hotlined.cli.log:show",
        "numbers": "hotlined.cli.numbers:numbers",
        "number": "hotlined.cli.numbers:number",
        "stats": "hotlined.cli.stats:stats",
    },
    "What people decide": {
        "block": "hotlined.cli.decide:block",
        "unblock": "hotlined.cli.decide:unblock",
        "optin": "hotlined.cli.decide:optin",
        "pause": "hotlined.cli.decide:pause",
        "resume": "hotlined.cli.decide:resume",
        "requeue": "hotlined.cli.decide:requeue",
        "cancel": "hotlined.cli.decide:cancel",
        "try": "hotlined.cli.decide:try_answer",
        "send": "hotlined.cli.decide:send",
        "balance": "hotlined.cli.decide:balance",
        "adopt": "hotlined.cli.decide:adopt",
        "selftest": "hotlined.cli.decide:selftest",
        "tag": "hotlined.cli.tags:tag",
        "untag": "hotlined.cli.tags:untag",
        "keep": "hotlined.cli.privacy:keep",
    },
    "People's data": {
        "purge": "hotlined.cli.privacy:purge",
        "forget": "hotlined.cli.privacy:forget",
        "export": "hotlined.cli.privacy:export",
    },
    "What it costs": {
        "limits": "hotlined.cli.limits:limits",
        "simulate": "hotlined.cli.simulate:simulate",
    },
    "The database": {
        "db": "hotlined.cli.db:db",
    },
    "The configuration": {
        "config": "hotlined.cli.config:config",
        "text": "hotlined.cli.text:text",
        "completion": "hotlined.cli.completion:completion",
        "help": "hotlined.cli.help:show_help",
    },
}
"""Every command by its heading: its name, and the module and attribute that hold it."""

SERVICES = {"control": "hotlined.cli.control:control", "alerts-sender": "hotlined.cli.control:alerts_sender"}
"""What systemd alone starts: in no help."""

WHILE_BROKEN = {
    *("status", "alerts", "log", "show", "number", "numbers", "stats", "limits", "export", "db"),
    *("pause", "resume", "block", "unblock", "optin", "cancel", "requeue", "tag", "untag", "keep"),
}
"""The commands that work while config.yaml is broken: what has to be seen or stopped before it is mended."""

_WAITS = {
    "forget": "`forget` erases for good, so it waits until it is certain which database is meant; `block` works",
    "purge": "`purge` erases for good, so it waits until it is certain what privacy.keep_texts and keep_numbers are",
}
"""Why some of the others wait until it is mended."""

_WHOLE = 200  # characters: a first sentence is never cut
_HELP_LEAST, _HELP_MOST = 32, 80  # characters: click's own least is wider than a phone
_LARGEST = 2**63 - 1  # of SQLite
_NEAR = 0.65  # as difflib counts: lgo is near to log, and selftets to selftest alone
_ERROR = "Error: "  # click begins what it says of a usage error so
_HELP_WORDS = ("aide", "hulp", "hilfe")  # what the people who run lines call it
_TARGETS = {name: target for commands in (*COMMANDS.values(), SERVICES) for name, target in commands.items()}


@dataclass(frozen=True, slots=True)
class Broken:
    """A configuration file that cannot be used: what is wrong with it, and since when it stands so (RFC 3339)."""

    message: str
    since: str | None


@dataclass(slots=True)
class Settings:
    """What was said before the command, and the configuration file that it led to, once it is known."""

    option: Path | None = None
    line: str | None = None
    path: Path | None = None
    unknown: tuple[str, ...] = ()
    """The keys that have their default because the file cannot be used and no daemon says what is in force of them."""
    broken: Broken | None = None
    """What is wrong with the file, where the command goes by what is in force instead."""
    who: str = field(default_factory=owner.who)
    """The person who typed this: known before root becomes the line's user."""
    became: bool = False
    """Whether root has become the line's user."""

    def config(self) -> "Config":
        """Find and load the configuration, and as root become the line's user; raises as `loaded` does."""
        config = self.loaded()
        self.became = owner.become(config.database) or self.became
        return config

    def loaded(self) -> "Config":
        """Find and load the configuration; raises ConfigError and UsageError.

        For the commands of WHILE_BROKEN a file that cannot be used is a warning: they go by what is in force.
        """
        from hotlined import config  # noqa: PLC0415  --help and --version do without

        self.path = config.find(self.option, self.line, os.environ)
        try:
            return config.load(self.path)
        except ConfigError as error:
            command = _command() or ""
            if not error.problems or command not in WHILE_BROKEN | SERVICES.keys():
                hint = ". ".join(filter(None, (error.hint, _WAITS.get(command))))
                raise ConfigError(error.message, error.problems, hint) from error
            from hotlined.cli.in_force import look  # noqa: PLC0415  for mistakes alone

            found = look(self.path)
            if found is None:
                raise
            self.unknown = found.unknown
            if self.broken is None:
                print_wrapped(
                    as_typed(f"Warning: {error.message}; `hotlined config check` says which. {found.warning}"), err=True
                )
            self.broken = Broken(error.message, _changed_at(self.path))
            return found.config


pass_settings = click.make_pass_decorator(Settings)


def _changed_at(path: Path) -> str | None:
    from hotlined import clock  # noqa: PLC0415  for mistakes alone

    with contextlib.suppress(OSError):
        return clock.rfc3339(datetime.fromtimestamp(path.stat().st_mtime, UTC))
    return None


def _command() -> str | None:
    """Return the name of the command that runs: for `db check` it is `db`."""
    context = click.get_current_context(silent=True)
    while context and context.parent and context.parent.parent:
        context = context.parent
    return context.info_name if context and context.parent else None


def _whole(least: int, expected: str) -> Callable[[str], int]:
    """Make the `type` of a click option or argument that is a whole number; its errors name no powers of two."""

    def read(text: str) -> int:
        if re.fullmatch("[0-9]{1,19}", text) and least <= int(text) <= _LARGEST:
            return int(text)
        raise click.BadParameter(f"{text!r} is {expected}.")

    return read


CONTACT_ID = _whole(1, "no contact: they are numbers from 1 on, the first column of `hotlined log`")
"""The type of an argument that names a contact."""

COUNT = _whole(0, "no count: write a whole number, 0 for all")
"""The type of an option that says how many are shown."""


def _typed(word: str) -> str:
    """Put a word as commands and values are spelled: a phone begins it with a capital, the log shows it with blanks."""
    return word.lower().replace(" ", "_")


class Group(click.Group):
    """A group whose help cuts no sentence off."""

    def headings(self, ctx: click.Context) -> Mapping[str, Iterable[str]]:
        """Return the names of the commands by the heading that they stand under."""
        return {"Commands": self.list_commands(ctx)}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with its first sentence, whole."""
        for heading, names in self.headings(ctx).items():
            commands = [(name, self.get_command(ctx, name)) for name in names]
            with formatter.section(heading):
                formatter.write_dl(
                    [(name, command.get_short_help_str(_WHOLE)) for name, command in commands if command]
                )


class LazyGroup(Group):
    """The group of all commands: they are imported when they are asked for, and their errors are sentences."""

    def headings(self, ctx: click.Context) -> Mapping[str, Iterable[str]]:
        """Return the table."""
        del ctx
        return COMMANDS

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of the table."""
        del ctx
        return [name for name in _TARGETS if name not in SERVICES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None where there is no such."""
        del ctx
        if cmd_name not in _TARGETS:
            return None
        module, _, attribute = _TARGETS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant; for one that there is not, those that are spelled like it are named."""
        if _typed(args[0]) not in _TARGETS and not ctx.resilient_parsing:
            if _typed(args[0]).casefold() in _HELP_WORDS:
                ctx.fail(f"There is no command {harmless(args[0])}. Is help meant?")
            from difflib import get_close_matches  # noqa: PLC0415  for mistakes alone

            if near := get_close_matches(_typed(args[0]), _TARGETS, cutoff=_NEAR):
                ctx.fail(f"There is no command {harmless(args[0])}. Is {' or '.join(near)} meant?")
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the command line, or print the help as wide as the terminal, inside the error boundary."""
        _have_outputs()
        width = max(_HELP_LEAST, min(shutil.get_terminal_size().columns, _HELP_MOST)) - 2
        with _boundary():
            return super().make_context(*args, **{"terminal_width": width} | kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command inside the error boundary."""
        with _boundary():
            result = super().invoke(ctx)
            sys.stdout.flush()  # a pipe that nobody reads any more is found out here, not when Python ends
            return result


@contextlib.contextmanager
def _boundary() -> Iterator[None]:
    """Turn what an admin can type or meet into sentences and an exit code; HOTLINED_DEBUG=1 shows where it arose."""
    try:
        yield
    except KeyboardInterrupt:
        raise click.exceptions.Exit(130) from None  # 128 + SIGINT, as shells have it
    except BrokenPipeError:
        _drop_output()
        raise click.exceptions.Exit(0) from None  # who reads has seen enough
    except click.UsageError as error:
        if type(error).show is not click.UsageError.show:  # a group without a command shows its help
            raise
        said = wrapped(" ".join(f"{_ERROR}{error.format_message()}{_hint_on_blanks(error)}".split()), err=True)
        raise click.UsageError(said.removeprefix(_ERROR), error.ctx) from error
    except (HotlinedError, sqlite3.Error, OSError, UnicodeEncodeError) as error:
        if os.environ.get("HOTLINED_DEBUG"):
            raise
        if isinstance(error, OSError):
            _drop_output()
        ours = _as_ours(error)
        context = click.get_current_context(silent=True)
        for line in _lines(ours, context.find_object(Settings) if context else None):
            print_wrapped(line, err=True)
        raise click.exceptions.Exit(ours.exit_code) from error


def _hint_on_blanks(error: click.UsageError) -> str:
    """Say how a number is written that was typed with blanks, so that a shell made several words of it."""
    parameters = error.ctx.command.params if error.ctx else []
    takes_number = any(each.name == "number" and isinstance(each, click.Argument) for each in parameters)
    if not takes_number or not error.format_message().startswith("Got unexpected extra argument"):
        return ""
    return ". Write a number without blanks, or in quotes."


def _have_outputs() -> None:
    """Lead an output that was closed before the program began nowhere: what is printed has to go somewhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  until the program ends


def _drop_output() -> None:
    """Lead the standard output nowhere: what could not be written would fail once more when Python ends."""
    with contextlib.suppress(OSError), Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _as_ours(error: HotlinedError | sqlite3.Error | OSError | UnicodeEncodeError) -> HotlinedError:
    if isinstance(error, HotlinedError):
        return error
    if isinstance(error, OSError):
        return HotlinedError(f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error))
    if isinstance(error, UnicodeEncodeError):
        return UsageError("What was typed is not in UTF-8.")
    from hotlined.store.trouble import DatabaseTrouble  # noqa: PLC0415  --help and --version do without the store

    return DatabaseTrouble.of(error).as_error()


def _lines(error: HotlinedError, settings: Settings | None) -> Iterator[str]:
    yield f"{_ERROR}{as_typed(error.message)}"
    if isinstance(error, ConfigError):
        yield from (f"  {as_typed(problem)}" for problem in error.problems)
    if error.hint:
        yield f"Hint: {as_typed(error.hint)}"
    if settings and settings.path and str(settings.path) not in error.message:
        yield f"Configuration: {settings.path}"


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "token_normalize_func": _typed})
@click.option(
    "--config", metavar="FILE", type=click.Path(readable=False, path_type=Path), help="The configuration file."
)
@click.option("--line", metavar="NAME", help="The line whose configuration is /etc/hotlined/NAME.yaml.")
@click.version_option(__version__, prog_name="hotlined", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context, config: Path | None, line: str | None) -> None:
    """Answer who texts an SMS hotline, within limits, and tell what happened.

    The configuration is looked for in this order: --config, --line, the variable HOTLINED_CONFIG,
    /etc/hotlined/config.yaml, ./config.yaml.

    Example: hotlined --config config.yaml status
    """
    if config is not None and line is not None:
        print_wrapped(f"Warning: --line {line} is not looked at, because --config names the file.", err=True)
    ctx.obj = Settings(config, line)
    if config is not None or line is not None:
        ctx.meta[TYPED] = shlex.join(["--line", str(line)] if config is None else ["--config", str(config)])
    with contextlib.suppress(AttributeError):
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
