"""Files that Keras saved open and answer as in Keras; files that are broken, or made to do harm, are refused in a sentence."""

import contextlib
import copy
import io
import json
import struct
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import builder
from builder.errors import ExportError, ModelFileError, UnsupportedError
from tests.builder.conftest import Oracle
from tests.builder.networks import answers, assert_close, sample, scatter_weights
from tests.conftest import DIGITS, HeldOut

Edit = Callable[[Any], Any]
DENSE = "layers/dense/vars"  # where the file of `plain` has the first dense layer


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small file of real Keras, to be opened as it is or after an edit."""
    x = keras.Input((4,), name="x")
    y = keras.layers.BatchNormalization(name="norm")(keras.layers.Dense(3, name="first")(x))
    model = keras.Model(x, keras.layers.Dense(2, name="second")(y), name="plain")
    path = tmp_path_factory.mktemp("plain") / "plain.keras"
    scatter_weights(model).save(path)
    return path


# What Keras saved.


def test_a_saved_network_answers_as_in_keras(oracle: Oracle) -> None:
    model = builder.load_model(oracle.path)
    assert_close(answers(model, oracle.inputs), oracle.answers)
    assert [layer.name for layer in model.layers] == [layer.name for layer in oracle.model.layers]
    assert [weight.shape for weight in model.weights] == [tuple(weight.shape) for weight in oracle.model.weights]


def test_the_digits_have_the_probabilities_that_keras_gave(held_out: HeldOut) -> None:
    assert_close([builder.load_model(DIGITS).predict(held_out.images)], [held_out.keras])


def test_a_model_that_was_trained_opens_without_its_optimizer(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, kernel_regularizer="l2"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(), "mse", metrics=["mae"])
    model.fit(np.ones((4, 3), np.float32), np.ones((4, 1), np.float32), verbose=0)
    model.save(tmp_path / "trained.keras")
    opened = builder.load_model(tmp_path / "trained.keras")
    assert len(opened.weights) == 4
    assert_close(answers(opened, sample(model)), answers(model, sample(model)))


def test_a_float16_model_keeps_its_dtype(tmp_path: Path) -> None:
    layers = [keras.layers.Dense(8, "relu", dtype="float16"), keras.layers.BatchNormalization(dtype="float16")]
    model = scatter_weights(keras.Sequential([keras.Input((4,), dtype="float16"), *layers]))
    model.save(tmp_path / "half.keras")
    opened = builder.load_model(tmp_path / "half.keras")
    assert {weight.dtype for weight in opened.weights} == {"float16"}
    assert_close(answers(opened, sample(model)), answers(model, sample(model)), tolerance=5e-3)


def test_bfloat16_weights_are_read_exactly_and_their_export_is_refused(tmp_path: Path) -> None:
    model = scatter_weights(keras.Sequential([keras.Input((4,), dtype="bfloat16"), keras.layers.Dense(3, dtype="bfloat16")]))
    model.save(tmp_path / "brain.keras")
    opened = builder.load_model(tmp_path / "brain.keras")
    for found, expected in zip(opened.weights, model.weights, strict=True):
        assert found.dtype == "bfloat16"
        np.testing.assert_array_equal(found.numpy().astype("float32"), np.asarray(expected).astype("float32"))
    with pytest.raises(ExportError, match="ONNX Runtime cannot load the model"):
        opened.export(tmp_path / "brain.onnx")
    assert not (tmp_path / "brain.onnx").exists()


def test_a_loaded_model_says_where_it_is_from() -> None:
    source = builder.load_model(DIGITS).source
    assert source is not None
    assert (source.name, source.keras_version) == ("digits.keras", "3.15.1")
    assert len(source.sha256) == 64


def test_weights_are_found_by_class_and_count_and_not_by_name(plain: Path, tmp_path: Path) -> None:
    renamed = with_config(plain, tmp_path, lambda config: json.loads(json.dumps(config).replace("second", "dense")))
    x = np.ones((2, 4), np.float32)
    assert_close(answers(builder.load_model(renamed), x), answers(builder.load_model(plain), x))


# Archives that are none, or not Keras's.


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archived(tmp_path: Path, contents: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    path = tmp_path / "edited.keras"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return path


def with_config(path: Path, tmp_path: Path, edit: Edit) -> Path:
    """The file with its config edited: `edit` changes it in place, or returns another."""
    contents = members(path)
    config = json.loads(contents["config.json"])
    changed = edit(config)
    return archived(tmp_path, {**contents, "config.json": json.dumps(config if changed is None else changed).encode()})


def with_weights(path: Path, tmp_path: Path, edit: Edit) -> Path:
    """The file with its HDF5 member edited in place."""
    contents = members(path)
    buffer = io.BytesIO(contents["model.weights.h5"])
    with h5py.File(buffer, "r+") as file:
        edit(file)
    return archived(tmp_path, {**contents, "model.weights.h5": buffer.getvalue()})


def refusal(path: Path) -> str:
    """The sentence with which a file is refused."""
    with pytest.raises((ModelFileError, UnsupportedError)) as caught:
        builder.load_model(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text or " problems:\n" in text
    return text


def flagged(data: bytes) -> bytes:
    """An archive whose every member says that it is encrypted."""
    patched = bytearray(data)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.find(signature)
        while start >= 0:
            (flags,) = struct.unpack_from("<H", data, start + offset)
            struct.pack_into("<H", patched, start + offset, flags | 1)
            start = data.find(signature, start + 4)
    return bytes(patched)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(lambda whole: b"", "not a .keras file, or is damaged", id="nothing"),
        pytest.param(lambda whole: whole[: len(whole) // 2], "not a .keras file, or is damaged", id="the first half"),
        pytest.param(lambda whole: whole[:-30], "not a .keras file, or is damaged", id="the end cut off"),
        pytest.param(lambda whole: np.random.default_rng(0).bytes(4096), "not a .keras file, or is damaged", id="random bytes"),
        pytest.param(lambda whole: whole.replace(b'"Dense"', b'"Sense"', 1), "damaged: Bad CRC-32", id="a byte changed on the way"),
        pytest.param(lambda whole: b"\x89HDF\r\n\x1a\n" + whole, "superblock has version 80", id="what begins as an HDF5 file"),
        pytest.param(flagged, "is encrypted", id="encrypted members"),
    ],
)
def test_a_broken_archive_is_refused(plain: Path, tmp_path: Path, data: Callable[[bytes], bytes], reason: str) -> None:
    path = tmp_path / "broken.keras"
    path.write_bytes(data(plain.read_bytes()))
    assert reason in refusal(path)


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_a_missing_member_is_named(plain: Path, tmp_path: Path, name: str) -> None:
    contents = members(plain)
    del contents[name]
    assert f"has no {name}" in refusal(archived(tmp_path, contents))


def test_a_file_without_metadata_opens(plain: Path, tmp_path: Path) -> None:
    contents = members(plain)
    del contents["metadata.json"]
    source = builder.load_model(archived(tmp_path, contents)).source
    assert source is not None
    assert source.keras_version is None


def test_a_compressed_member_is_refused(plain: Path, tmp_path: Path) -> None:
    assert "is compressed" in refusal(archived(tmp_path, members(plain), zipfile.ZIP_DEFLATED))


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_two_members_of_one_name_are_refused(plain: Path, tmp_path: Path) -> None:
    path = archived(tmp_path, members(plain))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("config.json", "{}")
    assert "two members called 'config.json'" in refusal(path)


def test_too_many_members_are_refused(plain: Path, tmp_path: Path) -> None:
    assert "10004 members" in refusal(archived(tmp_path, members(plain) | {f"assets/{index}": b"" for index in range(10_001)}))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.keras") == f"there is no file {tmp_path / 'none.keras'}"


def test_an_empty_directory_is_refused(tmp_path: Path) -> None:
    assert "has no config.json" in refusal(tmp_path)


# Configs that are none, or name what is not known here.


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        pytest.param(b"{", "is no JSON", id="no JSON"),
        pytest.param(b"\xff\xfe", "is no JSON", id="no text"),
        pytest.param(b"[]", "does not hold an object", id="a list"),
        pytest.param(b"3", "does not hold an object", id="a number"),
        pytest.param(b"{}", "names no class", id="an empty object"),
        pytest.param(b'{"class_name": "Functional"}', "", id="a class and nothing else"),
        pytest.param(b'{"class_name": "Functional", "config": []}', "", id="a list of arguments"),
        pytest.param(b'{"class_name": "Dense", "config": {"units": 2}}', "not a model", id="a layer and no model"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, "nested too deeply", id="lists a hundred thousand deep"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply", id="objects a hundred thousand deep"),
    ],
)
def test_a_config_that_is_no_model_is_refused(plain: Path, tmp_path: Path, config: bytes, reason: str) -> None:
    assert reason in refusal(archived(tmp_path, {**members(plain), "config.json": config}))


def test_models_nested_too_deeply_are_refused(plain: Path, tmp_path: Path) -> None:
    def wrap(config: Any) -> Any:
        entry = {"class_name": "InputLayer", "config": {"batch_shape": [None, 4]}}
        for depth in range(200):
            config = {"class_name": "Sequential", "config": {"name": f"level_{depth}", "layers": [entry, config]}}
        return config

    assert "nested too deeply" in refusal(with_config(plain, tmp_path, wrap))


def test_a_lambda_of_real_keras_is_refused_with_a_way_out(tmp_path: Path) -> None:
    layers = [keras.layers.Lambda(lambda x: x * 2, name="twice"), keras.layers.Dense(1)]
    keras.Sequential([keras.Input((3,)), *layers], name="net").save(tmp_path / "lambda.keras")
    assert b"__lambda__" in members(tmp_path / "lambda.keras")["config.json"]
    text = refusal(tmp_path / "lambda.keras")
    assert "'net/twice' is a Lambda layer" in text
    assert "replace it by layers" in text


def test_functions_of_ops_in_a_file_are_part_of_the_network(tmp_path: Path) -> None:
    x = keras.Input((3,))
    theirs = keras.Model(x, 2 - keras.ops.clip(keras.ops.relu(x) + 1, 1, 3) * x, name="net")
    theirs.save(tmp_path / "ops.keras")
    ours = builder.load_model(tmp_path / "ops.keras")
    data = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    assert np.abs(ours.predict(data) - theirs.predict(data, verbose=0)).max() < 1e-5
    assert np.abs(keras.Model.from_config(ours.get_config()).predict(data, verbose=0) - ours.predict(data)).max() < 1e-5


def test_functions_of_ops_that_are_not_here_are_refused(tmp_path: Path) -> None:
    x = keras.Input((3, 3))
    keras.Model(x, keras.ops.pinv(keras.ops.nextafter(x, x)), name="net").save(tmp_path / "ops.keras")
    text = refusal(tmp_path / "ops.keras")
    assert "2 problems" in text
    assert "a call of keras.ops (Pinv), which is not supported: it needs singular values" in text
    assert "a call of keras.ops (Nextafter), which is not supported: ONNX cannot read the bits" in text


def test_a_subclassed_layer_of_a_user_is_refused_by_its_registered_name(tmp_path: Path) -> None:
    @keras.saving.register_keras_serializable("mine")
    class Dense(keras.layers.Dense):  # type: ignore[misc]
        pass

    keras.Sequential([keras.Input((3,)), Dense(1)]).save(tmp_path / "custom.keras")
    assert "is a custom class (mine>Dense)" in refusal(tmp_path / "custom.keras")


def renamed_class(**fields: Any) -> Edit:
    """An edit of the second layer's class."""
    return lambda config: config["config"]["layers"][1].update(fields)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        pytest.param({"class_name": "Mystery"}, "is a Mystery, which is not supported yet", id="an unknown layer"),
        pytest.param({"class_name": "system", "module": "os"}, "is a custom class (system)", id="a function of os"),
        pytest.param({"class_name": "trojan", "module": "trojan"}, "is a custom class (trojan)", id="a module that is there"),
        pytest.param({"module": "keras_trojan.layers"}, "is a custom class (Dense)", id="a module that begins like Keras"),
        pytest.param({"registered_name": "trojan>Dense"}, "is a custom class (trojan>Dense)", id="a registered name"),
        pytest.param({"class_name": "TFSMLayer"}, "is a TFSMLayer", id="a TensorFlow SavedModel"),
        pytest.param({"class_name": "TorchModuleWrapper"}, "is a TorchModuleWrapper", id="a pickled torch module"),
        pytest.param({"class_name": "_Conv"}, "is a _Conv", id="a private base class"),
        pytest.param({"class_name": "Layer"}, "is a Layer", id="the base class"),
        pytest.param({"class_name": ["Dense"]}, "names no class", id="a list as a class"),
    ],
)
def test_a_class_is_looked_up_and_never_imported(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], reason: str
) -> None:
    for name in ("trojan", "keras_trojan"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('it was imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert reason in refusal(with_config(plain, tmp_path, renamed_class(**fields)))
    assert not {"trojan", "keras_trojan"} & sys.modules.keys()


@pytest.mark.parametrize(
    "function",
    [
        pytest.param("eval", id="a builtin by name"),
        pytest.param({"module": "os", "class_name": "function", "config": "system", "registered_name": "system"}, id="a function of os"),
        pytest.param({"class_name": "__lambda__", "config": {"value": ["4wAAAA==", None, None]}}, id="marshalled code"),
        pytest.param({"module": "trojan", "class_name": "Trojan", "config": {}, "registered_name": "x>Trojan"}, id="an object"),
        pytest.param(["relu"], id="a list"),
        pytest.param(7, id="a number"),
    ],
)
@pytest.mark.parametrize("argument", ["activation", "kernel_initializer"])
def test_a_function_is_looked_up_and_never_imported(plain: Path, tmp_path: Path, argument: str, function: Any) -> None:
    edited = with_config(plain, tmp_path, lambda config: config["config"]["layers"][1]["config"].update({argument: function}))
    before = set(sys.modules)
    assert "Could not interpret" in refusal(edited)
    assert set(sys.modules) == before


def test_all_that_is_not_supported_is_listed_at_once(plain: Path, tmp_path: Path) -> None:
    def edit(config: Any) -> None:
        layers = config["config"]["layers"]
        layers[1]["class_name"], layers[2]["class_name"], layers[3]["module"] = "TFSMLayer", "Lambda", "evil"

    text = refusal(with_config(plain, tmp_path, edit))
    assert "3 problems" in text
    assert [f"'plain/{name}'" in text for name in ("first", "norm", "second")] == [True] * 3


def redirect(address: list[Any]) -> Edit:
    """An edit of where the last layer takes its input from."""

    def edit(config: Any) -> None:
        config["config"]["layers"][-1]["inbound_nodes"][0]["args"][0]["config"]["keras_history"] = address

    return edit


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        pytest.param(redirect(["second", 0, 0]), "either has loops or disconnected nodes", id="a layer that feeds itself"),
        pytest.param(redirect(["first", 1, 0]), "either has loops or disconnected nodes", id="a call that is never made"),
        pytest.param(redirect(["nobody", 0, 0]), "refers to ['nobody', 0, 0]", id="a layer that is not there"),
        pytest.param(redirect(["first", 0, 9]), "asks for output 9", id="an output that is not there"),
        pytest.param(redirect(["first", -1, 0]), "either has loops or disconnected nodes", id="a call counted from behind"),
        pytest.param(redirect(["first", "0", 0]), "refers to ['first', '0', 0]", id="a call by name"),
        pytest.param(
            lambda config: config["config"].update(output_layers=["second", 5, 0]), "not called as often", id="an output never made"
        ),
        pytest.param(lambda config: config["config"].update(output_layers=[]), "cannot be empty", id="no outputs"),
        pytest.param(lambda config: config["config"].update(input_layers=[]), "cannot be empty", id="no inputs"),
        pytest.param(lambda config: config["config"].update(output_layers=7), "names an input or output as 7", id="a number for outputs"),
        pytest.param(lambda config: config["config"].update(layers={}), "must have 'layers'", id="layers that are no list"),
        pytest.param(lambda config: config["config"]["layers"].append(3), "names no class|Improper config", id="a layer that is a number"),
        pytest.param(lambda config: config["config"]["layers"][1].update(inbound_nodes=[[["x", 0, 0, {}]]]), "form of Keras 2", id="old"),
        pytest.param(lambda config: config["config"]["layers"][1]["config"].update(units=-1), "expected a positive integer", id="units"),
        pytest.param(lambda config: config["config"]["layers"][1]["config"].update(novel=1), "Unrecognized keyword", id="novelty"),
        pytest.param(lambda config: config["config"]["layers"][1]["config"].update(dtype="float7"), "Invalid dtype: float7", id="dtype"),
    ],
)
def test_a_network_that_does_not_connect_is_refused(plain: Path, tmp_path: Path, edit: Edit, reason: str) -> None:
    text = refusal(with_config(plain, tmp_path, edit))
    assert any(one in text for one in reason.split("|")), text


