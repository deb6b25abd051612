"""Rows of the layer table: pooling."""

from tests.builder.rows.row import Row

ROWS = {
    "max pooling": Row("MaxPooling2D", {}, ((7, 6, 3),)),
    "max pooling padded": Row("MaxPooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, ((7, 6, 3),)),
    "max pooling that overlaps": Row("MaxPooling2D", {"pool_size": (3, 2), "strides": 1}, ((7, 6, 3),)),
    "max pooling with the channels first": Row("MaxPooling2D", {"pool_size": 2, "data_format": "channels_first"}, ((3, 7, 6),)),
    "average pooling": Row("AveragePooling2D", {"pool_size": 2}, ((7, 6, 3),)),
    "average pooling padded, which does not count": Row(
        "AveragePooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, ((7, 6, 3),)
    ),
    "average pooling padded by an even window": Row("AveragePooling2D", {"pool_size": 4, "strides": 1, "padding": "same"}, ((5, 5, 2),)),
    "average pooling with the channels first": Row(
        "AveragePooling2D", {"pool_size": (2, 3), "data_format": "channels_first"}, ((3, 7, 6),)
    ),
    "global average": Row("GlobalAveragePooling2D", {}, ((5, 4, 3),)),
    "global average that keeps axes": Row("GlobalAveragePooling2D", {"keepdims": True}, ((5, 4, 3),)),
    "global average with the channels first": Row("GlobalAveragePooling2D", {"data_format": "channels_first"}, ((3, 5, 4),)),
    "max pooling of sequences": Row("MaxPooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}, ((8, 2),)),
    "max pooling of sequences with the channels first": Row("MaxPooling1D", {"data_format": "channels_first"}, ((2, 7),)),
    "max pooling of volumes": Row("MaxPooling3D", {}, ((4, 5, 4, 2),)),
    "max pooling of volumes, padded": Row("MaxPooling3D", {"pool_size": (2, 3, 1), "strides": 2, "padding": "same"}, ((4, 5, 3, 2),)),
    "average pooling of sequences": Row("AveragePooling1D", {"pool_size": 2}, ((7, 3),)),
    "average pooling of volumes": Row("AveragePooling3D", {"pool_size": 2, "strides": 1, "padding": "same"}, ((3, 4, 3, 2),)),
    "global average of sequences": Row("GlobalAveragePooling1D", {}, ((5, 3),)),
    "global average of sequences that keeps axes": Row(
        "GlobalAveragePooling1D", {"keepdims": True, "data_format": "channels_first"}, ((3, 5),)
    ),
    "global average of volumes": Row("GlobalAveragePooling3D", {}, ((2, 3, 4, 3),)),
    "global maximum": Row("GlobalMaxPooling2D", {"keepdims": True}, ((5, 4, 3),)),
    "global maximum of sequences": Row("GlobalMaxPooling1D", {}, ((5, 3),)),
    "global maximum of volumes": Row("GlobalMaxPooling3D", {"data_format": "channels_first"}, ((3, 2, 3, 4),)),
    "adaptive average": Row("AdaptiveAveragePooling2D", {"output_size": (2, 3)}, ((7, 5, 2),)),
    "adaptive average that divides": Row("AdaptiveAveragePooling2D", {"output_size": 2}, ((4, 6, 3),)),
    "adaptive average to more": Row("AdaptiveAveragePooling2D", {"output_size": (6, 5)}, ((4, 5, 2),)),
    "adaptive average with the channels first": Row(
        "AdaptiveAveragePooling2D", {"output_size": (3, 2), "data_format": "channels_first"}, ((2, 7, 4),)
    ),
    "adaptive average of sequences": Row("AdaptiveAveragePooling1D", {"output_size": 3}, ((7, 2),)),
    "adaptive average of volumes": Row("AdaptiveAveragePooling3D", {"output_size": (2, 1, 3)}, ((3, 4, 5, 2),)),
    "adaptive maximum": Row("AdaptiveMaxPooling2D", {"output_size": (2, 3)}, ((7, 5, 2),)),
    "adaptive maximum of sequences": Row("AdaptiveMaxPooling1D", {"output_size": (4,)}, ((6, 2),)),
    "adaptive maximum of volumes": Row("AdaptiveMaxPooling3D", {"output_size": 2}, ((4, 2, 6, 2),)),
    "max pooling of integers": Row("MaxPooling2D", {}, ((4, 4, 3),), "int32"),
    "average pooling of integers": Row("AveragePooling2D", {"pool_size": 2}, ((4, 4, 3),), "int32"),
    "adaptive maximum of integers": Row("AdaptiveMaxPooling1D", {"output_size": 3}, ((7, 2),), "int32"),
    "max pooling in mixed precision": Row("MaxPooling1D", {"dtype": "mixed_float16"}, ((4, 2),), tolerance=1e-2),
}
