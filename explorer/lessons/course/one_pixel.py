"""Lesson 5: how far one pixel spreads, layer by layer; turned round, the receptive field."""

from collections.abc import Sequence
from random import Random
from typing import Any

import attrs

from explorer.core.analysis.budgets import Budget
from explorer.core.analysis.design import Design, Input, changed
from explorer.core.analysis.spreading import reached_from
from explorer.core.families import Custom, UNet
from explorer.core.formatting import counted, listed, product
from explorer.core.network.blocks import SimpleConvBlock
from explorer.core.network.layers import Conv2D, MaxPooling2D
from explorer.core.network.names import block_id
from explorer.lessons.making import field_of, of_kind
from explorer.lessons.pictures.grids import spread_picture
from explorer.lessons.plan import Draw, Plan, Step
from explorer.lessons.questions import (
    BuildQuestion,
    ChoiceQuestion,
    ClickQuestion,
    Mistake,
    NumberQuestion,
    of_blocks,
)

#: A pixel far from the border of all images here.
_PIXEL = 32


def _block(kernel: int, filters: int, convs: int = 1, pool: bool = False) -> SimpleConvBlock:
    return SimpleConvBlock(num_convs=convs, filters=filters, kernel_size=kernel, pool=pool)


def _encoder(
    random: Random, kernels: Sequence[int], pools: Sequence[bool], side: int = 64
) -> Design:
    """Return a row of blocks of one convolution each, some with a pooling after it."""
    filters = random.choice([4, 6, 8])
    blocks = [_block(k, filters, pool=pool) for k, pool in zip(kernels, pools, strict=True)]
    return Design(Custom(encoder=tuple(blocks)), Input(side, side, 1))


def _first_blocks(design: Design, count: int, pool: bool = False) -> Design:
    """Return a design's first blocks alone; of the last of them the pooling, too, or not."""
    net: Any = design.architecture
    *first, last = net.encoder[:count]
    encoder = (*first, attrs.evolve(last, pool=pool))
    return attrs.evolve(design, architecture=attrs.evolve(net, encoder=encoder))


def one_pixel(draw: Draw) -> Step:
    """Say what spreads."""
    random = draw.shared
    design = _encoder(random, random.choices([3, 5], k=4), [False, True, False, True])
    return Step(
        title="One pixel",
        text="Change one pixel of an image, and nothing else. Which numbers of each layer can "
        "change? Only those whose window holds the pixel; then those that read these. Layer by "
        "layer the pixel spreads, as in the picture.\n\n"
        "Turned round: the pixels that can change one number are its receptive field. The tab "
        "“Receptive field” draws it on the picture; click another position there.\n\n"
        "All questions are about one axis, away from the border.",
        design=design,
        select=block_id(design.graph.outputs[-1]),
        opens="Receptive field",
        pictures=(spread_picture(design.graph, _PIXEL),),
    )


