"""What is saved here opens in real Keras and answers there as here: archives, directories, weights alone, and JSON."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

import builder
from builder.errors import ExportError, ModelFileError, NetworkError, UnsupportedError
from builder.graph import Array
from tests.builder.conftest import Oracle
from tests.builder.networks import Build, answers, assert_close, sample, scatter_weights

DATA = np.random.default_rng(3).normal(size=(3, 4)).astype(np.float32)


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def tree(data: bytes) -> dict[str, Any]:
    """All that an HDF5 file holds: datasets as (dtype, storage, numbers), groups as their attributes."""
    held: dict[str, Any] = {}

    def add(path: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            held[path] = (item.dtype.str, item.chunks, item.compression, item[()].tobytes(), dict(item.attrs))
        else:
            held[path] = {key: value for key, value in item.attrs.items() if not str(value).startswith("input_layer")}

    with h5py.File(io.BytesIO(data), "r") as file:
        file.visititems(add)
    return held


@pytest.fixture
def ours(oracle: Oracle) -> Any:
    """The oracle's network, built here, with its weights."""
    model = oracle.build(builder)
    model.set_weights(oracle.model.get_weights())
    return model


# Whole models.


def test_keras_opens_what_is_saved_here_and_so_do_we(oracle: Oracle, ours: Any, tmp_path: Path) -> None:
    ours.save(tmp_path / "saved.keras")
    assert_close(answers(keras.saving.load_model(tmp_path / "saved.keras"), oracle.inputs), oracle.answers, 1e-6)
    opened = builder.load_model(tmp_path / "saved.keras")
    assert_close(answers(opened, oracle.inputs), answers(ours, oracle.inputs), 0)
    opened.save(tmp_path / "again.keras")
    assert (tmp_path / "again.keras").read_bytes() == (tmp_path / "saved.keras").read_bytes()


def test_the_weights_lie_where_keras_puts_them(oracle: Oracle, ours: Any, tmp_path: Path) -> None:
    ours.save(tmp_path / "saved.keras")
    found, expected = members(tmp_path / "saved.keras"), members(oracle.path)
    assert list(found) == list(expected)
    assert tree(found["model.weights.h5"]) == tree(expected["model.weights.h5"])


def heads(k: Any) -> Any:
    """A layer that is in two nested models, which Keras itself can open when the file says so both times."""
    shared = k.layers.Dense(3, name="shared")
    x = k.Input((4,), name="x")
    left = k.Sequential([k.Input((4,), name="left_in"), shared, k.layers.ReLU(name="relu")], name="left")
    right = k.Sequential([k.Input((4,), name="right_in"), shared, k.layers.Dense(3, name="more")], name="right")
    return k.Model(x, k.layers.Add(name="sum")([left(x), right(x)]), name="heads")


def mixed(k: Any) -> Any:
    x = k.Input((4,), name="x")
    y = k.layers.Dense(8, activation="gelu", dtype="mixed_float16", name="half")(x)
    return k.Model(x, k.layers.Dense(2, dtype="float32", name="whole")(y), name="mixed")


def functions(k: Any) -> Any:
    """Functions of `ops` and operators between layers: slices, lists, fixed arguments, an array."""
    x = k.Input((4,), name="x")
    y = k.layers.Dense(6, name="dense")(x)
    z = k.ops.concatenate([y[:, 1:3], k.ops.relu(-y) ** 2], axis=-1)
    z = k.ops.where(z > 0.1, z, k.ops.mean(z, axis=-1, keepdims=True)) + np.arange(8, dtype=np.float32)
    return k.Model({"x": x}, {"z": z, "parts": [k.ops.softmax(y, axis=-1), y[..., None]]}, name="functions")


def wrapped(k: Any) -> Any:
    x = k.Input((5, 4), name="x")
    inner_in = k.Input((4,), name="inner_in")
    inner = k.Model(inner_in, k.layers.Dense(3, name="inner_dense")(inner_in), name="inner")
    y = k.layers.Bidirectional(k.layers.LSTM(2, return_sequences=True, name="lstm"), name="both")(
        k.layers.TimeDistributed(inner, name="each")(x)
    )
    y = k.layers.RNN([k.layers.GRUCell(3, name="one"), k.layers.LSTMCell(2, name="two")], name="cells")(y)
    return k.Model(x, y, name="wrapped")


def frozen(k: Any) -> Any:
    x = k.Input((4,), name="x")
    base = k.Sequential([k.Input((4,), name="in"), k.layers.Dense(3, name="d"), k.layers.BatchNormalization(name="n")], name="base")
    base.trainable = False
    return k.Model(x, k.layers.Dense(2, name="head")(base(x)), name="frozen")


