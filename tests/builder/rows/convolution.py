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
    "convolution of sequences": Row("Conv1D", {"filters": 4, "kernel_size": 3, "activation": "relu"}, ((8, 3),)),
    "convolution of sequences in steps": Row("Conv1D", {"filters": 4, "kernel_size": 4, "strides": 3, "padding": "same"}, ((10, 3),)),
    "causal convolution": Row("Conv1D", {"filters": 2, "kernel_size": 3, "padding": "causal"}, ((6, 2),)),
    "causal convolution, dilated": Row("Conv1D", {"filters": 2, "kernel_size": 2, "padding": "causal", "dilation_rate": 3}, ((9, 2),)),
    "causal convolution in steps": Row("Conv1D", {"filters": 2, "kernel_size": 3, "padding": "causal", "strides": 2}, ((7, 2),)),
    "causal convolution with the channels first": Row(
        "Conv1D", {"filters": 2, "kernel_size": 3, "padding": "causal", "data_format": "channels_first"}, ((2, 6),)
    ),
    "convolution of sequences in groups": Row("Conv1D", {"filters": 4, "kernel_size": 2, "groups": 2}, ((5, 6),)),
    "convolution of volumes": Row("Conv3D", {"filters": 3, "kernel_size": (2, 3, 1), "padding": "same"}, ((4, 5, 3, 2),)),
    "convolution of volumes in steps": Row("Conv3D", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, ((5, 4, 6, 2),)),
    "convolution of volumes, dilated": Row("Conv3D", {"filters": 2, "kernel_size": 2, "dilation_rate": 2, "groups": 2}, ((4, 5, 4, 2),)),
    "convolution of volumes with the channels first": Row(
        "Conv3D", {"filters": 2, "kernel_size": 2, "data_format": "channels_first"}, ((2, 3, 4, 3),)
    ),
    "depthwise convolution": Row("DepthwiseConv2D", {"kernel_size": 3}, ((6, 5, 3),)),
    "depthwise convolution that multiplies": Row(
        "DepthwiseConv2D", {"kernel_size": (3, 2), "depth_multiplier": 2, "padding": "same", "activation": "relu"}, ((5, 6, 3),)
    ),
    "depthwise convolution in steps": Row(
        "DepthwiseConv2D", {"kernel_size": 3, "strides": 2, "padding": "same", "use_bias": False}, ((7, 6, 2),)
    ),
    "depthwise convolution, dilated": Row("DepthwiseConv2D", {"kernel_size": 2, "dilation_rate": (2, 1)}, ((6, 5, 2),)),
    "depthwise convolution with the channels first": Row(
        "DepthwiseConv2D", {"kernel_size": 3, "data_format": "channels_first", "depth_multiplier": 2}, ((2, 5, 6),)
    ),
    "depthwise convolution of sequences": Row("DepthwiseConv1D", {"kernel_size": 3, "strides": 2, "depth_multiplier": 3}, ((8, 2),)),
    "separable convolution": Row("SeparableConv2D", {"filters": 4, "kernel_size": 3}, ((6, 5, 3),)),
    "separable convolution in steps": Row(
        "SeparableConv2D", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same", "depth_multiplier": 2}, ((7, 6, 3),)
    ),
    "separable convolution, dilated": Row(
        "SeparableConv2D", {"filters": 3, "kernel_size": 2, "dilation_rate": 2, "padding": "same", "use_bias": False}, ((6, 5, 2),)
    ),
    "separable convolution with the channels first": Row(
        "SeparableConv2D", {"filters": 3, "kernel_size": 2, "data_format": "channels_first"}, ((2, 5, 6),)
    ),
    "separable convolution of sequences": Row("SeparableConv1D", {"filters": 4, "kernel_size": 3, "activation": "tanh"}, ((7, 3),)),
    "transposed convolution": Row("Conv2DTranspose", {"filters": 3, "kernel_size": 3}, ((4, 5, 2),)),
    "transposed convolution that doubles": Row(
        "Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, ((4, 5, 2),)
    ),
    "transposed convolution that doubles, of an even window": Row(
        "Conv2DTranspose", {"filters": 3, "kernel_size": 4, "strides": 2, "padding": "same", "use_bias": False}, ((4, 5, 2),)
    ),
    "transposed convolution in steps larger than the window": Row(
        "Conv2DTranspose", {"filters": 2, "kernel_size": (2, 1), "strides": 3, "padding": "same"}, ((5, 3, 2),)
    ),
    "transposed convolution in steps larger than the window, whole": Row(
        "Conv2DTranspose", {"filters": 2, "kernel_size": (2, 1), "strides": 3}, ((5, 3, 2),)
    ),
    "transposed convolution with an output padding": Row(
        "Conv2DTranspose", {"filters": 2, "kernel_size": (3, 4), "strides": 2, "padding": "same", "output_padding": (1, 0)}, ((4, 5, 2),)
    ),
    "transposed convolution with an output padding, whole": Row(
        "Conv2DTranspose", {"filters": 2, "kernel_size": 3, "strides": 3, "output_padding": 2}, ((4, 5, 2),)
    ),
    "transposed convolution of a small window with an output padding": Row(
        "Conv2DTranspose", {"filters": 2, "kernel_size": (1, 2), "strides": 4, "padding": "same", "output_padding": 3}, ((3, 4, 2),)
    ),
    "transposed convolution, dilated": Row(
        "Conv2DTranspose", {"filters": 2, "kernel_size": (3, 2), "dilation_rate": 2, "padding": "same"}, ((5, 4, 2),)
    ),
    "transposed convolution with the channels first": Row(
        "Conv2DTranspose", {"filters": 3, "kernel_size": 2, "strides": 2, "data_format": "channels_first"}, ((2, 3, 4),)
    ),
    "transposed convolution of sequences": Row(
        "Conv1DTranspose", {"filters": 3, "kernel_size": 5, "strides": 3, "padding": "same", "activation": "relu"}, ((4, 2),)
    ),
    "transposed convolution of volumes": Row(
        "Conv3DTranspose", {"filters": 2, "kernel_size": (3, 2, 1), "strides": 2, "padding": "same"}, ((2, 3, 2, 2),)
    ),
}
