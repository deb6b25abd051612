"""Reshaping layers."""

from collections.abc import Sequence
from math import prod
from typing import Any, ClassVar

from builder import ops
from builder.errors import NetworkError
from builder.input_spec import InputSpec
from builder.layer import Layer
from builder.layers.window import standardize_borders, standardize_data_format, standardize_sizes
from builder.ops.axes import integers
from builder.ops.symbolic import KerasTensor, converted, emit, emit_as

__all__ = [
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Flatten",
    "Permute",
    "RepeatVector",
    "Reshape",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]

Borders = tuple[tuple[int, int], ...]


class Flatten(Layer):
    """`(batch, ...)` to `(batch, elements)`; `(batch,)` to `(batch, 1)`. Channels that are first are moved last before."""

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: KerasTensor) -> KerasTensor:
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = ops.transpose(inputs, (0, *range(2, inputs.ndim), 1))
        return emit("Flatten", inputs, axis=1)


class Reshape(Layer):
    """The same elements of each row in `target_shape`, of which one -1 (or None) is worked out."""

    def __init__(self, target_shape: Sequence[int | None], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(-1 if size is None else size for size in target_shape)
        if self.target_shape.count(-1) > 1:
            raise NetworkError(f"The `target_shape` argument may have one -1 or None. Received: target_shape={target_shape}")

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return ops.reshape(inputs, (0, *self._sizes(inputs)))

    def _sizes(self, inputs: KerasTensor) -> tuple[int, ...]:
        """The target, its -1 worked out where the inputs are known, so that what follows knows it too."""
        given = inputs.shape[1:]
        if None in given:
            return self.target_shape
        elements, wanted = prod(size or 0 for size in given), prod(size for size in self.target_shape if size != -1)
        if -1 not in self.target_shape:
            if elements != wanted:
                raise NetworkError(f"The total size of the tensor must be unchanged. Received: {inputs.shape} to {self.target_shape}")
            return self.target_shape
        if wanted == 0 or elements % wanted:
            raise NetworkError(f"{elements} elements a row do not divide into target_shape={self.target_shape}. Received: {inputs.shape}")
        return tuple(elements // wanted if size == -1 else size for size in self.target_shape)


class Permute(Layer):
    """The axes behind the batch in another order: `dims` counts them from 1 (ONNX Transpose)."""

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if sorted(dims) != list(range(1, len(dims) + 1)):
            raise NetworkError(
                "Invalid permutation argument `dims` for Permute Layer. The set of indices in `dims` must be consecutive and start from 1. "
                f"Received dims={dims}"
            )
        self.dims = tuple(dims)
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return ops.transpose(inputs, (0, *self.dims))


class RepeatVector(Layer):
    """`(batch, features)` to `(batch, n, features)`, each the same (ONNX Tile)."""

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(n, int) or isinstance(n, bool) or n <= 0:
            raise NetworkError(f"Argument `n` should be a positive integer. Received: n={n}")
        self.n = n
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: KerasTensor) -> KerasTensor:
        batch, features = inputs.value.spec.shape
        return emit_as((batch, self.n, features), inputs.dtype, "Tile", ops.expand_dims(inputs, 1), integers((1, self.n, 1)))


class _Borders(Layer):
    """A layer that changes the tensor at the beginning and the end of each spatial axis."""

    rank: ClassVar[int]
    data_format: str = "channels_last"

    @property
    def axes(self) -> tuple[int, ...]:
        """The spatial axes."""
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))


class _Cropping(_Borders):
    """The inputs less what is at their borders (ONNX Slice)."""

    def crop(self, inputs: KerasTensor, borders: Borders) -> KerasTensor:
        """The inputs without `borders`, a pair for each spatial axis. Raises NetworkError when nothing would be left."""
        sizes = [inputs.shape[axis] for axis in self.axes]
        if any(size is not None and sum(pair) >= size for size, pair in zip(sizes, borders, strict=True)):
            raise NetworkError(
                "Values in `cropping` argument should be smaller than the corresponding spatial dimension of the input. "
                f"Received: inputs.shape={inputs.shape}, cropping={borders}"
            )
        begins = integers([begin for begin, _ in borders])
        ends = integers([-end if end else 2**63 - 1 for _, end in borders])
        return emit("Slice", inputs, begins, ends, integers(self.axes))


class Cropping1D(_Cropping):
    """`(batch, steps, channels)` less steps at both ends; an int for both, or a pair."""

    rank = 1

    def __init__(self, cropping: int | Sequence[int] = (1, 1), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cropping = standardize_sizes(cropping, 2, "cropping", least=0)
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs: KerasTensor) -> KerasTensor:
        begin, end = self.cropping
        return self.crop(inputs, ((begin, end),))


class Cropping2D(_Cropping):
    """Images less rows and columns at their borders: an int for all, one for each axis, or a pair for each."""

    rank = 2

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cropping = standardize_borders(cropping, self.rank, "cropping")
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=4)

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return self.crop(inputs, self.cropping)


class Cropping3D(_Cropping):
    """Volumes less what is at their borders: an int for all, one for each axis, or a pair for each."""

    rank = 3

    def __init__(self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cropping = standardize_borders(cropping, self.rank, "cropping")
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=5)

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return self.crop(inputs, self.cropping)


class _ZeroPadding(_Borders):
    """The inputs with zeros around (ONNX Pad)."""

    def pad(self, inputs: KerasTensor, borders: Borders) -> KerasTensor:
        """The inputs and zeros at `borders`, a pair for each spatial axis."""
        begins, ends = [0] * inputs.ndim, [0] * inputs.ndim
        for axis, (begin, end) in zip(self.axes, borders, strict=True):
            begins[axis], ends[axis] = begin, end
        return emit("Pad", inputs, integers((*begins, *ends)), converted(0, inputs.dtype))


class ZeroPadding1D(_ZeroPadding):
    """`(batch, steps, channels)` with zeros at both ends; an int for both, or a pair."""

    rank = 1

    def __init__(self, padding: int | Sequence[int] = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding = standardize_sizes(padding, 2, "padding", least=0)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs: KerasTensor) -> KerasTensor:
        begin, end = self.padding
        return self.pad(inputs, ((begin, end),))


class ZeroPadding2D(_ZeroPadding):
    """Images with zeros around: an int for all sides, one for each axis, or a pair for each."""

    rank = 2

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding = standardize_borders(padding, self.rank, "padding")
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=4)

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return self.pad(inputs, self.padding)


class ZeroPadding3D(_ZeroPadding):
    """Volumes with zeros around: an int for all sides, one for each axis, or a pair for each."""

    rank = 3

    def __init__(self, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding = standardize_borders(padding, self.rank, "padding")
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=5)

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return self.pad(inputs, self.padding)
