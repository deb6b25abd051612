"""Lookups: words and numbers as their places in a vocabulary, and back. They need no TensorFlow, which Keras's own do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np

from builder.errors import ModelFileError, NetworkError
from builder.graph import Array, Late, Parameter, Spec
from builder.layer import Layer
from builder.layers.preprocessing.encoding import MODES, checked_mode, encoded, refuse_sparse
from builder.layers.preprocessing.hashing import checked_salt, unhashable
from builder.layers.preprocessing.vocabulary import VOCABULARY_FILE, Tally, check_terms, parsed, plain_terms, read, separated, without_paths
from builder.ops.fingerprint import buckets, fingerprint
from builder.ops.sizes import spec_dims
from builder.ops.strings import looked_up
from builder.ops.symbolic import KerasTensor, TensorLike, Variable, converted, emit, unsupported

__all__ = ["IntegerLookup", "StringLookup"]

UNKNOWN, MASKED = -1, -2  # in a table, before they become what the output mode has for them


class _Lookup(Layer):
    """What the lookups share. `vocabulary_dtype` is "string" or "int64".

    In index order: the mask's token, which in output modes of vectors has no index; `num_oov_indices` for what is not in
    the vocabulary; and the vocabulary.
    """

    def __init__(
        self,
        *,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        vocabulary_dtype: str,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        sparse: bool,
        pad_to_max_tokens: bool,
        oov_method: str,
        salt: Any,
        **kwargs: Any,
    ) -> None:
        self._saved_size = kwargs.pop("vocabulary_size", None)
        kwargs.pop("has_input_vocabulary", None)
        super().__init__(**kwargs)
        self.max_tokens = max_tokens
        self.num_oov_indices = num_oov_indices
        self.mask_token = mask_token
        self.oov_token = oov_token
        self.vocabulary_dtype = vocabulary_dtype
        self.invert = invert
        self.output_mode = checked_mode(output_mode, (*MODES, "tf_idf"))
        self.sparse = sparse
        self.pad_to_max_tokens = pad_to_max_tokens
        self.oov_method = oov_method
        self.salt = checked_salt(salt)
        self.autocast = False
        refuse_sparse(self, sparse)
        self._check_arguments()
        # Terms that were listed are part of the config; what came from a path, from data or from a file's asset is an asset.
        is_path = isinstance(vocabulary, str | Path)
        self.vocabulary = None if vocabulary is None or is_path else plain_terms(vocabulary)
        self.idf_weights = None if idf_weights is None else np.asarray(idf_weights).tolist()
        self.tokens: list[Any] | None = None
        self._idf: Variable | None = None
        self._table = Late("has no vocabulary yet: give it one as `vocabulary`, or call `adapt` or `set_vocabulary`")
        if vocabulary is not None:
            self.set_vocabulary(read(Path(vocabulary), vocabulary_dtype) if is_path else vocabulary, idf_weights)
        elif self.output_mode == "tf_idf" and self._saved_size is not None:
            self._set_idf(None)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A layer with the arguments in `config`. Raises NetworkError for a vocabulary that is a path: a file may name any."""
        return cls(**without_paths(config))

    def set_vocabulary(self, vocabulary: Sequence[Any], idf_weights: Any = None) -> None:
        """Sets the terms, with or without the special tokens before them, and for "tf_idf" how much each counts.

        Raises NetworkError when a term is there twice, or there are more than `max_tokens`.
        """
        special = [self.mask_token] * self._oov_start + [self.oov_token] * self.num_oov_indices
        given = plain_terms(vocabulary)
        check_terms(given, self.vocabulary_dtype)
        tokens, has_special = separated(given, special, self.mask_token, self.oov_token if self.invert else None)
        size = self._token_start + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise NetworkError(
                f"Attempted to set a vocabulary larger than the maximum vocab size. Received vocabulary size is {size}; "
                f"`max_tokens` is {self.max_tokens}."
            )
        known = self._known_size
        if known is not None and size != known and self.output_mode != "int" and not self.pad_to_max_tokens:
            raise NetworkError(
                f"When using `output_mode={self.output_mode}` and `pad_to_max_tokens=False`, the vocabulary size cannot be changed. "
                f"Old vocab size is {known}, new vocab size is {size}"
            )
        if (idf_weights is None) == (self.output_mode == "tf_idf"):
            raise NetworkError(f"`idf_weights` must be set if, and only if, output_mode is 'tf_idf'. Received: {self.output_mode}")
        self.tokens = tokens
        self._table.set(self._entries(tokens))
        if idf_weights is not None:
            self._set_idf(self._padded_idf(np.asarray(idf_weights, np.float32), len(given), has_special))

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The terms by index; with the special tokens before them, unless they are left out."""
        if self.tokens is None:
            return []
        special = [self.mask_token] * self._oov_start + [self.oov_token] * self.num_oov_indices
        return [*(special if include_special_tokens else []), *self.tokens]

    def vocabulary_size(self) -> int:
        """How many indices there are, those of special tokens included."""
        return self._token_start + len(self.tokens or [])

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Sets the vocabulary to the terms of `data`, the most frequent first: an array or a list, or an iterator of batches.

        Raises NetworkError when a vocabulary was given.
        """
        if self.vocabulary is not None:
            raise NetworkError(f"Cannot adapt layer '{self.name}' after setting a static vocabulary via `vocabulary` argument")
        whole = isinstance(data, np.ndarray | list | tuple)
        self.adapt_to([_documents(batch, whole) for batch in ([data] if whole else islice(data, steps))])

    def adapt_to(self, batches: Iterable[Array]) -> None:
        """As `adapt`, of documents `(documents, terms)`."""
        tally = Tally.of(batches, {self.mask_token, self.oov_token})
        most = None if self.max_tokens is None else self.max_tokens - self._token_start
        tokens = tally.ranked()[:most]
        weights = tally.inverse_frequencies(tokens) if self.output_mode == "tf_idf" else None
        self.set_vocabulary(tokens, weights)

    def saved_variables(self) -> dict[str, Variable]:
        return {} if self._idf is None else {"idf_weights": self._idf}

    def load_own_assets(self, files: Mapping[str, bytes]) -> None:
        if self.vocabulary is not None:
            return
        if VOCABULARY_FILE not in files:
            raise ModelFileError(f"needs its {VOCABULARY_FILE}, which the file does not have")
        terms = parsed(files[VOCABULARY_FILE], self.vocabulary_dtype)
        self.set_vocabulary(terms, None if self._idf is None else self._idf.numpy()[: len(terms)])

    def save_own_assets(self) -> dict[str, bytes]:
        if self.vocabulary is not None or self.tokens is None:
            return {}
        return {VOCABULARY_FILE: "\n".join(map(str, self.get_vocabulary())).encode()}

    def call(self, inputs: KerasTensor) -> TensorLike:
        wanted = "int64" if self.invert else self.vocabulary_dtype
        if (inputs.dtype == "string") != (wanted == "string"):
            raise NetworkError(f"{type(self).__name__} takes {wanted} inputs here. Received: {inputs.dtype}")
        terms = converted(inputs, wanted)
        assert isinstance(terms, KerasTensor)
        if self.invert:
            return looked_up(terms, self._table, self.oov_token)
        indices = self._with_unknown(terms, looked_up(terms, self._table, UNKNOWN))
        if self.output_mode == "int":
            return indices
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        outputs = encoded(indices, mode, self._depth(), "int64" if self._idf is None else "float32")
        return outputs if self._idf is None else emit("Mul", outputs, self._idf)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, and how many terms there are."""
        return super().get_config() | {"vocabulary_size": self._known_size}

    def _with_unknown(self, terms: KerasTensor, indices: KerasTensor) -> KerasTensor:
        """The indices, and those of terms that are in no vocabulary."""
        start = self._oov_start
        unknown = emit("Equal", indices, converted(UNKNOWN, "int64"))
        if self.num_oov_indices == 0:
            # As in Keras an error when it runs: an index outside of the one that there is.
            return emit("Add", indices, emit("Gather", np.zeros(1, np.int64), converted(unknown, "int64"), axis=0))
        if self.num_oov_indices == 1:
            return emit("Where", unknown, converted(start, "int64"), indices)
        others = emit("Add", self._bucket(terms), converted(start, "int64"))
        return emit("Where", unknown, others, indices)

    def _bucket(self, terms: KerasTensor) -> TensorLike:
        reason = unhashable(terms, self.salt)
        if reason is not None:
            reason = f"{reason}; or have num_oov_indices=1"
            return unsupported(reason, spec_dims(terms), "int64", terms)
        if self.oov_method == "farmhash":
            return buckets(fingerprint(terms), self.num_oov_indices)
        return emit("Mod", terms, converted(self.num_oov_indices, "int64"))

    def _entries(self, tokens: list[Any]) -> dict[str, Any]:
        """The attributes of ONNX-ML's LabelEncoder."""
        pairs = dict(zip(tokens, range(self._token_start, self.vocabulary_size()), strict=True))
        if self.mask_token is not None:
            pairs[self.mask_token] = 0 if self.output_mode == "int" else MASKED
        terms, indices = tuple(pairs), tuple(pairs.values())
        name = "strings" if self.vocabulary_dtype == "string" else "int64s"
        if self.invert:
            return {"keys_int64s": indices, f"values_{name}": terms}
        return {f"keys_{name}": terms, "values_int64s": indices}

    def _depth(self) -> int:
        if self.pad_to_max_tokens and self.max_tokens is not None:
            return self.max_tokens
        size = self._known_size
        if not isinstance(size, int):
            raise NetworkError(
                f"When using `output_mode={self.output_mode}` and `pad_to_max_tokens=False`, you must set the layer's vocabulary before "
                "calling it. Either pass a `vocabulary` argument to the layer, or call `adapt` with some sample data."
            )
        return size

    def _set_idf(self, weights: Array | None) -> None:
        if self._idf is None:
            # Saved with the weights, and none of `weights`, as in Keras.
            shape = (self._depth(),)
            parameter = Parameter("idf_weights", Spec(shape, "float32"), lambda: np.zeros(shape, np.float32))
            self._idf = Variable(parameter, f"{self.name}/idf_weights", trainable=False)
        if weights is not None:
            self._idf.assign(weights)

    def _padded_idf(self, weights: Array, terms: int, has_special: bool) -> Array:
        """A weight for each index: the average for the unknown, unless it came with the others, and zero for what is not used."""
        if weights.ndim != 1 or len(weights) != terms:
            raise NetworkError(
                f"`idf_weights` must be the same length as vocabulary. len(idf_weights) is {weights.size}; len(vocabulary) is {terms}"
            )
        front = 0 if has_special else self._token_start
        padded = np.concatenate([np.full(front, weights.mean(), np.float32), weights])
        return np.pad(padded, (0, self._depth() - len(padded)))

    @property
    def _oov_start(self) -> int:
        return int(self.mask_token is not None and self.output_mode == "int")

    @property
    def _token_start(self) -> int:
        return self._oov_start + self.num_oov_indices

    @property
    def _known_size(self) -> Any:
        """How many indices there are, or will be by what a file says; None when that is not known."""
        return self._saved_size if self.tokens is None else self.vocabulary_size()

    def _check_arguments(self) -> None:
        check_terms((token for token in (self.mask_token, self.oov_token) if token is not None), self.vocabulary_dtype)
        counts = {"max_tokens": self.max_tokens, "num_oov_indices": self.num_oov_indices, "vocabulary_size": self._saved_size}
        if wrong := [name for name, count in counts.items() if count is not None and type(count) is not int]:
            raise NetworkError(f"`{wrong[0]}` must be an integer. Received: {wrong[0]}={counts[wrong[0]]}")
        if self.max_tokens is not None and self.max_tokens <= 1:
            raise NetworkError(f"If set, `max_tokens` must be greater than 1. Received: max_tokens={self.max_tokens}")
        if self.pad_to_max_tokens and self.max_tokens is None:
            raise NetworkError(f"If pad_to_max_tokens is True, must set `max_tokens`. Received: max_tokens={self.max_tokens}")
        if self.num_oov_indices < 0:
            raise NetworkError(f"`num_oov_indices` must be greater than or equal to 0. Received: num_oov_indices={self.num_oov_indices}")
        if self.oov_method not in ("floormod", "farmhash"):
            raise NetworkError(f"`oov_method` must be 'floormod' or 'farmhash'. Received: oov_method={self.oov_method}")
        if self.invert and self.output_mode != "int":
            raise NetworkError(f"`output_mode` must be `'int'` when `invert` is true. Received: output_mode={self.output_mode}")
        if self.invert and self.oov_token is None:
            raise NetworkError("`oov_token` must be set when `invert` is true: it is what an index without a term means")


