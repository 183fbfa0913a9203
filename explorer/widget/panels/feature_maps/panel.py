"""A picture's way through the network, run by the Keras process while the panel is open."""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from explorer.core.asking.ask import Ask, Failure
from explorer.core.asking.failures import NoKeras
from explorer.core.asking.measurement import IN_BROWSER
from explorer.core.asking.questions import DrawWeights, Features, LoadWeights
from explorer.core.drawing.boxes import Card, cards_of
from explorer.core.editing.snapshot import Scene
from explorer.core.editing.store import State
from explorer.core.families import Architecture, ReadModel
from explorer.core.guard import guarded
from explorer.core.network.errors import Refusal
from explorer.core.network.graph import Graph
from explorer.core.network.layers import Shape
from explorer.core.network.names import block_id
from explorer.core.settling import Settling
from explorer.widget.controls.form import close_with_parts, plain_layout
from explorer.widget.panels.feature_maps.page import FeatureMapsView
from explorer.widget.panels.tab_view import TabView
from explorer.worker import later, shared_worker

if TYPE_CHECKING:
    from explorer.core.asking.feature_maps import FeatureMaps as Maps
    from explorer.core.asking.weights import Weights
    from explorer.widget.panels.keras.in_browser import InBrowser
    from explorer.widget.panels.pretrained import TrainedExamples

_RESTART = "The next change starts it again, with random weights."

#: Most blocks in the strip.
MOST = 32


@attrs.frozen
class _Way:
    """What the pictures depend on, but for the weights.

    Attributes:
        architecture: The architecture.
        shape: `(height, width, channels)` of the input.
        picture: Which of the user's pictures it is.
        layer: Name of the layer whose channels are shown.
    """

    architecture: Architecture
    shape: Shape
    picture: int
    layer: str

    def has_strip_of(self, other: "_Way | None") -> bool:
        """Whether the two differ in the layer alone."""
        return other is not None and attrs.evolve(other, layer=self.layer) == self


