"""Reports as a notebook prints them: a line, or a table of the layers."""

from collections.abc import Sequence
from html import escape
from itertools import zip_longest
from typing import TYPE_CHECKING

from explorer.formatting import at_least, byte_size, size_text

if TYPE_CHECKING:
    from explorer.analysis import LayerReport, Report

#: Most layers that a table lists.
MOST_ROWS = 60

_HEADINGS = ("layer", "kind", "output", "parameters", "multiply-adds", "sees")


def report_line(report: "Report") -> str:
    """Return a report's totals in a line."""
    count = len(report.layers)
    macs = at_least(f"{report.macs:,}", report.macs_are_known)
    field = "unknown" if report.receptive_field is None else size_text(report.receptive_field)
    return (
        f"<Report: {count:,} layer{'' if count == 1 else 's'}, {report.total_params:,} parameters, "
        f"{macs} multiply-adds, receptive field {field}>"
    )


def report_html(report: "Report", title: str = "") -> str:
    """Return a report's layers and totals as an HTML table; a long one is cut in the middle.

    Args:
        report: The report.
        title: What stands above it, not yet escaped.
    """
    rows = list(report.layers)
    cut = len(rows) - MOST_ROWS
    lines = [_cells(_of_layer(row)) for row in rows]
    if cut > 0:
        last = MOST_ROWS // 3
        left_out = f'<tr><td colspan="{len(_HEADINGS)}">… and {cut:,} more layers …</td></tr>'
        lines = [*lines[: MOST_ROWS - last], left_out, *lines[-last:]]
    heading = _cells(_HEADINGS, "th")
    caption = f"<caption>{escape(title)}</caption>" if title else ""
    return (
        f"<table>{caption}<thead>{heading}</thead><tbody>{''.join(lines)}</tbody>"
        f"<tfoot>{_cells(_totals(report), 'th')}</tfoot></table>"
        f"<p>{escape(_notes(report))}</p>"
    )


def _of_layer(row: "LayerReport") -> Sequence[str]:
    return (
        row.name,
        row.kind,
        size_text(row.shape),
        f"{row.params:,}",
        "unknown" if row.macs is None else f"{row.macs:,}",
        "unknown" if row.receptive_field is None else size_text(row.receptive_field),
    )


def _totals(report: "Report") -> Sequence[str]:
    count = len(report.layers)
    field = report.receptive_field
    return (
        f"{count:,} layer{'' if count == 1 else 's'}",
        "",
        ", ".join(map(size_text, report.output_shapes)),
        f"{report.total_params:,}",
        at_least(f"{report.macs:,}", report.macs_are_known),
        "unknown" if field is None else size_text(field),
    )


def _notes(report: "Report") -> str:
    frozen = report.total_params - report.trainable_params
    text = (
        f"{report.trainable_params:,} parameters are trainable, {frozen:,} are not. For one image; "
        f"peak memory {byte_size(report.peak_memory_bytes)} in float32. The last column: how many "
        "input pixels an output pixel sees at most."
    )
    if not report.macs_are_known:
        text += " The multiply-adds of some layers are not known: there are at least so many."
    return text


def _cells(texts: Sequence[str], tag: str = "td") -> str:
    """Return a row of a table: names to the left, numbers to the right."""
    sides = ("left", "left")
    return (
        "<tr>"
        + "".join(
            f'<{tag} style="text-align: {side}">{escape(text)}</{tag}>'
            for text, side in zip_longest(texts, sides, fillvalue="right")
        )
        + "</tr>"
    )
