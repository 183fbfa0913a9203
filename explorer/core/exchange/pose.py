"""What SLEAP's and sleap-nn's files have in common: kinds of models, with their heads."""

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from explorer.core.exchange.loaded import Answers, Entry, OpenShape
from explorer.core.exchange.sections import FLAG, STRIDE, Section
from explorer.core.network.encoder_decoder import EncoderDecoder, blocks_of
from explorer.core.network.errors import ParameterError
from explorer.core.network.heads import Head
from explorer.core.network.parameters import inactive_reason, parameter_of, parameters_of

#: What fields of heads that list names are called when they are asked for.
ANSWERS = {"part_names": "parts", "edges": "edges", "classes": "classes"}
OFFSETS = "OffsetRefinementHead"


@attrs.frozen
class HeadPart:
    """A head that a kind of model has; its name is that of its layer there.

    Attributes:
        name: Name of its layer.
        section: Object that describes it; empty: that of the kind.
        lists: Field that lists what its channels stand for; empty: their number is fixed.
        times: Channels for each.
        activation: Name of its activation.
        is_dense: Whether it classifies the whole image, with dense layers.
        is_drawn: Whether it is certain how they follow each other.
        has_offsets: Whether the file may ask for offsets beside it, two channels for each.
        stride: Its stride where the file gives none.
    """

    name: str
    section: str = "confmaps"
    lists: str = "part_names"
    times: int = 1
    activation: str = "linear"
    is_dense: bool = False
    is_drawn: bool = True
    has_offsets: bool = False
    stride: int = 1


#: Kinds of models by name, with their heads.
Kinds = Mapping[str, tuple[HeadPart, ...]]

PAFS = HeadPart("PartAffinityFieldsHead", "pafs", "edges", times=2)
CLASS_MAPS = HeadPart("ClassMapsHead", "class_maps", "classes", activation="sigmoid")
CLASS_VECTORS = HeadPart(
    "ClassVectorsHead", "class_vectors", "classes", activation="softmax", is_dense=True
)
#: Fields of a head of dense layers as files call them, and what those take where there is none.
_DENSE = {"num_fc_layers": ("dense_layers", 1), "num_fc_units": ("dense_units", 64)}


@attrs.define
class FoundHeads:
    """The heads of a file.

    Attributes:
        kind: The kind of model; empty if there is none.
        strides: Strides of all its heads, those that are not in the design too.
        heads: The heads, each with the section that describes it.
        missing: What was left open and not answered.
    """

    kind: str = ""
    strides: list[int] = attrs.field(factory=list)
    heads: list[tuple[Section, Head]] = attrs.field(factory=list)
    missing: list[str] = attrs.field(factory=list)

    def put_on(self, architecture: EncoderDecoder) -> Any:
        """Return the architecture with these heads; those at its output follow that.

        Raises:
            ParameterError: Naming the field that doesn't fit.
        """
        for section, head in self.heads:
            if head.stride == architecture.output_stride:
                head = attrs.evolve(head, stride=None)
            try:
                architecture = attrs.evolve(architecture, heads=(*architecture.heads, head))
            except ParameterError as error:
                section.refuse("output_stride", error.value, error.problem, error.remedy)
        return architecture


def read_heads(
    section: Section, kinds: Kinds, answers: Answers, skeleton: Mapping[str, Entry]
) -> FoundHeads:
    """Return the heads that a file describes.

    Args:
        section: The object that has a field for each kind of model.
        kinds: The kinds.
        answers: What the file leaves open.
        skeleton: How many parts and edges the file's own skeleton has, if it has one.

    Raises:
        Refusal: If there is more than one kind, or a value can't be used.
    """
    found = FoundHeads(section.only(tuple(kinds), needed=False) or "")
    of_kind = section.section(found.kind)
    offsets = []
    for part in kinds.get(found.kind, ()):
        fields = of_kind.section(part.section) if part.section else of_kind
        found.strides.append(fields.take("output_stride", STRIDE, part.stride))
        if because := _not_drawn(part, fields.fields):
            of_kind.leave(part.section, because)
            continue
        count = _count(fields, part, answers, skeleton)
        if count is None:
            found.missing.append(ANSWERS[part.lists])
        else:
            head = Head(
                part.name,
                channels=part.times * count,
                stride=found.strides[-1],
                activation=part.activation,
                **(_dense_layers(fields) if part.is_dense else {}),
            )
            found.heads.append((fields, head))
        if part.has_offsets and fields.take("offset_refinement", FLAG, False) and count:
            offsets.append((fields, Head(OFFSETS, channels=2 * count, stride=found.strides[-1])))
        fields.leave_rest("it says nothing of the layers")
    of_kind.leave_rest("it says nothing of the layers")
    found.heads += offsets
    return found


