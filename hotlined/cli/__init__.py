"""The command line: the table of commands, the options that they share, and the error boundary with its exit codes.

Only this package prints. A command's module is imported when the command is used, so that no command pays for
another's imports; `hotlined --help` imports none of them.
"""

import contextlib
import importlib
import os
import shlex
import sqlite3
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import click

from hotlined import __version__
from hotlined.cli import mistakes
from hotlined.cli.group import Group
from hotlined.cli.output import TYPED, as_typed, columns, print_wrapped
from hotlined.cli.settings import SERVICES, Settings
from hotlined.errors import ConfigError, HotlinedError, UsageError, refusal_of
from hotlined.language import N_, _


class Listed(NamedTuple):
    """A command in the table: where it is (module and attribute), and its few words in the help.

    A command without words is for machines and units; the help lists only its name.
    """

    target: str
    briefly: str = ""


COMMANDS: Mapping[str, Mapping[str, Listed]] = {
    N_("What is going on"): {
        "status": Listed("hotlined.cli.status:status", N_("whether all is well")),
        "log": Listed("hotlined.cli.log:log", N_("what came, what became of it")),
        "show": Listed("hotlined.cli.show:show", N_("one contact or one person")),
        "numbers": Listed("hotlined.cli.numbers:numbers", N_("who contacts the line")),
        "stats": Listed("hotlined.cli.stats:stats", N_("figures of a period")),
    },
    N_("What people decide"): {
        "block": Listed("hotlined.cli.decide:block", N_("never answer a number")),
        "unblock": Listed("hotlined.cli.decide:unblock", N_("lift a block or an opt-out")),
        "pause": Listed("hotlined.cli.decide:pause", N_("send nothing")),
        "resume": Listed("hotlined.cli.decide:resume", N_("send again")),
        "requeue": Listed("hotlined.cli.decide:requeue", N_("send an answer once more")),
        "cancel": Listed("hotlined.cli.decide:cancel", N_("do not send an answer")),
        "review": Listed("hotlined.cli.review:review", N_("tag what came, key by key")),
        "tag": Listed("hotlined.cli.tags:tag", N_("put a word on a contact")),
        "keep": Listed("hotlined.cli.privacy:keep", N_("do not erase a contact")),
        "send": Listed("hotlined.cli.decide:send", N_("a text, or the answer")),
        "selftest": Listed("hotlined.cli.decide:selftest", N_("text the line itself")),
    },
    N_("People's rights"): {
        "forget": Listed("hotlined.cli.privacy:forget", N_("erase a person")),
        "export": Listed("hotlined.cli.privacy:export", N_("what is stored of a person")),
        "evidence": Listed("hotlined.cli.privacy:evidence", N_("a ZIP for the police")),
    },
    N_("Money"): {
        "limits": Listed("hotlined.cli.limits:limits", N_("what can still be spent")),
        "sim": Listed("hotlined.cli.sim:sim", N_("balance, topup, adopt")),
    },
    N_("Setting up"): {
        "doctor": Listed("hotlined.cli.doctor:doctor", N_("what is wrong, and its cure")),
        "config": Listed("hotlined.cli.config:config", N_("check it, show it")),
        "text": Listed("hotlined.cli.text:text", N_("what a text costs")),
        "db": Listed("hotlined.cli.db:db", N_("check it, back it up")),
        "fleet": Listed("hotlined.cli.fleet:fleet", N_("several lines share a stop")),
        "demo": Listed("hotlined.cli.demo:demo", N_("try it without a modem")),
    },
    N_("Run by systemd and scripts"): {
        "run": Listed("hotlined.cli.run:run"),
        "purge": Listed("hotlined.cli.privacy:purge"),
        "alerts": Listed("hotlined.cli.alerts:alerts"),
        "metrics": Listed("hotlined.cli.metrics:metrics"),
        "web": Listed("hotlined.cli.web:web"),
        "udev-rule": Listed("hotlined.cli.udev:udev_rule"),
        "completion": Listed("hotlined.cli.completion:completion"),
        "help": Listed("hotlined.cli.help:show_help"),
    },
}
"""Every command by its heading and its name, in the order of the help."""

