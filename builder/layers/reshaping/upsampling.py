"""Upsampling layers: each step of the inputs becomes several."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from builder.errors import NetworkError
from builder.graph import Array, Attribute
from builder.input_spec import InputSpec
from builder.layer import Layer
from builder.layers.window import standardize_data_format, standardize_sizes
from builder.ops.allowance import spend
from builder.ops.nn.window import as_before, channels_first
from builder.ops.symbolic import KerasTensor, converted, emit, emit_as, unsupported, value_of

__all__ = ["UpSampling1D", "UpSampling2D", "UpSampling3D"]

# ONNX's Resize for each of Keras's interpolations that it has.
_RESIZE: dict[str, dict[str, Attribute]] = {
    "nearest": {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    "bilinear": {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
    "bicubic": {"mode": "cubic", "coordinate_transformation_mode": "half_pixel", "cubic_coeff_a": -0.5, "exclude_outside": 1},
}
# The dtypes in which ONNX Runtime resizes.
_FLOATS = ("float16", "bfloat16", "float32")
_NEAREST = (*_FLOATS, "int32", "int8", "uint8")
_LANCZOS = {"lanczos3": 3, "lanczos5": 5}  # the radius


class UpSampling1D(Layer):
    """`(batch, steps, channels)` to `(batch, steps * size, channels)`: each step several times (ONNX Resize)."""

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
            raise NetworkError(f"Argument `size` should be a positive integer. Received: size={size}")
        self.size = size
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return _resized(inputs, (self.size,), "channels_last", "nearest")


class _UpSampling(Layer):
    """`size` steps for each, along each of `rank` spatial axes."""

    rank: ClassVar[int]
    size: tuple[int, ...]
    data_format: str
    interpolation: str = "nearest"

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return _resized(inputs, self.size, self.data_format, self.interpolation)


class UpSampling2D(_UpSampling):
    """Images `size` times as large: "nearest" repeats, "bilinear", "bicubic", "lanczos3" and "lanczos5" go from one to the next."""

    rank = 2

    def __init__(
        self, size: int | Sequence[int] = (2, 2), data_format: str | None = None, interpolation: str = "nearest", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.size = standardize_sizes(size, self.rank, "size")
        self.data_format = standardize_data_format(data_format)
        self.interpolation = str(interpolation).lower()
        self.input_spec = InputSpec(ndim=4)
        if self.interpolation not in (known := (*_RESIZE, *_LANCZOS)):
            raise NetworkError(
                f"Invalid value for argument `interpolation`. Expected of one {known}. Received: interpolation={interpolation}"
            )


class UpSampling3D(_UpSampling):
    """Volumes `size` times as large: each element several times along each axis."""

    rank = 3

    def __init__(self, size: int | Sequence[int] = (2, 2, 2), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = standardize_sizes(size, self.rank, "size")
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=5)


def _resized(inputs: KerasTensor, factors: Sequence[int], data_format: str, interpolation: str) -> KerasTensor:
    """The inputs with `factors` as many steps. Between integers it computes in float32 and rounds, as Keras does."""
    if interpolation in _LANCZOS:
        return _lanczos(inputs, factors, data_format, _LANCZOS[interpolation])
    exact = _NEAREST if interpolation == "nearest" else _FLOATS
    number = inputs.dtype if inputs.dtype in exact else "float32"
    moved = converted(channels_first(inputs, data_format), number)
    batch, channels, *space = value_of(moved).spec.shape
    sizes = [size * factor if isinstance(size, int) else None for size, factor in zip(space, factors, strict=True)]
    scales = np.asarray((1, 1, *factors), np.float32)
    resized = emit_as((batch, channels, *sizes), number, "Resize", moved, None, scales, **_RESIZE[interpolation])
    return _back(inputs, as_before(resized, data_format))


def _back(inputs: KerasTensor, resized: KerasTensor) -> KerasTensor:
    """What was resized in the dtype of the inputs."""
    is_rounded = inputs.dtype not in _FLOATS and resized.dtype in _FLOATS
    after = converted(emit("Round", resized) if is_rounded else resized, inputs.dtype)
    assert isinstance(after, KerasTensor)
    return after


def _lanczos(inputs: KerasTensor, factors: Sequence[int], data_format: str, radius: int) -> KerasTensor:
    """ONNX has no such mode: each axis is multiplied by the matrix of the weights (ONNX MatMul)."""
    number = inputs.dtype if inputs.dtype in _FLOATS else "float32"
    moved = converted(channels_first(inputs, data_format), number)
    height, width = value_of(moved).spec.shape[2:]
    if not isinstance(height, int) or not isinstance(width, int):
        reason = "lanczos needs to know height and width: give the Input both, or interpolate otherwise"
        return unsupported(reason, (*inputs.value.spec.shape[:1], *inputs.shape[1:]), inputs.dtype, inputs)
    rows, columns = (_weights(size, factor, radius).astype(number) for size, factor in zip((height, width), factors, strict=True))
    return _back(inputs, as_before(emit("MatMul", emit("MatMul", rows, moved), columns.T), data_format))


def _weights(size: int, factor: int, radius: int) -> Array:
    """How much of each of `size` steps goes into each of `size * factor`, `(size * factor, size)`; a row sums to one."""
    spend(size * factor, size)
    centers = (np.arange(size * factor) + 0.5) / factor - 0.5
    distance = np.abs(centers[:, None] - np.arange(size)[None, :])
    weights = np.where(distance < radius, np.sinc(distance) * np.sinc(distance / radius), 0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
