"""The explorer: the one place that wires state, controls, views and worker together.

Everything flows one way: a control changes the state, the state makes a graph and a report, and
each view shows them. What arrives late (from the Keras process) is dropped when it is about
another design than the one on screen.
"""

import functools
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import ipywidgets as widgets
import traitlets

from explorer.analysis import Report
from explorer.architectures import Architecture, Custom, ReadModel, presets
from explorer.block_editor import BlockEditor
from explorer.blocks import DecoderBlock, EncoderBlock
from explorer.controls import Form, plain, plain_layout
from explorer.encoder_decoder import EncoderDecoder
from explorer.graph import Block, Graph, check_input_shape
from explorer.guard import guarded
from explorer.keras_model import build
from explorer.live_keras import LiveKeras
from explorer.parameters import ParameterError, parameters_of, problem_text
from explorer.screen import Screen
from explorer.state import Design, Input, State
from explorer.views.history_view import HistoryView
from explorer.views.names import Names
from explorer.views.totals import Totals

if TYPE_CHECKING:
    import keras

    Shown: TypeAlias = "Architecture | EncoderBlock | DecoderBlock | Graph | keras.Model"

DEFAULT_PRESET = "U-Net (small)"


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
        architecture: "Shown | None" = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        """Make an explorer.

        Args:
            architecture: What to start with; a small U-Net that runs anywhere if None. A block
                is shown in the smallest network that has it; a Keras model, or a graph, as it is.
            input_shape: `(height, width, channels)` of the input; if None, a model's own, or
                (256, 256, 1).

        Raises:
            ParameterError: If the shape does not fit the architecture.
            ValueError: If a model cannot be read.
            TypeError: If it is something else.
        """
        block = None
        if isinstance(architecture, (EncoderBlock, DecoderBlock)):
            block, architecture = architecture, Custom.around(architecture)
        elif architecture is None:
            architecture = presets[DEFAULT_PRESET]
        shown = as_architecture(architecture, input_shape)
        if input_shape is None:
            input_shape = shown.shown_shape if isinstance(shown, ReadModel) else (256, 256, 1)
        self._state = State(Design(shown, _input(input_shape)))
        self._base = shown
        self._given = shown if isinstance(shown, ReadModel) else None
        self._origin: EncoderDecoder | None = None  # what was shown before its blocks were edited
        self._built_here: tuple[Graph, Any] | None = None
        self._showing = False
        self._make_views()
        super().__init__(self._arrange())
        self.layout.width = "auto"
        self.add_class("explorer")
        self._state.subscribe(self._show)
        self._show(self._state.design)
        if block is not None:
            part = "dec" if isinstance(block, DecoderBlock) else "enc"
            name = f"stack0_{part}0"
            self._edit_block(next(n.block for n in self.graph if n.block and n.block.name == name))

    # What the next cell can use.

    @property
    def graph(self) -> Graph:
        """The layers of the network shown."""
        return self._state.design.graph

    @property
    def report(self) -> Report:
        """The analysis of the network shown."""
        return self._state.design.report

    @property
    def model(self) -> "keras.Model":
        """The Keras model of the network shown, built in this kernel when first asked for.

        Of a model of the user's it is that model itself, and at another size one with its weights.
        """
        design, graph = self._state.design, self.graph
        if self._built_here is None or self._built_here[0] is not graph:
            architecture, shape = design.architecture, design.input.shape
            if not isinstance(architecture, ReadModel) or architecture.model is None:
                made = build(architecture, shape)
            elif architecture.takes(shape):
                made = architecture.model
            else:
                made = architecture.keras_model(shape)
                made.set_weights(architecture.model.get_weights())
            self._built_here = (graph, made)
        return self._built_here[1]

    def close(self) -> None:
        """Take the explorer off the screen and drop what it has asked of Keras."""
        if hasattr(self, "_keras"):  # ipywidgets closes what could not be made, too
            self._keras.close()
            self._screen.close()
        super().close()

    @traitlets.observe("architecture", "input_shape", "batch_size")
    def _assigned(self, change: Any) -> None:
        with self._state.lock:
            try:
                shown = as_architecture(self.architecture, self.input_shape)
                shape = self.input_shape
                if isinstance(shown, ReadModel) and shown != self._state.design.architecture:
                    shape = shown.shown_shape
                given = _input(shape, self.batch_size)
                self._state.update(architecture=shown, input=given)
            finally:
                self._publish(self._state.design)

    def _publish(self, design: Design) -> None:
        """Let the traits say what is shown."""
        with self.hold_trait_notifications():
            self.architecture = design.architecture
            self.input_shape = design.input.shape
            self.batch_size = design.input.batch_size

    # The parts of the screen.

    def _make_views(self) -> None:
        design = self._state.design
        self._family = widgets.Dropdown(
            description="architecture",
            tooltip="Start from this architecture",
            layout=plain_layout(),
        )
        self._family.add_class("explorer-family")
        self._family.observe(self._family_chosen, names="value")
        self._history = HistoryView(self._moved, layout=plain_layout())
        self._form_box = widgets.VBox(layout=plain_layout())
        self._input_form = Form(
            parameters_of(Input), design.input, lambda name: self._edited(self._input_form, name)
        )
        self._problem = plain(widgets.HTML)
        self._totals = Totals(layout=plain_layout())
        self._screen = Screen(
            self._state,
            self._alert,
            self._edit_block,
            lambda: self._keras.time_layers(),
            lambda: self._keras.picture,
            lambda: self._keras.forward.measurement,
        )
        self._keras = LiveKeras(
            self._state, self._alert, self._screen.show_times, self._screen.picture_changed
        )
        widgets.dlink(
            (self._keras.forward.stop, "disabled"),
            (self._screen.inspector, "running"),
            lambda disabled: not disabled,
        )
        self._editor_place = widgets.VBox(layout=plain_layout())
        self._editor_box = widgets.Accordion(
            [self._editor_place], titles=["Blocks and heads"], layout=plain_layout()
        )
        self._editor_box.observe(self._editor_opened, names="selected_index")

    def _arrange(self) -> list[widgets.Widget]:
        style = (Path(__file__).parent / "views" / "style.css").read_text(encoding="utf-8")
        controls = widgets.VBox(
            [
                self._history,
                self._family,
                self._form_box,
                _heading("Input"),
                self._input_form.widget,
                self._editor_box,
            ],
            layout=plain_layout(),
        )
        controls.add_class("explorer-controls")
        views = widgets.VBox(
            [self._problem, self._totals, self._screen.diagram], layout=plain_layout()
        )
        views.add_class("explorer-views")
        body = widgets.Box([controls, views, self._screen.inspector], layout=plain_layout())
        body.add_class("explorer-body")
        return [
            plain(widgets.HTML, f"<style>{style}</style>"),
            Names(layout=plain_layout()),
            body,
            _heading("In Keras"),
            self._keras.status,
            self._keras.forward,
            self._screen.tabs,
        ]

    # From the state to the screen.

    @guarded
    def _show(self, design: Design) -> None:
        """Show a design in every view."""
        with self._state.lock:
            self._base = design.architecture
            if isinstance(design.architecture, ReadModel):
                self._given = design.architecture
            self._publish(design)
            self._screen.show(design)
            self._history.show(self._state.history)
            self._show_controls(design)
            self._totals.show(design.report, design.architecture, design.input.batch_size)
            self._problem.value = ""
            self._keras.show(design)

    def _show_controls(self, design: Design) -> None:
        self._make_form(design.architecture)
        for form, values in (
            (self._form, design.architecture),
            (self._input_form, design.input),
        ):
            form.show(values)
            form.show_error("", "")
        for name in ("height", "width"):
            self._input_form.controls[name].set_step(design.architecture.maximum_stride)
        if isinstance(design.architecture, ReadModel):
            for name, reason in design.architecture.inactive.items():
                self._input_form.controls[name].show_inactive(reason)
        self._show_family(design.architecture)
        self._show_editor(design.architecture)

    def _show_editor(self, architecture: Architecture) -> None:
        """Show the blocks, while their editor is open."""
        if self._editor_box.selected_index is None:
            return
        if isinstance(architecture, ReadModel):
            self._editor_place.children = [self._no_blocks]
            return
        if self._editor_place.children == (self._no_blocks,):
            self._editor_place.children = []
        can_go_back = isinstance(architecture, Custom) and self._origin is not None
        self._back.layout.display = "" if can_go_back else "none"
        self._back.description = f"Back to {type(self._origin).__name__}"
        self._editor.show(architecture)
        if not self._editor_place.children:  # once they are complete: the page shows them at once
            self._editor_place.children = [self._back, self._editor.widget]

    @functools.cached_property
    def _editor(self) -> BlockEditor:
        return BlockEditor(self._blocks_changed, self._alert)

    @functools.cached_property
    def _no_blocks(self) -> widgets.HTML:
        return plain(
            widgets.HTML,
            '<div class="explorer-reason">This model was made elsewhere, and is shown as it is: it '
            "has no blocks that can be edited here.</div>",
        )

    @functools.cached_property
    def _back(self) -> widgets.Button:
        button = widgets.Button(layout=plain_layout(shared=False))
        button.on_click(self._back_clicked)
        return button

    def _make_form(self, architecture: Architecture) -> None:
        """Make the controls of a family, unless they are already there."""
        if getattr(self, "_form_class", None) is not type(architecture):
            self._form_class = type(architecture)
            before = getattr(self, "_form", None)
            self._form = Form(
                parameters_of(self._form_class),
                architecture,
                lambda name: self._edited(self._form, name),
            )
            self._form_box.children = [self._form.widget]
            if before:
                before.close()

    def _show_family(self, architecture: Architecture) -> None:
        own = type(architecture).__name__
        name = next((name for name, preset in presets.items() if preset == architecture), None)
        edited = f"{own} (edited)" if own in _preset_classes() else own
        read = [_title(self._given)] if self._given else []
        if isinstance(architecture, ReadModel):
            name = _title(architecture)
        options = [*presets, *read, *([] if name else [edited])]
        self._showing = True
        try:
            if list(self._family.options) != options:
                self._family.options = options
            self._family.value = name or edited
        finally:
            self._showing = False

    def _alert(self, message: str) -> None:
        self._problem.value = (
            '<div class="explorer-status explorer-bad" role="alert">Something went wrong inside '
            "the explorer. The picture shows the last network that worked."
            f"<pre>{escape(message)}</pre></div>"
        )

    # From the controls to the state.

    @guarded
    def _edited(self, form: Form, name: str) -> None:
        """Show the network that all controls together describe, or say what is wrong with it."""
        with self._state.lock:
            try:
                given = Input(**self._input_form.values)
                values = self._form.values
                architecture = attrs.evolve(self._base, **values) if values else self._base
                self._state.update(architecture=architecture, input=given)
            except Exception as error:  # a class that the user wrote can raise anything
                self._refuse(error, form, name)
                return
            # The same network as before the refused edit is no news to the state.
            if self._problem.value:
                self._show(self._state.design)

    def _refuse(self, error: Exception, form: Form, name: str) -> None:
        """Show an error beneath the control that it is about, and leave the views as they are.

        Args:
            error: What is wrong.
            form: Where the user made the edit: the place for an error that names no control.
            name: The parameter that the user edited.
        """
        if isinstance(error, ParameterError):
            named = self._input_form if error.owner == "Input" else self._form
            if error.field in named.controls:
                form, name = named, error.field
        message = problem_text(error)
        for other in (self._form, self._input_form):
            other.show_error(name if other is form else "", message)
        self._history.refused = True
        self._problem.value = (
            '<div class="explorer-status explorer-bad" role="alert">The controls do not describe a '
            f"network yet, so the last one stays. {escape(message)}</div>"
        )

    @guarded
    def _moved(self, steps: int, relative: bool) -> None:
        """Go to a step of the history; what was refused is undone first."""
        with self._state.lock:
            if self._history.refused and relative and steps < 0:
                self._show(self._state.design)
            else:
                self._state.move(steps, relative)

    @guarded
    def _family_chosen(self, change: Any) -> None:
        if self._showing:
            return
        with self._state.lock:
            if change.new in presets:
                self._start_from(presets[change.new])
            elif self._given and change.new == _title(self._given):
                shape = self._given.shown_shape
                batch_size = self._state.design.input.batch_size
                self._state.update(architecture=self._given, input=_input(shape, batch_size))

    def _start_from(self, architecture: EncoderDecoder) -> None:
        """Put an architecture into the controls; it is shown unless the input does not fit it."""
        self._base = architecture
        self._make_form(architecture)
        self._form.show(architecture)
        self._edited(self._input_form, "height")

    def _blocks_changed(self, architecture: EncoderDecoder) -> None:
        """Show an architecture whose blocks were edited; raises what is wrong with it."""
        with self._state.lock:
            before = self._state.design.architecture
            self._state.update(architecture=architecture)
            if isinstance(architecture, Custom) and not isinstance(before, (Custom, ReadModel)):
                self._origin = before
                self._show_editor(architecture)

    @guarded
    def _back_clicked(self, _: Any) -> None:
        with self._state.lock:
            if self._origin is not None:
                self._start_from(self._origin)

    @guarded
    def _editor_opened(self, change: Any) -> None:
        with self._state.lock:
            self._show_editor(self._state.design.architecture)

    @guarded
    def _edit_block(self, block: Block) -> None:
        """Open the controls of a block."""
        with self._state.lock:
            self._editor_box.selected_index = 0
            if not isinstance(self._state.design.architecture, ReadModel):
                self._editor.select(block)


