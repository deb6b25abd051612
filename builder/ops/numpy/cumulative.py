"""Along an axis, each element with those before it: running sums and products, and differences."""

import numpy as np

from builder.errors import NetworkError
from builder.ops.allowance import spend
from builder.ops.axes import integers
from builder.ops.numpy.rearranging import cut
from builder.ops.numpy.reduction import reduced
from builder.ops.numpy.shaping import expand_dims, ravel
from builder.ops.operation import operation
from builder.ops.promotion import computed, dtype_of
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, shape_of
from builder.proto import standardize_dtype

__all__ = ["cumprod", "cumsum", "diff", "trapezoid"]


@operation
def cumsum(x: TensorLike, axis: int | None = None, dtype: object = None) -> KerasTensor:
    """The sums of all up to each along `axis`, or in a row of all (ONNX CumSum)."""
    x, axis = _in_a_row(x, axis, dtype)
    return computed("CumSum", x, then=(np.asarray(axis, np.int64),))


@operation
def cumprod(x: TensorLike, axis: int | None = None, dtype: object = None) -> KerasTensor:
    """The products of all up to each along `axis`, or in a row of all: the whole triangle of them, reduced (ONNX ReduceProd)."""
    x, axis = _in_a_row(x, axis, dtype)
    size, rank = shape_of(x)[axis], len(shape_of(x))
    if size is None:
        raise NetworkError(f"`cumprod` needs an axis of known size. Received: shape={shape_of(x)}, axis={axis}")
    spend(size, size)
    triangle = np.tri(size, dtype=bool).T.reshape([size, size] + [1] * (rank - axis - 1))
    kind = dtype_of(x)
    wide = kind if "float" in kind or kind in ("int32", "int64") else "int32"
    terms = emit("Where", triangle, expand_dims(converted(x, wide), axis + 1), converted(1, wide))
    products = converted(reduced("ReduceProd", terms, axis, False), kind)
    assert isinstance(products, KerasTensor)
    return products


@operation
def diff(a: TensorLike, n: int = 1, axis: int = -1) -> TensorLike:
    """Each element less the one before it along `axis`, `n` times (ONNX Sub, or for booleans Xor)."""
    axis %= len(shape_of(a))
    for _ in range(n):
        later, earlier = cut(a, axis, 1, 2**63 - 1), cut(a, axis, 0, -1)
        a = emit("Xor" if later.dtype == "bool" else "Sub", later, earlier)
    return a


@operation
def trapezoid(y: TensorLike, x: TensorLike | None = None, dx: float = 1.0, axis: int = -1) -> KerasTensor:
    """The area under `y` along `axis`, its points at `x` or `dx` apart."""
    y = converted(y, "float32") if "float" not in dtype_of(y) else y
    axis %= len(shape_of(y))
    middle = emit("Add", cut(y, axis, 1, 2**63 - 1), cut(y, axis, 0, -1))
    half = converted(0.5 if x is not None else 0.5 * dx, dtype_of(y))
    area = emit("Mul", middle, half)
    if x is not None:
        widths = diff(converted(x, dtype_of(y)), axis=-1)
        if len(shape_of(widths)) == 1:
            widths = expand_dims(widths, tuple(range(1, len(shape_of(y)) - axis))) if axis < len(shape_of(y)) - 1 else widths
        area = emit("Mul", area, widths)
    return emit("ReduceSum", area, integers((axis,)), keepdims=0)


def _in_a_row(x: TensorLike, axis: int | None, dtype: object) -> tuple[TensorLike, int]:
    """`x` in the dtype of its sums, and a known axis."""
    kind = dtype_of(x)
    given = converted(x, standardize_dtype(dtype) if dtype is not None else "int32" if kind == "bool" else kind)
    return (ravel(given), 0) if axis is None else (given, axis % len(shape_of(given)))
