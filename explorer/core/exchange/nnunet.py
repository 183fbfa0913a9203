"""Plans of nnU-Net (`nnUNetPlans.json`): a two-dimensional configuration as an architecture.

Both forms are read: that of today, with `architecture` and `arch_kwargs`, and the flat one before
it. Classes that plans name are compared as texts; nothing is imported.
Source: nnunetv2 and dynamic_network_architectures, whose defaults hold for what plans leave out.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import prod
from operator import mul
from typing import Any, NoReturn

import attrs

from explorer.core.exchange.loaded import Answers, Configuration, Entry, Loaded
from explorer.core.families.nnunet import EPSILON, MOMENTUM, PlainConvUNet, ResidualEncoderUNet
from explorer.core.formatting import counted, listed
from explorer.core.network.block_edits import BlockEdit
from explorer.core.network.blocks import MAX_FILTERS
from explorer.core.network.encoder_decoder import family_blocks_of
from explorer.core.network.errors import ParameterError, Refusal
from explorer.core.network.heads import Head
from explorer.core.network.parameters import parameter_of

FORMAT = "nnU-Net plans"

#: Where the package has its networks.
_PACKAGE = "dynamic_network_architectures."
_FAMILIES: dict[str, type[PlainConvUNet] | type[ResidualEncoderUNet]] = {
    "PlainConvUNet": PlainConvUNet,
    "ResidualEncoderUNet": ResidualEncoderUNet,
}
_NORMALISATIONS = {"InstanceNorm2d": "instance", "BatchNorm2d": "batch"}

#: What plans of the flat form leave out: nnU-Net's own settings of that time.
_FLAT = {
    "conv_bias": True,
    "norm_op": "InstanceNorm2d",
    "norm_op_kwargs": {"affine": True},
    "nonlin": "LeakyReLU",
}
#: Largest kernel, stride and number of convolutions: more is a typing error.
_MOST = 1000
#: nnU-Net's own limit in two dimensions.
_MAX_FILTERS = 512

#: Most configurations that are told of, of a file with more.
_MOST_TOLD = 50

#: A number for the height and one for the width.
_Pair = tuple[int, int]


def is_plans(document: object) -> bool:
    """Return whether parsed JSON has the form of nnU-Net's plans."""
    configurations = document.get("configurations") if isinstance(document, Mapping) else None
    if not isinstance(configurations, Mapping):
        return False
    signs = {"architecture", "UNet_class_name", "inherits_from", "patch_size"}
    return any(isinstance(each, Mapping) and signs & set(each) for each in configurations.values())


def read(document: Mapping[str, Any], answers: Answers) -> Loaded:
    """Return a configuration of plans as a design.

    A head stands on every stage of the decoder, as in training with deep supervision; inference
    uses the last alone. Their channels are the classes, the background among them.

    Args:
        document: The parsed JSON.
        answers: Which configuration; classes, and channels where the plans do not say them.

    Raises:
        ParameterError: If a value cannot be used, naming its field.
        Refusal: If there is no such configuration, or it is none that can be shown.
    """
    choices = _choices(document)
    name = answers.configuration
    if name is None:
        name = _usual(choices)
        if all(choice.because for choice in choices) and choices:
            told = listed([f"{_short(each.name)} ({each.because})" for each in choices[:3]])
            raise Refusal(f"These plans have no configuration that can be shown, but {told}.")
    fields = _configuration(document, name)
    size = _patch_size(fields, document)
    plan = _of_today(fields) if "architecture" in fields.values else _of_before(fields)
    architecture = plan.architecture()
    _check_fits(fields, size, architecture.size_steps)
    missing = []
    if answers.classes is None:
        missing.append("classes")
    else:
        architecture = attrs.evolve(architecture, heads=plan.heads(answers.classes))
    channels = _channels(fields, answers)
    if channels is None:
        missing.append("channels")
    return Loaded(
        architecture,
        input_shape=(*size, channels),
        format=FORMAT,
        entries=tuple(fields.entries),
        missing=tuple(missing),
        document=document,
        configuration=name,
        configurations=choices,
    )


