"""An export is checked before it is written, names what the user named, and leaves nothing behind when it is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import builder
from builder import Input, Model, Sequential, layers, ops
from builder.errors import ExportError, NotBuiltError, UnsupportedError
from builder.graph import Graph, Parameter, Spec
from builder.graph import Input as GraphInput
from builder.proto import IR_VERSION, OPSET, model_proto
from tests.builder.conftest import Oracle
from tests.builder.networks import assert_close
from tests.conftest import DIGITS


def small(name: str = "small") -> Any:
    return Sequential([Input((4,), name="given"), layers.Dense(3, name="taken")], name=name)


def opened(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def written(directory: Path) -> list[str]:
    """Everything under a directory."""
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def properties(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


# What is written.


def test_an_exported_network_answers_as_in_keras(oracle: Oracle, tmp_path: Path) -> None:
    exported = builder.load_model(oracle.path).export(tmp_path / "network.onnx")
    given = oracle.inputs if isinstance(oracle.inputs, dict | list) else [oracle.inputs]
    feeds = given if isinstance(given, dict) else dict(zip((name for name, _ in exported.inputs), given, strict=True))
    session = opened(exported.path)
    assert_close([np.asarray(array) for array in session.run(None, feeds)], oracle.answers)
    assert [value.name for value in session.get_outputs()] == [name for name, _ in exported.outputs]
    assert exported.batched


def test_a_repository_gets_a_directory_a_model_and_a_version(tmp_path: Path) -> None:
    exported = small().export(tmp_path / "models", version=7)
    assert exported.path == tmp_path / "models" / "small" / "7" / "model.onnx"
    files = ["models/small/7/model.onnx", "models/small/7/samples.npz"]
    assert written(tmp_path) == ["models", "models/small", "models/small/7", *files]
    assert [str(path.relative_to(tmp_path)) for path in (exported.path, exported.samples) if path] == files
    assert exported.data is None
    assert exported.size == exported.path.stat().st_size
    assert exported.path.stat().st_mode & 0o777 == 0o644


def test_a_path_that_ends_in_onnx_is_the_file(tmp_path: Path) -> None:
    exported = small().export(tmp_path / "new" / "net.onnx", name="net")
    assert written(tmp_path) == ["new", "new/net.onnx", "new/net.samples.npz"]
    assert onnx.load(exported.path).graph.name == "net"


def test_an_export_says_what_it_replaced(tmp_path: Path) -> None:
    assert [small().export(tmp_path / "net.onnx").replaced for _ in range(2)] == [False, True]
    assert written(tmp_path) == ["net.onnx", "net.samples.npz"]


def test_inputs_and_outputs_go_by_the_users_names(tmp_path: Path) -> None:
    exported = small().export(tmp_path / "net.onnx")
    assert exported.inputs == (("given", Spec(("batch", 4), "float32")),)
    assert exported.outputs == (("taken", Spec(("batch", 3), "float32")),)
    session = opened(exported.path)
    assert [(value.name, value.shape) for value in session.get_inputs()] == [("given", ["batch", 4])]
    assert [(value.name, value.shape) for value in session.get_outputs()] == [("taken", ["batch", 3])]


def test_outputs_in_a_dict_go_by_its_keys(tmp_path: Path) -> None:
    x = Input((4,), name="x")
    model = Model(x, {"z": layers.ReLU(name="a")(x), "y": layers.Softmax(name="b")(x)})
    assert [name for name, _ in model.export(tmp_path / "net.onnx").outputs] == ["y", "z"]


def test_every_output_has_a_name_of_its_own(tmp_path: Path) -> None:
    x = Input((4,), name="x")
    y = layers.ReLU(name="y")(x)
    exported = Model(x, [x, y, y]).export(tmp_path / "net.onnx")
    assert [name for name, _ in exported.outputs] == ["x_1", "y", "y_1"]
    echo, *relus = opened(exported.path).run(None, {"x": np.array([[-1, 2, -3, 4]], np.float32)})
    assert echo.tolist() == [[-1, 2, -3, 4]]
    assert [relu.tolist() for relu in relus] == [[[0, 2, 0, 4]]] * 2


def test_nodes_and_weights_tell_their_layer(tmp_path: Path) -> None:
    inner = Sequential([Input((4,)), layers.Dense(3, name="deep", activation="relu")], name="inner")
    x = Input((4,), name="x")
    graph = onnx.load(Model(x, inner(x)).export(tmp_path / "net.onnx").path).graph
    assert [node.name for node in graph.node] == ["inner/deep/Gemm", "inner/deep/Relu"]
    assert sorted(weight.name for weight in graph.initializer) == ["inner/deep/bias", "inner/deep/kernel"]


def test_the_file_is_for_the_opset_and_the_ir_that_are_promised(tmp_path: Path) -> None:
    proto = onnx.load(small().export(tmp_path / "net.onnx").path)
    assert [(imported.domain, imported.version) for imported in proto.opset_import] == [("", OPSET)]
    assert proto.ir_version == IR_VERSION
    assert proto.producer_name == "hornbeam"


def test_the_file_says_what_it_was_made_from(tmp_path: Path) -> None:
    said = properties(builder.load_model(DIGITS).export(tmp_path / "digits.onnx").path)
    assert said["hornbeam.source"] == "digits.keras"
    assert said["hornbeam.keras_version"] == "3.15.1"
    assert len(said["hornbeam.source_sha256"]) == 64
    assert json.loads(said["hornbeam.batch_axes"]) == {"image": 0, "probabilities": 0}


def test_the_same_model_is_the_same_bytes_and_other_weights_another_source(tmp_path: Path) -> None:
    model = small()
    first, again = (model.export(tmp_path / name).path for name in ("a.onnx", "b.onnx"))
    assert first.read_bytes() == again.read_bytes()
    model.set_weights([weight + 1 for weight in model.get_weights()])
    other = model.export(tmp_path / "c.onnx").path
    assert properties(other)["hornbeam.source_sha256"] != properties(first)["hornbeam.source_sha256"]


def test_a_fixed_batch_is_not_said_to_be_batched(tmp_path: Path) -> None:
    x = Input((4,), batch_size=2, name="x")
    exported = Model(x, layers.Dense(3)(x)).export(tmp_path / "net.onnx")
    assert not exported.batched
    assert exported.inputs[0][1].shape == (2, 4)
    assert "hornbeam.batch_axes" not in properties(exported.path)


def test_free_axes_are_named_by_their_input_and_take_any_size(tmp_path: Path) -> None:
    image = Input((None, None, 3), name="image")
    x = layers.Conv2D(4, 3, strides=2, padding="same")(image)
    exported = Model(image, layers.GlobalAveragePooling2D(name="average")(x)).export(tmp_path / "net.onnx")
    assert exported.inputs[0][1].shape == ("batch", "image_1", "image_2", 3)
    assert exported.outputs[0][1].shape == ("batch", 4)
    session = opened(exported.path)
    for rows, height, width in ((1, 5, 9), (4, 32, 17)):
        (found,) = session.run(None, {"image": np.ones((rows, height, width, 3), np.float32)})
        assert found.shape == (rows, 4)


def test_a_free_axis_too_small_for_the_first_try_is_tried_larger(tmp_path: Path) -> None:
    image = Input((None, None, 1), name="image")
    exported = Model(image, layers.GlobalAveragePooling2D()(layers.Conv2D(1, 40)(image))).export(tmp_path / "net.onnx")
    assert exported.path.exists()


def test_an_input_that_nothing_reads_stays_in_the_signature(tmp_path: Path) -> None:
    a, b = Input((4,), name="a"), Input((2,), name="b")
    exported = Model([a, b], layers.ReLU()(b)).export(tmp_path / "net.onnx")
    assert [value.name for value in opened(exported.path).get_inputs()] == ["a", "b"]


def test_functions_between_layers_are_exported_too(tmp_path: Path) -> None:
    x = Input((4,), name="x")
    model = Model(x, ops.relu(layers.Dense(4)(x)) * 2 + x)
    array = np.array([[1, -2, 3, -4]], np.float32)
    (found,) = opened(model.export(tmp_path / "net.onnx").path).run(None, {"x": array})
    assert_close([found], [model(array)])


# What is refused, and leaves nothing.


class Centered(layers.Layer):
    """Each row less the mean of all: rows depend on each other."""

    def call(self, inputs: Any) -> Any:
        return inputs - ops.mean(inputs, axis=0, keepdims=True)


def test_rows_that_depend_on_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="a row's answer depends on the other rows in its batch"):
        Sequential([Input((4,)), Centered()]).export(tmp_path / "models")
    assert written(tmp_path) == []


def test_a_check_that_fails_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = small().export(tmp_path / "net.onnx").path
    before = path.read_bytes()
    with pytest.raises(ExportError):
        Sequential([Input((4,)), Centered()]).export(path)
    assert path.read_bytes() == before
    assert written(tmp_path) == ["net.onnx", "net.samples.npz"]


class Thrice(layers.Layer):
    """Fits a batch of three only."""

    def call(self, inputs: Any) -> Any:
        return ops.add(inputs, np.zeros((3, 4), np.float32))


def test_a_batch_that_is_free_in_name_only_is_not_said_to_be_batched(tmp_path: Path) -> None:
    exported = Sequential([Input((4,)), Thrice()]).export(tmp_path / "net.onnx")
    assert not exported.batched


def test_training_in_a_network_is_refused_by_every_layer_at_once(tmp_path: Path) -> None:
    x = Input((4,))
    y = layers.Dropout(0.5, name="drop")(x, training=True)
    y = layers.BatchNormalization(name="norm")(layers.Dense(4)(y), training=True)
    y = layers.Dropout(0.0, name="harmless")(y, training=True)
    with pytest.raises(UnsupportedError, match=r"(?s)2 problems.*'drop': Dropout.*'norm': BatchNormalization"):
        Model(x, y).export(tmp_path / "models")
    assert written(tmp_path) == []


def test_training_of_a_nested_model_is_refused_by_the_path_of_the_layer(tmp_path: Path) -> None:
    inner = Sequential([Input((4,)), layers.Dropout(0.5, name="drop")], name="inner")
    x = Input((4,))
    with pytest.raises(UnsupportedError, match="'inner/drop': Dropout is called with training=True"):
        Model(x, inner(x, training=True)).export(tmp_path / "models")
    assert inner.export(tmp_path / "models").path.exists()


def test_a_model_that_is_not_built_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotBuiltError):
        Sequential([layers.Dense(3)]).export(tmp_path / "models")
    assert written(tmp_path) == []


@pytest.mark.parametrize(
    "name", ["../up", "a/b", "a b", ".hidden", "-x", "x" * 129, "a\n", "naïve"], ids=lambda name: name.encode("unicode_escape").decode()[:9]
)
def test_a_name_that_no_directory_should_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ExportError, match="cannot be the name of a model"):
        small().export(tmp_path / "models", name=name)
    assert written(tmp_path) == []


@pytest.mark.parametrize("version", [0, -1])
def test_versions_count_from_one(tmp_path: Path, version: int) -> None:
    with pytest.raises(ExportError, match=f"an integer from 1; found {version}"):
        small().export(tmp_path / "models", version=version)
    assert written(tmp_path) == []


def test_a_file_where_the_repository_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("mine")
    with pytest.raises(ExportError, match="is a file; give a directory"):
        small().export(tmp_path / "models")
    assert (tmp_path / "models").read_text() == "mine"


def test_a_directory_where_the_file_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").mkdir()
    with pytest.raises(ExportError, match="is a directory"):
        small().export(tmp_path / "net.onnx")
    assert written(tmp_path) == ["net.onnx"]


def test_a_file_in_the_way_of_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "models" / "small").mkdir(parents=True)
    (tmp_path / "models" / "small" / "1").write_text("mine")
    with pytest.raises(ExportError, match="cannot be written"):
        small().export(tmp_path / "models")
    assert written(tmp_path) == ["models", "models/small", "models/small/1"]


def test_a_directory_in_the_way_of_the_model_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "models" / "small" / "1" / "model.onnx" / "mine").mkdir(parents=True)
    before = written(tmp_path)
    with pytest.raises(ExportError, match="cannot be written"):
        small().export(tmp_path / "models")
    assert written(tmp_path) == before


@pytest.mark.parametrize(
    "destination", ["/proc/self/net.onnx", "/proc/models", "a" * 300 + ".onnx", "a" * 300], ids=["a file", "a repository", "long", "longer"]
)
def test_a_disk_that_refuses_is_told_in_a_sentence(destination: str) -> None:
    with pytest.raises(ExportError, match="cannot be written: "):
        small().export(destination)


def test_more_than_one_file_can_hold_is_refused_before_it_is_made() -> None:
    gibibyte = np.broadcast_to(np.float32(0), (2**28,))  # 4 bytes in memory
    weights = [Parameter(f"weight_{index}", Spec((2**28,), "float32"), lambda: gibibyte) for index in range(3)]
    given = GraphInput("x", Spec((2**28,), "float32"))
    with pytest.raises(UnsupportedError, match=r"the weights take 3\.0 GiB, and one ONNX file without external data holds 2 GiB"):
        model_proto(Graph((given,), tuple(weights), ("a", "b", "c")))


def test_what_onnx_runtime_cannot_run_is_refused(tmp_path: Path) -> None:
    model = Sequential([Input((4,), dtype="bfloat16"), layers.Dense(3, dtype="bfloat16")])
    with pytest.raises(ExportError, match="ONNX Runtime cannot load the model, so nothing was written"):
        model.export(tmp_path / "net.onnx")
    assert written(tmp_path) == []


def test_an_option_that_is_not_there_is_refused_as_python_does(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'opsets'"):
        small().export(tmp_path / "net.onnx", opsets=20)


def test_options_that_cannot_be_are_refused_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(
        ExportError, match=r"(?s)3 problems:.*--opset is an integer.*--dtype is one of.*--without is one of .*found 'nothing'"
    ):
        small().export(tmp_path / "net.onnx", opset=3, dtype="float8", without=("nothing",))
    assert written(tmp_path) == []


def test_a_pass_can_be_left_out(tmp_path: Path) -> None:
    exported = small().export(tmp_path / "net.onnx", without=("bias",))
    assert "bias" not in [report.name for report in exported.passes]
    assert [node.op_type for node in onnx.load(exported.path).graph.node] == ["MatMul", "Add"]


def test_an_export_tells_what_it_is_at(tmp_path: Path) -> None:
    stages: list[str] = []
    small().export(tmp_path / "net.onnx", progress=stages.append, dtype="float16")
    assert stages == ["passes", "model", "checks", "accuracy", "samples", "files"]


def test_a_viewer_is_told_what_the_model_was_made_from(tmp_path: Path) -> None:
    path = builder.load_model(DIGITS).export(tmp_path / "digits.onnx", dtype="float16").path
    assert onnx.load(path).doc_string == "digits: made from digits.keras, saved by Keras 3.15.1, in float16"
    assert properties(path)["hornbeam.precision"] == "float16"


class Turned(layers.Layer):
    """A product with a weight of eight bits, which is turned and then made larger."""

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.few = self.add_weight((64, input_shape[-1]), "zeros", dtype="int8", trainable=False, name="few")

    def call(self, x: Any) -> Any:
        return ops.matmul(x, ops.cast(ops.transpose(self.few), "float32"))


def test_a_weight_in_few_bits_stays_so_in_the_file(tmp_path: Path) -> None:
    x = Input((256,))
    exported = Model(x, Turned()(x)).export(tmp_path / "turned.onnx")
    weights = onnx.load(exported.path).graph.initializer
    assert [(tuple(weight.dims), weight.data_type) for weight in weights] == [((256, 64), onnx.TensorProto.INT8)]
