"""`hornbeam export`: a network as a checked ONNX file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import click

from builder.cli.command import Command
from builder.cli.progress import progress
from builder.cli.source import default_name, described, opened
from builder.export import Accuracy, Export, Options, flag_of
from builder.graph import Spec

__all__ = ["export"]


def _with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with a flag for each field of `Options`."""
    for option in reversed(fields(Options)):
        command = click.option(flag_of(option).name, option.name, **_declared(option))(command)
    return command


def _declared(option: Field[Any]) -> dict[str, Any]:
    """What click has to know of an option."""
    flag = flag_of(option)
    if option.default is MISSING:  # a mapping
        return {"multiple": True, "callback": _pairs, "help": flag.help, "metavar": flag.metavar}
    declared: dict[str, Any] = {"default": option.default, "help": flag.help, "metavar": flag.metavar}
    if isinstance(option.default, bool):
        return {**declared, "is_flag": True}
    if isinstance(option.default, int):
        return {**declared, "type": click.IntRange(flag.least, flag.most), "show_default": True}
    kind = {"type": click.Choice(flag.choices)} if flag.choices else {}
    return {**declared, **kind, "multiple": isinstance(option.default, tuple)}


def _pairs(context: click.Context, parameter: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    """NAME=VALUE, however often."""
    pairs: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise click.BadParameter(f"{text!r} is not {parameter.metavar}")
        if name in pairs:
            raise click.BadParameter(f"{name!r} is given twice")
        pairs[name] = value
    return pairs


@click.command(cls=Command)
@click.argument("source")
@click.argument("destination", metavar="DEST")
@click.option("--name", help="Name of the model in the repository.  [default: the file's name, or the model's]")
@click.option("--version", type=click.IntRange(min=1), default=1, show_default=True, help="Version in the repository.")
@_with_options
def export(source: str, destination: str, name: str | None, version: int, **options: Any) -> None:
    """Write SOURCE as ONNX to DEST, and check it.

    DEST is a model repository, a directory that gets NAME/VERSION/model.onnx, or a path that ends in .onnx. The file is
    checked before it is there: by ONNX's checker, by running it in ONNX Runtime at two batch sizes, and for rows that
    depend on each other.
    """
    with progress("export") as show:
        show(f"opening {source}")
        model = opened(source)
        written = model.export(destination, name=name or default_name(source, model), version=version, progress=show, **options)
    click.echo(f"opened   {source}: {described(model)}")
    _print(written)
    served = destination if destination.endswith(".onnx") else Path(destination)
    click.echo(f"serve    hornbeam-serve run {served}")


def _print(written: Export) -> None:
    before = written.passes[0].before if written.passes else written.nodes
    changed = ", ".join(report.name for report in written.passes if report.changed) or "nothing to do"
    batches = "batches of 1 and 3, rows independent" if written.batched else "a run; its batch is fixed, so requests will not be batched"
    same = "" if written.accuracy else ", same answers as before the passes"
    click.echo(f"passes   {before} nodes -> {written.nodes} ({changed}), opset {written.opset}")
    click.echo(f"checked  ONNX checker, ONNX Runtime{same}, {batches}")
    if written.from_keras is not None:
        click.echo(f"Keras    answers the same, largest difference {written.from_keras:.2g} of an output's largest number")
    if written.accuracy is not None:
        click.echo(f"accuracy {_accuracy(written.accuracy)}")
    beside = "".join(f", {path.name}" for path in (written.data, written.samples) if path is not None)
    click.echo(f"{'replaced' if written.replaced else 'wrote   '} {written.path}{beside} ({written.size:,} bytes)")
    for kind, tensors in (("input", written.inputs), ("output", written.outputs)):
        for name, spec in tensors:
            click.echo(f"         {kind:6} {name}  {_spec(spec)}")


def _accuracy(accuracy: Accuracy) -> str:
    agreement = "" if accuracy.agreement is None else f", same class in {accuracy.agreement:.1%} of rows"
    return (
        f"{accuracy.before:,} -> {accuracy.after:,} bytes; differs from float32 by {accuracy.largest:.2g} at most and {accuracy.mean:.2g} "
        f"in the mean, of an output's largest number{agreement} ({accuracy.rows} rows)"
    )


def _spec(spec: Spec) -> str:
    return f"{spec.dtype} ({', '.join('?' if dim is None else str(dim) for dim in spec.shape)})"
