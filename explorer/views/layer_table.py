"""Every layer's figures in a table that sorts in the browser."""

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from explorer.analysis import Report


class LayerTable(anywidget.AnyWidget):
    """Shows the rows of a report.

    Attributes:
        rows: For each layer: name, kind, shape, stride, parameters, MACs, memory in bytes,
            receptive field (a pair, or None).
        total: The last row: parameters, MACs, peak memory in bytes.
    """

    _esm = Path(__file__).parent / "layer_table.js"

    rows: Any = traitlets.List().tag(sync=True)
    total: Any = traitlets.List().tag(sync=True)

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
                ]
                for row in report.layers
            ]
            self.total = [report.total_params, report.macs, report.peak_memory_bytes]
