"""Functions of `ops` compute what those of `keras.ops` do, in the dtype in which theirs do; symbols are not numbers."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays, mutually_broadcastable_shapes

from builder import Input, Model, ops
from builder.errors import NetworkError, SymbolicError
from builder.graph import Array
from builder.ops.symbolic import KerasTensor

A = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
B = np.random.default_rng(1).normal(size=(3, 1)).astype(np.float32)
IMAGE = np.random.default_rng(2).normal(size=(2, 6, 7, 4)).astype(np.float32)
KERNEL = np.random.default_rng(3).normal(size=(3, 2, 4, 5)).astype(np.float32)

Call = Callable[[Any], Any]

CALLS = {
    "add": lambda o: o.add(A, B),
    "subtract": lambda o: o.subtract(A, B),
    "multiply": lambda o: o.multiply(A, B),
    "divide": lambda o: o.divide(A, B),
    "divide integers": lambda o: o.divide(np.array([7, -7], "int32"), np.array([2, 2], "int32")),
    "power": lambda o: o.power(np.abs(A), B),
    "maximum": lambda o: o.maximum(A, B),
    "minimum with a number": lambda o: o.minimum(A, 0.25),
    "negative": lambda o: o.negative(A),
    "absolute": lambda o: o.absolute(A),
    "exp": lambda o: o.exp(A),
    "exp of integers": lambda o: o.exp(np.array([0, 1, -2], "int32")),
    "log": lambda o: o.log(np.abs(A) + 1),
    "sqrt": lambda o: o.sqrt(np.abs(A)),
    "square": lambda o: o.square(A),
    "square of integers": lambda o: o.square(np.array([2, -3], "int32")),
    "tanh": lambda o: o.tanh(A),
    "clip": lambda o: o.clip(A, -0.5, 0.5),
    "clip integers": lambda o: o.clip(np.array([-9, 0, 9], "int32"), -3, 3),
    "matmul": lambda o: o.matmul(A, A.transpose(0, 2, 1)),
    "matmul by a vector": lambda o: o.matmul(A, A[0, 0]),
    "mean": lambda o: o.mean(A, axis=1),
    "mean of all": lambda o: o.mean(A),
    "mean over two axes": lambda o: o.mean(A, axis=(0, -1), keepdims=True),
    "mean of integers": lambda o: o.mean(np.array([1, 2], "int32"), axis=0),
    "sum": lambda o: o.sum(A, axis=-1),
    "max": lambda o: o.max(A, axis=(1, 2)),
    "reshape": lambda o: o.reshape(A, (2, -1)),
    "transpose": lambda o: o.transpose(A),
    "transpose by axes": lambda o: o.transpose(A, (1, 0, 2)),
    "expand_dims": lambda o: o.expand_dims(A, -2),
    "squeeze": lambda o: o.squeeze(B, 1),
    "squeeze of all": lambda o: o.squeeze(B[None]),
    "concatenate": lambda o: o.concatenate([A, A], axis=1),
    "concatenate of two dtypes": lambda o: o.concatenate([np.array([1], "float32"), np.array([2], "int32")], axis=0),
    "cast": lambda o: o.cast(np.array([1.7, -1.7, 0], "float32"), "int32"),
    "cast to bool": lambda o: o.cast(np.array([0.5, 0, -3], "float32"), "bool"),
    "relu of integers": lambda o: o.relu(np.array([-1, 1], "int32")),
    "softmax over two axes": lambda o: o.softmax(A, axis=(0, 2)),
    "log_softmax": lambda o: o.log_softmax(A, axis=1),
    "conv": lambda o: o.conv(IMAGE, KERNEL, strides=(2, 1), padding="same", data_format="channels_last"),
    "conv of one axis": lambda o: o.conv(IMAGE[0], KERNEL[0], strides=2, padding="valid", data_format="channels_last"),
    "conv of groups": lambda o: o.conv(IMAGE, KERNEL[:, :, :2, :4], data_format="channels_last"),
    "max_pool": lambda o: o.max_pool(IMAGE, 3, strides=2, padding="same", data_format="channels_last"),
    "average_pool": lambda o: o.average_pool(IMAGE, (2, 3), strides=(2, 3), padding="same", data_format="channels_last"),
    "batch_normalization": lambda o: o.batch_normalization(
        IMAGE, mean=A[0, 0], variance=np.abs(A[0, 1]), axis=-1, offset=A[0, 2], scale=A[1, 0], epsilon=0.01
    ),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_a_function_equals_that_of_keras(call: Call) -> None:
    found, expected = np.asarray(call(ops)), np.asarray(call(keras.ops))
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


DTYPES = ("bool", "uint8", "int8", "int16", "int32", "float16", "float32")


@pytest.mark.parametrize("second", [*DTYPES, True, 2, 2.0], ids=str)
@pytest.mark.parametrize("first", DTYPES)
def test_operands_meet_in_keras_dtype(first: str, second: Any) -> None:
    other = np.ones(2, second) if isinstance(second, str) else second
    expected = str(keras.ops.add(np.ones(2, first), other).dtype)
    symbols = [Input((2,), dtype=first), Input((2,), dtype=second) if isinstance(second, str) else second]
    if expected == "bool":
        with pytest.raises(NetworkError, match="Add rejects inputs bool"):
            ops.add(*symbols)
    else:
        assert ops.add(*symbols).dtype == expected
        assert np.asarray(ops.add(np.ones(2, first), other)).dtype == expected


OPERATORS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
}
NUMBERS = np.array([[1, 2, 3], [4, 5, 6]], np.float32)


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=list(OPERATORS))
@pytest.mark.parametrize("other", [2, 0.5, np.array([1, 2, 3], "float32"), np.float32(3)], ids=["integer", "float", "array", "scalar"])
def test_an_operator_is_numpys(operator: Callable[[Any, Any], Any], other: Any) -> None:
    x = Input((3,))
    left, right = Model(x, operator(x, other))(NUMBERS), Model(x, operator(other, x))(NUMBERS)
    assert left.dtype == right.dtype == np.float32
    np.testing.assert_allclose(left, operator(NUMBERS, other), rtol=1e-6)
    np.testing.assert_allclose(right, operator(other, NUMBERS), rtol=1e-6)


def test_the_other_operators_are_numpys() -> None:
    x = Input((3,))
    np.testing.assert_array_equal(Model(x, abs(-x))(NUMBERS), NUMBERS)
    np.testing.assert_array_equal(Model(x, x @ NUMBERS.T)(NUMBERS), NUMBERS @ NUMBERS.T)
    assert (x == x, x == Input((3,))) == (True, False)


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
    assert (x.shape, x.dtype, x.ndim, ops.shape(x)) == ((None, None, 3), "int32", 3, (None, None, 3))
    assert repr(x) == "<KerasTensor shape=(None, None, 3), dtype=int32, name=x>"


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda: ops.add(np.ones(3), np.ones(4)), id="sizes that do not broadcast"),
        pytest.param(lambda: ops.matmul(Input((3,)), np.ones((4, 2), np.float32)), id="matrices that do not fit"),
        pytest.param(lambda: ops.concatenate([np.ones(3), np.ones((3, 3))]), id="ranks that differ"),
        pytest.param(lambda: ops.cast(np.ones(3), "float33"), id="no dtype"),
        pytest.param(lambda: ops.conv(IMAGE, KERNEL[:, :, :3], data_format="channels_last"), id="channels that do not divide"),
        pytest.param(lambda: ops.max_pool(IMAGE, 9, data_format="channels_last"), id="a window too large"),
    ],
)
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
    for function, expected in ((ops.add, np.add), (ops.multiply, np.multiply), (ops.maximum, np.maximum)):
        np.testing.assert_array_equal(function(first, second), expected(first, second))
