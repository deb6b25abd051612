"""What Keras's layers answered that only TensorFlow can run; `goldens/record.py` has asked them."""

import json
from pathlib import Path
from typing import Any

__all__ = ["RECORDED", "WORDS", "WORDS_FILE"]

_GOLDENS = Path(__file__).parent.parent / "goldens"

# By name: a layer, its arguments, what it was adapted to, the inputs, and its answer. And the answer of a model in a file.
RECORDED: dict[str, Any] = json.loads((_GOLDENS / "answers.json").read_text(encoding="utf-8"))
WORDS: dict[str, Any] = RECORDED.pop("words.keras")
WORDS_FILE = _GOLDENS / "words.keras"
