"""Files that were made to do harm are refused in one sentence: nothing is imported, run, read elsewhere, or made larger than it is.

Each known advisory against a loader of Keras files has its file here, or in test_keras_file.py, which has those about classes,
functions and weights in a `.keras` file.
"""

import io
import json
import os
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import builder
from builder.errors import HornbeamError, ModelFileError, UnsupportedError
from builder.graph import Array
from tests.builder.test_file_versions import BY_NAME, FILES, NUMBERS, legacy, old_functional, old_layer, safetensors, small

MIB = 2**20


def refusal(path: Path, act: Callable[[Path], Any] = builder.load_model) -> str:
    """The sentence with which a file is refused, having taken no memory beyond its size to speak of."""
    tracemalloc.start()
    with pytest.raises((ModelFileError, UnsupportedError)) as caught:
        act(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    size = path.stat().st_size
    assert peak < 4 * size + 24 * MIB, (peak, size)
    text = str(caught.value)
    assert path.name in text
    assert "\n" not in text or " problems:\n" in text
    return text


def edited(tmp_path: Path, edit: Callable[[Any], Any], name: str = "tf_dense.h5") -> Path:
    """A legacy file with its content edited in place."""
    path = tmp_path / "edited.h5"
    path.write_bytes((FILES / name).read_bytes())
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


def archive(tmp_path: Path, config: Any, weights: bytes = b"", **members: bytes) -> Path:
    path = tmp_path / "made.keras"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", config if isinstance(config, bytes) else json.dumps(config))
        file.writestr("metadata.json", json.dumps({"keras_version": "3.12.0"}))
        file.writestr("model.weights.h5", weights or hdf5({}))
        for name, data in members.items():
            file.writestr(name, data)
    return path


def hdf5(arrays: dict[str, Array]) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
    return buffer.getvalue()


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    entry = {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 4], "name": "x"}}
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "net", "layers": [entry, *layers]}}


def modern(class_name: str, module: str = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


# Legacy files: the same rules as for any other.

KERNEL = "model_weights/first/first/kernel:0"


def moved(path: str, link: Any) -> Callable[[Any], None]:
    def edit(file: Any) -> None:
        file.move(path, "elsewhere")
        file[path] = link

    return edit


def other_dataset(**kwargs: Any) -> Callable[[Any], None]:
    def edit(file: Any) -> None:
        del file[KERNEL]
        file.create_dataset(KERNEL, **kwargs)

    return edit


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((4, 3), "float32")
    layout[:] = h5py.VirtualSource("/etc/hostname", "data", (4, 3))
    del file[KERNEL]
    file.create_virtual_dataset(KERNEL, layout)


def renamed(name: str) -> Callable[[Any], None]:
    def edit(file: Any) -> None:
        file["model_weights/first"].attrs["weight_names"] = [name.encode(), b"first/bias:0"]

    return edit


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        pytest.param(moved("model_weights", h5py.SoftLink("/elsewhere")), "is a link", id="a soft link to all weights"),
        pytest.param(moved("model_weights", h5py.ExternalLink("x.h5", "/")), "is a link", id="an external link to all weights"),
        pytest.param(moved("model_weights/first", h5py.SoftLink("/elsewhere")), "is a link", id="a soft link to a layer"),
        pytest.param(moved("model_weights/first", h5py.ExternalLink("x.h5", "/")), "is a link", id="an external link to a layer"),
        pytest.param(moved("model_weights/first/first", h5py.SoftLink("/elsewhere")), "is a link", id="a soft link on the way"),
        pytest.param(moved(KERNEL, h5py.ExternalLink("x.h5", "/k")), "is a link", id="an external link to an array"),
        pytest.param(
            other_dataset(shape=(4, 3), dtype="f4", external=[("/etc/hostname", 0, 48)]), "outside of the file", id="another file"
        ),
        pytest.param(virtual, "outside of the file", id="a virtual dataset"),
        pytest.param(other_dataset(data=np.zeros((4, 3), "f4"), compression="gzip"), "compressed", id="compressed"),
        pytest.param(other_dataset(data=np.zeros((4, 3), "f4"), chunks=(1, 3)), "in pieces", id="in chunks"),
        pytest.param(other_dataset(shape=(4, 3), dtype="f4"), "claims 48 bytes and the file holds 0", id="a shape without numbers"),
        pytest.param(other_dataset(shape=(10**9, 10**6), dtype="f4"), "needs|claims|shape", id="a shape of a petabyte"),
        pytest.param(renamed("../second/second/kernel:0"), "the file has nothing at", id="a name that leads out of the layer"),
        pytest.param(lambda file: file.attrs.__setitem__("model_config", "[" * 90_000), "nested too deeply|no JSON", id="deep JSON"),
        pytest.param(lambda file: file.attrs.__setitem__("model_config", 7), "holds weights and no network", id="a number for a config"),
        pytest.param(lambda file: file["model_weights"].attrs.__setitem__("layer_names", 7), "no list of texts", id="a number for names"),
    ],
)
def test_a_legacy_file_that_leads_out_or_claims_too_much_is_refused(tmp_path: Path, edit: Callable[[Any], Any], reason: str) -> None:
    text = refusal(edited(tmp_path, edit))
    assert any(part in text for part in reason.split("|")), text


