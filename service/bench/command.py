"""What `hornbeam-serve bench` does with its arguments: measure a server, or tune a model, and print."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from time import strftime

from service.bench import report
from service.bench.measuring import BenchOptions, levels, measure, subject
from service.bench.target import Target
from service.bench.tune import Trial, check_place, config_path, tune, tuned_file, tuning_level, write

__all__ = ["run_bench", "run_tune"]

Print = Callable[[str], None]


def run_bench(model: str, options: BenchOptions, as_json: bool, show: Print) -> None:
    """Measures a server's model, and shows a table as it comes, or one JSON object. Raises StartupError."""
    with Target(options.address) as target:
        found = subject(target, model, options)
        measurements = []
        if not as_json:
            show(report.title(found, options))
            show("\n" + report.heading(found, options))
        for measured in measure(target, found, options, levels(options)):
            measurements.append(measured)
            if not as_json:
                show(report.row(measured))
    if as_json:
        show(json.dumps(report.as_object(found, options, measurements), indent=2))
        return
    remarks = [line for measured in measurements for line in report.notes(measured)]
    if remarks:
        show("\n" + "\n".join(remarks))


def run_tune(path: Path, options: BenchOptions, bound: float, force: bool, as_json: bool, show: Print) -> None:
    """Tunes the model at `path` for a p99 within `bound` seconds, shows the evidence, and writes its config.toml. Raises StartupError."""
    name, file = tuned_file(path)
    place = config_path(file)
    if place is not None:
        check_place(place, force)
    shown: list[str] = []

    def tell(trial: Trial) -> None:
        lines = [trial.row()] if shown else [trial.heading(), trial.row()]
        shown.extend(lines)
        if not as_json:
            show("\n".join(lines))

    level = tuning_level(options)
    head = f"{name} at {level.name}{'' if level.rate else ' in flight'}, {options.rows} rows a request, p99 within {bound * 1e3:g} ms"
    if not as_json:
        show(f"{head}; a server of its own for each line, on the cores of this machine that the load shares\n")
    found = tune(name, file, options, bound, tell)
    if as_json:
        show(json.dumps({"best": asdict(found.best), "trials": [asdict(trial) for trial in found.trials]}, indent=2))
    settings = ", ".join(f"{setting} = {value}" for setting, value in found.best.values.items())
    if place is None:
        if not as_json:
            flags = " ".join(f"--{setting.replace('_', '-')} {value}" for setting, value in found.best.values.items())
            show(f"\nbest: {settings}; {file} is not in a repository, so give `hornbeam-serve run` {flags}")
        return
    write(place, found, f"Chosen by `hornbeam-serve bench --tune`, {strftime('%Y-%m-%d')}: {head}.\n" + "\n".join(shown))
    if not as_json:
        show(f"\nbest: {settings}; written to {place}")
