"""SLEAP's training profiles and configurations (JSON), in and out.

What fields mean is as in SLEAP 1.4: its backbones are those of our families, with some settings
fixed; the backbone ends at the stride of the first head, whatever its own `output_stride` says.
"""

import json
import struct
from collections.abc import Mapping
from copy import deepcopy
from math import ceil, log2
from typing import Any

import attrs

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
    optional,
    padded,
    scale_in,
)
from explorer.core.exchange.sleap_resnet import read_resnet, write_resnet
from explorer.core.families import Hourglass, LeapCNN, ResNet, UNet
from explorer.core.formatting import listed
from explorer.core.network.encoder_decoder import EncoderDecoder, blocks_of
from explorer.core.network.errors import Refusal
from explorer.core.network.parameters import Parameter, inactive_reason, parameter_of

_MULTI = HeadPart("MultiInstanceConfmapsHead", has_offsets=True)
_CENTERED = HeadPart("CenteredInstanceConfmapsHead", has_offsets=True)

KINDS = {
    "single_instance": (HeadPart("SingleInstanceConfmapsHead", section="", has_offsets=True),),
    "centroid": (HeadPart("CentroidConfmapsHead", section="", lists="", has_offsets=True),),
    "centered_instance": (attrs.evolve(_CENTERED, section=""),),
    "multi_instance": (_MULTI, PAFS),
    "multi_class_bottomup": (_MULTI, CLASS_MAPS),
    "multi_class_topdown": (_CENTERED, CLASS_VECTORS),
}
#: Kinds whose input is a crop around an animal.
_CROPPED = ("centered_instance", "multi_class_topdown")


@attrs.frozen
class _Backbone:
    """A backbone of SLEAP.

    Attributes:
        family: What it is here.
        defaults: SLEAP's values of the fields that both have, where a file gives none.
        fixed: What SLEAP's code fixes.
        max_stride: SLEAP's default.
        output_stride: Likewise.
        stem_stride: Likewise, if it has a stem.
    """

    family: type[Any]
    defaults: Mapping[str, Any]
    fixed: Mapping[str, Any]
    max_stride: int
    output_stride: int = 1
    stem_stride: int | None = None


_BACKBONES = {
    "unet": _Backbone(
        UNet,
        {
            "filters": 64,
            "filters_rate": 2,
            "middle_block": True,
            "up_interpolate": False,
            "stacks": 1,
        },
        {
            "kernel_size": 3,
            "convs_per_block": 2,
            "block_contraction": False,
            "skips": "concatenate",
            "strided_conv": False,
        },
        max_stride=16,
    ),
    "leap": _Backbone(
        LeapCNN,
        {"filters": 64, "filters_rate": 2, "up_interpolate": False, "stacks": 1},
        {"down_convs_per_block": 3, "up_convs_per_block": 2, "strided_conv": False},
        max_stride=8,
    ),
    "hourglass": _Backbone(
        Hourglass,
        {"stem_filters": 128, "filters": 256, "filter_increase": 128, "stacks": 3},
        {"up_interpolate": True, "interp_method": "nearest", "skips": "add"},
        max_stride=64,
        output_stride=4,
        stem_stride=4,
    ),
}
#: Kernel of the stem of SLEAP's U-Net.
_STEM_KERNEL = 7


def fits(document: Mapping[str, Any]) -> bool:
    """Return whether a document is one of SLEAP's."""
    model = document.get("model")
    return isinstance(model, Mapping) and "backbone" in model


