"""The table of layers as text: for spreadsheets, pages and papers."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence

import attrs

from explorer.core.analysis.report import LayerReport, Report, analyze
from explorer.core.analysis.tables import headings, layer_texts, notes, total_texts
from explorer.core.families import Architecture
from explorer.core.formatting import printable
from explorer.core.network.tracing import trace

#: What a spreadsheet would take for the start of a formula.
_FORMULA = ("=", "+", "-", "@")
_MARKDOWN = re.compile(r"[\\`*<>\[\]|&~$#!]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "×": r"$\times$",
    "≥": r"$\geq$",
}


def as_csv(architecture: Architecture, input_shape: Sequence[int]) -> str:
    """Return every layer's figures, one image's, as comma-separated values.

    The columns are those of `Report.to_pandas`: plain numbers, bytes and pixels; sizes as in
    "256x256x16"; empty where something is not known.

    Args:
        architecture: The architecture.
        input_shape: `(height, width, channels)` of the input.
    """
    rows = analyze(trace(architecture, input_shape)).layers
    heads = [field.name for field in attrs.fields(LayerReport)]
    return csv_text([heads, *(attrs.astuple(row, recurse=False) for row in rows)])


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Return rows as comma-separated values; no text is taken for a formula by a spreadsheet."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(map(_csv_cell, row) for row in rows)
    return text.getvalue()


def _csv_cell(value: object) -> object:
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    if isinstance(value, str):
        text = printable(value)
        return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
    return value


def as_markdown(architecture: Architecture, input_shape: Sequence[int]) -> str:
    """Return every layer's figures, and the totals, as a table in Markdown.

    Args:
        architecture: The architecture.
        input_shape: `(height, width, channels)` of the input.
    """
    return report_markdown(analyze(trace(architecture, input_shape)))


def report_markdown(report: Report) -> str:
    """Return a report's layers, and its totals, as a table in Markdown."""
    rows = [_cells(texts, in_markdown) for texts in (headings(), *layer_texts(report))]
    totals = [f"**{cell}**" if cell else "" for cell in _cells(total_texts(report), in_markdown)]
    sides = [":--" if place < 2 else "--:" for place in range(len(headings()))]
    lines = [rows[0], sides, *rows[1:], totals]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"{table}\n\n{notes(report)}\n"


def in_markdown(text: str) -> str:
    """Return text as Markdown in which it stays text."""
    return _MARKDOWN.sub(lambda found: f"\\{found[0]}", text)


def as_latex(architecture: Architecture, input_shape: Sequence[int]) -> str:
    """Return every layer's figures, and the totals, as a table in LaTeX, which may break on pages.

    Args:
        architecture: The architecture.
        input_shape: `(height, width, channels)` of the input.
    """
    graph = trace(architecture, input_shape)
    report = analyze(graph)
    rows = [_latex_row(texts) for texts in layer_texts(report)]
    name = _in_latex(printable(graph.name))
    columns = "ll" + "r" * (len(headings()) - 2)
    return "\n".join(
        [
            r"% Needs \usepackage{booktabs,longtable}.",
            rf"\begin{{longtable}}{{{columns}}}",
            rf"\caption{{Layers of {name}. {_in_latex(notes(report))}}}\\",
            r"\toprule",
            _latex_row(headings()),
            r"\midrule",
            r"\endhead",
            *rows,
            r"\midrule",
            _latex_row(total_texts(report)),
            r"\bottomrule",
            r"\end{longtable}",
            "",
        ]
    )


def _latex_row(texts: Sequence[str]) -> str:
    return " & ".join(_cells(texts, _in_latex)) + r" \\"


def _in_latex(text: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in text)


def _cells(texts: Sequence[str], escaped: Callable[[str], str]) -> list[str]:
    return [escaped(printable(text)) for text in texts]
