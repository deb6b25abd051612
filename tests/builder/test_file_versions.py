"""A file opens whatever version of Keras wrote it, and answers as it did there.

The files in goldens/files are those of other versions than the one that is installed, with inputs and the answers that the
version itself gave to them; the two scripts beside them made them. What is older still is written here by hand.
"""

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

import builder
from builder import ops
from builder.errors import HornbeamError, ModelFileError, UnsupportedError
from builder.graph import Array
from builder.keras_file import keras2, keras3, tensorflow
from builder.ops.operation import function_of_class
from tests.builder.networks import answers, assert_close, sample, scatter_weights

FILES = Path(__file__).parent / "goldens" / "files"
OF_VERSIONS = {
    "Keras 3.0, a zip file": ("keras_3_0_5.keras", "keras_3_0_5"),
    "Keras 3.3, a zip file": ("keras_3_3_3.keras", "keras_3_3_3"),
    "Keras 3.3, a legacy file": ("keras_3_3_3.h5", "keras_3_3_3"),
    "Keras 3.6, a zip file": ("keras_3_6_0.keras", "keras_3_6_0"),
    "Keras 3.10, a zip file": ("keras_3_10_0.keras", "keras_3_10_0"),
    "Keras 3.10, a directory": ("keras_3_10_0_directory", "keras_3_10_0"),
    **{
        f"Keras 2, {name}, a {kind} file": (f"tf_{name}.{ending}", f"tf_{name}")
        for name in ("attention", "dense", "images", "nested", "recurrent", "shared")
        for kind, ending in (("zip", "keras"), ("legacy", "h5"))
    },
    "Keras 2, functions of TensorFlow": ("tf_functions.h5", "tf_functions"),
    "Keras 2, each function of TensorFlow": ("tf_table.h5", "tf_table"),
}


@pytest.mark.parametrize(("file", "golden"), OF_VERSIONS.values(), ids=OF_VERSIONS)
def test_a_file_of_another_version_answers_as_it_did_there(file: str, golden: str) -> None:
    given, expected = recorded(golden)
    model = builder.load_model(FILES / file)
    found = model.predict(given if len(given) > 1 else given[0])
    assert_close(found if isinstance(found, list) else [found], expected)


def recorded(golden: str) -> tuple[list[Array], list[Array]]:
    """The inputs and answers beside a file."""
    with np.load(FILES / f"{golden}.npz") as arrays:
        inputs, outputs = ([arrays[f"{kind}{index}"] for index in range(sum(name[0] == kind for name in arrays))] for kind in "xy")
    return inputs, outputs


def test_a_model_says_which_version_it_is_from() -> None:
    sources = [builder.load_model(FILES / name).source for name in ("tf_dense.h5", "tf_dense.keras", "keras_3_10_0_directory")]
    assert [source and source.keras_version for source in sources] == ["2.21.0", "2.21.0", "3.10.0"]
    assert len({source.sha256 for source in sources if source}) == 3


def test_a_directory_is_another_when_any_of_its_members_is(tmp_path: Path) -> None:
    shutil.copytree(FILES / "keras_3_10_0_directory", tmp_path / "copy")
    first = builder.load_model(tmp_path / "copy").source
    metadata = tmp_path / "copy" / "metadata.json"
    metadata.write_text(metadata.read_text() + " ")
    second = builder.load_model(tmp_path / "copy").source
    assert first is not None
    assert second is not None
    assert first.sha256 != second.sha256


def test_a_model_of_keras_2_can_be_written_down_in_the_form_of_keras_3() -> None:
    given, expected = recorded("tf_nested")
    model = builder.load_model(FILES / "tf_nested.h5")
    again = type(model).from_config(model.get_config())
    again.set_weights(model.get_weights())
    assert_close(again.predict(given), expected)


