"""Hashes of integers, exactly TensorFlow's: FarmHash's Fingerprint64 of their decimal digits, and fingerprints joined.

Arithmetic is that of int64, which wraps as that of uint64 does; only shifts need the unsigned type.
"""

from collections.abc import Sequence

import numpy as np

from builder.graph import Array
from builder.ops.axes import integers
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit

__all__ = ["buckets", "fingerprint", "joined"]

_K0, _K1, _K2 = (np.uint64(key).astype(np.int64) for key in (0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F))
_JOIN = np.uint64(0xC6A4A7935BD1E995).astype(np.int64)
_DIGITS = 19  # of the largest int64
_FIRST = 0xDECAFCAFFE  # what TensorFlow's crosses begin with


def fingerprint(x: TensorLike) -> KerasTensor:
    """The hash of each integer, written in decimal, as int64 of the same bits."""
    digits, length = _digits(converted(x, "int64"))
    start = _forwards(digits, length)
    multiplier = _add(_K2, _mul(length, 2))
    hashes = (
        _of_three(digits, start, length),
        _of_seven(digits, start, length, multiplier),
        _of_sixteen(digits, start, multiplier),
        _of_more(digits, start, multiplier),
    )
    found = hashes[0]
    for least, longer in zip((4, 8, 17), hashes[1:], strict=True):
        found = emit("Where", emit("Less", length, _int(least)), found, longer)
    return found


def joined(columns: Sequence[TensorLike]) -> KerasTensor:
    """One hash of the integers that are at the same place in all columns: TensorFlow's FingerprintCat64, column by column."""
    found = _join(_int(_FIRST), converted(columns[0], "int64"))
    for column in columns[1:]:
        found = _join(found, converted(column, "int64"))
    return found


def buckets(hashes: KerasTensor, count: int) -> KerasTensor:
    """The hashes, taken as unsigned, as numbers below `count`."""
    return _signed(emit("Mod", _unsigned(hashes), np.asarray(count, np.uint64)))


def _join(left: TensorLike, right: TensorLike) -> KerasTensor:
    mixed = _xor(_xor(left, _int(_JOIN)), _mul(_mixed(_mul(right, _JOIN)), _JOIN))
    return _mixed(_mul(_mixed(_mul(mixed, _JOIN)), _JOIN))


def _digits(x: TensorLike) -> tuple[KerasTensor, KerasTensor]:
    """The bytes of each number in decimal, the last one first: `(..., 20)`; and how many there are: `(...)`."""
    powers = np.asarray([10**place for place in range(_DIGITS)], np.int64)
    rest = emit("Div", emit("Unsqueeze", x, integers((-1,))), powers)  # towards zero
    values = emit("Abs", emit("Mod", rest, _int(10), fmod=1))
    more = converted(
        emit("Not", emit("Equal", emit("Slice", rest, integers((1,)), integers((_DIGITS,)), integers((-1,))), _int(0))), "int64"
    )
    count = _add(emit("ReduceSum", more, integers((-1,)), keepdims=0), 1)
    is_digit = emit("Less", np.arange(_DIGITS + 1), emit("Unsqueeze", count, integers((-1,))))
    widened = emit("Concat", values, emit("Mul", emit("Slice", values, integers((0,)), integers((1,)), integers((-1,))), _int(0)), axis=-1)
    written = emit("Where", is_digit, _add(widened, ord("0")), _int(ord("-")))
    return written, _add(count, converted(emit("Less", x, _int(0)), "int64"))


def _forwards(digits: KerasTensor, length: KerasTensor) -> KerasTensor:
    """The first 16 bytes, the first one first; beyond the end, any."""
    places = emit("Sub", emit("Unsqueeze", _add(length, -1), integers((-1,))), np.arange(16))
    return emit("GatherElements", digits, emit("Max", places, _int(0)), axis=-1)


