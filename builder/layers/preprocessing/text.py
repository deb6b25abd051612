"""Texts as the indices of their words. It needs no TensorFlow, which Keras's own does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Self

import numpy as np

from builder.errors import NetworkError
from builder.graph import Array, Constant, scope
from builder.layer import Layer
from builder.layers.preprocessing.encoding import MODES, checked_mode
from builder.layers.preprocessing.lookup import StringLookup
from builder.layers.preprocessing.vocabulary import without_paths
from builder.ops.axes import integers
from builder.ops.sizes import spec_dims
from builder.ops.strings import PUNCTUATION, lowered, without, words
from builder.ops.symbolic import KerasTensor, TensorLike, Variable, emit, emit_as, unsupported
from builder.runtime import evaluate

__all__ = ["TextVectorization"]

STANDARDS = ("lower_and_strip_punctuation", "lower", "strip_punctuation", None)
SPLITS = ("whitespace", "character", None)


class TextVectorization(Layer):
    """Texts `(batch,)` or `(batch, 1)` as the indices of their words, `(batch, words)`, or as vectors in another `output_mode`.

    A to Z become small and ASCII punctuation goes (ONNX StringNormalizer, StringSplit, StringConcat), as in TensorFlow;
    then the words are looked up, 0 being no word and 1 an unknown one. Without `output_sequence_length` there are as many
    as in the longest text that comes along, and a server runs each request by itself. Characters, n-grams and functions
    of one's own have no form in plain ONNX: the network builds, and its export is refused.
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: int | Sequence[int] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        **kwargs: Any,
    ) -> None:
        own = {key: kwargs.pop(key, None) for key in ("vocabulary_size", "has_input_vocabulary")}
        super().__init__(**kwargs)
        self.standardize = _checked("standardize", standardize, STANDARDS)
        self.split = _checked("split", split, SPLITS)
        self.ngrams = ngrams
        self.output_mode = checked_mode(output_mode, (*MODES, "tf_idf"))
        if output_sequence_length is not None and output_mode != "int":
            raise NetworkError(
                "`output_sequence_length` must not be set if `output_mode` is not 'int'. "
                f"Received output_sequence_length={output_sequence_length}."
            )
        if output_sequence_length is not None and (type(output_sequence_length) is not int or output_sequence_length < 1):
            raise NetworkError(
                "`output_sequence_length` must be either None or a positive integer. "
                f"Received: output_sequence_length={output_sequence_length}"
            )
        if ragged:
            raise NetworkError("Ragged tensors have no form in plain ONNX; give `output_sequence_length` instead")
        self.output_sequence_length = output_sequence_length
        self.autocast = False
        self._lookup_layer = StringLookup(
            max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=output_mode,
            sparse=sparse,
            encoding=encoding,
            **own,
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A layer with the arguments in `config`. Raises NetworkError for a vocabulary that is a path, or for code."""
        for key in ("standardize", "split"):
            if not isinstance(config.get(key), str | None):
                raise NetworkError(f"`{key}` is a function of a file's, which is never run; do it before, and leave it out here")
        return cls(**without_paths(config))

    def set_vocabulary(self, vocabulary: Sequence[str], idf_weights: Any = None) -> None:
        """Sets the words, with or without "" and "[UNK]" before them, and for "tf_idf" how much each counts."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The words by index; with the special tokens before them, unless they are left out."""
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """How many indices there are, those of special tokens included."""
        return self._lookup_layer.vocabulary_size()

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Sets the vocabulary to the words of `data`, the most frequent first: an array or a list, or an iterator of batches."""
        if self._lookup_layer.vocabulary is not None:
            raise NetworkError(f"Cannot adapt layer '{self.name}' after setting a static vocabulary via `vocabulary` argument")
        batches = [data] if isinstance(data, np.ndarray | list | tuple) else islice(data, steps)
        self._lookup_layer.adapt_to(self._words_of(np.asarray(batch, object).reshape(-1)) for batch in batches)

    def load_own_assets(self, files: Mapping[str, bytes]) -> None:
        self._lookup_layer.load_own_assets(files)

    def save_own_assets(self) -> dict[str, bytes]:
        return self._lookup_layer.save_own_assets()

    def saved_variables(self) -> dict[str, Variable]:
        return self._lookup_layer.saved_variables()

    def call(self, inputs: KerasTensor) -> TensorLike:
        if inputs.dtype != "string":
            raise NetworkError(f"TextVectorization takes strings. Received: {inputs.dtype}")
        terms = self._terms(inputs)
        indices = self._lookup_layer.call(terms)
        if self.output_mode != "int" or self.output_sequence_length is None:
            return indices
        assert isinstance(indices, KerasTensor)
        return _in_length(indices, self.output_sequence_length)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, and how many words there are."""
        lookup = self._lookup_layer
        own = {"vocabulary": lookup.vocabulary, "idf_weights": lookup.idf_weights}
        return super().get_config() | own | {"vocabulary_size": lookup.get_config()["vocabulary_size"]}

    def _terms(self, inputs: KerasTensor) -> KerasTensor:
        """What is looked up of the texts: their words `(batch, words)`, or themselves."""
        if self.split is not None and inputs.ndim > 1 and inputs.shape[1:] != (1,):
            raise NetworkError(
                "When using `TextVectorization` to tokenize strings, the input rank must be 1 or the last shape dimension must be 1. "
                f"Received: inputs.shape={inputs.shape} with rank={inputs.ndim}"
            )
        if (reason := self._refusal(inputs)) is not None:
            dims = spec_dims(inputs) if self.split is None else (spec_dims(inputs)[0], None)
            return unsupported(reason, dims, "string", inputs)
        texts = emit("Reshape", inputs, integers((-1,))) if inputs.ndim > 1 else inputs
        texts = emit_as(spec_dims(inputs)[:1], "string", "Identity", texts)
        if self.standardize in ("lower", "lower_and_strip_punctuation"):
            texts = lowered(texts)
        if self.standardize in ("strip_punctuation", "lower_and_strip_punctuation"):
            texts = without(texts, PUNCTUATION)
        if self.split is None:
            return emit("Reshape", texts, emit("Shape", inputs))
        return words(texts, is_batch=self.output_mode != "int" or self.output_sequence_length is not None)

    def _refusal(self, inputs: KerasTensor) -> str | None:
        if callable(self.standardize) or callable(self.split):
            return "a function of one's own for `standardize` or `split` runs outside of a network; do it before, and leave it out"
        if self.split == "character":
            return "split='character' has no form in plain ONNX; separate the characters by blanks before, and split by whitespace"
        if self.ngrams is not None:
            return "n-grams have no form in plain ONNX; make them before, and leave `ngrams` out"
        return None

    def _words_of(self, texts: Array) -> Array:
        """The words of texts, as the network itself makes them."""
        with scope(self.name):
            terms = self._terms(KerasTensor(Constant(texts)))
        found: Array = evaluate([terms.value])[0]
        return found.reshape(len(texts), -1)


def _in_length(indices: KerasTensor, length: int) -> KerasTensor:
    """As many of the indices, or zeros behind them (ONNX Concat, Slice)."""
    batch = spec_dims(indices)[0]
    zeros = emit_as((batch, length), "int64", "Expand", np.zeros((1, 1), np.int64), _shape(indices, length))
    longer = emit_as((batch, None), "int64", "Concat", indices, zeros, axis=1)
    return emit_as((batch, length), "int64", "Slice", longer, integers((0,)), integers((length,)), integers((1,)))


def _shape(like: KerasTensor, length: int) -> KerasTensor:
    return emit("Concat", emit("Shape", like, start=0, end=1), integers((length,)), axis=0)


def _checked(name: str, value: Any, allowed: Sequence[str | None]) -> Any:
    if value not in allowed and not callable(value):
        raise NetworkError(f"Invalid value for `{name}`. Expected a function, or one of {tuple(allowed)}. Received: {name}={value}")
    return value
