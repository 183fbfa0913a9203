"""Variables and loops: the order of calls of a plan, and what each result is called."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs

from explorer.core.exchange.code.forms import Line, Loop, outer_refs, words_of
from explorer.core.exchange.code.plan import PLAIN, Argument, Function, Plan, Unit
from explorer.core.exchange.code.text import WIDTH, identifier, listed, quoted
from explorer.core.network.graph import Node

#: What intermediate results are called.
_VARIABLES = ("x", "y", "z", "u", "v", "w")
#: Keeps what goes into a stack.
_STACK_INPUT = "stack_input = x"

#: What code of ours calls other things.
TAKEN = {
    *_VARIABLES, "i", "stack", "skips", "outputs", "image", "stack_input", "self", "name", "layers",
    "settings", "keras", "torch", "nn", "F", "range", "enumerate", "zip", "super", "isinstance",
    "max", "tuple", "float", "print",
}  # fmt: skip


def literal(value: Any) -> str:
    """Return a number, truth value or tuple of them as Python writes it."""
    return repr(value)


def setting(value: Any, owner: str = "") -> str:
    """Return a setting: a literal, or the argument that gives it (of an owner, such as "self.")."""
    return owner + value.name if isinstance(value, Argument) else literal(value)


@attrs.frozen
class Written:
    """A layer within a function.

    Attributes:
        line: The layer.
        place: Place of its item in the form, and its own within that.
        target: The variable that it is assigned to.
        inputs: The variables that it reads.
        indent: Spaces before its line.
    """

    line: Line
    place: tuple[int, int]
    target: str
    inputs: list[str]
    indent: int


def function_lines(
    function: Function,
    variables: Sequence[str],
    write: Callable[[Written], list[str]],
    owner: str = "",
    indent: int = 4,
) -> list[str]:
    """Return the lines that apply a function's layers, and return what they make.

    Args:
        function: The function.
        variables: What its inputs are called.
        write: Returns the lines of one layer.
        owner: What comes before names of arguments, such as "self.".
        indent: Spaces before the lines.
    """
    lines: list[str] = []
    named: dict[Any, str] = {-1 - k: variable for k, variable in enumerate(variables)}
    items = function.items
    for place, item in enumerate(items):
        live = {
            named[ref] for later in items[place + 1 :] for ref in outer_refs(later) if ref in named
        }
        if isinstance(item, Line):
            inputs = [named[ref] for ref in item.inputs]
            named[place] = _target(inputs, live)
            lines += write(Written(item, (place, 0), named[place], inputs, indent))
            continue
        live |= {named[ref] for line in item.body for ref in line.inputs if isinstance(ref, int)}
        round_ = named[item.first]
        if round_ in live:
            round_ = _target([], live)
            lines.append(f"{' ' * indent}{round_} = {named[item.first]}")
        if isinstance(item, Loop):
            end = setting(function.rounds[place], owner)
            lines.append(f"{' ' * indent}for i in {numbers(item.start, end)}:")
        else:
            lines.append(f"{' ' * indent}if {owner}{item.flag}:")
        inner: dict[Any, str] = {**named, ("before",): round_}
        for at, line in enumerate(item.body):
            inputs = [inner[ref] for ref in line.inputs]
            needed = {ref for later in item.body[at + 1 :] for ref in later.inputs}
            held = live | {inner[ref] for ref in needed if ref in inner}
            target = round_ if at == len(item.body) - 1 else _target(inputs, held)
            inner["in", at] = target
            lines += write(Written(line, (place, at), target, inputs, indent + 4))
        named[place] = round_
    return [*lines, f"{' ' * indent}return {named[len(items) - 1]}"]


def numbers(start: int, end: str) -> str:
    """Return the numbers of a loop's rounds, as text."""
    return f"range({start}, {end})" if start else f"range({end})"


def _target(inputs: Sequence[str], live: set[str]) -> str:
    """Return the variable of a result: that of an input that is no longer needed, or a new one."""
    free = [variable for variable in inputs if variable not in live]
    if "x" in free:
        return "x"
    more = (f"x{k}" for k in range(1, 1_000))
    return free[0] if free else next(v for v in (*_VARIABLES, *more) if v not in live)


@attrs.define(eq=False)
class Step:
    """A call of a function or layer.

    Attributes:
        unit: What is called.
        place: Its place among the units that share its function.
        inputs: What it is called on, as text.
        target: The variable of the result.
        after: Lines that follow.
    """

    unit: Unit
    place: int
    inputs: list[str]
    target: str
    after: list[str]


@attrs.define(eq=False)
class Segment:
    """The steps of a stack, or of what belongs to none.

    Attributes:
        stack: The stack, or None.
        before: Lines that come first.
        steps: The steps.
    """

    stack: int | None
    before: list[str]
    steps: list[Step]


