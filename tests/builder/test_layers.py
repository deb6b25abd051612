"""Every layer, by a row or more of one table: it equals Keras's, its config comes back, and it exports.

A new layer is a class and a row here; `test_every_layer_has_a_row` fails without.
"""

import json
import re
from dataclasses import dataclass, field
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

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """A layer's arguments, and the shapes, without the batch, and the dtype of what it is called on."""

    layer: str
    arguments: dict[str, Any] = field(default_factory=dict)
    shapes: tuple[Shape, ...] = ((4,),)
    dtype: str = "float32"
    tolerance: float = 1e-5

    def make(self, package: Any) -> Any:
        return getattr(package.layers, self.layer)(**self.arguments)

    def network(self, package: Any, layer: Any) -> Any:
        """A model of this layer alone."""
        if self.layer == "InputLayer":
            return package.Model(layer.output, layer.output)
        inputs = [package.Input(shape, dtype=self.dtype, name=f"input_{index}") for index, shape in enumerate(self.shapes)]
        return package.Model(inputs, layer(inputs if self.layer in MERGING else inputs[0]))

    def sample(self, rows: int) -> Any:
        generator = np.random.default_rng(rows)
        arrays = [(generator.normal(size=(rows, *shape)) * 3).astype(self.dtype) for shape in self.shapes]
        return arrays if len(arrays) > 1 else arrays[0]


MERGING = ("Add", "Concatenate")

