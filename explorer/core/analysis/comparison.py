"""What differs between two networks: their layers and blocks, their parameters, their figures.

Layers and blocks are matched by name, which an edit leaves as it is. Where a name holds a setting
(of an activation, of a decoder block's strides), the layers that are left over in a block are
matched by their kinds, in order.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from difflib import SequenceMatcher
from functools import cached_property
from itertools import zip_longest
from typing import Any, Literal, TypeVar

import attrs

from explorer.core.analysis.quantities import Quantity, of_networks
from explorer.core.analysis.report import Report
from explorer.core.families import Architecture, ReadModel
from explorer.core.families.titles import title_of
from explorer.core.formatting import product, step_text
from explorer.core.network.block_edits import Stacks
from explorer.core.network.blocks import EncoderBlock
from explorer.core.network.encoder_decoder import EncoderDecoder, blocks_of, family_blocks_of
from explorer.core.network.graph import Graph, Node
from explorer.core.network.layers import Layer, Shape
from explorer.core.network.names import block_id, layer_id
from explorer.core.network.parameters import parameter_of

State = Literal["same", "changed", "only in A", "only in B"]

#: Of the fields of a layer's changes, those that follow from its place rather than its settings.
CONSEQUENCES = frozenset({"output", "stride", "inputs", "parameters"})


@attrs.frozen
class Change:
    """A setting that differs.

    Attributes:
        field: Its name.
        a: Its value in A.
        b: Its value in B.
    """

    field: str
    a: Any
    b: Any


@attrs.frozen
class LayerMatch:
    """A layer of A, of B, or of both.

    Attributes:
        a: The layer in A; None if it is only in B.
        b: The layer in B; None if it is only in A.
        changes: What differs between the two: "kind", fields of the layer's configuration, and
            `CONSEQUENCES`: "output" (its shape), "stride", "inputs" (names) and "parameters"
            (their number).
    """

    a: Node | None
    b: Node | None
    changes: tuple[Change, ...]

    @property
    def state(self) -> State:
        """Whether the layer is the same in both, changed, or only in one of them."""
        if self.a is None:
            return "only in B"
        if self.b is None:
            return "only in A"
        return "changed" if self.changes else "same"

    @property
    def node(self) -> Node:
        """The layer in B, or the one in A if it is only there."""
        node = self.b or self.a
        assert node is not None
        return node


@attrs.frozen(slots=False)
class BlockMatch:
    """A block of A, of B, or of both.

    Attributes:
        id: Its selection, as `explorer.core.network.names` names it: the same in A and in B.
        layers: Its layers in B's order; those only in A follow the one that they follow there.
    """

    id: str
    layers: tuple[LayerMatch, ...]

    @property
    def node(self) -> Node:
        """Its first layer in B, or in A if it is only there."""
        return next((layer.b for layer in self.layers if layer.b), self.layers[0].node)

    @cached_property
    def state(self) -> State:
        """The state that all of its layers have, or "changed"."""
        states = {layer.state for layer in self.layers}
        return states.pop() if len(states) == 1 else "changed"


@attrs.frozen(slots=False)
class Comparison:
    """Two graphs, layer by layer.

    Attributes:
        a: The one graph.
        b: The other.
        blocks: The blocks of both in B's order, those only in A after the one that they follow
            there. A layer that belongs to no block is a block by itself.
    """

    a: Graph
    b: Graph
    blocks: tuple[BlockMatch, ...]

    @cached_property
    def layers(self) -> tuple[LayerMatch, ...]:
        """The layers of all blocks."""
        return tuple(layer for block in self.blocks for layer in block.layers)

    @cached_property
    def _states(self) -> dict[str, State]:
        found: dict[str, State] = {block.id: block.state for block in self.blocks}
        # B's come last: where a name of one belongs to another layer of the other, B's counts.
        found |= {layer_id(match.a): match.state for match in self.layers if match.a}
        found |= {layer_id(match.b): match.state for match in self.layers if match.b}
        return found

    def state_of(self, selected: str) -> State | None:
        """Return the state of a layer or block, or None if neither graph has it.

        Args:
            selected: A selection. A layer that has another name in A than in B has both.
        """
        return self._states.get(selected)


def compare(a: Graph, b: Graph) -> Comparison:
    """Return what is the same in two graphs, what changed, and what only one of them has.

    Two layers are the same if kind, configuration, output shape, stride, inputs and number of
    parameters are; the number also tells whether a convolution reads more channels than before.

    Args:
        a: The graph to compare with.
        b: The graph that is compared.
    """
    blocks_a, blocks_b = _blocks(a), _blocks(b)
    pairs = {
        block: _paired(blocks_a.get(block, []), blocks_b.get(block, []))
        for block in _merged(blocks_a, blocks_b)
    }
    partner = {x: y for found in pairs.values() for x, y in found if x and y}
    return Comparison(
        a,
        b,
        tuple(
            BlockMatch(block, tuple(LayerMatch(x, y, _changes(x, y, partner)) for x, y in found))
            for block, found in pairs.items()
        ),
    )


_Pair = tuple[Node | None, Node | None]


def _blocks(graph: Graph) -> dict[str, list[Node]]:
    blocks: dict[str, list[Node]] = {}
    for node in graph:
        blocks.setdefault(block_id(node), []).append(node)
    return blocks


def _paired(first: Sequence[Node], second: Sequence[Node]) -> list[_Pair]:
    """Return the layers of a block of A with those that they became in B."""
    named = {node.name: node for node in second}
    partner = {node: named[node.name] for node in first if node.name in named}
    taken = set(partner.values())
    left = [node for node in first if node not in partner]
    right = [node for node in second if node not in taken]
    if left and right:
        kinds_left, kinds_right = [node.kind for node in left], [node.kind for node in right]
        matcher = SequenceMatcher(None, kinds_left, kinds_right, autojunk=False)
        for run in matcher.get_matching_blocks():
            partner.update(zip(left[run.a : run.a + run.size], right[run.b :], strict=False))
    was = {y: x for x, y in partner.items()}
    in_second = set(second)
    return [
        (was.get(node), node) if node in in_second else (node, None)
        for node in _merged([partner.get(node, node) for node in first], second)
    ]


_Key = TypeVar("_Key", bound=Hashable)


def _merged(first: Iterable[_Key], second: Iterable[_Key]) -> list[_Key]:
    """Return all keys in the second's order; the others after the one that they follow."""
    shared = set(second)
    following: dict[_Key | None, list[_Key]] = {}
    last = None
    for key in first:
        if key in shared:
            last = key
        else:
            following.setdefault(last, []).append(key)
    merged = following.get(None, [])
    for key in second:
        merged += [key, *following.get(key, ())]
    return merged