class StringLookup(_Lookup):
    """Strings as their indices in a vocabulary, int64, or as vectors in another `output_mode` (ONNX-ML LabelEncoder).

    With `invert`, indices as strings. The vocabulary is given, found by `adapt`, or in a file; a path to one is taken in
    Python only. Several indices for what is unknown would need a hash of strings, which has no form in plain ONNX.
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str | None = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("oov_method", "floormod")
        super().__init__(
            max_tokens=max_tokens,
            num_oov_indices=num_oov_indices,
            mask_token=mask_token,
            oov_token=oov_token,
            vocabulary=vocabulary,
            vocabulary_dtype="string",
            idf_weights=idf_weights,
            invert=invert,
            output_mode=output_mode,
            sparse=sparse,
            pad_to_max_tokens=pad_to_max_tokens,
            salt=salt,
            **kwargs,
        )
        if encoding != "utf-8":
            raise NetworkError(f"Strings are UTF-8 here, as ONNX has them. Received: encoding={encoding}")
        self.encoding = encoding


class IntegerLookup(_Lookup):
    """Integers as their indices in a vocabulary, int64, or as vectors in another `output_mode` (ONNX-ML LabelEncoder).

    With `invert`, the other way round. What is unknown goes to one of `num_oov_indices` by its remainder, or with
    `oov_method` "farmhash" by its hash.
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int | None = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        if vocabulary_dtype != "int64":
            raise NetworkError(f"Only `vocabulary_dtype='int64'` is supported at this time. Received: vocabulary_dtype={vocabulary_dtype}")
        super().__init__(
            max_tokens=max_tokens,
            num_oov_indices=num_oov_indices,
            mask_token=mask_token,
            oov_token=oov_token,
            vocabulary=vocabulary,
            vocabulary_dtype=vocabulary_dtype,
            idf_weights=idf_weights,
            invert=invert,
            output_mode=output_mode,
            sparse=sparse,
            pad_to_max_tokens=pad_to_max_tokens,
            oov_method=oov_method,
            salt=salt,
            **kwargs,
        )


def _documents(batch: Any, whole: bool) -> Array:
    """A batch as `(documents, terms)`: of a list that is all there is each item is a document, of a batch all are one."""
    array = np.asarray(batch)
    if array.ndim < 2:
        return array.reshape((-1, 1) if whole else (1, -1))
    return array.reshape(len(array), -1)
