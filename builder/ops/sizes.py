"""Sizes that are known only when a network runs: a free dimension as a scalar tensor, and shapes that have such sizes.

A size that was read from a tensor is recognized again in a shape, so that an axis of that size keeps its name: `batch`.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from builder.graph import Dim, Result, Value
from builder.ops.axes import integers
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, value_of

__all__ = ["Size", "Sizes", "as_shape", "dims_of", "is_static", "left_of", "multiplied", "size_of", "spec_dims"]

Size = int | KerasTensor
Sizes = Sequence[Size | None]


def spec_dims(x: TensorLike) -> tuple[Dim, ...]:
    """The shape of any operand, with the names of what is free."""
    return value_of(x).spec.shape


def size_of(x: TensorLike, axis: int) -> Size:
    """The size of an axis: a number, or where it is free a scalar tensor of int32 (ONNX Shape)."""
    dim = spec_dims(x)[axis]
    if isinstance(dim, int):
        return dim
    axis %= len(spec_dims(x))
    return _as_int32(emit("Squeeze", emit("Shape", x, start=axis, end=axis + 1), integers((0,))))


def is_static(shape: Iterable[Size | None]) -> bool:
    """Whether all sizes are numbers."""
    return all(not isinstance(size, KerasTensor) and size is not None for size in shape)


def as_shape(shape: Sequence[Size]) -> TensorLike:
    """The sizes as a tensor of int64, which is a constant where they are numbers."""
    if is_static(shape):
        return integers([int(size) for size in shape])
    parts = [emit("Unsqueeze", _as_int64(size), integers((0,))) if isinstance(size, KerasTensor) else integers((size,)) for size in shape]
    return emit("Concat", *parts, axis=0) if len(parts) > 1 else parts[0]


def dims_of(shape: Sequence[Size | None]) -> tuple[Dim, ...]:
    """What each size is in a spec: a number, the name of the axis that it was read from, or nothing."""
    return tuple(_name_of(size.value) if isinstance(size, KerasTensor) else None if size is None else int(size) for size in shape)


def multiplied(dims: Iterable[Dim]) -> Dim:
    """What an axis is that several are merged into; nothing where one of them is nothing. Names are joined: `batch * x_1 * 4`."""
    known = 1
    names: list[str] = []
    for dim in dims:
        if dim is None:
            return None
        count, factors = _factors(dim)
        known, names = known * count, [*names, *factors]
    return " * ".join([*sorted(names), *([str(known)] if known != 1 else [])]) if names else known


def left_of(dims: Iterable[Dim], parts: Iterable[Dim]) -> Dim:
    """What is left when axes are divided by others, all of which they hold; nothing where that is not known to be whole."""
    whole, part = multiplied(dims), multiplied(parts)
    if whole is None or part is None:
        return None
    (count, names), (divisor, factors) = _factors(whole), _factors(part)
    rest = Counter(names)
    rest.subtract(factors)
    if divisor == 0 or count % divisor or min(rest.values(), default=0) < 0:
        return None
    return multiplied([count // divisor, *rest.elements()])


def _factors(dim: int | str) -> tuple[int, list[str]]:
    if isinstance(dim, int):
        return dim, []
    parts = dim.split(" * ")
    known = [int(part) for part in parts if part.isdigit()]
    return math.prod(known), [part for part in parts if not part.isdigit()]


def _name_of(value: Value | None) -> Dim:
    """The name of the axis of which `size_of` gave the value."""
    while isinstance(value, Result) and value.node.op in ("Cast", "Squeeze", "Unsqueeze"):
        value = value.node.inputs[0]
    if not isinstance(value, Result) or value.node.op != "Shape":
        return None
    start, end = value.node.attributes.get("start"), value.node.attributes.get("end")
    source = value.node.inputs[0]
    if source is None or not isinstance(start, int) or end != start + 1:
        return None
    return source.spec.shape[start]


def _as_int32(size: KerasTensor) -> KerasTensor:
    after = converted(size, "int32")
    assert isinstance(after, KerasTensor)
    return after


def _as_int64(size: KerasTensor) -> KerasTensor:
    """The size as ONNX takes it, without the way there and back where it came from a shape."""
    value = size.value
    if isinstance(value, Result) and value.node.op == "Cast" and value.node.inputs[0] is not None:
        before = KerasTensor(value.node.inputs[0])
        if before.dtype == "int64":
            return before
    after = converted(size, "int64")
    assert isinstance(after, KerasTensor)
    return after
