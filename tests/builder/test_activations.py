"""Every activation function by its name: Keras's numbers, Keras's defaults, and nothing that is not in the table."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

import builder
from builder import activations, ops
from builder.activations import ACTIVATIONS
from builder.errors import NetworkError

GRID = np.array([[-1e4, -60, -7.5, -3, -1, -0.5, -0.1, 0], [0.1, 0.5, 1, 2.9, 3, 6.5, 60, 1e4]], np.float32)
ARGUMENTS = {"threshold": (0.5, -1.0)}  # the one that has no defaults


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_equals_that_of_keras(name: str) -> None:
    arguments = ARGUMENTS.get(name, ())
    with np.errstate(all="ignore"):
        expected = np.asarray(keras.activations.get(name)(GRID, *arguments))
    found = np.asarray(activations.get(name)(GRID, *arguments))
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-5)


def test_the_table_is_that_of_keras() -> None:
    assert ACTIVATIONS.keys() == keras.src.activations.ALL_OBJECTS_DICT.keys()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_an_operation_of_a_network_in_files_too(name: str, tmp_path: Path) -> None:
    if name == "linear":
        return  # gives its own input, which is no operation
    arguments = ARGUMENTS.get(name, ())
    with np.errstate(all="ignore"):
        expected = np.asarray(keras.activations.get(name)(GRID, *arguments))
    x = builder.Input((8,))
    built = builder.Model(x, activations.get(name)(x, *arguments))
    theirs = keras.Model.from_config(json.loads(json.dumps(built.get_config())))
    theirs.save(tmp_path / "net.keras")
    for model in (theirs, builder.load_model(tmp_path / "net.keras")):
        np.testing.assert_allclose(model(GRID), expected, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("arguments", [{"max_value": 3.0}, {"negative_slope": 0.1, "threshold": 1.0}], ids=str)
def test_relu_keeps_its_arguments_in_files(arguments: dict[str, float], tmp_path: Path) -> None:
    x = keras.Input((8,))
    theirs = keras.Model(x, keras.activations.relu(x, **arguments))
    theirs.save(tmp_path / "net.keras")
    np.testing.assert_allclose(builder.load_model(tmp_path / "net.keras")(GRID), theirs(GRID), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_layer_is_the_function(name: str) -> None:
    x = builder.Input((8,))
    arguments = ARGUMENTS.get(name, ())
    function = activations.get(name)
    layer = builder.layers.Activation((lambda inputs: function(inputs, *arguments)) if arguments else name)
    found = builder.Model(x, layer(x))(GRID)
    np.testing.assert_allclose(found, function(GRID, *arguments), rtol=1e-6)


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if hasattr(ops, name)])
def test_the_function_of_ops_has_the_defaults_of_keras_ops(name: str) -> None:
    arguments = ARGUMENTS.get(name, ())
    with np.errstate(all="ignore"):
        expected = np.asarray(getattr(keras.ops, name)(GRID, *arguments))
    np.testing.assert_allclose(np.asarray(getattr(ops, name)(GRID, *arguments)), expected, rtol=2e-5, atol=1e-5)


def test_gelu_is_exact_here_and_approximate_in_ops() -> None:
    exact, approximate = activations.gelu(GRID), ops.gelu(GRID)
    assert 1e-5 < np.abs(exact - approximate).max() < 1e-2
    np.testing.assert_allclose(ops.gelu(GRID, approximate=False), exact)


@pytest.mark.parametrize("name", ["leaky_relu", "elu", "celu", "soft_shrink", "hard_shrink"])
def test_a_parameter_means_what_it_means_in_keras(name: str) -> None:
    expected = getattr(keras.activations, name)(GRID, 0.7)
    np.testing.assert_allclose(activations.get(name)(GRID, 0.7), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_name_comes_back_from_its_function(name: str) -> None:
    assert activations.get(activations.serialize(activations.get(name))) is activations.get(name)


@pytest.mark.parametrize(
    "identifier",
    [
        pytest.param("relu", id="a name"),
        pytest.param({"module": "builtins", "class_name": "function", "config": "relu", "registered_name": "function"}, id="a config"),
        pytest.param(activations.relu, id="a function"),
    ],
)
def test_a_function_is_found_in_every_form_that_keras_saves(identifier: object) -> None:
    assert activations.get(identifier) is activations.relu


def test_none_is_linear() -> None:
    assert activations.get(None)(GRID) is GRID


@pytest.mark.parametrize("identifier", ["nope", "eval", "", 3, ["relu"], {"class_name": "function"}, {"config": {"relu": 1}}])
def test_what_is_not_in_the_table_is_refused(identifier: object) -> None:
    with pytest.raises(NetworkError, match="Could not interpret activation function identifier"):
        activations.get(identifier)


@pytest.mark.parametrize("arguments", [{"max_value": -1.0}, {"negative_slope": -0.1}], ids=lambda arguments: next(iter(arguments)))
def test_relu_refuses_what_keras_refuses(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="cannot be a negative value"):
        activations.relu(GRID, **arguments)
