"""Variables: the order of calls of a plan, and what each result is called."""

from collections.abc import Iterable, Sequence

import attrs

from explorer.core.exchange.code.plan import Plan, Unit
from explorer.core.exchange.code.text import TAKEN, identifier
from explorer.core.network.graph import Node

#: Keeps what goes into a stack.
STACK_INPUT = "stack_input = x"


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
                        before[segment] = [STACK_INPUT]
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
