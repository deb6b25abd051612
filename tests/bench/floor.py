"""The floor under the server: its completion-queue loop with one answer for every call, and no model behind it.

What this reaches is the most that a server in Python on this loop could; `python -m tests.bench.floor ANSWER` serves the
message in that file until it is told to stop, after a line with its port.
"""

from __future__ import annotations

import os

os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")  # read when grpc is imported: the polling thread does its own I/O

import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import grpc

from service.rpc.completion_queue import CompletionQueueLoop, QueueCall

METHOD = "/inference.GRPCInferenceService/ModelInfer"


class Canned:
    """Answers every call with the same message, when the queue is empty."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._calls: list[QueueCall] = []

    def begin(self, message: bytes, call: QueueCall) -> None:
        self._calls.append(call)

    def flush(self) -> bool:
        calls, self._calls = self._calls, []
        for call in calls:
            call.answer(self._answer)
        return False


def main() -> None:
    limits = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(1), options=limits)
    port = server.add_insecure_port("127.0.0.1:0")
    CompletionQueueLoop(server, METHOD, Canned(Path(sys.argv[1]).read_bytes())).start()
    stopped = Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    print(f"ready: gRPC on 127.0.0.1:{port}", flush=True)
    stopped.wait()
    server.stop(1).wait()


if __name__ == "__main__":
    main()
