"""Free dimensions take the user's names, or sizes, and what cannot be is said before anything is written."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from builder import Input, Model, Sequential, layers
from builder.errors import ExportError
from builder.graph import Spec
from builder.passes import optimize
from builder.passes.dimensions import set_dimensions
from builder.runtime import Program
from tests.builder.networks import assert_close


def picture() -> Any:
    image = Input((None, None, 3), name="image")
    x = layers.Conv2D(4, 3, strides=2, padding="same", name="conv")(image)
    return Model(image, [layers.GlobalAveragePooling2D(name="average")(x), layers.Flatten(name="flat")(x)])


def text() -> Any:
    words = Input((None,), dtype="int32", name="words")
    x = layers.LSTM(3, return_sequences=True, name="steps")(layers.Embedding(9, 4)(words))
    return Model(words, x)


def test_a_dimension_goes_by_the_users_name_wherever_it_occurs(tmp_path: Path) -> None:
    exported = text().export(tmp_path / "net.onnx", dims={"words.1": "time", "batch": "rows"})
    assert exported.inputs == (("words", Spec(("rows", "time"), "int32")),)
    assert exported.outputs == (("steps", Spec(("rows", "time", 3), "float32")),)
    assert exported.batched
    session = onnxruntime.InferenceSession(exported.path, providers=["CPUExecutionProvider"])
    assert [value.shape for value in session.get_outputs()] == [["rows", "time", 3]]
    assert session.run(None, {"words": np.ones((5, 7), np.int32)})[0].shape == (5, 7, 3)
    named = {dim.dim_param for info in onnx.load(exported.path).graph.value_info for dim in info.type.tensor_type.shape.dim}
    assert not named & {"batch", "words_1"}


def test_a_size_fixes_a_dimension_and_what_follows_from_it(tmp_path: Path) -> None:
    exported = picture().export(tmp_path / "net.onnx", dims={"image.1": 10, "image.2": "8"})
    assert exported.inputs == (("image", Spec(("batch", 10, 8, 3), "float32")),)
    assert [spec.shape for _, spec in exported.outputs] == [("batch", 4), ("batch", 5 * 4 * 4)]
    assert exported.batched


def test_a_fixed_batch_is_one_that_no_server_may_change(tmp_path: Path) -> None:
    exported = picture().export(tmp_path / "net.onnx", dims={"batch": 2, "image.1": 9, "image.2": 9})
    assert [spec.shape for _, spec in (*exported.inputs, *exported.outputs)] == [(2, 9, 9, 3), (2, 4), (2, 100)]
    assert not exported.batched
    assert "hornbeam.batch_axes" not in {entry.key for entry in onnx.load(exported.path).metadata_props}


@pytest.mark.parametrize("dims", [{"words.1": 6}, {"words.1": "time"}, {"batch": 2, "words.1": 6}], ids=str)
def test_names_and_sizes_change_no_answer(dims: dict[str, str | int]) -> None:
    model = text()
    words = np.array([[1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]], np.int32)
    graph, _ = optimize(set_dimensions(model.graph(), dims))
    assert_close(Program(graph).run([words]), [model(words)])


def test_the_inside_of_a_loop_has_the_sizes_too(tmp_path: Path) -> None:
    x = Input((None, 2), name="x")
    model = Model(x, layers.RNN(layers.SimpleRNNCell(3, activation="gelu"), name="y")(x))
    exported = model.export(tmp_path / "net.onnx", dims={"x.1": 30, "batch": 2})
    assert exported.outputs[0][1].shape == (2, 3)
    (loop,) = (node for node in onnx.load(exported.path).graph.node if node.op_type == "Scan")
    bodies = [attribute.g for attribute in loop.attribute if attribute.name == "body"]
    assert [dim.dim_value for value in bodies[0].input for dim in value.type.tensor_type.shape.dim] == [2, 3, 2, 3]


def test_two_inputs_may_share_a_name(tmp_path: Path) -> None:
    a, b = Input((None, 2), name="a"), Input((None, 2), name="b")
    model = Model([a, b], layers.Add(name="sum")([a, b]))
    exported = model.export(tmp_path / "net.onnx", dims={"a.1": "time", "b.1": "time"})
    assert exported.inputs[0][1].shape == exported.inputs[1][1].shape == ("batch", "time", 2)


WRONG = [
    pytest.param({"picture.1": 4}, "there is no input 'picture'; there are 'image'", id="no such input"),
    pytest.param({"image.4": 4}, "input 'image' has axes 0 to 3", id="no such axis"),
    pytest.param({"image.3": 4}, "'image.3' is not free, it is 3", id="an axis that is fixed"),
    pytest.param({"image": 4}, "is neither 'batch' nor an input's name and axis, as in 'image.1'", id="no axis"),
    pytest.param({"image.x": 4}, "is neither 'batch' nor an input's name and axis", id="an axis that is no number"),
    pytest.param({"image.1": 0}, "'image.1' cannot be 0; a size is an integer from 1", id="nothing"),
    pytest.param({"image.1": -3}, "cannot be '-3'; give a size, or a name", id="less than nothing"),
    pytest.param({"image.1": "a b"}, "cannot be 'a b'; give a size, or a name", id="a name with a space"),
    pytest.param({"image.1": ""}, "cannot be ''; give a size, or a name", id="no name"),
    pytest.param({"image.1": "batch"}, "cannot be 'batch', which is the first axis", id="another's name"),
    pytest.param({"image.9": 1, "other.1": 2}, r"(?s)2 problems:.*has axes.*no input 'other'", id="two mistakes"),
]


@pytest.mark.parametrize(("dims", "words"), WRONG)
def test_what_is_no_free_dimension_is_refused(dims: dict[str, str | int], words: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=words):
        picture().export(tmp_path / "net.onnx", dims=dims)
    assert list(tmp_path.iterdir()) == []


def test_a_batch_that_is_fixed_already_is_refused(tmp_path: Path) -> None:
    x = Input((4,), batch_size=2)
    with pytest.raises(ExportError, match="the batch of this network is fixed"):
        Model(x, layers.Dense(3)(x)).export(tmp_path / "net.onnx", dims={"batch": 4})


def test_a_size_that_the_network_does_not_take_is_refused(tmp_path: Path) -> None:
    model = Sequential([Input((None, 1)), layers.Conv1D(1, 5)])
    with pytest.raises(ExportError, match="nothing was written"):
        model.export(tmp_path / "net.onnx", dims={f"{model.inputs[0].name}.1": 3})
    assert list(tmp_path.iterdir()) == []
