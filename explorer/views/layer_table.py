"""Every layer's figures in a table that sorts in the browser."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from explorer.analysis import Report

if TYPE_CHECKING:
    from explorer.timing import LayerTimes


class LayerTable(anywidget.AnyWidget):
    """Shows the rows of a report.

    Attributes:
        rows: For each layer: name, kind, shape, stride, parameters, MACs, memory in bytes,
            receptive field (a pair, or None), and its time in seconds (or None).
        total: The last row: parameters, MACs, peak memory in bytes.
        whole: Time of the whole model in seconds, or 0 while no times are shown.
    """

    _esm = Path(__file__).parent / "layer_table.js"

    rows: Any = traitlets.List().tag(sync=True)
    total: Any = traitlets.List().tag(sync=True)
    whole: Any = traitlets.Float().tag(sync=True)

    def show(self, report: Report) -> None:
        """Show a report."""
        with self.hold_sync():
            self.rows = [
                [
                    row.name,
                    row.kind,
                    list(row.shape),
                    float(row.stride),
                    row.params,
                    row.macs,
                    row.memory_bytes,
                    row.receptive_field and list(row.receptive_field),
                    None,
                ]
                for row in report.layers
            ]
            self.total = [report.total_params, report.macs, report.peak_memory_bytes]
            self.whole = 0.0

    def show_times(self, times: "LayerTimes") -> None:
        """Add each layer's time to the report shown."""
        seconds = {layer.name: layer.seconds for layer in times.layers}
        with self.hold_sync():
            self.rows = [[*row[:-1], seconds.get(row[0])] for row in self.rows]
            self.whole = times.whole
