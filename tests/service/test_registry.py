"""The way from a model's name, and a version or a label, to what serves; and which versions that is."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from service.errors import ModelNotFoundError, ModelNotReadyError, ServiceError
from service.repository.layout import ModelFile
from service.repository.registry import ModelStatus, Registry, State
from service.repository.versions import VersionOptions, choose
from tests.service.conftest import registry_of


def file(name: str, version: int) -> ModelFile:
    return ModelFile(name, version, Path("somewhere"))


# Versions that are there, the policy, versions with labels, and those that serve.
CHOICES: Mapping[str, tuple[Sequence[int], VersionOptions, Sequence[int], Sequence[int]]] = {
    "the latest": ([1, 10, 9], VersionOptions(), (), [10]),
    "the latest two": ([1, 10, 9], VersionOptions(latest_versions=2), (), [9, 10]),
    "more than there are": ([1, 10], VersionOptions(latest_versions=9), (), [1, 10]),
    "all": ([1, 10, 9], VersionOptions(version_policy="all"), (), [1, 9, 10]),
    "those that are named": ([1, 10, 9], VersionOptions(version_policy="specific", specific_versions=(9, 1)), (), [1, 9]),
    "a named one that is not there": ([1], VersionOptions(version_policy="specific", specific_versions=(1, 7)), (), [1]),
    "a labelled one beside the latest": ([1, 2, 3], VersionOptions(), [1], [1, 3]),
    "a labelled one that is not there": ([1, 2], VersionOptions(), [7], [2]),
    "none": ([], VersionOptions(), [1], []),
}


@pytest.mark.parametrize(("there", "options", "labelled", "expected"), CHOICES.values(), ids=CHOICES.keys())
def test_which_versions_serve(there: Sequence[int], options: VersionOptions, labelled: Sequence[int], expected: Sequence[int]) -> None:
    assert choose(there, options, labelled) == expected


def test_models_that_have_not_been_loaded_are_known_and_not_given() -> None:
    registry = registry_of([file("a", 2), file("a", 10)])
    assert registry.knows("a")
    assert not registry.knows("b")
    assert registry.versions("a") == []
    with pytest.raises(ModelNotReadyError, match="'a' version 10 is not at ready state"):
        registry.get("a", None)
    with pytest.raises(ModelNotReadyError, match="'a' version 2 is not at ready state"):
        registry.get("a", 2)


UNKNOWN: Mapping[str, tuple[str, int | str | None, str]] = {
    "a version": ("a", 3, "'a' version 3 is not found"),
    "a model": ("b", None, "'b' is not found"),
    "a label": ("a", "canary", "'a' has no version labelled 'canary'; it has stable, gone"),
    "a label of a version that is not there": ("a", "gone", "'a' version 9 is not found"),
}


@pytest.mark.parametrize(("name", "version", "text"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_is_not_there_is_said(name: str, version: int | str | None, text: str) -> None:
    registry = Registry()
    registry.put("a", {1: ModelStatus(file("a", 1))}, {"stable": 1, "gone": 9})
    with pytest.raises(ModelNotFoundError, match=text):
        registry.get(name, version)


def test_each_change_is_told_of_and_labels_stay() -> None:
    told: list[int] = []
    registry = Registry(lambda: told.append(len(registry.statuses())))
    registry.put("a", {1: ModelStatus(file("a", 1))}, {"stable": 1})
    registry.put("a", {1: ModelStatus(file("a", 1)), 2: ModelStatus(file("a", 2))})
    with pytest.raises(ServiceError, match="version 1 is not at ready state"):
        registry.get("a", "stable")
    registry.put("a", {})
    assert told == [1, 2, 0]
    assert not registry.knows("a")


def test_statuses_are_in_the_order_of_names_and_versions() -> None:
    registry = registry_of([file("b", 1), file("a", 10), file("a", 9)])
    assert [(status.model, status.version) for status in registry.statuses()] == [("a", "9"), ("a", "10"), ("b", "1")]
    assert all(status.state is State.LOADING for status in registry.statuses())