_HELP_LEAST, _HELP_MOST = 32, 80  # characters: click's own minimum is wider than a phone
_HELP_COLUMN = 40  # characters: a screen of 80 has room for two columns
_NAME = 10  # characters: a command's name and the blanks after it
_HELP_WORDS = ("aide", "hulp", "hilfe")  # help in French, Dutch and German
_TARGETS = SERVICES | {name: each.target for names in COMMANDS.values() for name, each in names.items()}
_LEFT = 2  # headings in the left column; this makes both columns about equally high
_BELOW = (
    N_("Options: --line NAME (/etc/hotlined/NAME.yaml), --config FILE, --version, -h"),
    N_("`hotlined` alone is `status`; `hotlined COMMAND --help` has an example."),
)
"""The lines below the commands in the help."""


def _entries(names: Mapping[str, Listed]) -> Iterator[str]:
    """Yield a line for each command; the commands without words share lines."""
    brief = {name: _(each.briefly) for name, each in names.items() if each.briefly}
    yield from (f"  {name:<{_NAME}}{words}" for name, words in brief.items())
    others = " ".join(name for name in names if name not in brief)
    yield from textwrap.wrap(
        others, _HELP_COLUMN - 2, break_on_hyphens=False, initial_indent="  ", subsequent_indent="  "
    )


def _joined(blocks: Iterable[Iterable[str]]) -> list[str]:
    return [line for block in blocks for line in block]


def _typed(word: str) -> str:
    """Spell a word as commands and values are spelled: phones write a capital first, the log shows blanks."""
    return word.lower().replace(" ", "_")


