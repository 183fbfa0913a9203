"""What one move of a control makes of a network, to see whether that answers a question."""

from collections.abc import Iterable, Iterator

import attrs

from explorer import UNet
from explorer.core.analysis.design import Design
from explorer.core.network.errors import ParameterError
from explorer.lessons.plan import Step
from explorer.lessons.questions import BuildQuestion

VALUES = {
    "filters": range(1, 25),
    "filters_rate": (1, 1.5, 2, 2.5, 3),
    "kernel_size": range(1, 8),
    "stem_blocks": (0, 1, 2),
    "convs_per_block": range(1, 6),
    "down_blocks": range(1, 5),
    "up_blocks": range(5),
    "middle_block": (False, True),
    "up_interpolate": (False, True),
    "block_contraction": (False, True),
    "skips": ("concatenate", "add", "none"),
    "stacks": (1, 2),
}


def single_moves(design: Design) -> Iterator[Design]:
    """Return what each control makes of a U-Net; those of its depth may follow each other."""
    net = design.architecture
    assert isinstance(net, UNet)
    for name, values in VALUES.items():
        for value in values:
            changes = {name: value}
            if name == "down_blocks":
                changes["up_blocks"] = value
            try:
                made = attrs.evolve(design, architecture=attrs.evolve(net, **changes))
                assert made.report
            except ParameterError:
                continue
            yield made


def fitting(step: Step, designs: Iterable[Design]) -> list[Design]:
    """Return those that keep to all that has to be kept to."""
    question = step.question
    assert isinstance(question, BuildQuestion)
    return [
        design
        for design in designs
        if all(budget.check(design).is_met for budget in question.budgets)
    ]
