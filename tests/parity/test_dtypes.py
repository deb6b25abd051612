"""The layer table in 16 bits and in mixed precision, against Keras: dtypes, and numbers within what 16 bits hold."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

import builder
from builder.dtype_policy import set_dtype_policy
from tests.builder.networks import answers, scatter_weights
from tests.builder.rows import ROWS, Row, recurrent

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match:UserWarning")]
EXAMPLES = int(os.environ.get("HORNBEAM_PARITY_EXAMPLES", "20"))
PHASES = [Phase.generate]  # to shrink what Keras compiles takes longer than to read it
drawn = settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=PHASES
)

ROUNDING = 1e-2  # of the largest output: ten steps of float16, which sums of rounded terms are apart
NAMES = [name for name, row in ROWS.items() if row.layer != "InputLayer" and "dtype" not in str(row.arguments)]
# Keras fails itself: JAX draws no orthogonal matrix of 16 bits, and without a bias a GRU of mixed precision forgets its dtype.
IN_KERAS = [(name, "float16") for name in recurrent.ROWS] + [
    (name, "mixed_float16") for name in ("gru without a bias", "gru that resets before without a bias")
]


@contextmanager
def global_policy(policy: str) -> Iterator[None]:
    """Layers of both packages that are made inside, and those that they hold, have `policy`."""
    keras.config.set_dtype_policy(policy)
    set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy("float32")
        set_dtype_policy("float32")


def networks(row: Row, policy: str) -> tuple[Any, Any]:
    with global_policy(policy):
        theirs, ours = row.network(keras, row.make(keras)), row.network(builder, row.make(builder))
    scatter_weights(ours)
    theirs.set_weights(ours.get_weights())
    return theirs, ours


@given(st.sampled_from(NAMES), st.sampled_from(["mixed_float16", "float16"]))
@drawn
def test_a_layer_in_16_bits_answers_as_in_keras(name: str, policy: str) -> None:
    assume((name, policy) not in IN_KERAS)
    row = ROWS[name]
    theirs, ours = networks(row, policy)
    x = row.sample(3)
    for found, expected in zip(answers(ours, x), answers(theirs, x), strict=True):
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        wide = expected.astype(np.float64)
        scale = float(np.max(np.abs(wide), initial=0.0, where=np.isfinite(wide)))
        np.testing.assert_allclose(found.astype(np.float64), wide, rtol=ROUNDING, atol=ROUNDING * scale)
