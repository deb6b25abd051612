"""How numbers are spread, and how they go together."""

import numpy as np

from builder.errors import NetworkError
from builder.ops.axes import integers
from builder.ops.numpy.arithmetic import add, clip, divide, multiply, sqrt, subtract
from builder.ops.numpy.comparison import equal, where
from builder.ops.numpy.contraction import matmul
from builder.ops.numpy.creation import linspace
from builder.ops.numpy.reduction import max, mean, min, sum
from builder.ops.numpy.shaping import expand_dims, reshape, transpose
from builder.ops.numpy.sorting import searchsorted
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, floating, promoted
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, shape_of

__all__ = ["corrcoef", "correlate", "histogram"]


@operation
def histogram(x: TensorLike, bins: int = 10, range: tuple[float, float] | None = None) -> tuple[TensorLike, TensorLike]:
    """How many elements of a vector are in each of `bins` equal parts, as float32, and the `bins + 1` numbers between those.

    The parts are those of `range`, or of what lies between the least and the largest element. The last one includes its end.
    """
    if len(shape_of(x)) != 1 or bins < 1:
        raise NetworkError(f"`histogram` takes a vector, and one bin at least. Received: shape={shape_of(x)}, bins={bins}")
    x = floating(x)
    least, largest = (min(x), max(x)) if range is None else (converted(float(end), dtype_of(x)) for end in range)
    flat = equal(least, largest)
    low, high = (where(flat, add(end, half), end) for end, half in ((least, -0.5), (largest, 0.5)))
    edges = linspace(low, high, bins + 1)
    part = subtract(searchsorted(edges, x, "right"), 1)
    part = where(equal(x, high), bins - 1, part)
    here = converted(equal(expand_dims(part, -1), np.arange(bins, dtype=np.int32)), "float32")
    return emit("ReduceSum", here, integers((0,)), keepdims=0), edges


@operation
def correlate(x1: TensorLike, x2: TensorLike, mode: str = "valid") -> KerasTensor:
    """The sums of the products of two vectors at each place of the shorter one along the other (ONNX Conv).

    "valid" are the places where it is within, "full" those where it meets any, and "same" as many as the longer one has.
    """
    if mode not in ("valid", "same", "full"):
        raise NetworkError(f"`mode` must be one of 'valid', 'same', 'full'. Received: mode={mode}")
    a, b = (floating(operand) for operand in promoted(x1, x2))
    sizes = [shape[0] if len(shape) == 1 else None for shape in (shape_of(a), shape_of(b))]
    if sizes[0] is None or sizes[1] is None:
        raise NetworkError(f"`correlate` takes vectors of known size. Received: shapes={shape_of(a)}, {shape_of(b)}")
    swapped = sizes[0] < sizes[1]
    (signal, other), reach = ((b, a), sizes[0]) if swapped else ((a, b), sizes[1])
    begin, end = {"valid": (0, 0), "same": (reach // 2, (reach - 1) // 2), "full": (reach - 1, reach - 1)}[mode]
    found = emit("Conv", reshape(signal, (1, 1, -1)), reshape(other, (1, 1, -1)), pads=(begin, end))
    row = reshape(found, (-1,))
    return emit("Slice", row, integers((-1,)), integers((-(2**63),)), integers((0,)), integers((-1,))) if swapped else row


@operation
def corrcoef(x: TensorLike) -> TensorLike:
    """How much each row goes with each other one, from -1 to 1: `(rows, samples)` to `(rows, rows)`; 1 of a vector."""
    x = floating(x)
    if len(shape_of(x)) > 2:
        raise NetworkError(f"`corrcoef` takes a vector or a matrix. Received: shape={shape_of(x)}")
    rows = reshape(x, (1, -1)) if len(shape_of(x)) < 2 else x
    apart = subtract(rows, mean(rows, 1, True))
    together = matmul(apart, transpose(apart))
    spread = sqrt(sum(multiply(apart, apart), 1))
    scaled = divide(divide(together, expand_dims(spread, 1)), expand_dims(spread, 0))
    found = clip(scaled, -1.0, 1.0)
    return reshape(found, ()) if len(shape_of(x)) < 2 else found
