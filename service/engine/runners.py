"""The runners of a device: the threads that all of its models share, each taking the next work as soon as it is free.

Whose turn it is, is `Shares`'s decision; what that model runs, its queue's. Nothing is computed while the lock is held,
nothing is polled, and a thread is woken only for work that may run.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Condition, Lock, Thread
from time import monotonic
from typing import Protocol

from service.engine.fairness import Shares

__all__ = ["Member", "Runners", "Work"]


class Work(Protocol):
    """What a runner does next."""

    @property
    def seconds(self) -> float:
        """What it is expected to take."""

    def run(self, here: bool) -> None:
        """Does it, without the lock; raises nothing. `here` says that it was left to whoever calls `work_here`."""


class Member(Protocol):
    """What shares the runners; a model's batcher is one. All but `runners` is asked with the lock held."""

    @property
    def runners(self) -> int:
        """How much of its work may be done at once."""

    @property
    def waiting(self) -> bool:
        """Whether it has work."""

    @property
    def ready(self) -> bool:
        """Whether it has work that may be done now: no more than `runners` at once."""

    def take(self, now: float) -> tuple[Work | None, float | None]:
        """Its next work; or, where that is held back, None and when to ask again."""

    def end(self, work: Work) -> None:
        """Is told that work is done."""


class Runners:
    """Up to `slots` threads, or as many as one member may use; they are started when they are first needed.

    `lock` guards the members' queues and states as well.
    """

    def __init__(self, slots: int, name: str = "runner") -> None:
        self.slots = slots
        self.lock = Lock()
        self._name = name
        self._arrival = Condition(self.lock)
        self._threads: list[Thread] = []
        self._idle = 0
        self._closed = False
        self._shares: Shares[Member] = Shares()
        self._backlog: dict[Member, None] = {}  # the members that have work
        self._here: dict[Member, None] = {}  # those of them whose work was left to `work_here`

    def join(self, member: Member) -> None:
        """Takes in a member; there are at least as many slots as it may use at once."""
        with self.lock:
            self.slots = max(self.slots, member.runners)
            self._shares.join(member)

    def leave(self, member: Member) -> None:
        """Forgets a member, which has no more work."""
        with self.lock:
            self._shares.leave(member)
            self._backlog.pop(member, None)
            self._here.pop(member, None)

    def wake(self, member: Member) -> None:
        """Has a member's new work done, by a runner that is free if there is one. The lock is held."""
        self._backlog[member] = None
        self._here.pop(member, None)
        if member.ready:
            self._rouse()

    def leave_here(self, member: Member) -> None:
        """Leaves a member's new work to whoever calls `work_here` next, unless a runner comes by. The lock is held."""
        self._backlog[member] = self._here[member] = None

    def work_here(self, seconds: float) -> bool:
        """Does what was left here on the calling thread, for about so long; whether more of it is left."""
        until = monotonic() + seconds
        done: tuple[Member, Work, float] | None = None
        while True:
            with self.lock:
                now = monotonic()
                self._settle(done, now)
                done = self._pick(now, self._here)[0] if now < until else None
                if done is None:
                    return any(member.ready for member in self._here)
            done[1].run(True)

    def close(self) -> None:
        """Ends the threads when there is no more work, and returns when they have ended."""
        with self.lock:
            self._closed = True
            self._arrival.notify_all()
        for thread in self._threads:
            thread.join()

    def _rouse(self) -> None:
        if self._idle:
            self._arrival.notify()
        elif len(self._threads) < self.slots and not self._closed:
            thread = Thread(target=self._serve, name=f"{self._name}-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self) -> None:
        done: tuple[Member, Work, float] | None = None
        while done := self._next(done):
            done[1].run(False)

    def _next(self, done: tuple[Member, Work, float] | None) -> tuple[Member, Work, float] | None:
        """The next work, whose it is and when it began, waiting for it; None when there will be none. `done` is what has just ended."""
        with self.lock:
            now = monotonic()
            self._settle(done, now)
            while True:
                found, again = self._pick(now, self._backlog)
                if found or self._closed:
                    return found
                self._idle += 1
                self._arrival.wait(None if again is None else max(0.0, again - now))
                self._idle -= 1
                now = monotonic()

    def _settle(self, done: tuple[Member, Work, float] | None, now: float) -> None:
        """Books work that has ended."""
        if done:
            member, work, began = done
            self._shares.settle(member, work.seconds, now - began)
            member.end(work)

    def _pick(self, now: float, members: Iterable[Member]) -> tuple[tuple[Member, Work, float] | None, float | None]:
        """Work of that of the members whose turn it is; or None, and when to look again."""
        first: float | None = None
        ready = [member for member in members if member.ready]
        for member in self._shares.order(ready) if len(ready) > 1 else ready:
            work, again = member.take(now)
            if not member.waiting:
                del self._backlog[member]
                self._here.pop(member, None)
            if work is not None:
                self._shares.charge(member, work.seconds)
                if len(self._backlog) > len(self._here) and any(other.ready for other in self._backlog if other not in self._here):
                    self._rouse()
                return (member, work, now), None
            if again is not None:
                first = again if first is None else min(first, again)
        return None, first
