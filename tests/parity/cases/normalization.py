"""Cases of normalization."""

from typing import Any

from hypothesis import strategies as st

from tests.builder.rows.row import Inner
from tests.parity.cases.case import Case, Draw, dtypes

_epsilons = st.sampled_from([1e-6, 1e-3, 0.1])
_switches = st.booleans()


def _shapes(
    draw: Draw, known: st.SearchStrategy[int], rank: int, channels: Any
) -> tuple[tuple[int | None, ...], tuple[tuple[tuple[int, ...], ...], ...]]:
    """Shapes of `rank` axes behind the batch; those in `channels` are known, the others may be free."""
    sizes = [[draw(known) for _ in range(rank)] for _ in range(2)]
    free = [axis for axis in range(rank) if axis not in channels and draw(st.integers(0, 2)) == 0]
    built = tuple(None if axis in free else size for axis, size in enumerate(sizes[0]))
    second = tuple(sizes[1][axis] if axis in free else size for axis, size in enumerate(sizes[0]))
    runs = ((tuple(sizes[0]),), (second,)) if free else ((tuple(sizes[0]),),)
    return built, runs


def _axes(draw: Draw, rank: int) -> tuple[Any, list[int]]:
    """An axis or several, counted from either end, for tensors of `rank` axes behind the batch; and their places behind the batch."""
    if draw(st.booleans()):
        axis = draw(st.integers(1, rank + (draw(st.integers(0, 9)) == 0)))
        return draw(st.sampled_from([axis, axis - rank - 1])), [axis - 1]
    axes = draw(st.lists(st.integers(1, rank), min_size=1, max_size=rank, unique=True))
    return [draw(st.sampled_from([axis, axis - rank - 1])) for axis in axes], [axis - 1 for axis in axes]


@st.composite
def _batch(draw: Draw) -> Case:
    rank = draw(st.integers(1, 4))
    axis = draw(st.integers(1, rank))
    arguments = {
        "axis": draw(st.sampled_from([axis, axis - rank - 1])),
        "epsilon": draw(_epsilons),
        "center": draw(_switches),
        "scale": draw(_switches),
    }
    built, runs = _shapes(draw, st.integers(1, 5), rank, [axis - 1])
    masked = rank == 2 and draw(_switches)
    return Case("BatchNormalization", arguments, (built,), runs, "float32" if masked else draw(dtypes), masked=masked)


@st.composite
def _layer(draw: Draw) -> Case:
    rank = draw(st.integers(1, 4))
    axis, places = _axes(draw, rank)
    arguments = {"axis": axis, "epsilon": draw(_epsilons), "center": draw(_switches), "scale": draw(_switches)}
    built, runs = _shapes(draw, st.integers(2, 5), rank, places if draw(st.integers(0, 9)) else [])
    return Case("LayerNormalization", arguments, (built,), runs, draw(dtypes))


@st.composite
def _group(draw: Draw) -> Case:
    rank = draw(st.integers(1, 4))
    axis = draw(st.integers(1, rank))
    groups = draw(st.sampled_from([-1, 1, 2, 3] if rank > 1 else [1, 2, 3]))  # one number alone has no deviation, and nothing but rounding
    arguments = {
        "groups": groups,
        "axis": draw(st.sampled_from([axis, axis - rank - 1])),
        "epsilon": draw(_epsilons),
        "center": draw(_switches),
        "scale": draw(_switches),
    }
    built, runs = _shapes(draw, st.sampled_from([4, 6]), rank, [axis - 1])
    return Case("GroupNormalization", arguments, (built,), runs, draw(dtypes))


@st.composite
def _root_mean_square(draw: Draw) -> Case:
    rank = draw(st.integers(1, 4))
    first = draw(st.integers(1, rank))
    axes = list(range(first, rank + 1))
    axis: Any = rank if len(axes) == 1 and draw(_switches) else draw(st.sampled_from([axes, [one - rank - 1 for one in axes]]))
    built, runs = _shapes(draw, st.integers(1, 5), rank, [one - 1 for one in axes])
    return Case("RMSNormalization", {"axis": axis, "epsilon": draw(_epsilons)}, (built,), runs, draw(dtypes))


@st.composite
def _unit(draw: Draw) -> Case:
    rank = draw(st.integers(1, 4))
    built, runs = _shapes(draw, st.integers(1, 5), rank, [])
    return Case("UnitNormalization", {"axis": _axes(draw, rank)[0]}, (built,), runs, draw(dtypes))


@st.composite
def _spectral(draw: Draw) -> Case:
    inner = draw(
        st.sampled_from(
            [
                Inner("Dense", {"units": 3, "name": "inner"}),
                Inner("Conv2D", {"filters": 3, "kernel_size": 2, "padding": "same", "name": "inner"}),
                Inner("Embedding", {"input_dim": 5, "output_dim": 3, "name": "inner"}),
            ]
        )
    )
    rank = {"Dense": draw(st.integers(1, 3)), "Conv2D": 3, "Embedding": 2}[inner.layer]
    built, runs = _shapes(draw, st.integers(2, 5), rank, [rank - 1])
    is_table = inner.layer == "Embedding"
    arguments = {"layer": inner, "power_iterations": draw(st.integers(1, 2))}
    return Case("SpectralNormalization", arguments, (built,), runs, "int32" if is_table else "float32", below=5 if is_table else None)


CASES: dict[str, st.SearchStrategy[Case]] = {
    "BatchNormalization": _batch(),
    "GroupNormalization": _group(),
    "LayerNormalization": _layer(),
    "RMSNormalization": _root_mean_square(),
    "SpectralNormalization": _spectral(),
    "UnitNormalization": _unit(),
}
