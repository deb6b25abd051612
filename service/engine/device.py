"""Where a model runs: the device options, and what they are to ONNX Runtime. All but `open_session` decides only.

Names and values of the provider options are those of ONNX Runtime's CUDA and TensorRT execution providers.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

import onnxruntime

from service.engine.graph_cache import cached_session
from service.errors import StartupError

__all__ = ["PROVIDERS", "DeviceOptions", "check", "idle_options", "open_session", "providers", "session_options", "tolerance"]

log = logging.getLogger("hornbeam.engine")
Providers = Sequence[tuple[str, Mapping[str, str]]]

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}
_INSTALL = {
    "cuda": "install onnxruntime-gpu in place of onnxruntime, or use --device cpu",
    "tensorrt": "install onnxruntime-gpu in place of onnxruntime, and TensorRT, or use --device cuda or cpu",
}
_MEANT_FOR = {
    "graph_cache": ("cpu",),
    "device_id": ("cuda", "tensorrt"),
    "gpu_memory_limit_bytes": ("cuda", "tensorrt"),
    "conv_search": ("cuda", "tensorrt"),
    "tf32": ("cuda", "tensorrt"),
    "arena_extend": ("cuda", "tensorrt"),
    "tensorrt_fp16": ("tensorrt",),
    "tensorrt_cache": ("tensorrt",),
}


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    """Where models run, and how. What is asked for and not there is refused; nothing falls back to another device."""

    device: Annotated[Literal["cpu", "cuda", "tensorrt"], "Where models run; what is asked for and not there is refused."] = "cpu"
    device_id: Annotated[int, "Which GPU, as CUDA counts them.", (0, None)] = 0
    gpu_memory_limit_bytes: Annotated[int, "Most GPU memory that one model's arena may take; 0 is all there is.", (0, None)] = 0
    conv_search: Annotated[
        Literal["heuristic", "exhaustive", "default"],
        "How cuDNN picks a convolution: exhaustive tries all of them, anew for each shape, which takes a request seconds.",
    ] = "heuristic"
    tf32: Annotated[bool, "Whether GPUs that can may round the factors of float32 products to 10 bits."] = True
    cuda_graphs: Annotated[bool, "Capture a CUDA graph for each allowed batch size; one batch runs at a time."] = False
    arena_extend: Annotated[Literal["same_as_requested", "next_power_of_two"], "By how much a model's GPU memory grows when it has to."] = (
        "same_as_requested"
    )
    graph_optimization: Annotated[
        Literal["all", "extended", "basic", "disabled"], "How far ONNX Runtime rewrites a model when it loads it."
    ] = "all"
    graph_cache: Annotated[str, "Directory that keeps rewritten graphs, so that the next start maps them instead of rewriting anew."] = ""
    threads: Annotated[int, "Threads of each run on the CPU; 0 divides the cores among the runs that go on at once.", (0, None)] = 0
    tensorrt_fp16: Annotated[bool, "Whether TensorRT may compute in float16."] = False
    tensorrt_cache: Annotated[str, "Directory that keeps the engines which TensorRT builds; without one each start builds them."] = ""


def check(options: DeviceOptions, sizes: Sequence[int]) -> None:
    """Raises StartupError for options that contradict each other; `sizes` are the batch sizes that may run, none for any."""
    if options.cuda_graphs and options.device != "cuda":
        raise StartupError(f"CUDA graphs were asked for on --device {options.device}; they need --device cuda")
    if options.cuda_graphs and not sizes:
        raise StartupError("CUDA graphs were asked for, and any number of rows may run together; say which batch sizes are allowed")


def idle_options(options: DeviceOptions) -> list[str]:
    """The options that were given and mean nothing on the device."""
    given = {field.name for field in fields(options) if getattr(options, field.name) != field.default}
    return [name for name, devices in _MEANT_FOR.items() if name in given and options.device not in devices]


def providers(options: DeviceOptions) -> Providers:
    """The execution providers with their options, the one that was asked for first; what it has not runs on those behind it."""
    cpu: tuple[str, Mapping[str, str]] = (PROVIDERS["cpu"], {})
    if options.device == "cpu":
        return [cpu]
    cuda = (PROVIDERS["cuda"], _cuda(options))
    return [cuda, cpu] if options.device == "cuda" else [(PROVIDERS["tensorrt"], _tensorrt(options)), cuda, cpu]


def _cuda(options: DeviceOptions) -> dict[str, str]:
    given = {
        "device_id": str(options.device_id),
        "cudnn_conv_algo_search": options.conv_search.upper(),
        "use_tf32": str(int(options.tf32)),
        "enable_cuda_graph": str(int(options.cuda_graphs)),
        "arena_extend_strategy": {"same_as_requested": "kSameAsRequested", "next_power_of_two": "kNextPowerOfTwo"}[options.arena_extend],
    }
    if options.gpu_memory_limit_bytes:
        given["gpu_mem_limit"] = str(options.gpu_memory_limit_bytes)
    return given


def _tensorrt(options: DeviceOptions) -> dict[str, str]:
    given = {"device_id": str(options.device_id), "trt_fp16_enable": str(int(options.tensorrt_fp16))}
    if options.tensorrt_cache:
        given |= {"trt_engine_cache_enable": "1", "trt_engine_cache_path": options.tensorrt_cache}
    return given


def tolerance(options: DeviceOptions) -> float:
    """How far from the same model on a CPU an answer may be, relative to its largest number: what the device's arithmetic loses."""
    if options.device == "cpu":
        return 0.0
    rounded = options.tf32 or (options.device == "tensorrt" and options.tensorrt_fp16)
    return 1e-2 if rounded else 1e-3


