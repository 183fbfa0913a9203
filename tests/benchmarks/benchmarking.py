"""What the benchmarks share: the way to beat, statistics, and tables."""

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any


def draw_layers(model: Any) -> tuple[str, str]:
    """What a notebook does without the explorer: a node per layer, and a line on each.

    Returns:
        The drawing as SVG, and the table.
    """
    import pygraphviz

    lines = ["digraph {", "node [shape=box]"]
    rows = []
    for layer in model.layers:
        output = layer.output[0] if isinstance(layer.output, list) else layer.output
        label = f"{layer.name}\\n{type(layer).__name__}\\n{output.shape}"
        lines.append(f'"{layer.name}" [label="{label}"]')
        for node in layer._inbound_nodes:
            lines += [
                f'"{parent.operation.name}" -> "{layer.name}"' for parent in node.parent_nodes
            ]
        rows.append(f"{layer.name}: {output.shape}, {layer.count_params()} parameters")
    rows.append(f"{model.count_params()} parameters in all")
    svg = pygraphviz.AGraph(string="\n".join([*lines, "}"])).draw(format="svg", prog="dot")
    return svg.decode(), "\n".join(rows)


@dataclass
class Row:
    """A measurement of the explorer against the same done by hand.

    Attributes:
        name: What was measured.
        unit: "ms", "s" or "MiB".
        explorer: The explorer's values.
        by_hand: The values without it.
        aim: What the explorer is to stay under, or None.
        judged: "median" or "p95": which of its figures is compared with the aim.
    """

    name: str
    unit: str
    explorer: Sequence[float]
    by_hand: Sequence[float]
    aim: float | None = None
    judged: str = "median"

    def cells(self) -> list[str]:
        middle, other = median(self.explorer), median(self.by_hand)
        figure = middle if self.judged == "median" else p95(self.explorer)
        aim = "" if self.aim is None else f"{self.judged} < {self.aim:g}"
        return [
            f"{self.name} [{self.unit}]",
            f"{middle:.3g}",
            f"{p95(self.explorer):.3g}",
            str(len(self.explorer)),
            f"{other:.4g}",
            f"{p95(self.by_hand):.4g}",
            str(len(self.by_hand)),
            f"{other / middle:.3g}",
            aim,
            "" if self.aim is None else "reached" if figure < self.aim else "missed",
        ]


HEAD = ["", "explorer", "p95", "n", "by hand", "p95", "n", "ratio", "aim", ""]


def print_table(rows: Sequence[Row]) -> None:
    """Print medians, 95th percentiles, numbers of measurements and the ratio of the medians."""
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        first, *others = (cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join([first.strip().ljust(widths[0]), *others]).rstrip())


def print_machine() -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"Python {platform.python_version()}, {platform.system()}, {cores} cores")


def p95(values: Sequence[float]) -> float:
    """The value that 95 of 100 don't exceed."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(0.95 * len(ranked)))]


def milliseconds(work: Callable[[], Any]) -> float:
    """How long a call takes."""
    start = perf_counter()
    work()
    return 1000 * (perf_counter() - start)
