"""Whose turn it is, among models that share runners: the one that has had the fewest seconds. Equal weights; no clock.

Fair queueing by virtual time: each member's account grows by what its runs take; the emptiest goes first. Who has been idle
starts where the others are, so that waiting for work saves up no credit. Among members that always have work, the
seconds of any two never differ by more than the longest run of each, which is deficit round robin's bound too; the account needs
no rounds, and is put right by what a run really took.
"""

from collections.abc import Iterable
from typing import Generic, TypeVar

__all__ = ["Shares"]

K = TypeVar("K")
LEAST = 1e-6  # seconds that any run costs, so that runs of unknown cost alternate


class Shares(Generic[K]):
    """The accounts of the members, in seconds."""

    def __init__(self) -> None:
        self._spent: dict[K, float] = {}
        self._level = 0.0  # where the last run began: what an idle member is raised to

    def join(self, member: K) -> None:
        """Opens an account: a new member is like one that has been idle."""
        self._spent[member] = 0.0

    def leave(self, member: K) -> None:
        """Closes an account; what is charged to it later is ignored."""
        self._spent.pop(member, None)

    def order(self, members: Iterable[K]) -> list[K]:
        """The members by whose turn it is; equals stay in the order given."""
        return sorted(members, key=self._spent.__getitem__)

    def charge(self, member: K, seconds: float) -> None:
        """Books a run that begins, with what it is expected to take."""
        if (spent := self._spent[member]) > self._level:
            self._level = spent
        self._spent[member] = self._level + max(seconds, LEAST)

    def settle(self, member: K, expected: float, took: float) -> None:
        """Puts the booking of a run right once it has ended."""
        if member in self._spent:
            self._spent[member] += max(took, LEAST) - max(expected, LEAST)
