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
POSITIVE = SQUARE @ SQUARE.transpose(0, 2, 1) + np.eye(4, dtype=np.float32)
HOLES = np.where(_RANDOM.random((2, 3, 4)) < 0.4, np.nan, A).astype(np.float32)
HOLES[1, 2] = np.nan
BINS = _RANDOM.normal(size=(2, 2, 6, 5)).astype(np.float32)
WAVE = _RANDOM.normal(size=(2, 30)).astype(np.float32)
LABELS = np.array([[1, 1, 2], [2, 3, 0]], np.int32)
STEPS = _RANDOM.normal(size=(2, 7, 4)).astype(np.float32) * 2
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

each("fmax fmin heaviside", A, B)
each("fmax fmin", ODD, ODD[:, ::-1], suffix=" of what is no number")
each("fmax fmin heaviside gcd lcm", I, J, suffix=" of integers")
each("fmax fmin heaviside", T, T[::-1], suffix=" of booleans")
each("bitwise_and bitwise_or bitwise_xor", I, J)
each("bitwise_and bitwise_or bitwise_xor", T, T[::-1], suffix=" of booleans")
each("bitwise_and bitwise_left_shift gcd", I.astype("int8"), np.array([3], "int8"), suffix=" of int8")
each("bitwise_not bitwise_invert conj conjugate real imag isreal angle", I)
each("bitwise_not imag angle", T, suffix=" of booleans")
each("isreal angle", ODD, suffix=" of what is no number")
each("bitwise_left_shift bitwise_right_shift left_shift right_shift", I, np.arange(-1, 39, 10, dtype=np.int32))
each("left_shift right_shift", I.astype("uint8"), np.array([1, 3, 9, 40], np.uint8), suffix=" of bytes")
each("left_shift right_shift", I.astype("uint32"), np.array([1, 31, 32, 0], np.uint32), suffix=" without a sign")
each("left_shift right_shift", T, T[::-1], suffix=" of booleans")
row("heaviside of what is no number", lambda o, x: o.heaviside(x, 0.5), ODD, saved=False)
row("lcm of zeros", lambda o, x: o.lcm(x, x[:, ::-1]), np.array([[0, 3, 0, 4]], "int32"))
row("ldexp", lambda o, x, n: o.ldexp(x, n), A, I)
row("ldexp of extremes", lambda o, x: o.ldexp(x, np.array([200, -250, -20, 60], "int32")), np.array([[1e-30, 1e38, 1e-35, 1.5]], "float32"))
row("i0", lambda o, x: o.i0(x * 9), A)
row("i0 far out", lambda o, x: o.i0(x), np.array([[0, 7.9, 8, 8.1, 30, -80]], "float32"))
row("erfinv", lambda o, x: o.erfinv(x), UNIT)
row("erfinv at the ends", lambda o, x: o.erfinv(x), np.array([[-1, -0.9999, -0.99, 0, 1e-7, 0.99999, 1, 2]], "float32"))
row("allclose", lambda o, x, y: o.allclose(x, y), A, A + np.float32(1e-9))
row("allclose of others", lambda o, x, y: o.allclose(x, y, equal_nan=True), ODD, ODD * np.float32(1.1))
row("size", lambda o, x: o.cast(o.size(x), "int32"), A)
row("view", lambda o, x: o.view(x, "float32"), A)

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
each("nansum nanprod nanmax nanmin nanmean nanvar nanstd nanargmax nanargmin", HOLES)
each("nansum nanprod nanmax nanmin nanmean nanvar nanstd nanargmax nanargmin nanmedian", HOLES, suffix=" over 1, kept", arguments=(1, True))
row("nanmedian over two", lambda o, x: o.nanmedian(x, axis=(1, -1)), HOLES, opens=False)
each("nansum nanmax nanstd nanargmax nanmedian", I, suffix=" of integers", arguments=(2,))
each("nanprod nanmin nanmean", T, suffix=" of booleans", arguments=(1,))
each("nancumsum nancumprod", HOLES, arguments=(1,))
row("nancumsum in a row", lambda o, x: o.nancumsum(x, dtype="float32"), I)
row("nanmedian", lambda o, x: o.nanmedian(x), HOLES, batch=True)
for _method in ("linear", "lower", "higher", "midpoint", "nearest"):
    row(f"nanquantile, {_method}", lambda o, x, method=_method: o.nanquantile(x, 0.3, axis=-1, method=method), HOLES, opens=False)