@attrs.frozen
class Flow:
    """The calls of a plan.

    Attributes:
        segments: The steps, by stacks.
        results: What the network returns, as text; None: the list `outputs`.
    """

    segments: list[Segment]
    results: list[str] | None


def flow_of(plan: Plan) -> Flow:
    """Return the calls of a plan, with the variables that they read and set."""
    return _Flow(plan).made()


class _Flow:
    """Works out which variable each step reads.

    `x` is what the last step made. What is needed later is put on the list `skips`, if it is taken
    from there in reverse order, or else gets a variable of its own.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan, self.units = plan, plan.units
        self.image = plan.graph.inputs[0]
        outputs = plan.graph.outputs
        self.read = {source for unit in self.units for source in unit.sources}
        made = [unit.output for unit in self.units if unit.output in outputs]
        self.collects = len(outputs) > 1 and made == list(outputs)
        self.segments = self._segments()
        self.of = {
            node: k for k, (_, group) in enumerate(self.segments) for node in self._made(group)
        }
        self.names: dict[Node, str] = {}
        self.used: dict[str, set[int | None]] = {
            function.name: {None} for function in plan.functions
        }

    def _made(self, group: Sequence[int]) -> Iterable[Node]:
        return (self.units[k].output for k in group)

    def _segments(self) -> list[tuple[int | None, list[int]]]:
        found: list[tuple[int | None, list[int]]] = []
        for k, unit in enumerate(self.units):
            if not found or found[-1][0] != unit.stack:
                found.append((unit.stack, []))
            found[-1][1].append(k)
        return found

    def _goes_on(self, unit: Unit) -> bool:
        """Return whether a result becomes `x`; that of heads does not, where there are more."""
        is_only = len(self.plan.graph.outputs) == 1
        return unit.output in self.read or is_only or unit.role != "head"

    def made(self) -> Flow:
        """Return the calls."""
        x, first = self.image, {}
        late: dict[Node, list[int]] = {}
        on_hand: list[Node] = []
        for segment, (_, group) in enumerate(self.segments):
            first[segment] = x
            for k in group:
                on_hand.append(x)
                for node in self.units[k].sources:
                    if node is not x:
                        late.setdefault(node, []).append(k)
                if self._goes_on(self.units[k]):
                    x = self.units[k].output
        pushed: set[Node] = set()
        taken: dict[tuple[int, Node], str] = {}  # what a unit reads a node by
        before: dict[int, list[str]] = {}
        for segment, (_, group) in enumerate(self.segments):
            own = set(group)
            for node in list(late):
                for k in [k for k in late[node] if k in own and self.units[k].role == "merge"]:
                    if node is first[segment]:
                        late[node].remove(k)
                        taken[k, node] = "stack_input"
                        before[segment] = [_STACK_INPUT]
            candidates = {}
            for node, users in late.items():
                here = [k for k in users if k in own]
                is_own = self.of.get(node) == segment
                if len(here) == 1 and (not is_own or len(users) == 1):
                    reader = self.units[here[0]]
                    is_twice = not reader.function and reader.output.inputs.count(node) > 1
                    if reader.role != "head" and not is_twice:
                        candidates[node] = here[0]
            outside = [node for node in candidates if self.of.get(node) != segment]
            outside.sort(key=lambda node: candidates[node], reverse=True)
            if candidates and self._in_reverse(group, candidates, outside):
                pushed |= candidates.keys() - set(outside)
                for node, k in candidates.items():
                    taken[k, node] = "skips.pop()"
                start = ", ".join(self._name(node) for node in outside)
                before.setdefault(segment, []).append(f"skips = [{start}]")
        flow = []
        for segment, (stack, group) in enumerate(self.segments):
            steps = []
            for k in group:
                unit = self.units[k]
                # A function takes each feature once, the latest first; a layer as it reads them.
                sources = unit.sources if unit.function else unit.output.inputs
                inputs = [
                    "x" if node is on_hand[k] else taken.get((k, node)) or self._name(node)
                    for node in sources
                ]
                goes_on = self._goes_on(unit)
                target = "x" if goes_on else self._name(unit.output)
                after = ["skips.append(x)"] * (unit.output in pushed)
                is_output = unit.output in self.plan.graph.outputs
                is_named = any(
                    (j, unit.output) not in taken or j not in group
                    for j in late.get(unit.output, [])
                )
                is_result = is_output and not self.collects and unit.output is not x
                if goes_on and (is_named or is_result):
                    after.append(f"{self._name(unit.output)} = x")
                if is_output and self.collects:
                    after.append(f"outputs.append({target})")
                place = unit.function.units.index(unit) if unit.function else 0
                steps.append(Step(unit, place, inputs, target, after))
            flow.append(Segment(stack, before.get(segment, []), steps))
        if self.collects:
            return Flow(flow, None)
        return Flow(
            flow, ["x" if node is x else self._name(node) for node in self.plan.graph.outputs]
        )

    def _in_reverse(
        self, group: Sequence[int], candidates: dict[Node, int], outside: Sequence[Node]
    ) -> bool:
        """Return whether features are read in the reverse order of being made, one at a time."""
        held = list(outside)
        for k in group:
            read = [node for node in self.units[k].sources if candidates.get(node) == k]
            if len(read) > 1 or (read and (not held or held.pop() is not read[0])):
                return False
            if self.units[k].output in candidates:
                held.append(self.units[k].output)
        return not held

    def _name(self, node: Node) -> str:
        """Return the variable of a feature; within its own stack without the stack's name."""
        if node is self.image:
            return "image"
        if node not in self.names:
            k = next(k for k, unit in enumerate(self.units) if unit.output is node)
            stack, group = self.segments[self.of[node]]
            users = {j for j, other in enumerate(self.units) if node in other.sources}
            is_result = node in self.plan.graph.outputs and not self.collects
            own = None if is_result or not users <= set(group) else stack
            name = self.units[k].name
            if own is not None:
                name = name.removeprefix(f"stack{own}_")
            name = identifier(name)
            # One name can serve features of several stacks, if each is read in its own stack alone.
            while name in TAKEN or self._clashes(name, own):
                name += "_"
            self.used.setdefault(name, set()).add(own)
            self.names[node] = name
        return self.names[node]

    def _clashes(self, name: str, stack: int | None) -> bool:
        used = self.used.get(name, set())
        return bool(used) if stack is None else bool(used & {stack, None})


