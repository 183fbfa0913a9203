"""The encoder-decoder: stems, encoders and decoders made of blocks, stacked.

A subclass says which blocks it is made of; how they are linked (which feature feeds which
decoder block, in which order) is written here, once, for all of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property, partial
from math import ceil, floor, prod
from typing import Any, Self

import attrs

from explorer.core.network.block_edits import BlockEdit, Stacks, edits_field, first_middle
from explorer.core.network.blocks import MAX_FILTERS, DecoderBlock, EncoderBlock
from explorer.core.network.checks import check_decoder, check_heads, check_size
from explorer.core.network.errors import NotDefined, ParameterError, Remedy
from explorer.core.network.graph import Block, in_block
from explorer.core.network.heads import Head
from explorer.core.network.layers import Activation, Add, BatchNormalization, Conv2D
from explorer.core.network.parameters import (
    AtLeast,
    active_when,
    parameter,
    parameter_of,
    parameters_of,
    parts,
)


def merge_parameter(default: bool) -> Any:
    """Declare whether stacks are merged."""
    return parameter(
        default,
        doc="Add each stack's input to its output, through 1×1 convolutions.",
        group="Depth",
        active=active_when(stacks=AtLeast(2)),
    )


_stack: ContextVar[int] = ContextVar("stack", default=0)


@contextmanager
def in_stack(index: int) -> Iterator[None]:
    """Count the blocks that are made meanwhile to a stack; for a `make_backbone` of one's own.

    Args:
        index: Index of the stack.
    """
    token = _stack.set(index)
    try:
        yield
    finally:
        _stack.reset(token)


@attrs.frozen
class IntermediateFeature:
    """A tensor somewhere inside a backbone.

    Attributes:
        tensor: Feature or Keras tensor, `(batch, height, width, channels)`.
        stride: Its step in input pixels.
    """

    tensor: Any
    stride: int

    @property
    def scale(self) -> float:
        """Its resolution relative to the input's."""
        return 1.0 / self.stride


