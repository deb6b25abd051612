"""Records what Keras's layers for words and categories answer, which only TensorFlow can run.

    pip install tensorflow-cpu keras==3.15.1
    python tests/builder/goldens/record.py

Writes `answers.json`, and `words.keras` with what that model answers, beside this file; the tests need no TensorFlow.
"""

import json
import os
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf

HERE = Path(__file__).parent
WORDS = [["earth", "wind"], ["fire", "Éa"], ["", "[UNK]"], ["wind", "nope"]]
NUMBERS = [[12, 36], [1138, 42], [-1, 0], [7, -13]]
WHOLE = [0, 1, -1, 42, 999, 1234, -4321, 12345678, 123456789, -987654321, 1234567890123456, 12345678901234567, 2**63 - 1, -(2**63)]
TEXTS = [
    ["The quick, brown fox."],
    ["THE  fox!\tjumps\n"],
    ["don't (stop)... [now] {ok} `~@#$%^&*_+=|\\:;\"'<>?/"],
    ["É la Été, naïve"],
    [""],
    ["a-b_c"],
]
VOCABULARY = ["earth", "wind", "fire"]
INTEGERS = [12, 36, 1138, 42]
TERMS = ["the", "fox", "dont", "quick", "Été", "ab"]

# The layer, its arguments, what it is called on, and what it is adapted to before.
CASES: dict[str, tuple[str, dict[str, Any], Any, Any]] = {
    "words": ("StringLookup", {"vocabulary": VOCABULARY}, WORDS, None),
    "words with a mask": ("StringLookup", {"vocabulary": VOCABULARY, "mask_token": ""}, WORDS, None),
    "words with their special ones": ("StringLookup", {"vocabulary": ["", "[UNK]", *VOCABULARY], "mask_token": ""}, WORDS, None),
    "words without strangers": ("StringLookup", {"vocabulary": VOCABULARY, "num_oov_indices": 0}, [["fire", "earth"]], None),
    "words, one by one": ("StringLookup", {"vocabulary": VOCABULARY, "output_mode": "one_hot"}, WORDS, None),
    "one word": ("StringLookup", {"vocabulary": VOCABULARY, "output_mode": "one_hot"}, [["wind"], ["nope"]], None),
    "words that are there": (
        "StringLookup",
        {"vocabulary": VOCABULARY, "output_mode": "multi_hot", "mask_token": "", "max_tokens": 7, "pad_to_max_tokens": True},
        WORDS,
        None,
    ),
    "words counted": ("StringLookup", {"vocabulary": VOCABULARY, "output_mode": "count"}, WORDS, None),
    "words weighed": (
        "StringLookup",
        {"vocabulary": VOCABULARY, "output_mode": "tf_idf", "idf_weights": [0.5, 0.25, 2.0]},
        WORDS,
        None,
    ),
    "words weighed and padded": (
        "StringLookup",
        {
            "vocabulary": ["[UNK]", *VOCABULARY],
            "output_mode": "tf_idf",
            "idf_weights": [1.0, 0.5, 0.25, 2.0],
            "max_tokens": 6,
            "pad_to_max_tokens": True,
        },
        WORDS,
        None,
    ),
    "words adapted to": ("StringLookup", {"max_tokens": 4}, WORDS, [["wind", "wind", "fire"], ["fire", "earth", "[UNK]"]]),
    "words adapted to and weighed": ("StringLookup", {"output_mode": "tf_idf"}, WORDS, [["wind", "wind", "fire"], ["fire", "earth", "b"]]),
    "words of indices": ("StringLookup", {"vocabulary": VOCABULARY, "invert": True}, [[0, 1], [3, 9]], None),
    "words of indices with a mask": ("StringLookup", {"vocabulary": VOCABULARY, "invert": True, "mask_token": ""}, [[0, 1], [4, -1]], None),
    "numbers": ("IntegerLookup", {"vocabulary": INTEGERS}, NUMBERS, None),
    "numbers with a mask": ("IntegerLookup", {"vocabulary": INTEGERS, "mask_token": 0, "max_tokens": 8}, NUMBERS, None),
    "numbers with several strangers": ("IntegerLookup", {"vocabulary": INTEGERS, "num_oov_indices": 3}, NUMBERS, None),
    "numbers with hashed strangers": (
        "IntegerLookup",
        {"vocabulary": INTEGERS, "num_oov_indices": 5, "oov_method": "farmhash", "mask_token": 0},
        NUMBERS,
        None,
    ),
    "numbers counted with a mask": ("IntegerLookup", {"vocabulary": INTEGERS, "mask_token": 0, "output_mode": "count"}, NUMBERS, None),
    "numbers adapted to": ("IntegerLookup", {}, NUMBERS, [[12, 12, 36], [36, 42, 36]]),
    "numbers of indices": ("IntegerLookup", {"vocabulary": INTEGERS, "invert": True, "mask_token": 0}, [[0, 1], [3, 9]], None),
    "hashes": ("Hashing", {"num_bins": 1000}, [WHOLE], None),
    "hashes with a mask": ("Hashing", {"num_bins": 4, "mask_value": 42}, [WHOLE], None),
    "hashes of one bin": ("Hashing", {"num_bins": 1, "mask_value": 42}, [WHOLE], None),
    "hashes, one by one": ("Hashing", {"num_bins": 5, "output_mode": "one_hot"}, [[1], [42]], None),
    "hashes counted": ("Hashing", {"num_bins": 5, "output_mode": "count"}, [[1, 2, 3, 42], [5, 5, 5, 5]], None),
    "texts": ("TextVectorization", {"vocabulary": TERMS, "output_sequence_length": 5}, TEXTS, None),
    "texts as long as the longest": ("TextVectorization", {"vocabulary": TERMS}, TEXTS, None),
    "texts that keep their commas": ("TextVectorization", {"vocabulary": ["the", "fox."], "standardize": "lower"}, TEXTS, None),
    "texts that keep their capitals": (
        "TextVectorization",
        {"vocabulary": ["THE", "fox"], "standardize": "strip_punctuation", "output_sequence_length": 3},
        TEXTS,
        None,
    ),
    "texts as they are": ("TextVectorization", {"vocabulary": ["a-b_c"], "standardize": None, "split": None}, TEXTS, None),
    "terms that are there": ("TextVectorization", {"vocabulary": TERMS, "output_mode": "multi_hot"}, TEXTS, None),
    "terms counted": (
        "TextVectorization",
        {"vocabulary": TERMS, "output_mode": "count", "max_tokens": 9, "pad_to_max_tokens": True},
        TEXTS,
        None,
    ),
    "terms weighed": (
        "TextVectorization",
        {"vocabulary": TERMS, "output_mode": "tf_idf", "idf_weights": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]},
        TEXTS,
        None,
    ),
    "texts adapted to": ("TextVectorization", {"output_sequence_length": 6, "max_tokens": 6}, TEXTS, ["The fox.", "the FOX the", "a-b é"]),
}
CROSSED: dict[str, tuple[dict[str, Any], Any]] = {
    "crossed numbers": ({"num_bins": 1000}, [[1, 2, -3, 2**40], [5, -6, 7, 0]]),
    "crossed numbers in columns": ({"num_bins": 7}, [[[1], [2], [-3]], [[5], [-6], [7]], [[8], [9], [10]]]),
    "crossed numbers, one by one": ({"num_bins": 6, "output_mode": "one_hot"}, [[1, 2, 3], [5, 6, 7]]),
}


