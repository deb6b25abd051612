"""Cases of pooling."""

from typing import Any

from hypothesis import strategies as st

from tests.parity.cases.case import Case, Draw, data_formats, dtypes, each, image, spaces, spread


@st.composite
def _windowed(draw: Draw, layer: str, rank: int) -> Case:
    arguments: dict[str, Any] = {
        "pool_size": each(draw, rank, st.integers(1, 4)),
        "padding": draw(st.sampled_from(["valid", "same"])),
        "data_format": draw(data_formats),
    }
    if draw(st.booleans()):
        arguments["strides"] = each(draw, rank, st.integers(1, 3))
    free = draw(st.booleans())
    fits = free or draw(st.integers(0, 4))
    sizes = spaces(draw, rank, spread(arguments["pool_size"], rank) if fits else [1] * rank, 9 if rank < 3 else 5)
    built, runs = image(draw, sizes, draw(st.integers(1, 3)), arguments["data_format"], free)
    return Case(layer, arguments, (built,), runs, draw(dtypes))


@st.composite
def _global(draw: Draw, layer: str, rank: int) -> Case:
    arguments = {"keepdims": draw(st.booleans()), "data_format": draw(data_formats)}
    masked = layer == "GlobalAveragePooling1D" and arguments["data_format"] == "channels_last" and draw(st.booleans())
    sizes = spaces(draw, rank, [1] * rank, 5)
    built, runs = image(draw, sizes, draw(st.integers(1, 3)), arguments["data_format"], draw(st.booleans()))
    return Case(layer, arguments, (built,), runs, "float32" if masked else draw(dtypes), masked=masked)


@st.composite
def _adaptive(draw: Draw, layer: str, rank: int) -> Case:
    arguments = {"output_size": each(draw, rank, st.integers(1, 4)), "data_format": draw(data_formats)}
    built, runs = image(draw, spaces(draw, rank, [4] * rank, 7), draw(st.integers(1, 3)), arguments["data_format"], False)
    return Case(layer, arguments, (built,), runs)


CASES: dict[str, st.SearchStrategy[Case]] = {
    **{f"{kind}Pooling{rank}D": _windowed(f"{kind}Pooling{rank}D", rank) for kind in ("Max", "Average") for rank in (1, 2, 3)},
    **{f"Global{kind}Pooling{rank}D": _global(f"Global{kind}Pooling{rank}D", rank) for kind in ("Max", "Average") for rank in (1, 2, 3)},
    **{
        f"Adaptive{kind}Pooling{rank}D": _adaptive(f"Adaptive{kind}Pooling{rank}D", rank)
        for kind in ("Max", "Average")
        for rank in (1, 2, 3)
    },
}
