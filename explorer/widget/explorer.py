"""The explorer: the store, the panels that show it, and what the next cell can use of it.

Everything flows one way: a control changes the state, the state makes a graph and a report, and
each view shows them. What arrives late (from the Keras process) is dropped when it is about
another design than the one on screen.
"""

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias
from xml.etree.ElementTree import Element, tostring

import ipywidgets as widgets
import traitlets

from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.report import Report
from explorer.core.editing.store import State
from explorer.core.families import Architecture, ReadModel
from explorer.core.guard import guarded
from explorer.core.network.blocks import DecoderBlock, EncoderBlock
from explorer.core.network.graph import Graph
from explorer.core.network.parameters import Parameter
from explorer.keras_side.given_models import built
from explorer.widget.controls.form import close_unused, parts_of
from explorer.widget.given import (
    as_architecture,
    block_of,
    budgets_in,
    budgets_of,
    check_profile,
    design_of,
)
from explorer.widget.panels.panels import Panels
from explorer.widget.saved_view import SavedView

if TYPE_CHECKING:
    import keras

    from explorer.core.analysis.budgets import Budget
    from explorer.core.analysis.device_profile import DeviceProfile
    from explorer.core.exchange.loaded import Loaded

    Shown: TypeAlias = "Architecture | EncoderBlock | DecoderBlock | Graph | Loaded | keras.Model"


#: What `height` can be.
HEIGHT = Parameter(name="height", value_type=int, default=None, minimum=300, maximum=10_000)
#: Pixels of a page that holds what is on screen: the views, and the first rows of the table.
STILL_HEIGHT = 900


