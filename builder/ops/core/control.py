"""Which functions are computed, and how often: choices, loops, and functions of each element.

Functions that are given are called with symbolic tensors, once or twice, whatever the numbers are. What they read from
outside is theirs too.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from builder.errors import NetworkError
from builder.ops.body import repeat_while, step_through
from builder.ops.core.tensors import cast
from builder.ops.numpy.arithmetic import add, maximum, subtract
from builder.ops.numpy.comparison import less_equal, where
from builder.ops.numpy.rearranging import cut, flip
from builder.ops.numpy.shaping import concatenate
from builder.ops.operation import operation
from builder.ops.operators import Operators
from builder.ops.promotion import dtype_of
from builder.ops.symbolic import KerasTensor, TensorLike, shape_of
from builder.structure import flatten, map_structure, pack

__all__ = ["associative_scan", "cond", "fori_loop", "map", "scan", "switch", "vectorized_map", "while_loop"]


@operation
def cond(pred: TensorLike, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """What `true_fn` gives where the scalar `pred` is true, else what `false_fn` does (ONNX Where).

    Both are computed unless `pred` is known; neither may fail for what the other is for. Raises NetworkError when they
    give tensors of different shapes or dtypes.
    """
    if not isinstance(pred, Operators):
        return true_fn() if np.asarray(pred).item() else false_fn()
    return _either(_scalar(cast(pred, "bool"), "`pred`"), true_fn(), false_fn())


@operation
def switch(index: TensorLike, branches: Sequence[Callable[..., Any]], *operands: TensorLike) -> Any:
    """What the branch of that number gives for `operands`, the first or last one for a number beyond (ONNX Where).

    All are computed unless `index` is known. Raises NetworkError when they give tensors of different shapes or dtypes.
    """
    if not isinstance(index, Operators):
        return branches[min(max(int(np.asarray(index).item()), 0), len(branches) - 1)](*operands)
    _scalar(index, "`index`")
    *others, chosen = [branch(*operands) for branch in branches]
    for number, other in reversed(list(enumerate(others))):
        chosen = _either(less_equal(index, number), other, chosen)
    return chosen


@operation
def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """What `f` gives for each slice of `xs`, a structure, along the first axis (ONNX Scan)."""
    return scan(lambda _, x: (None, f(x)), None, xs)[1]


@operation
def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """As `map` (ONNX Scan)."""
    return map(function, elements)


@operation
def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """The last `carry`, and each `y`, of `carry, y = f(carry, x)` for each slice of `xs` along the first axis (ONNX Scan).

    `xs` is a structure, or None for `length` steps. `unroll` is a hint that is not needed here. Raises NetworkError for a
    carry that changes its shape or dtype.
    """
    if not isinstance(unroll, bool) and unroll < 1:
        raise NetworkError(f"`unroll` must be an positive integer or boolean. Received: unroll={unroll}")
    sequences = _given(xs)
    if not sequences and length is None:
        raise NetworkError("`scan` needs `xs` or `length`, which tell how many steps there are")
    counts = {shape_of(sequence)[:1] for sequence in sequences}
    if len(counts) > 1 or (sequences and length not in (None, *next(iter(counts)))):
        raise NetworkError(f"`scan` needs `xs` of one first size, which is `length`. Received: sizes={sorted(counts)}, length={length}")
    found: list[Any] = []

    def step(states: list[KerasTensor], slices: list[KerasTensor]) -> tuple[list[TensorLike], list[TensorLike]]:
        carry, y = f(_filled(init, states), _filled(xs, slices) if sequences else None)
        found.append(y)
        return _given(carry), _given(y)

    steps = sequences or [np.zeros(length or 0, np.int32)]
    states, ys = step_through(step, _given(init), steps, backwards=reverse, in_place=True)
    return _filled(init, states), _filled(found[-1], ys)


@operation
def associative_scan(f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """What `f` makes of all up to each element along `axis`, where it matters not which neighbours it joins first.

    It takes two parts of `elems`, a structure, and joins them pair by pair: as many calls as the size of `axis` has bits.
    """
    places = [axis % len(shape_of(leaf)) for leaf in flatten(elems)]
    sizes = {shape_of(leaf)[place] for leaf, place in zip(flatten(elems), places, strict=True)}
    size = next(iter(sizes))
    if len(sizes) > 1 or size is None:
        raise NetworkError(f"`associative_scan` needs one known size along the axis. Received: sizes={sizes}, axis={axis}")

    def each(function: Callable[..., TensorLike], *structures: Any) -> Any:
        return pack(elems, [function(*leaves) for leaves in zip(*(flatten(structure) for structure in structures), places, strict=True)])

    joined = each(flip, elems) if reverse else elems
    reach = 1
    while reach < size:
        earlier = each(lambda leaf, place, reach=reach: cut(leaf, place, 0, size - reach), joined)
        later = each(lambda leaf, place, reach=reach: cut(leaf, place, reach, size), joined)
        first = each(lambda leaf, place, reach=reach: cut(leaf, place, 0, reach), joined)
        joined = each(lambda one, other, place: concatenate([one, other], place), first, f(earlier, later))
        reach *= 2
    return each(flip, joined) if reverse else joined


@operation
def while_loop(cond: Callable[..., TensorLike], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None) -> Any:
    """`loop_vars` after `body` was called on them while `cond` of them is true, or so often at most (ONNX Loop).

    A tuple or list is their arguments. Raises NetworkError for one that changes its shape or dtype.
    """
    several = isinstance(loop_vars, tuple | list)
    given = tuple(loop_vars) if several else (loop_vars,)

    def step(_: KerasTensor, states: list[KerasTensor]) -> tuple[TensorLike, list[TensorLike]]:
        after = body(*pack(given, states))
        after = tuple(after) if several and isinstance(after, tuple | list) else (after,)
        if len(after) != len(given):
            raise NetworkError(f"`body` must give as many `loop_vars` as it takes. It takes {len(given)} and gave {len(after)}")
        return cond(*after), flatten(after)

    last = pack(given, repeat_while(step, flatten(given), cond(*given), maximum_iterations))
    return last if several else last[0]


@operation
def fori_loop(lower: TensorLike, upper: TensorLike, body_fun: Callable[[KerasTensor, Any], Any], init_val: Any) -> Any:
    """`value` after `value = body_fun(number, value)` for each number from `lower` to `upper`, without it (ONNX Loop).

    Raises NetworkError for a value that changes its shape or dtype.
    """

    def step(number: KerasTensor, states: list[KerasTensor]) -> tuple[TensorLike, list[TensorLike]]:
        return True, flatten(body_fun(add(cast(number, "int32"), lower), pack(init_val, states)))

    count = maximum(subtract(upper, lower), 0)
    return pack(init_val, repeat_while(step, flatten(init_val), True, count))


def _either(condition: TensorLike, one: Any, other: Any) -> Any:
    """One structure or the other, leaf by leaf. Raises NetworkError where they differ."""
    pairs = list(zip(flatten(one), flatten(other), strict=False))
    kinds = [[(shape_of(leaf), dtype_of(leaf)) for leaf in flatten(structure)] for structure in (one, other)]
    if kinds[0] != kinds[1]:
        raise NetworkError(f"The functions must give tensors of the same number, shapes and dtypes. They give {kinds[0]} and {kinds[1]}")
    return pack(one, [where(condition, *pair) for pair in pairs])


def _scalar(x: TensorLike, what: str) -> TensorLike:
    if shape_of(x):
        raise NetworkError(f"{what} must be a scalar. Received: shape={shape_of(x)}; `where` chooses element by element")
    return x


def _given(structure: Any) -> list[TensorLike]:
    """The leaves that are not None."""
    return [leaf for leaf in flatten(structure) if leaf is not None]


def _filled(structure: Any, leaves: Sequence[TensorLike]) -> Any:
    """The structure with `leaves` in place of those of its own that are not None."""
    following = iter(leaves)
    return map_structure(lambda leaf: None if leaf is None else next(following), structure)
