"""Files that others trained and published: every `.keras` file in the wheel of deeplc opens, exports and matches Keras."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest

import builder

WHEEL = "deeplc==3.0.8"
SHA256 = "c011f9339749d50ef2b9de01bc6cdf157a6f25f926b9fbc686120ee057c7b1cc"
FILES = ("1fd8363d9af9dcad3be7553c39396960", "8c22d89667368f2f02ad996469ba157e", "cb975cfdd4105f97efa0b3afffe075cc")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, of a pinned version and content; the files in it are not ours to keep."""
    directory = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check", "--dest", str(directory), WHEEL]
    subprocess.run(pip, check=True)
    (path,) = directory.glob("*.whl")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SHA256
    return path


def test_all_its_files_are_here(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        saved = [name for name in archive.namelist() if name.endswith(".keras")]
    assert saved == [f"deeplc/mods/full_hc_PXD005573_pub_{name}.keras" for name in FILES]


@pytest.mark.parametrize("name", FILES)
def test_a_file_answers_as_in_keras(name: str, wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        saved = Path(archive.extract(f"deeplc/mods/full_hc_PXD005573_pub_{name}.keras", tmp_path))
    builder.load_model(saved).export(tmp_path / "exported.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "exported.onnx", providers=["CPUExecutionProvider"])
    model = keras.saving.load_model(saved, compile=False)
    generator = np.random.default_rng(0)
    for rows in (1, 2, 5):
        arrays = [generator.uniform(0, 3, (rows, *tensor.shape[1:])).astype(np.float32) for tensor in model.inputs]
        expected = np.asarray(model.predict(arrays, verbose=0))
        named = {tensor.name: array for tensor, array in zip(model.inputs, arrays, strict=True)}
        (found,) = session.run(None, {given.name: named[given.name] for given in session.get_inputs()})
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
