"""Models that Keras quantized, and models that are quantized here: Keras's numbers in Keras's files, and small files of ONNX."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest

import builder
from builder.dtype_policy import DTypePolicy
from builder.errors import ModelFileError, NetworkError, UnsupportedError
from builder.graph import Array
from tests.builder.networks import answers, scatter_weights

ROUNDING = 1e-6  # of float32, relative to the largest output; the products of int8 are exact
quantizers = keras.quantizers


# A layer, its arguments, what it is called on, and how.
LAYERS: dict[str, tuple[str, dict[str, Any], tuple[int, ...], str, dict[str, Any]]] = {
    "dense_on_rows": ("Dense", {"units": 3}, (5,), "float32", {}),
    "dense_on_rank_4": ("Dense", {"units": 3, "activation": "tanh"}, (2, 3, 5), "float32", {}),
    "dense_without_bias": ("Dense", {"units": 4, "use_bias": False, "activation": "relu"}, (3, 5), "float32", {}),
    "dense_on_many": ("Dense", {"units": 33}, (300,), "float32", {}),
    "einsum_of_a_sequence": ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": (3, 5), "bias_axes": "d"}, (3, 4), "float32", {}),
    "einsum_into_heads": (
        "EinsumDense",
        {"equation": "abc,cde->abde", "output_shape": (5, 2, 3), "bias_axes": "de"},
        (5, 4),
        "float32",
        {},
    ),
    "out_of_heads": (
        "EinsumDense",
        {"equation": "abcd,cde->abe", "output_shape": (5, 6), "bias_axes": "e"},
        (5, 2, 3),
        "float32",
        {},
    ),
    "by_head": (
        "EinsumDense",
        {"equation": "abcd,cde->abce", "output_shape": (4, 2, 5), "bias_axes": "ce"},
        (4, 2, 3),
        "float32",
        {},
    ),
    "einsum_by_row": ("EinsumDense", {"equation": "abc,bcd->abd", "output_shape": (3, 5)}, (3, 4), "float32", {}),
    "einsum_out_of_order": ("EinsumDense", {"equation": "abc,dc->adb", "output_shape": (5, 3), "bias_axes": "d"}, (3, 4), "float32", {}),
    "einsum_that_sums": ("EinsumDense", {"equation": "abc,cd->ad", "output_shape": 5}, (3, 4), "float32", {}),
    "einsum_that_scales": ("EinsumDense", {"equation": "abc,c->abc", "output_shape": (3, 4), "bias_axes": "c"}, (3, 4), "float32", {}),
    "embedding": ("Embedding", {"input_dim": 9, "output_dim": 5, "mask_zero": True}, (4,), "int32", {}),
    "reversible": ("ReversibleEmbedding", {"input_dim": 9, "output_dim": 5}, (4,), "int32", {}),
    "reversed": ("ReversibleEmbedding", {"input_dim": 9, "output_dim": 5, "logit_soft_cap": 3.0}, (4, 5), "float32", {"reverse": True}),
    "reversed_by_a_table": (
        "ReversibleEmbedding",
        {"input_dim": 9, "output_dim": 5, "tie_weights": False},
        (4, 5),
        "float32",
        {"reverse": True},
    ),
}


def everything(k: Any) -> Any:
    """A model of each of them, side by side."""
    inputs = [k.Input(shape, dtype=dtype, name=f"{name}_in") for name, (_, _, shape, dtype, _) in LAYERS.items()]
    outputs = [
        getattr(k.layers, layer)(**arguments, name=name)(x, **call)
        for x, (name, (layer, arguments, _, _, call)) in zip(inputs, LAYERS.items(), strict=True)
    ]
    return k.Model(inputs, outputs, name="everything")


def transformer(k: Any) -> Any:
    """Every way in which a quantized layer lies in another."""
    ids = k.Input((5,), dtype="int32", name="ids")
    table = k.layers.ReversibleEmbedding(11, 6, name="table")
    x = table(ids)
    x = k.layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    x = k.layers.Dense(6, activation="gelu", name="inner")(x)
    inner_in = k.Input((5, 6), name="inner_in")
    inner = k.Model(inner_in, k.layers.EinsumDense("abc,cd->abd", (None, 6), bias_axes="d", name="mixed")(inner_in), name="nested")
    return k.Model(ids, table(inner(x), reverse=True), name="transformer")


CONFIGS = {
    "int8": quantizers.Int8QuantizationConfig(),
    "int8 of weights alone": quantizers.Int8QuantizationConfig(activation_quantizer=None),
    "int4 by blocks": quantizers.Int4QuantizationConfig(block_size=2),
    "int4 by columns": quantizers.Int4QuantizationConfig(block_size=None),
    "int4 with int8": quantizers.Int4QuantizationConfig(block_size=-1, activation_quantizer=quantizers.AbsMaxQuantizer()),
}


def given(model: Any, seed: int = 3) -> list[Array]:
    """Inputs of any sign; ids of rows that every table has."""
    generator = np.random.default_rng(seed)
    shapes = [(6, *tensor.shape[1:]) for tensor in model.inputs]
    return [
        generator.normal(size=shape).astype(np.float32) * 2 if "float" in str(tensor.dtype) else generator.integers(0, 9, shape, np.int32)
        for shape, tensor in zip(shapes, model.inputs, strict=True)
    ]


def opened(theirs: Any, directory: Path) -> Any:
    theirs.save(directory / "model.keras")
    return builder.load_model(directory / "model.keras")


def expected_of(model: Any, inputs: list[Array]) -> list[Array]:
    """What a model of Keras answers, compiled whole: that is quicker than one operation after the other."""
    outputs = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    return outputs if isinstance(outputs, list) else [outputs]


def assert_same(ours: Any, theirs: Any, tolerance: float = ROUNDING) -> None:
    inputs = given(theirs)
    x = inputs if len(inputs) > 1 else inputs[0]
    for name, found, expected in zip(theirs.output_names, answers(ours, x), expected_of(theirs, inputs), strict=True):
        assert (name, found.shape, found.dtype) == (name, expected.shape, expected.dtype)
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * float(np.abs(expected).max()), err_msg=name)


UNQUANTIZED = pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method implemented")


def some(names: Iterable[str], *often: str) -> list[Any]:
    """Those that are tried every time; the others take Keras a quarter of a minute each, and prove what the parity run does."""
    return [pytest.param(name, marks=() if name in often else pytest.mark.parity) for name in names]


@UNQUANTIZED
@pytest.mark.parametrize("config", some(CONFIGS, "int8"))
def test_layers_that_keras_quantized_answer_as_there(config: str, tmp_path: Path) -> None:
    theirs = scatter_weights(everything(keras))
    theirs.quantize(config=CONFIGS[config])
    ours = opened(theirs, tmp_path)
    assert_same(ours, theirs)
    for own, other in zip(ours.weights, theirs.weights, strict=True):
        assert (own.name, own.shape, own.dtype) == (other.name, tuple(other.shape), str(other.dtype))
    for name in LAYERS:
        found, saved = (json.loads(json.dumps(model.get_layer(name).get_config())) for model in (ours, theirs))
        assert {key: found[key] for key in ("dtype", "quantization_config")} == {
            "dtype": saved["dtype"],
            "quantization_config": saved["quantization_config"],
        }


@UNQUANTIZED
@pytest.mark.parametrize("mode", some(["int8", "int4"], "int4"))
def test_layers_are_quantized_to_the_numbers_that_keras_has(mode: str) -> None:
    theirs, ours = scatter_weights(everything(keras)), scatter_weights(everything(builder))
    floats = ours.predict(given(ours))
    theirs.quantize(mode)
    ours.quantize(mode)
    for own, other in zip(ours.weights, theirs.weights, strict=True):
        assert own.path == other.path
        np.testing.assert_array_equal(own.numpy(), np.asarray(other), err_msg=own.path)
    assert_same(ours, theirs)
    assert any(np.any(one != two) for one, two in zip(floats, ours.predict(given(ours)), strict=True))


@UNQUANTIZED
@pytest.mark.parametrize("mode", some(["int8", "int4"], "int4"))
def test_a_model_of_quantized_layers_at_any_depth(mode: str, tmp_path: Path) -> None:
    """Keras itself cannot open such a file: it says nothing of what is in the attention."""
    theirs, ours = scatter_weights(transformer(keras)), scatter_weights(transformer(builder))
    theirs.quantize(mode)
    ours.quantize(mode)
    assert_same(ours, theirs, 1e-5)
    loaded = opened(theirs, tmp_path)
    assert_same(loaded, theirs, 1e-5)
    assert operators(loaded, tmp_path).count("MatMulInteger") == (7 if mode == "int8" else 0)


def operators(model: Any, directory: Path) -> list[str]:
    return [node.op_type for node in onnx.load(model.export(directory / "model.onnx").path).graph.node]


def wide(k: Any) -> Any:
    ids = k.Input((3,), dtype="int32", name="ids")
    x = k.layers.Embedding(256, 128, name="table")(ids)
    x = k.layers.EinsumDense("abc,cd->abd", (3, 128), name="mixed")(x)
    return k.Model(ids, k.layers.Dense(128, name="dense")(x), name="wide")


@pytest.mark.parametrize(("mode", "times"), [("int8", 3.5), ("int4", 5.5)])
def test_the_file_is_smaller_by_what_the_weights_are(mode: str, times: float, tmp_path: Path) -> None:
    model = scatter_weights(wide(builder))
    before = model.export(tmp_path / "floats.onnx").size
    model.quantize(mode)
    after = model.export(tmp_path / "numbers.onnx")
    assert before / after.size > times
    opsets = {imported.domain: imported.version for imported in onnx.load(after.path).opset_import}
    assert opsets == {"": 20}


def test_weights_alone_in_8_bits_stay_so_in_the_file(tmp_path: Path) -> None:
    x = builder.Input((64,), name="x")
    config = {"class_name": "Int8QuantizationConfig", "config": {"activation_quantizer": None}}
    layer = builder.layers.Dense(64, dtype="int8_from_float32", quantization_config=config)
    found = onnx.load(builder.Model(x, layer(x)).export(tmp_path / "model.onnx").path)
    assert {onnx.TensorProto.DataType.Name(each.data_type) for each in found.graph.initializer if len(each.dims) == 2} == {"INT8"}


@UNQUANTIZED
def test_a_low_rank_update_is_merged_in_the_file(tmp_path: Path) -> None:
    x = keras.Input((6,), name="x")
    layer = keras.layers.Dense(4, name="dense")
    theirs = scatter_weights(keras.Model(x, layer(x)))
    theirs.quantize("int8")
    layer.enable_lora(2)
    layer.lora_kernel_b.assign(np.ones((2, 4), np.float32) / 8)
    theirs.save(tmp_path / "model.keras")
    ours, again = builder.load_model(tmp_path / "model.keras"), keras.models.load_model(tmp_path / "model.keras")
    assert_same(ours, again)


def by_examples(k: Any, policy: str) -> Any:
    x = k.Input((5, 6), name="x")
    y = k.layers.EinsumDense("abc,cde->abde", (5, 2, 2), bias_axes="de", name="heads", dtype=policy)(x)
    y = k.layers.EinsumDense("abcd,cde->abe", (5, 7), name="width", dtype=policy)(y)
    return k.Model(x, k.layers.Dense(3, name="dense", dtype=policy)(y), name="by_examples")


@pytest.mark.parametrize("mode", ["gptq/4/2", "gptq/8/-1", "gptq/3/4", "awq/4/2", "awq/4/-1"])
def test_weights_that_were_rounded_by_examples(mode: str) -> None:
    """With numbers drawn here and not made of examples: what counts is how they are used. Rows are in groups in any order."""
    theirs, ours = by_examples(keras, f"{mode}_from_float32"), by_examples(builder, f"{mode}_from_float32")
    generator = np.random.default_rng(0)
    for layer, own in zip(theirs.layers[1:], ours.layers[1:], strict=True):
        layer.is_gptq_calibrated = layer.is_awq_calibrated = True
        highest = {"g_idx": layer.kernel_scale.shape[1], "kernel": 8 if mode.startswith("gptq/3") else 256}
        for weight in layer.weights:
            if weight.name in highest or str(weight.dtype) == "uint8":
                numbers = generator.integers(0, highest.get(weight.name, 8), weight.shape)
            else:
                numbers = generator.uniform(0.02, 0.1, weight.shape)
            weight.assign(numbers.astype(str(weight.dtype)))
        own.set_weights([np.asarray(weight) for weight in layer.weights])
    assert_same(ours, theirs)


def mapped(k: Any, policy: Any) -> Any:
    x = k.Input((5, 6), name="x")
    return k.Model(x, k.layers.MultiHeadAttention(2, 3, name="attention", dtype=policy)(x, x), name="mapped")


def test_a_policy_for_each_path() -> None:
    policies = keras.dtype_policies
    int8 = policies.QuantizedDTypePolicy("int8", "float32")
    policy = policies.DTypePolicyMap("float32", {"attention/query": int8, "attention/attention.*": int8})
    saved = json.loads(json.dumps(policies.serialize(policy)))
    theirs, ours = mapped(keras, policy), mapped(builder, saved)
    for own, other in zip(ours.weights, theirs.weights, strict=True):
        assert (own.name, own.shape, own.dtype) == (other.name, tuple(other.shape), str(other.dtype))
    assert [variable.dtype for variable in ours.weights].count("int8") == 2
    assert DTypePolicy.of(ours.layers[1].dtype_policy.get_config()) == DTypePolicy.of(saved)


def test_a_quantized_layer_on_each_step() -> None:
    """Keras's TimeDistributed leaves the scales out there, so that it answers with numbers a hundred times too large."""
    inner = builder.layers.Dense(3, name="inner")
    x = builder.Input((4, 5), name="x")
    model = scatter_weights(builder.Model(x, builder.layers.TimeDistributed(inner, name="each")(x), name="model"))
    model.quantize("int8")
    (given_steps,) = given(model)
    np.testing.assert_array_equal(model.predict(given_steps), inner(given_steps))


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        pytest.param("float8_from_float32", "layer 'dense' is quantized to float8, and a Dense may be int8, int4, gptq, awq", id="float8"),
        pytest.param("ternary_from_float32", "quantized to ternary", id="a mode of later"),
        pytest.param("int8_from_mixed_float16", "doesn't work well with compute_dtype='float16'", id="int8 in 16 bits"),
        pytest.param("int4/0_from_float32", "'int4/0' is no quantization mode", id="blocks of nothing"),
        pytest.param("gptq/5/2_from_float32", "'gptq/5/2' is no quantization mode", id="five bits"),
    ],
)
def test_a_mode_that_is_not_known_is_refused(policy: str, words: str) -> None:
    with pytest.raises((NetworkError, UnsupportedError), match=words):
        builder.layers.Dense(3, name="dense", dtype=policy)(builder.Input((4,)))


