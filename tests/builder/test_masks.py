"""Masks: where they come from, what passes them on, and what a recurrent layer makes of them, whatever gaps they have."""

from typing import Any

import keras
import numpy as np
import pytest

import builder
from builder.graph import Array
from tests.builder.networks import Build, answers, assert_close, scatter_weights

# Padding at the end, at the start, gaps, everything, one step, and nothing at all.
IDS = np.array(
    [[3, 1, 2, 0, 0, 0], [0, 0, 4, 1, 2, 3], [0, 5, 0, 0, 2, 0], [1, 2, 3, 4, 5, 1], [0, 0, 0, 0, 0, 7], [0, 0, 0, 0, 0, 0]], np.int32
)
STEPS = np.random.default_rng(0).normal(size=(6, 6, 3)).astype(np.float32)
MASK = IDS != 0


def compare(build: Build, *inputs: Array, tolerance: float = 1e-5) -> None:
    """Asserts that a network answers as Keras has it answer."""
    theirs, ours = build(keras), build(builder)
    scatter_weights(ours)
    theirs.set_weights(ours.get_weights())
    given = list(inputs) if len(inputs) > 1 else inputs[0]
    assert_close(answers(ours, given), answers(theirs, given), tolerance)


def masked(layer: str, time: int | None = 6, **arguments: Any) -> Build:
    """A recurrent layer on an embedding with a mask."""

    def build(k: Any) -> Any:
        ids = k.Input((time,), dtype="int32", name="ids")
        x = k.layers.Embedding(8, 3, mask_zero=True, name="embedding")(ids)
        return k.Model(ids, getattr(k.layers, layer)(**arguments, name="layer")(x))

    return build


def explicit(layer: Any, states: int) -> Build:
    """A recurrent layer that is given its mask and its first states."""

    def build(k: Any) -> Any:
        x, mask = k.Input((6, 3), name="x"), k.Input((6,), dtype="bool", name="mask")
        given = [k.Input((4,), name=f"state_{index}") for index in range(states)]
        return k.Model([x, mask, *given], layer(k)(x, mask=mask, initial_state=given if states > 1 else given[0]))

    return build


RECURRENT: dict[str, tuple[str, dict[str, Any]]] = {
    "lstm": ("LSTM", {}),
    "gru": ("GRU", {}),
    "gru that resets before": ("GRU", {"reset_after": False}),
    "simple recurrence": ("SimpleRNN", {}),
    "lstm step by step": ("LSTM", {"activation": "gelu"}),
}
ORDERS: dict[str, dict[str, Any]] = {
    "last": {},
    "sequences": {"return_sequences": True},
    "backwards": {"return_sequences": True, "go_backwards": True},
    "backwards to the first": {"go_backwards": True},
    "zeros": {"return_sequences": True, "zero_output_for_mask": True},
    "zeros at the end": {"zero_output_for_mask": True},
    "zeros backwards": {"return_sequences": True, "zero_output_for_mask": True, "go_backwards": True},
    "states": {"return_state": True, "return_sequences": True},
    "written out": {"unroll": True, "return_sequences": True, "zero_output_for_mask": True},
}


COMMON = ("last", "sequences", "backwards", "zeros", "states")
CASES = [(kind, order) for kind in RECURRENT for order in (ORDERS if kind.startswith("lstm") else COMMON)]


@pytest.mark.parametrize(("kind", "order"), CASES)
def test_a_masked_sequence_gives_what_keras_gives(kind: str, order: str) -> None:
    layer, arguments = RECURRENT[kind]
    compare(masked(layer, units=4, **arguments, **ORDERS[order]), IDS)


@pytest.mark.parametrize("kind", ["lstm", "gru", "lstm step by step"])
def test_any_number_of_masked_steps(kind: str) -> None:
    layer, arguments = RECURRENT[kind]
    compare(masked(layer, None, units=4, return_sequences=True, return_state=True, **arguments), IDS)
    compare(masked(layer, None, units=4, go_backwards=True, **arguments), IDS)


@pytest.mark.parametrize("flags", [{}, {"return_sequences": True, "return_state": True, "go_backwards": True}, {"unroll": True}])
@pytest.mark.parametrize(("layer", "states"), [("LSTM", 2), ("GRU", 1)])
def test_rows_of_no_steps_keep_the_states_that_they_were_given(layer: str, states: int, flags: dict[str, Any]) -> None:
    given = [np.random.default_rng(index).normal(size=(6, 4)).astype(np.float32) for index in range(states)]
    compare(explicit(lambda k: getattr(k.layers, layer)(4, name="layer", **flags), states), STEPS, MASK, *given)


@pytest.mark.parametrize("sequences", [True, False])
@pytest.mark.parametrize("merge", ["concat", "sum", None])
@pytest.mark.parametrize("inner", ["LSTM", "GRU"])
def test_both_ways_over_a_mask(inner: str, merge: str | None, sequences: bool) -> None:
    def build(k: Any) -> Any:
        ids = k.Input((6,), dtype="int32", name="ids")
        x = k.layers.Embedding(8, 3, mask_zero=True, name="embedding")(ids)
        layer = getattr(k.layers, inner)(4, return_sequences=sequences, return_state=merge == "sum", name="inner")
        return k.Model(ids, k.layers.Bidirectional(layer, merge_mode=merge, name="both")(x))

    compare(build, IDS)


