"""The models that are measured, and a request for each: made by the builder, or written as ONNX, and kept in a directory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

import builder
from builder import layers
from service.request import DATATYPES, Request, Tensor
from service.rpc import codec
from tests.service.models import ident, save

PATIENCE = 600.0  # seconds for ResNet50 to be made
SAVE = """
import keras
with keras.StatelessScope(initialize_variables=False):
    model = keras.applications.ResNet50(weights=None)
from tests.parity.application import scatter
scatter(model, 0.75)
model.save({saved!r})
"""


class Skipped(Exception):  # noqa: N818  # it is no error
    """Why something is left out; a line in the table says so."""


@dataclass(frozen=True)
class Model:
    """A model in a repository of its own, with one input and one output: its file, and the shape of a row."""

    name: str
    repository: Path
    shape: tuple[int, ...]

    @property
    def file(self) -> Path:
        """The ONNX file, of version 1."""
        return self.repository / self.name / "1" / "model.onnx"

    def request(self) -> bytes:
        """A ModelInfer request of one row."""
        row = np.random.default_rng(0).random((1, *self.shape), np.float32)
        return codec.encode_request(Request(self.name, "", "", (Tensor(self.ends()[0], DATATYPES["FP32"], row),)))

    def ends(self) -> tuple[str, str]:
        """The names of the input and the output."""
        session = onnxruntime.InferenceSession(str(self.file), providers=["CPUExecutionProvider"])
        return session.get_inputs()[0].name, session.get_outputs()[0].name


def cache() -> Path:
    """Where models and other servers' environments are kept from run to run: HORNBEAM_BENCH_CACHE, or the user's cache."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    directory = Path(os.environ.get("HORNBEAM_BENCH_CACHE") or home / "hornbeam-bench")
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def model(name: str) -> Model:
    """The model of that name. Raises Skipped when it cannot be made."""
    make, shape = MODELS[name]
    found = Model(name, cache() / "models" / name, shape)
    if not found.file.is_file():
        found.file.parent.mkdir(parents=True, exist_ok=True)
        make(found.repository)
    return found


def mlp(repository: Path) -> None:
    """784-64-64-10: a model that costs next to nothing."""
    hidden = [layers.Dense(64, activation="relu"), layers.Dense(64, activation="relu")]
    network = builder.Sequential([layers.Input((784,), name="x"), *hidden, layers.Dense(10, activation="softmax")], name="mlp")
    network.export(repository)


def cnn(repository: Path) -> None:
    """ResNet-20 for images of 32 x 32: three times three blocks of 16, 32 and 64 filters."""
    x = given = layers.Input((32, 32, 3), name="x")
    x = _convolved(x, 16, 1)
    for filters, first in ((16, 1), (32, 2), (64, 2)):
        for strides in (first, 1, 1):
            inner = layers.ReLU()(_convolved(x, filters, strides))
            inner = _convolved(inner, filters, 1)
            short = x if strides == 1 else layers.Conv2D(filters, 1, strides=strides)(x)
            x = layers.ReLU()(layers.Add()([short, inner]))
    outputs = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    builder.Model(given, outputs, name="cnn").export(repository)


def _convolved(x: builder.KerasTensor, filters: int, strides: int) -> builder.KerasTensor:
    convolution = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)
    normalized: builder.KerasTensor = layers.BatchNormalization()(convolution(x))
    return normalized


def resnet50(repository: Path) -> None:
    """Keras's ResNet50 as Keras saves it, exported by the builder."""
    saved = repository / "resnet50.keras"
    try:
        subprocess.run([sys.executable, "-c", SAVE.format(saved=str(saved))], check=True, timeout=PATIENCE, capture_output=True)
    except subprocess.CalledProcessError as error:
        raise Skipped(f"Keras could not save it: {error.stderr.decode().strip().splitlines()[-1]}") from error
    except subprocess.TimeoutExpired as error:
        raise Skipped(f"Keras took more than {PATIENCE:.0f} s to save it") from error
    builder.load_model(saved).export(repository, name="resnet50")
    saved.unlink()


def _ident(name: str, elements: int) -> Callable[[Path], None]:
    """What it gets, it gives."""

    def make(repository: Path) -> None:
        save(ident("FP32", ["batch", elements]), repository / name / "1" / "model.onnx")

    return make


ECHO = 224 * 224 * 3  # elements: 602,112 bytes
MODELS: Mapping[str, tuple[Callable[[Path], None], tuple[int, ...]]] = {
    "mlp": (mlp, (784,)),
    "cnn": (cnn, (32, 32, 3)),
    "ident": (_ident("ident", 16), (16,)),
    "echo": (_ident("echo", ECHO), (ECHO,)),
    "resnet50": (resnet50, (224, 224, 3)),
}
