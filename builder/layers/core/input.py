"""Where a network begins."""

from collections.abc import Sequence
from typing import Any

from builder.dtype_policy import DTypePolicy
from builder.errors import NetworkError, UnsupportedError
from builder.layer import Layer
from builder.ops.operation import record
from builder.ops.placeholder import placeholder
from builder.ops.symbolic import KerasTensor, Shape
from builder.proto import standardize_dtype

__all__ = ["Input", "InputLayer"]


class InputLayer(Layer):
    """Where a network begins: `shape` without the batch's size, or `batch_shape` with it; None is free.

    A model may be called with None for an `optional` input; a model that was exported needs it, since ONNX Runtime does.
    Raises NetworkError when the shape is missing or given twice, UnsupportedError for sparse and ragged inputs, which plain
    ONNX does not have.
    """

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        given_name = name
        super().__init__(name=name, **kwargs)
        self.dtype_policy = DTypePolicy.of(standardize_dtype(dtype))
        for kind, asked in (("sparse", sparse), ("ragged", ragged)):
            if asked:
                raise UnsupportedError(f"input '{self.name}' is {kind}, which plain ONNX is not; make it a dense input")
        self.optional = optional
        self.batch_shape = _batch_shape(shape, batch_size, batch_shape or self.given_input_shape)
        self.built = True
        (tensor,) = record(self, (), {}, [placeholder(self.name, self.batch_shape, self.dtype)])
        tensor.name = given_name or tensor.name
        self.calls[0].outputs = tensor

    def call(self) -> None:
        """Nothing: an input is not computed."""

    @property
    def tensor(self) -> KerasTensor:
        """The symbolic tensor that stands for what a caller will supply."""
        tensor = self.calls[0].outputs
        assert isinstance(tensor, KerasTensor)
        return tensor

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": self.optional,
        }


def Input(  # noqa: N802  Keras's name
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    ragged: bool | None = None,
    optional: bool = False,
) -> KerasTensor:
    """A symbolic tensor to build a network from; see `InputLayer`."""
    return InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, optional, name).tensor


def _batch_shape(shape: Sequence[int | None] | None, batch_size: int | None, batch_shape: Sequence[int | None] | None) -> Shape:
    if shape is not None and batch_shape is not None:
        raise NetworkError("You cannot pass both `shape` and `batch_shape` at the same time.")
    if batch_size is not None and batch_shape is not None:
        raise NetworkError("You cannot pass both `batch_size` and `batch_shape` at the same time.")
    if shape is None and batch_shape is None:
        raise NetworkError("You must pass a `shape` argument.")
    dims = tuple(batch_shape) if batch_shape is not None else (batch_size, *((shape,) if isinstance(shape, int) else shape or ()))
    for dim in dims:
        if dim is not None and (not isinstance(dim, int) or isinstance(dim, bool) or dim < 0):
            raise NetworkError(f"Cannot convert {dims!r} to a shape. Every dimension is None or an integer that is not negative.")
    return dims
