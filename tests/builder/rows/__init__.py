"""The layer table: a module for each family of layers, a row or more for each layer."""

from tests.builder.rows import (
    activation,
    applications,
    attention,
    convolution,
    core,
    merging,
    normalization,
    pooling,
    preprocessing,
    recurrent,
    regularization,
    reshaping,
)
from tests.builder.rows.recorded import RECORDED
from tests.builder.rows.row import Row

__all__ = ["RECORDED", "ROWS", "Row"]

ROWS: dict[str, Row] = {
    **activation.ROWS,
    **applications.ROWS,
    **attention.ROWS,
    **convolution.ROWS,
    **core.ROWS,
    **merging.ROWS,
    **normalization.ROWS,
    **pooling.ROWS,
    **preprocessing.ROWS,
    **recurrent.ROWS,
    **regularization.ROWS,
    **reshaping.ROWS,
}
