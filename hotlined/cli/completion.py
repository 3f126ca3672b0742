"""`hotlined completion`: the script that completes commands, options, numbers and tags in a shell."""

import click
from click.shell_completion import get_completion_class

from hotlined.cli.group import TranslatedCommand

_SHELLS = ("bash", "zsh", "fish")
# zsh has no completion until compinit turns it on
_BEFORE = {"zsh": "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }\n"}


@click.command(cls=TranslatedCommand)
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script with which SHELL completes commands, options, numbers, reasons and states of hotlined.

    Put the line for your shell into the file that it names:

    \b
    ~/.bashrc: eval "$(hotlined completion bash)"
    ~/.zshrc: eval "$(hotlined completion zsh)"
    ~/.config/fish/config.fish: hotlined completion fish | source

    Example: hotlined completion bash
    """  # noqa: D301  \b is click's mark: keep these lines
    shell_class = get_completion_class(shell)
    assert shell_class
    script = shell_class(ctx.find_root().command, {}, "hotlined", "_HOTLINED_COMPLETE").source()
    click.echo(_BEFORE.get(shell, "") + script)
