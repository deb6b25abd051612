"""Recurrence by ONNX's own operators: LSTM, GRU and RNN, in one direction or both, exact for any mask.

ONNX knows only how many steps each row has. For a mask with gaps, the steps that count are moved to the front, the operator
runs over that many, and its outputs are put back where they belong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from builder.errors import NetworkError
from builder.graph import Attribute
from builder.ops.axes import integers
from builder.ops.promotion import is_floating
from builder.ops.sizes import as_shape, size_of, spec_dims
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, emit_all, emit_as

__all__ = ["Direction", "Masked", "Operator", "Recurred", "as_mask", "flip_time", "recur"]

# What a step gives that does not count: zeros, the state before it, or the output before it, which is zeros at first.
Masked = Literal["zeros", "state", "output"]


@dataclass(frozen=True, slots=True)
class Operator:
    """An LSTM, GRU or RNN with its weights: `(1, gates * units, in)`, `(1, gates * units, units)`, `(1, 2 * gates * units)`."""

    op: str
    units: int
    kernel: KerasTensor
    recurrent_kernel: KerasTensor
    bias: KerasTensor | None
    activations: tuple[str, ...]
    alphas: tuple[float, ...] = ()
    betas: tuple[float, ...] = ()
    attributes: tuple[tuple[str, Attribute], ...] = ()

    def goes_with(self, other: Operator) -> bool:
        """Whether one node can run both, one in each direction."""
        same = (self.op, self.units, self.attributes, self.bias is None) == (other.op, other.units, other.attributes, other.bias is None)
        parameters = (self.alphas, self.betas) == (other.alphas, other.betas)
        return same and parameters and self.activations == other.activations


@dataclass(frozen=True, slots=True)
class Direction:
    """An operator that runs from the first step to the last, or backwards, from `states` `(batch, units)` or zeros."""

    operator: Operator
    backwards: bool = False
    states: Sequence[KerasTensor] | None = None


@dataclass(frozen=True, slots=True)
class Recurred:
    """What came of it: outputs `(batch, time, directions * units)` in the order of time, and each direction's last states."""

    sequence: KerasTensor
    states: tuple[list[KerasTensor], ...]


def recur(x: KerasTensor, directions: Sequence[Direction], mask: KerasTensor | None = None, masked: Masked = "state") -> Recurred:
    """Runs over `x` `(batch, time, in)` (ONNX LSTM, GRU or RNN, and with a mask TopK and GatherND around it).

    `mask` is `(batch, time)` of booleans. Two directions are forwards and then backwards, and take `masked="zeros"` only.
    ONNX Runtime has the operators for 32 bits, so others go there and come back.
    """
    assert len(directions) == 1 or mask is None or masked == "zeros"
    steps = None if mask is None else _Steps(mask)
    wide = _wide(x if steps is None else steps.first(x))
    y, *last = _run(emit("Transpose", wide, perm=(1, 0, 2)), directions, None if steps is None else steps.lengths)
    joined = _joined(y, len(directions))
    states = tuple(
        [_state(tensor, index, len(directions), direction, steps, place) for place, tensor in enumerate(last)]
        for index, direction in enumerate(directions)
    )
    if steps is not None:
        joined = steps.spread(joined, directions[0], masked)
    dtype = x.dtype
    return Recurred(_as(joined, dtype), tuple([_as(state, dtype) for state in each] for each in states))


def as_mask(mask: KerasTensor) -> KerasTensor:
    """A mask of any dtype as booleans `(batch, time)`; with more axes, a step counts where any of its elements does."""
    flags = _as(mask, "bool")
    extra = integers(tuple(range(2, mask.ndim)))
    return emit("ReduceMax", flags, extra, keepdims=0) if mask.ndim > 2 else flags


def flip_time(x: KerasTensor) -> KerasTensor:
    """The steps in the opposite order (ONNX Slice)."""
    return emit("Slice", x, integers((-1,)), integers((-(2**63) + 1,)), integers((1,)), integers((-1,)))


