"""Opsets: a network says the same in each, and what has no form in one is refused by its layer and operator."""

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import builder
from builder import Input, Model, Sequential, layers, ops
from builder.errors import ExportError, UnsupportedError
from builder.graph import Array, Graph
from builder.passes import optimize
from builder.passes.opset import OPSETS, RULES, lower
from builder.proto import OPSET, split_proto
from builder.runtime import Program, open_session
from tests.builder import functions
from tests.builder.networks import assert_close, scatter_weights
from tests.builder.rows import ROWS, Row

OPERATORS = {schema.name for schema in onnx.defs.get_all_schemas_with_history() if not schema.domain}


# Layers that opset 17 has no form for, and the words of the refusal.
REFUSED_LAYERS = {"resizing by cubes to less": "Resize has no antialias before opset 18"}


def at(graph: Graph, opset: int) -> onnx.ModelProto:
    proto, _ = split_proto(lower(graph, opset), 2**63, opset)
    assert [entry.version for entry in proto.opset_import] == [opset]
    onnx.checker.check_model(proto, full_check=True)
    return proto


def version(operator: str, opset: int) -> int | None:
    try:
        return onnx.defs.get_schema(operator, opset, "").since_version
    except onnx.defs.SchemaError:
        return None


def unlike(graph: Graph) -> list[int]:
    """The opsets in which an operator of the graph differs from opset 20's, and from that of an opset before in this list."""
    used = sorted({node.op for node in graph.all_nodes()})
    versions = {opset: tuple(version(op, opset) for op in used) for opset in OPSETS}
    first = {versions[opset]: opset for opset in reversed(OPSETS)}
    return sorted(opset for found, opset in first.items() if found != versions[OPSET])


def assert_same_at_every_opset(graph: Graph, arrays: Sequence[Array], tolerance: float) -> None:
    expected = Program(graph).run(arrays)
    feeds = dict(zip((value.name for value in graph.inputs), arrays, strict=True))
    for opset in unlike(graph):
        found = open_session(at(graph, opset).SerializeToString()).run(None, feeds)
        assert_close([np.asarray(array) for array in found], expected, tolerance)


@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in ROWS.items() if name not in REFUSED_LAYERS])
def test_a_layer_answers_the_same_at_every_opset(row: Row) -> None:
    layer = row.make(builder)
    network = row.network(builder, layer)
    scatter_weights(layer)
    sample = row.sample(2)
    assert_same_at_every_opset(optimize(network.graph())[0], sample if isinstance(sample, list) else [sample], row.tolerance)


# What opset 17 has no form for, and the words of the refusal.
REFUSED = {
    "pad, wrap": "Pad does not wrap before opset 19",
    "resize, bicubic, smooth": "Resize has no antialias before opset 18",
    "resize, bilinear, smooth": "Resize has no antialias before opset 18",
    "scatter_update, max": "ScatterND does not take the max before opset 18",
    "scatter_update, min": "ScatterND does not take the min before opset 18",
    "segment_max of int8": "ScatterND does not take the max before opset 18",
    "segment_max of float32": "ScatterND does not take the max before opset 18",
    "segment_max of booleans": "ScatterND does not take the max before opset 18",
    "segment_min of float16": "ScatterND does not take the min before opset 18",
    "segment_min of booleans": "ScatterND does not take the min before opset 18",
    "bitwise_and": "there is no BitwiseAnd, which came with opset 18",
    "bitwise_and of int8": "there is no BitwiseAnd, which came with opset 18",
    "bitwise_or": "there is no BitwiseOr, which came with opset 18",
    "bitwise_xor": "there is no BitwiseXor, which came with opset 18",
    "bitwise_not": "there is no BitwiseNot, which came with opset 18",
    "bitwise_invert": "there is no BitwiseNot, which came with opset 18",
    "bitwise_right_shift": "there is no BitwiseNot, which came with opset 18",
    "right_shift": "there is no BitwiseNot, which came with opset 18",
    "right_shift of bytes": "there is no BitwiseNot, which came with opset 18",
    "right_shift of booleans": "there is no BitwiseNot, which came with opset 18",
}


def network_of(name: str) -> Graph:
    """A function's row as a network."""
    row = functions.ROWS[name]
    shapes = [(array.shape[0] if row.batch else None, *array.shape[1:]) for array in row.inputs]
    symbols = [Input(batch_shape=shape, dtype=array.dtype.name) for shape, array in zip(shapes, row.inputs, strict=True)]
    return optimize(Model(symbols, row.call(ops, *symbols)).graph())[0]


@pytest.mark.parametrize("name", [name for name, row in functions.ROWS.items() if row.inputs and name not in REFUSED])
def test_a_function_answers_the_same_at_every_opset(name: str) -> None:
    assert_same_at_every_opset(network_of(name), functions.ROWS[name].inputs, 1e-5)


@pytest.mark.parametrize("name", REFUSED)
def test_what_came_later_is_refused_by_name(name: str) -> None:
    with pytest.raises(UnsupportedError, match=f"(?s)no form in opset 17; a later one may have .*: {REFUSED[name]}"):
        lower(network_of(name), 17)
    lower(network_of(name), 19)


