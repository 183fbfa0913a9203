"""Drawing steps until their answers tell how they were found."""

from collections.abc import Callable
from functools import wraps
from itertools import combinations
from math import ceil, floor, log2, log10
from random import Random
from typing import Any

import attrs

from explorer.core.analysis.budgets import MEASURES
from explorer.core.analysis.design import Design, Input
from explorer.core.network.graph import Node
from explorer.core.network.layers import Layer
from explorer.lessons.plan import MOST_DRAWS, Draw, Step
from explorer.lessons.questions import NumberQuestion


def given(design: Design, **changes: Any) -> Design:
    """Return a design with other fields of its input."""
    return attrs.evolve(design, input=attrs.evolve(design.input, **changes))


def of_kind(design: Design, kind: type[Layer]) -> list[Node]:
    """Return the layers of a kind, in the graph's order."""
    return [node for node in design.graph if isinstance(node.layer, kind)]


def in_decoder(design: Design, index: int, kind: type) -> list[Node]:
    """Return the layers of a kind in a block of the first stack's decoder."""
    return [
        node
        for node in of_kind(design, kind)
        if node.block and (node.block.role, node.block.index) == ("decoder", index)
    ]


def field_of(design: Design, node: Node | None = None) -> int:
    """Return the side of a layer's receptive field, in px; without one, of the output's."""
    name = (node or design.graph.outputs[-1]).name
    field = design.report[name].receptive_field
    assert field  # it is known of all layers here
    return min(field)


def limit(example: Design, measure: str, random: Random, room: float) -> float:
    """Return a limit that an example keeps to, as it is written: with three digits.

    Args:
        example: The design.
        measure: What is limited; see `explorer.core.analysis.budgets.MEASURES`.
        random: Draws how much more than the example has is allowed.
        room: By which factor at most.
    """
    value = MEASURES[measure].of(example)
    assert value
    unit = 1024 ** (int(log2(value)) // 10) if measure == "memory" else 1
    wanted = value * random.uniform(1, room) / unit
    step = 10.0 ** (floor(log10(wanted)) - 2)
    return ceil(wanted / step - 1e-9) * step * unit


def drawn_image(random: Random, multiple: int, least: int, most: int, channels: int = 1) -> Input:
    """Return an input whose height and width are drawn.

    Args:
        random: Draws them.
        multiple: What both are a multiple of.
        least: How many times that at least.
        most: How many times that at most.
        channels: Channels of the image.
    """
    height, width = (multiple * random.randint(least, most) for _ in range(2))
    return Input(height, width, channels)


def drawn_until(fits: Callable[[Step], bool], make: Callable[[], Step]) -> Step:
    """Return the first of the steps drawn that fits.

    Raises:
        RuntimeError: If none does.
    """
    for _ in range(MOST_DRAWS):
        step = make()
        if fits(step):
            return step
    raise RuntimeError(f"Of {MOST_DRAWS} steps that were drawn, none fits.")


def telling_apart(make: Callable[[Random], Step]) -> Callable[[Draw], Step]:
    """Return what makes a step by drawing again until each of its answers tells how it was found.

    Args:
        make: Makes a step that asks for a number.
    """

    @wraps(make)
    def made(draw: Draw) -> Step:
        random = draw.own
        return drawn_until(_tells_apart, lambda: make(random))

    return made


def _tells_apart(step: Step) -> bool:
    """Return whether right answer and mistakes are no less than 0, and differ as judged."""
    asked = step.question
    if not isinstance(asked, NumberQuestion):
        raise TypeError(f"Step {step.title!r} asks for no number.")
    answers = [asked.answer, *(float(mistake.answer) for mistake in asked.mistakes)]
    return min(answers) >= 0 and all(
        abs(a - b) > 2 * asked.within * max(a, b) and a != b for a, b in combinations(answers, 2)
    )
