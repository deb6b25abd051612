"""Functions of a few numbers made functions of tensors, and tensors seen as others."""

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from builder.errors import NetworkError, UnsupportedError
from builder.ops.body import step_through
from builder.ops.numpy.shaping import broadcast_to, reshape
from builder.ops.operation import applied, operation
from builder.ops.promotion import dtype_of
from builder.ops.sizes import Size, size_of
from builder.ops.symbolic import KerasTensor, TensorLike, emit, shape_of
from builder.proto import standardize_dtype
from builder.structure import flatten, pack

__all__ = ["vectorize", "view"]


@operation
def view(x: TensorLike, dtype: Any = None) -> KerasTensor:
    """`x` as it is, for its own dtype (ONNX Identity). Raises UnsupportedError for another: ONNX cannot read the bits of numbers."""
    if dtype is not None and standardize_dtype(dtype) != dtype_of(x):
        raise UnsupportedError(
            f"`ops.view` of {dtype_of(x)} as {standardize_dtype(dtype)} is not supported: ONNX cannot read the bits of numbers; "
            "`ops.cast` converts them"
        )
    return emit("Identity", x)


def vectorize(
    pyfunc: Callable[..., Any], *, excluded: Collection[int | str] | None = None, signature: str | None = None
) -> Callable[..., Any]:
    """A function that calls `pyfunc` for each element of its arguments, which are broadcast (ONNX Scan).

    With a `signature` such as `"(m,n),(n)->(m)"` it calls it for matrices and vectors of their last axes. Arguments that
    are `excluded`, by place or name, are handed on as they are; others by name are not taken.
    """
    kept = frozenset(excluded or ())
    ranks = None if signature is None else _ranks(signature)

    def vectorized(*args: Any, **kwargs: Any) -> Any:
        if unknown := sorted(set(kwargs) - kept):
            raise NetworkError(f"Arguments of a vectorized function are given by place unless they are excluded. Received: {unknown}")
        places = [place for place in range(len(args)) if place not in kept]
        if ranks is not None and len(ranks) != len(places):
            raise NetworkError(f"The signature {signature!r} is of {len(ranks)} arguments. Received: {len(places)}")
        own = [0] * len(places) if ranks is None else ranks

        def each(*elements: TensorLike) -> Any:
            given = list(args)
            for place, element in zip(places, elements, strict=True):
                given[place] = element
            return pyfunc(*given, **kwargs)

        return _for_each(each, [args[place] for place in places], own)

    vectorized.__name__ = "vectorize"
    return applied(vectorized)


def _for_each(function: Callable[..., Any], given: Sequence[TensorLike], ranks: Sequence[int]) -> Any:
    """What the function gives for each element, or for the last axes, `ranks` of them, of what is given."""
    outer = [len(shape_of(x)) - rank for x, rank in zip(given, ranks, strict=True)]
    if min(outer, default=0) < 0:
        raise NetworkError(f"The arguments have fewer axes than the signature. Received: shapes={[shape_of(x) for x in given]}")
    sizes = _broadcast([[size_of(x, axis) for axis in range(count)] for x, count in zip(given, outer, strict=True)])
    if not sizes:
        return function(*given)
    rows = []
    for x, count in zip(given, outer, strict=True):
        inner = [size_of(x, axis) for axis in range(count, len(shape_of(x)))]
        rows.append(reshape(broadcast_to(x, [*sizes, *inner]), [-1, *inner]))
    found: list[Any] = []

    def step(_: list[KerasTensor], slices: list[KerasTensor]) -> tuple[list[TensorLike], list[TensorLike]]:
        found.append(function(*slices))
        return [], flatten(found[-1])

    _, outputs = step_through(step, [], rows)
    return pack(found[-1], [reshape(x, [*sizes, *(size_of(x, axis) for axis in range(1, x.ndim))]) for x in outputs])


def _broadcast(shapes: Sequence[Sequence[Size]]) -> list[Size]:
    """The shape in which they all meet."""
    rank = max((len(shape) for shape in shapes), default=0)
    met: list[Size] = []
    for place in range(-rank, 0):
        sizes: list[Size] = [shape[place] for shape in shapes if len(shape) >= -place]
        met.append(next((size for size in sizes if not isinstance(size, int) or size != 1), 1))
    return met


def _ranks(signature: str) -> list[int]:
    """How many axes of each argument are of one call: `"(m,n),()->(m)"` is `[2, 0]`."""
    before, arrow, _ = signature.partition("->")
    groups = re.findall(r"\(([\w\s,]*)\)", before)
    if not arrow or not groups:
        raise NetworkError(f"A signature is like '(m,n),(n)->(m)'. Received: signature={signature!r}")
    return [len(re.findall(r"\w+", group)) for group in groups]
