"""The networks of which the reference tells the layers; a page reads this, too, without pytest."""

import json
from pathlib import Path
from typing import Any

import attrs

import explorer
from explorer import EncoderBlock, EncoderDecoder, analyze, presets, trace
from explorer.core.network.graph import Graph, input_feature

DATA = Path(__file__).with_name("data") / "reference_layers.json"
CASES = json.loads(DATA.read_text())["cases"]


@attrs.frozen(slots=False)
class Listed(EncoderDecoder):
    """An architecture of explicitly listed blocks."""

    stem: tuple[EncoderBlock, ...] = ()
    encoder: tuple[EncoderBlock, ...] = ()
    decoder: tuple[Any, ...] = ()

    @property
    def stem_stack(self):
        return self.stem

    @property
    def encoder_stack(self):
        return self.encoder

    @property
    def decoder_stack(self):
        return self.decoder


def value(description: dict):
    """Return the block or architecture that a case describes."""
    return getattr(explorer, description["class"])(**description["params"])


def architecture_of(case: dict) -> EncoderDecoder:
    if case["kind"] != "encoder_decoder":
        return value(case)
    stacks = {
        part: tuple(map(value, case[f"{part}_stack"] or ()))
        for part in ("stem", "encoder", "decoder")
    }
    return Listed(stacks=case["stacks"], **stacks)


def run(case: dict, make_input) -> tuple[list, list, list | None]:
    """Return the inputs, outputs and intermediate features of a case.

    Args:
        case: A case of the reference.
        make_input: Called with a shape and `name`.
    """
    call = dict(case["call"])
    inputs = [make_input(tuple(case["input_shape"]), name="image_in")]
    if case["kind"] in ("conv_block", "upsampling_block"):
        if "skip_shape" in call:
            inputs.append(make_input(tuple(call.pop("skip_shape")), name="skip_in"))
            call["skip_source"] = inputs[1]
        return inputs, [value(case).make_block(inputs[0], **call)], None
    output, features = architecture_of(case).make_backbone(inputs[0], **call)
    if isinstance(output, list):
        return inputs, output, features
    return inputs, [output], [features]


def reports() -> str:
    """Return what is known of every preset, and of every network of the reference, as JSON."""
    graphs = [trace(net, (256, 256, 1)) for net in presets.values()]
    graphs += [Graph(run(case, input_feature)[1]) for case in CASES]
    return json.dumps([attrs.asdict(analyze(graph)) for graph in graphs], default=repr)
