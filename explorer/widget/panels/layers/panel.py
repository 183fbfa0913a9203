"""Every layer's figures in a table that sorts in the browser."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from explorer.core.analysis.quantities import QUANTITIES, Quantity, Total
from explorer.core.editing.snapshot import Scene
from explorer.core.formatting import printable
from explorer.core.network.graph import Stride
from explorer.core.network.names import layer_id
from explorer.widget.front.modules import module
from explorer.widget.panels.tab_view import TabView


class LayerTable(anywidget.AnyWidget, TabView):
    """Shows the rows of a report.

    Attributes:
        quantities: Those that have a column: label, title, unit, whether their counts are written
            with all digits, what precedes the total, and whether they are measured.
        rows: For each layer: name, kind, shape, stride, what it has of the quantities that are
            computed, receptive field (a pair, or None), and of those that are measured (or None).
        ids: What selects each layer.
        totals: Of each quantity what the network has, and whether that is all; of one that is
            measured, the sum over the layers.
        selected: Those of the ids whose layers are selected.
    """

    _esm = module(Path(__file__).with_name("panel.js"))

    quantities: Any = traitlets.List().tag(sync=True)
    rows: Any = traitlets.List().tag(sync=True)
    ids: Any = traitlets.List().tag(sync=True)
    totals: Any = traitlets.List().tag(sync=True)
    selected: Any = traitlets.List().tag(sync=True)

    def __init__(self, select: Callable[[str], None]) -> None:
        """Make the view.

        Args:
            select: Called with the selection that the user made.
        """
        # What is measured stands last: it is only there once it was.
        self._quantities = sorted(QUANTITIES.values(), key=lambda quantity: quantity.is_measured)
        super().__init__(quantities=[_column(quantity) for quantity in self._quantities])
        self._shown: object = None
        self.on_msg(lambda _, message, __: select(str(message["select"])))

    def show(self, scene: Scene) -> None:
        """Show the layers of a scene, and which are selected."""
        with self.hold_sync():
            shown = scene.design, scene.times
            if shown != self._shown:
                self._show_rows(scene)
                self._shown = shown  # at last: what is broken off is shown again
            self.selected = [layer_id(node) for node in scene.nodes]

    def _show_rows(self, scene: Scene) -> None:
        report, times = scene.design.report, scene.times
        rows = report.layers
        columns = [quantity.values(rows, times) for quantity in self._quantities]
        computed = sum(not quantity.is_measured for quantity in self._quantities)
        self.rows = [
            list(cells)
            for cells in zip(
                [printable(row.name) for row in rows],
                [printable(row.kind) for row in rows],
                [list(row.shape) for row in rows],
                [_steps(row.stride) for row in rows],
                *columns[:computed],
                [row.receptive_field and list(row.receptive_field) for row in rows],
                *columns[computed:],
                strict=True,
            )
        ]
        self.ids = [layer_id(node) for node in scene.graph]
        totals = [
            Total.of(column) if quantity.is_measured else quantity.in_network(report)
            for quantity, column in zip(self._quantities, columns, strict=True)
        ]
        self.totals = [[total.value, total.is_all] for total in totals]


def _column(quantity: Quantity) -> dict[str, str | bool]:
    """Return what the browser makes a quantity's column from."""
    return {
        "label": quantity.name,
        "title": quantity.doc,
        "unit": quantity.unit,
        "inFull": quantity.in_full,
        "prefix": quantity.prefix,
        "isMeasured": quantity.is_measured,
    }


def _steps(stride: Stride) -> float | list[float] | None:
    """Return a stride in JSON's types."""
    if isinstance(stride, tuple):
        return [float(step) for step in stride]
    return None if stride is None else float(stride)
