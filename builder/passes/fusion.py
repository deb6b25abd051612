"""Fusion: padding becomes part of the window behind it; a bias, a factor and a batch normalization of the product before them.

All are linear, so nothing is approximated; the numbers are combined in float64 and rounded once.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from builder.graph import Array, Constant, Graph, Node, Parameter, Result, Value
from builder.memory import in_halves
from builder.passes.transposes import peel, transposed

__all__ = ["fuse_bias", "fuse_normalization", "fuse_padding", "fuse_scale", "merge_concatenations"]

Inputs = tuple[Value | None, ...]
Weight = Constant | Parameter
_CONVOLUTIONS = ("Conv", "ConvTranspose")


def fuse_padding(graph: Graph) -> Graph:
    """A Pad with zeros goes into the pads of the Conv behind it; into those of a MaxPool where nothing is below zero."""
    return graph.rewrite(lambda node, inputs: _with_pads(node, inputs) if node.op in ("Conv", "MaxPool") else None)


def fuse_bias(graph: Graph) -> Graph:
    """`MatMul + b` on matrices becomes Gemm, and `Conv + b` a Conv with a bias."""
    uses = graph.uses()
    return graph.rewrite(lambda node, inputs: _with_bias(node, inputs, uses) if node.op == "Add" else None)


def fuse_normalization(graph: Graph) -> Graph:
    """A BatchNormalization right behind a Conv, or a product of matrices, that nothing else reads goes into its weights."""
    uses = graph.uses()
    return graph.rewrite(lambda node, inputs: _with_normalization(node, inputs, uses) if node.op == "BatchNormalization" else None)


def fuse_scale(graph: Graph) -> Graph:
    """A factor for each output channel of a product, or one for all, goes into its weights, a bias between them too."""
    while (after := _scaled_once(graph)) is not graph:
        graph = after
    return graph


def merge_concatenations(graph: Graph) -> Graph:
    """A Concat among the operands of another along the same axis, that nothing else reads, gives it its own operands."""
    uses = graph.uses()
    return graph.rewrite(lambda node, inputs: _concatenated(node, inputs, uses) if node.op == "Concat" else None)


def _with_pads(node: Node, inputs: Inputs) -> Sequence[Value] | None:
    """The node on what is under its paddings; None where there are none that it can take over."""
    source, fused = inputs[0], node
    while (found := _padding(source)) is not None:
        source, border = found
        before = fused.attributes.get("pads", (0,) * len(border))
        assert isinstance(before, tuple)
        pads = tuple(int(own) + more for own, more in zip(before, border, strict=True))
        if "auto_pad" in node.attributes or (node.op == "MaxPool" and not _can_pool(fused, source, pads)):
            break
        fused = replace(fused, inputs=(source, *inputs[1:]), attributes={**fused.attributes, "pads": pads})
    return None if fused is node else list(fused.results)


def _padding(value: Value | None) -> tuple[Value, tuple[int, ...]] | None:
    """What is under a Pad, and how many zeros it puts around each spatial axis; a transpose may be between.

    None for another node, or where it pads something else or otherwise.
    """
    source, perm = peel(value)
    pad = source.node if isinstance(source, Result) else None
    if pad is None or pad.op != "Pad" or len(pad.inputs) > 3 or pad.attributes.get("mode", "constant") != "constant":
        return None
    pads, fill = pad.inputs[1], pad.inputs[2] if len(pad.inputs) == 3 else None
    if not isinstance(pads, Constant) or (fill is not None and (not isinstance(fill, Constant) or fill.array.any())):
        return None
    begins, ends = (half[list(perm)] for half in np.split(pads.array, 2))
    under = pad.inputs[0]
    if under is None or begins[:2].any() or ends[:2].any() or (pads.array < 0).any():
        return None
    return under if source is value else transposed(under, perm, pad), tuple(int(size) for size in (*begins[2:], *ends[2:]))


def _can_pool(node: Node, source: Value, pads: Sequence[int]) -> bool:
    """Whether zeros never win: what is padded is no less than zero, and some of it is in every window."""
    window = node.attributes["kernel_shape"]
    assert isinstance(window, tuple)
    fits = all(size < int(extent) for size, extent in zip(pads, (*window, *window), strict=True))
    return fits and isinstance(source, Result) and source.node.op in ("Relu", "Sigmoid", "HardSigmoid", "Softplus")


def _with_bias(node: Node, inputs: Inputs, uses: Counter[Value]) -> Sequence[Value] | None:
    for product, bias, original in ((inputs[0], inputs[1], node.inputs[0]), (inputs[1], inputs[0], node.inputs[1])):
        if not isinstance(product, Result) or not isinstance(bias, Weight) or uses[_of(original)] > 1:
            continue
        if product.node.op == "MatMul" and _is_matrix_product(product.node) and bias.spec.shape == product.spec.shape[1:]:
            return [Result(replace(product.node, op="Gemm", inputs=(*product.node.inputs, bias)))]
        if product.node.op in _CONVOLUTIONS and len(product.node.inputs) == 2 and _is_per_channel(bias, product):
            channels = product.spec.shape[1]
            assert isinstance(channels, int)
            flat = bias if bias.spec.shape == (channels,) else Constant(np.resize(bias.array, channels), bias.name)
            return [Result(replace(product.node, inputs=(*product.node.inputs, flat)))]
    return None


def _with_normalization(node: Node, inputs: Inputs, uses: Counter[Value]) -> Sequence[Value] | None:
    product, weights = inputs[0], inputs[1:]
    if not isinstance(product, Result) or not _is_linear(product.node) or uses[_of(node.inputs[0])] > 1:
        return None
    kernel, *biases = product.node.inputs[1:]
    if not isinstance(kernel, Weight) or not all(isinstance(value, Weight) for value in (*weights, *biases)):
        return None
    scale, offset, mean, variance = (_exactly(weight) for weight in weights)
    factor = scale / np.sqrt(variance + float(np.float32(_epsilon(node))))
    spread = factor.reshape(_along_outputs(product.node, kernel.spec.rank))
    bias = _exactly(biases[0]) if biases else np.zeros_like(mean)
    fused_kernel = Constant(_times(kernel.array, spread), kernel.name)
    fused_bias = Constant(((bias - mean) * factor + offset).astype(kernel.array.dtype), _name(biases))
    op = product.node.op if product.node.op in _CONVOLUTIONS else "Gemm"
    return [Result(replace(product.node, op=op, inputs=(product.node.inputs[0], fused_kernel, fused_bias)))]


def _times(array: Array, factor: Array) -> Array:
    """The product, computed in float64 and rounded once, piece by piece: whole weights in float64 would not stay in any cache."""
    product, factors = np.empty_like(array), np.broadcast_to(factor, array.shape)

    def multiply(rows: slice) -> None:
        np.multiply(array[rows], factors[rows], out=product[rows], dtype=np.float64, casting="same_kind")

    in_halves(multiply, array)
    return product


def _scaled_once(graph: Graph) -> Graph:
    uses = graph.uses()
    return graph.rewrite(lambda node, inputs: _with_scale(node, inputs, uses) if node.op == "Mul" else None)


def _with_scale(node: Node, inputs: Inputs, uses: Counter[Value]) -> Sequence[Value] | None:
    if inputs != node.inputs:  # what is under it has just changed, so that it is not known who reads it
        return None
    for product, factor in (inputs, inputs[::-1]):
        if isinstance(product, Result) and isinstance(factor, Weight) and node.specs[0] == product.spec:
            scaled = _scaled(product, factor, uses)
            if scaled is not None:
                return [scaled]
    return None


def _scaled(value: Value | None, factor: Weight, uses: Counter[Value]) -> Value | None:
    """The value times `factor`, as what it is made of with other weights; None where it is not linear, or read by others."""
    if isinstance(value, Weight):
        return Constant((_exactly(value) * _exactly(factor)).astype(value.array.dtype), value.name)
    if not isinstance(value, Result) or uses[value] > 1:
        return None
    node = value.node
    if node.op == "Add":
        terms = [_scaled(term, factor, uses) for term in node.inputs]
        is_bias = any(isinstance(term, Weight) for term in node.inputs)
        return None if None in terms or not is_bias else Result(replace(node, inputs=tuple(terms)))
    along = _per_output(node, factor)
    if along is None:
        return None
    kernel, *biases = node.inputs[1:]
    shape = _along_outputs(node, kernel.spec.rank if kernel else 0)
    spread = Constant(along if along.ndim == 0 else along.reshape(shape))
    weights = (_scaled(kernel, spread, uses), *(_scaled(bias, Constant(along), uses) for bias in biases))
    return Result(replace(node, inputs=(node.inputs[0], *weights)))


def _per_output(node: Node, factor: Weight) -> Array | None:
    """A factor for each output channel of a product with a known kernel, or one for all; None where it is something else."""
    is_product = node.op == "MatMul" or _is_linear(node)
    if not is_product or not all(isinstance(value, Weight) for value in node.inputs[1:]):
        return None
    rank, spec = node.specs[0].rank, factor.spec
    if spec.rank == 0:
        return _exactly(factor)
    axis = 1 if node.op in _CONVOLUTIONS else rank - 1
    place = spec.rank - (rank - axis)
    if place < 0 or any(size != 1 for index, size in enumerate(spec.shape) if index != place):
        return None
    is_matrix = node.op in _CONVOLUTIONS or (node.inputs[1] is not None and node.inputs[1].spec.rank == 2)
    channels = node.specs[0].shape[axis]
    return _exactly(factor).reshape(-1) if is_matrix and spec.shape[place] == channels else None


def _concatenated(node: Node, inputs: Inputs, uses: Counter[Value]) -> Sequence[Value] | None:
    operands: list[Value | None] = []
    for original, value in zip(node.inputs, inputs, strict=True):
        inner = value.node if isinstance(value, Result) and value.node.op == "Concat" else None
        is_part = inner is not None and uses[_of(original)] == 1 and _axis(inner) == _axis(node)
        operands.extend(inner.inputs if inner is not None and is_part else (value,))
    return [Result(replace(node, inputs=tuple(operands)))] if len(operands) > len(inputs) else None


def _axis(node: Node) -> int:
    axis = node.attributes["axis"]
    assert isinstance(axis, int)
    return axis % node.specs[0].rank


def _along_outputs(node: Node, rank: int) -> tuple[int, ...]:
    """The shape in which a number for each output channel broadcasts to the kernel."""
    axis = {"Conv": 0, "ConvTranspose": 1}.get(node.op, rank - 1)
    return tuple(-1 if index == axis else 1 for index in range(rank))


def _is_linear(node: Node) -> bool:
    if node.op == "ConvTranspose":
        return node.attributes.get("group", 1) == 1
    return node.op in ("Conv", "Gemm") or (node.op == "MatMul" and _is_matrix_product(node))


def _name(biases: Sequence[Value | None]) -> str:
    """The bias that there was, or the name that Keras would give one."""
    return biases[0].name if biases and isinstance(biases[0], Weight) else "bias"


def _is_matrix_product(node: Node) -> bool:
    return all(value is not None and value.spec.rank == 2 for value in node.inputs)


def _is_per_channel(bias: Weight, product: Result) -> bool:
    """Whether a bias varies along axis 1, the channels, and nowhere else; one number may be for all."""
    channels, rank = product.spec.shape[1], product.spec.rank
    return bias.spec.rank == 0 or bias.spec.shape in {(channels, *(1,) * (rank - 2)), (1, channels, *(1,) * (rank - 2))}


def _of(value: Value | None) -> Value:
    assert value is not None
    return value


def _exactly(weight: Value | None) -> Array:
    assert isinstance(weight, Weight)
    return weight.array.astype(np.float64)


def _epsilon(node: Node) -> float:
    epsilon = node.attributes["epsilon"]
    assert isinstance(epsilon, float)
    return epsilon
