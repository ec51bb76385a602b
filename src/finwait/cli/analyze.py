"""`finwait analyze`."""

import click


@click.command("analyze")
@click.argument("files", nargs=-1, required=True)
def command(files: tuple[str, ...]) -> int:
    """Who closed each connection of a capture, how, and why."""
    raise click.ClickException(f"not yet: {files}")
