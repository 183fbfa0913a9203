"""The blocks of an architecture, and those that take the place of some of its family's."""

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from explorer.core.network.blocks import DecoderBlock, EncoderBlock
from explorer.core.network.errors import ParameterError
from explorer.core.network.parameters import HELD, parameter

#: Where a block can be, in the data's way. What follows the encoder's last pooling is its middle:
#: counted apart, it stays the middle of a deeper encoder. So does a last block that only pools.
LAST_POOLING = "last pooling"
SECTIONS = ("stem", "encoder", LAST_POOLING, "middle", "decoder")

#: A section, and the index of a block there.
Place = tuple[str, int]


def _listed(names: Any) -> tuple[Any, ...]:
    one = isinstance(names, str) or not isinstance(names, Iterable)
    return (names,) if one else tuple(names)


@attrs.frozen(kw_only=True)
class BlockEdit:
    """A block that takes the place of one of its family's.

    Attributes:
        section: "stem", "encoder", "last pooling" (the encoder's last one, where its block has no
            convolutions), "middle" (what follows the last pooling) or "decoder".
        index: Its index there.
        block: The block.
        own: Names of the fields that are its own, while the others follow its family's block;
            empty: all are its own, as they are wherever the family has a block of another class.
    """

    section: str = parameter(choices=SECTIONS)
    index: int = parameter(minimum=0)
    block: EncoderBlock | DecoderBlock = attrs.field(metadata=HELD)
    own: tuple[str, ...] = attrs.field(default=(), converter=_listed, metadata=HELD)

    @classmethod
    def of(cls, place: Place, block: Any, usual: Any) -> "BlockEdit":
        """Return the edit by which a block takes the place of its family's.

        Args:
            place: Section and index.
            block: The block.
            usual: The family's. What both have alike stays what the family's has.
        """
        section, index = place
        whole = cls(section=section, index=index, block=block)
        if type(block) is not type(usual):
            return whole
        own = tuple(
            field.name
            for field in attrs.fields(type(block))
            if getattr(block, field.name) != getattr(usual, field.name)
        )
        edit = attrs.evolve(whole, own=own)
        # A class of the user's may take other values than its fields have.
        return edit if edit.over(usual) == edit else whole

    def over(self, usual: Any) -> "BlockEdit":
        """Return the edit with what its block has of the family's, of which it takes the place.

        Raises:
            ParameterError: If no block can have what is its own beside that.
        """
        if not self.own or type(usual) is not type(self.block):
            return self
        fields = {field.name: field for field in attrs.fields(type(usual))}
        own = {fields[name].alias: getattr(self.block, name) for name in self.own}
        return attrs.evolve(self, block=attrs.evolve(usual, **own))

    def __attrs_post_init__(self) -> None:
        """Refuse a block of the other kind, and fields that it has not.

        Raises:
            ParameterError: Naming the block, or the fields.
        """
        kind = DecoderBlock if self.section == "decoder" else EncoderBlock
        if not isinstance(self.block, kind):
            raise ParameterError(
                "BlockEdit",
                "block",
                self.block,
                f"can't be in the {self.section}",
                f"give one of a class below {kind.__name__}",
            )
        known = [field.name for field in attrs.fields(type(self.block)) if field.init]
        if unknown := [name for name in self.own if name not in known]:
            raise ParameterError(
                "BlockEdit",
                "own",
                self.own,
                f"has {unknown[0]!r}, which is no field of {type(self.block).__name__}",
                f"name some of {', '.join(known)}",
            )
        object.__setattr__(self, "own", tuple(name for name in known if name in self.own))

    @property
    def settings(self) -> Any:
        """What is its own, to be compared."""
        own = {name: getattr(self.block, name) for name in self.own}
        return (type(self.block), own) if own else self.block

    @property
    def place(self) -> Place:
        """Section and index."""
        return self.section, self.index

    @property
    def name(self) -> str:
        """What the place is called."""
        return _name_of(self.place)


def _name_of(place: Place) -> str:
    section, index = place
    return section if section == LAST_POOLING else f"{section} {index}"


def _in_order(edits: Iterable[BlockEdit]) -> tuple[BlockEdit, ...]:
    """Return edits in the data's way; of two of the same place the later one."""
    listed = tuple(edits)
    for edit in listed:
        if not isinstance(edit, BlockEdit):
            raise TypeError(f"'edits' must hold BlockEdit, and not {edit!r}.")
    places = {edit.place: edit for edit in listed}
    return tuple(places[place] for place in sorted(places, key=_order))


def _order(place: Place) -> tuple[int, int]:
    return SECTIONS.index(place[0]), place[1]


def edits_field() -> Any:
    """Declare the blocks that take the place of others."""
    return attrs.field(default=(), kw_only=True, converter=_in_order, metadata=HELD)


@attrs.frozen
class Stacks:
    """The blocks of an architecture."""

    stem: tuple[EncoderBlock, ...]
    encoder: tuple[EncoderBlock, ...]
    decoder: tuple[DecoderBlock, ...]

    def place_of(self, part: str, index: int) -> Place:
        """Return the place of a block, given its index in the "stem", "encoder" or "decoder"."""
        beyond = index - first_middle(self.encoder)
        if part != "encoder" or beyond < -self._has_last_pooling:
            return part, index
        return ("middle", beyond) if beyond >= 0 else (LAST_POOLING, 0)

    def name_of(self, part: str, index: int) -> str:
        """Return what the place of a block is called."""
        return _name_of(self.place_of(part, index))

    @property
    def _has_last_pooling(self) -> bool:
        """Whether the encoder's last pooling is all that its block does."""
        middle = first_middle(self.encoder)
        return middle > 0 and getattr(self.encoder[middle - 1], "num_convs", 1) == 0

    def index_of(self, place: Place) -> tuple[str, int] | None:
        """Return the part and the index in it of a place, or None if there is no such block."""
        section, index = place
        middle = first_middle(self.encoder)
        if section == LAST_POOLING:
            return ("encoder", middle - 1) if self._has_last_pooling and index == 0 else None
        if section == "encoder":
            return place if index < middle - self._has_last_pooling else None
        part, index = ("encoder", middle + index) if section == "middle" else place
        return (part, index) if index < len(getattr(self, part)) else None

    def at(self, found: tuple[str, int] | None) -> Any:
        """Return the block with this index in a part; None if there is none."""
        return getattr(self, found[0])[found[1]] if found else None

    def settled(self, edits: Sequence[BlockEdit]) -> tuple[BlockEdit, ...]:
        """Return edits with what their blocks have of those here, of which they take the places.

        Raises:
            ParameterError: If no block can have what is its own beside that.
        """
        return tuple(edit.over(self.at(self.index_of(edit.place))) for edit in edits)

    def edited(self, edits: Sequence[BlockEdit]) -> "Stacks":
        """Return these with other blocks; an edit of a place that is not there rests."""
        if not edits:
            return self
        parts = {name: list(getattr(self, name)) for name in ("stem", "encoder", "decoder")}
        for edit in edits:
            found = self.index_of(edit.place)
            if found:
                parts[found[0]][found[1]] = edit.block
        return Stacks(**{name: tuple(blocks) for name, blocks in parts.items()})


def first_middle(encoder: Sequence[EncoderBlock]) -> int:
    """Return the index of an encoder's first middle block: what follows the last pooling."""
    pooling = [i for i, block in enumerate(encoder) if block.pool]
    return pooling[-1] + 1 if pooling else len(encoder)
