"""A case: a layer as it was drawn, what it is called on, and the sizes at which it is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from builder.graph import Array
from tests.builder.rows.row import made

Shape = tuple[int, ...]
Free = tuple[int | None, ...]
Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass(frozen=True)
class Case:
    """Shapes are without the batch. `built` is what the network is told, None for a size that is free; `runs` are sizes it has then."""

    layer: str
    arguments: dict[str, Any]
    built: tuple[Free, ...]
    runs: tuple[tuple[Shape, ...], ...]
    dtype: str = "float32"
    merged: bool = False  # called on a list
    masked: bool = False  # behind a Masking layer
    call: dict[str, Any] = field(default_factory=dict)
    below: int | None = None  # integers are indices, from zero up to here
    tolerance: float = 1e-5  # relative to the largest output

    def network(self, package: Any, layer: Any) -> Any:
        """A model of the layer; what comes out of a mask shows in an average over the steps."""
        inputs = [package.Input(shape, dtype=self.dtype, name=f"input_{index}") for index, shape in enumerate(self.built)]
        given = [package.layers.Masking(name=f"masking_{index}")(x) for index, x in enumerate(inputs)] if self.masked else inputs
        output = layer(given if self.merged else given[0], **self.call)
        if self.masked and len(output.shape) == 3:
            return package.Model(inputs, [output, package.layers.GlobalAveragePooling1D(name="average")(output)])
        return package.Model(inputs, output)

    def arguments_for(self, package: Any) -> Any:
        """The constructor's arguments, inner layers made of `package`."""
        return made(self.arguments, package)

    def samples(self, rows: int) -> list[list[Array]]:
        """Inputs of `rows` rows, for each run; some steps are zeros where a mask is wanted."""
        generator = np.random.default_rng(rows)
        return [[self._sample((rows, *shape), generator) for shape in run] for run in self.runs]

    def _sample(self, shape: Shape, generator: np.random.Generator) -> Array:
        if self.below is not None:
            return generator.integers(0, self.below, shape).astype(self.dtype)
        array = (generator.normal(size=shape) * 3).astype(self.dtype)
        if self.masked:
            array[generator.random(shape[:2]) < 0.4] = 0
        return array


def image(
    draw: Draw, sizes: Sequence[Sequence[int]], channels: int, data_format: str, free: bool
) -> tuple[Free, tuple[tuple[Shape, ...], ...]]:
    """Shapes to build for and to run at, channels where `data_format` has them; `sizes` has a list of spatial sizes for each run."""

    def shaped(space: Sequence[int | None]) -> tuple[int | None, ...]:
        return (*space, channels) if data_format == "channels_last" else (channels, *space)

    runs = sizes if free else sizes[:1]
    built = shaped([None] * len(sizes[0])) if free else shaped(sizes[0])
    if free and len(sizes[0]) > 1 and draw(st.booleans()):  # only the first is
        built = shaped([None, *sizes[0][1:]])
        runs = [[space[0], *sizes[0][1:]] for space in runs]
    return built, tuple((tuple(size for size in shaped(space) if size is not None),) for space in runs)


def spaces(draw: Draw, rank: int, least: Sequence[int], most: int) -> list[list[int]]:
    """Spatial sizes for each of two runs."""
    return [[draw(st.integers(size, max(most, size + 2))) for size in least] for _ in range(2)]


data_formats = st.sampled_from(["channels_last", "channels_last", "channels_first"])
activations = st.sampled_from([None, None, "relu", "tanh", "softmax", "gelu", "leaky_relu"])
dtypes = st.sampled_from(["float32", "float32", "float32", "float32", "int32", "float16"])


def each(draw: Draw, rank: int, values: st.SearchStrategy[int]) -> Any:
    """One value for all axes, or one for each."""
    return draw(values) if draw(st.booleans()) else tuple(draw(values) for _ in range(rank))


def spread(value: Any, rank: int) -> tuple[int, ...]:
    """One value for each axis."""
    return (value,) * rank if isinstance(value, int) else tuple(value)
