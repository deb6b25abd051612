"""What Keras refuses is refused here too, as an error of the same class and with the same words in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

import builder

Act = Callable[[Any], Any]
ONES = np.ones((2, 3), np.float32)


def stack(k: Any, *layers: Any) -> Any:
    return k.Sequential([k.Input((4,)), *layers])


def model(k: Any) -> Any:
    x = k.Input((4,), name="x")
    return k.Model(x, k.layers.Dense(2, name="dense")(x))


def two(k: Any, keys: bool = False) -> Any:
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    return k.Model({"a": a, "b": b} if keys else [a, b], a + b)


def set_layers(made: Any) -> None:
    made.layers = []


def unconnected(k: Any) -> Any:
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    return k.Model(a, k.layers.Add()([a, b]))


def same_name(k: Any) -> Any:
    x = k.Input((4,))
    return k.Model(x, k.layers.ReLU(name="a")(k.layers.Dense(4, name="a")(x)))


def odd(k: Any, call: Callable[..., Any]) -> Any:
    return type("Odd", (k.layers.Layer,), {"call": call})()


def of_class(name: str) -> dict[str, Any]:
    return {"module": "mine", "class_name": name, "config": {"name": "f"}, "registered_name": name}


ROWS: dict[str, tuple[Act, type[Exception], str]] = {
    "a second Input": (lambda k: stack(k).add(k.Input((4,))), ValueError, "already been configured to use input shape"),
    "a second InputLayer": (lambda k: stack(k).add(k.layers.InputLayer(shape=(4,))), ValueError, "cannot add a different Input layer"),
    "a name twice in a stack": (
        lambda k: stack(k, k.layers.ReLU(name="a"), k.layers.ReLU(name="a")),
        ValueError,
        "should have unique names",
    ),
    "no layer in a stack": (lambda k: stack(k, {}), ValueError, "Only instances of `keras.Layer` can be added"),
    "an empty stack called": (lambda k: k.Sequential()(ONES), ValueError, "cannot be built because it has no layers"),
    "an empty stack built": (lambda k: k.Sequential().build((None, 4)), ValueError, "cannot be built because it has no layers"),
    "a stack built for another shape": (lambda k: stack(k, k.layers.ReLU()).build((3, 4)), ValueError, "already been configured"),
    "a layer of two arguments in a stack": (
        lambda k: stack(k, odd(k, lambda self, inputs, training: inputs)),
        ValueError,
        "can only have a single required positional argument",
    ),
    "a layer of no arguments in a stack": (lambda k: stack(k, odd(k, lambda self: 1)), ValueError, "has no positional arguments"),
    "layers of a stack set": (lambda k: set_layers(k.Sequential()), AttributeError, "Use `add()` and `pop()`"),
    "layers of a model set": (lambda k: set_layers(model(k)), AttributeError, "`Model.layers` attribute is reserved"),
    "inputs before they exist": (lambda k: k.Sequential([k.layers.ReLU()]).inputs, AttributeError, "has no defined inputs yet"),
    "outputs before they exist": (lambda k: k.Sequential([k.layers.ReLU()]).outputs, AttributeError, "has no defined outputs yet"),
    "a config without a name": (
        lambda k: k.Sequential.from_config({}),
        ValueError,
        "must be a dictionary containing the 'name' and 'layers' keys",
    ),
    "a popped empty stack": (lambda k: k.Sequential().pop(), IndexError, "list"),
    "inputs that are no symbols": (lambda k: k.Model({"a": "a"}, k.Input((4,))), ValueError, "All `inputs` values must be KerasTensors"),
    "outputs that are no symbols": (lambda k: k.Model(k.Input((4,)), "y"), ValueError, "All `outputs` values must be KerasTensors"),
    "no inputs": (lambda k: k.Model([], k.Input((4,))), ValueError, "`inputs` argument cannot be empty"),
    "no outputs": (lambda k: k.Model(k.Input((4,)), []), ValueError, "`outputs` argument cannot be empty"),
    "an input forgotten": (unconnected, ValueError, "Output with path `` is not connected to `inputs`"),
    "a name twice in a model": (
        same_name,
        ValueError,
        'The name "a" is used 2 times in the model. All operation names should be unique.',
    ),
    "another size": (lambda k: model(k)(ONES), ValueError, "expected shape=(None, 4), found shape=(2, 3)"),
    "two inputs for one": (lambda k: model(k)([ONES, ONES]), ValueError, "but it received 2 input tensors"),
    "one input for two": (lambda k: two(k)(ONES), ValueError, "but it received 1 input tensors"),
    "one input for two with names": (lambda k: two(k, True)(ONES), ValueError, "expects 2 named input(s) with keys ['a', 'b']"),
    "axes too many": (
        lambda k: model(k)(np.ones((2, 4, 4), np.float32)[:, :, :, None]),
        ValueError,
        "with name 'x' and path ''. Expected shape (None, 4), but input has incompatible shape (2, 4, 4, 1)",
    ),
    "no such layer": (
        lambda k: model(k).get_layer("zzz"),
        ValueError,
        "No such layer: zzz. Existing layers are: ['x', 'dense']",
    ),
    "no such index": (
        lambda k: model(k).get_layer(index=99),
        ValueError,
        "Was asked to retrieve layer at index 99 but model only has 2 layers.",
    ),
    "neither name nor index": (lambda k: model(k).get_layer(), ValueError, "Provide either a layer name or layer index"),
    "both name and index": (lambda k: model(k).get_layer("x", 1), ValueError, "Provide only a layer name or a layer index"),
    "a layer that was never called": (
        lambda k: k.layers.Dense(2, name="dense").output,
        AttributeError,
        "The layer dense has never been called and thus has no defined",
    ),
    "no units": (lambda k: k.layers.Dense(0), ValueError, "Received an invalid value for `units`, expected a positive integer"),
    "a novel argument": (lambda k: k.layers.Dense(2, foo=1), ValueError, "Unrecognized keyword arguments passed to Dense: {'foo': 1}"),
    "a weight of a free size": (
        lambda k: k.layers.Layer().add_weight(shape=(None, 2)),
        ValueError,
        "Shapes used to initialize variables must be fully-defined (no `None` dimensions)",
    ),
    "an image too small": (
        lambda k: k.layers.Conv2D(2, 5)(k.Input((3, 3, 1))),
        ValueError,
        "Computed output size would be zero or negative",
    ),
    "no activation": (
        lambda k: k.layers.Dense(2, activation="nope"),
        ValueError,
        "Could not interpret activation function identifier: nope",
    ),
    "one tensor to merge": (lambda k: k.layers.Add()(k.Input((4,))), ValueError, "A merge layer should be called on a list of inputs"),
    "sizes that do not join": (
        lambda k: k.layers.Concatenate(axis=1)([k.Input((3, 2)), k.Input((3, 4))]),
        ValueError,
        "requires inputs with matching shapes except for the concatenation axis",
    ),
    "too few axes": (
        lambda k: k.layers.LSTM(2, name="lstm_1")(k.Input((4,))),
        ValueError,
        "of layer 'lstm_1' is incompatible with the layer: expected ndim=3, found ndim=2. Full shape received: (None, 4)",
    ),
    "a symbol as a condition": (lambda k: bool(k.Input((4,))), TypeError, "A symbolic KerasTensor cannot be used as a boolean."),
    "a symbol in a loop": (
        lambda k: list(k.Input((4,))),
        NotImplementedError,
        "Iterating over a symbolic KerasTensor is not supported.",
    ),
    "a symbol as an array": (lambda k: np.asarray(k.Input((4,))), ValueError, "You cannot convert it to a NumPy array"),
    "a number by position": (
        lambda k: k.layers.Dense(2)(k.Input((4,)), 3),
        ValueError,
        "Only input tensors may be passed as positional arguments",
    ),
    "a class that is not known": (
        lambda k: k.saving.deserialize_keras_object(of_class("Foo")),
        TypeError,
        "Could not locate class 'Foo'. Make sure custom classes",
    ),
    "None for an input": (
        lambda k: two(k)([ONES[:, :1].repeat(4, 1), None]),
        ValueError,
        "The input 'b' is not optional, but None was passed",
    ),
    "a clone of other inputs": (
        lambda k: k.models.clone_model(model(k), input_tensors=[k.Input((4,)), k.Input((4,))]),
        ValueError,
        "`input_tensors` must have the same structure as model.input",
    ),
}


@pytest.mark.parametrize("k", [pytest.param(builder, id="here"), pytest.param(keras, id="keras")])
@pytest.mark.parametrize("name", ROWS)
def test_it_is_refused_in_the_same_words(name: str, k: Any) -> None:
    act, error, words = ROWS[name]
    with pytest.raises(error, match=re.escape(words)):
        act(k)
