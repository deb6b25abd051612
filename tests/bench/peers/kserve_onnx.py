"""KServe's Python server with one ONNX model, as its manual has custom models written: python kserve_onnx.py FILE NAME PORT."""

from __future__ import annotations

import logging
import sys
from typing import Any

import kserve
import onnxruntime
from kserve import InferOutput, InferRequest, InferResponse

FILE, NAME, PORT = sys.argv[1:4]


class Onnx(kserve.Model):  # type: ignore[misc]  # KServe is not installed where types are checked
    """The model; answers are given as raw bytes, which is the fastest that KServe offers."""

    def __init__(self) -> None:
        super().__init__(NAME)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(FILE, options, providers=["CPUExecutionProvider"])
        self.ready = True

    async def predict(self, payload: InferRequest, headers: Any = None, response_headers: Any = None) -> InferResponse:
        outputs = self.session.run(None, {given.name: given.as_numpy() for given in payload.inputs})
        answered = []
        for spec, array in zip(self.session.get_outputs(), outputs, strict=True):
            output = InferOutput(spec.name, list(array.shape), "FP32")
            output.set_data_from_numpy(array, binary_data=True)
            answered.append(output)
        return InferResponse(payload.id, NAME, answered)


logging.disable(logging.INFO)  # a line for each call
sys.argv = [
    sys.argv[0],
    "--grpc_port",
    PORT,
    "--enable_grpc",
    "true",
    "--http_port",
    str(int(PORT) + 1),
    "--enable_latency_logging",
    "false",
]
kserve.ModelServer(http_port=int(PORT) + 1, grpc_port=int(PORT), enable_latency_logging=False).start([Onnx()])
