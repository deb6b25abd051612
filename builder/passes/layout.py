"""Layout: transposes move towards the outputs until they meet their inverse or something that minds the order of axes.

Keras keeps channels last and ONNX convolves with channels first, so a network comes in with two transposes around every
convolution and pool. After this pass an image model has one at each image input and none behind a global pool or a
`Flatten` that feeds a dense layer, whose kernel is permuted instead.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from builder.graph import Array, Constant, Graph, Input, Node, Parameter, Result, Spec, Value
from builder.passes.transposes import (
    Axes,
    again,
    ints,
    inverse,
    is_free,
    moved_back,
    peel,
    permuted,
    reshaped,
    transposed,
    transposes,
    under_reshape,
)

__all__ = ["sink_transposes"]

Inputs = tuple[Value | None, ...]
Rule = Callable[[Node, Inputs], Value | None]
Asked = Mapping[Value, set[Axes]]


def sink_transposes(graph: Graph) -> Graph:
    """The graph with as few transposes as moving them towards the outputs can leave, and turning what they then meet."""
    while True:
        graph = _settled(graph)
        while transposes(turned := _settled(_turned(graph))) < transposes(graph):
            graph = turned
        if (after := graph.rewrite(_without_order)) is graph:
            return graph
        graph = after


def _settled(graph: Graph) -> Graph:
    """The graph after the rules, as often as they find something."""
    while (after := graph.rewrite(_sink)) is not graph:
        graph = after
    return graph


def _sink(node: Node, inputs: Inputs) -> Sequence[Value] | None:
    if node.op == "Split":
        return _split(node, inputs)
    rule = _RULES.get(node.op)
    replacement = rule(node, inputs) if rule else None
    return None if replacement is None else [replacement]


# What becomes of a transpose itself.


def _transpose(node: Node, inputs: Inputs) -> Value | None:
    """A transpose of a transpose is one, or nothing; of a reshape that only axes of size 1 went through, the reshape."""
    source, perm = peel(inputs[0])
    axes = tuple(perm[axis] for axis in ints(node, "perm"))
    if axes == tuple(range(len(axes))):
        return source
    if source is not inputs[0]:
        return transposed(source, axes, node)
    if isinstance(source, Result) and source.node.op in ("Reshape", "Unsqueeze") and is_free(source.spec.shape, axes):
        return reshaped(source, permuted(source.spec.shape, axes), node)
    return _normalized(source, axes, node)


def _normalized(source: Value, perm: Axes, node: Node) -> Value | None:
    """A normalization that is alone between two transposes: a factor and an offset along the axis where the channels are."""
    if not isinstance(source, Result) or source.node.op != "BatchNormalization":
        return None
    x, before = peel(source.node.inputs[0])
    weights = [value.array.astype(np.float64) for value in source.node.inputs[1:] if isinstance(value, Constant | Parameter)]
    if before != inverse(perm) or x is source.node.inputs[0] or len(weights) != 4:
        return None
    scale, offset, mean, variance = weights
    epsilon = source.node.attributes["epsilon"]
    assert isinstance(epsilon, float)
    factor = scale / np.sqrt(variance + float(np.float32(epsilon)))
    spread = (-1,) + (1,) * (len(perm) - 1 - before[1])
    product = _with_weight("Mul", x, factor.reshape(spread), source.node)
    return _with_weight("Add", product, (offset - mean * factor).reshape(spread), source.node)


def _with_weight(op: str, x: Value, weight: Array, node: Node) -> Value:
    constant = Constant(weight.astype(x.spec.dtype), "factor" if op == "Mul" else "offset")
    return Result(Node(op, (x, constant), (x.spec,), {}, node.scope))


def _without_order(node: Node, inputs: Inputs) -> Sequence[Value] | None:
    """A transpose that moves axes of size 1 only is a reshape."""
    source = inputs[0]
    if node.op != "Transpose" or source is None or not is_free(source.spec.shape, ints(node, "perm")):
        return None
    after = reshaped(source, node.specs[0].shape, node)
    return None if after is None else [after]


def _reshape(node: Node, inputs: Inputs) -> Value | None:
    """A reshape of a reshape, or of a transpose that moves axes of size 1 only, is one."""
    value = inputs[0]
    return None if value is None or under_reshape(value) is None else reshaped(value, node.specs[0].shape, node)


# How a transpose gets past a node.


def _elementwise(node: Node, inputs: Inputs) -> Value | None:
    """All tensors transposed alike, and operands that can be transposed back for nothing."""
    perm = _common(inputs)
    if perm is None or len(perm) != node.specs[0].rank:
        return None
    moved = [moved_back(value, perm, node) for value in inputs]
    if any(after is None and before is not None for before, after in zip(inputs, moved, strict=True)):
        return None
    return transposed(again(node, tuple(moved), perm), perm, node)


def _along_axis(node: Node, inputs: Inputs) -> Value | None:
    """Concat and Softmax: all tensors transposed alike; the axis is renamed."""
    perm = _common(inputs)
    if perm is None:
        return None
    moved = tuple(_whole(value, perm) or moved_back(value, perm, node) for value in inputs)
    if any(value is None or value.spec.rank != len(perm) for value in moved):
        return None
    return transposed(again(node, moved, perm, axis=_renamed(node, perm)), perm, node)


def _split(node: Node, inputs: Inputs) -> Sequence[Value] | None:
    source, perm = peel(inputs[0])
    if source is inputs[0]:
        return None
    specs = tuple(Spec(permuted(spec.shape, inverse(perm)), spec.dtype) for spec in node.specs)
    attributes = {**node.attributes, "axis": _renamed(node, perm)}
    parts = replace(node, inputs=(source, *inputs[1:]), specs=specs, attributes=attributes)
    return [transposed(part, perm, node) for part in parts.results]


def _reduction(node: Node, inputs: Inputs) -> Value | None:
    """Reduces the same axes of the source; those that stay may then be in order already."""
    source, perm = peel(inputs[0])
    if source is inputs[0] or len(inputs) < 2 or not isinstance(inputs[1], Constant):
        return None
    axes = [int(axis) % len(perm) for axis in inputs[1].array]
    reduced = Constant(np.asarray(sorted(perm[axis] for axis in axes), np.int64))
    if node.attributes.get("keepdims", node.op != "Squeeze"):
        return transposed(again(node, (source, reduced), perm), perm, node)
    kept = [perm[axis] for axis in range(len(perm)) if axis not in axes]
    order = tuple(sorted(kept).index(axis) for axis in kept)
    result = again(node, (source, reduced), order)
    return result if order == tuple(range(len(order))) else transposed(result, order, node)


def _unsqueeze(node: Node, inputs: Inputs) -> Value | None:
    """The new axes stay where they are, and the others are transposed around them."""
    source, perm = peel(inputs[0])
    if source is inputs[0] or not isinstance(inputs[1], Constant):
        return None
    rank = node.specs[0].rank
    new = {int(axis) % rank for axis in inputs[1].array}
    old = [axis for axis in range(rank) if axis not in new]
    around = tuple(axis if axis in new else old[perm[old.index(axis)]] for axis in range(rank))
    return transposed(again(node, (source, inputs[1]), around), around, node)


def _pad(node: Node, inputs: Inputs) -> Value | None:
    """The same padding, each axis under its name in the source."""
    source, perm = peel(inputs[0])
    if source is inputs[0] or not isinstance(inputs[1], Constant) or len(inputs) > 3:
        return None
    begins, ends = (half[list(inverse(perm))] for half in np.split(inputs[1].array, 2))
    return transposed(again(node, (source, Constant(np.concatenate([begins, ends])), *inputs[2:]), perm), perm, node)


def _slice(node: Node, inputs: Inputs) -> Value | None:
    """The same slices, each axis under its name in the source."""
    source, perm = peel(inputs[0])
    if source is inputs[0] or len(inputs) < 4 or not isinstance(inputs[3], Constant):
        return None
    axes = Constant(np.asarray([perm[int(axis) % len(perm)] for axis in inputs[3].array], np.int64))
    return transposed(again(node, (source, *inputs[1:3], axes, *inputs[4:]), perm), perm, node)


def _resize(node: Node, inputs: Inputs) -> Value | None:
    """The same sizes, each axis under its name in the source, where that has the channels first: there it is fastest."""
    source, perm = peel(inputs[0])
    if source is inputs[0] or perm != (0, *range(2, len(perm)), 1) or "axes" in node.attributes:
        return None
    given = [value for value in inputs[2:] if value is not None]
    if not all(isinstance(value, Constant) and value.array.shape == (len(perm),) for value in given):
        return None
    order = list(inverse(perm))
    sizes = tuple(Constant(value.array[order]) if isinstance(value, Constant) else None for value in inputs[2:])
    return transposed(again(node, (source, inputs[1], *sizes), perm), perm, node)


def _layer_normalization(node: Node, inputs: Inputs) -> Value | None:
    """Over axes that a transpose keeps together: the weights are transposed instead."""
    source, perm = peel(inputs[0])
    first = node.attributes["axis"]
    assert isinstance(first, int)
    inner = tuple(axis - first % len(perm) for axis in perm[first % len(perm) :])
    weights = [value for value in inputs[1:] if isinstance(value, Constant | Parameter)]
    if source is inputs[0] or sorted(inner) != list(range(len(inner))) or len(weights) != len(inputs) - 1:
        return None
    moved = (_whole(value, inner) for value in weights)
    return transposed(again(node, (source, *moved), perm), perm, node)


def _dense(node: Node, inputs: Inputs) -> Value | None:
    """A product with a flattened transpose: flattens the source and permutes the rows of the kernel instead."""
    flat, kernel = inputs[0], inputs[1]
    if not isinstance(flat, Result) or not _flattens(flat.node) or not isinstance(kernel, Constant | Parameter):
        return None
    source, perm = peel(flat.node.inputs[0])
    sizes = source.spec.shape[1:]
    if source is flat.node.inputs[0] or perm[0] != 0 or not all(isinstance(size, int) for size in sizes):
        return None
    known = [size for size in sizes if isinstance(size, int)]
    rows = np.arange(prod(known)).reshape([known[axis - 1] for axis in perm[1:]])
    order = rows.transpose(inverse(tuple(axis - 1 for axis in perm[1:]))).reshape(-1)
    flattened = Result(replace(flat.node, inputs=(source, *flat.node.inputs[1:])))
    permuted_kernel = Constant(np.ascontiguousarray(kernel.array[order]), kernel.name)
    return Result(replace(node, inputs=(flattened, permuted_kernel, *inputs[2:])))


def _flattens(node: Node) -> bool:
    """Whether a node makes rows of tensors."""
    if node.op == "Reshape":
        given = node.inputs[0]
        return given is not None and node.specs[0].rank == 2 and given.spec.rank > 1 and node.specs[0].shape[0] == given.spec.shape[0]
    return node.op == "Flatten" and node.attributes["axis"] == 1


# Turning what is not transposed, where that is wanted.


def _turned(graph: Graph) -> Graph:
    """The graph, all operands of a node as those under a transpose are, where the result or the operand is wanted so."""
    directly, wanted = _asked(graph)

    def turn(node: Node, inputs: Inputs) -> Sequence[Value] | None:
        perm = _common(inputs) if node.op in _SAME_SHAPE else None
        if perm is None:
            return None
        back = inverse(perm)
        is_wanted = back in wanted[node.results[0]]
        moved: list[Value | None] = []
        for original, value in zip(node.inputs, inputs, strict=True):
            after = moved_back(value, perm, node) if node.op != "Concat" else _whole(value, perm) or moved_back(value, perm, node)
            if after is None and value is not None:
                if value.spec.rank != len(perm) or not (is_wanted or (original is not None and back in directly[original])):
                    return None
                after = transposed(value, back, node)
            moved.append(after)
        renamed = {"axis": _renamed(node, perm)} if node.op == "Concat" else {}
        return [transposed(again(node, tuple(moved), perm, **renamed), perm, node)]

    return graph.rewrite(turn)


def _asked(graph: Graph) -> tuple[Asked, Asked]:
    """The permutations in which each value is read: by transposes, and by those behind nodes that mind no order."""
    directly: dict[Value, set[Axes]] = defaultdict(set)
    wanted: dict[Value, set[Axes]] = defaultdict(set)
    for node in reversed(graph.nodes()):
        if node.op == "Transpose" and node.inputs[0] is not None:
            directly[node.inputs[0]].add(ints(node, "perm"))
            wanted[node.inputs[0]].add(ints(node, "perm"))
        elif node.op in _SAME_SHAPE or node.op in ("Pad", "Slice", "Resize"):
            for value in node.inputs:
                if isinstance(value, Result | Input) and value.spec.rank == node.specs[0].rank:
                    wanted[value] |= wanted[node.results[0]]
    return directly, wanted


def _common(inputs: Inputs) -> Axes | None:
    """The permutation of the transposes among the inputs; None where there is none, or more than one that costs something."""
    found = [
        (source.spec.shape, perm) for value in inputs if isinstance(value, Result) for source, perm in [peel(value)] if source is not value
    ]
    costly = {perm for shape, perm in found if not is_free(shape, perm)}
    perms = costly or {perm for _, perm in found}
    return perms.pop() if len(perms) == 1 else None


def _whole(value: Value | None, perm: Axes) -> Value | None:
    """A weight as it is under the transpose, in its full size: to be put next to others, not to be broadcast."""
    if isinstance(value, Constant | Parameter) and value.array.ndim == len(perm):
        return Constant(np.ascontiguousarray(value.array.transpose(inverse(perm))), value.name)
    return None


def _renamed(node: Node, perm: Axes) -> int:
    """The node's axis under its name in the source."""
    axis = node.attributes.get("axis", 0)
    assert isinstance(axis, int)
    return perm[axis % len(perm)]


