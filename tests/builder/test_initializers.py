"""Initializers draw from Keras's distributions and go by Keras's names; the numbers themselves are their own."""

from typing import Any

import keras
import numpy as np
import pytest

from builder import initializers
from builder.errors import NetworkError
from builder.initializers import INITIALIZERS

SHAPE = (3, 3, 20, 40)


def made(package: Any, name: str) -> Any:
    """An initializer of either package, with a seed where it takes one."""
    kind = getattr(package, name)
    return kind(seed=4) if "seed" in INITIALIZERS[name].__dataclass_fields__ else kind()


@pytest.mark.parametrize("name", INITIALIZERS)
def test_the_distribution_is_that_of_keras(name: str) -> None:
    shape = {"Identity": (60, 60), "STFT": (60, 1, 31)}.get(name, SHAPE)
    found, expected = made(initializers, name)(shape), np.asarray(made(keras.initializers, name)(shape))
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    for measure in (np.mean, np.std, np.min, np.max):
        np.testing.assert_allclose(measure(found), measure(expected), rtol=0.15, atol=0.01)


@pytest.mark.parametrize("name", [name for name in INITIALIZERS if "seed" in INITIALIZERS[name].__dataclass_fields__])
def test_a_seed_decides_the_numbers_and_none_does_not(name: str) -> None:
    np.testing.assert_array_equal(made(initializers, name)(SHAPE), made(initializers, name)(SHAPE))
    kind = getattr(initializers, name)
    assert np.any(kind()(SHAPE) != kind()(SHAPE))


@pytest.mark.parametrize("name", INITIALIZERS)
def test_a_config_is_understood_here_and_by_keras(name: str) -> None:
    initializer = made(initializers, name)
    config = initializers.serialize(initializer)
    assert initializers.get(config) == initializer
    assert type(keras.initializers.get(config)).__name__ == name
    theirs = keras.saving.serialize_keras_object(made(keras.initializers, name))
    assert initializers.get(theirs) == initializer


@pytest.mark.parametrize(
    ("identifier", "name"),
    [("glorot_uniform", "GlorotUniform"), ("zeros", "Zeros"), ("normal", "RandomNormal"), ("HeNormal", "HeNormal")],
)
def test_a_name_may_have_every_form_that_keras_takes(identifier: str, name: str) -> None:
    assert type(initializers.get(identifier)).__name__ == name


def test_an_orthogonal_matrix_is_orthogonal() -> None:
    for shape in ((6, 4), (4, 6), (2, 3, 4)):
        matrix = initializers.Orthogonal(seed=1)(shape).reshape(-1, shape[-1])
        product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
        np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-5)


def test_only_a_matrix_can_be_the_identity() -> None:
    with pytest.raises(NetworkError, match="can only be used for 2D matrices"):
        initializers.Identity()((2, 2, 2))


@pytest.mark.parametrize("identifier", ["nope", 3, {"class_name": "Mine"}, {}, []], ids=str)
def test_what_is_not_known_is_refused(identifier: Any) -> None:
    with pytest.raises(NetworkError, match="Could not interpret initializer identifier"):
        initializers.get(identifier)
