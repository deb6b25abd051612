"""What is printed of a model's effective configuration, and of what would keep it from serving."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import main
from tests.service.models import MODELS, save, save_repository


def explained(path: Path, *arguments: str, code: int = 0, **environment: str) -> str:
    """What the command prints of the models at `path`, the path itself left out."""
    done = CliRunner().invoke(main, ["explain", str(path), *arguments], env=environment)
    assert done.exit_code == code, done.output
    return done.output.replace(f"{path}/", "")


def settings(text: str) -> dict[str, tuple[str, str]]:
    """Each option's value and source."""
    rows = [line.split() for line in text.splitlines() if line.startswith("    ")]
    return {name: (" ".join(value), source) for name, *value, source in rows}


def test_each_value_comes_with_its_source(tmp_path: Path) -> None:
    root = save_repository(tmp_path, "add2")
    (root / "add2" / "config.toml").write_text("[batching]\nmax_batch_rows = 32\n[labels]\nstable = 1\n")
    (root / "add2" / "config.pbtxt").write_text("max_batch_size: 8 dynamic_batching { max_queue_delay_microseconds: 500 }")
    file = tmp_path / "hornbeam.toml"
    file.write_text("[batching]\nmax_queue_bytes = 1000\n")
    text = explained(root, "--config", str(file), "--no-warm-up", "--runners", "2", HORNBEAM_MAX_QUEUE_ROWS="99")
    found = settings(text)
    assert found["max_batch_rows"] == ("32", "config.toml")
    assert found["max_delay_seconds"] == ("0.0005", "config.pbtxt")
    assert found["max_queue_rows"] == ("99", "HORNBEAM_MAX_QUEUE_ROWS")
    assert found["max_queue_bytes"] == ("1000", "--config")
    assert found["runners"] == ("2", "--runners")
    assert found["warm_up"] == ("False", "--no-warm-up")
    assert found["allowed_rows"] == ("none", "default")
    assert text.splitlines()[:6] == [
        "add2 version 1 (stable): add2/1/model.onnx",
        "  inputs    a FP32 [batch, 4]",
        "            b FP32 [batch, 4]",
        "  outputs   sum FP32 [batch, 4]",
        "            difference FP32 [batch, 4]",
        "  batching  up to 32 rows together: trying it showed that rows are independent",
    ]


def test_the_versions_that_would_serve_are_explained_and_no_other(tmp_path: Path) -> None:
    root = save_repository(tmp_path, "add2", "centre")
    save(MODELS["add2"](), root / "add2" / "2" / "model.onnx")
    heads = [line for line in explained(root).splitlines() if not line.startswith(" ")]
    assert heads == ["add2 version 2: add2/2/model.onnx", "centre version 1: centre/1/model.onnx"]


def test_a_model_that_is_not_batched_says_why(tmp_path: Path) -> None:
    assert "one request at a time: its rows were not shown to be independent" in explained(save_repository(tmp_path, "centre"))


def test_what_a_run_costs_and_where_it_is_done_is_said(tmp_path: Path) -> None:
    text = explained(save_repository(tmp_path, "add2"))
    assert re.search(r"^  costs     \S+ ms for 1, \S+ ms for 64: run by (the thread that takes the calls|runners)", text, re.MULTILINE)


def test_what_is_held_back_for_more_is_run_by_runners(tmp_path: Path) -> None:
    text = explained(save_repository(tmp_path, "add2"), "--max-delay-seconds", "0.01")
    assert re.search(r"^  costs     .* for 64: run by runners$", text, re.MULTILINE)


def test_without_a_warm_up_nothing_is_known_of_the_cost(tmp_path: Path) -> None:
    assert "  costs     not known before it has been run" in explained(save_repository(tmp_path, "add2"), "--no-warm-up")


def test_what_has_no_meaning_here_is_a_warning(tmp_path: Path) -> None:
    root = save_repository(tmp_path, "add2")
    (root / "add2" / "config.pbtxt").write_text("response_cache { enable: true }")
    assert "warning: add2/config.pbtxt: response_cache has no meaning here" in explained(root)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ("[batchin]\n", "there is no table or key 'batchin'"),
        ("[[padding]]\ninput = 'a'\naxis = 1\nbuckets = [8]\n", "padding of axis 1 of input 'a': the axis is not free: it is 4"),
        ("[[padding]]\ninput = 'a'\naxis = 1\n", "it has no 'buckets'"),
        ("padding = 3\n", "padding is a list of tables, each written [[padding]], and was given 3"),
    ],
    ids=["an unknown table", "an axis that cannot be padded", "padding without buckets", "padding that is none"],
)
def test_what_would_keep_a_model_from_serving_is_one_sentence(tmp_path: Path, config: str, text: str) -> None:
    root = save_repository(tmp_path, "add2")
    (root / "add2" / "config.toml").write_text(config)
    said = explained(root, code=2)
    assert said.startswith("Error: ")
    assert text in said
    assert len(said.splitlines()) == 1