def test_a_layer_that_cannot_be_quantized_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="layer 'norm' is quantized to int8, and its class has no such mode"):
        builder.layers.LayerNormalization(name="norm", dtype="int8_from_float32")


def test_another_quantizer_of_inputs_is_refused() -> None:
    config = {"class_name": "Int8QuantizationConfig", "config": {"activation_quantizer": {"class_name": "Own", "config": {"x": 1}}}}
    layer = builder.layers.Dense(3, name="dense", dtype="int8_from_float32", quantization_config=config)
    with pytest.raises(UnsupportedError, match="layer 'dense' quantizes its inputs by"):
        layer(builder.Input((4,)))


def test_patterns_of_a_map_that_could_keep_a_matcher_busy_are_refused() -> None:
    policy = DTypePolicy.of({"class_name": "DTypePolicyMap", "config": {"policy_map": {"(a+)+b": "float16"}}})
    with pytest.raises(UnsupportedError, match="pattern"):
        policy.at("a" * 40)
    two = DTypePolicy.of({"class_name": "DTypePolicyMap", "config": {"policy_map": {"a/.*": "float16", ".*/b": "float64"}}})
    assert [two.at(path).name for path in ("a/c", "c/b", "c")] == ["float16", "float64", "float32"]
    with pytest.raises(NetworkError, match="matches multiple"):
        two.at("a/b")