def _choices(document: Mapping[str, Any]) -> tuple[Configuration, ...]:
    """Return the configurations, with why some can't be shown."""
    if not is_plans(document):
        raise Refusal("These are no plans of nnU-Net: there are no configurations in them.")
    found = document["configurations"]
    names = [name for name, each in found.items() if isinstance(each, Mapping)][:_MOST_TOLD]
    return tuple(Configuration(name, _not_shown(found, name)) for name in names)


def _not_shown(configurations: Mapping[str, Any], name: str) -> str:
    """Return why a configuration can't be shown, if its patches tell."""
    size = None
    visited = set()
    wanted: Any = name
    while size is None and isinstance(wanted, str) and wanted not in visited:
        visited.add(wanted)
        found = configurations.get(wanted)
        found = found if isinstance(found, Mapping) else {}
        size, wanted = found.get("patch_size"), found.get("inherits_from")
    if not isinstance(size, list) or len(size) == 2:
        return ""
    return f"its patches have {len(size)} axes, and networks of images are shown"


def _usual(choices: Sequence[Configuration]) -> str:
    """Return what is read where nothing is wanted."""
    shown = [choice.name for choice in choices if not choice.because]
    return "2d" if "2d" in shown or not shown else shown[0]


@attrs.frozen
class _Fields:
    """Fields of an object of the file, which are accounted for as they are read.

    Attributes:
        path: The object's place in the file.
        values: The fields.
        entries: The account, of all objects together.
        paths: Places of fields that stand in another object.
        seen: Fields that are accounted for.
    """

    path: str
    values: Mapping[str, Any]
    entries: list[Entry]
    paths: Mapping[str, str] = attrs.field(factory=dict)
    seen: set[str] = attrs.field(factory=set)

    def place(self, name: str) -> str:
        """Return a field's place in the file."""
        return f"{self.paths.get(name, self.path)}.{name}"

    def tell(self, name: str, because: str = "") -> None:
        """Account for a field, if it is there."""
        if name in self.values and name not in self.seen:
            self.seen.add(name)
            self.entries.append(Entry(self.place(name), self.values[name], because))

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field's value, which is then in the design."""
        self.tell(name)
        return self.values.get(name, default)

    def refuse(self, name: str, problem: str, remedy: str) -> NoReturn:
        """Raise an error that names a field."""
        owner = self.paths.get(name, self.path)
        raise ParameterError(owner, name, self.values.get(name), problem, remedy)

    def object(self, name: str) -> "_Fields":
        """Return the fields of an object in a field; of null there are none."""
        found = self.values.get(name)
        if found is not None and not isinstance(found, Mapping):
            self.refuse(name, "is no object", "give one with names and values")
        self.seen.add(name)
        return _Fields(self.place(name), found or {}, self.entries)

    def whole(self, name: str, least: int, most: int) -> int:
        """Return a field's whole number."""
        value = self._there(name)
        if type(value) is not int or not least <= value <= most:
            self._refuse_number(name, least, most)
        return value

    def switch(self, name: str, default: bool) -> bool:
        """Return a field that is true or false."""
        value = self.get(name, default)
        if not isinstance(value, bool):
            self.refuse(name, "is neither true nor false", "give one of them")
        return value

    def numbers(self, name: str, count: int, most: int = _MOST) -> tuple[int, ...]:
        """Return a whole number for each stage; one number is for all."""
        values = self._listed(name, count)
        if not all(type(value) is int and 1 <= value <= most for value in values):
            self._refuse_number(name, 1, most)
        return values

    def pairs(self, name: str, count: int) -> tuple[_Pair, ...]:
        """Return height and width for each stage; one number is for both."""
        pairs = []
        for value in self._listed(name, count):
            pair = [value, value] if type(value) is int else value
            if isinstance(pair, list) and len(pair) == 3:
                self.refuse(name, "has 3 axes", "choose a configuration of 2 axes")
            if (
                not isinstance(pair, list)
                or len(pair) != 2
                or not all(type(each) is int and 1 <= each <= _MOST for each in pair)
            ):
                self._refuse_number(name, 1, _MOST, "pairs of ")
            pairs.append((pair[0], pair[1]))
        return tuple(pairs)

    def _there(self, name: str) -> Any:
        """Return the value of a field that must be there."""
        if name not in self.values:
            self.refuse(name, "is missing", "add it")
        return self.get(name)

    def _listed(self, name: str, count: int) -> tuple[Any, ...]:
        value = self._there(name)
        if type(value) is int:
            return (value,) * count
        if not isinstance(value, list) or len(value) != count:
            self.refuse(name, f"is no list of {count}", f"give {count} entries, one for each stage")
        return tuple(value)

    def _refuse_number(self, name: str, least: int, most: int, what: str = "") -> NoReturn:
        of_list = isinstance(self.values[name], list)
        problem = "has other entries than" if of_list else "is none of the"
        numbers = f"{what}whole numbers from {least} to {most:,}"
        self.refuse(name, f"{problem} {numbers}", f"give {numbers}")


