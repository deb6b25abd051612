"""Rows of the layer table: core."""

from tests.builder.rows.row import Row

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
}
