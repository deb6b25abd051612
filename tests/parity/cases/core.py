"""Cases of the core layers."""

from typing import Any

from hypothesis import strategies as st

from builder.activations import ACTIVATIONS
from tests.parity.cases.activation import shapes
from tests.parity.cases.case import Case, Draw, dtypes

# Equations, the output's shape for one, the bias's axes to choose from, and the input's shape; None where a size may be free.
_EINSUMS: list[tuple[str, Any, list[str | None], tuple[int | None, ...]]] = [
    ("ab,bc->ac", 3, [None, "c"], (4,)),
    ("abc,cd->abd", (None, 5), [None, "d", "bd"], (None, 4)),
    ("abc,cd->abd", (3, 5), [None, "d", "b"], (3, 4)),
    ("abc,cde->abde", (None, 2, 3), [None, "de", "e"], (None, 4)),
    ("abcd,cde->abe", (None, 6), [None, "e"], (None, 2, 3)),
    ("abcd,cde->abce", (3, 2, 5), [None, "ce"], (3, 2, 4)),
    ("...x,xy->...y", 5, [None, "y"], (3, 4)),
    ("ab...,bc->ac...", 5, [None, "c"], (4, 2)),
    ("abc,dc->adb", (5, 3), [None, "d"], (3, 4)),
    ("abc,cd->ad", 5, [None, "d"], (3, 4)),
]


@st.composite
def _dense(draw: Draw) -> Case:
    arguments = {
        "units": draw(st.integers(1, 4)),
        "use_bias": draw(st.booleans()),
        "activation": draw(st.sampled_from([None, *sorted(set(ACTIVATIONS) - {"glu", "threshold"})])),
    }
    built, runs = shapes(draw, 0 if draw(st.integers(0, 9)) == 0 else 1, 4, () if draw(st.integers(0, 9)) == 0 else (-1,))
    masked = len(built) == 2 and built[-1] is not None and draw(st.booleans())
    return Case("Dense", arguments, (built,), runs, "float32" if masked else draw(dtypes), masked=masked)


@st.composite
def _einsum_dense(draw: Draw) -> Case:
    equation, output_shape, biases, built = draw(st.sampled_from(_EINSUMS))
    arguments = {
        "equation": equation,
        "output_shape": output_shape,
        "bias_axes": draw(st.sampled_from(biases)),
        "activation": draw(st.sampled_from([None, "relu", "softmax"])),
    }
    runs = tuple((tuple(size or steps for size in built),) for steps in ((3, 5) if None in built else (3,)))
    return Case("EinsumDense", arguments, (built,), runs, draw(dtypes))


@st.composite
def _embedding(draw: Draw, layer: str) -> Case:
    built, runs = shapes(draw)
    arguments: dict[str, Any] = {"input_dim": 7, "output_dim": draw(st.integers(1, 4)), "mask_zero": draw(st.booleans())}
    if layer == "ReversibleEmbedding":
        arguments |= {"tie_weights": draw(st.booleans()), "logit_soft_cap": draw(st.sampled_from([None, 2.0]))}
        if draw(st.booleans()):
            reverse = ((None if size is None else size, arguments["output_dim"]) for size in built[:1])
            shape = next(reverse)
            sizes = tuple(((run[0][0], arguments["output_dim"]),) for run in runs)
            return Case(layer, arguments, (shape,), sizes, call={"reverse": True})
    return Case(layer, arguments, (built,), runs, draw(st.sampled_from(["int32", "int32", "float32", "uint8"])), below=7)


@st.composite
def _masking(draw: Draw) -> Case:
    built, runs = shapes(draw, 2, 3, (-1,))
    return Case("Masking", {"mask_value": draw(st.sampled_from([0.0, 1.0, -1]))}, (built,), runs, draw(dtypes), masked=len(built) == 2)


@st.composite
def _layer_scale(draw: Draw) -> Case:
    channels = draw(st.integers(1, 4))
    built, runs = shapes(draw, 1, 3, (-1,))
    arguments = {"init_values": 0.1, "projection_dim": channels if draw(st.integers(0, 5)) else 1}
    return Case("LayerScale", arguments, ((*built[:-1], channels),), tuple(((*run[0][:-1], channels),) for run in runs))


CASES: dict[str, st.SearchStrategy[Case]] = {
    "Dense": _dense(),
    "EinsumDense": _einsum_dense(),
    "Embedding": _embedding("Embedding"),
    "LayerScale": _layer_scale(),
    "Masking": _masking(),
    "ReversibleEmbedding": _embedding("ReversibleEmbedding"),
}
