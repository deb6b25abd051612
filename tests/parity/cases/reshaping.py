"""Cases of reshaping."""

from typing import Any

from hypothesis import strategies as st

from tests.parity.cases.activation import shapes
from tests.parity.cases.case import Case, Draw, data_formats, dtypes, each, image, spaces

_some = st.integers(0, 2)


def _borders(draw: Draw, rank: int) -> Any:
    """How much at either end: one number for all, one for each axis, or two for each."""
    pairs = tuple((draw(_some), draw(_some)) for _ in range(rank))
    if rank == 1:
        return draw(st.sampled_from([pairs[0][0], pairs[0]]))
    return draw(st.sampled_from([pairs[0][0], tuple(first for first, _ in pairs), pairs]))


@st.composite
def _bordered(draw: Draw, layer: str, rank: int) -> Case:
    arguments: dict[str, Any] = {"cropping" if layer.startswith("Cropping") else "padding": _borders(draw, rank)}
    is_cropped = layer.startswith("Cropping")
    if rank > 1 or not is_cropped:
        arguments["data_format"] = draw(data_formats)
    least = [draw(st.sampled_from([5, 5, 5, 2])) if is_cropped else 1] * rank
    built, runs = image(
        draw, spaces(draw, rank, least, 7), draw(st.integers(1, 3)), arguments.get("data_format", "channels_last"), draw(st.booleans())
    )
    return Case(layer, arguments, (built,), runs, draw(dtypes))


@st.composite
def _larger(draw: Draw, layer: str, rank: int) -> Case:
    sizes = st.integers(1, 3)
    arguments: dict[str, Any] = {"size": draw(sizes) if rank == 1 else each(draw, rank, sizes)}
    if rank > 1:
        arguments["data_format"] = draw(data_formats)
    if rank == 2:
        arguments["interpolation"] = draw(st.sampled_from(["nearest", "nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]))
    is_free = "lanczos" not in arguments.get("interpolation", "") and draw(st.booleans())
    built, runs = image(
        draw, spaces(draw, rank, [2] * rank, 5), draw(st.integers(1, 3)), arguments.get("data_format", "channels_last"), is_free
    )
    return Case(layer, arguments, (built,), runs, draw(dtypes))


@st.composite
def _flatten(draw: Draw) -> Case:
    built, runs = shapes(draw, 0, 4)
    return Case("Flatten", {"data_format": draw(data_formats)}, (built,), runs, draw(dtypes))


@st.composite
def _reshape(draw: Draw) -> Case:
    given = draw(st.sampled_from([(4,), (6,), (2, 6), (3, 4), (2, 3, 4), (1, 5)]))
    target = draw(st.sampled_from([(-1,), (2, -1), (-1, 3), (4, 3), (2, 2), (3, 2, 2), (2, -1, 2), (6,), (None, 2), (5,), (1, 4), ()]))
    free = len(given) > 1 and draw(st.booleans())
    built = (None, *given[1:]) if free else given
    runs = ((given,), ((given[0] * 2, *given[1:]),)) if free and (-1 in target or None in target) else ((given,),)
    return Case("Reshape", {"target_shape": target}, (built,), runs, draw(dtypes))


@st.composite
def _permute(draw: Draw) -> Case:
    built, runs = shapes(draw, 1, 4)
    rank = len(built) - (draw(st.integers(0, 9)) == 0)
    return Case("Permute", {"dims": tuple(draw(st.permutations(range(1, rank + 1))))}, (built,), runs, draw(dtypes))


@st.composite
def _repeat(draw: Draw) -> Case:
    built, runs = shapes(draw, 1, draw(st.sampled_from([1, 1, 1, 2])))
    return Case("RepeatVector", {"n": draw(st.integers(0, 3))}, (built,), runs, draw(dtypes))


CASES: dict[str, st.SearchStrategy[Case]] = {
    **{f"{kind}{rank}D": _bordered(f"{kind}{rank}D", rank) for kind in ("Cropping", "ZeroPadding") for rank in (1, 2, 3)},
    **{f"UpSampling{rank}D": _larger(f"UpSampling{rank}D", rank) for rank in (1, 2, 3)},
    "Flatten": _flatten(),
    "Permute": _permute(),
    "RepeatVector": _repeat(),
    "Reshape": _reshape(),
}
