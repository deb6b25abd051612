"""How far what a network gave is from what was wanted."""

from builder.errors import NetworkError
from builder.ops.nn.activation import log_sigmoid, log_softmax
from builder.ops.nn.encoding import one_hot
from builder.ops.numpy.arithmetic import add, clip, divide, multiply, negative, square, subtract
from builder.ops.numpy.exponential import log, log10
from builder.ops.numpy.reduction import mean, sum
from builder.ops.numpy.shaping import squeeze
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of
from builder.ops.symbolic import KerasTensor, TensorLike, converted, shape_of

__all__ = ["binary_crossentropy", "categorical_crossentropy", "psnr", "sparse_categorical_crossentropy"]

_EPSILON = 1e-7  # Keras's own


@operation
def binary_crossentropy(target: TensorLike, output: TensorLike, from_logits: bool = False) -> KerasTensor:
    """For each element `-(target * log(output) + (1 - target) * log(1 - output))`; of logits that of their sigmoid."""
    _check_shapes(shape_of(target), shape_of(output), target, output)
    if from_logits:
        yes, no = log_sigmoid(output), log_sigmoid(negative(output))
    else:
        output = clip(output, _EPSILON, 1 - _EPSILON)
        yes, no = log(output), log(subtract(1, output))
    return negative(add(multiply(target, yes), multiply(subtract(1.0, target), no)))


@operation
def categorical_crossentropy(target: TensorLike, output: TensorLike, from_logits: bool = False, axis: int = -1) -> KerasTensor:
    """`-sum(target * log(output))` along `axis`, the output divided by its own sum there; of logits that of their softmax."""
    _check_shapes(shape_of(target), shape_of(output), target, output)
    return negative(sum(multiply(target, _logarithms(output, from_logits, axis)), axis))


@operation
def sparse_categorical_crossentropy(target: TensorLike, output: TensorLike, from_logits: bool = False, axis: int = -1) -> KerasTensor:
    """As `categorical_crossentropy`, of targets that are the numbers of their classes; zero for a number that is none."""
    target = converted(target, "int32")
    if len(shape_of(target)) == len(shape_of(output)) and shape_of(target)[-1] == 1:
        target = squeeze(target, -1)
    _check_shapes(shape_of(target), shape_of(output)[:-1], target, output)
    classes = shape_of(output)[axis]
    if classes is None:
        raise NetworkError(f"The number of classes must be known. Received: output.shape={shape_of(output)}, axis={axis}")
    chosen = one_hot(target, classes, axis, dtype_of(output))
    return negative(sum(multiply(chosen, _logarithms(output, from_logits, axis)), axis))


@operation
def psnr(x1: TensorLike, x2: TensorLike, max_val: float) -> KerasTensor:
    """The peak signal to noise ratio of all elements, in decibels: `20 * log10(max_val) - 10 * log10(mean((x1 - x2) ** 2))`."""
    _check_shapes(shape_of(x1), shape_of(x2), x1, x2)
    peak = log10(converted(max_val, dtype_of(x2)))
    noise = log10(mean(square(subtract(x1, x2))))
    return subtract(multiply(20, peak), multiply(10, noise))


def _logarithms(output: TensorLike, from_logits: bool, axis: int) -> KerasTensor:
    if from_logits:
        return log_softmax(output, axis)
    return log(clip(divide(output, sum(output, axis, True)), _EPSILON, 1 - _EPSILON))


def _check_shapes(one: tuple[int | None, ...], other: tuple[int | None, ...], first: TensorLike, second: TensorLike) -> None:
    """Raises NetworkError for shapes that are not the same, as far as they are known."""
    fits = len(one) == len(other) and all(None in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True))
    if not fits:
        raise NetworkError(f"The shapes must be the same. Received: {shape_of(first)} and {shape_of(second)}")
