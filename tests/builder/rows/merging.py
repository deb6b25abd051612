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
    "difference": Row("Subtract", {}, ((3, 4), (4,)), merged=True),
    "product": Row("Multiply", {}, ((4,), (4,), (4,)), merged=True),
    "product that is broadcast": Row("Multiply", {}, ((3, 3, 4), (1, 1, 4)), merged=True),
    "mean": Row("Average", {}, ((3, 4), (4,), (1, 4)), merged=True),
    "mean of integers": Row("Average", {}, ((4,), (4,)), "int32", merged=True),
    "maximum": Row("Maximum", {}, ((3, 4), (4,), (1, 4)), merged=True),
    "minimum": Row("Minimum", {}, ((4,), (4,)), merged=True),
    "dot product of rows": Row("Dot", {"axes": 1}, ((4,), (4,)), merged=True),
    "dot product of sequences": Row("Dot", {"axes": (2, 1)}, ((3, 4), (4, 2)), merged=True),
    "dot product over the last axes": Row("Dot", {"axes": -1}, ((3, 4), (2, 4)), merged=True),
    "dot product over the steps": Row("Dot", {"axes": 1}, ((3, 4), (3, 2)), merged=True),
    "dot product of a sequence and a row": Row("Dot", {"axes": (2, 1)}, ((3, 4), (4,)), merged=True),
    "dot product of a row and a sequence": Row("Dot", {"axes": (1, -1)}, ((4,), (3, 4)), merged=True),
    "dot product of higher ranks": Row("Dot", {"axes": (2, 3)}, ((2, 4, 3), (5, 2, 4)), merged=True),
    "cosines": Row("Dot", {"axes": -1, "normalize": True}, ((3, 4), (2, 4)), merged=True),
}
