"""Lesson 3: on which levels parameters and features sit, and what makes each of them grow."""

from collections.abc import Callable, Iterable
from math import prod
from random import Random

from explorer.core.analysis.budgets import Budget
from explorer.core.analysis.design import Design, Input, changed
from explorer.core.families import UNet
from explorer.core.formatting import product
from explorer.core.network.graph import BYTES_PER_VALUE, Node
from explorer.core.network.layers import Conv2D
from explorer.core.network.names import block_id, layer_id
from explorer.lessons.making import given, of_kind, telling_apart
from explorer.lessons.plan import Draw, Plan, Step
from explorer.lessons.questions import (
    BuildQuestion,
    ChoiceQuestion,
    ClickQuestion,
    Mistake,
    NumberQuestion,
)


def _network(random: Random, filters_rate: float = 2, skips: str = "concatenate") -> Design:
    """Return a small U-Net of two convolutions a block."""
    depth = random.choice([2, 3])
    net = UNet(
        filters=random.choice([4, 5, 6, 8, 10]),
        filters_rate=filters_rate,
        down_blocks=depth,
        up_blocks=depth,
        kernel_size=random.choice([3, 5]),
        skips=skips,
    )
    height, width = (8 * random.randint(5, 12) for _ in range(2))
    return Design(net, Input(height, width, random.choice([1, 3])))


def two_kinds_of_numbers(draw: Draw) -> Step:
    """Say what parameters and features are."""
    return Step(
        title="Two kinds of numbers",
        text="Parameters are what training sets: the weights and biases of convolutions. They are "
        "the same for every image. Features are what layers put out for one image. Every "
        f"number of either kind takes {BYTES_PER_VALUE} bytes (float32).\n\n"
        "A convolution has weights for each pair of a channel that it reads and one that it makes; "
        "of how many pixels an image has they know nothing. A level is a row of the diagram, all "
        "of one resolution: where on the levels does each kind sit?",
        design=_network(draw.shared),
        points_at="stage",
    )


def _times(parameters: int, output: int) -> str:
    """Return by how much both grow, as a choice says it."""
    return f"parameters × {parameters}, output × {output}"


def growth(draw: Draw) -> Step:
    """Ask by how much parameters and output of a convolution grow."""
    random = draw.own
    design = _network(random)
    factor = random.choice([2, 3])
    wider = random.choice([True, False])
    net: UNet = design.architecture  # type: ignore[assignment]
    size = design.input
    if wider:
        after = changed(design, filters=factor * net.filters)
        change = f"All filters become {factor} times as many"
    else:
        after = given(design, height=factor * size.height, width=factor * size.width)
        change = f"Height and width of the image become {factor} times as large"
    before, then = (of_kind(each, Conv2D)[1] for each in (design, after))
    parameters = round(then.params / before.params)
    output = prod(then.shape) // prod(before.shape)
    square = factor**2
    reasons: tuple[tuple[tuple[int, int], str], ...]
    if wider:
        reasons = (
            ((factor, factor), "Each filter reads more channels, too: parameters grow by both."),
            ((square, square), "The output gets more channels, but no more positions."),
            ((factor, square), "The other way round: which of the two grows with both channels?"),
        )
    else:
        reasons = (
            ((square, square), "The same weights are used at more positions."),
            ((1, factor), "Height and width both grow."),
            ((square, 1), "The other way round: which of the two depends on the image?"),
        )
    return Step(
        title="What makes which grow?",
        text="The second convolution of the first block reads what the first one puts out. Both "
        "have as many filters. Leave the few biases aside.",
        design=design,
        select=layer_id(before),
        question=ChoiceQuestion.drawn(
            random,
            _times(parameters, output),
            [Mistake(_times(*pair), reason) for pair, reason in reasons],
            prompt=f"{change}. By how much do the parameters of the second convolution grow, and "
            "the size of its output?",
            reason="Weights grow with the channels that are read and with those that are made; "
            "the output with the channels that are made alone."
            if wider
            else "Positions are no part of the weights, but of every feature.",
            reveals=after,
        ),
    )


@telling_apart
def a_level_below(random: Random) -> Step:
    """Ask how many weights a convolution has one level below."""
    before, rate = random.choice([(2, 3), (3, 2), (1, 3)])
    design = _network(random, filters_rate=before)
    after = changed(design, filters_rate=rate)
    # Of each level the second one, which reads as many channels as it makes.
    above, below = (node.params - node.shape[2] for node in of_kind(after, Conv2D)[1:4:2])
    return Step(
        title="One level below",
        text="From one level to the next, a pooling leaves a quarter of the positions, and filters "
        "are multiplied by “filters × per level”. In an encoder block, the second convolution "
        "reads as many channels as it makes. Leave biases aside.",
        design=design,
        points_at="control filters_rate",
        question=NumberQuestion(
            prompt=f"The second convolution of encoder 0 has {above:,} weights. With filters × per "
            f"level = {rate}, how many has the second convolution of encoder 1?",
            answer=below,
            unit="weights",
            mistakes=(
                Mistake(
                    rate * above,
                    f"It has {rate} times the filters, and each reads {rate} times the channels.",
                ),
                Mistake(
                    above, "It has fewer positions, but more channels: weights grow with those."
                ),
                Mistake(
                    rate**2 * above / 4,
                    "A quarter of the positions is left, but all of them share the weights.",
                ),
                Mistake(
                    before**2 * above,
                    f"That is so with filters × per level = {before}, as it is now.",
                ),
            ),
            reason=f"{rate} times the channels in, {rate} times the channels out: {rate**2} × "
            f"{above:,} = {below:,}. How many positions there are plays no part.",
            reveals=after,
        ),
    )


