"""The passes make a file small and never change an answer; what they leave is written here for a person to read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import builder
from builder import Input, Model, Sequential, layers
from builder.errors import NetworkError
from builder.graph import Array, Constant, Graph
from builder.passes import PASSES, optimize
from builder.proto import model_proto
from builder.runtime import Program
from tests.builder.conftest import Oracle
from tests.builder.networks import NETWORKS, assert_close, scatter_weights


def random_inputs(graph: Graph, rows: int = 2) -> list[Array]:
    generator = np.random.default_rng(5)
    shapes = [(rows, *value.spec.shape[1:]) for value in graph.inputs]
    return [generator.normal(size=shape).astype(np.float32) for shape in shapes]  # type: ignore[arg-type]


def run(graph: Graph) -> list[Array]:
    return Program(graph).run(random_inputs(graph))


def nodes(model: Any) -> list[str]:
    """The operators of the exported network, in order."""
    return [node.op for node in optimize(model.graph())[0].nodes()]


# What is left, to be read.


def conv_block(image: Any, **kwargs: Any) -> Any:
    x = layers.Conv2D(4, 3, padding="same", **kwargs)(image)
    return layers.ReLU()(layers.BatchNormalization()(x))


def image_classifier() -> Any:
    image = Input((8, 8, 3))
    x = layers.MaxPooling2D()(conv_block(image))
    return Model(image, layers.Dense(10, activation="softmax")(layers.Flatten()(x)))


def residual() -> Any:
    image = Input((8, 8, 4))
    entry = conv_block(image)
    x = layers.Add()([entry, conv_block(entry)])
    return Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))


def around_the_image() -> Any:
    image = Input((8, 8, 4))
    return Model(image, layers.GlobalAveragePooling2D()(layers.Add()([image, conv_block(image)])))


def branches() -> Any:
    image = Input((8, 8, 4))
    return Model(image, layers.Concatenate()([conv_block(image), layers.AveragePooling2D(3, 1, padding="same")(image)]))


def channels_first() -> Any:
    image = Input((3, 8, 8))
    x = layers.Conv2D(4, 3, data_format="channels_first")(image)
    return Model(image, layers.MaxPooling2D(data_format="channels_first")(layers.BatchNormalization(axis=1)(x)))


def shared() -> Any:
    x = Input((4,))
    dense = layers.Dense(4)
    return Model(x, dense(layers.ReLU()(dense(x))))


def dense_normalized() -> Any:
    return Sequential([Input((4,)), layers.Dense(3, use_bias=False), layers.BatchNormalization(), layers.Activation("gelu")])


def normalized_twice() -> Any:
    image = Input((8, 8, 3))
    x = layers.Conv2D(4, 3)(image)
    return Model(image, [layers.BatchNormalization()(x), layers.ReLU()(x)])


def flat_softmax() -> Any:
    return Sequential([Input((4, 4, 2)), layers.Conv2D(2, 1), layers.Softmax(), layers.Reshape((-1,))])


def dropped() -> Any:
    return Sequential([Input((4,)), layers.Dropout(0.5), layers.Flatten(), layers.Activation("linear"), layers.Dense(2)])


def limited() -> Any:
    return Sequential([Input((8, 8, 3)), layers.Conv2D(4, 3), layers.ReLU(6.0), layers.GlobalAveragePooling2D()])


def scaled_residual() -> Any:
    image = Input((8, 8, 4))
    x = layers.CustomScaleLayer(0.1)([image, layers.Conv2D(4, 1)(image)])
    return Model(image, layers.GlobalAveragePooling2D()(x))


def scaled_channels() -> Any:
    x = Input((8, 4))
    return Model(x, layers.LayerScale(0.1, 4)(layers.Dense(4)(x)))


def scaled_and_read_before() -> Any:
    x = Input((4,))
    y = layers.Dense(4)(x)
    return Model(x, [y, y * 0.5])


def scaled_from_outside() -> Any:
    x, gate = Input((4,)), Input((4,))
    return Model([x, gate], layers.Dense(4)(x) * gate)


def joined_twice() -> Any:
    x, y = Input((2,)), Input((3,))
    return Model([x, y], layers.Concatenate()([layers.Concatenate()([x, y]), y]))


def joined_along_two_axes() -> Any:
    x = Input((2, 3))
    return Model(x, layers.Concatenate(axis=1)([layers.Concatenate()([x, x]), layers.Concatenate()([x, x * 2.0])]))


GOLDENS = [
    pytest.param(limited, "Transpose Conv Clip ReduceMean", id="a rectifier with a limit"),
    pytest.param(scaled_residual, "Transpose Conv Add ReduceMean", id="a branch that is scaled"),
    pytest.param(scaled_channels, "MatMul Add", id="channels that are scaled"),
    pytest.param(scaled_and_read_before, "Gemm Mul", id="a product that is read before it is scaled"),
    pytest.param(scaled_from_outside, "Gemm Mul", id="a product that an input scales"),
    pytest.param(joined_twice, "Concat", id="what was joined and is joined again"),
    pytest.param(joined_along_two_axes, "Concat Mul Concat Concat", id="what was joined along another axis"),
    pytest.param(image_classifier, "Transpose Conv Relu MaxPool Flatten Gemm Softmax", id="an image classifier"),
    pytest.param(residual, "Transpose Conv Relu Conv Relu Add ReduceMean Gemm", id="a residual block"),
    pytest.param(around_the_image, "Transpose Conv Relu Add ReduceMean", id="a residual block around the image itself"),
    pytest.param(branches, "Transpose Conv Relu AveragePool Concat Transpose", id="branches that meet"),
    pytest.param(channels_first, "Conv MaxPool", id="channels first"),
    pytest.param(shared, "Gemm Relu Gemm", id="a layer called twice"),
    pytest.param(dense_normalized, "Gemm Gelu", id="a dense layer and its normalization"),
    pytest.param(
        normalized_twice,
        "Transpose Conv BatchNormalization Transpose Relu Transpose",
        id="a normalization that is not alone",
    ),
    pytest.param(flat_softmax, "Transpose Conv Softmax Transpose Reshape", id="a reshape that minds the order"),
    pytest.param(dropped, "Gemm", id="layers that do nothing"),
]


@pytest.mark.parametrize(("build", "expected"), GOLDENS)
def test_what_is_left_of_a_network(build: Callable[[], Any], expected: str) -> None:
    assert " ".join(nodes(build())) == expected


def test_without_any_pass_everything_is_still_there() -> None:
    plain, reports = optimize(image_classifier().graph(), without=PASSES)
    assert reports == []
    assert [node.op for node in plain.nodes()].count("Transpose") == 7
    assert "BatchNormalization" in [node.op for node in plain.nodes()]


# Laws.


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("left_out", [*([name] for name in PASSES), list(PASSES)], ids=lambda names: "all" if len(names) > 1 else names[0])
def test_a_pass_can_be_left_out_and_the_answers_stay(name: str, left_out: list[str]) -> None:
    graph = scatter_weights(NETWORKS[name](builder)).graph()
    optimized, reports = optimize(graph, left_out)
    assert [report.name for report in reports] == [name for name in PASSES if name not in left_out]
    assert_close(run(optimized), run(graph), 1e-5)


def test_a_pass_that_is_not_there_is_refused() -> None:
    with pytest.raises(NetworkError, match="there is no pass 'magic'; there are identities, constants"):
        optimize(shared().graph(), without=["magic"])


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_with_nothing_to_do_gives_back_the_very_graph(name: str, oracle: Oracle) -> None:
    done, _ = optimize(oracle.build(builder).graph())
    assert PASSES[name](done) is done


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_done_twice_is_done_once(name: str, oracle: Oracle) -> None:
    once = PASSES[name](oracle.build(builder).graph())
    assert PASSES[name](once) is once


@pytest.mark.parametrize("axes", [(1, 0, 2), (1, 2, 0)])
def test_halves_are_turned_in_32_bits_before_a_product(axes: tuple[int, ...]) -> None:
    """ONNX Runtime 1.32 ends the process where it meets them turned in 16."""
    x = Input((3, 4), dtype="float16", name="x")
    kernel = np.arange(12, dtype=np.float16).reshape((4, 3) if axes[-1] == 2 else (2, 6))
    outputs = builder.ops.matmul(builder.ops.transpose(x, axes), kernel)
    graph, reports = optimize(Model(x, outputs).graph())
    assert [report.name for report in reports if report.changed] == ["halves"]
    given_halves = np.arange(24, dtype=np.float16).reshape(2, 3, 4)
    np.testing.assert_array_equal(Program(graph).run([given_halves])[0], given_halves.transpose(axes) @ kernel)


def test_a_network_with_such_a_product_of_its_own_is_checked_against_what_it_was(tmp_path: Path) -> None:
    x = Input((3, 4), dtype="float16", name="x")
    model = Model(x, builder.ops.matmul(builder.ops.transpose(x, (1, 0, 2)), np.ones((4, 2), np.float16)))
    exported = model.export(tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(exported.path, providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": np.ones((2, 3, 4), np.float16)})[0].tolist() == np.full((3, 2, 2), 4).tolist()


def test_a_recurrent_network_in_16_bits_is_served(tmp_path: Path) -> None:
    x = Input((5, 3), name="x")
    model = Model(x, layers.Dense(2, name="dense")(layers.LSTM(4, return_sequences=True, name="lstm")(x)))
    written = model.export(tmp_path / "model.onnx", dtype="float16").path
    steps = np.ones((2, 5, 3), np.float32)
    (found,) = onnxruntime.InferenceSession(written).run(None, {"x": steps})
    assert_close([found], [model.predict(steps)], 1e-2)


def test_a_report_tells_what_changed() -> None:
    _, reports = optimize(image_classifier().graph())
    assert {report.name for report in reports if report.changed} == {"constants", "layout", "bias", "normalization"}
    assert (reports[0].before, reports[-1].after) == (16, 7)
    assert [report.after for report in reports[:-1]] == [report.before for report in reports[1:]]


def test_a_shared_weight_is_written_once() -> None:
    graph, _ = optimize(shared().graph())
    assert [node.op for node in graph.nodes()] == ["Gemm", "Relu", "Gemm"]
    assert len(model_proto(graph).graph.initializer) == 2


def test_equal_constants_become_one_and_equal_weights_do_not() -> None:
    x = Input((4,))
    first, second = layers.Dense(4, kernel_initializer="ones"), layers.Dense(4, kernel_initializer="ones")
    graph, _ = optimize(Model(x, second(first(x) + 2.0) + 2.0).graph())
    assert len(model_proto(graph).graph.initializer) == 5


def test_arrays_that_only_begin_alike_stay_two() -> None:
    one, other = np.zeros((40, 3), np.float32), np.zeros((40, 3), np.float32)
    other[-1] = 1
    x = Input((40,), name="x")
    products = [builder.ops.matmul(x, kernel) for kernel in (one, other, one.copy())]
    graph, _ = optimize(Model(x, products).graph())
    assert len({id(value) for node in graph.nodes() for value in node.inputs if isinstance(value, Constant)}) == 2
    assert [found.sum() for found in Program(graph).run([np.ones((1, 40), np.float32)])] == [0, 3, 0]


def test_nodes_that_compute_the_same_become_one() -> None:
    x = Input((4,))
    assert nodes(Model(x, layers.Add()([layers.ReLU()(x), layers.ReLU()(x)]))) == ["Relu", "Add"]


LAYERS = st.sampled_from(["conv", "norm", "relu", "gelu", "max", "average", "softmax", "residual", "join"])


def extended(draw: st.DrawFn, kind: str, x: Any, data_format: str) -> Any:
    """The tensor after one more layer, or a few."""
    axis = -1 if data_format == "channels_last" else 1
    window: dict[str, Any] = {"data_format": data_format, "padding": "same", "strides": draw(st.integers(1, 2))}
    pointwise = layers.Conv2D(4, 1, data_format=data_format)
    match kind:
        case "conv":
            return layers.Conv2D(4, draw(st.integers(1, 3)), use_bias=draw(st.booleans()), **window)(x)
        case "norm":
            return layers.BatchNormalization(axis=axis, scale=draw(st.booleans()))(x)
        case "relu":
            return layers.ReLU(draw(st.sampled_from([None, 6.0])))(x)
        case "gelu":
            return layers.Activation("gelu")(x)
        case "max":
            return layers.MaxPooling2D(2, **window)(x)
        case "average":
            return layers.AveragePooling2D(3, **window)(x)
        case "softmax":
            return layers.Softmax(axis=draw(st.sampled_from([1, 2, -1])))(x)
        case "residual":
            return layers.Add()([x, pointwise(x)])
        case _:
            return pointwise(layers.Concatenate(axis=axis)([x, layers.ReLU()(x)]))


@st.composite
def small_cnns(draw: st.DrawFn) -> Any:
    """An image network of a few layers, any of which may come after any other."""
    data_format = draw(st.sampled_from(["channels_last", "channels_first"]))
    x = image = Input((6, 7, 4) if data_format == "channels_last" else (4, 6, 7))
    for kind in draw(st.lists(LAYERS, min_size=1, max_size=6)):
        x = extended(draw, kind, x, data_format)
    pooled = layers.GlobalAveragePooling2D(data_format=data_format)(x)
    flat = layers.Dense(3)(layers.Flatten(data_format=data_format)(x))
    return Model(image, draw(st.sampled_from([flat, pooled, x, [x, flat]])))


@given(model=small_cnns())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_no_network_answers_otherwise_after_the_passes(model: Any) -> None:
    graph = scatter_weights(model).graph()
    optimized, _ = optimize(graph)
    assert len(optimized.nodes()) <= len(graph.nodes())
    assert_close(run(optimized), run(graph), 1e-4)
