"""Transposes in a graph: what is under one, what one costs, and operands as they are before one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from builder.graph import Constant, Dim, Graph, Node, Parameter, Result, Spec, Value

__all__ = [
    "Axes",
    "again",
    "ints",
    "inverse",
    "is_free",
    "moved_back",
    "peel",
    "permuted",
    "reshaped",
    "transposed",
    "transposes",
    "under_reshape",
]

Axes = tuple[int, ...]


def transposes(graph: Graph) -> int:
    """How many transposes there are, equal ones counted once."""
    return len({(node.inputs[0], ints(node, "perm")) for node in graph.nodes() if node.op == "Transpose"})


def peel(value: Value | None) -> tuple[Value, Axes]:
    """What is under a transpose, and its permutation; the value itself and the identity where there is none."""
    assert value is not None
    if isinstance(value, Result) and value.node.op == "Transpose" and value.node.inputs[0] is not None:
        return value.node.inputs[0], ints(value.node, "perm")
    return value, tuple(range(value.spec.rank))


def transposed(value: Value, perm: Axes, node: Node) -> Value:
    """The value's axes in the order `perm`, on behalf of `node`."""
    spec = Spec(permuted(value.spec.shape, perm), value.spec.dtype)
    return Result(Node("Transpose", (value,), (spec,), {"perm": perm}, node.scope))


def again(node: Node, inputs: tuple[Value | None, ...], perm: Axes, **attributes: int | Axes) -> Value:
    """The node on other inputs, its output's axes as they were before the transpose `perm`."""
    spec = node.specs[0]
    before = Spec(permuted(spec.shape, inverse(perm)), spec.dtype)
    return Result(replace(node, inputs=inputs, specs=(before,), attributes={**node.attributes, **attributes}))


def moved_back(value: Value | None, perm: Axes, node: Node) -> Value | None:
    """The operand as it is under the transpose `perm`; None where that would cost a transpose."""
    if value is None or value.spec.rank == 0:
        return value
    if isinstance(value, Constant | Parameter):
        if prod(value.array.shape) == 1:
            return Constant(value.array.reshape(()), value.name)
        spread = value.array.reshape((1,) * (len(perm) - value.array.ndim) + value.array.shape)
        return Constant(np.ascontiguousarray(spread.transpose(inverse(perm))), value.name)
    source, under = peel(value)
    if under == perm:
        return source
    shape = (1,) * (len(perm) - value.spec.rank) + value.spec.shape
    return reshaped(value, permuted(shape, inverse(perm)), node) if is_free(shape, inverse(perm)) else None


def is_free(shape: Sequence[Dim], perm: Axes) -> bool:
    """Whether transposing such a tensor leaves its elements in their order, since only axes of size 1 move."""
    moved = [axis for axis in perm if shape[axis] != 1]
    return moved == sorted(moved)


def reshaped(value: Value, shape: Sequence[Dim], node: Node) -> Value | None:
    """The value in another shape, which has its elements in their order; None where the shape cannot be told now."""
    while (under := under_reshape(value)) is not None:
        value = under
    if value.spec.shape == tuple(shape):
        return value
    sizes = [0 if index == 0 and not isinstance(dim, int) else dim if isinstance(dim, int) else -1 for index, dim in enumerate(shape)]
    if sizes.count(-1) > 1 or (sizes[:1] == [0] and value.spec.shape[:1] != tuple(shape[:1])) or 0 in sizes[1:]:
        return None
    target = Constant(np.asarray(sizes, np.int64))
    return Result(Node("Reshape", (value, target), (Spec(tuple(shape), value.spec.dtype),), {}, node.scope))


def under_reshape(value: Value) -> Value | None:
    """What has the same elements in the same order, and the same batch."""
    if not isinstance(value, Result) or not value.node.inputs:
        return None
    source = value.node.inputs[0]
    if source is None or source.spec.shape[:1] != value.spec.shape[:1]:
        return None
    keeps = value.node.op in ("Reshape", "Unsqueeze", "Squeeze")
    if value.node.op == "Transpose":
        keeps = is_free(source.spec.shape, ints(value.node, "perm"))
    return source if keeps else None


def permuted(shape: Sequence[Dim], perm: Axes) -> tuple[Dim, ...]:
    """The sizes in the order `perm`."""
    return tuple(shape[axis] for axis in perm)


def inverse(perm: Axes) -> Axes:
    """The permutation that undoes `perm`."""
    return tuple(sorted(range(len(perm)), key=perm.__getitem__))


def ints(node: Node, name: str) -> Axes:
    """An attribute that is a list of integers."""
    axes = node.attributes[name]
    assert isinstance(axes, tuple)
    return tuple(int(axis) for axis in axes)
