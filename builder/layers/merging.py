"""Merging layers: several tensors become one."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

from builder import ops
from builder.errors import NetworkError
from builder.layer import Layer
from builder.ops.symbolic import KerasTensor, Shape

__all__ = ["Add", "Concatenate"]


class _Merge(Layer):
    """Takes a list of tensors. Those of lower rank get axes of size 1 behind the batch, as Keras has it."""

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


class Add(_Merge):
    """The sum, broadcast over axes of size 1."""

    def merge(self, inputs: Sequence[KerasTensor]) -> KerasTensor:
        return reduce(ops.add, inputs)


class Concatenate(Layer):
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


def _with_rank(tensor: KerasTensor, rank: int) -> KerasTensor:
    missing = rank - tensor.ndim
    return ops.expand_dims(tensor, tuple(range(1, 1 + missing))) if missing else tensor


def _others_differ(shapes: Sequence[Shape], axis: int) -> bool:
    """Whether two sizes that are known differ on an axis other than `axis`."""
    return any(len(set(sizes) - {None}) > 1 for index, sizes in enumerate(zip(*shapes, strict=True)) if index != axis)
