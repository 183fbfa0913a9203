"""The explorer: the one place that wires state, controls, views and worker together.

Everything flows one way: a control changes the state, the state makes a graph and a report, and
each view shows them. What arrives late (from the Keras process) is dropped when it is about
another design than the one on screen.
"""

import functools
import sys
import threading
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import ipywidgets as widgets
import traitlets

from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.report import Report
from explorer.core.editing.store import State
from explorer.core.families import Architecture, Custom, ReadModel, presets
from explorer.core.guard import as_part_of, guarded, is_under_way
from explorer.core.network.blocks import DecoderBlock, EncoderBlock
from explorer.core.network.encoder_decoder import EncoderDecoder
from explorer.core.network.errors import ParameterError, problem_text
from explorer.core.network.graph import Block, Graph
from explorer.core.network.parameters import parameters_of
from explorer.core.network.tracing import check_input_shape
from explorer.keras_side.build import build, made_anew
from explorer.keras_side.given_models import as_read_model
from explorer.widget.controls.block_editor import BlockEditor
from explorer.widget.controls.form import Form, Forms, close_unused, parts_of, plain, plain_layout
from explorer.widget.controls.names import Names
from explorer.widget.panels.history.panel import HistoryView
from explorer.widget.panels.keras.panel import LiveKeras
from explorer.widget.panels.problems import Problems
from explorer.widget.panels.screen import Screen
from explorer.widget.panels.totals.panel import Totals

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
        self._state = State(Design(shown, _input(input_shape)), threading.RLock())
        self._given = shown if isinstance(shown, ReadModel) else None
        self._origin: EncoderDecoder | None = None  # what was shown before its blocks were edited
        self._built_here: tuple[Graph, Any] | None = None
        self._make_views()
        super().__init__(self._arrange())
        self.layout.width = "auto"
        self.add_class("explorer")
        self._unsubscribe = self._state.subscribe(self._show)
        self._state.tell()
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
                made = made_anew(architecture, shape)
                made.set_weights(architecture.model.get_weights())
            self._built_here = (graph, made)
        return self._built_here[1]

    def close(self) -> None:
        """Close the explorer with all its widgets, and drop what it has asked of Keras."""
        if self.comm is None or not hasattr(self, "_unsubscribe"):
            super().close()  # ipywidgets closes again, and what could not be made
            return
        with self._state.lock:
            self._unsubscribe()
            self._keras.close()
            self._screen.close()
            made = vars(self)  # what is not on the screen just now, too
            spare = [made[name] for name in ("_no_blocks", "_back") if name in made]
            spare += [self._editor.widget] if "_editor" in made else []
            for part in [each for top in (*spare, self) for each in parts_of(top)]:
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
        self._state.update(architecture=shown, input=_input(shape, wanted["batch_size"]))

    def _publish(self, design: Design) -> None:
        """Let the traits say what is shown."""
        with self.hold_trait_notifications():
            for name, value in _traits_of(design).items():
                setattr(self, name, value)

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
        self._forms = Forms(self._control_changed)
        self._input_form = Form(
            parameters_of(Input),
            design.input,
            lambda name: self._control_changed(self._input_form, name),
        )
        self._problem = plain(Problems)
        self._totals = Totals(layout=plain_layout())
        self._screen = Screen(
            self._state,
            self._alert,
            self._edit_block,
            lambda: self._keras.time_layers(),
            lambda: self._keras.picture,
            lambda: self._keras.forward.measurement,
            self._problem,
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
        style = (Path(__file__).with_name("front") / "style.css").read_text(encoding="utf-8")
        controls = widgets.VBox(
            [
                self._history,
                self._family,
                self._forms,
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

    def _show(self, design: Design) -> None:
        """Show a design in every view, whatever becomes of the others."""
        architecture, given = design.architecture, design.input
        with self._state.lock:
            if isinstance(architecture, ReadModel):
                self._given = architecture
            self._problem.accept()
            self._tell_observers(design)
            self._screen.show(design)
            for name, view, show in (
                ("history", self._history, lambda: self._history.show(self._state.history)),
                ("form of the architecture", self._forms, lambda: self._put(architecture)),
                ("form of the input", self._input_form.widget, lambda: self._show_input(design)),
                ("list of architectures", self._family, lambda: self._show_family(architecture)),
                ("list of blocks", self._editor_place, lambda: self._show_editor(architecture)),
                (
                    "totals",
                    self._totals,
                    lambda: self._totals.show(design.report, architecture, given.batch_size),
                ),
                ("line on Keras", self._keras.status, lambda: self._keras.show(design)),
            ):
                self._problem.watch(name, view, show)

    @guarded
    def _tell_observers(self, design: Design) -> None:
        self._publish(design)

    def _put(self, architecture: Architecture) -> None:
        """Show an architecture in the form of its class."""
        form = self._forms.show(architecture)
        assert form is not None
        self._form = form

    def _show_input(self, design: Design) -> None:
        self._input_form.show(design.input)
        self._input_form.show_error("", "")
        for name in ("height", "width"):
            self._input_form.controls[name].set_step(design.architecture.maximum_stride)
        if isinstance(design.architecture, ReadModel):
            for name, reason in design.architecture.inactive.items():
                self._input_form.controls[name].show_inactive(reason)

    def _show_editor(self, architecture: Architecture) -> None:
        """Show the blocks, while their editor is open."""
        if self._editor_box.selected_index is None:
            return
        if isinstance(architecture, ReadModel):
            self._editor_place.children = [self._no_blocks]
            return
        if not self._edits_blocks:
            self._editor_place.children = []
        can_go_back = isinstance(architecture, Custom) and self._origin is not None
        self._back.layout.display = "" if can_go_back else "none"
        self._back.description = f"Back to {type(self._origin).__name__}"
        self._editor.show(architecture)
        if not self._editor_place.children:  # once they are complete: the page shows them at once
            self._editor_place.children = [self._back, self._editor.widget]

    @property
    def _edits_blocks(self) -> bool:
        """Whether the place of the block editor has it, and not what stands there instead."""
        return vars(self).get("_no_blocks") not in self._editor_place.children

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

    def _show_family(self, architecture: Architecture) -> None:
        own = type(architecture).__name__
        name = next((name for name, preset in presets.items() if preset == architecture), None)
        edited = f"{own} (edited)" if own in _preset_classes() else own
        read = [_title(self._given)] if self._given else []
        if isinstance(architecture, ReadModel):
            name = _title(architecture)
        options = [*presets, *read, *([] if name else [edited])]
        as_part_of(self._family, self._put_family, options, name or edited)

    def _put_family(self, options: list[str], value: str) -> None:
        if list(self._family.options) != options:
            self._family.options = options
        self._family.value = value

    def _alert(self, message: str) -> None:
        self._problem.report(message)

    # From the controls to the state.

    @guarded
    def _control_changed(self, form: Form, name: str) -> None:
        with self._state.lock:
            if self._state.unbroken.is_broken_off:
                value = form.controls[name].value
                self._state.unbroken.mend()  # which shows the last design in all controls
                form = form if form is self._input_form else self._form
                if name not in form.controls:  # of another class, that was to be shown
                    return
                form.controls[name].set_value(value)
            self._state.unbroken.do(self._edited, form, name)

    def _edited(self, form: Form, name: str) -> None:
        """Show the network that all controls together describe, or say what is wrong with it."""
        before = self._state.design
        try:
            given = Input(**self._input_form.values)
            shown, values = self._form.shown, self._form.values
            architecture = attrs.evolve(shown, **values) if values else shown  # type: ignore[misc]
            self._state.update(architecture=architecture, input=given)
        except Exception as error:  # a class that the user wrote can raise anything
            self._refuse(error, form, name)
            return
        # The same network as before a refused edit is no news to the state.
        if self._state.design is before and self._problem.value:
            self._state.tell()

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
        self._problem.refuse(message)

    @guarded
    def _moved(self, steps: int, relative: bool) -> None:
        with self._state.lock:
            self._state.unbroken.do(self._move, steps, relative)

    def _move(self, steps: int, relative: bool) -> None:
        """Go to a step of the history; what was refused is undone first."""
        if self._history.refused and relative and steps < 0:
            self._state.tell()
        else:
            self._state.move(steps, relative)

    @guarded
    def _family_chosen(self, change: Any) -> None:
        if is_under_way(self._family):
            return
        with self._state.lock:
            if change.new in presets:
                self._state.unbroken.do(self._start_from, presets[change.new])
            elif self._given and change.new == _title(self._given):
                self._state.unbroken.do(self._show_given)

    def _show_given(self) -> None:
        """Show the model that was given, at the size that it was given with."""
        assert self._given is not None
        given = _input(self._given.shown_shape, self._state.design.input.batch_size)
        self._state.update(architecture=self._given, input=given)

    def _start_from(self, architecture: EncoderDecoder) -> None:
        """Put an architecture into the controls; it is shown unless the input does not fit it."""
        self._put(architecture)
        self._edited(self._input_form, "height")

    def _blocks_changed(self, architecture: EncoderDecoder) -> None:
        """Show an architecture whose blocks were edited; raises what is wrong with it."""
        with self._state.lock:
            self._state.unbroken.do(self._change_blocks, architecture)

    def _change_blocks(self, architecture: EncoderDecoder) -> None:
        before = self._state.design.architecture
        self._state.update(architecture=architecture)
        if isinstance(architecture, Custom) and not isinstance(before, (Custom, ReadModel)):
            self._origin = before
            self._show_editor(architecture)

    @guarded
    def _back_clicked(self, _: Any) -> None:
        with self._state.lock:
            if self._origin is not None:
                self._state.unbroken.do(self._start_from, self._origin)

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


def _traits_of(design: Design) -> dict[str, Any]:
    """Return what the traits of an explorer are while it shows a design."""
    given = design.input
    return {
        "architecture": design.architecture,
        "input_shape": given.shape,
        "batch_size": given.batch_size,
    }


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
        return as_read_model(value, input_shape)
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