def test_what_is_quantized_wrongly_is_refused() -> None:
    model = builder.Sequential([builder.layers.Dense(3, name="dense")])
    with pytest.raises(NetworkError, match="must be built before it is quantized"):
        model.quantize("int8")
    model.build((None, 4))
    with pytest.raises(NetworkError, match="Invalid quantization mode"):
        model.quantize("float8")
    model.quantize("int8")
    with pytest.raises(NetworkError, match="'dense' is already quantized with dtype_policy='int8_from_float32'"):
        model.quantize("int8")


def test_a_network_that_was_made_before_its_layer_was_quantized_does_not_answer() -> None:
    x = builder.Input((4,), name="x")
    outputs = builder.layers.Dense(3, name="dense")(x)
    before, model = builder.Model(x, builder.ops.relu(builder.layers.Dense(2, name="top")(outputs))), builder.Model(x, outputs)
    before.predict(np.zeros((1, 4), np.float32))
    model.quantize("int8")
    with pytest.raises(NetworkError, match="layer 'dense' was quantized after this network was made"):
        before.predict(np.zeros((1, 4), np.float32))


def test_a_file_that_says_nothing_and_has_two_kinds_is_refused(tmp_path: Path) -> None:
    x = keras.Input((4, 6), name="x")
    y = keras.layers.MultiHeadAttention(2, 3, name="attention")(x, x)
    y = keras.layers.Dense(4, name="one", dtype="int8_from_float32")(y)
    theirs = keras.Model(x, keras.layers.Dense(4, name="two", dtype="int4/2_from_float32")(y))
    theirs.get_layer("attention").query_dense.quantize("int8")
    with pytest.raises(ModelFileError, match="'query' are quantized, the file does not say how"):
        opened(theirs, tmp_path)
