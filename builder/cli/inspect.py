"""`hornbeam inspect`: what is in a file, before anyone converts or serves it."""

from __future__ import annotations

from pathlib import Path

import click

from builder.cli.command import Command
from builder.cli.source import described, is_there, opened
from builder.errors import UnsupportedError
from builder.inspection import Description, describe_file, model_file
from builder.models import Model
from builder.proto import split_proto

__all__ = ["inspect"]


@click.command(cls=Command)
@click.argument("path")
def inspect(path: str) -> None:
    """Print what is in PATH: an .onnx file, an entry of a model repository, or a SOURCE, of which it says what would be refused."""
    is_saved_by_keras = is_there(path) and (Path(path) / "config.json").is_file()
    if is_there(path) and not is_saved_by_keras and (Path(path).is_dir() or path.endswith(".onnx")):
        _print(describe_file(model_file(Path(path))))
        return
    try:
        model = opened(path)
        click.echo(f"source   {path}: {described(model)}")
        _print_model(model)
    except UnsupportedError as error:
        click.echo(f"refused  {error}")
        return
    click.echo("refused  nothing: it can be exported")


def _print_model(model: Model) -> None:
    """The signature. Raises UnsupportedError when the network has no form in ONNX."""
    graph = model.graph()
    for value in graph.inputs:
        click.echo(f"input    {value.name}  {value.spec.dtype} ({', '.join(map(str, value.spec.shape))})")
    for name, output in zip(graph.names, graph.outputs, strict=True):
        click.echo(f"output   {name}  {output.spec.dtype} ({', '.join('?' if dim is None else str(dim) for dim in output.spec.shape)})")
    split_proto(graph, 1)


def _print(found: Description) -> None:
    opsets = ", ".join(f"{'opset' if domain == 'ai.onnx' else domain} {version}" for domain, version in found.opsets.items())
    click.echo(f"file     {found.path} ({found.size:,} bytes)")
    click.echo(f"made by  {found.producer}, {opsets}, IR {found.ir_version}")
    for kind, tensors in (("input", found.inputs), ("output", found.outputs)):
        for tensor in tensors:
            click.echo(f"{kind:8} {tensor}")
    kinds = ", ".join(f"{dtype} {size:,} bytes" for dtype, size in sorted(found.weight_bytes.items()))
    click.echo(f"weights  {found.weights} of {found.numbers:,} numbers{f': {kinds}' if kinds else ''}")
    for name, size in found.data.items():
        click.echo(f"data     {name} ({'missing' if size is None else f'{size:,} bytes'})")
    counted = ", ".join(f"{op} {count}" for op, count in sorted(found.operators.items(), key=lambda item: (-item[1], item[0])))
    click.echo(f"nodes    {sum(found.operators.values())}: {counted}")
    if found.quantized:
        click.echo(f"int8     {found.quantized}")
    if found.samples:
        click.echo(f"samples  {found.samples}")
    for key, value in found.metadata.items():
        click.echo(f"metadata {key} = {value}")