def read(document: Mapping[str, Any], answers: Answers) -> Loaded:
    """Return the design that a document of SLEAP's describes.

    Args:
        document: What its JSON says.
        answers: What it leaves open.

    Raises:
        Refusal: Naming field, value and remedy.
    """
    entries: list[Entry] = []
    top = Section("", document, entries)
    model = top.section("model")
    if "backbone_name" in model.fields:
        return _read_old(document, model, answers)
    data = top.section("data")
    heads = read_heads(model.section("heads"), KINDS, answers, _skeleton(data))
    backbones = model.section("backbone")
    kind = backbones.only((*_BACKBONES, "resnet")) or ""
    section = backbones.section(kind)
    is_pretrained = False
    if kind == "resnet":
        backbone, is_pretrained = read_resnet(section, heads.strides)
    else:
        backbone = _read_backbone(section, _BACKBONES[kind], heads)
    architecture = heads.put_on(backbone)
    section.leave_rest("SLEAP's code has no such field")
    model.leave("base_checkpoint", "weights are not read")
    missing = list(dict.fromkeys(heads.missing))
    shape = _read_input(data, heads.kind, architecture.maximum_stride, answers)
    if is_pretrained:
        shape = (*shape[:2], 3)
    elif shape[2] is None:
        missing.append("channels")
    return Loaded(architecture, shape, "SLEAP", tuple(entries), tuple(missing), document)


