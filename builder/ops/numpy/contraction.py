"""Sums of products over any axes, as matrix products: ONNX Runtime fuses and speeds up a MatMul, and an Einsum never."""

from collections.abc import Sequence
from string import ascii_letters
from typing import Any

from builder.errors import NetworkError
from builder.ops.numpy.reduction import sum
from builder.ops.numpy.shaping import expand_dims, reshape, transpose
from builder.ops.operation import operation
from builder.ops.promotion import WIDE, dtype_of, is_floating, promoted
from builder.ops.sizes import Size, size_of
from builder.ops.symbolic import TensorLike, converted, emit, shape_of

__all__ = ["contract", "einsum", "matmul"]


@operation
def matmul(x1: TensorLike, x2: TensorLike) -> TensorLike:
    """The matrix product over the last two axes (ONNX MatMul); that of int8 and int8 is int32 (ONNX MatMulInteger)."""
    if dtype_of(x1) == dtype_of(x2) == "int8":
        return emit("MatMulInteger", x1, x2)
    a, b = promoted(x1, x2)
    dtype = dtype_of(a)
    if is_floating(dtype) or dtype in (*WIDE, "uint32", "uint64"):
        return emit("MatMul", a, b)
    return converted(emit("MatMul", converted(a, "int32"), converted(b, "int32")), dtype)


@operation
def einsum(subscripts: str, *operands: TensorLike, optimize: Any = None) -> TensorLike:
    """The sums of products that `subscripts` tells, as in `bij,bjk->bik`; `optimize` is a hint that is not needed here.

    Transpose, Reshape and MatMul for any number of operands; ONNX Einsum where a letter is twice in one of them.
    """
    terms, result = _labels(subscripts, [len(shape_of(operand)) for operand in operands])
    if any(len(set(term)) != len(term) for term in terms):
        return emit("Einsum", *promoted(*operands), equation=f"{','.join(terms)}->{result}")
    found, labels = operands[0], terms[0]
    for index in range(1, len(operands)):
        later = set(result).union(*terms[index + 1 :])
        wanted = "".join(label for label in dict.fromkeys(labels + terms[index]) if label in later)
        wanted = result if index == len(operands) - 1 else wanted
        found, labels = contract(found, labels, operands[index], terms[index], wanted), wanted
    if labels == result:
        return found
    found, labels = _summed(found, labels, set(result))
    return transpose(found, [labels.index(label) for label in result])


def contract(x1: TensorLike, labels1: str, x2: TensorLike, labels2: str, result: str) -> TensorLike:
    """The tensor with the axes `result`, of sums of products over the axes that are not in it. A letter stands for an axis."""
    a, first = _summed(x1, labels1, {*labels2, *result})
    b, second = _summed(x2, labels2, {*labels1, *result})
    both = [label for label in first if label in second]
    batch, inside = ([label for label in both if (label in result) is kept] for kept in (True, False))
    rows, columns = [label for label in first if label not in second], [label for label in second if label not in first]
    left, right = _ordered(a, first, [*batch, *rows, *inside]), _ordered(b, second, [*batch, *inside, *columns])
    multiply = _multiplied if inside else _spread
    product = multiply(left, right, len(batch), len(rows), len(columns))
    return _ordered(product, "".join([*batch, *rows, *columns]), list(result))


def _multiplied(left: TensorLike, right: TensorLike, batch: int, rows: int, columns: int) -> TensorLike:
    """`(*batch, *rows, *inside)` by `(*batch, *inside, *columns)`, as a product of matrices."""
    merged_rows = rows if batch == 0 else 1  # without a batch, MatMul takes any number of rows as it is
    sizes = _sizes(left), _sizes(right)
    inside = len(sizes[0]) - batch - rows
    a = _merged(left, [*([1] * batch), *([1] * rows if batch == 0 else [rows]), inside])
    b = _merged(right, [*([1] * batch), inside, *([columns] if batch or columns else [])])
    product = matmul(a, b)
    if merged_rows == rows and columns == (1 if batch else min(columns, 1)):
        return product
    shared = [second if first == 1 else first for first, second in zip(sizes[0][:batch], sizes[1][:batch], strict=True)]
    return reshape(product, [*shared, *sizes[0][batch : batch + rows], *sizes[1][batch + inside :]])


def _spread(left: TensorLike, right: TensorLike, batch: int, rows: int, columns: int) -> TensorLike:
    """`(*batch, *rows)` by `(*batch, *columns)`, element by element."""
    behind, between = range(batch + rows, batch + rows + columns), range(batch, batch + rows)
    a = expand_dims(left, tuple(behind)) if columns else left
    b = expand_dims(right, tuple(between)) if rows else right
    return emit("Mul", *promoted(a, b))


def _merged(x: TensorLike, groups: Sequence[int]) -> TensorLike:
    """`x` with each group of neighbouring axes as one; a group of none becomes an axis of size 1."""
    if all(count == 1 for count in groups):
        return x
    sizes, shape, start = _sizes(x), [], 0
    for count in groups:
        shape.append(_product(sizes[start : start + count]))
        start += count
    return reshape(x, shape)


def _product(sizes: Sequence[Size]) -> Size:
    after: Size = 1
    for size in sizes:
        if isinstance(after, int) and isinstance(size, int):
            after *= size
        else:
            after = size if after == 1 and isinstance(after, int) else emit("Mul", *promoted(after, size))
    return after


def _summed(x: TensorLike, labels: str, kept: set[str]) -> tuple[TensorLike, str]:
    """`x` without the axes whose letter nothing else has, summed over, and its other letters."""
    gone = [axis for axis, label in enumerate(labels) if label not in kept]
    return (sum(x, gone), "".join(label for label in labels if label in kept)) if gone else (x, labels)


def _ordered(x: TensorLike, labels: str, wanted: Sequence[str]) -> TensorLike:
    order = [labels.index(label) for label in wanted]
    return x if order == sorted(order) else transpose(x, order)


def _sizes(x: TensorLike) -> list[Size]:
    return [size_of(x, axis) for axis in range(len(shape_of(x)))]


def _labels(subscripts: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the result, with letters of its own for each axis that `...` stands for."""
    given, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = given.split(",")
    if len(terms) != len(ranks):
        raise NetworkError(f"einsum '{subscripts}' is for {len(terms)} operands. Received: {len(ranks)}")
    unused = [letter for letter in ascii_letters if letter not in subscripts]
    widest = max((rank - len(term) + 3 for term, rank in zip(terms, ranks, strict=True) if "..." in term), default=0)
    stand_ins = "".join(unused[:widest])
    if not arrow:
        letters = given.replace(",", "").replace("...", "")
        result = ("..." if "..." in given else "") + "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
    named = []
    for term, rank in zip(terms, ranks, strict=True):
        count = rank - len(term.replace("...", ""))
        if count < 0 or (count and "..." not in term):
            raise NetworkError(f"einsum '{subscripts}' has '{term}' for an operand of rank {rank}")
        named.append(term.replace("...", stand_ins[widest - count :]))
    return named, result.replace("...", stand_ins)
