"""Products of vectors, matrices and tensors."""

from collections.abc import Sequence
from string import ascii_lowercase, ascii_uppercase

import numpy as np

from builder.errors import NetworkError
from builder.ops.axes import axes_of
from builder.ops.numpy.contraction import contract, matmul
from builder.ops.numpy.indexing import take
from builder.ops.numpy.shaping import expand_dims, moveaxis, ravel, reshape, stack
from builder.ops.operation import operation
from builder.ops.promotion import promoted
from builder.ops.symbolic import TensorLike, emit, shape_of

__all__ = ["cross", "dot", "inner", "kron", "outer", "tensordot", "vdot"]


@operation
def dot(x1: TensorLike, x2: TensorLike) -> TensorLike:
    """The sums of products over the last axis of `x1` and the second to last of `x2`; with a scalar, the product."""
    a, b = len(shape_of(x1)), len(shape_of(x2))
    if a == 0 or b == 0:
        return emit("Mul", *promoted(x1, x2))
    if b <= 2:
        return matmul(x1, x2)
    return tensordot(x1, x2, ([a - 1], [b - 2]))


@operation
def vdot(x1: TensorLike, x2: TensorLike) -> TensorLike:
    """The sum of the products of all elements, each tensor in a row."""
    return matmul(ravel(x1), ravel(x2))


@operation
def inner(x1: TensorLike, x2: TensorLike) -> TensorLike:
    """The sums of products over the last axis of each; with a scalar, the product."""
    a, b = len(shape_of(x1)), len(shape_of(x2))
    if a == 0 or b == 0:
        return emit("Mul", *promoted(x1, x2))
    return tensordot(x1, x2, ([a - 1], [b - 1]))


@operation
def outer(x1: TensorLike, x2: TensorLike) -> TensorLike:
    """The product of each element with each, each tensor in a row."""
    return emit("Mul", *promoted(reshape(x1, (-1, 1)), reshape(x2, (1, -1))))


@operation
def tensordot(x1: TensorLike, x2: TensorLike, axes: int | Sequence[int | Sequence[int]] = 2) -> TensorLike:
    """The sums of products over the axes of each that `axes` pairs; an integer pairs so many last ones with first ones."""
    a, b = len(shape_of(x1)), len(shape_of(x2))
    left, right = (range(a - axes, a), range(axes)) if isinstance(axes, int) else (axes_of(one) for one in axes)
    gone1, gone2 = [axis % a for axis in left], [axis % b for axis in right]
    if len(gone1) != len(gone2):
        raise NetworkError(f"`axes` must pair as many axes of each tensor. Received: axes={axes}")
    first, second = ascii_lowercase[:a], list(ascii_uppercase[:b])
    for one, other in zip(gone1, gone2, strict=True):
        second[other] = first[one]
    kept = [label for label in (*first, *second) if not (label in first and label in second)]
    return contract(x1, first, x2, "".join(second), "".join(kept))


@operation
def cross(x1: TensorLike, x2: TensorLike, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> TensorLike:
    """The vector at right angles to each pair of vectors of three, or two, elements."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = (moveaxis(x, place, -1) for x, place in zip(promoted(x1, x2), (axisa, axisb), strict=True))
    (a1, a2, a3), (b1, b2, b3) = _components(a), _components(b)
    third = _difference(a1, b2, a2, b1)
    if a3 is None and b3 is None:
        return third
    parts = [_difference(a2, b3, a3, b2), _difference(a3, b1, a1, b3), third]
    return moveaxis(stack(parts, -1), -1, axisc)


@operation
def kron(x1: TensorLike, x2: TensorLike) -> TensorLike:
    """The tensor in which each element of `x1` is `x2` times it."""
    a, b = promoted(x1, x2)
    rank = max(len(shape_of(a)), len(shape_of(b)))
    a, b = (expand_dims(x, tuple(range(rank - len(shape_of(x))))) if len(shape_of(x)) < rank else x for x in (a, b))
    sizes = [[shape_of(x)[axis] for axis in range(rank)] for x in (a, b)]
    if any(size is None for size in (*sizes[0][1:], *sizes[1][1:])):
        raise NetworkError(f"`kron` needs tensors of known shape. Received: {shape_of(x1)} and {shape_of(x2)}")
    spread = emit("Mul", expand_dims(a, [2 * axis + 1 for axis in range(rank)]), expand_dims(b, [2 * axis for axis in range(rank)]))
    return reshape(spread, [-1, *((first or 0) * (second or 0) for first, second in zip(sizes[0][1:], sizes[1][1:], strict=True))])


def _components(x: TensorLike) -> list[TensorLike | None]:
    """The elements along the last axis, None for a third that is not there."""
    size = shape_of(x)[-1]
    if size not in (2, 3):
        raise NetworkError(f"`cross` needs vectors of 2 or 3 elements. Received: shape={shape_of(x)}")
    return [take(x, np.asarray(place, np.int64), -1) if place < size else None for place in range(3)]


def _difference(a: TensorLike | None, b: TensorLike | None, c: TensorLike | None, d: TensorLike | None) -> TensorLike:
    """`a * b - c * d`, None being zero."""
    if a is None or b is None:
        assert c is not None
        assert d is not None
        return emit("Neg", emit("Mul", c, d))
    first = emit("Mul", a, b)
    return first if c is None or d is None else emit("Sub", first, emit("Mul", c, d))