row("nanquantile of several", lambda o, x: o.nanquantile(x, [0.2, 0.75], axis=(0, 2), keepdims=True), HOLES, batch=True, saved=False)
row("nanpercentile", lambda o, x: o.nanpercentile(x, 30, axis=1), HOLES)
row("histogram", lambda o, x: o.histogram(x, bins=4), A.reshape(-1), batch=True, opens=False)
row("histogram of a range", lambda o, x: o.histogram(x, bins=3, range=(0, 3)), TIES[0], batch=True, opens=False)
row("histogram of one number", lambda o, x: o.histogram(x, bins=3), np.ones(3, "int32"), batch=True, opens=False)
row("corrcoef", lambda o, x: o.corrcoef(x), A[0])
row("corrcoef of a vector", lambda o, x: o.corrcoef(x), A[0, 0])
for _mode in ("valid", "same", "full"):
    row(f"correlate, {_mode}", lambda o, x, y, mode=_mode: o.correlate(x, y, mode), A.reshape(-1), A[0, 0], batch=True)
    row(f"correlate with a longer one, {_mode}", lambda o, x, y, mode=_mode: o.correlate(x, y, mode), I[0, 0], A.reshape(-1), batch=True)
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

row("argpartition", lambda o, x: o.argpartition(x, 1), A)
row("argpartition from the end", lambda o, x: o.argpartition(x, -2, axis=1), TIES)
row("unique with all", lambda o, x: o.unique(x, return_index=True, return_inverse=True, return_counts=True), I, saved=False)
row("unique of what is no number", lambda o, x: o.unique(x, return_index=True, return_counts=True), np.hstack([ODD, ODD]), saved=False)
row(
    "unique slices",
    lambda o, x: o.unique(x, return_index=True, return_inverse=True, return_counts=True, axis=1),
    *(np.array([[1, 0, 1, 1], [2, 5, 2, 0]], "float32"),),
    saved=False,
)
row("unique, filled", lambda o, x: o.unique(x, size=9, fill_value=-1, return_inverse=True), TIES, saved=False)
row("nonzero", lambda o, x: o.nonzero(x), I - I % 2, saved=False)
row("nonzero of booleans", lambda o, x: o.nonzero(x), T, saved=False)
for _over, _kind in (("sum", "float32"), ("prod", "int32"), ("max", "int8"), ("min", "float16"), ("max", "float32")):
    row(
        f"segment_{_over} of {_kind}",
        lambda o, x, i, name=f"segment_{_over}": getattr(o, name)(x, i, num_segments=4),
        *(SQUARE[0].astype(_kind), np.array([2, 0, -1, 2], "int32")),
        batch=True,
    )
each("segment_max segment_min", T[0], np.array([2, 0, 2], "int32"), suffix=" of booleans", arguments=(4,))

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

row("rearrange", lambda o, x: o.rearrange(x, "b h w c -> b c h w"), IMAGE, saved=False)
row("rearrange into one", lambda o, x: o.rearrange(x, "b h w c -> b (c h) w"), IMAGE, saved=False)
row("rearrange apart", lambda o, x: o.rearrange(x, "b (h s) w c -> b h w (s c)", s=2), IMAGE, saved=False)
row("rearrange the batch", lambda o, x: o.rearrange(x, "b h w c -> (b h) c w"), IMAGE, saved=False)

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