class Round:
    """What differs between steps that are alike, as a loop over them says it.

    Attributes:
        steps: The steps.
    """

    def __init__(self, steps: Sequence[Step], stack: int | None) -> None:
        self.steps = steps
        self._lists: dict[str, list[Any]] = {}
        self._uses_i = False
        rows = [_tokens(step.unit.name, stack) for step in steps]
        columns = list(zip(*rows, strict=True))
        numbers = [list(map(int, c)) for c in columns if len(set(c)) > 1]
        in_steps = [c[0] for c in numbers if c == list(range(c[0], c[0] + len(c)))]
        self._start = in_steps[0] if in_steps else 0
        parts = [column[0] for column in columns]
        vary = [at for at, column in enumerate(columns) if len(set(column)) > 1]
        for at in sorted(vary, key=lambda at: int(columns[at][-1])):  # the others are multiples
            hint = "stride" if re.search(r"_s$|_to_s$", columns[at - 1][0]) else "number"
            parts[at] = f"{{{self._number(list(map(int, columns[at])), hint)}}}"
        #: The name, as text of Python's.
        self.name = quoted("".join(parts))
        if vary or stack is not None:
            self.name = f"f{self.name}"

    def _number(self, values: list[int], hint: str) -> str:
        more = values[0] - self._start
        if values == [self._start + more + k for k in range(len(values))]:
            self._uses_i = True
            return f"i + {more}" if more > 0 else f"i - {-more}" if more else "i"
        for name, others in self._lists.items():
            if others[-1] and not values[-1] % others[-1]:
                factor = values[-1] // others[-1]
                if factor and values == [factor * other for other in others]:
                    return f"{factor} * {name}" if factor > 1 else name
        return self._listed(values, hint)

    def _listed(self, values: list[Any], hint: str) -> str:
        for name, others in self._lists.items():
            if others == values and name.startswith(hint):
                return name
        name = hint
        while name in TAKEN or name in self._lists:
            name += "_"
        self._lists[name] = values
        return name

    def value(self, values: Sequence[Any], hint: str) -> str:
        """Return a setting that may differ between the steps, as text.

        Args:
            values: Its value in each step.
            hint: What it is called.
        """
        if all(value == values[0] for value in values):
            return literal(values[0])
        last = len(values) - 1
        if list(values) == [k > 0 for k in range(len(values))]:
            self._uses_i = True
            return f"i > {self._start}"
        if list(values) == [k < last for k in range(len(values))]:
            self._uses_i = True
            return f"i < {self._start + last}"
        return self._listed(list(values), hint)

    def header(self, indent: int) -> list[str]:
        """Return the lines that begin the loop."""
        space, count = " " * indent, len(self.steps)
        if not self._lists:
            return [f"{space}for i in {numbers(self._start, str(self._start + count))}:"]
        variables, rows = ", ".join(self._lists), list(zip(*self._lists.values(), strict=True))
        items = [literal(row if len(row) > 1 else row[0]) for row in rows]
        if not self._uses_i:
            start, end = f"for {variables} in ", ":"
        else:
            target = f"({variables})" if len(self._lists) > 1 else variables
            end = f", {self._start}):" if self._start else "):"
            start = f"for i, {target} in enumerate("
        line = f"{space}{start}[{', '.join(items)}]{end}"
        if len(line) <= WIDTH:
            return [line]
        return [*listed("settings = ", items, "", indent), f"{space}{start}settings{end}"]


