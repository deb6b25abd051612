"""Contrast: images stretched to the whole range of values, each by itself; in training and when serving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from builder import ops
from builder.errors import NetworkError
from builder.graph import Array
from builder.layer import Layer
from builder.layers.window import standardize_data_format
from builder.ops.axes import integers
from builder.ops.numpy.rearranging import cut
from builder.ops.sizes import spec_dims
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, emit_as, unsupported

__all__ = ["AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization"]

LEVELS = 256


class AutoContrast(Layer):
    """Images with their darkest value at the lower end of `value_range` and their brightest at the upper one.

    Each channel of `(batch, height, width, channels)` is stretched by itself; one of a single value stays as it is.
    """

    training_only = ("bounding_box_format",)

    def __init__(self, value_range: Sequence[float] = (0, 255), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value_range = _checked_range(value_range)
        self.data_format = standardize_data_format(data_format)  # which Keras keeps, and does not ask

    def call(self, data: KerasTensor, training: bool | None = None) -> TensorLike:
        images = converted(data, self.compute_dtype)
        axes = (1, 2) if data.ndim == 4 else (0, 1)
        scaled = _in_range(images, self.value_range, (0, 255), self.compute_dtype)
        low, high = ops.min(scaled, axes, keepdims=True), ops.max(scaled, axes, keepdims=True)
        scale = ops.divide(255.0, ops.subtract(high, low))
        stretched = ops.clip(ops.add(ops.multiply(scaled, scale), ops.multiply(ops.negative(low), scale)), 0.0, 255.0)
        results = _in_range(stretched, (0, 255), self.value_range, self.compute_dtype)
        return ops.where(ops.isnan(results), images, results)


class ContrastLimitedAdaptiveHistogramEqualization(Layer):
    """Images with the histogram of each tile made even, as far as `clip_limit` lets it (ONNX ScatterElements, GatherND).

    What lies between the middles of tiles is a mixture of what their histograms make of it. Needs images of known size.
    """

    training_only = ("bounding_box_format",)

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: Sequence[int] = (8, 8),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        _checked_range(value_range)
        self.value_range = value_range
        self.clip_limit = clip_limit
        self.tile_grid_size = tile_grid_size
        self.data_format = standardize_data_format(data_format)

    def call(self, data: KerasTensor, training: bool | None = None) -> TensorLike:
        images: Any = data if data.ndim == 4 else ops.expand_dims(data, 0)
        if self.data_format == "channels_first":
            images = ops.transpose(images, (0, 2, 3, 1))
        if None in images.shape[1:]:
            reason = "tiles need images of known size; give Input() their height, width and channels"
            return unsupported(reason, spec_dims(data), data.dtype, data)
        scaled = _in_range(converted(images, "float32"), self.value_range, (0, 255), "float32")
        found = _in_range(self._equalized(scaled), (0, 255), self.value_range, "float32")
        if self.data_format == "channels_first":
            found = ops.transpose(found, (0, 3, 1, 2))
        return converted(found if data.ndim == 4 else ops.squeeze(found, 0), data.dtype)

    def _equalized(self, images: Any) -> KerasTensor:
        """Images `(batch, height, width, channels)` of values from 0 to 255."""
        height, width, channels = images.shape[1:]
        rows, columns = self.tile_grid_size
        sizes = (-(-height // rows), -(-width // columns))
        padded = _mirrored(_mirrored(images, 1, rows * sizes[0]), 2, columns * sizes[1])
        levels = converted(ops.clip(padded, 0, 255), "int64")
        tables = self._tables(levels, (rows, columns), sizes, channels)
        first_row, row_share = _neighbours(rows, sizes[0])
        first_column, column_share = _neighbours(columns, sizes[1])

        def through(down: int, across: int) -> KerasTensor:
            places = np.stack(np.meshgrid(first_row + down, first_column + across, np.arange(channels), indexing="ij"), axis=-1)
            return _looked_up(tables, places, levels)

        down, across = row_share[:, None, None].astype(np.float32), column_share[:, None].astype(np.float32)
        top = through(0, 0) * (1 - across) + through(0, 1) * across
        bottom = through(1, 0) * (1 - across) + through(1, 1) * across
        mixed: KerasTensor = top * (1 - down) + bottom * down
        return cut(cut(mixed, 1, 0, height), 2, 0, width)

    def _tables(self, levels: TensorLike, grid: Sequence[int], sizes: Sequence[int], channels: int) -> KerasTensor:
        """What becomes of each level in each tile: `(batch, rows + 2, columns + 2, channels, 256)`, the outer tiles twice."""
        pixels = sizes[0] * sizes[1]
        tiles = ops.reshape(levels, (-1, grid[0], sizes[0], grid[1], sizes[1], channels))
        flat = ops.reshape(ops.transpose(tiles, (0, 1, 3, 5, 2, 4)), (-1, *grid, channels, pixels))
        counts = _histogram(flat)
        if self.clip_limit > 0:
            clipped = ops.clip(counts, 0.0, self.clip_limit * pixels / LEVELS)
            excess = ops.sum(ops.subtract(counts, clipped), axis=-1, keepdims=True)
            counts = ops.add(clipped, ops.divide(excess, float(LEVELS)))
        below = ops.cumsum(counts, axis=-1)
        least = ops.min(below, axis=-1, keepdims=True)
        rest = ops.subtract(float(pixels), least)
        even = ops.divide(ops.multiply(ops.subtract(below, least), 255.0), ops.where(ops.equal(rest, 0.0), 1.0, rest))
        around = ops.pad(ops.clip(even, 0.0, 255.0), ((0, 0), (1, 1), (1, 1), (0, 0), (0, 0)), "edge")
        assert isinstance(around, KerasTensor)
        return around


def _histogram(levels: TensorLike) -> KerasTensor:
    """How often each level is in the last axis (ONNX ScatterElements)."""
    ones = ops.cast(ops.ones_like(levels), "float32")
    none = ops.tile(ops.zeros_like(ops.get_item(ones, (..., slice(0, 1)))), (1, 1, 1, 1, LEVELS))
    dims = spec_dims(none)
    return emit_as(dims, "float32", "ScatterElements", none, levels, ones, axis=4, reduction="add")


def _looked_up(tables: KerasTensor, places: Array, levels: TensorLike) -> KerasTensor:
    """The entry for each pixel's level in the table of the tile at its place `(height, width, channels, 3)` (ONNX GatherND)."""
    own = ops.expand_dims(levels, -1)
    where = ops.concatenate([ops.add(ops.zeros_like(own), places.astype(np.int64)[None]), own], axis=-1)
    return emit_as(spec_dims(levels), "float32", "GatherND", tables, converted(where, "int64"), batch_dims=1)


