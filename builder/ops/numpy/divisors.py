"""What integers have in common."""

import numpy as np

from builder.errors import NetworkError
from builder.ops.body import repeat_while
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, is_floating, promoted
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit

__all__ = ["gcd", "lcm"]

_ZERO = np.int64(0)


@operation
def gcd(x1: TensorLike, x2: TensorLike) -> TensorLike:
    """The greatest common divisor of each pair, broadcast, by Euclid's way (ONNX Loop). Raises NetworkError for floats and booleans."""
    a, b, dtype = _pair(x1, x2)
    return converted(_gcd(a, b), dtype)


@operation
def lcm(x1: TensorLike, x2: TensorLike) -> TensorLike:
    """The least common multiple of each pair, broadcast, zero of zeros (ONNX Loop). Raises NetworkError for floats and booleans."""
    a, b, dtype = _pair(x1, x2)
    divisor = _gcd(a, b)
    return converted(emit("Mul", emit("Div", a, _or_one(divisor)), b), dtype)


def _gcd(a: KerasTensor, b: KerasTensor) -> KerasTensor:

    def step(_: KerasTensor, states: list[KerasTensor]) -> tuple[TensorLike, list[TensorLike]]:
        large, small = states
        rest = emit("Where", emit("Equal", small, _ZERO), _ZERO, emit("Mod", large, _or_one(small)))
        return _any(rest), [emit("Where", emit("Equal", small, _ZERO), large, small), rest]

    return repeat_while(step, [a, b], _any(b))[0]


def _pair(x1: TensorLike, x2: TensorLike) -> tuple[KerasTensor, KerasTensor, str]:
    """Both without their signs, in 64 bits and of one shape, and the dtype in which they meet."""
    given = promoted(x1, x2)
    dtype = dtype_of(given[0])
    if is_floating(dtype) or dtype == "bool":
        raise NetworkError(f"Divisors are those of integers. Received: dtype={dtype}; cast it to an integer first")
    a, b = (emit("Abs", converted(operand, "int64")) for operand in given)
    return emit("Add", a, emit("Mul", b, _ZERO)), emit("Add", b, emit("Mul", a, _ZERO)), dtype


def _or_one(x: KerasTensor) -> KerasTensor:
    """`x` with ones for zeros, to divide by."""
    return emit("Where", emit("Equal", x, _ZERO), np.int64(1), x)


def _any(x: KerasTensor) -> KerasTensor:
    return emit("ReduceMax", emit("Greater", x, _ZERO), keepdims=0)
