"""Functions of `ops` compute what those of `keras.ops` do, at once and in networks, in the dtype in which theirs do."""

import importlib
import inspect
import json
import operator
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays, mutually_broadcastable_shapes
from keras.src.backend.common.dtypes import result_type

import builder
from builder import Input, Model, ops
from builder.errors import NetworkError, SymbolicError, UnsupportedError
from builder.graph import Array
from builder.ops.operation import KEPT, KERAS_CLASSES, TENSORS, function_of_class
from builder.ops.promotion import result_dtype
from builder.ops.refused import REFUSED
from builder.ops.symbolic import OPERATIONS, KerasTensor
from builder.structure import flatten
from tests.builder.functions import ROWS, Row

A = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
Call = Callable[..., Any]


@cache
def expected(name: str) -> list[Array]:
    """What Keras answers, at once."""
    row = ROWS[name]
    with np.errstate(all="ignore"):
        return [np.asarray(answer) for answer in flatten(row.call(keras.ops, *map(keras.ops.convert_to_tensor, row.inputs)))]


def assert_same(found: Any, wanted: list[Array]) -> None:
    answers = [np.asarray(answer) for answer in flatten(found)]
    assert [(answer.shape, answer.dtype) for answer in answers] == [(answer.shape, answer.dtype) for answer in wanted]
    for answer, want in zip(answers, wanted, strict=True):
        np.testing.assert_allclose(answer.astype(np.float64), want.astype(np.float64), rtol=1e-5, atol=1e-5)


def inputs_of(row: Row, package: Any) -> list[Any]:
    shapes = [(array.shape[0] if row.batch else None, *array.shape[1:]) for array in row.inputs]
    return [package.Input(batch_shape=shape, dtype=array.dtype.name) for shape, array in zip(shapes, row.inputs, strict=True)]


@pytest.mark.parametrize("name", [name for name in ROWS if not name.startswith("x[")])  # those are for symbols
def test_a_function_equals_that_of_keras(name: str) -> None:
    assert_same(ROWS[name].call(ops, *ROWS[name].inputs), expected(name))


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.inputs])
def test_a_network_of_it_does_too_and_keras_opens_it(name: str) -> None:
    row, symbols = ROWS[name], inputs_of(ROWS[name], builder)
    model = Model(symbols, row.call(ops, *symbols))
    assert_same(model(list(row.inputs)), expected(name))
    if row.saved and row.opens:
        theirs = keras.Model.from_config(json.loads(json.dumps(model.get_config())))
        assert_same(theirs(list(row.inputs)), expected(name))


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.inputs and row.saved])
def test_a_network_that_keras_saved_is_the_same_here(name: str, tmp_path: Path) -> None:
    row, symbols = ROWS[name], inputs_of(ROWS[name], keras)
    keras.Model(symbols, row.call(keras.ops, *symbols)).save(tmp_path / "ops.keras")
    model = builder.load_model(tmp_path / "ops.keras")
    assert_same(model(list(row.inputs)), expected(name))
    again = type(model).from_config(json.loads(json.dumps(model.get_config())))
    assert_same(again(list(row.inputs)), expected(name))


