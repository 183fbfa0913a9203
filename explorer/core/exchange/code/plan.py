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

from explorer.core.exchange.code.folding import folded
from explorer.core.exchange.code.forms import Form, Item, Loop, Maybe, lines_of, numbers_of
from explorer.core.exchange.code.merging import Key, merge
from explorer.core.exchange.code.text import common_start, first_of, identifier, without_numbers
from explorer.core.families import Architecture
from explorer.core.network.errors import Refusal
from explorer.core.network.graph import Graph, Node, depth_first
from explorer.core.network.layers import Layer
from explorer.core.network.layers.of_keras import KERAS_LAYERS
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

    def layer_at(self, place: tuple[int, int]) -> Any:
        """Return a layer of the form, as the first block has it that has it.

        Args:
            place: Place of its item in the form, and its own within that.
        """
        item, at = place
        return next(form.layers[item][at] for form in self.forms if form.layers[item])

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

    @property
    def meant(self) -> dict[str, str]:
        """The field of layers that each argument is, where it is one."""
        return self._found[3]

    @cached_property
    def _found(
        self,
    ) -> tuple[dict[str, list[Any]], dict[Any, Any], dict[int, Any], dict[str, str]]:
        """Tell arguments, for what differs between blocks, from what is the same in all of them."""
        arguments: dict[str, list[Any]] = {}
        settings: dict[tuple[int, int, str], Any] = {}
        fields: dict[tuple[int, int, str], list[str]] = {}
        rounds: dict[int, Any] = {}
        meant: dict[str, str] = {}
        flags: set[str] = set()
        counts: set[str] = set()
        for place, item in enumerate(self.items):
            if isinstance(item, Loop):
                times = [item.start + form.rounds[place] for form in self.forms]
                before, _, after = item.body[0].name.partition("{i}")
                word = re.sub(r"\W|_$", "", before.strip("_") or after.strip("_"))
                rounds[place] = _shared(arguments, [f"num_{_plural(word)}"], times)
                if isinstance(rounds[place], Argument):
                    counts.add(rounds[place].name)
            if isinstance(item, Maybe):
                arguments[item.flag] = [bool(form.rounds[place]) for form in self.forms]
                flags.add(item.flag)
            for at, line in enumerate(lines_of(item)):
                layers = [form.layers[place][at].layer for form in self.forms if form.layers[place]]
                own = re.sub(r"\{.*?\}|\W", "", line.name).strip("_")
                words = without_numbers(own) or re.sub(r"\d", "", own), own
                for field in numbers_of(layers[0]):
                    is_inner = isinstance(layers[0], Inner)
                    base = layers[0].function.meant[field] if is_inner else field
                    names = [base, *(f"{word}_{base}" for word in words)]
                    fields[place, at, field] = [identifier(name.strip("_")) for name in names]
        # Those that every block has come first: what is given to the others is then among them.
        for (place, at, field), names in sorted(
            fields.items(), key=lambda each: isinstance(self.items[each[0][0]], Maybe)
        ):
            values = [
                numbers_of(form.layers[place][at].layer)[field] if form.layers[place] else _ABSENT
                for form in self.forms
            ]
            found = settings[place, at, field] = _shared(arguments, names, values)
            if isinstance(found, Argument):
                meant.setdefault(found.name, names[0])
        # Numbers first, and last what is left out or made more often.
        order = sorted(arguments, key=lambda name: (name in flags, name in counts))
        return {name: arguments[name] for name in order}, settings, rounds, meant


@attrs.frozen(eq=False)
class Inner:
    """A call of another function, which stands for a layer in a function's form.

    Attributes:
        function: That function.
        place: Place of what is called for among its units.
    """

    function: Function
    place: int

    @property
    def layer(self) -> "Inner":
        """Itself: its settings are those of the call."""
        return self

    def config(self) -> dict[str, Any]:
        """Return the arguments of the call."""
        return {name: values[self.place] for name, values in self.function.arguments.items()}


@attrs.frozen
class Argument:
    """A setting that a function's argument of this name gives."""

    name: str


def _plural(word: str) -> str:
    return word if not word or word[-1] in "es" else f"{word}s"


#: The value of a setting in blocks that have not the layer: whatever the argument says.
_ABSENT = object()


def _shared(arguments: dict[str, list[Any]], names: list[str], values: list[Any]) -> Any:
    """Return the one value, or an argument with these values, which is added if there is none."""
    present = [value for value in values if value is not _ABSENT]
    first = present[0]
    if all(value == first and type(value) is type(first) for value in present):
        return first
    for name, others in arguments.items():
        pairs = zip(values, others, strict=True)
        if name.endswith(names[0]) and all(v is _ABSENT or v == other for v, other in pairs):
            return Argument(name)
    name = next((name for name in names if name not in arguments), f"{names[-1]}_{len(arguments)}")
    arguments[name] = [first if value is _ABSENT else value for value in values]
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


def header(plan: Plan) -> str:
    """Return what a network is, in a sentence: name, input and parameters."""
    name = re.sub(r"[^\w .,()-]", "?", plan.graph.name, flags=re.ASCII)[:60]
    height, width, channels = plan.graph.input_shape
    params = sum(node.params for node in plan.graph)
    return f"{name} for images of {height}×{width}×{channels}: {params:,} parameters."


def _check(graph: Graph) -> None:
    """Raise an error that names the layers of which no code can be written."""
    lacking: dict[str, list[str]] = {}
    for node in graph:
        if problem := _problem(node):
            lacking.setdefault(problem, []).append(f"{node.kind} {node.name!r}")
    if lacking:
        told = [f"{first_of(layers)}: {problem}" for problem, layers in lacking.items()]
        raise Refusal(f"No code can be written of {'; nor of '.join(told)}.")
    names = [node.name for node in graph.inputs] + list(graph.unused_inputs)
    if len(names) > 1:
        raise Refusal(
            f"No code is written of a network with {len(names)} inputs ({', '.join(names)}): save "
            "the Keras model itself, with model.save()."
        )


def _problem(node: Node) -> str:
    """Return why no code can be written of a layer, and what to do; none if it can."""
    if type(node.layer).has_twin is not True or node.calls or node.new_weights is not None:
        return (
            "only Keras knows what they do, or they share weights. Save the Keras model itself, "
            "with model.save()"
        )
    if type(node.layer).keras_layer is not Layer.keras_layer:
        return "a method keras_layer() makes them. Save the Keras model, which build(…) gives"
    if node.kind not in KERAS_LAYERS:
        return "Keras has no layer of that name. Name the class as the one that does the same"
    return ""


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
        common = common_start(names)
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
