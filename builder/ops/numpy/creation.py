"""New tensors: of one value, of a series, of a pattern."""

from typing import Any

import numpy as np

from builder.errors import NetworkError
from builder.ops.allowance import spend
from builder.ops.axes import integers
from builder.ops.numpy.shaping import broadcast_to, expand_dims, reshape
from builder.ops.operation import operation
from builder.ops.promotion import WIDE, computed, dtype_of, is_floating, promoted, result_dtype
from builder.ops.sizes import Size, Sizes, dims_of, size_of
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, emit_as, shape_of
from builder.proto import standardize_dtype

__all__ = [
    "arange",
    "array",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "geomspace",
    "identity",
    "linspace",
    "logspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tri",
    "tril",
    "triu",
    "vander",
    "zeros",
    "zeros_like",
]


@operation
def full(shape: int | Sizes, fill_value: TensorLike, dtype: Any = None) -> KerasTensor:
    """A tensor of that shape and one value, which is broadcast (ONNX Expand)."""
    sizes = [shape] if isinstance(shape, int | KerasTensor) else list(shape)
    return broadcast_to(converted(fill_value, standardize_dtype(dtype)), sizes)


@operation
def zeros(shape: int | Sizes, dtype: Any = None) -> KerasTensor:
    """Zeros (ONNX Expand)."""
    return full(shape, 0, dtype)


@operation
def ones(shape: int | Sizes, dtype: Any = None) -> KerasTensor:
    """Ones (ONNX Expand)."""
    return full(shape, 1, dtype)


empty = zeros


@operation
def full_like(x: TensorLike, fill_value: TensorLike, dtype: Any = None) -> KerasTensor:
    """A tensor of the shape of `x`, and of its dtype unless told otherwise, of one value (ONNX Expand)."""
    shape = [size_of(x, axis) for axis in range(len(shape_of(x)))]
    return full(shape, fill_value, dtype_of(x) if dtype is None else dtype)


@operation
def zeros_like(x: TensorLike, dtype: Any = None) -> KerasTensor:
    """Zeros in the shape of `x` (ONNX Expand)."""
    return full_like(x, 0, dtype)


@operation
def ones_like(x: TensorLike, dtype: Any = None) -> KerasTensor:
    """Ones in the shape of `x` (ONNX Expand)."""
    return full_like(x, 1, dtype)


@operation
def empty_like(x: TensorLike, dtype: Any = None) -> KerasTensor:
    """Zeros in the shape of `x` (ONNX Expand)."""
    return full_like(x, 0, dtype)


@operation
def array(x: TensorLike, dtype: Any = None) -> TensorLike:
    """`x` as a tensor, in another dtype where one is given (ONNX Cast)."""
    return emit("Identity", x) if dtype is None else converted(x, standardize_dtype(dtype))


@operation
def arange(start: Size | float, stop: Size | float | None = None, step: Size | float | None = None, dtype: Any = None) -> KerasTensor:
    """The numbers from `start` in steps of `step`, without `stop`; from zero where one number is given (ONNX Range)."""
    given = [number for number in (start, stop, step) if number is not None]
    dtype = result_dtype(*given) if dtype is None else standardize_dtype(dtype)
    first, last = (0, start) if stop is None else (start, stop)
    numbers = (first, last, 1 if step is None else step)
    if not any(isinstance(number, KerasTensor) for number in numbers):
        spend(int(abs((numbers[1] - numbers[0]) / (numbers[2] or 1))))
        return emit("Identity", np.arange(*numbers).astype(dtype))  # type: ignore[arg-type]
    dims = dims_of((last,)) if (first, step) in ((0, None), (0, 1)) else (None,)  # type: ignore[arg-type]
    exact = dtype if dtype in ("int16", "int32", "int64", "float32") else "float32" if is_floating(dtype) else "int32"
    series = converted(emit_as(dims, exact, "Range", *(converted(number, exact) for number in numbers)), dtype)
    assert isinstance(series, KerasTensor)
    return series


@operation
def linspace(
    start: TensorLike, stop: TensorLike, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0
) -> Any:
    """`num` numbers from `start` to `stop`, as far from each other; with `retstep` the step too."""
    kind = standardize_dtype(dtype) if dtype is not None else result_dtype(start, stop, 1.0)
    exact = kind if is_floating(kind) else "float32"
    first, last = (converted(number, exact) for number in (start, stop))
    gaps = max(num - 1 if endpoint else num, 1)
    rank = max(len(shape_of(first)), len(shape_of(last)))
    spend(num)
    weights = reshape(np.arange(num, dtype=np.float64).__truediv__(gaps).astype(exact), [-1] + [1] * rank)
    span = emit("Sub", last, first)
    series = emit("Add", emit("Mul", emit("Sub", converted(1, exact), weights), first), emit("Mul", weights, last))
    if axis % (rank + 1):
        order = list(range(1, rank + 1))
        order.insert(axis % (rank + 1), 0)
        series = emit("Transpose", series, perm=tuple(order))
    if not is_floating(kind):
        series = emit("Floor", series)
    found = converted(series, kind)
    return (found, emit("Div", span, converted(gaps, exact))) if retstep else found