def test_both_ways_written_out_over_a_mask() -> None:
    def build(k: Any) -> Any:
        ids = k.Input((6,), dtype="int32", name="ids")
        x = k.layers.Embedding(8, 3, mask_zero=True, name="embedding")(ids)
        return k.Model(ids, k.layers.Bidirectional(k.layers.GRU(4, return_sequences=True, unroll=True, name="inner"), name="both")(x))

    compare(build, IDS)


def test_a_mask_goes_through_all_that_passes_it_on() -> None:
    def build(k: Any) -> Any:
        ids = k.Input((6,), dtype="int32", name="ids")
        x = k.layers.Embedding(8, 3, mask_zero=True, name="embedding")(ids)
        x = k.layers.Dense(4, activation="relu", name="dense")(k.layers.Dropout(0.5, name="dropout")(x))
        x = k.layers.Identity(name="same")(k.layers.Activation("tanh", name="tanh")(x))
        x = k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True, name="inner"), name="both")(x)
        x = k.layers.TimeDistributed(k.layers.Dense(5, name="each"), name="steps")(x)
        x = k.layers.GRU(4, return_sequences=True, name="gru")(x)
        return k.Model(ids, k.layers.SimpleRNN(3, name="last")(x))

    compare(build, IDS)


def test_arithmetic_destroys_a_mask() -> None:
    def build(k: Any) -> Any:
        ids = k.Input((6,), dtype="int32", name="ids")
        x = k.layers.Embedding(8, 3, mask_zero=True, name="embedding")(ids)
        return k.Model(ids, k.layers.LSTM(4, name="lstm")(x * 2.0))

    compare(build, IDS)


def test_given_states_a_layer_looks_for_no_mask() -> None:
    """Keras takes the mask of a layer's only tensor argument, so one beside its states does not count."""

    def build(k: Any) -> Any:
        ids, state = k.Input((6,), dtype="int32", name="ids"), k.Input((4,), name="state")
        x = k.layers.Embedding(8, 3, mask_zero=True, name="embedding")(ids)
        return k.Model([ids, state], k.layers.GRU(4, name="gru")(x, initial_state=state))

    compare(build, IDS, np.ones((6, 4), np.float32))


def test_masking_hides_steps_by_their_value() -> None:
    def build(k: Any) -> Any:
        x = k.Input((None, 3), name="x")
        return k.Model(x, k.layers.LSTM(4, return_sequences=True, name="lstm")(k.layers.Masking(-1.0, name="masking")(x)))

    compare(build, np.where(MASK[..., None], STEPS, -1).astype(np.float32))


def test_a_float_id_that_is_not_zero_counts_as_it_does_in_keras() -> None:
    ids = np.array([[0.4, 1.7, 0.0, 2.2]], np.float32)

    def build(k: Any) -> Any:
        x = k.Input((4,), name="x")
        return k.Model(x, k.layers.LSTM(3, name="lstm")(k.layers.Embedding(4, 2, mask_zero=True, name="embedding")(x)))

    compare(build, ids)


def test_a_mask_of_cells_on_top_of_each_other() -> None:
    def build(k: Any) -> Any:
        ids = k.Input((6,), dtype="int32", name="ids")
        x = k.layers.Embedding(8, 3, mask_zero=True, name="embedding")(ids)
        cells = [k.layers.GRUCell(3, name="a"), k.layers.LSTMCell(4, name="b")]
        outputs = k.layers.RNN(cells, return_sequences=True, return_state=True, go_backwards=True, name="rnn")(x)
        return k.Model(ids, [outputs[0], *k.tree.flatten(outputs[1:])] if hasattr(k, "tree") else [outputs[0], outputs[1][0], *outputs[2]])

    compare(build, IDS)


@pytest.mark.parametrize("inner", ["LSTM", "Bidirectional"])
def test_a_mask_for_each_step_goes_to_the_layer_on_each_step(inner: str) -> None:
    def build(k: Any) -> Any:
        ids = k.Input((2, 6), dtype="int32", name="ids")
        x = k.layers.Embedding(8, 3, mask_zero=True, name="embedding")(ids)
        lstm = k.layers.LSTM(4, name="inner")
        layer = lstm if inner == "LSTM" else k.layers.Bidirectional(lstm, name="both")
        return k.Model(ids, k.layers.TimeDistributed(layer, name="each")(x))

    compare(build, IDS.reshape(3, 2, 6))


def test_a_masked_model_exports_and_runs(tmp_path: Any) -> None:
    model = scatter_weights(masked("LSTM", None, units=4, return_sequences=True)(builder))
    model.export(tmp_path / "masked.onnx")


def test_images_that_are_masked_leave_the_states_as_they_are() -> None:
    """For one row only: with more, Keras on JAX puts the mask beside the wrong axis."""

    def build(k: Any) -> Any:
        film, mask = k.Input((6, 3, 4, 2), name="film"), k.Input((6,), dtype="bool", name="mask")
        outputs = k.layers.ConvLSTM2D(2, 2, return_sequences=True, return_state=True, name="lstm")(film, mask=mask)
        return k.Model([film, mask], list(outputs))

    film = np.random.default_rng(0).normal(size=(1, 6, 3, 4, 2)).astype(np.float32)
    compare(build, film, MASK[2:3])