# Weights.


def replaced(path: str, **kwargs: Any) -> Edit:
    """An edit that puts another dataset where `path` is."""

    def edit(file: Any) -> None:
        del file[path]
        file.create_dataset(path, **kwargs)

    return edit


def linked(path: str, link: Any) -> Edit:
    """An edit that puts a link where `path` is; what was there goes to `/elsewhere`."""

    def edit(file: Any) -> None:
        file.move(path, "elsewhere")
        file[path] = link

    return edit


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((4, 3), "float32")
    layout[:] = h5py.VirtualSource("/etc/hostname", "data", (4, 3))
    del file[f"{DENSE}/0"]
    file.create_virtual_dataset(f"{DENSE}/0", layout)


def without(path: str) -> Edit:
    """An edit that takes away what is at `path`."""

    def edit(file: Any) -> None:
        del file[path]

    return edit


def extra(file: Any) -> None:
    file.create_dataset(f"{DENSE}/2", data=np.zeros(3, np.float32))


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        pytest.param(replaced(f"{DENSE}/0", data=np.zeros((3, 4), "f4")), "kernel has shape (4, 3)", id="another shape"),
        pytest.param(replaced(f"{DENSE}/0", data="a text"), "not numbers", id="a text"),
        pytest.param(replaced(f"{DENSE}/0", data=[[b"abc"] * 3] * 4), "not numbers", id="an array of texts"),
        pytest.param(replaced(f"{DENSE}/0", data=np.zeros((4, 3), [("a", "f4")])), "not numbers", id="an array of records"),
        pytest.param(replaced(f"{DENSE}/0", shape=(4, 3), dtype="f4"), "claims 48 bytes and the file holds 0", id="no numbers"),
        pytest.param(replaced(f"{DENSE}/0", data=np.zeros((4, 3), "f4"), compression="gzip"), "in pieces or compressed", id="compressed"),
        pytest.param(
            replaced(f"{DENSE}/0", shape=(4, 3), dtype="f4", external=[("/etc/hostname", 0, 48)]),
            "outside of the file",
            id="numbers in another file",
        ),
        pytest.param(virtual, "outside of the file", id="a virtual dataset"),
        pytest.param(linked(f"{DENSE}/0", h5py.SoftLink("/elsewhere")), "is a link", id="a soft link to a dataset"),
        pytest.param(linked(DENSE, h5py.SoftLink("/elsewhere")), "is a link", id="a soft link to a group"),
        pytest.param(linked("layers", h5py.ExternalLink("/etc/hostname", "/")), "is a link", id="an external link to all"),
        pytest.param(linked(f"{DENSE}/1", h5py.ExternalLink("other.h5", "/x")), "is a link", id="an external link to a dataset"),
        pytest.param(without(DENSE), f"the file has nothing at /{DENSE}", id="no group"),
        pytest.param(without(f"{DENSE}/1"), "needs 2 arrays", id="a weight too few"),
        pytest.param(extra, "needs 2 arrays", id="a weight too many"),
        pytest.param(without("layers"), "3 problems", id="no weights at all"),
        pytest.param(replaced(DENSE, data=3.0), "", id="a number in place of a group"),
        pytest.param(replaced(DENSE, data=np.zeros((2, 2))), "", id="an array in place of a group"),
    ],
)
def test_weights_that_are_not_plainly_there_are_refused(plain: Path, tmp_path: Path, edit: Edit, reason: str) -> None:
    text = refusal(with_weights(plain, tmp_path, edit))
    assert reason in text
    assert "first" in text


