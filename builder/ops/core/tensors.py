"""`keras.ops` functions about tensors as such."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from builder.errors import NetworkError
from builder.graph import Array, current_scope
from builder.ops.axes import integers
from builder.ops.numpy.arithmetic import clip
from builder.ops.numpy.creation import zeros
from builder.ops.numpy.rearranging import split
from builder.ops.numpy.shaping import concatenate, squeeze
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, is_floating, promoted
from builder.ops.sizes import Size, Sizes, as_shape, dims_of, is_static, size_of, spec_dims
from builder.ops.symbolic import KerasTensor, Operators, TensorLike, converted, emit, emit_as, shape_of
from builder.proto import standardize_dtype

__all__ = [
    "cast",
    "convert_to_numpy",
    "convert_to_tensor",
    "custom_gradient",
    "dtype",
    "is_tensor",
    "saturate_cast",
    "scatter",
    "scatter_update",
    "shape",
    "slice",
    "slice_update",
    "stop_gradient",
    "unstack",
]


@operation
def cast(x: TensorLike, dtype: Any) -> TensorLike:
    """`x` in another dtype (ONNX Cast: floats to integers round towards zero)."""
    return converted(x, standardize_dtype(dtype))


@operation
def saturate_cast(x: TensorLike, dtype: Any) -> TensorLike:
    """`x` in another dtype, what is out of its range at its ends (ONNX Clip, Cast)."""
    wanted, own = standardize_dtype(dtype), dtype_of(x)
    low, high = _ends(own, wanted)
    return converted(x if low is None and high is None else clip(x, low, high), wanted)


@operation
def convert_to_tensor(x: TensorLike, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None) -> TensorLike:
    """`x` as a tensor, in another dtype where one is given (ONNX Cast). Raises NetworkError for a sparse or ragged one."""
    if sparse or ragged:
        raise NetworkError("Sparse and ragged tensors have no form in plain ONNX")
    return emit("Identity", x) if dtype is None else converted(x, standardize_dtype(dtype))


@operation
def stop_gradient(variable: TensorLike) -> KerasTensor:
    """`variable` as it is: nothing is trained here (ONNX Identity)."""
    return emit("Identity", variable)


def convert_to_numpy(x: TensorLike) -> Array:
    """The numbers of an array or a weight. Raises SymbolicError for a symbolic tensor, which has none."""
    return np.array(x)


def custom_gradient(f: Callable[..., tuple[Any, Any]]) -> Callable[..., Any]:
    """`f` without the gradient that it gives beside its output: nothing is trained here."""

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        return f(*args, **kwargs)[0]

    return call


def shape(x: TensorLike) -> tuple[Any, ...]:
    """The shape. A free size is None, or inside of a layer's `call` a scalar tensor that can be computed with.

    Such a scalar may be part of a shape: that of `reshape`, `broadcast_to`, `zeros` and others.
    """
    if not current_scope():
        return shape_of(x)
    return tuple(size_of(x, axis) for axis in range(len(shape_of(x))))


def dtype(x: TensorLike) -> str:
    """The dtype."""
    return dtype_of(x)


def is_tensor(x: Any) -> bool:
    """Whether `x` is a tensor: a symbolic one, or an array."""
    return isinstance(x, KerasTensor | np.ndarray)


@operation
def unstack(x: TensorLike, num: int | None = None, axis: int = 0) -> list[KerasTensor]:
    """The slices along `axis`, without that axis (ONNX Split, Squeeze). Raises NetworkError when their number is not known."""
    count = shape_of(x)[axis] if num is None else num
    if count is None:
        raise NetworkError(
            f"Cannot infer argument `num` from shape {shape_of(x)}. Either provide a tensor with a concrete shape in the `axis` "
            "dimension or explicitly pass the `num` argument."
        )
    return [squeeze(part, axis) for part in split(x, count, axis)]


@operation
def slice(inputs: TensorLike, start_indices: TensorLike | Sequence[Size], shape: Sizes) -> KerasTensor:
    """The part of that shape that begins at `start_indices` (ONNX Slice)."""
    starts = _starts(start_indices)
    axes = list(range(len(shape)))
    if not isinstance(starts, list):
        ends: TensorLike = emit("Add", starts, as_shape([size for size in shape if size is not None]))
        return emit_as(dims_of(shape), dtype_of(inputs), "Slice", inputs, starts, ends, integers(axes))
    own = shape_of(inputs)
    sizes = [size if size is not None else size_of(inputs, axis) for axis, size in enumerate(shape)]
    if is_static(sizes):  # as in JAX, a part that would reach beyond the end begins earlier
        starts = [start if size is None else max(min(start, size - part), 0) for start, size, part in zip(starts, own, sizes, strict=True)]
        return emit(
            "Slice", inputs, integers(starts), integers([start + part for start, part in zip(starts, sizes, strict=True)]), integers(axes)
        )
    ends = emit("Add", as_shape(starts), as_shape(sizes))
    return emit_as(dims_of(sizes), dtype_of(inputs), "Slice", inputs, as_shape(starts), ends, integers(axes))


@operation
def slice_update(inputs: TensorLike, start_indices: TensorLike | Sequence[int], updates: TensorLike) -> TensorLike:
    """`inputs` with `updates` in place of the part that begins at `start_indices` (ONNX Slice, Concat)."""
    starts = _starts(start_indices)
    if not isinstance(starts, list):
        raise NetworkError("`slice_update` needs start indices that are known before the network runs")
    return _updated(inputs, converted(updates, dtype_of(inputs)), starts, 0)


@operation
def scatter(indices: TensorLike, values: TensorLike, shape: Sizes) -> KerasTensor:
    """Zeros of that shape with `values` added at `indices`, of which the last axis is a place (ONNX ScatterND)."""
    values = promoted(values)[0]
    return _scattered(zeros(shape, dtype_of(values)), indices, values, "add")


@operation
def scatter_update(inputs: TensorLike, indices: TensorLike, updates: TensorLike, reduction: str | None = None) -> KerasTensor:
    """`inputs` with `updates` at `indices`, of which the last axis is a place (ONNX ScatterND).

    `reduction` tells what becomes of what is there: None for nothing, "add", "max", "min" or "mul".
    """
    if reduction not in (None, "add", "max", "min", "mul"):
        raise NetworkError(f"`reduction` must be one of None, 'add', 'max', 'min', 'mul'. Received: reduction={reduction}")
    return _scattered(inputs, indices, converted(updates, dtype_of(inputs)), reduction or "none")


def _scattered(x: TensorLike, indices: TensorLike, updates: TensorLike, reduction: str) -> KerasTensor:
    """A ScatterND, which takes no indices from the end."""
    where = converted(indices, "int64")
    count = shape_of(where)[-1] or 0
    own = as_shape([size_of(x, axis) for axis in range(count)])
    where = emit("Where", emit("Less", where, np.asarray(0, np.int64)), emit("Add", where, own), where)
    scattered = emit("ScatterND", x, where, updates, reduction=reduction)
    return emit_as(spec_dims(x), dtype_of(x), "ScatterND", x, where, updates, reduction=reduction) if None in scattered.shape else scattered


def _updated(x: TensorLike, updates: TensorLike, starts: Sequence[int], axis: int) -> TensorLike:
    """`x` with `updates` from `starts` on, along `axis` and those behind it."""
    if axis == len(starts):
        return updates
    size, part = shape_of(x)[axis], shape_of(updates)[axis]
    if spec_dims(x)[axis] == spec_dims(updates)[axis]:
        return _updated(x, updates, starts, axis + 1)
    if size is None or part is None:
        raise NetworkError(f"`slice_update` needs axes of known size. Received: {shape_of(x)} and {shape_of(updates)}")
    start = max(min(starts[axis], size - part), 0)
    before, middle, behind = split(x, [start, start + part], axis)
    pieces = [before, _updated(middle, updates, starts, axis + 1), behind]
    return concatenate([piece for piece in pieces if shape_of(piece)[axis]], axis)


def _starts(given: TensorLike | Sequence[Size]) -> list[Any] | TensorLike:
    """The indices as a list where they can be, else as a tensor of int64."""
    if isinstance(given, Operators):
        return converted(given, "int64")
    if isinstance(given, np.ndarray):
        return [int(start) for start in given]
    return list(given)  # type: ignore[arg-type]


def _ends(own: str, wanted: str) -> tuple[float | int | None, float | int | None]:
    """The ends of the range of `wanted` that are within that of `own`."""
    if own == "bool" or wanted == "bool":
        return None, None
    own_low, own_high = _range(own)
    low, high = _range(wanted)
    return (low if low > own_low else None), (high if high < own_high else None)


def _range(dtype: str) -> tuple[Any, Any]:
    if dtype == "bfloat16":
        return -3.3895313892515355e38, 3.3895313892515355e38
    info = np.finfo(dtype) if is_floating(dtype) else np.iinfo(dtype)
    return (float(info.min), float(info.max)) if is_floating(dtype) else (int(info.min), int(info.max))
