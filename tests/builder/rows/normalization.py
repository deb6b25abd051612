"""Rows of the layer table: normalization."""

from tests.builder.rows.row import Inner, Row

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
    "layer normalization": Row("LayerNormalization", {}, ((5, 4),)),
    "layer normalization of rows": Row("LayerNormalization", {"epsilon": 1e-5}, ((6,),)),
    "layer normalization over two axes": Row("LayerNormalization", {"axis": [1, 2]}, ((3, 4),)),
    "layer normalization over two axes, counted back and out of order": Row("LayerNormalization", {"axis": (-1, -2)}, ((2, 3, 4),)),
    "layer normalization over the first axis": Row("LayerNormalization", {"axis": 1}, ((3, 4, 2),)),
    "layer normalization over two axes apart": Row("LayerNormalization", {"axis": [1, 3]}, ((3, 4, 2),)),
    "layer normalization over two axes, one counted back": Row("LayerNormalization", {"axis": [1, -1]}, ((3, 4, 2),)),
    "layer normalization without a scale": Row("LayerNormalization", {"scale": False}, ((3, 4),)),
    "layer normalization without an offset": Row("LayerNormalization", {"center": False}, ((3, 4),)),
    "layer normalization without either": Row("LayerNormalization", {"scale": False, "center": False}, ((3, 4),)),
    "layer normalization in float16": Row("LayerNormalization", {"dtype": "float16"}, ((3, 4),), "float16", 2e-2),
    "group normalization": Row("GroupNormalization", {"groups": 2}, ((4, 3, 6),)),
    "group normalization of each channel": Row("GroupNormalization", {"groups": -1}, ((4, 3, 5),)),
    "group normalization of all channels": Row("GroupNormalization", {"groups": 1, "epsilon": 0.1}, ((5, 4),)),
    "group normalization of rows": Row("GroupNormalization", {"groups": 3}, ((6,),)),
    "group normalization with the channels first": Row("GroupNormalization", {"groups": 2, "axis": 1}, ((4, 3, 5),)),
    "group normalization of a middle axis": Row("GroupNormalization", {"groups": 2, "axis": -2}, ((3, 4, 5),)),
    "group normalization without either": Row("GroupNormalization", {"groups": 2, "scale": False, "center": False}, ((3, 4),)),
    "group normalization in float16": Row("GroupNormalization", {"groups": 2, "dtype": "float16"}, ((3, 4),), "float16", 2e-2),
    "root mean square normalization": Row("RMSNormalization", {}, ((3, 4),)),
    "root mean square normalization over two axes": Row("RMSNormalization", {"axis": [1, 2], "epsilon": 0.1}, ((3, 4),)),
    "root mean square normalization over the first axis, whose scale is the last's": Row("RMSNormalization", {"axis": 1}, ((4, 4),)),
    "unit normalization": Row("UnitNormalization", {}, ((3, 4),)),
    "unit normalization over two axes": Row("UnitNormalization", {"axis": [1, 2]}, ((3, 4),)),
    "spectral normalization of a convolution": Row(
        "SpectralNormalization", {"layer": Inner("Conv2D", {"filters": 3, "kernel_size": 2, "name": "inner"})}, ((4, 4, 2),)
    ),
    "spectral normalization of a dense layer": Row(
        "SpectralNormalization", {"layer": Inner("Dense", {"units": 3, "name": "inner"}), "power_iterations": 2}, ((4,),)
    ),
    "layer normalization in mixed precision": Row("LayerNormalization", {"dtype": "mixed_float16"}, ((3, 4),), tolerance=2e-2),
    "group normalization in mixed precision": Row("GroupNormalization", {"groups": 2, "dtype": "mixed_float16"}, ((3, 4),), tolerance=2e-2),
    "root mean square normalization in mixed precision": Row("RMSNormalization", {"dtype": "mixed_float16"}, ((4,),), tolerance=2e-2),
    "root mean square normalization of integers": Row("RMSNormalization", {}, ((4,),), "int32"),
}