def test_weights_that_are_no_hdf5_are_refused(plain: Path, tmp_path: Path) -> None:
    assert "cannot be read" in refusal(archived(tmp_path, {**members(plain), "model.weights.h5": b"nothing of the kind"}))


def test_every_layer_whose_weights_do_not_fit_is_named(plain: Path, tmp_path: Path) -> None:
    text = refusal(with_weights(plain, tmp_path, without("layers")))
    assert [f"layer '{name}'" in text for name in ("first", "norm", "second")] == [True] * 3


@pytest.mark.parametrize("units", [10**9, 10**12, 2**63, 10**40], ids=["a billion", "a trillion", "past 64 bits", "past all bounds"])
def test_absurd_units_allocate_nothing(plain: Path, tmp_path: Path, units: int) -> None:
    path = with_config(plain, tmp_path, lambda config: config["config"]["layers"][1]["config"].update(units=units))
    tracemalloc.start()
    refusal(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * 2**20


def test_an_absurd_size_in_a_normalization_allocates_nothing(plain: Path, tmp_path: Path) -> None:
    def edit(config: Any) -> None:
        config["config"]["layers"][1]["config"]["units"] = 10**10
        config["config"]["layers"][2]["config"].update(scale=False, center=False)

    path = with_config(plain, tmp_path, edit)
    tracemalloc.start()
    refusal(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * 2**20


def test_a_shape_that_config_and_file_claim_together_allocates_nothing(plain: Path, tmp_path: Path) -> None:
    huge = 10**10

    def bomb(file: Any) -> None:
        replaced(f"{DENSE}/0", shape=(4, huge), dtype="f4")(file)
        replaced(f"{DENSE}/1", shape=(huge,), dtype="f4")(file)

    claimed = with_config(plain, tmp_path, lambda config: config["config"]["layers"][1]["config"].update(units=huge))
    path = with_weights(claimed, tmp_path, bomb)
    tracemalloc.start()
    assert f"claims {16 * huge} bytes and the file holds 0" in refusal(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * 2**20


# Any file: it opens, or is refused in a sentence.


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside a config."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inside for place in places(item, (*path, key)))]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.just(2**70)
    | st.floats(allow_nan=True)
    | st.sampled_from(["", "relu", "Dense", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["class_name", "config", "name", "0"]), inner, max_size=3),
    max_leaves=4,
)


@given(data=st.data())
@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_config_with_any_value_changed_opens_or_is_refused(plain: Path, tmp_path: Path, data: st.DataObject) -> None:
    config = json.loads(members(plain)["config.json"])
    *path, last = data.draw(st.sampled_from(places(config)[1:]))
    changed = copy.deepcopy(config)
    target = changed
    for key in path:
        target = target[key]
    target[last] = data.draw(JSON)
    with contextlib.suppress(ModelFileError, UnsupportedError):
        assert isinstance(builder.load_model(with_config(plain, tmp_path, lambda _: changed)), builder.Model)


@given(data=st.data())
@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_with_bytes_changed_opens_or_is_refused(plain: Path, tmp_path: Path, data: st.DataObject) -> None:
    contents = members(plain)
    weights = bytearray(contents["model.weights.h5"])
    for _ in range(data.draw(st.integers(1, 8))):
        weights[data.draw(st.integers(0, len(weights) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ModelFileError):
        assert len(builder.load_model(archived(tmp_path, {**contents, "model.weights.h5": bytes(weights)})).weights) == 8
