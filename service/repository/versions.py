"""Which versions of a model serve, and what they are called beside their numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

__all__ = ["VersionOptions", "choose"]


@dataclass(frozen=True, slots=True)
class VersionOptions:
    """Which versions of a model serve."""

    version_policy: Annotated[
        Literal["latest", "all", "specific"], "Which versions of a model serve: the highest, all, or those that are named."
    ] = "latest"
    latest_versions: Annotated[int, "How many of the highest versions serve under the policy 'latest'.", (1, None)] = 1
    specific_versions: Annotated[tuple[int, ...], "The versions that serve under the policy 'specific'.", (1, None)] = ()


def choose(there: Collection[int], options: VersionOptions, labelled: Iterable[int] = ()) -> list[int]:
    """The versions that are to serve of those that are there, ascending; a version with a label serves under every policy."""
    policies: dict[str, Collection[int]] = {
        "latest": sorted(there)[-options.latest_versions :],
        "all": there,
        "specific": options.specific_versions,
    }
    return sorted(set(there) & {*policies[options.version_policy], *labelled})