def test_another_file_is_not_even_opened(tmp_path: Path) -> None:
    """To ask whether a name is there, h5py follows a link to another file; here nothing is followed.

    The other file is a pipe that is written to already: whoever opens it takes what is in it.
    """
    other = tmp_path / "other.h5"
    os.mkfifo(other)
    path = edited(tmp_path, moved(KERNEL, h5py.ExternalLink(str(other), "/k")))
    end = os.open(other, os.O_RDWR | os.O_NONBLOCK)
    os.write(end, b"untouched")
    assert "is a link" in refusal(path)
    assert os.read(end, 100) == b"untouched"
    os.close(end)


def names_bomb(file: Any) -> None:
    """Two thousand names, each of them a text of a megabyte, which is in the file once."""
    file.attrs["big"] = "x" * MIB
    del file["model_weights"].attrs["layer_names"]
    file["model_weights"].attrs["layer_names"] = [f"name {index}" for index in range(2000)]


def test_a_list_that_refers_to_one_long_text_many_times_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path, names_bomb)
    data = bytearray(path.read_bytes())
    (big,) = [data[at : at + 16] for at in places(data, struct.pack("<I", MIB)) if data[at + 12 : at + 16] != b"\0\0\0\0"][:1]
    first = data.rfind(b"layer_names\0")
    start = next(
        at
        for at in range(first, first + 400, 1)
        if data[at : at + 4] == struct.pack("<I", 6) and data[at + 16 : at + 20] == data[at : at + 4]
    )
    for index in range(2000):
        data[start + 16 * index : start + 16 * index + 16] = big
    path.write_bytes(data)
    assert "its lists of names claim" in refusal(path)


def places(data: bytes | bytearray, part: bytes) -> list[int]:
    found, at = [], data.find(part)
    while at >= 0:
        found.append(at)
        at = data.find(part, at + 1)
    return found