def _configuration(document: Mapping[str, Any], name: str) -> _Fields:
    """Return a configuration's fields, with those that it inherits."""
    configurations = document["configurations"]
    entries: list[Entry] = []
    values: dict[str, Any] = {}
    paths: dict[str, str] = {}
    visited: dict[str, None] = {}
    wanted: Any = name
    while wanted is not None:
        found = configurations.get(wanted) if isinstance(wanted, str) else None
        if not isinstance(found, Mapping):
            raise Refusal(
                f"There is no configuration {_short(wanted)} in these plans"
                + (f", which {_short(next(reversed(visited)))} inherits from" if visited else "")
                + f": choose {_names(list(configurations))}."
            )
        if wanted in visited:
            raise Refusal(
                f"Configuration {_short(wanted)} inherits from itself, by way of "
                f"{_short(next(reversed(visited)))}: take away an inherits_from."
            )
        visited[wanted] = None
        path = f"configurations.{wanted}"
        for field, value in found.items():
            if field not in values:
                values[field], paths[field] = value, path
        wanted = found.get("inherits_from")
        if wanted is not None:
            entries.append(Entry(f"{path}.inherits_from", wanted))
    return _Fields(f"configurations.{name}", values, entries, paths)


def _short(name: object) -> str:
    text = repr(name)
    return text if len(text) <= 60 else f"{text[:56]}…'"


def _names(names: Sequence[str]) -> str:
    few = [_short(name) for name in names[:6]]
    return listed([*few, "others"] if len(names) > 6 else few, "or")


def _patch_size(fields: _Fields, document: Mapping[str, Any]) -> _Pair:
    """Return height and width of the patches that the network takes."""
    value = fields.get("patch_size")
    if not isinstance(value, list) or not all(type(size) is int and size > 0 for size in value):
        fields.refuse("patch_size", "is no list of sizes in pixels", "give height and width")
    if len(value) != 2:
        shown = [choice.name for choice in _choices(document) if not choice.because]
        others = f"choose {_names(shown)}" if shown else "these plans have none of 2 axes"
        raise Refusal(
            f"{fields.path} is for patches of {len(value)} axes, and here networks of images are "
            f"shown: {others}."
        )
    return value[0], value[1]


def _check_fits(fields: _Fields, size: _Pair, steps: _Pair) -> None:
    if any(length % step for length, step in zip(size, steps, strict=True)):
        text = " and ".join(map(str, steps))
        fields.refuse(
            "patch_size",
            f"does not fit the strides, by which height and width are divided by {text}",
            f"give multiples of {text}",
        )


def _channels(fields: _Fields, answers: Answers) -> int | None:
    """Return the channels of the image: plans have a normalisation scheme for each.

    In a cascade the classes of the stage before come as channels, too, which plans do not tell.
    """
    name, answered = "normalization_schemes", answers.channels
    schemes = fields.values.get(name)
    count = len(schemes) if isinstance(schemes, list) else 0
    if fields.values.get("previous_stage") is not None:
        more = "the classes of that stage are channels, too, and plans don't tell how many"
        all_ = f"{answered} channels in all were given" if answered else "give all channels"
        fields.tell("previous_stage", f"{more}: {all_}")
        fields.tell(name, "these are not all channels: see previous_stage")
        return answered
    because = "it is no list with one for each channel"
    if count:
        same = answered in (None, count)
        because = "" if same else f"{counted(answered or 0, 'channel')} were asked for"
    fields.tell(name, because)
    return answered or count or None


