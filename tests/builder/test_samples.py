"""Golden samples: what was asked and answered lies beside the model, belongs to it, and needs no pickle to be read."""

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from builder import Input, Model, layers
from builder.graph import Array
from service.repository.layout import find_models
from tests.builder.networks import scatter_weights
from tests.conftest import serving


def network() -> Any:
    a, b = Input((4,), name="a"), Input((3,), dtype="int32", name="b")
    x = layers.Concatenate()([layers.Dense(3)(a), layers.Flatten()(layers.Embedding(5, 2)(b))])
    return scatter_weights(Model([a, b], {"x": x, "y": layers.Dense(2)(x)}, name="net"))


def properties(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def saved(path: Path) -> dict[str, Array]:
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def test_the_samples_are_three_rows_and_what_the_model_answers_to_them(tmp_path: Path) -> None:
    exported = network().export(tmp_path / "models")
    assert exported.samples == exported.path.parent / "samples.npz"
    samples = saved(exported.samples)
    assert {name: (array.shape, array.dtype.name) for name, array in samples.items()} == {
        "input/a": ((3, 4), "float32"),
        "input/b": ((3, 3), "int32"),
        "output/x": ((3, 9), "float32"),
        "output/y": ((3, 2), "float32"),
    }
    session = onnxruntime.InferenceSession(exported.path, providers=["CPUExecutionProvider"])
    answers = session.run(["x", "y"], {name: samples[f"input/{name}"] for name in ("a", "b")})
    for name, answer in zip(("x", "y"), answers, strict=True):
        np.testing.assert_allclose(answer, samples[f"output/{name}"], rtol=1e-5, atol=1e-6)


def test_the_model_says_which_samples_are_its_own_and_how_near_to_come(tmp_path: Path) -> None:
    for dtype, tolerance in ((None, "0.0001"), ("float16", "0.01")):
        exported = network().export(tmp_path / "net.onnx", dtype=dtype)
        assert exported.samples is not None
        assert properties(exported.path)["hornbeam.samples_sha256"] == hashlib.sha256(exported.samples.read_bytes()).hexdigest()
        assert properties(exported.path)["hornbeam.samples_tolerance"] == tolerance


def test_the_archive_depends_on_nothing_but_what_is_in_it(tmp_path: Path) -> None:
    exported = network().export(tmp_path / "net.onnx")
    assert exported.samples is not None
    with zipfile.ZipFile(exported.samples) as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert [member.filename for member in archive.infolist()] == ["input/a.npy", "input/b.npy", "output/x.npy", "output/y.npy"]


def test_samples_can_be_left_out_and_earlier_ones_go(tmp_path: Path) -> None:
    assert network().export(tmp_path / "net.onnx").samples == tmp_path / "net.samples.npz"
    exported = network().export(tmp_path / "net.onnx", samples=False)
    assert exported.samples is None
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    assert "hornbeam.samples_sha256" not in properties(exported.path)


def test_samples_are_the_first_rows_of_a_calibration(tmp_path: Path) -> None:
    typical: dict[str, Array] = {"a": np.arange(40, dtype=np.float32).reshape(10, 4), "b": np.ones((10, 3), np.int32)}
    exported = network().export(tmp_path / "net.onnx", quantize="int8-static", calibration=typical)
    assert exported.samples is not None
    assert saved(exported.samples)["input/a"].tolist() == typical["a"][:3].tolist()


def test_a_fixed_batch_has_samples_of_its_size(tmp_path: Path) -> None:
    exported = network().export(tmp_path / "net.onnx", dims={"batch": 2})
    assert exported.samples is not None
    assert saved(exported.samples)["output/y"].shape == (2, 2)


@pytest.mark.parametrize("destination", ["models", "net.onnx"], ids=["a repository", "a file"])
def test_a_server_does_not_mind_the_files_beside_a_model(destination: str, tmp_path: Path) -> None:
    exported = network().export(tmp_path / destination, external_data=True, external_threshold=0)
    assert [(found.name, found.version, found.path) for found in find_models(tmp_path / destination)] == [("net", 1, exported.path)]
    with serving(tmp_path / destination) as server:
        assert server.process.poll() is None
