"""Whether there is a CUDA device that ONNX Runtime can use."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import pytest

from service.engine.device import DeviceOptions
from service.engine.session import Session
from service.errors import StartupError
from tests.service import models
from tests.service.models import save


@pytest.fixture(scope="session", autouse=True)
def device(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skips where there is no device, and says why."""
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip(f"this ONNX Runtime has only {', '.join(onnxruntime.get_available_providers())}; install onnxruntime-gpu in its place")
    try:
        Session(save(models.add2(), tmp_path_factory.mktemp("probe") / "model.onnx"), DeviceOptions("cuda"), 1)
    except StartupError as error:
        pytest.skip(f"there is no CUDA device that works: {error}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a test puts its model."""
    return tmp_path / "model.onnx"
