"""Explore encoder-decoder networks: describe, analyse, draw, build and time them."""

from typing import TYPE_CHECKING, Any

from explorer import analysis, graph, keras_model
from explorer.analysis import LayerReport, Report, analyze
from explorer.architectures import (
    Custom,
    DenseDownBlock,
    DenseUpBlock,
    FCDenseNet,
    Hourglass,
    HourglassDownBlock,
    HourglassStem,
    HourglassUpBlock,
    LeapCNN,
    ReadModel,
    ResidualDownBlock,
    ResidualHourglass,
    ResidualStem,
    ResidualUpBlock,
    ResNet,
    ResNetStage,
    ResNetStem,
    UNet,
    presets,
)
from explorer.blocks import DecoderBlock, EncoderBlock, SimpleConvBlock, SimpleUpsamplingBlock
from explorer.diagram import Diagram, diagram
from explorer.encoder_decoder import EncoderDecoder, IntermediateFeature
from explorer.graph import Feature, Graph, trace
from explorer.heads import Head
from explorer.keras_model import build, read
from explorer.parameters import AtLeast, ParameterError, active_when, parameter
from explorer.serialization import from_json, to_json

if TYPE_CHECKING:
    from explorer.app import Explorer
    from explorer.comparison_tasks import time_pair
    from explorer.keras_tasks import time_each_layer, time_forward
    from explorer.layer_timing import LayerTimes
    from explorer.timing import PairTiming, Timing
    from explorer.worker import WorkerDied

graph.by_keras = keras_model
graph.as_html = analysis.graph_html

__version__ = "0.1.0"

_ON_FIRST_USE = {
    "Explorer": "explorer.app",
    "LayerTimes": "explorer.layer_timing",
    "PairTiming": "explorer.timing",
    "Timing": "explorer.timing",
    "WorkerDied": "explorer.worker",
    "time_each_layer": "explorer.keras_tasks",
    "time_forward": "explorer.keras_tasks",
    "time_pair": "explorer.comparison_tasks",
}


def __getattr__(name: str) -> Any:
    """Import what needs the widgets or the worker when it is first used."""
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module 'explorer' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_ON_FIRST_USE[name]), name)


def __dir__() -> list[str]:
    """List the public names, those of what is imported on first use too."""
    return [*__all__, *(name for name in globals() if name.startswith("__"))]


__all__ = [
    "AtLeast",
    "Custom",
    "DecoderBlock",
    "DenseDownBlock",
    "DenseUpBlock",
    "Diagram",
    "EncoderBlock",
    "EncoderDecoder",
    "Explorer",
    "FCDenseNet",
    "Feature",
    "Graph",
    "Head",
    "Hourglass",
    "HourglassDownBlock",
    "HourglassStem",
    "HourglassUpBlock",
    "IntermediateFeature",
    "LayerReport",
    "LayerTimes",
    "LeapCNN",
    "PairTiming",
    "ParameterError",
    "ReadModel",
    "Report",
    "ResNet",
    "ResNetStage",
    "ResNetStem",
    "ResidualDownBlock",
    "ResidualHourglass",
    "ResidualStem",
    "ResidualUpBlock",
    "SimpleConvBlock",
    "SimpleUpsamplingBlock",
    "Timing",
    "UNet",
    "WorkerDied",
    "active_when",
    "analyze",
    "build",
    "diagram",
    "from_json",
    "parameter",
    "presets",
    "read",
    "time_each_layer",
    "time_forward",
    "time_pair",
    "to_json",
    "trace",
]