class LazyGroup(Group):
    """The group of all commands: it imports each one when it is used, and turns errors into sentences."""

    def get_help(self, ctx: click.Context) -> str:
        """Return the help, in the language of the line that is named before `--help`."""
        ctx.obj = ctx.obj or Settings(ctx.params.get("config"), ctx.params.get("line"))
        return super().get_help(ctx)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one screen: the commands under their headings, in two columns, or in one on a phone."""
        self.format_usage(ctx, formatter)
        formatter.write_paragraph()
        blocks = [[_(heading), *_entries(names)] for heading, names in COMMANDS.items()]
        columns = [_joined(blocks[:_LEFT]), _joined(blocks[_LEFT:])]
        if formatter.width < 2 * _HELP_COLUMN - 2:
            lines = _joined(blocks)
        else:
            rows = zip_longest(*columns, fillvalue="")
            lines = [f"{left:<{_HELP_COLUMN}}{right}".rstrip() for left, right in rows]
        formatter.write("".join(f"{line}\n" for line in lines))
        formatter.write_paragraph()
        for words in _BELOW:
            formatter.write_text(_(words))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of the table."""
        del ctx
        return [name for name in _TARGETS if name not in SERVICES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None if there is no command of that name."""
        del ctx
        if cmd_name not in _TARGETS:
            return None
        module, _, attribute = _TARGETS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command by its name; if there is none, the error names the commands with a similar name."""
        if _typed(args[0]).casefold() in _HELP_WORDS and not ctx.resilient_parsing:
            self.refuse(ctx, args[0], ("help",))
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the command line inside the error boundary; help is as wide as the terminal."""
        _have_outputs()
        width = max(_HELP_LEAST, min(columns(), _HELP_MOST)) - 2
        with _boundary():
            context = super().make_context(*args, **{"terminal_width": width} | kwargs)
        context.obj = Settings(context.params.get("config"), context.params.get("line"))
        if not context.resilient_parsing:
            context.obj.warn = _warn
        return context

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command inside the error boundary."""
        with _boundary():
            result = super().invoke(ctx)
            sys.stdout.flush()  # so that a closed pipe is an error here, not when Python ends
            return result


def _warn(warning: str) -> None:
    print_wrapped(as_typed(warning), err=True)


@contextlib.contextmanager
def _boundary() -> Iterator[None]:
    """Turn every expected error into sentences and an exit code; with HOTLINED_DEBUG=1 show its traceback instead."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        for sentence in interrupt.args:
            print_wrapped(as_typed(sentence), err=True)
        raise click.exceptions.Exit(130) from None  # 128 + SIGINT, as in shells
    except BrokenPipeError:
        _drop_output()
        raise click.exceptions.Exit(0) from None  # the reader closed the pipe, such as `head`
    except (click.UsageError, click.Abort) as error:
        raise click.exceptions.Exit(_tell(error)) from error
    except (HotlinedError, sqlite3.Error, OSError, UnicodeEncodeError) as error:
        if os.environ.get("HOTLINED_DEBUG"):
            raise
        if isinstance(error, OSError):
            _drop_output()
        ours = _as_ours(error)
        context = click.get_current_context(silent=True)
        settings = context.find_object(Settings) if context else None
        if settings and settings.path is None:
            _speak(context)
        for line in _lines(ours, settings):
            print_wrapped(line, err=True)
        raise click.exceptions.Exit(ours.exit_code) from error


def _tell(error: click.UsageError | click.Abort) -> int:
    """Print a typing mistake, or that a person said no or pressed Ctrl-C; return the exit code."""
    if isinstance(error, click.Abort):
        click.echo(str(error) or _("Aborted!"), err=True)
        return 1
    if type(error).show is not click.UsageError.show:  # it is the help of a group that was typed without a command
        raise error
    _speak(error.ctx or click.get_current_context(silent=True))
    if error.ctx:
        click.echo(mistakes.usage(error.ctx), err=True)
    print_wrapped(as_typed(_("Error: {problem}", problem=mistakes.in_words(error))), err=True)
    return error.exit_code


def _speak(context: click.Context | None) -> None:
    """Turn on the line's language for a mistake that was found before the configuration was read."""
    settings = context.find_root().obj if context else None
    (settings or Settings()).speak_early(context)


def _have_outputs() -> None:
    """Open /dev/null for an output that was closed before the program began, because printing needs one."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  until the program ends


def _drop_output() -> None:
    """Put /dev/null in the place of the standard output, so that unwritten output does not fail again at the end."""
    with contextlib.suppress(OSError), Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _as_ours(error: HotlinedError | sqlite3.Error | OSError | UnicodeEncodeError) -> HotlinedError:
    if isinstance(error, HotlinedError):
        return error
    if isinstance(error, OSError):
        return HotlinedError(refusal_of(error))
    if isinstance(error, UnicodeEncodeError):
        return UsageError(_("What was typed is not in UTF-8."))
    from hotlined.store.file.trouble import DatabaseTrouble  # noqa: PLC0415  --help and --version do not need the store

    return DatabaseTrouble.of(error).as_error()


def _lines(error: HotlinedError, settings: Settings | None) -> Iterator[str]:
    """Yield the lines that a person reads about an error."""
    yield _("Error: {problem}", problem=as_typed(error.message))
    if isinstance(error, ConfigError):
        yield from (f"  {as_typed(problem)}" for problem in error.problems)
    if error.hint:
        yield _("Hint: {hint}", hint=as_typed(error.hint))
    if settings and settings.path and str(settings.path) not in error.message:
        yield _("Configuration: {path}", path=settings.path)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "token_normalize_func": _typed},
)
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(readable=False, path_type=Path),
    is_eager=True,
    help="The configuration file.",
)
@click.option("--line", metavar="NAME", is_eager=True, help="The line whose configuration is /etc/hotlined/NAME.yaml.")
@click.version_option(__version__, prog_name="hotlined", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context, config: Path | None, line: str | None) -> None:
    """Answer people who text an SMS hotline, within limits, and show what happened.

    Without a command it is `status`; where there is no configuration at all, it shows the help. The configuration is
    the first of these that is given or exists: --config, --line, the variable HOTLINED_CONFIG,
    /etc/hotlined/main.yaml, the only configuration there, ./config.yaml.

    Example: hotlined --config config.yaml status
    """
    if config is not None and line is not None:
        _speak(ctx)
        warning = _("Warning: --line {line} is not looked at, because --config names the file.", line=line)
        print_wrapped(warning, err=True)
    if config is not None or line is not None:
        ctx.meta[TYPED] = shlex.join(["--line", str(line)] if config is None else ["--config", str(config)])
    with contextlib.suppress(AttributeError):
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    if ctx.invoked_subcommand is None:
        _without_command(ctx)


def _without_command(ctx: click.Context) -> None:
    """Show the status of the line, or the help if there is no configuration."""
    if ctx.obj.is_configured():
        status = main.get_command(ctx, "status")
        assert status
        ctx.invoke(status)
        return
    click.echo(ctx.get_help())
    ctx.exit(UsageError.exit_code)
