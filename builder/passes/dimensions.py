"""Free dimensions: the user's own names for them, or sizes, which fix them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from builder.errors import ExportError, NetworkError, several
from builder.graph import Attribute, Dim, Graph, Input, Node, Spec, Value
from builder.proto import UNSUPPORTED, infer

__all__ = ["set_dimensions"]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
BATCH = "batch"

Sizes = Mapping[str, str | int]  # by the names that the graph has for what is free


def set_dimensions(graph: Graph, wanted: Mapping[str, str | int]) -> Graph:
    """The graph with its free dimensions as `wanted`: `batch` or `<input>.<axis>` to a name or a size from 1.

    Raises ExportError, with all that is wrong, for what is no free dimension of an input, and for what cannot be a name.
    """
    problems: list[str] = []
    sizes: dict[str, str | int] = {}
    for dimension, value in wanted.items():
        try:
            symbol = _symbol(graph, dimension)
            sizes[symbol] = _checked(dimension, value, symbol)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ExportError(several("the dimensions cannot be set so, and nothing was written", problems))
    return _resized(graph, sizes) if sizes else graph


def _symbol(graph: Graph, dimension: str) -> str:
    """The graph's name for a dimension. Raises ValueError when there is none, or it is not free."""
    names = {value.name: value.spec.shape for value in graph.inputs}
    if dimension == BATCH:
        if not any(BATCH in shape for shape in names.values()):
            raise ValueError("the batch of this network is fixed")
        return BATCH
    name, dot, axis = dimension.rpartition(".")
    if not dot or not axis.isdecimal():
        raise ValueError(f"'{dimension}' is neither '{BATCH}' nor an input's name and axis, as in '{next(iter(names), 'x')}.1'")
    if name not in names:
        raise ValueError(f"'{dimension}': there is no input '{name}'; there are {', '.join(map(repr, names))}")
    shape = names[name]
    if int(axis) >= len(shape):
        raise ValueError(f"'{dimension}': input '{name}' has axes 0 to {len(shape) - 1}")
    symbol = shape[int(axis)]
    if not isinstance(symbol, str):
        raise ValueError(f"'{dimension}' is not free, it is {symbol}")
    return symbol


def _checked(dimension: str, value: str | int, symbol: str) -> str | int:
    text = str(value)
    if text.isdecimal():
        if int(text) < 1:
            raise ValueError(f"'{dimension}' cannot be {text}; a size is an integer from 1")
        return int(text)
    if not NAME.fullmatch(text):
        raise ValueError(f"'{dimension}' cannot be {text!r}; give a size, or a name of letters, digits and '_'")
    if text == BATCH and symbol != BATCH:
        raise ValueError(f"'{dimension}' cannot be '{BATCH}', which is the first axis")
    return text


def _resized(graph: Graph, sizes: Sizes) -> Graph:
    given = tuple(Input(value.name, _of_size(value.spec, sizes)) for value in graph.inputs)
    replaced: dict[Value, Value] = dict(zip(graph.inputs, given, strict=True))
    for node in graph.nodes():
        inputs = tuple(None if value is None else replaced.get(value, value) for value in node.inputs)
        attributes = {key: _body(value, sizes) for key, value in node.attributes.items()}
        made = replace(node, inputs=inputs, attributes=attributes, specs=tuple(_of_size(spec, sizes) for spec in node.specs))
        replaced.update(zip(node.results, replace(made, specs=_inferred(made)).results, strict=True))
    return replace(graph, inputs=given, outputs=tuple(replaced.get(value, value) for value in graph.outputs))


def _body(value: Attribute, sizes: Sizes) -> Attribute:
    return _resized(value, sizes) if isinstance(value, Graph) else value


def _of_size(spec: Spec, sizes: Sizes) -> Spec:
    return Spec(tuple(sizes.get(dim, dim) if isinstance(dim, str) else dim for dim in spec.shape), spec.dtype)


def _inferred(node: Node) -> tuple[Spec, ...]:
    """The specs of a node's outputs, with what ONNX can tell now and could not before."""
    if node.op == UNSUPPORTED:
        return node.specs
    try:
        found = infer(node.op, node.inputs, node.attributes, len(node.specs))
    except NetworkError:  # its shape was told by the caller, since ONNX cannot tell
        return node.specs
    return tuple(
        Spec(tuple(map(_known, said.shape, told.shape)), said.dtype) if said.rank == told.rank else said
        for said, told in zip(node.specs, found, strict=True)
    )


def _known(said: Dim, told: Dim) -> Dim:
    return told if said is None or (isinstance(said, str) and isinstance(told, int)) else said