@attrs.frozen(slots=False)
class EncoderDecoder:
    """Base class of architectures: a stem, then stacks of an encoder and a decoder.

    A subclass gives `encoder_stack` and `decoder_stack`, and may give `stem_stack`.

    Attributes:
        stacks: Number of encoder-decoders, one after the other.
        heads: What each stack puts out in place of its decoder's output.
        edits: Blocks that take the place of those that the class gives.
    """

    stacks: int = parameter(
        1, doc="Encoder-decoders, one after the other.", group="Depth", minimum=1, slider=(1, 6)
    )
    heads: tuple[Head, ...] = parts((), Head)
    edits: tuple[BlockEdit, ...] = edits_field()
    merge_stacks = False  # a field of families that offer the choice

    def __attrs_post_init__(self) -> None:
        """Refuse settings that no network can have.

        Raises:
            ParameterError: Naming class, field, value and remedy.
        """
        for found in parameters_of(type(self)):  # those with no more than a type hint
            value = getattr(self, found.name)
            if (plain := found.plain(value)) is not value:
                object.__setattr__(self, found.name, plain)
        try:
            object.__setattr__(self, "edits", self._family_blocks.settled(self.edits))
        except NotImplementedError:  # an abstract class, or one that is only half written yet
            return
        self._check()

    @property
    def stem_stack(self) -> Sequence[EncoderBlock] | None:
        """The blocks before the first stack, or None."""
        return None

    @property
    def encoder_stack(self) -> Sequence[EncoderBlock]:
        """The blocks of every encoder; subclasses implement it."""
        raise NotDefined(f"{type(self).__name__} does not define encoder_stack.")

    @property
    def decoder_stack(self) -> Sequence[DecoderBlock]:
        """The blocks of every decoder; subclasses implement it."""
        raise NotDefined(f"{type(self).__name__} does not define decoder_stack.")

    # Fields of the user's own classes may have any other name.

    @cached_property
    def _blocks(self) -> Stacks:
        """All blocks, those of `edits` in their places."""
        return self._family_blocks.edited(self.edits)

    @cached_property
    def _family_blocks(self) -> Stacks:
        """The blocks as the class gives them."""
        return Stacks(*map(self._listed, ("stem_stack", "encoder_stack", "decoder_stack")))

    def with_block(self, part: str, index: int, block: Any, **fields: Any) -> Self:
        """Return the architecture with another block; the family's own ends an exception.

        In what it has as its family's block, it goes on to follow that.

        Args:
            part: "stem", "encoder" or "decoder".
            index: The index of a block there.
            block: What takes its place.
            **fields: Other values of the architecture's own fields.

        Raises:
            ParameterError: If no network can have it there.
        """
        family = self._family_blocks
        place, usual = family.place_of(part, index), family.at((part, index))
        edits = tuple(edit for edit in self.edits if edit.place != place)
        if block != usual:
            edits += (BlockEdit.of(place, block, usual),)
        return attrs.evolve(self, edits=edits, **fields)

    def _listed(self, field: str) -> tuple[Any, ...]:
        """Return the blocks of a stack, which a class of the user's can give in any way."""
        blocks = getattr(self, field)
        if blocks is None and field == "stem_stack":
            return ()
        if not isinstance(blocks, Iterable):
            raise ParameterError(
                type(self).__name__,
                field,
                blocks,
                "is not a list of blocks",
                "make it a property that returns one",
            )
        listed = tuple(blocks)
        for block in listed:
            if not hasattr(block, "make_block"):
                raise ParameterError(
                    type(self).__name__,
                    field,
                    block,
                    "is in the list, but is not a block",
                    "list blocks alone, such as SimpleConvBlock()",
                )
        return listed

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is derived from the fields."""
        derived = ("_blocks", "_family_blocks")
        return {key: value for key, value in self.__dict__.items() if key not in derived}

    @property
    def stem_features_stride(self) -> int:
        """Stride of the stem's output (1 without a stem)."""
        return _pooling(self._blocks.stem)

    @property
    def encoder_features_stride(self) -> int:
        """Stride of the encoder's output."""
        return self.stem_features_stride * _pooling(self._blocks.encoder)

    @property
    def decoder_features_stride(self) -> int:
        """Stride of the decoder's output."""
        upsampling = prod(block.upsampling_stride for block in self._blocks.decoder)
        return self.encoder_features_stride // upsampling

    @property
    def maximum_stride(self) -> int:
        """Largest stride of any feature, along the axis that is lowered most."""
        return max(self.size_steps)

    @property
    def size_steps(self) -> tuple[int, int]:
        """What the input's height and its width must be multiples of."""
        blocks = (*self._blocks.stem, *self._blocks.encoder)
        height, width = (
            _pooling(block for block in blocks if getattr(block, "along", "both") in ("both", axis))
            for axis in ("height", "width")
        )
        return height, width

    @property
    def output_stride(self) -> int:
        """Stride of the output."""
        return self.decoder_features_stride

    def make_stem(self, x_in: Any, prefix: str = "stem") -> Any:
        """Return the output of the stem's blocks.

        Args:
            x_in: Feature or Keras tensor, `(batch, height, width, channels)`.
            prefix: Start of the layers' names; block i appends i.
        """
        x = x_in
        for i, block in enumerate(self._blocks.stem):
            name = f"{prefix}{i}"
            where = Block(name, "stem", None, i, type(block).__name__)
            x = in_block(where, partial(block.make_block, x, prefix=name))
        return x

    def make_encoder(
        self, x_in: Any, current_stride: int, prefix: str = "enc"
    ) -> tuple[Any, list[IntermediateFeature]]:
        """Return the encoder's output, and the first feature at each stride but the last one.

        Args:
            x_in: Feature or Keras tensor, `(batch, height, width, channels)`.
            current_stride: Stride of `x_in`.
            prefix: Start of the layers' names; block i appends i.
        """
        blocks = self._blocks.encoder
        middle = first_middle(blocks)
        x = x_in
        features: list[IntermediateFeature] = []
        for i, block in enumerate(blocks):
            name = f"{prefix}{i}"
            role = "encoder" if i < middle else "middle"
            where = Block(name, role, _stack.get(), i, type(block).__name__)
            x = in_block(where, partial(block.make_block, x, prefix=name))
            if block.pool:
                current_stride *= block.pooling_stride
            if all(feature.stride != current_stride for feature in features):
                features.append(IntermediateFeature(x, current_stride))
        return x, features[:-1]

    def make_decoder(
        self,
        x_in: Any,
        current_stride: int,
        skip_source_features: Sequence[IntermediateFeature] | None = None,
        prefix: str = "dec",
    ) -> tuple[Any, list[IntermediateFeature]]:
        """Return the decoder's output, and the input of each of its blocks.

        Args:
            x_in: Feature or Keras tensor, `(batch, height, width, channels)`.
            current_stride: Stride of `x_in`.
            skip_source_features: Where skip connections may come from; the first feature of the
                right stride is taken. None: there are no skip connections.
            prefix: Start of the layers' names; block i appends i.
        """
        x = x_in
        features = []
        for i, block in enumerate(self._blocks.decoder):
            features.append(IntermediateFeature(x, current_stride))
            new_stride = current_stride // block.upsampling_stride
            matching = (f.tensor for f in skip_source_features or () if f.stride == new_stride)
            source = next(matching, None)
            name = f"{prefix}{i}"
            where = Block(name, "decoder", _stack.get(), i, type(block).__name__)
            make = partial(block.make_block, x, current_stride, skip_source=source, prefix=name)
            x = in_block(where, make)
            current_stride = new_stride
        return x, features

    def make_backbone(self, x_in: Any, current_stride: int = 1) -> tuple[Any, Any]:
        """Return the network's output and its intermediate features.

        Args:
            x_in: Feature or Keras tensor, `(batch, height, width, channels)`.
            current_stride: Stride of `x_in`.

        Returns:
            `(x, features)` for one stack; two lists with an entry per stack for more.

        Raises:
            ParameterError: If the settings or the size of `x_in` don't fit.
        """
        self._check()
        check_size(self.size_steps, x_in)
        x = self.make_stem(x_in)
        stem_stride = current_stride * self.stem_features_stride
        from_stem = [IntermediateFeature(x, stem_stride)] if self._blocks.stem else []
        outputs, features = [], []
        for i in range(self.stacks):
            x_stack = x
            with in_stack(i):
                x, from_encoder = self.make_encoder(x, stem_stride, prefix=f"stack{i}_enc")
                x, intermediate = self.make_decoder(
                    x,
                    current_stride * self.encoder_features_stride,
                    skip_source_features=from_stem + from_encoder,
                    prefix=f"stack{i}_dec",
                )
                outputs.append(x)
                features.append(intermediate)
                if i < self.stacks - 1 and self.merge_stacks:
                    x = self.make_merge(x_stack, x, prefix=f"stack{i}_merge")
        return (outputs[0], features[0]) if self.stacks == 1 else (outputs, features)

    def make_merge(self, x_in: Any, x: Any, prefix: str = "merge") -> Any:
        """Return what the next stack gets: a stack's output, added to what went into the stack.

        The output passes a 1×1 convolution, BN and relu, and another 1×1 convolution.
        Source: Newell et al. 2016 (arXiv 1603.06937), without its intermediate predictions.

        Args:
            x_in: The stack's input, `(batch, height, width, channels)`.
            x: The stack's output, of the same height and width.
            prefix: Start of the layers' names.
        """
        channels = x_in.shape[-1]

        def merge() -> Any:
            y = Conv2D(name=f"{prefix}_conv0", filters=channels, kernel_size=1)(x)
            y = BatchNormalization(name=f"{prefix}_bn0")(y)
            y = Activation(name=f"{prefix}_act0_relu", activation="relu")(y)
            y = Conv2D(name=f"{prefix}_conv1", filters=channels, kernel_size=1)(y)
            return Add(name=f"{prefix}_add")([x_in, y])

        return in_block(Block(prefix, "merge", _stack.get(), 0, "merge"), merge)

    def make_network(self, x_in: Any) -> list[Any]:
        """Return the network's outputs: those of the heads, or without heads those of the stacks.

        Args:
            x_in: Feature or Keras tensor, `(batch, height, width, channels)`.
        """
        x, features = self.make_backbone(x_in)
        outputs = x if isinstance(x, list) else [x]
        if not self.heads:
            return outputs
        made = []
        of_stacks = features if isinstance(x, list) else [features]
        for i, (output, intermediate) in enumerate(zip(outputs, of_stacks, strict=True)):
            sources = [IntermediateFeature(output, self.output_stride), *intermediate]
            for j, head in enumerate(self.heads):
                name = head.name if self.stacks == 1 else f"stack{i}_{head.name}"
                stride = self.output_stride if head.stride is None else head.stride
                source = next(feature.tensor for feature in sources if feature.stride == stride)
                where = Block(name, "head", i, j, "Head")
                made.append(in_block(where, partial(head.make_head, source, name)))
        return made

    def skips_without_source(self) -> list[int]:
        """Return the decoder blocks that ask for a skip connection which no feature can give."""
        stride = self.stem_features_stride
        strides = {stride} if self._blocks.stem else set()
        of_encoder = []
        for block in self._blocks.encoder:
            stride *= block.pooling_stride if block.pool else 1
            if stride not in of_encoder:
                of_encoder.append(stride)
        strides.update(of_encoder[:-1])
        lacking = []
        for i, decoder_block in enumerate(self._blocks.decoder):
            stride //= decoder_block.upsampling_stride
            if decoder_block.skip_connection and stride not in strides:
                lacking.append(i)
        return lacking

    def _check(self) -> None:
        if self.edits and links_its_own_blocks(self):
            raise ParameterError(
                type(self).__name__,
                "edits",
                self.edits,
                "can't be made of a class that links its blocks in a way of its own",
                "change its stacks instead",
            )
        check_decoder(self, self._blocks.decoder)
        check_heads(self, self._blocks.decoder)

    def whole(
        self,
        count: float,
        field: str,
        where: str,
        other: str | None = None,
        remedies: tuple[Remedy, ...] = (),
    ) -> int:
        """Return a derived filter count, truncated to a whole number.

        Args:
            count: The count as the family's formula gives it.
            field: Name of the field to change when no block can have that count.
            where: Name of the block that has it.
            other: Name of another field that could be changed instead.
            remedies: What may put it right.

        Raises:
            ParameterError: If the whole number is below 1 or beyond a million.
        """
        if 1 <= count <= MAX_FILTERS:
            return int(count)
        names = (name for name in (field, other) if name)
        fields = " or ".join(parameter_of(type(self), name).label for name in names)
        raise ParameterError(
            type(self).__name__,
            field,
            getattr(self, field),
            f"gives {where} {_written(count)} filters",
            f"a block can have 1 to {MAX_FILTERS:,}: {'raise' if count < 1 else 'lower'} {fields}, "
            "or use fewer blocks",
            remedies,
        )

    def widened(self, base: str, rate: str, level: int, where: str) -> int:
        """Return a first number of filters times a rate to the power of the level, truncated.

        Args:
            base: Name of the field that has the filters of level 0.
            rate: Name of the field that has the factor between a level and the next.
            level: The level.
            where: Name of the block that has the filters.

        Raises:
            ParameterError: If the whole number is below 1 or beyond a million. It names the field
                of the larger factor.
        """
        first: float = getattr(self, base)
        try:
            factor = float(getattr(self, rate)) ** level
            count = first * factor
        except OverflowError:
            factor = count = float("inf")
        if level < 1:  # a higher rate would not raise the count
            return self.whole(count, base, where)
        is_base = count > MAX_FILTERS and first >= factor
        field, other = (base, rate) if is_base else (rate, base)
        if 1 <= count <= MAX_FILTERS:
            return int(count)
        bound, fitted = (1, ceil) if count < 1 else (MAX_FILTERS, floor)
        fitting: dict[str, float] = {}
        if first > 0:
            fitting[rate] = fitted((bound / first) ** (1 / level) * 10) / 10
        if 0 < factor <= MAX_FILTERS:
            fitting[base] = fitted(bound / factor)
        labels = {name: parameter_of(type(self), name).label for name in fitting}
        remedies = tuple(
            Remedy({name: fitting[name]}, labels=labels)
            for name in (field, other)
            if name in fitting
        )
        return self.whole(count, field, where, other, remedies)


def _written(count: float) -> str:
    """Return a count that no block can have, as people read it."""
    if abs(count) >= 1e12:
        return "over a trillion" if count > 0 else "a negative number of"
    return f"{count:,.0f}" if abs(count) >= 1 else f"{count:.2g}"


def _pooling(blocks: Iterable[EncoderBlock]) -> int:
    return prod(block.pooling_stride for block in blocks if block.pool)


def blocks_of(architecture: EncoderDecoder) -> Stacks:
    """Return all blocks of an architecture, those of its edits in their places."""
    return architecture._blocks


def family_blocks_of(architecture: EncoderDecoder) -> Stacks:
    """Return the blocks of an architecture as its class gives them."""
    return architecture._family_blocks


def links_its_own_blocks(architecture: EncoderDecoder) -> bool:
    """Return whether the class overrides how blocks are linked, which `Custom` would lose."""
    methods = ("make_stem", "make_encoder", "make_decoder", "make_backbone", "make_merge")
    cls = type(architecture)
    return any(getattr(cls, name) is not getattr(EncoderDecoder, name) for name in methods)