def _not_drawn(part: HeadPart, fields: Mapping[str, Any]) -> str:
    """Return why a head that a file describes is not in the design."""
    if not part.is_dense:
        return ""
    if not part.is_drawn:
        return "versions differ in where its dense layers start, so it is not drawn"
    if fields.get("global_pool", True) is not True:
        return "its dense layers have weights for each position of one image size: set global_pool"
    return ""


def _dense_layers(fields: Section) -> dict[str, Any]:
    """Return what a head of dense layers has besides others."""
    fields.take("global_pool", FLAG, True)
    values = {
        name: fields.take(field, parameter_of(Head, name), default)
        for field, (name, default) in _DENSE.items()
    }
    return {"global_pool": True, **values}


def _count(
    fields: Section, part: HeadPart, answers: Answers, skeleton: Mapping[str, Entry]
) -> int | None:
    """Return how many things a head's channels stand for, None where nothing says it."""
    if not part.lists:
        return 1
    count = fields.listed(part.lists, size=2 if part.lists == "edges" else None)
    if count is None and part.lists in skeleton:
        count = skeleton[part.lists].value
        fields.entries.append(skeleton[part.lists])
    answer = ANSWERS[part.lists]
    if count is None:
        count = getattr(answers, answer)
    if count is None:
        fields.tell(part.lists, None, f"the file leaves it open: give {answer}, a number")
    return count


def read_output_stride(
    section: Section, heads: list[int], max_stride: int, whose: str, default: int = 1
) -> int:
    """Return the stride that a backbone ends at: the least of some heads, if there are any.

    Args:
        section: The backbone.
        heads: Strides of those heads.
        max_stride: The backbone's maximum stride.
        whose: What the heads are called.
        default: The stride where nothing gives one.

    Raises:
        ParameterError: If the stride is larger than the maximum stride.
    """
    stride: int = min(heads, default=0) or section.take("output_stride", STRIDE, default)
    written = section.fields.get("output_stride")
    if heads and written == stride:
        section.tell("output_stride", written)
    elif heads:
        section.leave("output_stride", f"the backbone ends at the stride of {whose}, {stride}")
    if stride > max_stride:
        section.refuse(
            "max_stride",
            max_stride,
            f"is less than the output's stride {stride}",
            "give a larger one, or a smaller output_stride",
        )
    return stride


def check_stem(section: Section, stem_stride: int, max_stride: int) -> None:
    """Refuse a stem that leaves no pooling to the encoder."""
    if stem_stride >= max_stride:
        section.refuse(
            "stem_stride",
            stem_stride,
            f"leaves no pooling to the encoder, whose maximum stride is {max_stride}",
            "give a smaller one",
        )


