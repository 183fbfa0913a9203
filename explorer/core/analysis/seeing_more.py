"""What would let a layer see more: changes of an architecture that were tried out, not guessed."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import attrs

from explorer.core.analysis.design import Design
from explorer.core.families import ReadModel
from explorer.core.formatting import size_text
from explorer.core.network.encoder_decoder import EncoderDecoder
from explorer.core.network.graph import Node
from explorer.core.network.layers import Shape
from explorer.core.network.parameters import Parameter, parameters_of

#: Most steps that a remedy takes a parameter up.
MOST_STEPS = 3
#: Most ways that are named.
MOST_WAYS = 3


def is_smaller(window: Sequence[int], target: Sequence[int]) -> bool:
    """Return whether a window is lower or narrower than what it is to hold."""
    return any(seen < size for seen, size in zip(window, target, strict=True))


@attrs.frozen
class Way:
    """A change that lets a layer see more.

    Attributes:
        words: What is changed.
        design: What it leads to.
        field: Height and width that the layer then sees.
    """

    words: str
    design: Design
    field: Shape


@attrs.frozen
class Remedies:
    """What would let a layer see an area, or more than it does.

    Attributes:
        present: The design as it is.
        words: How far that goes, as sentences.
        ways: The changes.
    """

    present: Design
    words: str
    ways: tuple[Way, ...] = ()


def remedies(design: Design, node: Node, wanted: tuple[int, int]) -> Remedies:
    """Return what would let a layer see an area of this size.

    What is named was tried out: the architecture's whole numbers are taken up, one after the other,
    and the receptive field of the layer is computed, if it keeps its stride.

    Args:
        design: The design, which has the layer.
        node: The layer.
        wanted: Height and width in input pixels.
    """
    is_last = node is design.graph.outputs[-1]
    sentences = []
    whole = design.report.receptive_field
    if not is_last and whole and not is_smaller(whole, wanted):
        sentences.append(f"The network's output can ({size_text(whole)}).")
    enough: list[Way] = []
    nearer: list[Way] = []
    present = design.report[node.name].receptive_field
    architecture = design.architecture
    ways: Iterable[Iterator[tuple[str, EncoderDecoder]]] = ()
    if not isinstance(architecture, ReadModel) and not design.graph.read_from_keras:
        ways = _taken_up(architecture)
    for steps in ways:
        reached = present
        best: Way | None = None
        for changes, changed in steps:
            tried = attrs.evolve(design, architecture=changed)
            try:
                field = _field(tried, node, is_last)
            except Exception:  # the input does not fit it, or a class of the user's raises
                break
            if field is None or reached is None or not is_smaller(reached, field):
                break
            reached, best = field, Way(changes, tried, field)
            if not is_smaller(field, wanted):
                enough.append(best)
                best = None
                break
        if best:
            nearer.append(best)
    if enough:
        sentences.append("It could with:")
    elif nearer:
        sentences.append("It would see more with:")
    else:
        sentences.append(
            "Choose a deeper layer, or add pooling, convolutions or dilation before it."
        )
    return Remedies(design, " ".join(sentences), tuple((enough or nearer)[:MOST_WAYS]))


def _field(design: Design, like: Node, is_last: bool) -> Any:
    """Return the receptive field of a layer of this name, or of the last output.

    None: there is no such layer of the same stride, or its field is not known.
    """
    graph = design.graph
    node = graph.outputs[-1] if is_last else next((n for n in graph if n.name == like.name), None)
    if node is None or node.stride != like.stride:
        return None
    return design.report[node.name].receptive_field


def _taken_up(architecture: EncoderDecoder) -> Iterator[Iterator[tuple[str, EncoderDecoder]]]:
    """Yield ways to change an architecture, each as steps that go further and further.

    A step is what is changed, in words, and the changed architecture. Blocks go down and up
    together, so that the output keeps its resolution.
    """
    found = {parameter.name: parameter for parameter in parameters_of(type(architecture))}
    if {"down_blocks", "up_blocks"} <= found.keys() and architecture.up_blocks:  # type: ignore[attr-defined]
        yield _steps(architecture, [found.pop("down_blocks"), found.pop("up_blocks")])
    for parameter in found.values():
        is_size = parameter.value_type in (int, tuple) and "filters" not in parameter.name
        if is_size and parameter.name != "up_blocks":
            yield _steps(architecture, [parameter])


def _steps(
    architecture: EncoderDecoder, parameters: list[Parameter]
) -> Iterator[tuple[str, EncoderDecoder]]:
    for step in range(1, MOST_STEPS + 1):
        old = {found.name: getattr(architecture, found.name) for found in parameters}
        new = {found.name: _raised(found, old[found.name], step) for found in parameters}
        if None in new.values():
            return
        words = " and ".join(
            f"{found.label} {_plain(old[found.name])} → {_plain(new[found.name])}"
            for found in parameters
        )
        try:
            yield words, attrs.evolve(architecture, **new)
        except Exception:  # beyond a bound, or what a class of the user's raises
            return


def _raised(parameter: Parameter, value: Any, step: int) -> Any:
    """Return a value some steps up, or None if there is none."""
    if parameter.choices is not None:
        after = [choice for choice in parameter.choices if value is not None and choice > value]
        return after[step - 1] if step <= len(after) else None
    if isinstance(value, tuple):
        return tuple(item + step for item in value)
    return None if value is None else value + step * parameter.step


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
