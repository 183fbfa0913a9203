"""Normalisation by what a single image holds; batch normalisation works on each position alone."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs

from explorer.core.formatting import sentences
from explorer.core.network.errors import ParameterError, Refusal
from explorer.core.network.layers.base import Layer
from explorer.core.network.layers.fields import CHANNELS, QUIET, Shape, written
from explorer.core.network.layers.pointwise import applied_text, trained_names
from explorer.core.network.layers.terms import NOTHING, Terms
from explorer.core.network.parameters import as_index

#: As many groups as there are channels, as Keras writes it: instance normalisation.
EACH_CHANNEL = -1


def _check_groups(layer: Any, field: Any, value: Any) -> None:
    if type(value) is not int or (value < 1 and value != EACH_CHANNEL):
        raise ParameterError(
            f"{layer.kind} {layer.name!r}",
            field.name,
            value,
            "is no number of groups",
            "pass a whole number of at least 1, or -1 for a group for each channel",
        )


@attrs.frozen
class GroupNormalization(Layer):
    """Group normalisation: each group of channels by its mean and variance in the image at hand.

    With a group for each channel it is instance normalisation. As mean and variance are of all
    positions, each position of the output depends on the whole input: exact windows behind it are
    the whole image. Sources: Wu and He 2018 (arXiv 1803.08494), Ulyanov et al. 2016 (arXiv
    1607.08022).

    Attributes:
        groups: Number of groups; -1: one for each channel.
        epsilon: What is added to the variance.
        center: Whether there is a trained offset.
        scale: Whether there is a trained scale.
    """

    pointwise: ClassVar[bool] = False
    follows: ClassVar[bool] = True
    family: ClassVar[str] = "normalisation"
    keeps_input: ClassVar[bool] = True
    read_where: ClassVar[Mapping[str, tuple[Any, ...]]] = {"axis": CHANNELS}

    groups: int = attrs.field(
        default=32,
        converter=as_index,
        validator=_check_groups,
        metadata=written(lambda n: "one for each channel" if n == EACH_CHANNEL else str(n)),
    )
    epsilon: float = 1e-3
    center: bool = attrs.field(default=True, metadata=QUIET)
    scale: bool = attrs.field(default=True, metadata=QUIET)

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the input's shape."""
        channels = inputs[0][-1]
        if self.groups != EACH_CHANNEL and channels % self.groups:
            raise Refusal(
                f"{self.kind} layer {self.name!r} cannot part {channels} channels into "
                f"{self.groups} equal groups: use a number of groups that divides {channels}."
            )
        return inputs[0]

    def covers(self, size: int, axis: int) -> bool:
        """Return True: mean and variance are of all positions."""
        return True

    def weight_terms(self, inputs: Sequence[Shape]) -> Terms:
        """Return scale and offset of each channel, as far as they are trained."""
        if not self.scale and not self.center:
            return NOTHING
        note = f"{trained_names(self.scale, self.center)} × channels"
        return Terms(((self.scale + self.center,),), inputs[0][-1:], note)

    @property
    def summary(self) -> str:
        """Its name, as people say it."""
        return (
            "instance norm" if self.groups == EACH_CHANNEL else f"group norm, {self.groups} groups"
        )

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what it computes, in training and later."""
        what, of = "each channel", "its"
        if self.groups not in (EACH_CHANNEL, inputs[0][-1]):
            what, of = f"each of {self.groups} groups of channels", "the group’s"
        return sentences(
            f"In every image it shifts and scales {what} to mean 0 and variance 1 over all of {of} "
            "positions, in training and later. So each position depends on all others, if little.",
            applied_text(self.scale, self.center),
        )

    def why(self, is_output: bool) -> str:
        """Return what it is there for."""
        return (
            "Features that stay in one range make deep networks easier to train; unlike batch "
            "normalisation, it does not depend on how many images are in a batch."
        )