#: Fields that say again what a layer's name, kind or output says.
_SAID = {"name", "keras_class", "shape", "like", "looks_alike", "rearranged", "recipe"}


def _settings(kind: type[Layer]) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(kind) if field.name not in _SAID)


def _changes(a: Node | None, b: Node | None, partner: dict[Node, Node]) -> tuple[Change, ...]:
    if a is None or b is None:
        return ()
    found = [Change("kind", a.kind, b.kind)]
    if a.layer != b.layer:
        theirs = _settings(type(b.layer))
        found += [
            Change(name, getattr(a.layer, name), getattr(b.layer, name))
            for name in _settings(type(a.layer))
            if name in theirs
        ]
    found += [Change("output", a.shape, b.shape), Change("stride", a.stride, b.stride)]
    if [partner.get(source) for source in a.inputs] != list(b.inputs):
        found.append(Change("inputs", _names(a.inputs), _names(b.inputs)))
    if a.layer != b.layer or a.input_shapes != b.input_shapes:
        found.append(Change("parameters", a.params, b.params))
    return tuple(change for change in found if change.a != change.b)


def _names(nodes: Iterable[Node]) -> tuple[str, ...]:
    return tuple(node.name for node in nodes)


def parameter_changes(a: Any, b: Any) -> tuple[Change, ...]:
    """Return the fields in which two architectures, or two inputs, differ.

    Fields and values are called as on screen. Of blocks and heads, which are values themselves, the
    fields that differ are named with their place: "encoder 0: filters". Values of two classes
    differ by their classes alone.

    Args:
        a: An instance of an attrs class.
        b: Another one.
    """
    if isinstance(a, ReadModel) and isinstance(b, ReadModel):
        # They differ in all or nothing; of models of the same name, the shapes may tell.
        names = (a.name, b.name) if a.name != b.name else (repr(a), repr(b))
        return () if a == b else (Change("architecture", *names),)
    if type(a) is not type(b):
        names = _name_of(a), _name_of(b)
        # A notebook cell that is run again defines its class anew.
        again = " (defined again)" if names[0] == names[1] else ""
        return (Change(_role_of(a), names[0], names[1] + again),)
    changes: list[Change] = []
    for field in attrs.fields(type(a)):
        was, now = getattr(a, field.name), getattr(b, field.name)
        if not field.init or was == now:
            continue
        found = parameter_of(type(a), field.name)
        if field.name == "edits" and isinstance(a, EncoderDecoder):
            changes += _edit_changes(a, b)
        elif _holds_values(was) or _holds_values(now):
            changes += _part_changes(found.label, was, now)
        else:
            told = found.told if found.words else lambda value: value
            changes.append(Change(found.label, told(was), told(now)))
    return tuple(changes)


