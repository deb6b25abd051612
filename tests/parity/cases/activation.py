"""Cases of activation layers, and of the layers that give back what they are given."""

from typing import Any

from hypothesis import strategies as st

from builder.activations import ACTIVATIONS
from tests.parity.cases.case import Case, Draw, dtypes


def shapes(draw: Draw, least: int = 1, most: int = 3, known: Any = ()) -> Any:
    """Shapes to build for and to run at: `least` to `most` axes behind the batch, some of them free but those in `known`."""
    rank = draw(st.integers(least, most))
    sizes = [[draw(st.integers(1, 5)) for _ in range(rank)] for _ in range(2)]
    free = [axis for axis in range(rank) if axis not in known and axis - rank not in known and draw(st.integers(0, 3)) == 0]
    built = tuple(None if axis in free else size for axis, size in enumerate(sizes[0]))
    second = tuple(sizes[1][axis] if axis in free else size for axis, size in enumerate(sizes[0]))
    return built, ((tuple(sizes[0]),), (second,)) if free else ((tuple(sizes[0]),),)


def elementwise(layer: str, arguments: st.SearchStrategy[dict[str, Any]], least: int = 1, most: int = 3) -> st.SearchStrategy[Case]:
    """A layer that takes any shape and lets masks through."""

    @st.composite
    def case(draw: Draw) -> Case:
        built, runs = shapes(draw, least, most)
        masked = len(built) == 2 and built[-1] is not None and draw(st.booleans())
        return Case(layer, draw(arguments), (built,), runs, "float32" if masked else draw(dtypes), masked=masked)

    return case()


@st.composite
def _softmax(draw: Draw) -> Case:
    built, runs = shapes(draw)
    rank = len(built)
    several = rank > 1 and draw(st.integers(0, 2)) == 0
    axes = st.sampled_from([*range(1, rank + 1), *range(-rank, 0)])
    axis = draw(st.lists(axes, min_size=1, max_size=rank, unique_by=lambda one: one % (rank + 1))) if several else draw(axes)
    masked = rank == 2 and None not in built and draw(st.booleans())
    return Case("Softmax", {"axis": axis}, (built,), runs, "float32" if masked else draw(dtypes), masked=masked)


@st.composite
def _prelu(draw: Draw) -> Case:
    shared = draw(st.one_of(st.none(), st.lists(st.integers(1, 2), min_size=1, max_size=2, unique=True)))
    known = [axis for axis in range(3) if axis + 1 not in (shared or ())]
    built, runs = shapes(draw, 2, 3, known if draw(st.integers(0, 5)) else ())
    return Case("PReLU", {"shared_axes": shared}, (built,), runs, draw(dtypes))


_slopes = st.sampled_from([0.0, 0.1, 0.3, 1.5])
_rates = st.sampled_from([0.0, 0.3, 0.5])
CASES: dict[str, st.SearchStrategy[Case]] = {
    "Activation": elementwise(
        "Activation", st.fixed_dictionaries({"activation": st.sampled_from(sorted(set(ACTIVATIONS) - {"glu", "threshold"}))})
    ),
    "ELU": elementwise("ELU", st.fixed_dictionaries({"alpha": _slopes})),
    "LeakyReLU": elementwise("LeakyReLU", st.fixed_dictionaries({"negative_slope": st.sampled_from([0.0, 0.1, 0.3, 1.5, -1.0])})),
    "PReLU": _prelu(),
    "ReLU": elementwise(
        "ReLU",
        st.fixed_dictionaries(
            {
                "max_value": st.sampled_from([None, None, 6.0, 1.0, 0.0, -1.0]),
                "negative_slope": _slopes,
                "threshold": st.sampled_from([0.0, 0.0, 0.5, 2.0, -1.0]),
            }
        ),
    ),
    "Softmax": _softmax(),
    "ActivityRegularization": elementwise("ActivityRegularization", st.fixed_dictionaries({"l1": _rates, "l2": _rates})),
    "AlphaDropout": elementwise("AlphaDropout", st.fixed_dictionaries({"rate": _rates})),
    "Dropout": elementwise("Dropout", st.fixed_dictionaries({"rate": st.sampled_from([0.0, 0.5, 1.0, 1.5])})),
    "GaussianDropout": elementwise("GaussianDropout", st.fixed_dictionaries({"rate": _rates})),
    "GaussianNoise": elementwise("GaussianNoise", st.fixed_dictionaries({"stddev": _rates})),
    "Identity": elementwise("Identity", st.just({})),
    "SpatialDropout1D": elementwise("SpatialDropout1D", st.fixed_dictionaries({"rate": _rates}), 1, 3),
    "SpatialDropout2D": elementwise("SpatialDropout2D", st.fixed_dictionaries({"rate": _rates}), 2, 3),
    "SpatialDropout3D": elementwise("SpatialDropout3D", st.fixed_dictionaries({"rate": _rates}), 4, 4),
    "StochasticDepth": elementwise("StochasticDepth", st.fixed_dictionaries({"drop_path_rate": _rates})),
}
