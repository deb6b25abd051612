"""Attention with any masks and arguments against Keras; and no Einsum in the graph."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from builder.graph import Array
from tests.parity.test_recurrent import compare

pytestmark = pytest.mark.parity
EXAMPLES = int(os.environ.get("HORNBEAM_PARITY_EXAMPLES", "20"))
PHASES = [Phase.generate]  # to shrink what Keras compiles takes longer than to read it
drawn = settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=PHASES
)

BATCH, QUERIES, VALUES = 3, 4, 5
MASKS = {"query_mask": (QUERIES,), "value_mask": (VALUES,), "key_mask": (VALUES,), "attention_mask": (QUERIES, VALUES)}
Case = dict[str, Any]


def flags(shape: tuple[int, ...]) -> Any:
    """Booleans of a shape: any, and whole rows of nothing."""
    row = st.one_of(st.just([False] * shape[-1]), st.lists(st.booleans(), min_size=shape[-1], max_size=shape[-1]))
    rows = BATCH * (shape[0] if len(shape) > 1 else 1)
    return st.lists(row, min_size=rows, max_size=rows).map(lambda lists: np.asarray(lists).reshape(BATCH, *shape))


@st.composite
def heads(draw: Any) -> Case:
    grouped = draw(st.booleans())
    arguments: Case = {"dropout": draw(st.sampled_from([0.0, 0.3])), "use_bias": draw(st.booleans()), "use_gate": draw(st.booleans())}
    arguments["sliding_window"] = draw(st.sampled_from([None, None, 1, 2]))
    if grouped:
        arguments |= {"head_dim": 2, "num_query_heads": 4, "num_key_value_heads": draw(st.sampled_from([1, 2, 4]))}
    else:
        arguments |= {"num_heads": draw(st.sampled_from([1, 2])), "key_dim": 3, "value_dim": draw(st.sampled_from([None, 2]))}
        arguments["output_shape"] = draw(st.sampled_from([None, 7, (2, 3)]))
    scores = draw(st.booleans())
    if arguments["use_gate"] or not (arguments["dropout"] or scores):
        arguments.pop("value_dim", None)  # Keras itself fails where values are not as long as keys, but for this one way
    names = [name for name in MASKS if name != "query_mask" and draw(st.booleans())]
    return {
        "layer": "GroupQueryAttention" if grouped else "MultiHeadAttention",
        "arguments": arguments,
        "masks": {name: draw(flags(MASKS[name])) for name in names},
        "call": {"use_causal_mask": draw(st.booleans()), "return_attention_scores": scores},
        "key": draw(st.booleans()),
        "free": draw(st.booleans()),
    }


@st.composite
def plain(draw: Any) -> Case:
    additive = draw(st.booleans())
    arguments: Case = {"dropout": draw(st.sampled_from([0.0, 0.3])), "use_scale": draw(st.booleans())}
    if not additive:
        arguments["score_mode"] = draw(st.sampled_from(["dot", "concat"]))
    return {
        "layer": "AdditiveAttention" if additive else "Attention",
        "arguments": arguments,
        "masks": {name: draw(flags(MASKS[name])) for name in ("query_mask", "value_mask") if draw(st.booleans())},
        "call": {"use_causal_mask": draw(st.booleans()), "return_attention_scores": draw(st.booleans())},
        "key": draw(st.booleans()),
        "free": draw(st.booleans()),
    }


def given_to(case: Case) -> list[Array]:
    generator = np.random.default_rng(0)
    sizes = [QUERIES, VALUES, *([VALUES] if case["key"] else [])]
    tensors = [generator.normal(size=(BATCH, size, 6)).astype(np.float32) for size in sizes]
    return [*tensors, *case["masks"].values()]


def attending(case: Case) -> Any:
    def build(k: Any) -> Any:
        layer = getattr(k.layers, case["layer"])(**case["arguments"], name="attention")
        sizes = (QUERIES, VALUES, VALUES)[: 2 + case["key"]]
        tensors = [k.Input((None if case["free"] else size, 6), name=f"x_{index}") for index, size in enumerate(sizes)]
        masks = {name: k.Input(mask.shape[1:], dtype="bool", name=name) for name, mask in case["masks"].items()}
        if case["layer"] in ("Attention", "AdditiveAttention"):
            call = {**case["call"], "mask": [masks.get("query_mask"), masks.get("value_mask")] if masks else None}
            outputs = layer(tensors, **call)
        else:
            outputs = layer(*tensors, **masks, **case["call"])
        return k.Model([*tensors, *masks.values()], list(outputs) if isinstance(outputs, list | tuple) else outputs, name="attending")

    return build


def operators(model: Any) -> set[str]:
    return {node.op for node in model.graph().all_nodes()}


@given(heads())
@drawn
def test_heads_answer_as_in_keras(case: Case) -> None:
    assert "Einsum" not in operators(compare(attending(case), given_to(case)))


@given(plain())
@drawn
def test_plain_attention_answers_as_in_keras(case: Case) -> None:
    assert "Einsum" not in operators(compare(attending(case), given_to(case)))


@given(st.data())
@drawn
def test_heads_over_any_axes_answer_as_in_keras(data: st.DataObject) -> None:
    axes = data.draw(st.sampled_from([None, 1, 2, (1, 2), (2,)]))
    scores, bias = data.draw(st.booleans()), data.draw(st.booleans())
    value_dim, dropout = data.draw(st.sampled_from([None, 2])), data.draw(st.sampled_from([0.0, 0.3]))

    def build(k: Any) -> Any:
        x = k.Input((3, 4, 6), name="x")
        layer = k.layers.MultiHeadAttention(2, 3, value_dim, attention_axes=axes, use_bias=bias, dropout=dropout, name="attention")
        outputs = layer(x, x, return_attention_scores=scores)
        return k.Model([x], list(outputs) if scores else outputs, name="axes")

    x = np.random.default_rng(0).normal(size=(BATCH, 3, 4, 6)).astype(np.float32)
    assert "Einsum" not in operators(compare(build, [x]))


@pytest.mark.filterwarnings("ignore:.*was passed an input with a mask attached to it")
@given(flags((QUERIES,)), st.booleans(), st.sampled_from([0.0, 0.3]), st.sampled_from(["MultiHeadAttention", "GroupQueryAttention"]))
@drawn
def test_the_masks_of_tensors_are_taken_and_go_on(mask: Array, causal: bool, dropout: float, layer: str) -> None:
    """Masking gives the query and the value a mask, and the recurrent layer behind shows the one that goes on."""
    arguments = (
        {"num_heads": 2, "key_dim": 3} if layer == "MultiHeadAttention" else {"head_dim": 3, "num_query_heads": 2, "num_key_value_heads": 1}
    )

    def build(k: Any) -> Any:
        x = k.Input((QUERIES, 6), name="x")
        kept = k.layers.Masking(name="masking")(x)
        y = getattr(k.layers, layer)(**arguments, dropout=dropout, name="attention")(kept, kept, use_causal_mask=causal)
        return k.Model([x], [y, k.layers.GRU(3, name="gru")(y)], name="masked")

    x = np.random.default_rng(0).normal(size=(BATCH, QUERIES, 6)).astype(np.float32)
    compare(build, [x * mask[..., None].astype(np.float32)])
