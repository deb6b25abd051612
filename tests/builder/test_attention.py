"""Attention beyond a row of the table: masks from everywhere, rows that may look at nothing, scores, files, and the export."""

from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import onnx
import onnxruntime
import pytest

import builder
from builder.errors import UnsupportedError
from builder.graph import Array
from tests.builder.networks import answers, assert_close, scatter_weights
from tests.builder.test_masks import IDS, compare
from tests.builder.test_recurrent import loaded, operators

X = np.random.default_rng(0).normal(size=(6, 6, 4)).astype(np.float32)
Y = np.random.default_rng(1).normal(size=(6, 5, 4)).astype(np.float32)
# For each query what it may look at: some, nothing, all.
SEEN = np.random.default_rng(2).random((6, 6, 5)) < 0.5
SEEN[0, 2], SEEN[1], SEEN[2] = False, False, True

LAYERS: dict[str, tuple[str, dict[str, Any]]] = {
    "heads": ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3}),
    "heads with dropout": ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "dropout": 0.3}),
    "heads in groups": ("GroupQueryAttention", {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}),
    "heads in groups with dropout": (
        "GroupQueryAttention",
        {"head_dim": 3, "num_query_heads": 2, "num_key_value_heads": 1, "dropout": 0.3},
    ),
}
each_layer = pytest.mark.parametrize("kind", list(LAYERS))


def attention(k: Any, kind: str) -> Any:
    layer, arguments = LAYERS[kind]
    return getattr(k.layers, layer)(**arguments, name="attention")


@each_layer
@pytest.mark.parametrize("call", [{}, {"use_causal_mask": True}, {"return_attention_scores": True}])
def test_a_mask_that_is_given(kind: str, call: dict[str, Any]) -> None:
    """Rows that may look at nothing are a mean with dropout=0 and zeros without, which is how Keras has it."""

    def build(k: Any) -> Any:
        x, y, seen = k.Input((6, 4), name="x"), k.Input((5, 4), name="y"), k.Input((6, 5), dtype="bool", name="seen")
        outputs = attention(k, kind)(x, y, attention_mask=seen, **call)
        return k.Model([x, y, seen], list(outputs) if isinstance(outputs, list | tuple) else outputs)

    compare(build, X, Y, SEEN)


@pytest.mark.filterwarnings(r"ignore:[\s\S]*destroy the mask information:UserWarning")  # in groups, Keras's own projections do
@each_layer
@pytest.mark.parametrize("causal", [False, True])
def test_masks_that_tensors_bring_along(kind: str, causal: bool) -> None:
    def build(k: Any) -> Any:
        ids = k.Input((None,), dtype="int32", name="ids")
        x = k.layers.Embedding(8, 4, mask_zero=True, name="embedding")(ids)
        x = attention(k, kind)(x, x, use_causal_mask=causal)
        return k.Model(ids, k.layers.LSTM(3, return_sequences=True, name="lstm")(x))  # the queries' mask goes on

    compare(build, IDS)


@each_layer
def test_masks_that_are_named(kind: str) -> None:
    def build(k: Any) -> Any:
        x, y = k.Input((6, 4), name="x"), k.Input((5, 4), name="y")
        masks = [k.Input((size,), dtype="bool", name=name) for name, size in (("q", 6), ("v", 5), ("k", 5))]
        outputs = attention(k, kind)(x, y, query_mask=masks[0], value_mask=masks[1], key_mask=masks[2])
        return k.Model([x, y, *masks], outputs)

    compare(build, X, Y, IDS != 0, SEEN[:, 0], SEEN[:, 1])


@pytest.mark.parametrize("axes", [(1, 2), (2,)])
def test_a_mask_over_axes(axes: tuple[int, ...]) -> None:
    shape = (2, 3, 2, 3) if len(axes) == 2 else (2, 3, 3)
    seen = np.random.default_rng(4).random((6, *shape)) < 0.6

    def build(k: Any) -> Any:
        x, mask = k.Input((2, 3, 4), name="x"), k.Input(shape, dtype="bool", name="mask")
        layer = k.layers.MultiHeadAttention(2, 3, attention_axes=axes, name="attention")
        return k.Model([x, mask], layer(x, x, attention_mask=mask))

    compare(build, X[:, :, :4].reshape(6, 2, 3, 4), seen)


