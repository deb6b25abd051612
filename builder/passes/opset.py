"""Opsets: a graph of opset 20's operators as one of another opset's, each operator by its rule.

Operators that came later, or take more than they did, are in `RULES` with what says the same before. Whatever is then not
in the opset's own schema is refused. Nothing has to change on the way up: later opsets only take more dtypes, which a test
holds against ONNX's schemas.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx

from builder.errors import UnsupportedError, several
from builder.graph import Array, Attribute, Constant, Graph, Node, Result, Spec, Value
from builder.proto import DTYPES, OPSET

__all__ = ["OPSETS", "RULES", "lower"]

OPSETS = range(17, 24)

Inputs = tuple[Value | None, ...]
_ONNX_TYPES = {"float32": "float", "float64": "double"}


class _MisfitError(Exception):
    """Why a node has no form in an opset."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How an operator is written in opsets before `since`; `lower` answers the values of a node's outputs, None to keep it."""

    since: int
    lower: Callable[[Node, Inputs, int], Sequence[Value] | None]


def lower(graph: Graph, opset: int) -> Graph:
    """The graph in the operators of `opset`. Raises UnsupportedError, naming every layer that has no form there."""
    problems: list[str] = []
    lowered = _lowered(graph, opset, problems)
    if problems:
        raise UnsupportedError(several(f"this network has no form in opset {opset}; a later one may have (--opset)", problems))
    return lowered


def _lowered(graph: Graph, opset: int, problems: list[str]) -> Graph:
    def rule(node: Node, inputs: Inputs) -> Sequence[Value] | None:
        bodies = {key: _lowered(value, opset, problems) for key, value in node.attributes.items() if isinstance(value, Graph)}
        if bodies:
            node = replace(node, inputs=inputs, attributes={**node.attributes, **bodies})
        try:
            found = _by_rule(node, inputs, opset)
        except _MisfitError as misfit:
            problems.append(f"'{'/'.join(node.scope)}': {misfit}")
            return None
        return found if found is not None or not bodies else list(node.results)

    return graph.rewrite(rule)


def _by_rule(node: Node, inputs: Inputs, opset: int) -> Sequence[Value] | None:
    rule = RULES.get(node.op)
    values = rule.lower(node, inputs, opset) if rule is not None and opset < rule.since else None
    for made in _made(values, inputs) if values is not None else [replace(node, inputs=inputs)]:
        _check(made, opset)
    return values


def _made(values: Sequence[Value], inputs: Inputs) -> Iterator[Node]:
    """The nodes between `inputs` and `values`."""
    stack = [value for value in values if isinstance(value, Result) and value not in inputs]
    while stack:
        node = stack.pop().node
        yield node
        stack.extend(value for value in node.inputs if isinstance(value, Result) and value not in inputs)


def _check(node: Node, opset: int) -> None:
    """Raises _MisfitError where the opset's schema does not have the node; another domain's operators have versions of their own."""
    if "." in node.op:
        return
    try:
        schema = onnx.defs.get_schema(node.op, opset, "")
    except onnx.defs.SchemaError:
        raise _MisfitError(
            f"there is no {node.op}, which came with opset {onnx.defs.get_schema(node.op, OPSET, '').since_version}"
        ) from None
    if novel := sorted(set(node.attributes) - set(schema.attributes)):
        raise _MisfitError(f"{node.op} has no {', '.join(novel)} yet")
    if len(node.inputs) > schema.max_input:
        raise _MisfitError(f"{node.op} takes {schema.max_input} inputs yet, and there are {len(node.inputs)}")
    for index, value in enumerate(node.inputs):
        formal = schema.inputs[min(index, len(schema.inputs) - 1)]
        if value is not None and _type(value.spec.dtype) not in formal.types:
            raise _MisfitError(f"{node.op} does not take {value.spec.dtype} yet")


def _type(dtype: str) -> str:
    return f"tensor({_ONNX_TYPES.get(dtype, dtype)})"


# The rules.


def _gelu(node: Node, inputs: Inputs, opset: int) -> list[Value]:
    x = _of(inputs[0])
    if node.attributes.get("approximate", "none") == "tanh":
        cube = _new(node, "Mul", _new(node, "Mul", x, x), x)
        inner = _new(node, "Add", x, _new(node, "Mul", cube, _like(x, 0.044715)))
        gate = _new(node, "Tanh", _new(node, "Mul", inner, _like(x, math.sqrt(2 / math.pi))))
    else:
        gate = _new(node, "Erf", _new(node, "Div", x, _like(x, math.sqrt(2))))
    return [_new(node, "Mul", _new(node, "Mul", x, _new(node, "Add", gate, _like(x, 1))), _like(x, 0.5))]


def _mish(node: Node, inputs: Inputs, opset: int) -> list[Value]:
    x = _of(inputs[0])
    return [_new(node, "Mul", x, _new(node, "Tanh", _new(node, "Softplus", x)))]


def _is_inf(node: Node, inputs: Inputs, opset: int) -> list[Value] | None:
    x = _of(inputs[0])
    if x.spec.dtype not in ("float16", "bfloat16"):
        return None
    return list(replace(node, inputs=(_cast(node, x, "float32"),)).results)


