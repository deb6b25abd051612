"""Fourier's transforms, of numbers given as their real and their imaginary parts.

Each is a product with a constant matrix (ONNX MatMul, Conv), as large as the size squared. ONNX has an operator, DFT, but
ONNX Runtime's is off by a hundredth for sizes that are no power of two, and slower.
"""

from collections.abc import Callable

import numpy as np

from builder.errors import NetworkError
from builder.graph import Array
from builder.ops.axes import integers
from builder.ops.numpy.arithmetic import add, divide, subtract
from builder.ops.numpy.comparison import greater, where
from builder.ops.numpy.contraction import matmul
from builder.ops.numpy.rearranging import cut, pad
from builder.ops.numpy.shaping import reshape, swapaxes
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, is_floating
from builder.ops.sizes import size_of
from builder.ops.symbolic import TensorLike, converted, emit, shape_of

__all__ = ["fft", "fft2", "ifft2", "irfft", "istft", "rfft", "stft"]

Pair = tuple[TensorLike, TensorLike]
_END = 2**63 - 1


@operation
def fft(x: Pair) -> Pair:
    """The transform along the last axis, whose size is known: a pair of real and imaginary parts to such a pair."""
    return _transformed(_pair(x), np.fft.fft)


@operation
def fft2(x: Pair) -> Pair:
    """The transform along the last two axes, whose sizes are known: a pair of real and imaginary parts to such a pair."""
    return _over_two(x, np.fft.fft)


@operation
def ifft2(x: Pair) -> Pair:
    """What `fft2` gave, as it was."""
    return _over_two(x, np.fft.ifft)


@operation
def rfft(x: TensorLike, fft_length: int | None = None) -> Pair:
    """The transform of real numbers along the last axis: `(..., size)` to a pair of `(..., fft_length // 2 + 1)`.

    What is longer than `fft_length` is cut off, what is shorter is filled with zeros.
    """
    if dtype_of(x) in ("float16", "bfloat16"):
        raise NetworkError(f"`rfft` takes numbers of 32 bits. Received: dtype={dtype_of(x)}; cast them first")
    given = converted(x, "float32")
    matrix = np.fft.rfft(np.eye(_size(given)), n=fft_length)
    return matmul(given, _constant(matrix.real)), matmul(given, _constant(matrix.imag))


@operation
def irfft(x: Pair, fft_length: int | None = None) -> TensorLike:
    """The real numbers that `rfft` gave the pair for, `fft_length` of them, or as many as is even: `(..., size)` to `(..., fft_length)`."""
    real, imaginary = _pair(x)
    unit = np.eye(_size(real))
    count = fft_length if fft_length is not None else 2 * (len(unit) - 1)
    return add(*(matmul(part, _constant(np.fft.irfft(unit * one, n=count))) for part, one in ((real, 1), (imaginary, 1j))))