_ELEMENTWISE = (
    *("Abs", "Cast", "Ceil", "Celu", "Clip", "Cos", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity", "IsInf"),
    *("IsNaN", "LeakyRelu", "Log", "Mish", "Neg", "Not", "Reciprocal", "Relu", "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin"),
    *("Softplus", "Softsign", "Sqrt", "Tan", "Tanh", "ThresholdedRelu"),
    *("Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Min", "Mod", "Mul", "Or", "PRelu", "Pow"),
    *("Sub", "Where", "Xor"),
)
_SAME_SHAPE = frozenset((*_ELEMENTWISE, "Concat"))
_REDUCTIONS = ("ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "Squeeze")
_RULES: dict[str, Rule] = {
    "Transpose": _transpose,
    "Concat": _along_axis,
    "Softmax": _along_axis,
    "LogSoftmax": _along_axis,
    "LayerNormalization": _layer_normalization,
    "Unsqueeze": _unsqueeze,
    "Flatten": _reshape,
    "Pad": _pad,
    "Reshape": _reshape,
    "Slice": _slice,
    "Resize": _resize,
    "MatMul": _dense,
    "Gemm": _dense,
    **dict.fromkeys(_ELEMENTWISE, _elementwise),
    **dict.fromkeys(_REDUCTIONS, _reduction),
}