# Of matrices.
each("det slogdet logdet inv lu_factor", SQUARE)
each("slogdet det", SQUARE * np.array([0, 0, 0, 1], "float32"), suffix=" of singular ones")
each("inv slogdet", np.array([[[0, 2, 1], [3, 0, 1], [0, 1, 0]]], "float32"), suffix=" with zeros on the diagonal")
row("det of integers", lambda o, x: o.det(x), I[:, :3, :3])
row("lu_factor of one", lambda o, x: o.lu_factor(x), SQUARE[0], batch=True)
row("solve", lambda o, a, b: o.solve(a, b), SQUARE, A.transpose(0, 2, 1))
row("solve for a vector", lambda o, a, b: o.solve(a, b), SQUARE[0], A[0, 0], batch=True)
for _lower in (False, True):
    row(f"solve_triangular, {_lower}", lambda o, a, b, lower=_lower: o.solve_triangular(a, b, lower=lower), SQUARE, A.transpose(0, 2, 1))
    row(f"cholesky, {_lower}", lambda o, x, upper=_lower: o.cholesky(x, upper=upper), POSITIVE)
    row(f"cholesky_inverse, {_lower}", lambda o, x, upper=_lower: o.cholesky_inverse(x, upper=upper), np.tril(POSITIVE[0]), batch=True)

# Of signals.
row("fft", lambda o, x, y: o.fft((x, y)), A, UNIT)
row("fft2", lambda o, x, y: o.fft2((x, y)), A, UNIT)
row("ifft2", lambda o, x, y: o.ifft2((x, y)), A, UNIT)
row("rfft", lambda o, x: o.rfft(x), A)
row("rfft of integers", lambda o, x: o.rfft(x), I)
for _length in (3, 7):
    row(f"rfft of {_length}", lambda o, x, length=_length: o.rfft(x, fft_length=length), A)
    row(f"irfft to {_length}", lambda o, x, y, length=_length: o.irfft((x, y), fft_length=length), A, UNIT)
row("irfft", lambda o, x, y: o.irfft((x, y)), A, UNIT)
for _window in ("hamming", None):
    row(f"stft, {_window}", lambda o, x, window=_window: o.stft(x, 6, 3, 8, window=window), WAVE)
    row(f"istft, {_window}", lambda o, x, y, window=_window: o.istft((x, y), 6, 3, 8, window=window), *BINS, opens=False)
row("stft from the first sample on", lambda o, x: o.stft(x, 8, 5, 8, center=False), WAVE)
row("istft to a length", lambda o, x, y: o.istft((x, y), 6, 3, 8, length=17, center=False), *BINS)
for _name in ("bartlett", "blackman", "hamming", "hanning"):
    for _samples in (1, 8):
        row(f"{_name} of {_samples}", lambda o, name=_name, samples=_samples: getattr(o, name)(samples))
row("kaiser", lambda o: o.kaiser(7, 3.5))

# Again and again.
row("map", lambda o, x: o.map(lambda part: {"sum": o.sum(part), "twice": part * 2}, x), A, saved=False)
row("vectorized_map", lambda o, x: o.vectorized_map(lambda part: o.cumsum(part, axis=0), x), A, saved=False)
row("scan backwards", lambda o, x: o.scan(lambda total, part: (total + part, total * 2), o.zeros((3, 4)), x, reverse=True), A, saved=False)
row("scan of nothing", lambda o, x: o.scan(lambda total, _: (total * 2, o.sum(total)), x, length=3), A, batch=True, saved=False)
row(
    "scan of two",
    lambda o, x, y: o.scan(lambda both, parts: ((both[1], parts[0]), parts[1]), (x[0], x[1]), (x, y)),
    A,
    P,
    batch=True,
    saved=False,
)
row("associative_scan backwards", lambda o, x: o.associative_scan(o.maximum, x, reverse=True, axis=2), SQUARE, saved=False)
row(
    "associative_scan of pairs",
    lambda o, x, y: o.associative_scan(lambda a, b: (a[0] * b[0], b[0] * a[1] + b[1]), (x, y), axis=2),
    *(A, UNIT),
    saved=False,
)
row("while_loop", lambda o, x: o.while_loop(lambda n, y: n < 5, lambda n, y: (n + 1, y * 1.5), (0, x)), A, saved=False)
row("while_loop of one", lambda o, x: o.while_loop(lambda y: o.max(y) < 50, lambda y: y * 2, x), P, saved=False)
row("while_loop to a limit", lambda o, x: o.while_loop(lambda y: True, lambda y: y * 2, x, maximum_iterations=3), A, saved=False)
row("while_loop that never runs", lambda o, x: o.while_loop(lambda y: o.max(y) < 0, lambda y: y * 2, x), P, saved=False)
row("fori_loop", lambda o, x: o.fori_loop(2, 5, lambda n, y: y + o.cast(n, "float32"), x), A, saved=False)
row("fori_loop to a tensor", lambda o, x: o.fori_loop(0, x[0, 0, 0] % 4, lambda n, y: y + n, 10), np.abs(I) + 1, saved=False)
for _index in (-1, 1, 7):
    row(
        f"switch to {_index}",
        lambda o, x, index=_index: o.switch(o.cast(o.max(x) * 0, "int32") + index, [o.sin, o.cos, o.negative], x),
        *(A,),
        saved=False,
    )
