"""Edit the blocks of an architecture one by one: their parameters, kind, number and order."""

from collections.abc import Callable
from typing import Any

import attrs
import ipywidgets as widgets

from explorer.core.exchange.own_json import subclasses
from explorer.core.families import Custom
from explorer.core.guard import Unbroken, as_part_of, guarded, is_under_way
from explorer.core.network.blocks import (
    DecoderBlock,
    EncoderBlock,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
)
from explorer.core.network.encoder_decoder import EncoderDecoder, first_middle
from explorer.core.network.errors import ParameterError, problem_text
from explorer.core.network.graph import Block
from explorer.core.network.heads import Head
from explorer.widget.controls.form import Form, Forms, page, plain_layout
from explorer.widget.parts import Line

#: For each list of blocks their base class, and the block that "add" adds.
SECTIONS: dict[str, tuple[Any, Any]] = {
    "stem": (EncoderBlock, SimpleConvBlock()),
    "encoder": (EncoderBlock, SimpleConvBlock()),
    "decoder": (DecoderBlock, SimpleUpsamplingBlock()),
    "heads": (Head, Head()),
}

Place = tuple[str, int]


def blocks_of(architecture: EncoderDecoder, section: str) -> tuple[Any, ...]:
    """Return the blocks of "stem", "encoder", "decoder" or "heads"."""
    if section == "heads":
        return architecture.heads
    return tuple(getattr(architecture, f"{section}_stack") or ())


def with_blocks(
    architecture: EncoderDecoder, section: str, blocks: tuple[Any, ...]
) -> EncoderDecoder:
    """Return the architecture with other blocks; apart from heads, that makes it `Custom`.

    Raises:
        ParameterError: If no network can have these blocks.
    """
    if section == "heads":
        return attrs.evolve(architecture, heads=blocks)
    change: dict[str, Any] = {section: blocks}
    return attrs.evolve(Custom.of(architecture), **change)


def links_its_own_blocks(architecture: EncoderDecoder) -> bool:
    """Return whether the class overrides how blocks are linked, which `Custom` would lose."""
    methods = ("make_stem", "make_encoder", "make_decoder", "make_backbone", "make_merge")
    cls = type(architecture)
    return any(getattr(cls, name) is not getattr(EncoderDecoder, name) for name in methods)


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
        self, apply: Callable[[EncoderDecoder], None], alert: Callable[[str], None]
    ) -> None:
        """Make an editor.

        Args:
            apply: Called with the changed architecture; raises what is wrong with it.
            alert: Called with the traceback of an unforeseen error.
        """
        self._apply = apply
        self._alert = alert
        self._architecture: EncoderDecoder | None = None
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

    def show(self, architecture: EncoderDecoder) -> None:
        """Show the blocks of an architecture, and keep the selection where it was."""
        self._architecture = architecture
        self._unbroken.do(self._show_all)

    def _show_all(self) -> None:
        if self._architecture is None:
            return
        options = _entries(self._architecture)
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
        section = {"middle": "encoder", "head": "heads"}.get(block.role, block.role)
        if (section, block.index) in [value for _, value in self._list.options]:
            self._list.value = (section, block.index)

    @property
    def _place(self) -> Place:
        place: Place = self._list.value
        return place

    @property
    def _block(self) -> Any:
        """The selected block, or None where a section is empty."""
        section, index = self._place
        blocks = blocks_of(self._architecture, section) if self._architecture else ()
        return blocks[index] if index < len(blocks) else None

    def _show_selected(self) -> None:
        assert self._architecture is not None
        fixed = links_its_own_blocks(self._architecture)
        block = self._block
        section, index = self._place
        count = len(blocks_of(self._architecture, section))
        usable = {
            "add": True,
            "duplicate": block is not None,
            "remove": block is not None,
            "up": block is not None and index > 0,
            "down": block is not None and index < count - 1,
        }
        for name, button in self._buttons.items():
            button.disabled = fixed or not usable[name]
        self._show_problem(
            f"{type(self._architecture).__name__} links its blocks in a way of its own, so they "
            "can't be edited one by one."
            if fixed
            else ""
        )
        shown = block is not None and not fixed
        self._kind.layout.display = "" if shown and section != "heads" else "none"
        as_part_of(self, self._put_kind, block if shown else None, section)
        self._form = self._forms.show(block if shown else None)

    def _put_kind(self, block: Any, section: str) -> None:
        self._kind.options = [] if block is None else list(kinds_of(section))
        if block is not None:
            self._kind.value = type(block).__name__

    def _show_problem(self, message: str) -> None:
        self._note.parts = (Line(message, "error"),) if message else ()

    def _replace(self, change: Callable[[list[Any], int], int]) -> None:
        """Apply a change to the list of blocks that the selected one is in.

        Args:
            change: Changes a list of blocks, given the place of the selected one, and returns the
                place to select afterwards.
        """
        assert self._architecture is not None
        section, index = self._place
        blocks = list(blocks_of(self._architecture, section))
        index = change(blocks, index)
        changed = with_blocks(self._architecture, section, tuple(blocks))
        self._apply(changed)
        self._architecture = changed
        options = [value for _, value in self._list.options]
        if (section, index) in options:
            self._list.value = (section, index)

    @guarded
    def _selected(self, change: Any) -> None:
        if not is_under_way(self):
            self._unbroken.do(self._show_selected)

    @guarded
    def _edited(self, form: Form, name: str) -> None:
        if self._unbroken.is_broken_off:
            value = form.controls[name].value
            self._unbroken.mend()  # which shows the block in all controls
            if form is not self._form:
                return
            form.controls[name].set_value(value)

        def change(blocks: list[Any], index: int) -> int:
            blocks[index] = attrs.evolve(blocks[index], **form.values)
            return index

        try:
            self._replace(change)
        except Exception as error:  # a class that the user wrote can raise anything
            is_named = isinstance(error, ParameterError) and error.field in form.controls
            field = error.field if isinstance(error, ParameterError) and is_named else name
            form.show_error(field, problem_text(error))
        else:
            form.show_error("", "")  # the block as it was before a refused edit is no news

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

        self._try(change)

    def _try(self, change: Callable[[list[Any], int], int]) -> None:
        try:
            self._replace(change)
        except Exception as error:  # a class that the user wrote can raise anything
            assert self._architecture is not None
            self.show(self._architecture)
            self._show_problem(problem_text(error))


def _entries(architecture: EncoderDecoder) -> list[tuple[str, Place]]:
    """Return the lines of the list, each with the place that it stands for."""
    entries: list[tuple[str, Place]] = []
    lacking = architecture.skips_without_source()
    for section in SECTIONS:
        blocks = blocks_of(architecture, section)
        middle = first_middle(blocks) if section == "encoder" else len(blocks)
        for i, block in enumerate(blocks):
            # As the diagram calls them.
            title = f"{section} {i}" if i < middle else f"middle {i - middle}"
            if section == "heads":
                title = block.name
            flag = " ⚠ skip without source" if section == "decoder" and i in lacking else ""
            entries.append((f"{title} · {type(block).__name__}{flag}", (section, i)))
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