class Explorer(widgets.VBox):
    """A widget in which moving a control reshapes an encoder-decoder, and every view follows.

    Attributes:
        architecture: The architecture shown; assigning one moves the controls.
        input_shape: `(height, width, channels)` of the input.
        batch_size: Images in one forward pass.
    """

    architecture = traitlets.Any()
    input_shape = traitlets.Any()
    batch_size = traitlets.Any()

    def __init__(
        self,
        architecture: "Shown | Design | None" = None,
        input_shape: Sequence[int] | None = None,
        height: int | None = None,
        budgets: "Iterable[Budget]" = (),
        profile: "DeviceProfile | None" = None,
    ) -> None:
        """Make an explorer.

        Args:
            architecture: What to start with; a small U-Net that runs anywhere if None. A block
                is shown in the smallest network that has it; a Keras model, or a graph, as it is;
                what `load` returns, too.
            input_shape: `(height, width, channels)` of the input; if None, a model's or file's
                own, or (256, 256, 1).
            height: Of the explorer on the page, in pixels, at least 300; None: as high as the
                window allows, up to 740. In a narrow page a lesson takes at least 620.
            budgets: What the design is to keep to: see `budgets`; none: what was loaded with it.
            profile: Of the device that times are told for: see `profile_device`.

        Raises:
            ParameterError: If the shape does not fit the architecture, or the height is too small.
            ValueError: If a model cannot be read.
            TypeError: If it is something else.
        """
        check_profile(profile)
        if height is not None:
            HEIGHT.check("Explorer", height)
        self._state = State(design_of(architecture, input_shape), threading.RLock())
        self._state.limit(budgets_of(budgets) or budgets_in(architecture))
        self._state.profile = profile
        self._built_here: tuple[Graph, Any] | None = None
        self._panels = Panels(self._state)
        self._saved = SavedView(self._panels.saved, self._state.lock, self._alert)
        self._panels.names.hides = self._saved.name
        super().__init__(self._panels.arranged(height))
        self.layout.width = "auto"
        self.add_class("explorer")
        self._unsubscribe = self._state.subscribe(self._show)
        self._state.tell()
        if isinstance(architecture, (EncoderBlock, DecoderBlock)):
            self._panels.blocks.edit(block_of(architecture, self.graph))

    @classmethod
    def from_link(cls, text: str, **options: Any) -> Self:
        """Make an explorer that shows what a link holds.

        Args:
            text: The link, as `link` gives it.
            **options: Further arguments of `Explorer`.

        Raises:
            ValueError: If it is none, is damaged, or holds what no network can have.
        """
        from explorer.core.exchange.links import from_link

        shared = from_link(text)
        if shared.pinned:
            _ = shared.pinned.report  # raises for a design that cannot be
        made = cls(shared.design, **{"budgets": shared.budgets, **options})
        made._panels.look_as(shared.selected, shared.pinned)
        return made

    # What the next cell can use.

    @property
    def link(self) -> str:
        """What is on screen, as the fragment of a link: design, selection, A, and budgets.

        Raises:
            ValueError: If it is, or is compared with, a Keras model, which no link holds.
        """
        return self.link_to()

    def link_to(self, base: str = "") -> str:
        """Return a link to what is on screen: see `link`.

        Args:
            base: Address of a page that opens such links; empty: none.
        """
        from explorer.core.exchange.links import to_link

        return to_link(self._panels.shared(), base)

    def snapshot(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return what is on screen as an HTML page that needs no kernel and no network.

        One can look around in it as here: zoom, hover, select, read what is explained, sort.

        Args:
            path: File to write it to; None: none.
        """
        from explorer.widget.snapshot.page import snapshot

        panels = self._panels
        with self._state.lock:
            page = snapshot(panels.screen, panels.totals, panels.glossary, panels.saved())
        if path is not None:
            Path(path).write_text(page, encoding="utf-8")
        return page

    def embed(self, base: str, height: int = 800) -> str:
        """Return HTML that shows what is on screen in another page, where no kernel is needed.

        Args:
            base: Address of the site that `make site` built, where you published it.
            height: In pixels.

        Raises:
            ValueError: As `link` does.
        """
        title = f"{self.graph.name}: encoder-decoder explorer"
        options = {"src": self.link_to(base), "title": title, "height": str(height)}
        return _frame(options)

    @property
    def budgets(self) -> "tuple[Budget, ...]":
        """What the design is to keep to: shown in the top bar, and where designs are searched.

        Raises:
            TypeError: If something is assigned that is no budget.
        """
        return self._state.budgets

    @budgets.setter
    def budgets(self, budgets: "Iterable[Budget]") -> None:
        self._state.limit(budgets_of(budgets))

    @property
    def graph(self) -> Graph:
        """The layers of the network shown."""
        return self._state.design.graph

    @property
    def report(self) -> Report:
        """The analysis of the network shown."""
        return self._state.design.report

    @property
    def controls(self) -> Mapping[str, Any]:
        """The widget that holds each parameter's value, by name, to be linked to other widgets.

        They are those of the present class of architecture, and of the input; each class keeps its
        own. What is assigned to a widget's `value` counts as typed there.
        """
        return {name: control.holder for name, control in self._panels.parameters.controls.items()}

    @property
    def model(self) -> "keras.Model":
        """The Keras model of the network shown, built in this kernel when first asked for.

        Of a model of the user's it is that model itself, and at another size one with its weights.
        """
        design = self._state.design
        if self._built_here is None or self._built_here[0] is not design.graph:
            made = built(design.architecture, design.input.shape)
            self._built_here = design.graph, made
        return self._built_here[1]

    def close(self) -> None:
        """Close the explorer with all its widgets, and drop what it has asked of Keras."""
        if self.comm is None or not hasattr(self, "_unsubscribe"):
            super().close()  # ipywidgets closes again, and what could not be made
            return
        with self._state.lock:
            self._unsubscribe()
            self._saved.close()
            self._panels.close()
            for part in parts_of(self):
                if part is not self:
                    part.close()
            super().close()
            close_unused()

    @traitlets.observe("architecture", "input_shape", "batch_size")
    def _assigned(self, change: Any) -> None:
        with self._state.lock:
            shown = _traits_of(self._state.design)
            now = shown[change.name]
            if type(change.new) is type(now) and change.new == now:
                return  # as when `_publish` is interrupted, and the other traits don't follow
            wanted = {name: getattr(self, name) for name in shown}
            if self._state.unbroken.is_broken_off:  # so that they don't follow yet
                wanted = {**shown, change.name: change.new}
            try:
                self._state.unbroken.do(self._assign, wanted)
            finally:
                self._publish(self._state.design)

    def _assign(self, wanted: dict[str, Any]) -> None:
        shape = wanted["input_shape"]
        shown = as_architecture(wanted["architecture"], shape)
        if isinstance(shown, ReadModel) and shown != self._state.design.architecture:
            shape = shown.shown_shape
        given = Input(batch_size=wanted["batch_size"]).of_shape(shape)
        self._state.update(architecture=shown, input=given)

    def _publish(self, design: Design) -> None:
        """Let the traits say what is shown."""
        with self.hold_trait_notifications():
            for name, value in _traits_of(design).items():
                setattr(self, name, value)

    def _show(self, design: Design) -> None:
        self._panels.problem.accept()
        self._tell_observers(design)
        self._panels.show(design)
        self._saved.follow()

    def __repr__(self) -> str:
        """Return what is shown; ipywidgets would list all widgets in it, which takes long."""
        state = getattr(self, "_state", None)  # None in what could not be made
        return f"<Explorer of {state and state.design.graph!r}>"

    def _ipython_display_(self) -> None:
        """Show it in a notebook, and beneath it what pages show where nothing runs."""
        self._saved.show(super()._repr_mimebundle_())

    def _mime_(self) -> tuple[str, str]:
        """Return what is on screen to look around in: marimo has no widgets but anywidgets."""
        title = f"{self.graph.name}, as it is now"
        options = {"srcdoc": self.snapshot(), "title": title, "height": str(STILL_HEIGHT)}
        return "text/html", _frame(options)

    @guarded
    def _tell_observers(self, design: Design) -> None:
        self._publish(design)

    def _alert(self, message: str) -> None:
        self._panels.problem.report(message)


def _frame(options: Mapping[str, str]) -> str:
    """Return HTML that shows another page."""
    frame = Element("iframe", {**options, "width": "100%", "style": "border: 0"})
    return tostring(frame, encoding="unicode", method="html")


def _traits_of(design: Design) -> dict[str, Any]:
    """Return what the traits of an explorer are while it shows a design."""
    given = design.input
    return {
        "architecture": design.architecture,
        "input_shape": given.shape,
        "batch_size": given.batch_size,
    }
