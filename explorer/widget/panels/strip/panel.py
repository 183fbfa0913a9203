"""The network along its depth: how large its features are, and what is in memory meanwhile."""

from collections.abc import Callable
from pathlib import Path

from explorer.core.drawing.palette import LIGHT
from explorer.core.editing.snapshot import Scene
from explorer.core.formatting import byte_size, counted, printable, size_text
from explorer.core.network.graph import channels_of, height_of
from explorer.core.network.names import block_id
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import Select, StripStep
from explorer.widget.panels.charts.data import ChartData
from explorer.widget.panels.charts.steps import Step

#: Most layers that have a bar each; of more, blocks have one.
MOST_BARS = 120


class Strip(FrontWidget):
    """A bar for each layer, or each block of a long network, in the order of the data's way.

    Attributes:
        steps: What has a bar.
        selected: Ids of those that have a selected layer.
    """

    _esm = module(Path(__file__).with_name("panel.js"), "hover")
    _css = Path(__file__).with_name("panel.css")
    sends = Select

    steps = shared(tuple[StripStep, ...], ())
    selected = shared(tuple[str, ...], ())

    def __init__(self, select: Callable[[str], None], **options: object) -> None:
        """Make the view.

        Args:
            select: Called with the selection that the user made.
            **options: Of the widget.
        """
        super().__init__(**options)
        self._data: ChartData | None = None
        self.on_sent(lambda message, _: select(message.select))

    def show(self, scene: Scene) -> None:
        """Show the network of a scene, and what is selected in it."""
        data = self._data
        with self.hold_sync():
            if data is None or data.design is not scene.design:
                data = ChartData(scene.design, by_block=len(scene.graph) > MOST_BARS)
                self.steps = tuple(_step(data, place) for place in range(len(data.steps)))
            self.selected = _marked(data, scene)
        self._data = data  # at last: what is broken off is shown again

    def marked(self, scene: Scene) -> dict[str, tuple[str, ...]]:
        """Return the traits that a scene's selection decides; its design is the one shown."""
        return {"selected": _marked(self._data, scene) if self._data else ()}


def _marked(data: ChartData, scene: Scene) -> tuple[str, ...]:
    places = {data.place[node] for node in scene.nodes}
    return tuple(data.steps[place].selection for place in sorted(places))


def _step(data: ChartData, place: int) -> StripStep:
    step, point = data.steps[place], data.memory[place]
    output = step.nodes[-1]
    total, held = data.bytes(point.total_bytes), data.bytes(point.held_bytes)
    memory = f"{byte_size(total)} of features in memory in a forward pass"
    if held:
        memory += f", {byte_size(held)} of it held for later"
    return StripStep(
        id=step.selection,
        block=block_id(output),
        text=f"{step.name}\n{_shape(step)}\n{memory}",
        colour=LIGHT.cards[step.role][0],
        height=height_of(output),
        channels=channels_of(output),
        total=total,
        held=held,
    )


def _shape(step: Step) -> str:
    layers = counted(len(step.nodes), "layer") + ", " if len(step.nodes) > 1 else ""
    return printable(f"{layers}output {size_text(step.nodes[-1].shape)}")
