"""Weights in a second file: beside the model, in whole pages, and never a model with the weights of another."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest

from builder import Input, Sequential, layers, ops
from builder.errors import ExportError
from builder.export.content import Content, add_to
from builder.graph import Constant, Graph, Node, Result, Spec
from builder.graph import Input as GraphInput
from builder.proto import OPSET, split_proto
from builder.runtime import Program
from tests.builder.networks import assert_close, scatter_weights
from tests.conftest import run

ARRAY = np.random.default_rng(1).normal(size=(2, 64)).astype(np.float32)


def network(name: str = "net") -> Any:
    model = Sequential([Input((64,), name="x"), layers.Dense(64, name="hidden"), layers.Dense(10, name="y")], name=name)
    return scatter_weights(model)


def external(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    for tensor in onnx.load(path, load_external_data=False).graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            yield tensor.name, {entry.key: entry.value for entry in tensor.external_data}


def test_weights_go_beside_the_model_from_a_threshold_on(tmp_path: Path) -> None:
    exported = network().export(tmp_path / "models", external_data=True)
    assert sorted(path.name for path in exported.path.parent.iterdir()) == ["model.onnx", "model.onnx.data", "samples.npz"]
    assert exported.data == exported.path.parent / "model.onnx.data"
    assert exported.size == exported.path.stat().st_size + exported.data.stat().st_size
    assert [name for name, _ in external(exported.path)] == ["hidden/kernel", "y/kernel"]
    everything = network().export(tmp_path / "all.onnx", external_data=True, external_threshold=0)
    assert len(list(external(everything.path))) == 4


def test_each_weight_is_where_it_can_be_mapped(tmp_path: Path) -> None:
    path = network().export(tmp_path / "net.onnx", external_data=True).path
    places = [place for _, place in external(path)]
    assert {place["location"] for place in places} == {"net.onnx.data"}
    assert [int(place["offset"]) for place in places] == [0, 64 * 64 * 4]
    assert all(int(place["offset"]) % 4096 == 0 for place in places)
    assert (tmp_path / "net.onnx.data").stat().st_size == int(places[-1]["offset"]) + int(places[-1]["length"])


def test_the_outline_that_is_checked_has_each_weight_where_the_model_has_it(tmp_path: Path) -> None:
    wide = scatter_weights(Sequential([Input((64,), name="x"), layers.Dense(512), layers.Dense(300), layers.Dense(3)]))
    content = Content.of(wide.graph(), OPSET, None)
    content.write(tmp_path / "model.onnx", tmp_path / "none")
    content.write_outline(tmp_path / "outline.onnx", tmp_path / "model.onnx")
    model, outline = onnx.load(tmp_path / "model.onnx"), onnx.load(tmp_path / "outline.onnx")
    assert [place["location"] for _, place in external(tmp_path / "outline.onnx")] == ["model.onnx"] * 2
    assert outline.graph.node == model.graph.node
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for tensor in outline.graph.initializer:
        np.testing.assert_array_equal(onnx.numpy_helper.to_array(tensor), weights[tensor.name])


@pytest.mark.parametrize("name", ["outline.onnx", "net.onnx.outline.onnx", "model.onnx"])
def test_the_outline_is_gone_and_no_name_is_taken(tmp_path: Path, name: str) -> None:
    exported = network().export(tmp_path / name)
    assert exported.samples is not None
    assert {path.name for path in tmp_path.iterdir()} == {name, exported.samples.name}
    assert list(external(exported.path)) == []


def test_the_answers_are_those_of_one_file(tmp_path: Path) -> None:
    model = network()
    path = model.export(tmp_path / "net.onnx", external_data=True).path
    found = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"x": ARRAY})
    assert_close(found, [model(ARRAY)])
    onnx.checker.check_model(str(path), full_check=True)


def test_a_pair_can_be_moved_together(tmp_path: Path) -> None:
    model = network()
    path = model.export(tmp_path / "here" / "net.onnx", external_data=True).path
    path.parent.rename(tmp_path / "there")
    session = onnxruntime.InferenceSession(tmp_path / "there" / "net.onnx", providers=["CPUExecutionProvider"])
    assert_close(session.run(None, {"x": ARRAY}), [model(ARRAY)])


def test_one_file_in_place_of_a_pair_leaves_no_data_behind(tmp_path: Path) -> None:
    assert network().export(tmp_path / "net.onnx", external_data=True).data is not None
    exported = network().export(tmp_path / "net.onnx", samples=False)
    assert exported.replaced
    assert exported.data is None
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]


class Centered(layers.Layer):
    """Refused: rows depend on each other."""

    def call(self, inputs: Any) -> Any:
        return inputs - ops.mean(inputs, axis=0, keepdims=True)


def test_a_refused_export_leaves_the_earlier_pair(tmp_path: Path) -> None:
    network().export(tmp_path / "net.onnx", external_data=True)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ExportError, match="a row's answer depends"):
        Sequential([Input((64,)), layers.Dense(64), Centered()]).export(tmp_path / "net.onnx", external_data=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_directory_in_the_way_of_the_data_leaves_the_earlier_model(tmp_path: Path) -> None:
    before = network().export(tmp_path / "net.onnx", samples=False).path.read_bytes()
    (tmp_path / "net.onnx.data" / "mine").mkdir(parents=True)
    with pytest.raises(ExportError, match="cannot be written: Is a directory"):
        network().export(tmp_path / "net.onnx", external_data=True)
    assert (tmp_path / "net.onnx").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.onnx", "net.onnx.data"]


@pytest.mark.parametrize(
    "options", [[], ["--external-data"], ["--opset", "17"], ["--dtype", "float16"], ["--quantize", "int8"]], ids=" ".join
)
def test_two_processes_write_the_same_bytes(options: list[str], tmp_path: Path) -> None:
    program = """