@telling_apart
def values_at_the_bottom(random: Random) -> Step:
    """Ask how many numbers the lowest features have, with another growth of the filters."""
    design = _network(random)
    net: UNet = design.architecture  # type: ignore[assignment]
    rate, depth = random.choice([1, 3]), net.down_blocks
    after = changed(design, filters_rate=rate)
    lowest = min(of_kind(after, Conv2D), key=lambda node: node.shape[0])
    height, width, channels = lowest.shape
    values = height * width * channels
    return Step(
        title="Down to the lowest",
        text="What a layer puts out has as many numbers as positions times channels. With filters "
        "× per level = 2, as in most U-Nets, half of them are left from one level to the next.",
        design=design,
        select=block_id(lowest),
        points_at="control filters_rate",
        question=NumberQuestion(
            prompt=f"The first level has {net.filters} filters and an image of "
            f"{product(design.input.height, design.input.width)}; the lowest one comes after "
            f"{depth} poolings. With filters × per level = {rate}, how many numbers does a "
            "convolution of the lowest level put out?",
            answer=values,
            unit="numbers",
            mistakes=(
                Mistake(
                    height * width * net.filters * 2**depth,
                    "That is so with filters × per level = 2, as it is now.",
                ),
                Mistake(height * width, "So many there are in each channel."),
                Mistake(
                    values * 2**depth,
                    "Pooling halves the height and the width, each time.",
                ),
                *(
                    [
                        Mistake(
                            height * width * net.filters * rate * depth,
                            f"The filters are multiplied {depth} times by {rate}.",
                        )
                    ]
                    if rate > 1
                    else []
                ),
            ),
            reason=f"{product(height, width)} positions with {channels} channels: only with "
            "4 would the features stay as large from level to level.",
            reveals=after,
        ),
    )


def _blocks_by(nodes: Iterable[Node], amount: Callable[[Node], int]) -> dict[str, list[int]]:
    """Return for each block how much each of its layers has."""
    found: dict[str, list[int]] = {}
    for node in nodes:
        if node.block:
            found.setdefault(block_id(node), []).append(amount(node))
    return found


def _click(
    design: Design,
    after: Design,
    prompt: str,
    amounts: dict[str, int],
    reasons: Iterable[tuple[str, str]],
    reason: str,
    hint: str,
) -> ClickQuestion:
    """Ask for a block that has most, in a network that comes once it was answered."""
    most = max(amounts.values())
    right = frozenset(block for block, amount in amounts.items() if amount == most)
    return ClickQuestion(
        design=design,
        prompt=prompt,
        right=right,
        mistakes=tuple(Mistake(block, why) for block, why in reasons if block not in right),
        reason=reason,
        hint=hint,
        reveals=after,
    )


def most_parameters(draw: Draw) -> Step:
    """Ask which block has most parameters once filters grow from level to level."""
    random = draw.own
    before, rate = random.choice([(1, 2), (2, 1)])
    design = _network(random, filters_rate=before)
    after = changed(design, filters_rate=rate)
    found = _blocks_by(after.graph, lambda node: node.params)
    blocks = [*found]
    lowest = next(block for block in reversed(blocks) if "_enc" in block)
    grows = rate > 1
    return Step(
        title="Where the parameters sit",
        text="A decoder block here has a transposed convolution, which upsamples and has weights "
        "as well; then it concatenates the skip connection, so its next convolution reads more "
        "channels than others of its level.",
        design=design,
        points_at="stage",
        opens="Diagram",
        question=_click(
            design,
            after,
            f"With filters × per level = {rate}, click a block that has as many parameters as any.",
            {block: sum(amounts) for block, amounts in found.items()},
            (
                (blocks[0], "It has most positions, but parameters don’t grow with positions."),
                (blocks[-1], "It has most positions, and fewest channels to read."),
                (
                    lowest,
                    "It comes near: but it has one convolution, where the decoder’s first block "
                    "has three."
                    if grows
                    else "It would if filters grew. Here all levels have as many: who reads more?",
                ),
            ),
            reason="Channels in times channels out: they are largest where the decoder begins, "
            "with what comes from below and what the skip connection brings."
            if grows
            else "All levels have as many filters; the decoder’s blocks have a convolution more, "
            "and read twice the channels where they concatenate.",
            hint="Think of channels in times channels out, in each convolution.",
        ),
    )


