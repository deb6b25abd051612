"""Layout: transposes move towards the outputs until they meet their inverse or something that minds the order of axes.

Keras keeps channels last and ONNX convolves with channels first, so a network comes in with two transposes around every
convolution and pool. After this pass an image model has one at each image input and none behind a global pool or a
`Flatten` that feeds a dense layer, whose kernel is permuted instead.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from builder.graph import Constant, Graph, Node, Parameter, Result, Spec, Value

__all__ = ["sink_transposes"]

Inputs = tuple[Value | None, ...]
Axes = tuple[int, ...]


def sink_transposes(graph: Graph) -> Graph:
    """The graph with as few transposes as moving them one way can leave."""
    return graph.rewrite(_sink)


def _sink(node: Node, inputs: Inputs) -> Sequence[Value] | None:
    rule = _RULES.get(node.op)
    replacement = rule(node, inputs) if rule else None
    return None if replacement is None else [replacement]


def _transpose(node: Node, inputs: Inputs) -> Value | None:
    """A transpose of a transpose is one, or nothing."""
    source, perm = _peel(inputs[0])
    axes = tuple(perm[axis] for axis in _ints(node, "perm"))
    if axes == tuple(range(len(axes))):
        return source
    return None if source is inputs[0] else _transposed(source, axes, node)


def _elementwise(node: Node, inputs: Inputs) -> Value | None:
    """All tensors transposed alike, and constants that can be transposed back now."""
    rank = node.specs[0].rank
    perms = {_peel(value)[1] for value in inputs if isinstance(value, Result) and value.spec.rank}
    if len(perms) != 1:
        return None
    (perm,) = perms
    if perm == tuple(range(len(perm))) or len(perm) != rank:
        return None
    moved = [_moved_back(value, perm) for value in inputs]
    if any(after is None and before is not None for before, after in zip(inputs, moved, strict=True)):
        return None
    return _transposed(_again(node, tuple(moved), perm), perm, node)


def _along_axis(node: Node, inputs: Inputs) -> Value | None:
    """Concat and Softmax: all tensors transposed alike; the axis is renamed."""
    perms = {_peel(value)[1] for value in inputs if value is not None}
    if len(perms) != 1 or (perm := perms.pop()) == tuple(range(len(perm))):
        return None
    axis = node.attributes["axis"]
    assert isinstance(axis, int)
    sources = tuple(_peel(value)[0] for value in inputs)
    return _transposed(_again(node, sources, perm, axis=perm[axis % len(perm)]), perm, node)


def _reduction(node: Node, inputs: Inputs) -> Value | None:
    """Reduces the same axes of the source; those that stay may then be in order already."""
    source, perm = _peel(inputs[0])
    if source is inputs[0] or not isinstance(inputs[1], Constant):
        return None
    axes = [int(axis) % len(perm) for axis in inputs[1].array]
    reduced = Constant(np.asarray(sorted(perm[axis] for axis in axes), np.int64))
    if node.attributes["keepdims"]:
        return _transposed(_again(node, (source, reduced), perm), perm, node)
    kept = [perm[axis] for axis in range(len(perm)) if axis not in axes]
    order = tuple(sorted(kept).index(axis) for axis in kept)
    result = _again(node, (source, reduced), order)
    return result if order == tuple(range(len(order))) else _transposed(result, order, node)


def _dense(node: Node, inputs: Inputs) -> Value | None:
    """A product with a flattened transpose: flattens the source and permutes the rows of the kernel instead."""
    flat, kernel = inputs[0], inputs[1]
    if (
        not isinstance(flat, Result)
        or flat.node.op != "Flatten"
        or flat.node.attributes["axis"] != 1
        or not isinstance(kernel, Constant | Parameter)
    ):
        return None
    source, perm = _peel(flat.node.inputs[0])
    sizes = source.spec.shape[1:] if source is not None else ()
    if source is flat.node.inputs[0] or perm[0] != 0 or not all(isinstance(size, int) for size in sizes):
        return None
    known = [size for size in sizes if isinstance(size, int)]
    rows = np.arange(prod(known)).reshape([known[axis - 1] for axis in perm[1:]])
    order = rows.transpose(_inverse(tuple(axis - 1 for axis in perm[1:]))).reshape(-1)
    flattened = Result(replace(flat.node, inputs=(source,)))
    permuted = Constant(np.ascontiguousarray(kernel.array[order]), kernel.name)
    return Result(replace(node, inputs=(flattened, permuted, *inputs[2:])))


def _peel(value: Value | None) -> tuple[Value, Axes]:
    """What is under a transpose, and its permutation; the value itself and the identity where there is none."""
    assert value is not None
    if isinstance(value, Result) and value.node.op == "Transpose" and value.node.inputs[0] is not None:
        return value.node.inputs[0], _ints(value.node, "perm")
    return value, tuple(range(value.spec.rank))


def _moved_back(value: Value | None, perm: Axes) -> Value | None:
    """The operand as it is under the transpose `perm`; None where that is not known now."""
    if value is None or value.spec.rank == 0:
        return value
    if isinstance(value, Constant | Parameter):
        if prod(value.array.shape) == 1:
            return Constant(value.array.reshape(()), value.name)
        spread = value.array.reshape((1,) * (len(perm) - value.array.ndim) + value.array.shape)
        return Constant(np.ascontiguousarray(spread.transpose(_inverse(perm))), value.name)
    return _peel(value)[0] if _peel(value)[1] == perm else None


def _again(node: Node, inputs: Inputs, perm: Axes, **attributes: int) -> Value:
    """The node on other inputs, its output's axes as they were before the transpose `perm`."""
    spec = node.specs[0]
    before = Spec(tuple(spec.shape[axis] for axis in _inverse(perm)), spec.dtype)
    return Result(replace(node, inputs=inputs, specs=(before,), attributes={**node.attributes, **attributes}))


def _transposed(value: Value, perm: Axes, node: Node) -> Value:
    spec = Spec(tuple(value.spec.shape[axis] for axis in perm), value.spec.dtype)
    return Result(Node("Transpose", (value,), (spec,), {"perm": perm}, node.scope))


def _inverse(perm: Axes) -> Axes:
    return tuple(sorted(range(len(perm)), key=perm.__getitem__))


def _ints(node: Node, name: str) -> Axes:
    axes = node.attributes[name]
    assert isinstance(axes, tuple)
    return tuple(int(axis) for axis in axes)


_ELEMENTWISE = (
    *("Abs", "Cast", "Celu", "Clip", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Log", "Mish"),
    *("Neg", "Reciprocal", "Relu", "Selu", "Shrink", "Sigmoid", "Softplus", "Softsign", "Sqrt", "Tanh", "ThresholdedRelu"),
    *("Add", "Div", "Greater", "GreaterOrEqual", "Less", "Max", "Min", "Mul", "Pow", "Sub", "Where"),
)
_RULES: dict[str, Callable[[Node, Inputs], Value | None]] = {
    "Transpose": _transpose,
    "Concat": _along_axis,
    "Softmax": _along_axis,
    "LogSoftmax": _along_axis,
    "ReduceMean": _reduction,
    "ReduceSum": _reduction,
    "ReduceMax": _reduction,
    "MatMul": _dense,
    "Gemm": _dense,
    **dict.fromkeys(_ELEMENTWISE, _elementwise),
}
