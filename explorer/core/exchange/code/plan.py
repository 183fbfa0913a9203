"""What a graph looks like as code: functions for blocks of one form, and loops over what repeats.

A design is written as an engineer would write it: blocks of the same form share a function whose
arguments are the numbers that differ, and layers that repeat are a loop. What has no such form is
written layer by layer. `keras_code` and `torch_code` write the same plan in two languages.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import attrs

from explorer.core.exchange.code.forms import (
    Form,
    Item,
    Key,
    Loop,
    Maybe,
    folded,
    lines_of,
    merge,
    numbers_of,
)
from explorer.core.exchange.code.text import identifier
from explorer.core.families import Architecture
from explorer.core.network.errors import Refusal
from explorer.core.network.graph import Graph, Node, depth_first
from explorer.core.network.layers import layer_kinds
from explorer.core.network.tracing import trace

#: Names that can stand in an f-string as they are.
PLAIN = re.compile(r"[\w .:/-]+", re.ASCII)


@attrs.define(eq=False)
class Unit:
    """A block of the network, or a layer that is on its own.

    Attributes:
        nodes: Its layers, each after what feeds it.
        name: The common start of their names.
        kind: Name of the block's class.
        role: Its role in the network.
        stack: Its stack, or None.
        sources: What feeds it from outside, what was made last first.
        form: Its form, if it is a block.
        function: The function that it shares, or None for a layer on its own.
    """

    nodes: list[Node]
    name: str
    kind: str = ""
    role: str = ""
    stack: int | None = None
    sources: list[Node] = attrs.field(factory=list)
    form: Form | None = None
    function: "Function | None" = None

    @property
    def output(self) -> Node:
        """The layer whose output others get."""
        return self.nodes[-1]


@attrs.define(eq=False)
class Function:
    """What blocks of one form share.

    Attributes:
        name: Its name.
        units: The blocks.
    """

    name: str
    units: list[Unit]

    @cached_property
    def forms(self) -> list[Form]:
        """The forms of the blocks, all with the same items."""
        return [unit.form for unit in self.units if unit.form]

    @property
    def items(self) -> tuple[Item, ...]:
        """The form."""
        return self.forms[0].items

    @property
    def sources(self) -> int:
        """How many features it reads."""
        return len(self.units[0].sources)

    @cached_property
    def arguments(self) -> dict[str, list[Any]]:
        """The values of each argument, one for each block."""
        return self._found[0]

    @cached_property
    def settings(self) -> dict[tuple[int, int, str], Any]:
        """What each layer's settings are: a value, or `Argument`."""
        return self._found[1]

    @cached_property
    def rounds(self) -> dict[int, Any]:
        """The number after that of each loop's last round, or `Argument`."""
        return self._found[2]

    @cached_property
    def _found(self) -> tuple[dict[str, list[Any]], dict[Any, Any], dict[int, Any]]:
        """Tell arguments, for what differs between blocks, from what is the same in all of them."""
        arguments: dict[str, list[Any]] = {}
        settings: dict[tuple[int, int, str], Any] = {}
        rounds: dict[int, Any] = {}
        flags: set[str] = set()
        counts: set[str] = set()
        for place, item in enumerate(self.items):
            if isinstance(item, Loop):
                times = [item.start + form.rounds[place] for form in self.forms]
                word = re.sub(r"\W|_$", "", item.body[0].name.partition("{i}")[0].strip("_"))
                rounds[place] = _shared(arguments, [f"num_{_plural(word)}"], times)
                if isinstance(rounds[place], Argument):
                    counts.add(rounds[place].name)
            if isinstance(item, Maybe):
                arguments[item.flag] = [bool(form.rounds[place]) for form in self.forms]
                flags.add(item.flag)
            for at, line in enumerate(lines_of(item)):
                configs = [
                    numbers_of(form.layers[place][at].layer) if form.layers[place] else None
                    for form in self.forms
                ]
                present = next(config for config in configs if config is not None)
                own = re.sub(r"\{.*?\}|\W", "", line.name).strip("_")
                for field, value in present.items():
                    values = [value if c is None else c[field] for c in configs]
                    names = [field, identifier(f"{own}_{field}")]
                    settings[place, at, field] = _shared(arguments, names, values)
        # Numbers first, and last what is left out or made more often.
        order = sorted(arguments, key=lambda name: (name in flags, name in counts))
        return {name: arguments[name] for name in order}, settings, rounds


