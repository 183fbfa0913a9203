"""Reports as a notebook prints them: a line, or a table of the layers."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, SubElement, tostring

from explorer.core.analysis.quantities import Quantity, of_networks
from explorer.core.formatting import byte_size, counted, printable, size_text
from explorer.core.network.errors import Refusal

if TYPE_CHECKING:
    import pandas

    from explorer.core.analysis.report import LayerReport, Report

#: Most layers that a table lists.
MOST_ROWS = 60


def data_frame(rows: Sequence[Mapping[str, Any]]) -> "pandas.DataFrame":
    """Return rows as a data frame.

    Raises:
        Refusal: If pandas is not installed.
    """
    try:
        import pandas
    except ModuleNotFoundError as error:
        raise Refusal(
            "A data frame needs pandas, which this Python does not have: install that, or take the "
            "rows as they are."
        ) from error
    return pandas.DataFrame(rows)


def _counted() -> list[Quantity]:
    """Return what the tables count; the size of an output can be told from its shape."""
    return [quantity for quantity in of_networks() if quantity.unit == "count"]


def report_line(report: "Report") -> str:
    """Return a report's totals in a line."""
    counts = zip(_in_network(report), _counted(), strict=True)
    told = ", ".join(f"{text} {quantity.words}" for text, quantity in counts)
    field = "unknown" if report.receptive_field is None else size_text(report.receptive_field)
    return f"<Report: {counted(len(report.layers), 'layer')}, {told}, receptive field {field}>"


def report_html(report: "Report", title: str = "") -> str:
    """Return a report's layers and totals as HTML: see `report_table`."""
    return as_html(*report_table(report, title))


def report_table(report: "Report", title: str = "") -> tuple[Element, Element]:
    """Return a report's layers and totals as a table, and what its figures mean.

    A long table is cut in the middle. Besides styles, which some pages take away, it has attributes
    that say the same.

    Args:
        report: The report.
        title: What stands above it.
    """
    table = Element("table")
    if title:
        SubElement(table, "caption").text = printable(title)
    _add_cells(SubElement(table, "thead"), headings(), "th")
    body = SubElement(table, "tbody")
    rows = layer_texts(report)
    cut = len(rows) - MOST_ROWS
    last = MOST_ROWS // 3
    for texts in rows[: MOST_ROWS - last] if cut > 0 else rows:
        _add_cells(body, texts)
    if cut > 0:
        left_out = SubElement(SubElement(body, "tr"), "td", colspan=str(len(headings())))
        left_out.text = f"… and {cut:,} more layers …"
        for texts in rows[-last:]:
            _add_cells(body, texts)
    _add_cells(SubElement(table, "tfoot"), total_texts(report), "th")
    told = Element("p")
    told.text = notes(report)
    return table, told


def as_html(*elements: Element) -> str:
    """Return elements as HTML, in which text stays text."""
    return "".join(tostring(element, "unicode", "html") for element in elements)


def headings() -> Sequence[str]:
    """Return what stands above the columns; the first two are texts."""
    return "layer", "kind", "output", *(quantity.words for quantity in _counted()), "sees"


def layer_texts(report: "Report") -> list[Sequence[str]]:
    """Return a row for each layer."""
    rows = report.layers
    counts = (quantity.values(rows) for quantity in _counted())
    return [_of_layer(row, own) for row, *own in zip(rows, *counts, strict=True)]


def _of_layer(row: "LayerReport", counts: Sequence[float | None]) -> Sequence[str]:
    return (
        row.name,
        row.kind,
        size_text(row.shape),
        *("unknown" if count is None else f"{count:,}" for count in counts),
        "unknown" if row.receptive_field is None else size_text(row.receptive_field),
    )


def total_texts(report: "Report") -> Sequence[str]:
    """Return the row for the whole network."""
    field = report.receptive_field
    return (
        counted(len(report.layers), "layer"),
        "",
        ", ".join(map(size_text, report.output_shapes)),
        *_in_network(report),
        "unknown" if field is None else size_text(field),
    )


def _in_network(report: "Report") -> list[str]:
    return [quantity.in_network(report).written(quantity.full) for quantity in _counted()]


def notes(report: "Report") -> str:
    """Return what the figures mean."""
    frozen = report.total_params - report.trainable_params
    text = (
        f"{report.trainable_params:,} parameters are trainable, {frozen:,} are not. For one image; "
        f"peak memory {byte_size(report.peak_memory_bytes)} in float32. The last column: how many "
        "input pixels an output pixel sees at most."
    )
    for quantity in _counted():
        if not quantity.in_network(report).is_all:
            text += f" The {quantity.words} of some layers are not known: "
            text += "there are at least so many."
    return text


def _add_cells(parent: Element, texts: Sequence[str], tag: str = "td") -> None:
    """Add a row to a table: names to the left, numbers to the right."""
    row = SubElement(parent, "tr")
    for text, side in zip_longest(texts, ("left", "left"), fillvalue="right"):
        SubElement(row, tag, align=side, style=f"text-align: {side}").text = printable(text)
