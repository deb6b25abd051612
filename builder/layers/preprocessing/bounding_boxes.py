"""Bounding boxes: the same number of them for every image."""

from typing import Any

import numpy as np

from builder import ops
from builder.errors import NetworkError
from builder.layer import Layer
from builder.layers.window import standardize_data_format
from builder.ops.sizes import size_of, spec_dims
from builder.ops.symbolic import KerasTensor, converted, emit, emit_as

__all__ = ["MaxNumBoundingBoxes"]


class MaxNumBoundingBoxes(Layer):
    """A dict of images with `max_number` boxes each: the first ones, or all of them and then boxes of `fill_value`.

    Of `{"images", "bounding_boxes": {"boxes", "labels"}}` the boxes `(batch, boxes, 4)` and labels `(batch, boxes)` change
    (ONNX Concat, Slice). Images alone come back as they are.
    """

    training_only = ("bounding_box_format",)

    def __init__(self, max_number: int, fill_value: int = -1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_number = int(max_number)
        self.fill_value = int(fill_value)
        self.data_format = standardize_data_format(data_format)

    def call(self, data: Any, training: bool | None = None) -> Any:
        if not isinstance(data, dict) or "bounding_boxes" not in data:
            return data
        boxes = data["bounding_boxes"]
        if unknown := sorted(set(boxes) - {"boxes", "labels"}):
            raise NetworkError(f"There are unsupported keys in `bounding_boxes`: {unknown}. Only `boxes` and `labels` are supported.")
        return {**data, "bounding_boxes": {key: self._first(tensor) for key, tensor in boxes.items()}}

    def _first(self, tensor: KerasTensor) -> KerasTensor:
        rest = spec_dims(tensor)[2:]
        fill = ops.broadcast_to(
            converted(np.asarray(self.fill_value), tensor.dtype), (size_of(tensor, 0), self.max_number, *ops.shape(tensor)[2:])
        )
        longer = emit("Concat", tensor, fill, axis=1)
        start, end, axis = (np.asarray([number], np.int64) for number in (0, self.max_number, 1))
        return emit_as((spec_dims(tensor)[0], self.max_number, *rest), tensor.dtype, "Slice", longer, start, end, axis)