class Recorder:
    """`ops`, and which of its functions were asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.asked.add(name)
        return self if name == "image" else getattr(ops, name, None) or getattr(ops.image, name)


def test_every_function_has_a_row() -> None:
    recorder = Recorder()
    for row in ROWS.values():
        row.call(recorder, *(Input(batch_shape=array.shape, dtype=array.dtype.name) for array in row.inputs))
    elsewhere = ("attention", "convolution", "loop", "normalization", "pooling", "recurrent")  # with the layers of that name
    functions = {name: getattr(ops, name) for name in ops.__all__ if name not in NAMESPACES} | {
        name: getattr(ops.image, name) for name in ops.image.__all__
    }
    own = {name for name, function in functions.items() if function.__module__.rpartition(".")[2] not in elsewhere}
    aliases = {"convert_to_numpy", "dtype", "empty", "empty_like", "array", "extract_patches_3d", "is_tensor", "ndim", "shape"}
    assert own - recorder.asked - aliases - set(REFUSED) == set()


NAMESPACES = {"image": keras.ops.image, "linalg": keras.ops.linalg, "nn": keras.ops.nn, "numpy": keras.ops.numpy}
PATHS = [
    *(name for name in dir(keras.ops) if not name.startswith("_") and name not in NAMESPACES),
    *(f"{room}.{name}" for room, theirs in NAMESPACES.items() for name in dir(theirs) if not name.startswith("_")),
]


@pytest.mark.parametrize("room", NAMESPACES)
def test_a_namespace_is_that_of_keras(room: str) -> None:
    ours = getattr(ops, room)
    assert set(ours.__all__) == {name for name in dir(NAMESPACES[room]) if not name.startswith("_")}
    assert room == "image" or all(getattr(ours, name) is getattr(ops, name) for name in ours.__all__)


def test_every_function_of_keras_is_here_or_refused_and_takes_all_its_arguments() -> None:
    lacking = {}
    for path in PATHS:
        theirs, ours = (inspect.signature(operator.attrgetter(path)(package)) for package in (keras.ops, ops))
        given = [one for one in theirs.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        free = [one for one in ours.parameters.values() if one.kind is inspect.Parameter.VAR_KEYWORD]
        own = list(ours.parameters.values())[: len(given)]
        if not free and [(one.name, one.kind) for one in own] != [(one.name, one.kind) for one in given]:
            lacking[path] = f"{ours} for {theirs}"
        required = [one.name for one, other in zip(own, given, strict=False) if one.default is one.empty and other.default is not one.empty]
        if required and not free:
            lacking[path] = f"{required} are not optional"
    assert lacking == {}


@pytest.mark.parametrize("name", REFUSED)
def test_a_function_that_is_refused_says_why(name: str) -> None:
    function = getattr(ops, name, None) or getattr(ops.image, name)
    assert callable(getattr(keras.ops, name, None) or getattr(keras.ops.image, name))
    with pytest.raises(UnsupportedError, match=f"`ops.{name}` is not supported: .{{20,}}") as caught:
        function(Input((3, 3)), 1, some="argument")
    assert REFUSED[name] in str(caught.value)


def keras_class(name: str) -> Any:
    """Keras's class for a function; None where it has none, because the function makes constants."""
    class_name = KERAS_CLASSES.get(name) or "".join(part.capitalize() for part in name.split("_"))
    if name.startswith("activations."):
        return getattr(keras.src.activations.activations, {"activations.relu": "ReLU", "activations.mish": "Mish"}[name])
    room = OPERATIONS[name].__module__.split(".")[2]
    return getattr(importlib.import_module(f"keras.src.ops.{room}"), class_name, None)


def named(function: Callable[..., Any]) -> list[str]:
    """The parameters, without one for all others by name."""
    parameters = inspect.signature(function).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is not inspect.Parameter.VAR_KEYWORD]


CONSTANT = {
    "bartlett",
    "blackman",
    "empty",
    "extract_patches_3d",
    "eye",
    "hamming",
    "hanning",
    "identity",
    "kaiser",
    "ones",
    "tri",
    "zeros",
}


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_arguments_are_where_keras_has_them(name: str) -> None:
    theirs = keras_class(name)
    if theirs is None:
        assert name in CONSTANT
        return
    made, called = (
        [parameter for parameter in named(method) if parameter not in ("self", "name")] for method in (theirs.__init__, theirs.call)
    )
    ours = [parameter for parameter in named(OPERATIONS[name]) if parameter not in ("num_tokens", "optimize")]
    assert [parameter for parameter in ours if parameter in TENSORS and parameter not in KEPT.get(name, ())] == called
    assert set(ours) - set(called) == set(made)
    assert function_of_class(theirs.__name__) is OPERATIONS[name].__wrapped__  # type: ignore[attr-defined]


