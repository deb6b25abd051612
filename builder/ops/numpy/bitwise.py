"""Bit by bit, of integers; of booleans, whether each is true."""

import numpy as np

from builder.errors import NetworkError
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, is_floating, promoted
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit

__all__ = [
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "left_shift",
    "right_shift",
]


@operation
def bitwise_and(x: TensorLike, y: TensorLike) -> KerasTensor:
    """The bits that both have, broadcast (ONNX BitwiseAnd; And for booleans). Raises NetworkError for floats."""
    return _joined("And", x, y)


@operation
def bitwise_or(x: TensorLike, y: TensorLike) -> KerasTensor:
    """The bits that either has, broadcast (ONNX BitwiseOr; Or for booleans). Raises NetworkError for floats."""
    return _joined("Or", x, y)


@operation
def bitwise_xor(x: TensorLike, y: TensorLike) -> KerasTensor:
    """The bits that one has and not the other, broadcast (ONNX BitwiseXor; Xor for booleans). Raises NetworkError for floats."""
    return _joined("Xor", x, y)


@operation
def bitwise_not(x: TensorLike) -> KerasTensor:
    """The bits that `x` has not (ONNX BitwiseNot; Not for booleans). Raises NetworkError for floats."""
    (given,) = _integers(x)
    return emit("Not" if dtype_of(given) == "bool" else "BitwiseNot", given)


@operation
def bitwise_invert(x: TensorLike) -> KerasTensor:
    """As `bitwise_not`."""
    return bitwise_not(x)


@operation
def bitwise_left_shift(x: TensorLike, y: TensorLike) -> TensorLike:
    """`x * 2 ** y`, what is beyond the highest bit being lost; zero for a `y` below zero (ONNX BitShift)."""
    (number, count), dtype = _shifted(x, y)
    return converted(converted(emit("Where", _beyond(count), np.uint32(0), _shift(number, count, "LEFT")), "int32"), dtype)


@operation
def left_shift(x: TensorLike, y: TensorLike) -> TensorLike:
    """As `bitwise_left_shift`."""
    return bitwise_left_shift(x, y)


@operation
def bitwise_right_shift(x: TensorLike, y: TensorLike) -> TensorLike:
    """`x / 2 ** y` rounded down; for a `y` below zero as for one above all bits (ONNX BitShift).

    ONNX shifts numbers without a sign only, so those below zero are inverted before and after.
    """
    (number, count), dtype = _shifted(x, y)
    if dtype == "uint32":
        return emit("Where", _beyond(count), np.uint32(0), _shift(number, count, "RIGHT"))
    below = emit("Less", number, np.int32(0))
    positive = emit("Where", below, emit("BitwiseNot", number), number)
    shifted = emit("Where", _beyond(count), np.int32(0), converted(_shift(positive, count, "RIGHT"), "int32"))
    return converted(emit("Where", below, emit("BitwiseNot", shifted), shifted), dtype)


@operation
def right_shift(x: TensorLike, y: TensorLike) -> TensorLike:
    """As `bitwise_right_shift`."""
    return bitwise_right_shift(x, y)


def _joined(op: str, x: TensorLike, y: TensorLike) -> KerasTensor:
    a, b = _integers(x, y)
    return emit(op if dtype_of(a) == "bool" else f"Bitwise{op}", a, b)


def _shifted(x: TensorLike, y: TensorLike) -> tuple[list[TensorLike], str]:
    """The operands as integers of 32 bits, and the dtype that they meet in."""
    given = _integers(x, y)
    dtype = dtype_of(given[0]) if dtype_of(given[0]) != "bool" else "int32"
    return [converted(operand, "uint32" if dtype == "uint32" else "int32") for operand in given], dtype


def _shift(number: TensorLike, count: TensorLike, direction: str) -> KerasTensor:
    """The shift by as many bits as there are at most: what more does is not defined."""
    bits = emit("Where", _beyond(count), np.uint32(0), converted(count, "uint32"))
    return emit("BitShift", converted(number, "uint32"), bits, direction=direction)


def _beyond(count: TensorLike) -> KerasTensor:
    """Whether more bits are asked for than there are; a number below zero is a large one."""
    return emit("Greater", converted(count, "uint32"), np.uint32(31))


def _integers(*operands: TensorLike) -> list[TensorLike]:
    given = promoted(*operands)
    if is_floating(dtype_of(given[0])):
        raise NetworkError(f"Bits are those of integers and booleans. Received: dtype={dtype_of(given[0])}; cast it to an integer first")
    return given
