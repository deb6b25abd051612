"""The `hornbeam` command: parse, call, print. What goes wrong by a user's doing is one sentence and exit code 2."""

import click

from builder.cli.diff import diff
from builder.cli.export import export
from builder.cli.inspect import inspect
from builder.cli.pack import pack
from builder.cli.plot import plot
from builder.cli.summary import summary

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hornbeam", prog_name="hornbeam", message="%(prog)s %(version)s")
def main() -> None:
    """Networks built as in Keras, or saved by Keras, as ONNX files that are ready to serve.

    SOURCE is a .keras file or directory, a legacy .h5 file, or package.module:object where the object is a model or a function
    that returns one.
    """


for command in (export, inspect, diff, summary, plot, pack):
    main.add_command(command)
