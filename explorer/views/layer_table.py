"""Every layer's figures in a table that sorts in the browser."""

from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from explorer.formatting import printable
from explorer.graph import Stride
from explorer.scene import Scene
from explorer.selection import layer_id
from explorer.views.modules import module
from explorer.views.tab_view import TabView


class LayerTable(anywidget.AnyWidget, TabView):
    """Shows the rows of a report.

    Attributes:
        rows: For each layer: name, kind, shape, stride, parameters, MACs, memory in bytes,
            receptive field (a pair, or None), and its time in seconds (or None).
        ids: What selects each layer.
        total: The last row: parameters, MACs, peak memory in bytes, whether all MACs are
            known, and whether all times are.
        whole: Sum of the layers' times in seconds, or 0 while no times are shown.
        selected: Those of the ids whose layers are selected.
    """

    _esm = module("layer_table.js")

    rows: Any = traitlets.List().tag(sync=True)
    ids: Any = traitlets.List().tag(sync=True)
    total: Any = traitlets.List().tag(sync=True)
    whole: Any = traitlets.Float().tag(sync=True)
    selected: Any = traitlets.List().tag(sync=True)

    def __init__(self, select: Callable[[str], None]) -> None:
        """Make the view.

        Args:
            select: Called with the selection that the user made.
        """
        super().__init__()
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
        report = scene.design.report
        self.rows = [
            [
                printable(row.name),
                printable(row.kind),
                list(row.shape),
                _steps(row.stride),
                row.params,
                row.macs,
                row.memory_bytes,
                row.receptive_field and list(row.receptive_field),
                scene.times.get(row.name),
            ]
            for row in report.layers
        ]
        self.ids = [layer_id(node) for node in scene.graph]
        self.total = [
            report.total_params,
            report.macs,
            report.peak_memory_bytes,
            report.macs_are_known,
            all(node.name in scene.times for node in scene.graph if node.inputs),
        ]
        self.whole = float(sum(scene.times.values()))


def _steps(stride: Stride) -> float | list[float] | None:
    """Return a stride in JSON's types."""
    if isinstance(stride, tuple):
        return [float(step) for step in stride]
    return None if stride is None else float(stride)
