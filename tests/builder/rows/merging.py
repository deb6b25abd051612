"""Rows of the layer table: merging."""

from tests.builder.rows.row import Row

ROWS = {
    "sum": Row("Add", {}, ((4,), (4,), (4,)), merged=True),
    "sum of one": Row("Add", {}, ((4,),), merged=True),
    "sum that is broadcast": Row("Add", {}, ((3, 4), (1, 4), (3, 1)), merged=True),
    "sum of ranks that differ": Row("Add", {}, ((2, 3, 4), (4,)), merged=True),
    "sum of three ranks": Row("Add", {}, ((4,), (2, 3, 4), (3, 4)), merged=True),
    "sum of integers": Row("Add", {}, ((4,), (4,)), "int32", merged=True),
    "concatenation": Row("Concatenate", {}, ((3, 2), (3, 5)), merged=True),
    "concatenation of one": Row("Concatenate", {}, ((3, 2),), merged=True),
    "concatenation along the first axis": Row("Concatenate", {"axis": 1}, ((3, 2), (1, 2), (4, 2)), merged=True),
    "concatenation along an axis counted back": Row("Concatenate", {"axis": -2}, ((3, 2, 4), (3, 1, 4)), merged=True),
}