def _neighbours(tiles: int, size: int) -> tuple[Array, Array]:
    """For each pixel along an axis, the tile whose middle is before it, counted from the one around, and how near the next is."""
    where = (np.arange(tiles * size, dtype=np.float32) - np.float32(size / 2)) / np.float32(size) + np.float32(1)
    first = np.floor(where)
    return first.astype(np.int64), where - first


def _mirrored(images: KerasTensor, axis: int, size: int) -> KerasTensor:
    """The images grown to `size` along an axis, by its end the other way round (ONNX Gather)."""
    own = images.shape[axis] or 0
    if own == size:
        return images
    places = np.arange(size) % (2 * own)
    return emit("Gather", images, integers(np.where(places < own, places, 2 * own - 1 - places).tolist()), axis=axis)


def _in_range(images: TensorLike, old: Sequence[float], new: Sequence[float], dtype: str) -> TensorLike:
    """Values between the ends of one range as values between those of another."""
    if tuple(old) == tuple(new):
        return images
    low, high = (np.asarray(end, dtype) for end in old)
    least, most = (np.asarray(end, dtype) for end in new)
    return ops.add(ops.multiply(ops.divide(ops.subtract(images, low), high - low), most - least), least)


def _checked_range(value_range: Any) -> list[float]:
    if not isinstance(value_range, list | tuple) or len(value_range) != 2:
        raise NetworkError(f"The `value_range` argument should be a list of two numbers. Received: value_range={value_range}")
    return sorted(value_range)
