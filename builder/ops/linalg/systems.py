"""Systems of linear equations, and what is worked out by them. Sizes are known; a loop goes over the columns (ONNX Scan)."""

import numpy as np

from builder.errors import NetworkError
from builder.ops.body import step_through
from builder.ops.numpy.contraction import matmul
from builder.ops.numpy.elimination import column, eliminated, row, square_size
from builder.ops.numpy.rearranging import cut
from builder.ops.numpy.shaping import broadcast_to, concatenate, expand_dims, squeeze, swapaxes
from builder.ops.operation import operation
from builder.ops.promotion import floating
from builder.ops.sizes import size_of
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, shape_of

__all__ = ["cholesky", "cholesky_inverse", "det", "inv", "lu_factor", "solve", "solve_triangular"]

_END = 2**63 - 1


@operation
def det(x: TensorLike) -> KerasTensor:
    """The determinant of each matrix: `(..., n, n)` to `(...)` (ONNX Det)."""
    square_size(x)
    return emit("Det", _exact(x))


@operation
def lu_factor(x: TensorLike) -> tuple[TensorLike, TensorLike]:
    """A lower and an upper triangle as one matrix, whose product is `x` with rows exchanged; and with which each was, as int32."""
    square_size(x)
    found = eliminated(_exact(x))
    return found.matrix, found.exchanged


@operation
def solve(a: TensorLike, b: TensorLike) -> TensorLike:
    """`x` of `a @ x = b`, for matrices `(..., n, n)` and `(..., n, m)`, or one vector `(n,)`. Not finite where there is none."""
    size = square_size(a)
    matrix, right, vector = _with_right(a, b)
    found = eliminated(concatenate([matrix, right], -1)).matrix
    last = found.ndim - 1
    return _as_vector(_substituted(cut(found, last, 0, size), cut(found, last, size, _END), lower=False), vector)


@operation
def inv(x: TensorLike) -> TensorLike:
    """The inverse of each matrix `(..., n, n)`. Not finite where there is none."""
    return solve(x, np.eye(square_size(x), dtype=np.float32))


@operation
def solve_triangular(a: TensorLike, b: TensorLike, lower: bool = False) -> TensorLike:
    """As `solve`, of the upper triangles of `a`, or the lower ones."""
    square_size(a)
    matrix, right, vector = _with_right(a, b)
    return _as_vector(_substituted(matrix, right, lower), vector)


@operation
def cholesky(x: TensorLike, upper: bool = False) -> KerasTensor:
    """The lower triangle whose product with itself turned round is `x`, or the upper one; NaN in one that is not positive definite."""
    rows = np.arange(square_size(x), dtype=np.int32)[:, None]
    given = _exact(x)
    half = emit("Mul", emit("Add", given, swapaxes(given, -1, -2)), np.float32(0.5))

    def step(states: list[KerasTensor], slices: list[KerasTensor]) -> tuple[list[TensorLike], list[TensorLike]]:
        (matrix,), (place,) = states, slices
        own = column(matrix, place)
        root = emit("Sqrt", row(own, emit("Equal", rows, place)))
        part = emit("Where", emit("Less", rows, place), np.float32(0), emit("Div", own, root))
        return [emit("Sub", matrix, emit("Mul", part, swapaxes(part, -1, -2)))], [squeeze(part, -1)]

    _, (parts,) = step_through(step, [half], [rows[:, 0]])
    columns = tuple(range(1, parts.ndim))
    return emit("Transpose", parts, perm=(*columns[:-1], 0, columns[-1]) if upper else (*columns, 0))


@operation
def cholesky_inverse(x: TensorLike, upper: bool = False) -> TensorLike:
    """The inverse of the matrix of which `x` is the triangle that `cholesky` gave."""
    inverse = solve_triangular(x, np.eye(square_size(x), dtype=np.float32), lower=not upper)
    turned = swapaxes(inverse, -1, -2)
    return matmul(inverse, turned) if upper else matmul(turned, inverse)


def _substituted(triangle: TensorLike, right: TensorLike, lower: bool) -> KerasTensor:
    """`x` of `triangle @ x = right`, one row after the other, each taken out of those to come."""
    size = square_size(triangle)
    rows = np.arange(size, dtype=np.int32)[:, None]

    def step(states: list[KerasTensor], slices: list[KerasTensor]) -> tuple[list[TensorLike], list[TensorLike]]:
        (left,), (place,) = states, slices
        own, weights = emit("Equal", rows, place), column(triangle, place)
        found = emit("Div", row(left, own), row(weights, own))
        to_come = emit("Greater" if lower else "Less", rows, place)
        taken = emit("Sub", left, emit("Mul", emit("Where", to_come, weights, np.float32(0)), found))
        return [emit("Where", own, found, taken)], []

    (found,), _ = step_through(step, [right], [rows[:, 0]], backwards=not lower)
    return found


def _with_right(a: TensorLike, b: TensorLike) -> tuple[TensorLike, TensorLike, bool]:
    """Both sides as matrices of as many axes, and whether the right one is a vector."""
    matrix, right, vector = _exact(a), _exact(b), len(shape_of(b)) == 1
    right = expand_dims(right, -1) if vector else right
    if shape_of(right)[-2] != shape_of(matrix)[-1]:
        raise NetworkError(f"The right side must have as many rows as the matrix. Received: shapes={shape_of(a)}, {shape_of(b)}")
    return _spread(matrix, right), _spread(right, matrix), vector


def _spread(x: TensorLike, other: TensorLike) -> TensorLike:
    """A matrix as often as there are others; itself where there is more than one of it."""
    if len(shape_of(x)) > 2 or len(shape_of(other)) == 2:
        return x
    return broadcast_to(x, [*(size_of(other, axis) for axis in range(len(shape_of(other)) - 2)), *shape_of(x)])


def _as_vector(x: TensorLike, vector: bool) -> TensorLike:
    return squeeze(x, -1) if vector else x


def _exact(x: TensorLike) -> TensorLike:
    return converted(floating(x), "float32")
