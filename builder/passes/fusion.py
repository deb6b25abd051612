"""Fusion: padding becomes part of the window behind it, a bias and a batch normalization of the product before them.

All are linear, so nothing is approximated; the numbers are combined in float64 and rounded once.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from builder.graph import Array, Constant, Graph, Node, Parameter, Result, Value
from builder.passes.transposes import peel, transposed

__all__ = ["fuse_bias", "fuse_normalization", "fuse_padding"]

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
    dtype = kernel.array.dtype
    fused_kernel = Constant((_exactly(kernel) * spread).astype(dtype), kernel.name)
    fused_bias = Constant(((bias - mean) * factor + offset).astype(dtype), _name(biases))
    op = product.node.op if product.node.op in _CONVOLUTIONS else "Gemm"
    return [Result(replace(product.node, op=op, inputs=(product.node.inputs[0], fused_kernel, fused_bias)))]


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
