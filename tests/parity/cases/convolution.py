"""Cases of convolution."""

from typing import Any

from hypothesis import strategies as st

from tests.parity.cases.case import Case, Draw, activations, data_formats, dtypes, each, image, spaces, spread

_sizes = st.integers(1, 4)
_few = st.sampled_from([1, 1, 2, 3])


def _common(draw: Draw, rank: int) -> dict[str, Any]:
    """What all kinds take. Strides and dilation exclude each other mostly, as Keras wants it."""
    strided = draw(st.integers(0, 9))
    return {
        "kernel_size": each(draw, rank, _sizes),
        "strides": each(draw, rank, _few) if strided < 6 else 1,
        "dilation_rate": each(draw, rank, _few) if strided > 4 else 1,
        "padding": draw(st.sampled_from(["valid", "same", "causal"] if rank == 1 else ["valid", "same"])),
        "data_format": draw(data_formats),
        "use_bias": draw(st.booleans()),
        "activation": draw(activations),
    }


def _case(draw: Draw, layer: str, rank: int, arguments: dict[str, Any], channels: int) -> Case:
    free = draw(st.booleans())
    window, dilation = spread(arguments["kernel_size"], rank), spread(arguments["dilation_rate"], rank)
    reach = [(size - 1) * rate + 1 for size, rate in zip(window, dilation, strict=True)]
    fits = free or draw(st.integers(0, 4))
    sizes = spaces(draw, rank, reach if fits and "Transpose" not in layer else [1] * rank, 9 if rank < 3 else 5)
    built, runs = image(draw, sizes, channels, arguments["data_format"], free)
    return Case(layer, arguments, (built,), runs, draw(dtypes))


@st.composite
def _conv(draw: Draw, layer: str, rank: int) -> Case:
    groups = draw(_few)
    channels, filters = (groups * draw(st.integers(1, 2)) for _ in range(2))
    filters += draw(st.sampled_from([0, 0, 0, 0, 1]))
    return _case(draw, layer, rank, {**_common(draw, rank), "filters": filters, "groups": groups}, channels)


@st.composite
def _depthwise(draw: Draw, layer: str, rank: int) -> Case:
    arguments = {**_common(draw, rank), "depth_multiplier": draw(_few)}
    return _case(draw, layer, rank, arguments, draw(st.integers(1, 3)))


@st.composite
def _separable(draw: Draw, layer: str, rank: int) -> Case:
    arguments = {**_common(draw, rank), "depth_multiplier": draw(_few), "filters": draw(st.integers(1, 4))}
    return _case(draw, layer, rank, arguments, draw(st.integers(1, 3)))


@st.composite
def _transposed(draw: Draw, layer: str, rank: int) -> Case:
    arguments = {**_common(draw, rank), "filters": draw(st.integers(1, 3))}
    if draw(st.integers(0, 2)) == 0:
        arguments["output_padding"] = each(draw, rank, st.integers(0, 2))
    return _case(draw, layer, rank, arguments, draw(st.integers(1, 3)))


CASES: dict[str, st.SearchStrategy[Case]] = {
    **{f"Conv{rank}D": _conv(f"Conv{rank}D", rank) for rank in (1, 2, 3)},
    **{f"DepthwiseConv{rank}D": _depthwise(f"DepthwiseConv{rank}D", rank) for rank in (1, 2)},
    **{f"SeparableConv{rank}D": _separable(f"SeparableConv{rank}D", rank) for rank in (1, 2)},
    **{f"Conv{rank}DTranspose": _transposed(f"Conv{rank}DTranspose", rank) for rank in (1, 2, 3)},
}
