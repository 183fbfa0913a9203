"""Edit the blocks of an architecture one by one: their parameters, kind, number and order."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import ipywidgets as widgets

from explorer.core.exchange.own_json import subclasses
from explorer.core.families import Custom
from explorer.core.formatting import printable
from explorer.core.guard import Unbroken, as_part_of, guarded, is_under_way
from explorer.core.network.blocks import (
    DecoderBlock,
    EncoderBlock,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
)
from explorer.core.network.encoder_decoder import (
    EncoderDecoder,
    blocks_of,
    family_blocks_of,
    links_its_own_blocks,
)
from explorer.core.network.errors import ParameterError, Remedy
from explorer.core.network.graph import Block, Graph, Node
from explorer.core.network.heads import Head
from explorer.core.words.summaries import in_few_words
from explorer.widget.controls.form import Control, Form, Forms, page, plain_layout
from explorer.widget.parts import Line

#: For each list of blocks their base class, and the block that "add" adds.
SECTIONS: dict[str, tuple[Any, Any]] = {
    "stem": (EncoderBlock, SimpleConvBlock()),
    "encoder": (EncoderBlock, SimpleConvBlock()),
    "decoder": (DecoderBlock, SimpleUpsamplingBlock()),
    "heads": (Head, Head()),
}

#: That of a block of the diagram, where it isn't called as its role.
_SECTION_OF = {"middle": "encoder", "head": "heads"}

Place = tuple[str, int]
#: Changes a list of blocks, given the place of the selected one; returns the place to select then.
Change = Callable[[list[Any], int], int]
#: Returns an architecture with other values of some fields, given the name of their class.
Retry = Callable[[str, Mapping[str, Any]], EncoderDecoder]
Refuse = Callable[
    [Exception, widgets.DOMWidget, str, Retry, Sequence[tuple[Control, str, Remedy]]], None
]


def listed(architecture: EncoderDecoder, section: str) -> tuple[Any, ...]:
    """Return the blocks of "stem", "encoder", "decoder" or "heads"."""
    if section == "heads":
        return architecture.heads
    blocks: tuple[Any, ...] = getattr(blocks_of(architecture), section)
    return blocks


def with_blocks(
    architecture: EncoderDecoder, section: str, blocks: tuple[Any, ...], **fields: Any
) -> EncoderDecoder:
    """Return the architecture with other blocks, and other values of fields.

    One that is another is an exception on the family; others that are more, fewer, or in another
    order make it `Custom`, as heads never do.

    Raises:
        ParameterError: If no network can have these blocks.
    """
    if section == "heads":
        return attrs.evolve(architecture, heads=blocks, **fields)
    change: dict[str, Any] = {section: blocks, **fields}
    if not isinstance(architecture, Custom):
        present = listed(architecture, section)
        others = [i for i, block in enumerate(blocks) if block not in present[i : i + 1]]
        if len(blocks) == len(present) and len(others) <= 1:
            for i in others:
                return architecture.with_block(section, i, blocks[i], **fields)
            return attrs.evolve(architecture, **fields) if fields else architecture
    return attrs.evolve(Custom.of(architecture), **change)


def kinds_of(section: str) -> dict[str, Any]:
    """Return the classes that a block of a section can be of, by name."""
    base, _ = SECTIONS[section]
    if base is Head:
        return {"Head": Head}
    return {
        name: cls
        for name, cls in sorted(subclasses(base).items())
        if cls.make_block is not base.make_block
    }


class BlockEditor:
    """A list of all blocks, and the controls of the selected one.

    Attributes:
        widget: What is shown.
    """

    def __init__(
        self,
        apply: Callable[[EncoderDecoder, str], None],
        refuse: Refuse,
        alert: Callable[[str], None],
        chosen: Callable[[Node | None], None],
    ) -> None:
        """Make an editor.

        Args:
            apply: Called with the changed architecture, and what was done where what differs does
                not say it; raises what is wrong with it.
            refuse: Called with that, the control that it is about, what this calls the field that
                the error names (empty for another), what returns the changed architecture with
                other values of a class's fields, and the controls that were moved, as
                `Form.taken_back` returns them.
            alert: Called with the traceback of an unforeseen error.
            chosen: Called with a layer of the block that the user chose here; None: there is none.
        """
        self._apply = apply
        self._chosen = chosen
        self._refuse = refuse
        self._alert = alert
        self._architecture: EncoderDecoder | None = None
        self._graph: Graph | None = None
        self._unbroken = Unbroken(self._show_all)
        self._form: Form | None = None
        self._list = widgets.Select(rows=10, layout=plain_layout())
        self._list.add_class("explorer-blocks")
        self._list.observe(self._selected, names="value")
        self._kind = widgets.Dropdown(
            description="kind", tooltip="Class of the block", layout=plain_layout(shared=False)
        )
        self._kind.add_class("explorer-kind")
        self._kind.observe(self._kind_chosen, names="value")
        self._note = page()
        self._forms = Forms(self._edited)
        self._buttons = {
            name: self._button(label, tooltip)
            for name, label, tooltip in (
                ("add", "Add", "Add a block after the selected one"),
                ("duplicate", "Duplicate", "Add a copy of the selected block"),
                ("remove", "Remove", "Remove the selected block"),
                ("up", "↑", "Move the selected block towards the input"),
                ("down", "↓", "Move the selected block towards the output"),
            )
        }
        row = widgets.Box(list(self._buttons.values()), layout=plain_layout())
        row.add_class("explorer-row")
        self.widget = widgets.VBox(
            [self._list, row, self._note, self._kind, self._forms], layout=plain_layout()
        )

    def _button(self, label: str, tooltip: str) -> widgets.Button:
        button = widgets.Button(description=label, tooltip=tooltip, layout=plain_layout())
        button.on_click(self._clicked)
        return button

    def show(self, architecture: EncoderDecoder, graph: Graph) -> None:
        """Show the blocks of an architecture, and keep the selection where it was.

        Args:
            architecture: The architecture.
            graph: Its layers, which tell what the blocks do.
        """
        self._architecture, self._graph = architecture, graph
        self._unbroken.do(self._show_all)

    def _show_all(self) -> None:
        if self._architecture is None or self._graph is None:
            return
        options = _entries(self._architecture, self._graph)
        place = self._list.value
        places = [value for _, value in options]
        if place not in places:
            place = next((p for p in reversed(places) if place and p[0] == place[0]), places[0])
        as_part_of(self, self._put_list, options, place)
        self._show_selected()

    def _put_list(self, options: list[tuple[str, Place]], place: Place) -> None:
        if list(self._list.options) != options:
            self._list.options = options
        self._list.value = place

    def select(self, block: Block) -> None:
        """Select the block that a part of the diagram stands for."""
        self.go_to(_place_of(block))

    def go_to(self, place: Place | None) -> None:
        """Select a block by its section and its index there, if it is listed."""
        if place in [value for _, value in self._list.options] and place != self._place:
            as_part_of(self, self._list.set_trait, "value", place)
            self._unbroken.do(self._show_selected)

    def choose(self, place: Place | None) -> None:
        """Select a block, and tell it as if the user had done so in the list."""
        self.go_to(place)
        self._tell()

    @property
    def _place(self) -> Place:
        place: Place = self._list.value
        return place

    @property
    def _block(self) -> Any:
        """The selected block, or None where a section is empty."""
        section, index = self._place
        blocks = listed(self._architecture, section) if self._architecture else ()
        return blocks[index] if index < len(blocks) else None

    def _show_selected(self) -> None:
        assert self._architecture is not None
        fixed = links_its_own_blocks(self._architecture)
        block = self._block
        section, index = self._place
        count = len(listed(self._architecture, section))
        usable = {
            "add": True,
            "duplicate": block is not None,
            "remove": block is not None,
            "up": block is not None and index > 0,
            "down": block is not None and index < count - 1,
        }
        for name, button in self._buttons.items():
            button.disabled = fixed or not usable[name]
        reason = (
            f"{type(self._architecture).__name__} links its blocks in a way of its own, so they "
            "can't be edited one by one."
        )
        self._note.parts = (Line(reason, "reason"),) if fixed else ()
        shown = block is not None and not fixed
        self._kind.layout.display = "" if shown and section != "heads" else "none"
        as_part_of(self, self._put_kind, block if shown else None, section)
        self._form = self._forms.show(block if shown else None)

    def _put_kind(self, block: Any, section: str) -> None:
        self._kind.options = [] if block is None else list(kinds_of(section))
        if block is not None:
            self._kind.value = type(block).__name__

    def _replace(self, change: Change, done: str = "") -> None:
        """Apply a change to the list of blocks that the selected one is in.

        Args:
            change: The change.
            done: What it does, such as "removed"; empty: what differs says it.
        """
        section, before = self._place
        changed, index = self._changed(change)
        # What was added is called as it is now, and what was removed as it was.
        shown, at = (changed, index) if done == "added {}" else (self._architecture, before)
        self._apply(changed, done.format(_name(shown, section, at)))
        self._architecture = changed
        self.choose((section, index))

    def _changed(
        self, change: Change, owner: str = "", values: Mapping[str, Any] | None = None
    ) -> tuple[EncoderDecoder, int]:
        """Return the architecture with a change, and the place to select afterwards.

        Args:
            change: Changes the blocks.
            owner: Name of the class of the architecture, of which some fields are to be others.
            values: Their values; not such that they take back the change.
        """
        architecture = self._architecture
        assert architecture is not None
        if values and owner not in (type(architecture).__name__, Custom.__name__):
            raise LookupError(f"no fields of {owner}")
        section, index = self._place
        blocks = list(listed(architecture, section))
        index = change(blocks, index)
        changed = with_blocks(architecture, section, tuple(blocks), **values or {})
        if values and changed in (architecture, Custom.of(architecture)):
            raise LookupError("nothing is left of the change")
        return changed, index

    @guarded
    def _selected(self, change: Any) -> None:
        if not is_under_way(self):
            self._unbroken.do(self._show_selected)
            self._tell()

    def _tell(self) -> None:
        """Tell which block is selected."""
        of_block = (
            node
            for node in self._graph or ()
            if node.block and _place_of(node.block) == self._place
        )
        self._chosen(next(of_block, None))

    @guarded
    def _edited(self, form: Form, name: str) -> None:
        if self._unbroken.is_broken_off:
            value = form.controls[name].value
            self._unbroken.mend()  # which shows the block in all controls
            if form is not self._form:
                return
            form.controls[name].set_value(value)

        def change_with(values: Mapping[str, Any]) -> Change:
            def change(blocks: list[Any], index: int) -> int:
                blocks[index] = attrs.evolve(blocks[index], **form.values | dict(values))
                return index

            return change

        def retry(owner: str, values: Mapping[str, Any]) -> EncoderDecoder:
            if values and _is_of(owner, form.shown):
                return self._changed(change_with(values))[0]
            return self._changed(change_with({}), owner, values)[0]

        try:
            self._replace(change_with({}))
        except Exception as error:  # a class that the user wrote can raise anything
            named = None
            if isinstance(error, ParameterError) and _is_of(error.owner, form.shown):
                named = form.controls.get(error.field)
            control = named or form.controls[name]
            label = named.parameter.label if named else ""
            moved = form.taken_back(type(form.shown).__name__)
            self._refuse(error, control.widget, label, retry, moved)

    @guarded
    def _kind_chosen(self, change: Any) -> None:
        if is_under_way(self) or not change.new:
            return
        kind = kinds_of(self._place[0])[change.new]

        def change_kind(blocks: list[Any], index: int) -> int:
            old = blocks[index]
            has = attrs.fields_dict(type(old))
            kept = {
                field.name: getattr(old, field.name)
                for field in attrs.fields(kind)
                if field.init and field.name in has
            }
            blocks[index] = kind(**kept)
            return index

        self._try(change_kind)

    @guarded
    def _clicked(self, button: widgets.Button) -> None:
        name = next(name for name, made in self._buttons.items() if made is button)
        section = self._place[0]

        def change(blocks: list[Any], index: int) -> int:
            if name == "add":
                new = SECTIONS[section][1]
                index = min(index + 1, len(blocks))
                blocks.insert(index, _with_free_name(new, blocks))
            elif name == "duplicate":
                blocks.insert(index + 1, _with_free_name(blocks[index], blocks))
                index += 1
            elif name == "remove":
                del blocks[index]
            else:
                other = index + (1 if name == "down" else -1)
                blocks[index], blocks[other] = blocks[other], blocks[index]
                index = other
            return index

        self._try(change, _DONE[name])

    def _try(self, change: Change, done: str = "") -> None:
        try:
            self._replace(change, done)
        except Exception as error:  # a class that the user wrote can raise anything
            self._unbroken.do(self._show_all)

            def retry(owner: str, values: Mapping[str, Any]) -> EncoderDecoder:
                return self._changed(change, owner, values)[0]

            self._refuse(error, self._list, "", retry, ())


def _is_of(owner: str, block: Any) -> bool:
    """Return whether what an error calls the owner of a field is a block or a head."""
    return owner.partition(" ")[0] == type(block).__name__


#: What the buttons have done.
_DONE = {
    "add": "added {}",
    "duplicate": "duplicated {}",
    "remove": "removed {}",
    "up": "moved {} up",
    "down": "moved {} down",
}


def _name(architecture: EncoderDecoder | None, section: str, index: int) -> str:
    """Return what a block is called, as the diagram calls it."""
    blocks = listed(architecture, section) if architecture else ()
    if index >= len(blocks):
        return section
    if section == "heads":
        name: str = blocks[index].name
        return name if name.startswith("head") else f"head {name}"
    assert architecture is not None
    return family_blocks_of(architecture).name_of(section, index)


def _place_of(block: Block) -> Place:
    return _SECTION_OF.get(block.role, block.role), block.index


def _entries(architecture: EncoderDecoder, graph: Graph) -> list[tuple[str, Place]]:
    """Return the lines of the list, each with the place that it stands for."""
    nodes: dict[Place, list[Node]] = {}
    for node in graph:
        if node.block and not node.block.stack:  # the other stacks have the same blocks
            nodes.setdefault(_place_of(node.block), []).append(node)
    entries: list[tuple[str, Place]] = []
    lacking = architecture.skips_without_source()
    for section in SECTIONS:
        blocks = listed(architecture, section)
        for i, block in enumerate(blocks):
            place = section, i
            title = _name(architecture, section, i)
            flag = " ⚠ skip without source" if section == "decoder" and i in lacking else ""
            does = in_few_words(nodes[place]) if place in nodes else type(block).__name__
            entries.append((printable(f"{title}{flag} · {does}"), place))
        if not blocks:
            entries.append((f"{section}: none", (section, 0)))
    return entries


def _with_free_name(block: Any, blocks: list[Any]) -> Any:
    """Return a head under a name that no other has; other blocks as they are."""
    if not isinstance(block, Head):
        return block
    taken = {other.name for other in blocks}
    names = [block.name, *(f"{block.name}{i}" for i in range(1, len(taken) + 2))]
    return attrs.evolve(block, name=next(name for name in names if name not in taken))
