"""How a recurrent layer takes its steps: by ONNX's operator for its cell, or the cell's own step again and again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from builder.layers.recurrent.cells import _Stepped
from builder.layers.recurrent.stack import StackedRNNCells, initial_state, take_step
from builder.ops.axes import integers
from builder.ops.nn.loop import Looped, loop
from builder.ops.nn.recurrent import Direction, Masked, Operator, flip_time, recur
from builder.ops.sizes import size_of
from builder.ops.symbolic import KerasTensor, computing_in, converted, emit

__all__ = ["Run", "native", "run_cell"]


@dataclass(frozen=True, slots=True)
class Run:
    """What a run over sequences starts from, which steps count, and in which order they are taken."""

    states: list[Any] | None = None  # None: the cell's own
    mask: KerasTensor | None = None  # booleans (batch, time)
    masked: Masked = "state"
    backwards: bool = False
    unroll: bool = False
    training: bool | None = None
    remembered: Any = None  # `states` as they go into the network, where the layer keeps them from call to call


def run_cell(cell: Any, sequences: KerasTensor, run: Run) -> Looped:
    """What the cell gives for `sequences` `(batch, time, ...)`, in the order in which the steps are taken."""
    if isinstance(cell, StackedRNNCells) and type(cell).call is StackedRNNCells.call:
        return _run_stack(cell, sequences, run)
    if not isinstance(cell, _Stepped) or type(cell).call is not _Stepped.call:
        states = initial_state(cell, size_of(sequences, 0)) if run.states is None else run.states
        return _loop(lambda x, before: take_step(cell, x, before, run.training), sequences, states, run)
    sequences = cell.checked(_as(sequences, cell.compute_dtype), run.training)
    with computing_in(cell.compute_dtype):
        operator = native(cell)
        if operator is not None:
            return _run_operator(operator, sequences, run)
        projected = cell.project_all(sequences)
        states = initial_state(cell, size_of(sequences, 0)) if run.states is None else run.states
        return _loop(cell.step, projected, states, run)


def native(cell: Any) -> Operator | None:
    """ONNX's operator for a cell; None where there is none, or where the cell is a user's."""
    return cell.operator() if isinstance(cell, _Stepped) and type(cell).call is _Stepped.call else None


def _loop(step: Any, sequences: KerasTensor, states: list[Any], run: Run) -> Looped:
    return loop(step, sequences, states, run.mask, backwards=run.backwards, masked=run.masked, unroll=run.unroll)


def _run_operator(operator: Operator, sequences: KerasTensor, run: Run) -> Looped:
    result = recur(sequences, [Direction(operator, run.backwards, run.states)], run.mask, run.masked)
    sequence = flip_time(result.sequence) if run.backwards else result.sequence
    (states,) = result.states
    # Behind a mask the last output may be zeros, and the last state is not; else they are one.
    differs = run.mask is not None and (run.masked == "zeros" or (run.masked == "output" and run.states is not None))
    last = emit("Gather", sequence, integers((-1,)).reshape(()), axis=1) if differs else states[0]
    return Looped(sequence, last, states)


def _run_stack(cell: StackedRNNCells, sequences: KerasTensor, run: Run) -> Looped:
    """Each cell over all that the one before gave. What is masked is so for all of them, so it does not matter what they give there."""
    if run.backwards:
        sequences, mask = flip_time(sequences), None if run.mask is None else flip_time(run.mask)
        run = replace(run, mask=mask, backwards=False)
    after = []
    last = sequences
    for index, one in enumerate(cell.cells):
        result = run_cell(one, sequences, replace(run, states=None if run.states is None else _listed(run.states[index])))
        sequences, last = result.sequence, result.last
        after.append(result.states)
    return Looped(sequences, last, after)


def _listed(states: Any) -> list[Any]:
    return list(states) if isinstance(states, list | tuple) else [states]


def _as(x: KerasTensor, dtype: str) -> KerasTensor:
    after = converted(x, dtype)
    assert isinstance(after, KerasTensor)
    return after
