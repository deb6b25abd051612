"""`hornbeam plot`: a network as a picture."""

from typing import Any

import click

from builder.cli.command import Command
from builder.cli.source import opened
from builder.models import plot_model
from builder.plot import RANKDIRS

__all__ = ["plot"]


@click.command(cls=Command)
@click.argument("source")
@click.argument("destination", metavar="DEST")
@click.option("--show-shapes", is_flag=True, help="Shapes of inputs and outputs.")
@click.option("--show-dtype", is_flag=True, help="The outputs' dtypes.")
@click.option("--show-layer-names", is_flag=True, help="Names, not only classes.")
@click.option("--show-layer-activations", is_flag=True, help="Activations of layers that have one.")
@click.option("--show-trainable", is_flag=True, help="Whether training would change the weights.")
@click.option("--expand-nested", is_flag=True, help="What is inside nested models.")
@click.option("--rankdir", type=click.Choice(RANKDIRS), default="TB", show_default=True, help="From inputs to outputs.")
@click.option("--dpi", type=click.IntRange(min=1), default=200, show_default=True, help="Dots per inch of a .png.")
def plot(source: str, destination: str, **options: Any) -> None:
    """Draw SOURCE as DEST: a path that ends in .svg, .mmd (Mermaid), .dot, or .png, for which Graphviz is to be installed."""
    click.echo(f"wrote    {plot_model(opened(source), destination, **options)}")