def write_heads(
    document: dict[str, Any],
    kinds: Kinds,
    architecture: EncoderDecoder,
    output_stride: int,
    format_name: str,
) -> list[str]:
    """Put heads into the object that has a field for each kind; return what can't be there.

    Names of parts, edges and classes that the document has are kept, and more are made up where
    there are more channels.

    Args:
        document: That object.
        kinds: The kinds.
        architecture: The design.
        output_stride: Stride that heads are given which the labels tell of.
        format_name: What the format is called.
    """
    given = {head.name: head for head in architecture.heads}
    present = [name for name in kinds if document.get(name) is not None]
    kind = _kind_of(given, document, kinds, present)
    if kind is None:
        drawn = (parts for parts in kinds.values() if all(part.is_drawn for part in parts))
        sets = dict.fromkeys(" + ".join(part.name for part in parts) for parts in drawn)
        return [f"heads {', '.join(given)} (those of {format_name} are {', '.join(sets)})"]
    document.update(dict.fromkeys(kinds.keys() - {kind} & document.keys()))
    document[kind] = of_kind = dict(document.get(kind) or {})
    problems = []
    for part in kinds[kind]:
        fields = of_kind
        if part.section:
            of_kind[part.section] = fields = dict(of_kind.get(part.section) or {})
        head = given.get(part.name)
        if head is None:
            stride = fields.get("output_stride", 0)
            fits = architecture.output_stride <= stride <= architecture.maximum_stride
            if part is kinds[kind][0] or not fits:
                stride = architecture.maximum_stride if part.is_dense else output_stride
                put(fields, "output_stride", stride)
            if not part.is_dense and isinstance(fields.get(part.lists), list):
                fields[part.lists] = None
            continue
        put(fields, "output_stride", head.stride or architecture.output_stride)
        if part.is_dense:
            put(fields, "global_pool", True)
            for field, (name, _) in _DENSE.items():
                put(fields, field, getattr(head, name))
        if part.lists and head.channels % part.times:
            problems.append(f"{head.name}.channels={head.channels} ({part.times} for each)")
        elif part.lists:
            fields[part.lists] = _names(fields.get(part.lists), part, head.channels // part.times)
        if part.has_offsets and (OFFSETS in given) != fields.get("offset_refinement", False):
            fields["offset_refinement"] = OFFSETS in given
    return problems


def _kind_of(
    given: Mapping[str, Head], document: Mapping[str, Any], kinds: Kinds, present: list[str]
) -> str | None:
    """Return the kind of model that has some heads, rather the one that is there already."""
    if not given:  # one whose heads the labels tell of
        return next((name for name in present if kinds[name][0].lists), "single_instance")
    for name in (*present, *kinds):
        parts = kinds[name]
        absent = [part for part in parts if _not_drawn(part, _fields_of(part, document.get(name)))]
        possible = {part.name for part in parts if part not in absent}
        open_parts = {part.name for part in parts if _is_open(part, document.get(name))}
        offsets = {OFFSETS} if any(part.has_offsets for part in parts) else set()
        if possible - open_parts <= given.keys() <= possible | offsets and (
            name in present or not absent
        ):
            return name
    return None


def _is_open(part: HeadPart, kind: Any) -> bool:
    """Return whether a document has a head, and leaves its number of channels open."""
    fields = _fields_of(part, kind)
    return bool(fields) and bool(part.lists) and not isinstance(fields.get(part.lists), list)


def _fields_of(part: HeadPart, kind: Any) -> Mapping[str, Any]:
    """Return what a document says of a head, given what it says of the kind of model."""
    return (kind.get(part.section) if kind and part.section else kind) or {}


def _names(present: Any, part: HeadPart, count: int) -> list[Any]:
    """Return as many names as there are channels, those that are there first."""
    names = present[:count] if isinstance(present, list) else []
    for i in range(len(names), count):
        if part.lists == "edges":
            names.append([f"part{i}", f"part{i + 1}"])
        else:
            names.append(f"{'class' if part.lists == 'classes' else 'part'}{i}")
    return names


def object_in(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """Return an object within another one, and put it there if it is missing."""
    fields[name] = dict(fields.get(name) or {})
    inner: dict[str, Any] = fields[name]
    return inner


def put(fields: dict[str, Any], name: str, value: Any) -> None:
    """Set a field, unless it says the same already in its own way."""
    if name not in fields or fields[name] != value:
        fields[name] = value


def _with_effect(head: Head, output_stride: int) -> Head:
    """Return a head with its stride, and without settings that have no effect."""
    idle = {p.name: p.default for p in parameters_of(type(head)) if inactive_reason(head, p)}
    return attrs.evolve(head, stride=head.stride or output_stride, **idle)


def differences(read: Any, architecture: EncoderDecoder) -> Iterable[str]:
    """Yield what of an architecture was lost in a file, given what is read from that again."""
    if read.stacks != architecture.stacks:
        yield f"stacks={architecture.stacks}"
    if read.stacks > 1 and read.merge_stacks != architecture.merge_stacks:
        yield f"merge_stacks={architecture.merge_stacks}"
    there, here = blocks_of(read), blocks_of(architecture)
    for part in ("stem", "encoder", "decoder"):
        theirs, ours = getattr(there, part), getattr(here, part)
        if len(theirs) != len(ours):
            yield f"{len(ours)} {part} blocks (it has {len(theirs)})"
            continue
        pairs = enumerate(zip(theirs, ours, strict=True))
        lost = [str(i) for i, (one, other) in pairs if one != other]
        if lost:
            yield f"{part} block{'s' * (len(lost) > 1)} {', '.join(lost)}"
    if not architecture.heads:  # those that are there come from the labels
        return
    theirs, ours = (
        {_with_effect(head, net.output_stride) for head in net.heads}
        for net in (read, architecture)
    )
    for name in sorted({head.name for head in theirs ^ ours}):
        yield f"head {name}"


def other_sizes(read: OpenShape, wanted: OpenShape) -> Iterable[str]:
    """Yield what of an input's shape was lost in a file, given what is read from that again."""
    for name, size, needed in zip(("height", "width", "channels"), read, wanted, strict=True):
        if needed is not None and size != needed:
            yield f"an input's {name} of {needed}"