def test_weights_under_the_names_of_keras_2_12(tmp_path: Path) -> None:
    """Its `.keras` files call the layers of a network something else, and say where a class was then."""
    with zipfile.ZipFile(FILES / "tf_nested.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    buffer = io.BytesIO(members["model.weights.h5"])
    with h5py.File(buffer, "r+") as file:
        inner = [
            name
            for name in ("layers/functional/layers/sequential", "layers/functional", "layers/sequential", "")
            if name in file or not name
        ]
        for name in inner:
            file.move(f"{name}/layers", f"{name}/_layer_checkpoint_dependencies")
    config = members["config.json"].replace(b"tf_keras.src.engine", b"keras.engine")
    with zipfile.ZipFile(tmp_path / "old.keras", "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("metadata.json", '{"keras_version": "2.12.0"}')
        archive.writestr("model.weights.h5", buffer.getvalue())
    given, expected = recorded("tf_nested")
    assert_close(builder.load_model(tmp_path / "old.keras").predict(given), expected)


def test_lists_in_lists_of_layers_are_containers(tmp_path: Path) -> None:
    """Since Keras 3.15; a row of them has no name of its own."""

    class Theirs(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.rows = [[keras.layers.Dense(3), keras.layers.Dense(3)], [keras.layers.Dense(3)]]

        def call(self, x: Any) -> Any:
            for row in self.rows:
                for layer in row:
                    x = layer(x)
            return x

    class Ours(builder.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.rows = [[builder.layers.Dense(3), builder.layers.Dense(3)], [builder.layers.Dense(3)]]

        def call(self, x: Any) -> Any:
            for row in self.rows:
                for layer in row:
                    x = layer(x)
            return x

    theirs = scatter_weights(keras.Sequential([keras.Input((3,)), Theirs()]))
    theirs.save_weights(tmp_path / "rows.weights.h5")
    ours = builder.Sequential([builder.Input((3,)), Ours(name="theirs")])
    path = tmp_path / "rows.weights.h5"
    with h5py.File(path, "r+") as file:
        file.move("layers/theirs", "layers/ours")
    ours.load_weights(path)
    assert_close(answers(ours, sample(theirs)), answers(theirs, sample(theirs)))


# Functions of TensorFlow.


def test_every_function_of_tensorflow_is_called_in_a_file_or_is_the_same_as_one_that_is() -> None:
    called = set()
    for name in ("tf_functions.h5", "tf_table.h5"):
        with h5py.File(FILES / name) as file:
            layers = json.loads(file.attrs["model_config"])["config"]["layers"]
        called |= {layer["config"].get("function") for layer in layers}
    other_names = {  # in other versions of TensorFlow, of rows that are called under the newest name
        *("gather", "pad", "squeeze", "transpose", "linalg.l2_normalize", "nn.l2_normalize", "nn.sigmoid", "nn.softplus", "nn.swish"),
        *("nn.tanh", "nn.top_k", "math.divide", "math.floordiv", "math.scalar_mul"),
    }
    assert tensorflow.FUNCTIONS.keys() - called == other_names


def tensorflow_call(function: str, **arguments: Any) -> dict[str, Any]:
    name = f"tf.{function}"
    nodes = [["x", 0, 0, arguments]]
    return {"class_name": "TFOpLambda", "config": {"name": name, "function": function}, "name": name, "inbound_nodes": nodes}


def old_functional(layers: list[dict[str, Any]], outputs: list[list[Any]]) -> dict[str, Any]:
    entry = {"class_name": "InputLayer", "config": {"name": "x", "batch_input_shape": [None, 4]}, "name": "x", "inbound_nodes": []}
    inner = {"name": "net", "layers": [entry, *layers], "input_layers": [["x", 0, 0]], "output_layers": outputs}
    return {"class_name": "Model", "config": inner}


def test_functions_of_tensorflow_without_a_counterpart_are_all_named(tmp_path: Path) -> None:
    calls = [
        tensorflow_call("signal.fft"),
        tensorflow_call("reshape", shape=[["tf.signal.fft", 0, 0], 2]),
        tensorflow_call("math.cumsum", reverse=True),
        tensorflow_call("clip_by_norm", clip_norm=1.0),
    ]
    path = legacy(tmp_path, old_functional(calls, [[call["name"], 0, 0] for call in calls]), {})
    with pytest.raises(UnsupportedError) as caught:
        builder.load_model(path)
    text = str(caught.value)
    assert "4 problems" in text
    assert "'net/tf.signal.fft' is a call of TensorFlow's signal.fft, which has no counterpart here" in text
    assert "math.cumsum with arguments that are not supported: reverse" in text
    assert "a shape that is computed" in text


# By hand: what Keras wrote before there was a TensorFlow that still runs.


def legacy(tmp_path: Path, config: Any, weights: dict[str, dict[str, Array]], version: str | None = "2.2.4", **attributes: Any) -> Path:
    """A legacy file of those weights by layer and name."""
    path = tmp_path / "legacy.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config).encode()
        write_weights(file.create_group("model_weights"), weights, version, attributes)
        if version is not None:
            file.attrs["keras_version"] = version
    return path


def write_weights(group: Any, weights: dict[str, dict[str, Array]], version: str | None, attributes: dict[str, Any]) -> None:
    for name, value in {"layer_names": [name.encode() for name in weights], "backend": "tensorflow", **attributes}.items():
        group.attrs[name] = value
    if version is not None:
        group.attrs["keras_version"] = version
    for layer, arrays in weights.items():
        inner = group.create_group(layer)
        inner.attrs["weight_names"] = [name.encode() for name in arrays]
        for name, array in arrays.items():
            inner.create_dataset(name, data=array)


def arrays_of(*shapes: tuple[int, ...], seed: int = 0) -> list[Array]:
    generator = np.random.default_rng(seed)
    return [generator.normal(scale=0.8, size=shape).astype(np.float32) for shape in shapes]


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def hard_sigmoid(x: Array) -> Array:
    return np.clip(0.2 * x + 0.5, 0, 1)


def old_layer(class_name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": config}


def test_a_bare_list_of_layers_the_first_with_the_shape_and_the_old_hard_sigmoid(tmp_path: Path) -> None:
    """Keras 3 refuses the list, makes the shape another, and takes hard_sigmoid for its own: 0.2 x + 0.5 it was."""
    kernel, recurrent, bias, dense, offset = arrays_of((3, 16), (4, 16), (16,), (4, 2), (2,))
    lstm = {"name": "lstm_1", "units": 4, "activation": "tanh", "recurrent_activation": "hard_sigmoid", "batch_input_shape": [None, 5, 3]}
    extra = {"implementation": 1, "dropout": 0.0, "unit_forget_bias": True, "trainable": True, "stateful": False, "dtype": "float32"}
    layers = [old_layer("LSTM", **lstm, **extra), old_layer("Dense", name="dense_1", units=2, activation="hard_sigmoid", use_bias=True)]
    weights = {
        "lstm_1": {"lstm_1/kernel:0": kernel, "lstm_1/recurrent_kernel:0": recurrent, "lstm_1/bias:0": bias},
        "dense_1": {"dense_1/kernel:0": dense, "dense_1/bias:0": offset},
    }
    model = builder.load_model(legacy(tmp_path, {"class_name": "Sequential", "config": layers}, weights))
    (x,) = arrays_of((2, 5, 3), seed=1)
    h = c = np.zeros((2, 4), np.float32)
    for step in range(5):
        i, f, g, o = np.split(x[:, step] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = hard_sigmoid(f) * c + hard_sigmoid(i) * np.tanh(g)
        h = hard_sigmoid(o) * np.tanh(c)
    assert model.input_shape == (None, 5, 3)
    assert_close([model.predict(x)], [hard_sigmoid(h @ dense + offset)])


@pytest.mark.parametrize("two_biases", [False, True], ids=["one bias", "two biases"])
def test_a_gru_that_does_not_say_when_it_resets_is_known_by_its_bias(tmp_path: Path, two_biases: bool) -> None:
    kernel, recurrent, bias = arrays_of((3, 12), (4, 12), (2, 12) if two_biases else (12,))
    gru = {"name": "gru_1", "units": 4, "activation": "tanh", "recurrent_activation": "sigmoid", "batch_input_shape": [None, 5, 3]}
    weights = {"gru_1": {"gru_1/kernel:0": kernel, "gru_1/recurrent_kernel:0": recurrent, "gru_1/bias:0": bias}}
    config = {"class_name": "Sequential", "config": {"name": "net", "layers": [old_layer("GRU", **gru)]}}
    model = builder.load_model(legacy(tmp_path, config, weights))
    assert model.layers[0].get_config()["reset_after"] is two_biases
    (x,) = arrays_of((2, 5, 3), seed=1)
    h = np.zeros((2, 4), np.float32)
    own, inner = (bias[0], bias[1]) if two_biases else (bias, np.zeros(12, np.float32))
    for step in range(5):
        xz, xr, xh = np.split(x[:, step] @ kernel + own, 3, axis=1)
        hz, hr, hh = np.split(h @ recurrent + inner, 3, axis=1)
        z, r = sigmoid(xz + hz), sigmoid(xr + hr)
        candidate = np.tanh(xh + (r * hh if two_biases else (r * h) @ recurrent[:, 8:]))
        h = z * h + (1 - z) * candidate
    assert_close([model.predict(x)], [h])


def test_the_old_hard_sigmoid_stays_what_it_was_in_every_copy(tmp_path: Path) -> None:
    kernel, bias = arrays_of((4, 3), (3,))
    layer = old_layer("Dense", name="d", units=3, activation="hard_sigmoid", batch_input_shape=[None, 4])
    weights = {"d": {"d/kernel:0": kernel, "d/bias:0": bias}}
    model = builder.load_model(legacy(tmp_path, {"class_name": "Sequential", "config": {"name": "net", "layers": [layer]}}, weights))
    saved = model.get_config()
    assert saved["layers"][1]["config"]["activation"] == "keras2>hard_sigmoid"
    copy = builder.Sequential.from_config(saved)
    copy.set_weights(model.get_weights())
    (x,) = arrays_of((5, 4), seed=2)
    assert_close([copy.predict(x)], [hard_sigmoid(x @ kernel + bias)])
    with pytest.raises(TypeError, match="keras2>hard_sigmoid"):
        keras.Sequential.from_config(saved)  # a clear refusal, where the plain name would be a silent difference


def test_names_that_are_too_long_for_one_attribute_are_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "parts.h5"
    shutil.copy(FILES / "tf_dense.h5", path)
    with h5py.File(path, "r+") as file:
        group = file["model_weights"]
        for node, name in ((group, "layer_names"), (group["norm"], "weight_names")):
            whole = node.attrs[name]
            del node.attrs[name]
            for index, part in enumerate(np.array_split(np.asarray(whole, dtype="S"), 3)):
                node.attrs[f"{name}{index}"] = part
    given, expected = recorded("tf_dense")
    assert_close([builder.load_model(path).predict(given[0])], expected)


def test_slashes_in_the_names_of_old_layers_become_part_of_the_name(tmp_path: Path) -> None:
    kernel, bias = arrays_of((4, 3), (3,))
    dense = {**old_layer("Dense", name="block/dense", units=3), "name": "block/dense", "inbound_nodes": [[["x", 0, 0, {}]]]}
    weights = {"x": {}, "block/dense": {"block/dense/kernel:0": kernel, "block/dense/bias:0": bias}}
    model = builder.load_model(legacy(tmp_path, old_functional([dense], [["block/dense", 0, 0]]), weights))
    (x,) = arrays_of((2, 4), seed=1)
    assert [layer.name for layer in model.layers] == ["x", "block_dense"]
    assert_close([model.predict(x)], [x @ kernel + bias])


def test_tuples_and_arrays_in_the_old_forms(tmp_path: Path) -> None:
    shape = {"class_name": "__tuple__", "items": [None, 4]}
    layers = [
        old_layer("ReLU", name="r", batch_input_shape=shape, max_value={"type": "ndarray", "value": 1.0}, negative_slope=0.0),
        old_layer("LeakyReLU", name="l", alpha={"type": "numpy.ndarray", "value": 0.5}),
    ]
    model = builder.load_model(
        legacy(tmp_path, {"class_name": "Sequential", "config": {"name": "n", "layers": layers}}, {"r": {}, "l": {}})
    )
    x = np.array([[-2, 0.5, 2, 7]], np.float32)
    assert_close([model.predict(x)], [np.array([[0, 0.5, 1, 1]], np.float32)])


@pytest.mark.parametrize(
    ("version", "attributes", "reason"),
    [
        pytest.param(None, {}, "saved by Keras 1", id="no version"),
        pytest.param("1.2.2", {}, "saved by Keras 1", id="Keras 1"),
        pytest.param("2.1.6", {"backend": "theano"}, "mirrored", id="Theano"),
    ],
)
def test_weights_that_are_laid_out_otherwise_are_refused(tmp_path: Path, version: str | None, attributes: Any, reason: str) -> None:
    kernel, bias = arrays_of((3, 3, 2, 4), (4,))
    layer = old_layer("Conv2D", name="c", filters=4, kernel_size=[3, 3], batch_input_shape=[None, 8, 8, 2])
    config = {"class_name": "Sequential", "config": {"name": "net", "layers": [layer]}}
    path = legacy(tmp_path, config, {"c": {"c/kernel:0": kernel, "c/bias:0": bias}}, version, **attributes)
    with pytest.raises(ModelFileError, match=reason):
        builder.load_model(path)


def test_a_lambda_and_a_custom_class_of_keras_2_are_refused_together(tmp_path: Path) -> None:
    layers = [
        old_layer("Lambda", name="code", function=["4wAAAA==", None, None], function_type="lambda", batch_input_shape=[None, 4]),
        old_layer("Bidirectional", name="both", layer=old_layer("CuDNNLSTM", name="fast", units=3)),
        {"class_name": "Custom>Mine", "config": {"name": "mine"}, "module": "builtins", "registered_name": "Custom>Mine"},
    ]
    path = legacy(tmp_path, {"class_name": "Sequential", "config": {"name": "net", "layers": layers}}, {})
    with pytest.raises(UnsupportedError) as caught:
        builder.load_model(path)
    found = [part in str(caught.value) for part in ("3 problems", "'net/code' is a Lambda", "'net/both/fast' is a CuDNNLSTM", "'net/mine'")]
    assert found == [True] * 4


def test_a_custom_layer_of_keras_2_is_taken_from_the_caller(tmp_path: Path) -> None:
    class Twice(builder.Layer):
        def call(self, inputs: Any) -> Any:
            return ops.multiply(inputs, 2.0)

    layer = old_layer("Twice", name="t", batch_input_shape=[None, 4], trainable=True, dtype="float32")
    path = legacy(tmp_path, {"class_name": "Sequential", "config": {"name": "net", "layers": [layer]}}, {"t": {}})
    model = builder.load_model(path, custom_objects={"Twice": Twice})
    assert_close([model.predict(np.ones((1, 4), np.float32))], [np.full((1, 4), 2, np.float32)])


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        pytest.param([[["x", 0, 0, {}]]], {"args": ["x"], "kwargs": {}}, id="one tensor"),
        pytest.param([["x", 0, 0, {}]], {"args": ["x"], "kwargs": {}}, id="one tensor, not in a list"),
        pytest.param([[["x", 0, 0, {}], ["y", 0, 0, {}]]], {"args": [["x", "y"]], "kwargs": {}}, id="several tensors"),
        pytest.param([[["x", 0, 0, {"mask": None, "training": False}]]], {"args": ["x"], "kwargs": {"training": False}}, id="flags"),
        pytest.param([[["x", 0, 0, {"value": ["y", 0, 0]}]]], {"args": ["x"], "kwargs": {"value": "y"}}, id="a tensor by keyword"),
        pytest.param(
            [{"q": ["x", 0, 0, {}], "v": ["y", 0, 0, {}]}], {"args": [{"q": "x", "v": "y"}], "kwargs": {}}, id="a dict of tensors"
        ),
    ],
)
def test_an_old_call_in_the_new_form(nodes: Any, expected: Any) -> None:
    other = {"class_name": "InputLayer", "config": {"name": "y", "batch_input_shape": [None, 4]}, "name": "y", "inbound_nodes": []}
    layer = {"class_name": "Dense", "config": {"name": "d", "units": 2}, "name": "d", "inbound_nodes": nodes}
    config, problems = keras2.converted(old_functional([other, layer], [["d", 0, 0]]), {})

    def short(value: Any) -> Any:
        match value:
            case {"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}}:
                return name
            case dict():
                return {key: short(item) for key, item in value.items()}
            case list():
                return [short(item) for item in value]
            case _:
                return value

    assert problems == []
    assert short(config["config"]["layers"][-1]["inbound_nodes"]) == [expected]


def test_what_is_off_and_not_known_is_left_out_and_what_is_on_is_refused_by_name(tmp_path: Path) -> None:
    layer = old_layer("Dense", name="d", units=2, some_day=None, another=False)
    assert keras3.converted(layer)["config"] == {"name": "d", "units": 2}
    on = keras3.converted(old_layer("Dense", name="d", units=2, some_day=3))
    with pytest.raises(HornbeamError, match="some_day"):
        builder.saving.deserialize(on)


@pytest.mark.parametrize("name", ["Multiply", "GetItem", "Concatenate"])
def test_a_function_that_an_h5_file_does_not_call_one_is_known_for_one(name: str) -> None:
    bare = {"class_name": name, "config": {"name": "f"}, "name": "f", "inbound_nodes": []}
    assert function_of_class(name) is not None
    assert keras3.converted(bare)["module"] == "keras.src.ops.numpy"
    layer = {**bare, "config": {"name": "f", "trainable": True, "dtype": "float32"}}
    assert "module" not in keras3.converted(layer)


# Weights alone.


def test_weights_in_shards_are_put_together() -> None:
    model = builder.load_model(FILES / "keras_3_10_0.keras")
    expected = model.get_weights()
    for weight in model.weights:
        weight.assign(np.zeros(weight.shape))
    model.load_weights(FILES / "keras_3_10_0.weights.json")
    for found, wanted in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_weights_of_both_forms_of_keras_2_are_the_same() -> None:
    model = builder.load_model(FILES / "tf_dense.h5")
    before = model.get_weights()
    model.load_weights(FILES / "tf_dense.weights.h5")
    first = model.get_weights()
    model.set_weights(before)
    model.load_weights(FILES / "tf_dense_weights.h5")
    assert not np.array_equal(first[0], before[0])
    for found, wanted in zip(model.get_weights(), first, strict=True):
        np.testing.assert_array_equal(found, wanted)


def small(prefix: str = "") -> Any:
    x = builder.Input((4,), name="x")
    inner = builder.Sequential([builder.Input((3,)), builder.layers.Dense(2, name=f"{prefix}b")], name=f"{prefix}inner")
    return builder.Model(x, inner(builder.layers.Dense(3, name=f"{prefix}a")(x)), name="small")


NUMBERS = arrays_of((4, 3), (3,), (3, 2), (2,), seed=5)


def test_weights_of_keras_itself_load(tmp_path: Path) -> None:
    theirs = scatter_weights(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.BatchNormalization()]))
    ours = builder.Sequential([builder.Input((4,)), builder.layers.Dense(3), builder.layers.BatchNormalization()])
    theirs.save_weights(tmp_path / "own.weights.h5")
    ours.load_weights(tmp_path / "own.weights.h5")
    assert_close(answers(ours, sample(theirs)), answers(theirs, sample(theirs)))


def safetensors(path: Path, arrays: dict[str, Array], edit: Callable[[dict[str, Any]], Any] = lambda header: None) -> Path:
    header: dict[str, Any] = {"__metadata__": {"format": "np"}}
    numbers = b""
    for name, array in arrays.items():
        data = array.tobytes()
        code = {"float32": "F32", "float16": "F16", "int32": "I32"}[array.dtype.name]
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [len(numbers), len(numbers) + len(data)]}
        numbers += data
    edit(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + numbers)
    return path


def npz(path: Path, arrays: dict[str, Array]) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


BY_PATH = ["layers/dense/vars/0", "layers/dense/vars/1", "layers/sequential/layers/dense/vars/0", "layers/sequential/layers/dense/vars/1"]
BY_NAME = ["a/kernel", "a/bias", "inner/b/kernel", "inner/b/bias"]


@pytest.mark.parametrize("names", [BY_PATH, BY_NAME], ids=["paths", "names"])
@pytest.mark.parametrize("write", [safetensors, npz], ids=["safetensors", "npz"])
def test_arrays_of_other_tools_are_found_by_path_or_by_name(tmp_path: Path, names: list[str], write: Any) -> None:
    model = small()
    model.load_weights(write(tmp_path / f"weights.{write.__name__}", dict(zip(names, NUMBERS, strict=True))))
    for weight, wanted in zip(model.weights, NUMBERS, strict=True):
        np.testing.assert_array_equal(weight.numpy(), wanted)


def test_bfloat16_and_columns_first_are_read_as_they_are_meant(tmp_path: Path) -> None:
    model = small()
    rounded = [array.astype("bfloat16") for array in NUMBERS]
    text = dict(zip(BY_NAME, (array.view("float16") for array in rounded), strict=True))
    path = safetensors(tmp_path / "w.safetensors", text, lambda header: [header[name].update(dtype="BF16") for name in BY_NAME])
    model.load_weights(path)
    np.testing.assert_array_equal(model.weights[0].numpy(), rounded[0].astype("float32"))
    model.load_weights(npz(tmp_path / "w.npz", dict(zip(BY_NAME, map(np.asfortranarray, NUMBERS), strict=True))))
    np.testing.assert_array_equal(model.weights[0].numpy(), NUMBERS[0])


def legacy_weights(path: Path, **rows: list[Array]) -> Path:
    with h5py.File(path, "w") as file:
        names = ("kernel:0", "bias:0")
        write_weights(file, {layer: dict(zip(names, row, strict=False)) for layer, row in rows.items()}, "2.4.0", {})
    return path


def test_a_legacy_file_of_weights_goes_by_order_and_by_name(tmp_path: Path) -> None:
    path = legacy_weights(tmp_path / "w.h5", other=NUMBERS[:2], inner=NUMBERS[2:])
    model = small()
    model.load_weights(path)
    np.testing.assert_array_equal(model.weights[0].numpy(), NUMBERS[0])
    model = small()
    kept = model.weights[0].numpy()
    model.load_weights(path, by_name=True)
    np.testing.assert_array_equal(model.weights[0].numpy(), kept)
    np.testing.assert_array_equal(model.weights[2].numpy(), NUMBERS[2])


def test_nothing_is_assigned_unless_all_of_it_fits(tmp_path: Path) -> None:
    wrong = [NUMBERS[0], NUMBERS[1], NUMBERS[3], NUMBERS[2]]
    files = [
        npz(tmp_path / "w.npz", dict(zip(BY_NAME, wrong, strict=True))),
        safetensors(tmp_path / "w.safetensors", dict(zip(BY_NAME, wrong, strict=True))),
        legacy_weights(tmp_path / "w.h5", a=wrong[:2], inner=wrong[2:]),
    ]
    for path in files:
        model = small()
        before = model.get_weights()
        with pytest.raises(ModelFileError, match="2 problems"):
            model.load_weights(path)
        for found, wanted in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(found, wanted)
        model.load_weights(path, skip_mismatch=True)
        np.testing.assert_array_equal(model.weights[0].numpy(), NUMBERS[0])
        np.testing.assert_array_equal(model.weights[2].numpy(), before[2])


def test_layers_to_skip_are_left_as_they_are(tmp_path: Path) -> None:
    path = npz(tmp_path / "w.npz", dict(zip(BY_NAME[2:], NUMBERS[2:], strict=True)))
    model = small()
    kept = model.weights[0].numpy()
    model.load_weights(path, objects_to_skip=[model.get_layer("a")])
    np.testing.assert_array_equal(model.weights[0].numpy(), kept)
    np.testing.assert_array_equal(model.weights[2].numpy(), NUMBERS[2])


def test_weights_without_a_network_are_no_model() -> None:
    with pytest.raises(ModelFileError, match="holds weights and no network"):
        builder.load_model(FILES / "tf_dense_weights.h5")


def test_weights_by_name_are_only_in_legacy_files(tmp_path: Path) -> None:
    model = builder.load_model(FILES / "tf_dense.h5")
    for name in ("tf_dense.weights.h5", "keras_3_10_0.weights.json"):
        with pytest.raises(ModelFileError, match="legacy"):
            model.load_weights(FILES / name, by_name=True)


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "harm",))

    np.savez(tmp_path / "w.npz", **{"a/kernel": np.array({"0": Harm()}, dtype=object)})  # type: ignore[arg-type]
    with pytest.raises(ModelFileError, match="is a pickle, which can run code"):
        small().load_weights(tmp_path / "w.npz")
    assert not (tmp_path / "harm").exists()


