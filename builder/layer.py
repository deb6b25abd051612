"""`Layer`: what every layer is.

A layer is its constructor's fields, which are its config; `build`, which adds weights once shapes are known; and `call`,
its maths, written in `ops`. Called on symbolic tensors it becomes part of a network; called on arrays it is traced,
exported and run, so that there is no second implementation to disagree with the first.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from builder import initializers
from builder.attributes import accepted, attributes, each_once, given_input_shape, held, may_hold, named_arguments, properties, unpacked
from builder.call_arguments import (
    build_shapes,
    cast_floats,
    check_positional,
    check_quantization,
    known_keywords,
    marking,
    masks_in,
    pass_masks_on,
    with_masks,
)
from builder.dtype_policy import DTypePolicy
from builder.errors import NetworkError
from builder.execution import Executable, Memory, as_array, dtype_name
from builder.graph import Array, Graph, Parameter, Spec, current_scope, scope
from builder.input_spec import check_inputs
from builder.naming import auto_name
from builder.ops.operation import bare, record
from builder.ops.placeholder import graph_input, placeholder
from builder.ops.promotion import is_floating
from builder.ops.symbolic import Call, Variable, computing_in, symbolic_leaves
from builder.proto import standardize_dtype
from builder.saving import register, serialize
from builder.shapes import as_shapes, placeholders
from builder.structure import flatten, map_structure, pack

__all__ = ["Layer"]


class Layer:
    """The base of all layers, and of a user's own: write `__init__`, `build` and `call` as for Keras.

    `name` is given or counted (dense, dense_1); `dtype` is that of the weights and the arithmetic, float32 unless told
    otherwise. Subclasses may also take `input_shape`, as the first layer of a Sequential.
    """

    # Constructor arguments of Keras's that matter in training only: kept in the config, and without effect here.
    training_only: ClassVar[tuple[str, ...]] = ()
    # Each layer has its own arity, so `call` is declared as a value and not as a method to override.
    call: ClassVar[Callable[..., Any]]
    quantizations: ClassVar[tuple[str, ...]] = ()  # Keras's modes of keeping a matrix in few bits that the class has
    input_spec: Any = None  # an InputSpec, or a structure of them
    stateful: bool = False  # whether calls go on from where the one before ended, for a batch of a fixed size
    memories: Sequence[Memory] = ()
    _path: str | None = None  # known once built
    _arguments: dict[str, Any]
    untracked: ClassVar[tuple[str, ...]] = ("_arguments",)  # attributes in which layers are not this layer's own

    def __init_subclass__(cls, is_abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = marking(cls.build)  # type: ignore[method-assign]
        if not is_abstract:  # a base that others are made of, which no file may name
            register(cls)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)
        self._arguments = named_arguments(cls, args, kwargs)
        return self

    def __init__(self, *, name: str | None = None, trainable: bool = True, dtype: Any = None, autocast: bool = True, **kwargs: Any) -> None:
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise NetworkError(f"Argument `name` must be a string and cannot contain character `/`. Received: name={name}")
        self.name = name or auto_name(type(self).__name__)
        self._trainable = trainable
        self.dtype_policy = DTypePolicy.of(dtype)
        check_quantization(self)
        self.supports_masking = False
        self.autocast = autocast
        self.built = type(self).build is Layer.build  # with nothing to build, it is
        self.calls: list[Call] = []
        self.given_input_shape = given_input_shape(kwargs)
        self._variables: list[Variable] = []
        self._built_for: dict[str, Any] = {}
        self.latest_shape: Any = None  # of what the latest call gave, for a layer that is inside of another one's call
        self._executables: dict[Any, tuple[Executable, Any]] = {}
        known = (*type(self).training_only, "activity_regularizer")
        self._training_only = {key: kwargs.pop(key) for key in known if key in kwargs}
        if kwargs:
            raise NetworkError(f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}")

    # What users call.

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs for symbolic tensors, or for arrays. Raises NetworkError when they do not fit the layer."""
        tensors = symbolic_leaves((args, kwargs))
        if tensors and not current_scope():
            check_positional(args)
        if not tensors and not current_scope():
            return self._compute(args, kwargs)
        outputs = self._trace(bare(args), bare(kwargs))
        if all(tensor.history is None for tensor in tensors):
            return outputs
        return record(self, args, kwargs, outputs)

    def add_weight(
        self,
        shape: Sequence[int] | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        name: str | None = None,
        **_: Any,
    ) -> Variable:
        """A new weight of this layer. Raises NetworkError when a dimension is not known.

        Arguments that matter in training only (regularizer, constraint, aggregation) are taken and have no effect.
        """
        dims = tuple(shape or ())
        if None in dims:
            raise NetworkError(
                f"Shapes used to initialize variables must be fully-defined (no `None` dimensions). Received: shape={dims} "
                f"for variable {name or 'variable'} of layer '{self.name}'"
            )
        dtype = standardize_dtype(dtype or self.dtype)
        start = initializers.get(initializer or ("glorot_uniform" if is_floating(dtype) else "zeros"))
        assert start is not None
        name = name or auto_name("variable")
        parameter = Parameter(name, Spec(dims, dtype), lambda: start(dims, dtype))
        variable = Variable(parameter, f"{self.name}/{name}", trainable)
        self._variables.append(variable)
        return variable

    def build(self, input_shape: Any) -> None:
        """Adds the weights, once the shape of the first argument is known. The batch's size is None."""

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Builds for the shapes that a file says the layer was built for, if it says any."""
        if self.built:
            return
        if (shape := config.get("input_shape")) is not None:
            self.build(as_shapes(shape))
        elif (shapes := config.get("shapes_dict")) is not None:
            self.build(**as_shapes(shapes))

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that the layer was built for, for `build_from_config`; None when it was not, or had nothing to build."""
        if len(self._built_for) == 1:
            return {"input_shape": next(iter(self._built_for.values()))}
        return {"shapes_dict": dict(self._built_for)} if self._built_for else None

    def compute_output_shape(self, *shapes: Any, **named: Any) -> Any:
        """The shape of the outputs for inputs of these shapes, batch and all; the layer itself is neither built nor called.

        The shapes are in the order of the arguments of `call`, or go by the names of these and `_shape`.
        """
        call = self._as_built()
        parameters = list(inspect.signature(call.call).parameters)
        given = dict(zip(parameters, shapes, strict=False))
        given |= {parameters[0] if name == "input_shape" else name.removesuffix("_shape"): shape for name, shape in named.items()}
        arguments = {name: placeholders(name, shape, self.compute_dtype) for name, shape in given.items() if shape is not None}
        return map_structure(lambda tensor: tensor.shape, call._trace((), arguments))

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic tensors like the outputs for these symbolic tensors, which no network knows of."""
        return self._as_built()._trace(bare(args), bare(kwargs))

    def add_loss(self, *args: Any, **kwargs: Any) -> None:
        """Takes what would be added to a loss, or watched, in training, and has no effect."""

    add_metric = add_loss

    def saved_variables(self) -> dict[str, Variable]:
        """What a file keeps of this layer's own weights, by the names that it has for them: "0", "1" and so on."""
        return {str(index): variable for index, variable in enumerate(self.own_variables)}

    def load_own_assets(self, files: Mapping[str, bytes]) -> None:
        """Takes what a `.keras` file keeps for this layer beside its weights, by file name: a vocabulary."""

    def save_own_assets(self) -> dict[str, bytes]:
        """What a `.keras` file is to keep for this layer beside its weights, by file name."""
        return {}

    @property
    def class_name(self) -> str:
        """The name of the layer's class, as summaries and files have it."""
        return type(self).__name__

    @property
    def trainable(self) -> bool:
        """Whether training would change this layer; setting it sets it for the layers inside too."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = value
        for layer in self.sublayers():
            layer.trainable = value

    @property
    def variables(self) -> list[Variable]:
        """The same as `weights`."""
        return self.weights

    @property
    def trainable_variables(self) -> list[Variable]:
        """The same as `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The same as `non_trainable_weights`."""
        return self.non_trainable_weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training would change, this layer's and then its sublayers'; none where it is frozen."""
        if not self.trainable:
            return []
        own = [variable for variable in self.own_variables if variable.trainable]
        return each_once([*own, *(variable for layer in self.sublayers() for variable in layer.trainable_weights)])

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The other weights."""
        trainable = set(map(id, self.trainable_weights))
        return [variable for variable in self.weights if id(variable) not in trainable]

    @property
    def weights(self) -> list[Variable]:
        """All weights, each once: this layer's, trainable ones first, and then those of its sublayers."""
        return each_once([*self.own_variables, *(variable for layer in self.sublayers() for variable in layer.weights)])

    @property
    def own_variables(self) -> list[Variable]:
        """This layer's own weights: trainable ones first."""
        return sorted(self._variables, key=lambda variable: not variable.trainable)

    @property
    def own_policy(self) -> DTypePolicy:
        """The policy of this very layer, where `dtype_policy` has one for each path."""
        return self.dtype_policy if self._path is None else self.dtype_policy.at(self._path)

    @property
    def dtype(self) -> str:
        """The dtype of the weights."""
        return self.own_policy.variable_dtype

    variable_dtype = dtype

    @property
    def compute_dtype(self) -> str:
        """The dtype of the arithmetic, and so of the outputs."""
        return self.own_policy.compute_dtype

    def compute_mask(self, inputs: Any, mask: Any) -> Any:
        """The masks of the outputs from those of the first argument: the same where the layer supports masking, else none."""
        return mask if self.supports_masking else None

    def get_weights(self) -> list[Array]:
        """Copies of the numbers of `weights`."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: Sequence[Array]) -> None:
        """Assigns all of `weights`, or none: raises NetworkError when the number or a shape differs."""
        own = self.weights
        if len(weights) != len(own):
            raise NetworkError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of length {len(weights)}, but the "
                f"layer was expecting {len(own)} weights."
            )
        for variable, array in zip(own, weights, strict=True):
            if np.shape(array) != variable.shape:
                raise NetworkError(
                    f"Layer {self.name} weight shape {variable.shape} is not compatible with provided weight shape {np.shape(array)}."
                )
        for variable, array in zip(own, weights, strict=True):
            variable.assign(array)

    def count_params(self) -> int:
        """The number of elements in all weights. Raises NetworkError before they exist."""
        if not self.built:
            raise NetworkError(f"You tried to call `count_params` on layer '{self.name}', but the layer isn't built: call it, or build it.")
        return sum(int(np.prod(variable.shape, dtype=np.int64)) for variable in self.weights)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data: `from_config` makes an equal layer, without the weights."""
        fields = {name: serialize(getattr(self, name, given)) for name, given in self._arguments.items()}
        base = {"name": self.name, "trainable": self.trainable, "dtype": self.dtype_policy.get_config()}
        return base | fields | {key: serialize(value) for key, value in self._training_only.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A layer with the arguments in `config`, and its name also where the constructor takes none."""
        layer = cls(**accepted(cls, config))
        layer.name = config.get("name") or layer.name
        return layer

    @property
    def output(self) -> Any:
        """The symbolic output of the first call. Raises AttributeError when there is none."""
        return unpacked(self._first_call().outputs)

    @property
    def input(self) -> Any:
        """The symbolic input of the first call. Raises AttributeError when there is none."""
        return unpacked(self._first_call().inputs)

    # What subclasses and models build on.

    def all_memories(self) -> list[Memory]:
        """What this layer and those inside of it keep from call to call."""
        inside = (memory for layer in self.sublayers() for memory in layer.all_memories())
        return list(dict.fromkeys([*self.memories, *inside]))

    def forget(self) -> None:
        """Lets go of the networks that calls on arrays have made."""
        self._executables.clear()

    def sublayers(self) -> Iterator[Layer]:
        """The layers among this layer's attributes, each once, in the order of assignment."""
        leaves = (leaf for _, value in attributes(self, self.untracked) if may_hold(value, Layer) for leaf in held(value))
        yield from dict.fromkeys(leaf for leaf in leaves if isinstance(leaf, Layer))

    def children(self) -> list[tuple[str, Any]]:
        """Attributes that are a layer or hold layers, private ones last: the tree by which weights are found in a file."""
        values = dict((*properties(self), *attributes(self, self.untracked)))
        names = [name for name, value in values.items() if may_hold(value, Layer) and any(isinstance(leaf, Layer) for leaf in held(value))]
        return [(name, values[name]) for name in sorted(names, key=lambda name: (name.startswith("_"), name))]

    def _as_built(self) -> Self:
        """This layer, or where it has no weights yet another one like it."""
        return self if self.built else type(self).from_config(self.get_config())

    def _trace(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        kwargs = known_keywords(self.call, kwargs)
        if self.autocast:
            args, kwargs = cast_floats((args, kwargs), self.compute_dtype)
        first = args[0] if args else next(iter(kwargs.values()), None)
        self._check_inputs(first)
        masks = masks_in(kwargs, first)
        with scope(self.name), computing_in(self.compute_dtype if self.autocast else None):
            try:
                if not self.built:
                    self.build(**build_shapes(self.build, self.call, args, kwargs))
                    self.built = True  # where there is none to build too
                outputs = self.call(*args, **with_masks(self.call, args, kwargs))
                self.latest_shape = map_structure(lambda leaf: getattr(leaf, "shape", None), outputs)
                if self.supports_masking or symbolic_leaves(masks):
                    pass_masks_on(outputs, self.compute_mask(first, masks))
                return outputs
            except NetworkError as error:
                if error.args and str(error.args[0]).startswith("layer '"):
                    raise
                path = "/".join(current_scope())
                raise NetworkError(f"layer '{path}' ({type(self).__name__}): {error}") from error

    def _check_inputs(self, inputs: Any) -> None:
        """Raises NetworkError when the first argument is not what `input_spec` asks for."""
        if self.input_spec is not None:
            check_inputs(self.input_spec, inputs, self.name)

    def _compute(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The outputs for arrays: the call is traced once for each set of shapes, and run."""
        given = [as_array(leaf) for leaf in flatten((args, kwargs))]
        arrays = [array for array in given if array is not None]
        if not arrays:
            raise NetworkError(f"layer '{self.name}' was called without a tensor: pass arrays, or symbolic tensors from Input()")
        others = [repr(leaf) if array is None else "an array" for leaf, array in zip(flatten((args, kwargs)), given, strict=True)]
        rows = [array.shape[:1] if self.stateful else (None,) for array in arrays]
        shapes = [(*first, *array.shape[1:])[: array.ndim] for first, array in zip(rows, arrays, strict=True)]
        dtypes = [dtype_name(array) for array in arrays]
        key = (tuple(shapes), tuple(dtypes), repr(pack((args, kwargs), others)))
        if key not in self._executables:
            pairs = zip(shapes, dtypes, strict=True)
            inputs = [placeholder(f"input_{index}", shape, dtype) for index, (shape, dtype) in enumerate(pairs)]
            symbols = iter(inputs)
            leaves = [leaf if array is None else next(symbols) for leaf, array in zip(flatten((args, kwargs)), given, strict=True)]
            outputs = self._trace(*pack((args, kwargs), leaves))
            values = tuple(tensor.value for tensor in flatten(outputs))
            graph = Graph(tuple(graph_input(tensor) for tensor in inputs), values, tuple(f"output_{index}" for index in range(len(values))))
            self._executables[key] = Executable(graph, self.all_memories()), outputs
        executable, outputs = self._executables[key]
        return pack(outputs, executable.run(arrays))

    def _first_call(self) -> Call:
        if not self.calls:
            raise AttributeError(f"The layer {self.name} has never been called and thus has no defined input/output.")
        return self.calls[0]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"
