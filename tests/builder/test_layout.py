"""Layout in the blocks that image networks are made of: what is left of each is written here for a person to read."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder import Input, Model, layers
from builder.passes import optimize
from builder.passes.layout import sink_transposes
from builder.runtime import Program
from tests.builder.networks import assert_close, scatter_weights


def nodes(model: Any) -> list[str]:
    """The operators of the exported network, in order."""
    return [node.op for node in optimize(model.graph())[0].nodes()]


def assert_same_answers(model: Any) -> None:
    """Asserts that the passes change no answer, whatever the weights."""
    graph = scatter_weights(model).graph()
    generator = np.random.default_rng(5)
    inputs = [generator.normal(size=(2, *value.spec.shape[1:])).astype(np.float32) for value in graph.inputs]
    assert_close(Program(optimize(graph)[0]).run(inputs), Program(graph).run(inputs), 1e-4)


def normed(x: Any, filters: int, window: int, **kwargs: Any) -> Any:
    return layers.BatchNormalization()(layers.Conv2D(filters, window, use_bias=False, **kwargs)(x))


def mobilenet() -> Any:
    """Depthwise and pointwise convolutions, padded on one side before steps of two; raw images in."""
    image = Input((9, 9, 3))
    x = layers.ReLU(6.0)(normed(image, 4, 3, strides=2, padding="same"))
    x = layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
    x = layers.DepthwiseConv2D(3, strides=2, use_bias=False)(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    x = layers.ReLU(6.0)(normed(x, 6, 1))
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Conv2D(5, 1)(layers.Dropout(0.1)(x))
    return Model(image, layers.Softmax()(layers.Reshape((5,))(x)))


def inverted_residual() -> Any:
    image = Input((6, 6, 4))
    x = layers.ReLU(6.0)(normed(image, 8, 1))
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    return Model(image, layers.GlobalAveragePooling2D()(layers.Add()([image, normed(x, 4, 1)])))


def resnet() -> Any:
    """A stem that pads by hand, and a block with a convolution on its shortcut."""
    image = Input((12, 12, 3))
    x = layers.ReLU()(normed(layers.ZeroPadding2D(3)(image), 4, 7, strides=2))
    x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
    shortcut = normed(x, 8, 1)
    x = layers.ReLU()(normed(x, 4, 1))
    x = normed(layers.ReLU()(normed(x, 4, 3, padding="same")), 8, 1)
    x = layers.ReLU()(layers.Add()([shortcut, x]))
    return Model(image, layers.Dense(5)(layers.GlobalAveragePooling2D()(x)))


def resnet_v2() -> Any:
    """The normalization comes first, and the shortcut is a pool."""
    image = Input((8, 8, 4))
    x = layers.Conv2D(4, 3, padding="same")(image)
    before = layers.ReLU()(layers.BatchNormalization()(x))
    y = layers.Conv2D(4, 3, strides=2)(layers.ZeroPadding2D()(before))
    x = layers.Add()([layers.MaxPooling2D(1, strides=2)(x), y])
    return Model(image, layers.GlobalMaxPooling2D()(layers.ReLU()(layers.BatchNormalization()(x))))


def densenet() -> Any:
    image = Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same")(image)
    for _ in range(2):
        y = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.Concatenate()([x, layers.Conv2D(2, 3, padding="same", use_bias=False)(y)])
    x = layers.AveragePooling2D()(layers.Conv2D(4, 1)(x))
    return Model(image, layers.Flatten()(layers.GlobalAveragePooling2D()(x)))


def efficientnet() -> Any:
    """Squeeze and excite by convolutions of one pixel."""
    image = Input((8, 8, 4))
    x = layers.Activation("silu")(normed(image, 6, 3, padding="same"))
    s = layers.Reshape((1, 1, 6))(layers.GlobalAveragePooling2D()(x))
    s = layers.Conv2D(6, 1, activation="sigmoid")(layers.Conv2D(2, 1, activation="silu")(s))
    x = normed(layers.Multiply()([x, s]), 4, 1)
    return Model(image, layers.GlobalAveragePooling2D()(layers.Add()([x, image])))


def squeeze_by_dense_layers(kept: bool) -> Any:
    image = Input((8, 8, 3))
    x = layers.Conv2D(6, 3, activation="relu")(image)
    s = layers.GlobalAveragePooling2D(keepdims=kept)(x)
    s = s if kept else layers.Reshape((1, 1, 6))(s)
    s = layers.Dense(6, activation="hard_sigmoid")(layers.Dense(2, activation="relu")(s))
    x = layers.Conv2D(4, 3)(layers.Multiply()([x, s]))
    return Model(image, layers.GlobalAveragePooling2D()(x))


def convnext() -> Any:
    """Dense layers on channels, normalized: these want the channels last, the convolutions have them first."""
    image = Input((8, 8, 3))
    x = layers.Conv2D(4, 2, strides=2)(image)
    for _ in range(2):
        y = layers.LayerNormalization(epsilon=1e-6)(layers.DepthwiseConv2D(3, padding="same")(x))
        x = layers.Add()([x, layers.Dense(4)(layers.Dense(8, activation="gelu")(y))])
    return Model(image, layers.GlobalAveragePooling2D()(layers.Conv2D(4, 2)(x)))


def unet() -> Any:
    """Down and up again, with what was before put next to it."""
    image = Input((8, 8, 3))
    skip = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(layers.MaxPooling2D()(skip))
    x = layers.Conv2DTranspose(4, 2, strides=2)(layers.BatchNormalization()(layers.Conv2DTranspose(3, 1, use_bias=False)(x)))
    x = layers.Concatenate()([layers.UpSampling2D(2)(layers.MaxPooling2D()(skip)), layers.PReLU(shared_axes=[1, 2])(x), skip])
    return Model(image, layers.Conv2D(1, 1, activation="sigmoid")(layers.Cropping2D(1)(x)))


def grouped() -> Any:
    image = Input((8, 8, 3))
    x = layers.GroupNormalization(2)(layers.SeparableConv2D(4, 3)(image))
    x = layers.LeakyReLU()(x)
    return Model(image, layers.Dense(2)(layers.Flatten()(layers.Conv2D(4, 3)(layers.UpSampling2D(2, interpolation="bilinear")(x)))))


def image_itself() -> Any:
    """What is done to the image before and next to the convolutions."""
    image = Input((8, 8, 4))
    x = layers.Concatenate()([image, layers.Conv2D(2, 3, padding="same")(image), layers.AveragePooling2D(3, 1, padding="same")(image)])
    return Model(image, layers.GlobalMaxPooling2D()(layers.Conv2D(2, 3)(x)))


def sequences() -> Any:
    steps = Input((12, 3))
    x = layers.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu")(steps)
    x = layers.MaxPooling1D()(layers.BatchNormalization()(layers.Conv1D(4, 3, padding="same")(x)))
    return Model(
        steps, layers.GlobalMaxPooling1D()(layers.Add()([x, layers.DepthwiseConv1D(3, padding="same")(layers.ZeroPadding1D(0)(x))]))
    )


def volumes() -> Any:
    volume = Input((6, 6, 6, 1))
    x = layers.MaxPooling3D()(layers.Conv3D(2, 3, padding="same", activation="relu")(volume))
    return Model(volume, layers.GlobalAveragePooling3D()(layers.UpSampling3D(2)(layers.ZeroPadding3D(1)(layers.Conv3D(2, 1)(x)))))


def normalized_sequence() -> Any:
    """No convolution, so nothing is turned."""
    steps = Input((5, 3))
    return Model(steps, layers.BatchNormalization()(layers.Dense(4)(steps)))


GOLDENS = [
    pytest.param(mobilenet, "Transpose Conv Clip Conv Clip Conv Clip ReduceMean Conv Reshape Softmax", id="MobileNet"),
    pytest.param(inverted_residual, "Transpose Conv Clip Conv Clip Conv Add ReduceMean", id="MobileNetV2 around the image"),
    pytest.param(resnet, "Transpose Conv Relu MaxPool Conv Conv Relu Conv Relu Conv Add Relu ReduceMean Gemm", id="ResNet"),
    pytest.param(resnet_v2, "Transpose Conv MaxPool BatchNormalization Relu Conv Add BatchNormalization Relu ReduceMax", id="ResNetV2"),
    pytest.param(
        densenet,
        "Transpose Conv BatchNormalization Relu Conv Concat BatchNormalization Relu Conv Concat Conv AveragePool ReduceMean",
        id="DenseNet",
    ),
    pytest.param(
        efficientnet,
        "Transpose Conv Sigmoid Mul ReduceMean Reshape Conv Sigmoid Mul Conv Sigmoid Mul Conv Add ReduceMean",
        id="EfficientNet",
    ),
    pytest.param(
        lambda: squeeze_by_dense_layers(True),
        "Transpose Conv Relu ReduceMean Reshape MatMul Add Relu MatMul Add HardSigmoid Reshape Mul Conv ReduceMean",
        id="squeeze and excite by dense layers",
    ),
    pytest.param(
        lambda: squeeze_by_dense_layers(False),
        "Transpose Conv Relu ReduceMean Reshape MatMul Add Relu MatMul Add HardSigmoid Reshape Mul Conv ReduceMean",
        id="squeeze and excite by dense layers and a reshape",
    ),
    pytest.param(
        convnext,
        "Transpose Conv"
        " Conv Transpose LayerNormalization MatMul Add Gelu MatMul Add Transpose Add"
        " Conv Transpose LayerNormalization MatMul Add Gelu MatMul Add Transpose Add"
        " Conv ReduceMean",
        id="ConvNeXt",
    ),
    pytest.param(
        unet, "Transpose Conv Relu MaxPool Resize Conv Relu ConvTranspose ConvTranspose PRelu Concat Slice Conv Sigmoid Reshape", id="U-Net"
    ),
    pytest.param(
        grouped,
        "Transpose Conv Conv Reshape InstanceNormalization Reshape Mul Add LeakyRelu Resize Conv Flatten Gemm",
        id="group normalization and a resize",
    ),
    pytest.param(image_itself, "Transpose Conv AveragePool Concat Conv ReduceMax", id="the image itself among branches"),
    pytest.param(sequences, "Transpose Conv Relu Conv MaxPool Conv Add ReduceMax", id="sequences"),
    pytest.param(volumes, "Reshape Conv Relu MaxPool Conv Pad Resize ReduceMean", id="volumes"),
    pytest.param(normalized_sequence, "MatMul Add Add", id="a normalization without a convolution"),
]


@pytest.mark.parametrize(("build", "expected"), GOLDENS)
def test_what_is_left_of_a_block(build: Callable[[], Any], expected: str) -> None:
    assert " ".join(nodes(build())) == expected


@pytest.mark.parametrize(("build", "expected"), GOLDENS)
def test_a_block_answers_as_before(build: Callable[[], Any], expected: str) -> None:
    assert_same_answers(build())


@pytest.mark.parametrize(("build", "expected"), GOLDENS)
def test_the_layout_of_a_block_is_settled_at_once(build: Callable[[], Any], expected: str) -> None:
    graph = sink_transposes(optimize(build().graph(), without=["layout"])[0])
    assert sink_transposes(graph) is graph
    done, _ = optimize(build().graph())
    assert sink_transposes(done) is done


def test_padding_that_a_pool_must_see_stays() -> None:
    image = Input((6, 6, 2))
    x = layers.Conv2D(2, 3)(image)
    assert "Pad" in nodes(Model(image, layers.MaxPooling2D(2)(layers.ZeroPadding2D(1)(x))))  # zero may be the largest
    wide = layers.MaxPooling2D(2)(layers.ZeroPadding2D(2)(layers.ReLU()(x)))  # a window of zeros only
    assert "Pad" in nodes(Model(image, wide))
    assert "Pad" in nodes(Model(image, layers.AveragePooling2D(2)(layers.ZeroPadding2D(1)(x))))  # zeros count in a mean
    assert_same_answers(Model(image, [wide, layers.MaxPooling2D(3)(layers.ZeroPadding2D(1)(layers.ReLU()(x)))]))


Draw = st.DrawFn


def excited(draw: Draw, x: Any, image: Any) -> Any:
    s = layers.GlobalAveragePooling2D(keepdims=draw(st.booleans()))(x)
    s = s if len(s.shape) == 4 else layers.Reshape((1, 1, x.shape[-1]))(s)
    gate = draw(st.sampled_from([layers.Dense(x.shape[-1]), layers.Conv2D(x.shape[-1], 1)]))
    return layers.Multiply()([x, gate(s)])


def joined(draw: Draw, x: Any, image: Any) -> Any:
    return layers.Concatenate(axis=draw(st.sampled_from([-1, 1, 2])))([x, layers.Conv2D(x.shape[-1], 1)(x)])


def joined_with_the_image(draw: Draw, x: Any, image: Any) -> Any:
    return layers.Concatenate()([x, image]) if x.shape[1:3] == image.shape[1:3] else layers.Average()([x, layers.ReLU()(x)])


def upsampled(draw: Draw, x: Any, image: Any) -> Any:
    return layers.UpSampling2D((1, 2), interpolation=draw(st.sampled_from(["nearest", "bilinear", "lanczos3"])))(x)


def over(draw: Draw, *axes: Any) -> Any:
    return draw(st.sampled_from(axes))


# What may be done to a tensor, by a layer or a few.
KINDS: list[Callable[[Draw, Any, Any], Any]] = [
    excited,
    joined,
    joined_with_the_image,
    upsampled,
    lambda draw, x, _: layers.Conv2D(3, draw(st.integers(1, 3)), padding="same", strides=draw(st.integers(1, 2)))(x),
    lambda draw, x, _: layers.DepthwiseConv2D(2, padding="same", use_bias=draw(st.booleans()))(x),
    lambda draw, x, _: layers.SeparableConv2D(2, 2, padding="same")(x),
    lambda draw, x, _: layers.Conv2DTranspose(2, 3, padding="same", use_bias=draw(st.booleans()))(x),
    lambda draw, x, _: layers.ZeroPadding2D(((1, 0), (0, 1)))(x),
    lambda draw, x, _: layers.Cropping2D(((0, 1), (0, 0)))(layers.ZeroPadding2D(1)(x)),
    lambda draw, x, _: layers.BatchNormalization(axis=over(draw, -1, 1))(x),
    lambda draw, x, _: layers.LayerNormalization(axis=over(draw, -1, (1, 2, 3), 1, (1, 2)))(x),
    lambda draw, x, _: layers.GroupNormalization(-1)(x),
    lambda draw, x, _: layers.PReLU(shared_axes=over(draw, None, (1, 2), (1,)))(x),
    lambda draw, x, _: layers.Dense(3)(x),
    lambda draw, x, _: layers.Add()([x, layers.Conv2D(x.shape[-1], 1)(x)]),
    lambda draw, x, _: layers.Add()([x, layers.Dense(x.shape[-1])(layers.GlobalMaxPooling2D()(x))]),
    lambda draw, x, _: layers.Maximum()([layers.Permute((2, 1, 3))(layers.Permute((2, 1, 3))(x)), layers.ReLU()(x)]),
    lambda draw, x, _: layers.Permute((2, 1, 3))(x),
    lambda draw, x, _: layers.Softmax(axis=over(draw, 1, -1, (1, 2)))(x),
    lambda draw, x, _: layers.UnitNormalization(axis=over(draw, -1, (1, 3)))(x),
    lambda draw, x, _: layers.MaxPooling2D(2, 1, padding="same")(layers.ReLU()(x)),
]


@st.composite
def image_networks(draw: st.DrawFn) -> Any:
    """A network of a few layers, any of which may come after any other."""
    x = image = Input((5, 4, 2))
    for extend in draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=6)):
        x = extend(draw, x, image)
    flat = layers.Dense(3)(layers.Flatten()(x))
    return Model(image, draw(st.sampled_from([flat, layers.GlobalAveragePooling2D()(x), x, [x, flat]])))


@given(model=image_networks())
@settings(max_examples=80, deadline=None, derandomize=True)
def test_no_network_answers_otherwise_after_the_passes(model: Any) -> None:
    assert_same_answers(model)
    done, _ = optimize(model.graph())
    assert sink_transposes(done) is done