import sys
import builder
from builder import layers
model = builder.Sequential([builder.Input((64,)), layers.Dense(64, "gelu"), layers.LayerNormalization(), layers.Dense(3)], name="net")
model.set_weights([__import__("numpy").full(weight.shape, 0.01, "float32") for weight in model.get_weights()])
from builder.cli import main
sys.modules["given"] = sys.modules[__name__]
main(["export", "given:model", sys.argv[1], *sys.argv[2:]])
"""
    for seed in ("1", "2"):
        done = run(sys.executable, "-c", program, tmp_path / seed, *options, env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)})
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
    first, second = ({path.name: path.read_bytes() for path in (tmp_path / seed / "net" / "1").iterdir()} for seed in ("1", "2"))
    assert first == second
    assert len(first) == 2 + ("--external-data" in options)


# Beyond what one message holds. The weights are one number each, seen as many: they take no memory, and nothing is written.


def test_a_network_beyond_two_gigabytes_has_its_weights_apart_unasked() -> None:
    gibibyte = np.broadcast_to(np.float32(1), (2**14, 2**14))
    x = GraphInput("x", Spec(("batch", 2**14), "float32"))
    value: Any = x
    for _ in range(3):
        value = Result(Node("MatMul", (value, Constant(gibibyte, "kernel")), (x.spec,)))
    content = Content.of(Graph((x,), (value,), ("y",)), OPSET, None)
    assert list(content.apart) == ["kernel", "kernel_1", "kernel_2"]
    assert content.proto.ByteSize() < 1000


def test_a_file_that_is_put_together_is_what_protobuf_makes_of_it(tmp_path: Path) -> None:
    weight, bits = np.ones((300, 300), np.float32), np.ones((600, 300), ml_dtypes.bfloat16)
    x = GraphInput("x", Spec(("batch", 300), "float32"))
    wide = Result(Node("MatMul", (x, Constant(weight, "kernel")), (x.spec,)))
    graph = Graph((x,), (Result(Node("Add", (wide, Constant(weight[0], "bias")), (x.spec,))), Constant(bits, "bits")), ("y", "z"))
    content = Content.of(graph, OPSET, None)
    assert list(content.inside) == ["kernel", "bits"]
    content.write(tmp_path / "net.onnx", tmp_path / "net.onnx.data")
    add_to(tmp_path / "net.onnx", {"key": "value"})
    whole, _ = split_proto(graph, 2**63)
    whole.metadata_props.add(key="key", value="value")
    assert onnx.load(tmp_path / "net.onnx") == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.onnx"]


def test_a_weight_is_lent_to_the_runtime_and_not_copied_into_a_message() -> None:
    weight = np.ones((1024, 1024), np.float32)
    x = GraphInput("x", Spec(("batch", 1024), "float32"))
    graph = Graph((x,), (Result(Node("MatMul", (x, Constant(weight, "kernel")), (x.spec,))),), ("y",))
    (found,) = Program(graph).run([np.ones((1, 1024), np.float32)])
    assert found.tolist() == [[1024.0] * 1024]