def reach_of_a_convolution(draw: Draw) -> Step:
    """Ask at how many positions one pixel can be felt after one convolution."""
    random = draw.own
    kernel = random.choice([5, 7, 9, 11])
    after = _encoder(random, [kernel], [False], side=random.choice([64, 80, 96]))
    before = _changed_kernel(after, 3)
    convolution = of_kind(after, Conv2D)[0]
    reach = reached_from(after.graph, _PIXEL, axis=1)[convolution]
    return Step(
        title="Forward: through one convolution",
        text="A convolution puts out a number for each place of its window. The pixel is read in "
        "every place in which the window holds it: as its right edge, as its middle, as its left "
        "edge. Watch the window slide, and pick one pixel to keep in your eye.",
        design=before,
        moves=of_kind(before, Conv2D)[0].layer,
        question=NumberQuestion(
            prompt=f"The kernel grows to {product(kernel, kernel)}, stride 1. One pixel changes: "
            "at how many positions along its row can the output change?",
            answer=len(reach),
            unit="positions",
            mistakes=(
                Mistake(1, "The windows to the left and to the right hold the pixel, too."),
                Mistake(kernel**2, "That is the whole square; along one row it is its side."),
                Mistake(kernel // 2, "So many lie on each side of the pixel."),
                Mistake(kernel - 1, "The position of the pixel itself counts, too."),
                Mistake(3, "That is what it is now, with the kernel of 3×3."),
            ),
            reason=f"The window holds the pixel in {kernel} places along the row: "
            f"{counted(kernel // 2, 'position')} to each side, and its own.",
            reveals=after,
            pictures=(spread_picture(after.graph, _PIXEL),),
        ),
    )


def _changed_kernel(design: Design, kernel: int) -> Design:
    """Return a design of one block with another kernel."""
    net: Any = design.architecture
    block = attrs.evolve(net.encoder[0], kernel_size=kernel)
    return attrs.evolve(design, architecture=attrs.evolve(net, encoder=(block,)))


def two_convolutions(draw: Draw) -> Step:
    """Ask for the receptive field of two convolutions in a row."""
    random = draw.own
    first, second = random.sample([3, 5, 7, 9], k=2)
    after = _encoder(random, [first, second], [False, False], side=random.choice([64, 80, 96]))
    return Step(
        title="Looking back: two convolutions",
        text="Now stand on one position of an output and look back. Its window holds positions of "
        "the layer before; each of those has a window of its own. Neighbouring windows overlap: "
        "they are moved by 1 px only.\n\n"
        f"Here is one convolution of {product(first, first)}: its output has a receptive field of "
        f"{first} px.",
        design=_first_blocks(after, 1),
        question=NumberQuestion(
            prompt=f"A convolution of {product(second, second)} follows, stride 1. How large is "
            "the receptive field of its output?",
            answer=field_of(after),
            unit="px",
            mistakes=(
                Mistake(
                    first + second,
                    "Nearly: the middle of the second window has all that the first sees already. "
                    "Only its other positions add a pixel each.",
                ),
                Mistake(
                    first * second,
                    "Windows of neighbours overlap, so most pixels are seen several times.",
                ),
                Mistake(first, "The rim of the second window sees beyond its middle."),
                Mistake(second, "That is its window on the layer before, not on the image."),
                Mistake(first + second // 2, "The field grows on both sides, not on one."),
            ),
            reason=f"{first} + ({second} − 1) = {field_of(after)}: each further position of the "
            "window adds as many pixels as neighbours are apart, here 1.",
            reveals=after,
            pictures=(spread_picture(after.graph, _PIXEL),),
        ),
    )


def first_layer_that_feels_it(draw: Draw) -> Step:
    """Ask where a pixel first reaches a given column."""
    random = draw.own
    right = halved = 0
    while right in (0, halved):
        kernels = random.choices([3, 5, 7], k=random.randint(4, 5))
        design = _encoder(random, kernels, [False] * len(kernels))
        pixel = random.randint(28, 36)
        reached = reached_from(design.graph, pixel, axis=1)
        convolutions = of_kind(design, Conv2D)
        ends = [max(reached[node]) for node in convolutions]
        column = random.randint(ends[0] + 1, ends[-1])
        right = next(i for i, end in enumerate(ends) if end >= column)
        # Where it would be reached if a kernel spread a pixel by all of its size to one side.
        halved = next(
            i for i in range(len(ends)) if sum(kernels[: i + 1]) - i - 1 >= column - pixel
        )
    mistakes = [
        Mistake(
            block_id(node),
            f"There the pixel reaches column {end}, no further: a kernel of {kernel} reaches "
            f"{kernel // 2} px to each side."
            if i < right
            else "It can change there, but it could in a block before this one.",
        )
        for i, (node, end, kernel) in enumerate(zip(convolutions, ends, kernels, strict=True))
        if i != right
    ]
    sides = [kernel // 2 for kernel in kernels[: right + 1]]
    return Step(
        title="Layer by layer",
        text=f"{len(kernels)} blocks of one convolution each, stride 1. From left to right or from "
        "top to bottom, their kernels have sides of "
        f"{listed([str(kernel) for kernel in kernels])}.\n\n"
        "The activations between them work on each position alone: they spread nothing.",
        design=design,
        points_at="stage",
        question=ClickQuestion(
            design=design,
            prompt=f"The pixel in column {pixel} of the image changes. Click the first block whose "
            f"output can change in column {column}.",
            right=of_blocks([convolutions[right]]),
            mistakes=tuple(mistakes),
            reason=f"{pixel} + {' + '.join(map(str, sides))} = {pixel + sum(sides)}: column "
            f"{column} is within reach; a block before it was not.",
            hint="Add up, block by block, how far the pixel reaches to the right.",
            pictures=(spread_picture(design.graph, pixel),),
        ),
    )


def through_a_pooling(draw: Draw) -> Step:
    """Ask at how many positions the pixel can be felt after a pooling."""
    random = draw.own
    kernels = random.choices([3, 5, 7], k=random.randint(1, 2))
    pools = [False] * (len(kernels) - 1)
    after = _encoder(random, kernels, [*pools, True], side=random.choice([64, 80, 96]))
    before = _first_blocks(after, len(kernels))
    pooling = of_kind(after, MaxPooling2D)[0]
    reached = reached_from(after.graph, _PIXEL, axis=1)
    wide, answer = len(reached[pooling.inputs[0]]), len(reached[pooling])
    return Step(
        title="Through a pooling",
        text=f"After {'this convolution' if len(kernels) == 1 else 'these convolutions'} one pixel "
        f"can be felt at {wide} positions along its row.\n\n"
        "Max pooling of 2×2 with stride 2 follows. Its windows stand side by side and don’t "
        "overlap: each position is in one of them.",
        design=before,
        moves=pooling.layer,
        question=NumberQuestion(
            prompt="At how many positions along the row can the pooling’s output change?",
            answer=answer,
            unit="positions",
            mistakes=(
                Mistake(wide, "Two neighbours share a window: there are fewer positions now."),
                Mistake(
                    wide // 2,
                    "A window that is only half within reach can change, too: "
                    f"{wide} is odd, so one always is.",
                ),
                Mistake(2 * wide, "Pooling halves the number of positions, it doubles nothing."),
                Mistake(1, "The pixel has spread over more than one window by now."),
                Mistake(
                    wide + 1, "That is the receptive field of its output, in pixels of the image."
                ),
            ),
            reason=f"{wide} positions in a row touch {answer} windows of 2. Fewer positions, but "
            "each stands for 2 px of the image: the spread did not shrink.",
            reveals=after,
            pictures=(spread_picture(after.graph, _PIXEL),),
        ),
    )


def a_step_counts_more(draw: Draw) -> Step:
    """Ask what a convolution adds to the field after some poolings."""
    random = draw.own
    poolings = random.randint(2, 4)
    kernel = random.choice([3, 5, 7])
    kernels = [*random.choices([3, 5], k=poolings), kernel]
    after = _encoder(random, kernels, [*[True] * poolings, False], side=96)
    before = _first_blocks(after, poolings, pool=True)
    grown = field_of(after) - field_of(before)
    stride = before.graph.outputs[-1].stride
    assert isinstance(stride, int)
    return Step(
        title="After a pooling each step counts more",
        text=f"This encoder has {poolings} poolings, each of 2×2 with stride 2. Where it ends, two "
        "neighbouring positions stand for places of the image that lie further apart than 1 px. "
        "Their distance is the stride of the feature, in pixels of the image.",
        design=before,
        question=NumberQuestion(
            prompt=f"A convolution of {product(kernel, kernel)} is added at the end. By how many "
            "pixels does the receptive field grow?",
            answer=grown,
            unit="px",
            mistakes=(
                Mistake(
                    kernel - 1,
                    "You forgot the stride: a step of its window is more than one pixel here.",
                ),
                Mistake(
                    kernel * stride,
                    "One position of the window, its middle, adds nothing: it saw before what it "
                    "sees now.",
                ),
                Mistake(
                    (kernel - 1) * 2 * poolings,
                    "Strides of poolings in a row multiply: they don’t add up.",
                ),
                Mistake(
                    (kernel - 1) * stride // 2,
                    f"Every pooling doubles the stride, the last one, too: {poolings} of them.",
                ),
                Mistake((kernel - 1) * 2, "The stride of all poolings before counts."),
                Mistake(field_of(after), "That is the whole field, not what it grows by."),
                Mistake(kernel, "That is the window on the layer before, not on the image."),
            ),
            reason=f"({kernel} − 1) × {stride} = {grown}: {kernel - 1} further positions of the "
            f"window, each {stride} px from the one before.",
            reveals=after,
            pictures=(spread_picture(after.graph, _PIXEL),),
        ),
    )


@attrs.frozen
class _Growth:
    """What a layer adds to the receptive field: `more` steps of `stride` pixels."""

    more: int
    stride: int
    pools: bool


def _growths(design: Design) -> list[_Growth]:
    return [
        _Growth(node.layer.taps(1)[0] - 1, node.inputs[0].stride, node.layer.pools)  # type: ignore[arg-type]
        for node in design.graph
        if node.layer.pools or node.layer.slides
    ]


def step_by_step(draw: Draw) -> Step:
    """Ask for the receptive field of a whole encoder."""
    random = draw.own
    levels = random.randint(2, 3)
    kernels = random.choices([3, 5, 7], k=levels + 1)
    after = _encoder(random, kernels, [*[True] * levels, False], side=96)
    growths = _growths(after)
    doubled = 1
    for growth in growths:
        doubled = 2 * doubled if growth.pools else doubled + growth.more
    rest = [f"pooling, {product(kernel, kernel)} convolution" for kernel in kernels[1:]]
    sums = " + ".join(
        str(growth.more * growth.stride) if growth.stride == 1 else f"{growth.more}×{growth.stride}"
        for growth in growths
    )
    return Step(
        title="A whole encoder, step by step",
        text="A field starts with 1 px, the position itself. Each layer adds (kernel − 1) steps, "
        "and a step is as many pixels as the stride of what it reads. A pooling is such a layer: "
        "its window is 2, and what it reads still has the finer stride.\n\n"
        "The stride of what a layer reads is the distance of its positions, in pixels of the "
        "image.",
        design=_first_blocks(after, 1),
        question=NumberQuestion(
            prompt=f"After this {product(kernels[0], kernels[0])} convolution come: "
            f"{', '.join(rest)}. All poolings are 2×2 with stride 2. How large is the receptive "
            "field in the end?",
            answer=field_of(after),
            unit="px",
            mistakes=(
                Mistake(
                    1 + sum(growth.more for growth in growths),
                    "You forgot the stride: after a pooling each step is twice as long.",
                ),
                Mistake(
                    1 + sum(g.more * g.stride for g in growths if not g.pools),
                    "You forgot the windows of the poolings: each adds a step, too.",
                ),
                Mistake(
                    1 + sum(g.more * g.stride * (1 + g.pools) for g in growths),
                    "A pooling’s own window reads positions of the finer stride; the longer steps "
                    "begin after it.",
                ),
                Mistake(
                    doubled,
                    "A pooling doubles the length of later steps. It does not double the field.",
                ),
                Mistake(
                    field_of(after) - 1,
                    "Nearly: begin with 1, for the position itself.",
                ),
                Mistake(
                    sum((g.more + 1) * g.stride for g in growths),
                    "A window adds (kernel − 1) steps: its middle adds nothing.",
                ),
            ),
            reason=f"1 + {sums} = {field_of(after)}. The field of each layer stands in the tab "
            "“Layers”.",
            reveals=after,
            pictures=(spread_picture(after.graph, _PIXEL),),
        ),
    )


def where_a_larger_kernel_tells(draw: Draw) -> Step:
    """Ask in which block larger kernels widen the field most."""
    random = draw.own
    best, counts = 0, [1]
    while counts[best] == max(counts):  # the block of most convolutions is the typical mistake
        counts = [random.randint(1, 4) for _ in range(random.randint(3, 4))]
        best = max(range(len(counts)), key=lambda i: counts[i] * 2**i)
    filters = random.choice([4, 6, 8])
    last = len(counts) - 1
    blocks = [_block(3, filters, count, pool=i < last) for i, count in enumerate(counts)]
    design = Design(Custom(encoder=tuple(blocks)), Input(96, 96, 1))
    grown = []
    for i, block in enumerate(blocks):
        tried = (*blocks[:i], attrs.evolve(block, kernel_size=5), *blocks[i + 1 :])
        changed = attrs.evolve(design, architecture=Custom(encoder=tried))
        grown.append((field_of(changed) - field_of(design), changed))
    most, revealed = max(grown, key=lambda each: each[0])
    ends = [design.graph[f"stack0_enc{i}_conv0"] for i in range(len(blocks))]
    mistakes = [
        Mistake(
            block_id(node),
            f"There it grows by {more} px: {counted(2 * count, 'more step')} of "
            f"{2**i} px. "
            + (
                "It has most convolutions, but its steps are shorter."
                if count == max(counts)
                else "In another block it grows by more."
            ),
        )
        for i, (node, (more, _), count) in enumerate(zip(ends, grown, counts, strict=True))
        if more < most
    ]
    return Step(
        title="Where does a larger kernel count most?",
        text="All kernels of this encoder are 3×3. Its blocks have, in order, "
        f"{listed([str(count) for count in counts])} convolutions. All but the last end with a "
        "pooling of 2×2, stride 2.",
        design=design,
        points_at="stage",
        question=ClickQuestion(
            design=design,
            prompt="The kernels of one block may grow to 5×5. Click the block in which that widens "
            "the receptive field of the encoder’s output most.",
            right=of_blocks(
                node for node, (more, _) in zip(ends, grown, strict=True) if more == most
            ),
            mistakes=tuple(mistakes),
            reason=f"It grows by {most} px. Count the convolutions of a block times its stride: "
            "each gets 2 more steps.",
            hint="For each block: how many convolutions, and how long is a step there?",
            reveals=revealed,
        ),
    )


@attrs.frozen
class _Way:
    """Something that could let a network see an object whole.

    Attributes:
        text: What is done.
        design: What comes of it.
        side: Side of the object, in pixels of the new input.
        reason: What it does to the field.
    """

    text: str
    design: Design
    side: int
    reason: str


def _widening(random: Random, design: Design) -> tuple[str, Design]:
    """Return a change of a U-Net that widens its field, in words, and what comes of it."""
    net: Any = design.architecture
    deeper, convs = net.down_blocks + 1, net.convs_per_block + 1
    return random.choice(
        [
            (
                f"Go one level deeper: depth {deeper}",
                changed(design, down_blocks=deeper, up_blocks=deeper),
            ),
            (f"Take kernels of {product(5, 5)}", changed(design, kernel_size=5)),
            (f"Put {convs} convolutions in a block", changed(design, convs_per_block=convs)),
        ]
    )


def _idle_ways(design: Design, side: int) -> list[_Way]:
    """Return changes of a U-Net and its image that don't help to see an object whole."""
    net: Any = design.architecture
    twice = 2 * design.input.height
    larger = attrs.evolve(design, input=Input(twice, twice, 1))
    return [
        _Way(
            f"Show it more of the scene: {product(twice, twice)} px",
            larger,
            side,
            "The field comes from the layers: it is the same in an image of any size.",
        ),
        _Way(
            f"Enlarge the image to {product(twice, twice)} px",
            larger,
            2 * side,
            f"The object is enlarged with the image, to {2 * side} px; the field is not.",
        ),
        _Way(
            f"Take {2 * net.filters} filters at the first level",
            changed(design, filters=2 * net.filters),
            side,
            "Filters look at the same window: more of them make channels, not a wider view.",
        ),
        _Way(
            "Add the skip connections" if net.skips == "none" else "Take the skips away",
            changed(design, skips="concatenate" if net.skips == "none" else "none"),
            side,
            "The field is that of the longest way, which leads through the bottom. A skip is a "
            "shorter way.",
        ),
    ]


def the_whole_object(draw: Draw) -> Step:
    """Ask what lets an output position see a whole object."""
    random = draw.own
    depth = random.randint(1, 2)
    net = UNet(
        filters=random.choice([4, 6, 8]),
        down_blocks=depth,
        up_blocks=depth,
        convs_per_block=random.choice([1, 2]),
        kernel_size=3,
        skips=random.choice(["concatenate", "none"]),
    )
    design = Design(net, Input(128, 128, 1))
    right, wider = _widening(random, design)
    side = random.randint((field_of(design) + field_of(wider)) // 2 + 1, field_of(wider))
    wrong = [way for way in _idle_ways(design, side) if field_of(way.design) < way.side]
    return Step(
        title="See the whole object",
        text=f"An output position of this network has a receptive field of {field_of(design)} px. "
        f"An object is {side} px wide: no single position can see it whole.",
        design=design,
        opens="Receptive field",
        question=ChoiceQuestion.drawn(
            random,
            right,
            [Mistake(way.text, way.reason) for way in random.sample(wrong, k=3)],
            prompt=f"One output position is to see an object of {side} px whole. What helps?",
            reason=f"The field becomes {field_of(wider)} px. The field belongs to the "
            "network: the size of the image is another thing.",
            reveals=wider,
        ),
    )


def build_one(draw: Draw) -> Step:
    """Have a network built that sees far for few parameters."""
    random = draw.own
    start = Design(
        UNet(filters=random.choice([8, 12, 16]), down_blocks=2, up_blocks=2), Input(160, 160, 1)
    )
    depth = random.randint(3, 4)
    example = Design(
        UNet(
            filters=random.choice([3, 4, 6]),
            down_blocks=depth,
            up_blocks=depth,
            kernel_size=random.choice([3, 5]) if depth == 3 else 3,
            convs_per_block=2,
        ),
        start.input,
    )
    least = random.randint(field_of(start) + 10, field_of(example))
    most = float(f"{example.report.total_params * random.uniform(1.05, 1.3):.3g}")
    return Step(
        title="Build one",
        text="Larger kernels, more convolutions, another level: each widens the field, and each "
        "has its price in parameters. The chain beside “Depth” keeps the output’s resolution; "
        "fewer filters cost nothing of the field.",
        design=start,
        points_at="controls",
        question=BuildQuestion(
            prompt=f"Build a U-Net whose output sees at least {least} px with at most "
            f"{most:,.0f} parameters, at the image’s resolution.",
            budgets=(
                Budget("receptive field", at_least=least),
                Budget("parameters", at_most=most),
                Budget("output stride", at_least=1, at_most=1),
            ),
            example=example,
            reason="A level deeper doubles the length of a step. How much of the field a network "
            "then makes use of is the subject of the next lesson.",
        ),
    )


PLAN = Plan(
    5,
    "One pixel spreading forward: the receptive field, step by step",
    10,
    (
        "Say which positions of a layer’s output one pixel can change",
        "Work out the receptive field of convolutions and poolings in a row",
        "Say what a kernel adds at a given stride, and why a level deeper adds more",
        "Tell the receptive field from the size of the image",
        "Set a network up for a field that is wanted, with few parameters",
    ),
    (
        (
            "Fields of layers in a row multiply, or their kernels add up",
            "each layer adds (kernel − 1) steps",
        ),
        ("A step is a pixel everywhere", "it is as long as the stride of what the layer reads"),
        ("A pooling doubles the field", "it adds one step, and doubles those after it"),
        ("The receptive field is the size of the input", "it comes from the layers alone"),
        ("More filters, or skips, see more", "neither widens any window"),
    ),
    (
        one_pixel,
        reach_of_a_convolution,
        two_convolutions,
        first_layer_that_feels_it,
        through_a_pooling,
        a_step_counts_more,
        step_by_step,
        where_a_larger_kernel_tells,
        the_whole_object,
        build_one,
    ),
)
