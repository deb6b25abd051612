"""The tensors that a network begins with: what the caller supplies, and the names of what is free about it."""

from builder.graph import Input, Spec
from builder.ops.symbolic import KerasTensor, Shape

__all__ = ["graph_input", "placeholder"]


def placeholder(name: str, shape: Shape, dtype: str) -> KerasTensor:
    """A tensor that the caller of the network supplies.

    What is free gets a name: `batch` on the first axis, `<input>_<axis>` on another, so that two inputs never share the
    name of another free axis, whose sizes merely may be equal.
    """
    free = ("batch", *(f"{name}_{axis}" for axis in range(1, len(shape))))
    dims = tuple(free[axis] if size is None else size for axis, size in enumerate(shape))
    return KerasTensor(Input(name, Spec(dims, dtype)), name)


def graph_input(tensor: KerasTensor) -> Input:
    """The graph's input that a placeholder stands for."""
    assert isinstance(tensor.value, Input), tensor
    return tensor.value
