"""`Layer`: what every layer is.

A layer is its constructor's fields, which are its config; `build`, which adds weights once shapes are known; and `call`,
its maths, written in `ops`. Called on symbolic tensors it becomes part of a network; called on arrays it is traced,
exported and run, so that there is no second implementation to disagree with the first.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any, ClassVar, Self

import numpy as np

from builder import initializers
from builder.call_arguments import build_shapes, cast_floats, known_keywords, masks_in, pass_masks_on, with_masks
from builder.dtype_policy import DTypePolicy
from builder.errors import NetworkError, UnsupportedError
from builder.execution import Executable, Memory
from builder.graph import Array, Graph, Parameter, Spec, current_scope, scope
from builder.input_spec import InputSpec, as_shapes, given_input_shape
from builder.naming import auto_name
from builder.ops.operation import bare, record
from builder.ops.placeholder import graph_input, placeholder
from builder.ops.promotion import is_floating
from builder.ops.symbolic import Call, KerasTensor, Variable, computing_in, symbolic_leaves
from builder.proto import standardize_dtype
from builder.saving import register, serialize
from builder.structure import flatten, pack

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
    # Keras's modes of keeping a matrix in few bits that the class has.
    quantizations: ClassVar[tuple[str, ...]] = ()
    input_spec: InputSpec | None = None
    stateful: bool = False  # whether calls go on from where the one before ended, for a batch of a fixed size
    memories: Sequence[Memory] = ()
    _path: str | None = None  # known once built
    _built_for: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})  # what `build` was given
    _arguments: dict[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = _marking(cls.build)  # type: ignore[method-assign]
        register(cls)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)
        self._arguments = _named_arguments(cls, args, kwargs)
        return self

    def __init__(self, *, name: str | None = None, trainable: bool = True, dtype: Any = None, autocast: bool = True, **kwargs: Any) -> None:
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise NetworkError(f"Argument `name` must be a string and cannot contain character `/`. Received: name={name}")
        self.name = name or auto_name(type(self).__name__)
        self._trainable = trainable
        self.dtype_policy = DTypePolicy.of(dtype)
        self._check_quantization()
        self.supports_masking = False
        self.autocast = autocast
        self.built = type(self).build is Layer.build  # with nothing to build, it is
        self.calls: list[Call] = []
        self.given_input_shape = given_input_shape(kwargs)
        self._variables: list[Variable] = []
        self._executables: dict[Any, tuple[Executable, Any]] = {}
        known = (*type(self).training_only, "activity_regularizer")
        self._training_only = {key: kwargs.pop(key) for key in known if key in kwargs}
        if kwargs:
            raise NetworkError(f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}")

    # What users call.

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs for symbolic tensors, or for arrays. Raises NetworkError when they do not fit the layer."""
        tensors = symbolic_leaves((args, kwargs))
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
        """Builds for the shape that a file says the layer was built for, if it says one."""
        if (shape := config.get("input_shape")) is not None and not self.built:
            self.build(as_shapes(shape))

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
    def trainable_weights(self) -> list[Variable]:
        """The weights that training would change, this layer's and then its sublayers'; none where it is frozen."""
        if not self.trainable:
            return []
        own = [variable for variable in self.own_variables if variable.trainable]
        return _each_once([*own, *(variable for layer in self.sublayers() for variable in layer.trainable_weights)])

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The other weights."""
        trainable = set(map(id, self.trainable_weights))
        return [variable for variable in self.weights if id(variable) not in trainable]

    @property
    def weights(self) -> list[Variable]:
        """All weights, each once: this layer's, trainable ones first, and then those of its sublayers."""
        return _each_once([*self.own_variables, *(variable for layer in self.sublayers() for variable in layer.weights)])

    @property
    def own_variables(self) -> list[Variable]:
        """This layer's own weights: trainable ones first."""
        return sorted(self._variables, key=lambda variable: not variable.trainable)

    @property
    def saved_variables(self) -> list[Variable]:
        """This layer's own weights in the order of a file."""
        return self.own_variables

    @property
    def own_policy(self) -> DTypePolicy:
        """The policy of this very layer, where `dtype_policy` has one for each path."""
        return self.dtype_policy if self._path is None else self.dtype_policy.at(self._path)

    @property
    def dtype(self) -> str:
        """The dtype of the weights."""
        return self.own_policy.variable_dtype

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
            raise NetworkError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't built: call it once, or `build` it with "
                "the shape of its input."
            )
        return sum(int(np.prod(variable.shape, dtype=np.int64)) for variable in self.weights)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data: `from_config` makes an equal layer, without the weights."""
        fields = {name: serialize(getattr(self, name, given)) for name, given in self._arguments.items()}
        base = {"name": self.name, "trainable": self.trainable, "dtype": self.dtype_policy.get_config()}
        return base | fields | {key: serialize(value) for key, value in self._training_only.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A layer with the arguments in `config`."""
        return cls(**config)

    @property
    def output(self) -> Any:
        """The symbolic output of the first call. Raises AttributeError when there is none."""
        return _unpacked(self._first_call().outputs)

    @property
    def input(self) -> Any:
        """The symbolic input of the first call. Raises AttributeError when there is none."""
        return _unpacked(self._first_call().inputs)

    # What subclasses and models build on.

    def all_memories(self) -> list[Memory]:
        """What this layer and those inside of it keep from call to call."""
        inside = (memory for layer in self.sublayers() for memory in layer.all_memories())
        return list(dict.fromkeys([*self.memories, *inside]))

    def forget(self) -> None:
        """Lets go of the networks that calls on arrays have made."""
        self._executables.clear()

    def sublayers(self) -> Iterator[Layer]:
        """The layers among this layer's attributes, in the order of assignment."""
        for _, child in self.children():
            yield from (leaf for leaf in flatten(child) if isinstance(leaf, Layer))

    def children(self) -> Iterator[tuple[str, Any]]:
        """Attributes that are a layer or hold layers: the tree by which weights are found in a file."""
        for name, value in vars(self).items():
            if name != "_arguments" and any(isinstance(leaf, Layer) for leaf in flatten(value)):
                yield name, value

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
                if self.supports_masking or symbolic_leaves(masks):
                    pass_masks_on(outputs, self.compute_mask(first, masks))
                return outputs
            except NetworkError as error:
                if error.args and str(error.args[0]).startswith("layer '"):
                    raise
                path = "/".join(current_scope())
                raise NetworkError(f"layer '{path}' ({type(self).__name__}): {error}") from error

    def _check_quantization(self) -> None:
        """Raises UnsupportedError when the layer is to keep its weights in a way that its class does not have."""
        mode = self.own_policy.quantization
        if mode is not None and mode.partition("/")[0] not in self.quantizations:
            known = (
                f"a {type(self).__name__} may be {', '.join(self.quantizations)}" if self.quantizations else "its class has no such mode"
            )
            raise UnsupportedError(f"layer '{self.name}' is quantized to {mode}, and {known}; save the model before `quantize`")

    def _check_inputs(self, inputs: Any) -> None:
        if self.input_spec is None:
            return
        for index, leaf in enumerate(flatten(inputs)):
            if not isinstance(leaf, KerasTensor):
                raise NetworkError(
                    f"Inputs to a layer should be tensors. Got '{leaf}' (of type {type(leaf)}) as input for layer '{self.name}'."
                )
            self.input_spec.check(self.name, index, leaf)

    def _compute(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The outputs for arrays: the call is traced once for each set of shapes, and run."""
        given = [_array(leaf) for leaf in flatten((args, kwargs))]
        arrays = [array for array in given if array is not None]
        if not arrays:
            raise NetworkError(f"layer '{self.name}' was called without a tensor: pass arrays, or symbolic tensors from Input()")
        others = [leaf for leaf, array in zip(flatten((args, kwargs)), given, strict=True) if array is None]
        rows = [array.shape[:1] if self.stateful else (None,) for array in arrays]
        shapes = [(*first, *array.shape[1:])[: array.ndim] for first, array in zip(rows, arrays, strict=True)]
        key = (tuple((shape, array.dtype.name) for shape, array in zip(shapes, arrays, strict=True)), repr((sorted(kwargs), others)))
        if key not in self._executables:
            pairs = zip(shapes, arrays, strict=True)
            inputs = [placeholder(f"input_{index}", shape, array.dtype.name) for index, (shape, array) in enumerate(pairs)]
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


def _named_arguments(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """A constructor's arguments by name, defaults filled in, without those that the base class takes."""
    signature = inspect.signature(cls.__init__)  # type: ignore[misc]
    try:
        bound = signature.bind(None, *args, **kwargs)
    except TypeError:
        return {}  # __init__ itself is about to say what is wrong
    bound.apply_defaults()
    base = ("name", "trainable", "dtype", "autocast")
    fields = [p.name for p in list(signature.parameters.values())[1:] if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    return {field: bound.arguments[field] for field in fields if field not in base}


def _each_once(variables: Sequence[Variable]) -> list[Variable]:
    return list({id(variable): variable for variable in variables}.values())


def _unpacked(structure: Any) -> Any:
    return structure[0] if isinstance(structure, list) and len(structure) == 1 else structure


def _array(leaf: Any) -> Array | None:
    """The leaf as an array; floats that NumPy made wide are float32, as everywhere in Keras."""
    if isinstance(leaf, np.ndarray | np.generic | Variable):
        array = np.asarray(leaf)
        return array.astype(np.float32) if array.dtype == np.float64 else array
    return None


def _marking(build: Callable[..., None]) -> Callable[..., None]:
    """`build`, after which the layer is built, also when a user calls it and not the first call does."""

    @wraps(build)
    def mark(self: Layer, *args: Any, **kwargs: Any) -> None:
        if self._path is None:
            around = current_scope()  # which ends with the layer itself where its first call builds it
            self._path = "/".join(around if around[-1:] == (self.name,) else (*around, self.name))
            self._check_quantization()
        self._built_for = args, kwargs
        build(self, *args, **kwargs)
        self.built = True

    return mark
