"""The summary is Keras's, line by line."""

import re
from collections.abc import Callable
from typing import Any

import keras
import pytest

import builder
from builder import layers
from builder.errors import NetworkError
from tests.builder.networks import NETWORKS


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras prints through rich, which cuts what is wider than the terminal."""
    monkeypatch.setenv("COLUMNS", "200")


def unbuilt(k: Any) -> Any:
    return k.Sequential([k.layers.Dense(3, name="first"), k.layers.ReLU(name="second")], name="unbuilt")


def frozen(k: Any) -> Any:
    first, second = k.layers.Dense(3, trainable=False, name="first"), k.layers.Dense(2, name="second")
    return k.Sequential([k.Input((4,), name="x"), first, k.layers.ReLU(name="relu"), second], name="frozen")


def large(k: Any) -> Any:
    return k.Sequential([k.Input((1000,), name="x"), k.layers.Dense(3000, name="wide"), k.layers.Dense(1, name="narrow")], name="large")


def long_names(k: Any) -> Any:
    return k.Sequential(
        [k.Input((4,), name="x"), k.layers.Dense(3, name="a_name_that_is_longer_than_any_column_of_a_table_should_have_to_hold")],
        name="long_names",
    )


def lines(model: Any, **kwargs: Any) -> list[str]:
    """The summary as a list of lines, the names of inputs that were given none alike."""
    printed: list[str] = []
    model.summary(print_fn=printed.append, **kwargs)
    text = re.sub(r"input_layer_\d+", "input_layer", "\n".join(printed))
    return [line.rstrip() for line in text.rstrip().splitlines()]


TABLES = {**NETWORKS, "a stack that is not built": unbuilt, "a layer that is frozen": frozen, "megabytes": large, "a long name": long_names}
each_network = pytest.mark.parametrize("build", TABLES.values(), ids=list(TABLES))


@each_network
@pytest.mark.parametrize("line_length", [60, 88, 120])
def test_a_summary_is_that_of_keras(build: Callable[[Any], Any], line_length: int) -> None:
    assert lines(build(builder), line_length=line_length) == lines(build(keras), line_length=line_length)


@each_network
def test_a_summary_shows_what_is_inside_and_what_is_trained(build: Callable[[Any], Any]) -> None:
    options = {"line_length": 110, "expand_nested": True, "show_trainable": True}
    assert lines(build(builder), **options) == lines(build(keras), **options)


def test_positions_say_where_columns_end() -> None:
    options = {"line_length": 90, "positions": (0.3, 0.6, 1.0)}
    build = NETWORKS["a stack with a normalization"]
    assert lines(build(builder), **options) == lines(build(keras), **options)


def test_a_range_of_layers_can_be_shown() -> None:
    options: dict[str, Any] = {"line_length": 90, "layer_range": ("norm", "p.*l")}
    build = NETWORKS["a stack with a normalization"]
    assert lines(build(builder), **options) == lines(build(keras), **options)
    with pytest.raises(NetworkError, match="do not match the layer names"):
        build(builder).summary(layer_range=("nobody", "norm"))


def test_a_table_too_narrow_is_refused() -> None:
    with pytest.raises(ValueError, match="Insufficient console width"):
        NETWORKS["a dense classifier"](builder).summary(line_length=10)


def test_without_a_function_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    builder.Sequential([builder.Input((4,)), layers.Dense(3)], name="printed").summary()
    assert capsys.readouterr().out.startswith('Model: "printed"\n┏━')


def test_functions_between_layers_have_a_row() -> None:
    x = builder.Input((4,), name="x")
    text = "\n".join(lines(builder.Model(x, layers.Dense(4, name="dense")(x) + x), line_length=100))
    assert "dense (Dense)" in text
    assert "dense[0][0], x[0][0]" in text
