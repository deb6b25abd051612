"""How two ONNX files differ: what they take and give, their operators, their weights, and what they answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from builder.errors import ModelFileError
from builder.export.checks import difference
from builder.export.inputs import FREE_SIZES, sample
from builder.graph import Array, Spec
from builder.inspection.description import Tensor, describe_file, proto_of, tensors_of
from builder.runtime import open_session

__all__ = ["Difference", "WeightChange", "difference_between", "largest_gap"]


@dataclass(frozen=True, slots=True)
class WeightChange:
    """A weight of one name in both files: how far it is from the first one's, relative to its largest number, or what else changed."""

    name: str
    gap: float | None
    what: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """What is in the second file and was not in the first, or otherwise; operators are counts in the first and the second."""

    signature: tuple[str, ...]
    operators: Mapping[str, tuple[int, int]]
    gone: tuple[str, ...]
    novel: tuple[str, ...]
    changed: tuple[WeightChange, ...]

    @property
    def is_none(self) -> bool:
        return not (self.signature or self.operators or self.gone or self.novel or self.changed)


def difference_between(first: Path, second: Path) -> Difference:
    """How the second file differs from the first. Raises ModelFileError when either is no ONNX file."""
    one, other = describe_file(first), describe_file(second)
    before, after = _weights(first), _weights(second)
    operators = sorted(one.operators.keys() | other.operators.keys())
    return Difference(
        signature=(*_signature("input", one.inputs, other.inputs), *_signature("output", one.outputs, other.outputs)),
        operators={op: (one.operators[op], other.operators[op]) for op in operators if one.operators[op] != other.operators[op]},
        gone=tuple(name for name in before if name not in after),
        novel=tuple(name for name in after if name not in before),
        changed=tuple(_changes(first, before, second, after)),
    )


def largest_gap(first: Path, second: Path) -> dict[str, float]:
    """For each output of both, how far the second's answer to random inputs is from the first's, relative to its largest number.

    Raises ModelFileError when they cannot be asked the same.
    """
    inputs = tensors_of(proto_of(first).graph.input)
    if unlike := list(_signature("input", inputs, tensors_of(proto_of(second).graph.input))):
        raise ModelFileError(f"{first} and {second} cannot be asked the same: {unlike[0]}")
    reason: Exception | None = None
    for size in FREE_SIZES:
        generator = np.random.default_rng(0)
        feeds = {given.name: sample(Spec(given.shape, given.dtype), size, generator) for given in inputs}
        try:
            one, other = _answers(first, feeds), _answers(second, feeds)
        except Exception as error:  # ONNX Runtime raises classes of its own for each of its codes
            reason = error
            continue
        shared = [name for name in one if name in other and one[name].shape == other[name].shape]
        return {name: _gap(other[name], one[name]) for name in shared}
    raise ModelFileError(f"{first} and {second} cannot both be run: {reason}")


def _answers(path: Path, feeds: Mapping[str, Array]) -> dict[str, Array]:
    session = open_session(path)
    return dict(zip((value.name for value in session.get_outputs()), session.run(None, dict(feeds)), strict=True))


def _gap(found: Array, expected: Array) -> float:
    if found.dtype.kind in "fiu":
        return float(np.max(difference(found, expected), initial=0))
    return 0.0 if np.array_equal(found, expected) else float("inf")


def _signature(kind: str, before: Sequence[Tensor], after: Sequence[Tensor]) -> Iterator[str]:
    old, new = ({tensor.name: tensor for tensor in tensors} for tensors in (before, after))
    yield from (f"{kind} {tensor} is gone" for name, tensor in old.items() if name not in new)
    yield from (f"{kind} {tensor} is new" for name, tensor in new.items() if name not in old)
    yield from (f"{kind} {old[name]} is now {new[name]}" for name in old if name in new and old[name] != new[name])


def _weights(path: Path) -> dict[str, onnx.TensorProto]:
    return {tensor.name: tensor for tensor in proto_of(path).graph.initializer}


def _changes(
    first: Path, before: Mapping[str, onnx.TensorProto], second: Path, after: Mapping[str, onnx.TensorProto]
) -> Iterator[WeightChange]:
    for name in before:
        if name not in after:
            continue
        one, other = _array(first, before[name]), _array(second, after[name])
        if (one.shape, one.dtype) != (other.shape, other.dtype):
            yield WeightChange(name, None, f"{one.dtype} {one.shape} is now {other.dtype} {other.shape}")
        elif not np.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
            yield WeightChange(name, _gap(other, one))


def _array(path: Path, tensor: onnx.TensorProto) -> Array:
    """A weight, wherever it is. Raises ModelFileError when its file is not there."""
    try:
        return numpy_helper.to_array(tensor, str(path.parent))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise ModelFileError(f"{path}: weight '{tensor.name}' cannot be read: {error}") from error
