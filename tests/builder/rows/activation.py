"""Rows of the layer table: activation."""

from tests.builder.rows.row import Row

ROWS = {
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
    "leaky relu": Row("LeakyReLU", {}),
    "leaky relu with a slope": Row("LeakyReLU", {"negative_slope": 0.05}, ((3, 2),)),
    "parametric relu": Row("PReLU", {}, ((3, 2),)),
    "parametric relu on images, shared over space": Row("PReLU", {"shared_axes": [1, 2]}, ((4, 3, 2),)),
    "parametric relu, shared over one axis": Row("PReLU", {"shared_axes": 1, "alpha_initializer": "he_normal"}, ((4, 3),)),
    "parametric relu in float16": Row("PReLU", {"dtype": "float16"}, ((5,),), "float16", 2e-3),
    "elu": Row("ELU", {"alpha": 0.7}, ((3, 4),)),
}
