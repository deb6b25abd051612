"""The network as a table: the layout is Keras's, so that a summary reads the same here and there."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from shutil import get_terminal_size

import numpy as np

from builder.errors import NetworkError
from builder.ops.symbolic import Variable

__all__ = ["Row", "Totals", "between", "render"]


@dataclass(frozen=True, slots=True)
class Row:
    """A layer: `shape` is text, `trainable` None without weights, `inside` the layers of a nested model."""

    name: str
    class_name: str
    shape: str
    parameters: int
    built: bool
    trainable: bool | None
    connected_to: str
    inside: tuple["Row", ...] = ()

    def nested(self, level: int = 0) -> Iterator["Row"]:
        """This row and those inside it, indented by their level."""
        yield replace(self, name="   " * level + "└ " + self.name) if level else self
        for row in self.inside:
            yield from row.nested(level + 1)


@dataclass(frozen=True, slots=True)
class Totals:
    """Elements and bytes of the weights."""

    trainable: int
    trainable_bytes: int
    fixed: int
    fixed_bytes: int

    @classmethod
    def of(cls, trainable: Iterable[Variable], fixed: Iterable[Variable]) -> "Totals":
        """The sums over two lists of weights."""
        return cls(*_sums(trainable), *_sums(fixed))


def between(rows: Sequence[Row], names: Sequence[str] | None) -> Sequence[Row]:
    """The rows from the first that matches one pattern to the last that matches the other; all without patterns."""
    if names is None:
        return rows
    first, last = names
    starts = [index for index, row in enumerate(rows) if re.match(first, row.name)]
    ends = [index for index, row in enumerate(rows) if re.match(last, row.name)]
    if not starts or not ends:
        raise NetworkError(f"Passed layer_names do not match the layer names in the model. Received: {tuple(names)}")
    low, high = sorted((min(starts), max(ends))) if min(starts) <= max(ends) else (min(ends), max(starts))
    return rows[low : high + 1]


def render(
    title: str,
    rows: Sequence[Row],
    totals: Totals,
    is_linear: bool,
    show_trainable: bool = False,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
) -> str:
    """The table and the totals. `positions` are where columns end, as fractions of `line_length` characters."""
    header = ["Layer (type)", "Output Shape", "Param #", *([] if is_linear else ["Connected to"])]
    ends = list(positions or ((0.45, 0.80, 1.0) if is_linear else (0.3, 0.56, 0.74, 1.0)))
    default = 88 if is_linear else 108
    if show_trainable:
        header.append("Trainable")
        ends = [end * 0.90 for end in ends] + [1.0]
        default += 12
    length = line_length or min(default, get_terminal_size().columns - 4)
    widths = _widths(ends, length)
    cells = [_cells(row, is_linear, show_trainable) for row in rows]
    aligned = ["<", "<", ">", *([] if is_linear else ["<"]), *(["^"] if show_trainable else [])]
    lines = [f'Model: "{title}"', *_table(header, cells, widths, aligned), *_footer(totals)]
    return "\n".join(lines) + "\n"


def _cells(row: Row, is_linear: bool, show_trainable: bool) -> list[str]:
    cells = [f"{row.name} ({row.class_name})", row.shape, f"{row.parameters:,}" if row.built else "0 (unbuilt)"]
    if not is_linear:
        cells.append(row.connected_to or "-")
    if show_trainable:
        cells.append("-" if row.trainable is None else "Y" if row.trainable else "N")
    return cells


def _widths(ends: Sequence[float], length: int) -> list[int]:
    """Characters for the text of each column: between the ends, less an equal share of what padding and borders take."""
    absolute = [int(end * length) for end in ends]
    widths = [end - start + 2 for start, end in zip([0, *absolute[:-1]], absolute, strict=True)]
    if any(width < 6 for width in widths):
        raise NetworkError("Insufficient console width to print summary.")
    excess, columns = sum(widths) - (length - len(widths) - 1), len(widths)
    for index in range(columns):
        share = round(excess / (columns - index)) if excess > 0 else 0
        widths[index] -= share
        excess -= share
    return [max(width - 2, 1) for width in widths]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], aligned: Sequence[str]) -> Iterator[str]:
    def rule(left: str, line: str, cross: str, right: str) -> str:
        return left + cross.join(line * (width + 2) for width in widths) + right

    yield rule("┏", "━", "┳", "┓")
    yield from _lines(header, widths, aligned, "┃")
    yield rule("┡", "━", "╇", "┩")
    for index, cells in enumerate(rows):
        if index:
            yield rule("├", "─", "┼", "┤")
        yield from _lines(cells, widths, aligned, "│")
    yield rule("└", "─", "┴", "┘")


def _lines(cells: Sequence[str], widths: Sequence[int], aligned: Sequence[str], border: str) -> Iterator[str]:
    wrapped = [_wrap(cell, width) for cell, width in zip(cells, widths, strict=True)]
    for index in range(max(map(len, wrapped))):
        texts = (lines[index] if index < len(lines) else "" for lines in wrapped)
        yield border + border.join(f" {text:{side}{width}} " for text, side, width in zip(texts, aligned, widths, strict=True)) + border


def _wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width`: words go to the next line whole, and one that is longer than a line ends in an ellipsis."""
    lines = [""]
    for word in re.findall(r"\s*\S+\s*", text):
        if lines[-1] and len(lines[-1]) + len(word.rstrip()) > width:
            lines.append("")
        lines[-1] += word
    stripped = [line.rstrip() for line in lines]
    return [line if len(line) <= width else line[: width - 1] + "…" for line in stripped]


def _footer(totals: Totals) -> Iterator[str]:
    every, every_bytes = totals.trainable + totals.fixed, totals.trainable_bytes + totals.fixed_bytes
    yield f" Total params: {every:,} ({_readable(every_bytes)})"
    yield f" Trainable params: {totals.trainable:,} ({_readable(totals.trainable_bytes)})"
    yield f" Non-trainable params: {totals.fixed:,} ({_readable(totals.fixed_bytes)})"


def _sums(weights: Iterable[Variable]) -> tuple[int, int]:
    sizes = [(prod(weight.shape), np.dtype(weight.dtype).itemsize) for weight in weights]
    return sum(elements for elements, _ in sizes), sum(elements * size for elements, size in sizes)


def _readable(size: float) -> str:
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} PB"
