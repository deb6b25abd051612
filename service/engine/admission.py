"""Whether a request fits a model: the names, datatypes and shapes of its tensors, against the model's signature.

The texts are Triton's where Triton's are right, since that is what its clients' users know.
"""

from collections.abc import Mapping, Sequence

from service.engine.padding import UNPADDED, Fitted, Padding
from service.engine.queue import BatchOptions
from service.errors import InvalidRequestError, quoted
from service.request import Dim, Request, Signature, Tensor, TensorSpec

__all__ = ["accept"]


def accept(request: Request, signature: Signature, options: BatchOptions, padding: Padding = UNPADDED) -> tuple[Fitted, int]:
    """The arrays by input name as they will be run, and how many rows they have. Raises InvalidRequestError when they do not fit."""
    model = request.model
    given = {tensor.name: tensor for tensor in request.inputs}
    _check_names(model, given, signature, padding)
    for index, tensor in enumerate(request.inputs):
        try:
            _check_tensor(model, tensor, signature.inputs[tensor.name], signature.batched)
        except InvalidRequestError as error:
            raise error.within(f"inputs[{index}]") from None
    for index, output in enumerate(request.outputs):
        if output not in signature.outputs:
            raise InvalidRequestError(
                f"unexpected inference output '{quoted(output)}' for model '{model}'; it has {_list(signature.outputs)}",
                f"outputs[{index}].name",
            )
    optional = [name for name in given if signature.inputs[name].optional]
    needed = [(index, tensor) for index, tensor in enumerate(request.inputs) if tensor.name not in optional]
    rows = _rows(model, needed, options, bool(optional)) if signature.batched else 1
    feeds = {name: given[name].array for name in signature.inputs if name in given}
    # What replaces the model's own value is no row and holds for this request alone: it is neither padded nor run with others.
    return Fitted(feeds, alone=True) if optional else padding.fit(model, feeds), rows


def _check_names(model: str, given: Mapping[str, Tensor], signature: Signature, padding: Padding) -> None:
    for index, name in enumerate(given):
        if name not in signature.inputs:
            raise InvalidRequestError(
                f"unexpected inference input '{quoted(name)}' for model '{model}'; it takes {_list(signature.inputs)}",
                f"inputs[{index}].name",
            )
    needed = [name for name, spec in signature.inputs.items() if not spec.optional]
    if missing := [name for name in needed if name not in given and name not in padding.masks]:
        raise InvalidRequestError(
            f"expected {len(needed)} inputs but got {len(given)} inputs for model '{model}'. Got input(s) {list(given)}, but "
            f"missing required input(s) {missing}. Please provide all required input(s).",
            "inputs",
        )


def _check_tensor(model: str, tensor: Tensor, spec: TensorSpec, batched: bool) -> None:
    if tensor.datatype is not spec.datatype:
        raise InvalidRequestError(
            f"inference input '{tensor.name}' data-type is '{tensor.datatype.name}', but model '{model}' expects '{spec.datatype.name}'",
            "datatype",
        )
    shape = tensor.array.shape
    if batched and not shape and not spec.optional:
        raise InvalidRequestError(f"input '{tensor.name}' has no shape but model requires batch dimension for '{model}'", "shape")
    if len(shape) != len(spec.shape) or not all(map(_fits, shape, spec.shape)):
        expected, got = ",".join(map(str, spec.wire_shape)), ",".join(map(str, shape))
        raise InvalidRequestError(
            f"unexpected shape for input '{tensor.name}' for model '{model}'. Expected [{expected}], got [{got}]", "shape"
        )


def _fits(size: int, expected: Dim) -> bool:
    return not isinstance(expected, int) or size == expected


def _rows(model: str, tensors: Sequence[tuple[int, Tensor]], options: BatchOptions, alone: bool) -> int:
    """How many rows all of these have; each comes with its place in the request. What runs `alone` cannot be split."""
    first, tensor = tensors[0]
    rows = tensor.array.shape[0]
    for index, tensor in tensors:
        if tensor.array.shape[0] != rows:
            raise InvalidRequestError(
                f"input '{tensor.name}' batch size does not match other inputs for '{model}'", f"inputs[{index}].shape"
            )
    if rows == 0:
        raise InvalidRequestError(f"inference request batch size must be > 0 for '{model}'", f"inputs[{first}].shape")
    if rows > options.max_batch_rows and (alone or not options.split_large):
        raise InvalidRequestError(
            f"inference request batch-size must be <= {options.max_batch_rows} for '{model}'", f"inputs[{first}].shape"
        )
    return int(rows)


def _list(names: Mapping[str, TensorSpec]) -> str:
    return ", ".join(f"'{name}'" for name in names)
