"""Spectrograms: which frequencies are in a signal, frame by frame."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from builder import ops
from builder.errors import NetworkError
from builder.graph import Array
from builder.initializers import STFT
from builder.input_spec import InputSpec
from builder.layer import Layer
from builder.layers.window import standardize_data_format
from builder.ops.allowance import spend
from builder.ops.sizes import spec_dims
from builder.ops.symbolic import KerasTensor, Shape, TensorLike, Variable, converted, emit, emit_as
from builder.ops.windows import window_of

__all__ = ["MelSpectrogram", "STFTSpectrogram"]

EPSILON = 1e-7
MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


class MelSpectrogram(Layer):
    """Signals `(batch, time)` as `(batch, num_mel_bins, frames)`: how loud each band of the mel scale is, in decibels.

    Each frame is a convolution with waves under a window (ONNX Conv), and the bands are a product with a matrix (ONNX
    MatMul). As in Keras, `top_db` is counted from the loudest of the whole batch, so that a row's answer depends on the
    others: with it the outputs' first axis is no batch, and a server runs each request by itself.
    """

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: Any = "hann",
        sampling_rate: int = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float | None = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.fft_length = fft_length
        self.sequence_stride = sequence_stride
        self.sequence_length = sequence_length or fft_length
        if fft_length < self.sequence_length:
            raise NetworkError(
                "`fft_length` must be greater than or equal to `sequence_length`. Received: "
                f"`sequence_length`={self.sequence_length}, `fft_length`={fft_length}."
            )
        self.window = window
        self.sampling_rate = sampling_rate
        self.num_mel_bins = num_mel_bins
        self.min_freq = min_freq
        self.max_freq = max_freq or int(sampling_rate / 2)
        self.power_to_db = power_to_db
        self.top_db = top_db
        self.mag_exp = mag_exp
        self.min_power = min_power
        self.ref_power = ref_power

    def call(self, inputs: KerasTensor) -> TensorLike:
        if inputs.ndim not in (1, 2):
            raise NetworkError(f"MelSpectrogram takes signals (time,) or (batch, time). Received: inputs.shape={inputs.shape}")
        signals = converted(inputs, "float32")
        batched: Any = signals if inputs.ndim == 2 else ops.expand_dims(signals, 0)
        margin = self.fft_length // 2
        padded = ops.expand_dims(ops.pad(batched, ((0, 0), (margin, margin)), "reflect"), 1)
        waves = emit("Conv", padded, self._waves(), strides=(self.sequence_stride,))
        real, imaginary = (ops.square(part) for part in ops.split(waves, 2, axis=1))
        loudness = ops.power(ops.sqrt(ops.add(real, imaginary)), self.mag_exp)
        bands: TensorLike = ops.matmul(self._bands().T, loudness)
        bands = self._decibels(bands) if self.power_to_db else bands
        return converted(bands if inputs.ndim == 2 else ops.squeeze(bands, 0), self.compute_dtype)

    def _waves(self) -> Array:
        """Cosines and sines of each frequency under the window, which is in their middle: `(2 * bins, 1, fft_length)`."""
        spend(self.fft_length + 2, self.fft_length)
        window = np.ones(self.fft_length) if self.window is None else window_of(self.window, self.sequence_length, periodic=True)
        before = (self.fft_length - self.sequence_length) // 2
        if self.window is not None:
            window = np.pad(window, (before, self.fft_length - self.sequence_length - before))
        angles = 2 * np.pi * np.outer(np.arange(self.fft_length // 2 + 1), np.arange(self.fft_length)) / self.fft_length
        waves: Array = np.concatenate([np.cos(angles) * window, -np.sin(angles) * window])[:, None].astype(np.float32)
        return waves

    def _bands(self) -> Array:
        """How much of each frequency is in each band, triangles on the mel scale: `(bins, num_mel_bins)`."""
        spend(self.fft_length // 2 + 1, self.num_mel_bins)
        frequencies = np.linspace(0, self.sampling_rate / 2, self.fft_length // 2 + 1)[1:]  # the constant part is in no band
        edges = np.linspace(_mel(self.min_freq), _mel(self.max_freq), self.num_mel_bins + 2)
        mel = _mel(frequencies)[:, None]
        rising = (mel - edges[:-2]) / (edges[1:-1] - edges[:-2])
        falling = (edges[2:] - mel) / (edges[2:] - edges[1:-1])
        bands: Array = np.pad(np.maximum(0, np.minimum(rising, falling)), ((1, 0), (0, 0))).astype(np.float32)
        return bands

    def _decibels(self, power: TensorLike) -> TensorLike:
        reference = 10 * math.log10(max(abs(self.ref_power), self.min_power))
        levels = ops.subtract(ops.multiply(ops.log10(ops.maximum(power, self.min_power)), 10.0), reference)
        if self.top_db is None:
            return levels
        dims = (None, *spec_dims(levels)[1:])  # not a batch any more
        return emit_as(dims, "float32", "Max", levels, ops.subtract(ops.max(levels), float(self.top_db)))


class STFTSpectrogram(Layer):
    """Signals `(batch, time, channels)` as the frequencies of their frames: `(batch, frames, channels * bins)`.

    The waves are weights, convolved with each channel by itself (ONNX Conv). `mode` says what of the two parts is given;
    `expand_dims` makes images of it, `(batch, frames, bins, channels)`.
    """

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: Any = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        _check_frames(frame_length, frame_step, fft_length)
        for name, value, allowed in (("mode", mode, MODES), ("scaling", scaling, (None, "density", "spectrum"))):
            if value not in allowed:
                raise NetworkError(f"Invalid `{name}`: it must be one of {allowed}. Received: {name}={value}")
        if padding not in ("valid", "same"):
            raise NetworkError(f"Padding is invalid, it should be 'valid', 'same'. Received: padding={padding}")
        self.mode = mode
        self.frame_length = frame_length
        self.frame_step = frame_step
        self.fft_length = fft_length
        self.window = window
        self.periodic = periodic
        self.scaling = scaling
        self.padding = padding
        self.expand_dims = expand_dims
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=3)

    def build(self, input_shape: Shape) -> None:
        length = self.fft_length or 2 ** math.ceil(math.log2(self.frame_length))
        shape = (self.frame_length, 1, length // 2 + 1)
        if self.mode != "imag":
            self.real_kernel = self.add_weight(shape, STFT("real", self.window, self.scaling, self.periodic), name="real_kernel")
        if self.mode != "real":
            self.imag_kernel = self.add_weight(shape, STFT("imag", self.window, self.scaling, self.periodic), name="imag_kernel")

    def call(self, inputs: KerasTensor) -> TensorLike:
        if inputs.dtype not in ("float16", "float32", "float64"):
            raise NetworkError(f"Invalid input type. Expected `float16`, `float32` or `float64`. Received: input type={inputs.dtype}")
        real = self._convolved(inputs, self.real_kernel) if self.mode != "imag" else None
        imaginary = self._convolved(inputs, self.imag_kernel) if self.mode != "real" else None
        if real is None or imaginary is None:
            part = real if imaginary is None else imaginary
            assert part is not None
            return self._arranged(part)
        if self.mode == "angle":
            return self._arranged(ops.arctan2(imaginary, real))
        if self.mode == "stft":
            return self._arranged(ops.concatenate([real, imaginary], axis=2))
        power = ops.add(ops.square(real), ops.square(imaginary))
        if self.mode == "psd":
            spend(ops.shape(power)[2])
            bins = np.arange(ops.shape(power)[2])
            twice = np.where((bins > 0) & (bins < bins[-1]), 2.0, 1.0)[:, None]  # for the mirrored frequencies
            return self._arranged(ops.multiply(power, converted(twice, ops.dtype(power))))
        magnitude = self._arranged(ops.sqrt(ops.maximum(power, EPSILON)))
        return magnitude if self.mode == "magnitude" else ops.log(ops.maximum(magnitude, EPSILON))

    def _convolved(self, inputs: KerasTensor, kernel: Variable) -> TensorLike:
        """The waves in each frame of each channel: `(batch, channels, bins, frames)`."""
        signals = ops.transpose(inputs, (0, 2, 1)) if self.data_format == "channels_last" else inputs
        _, channels, time = ops.shape(signals)
        alone = ops.reshape(signals, (-1, 1, time))
        step = self.frame_step or self.frame_length // 2
        found = ops.conv(alone, converted(kernel, inputs.dtype), step, self.padding, "channels_first")
        return ops.reshape(found, (-1, channels, *ops.shape(found)[1:]))

    def _arranged(self, outputs: TensorLike) -> TensorLike:
        last = self.data_format == "channels_last"
        if self.expand_dims:
            return ops.transpose(outputs, (0, 3, 2, 1) if last else (0, 1, 3, 2))
        _, channels, bins, frames = ops.shape(outputs)
        merged = ops.reshape(outputs, (-1, channels * bins, frames))
        return ops.transpose(merged, (0, 2, 1)) if last else merged


def _mel(hertz: Any) -> Any:
    return 1127.0 * np.log(1.0 + np.asarray(hertz) / 700.0)


def _check_frames(frame_length: int, frame_step: int | None, fft_length: int | None) -> None:
    if frame_step is not None and not 1 <= frame_step <= frame_length:
        raise NetworkError(
            "`frame_step` should be a positive integer not greater than `frame_length`. Received "
            f"frame_step={frame_step}, frame_length={frame_length}"
        )
    if fft_length is not None and fft_length < frame_length:
        raise NetworkError(
            f"`fft_length` should be not less than `frame_length`. Received fft_length={fft_length}, frame_length={frame_length}"
        )
