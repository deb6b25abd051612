"""The settings under which this machine serves a model best: tried one after another on a server of its own.

It is the server that is asked, and over gRPC, since what serving costs beside the model is part of the answer. Of each
setting in turn the values are tried with those chosen so far. The one with the highest throughput whose p99 is within the
bound is then tried again in turns with the one that is there, which stays unless the other is better beyond the noise.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile
from typing import get_type_hints

from service.bench.measuring import BenchOptions, Level, measure, subject
from service.bench.target import Target
from service.engine.threads import available_cores
from service.errors import StartupError
from service.options import Option, options
from service.repository.layout import FILE, find_folders, is_name
from service.repository.model_config import ModelOptions

__all__ = ["Found", "Trial", "check_place", "config_path", "search", "tune", "tuned_file", "tuning_level", "write"]

NOISE = 1.03  # what is not better by more than this is not better
AGAIN = 2  # trials more of two that compete: the median is of three
USUAL = 64  # the default of max_batch_rows
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
STARTED = "ready: gRPC on "
CONFIG = "config.toml"

Values = Mapping[str, int]
Candidates = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Trial:
    """One setting, and what it gave: rows a second, and latencies in seconds."""

    values: Values
    rows_per_second: float
    p50: float
    p99: float
    rows_per_run: float
    errors: int

    def row(self) -> str:
        """Its line in the table of evidence."""
        settings = "".join(f"{value:>{len(name) + 2}}" for name, value in self.values.items())
        mean = f"{self.rows_per_run:.1f}" if self.rows_per_run else "-"
        return f"{settings}{self.rows_per_second:>12,.0f}{self.p50 * 1e3:>10.3f}{self.p99 * 1e3:>10.3f}{mean:>10}{self.errors:>8}"

    def heading(self) -> str:
        """The names of the columns."""
        return "".join(f"  {name}" for name in self.values) + f"{'rows/s':>12}{'p50 ms':>10}{'p99 ms':>10}{'rows/run':>10}{'errors':>8}"


@dataclass(frozen=True, slots=True)
class Found:
    """The best setting, and all that were tried."""

    best: Trial
    trials: tuple[Trial, ...]


def tuned_file(path: Path) -> tuple[str, Path]:
    """The name and the .onnx file of the one model at `path`, its latest version: a file, its directory, or a repository of one.

    Raises StartupError when there is none, or are several.
    """
    folders = find_folders(path.parent if path.is_dir() and _holds_versions(path) else path)
    if path.is_dir() and _holds_versions(path):
        folders = {name: folder for name, folder in folders.items() if name == path.resolve().name}
    if len(folders) > 1:
        raise StartupError(f"{path} holds several models, {', '.join(folders)}; name one, as in {path / next(iter(folders))}")
    files = [file for folder in folders.values() for file in folder.files().values()]
    if not files:
        raise StartupError(f"{path} holds no model: expected <version>/{FILE} in it")
    return files[-1].name, files[-1].path


def config_path(file: Path) -> Path | None:
    """Where the configuration of the model with that file lies; None for a file outside of a repository's layout."""
    version = file.resolve().parent
    placed = file.name == FILE and version.name.isdecimal() and is_name(version.parent.name)
    return version.parent / CONFIG if placed else None


def check_place(path: Path, force: bool) -> None:
    """Raises StartupError when there is a configuration that must not be replaced."""
    if path.exists() and not force:
        raise StartupError(f"{path} is there already; give --force to replace it (what it says now is then kept in {path.name}~)")


def tune(
    name: str, file: Path, bench: BenchOptions, bound: float, show: Callable[[Trial], None], candidates: Candidates | None = None
) -> Found:
    """The best setting for a model's file. `bound` is on the p99, in seconds; `show` is told of each trial.

    The load is the first rate of `bench`, or else its highest concurrency. `candidates` are as `search` takes them, by default
    all that are worth trying. Raises StartupError as `search` does, or when a server does not start.
    """
    level = tuning_level(bench)
    settings = {setting: values for setting, values in (candidates or _candidates(level, bench.rows)).items() if setting in _known()}

    def attempt(values: Values) -> Trial:
        trial = _try(name, file, bench, level, values)
        show(trial)
        return trial

    return search(attempt, settings, bound, f"at {level.name}{'' if level.rate else ' in flight'}")


def search(attempt: Callable[[Values], Trial], candidates: Candidates, bound: float, where: str) -> Found:
    """The best of settings, each of which `attempt` tries once.

    `candidates` are the values by setting, in the order in which they are chosen, the first of each the one to beat; `bound`
    is on the p99, in seconds; `where` says in an error at which load. Raises StartupError when none stays within the bound.
    """
    return _Search(attempt, bound, where).run(candidates)


def tuning_level(bench: BenchOptions) -> Level:
    """The load that settings are tried at: the first rate, or else the highest concurrency."""
    return Level(0, bench.rates[0]) if bench.rates else Level(max(bench.concurrency))


def write(path: Path, found: Found, evidence: str) -> None:
    """Writes the best setting to `path`; a file that is there is kept beside it, with a ~ behind its name."""
    tables: dict[str, list[str]] = {}
    for name, value in found.best.values.items():
        tables.setdefault(_table_of(name), []).append(f"{name} = {value}\n")
    comment = "".join(f"# {line}\n" for line in evidence.splitlines())
    text = comment + "".join(f"\n[{table}]\n{''.join(lines)}" for table, lines in tables.items())
    try:
        if path.exists():
            path.replace(path.with_name(path.name + "~"))
        path.write_text(text)
    except OSError as error:
        raise StartupError(f"{path} cannot be written: {error.strerror}") from error


