"""`keras.ops` functions of mathematics that NumPy has not."""

from builder.ops.math.fourier import fft, fft2, ifft2, irfft, istft, rfft, stft
from builder.ops.math.segments import segment_max, segment_min, segment_prod, segment_sum
from builder.ops.math.special import cdist, erf, erfc, erfinv, extract_sequences, in_top_k, logdet, logsumexp, rsqrt, top_k

__all__ = [
    "cdist",
    "erf",
    "erfc",
    "erfinv",
    "extract_sequences",
    "fft",
    "fft2",
    "ifft2",
    "in_top_k",
    "irfft",
    "istft",
    "logdet",
    "logsumexp",
    "rfft",
    "rsqrt",
    "segment_max",
    "segment_min",
    "segment_prod",
    "segment_sum",
    "stft",
    "top_k",
]
