"""What a model is tried on: random inputs that it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from builder.graph import Array, Graph, Input, Late, Result, Spec, Value

__all__ = ["FREE_SIZES", "ROWS", "feeds_of", "sample"]

ROWS = 3  # in the larger of the two batches that are run
FREE_SIZES = (16, 64, 256)  # tried in turn for axes that are free, until the network takes one


def feeds_of(graph: Graph, size: int, rows: int = ROWS) -> dict[str, Array]:
    """An array for each input, always the same. Free axes have `size`, the first `rows`."""
    generator, terms = np.random.default_rng(0), _terms(graph)
    return {value.name: sample(value.spec, size, generator, rows, terms.get(value, ())) for value in graph.inputs}


def sample(spec: Spec, size: int, generator: np.random.Generator, rows: int = ROWS, terms: Sequence[Any] = ()) -> Array:
    """Numbers of any sign for floats; 0 and 1 for integers, which may be indices; texts of more words in each row than before it.

    Where `terms` are known, those. Free axes have `size`, the first `rows`.
    """
    shape = [dim if isinstance(dim, int) else rows if axis == 0 else size for axis, dim in enumerate(spec.shape)]
    if terms:
        picked = generator.integers(0, len(terms), shape)
        return np.asarray(terms, object if spec.dtype == "string" else spec.dtype)[picked]
    if spec.dtype == "string":
        count = int(np.prod(shape[1:]))
        return np.asarray([f"a{' b' * (place // max(count, 1))}" for place in range(int(np.prod(shape)))], object).reshape(shape)
    if "float" in spec.dtype:
        return generator.normal(size=shape).astype(spec.dtype)
    return generator.integers(0, 2, shape).astype(spec.dtype)


def _terms(graph: Graph) -> dict[Value, Sequence[Any]]:
    """What the inputs that are looked up as they come may be: the words and numbers of the lookups' vocabularies."""
    found: dict[Value, Sequence[Any]] = {}
    for node in graph.nodes():
        late = next((value.attributes or {} for value in node.attributes.values() if isinstance(value, Late)), {})
        keys = next((value for name, value in late.items() if name.startswith("keys_")), ())
        source = node.inputs[0] if keys else None
        while isinstance(source, Result) and source.node.op in ("Cast", "Identity", "Reshape"):
            source = source.node.inputs[0]
        if isinstance(source, Input) and isinstance(keys, tuple):
            found[source] = keys
    return found
