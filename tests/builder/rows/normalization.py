"""Rows of the layer table: normalization."""

from tests.builder.rows.row import Row

ROWS = {
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
}