@attrs.frozen
class _Plan:
    """What plans of either form say of a network.

    Attributes:
        residual: Whether the encoder has residual units.
        filters: Filters of each stage.
        max_filters: What no stage has more than.
        kernels: Kernel of each stage, as height and width.
        strides: Stride of each stage's first convolution, likewise.
        down: Convolutions, or residual units, of each stage.
        up: Convolutions of the decoder's stages, the lowest first.
        stem_filters: Filters of the convolution before residual units.
        settings: Fields that the family has, too.
    """

    residual: bool
    filters: tuple[int, ...]
    max_filters: int
    kernels: tuple[_Pair, ...]
    strides: tuple[_Pair, ...]
    down: tuple[int, ...]
    up: tuple[int, ...]
    stem_filters: int
    settings: Mapping[str, Any]

    def architecture(self) -> PlainConvUNet | ResidualEncoderUNet:
        """Return the network; blocks that differ from their family's are exceptions on it."""
        (kernel, _), _ = Counter(self.kernels).most_common(1)[0]
        settings = {
            "stages": len(self.filters),
            "filters": self.filters[0],
            "max_filters": self.max_filters,
            "kernel_size": kernel,
            "up_convs_per_stage": _without_repeats(self.up),
            **self.settings,
        }
        down = _without_repeats(self.down)
        family: PlainConvUNet | ResidualEncoderUNet
        if self.residual:
            family = ResidualEncoderUNet(units_per_stage=down, **settings)
        else:
            family = PlainConvUNet(convs_per_stage=down, **settings)
        blocks = family_blocks_of(family)
        wanted: dict[tuple[str, int], Any] = {}
        for stage, of_encoder in enumerate(blocks.encoder):
            factor, along = _factor(self.strides[stage])
            fields = self._fields(stage) | {"pool": factor > 1, "along": along}
            if factor > 1:
                fields["pooling_stride"] = factor
            if self.residual and stage == 0:
                fields["first_filters"] = self.stem_filters
            wanted["encoder", stage] = attrs.evolve(of_encoder, **fields)
        for i, of_decoder in enumerate(blocks.decoder):
            stage = len(self.filters) - 2 - i
            factor, along = _factor(self.strides[stage + 1])
            fields = self._fields(stage) | {"upsampling_stride": factor, "along": along}
            wanted["decoder", i] = attrs.evolve(of_decoder, **fields)
        edits = []
        for (part, index), block in wanted.items():
            if block != (usual := blocks.at((part, index))):
                edits.append(BlockEdit.of(blocks.place_of(part, index), block, usual))
        return attrs.evolve(family, edits=tuple(edits))

    def _fields(self, stage: int) -> dict[str, Any]:
        height, width = self.kernels[stage]
        return {
            "filters": self.filters[stage],
            "kernel_size": height,
            "kernel_width": None if width == height else width,
        }

    def heads(self, classes: int) -> tuple[Head, ...]:
        """Return a head for each stage of the decoder in its order, the finest last."""
        factors = [_factor(stride)[0] for stride in self.strides[:-1]]
        coarser = list(accumulate(factors, mul))[:0:-1]
        return tuple(
            Head(f"seg{i}", classes, stride=stride) for i, stride in enumerate([*coarser, None])
        )


def _factor(stride: _Pair) -> tuple[int, str]:
    """Return the factor of a stride and the axes along which it is."""
    height, width = stride
    if height == width:
        return height, "both"
    return (height, "height") if width == 1 else (width, "width")


def _without_repeats(numbers: Sequence[int]) -> tuple[int, ...]:
    """Return numbers by stage without those at the end that go on by themselves."""
    last = len(numbers)
    while last > 1 and numbers[last - 2] == numbers[-1]:
        last -= 1
    return tuple(numbers[:last])


