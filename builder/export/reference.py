"""Keras's own answers, where it is installed: the saved file is opened by it in a process of its own."""

from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from builder.errors import ExportError
from builder.export.checks import Answers, difference
from builder.export.metadata import Source
from builder.graph import Array

__all__ = ["compare_with_keras", "keras_file_of"]

# Reads an .npz of inputs in order from its standard input, and writes one of outputs in order to the file descriptor it is told.
PROGRAM = """
import io, os, sys
import numpy as np
stdout = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # what Keras and its backend print is no answer
import keras
saved = np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False)
model = keras.models.load_model(sys.argv[1], compile=False)
inputs = keras.tree.pack_sequence_as(model.input, [saved[name] for name in saved.files])
outputs = keras.tree.flatten(model(inputs, training=False))
answers = io.BytesIO()
np.savez(answers, *[np.asarray(keras.ops.convert_to_numpy(output)) for output in outputs])
stdout.write(answers.getvalue())
"""


def keras_file_of(source: Source) -> Path:
    """The file to open in Keras. Raises ExportError where there is none, or no Keras."""
    if source.path is None:
        raise ExportError(f"--check-against keras needs a file that Keras saved, and {source.name} was built here; nothing was written")
    if not _is_installed("keras"):
        raise ExportError("--check-against keras needs Keras, which is not installed here (pip install keras jax); nothing was written")
    return Path(source.path)


def compare_with_keras(path: Path, answers: Answers, tolerance: float) -> float:
    """The largest difference from Keras's answers, relative to the largest number of an output.

    Raises ExportError beyond `tolerance`, and when Keras cannot answer.
    """
    largest = 0.0
    for (name, found), expected in zip(answers.outputs.items(), _keras_answers(path, list(answers.feeds.values())), strict=True):
        if found.shape != expected.shape:
            raise ExportError(f"output '{name}' has shape {found.shape} and in Keras {expected.shape}, so nothing was written")
        gap = (
            float(np.max(difference(found, expected.astype(found.dtype)), initial=0))
            if found.dtype.kind == "f"
            else _unequal(found, expected)
        )
        if not gap <= tolerance:
            found_gap = f"output '{name}' differs from Keras's by {gap:.2g} of its largest number, where {tolerance:g} is allowed"
            raise ExportError(f"{found_gap}, so nothing was written")
        largest = max(largest, gap)
    return largest


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # it is kept from being imported
        return False


def _backend() -> dict[str, str]:
    """The first of Keras's backends that is installed; what the user has set goes before it."""
    return next(({"KERAS_BACKEND": name} for name in ("tensorflow", "jax", "torch") if _is_installed(name)), {})


def _unequal(found: Array, expected: Array) -> float:
    return 0.0 if np.array_equal(found, expected) else float("inf")


def _keras_answers(path: Path, inputs: Sequence[Array]) -> list[Array]:
    given = io.BytesIO()
    np.savez(given, *(array.astype(np.str_) if array.dtype.kind == "O" else array for array in inputs))
    command = [sys.executable, "-c", PROGRAM, str(path)]
    done = subprocess.run(command, input=given.getvalue(), capture_output=True, check=False, env={**_backend(), **os.environ})
    if done.returncode:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["it gave no reason"])[-1]
        raise ExportError(f"Keras cannot answer for {path}, so nothing was written: {last}")
    with np.load(io.BytesIO(done.stdout), allow_pickle=False) as saved:
        return [saved[name] for name in saved.files]
