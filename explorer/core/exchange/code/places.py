"""Which lines of code tell of which blocks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

from explorer.core.network.graph import Graph, Node
from explorer.core.network.names import block_id

Write = TypeVar("Write", bound=Callable[..., list[str]])

#: Places of lines by `block_id`, those that are of that block in the first place before others.
Places = Mapping[str, tuple[int, ...]]


class Line(str):
    """A line of code, and the blocks of which it says something.

    Attributes:
        blocks: What selects them.
        is_shared: Whether it says what such blocks do, not which there are.
    """

    blocks: frozenset[str]
    is_shared: bool

    @classmethod
    def of(cls, text: str, nodes: Iterable[Node], is_shared: bool = False) -> "Line":
        """Return a line that is about layers of blocks."""
        line = cls(text)
        line.blocks, line.is_shared = frozenset(map(block_id, nodes)), is_shared
        return line


def placed(write: Write) -> Write:
    """Have lines know of which blocks they are, where a function writes those of units.

    Its first argument has them, as `units`, or in `steps`.
    """

    @wraps(write)
    def written(subject: Any, *given: Any, **options: Any) -> list[str]:
        is_shared = hasattr(subject, "units")
        units = subject.units if is_shared else [step.unit for step in subject.steps]
        nodes = [node for unit in units for node in unit.nodes]
        lines = write(subject, *given, **options)
        return [Line.of(line, nodes, is_shared) if line else line for line in lines]

    return cast(Write, written)


def places_in(lines: Sequence[str], graph: Graph) -> Places:
    """Return where code tells of each block; of stacks that a loop makes, it tells once."""
    own: dict[str, list[int]] = {}
    shared: dict[str, list[int]] = {}
    for place, line in enumerate(lines):
        if isinstance(line, Line):
            for block in line.blocks:
                (shared if line.is_shared else own).setdefault(block, []).append(place)
    found = {}
    for node in graph:
        block = first = block_id(node)
        stack = node.block.stack if node.block else None
        if block not in own and stack:
            first = block.replace(f"stack{stack}_", "stack0_", 1)
        found[block] = (*own.get(first, ()), *shared.get(block, shared.get(first, ())))
    return {block: places for block, places in found.items() if places}
