"""What a change makes of a network's figures."""

from explorer.core.analysis.design import Design
from explorer.core.analysis.quantities import of_networks
from explorer.core.words.arithmetic import Fact


def change(name: str, before: str, now: str) -> Fact:
    """Return such as "535 k → 2.15 M" of the parameters, or the one value if it is the same."""
    return Fact(name, before if before == now else f"{before} → {now}")


def changes(before: Design, now: Design) -> list[Fact]:
    """Return what becomes of each figure of a network.

    Args:
        before: The network as it is.
        now: What it is changed to.
    """
    designs = before, now
    return [
        change(
            quantity.words,
            *(
                quantity.in_network(each.report, each.input.batch_size).written(quantity.short)
                for each in designs
            ),
        )
        for quantity in of_networks()
    ]