ROWS = {
    "an input": Row("InputLayer", {"shape": (3, 2), "name": "given"}, ((3, 2),)),
    "dense on rows": Row("Dense", {"units": 3}),
    "dense with an activation and no bias": Row("Dense", {"units": 3, "activation": "tanh", "use_bias": False}),
    "dense with a softmax": Row("Dense", {"units": 5, "activation": "softmax", "kernel_initializer": "he_normal"}),
    "dense on rank 3": Row("Dense", {"units": 5, "activation": "relu"}, ((3, 4),)),
    "dense on rank 4": Row("Dense", {"units": 2}, ((2, 3, 4),)),
    "dense on integers": Row("Dense", {"units": 2}, dtype="int32"),
    "dense in float16": Row("Dense", {"units": 3, "dtype": "float16"}, dtype="float16", tolerance=1e-2),
    "dense in float32 on float16": Row("Dense", {"units": 3}, dtype="float16"),
    "activation by name": Row("Activation", {"activation": "gelu"}),
    "activation that is linear": Row("Activation", {"activation": "linear"}),
    "activation in float16": Row("Activation", {"activation": "sigmoid", "dtype": "float16"}, dtype="float16", tolerance=2e-3),
    "relu": Row("ReLU", {}, ((5, 3),)),
    "relu up to six": Row("ReLU", {"max_value": 6.0}),
    "relu with a slope": Row("ReLU", {"negative_slope": 0.3}),
    "relu with a threshold": Row("ReLU", {"threshold": 1.0}),
    "relu with everything": Row("ReLU", {"max_value": 2.0, "negative_slope": 0.1, "threshold": 0.5}),
    "relu that gives zero": Row("ReLU", {"max_value": 0.0}),
    "relu on integers": Row("ReLU", {}, dtype="int32"),
    "softmax": Row("Softmax", {}, ((3, 5),)),
    "softmax over the first axis": Row("Softmax", {"axis": 1}, ((3, 5),)),
    "softmax over two axes": Row("Softmax", {"axis": (1, 2)}, ((3, 5),)),
    "softmax over two axes apart": Row("Softmax", {"axis": (1, -1)}, ((3, 5, 2),)),
    "softmax over two axes of many, in any order": Row("Softmax", {"axis": [-1, 2]}, ((2, 3, 4),)),
    "dropout": Row("Dropout", {"rate": 0.4, "seed": 3}),
    "dropout of everything": Row("Dropout", {"rate": 1.0}),
    "flatten": Row("Flatten", {}, ((3, 4, 2),)),
    "flatten of rank 1": Row("Flatten", {}, ((),)),
    "flatten of rank 2": Row("Flatten", {}, ((4,),)),
    "flatten with the channels first": Row("Flatten", {"data_format": "channels_first"}, ((3, 4, 2),)),
    "flatten of integers": Row("Flatten", {}, ((3, 2),), dtype="int32"),
    "reshape": Row("Reshape", {"target_shape": (3, 4)}, ((2, 6),)),
    "reshape with a size left open": Row("Reshape", {"target_shape": (-1, 4)}, ((2, 6),)),
    "reshape to one axis": Row("Reshape", {"target_shape": (-1,)}, ((2, 3, 2),)),
    "reshape to no axis": Row("Reshape", {"target_shape": ()}, ((1,),)),
    "convolution": Row("Conv2D", {"filters": 5, "kernel_size": 3}, ((7, 6, 3),)),
    "convolution padded by an even window": Row("Conv2D", {"filters": 2, "kernel_size": (2, 4), "padding": "same"}, ((5, 6, 3),)),
    "convolution of odd sizes in steps": Row("Conv2D", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}, ((7, 5, 3),)),
    "convolution of even sizes in steps": Row("Conv2D", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}, ((8, 6, 3),)),
    "convolution in steps larger than the window": Row(
        "Conv2D", {"filters": 2, "kernel_size": 1, "strides": 3, "padding": "same"}, ((7, 8, 2),)
    ),
    "convolution in uneven steps": Row("Conv2D", {"filters": 2, "kernel_size": (3, 2), "strides": (1, 2), "padding": "same"}, ((5, 7, 2),)),
    "convolution dilated": Row("Conv2D", {"filters": 4, "kernel_size": 3, "dilation_rate": 2}, ((9, 8, 2),)),
    "convolution dilated and padded": Row(
        "Conv2D", {"filters": 4, "kernel_size": (3, 2), "dilation_rate": (2, 3), "padding": "same"}, ((9, 8, 2),)
    ),
    "convolution in groups": Row("Conv2D", {"filters": 6, "kernel_size": 3, "groups": 2, "activation": "relu"}, ((6, 6, 4),)),
    "convolution of each channel": Row("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 4, "use_bias": False}, ((6, 6, 4),)),
    "convolution with the channels first": Row(
        "Conv2D", {"filters": 4, "kernel_size": 3, "data_format": "channels_first", "padding": "same", "strides": 2}, ((3, 7, 8),)
    ),
    "convolution in float16": Row("Conv2D", {"filters": 2, "kernel_size": 2, "dtype": "float16"}, ((4, 4, 2),), "float16", 2e-2),
    "convolution of integers": Row("Conv2D", {"filters": 2, "kernel_size": 2}, ((4, 4, 2),), "int32", 1e-4),
    "max pooling": Row("MaxPooling2D", {}, ((7, 6, 3),)),
    "max pooling padded": Row("MaxPooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, ((7, 6, 3),)),
    "max pooling that overlaps": Row("MaxPooling2D", {"pool_size": (3, 2), "strides": 1}, ((7, 6, 3),)),
    "max pooling with the channels first": Row("MaxPooling2D", {"pool_size": 2, "data_format": "channels_first"}, ((3, 7, 6),)),
    "average pooling": Row("AveragePooling2D", {"pool_size": 2}, ((7, 6, 3),)),
    "average pooling padded, which does not count": Row(
        "AveragePooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, ((7, 6, 3),)
    ),
    "average pooling padded by an even window": Row("AveragePooling2D", {"pool_size": 4, "strides": 1, "padding": "same"}, ((5, 5, 2),)),
    "average pooling with the channels first": Row(
        "AveragePooling2D", {"pool_size": (2, 3), "data_format": "channels_first"}, ((3, 7, 6),)
    ),
    "global average": Row("GlobalAveragePooling2D", {}, ((5, 4, 3),)),
    "global average that keeps axes": Row("GlobalAveragePooling2D", {"keepdims": True}, ((5, 4, 3),)),
    "global average with the channels first": Row("GlobalAveragePooling2D", {"data_format": "channels_first"}, ((3, 5, 4),)),
    "normalization of rows": Row("BatchNormalization", {}),
    "normalization of rank 3": Row("BatchNormalization", {"epsilon": 0.1}, ((5, 3),)),
    "normalization of images": Row("BatchNormalization", {}, ((5, 4, 3),)),
    "normalization of the first axis": Row("BatchNormalization", {"axis": 1}, ((3, 5, 4),)),
    "normalization of a middle axis": Row("BatchNormalization", {"axis": 2}, ((3, 5, 4),)),
    "normalization without a scale": Row("BatchNormalization", {"scale": False}, ((4, 3),)),
    "normalization without an offset": Row("BatchNormalization", {"center": False}),
    "normalization without either": Row("BatchNormalization", {"scale": False, "center": False}, ((4, 4, 2),)),
    "normalization in float16": Row("BatchNormalization", {"dtype": "float16"}, ((6,),), "float16", 2e-2),
    "normalization of integers": Row("BatchNormalization", {}, dtype="int32"),
    "sum": Row("Add", {}, ((4,), (4,), (4,))),
    "sum of one": Row("Add", {}, ((4,),)),
    "sum that is broadcast": Row("Add", {}, ((3, 4), (1, 4), (3, 1))),
    "sum of ranks that differ": Row("Add", {}, ((2, 3, 4), (4,))),
    "sum of three ranks": Row("Add", {}, ((4,), (2, 3, 4), (3, 4))),
    "sum of integers": Row("Add", {}, ((4,), (4,)), "int32"),
    "concatenation": Row("Concatenate", {}, ((3, 2), (3, 5))),
    "concatenation of one": Row("Concatenate", {}, ((3, 2),)),
    "concatenation along the first axis": Row("Concatenate", {"axis": 1}, ((3, 2), (1, 2), (4, 2))),
    "concatenation along an axis counted back": Row("Concatenate", {"axis": -2}, ((3, 2, 4), (3, 1, 4))),
}
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
    layers = {name for name, cls in REGISTRY.items() if not issubclass(cls, Model)}
    assert layers == {row.layer for row in ROWS.values()}


@pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match:UserWarning")  # a list of one, for a merging layer
@each_row
def test_a_layer_equals_that_of_keras(row: Row, layer: Layer) -> None:
    expected = row.make(keras)
    theirs, ours = row.network(keras, expected), row.network(builder, layer)
    theirs.set_weights(ours.get_weights())
    assert ours.output_shape == theirs.output_shape
    for rows in (1, 3):
        assert_close(answers(ours, row.sample(rows)), answers(theirs, row.sample(rows)), row.tolerance)


@each_row
def test_a_config_makes_an_equal_layer(row: Row, layer: Layer) -> None:
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    row.network(builder, again)
    again.set_weights(layer.get_weights())
    assert_close(run(row, again), run(row, layer), 0)


@each_row
def test_a_config_means_the_same_to_keras(row: Row, layer: Layer) -> None:
    expected = getattr(keras.layers, row.layer)(**{**row.arguments, "name": layer.name})
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
    given = [inputs] if row.layer in MERGING and len(row.shapes) == 1 else inputs
    assert_close([np.asarray(layer(given))], run(row, layer), row.tolerance)


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
        pytest.param(Row("Concatenate", {"axis": 1}, ((3, 2), (3, 4))), "matching shapes except for the concatenation axis", id="misfits"),
        pytest.param(Row("BatchNormalization", {"axis": 3}, ((4,),)), "axis 3", id="no such axis"),
        pytest.param(Row("Add", {}, ((3,), (4,))), "Add", id="sizes that do not broadcast"),
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
