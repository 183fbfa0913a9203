"""The editor of single blocks, which is made when it is first opened."""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs
import ipywidgets as widgets

from explorer.core.analysis.design import Design
from explorer.core.editing.remedies import problem_without
from explorer.core.editing.store import State
from explorer.core.families import Architecture, Custom, ReadModel
from explorer.core.families.titles import title_of
from explorer.core.guard import guarded
from explorer.core.network.encoder_decoder import EncoderDecoder, family_blocks_of
from explorer.core.network.errors import Remedy
from explorer.core.network.graph import Block, Node
from explorer.core.network.names import block_id, nodes_of
from explorer.widget.controls.block_editor import BlockEditor, Retry
from explorer.widget.controls.form import Control, close_with_parts, page, plain_layout
from explorer.widget.controls.group_head import GroupHead
from explorer.widget.front.page import Page
from explorer.widget.messages import OpenOwn, RemoveOwn
from explorer.widget.panels.actions import Actions
from explorer.widget.panels.blocks.own_settings import OwnSettingsView
from explorer.widget.parts import Line

#: Class of where the editor is.
PLACE = "explorer-own-blocks"


class Blocks:
    """Blocks and heads, edited one by one, and the way back to what was shown before.

    Attributes:
        widget: What is shown.
        head: Its heading, which opens it.
        own: Which blocks have settings of their own.
    """

    def __init__(
        self,
        state: State,
        actions: Actions,
        alert: Callable[[str], None],
        reveal: Callable[[str], None],
        selected: Callable[[], str],
        select: Callable[[str], None],
    ) -> None:
        """Begin closed.

        Args:
            state: What is on screen.
            actions: What is done with an edit that is refused, and with the way back.
            alert: Shows the text of an unforeseen error.
            reveal: Brings the part of the controls that has this class.
            selected: Returns what is selected in the other views; see `names`.
            select: Selects something there.
        """
        self._reveal = reveal
        self._selected = selected
        self._select = select
        self._state = state
        self._actions = actions
        self._alert = alert
        self._origin: EncoderDecoder | None = None  # the last one that is no list of blocks
        self._place = widgets.VBox(layout=plain_layout())
        self._place.add_class(PLACE)
        self.head = GroupHead(title="Blocks and heads", folded=True, layout=plain_layout())
        self.head.observe(self._opened, names="folded")
        self.widget = widgets.VBox([self.head, self._place], layout=plain_layout())
        self.widget.add_class("explorer-group")
        self.own = OwnSettingsView(self._own_sent, layout=plain_layout())

    def show(self, architecture: Architecture) -> None:
        """Show the blocks of an architecture, while this is open; always those that are its own."""
        self.own.show(architecture)
        if not isinstance(architecture, (Custom, ReadModel)):
            self._origin = architecture
        if self.head.folded:
            return
        if isinstance(architecture, ReadModel):
            self._place.children = [self._no_blocks]
            return
        if not self._edits:
            self._place.children = []
        can_go_back = isinstance(architecture, Custom) and self._origin is not None
        self._back.layout.display = "" if can_go_back else "none"
        self._back.description = f"Back to {title_of(self._origin)}" if self._origin else ""
        self._editor.show(architecture, self._state.design.graph)
        self.follow()
        if not self._place.children:  # once they are complete: the page shows them at once
            self._place.children = [self._back, self._editor.widget]

    @guarded
    def follow(self) -> None:
        """Go to the block that is selected in the other views, while this is open."""
        with self._state.lock:
            if self.head.folded or isinstance(self._state.design.architecture, ReadModel):
                return
            if block := self._selected_block:
                self._editor.select(block)

    @property
    def _selected_block(self) -> Block | None:
        """The block that is selected in the other views, or that has the selected layer."""
        nodes = nodes_of(self._state.design.graph, self._selected())
        return nodes[0].block if nodes else None

    @guarded
    def _chosen(self, node: Node | None) -> None:
        """Select the block of a layer in the other views, unless that is selected already."""
        with self._state.lock:
            there, here = self._selected_block, node.block if node else None
            is_there = there and here and (there.role, there.index) == (here.role, here.index)
            if not is_there:
                self._select(block_id(node) if node else "")

    @guarded
    def edit(self, block: Block) -> None:
        """Open the controls of a block."""
        with self._state.lock:
            self.head.folded = False
            self._reveal(PLACE)
            if not isinstance(self._state.design.architecture, ReadModel):
                self._editor.select(block)

    @guarded
    def _own_sent(self, message: OpenOwn | RemoveOwn) -> None:
        with self._state.lock:
            architecture = self._state.design.architecture
            if isinstance(architecture, ReadModel):
                return
            if isinstance(message, RemoveOwn):
                self._state.unbroken.do(self._remove_own, architecture, message.remove)
                return
            self.head.folded = False
            self._reveal(PLACE)
            for edit in architecture.edits:
                if edit.name == message.open:
                    self._editor.choose(family_blocks_of(architecture).index_of(edit.place))

    def _remove_own(self, architecture: EncoderDecoder, name: str) -> None:
        """Show the architecture with the family's own block in a place."""
        kept = tuple(edit for edit in architecture.edits if edit.name != name)

        def without(owner: str = "", values: Mapping[str, Any] | None = None) -> EncoderDecoder:
            if values and owner != type(architecture).__name__:
                raise LookupError(f"no fields of {owner}")
            return attrs.evolve(architecture, edits=kept, **values or {})

        try:
            self._state.update(f"{name}: own settings removed", architecture=without())
        except Exception as error:  # a class that the user wrote can raise anything
            self._refused(error, self.own, "", without)

    def close(self) -> None:
        """Close what is made but not shown just now, too."""
        made = vars(self)
        spare = [made[name] for name in ("_no_blocks", "_back") if name in made]
        spare += [self._editor.widget] if "_editor" in made else []
        for widget in spare:
            close_with_parts(widget)

    @property
    def _edits(self) -> bool:
        """Whether the place has the editor, and not what stands there instead."""
        return vars(self).get("_no_blocks") not in self._place.children

    @functools.cached_property
    def _editor(self) -> BlockEditor:
        return BlockEditor(
            self._blocks_changed,
            self._refused,
            self._alert,
            self._chosen,
        )

    @functools.cached_property
    def _no_blocks(self) -> Page:
        reason = (
            "This model was made elsewhere, and is shown as it is: it has no blocks that can be "
            "edited here."
        )
        return page(Line(reason, "reason"))

    @functools.cached_property
    def _back(self) -> widgets.Button:
        button = widgets.Button(layout=plain_layout(shared=False))
        button.on_click(self._back_clicked)
        return button

    def _blocks_changed(self, architecture: EncoderDecoder, step: str) -> None:
        """Show an architecture whose blocks were edited; raises what is wrong with it."""
        with self._state.lock:
            self._state.unbroken.do(self._change, architecture, step)

    def _change(self, architecture: EncoderDecoder, step: str) -> None:
        design = self._state.design
        self._state.update(step, architecture=architecture)
        self._actions.accepted(design)

    def _refused(
        self,
        error: Exception,
        control: widgets.DOMWidget,
        label: str,
        retry: Retry,
        moved: Iterable[tuple[Control, str, Remedy]] = (),
    ) -> None:
        def attempt(owner: str, remedy: Remedy) -> Design:
            received = self._state.design.input
            if owner == "Input":
                return Design(retry("", {}), attrs.evolve(received, **remedy.changes))
            return Design(retry(owner, remedy.changes), received)

        left = {found: problem_without(back, owner, attempt) for found, owner, back in moved}
        with self._state.lock:
            self._actions.refuse(error, control, label, attempt, left)

    @guarded
    def _back_clicked(self, _: Any) -> None:
        if self._origin is not None:
            self._actions.start_from(self._origin)

    @guarded
    def _opened(self, _: Any) -> None:
        with self._state.lock:
            self.show(self._state.design.architecture)