DTYPES = ("bool", "uint8", "uint16", "uint32", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")


@pytest.mark.parametrize("first", DTYPES)
def test_operands_meet_in_keras_dtype(first: str) -> None:
    one = Input((2,), dtype=first)
    for second in DTYPES:
        assert result_dtype(one, Input((2,), dtype=second)) == result_type(first, second), second
    for number in (True, 2, 2.5):
        assert result_dtype(one, number) == result_type(first, type(number)), number
        assert ops.maximum(one, number).dtype == ops.maximum(number, one).dtype == result_type(first, type(number))


OF_ANY_DTYPE = (
    *(
        "abs",
        "square",
        "exp",
        "floor",
        "isnan",
        "mean",
        "sum",
        "max",
        "prod",
        "var",
        "any",
        "argmax",
        "sort",
        "cumsum",
        "relu",
        "relu6",
        "silu",
    ),
    *("softmax", "logsumexp", "count_nonzero", "ones_like", "flip", "tril", "signbit", "median", "average"),
)


@pytest.mark.parametrize("dtype", ["bool", "int16", "uint16", "float16"])
@pytest.mark.parametrize("name", OF_ANY_DTYPE)
def test_a_function_takes_and_gives_keras_dtypes(name: str, dtype: str) -> None:
    numbers = np.array([[3, 1], [0, 2]]).astype(dtype)
    if name in ("silu", "softmax") and dtype != "float16":
        pytest.skip("Keras has no answer itself")
    wanted = np.asarray(getattr(keras.ops, name)(keras.ops.convert_to_tensor(numbers)))
    found = np.asarray(getattr(ops, name)(numbers))
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    np.testing.assert_allclose(found.astype(np.float32), wanted.astype(np.float32), rtol=2e-3)


@pytest.mark.parametrize("name", ["add", "floor_divide", "mod", "power", "maximum", "less", "equal", "where", "matmul"])
@pytest.mark.parametrize("first", ["bool", "uint16", "int16", "float16"])
def test_a_function_of_two_takes_and_gives_keras_dtypes(name: str, first: str) -> None:
    if first == "bool" and name == "floor_divide":
        return  # Keras has none
    one = np.array([3, 1]).astype(first)
    for other in (np.array([1, 2], "int8"), np.array([1, 2], first), 2):
        operands = (
            (np.array([True, False]), one, other) if name == "where" else (one, np.atleast_1d(other) * one.any()) if False else (one, other)
        )
        if name == "matmul" and isinstance(other, int):
            continue
        wanted = np.asarray(getattr(keras.ops, name)(*operands))
        found = np.asarray(getattr(ops, name)(*operands))
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
        np.testing.assert_allclose(found.astype(np.float32), wanted.astype(np.float32), rtol=2e-3)


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "!=": lambda a, b: a != b,
}
NUMBERS = np.array([[1, 2, 3], [4, 5, 6]], np.float32)


@pytest.mark.parametrize("apply", OPERATORS.values(), ids=list(OPERATORS))
@pytest.mark.parametrize("other", [2, 0.5, np.array([1, 2, 3], "float32"), np.float32(3)], ids=["integer", "float", "array", "scalar"])
def test_an_operator_is_numpys(apply: Callable[[Any, Any], Any], other: Any) -> None:
    x = Input((3,))
    left, right = Model(x, apply(x, other))(NUMBERS), Model(x, apply(other, x))(NUMBERS)
    assert left.dtype == right.dtype == apply(NUMBERS, other).dtype
    np.testing.assert_allclose(left, apply(NUMBERS, other), rtol=1e-6)
    np.testing.assert_allclose(right, apply(other, NUMBERS), rtol=1e-6)


def test_the_other_operators_are_numpys() -> None:
    x, flag = Input((3,)), Input((3,), dtype="bool")
    flags = NUMBERS > 2
    np.testing.assert_array_equal(Model(x, abs(-x))(NUMBERS), NUMBERS)
    np.testing.assert_array_equal(Model(x, round(x / 4))(NUMBERS), np.round(NUMBERS / 4))
    np.testing.assert_array_equal(Model(x, x @ NUMBERS.T)(NUMBERS), NUMBERS @ NUMBERS.T)
    np.testing.assert_array_equal(Model([x, flag], (flag & ~(x < 5)) | (x < 2))([NUMBERS, flags]), (flags & (NUMBERS >= 5)) | (NUMBERS < 2))
    np.testing.assert_array_equal(Model([x, flag], (x < 4) ^ flag)([NUMBERS, flags]), (NUMBERS < 4) ^ flags)
    assert (x == x, x == Input((3,)), x != None) == (True, False, True)  # noqa: E711


