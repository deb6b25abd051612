"""Cases of merging."""

from typing import Any

from hypothesis import strategies as st

from tests.parity.cases.case import Case, Draw, dtypes


def _ranked(draw: Draw, shape: tuple[int, ...], free: bool) -> tuple[Any, Any, Any]:
    """The same shape with some axes of size 1 and perhaps fewer axes; as built, and for two runs."""
    sizes = [[1 if axis < len(shape) - 1 and draw(st.integers(0, 4)) == 0 else size for axis, size in enumerate(shape)]]
    dropped = len(shape) - 1 if len(shape) > 1 and draw(st.integers(0, 6)) == 0 else 0
    kept = sizes[0][dropped:]
    second = [size + 1 if free and not dropped and axis == 0 and size > 1 else size for axis, size in enumerate(kept)]
    built = tuple(None if size != other else size for size, other in zip(kept, second, strict=True))
    return built, tuple(kept), tuple(second)


@st.composite
def _elementwise(draw: Draw, layer: str) -> Case:
    count = 2 if layer == "Subtract" and draw(st.integers(0, 5)) else draw(st.integers(1 if layer != "Subtract" else 3, 3))
    shape = tuple(draw(st.integers(2, 4)) for _ in range(draw(st.integers(1, 3))))
    free = draw(st.booleans())
    inputs = [_ranked(draw, shape, free) for _ in range(count)]
    if draw(st.integers(0, 9)) == 0:
        inputs[-1] = ((7,), (7,), (7,))
    masked = all(len(built) == 2 and None not in built for built, _, _ in inputs) and draw(st.booleans())
    built, first, second = (tuple(one[index] for one in inputs) for index in range(3))
    runs = (first, second) if first != second else (first,)
    return Case(layer, {}, built, runs, "float32" if masked else draw(dtypes), merged=True, masked=masked)


@st.composite
def _concatenate(draw: Draw) -> Case:
    rank = draw(st.integers(1, 3))
    axis = draw(st.integers(1, rank))
    shape = [draw(st.integers(1, 4)) for _ in range(rank)]
    count = draw(st.integers(1, 3))
    inputs = [tuple(draw(st.integers(1, 4)) if place == axis - 1 else size for place, size in enumerate(shape)) for _ in range(count)]
    if count > 1 and draw(st.integers(0, 9)) == 0:
        inputs[-1] = (*inputs[-1][:-1], inputs[-1][-1] + 1)
    free = draw(st.sampled_from([None, *range(rank)]))
    built = tuple(tuple(None if place == free else size for place, size in enumerate(one)) for one in inputs)
    masked = rank == 2 and free != 1 and draw(st.booleans())
    given = {"axis": draw(st.sampled_from([axis, axis - rank - 1]))}
    return Case("Concatenate", given, built, (tuple(inputs),), "float32" if masked else draw(dtypes), merged=True, masked=masked)


@st.composite
def _dot(draw: Draw) -> Case:
    ranks = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    shared = draw(st.integers(1, 4))
    shapes = [[draw(st.integers(1, 4)) for _ in range(rank)] for rank in ranks]
    axes = [draw(st.integers(1, rank)) for rank in ranks]
    for shape, axis in zip(shapes, axes, strict=True):
        shape[axis - 1] = shared
    if draw(st.integers(0, 9)) == 0:
        shapes[0][axes[0] - 1] += 1
    signed = [draw(st.sampled_from([axis, axis - rank - 1])) for axis, rank in zip(axes, ranks, strict=True)]
    one = len(set(signed)) == 1 and draw(st.booleans())
    arguments = {"axes": signed[0] if one else signed, "normalize": draw(st.booleans())}
    given = tuple(tuple(shape) for shape in shapes)
    return Case("Dot", arguments, given, (given,), merged=True)


@st.composite
def _scaled(draw: Draw) -> Case:
    shape = tuple(draw(st.integers(1, 4)) for _ in range(draw(st.integers(1, 3))))
    return Case("CustomScaleLayer", {"scale": draw(st.sampled_from([0.1, 0.17, 2.0]))}, (shape, shape), ((shape, shape),), merged=True)


CASES: dict[str, st.SearchStrategy[Case]] = {
    **{layer: _elementwise(layer) for layer in ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract")},
    "Concatenate": _concatenate(),
    "CustomScaleLayer": _scaled(),
    "Dot": _dot(),
}
