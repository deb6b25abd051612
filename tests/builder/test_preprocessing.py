"""Preprocessing beyond the layer table: what only TensorFlow can run, from records of it; traps; sizes that are free; files."""

import json
import re
import string
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import builder
from builder import Input, Model, layers, load_model
from builder.errors import ModelFileError, NetworkError, UnsupportedError
from builder.graph import Array
from tests.builder.networks import assert_close
from tests.builder.rows.recorded import RECORDED, WORDS, WORDS_FILE

each_answer = pytest.mark.parametrize("name", RECORDED)


def array(values: Any) -> Array:
    found = np.asarray(values)
    return np.asarray(values, object) if found.dtype.kind == "U" else found


def made(answer: dict[str, Any]) -> Any:
    layer = getattr(layers, answer["layer"])(**answer["arguments"])
    if answer["adapted_to"] is not None:
        layer.adapt(array(answer["adapted_to"]))
    return layer


def network(answer: dict[str, Any], layer: Any) -> tuple[Any, list[Array]]:
    """A model of a layer alone, and its inputs."""
    crossed = answer["layer"] == "HashedCrossing"
    given = [array(column) for column in answer["inputs"]] if crossed else [array(answer["inputs"])]
    inputs = [Input(values.shape[1:], dtype="string" if values.dtype == object else "int64") for values in given]
    return Model(inputs, layer(inputs if crossed else inputs[0])), given


def expected(answer: dict[str, Any]) -> Array:
    return np.asarray(answer["outputs"], object if answer["dtype"] == "string" else answer["dtype"])


def test_every_layer_of_kerass_family_is_here() -> None:
    theirs = {name: getattr(keras.layers, name) for name in dir(keras.layers)}
    wanted = {name for name, cls in theirs.items() if ".preprocessing." in getattr(cls, "__module__", "")}
    assert wanted == {name for name in layers.__all__ if ".preprocessing." in getattr(layers, name).__module__}


# What TensorFlow answered.


@each_answer
def test_a_layer_answers_as_tensorflow_did(name: str) -> None:
    answer = RECORDED[name]
    layer = made(answer)
    model, given = network(answer, layer)
    (found,) = [np.asarray(model(given))]
    assert found.dtype == expected(answer).dtype
    assert found.shape == expected(answer).shape
    if found.dtype.kind == "f":
        np.testing.assert_allclose(found, expected(answer), rtol=1e-6)
    else:
        np.testing.assert_array_equal(found, expected(answer))
    if "vocabulary" in answer:
        assert layer.get_vocabulary() == answer["vocabulary"]


@each_answer
def test_its_config_makes_an_equal_layer(name: str) -> None:
    answer = RECORDED[name]
    layer = made(answer)
    config = json.loads(json.dumps(layer.get_config()))
    again = type(layer).from_config(config)
    again.load_own_assets(layer.save_own_assets())
    for key, variable in layer.saved_variables().items():
        again.saved_variables()[key].assign(variable.numpy())
    assert json.loads(json.dumps(again.get_config())) == config
    model, given = network(answer, again)
    np.testing.assert_array_equal(np.asarray(model(given)), np.asarray(network(answer, layer)[0](given)))


@each_answer
def test_exported_it_answers_the_same(name: str, tmp_path: Path) -> None:
    answer = RECORDED[name]
    model, given = network(answer, made(answer))
    path = tmp_path / "layer.onnx"
    model.export(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {value.name: values for value, values in zip(session.get_inputs(), given, strict=True)})
    np.testing.assert_array_equal(found, np.asarray(model(given)))
    domains = {imported.domain for imported in onnx.load(path).opset_import}
    assert domains == ({"", "ai.onnx.ml"} if answer["layer"] in ("StringLookup", "IntegerLookup", "TextVectorization") else {""})


def test_a_file_of_keras_has_its_vocabularies(tmp_path: Path) -> None:
    model = load_model(WORDS_FILE)
    found = model([array(inputs) for inputs in WORDS["inputs"]])
    wanted = [np.asarray(values, dtype) for values, dtype in zip(WORDS["outputs"], WORDS["dtypes"], strict=True)]
    assert_close([np.asarray(one) for one in found], wanted, 1e-6)
    known: Any = model.get_layer("known")
    assert known.get_vocabulary() == ["[UNK]", "a-b_c", "The quick, brown fox."]
    assert model.export(tmp_path / "words.onnx").batched


