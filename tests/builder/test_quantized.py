"""Models that Keras quantized, and models that are quantized here: Keras's numbers in Keras's files, and small files of ONNX."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest

import builder
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
    x = k.layers.TimeDistributed(k.layers.Dense(6, activation="gelu", name="inner"), name="each")(x)
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


@UNQUANTIZED
@pytest.mark.parametrize("config", CONFIGS)
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
@pytest.mark.parametrize("mode", ["int8", "int4"])
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
@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_a_model_of_quantized_layers_at_any_depth(mode: str, tmp_path: Path) -> None:
    """Keras itself cannot open such a file: it says nothing of what is in the attention."""
    theirs, ours = scatter_weights(transformer(keras)), scatter_weights(transformer(builder))
    theirs.quantize(mode)
    ours.quantize(mode)
    assert_same(ours, theirs, 1e-5)
    loaded = opened(theirs, tmp_path)
    assert_same(loaded, theirs, 1e-5)
    found = onnx.load(loaded.export(tmp_path / "model.onnx").path)
    assert sum(node.op_type == "MatMulInteger" for node in found.graph.node) == (7 if mode == "int8" else 0)
