"""Vocabularies: the terms that a lookup knows, as files have them and as data shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from builder.errors import ModelFileError, NetworkError
from builder.graph import Array

__all__ = ["VOCABULARY_FILE", "Tally", "check_terms", "parsed", "plain_terms", "read", "separated", "without_paths"]

VOCABULARY_FILE = "vocabulary.txt"


@dataclass(frozen=True, slots=True)
class Tally:
    """How often each term is in the data, in how many documents, and how many documents there are."""

    terms: Counter[Any]
    documents: Counter[Any]
    count: int

    @classmethod
    def of(cls, batches: Iterable[Array], without: set[Any]) -> Tally:
        """Counts documents `(documents, terms)`, without some terms."""
        terms: Counter[Any] = Counter()
        documents: Counter[Any] = Counter()
        count = 0
        for batch in batches:
            for document in batch.tolist():
                terms.update(document)
                documents.update(set(document))
                count += 1
        for term in without:
            del terms[term]
        return cls(terms, documents, count)

    def ranked(self) -> list[Any]:
        """The terms, the most frequent first, and of those that are as frequent the last in order of bytes first."""
        key = {term: term.encode() if isinstance(term, str) else term for term in self.terms}
        return sorted(self.terms, key=lambda term: (self.terms[term], key[term]), reverse=True)

    def inverse_frequencies(self, terms: Sequence[Any]) -> Array:
        """How much each term tells: the logarithm of how few documents have it."""
        counts = np.asarray([self.documents[term] for term in terms], np.float64)
        return np.log(1 + self.count / (1 + counts)).astype(np.float32)


def parsed(file: bytes, dtype: str) -> list[Any]:
    """The terms in a file, one a line. Raises ModelFileError when they are no text, or no integers where they should be."""
    try:
        lines = file.decode().splitlines()
        while lines and not lines[-1]:
            lines.pop()
        return lines if dtype == "string" else [int(line) for line in lines]
    except ValueError as error:
        raise ModelFileError(f"its {VOCABULARY_FILE} does not fit: {error}") from None


def read(path: Path, dtype: str) -> list[Any]:
    """The terms in the file at a path. Raises NetworkError when there is none."""
    try:
        return parsed(path.read_bytes(), dtype)
    except OSError as error:
        raise NetworkError(f"Vocabulary file {path} cannot be read: {error.strerror}") from None


def plain_terms(given: Iterable[Any]) -> list[Any]:
    """Terms as Python's strings and integers."""
    plain = [term.item() if isinstance(term, np.generic) else term for term in given]
    return [term.decode() if isinstance(term, bytes) else term for term in plain]


def check_terms(terms: Iterable[Any], dtype: str) -> None:
    """Raises NetworkError for a term that is no string, or no integer of 64 bits, whichever they should be."""
    for term in terms:
        fits = isinstance(term, str) if dtype == "string" else type(term) is int and -(2**63) <= term < 2**63
        if not fits:
            raise NetworkError(f"The terms of a vocabulary must be {dtype}. Received: {term!r:.100} (of type {type(term).__name__})")


def separated(given: list[Any], special: list[Any], mask: Any, unknown: Any) -> tuple[list[Any], bool]:
    """The terms without the special tokens before them, and whether those were there.

    Raises NetworkError when there is none, one is there twice, or a special token is among them.
    """
    if not given:
        raise NetworkError("Cannot set an empty vocabulary.")
    has_special = given[: len(special)] == special
    terms = given[len(special) :] if has_special else given
    if repeated := [term for term, count in Counter(terms).items() if count > 1]:
        raise NetworkError(f"The passed vocabulary has at least one repeated term. The repeated terms are: {repeated[:10]}")
    for name, token in (("mask", mask), ("OOV", unknown)):
        if token is not None and token in terms:
            raise NetworkError(
                f"Found reserved {name} token at unexpected location in `vocabulary`. Either remove all mask and OOV tokens, or include "
                f"them only at the start of the vocabulary in precisely this order: {special}. Received: {token!r} at index "
                f"{given.index(token)}"
            )
    return terms, has_special


def without_paths(config: dict[str, Any]) -> dict[str, Any]:
    """The config itself. Raises NetworkError when its vocabulary is a path or an address, which could be anyone's."""
    for key in ("vocabulary", "idf_weights"):
        if isinstance(config.get(key), str):
            raise NetworkError(
                f"the {key} is to be read from {config[key]!r}, and what a config names is never opened; put the terms into the file, or "
                "give the path in Python"
            )
    return config
