"""What a layer asks of its inputs, the sentence for one that is not so, and shapes as users and files give them."""

from dataclasses import dataclass
from typing import Any

from builder.errors import NetworkError
from builder.ops.symbolic import KerasTensor, Shape

__all__ = ["InputSpec", "as_shapes", "given_input_shape"]


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


def given_input_shape(kwargs: dict[str, Any]) -> Shape | None:
    """The shape, with the batch, from the keywords that Keras has taken on a first layer since its first version."""
    batch_size = kwargs.pop("batch_size", None)
    if (whole := kwargs.pop("batch_input_shape", None) or kwargs.pop("batch_shape", None)) is not None:
        return tuple(whole)
    if (dim := kwargs.pop("input_dim", None)) is not None:
        return (batch_size, dim)
    if (shape := kwargs.pop("input_shape", None)) is not None:
        return (batch_size, *((shape,) if isinstance(shape, int) else shape))
    return None


def as_shapes(saved: Any) -> Any:
    """Shapes as Python has them: in a file, a shape is a list, and so is a list of shapes."""
    if isinstance(saved, dict):
        return {key: as_shapes(item) for key, item in saved.items()}
    is_shape = all(size is None or isinstance(size, int) for size in saved)
    return tuple(saved) if is_shape else [as_shapes(item) for item in saved]
