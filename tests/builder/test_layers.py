"""Every layer, by a row or more of one table: it equals Keras's, its config comes back, and it exports.

A new layer is a class and a row here; `test_every_layer_has_a_row` fails without.
"""

import json
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import builder
from builder.graph import Array
from builder.layer import Layer
from builder.models import Model
from builder.saving import REGISTRY
from tests.builder.networks import answers, assert_close, scatter_weights
from tests.builder.rows import RECORDED, ROWS, Row

each_row = pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in ROWS.items()])


@pytest.fixture
def layer(row: Row) -> Layer:
    """The row's layer, with weights that are no initializer's."""
    made: Layer = row.make(builder)
    row.network(builder, made)
    scatter_weights(made)
    return made


def run(row: Row, layer: Layer, rows: int = 3) -> list[Array]:
    return answers(row.network(builder, layer), row.sample(rows))


def test_every_layer_has_a_row() -> None:
    layers = {name for name, cls in REGISTRY.items() if not issubclass(cls, Model) and name != "Wrapper"}  # which is a base of users' own
    recorded = {answer["layer"] for answer in RECORDED.values()}  # whose laws are in test_preprocessing
    assert layers == {row.layer for row in ROWS.values()} | recorded


@pytest.mark.filterwarnings("ignore:(?s).*Explicitly requested dtype int64:UserWarning")  # of JAX, which Keras's MixUp asks for it
@pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match:UserWarning")  # a list of one, for a merging layer
@each_row
def test_a_layer_equals_that_of_keras(row: Row, layer: Layer) -> None:
    expected = row.make(keras)
    theirs, ours = row.network(keras, expected), row.network(builder, layer)
    theirs.set_weights(ours.get_weights())
    assert ours.output_shape == theirs.output_shape
    assert_close(answers(ours, row.sample(1)), answers(theirs, row.sample(1)), row.tolerance)


@pytest.mark.parity  # as long as all the other tests of layers; of many kinds at once, test_writing has it every time
@pytest.mark.filterwarnings("ignore:(?s).*Explicitly requested dtype int64:UserWarning")  # as above
@pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match:UserWarning")
@each_row
def test_saved_here_a_layer_answers_the_same_in_keras(row: Row, layer: Layer, tmp_path: Path) -> None:
    model = row.network(builder, layer)
    for name in ("one.keras", "two.keras"):
        model.save(tmp_path / name)
    assert (tmp_path / "one.keras").read_bytes() == (tmp_path / "two.keras").read_bytes()
    opened = keras.saving.load_model(tmp_path / "one.keras")
    assert_close(answers(model, row.sample(3)), answers(opened, row.sample(3)), row.tolerance)
    again = builder.load_model(tmp_path / "one.keras")
    for found, expected in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


@each_row
def test_a_config_makes_an_equal_layer(row: Row, layer: Layer) -> None:
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    row.network(builder, again)
    again.set_weights(layer.get_weights())
    assert_close(run(row, again), run(row, layer), 0)


@each_row
def test_a_config_means_the_same_to_keras(row: Row, layer: Layer) -> None:
    expected = row.make(keras, **({} if "name" in row.arguments else {"name": layer.name}))
    assert type(expected).from_config(layer.get_config()).get_config() == expected.get_config()
    back = type(layer).from_config(expected.get_config())
    assert {**layer.get_config(), **back.get_config()} == back.get_config()
    row.network(builder, back)
    back.set_weights(layer.get_weights())
    assert_close(run(row, back), run(row, layer), 0)


@each_row
def test_the_shape_that_is_foretold_is_the_shape_that_comes(row: Row, layer: Layer) -> None:
    model = row.network(builder, layer)
    (tensor,) = model.outputs
    for rows in (1, 3):
        (found,) = run(row, layer, rows)
        assert found.shape == (rows, *tensor.shape[1:])
        assert found.dtype == tensor.dtype


@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in ROWS.items() if row.layer != "InputLayer"])
def test_called_on_arrays_a_layer_gives_what_its_model_gives(row: Row, layer: Layer) -> None:
    inputs = row.sample(3)
    given = [inputs] if row.merged and len(row.shapes) == 1 else inputs
    assert_close([np.asarray(row.called(layer, given))], run(row, layer), row.tolerance)


