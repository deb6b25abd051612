"""How many threads to use: from the cores that this process may run on, which is not what the host has.

ONNX Runtime sizes its pools by the host's cores, and in a container with a quota it then fights itself.
"""

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ThreadPlan", "available_cores", "plan"]

CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class ThreadPlan:
    """For each model: how many batches run at once, and on how many threads each. For all: how many batches run at once."""

    runners: int
    threads: int
    slots: int


def plan(cores: float, runners: int = 0, threads: int = 0) -> ThreadPlan:
    """One batch at a time on all cores: while it runs the next one gathers, and rows together are cheaper than apart.

    More `runners` share the cores among them, unless the `threads` of each are given. Two models may run at once even on one
    core, so that a long run does not stop the others.
    """
    whole, at_once = max(1, int(cores)), runners or 1
    return ThreadPlan(at_once, threads or max(1, whole // at_once), max(2, whole))


def available_cores(cgroup: Path = CGROUP) -> float:
    """The cores that this process may use: those it may be scheduled on, or fewer where a cgroup has a quota."""
    return min(len(os.sched_getaffinity(0)), _quota(cgroup))


def _quota(cgroup: Path) -> float:
    """The cgroup's CPU quota in cores, of version 2 or 1; infinite where there is none."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except OSError:
        try:
            quota = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return float("inf")
    return float("inf") if quota in ("max", "-1") else int(quota) / int(period)
