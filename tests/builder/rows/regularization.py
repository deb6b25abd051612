"""Rows of the layer table: regularization."""

from tests.builder.rows.row import Row

ROWS = {
    "dropout": Row("Dropout", {"rate": 0.4, "seed": 3}),
    "dropout of everything": Row("Dropout", {"rate": 1.0}),
}
