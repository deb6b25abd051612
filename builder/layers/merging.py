"""Merging layers: several tensors become one."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from builder import ops
from builder.errors import NetworkError
from builder.layer import Layer
from builder.ops.symbolic import KerasTensor, Shape, converted, emit

__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]

Masked = tuple[KerasTensor, KerasTensor | None]


class _Merge(Layer):
    """Takes a list of tensors. Those of lower rank get axes of size 1 behind the batch, as Keras has it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        if not isinstance(input_shape, list | tuple) or not input_shape or not isinstance(input_shape[0], tuple):
            raise NetworkError(
                f"A merge layer should be called on a list of inputs. Received: input_shape={input_shape} (not a list of shapes)"
            )
        batches = {shape[0] for shape in input_shape if shape} - {None}
        if len(batches) > 1:
            raise NetworkError(f"Cannot merge tensors with different batch sizes. Received tensors with shapes {input_shape}")

    def call(self, inputs: Sequence[KerasTensor]) -> KerasTensor:
        rank = max(tensor.ndim for tensor in inputs)
        return self.merge([_with_rank(tensor, rank) for tensor in inputs])

    def merge(self, inputs: Sequence[KerasTensor]) -> KerasTensor:
        raise NotImplementedError

    def compute_mask(self, inputs: Any, mask: Any) -> KerasTensor | None:
        """Where any of the inputs has something; None unless all have a mask."""
        if not isinstance(mask, list | tuple) or any(one is None for one in mask):
            return None
        return _any_of(mask)


class Add(_Merge):
    """The sum, broadcast over axes of size 1."""

    def merge(self, inputs: Sequence[KerasTensor]) -> KerasTensor:
        return reduce(ops.add, inputs)


class Subtract(_Merge):
    """The first less the second."""

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        if len(input_shape) != 2:
            raise NetworkError(f"A `Subtract` layer should be called on exactly 2 inputs. Received: input_shape={input_shape}")

    def merge(self, inputs: Sequence[KerasTensor]) -> KerasTensor:
        return reduce(ops.subtract, inputs)


class Average(_Merge):
    """The mean, broadcast over axes of size 1."""

    def merge(self, inputs: Sequence[KerasTensor]) -> KerasTensor:
        return ops.divide(reduce(ops.add, inputs), len(inputs))


class Multiply(_Merge):
    """The product, broadcast; what is masked counts as one, and where all are masked the product is zero."""

    def merge(self, inputs: Sequence[KerasTensor]) -> KerasTensor:
        masks = [_spread(tensor.mask) for tensor in inputs]
        product = reduce(ops.multiply, [_filled(tensor, mask, 1) for tensor, mask in zip(inputs, masks, strict=True)])
        given = [mask for mask in masks if mask is not None]
        if len(given) < len(masks):
            return product
        return _filled(product, _any_of(given), 0)


class Maximum(_Merge):
    """The largest at each place, of those that are not masked."""

    def merge(self, inputs: Sequence[KerasTensor]) -> KerasTensor:
        return _extreme(ops.maximum, inputs)


class Minimum(_Merge):
    """The smallest at each place, of those that are not masked."""

    def merge(self, inputs: Sequence[KerasTensor]) -> KerasTensor:
        return _extreme(ops.minimum, inputs)


class Concatenate(_Merge):
    """The tensors one after another along `axis`; all other axes must be of the same size."""

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape: Any) -> None:
        if not isinstance(input_shape, list | tuple) or not input_shape or not isinstance(input_shape[0], tuple):
            raise NetworkError(f"A `Concatenate` layer should be called on a list of inputs. Received: input_shape={input_shape}")
        rank = len(input_shape[0])
        if (
            any(len(shape) != rank for shape in input_shape)
            or not -rank <= self.axis < rank
            or _others_differ(input_shape, self.axis % rank)
        ):
            raise NetworkError(
                "A `Concatenate` layer requires inputs with matching shapes except for the concatenation axis "
                f"(axis={self.axis}). Received: input_shape={input_shape}"
            )

    def call(self, inputs: Sequence[KerasTensor]) -> KerasTensor:
        return ops.concatenate(inputs, self.axis)

    def compute_mask(self, inputs: Any, mask: Any) -> KerasTensor | None:
        """The masks one after another, nothing masked where there is none; joined along the last axis, where any has something."""
        if not isinstance(mask, list | tuple) or all(one is None for one in mask):
            return None
        masks = [_everywhere(tensor) if one is None else one for tensor, one in zip(inputs, mask, strict=True)]
        if self.axis % inputs[0].ndim == inputs[0].ndim - 1:
            return _any_of(masks)
        return ops.concatenate(masks, self.axis % inputs[0].ndim)


