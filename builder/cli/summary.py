"""`hornbeam summary`: the layers of a network as a table."""

import click

from builder.cli.command import Command
from builder.cli.source import opened

__all__ = ["summary"]


@click.command(cls=Command)
@click.argument("source")
def summary(source: str) -> None:
    """Print the layers of SOURCE, their shapes and sizes."""
    opened(source).summary(print_fn=click.echo, expand_nested=True)
