"""Layers of a model that was read, of which less is known than of our own kinds."""

from collections.abc import Sequence
from typing import ClassVar

import attrs

from explorer.core.network.layers import ByAxis, Layer, Shape
from explorer.core.network.layers.terms import Terms


@attrs.frozen
class Recipe:
    """How Keras makes a layer, or one of its functions, and calls it again.

    Attributes:
        made: What Keras' `serialize_keras_object` says of it, as JSON.
        call: Positional arguments and keyword arguments of the call, as JSON; `{"input": i}`
            stands for the i-th input, `{"slice": [start, stop, step]}` for a slice.
        output: Index of the output, where it has several.
    """

    made: str
    call: str
    output: int = 0


@attrs.frozen
class Everything(Layer):
    """What reads all positions of its input for each of its output, such as a normalisation."""

    pointwise: ClassVar[bool] = False
    has_twin: ClassVar[bool] = False

    def covers(self, size: int, axis: int) -> bool:
        """Return True: all of the input is read."""
        return True


@attrs.frozen
class Scaled(Layer):
    """What is known to scale the grid, while it is not known which positions it reads.

    Attributes:
        fewer: Factor by which it lowers the resolution.
        more: Factor by which it raises the resolution.
    """

    pointwise: ClassVar[bool] = False
    is_known: ClassVar[bool] = False
    has_twin: ClassVar[bool] = False

    fewer: ByAxis
    more: ByAxis

    @property
    def down(self) -> ByAxis:
        """Factor by which the layer lowers the resolution."""
        return self.fewer

    @property
    def up(self) -> ByAxis:
        """Factor by which the layer raises the resolution."""
        return self.more


@attrs.frozen
class Foreign(Layer):
    """A layer of any class, of which Keras told the shape and the weights.

    Attributes:
        keras_class: Name of its class.
        shape: Shape of the output, without the batch.
        trainable_params: Number of parameters that training changes.
        frozen_params: Number of the others.
        multiplications: Its multiply-accumulates, or None where they are not known.
        like: A layer of ours that has its output on the same grid, and reads the same positions;
            None where that is not known.
        looks_alike: Whether `like` really reads the same positions, and does not only have the
            same grid.
        rearranged: Whether each value of the output is one of the input's, in another place.
        recipe: How to make it again; None where that is not known.
    """

    is_told: ClassVar[bool] = True

    keras_class: str
    shape: Shape = attrs.field(kw_only=True)
    trainable_params: int = attrs.field(default=0, kw_only=True)
    frozen_params: int = attrs.field(default=0, kw_only=True)
    multiplications: int | None = attrs.field(default=None, kw_only=True)
    like: Layer | None = attrs.field(default=None, kw_only=True)
    looks_alike: bool = attrs.field(default=True, kw_only=True)
    rearranged: bool = attrs.field(default=False, kw_only=True)
    recipe: Recipe | None = attrs.field(default=None, kw_only=True, repr=False)

    @property
    def kind(self) -> str:
        """Name of the Keras class."""
        return self.keras_class

    @property
    def _own(self) -> Layer | None:
        """The layer of ours that it is, but for settings that are only known to Keras."""
        return self.like if self.like is not None and self.like.kind == self.kind else None

    @property
    def family(self) -> str:  # type: ignore[override]
        """The family of layers that it belongs to."""
        return self._own.family if self._own else "other"

    @property
    def pools(self) -> bool:  # type: ignore[override]
        """Whether it puts one value in the place of those in a window."""
        return self._own is not None and self._own.pools

    @property
    def pointwise(self) -> bool:  # type: ignore[override]
        """Whether each output position reads only the same position of every input."""
        return self.like is not None and self.like.pointwise

    @property
    def mixes(self) -> bool:  # type: ignore[override]
        """Whether each channel of the output depends on all channels of the input."""
        return self.like is not None and self.like.mixes

    @property
    def rearranges(self) -> bool:  # type: ignore[override]
        """Whether each value of the output is one of the input's, in another place."""
        return self.rearranged

    @property
    def keeps_grid(self) -> bool:  # type: ignore[override]
        """Whether neighbours of its output lie as far apart as its factors say."""
        return self.like is not None and self.like.keeps_grid

    @property
    def is_known(self) -> bool:  # type: ignore[override]
        """Whether it is known how far the layer looks."""
        return self.like is not None and self.like.is_known and self.looks_alike

    @property
    def has_twin(self) -> bool:  # type: ignore[override]
        """Whether Keras can make it again."""
        return self.recipe is not None

    @property
    def down(self) -> ByAxis:
        """Factor by which the layer lowers the resolution."""
        return self.like.down if self.like else 1

    @property
    def up(self) -> ByAxis:
        """Factor by which the layer raises the resolution."""
        return self.like.up if self.like else 1

    @property
    def is_square(self) -> bool:
        """Whether the layer does the same along every axis."""
        return self.like is None or self.like.is_square

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return what Keras says."""
        return self.shape

    def weights(self, inputs: Sequence[Shape]) -> tuple[int, int]:
        """Return what Keras counted."""
        return self.trainable_params, self.frozen_params

    def weight_terms(self, inputs: Sequence[Shape]) -> Terms:
        """Return what Keras counted, without how it comes about."""
        return Terms(((self.trainable_params + self.frozen_params,),))

    def mac_terms(self, inputs: Sequence[Shape], output: Shape) -> Terms | None:
        """Return what is known of its multiply-accumulates."""
        return None if self.multiplications is None else Terms(((self.multiplications,),))

    def sources(self, position: int, size: int, axis: int = 0) -> range:
        """Return the input positions that an output position reads, along one axis."""
        assert self.like is not None
        return self.like.sources(position, size, axis)

    def covers(self, size: int, axis: int) -> bool:
        """Return whether every output position reads all of an input of this size."""
        return self.like is not None and self.like.covers(size, axis)

    @property
    def summary(self) -> str:
        """That of our layer with its name, else the name of its class."""
        return self._own.summary if self._own else self.kind

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what is known of what it computes."""
        named = f"Keras’ own {self.kind}"
        if self.recipe is None and not self.is_known:
            return f"A layer of class {self.kind}: what it computes is not known here."
        if self._own:
            return f"{named}, with settings that are only known to Keras."
        if self.pointwise:
            return f"{named}, which works on each position alone."
        if self.rearranges:
            return f"{named}, which puts values in other places."
        return f"{named}: here it is only known what it costs and how far it looks."

    def settings(self) -> list[tuple[str, str]]:
        """Return nothing: its settings are only known to Keras."""
        return []


@attrs.frozen
class Operator(Foreign):
    """An operator of an ONNX file that is none of our kinds.

    Attributes:
        about: What is known of what it computes, in a sentence.
    """

    about: str = attrs.field(default="", kw_only=True)

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what is known of what it computes."""
        named = f"The operator {self.kind} of ONNX"
        if self.about:
            return f"{named}: {self.about}."
        if self.pointwise:
            return f"{named}, which works on each position alone."
        if self.rearranges:
            return f"{named}, which puts values in other places."
        if not self.is_known:
            return f"{named}: how far it looks is not known here."
        return f"{named}."
