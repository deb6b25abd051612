"""What the tests of deploy share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.conftest import DIGITS, check


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the digits in it."""
    directory = tmp_path_factory.mktemp("models")
    check(sys.executable, "-m", "builder", "export", DIGITS, directory)
    return directory
