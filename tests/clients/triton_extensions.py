"""Asks a server of the tests' models all that tritonclient can ask; run by an interpreter that has it.

    python tests/clients/triton_extensions.py ADDRESS ADD2.onnx

Prints what it saw as JSON. Nothing here knows the server: what a user of Triton's would write works unchanged.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import ml_dtypes
import numpy as np
import tritonclient.grpc as triton
import tritonclient.utils.shared_memory as shared
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

TELLING: dict[str, list[Any]] = {
    "BOOL": [True, False, True],
    "FP16": [0.5, -65504, np.inf],
    "FP32": [0.1, -3.4e38, np.nan],
    "FP64": [0.1, -1.7e308, np.inf],
    "BYTES": ["plain", "", "ünï\0"],
    "BF16": [0.5, -3.0, 1e38],
}
NUMPY: dict[str, Any] = {
    "BOOL": bool,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": object,
    "BF16": ml_dtypes.bfloat16,
}
for bits in (8, 16, 32, 64):
    for kind, letter in (("INT", "i"), ("UINT", "u")):
        NUMPY[f"{kind}{bits}"] = np.dtype(f"{letter}{bits // 8}")
        limits = np.iinfo(NUMPY[f"{kind}{bits}"])
        TELLING[f"{kind}{bits}"] = [limits.min, limits.max, 7]


def tensor(name: str, array: Any, datatype: str = "") -> Any:
    made = triton.InferInput(name, array.shape, datatype or np_to_triton_dtype(array.dtype))
    made.set_data_from_numpy(array)
    return made


def row(value: float) -> Any:
    return np.full((1, 4), value, np.float32)


def pair(value: float) -> list[Any]:
    """The inputs of `add2`: their sum is value + 1."""
    return [tensor("a", row(value)), tensor("b", row(1))]


def refused(call: Callable[[], object]) -> list[str]:
    """The code and words of a refusal; nothing when there is none."""
    try:
        call()
    except InferenceServerException as error:
        return [str(error.status()), str(error.message())]
    return []


def datatypes(client: Any) -> dict[str, bool]:
    """Whether a model gives back what it gets, for each datatype that there is a model of."""
    models = {model["name"] for model in client.get_model_repository_index(as_json=True)["models"]}
    seen = {}
    for name in (name for name in TELLING if f"ident_{name.lower()}" in models):
        sent = np.array([TELLING[name]], NUMPY[name])
        found = client.infer(f"ident_{name.lower()}", [tensor("x", sent, name)]).as_numpy("y")
        if name == "BYTES":
            found = np.array([[text.decode() for text in line] for line in found], object)
        seen[name] = found.tolist() == sent.tolist() or (found.dtype == sent.dtype and found.tobytes() == sent.tobytes())
    return seen


def asynchronous(client: Any) -> list[float]:
    answers: SimpleQueue[Any] = SimpleQueue()
    for number in range(50):
        client.async_infer("add2", pair(number), lambda result, error: answers.put((result, error)), request_id=str(number))
    sums = {}
    for _ in range(50):
        result, error = answers.get(timeout=30)
        assert error is None
        sums[int(result.get_response().id)] = float(result.as_numpy("sum")[0, 0])
    return [sums[number] for number in range(50)]


def streaming(client: Any) -> dict[str, Any]:
    answers: SimpleQueue[Any] = SimpleQueue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for number in range(50):
        client.async_stream_infer("add2", pair(number), request_id=str(number), enable_empty_final_response=True)
    client.async_stream_infer("nope", pair(0), request_id="wrong")
    client.async_stream_infer("add2", pair(100), request_id="last")
    found = [answers.get(timeout=30) for _ in range(52)]
    client.stop_stream()
    good = [result for result, error in found if error is None]
    return {
        "ids": [result.get_response().id for result in good],
        "sums": [float(result.as_numpy("sum")[0, 0]) for result in good],
        "final": all(result.get_response().parameters["triton_final_response"].bool_param for result in good),
        "errors": [str(error.message()) for _, error in found if error is not None],
    }


def streaming_with_status(client: Any) -> list[str]:
    answers: SimpleQueue[Any] = SimpleQueue()
    client.start_stream(lambda result, error: answers.put((result, error)), headers={"triton_grpc_error": "true"})
    client.async_stream_infer("nope", pair(0))
    _, error = answers.get(timeout=30)
    client.stop_stream()
    return [str(error.status()), str(error.message())]


def in_shared_memory(client: Any) -> dict[str, Any]:
    """Both inputs and one output of `add2` in one region."""
    client.unregister_system_shared_memory()
    region = shared.create_shared_memory_region("mine", "/hornbeam_test", 64)
    try:
        shared.set_shared_memory_region(region, [row(2), row(3)])
        client.register_system_shared_memory("mine", "/hornbeam_test", 64)
        a, b = (triton.InferInput(name, [1, 4], "FP32") for name in "ab")
        a.set_shared_memory("mine", 16)
        b.set_shared_memory("mine", 16, 16)
        to_region, here = triton.InferRequestedOutput("sum"), triton.InferRequestedOutput("difference")
        to_region.set_shared_memory("mine", 16, 32)
        result = client.infer("add2", [a, b], outputs=[to_region, here])
        seen = {
            "sum": shared.get_contents_as_numpy(region, np.float32, result.get_output("sum").shape, 32).tolist(),
            "difference": result.as_numpy("difference").tolist(),
            "status": client.get_system_shared_memory_status(as_json=True)["regions"],
            "twice": refused(lambda: client.register_system_shared_memory("mine", "/hornbeam_test", 64)),
            "too large": refused(lambda: client.register_system_shared_memory("other", "/hornbeam_test", 65)),
        }
        client.unregister_system_shared_memory("mine")
        return {**seen, "left": client.get_system_shared_memory_status(as_json=True), "gone": refused(lambda: client.infer("add2", [a, b]))}
    finally:
        shared.destroy_shared_memory_region(region)


def parameters(client: Any) -> bool:
    """Whether a request with every parameter that the client knows is answered."""
    custom = {"mine": "text", "flag": True, "number": 7}
    result = client.infer("add2", pair(1), request_id="id", priority=1, timeout=30_000_000, client_timeout=30, parameters=custom)
    return bool(result.get_response().id == "id")


def classes(client: Any) -> list[list[str]]:
    result = client.infer("add2", pair(1), outputs=[triton.InferRequestedOutput("sum", class_count=2)])
    return [[text.decode() for text in line] for line in result.as_numpy("sum")]


def control(client: Any, model: str) -> dict[str, Any]:
    """Takes a model out and puts it back, and brings one of its own."""
    client.unload_model("total")
    rows = [tensor("x", row(1))]
    seen: dict[str, Any] = {"unloaded": refused(lambda: client.infer("total", rows))}
    client.load_model("total")
    seen["loaded again"] = client.infer("total", rows).as_numpy("y").tolist()
    client.load_model(
        "mine", config=json.dumps({"backend": "onnxruntime", "max_batch_size": 8}), files={"file:1/model.onnx": Path(model).read_bytes()}
    )
    seen["mine"] = client.infer("mine", pair(1)).as_numpy("sum").tolist()
    seen["its size"] = client.get_model_config("mine", as_json=True)["config"]["max_batch_size"]
    seen["broken"] = refused(lambda: client.load_model("mine", config="{}", files={"file:1/model.onnx": b"onnx"}))
    seen["still mine"] = client.infer("mine", pair(2)).as_numpy("sum").tolist()
    client.unload_model("mine")
    return {**seen, "gone": refused(lambda: client.infer("mine", pair(1))), "unknown": refused(lambda: client.load_model("nope"))}


def main(address: str, model: str) -> None:
    client = triton.InferenceServerClient(address)
    config = client.get_model_config("add2", as_json=True)["config"]
    seen = {
        "extensions": client.get_server_metadata(as_json=True)["extensions"],
        "ready": [client.is_server_live(), client.is_server_ready(), client.is_model_ready("add2"), client.is_model_ready("add2", "1")],
        "metadata": client.get_model_metadata("add2", as_json=True),
        "max_batch_size": config["max_batch_size"],
        "datatypes": datatypes(client),
        "async": asynchronous(client),
        "streaming": streaming(client),
        "streaming with status": streaming_with_status(client),
        "parameters": parameters(client),
        "classes": classes(client),
        "shared memory": in_shared_memory(client),
        "cuda": refused(lambda: client.get_cuda_shared_memory_status()),
        "label": refused(lambda: client.infer("add2", pair(1), model_version="stable")),
        "log settings": client.update_log_settings({"log_verbose_level": 1}, as_json=True)["settings"],
        "log settings again": client.update_log_settings({"log_verbose_level": 0}, as_json=True)["settings"],
        "log file": refused(lambda: client.update_log_settings({"log_file": "/tmp/mine"})),
        "trace settings": client.update_trace_settings("add2", {"trace_level": ["TIMESTAMPS"], "trace_rate": "2"}, as_json=True)[
            "settings"
        ],
        "trace settings cleared": client.update_trace_settings("add2", {"trace_level": None, "trace_rate": None}, as_json=True)["settings"],
        "index": [model["state"] for model in client.get_model_repository_index(as_json=True)["models"]],
        "control": control(client, model),
        "unknown model": refused(lambda: client.infer("nope", pair(1))),
    }
    answered = client.get_inference_statistics("add2", as_json=True)["model_stats"][0]
    seen["answered"] = answered["inference_stats"]["success"]["count"]
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
