"""Recurrence of anything: a step that is written in `ops`, once for each step of a short sequence, or as the body of a loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from builder.errors import UnsupportedError
from builder.ops.axes import integers
from builder.ops.body import step_through
from builder.ops.nn.recurrent import Masked
from builder.ops.sizes import as_shape, size_of
from builder.ops.symbolic import KerasTensor, converted, emit, emit_as
from builder.structure import flatten, pack

__all__ = ["LONGEST", "Looped", "Step", "loop", "rows_as_steps", "steps_as_rows"]

Step = Callable[[KerasTensor, Any], tuple[KerasTensor, Any]]  # what a step gives, and the states after it
LONGEST = 16  # steps that are written out one by one; for more a loop is as fast, and the file stays small
LONGEST_UNROLLED = 512  # where that was asked for


@dataclass(frozen=True, slots=True)
class Looped:
    """Outputs `(batch, time, ...)` in the order in which the steps were taken, the last of them, and the last states."""

    sequence: KerasTensor
    last: KerasTensor
    states: Any


def loop(
    step: Step,
    x: KerasTensor,
    states: Any,
    mask: KerasTensor | None = None,
    *,
    backwards: bool = False,
    masked: Masked = "state",
    unroll: bool = False,
) -> Looped:
    """Takes `step` for each of the steps of `x` `(batch, time, ...)`, from `states`, a structure of `(batch, ...)`.

    At a step that `mask` `(batch, time)` does not count, the states stay, and the output is what `masked` says. Short
    sequences are written out; for others there is one node (ONNX Scan).
    """
    time = x.shape[1]
    if time is not None and 0 < time <= (LONGEST_UNROLLED if unroll else LONGEST):
        return _unrolled(_with_mask(step, masked), x, states, mask, backwards, masked)
    if mask is not None and masked == "output":
        raise UnsupportedError(f"unroll=True over {time} steps with a mask; {LONGEST_UNROLLED} are written out at most, so leave it out")
    return _scanned(_with_mask(step, masked), x, states, mask, backwards)


def steps_as_rows(x: KerasTensor) -> KerasTensor:
    """`(batch, time, ...)` as `(batch * time, ...)` (ONNX Reshape)."""
    rest = x.value.spec.shape[2:]
    return emit_as((None, *rest), x.dtype, "Reshape", x, as_shape([-1, *(size_of(x, axis) for axis in range(2, x.ndim))]))


def rows_as_steps(rows: KerasTensor, like: KerasTensor) -> KerasTensor:
    """`(batch * time, ...)` as `(batch, time, ...)`, the batch and time being those of `like` (ONNX Reshape)."""
    dims = (*like.value.spec.shape[:2], *rows.value.spec.shape[1:])
    time = like.shape[1]
    first = [size_of(like, 0), size_of(like, 1)] if time is None else [-1, time]
    return emit_as(dims, rows.dtype, "Reshape", rows, as_shape([*first, *(size_of(rows, axis) for axis in range(1, rows.ndim))]))


# A step for `x`, whether it counts, the states, and the output before it; the last two are None where nothing asks for them.
MaskedStep = Callable[[KerasTensor, KerasTensor | None, Any, KerasTensor | None], tuple[KerasTensor, Any]]


def _with_mask(step: Step, masked: Masked) -> MaskedStep:
    def run(x: KerasTensor, counts: KerasTensor | None, states: Any, before: KerasTensor | None) -> tuple[KerasTensor, Any]:
        output, after = step(x, states)
        if counts is None:
            return output, after
        held = _previous(states) if masked == "state" else before
        after = pack(states, [_where(counts, new, old) for new, old in zip(flatten(after), flatten(states), strict=True)])
        return _where(counts, output, held), after

    return run


def _previous(states: Any) -> KerasTensor:
    """What Keras takes for the output before: the first state, or the first of the last cell's."""
    first = states[0] if isinstance(states, list | tuple) else states
    found: KerasTensor = states[-1][0] if isinstance(first, list | tuple) else first
    return found


def _where(counts: KerasTensor, new: KerasTensor, old: KerasTensor | None) -> KerasTensor:
    flag = emit("Unsqueeze", counts, integers(tuple(range(1, new.ndim)))) if new.ndim > 1 else counts
    return emit("Where", flag, new, converted(0, new.dtype) if old is None else old)


def _unrolled(step: MaskedStep, x: KerasTensor, states: Any, mask: KerasTensor | None, backwards: bool, masked: Masked) -> Looped:
    time = x.shape[1] or 0
    outputs: list[KerasTensor] = []
    for index in reversed(range(time)) if backwards else range(time):
        counts = None if mask is None else _at(mask, index)
        before = outputs[-1] if outputs and masked == "output" else None
        output, states = step(_at(x, index), counts, states, before)
        outputs.append(output)
    stacked = emit("Concat", *(emit("Unsqueeze", output, integers((1,))) for output in outputs), axis=1)
    return Looped(stacked, outputs[-1], states)


def _at(x: KerasTensor, index: int) -> KerasTensor:
    return emit("Gather", x, integers((index,)).reshape(()), axis=1)


def _scanned(step: MaskedStep, x: KerasTensor, states: Any, mask: KerasTensor | None, backwards: bool) -> Looped:
    """The steps as one Scan, whose body is the step, and which carries the states."""

    def run(inner: list[KerasTensor], slices: list[KerasTensor]) -> tuple[list[KerasTensor], list[KerasTensor]]:
        output, after = step(slices[0], slices[1] if mask is not None else None, pack(states, inner), None)
        return flatten(after), [output]

    after, (sequence,) = step_through(run, flatten(states), [x] if mask is None else [x, mask], axis=1, backwards=backwards)
    return Looped(sequence, emit("Gather", sequence, integers((-1,)).reshape(()), axis=1), pack(states, after))
