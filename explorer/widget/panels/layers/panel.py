"""Every layer's figures in a table that sorts in the browser."""

from collections.abc import Callable
from pathlib import Path

from explorer.core.analysis.quantities import QUANTITIES, Quantity, Total
from explorer.core.editing.snapshot import Scene
from explorer.core.formatting import printable
from explorer.core.network.graph import Stride
from explorer.core.network.names import block_id, layer_id
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import LayerQuantity, LayerRow, LayerTotal, Select
from explorer.widget.panels.tab_view import TabView


class LayerTable(FrontWidget, TabView):
    """Shows the rows of a report.

    Attributes:
        quantities: Those that have a column.
        rows: The layers, in the order of the network.
        totals: Of each quantity, by name, what the network has; of one that is measured, the sum
            over the layers.
        selected: Ids of the rows whose layers are selected.
    """

    _esm = module(Path(__file__).with_name("panel.js"), "hover")

    sends = Select

    quantities = shared(tuple[LayerQuantity, ...], ())
    rows = shared(tuple[LayerRow, ...], ())
    totals = shared(dict[str, LayerTotal], {})
    selected = shared(tuple[str, ...], ())

    def __init__(self, select: Callable[[str], None]) -> None:
        """Make the view.

        Args:
            select: Called with the selection that the user made.
        """
        # What is measured stands last: it is only there once it was.
        self._quantities = sorted(QUANTITIES.values(), key=lambda quantity: quantity.is_measured)
        super().__init__(quantities=tuple(map(_column, self._quantities)))
        self._shown: object = None
        self.on_sent(lambda message, _: select(message.select))

    def show(self, scene: Scene) -> None:
        """Show the layers of a scene, and which are selected."""
        with self.hold_sync():
            shown = scene.design, scene.times
            if shown != self._shown:
                self._show_rows(scene)
                self._shown = shown  # at last: what is broken off is shown again
            self.selected = self.marked(scene)["selected"]

    @staticmethod
    def marked(scene: Scene) -> dict[str, tuple[str, ...]]:
        """Return the traits that a scene's selection decides."""
        return {"selected": tuple(map(layer_id, scene.nodes))}

    def _show_rows(self, scene: Scene) -> None:
        report, times = scene.design.report, scene.times
        names = [quantity.name for quantity in self._quantities]
        columns = [quantity.values(report.layers, times) for quantity in self._quantities]
        self.rows = tuple(
            LayerRow(
                id=layer_id(node),
                block=block_id(node),
                name=printable(row.name),
                kind=printable(row.kind),
                shape=row.shape,
                stride=_steps(row.stride),
                receptive_field=row.receptive_field,
                figures=dict(zip(names, figures, strict=True)),
            )
            for node, row, figures in zip(
                scene.graph, report.layers, zip(*columns, strict=True), strict=True
            )
        )
        totals = [
            Total.of(column) if quantity.is_measured else quantity.in_network(report)
            for quantity, column in zip(self._quantities, columns, strict=True)
        ]
        self.totals = {
            name: LayerTotal(total.value, total.is_all)
            for name, total in zip(names, totals, strict=True)
        }


def _column(quantity: Quantity) -> LayerQuantity:
    """Return what the browser makes a quantity's column from."""
    return LayerQuantity(
        name=quantity.name,
        title=quantity.doc,
        unit=quantity.unit,
        in_full=quantity.in_full,
        prefix=quantity.prefix,
        is_measured=quantity.is_measured,
    )


def _steps(stride: Stride) -> float | tuple[float, ...] | None:
    """Return a stride in JSON's types."""
    if isinstance(stride, tuple):
        return tuple(map(float, stride))
    return None if stride is None else float(stride)
