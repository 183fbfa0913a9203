"""sleap-nn's configurations (YAML), in and out.

Its U-Net differs from SLEAP's: decoder blocks have two convolutions whatever the encoder's have,
and transposed convolutions a 3×3 kernel; with a stem, the encoder pools once more, and the decoder
has the stem's blocks as well. Its transposed convolutions pad above and to the left, ours below and
to the right. Settings that it can't run itself are refused. As in sleap-nn 0.3.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from math import ceil, log2
from typing import Any

import attrs
import yaml

from explorer.core.analysis.report import analyze
from explorer.core.exchange.loaded import Answers, Entry, Loaded, OpenShape
from explorer.core.exchange.pose import (
    CLASS_MAPS,
    CLASS_VECTORS,
    PAFS,
    FoundHeads,
    HeadPart,
    check_stem,
    differences,
    object_in,
    other_sizes,
    put,
    read_heads,
    read_output_stride,
    write_heads,
)
from explorer.core.exchange.sections import (
    FLAG,
    MAX_STRIDE,
    SCALE,
    SIZE,
    STRIDE,
    Section,
    is_interpolation,
    optional,
    padded,
    scale_in,
)
from explorer.core.families import UNet
from explorer.core.network.encoder_decoder import EncoderDecoder, blocks_of
from explorer.core.network.errors import Refusal
from explorer.core.network.parameters import parameter_of
from explorer.core.network.tracing import trace

_MULTI = HeadPart("MultiInstanceConfmapsHead")
_CENTERED = HeadPart("CenteredInstanceConfmapsHead")
_SEGMENTATION = HeadPart("SegmentationHead", "segmentation", lists="", stride=2)

KINDS = {
    "single_instance": (HeadPart("SingleInstanceConfmapsHead"),),
    "centroid": (HeadPart("CentroidConfmapsHead", lists=""),),
    "centered_instance": (_CENTERED,),
    "bottomup": (_MULTI, PAFS),
    "multi_class_bottomup": (_MULTI, CLASS_MAPS),
    "multi_class_topdown": (_CENTERED, attrs.evolve(CLASS_VECTORS, is_drawn=False)),
    "bottomup_segmentation": (
        _SEGMENTATION,
        HeadPart("InstanceCenterHead", "center", lists="", stride=2),
        HeadPart("CenterOffsetHead", "offsets", lists="", times=2, stride=2),
    ),
    "semantic_segmentation": (_SEGMENTATION,),
    "centered_instance_segmentation": (_SEGMENTATION,),
}
#: Kinds whose input is a crop around an animal.
_CROPPED = ("centered_instance", "multi_class_topdown", "centered_instance_segmentation")

#: sleap-nn's values of the fields that our U-Net has too, where a file gives none.
_DEFAULTS = {
    "filters": 32,
    "filters_rate": 1.5,
    "kernel_size": 3,
    "convs_per_block": 2,
    "middle_block": True,
    "up_interpolate": True,
    "stacks": 1,
}
#: What its code fixes: the kernel of the stem, that of transposed convolutions, and how many
#: convolutions follow in a decoder block.
_STEM_KERNEL, _UP_KERNEL, _UP_CONVS = 7, 3, 2


def fits(document: Mapping[str, Any]) -> bool:
    """Return whether a document is one of sleap-nn's."""
    return "model_config" in document


def read(document: Mapping[str, Any], answers: Answers) -> Loaded:
    """Return the design that a configuration of sleap-nn describes.

    Args:
        document: What its YAML says. Interpolations such as `${…}` are not filled in.
        answers: What it leaves open.

    Raises:
        Refusal: Naming field, value and remedy.
    """
    entries: list[Entry] = []
    top = Section("", document, entries)
    model, data = top.section("model_config"), top.section("data_config")
    heads = read_heads(model.section("head_configs"), KINDS, answers, _skeleton(data))
    backbones = model.section("backbone_config")
    backbones.only(("unet",))
    section = backbones.section("unet")
    architecture = heads.put_on(_read_unet(section, heads))
    shape = _read_input(data, section, heads.kind, architecture, answers)
    section.leave_rest("sleap-nn's U-Net has no such field")
    for name in ("init_weights", "pretrained_backbone_weights", "pretrained_head_weights"):
        model.leave(name, "weights are not read")
    missing = [*heads.missing, *(["channels"] if shape[2] is None else [])]
    _check_total(model, architecture, shape, bool(missing))
    model.leave_rest("it says nothing of the layers")
    told = {entry.name for entry in entries}
    entries += (
        Entry(place, value, "it is filled in by another program, and stays as it is")
        for place, value in _interpolations("", document)
        if place not in told
    )
    missing = list(dict.fromkeys(missing))
    return Loaded(architecture, shape, "sleap-nn", tuple(entries), tuple(missing), document)


