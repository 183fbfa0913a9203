"""What a user gives to the explorer, as an architecture."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from explorer.core.analysis.design import Design, Input
from explorer.core.exchange.loaded import Loaded
from explorer.core.families import Architecture, Custom, ReadModel, presets
from explorer.core.network.blocks import DecoderBlock, EncoderBlock
from explorer.core.network.encoder_decoder import EncoderDecoder
from explorer.core.network.graph import Block, Graph
from explorer.keras_side.given_models import as_read_model

if TYPE_CHECKING:
    from explorer.core.analysis.budgets import Budget

#: What is shown where nothing is given: a network that runs anywhere.
DEFAULT_PRESET = "U-Net (small)"
DEFAULT_SHAPE = (256, 256, 1)


def design_of(value: Any, input_shape: Sequence[int] | None) -> Design:
    """Return what an explorer shows at first.

    Args:
        value: What it is given, or None; a design of a link or a file has an input already.
        input_shape: `(height, width, channels)`; if None, a model's own, or `DEFAULT_SHAPE`.

    Raises:
        ParameterError: If the shape does not fit.
        TypeError: If the value is nothing that can be shown.
        ValueError: If it is a model that cannot be read.
    """
    if isinstance(value, Loaded):
        value = value.with_input(Input().of_shape(DEFAULT_SHAPE))
    if isinstance(value, Design):
        given = value.input if input_shape is None else value.input.of_shape(input_shape)
        return Design(value.architecture, given)
    if isinstance(value, (EncoderBlock, DecoderBlock)):
        value = Custom.around(value)
    elif value is None:
        value = presets[DEFAULT_PRESET]
    shown = as_architecture(value, input_shape)
    if input_shape is None:
        input_shape = shown.shown_shape if isinstance(shown, ReadModel) else DEFAULT_SHAPE
    return Design(shown, Input().of_shape(input_shape))


def check_profile(profile: Any) -> None:
    """Check that times can be told by what an explorer is given for that.

    Raises:
        TypeError: If not.
    """
    if profile is not None:
        from explorer.core.analysis.device_profile import DeviceProfile

        if not isinstance(profile, DeviceProfile):
            raise TypeError(
                f"profile={profile!r} is no device profile: give what profile_device() or "
                "DeviceProfile.from_json(text) returns"
            )


def budgets_of(values: "Iterable[Budget]") -> "tuple[Budget, ...]":
    """Return the budgets that an explorer is given.

    Raises:
        TypeError: If one is none.
    """
    budgets = tuple(values)
    if budgets:
        from explorer.core.analysis.budgets import Budget

        for each in budgets:
            if not isinstance(each, Budget):
                raise TypeError(
                    f"budgets: {each!r} is no budget: give some such as "
                    'Budget("memory", at_most=2**31)'
                )
    return budgets


def budgets_in(given: object) -> "tuple[Budget, ...]":
    """Return the budgets in what an explorer is given, which only what was loaded has."""
    return given.budgets if isinstance(given, Loaded) else ()


def block_of(given: EncoderBlock | DecoderBlock, graph: Graph) -> Block:
    """Return the place in the graph of a block that was given: the first of its kind."""
    name = f"stack0_{'dec' if isinstance(given, DecoderBlock) else 'enc'}0"
    return next(node.block for node in graph if node.block and node.block.name == name)


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
