"""Padding of variable axes: requests of other lengths share a batch, once each is filled up to a bucket's size.

All of it is decided here and nothing is copied: `merge.stack` fills, and `cut` gives views. What padding would make ambiguous
is refused when the model is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np

from service.errors import InvalidRequestError, StartupError
from service.request import Array, Dim, Signature, TensorSpec

__all__ = ["UNPADDED", "Fitted", "PaddedAxis", "Padding", "axis_name"]

Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class PaddedAxis:
    """A free axis of an input, counting the batch as axis 0, that is filled with `value` up to the smallest bucket that holds it.

    `mask` names an input that tells what is real: 1 there, and 0 where it was filled. It is made here, and need not be sent.
    """

    input: Annotated[str, "The input whose axis is filled."]
    axis: Annotated[int, "The axis, counting the batch as 0.", (1, None)]
    buckets: Annotated[tuple[int, ...], "The sizes that it is filled up to, ascending.", (1, None)]
    value: Annotated[float, "What it is filled with."] = 0.0
    mask: Annotated[str, "The input that tells what is real."] = ""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A request as it will be run: all inputs, the shapes of a row of each with its padding, and its own lengths by axis name.

    One that is `alone` shares its run with no other.
    """

    feeds: Mapping[str, Array]
    shapes: Shapes | None = None
    lengths: Mapping[str, int] = field(default_factory=dict)
    alone: bool = False


@dataclass(frozen=True, slots=True)
class _Axis:
    """An axis that is padded; axes of one name have one length in a request."""

    input: str
    axis: int
    name: str
    buckets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Mask:
    """A mask, the axis that it is about, and where that axis is in it."""

    spec: TensorSpec
    of: _Axis
    axis: int


