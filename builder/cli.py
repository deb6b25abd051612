"""The `hornbeam` command: parse, call, print. What goes wrong by a user's doing is one sentence and exit code 2."""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path
from typing import Any

import click

from builder.errors import HornbeamError, SourceError
from builder.export import Export
from builder.graph import Spec
from builder.models import Model, load_model, plot_model
from builder.plot import RANKDIRS
from builder.proto import OPSET

__all__ = ["main"]

FILES = (".keras", ".h5", ".hdf5")


class _Failure(click.ClickException):
    exit_code = 2


class _Command(click.Command):
    """A command whose user's mistakes end in a sentence, not in a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except HornbeamError as error:
            raise _Failure(str(error)) from error


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hornbeam", prog_name="hornbeam", message="%(prog)s %(version)s")
def main() -> None:
    """Networks built as in Keras, or saved by Keras, as ONNX files that are ready to serve.

    SOURCE is a .keras file or directory, a legacy .h5 file, or package.module:object where the object is a model or a function
    that returns one.
    """


@main.command(cls=_Command)
@click.argument("source")
@click.argument("destination", metavar="DEST")
@click.option("--name", help="Name of the model in the repository.  [default: the file's name, or the model's]")
@click.option("--version", type=click.IntRange(min=1), default=1, show_default=True, help="Version in the repository.")
def export(source: str, destination: str, name: str | None, version: int) -> None:
    """Write SOURCE as ONNX to DEST, and check it.

    DEST is a model repository, a directory that gets NAME/VERSION/model.onnx, or a path that ends in .onnx. The file is
    checked before anything is written: by ONNX's checker, by running it in ONNX Runtime at two batch sizes, and for rows
    that depend on each other.
    """
    model = _model(source)
    click.echo(f"opened   {source}: {_description(model)}")
    written = model.export(destination, name=name or _default_name(source, model), version=version)
    _print_export(written)
    served = destination if destination.endswith(".onnx") else Path(destination)
    click.echo(f"serve    hornbeam-serve run {served}")


@main.command(cls=_Command)
@click.argument("source")
def summary(source: str) -> None:
    """Print the layers of SOURCE, their shapes and sizes."""
    _model(source).summary(print_fn=click.echo, expand_nested=True)


@main.command(cls=_Command)
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
    click.echo(f"wrote    {plot_model(_model(source), destination, **options)}")


def _model(source: str) -> Model:
    if ":" in source and not _is_there(source):
        return _from_python(*source.split(":", 1))
    if not source.endswith(FILES) and not _is_there(source):
        raise SourceError(f"SOURCE {source!r} is neither a file that Keras saved ({', '.join(FILES)}) nor package.module:object")
    return load_model(source)


def _is_there(source: str) -> bool:
    try:
        return Path(source).exists()
    except OSError:  # too long for a name
        return False


def _from_python(module: str, name: str) -> Model:
    """The model that `name` in `module` is or returns; modules in the working directory count."""
    sys.path.insert(0, "")
    try:
        found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        model = found() if callable(found) and not isinstance(found, Model) else found
    except HornbeamError:
        raise
    except Exception as error:  # the user's own code: say where it failed, in one sentence
        raise SourceError(f"SOURCE {module}:{name} failed: {type(error).__name__}: {error}{_place(error)}") from error
    finally:
        sys.path.remove("")
    if not isinstance(model, Model):
        raise SourceError(f"SOURCE {module}:{name} is a {type(model).__name__}, not a model of builder.models or a function returning one")
    return model


def _place(error: Exception) -> str:
    """Where in the user's own code an error arose, if it did."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__ and "importlib" not in frame.filename]
    return f" ({own[-1].filename}:{own[-1].lineno})" if own else ""


def _default_name(source: str, model: Model) -> str:
    if not model.source:
        return model.name
    name = Path(source).resolve().name
    return next((name.removesuffix(ending) for ending in FILES if name.endswith(ending)), name)


def _description(model: Model) -> str:
    saved = f", saved by Keras {model.source.keras_version}" if model.source and model.source.keras_version else ""
    return f"{type(model).__name__} '{model.name}', {len(model.layers)} layers, {model.count_params():,} parameters{saved}"


def _print_export(written: Export) -> None:
    before = written.passes[0].before if written.passes else written.nodes
    changed = ", ".join(report.name for report in written.passes if report.changed) or "nothing to do"
    batches = "batches of 1 and 3, rows independent" if written.batched else "a run; its batch is fixed, so requests will not be batched"
    click.echo(f"passes   {before} nodes -> {written.nodes} ({changed}), opset {OPSET}")
    click.echo(f"checked  ONNX checker, ONNX Runtime, same answers as before the passes, {batches}")
    click.echo(f"{'replaced' if written.replaced else 'wrote   '} {written.path} ({written.size:,} bytes)")
    for kind, tensors in (("input", written.inputs), ("output", written.outputs)):
        for name, spec in tensors:
            click.echo(f"         {kind:6} {name}  {_spec(spec)}")


def _spec(spec: Spec) -> str:
    return f"{spec.dtype} ({', '.join('?' if dim is None else str(dim) for dim in spec.shape)})"