# Configs.


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        pytest.param(
            modern(
                "Dense", units=1, activation={"module": "keras.config", "class_name": "function", "config": "enable_unsafe_deserialization"}
            ),
            "Could not interpret activation",
            id="a switch for safety",
        ),
        pytest.param(
            modern("Dense", units=1, activation={"module": "keras.utils", "class_name": "function", "config": "get_file"}),
            "Could not interpret activation",
            id="a function that downloads",
        ),
        pytest.param(
            modern("Dense", units=1, kernel_initializer=modern("get_file", "keras.utils", origin="http://x")),
            "initializer",
            id="an object that does",
        ),
        pytest.param(modern("Lambda", function=modern("__lambda__", "builtins", value=["4wAAAA=="])), "is a Lambda layer", id="bytecode"),
        pytest.param(
            modern("Lambda", function="get_file", arguments={"origin": "http://x"}), "Could not interpret", id="a function by name"
        ),
        pytest.param(modern("TFSMLayer", filepath="/etc"), "is a TFSMLayer", id="a SavedModel"),
        pytest.param(modern("TorchModuleWrapper", wrapped="gASV"), "is a TorchModuleWrapper", id="a pickle of torch"),
        pytest.param(modern("JaxLayer", call_fn={}), "is a JaxLayer", id="a function of JAX"),
        pytest.param({**modern("Dense", units=1), "registered_name": "os>system"}, "is a custom class (os>system)", id="a registered name"),
        pytest.param(modern("Dense", "keras.src.utils.file_utils", units=1), "holds|needs|fit", id="a module that has no such class"),
        pytest.param(modern("system", "os", command="id"), "is a custom class (system)", id="a function of os"),
        pytest.param(modern("TimeDistributed", layer=modern("Lambda", function="x")), "Could not interpret", id="a name in a wrapper"),
        pytest.param(
            modern("TimeDistributed", layer=modern("Lambda", function=modern("__lambda__", "builtins", value=["4wAAAA=="]))),
            "is a Lambda layer",
            id="bytecode in a wrapper",
        ),
        pytest.param(modern("Quantizable"), "is a Quantizable, which is not supported yet", id="a base of layers"),
        pytest.param(modern("RNN", cell=modern("eval", "builtins")), "is a custom class (eval)", id="a cell that is none"),
    ],
)
def test_a_config_brings_nothing_along(tmp_path: Path, layer: dict[str, Any], reason: str) -> None:
    path = archive(tmp_path, sequential(layer))
    before = set(sys.modules)
    text = refusal(path)
    assert any(part in text for part in reason.split("|")), text
    assert {name for name in set(sys.modules) - before if not name.startswith("encodings")} == set()


@pytest.mark.parametrize("vocabulary", ["/etc/passwd", "../../etc/passwd", "http://169.254.169.254/", "file:///etc/passwd"])
def test_a_vocabulary_is_never_a_path(tmp_path: Path, vocabulary: str) -> None:
    with pytest.raises(HornbeamError) as caught:
        builder.load_model(archive(tmp_path, sequential(modern("StringLookup", name="words", vocabulary=vocabulary))))
    assert "root:" not in str(caught.value)


def doubling(levels: int) -> dict[str, Any]:
    """A model that calls one twice, which calls one twice, and so on."""
    inner: dict[str, Any] = {**modern("Dense", name="d", units=4), "name": "d"}
    for level in range(levels):
        name, tensor = f"level_{level}", {"class_name": "__keras_tensor__", "config": {"keras_history": ["x", 0, 0]}}
        entry = {**modern("InputLayer", batch_shape=[None, 4], name="x"), "name": "x", "inbound_nodes": []}
        second = {"class_name": "__keras_tensor__", "config": {"keras_history": [inner["name"], 0, 0]}}
        called = {**inner, "inbound_nodes": [{"args": [tensor], "kwargs": {}}, {"args": [second], "kwargs": {}}]}
        config = {"name": name, "layers": [entry, called], "input_layers": [["x", 0, 0]], "output_layers": [[inner["name"], 1, 0]]}
        inner = {"module": "keras.src.models.functional", "class_name": "Functional", "config": config, "name": name}
    return inner


def test_models_that_double_are_counted_before_they_are_built(tmp_path: Path) -> None:
    assert "layers; no network of Keras's has as many" in refusal(archive(tmp_path, doubling(40)))


@pytest.mark.parametrize(
    "layers",
    [
        pytest.param([modern("UpSampling2D", size=[30_000, 1], interpolation="lanczos5")], id="a table of weights"),
        pytest.param([modern("AdaptiveMaxPooling2D", output_size=[3 * 10**7, 1])], id="windows of a pool"),
        pytest.param([modern("Reshape", target_shape=[20_000]), modern("MelSpectrogram", fft_length=10**5)], id="waves"),
        pytest.param(
            [modern("Reshape", target_shape=[20_000]), modern("MelSpectrogram", fft_length=64, num_mel_bins=10**7)], id="bands of sound"
        ),
        pytest.param([modern("Flatten"), modern("CategoryEncoding", num_tokens=10**9)], id="categories"),
        pytest.param([modern("GroupNormalization", groups=10**10, axis=1, scale=False, center=False)], id="groups"),
    ],
)
def test_sizes_alone_make_no_large_arrays(tmp_path: Path, layers: list[dict[str, Any]]) -> None:
    config = sequential(*layers)
    shape = [None, 10**10, 4, 1] if layers[0]["class_name"] == "GroupNormalization" else [None, 200, 100, 1]
    config["config"]["layers"][0]["config"]["batch_shape"] = shape
    assert "more numbers than a file may have made from nothing" in refusal(archive(tmp_path, config))