@operation
def logspace(
    start: TensorLike, stop: TensorLike, num: int = 50, endpoint: bool = True, base: float = 10, dtype: Any = None, axis: int = 0
) -> TensorLike:
    """`base` to the power of each of `linspace(start, stop, num)`."""
    exact = "float32" if dtype is None or not is_floating(standardize_dtype(dtype)) else standardize_dtype(dtype)
    series = linspace(start, stop, num, endpoint, dtype=exact, axis=axis)
    return converted(emit("Pow", converted(base, exact), series), exact if dtype is None else standardize_dtype(dtype))


@operation
def geomspace(start: TensorLike, stop: TensorLike, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> TensorLike:
    """`num` numbers from `start` to `stop`, each as many times the one before; both are above zero, or both below."""
    kind = result_dtype(start, stop, 1.0) if dtype is None else standardize_dtype(dtype)
    exact = kind if is_floating(kind) else "float32"
    first, last = (converted(number, exact) for number in (start, stop))
    begin, end = (emit("Log", emit("Abs", number)) for number in (first, last))
    exponents = linspace(begin, end, num, endpoint, dtype=exact, axis=axis)
    signs = emit("Sign", emit("Add", first, last))
    signs = emit("Unsqueeze", signs, integers((axis % len(shape_of(exponents)),))) if shape_of(signs) else signs
    series = emit("Mul", signs, emit("Exp", exponents))
    return converted(series if is_floating(kind) else emit("Round", series), kind)


@operation
def vander(x: TensorLike, N: int | None = None, increasing: bool = False) -> TensorLike:  # noqa: N803  Keras's names
    """The powers of each element of a vector, from `N - 1` to 0 or the other way round: `(size,)` to `(size, N)` (ONNX Pow)."""
    count = shape_of(x)[0] if N is None else N
    if len(shape_of(x)) != 1 or count is None:
        raise NetworkError(f"`vander` needs a vector, and `N` unless its size is known. Received: shape={shape_of(x)}, N={N}")
    powers = np.arange(count) if increasing else np.arange(count)[::-1]
    dtype = dtype_of(promoted(x)[0])
    return computed("Pow", expand_dims(converted(x, dtype), -1), converted(powers, dtype))


@operation
def meshgrid(*x: TensorLike, indexing: str = "xy") -> list[KerasTensor]:
    """Each vector spread over the grid of all of them; the first two axes exchanged for "xy" (ONNX Expand)."""
    rank = len(x)
    order = [1, 0, *range(2, rank)] if indexing == "xy" and rank > 1 else list(range(rank))
    vectors = [reshape(vector, (-1,)) for vector in x]
    shape = [size_of(vectors[place], 0) for place in order]
    return [
        broadcast_to(expand_dims(vector, [axis for axis in range(rank) if axis != order.index(place)]) if rank > 1 else vector, shape)
        for place, vector in enumerate(vectors)
    ]


@operation
def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> KerasTensor:  # noqa: N803  Keras's names
    """Ones on the diagonal `k` of a matrix of `N` rows and `M` columns (a constant)."""
    spend(N, N if M is None else M)
    return emit("Identity", np.eye(N, M, k).astype(standardize_dtype(dtype)))


@operation
def identity(n: int, dtype: Any = None) -> KerasTensor:
    """The matrix of `n` rows that changes nothing (a constant)."""
    return eye(n, dtype=dtype)


@operation
def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> KerasTensor:  # noqa: N803  Keras's names
    """Ones on and below the diagonal `k` of a matrix of `N` rows and `M` columns (a constant)."""
    spend(N, N if M is None else M)
    return emit("Identity", np.tri(N, M, k).astype(standardize_dtype(dtype)))


@operation
def tril(x: TensorLike, k: int = 0) -> KerasTensor:
    """`x` with zeros above the diagonal `k` of its last two axes (ONNX Trilu)."""
    return _triangle(x, k, upper=0)


@operation
def triu(x: TensorLike, k: int = 0) -> KerasTensor:
    """`x` with zeros below the diagonal `k` of its last two axes (ONNX Trilu)."""
    return _triangle(x, k, upper=1)


def _triangle(x: TensorLike, k: int, upper: int) -> KerasTensor:
    return computed("Trilu", x, then=(np.asarray(k, np.int64),), within=("bool", *WIDE), upper=upper)
