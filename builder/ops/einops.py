"""`keras.ops.rearrange`: axes split, exchanged and merged as a pattern says."""

import re

from builder.errors import NetworkError
from builder.ops.numpy.shaping import reshape, transpose
from builder.ops.operation import operation
from builder.ops.sizes import Size, size_of
from builder.ops.symbolic import KerasTensor, TensorLike, shape_of

__all__ = ["rearrange"]


@operation
def rearrange(tensor: TensorLike, pattern: str, **axes_lengths: int) -> KerasTensor:
    """The axes of `tensor` as `pattern` says: `"b (h s) c -> b h (s c)"` splits one and merges two (ONNX Reshape, Transpose).

    `axes_lengths` are the sizes of the axes that one is split into, of which one may be left to be worked out.
    """
    groups, wanted = _groups(pattern)
    if len(groups) != len(shape_of(tensor)):
        raise NetworkError(f"The pattern {pattern!r} is of {len(groups)} axes. Received: shape={shape_of(tensor)}")
    names = [name for group in groups for name in group]
    merged = [name for group in wanted for name in group]
    if len(set(names)) != len(names) or sorted(names) != sorted(merged):
        raise NetworkError(f"Each axis must be once on either side of {pattern!r}")
    sizes: dict[str, Size] = {}
    for axis, group in enumerate(groups):
        sizes |= _split(group, size_of(tensor, axis), axes_lengths, pattern)
    apart = reshape(tensor, [sizes[name] for name in names])
    moved = transpose(apart, [names.index(name) for name in merged])
    return reshape(moved, [_product([sizes[name] for name in group]) for group in wanted])


def _groups(pattern: str) -> tuple[list[list[str]], list[list[str]]]:
    """Either side of a pattern: the names of the axes, those in parentheses together."""
    sides = re.split(r"\s*->\s*", pattern.strip())
    if len(sides) != 2:
        raise NetworkError(f"A pattern has one arrow, as in 'a b -> b a'. Received: pattern={pattern!r}")
    before, after = ([re.findall(r"\w+", part) for part in re.findall(r"\w+|\(.*?\)", side)] for side in sides)
    return before, after


def _split(names: list[str], size: Size, lengths: dict[str, int], pattern: str) -> dict[str, Size]:
    """The sizes of the axes that one of `size` is split into. Raises NetworkError where more than one is not given."""
    if len(names) == 1:
        return {names[0]: size}
    open_ones = [name for name in names if name not in lengths]
    if len(open_ones) > 1:
        raise NetworkError(f"The sizes of {open_ones} in {pattern!r} are not given; one of them at most can be worked out")
    known = 1
    for name in names:
        known *= lengths.get(name, 1)
    if isinstance(size, int) and (size % known or (not open_ones and size != known)):
        raise NetworkError(f"An axis of {size} cannot be split into {names} of sizes {lengths}")
    return {name: lengths[name] if name in lengths else size // known for name in names}


def _product(sizes: list[Size]) -> Size:
    found: Size = 1
    for size in sizes:
        found = size if isinstance(found, int) and found == 1 else found * size
    return found