def without_asset(name: str, tmp_path: Path, instead: bytes | None = None) -> Path:
    """The recorded file without one of its vocabularies, or with another in its place."""
    path = tmp_path / "changed.keras"
    with zipfile.ZipFile(WORDS_FILE) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.namelist():
            content = instead if member == name else old.read(member)
            if content is not None:
                new.writestr(member, content)
    return path


@pytest.mark.parametrize(
    ("asset", "instead", "words"),
    [
        pytest.param("string_lookup", None, "'known': needs its vocabulary.txt", id="it is missing"),
        pytest.param("integer_lookup", b"0\n-1\nx", "'numbers': its vocabulary.txt does not fit: invalid literal", id="no integers"),
        pytest.param("string_lookup", b"\xff", "'known': its vocabulary.txt does not fit", id="no text"),
        pytest.param("string_lookup_1", b"[UNK]\na", "'weighed': .* the vocabulary size cannot be changed", id="another size"),
        pytest.param("string_lookup", b"a\na", "'known': .* at least one repeated term", id="a word twice"),
    ],
)
def test_a_vocabulary_that_does_not_fit_is_refused(asset: str, instead: bytes | None, words: str, tmp_path: Path) -> None:
    path = without_asset(f"assets/layers/{asset}/vocabulary.txt", tmp_path, instead)
    with pytest.raises(ModelFileError, match=words):
        load_model(path)


def test_texts_are_the_first_thing_of_a_sequential(tmp_path: Path) -> None:
    texts = layers.TextVectorization(vocabulary=["fox", "the"], output_sequence_length=3)
    model = builder.Sequential([Input((1,), dtype="string", name="text"), texts, layers.Embedding(4, 2, mask_zero=True)])
    assert model.predict([["The fox."], ["A fox"]]).shape == (2, 3, 2)
    assert model.export(tmp_path / "text.onnx").batched
    alone = layers.TextVectorization(vocabulary=["fox", "the"])
    np.testing.assert_array_equal(alone(np.array(["The fox.", "a"])), [[3, 2], [1, 0]])


# Any text, and any number.


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]) | st.sampled_from(" \t.,-_'AÉa"), max_size=12),
        max_size=12,
    )
)
@settings(max_examples=10, deadline=None, derandomize=True)
def test_any_text_is_made_into_words_as_tensorflow_makes_it(texts: list[str]) -> None:
    small = str.maketrans(string.ascii_uppercase, string.ascii_lowercase, string.punctuation)  # of ASCII, and no others
    words = [[word for word in re.split("[ \t\n\v\f\r]", text.translate(small)) if word] for text in texts]
    counts = Counter(word for text in words for word in text if word != "[UNK]")
    layer = layers.TextVectorization(output_mode="count", max_tokens=len(counts) + 2)
    if not counts:
        return
    layer.adapt(texts)
    wanted = sorted(counts, key=lambda word: (counts[word], word.encode()), reverse=True)
    assert layer.get_vocabulary(include_special_tokens=False) == wanted
    np.testing.assert_array_equal(layer(array(texts))[:, 1:], [[text.count(word) for word in wanted] for text in words])


MASK = 2**64 - 1