def test_a_model_without_weights_has_nothing_to_load() -> None:
    with pytest.raises(HornbeamError, match="has no weights yet"):
        builder.Sequential([builder.layers.Dense(2)]).load_weights(FILES / "tf_dense.weights.h5")


def test_weights_in_no_known_form_are_refused(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(b"something else")
    with pytest.raises(ModelFileError, match="in no form that is known"):
        small().load_weights(tmp_path / "w.bin")


def test_the_command_takes_every_kind_of_source(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from builder.cli import main

    for name in ("tf_dense.h5", "keras_3_10_0_directory"):
        done = CliRunner().invoke(main, ["export", str(FILES / name), str(tmp_path / "models")])
        assert done.exit_code == 0, done.output
        assert (tmp_path / "models" / name.removesuffix(".h5") / "1" / "model.onnx").exists()
        assert "saved by Keras" in done.output


def test_an_hdf5_file_is_known_by_its_content_and_not_by_its_name(tmp_path: Path) -> None:
    shutil.copy(FILES / "tf_dense.h5", tmp_path / "model.keras")
    given, expected = recorded("tf_dense")
    assert_close([builder.load_model(tmp_path / "model.keras").predict(given[0])], expected)


def test_a_zip_file_holds_plain_arrays_instead_of_an_hdf5_file(tmp_path: Path) -> None:
    shutil.copytree(FILES / "keras_3_10_0_directory", tmp_path / "model")
    arrays: dict[str, Array] = {}
    with h5py.File(tmp_path / "model" / "model.weights.h5") as file:
        file.visititems(lambda name, item: arrays.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    (tmp_path / "model" / "model.weights.h5").unlink()
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    (tmp_path / "model" / "model.weights.npz").write_bytes(buffer.getvalue())
    given, expected = recorded("keras_3_10_0")
    assert_close(builder.load_model(tmp_path / "model").predict(given), expected)
