"""Triton's model configuration in this server's terms, with a warning for each part that has no meaning here.

The names are those of Triton's model_config.proto, as plain nested tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.errors import StartupError
from service.request import Dim, Signature

__all__ = ["Described", "Translated", "compare", "translate"]

Table = Mapping[str, Any]
GRAPH_LEVELS = {-1: "basic", 0: "all", 1: "extended", 2: "disabled"}  # of Triton's ONNX Runtime backend, which are not ONNX Runtime's own
MICROSECOND = 1e-6


@dataclass(frozen=True, slots=True)
class Described:
    """An input or output as the configuration has it: the datatype without TYPE_, and the dims as written."""

    name: str
    datatype: str
    dims: tuple[int, ...]
    is_input: bool
    has_batch: bool  # the dims leave the batch out


@dataclass(frozen=True, slots=True)
class Translated:
    """The options that a configuration sets, the model's file, the label files by output, what it says of tensors, and the warnings."""

    options: Mapping[str, Any] = field(default_factory=dict)
    file: str = ""
    label_files: Mapping[str, str] = field(default_factory=dict)
    described: Sequence[Described] = ()
    warnings: tuple[str, ...] = ()


def translate(config: Table, name: str, where: str) -> Translated:
    """What a configuration says of the model called `name`. Raises StartupError when it is another model's, or another backend's."""
    if (given := config.get("name", name)) != name:
        raise StartupError(f"{where}: it is of a model called {given!r}, and lies in the directory of {name!r}; name and directory are one")
    _check_backend(config, where)
    options: dict[str, Any] = {}
    warnings: list[str] = []
    for key, value in config.items():
        if key in PARTS:
            PARTS[key](value, options, warnings)
        elif key not in READ_ELSEWHERE:
            warnings.append(f"{key} has no meaning here")
    file = config.get("default_model_filename", "")
    if "/" in file or file.startswith("."):
        raise StartupError(f"{where}: default_model_filename is a name in the version's directory, and was given {file!r}")
    return Translated(
        options=options,
        file=file,
        label_files={output["name"]: output["label_filename"] for output in config.get("output", ()) if output.get("label_filename")},
        described=[*_described(config, "input"), *_described(config, "output")],
        warnings=tuple(f"{where}: {warning}" for warning in warnings),
    )


def compare(described: Sequence[Described], signature: Signature) -> None:
    """Raises StartupError when the configuration says something of an input or output that the model denies."""
    for tensor in described:
        side, specs = ("input", signature.inputs) if tensor.is_input else ("output", signature.outputs)
        if tensor.name not in specs:
            raise StartupError(f"its configuration has an {side} '{tensor.name}', and the model's are {', '.join(specs)}")
        spec = specs[tensor.name]
        datatype = "BYTES" if tensor.datatype == "STRING" else tensor.datatype
        if datatype and datatype != spec.datatype.name:
            raise StartupError(f"its configuration has {side} '{tensor.name}' as {tensor.datatype}, and the model as {spec.datatype.name}")
        shape = spec.shape[1:] if tensor.has_batch else spec.shape
        if tensor.dims and not _agree(tensor.dims, shape):
            free = [dim if isinstance(dim, int) else -1 for dim in shape]
            raise StartupError(f"its configuration has {side} '{tensor.name}' with dims {list(tensor.dims)}, and the model with {free}")


def _agree(dims: Sequence[int], shape: Sequence[Dim]) -> bool:
    """Whether dims describe a shape: what is free in either may be anything in the other."""
    pairs = zip(dims, shape, strict=False)
    return len(dims) == len(shape) and all(dim == -1 or not isinstance(size, int) or dim == size for dim, size in pairs)


def _check_backend(config: Table, where: str) -> None:
    backend, platform = config.get("backend", "onnxruntime"), config.get("platform", "onnxruntime_onnx")
    if backend != "onnxruntime" or platform != "onnxruntime_onnx":
        raise StartupError(
            f"{where}: it is for {backend if backend != 'onnxruntime' else platform}, and this server runs ONNX: platform "
            "'onnxruntime_onnx'; export the model with `hornbeam export`"
        )
    if "ensemble_scheduling" in config or "sequence_batching" in config:
        kind = "an ensemble" if "ensemble_scheduling" in config else "for sequences"
        raise StartupError(f"{where}: the model is {kind}, which this server does not have")


def _described(config: Table, side: str) -> list[Described]:
    batched = config.get("max_batch_size", 0) > 0
    return [
        Described(
            tensor["name"],
            tensor.get("data_type", "").removeprefix("TYPE_"),
            tuple(int(dim) for dim in tensor.get("dims", ())),
            side == "input",
            batched,
        )
        for tensor in config.get(side, ())
    ]


def _max_batch_size(rows: int, options: dict[str, Any], warnings: list[str]) -> None:
    if rows > 0:  # 0 is what Triton's default is, and cannot be told from it: then the model itself says whether it batches
        options["max_batch_rows"] = rows


