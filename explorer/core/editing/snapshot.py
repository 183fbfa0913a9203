"""What a view is shown: the design, what is selected in it, and what was measured of it."""

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType

import attrs

from explorer.core.analysis.design import Design
from explorer.core.analysis.device_profile import DeviceProfile
from explorer.core.network.graph import Graph, Node
from explorer.core.network.names import nodes_of


@attrs.frozen(slots=False)
class Scene:
    """What all views show together.

    Attributes:
        design: The architecture with its input.
        selected: What is selected, as `explorer.core.network.names` names it; may name nothing.
        times: Median seconds of each layer, by name; empty while they are not measured.
        whole_time: Median seconds of the whole model in the same measurement, or 0.
        begins: Whether it is another subject, and no edit of what was shown before.
        profile: Of the device that times are told for, if one is known.
    """

    design: Design
    selected: str = ""
    times: Mapping[str, float] = MappingProxyType({})
    whole_time: float = 0.0
    begins: bool = False
    profile: DeviceProfile | None = None

    @property
    def graph(self) -> Graph:
        """The layers of the design."""
        return self.design.graph

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The selected layers in the graph's order; empty if nothing is."""
        return nodes_of(self.graph, self.selected)

    @property
    def node(self) -> Node | None:
        """The selected layer, or the one that returns the selected block's output."""
        return self.nodes[-1] if self.nodes else None
