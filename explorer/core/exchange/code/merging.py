"""Forms that differ in a chain of layers that only some blocks have, as one form."""

import re
from collections.abc import Iterator, Sequence

import attrs

from explorer.core.exchange.code.forms import Form, Item, Line, Maybe, moved, outer_refs
from explorer.core.exchange.code.text import common_start, without_numbers

#: The kind of some blocks, their form, and how many features they read.
Key = tuple[str, tuple[Item, ...], int]


def merge(groups: dict[Key, list[Form]]) -> None:
    """Join forms of which one has a chain of layers more than the other."""
    changed = True
    while changed:
        changed = False
        for long_key, short_key in _pairs(groups):
            merged = _with_maybe(long_key[1], short_key[1])
            if merged is None:
                continue
            items, at, length = merged
            longer, shorter = groups.pop(long_key), groups.pop(short_key)
            for form in longer:
                extra = tuple(node for each in form.layers[at : at + length] for node in each)
                form.layers[at : at + length] = [extra]
                form.rounds[at : at + length] = [1]
            for form in shorter:
                form.layers.insert(at, ())
                form.rounds.insert(at, 0)
            for form in (*longer, *shorter):
                form.items = items
            groups[long_key[0], items, long_key[2]] = longer + shorter
            changed = True
            break


def _pairs(groups: dict[Key, list[Form]]) -> Iterator[tuple[Key, Key]]:
    for longer in groups:
        for shorter in groups:
            same = longer[0] == shorter[0] and longer[2] == shorter[2]
            if same and len(longer[1]) > len(shorter[1]):
                yield longer, shorter


def _with_maybe(
    longer: tuple[Item, ...], shorter: tuple[Item, ...]
) -> tuple[tuple[Item, ...], int, int] | None:
    """Return the longer form with what it has more as a `Maybe`, and where that is."""
    length = len(longer) - len(shorter)
    for at in range(len(shorter) + 1):
        run = [item for item in longer[at : at + length] if isinstance(item, Line)]
        if len(run) < length or any(len(line.inputs) != 1 for line in run):
            continue
        first = run[0].inputs[0]
        last = at + length - 1
        if any(run[k].inputs != (at + k - 1,) for k in range(1, length)):
            continue
        rest = longer[:at] + longer[at + length :]
        if any(at <= ref < last for item in rest for ref in outer_refs(item)):
            continue
        left = tuple(moved(item, at, last, length, first) for item in rest)
        if left != shorter:
            continue
        body = tuple(
            attrs.evolve(line, inputs=(("in", k - 1) if k else ("before",),))
            for k, line in enumerate(run)
        )
        taken = {item.flag for item in rest if isinstance(item, Maybe)}
        flag = next((flag for flag in _flags(run) if flag not in taken), None)
        if flag is None:
            continue
        after = tuple(moved(item, last, last, length - 1, at) for item in longer[at + length :])
        return (*longer[:at], Maybe(flag, first, body), *after), at, length
    return None


def _flags(run: Sequence[Line]) -> Iterator[str]:
    """Return what an argument can be called that says whether there are these layers."""
    if any(line.kind.pools for line in run):
        yield "pool"
    *start, end = common_start([line.name for line in run]).split("_")
    names = ["_".join(start) if len(run) > 1 else end, run[-1].name]
    words = [re.sub(r"\W", "", name) for name in (without_numbers(names[0]), *names)]
    yield from (f"with_{word.strip('_')}" for word in words if word.strip("_"))
