"""`make bench`: what the server costs beside others that are installed, and beside the model alone; it asserts nothing.

Everything is measured in turns, several times, on one core for servers and another for the load. Times vary from machine to
machine and from minute to minute: only ratios of one run mean something.

    python -m tests.bench                                all of it, which takes an hour or so
    python -m tests.bench serving.mlp latency            what begins with one of these names
    python -m tests.bench --seconds 0.5 --repeats 3 serving.mlp
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial

from tests.bench.footprint import starting
from tests.bench.models import Skipped
from tests.bench.scaling import idle, workers
from tests.bench.serving import Settings, latency, overload, serving
from tests.bench.table import REPEATS, machine

BENCHES: Mapping[str, Callable[[Settings], None]] = {
    "starting": starting,
    **{f"serving.{name}": partial(serving, name) for name in ("mlp", "ident", "cnn", "echo", "resnet50")},
    **{f"latency.{name}": partial(latency, name) for name in ("mlp", "cnn")},
    **{f"overload.{name}": partial(overload, name) for name in ("mlp", "cnn")},
    "idle": idle,
    "workers": workers,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measures the server beside others; asserts nothing.")
    parser.add_argument("names", nargs="*", help=f"what to measure, by the beginning of a name: {', '.join(BENCHES)}")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one measurement (h2load takes whole seconds)")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="how often each is measured, in turns")
    given = parser.parse_args()
    chosen = [name for name in BENCHES if not given.names or any(name.startswith(asked) for asked in given.names)]
    if not chosen:
        parser.error(f"nothing is called {' or '.join(given.names)}; there are {', '.join(BENCHES)}")
    print(machine())
    for name in chosen:
        try:
            BENCHES[name](Settings(given.seconds, given.repeats))
        except Skipped as reason:
            print(f"\n{name}: skipped: {reason}")


if __name__ == "__main__":
    main()
