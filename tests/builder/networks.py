"""Networks to compare by: each is a function of the package to build it with, `keras` or `builder` in its place.

Every layer is named, so that the same network made twice has the same names.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from builder.graph import Array

__all__ = ["NETWORKS", "Build", "answers", "assert_close", "sample", "scatter_weights"]

Build = Callable[[Any], Any]


def classifier(k: Any) -> Any:
    image = k.Input(shape=(784,), name="image")
    x = k.layers.Dense(64, activation="relu", name="first")(image)
    x = k.layers.Dense(64, activation="relu", name="second")(x)
    return k.Model(inputs=image, outputs=k.layers.Dense(10, activation="softmax", name="digit")(x), name="classifier")


def stack(k: Any) -> Any:
    return k.Sequential(
        [
            k.Input((12, 12, 3), name="image"),
            k.layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name="conv"),
            k.layers.BatchNormalization(name="norm"),
            k.layers.ReLU(max_value=6.0, name="relu"),
            k.layers.AveragePooling2D(2, padding="same", name="pool"),
            k.layers.Flatten(name="flat"),
            k.layers.Dropout(0.5, name="drop"),
            k.layers.Dense(5, name="dense"),
            k.layers.Softmax(name="softmax"),
        ],
        name="stack",
    )


def residual(k: Any) -> Any:
    """A convolution that is called twice, with a way around it."""
    image = k.Input((8, 8, 4), name="image")
    conv = k.layers.Conv2D(4, 3, padding="same", name="shared")
    norm = k.layers.BatchNormalization(name="norm")(conv(image))
    again = conv(k.layers.Activation("gelu", name="gelu")(norm))
    x = k.layers.Add(name="around")([image, again])
    x = k.layers.GlobalAveragePooling2D(name="average")(x)
    return k.Model(image, k.layers.Dense(3, name="scores")(x), name="residual")


def several(k: Any) -> Any:
    a, b = k.Input((4,), name="a"), k.Input((6,), name="b")
    left, right = k.layers.Dense(5, name="left")(a), k.layers.Dense(5, name="right")(b)
    joined = k.layers.Concatenate(name="joined")([left, right])
    return k.Model([a, b], [k.layers.Dense(2, name="score")(joined), k.layers.Add(name="total")([left, right])], name="several")


def crossed(k: Any) -> Any:
    """The inputs are given in another order than that in which a walk meets them."""
    a, b, c = (k.Input((3,), name=name) for name in "abc")
    x = k.layers.Concatenate(name="joined")([k.layers.Dense(4, name="deep")(k.layers.Dense(4, name="deeper")(c)), a])
    return k.Model([b, c, a], k.layers.Concatenate(name="all")([b, k.layers.Dense(2, name="last")(x)]), name="crossed")


def dicts(k: Any) -> Any:
    """The keys are not in order, and are the inputs' names."""
    wide, deep = k.Input((4,), name="wide"), k.Input((3,), name="deep")
    hidden = k.layers.Dense(4, activation="tanh", name="hidden")(deep)
    merged = k.layers.Add(name="merged")([wide, hidden])
    outputs = {"score": k.layers.Dense(1, name="head")(merged), "features": merged}
    return k.Model({"wide": wide, "deep": deep}, outputs, name="dicts")


def shared(k: Any) -> Any:
    """A(B(A(x)))."""
    x = k.Input((5,), name="x")
    a, b = k.layers.Dense(5, activation="relu", name="a"), k.layers.Dense(5, activation="elu", name="b")
    return k.Model(x, a(b(a(x))), name="shared")


def nested(k: Any) -> Any:
    """A Sequential in a Functional in a Functional."""
    head = k.Sequential([k.Input((6,), name="head_in"), k.layers.Dense(4, name="one"), k.layers.Dense(3, name="two")], name="head")
    inner_in = k.Input((6,), name="inner_in")
    inner = k.Model(inner_in, head(k.layers.Dense(6, activation="relu", name="before")(inner_in)), name="inner")
    x = k.Input((6,), name="x")
    return k.Model(x, k.layers.Dense(2, name="after")(inner(x)), name="nested")


def twins(k: Any) -> Any:
    """A nested model that is called twice, with a normalization in it."""
    tower_in = k.Input((6, 6, 1), name="tower_in")
    x = k.layers.BatchNormalization(name="tower_norm")(k.layers.Conv2D(3, 3, name="tower_conv")(tower_in))
    tower = k.Model(tower_in, k.layers.Flatten(name="tower_flat")(x), name="tower")
    a, b = k.Input((6, 6, 1), name="a"), k.Input((6, 6, 1), name="b")
    joined = k.layers.Concatenate(name="joined")([tower(a), tower(b)])
    return k.Model([a, b], k.layers.Dense(1, activation="sigmoid", name="same")(joined), name="twins")


def unused(k: Any) -> Any:
    a, b = k.Input((3,), name="a"), k.Input((2,), name="b")
    return k.Model([a, b], k.layers.Dense(2, name="dense")(b), name="unused")


