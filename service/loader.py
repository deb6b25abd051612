"""Making a model ready to serve: its settings, its session, what it has to go through first, and the batcher that runs it."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from service.engine import padding_trial
from service.engine.batcher import Batcher, BatchOptions
from service.engine.padding import Padding
from service.engine.runners import Runners
from service.engine.samples import replay
from service.engine.session import Session
from service.engine.threads import plan
from service.repository.layout import ModelFile, ModelFolder
from service.repository.model_config import Defaults, ModelSettings, TritonReader, configure
from service.repository.registry import Served
from service.repository.triton import compare
from service.request import BatchRun
from service.rpc import triton_config

__all__ = ["ModelLoader"]

READER = TritonReader(triton_config.from_text, triton_config.from_json)


class ModelLoader:
    """Loads models as `defaults` and their own configurations say, to share `cores` and `runners`.

    `observe` is told of each of their runs.
    """

    def __init__(self, defaults: Defaults, cores: float, runners: Runners, observe: Callable[[BatchRun], None]) -> None:
        self._defaults = defaults
        self._cores = cores
        self._runners = runners
        self._observe = observe

    def configure(self, folder: ModelFolder, override: str | None) -> ModelSettings:
        """How a model is to be served; `override` is a load request's configuration. Raises StartupError."""
        return configure(folder, self._defaults, READER, override)

    def load(self, file: ModelFile, settings: ModelSettings) -> tuple[Served, float]:
        """The version, checked and warmed up, and the seconds of warming up. Raises StartupError when it cannot be had."""
        given = settings.options
        threads = plan(self._cores, given.batching.runners, given.device.threads)
        session = Session(file.path, given.device, threads.threads, given.batching.allowed_rows)
        compare(settings.described, session.signature)
        if given.load.replay_samples:
            replay(session)
        padding = Padding(settings.padding, session.signature)
        if given.load.check_padding:
            padding_trial.check(session, padding)
        start = monotonic()
        warmed = session.warm(_sizes(given.batching)) if given.load.warm_up else []
        warmup = monotonic() - start
        batcher = Batcher(
            file.name,
            str(file.version),
            session.run,
            given.batching,
            session.signature.batched,
            1 if session.serial else threads.runners,
            self._observe,
            padding,
            self._runners,
        )
        return Served(file.name, file.version, session, batcher, settings, tuple(warmed)), warmup


def _sizes(options: BatchOptions) -> list[int]:
    """The batch sizes to warm up with: those that are allowed, or doubled up to the largest."""
    most = options.max_batch_rows
    return [*options.allowed_rows] or [2**power for power in range(most.bit_length()) if 2**power < most] + [most]