def _reduce(node: Node, inputs: Inputs, opset: int) -> list[Value] | None:
    x, *rest = inputs
    x = _of(x)
    if x.spec.dtype == "bool" and node.op in ("ReduceMax", "ReduceMin"):
        counted = replace(node, specs=(Spec(node.specs[0].shape, "uint8"),))
        inner = _reduce(counted, (_cast(node, x, "uint8"), *rest), opset) or list(counted.results)
        return [_cast(node, inner[0], "bool")]
    if opset >= 18:
        return list(replace(node, inputs=(x, *rest)).results) if inputs != node.inputs else None
    kept: Mapping[str, Attribute] = {key: value for key, value in node.attributes.items() if key != "noop_with_empty_axes"}
    axes = rest[0] if rest else None
    if axes is not None and not isinstance(axes, Constant):
        raise _MisfitError(f"the axes of {node.op} must be known")
    if axes is None or not axes.array.size:
        return [x] if node.attributes.get("noop_with_empty_axes") else list(replace(node, inputs=(x,), attributes=kept).results)
    given = tuple(int(axis) for axis in axes.array)
    return list(replace(node, inputs=(x,), attributes={**kept, "axes": given}).results)


def _split(node: Node, inputs: Inputs, opset: int) -> list[Value] | None:
    """`num_outputs` parts of one size; the last is smaller where they are not whole."""
    kept = {key: value for key, value in node.attributes.items() if key != "num_outputs"}
    axis = node.attributes.get("axis", 0)
    sizes = [spec.shape[axis] for spec in node.specs] if isinstance(axis, int) else []
    if len(inputs) > 1 or len(set(sizes)) == 1:
        return list(replace(node, inputs=inputs, attributes=kept).results)
    if not all(isinstance(size, int) for size in sizes):
        raise _MisfitError("Split into parts whose sizes are not known")
    return list(replace(node, inputs=(*inputs, Constant(np.asarray(sizes, np.int64))), attributes=kept).results)


def _resize(node: Node, inputs: Inputs, opset: int) -> list[Value] | None:
    if node.attributes.get("antialias", 0):
        raise _MisfitError("Resize has no antialias before opset 18")
    return _without(node, inputs, {"antialias": 0, "keep_aspect_ratio_policy": "stretch"})


def _average_pool(node: Node, inputs: Inputs, opset: int) -> list[Value] | None:
    dilations = node.attributes.get("dilations")
    return _without(node, inputs, {"dilations": (1,) * len(dilations)}) if isinstance(dilations, tuple) else None


def _cast_rule(node: Node, inputs: Inputs, opset: int) -> list[Value] | None:
    return _without(node, inputs, {"saturate": 1})


def _pad(node: Node, inputs: Inputs, opset: int) -> list[Value] | None:
    if opset < 19 and node.attributes.get("mode", "constant") == "wrap":
        raise _MisfitError("Pad does not wrap before opset 19")
    return None


def _scatter(node: Node, inputs: Inputs, opset: int) -> list[Value] | None:
    reduction = node.attributes.get("reduction", "none")
    if reduction in ("max", "min"):
        raise _MisfitError(f"{node.op} does not take the {reduction} before opset 18")
    return None


# What another opset says otherwise. A difference in dtypes alone has no entry: `_check` sees it.
RULES: dict[str, Rule] = {
    "AveragePool": Rule(19, _average_pool),
    "Cast": Rule(19, _cast_rule),
    "Gelu": Rule(20, _gelu),
    "IsInf": Rule(20, _is_inf),
    "Mish": Rule(18, _mish),
    "Pad": Rule(19, _pad),
    "ReduceL1": Rule(18, _reduce),
    "ReduceL2": Rule(18, _reduce),
    "ReduceLogSum": Rule(18, _reduce),
    "ReduceLogSumExp": Rule(18, _reduce),
    "ReduceMax": Rule(20, _reduce),
    "ReduceMean": Rule(18, _reduce),
    "ReduceMin": Rule(20, _reduce),
    "ReduceProd": Rule(18, _reduce),
    "ReduceSumSquare": Rule(18, _reduce),
    "Resize": Rule(18, _resize),
    "ScatterElements": Rule(18, _scatter),
    "ScatterND": Rule(18, _scatter),
    "Split": Rule(18, _split),
}


def _without(node: Node, inputs: Inputs, defaults: Mapping[str, Attribute]) -> list[Value]:
    """The node less the attributes that say what was always so."""
    kept = {key: value for key, value in node.attributes.items() if key not in defaults or defaults[key] != value}
    return list(replace(node, inputs=inputs, attributes=kept).results)


def _new(node: Node, op: str, *inputs: Value) -> Result:
    """A node in `node`'s place whose result is like the first input."""
    return Result(Node(op, inputs, (inputs[0].spec,), {}, node.scope))


def _cast(node: Node, value: Value, dtype: str) -> Result:
    return Result(Node("Cast", (value,), (Spec(value.spec.shape, dtype),), {"to": DTYPES[dtype]}, node.scope))


def _like(x: Value, number: float) -> Constant:
    array: Array = np.asarray(number, np.dtype(x.spec.dtype))
    return Constant(array)


def _of(value: Value | None) -> Value:
    assert value is not None
    return value
