"""Fusion: a bias and a batch normalization become part of the product or convolution before them.

Both are linear, so nothing is approximated; the numbers are combined in float64 and rounded once.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from builder.graph import Array, Constant, Graph, Node, Parameter, Result, Value

__all__ = ["fuse_bias", "fuse_normalization"]

Inputs = tuple[Value | None, ...]
Weight = Constant | Parameter


def fuse_bias(graph: Graph) -> Graph:
    """`MatMul + b` on matrices becomes Gemm, and `Conv + b` a Conv with a bias."""
    uses = graph.uses()
    return graph.rewrite(lambda node, inputs: _with_bias(node, inputs, uses) if node.op == "Add" else None)


def fuse_normalization(graph: Graph) -> Graph:
    """A BatchNormalization right behind a Conv, or a product of matrices, that nothing else reads goes into its weights."""
    uses = graph.uses()
    return graph.rewrite(lambda node, inputs: _with_normalization(node, inputs, uses) if node.op == "BatchNormalization" else None)


def _with_bias(node: Node, inputs: Inputs, uses: Counter[Value]) -> Sequence[Value] | None:
    for product, bias, original in ((inputs[0], inputs[1], node.inputs[0]), (inputs[1], inputs[0], node.inputs[1])):
        if not isinstance(product, Result) or not isinstance(bias, Weight) or uses[_of(original)] > 1:
            continue
        if product.node.op == "MatMul" and _is_matrix_product(product.node) and bias.spec.shape == product.spec.shape[1:]:
            return [Result(replace(product.node, op="Gemm", inputs=(*product.node.inputs, bias)))]
        if product.node.op == "Conv" and len(product.node.inputs) == 2 and _is_per_channel(bias, product):
            flat = bias if bias.spec.rank == 1 else Constant(bias.array.reshape(-1), bias.name)
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
    spread = factor.reshape((-1,) + (1,) * (kernel.spec.rank - 1)) if product.node.op == "Conv" else factor
    bias = _exactly(biases[0]) if biases else np.zeros_like(mean)
    dtype = kernel.array.dtype
    fused_kernel = Constant((_exactly(kernel) * spread).astype(dtype), kernel.name)
    fused_bias = Constant(((bias - mean) * factor + offset).astype(dtype), _name(biases))
    op = "Conv" if product.node.op == "Conv" else "Gemm"
    return [Result(replace(product.node, op=op, inputs=(product.node.inputs[0], fused_kernel, fused_bias)))]


def _is_linear(node: Node) -> bool:
    return node.op in ("Conv", "Gemm") or (node.op == "MatMul" and _is_matrix_product(node))


def _name(biases: Sequence[Value | None]) -> str:
    """The bias that there was, or the name that Keras would give one."""
    return biases[0].name if biases and isinstance(biases[0], Weight) else "bias"


def _is_matrix_product(node: Node) -> bool:
    return all(value is not None and value.spec.rank == 2 for value in node.inputs)


def _is_per_channel(bias: Weight, product: Result) -> bool:
    """Whether a bias varies along axis 1, the channels, and nowhere else."""
    channels, rank = product.spec.shape[1], product.spec.rank
    return bias.spec.shape in {(channels, *(1,) * (rank - 2)), (1, channels, *(1,) * (rank - 2))}


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
