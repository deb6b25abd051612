"""The architectures of keras.applications, each through a real `.keras` file and an export, beside Keras itself and its exporter.

One of each family, or with HORNBEAM_PARITY_ARCHITECTURES=all every one. Each runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import keras
import pytest

from tests.conftest import ROOT, check
from tests.parity.architectures import ARCHITECTURES, FAMILIES

TOLERANCE = 1e-4  # relative to the largest output
NAMES = tuple(ARCHITECTURES) if os.environ.get("HORNBEAM_PARITY_ARCHITECTURES") == "all" else FAMILIES


def test_the_list_is_that_of_keras() -> None:
    assert set(ARCHITECTURES) == {name for name in dir(keras.applications) if name[0].isupper()}


@pytest.mark.parametrize("name", NAMES)
def test_an_architecture_answers_as_in_keras_and_is_no_larger_than_its_exporter_makes_it(name: str) -> None:
    finding: dict[str, Any] = json.loads(check(sys.executable, "-m", "tests.parity.application", name, cwd=ROOT))
    assert set(finding["errors"]) == {"1", "2", "5"}
    assert max(finding["errors"].values()) <= TOLERANCE
    assert finding["spread"] > 100 * max(finding["errors"].values())  # the answers depend on the images
    peer = ARCHITECTURES[name].peer
    if peer is None:
        return
    assert finding["nodes"] <= peer.nodes
    if peer.fault is None:
        assert finding["transposes"] <= peer.transposes