@attrs.frozen
class Argument:
    """A setting that a function's argument of this name gives."""

    name: str


def _plural(word: str) -> str:
    return word if not word or word[-1] in "es" else f"{word}s"


def _shared(arguments: dict[str, list[Any]], names: list[str], values: list[Any]) -> Any:
    """Return the one value, or an argument with these values, which is added if there is none."""
    if all(value == values[0] and type(value) is type(values[0]) for value in values):
        return values[0]
    for name, others in arguments.items():
        if others == values and name.endswith(names[0]):
            return Argument(name)
    name = next((name for name in names if name not in arguments), f"{names[-1]}_{len(arguments)}")
    arguments[name] = values
    return Argument(name)


@attrs.frozen
class Plan:
    """A graph as functions, and the calls of them.

    Attributes:
        graph: The graph.
        functions: The functions.
        units: The blocks and single layers, each after what feeds it.
    """

    graph: Graph
    functions: list[Function]
    units: list[Unit]


def plan_of(architecture: Architecture, input_shape: Sequence[int]) -> Plan:
    """Return how an architecture is written as code.

    Args:
        architecture: The architecture.
        input_shape: `(height, width, channels)`.

    Raises:
        Refusal: If it has layers that cannot be written as code.
    """
    graph = trace(architecture, input_shape)
    _check(graph)
    order, _ = depth_first(graph.outputs)
    units = _units(graph, order)
    if (
        units is None
    ):  # blocks that can't be made one after the other, or give more than one feature
        units = [_lone(node) for node in order if node.inputs]
    made = {unit.output: place for place, unit in enumerate(units)}
    for unit in units:
        own = set(unit.nodes)
        sources = dict.fromkeys(s for node in unit.nodes for s in node.inputs if s not in own)
        unit.sources = sorted(sources, key=lambda node: made.get(node, -1), reverse=True)
    return Plan(graph, _functions(units), units)


def _check(graph: Graph) -> None:
    """Raise an error that names the layers of which no code can be written."""
    known = set(layer_kinds().values())
    strange = [
        f"{node.kind} {node.name!r}"
        for node in graph
        if type(node.layer) not in known or node.calls or node.new_weights is not None
    ]
    if strange:
        more = f" and {len(strange) - 3} more" if len(strange) > 3 else ""
        raise Refusal(
            f"No code can be written of {', '.join(strange[:3])}{more}: only Keras knows what "
            "they do, or they share weights. Save the Keras model itself, with model.save()."
        )
    names = [node.name for node in graph.inputs] + list(graph.unused_inputs)
    if len(names) > 1:
        raise Refusal(
            f"No code is written of a network with {len(names)} inputs ({', '.join(names)}): save "
            "the Keras model itself, with model.save()."
        )


def _lone(node: Node) -> Unit:
    block = node.block
    role, stack = (block.role, block.stack) if block else ("", None)
    return Unit([node], node.name, role=role, stack=stack)


