"""Element by element: rounding, and division that rounds."""

from builder.ops.numpy.arithmetic import divide, multiply
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, floating, is_floating, promoted
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit

__all__ = ["ceil", "floor", "floor_divide", "fmod", "mod", "round", "trunc"]


@operation
def floor(x: TensorLike) -> KerasTensor:
    """The largest whole number that is not above `x`, as a float (ONNX Floor)."""
    return emit("Floor", floating(x))


@operation
def ceil(x: TensorLike) -> KerasTensor:
    """The smallest whole number that is not below `x`, as a float (ONNX Ceil)."""
    return emit("Ceil", floating(x))


@operation
def trunc(x: TensorLike) -> TensorLike:
    """`x` without its fraction; integers stay as they are."""
    if not is_floating(dtype_of(x)):
        return x
    return emit("Mul", emit("Sign", x), emit("Floor", emit("Abs", x)))


@operation
def round(x: TensorLike, decimals: int = 0) -> TensorLike:
    """`x` to so many decimals, halves to the even neighbour (ONNX Round)."""
    dtype = dtype_of(x)
    if not is_floating(dtype):
        if decimals >= 0:
            return x
        return converted(round(converted(x, "float32"), decimals), dtype)
    if decimals == 0:
        return emit("Round", x)
    factor = 10.0**decimals
    return divide(emit("Round", multiply(x, factor)), factor)


@operation
def mod(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """The rest of `x1 / x2`, of the sign of `x2` (ONNX Mod)."""
    a, b = _numbers(x1, x2)
    if not is_floating(dtype_of(a)):
        return emit("Mod", a, b)
    rest, zero = emit("Mod", a, b, fmod=1), converted(0, dtype_of(a))
    differs = emit("Xor", emit("Less", rest, zero), emit("Less", b, zero))
    short = emit("And", differs, emit("Not", emit("Equal", rest, zero)))
    return emit("Where", short, emit("Add", rest, b), rest)


@operation
def fmod(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """The rest of `x1 / x2`, of the sign of `x1` (ONNX Mod)."""
    return emit("Mod", *_numbers(x1, x2), fmod=1)


@operation
def floor_divide(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """The whole part of `x1 / x2`, rounded down."""
    a, b = _numbers(x1, x2)
    if is_floating(dtype_of(a)):
        return emit("Floor", emit("Div", a, b))
    return emit("Div", emit("Sub", a, emit("Mod", a, b)), b)  # ONNX's Div rounds towards zero


def _numbers(x1: TensorLike, x2: TensorLike) -> list[TensorLike]:
    """The operands in the dtype that they meet in, int32 for booleans."""
    met = promoted(x1, x2)
    return [converted(operand, "int32") for operand in met] if dtype_of(met[0]) == "bool" else met
