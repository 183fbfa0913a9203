"""What to try next: changes of the network on screen that teach something about it.

Each is tried: what is said of it is worked out from the design that it leads to. Of those that
change how far the network sees, the one is taken that moves the figures most unlike each other,
such as where the field doubles and the memory stays.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache, partial
from math import log2, prod
from typing import Any

import attrs

from explorer.core.analysis.connections import Skip, Wiring, wiring_of
from explorer.core.analysis.design import Design, changed, with_decoder_block
from explorer.core.families import Custom, ReadModel, ResNet
from explorer.core.formatting import product
from explorer.core.network.blocks import SimpleConvBlock
from explorer.core.network.encoder_decoder import EncoderDecoder, blocks_of
from explorer.core.network.graph import Node, positions
from explorer.core.network.parameters import parameters_of
from explorer.core.settling import Work, finished
from explorer.core.words.arithmetic import Fact
from explorer.core.words.beside import change, changes

#: How many moves are offered.
MOST_MOVES = 3
#: Fields that set how many channels there are; all of them change together.
WIDTHS = (
    "filters",
    "stem_filters",
    "first_filters",
    "up_filters",
    "max_filters",
    "filter_increase",
    "growth_rate",
)
#: With fewer filters than this, other ways are offered before a change of their number.
FEW_FILTERS = 16


@attrs.frozen
class Move:
    """A change that can be tried.

    Attributes:
        words: What is done, as on a button.
        watch: What there is to see in it.
        figures: What becomes of the network's figures.
        design: What it leads to.
    """

    words: str
    watch: str
    figures: tuple[Fact, ...]
    design: Design


@attrs.frozen
class _Idea:
    """A change that may work.

    Attributes:
        words: What is done.
        design: Returns what it leads to; raises if that can't be.
        watch: Returns what there is to see in that; None if it isn't to be seen there.
    """

    words: str
    design: Callable[[], Design]
    watch: Callable[[Design], str | None]


def moves(design: Design) -> tuple[Move, ...]:
    """Return up to three changes: of the way of detail, of what is seen, and of what it costs.

    Args:
        design: The network on screen.
    """
    return finished(moves_in_slices(design))


def moves_in_slices(design: Design) -> Work[tuple[Move, ...]]:
    """Do the work of `moves`."""
    if isinstance(design.architecture, ReadModel) or design.graph.read_from_keras:
        return ()
    chosen: list[_Tried] = []
    spare: list[_Tried] = []
    for ideas, are_in_order in ((_of_detail, True), (_of_sight, False), (_of_cost, True)):
        found: list[_Tried] = []
        for idea in ideas(design):
            tried = yield from _tried(design, idea)
            if tried is not None:
                found.append(tried)
        if not are_in_order:
            found.sort(key=_by_contrast)
        chosen += found[:1]
        spare += found[1:]
    spare.sort(key=_by_contrast)
    return tuple(each.move for each in (chosen + spare)[:MOST_MOVES])


@attrs.frozen
class _Tried:
    """A move, and how unlike each other the figures change with it."""

    move: Move
    contrast: float


def _by_contrast(tried: _Tried) -> float:
    return -tried.contrast


def _tried(design: Design, idea: _Idea) -> Work[_Tried | None]:
    yield
    try:
        changed = idea.design()
        if _layers(changed) == _layers(design):
            return None
        yield
        changed.report  # noqa: B018 — raises for a design that cannot be
        yield
        watch = idea.watch(changed)
    except Exception:  # the input does not fit it, or a class of the user's raises
        return None
    if watch is None:
        return None
    sees = change("sees", _sees(design), _sees(changed))
    figures = sees, *changes(design, changed)
    kept = attrs.evolve(changed)  # without what was computed of it
    return _Tried(Move(idea.words, watch, figures, kept), _contrast(design, changed))


def _layers(design: Design) -> list[Any]:
    return [(node.layer, [source.name for source in node.inputs]) for node in design.graph]


def _sees(design: Design) -> str:
    field = design.report.receptive_field
    if field is None:
        return "unknown"
    return f"{field[0] if len(set(field)) == 1 else product(*field)} px"


def _contrast(before: Design, after: Design) -> float:
    """Return how unlike each other the figures change: in doublings, the most less the least."""
    doublings = [
        log2(new / old)
        for old, new in zip(_figures(before), _figures(after), strict=True)
        if old and new
    ]
    return max(doublings, default=0) - min(doublings, default=0)


def _figures(design: Design) -> list[float | None]:
    report, field = design.report, design.report.receptive_field
    side = None if field is None else prod(field) ** (1 / len(field))
    return [report.total_params, report.macs, report.peak_memory_bytes, side]


def _changed(design: Design, **fields: Any) -> Callable[[], Design]:
    """Return what makes the design with other values of its architecture, once."""
    return cache(partial(changed, design, **fields))


def _values(design: Design) -> dict[str, Any]:
    """Return the architecture's own parameters."""
    names = (found.name for found in parameters_of(type(design.architecture)))
    return {name: getattr(design.architecture, name) for name in names}


