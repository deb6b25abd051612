"""How the builder is proved against real Keras: what only `make parity` runs, and how many examples it draws."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

HERE = Path(__file__).parent
EXAMPLES = int(os.environ.get("HORNBEAM_PARITY_EXAMPLES", "20"))
drawn = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    phases=[Phase.generate],  # what is drawn is small, and to make it smaller would take Keras many minutes
)


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.parity)
            item.add_marker(pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"))


@pytest.fixture(autouse=True)
def forgetting() -> Iterator[None]:
    """What JAX has compiled for the drawn sizes would be gigabytes in the end.

    And what Keras has left to be initialized, in a scope that leaves it so, it would initialize in a later test, and fail.
    """
    import jax
    import keras

    yield
    keras.utils.clear_session()
    jax.clear_caches()  # type: ignore[no-untyped-call]
