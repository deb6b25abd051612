"""A picture as text for Graphviz, which lays it out by itself, and as PNG where it is installed."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from builder.errors import ExportError, UnsupportedError
from builder.plot.label import FAMILIES, Label, arrow_colour, arrow_labels, plain
from builder.plot.picture import Arrow, Box, Frame, Key, Look, Picture

__all__ = ["dot", "png"]

SECONDS = 120  # for Graphviz to draw; a network of a thousand layers takes a few


def dot(picture: Picture, look: Look) -> str:
    """The file's text, in Graphviz's language."""
    ids = {box.key: f"n{number}" for number, box in enumerate(picture.boxes())}
    splines = f", splines={look.splines}" if look.splines else ""
    lines = [
        f"digraph {_quoted(picture.name)} {{",
        f"  graph [rankdir={look.rankdir}, dpi={look.dpi}, nodesep=0.35, ranksep=0.45{splines}]",
        '  node [shape=box, style="rounded,filled", fontname=Helvetica, fontsize=12, margin="0.15,0.08", height=0.35]',
        '  edge [fontname="Helvetica-Bold", fontsize=11, arrowsize=0.7, penwidth=1.3]',
        *_parts(picture.parts, look, ids, "  "),
        *(f"  {ids[arrow.source]} -> {ids[arrow.target]} [{_edge(arrow)}]" for arrow in picture.arrows),
        "}",
    ]
    return "\n".join(lines) + "\n"


def png(picture: Picture, look: Look) -> bytes:
    """The picture as Graphviz draws it. Raises UnsupportedError where it is not installed, ExportError where it fails."""
    program = shutil.which("dot")
    if program is None:
        raise UnsupportedError("a .png takes Graphviz's program `dot`, which is not installed: install graphviz, or choose .svg")
    try:
        done = subprocess.run([program, "-Tpng"], input=dot(picture, look).encode(), capture_output=True, timeout=SECONDS, check=True)
    except (subprocess.SubprocessError, OSError) as error:
        raise ExportError(f"Graphviz could not draw the .png ({error}): choose .svg") from error
    return done.stdout


def _parts(parts: Sequence[Box | Frame], look: Look, ids: Mapping[Key, str], indent: str) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Box):
            colour = FAMILIES.get(part.family, FAMILIES["layer"])
            more = ", peripheries=2" if part.family == "model" else ""
            yield f'{indent}{ids[part.key]} [label={_label(part, look)}, fillcolor="{colour.fill}", color="{colour.line}"{more}]'
            continue
        first = next(ids[box.key] for box in Picture("", part.parts, ()).boxes())
        yield f"{indent}subgraph cluster_{first} {{"
        frame = FAMILIES["model"].line
        title = f"<b>{_escaped(part.name)}</b> ({_escaped(part.class_name)})"
        yield f'{indent}  graph [label=<{title}>, labeljust=l, style="rounded,dashed", color="{frame}", fontname=Helvetica]'
        yield from _parts(part.parts, look, ids, indent + "  ")
        yield f"{indent}}}"


def _label(box: Box, look: Look) -> str:
    """The class and the name; as a table, where there are more rows."""
    label = Label.of(box, look)
    head = [f"<b>{_escaped(label.title)}</b>", *(_escaped(line) for line in label.name)]
    if not label.rows and not label.mark:
        return f"<{'<br/>'.join(head)}>"
    rows = [f'<tr><td colspan="2">{"<br/>".join(head)}</td></tr>']
    for word, values in label.rows:
        lines = "".join(f'{_escaped(value)}<br align="left"/>' for value in values)
        rows.append(f'<tr><td align="left">{word}</td><td align="left">{lines}</td></tr>')
    if label.mark:
        rows.append(f'<tr><td colspan="2"><b>{label.mark}</b></td></tr>')
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="2">{"".join(rows)}</table>>'


def _edge(arrow: Arrow) -> str:
    colour = arrow_colour(arrow)
    labels = [f'{kind}="{text}"' for kind, text in zip(("taillabel", "headlabel"), arrow_labels(arrow), strict=True) if text]
    return ", ".join([f'color="{colour}"', *([*labels, f'fontcolor="{colour}", labeldistance=1.6'] if labels else [])])


def _escaped(text: str) -> str:
    return escape(plain(text))


def _quoted(text: str) -> str:
    escaped = plain(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
