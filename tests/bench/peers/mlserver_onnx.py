"""A runtime of MLServer for one ONNX model, as its manual has custom runtimes written; `mlserver start` finds it by name."""

from __future__ import annotations

from typing import Any

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Onnx(MLModel):  # type: ignore[misc]  # MLServer is not installed where types are checked
    """The model in the file that its settings name as `uri`."""

    session: Any

    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(self.settings.parameters.uri, options, providers=["CPUExecutionProvider"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        feeds = {given.name: NumpyCodec.decode_input(given).astype("float32", copy=False) for given in payload.inputs}
        outputs = self.session.run(None, feeds)
        named = zip(self.session.get_outputs(), outputs, strict=True)
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output(spec.name, array) for spec, array in named])
