"""Explore encoder-decoder networks: describe, analyse, draw, build and time them."""

import sys
from typing import TYPE_CHECKING, Any

from explorer import graphviz_layout
from explorer.core.analysis import report
from explorer.core.analysis.report import LayerReport, Report, analyze
from explorer.core.asking.failures import NoKeras, WorkerDied
from explorer.core.asking.timing import LayerTimes, PairTiming, Timing
from explorer.core.drawing import diagram as drawing
from explorer.core.drawing.diagram import Diagram, diagram
from explorer.core.exchange.own_json import from_json, to_json
from explorer.core.families import (
    ConvUpBlock,
    Custom,
    DenseDownBlock,
    DenseUpBlock,
    FCDenseNet,
    Hourglass,
    HourglassDownBlock,
    HourglassStem,
    HourglassUpBlock,
    LeapCNN,
    PlainConvUNet,
    ReadModel,
    ResidualDownBlock,
    ResidualEncoderUNet,
    ResidualHourglass,
    ResidualStem,
    ResidualUpBlock,
    ResNet,
    ResNetStage,
    ResNetStem,
    StridedConvBlock,
    StridedResidualBlock,
    UNet,
    presets,
)
from explorer.core.network import hooks, layers
from explorer.core.network.block_edits import BlockEdit
from explorer.core.network.blocks import (
    DecoderBlock,
    EncoderBlock,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
)
from explorer.core.network.encoder_decoder import EncoderDecoder, IntermediateFeature
from explorer.core.network.errors import ParameterError
from explorer.core.network.graph import Feature, Graph
from explorer.core.network.heads import Head
from explorer.core.network.parameters import AtLeast, active_when, parameter
from explorer.core.network.tracing import trace
from explorer.keras_side import build as building
from explorer.keras_side.build import build, read

if TYPE_CHECKING:
    from explorer.core.analysis.budgets import Budget
    from explorer.core.analysis.device_profile import DeviceProfile
    from explorer.core.analysis.sensitivity import sensitivity
    from explorer.core.analysis.tiling import Tile, Tiling, tiling
    from explorer.core.asking.pretrained import pretrained
    from explorer.core.exchange.exporting import export
    from explorer.core.exchange.loaded import Loaded
    from explorer.core.exchange.loading import load
    from explorer.core.exchange.objects import Objects
    from explorer.keras_side.pretrained import build_pretrained
    from explorer.keras_side.saving import save_keras
    from explorer.lessons.outcomes import grade
    from explorer.searching.search import check, search
    from explorer.widget.explorer import Explorer
    from explorer.widget.lesson import Lesson
    from explorer.widget.panels.lessons.motion import animate
    from explorer.worker.timing_functions import (
        profile_device,
        time_best,
        time_each_layer,
        time_forward,
        time_pair,
    )
    from explorer.worker.training_function import train, train_twins

hooks.by_keras = building
hooks.as_html = report.graph_html
hooks.load_keras_file = lambda *given: _of("explorer.keras_side.files", "read_keras_file")(*given)
hooks.load_keras_text = lambda *given: _of("explorer.keras_side.files", "read_keras_text")(*given)
hooks.load_onnx_file = lambda *given: _of("explorer.onnx_side.files", "read_onnx_file")(*given)
hooks.keras_file = lambda *given: _of("explorer.keras_side.saving", "keras_file")(*given)
drawing.laid_out = graphviz_layout.drawn

__version__ = "0.1.0"

_ON_FIRST_USE = {
    "Budget": "explorer.core.analysis.budgets",
    "DeviceProfile": "explorer.core.analysis.device_profile",
    "Explorer": "explorer.widget.explorer",
    "Lesson": "explorer.widget.lesson",
    "Loaded": "explorer.core.exchange.loaded",
    "Objects": "explorer.core.exchange.objects",
    "Tile": "explorer.core.analysis.tiling",
    "Tiling": "explorer.core.analysis.tiling",
    "animate": "explorer.widget.panels.lessons.motion",
    "build_pretrained": "explorer.keras_side.pretrained",
    "check": "explorer.searching.search",
    "export": "explorer.core.exchange.exporting",
    "grade": "explorer.lessons.outcomes",
    "load": "explorer.core.exchange.loading",
    "pretrained": "explorer.core.asking.pretrained",
    "profile_device": "explorer.worker.timing_functions",
    "save_keras": "explorer.keras_side.saving",
    "search": "explorer.searching.search",
    "sensitivity": "explorer.core.analysis.sensitivity",
    "tiling": "explorer.core.analysis.tiling",
    "time_best": "explorer.worker.timing_functions",
    "time_each_layer": "explorer.worker.timing_functions",
    "time_forward": "explorer.worker.timing_functions",
    "time_pair": "explorer.worker.timing_functions",
    "train": "explorer.worker.training_function",
    "train_twins": "explorer.worker.training_function",
}


def __getattr__(name: str) -> Any:
    """Import what needs the widgets or the worker when it is first used."""
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module 'explorer' has no attribute {name!r}")
    return _of(_ON_FIRST_USE[name], name)


def _of(module: str, name: str) -> Any:
    from importlib import import_module

    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if sys.platform != "emscripten":
            raise
        raise NoKeras(
            f"This needs {error.name}, which this page does not have: it runs on Binder, or where "
            "you pip install the package."
        ) from error


def __dir__() -> list[str]:
    """List the public names, those of what is imported on first use too."""
    return [*__all__, *(name for name in globals() if name.startswith("__"))]


__all__ = [
    "AtLeast",
    "BlockEdit",
    "Budget",
    "ConvUpBlock",
    "Custom",
    "DecoderBlock",
    "DenseDownBlock",
    "DenseUpBlock",
    "DeviceProfile",
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
    "Lesson",
    "Loaded",
    "Objects",
    "PairTiming",
    "ParameterError",
    "PlainConvUNet",
    "ReadModel",
    "Report",
    "ResNet",
    "ResNetStage",
    "ResNetStem",
    "ResidualDownBlock",
    "ResidualEncoderUNet",
    "ResidualHourglass",
    "ResidualStem",
    "ResidualUpBlock",
    "SimpleConvBlock",
    "SimpleUpsamplingBlock",
    "StridedConvBlock",
    "StridedResidualBlock",
    "Tile",
    "Tiling",
    "Timing",
    "UNet",
    "WorkerDied",
    "active_when",
    "analyze",
    "animate",
    "build",
    "build_pretrained",
    "check",
    "diagram",
    "export",
    "from_json",
    "grade",
    "layers",
    "load",
    "parameter",
    "presets",
    "pretrained",
    "profile_device",
    "read",
    "save_keras",
    "search",
    "sensitivity",
    "tiling",
    "time_best",
    "time_each_layer",
    "time_forward",
    "time_pair",
    "to_json",
    "trace",
    "train",
    "train_twins",
]