def echo(k: Any) -> Any:
    """An input given back as it is, and one result given twice."""
    x = k.Input((3,), name="x")
    y = k.layers.Dense(2, name="dense")(x)
    return k.Model(x, [x, y, y], name="echo")


def ladder(k: Any) -> Any:
    """Branches of different depth, so that the order of layers is not that of creation."""
    x = k.Input((8,), name="x")
    shallow = k.layers.Dense(4, name="shallow")(x)
    deep = x
    for step in ("deep_1", "deep_2", "deep_3"):
        deep = k.layers.Dense(4, activation="softplus", name=step)(deep)
    middle = k.layers.Add(name="middle")([shallow, k.layers.Dense(4, name="short")(x)])
    return k.Model(x, [k.layers.Add(name="sum")([middle, deep]), shallow], name="ladder")


def channels_first(k: Any) -> Any:
    image = k.Input((3, 7, 9), name="image")
    x = k.layers.Conv2D(6, (2, 3), data_format="channels_first", padding="same", groups=3, name="conv")(image)
    x = k.layers.BatchNormalization(axis=1, scale=False, name="norm")(x)
    x = k.layers.Activation("silu", name="silu")(x)
    x = k.layers.MaxPooling2D(3, strides=2, padding="same", data_format="channels_first", name="pool")(x)
    x = k.layers.Flatten(data_format="channels_first", name="flat")(x)
    return k.Model(image, k.layers.Dense(4, name="dense")(x), name="channels_first")


def mixed_ranks(k: Any) -> Any:
    sequence, bias = k.Input((4, 6), name="sequence"), k.Input((6,), name="bias")
    x = k.layers.Dense(6, name="each")(sequence)
    x = k.layers.Add(name="biased")([x, bias])
    x = k.layers.BatchNormalization(center=False, name="norm")(x)
    return k.Model([sequence, bias], k.layers.Reshape((3, -1), name="folded")(x), name="mixed_ranks")


def model_first(k: Any) -> Any:
    """A Sequential that starts with a model."""
    base = k.Sequential([k.Input((4,), name="base_in"), k.layers.Dense(3, activation="relu", name="base_dense")], name="base")
    return k.Sequential([base, k.layers.Dense(2, name="top")], name="model_first")


def counted(k: Any) -> Any:
    """Layers of one class that differ in size, whose weights a file numbers by the order of layers."""
    x = k.Input((5,), name="x")
    z = k.layers.Dense(7, name="z")(x)
    y = k.layers.Dense(3, name="y")(k.layers.Dense(4, name="w")(x))
    return k.Model(x, k.layers.Concatenate(name="joined")([y, z, k.layers.Dense(6, name="v")(z)]), name="counted")


NETWORKS: dict[str, Build] = {
    "a dense classifier": classifier,
    "a stack with a normalization": stack,
    "a residual block with a shared convolution": residual,
    "several inputs and outputs": several,
    "inputs in an order of their own": crossed,
    "dicts of inputs and outputs": dicts,
    "two layers called in turn": shared,
    "a stack in a model in a model": nested,
    "a model called twice": twins,
    "an input that nothing reads": unused,
    "an input as an output and an output twice": echo,
    "branches of different depth": ladder,
    "channels first": channels_first,
    "inputs of different ranks": mixed_ranks,
    "a stack that starts with a model": model_first,
    "layers of one class and several sizes": counted,
}


def scatter_weights(model: Any, seed: int = 0) -> Any:
    """The same model, of either package, with random weights in place of its first ones; variances stay positive."""
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        numbers = generator.normal(scale=2 / np.sqrt((*weight.shape, 1)[0] + 3), size=tuple(weight.shape))
        weight.assign((np.abs(numbers) + 0.5 if "variance" in weight.name else numbers).astype(str(weight.dtype)))
    return model


def sample(model: Any, rows: int = 3, seed: int = 1) -> Any:
    """Random inputs in the form that the model takes: an array, a list of them, or a dict by name."""
    generator = np.random.default_rng(seed)
    arrays: dict[str, Array] = {}
    for tensor in model.inputs:
        arrays[tensor.name] = generator.normal(size=(rows, *tensor.shape[1:])).astype(tensor.dtype)
    if model.name == "dicts":
        return arrays
    return list(arrays.values()) if len(arrays) > 1 else next(iter(arrays.values()))


def answers(model: Any, inputs: Any) -> list[Array]:
    """What a model of either package answers, flat, dicts in the order of their keys."""
    return [np.asarray(leaf) for leaf in leaves(model(inputs))]


def leaves(structure: Any) -> list[Any]:
    """The leaves of a structure, dicts in the order of their keys."""
    match structure:
        case dict():
            return [leaf for key in sorted(structure) for leaf in leaves(structure[key])]
        case list() | tuple():
            return [leaf for item in structure for leaf in leaves(item)]
        case _:
            return [structure]


def assert_close(found: Sequence[Array], expected: Sequence[Array], tolerance: float = 1e-5) -> None:
    """Asserts that arrays have the same shapes and dtypes, and numbers within `tolerance`."""
    assert [(array.shape, array.dtype) for array in found] == [(array.shape, array.dtype) for array in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