def farmhash(text: bytes) -> int:
    """FarmHash's Fingerprint64 of 32 bytes at most, after its description."""
    k0, k1, k2, size = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F, len(text)

    def word(start: int, length: int = 8) -> int:
        return int.from_bytes(text[start : start + length], "little")

    def turned(x: int, by: int) -> int:
        return (x >> by | x << (64 - by)) & MASK

    def mixed(x: int) -> int:
        return (x & MASK) ^ ((x & MASK) >> 47)

    def both(u: int, v: int, by: int) -> int:
        return mixed((v ^ mixed((u ^ v) * by)) * by) * by & MASK

    by = k2 + 2 * size & MASK
    if size < 4:
        return mixed((text[0] + (text[size // 2] << 8)) * k2 ^ (size + (text[-1] << 2)) * k0) * k2 & MASK
    if size < 8:
        return both(size + (word(0, 4) << 3), word(size - 4, 4), by)
    if size <= 16:
        a, b = word(0) + k2 & MASK, word(size - 8)
        return both(turned(b, 37) * by + a & MASK, (turned(a, 25) + b) * by & MASK, by)
    a, b, c, d = word(0) * k1 & MASK, word(8), word(size - 8) * by & MASK, word(size - 16) * k2 & MASK
    return both(turned(a + b & MASK, 43) + turned(c, 30) + d & MASK, a + turned(b + k2 & MASK, 18) + c & MASK, by)


HASHING = layers.Hashing(1_000_003)


@given(st.lists(st.integers(0, 62).flatmap(lambda bits: st.integers(-(2**bits), 2**bits)), min_size=20, max_size=20))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_any_number_is_hashed_as_tensorflow_hashes_it(numbers: list[int]) -> None:
    np.testing.assert_array_equal(HASHING(np.asarray(numbers)), [farmhash(str(number).encode()) % 1_000_003 for number in numbers])


# Lookups.


@pytest.mark.parametrize("layer", ["StringLookup", "IntegerLookup", "TextVectorization"])
def test_a_config_may_name_no_file(layer: str) -> None:
    config = getattr(layers, layer)().get_config() | {"vocabulary": "/etc/passwd"}
    with pytest.raises(NetworkError, match=r"'/etc/passwd', and what a config names is never opened"):
        getattr(layers, layer).from_config(config)


def test_a_path_is_taken_in_python(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("earth\nwind\n")
    for place in (path, str(path)):
        layer = layers.StringLookup(vocabulary=place)
        assert layer.get_vocabulary() == ["[UNK]", "earth", "wind"]
        assert layer.get_config()["vocabulary"] is None
        assert layer.save_own_assets() == {"vocabulary.txt": b"[UNK]\nearth\nwind"}
    with pytest.raises(NetworkError, match="cannot be read: No such file"):
        layers.StringLookup(vocabulary=str(tmp_path / "none.txt"))


def test_a_lookup_without_a_vocabulary_builds_and_is_refused_when_it_runs(tmp_path: Path) -> None:
    x = Input((2,), dtype="string")
    layer = layers.StringLookup(name="known")
    model = Model(x, layer(x))
    with pytest.raises(UnsupportedError, match="'known': has no vocabulary yet"):
        model.export(tmp_path / "known.onnx")
    layer.adapt(np.array([["a", "b"]]))
    np.testing.assert_array_equal(model.predict(np.array([["b", "z"]])), [[1, 0]])
    layer.adapt(np.array([["z", "z"]]))
    np.testing.assert_array_equal(model.predict(np.array([["b", "z"]])), [[0, 1]])


def test_a_stranger_is_an_error_where_there_is_no_index_for_it(tmp_path: Path) -> None:
    x = Input((1,), dtype="int64")
    model = Model(x, layers.IntegerLookup(vocabulary=[12, 36], num_oov_indices=0)(x))
    np.testing.assert_array_equal(model.predict(np.array([[36]])), [[1]])
    with pytest.raises(Exception, match="indices element out of data bounds"):
        model.predict(np.array([[13]]))
    assert model.export(tmp_path / "known.onnx").batched


@pytest.mark.parametrize(
    ("layer", "arguments", "words"),
    [
        ("StringLookup", {"vocabulary": ["a", "b", "a"]}, "at least one repeated term. The repeated terms are: ['a']"),
        ("StringLookup", {"vocabulary": ["a", ""], "mask_token": ""}, "Found reserved mask token at unexpected location"),
        ("StringLookup", {"vocabulary": ["a", 1]}, "The terms of a vocabulary must be string. Received: 1 (of type int)"),
        ("IntegerLookup", {"vocabulary": [2**63]}, "The terms of a vocabulary must be int64"),
        ("StringLookup", {"max_tokens": 2.5}, "`max_tokens` must be an integer"),
        ("TextVectorization", {"output_sequence_length": 0}, "either None or a positive integer"),
        ("StringLookup", {"vocabulary": []}, "Cannot set an empty vocabulary"),
        ("StringLookup", {"vocabulary": ["a", "b"], "max_tokens": 2}, "Received vocabulary size is 3; `max_tokens` is 2"),
        ("StringLookup", {"max_tokens": 1}, "`max_tokens` must be greater than 1"),
        ("StringLookup", {"pad_to_max_tokens": True}, "must set `max_tokens`"),
        ("StringLookup", {"vocabulary": ["a"], "output_mode": "tf_idf"}, "`idf_weights` must be set"),
        ("StringLookup", {"vocabulary": ["a"], "output_mode": "tf_idf", "idf_weights": [1.0, 2.0]}, "same length as vocabulary"),
        ("StringLookup", {"invert": True, "output_mode": "count"}, "must be `'int'` when `invert` is true"),
        ("IntegerLookup", {"num_oov_indices": -1}, "greater than or equal to 0"),
        ("IntegerLookup", {"vocabulary_dtype": "int32"}, "Only `vocabulary_dtype='int64'`"),
        ("IntegerLookup", {"output_mode": "nope"}, "Unknown arg for output_mode: nope"),
        ("Hashing", {"num_bins": 0}, "non-positive values"),
        ("Hashing", {"num_bins": 2, "salt": "a"}, "tuple of size 2 integers"),
        ("TextVectorization", {"standardize": "nope"}, "Invalid value for `standardize`"),
        ("TextVectorization", {"output_mode": "count", "output_sequence_length": 3}, "must not be set if `output_mode` is not 'int'"),
        ("CategoryEncoding", {}, "num_tokens must be set"),
        ("Discretization", {}, "set either `num_bins` or `bin_boundaries`"),
        ("Normalization", {"mean": 1.0}, "both `mean` and `variance` must be set"),
        ("MelSpectrogram", {"fft_length": 4, "sequence_length": 8}, "greater than or equal to `sequence_length`"),
        ("STFTSpectrogram", {"mode": "nope"}, "Invalid `mode`"),
        ("AutoContrast", {"value_range": 3}, "should be a list of two numbers"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(layer: str, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(NetworkError, match=re.escape(words)):
        getattr(layers, layer)(**arguments)


@pytest.mark.parametrize(
    ("layer", "dtype"),
    [
        (layers.StringLookup(vocabulary=["a"], name="odd"), "int64"),
        (layers.StringLookup(vocabulary=["a"], invert=True, name="odd"), "string"),
        (layers.IntegerLookup(vocabulary=[1], name="odd"), "string"),
        (layers.TextVectorization(name="odd"), "int64"),
    ],
    ids=["words of numbers", "words of words", "numbers of words", "texts of numbers"],
)
def test_inputs_of_another_kind_are_refused(layer: builder.Layer, dtype: str) -> None:
    with pytest.raises(NetworkError, match=f"'odd'.*Received: {dtype}"):
        layer(Input((1,), dtype=dtype))


# What has no form in plain ONNX builds, is printed, and is refused with its name.


def lowercase(texts: Any) -> Any:
    return texts


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "hashed strings": (lambda: layers.Hashing(3, name="odd"), "strings are hashed byte by byte"),
    "salted hashes": (lambda: layers.Hashing(3, salt=1, name="odd"), "is SipHash"),
    "strangers hashed": (lambda: layers.StringLookup(vocabulary=["a"], num_oov_indices=2, name="odd"), "or have num_oov_indices=1"),
    "characters": (lambda: layers.TextVectorization(vocabulary=["a"], split="character", name="odd"), "split='character'"),
    "n-grams": (lambda: layers.TextVectorization(vocabulary=["a"], ngrams=2, name="odd"), "n-grams"),
    "a function": (lambda: layers.TextVectorization(vocabulary=["a"], standardize=lowercase, name="odd"), "a function of one's own"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_plain_onnx_cannot_say_is_refused_while_exporting(name: str, tmp_path: Path) -> None:
    make, words = REFUSED[name]
    x = Input((1,), dtype="string")
    model = Model(x, make()(x))
    printed: list[str] = []
    model.summary(print_fn=printed.append)
    assert "odd" in "".join(printed)
    with pytest.raises(UnsupportedError, match=f"'odd': .*{re.escape(words)}"):
        model.export(tmp_path / "odd.onnx")


def test_a_function_in_a_file_is_never_run() -> None:
    config = layers.TextVectorization().get_config() | {"standardize": {"class_name": "function", "config": "lower"}}
    with pytest.raises(NetworkError, match="is never run"):
        layers.TextVectorization.from_config(config)


@pytest.mark.parametrize("layer", ["RandomFlip", "RandomCrop", "MixUp"])
def test_augmentation_when_serving_is_refused(layer: str, tmp_path: Path) -> None:
    x = Input((4, 4, 3))
    arguments = {"height": 2, "width": 2} if layer == "RandomCrop" else {}
    model = Model(x, getattr(layers, layer)(**arguments, name="odd")(x, training=True))
    with pytest.raises(UnsupportedError, match=f"'odd': {layer} is called with training=True"):
        model.export(tmp_path / "odd.onnx")


# Numbers that are found in data.


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [({}, (20, 3)), ({"axis": None}, (20, 3)), ({"axis": (1, -1)}, (10, 2, 4)), ({"invert": True}, (8, 5, 2))],
    ids=["of features", "of everything", "along two axes", "undone"],
)
def test_normalization_adapts_as_keras(arguments: dict[str, Any], shape: tuple[int, ...], tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(2, 3, shape).astype(np.float32)
    data[..., -1] = 5.0  # no variance
    theirs, ours = keras.layers.Normalization(**arguments), layers.Normalization(**arguments)
    theirs.adapt(data)
    ours.adapt([data[:3], data[3:]] if shape[0] == 20 else data)
    assert [variable.name for variable in ours.weights] == ["mean", "variance", "count"]
    assert_close(ours.get_weights()[:2], [np.asarray(weight) for weight in theirs.get_weights()[:2]], 1e-4)
    x = keras.Input(shape[1:])
    keras.Model(x, theirs(x)).save(tmp_path / "adapted.keras")
    model = load_model(tmp_path / "adapted.keras")
    np.testing.assert_allclose(model.predict(data), theirs(data), rtol=1e-5, atol=1e-5)
    model.export(tmp_path / "adapted.onnx")
    left = {node.op_type for node in onnx.load(tmp_path / "adapted.onnx").graph.node}
    assert left <= {"Sub", "Div", "Mul", "Add"}


def test_normalization_says_what_it_cannot_adapt_to() -> None:
    layer = layers.Normalization()
    layer.build((None, 3))
    with pytest.raises(NetworkError, match="incompatible shape"):
        layer.adapt(np.ones((4, 2)))
    with pytest.raises(NetworkError, match="received no batches"):
        layer.adapt([])
    with pytest.raises(NetworkError, match="leave them out to adapt it"):
        layers.Normalization(mean=1.0, variance=1.0).adapt(np.ones((4, 2)))


@pytest.mark.parametrize("count", [7, 40, 1000])
@pytest.mark.parametrize("bins", [2, 5])
def test_discretization_adapts_as_keras(count: int, bins: int, tmp_path: Path) -> None:
    data = np.random.default_rng(count).normal(size=(count, 1)).astype(np.float32)
    theirs, ours = keras.layers.Discretization(num_bins=bins), layers.Discretization(num_bins=bins)
    batches = [data] if count != 40 else [data[:10], data[10:]]
    for batch in batches:
        theirs.update_state(batch)  # for which `adapt` asks TensorFlow
    theirs.finalize_state()
    ours.adapt(data if count != 40 else iter(batches))
    assert ours.bin_boundaries == theirs.bin_boundaries
    x = keras.Input((1,))
    keras.Model(x, theirs(x)).save(tmp_path / "adapted.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "adapted.keras").predict(data), theirs(data))


# Images.


@pytest.mark.parametrize("size", [(4, 4), (5, 2), (2, 3), (9, 9)])
def test_random_crop_gives_back_what_it_is_given(size: tuple[int, int]) -> None:
    images = np.arange(2 * 5 * 4 * 1, dtype=np.float32).reshape(2, 5, 4, 1)

    def crop(k: Any) -> Any:
        x = k.Input((5, 4, 1))
        return k.Model(x, k.layers.RandomCrop(*size, seed=1)(x))

    found = crop(builder).predict(images)
    np.testing.assert_array_equal(found, crop(keras).predict(images, verbose=0))
    np.testing.assert_array_equal(found, images)


@pytest.mark.parametrize(
    "layer",
    [
        ("Resizing", {"height": 4, "width": 6}),
        ("Resizing", {"height": 4, "width": 6, "crop_to_aspect_ratio": True}),
        ("Resizing", {"height": 6, "width": 4, "pad_to_aspect_ratio": True, "fill_value": 1.0}),
        ("CenterCrop", {"height": 4, "width": 5}),
    ],
    ids=["stretched", "cropped", "padded", "the middle"],
)
def test_images_of_any_size_come_out_as_keras_has_them(layer: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    kind, arguments = layer
    x = Input((None, None, 2))
    model = Model(x, getattr(layers, kind)(**arguments)(x))
    wanted = getattr(keras.layers, kind)(**arguments)
    for height, width in ((5, 7), (4, 5), (3, 9), (8, 2), (3, 3)):
        images = np.random.default_rng(height).normal(size=(2, height, width, 2)).astype(np.float32)
        np.testing.assert_allclose(model.predict(images), np.asarray(wanted(images)), atol=1e-5)
    assert model.export(tmp_path / "image.onnx").batched


@pytest.mark.parametrize("first", ["Rescaling", "Resizing", "CenterCrop"])
def test_bytes_are_taken_as_bytes(first: str, tmp_path: Path) -> None:
    arguments = {"scale": 1 / 255} if first == "Rescaling" else {"height": 2, "width": 3}
    image = Input((4, 4, 3), dtype="uint8", name="image")
    model = Model(image, layers.Rescaling(2.0, name="scaled")(getattr(layers, first)(**arguments)(image)))
    exported = model.export(tmp_path / "image.onnx")
    assert [(name, spec.dtype) for name, spec in exported.inputs] == [("image", "uint8")]
    assert [spec.dtype for _, spec in exported.outputs] == ["float32"]


@pytest.mark.parametrize("boxes", [2, 3, 5])
def test_boxes_are_as_many_for_every_image(boxes: int) -> None:
    data = np.arange(2 * boxes * 4, dtype=np.float32).reshape(2, boxes, 4)
    labels = np.arange(2 * boxes, dtype=np.float32).reshape(2, boxes)
    images = np.zeros((2, 4, 4, 1), np.float32)
    wanted = keras.layers.MaxNumBoundingBoxes(3, bounding_box_format="xyxy")(
        {"images": images, "bounding_boxes": {"boxes": data, "labels": labels}}
    )
    inputs: dict[str, Any] = {"images": Input((4, 4, 1)), "bounding_boxes": {"boxes": Input((None, 4)), "labels": Input((None,))}}
    outputs = layers.MaxNumBoundingBoxes(3, bounding_box_format="xyxy")(inputs)
    assert outputs["bounding_boxes"]["boxes"].shape == (None, 3, 4)
    model = Model([inputs["images"], *inputs["bounding_boxes"].values()], list(outputs["bounding_boxes"].values()))
    found_boxes, found_labels = model([images, data, labels])
    np.testing.assert_array_equal(found_boxes, wanted["bounding_boxes"]["boxes"])
    np.testing.assert_array_equal(found_labels, wanted["bounding_boxes"]["labels"])


# Signals and categories.


def test_decibels_are_counted_from_the_loudest_of_all_rows(tmp_path: Path) -> None:
    arguments: dict[str, Any] = {
        "fft_length": 16,
        "sequence_stride": 8,
        "num_mel_bins": 4,
        "sampling_rate": 100,
        "min_freq": 5.0,
        "top_db": 30.0,
    }
    signals = np.random.default_rng(0).normal(size=(2, 40)).astype(np.float32) * np.asarray([[1.0], [1e-3]], np.float32)
    x = Input((40,))
    model = Model(x, layers.MelSpectrogram(**arguments)(x))
    np.testing.assert_allclose(model.predict(signals), keras.layers.MelSpectrogram(**arguments)(signals), atol=1e-2)
    assert not model.export(tmp_path / "mel.onnx").batched  # a server must not run requests together


def test_categories_are_counted_with_weights() -> None:
    numbers, weights = np.asarray([[0, 1, 1], [3, 9, 3]]), np.asarray([[0.5, 2.0, 1.0], [1.0, 7.0, 0.25]], np.float32)
    given, counts = Input((3,), dtype="int32"), Input((3,))
    model = Model([given, counts], layers.CategoryEncoding(4, output_mode="count")(given, count_weights=counts))
    np.testing.assert_allclose(model([numbers, weights]), [[0.5, 3.0, 0, 0], [0, 0, 0, 1.25]])
    with pytest.raises(NetworkError, match="`count_weights` is not used"):
        layers.CategoryEncoding(4)(given, count_weights=counts)


def test_a_file_of_keras_has_pipelines_and_spectrograms(tmp_path: Path) -> None:
    inner = keras.layers.Normalization()
    inner.adapt(np.asarray([[1.0, 2.0], [3.0, 5.0]], np.float32))
    signal = keras.Input((30, 2), name="signal")
    scaled = keras.layers.Pipeline([keras.layers.Rescaling([2.0, 3.0]), inner], name="first")(signal)
    theirs = keras.Model(signal, keras.layers.STFTSpectrogram(frame_length=8, window="bartlett", name="second")(scaled))
    theirs.save(tmp_path / "signal.keras")
    model = load_model(tmp_path / "signal.keras")
    signals = np.random.default_rng(0).normal(size=(2, 30, 2)).astype(np.float32)
    np.testing.assert_allclose(model.predict(signals), theirs.predict(signals, verbose=0), atol=1e-4)