@operation
def stft(
    x: TensorLike,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: str | TensorLike | None = "hann",
    center: bool = True,
) -> Pair:
    """The transforms of windows along the last axis: `(..., samples)` to a pair of `(..., windows, fft_length // 2 + 1)` (ONNX Conv).

    Each is `sequence_length` samples, weighed by `window`: "hann", "hamming", a vector, or None; and `sequence_stride` behind
    the one before. With `center` the first is around the first sample, and there is a reflection of those behind it before.
    """
    if dtype_of(x) != "float32":
        raise NetworkError(f"Invalid input type. Expected `float32`. Received: input type={dtype_of(x)}")
    if fft_length < sequence_length:
        raise NetworkError(
            f"`fft_length` must equal or larger than `sequence_length`. Received: {sequence_length=}, fft_length={fft_length}"
        )
    weights = _window(window, sequence_length, fft_length)
    if center:
        x = pad(x, [(0, 0)] * (len(shape_of(x)) - 1) + [(fft_length // 2, fft_length // 2)], mode="reflect")
    matrix = np.fft.rfft(np.diag(weights))
    bins = matrix.shape[1]
    kernel = np.concatenate([matrix.real, matrix.imag], 1).T[:, None]
    found = emit("Conv", reshape(x, (-1, 1, size_of(x, -1))), _constant(kernel), strides=(sequence_stride,))
    shaped = reshape(found, [*(size_of(x, axis) for axis in range(len(shape_of(x)) - 1)), 2 * bins, size_of(found, 2)])
    by_window = swapaxes(shaped, -1, -2)
    return cut(by_window, by_window.ndim - 1, 0, bins), cut(by_window, by_window.ndim - 1, bins, _END)


@operation
def istft(
    x: Pair,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: str | TensorLike | None = "hann",
    center: bool = True,
) -> TensorLike:
    """The samples that `stft` gave the pair for: `(..., windows, fft_length // 2 + 1)` to `(..., samples)` (ONNX ConvTranspose).

    Windows are added up where they overlap, and divided by how much they weigh there together. `length` is of the result;
    as in Keras on JAX, samples of no `window` are larger by `fft_length / sequence_stride`.
    """
    real, imaginary = _pair(x)
    weights = _window(window, sequence_length, fft_length)
    unit = np.eye(fft_length // 2 + 1)
    parts = [np.fft.irfft(unit * one, n=fft_length) * weights for one in (1, 1j)]
    windows = [swapaxes(part, -1, -2) for part in (real, imaginary)]
    shape = shape_of(real)
    rows = emit("Concat", *(reshape(part, (-1, len(unit), size_of(part, -1))) for part in windows), axis=1)
    added = emit("ConvTranspose", rows, _constant(np.concatenate(parts)[:, None]), strides=(sequence_stride,))
    ones = emit(
        "Expand", np.ones((1, 1, 1), np.float32), emit("Shape", emit("Slice", rows, integers((0, 0)), integers((1, 1)), integers((0, 1))))
    )
    weight = emit("ConvTranspose", ones, _constant(weights[None, None] ** 2), strides=(sequence_stride,))
    samples = divide(added, where(greater(weight, 1e-10), weight, 1.0))
    if window is None:
        samples = emit("Mul", samples, np.float32(fft_length / sequence_stride))
    whole = reshape(samples, [*(size_of(real, axis) for axis in range(len(shape) - 2)), -1])
    start = fft_length // 2 if center else 0
    end = start + length if length is not None else -start if center else _END
    return cut(whole, whole.ndim - 1, start, end)


def _pair(x: Pair) -> Pair:
    """The real and the imaginary parts, as float32. Raises NetworkError unless both are floats of one shape."""
    if not isinstance(x, tuple | list) or len(x) != 2:
        raise NetworkError(f"Input `x` should be a tuple of two tensors - real and imaginary. Received: x={x}")
    real, imaginary = x
    if shape_of(real) != shape_of(imaginary) or not all(is_floating(dtype_of(part)) for part in x):
        raise NetworkError(
            f"The real and imaginary parts should be floats of the same shape. Received: {[(shape_of(part), dtype_of(part)) for part in x]}"
        )
    return converted(real, "float32"), converted(imaginary, "float32")


def _transformed(x: Pair, transform: Callable[[Array], Array]) -> Pair:
    """The pair's product with the matrix of a transform."""
    real, imaginary = x
    matrix = transform(np.eye(_size(real)))
    cosines, sines = _constant(matrix.real), _constant(matrix.imag)
    return (
        subtract(matmul(real, cosines), matmul(imaginary, sines)),
        add(matmul(real, sines), matmul(imaginary, cosines)),
    )


def _over_two(x: Pair, transform: Callable[[Array], Array]) -> Pair:
    rows = _transformed(_pair(x), transform)
    turned = _transformed((swapaxes(rows[0], -1, -2), swapaxes(rows[1], -1, -2)), transform)
    return swapaxes(turned[0], -1, -2), swapaxes(turned[1], -1, -2)


def _size(x: TensorLike) -> int:
    size = shape_of(x)[-1]
    if size is None:
        raise NetworkError(f"A transform needs axes of known size. Received: shape={shape_of(x)}")
    return size


def _window(window: str | TensorLike | None, length: int, whole: int) -> Array:
    """The weights of a window in the middle of `whole` samples. Raises NetworkError for another name or size."""
    named = {"hann": (0.5, 0.5), "hamming": (0.54, 0.46)}
    if isinstance(window, str) and window not in named:
        raise NetworkError(f"If a string is passed to `window`, it must be one of 'hann', 'hamming'. Received: window={window}")
    before = (whole - length) // 2
    margins = (before, whole - length - before)
    if window is None:
        return np.ones(whole)
    if isinstance(window, str):
        mean, swing = named[window]
        return np.pad(mean - swing * np.cos(2 * np.pi * np.arange(length) / length), margins)
    given = np.asarray(window, np.float64)
    if given.shape != (length,):
        raise NetworkError(f"The shape of `window` must be equal to [sequence_length]. Received: window shape={given.shape}")
    return np.pad(given, margins)


def _constant(array: Array) -> Array:
    return array.astype(np.float32)
