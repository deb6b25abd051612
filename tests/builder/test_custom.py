"""Layers of a user's own: written as for Keras, built, exported, and found in files by the names that the user gives them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import builder
from builder.errors import NetworkError, UnsupportedError


def gated(k: Any) -> type[Any]:
    """A layer with a weight of its own and a layer inside, for either package; only the import differs."""

    class Gated(k.layers.Layer):  # type: ignore[misc]
        def __init__(self, units: int, power: float = 1.0, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units
            self.power = power
            self.inner = k.layers.Dense(units, name="inner")
            self._gates = [k.layers.Dense(units, activation="sigmoid"), k.layers.Dense(units, use_bias=False)]

        def build(self, input_shape: Any) -> None:
            self.scale = self.add_weight(shape=(self.units,), initializer="ones", name="scale")
            self.inner.build(input_shape)
            self._gates[0].build(input_shape)
            self._gates[1].build((None, self.units))

        def call(self, inputs: Any) -> Any:
            gate = k.ops.power(self._gates[0](inputs), self.power)
            return self._gates[1](self.inner(inputs) * gate) * self.scale

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.units, "power": self.power}

    return Gated


def network(k: Any, layer: type[Any]) -> Any:
    x = k.Input((3,), name="x")
    return k.Model(x, layer(4, power=2.0, name="gated")(k.layers.Dense(5, name="first")(x)), name="net")


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Any]:
    theirs = network(keras, gated(keras))
    theirs.set_weights([np.random.default_rng(index).normal(size=w.shape) for index, w in enumerate(theirs.get_weights())])
    theirs.save(tmp_path / "custom.keras")
    return tmp_path / "custom.keras", theirs


DATA = np.random.default_rng(9).normal(size=(6, 3)).astype(np.float32)


def test_a_file_opens_with_the_classes_that_the_user_gives(saved: tuple[Path, Any], tmp_path: Path) -> None:
    path, theirs = saved
    ours = builder.load_model(path, custom_objects={"Gated": gated(builder)})
    assert np.abs(ours.predict(DATA) - theirs.predict(DATA, verbose=0)).max() < 1e-5
    assert ours.export(tmp_path / "custom.onnx").batched


def test_a_class_is_known_inside_its_scope_and_not_after(saved: tuple[Path, Any]) -> None:
    with builder.custom_object_scope({"Gated": gated(builder)}):
        builder.load_model(saved[0])
    with pytest.raises(UnsupportedError, match=r"is a custom class .*Gated.*: give it as custom_objects=\{'Gated': \.\.\.\}"):
        builder.load_model(saved[0])


def test_a_registered_class_is_known_to_configs_of_both(tmp_path: Path) -> None:
    builder.register_keras_serializable("mine")(Registered)
    theirs = keras.saving.register_keras_serializable("mine", "Registered")(type("Registered", (keras.layers.Dense,), {}))
    model = network(keras, lambda units, power, name: theirs(units, name=name))  # type: ignore[arg-type]
    model.save(tmp_path / "registered.keras")
    ours = builder.load_model(tmp_path / "registered.keras")
    assert type(ours.get_layer("gated")) is Registered
    assert np.abs(ours.predict(DATA) - model.predict(DATA, verbose=0)).max() < 1e-5
    again = builder.Functional.from_config(ours.get_config())
    assert type(again.get_layer("gated")) is Registered


class Registered(builder.layers.Dense):
    """Found by the name that it is registered under."""


def test_a_function_of_the_users_own_is_an_activation(tmp_path: Path) -> None:
    x = keras.Input((3,))
    theirs = keras.Model(x, keras.layers.Dense(4, activation=keras.saving.register_keras_serializable("mine")(squared_keras))(x))
    theirs.save(tmp_path / "activation.keras")
    ours = builder.load_model(tmp_path / "activation.keras", custom_objects={"squared_keras": squared})
    assert np.abs(ours.predict(DATA) - theirs.predict(DATA, verbose=0)).max() < 1e-5
    with pytest.raises(builder.errors.ModelFileError, match="squared_keras"):
        builder.load_model(tmp_path / "activation.keras")


def squared_keras(x: Any) -> Any:
    return keras.ops.square(x)


def squared(x: Any) -> Any:
    return builder.ops.square(x)


def test_only_what_has_a_config_can_be_registered() -> None:
    with pytest.raises(NetworkError, match=r"does not have a get_config\(\) method: Plain"):
        builder.register_keras_serializable()(type("Plain", (), {}))
