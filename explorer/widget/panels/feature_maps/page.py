"""A picture's way through the network, and where the network's weights come from."""

from collections.abc import Callable, Sequence
from itertools import groupby
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import traitlets

from explorer.core.drawing.boxes import Card
from explorer.core.drawing.palette import DARK, LIGHT
from explorer.core.families import Architecture
from explorer.core.formatting import printable, product, size_text
from explorer.core.network.graph import positions
from explorer.widget.controls.form import page, plain_layout
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import ChannelPicture, Channels, FilmFrame, FilmGroup, Select
from explorer.widget.panels.pretrained import ExampleList, TrainedExamples
from explorer.widget.parts import Line, Paragraph, Words

if TYPE_CHECKING:
    from explorer.core.asking.feature_maps import FeatureMap, LayerChannels
    from explorer.core.asking.weights import Weights

#: Sides of a picture on screen, in pixels: at the input's resolution, at none, and of a channel.
LARGEST, SMALLEST = 112, 48
CHANNEL = 104
#: By how much a picture is smaller that has half the resolution.
STEP = 14


def _css() -> str:
    rules = Path(__file__).with_name("panel.css").read_text(encoding="utf-8")
    for prefix, colours in (("", LIGHT), ('body[data-jp-theme-light="false"] ', DARK)):
        for role, (header, _) in colours.cards.items():
            rules += f'{prefix}.explorer-part[data-role="{role}"] {{ --role: {header}; }}\n'
    return rules


class Film(FrontWidget):
    """A film strip of blocks, each a button, and the channels of a layer beneath.

    Attributes:
        groups: The strip's parts.
        note: What of the strip is not shown.
        channels: Of the layer; None while there are none.
        selected: Id of the selected frame.
        film_is_old: Whether the strip is of another network than the one shown.
        channels_are_old: Whether the channels are of another layer or network.
    """

    _esm = module(Path(__file__).with_name("panel.js"), "hover")
    _css = _css()
    sends = Select

    groups = shared(tuple[FilmGroup, ...], ())
    note: Any = traitlets.Unicode().tag(sync=True)
    channels = shared(Channels | None, None)
    selected: Any = traitlets.Unicode().tag(sync=True)
    film_is_old: Any = traitlets.Bool().tag(sync=True)
    channels_are_old: Any = traitlets.Bool().tag(sync=True)

    def __init__(self, select: Callable[[str], None]) -> None:
        """Make the view.

        Args:
            select: Called with the selection that the user made.
        """
        super().__init__(layout=plain_layout())
        self.on_sent(lambda message, _: select(message.select))


