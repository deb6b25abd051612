"""Resizing and cropping: images of one size."""

from typing import Any

from builder import ops
from builder.layer import Layer
from builder.layers.window import standardize_data_format
from builder.ops.image.resizing import center_crop
from builder.ops.symbolic import KerasTensor, TensorLike, converted

__all__ = ["CenterCrop", "Resizing"]


class Resizing(Layer):
    """Images in `height` and `width`, in their own dtype: bytes stay bytes (ONNX Resize; see `ops.image.resize`).

    `crop_to_aspect_ratio` cuts off what the proportions do not have room for, `pad_to_aspect_ratio` adds `fill_value`.
    """

    training_only = ("bounding_box_format",)

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.height = height
        self.width = width
        self.interpolation = interpolation
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode = fill_mode
        self.fill_value = fill_value
        self.antialias = bool(antialias)
        self.data_format = standardize_data_format(data_format)

    def call(self, data: KerasTensor, training: bool | None = None) -> TensorLike:
        return ops.image.resize(
            data,
            (self.height, self.width),
            self.interpolation,
            self.antialias,
            self.crop_to_aspect_ratio,
            self.pad_to_aspect_ratio,
            self.fill_mode,
            self.fill_value,
            self.data_format,
        )


class CenterCrop(Layer):
    """The middle of images, `height` times `width`, in the layer's dtype (ONNX Slice).

    Of smaller images, the largest middle of those proportions, resized (ONNX Slice, Resize).
    """

    training_only = ("bounding_box_format",)

    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.height = height
        self.width = width
        self.data_format = standardize_data_format(data_format)

    def call(self, data: KerasTensor, training: bool | None = None) -> TensorLike:
        return center_crop(converted(data, self.compute_dtype), (self.height, self.width), self.data_format)