class Padding:
    """The padded axes of a model. Raises StartupError when they are not axes of it, or could change its answers' shapes unseen.

    `fills` has what each padded input is filled with, and `masks` the inputs that need not be sent.
    """

    def __init__(self, axes: Sequence[PaddedAxis], signature: Signature) -> None:
        if axes and not signature.batched:
            raise StartupError("padding: requests of this model never run together, so that there is nothing to pad them for")
        self._inputs = list(signature.inputs)
        self._axes: list[_Axis] = []
        self.fills: dict[str, Any] = {}
        self.masks: dict[str, _Mask] = {}
        for padded in axes:
            self._add(padded, signature)
        self._check_shared(signature)
        self._cuts = [self._cuts_of(spec, signature) if axes else () for spec in signature.outputs.values()]

    @property
    def buckets(self) -> Mapping[str, tuple[int, ...]]:
        """The sizes that each padded axis may have, by its name."""
        return {axis.name: axis.buckets for axis in self._axes}

    def __bool__(self) -> bool:
        return bool(self._axes)

    def fit(self, model: str, feeds: Mapping[str, Array]) -> Fitted:
        """The arrays by input name, in the model's order, with masks made and buckets chosen. Raises InvalidRequestError."""
        if not self._axes:
            return Fitted(feeds)
        lengths = self._lengths(model, feeds)
        present = [name for name in self._inputs if name in feeds or name in self.masks]  # the model has its own of what may be left out
        whole = {name: feeds[name] if name in feeds else self._mask(self.masks[name], feeds, lengths) for name in present}
        shapes = {name: list(array.shape[1:]) for name, array in whole.items()}
        for axis in self._axes:
            shapes[axis.input][axis.axis - 1] = self._bucket(model, axis, lengths[axis.name])
        return Fitted(whole, tuple(map(tuple, shapes.values())), lengths)

    def cut(self, outputs: Sequence[Array], lengths: Mapping[str, int]) -> list[Array]:
        """The outputs of one request without what its padding added, as views."""
        return [_cut(output, cuts, lengths) if cuts else output for output, cuts in zip(outputs, self._cuts, strict=True)]

    def _lengths(self, model: str, feeds: Mapping[str, Array]) -> dict[str, int]:
        lengths: dict[str, int] = {}
        for axis in self._axes:
            if axis.input not in feeds:
                continue  # a mask, which is made to fit
            length = feeds[axis.input].shape[axis.axis]
            if lengths.setdefault(axis.name, length) != length:
                raise InvalidRequestError(
                    f"unexpected shape for input '{axis.input}' for model '{model}'. Its axis {axis.axis} is '{axis.name}', "
                    f"which is {lengths[axis.name]} in other inputs, got {length}",
                    f"inputs[{list(feeds).index(axis.input)}].shape",
                )
        return lengths

    def _bucket(self, model: str, axis: _Axis, length: int) -> int:
        for size in axis.buckets:
            if length <= size:
                return size
        raise InvalidRequestError(
            f"unexpected shape for input '{axis.input}' for model '{model}'. Its axis {axis.axis} may be up to {axis.buckets[-1]} "
            f"(it is padded to one of {', '.join(map(str, axis.buckets))}), got {length}",
            "inputs",
        )

    def _mask(self, mask: _Mask, feeds: Mapping[str, Array], lengths: Mapping[str, int]) -> Array:
        """A request's own mask, in which all is real; what it is padded with is 0."""
        shape = [1] * len(mask.spec.shape)
        shape[0] = feeds[mask.of.input].shape[0]
        shape[mask.axis] = lengths[mask.of.name]
        return np.ones(shape, mask.spec.datatype.numpy)

    def _add(self, padded: PaddedAxis, signature: Signature) -> None:
        spec = signature.inputs.get(padded.input)
        if spec is None:
            raise _wrong(padded, f"there is no such input; there are {', '.join(signature.inputs)}")
        if not 0 < padded.axis < len(spec.shape):
            raise _wrong(padded, f"the axes that may be padded are 1 to {len(spec.shape) - 1}; 0 is the batch")
        dim = spec.shape[padded.axis]
        if isinstance(dim, int):
            raise _wrong(padded, f"the axis is not free: it is {dim}")
        if not padded.buckets or padded.buckets[0] < 1 or list(padded.buckets) != sorted(set(padded.buckets)):
            raise _wrong(padded, f"buckets ascend from 1 or more, and there is at least one; they are {list(padded.buckets)}")
        if any((axis.input, axis.axis) == (padded.input, padded.axis) for axis in self._axes):
            raise _wrong(padded, "it is given twice")
        axis = _Axis(padded.input, padded.axis, axis_name(padded.input, padded.axis, dim), padded.buckets)
        fill = _fill(padded, spec)
        if self.fills.setdefault(padded.input, fill) != fill:
            raise _wrong(padded, "another axis of the input is filled with another value")
        self._axes.append(axis)
        if padded.mask:
            self._add_mask(padded, axis, signature)

    def _add_mask(self, padded: PaddedAxis, of: _Axis, signature: Signature) -> None:
        spec = signature.inputs.get(padded.mask)
        if spec is None or spec.name == padded.input or spec.name in self.masks:
            raise _wrong(padded, f"its mask '{padded.mask}' is not another input of the model, or is one already")
        if spec.datatype.numpy.hasobject:
            raise _wrong(padded, f"its mask '{padded.mask}' is of strings")
        free = [axis for axis, dim in enumerate(spec.shape) if axis and not isinstance(dim, int)]
        rest = [dim for axis, dim in enumerate(spec.shape) if axis and isinstance(dim, int)]
        if len(free) != 1 or any(dim != 1 for dim in rest) or spec.shape[free[0]] not in (of.name, None):
            raise _wrong(padded, f"its mask '{padded.mask}' has the shape {list(spec.shape)}, and not the batch and '{of.name}'")
        self.masks[spec.name] = _Mask(spec, of, free[0])
        self.fills[spec.name] = spec.datatype.numpy.type(0)
        self._axes.append(_Axis(spec.name, free[0], of.name, of.buckets))

    def _check_shared(self, signature: Signature) -> None:
        """Axes of one name are padded alike, wherever they are."""
        padded = {(axis.input, axis.axis) for axis in self._axes}
        for axis in self._axes:
            for spec in signature.inputs.values():
                for index in _axes_named(spec.shape, axis.name):
                    if (spec.name, index) not in padded:
                        raise StartupError(
                            f"padding: axis {axis.axis} of input '{axis.input}' is '{axis.name}', and so is axis {index} of "
                            f"input '{spec.name}', which must be padded too"
                        )
            if other := next((one for one in self._axes if one.name == axis.name and one.buckets != axis.buckets), None):
                raise StartupError(
                    f"padding: inputs '{axis.input}' and '{other.input}' have '{axis.name}' in common, and must have one set of buckets"
                )

    def _cuts_of(self, spec: TensorSpec, signature: Signature) -> tuple[tuple[int, str], ...]:
        """The axes of an output that a request's own length cuts; every free one must be an axis of the inputs, or nobody knows."""
        padded = {axis.name for axis in self._axes}
        known = {dim for given in signature.inputs.values() for dim in given.shape if isinstance(dim, str)}
        free = [(axis, dim) for axis, dim in enumerate(spec.shape) if axis and not isinstance(dim, int)]
        for axis, dim in free:
            if dim not in known:
                raise StartupError(
                    f"padding: axis {axis} of output '{spec.name}' is free and is not an axis of the inputs by its name, so that what "
                    "padding adds to it cannot be cut off"
                )
        return tuple((axis, str(dim)) for axis, dim in free if dim in padded)


UNPADDED = Padding((), Signature({}, {}, False))


def axis_name(input: str, axis: int, dim: Dim) -> str:
    """What a free axis of an input is called: axes of one name have one length, and one without a name is like no other."""
    return str(dim) if dim else f"{input}[{axis}]"


def _cut(output: Array, cuts: Iterable[tuple[int, str]], lengths: Mapping[str, int]) -> Array:
    index = [slice(None)] * output.ndim
    for axis, name in cuts:
        index[axis] = slice(lengths[name])
    return output[tuple(index)]


def _axes_named(shape: Sequence[Dim], name: str) -> list[int]:
    return [axis for axis, dim in enumerate(shape) if dim == name]


def _fill(padded: PaddedAxis, spec: TensorSpec) -> Any:
    """`padded.value` in the input's datatype; strings are filled with empty ones."""
    if spec.datatype.numpy.hasobject:
        if padded.value:
            raise _wrong(padded, "strings are filled with empty ones, and value must be 0")
        return ""
    with np.errstate(all="ignore"):
        fill = np.array(padded.value).astype(spec.datatype.numpy)
    if spec.datatype.numpy.kind != "f" and fill != padded.value:
        raise _wrong(padded, f"the value {padded.value} is not a {spec.datatype.name}")
    return fill[()]


def _wrong(padded: PaddedAxis, what: str) -> StartupError:
    return StartupError(f"padding of axis {padded.axis} of input '{padded.input}': {what}")
