"""The diagram on screen: how it is drawn, what is selected in it, and what a user does there."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import attrs
import ipywidgets as widgets

from explorer import graphviz_layout
from explorer.core.analysis.quantities import QUANTITIES
from explorer.core.drawing.boxes import cards_of, folded_rows_of, links_of
from explorer.core.drawing.diagram import PNG_DPI, Diagram, finished
from explorer.core.drawing.dot import DETAILS, SHARES, DiagramOptions, Drawing, scale_colour
from explorer.core.drawing.items import Item, items_of
from explorer.core.drawing.merged import merged
from explorer.core.drawing.palette import LIGHT
from explorer.core.drawing.pdf import as_pdf
from explorer.core.editing.snapshot import Scene
from explorer.core.families import ReadModel, presets
from explorer.core.families.titles import title_of
from explorer.core.formatting import printable
from explorer.core.guard import guarded
from explorer.core.network.errors import Refusal
from explorer.core.network.names import block_id, layer_id
from explorer.core.network.parameters import parameter, parameters_of
from explorer.widget.controls.form import Form, page
from explorer.widget.messages import (
    Find,
    LaidOutDrawing,
    LaysOut,
    Nearer,
    Save,
    SavedFile,
    SavedPicture,
    Select,
    Toggle,
    ToLayOut,
    WantsCode,
)
from explorer.widget.panels.diagram.canvas import Canvas
from explorer.widget.panels.tab_view import TabView
from explorer.widget.parts import Paragraph, Run, Swatch, Words

if TYPE_CHECKING:
    from explorer.core.analysis.comparison import Comparison

#: Characters of a search that found nothing that are repeated.
MOST_CHARACTERS = 40

MIME_TYPES = {
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "png": "image/png",
    "dot": "text/vnd.graphviz",
}


def _kind_of(scene: Scene) -> str:
    """Return what kind of architecture is shown; of models that were read each is one by itself."""
    architecture = scene.design.architecture
    if isinstance(architecture, ReadModel):
        return f"{architecture.name} of {len(scene.graph)} layers"
    return type(architecture).__name__


#: The choice of how much is written of a block that leaves it to the zoom.
BY_ZOOM = "by zoom"
#: Stands between what is drawn, and how it is arranged.
ARRANGED = ", as "


@attrs.frozen
class Choices(DiagramOptions):
    """How a graph is drawn, as a user chooses it."""

    detail: str = parameter(
        BY_ZOOM,
        choices=(BY_ZOOM, *DETAILS),
        doc="More the nearer one looks; or always blocks alone, what each block does, or every "
        "layer with its shape.",
    )


@attrs.frozen
class Drawn:
    """A drawing, and what can be selected in it."""

    drawing: Drawing
    items: tuple[Item, ...]

    def item_of(self, scene: Scene) -> str:
        """Return the item that stands for what is selected in a scene."""
        if not scene.nodes:
            return ""
        if scene.selected in {item.id for item in self.items}:
            return scene.selected
        return self.drawing.row_of(scene.selected) or block_id(scene.nodes[-1])

    def paper(self) -> Diagram:
        """Return the drawing as it is saved: light, and without handles."""
        return Diagram(attrs.evolve(self.drawing, handles=False).dot())


class DiagramView(widgets.VBox, TabView):
    """Shows the graph of a scene, in the way that its controls say.

    Attributes:
        options: How it is drawn.
        toggled: Ids of the cards that have the other detail than the rest, and of the rows of
            repeated layers that are listed all the same.
        canvas: The drawing.
    """

    def __init__(
        self,
        select: Callable[[str], None],
        redraw: Callable[[], None],
        alert: Callable[[str], None],
        **traits: Any,
    ) -> None:
        """Make the view.

        Args:
            select: Called with the selection that the user made.
            redraw: Called when the drawing is to be shown in another way.
            alert: Shows the text of an unforeseen error.
            **traits: Of the box.
        """
        self.options = DiagramOptions()
        self.toggled: frozenset[str] = frozenset()
        self._comparison: Comparison | None = None
        self._select = select
        self._redraw = redraw
        self._alert = alert
        self._scene: Scene | None = None
        self._drawn: Drawn | None = None
        self._key: object = None
        self._near = self.options.detail  # what the zoom makes of the detail
        *others, detail = parameters_of(Choices)
        self._form = Form((detail, *others), Choices(), lambda _: self._redraw())
        self._form.widget.add_class("explorer-choices")
        self._legend = page()
        self.canvas = Canvas()
        self.canvas.on_sent(self._received)
        super().__init__([self.canvas, self._legend, self._form.widget], **traits)
        self.add_class("explorer-diagram")
        self.add_class("explorer-themed")

    def show(self, scene: Scene) -> None:
        """Draw a scene, and mark what is selected in it."""
        before, self._scene = self._scene, scene
        family = self._family_of(scene)
        if family != self.canvas.family:
            self._near = DiagramOptions().detail
            if self._is_by_zoom:
                self.toggled = frozenset()
        self._take_options()
        key = (scene.design, self.options, self.toggled, dict(scene.times), self._comparison)
        is_new = key != self._key
        with self.canvas.hold_sync():
            if is_new:
                self._draw(scene, key, before)
            self.canvas.family = family
            is_mixed = not self.toggled.isdisjoint(self.canvas.places.values())
            self.canvas.detail = self._near if self._is_by_zoom and not is_mixed else ""
            self.canvas.selected = scene.selected
            self.canvas.shown = self._drawn.item_of(scene) if self._drawn else ""
        if is_new:
            self.canvas.give_way()  # all other views would be worked out before

    @property
    def _is_by_zoom(self) -> bool:
        return bool(self._form.controls["detail"].value == BY_ZOOM)

    def _family_of(self, scene: Scene) -> str:
        """Return what is looked at as a whole at first: a kind or preset, arranged in some way."""
        kind, title = _kind_of(scene), title_of(scene.design.architecture)
        before, *_ = self.canvas.family.partition(ARRANGED)
        is_edited = title not in presets and before.startswith(f"{kind}: ")
        values = self._form.values
        arranged = values["direction"], values["draw_sizes"], self._comparison is not None
        return f"{before if is_edited else f'{kind}: {title}'}{ARRANGED}{arranged}"

    def _draw(self, scene: Scene, key: object, before: Scene | None) -> None:
        last = self._drawn.drawing if self._drawn else None
        drawn = self.drawn(scene)
        drawing = drawn.drawing
        same_way = last is not None and last.options == drawing.options
        is_edit = before is not None and before.design != scene.design and not scene.begins
        edited = same_way and is_edit
        self.canvas.draw(drawing.dot())
        if before is not None and before.design != scene.design:
            self.canvas.found = ""  # it was of that one
        self.canvas.places = drawing.places
        self.canvas.items = drawn.items
        self.canvas.changed = (
            tuple(card for card, label in drawing.labels.items() if last.labels.get(card) != label)  # type: ignore[union-attr]
            if edited
            else ()
        )
        legend = self._legend_of(drawing)
        self._legend.parts = (Paragraph(legend, mark="legend"),) if legend else ()
        self._drawn, self._key = drawn, key  # at last: what is broken off is drawn again

    def drawn(self, scene: Scene, detail: str | None = None) -> "Drawn":
        """Return a scene's drawing.

        Args:
            scene: What is drawn.
            detail: How much is written of each block; None: as the controls say.
        """
        graph, options, toggled = scene.graph, self.options, self.toggled
        if detail:
            options, toggled = attrs.evolve(options, detail=detail), frozenset()
        cards = cards_of(graph)
        both = merged(self._comparison) if self._comparison else None
        drawing = Drawing(
            cards=both.cards if both else cards,
            links=both.links if both else links_of(graph, cards),
            notes=both.notes if both else {},
            states=both.states if both else {},
            outputs=graph.outputs,
            options=options,
            toggled=toggled,
            times=scene.times,
            fold=True,
            handles=True,
        )
        items = items_of(graph, cards, drawing.rows, scene.design.report, scene.times)
        return Drawn(drawing, tuple(items))

    def _legend_of(self, drawing: Drawing) -> tuple[Run, ...]:
        parts: list[Run] = []
        quantity = QUANTITIES.get(self.options.colour_by)
        if quantity:
            if quantity.is_measured and not drawing.times:
                parts.append(Words("No times yet: use “Time every layer”."))
            limits = (0.0, *SHARES)
            texts = [f"{limit:.0%} or more" for limit in limits]
            texts[0] = f"below {SHARES[0]:.0%}"
            parts += [
                Swatch(text, scale_colour(limit), LIGHT.muted)
                for limit, text in zip(limits, texts, strict=True)
            ]
            parts.append(Words(f"of {quantity.everything}."))
        elif not drawing.states and (
            self.options.draw_sizes or any(map(drawing.is_open, drawing.cards))
        ):
            present = {node.layer.family for card in drawing.cards for node in card.nodes}
            parts += [
                Swatch(name, colour, LIGHT.muted)
                for name, colour in LIGHT.families.items()
                if name in present
            ]
        if self._comparison:
            # With a scale, bodies tell shares, headers and frames what became of a box.
            place = 0 if quantity else 1
            frames = {"same": LIGHT.muted, **LIGHT.states}
            parts += [
                Swatch(state, colours[place], frames[state])
                for state, colours in LIGHT.compared.items()
            ]
            parts.append(Words("Dashed frames: only in A. Arrows marked A or B: only there."))
        if self.options.draw_sizes:
            parts.append(
                Words("Slabs are as high as the feature, and as wide as the root of its channels.")
            )
        return tuple(parts)

    def compare(self, comparison: "Comparison | None") -> None:
        """Mark what differs from a pinned design, from the next scene on; None ends this."""
        self._comparison = comparison

    # What the user does.

    def _take_options(self) -> None:
        """Draw as the controls say, also where an interrupt came between them and the drawing."""
        values = self._form.values
        if self._is_by_zoom:
            values["detail"] = self._near
        options = DiagramOptions(**values)
        if options.detail != self.options.detail:
            self.toggled = frozenset()
        self.options = options

    @guarded
    def _received(
        self,
        message: Select | Toggle | Nearer | Find | Save | WantsCode | LaysOut | LaidOutDrawing,
        _: Any,
    ) -> None:
        match message:
            case WantsCode():
                self.canvas.give_code()
            case LaysOut():
                self.canvas.hear(message)
                if not message.lays_out:
                    self._key = None
                    self._redraw()
            case Select():
                self._select(message.select)
            case Toggle():
                self._toggle(message.toggle)
                self._redraw()
            case Nearer():
                if self.canvas.detail:
                    self._near = message.detail
                    self._redraw()
            case Find():
                self._find(message.find, message.step)
            case Save():
                self._save(message.save)
            case LaidOutDrawing():
                self._save_laid_out(message)

    def _toggle(self, shown: str) -> None:
        """Show a card in more or less detail, or list what is folded; its card folds it again."""
        listed: frozenset[str] = frozenset()
        if self._drawn:
            drawing = self._drawn.drawing
            cards = [card for card in drawing.cards if card.id == shown]
            rows = [row for card in cards for row in folded_rows_of(card, drawing.states)]
            listed = self.toggled & {row.id for row in rows if row.times}
        self.toggled ^= listed or {shown}

    def _find(self, text: str, step: int) -> None:
        """Select the first layer that has a text in its names or kind, or one so many further."""
        if self._scene is None:
            return
        wanted = text.strip().lower()
        title_of = {
            node: card.title
            for card in (self._drawn.drawing.cards if self._drawn else ())
            for node in card.nodes
        }
        found = [
            node
            for node in self._scene.graph
            if wanted
            and wanted
            in f"{title_of.get(node)} {node.name} {node.kind} {node.layer.summary}".lower()
        ]
        if not found:
            self.canvas.found = (
                f"no layer has “{printable(_short(text.strip()))}”" if wanted else ""
            )
            return
        place = found.index(self._scene.node) if self._scene.node in found else -step
        place = (place + step) % len(found)
        self.canvas.found = f"{place + 1} of {len(found)}"
        self._select(layer_id(found[place]))

    def _save(self, ending: Literal["svg", "pdf", "png", "dot"]) -> None:
        """Send the drawing to the browser as a file, for papers."""
        if self._scene is None:
            return
        self.canvas.found = ""
        drawing = self.drawn(self._scene).paper()
        is_of_page = self.canvas.pages_can and not graphviz_layout.writes(ending)
        if ending != "dot" and is_of_page:
            self.canvas.send_message(ToLayOut(ending), [drawing.dot.encode()])
            return
        try:
            content = drawing.content(ending)
        except Refusal as refusal:
            self.canvas.found = str(refusal)
            return
        self.canvas.send_message(SavedFile(self._file(ending), MIME_TYPES[ending]), [content])

    def _save_laid_out(self, message: LaidOutDrawing) -> None:
        """Send a drawing back that the page has laid out, as a file."""
        if not message.laid_out:
            self.canvas.found = "The page could not lay the drawing out: save it as .dot."
            return
        ending, svg = message.ending, message.laid_out
        name, content = self._file(ending), as_pdf(svg) if ending == "pdf" else finished(svg)
        self.canvas.send_message(
            SavedPicture(name, PNG_DPI) if ending == "png" else SavedFile(name, MIME_TYPES[ending]),
            [content],
        )

    def _file(self, ending: str) -> str:
        name = self._scene.graph.name if self._scene else "diagram"
        return f"{printable(name)}.{ending}"


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"