def _input(shape: Sequence[int], batch_size: int = 1) -> Input:
    height, width, channels = check_input_shape(shape)
    return Input(height, width, channels, batch_size)


def as_architecture(value: Any, input_shape: Sequence[int] | None) -> Architecture:
    """Return what an explorer shows of a value.

    Raises:
        TypeError: If it is nothing that can be shown.
        ValueError: If it is a model that cannot be read.
    """
    if isinstance(value, (EncoderDecoder, ReadModel)):
        return value
    keras = sys.modules.get("keras")
    if isinstance(value, Graph) or (keras and isinstance(value, keras.Model)):
        return ReadModel.of(value, input_shape)
    raise TypeError(
        f"Explorer can't show {_kind(value)}: give it an architecture (UNet(), Hourglass() or an "
        "instance of a class of your own), a block, a functional or sequential model of Keras 3, "
        "or what read() or trace() returns."
    )


def _kind(value: object) -> str:
    """Return what a value is, judged by the names of its classes: their packages may be absent."""
    if isinstance(value, type):
        return f"the class {value.__name__} itself"
    packages = {cls.__module__.partition(".")[0] for cls in type(value).__mro__}
    if packages & {"tf_keras", "keras_core"}:
        return f"{type(value).__name__}, a model of {(packages & {'tf_keras', 'keras_core'}).pop()}"
    if "torch" in packages:
        return f"{type(value).__name__}, a PyTorch module"
    return f"{_shortened(repr(value))}, of the class {type(value).__name__}"


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


def _title(model: ReadModel) -> str:
    """Return what the list of architectures calls a model of the user's."""
    return f"{model.name} (as given)"


def _preset_classes() -> set[str]:
    return {type(preset).__name__ for preset in presets.values()}


def _heading(text: str) -> widgets.HTML:
    return plain(widgets.HTML, f'<div class="explorer-heading">{escape(text)}</div>')
