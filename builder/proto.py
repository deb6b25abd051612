"""Between the graph and ONNX's protobuf: dtypes, shape inference, and the one place where names are chosen.

ONNX itself says what shape an operator gives (`infer`), so no layer repeats it. A graph is made of the operators of opset
20, which ONNX Runtime has run since 1.17; a file is for the lowest IR version that its opset allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import ml_dtypes  # noqa: F401  makes np.dtype("bfloat16") known
import numpy as np
import onnx
import onnx.shape_inference
from onnx import TensorProto, helper, numpy_helper

from builder.errors import NetworkError, UnsupportedError, several
from builder.graph import Array, Attribute, Constant, Graph, Late, Node, Parameter, Result, Spec, Value

__all__ = [
    "DTYPES",
    "IR_VERSION",
    "OPSET",
    "UNSUPPORTED",
    "infer",
    "is_dtype",
    "is_float",
    "model_proto",
    "split_proto",
    "standardize_dtype",
    "tensor_proto",
]

OPSET = 20
IR_VERSION = 9
DOMAINS = {"ai.onnx.ml": 2}  # beside ONNX's own, with the opset in which an operator that is used has its form
UNSUPPORTED = "Unsupported"  # no operator: marks a value that plain ONNX cannot compute; see ops.unsupported
PROTOBUF_LIMIT = 2**31 - 1  # bytes in one message

DTYPES: Mapping[str, int] = {
    "bool": TensorProto.BOOL,
    "int8": TensorProto.INT8,
    "int16": TensorProto.INT16,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
    "uint16": TensorProto.UINT16,
    "uint32": TensorProto.UINT32,
    "uint64": TensorProto.UINT64,
    "float16": TensorProto.FLOAT16,
    "bfloat16": TensorProto.BFLOAT16,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "string": TensorProto.STRING,
}
_NAMES = {code: name for name, code in DTYPES.items()}
Store = Callable[[Array, str], TensorProto]  # how a file keeps a weight
_SHAPE_LIKE = 64  # elements: constants up to this size take part in inference, as shapes, axes and pads do


def is_dtype(name: str) -> bool:
    """Whether `name` is a dtype that a tensor can have."""
    return name in DTYPES


def is_float(name: str) -> bool:
    """Whether a dtype is a float of any width."""
    return "float" in name


def standardize_dtype(dtype: Any) -> str:
    """The name of a dtype given as Keras allows: a string, a NumPy dtype, Python's int, float or bool, or None."""
    if dtype is None:
        return "float32"
    name = {int: "int32", float: "float32", bool: "bool", str: "string"}.get(dtype) if isinstance(dtype, type) else None
    name = name or (dtype if isinstance(dtype, str) else np.dtype(dtype).name)
    if not is_dtype(name):
        raise NetworkError(f"Invalid dtype: {dtype}")
    return name


def infer(op: str, inputs: Sequence[Value | None], attributes: Mapping[str, Attribute], outputs: int = 1) -> tuple[Spec, ...]:
    """The outputs' specs, by ONNX's own inference. Raises NetworkError when the operator refuses its inputs."""
    names = ["" if value is None else f"i{index}" for index, value in enumerate(inputs)]
    node = _make_node(op, names, [f"o{index}" for index in range(outputs)], "", attributes)
    given = {name: value for name, value in zip(names, inputs, strict=True) if value is not None}
    shape_like = {name: value.array for name, value in given.items() if isinstance(value, Constant) and _is_shape_like(value)}
    try:
        inferred = onnx.shape_inference.infer_node_outputs(
            onnx.defs.get_schema(node.op_type, DOMAINS.get(node.domain, OPSET), node.domain),
            node,
            {name: _type(value.spec) for name, value in given.items()},
            {name: tensor_proto(array, name) for name, array in shape_like.items()},
            opset_imports=_imports((op,), OPSET),
            ir_version=IR_VERSION,
        )
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError) as error:
        shapes = ", ".join(_readable(value.spec) for value in given.values())
        raise NetworkError(f"{op} rejects inputs {shapes}: {_reason(error)}") from None
    return tuple(_spec(inferred[name]) for name in node.output)


