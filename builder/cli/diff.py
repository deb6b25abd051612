"""`hornbeam diff`: how two models differ."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from builder.cli.command import Command
from builder.cli.source import is_there, opened
from builder.inspection import Difference, difference_between, largest_gap, model_file

__all__ = ["diff"]


@click.command(cls=Command)
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--run", is_flag=True, help="Ask both the same, and compare the answers.")
def diff(first: str, second: str, run: bool) -> None:
    """Print how B differs from A: .onnx files, entries of a model repository, or SOURCEs, which are exported for it."""
    with tempfile.TemporaryDirectory() as directory:
        one, other = (_file(path, Path(directory) / f"{side}.onnx") for path, side in ((first, "a"), (second, "b")))
        _print(difference_between(one, other))
        if not run:
            return
        for name, gap in largest_gap(one, other).items():
            click.echo(f"answers  {name} differs by {gap:.2g} of its largest number")


def _file(path: str, exported: Path) -> Path:
    """The ONNX file of what is given: its own, or one that is exported."""
    if is_there(path) and (Path(path).is_dir() or path.endswith(".onnx")):
        return model_file(Path(path))
    return opened(path).export(exported, samples=False).path


def _print(found: Difference) -> None:
    if found.is_none:
        click.echo("same     signature, operators and weights")
    for line in found.signature:
        click.echo(f"changed  {line}")
    for op, (before, after) in found.operators.items():
        click.echo(f"nodes    {op} {before} -> {after}")
    for kind, names in (("gone", found.gone), ("new", found.novel)):
        for name in names:
            click.echo(f"{kind:8} weight {name}")
    for change in found.changed:
        what = change.what if change.gap is None else f"differs by {change.gap:.2g} of its largest number"
        click.echo(f"changed  weight {change.name} {what}")