row("cond", lambda o, x: o.cond(o.max(x) > 1, lambda: x * 2, lambda: x - 1), A, saved=False)
row("cond of two", lambda o, x: o.cond(o.max(x) < 1, lambda: (x, o.sum(x)), lambda: (x - 1, o.max(x))), A, saved=False)
row("vectorize", lambda o, x, y: o.vectorize(lambda a, b: a * b + 1)(x, y), A, P[0, 0], saved=False)
row(
    "vectorize by a signature",
    lambda o, x, y: o.vectorize(lambda m, v: o.matmul(m, v), signature="(m,n),(n)->(m)")(x, y),
    *(SQUARE, A[0, 0]),
    batch=True,
    saved=False,
)
row("vectorize but one", lambda o, x: o.vectorize(lambda a, power: a**power, excluded={1})(x, 2), A, saved=False)
row("custom_gradient", lambda o, x: o.custom_gradient(lambda y: (y * y, lambda *args, upstream: upstream))(x), A, saved=False)

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
row("geomspace", lambda o: o.geomspace(1.0, 1000.0, 4))
row("geomspace of integers", lambda o: o.geomspace(1, 1000, 4, dtype="int32"))
row("geomspace without its end", lambda o: o.geomspace(-1.0, -16.0, 4, endpoint=False))
row("geomspace of tensors", lambda o, x, y: o.geomspace(x, y, 3, axis=1), P, P + 1)
row("vander", lambda o, x: o.vander(x), A[0, 0], batch=True)
row("vander of a size", lambda o, x: o.vander(x, 3, increasing=True), I[0, 0])
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

row("batch_normalization alone", lambda o, x: o.batch_normalization(x, A[0, 0], P[0, 1], axis=-1), SQUARE, saved=False)
row(
    "fold",
    lambda o, x: o.fold(x, (5, 6), (2, 3), stride=(1, 2), dilation=(2, 1), padding=(1, 1)),
    _RANDOM.normal(size=(2, 12, 15)).astype("float32"),
)
row("fold of tiles", lambda o, x: o.fold(x, 4, 2, stride=2), SQUARE)
for _logits in (False, True):
    row(f"binary_crossentropy, {_logits}", lambda o, t, x, logits=_logits: o.binary_crossentropy(t, x, logits), np.abs(UNIT), UNIT)
    row(f"categorical_crossentropy, {_logits}", lambda o, t, x, logits=_logits: o.categorical_crossentropy(t, x, logits), UNIT, P)
    row(
        f"sparse_categorical_crossentropy, {_logits}",
        lambda o, t, x, logits=_logits: o.sparse_categorical_crossentropy(t, x, logits),
        *(np.array([[0, 3, 9], [1, -1, 2]], "int32"), P),
    )
