"""What the device options are to ONNX Runtime, which is decided without a device."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from service.engine.device import DeviceOptions, check, idle_options, providers, session_options, tolerance
from service.engine.session import Session
from service.errors import StartupError
from service.options import options
from tests.service import models
from tests.service.models import save

CPU: tuple[str, dict[str, str]] = ("CPUExecutionProvider", {})
DEFAULTS = {
    "device_id": "0",
    "cudnn_conv_algo_search": "HEURISTIC",
    "use_tf32": "1",
    "enable_cuda_graph": "0",
    "arena_extend_strategy": "kSameAsRequested",
}
CUDA_OPTIONS = {
    "as they are": (DeviceOptions("cuda"), {}),
    "another GPU": (DeviceOptions("cuda", device_id=3), {"device_id": "3"}),
    "a limit": (DeviceOptions("cuda", gpu_memory_limit_bytes=2**31), {"gpu_mem_limit": "2147483648"}),
    "every convolution tried": (DeviceOptions("cuda", conv_search="exhaustive"), {"cudnn_conv_algo_search": "EXHAUSTIVE"}),
    "cuDNN's own choice": (DeviceOptions("cuda", conv_search="default"), {"cudnn_conv_algo_search": "DEFAULT"}),
    "products in full": (DeviceOptions("cuda", tf32=False), {"use_tf32": "0"}),
    "graphs": (DeviceOptions("cuda", cuda_graphs=True), {"enable_cuda_graph": "1"}),
    "memory in powers of two": (DeviceOptions("cuda", arena_extend="next_power_of_two"), {"arena_extend_strategy": "kNextPowerOfTwo"}),
}  # fmt: skip


@pytest.mark.parametrize(("given", "changed"), CUDA_OPTIONS.values(), ids=CUDA_OPTIONS.keys())
def test_each_option_is_one_of_the_cuda_providers(given: DeviceOptions, changed: dict[str, str]) -> None:
    assert providers(given) == [("CUDAExecutionProvider", DEFAULTS | changed), CPU]


def test_on_a_cpu_there_is_no_other_provider() -> None:
    assert providers(DeviceOptions(device_id=3, conv_search="exhaustive")) == [CPU]


TENSORRT: dict[str, tuple[DeviceOptions, dict[str, str]]] = {
    "as they are": (DeviceOptions("tensorrt"), {"device_id": "0", "trt_fp16_enable": "0"}),
    "float16": (DeviceOptions("tensorrt", device_id=1, tensorrt_fp16=True), {"device_id": "1", "trt_fp16_enable": "1"}),
    "engines that are kept": (
        DeviceOptions("tensorrt", tensorrt_cache="/engines"),
        {"device_id": "0", "trt_fp16_enable": "0", "trt_engine_cache_enable": "1", "trt_engine_cache_path": "/engines"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), TENSORRT.values(), ids=TENSORRT.keys())
def test_what_tensorrt_has_not_runs_on_cuda(given: DeviceOptions, expected: dict[str, str]) -> None:
    cuda = DEFAULTS | {"device_id": expected["device_id"]}
    assert providers(given) == [("TensorrtExecutionProvider", expected), ("CUDAExecutionProvider", cuda), CPU]


CONTRADICTIONS: dict[str, tuple[DeviceOptions, Sequence[int], str]] = {
    "graphs on a CPU": (DeviceOptions(cuda_graphs=True), [1, 2], "CUDA graphs were asked for on --device cpu; they need --device cuda"),
    "graphs in TensorRT": (DeviceOptions("tensorrt", cuda_graphs=True), [1], "asked for on --device tensorrt; they need --device cuda"),
    "graphs of any size": (DeviceOptions("cuda", cuda_graphs=True), [], "any number of rows may run together; say which batch sizes"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "sizes", "text"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_options_that_contradict_each_other_are_refused(given: DeviceOptions, sizes: Sequence[int], text: str) -> None:
    with pytest.raises(StartupError, match=text):
        check(given, sizes)


def test_graphs_of_sizes_on_cuda_are_fine() -> None:
    check(DeviceOptions("cuda", cuda_graphs=True), [1, 2, 4])


IDLE = {
    "nothing given": (DeviceOptions(), []),
    "a GPU's on a CPU": (
        DeviceOptions(device_id=1, gpu_memory_limit_bytes=1, tf32=False, tensorrt_fp16=True),
        ["device_id", "gpu_memory_limit_bytes", "tf32", "tensorrt_fp16"],
    ),
    "TensorRT's on CUDA": (DeviceOptions("cuda", device_id=1, tensorrt_cache="/engines"), ["tensorrt_cache"]),
    "all in place": (DeviceOptions("tensorrt", device_id=1, tf32=False, tensorrt_fp16=True), []),
}


@pytest.mark.parametrize(("given", "expected"), IDLE.values(), ids=IDLE.keys())
def test_options_that_the_device_does_not_heed_are_known(given: DeviceOptions, expected: list[str]) -> None:
    assert idle_options(given) == expected


def test_options_that_the_device_does_not_heed_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Session(save(models.add2(), tmp_path / "model.onnx"), DeviceOptions(device_id=1), 1)
    assert "nothing on device cpu heeds device_id" in caplog.text


LEVELS = {"all": "ORT_ENABLE_ALL", "extended": "ORT_ENABLE_EXTENDED", "basic": "ORT_ENABLE_BASIC", "disabled": "ORT_DISABLE_ALL"}


@pytest.mark.parametrize(("name", "level"), LEVELS.items(), ids=LEVELS.keys())
def test_the_level_of_rewriting_is_onnx_runtimes(name: Any, level: str) -> None:
    made = session_options(DeviceOptions(graph_optimization=name), 3)
    assert made.graph_optimization_level == getattr(onnxruntime.GraphOptimizationLevel, level)
    assert (made.intra_op_num_threads, made.inter_op_num_threads) == (3, 1)
    assert made.get_session_config_entry("session.intra_op.allow_spinning") == "0"


TOLERANCES = {
    "a CPU": (DeviceOptions(tf32=True), 0.0),
    "rounded products": (DeviceOptions("cuda"), 1e-2),
    "full products": (DeviceOptions("cuda", tf32=False), 1e-3),
    "TensorRT in full": (DeviceOptions("tensorrt", tf32=False), 1e-3),
    "TensorRT in float16": (DeviceOptions("tensorrt", tf32=False, tensorrt_fp16=True), 1e-2),
}


@pytest.mark.parametrize(("given", "expected"), TOLERANCES.values(), ids=TOLERANCES.keys())
def test_what_the_arithmetic_loses_is_allowed_for(given: DeviceOptions, expected: float) -> None:
    assert tolerance(given) == expected


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_device_that_is_not_there_is_refused_with_what_to_install(tmp_path: Path, device: Any) -> None:
    if len(onnxruntime.get_available_providers()) > 2:
        pytest.skip("this ONNX Runtime is made for GPUs")
    with pytest.raises(
        StartupError, match=rf"--device {device} was asked for, and this ONNX Runtime has only .*CPU.*; install onnxruntime-gpu in place"
    ):
        Session(save(models.add2(), tmp_path / "model.onnx"), DeviceOptions(device), 1)


def test_every_option_has_help_and_can_be_written_as_a_flag() -> None:
    found = {option.flag: option for option in options(DeviceOptions)}
    assert {"--device", "--device-id", "--gpu-memory-limit-bytes", "--conv-search", "--tf32", "--cuda-graphs"} <= found.keys()
    assert all(option.help.endswith(".") for option in found.values())