@pytest.mark.parametrize("time", [None, 600])
def test_a_long_past_is_no_constant(time: int | None, tmp_path: Path) -> None:
    def build(k: Any) -> Any:
        x = k.Input((time, 4), name="x")
        layer = k.layers.MultiHeadAttention(1, 2, sliding_window=3, name="attention")
        return k.Model(x, layer(x, x, use_causal_mask=True))

    long = np.random.default_rng(5).normal(size=(1, 600, 4)).astype(np.float32)
    compare(build, long)
    model = scatter_weights(build(builder))
    model.export(tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").stat().st_size < 20_000


@pytest.mark.parametrize("layer", ["Attention", "AdditiveAttention"])
@pytest.mark.parametrize("call", [{}, {"use_causal_mask": True}, {"return_attention_scores": True}])
def test_attention_without_heads_over_masks(layer: str, call: dict[str, Any]) -> None:
    def build(k: Any) -> Any:
        ids = k.Input((6,), dtype="int32", name="ids")
        x = k.layers.Embedding(8, 4, mask_zero=True, name="embedding")(ids)
        y = k.layers.Dense(4, name="dense")(x)
        outputs = getattr(k.layers, layer)(name="attention")([x, y], **call)
        outputs = list(outputs) if isinstance(outputs, list | tuple) else [outputs]
        return k.Model(ids, [k.layers.GRU(3, name="gru")(outputs[0]), *outputs])

    compare(build, IDS)


@pytest.mark.parametrize("causal", [False, True])
def test_the_function_is_that_of_keras(causal: bool) -> None:
    generator = np.random.default_rng(6)
    query, key, value = (generator.normal(size=(2, steps, heads, 3)).astype(np.float32) for steps, heads in ((4, 4), (5, 2), (5, 2)))
    bias, mask = generator.normal(size=(1, 4, 4, 5)).astype(np.float32), generator.random((2, 1, 4, 5)) < 0.6
    given: dict[str, Any] = {"bias": bias, "mask": mask, "is_causal": causal}
    found = builder.ops.dot_product_attention(query, key, value, **given)
    assert_close([np.asarray(found)], [np.asarray(keras.ops.dot_product_attention(query, key, value, **given))])


def transformer(k: Any) -> Any:
    """A small decoder, its embedding used in reverse at the end."""
    ids = k.Input((None,), dtype="int32", name="ids")
    words = k.layers.ReversibleEmbedding(8, 12, mask_zero=True, name="words")
    x = words(ids)
    for index in range(2):
        y = k.layers.LayerNormalization(name=f"norm_{index}")(x)
        y = k.layers.MultiHeadAttention(3, 4, dropout=0.1, name=f"attention_{index}")(y, y, use_causal_mask=True)
        x = k.layers.Add(name=f"around_{index}")([x, y])
        y = k.layers.LayerNormalization(name=f"inner_norm_{index}")(x)
        y = k.layers.Dense(12, name=f"down_{index}")(k.layers.Dense(24, activation="gelu", name=f"up_{index}")(y))
        x = k.layers.Add(name=f"sum_{index}")([x, y])
    return k.Model(ids, words(x, reverse=True), name="transformer")


def test_a_transformer_from_a_file(tmp_path: Path) -> None:
    theirs = transformer(keras)
    ours = loaded(theirs, tmp_path)
    assert_close(answers(ours, IDS), answers(theirs, IDS))


def test_a_transformer_is_products_of_matrices(tmp_path: Path) -> None:
    found = operators(scatter_weights(transformer(builder)), tmp_path)
    assert not {"Einsum", "Loop", "Scan"} & set(found)
    assert [found.count(op) for op in ("LayerNormalization", "Gelu", "Softmax", "MatMul")] == [4, 2, 2, 2 * 8 + 1]
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    assert session.get_outputs()[0].shape == ["batch", "ids_1", 8]


def heads(k: Any) -> Any:
    """Each way in which the weights of attention can lie in a file."""
    x = k.Input((6, 4), name="x")
    a = k.layers.MultiHeadAttention(2, 3, use_gate=True, output_shape=5, name="a")(x, x)
    b = k.layers.GroupQueryAttention(3, 4, 2, use_gate=True, name="b")(x, x, key=x)
    c = k.layers.AdditiveAttention(name="c")([x, b])
    d = k.layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de", name="d")(a)
    return k.Model(x, [c, d, k.layers.Attention(score_mode="concat", use_scale=True, name="e")([x, b])], name="heads")


def test_every_kind_of_attention_from_a_file(tmp_path: Path) -> None:
    theirs = heads(keras)
    ours = loaded(theirs, tmp_path)
    assert_close(answers(ours, X), answers(theirs, X))
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]


def test_weights_under_private_names_as_keras_3_0_0_wrote_them(tmp_path: Path) -> None:
    theirs = heads(keras)
    ours = loaded(theirs, tmp_path)
    for weight in ours.weights:
        weight.assign(np.zeros(weight.shape))
    theirs.save_weights(tmp_path / "old.weights.h5")
    with h5py.File(tmp_path / "old.weights.h5", "r+") as file:
        found: list[str] = []
        file.visit(lambda name: found.append(name) if name.endswith("_dense") else None)
        for name in found:
            file.move(name, name.replace("/query", "/_query").replace("/key", "/_key").replace("/value", "/_value"))
    ours.load_weights(tmp_path / "old.weights.h5")
    assert any("query_dense" in name for name in found)
    assert_close(answers(ours, X), answers(theirs, X))