def _role_of(value: object) -> str:
    return "architecture" if isinstance(value, Architecture) else "class"


def _name_of(value: object) -> str:
    return title_of(value) if isinstance(value, Architecture) else type(value).__name__


def _holds_values(value: object) -> bool:
    return isinstance(value, tuple) and any(attrs.has(type(item)) for item in value)


def _part_changes(label: str, was: Sequence[Any], now: Sequence[Any]) -> Iterable[Change]:
    longer = tuple(was if len(was) > len(now) else now)
    is_encoder = label == "encoder" and all(isinstance(part, EncoderBlock) for part in longer)
    blocks = Stacks((), longer if is_encoder else (), ())
    for place, (one, other) in enumerate(zip_longest(was, now)):
        name = blocks.name_of(label, place)
        if one is None or other is None:
            yield Change(name, _class_of(one), _class_of(other))
        else:
            for change in parameter_changes(one, other):
                yield attrs.evolve(change, field=f"{name}: {change.field}")


def _edit_changes(a: EncoderDecoder, b: EncoderDecoder) -> Iterable[Change]:
    """Yield how the blocks differ that are exceptions in A or in B."""
    in_a, in_b = ({edit.place: edit for edit in each.edits} for each in (a, b))
    for place, edit in {**in_a, **in_b}.items():
        if place in in_a and place in in_b and in_a[place].settings == in_b[place].settings:
            continue
        was, now = (blocks_of(each).at(family_blocks_of(each).index_of(place)) for each in (a, b))
        changes = parameter_changes(was, now) if was and now else ()
        if not changes:  # such as of one that rests
            yield Change(f"{edit.name}: own settings", place in in_a, place in in_b)
        for change in changes:
            yield attrs.evolve(change, field=f"{edit.name}: {change.field}")


def _class_of(part: object) -> str:
    return "none" if part is None else type(part).__name__


@attrs.frozen
class Figure:
    """A figure of two reports.

    Attributes:
        name: What it is called.
        a: A's, as people read it.
        b: B's.
        differs: Whether the two differ.
        ratio: B's ÷ A's; None where that is not known, or no single number. Of a height and a
            width, that of each if both have the same.
    """

    name: str
    a: str
    b: str
    differs: bool
    ratio: float | None


def figures(a: Report, b: Report) -> tuple[Figure, ...]:
    """Return the figures of two reports side by side; memory and MACs are those of one image.

    Args:
        a: The report to compare with.
        b: The report that is compared.
    """
    return (
        _sizes("input", (a.input_shape,), (b.input_shape,)),
        _number("layers", len(a.layers), len(b.layers), "{:,}".format),
        *(figure for quantity in of_networks() for figure in _counted(quantity, a, b)),
        _field(a.receptive_field, b.receptive_field),
        _number("maximum stride", a.maximum_stride, b.maximum_stride, step_text),
        _sizes("output", a.output_shapes, b.output_shapes),
    )


def _number(name: str, a: Any, b: Any, text: Callable[[Any], str]) -> Figure:
    return Figure(name, text(a), text(b), a != b, _ratio(a, b))


def _sizes(name: str, a: Sequence[Shape], b: Sequence[Shape]) -> Figure:
    text_a, text_b = (", ".join(map(_size, shapes)) for shapes in (a, b))
    return Figure(name, text_a, text_b, a != b, None)


def _counted(quantity: Quantity, a: Report, b: Report) -> Iterable[Figure]:
    totals = quantity.in_network(a), quantity.in_network(b)
    texts = [total.written(quantity.short) for total in totals]
    known = all(total.is_all for total in totals)
    ratio = _ratio(totals[0].value, totals[1].value) if known else None
    yield Figure(quantity.network_name, texts[0], texts[1], totals[0] != totals[1], ratio)
    for name, of in quantity.parts.items():
        yield _number(name, of(a), of(b), quantity.short)


def _field(a: Shape | None, b: Shape | None) -> Figure:
    pairs = zip(a, b, strict=True) if a and b and len(a) == len(b) else ()
    ratios = {_ratio(one, other) for one, other in pairs}
    ratio = ratios.pop() if len(ratios) == 1 else None
    return Figure("receptive field", _field_text(a), _field_text(b), a != b, ratio)


def _field_text(field: Shape | None) -> str:
    return _size(field) if field else "unknown"


def _size(shape: Shape) -> str:
    return product(*shape) or "a single number"


def _ratio(a: Any, b: Any) -> float | None:
    is_one = not isinstance(a, tuple) and not isinstance(b, tuple) and b is not None
    return float(b / a) if a and is_one else None