class _Steps:
    """The steps of each row that count, by a mask `(batch, time)`."""

    def __init__(self, mask: KerasTensor) -> None:
        self.mask = mask
        self.counts = _as(mask, "int32")
        self.lengths = emit("ReduceSum", self.counts, integers((1,)), keepdims=0)

    def first(self, x: KerasTensor) -> KerasTensor:
        """The same steps, those that count before the others; equal numbers keep their order in a TopK."""
        time = as_shape([size_of(self.mask, 1)])
        _, order = emit_all("TopK", self.counts, time, outputs=2, axis=1, largest=1, sorted=1)
        return self._picked(x, order, spec_dims(x))

    def spread(self, y: KerasTensor, direction: Direction, masked: Masked) -> KerasTensor:
        """The operator's outputs, which are zeros after the last step that counts, each at its own step again."""
        before = emit("CumSum", self.counts, integers((1,)).reshape(()), exclusive=1)
        # The last step that counted, -1 where none did: the end, where zeros are. Backwards it is the next one to count.
        index = before if masked == "zeros" or direction.backwards else emit("Sub", emit("Add", before, self.counts), converted(1, "int32"))
        picked = self._picked(y, _as(index, "int64"), spec_dims(y))
        if masked == "zeros":
            return emit("Where", emit("Unsqueeze", self.mask, integers((2,))), picked, converted(0.0, y.dtype))
        if masked == "output" or direction.states is None:
            return picked
        lengths = emit("Unsqueeze", self.lengths, integers((1,)))
        none = emit("Equal", index, lengths) if direction.backwards else emit("Less", index, converted(0, "int32"))
        start = emit("Unsqueeze", _wide(direction.states[0]), integers((1,)))
        return emit("Where", emit("Unsqueeze", none, integers((2,))), start, picked)

    def unmoved(self, state: KerasTensor, start: KerasTensor) -> KerasTensor:
        """The last state; for rows of no steps the operator has zeros, and what there was is `start`."""
        none = emit("Equal", self.lengths, converted(0, "int32"))
        return emit("Where", emit("Unsqueeze", none, integers((1,))), _wide(start), state)

    @staticmethod
    def _picked(x: KerasTensor, order: KerasTensor, shape: Sequence[Any]) -> KerasTensor:
        return emit_as(shape, x.dtype, "GatherND", x, emit("Unsqueeze", order, integers((2,))), batch_dims=1)


def _run(x: KerasTensor, directions: Sequence[Direction], lengths: KerasTensor | None) -> list[KerasTensor]:
    """The operator's own outputs for `x` `(time, batch, in)`."""
    operators = [direction.operator for direction in directions]
    first = operators[0]
    if len({operator.kernel.shape[-1] for operator in operators} | {x.shape[-1]}) != 1:
        raise NetworkError(f"the inputs have {x.shape[-1]} features, and the kernel is for {first.kernel.shape[-1]}")
    both = len(directions) > 1
    attributes: dict[str, Any] = {"hidden_size": first.units, "activations": first.activations * len(directions)}
    attributes |= {"direction": "bidirectional" if both else "reverse" if directions[0].backwards else "forward"}
    attributes |= {name: value * len(directions) for name, value in _parameters(first).items()}
    count = 3 if first.op == "LSTM" else 2
    inputs: list[TensorLike | None] = [
        x,
        _stacked([operator.kernel for operator in operators]),
        _stacked([operator.recurrent_kernel for operator in operators]),
        None if first.bias is None else _stacked([operator.bias for operator in operators]),
        lengths,
        *_initial(directions, count - 1),
    ]
    while inputs[-1] is None:
        inputs.pop()
    return emit_all(first.op, *inputs, outputs=count, **attributes | dict(first.attributes))


def _parameters(operator: Operator) -> Mapping[str, tuple[float, ...]]:
    """The numbers that some activations take, each used up in turn."""
    named = {"activation_alpha": operator.alphas, "activation_beta": operator.betas}
    return {name: values for name, values in named.items() if values}


def _initial(directions: Sequence[Direction], count: int) -> list[KerasTensor | None]:
    """The first states `(directions, batch, units)`; None for zeros."""
    if all(direction.states is None for direction in directions):
        return [None] * count
    given = [direction.states for direction in directions if direction.states is not None]
    assert len(given) == len(directions)
    return [_stacked([emit("Unsqueeze", _wide(states[place]), integers((0,))) for states in given]) for place in range(count)]


def _stacked(tensors: Sequence[KerasTensor | None]) -> KerasTensor:
    wide = [_wide(tensor) for tensor in tensors if tensor is not None]
    return emit("Concat", *wide, axis=0) if len(wide) > 1 else wide[0]


def _joined(y: KerasTensor, count: int) -> KerasTensor:
    """Outputs `(time, directions, batch, units)` as `(batch, time, directions * units)`."""
    if count == 1:
        return emit("Transpose", emit("Squeeze", y, integers((1,))), perm=(1, 0, 2))
    beside = emit("Transpose", y, perm=(0, 2, 1, 3))
    merged = emit("Reshape", beside, integers((0, 0, count * (y.shape[3] or 0))))
    return emit("Transpose", merged, perm=(1, 0, 2))


def _state(last: KerasTensor, index: int, count: int, direction: Direction, steps: _Steps | None, place: int) -> KerasTensor:
    """One direction's last state `(batch, units)` out of `(directions, batch, units)`."""
    state = emit("Squeeze", last, integers((0,))) if count == 1 else emit("Gather", last, integers((index,)).reshape(()), axis=0)
    return state if steps is None or direction.states is None else steps.unmoved(state, direction.states[place])


def _wide(tensor: KerasTensor) -> KerasTensor:
    return _as(tensor, "float32") if not is_floating(tensor.dtype) or tensor.dtype != "float32" else tensor


def _as(tensor: KerasTensor, dtype: str) -> KerasTensor:
    after = converted(tensor, dtype)
    assert isinstance(after, KerasTensor)
    return after
