"""One architecture of keras.applications, from Keras to ONNX Runtime: `python -m tests.parity.application ConvNeXtTiny`.

In a process of its own, so that what a large one takes is given back. Prints what was found as one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"  # before anything imports keras

import keras
import numpy as np
import onnx
import onnxruntime

import builder
from builder.graph import Array
from tests.parity.architectures import ARCHITECTURES, Architecture

ROWS = 5
BATCHES = (1, 2, 5)


@dataclass(frozen=True)
class Finding:
    """Errors are relative to the largest output. `spread` is how much rows differ, relative to the same: none would prove nothing."""

    name: str
    errors: dict[int, float]  # by batch size
    spread: float
    nodes: int
    transposes: int
    seconds: dict[str, float]


def main() -> None:
    finding = measured(sys.argv[1], ARCHITECTURES[sys.argv[1]])
    print(json.dumps(asdict(finding)))


def measured(name: str, architecture: Architecture) -> Finding:
    """The architecture with random weights, through a `.keras` file and an export."""
    with tempfile.TemporaryDirectory() as directory:
        saved, exported = Path(directory) / "saved.keras", Path(directory) / "exported.onnx"
        clock = Clock()
        with keras.StatelessScope(initialize_variables=False):  # initializing would take longer than all the rest
            model = getattr(keras.applications, name)(weights=None, input_shape=(architecture.size, architecture.size, 3))
        scatter(model, architecture.gain)
        keras.utils.clear_session()  # which forgets that weights were to be initialized
        clock.lap("build")
        images = np.random.default_rng(1).uniform(*architecture.pixels, (ROWS, architecture.size, architecture.size, 3)).astype(np.float32)
        expected = answered(model, images)
        clock.lap("predict")
        model.save(saved)
        del model
        clock.lap("save")
        builder.load_model(saved).export(exported)
        clock.lap("export")
        session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
        (given,) = session.get_inputs()
        scale = float(np.abs(expected).max())
        errors = {}
        for size in BATCHES:
            (found,) = session.run(None, {given.name: images[:size]})
            errors[size] = float(np.abs(found - expected[:size]).max()) / scale
        clock.lap("run")
        nodes = onnx.load(exported).graph.node
        spread = float(np.abs(expected - expected[:1]).max()) / scale
        transposes = sum(node.op_type == "Transpose" for node in nodes)
        return Finding(name, errors, spread, len(nodes), transposes, clock.laps)


def answered(model: Any, images: Array) -> Array:
    """Keras's answers. The last kernel is scaled before, so that no class is certain and every error shows.

    In two steps, so that only one large model is compiled: all but the classifier, and the classifier's layers in turn.
    """
    first = max(index for index, layer in enumerate(model.layers) if layer.weights)
    classifier = model.layers[first:]
    x = keras.Model(model.inputs, classifier[0].input).predict(images, batch_size=ROWS, verbose=0)
    kernel = np.asarray(classifier[0].kernel)
    scores = x.reshape(-1, x.shape[-1]) @ kernel.reshape(-1, kernel.shape[-1])
    classifier[0].kernel.assign(kernel / scores.std())
    for layer in classifier:
        x = layer(x)
    return np.asarray(x)


class Clock:
    """How long each step took, in seconds."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = perf_counter()

    def lap(self, step: str) -> None:
        now = perf_counter()
        self.laps[step] = round(now - self._last, 2)
        self._last = now


def scatter(model: Any, gain: float) -> None:
    """Random weights, statistics of normalizations among them, that keep the size of a signal on its way by about `gain` a layer."""
    generator = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(_numbers(weight.name, tuple(weight.shape), gain, generator))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # it computes with copies of its weights, as after a file is loaded


def _numbers(name: str, shape: tuple[int, ...], gain: float, generator: np.random.Generator) -> Array:
    numbers: Array
    match name:
        case "moving_variance" | "variance":
            numbers = generator.uniform(0.8, 1.25, shape)
        case "gamma":
            numbers = generator.uniform(0.8, 1.2, shape)
        case "kernel" | "depthwise_kernel" | "pointwise_kernel":
            fan_in = np.prod(shape[:-1]) if len(shape) < 4 or shape[-1] > 1 else np.prod(shape[:2])
            numbers = generator.standard_normal(shape, np.float32) * np.float32(gain * np.sqrt(2 / fan_in))
        case "count":
            return np.ones(shape, np.int32)
        case _:  # offsets and means
            numbers = generator.normal(scale=0.1, size=shape)
    return numbers.astype(np.float32)


if __name__ == "__main__":
    main()
