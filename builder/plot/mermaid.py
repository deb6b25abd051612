"""A picture as Mermaid, the language of diagrams in Markdown."""

from collections.abc import Iterator, Mapping, Sequence

from builder.plot.label import FAMILIES, Label, arrow_colour, arrow_labels, plain
from builder.plot.picture import Box, Frame, Key, Look, Picture

__all__ = ["mermaid"]

SHAPES = {"input": ("([", "])"), "output": ("([", "])"), "function": ("(", ")"), "model": ("[[", "]]")}
SIGNS = {"#": "#35;", "&": "#amp;", "<": "#lt;", ">": "#gt;", '"': "#quot;", "`": "#96;", "\\": "#92;"}


def mermaid(picture: Picture, look: Look) -> str:
    """The file's text."""
    boxes = list(picture.boxes())
    ids = {box.key: f"n{number}" for number, box in enumerate(boxes)}
    used = [family for family in FAMILIES if any(_family(box) == family for box in boxes)]
    lines = [
        f"flowchart {look.rankdir}",
        *_parts(picture.parts, look, ids, "  "),
        *(f"  {ids[arrow.source]} -->{_words(*arrow_labels(arrow))} {ids[arrow.target]}" for arrow in picture.arrows),
        *(
            f"  linkStyle {number} stroke:{arrow_colour(arrow)}"
            for number, arrow in enumerate(picture.arrows)
            if arrow.leaves or arrow.enters
        ),
        *(f"  classDef {family} fill:{FAMILIES[family].fill},stroke:{FAMILIES[family].line},color:#1f2933" for family in used),
        *(f"  class {','.join(ids[box.key] for box in boxes if _family(box) == family)} {family}" for family in used),
    ]
    return "\n".join(lines) + "\n"


def _parts(parts: Sequence[Box | Frame], look: Look, ids: Mapping[Key, str], indent: str) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Box):
            left, right = SHAPES.get(part.family, ("[", "]"))
            yield f'{indent}{ids[part.key]}{left}"{_label(part, look)}"{right}'
            continue
        first = next(ids[box.key] for box in Picture("", part.parts, ()).boxes())
        yield f'{indent}subgraph frame_{first}["{_escaped(part.name)} ({_escaped(part.class_name)})"]'
        yield from _parts(part.parts, look, ids, indent + "  ")
        yield f"{indent}end"


def _label(box: Box, look: Look) -> str:
    label = Label.of(box, look)
    lines = [f"<b>{_escaped(label.title)}</b>"]
    lines += ["".join(map(_escaped, label.name))] if label.name else []
    lines += [f"{word} {', '.join(map(_escaped, values))}" for word, values in label.rows]
    return "<br/>".join([*lines, *([label.mark] if label.mark else [])])


def _words(leaves: str, enters: str) -> str:
    """The numbers of the calls at both ends; a line has one label."""
    if leaves and enters:
        return f'|"{leaves} → {enters}"|'
    return f'|"{enters or leaves}"|' if enters or leaves else ""


def _family(box: Box) -> str:
    return box.family if box.family in FAMILIES else "layer"


def _escaped(text: str) -> str:
    return "".join(SIGNS.get(character, character) for character in plain(text))
