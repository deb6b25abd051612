"""Recurrent layers with any arguments, any mask and any first states, against Keras; and no loop where ONNX has an operator."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import builder
from builder.graph import Array
from tests.builder.networks import answers, scatter_weights

pytestmark = pytest.mark.parity
PHASES = [Phase.generate]  # to shrink what Keras compiles takes longer than to read it
EXAMPLES = int(os.environ.get("HORNBEAM_PARITY_EXAMPLES", "20"))
drawn = settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=PHASES
)

BATCH, STEPS, FEATURES, UNITS = 4, 5, 3, 4
NATIVE = ("tanh", "sigmoid", "relu", "softsign", "softplus", "hard_sigmoid", "elu", "linear", "leaky_relu")
OTHERS = ("gelu", "silu", "mish", "selu", "relu6", "exponential", "log_sigmoid", "hard_silu", "softmax", "celu", "hard_tanh", "squareplus")
STATES = {"LSTM": 2, "GRU": 1, "SimpleRNN": 1}


@dataclass(frozen=True)
class Drawn:
    """A layer, and how it is called."""

    kind: str
    arguments: tuple[tuple[str, Any], ...]
    wrapped: str | None  # how the directions of a Bidirectional are merged; "no" for none
    masked: bool
    started: bool
    free: bool
    mask: tuple[tuple[bool, ...], ...]
    scale: float

    def network(self, k: Any) -> Any:
        x = k.Input((None if self.free else STEPS, FEATURES), name="x")
        inputs = [x]
        call: dict[str, Any] = {}
        layer = getattr(k.layers, self.kind)(UNITS, name="layer", **dict(self.arguments))
        both = self.wrapped != "no"
        if both:
            layer = k.layers.Bidirectional(layer, merge_mode=self.wrapped, name="both")
        if self.masked:
            inputs.append(k.Input((None if self.free else STEPS,), dtype="bool", name="mask"))
            call["mask"] = inputs[-1]
        if self.started:
            starts = [k.Input((UNITS,), name=f"start_{index}") for index in range(STATES[self.kind] * (1 + both))]
            inputs.extend(starts)
            call["initial_state"] = starts
        outputs = layer(x, **call)
        return k.Model(inputs, list(outputs) if isinstance(outputs, list | tuple) else outputs, name="drawn")

    def given(self) -> list[Array]:
        generator = np.random.default_rng(0)
        arrays: list[Array] = [(generator.normal(size=(BATCH, STEPS, FEATURES)) * self.scale).astype(np.float32)]
        arrays += [np.asarray(self.mask)] if self.masked else []
        count = STATES[self.kind] * (1 + (self.wrapped != "no")) if self.started else 0
        return arrays + [generator.normal(size=(BATCH, UNITS)).astype(np.float32) for _ in range(count)]


@st.composite
def layers(draw: Any, names: tuple[str, ...]) -> Drawn:
    activations = st.sampled_from(names)
    kind = draw(st.sampled_from(sorted(STATES)))
    arguments = {
        "activation": draw(activations),
        "use_bias": draw(st.booleans()),
        "return_sequences": draw(st.booleans()),
        "return_state": draw(st.booleans()),
        "unroll": draw(st.booleans()),
    }
    if kind != "SimpleRNN":
        arguments["recurrent_activation"] = draw(activations)
    if kind == "GRU":
        arguments["reset_after"] = draw(st.booleans())
    if draw(st.booleans()):
        arguments |= {"dropout": 0.3, "recurrent_dropout": 0.2}
    wrapped = draw(st.sampled_from(["no", "no", "concat", "sum", "ave", "mul", None]))
    arguments["go_backwards"] = draw(st.booleans()) if wrapped == "no" else False
    arguments["zero_output_for_mask"] = draw(st.booleans())
    rows = st.tuples(*[st.booleans()] * STEPS)
    return Drawn(
        kind=kind,
        arguments=tuple(sorted(arguments.items())),
        wrapped=wrapped,
        masked=draw(st.booleans()),
        started=draw(st.booleans()),
        free=not arguments["unroll"] and draw(st.booleans()),
        mask=draw(st.tuples(*[rows] * BATCH)),
        scale=draw(st.sampled_from([0.5, 2.0])),
    )


def compare(build: Any, inputs: list[Array], tolerance: float = 1e-5) -> Any:
    """Asserts that both packages answer the same, within `tolerance` of the largest output."""
    theirs, ours = scatter_weights(build(keras)), scatter_weights(build(builder))
    for found, expected in zip(answers(ours, inputs), answers(theirs, inputs), strict=True):
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
        finite = np.isfinite(expected)
        scale = max(1.0, float(np.max(np.abs(expected), initial=0.0, where=finite)))
        np.testing.assert_allclose(found[finite], expected[finite], rtol=tolerance, atol=tolerance * scale)
    return ours


@given(layers(NATIVE + OTHERS))
@drawn
def test_a_recurrent_layer_answers_as_in_keras(case: Drawn) -> None:
    compare(case.network, case.given())


@given(layers(NATIVE))
@drawn
def test_there_is_no_loop_where_there_is_an_operator(case: Drawn) -> None:
    model = scatter_weights(case.network(builder))
    operators = {node.op for node in model.graph().all_nodes()}
    assert not operators & {"Loop", "Scan"}
    assert operators & {"LSTM", "GRU", "RNN"} or dict(case.arguments)["unroll"]


@st.composite
def stacks(draw: Any) -> tuple[list[tuple[str, int]], dict[str, bool], Any]:
    cells = draw(
        st.lists(st.tuples(st.sampled_from(["LSTMCell", "GRUCell", "SimpleRNNCell", "own"]), st.integers(2, 4)), min_size=1, max_size=3)
    )
    names = ("return_sequences", "return_state", "go_backwards", "unroll", "zero_output_for_mask")
    flags = {name: draw(st.booleans()) for name in names}
    rows = st.tuples(*[st.booleans()] * STEPS)
    return cells, flags, draw(st.one_of(st.none(), st.tuples(*[rows] * BATCH)))


def own_cell(k: Any) -> Any:
    class OwnCell(k.layers.Layer):  # type: ignore[misc]
        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units
            self.state_size = units

        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="uniform", name="kernel")

        def call(self, inputs: Any, states: Any, training: Any = None) -> Any:
            output = k.ops.tanh(k.ops.matmul(inputs, self.kernel)) + states[0] * 0.5
            return output, [output]

        def get_initial_state(self, batch_size: Any = None) -> Any:
            # In a list: where a cell in a stack has its state bare, Keras repeats the first row's output for all that is masked.
            return [k.ops.zeros((batch_size, self.units))]

    return OwnCell


@given(stacks())
@drawn
def test_cells_on_top_of_each_other_answer_as_in_keras(case: tuple[list[tuple[str, int]], dict[str, bool], Any]) -> None:
    cells, flags, mask = case

    def build(k: Any) -> Any:
        x = k.Input((STEPS, FEATURES), name="x")
        made = [
            (own_cell(k) if kind == "own" else getattr(k.layers, kind))(units, name=f"cell_{index}")
            for index, (kind, units) in enumerate(cells)
        ]
        layer = k.layers.RNN(made if len(made) > 1 else made[0], name="rnn", **flags)
        given_mask = k.Input((STEPS,), dtype="bool", name="mask")
        outputs = layer(x, mask=None if mask is None else given_mask)
        leaves = keras.tree.flatten(outputs) if k is keras else builder.structure.flatten(outputs)
        return k.Model([x] if mask is None else [x, given_mask], leaves, name="stack")

    x = np.random.default_rng(0).normal(size=(BATCH, STEPS, FEATURES)).astype(np.float32)
    compare(build, [x] if mask is None else [x, np.asarray(mask)])
