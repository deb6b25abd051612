"""Every layer, in configurations that hypothesis draws: it gives what Keras's gives, and refuses what Keras's refuses."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, note, reject
from hypothesis import strategies as st

import builder
from builder.errors import HornbeamError
from builder.graph import Array
from builder.models import Model
from builder.saving import REGISTRY
from tests.builder.networks import leaves
from tests.builder.rows.row import layer_class
from tests.parity.cases import CASES, Case
from tests.parity.conftest import drawn

# Recurrence and attention have laws of their own in tests/builder; an input is no layer of arithmetic, and a Lambda has a user's.
ELSEWHERE = frozenset(
    (
        *("AdditiveAttention", "Attention", "GroupQueryAttention", "MultiHeadAttention"),
        *("Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "SimpleRNN"),
        *("SimpleRNNCell", "StackedRNNCells", "TimeDistributed", "InputLayer", "Lambda", "Wrapper"),
    )
)
HALF = 1e-3  # relative: numbers that are rounded to float16 on the way, of which some lie between two


def test_every_layer_is_drawn() -> None:
    layers = {name for name, cls in REGISTRY.items() if not issubclass(cls, Model) and cls.__module__.startswith("builder.layers.")}
    assert {name for name in layers if "preprocessing" not in REGISTRY[name].__module__} - ELSEWHERE == set(CASES)


@pytest.mark.filterwarnings("ignore:Layer '.*' .* was passed an input with a mask:UserWarning")
@pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match:UserWarning")  # a list of one
@pytest.mark.parametrize("layer", CASES)
@drawn
@given(data=st.data())
def test_a_layer_equals_that_of_keras(layer: str, data: st.DataObject) -> None:
    case = data.draw(CASES[layer])
    theirs, refusal = network(case, keras)
    ours, ours_refusal = network(case, builder)
    note(f"Keras: {refusal!r}, here: {ours_refusal!r}")
    if theirs is None or ours is None:
        assert ours_refusal is not None
        assert theirs is None or not runs(theirs, case)
        return
    weights = scattered([tuple(weight.shape) for weight in theirs.weights], [weight.name for weight in theirs.weights])
    theirs.set_weights(weights)
    ours.set_weights(weights)
    assert all(is_same_or_known(one, other) for one, other in zip(shapes(ours), shapes(theirs), strict=True)), (
        shapes(ours),
        shapes(theirs),
    )
    for rows in (1, 3):
        for sample in case.samples(rows):
            given_ = sample if len(sample) > 1 else sample[0]
            expected = oracle(theirs, given_)
            assert_as_close(answers(ours, given_), expected, HALF if case.dtype == "float16" else case.tolerance)


def network(case: Case, package: Any) -> tuple[Any, Exception | None]:
    """A model of the case, or why there is none."""
    try:
        with keras.StatelessScope(initialize_variables=False):
            return case.network(package, layer_class(case.layer, package)(**case.arguments_for(package), name="drawn")), None
    except (ValueError, HornbeamError) as error:
        return None, error
    except Exception as error:
        if package is builder:
            raise
        note(f"Keras fails without refusing: {error!r}")
        reject()


def scattered(shapes: list[tuple[int, ...]], names: list[str]) -> list[Array]:
    generator = np.random.default_rng(0)
    numbers = [generator.normal(size=shape).astype(np.float32) for shape in shapes]
    return [np.abs(array) + 0.5 if "variance" in name else array for array, name in zip(numbers, names, strict=True)]


def shapes(model: Any) -> list[tuple[int | None, ...]]:
    return [tuple(tensor.shape) for tensor in model.outputs]


def is_same_or_known(one: tuple[int | None, ...], other: tuple[int | None, ...]) -> bool:
    """Whether shapes are equal, but for sizes that Keras leaves open: a free one beside a 7 in a sum can only be a 7."""
    return len(one) == len(other) and all(theirs in (ours, None) for ours, theirs in zip(one, other, strict=True))


def answers(model: Any, inputs: Any) -> list[Array]:
    return [np.asarray(leaf) for leaf in leaves(model(inputs))]


def runs(model: Any, case: Case) -> bool:
    """Whether Keras can run what it has built: some things it refuses only then."""
    try:
        for sample in case.samples(3):
            model(sample if len(sample) > 1 else sample[0])
    except Exception as error:
        note(f"Keras refuses when it runs: {error!r}")
        return False
    return True


def oracle(model: Any, inputs: Any) -> list[Array]:
    """Keras's answers; the example is worth nothing where Keras builds what it cannot run."""
    try:
        return answers(model, inputs)
    except Exception as error:
        note(f"Keras cannot run it: {error!r}")
        reject()


def assert_as_close(found: list[Array], expected: list[Array], tolerance: float) -> None:
    """Asserts equal shapes and dtypes, and numbers within `tolerance` of the largest one."""
    assert [(array.shape, array.dtype) for array in found] == [(array.shape, array.dtype) for array in expected]
    for one, other in zip(found, expected, strict=True):
        scale = float(np.max(np.abs(other), initial=0.0, where=np.isfinite(other)))
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * scale)
