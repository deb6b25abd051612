"""Models and layers of a user's own classes, written once for either package: they build, answer, save and load as in Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest

import builder
from builder.errors import NetworkError, NotBuiltError, UnsupportedError
from tests.builder.networks import answers, assert_close, scatter_weights

DATA = np.random.default_rng(4).normal(size=(5, 4)).astype(np.float32)
Classes = dict[str, type[Any]]


# The same classes of either package; only the import differs.


def block(k: Any) -> type[Any]:
    class Block(k.layers.Layer):  # type: ignore[misc]
        """A layer with a weight of its own, made at once, and layers in containers."""

        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units
            self.scale = self.add_weight(shape=(units,), initializer="ones", name="scale")
            self.steps = [k.layers.Dense(units, activation="relu"), [k.layers.Dense(units), k.layers.LayerNormalization()]]
            self._by_name = {"last": k.layers.Dense(units), "first": k.layers.Dense(units)}

        def call(self, inputs: Any, training: Any = None) -> Any:
            x = self.steps[0](inputs)
            for step in self.steps[1]:
                x = step(x)
            return self._by_name["last"](self._by_name["first"](x)) * self.scale

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.units}

    return Block


def net(k: Any) -> type[Any]:
    own_block = block(k)

    class Net(k.Model):  # type: ignore[misc]
        """Attributes on both sides of `layers` in the alphabet, a private one, and one that is reached by a property."""

        def __init__(self, units: int = 6, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units
            self.zoom = k.layers.Dense(units)
            self.dense = k.layers.Dense(units, activation="tanh")
            self.drop = k.layers.Dropout(0.5)
            self.blocks = [own_block(units, name=f"block_{index}") for index in range(2)]
            self._head = k.layers.Dense(2, name="head")

        @property
        def head(self) -> Any:
            return self._head

        def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
            x = self.drop(self.dense(inputs), training=training)
            for block in self.blocks:
                x = x + block(x)
            return self.head(self.zoom(x))

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.units}

    return Net


def pair(k: Any) -> type[Any]:
    class Pair(k.Model):  # type: ignore[misc]
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.left, self.right = k.layers.Dense(3, name="left"), k.layers.Dense(3, name="right")

        def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
            left, right = self.left(inputs["a"]), self.right(inputs["b"])
            return {"sum": left + right, "both": [left, right]}

    return Pair


def ends(k: Any) -> type[Any]:
    class Ends(k.Model):  # type: ignore[misc]
        """The Functional idiom: the ends are given to the base class."""

        def __init__(self, units: int = 3, **kwargs: Any) -> None:
            x = k.Input((4,), name="x")
            y = k.layers.Dense(units, name="inside")(x)
            super().__init__(inputs=x, outputs=k.layers.Dense(2, name="last")(y), **kwargs)
            self.units = units

        def get_config(self) -> dict[str, Any]:
            return {"name": self.name, "units": self.units}

    return Ends


def classes(k: Any) -> Classes:
    return {made.__name__: made for made in (net(k), pair(k), ends(k), block(k))}


OURS, THEIRS = classes(builder), classes(keras)


def twins(name: str, shape: Any = (None, 4), **arguments: Any) -> tuple[Any, Any]:
    """A model of either package, built for a shape, with the same weights."""
    ours, theirs = OURS[name](**arguments, name="net"), THEIRS[name](**arguments, name="net")
    ours.build(shape)
    theirs(symbols(keras, shape))
    theirs.set_weights(scatter_weights(ours).get_weights())
    return ours, theirs


def symbols(k: Any, shape: Any) -> Any:
    return {key: k.Input(one[1:]) for key, one in shape.items()} if isinstance(shape, dict) else k.Input(shape[1:])


SAMPLES: dict[str, tuple[Any, Any]] = {
    "Net": ((None, 4), DATA),
    "Ends": ((None, 4), DATA),
    "Pair": ({"b": (None, 3), "a": (None, 4)}, {"a": DATA, "b": DATA[:, :3]}),
}
each = pytest.mark.parametrize("name", SAMPLES)


@each
def test_a_class_answers_as_in_keras(name: str) -> None:
    shape, inputs = SAMPLES[name]
    ours, theirs = twins(name, shape)
    assert [weight.shape for weight in ours.weights] == [tuple(weight.shape) for weight in theirs.weights]
    assert [type(layer).__name__ for layer in ours.layers] == [type(layer).__name__ for layer in theirs.layers]
    assert_close(answers(ours, inputs), answers(theirs, inputs))
    for size in (1, 2, 5):
        assert_close(answers(lambda x, size=size: ours.predict(x, batch_size=size), inputs), answers(theirs, inputs))


@each
def test_its_file_opens_in_keras_and_that_of_keras_here(name: str, tmp_path: Path) -> None:
    shape, inputs = SAMPLES[name]
    ours, theirs = twins(name, shape)
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    opened = keras.saving.load_model(tmp_path / "ours.keras", custom_objects=THEIRS)
    assert_close(answers(opened, inputs), answers(ours, inputs))
    for path in ("ours.keras", "theirs.keras"):
        back = builder.load_model(tmp_path / path, custom_objects=OURS)
        assert type(back) is OURS[name]
        assert_close(answers(back, inputs), answers(ours, inputs), 0)


@each
def test_it_is_exported_under_the_names_of_its_inputs(name: str, tmp_path: Path) -> None:
    shape, inputs = SAMPLES[name]
    ours, _ = twins(name, shape)
    ours.export(tmp_path / "class.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "class.onnx", providers=["CPUExecutionProvider"])
    named = inputs if isinstance(inputs, dict) else {"x" if name == "Ends" else "inputs": inputs}
    assert {given.name for given in session.get_inputs()} == named.keys()
    assert_close(sorted_by_size(session.run(None, named)), sorted_by_size(answers(ours, inputs)))


def sorted_by_size(arrays: Any) -> Any:
    return sorted(arrays, key=lambda array: float(array.sum()))


def test_a_model_that_was_never_called_says_how_to_build_it(tmp_path: Path) -> None:
    model = OURS["Net"](name="net")
    for act in (lambda: model.export(tmp_path / "net.onnx"), lambda: model.inputs, model.graph):
        with pytest.raises(NotBuiltError, match=r"Model 'net' has no defined .* yet.*model\.build\(\(None, 4\)\)"):
            act()
    assert not model.built
    assert not hasattr(model, "output_shape")
    with pytest.raises(NetworkError, match=r"model\.build\(\(None, 4\)\)"):
        model.build()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda model: model.build((None, 4)), id="a shape"),
        pytest.param(lambda model: model(DATA), id="arrays"),
        pytest.param(lambda model: model(builder.Input((4,))), id="a symbol"),
        pytest.param(lambda model: model.predict(DATA), id="predict"),
    ],
)
def test_what_it_is_called_on_is_known_once_it_was_built(build: Any) -> None:
    model = OURS["Net"]()
    build(model)
    assert model.built
    assert (model.input_shape, model.output_shape) == ((None, 4), (None, 2))
    assert model.get_build_config() == {"input_shape": (None, 4)}
    assert len(model.weights) == 28


def test_a_call_that_fails_leaves_a_model_unbuilt() -> None:
    model = OURS["Pair"]()
    with pytest.raises(KeyError):
        model.build({"a": (None, 4)})
    assert not model.built
    model.build({"a": (None, 4), "b": (None, 3)})
    assert model.built


def test_a_class_is_a_layer_of_a_network(tmp_path: Path) -> None:
    ours, theirs = (network(k, own["Net"](name="net")) for k, own in ((builder, OURS), (keras, THEIRS)))
    theirs.set_weights(scatter_weights(ours).get_weights())
    assert_close(answers(ours, DATA), answers(theirs, DATA))
    ours.save(tmp_path / "ours.keras")
    assert_close(answers(keras.saving.load_model(tmp_path / "ours.keras", custom_objects=THEIRS), DATA), answers(ours, DATA))


def network(k: Any, inner: Any) -> Any:
    x = k.Input((4,), name="x")
    return k.Model(x, k.layers.Dense(1, name="after")(inner(x)), name="outer")


def test_the_summary_has_the_shapes_of_what_is_inside(capsys: pytest.CaptureFixture[str]) -> None:
    model = OURS["Net"](name="net")
    model.build((None, 4))
    model.summary()
    shown = capsys.readouterr().out
    assert 'Model: "net"' in shown
    assert "(None, 6)" in shown
    assert "?" not in shown


def test_several_arguments_have_their_own_names(tmp_path: Path) -> None:
    class Two(builder.Model):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.dense = builder.layers.Dense(3)

        def call(self, a: Any, others: Any = None, scale: float = 1.0) -> Any:
            return [self.dense(a) * scale, *others]

    model = Two()
    model.build(a_shape=(None, 4), others_shape=[(None, 2), (None, 1)])
    assert model.get_build_config() == {"shapes_dict": {"a_shape": (None, 4), "others_shape": [(None, 2), (None, 1)]}}
    report = model.export(tmp_path / "two.onnx")
    assert [name for name, _ in report.inputs] == ["a", "others_0", "others_1"]
    assert [name for name, _ in report.outputs] == ["output_0", "output_1", "output_2"]
    found = model(DATA, others=[DATA[:, :2], DATA[:, :1]], scale=2.0)
    np.testing.assert_allclose(found[0], 2 * model(DATA, [DATA[:, :2], DATA[:, :1]])[0], rtol=1e-6)
    model.save(tmp_path / "two.keras")
    again = builder.load_model(tmp_path / "two.keras", custom_objects={"Two": Two})
    assert_close(again(DATA, [DATA[:, :2], DATA[:, :1]], scale=2.0), found, 0)


def test_a_build_of_ones_own_is_enough() -> None:
    class Own(builder.Model):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.dense = builder.layers.Dense(3)

        def build(self, input_shape: Any) -> None:  # type: ignore[override]
            self.dense.build(input_shape)

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    model = Own()
    model.build((None, 4))
    assert model.count_params() == 15
    assert model.output_shape == (None, 3)


def test_the_functional_idiom_makes_a_functional_model_of_that_class() -> None:
    for k, own in ((builder, OURS), (keras, THEIRS)):
        model = own["Ends"](units=5)
        assert isinstance(model, k.Functional if k is builder else k.src.models.functional.Functional)
        assert type(model) is own["Ends"]
        assert [layer.name for layer in model.layers] == ["x", "inside", "last"]
        again = own["Ends"].from_config(model.get_config())
        assert again.get_layer("inside").units == 5


def test_a_class_that_takes_ends_comes_back_from_the_config_of_its_graph() -> None:
    class Plain(builder.Model):
        pass

    x = builder.Input((4,), name="x")
    model = Plain(inputs=x, outputs=builder.layers.Dense(2, name="d")(x), name="plain")
    again = Plain.from_config(model.get_config())
    assert type(again) is Plain
    assert [layer.name for layer in again.layers] == ["x", "d"]


def test_a_constructor_without_a_name_still_comes_back_by_its_name(tmp_path: Path) -> None:
    class Bare(builder.layers.Layer):
        def __init__(self) -> None:
            super().__init__()

        def call(self, inputs: Any) -> Any:
            return inputs * 2

    x = builder.Input((4,), name="x")
    model = builder.Model(x, Bare()(x))
    model.save(tmp_path / "bare.keras")
    again = builder.load_model(tmp_path / "bare.keras", custom_objects={"Bare": Bare})
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]


def test_a_layer_of_several_inputs_is_built_for_each(tmp_path: Path) -> None:
    def mixing(k: Any) -> type[Any]:
        class Mixing(k.layers.Layer):  # type: ignore[misc]
            def build(self, query_shape: Any, value_shape: Any = None) -> None:
                self.a = self.add_weight(shape=(query_shape[-1], 3), name="a")
                self.b = self.add_weight(shape=(value_shape[-1], 3), name="b")

            def call(self, query: Any, value: Any = None) -> Any:
                return k.ops.matmul(query, self.a) + k.ops.matmul(value, self.b)

        return Mixing

    def build(k: Any) -> Any:
        x, y = k.Input((4,), name="x"), k.Input((2,), name="y")
        return k.Model([x, y], mixing(k)(name="mixing")(x, value=y))

    ours, theirs = scatter_weights(build(builder)), build(keras)
    theirs.set_weights(ours.get_weights())
    inputs = [DATA, DATA[:, :2]]
    assert_close(answers(ours, inputs), answers(theirs, inputs))
    mixed = ours.get_layer("mixing")
    assert mixed.get_build_config() == {"shapes_dict": {"query_shape": (None, 4), "value_shape": (None, 2)}}
    again = type(mixed).from_config(mixed.get_config())
    again.build_from_config(mixed.get_build_config())
    assert [weight.shape for weight in again.weights] == [(4, 3), (2, 3)]
    assert mixed.compute_output_shape((7, 4), (7, 2)) == (7, 3)
    spec = mixed.compute_output_spec(builder.Input((4,)), value=builder.Input((2,)))
    assert (spec.shape, spec.dtype) == ((None, 3), "float32")


def test_what_training_code_calls_does_not_crash_and_is_not_believed() -> None:
    class Watched(builder.layers.Layer):
        def call(self, inputs: Any) -> Any:
            self.add_loss(builder.ops.mean(inputs))
            self.add_metric(inputs, name="watched")
            return inputs

    x = builder.Input((4,))
    model = builder.Model(x, Watched()(x), name="watched")
    with pytest.warns(UserWarning, match=r"model 'watched': compile\(\) has no effect, since this package only does inference"):
        model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    for act in (model.fit, model.evaluate, model.train_on_batch):
        with pytest.raises(UnsupportedError, match=r"model 'watched' cannot be trained here.*train it in Keras"):
            act(DATA, DATA)
    assert model.variables == model.trainable_variables == model.non_trainable_variables == []


# The names that `import builder as keras` is asked for.


def test_keras_names_are_here_under_their_paths() -> None:
    paths = [
        *("Sequential", "Model", "Input", "Layer", "InputSpec", "KerasTensor", "Variable", "DTypePolicy", "Initializer"),
        *(f"models.{name}" for name in ("Sequential", "Model", "clone_model", "load_model", "save_model", "model_from_json")),
        *(f"saving.{name}" for name in ("load_model", "save_model", "register_keras_serializable", "custom_object_scope")),
        *(f"saving.{name}" for name in ("CustomObjectScope", "get_custom_objects", "get_registered_name", "get_registered_object")),
        *(f"saving.{name}" for name in ("serialize_keras_object", "deserialize_keras_object")),
        *(f"utils.{name}" for name in builder.utils.__all__),
        *(f"backend.{name}" for name in builder.backend.__all__),
        *(f"config.{name}" for name in builder.config.__all__ if name != "DTypePolicy"),
        *(f"mixed_precision.{name}" for name in builder.mixed_precision.__all__),
        *("initializers.GlorotUniform", "activations.relu"),
    ]
    for package in (builder, keras):
        for path in paths:
            item: Any = package
            for name in path.split("."):
                item = getattr(item, name, None)
            assert item is not None, f"{package.__name__}.{path}"


def test_the_image_format_is_that_of_layers_that_are_given_none() -> None:
    builder.config.set_image_data_format("channels_first")
    try:
        assert builder.backend.image_data_format() == "channels_first"
        assert builder.layers.Conv2D(2, 3).data_format == "channels_first"
        assert builder.layers.Conv2D(2, 3, data_format="channels_last").data_format == "channels_last"
    finally:
        builder.config.set_image_data_format("channels_last")
    with pytest.raises(NetworkError, match="must be 'channels_first' or 'channels_last'"):
        builder.config.set_image_data_format("channels")


@pytest.mark.parametrize("room", ["regularizers", "constraints"])
def test_what_training_would_heed_goes_to_keras_in_the_config(room: str, tmp_path: Path) -> None:
    ours, theirs = getattr(builder, room), getattr(keras, room)
    for name in (name for name in ours.__all__ if name not in ("Regularizer", "Constraint")):
        layer = builder.layers.Dense(2, **{f"kernel_{room[:-1]}": getattr(ours, name)()})
        model = builder.Sequential([builder.Input((4,)), layer])
        model.save(tmp_path / "model.keras")
        found = getattr(keras.saving.load_model(tmp_path / "model.keras").layers[0], f"kernel_{room[:-1]}")
        assert type(found) is getattr(theirs, name)
        assert found.get_config() == getattr(theirs, name)().get_config()
        assert builder.load_model(tmp_path / "model.keras").to_json() == model.to_json()


def test_a_seed_makes_the_same_weights_again() -> None:
    def weights(seed: int) -> Any:
        builder.utils.set_random_seed(seed)
        return [array for _ in range(2) for array in builder.Sequential([builder.Input((4,)), builder.layers.Dense(3)]).get_weights()]

    first, again, other = weights(7), weights(7), weights(8)
    assert_close(again, first, 0)
    assert not np.array_equal(first[0], first[2])
    assert not np.array_equal(first[0], other[0])


def test_names_are_counted_from_the_start_after_a_session_is_cleared() -> None:
    builder.utils.clear_session()
    assert [builder.layers.Dense(1).name for _ in range(2)] == ["dense", "dense_1"]
    builder.backend.clear_session()
    assert builder.layers.Dense(1).name == "dense"


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(lambda k: k.layers.Dense(3, activation="relu", name="d"), id="a layer"),
        pytest.param(lambda k: k.initializers.HeNormal(seed=3), id="an initializer"),
        pytest.param(lambda k: [1, "two", {"three": None}, k.layers.ReLU(name="r")], id="a structure"),
    ],
)
def test_objects_are_plain_data_and_back(item: Any) -> None:
    saved = builder.saving.serialize_keras_object(item(builder))
    again = builder.saving.deserialize_keras_object(saved)
    assert builder.saving.serialize_keras_object(again) == saved
    theirs = keras.saving.deserialize_keras_object(saved)
    back = builder.saving.deserialize_keras_object(keras.saving.serialize_keras_object(theirs))
    assert type(back).__name__ == type(again).__name__


def test_what_is_put_among_the_custom_objects_is_known() -> None:
    registered = builder.saving.get_custom_objects()
    registered["Shout"] = builder.ops.abs
    try:
        assert builder.layers.Dense(2, activation="Shout").activation is builder.ops.abs
        assert builder.saving.get_registered_object("Shout") is builder.ops.abs
    finally:
        del registered["Shout"]
    assert builder.saving.get_registered_name(builder.layers.Dense) == "Dense"
