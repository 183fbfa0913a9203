"""What the layers of a block do, in as few lines as its box of the diagram has room for."""

import re
from collections.abc import Sequence

from explorer.core.network.graph import Node

#: Longest sequence of steps whose repetition is written once.
MAX_FOLD = 8
INDENT = "\N{NO-BREAK SPACE}" * 4


def summaries(nodes: Sequence[Node], channels: int | None = None) -> list[str]:
    """Return a line for each step of a block; a repeated step has one line with its count.

    Args:
        nodes: The layers.
        channels: A number of channels that is told already, and not in each line again.
    """
    told = re.compile(rf", {channels}(?=,| →|$)")
    steps: list[str] = []
    step_of: dict[Node, int] = {}
    for node in nodes:
        text = told.sub("", node.layer.summary, count=1)
        follows = step_of.get(node.inputs[0]) if node.inputs else None
        if follows is not None and node.layer.follows:
            steps[follows] += f" → {text}"
            step_of[node] = follows
        else:
            step_of[node] = len(steps)
            steps.append(text)
    return _folded(steps)


def _folded(steps: Sequence[str]) -> list[str]:
    """Return the steps with what follows itself written once, with its count."""
    lines: list[str] = []
    at = 0
    while at < len(steps):
        length, count = _best_fold(steps, at)
        # A repetition that can as well begin one step later does: it then ends with the block.
        if count == 1 or _best_fold(steps, at + 1) == (length, count):
            lines.append(steps[at])
            at += 1
            continue
        repeated = steps[at : at + length]
        if length == 1:
            lines.append(f"{count} × {repeated[0]}")
        else:
            lines += [f"{count} times:", *(f"{INDENT}{step}" for step in repeated)]
        at += length * count
    return lines


def _best_fold(steps: Sequence[str], at: int) -> tuple[int, int]:
    """Return the length and the count of the repetition from a place on that saves most lines."""
    return max(
        ((length, _repeats(steps, at, length)) for length in range(1, MAX_FOLD + 1)),
        key=lambda found: (found[0] * (found[1] - 1), -found[0]),
    )


def _repeats(steps: Sequence[str], at: int, length: int) -> int:
    """Return how often the steps from a place on, of a length, follow each other."""
    count = 1
    first = steps[at : at + length]
    while steps[at + count * length : at + (count + 1) * length] == first:
        count += 1
    return count
