"""The model without a server: rows a second of ONNX Runtime alone, on one thread, for each line `ROWS SECONDS` that comes in."""

from __future__ import annotations

import sys
from time import perf_counter

import numpy as np
import onnxruntime


def main() -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    row = np.random.default_rng(0).random((1, *given.shape[1:]), np.float32)
    print("ready", flush=True)
    for line in sys.stdin:
        rows, seconds = line.split()
        feeds = {given.name: np.repeat(row, int(rows), axis=0)}
        start, runs = perf_counter(), 0
        while perf_counter() - start < float(seconds):
            session.run(None, feeds)
            runs += 1
        print(runs * int(rows) / (perf_counter() - start), flush=True)


if __name__ == "__main__":
    main()
