"""What the layers of a block do, in as few lines as its box of the diagram has room for."""

import re
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache

from explorer.core.formatting import step_text
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


def in_few_words(nodes: Sequence[Node]) -> str:
    """Return what a block does where there is room for a few words: "2 conv 3×3, 64, max pool".

    Of strides those of convolutions are told, which have no pooling to say that they lower the
    resolution.

    Args:
        nodes: Its layers.
    """
    found = {kind: Counter[str]() for kind in _TOLD}
    for node in nodes:
        kind, phrase = _phrase(node.layer.summary)
        if kind:
            found[kind][phrase] += 1
    words = [
        f"{count} {phrase}" if count > 1 else phrase
        for phrase, count in sorted(found["conv"].items(), reverse=True)
    ]
    if found["conv"] or found["transposed conv"]:
        words.append(str(nodes[-1].shape[-1]))
        steps = [node.layer.down for node in nodes if node.layer.slides and node.layer.down != 1]
        words += [f"stride {step_text(step)}" for step in dict.fromkeys(steps)]
    words += [phrase for kind in _TOLD if kind != "conv" for phrase in found[kind]]
    inside = set(nodes)
    if len({source for node in nodes for source in node.inputs} - inside) > 1:
        words.append("skip")
    return ", ".join(words or [node.layer.summary for node in nodes])


#: What is told of a block, in this order; of the sizes only those of kernels.
_TOLD = ("conv", "transposed conv", "upsampling", "pool", "dense")


@lru_cache(maxsize=512)
def _phrase(summary: str) -> tuple[str, str]:
    """Return the kind of a step that is told, and its words; two empty texts of another one."""
    step = re.split(", | → ", summary, maxsplit=1)[0]
    for kind in ("transposed conv", *_TOLD):
        if step.endswith(kind):
            size, _, words = step.partition(" ")
            if not any(map(str.isdigit, size)):
                return kind, step
            return kind, f"{words} {size}" if kind == "conv" else words
    return "", ""


def _folded(steps: Sequence[str]) -> list[str]:
    """Return the steps with what follows itself written once, with its count."""
    lines: list[str] = []
    done = 0
    for at, length, count in repetitions(steps, MAX_FOLD, lambda _, count: count > 1):
        lines += steps[done:at]
        repeated = steps[at : at + length]
        if length == 1:
            lines.append(f"{count} × {repeated[0]}")
        else:
            lines += [f"{count} times:", *(f"{INDENT}{step}" for step in repeated)]
        done = at + length * count
    return [*lines, *steps[done:]]


def repetitions(
    steps: Sequence[Hashable], longest: int, counts: Callable[[int, int], bool]
) -> list[tuple[int, int, int]]:
    """Return where a sequence repeats itself: of each place the start, the length and the count.

    Args:
        steps: The sequence.
        longest: Most steps that are repeated together.
        counts: Whether so many steps that follow each other so often are taken for one.
    """
    alike = {length: _alike(steps, length) for length in range(1, longest + 1)}

    def best(at: int) -> tuple[int, int]:
        """Return the length and the count of the repetition that saves most; (0, 0) if none."""
        rounds = [(length, runs[at] // length + 1) for length, runs in alike.items() if runs[at]]
        return max(
            (found for found in rounds if counts(*found)),
            key=lambda found: (found[0] * (found[1] - 1), -found[0]),
            default=(0, 0),
        )

    found = []
    at = 0
    while at < len(steps):
        length, count = best(at)
        # A repetition that can as well begin one step later does: it then ends with the block.
        if not count or best(at + 1) == (length, count):
            at += 1
        else:
            found.append((at, length, count))
            at += length * count
    return found


def _alike(steps: Sequence[Hashable], length: int) -> list[int]:
    """Return for each place how many steps from there on are equal to those a length further."""
    runs = [0] * (len(steps) + 1)
    for at in range(len(steps) - length - 1, -1, -1):
        if steps[at] == steps[at + length]:
            runs[at] = runs[at + 1] + 1
    return runs
