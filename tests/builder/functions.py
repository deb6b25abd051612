"""The table of functions of `ops`: a call or more of each, with `builder.ops` or `keras.ops` in its place, and what to call it on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from builder.graph import Array

__all__ = ["ROWS", "Row"]

_RANDOM = np.random.default_rng(0)
A = _RANDOM.normal(size=(2, 3, 4)).astype(np.float32)
B = _RANDOM.normal(size=(2, 3, 1)).astype(np.float32)
P = np.abs(A) + np.float32(0.5)
UNIT = (A / (np.abs(A).max() + np.float32(0.1))).astype(np.float32)
I = _RANDOM.integers(-9, 10, size=(2, 3, 4)).astype(np.int32)  # noqa: E741
J = _RANDOM.integers(1, 4, size=(2, 3, 4)).astype(np.int32) * np.where(_RANDOM.random((2, 3, 4)) < 0.5, -1, 1).astype(np.int32)
T = _RANDOM.random((2, 3, 4)) < 0.5
TIES = np.array([[3, 1, 3, 1, 2], [2, 2, 1, 0, 2]], np.float32)
ODD = np.array([[0.0, -0.0, np.inf, -np.inf, np.nan, 1e-30, -2.5]], np.float32)
HALVES = np.array([[-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 1.2345]], np.float32)
SQUARE = _RANDOM.normal(size=(2, 4, 4)).astype(np.float32)
IMAGE = _RANDOM.random((2, 6, 7, 3)).astype(np.float32)
KERNEL = _RANDOM.normal(size=(3, 2, 3, 6)).astype(np.float32)
SMALL = np.array([[1e-6, -1e-6, 1e-3, 0.3, -0.3, 2.0]], np.float32)


@dataclass(frozen=True)
class Row:
    """A call on `inputs`. A network of it has a free batch, unless it needs to know its size: `batch`."""

    call: Callable[..., Any]
    inputs: tuple[Array, ...]
    batch: bool = False  # whether the size of the first axis must be known
    saved: bool = True  # whether Keras has the function in networks too
    opens: bool = True  # whether Keras can run what it saved itself: for some functions it cannot, of lists that were tuples


ROWS: dict[str, Row] = {}


def row(name: str, call: Callable[..., Any], *inputs: Array, batch: bool = False, saved: bool = True, opens: bool = True) -> None:
    assert name not in ROWS, name
    ROWS[name] = Row(call, inputs, batch, saved, opens)


def each(names: str, *inputs: Array, suffix: str = "", arguments: Sequence[Any] = ()) -> None:
    """A row for each function that takes those inputs and arguments."""
    for name in names.split():
        row(name + suffix, lambda o, *xs, name=name: getattr(o, name)(*xs, *arguments), *inputs)


# Element by element.
each("abs absolute negative square sign sin cos tan sinh cosh tanh exp exp2 arctan arcsinh fabs cbrt sinc deg2rad rad2deg erf erfc", A)
each("expm1 reciprocal isfinite isinf isnan floor ceil trunc round signbit logical_not ones_like zeros_like copy", A)
each("log log2 log10 log1p sqrt rsqrt", P)
each("arcsin arccos arctanh", UNIT)
row("arccosh", lambda o, x: o.arccosh(x + 1), P)
each("expm1 log1p", SMALL[:, :-1], suffix=" near zero")
each("isfinite isinf isnan isneginf isposinf nan_to_num signbit sign logical_not", ODD, suffix=" of what is no number")
each("round floor ceil trunc", HALVES, suffix=" of halves")
each("abs negative sign square exp sqrt floor round sin isnan logical_not trunc", np.abs(I), suffix=" of integers")
each("abs square logical_not isfinite", T, suffix=" of booleans")
each("add subtract multiply divide true_divide maximum minimum hypot arctan2 logaddexp logaddexp2 less less_equal", A, B)
each("greater greater_equal equal not_equal logical_and logical_or logical_xor floor_divide mod fmod divide_no_nan", A, B)
each("add multiply maximum minimum logical_and logical_xor equal", T, T[::-1], suffix=" of booleans")
each("add subtract multiply divide floor_divide mod fmod maximum minimum less equal", I, J, suffix=" of integers")
each("add subtract multiply divide floor_divide mod power maximum minimum less equal", P, suffix=" and a number", arguments=(2,))
row("power", lambda o, x, y: o.power(x, y), P, B)
row("power of integers", lambda o, x: o.power(x, 3), I)
row("power of a number", lambda o, x: o.power(2, x), A)
row("divide_no_nan by zero", lambda o, x, y: o.divide_no_nan(x, y), I.astype(np.float32), (J - 1).astype(np.float32))
row("round to decimals", lambda o, x: o.round(x, 2), HALVES)
row("round integers to tens", lambda o, x: o.round(x * 7, -1), I)
row("clip", lambda o, x: o.clip(x, -0.5, 0.5), A)
row("clip integers", lambda o, x: o.clip(x, -3, 3), I)
row("clip by tensors", lambda o, x: o.clip(x, np.full(4, -0.5, np.float32), np.full(4, 0.5, np.float32)), A, saved=False)
row("clip below only", lambda o, x: o.clip(x, -0.5, None), A)
row("clip above only", lambda o, x: o.clip(x, None, 0.5), A)
row("nan_to_num with numbers", lambda o, x: o.nan_to_num(x, nan=1.0, posinf=2.0, neginf=-3.0), ODD)
row("where", lambda o, c, x, y: o.where(c, x, y), T, A, B)
row("where of numbers", lambda o, x: o.where(x > 0, x, 0.5), A)
row("where of integers", lambda o, x: o.where(x, 3, -2), I)
row("where of booleans", lambda o, x: o.where(x, x, False), T)
row("select", lambda o, x: o.select([x < -0.5, x > 0.5], [x * 2, x * 3], 0.25), A)
row("isclose", lambda o, x, y: o.isclose(x, y), A, A + np.array([1e-6, 1e-3, 0, 1], np.float32))
row("isclose of infinities", lambda o, x, y: o.isclose(x, y, equal_nan=True), ODD, ODD)
row("cast", lambda o, x: o.cast(x, "int32"), A * 3)
row("cast to bool", lambda o, x: o.cast(x, "bool"), I)
row("saturate_cast", lambda o, x: o.saturate_cast(x, "uint8"), A * 200)
row("saturate_cast of integers", lambda o, x: o.saturate_cast(x * 100, "int8"), I)
row("convert_to_tensor", lambda o, x: o.convert_to_tensor(x, dtype="float16"), A)
row("stop_gradient", lambda o, x: o.stop_gradient(x), A)

# Over axes.
each("mean sum max min prod var std any all amax amin ptp logsumexp argmax argmin count_nonzero", A)
row("median", lambda o, x: o.median(x), A, batch=True)
for _axis in (1, -1):
    each("mean sum max min prod var std any all argmax argmin median logsumexp ptp", A, suffix=f" over {_axis}", arguments=(_axis,))
each("mean sum max min prod var std any all logsumexp median", A, suffix=" over two, kept", arguments=((1, 2), True))
each("argmax argmin", A, suffix=" kept", arguments=(None, True))
each("mean sum max min prod var std any all argmax median", I, suffix=" of integers over 1", arguments=(1,))
each("sum prod any all mean", T, suffix=" of booleans over 1", arguments=(1,))
each("max min", T, suffix=" of booleans", arguments=(2,))
each("max min", A, suffix=" with a start", arguments=(1, False, 0.25))
each("argmax argmin argsort sort", TIES, suffix=" of ties", arguments=(1,))
row(
    "logsumexp of infinities",
    lambda o, x: o.logsumexp(x, axis=1),
    np.array([[-np.inf, -np.inf], [0, np.inf], [-np.inf, 1], [800, 801]], np.float32),
)
row("average", lambda o, x: o.average(x, axis=1), A)
row("average by weights", lambda o, x, w: o.average(x, axis=1, weights=w), A, P)
row("average by weights of one axis", lambda o, x: o.average(x, axis=1, weights=np.array([1, 2, 3], "float32")), A)
row("moments", lambda o, x: o.moments(x, axes=[1]), A)
row("count_nonzero over 1", lambda o, x: o.count_nonzero(x, axis=1), I)
row("quantile", lambda o, x: o.quantile(x, 0.3, axis=1), A, opens=False)
row(
    "quantile of several",
    lambda o, x: o.quantile(x, np.array([0.1, 0.5, 1.0], "float32"), axis=(1, 2), keepdims=True),
    A,
    batch=True,
    opens=False,
)
for _method in ("lower", "higher", "midpoint", "nearest"):
    row(f"quantile, {_method}", lambda o, x, method=_method: o.quantile(x, 0.35, axis=-1, method=method), A, opens=False)
row("percentile", lambda o, x: o.percentile(x, 30, axis=1), A)
each("cumsum cumprod", A, arguments=(1,))
row("cumsum in a row", lambda o, x: o.cumsum(x), A)
row("cumprod in a row", lambda o, x: o.cumprod(x), A, batch=True)
each("cumsum cumprod", I, suffix=" of integers", arguments=(2,))
row("cumsum of booleans", lambda o, x: o.cumsum(x, axis=1), T)
row("diff", lambda o, x: o.diff(x, axis=1), A)
row("diff twice", lambda o, x: o.diff(x, n=2), I)
row("trapezoid", lambda o, x: o.trapezoid(x, dx=0.5), A)
row("trapezoid of points", lambda o, x: o.trapezoid(x, x=np.array([0, 1, 3], "float32"), axis=1), A, saved=False)

# In order.
each("sort argsort", A)
each("sort argsort", A, suffix=" over 1", arguments=(1,))
row("sort of integers", lambda o, x: o.sort(x), I)
row("top_k", lambda o, x: o.top_k(x, 2), A)
row("top_k of ties", lambda o, x: o.top_k(x, 3), TIES)
row("extract_sequences", lambda o, x: o.extract_sequences(x, 3, 2), SQUARE)
row("in_top_k", lambda o, t, x: o.in_top_k(t, x, 2), np.array([0, 4], "int32"), TIES)
row("searchsorted", lambda o, v: o.searchsorted(np.array([-1, 0, 0.5], "float32"), v), A)
row("searchsorted from the right", lambda o, v: o.searchsorted(np.array([1, 2, 3], "float32"), v, side="right"), TIES)
row("digitize", lambda o, x: o.digitize(x, np.array([1, 2, 3], "float32")), TIES)
row("bincount", lambda o, x: o.bincount(x, minlength=11), np.abs(I[0]))
row("isin", lambda o, x: o.isin(x, np.array([1, 3], "float32")), TIES)

# In shape.
row("reshape", lambda o, x: o.reshape(x, (-1, 12)), A)
row("reshape in order", lambda o, x: o.reshape(x, (-1, 2, 6)), A)
row("reshape to one row", lambda o, x: o.reshape(x, (-1,)), A)
row("reshape to a row", lambda o, x: o.reshape(x, -1), A, opens=False)
row("ravel", lambda o, x: o.ravel(x), A)
row("transpose", lambda o, x: o.transpose(x, (0, 2, 1)), A)
row("transpose of all", lambda o, x: o.transpose(x), A)
row("swapaxes", lambda o, x: o.swapaxes(x, 1, -1), A)
row("moveaxis", lambda o, x: o.moveaxis(x, 1, -1), IMAGE)
row("moveaxis of two", lambda o, x: o.moveaxis(x, (1, 2), (3, 1)), IMAGE)
row("expand_dims", lambda o, x: o.expand_dims(x, 1), A)
row("expand_dims of two", lambda o, x: o.expand_dims(x, (1, -1)), A)
row("squeeze", lambda o, x: o.squeeze(x, -1), B)
row("squeeze of all", lambda o, x: o.squeeze(x), B, batch=True)
row("broadcast_to", lambda o, x: o.broadcast_to(x, (2, 2, 3, 4)), B, batch=True)
row("concatenate", lambda o, x, y: o.concatenate([x, y], axis=-1), A, B)
row("concatenate of two dtypes", lambda o, x, y: o.concatenate([x, y], axis=1), A, I)
row("stack", lambda o, x, y: o.stack([x, y], axis=1), A, P)
row("stack at the end", lambda o, x, y: o.stack([x, y], axis=-1), A, I)
for _name in ("hstack", "vstack", "dstack"):
    row(_name, lambda o, x, y, name=_name: getattr(o, name)([x, y]), A, P)
row("append", lambda o, x, y: o.append(x, y, axis=1), A, P)
row("append in a row", lambda o, x, y: o.append(x, y), A, P)
row("split", lambda o, x: o.split(x, 2, axis=-1), A)
row("split at indices", lambda o, x: o.split(x, (1, 3), axis=2), A)
row("array_split", lambda o, x: o.array_split(x, 3, axis=2), A)
row("hsplit", lambda o, x: o.hsplit(x, 3), A)
row("vsplit", lambda o, x: o.vsplit(x, 2), A, batch=True)
row("dsplit", lambda o, x: o.dsplit(x, 2), A)
row("unstack", lambda o, x: o.unstack(x, axis=1), A)
row("tile", lambda o, x: o.tile(x, (1, 2, 3)), A)
row("tile of fewer", lambda o, x: o.tile(x, 2), A)
row("tile of more", lambda o, x: o.tile(x, (2, 1, 1, 2)), A, batch=True)
row("repeat", lambda o, x: o.repeat(x, 3, axis=1), A)
row("repeat in a row", lambda o, x: o.repeat(x, 2), A)
row("repeat by numbers", lambda o, x: o.repeat(x, np.array([2, 0, 1]), axis=1), A, saved=False)
row("flip", lambda o, x: o.flip(x, axis=1), A)
row("flip of all", lambda o, x: o.flip(x), A)
each("fliplr flipud", A)
row("rot90", lambda o, x: o.rot90(x, axes=(1, 2)), A, opens=False)
for _k in (2, 3, 4):
    row(f"rot90, {_k} times", lambda o, x, k=_k: o.rot90(x, k=k, axes=(2, 1)), A, opens=False)
row("roll", lambda o, x: o.roll(x, 1, axis=1), A)
row("roll of two axes", lambda o, x: o.roll(x, (1, -2), axis=(1, 2)), A)
row("roll in a row", lambda o, x: o.roll(x, 5), A, batch=True)
row("pad", lambda o, x: o.pad(x, ((0, 0), (1, 2), (0, 1))), A)
row("pad with a number", lambda o, x: o.pad(x, ((0, 0), (1, 2), (0, 1)), constant_values=3), I)
row("pad all alike", lambda o, x: o.pad(x, 1), A, batch=True)
for _mode in ("reflect", "symmetric", "edge", "wrap"):
    row(f"pad, {_mode}", lambda o, x, mode=_mode: o.pad(x, ((0, 0), (1, 2), (0, 2)), mode=mode), A)

# By index.
row("get_item", lambda o, x: o.get_item(x, (slice(None), 1)), A)
row("x[:, -1]", lambda o, x: x[:, -1], A)
row("x[:, 1:3, ::2]", lambda o, x: x[:, 1:3, ::2], A)
row("x[..., ::-1]", lambda o, x: x[..., ::-1], A)
row("x[:, None, ..., 0]", lambda o, x: x[:, None, ..., 0], A)
row("x[:, -2:, None]", lambda o, x: x[:, -2:, None], A)
row("x[0]", lambda o, x: x[0], A)
row("x[0, 1, 2]", lambda o, x: x[0, 1, 2], A)
row("x[1:]", lambda o, x: x[1:, ...], A, batch=True)
row("x[:, [2, 0]]", lambda o, x: x[:, np.array([2, 0])], A, saved=False)
row("x[:, [[2], [0]], [1, -1]]", lambda o, x: x[:, np.array([[2], [0]]), np.array([1, -1])], A, saved=False)
row("x[:, 1, [1, -1]]", lambda o, x: x[:, 1, np.array([1, -1])], A, saved=False)
row("x[[1, 0], :, [1, 3]]", lambda o, x: x[np.array([1, 0]), :, np.array([1, 3])], A, saved=False)
row("x[:, mask]", lambda o, x: x[:, np.array([True, False, True])], A, saved=False)
row("x[:, None, mask]", lambda o, x: x[:, None, np.array([True, False, True])], A, saved=False)
row("take", lambda o, x: o.take(x, np.array([[2, 0], [1, -1]]), axis=1), A)
row("take by a tensor", lambda o, x, i: o.take(x, i, axis=0), A[0], np.array([2, 0, 1], "int32"), batch=True)
row("take of all", lambda o, x: o.take(x, [5, 0]), A, batch=True)
row("take_along_axis", lambda o, x, i: o.take_along_axis(x, i, axis=1), A, np.abs(I) % 3)
row("take_along_axis, broadcast", lambda o, x, i: o.take_along_axis(x, i, axis=-1), A, np.abs(I[:, :1]) % 4)
row("slice", lambda o, x: o.slice(x, (0, 1, 1), (2, 2, 3)), A, batch=True)
row("slice_update", lambda o, x, y: o.slice_update(x, (0, 1, 2), y), A, P[:, :2, :2], batch=True)
row("scatter", lambda o, i, v: o.scatter(i, v, (3, 4)), np.array([[0], [2], [0]], "int32"), A[0], batch=True)
for _reduction in (None, "add", "max", "min", "mul"):
    row(
        f"scatter_update, {_reduction}",
        lambda o, x, i, v, reduction=_reduction: o.scatter_update(x, i, v, reduction=reduction),
        *(A[0], np.array([[0, 1], [2, -1]], "int32"), np.array([0.25, -3], "float32")),
        batch=True,
    )
row("diagonal", lambda o, x: o.diagonal(x, offset=1, axis1=1, axis2=2), SQUARE)
row("diag", lambda o, x: o.diag(x, k=-1), SQUARE[0], batch=True)
row("diag of a vector", lambda o, x: o.diag(x, k=1), A[0, 0], batch=True)
row("diagflat", lambda o, x: o.diagflat(x), A[0], batch=True)
row("trace", lambda o, x: o.trace(x, axis1=1, axis2=2), SQUARE)
each("tril triu", SQUARE)
each("tril triu", SQUARE, suffix=" above", arguments=(1,))
row("unravel_index", lambda o, i: o.unravel_index(i, (3, 5)), np.array([7, 14, 0], "int32"))

# Products.
row("matmul", lambda o, x, y: o.matmul(x, y), A, SQUARE)
row("matmul by a vector", lambda o, x: o.matmul(x, np.arange(4, dtype="float32")), A)
row("matmul of integers", lambda o, x: o.matmul(x, np.arange(4, dtype="int32")), I)
row("dot", lambda o, x: o.dot(x, SQUARE[0]), A)
row("dot of a tensor", lambda o, x: o.dot(x, SQUARE), A)
row("dot with a number", lambda o, x: o.dot(x, np.float32(2)), A)
row("inner", lambda o, x: o.inner(x, P), A)
row("outer", lambda o, x, y: o.outer(x, y), A[0, 0], B[0, 0])
row("vdot", lambda o, x, y: o.vdot(x, y), A, P)
row("tensordot", lambda o, x: o.tensordot(x, SQUARE, axes=[[2], [1]]), A, batch=True)
row("tensordot of two axes", lambda o, x: o.tensordot(x, P[0], axes=2), A)
row("cross", lambda o, x, y: o.cross(x, y, axis=1), A, P)
row("cross of two and three", lambda o, x, y: o.cross(x, y), IMAGE, IMAGE[..., :2])
row("kron", lambda o, x: o.kron(x, P[0, :2]), A[0], batch=True)
for _equation in ("bij,bjk->bik", "bij,bjk->ikb"):
    row(f"einsum {_equation}", lambda o, x, y, equation=_equation: o.einsum(equation, x, y), A, SQUARE)
for _equation in ("bij,bik->bjk", "bij,bij->b", "bij,bij->bij", "bij,bij->", "bij,bkj->bik"):
    row(f"einsum {_equation}", lambda o, x, y, equation=_equation: o.einsum(equation, x, y), A, P)
row("einsum ...j,jk->...k", lambda o, x: o.einsum("...j,jk->...k", x, SQUARE[0]), A)
row("einsum abc,cde->abde", lambda o, x: o.einsum("abc,cde->abde", x, SQUARE[:, None].repeat(2, 1).reshape(4, 2, 8)), A)
row("einsum abcd,cde->abe", lambda o, x: o.einsum("abcd,cde->abe", x, P.reshape(-1)[:21].reshape(7, 3, 1)), IMAGE)
row("einsum aecd,abcd->acbe", lambda o, x, y: o.einsum("aecd,abcd->acbe", x, y), IMAGE, IMAGE[:, :2])
row("einsum acbe,aecd->abcd", lambda o, x, y: o.einsum("acbe,aecd->abcd", x, y), IMAGE, IMAGE.transpose(0, 3, 1, 2)[..., :2])
row("einsum of one", lambda o, x: o.einsum("abc->ca", x), A)
row("einsum of three", lambda o, x, y: o.einsum("abc,abc,c->ab", x, y, np.arange(4, dtype="float32")), A, P)
row("einsum of a diagonal", lambda o, x: o.einsum("bii->bi", x), SQUARE)
row("einsum without an arrow", lambda o, x: o.einsum("abc,cd", x, SQUARE[0]), A)
row("normalize", lambda o, x: o.normalize(x, axis=1), A)
row("normalize by order 1", lambda o, x: o.normalize(x, axis=-1, order=1), A)
row("norm", lambda o, x: o.norm(x), A)
for _order in (None, 0, 1, 2, 3, np.inf, -np.inf):
    row(f"norm of vectors, {_order}", lambda o, x, ord=_order: o.norm(x, ord=ord, axis=-1), A, opens=False)
for _matrix in ("fro", 1, -1, np.inf, -np.inf):
    row(f"norm of matrices, {_matrix}", lambda o, x, ord=_matrix: o.norm(x, ord=ord, axis=(1, 2), keepdims=True), A, opens=False)
row("cdist", lambda o, x, y: o.cdist(x, y), A, SQUARE)

# New tensors.
row("full_like", lambda o, x: o.full_like(x, 2.5), A)
row("zeros_like of another dtype", lambda o, x: o.zeros_like(x, dtype="int32"), A)
row("zeros", lambda o: o.zeros((2, 3)))
row("ones of integers", lambda o: o.ones((2, 3), dtype="int32"))
row("full", lambda o: o.full((2, 3), 1.5))
row("arange", lambda o: o.arange(5))
row("arange of floats", lambda o: o.arange(1, 3, 0.5))
row("arange backwards", lambda o: o.arange(5, 0, -2, dtype="float32"))
row("linspace", lambda o: o.linspace(0, 1, 5))
row("linspace without its end", lambda o: o.linspace(0, 1, 5, endpoint=False))
row("linspace of tensors", lambda o, x, y: o.linspace(x, y, 3, axis=1), A, P)
row("logspace", lambda o: o.logspace(0, 2, 5))
row("eye", lambda o: o.eye(3, 4, k=1))
row("identity", lambda o: o.identity(3))
row("tri", lambda o: o.tri(3, 4, k=-1))
row("meshgrid", lambda o, x, y: o.meshgrid(x, y), A[0, 0], B[0, :, 0], batch=True)
row("meshgrid by rows", lambda o, x, y: o.meshgrid(x, y, x, indexing="ij"), A[0, 0], B[0, :, 0], batch=True)
row("one_hot", lambda o, x: o.one_hot(x, 5), I)
row("one_hot along another axis", lambda o, x: o.one_hot(x, 5, axis=1, dtype="int32"), I)
row("multi_hot", lambda o, x: o.multi_hot(x, 5), np.abs(I[:, 0]) % 5)

# Of networks.
each("glu sparse_plus sparse_sigmoid sparsemax relu relu6 silu swish gelu elu selu celu softplus softsign sigmoid hard_sigmoid", A * 2)
each("hard_silu hard_swish hard_tanh hard_shrink soft_shrink tanh_shrink log_sigmoid squareplus leaky_relu softmax log_softmax", A * 2)
row("glu along another axis", lambda o, x: o.glu(x, axis=1), SQUARE)
row("sparsemax along another axis", lambda o, x: o.sparsemax(x, axis=1), A)
row("sparsemax of large numbers", lambda o, x: o.sparsemax(x), A * 100)
row("threshold", lambda o, x: o.threshold(x, 0.5, -1.0), A)
row("depth_to_space", lambda o, x: o.depth_to_space(x, 2), SQUARE[:, :3, None] * np.ones((1, 1, 2, 1), "float32"))
row("space_to_depth", lambda o, x: o.space_to_depth(x, 2), SQUARE[..., None] * np.ones((1, 1, 1, 3), "float32"))
row("unfold", lambda o, x: o.unfold(x, (2, 3), dilation=(2, 1), padding=1, stride=2), IMAGE.transpose(0, 3, 1, 2))
row("conv", lambda o, x: o.conv(x, KERNEL, strides=(2, 1), padding="same", data_format="channels_last"), IMAGE)
row("conv of one axis", lambda o, x: o.conv(x, KERNEL[0], strides=2, padding="valid", data_format="channels_last"), IMAGE[0])
row("conv of groups", lambda o, x: o.conv(x, KERNEL[:, :, :1], data_format="channels_last"), IMAGE, saved=False)
row("max_pool", lambda o, x: o.max_pool(x, 3, strides=2, padding="same", data_format="channels_last"), IMAGE)
row("average_pool", lambda o, x: o.average_pool(x, (2, 3), strides=(2, 3), padding="same", data_format="channels_last"), IMAGE, opens=False)
row(
    "batch_normalization",
    lambda o, x: o.batch_normalization(x, A[0, 0], P[0, 1], axis=-1, offset=A[0, 2], scale=A[1, 0], epsilon=0.01),
    SQUARE,
)
row("softmax over two axes", lambda o, x: o.softmax(x, axis=(1, 2)), A)

# Of images.
for _interpolation in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"):
    for _antialias in (False, True):
        row(
            f"resize, {_interpolation}{', smooth' * _antialias}",
            lambda o, x, i=_interpolation, a=_antialias: o.image.resize(
                x, (4, 13), interpolation=i, antialias=a, data_format="channels_last"
            ),
            IMAGE,
        )
row("resize of whole numbers", lambda o, x: o.image.resize(x, (12, 14), data_format="channels_last"), (IMAGE * 255).astype("uint8"))
row("resize to a third", lambda o, x: o.image.resize(x, (3, 9), interpolation="nearest"), IMAGE.repeat(5, 1)[:, ::3])
row("resize, channels first", lambda o, x: o.image.resize(x, (5, 9), data_format="channels_first"), IMAGE.transpose(0, 3, 1, 2))
row("resize of one image", lambda o, x: o.image.resize(x, (5, 9), data_format="channels_last"), IMAGE[0], batch=True)
row("resize and crop", lambda o, x: o.image.resize(x, (4, 9), crop_to_aspect_ratio=True, data_format="channels_last"), IMAGE)
for _size in ((9, 4), (4, 12)):
    row(
        f"resize and pad to {_size}",
        lambda o, x, s=_size: o.image.resize(x, s, pad_to_aspect_ratio=True, fill_value=0.5, data_format="channels_last"),
        IMAGE,
    )
row("pad_images", lambda o, x: o.image.pad_images(x, 1, 2, 3, 0, data_format="channels_last"), IMAGE)
row("pad_images to a size", lambda o, x: o.image.pad_images(x, top_padding=1, right_padding=2, target_height=9, target_width=12), IMAGE)
row("crop_images", lambda o, x: o.image.crop_images(x, 1, 2, 0, 3, data_format="channels_last"), IMAGE)
row(
    "crop_images to a size", lambda o, x: o.image.crop_images(x, bottom_cropping=1, left_cropping=2, target_height=3, target_width=4), IMAGE
)
row("extract_patches", lambda o, x: o.image.extract_patches(x, 3, data_format="channels_last"), IMAGE)
row("extract_patches that overlap", lambda o, x: o.image.extract_patches(x, (3, 2), strides=1, padding="same"), IMAGE)
row("extract_patches apart", lambda o, x: o.image.extract_patches(x, 2, strides=1, dilation_rate=2), IMAGE)
row("extract_patches of volumes", lambda o, x: o.image.extract_patches(x, (2, 3, 2)), IMAGE[:, None].repeat(4, 1))
row("rgb_to_grayscale", lambda o, x: o.image.rgb_to_grayscale(x), IMAGE)
row(
    "rgb_to_grayscale of whole numbers",
    lambda o, x: o.image.rgb_to_grayscale(x, data_format="channels_first"),
    (IMAGE[:, :3] * 255).astype("uint8"),
)
row("rgb_to_hsv", lambda o, x: o.image.rgb_to_hsv(x), IMAGE)
row("hsv_to_rgb", lambda o, x: o.image.hsv_to_rgb(x), IMAGE)
