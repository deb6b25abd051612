"""Rows of the layer table: core."""

from typing import Any

import keras

import builder
from tests.builder.rows.row import Row


@keras.saving.register_keras_serializable("hornbeam")  # type: ignore[untyped-decorator]
@builder.register_keras_serializable("hornbeam")
def twice(x: Any, more: float = 0.0) -> Any:
    """A function of a user's own, for either package."""
    return x * 2 + more


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
    "einsum dense of a matrix": Row("EinsumDense", {"equation": "ab,bc->ac", "output_shape": 3, "bias_axes": "c"}),
    "einsum dense of a sequence": Row(
        "EinsumDense", {"equation": "abc,cd->abd", "output_shape": (3, 5), "bias_axes": "d", "activation": "relu"}, ((3, 4),)
    ),
    "einsum dense with an ellipsis first": Row(
        "EinsumDense", {"equation": "...x,xy->...y", "output_shape": 5, "bias_axes": "y"}, ((3, 3, 4),)
    ),
    "einsum dense with an ellipsis last": Row(
        "EinsumDense", {"equation": "ab...,bc->ac...", "output_shape": 5, "bias_axes": "c"}, ((4, 3, 2),)
    ),
    "einsum dense into heads": Row("EinsumDense", {"equation": "abc,cde->abde", "output_shape": (5, 2, 3), "bias_axes": "de"}, ((5, 4),)),
    "einsum dense out of heads": Row("EinsumDense", {"equation": "abcd,cde->abe", "output_shape": (5, 6), "bias_axes": "e"}, ((5, 2, 3),)),
    "einsum dense with part of a bias": Row(
        "EinsumDense", {"equation": "abc,cde->abde", "output_shape": (5, 2, 3), "bias_axes": "d"}, ((5, 4),)
    ),
    "einsum dense by head": Row("EinsumDense", {"equation": "abcd,cde->abce", "output_shape": (4, 2, 5), "bias_axes": "ce"}, ((4, 2, 3),)),
    "einsum dense by row": Row("EinsumDense", {"equation": "abc,bcd->abd", "output_shape": (3, 5)}, ((3, 4),)),
    "einsum dense out of order": Row("EinsumDense", {"equation": "abc,dc->adb", "output_shape": (5, 3), "bias_axes": "d"}, ((3, 4),)),
    "einsum dense that sums": Row("EinsumDense", {"equation": "abc,cd->ad", "output_shape": 5}, ((3, 4),)),
    "einsum dense of everything": Row("EinsumDense", {"equation": "abc,cb->a", "output_shape": ()}, ((3, 4),)),
    "einsum dense that scales": Row("EinsumDense", {"equation": "abc,c->abc", "output_shape": (3, 4), "bias_axes": "c"}, ((3, 4),)),
    "embedding": Row("Embedding", {"input_dim": 16, "output_dim": 3}, ((5,),), "int32"),
    "embedding of small integers": Row("Embedding", {"input_dim": 16, "output_dim": 3}, ((5,),), "int8"),
    "embedding of floats": Row("Embedding", {"input_dim": 16, "output_dim": 3, "mask_zero": True}, ((5,),)),
    "embedding in 16 bits": Row("Embedding", {"input_dim": 16, "output_dim": 3, "dtype": "mixed_float16"}, ((5,),), "int32", 1e-3),
    "reversible embedding": Row("ReversibleEmbedding", {"input_dim": 16, "output_dim": 3}, ((5,),), "int32"),
    "reversible embedding in reverse": Row(
        "ReversibleEmbedding", {"input_dim": 7, "output_dim": 4, "logit_soft_cap": 2.0}, ((5, 4),), call={"reverse": True}
    ),
    "reversible embedding with two tables": Row(
        "ReversibleEmbedding", {"input_dim": 7, "output_dim": 4, "tie_weights": False}, ((5, 4),), call={"reverse": True}
    ),
    "function of a user's own": Row("Lambda", {"function": twice, "arguments": {"more": 0.5}}, ((3, 2),)),
    "identity": Row("Identity", {}, ((3, 2),)),
    "masking": Row("Masking", {"mask_value": -3}, ((5, 2),), "int32"),
    "masking of zeros": Row("Masking", {}, ((5, 1),), "int32"),
    "masking of floats": Row("Masking", {"mask_value": 0.5}, ((5, 2),)),
}