def _always(text: str) -> Callable[[Design], str | None]:
    return lambda _: text


# The way of detail.


def _of_detail(design: Design) -> Iterator[_Idea]:
    wiring, values = wiring_of(design.graph), _values(design)
    if finest := _finest(wiring):
        yield _cut(design, wiring, finest)
    else:
        if "skips" not in values and not isinstance(design.architecture, Custom):
            yield from _lowered_otherwise(design)
        yield from _given_a_skip(design)
    if values.get("skips") == "concatenate":
        yield _Idea(
            "Add the skips instead of concatenating them",
            _changed(design, skips="add"),
            _always(
                "A sum has no more channels than before, so what comes after has fewer weights; "
                "but it can no longer tell the two apart."
            ),
        )
    if "up_interpolate" in values:
        interpolates = not values["up_interpolate"]
        yield _Idea(
            f"Upsample by {'bilinear interpolation' if interpolates else 'transposed convolution'}",
            _changed(design, up_interpolate=interpolates),
            _always(
                "Interpolation has no weights, and no windows that overlap unevenly."
                if interpolates
                else "A transposed convolution learns how to raise the resolution, and has weights "
                "for it; where its windows overlap unevenly, a checkerboard can show."
            ),
        )


def _finest(wiring: Wiring) -> Skip | None:
    """Return the skip connection from encoder to decoder that has the most positions."""
    across = [skip for skip in wiring.skips if not skip.passes_stack]
    return max(across, key=lambda skip: positions(skip.source), default=None)


def _cut(design: Design, wiring: Wiring, skip: Skip) -> _Idea:
    block = skip.join.block
    source, join = wiring.title_in_stack(skip.source), wiring.title_in_stack(skip.join)
    many = " in every stack" if design.architecture.stacks > 1 else ""  # type: ignore[union-attr]

    def changed() -> Design:
        if block is None or block.role != "decoder":
            raise LookupError("It goes to no block of the decoder.")
        return with_decoder_block(design, block.index, skip_connection=False)

    def watch(cut: Design) -> str:
        left = _finest(wiring_of(cut.graph))
        if left is None:
            return (
                "No skip is left: all that the output shows has then passed the lowest resolution, "
                f"{_grid(_lowest(cut))}."
            )
        return f"The finest skip left is that of {_grid(left.source)}: finer detail has none."

    return _Idea(f"Cut the skip from {source} to {join}{many}", changed, watch)


def _given_a_skip(design: Design) -> Iterator[_Idea]:
    """Yield ways to have a skip connection where there is none, the finest first."""
    architecture = design.architecture
    assert isinstance(architecture, EncoderDecoder)
    decoder = blocks_of(architecture).decoder

    def watch(changed: Design) -> str | None:
        made = _finest(wiring_of(changed.graph))
        if made is None:
            return None
        return (
            f"Detail of {_grid(made.source)} then has a way around the coarse levels, where all "
            f"has passed {_grid(_lowest(design))} up to now."
        )

    for index in reversed(range(len(decoder))):
        yield _Idea(
            f"Bring a skip to decoder {index}",
            partial(with_decoder_block, design, index, skip_connection=True),
            watch,
        )


def _lowest(design: Design) -> Node:
    """Return a layer of the lowest resolution; what is left of all positions has none."""
    placed = [node for node in design.graph if node.stride is not None] or list(design.graph)
    return min(placed, key=positions)


def _grid(node: Node) -> str:
    return product(*node.shape[:-1])


# How far it sees.


