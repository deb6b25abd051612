"""How many cores a process may use, read from files as a kernel writes them, and what is planned for them."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from service.engine.threads import ThreadPlan, available_cores, plan

AFFINITY = len(os.sched_getaffinity(0))

# Files of a cgroup, and the quota in cores that they say.
QUOTAS: Mapping[str, tuple[Mapping[str, str], float]] = {
    "no cgroup": ({}, math.inf),
    "version 2, half a core": ({"cpu.max": "50000 100000\n"}, 0.5),
    "version 2, a core and a half": ({"cpu.max": "150000 100000\n"}, 1.5),
    "version 2, another period": ({"cpu.max": "5000 10000\n"}, 0.5),
    "version 2, no quota": ({"cpu.max": "max 100000\n"}, math.inf),
    "version 1, a quarter": ({"cpu/cpu.cfs_quota_us": "25000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.25),
    "version 1, no quota": ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, math.inf),
    "version 1, no period": ({"cpu/cpu.cfs_quota_us": "25000\n"}, math.inf),
    "both, of which version 2 counts": (
        {"cpu.max": "75000 100000\n", "cpu/cpu.cfs_quota_us": "25000\n", "cpu/cpu.cfs_period_us": "100000\n"},
        0.75,
    ),
    "more than there are": ({"cpu.max": "100000000 100000\n"}, 1000.0),
}


@pytest.mark.parametrize(("files", "quota"), QUOTAS.values(), ids=QUOTAS.keys())
def test_cores_are_the_fewer_of_quota_and_affinity(tmp_path: Path, files: Mapping[str, str], quota: float) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert available_cores(tmp_path) == min(quota, AFFINITY)


def test_this_process_has_cores() -> None:
    assert 0 < available_cores() <= AFFINITY


# Cores, and the runners and threads that are asked for; then what is planned.
PLANS: dict[tuple[Any, ...], ThreadPlan] = {
    (0.1, 0): ThreadPlan(1, 1, 2),
    (0.9, 0): ThreadPlan(1, 1, 2),
    (1.0, 0): ThreadPlan(1, 1, 2),
    (1.9, 0): ThreadPlan(1, 1, 2),
    (2.0, 0): ThreadPlan(1, 2, 2),
    (7.5, 0): ThreadPlan(1, 7, 7),
    (64.0, 0): ThreadPlan(1, 64, 64),
    (8.0, 3): ThreadPlan(3, 2, 8),
    (2.0, 4): ThreadPlan(4, 1, 2),
    (8.0, 0, 3): ThreadPlan(1, 3, 8),
    (8.0, 2, 1): ThreadPlan(2, 1, 8),
    (1.0, 0, 4): ThreadPlan(1, 4, 2),
}


@pytest.mark.parametrize(("given", "planned"), PLANS.items())
def test_a_plan_uses_whole_cores_and_at_least_one(given: tuple[Any, ...], planned: ThreadPlan) -> None:
    assert plan(*given) == planned