def _of_three(digits: KerasTensor, start: KerasTensor, length: KerasTensor) -> KerasTensor:
    middle = _add(_add(length, -1), emit("Neg", emit("Div", length, _int(2))))
    second = emit("Squeeze", emit("GatherElements", digits, emit("Unsqueeze", middle, integers((-1,))), axis=-1), integers((-1,)))
    low = _add(_word(start, range(1)), _mul(second, 1 << 8))
    high = _add(length, _mul(_word(digits, range(1)), 1 << 2))
    return _mul(_mixed(_xor(_mul(low, _K2), _mul(high, _K0))), _K2)


def _of_seven(digits: KerasTensor, start: KerasTensor, length: KerasTensor, multiplier: KerasTensor) -> KerasTensor:
    first = _add(length, _mul(_word(start, range(4)), 1 << 3))
    return _of_two(first, _word(digits, range(3, -1, -1)), multiplier)


def _of_sixteen(digits: KerasTensor, start: KerasTensor, multiplier: KerasTensor) -> KerasTensor:
    first, last = _add(_word(start, range(8)), _K2), _word(digits, range(7, -1, -1))
    left = _add(_mul(_rotated(last, 37), multiplier), first)
    return _of_two(left, _mul(_add(_rotated(first, 25), last), multiplier), multiplier)


def _of_more(digits: KerasTensor, start: KerasTensor, multiplier: KerasTensor) -> KerasTensor:
    first, second = _mul(_word(start, range(8)), _K1), _word(start, range(8, 16))
    last, before = _mul(_word(digits, range(7, -1, -1)), multiplier), _mul(_word(digits, range(15, 7, -1)), _K2)
    left = _add(_add(_rotated(_add(first, second), 43), _rotated(last, 30)), before)
    return _of_two(left, _add(_add(first, _rotated(_add(second, _K2), 18)), last), multiplier)


def _of_two(left: KerasTensor, right: KerasTensor, multiplier: KerasTensor) -> KerasTensor:
    once = _mixed(_mul(_xor(left, right), multiplier))
    return _mul(_mixed(_mul(_xor(right, once), multiplier)), multiplier)


def _word(text: KerasTensor, places: range) -> KerasTensor:
    """The bytes at those places as one number, the first one lowest.

    Four at a time: ONNX Runtime's ReduceSum of int64 is only as exact as a double.
    """
    if len(places) > 4:
        return _add(_word(text, places[:4]), _mul(_word(text, places[4:]), 1 << 32))
    wanted: Array = np.zeros(text.shape[-1] or 0, np.int64)
    wanted[list(places)] = [1 << (8 * shift) for shift in range(len(places))]
    return emit("ReduceSum", emit("Mul", text, wanted), integers((-1,)), keepdims=0)


def _mixed(x: KerasTensor) -> KerasTensor:
    return _xor(x, _signed(emit("BitShift", _unsigned(x), np.asarray(47, np.uint64), direction="RIGHT")))


def _rotated(x: KerasTensor, by: int) -> KerasTensor:
    bits = _unsigned(x)
    low = emit("BitShift", bits, np.asarray(by, np.uint64), direction="RIGHT")
    high = emit("BitShift", bits, np.asarray(64 - by, np.uint64), direction="LEFT")
    return _signed(emit("BitwiseOr", low, high))


def _add(a: TensorLike, b: TensorLike) -> KerasTensor:
    return emit("Add", _int(a), _int(b))


def _mul(a: TensorLike, b: TensorLike) -> KerasTensor:
    return emit("Mul", _int(a), _int(b))


def _xor(a: TensorLike, b: TensorLike) -> KerasTensor:
    return emit("BitwiseXor", a, b)


def _int(x: TensorLike) -> TensorLike:
    return x if isinstance(x, KerasTensor) else np.asarray(x, np.int64)


def _unsigned(x: TensorLike) -> TensorLike:
    return converted(x, "uint64")


def _signed(x: TensorLike) -> KerasTensor:
    found = converted(x, "int64")
    assert isinstance(found, KerasTensor)
    return found
