"""Drawn cases for every layer: a module for each family, a strategy for each layer."""

from hypothesis.strategies import SearchStrategy

from tests.parity.cases import activation, convolution, core, merging, normalization, pooling, reshaping
from tests.parity.cases.case import Case

__all__ = ["CASES", "Case"]

CASES: dict[str, SearchStrategy[Case]] = {
    **activation.CASES,
    **convolution.CASES,
    **core.CASES,
    **merging.CASES,
    **normalization.CASES,
    **pooling.CASES,
    **reshaping.CASES,
}
