"""Mixed precision: weights in 32 bits, arithmetic in 16, as Keras has it."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

import builder
from builder.dtype_policy import DTypePolicy
from builder.errors import NetworkError, UnsupportedError


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_mixed_model_answers_as_in_keras(policy: str, tmp_path: Path) -> None:
    inputs = keras.Input((6,), name="x")
    hidden = keras.layers.Dense(8, activation="relu", dtype=policy)(inputs)
    hidden = keras.layers.BatchNormalization(dtype=policy)(hidden)
    theirs = keras.Model(inputs, keras.layers.Dense(3, dtype="float32")(hidden))
    theirs.save(tmp_path / "mixed.keras")
    ours = builder.load_model(tmp_path / "mixed.keras")
    x = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    assert [layer.compute_dtype for layer in ours.layers] == [layer.compute_dtype for layer in theirs.layers]
    assert all(variable.dtype == "float32" for variable in ours.weights)
    if policy == "mixed_float16":  # ONNX Runtime has no bfloat16 kernels for the CPU
        assert np.abs(ours.predict(x) - theirs.predict(x, verbose=0)).max() < 5e-3


def test_a_policy_is_known_by_all_that_keras_takes_and_saves() -> None:
    mixed = DTypePolicy("mixed_float16", "float16", "float32")
    for given in ("mixed_float16", mixed, mixed.get_config(), {"class_name": "Policy", "config": {"name": "mixed_float16"}}):
        assert DTypePolicy.of(given) == mixed
    assert DTypePolicy.of("float64") == DTypePolicy("float64", "float64", "float64")


@pytest.mark.parametrize(
    ("given", "error"),
    [
        pytest.param("float7", NetworkError, id="no dtype"),
        pytest.param({"class_name": "OwnDTypePolicy", "config": {}}, UnsupportedError, id="a user's own"),
    ],
)
def test_what_is_no_policy_is_refused(given: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        DTypePolicy.of(given)
