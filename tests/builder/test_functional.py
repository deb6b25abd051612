"""What Keras's own tests ask of Functional and Sequential models, asked of ours and of Keras's side by side."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest

import builder
from builder import Functional, Input, Model, Sequential, layers, ops
from builder.errors import NetworkError, NotBuiltError, UnsupportedError
from tests.builder.networks import Build, answers, assert_close, scatter_weights

ONES = np.ones((2, 4), np.float32)
PACKAGES = [pytest.param(builder, id="here"), pytest.param(keras, id="keras")]
both = pytest.mark.parametrize("k", PACKAGES)


def equal(build: Build, inputs: Any) -> None:
    """Asserts that a network built here answers as the one that Keras builds, when called and when called symbolically."""
    ours = scatter_weights(build(builder))
    theirs = build(keras)
    theirs.set_weights(ours.get_weights())
    assert_close(answers(ours, inputs), answers(theirs, inputs))


def shapes(structure: Any) -> Any:
    """The structure with the shape of each leaf in its place, batch and all."""
    match structure:
        case dict():
            return {key: shapes(value) for key, value in structure.items()}
        case list() | tuple():
            return type(structure)(shapes(item) for item in structure)
        case _:
            return tuple(structure.shape)


# Structures.


def deep(k: Any) -> Any:
    one, two, three = (k.Input((size,), name=str(size)) for size in (1, 2, 3))
    outs = [k.layers.Dense(size, name=f"dense_{size}")(x) for size, x in ((1, one), (2, two), (3, three))]
    return k.Model({"1": one, "others": {"2": two, "3": three}}, {"1": outs[0], "others": {"2": outs[1], "3": (outs[2], [outs[0]])}})


DEEP = {"1": np.ones((2, 1), np.float32), "others": {"2": np.ones((2, 2), np.float32), "3": np.ones((2, 3), np.float32)}}


def test_a_structure_comes_back_as_deep_as_it_was() -> None:
    equal(deep, DEEP)
    model = deep(builder)
    expected = {"1": (2, 1), "others": {"2": (2, 2), "3": ((2, 3), [(2, 1)])}}
    assert shapes(model(DEEP)) == shapes(model.predict(DEEP)) == expected
    symbols = {"1": Input((1,), batch_size=2), "others": {"2": Input((2,), batch_size=2), "3": Input((3,), batch_size=2)}}
    assert shapes(model(symbols)) == expected


def test_a_tuple_is_a_list_after_json_and_a_tuple_before(tmp_path: Path) -> None:
    model = deep(builder)
    assert shapes(Functional.from_config(model.get_config())(DEEP)) == shapes(model(DEEP))
    model.save(tmp_path / "deep.keras")
    for opened in (builder.load_model(tmp_path / "deep.keras"), keras.saving.load_model(tmp_path / "deep.keras")):
        assert shapes(opened(DEEP)) == {"1": (2, 1), "others": {"2": (2, 2), "3": [(2, 3), [(2, 1)]]}}


@pytest.mark.parametrize("kind", [list, tuple, dict])
def test_the_kind_of_structure_is_kept_through_a_config(kind: type) -> None:
    x = Input((3,), name="x")
    a, b = layers.Dense(4)(x), layers.Dense(5)(x)
    model = Functional(x, {"a": a, "b": b} if kind is dict else kind([a, b]))
    again = Functional.from_config(model.get_config())
    assert type(again(np.ones((2, 3)))) is kind
    assert type(again(Input((3,)))) is kind


def test_a_list_in_a_list_is_an_input_too() -> None:
    x = Input((3,), name="x")
    model = Functional([[x]], layers.Dense(4)(x))
    assert model([[np.ones((2, 3))]]).shape == (2, 4)
    assert json.loads(model.to_json())["config"]["input_layers"] == [[["x", 0, 0]]]
    assert builder.models.model_from_json(model.to_json()).to_json() == model.to_json()


def test_scalars_and_slices() -> None:
    def build(k: Any) -> Any:
        a, b = k.Input((3,), name="a"), k.Input((), name="b")
        return k.Model([a, b], a + b[:, None])

    equal(build, [np.zeros((2, 3), np.float32), np.ones((2,), np.float32)])


def sum_of(k: Any, **names: str) -> Any:
    """A model of named inputs, a dict of which the keys are `names`."""
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    return k.Model({names.get("a", "a"): a, names.get("b", "b"): b}, k.ops.add(a, b * 2.0))


@both
def test_a_list_for_a_dict_is_taken_in_order_with_one_warning(k: Any) -> None:
    model = sum_of(k)
    with pytest.warns(UserWarning, match="The structure of `inputs` doesn't match the expected structure") as caught:
        found = model.predict([ONES, 2 * ONES], verbose=0)
    assert len(caught) == 1
    np.testing.assert_array_equal(found, 5 * ONES)


@both
def test_keys_too_many_are_left_out_with_one_warning(k: Any) -> None:
    model = sum_of(k)
    with pytest.warns(UserWarning, match="The structure of `inputs` doesn't match the expected structure") as caught:
        found = np.asarray(model({"a": ONES, "b": 2 * ONES, "c": ONES}))
    assert len(caught) == 1
    np.testing.assert_array_equal(found, 5 * ONES)


def test_a_key_that_sorts_first_takes_no_inputs_place() -> None:
    with pytest.warns(UserWarning, match="The structure of `inputs`"):
        np.testing.assert_array_equal(sum_of(builder)({"A": 9 * ONES, "a": ONES, "b": 2 * ONES}), 5 * ONES)


@both
def test_lists_and_tuples_are_the_same_structure(k: Any) -> None:
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    model = k.Model([a, b], a - b)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.predict((ONES, ONES), verbose=0)
    assert not [warning for warning in caught if "structure" in str(warning.message)]


@both
def test_a_list_for_a_dict_whose_keys_are_not_in_order_is_refused(k: Any) -> None:
    x1, x2 = k.Input((10,), name="IT"), k.Input((10,), name="IS")
    model = k.Model({"IT": x1, "IS": x2}, k.layers.subtract([x1, x2]))
    with pytest.raises(ValueError, match="The structure of `inputs` doesn't match the expected structure"):
        model([np.ones((1, 10), np.float32), np.zeros((1, 10), np.float32)])


@both
def test_keys_are_the_dicts_own_and_not_the_inputs_names(k: Any) -> None:
    with pytest.warns(UserWarning, match="all keys in the dict must match the names of the corresponding tensors"):
        model = sum_of(k, a="c", b="d")
    np.testing.assert_array_equal(np.asarray(model({"c": ONES, "d": ONES})), 3 * ONES)
    with pytest.raises(ValueError, match=r"'c' is missing|Missing data for input \"c\""):
        model({"a": ONES, "b": ONES})


@pytest.mark.filterwarnings("ignore:(?s).*The structure of `inputs` doesn't match:UserWarning")  # which Keras says, and takes it
@both
def test_one_input_is_taken_by_name_too(k: Any) -> None:
    x = k.Input((4,), name="x")
    np.testing.assert_array_equal(np.asarray(k.Model(x, x * 2.0)({"x": ONES})), 2 * ONES)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param(ONES, r"expects 2 named input\(s\) with keys \['a', 'b'\], but it received 1 input tensors", id="one for two"),
        pytest.param({"a": ONES[:, :3], "b": ONES}, r"expected shape=\(None, 4\), found shape=\(2, 3\)", id="another size"),
        pytest.param(
            {"a": ONES[:, :3], "b": ONES[:, :2]},
            r"(?s)2 problems.*Input 0 with name 'a'.*found shape=\(2, 3\).*Input 1 with name 'b'.*found shape=\(2, 2\)",
            id="two sizes, both named",
        ),
        pytest.param({"a": ONES, "b": None}, "The input 'b' is not optional, but None was passed", id="none"),
        pytest.param({"a": ONES, "b": ONES[..., None, None]}, "name 'b' and path 'b'. Expected shape", id="two axes too many"),
    ],
)
def test_inputs_that_do_not_fit_are_named(given: Any, words: str) -> None:
    with pytest.raises(NetworkError, match=words):
        sum_of(builder)(given)


def test_the_place_in_a_structure_is_named() -> None:
    x = Input((3,), name="mine")
    with pytest.raises(NetworkError, match=r"with name 'mine' and path '0\.foo'"):
        Model([{"foo": x}], layers.Dense(3)(x))(np.ones((2, 3, 4, 5)))


def test_dtypes_are_those_of_the_inputs() -> None:
    a, b = Input((2,), dtype="float16"), Input((2,), dtype="int32")
    found = Model((a, b), (a + 2, b + 2))((np.ones((2, 2)), np.ones((2, 2))))
    assert [array.dtype.name for array in found] == ["float16", "int32"]


# Optional inputs.


def optional(k: Any) -> Any:
    class Maybe(k.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any, y: Any = None) -> Any:
            return x if y is None else x + y

        def compute_output_shape(self, x_shape: Any) -> Any:
            return x_shape

    a, b = k.Input((4,), name="a"), k.Input((4,), name="b", optional=True)
    return k.Model({"a": a, "b": b}, Maybe(name="maybe")(a, b), name="optional")


@both
def test_an_optional_input_may_be_none(k: Any) -> None:
    model = optional(k)
    np.testing.assert_array_equal(np.asarray(model({"a": ONES, "b": None})), ONES)
    np.testing.assert_array_equal(np.asarray(model({"a": ONES, "b": ONES})), 2 * ONES)
    with pytest.raises(ValueError, match="The input 'a' is not optional, but None was passed"):
        model({"a": None, "b": ONES})


def test_an_exported_model_needs_its_optional_inputs(tmp_path: Path) -> None:
    model = optional(builder)
    model.export(tmp_path / "optional.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "optional.onnx", providers=["CPUExecutionProvider"])
    assert [given.name for given in session.get_inputs()] == ["a", "b"]
    np.testing.assert_array_equal(session.run(None, {"a": ONES, "b": ONES})[0], 2 * ONES)


# Models of parts of models, in layers, and in models.


def partial(k: Any, first: str, last: str) -> Any:
    x = k.Input((None, 2), name="input")
    y = k.layers.Dense(3, name="dense1")(x)
    y = k.layers.Dense(4, name="dense2")(y)
    full = k.Model(x, k.layers.Dense(5, name="dense3")(y), name="full")
    return k.Model(full.get_layer(first).input, full.get_layer(last).output, name="part")


@pytest.mark.parametrize(
    ("first", "last", "names"),
    [
        pytest.param("dense3", "dense3", ["dense3"], id="the last layer"),
        pytest.param("dense2", "dense2", ["dense2"], id="one in the middle"),
        pytest.param("dense2", "dense3", ["dense2", "dense3"], id="all but the first"),
        pytest.param("dense1", "dense2", ["dense1", "dense2"], id="all but the last"),
    ],
)
def test_a_model_may_be_any_part_of_another(first: str, last: str, names: list[str], tmp_path: Path) -> None:
    def build(k: Any) -> Any:
        return partial(k, first, last)

    model = build(builder)
    assert [layer.name for layer in model.layers[1:]] == names
    assert type(model.layers[0]) is layers.InputLayer
    numbers = np.random.default_rng(0).normal(size=(2, 3, model.input_shape[-1])).astype(np.float32)
    equal(build, numbers)
    model.save(tmp_path / "part.keras")
    assert_close(answers(keras.saving.load_model(tmp_path / "part.keras"), numbers), answers(model, numbers))


def test_a_part_may_need_an_input_as_well_as_what_is_in_the_middle() -> None:
    def build(k: Any) -> Any:
        a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
        middle = k.layers.Dense(4, name="middle")(a)
        both = k.layers.Add(name="both")([middle, b, middle])
        return k.Model([middle, b], k.layers.ReLU(name="relu")(both))

    equal(build, [ONES, 2 * ONES])


def test_what_is_in_the_middle_may_be_an_output_too() -> None:
    middle = layers.ReLU(name="middle")(Input((4,), name="x"))
    found = Model(middle, [middle, middle * 2])(-ONES)
    assert_close(found, [-ONES, -2 * ONES], 0)


def test_a_part_shares_its_weights_with_the_whole() -> None:
    x = Input((4,), name="x")
    dense = layers.Dense(2, name="dense")
    middle = layers.ReLU()(x)
    whole = Model(x, dense(middle))
    part = Model(middle, whole.output)
    dense.set_weights([np.ones((4, 2)), np.zeros(2)])
    np.testing.assert_array_equal(part(-ONES), np.full((2, 2), -4))
    np.testing.assert_array_equal(whole(-ONES), np.zeros((2, 2)))


@pytest.mark.parametrize(
    "inner",
    [
        pytest.param(lambda k: k.Model(x := k.Input((4,)), k.layers.Dense(3)(x)), id="Functional"),
        pytest.param(lambda k: k.Sequential([k.layers.Dense(3)]), id="Sequential that is not built"),
        pytest.param(lambda k: k.Sequential([k.Input((4,)), k.layers.Dense(3)]), id="Sequential"),
    ],
)
def test_a_model_is_a_layer_at_each_step(inner: Build) -> None:
    def build(k: Any) -> Any:
        x = k.Input((None, 4), name="x")
        return k.Model(x, k.layers.TimeDistributed(inner(k))(x))

    equal(build, np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32))


def test_a_model_is_called_on_other_shapes_than_it_was_made_for() -> None:
    def build(k: Any) -> Any:
        x = k.Input((None, 4), name="x")
        inner = k.Model(x, k.layers.Dense(3, name="dense")(x), name="inner")
        y = k.Input((7, 4), name="y")
        return k.Model(y, inner(y))

    assert build(builder).output_shape == build(keras).output_shape == (None, 7, 3)


def test_a_layer_that_is_attached_later_is_saved_with_the_model(tmp_path: Path) -> None:
    def build(k: Any) -> Any:
        x = k.Input((4,), name="x")
        model = k.Model(x, k.layers.Dense(3, name="in_graph")(x), name="more")
        model.early = k.layers.Dense(2, name="extra")
        model.early.build((None, 3))
        return model

    ours, theirs = scatter_weights(build(builder)), build(keras)
    assert [weight.shape for weight in ours.weights] == [tuple(weight.shape) for weight in theirs.weights]
    assert [layer.name for layer in ours.layers] == ["x", "in_graph"]
    ours.save_weights(tmp_path / "more.weights.h5")
    theirs.load_weights(tmp_path / "more.weights.h5")
    for found, expected in zip(theirs.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_models_own_input_spec_is_checked() -> None:
    x = Input((None, 3), name="x")
    model = Functional(x, layers.Dense(2)(x))
    assert [spec.shape for spec in model.input_spec] == [(None, None, 3)]
    model.input_spec = builder.InputSpec(shape=(None, 4, 3))
    with pytest.raises(NetworkError, match=re.escape("expected shape=(None, 4, 3), found shape=(2, 3, 3)")):
        model(np.zeros((2, 3, 3)))
    assert model(np.zeros((2, 4, 3))).shape == (2, 4, 2)


def test_training_is_baked_into_a_call_and_passed_on_by_a_model() -> None:
    seen: list[Any] = []

    class Canary(layers.Layer):
        def call(self, x: Any, training: bool = False) -> Any:
            seen.append(training)
            return x

    x = Input((3,))
    model = Functional(x, Canary()(Canary()(x, training=True)))
    assert seen == [True, False]
    model(Input((3,)), training=False)
    assert seen[2:] == [True, False]
    saved = [layer["inbound_nodes"][0]["kwargs"] for layer in model.get_config()["layers"][1:]]
    assert saved == [{"training": True}, {}]


def test_a_normalization_that_is_told_to_train_is_refused_by_name(tmp_path: Path) -> None:
    x = Input((4,), name="x")
    model = Model(x, layers.BatchNormalization(name="norm")(x, training=True))
    with pytest.raises(UnsupportedError, match="norm"):
        model.export(tmp_path / "trains.onnx")


# Operators.

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "sums": lambda x, y: (x + y) + 1.5 - (y - x) - (2 - x),
    "products": lambda x, y: (x * y) * 2 / (y + 3) + 1 / (x + 3),
    "powers": lambda x, y: (x + 3) ** 2 + 2 ** (y / 2),
    "remainders": lambda x, y: x // 0.5 + y % 0.3 + 7 // (x + 9) + 7 % (y + 9),
    "matrix products": lambda x, y: x @ y[:, :, None],
    "signs": lambda x, y: -x + abs(y) + round(x),
    "comparisons": lambda x, y: (x < y) & (x <= 1) | (y > x) ^ ~(x >= y) | (x != y),
    "slices": lambda x, y: x[:, 1:] + y[..., :-1] + x[:, None, 0] + y[:, 1][:, None],
}


@pytest.mark.parametrize("name", OPERATORS)
def test_pythons_operators_are_those_of_keras(name: str, tmp_path: Path) -> None:
    def build(k: Any) -> Any:
        x, y = k.Input((4,), name="x"), k.Input((4,), name="y")
        if name == "matrix products":
            return k.Model([x, y], OPERATORS[name](k.ops.expand_dims(x, 1), y))
        return k.Model([x, y], OPERATORS[name](x, y))

    generator = np.random.default_rng(0)
    inputs = [generator.normal(size=(2, 4)).astype(np.float32) for _ in range(2)]
    equal(build, inputs)
    ours = build(builder)
    ours.save(tmp_path / "operators.keras")
    assert_close(answers(keras.saving.load_model(tmp_path / "operators.keras"), inputs), answers(ours, inputs))


def test_equality_is_identity() -> None:
    x = Input((4,))
    assert (x == x) is True
    assert x in [x]
    assert (x == Input((4,))) is False


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        pytest.param(bool, TypeError, "A symbolic KerasTensor cannot be used as a boolean", id="a condition"),
        pytest.param(list, TypeError, "Iterating over a symbolic KerasTensor is not supported", id="a loop"),
        pytest.param(float, TypeError, "symbolic", id="a number"),
        pytest.param(np.asarray, TypeError, "You cannot convert it to a NumPy array", id="an array"),
    ],
)
def test_a_symbol_is_no_number(act: Callable[[Any], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        act(Input((4,)))


def test_operations_are_the_layers_and_the_functions_between_them() -> None:
    def build(k: Any) -> Any:
        a, b = k.Input((3,), name="a"), k.Input((3,), name="b")
        return k.Model([a, b], k.layers.Dense(4, name="dense_2")(k.layers.Dense(5, name="dense_1")(a + b)))

    ours, theirs = build(builder), build(keras)
    assert len(ours.operations) == len(theirs.operations) == 5
    for index, name in enumerate(["a", "b", "dense_1", "dense_2"]):
        assert ours.get_layer(index=index).name == theirs.get_layer(index=index).name == name


def test_a_dtype_policy_puts_no_cast_before_a_layer() -> None:
    builder.config.set_dtype_policy("mixed_float16")
    try:
        x = Input((10,), name="input")
        model = Functional(x, layers.Dense(5)(x))
        assert [type(operation) for operation in model.operations] == [layers.InputLayer, layers.Dense]
        assert model.outputs[0].dtype == "float16"
    finally:
        builder.config.set_dtype_policy("float32")


# Sequential.


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda k: k.Sequential([k.layers.Add(), k.layers.Dense(3)]), id="a list"),
        pytest.param(lambda k: k.Sequential([named_sum(k), k.layers.Dense(3)]), id="a dict"),
        pytest.param(lambda k: k.Sequential([k.Input((4,)), pair(k), k.layers.Add(), k.layers.Dense(3)]), id="two tensors inside"),
    ],
)
def test_a_stack_passes_any_structure_on(build: Build) -> None:
    inputs: Any = [ONES, 2 * ONES]
    model = build(builder)
    if model.built:
        inputs = ONES
    elif isinstance(model.layers[0], layers.Add) is False:
        inputs = {"a": ONES, "b": 2 * ONES}
    theirs = build(keras)
    model(inputs)
    theirs(inputs)
    theirs.set_weights(scatter_weights(model).get_weights())
    assert_close(answers(model, inputs), answers(theirs, inputs))
    assert_close([model.predict(inputs)], answers(model, inputs))


def named_sum(k: Any) -> Any:
    class NamedSum(k.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: dict[str, Any]) -> Any:
            return inputs["a"] + inputs["b"]

    return NamedSum(name="named_sum")


def pair(k: Any) -> Any:
    x = k.Input((4,), name="pair_in")
    return k.Model(x, [x, k.layers.ReLU(name="pair_relu")(x)], name="pair")


def test_a_stack_of_a_dict_is_exported_with_its_keys(tmp_path: Path) -> None:
    model = Sequential([named_sum(builder), layers.Dense(3)])
    model.build({"a": (None, 4), "b": (None, 4)})
    model.export(tmp_path / "named.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "named.onnx", providers=["CPUExecutionProvider"])
    assert [given.name for given in session.get_inputs()] == ["a", "b"]
    found = session.run(None, {"a": ONES, "b": ONES})[0]
    np.testing.assert_allclose(found, model({"a": ONES, "b": ONES}), rtol=1e-5)


@both
def test_a_stack_is_a_layer_of_a_stack(k: Any) -> None:
    inner = k.Sequential([k.Input((16,))], name="inner")
    assert len(k.Sequential([inner]).layers) == 1
    nested = k.Sequential([k.Sequential([k.Input((4,)), k.layers.Dense(3)]), k.layers.Dense(2)])
    assert nested.built
    assert nested.output_shape == (None, 2)


@both
def test_shapes_after_the_first_are_ignored(k: Any) -> None:
    if k is keras:
        with pytest.warns(UserWarning, match="input_shape"):
            model = k.Sequential([k.layers.Dense(4, input_shape=(2,)), k.layers.Dense(5, input_shape=(3, 4))])
    else:
        model = k.Sequential([k.layers.Dense(4, input_shape=(2,)), k.layers.Dense(5, input_shape=(3, 4))])
    assert model.output_shape == (None, 5)
    assert len(model.weights) == 4


@both
def test_a_stack_has_nothing_before_it_is_built(k: Any) -> None:
    model = k.Sequential()
    for name in ("input_shape", "output_shape", "inputs", "outputs"):
        assert not hasattr(model, name)
    model = k.Sequential([k.layers.Input((4,)), k.layers.Dense(8)])
    assert (model.input_shape, model.output_shape) == ((None, 4), (None, 8))
    assert model.compute_output_shape((3, 4)) == (3, 8)


@both
def test_shapes_are_foretold_before_anything_is_built(k: Any) -> None:
    model = k.Sequential([k.layers.Dense(4), k.layers.Dense(8)])
    assert model.compute_output_shape((1, 2)) == (1, 8)
    assert model.weights == []
    assert k.layers.Conv2D(3, 2).compute_output_shape((None, 8, 8, 1)) == (None, 7, 7, 3)


@both
def test_layers_are_not_set(k: Any) -> None:
    x = k.Input((3,))
    with pytest.raises(AttributeError, match=r"`Model.layers` attribute is reserved"):
        k.Model(x, k.layers.Dense(5)(x)).layers = []
    with pytest.raises(AttributeError, match=r"Use `add\(\)` and `pop\(\)`"):
        k.Sequential().layers = []


def test_popping_without_a_rebuild_leaves_the_stack_unbuilt() -> None:
    model = Sequential([Input((4,)), layers.Dense(3), layers.Dense(2)])
    model.pop(rebuild=False)
    assert not model.built
    with pytest.raises(NotBuiltError, match="has no defined inputs yet"):
        _ = model.inputs
    assert model(ONES).shape == (2, 3)


def bad(k: Any, call: Callable[..., Any]) -> Any:
    return type("Bad", (k.layers.Layer,), {"call": call})(name="bad")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        pytest.param(lambda self, inputs, training: inputs, "can only have a single required positional argument", id="two arguments"),
        pytest.param(lambda self, *, inputs: inputs, "has no positional arguments", id="none by position"),
    ],
)
def test_a_layer_of_a_stack_takes_one_tensor(call: Callable[..., Any], words: str) -> None:
    with pytest.raises(NetworkError, match=words) as caught:
        Sequential([bad(builder, call)]).build((None, 2))
    assert "'bad'" in str(caught.value)


def test_a_layer_that_cannot_take_two_tensors_says_how_to_pass_them() -> None:
    with pytest.raises(NetworkError, match=r"layer 'dense' \(Dense\) is called on the 2 outputs.*Make a Functional model"):
        Sequential([Input((4,)), pair(builder), layers.Dense(3, name="dense")])


# Configs.


def test_a_loop_in_a_config_is_refused() -> None:
    with pytest.raises(NetworkError, match="either has loops or disconnected nodes: 'a', 'b'"):
        Functional.from_config(config_of(a="b", b="a"))


def test_a_node_that_is_missing_in_a_config_is_named() -> None:
    with pytest.raises(NetworkError, match="Missing node: c"):
        Functional.from_config(config_of(a="c", b="a"))


def config_of(**connections: str) -> dict[str, Any]:
    """A config of dense layers, each of which is called on another's output."""

    def tensor(name: str) -> dict[str, Any]:
        return {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "dtype": "float32", "keras_history": [name, 0, 0]}}

    dense = [
        {
            "module": "keras.layers",
            "class_name": "Dense",
            "config": {"units": 4, "name": name},
            "name": name,
            "inbound_nodes": [{"args": [tensor(source)], "kwargs": {}}],
        }
        for name, source in connections.items()
    ]
    start = {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 4], "name": "x"}, "name": "x"}
    return {"name": "m", "layers": [{**start, "inbound_nodes": []}, *dense], "input_layers": ["x", 0, 0], "output_layers": ["b", 0, 0]}


# What was never called, and what should not be.


def test_what_is_not_connected_is_named_by_its_place() -> None:
    a, b, c = (Input((2,), name=name) for name in "abc")
    with pytest.raises(NetworkError, match=r"(?s)2 problems.*path `a\.0` is not connected.*'c'.*path `two` is not connected.*'b'"):
        Model(a, {"one": a * 2, "two": b * 3, "a": [c * 4]})


def test_arguments_that_are_no_tensors_are_given_by_name() -> None:
    x = Input((4,))
    with pytest.raises(
        NetworkError, match=r"Only input tensors may be passed as positional arguments.*keyword argument: 3 \(of type int\)"
    ):
        layers.Dense(2)(x, 3)


def test_ops_on_layers_outputs_keep_their_place_in_the_order() -> None:
    x = Input((4,), name="x")
    y = ops.relu(layers.Dense(3, name="dense")(x))
    assert [operation.class_name for operation in Functional(x, y).operations] == ["InputLayer", "Dense", "Relu"]