def _holds_versions(path: Path) -> bool:
    return any((version / FILE).is_file() for version in path.iterdir() if version.name.isdecimal())


def _candidates(level: Level, rows: int) -> Candidates:
    """Values for each setting, in the order in which they are chosen; the first of each is the one to beat.

    A batch takes at least the `rows` of a request, and more than all calls in flight have never meet.
    """
    cores = max(1, int(available_cores()))
    shares = tuple(sorted({1, 2, cores // 2, cores} - {0}))
    sizes = [size for size in ROWS if rows <= size <= max(rows * level.in_flight, USUAL)] or [rows]
    first = USUAL if USUAL in sizes else sizes[0]
    return {"max_batch_rows": (first, *(size for size in sizes if size != first)), "runners": shares, "threads": shares}


def _known() -> Mapping[str, Option]:
    """The options that a model may have for itself, by name."""
    return {option.name: option for option in options(ModelOptions)}


def _table_of(name: str) -> str:
    """The table of config.toml that an option stands in."""
    groups = get_type_hints(ModelOptions)
    return next(table for table, group in groups.items() if name in {option.name for option in options(group)})


class _Search:
    """One setting after another; what is better than the value that is there is tried again, in turns with it, before it is believed."""

    def __init__(self, attempt: Callable[[Values], Trial], bound: float, where: str) -> None:
        self._attempt = attempt
        self._bound = bound
        self._where = where
        self._trials: list[Trial] = []

    def run(self, settings: Candidates) -> Found:
        chosen: Values = {setting: values[0] for setting, values in settings.items()}
        for setting, candidates in settings.items():
            tried = [{**chosen, setting: value} for value in candidates]
            for values in tried:
                if not self._runs_of(values):
                    self._try(values)
            chosen = self._better(chosen, tried)
        best = self._median(chosen)
        if not self._allowed(best):
            raise self._nothing_found()
        return Found(best, tuple(self._trials))

    def _try(self, values: Values) -> None:
        self._trials.append(self._attempt(values))

    def _better(self, present: Values, tried: Sequence[Values]) -> Values:
        """What has the highest throughput within the bound; `present` unless that is better beyond the noise, time and again."""
        within = [values for values in tried if self._allowed(self._median(values))]
        if not within:
            return present
        rival = max(within, key=lambda values: self._median(values).rows_per_second)
        if rival == present:
            return present
        for _ in range(AGAIN):
            self._try(present)
            self._try(rival)
        before, after = self._median(present), self._median(rival)
        if not self._allowed(after):
            return present
        return rival if not self._allowed(before) or after.rows_per_second > NOISE * before.rows_per_second else present

    def _runs_of(self, values: Values) -> list[Trial]:
        return [trial for trial in self._trials if trial.values == values]

    def _median(self, values: Values) -> Trial:
        """All trials of a setting as one."""
        runs = self._runs_of(values)
        p50, p99, rows, per_run = (
            median(getattr(trial, name) for trial in runs) for name in ("p50", "p99", "rows_per_second", "rows_per_run")
        )
        return Trial(values, rows, p50, p99, per_run, sum(trial.errors for trial in runs))

    def _allowed(self, trial: Trial) -> bool:
        return trial.p99 <= self._bound and not trial.errors

    def _nothing_found(self) -> StartupError:
        answered = [trial for trial in self._trials if not trial.errors]
        if not answered:
            return StartupError(f"no setting answers every call {self._where}; try a lower --rate or --concurrency")
        least = min(trial.p99 for trial in answered)
        return StartupError(
            f"no setting keeps the p99 within {self._bound * 1e3:g} ms {self._where}: the lowest was {least * 1e3:.3f} ms; "
            "allow more with --p99, or try a lower --rate or --concurrency"
        )


def _try(name: str, file: Path, bench: BenchOptions, level: Level, values: Values) -> Trial:
    """A server with those settings under the load."""
    flags = [part for setting, value in values.items() for part in (f"--{setting.replace('_', '-')}", str(value))]
    with _serving(file, flags) as address, Target(address) as target:
        here = replace(bench, address=address)
        (measured,) = measure(target, subject(target, name, here), here, [level])
    sample, spent = measured.sample, measured.spent
    return Trial(
        values,
        sample.throughput * measured.rows,
        sample.percentile(50),
        sample.percentile(99),
        spent.rows / spent.executions if spent is not None and spent.executions else 0.0,
        sample.errors,
    )


@contextmanager
def _serving(file: Path, flags: list[str]) -> Iterator[str]:
    """The address of a server of that file, with those flags; it is stopped at the end."""
    command = [sys.executable, "-m", "service", "run", str(file), "--grpc-port", "0", "--admin-port", "0", *flags]
    with (
        TemporaryFile("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=os.environ) as server,
    ):
        try:
            assert server.stdout is not None
            line = next((line for line in server.stdout if line.startswith(STARTED)), "")
            if not line:
                server.wait()
                errors.seek(0)
                said = errors.read().strip().splitlines()
                raise StartupError(f"the server did not start with {' '.join(flags)}: {said[-1] if said else 'it said nothing'}")
            yield line.removeprefix(STARTED).partition(",")[0]
        finally:
            server.kill()
