"""Two hundred versions of a model, swapped while clients ask: nobody is refused, no answer is wrong, and the memory stays."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from service.repository.control import RepositoryOptions
from service.server import Server
from tests.service.conftest import FREE_PORTS, PATIENCE, Stub, arrays, request
from tests.service.models import add_constant, save

SWAPS = 200
CLIENTS = 4
WEIGHTS = 250_000  # floats in each version: were they kept, the memory would show it
EXPLICIT = RepositoryOptions(model_control="explicit", load_model=("*",))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    save(add_constant(1.0, WEIGHTS), tmp_path / "m" / "1" / "model.onnx")
    server = Server(tmp_path, replace(FREE_PORTS, repository=EXPLICIT))
    server.start()
    yield server
    server.stop()


def resident_bytes() -> int:
    """What this process has in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def swap(root: Path, version: int, load: Callable[[str], None]) -> None:
    """Version `version`, which adds its own number, in the place of the one before, whose files then go."""
    save(add_constant(float(version), WEIGHTS), root / "m" / str(version) / "model.onnx")
    load("m")
    shutil.rmtree(root / "m" / str(version - 1))


def ask(stub: Stub, stopped: Event) -> tuple[int, set[str]]:
    """Asks until it is told to stop; how often it was answered, and by which versions. Each answer is its version's own."""
    answered, versions = 0, set()
    while not stopped.is_set():
        rows = np.full((1 + answered % 3, 4), answered, np.float32)
        response = stub.infer(request("m", {"x": rows}, id=str(answered)))
        assert response.id == str(answered)
        np.testing.assert_array_equal(arrays(response)["y"], rows + int(response.model_version))
        answered += 1
        versions.add(response.model_version)
    return answered, versions


def test_two_hundred_swaps_under_load(server: Server, tmp_path: Path) -> None:
    stopped = Event()
    with Stub(server.grpc_port) as stub, ThreadPoolExecutor(CLIENTS) as clients:
        asking = [clients.submit(ask, stub, stopped) for _ in range(CLIENTS)]
        try:
            settled = 0
            for version in range(2, SWAPS + 2):
                swap(tmp_path, version, server.control.load)
                if version == SWAPS // 4:
                    settled = resident_bytes()
            grown = resident_bytes() - settled
        finally:
            stopped.set()
        told = [each.result(PATIENCE) for each in asking]
    assert server.registry.versions("m") == [str(SWAPS + 1)]
    assert all(answered for answered, _ in told)
    assert len(set.union(*(versions for _, versions in told))) > SWAPS // 10
    assert grown < 30 * 4 * WEIGHTS, f"{grown / 2**20:.0f} MiB more after {SWAPS * 3 // 4} swaps"
