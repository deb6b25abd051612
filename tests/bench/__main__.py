"""`make bench`: what exporting costs, and what the server adds to the model.

Times vary from machine to machine and from minute to minute: only ratios of one run mean something.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import onnxruntime

from service.client import Client
from tests.conftest import DIGITS, Floats, serving

REPEATS = 5
CALLS = 2000


def main() -> None:
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, ONNX Runtime {onnxruntime.__version__}")
    with tempfile.TemporaryDirectory() as directory:
        starting(Path(directory))
        serving_digits(Path(directory))


def starting(directory: Path) -> None:
    """Imports and the export, each in an interpreter of its own."""
    table("starting, whole process", "seconds")
    for name, code in {
        "python": "pass",
        "import builder": "import builder",
        "import service.server": "import service.server",
        "export digits.keras": f"import builder; builder.load_model({str(DIGITS)!r}).export({str(directory)!r})",
    }.items():
        row(name, [seconds(partial(subprocess.run, [sys.executable, "-c", code], check=True)) for _ in range(REPEATS)], 1)


def serving_digits(directory: Path) -> None:
    """The same images through ONNX Runtime directly, and through gRPC from one caller and from many."""
    images = np.random.default_rng(0).random((64, 8, 8, 1), np.float32)
    file = directory / "digits" / "1" / "model.onnx"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    table("digits", "rows/s")
    for rows in (1, 8, 64):
        row(
            f"ONNX Runtime, {rows} rows a run, 1 thread",
            [CALLS * rows / seconds(partial(direct, session, images[:rows])) for _ in range(REPEATS)],
            0,
        )
    with serving(directory) as server, Client(server.address) as client:
        for callers in (1, 8, 32):
            row(f"gRPC, 1 row a call, {callers} callers", [CALLS / over_grpc(client, images[:1], callers) for _ in range(REPEATS)], 0)


def direct(session: onnxruntime.InferenceSession, images: Floats) -> None:
    for _ in range(CALLS):
        session.run(None, {"image": images})


def over_grpc(client: Client, images: Floats, callers: int) -> float:
    with ThreadPoolExecutor(callers) as threads:
        list(threads.map(lambda _: client.infer("digits", {"image": images}), range(callers)))
        return seconds(lambda: list(threads.map(lambda _: client.infer("digits", {"image": images}), range(CALLS))))


def seconds(action: Callable[[], object]) -> float:
    start = perf_counter()
    action()
    return perf_counter() - start


def table(title: str, unit: str) -> None:
    print(f"\n{title:44} {'median':>10} {'least':>10} {'most':>10}  {unit}")


def row(name: str, values: Sequence[float], digits: int) -> None:
    numbers = (statistics.median(values), min(values), max(values))
    print(f"{name:44} " + " ".join(f"{value:>10,.{digits + 1 if digits else 0}f}" for value in numbers), flush=True)


if __name__ == "__main__":
    main()
