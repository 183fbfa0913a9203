"""Lesson 6: the field of the encoder, that of the output, and what of it has an effect."""

from collections.abc import Sequence
from random import Random
from typing import Any

from explorer.core.analysis.budgets import Budget
from explorer.core.analysis.design import Design, Input, changed
from explorer.core.analysis.receptive_field import Box
from explorer.core.families import Custom, UNet
from explorer.core.formatting import product
from explorer.core.network.blocks import SimpleConvBlock
from explorer.core.network.graph import Node
from explorer.core.network.layers import Concatenate
from explorer.core.network.names import block_id
from explorer.lessons.making import field_of
from explorer.lessons.pictures.grids import GridPicture, grid_picture
from explorer.lessons.plan import Draw, Plan, Step
from explorer.lessons.questions import (
    BuildQuestion,
    ChoiceQuestion,
    ClickQuestion,
    Mistake,
    NumberQuestion,
    of_blocks,
)

#: Height and width of the photograph, and the face on it.
_SIDE = 160
_FACE = Box(top=12, left=66, bottom=51, right=98)


def _network(random: Random, depth: int, kernel: int = 3) -> Design:
    net = UNet(
        filters=random.choice([4, 6, 8]),
        down_blocks=depth,
        up_blocks=depth,
        convs_per_block=random.choice([1, 2]),
        kernel_size=kernel,
    )
    return Design(net, Input(_SIDE, _SIDE, 1))


def _ends(design: Design) -> list[Node]:
    """Return the last layer of each block, in order."""
    ends = {block_id(node): node for node in design.graph if node.block}
    return list(ends.values())


def two_fields(draw: Draw) -> Step:
    """Say which fields there are."""
    design = _network(draw.shared, depth=3)
    bottom = next(n for n in reversed(_ends(design)) if n.block and n.block.role == "middle")
    return Step(
        title="Whose field?",
        text="“The receptive field of a network” can mean two things: the encoder’s, of a position "
        "at the lowest resolution, and the output’s.\n\n"
        "The tab “Receptive field” shows what one position of the selected block sees: here of the "
        f"end of the encoder, {field_of(design, bottom)} px. The other frame is the face on the "
        "photograph, and beside it stands whether the window holds it. Click another position, "
        "and see the window move.",
        design=design,
        select=block_id(bottom),
        opens="Receptive field",
        box=_FACE,
        points_at="stage",
    )


def what_the_decoder_adds(draw: Draw) -> Step:
    """Ask for the field of the output, given that of the encoder."""
    random = draw.own
    depth = random.randint(2, 3)
    encoder = output = 0
    while output == 2 * encoder:  # what a mirror image would have
        after = _network(random, depth, random.choice([3, 5]))
        before = changed(after, up_blocks=0)
        encoder, output = field_of(before), field_of(after)
    net: Any = after.architecture
    return Step(
        title="From the encoder to the output",
        text=f"This is an encoder alone: a position at its end sees {encoder} px.\n\n"
        f"A decoder of {depth} steps follows, with upsampling, skip connections and convolutions, "
        "up to the image’s resolution.",
        design=before,
        question=ChoiceQuestion.drawn(
            random,
            f"{output} px: convolutions of the decoder add to it",
            [
                Mistake(
                    f"{encoder} px: only the encoder looks around",
                    "Each convolution looks around, those of the decoder, too: at a neighbour "
                    "that has a field of its own.",
                ),
                Mistake(
                    f"{2 * encoder} px: the decoder mirrors the encoder",
                    "The decoder has other layers: in place of poolings it has upsampling, which "
                    "adds another share.",
                ),
                Mistake(
                    f"{net.kernel_size} px: skips lead straight to the image",
                    "A skip is one way among others: the field is that of all ways together.",
                ),
            ],
            prompt="How large is the receptive field of the output then?",
            reason=f"The longest way leads through the bottom ({encoder} px) and then through all "
            f"of the decoder, which adds {output - encoder} px.",
            reveals=after,
        ),
    )


