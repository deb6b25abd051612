"""Arrays of a file that have been seen and not yet read, and how they become weights: all of them, or none.

Nothing is read before every array has its weight and fits it, and nothing is assigned before everything is read. What a file
holds takes no more memory than twice its size, whatever it claims. Weights may be views of the file's bytes, which stay in
memory with them, unless most of those are something else, such as what an optimizer keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np

from builder.errors import ModelFileError, several
from builder.graph import Array
from builder.ops.symbolic import Variable
from builder.proto import is_float

__all__ = ["Found", "Stored"]

WIDENING = 2  # float16 may become float32; what a file holds grows no further


@dataclass(frozen=True, slots=True)
class Stored:
    """An array as a file has it: where, its shape and dtype, and how to get its numbers."""

    where: str
    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], Array]

    def check(self, variable: Variable) -> None:
        """Raises ModelFileError unless the numbers can be those of `variable`."""
        if self.shape != variable.shape:
            raise ModelFileError(f"{variable.name} has shape {variable.shape}, and the file has {self.shape} at {self.where}")
        if is_float(self.dtype) != is_float(variable.dtype):
            raise ModelFileError(f"{variable.name} is {variable.dtype}, and the file has {self.dtype} at {self.where}")


@dataclass(slots=True)
class Found:
    """The arrays for the weights of a network, as far as they have been found, and what is wrong with the others."""

    pairs: list[tuple[Variable, Stored]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, owner: str, variables: Sequence[Variable], find: Callable[[], Iterable[Stored]]) -> None:
        """Takes the arrays that `find` gives, one for each of the variables; what is wrong is noted under the owner's name."""
        try:
            for variable, stored in zip(variables, find(), strict=True):
                self._pair(owner, variable, stored)
        except ModelFileError as error:
            self.problems.append(f"layer '{owner}': {error}")

    def assign(self, size: int) -> None:
        """Gives the variables their numbers, out of a file of `size` bytes. Raises ModelFileError when that cannot be all."""
        claimed = sum(prod(variable.shape) * np.dtype(variable.dtype).itemsize for variable, _ in self.pairs)
        if claimed > WIDENING * size:
            raise ModelFileError(f"the weights take {claimed} bytes and the file has {size}: some of its arrays are given more than once")
        arrays = [stored.read() for _, stored in reversed(self.pairs)]
        is_shared = WIDENING * claimed >= size
        for variable, _ in self.pairs:
            array = np.require(arrays.pop(), variable.dtype, ["C", "A"])
            variable.parameter.assign(array if is_shared else array.copy())

    def raise_problems(self, title: str) -> None:
        """Raises ModelFileError with all that is wrong, if anything is."""
        if self.problems:
            raise ModelFileError(several(title, self.problems))

    def _pair(self, owner: str, variable: Variable, stored: Stored) -> None:
        try:
            stored.check(variable)
        except ModelFileError as error:
            self.problems.append(f"layer '{owner}': {error}")
        else:
            self.pairs.append((variable, stored))
