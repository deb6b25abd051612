"""Rows of the layer table: convolution."""

from tests.builder.rows.row import Row

ROWS = {
    "convolution": Row("Conv2D", {"filters": 5, "kernel_size": 3}, ((7, 6, 3),)),
    "convolution padded by an even window": Row("Conv2D", {"filters": 2, "kernel_size": (2, 4), "padding": "same"}, ((5, 6, 3),)),
    "convolution of odd sizes in steps": Row("Conv2D", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}, ((7, 5, 3),)),
    "convolution of even sizes in steps": Row("Conv2D", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}, ((8, 6, 3),)),
    "convolution in steps larger than the window": Row(
        "Conv2D", {"filters": 2, "kernel_size": 1, "strides": 3, "padding": "same"}, ((7, 8, 2),)
    ),
    "convolution in uneven steps": Row("Conv2D", {"filters": 2, "kernel_size": (3, 2), "strides": (1, 2), "padding": "same"}, ((5, 7, 2),)),
    "convolution dilated": Row("Conv2D", {"filters": 4, "kernel_size": 3, "dilation_rate": 2}, ((9, 8, 2),)),
    "convolution dilated and padded": Row(
        "Conv2D", {"filters": 4, "kernel_size": (3, 2), "dilation_rate": (2, 3), "padding": "same"}, ((9, 8, 2),)
    ),
    "convolution in groups": Row("Conv2D", {"filters": 6, "kernel_size": 3, "groups": 2, "activation": "relu"}, ((6, 6, 4),)),
    "convolution of each channel": Row("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 4, "use_bias": False}, ((6, 6, 4),)),
    "convolution with the channels first": Row(
        "Conv2D", {"filters": 4, "kernel_size": 3, "data_format": "channels_first", "padding": "same", "strides": 2}, ((3, 7, 8),)
    ),
    "convolution in float16": Row("Conv2D", {"filters": 2, "kernel_size": 2, "dtype": "float16"}, ((4, 4, 2),), "float16", 2e-2),
    "convolution of integers": Row("Conv2D", {"filters": 2, "kernel_size": 2}, ((4, 4, 2),), "int32", 1e-4),
}