def _read_backbone(section: Section, backbone: _Backbone, heads: FoundHeads) -> Any:
    """Return the network of a backbone, without heads."""
    max_stride = section.take("max_stride", MAX_STRIDE, backbone.max_stride)
    output_stride = read_output_stride(
        section, heads.strides[:1], max_stride, "the first head", backbone.output_stride
    )
    fields = {
        name: section.take(name, parameter_of(backbone.family, name), default)
        for name, default in backbone.defaults.items()
    } | dict(backbone.fixed)
    down_blocks = _log2(max_stride)
    if backbone.family is not LeapCNN:
        is_unet = backbone.family is UNet
        like = optional(STRIDE) if is_unet else parameter_of(Hourglass, "stem_stride")
        stem_stride = section.take("stem_stride", like, backbone.stem_stride) or 1
        check_stem(section, stem_stride, max_stride)
        down_blocks -= _log2(stem_stride)
        if not is_unet:
            fields["stem_stride"] = stem_stride
        elif stem_stride > 1:
            fields |= {"stem_blocks": _log2(stem_stride), "stem_kernel_size": _STEM_KERNEL}
    up_blocks = _log2(max_stride // output_stride)
    return backbone.family(**fields, down_blocks=down_blocks, up_blocks=up_blocks)


def _log2(stride: int) -> int:
    return int(log2(stride))


def _skeleton(data: Section) -> dict[str, Entry]:
    """Return how many parts the file's own skeleton has, from which SLEAP takes them as well."""
    written = data.section("labels").fields.get("skeletons")
    if not isinstance(written, list) or len(written) != 1 or not isinstance(written[0], Mapping):
        return {}
    nodes = written[0].get("nodes")
    if not isinstance(nodes, list) or not nodes:
        return {}
    return {"part_names": Entry("data.labels.skeletons.nodes", len(nodes))}


def _read_input(data: Section, kind: str, max_stride: int, answers: Answers) -> OpenShape:
    """Return the shape of the images that get into the network: scaled, cropped and padded."""
    images = data.section("preprocessing")
    crop = data.section("instance_cropping")
    sizes: list[int | None]
    if kind in _CROPPED:
        size = crop.fields.get("crop_size")
        if type(size) is int and size > 0 and size % max_stride:
            crop.leave("crop_size", f"SLEAP finds one from the labels that {max_stride} divides")
            size = None
        else:
            size = crop.take("crop_size", optional(SIZE), None)
        sizes = [size, size]
        images.leave("input_scaling", "crops are taken from images that are scaled already")
    else:
        crop.leave("crop_size", "the network gets whole images")
        sizes = [None, None]
        if images.take("resize_and_pad_to_target", FLAG, True):
            names = ("target_height", "target_width")
            sizes = [images.take(name, optional(SIZE), None) for name in names]
        scale = 1.0
        if sizes == [None, None]:
            images.leave("input_scaling", "the file leaves the size of the images open")
        else:
            scale = images.take("input_scaling", SCALE, 1.0)
        pad_to = images.take("pad_to_stride", optional(SIZE), None) or max_stride
        sizes = [
            size and padded(padded(_scaled(size, scale), pad_to), max_stride) for size in sizes
        ]
    channels = _channels(images, answers)
    images.leave_rest("of preprocessing, size, scale, crop and colour are read")
    return sizes[0], sizes[1], channels


def _scaled(size: int, scale: float) -> int:
    """Return a size times a scale as SLEAP computes it: in 32 bits, and truncated."""
    single = struct.unpack("f", struct.pack("f", scale))[0]
    return max(1, int(struct.unpack("f", struct.pack("f", size * single))[0]))


def _channels(images: Section, answers: Answers) -> int | None:
    """Return the channels of the images, None where nothing says it."""
    if images.fields.get("imagenet_mode") is not None:
        images.tell("imagenet_mode", images.fields["imagenet_mode"])
        return 3
    is_rgb = images.take("ensure_rgb", FLAG, False)
    if images.take("ensure_grayscale", FLAG, False):
        return 1
    return 3 if is_rgb else answers.channels


def _read_old(document: Mapping[str, Any], model: Section, answers: Answers) -> Loaded:
    """Return the U-Net of a file from before SLEAP 1.0, without its heads.

    Its blocks narrow at their end, but that of the input's resolution, which has no level below.
    """
    if model.fields["backbone_name"] != "UNet":
        model.refuse(
            "backbone_name", model.fields["backbone_name"], "is not read", "of old files UNet is"
        )
    model.tell("backbone_name", "UNet")
    section = model.section("backbone")

    def take(name: str, field: str, default: Any, like: Parameter | None = None) -> Any:
        return section.take(name, like or parameter_of(UNet, field), default)

    two = Parameter(name="", default=2, value_type=int, choices=(2,))
    down_blocks = take("down_blocks", "down_blocks", 3)
    up_blocks = take("up_blocks", "up_blocks", 3)
    interpolation = take("interp", "", "bilinear", parameter_of(Hourglass, "interp_method"))
    if up_blocks > down_blocks:
        section.refuse(
            "up_blocks", up_blocks, "is more than down_blocks", f"give {down_blocks} at most"
        )
    net = UNet(
        filters=take("num_filters", "filters", 16),
        kernel_size=take("kernel_size", "kernel_size", 5),
        convs_per_block=take("convs_per_depth", "convs_per_block", 2, two),
        up_interpolate=take("upsampling_layers", "up_interpolate", True),
        down_blocks=down_blocks,
        up_blocks=up_blocks,
        block_contraction=True,
    )
    decoder: tuple[Any, ...] = blocks_of(net).decoder
    for i, block in enumerate(decoder):
        narrow = net.filters if i == down_blocks - 1 else block.refine_convs_filters
        changed = attrs.evolve(block, interp_method=interpolation, refine_convs_filters=narrow)
        net = net.with_block("decoder", i, changed)
    section.leave_rest("it is not known what it does")
    model.leave_rest("the heads of so old a file are 3×3 convolutions, which heads here are not")
    top = Section("", document, model.entries)
    top.section("model")
    top.leave_rest("it says nothing of the layers, or is not known in so old a file")
    missing = () if answers.channels else ("channels",)
    shape = (None, None, answers.channels)
    return Loaded(net, shape, "SLEAP", tuple(model.entries), missing, document)


def to_sleap(
    architecture: EncoderDecoder,
    input_shape: OpenShape,
    document: Mapping[str, Any] | None = None,
) -> str:
    """Return the JSON of a profile of SLEAP's.

    Heads are told by the names that their layers have in SLEAP, such as
    "MultiInstanceConfmapsHead". A design without heads gets a single instance's, whose parts SLEAP
    takes from the labels. Where the document names fewer parts than a head has channels, names
    such as "part0" stand for them.

    Args:
        architecture: The design.
        input_shape: `(height, width, channels)` of what the network gets; None: left open.
        document: A document to be changed; what it says of other things stays.

    Raises:
        Refusal: Listing what SLEAP can't express.
    """
    families = {backbone.family: kind for kind, backbone in _BACKBONES.items()} | {ResNet: "resnet"}
    kind = families.get(type(architecture))
    if kind is None:
        raise Refusal(
            f"SLEAP has no {type(architecture).__name__}: use one of its backbones, "
            f"{listed([family.__name__ for family in families], 'or')}."
        )
    written = deepcopy(dict(document or {}))
    if "backbone_name" in (written.get("model") or {}):
        written = {}
    model = object_in(written, "model")
    backbones, heads = object_in(model, "backbone"), object_in(model, "heads")
    backbones.update(dict.fromkeys((backbones.keys() | set(families.values())) - {kind}))
    section = object_in(backbones, kind)
    if isinstance(architecture, ResNet):
        problems = write_resnet(section, architecture)
    else:
        problems = _write_backbone(section, _BACKBONES[kind], architecture)
    problems += write_heads(heads, KINDS, architecture, architecture.output_stride, "SLEAP")
    if not problems:
        head = next(name for name, value in heads.items() if value is not None)
        _write_input(object_in(written, "data"), head, architecture.maximum_stride, input_shape)
        again = read(written, Answers())
        problems = list(differences(again.architecture, architecture))
        problems += other_sizes(again.input_shape, input_shape)
    if problems:
        raise Refusal(f"SLEAP can't express {'; '.join(problems)}.")
    return json.dumps(written, indent=4)


def _write_backbone(
    section: dict[str, Any], backbone: _Backbone, architecture: EncoderDecoder
) -> list[str]:
    """Put a network into its section; return what of it has no place there."""
    values = attrs.asdict(architecture, recurse=False)
    problems = [
        f"{name}={values[name]!r} (it has {value!r})"
        for name, value in backbone.fixed.items()
        if values[name] != value
        and not inactive_reason(architecture, parameter_of(backbone.family, name))
    ]
    for name in backbone.defaults:
        put(section, name, values[name])
    put(section, "max_stride", architecture.maximum_stride)
    put(section, "output_stride", architecture.output_stride)
    if isinstance(architecture, Hourglass):
        put(section, "stem_stride", architecture.stem_stride)
    if isinstance(architecture, UNet):
        stem_stride = 2**architecture.stem_blocks
        if (section.get("stem_stride") or 1) != stem_stride or "stem_stride" not in section:
            section["stem_stride"] = stem_stride if stem_stride > 1 else None
        if stem_stride > 1 and architecture.stem_kernel_size != _STEM_KERNEL:
            problems.append(f"stem_kernel_size={architecture.stem_kernel_size} (it has 7)")
    return problems


def _write_input(data: dict[str, Any], kind: str, max_stride: int, shape: OpenShape) -> None:
    """Put the size and the channels of the images into their section, if it says others."""
    images = object_in(data, "preprocessing")

    def read_again() -> OpenShape:
        return _read_input(Section("data", data, []), kind, max_stride, Answers())

    if shape[2] is not None and read_again()[2] != shape[2]:
        images |= {"ensure_rgb": shape[2] == 3, "ensure_grayscale": shape[2] == 1}
    if shape[:2] == (None, None) or read_again()[:2] == shape[:2]:
        return
    if kind in _CROPPED:
        object_in(data, "instance_cropping")["crop_size"] = shape[0] or shape[1]
        return
    if images.get("pad_to_stride") is not None:
        images["pad_to_stride"] = max_stride
    for scale in (scale_in(images, "input_scaling"), 1.0):
        sizes = {
            f"target_{name}": size and ceil(size / scale)
            for name, size in zip(("height", "width"), shape, strict=False)
        }
        images |= {"resize_and_pad_to_target": True, "input_scaling": scale, **sizes}
        if read_again()[:2] == shape[:2]:
            return
