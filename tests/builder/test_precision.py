"""Fewer bits: a network in float16 answers nearly as in float32, keeps its signature, and halves; what does not fit is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import builder
from builder import Input, Model, Sequential, layers, ops
from builder.errors import ExportError, UnsupportedError
from builder.export.checks import difference
from builder.graph import Graph
from builder.passes import optimize
from builder.passes.halves import part_halves
from builder.passes.precision import KEPT, narrow
from builder.runtime import Program
from tests.builder.networks import scatter_weights
from tests.builder.rows import ROWS, Row


def network(name: str = "net") -> Any:
    image = Input((16, 16, 3), name="image")
    x = layers.Conv2D(32, 3, activation="relu")(image)
    x = layers.GlobalAveragePooling2D()(x)
    return scatter_weights(Model(image, layers.Dense(10, activation="softmax", name="scores")(layers.LayerNormalization()(x)), name=name))


def operators(graph: Graph, dtype: str) -> set[str]:
    """The operators that give a tensor of that dtype."""
    return {node.op for node in graph.nodes() if node.specs[0].dtype == dtype}


FLOATS = {name: row for name, row in ROWS.items() if row.dtype in ("float32", "int32") and "dtype" not in row.arguments}


@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in FLOATS.items()])
def test_a_layer_in_float16_is_nearly_the_same(row: Row) -> None:
    layer = row.make(builder)
    graph, _ = optimize(row.network(builder, layer).graph())
    scatter_weights(layer)
    graph, _ = optimize(row.network(builder, layer).graph())
    sample = row.sample(3)
    arrays = sample if isinstance(sample, list) else [sample]
    narrowed = part_halves(narrow(graph, "float16"))
    for found, expected in zip(Program(narrowed).run(arrays), Program(graph).run(arrays), strict=True):
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        assert float(np.max(difference(found, expected), initial=0)) < 1e-2


def test_the_file_is_half_as_large_and_its_signature_the_same(tmp_path: Path) -> None:
    model = Sequential([Input((256,), name="x"), layers.Dense(256, name="hidden"), layers.Dense(8, name="y")])
    whole = model.export(tmp_path / "whole.onnx", samples=False)
    half = model.export(tmp_path / "half.onnx", samples=False, dtype="float16")
    assert (half.inputs, half.outputs, half.batched) == (whole.inputs, whole.outputs, True)
    assert half.size < 0.53 * whole.size
    assert half.accuracy is not None
    assert half.accuracy.after == half.size
    assert abs(half.accuracy.before - whole.size) < 500
    assert 0 < half.accuracy.largest < 2e-3
    assert 0 < half.accuracy.mean <= half.accuracy.largest
    session = onnxruntime.InferenceSession(half.path, providers=["CPUExecutionProvider"])
    assert [(value.name, value.type) for value in (*session.get_inputs(), *session.get_outputs())] == [
        ("x", "tensor(float)"),
        ("y", "tensor(float)"),
    ]


def test_what_sums_up_stays_in_float32_and_what_multiplies_does_not() -> None:
    narrowed = narrow(optimize(network().graph())[0], "float16")
    assert {"Conv", "Relu", "Gemm"} <= operators(narrowed, "float16")
    assert {"LayerNormalization", "Softmax"} <= operators(narrowed, "float32")
    assert not operators(narrowed, "float16") & KEPT - {"Cast"}


def test_a_value_is_cast_once_however_often_it_is_read() -> None:
    x = Input((4,), name="x")
    model = Model(x, [layers.Dense(3)(x), layers.Dense(2)(x)])
    narrowed = narrow(optimize(model.graph())[0], "float16")
    casts = [node for node in narrowed.nodes() if node.op == "Cast" and node.specs[0].dtype == "float16"]
    assert len(casts) == 1


def test_a_square_that_float16_cannot_hold_is_not_taken_in_it() -> None:
    x = Input((8,), name="x")
    model = Model(x, x / ops.sqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + 1e-3))
    array = np.full((2, 8), 1000, np.float32)  # its square is a million
    (found,) = Program(narrow(optimize(model.graph())[0], "float16")).run([array])
    np.testing.assert_allclose(found, 1, rtol=1e-3)


@pytest.mark.parametrize("number", [1e-12, -1e9], ids=["an epsilon", "the score of what is masked"])
def test_a_number_that_float16_has_not_keeps_its_node_in_float32(number: float) -> None:
    x = Input((3,), name="x")
    narrowed = narrow(optimize(Model(x, ops.maximum(x, number)).graph())[0], "float16")
    (found,) = Program(narrowed).run([np.full((1, 3), min(number, 0) * 2, np.float32)])
    assert found.tolist() == [[np.float32(number)] * 3]


def test_a_recurrent_kernel_is_stored_in_float16_and_used_in_float32(tmp_path: Path) -> None:
    model = Sequential([Input((5, 64)), layers.LSTM(64)])
    graph = onnx.load(model.export(tmp_path / "net.onnx", dtype="float16").path).graph
    assert {tensor.data_type for tensor in graph.initializer if len(tensor.dims) > 2} == {onnx.TensorProto.FLOAT16}
    assert [value.type.tensor_type.elem_type for value in graph.output] == [onnx.TensorProto.FLOAT]


def test_weights_that_are_too_large_are_refused_all_at_once(tmp_path: Path) -> None:
    model: Any = Sequential([Input((4,)), layers.Dense(3, name="first"), layers.Dense(3, name="second")])
    model.set_weights([weight + 70_000 for weight in model.get_weights()])
    with pytest.raises(ExportError, match=r"(?s)does not fit into float16.*4 problems:.*'first/kernel' holds 7e\+04.*'second/bias'"):
        model.export(tmp_path / "net.onnx", dtype="float16")
    assert list(tmp_path.iterdir()) == []


def test_a_weight_that_is_too_large_for_bfloat16_is_told_where_that_ends(tmp_path: Path) -> None:
    model: Any = Sequential([Input((4,)), layers.Dense(3, use_bias=False, name="first")])
    model.set_weights([np.full((4, 3), 3.4e38, np.float32)])
    with pytest.raises(ExportError, match=r"'first/kernel' holds 3\.4e\+38, and bfloat16 ends at 3\.3895e\+38"):
        model.export(tmp_path / "net.onnx", dtype="bfloat16")


def test_a_layer_that_reaches_more_than_float16_holds_is_refused(tmp_path: Path) -> None:
    x = Input((4,), name="x")
    model = Model(x, layers.Dense(2, kernel_initializer="ones", name="y")(layers.ReLU()(x) * 60_000.0))
    with pytest.raises(
        ExportError, match=r"(?s)does not fit into float16.*2 problems:.*'multiply.*/Mul' reaches .*, and float16 ends at 65504"
    ):
        model.export(tmp_path / "net.onnx", dtype="float16")
    assert list(tmp_path.iterdir()) == []


def test_bfloat16_is_refused_where_nothing_here_can_run_it(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"no form in opset 20; a later one may have .*Conv does not take bfloat16 yet"):
        network().export(tmp_path / "net.onnx", dtype="bfloat16")
    with pytest.raises(ExportError, match="ONNX Runtime cannot load the model, so nothing was written"):
        network().export(tmp_path / "net.onnx", dtype="bfloat16", opset=22)
    assert list(tmp_path.iterdir()) == []


def test_float16_goes_with_an_early_opset_and_with_external_data(tmp_path: Path) -> None:
    exported = network().export(tmp_path / "net.onnx", dtype="float16", opset=17, external_data=True, external_threshold=0)
    assert exported.data is not None
    assert exported.accuracy is not None
    assert exported.accuracy.largest < 5e-3
    assert exported.accuracy.agreement == 1
