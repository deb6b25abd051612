"""Pictures: what is in them, that nothing in them lies upon anything else, and how they are written."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import builder
from builder import layers, ops, plot_model
from builder.cli import main
from builder.errors import ExportError, HornbeamError, NetworkError, NotBuiltError, UnsupportedError
from builder.models.picture import picture_of
from builder.plot import RANKDIRS, Arrow, Box, Frame, Key, Look, Picture
from builder.plot.arrangement import Arrangement, arrange
from builder.plot.crossings import crossings, untangle
from builder.plot.dot import dot
from builder.plot.geometry import Point, Rectangle, flattened
from builder.plot.grid import Grid, Segment, ranked
from builder.plot.label import CALLS
from builder.plot.mermaid import mermaid
from builder.plot.svg import arranged, svg
from tests.builder.networks import NETWORKS
from tests.conftest import DIGITS

GOLDENS = Path(__file__).parent / "goldens"
SVG = "{http://www.w3.org/2000/svg}"
NAMES = Look(names=True)
ALL = Look(shapes=True, dtype=True, names=True, activations=True, trainable=True)
has_graphviz = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


def inception(k: Any) -> Any:
    """Branches of one, two and three layers, and an output of one of them."""
    image = k.Input((8, 8, 4), name="image")
    one = k.layers.Conv2D(4, 1, name="one")(image)
    three = k.layers.Conv2D(4, 3, padding="same", name="three_b")(k.layers.Conv2D(2, 1, name="three_a")(image))
    five = k.layers.Conv2D(2, 1, name="five_a")(image)
    five = k.layers.Conv2D(4, 3, padding="same", name="five_c")(k.layers.Conv2D(4, 3, padding="same", name="five_b")(five))
    joined = k.layers.Concatenate(name="joined")([one, three, five])
    return k.Model(image, [k.layers.GlobalAveragePooling2D(name="average")(joined), k.layers.Flatten(name="aside")(five)], name="inception")


def towers(k: Any) -> Any:
    """Two layers that two inputs share."""
    query, document = k.Input((8,), name="query"), k.Input((8,), name="document")
    encoder, projection = k.layers.Dense(6, name="encoder"), k.layers.Dense(4, name="projection")
    pair = k.layers.Concatenate(name="pair")([projection(encoder(query)), projection(encoder(document))])
    return k.Model([query, document], k.layers.Dense(1, name="match")(pair), name="towers")


def autoencoder(k: Any) -> Any:
    """A model with two outputs and a stack, functions between them, and a way around in the first."""
    pixels = k.Input((6, 6, 1), name="pixels")
    conv = k.layers.Conv2D(1, 3, padding="same", activation="relu", name="conv")(pixels)
    flat = k.layers.Flatten(name="flat")(k.layers.Add(name="around")([pixels, conv]))
    encoder = k.Model(pixels, [k.layers.Dense(3, name="mean")(flat), k.layers.Dense(3, name="spread")(flat)], name="encoder")
    decoder = k.Sequential(
        [k.Input((3,), name="code"), k.layers.Dense(36, name="grow"), k.layers.Reshape((6, 6, 1), name="fold")], name="decoder"
    )
    image = k.Input((6, 6, 1), name="image")
    mean, spread = encoder(image)
    return k.Model(image, {"painted": decoder(mean + spread * 0.5), "spread": spread}, name="autoencoder")


def back_and_forth(k: Any) -> Any:
    """A model that is called on its own output, and a layer too."""
    inner_in = k.Input((4,), name="inner_in")
    inner = k.Model(inner_in, k.layers.Dense(4, name="inside")(inner_in), name="inner")
    x, again = k.Input((4,), name="x"), k.layers.Dense(4, name="again")
    return k.Model(x, again(again(again(inner(k.layers.ReLU(name="between")(inner(inner(x))))))), name="back_and_forth")


def by_name(k: Any) -> Any:
    """A nested model that is called with a dict."""
    wide, deep = k.Input((4,), name="wide"), k.Input((3,), name="deep")
    inner = k.Model({"wide": wide, "deep": deep}, k.layers.Concatenate(name="both")([deep, wide]), name="inner")
    a, b = k.Input((4,), name="a"), k.Input((3,), name="b")
    return k.Model([a, b], inner({"wide": a, "deep": b}), name="by_name")


def dense_block(k: Any) -> Any:
    """Each layer reads all before it."""
    read = [k.Input((4,), name="x")]
    read.append(k.layers.ReLU(name="first")(read[0]))
    for name in ("second", "third", "fourth", "fifth"):
        read.append(k.layers.Add(name=name)(list(read)))
    return k.Model(read[0], read[-1], name="dense_block")


def long_names(k: Any) -> Any:
    x = k.Input((4,), name="x")
    y = k.layers.Dense(4, name="block_6a_squeeze_and_excite_dense_with_a_name_that_goes_on_and_on")(x)
    return k.Model(x, k.layers.Add(name="b" * 90)([x, y, x]), name="long_names")


DRAWN: dict[str, Callable[[Any], Any]] = {
    **NETWORKS,
    "branches": inception,
    "two towers": towers,
    "an encoder and a decoder": autoencoder,
    "calls on own outputs": back_and_forth,
    "a nested model called with a dict": by_name,
    "each reads all before": dense_block,
    "long names": long_names,
}
each_network = pytest.mark.parametrize("build", DRAWN.values(), ids=list(DRAWN))


# What is in a picture.


def boxes(picture: Picture) -> dict[Key, Box]:
    return {box.key: box for box in picture.boxes()}


def connections(model: Any, expand_nested: bool = False) -> list[str]:
    """The arrows by the names at their ends, with the numbers of calls."""
    picture = picture_of(model, expand_nested)
    named = {key: box.name if box.family != "output" else f"[{box.name}]" for key, box in boxes(picture).items()}

    def number(calls: tuple[int, ...]) -> str:
        return "".join(f" {call}" for call in calls)

    return sorted(f"{named[a.source]}{number(a.leaves)} ->{number(a.enters)} {named[a.target]}" for a in picture.arrows)


def test_a_residual_has_two_ways() -> None:
    found = connections(builder.load_model(str(DIGITS)))
    assert "stem_relu -> residual" in found
    assert "block_norm -> residual" in found
    assert "probabilities -> [probabilities]" in found
    assert len(found) == 15


def test_a_shared_layer_is_one_box_and_each_call_has_its_number_on_both_sides() -> None:
    assert connections(towers(builder)) == [
        "document -> 2 encoder",
        "encoder 1 -> 1 projection",
        "encoder 2 -> 2 projection",
        "match -> [match]",
        "pair -> match",
        "projection 1 -> pair",
        "projection 2 -> pair",
        "query -> 1 encoder",
    ]
    assert [box.name for box in picture_of(towers(builder)).boxes()].count("encoder") == 1


def test_a_layer_called_in_turn_with_another_has_an_arrow_back() -> None:
    assert connections(NETWORKS["two layers called in turn"](builder)) == ["a 1 -> b", "a 2 -> [a]", "b -> 2 a", "x -> 1 a"]


def test_a_nested_model_is_a_box() -> None:
    found = connections(autoencoder(builder))
    assert "image -> encoder" in found
    assert "decoder -> [painted]" in found
    assert "encoder -> [spread]" in found
    assert {box.name: box.family for box in picture_of(autoencoder(builder)).boxes()}["decoder"] == "model"


def test_a_nested_model_is_a_frame_when_it_is_expanded() -> None:
    picture = picture_of(autoencoder(builder), expand_nested=True)
    frames = {part.name: [inner.name for inner in part.parts] for part in picture.parts if isinstance(part, Frame)}
    assert frames == {"encoder": ["pixels", "conv", "around", "flat", "mean", "spread"], "decoder": ["grow", "fold"]}
    found = connections(autoencoder(builder), expand_nested=True)
    assert {"image -> pixels", "fold -> [painted]", "spread -> [spread]"} <= set(found)


def test_calls_of_an_expanded_model_keep_their_numbers() -> None:
    found = connections(NETWORKS["a model called twice"](builder), expand_nested=True)
    assert {"a -> 1 tower_in", "b -> 2 tower_in", "tower_flat 1 -> joined", "tower_flat 2 -> joined"} <= set(found)
    assert "tower_conv -> tower_norm" in found


def test_calls_inside_calls_are_counted_from_outside() -> None:
    x, t = builder.Input((4,), name="x"), builder.Input((4,), name="t")
    twice = layers.Dense(4, name="twice")
    stack = builder.Sequential([builder.Input((4,)), twice], name="stack")
    inner = builder.Model(t, stack(stack(t)), name="inner")
    found = connections(builder.Model(x, inner(inner(x)), name="outer"), expand_nested=True)
    assert found == ["t -> 1 twice", "twice 1 -> 2 twice", "twice 1 2 -> 2 t", "twice 2 2 -> [inner]", "x -> 1 t"]


def test_an_expanded_model_takes_a_dict_by_its_names() -> None:
    assert {"a -> wide", "b -> deep"} <= set(connections(by_name(builder), expand_nested=True))


def test_functions_between_layers_are_boxes() -> None:
    x = builder.Input((4,), name="x")
    picture = picture_of(builder.Model(x, ops.relu(layers.Dense(4, name="dense")(x) + x)))
    assert [(box.class_name, box.family) for box in picture.boxes()] == [
        ("InputLayer", "input"),
        ("Dense", "core"),
        ("Add", "function"),
        ("Relu", "function"),
        ("Output", "output"),
    ]


def test_outputs_have_the_names_that_the_model_gives_them() -> None:
    found = connections(NETWORKS["an input as an output and an output twice"](builder))
    assert found == ["dense -> [dense]", "dense -> [dense_1]", "x -> [x_1]", "x -> dense"]


def test_a_stack_is_drawn_from_its_input_on() -> None:
    picture = picture_of(NETWORKS["a stack with a normalization"](builder))
    assert [box.name for box in picture.boxes()][:3] == ["image", "conv", "norm"]


def test_a_layer_of_ones_own_has_the_colour_of_what_it_extends() -> None:
    class Wide(layers.Dense):
        pass

    class Own(builder.Layer):
        def call(self, inputs: Any) -> Any:
            return ops.relu(inputs)

    picture = picture_of(builder.Sequential([builder.Input((4,)), Wide(3), Own()]))
    assert [box.family for box in picture.boxes()] == ["input", "core", "layer", "output"]


def test_a_model_that_is_no_graph_of_layers_is_one_box() -> None:
    class Mine(builder.Model):
        def call(self, inputs: Any) -> Any:
            return inputs

    assert [(box.name, box.family) for box in picture_of(Mine(name="mine")).boxes()] == [("mine", "model")]


def test_a_shared_layer_shows_the_shapes_of_all_its_calls() -> None:
    conv = layers.Conv2D(2, 1, name="conv")
    small, large = builder.Input((4, 4, 2), name="small"), builder.Input((8, 8, 2), name="large")
    box = {box.family: box for box in picture_of(builder.Model([small, large], [conv(small), conv(large)])).boxes()}["convolution"]
    assert box.inputs == box.outputs == ("(None, 4, 4, 2)", "(None, 8, 8, 2)")


# Where it is.


def insides(picture: Picture) -> Iterator[tuple[Frame | None, Box | Frame]]:
    """Every part with the frame around it."""
    stack: list[tuple[Frame | None, Box | Frame]] = [(None, part) for part in picture.parts]
    while stack:
        frame, part = stack.pop()
        yield frame, part
        if isinstance(part, Frame):
            stack.extend((part, inner) for inner in part.parts)


def on_border(place: Rectangle, point: Point) -> bool:
    grown = Rectangle(place.x - 0.2, place.y - 0.2, place.width + 0.4, place.height + 0.4)
    shrunk = Rectangle(place.x + 0.2, place.y + 0.2, place.width - 0.4, place.height - 0.4)
    return grown.contains(point) and not shrunk.contains(point)


def assert_clear(picture: Picture, arrangement: Arrangement) -> None:
    """Asserts that parts are apart and inside, and that lines lead from border to border and through no box."""
    places = arrangement.places
    whole = Rectangle(0, 0, arrangement.width, arrangement.height)
    parts = list(insides(picture))
    for frame, part in parts:
        around, own = places[frame.key] if frame else whole, places[part.key]
        assert around.x < own.x
        assert around.y < own.y
        assert own.x + own.width < around.x + around.width
        assert own.y + own.height < around.y + around.height
    for (frame, one), (other_frame, other) in itertools.combinations(parts, 2):
        if frame == other_frame:
            assert not places[one.key].overlaps(places[other.key]), (one.name, other.name)
    obstacles = [
        Rectangle(place.x + 0.2, place.y + 0.2, place.width - 0.4, place.height - 0.4) for place in (places[key] for key in boxes(picture))
    ]
    for arrow, line in zip(picture.arrows, arrangement.lines, strict=True):
        points = flattened(line)
        assert on_border(places[arrow.source], points[0]), arrow
        assert on_border(places[arrow.target], points[-1]), arrow
        assert all(whole.contains(point) for point in points), arrow
        assert not any(box.contains(point) for box in obstacles for point in points), arrow


@each_network
@pytest.mark.parametrize("rankdir", RANKDIRS)
@pytest.mark.parametrize("expand_nested", [False, True], ids=["closed", "expanded"])
def test_boxes_are_apart_and_lines_run_through_none(build: Callable[[Any], Any], rankdir: str, expand_nested: bool) -> None:
    picture = picture_of(build(builder), expand_nested)
    for look in (Look(rankdir=rankdir), Look(shapes=True, names=True, activations=True, rankdir=rankdir)):
        assert_clear(picture, arranged(picture, look))


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    """Boxes, some of them in frames, and arrows to and fro."""

    def parts(outer: Key, depth: int) -> tuple[Box | Frame, ...]:
        kinds = draw(st.lists(st.booleans(), min_size=1, max_size=6))
        return tuple(
            Frame((*outer, n), f"f{n}", "Functional", parts((*outer, n), depth + 1))
            if is_frame and depth < 2
            else Box((*outer, n), f"n{n}", "Dense")
            for n, is_frame in enumerate(kinds)
        )

    top = parts((), 0)
    keys = st.sampled_from([box.key for box in Picture("", top, ()).boxes()])
    numbers = st.sampled_from([(), (1,), (2,)])
    return Picture("any", top, tuple(draw(st.lists(st.builds(Arrow, keys, keys, numbers, numbers), max_size=14))))


@settings(max_examples=60, deadline=None)
@given(pictures(), st.sampled_from(RANKDIRS), st.tuples(st.floats(20, 300), st.floats(20, 200)))
def test_whatever_is_drawn_is_clear(picture: Picture, rankdir: str, size: tuple[float, float]) -> None:
    arrangement = arrange(picture, rankdir, lambda box: (size[0] + 40 * (len(box.key) - 1), size[1]), lambda frame: (120.0, 20.0))
    assert_clear(picture, arrangement)


DIRECTIONS = {"TB": (0, 1), "BT": (0, -1), "LR": (1, 0), "RL": (-1, 0)}


@pytest.mark.parametrize("rankdir", RANKDIRS)
def test_the_trunk_is_a_straight_line_in_the_direction_that_was_asked_for(rankdir: str) -> None:
    picture = picture_of(builder.load_model(str(DIGITS)))
    arrangement = arranged(picture, Look(rankdir=rankdir))
    x, y = DIRECTIONS[rankdir]
    middles = [arrangement.places[key].middle for key in boxes(picture)]
    along = [point[0] * x + point[1] * y for point in middles]
    assert along == sorted(along)
    assert {round(point[0] * y + point[1] * x) for point in middles} == {round(middles[0][0] * y + middles[0][1] * x)}
    bent = [
        arrow
        for arrow, line in zip(picture.arrows, arrangement.lines, strict=True)
        if len({(point[0] * y + point[1] * x) for point in line}) > 1
    ]
    assert [(boxes(picture)[arrow.source].name, boxes(picture)[arrow.target].name) for arrow in bent] == [("stem_relu", "residual")]


def test_an_input_is_next_to_what_reads_it_and_an_output_to_what_gives_it() -> None:
    assert ranked(6, [(0, 2), (2, 3), (1, 3), (3, 4), (2, 5)]) == [0, 1, 1, 2, 3, 2]


def test_lines_are_untangled() -> None:
    grid = Grid([[0, 1, 2], [3, 4, 5]], [10.0] * 6, [Segment(0, 5), Segment(1, 4), Segment(2, 3), Segment(0, 4)])
    assert crossings(grid) == 4
    untangle(grid)
    assert crossings(grid) == 0


# How it is written.


def titles(text: str) -> list[str]:
    """The tooltips in an SVG, which are the names of boxes and frames with their classes."""
    return [str(element.text) for element in ElementTree.fromstring(text).findall(f"{SVG}g/{SVG}title")]


def texts(text: str) -> str:
    """All that is written in an SVG, but for tooltips."""
    return "\n".join("".join(element.itertext()) for element in ElementTree.fromstring(text).iter(f"{SVG}text"))


@each_network
def test_an_svg_is_well_formed_and_has_each_layer_once(build: Callable[[Any], Any]) -> None:
    model = build(builder)
    found = titles(svg(picture_of(model), ALL))
    expected = [f"{layer.name} ({type(layer).__name__})" for layer in model.layers]
    assert expected
    assert all(found.count(title) == 1 for title in expected)


@each_network
def test_the_same_network_gives_the_same_text(build: Callable[[Any], Any]) -> None:
    one, other = (picture_of(build(builder), expand_nested=True) for _ in range(2))
    look = Look(shapes=True, dtype=True, activations=True)
    assert re.sub(r"<title>.*?</title>", "", svg(one, look)) == re.sub(r"<title>.*?</title>", "", svg(other, look))
    assert mermaid(one, look) == mermaid(other, look)
    assert dot(one, look) == dot(other, look)


def test_an_svg_needs_nothing_else() -> None:
    text = svg(picture_of(towers(builder)), ALL)
    assert re.findall(r'(?:href|src|url|@import)[^"]*', text) == []
    assert set(re.findall(r'font-family="([^"]*)"', text)) == {"sans-serif", "monospace"}
    assert re.findall(r'https?://[^"]*', text) == ["http://www.w3.org/2000/svg"]


@pytest.mark.parametrize("form", [svg, dot, mermaid], ids=["svg", "dot", "mermaid"])
def test_calls_of_a_shared_layer_have_a_colour_each(form: Callable[[Picture, Look], str]) -> None:
    text = form(picture_of(towers(builder)), Look())
    assert CALLS[0] in text
    assert CALLS[1] in text
    assert CALLS[2] not in text
    assert CALLS[0] not in form(picture_of(builder.load_model(str(DIGITS))), Look())


OPTIONS = [
    pytest.param({"shapes": True}, "(None, 8, 8, 16)", id="show_shapes"),
    pytest.param({"dtype": True}, "float32", id="show_dtype"),
    pytest.param({"names": True}, "stem_norm", id="show_layer_names"),
    pytest.param({"activations": True}, "softmax", id="show_layer_activations"),
    pytest.param({"trainable": True}, "trainable", id="show_trainable"),
]


@pytest.mark.parametrize("form", [lambda picture, look: texts(svg(picture, look)), dot, mermaid], ids=["svg", "dot", "mermaid"])
@pytest.mark.parametrize(("option", "words"), OPTIONS)
def test_an_option_shows_what_is_not_there_without_it(form: Callable[[Picture, Look], str], option: dict[str, bool], words: str) -> None:
    picture = picture_of(builder.load_model(str(DIGITS)))
    assert words in form(picture, Look(**option))  # type: ignore[arg-type]
    assert words not in form(picture, Look())


def test_what_is_frozen_is_marked() -> None:
    model = builder.Sequential([builder.Input((4,)), layers.Dense(3, trainable=False), layers.ReLU(), layers.Dense(2)])
    lines = texts(svg(picture_of(model), Look(trainable=True))).splitlines()
    assert lines == ["InputLayer", "Dense", "non-trainable", "ReLU", "Dense", "trainable", "Output"]


@pytest.mark.parametrize("rankdir", RANKDIRS)
def test_texts_say_the_direction(rankdir: str) -> None:
    picture = picture_of(towers(builder))
    assert mermaid(picture, Look(rankdir=rankdir)).startswith(f"flowchart {rankdir}\n")
    assert f"rankdir={rankdir}," in dot(picture, Look(rankdir=rankdir))
    assert "splines" not in dot(picture, Look())
    assert "ranksep=0.45, splines=curved]" in dot(picture, Look(splines="curved"))
    width, height = (float(number) for number in re.findall(r'(?:width|height)="([\d.]+)"', svg(picture, Look(rankdir=rankdir)))[:2])
    assert (width > height) == (rankdir in ("LR", "RL"))


NASTY = 'a<b&"c" #1; `\\N` ]]> --> \x00\n\ud800'


@pytest.fixture
def nasty() -> Picture:
    """A network whose names no format takes as they are."""
    x = builder.Input((4,), name="x")
    inner = builder.Sequential([builder.Input((4,)), layers.Dense(3, name=NASTY)], name=NASTY + "2")
    return picture_of(builder.Model(x, inner(x), name=NASTY), expand_nested=True)


def test_names_in_an_svg_are_escaped(nasty: Picture) -> None:
    text = svg(nasty, NAMES)
    assert text.encode()
    shown = NASTY.replace("\x00\n\ud800", "\ufffd" * 3)
    assert f"{shown} (Dense)" in titles(text)
    assert shown in texts(text)


def test_names_in_mermaid_are_escaped(nasty: Picture) -> None:
    text = mermaid(nasty, NAMES)
    assert text.encode()
    assert '"<b>Dense</b><br/>a#lt;b#amp;#quot;c#quot; #35;1; #96;#92;N#96; ]]#gt; --#gt; \ufffd\ufffd\ufffd"' in text


@has_graphviz
def test_names_in_dot_are_escaped(nasty: Picture) -> None:
    assert 'label="' not in dot(nasty, NAMES)
    text = graphviz(dot(nasty, NAMES), "svg").decode()
    shown = "".join("".join(element.itertext()) for element in ElementTree.fromstring(text).iter(f"{SVG}text"))
    assert 'a<b&"c" #1; `\\N` ]]> -->' in shown.replace("\xa0", " ")


def test_a_long_name_goes_on_in_the_next_line() -> None:
    lines = texts(svg(picture_of(long_names(builder)), NAMES)).splitlines()
    start = lines.index("block_6a_squeeze_and_excite_dense_")
    assert "".join(lines[start : start + 2]) == "block_6a_squeeze_and_excite_dense_with_a_name_that_goes_on_and_on"
    assert "b" * 36 in lines
    assert "b" * 18 in lines


GOLDEN = [
    pytest.param("residual.mmd", NETWORKS["a residual block with a shared convolution"], {"show_shapes": True}, id="a residual"),
    pytest.param("twins.mmd", NETWORKS["a model called twice"], {"expand_nested": True}, id="a model called twice"),
    pytest.param("towers.dot", towers, {"show_shapes": True, "show_trainable": True, "rankdir": "LR"}, id="two towers"),
    pytest.param("nested.dot", NETWORKS["a stack in a model in a model"], {"expand_nested": True}, id="frames in frames"),
]


@pytest.mark.parametrize(("file", "build", "options"), GOLDEN)
def test_texts_are_as_they_were(file: str, build: Callable[[Any], Any], options: dict[str, Any], tmp_path: Path) -> None:
    written = plot_model(build(builder), tmp_path / file, show_layer_names=True, **options)
    assert written.read_text() == (GOLDENS / file).read_text()


def graphviz(text: str, form: str) -> bytes:
    """What Graphviz makes of a text; it must not complain."""
    done = subprocess.run(["dot", f"-T{form}"], input=text.encode(), capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout


@has_graphviz
@each_network
def test_graphviz_finds_the_same_boxes_and_arrows(build: Callable[[Any], Any]) -> None:
    picture = picture_of(build(builder), expand_nested=True)
    lines = graphviz(dot(picture, ALL), "plain").decode().splitlines()
    assert sum(line.startswith("node ") for line in lines) == len(boxes(picture))
    assert sum(line.startswith("edge ") for line in lines) == len(picture.arrows)


@has_graphviz
def test_a_png_has_the_resolution_that_was_asked_for(tmp_path: Path) -> None:
    widths = []
    for dpi in (50, 200):
        data = plot_model(towers(builder), tmp_path / "towers.png", dpi=dpi).read_bytes()
        assert data.startswith(b"\x89PNG\r\n")
        widths.append(struct.unpack(">I", data[16:20])[0])
    assert widths[1] / widths[0] == pytest.approx(4, rel=0.05)


def test_without_graphviz_all_but_png_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for ending in (".svg", ".dot", ".mmd"):
        assert plot_model(towers(builder), tmp_path / f"towers{ending}").stat().st_size > 500
    with pytest.raises(
        UnsupportedError, match=r"takes Graphviz's program `dot`, which is not installed: install graphviz, or choose \.svg"
    ):
        plot_model(towers(builder), tmp_path / "towers.png")
    assert not (tmp_path / "towers.png").exists()


def test_a_graphviz_that_fails_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(ExportError, match=r"Graphviz could not draw the \.png"):
        plot_model(towers(builder), tmp_path / "towers.png")
    assert not (tmp_path / "towers.png").exists()


# What is refused.


def unbuilt(k: Any) -> Any:
    return k.Sequential([k.layers.Dense(3)], name="unbuilt")


MISTAKES: list[Any] = [
    pytest.param(towers, {"to_file": "towers.gif"}, UnsupportedError, r"ends in \.svg, \.mmd, \.dot, \.png", id="another ending"),
    pytest.param(towers, {"to_file": "towers"}, UnsupportedError, r"towers cannot be drawn", id="no ending"),
    pytest.param(towers, {"to_file": "absent/towers.svg"}, ExportError, "cannot be written: No such file", id="no directory"),
    pytest.param(towers, {"rankdir": "UP"}, NetworkError, "rankdir is one of TB, LR, BT, RL; found 'UP'", id="another direction"),
    pytest.param(towers, {"splines": "x]"}, NetworkError, r"splines is one of ortho, .*; found 'x\]'", id="another form of lines"),
    pytest.param(towers, {"dpi": 0}, NetworkError, "dpi is a whole number of dots per inch, at least 1; found 0", id="no dots"),
    pytest.param(unbuilt, {}, NotBuiltError, "'unbuilt' has no defined inputs yet", id="a model that is not built"),
    pytest.param(lambda k: k.layers.Dense(3), {}, NetworkError, "takes a model; it was given a Dense", id="a layer"),
]


@pytest.mark.parametrize(("build", "options", "kind", "words"), MISTAKES)
def test_a_mistake_is_a_sentence_and_draws_nothing(
    build: Callable[[Any], Any],
    options: dict[str, Any],
    kind: type[HornbeamError],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=words):
        plot_model(build(builder), **options)
    assert list(tmp_path.iterdir()) == []


# The command.


def hornbeam(*arguments: str | Path) -> Any:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_command_draws(tmp_path: Path) -> None:
    result = hornbeam("plot", DIGITS, tmp_path / "digits.svg", "--show-shapes", "--show-layer-names", "--rankdir", "LR")
    assert (result.exit_code, result.output) == (0, f"wrote    {tmp_path / 'digits.svg'}\n")
    expected = svg(picture_of(builder.load_model(str(DIGITS))), Look(shapes=True, names=True, rankdir="LR"))
    assert (tmp_path / "digits.svg").read_text() == expected


def test_the_command_has_every_option_of_the_function(tmp_path: Path) -> None:
    flags = ["--show-shapes", "--show-dtype", "--show-layer-names", "--show-layer-activations", "--show-trainable", "--expand-nested"]
    result = hornbeam("plot", DIGITS, tmp_path / "digits.dot", *flags, "--rankdir", "BT", "--dpi", "70")
    assert result.exit_code == 0, result.output
    look = Look(shapes=True, dtype=True, names=True, activations=True, trainable=True, rankdir="BT", dpi=70)
    assert (tmp_path / "digits.dot").read_text() == dot(picture_of(builder.load_model(str(DIGITS)), expand_nested=True), look)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["absent.keras", "out.svg"], "there is no file absent.keras", id="no file"),
        pytest.param([DIGITS, "out.gif"], "ends in .svg, .mmd, .dot, .png", id="another ending"),
        pytest.param([DIGITS, "out.svg", "--rankdir", "UP"], "'UP' is not one of 'TB', 'LR', 'BT', 'RL'", id="another direction"),
        pytest.param([DIGITS, "absent/out.svg"], "cannot be written", id="no directory"),
    ],
)
def test_a_mistake_in_the_command_is_a_sentence(
    arguments: list[str | Path], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = hornbeam("plot", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert list(tmp_path.iterdir()) == []