def what_the_skip_brings(draw: Draw) -> Step:
    """Ask which of two features that are joined has the smaller field."""
    random = draw.own
    depth = random.randint(2, 3)
    design = _network(random, depth, random.choice([3, 5]))
    joins = [node for node in design.graph if isinstance(node.layer, Concatenate)]
    join = random.choice(joins)
    near = min(join.inputs, key=lambda node: field_of(design, node))
    far = max(join.inputs, key=lambda node: field_of(design, node))
    height, width, _ = join.shape
    middle = next(n for n in reversed(_ends(design)) if n.block and n.block.role == "middle")
    wrong = {
        block_id(far): f"What comes up from below sees {field_of(design, far)} px.",
        block_id(middle): f"That is the bottom: it sees {field_of(design, middle)} px, and is not "
        "joined here itself.",
    }
    return Step(
        title="What a skip brings",
        text=f"In the decoder block of {product(height, width)} two features of that resolution "
        "are joined. One of them knows exactly where, and little of what is around; the other has "
        "seen a lot, coarsely.",
        design=design,
        points_at="stage",
        question=ClickQuestion(
            design=design,
            prompt="Click the block from which the feature with the smaller receptive field comes "
            f"to the join at {product(height, width)}.",
            right=of_blocks([near]),
            mistakes=tuple(
                Mistake(name, reason) for name, reason in wrong.items() if name != block_id(near)
            ),
            reason=f"It sees {field_of(design, near)} px, the other {field_of(design, far)} px. "
            "The skip brings fine detail from nearby, the way through the bottom what is around "
            "it.",
            hint="Follow both links that come to this block.",
        ),
    )


def first_to_see_it(draw: Draw) -> Step:
    """Ask which block is the first that can see an object whole."""
    random = draw.own
    place = now = 0
    while place == now:
        before = _network(random, depth=3, kernel=3)
        kernel = random.choice([5, 7])
        after = changed(before, kernel_size=kernel)
        ends = [n for n in _ends(after) if n.block and n.block.role in ("encoder", "middle")]
        fields = [field_of(after, node) for node in ends]
        olds = [field_of(before, before.graph[node.name]) for node in ends]
        side = random.randint(fields[0] + 1, min(olds[-1], 140))
        place = next(i for i, field in enumerate(fields) if field >= side)
        now = next(i for i, field in enumerate(olds) if field >= side)
    mistakes = [
        Mistake(
            block_id(node),
            (
                f"That is so now; with kernels of {product(kernel, kernel)} it happens sooner."
                if i == now
                else "It can, but a block before it can already."
            )
            if i > place
            else f"It will see {field} px: the object is {side} px wide.",
        )
        for i, (node, field) in enumerate(zip(ends, fields, strict=True))
        if i != place
    ]
    return Step(
        title="The first to see it whole",
        text=f"An object is {side} px wide. Blocks near the image see parts of "
        "it; only from some block on can one position see it whole.\n\n"
        "All kernels are 3×3 now. A convolution widens the field by (kernel − 1) × stride, a "
        "pooling of 2×2 by the stride of what it reads.",
        design=before,
        points_at="stage",
        question=ClickQuestion(
            design=before,
            prompt=f"All kernels become {product(kernel, kernel)}. Click the first block, from the "
            f"image on, a position of which can then see all {side} px.",
            right=of_blocks([ends[place]]),
            mistakes=tuple(mistakes),
            reason=f"It then sees {fields[place]} px; the block before it "
            f"{fields[place - 1] if place else 1} px.",
            hint="Go from the image down, and add up.",
            reveals=after,
        ),
    )


