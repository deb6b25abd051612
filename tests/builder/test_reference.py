"""A file that Keras saved is held against Keras itself, in a process of its own, before anything is written."""

import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import pytest

import builder
from builder import Input, Sequential, layers
from builder.errors import ExportError
from tests.builder.networks import scatter_weights
from tests.conftest import run


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two inputs in a dict and two outputs."""
    inputs = {"b": keras.Input((3,), name="b"), "a": keras.Input((4,), name="a")}
    x = keras.layers.Concatenate()([keras.layers.Dense(3)(inputs["a"]), keras.layers.Dense(2)(inputs["b"])])
    model = scatter_weights(keras.Model(inputs, {"y": keras.layers.Dense(2)(x), "x": x}, name="pair"))
    path = tmp_path_factory.mktemp("saved") / "pair.keras"
    model.save(path)
    return path


def test_the_difference_from_keras_is_told(saved: Path, tmp_path: Path) -> None:
    exported = builder.load_model(saved).export(tmp_path / "net.onnx", check_against="keras")
    assert exported.from_keras is not None
    assert exported.from_keras < 1e-5
    assert exported.path.exists()


def with_other_weights(path: Path, changed: Path) -> Path:
    """The file with one weight moved, which Keras will read where its model is opened again."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    weights = io.BytesIO(members["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        file["layers/dense/vars/0"][...] = file["layers/dense/vars/0"][...] + 1
    with zipfile.ZipFile(changed, "w") as archive:
        for name, data in {**members, "model.weights.h5": weights.getvalue()}.items():
            archive.writestr(name, data)
    return changed


def test_another_answer_than_keras_s_is_refused(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(saved.read_bytes())
    model = builder.load_model(path)
    with_other_weights(saved, path)
    with pytest.raises(
        ExportError, match=r"differs from Keras's by .* of its largest number, where 0\.001 is allowed, so nothing was written"
    ):
        model.export(tmp_path / "net.onnx", check_against="keras")
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


def test_what_keras_cannot_open_is_told_in_its_words(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(saved.read_bytes())
    model = builder.load_model(path)
    path.write_bytes(b"no model")
    with pytest.raises(ExportError, match=r"Keras cannot answer for .*model\.keras, so nothing was written: .*`.keras` zip file"):
        model.export(tmp_path / "net.onnx", check_against="keras")


def test_a_network_that_was_built_here_cannot_be_compared(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="needs a file that Keras saved, and mine was built here; nothing was written"):
        Sequential([Input((4,)), layers.Dense(3)], name="mine").export(tmp_path / "net.onnx", check_against="keras")


def test_without_keras_a_sentence_says_what_to_install(saved: Path, tmp_path: Path) -> None:
    arguments = ["export", str(saved), str(tmp_path / "net.onnx"), "--check-against", "keras"]
    command = f"import sys; sys.modules['keras'] = None; from builder.cli import main; main({arguments})"  # as if it were not there
    done = run(sys.executable, "-c", command)
    assert done.returncode == 2
    assert "needs Keras, which is not installed here" in done.stderr


def test_a_check_that_is_not_known_is_refused(saved: Path, tmp_path: Path) -> None:
    model: Any = builder.load_model(saved)
    with pytest.raises(ExportError, match="--check-against is one of keras; found 'torch'"):
        model.export(tmp_path / "net.onnx", check_against="torch")