@pytest.mark.parametrize("build", [heads, mixed, functions, wrapped, frozen])
def test_networks_of_many_kinds_come_back_in_keras(build: Build, tmp_path: Path) -> None:
    ours = scatter_weights(build(builder))
    ours.save(tmp_path / "ours.keras")
    theirs = keras.saving.load_model(tmp_path / "ours.keras")
    inputs = {"x": DATA} if build is functions else sample(ours)
    tolerance = 2e-3 if build is mixed else 1e-5
    assert_close(answers(ours, inputs), answers(theirs, inputs), tolerance)
    opened = builder.load_model(tmp_path / "ours.keras")
    assert_close(answers(opened, inputs), answers(ours, inputs), 0)
    assert len(theirs.weights) == len(opened.weights) == len(ours.weights)
    assert len(theirs.trainable_weights) == len(ours.trainable_weights)


def test_bfloat16_is_written_as_keras_writes_it(tmp_path: Path) -> None:
    def build(k: Any) -> Any:
        return k.Sequential([k.Input((4,), dtype="bfloat16"), k.layers.Dense(3, dtype="bfloat16", name="brain")], name="brains")

    ours = scatter_weights(build(builder))
    theirs = build(keras)
    theirs.set_weights(ours.get_weights())
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    assert tree(members(tmp_path / "ours.keras")["model.weights.h5"]) == tree(members(tmp_path / "theirs.keras")["model.weights.h5"])
    opened = keras.saving.load_model(tmp_path / "ours.keras")
    for found, expected in zip(opened.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_array_equal(found.astype("float32"), expected.astype("float32"))


def test_a_directory_holds_the_same_and_keras_opens_it(tmp_path: Path) -> None:
    model = scatter_weights(mixed(builder))
    model.save(tmp_path / "saved.keras")
    model.save(tmp_path / "saved", zipped=False)
    model.save(tmp_path / "saved", zipped=False)  # over what is there
    files = {path.name: path.read_bytes() for path in (tmp_path / "saved").iterdir()}
    assert files == members(tmp_path / "saved.keras")
    opened = keras.saving.load_model(tmp_path / "saved")
    assert_close(answers(opened, DATA), answers(model, DATA), 2e-3)


def test_the_date_is_fixed_unless_it_is_given(tmp_path: Path) -> None:
    model = mixed(builder)
    model.save(tmp_path / "a.keras")
    model.save(tmp_path / "b.keras", date=datetime(2026, 11, 25, 6, 7, 8))
    dates = [json.loads(members(tmp_path / name)["metadata.json"])["date_saved"] for name in ("a.keras", "b.keras")]
    assert dates == ["1980-01-01@00:00:00", "2026-11-25@06:07:08"]
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


class Worded(builder.layers.Layer):
    """A layer with a file beside its weights."""

    words = b""

    def call(self, inputs: Any) -> Any:
        return inputs

    def save_own_assets(self) -> dict[str, bytes]:
        return {"words.txt": self.words}


def test_what_a_layer_keeps_beside_its_weights_is_among_the_assets(tmp_path: Path) -> None:
    x = builder.Input((4,), name="x")
    first, second = Worded(name="first"), Worded(name="second")
    first.words, second.words = b"one", b"two"
    builder.Model(x, second(first(x))).save(tmp_path / "worded.keras")
    assets = {name: data for name, data in members(tmp_path / "worded.keras").items() if name.startswith("assets/")}
    assert assets == {"assets/layers/worded/words.txt": b"one", "assets/layers/worded_1/words.txt": b"two"}


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        pytest.param("model.h5", {}, r"expected a `.keras` extension.*zipped=False", id="another ending"),
        pytest.param("model.keras", {"zipped": False}, "should not end in `.keras`", id="a directory called a file"),
        pytest.param("model.keras", {"include": 1}, "not supported: \\['include'\\]", id="a novel argument"),
    ],
)
def test_a_path_that_does_not_fit_is_refused(name: str, arguments: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=words):
        mixed(builder).save(tmp_path / name, **arguments)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_that_is_not_to_be(tmp_path: Path) -> None:
    model = mixed(builder)
    model.save(tmp_path / "model.keras", overwrite=False)
    before = (tmp_path / "model.keras").read_bytes()
    scatter_weights(model)
    with pytest.raises(ExportError, match="is there already; pass overwrite=True"):
        model.save(tmp_path / "model.keras", overwrite=False)
    assert (tmp_path / "model.keras").read_bytes() == before


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(ExportError, match=r"file/model\.keras cannot be written"):
        mixed(builder).save(tmp_path / "file" / "model.keras")
    (tmp_path / "model.keras").mkdir()
    with pytest.raises(ExportError, match="cannot be written"):
        mixed(builder).save(tmp_path / "model.keras")
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".part"]


