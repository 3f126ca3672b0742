"""`hotlined help`: the same as `--help`, for people who type it as a word."""

import click

from hotlined.cli.group import TranslatedCommand
from hotlined.language import _


@click.command("help", cls=TranslatedCommand)
@click.argument("words", metavar="[COMMAND]", nargs=-1)
@click.pass_context
def show_help(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Show the help of COMMAND, or the list of all commands, as --help does.

    Example: hotlined help log
    """
    assert ctx.parent
    command, context = ctx.parent.command, ctx.parent
    for word in words:
        if not isinstance(command, click.Group):
            ctx.find_root().obj.speak_early(ctx)
            raise click.UsageError(_("{command} has no commands of its own.", command=context.command_path))
        _name, named, _args = command.resolve_command(context, [word])
        assert named
        context = named.context_class(named, info_name=named.name, parent=context, **named.context_settings)
        command = named
    click.echo(command.get_help(context))
