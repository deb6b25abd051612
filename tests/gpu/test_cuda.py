"""A model on a CUDA device: it answers as on a CPU, from several threads, out of graphs, within its memory, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from service.engine.binding import _pinned
from service.engine.device import DeviceOptions
from service.engine.session import Session
from service.errors import OutOfMemoryError, StartupError
from service.options import build as build_options
from service.request import Array
from service.server import Options, Server
from tests.service import models
from tests.service.conftest import Stub, arrays, request
from tests.service.models import build, save

pytestmark = pytest.mark.gpu
CUDA = DeviceOptions("cuda", tf32=False)


def network() -> onnx.ModelProto:
    """A convolution and a dense layer: what cuDNN and cuBLAS compute."""
    generator = np.random.default_rng(0)
    weights = {"k": generator.normal(size=(8, 3, 3, 3)) / 5, "w": generator.normal(size=(8 * 36, 10)) / 17}
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["y"]),
    ]
    initializers = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()]
    spec: tuple[int, models.Shape] = (TensorProto.FLOAT, ["batch", 3, 8, 8])
    return build(nodes, {"x": spec}, {"y": (TensorProto.FLOAT, ["batch", 10])}, initializers)


def images(rows: int, seed: int = 0) -> dict[str, Array]:
    return {"x": np.random.default_rng(seed).normal(size=(rows, 3, 8, 8)).astype(np.float32)}


def check(found: Session, cpu: Session, feeds: Mapping[str, Array], tolerance: float = 1e-4) -> None:
    for one, other in zip(found.run(feeds), cpu.run(feeds), strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.fixture
def cpu(path: Path) -> Session:
    """The network where its answers are known to be right."""
    return Session(save(network(), path), DeviceOptions(), 1)


def test_it_answers_as_on_a_cpu_as_sizes_change(cpu: Session) -> None:
    session = Session(cpu.path, CUDA, 1)
    assert (session.provider, session.requested_device, session.signature.batched) == ("CUDAExecutionProvider", "cuda", True)
    for turn, rows in enumerate([1, 8, 1, 3, 64, 8]):
        check(session, cpu, images(rows, turn))


def test_rounded_products_are_within_the_tolerance_that_is_allowed_for(cpu: Session) -> None:
    session = Session(cpu.path, DeviceOptions("cuda"), 1)
    check(session, cpu, images(16), session.tolerance)


@pytest.mark.parametrize("search", ["heuristic", "exhaustive", "default"])
def test_every_search_for_a_convolution_finds_one(cpu: Session, search: str) -> None:
    check(Session(cpu.path, build_options(DeviceOptions, {"device": "cuda", "conv_search": search, "tf32": False}), 1), cpu, images(4))


def test_two_callers_at_once_get_their_own_answers(cpu: Session) -> None:
    session = Session(cpu.path, CUDA, 1)

    def call(caller: int) -> None:
        for turn in range(50):
            check(session, cpu, images(1 + turn % 4, 1000 * caller + turn))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(call, range(2)))


def test_each_allowed_size_is_captured_and_replayed(cpu: Session) -> None:
    session = Session(cpu.path, DeviceOptions("cuda", tf32=False, cuda_graphs=True), 1, [1, 2, 4])
    session.warm([1, 2, 4])
    for turn in range(5):
        for rows in (4, 1, 2, 3):  # three rows are none of the sizes, and run as ever
            check(session, cpu, images(rows, turn))


def test_captured_sizes_are_right_from_several_threads(cpu: Session) -> None:
    session = Session(cpu.path, DeviceOptions("cuda", tf32=False, cuda_graphs=True), 1, [1, 2])

    def call(caller: int) -> None:
        for turn in range(20):
            check(session, cpu, images(1 + turn % 2, 100 * caller + turn))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(call, range(3)))


def test_more_than_the_limit_is_not_had(path: Path) -> None:
    shape: models.Shape = ["rows", "columns"]
    nodes = [helper.make_node("Expand", ["x", "shape"], ["y"])]
    model = build(nodes, {"x": (TensorProto.FLOAT, [1]), "shape": (TensorProto.INT64, [2])}, {"y": (TensorProto.FLOAT, shape)})
    session = Session(save(model, path), DeviceOptions("cuda", gpu_memory_limit_bytes=2**26), 1)
    small, large = ({"x": np.ones(1, np.float32), "shape": np.array([1024, columns])} for columns in (8, 2**15))
    assert session.run(small)[0].shape == (1024, 8)
    with pytest.raises(OutOfMemoryError):
        session.run(large)
    assert session.run(small)[0].shape == (1024, 8)


def test_a_device_that_does_not_exist_is_refused(cpu: Session) -> None:
    with pytest.raises(StartupError, match=r"cuda device 99|cuda was asked for"):
        Session(cpu.path, DeviceOptions("cuda", device_id=99), 1)


def test_inputs_are_copied_out_of_pinned_memory(path: Path) -> None:
    save(network(), path)
    native = onnxruntime.InferenceSession(path, providers=["CUDAExecutionProvider"])
    array = images(2)["x"]
    found = _pinned(native, array, ("cuda", 0))
    assert found is not None
    assert (found[0].shape, found[0].dtype) == (array.shape, array.dtype)


def test_strings_and_bfloat16_run_beside_the_device(tmp_path: Path) -> None:
    words = Session(save(models.ident("BYTES", ["batch"]), tmp_path / "words.onnx"), CUDA, 1)
    assert words.run({"x": np.array(["a", "b"], object)})[0].tolist() == ["a", "b"]
    bits = Session(save(models.ident("BF16", ["batch"]), tmp_path / "bits.onnx"), CUDA, 1)
    assert bits.run({"x": np.array([1, 65535], np.uint16)})[0].tolist() == [1, 65535]


def test_a_server_answers_from_the_device(cpu: Session) -> None:
    server = Server(cpu.path, build_options(Options, {"device": "cuda", "tf32": False, "grpc_port": 0, "admin_port": 0}))
    server.start()
    try:
        with Stub(server.grpc_port) as stub:
            answer = arrays(stub.infer(request("model", images(3))))["y"]
    finally:
        server.stop()
    np.testing.assert_allclose(answer, cpu.run(images(3))[0], rtol=1e-4, atol=1e-4)
