"""Explore encoder-decoder networks: describe, analyse, draw, build and time them."""

from typing import TYPE_CHECKING, Any

from explorer.analysis import LayerReport, Report, analyze
from explorer.architectures import (
    Hourglass,
    HourglassDownBlock,
    HourglassStem,
    HourglassUpBlock,
    LeapCNN,
    UNet,
    from_json,
    presets,
    to_json,
)
from explorer.blocks import DecoderBlock, EncoderBlock, SimpleConvBlock, SimpleUpsamplingBlock
from explorer.encoder_decoder import EncoderDecoder, IntermediateFeature
from explorer.graph import Feature, Graph, trace
from explorer.keras_model import build
from explorer.parameters import ParameterError, parameter
