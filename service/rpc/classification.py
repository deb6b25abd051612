"""Triton's classification extension: of an output, the k largest values of each row, with their indices and labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from service.errors import InvalidRequestError, quoted
from service.request import DATATYPES, Array, Tensor, TensorSpec

__all__ = ["check", "classified"]

MAX_ELEMENTS = 1_000_000  # of a row, as in Triton, and of the answer
KINDS = "iuf"


def check(spec: TensorSpec) -> None:
    """Raises InvalidRequestError for an output whose values have no order that could be written: it is refused before it is computed."""
    if spec.datatype.numpy.kind not in KINDS or spec.datatype.name == "BF16":
        raise InvalidRequestError(
            f"class result not available for output '{quoted(spec.name)}' due to unsupported type '{spec.datatype.name}'",
            "parameters['classification']",
        )


def classified(tensor: Tensor, count: int, batched: bool, labels: Sequence[str]) -> Tensor:
    """The `count` largest values as BYTES "value:index" or "value:index:label", the largest first.

    The shape is [batch, count] where axis 0 is a batch, else [count]; a row that has fewer values gives them all. Equal
    values come in the order of their indices, and NaN comes last. Raises InvalidRequestError for too many values.
    """
    batched = batched and tensor.array.ndim > 0
    rows = tensor.array.reshape(len(tensor.array), -1) if batched and tensor.array.size else tensor.array.reshape(1, -1)
    count = min(count, rows.shape[1])
    if rows.shape[1] > MAX_ELEMENTS or len(rows) * count > MAX_ELEMENTS:
        raise InvalidRequestError(
            f"classification output tensor too large: of output '{tensor.name}' {len(rows)} x {rows.shape[1]} values are there, {count} of "
            f"each row are asked for, and {MAX_ELEMENTS} may be",
            "parameters['classification']",
        )
    texts = [_text(value, index, labels) for row in rows for index, value in _largest(row, count)]
    shape = (len(tensor.array), count) if batched else (count,)
    return Tensor(tensor.name, DATATYPES["BYTES"], np.array(texts, object).reshape(shape))


def _largest(row: Array, count: int) -> list[tuple[int, int | float]]:
    # Both turn the order around without a value that overflows; argsort has NaN last in either direction.
    keys = -row if row.dtype.kind == "f" else ~row
    order = np.argsort(keys, kind="stable")[:count]
    return [(int(index), row[index].item()) for index in order]


def _text(value: int | float, index: int, labels: Sequence[str]) -> str:
    """As Triton writes it: C's %f for what is no integer."""
    written = f"{value}:{index}" if isinstance(value, int) else f"{value:f}:{index}"
    return f"{written}:{labels[index]}" if index < len(labels) else written