def _tokens(name: str, stack: int | None) -> list[str]:
    """Return a name, with its numbers apart; that of the stack is a variable, if it is given."""
    tokens = re.split(r"(\d+)", name)
    if stack is not None and tokens[:2] == ["stack", str(stack)] and PLAIN.fullmatch(name):
        return ["stack{stack}" + tokens[2], *tokens[3:]]
    return tokens


def _are_alike(one: Step, other: Step, stack: int | None) -> bool:
    a, b = one.unit, other.unit
    if one.inputs != other.inputs or one.target != other.target or one.after != other.after:
        return False
    if a.function is not b.function or (
        a.function is None
        and (
            type(a.output.layer) is not type(b.output.layer)
            or words_of(a.output.layer) != words_of(b.output.layer)
        )
    ):
        return False
    if not (PLAIN.fullmatch(a.name) and PLAIN.fullmatch(b.name)):
        return False
    pairs = _tokens(a.name, stack), _tokens(b.name, stack)
    return len(pairs[0]) == len(pairs[1]) and all(
        p == q or (at % 2 and str(int(p)) == p and str(int(q)) == q)
        for at, (p, q) in enumerate(zip(*pairs, strict=True))
    )


#: Returns the lines of steps that are alike: what they are, how deep they stand, and whether their
#: results are kept.
Write = Callable[[Round, int], list[str]]


def main_lines(flow: Flow, write: Write, with_results: bool = True, indent: int = 4) -> list[str]:
    """Return the lines of all steps: those that are alike as loops, and so are stacks.

    Args:
        flow: The steps.
        write: Returns the lines of a round.
        with_results: Whether lines stand before and after steps that hand on their results.
        indent: Spaces before the lines.
    """
    lines: list[str] = []
    stacks = [segment for segment in flow.segments if segment.stack is not None]
    of_stacks = _stack_lines(stacks, write, with_results, indent)
    for segment in flow.segments:
        if of_stacks is None or segment.stack is None:
            lines += _segment_lines(segment, write, with_results, indent)
        elif segment is stacks[0]:
            lines += of_stacks
    return lines


def _stack_lines(
    stacks: Sequence[Segment], write: Write, with_results: bool, indent: int
) -> list[str] | None:
    """Return a loop over stacks; None: they are not alike."""
    if len(stacks) < 2 or [segment.stack for segment in stacks] != list(range(len(stacks))):
        return None
    head = f"{' ' * indent}for stack in range({len(stacks)}):"
    whole = [
        _segment_lines(segment, write, with_results, indent + 4, segment.stack)
        for segment in stacks
    ]
    if all(lines == whole[0] for lines in whole):
        return [head, *whole[0]]
    *steps, merge = stacks[0].steps
    if merge.unit.role != "merge" or any(lines != whole[0] for lines in whole[1:-1]):
        return None
    rest = Segment(0, [line for line in stacks[0].before if line != _STACK_INPUT], steps)
    if _segment_lines(rest, write, with_results, indent + 4, 0) != whole[-1]:
        return None
    bare = Segment(0, stacks[0].before, steps)
    return [
        head,
        *_segment_lines(bare, write, with_results, indent + 4, 0),
        f"{' ' * (indent + 4)}if stack < {len(stacks) - 1}:",
        *_segment_lines(Segment(0, [], [merge]), write, with_results, indent + 8, 0),
    ]


def _segment_lines(
    segment: Segment, write: Write, with_results: bool, indent: int, stack: int | None = None
) -> list[str]:
    before = segment.before if with_results else []
    lines = [f"{' ' * indent}{line}" for line in before]
    at = 0
    while at < len(segment.steps):
        end = at + 1
        while end < len(segment.steps) and _are_alike(segment.steps[at], segment.steps[end], stack):
            end += 1
        steps = segment.steps[at:end]
        lines += _round_lines(steps, write, with_results, indent, stack)
        at = end
    return lines


def _round_lines(
    steps: Sequence[Step], write: Write, with_results: bool, indent: int, stack: int | None
) -> list[str]:
    """Return the lines of steps that are alike: a loop, if there are several and it fits."""
    found, deeper = Round(steps, stack), indent + (4 if len(steps) > 1 else 0)
    lines = write(found, deeper)
    if with_results:
        lines += [f"{' ' * deeper}{line}" for line in steps[0].after]
    if len(steps) == 1 or not lines:
        return lines
    header = found.header(indent)
    if any(len(line) > WIDTH for line in header):
        each = (_round_lines([step], write, with_results, indent, stack) for step in steps)
        return [line for lines in each for line in lines]
    return [*header, *lines]
