"""What the kernel tells of the container, in the two ways in which it does; the files are as real ones are."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from service.metrics.cgroup import Cgroup, read

V2_STAT = "usage_usec 5250000\nuser_usec 5000000\nsystem_usec 250000\nnr_periods 120\nnr_throttled 7\nthrottled_usec 1500000\n"
V1_STAT = "nr_periods 120\nnr_throttled 7\nthrottled_time 1500000000\n"
FULL = Cgroup(5.25, 120, 7, 1.5, 1000, 4096)

TREES: Mapping[str, tuple[dict[str, str], Cgroup]] = {
    "version 2": (
        {"cgroup.controllers": "cpu memory\n", "cpu.stat": V2_STAT, "memory.current": "1000\n", "memory.max": "4096\n"},
        FULL,
    ),
    "version 2 without limits": (
        {"cgroup.controllers": "cpu memory\n", "cpu.stat": "usage_usec 5250000\n", "memory.current": "1000\n", "memory.max": "max\n"},
        Cgroup(cpu_seconds=5.25, memory_bytes=1000),
    ),
    "version 2 without controllers": ({"cgroup.controllers": "\n"}, Cgroup()),
    "version 1": (
        {
            "cpu/cpu.stat": V1_STAT,
            "cpuacct/cpuacct.usage": "5250000000\n",
            "memory/memory.limit_in_bytes": "4096\n",
            "memory/memory.usage_in_bytes": "1000\n",
        },
        FULL,
    ),
    "version 1 without a limit": (
        {"cpu/cpu.stat": V1_STAT, "memory/memory.limit_in_bytes": "9223372036854771712\n"},
        Cgroup(periods=120, throttled_periods=7, throttled_seconds=1.5),
    ),
    "neither": ({}, Cgroup()),
}


@pytest.mark.parametrize(("files", "expected"), TREES.values(), ids=TREES.keys())
def test_the_kernels_files_are_read(tmp_path: Path, files: dict[str, str], expected: Cgroup) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert read(tmp_path) == expected
