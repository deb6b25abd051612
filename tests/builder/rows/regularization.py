"""Rows of the layer table: regularization."""

from tests.builder.rows.row import Row

ROWS = {
    "dropout": Row("Dropout", {"rate": 0.4, "seed": 3}),
    "dropout of everything": Row("Dropout", {"rate": 1.0}),
    "dropout of whole rows": Row("Dropout", {"rate": 0.4, "noise_shape": (None, 1)}),
    "dropout that keeps the moments": Row("AlphaDropout", {"rate": 0.4}),
    "noise that multiplies": Row("GaussianDropout", {"rate": 0.4}),
    "noise that adds": Row("GaussianNoise", {"stddev": 0.4, "seed": 1}),
    "dropout of channels of sequences": Row("SpatialDropout1D", {"rate": 0.4}, ((4, 2),)),
    "dropout of channels of images": Row("SpatialDropout2D", {"rate": 0.4, "data_format": "channels_first"}, ((4, 3, 2),)),
    "dropout of channels of volumes": Row("SpatialDropout3D", {"rate": 0.4}, ((4, 2, 3, 2),)),
    "a loss on activity": Row("ActivityRegularization", {"l1": 0.1, "l2": 0.2}),
}