def test_a_model_that_is_not_built_is_saved_with_a_warning(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="before it was built"):
        builder.Sequential([builder.layers.Dense(2)], name="early").save(tmp_path / "early.keras")
    with pytest.raises(ModelFileError, match="before the shape of its input was known"):
        builder.load_model(tmp_path / "early.keras")


def test_save_model_takes_a_model() -> None:
    with pytest.raises(NetworkError, match="was given a int"):
        builder.save_model(3, "three.keras")  # type: ignore[arg-type]


# Weights alone.


def test_weights_alone_go_to_keras(oracle: Oracle, ours: Any, tmp_path: Path) -> None:
    ours.save_weights(tmp_path / "ours.weights.h5")
    theirs = oracle.build(keras)
    theirs.load_weights(tmp_path / "ours.weights.h5")
    for found, expected in zip(theirs.get_weights(), oracle.model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["model.weights.h5", "model.weights.json"])
def test_weights_in_shards_go_to_keras(name: str, tmp_path: Path) -> None:
    def build(k: Any) -> Any:
        widths = (64, 32, 64, 8)
        return k.Sequential([k.Input((16,)), *(k.layers.Dense(width, name=f"dense_{i}") for i, width in enumerate(widths))], name="wide")

    ours, theirs = scatter_weights(build(builder)), build(keras)
    limit = 10_000
    ours.save_weights(tmp_path / name, max_shard_size=limit / 2**30)
    shards = sorted(tmp_path.glob("model_*.weights.h5"))
    assert [path.name for path in shards] == [f"model_{index:05}.weights.h5" for index in range(len(shards))]
    assert len(shards) > 2
    described = json.loads((tmp_path / "model.weights.json").read_text())
    assert described["metadata"]["total_size"] == sum(array.nbytes for array in ours.get_weights())
    for shard in shards:
        held = [item for item in tree(shard.read_bytes()).values() if isinstance(item, tuple)]
        assert 0 < sum(len(item[3]) for item in held) <= limit
    theirs.load_weights(tmp_path / "model.weights.json")
    for found, expected in zip(theirs.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        pytest.param("model.h5", {}, "must end in `.weights.h5`", id="an old ending"),
        pytest.param("model.h5", {"max_shard_size": 1}, "must end in `.weights.json`", id="shards of an old ending"),
        pytest.param("model.weights.json", {"max_shard_size": 1e-8}, r"half: kernel has 128 bytes", id="a weight too large"),
    ],
)
def test_weights_that_cannot_be_written_so_are_refused(name: str, arguments: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=words):
        mixed(builder).save_weights(tmp_path / name, **arguments)
    assert list(tmp_path.iterdir()) == []


def test_there_are_no_weights_before_a_model_is_built(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no weights yet"):
        builder.Sequential([builder.layers.Dense(2)]).save_weights(tmp_path / "model.weights.h5")


# Without weights.


def test_json_goes_to_keras_and_back(oracle: Oracle, ours: Any) -> None:
    text = ours.to_json()
    assert builder.models.model_from_json(text).to_json() == text
    theirs = keras.models.model_from_json(text)
    assert [layer.name for layer in theirs.layers] == [layer.name for layer in ours.layers]
    back = builder.models.model_from_json(oracle.model.to_json(indent=2))
    back.set_weights(oracle.model.get_weights())
    assert_close(answers(back, oracle.inputs), oracle.answers)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("{", "is no JSON of a model", id="cut"),
        pytest.param("[]", "holds a list", id="a list"),
        pytest.param('{"class_name": "Dense", "config": {"units": 2}}', "holds a Dense, not a model", id="a layer"),
        pytest.param('{"class_name": "Sequential", "config": {}}', "must be a dictionary containing the 'name' and 'layers'", id="empty"),
        pytest.param(
            '{"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "Dense", "config": {"units": 2}}]}, '
            '"build_config": {"input_shape": 7}}',
            "is no shape",
            id="built for a number",
        ),
    ],
)
def test_json_of_no_model_is_refused(text: str, words: str) -> None:
    with pytest.raises(ModelFileError, match=words):
        builder.models.model_from_json(text)


# Cloning.