def model_proto(graph: Graph) -> onnx.ModelProto:
    """The graph as a model, each output under its name in `graph.names`.

    Raises UnsupportedError, naming every offender, when something in it has no form in plain ONNX.
    """
    read = {*graph.outputs, *(value for node in graph.all_nodes() for value in node.inputs)}
    _check_size(value for value in read if isinstance(value, Constant | Parameter))
    return _model(graph, OPSET, tensor_proto)


def split_proto(graph: Graph, least: int, opset: int = OPSET) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """The graph as a model of `opset`, of whose operators it must be made, and apart from it the weights of `least` bytes or more.

    The model holds their names, shapes and dtypes only, as of external data. Raises UnsupportedError as `model_proto` does.
    """
    apart: dict[str, Array] = {}

    def store(array: Array, name: str) -> TensorProto:
        if array.nbytes < least or array.dtype.kind in "OUS":
            return tensor_proto(array, name)
        apart[name] = array
        return TensorProto(
            name=name, dims=array.shape, data_type=helper.np_dtype_to_tensor_dtype(array.dtype), data_location=TensorProto.EXTERNAL
        )

    return _model(graph, opset, store), apart


def tensor_proto(array: Array, name: str) -> onnx.TensorProto:
    """An array as ONNX keeps one; strings as UTF-8."""
    if array.dtype.kind in "OUS":
        return helper.make_tensor(name, TensorProto.STRING, array.shape, np.asarray([str(item).encode() for item in array.flat]))
    return numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)


def _model(graph: Graph, opset: int, store: Store) -> onnx.ModelProto:
    every = graph.all_nodes()
    if refused := [f"'{'/'.join(node.scope)}': {reason}" for node in every if (reason := _refusal(node)) is not None]:
        raise UnsupportedError(several("this network has no form in plain ONNX", refused))
    imports = _imports((node.op for node in every), opset)
    made = _graph(graph, "network", _Names(graph), store)
    return helper.make_model(made, opset_imports=imports, ir_version=helper.find_min_ir_version_for(imports))


def _graph(graph: Graph, title: str, names: _Names, store: Store) -> onnx.GraphProto:
    nodes = graph.nodes()
    weights = _weights(nodes, graph, names)
    return helper.make_graph(
        [*(_node(node, names) for node in nodes), *_copies(graph, names)],
        title,
        [_value_info(names[value], value.spec) for value in graph.inputs],
        [_value_info(name, value.spec) for name, value in zip(graph.names, graph.outputs, strict=True)],
        initializer=[store(value.array, name) for name, value in weights.items()],
        value_info=[_value_info(names[result], result.spec) for node in nodes for result in node.results if result not in graph.outputs],
    )


def _body(graph: Graph, node: str) -> onnx.GraphProto:
    """The graph inside of a node; what is in it goes by the node's name first, since its names must be nowhere else."""
    inside = replace(graph, names=tuple(f"{node}/{name}" for name in graph.names))
    return _graph(inside, f"{node}/body", _Names(inside, f"{node}/"), tensor_proto)


class _Names:
    """Names for all that a graph holds; unique, and telling where a value is from: `block/dense/MatMul:0`."""

    def __init__(self, graph: Graph, prefix: str = "") -> None:
        self._prefix = prefix
        self._taken: set[str] = set()
        self._names: dict[Value, str] = {}
        self._nodes: dict[Node, str] = {}
        for given in graph.inputs:
            self._names[given] = self._claim(given.name)
        self._taken.update(graph.names)
        for name, value in zip(graph.names, graph.outputs, strict=True):
            if isinstance(value, Result) and value not in self._names:
                self._names[value] = name

    def __getitem__(self, value: Value) -> str:
        if value not in self._names:
            assert isinstance(value, Result), value
            self._names[value] = self._claim(f"{self.node(value.node)}:{value.index}")
        return self._names[value]

    def node(self, node: Node) -> str:
        if node not in self._nodes:
            self._nodes[node] = self._claim("/".join((*node.scope, _domain_and_name(node.op)[1])))
        return self._nodes[node]

    def weight(self, value: Constant | Parameter, scope: tuple[str, ...]) -> str:
        """The name of a weight, after the first layer that reads it."""
        if value not in self._names:
            self._names[value] = self._claim("/".join((*scope, value.name or "constant")))
        return self._names[value]

    def _claim(self, name: str) -> str:
        name = self._prefix + name
        unique, count = name, 0
        while unique in self._taken:
            count += 1
            unique = f"{name}_{count}"
        self._taken.add(unique)
        return unique


