"""What the builder's tests share: real Keras, on JAX, is the oracle; each network is run and saved by it once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import pytest

from builder.graph import Array
from tests.builder.networks import NETWORKS, Build, answers, sample, scatter_weights

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Keras's own variables do not know NumPy 2's `copy` yet, and their `numpy()` makes NumPy say so."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"))


@dataclass(frozen=True)
class Oracle:
    """A network as Keras has it: the model with random weights, its file, some inputs and what it answers to them."""

    build: Build
    model: Any
    path: Path
    inputs: Any
    answers: list[Array]


@pytest.fixture(scope="session", params=list(NETWORKS.values()), ids=list(NETWORKS))
def oracle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    """Each network of the table in turn."""
    build: Build = request.param
    model = scatter_weights(build(keras))
    path = tmp_path_factory.mktemp("saved") / f"{model.name}.keras"
    model.save(path)
    inputs = sample(model)
    return Oracle(build, model, path, inputs, answers(model, inputs))
