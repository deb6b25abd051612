"""What several processes have counted, put together; when one is started again; and how they talk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from multiprocessing import Pipe
from threading import Event
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import InvalidRequestError
from service.metrics import METRICS
from service.metrics.samples import Example, Family, Sample, exposition
from service.metrics.table import ACROSS
from service.request import BatchStatistics, Duration, Statistics
from service.workers.channel import Channel, ChannelEndedError, RemoteError
from service.workers.merge import kept, merge, merge_statistics
from service.workers.messages import Load, Message, ReadReady, Unload
from service.workers.restarts import LONGEST, PAUSES, SETTLED, Restarts
from tests.service.conftest import PATIENCE

M = (("model", "m"), ("version", "1"))


def family(name: str, value: float, kind: str = "gauge", labels: tuple[tuple[str, str], ...] = M, example: Example | None = None) -> Family:
    return Family(name, kind, "Help.", (Sample(name, labels, value, example),))


# Metrics.

RULES: Mapping[str, tuple[str, str, Sequence[float], float]] = {
    "calls are added": ("hornbeam_requests", "counter", [3, 4, 0], 7),
    "waiting rows are added": ("hornbeam_queue_rows", "gauge", [3, 4], 7),
    "calls that may be in progress are added": ("hornbeam_max_inflight_requests", "gauge", [256, 256], 512),
    "memory of models is added, each process has its own": ("hornbeam_model_memory_bytes", "gauge", [10, 10], 20),
    "a model is ready when all have it": ("hornbeam_model_ready", "gauge", [1, 0, 1], 0),
    "a state is told when one is in it": ("hornbeam_model_state", "gauge", [0, 1], 1),
    "the slowest load counts": ("hornbeam_model_load_seconds", "gauge", [0.5, 2.0], 2.0),
    "the oldest of all that wait counts": ("hornbeam_queue_oldest_age_seconds", "gauge", [0.5, 0.0], 0.5),
    "what is always 1 stays 1": ("hornbeam_model_info", "gauge", [1, 1, 1], 1),
    "the cores are those of all": ("hornbeam_cpu_quota_cores", "gauge", [2, 2], 2),
    "the container's throttling is the same for all": ("hornbeam_cpu_throttled_seconds", "counter", [1.5, 1.6], 1.6),
    "the first certificate to end counts": ("hornbeam_tls_certificate_expiry_timestamp_seconds", "gauge", [20, 10], 10),
    "the first process began it": ("process_start_time_seconds", "gauge", [100, 90], 90),
    "memory of processes is added": ("process_resident_memory_bytes", "gauge", [100, 90], 190),
    "CPU of processes is added": ("process_cpu_seconds", "counter", [1.5, 2.0], 3.5),
    "Triton's counts are added": ("nv_inference_count", "unknown", [1, 2], 3),
    "Triton's utilization is the container's": ("nv_cpu_utilization", "gauge", [0.5, 0.4], 0.5),
}


@pytest.mark.parametrize(("name", "kind", "values", "together"), RULES.values(), ids=RULES.keys())
def test_each_metric_is_merged_by_its_rule(name: str, kind: str, values: Sequence[float], together: float) -> None:
    assert merge([[family(name, value, kind)] for value in values]) == (family(name, together, kind),)


def test_what_only_some_have_is_told_as_they_have_it() -> None:
    other = (("model", "n"), ("version", "1"))
    one, two = family("hornbeam_rows", 3, "counter"), family("hornbeam_rows", 4, "counter", other)
    samples = (*one.samples, *two.samples)
    assert merge([[one], [], [two, family("up", 1)]]) == (Family("hornbeam_rows", "counter", "Help.", samples), family("up", 1))


def test_the_latest_example_is_told() -> None:
    early, late = Example((("trace_id", "a"),), 0.1, 1.0), Example((("trace_id", "b"),), 0.2, 2.0)
    for first, second in ((early, late), (late, early), (None, late), (late, None)):
        merged = merge([[family("x", 1, example=first)], [family("x", 1, example=second)]])
        assert merged == (family("x", 2, example=late),)


def test_what_counts_up_is_kept_of_a_process_that_has_ended_and_nothing_else() -> None:
    counts = [family("hornbeam_rows", 3, "counter"), family("hornbeam_compute_seconds", 3, "histogram"), family("nv_x", 3, "unknown")]
    others = [family("hornbeam_queue_rows", 3), family("hornbeam_cpu_periods", 3, "counter")]
    assert kept([*counts, *others]) == tuple(counts)


def test_infos_and_states_are_never_added() -> None:
    added = {metric.name for metric in METRICS if metric.kind == "gauge" and ACROSS[metric.name] == "sum"}
    assert not {name for name in added if name.endswith(("_info", "_state", "_ready", "_timestamp_seconds"))}


counts = st.integers(0, 1000)
readings = st.lists(st.lists(st.tuples(st.sampled_from("abc"), counts), unique_by=lambda pair: pair[0]), max_size=5)


@given(readings)
@settings(max_examples=40)
def test_merging_all_at_once_or_one_after_the_other_is_the_same(found: list[list[tuple[str, int]]]) -> None:
    given_families = [[family(name, count, "counter") for name, count in one] for one in found]
    stepwise: tuple[Family, ...] = ()
    for one in given_families:
        stepwise = merge([stepwise, one])
    assert stepwise == merge(given_families)
    assert sum(sample.value for each in stepwise for sample in each.samples) == sum(count for one in found for _, count in one)


def test_what_is_merged_reads_as_prometheus_s_text() -> None:
    buckets = tuple(Sample("s_bucket", (*M, ("le", bound)), 2.0) for bound in ("0.5", "+Inf"))
    seconds = Family("s", "histogram", "Seconds.", (*buckets, Sample("s_count", M, 2.0), Sample("s_sum", M, 0.5)))
    text, content_type = exposition([seconds, family("r", 3, "counter")], "")
    assert content_type.startswith("text/plain")
    assert text.decode().splitlines() == [
        "# HELP s Seconds.",
        "# TYPE s histogram",
        's_bucket{le="0.5",model="m",version="1"} 2.0',
        's_bucket{le="+Inf",model="m",version="1"} 2.0',
        's_count{model="m",version="1"} 2.0',
        's_sum{model="m",version="1"} 0.5',
        "# HELP r_total Help.",
        "# TYPE r_total counter",
        'r{model="m",version="1"} 3.0',
    ]


# Statistics.


def statistics(times: int, last: float | None, *batches: BatchStatistics) -> Statistics:
    durations = {name: Duration(times, times * 0.5) for name in ("success", "fail", "queue", "assembly", "compute", "output")}
    return Statistics(last_answer=last, rows=times * 2, executions=times, batches=batches, **durations)


def test_statistics_are_added_by_phase_and_by_size_of_batch() -> None:
    one, two, both = (Duration(1, 0.25), Duration(2, 0.5), Duration(3, 0.75))
    found = merge_statistics(
        [
            statistics(1, 5.0, BatchStatistics(1, one, one), BatchStatistics(8, two, two)),
            statistics(2, None, BatchStatistics(8, one, one)),
            statistics(0, 9.0, BatchStatistics(4, one, two)),
        ]
    )
    assert found == statistics(3, 9.0, BatchStatistics(1, one, one), BatchStatistics(4, one, two), BatchStatistics(8, both, both))


def test_where_nobody_has_done_anything_nothing_was_done() -> None:
    assert merge_statistics([]) == statistics(0, None)


# Starting again.


def test_what_dies_soon_after_its_start_is_started_after_growing_pauses_and_then_given_up() -> None:
    restarts = Restarts()
    assert [restarts.after_death(SETTLED / 2) for _ in range(len(PAUSES) + 1)] == [*PAUSES, None]
    assert PAUSES[0] == 0
    assert list(PAUSES) == sorted(PAUSES)


def test_what_has_run_for_long_is_started_again_at_once_and_begins_anew() -> None:
    restarts = Restarts()
    for _ in range(3):
        assert [restarts.after_death(lived) for lived in (SETTLED, 0.0, 0.0)] == list(PAUSES[:3])


def test_what_cannot_be_let_in_is_tried_for_ever_with_pauses_that_grow_to_a_most() -> None:
    restarts = Restarts()
    pauses = [restarts.after_refusal() for _ in range(20)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (1.0, LONGEST)


# The channel.


class Ends:
    """Two ends of a channel in one process; the near one says who it is, and the far one answers as `serve` does."""

    def __init__(self, serve: Callable[[Channel, Message], object]) -> None:
        near, far = Pipe()
        self.near = Channel(near, lambda message: ("near", message))
        self.far = Channel(far, lambda message: serve(self.far, message))
        self.near.start()
        self.far.start()


def test_each_side_asks_the_other_and_an_answer_may_wait_for_a_question_back() -> None:
    load = Load("m", None, {"1/model.onnx": b"x" * 10**6})
    ends = Ends(lambda far, message: far.ask(ReadReady(), PATIENCE) if message == Unload("m") else message)
    assert ends.near.ask(load, PATIENCE) == load
    assert ends.near.ask(Unload("m"), PATIENCE) == ("near", ReadReady())


RAISED: Mapping[str, tuple[Exception, type[Exception], str]] = {
    "what a caller is to be told": (InvalidRequestError("no", "inputs[0]"), InvalidRequestError, "no"),
    "a bug": (ZeroDivisionError("secret"), RemoteError, "Unload failed; the log has the details"),
}


@pytest.mark.parametrize(("raised", "kind", "text"), RAISED.values(), ids=RAISED.keys())
def test_what_is_raised_on_one_side_is_raised_on_the_other(raised: Exception, kind: type[Exception], text: str) -> None:
    def fail(_: Channel, __: Message) -> object:
        raise raised

    with pytest.raises(kind) as caught:
        Ends(fail).near.ask(Unload("m"), PATIENCE)
    found: Any = caught.value
    assert str(found) == text
    assert getattr(found, "field", "") == getattr(raised, "field", "")


def test_when_the_other_side_is_gone_all_who_wait_are_told_and_all_who_ask_later() -> None:
    near, far = Pipe()
    ended = Event()
    channel = Channel(near, lambda message: message, ended.set)
    channel.start()
    waiting = channel.begin(Unload("m"))
    far.close()
    assert isinstance(waiting.exception(PATIENCE), ChannelEndedError)
    assert ended.wait(PATIENCE)
    with pytest.raises(ChannelEndedError):
        channel.ask(Unload("m"), PATIENCE)