def most_memory(draw: Draw) -> Step:
    """Ask which block has the largest output once there are skip connections."""
    random = draw.own
    design = _network(random, skips=random.choice(["none", "add"]))
    after = changed(design, skips="concatenate")
    found = _blocks_by(after.graph, lambda node: prod(node.shape))
    parameters = _blocks_by(after.graph, lambda node: node.params)
    heaviest = max(parameters, key=lambda block: sum(parameters[block]))
    blocks = [*found]
    lowest = next(block for block in reversed(blocks) if "_enc" in block)
    return Step(
        title="Where the memory sits",
        text="The size of a feature is height × width × channels, four bytes each. From level to "
        "level, positions fall faster than channels grow.",
        design=design,
        points_at="stage",
        opens="Diagram",
        question=_click(
            design,
            after,
            "With skips = concatenate, click the block with the largest single feature: the "
            "output of any layer in it.",
            {block: max(amounts) for block, amounts in found.items()},
            {
                lowest: "It has most channels, but fewest positions.",
                heaviest: "It has most parameters: that says nothing of its positions.",
                blocks[0]: "As many positions, but fewer channels than where a skip joins.",
            }.items(),
            reason="At the full resolution, its concatenation has the channels of the skip "
            "connection beside those from below.",
            hint="Look for most positions first, then for most channels there.",
        ),
    )


@telling_apart
def a_batch(random: Random) -> Step:
    """Ask what a batch of images needs."""
    design = _network(random)
    count = random.choice([2, 3, 4, 6, 8])
    after = given(design, batch_size=count)
    report = after.report
    features, weights = report.peak_activation_bytes / 1024, report.weights_bytes / 1024
    return Step(
        title="Many images at once",
        text="While a network runs, features are kept until the last layer that reads them is "
        "done; those of skip connections wait longest. The most that is held at once, with the "
        "parameters, is the peak memory. Images that pass together are a batch.",
        design=design,
        points_at="figure memory",
        question=NumberQuestion(
            prompt=f"For one image, the features take {features:,.1f} KiB at the peak, and the "
            f"parameters {weights:,.1f} KiB. What is the peak memory for a batch of {count} "
            "images?",
            answer=report.peak_memory(count) / 1024,
            unit="KiB",
            within=0.01,
            mistakes=(
                Mistake(count * (features + weights), "All images use the same parameters."),
                Mistake(count * features, "The parameters are there as well, once."),
                Mistake(features + weights, "Each image has features of its own."),
                Mistake(
                    features + count * weights,
                    "The other way round: which of the two does each image have for itself?",
                ),
            ),
            reason=f"{count} × {features:,.1f} + {weights:,.1f}: the features of each image, and "
            "one set of parameters.",
            reveals=after,
        ),
    )


def both_in_charts(draw: Draw) -> Step:
    """Show parameters and features layer by layer."""
    return Step(
        title="Side by side",
        text="The chart shows the parameters of each layer, from the image to the output. Press "
        "“memory” above it: in their place it shows how large each layer’s output is. The lowest "
        "level is in the middle: parameters are highest around it, outputs at both ends.",
        design=_network(draw.shared),
        opens="Charts",
        points_at="stage",
    )


def build_one(draw: Draw) -> Step:
    """Have a network built that has more parameters in about the same memory."""
    random = draw.own
    height, width = (16 * random.randint(8, 10) for _ in range(2))
    filters = random.choice([4, 5, 6])
    image = Input(height, width, random.choice([1, 3]))
    start = Design(UNet(filters=filters, down_blocks=2, up_blocks=2), image)
    example = changed(start, down_blocks=3, up_blocks=3)
    least = float(f"{0.9 * example.report.total_params:.2g}")
    most = float(round(1.1 * example.report.peak_memory_bytes / 1024)) * 1024
    return Step(
        title="Four times the parameters, hardly more memory",
        text="Move the controls: the network that is on screen is your answer. The image stays as "
        "it is. What is on screen now has a quarter of the parameters that are asked for.",
        design=start,
        points_at="controls",
        question=BuildQuestion(
            prompt="Build a U-Net with about four times the parameters, within these limits.",
            budgets=(
                Budget("parameters", at_least=least),
                Budget("memory", at_most=most),
                Budget("image height", at_least=height, at_most=height),
                Budget("image width", at_least=width, at_most=width),
            ),
            example=example,
            reason="One level more brings wide layers with few positions; larger kernels add "
            "weights and no features at all. Twice the filters would have doubled the features.",
        ),
    )


PLAN = Plan(
    3,
    "Parameters ×4, memory not: where each of them sits",
    10,
    (
        "Say what makes parameters grow, and what makes features grow",
        "Say how weights and features change from level to level",
        "Point at the blocks with most parameters, and at those with the largest features",
        "Work out the memory of a batch",
    ),
    (
        ("A larger image needs more parameters", "it needs larger features alone"),
        ("Twice the filters are twice the parameters", "they are four times as many"),
        (
            "Where there are most parameters, there is most memory",
            "parameters sit at the bottom, features at the top",
        ),
        ("A batch of 8 needs 8 times the memory", "its features do, the parameters are there once"),
    ),
    (
        two_kinds_of_numbers,
        growth,
        a_level_below,
        values_at_the_bottom,
        most_parameters,
        most_memory,
        a_batch,
        both_in_charts,
        build_one,
    ),
)
