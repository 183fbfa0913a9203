"""What the charts show of a design, in numbers and in words; how it is drawn stands in `charts`."""

from collections.abc import Iterable
from functools import cached_property
from html import escape
from itertools import groupby
from math import ceil, floor, log2, log10
from typing import Any

import attrs

from explorer.core.analysis.connections import wiring_of
from explorer.core.analysis.design import Design
from explorer.core.analysis.quantities import MEMORY, NO_TIMES, QUANTITIES, Quantity, Times, Total
from explorer.core.analysis.report import MemoryPoint
from explorer.core.drawing.palette import LIGHT
from explorer.core.formatting import byte_size, listed, printable
from explorer.core.network.graph import Node
from explorer.widget.panels.charts.steps import Step, steps_of

#: Most names along the horizontal axis.
MAX_LABELS = 32


@attrs.frozen(slots=False)
class ChartData:
    """What the three charts show of a design.

    Attributes:
        design: What they are about.
        times: Seconds of each layer, by name.
        measure: Name of the quantity in the first chart.
        by_block: Whether a step along the horizontal axis is a block instead of a layer.
    """

    design: Design
    times: Times = NO_TIMES
    measure: str = "parameters"
    by_block: bool = False

    @property
    def quantity(self) -> Quantity:
        """What the first chart shows."""
        return QUANTITIES[self.measure]

    @cached_property
    def steps(self) -> list[Step]:
        """What stands along the horizontal axis."""
        return steps_of(self.design.graph, self.by_block)

    @cached_property
    def place(self) -> dict[Node, int]:
        """The step that each layer belongs to."""
        return {node: i for i, step in enumerate(self.steps) for node in step.nodes}

    @cached_property
    def totals(self) -> list[Total]:
        """What is known of each step's figure, for the whole batch."""
        report, of = self.design.report, self.quantity
        rows = [[report[node.name] for node in step.nodes] for step in self.steps]
        totals = [of.total(step, self.times) for step in rows]
        if of.unit != "bytes":
            return totals
        return [attrs.evolve(total, value=self.bytes(total.value or 0)) for total in totals]

    @cached_property
    def values(self) -> list[float]:
        """The figure of each step, as far as it is known."""
        return [total.value or 0 for total in self.totals]

    @cached_property
    def memory(self) -> list[MemoryPoint]:
        """For each step what is in memory; for a block, at its layer that needs most."""
        at = {point.node: point for point in self.design.memory}
        return [
            max((at[node] for node in step.nodes), key=lambda point: point.total_bytes)
            for step in self.steps
        ]

    @cached_property
    def path(self) -> dict[int, Node]:
        """For each step on the longest path its last image there, in the path's order."""
        path = wiring_of(self.design.graph).longest_path()
        return {self.place[node]: node for node in path if len(node.shape) == 3}

    @cached_property
    def skips(self) -> list[tuple[Node, Node]]:
        """The skip connections: from, to."""
        found = wiring_of(self.design.graph).skips
        return [(skip.source, skip.join) for skip in found if len(skip.source.shape) == 3]

    @property
    def peak(self) -> MemoryPoint:
        """Where most is in memory."""
        return max(self.memory, key=lambda point: point.total_bytes)

    def peak_text(self) -> str:
        """Return the peak's size and where it is, for plotly's labels."""
        size = byte_size(self.bytes(self.peak.total_bytes))
        return f"{size}, {escape(printable(self.peak.node.name))}"

    def bytes(self, size: float) -> float:
        """Return a size for the whole batch, given that for one image."""
        return size * self.design.input.batch_size

    # In numbers.

    def traces(self) -> dict[str, dict[str, list[Any]]]:
        """Return each trace's points by the trace's name, as plotly wants them."""
        return self._bars() | self._areas() | self._curves()

    def _bars(self) -> dict[str, dict[str, list[Any]]]:
        quantity = self.quantity
        bars: dict[str, dict[str, list[Any]]] = {}
        for role in LIGHT.cards:
            places = [i for i, step in enumerate(self.steps) if step.role == role]
            bars[role] = {"x": places, "y": [self.values[i] for i in places]}
        bars["value"] = {
            "x": list(range(len(self.steps))),
            "y": self.values,
            "hovertext": [
                f"{step.heading}{total.written(quantity.full)}{quantity.suffix}<br>{step.summary}"
                for step, total in zip(self.steps, self.totals, strict=True)
            ],
        }
        return bars

    def _areas(self) -> dict[str, dict[str, list[Any]]]:
        count = len(self.steps)
        edges = [i - 0.5 for i in range(count + 1)]
        areas: dict[str, dict[str, list[Any]]] = {}
        for name, part in (("held", "held"), ("inputs", "input"), ("own", "own")):
            sizes = [self.bytes(getattr(point, f"{part}_bytes")) for point in self.memory]
            areas[name] = {"x": edges, "y": [*sizes, sizes[-1]]}
        areas["total"] = {
            "x": list(range(count)),
            "y": [self.bytes(point.total_bytes) for point in self.memory],
            "hovertext": list(map(self._memory_text, self.steps, self.memory)),
        }
        return areas

    def _memory_text(self, step: Step, point: MemoryPoint) -> str:
        total, own, inputs, held = (
            byte_size(self.bytes(size))
            for size in (point.total_bytes, point.own_bytes, point.input_bytes, point.held_bytes)
        )
        where = f" at {escape(printable(point.node.name))}" if self.by_block else ""
        return (
            f"{step.heading}{total} in memory{where}:<br>"
            f"output {own}, inputs {inputs}, held for later {held}"
        )

    def _curves(self) -> dict[str, dict[str, list[Any]]]:
        places = list(self.path)
        shapes = [node.shape for node in self.path.values()]
        heights = [shape[0] for shape in shapes]
        texts = [
            f"{self.steps[i].heading}{height} × {width} px, {channels:,} channels"
            for i, (height, width, channels) in zip(places, shapes, strict=True)
        ]
        ends = sorted({(self.place[a], self.place[b], a.shape[0]) for a, b in self.skips})
        return {
            "height": {"x": places, "y": heights},
            "channels": {"x": places, "y": [shape[2] for shape in shapes]},
            "skips": {
                "x": [x for start, end, _ in ends for x in (start, end, None)],
                "y": [y for *_, height in ends for y in (height, height, None)],
            },
            "size": {"x": places, "y": heights, "hovertext": texts},
        }

    def axes(self) -> dict[str, dict[str, Any]]:
        """Return each axis' range and ticks by the axis' name, as plotly wants them."""
        sizes = [size for node in self.path.values() for size in (node.shape[0], node.shape[2])]
        low, high = min(sizes, default=1), max(sizes, default=1)
        powers = range(floor(log2(low)), ceil(log2(high)) + 1, 1 + int(log2(high / low) / 8))
        labels = self._labels()
        return {
            "xaxis": {
                "range": [-0.5, len(self.steps) - 0.5],
                "tickvals": list(labels),
                "ticktext": list(labels.values()),
                # A name starts where its block does, or ends under its bar.
                "tickangle": -45 if self.by_block else 45,
            },
            "yaxis": _axis(max(self.values), self.quantity),
            "yaxis2": _axis(self.bytes(self.peak.total_bytes), MEMORY),
            "yaxis3": {
                "range": [log10(low) - 0.12, log10(high) + 0.12],
                "tickvals": [2**power for power in powers],
                "ticktext": [f"{2**power:,}" for power in powers],
            },
        }

    def _labels(self) -> dict[float, str]:
        """Return the blocks' names by where they begin (or stand), not too many."""
        title = wiring_of(self.design.graph).title_in_stack
        shift = 0.0 if self.by_block else 0.5
        gap = len(self.steps) / MAX_LABELS
        labels: dict[float, str] = {}
        last, seen = -gap, set()
        for i, step in enumerate(self.steps):
            block = step.nodes[0].block
            if block and block not in seen and i - last >= gap:
                labels[i - shift] = escape(title(step.nodes[0]))
                last = i
            seen.add(block)
        return labels

    def runs(self, nodes: Iterable[Node]) -> list[tuple[int, int]]:
        """Return the first and last step of each run of steps that have one of the layers."""
        places = sorted({self.place[node] for node in nodes})
        found = []
        for _, run in groupby(enumerate(places), key=lambda pair: pair[1] - pair[0]):
            of_run = [place for _, place in run]
            found.append((of_run[0], of_run[-1]))
        return found

    # In words.

    def titles(self) -> list[str]:
        """Return what each chart is called."""
        quantity = self.quantity
        steps = "by block" if self.by_block else "by layer"
        count = self.design.input.batch_size
        images = f", {count} images" if count > 1 else ""
        return [
            f"{quantity.title} {steps}{images if quantity.unit == 'bytes' else quantity.detail}",
            f"Features in memory {steps}{images}",
            f"Resolution and channels {steps}",
        ]

    def sentences(self) -> list[str]:
        """Return what each chart shows."""
        sentences = self._most_sentence(), self._memory_sentence(), self._size_sentence()
        return [printable(sentence) for sentence in sentences]

    def _most_sentence(self) -> str:
        quantity = self.quantity
        largest = sorted(zip(self.values, self.steps, strict=True), key=lambda pair: -pair[0])[:3]
        names = [step.name for value, step in largest if value]
        text = quantity.none
        if names:
            share = sum(value for value, _ in largest) / sum(self.values)
            whole = quantity.whole.format(quantity.short(sum(self.values)))
            text = f"{quantity.most} {listed(names)}: {share:.0%} of {whole}."
            # Nor is the whole known, of which this could be a share.
            if not all(total.is_all for total in self.totals):
                text = f"{quantity.most} {listed(names)}, as far as is known."
        rows = self.design.report.layers
        values = zip(rows, quantity.values(rows, self.times), strict=True)
        unknown = [row.name for row, value in values if value is None]
        if unknown and (names or not quantity.is_measured):
            more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
            text += f" Those of {listed(unknown[:3])}{more} are not known."
        return text

    def _memory_sentence(self) -> str:
        peak, graph = self.peak, self.design.graph
        total, held = (byte_size(self.bytes(size)) for size in (peak.total_bytes, peak.held_bytes))
        text = (
            f"Memory peaks at {total} in {peak.node.name}, {held if peak.held else 'none'} of it "
            "held for later layers."
        )
        most = max(self.memory, key=lambda point: point.held_bytes)
        if not most.held:
            return text
        report = self.design.report
        largest = max(most.held, key=lambda node: report[node.name].memory_bytes)
        size = byte_size(self.bytes(report[largest.name].memory_bytes))
        until = "to the end, as an output of the model"
        if largest not in graph.outputs:
            users = [node.name for node in graph if largest in node.inputs]
            until = f"until {users[-1]}"
        return (
            f"{text} Most is held while {most.node.name} runs, "
            f"{byte_size(self.bytes(most.held_bytes))}; the largest share is the output of "
            f"{largest.name}, {size}, held {until}."
        )

    def _size_sentence(self) -> str:
        if not self.path:
            return "No layer puts out an image."
        heights = [node.shape[0] for node in self.path.values()]
        channels = max(node.shape[2] for node in self.path.values())
        levels = sorted({source.shape[0] for source, _ in self.skips}, reverse=True)
        skips = "there are no skip connections"
        if levels:
            skips = f"skip connections bridge the depth at {listed(list(map(str, levels)))} px"
        return (
            f"The height goes from {heights[0]} px down to {min(heights)} px and ends at "
            f"{heights[-1]} px, with up to {channels:,} channels; {skips}."
        )


def _axis(largest: float, quantity: Quantity) -> dict[str, list[Any]]:
    """Return range and ticks from 0 to a bit more than the largest value."""
    ticks = _ticks(largest, quantity.unit == "bytes")
    return {
        "range": [0, 1.2 * largest or 1],
        "tickvals": ticks,
        "ticktext": [_short(quantity.short(tick)) for tick in ticks],
    }


def _ticks(largest: float, binary: bool) -> list[float]:
    """Return up to five round values from 0 to the largest."""
    if not largest:
        return []
    if binary:
        step = 2.0 ** ceil(log2(largest / 4))
    else:
        unit = 10.0 ** floor(log10(largest / 4))
        step = next(unit * factor for factor in (1, 2, 3, 5, 10) if unit * factor >= largest / 4)
    if isinstance(largest, int):  # a count has no parts
        step = max(step, 1)
    return [step * i for i in range(int(largest / step) + 1)]


def _short(text: str) -> str:
    """Return a number with its unit, without the zeros that end its decimals."""
    number, _, unit = text.partition(" ")
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return f"{number} {unit}".strip()