@pytest.mark.parametrize(
    ("misuse", "words"),
    [
        pytest.param(bool, "cannot be used as a boolean", id="bool"),
        pytest.param(iter, "Iterating over a symbolic KerasTensor is not supported", id="iter"),
        pytest.param(len, "has no length", id="len"),
        pytest.param(float, "holds no number", id="float"),
        pytest.param(int, "holds no number", id="int"),
        pytest.param(np.array, "You cannot convert it to a NumPy array", id="array"),
        pytest.param(np.exp, "You cannot convert it to a NumPy array", id="a function of NumPy"),
    ],
)
def test_a_symbol_is_not_a_number(misuse: Callable[[KerasTensor], Any], words: str) -> None:
    with pytest.raises(SymbolicError, match=words):
        misuse(Input((3,)))


def test_a_symbol_tells_its_shape_and_dtype() -> None:
    x = Input((None, 3), dtype="int32", name="x")
    assert (x.shape, x.dtype, x.ndim, ops.shape(x), ops.ndim(x), ops.dtype(x)) == ((None, None, 3), "int32", 3, (None, None, 3), 3, "int32")
    assert repr(x) == "<KerasTensor shape=(None, None, 3), dtype=int32, name=x>"
    assert ops.is_tensor(x)
    assert not ops.is_tensor([1, 2])


