"""What was read from a file: a design, and an account of all that the file says."""

from collections.abc import Mapping
from typing import Any

import attrs

from explorer.core.analysis.budgets import Budget
from explorer.core.analysis.design import Design, Input
from explorer.core.families import Architecture, ReadModel
from explorer.core.network.errors import Refusal
from explorer.core.network.graph import Graph

#: Height, width and channels; None for what a file leaves open.
OpenShape = tuple[int | None, int | None, int | None]


@attrs.frozen
class Entry:
    """A field of a file, and what became of it.

    Attributes:
        name: Its place in the file, such as "model.backbone.unet.filters".
        value: What the file says there.
        because: Why it is not in the design; empty if it is.
    """

    name: str
    value: Any
    because: str = ""


def budgets_entry(budgets: tuple[Budget, ...]) -> Entry:
    """Return the field of a file that has budgets."""
    return Entry("budgets", [budget.words for budget in budgets])


@attrs.frozen
class Configuration:
    """One of the configurations of a file.

    Attributes:
        name: What the file calls it.
        because: Why it can't be shown; empty if it can.
    """

    name: str
    because: str = ""


@attrs.frozen
class Answers:
    """What the user says where a file leaves something open; None: nothing.

    Attributes:
        parts: Number of body parts, or names, of a pose.
        edges: Number of edges of its skeleton.
        classes: Number of classes to be told apart.
        channels: Channels of an image.
        configuration: Which of the configurations of nnU-Net's plans; None: "2d", or the first of
            two axes if there is none of that name.
    """

    parts: int | None = None
    edges: int | None = None
    classes: int | None = None
    channels: int | None = None
    configuration: str | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse what is no number of such things."""
        for name in ("parts", "edges", "classes", "channels"):
            answer = getattr(self, name)
            if answer is not None and (type(answer) is not int or not 1 <= answer <= 10_000):
                raise Refusal(f"{name}={answer!r:.100} is no number of {name}: give 1 to 10,000.")


@attrs.frozen
class Loaded:
    """A design from a file.

    Attributes:
        architecture: The architecture, with its heads.
        input_shape: `(height, width, channels)`; None for what the file leaves open.
        format: The format's name, such as "SLEAP".
        entries: The fields that say something of a network, read or not.
        missing: What the file leaves open and was not answered, as fields of `Answers`; the heads
            that need it are not in the architecture.
        document: What the file says, whole, to be kept when the design is saved as one again.
        configuration: Which of the file's configurations was read; empty if it has no such thing.
        configurations: All that it has.
        budgets: What the design is to keep to.
    """

    architecture: Architecture
    input_shape: OpenShape = (None, None, None)
    format: str = ""
    entries: tuple[Entry, ...] = ()
    missing: tuple[str, ...] = ()
    document: Mapping[str, Any] | None = attrs.field(default=None, repr=False)
    configuration: str = ""
    configurations: tuple[Configuration, ...] = ()
    budgets: tuple[Budget, ...] = ()

    @property
    def read(self) -> tuple[Entry, ...]:
        """What is in the design."""
        return tuple(entry for entry in self.entries if not entry.because)

    @property
    def not_read(self) -> tuple[Entry, ...]:
        """What is not, with the reasons."""
        return tuple(entry for entry in self.entries if entry.because)

    def with_input(self, present: Input) -> Design:
        """Return it as a design.

        Args:
            present: What it is given where the file leaves that open; sizes that the architecture
                does not take are made larger.
        """
        known = self.architecture
        own = known.shown_shape if isinstance(known, ReadModel) else present.shape
        sides = [-(-side // step) * step for side, step in zip(own, known.size_steps, strict=False)]
        kept = (*sides, own[2])
        shape = [told or size for told, size in zip(self.input_shape, kept, strict=True)]
        return Design(known, present.of_shape(shape))


@attrs.frozen
class LoadedThere:
    """A design that was read in another process, which a model's layers leave on their own.

    Attributes:
        loaded: The design; a model in it lacks its layers.
        graph: They, if it is a model.
    """

    loaded: Loaded
    graph: Graph | None = None

    def here(self, folder: object) -> Loaded:
        """Return the design.

        Args:
            folder: What keeps the file of a model's weights, and is to go with it.
        """
        architecture = self.loaded.architecture
        if self.graph is None or not isinstance(architecture, ReadModel):
            return self.loaded
        architecture = attrs.evolve(architecture, own_graph=self.graph, folder=folder)
        return attrs.evolve(self.loaded, architecture=architecture)
