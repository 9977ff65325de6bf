"""``yamlflow completion bash|zsh|fish``"""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print what lets a shell complete verbs, options and ids of executions by Tab.

    \b
    bash, in ~/.bashrc:   eval "$(yamlflow completion bash)"
    zsh, in ~/.zshrc:     eval "$(yamlflow completion zsh)"
    fish:                 yamlflow completion fish > ~/.config/fish/completions/yamlflow.fish
    """
    from click.shell_completion import get_completion_class

    from yamlflow_nb.cli import command as yamlflow

    kind = get_completion_class(shell)
    assert kind is not None
    made = kind(yamlflow, {}, "yamlflow", "_YAMLFLOW_COMPLETE")
    click.echo(made.source_template % made.source_vars())