@each_row
def test_exported_alone_a_layer_answers_the_same(row: Row, layer: Layer, tmp_path: Path) -> None:
    model = row.network(builder, layer)
    model.export(tmp_path / "layer.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "layer.onnx", providers=["CPUExecutionProvider"])
    inputs = row.sample(3)
    arrays = inputs if isinstance(inputs, list) else [inputs]
    found = session.run(None, {given.name: array for given, array in zip(session.get_inputs(), arrays, strict=True)})
    assert_close(found, run(row, layer), row.tolerance)
    assert list(session.get_outputs()[0].shape) == ["batch", *model.output_shape[1:]]


# What is refused, in Keras's words.


@pytest.mark.parametrize(
    ("layer", "arguments", "words"),
    [
        pytest.param("Dense", {"units": 0}, "invalid value for `units`, expected a positive integer", id="no units"),
        pytest.param("Dense", {"units": 2, "foo": 1}, "Unrecognized keyword arguments passed to Dense: {'foo': 1}", id="a novel argument"),
        pytest.param(
            "Dense", {"units": 2, "activation": "nope"}, "Could not interpret activation function identifier: nope", id="no function"
        ),
        pytest.param(
            "Dense", {"units": 2, "kernel_initializer": "nope"}, "Could not interpret initializer identifier", id="no initializer"
        ),
        pytest.param("Dense", {"units": 2, "name": "a/b"}, "cannot contain character `/`", id="a name with a slash"),
        pytest.param("Conv2D", {"filters": 0, "kernel_size": 3}, "Expected a strictly positive value", id="no filters"),
        pytest.param("Conv2D", {"filters": 2, "kernel_size": 0}, "`kernel_size`", id="no kernel"),
        pytest.param("Conv2D", {"filters": 2, "kernel_size": (3, 3, 3)}, "`kernel_size`", id="a kernel of three axes"),
        pytest.param("Conv2D", {"filters": 2, "kernel_size": 3, "strides": 0}, "`strides`", id="no strides"),
        pytest.param("Conv2D", {"filters": 3, "kernel_size": 3, "groups": 2}, "evenly divisible by the number of groups", id="odd groups"),
        pytest.param(
            "Conv2D",
            {"filters": 3, "kernel_size": 3, "strides": 2, "dilation_rate": 2},
            "in conjunction with `dilation_rate > 1`",
            id="both",
        ),
        pytest.param("Conv2D", {"filters": 3, "kernel_size": 3, "padding": "causal"}, "`padding`", id="causal images"),
        pytest.param("MaxPooling2D", {"pool_size": 0}, "`pool_size`", id="no window"),
        pytest.param("MaxPooling2D", {"data_format": "channels"}, "`data_format`", id="no data format"),
        pytest.param("Dropout", {"rate": 1.5}, "Expected a float value between 0 and 1", id="a rate above one"),
        pytest.param("Reshape", {"target_shape": (-1, -1)}, "one -1", id="two sizes left open"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(layer: str, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        getattr(builder.layers, layer)(**arguments)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        pytest.param(Row("Dense", {"units": 2}, ((),)), "expected min_ndim=2, found ndim=1", id="dense on rank 1"),
        pytest.param(Row("Conv2D", {"filters": 2, "kernel_size": 3}, ((4, 4),)), "expected ndim=4, found ndim=3", id="an image of rank 3"),
        pytest.param(Row("Conv2D", {"filters": 2, "kernel_size": 3}, ((2, 9, 1),)), "Computed output size would be zero", id="too small"),
        pytest.param(Row("Conv2D", {"filters": 2, "kernel_size": 2, "groups": 2}, ((4, 4, 3),)), "evenly divisible", id="odd channels"),
        pytest.param(Row("MaxPooling2D", {"pool_size": 5}, ((4, 9, 1),)), "Computed output size would be zero", id="too small to pool"),
        pytest.param(Row("Reshape", {"target_shape": (5,)}, ((4,),)), "total size of the tensor must be unchanged", id="another size"),
        pytest.param(Row("Reshape", {"target_shape": (3, -1)}, ((4,),)), "do not divide", id="no whole size"),
        pytest.param(
            Row("Concatenate", {"axis": 1}, ((3, 2), (3, 4)), merged=True),
            "matching shapes except for the concatenation axis",
            id="misfits",
        ),
        pytest.param(Row("BatchNormalization", {"axis": 3}, ((4,),)), "axis 3", id="no such axis"),
        pytest.param(Row("Add", {}, ((3,), (4,)), merged=True), "Add", id="sizes that do not broadcast"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_by_the_layers_name(row: Row, words: str) -> None:
    layer = getattr(builder.layers, row.layer)(**row.arguments, name="culprit")
    with pytest.raises(ValueError, match="'culprit'") as caught:
        row.network(builder, layer)
    assert words in str(caught.value)


@pytest.mark.parametrize("layer", ["Add", "Concatenate"])
def test_a_merging_layer_takes_a_list(layer: str) -> None:
    with pytest.raises(ValueError, match="should be called on a list of inputs"):
        getattr(builder.layers, layer)()(builder.Input((3,)))


@pytest.mark.parametrize("layer", ["Dense", "Conv2D", "BatchNormalization"])
def test_a_feature_axis_must_be_known(layer: str) -> None:
    arguments = {"Dense": {"units": 2}, "Conv2D": {"filters": 2, "kernel_size": 1}, "BatchNormalization": {}}[layer]
    with pytest.raises(ValueError, match=r"must be known|should be defined"):
        getattr(builder.layers, layer)(**arguments)(builder.Input((None, None, None)))


@given(data=st.data())
@settings(max_examples=80, deadline=None, derandomize=True)
def test_any_window_gives_keras_shape_and_a_config_that_comes_back(data: st.DataObject) -> None:
    size = st.integers(1, 3)
    common: dict[str, Any] = {"padding": data.draw(st.sampled_from(["valid", "same"])), "strides": data.draw(st.tuples(size, size))}
    window = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    name, own = data.draw(
        st.sampled_from(
            [
                ("Conv2D", {"filters": 4, "kernel_size": window, "groups": 2}),
                ("Conv2D", {"filters": 2, "kernel_size": window, "strides": 1, "dilation_rate": common["strides"]}),
                ("MaxPooling2D", {"pool_size": window}),
                ("AveragePooling2D", {"pool_size": window}),
            ]
        )
    )
    arguments = {**common, **own, "name": "any"}
    height, width = data.draw(st.integers(12, 17)), data.draw(st.integers(12, 17))
    layer, expected = (getattr(package.layers, name)(**arguments) for package in (builder, keras))
    assert layer(builder.Input((height, width, 4))).shape == expected.compute_output_shape((None, height, width, 4))
    again = type(layer).from_config(json.loads(json.dumps(layer.get_config())))
    assert again.get_config() == layer.get_config()
    assert type(expected).from_config(layer.get_config()).get_config() == expected.get_config()


def test_what_matters_in_training_only_is_kept_in_the_config() -> None:
    arguments: dict[str, Any] = {"kernel_regularizer": "l2", "bias_constraint": None, "activity_regularizer": None}
    layer = builder.layers.Dense(2, **arguments)
    assert arguments.items() <= layer.get_config().items()
