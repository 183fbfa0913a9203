"""Tiny networks that have learnt a task: one of each family, with their weights.

`tests/write_pretrained.py` trains them on pictures that are drawn on the spot, and writes a file of
each: in the format of safetensors (https://github.com/huggingface/safetensors), with the weights as
float16 under the layer's name and their place in Keras' `get_weights`, and what came of the
training. A web page reads it without NumPy.
"""

import json
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import attrs

from explorer.core.asking.training import Training, TrainingSettings
from explorer.core.families import Architecture, FCDenseNet, Hourglass, LeapCNN, ResNet, UNet
from explorer.core.network.errors import ParameterError
from explorer.core.network.graph import Graph
from explorer.core.network.heads import Head
from explorer.core.network.layers import Shape

#: Bytes of the number that a file begins with: how long its header is, the least byte first.
_LENGTH = 8


@attrs.frozen(slots=False)
class Pretrained:
    """A tiny network that has learnt a task.

    Attributes:
        training: What it is, and how it is trained.
        steps: How many steps of Adam.
        file: Name of the file with its weights.
    """

    training: Training
    steps: int
    file: str

    @property
    def architecture(self) -> Architecture:
        """The architecture; its head gives the task's channels."""
        return self.training.architecture

    @property
    def path(self) -> Path:
        """Where its file lies."""
        return Path(__file__).with_name(self.file)

    @property
    def metric(self) -> float:
        """The task's metric with these weights, on the held-out pictures."""
        return float(self._header["__metadata__"]["metric"])

    @property
    def seconds(self) -> float:
        """How long it was trained, of one core of a processor."""
        return float(self._header["__metadata__"]["seconds"])

    @property
    def result(self) -> str:
        """Task and metric in words."""
        task = self.training.task
        return f"{task.title}, {task.metric.name} {task.metric.text(self.metric)}"

    @property
    def about(self) -> str:
        """How it was trained, and what came of it, in words that follow "from"."""
        return f"{self.seconds:.0f} s of training on drawn pictures ({self.result})"

    def weights(self, graph: Graph) -> dict[str, list[tuple[Shape, bytes]]]:
        """Return the weights of each layer that has some, in Keras' order.

        Args:
            graph: Its layers, of an input of any size.

        Returns:
            Shape and values, little-endian float16, by name of the layer.
        """
        content = self.path.read_bytes()
        found: dict[str, list[tuple[Shape, bytes]]] = {}
        first = _LENGTH + _length(content)
        for node in graph:
            entries: list[tuple[Shape, bytes]] = []
            while entry := self._header.get(f"{node.name}/{len(entries)}"):
                begin, end = entry["data_offsets"]
                values = content[first + begin : first + end]
                entries.append((tuple(entry["shape"]), values))
            if entries:
                found[node.name] = entries
        return found

    @cached_property
    def _header(self) -> dict[str, Any]:
        content = self.path.read_bytes()
        header: dict[str, Any] = json.loads(content[_LENGTH:][: _length(content)])
        return header


def file_of(weights: dict[str, tuple[Shape, bytes]], told: dict[str, str]) -> bytes:
    """Return the content of a file.

    Args:
        weights: Shape and values, little-endian float16, by their names in the file.
        told: What is told of them.
    """
    header: dict[str, object] = {"__metadata__": told}
    place = 0
    for name, (shape, values) in weights.items():
        offsets = [place, place + len(values)]
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": offsets}
        place += len(values)
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)  # so that the values lie at a multiple of 8
    length = len(head).to_bytes(_LENGTH, "little")
    return b"".join((length, head, *(values for _, values in weights.values())))


def _length(content: bytes) -> int:
    """Return how many bytes a file's header has."""
    return int.from_bytes(content[:_LENGTH], "little")


def pretrained_of(name: str) -> Pretrained:
    """Return the network of a name.

    Raises:
        ParameterError: If there is none.
    """
    if name not in pretrained:
        names = ", ".join(pretrained)
        raise ParameterError(
            "Pretrained", "name", name, "is no trained example", f"choose one of {names}"
        )
    return pretrained[name]


def _tiny(
    architecture: Architecture, task: str, steps: int, file: str, seed: int = 0
) -> Pretrained:
    settings = TrainingSettings(task=task, seed=seed, learning_rate=0.003, batch_size=8)
    return Pretrained(Training(architecture, (64, 64, 1), settings), steps, file)


_MASK, _DOTS = (Head(channels=1),), (Head(channels=3),)
#: The networks, by the name of their family.
pretrained = MappingProxyType(
    {
        "U-Net": _tiny(
            UNet(filters=8, down_blocks=2, up_blocks=2, heads=_MASK),
            "masks",
            500,
            "u-net.safetensors",
        ),
        "LEAP CNN": _tiny(
            LeapCNN(filters=8, down_blocks=2, up_blocks=2, heads=_DOTS),
            "dots",
            400,
            "leap-cnn.safetensors",
        ),
        "Stacked hourglass": _tiny(
            Hourglass(
                down_blocks=3,
                up_blocks=3,
                stem_filters=8,
                stem_stride=1,
                filters=8,
                filter_increase=4,
                stacks=2,
                heads=_MASK,
            ),
            "masks",
            500,
            "stacked-hourglass.safetensors",
            seed=1,  # by which the middle of the photograph is not all off
        ),
        "FC-DenseNet": _tiny(
            FCDenseNet(
                growth_rate=6,
                layers_per_block=(2, 2, 2),
                bottleneck_layers=2,
                first_filters=16,
                dropout=0.0,
                heads=_MASK,
            ),
            "masks",
            600,
            "fc-densenet.safetensors",
        ),
        "ResNet": _tiny(
            ResNet(
                filters=3,
                encoder_stride=16,
                up_blocks=4,
                up_filters=32,
                skips="concatenate",
                heads=_MASK,
            ),
            "masks",
            800,
            "resnet.safetensors",
        ),
    }
)
