"""A group of commands whose help cuts no sentence off."""

from collections.abc import Iterable, Mapping

import click

_WHOLE = 200  # characters: a first sentence is never cut


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