class FeatureMapsView(widgets.VBox):
    """The strip and the channels, what they wait for, and the controls of the weights.

    Attributes:
        path: Path of a file with weights.
        load: Loads the file.
        redraw: Goes to other random weights.
        film: The pictures.
        examples: The trained networks that can be chosen, if there are such.
    """

    def __init__(
        self, select: Callable[[str], None], examples: TrainedExamples | None = None
    ) -> None:
        """Make the view.

        Args:
            select: Called with the selection that the user made.
            examples: Trained networks that can be chosen; None: there are none.
        """
        self._weights = page()
        self.examples = ExampleList(examples) if examples else None
        self.path = widgets.Text(
            description="weights file",
            placeholder="path/to/NAME.weights.h5",
            tooltip="Path of a file of Keras' model.save_weights, where this kernel runs",
            style={"description_width": "initial"},
            layout=plain_layout(),
        )
        self.load = widgets.Button(
            description="Load",
            tooltip="Give the model the weights in this file; without a path, a model of yours "
            "gets its own again",
            layout=plain_layout(),
        )
        self.redraw = widgets.Button(
            description="Random again",
            tooltip="Give the model other random weights",
            layout=plain_layout(),
        )
        chosen = [self.examples] if self.examples else []
        file = widgets.Box([self.path, self.load], layout=plain_layout())
        file.add_class("explorer-weights-file")
        row = widgets.Box([self._weights, *chosen, file, self.redraw], layout=plain_layout())
        row.add_class("explorer-row")
        row.add_class("explorer-weights")
        self._problem = page()
        self._status = page()
        self.film = Film(select)
        legend = page(
            Line(
                "In the strip: the output of each block, as the mean absolute value over its "
                "channels; the lower the resolution, the smaller the picture. Beneath: single "
                "channels, those with the largest mean absolute value. Every picture is stretched "
                "from black (its lowest value) to white (its highest).",
                "muted",
            )
        )
        super().__init__(
            [row, self._problem, self._status, self.film, legend], layout=plain_layout()
        )
        self.show_weights(None)

    def show_example(self, architecture: Architecture) -> None:
        """Show which trained network is on screen."""
        if self.examples:
            self.examples.show(architecture)

    def show_weights(self, weights: "Weights | None") -> None:
        """Say where the weights of the pictures come from; None: there are no pictures yet."""
        if weights is None:
            text = "random, until a file is loaded"
        else:
            text = f"{weights}: the network is not trained" if weights.are_random else str(weights)
        self._weights.parts = (Paragraph((Words("weights:"), Words(text, "strong"))),)

    def show_loading(self, text: str) -> None:
        """Say what happens to the weights; nothing happens any more if the text is empty."""
        self._problem.parts = (Line(text, "busy"),) if text else ()

    def show_problem(self, message: str) -> None:
        """Say why weights could not be loaded."""
        self._problem.parts = (Line(message, "bad"),)

    def show_waiting(self, text: str) -> None:
        """Say what the pictures wait for."""
        self._status.parts = (Line(text, "busy"),)

    def show_failure(self, message: str) -> None:
        """Say why there are no pictures."""
        self._status.parts = (Line(message, "bad"),)

    def show_ready(self) -> None:
        """Say nothing: the pictures are those of what is shown."""
        self._status.parts = ()

    def show_strip(self, cards: Sequence[Card], maps: Sequence["FeatureMap"], note: str) -> None:
        """Show the film strip.

        Args:
            cards: Its blocks, in order.
            maps: What each puts out.
            note: How the picture is shown, and which blocks are left out, if there is to say.
        """
        sizes = [positions(card.output) for card in cards]
        several = len({card.stack for card in cards} - {None}) > 1
        pairs = list(zip(cards, maps, range(len(cards)), strict=True))
        groups = []
        for (stack, role), parts in groupby(pairs, key=lambda pair: (pair[0].stack, pair[0].role)):
            frames = []
            for card, made, place in parts:
                after = sizes[place + 1] if place + 1 < len(cards) else sizes[0]
                is_lowest = sizes[place] == min(sizes) < min(after, sizes[0])
                frames.append(
                    FilmFrame(
                        id=card.id,
                        title=card.title,
                        name=printable(card.prefix or made.name),
                        tag="bottleneck" if is_lowest else "",
                        lines=_lines(made),
                        png=made.png,
                        side=_side(made.shape, maps[0].shape),
                    )
                )
            title = f"stack {stack + 1}, {role}" if several and stack is not None else role
            groups.append(FilmGroup(title, role, tuple(frames)))
        self.film.groups = tuple(groups)
        self.film.note = note

    def show_channels(self, layer: "LayerChannels") -> None:
        """Show the strongest channels of a layer."""
        count, whole = len(layer.channels), layer.shape[-1]
        which = f"The {count} strongest of {whole}" if count < whole else f"All {whole}"
        of = "channel" if whole == 1 else "channels"
        which = "The only" if whole == 1 else which
        self.film.channels = Channels(
            title=f"{which} {of} of {printable(layer.name)}, {size_text(layer.shape)}",
            side=CHANNEL,
            pictures=tuple(
                ChannelPicture(f"channel {channel.index}", f"{channel.strength:.3g}", channel.png)
                for channel in layer.channels
            ),
        )


def _lines(made: "FeatureMap") -> tuple[str, ...]:
    return (
        product(*made.shape) or size_text(made.shape),
        f"{_number(made.lowest)} to {_number(made.highest)}",
        f"mean {_number(made.mean)}",
    )


def _number(value: float) -> str:
    return f"{value:.2g}".replace("-", "\N{MINUS SIGN}")


def _side(shape: Sequence[int], largest: Sequence[int]) -> int:
    """Return the longest side of a picture on screen, in pixels."""
    halvings = log2(max(1.0, max(largest[:-1], default=1) / max(shape[:-1], default=1)))
    return max(SMALLEST, round(LARGEST - STEP * halvings))