def test_a_clone_has_weights_of_its_own(oracle: Oracle, ours: Any) -> None:
    clone = builder.models.clone_model(ours)
    assert type(clone) is type(ours)
    assert [layer.name for layer in clone.layers] == [layer.name for layer in ours.layers]
    assert not {id(weight) for weight in clone.weights} & {id(weight) for weight in ours.weights}
    clone.set_weights(ours.get_weights())
    assert_close(answers(clone, oracle.inputs), answers(ours, oracle.inputs), 0)


def stack(k: Any) -> Any:
    inner = k.Sequential([k.layers.Dense(4, name="in_1"), k.layers.ReLU(name="in_2")], name="inner")
    return k.Sequential([k.Input((4,), name="x"), inner, k.layers.Dense(2, name="out")], name="outer")


@pytest.mark.parametrize("recursive", [False, True])
def test_each_layer_is_cloned_by_the_function_as_in_keras(recursive: bool) -> None:
    def cloned(k: Any) -> list[str]:
        met: list[str] = []

        def clone(layer: Any) -> Any:
            met.append(layer.name)
            return type(layer).from_config(layer.get_config())

        k.models.clone_model(stack(k), clone_function=clone, recursive=recursive)
        return met

    assert cloned(builder) == cloned(keras) == (["in_1", "in_2", "out"] if recursive else ["inner", "out"])


def test_a_function_may_put_layers_after_each_call() -> None:
    def more(k: Any) -> Any:
        x = k.Input((4,), name="x")
        model = k.Model(x, k.layers.Dense(3, name="b")(k.layers.Dense(4, name="a")(x)))

        def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
            return k.layers.ReLU(name=f"{layer.name}_after")(layer(*args, **kwargs))

        return k.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)

    names = [layer.name for layer in more(builder).layers]
    assert names == [layer.name for layer in more(keras).layers] == ["x", "a", "a_after", "b", "b_after"]


@pytest.mark.parametrize("build", [mixed, stack])
def test_a_clone_may_be_on_inputs_of_ones_own(build: Build) -> None:
    y = builder.Input((4,), name="y")
    clone = builder.models.clone_model(build(builder), input_tensors=y)
    assert clone.inputs[0] is y
    assert builder.Model(y, clone.outputs).output_shape == (None, 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param({"call_function": len}, "not supported with Sequential models", id="calls in a stack"),
        pytest.param({"input_tensors": [1, 2]}, "must contain a single KerasTensor", id="two inputs of a stack"),
    ],
)
def test_a_stack_cannot_be_cloned_like_a_graph(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(NetworkError, match=words):
        builder.models.clone_model(stack(builder), **arguments)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param(np.ones(3), "must be KerasTensors", id="an array"),
        pytest.param([builder.Input((4,)), builder.Input((4,))], "must have the same structure", id="too many"),
    ],
)
def test_inputs_that_do_not_fit_a_clone_are_refused(given: Array, words: str) -> None:
    with pytest.raises(NetworkError, match=words):
        builder.models.clone_model(mixed(builder), input_tensors=given)


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        pytest.param(
            lambda x: builder.ops.map(lambda row: builder.ops.sum(row) * 2.0, x),
            r"'map.*' calls the Python function '<lambda>', which a file cannot hold: call ops\.map in the `call` of a Layer",
            id="that a function of ops calls",
        ),
        pytest.param(
            lambda x: builder.layers.Dense(2, activation=lambda x: x * 3.0)(x),
            "a lambda has no name that a config could hold",
            id="of a layer",
        ),
    ],
)
def test_a_raw_function_is_refused(build: Any, reason: str, tmp_path: Path) -> None:
    x = builder.Input((4,))
    with pytest.raises(UnsupportedError, match=reason):
        builder.Model(x, build(x)).save(tmp_path / "net.keras")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("beside", "is_shared"), [(0, True), (100_000, False)], ids=["alone", "with what an optimizer keeps"])
def test_weights_are_views_of_a_file_that_holds_little_else(beside: int, is_shared: bool, tmp_path: Path) -> None:
    model = scatter_weights(builder.Sequential([builder.Input((32,)), builder.layers.Dense(512, name="dense")]))
    model.save_weights(tmp_path / "net.weights.h5")
    with h5py.File(tmp_path / "net.weights.h5", "a") as file:
        file["optimizer/vars/0"] = np.zeros(beside, np.float32)
    other = builder.Sequential([builder.Input((32,)), builder.layers.Dense(512, name="dense")])
    other.load_weights(tmp_path / "net.weights.h5")
    for one, weight in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), weight.numpy())
        assert weight.numpy().flags.writeable
        assert (weight.parameter.array.base is not None) == is_shared
