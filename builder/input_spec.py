"""What a layer asks of its inputs, and the sentence for one that is not so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from builder.errors import NetworkError
from builder.structure import flatten

__all__ = ["InputSpec", "check_inputs"]


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What a layer asks of an input: a dtype, a shape, a rank, a least and a largest one, and sizes of axes by their index.

    `optional` says that None will do; with `allow_last_axis_squeeze` a last axis of size 1 may be there or not.
    """

    dtype: str | None = None
    shape: Sequence[int | None] | None = None
    ndim: int | None = None
    max_ndim: int | None = None
    min_ndim: int | None = None
    axes: Mapping[int, int | None] | Sequence[tuple[int, int | None]] = ()
    allow_last_axis_squeeze: bool = False
    name: str | None = None
    optional: bool = False

    def problem(self, shape: tuple[int | None, ...], dtype: str) -> str | None:
        """In Keras's words, what is wrong with an input of this shape and dtype; None when it is as asked."""
        rank, wanted = len(shape), self.ndim if self.shape is None else len(self.shape)
        if wanted is not None and rank != wanted and not self.allow_last_axis_squeeze:
            return f"expected ndim={wanted}, found ndim={rank}. Full shape received: {shape}"
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"expected max_ndim={self.max_ndim}, found ndim={rank}"
        if self.min_ndim is not None and rank < self.min_ndim:
            return f"expected min_ndim={self.min_ndim}, found ndim={rank}. Full shape received: {shape}"
        if self.dtype is not None and dtype != self.dtype:
            return f"expected dtype={self.dtype}, found dtype={dtype}"
        for axis, size in dict(self.axes).items():
            if size is not None and shape[axis] not in (size, None):
                return f"expected axis {axis} of input shape to have value {size}, but received input with shape {shape}"
        return self._misfit(shape)

    def _misfit(self, shape: tuple[int | None, ...]) -> str | None:
        """Where sizes differ from those of `shape`, as far as both have axes."""
        if self.shape is None:
            return None
        wanted = self._squeezed(self.shape)
        if any(None not in pair and pair[0] != pair[1] for pair in zip(wanted, self._squeezed(shape), strict=False)):
            return f"expected shape={tuple(self.shape)}, found shape={shape}"
        return None

    def _squeezed(self, shape: Sequence[int | None]) -> Sequence[int | None]:
        return shape[:-1] if self.allow_last_axis_squeeze and shape and shape[-1] == 1 else shape


def check_inputs(specs: Any, inputs: Any, layer: str) -> None:
    """Raises NetworkError when the tensors or arrays in `inputs` are not what `specs`, one or a structure of them, ask for."""
    asked, given = flatten(specs), flatten(inputs)
    if len(asked) != len(given):
        raise NetworkError(f'Layer "{layer}" expects {len(asked)} input(s), but it received {len(given)} input tensors.')
    for index, (spec, tensor) in enumerate(zip(asked, given, strict=True)):
        if spec is None or (tensor is None and spec.optional):
            continue
        if not hasattr(tensor, "shape"):
            raise NetworkError(
                f"Inputs to a layer should be tensors. Got '{tensor}' (of type {type(tensor)}) as input for layer '{layer}'."
            )
        if (problem := spec.problem(tuple(tensor.shape), str(tensor.dtype))) is not None:
            name = spec.name or getattr(tensor, "name", None)
            raise NetworkError(f"Input {index} with name '{name}' of layer '{layer}' is incompatible with the layer: {problem}")