def _of_sight(design: Design) -> Iterator[_Idea]:
    values = _values(design)
    yield from _deeper(design, values)
    if kernel := values.get("kernel_size"):
        yield _Idea(
            f"Kernels of {kernel + 2}×{kernel + 2} instead of {kernel}×{kernel}",
            _changed(design, kernel_size=kernel + 2),
            _always(
                "Each window reads more, and has a weight for all that it reads; features stay as "
                "large as they are."
            ),
        )
    for name in ("convs_per_block", "down_convs_per_block"):
        if count := values.get(name):
            yield _Idea(
                "One more convolution in each block",
                _changed(design, **{name: count + 1}),
                _always(
                    "The same windows once more, at the same resolution: each lets a position see "
                    "farther by (kernel − 1) × stride."
                ),
            )
    stacks = design.architecture.stacks  # type: ignore[union-attr]
    yield _Idea(
        f"{stacks + 1} stacks instead of {stacks}",
        _changed(design, stacks=stacks + 1),
        _always("The next encoder begins with what the last decoder has found, and looks around."),
    )
    if isinstance(design.architecture, ResNet) and (stride := values["encoder_stride"]) > 8:
        yield _Idea(
            f"Encoder stride {stride // 2} instead of {stride}: dilation instead of a stride",
            _changed(design, encoder_stride=stride // 2, up_blocks=max(0, values["up_blocks"] - 1)),
            _always("The windows lie apart instead: as many weights, on features twice as fine."),
        )


def _deeper(design: Design, values: dict[str, Any]) -> Iterator[_Idea]:
    """Yield a level more, or where the input is too small for that, a level less."""
    for more in (1, -1):
        fields = _levels(values, more)
        if not fields:
            return
        changed = _changed(design, **fields)
        if _can_be(changed):
            yield _Idea(
                f"One level {'more' if more > 0 else 'fewer'}",
                changed,
                partial(_lowered, design),
            )
            return


def _lowered(before: Design, after: Design) -> str:
    """Say what another lowest resolution means there."""
    was, now = _lowest(before), _lowest(after)
    times = Fraction(positions(was), positions(now))
    much = f"{times} times as much" if times >= 1 and times.denominator == 1 else f"{times} as much"
    return (
        f"The lowest resolution is {_grid(now)} instead of {_grid(was)}: the same window covers "
        f"{much} of the image there."
    )


def _can_be(changed: Callable[[], Design]) -> bool:
    try:
        return len(changed().graph) > 0
    except Exception:  # the input is too small for it, or a class of the user's raises
        return False


def _levels(values: dict[str, Any], more: int) -> dict[str, Any]:
    """Return the fields of an architecture with so many more resolutions."""
    if values.get("up_blocks") == 0:  # the output would have another resolution
        return {}
    names = [name for name in ("down_blocks", "up_blocks", "stages") if name in values]
    if "layers_per_block" in values:
        layers = values["layers_per_block"]
        return {"layers_per_block": (*layers, layers[-1]) if more > 0 else layers[:-1]}
    if "down_blocks" in names or "stages" in names:
        return {name: values[name] + more for name in names}
    return {}


# What it costs.


def _lowered_otherwise(design: Design) -> Iterator[_Idea]:
    """Yield the move from pooling to strided convolutions, or back."""
    architecture: Any = design.architecture
    fields: dict[str, Any]
    if isinstance(architecture, Custom):
        lists = {name: getattr(architecture, name) for name in ("stem", "encoder")}
        lowering = [block for blocks in lists.values() for block in blocks if _pools(block)]
        pools = not all(block.strided_conv for block in lowering)
        fields = {
            name: [
                attrs.evolve(block, strided_conv=pools) if _pools(block) else block
                for block in blocks
            ]
            for name, blocks in lists.items()
        }
    elif "strided_conv" in _values(design):
        pools = not architecture.strided_conv
        fields = {"strided_conv": pools}
    else:
        return
    yield _Idea(
        "Strided convolutions instead of pooling"
        if pools
        else "Pooling instead of strided convolutions",
        _changed(design, **fields),
        _always(
            "The windows get weights: what is kept of each is learnt, instead of being the largest "
            "value of each channel."
            if pools
            else "Of each window the largest value of each channel is kept, which needs no weights."
        ),
    )


def _pools(block: Any) -> bool:
    """Return whether a block lowers the resolution by pooling, or by what can take its place."""
    return isinstance(block, SimpleConvBlock) and block.pool


def _of_cost(design: Design) -> Iterator[_Idea]:
    values = _values(design)
    widths = {name: values[name] for name in WIDTHS if values.get(name)}
    if "skips" in values and min(widths.values(), default=0) < FEW_FILTERS:
        yield from _lowered_otherwise(design)
    if widths:
        halves = min(widths.values()) >= 8
        yield _Idea(
            f"{'Half' if halves else 'Twice'} as many filters",
            _changed(
                design,
                **{name: value // 2 if halves else value * 2 for name, value in widths.items()},
            ),
            _always(
                "A convolution has weights for each pair of a channel in and a channel out, so "
                "they go with the square; a feature has its channels once."
            ),
        )
    shown = design.input
    larger = attrs.evolve(shown, height=2 * shown.height, width=2 * shown.width)

    def watch(changed: Design) -> str | None:
        before, after = design.report, changed.report
        same = before.total_params == after.total_params
        if not same or before.receptive_field != after.receptive_field:
            return None
        return (
            "The same weights are used at four times as many positions: the network has no more of "
            "them, and each position sees no farther."
        )

    yield _Idea(
        f"An image of {larger.height}×{larger.width}",
        lambda: attrs.evolve(design, input=larger),
        watch,
    )
    if isinstance(design.architecture, Custom):
        yield from _lowered_otherwise(design)