def _version_policy(policy: Table, options: dict[str, Any], warnings: list[str]) -> None:
    for kind, value in policy.items():
        options["version_policy"] = kind
        if kind == "latest":
            options["latest_versions"] = int(value.get("num_versions", 1))
        elif kind == "specific":
            options["specific_versions"] = tuple(int(version) for version in value.get("versions", ()))


def _instance_group(groups: Sequence[Table], options: dict[str, Any], warnings: list[str]) -> None:
    first = groups[0]
    if len(groups) > 1:
        warnings.append(f"instance_group: the first of {len(groups)} groups is taken")
    if count := first.get("count"):
        options["runners"] = count
    kind = first.get("kind", "KIND_AUTO")
    if kind in ("KIND_GPU", "KIND_CPU"):
        options["device"] = "cuda" if kind == "KIND_GPU" else "cpu"
    if gpus := first.get("gpus"):
        options["device_id"] = gpus[0]
        if len(gpus) > 1:
            warnings.append(f"instance_group: GPU {gpus[0]} of {list(gpus)} is taken; run a server for each GPU")
    _warn(first, {"name", "count", "kind", "gpus"}, "instance_group.", warnings)


def _dynamic_batching(batching: Table, options: dict[str, Any], warnings: list[str]) -> None:
    if preferred := batching.get("preferred_batch_size"):
        options["preferred_rows"] = tuple(preferred)
    if delay := batching.get("max_queue_delay_microseconds"):
        options["max_delay_seconds"] = int(delay) * MICROSECOND
    for theirs, ours in (("priority_levels", "priority_levels"), ("default_priority_level", "default_priority")):
        if theirs in batching:
            options[ours] = int(batching[theirs])
    policy = batching.get("default_queue_policy", {})
    if timeout := policy.get("default_timeout_microseconds"):
        options["default_timeout_seconds"] = int(timeout) * MICROSECOND
    if size := policy.get("max_queue_size"):
        options["max_queue_rows"] = int(size)
        warnings.append("dynamic_batching.default_queue_policy.max_queue_size counts requests, and is taken as rows")
    if policy.get("timeout_action", "REJECT") != "REJECT":
        warnings.append("dynamic_batching.default_queue_policy.timeout_action: what has expired is always rejected here")
    _warn(policy, {"default_timeout_microseconds", "max_queue_size", "timeout_action", "allow_timeout_override"}, QUEUE_POLICY, warnings)
    known = {"preferred_batch_size", "max_queue_delay_microseconds", "priority_levels", "default_priority_level", "default_queue_policy"}
    _warn(batching, known, "dynamic_batching.", warnings)


QUEUE_POLICY = "dynamic_batching.default_queue_policy."


def _optimization(optimization: Table, options: dict[str, Any], warnings: list[str]) -> None:
    if "graph" in optimization:
        level = int(optimization["graph"].get("level", 0))
        if level in GRAPH_LEVELS:
            options["graph_optimization"] = GRAPH_LEVELS[level]
        else:
            warnings.append(f"optimization.graph.level {level} is none of {', '.join(map(str, GRAPH_LEVELS))}")
    if optimization.get("cuda", {}).get("graphs"):
        options["cuda_graphs"] = True
    for accelerator in optimization.get("execution_accelerators", {}).get("gpu_execution_accelerator", ()):
        if accelerator.get("name") == "tensorrt":
            options["device"] = "tensorrt"
        elif accelerator.get("name") == "cuda":
            _cuda(accelerator.get("parameters", {}), options, warnings)
        else:
            warnings.append(f"optimization.execution_accelerators: {accelerator.get('name')} has no meaning here")
    known = {"graph", "cuda", "execution_accelerators", "input_pinned_memory", "output_pinned_memory"}
    _warn(optimization, known, "optimization.", warnings)


def _cuda(parameters: Table, options: dict[str, Any], warnings: list[str]) -> None:
    if search := parameters.get("cudnn_conv_algo_search"):
        options["conv_search"] = str(search).lower()
    if limit := parameters.get("gpu_mem_limit"):
        options["gpu_memory_limit_bytes"] = int(limit)
    _warn(parameters, {"cudnn_conv_algo_search", "gpu_mem_limit"}, "optimization.execution_accelerators.cuda.", warnings)


def _model_warmup(warmups: Sequence[Table], options: dict[str, Any], warnings: list[str]) -> None:
    options["warm_up"] = True
    warnings.append("model_warmup: every batch size is warmed up by itself; the samples that it describes are not run")


def _warn(table: Table, known: set[str], prefix: str, warnings: list[str]) -> None:
    warnings.extend(f"{prefix}{key} has no meaning here" for key in table if key not in known)


PARTS: Mapping[str, Callable[[Any, dict[str, Any], list[str]], None]] = {
    "max_batch_size": _max_batch_size,
    "version_policy": _version_policy,
    "instance_group": _instance_group,
    "dynamic_batching": _dynamic_batching,
    "optimization": _optimization,
    "model_warmup": _model_warmup,
}
READ_ELSEWHERE = {"name", "platform", "backend", "runtime", "input", "output", "default_model_filename", "model_transaction_policy"}
