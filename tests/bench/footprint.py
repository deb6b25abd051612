"""What the server costs before it does anything: seconds from its process's start to READY, and memory, with the digits."""

from __future__ import annotations

import compileall
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter
from types import ModuleType

import builder
import service
from tests.bench import sides
from tests.bench.models import Model
from tests.bench.serving import Settings, load
from tests.bench.table import machine, row, seconds, table
from tests.conftest import DIGITS


def with_bytecode(*packages: ModuleType) -> None:
    """Compiles the packages beforehand, as pip does when it installs them: an interpreter that may not would do it at each start."""
    for package in packages:
        compileall.compile_dir(str(Path(str(package.__file__)).parent), quiet=2)


def starting(settings: Settings) -> None:
    """Imports and the export, each in an interpreter of its own; then the server, to READY."""
    with_bytecode(builder, service)
    with tempfile.TemporaryDirectory() as directory:
        table("starting, whole process", f"seconds, {machine()}")
        for name, code in {
            "python": "pass",
            "import builder": "import builder",
            "import service.server": "import service.server",
            "export digits.keras": f"import builder; builder.load_model({str(DIGITS)!r}).export({directory!r})",
        }.items():
            row(name, [seconds(partial(subprocess.run, [sys.executable, "-c", code], check=True)) for _ in range(settings.repeats)], 1)
        _serving(Path(directory), settings)


def _serving(directory: Path, settings: Settings) -> None:
    builder.load_model(DIGITS).export(directory)
    found = Model("digits", directory, (8, 8, 1))
    for transport in sides.transports():
        times, empty, loaded = [], [], []
        for _ in range(settings.repeats):
            start = perf_counter()
            with sides.hornbeam(found, transport) as running:
                times.append(perf_counter() - start)
                empty.append(running.resident_megabytes)
                load(running.address, found.request(), settings.seconds, in_flight=64, connections=8)
                loaded.append(running.resident_megabytes)
        name = f"serve digits {transport}".strip()
        row(f"{name}, to READY", times, 1)
        row(f"{name}, MB at READY", empty, 0)
        row(f"{name}, MB after a load of 64 in flight", loaded, 0)