@pytest.mark.parametrize("name", REFUSED_LAYERS)
def test_a_layer_of_what_came_later_is_refused_by_name(name: str) -> None:
    graph, _ = optimize(ROWS[name].network(builder, ROWS[name].make(builder)).graph())
    with pytest.raises(UnsupportedError, match=f"no form in opset 17; a later one may have .*: {REFUSED_LAYERS[name]}"):
        lower(graph, 17)
    lower(graph, 18)


# The table of rules has all that ONNX's schemas say of the operators that are named here.


def named_operators() -> set[str]:
    """Every operator that is named where operators are: a string that is one."""
    package = Path(builder.__file__).parent
    files = [file for room in ("ops", "passes") for file in (package / room).rglob("*.py")]
    trees = [ast.parse(file.read_text()) for file in files]
    named = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return named & OPERATORS


def needs_a_rule(old: onnx.defs.OpSchema | None, new: onnx.defs.OpSchema) -> bool:
    """Whether the new operator can say what the old one could not, but for dtypes, which are checked against the schema."""
    if old is None:
        return True
    return set(new.attributes) != set(old.attributes) or len(new.inputs) > len(old.inputs)


def schema(operator: str, opset: int) -> onnx.defs.OpSchema | None:
    try:
        return onnx.defs.get_schema(operator, opset, "")
    except onnx.defs.SchemaError:
        return None


# Keras's names of layers and functions, and operators that are only read where they are recognized.
NOT_EMITTED = {"Attention", "Dropout", "GroupNormalization", "RMSNormalization"}
# Those that no earlier operators can say, which the schema alone refuses by name.
NEW = {"BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "RegexFullMatch", "StringConcat", "StringSplit"}


def test_every_operator_that_changed_before_opset_20_has_a_rule() -> None:
    for operator in sorted(named_operators() - NOT_EMITTED - NEW):
        now = schema(operator, OPSET)
        assert now is not None, operator
        changed = [opset for opset in OPSETS if opset < OPSET and needs_a_rule(schema(operator, opset), now)]
        assert not changed or RULES[operator].since > max(changed), operator


def test_no_operator_loses_anything_after_opset_20() -> None:
    for operator in sorted(named_operators() - NOT_EMITTED):
        now, last = schema(operator, OPSET), schema(operator, OPSETS[-1])
        assert now is not None
        assert last is not None
        assert set(now.attributes) <= set(last.attributes), operator
        assert [formal.option for formal in now.inputs] == [formal.option for formal in last.inputs[: len(now.inputs)]], operator
        for before, after in zip(now.inputs, last.inputs, strict=False):
            assert before.types <= after.types, operator


@pytest.mark.parametrize("operator", sorted(RULES))
def test_a_rule_is_for_an_operator_and_an_opset_there_is(operator: str) -> None:
    assert operator in OPERATORS
    assert RULES[operator].since in OPSETS


# What an export says.


@pytest.mark.parametrize(("opset", "ir"), [(17, 8), (18, 8), (19, 9), (20, 9), (21, 10), (22, 10), (23, 11)])
def test_a_file_is_for_the_opset_that_was_asked_for_and_the_least_ir(opset: int, ir: int, tmp_path: Path) -> None:
    model = Sequential([Input((6,)), layers.Dense(3, activation="gelu"), layers.LayerNormalization()])
    exported = model.export(tmp_path / "net.onnx", opset=opset)
    proto = onnx.load(exported.path)
    assert (exported.opset, proto.opset_import[0].version, proto.ir_version) == (opset, opset, ir)
    assert ("Gelu" in {node.op_type for node in proto.graph.node}) == (opset >= 20)


@pytest.mark.parametrize("opset", [16, 24, "20"])
def test_an_opset_out_of_range_is_refused(opset: Any, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="--opset is an integer from 17 to 23; found"):
        Sequential([Input((4,)), layers.Dense(3)]).export(tmp_path / "net.onnx", opset=opset)


def test_every_layer_that_has_no_form_is_named(tmp_path: Path) -> None:
    x = Input((6, 6, 2))
    y = ops.image.resize(ops.pad(x, 1, mode="wrap")[1:-1, :, :, 1:-1], (3, 3), antialias=True)
    with pytest.raises(UnsupportedError, match=r"(?s)opset 17.*2 problems:.*Pad does not wrap.*Resize has no antialias"):
        Model(x, y).export(tmp_path / "net.onnx", opset=17)
    assert list(tmp_path.iterdir()) == []


def test_the_body_of_a_loop_is_lowered_too() -> None:
    cell = layers.SimpleRNNCell(3, activation="gelu")
    model = Sequential([Input((20, 2)), layers.RNN(cell)])
    graph, _ = optimize(model.graph())
    lowered = lower(graph, 17)
    assert "Scan" in {node.op for node in lowered.nodes()}
    assert "Gelu" in {node.op for node in graph.all_nodes()}
    assert "Gelu" not in {node.op for node in lowered.all_nodes()}
    array = np.random.default_rng(0).normal(size=(2, 20, 2)).astype(np.float32)
    found = open_session(at(graph, 17).SerializeToString()).run(None, {graph.inputs[0].name: array})
    assert_close(found, Program(graph).run([array]))