def _of_today(fields: _Fields) -> _Plan:
    """Return what `architecture` says."""
    told = fields.object("architecture")
    name = _text(told, "network_class_name")
    if not name.startswith(_PACKAGE) or name.rpartition(".")[2] not in _FAMILIES:
        _refuse_class(told, "network_class_name")
    told.tell("network_class_name")
    residual = name.endswith(".ResidualEncoderUNet")
    kwargs = told.object("arch_kwargs")
    stages = kwargs.whole("n_stages", 2, _most_stages())
    if _last(kwargs, "conv_op") not in ("", "Conv2d"):
        kwargs.refuse("conv_op", "is no convolution of images", "choose a 2D configuration")
    kwargs.tell("conv_op")
    filters = kwargs.numbers("features_per_stage", stages, MAX_FILTERS)
    if residual:
        _check_residual(kwargs)
    plan = _Plan(
        residual=residual,
        filters=filters,
        max_filters=_max_filters(filters),
        kernels=_kernels(kwargs, "kernel_sizes", stages),
        strides=_strides(kwargs, "strides", stages),
        down=kwargs.numbers("n_blocks_per_stage" if residual else "n_conv_per_stage", stages),
        up=kwargs.numbers("n_conv_per_stage_decoder", stages - 1),
        stem_filters=(
            kwargs.whole("stem_channels", 1, MAX_FILTERS)
            if residual and kwargs.values.get("stem_channels") is not None
            else filters[0]
        ),
        settings=_settings(kwargs),
    )
    for each in kwargs.values:
        kwargs.tell(each, "" if kwargs.values[each] is None else _why_not(each, kwargs))
    for each in told.values:
        if each != "_kw_requires_import":  # how Python finds the classes
            told.tell(each, "it is not known here")
    return plan


def _why_not(name: str, kwargs: _Fields) -> str:
    if name in ("dropout_op", "dropout_op_kwargs"):
        if kwargs.values.get("dropout_op") is None:
            return ""
        return "the blocks here have no dropout, which has no weights and no effect at inference"
    if name == "nonlin_first":
        return "" if kwargs.values[name] is False else "here normalisation comes before activation"
    if name == "deep_supervision":
        return "there is a head on every stage of the decoder, as in training"
    return "it is not known here"


def _of_before(fields: _Fields) -> _Plan:
    """Return what the flat form says, which nnU-Net's own reader understands the same way."""
    if _text(fields, "UNet_class_name") not in _FAMILIES:
        _refuse_class(fields, "UNet_class_name")
    residual = fields.get("UNet_class_name") == "ResidualEncoderUNet"
    listed = fields.values.get("n_conv_per_stage_encoder")
    stages = len(listed) if isinstance(listed, list) else 0
    most = _most_stages()
    if not 2 <= stages <= most:
        fields.refuse(
            "n_conv_per_stage_encoder",
            "is no list of numbers by stage",
            f"give 2 to {most} numbers",
        )
    first = fields.whole("UNet_base_num_features", 1, MAX_FILTERS)
    largest = fields.whole("unet_max_num_features", 1, MAX_FILTERS)
    filters = tuple(min(first * 2**stage, largest) for stage in range(stages))
    strides = _strides(fields, "pool_op_kernel_sizes", stages)
    pools = [sum(stride[axis] > 1 for stride in strides) for axis in (0, 1)]
    agrees = fields.values.get("num_pool_per_axis") == pools
    fields.tell("num_pool_per_axis", "" if agrees else "pool_op_kernel_sizes say otherwise")
    return _Plan(
        residual=residual,
        filters=filters,
        max_filters=largest,
        kernels=_kernels(fields, "conv_kernel_sizes", stages),
        strides=strides,
        down=fields.numbers("n_conv_per_stage_encoder", stages),
        up=fields.numbers("n_conv_per_stage_decoder", stages - 1),
        stem_filters=filters[0],
        settings=_settings(_Fields("", _FLAT, [])),
    )


def _refuse_class(fields: _Fields, name: str) -> NoReturn:
    fields.refuse(
        name, "is none of the networks that are read", f"choose one of {', '.join(_FAMILIES)}"
    )


def _most_stages() -> int:
    most = parameter_of(PlainConvUNet, "stages").maximum
    assert most is not None
    return int(most)


def _max_filters(filters: tuple[int, ...]) -> int:
    """Return what no stage has more filters than, as far as can be seen, or nnU-Net's own limit."""
    reached = filters[-1] < filters[0] * 2 ** (len(filters) - 1)
    return max(filters) if reached else max(_MAX_FILTERS, *filters)


