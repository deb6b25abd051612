"""A picture as SVG: one file that needs nothing else, the same text for the same network."""

import unicodedata
from collections.abc import Iterator, Sequence
from math import hypot
from xml.sax.saxutils import escape, quoteattr

from builder.plot.arrangement import Arrangement, arrange
from builder.plot.geometry import Line, Point, Rectangle, point_at
from builder.plot.label import FAMILIES, Label, arrow_colour, arrow_labels, call_colour, plain
from builder.plot.picture import Arrow, Box, Frame, Look, Picture

__all__ = ["arranged", "svg"]

PLAIN = "sans-serif"
FIXED = "monospace"
INK, GREY, GREEN, RED = "#1f2933", "#5f6b78", "#2e7d32", "#b3422a"
TITLE, TEXT, ROW = 14.0, 12.0, 17.0  # sizes of letters, and from line to line
SIDE, TOP = 14.0, 8.0  # from a box's border to what is written in it
HEAD = 9.0  # the length of an arrow's head
BADGE = 8.0  # the radius of the disc with a call's number


def svg(picture: Picture, look: Look) -> str:
    """The file's text."""
    arrangement = arranged(picture, look)
    width, height = _number(arrangement.width), _number(arrangement.height)
    lines = list(zip(picture.arrows, arrangement.lines, strict=True))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f"<title>{escape(plain(picture.name))}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *(element for frame in _frames(picture.parts) for element in _frame(frame, arrangement, look)),
        *(_line(arrow, line) for arrow, line in lines),
        *(element for box in picture.boxes() for element in _box(box, arrangement.places[box.key], look)),
        *dict.fromkeys(element for arrow, line in lines for element in _badges(arrow, line)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def arranged(picture: Picture, look: Look) -> Arrangement:
    """Where everything is, sizes being those of what is written."""
    return arrange(picture, look.rankdir, lambda box: _size(box, look), lambda frame: (_title_width(frame), 20.0))


def _size(box: Box, look: Look) -> tuple[float, float]:
    label = Label.of(box, look)
    lines = [_width(label.title, TITLE, bold=True), *(_width(line, TEXT) for line in label.name), _width(label.mark, TEXT)]
    words, values = _columns(label)
    count = len(label.name) + sum(len(row) for _, row in label.rows) + bool(label.mark)
    return max(*lines, words + values) + 2 * SIDE, 2 * TOP + ROW * (1 + count) + 4 * bool(label.rows)


def _title_width(frame: Frame) -> float:
    return _width(plain(f"{frame.name} ({frame.class_name})"), TEXT, bold=True)


def _columns(label: Label) -> tuple[float, float]:
    """The widths of the words and of the values in the rows."""
    words = max((_width(word, TEXT) + 8 for word, _ in label.rows), default=0.0)
    return words, max((_width(value, TEXT) for _, values in label.rows for value in values), default=0.0)


def _width(text: str, size: float, bold: bool = False) -> float:
    """About how wide a text is in common fonts, rather more than less; letters of the widest fonts are 0.7 of their size in bold."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    narrow = sum(character in "fijlrt()I1 .,:;'|" for character in text) if bold else 0
    return size * ((0.7 if bold else 0.603) * (len(text) - wide - narrow) + 0.42 * narrow + wide)


def _frames(parts: Sequence[Box | Frame], depth: int = 0) -> Iterator[tuple[Frame, int]]:
    for part in parts:
        if isinstance(part, Frame):
            yield part, depth
            yield from _frames(part.parts, depth + 1)


def _frame(nested: tuple[Frame, int], arrangement: Arrangement, look: Look) -> Iterator[str]:
    frame, depth = nested
    place = arrangement.places[frame.key]
    fill = "#f4f5fc" if depth % 2 == 0 else "#ffffff"
    yield f'<g class="frame">{_tooltip(frame.name, frame.class_name)}'
    yield _rectangle(place, 10.0, fill, FAMILIES["model"].line, ' stroke-dasharray="5 4"')
    words = f"{escape(plain(frame.name))} <tspan fill={quoteattr(GREY)} font-weight={quoteattr('normal')}>"
    words += f"({escape(plain(frame.class_name))})</tspan>"
    yield _text((place.x + SIDE, place.y + 22), words, TEXT, FAMILIES["model"].line, PLAIN, bold=True, anchor="start")
    yield "</g>"


def _box(box: Box, place: Rectangle, look: Look) -> Iterator[str]:
    label, colour = Label.of(box, look), FAMILIES.get(box.family, FAMILIES["layer"])
    yield f"<g class={quoteattr(box.family)}>{_tooltip(box.name, box.class_name)}"
    round_ends = min(place.height / 2, 17.0)
    radius = {"input": round_ends, "output": round_ends, "function": 12.0}.get(box.family, 5.0)
    yield _rectangle(place, radius, colour.fill, colour.line)
    if box.family == "model":
        yield _rectangle(Rectangle(place.x + 3, place.y + 3, place.width - 6, place.height - 6), 3.0, "none", colour.line)
    middle, y = place.middle[0], place.y + TOP + 13
    yield _text((middle, y), escape(label.title), TITLE, INK, PLAIN, bold=True)
    for line in label.name:
        y += ROW
        yield _text((middle, y), escape(line), TEXT, INK, FIXED)
    if label.rows:
        y += 4
        yield from _rows(label, middle, y)
        y += ROW * sum(len(values) for _, values in label.rows)
    if label.mark:
        yield _text((middle, y + ROW), label.mark, TEXT, GREEN if label.mark == "trainable" else RED, PLAIN, bold=True)
    yield "</g>"


def _rows(label: Label, middle: float, y: float) -> Iterator[str]:
    words, values = _columns(label)
    left = middle - (words + values) / 2
    for word, texts in label.rows:
        yield _text((left, y + ROW), word, TEXT, GREY, PLAIN, anchor="start")
        for text in texts:
            y += ROW
            yield _text((left + words, y), escape(text), TEXT, INK, FIXED, anchor="start")


def _line(arrow: Arrow, line: Line) -> str:
    """The line, shorter by most of the head, and the head: a triangle that points where the line ends."""
    colour, tip, back = arrow_colour(arrow), line[-1], line[-2] if line[-2] != line[-1] else line[-4]
    length = hypot(tip[0] - back[0], tip[1] - back[1]) or 1.0
    x, y = (tip[0] - back[0]) / length, (tip[1] - back[1]) / length
    neck = (tip[0] - x * (HEAD - 1), tip[1] - y * (HEAD - 1))
    base = (tip[0] - x * HEAD, tip[1] - y * HEAD)
    corners = (tip, (base[0] - y * 4, base[1] + x * 4), (base[0] + y * 4, base[1] - x * 4))
    width = "2" if arrow.leaves or arrow.enters else "1.6"
    path = f'<path d="{_path((*line[:-1], neck))}" fill="none" stroke="{colour}" stroke-width="{width}"/>'
    return f'{path}<path d="M{"L".join(map(_pair, corners))}Z" fill="{colour}"/>'


def _path(line: Line) -> str:
    written = [f"M{_pair(line[0])}"]
    for index in range(0, len(line) - 1, 3):
        start, one, other, end = line[index : index + 4]
        is_straight = one == start
        written.append(f"L{_pair(end)}" if is_straight else f"C{_pair(one)} {_pair(other)} {_pair(end)}")
    return "".join(written)


def _badges(arrow: Arrow, line: Line) -> Iterator[str]:
    """The numbers of calls, on discs on the line near its ends."""
    leaves, enters = arrow_labels(arrow)
    for text, call, along, distance in ((leaves, arrow.leaves, line, 10.0), (enters, arrow.enters, line[::-1], 19.0)):
        if text:
            x, y = point_at(along, distance)
            half = max(BADGE, _width(text, 10.5) / 2 + 4)
            place = Rectangle(x - half, y - BADGE, 2 * half, 2 * BADGE)
            yield _rectangle(place, BADGE, call_colour(call[0]), "#ffffff")
            yield _text((x, y + 3.8), text, 10.5, "#ffffff", PLAIN, bold=True)


def _rectangle(place: Rectangle, radius: float, fill: str, line: str, more: str = "") -> str:
    at = f'x="{_number(place.x)}" y="{_number(place.y)}" width="{_number(place.width)}" height="{_number(place.height)}"'
    return f'<rect {at} rx="{_number(radius)}" fill="{fill}" stroke="{line}" stroke-width="1.3"{more}/>'


def _text(at: Point, escaped: str, size: float, colour: str, font: str, bold: bool = False, anchor: str = "middle") -> str:
    weight = ' font-weight="bold"' if bold else ""
    look = f'font-family="{font}" font-size="{_number(size)}"{weight} fill="{colour}" text-anchor="{anchor}"'
    return f'<text x="{_number(at[0])}" y="{_number(at[1])}" {look}>{escaped}</text>'


def _tooltip(name: str, class_name: str) -> str:
    return f"<title>{escape(plain(name))} ({escape(plain(class_name))})</title>"


def _pair(point: Point) -> str:
    return f"{_number(point[0])},{_number(point[1])}"


def _number(value: float) -> str:
    """With one decimal if it takes one, so that the text does not depend on the last bit of a sum."""
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")