class Dot(_Merge):
    """The products of two tensors, summed over an axis of each, for each row; `normalize` makes them cosines.

    `axes` is one axis for both, or one for each: `(batch, a, k)` and `(batch, k, b)` with `axes=(2, 1)` give
    `(batch, a, b)` (ONNX MatMul).
    """

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axes, int) and (
            not isinstance(axes, list | tuple) or len(axes) != 2 or not all(isinstance(axis, int) for axis in axes)
        ):
            raise NetworkError(f"Invalid format for argument `axes`: it should be an int or two of them. Received: axes={axes}")
        self.axes = axes
        self.normalize = normalize

    def build(self, input_shape: Any) -> None:
        if not isinstance(input_shape, list | tuple) or len(input_shape) != 2 or not isinstance(input_shape[0], tuple):
            raise NetworkError(f"A `Dot` layer should be called on a list of 2 inputs. Received: input_shape={input_shape}")
        first, second = self._axes(*input_shape)
        if 0 in (first, second) or min(map(len, input_shape)) < 2:
            raise NetworkError(f"Cannot sum over axis 0, the batch. Received: axes={self.axes} and input_shape={input_shape}")
        sizes = input_shape[0][first], input_shape[1][second]
        if None not in sizes and sizes[0] != sizes[1]:
            raise NetworkError(
                f"Incompatible input shapes: axis values {sizes[0]} (at axis {first}) != {sizes[1]} (at axis {second}). "
                f"Full input shapes: {input_shape[0]}, {input_shape[1]}"
            )

    def call(self, inputs: Sequence[KerasTensor]) -> KerasTensor:
        one, other = inputs
        axes = self._axes(one.shape, other.shape)
        if self.normalize:
            one, other = ops.normalize(one, axes[0]), ops.normalize(other, axes[1])
        return _products(one, other, *axes)

    def compute_mask(self, inputs: Any, mask: Any) -> None:
        """None, as Keras has it."""

    def _axes(self, one: Shape, other: Shape) -> tuple[int, int]:
        first, second = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        if not (-len(one) <= first < len(one) and -len(other) <= second < len(other)):
            raise NetworkError(f"axes={self.axes} are not those of inputs of shapes {one} and {other}")
        return first % len(one), second % len(other)


def add(inputs: Sequence[KerasTensor], **kwargs: Any) -> Any:
    """The tensors through an `Add` layer."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[KerasTensor], **kwargs: Any) -> Any:
    """The tensors through a `Subtract` layer."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[KerasTensor], **kwargs: Any) -> Any:
    """The tensors through a `Multiply` layer."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[KerasTensor], **kwargs: Any) -> Any:
    """The tensors through an `Average` layer."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[KerasTensor], **kwargs: Any) -> Any:
    """The tensors through a `Maximum` layer."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[KerasTensor], **kwargs: Any) -> Any:
    """The tensors through a `Minimum` layer."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Sequence[KerasTensor], axis: int = -1, **kwargs: Any) -> Any:
    """The tensors through a `Concatenate` layer."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Sequence[KerasTensor], axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """The tensors through a `Dot` layer."""
    return Dot(axes=axes, **kwargs)(inputs)


def _with_rank(tensor: KerasTensor, rank: int) -> KerasTensor:
    missing = rank - tensor.ndim
    return ops.expand_dims(tensor, tuple(range(1, 1 + missing))) if missing else tensor


def _others_differ(shapes: Sequence[Shape], axis: int) -> bool:
    """Whether two sizes that are known differ on an axis other than `axis`."""
    return any(len(set(sizes) - {None}) > 1 for index, sizes in enumerate(zip(*shapes, strict=True)) if index != axis)


def _spread(mask: KerasTensor | None) -> KerasTensor | None:
    """The mask with an axis of size 1 for the features."""
    return None if mask is None else ops.expand_dims(mask, mask.ndim)


def _filled(x: KerasTensor, mask: KerasTensor | None, number: int) -> KerasTensor:
    return x if mask is None else emit("Where", mask, x, converted(number, x.dtype))


def _extreme(function: Callable[..., KerasTensor], inputs: Sequence[KerasTensor]) -> KerasTensor:
    """`function` over the inputs, two at a time; where one of two is masked it is the other."""
    return reduce(lambda one, other: _either(function, one, other), [(tensor, _spread(tensor.mask)) for tensor in inputs])[0]


def _either(function: Callable[..., KerasTensor], one: Masked, other: Masked) -> Masked:
    (x, x_mask), (y, y_mask) = one, other
    if y_mask is not None:
        y = emit("Where", y_mask, y, x)
    if x_mask is not None:
        x = emit("Where", x_mask, x, y)
    mask = None if x_mask is None or y_mask is None else emit("Or", x_mask, y_mask)
    return function(x, y), mask


def _any_of(masks: Sequence[KerasTensor]) -> KerasTensor:
    return reduce(lambda one, other: emit("Or", one, other), masks)


def _everywhere(tensor: KerasTensor) -> KerasTensor:
    """A mask that leaves everything: true at all places of all axes but the last."""
    some = converted(ops.max(tensor, -1), "bool")
    assert isinstance(some, KerasTensor)
    return emit("Or", some, emit("Not", some))


def _products(x: KerasTensor, y: KerasTensor, x_axis: int, y_axis: int) -> KerasTensor:
    """The batch's products of `x` and `y`, summed over an axis of each; the other axes of `x` come first."""
    left = [axis for axis in range(1, x.ndim) if axis != x_axis]
    right = [axis for axis in range(1, y.ndim) if axis != y_axis]
    rows = _as_matrix(ops.transpose(x, (0, *left, x_axis)), last=True)
    columns = _as_matrix(ops.transpose(y, (0, y_axis, *right)), last=False)
    sizes = [x.shape[axis] for axis in left], [y.shape[axis] for axis in right]
    product = ops.matmul(rows, columns)
    assert isinstance(product, KerasTensor)
    if (len(left), len(right)) == (1, 1):
        return product
    shape = [-1 if size is None else size for size in (*sizes[0], *sizes[1])]
    if shape.count(-1) > 1:
        raise NetworkError(f"Dot needs all sizes but one of its outputs to be known. Received shapes {x.shape} and {y.shape}")
    return ops.reshape(product, (0, *(shape or [1])))


def _as_matrix(x: KerasTensor, last: bool) -> KerasTensor:
    """A matrix for each row, of the last axis against the others, or of the first behind the batch."""
    if x.ndim == 3:
        return x
    if x.ndim == 2:
        return ops.expand_dims(x, 1 if last else 2)
    return ops.reshape(x, (0, -1, x.shape[-1] or 0) if last else (0, 0, -1))
