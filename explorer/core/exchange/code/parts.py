"""Chains of layers that functions repeat, as functions of their own."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from explorer.core.exchange.code.forms import (
    Form,
    Item,
    Line,
    Loop,
    Ref,
    lines_of,
    moved,
    outer_refs,
)
from explorer.core.exchange.code.plan import Function, Inner, Plan, Unit
from explorer.core.exchange.code.text import TAKEN, common_start, identifier
from explorer.core.exchange.code.torch_helpers import OF_MODULES

#: Fewest and most layers of a part, and the lines that a function takes beside them.
_SHORTEST, _LONGEST, _AROUND = 3, 16, 5


@attrs.frozen
class _Run:
    """Layers that follow each other in a function.

    Attributes:
        function: The function.
        place: Place of the loop that they stand in, or None.
        at: Place of the first.
        prefix: What their names begin with.
        source: What they read from outside.
        lines: The layers, as they stand in a part.
    """

    function: Function
    place: int | None
    at: int
    prefix: str
    source: Ref
    lines: tuple[Line, ...]


def with_parts(plan: Plan) -> Plan:
    """Return the plan, before its functions those of what they repeat, which they then call."""
    functions = plan.functions
    parts: list[Function] = []
    names = {function.name for function in functions} | TAKEN
    while best := _best(functions):
        word = re.sub(r"\{i\}|\d+", "", best[0].prefix).strip("_").rpartition("_")[2]
        base = identifier(f"{word or 'inner'}_layers")
        more = (f"{base}_{k}" for k in range(2, 1_000))
        name = next(name for name in (base, *more) if name not in names)
        names.add(name)
        part = Function(name, [])
        lines = best[0].lines
        while run := next((r for f in functions for r in _runs(f) if r.lines == lines), None):
            _replace(run, part)
        parts.append(part)
    return attrs.evolve(plan, functions=[*parts, *functions])


def _best(functions: Sequence[Function]) -> list[_Run]:
    """Return the runs that are alike and whose replacement leaves the fewest lines, if any."""
    groups: dict[tuple[Line, ...], list[_Run]] = {}
    for function in functions:
        for run in _runs(function):
            alike = groups.setdefault(run.lines, [])
            last = alike[-1] if alike else None
            is_apart = (
                last is None
                or (last.function, last.place) != (run.function, run.place)
                or last.at + len(last.lines) <= run.at
            )
            if is_apart:
                alike.append(run)

    def saved(lines: tuple[Line, ...]) -> int:
        return (len(lines) - 1) * len(groups[lines]) - len(lines) - _AROUND

    best = max(groups, key=saved, default=())
    return groups[best] if best and saved(best) > 0 else []


def _runs(function: Function) -> Iterator[_Run]:
    """Yield layers in a row that a function of their own could make, whose name is free."""
    items = function.items
    starts = [item.start if isinstance(item, Loop) else None for item in items]
    names = [
        (line.name, start)
        for item, start in zip(items, starts, strict=True)
        for line in lines_of(item)
    ]
    for run in _all_runs(function):
        own = run.prefix, None if run.place is None else starts[run.place]
        if not any(_can_be_one(own, other) for other in names):
            yield run


def _can_be_one(one: tuple[str, int | None], other: tuple[str, int | None]) -> bool:
    """Return whether two names, each with the start of its loop, can be the same in some round."""
    looped = [each for each in (one, other) if "{i}" in each[0]]
    if not looped:
        return one[0] == other[0]
    if len(looped) == 2:
        return _without_numbers(one[0]) == _without_numbers(other[0])
    ((pattern, start),) = looped
    plain = other[0] if looped[0] is one else one[0]
    found = re.fullmatch(re.escape(pattern).replace(r"\{i\}", r"(\d+)"), plain)
    return found is not None and all(int(number) >= (start or 0) for number in found.groups())


def _all_runs(function: Function) -> Iterator[_Run]:
    items = function.items
    read_later = [set[int]() for _ in items]
    for at, item in enumerate(items):
        for ref in outer_refs(item):
            if ref >= 0:
                read_later[ref].add(at)
    yield from _in_a_row(function, None, items, read_later)
    for place, item in enumerate(items):
        if isinstance(item, Loop):
            read = [set[int]() for _ in item.body]
            for at, line in enumerate(item.body):
                for ref in line.inputs:
                    if isinstance(ref, tuple) and ref[0] == "in":
                        read[ref[1]].add(at)
            if item.kept is not None:
                read[item.kept].add(len(item.body))
            yield from _in_a_row(function, place, item.body, read)


def _in_a_row(
    function: Function, place: int | None, items: Sequence[Item], read: Sequence[set[int]]
) -> Iterator[_Run]:
    for at in range(len(items)):
        for end in range(at + 1, min(at + _LONGEST, len(items)) + 1):
            item = items[end - 1]
            if not isinstance(item, Line) or isinstance(item.kind, Function):
                break
            if end - at >= _SHORTEST:
                run = _run(function, place, items, read, at, end)
                if run:
                    yield run


def _run(
    function: Function,
    place: int | None,
    items: Sequence[Any],
    read: Sequence[set[int]],
    at: int,
    end: int,
) -> _Run | None:
    lines: Sequence[Line] = items[at:end]
    names = [line.name for line in lines]
    prefix = common_start(names).rpartition("_")[0]
    rests = [name[len(prefix) + 1 :] for name in names]
    is_named = len(prefix) > 1 and prefix.count("{") == prefix.count("}")
    if not is_named or not all(rests) or any("{" in rest for rest in rests):
        return None
    if OF_MODULES & {prefix[1:], *rests}:
        return None
    if any(user >= end for k in range(at, end - 1) for user in read[k]):
        return None

    def inner(ref: Ref) -> int | None:
        k = ref if place is None else ref[1] if isinstance(ref, tuple) and ref[0] == "in" else None
        return k - at if isinstance(k, int) and k >= at else None

    outside = {ref for line in lines for ref in line.inputs if inner(ref) is None}
    if len(outside) != 1 or not any(
        node.params for form in function.forms for node in _nodes(form, place, at, end)
    ):
        return None
    made = tuple(
        attrs.evolve(
            line,
            name=f"_{rest}",
            inputs=tuple(-1 if inner(ref) is None else inner(ref) for ref in line.inputs),
        )
        for line, rest in zip(lines, rests, strict=True)
    )
    return _Run(function, place, at, prefix, outside.pop(), made)


def _without_numbers(name: str) -> str:
    return re.sub(r"\{i\}|\d+", "0", name)


def _nodes(form: Form, place: int | None, at: int, end: int) -> list[Any]:
    if place is not None:
        return list(form.layers[place][at:end])
    return [node for nodes in form.layers[at:end] for node in nodes]


def _replace(run: _Run, part: Function) -> None:
    """Put a call of the part where the run stands, and what it is called for among its units."""
    at, length, place = run.at, len(run.lines), run.place
    function = run.function
    line = Line(part, run.prefix, (), (run.source,))
    items = function.items
    start = 0
    if place is None:
        rest = items[at + length :]
        later = (moved(item, at, at + length - 1, length - 1, at) for item in rest)
        items = (*items[:at], line, *later)
    else:
        loop = items[place]
        assert isinstance(loop, Loop)
        start = loop.start
        others = (_moved_within(other, at, length) for other in loop.body[at + length :])
        kept = loop.kept
        if kept is not None and kept >= at:
            kept = max(at, kept - length + 1)
        loop = attrs.evolve(loop, body=(*loop.body[:at], line, *others), kept=kept)
        items = (*items[:place], loop, *items[place + 1 :])
    for unit in function.units:
        form = unit.form
        assert form is not None
        nodes = _nodes(form, place, at, at + length)
        if not nodes:  # of a loop that this block has not
            continue
        name = unit.name + run.prefix.replace("{i}", str(start))
        made = Unit(nodes, name, unit.kind, sources=[nodes[0].inputs[0]], function=part)
        made.form = Form(run.lines, [(node,) for node in nodes], [1] * length)
        part.units.append(made)
        inner = Inner(part, len(part.units) - 1)
        if place is None:
            form.layers[at : at + length] = [(inner,)]
            form.rounds[at : at + length] = [1]
        else:
            layers = form.layers[place]
            form.layers[place] = (*layers[:at], inner, *layers[at + length :])
        form.items = items


def _moved_within(line: Line, at: int, length: int) -> Line:
    def now(ref: Ref) -> Ref:
        if not isinstance(ref, tuple) or ref[0] != "in" or ref[1] < at:
            return ref
        return "in", max(at, ref[1] - length + 1)

    return attrs.evolve(line, inputs=tuple(map(now, line.inputs)))
