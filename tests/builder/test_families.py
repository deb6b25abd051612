"""What a row of the layer table cannot say: masks, sizes that are free, files of Keras's, and calls that are refused.

The layers are those of convolution, pooling, normalization, activation, regularization, reshaping and merging.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest

import builder
from builder.errors import UnsupportedError
from tests.builder.networks import answers, assert_close, sample, scatter_weights

Build = Callable[[Any], Any]


def assert_as_keras(build: Build, inputs: Any) -> None:
    """Asserts that the network gives the same in both packages."""
    theirs, ours = build(keras), scatter_weights(build(builder))
    theirs.set_weights(ours.get_weights())
    assert_close(answers(ours, inputs), answers(theirs, inputs))


# Masks: step 2 of the first row, and all of the second, are only padding.

STEPS = np.asarray([[[1, 2], [3, -4], [0, 0], [-5, 6]], [[0, 0], [0, 0], [0, 0], [0, 0]], [[1, 0], [0, 1], [2, 2], [0, 0]]], np.float32)
OTHER = np.asarray([[[0, 0], [7, 8], [0, 0], [-9, 1]], [[1, 1], [0, 0], [0, 0], [2, 2]], [[0, 0], [0, 0], [3, 1], [0, 0]]], np.float32)


def masked(k: Any, name: str) -> tuple[Any, Any]:
    given = k.Input((4, 2), name=name)
    return given, k.layers.Masking(name=f"{name}_masked")(given)


def average_of(*layers: Callable[[Any], Any]) -> Build:
    """Layers that a mask must go through, and the average over the steps, which shows whether it did."""

    def build(k: Any) -> Any:
        given, x = masked(k, "steps")
        for layer in layers:
            x = layer(k)(x)
        return k.Model(given, k.layers.GlobalAveragePooling1D()(x + 1.0 if not layers else x))

    return build


THROUGH: dict[str, Callable[[Any], Any]] = {
    "Activation": lambda k: k.layers.Activation("sigmoid"),
    "ActivityRegularization": lambda k: k.layers.ActivityRegularization(0.1),
    "AlphaDropout": lambda k: k.layers.AlphaDropout(0.1),
    "BatchNormalization": lambda k: k.layers.BatchNormalization(),
    "Dropout": lambda k: k.layers.Dropout(0.1),
    "ELU": lambda k: k.layers.ELU(),
    "GaussianDropout": lambda k: k.layers.GaussianDropout(0.1),
    "GaussianNoise": lambda k: k.layers.GaussianNoise(0.1),
    "GroupNormalization": lambda k: k.layers.GroupNormalization(1),
    "LayerNormalization": lambda k: k.layers.LayerNormalization(),
    "LeakyReLU": lambda k: k.layers.LeakyReLU(),
    "PReLU": lambda k: k.layers.PReLU(),
    "ReLU": lambda k: k.layers.ReLU(),
    "SpatialDropout1D": lambda k: k.layers.SpatialDropout1D(0.1),
    "UnitNormalization": lambda k: k.layers.UnitNormalization(),
    # Without a mask of their own, so what follows takes all steps.
    "Conv1D": lambda k: k.layers.Conv1D(2, 1),
    "Cropping1D": lambda k: k.layers.Cropping1D(1),
    "MaxPooling1D": lambda k: k.layers.MaxPooling1D(),
    "Permute": lambda k: k.layers.Permute((2, 1)),
    "Reshape": lambda k: k.layers.Reshape((2, 4)),
    "RMSNormalization": lambda k: k.layers.RMSNormalization(),
    "UpSampling1D": lambda k: k.layers.UpSampling1D(),
    "ZeroPadding1D": lambda k: k.layers.ZeroPadding1D(),
}


@pytest.mark.filterwarnings("ignore:.*does not support masking:UserWarning")
@pytest.mark.parametrize("name", THROUGH)
def test_a_mask_goes_as_far_as_it_does_in_keras(name: str) -> None:
    assert_as_keras(average_of(THROUGH[name]), STEPS)


def test_an_average_over_no_step_is_no_number() -> None:
    def build(k: Any) -> Any:
        given, x = masked(k, "steps")
        return k.Model(given, [k.layers.GlobalAveragePooling1D()(x), k.layers.GlobalAveragePooling1D(keepdims=True)(x)])

    assert np.isnan(answers(build(builder), STEPS)[0][1]).all()
    assert_as_keras(build, STEPS)


MERGES: dict[str, Callable[[Any], Any]] = {
    "Add": lambda k: k.layers.Add(),
    "Average": lambda k: k.layers.Average(),
    "Maximum": lambda k: k.layers.Maximum(),
    "Minimum": lambda k: k.layers.Minimum(),
    "Multiply": lambda k: k.layers.Multiply(),
    "Subtract": lambda k: k.layers.Subtract(),
    "Concatenate": lambda k: k.layers.Concatenate(),
    "Concatenate along the steps": lambda k: k.layers.Concatenate(axis=1),
    "Dot": lambda k: k.layers.Dot(axes=2),
}


@pytest.mark.parametrize("both", [True, False], ids=["both have a mask", "one has a mask"])
@pytest.mark.parametrize("name", MERGES)
def test_masks_merge_as_in_keras(name: str, both: bool) -> None:
    def build(k: Any) -> Any:
        (a, x), (b, y) = masked(k, "a"), masked(k, "b")
        merged = MERGES[name](k)([x, y if both else b])
        return k.Model([a, b], [merged, k.layers.GlobalAveragePooling1D()(merged)])

    assert_as_keras(build, [STEPS, OTHER])


@pytest.mark.parametrize("axis", [-1, (1, 2)], ids=["one axis", "two axes"])
def test_a_softmax_is_zero_where_it_is_masked_and_in_rows_that_are(axis: Any) -> None:
    def build(k: Any) -> Any:
        scores, mask = k.Input((3, 2), name="scores"), k.Input((3, 2), dtype="bool", name="mask")
        return k.Model([scores, mask], k.layers.Softmax(axis=axis)(scores, mask=mask))

    keep = np.asarray([[[1, 0], [1, 1], [0, 0]], [[0, 0], [0, 0], [0, 0]]], bool)
    scores = np.random.default_rng(0).normal(size=(2, 3, 2)).astype(np.float32)
    (found,) = answers(build(builder), [scores, keep])
    assert not found[1].any()
    assert_as_keras(build, [scores, keep])


def test_a_mask_that_does_not_broadcast_is_refused() -> None:
    with pytest.raises(ValueError, match="must be broadcastable"):
        builder.layers.Softmax()(builder.Input((3, 2)), mask=builder.Input((3, 3), dtype="bool"))


# Sizes that are free.

FREE: dict[str, tuple[Build, tuple[int | None, ...]]] = {
    "convolution in steps": (lambda k: k.layers.Conv2D(2, 3, strides=2, padding="same"), (None, None, 3)),
    "depthwise convolution": (lambda k: k.layers.DepthwiseConv2D(3, padding="same"), (None, None, 3)),
    "depthwise convolution in steps, dilated": (
        lambda k: k.layers.DepthwiseConv2D(3, strides=2, dilation_rate=(2, 3), padding="same", depth_multiplier=2),
        (None, None, 3),
    ),
    "separable convolution": (lambda k: k.layers.SeparableConv2D(4, 3), (None, None, 3)),
    "transposed convolution": (lambda k: k.layers.Conv2DTranspose(4, 3, strides=2, padding="same"), (None, None, 3)),
    "causal convolution": (lambda k: k.layers.Conv1D(4, 3, padding="causal", dilation_rate=2), (None, 3)),
    "convolution in steps larger than the window": (lambda k: k.layers.Conv2D(2, 2, strides=(3, 1), padding="same"), (None, None, 3)),
    "max pooling in steps larger than the window": (lambda k: k.layers.MaxPooling2D(2, strides=3, padding="same"), (None, None, 3)),
    "average pooling of every third": (lambda k: k.layers.AveragePooling1D(1, strides=3, padding="same"), (None, 3)),
    "max pooling": (lambda k: k.layers.MaxPooling2D(3, strides=2, padding="same"), (None, None, 3)),
    "average pooling": (lambda k: k.layers.AveragePooling1D(3, padding="same"), (None, 3)),
    "global pooling": (lambda k: k.layers.GlobalMaxPooling2D(keepdims=True), (None, None, 3)),
    "group normalization": (lambda k: k.layers.GroupNormalization(2), (None, None, 4)),
    "group normalization with the channels first": (lambda k: k.layers.GroupNormalization(2, axis=1), (4, None, None)),
    "layer normalization": (lambda k: k.layers.LayerNormalization(), (None, 4)),
    "layer normalization over a free axis": (lambda k: k.layers.LayerNormalization(axis=1, center=False, scale=False), (None, 3)),
    "parametric relu": (lambda k: k.layers.PReLU(shared_axes=[1, 2]), (None, None, 3)),
    "padding": (lambda k: k.layers.ZeroPadding2D(2), (None, None, 3)),
    "cropping": (lambda k: k.layers.Cropping2D(((1, 0), (0, 2))), (None, None, 3)),
    "upsampling": (lambda k: k.layers.UpSampling2D((2, 3)), (None, None, 3)),
    "bilinear upsampling": (lambda k: k.layers.UpSampling2D(2, interpolation="bilinear"), (None, None, 3)),
    "upsampling of sequences": (lambda k: k.layers.UpSampling1D(3), (None, 2)),
    "flatten": (lambda k: k.layers.Flatten(), (None, 3)),
    "reshape": (lambda k: k.layers.Reshape((-1, 6)), (None, 3)),
    "permute": (lambda k: k.layers.Permute((2, 1)), (None, 3)),
}


@pytest.mark.parametrize("name", FREE)
def test_sizes_may_be_free(name: str, tmp_path: Path) -> None:
    make, shape = FREE[name]

    def build(k: Any) -> Any:
        given = k.Input(shape, name="given")
        return k.Model(given, make(k)(given), name="free")

    ours = scatter_weights(build(builder))
    theirs = build(keras)
    theirs.set_weights(ours.get_weights())
    assert ours.output_shape == theirs.output_shape
    ours.export(tmp_path / "free.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "free.onnx", providers=["CPUExecutionProvider"])
    for size in (6, 8):
        inputs = np.random.default_rng(size).normal(size=(2, *(size if dim is None else dim for dim in shape))).astype(np.float32)
        assert_close(session.run(None, {"given": inputs}), answers(theirs, inputs))


# Files of Keras's.


def wrapped(k: Any) -> Any:
    image = k.Input((6, 6, 3), name="image")
    x = k.layers.SpectralNormalization(k.layers.Conv2D(4, 3, name="inner"), name="outer")(image)
    x = k.layers.SpectralNormalization(k.layers.Dense(3, name="inner_dense"), power_iterations=2, name="outer_dense")(
        k.layers.Flatten(name="flat")(x)
    )
    return k.Model(image, x, name="wrapped")


def mobile(k: Any) -> Any:
    image = k.Input((12, 12, 3), name="image")
    x = k.layers.ZeroPadding2D(((0, 1), (0, 1)), name="pad")(image)
    x = k.layers.Conv2D(4, 3, strides=2, use_bias=False, name="conv")(x)
    x = k.layers.LeakyReLU(name="leaky")(k.layers.BatchNormalization(name="norm")(x))
    x = k.layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, name="depthwise")(x)
    x = k.layers.PReLU(shared_axes=[1, 2], name="prelu")(k.layers.GroupNormalization(2, name="group")(x))
    s = k.layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(x)
    x = k.layers.Multiply(name="excite")([x, k.layers.Dense(8, activation="sigmoid", name="gate")(s)])
    x = k.layers.SeparableConv2D(4, 3, name="separable")(x)
    x = k.layers.LayerNormalization(name="layer_norm")(k.layers.UpSampling2D(2, name="up")(x))
    x = k.layers.Conv2DTranspose(3, 3, strides=2, padding="same", name="transposed")(k.layers.Cropping2D(1, name="crop")(x))
    return k.Model(image, k.layers.RMSNormalization(name="rms")(k.layers.SpatialDropout2D(0.2, name="drop")(x)), name="mobile")


def rows_of_volumes(k: Any) -> Any:
    volume = k.Input((4, 4, 4, 2), name="volume")
    x = k.layers.Conv3D(3, 2, name="conv")(volume)
    x = k.layers.Conv3DTranspose(2, 2, strides=2, name="transposed")(k.layers.MaxPooling3D(2, 1, name="pool")(x))
    x = k.layers.AdaptiveAveragePooling3D((2, 3, 1), name="adaptive")(x)
    x = k.layers.Permute((2, 1, 3, 4), name="permute")(k.layers.UnitNormalization(name="unit")(x))
    return k.Model(volume, k.layers.GlobalAveragePooling3D(name="average")(x), name="rows_of_volumes")


@pytest.mark.parametrize("build", [wrapped, mobile, rows_of_volumes])
def test_a_file_of_keras_opens(build: Build, tmp_path: Path) -> None:
    theirs = scatter_weights(build(keras))
    theirs.save(tmp_path / "saved.keras")
    ours = builder.load_model(tmp_path / "saved.keras")
    inputs = sample(theirs)
    assert_close(answers(ours, inputs), answers(theirs, inputs))
    assert [weight.shape for weight in ours.weights] == [tuple(weight.shape) for weight in theirs.weights]


@pytest.mark.parametrize(
    ("layer", "older", "now"),
    [
        pytest.param("DepthwiseConv2D", {"kernel_size": 3, "groups": 1, "kernel_initializer": "zeros"}, {"kernel_size": 3}, id="depthwise"),
        pytest.param(
            "SeparableConv2D",
            {"filters": 2, "kernel_size": 3, "groups": 1, "kernel_constraint": None},
            {"filters": 2, "kernel_size": 3},
            id="separable",
        ),
        pytest.param("LeakyReLU", {"alpha": 0.2}, {"negative_slope": 0.2}, id="the slope"),
        pytest.param("BatchNormalization", {"axis": [3]}, {"axis": 3}, id="an axis in a list"),
        pytest.param("LayerNormalization", {"axis": [3]}, {"axis": 3}, id="an axis that Keras itself puts in a list"),
    ],
)
def test_a_config_of_before_means_what_it_meant(layer: str, older: dict[str, Any], now: dict[str, Any]) -> None:
    cls = getattr(builder.layers, layer)
    x = builder.Input((5, 5, 2))
    found, expected = cls.from_config({**older, "name": "one"}), cls(**now, name="one")
    assert found(x).shape == expected(x).shape
    assert [weight.shape for weight in found.weights] == [weight.shape for weight in expected.weights]


def test_a_scale_without_a_mean_is_still_what_old_files_ask_for() -> None:
    def build(k: Any) -> Any:
        given = k.Input((3, 4), name="given")
        return k.Model(given, k.layers.LayerNormalization.from_config({"axis": [-1], "rms_scaling": True, "name": "scaled"})(given))

    with pytest.warns(UserWarning, match="rms_scaling"):
        assert_as_keras(build, np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32))


# Refused.


@pytest.mark.parametrize(
    "make",
    [
        lambda: builder.layers.AlphaDropout(0.3),
        lambda: builder.layers.Dropout(0.3),
        lambda: builder.layers.GaussianDropout(0.3),
        lambda: builder.layers.GaussianNoise(0.3),
        lambda: builder.layers.SpatialDropout1D(0.3),
        lambda: builder.layers.SpectralNormalization(builder.layers.Dense(2)),
    ],
    ids=lambda make: type(make()).__name__,
)
def test_a_call_as_if_training_is_refused_by_name(make: Callable[[], Any], tmp_path: Path) -> None:
    given, layer = builder.Input((4, 2)), make()
    with pytest.raises(UnsupportedError, match=re.escape(f"{type(layer).__name__} is called with training=True")):
        builder.Model(given, layer(given, training=True)).export(tmp_path / "refused.onnx")


@pytest.mark.parametrize(
    ("layer", "arguments", "words"),
    [
        pytest.param("Conv1D", {"filters": 2, "kernel_size": 2, "padding": "full"}, "`padding`", id="no padding"),
        pytest.param(
            "Conv2DTranspose", {"filters": 2, "kernel_size": 2, "output_padding": 1}, "strictly less than `strides`", id="too much"
        ),
        pytest.param("DepthwiseConv2D", {"kernel_size": 2, "depth_multiplier": 0}, "`depth_multiplier`", id="no multiplier"),
        pytest.param("SeparableConv1D", {"filters": -1, "kernel_size": 2}, "`filters`", id="no filters"),
        pytest.param("DepthwiseConv2D", {"kernel_size": 2, "groups": 2}, "Unrecognized keyword arguments", id="groups of channels"),
        pytest.param("AdaptiveMaxPooling2D", {"output_size": (1, 2, 3)}, "`output_size`", id="three sizes"),
        pytest.param("GroupNormalization", {"groups": 0}, "argument `groups`", id="no groups"),
        pytest.param("LayerNormalization", {"axis": "last"}, "argument 'axis'", id="no axis"),
        pytest.param("UpSampling2D", {"interpolation": "area"}, "`interpolation`", id="no interpolation"),
        pytest.param("UpSampling1D", {"size": 0}, "positive integer", id="no size"),
        pytest.param("Permute", {"dims": (0, 1)}, "start from 1", id="axes from zero"),
        pytest.param("RepeatVector", {"n": True}, "positive integer", id="a flag"),
        pytest.param("Cropping2D", {"cropping": (1, 2, 3)}, "2 elements", id="three crops"),
        pytest.param("ZeroPadding3D", {"padding": "all"}, "should be either an int", id="words"),
        pytest.param("GaussianNoise", {"stddev": 2}, "`stddev`", id="loud"),
        pytest.param("Dropout", {"rate": 0.5, "noise_shape": (0,)}, "`noise_shape`", id="no noise"),
        pytest.param("ReLU", {"threshold": -1.0}, "threshold", id="below zero"),
        pytest.param("LeakyReLU", {"negative_slope": None}, "negative_slope", id="no slope"),
        pytest.param("Dot", {"axes": (1, 2, 3)}, "`axes`", id="three axes"),
        pytest.param("SpectralNormalization", {"layer": 3}, "isn't a supported layer type", id="no layer"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(layer: str, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        getattr(builder.layers, layer)(**arguments)


@pytest.mark.parametrize(
    ("layer", "arguments", "shapes", "words"),
    [
        pytest.param("Cropping1D", {"cropping": 2}, [(4, 1)], "should be smaller", id="all is cropped"),
        pytest.param("GroupNormalization", {"groups": 3}, [(4,)], "must be a multiple", id="groups that do not divide"),
        pytest.param("GroupNormalization", {}, [(4,)], "cannot be more than the number of channels", id="more groups than channels"),
        pytest.param("LayerNormalization", {"axis": 3}, [(4,)], "out of bounds", id="no such axis"),
        pytest.param("LayerNormalization", {"axis": 1}, [(None, 4)], "must be known", id="a free axis"),
        pytest.param("UnitNormalization", {"axis": 3}, [(4,)], "out of bounds", id="no such axis to be one over"),
        pytest.param("AdaptiveAveragePooling1D", {"output_size": 2}, [(None, 3)], "to be known", id="windows of a free size"),
        pytest.param("PReLU", {}, [(None, 3)], "must be known", id="a weight of a free size"),
        pytest.param("Subtract", {}, [(4,), (4,), (4,)], "exactly 2 inputs", id="three to subtract"),
        pytest.param("Dot", {"axes": 1}, [(4,), (3,)], "Incompatible input shapes", id="sizes that differ"),
        pytest.param("Dot", {"axes": 0}, [(4,), (4,)], "the batch", id="over the batch"),
        pytest.param("Conv1D", {"filters": 1, "kernel_size": 5}, [(4, 1)], "Computed output size would be zero", id="too short"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_by_name(layer: str, arguments: Any, shapes: list[Any], words: str) -> None:
    inputs = [builder.Input(shape) for shape in shapes]
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        getattr(builder.layers, layer)(**arguments, name="culprit")(inputs if len(inputs) > 1 else inputs[0])
    assert "'culprit'" in str(caught.value)


def test_lanczos_of_a_free_size_is_refused_with_the_fix(tmp_path: Path) -> None:
    image = builder.Input((None, None, 3))
    with pytest.raises(UnsupportedError, match="give the Input both"):
        builder.Model(image, builder.layers.UpSampling2D(interpolation="lanczos5")(image)).export(tmp_path / "refused.onnx")


def test_the_functions_of_merging_are_their_layers() -> None:
    a, b = builder.Input((3,)), builder.Input((3,))
    for name in ("add", "subtract", "multiply", "average", "maximum", "minimum", "concatenate", "dot"):
        merged = getattr(builder.layers, name)([a, b])
        assert type(merged.history.call.operation).__name__ == name.capitalize()
