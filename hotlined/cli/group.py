"""A group of commands: its help shows whole sentences, and a mistyped command names the nearest ones."""

from collections.abc import Iterable
from functools import reduce
from typing import NoReturn

import click

from hotlined.language import _
from hotlined.words.harmless import harmless

_WHOLE = 200  # characters: no first sentence of a command is longer
_NEAR = 0.65  # difflib's ratio: enough for lgo and log, and selftets is near selftest alone


class Group(click.Group):
    """A group of commands; its help shows whole sentences, and a mistyped command names the nearest ones."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with its first whole sentence."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        shown = [(name, command) for name, command in commands if command and not command.hidden]
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(_WHOLE)) for name, command in shown])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command by its name; if there is none, the error names the commands with a similar name."""
        name = ctx.token_normalize_func(args[0]) if ctx.token_normalize_func else args[0]
        if self.get_command(ctx, name) is None and not ctx.resilient_parsing:
            from difflib import get_close_matches  # noqa: PLC0415  only for mistakes

            self.refuse(ctx, args[0], get_close_matches(name, self.list_commands(ctx), cutoff=_NEAR))
        return super().resolve_command(ctx, args)

    def refuse(self, ctx: click.Context, typed: str, meant: Iterable[str]) -> NoReturn:
        """Fail because there is no such command; name the commands that may be meant, or the command that lists all."""
        if settings := ctx.find_root().obj:
            settings.speak_early(ctx)
        told = _("There is no command {name}.", name=harmless(typed))
        names = list(meant)
        if names:
            either = reduce(lambda first, second: _("{first} or {second}", first=first, second=second), names)
            more = _("Is {names} meant?", names=either)
        else:
            listing = f"`{' '.join(('hotlined help', *ctx.command_path.split()[1:]))}`"
            more = _("{command} lists all of them.", command=listing)
        ctx.fail(f"{told} {more}")