def _read_unet(section: Section, heads: FoundHeads) -> UNet:
    """Return the network without heads, the blocks in which sleap-nn's differs as edits."""
    max_stride = section.take("max_stride", MAX_STRIDE, 16)
    largest = max(heads.strides, default=1)
    if largest > max_stride:
        if "max_stride" in section.fields:
            section.entries.pop()
        section.leave("max_stride", f"sleap-nn raises it to the largest of the heads, {largest}")
        max_stride = largest
    output_stride = read_output_stride(section, heads.strides, max_stride, "the finest head")
    stem_stride = section.take("stem_stride", optional(STRIDE), None) or 1
    check_stem(section, stem_stride, max_stride)
    values = {
        name: section.take(name, parameter_of(UNet, name), default)
        for name, default in _DEFAULTS.items()
    }
    if values["stacks"] > 1:
        section.refuse("stacks", values["stacks"], "is more than sleap-nn can run", "give 1")
    stem = int(log2(stem_stride))
    down = int(log2(max_stride)) - stem
    up = int(log2(max_stride // output_stride)) + stem
    if stem and (up > down + stem + 1 or (stem > 1 and up > down + 1)):
        section.refuse(
            "stem_stride",
            stem_stride,
            f"makes a decoder with {up} blocks that sleap-nn can't run",
            "give null, or a larger output_stride",
        )
    if stem:
        values |= {"stem_kernel_size": _STEM_KERNEL}
    # One that reaches beyond the stem is made of a plain one, whose filters have no level there.
    net = UNet(**values, stem_blocks=stem, down_blocks=down, up_blocks=min(up, down + stem))
    _check_runs(section, net)
    if stem:
        first = attrs.evolve(blocks_of(net).encoder[0], pool=True)
        net = net.with_block("encoder", 0, first, up_blocks=up)
    up_kernel = net.kernel_size if net.up_interpolate else _UP_KERNEL
    decoder: tuple[Any, ...] = blocks_of(net).decoder
    for i, block in enumerate(decoder):
        is_beyond = bool(stem) and i == down + stem
        filters = _filters(net, max(0, down + stem - 1 - i))
        changed = attrs.evolve(
            block,
            transposed_conv_filters=filters,
            transposed_conv_kernel_size=up_kernel,
            skip_connection=not is_beyond,
            refine_convs=1 if is_beyond else _UP_CONVS,
            refine_convs_first_filters=filters,
            refine_convs_filters=filters,
        )
        if changed != block:
            net = net.with_block("decoder", i, changed)
    return net


def _filters(net: UNet, level: int) -> int:
    return net.widened("filters", "filters_rate", level, f"level {level}")


def _check_runs(section: Section, net: UNet) -> None:
    """Refuse what sleap-nn's own code fails at: blocks whose channels don't fit.

    Without a middle block, or with no convolution to expand it, its decoder still counts on the
    filters of the lowest level.
    """
    bottom = net.stem_blocks + net.down_blocks
    if _filters(net, bottom - 1) == _filters(net, bottom):
        return
    problem = "gives blocks whose channels don't fit in sleap-nn"
    if not net.middle_block:
        section.refuse("middle_block", False, problem, "give true")
    if net.convs_per_block == 1:
        section.refuse("convs_per_block", 1, problem, "give 2 or more")


def _skeleton(data: Section) -> dict[str, Entry]:
    """Return how many parts and edges the file's own skeleton has."""
    listed = data.fields.get("skeletons")
    if not isinstance(listed, list) or len(listed) != 1 or not isinstance(listed[0], Mapping):
        return {}
    return {
        lists: Entry(f"data_config.skeletons.{name}", len(listed[0][name]))
        for lists, name in (("part_names", "nodes"), ("edges", "edges"))
        if isinstance(listed[0].get(name), list) and listed[0][name]
    }


def _read_input(
    data: Section, unet: Section, kind: str, architecture: UNet, answers: Answers
) -> OpenShape:
    """Return the shape of the images that get into the network: cropped, scaled and padded."""
    images = data.section("preprocessing")
    if kind in _CROPPED:
        sizes = [images.take("crop_size", optional(SIZE), None)] * 2
    else:
        images.leave("crop_size", "the network gets whole images")
        sizes = [images.take(f"max_{name}", optional(SIZE), None) for name in ("height", "width")]
    if sizes == [None, None]:
        images.leave("scale", "the file leaves the size of the images open")
    else:
        scale = images.take("scale", SCALE, 1.0)
        max_stride = architecture.maximum_stride // (2 if architecture.stem_blocks else 1)
        sizes = [size and padded(max(1, int(size * scale)), max_stride) for size in sizes]
        if any(size and size % architecture.maximum_stride for size in sizes):
            images.entries.append(
                Entry(
                    "data_config.preprocessing",
                    sizes,
                    f"the network with its stem takes multiples of {architecture.maximum_stride}",
                )
            )
            sizes = [None, None]
    is_rgb = images.take("ensure_rgb", FLAG, False)
    is_grey = images.take("ensure_grayscale", FLAG, False)
    channels: int | None = answers.channels
    if is_rgb or is_grey:
        channels = 1 if is_grey else 3
        unet.leave("in_channels", f"the images are made to have {channels} channels")
    elif is_interpolation(unet.fields.get("in_channels")):
        unet.leave("in_channels", "it is filled in by another program")
    else:
        channels = unet.take("in_channels", SIZE, 1)
    images.leave_rest("of preprocessing, size, scale, crop and colour are read")
    return sizes[0], sizes[1], channels


def _check_total(
    model: Section, architecture: EncoderDecoder, shape: OpenShape, is_open: bool
) -> None:
    """Hold the number of parameters that the file gives against ours."""
    written = model.fields.get("total_params")
    if written is None:
        return
    if is_open:
        model.leave("total_params", "what the file leaves open has parameters too")
        return
    size = architecture.maximum_stride
    ours = analyze(trace(architecture, (size, size, shape[2] or 1))).total_params
    because = "" if written == ours else f"this design has {ours:,}"
    model.tell("total_params", written, because)


def _interpolations(place: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the place of every text that another program fills in."""
    if is_interpolation(value):
        yield place, value
    named = value.items() if isinstance(value, Mapping) else ()
    items = enumerate(value) if isinstance(value, list) else named
    for name, inner in items:
        yield from _interpolations(f"{place}.{name}".lstrip("."), inner)


def _write_input(
    images: dict[str, Any], unet: dict[str, Any], kind: str, net: UNet, shape: OpenShape
) -> None:
    """Put the size and the channels of the images into their sections, if they say others."""

    def read_again() -> OpenShape:
        data = Section("data_config", {"preprocessing": images}, [])
        return _read_input(data, Section("unet", unet, []), kind, net, Answers())

    if shape[2] is not None and read_again()[2] != shape[2]:
        unet["in_channels"] = shape[2]
        images |= {"ensure_rgb": False, "ensure_grayscale": False}
    if shape[:2] == (None, None):
        return
    names = ("crop_size",) if kind in _CROPPED else ("max_height", "max_width")
    for scale in (scale_in(images, "scale"), 1.0):
        if read_again()[:2] != shape[:2]:
            sizes = [size and ceil(size / scale) for size in shape[:2]]
            if kind in _CROPPED:
                sizes.sort(key=lambda size: size is None)  # a crop has one
            images |= dict(zip(names, sizes, strict=False)) | {"scale": scale}


def to_sleap_nn(
    architecture: EncoderDecoder,
    input_shape: OpenShape,
    document: Mapping[str, Any] | None = None,
) -> str:
    """Return the YAML of a configuration of sleap-nn's.

    As `to_sleap` says. Comments of the file that the document comes from are lost.

    Args:
        architecture: The design.
        input_shape: `(height, width, channels)` of what the network gets; None: left open.
        document: A document to be changed; what it says of other things stays.

    Raises:
        Refusal: Listing what sleap-nn can't express.
    """
    if type(architecture) is not UNet:
        raise Refusal(f"sleap-nn has no {type(architecture).__name__} that is written: use a UNet.")
    written = deepcopy(dict(document or {}))
    model = object_in(written, "model_config")
    backbones, heads = object_in(model, "backbone_config"), object_in(model, "head_configs")
    backbones.update(dict.fromkeys((backbones.keys() | {"convnext", "swint"}) - {"unet"}))
    unet = object_in(backbones, "unet")
    stem = architecture.stem_blocks
    max_stride = 2 ** (stem + architecture.down_blocks)
    for name in _DEFAULTS:
        put(unet, name, getattr(architecture, name))
    put(unet, "max_stride", max_stride)
    # With a stem of more than one block the decoder goes farther than the file says.
    output_stride = architecture.output_stride * 2 ** max(0, stem - 1)
    put(unet, "output_stride", output_stride)
    if (unet.get("stem_stride") or 1) != 2**stem or "stem_stride" not in unet:
        unet["stem_stride"] = 2**stem if stem else None
    problems = write_heads(heads, KINDS, architecture, output_stride, "sleap-nn")
    if not problems:
        kind = next(name for name, value in heads.items() if value is not None)
        images = object_in(object_in(written, "data_config"), "preprocessing")
        _write_input(images, unet, kind, architecture, input_shape)
        again = read(written, Answers())
        if model.get("total_params") is not None and not again.missing:
            size = architecture.maximum_stride
            graph = trace(again.architecture, (size, size, again.input_shape[2] or 1))
            model["total_params"] = analyze(graph).total_params
        problems = list(differences(again.architecture, architecture))
        problems += other_sizes(again.input_shape, input_shape)
    if problems:
        raise Refusal(f"sleap-nn can't express {'; '.join(problems)}.")
    text: str = yaml.safe_dump(written, sort_keys=False, allow_unicode=True)
    return text
