"""`hotlined help`: what `--help` shows, for those who type it as a word."""

import click


@click.command("help")
@click.argument("words", metavar="[COMMAND]", nargs=-1)
@click.pass_context
def show_help(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Show what COMMAND does, or every command: as --help does.

    Example: hotlined help log
    """
    assert ctx.parent
    command, context = ctx.parent.command, ctx.parent
    for word in words:
        if not isinstance(command, click.Group):
            raise click.UsageError(f"{context.command_path} has no commands of its own.")
        _, found, _ = command.resolve_command(context, [word])
        assert found
        context = found.context_class(found, info_name=found.name, parent=context, **found.context_settings)
        command = found
    click.echo(command.get_help(context))