def session_options(options: DeviceOptions, threads: int) -> Any:
    """ONNX Runtime's SessionOptions: `threads` for each run, which do not spin, and the level of rewriting."""
    level = onnxruntime.GraphOptimizationLevel
    made = onnxruntime.SessionOptions()
    made.intra_op_num_threads = threads
    made.inter_op_num_threads = 1
    # What fails is raised as well, and said in the log's own lines; on a GPU it says on stderr alone why that cannot be used.
    made.log_severity_level = 4 if options.device == "cpu" else 3
    made.graph_optimization_level = {
        "all": level.ORT_ENABLE_ALL,
        "extended": level.ORT_ENABLE_EXTENDED,
        "basic": level.ORT_ENABLE_BASIC,
        "disabled": level.ORT_DISABLE_ALL,
    }[options.graph_optimization]
    # Threads that spin between runs take the cores from those that receive requests.
    made.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return made


def open_session(path: Path, options: DeviceOptions, threads: int) -> Any:
    """The model on its device. Raises StartupError when it cannot be loaded, or not on the device that was asked for."""
    available = onnxruntime.get_available_providers()
    wanted = PROVIDERS[options.device]
    if wanted not in available:
        raise StartupError(
            f"--device {options.device} was asked for, and this ONNX Runtime has only {', '.join(available)}; {_INSTALL[options.device]}"
        )
    if idle := idle_options(options):
        log.warning("%s: nothing on device %s heeds %s", path, options.device, ", ".join(idle))
    if options.device != "cpu" and find_spec("nvidia"):
        onnxruntime.preload_dlls(msvc=False)  # CUDA's libraries out of Python packages, where nothing else looks for them
    try:
        # Left to itself, it would say on stdout that the device failed, and go on without: when it loads, and in any later run.
        session = _opened(path, options, threads)
    except Exception as error:  # ONNX Runtime raises a class of its own for each of its codes
        raise StartupError(f"{path} cannot be loaded{_on(options)}: {_why(path, error)}") from error
    if session.get_providers()[0] != wanted:
        raise StartupError(
            f"{path}: {options.device} was asked for, and ONNX Runtime could not use it; it fell back to {session.get_providers()[0]}. "
            "Its own words are on stderr; as a rule the driver, CUDA or cuDNN is missing, or of another version"
        )
    return session


def _opened(path: Path, options: DeviceOptions, threads: int) -> Any:
    made, chosen = partial(session_options, options, threads), list(providers(options))

    def opened(model: Path, settings: Any) -> Any:
        return onnxruntime.InferenceSession(str(model), settings, providers=chosen, enable_fallback=0)

    if not options.graph_cache or options.device != "cpu":
        return opened(path, made())
    return cached_session(Path(options.graph_cache), path, made, options.graph_optimization, opened)


def _on(options: DeviceOptions) -> str:
    return "" if options.device == "cpu" else f" on {options.device} device {options.device_id}"


def _why(path: Path, error: Exception) -> str:
    """The innermost of ONNX Runtime's reasons, in one line, and what to do where it is known."""
    innermost = str(error).strip().rsplit("[ONNXRuntimeError] : ", 1)[-1]
    reason = innermost.splitlines()[0].strip() if innermost else type(error).__name__
    reason = re.sub(r"/onnxruntime_src/\S+:\d+ .*?\) (?=[A-Z])", "", reason)  # the place in its source
    if "xternal" in reason:  # "External data path", "external data", "External initializer", as each of its checks has it
        return f"{reason.rstrip('.')}. Its weights must lie whole in {path.parent}, in the files that were exported together"
    return reason
