"""What a layer asks of its inputs, and the sentence for one that is not so."""

from dataclasses import dataclass

from builder.errors import NetworkError
from builder.ops.symbolic import KerasTensor

__all__ = ["InputSpec"]


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What a layer asks of an input: a rank, a least rank, and sizes of axes by their index."""

    ndim: int | None = None
    min_ndim: int | None = None
    axes: tuple[tuple[int, int], ...] = ()

    def check(self, layer: str, index: int, tensor: KerasTensor) -> None:
        """Raises NetworkError, in Keras's words, when the tensor is not as asked."""
        found = f"Input {index} with name '{tensor.name}' of layer '{layer}' is incompatible with the layer"
        received = f"Full shape received: {tensor.shape}"
        if self.ndim is not None and tensor.ndim != self.ndim:
            raise NetworkError(f"{found}: expected ndim={self.ndim}, found ndim={tensor.ndim}. {received}")
        if self.min_ndim is not None and tensor.ndim < self.min_ndim:
            raise NetworkError(f"{found}: expected min_ndim={self.min_ndim}, found ndim={tensor.ndim}. {received}")
        for axis, size in self.axes:
            if tensor.shape[axis] not in (size, None):
                raise NetworkError(
                    f"{found}: expected axis {axis} of input shape to have value {size}, but received input with shape {tensor.shape}"
                )
