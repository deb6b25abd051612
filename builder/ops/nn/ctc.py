"""Connectionist temporal classification: how likely a sequence of labels is, and which one is likely.

At each step a network says how likely each class is; one class, `mask_index`, is the blank between labels.
"""

from typing import Any

from builder.errors import NetworkError, UnsupportedError
from builder.ops.body import step_through
from builder.ops.nn.activation import log_softmax
from builder.ops.nn.encoding import one_hot
from builder.ops.numpy.arithmetic import add, multiply, negative, subtract
from builder.ops.numpy.comparison import equal, greater_equal, less, logical_or, where
from builder.ops.numpy.contraction import matmul
from builder.ops.numpy.creation import arange, full, zeros_like
from builder.ops.numpy.exponential import logaddexp
from builder.ops.numpy.indexing import take_along_axis
from builder.ops.numpy.rearranging import cut
from builder.ops.numpy.reduction import argmax, max, sum
from builder.ops.numpy.shaping import concatenate, expand_dims, swapaxes
from builder.ops.numpy.sorting import argsort
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of
from builder.ops.sizes import size_of
from builder.ops.symbolic import KerasTensor, TensorLike, converted, shape_of

__all__ = ["ctc_decode", "ctc_loss"]

_NEVER = -1e5  # the logarithm of what is not possible
_END = 2**63 - 1


@operation
def ctc_loss(
    target: TensorLike, output: TensorLike, target_length: TensorLike, output_length: TensorLike, mask_index: int = 0
) -> TensorLike:
    """The negative logarithm of how likely the labels are in each row: `(batch, labels)` and `(batch, steps, classes)` to `(batch,)`.

    Of each row the first `target_length` labels and the first `output_length` steps count. All ways to the labels are
    added up step by step (ONNX Scan).
    """
    classes, longest = shape_of(output)[-1], shape_of(target)[-1]
    if len(shape_of(target)) != 2 or len(shape_of(output)) != 3 or classes is None or longest is None:
        raise NetworkError(
            "`target` is (batch, labels) and `output` (batch, steps, classes), labels and classes of known number. "
            f"Received: {shape_of(target)}, {shape_of(output)}"
        )
    labels, exact = converted(target, "int32"), converted(output, "float32")
    likely = log_softmax(exact, -1)
    of_labels = matmul(likely, swapaxes(one_hot(labels, classes), 1, 2))
    of_blank = cut(likely, 2, mask_index, mask_index + 1)
    counts = expand_dims(less(expand_dims(arange(size_of(output, 1)), 0), expand_dims(converted(output_length, "int32"), 1)), 2)
    again = equal(cut(labels, 1, 1, _END), cut(labels, 1, 0, -1))
    last = full([size_of(labels, 0), 1], False, "bool")
    hindered = where(concatenate([again, last], 1), _NEVER, 0.0)  # a label needs a blank before it comes again
    start = full([size_of(labels, 0), size_of(labels, 1)], _NEVER)
    blank_start = concatenate([full([size_of(labels, 0), 1], 0.0), start], 1)

    def step(states: list[KerasTensor], slices: list[KerasTensor]) -> tuple[list[TensorLike], list[TensorLike]]:
        blanks, ends = states  # how likely it is to be at a blank before each label and after all, and at each label
        label, blank, counted = slices
        reached = _reached(blanks, add(ends, hindered))
        new_ends = add(logaddexp(cut(reached, 1, 0, -1), ends), label)
        kept = add(ends, subtract(_NEVER, hindered))
        new_blanks = _reached(add(reached, blank), add(kept, blank))
        return [where(counted, new_blanks, blanks), where(counted, new_ends, ends)], []

    (blanks, ends), _ = step_through(step, [blank_start, start], [of_labels, of_blank, counts], axis=1)
    places = one_hot(converted(target_length, "int32"), longest + 1)
    return negative(sum(multiply(_reached(blanks, ends), places), 1))


@operation
def ctc_decode(
    inputs: TensorLike,
    sequence_lengths: TensorLike,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int | None = 0,
) -> tuple[Any, Any]:
    """The likeliest class at each step, without blanks: `(batch, steps, classes)` to `(1, batch, steps)`, -1 behind the last label.

    With it the negative sum of what those classes have, `(batch, 1)`. Raises UnsupportedError for "beam_search", whose
    paths plain ONNX cannot keep apart.
    """
    if strategy == "beam_search":
        raise UnsupportedError(
            "`ctc_decode` by beam search has no form in plain ONNX; use strategy='greedy', or search outside of the network"
        )
    if strategy != "greedy":
        raise NetworkError(f"Invalid strategy {strategy}. Supported values are 'greedy' and 'beam_search'.")
    classes, exact = shape_of(inputs)[-1], inputs if dtype_of(inputs) == "float64" else converted(inputs, "float32")
    blank = mask_index if mask_index is not None else (classes or 0) - 1
    steps = expand_dims(arange(size_of(inputs, 1)), 0)
    beyond = greater_equal(steps, expand_dims(converted(sequence_lengths, "int32"), 1))
    labels = where(beyond, blank, argmax(exact, -1))
    scores = where(beyond, 0.0, max(exact, -1))
    gone = equal(labels, blank)
    if merge_repeated:
        repeated = equal(cut(labels, 1, 1, _END), cut(labels, 1, 0, -1))
        gone = logical_or(gone, concatenate([full([size_of(inputs, 0), 1], False, "bool"), repeated], 1))
    order = argsort(where(gone, size_of(inputs, 1), add(steps, zeros_like(labels))), 1)
    found = take_along_axis(where(gone, -1, labels), order, 1)
    return expand_dims(found, 0), negative(sum(scores, 1, True))


def _reached(blanks: TensorLike, added: TensorLike) -> TensorLike:
    """The blanks, all but the first of which are reached another way too."""
    return concatenate([cut(blanks, 1, 0, 1), logaddexp(cut(blanks, 1, 1, _END), added)], 1)
