"""Rows of the layer table: the layers of keras.applications' own."""

from tests.builder.rows.row import Row

ROWS = {
    "a residual that is scaled and added": Row("CustomScaleLayer", {"scale": 0.17}, ((3, 2), (3, 2)), merged=True),
    "a scale for each channel": Row("LayerScale", {"init_values": 0.1, "projection_dim": 3}, ((4, 4, 3),)),
    "a branch that training drops": Row("StochasticDepth", {"drop_path_rate": 0.2}, ((4, 3),)),
}
