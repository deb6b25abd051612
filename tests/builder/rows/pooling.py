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
}
