"""`make bench-export`: what it costs to make ONNX of ResNet50's `.keras` file, and how fast the result is.

Beside Keras's own exporter where there is one: HORNBEAM_PEER_PYTHON is an interpreter with Keras, TensorFlow and tf2onnx,
unless this one has them. All have their bytecode beforehand, as what pip installs has. Prints, and asserts nothing: times
vary from machine to machine and from minute to minute.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime

import builder
from tests.bench.footprint import with_bytecode
from tests.bench.models import SAVE
from tests.bench.table import REPEATS, row, seconds, table
from tests.conftest import check

RUNS = 10
OURS = "import builder; builder.load_model({saved!r}).export({exported!r})"
PEERS = """
import numpy, keras
model = keras.saving.load_model({saved!r}, compile=False)
model(numpy.zeros((1, 224, 224, 3), 'float32'))
model.export({exported!r}, format='onnx', verbose=False)
"""


def main() -> None:
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, ONNX Runtime {onnxruntime.__version__}")
    with tempfile.TemporaryDirectory() as directory:
        saved = Path(directory) / "resnet50.keras"
        check(sys.executable, "-c", SAVE.format(saved=str(saved)))
        with_bytecode(builder)
        files = {}
        table("ResNet50.keras to ONNX, whole process", "seconds")
        memory = {}
        for name, python, code, repeats in exporters():
            files[name] = Path(directory) / f"{name}.onnx"
            command = [python, "-c", code.format(saved=str(saved), exported=str(files[name]))]
            costs = [cost(command, files[name]) for _ in range(repeats)]
            row(name, [wall for wall, _ in costs], 1)
            memory[name] = [peak for _, peak in costs]
        table("the same, peak memory", "MB")
        for name, peaks in memory.items():
            row(name, peaks, 0)
        latencies(files)


def exporters() -> list[tuple[str, str, str, int]]:
    """Each exporter's name, interpreter, code and how often it is run."""
    peer = os.environ.get("HORNBEAM_PEER_PYTHON", sys.executable)
    has_peer = subprocess.run([peer, "-c", "import tensorflow, tf2onnx"], capture_output=True, check=False).returncode == 0
    ours = ("hornbeam", sys.executable, OURS, REPEATS)
    return [ours, ("keras", peer, PEERS, 1)] if has_peer else [ours]


def cost(command: list[str], made: Path) -> tuple[float, float]:
    """How long a process takes to make a file that is not there yet, in seconds, and its peak memory, in MB."""
    made.unlink(missing_ok=True)
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    child: list[subprocess.Popen[bytes]] = []
    usage: list[float] = []

    def run() -> None:
        child.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment))
        _, status, used = os.wait4(child[0].pid, 0)
        child[0].returncode = os.waitstatus_to_exitcode(status)
        usage.append(used.ru_maxrss / 1024)

    wall = seconds(run)
    if child[0].returncode:
        raise RuntimeError(f"{command} failed")
    return wall, usage[0]


def latencies(files: dict[str, Path]) -> None:
    """One run of each file, in turns, so that what else the machine does hits all alike."""
    table("one run in ONNX Runtime", "ms")
    sessions = {name: onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]) for name, path in files.items()}
    for rows in (1, 8):
        images = np.random.default_rng(0).random((rows, 224, 224, 3), np.float32)
        calls = {name: partial(session.run, None, {session.get_inputs()[0].name: images}) for name, session in sessions.items()}
        times: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(RUNS):
            for name, call in calls.items():
                times[name].append(1000 * seconds(call))
        for name, values in times.items():
            row(f"{name}, {rows} images", values, 1)


if __name__ == "__main__":
    main()