def _text(fields: _Fields, name: str) -> str:
    value = fields.values.get(name)
    return value if isinstance(value, str) else ""


def _last(fields: _Fields, name: str) -> str:
    """Return the class that a field names, without its module; empty for null."""
    value = fields.values.get(name)
    if value is not None and not isinstance(value, str):
        fields.refuse(name, "is not the name of a class", "give one, or null")
    return (value or "").rpartition(".")[2]


def _kernels(fields: _Fields, name: str, stages: int) -> tuple[_Pair, ...]:
    kernels = fields.pairs(name, stages)
    if any(size % 2 == 0 for kernel in kernels for size in kernel):
        fields.refuse(
            name, "has even sizes, which nnU-Net's padding does not make up for", "give odd ones"
        )
    return kernels


def _strides(fields: _Fields, name: str, stages: int) -> tuple[_Pair, ...]:
    strides = fields.pairs(name, stages)
    if any(prod(stride) == 1 for stride in strides[1:]):
        fields.refuse(
            name,
            "has a stage after the first that keeps the resolution",
            "give a stride for each stage but the first",
        )
    if any(1 != height != width != 1 for height, width in strides):
        fields.refuse(
            name, "has different strides for both axes", "give the same for both, or 1 for one"
        )
    return strides


def _check_residual(kwargs: _Fields) -> None:
    """Refuse residual units of another kind than the package's own default."""
    if _last(kwargs, "block") not in ("", "BasicBlockD"):
        kwargs.refuse("block", "is none of the units that are read", "use BasicBlockD")
    kwargs.tell("block")
    if kwargs.values.get("bottleneck_channels") is not None:
        kwargs.refuse("bottleneck_channels", "is for units that are not read", "leave it out")


def _settings(kwargs: _Fields) -> dict[str, Any]:
    """Return bias, normalisation and activation."""
    norm = _last(kwargs, "norm_op")
    if norm and norm not in _NORMALISATIONS:
        names = " or ".join(_NORMALISATIONS)
        kwargs.refuse("norm_op", "is no normalisation that is read", f"use {names}, or null")
    kwargs.tell("norm_op")
    told = kwargs.object("norm_op_kwargs")
    if norm:
        _check_normalisation(told, norm)
    nonlin = _last(kwargs, "nonlin")
    if nonlin not in ("LeakyReLU", "ReLU"):
        kwargs.refuse("nonlin", "is no activation that is read", "use LeakyReLU or ReLU")
    kwargs.tell("nonlin")
    of_nonlin = kwargs.object("nonlin_kwargs")
    slope: Any = 0
    if nonlin == "LeakyReLU":
        slope = of_nonlin.get("negative_slope", 0.01)
        if type(slope) not in (int, float) or not 0 <= slope <= 1:
            of_nonlin.refuse("negative_slope", "is no number from 0 to 1", "give one")
    _tell_rest(of_nonlin, skipped=("inplace",))  # how PyTorch uses memory
    return {
        "use_bias": kwargs.switch("conv_bias", default=False),
        "normalisation": _NORMALISATIONS.get(norm, "none"),
        "negative_slope": slope,
    }


def _check_normalisation(told: _Fields, norm: str) -> None:
    """Refuse a normalisation without weights, and account for its other settings."""
    if not told.switch("affine", default=norm == "BatchNorm2d"):
        told.refuse("affine", "leaves out scale and offset, which are part of it here", "set true")
    if told.values.get("eps", EPSILON) == EPSILON:
        told.tell("eps")
    told.tell("eps", f"{EPSILON:g} is added to the variance here")
    # PyTorch counts what a step of training adds, Keras what it keeps.
    if norm == "InstanceNorm2d" or told.values.get("momentum", 1 - MOMENTUM) == 0.1:
        told.tell("momentum")
    told.tell("momentum", "it is 0.1 here")
    _tell_rest(told)


def _tell_rest(fields: _Fields, skipped: Sequence[str] = ()) -> None:
    for name in fields.values:
        if name not in skipped:
            fields.tell(name, "it is not known here")