IMAGE = np.ones((2, 6, 7, 4), np.float32)
I = np.ones((2, 3, 4), np.int32)  # noqa: E741
MISFITS: dict[str, Callable[[], Any]] = {
    "sizes that do not broadcast": lambda: ops.add(np.ones(3), np.ones(4)),
    "matrices that do not fit": lambda: ops.matmul(Input((3,)), np.ones((4, 2), np.float32)),
    "ranks that differ": lambda: ops.concatenate([np.ones(3), np.ones((3, 3))]),
    "shapes that do not stack": lambda: ops.stack([np.ones(3), np.ones((3, 3))]),
    "no dtype": lambda: ops.cast(np.ones(3), "float33"),
    "channels that do not divide": lambda: ops.conv(IMAGE, np.ones((3, 2, 3, 5), np.float32), data_format="channels_last"),
    "a window too large": lambda: ops.max_pool(IMAGE, 9, data_format="channels_last"),
    "two sizes to work out": lambda: ops.reshape(A, (-1, -1)),
    "a shape that it cannot be broadcast to": lambda: ops.broadcast_to(A, (2, 3, 5)),
    "an index out of bounds": lambda: Input((3,))[:, 3],
    "too many indices": lambda: Input((3,))[0, 0, 0],
    "an index that is none": lambda: Input((3,))["a"],
    "a mask that is not known": lambda: (lambda x: x[x > 0])(Input((3,))),
    "a part that is not whole": lambda: ops.split(A, 2, axis=1),
    "slices of unknown number": lambda: ops.unstack(Input((3,)), axis=0),
    "a condition alone": lambda: ops.where(A > 0),
    "numbers with a mode that takes none": lambda: ops.pad(A, 1, mode="edge", constant_values=1),
    "no mode": lambda: ops.pad(A, 1, mode="mirror"),
    "widths for other axes": lambda: ops.pad(A, ((1, 1), (1, 1))),
    "einsum of another rank": lambda: ops.einsum("ab,bc->ac", A, A),
    "einsum of another number": lambda: ops.einsum("abc->a", A, A),
    "vectors of four": lambda: ops.cross(A, A),
    "a sparse tensor": lambda: ops.one_hot(np.array([1]), 3, sparse=True),
    "numbers without an end": lambda: ops.bincount(np.array([1])),
    "no reduction": lambda: ops.scatter_update(A, np.array([[0]]), A[:1], reduction="sub"),
    "no interpolation": lambda: ops.image.resize(IMAGE, (3, 3), interpolation="sinc"),
    "both ways to keep proportions": lambda: ops.image.resize(IMAGE, (3, 3), crop_to_aspect_ratio=True, pad_to_aspect_ratio=True),
    "an image of no rank": lambda: ops.image.resize(IMAGE[0, 0], (3, 3)),
    "three margins of three": lambda: ops.image.pad_images(IMAGE, 1, 1, 1, 1, target_height=9),
    "a negative margin": lambda: ops.image.crop_images(IMAGE, 0, 0, target_height=9, target_width=2),
    "whole numbers as colours": lambda: ops.image.rgb_to_hsv(np.ones((2, 2, 3), "uint8")),
    "singular values": lambda: ops.norm(A, ord="nuc", axis=(1, 2)),
    "a norm of three axes": lambda: ops.norm(A, ord=2, axis=(0, 1, 2)),
    "bits of floats": lambda: ops.bitwise_and(A, A),
    "divisors of floats": lambda: ops.gcd(A, 2),
    "exponents that are floats": lambda: ops.ldexp(A, 0.5),
    "segments without an end": lambda: ops.segment_sum(A, np.array([0, 1])),
    "segments of two axes": lambda: ops.segment_sum(A, np.array([[0], [1]]), num_segments=2),
    "sums of booleans": lambda: ops.segment_sum(A > 0, np.array([0, 1]), num_segments=2),
    "a histogram of rows": lambda: ops.histogram(A),
    "correlations of rows": lambda: ops.correlate(A, A),
    "powers of rows": lambda: ops.vander(A),
    "an order from an unknown end": lambda: ops.argpartition(Input((3,)), -1, axis=0),
    "a matrix that is not square": lambda: ops.inv(A),
    "a right side of other rows": lambda: ops.solve(np.eye(3, dtype=np.float32), np.ones(4, np.float32)),
    "real numbers alone": lambda: ops.fft((A,)),  # type: ignore[arg-type]
    "a transform of integers": lambda: ops.fft((np.ones(3, "int32"), np.ones(3, "int32"))),
    "a transform of unknown size": lambda: ops.rfft(Input((None,))),
    "a transform of halves": lambda: ops.rfft(A.astype("float16")),
    "windows of integers": lambda: ops.stft(np.ones(9, "int32"), 4, 2, 4),
    "windows longer than a transform": lambda: ops.stft(A, 4, 2, 3),
    "no window": lambda: ops.stft(np.ones(9, np.float32), 4, 2, 4, window="blackman"),
    "a window of another size": lambda: ops.stft(np.ones(9, np.float32), 4, 2, 4, window=np.ones(3)),
    "targets of another shape": lambda: ops.binary_crossentropy(A, A[:1]),
    "classes of another shape": lambda: ops.sparse_categorical_crossentropy(np.array([1, 2, 3]), A),
    "no strategy": lambda: ops.ctc_decode(A, np.array([3, 3]), strategy="random"),
    "a pattern without an arrow": lambda: ops.rearrange(A, "a b c"),
    "a pattern that loses an axis": lambda: ops.rearrange(A, "a b c -> a b"),
    "a pattern of another rank": lambda: ops.rearrange(A, "a b -> b a"),
    "a pattern with two unknown sizes": lambda: ops.rearrange(A, "a (b c) d -> a b c d"),
    "a pattern that does not divide": lambda: ops.rearrange(A, "a (b c) d -> a b c d", b=2),
    "a blur of integers": lambda: ops.image.gaussian_blur(IMAGE.astype("uint8")),
    "no way to go on": lambda: ops.image.map_coordinates(A, A, 1, fill_mode="bounce"),
    "places of other axes": lambda: ops.image.map_coordinates(A, A, 1),
    "a cubic order": lambda: ops.image.map_coordinates(A[0], A[:, 0], 3),
    "no method": lambda: ops.image.scale_and_translate(A, (2, 3, 4), np.ones(1), np.ones(1), (1,), "nearest"),
    "no layout": lambda: ops.conv(IMAGE, np.ones((3, 2, 4, 5), np.float32), data_format="channels_middle"),
    "no padding": lambda: ops.max_pool(IMAGE, 2, padding="full"),
    "branches of different shapes": lambda: ops.cond(ops.max(Input((3,))) > 0, lambda: A, lambda: A[0]),
    "branches of different dtypes": lambda: ops.switch(ops.cast(ops.max(Input((3,))), "int32"), [lambda: A, lambda: I], *()),
    "a condition of many": lambda: ops.cond(Input((3,)) > 0, lambda: A, lambda: A),
    "steps of unknown number": lambda: ops.scan(lambda total, _: (total, total), A),
    "steps of two numbers": lambda: ops.scan(lambda total, _: (total, total), 0.0, (A, A[0])),
    "steps unrolled less than once": lambda: ops.scan(lambda total, _: (total, total), 0.0, A, unroll=0),
    "a state that changes its dtype": lambda: ops.scan(lambda total, x: (total + x, None), 0, A[0, 0]),
    "a state that changes its shape": lambda: ops.while_loop(lambda x: ops.sum(x) < 9, lambda x: ops.concatenate([x, x], 0), A),
    "fewer states than before": lambda: ops.while_loop(lambda x, y: ops.sum(x) < 9, lambda x, y: x, (A, A)),
    "whether to go on, of many": lambda: ops.while_loop(lambda x: x < 9, lambda x: x + 1, A),
    "an array that reads a symbol": lambda: (lambda x: ops.map(lambda row: row + x, A))(Input((3, 4))),
    "an argument by a name that is not excluded": lambda: ops.vectorize(lambda a: a)(a=A),
    "a signature of other arguments": lambda: ops.vectorize(lambda a: a, signature="(n),(n)->()")(A),
    "two channels": lambda: ops.image.rgb_to_grayscale(np.ones((2, 2, 2), np.float32)),
}