class FeatureMaps(TabView):
    """Shows what blocks and channels make of the user's picture, and loads weights.

    Attributes:
        widget: What is shown.
    """

    def __init__(
        self,
        state: State,
        picture: Callable[[], bytes | None],
        select: Callable[[str], None],
        alert: Callable[[str], None],
        examples: "TrainedExamples | None" = None,
    ) -> None:
        """Make the panel.

        Args:
            state: What is on screen.
            picture: Returns the content of the user's picture, or None for the photograph.
            select: Called with the selection that the user made.
            alert: Shows the text of an unforeseen error.
            examples: Trained networks that can be chosen; None: there are none.
        """
        self._state = state
        self._examples = examples
        self._picture = picture
        self._alert = alert
        self._pictures = 0
        self._scene: Scene | None = None  # while the panel is visible
        self._wanted: _Way | None = None
        self._shown: _Way | None = None
        self._weights: Weights | None = None  # those of the pictures shown
        self._settling = Settling(later, state.lock, self._ask, alert, shared_worker)
        self._asking: Ask[_Way] = Ask(shared_worker, state.lock, alert, _RESTART)
        # About weights, which edits don't overtake: whatever was loaded last is what counts.
        self._loading: Ask[str] = Ask(
            shared_worker, state.lock, alert, _RESTART, counts=lambda _: True
        )
        self._seed = 0  # of weights that the page draws
        self.widget = FeatureMapsView(select, examples)
        self.widget.load.on_click(self._load_clicked)
        self.widget.redraw.on_click(self._redraw_clicked)

    # What the screen tells.

    def show(self, scene: Scene) -> None:
        """Show a scene: its pictures follow a moment after it has settled."""
        with self._state.lock:
            self._scene = scene
            self.widget.show_example(scene.design.architecture)
            self.widget.film.selected = block_id(scene.node) if scene.node else ""
            layer = scene.node or scene.graph.outputs[-1]
            self._want(
                _Way(
                    scene.design.architecture, scene.design.input.shape, self._pictures, layer.name
                )
            )

    def hide(self) -> None:
        """Ask for nothing until the panel is shown again."""
        with self._state.lock:
            self._scene = self._wanted = None
            self._drop_request()

    def picture_changed(self) -> None:
        """Show the way of another picture."""
        with self._state.lock:
            self._pictures += 1
            if self._scene:
                self.show(self._scene)

    def weights_changed(self) -> None:
        """Have the pictures made anew, which stay until they are."""
        with self._state.lock:
            self._shown = None
            if self._scene:
                self.widget.show_example(self._scene.design.architecture)
            if self._scene and not self._asking.is_under_way:
                self._ask(quietly=True)

    def close(self) -> None:
        """Drop what was asked for, and take the panel off the screen."""
        with self._state.lock:
            self.hide()
            for part in (self._settling, self._asking, self._loading):
                part.close()
            if "_browser" in vars(self):
                self._browser.close()
            close_with_parts(self.widget)

    # The pictures.

    def _want(self, way: _Way) -> None:
        """Have pictures of this made, unless they are there or on their way."""
        if way == self._wanted:
            return
        self._wanted = None
        self._drop_request()
        self._mark_old(way)
        if way == self._shown:
            self.widget.show_ready()
        else:
            self._settling.wait()
        self._wanted = way  # at last: what is broken off is asked for again

    def _mark_old(self, wanted: _Way) -> None:
        film = self.widget.film
        with film.hold_sync():
            film.channels_are_old = wanted != self._shown
            film.film_is_old = not wanted.has_strip_of(self._shown)

    def _drop_request(self) -> None:
        self._settling.stop()
        self._asking.drop()
        if "_browser" in vars(self):
            self._browser.stop()

    def _ask(self, quietly: bool = False) -> None:
        way, scene = self._wanted, self._scene
        if way is None or scene is None:
            return  # an interrupt broke off what wanted it
        cards: Sequence[Card] = ()
        if not way.has_strip_of(self._shown):
            cards = strip_of(scene.graph)
        if not quietly:
            self.widget.show_waiting(
                self._asking.outlook("The picture is on its way through the network …")
            )
        names = tuple(card.output.name for card in cards)
        self._asking.submit(
            way,
            Features(way.architecture, way.shape, self._picture(), names, way.layer),
            partial(self._ran, way, scene.graph, cards),
            partial(self._not_run, way, scene.graph, cards),
        )

    def _ran(self, way: _Way, graph: Graph, cards: Sequence[Card], maps: "Maps") -> None:
        if not cards and maps.weights != self._weights:
            # Another explorer, or a new process, has changed the weights since.
            self._run_all()
            return
        with self.widget.film.hold_sync():
            if cards:
                whole = len(cards_of(graph))
                notes = [f"The picture: {maps.note}."] if maps.note else []
                notes += [] if len(cards) == whole else [_left_out(len(cards), whole)]
                self.widget.show_strip(cards, maps.strip, " ".join(notes))
            if maps.layer:
                self.widget.show_channels(maps.layer)
            self._shown, self._weights = way, maps.weights
            self._mark_old(way)
        self.widget.show_weights(maps.weights)
        self.widget.show_ready()

    def _not_run(self, way: _Way, graph: Graph, cards: Sequence[Card], failure: Failure) -> None:
        from explorer.widget.panels.keras.page_questions import Look

        if not isinstance(failure.error, (NoKeras, ImportError)):
            self.widget.show_failure(failure.text)
            return
        self.widget.show_waiting(f"The picture is on its way through the network in {IN_BROWSER} …")
        example = self._examples.of(way.architecture) if self._examples else None
        strip = [card.output.name for card in cards]
        try:
            self._browser.ask(
                Look(graph, example or self._seed, strip, way.layer),
                self._picture(),
                partial(self._ran, way, graph, cards),
                self.widget.show_failure,
            )
        except Refusal as error:
            self.widget.show_failure(str(error))

    @cached_property
    def _browser(self) -> "InBrowser":
        """What has the page run networks where Keras is not there."""
        from explorer.widget.panels.keras.in_browser import InBrowser

        return InBrowser(self._state.lock, self._alert, layout=plain_layout())

    def _run_all(self) -> None:
        """Have all pictures made anew, if the panel is visible."""
        self._shown = self._wanted = None
        if self._scene:
            self.show(self._scene)

    # The weights.

    @guarded
    def _load_clicked(self, _: Any) -> None:
        text = self.widget.path.value.strip()
        given = self._state.design.architecture
        if not text and isinstance(given, ReadModel):
            text = given.weights
        if not text:
            self.widget.show_problem(
                "Give the path of a file of weights, such as NAME.weights.h5, which "
                "model.save_weights() wrote on the machine where this kernel runs."
            )
            return
        try:
            path = Path(text).expanduser().absolute()
        except RuntimeError as error:  # there is no such user
            self.widget.show_problem(f"The path {text} cannot be used: {error}")
            return
        design = self._state.design
        self._ask_weights(
            f"Loading {path.name} …",
            LoadWeights(design.architecture, design.input.shape, str(path)),
        )

    @guarded
    def _redraw_clicked(self, _: Any) -> None:
        with self._state.lock:
            seed = self._weights.seed + 1 if self._weights else 1
            self._ask_weights("Drawing random weights …", DrawWeights(seed))

    def _ask_weights(self, doing: str, question: LoadWeights | DrawWeights) -> None:
        if self._examples:
            self._examples.forget()
            self.widget.show_example(self._state.design.architecture)
        self.widget.show_loading(doing)
        stayed = partial(self._weights_stayed, question)
        self._loading.submit(doing, question, self._weights_changed, stayed)

    def _weights_changed(self, weights: "Weights | None") -> None:
        self.widget.show_loading("")
        if weights:
            self.widget.show_weights(weights)
        self._run_all()

    def _weights_stayed(self, question: LoadWeights | DrawWeights, failure: Failure) -> None:
        if isinstance(failure.error, (NoKeras, ImportError)) and isinstance(question, DrawWeights):
            self._seed = question.seed
            if self._examples:
                self._examples.seed = question.seed
            self._weights_changed(None)
            return
        self.widget.show_problem(failure.text)


def strip_of(graph: Graph) -> list[Card]:
    """Return the blocks of a film strip: all of them, or of a large network the telling ones.

    What is left out, until few enough remain: blocks before another one of the same role and
    output size; stacks between the first and the last; and then blocks at even distances.
    """
    cards = cards_of(graph)
    if len(cards) > MOST:
        cards = [
            card
            for card, after in pairwise([*cards, None])
            if card is not None and (after is None or _kind(card) != _kind(after))
        ]
    if len(cards) > MOST:
        last = max((card.stack for card in cards if card.stack is not None), default=0)
        cards = [card for card in cards if card.stack in (None, 0, last)]
    if len(cards) > MOST:
        gaps = MOST - 1
        cards = [cards[round(i * (len(cards) - 1) / gaps)] for i in range(MOST)]
    return cards


def _kind(card: Card) -> tuple[object, ...]:
    return card.stack, card.role, card.output.shape[:2]


def _left_out(count: int, whole: int) -> str:
    return (
        f"{count} of {whole} blocks are shown: repeated blocks and stacks are left out. Select one "
        "in the diagram to see its channels."
    )
