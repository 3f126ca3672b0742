"""`hotlined help`: what `--help` shows, for those who type it as a word."""

import click


@click.command("help")
@click.argument("words", metavar="[COMMAND]", nargs=-1)
@click.pass_context
def show_help(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Show the help of COMMAND, or of every command, as --help does.

    Example: hotlined help log
    """
    assert ctx.parent
    command, context = ctx.parent.command, ctx.parent
    for word in words:
        if not isinstance(command, click.Group):
            raise click.UsageError(f"{context.command_path} has no commands of its own.")
        _, named, _ = command.resolve_command(context, [word])
        assert named
        context = named.context_class(named, info_name=named.name, parent=context, **named.context_settings)
        command = named
    click.echo(command.get_help(context))