def from_every_place(draw: Draw) -> Step:
    """Ask for the field with which an object is seen whole from every place on it."""
    random = draw.own
    design = _network(random, depth=2)
    side = random.randint(15, 60)
    # The smallest window around a position that holds the object, wherever on it the position is.
    answer = next(
        2 * reach + 1
        for reach in range(side)
        if all(at - reach <= 0 and side - 1 <= at + reach for at in range(side))
    )
    first = (_SIDE - side) // 2
    last = first + side - 1
    return Step(
        title="Seen from its edge",
        text="Take windows as centred on their position (poolings and upsampling can move them by "
        "some pixels). From the middle of an object, a field as wide as the object holds all of "
        "it. But a segmentation, which says of each pixel whether it belongs to the object, "
        "asks positions at the object’s edge, too: click one there.",
        design=design,
        select=block_id(design.graph.outputs[-1]),
        opens="Receptive field",
        box=Box(first, first, last, last),
        question=NumberQuestion(
            prompt=f"The object is {side} px wide. How large must the field be at least, so that "
            "from each pixel of the object the window holds all of it?",
            answer=answer,
            unit="px",
            mistakes=(
                Mistake(side, "That is enough from its middle: from its edge, half is missing."),
                Mistake(
                    2 * side,
                    "Nearly: the pixel itself lies on both halves, so it is counted once.",
                ),
                Mistake(
                    2 * side + 1,
                    f"From the edge, {side - 1} px of the object lie ahead, not {side}.",
                ),
                Mistake(side + side // 2, "From the edge, nearly all of the object lies ahead."),
                Mistake(side - 1, "So far it must reach to one side; it has two."),
            ),
            reason=f"{side - 1} px to one side for the one edge, as many to the other side for "
            f"the other, and the pixel itself: {answer}.",
        ),
    )


def _ways(kernels: Sequence[int]) -> list[int]:
    """Return in how many ways each pixel of a field reaches the position, along one axis."""
    ways = [1]
    for kernel in kernels:
        padded = [0] * (kernel - 1) + ways + [0] * (kernel - 1)
        ways = [sum(padded[i : i + kernel]) for i in range(len(ways) + kernel - 1)]
    return ways


def _rows(kernel: int, count: int) -> list[list[float]]:
    """Return the ways after no, one and more convolutions, each in the middle of its row."""
    rows = [_ways([kernel] * number) for number in range(count + 1)]
    widest = len(rows[-1])
    return [
        [0.0] * ((widest - len(row)) // 2) + row + [0.0] * ((widest - len(row)) // 2)
        for row in rows
    ]


def _picture(title: str, kernel: int, count: int) -> GridPicture:
    """Return a picture of the ways after no, one and more convolutions."""
    return grid_picture(
        title,
        "In how many ways each pixel reaches the position. Each number is the sum of "
        f"{kernel} neighbours in the row above it.",
        _rows(kernel, count),
        "ways",
        low=0,
        row_names=("output", *(f"conv {n}" for n in range(count - 1, 0, -1)), "image"),
    )


def _convolutions(count: int, kernel: int, filters: int) -> Design:
    block = SimpleConvBlock(num_convs=count, kernel_size=kernel, filters=filters, pool=False)
    return Design(Custom(encoder=(block,)), Input(96, 96, 1))


def ways_to_the_middle(draw: Draw) -> Step:
    """Ask in how many ways a pixel near the middle reaches a position."""
    random = draw.own
    count, kernel = random.choice([(2, 5), (3, 3), (2, 7), (3, 5), (4, 3), (5, 3), (6, 3)])
    design = _convolutions(count, kernel, random.choice([4, 6, 8]))
    away = random.randint(0, 1)
    ways = _ways([kernel] * count)
    answer = ways[len(ways) // 2 + away]
    where = "the pixel in the middle" if away == 0 else "the pixel beside the middle"
    return Step(
        title="Many ways to the middle",
        text="The field says which pixels can have an influence, not how much. A pixel at the rim "
        "gets to the position in one way only: through the outermost weight of each kernel. A "
        "pixel near the middle gets there in many: a step to the left first, then one to the "
        "right, and so on. Its influence is the sum of all ways.",
        design=design,
        pictures=(_picture("Two convolutions of 3×3, along one axis", 3, 2),),
        question=NumberQuestion(
            prompt=f"These are {count} convolutions of {product(kernel, kernel)}, stride 1. Along "
            f"one axis, in how many ways does {where} of the field reach the position?",
            answer=answer,
            unit="ways",
            mistakes=(
                Mistake(1, "That is so at the rim: here steps to and fro lead there, too."),
                Mistake(kernel**count, "These are the ways of all pixels of the field together."),
                Mistake(len(ways), "That is the size of the field."),
                Mistake(
                    count * kernel,
                    "Choices of layers one after the other multiply, but only those count that "
                    "lead to this pixel.",
                ),
                Mistake(count, "A way goes through all layers; there is more than one for each."),
                Mistake(
                    ways[len(ways) // 2 + 1 - away],
                    "That is the pixel beside the middle."
                    if away == 0
                    else "That is the pixel in the middle.",
                ),
                Mistake(ways[len(ways) // 2 + away] ** 2, "That is both axes together."),
            ),
            reason=f"From rim to rim: {', '.join(map(str, ways))}. With weights alike, what has "
            "an effect is a peak in the middle, and with more layers a bell: the effective field.",
            pictures=(_picture("Ways to each pixel, layer by layer", kernel, count),),
        ),
    )


def the_middle_grows_slowly(draw: Draw) -> Step:
    """Ask how much wider the effective field becomes in a deeper row of convolutions."""
    random = draw.own
    count, kernel = random.randint(2, 4), random.choice([3, 5])
    times = random.choice([4, 9]) if count == 2 else 4
    filters = random.choice([4, 6, 8])
    before, after = (_convolutions(n, kernel, filters) for n in (count, count * times))
    wider = _spread(_ways([kernel] * count * times)) / _spread(_ways([kernel] * count))
    return Step(
        title="The middle grows slowly",
        text=f"Here are {count} convolutions of {product(kernel, kernel)}. Take the number of ways "
        "as a bell, and its standard deviation as its width.\n\n"
        "A way is a sum of independent steps, one a layer. Of such sums the variances add up.",
        design=before,
        question=ChoiceQuestion.drawn(
            random,
            f"It is {wider:.3g} times as wide",
            [
                Mistake(
                    f"It is {times} times as wide",
                    "So grows the theoretical field, nearly. The variance grows so, too, but the "
                    "width is its square root.",
                ),
                Mistake(f"It is {times**2} times as wide", "Variances add up: nothing is squared."),
                Mistake("It stays as wide", "Each layer adds steps to and fro: it grows."),
            ],
            prompt=f"There will be {count * times} convolutions, {times} times as many. What "
            "becomes of the bell’s width?",
            reason=f"√{times} = {wider:.3g}, while the field grows from {field_of(before)} to "
            f"{field_of(after)} px: the effective part is an ever smaller share of it. Luo et al. "
            "(2016) find the same with activations in between, nearly.",
            reveals=after,
        ),
    )


def _spread(ways: Sequence[int]) -> float:
    """Return the standard deviation of where ways begin."""
    middle = (len(ways) - 1) / 2
    variance = sum(n * (i - middle) ** 2 for i, n in enumerate(ways)) / sum(ways)
    return float(variance**0.5)


def on_the_photograph(draw: Draw) -> Step:
    """Have both fields looked at."""
    design = _network(draw.shared, depth=3)
    return Step(
        title="On the photograph",
        text="Two windows on one picture. The frame is what the output’s position can see. The "
        "glow is the gradient: how strongly a change of each pixel would change the output there. "
        "It is computed a moment after you click, where “effective field” is ticked; the text "
        "beside the picture says which square holds 95 % of it. These weights are "
        "random: training changes it. Luo et al. (2016) found it to widen; on small tasks, such as "
        "those here, it may end up smaller.\n\n"
        "The box is the face again: does it fit the frame, and does it fit the glow?",
        design=design,
        select=block_id(design.graph.outputs[-1]),
        opens="Receptive field",
        box=_FACE,
    )


def build_one(draw: Draw) -> Step:
    """Have a network built that sees an object from every place on it."""
    random = draw.own
    start = _network(random, depth=2)
    depth = random.randint(3, 4)
    example = changed(
        start,
        filters=random.choice([3, 4]),
        down_blocks=depth,
        up_blocks=depth,
        convs_per_block=2 if depth == 3 else random.choice([1, 2]),
    )
    bounds = (field_of(start) + 8) // 2 + 1, (field_of(example) + 1) // 2
    side = random.randint(*bounds)
    most = float(f"{example.report.total_params * random.uniform(1.05, 1.3):.3g}")
    return Step(
        title="Build one",
        text="Such a network is to say of each pixel whether it belongs to an object. Take windows "
        "as centred again. Move the controls: the network that is on screen is your answer.",
        design=start,
        points_at="controls",
        question=BuildQuestion(
            prompt=f"Objects are up to {side} px wide. Build a U-Net whose output sees all of one "
            f"from each of its pixels, with at most {most:,.0f} parameters, at the image’s "
            "resolution.",
            budgets=(
                Budget("receptive field", at_least=2 * side - 1),
                Budget("parameters", at_most=most),
                Budget("output stride", at_least=1, at_most=1),
            ),
            example=example,
            reason=f"2 × {side} − 1 = {2 * side - 1} px. That is the field it can use; leave some "
            "to spare for the effective one.",
        ),
    )


PLAN = Plan(
    6,
    "Encoder’s, output’s and effective field",
    10,
    (
        "Tell the encoder’s receptive field from the output’s, and say which ways lead to each",
        "Say what a skip connection brings, and what the way through the bottom",
        "Choose a field for objects of a given size, seen from each of their pixels",
        "Say why the effective field is smaller than the theoretical one, and how it grows",
    ),
    (
        ("The receptive field is the encoder’s", "the output’s is larger: the decoder adds to it"),
        ("Skips make the field smaller", "the field is that of all ways together"),
        ("A field as wide as the object is enough", "from its edge it takes nearly twice that"),
        (
            "All pixels of the field count alike",
            "those in the middle count more, in a bell that widens with the root of the depth",
        ),
    ),
    (
        two_fields,
        what_the_decoder_adds,
        what_the_skip_brings,
        first_to_see_it,
        from_every_place,
        ways_to_the_middle,
        the_middle_grows_slowly,
        on_the_photograph,
        build_one,
    ),
)