def test_a_function_without_a_tensor_makes_no_array(tmp_path: Path) -> None:
    eye = {**modern("Eye", "keras.src.ops.numpy", name="eye"), "name": "eye", "inbound_nodes": [{"args": [10**5], "kwargs": {}}]}
    config = old_functional([eye], [["eye", 0, 0]])
    assert "without a tensor" in refusal(archive(tmp_path, {**config, "class_name": "Functional"}))


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        pytest.param(b'{"a":[' + b"0," * 1_100_000 + b"0]}", "more than 1000000 values", id="millions of values"),
        pytest.param(b'{"a":"' + b"x" * (17 * MIB) + b'"}', "is larger than 16 MiB", id="a text of many megabytes"),
        pytest.param(b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "nested too deeply", id="objects in objects"),
    ],
)
def test_a_config_larger_than_any_is_not_parsed(tmp_path: Path, config: bytes, reason: str) -> None:
    assert reason in refusal(archive(tmp_path, config))


def test_arrays_that_are_given_to_many_layers_are_counted_for_each(tmp_path: Path) -> None:
    """A hard link costs some bytes, and the array that it leads to a quarter of a megabyte in memory."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["one"], file["other"] = np.zeros((256, 256), np.float32), np.zeros(256, np.float32)
        for index in range(200):
            group = file.create_group(f"layers/dense{f'_{index}' if index else ''}/vars")
            group["0"], group["1"] = file["one"], file["other"]
    layers = [modern("Dense", name=f"d{index}", units=256) for index in range(200)]
    config = sequential(*layers)
    config["config"]["layers"][0]["config"]["batch_shape"] = [None, 256]
    assert "some of its arrays are given more than once" in refusal(archive(tmp_path, config, buffer.getvalue()))


@pytest.mark.parametrize("name", ["../assets/vocabulary.txt", "/etc/cron.d/x", "assets\\..\\x"])
def test_a_member_with_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    assert "leads out of the file" in refusal(archive(tmp_path, sequential(), **{name: b"x"}))


def test_a_link_in_a_directory_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").symlink_to(tmp_path / "secret.json")
    assert "is a link, which Keras never writes" in refusal(tmp_path / "model")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.keras")
    assert "is not a file" in refusal(tmp_path / "model.keras")


# Files of weights.


@pytest.mark.parametrize("name", ["../w.h5", "/etc/passwd", "a/b.h5", "", "..", "linked.h5"])
def test_shards_are_beside_their_index_and_nowhere_else(tmp_path: Path, name: str) -> None:
    (tmp_path / "linked.h5").symlink_to("/etc/hostname")
    (tmp_path / "w.weights.json").write_text(json.dumps({"weight_map": {"/layers/dense/vars": [name]}}))
    assert "w.weights.json" in refusal(tmp_path / "w.weights.json", small().load_weights)


@pytest.mark.parametrize("index", [{}, {"weight_map": 3}, {"weight_map": {"a": [3]}}, {"weight_map": {"a": {}}}, {"weight_map": {}}])
def test_an_index_that_is_none_is_refused(tmp_path: Path, index: Any) -> None:
    (tmp_path / "w.weights.json").write_text(json.dumps(index))
    assert "does not say which files" in refusal(tmp_path / "w.weights.json", small().load_weights)


def header(**fields: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda whole: whole["a/kernel"].update(fields)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        pytest.param(header(shape=[10**9, 10**9]), "and the file holds", id="a shape of a quintillion"),
        pytest.param(header(shape=[4, 3], data_offsets=[0, 10**15]), "and the file holds", id="beyond the end"),
        pytest.param(header(data_offsets=[-48, 0]), "and the file holds", id="before the beginning"),
        pytest.param(header(data_offsets=[48, 0]), "and the file holds", id="backwards"),
        pytest.param(header(data_offsets=[12, 60]), "overlap", id="over another"),
        pytest.param(header(dtype="F128"), "has an entry in the header that is none", id="an unknown dtype"),
        pytest.param(header(shape="4, 3"), "has an entry in the header that is none", id="a text for a shape"),
        pytest.param(header(shape=[-4, -3]), "has the shape", id="a negative shape"),
        pytest.param(header(shape=[True, 12]), "has the shape", id="a truth for a size"),
        pytest.param(lambda whole: whole.update({"a/kernel": 3}), "has an entry in the header that is none", id="a number"),
        pytest.param(lambda whole: whole.pop("a/kernel"), "neither 'layers/dense/vars/0' nor 'a/kernel'", id="a weight missing"),
        pytest.param(header(dtype="I32"), "is float32, and the file has int32", id="integers"),
    ],
)
def test_a_safetensors_header_is_not_believed(tmp_path: Path, edit: Callable[[dict[str, Any]], Any], reason: str) -> None:
    path = safetensors(tmp_path / "w.safetensors", dict(zip(BY_NAME, NUMBERS, strict=True)), edit)
    assert reason in refusal(path, small().load_weights)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 8,
        b"\xff" * 7 + b"\x7f{}",
        (2).to_bytes(8, "little") + b"[]",
        (5).to_bytes(8, "little") + b"{}",
        b"\2" + b"\0" * 7 + b"{",
    ],
    ids=["nothing", "a length of all bits", "a length past the file", "a list", "a header cut off", "no JSON"],
)
def test_a_safetensors_file_that_is_none_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(data)
    assert "cannot be read" in refusal(tmp_path / "w.safetensors", small().load_weights)


def npy(shape: str, descr: str = "<f4", data: bytes = b"") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + data


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        pytest.param(npy("(1000000000, 1000000000)"), "claims shape", id="a shape of a quintillion"),
        pytest.param(npy("(-1, 12)", data=bytes(48)), "claims shape", id="a negative size"),
        pytest.param(npy("()", "|O", b"cos\nsystem\n"), "is a pickle", id="a pickle"),
        pytest.param(npy("(3,)", "<U4", bytes(48)), "not numbers", id="texts"),
        pytest.param(npy("(" * 500), "is damaged", id="parentheses"),
        pytest.param(b"\x93NUMPY\7\0", "version", id="a version to come"),
        pytest.param(b"", "is damaged", id="nothing"),
    ],
)
def test_an_npz_header_is_not_believed(tmp_path: Path, member: bytes, reason: str) -> None:
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as file:
        file.writestr("a/kernel.npy", member)
    assert reason in refusal(tmp_path / "w.npz", small().load_weights)


def test_a_compressed_npz_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "w.npz", **{"a/kernel": np.zeros((4, 10**6), np.float32)})  # type: ignore[arg-type]
    assert "is compressed" in refusal(tmp_path / "w.npz", small().load_weights)


# Any file.

MUTATED = ("tf_dense.h5", "tf_recurrent.h5", "tf_functions.h5", "tf_nested.keras", "keras_3_3_3.h5", "keras_3_10_0.keras")


def test_files_changed_at_random_open_or_are_refused_in_little_memory() -> None:
    """Twenty-five changes to each of six files, in a process of its own: no crash, no other error, no more than they hold."""
    command = [sys.executable, "-m", "tests.builder.mutations", "0", "25", *(str(FILES / name) for name in MUTATED)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    *problems, grown = done.stdout.splitlines()
    assert problems == []
    assert int(grown) < 64 * MIB


def test_old_layers_with_any_type_in_any_slot_open_or_are_refused(tmp_path: Path) -> None:
    values: tuple[Any, ...] = (None, 3, -1, 1e400, "x", [], {}, [[]], [["x", 0, 0, 3]], {"class_name": "Dense"}, [None], True)
    for value in values:
        for slot in ("class_name", "config", "inbound_nodes", "name"):
            dense = {**old_layer("Dense", name="d", units=2), "name": "d", "inbound_nodes": [[["x", 0, 0, {}]]], slot: value}
            with pytest.raises(HornbeamError):
                builder.load_model(legacy(tmp_path, old_functional([dense], [["d", 0, 0]]), {}))
