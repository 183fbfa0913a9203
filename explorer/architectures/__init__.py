"""The families of architectures, ready-made examples of them, and their way to JSON and back."""

import json
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import cattrs

from explorer.architectures.hourglass import (
    Hourglass,
    HourglassDownBlock,
    HourglassStem,
    HourglassUpBlock,
)
from explorer.architectures.leap_cnn import LeapCNN
from explorer.architectures.unet import UNet
from explorer.encoder_decoder import EncoderDecoder

__all__ = [
    "Hourglass",
    "HourglassDownBlock",
    "HourglassStem",
    "HourglassUpBlock",
    "LeapCNN",
    "UNet",
    "from_json",
    "presets",
    "to_json",
]

#: Ready architectures by display name.
presets = MappingProxyType(
    {
        "U-Net": UNet(),
        "U-Net (small)": UNet(filters=16, down_blocks=3, up_blocks=3),
        "LEAP CNN": LeapCNN(),
        "Stacked hourglass": Hourglass(),
    }
)


@lru_cache(maxsize=1)
def _converter() -> cattrs.Converter:
    return cattrs.Converter(forbid_extra_keys=True)


def to_json(architecture: EncoderDecoder) -> str:
    """Return the architecture as JSON: the name of its class, and every field."""
    fields = _converter().unstructure(architecture)
    return json.dumps({"class": type(architecture).__name__, **fields}, indent=2)


def from_json(text: str) -> Any:
    """Return the architecture that `to_json` wrote.

    Args:
        text: JSON of an object with "class" and the fields; missing fields take their defaults.

    Raises:
        ValueError: If the class is unknown, or a field or value isn't valid.
    """
    fields = json.loads(text)
    if not isinstance(fields, dict) or not isinstance(fields.get("class"), str):
        raise ValueError('An architecture in JSON is an object with a "class": add the class name.')
    name = fields.pop("class")
    classes = _architecture_classes()
    if name not in classes:
        raise ValueError(
            f"The class {name!r} is unknown: define or import it first, "
            f"or use one of {', '.join(sorted(classes))}."
        )
    return _converter().structure(fields, classes[name])


def _architecture_classes() -> dict[str, type[Any]]:
    """Return every subclass of `EncoderDecoder` by name, the latest definition of each."""
    found: dict[str, type[Any]] = {}
    waiting: list[type[Any]] = [EncoderDecoder]
    for cls in waiting:
        waiting.extend(cls.__subclasses__())
        if cls is not EncoderDecoder:
            found[cls.__name__] = cls
    return found
