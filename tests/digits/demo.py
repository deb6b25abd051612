"""The main job on real input: a model that Keras saved, exported, served and asked about digits that it never saw.

    python tests/digits/demo.py

Shows every command, so that a reader can repeat it by hand. Exits with 1 if anything is not as Keras has it.
"""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from service.client import Client

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
CALLERS = 32
ROUNDS = 5  # each image is asked about this often, so that the rate means something
TOLERANCE = 1e-5
SHADES = " .:-=+*#%@"
READY = re.compile(r"ready: gRPC on (\S+), metrics on (\S+),")
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class HeldOut:
    """360 images that training did not see, `(360, 8, 8, 1)` from 0 to 1, with labels and what Keras makes of them."""

    images: Floats
    labels: NDArray[np.uint8]
    keras: Floats

    @classmethod
    def load(cls) -> HeldOut:
        with np.load(HERE / "held_out.npz") as saved:
            return cls(saved["images"].astype(np.float32) / 16, saved["labels"], saved["keras_probabilities"])


def main() -> int:
    digits = HeldOut.load()
    heading("1. Export what Keras saved")
    run("hornbeam", "export", path(HERE / "digits.keras"), "models")
    heading("2. Serve it")
    with serving("hornbeam-serve", "run", "models", "--grpc-port", "0", "--admin-port", "0") as (address, metrics):
        heading(f"3. Ask about {len(digits.images)} held-out digits, one a call, from {CALLERS} callers at once")
        print(f'  Client("{address}").infer("digits", {{"image": image}})["probabilities"]\n')
        before = scrape(metrics)
        answers, seconds = ask(address, digits.images)
        after = scrape(metrics)
        is_as_keras = compare(answers, digits, seconds)
        draw(digits, answers)
        heading("4. What the server says of it")
        show_batches(after)
        show_moved(before, after, metrics)
    heading("Done" if is_as_keras else "FAILED: the answers are not Keras's")
    return 0 if is_as_keras else 1


def ask(address: str, images: Floats) -> tuple[Floats, float]:
    """The probabilities for each image, and the seconds that all calls took."""
    with Client(address) as client, ThreadPoolExecutor(CALLERS) as callers:

        def infer(index: int) -> Floats:
            return client.infer("digits", {"image": images[index : index + 1]}, timeout=30)["probabilities"]

        list(callers.map(infer, range(CALLERS)))  # connects
        start = perf_counter()
        answers = list(callers.map(infer, list(range(len(images))) * ROUNDS))
        seconds = perf_counter() - start
    return np.concatenate(answers[: len(images)]), seconds


def compare(answers: Floats, digits: HeldOut, seconds: float) -> bool:
    """Prints accuracy and rate; whether the answers are those of Keras."""
    ours, keras = answers.argmax(1), digits.keras.argmax(1)
    gap = float(np.abs(answers - digits.keras).max())
    print(f"  accuracy     {np.mean(ours == digits.labels):.4f}, Keras's own on the same images {np.mean(keras == digits.labels):.4f}")
    print(f"  same labels  {np.sum(ours == keras)} of {len(keras)}; probabilities differ by {gap:.1e} at most")
    print(f"  rate         {ROUNDS * len(answers) / seconds:,.0f} requests/s (the callers are Python too, on the same cores)\n")
    return bool(np.all(ours == keras)) and gap <= TOLERANCE


def draw(digits: HeldOut, answers: Floats) -> None:
    """A few digits as text with the answers below, wrong ones among them if there are any."""
    wrong = np.flatnonzero(answers.argmax(1) != digits.labels)[:1]
    chosen = [*range(5 - len(wrong)), *wrong]
    for row in range(8):
        print("   ".join(["", *("".join(2 * shade(pixel) for pixel in digits.images[index, row, :, 0]) for index in chosen)]))
    captions = [f"{answers[i].argmax()} ({answers[i].max():.0%}), is {digits.labels[i]}" for i in chosen]
    print("   ".join(["", *(f"{caption:16}" for caption in captions)]))


def show_batches(lines: Sequence[str]) -> None:
    """How many runs there were of each size of batch."""
    counts = [(m[1], float(m[2])) for line in lines if (m := re.match(r'hornbeam_batch_rows_bucket\{le="([^"]+)".*\} (\S+)', line))]
    runs = counts[-1][1]
    print(f"  {runs:.0f} runs for {ROUNDS * 360 + CALLERS} requests; rows in a run:")
    least, before = 1, 0.0
    for bound, total in counts:
        if total > before:
            size = f"over {least - 1}" if bound == "+Inf" else f"{least}" if least == float(bound) else f"{least} to {float(bound):.0f}"
            print(f"    {size:>9}  {total - before:5.0f}  {'#' * max(1, round(50 * (total - before) / runs))}")
        least, before = (0 if bound == "+Inf" else int(float(bound)) + 1), total


def show_moved(before: Sequence[str], after: Sequence[str], metrics: str) -> None:
    """The counters that the calls moved."""
    print(f"\n$ curl {metrics} | grep ^hornbeam_   # those that moved, without buckets")
    for line in after:
        if line.startswith("hornbeam_") and line not in before and not re.search(r"_(bucket|created)\{", line):
            print(f"  {line}")


def shade(pixel: float) -> str:
    return SHADES[min(int(pixel * len(SHADES)), len(SHADES) - 1)]


def scrape(url: str) -> list[str]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode()).splitlines()


def heading(text: str) -> None:
    print(f"\n== {text}", flush=True)


def path(file: Path) -> str:
    """The file as a reader would type it."""
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file)


def show(command: Sequence[str]) -> list[str]:
    """Prints a command and gives it with its program's place."""
    print(f"$ {shlex.join([path(BIN / command[0]), *command[1:]])}", flush=True)
    return [str(BIN / command[0]), *command[1:]]


def run(*command: str) -> None:
    if subprocess.run(show(command), check=False).returncode != 0:
        sys.exit(1)


@contextmanager
def serving(*command: str) -> Iterator[tuple[str, str]]:
    """The server while it is needed: its gRPC address and where its metrics are. Its log goes to stderr."""
    with subprocess.Popen(show(command), stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            print(f"  {line}", end="")
            if (ready := READY.match(line)) is None:
                sys.exit("the server did not start")
            yield ready[1], ready[2]
        finally:
            server.send_signal(signal.SIGINT)
            if server.wait(60) != 0:
                sys.exit(f"the server ended with {server.returncode}")


if __name__ == "__main__":
    sys.exit(main())
