"""Rows of the layer table: reshaping."""

from tests.builder.rows.row import Row

ROWS = {
    "flatten": Row("Flatten", {}, ((3, 4, 2),)),
    "flatten of rank 1": Row("Flatten", {}, ((),)),
    "flatten of rank 2": Row("Flatten", {}, ((4,),)),
    "flatten with the channels first": Row("Flatten", {"data_format": "channels_first"}, ((3, 4, 2),)),
    "flatten of integers": Row("Flatten", {}, ((3, 2),), dtype="int32"),
    "reshape": Row("Reshape", {"target_shape": (3, 4)}, ((2, 6),)),
    "reshape with a size left open": Row("Reshape", {"target_shape": (-1, 4)}, ((2, 6),)),
    "reshape to one axis": Row("Reshape", {"target_shape": (-1,)}, ((2, 3, 2),)),
    "reshape to no axis": Row("Reshape", {"target_shape": ()}, ((1,),)),
}