def test_names_count_as_keras_counts_them() -> None:
    builder.naming.reset()
    layers = [builder.layers.GroupQueryAttention(2, 2, 1) for _ in range(2)]
    assert [layer.name for layer in layers] == ["grouped_query_attention", "grouped_query_attention_1"]


def test_scores_come_with_outputs_on_arrays() -> None:
    layer = builder.layers.MultiHeadAttention(2, 3)
    outputs, scores = layer(X, Y, return_attention_scores=True)
    weights: Array = np.asarray(scores)
    assert (outputs.shape, weights.shape) == ((6, 6, 4), (6, 2, 6, 5))
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)


def test_dropout_that_is_asked_for_is_named_when_exported(tmp_path: Path) -> None:
    x = builder.Input((6, 4), name="x")
    outputs = builder.layers.MultiHeadAttention(2, 3, dropout=0.5, name="forgetful")(x, x, training=True)
    with pytest.raises(UnsupportedError, match="'forgetful': MultiHeadAttention is called with training=True"):
        builder.Model(x, outputs).export(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(lambda layers: layers.MultiHeadAttention(0, 2), "invalid value for argument `num_heads`", id="no heads"),
        pytest.param(lambda layers: layers.MultiHeadAttention(2, 2.5), "invalid value for argument `key_dim`", id="no depth"),
        pytest.param(lambda layers: layers.MultiHeadAttention(2, 2, sliding_window=0), "`sliding_window` must be `None`", id="no window"),
        pytest.param(lambda layers: layers.GroupQueryAttention(2, 3, 2), "must be divisible by", id="odd groups"),
        pytest.param(lambda layers: layers.Attention(score_mode="max"), "Invalid value for argument score_mode", id="no score"),
        pytest.param(lambda layers: layers.Embedding(0, 2), "`input_dim` must be a positive integer", id="no words"),
        pytest.param(lambda layers: layers.Lambda(3), "must be a function", id="no function"),
        pytest.param(lambda layers: layers.Wrapper(3), "isn't a supported layer type", id="nothing to wrap"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make(builder.layers)


def test_inputs_that_do_not_fit_are_refused() -> None:
    layers, x, y = builder.layers, builder.Input((6, 4)), builder.Input((5, 4))
    with pytest.raises(ValueError, match="All dimensions of `value` and `key`"):
        layers.MultiHeadAttention(2, 3)(x, x, key=y)
    with pytest.raises(ValueError, match="must be called on a list of inputs"):
        layers.Attention()(x)
    for equation, shape, words in (
        ("ab,bc,cd->ad", 3, "Invalid einsum equation"),
        ("abc,cd->abe", (6, 3), "no corresponding dim"),
        ("abc,cd->abd", (2, 3), "do not match at shared dimension 'b'"),
        ("ab,bc->ac", 3, "does not fit inputs of rank 3"),
    ):
        with pytest.raises(ValueError, match=words):
            layers.EinsumDense(equation, shape)(x)


def test_a_lambda_that_brings_its_code_is_refused() -> None:
    config = keras.layers.Lambda(lambda x: x * 2, name="mine").get_config()
    with pytest.raises(UnsupportedError, match="'mine' is a Lambda layer: its Python code comes with the file"):
        builder.layers.Lambda.from_config(config)


def test_a_function_may_have_a_use_for_the_mask() -> None:
    def build(k: Any) -> Any:
        def hidden(x: Any, mask: Any = None) -> Any:
            return x * k.ops.expand_dims(k.ops.cast(mask, "float32"), -1)

        ids = k.Input((6,), dtype="int32", name="ids")
        x = k.layers.Embedding(8, 3, mask_zero=True, name="embedding")(ids)
        x = k.layers.Lambda(hidden, output_shape=(6, 3), mask=lambda inputs, mask: mask, name="hidden")(x)
        return k.Model(ids, k.layers.LSTM(3, return_sequences=True, name="lstm")(x))

    compare(build, IDS)


def test_sizes_that_a_dense_equation_leaves_open() -> None:
    """Keras knows nothing of the axis then; ONNX still does."""
    layer = builder.layers.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d")
    assert layer(builder.Input((3, 4))).shape == (None, 3, 5)


def test_onnx_checks_what_was_exported(tmp_path: Path) -> None:
    scatter_weights(heads(builder)).export(tmp_path / "model.onnx")
    onnx.checker.check_model(onnx.load(tmp_path / "model.onnx"), full_check=True)