row("binary_crossentropy of booleans", lambda o, t, x: o.binary_crossentropy(t, x), T, np.abs(UNIT))
row("categorical_crossentropy over 1", lambda o, t, x: o.categorical_crossentropy(t, x, axis=1), UNIT, P)
row(
    "sparse_categorical_crossentropy of columns",
    lambda o, t, x: o.sparse_categorical_crossentropy(t, x),
    np.array([[2], [0]], "int32"),
    P[0, :2],
)
row("psnr", lambda o, x, y: o.psnr(x, y, 2.0), A, P)
row("psnr of integers", lambda o, x, y: o.psnr(x, y, 9), I, J)
row("ctc_loss", lambda o, t, x, n, m: o.ctc_loss(t, x, n, m), LABELS, STEPS, np.array([3, 2], "int32"), np.array([7, 5], "int32"))
row(
    "ctc_loss of too few steps",
    lambda o, t, x, n, m: o.ctc_loss(t, x, n, m, mask_index=3),
    LABELS,
    STEPS,
    np.array([3, 3], "int32"),
    np.array([2, 3], "int32"),
)
row("ctc_decode", lambda o, x, n: o.ctc_decode(x, n), STEPS.round(), np.array([7, 4], "int32"))
row(
    "ctc_decode of repeats",
    lambda o, x, n: o.ctc_decode(x, n, merge_repeated=False, mask_index=None),
    STEPS.round(),
    np.array([7, 4], "int32"),
)

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
_BLUR: dict[str, Any] = {"kernel_size": (3, 5), "sigma": (0.8, 1.5), "data_format": "channels_last"}
row("gaussian_blur", lambda o, x: o.image.gaussian_blur(x, **_BLUR), IMAGE, opens=False)
row("gaussian_blur of one", lambda o, x: o.image.gaussian_blur(x, **_BLUR | {"kernel_size": (4, 2)}), IMAGE[0], batch=True, opens=False)
row("sobel_edges", lambda o, x: o.image.sobel_edges(x), IMAGE)
row("sobel_edges of integers", lambda o, x: o.image.sobel_edges(x, data_format="channels_first"), I[:, None])
row("ssim", lambda o, x, y: o.image.ssim(x, y, filter_size=5, max_val=2.0), IMAGE, np.sqrt(IMAGE))
PLACES = np.concatenate([A * 3, P * 5, I * 0.75])[:, ::2].reshape(3, -1).astype(np.float32)
TURN = np.array([[0.9, 0.2, -0.7, -0.3, 1.1, 1.2, 0, 0], [1.2, 0, -4.0, 0.1, 0.8, 2.5, 0, 0]], np.float32)
for _mode in ("constant", "nearest", "wrap", "mirror", "reflect"):
    row(
        f"map_coordinates, {_mode}",
        lambda o, x, at, mode=_mode: o.image.map_coordinates(x, at, 1, fill_mode=mode, fill_value=-1),
        *(A, PLACES),
        batch=True,
    )
row("map_coordinates to the nearest", lambda o, x, at: o.image.map_coordinates(x, at, 0), A, PLACES.round(1), batch=True)
row("affine_transform", lambda o, x, t: o.image.affine_transform(x, t, fill_value=0.5), IMAGE, TURN)
row("affine_transform to the nearest", lambda o, x: o.image.affine_transform(x, TURN[0], interpolation="nearest"), IMAGE[0], batch=True)
row("affine_transform with a perspective", lambda o, x: o.image.affine_transform(x, TURN + np.float32(0.1)), IMAGE, batch=True)
row("map_coordinates of integers", lambda o, x, at: o.image.map_coordinates(x, at, 1), I, np.abs(A[:, 0]).repeat(2, 0)[:3], batch=True)
START = np.array([[0, 0], [6, 0], [0, 5], [6, 5]], np.float32)
END = np.array([[1, 0.5], [5, 1], [-1, 5], [6, 4]], np.float32)
row(
    "perspective_transform",
    lambda o, x, s, e: o.image.perspective_transform(x, s, e, fill_value=0.25),
    *(IMAGE, START[None].repeat(2, 0), END[None].repeat(2, 0)),
)
for _method, _antialias in (("cubic", False), ("lanczos3", True)):
    row(
        f"scale_and_translate, {_method}",
        lambda o, x, m=_method, a=_antialias: o.image.scale_and_translate(
            x, (2, 9, 5, 3), np.array([1.7, 0.6], "float32"), np.array([-1.5, 0.7], "float32"), (1, 2), m, a
        ),
        *(IMAGE,),
        batch=True,
        saved=False,
    )