def main() -> None:
    answers = {}
    for name, (kind, arguments, inputs, data) in CASES.items():
        layer = getattr(keras.layers, kind)(**arguments)
        if data is not None:
            layer.adapt(np.array(data))
        given = np.array(inputs)
        outputs = np.asarray(layer(given if given.dtype.kind != "U" else np.array(inputs, dtype=object)))
        answers[name] = recorded(layer=kind, arguments=arguments, adapted_to=data, inputs=inputs, outputs=outputs)
        if data is not None:
            answers[name]["vocabulary"] = [plain(word) for word in layer.get_vocabulary()]
    for name, (arguments, inputs) in CROSSED.items():
        outputs = np.asarray(keras.layers.HashedCrossing(**arguments)([np.array(column) for column in inputs]))
        answers[name] = recorded(layer="HashedCrossing", arguments=arguments, adapted_to=None, inputs=inputs, outputs=outputs)
    answers["words.keras"] = saved()
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(answer, ensure_ascii=False)}" for name, answer in answers.items())
    (HERE / "answers.json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


def saved() -> dict[str, Any]:
    """What a model of adapted layers, which is saved with its vocabularies, answers."""
    text, ids = keras.Input((1,), dtype="string", name="text"), keras.Input((2,), dtype="int64", name="ids")
    layers = keras.layers
    words = layers.TextVectorization(output_mode="tf_idf", name="terms")
    words.adapt(np.array(["a fox", "the fox", "the quick"]))
    sequence = layers.TextVectorization(output_sequence_length=4, name="sequence")
    sequence.adapt(np.array(["the quick fox", "the"]))
    known = layers.StringLookup(name="known")
    known.adapt(np.array([["The quick, brown fox."], ["a-b_c"]]))
    weighed = layers.StringLookup(output_mode="tf_idf", name="weighed")
    weighed.adapt(np.array([["a-b_c"], ["a-b_c"], ["c"]]))
    numbers = layers.IntegerLookup(mask_token=0, name="numbers")
    numbers.adapt(np.array([[12, 12], [36, 7]]))
    outputs = [words(text), sequence(text), known(text), weighed(text), numbers(ids)]
    model = keras.Model([text, ids], outputs, name="words")
    model.save(HERE / "words.keras")
    texts, pairs = TEXTS[:4], NUMBERS
    found = [np.asarray(array) for array in model([tf.constant(texts), tf.constant(pairs, tf.int64)])]
    return {"inputs": [texts, pairs], "outputs": [plain(array) for array in found], "dtypes": [str(array.dtype) for array in found]}


def recorded(*, outputs: Any, **given: Any) -> dict[str, Any]:
    return {**given, "outputs": plain(outputs), "dtype": "string" if outputs.dtype == object else str(outputs.dtype)}


def plain(value: Any) -> Any:
    """Arrays and bytes as JSON has them."""
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value


if __name__ == "__main__":
    main()