def _weights(nodes: Sequence[Node], graph: Graph, names: _Names) -> dict[str, Constant | Parameter]:
    found: dict[str, Constant | Parameter] = {}
    for node in nodes:
        for value in node.inputs:
            if isinstance(value, Constant | Parameter):
                found[names.weight(value, node.scope)] = value
    for value in graph.outputs:
        if isinstance(value, Constant | Parameter):
            found[names.weight(value, ())] = value
    return found


def _check_size(weights: Iterable[Constant | Parameter]) -> None:
    total = sum(weight.array.nbytes for weight in weights)
    if total > PROTOBUF_LIMIT:
        raise UnsupportedError(
            f"the weights take {total / 2**30:.1f} GiB, and one ONNX file without external data holds 2 GiB at most; "
            "use a smaller dtype or split the model"
        )


def _node(node: Node, names: _Names) -> onnx.NodeProto:
    inputs = ["" if value is None else names[value] for value in node.inputs]
    return _make_node(node.op, inputs, [names[result] for result in node.results], names.node(node), node.attributes)


def _make_node(op: str, inputs: Sequence[str], outputs: Sequence[str], name: str, attributes: Mapping[str, Attribute]) -> onnx.NodeProto:
    domain, op = _domain_and_name(op)
    node = helper.make_node(op, inputs, outputs, name, domain=domain or None)
    for key, value in attributes.items():
        for own, given in (value.attributes or {}).items() if isinstance(value, Late) else [(key, value)]:
            node.attribute.append(helper.make_attribute(own, _body(given, name) if isinstance(given, Graph) else given))
    return node


def _domain_and_name(op: str) -> tuple[str, str]:
    """An operator's domain, empty for ONNX's own, and its name."""
    domain, _, name = op.rpartition(".")
    return domain, name


def _imports(ops: Iterable[str], opset: int) -> list[onnx.OperatorSetIdProto]:
    """ONNX's own operators, and those of each other domain that is used."""
    used = {_domain_and_name(op)[0] for op in ops}
    return [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, DOMAINS[domain]) for domain in DOMAINS if domain in used)]


def _copies(graph: Graph, names: _Names) -> list[onnx.NodeProto]:
    """An Identity for each output whose value already goes by another name: an input, a weight, a value given twice."""
    return [
        helper.make_node("Identity", [names[value]], [name], f"{name}/Identity")
        for name, value in zip(graph.names, graph.outputs, strict=True)
        if names[value] != name
    ]


def _type(spec: Spec) -> onnx.TypeProto:
    return helper.make_tensor_type_proto(DTYPES[spec.dtype], spec.shape)


def _value_info(name: str, spec: Spec) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, DTYPES[spec.dtype], spec.shape)


def _spec(proto: onnx.TypeProto) -> Spec:
    tensor = proto.tensor_type
    if not tensor.HasField("shape"):
        raise NetworkError("ONNX cannot tell the rank of the result; give the shape explicitly")
    dims = (d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in tensor.shape.dim)
    return Spec(tuple(dims), _NAMES[tensor.elem_type])


def _is_shape_like(value: Constant) -> bool:
    return value.spec.dtype == "int64" and value.array.size <= _SHAPE_LIKE


def _readable(spec: Spec) -> str:
    return f"{spec.dtype}({', '.join('?' if dim is None else str(dim) for dim in spec.shape)})"


def _reason(error: Exception) -> str:
    """The last clause of ONNX's message, without its own names for the node and the function."""
    return str(error).strip().splitlines()[-1].rsplit("] ", 1)[-1]


def _refusal(node: Node) -> str | None:
    """Why a node cannot be written; None for one that can."""
    if node.op == UNSUPPORTED:
        return str(node.attributes["reason"])
    return next((value.missing for value in node.attributes.values() if isinstance(value, Late) and value.attributes is None), None)