def _units(graph: Graph, order: list[Node]) -> list[Unit] | None:
    """Return blocks and single layers, each after what feeds it; None: there is no such order."""
    blocks: dict[Any, list[Node]] = {}
    key: dict[Node, Any] = {}
    for node in order:
        if node.inputs:
            key[node] = node.block if node.block and PLAIN.fullmatch(node.name) else node.name
            blocks.setdefault(key[node], []).append(node)
    # Blocks are made as they are finished, so each after what feeds it; a circle is no such order.
    read: dict[Any, set[Any]] = {each: set() for each in blocks}
    outside: dict[Any, set[Node]] = {each: set() for each in blocks}
    for node, own in key.items():
        for source in node.inputs:
            if source.inputs and key[source] != own:
                read[own].add(key[source])
                outside[key[source]].add(source)
    for node in graph.outputs:
        if node in key:
            outside[key[node]].add(node)
    if any(len(features) != 1 for features in outside.values()):
        return None
    done: set[Any] = set()
    units: list[Unit] = []
    candidates = _name_candidates(blocks)
    finished = {node: at for at, node in enumerate(order)}
    for each in sorted(blocks, key=lambda each: finished[next(iter(outside[each]))]):
        if not read[each] <= done:
            return None
        done.add(each)
        nodes = blocks[each]
        if nodes[-1] not in outside[each]:
            return None
        if isinstance(each, str) or len(nodes) == 1:
            units.append(_lone(nodes[0]))
            continue
        name = candidates.get(each)
        if name is None:
            units += map(_lone, nodes)
        else:
            units.append(Unit(nodes, name, each.kind, each.role, each.stack))
    return units


def _name_candidates(blocks: dict[Any, list[Node]]) -> dict[Any, str]:
    """Return the name of each block: that after which most of its layers' names are as others'."""
    starts: dict[Any, list[str]] = {}
    counts: dict[str, Counter[str]] = {}
    for block, nodes in blocks.items():
        if isinstance(block, str) or len(nodes) == 1:
            continue
        names = [node.name for node in nodes]
        common = _common_start(names)
        ends = [at for at, sign in enumerate(common) if sign == "_" and at >= len(block.name)]
        found = [common[:at] for at in ends if common.startswith(block.name)]
        found = [start for start in found if all(len(name) > len(start) + 1 for name in names)]
        starts[block] = found
        counter = counts.setdefault(block.kind, Counter())
        for start in found:
            counter.update({name[len(start) :] for name in names})
    return {
        block: max(
            found,
            key=lambda start: (
                sum(counts[block.kind][node.name[len(start) :]] for node in blocks[block]),
                len(start),
            ),
        )
        for block, found in starts.items()
        if found
    }


def _common_start(names: Sequence[str]) -> str:
    first, last = min(names), max(names)
    same = next((i for i, sign in enumerate(first) if sign != last[i : i + 1]), len(first))
    return first[:same]


def _functions(units: list[Unit]) -> list[Function]:
    """Give every block its form, and return the functions that blocks of one form share."""
    shared = [unit for unit in units if len(unit.nodes) > 1]
    known: dict[str, dict[Loop, None]] = {}
    for unit in shared:
        unit.form = folded(unit.nodes, unit.name, unit.sources)
        loops = (item for item in unit.form.items if isinstance(item, Loop))
        known.setdefault(unit.kind, {}).update(dict.fromkeys(loops))
    groups: dict[Key, list[Form]] = {}
    unit_of: dict[Form, Unit] = {}
    for unit in shared:
        if known[unit.kind]:
            unit.form = folded(unit.nodes, unit.name, unit.sources, tuple(known[unit.kind]))
        assert unit.form is not None
        unit_of[unit.form] = unit
        key = unit.kind, unit.form.items, len(unit.sources)
        groups.setdefault(key, []).append(unit.form)
    merge(groups)
    place = {unit: at for at, unit in enumerate(shared)}
    ordered = []
    for (kind, *_), forms in groups.items():
        members = sorted((unit_of[form] for form in forms), key=lambda unit: place[unit])
        ordered.append((place[members[0]], _function_name(kind), members))
    names: Counter[str] = Counter()
    functions = []
    for _, name, members in sorted(ordered, key=lambda each: each[0]):
        names[name] += 1
        more = f"_{names[name]}" if names[name] > 1 else ""
        function = Function(f"{name}{more}", members)
        for unit in function.units:
            unit.function = function
        functions.append(function)
    return functions


def _function_name(kind: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.removeprefix("Simple")).lower()
    words = re.sub(r"\W", "_", words, flags=re.ASCII).replace("res_net", "resnet")
    return words if words.endswith(("block", "stem", "stage")) else f"{words}_block"