@pytest.mark.parametrize("act", MISFITS.values(), ids=list(MISFITS))
def test_what_does_not_fit_is_refused(act: Callable[[], Any]) -> None:
    with pytest.raises(NetworkError):
        act()


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Array, Array]:
    shapes = draw(mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3)).input_shapes
    numbers = st.floats(-100, 100, width=32)
    first, second = (draw(arrays(np.float32, shape, elements=numbers)) for shape in shapes)
    return first, second


@given(pair=pairs())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_arrays_broadcast_as_in_numpy(pair: tuple[Array, Array]) -> None:
    first, second = pair
    for function, wanted in ((ops.add, np.add), (ops.multiply, np.multiply), (ops.maximum, np.maximum)):
        np.testing.assert_array_equal(function(first, second), wanted(first, second))


@st.composite
def keys(draw: st.DrawFn) -> tuple[Any, ...]:
    """Indices of an array of shape (2, 3, 4)."""
    parts = []
    for size in (2, 3, 4):
        bounds = st.one_of(st.none(), st.integers(-size - 1, size + 1))
        step = st.sampled_from([None, 1, 2, -1, -2])
        parts.append(draw(st.one_of(st.integers(-size, size - 1), st.builds(slice, bounds, bounds, step))))
    parts = parts[: draw(st.integers(0, 3))]
    for extra in draw(st.lists(st.sampled_from([None, Ellipsis]), max_size=2, unique=True)):
        parts.insert(draw(st.integers(0, len(parts))), extra)
    return tuple(parts)


@given(key=keys())
@settings(max_examples=120, deadline=None, derandomize=True)
def test_an_index_is_numpys(key: tuple[Any, ...]) -> None:
    np.testing.assert_array_equal(ops.get_item(A, key), A[key])


@st.composite
def equations(draw: st.DrawFn) -> tuple[str, Array, Array]:
    sizes = dict(zip("abcdef", (2, 3, 1, 4, 2, 3), strict=True))
    left, right = (draw(st.lists(st.sampled_from("abcdef"), max_size=4, unique=True)) for _ in range(2))
    result = draw(st.permutations(sorted({*left, *right})))[: draw(st.integers(0, 6))]
    first, second = (np.random.default_rng(0).normal(size=[sizes[label] for label in term]).astype(np.float32) for term in (left, right))
    return f"{''.join(left)},{''.join(right)}->{''.join(result)}", first, second


@given(equation=equations())
@settings(max_examples=120, deadline=None, derandomize=True)
def test_an_equation_is_numpys(equation: tuple[str, Array, Array]) -> None:
    subscripts, first, second = equation
    np.testing.assert_allclose(
        np.asarray(ops.einsum(subscripts, first, second)), np.einsum(subscripts, first, second), rtol=1e-4, atol=1e-5
    )
