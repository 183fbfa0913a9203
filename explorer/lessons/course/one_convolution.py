"""Lesson 4: what one convolution computes, and what that costs."""

from random import Random
from typing import Any

import attrs

from explorer.core.analysis.budgets import Budget
from explorer.core.analysis.design import Design, Input, changed
from explorer.core.families import Custom
from explorer.core.formatting import counted, product, short_count
from explorer.core.network.blocks import SimpleConvBlock
from explorer.core.network.layers import Conv2D
from explorer.core.network.names import block_id, layer_id
from explorer.lessons.making import given, of_kind, telling_apart
from explorer.lessons.pictures.grids import GridPicture, grid_picture
from explorer.lessons.pictures.numbers import number_text
from explorer.lessons.plan import Draw, Plan, Step
from explorer.lessons.questions import (
    BuildQuestion,
    ChoiceQuestion,
    Mistake,
    NumberQuestion,
)


def _convolutions(kernel: int, filters: int, count: int = 1) -> Custom:
    """Return a network of convolutions that keep the resolution, and of nothing else."""
    block = SimpleConvBlock(num_convs=count, kernel_size=kernel, filters=filters, pool=False)
    return Custom(encoder=(block,))


def _network(random: Random, count: int = 1) -> Design:
    """Return a network of one convolution or more, whose images have several channels."""
    net = _convolutions(random.choice([3, 5]), random.choice([4, 5, 6, 8, 10, 12]), count)
    height, width = (4 * random.randint(6, 16) for _ in range(2))
    return Design(net, Input(height, width, random.choice([2, 3, 4])))


def _block(design: Design) -> SimpleConvBlock:
    """Return the block with the convolutions."""
    net: Any = design.architecture
    block: SimpleConvBlock = net.encoder[0]
    return block


def _with(design: Design, **fields: Any) -> Design:
    """Return a design whose convolutions differ in these fields."""
    return changed(design, encoder=(attrs.evolve(_block(design), **fields),))


def one_number(draw: Draw) -> Step:
    """Say how one number of the output comes about."""
    design = _network(draw.shared)
    return Step(
        title="One number of the output",
        text="A convolution slides a window over its input. Wherever the window stops, each value "
        "beneath it is multiplied by a weight, in all channels of the input. The products are "
        "added up, and a number of its own, the bias, is added. That is one number of the "
        "output.\n\n"
        "The weights of such a window with their bias are a filter. It is the same at every stop, "
        "so each filter fills one channel of the output.",
        design=design,
        select=layer_id(of_kind(design, Conv2D)[0]),
        moves=Conv2D(name="window", filters=1, kernel_size=3),
    )


_SIDE = 2


def _grid(title: str, numbers: list[int], least: int, most: int) -> GridPicture:
    """Return a picture of the numbers of a window, given row by row."""
    rows = [numbers[i : i + _SIDE] for i in range(0, len(numbers), _SIDE)]
    told = "; ".join(", ".join(map(number_text, row)) for row in rows)
    return grid_picture(title, f"{told}.", rows, low=least, high=most)


@telling_apart
def weighted_sum(random: Random) -> Step:
    """Ask what a filter makes of the values beneath its window."""
    places = range(_SIDE**2)
    values = [[random.randint(0, 5) for _ in places] for _ in range(2)]
    weights = [[random.choice([-2, -1, 0, 1, 2, 3]) for _ in places] for _ in range(2)]
    bias = random.randint(1, 9)
    sums = [
        sum(value * weight for value, weight in zip(*each, strict=True))
        for each in zip(values, weights, strict=True)
    ]
    turned = sum(
        value * weight
        for each in zip(values, weights, strict=True)
        for value, weight in zip(each[0], reversed(each[1]), strict=True)
    )
    return Step(
        title="Multiply, add up",
        text=f"A window of {product(_SIDE, _SIDE)} stops over an input of 2 channels. Beneath it "
        f"lie these values; beside them are the weights of a filter. Its bias is {bias}.\n\n"
        "An activation, a function of each number by itself, may follow: leave it out.",
        pictures=tuple(
            picture
            for i in range(2)
            for picture in (
                _grid(f"Channel {i + 1}: values", values[i], 0, 5),
                _grid(f"Channel {i + 1}: weights", weights[i], -3, 3),
            )
        ),
        question=NumberQuestion(
            prompt="What number does the filter put out here, before any activation?",
            answer=sum(sums) + bias,
            mistakes=(
                Mistake(sum(sums), "The bias is still to be added."),
                Mistake(
                    sums[0] + bias,
                    "That is the first channel alone: the filter adds up what it finds in both.",
                ),
                Mistake(
                    sum(sums) + 2 * bias,
                    "A filter has one bias, however many channels it reads.",
                ),
                Mistake(
                    turned + bias,
                    "You turned the weights by 180°, as mathematics defines a convolution. Layers "
                    "that are called so don’t: each weight meets the value in its own place.",
                ),
            ),
            reason=f"{sums[0]} from the first channel, {sums[1]} from the second, and the bias: "
            f"{sums[0]} + {sums[1]} + {bias} = {sum(sums) + bias}.".replace("+ -", "− ").replace(
                "-", "−"
            ),
            hint="Multiply each value by the weight in the same place, add up all eight "
            "products, and then the bias.",
        ),
    )


def _window(kernel: int, above: int, beside: int) -> GridPicture:
    """Return a picture of a window with some rows and columns beyond the image."""
    return grid_picture(
        "The window, in one channel",
        "1: on the image. 0: beyond it.",
        [
            [float(row >= above and column >= beside) for column in range(kernel)]
            for row in range(kernel)
        ],
    )


@telling_apart
def products_with_padding(random: Random) -> Step:
    """Ask how much of a window lies on the zeros around the image."""
    design = _with(_network(random), kernel_size=random.choice([3, 5, 7, 9]))
    first = of_kind(design, Conv2D)[0]
    kernel, channels = _block(design).kernel_size, design.input.channels
    margin = kernel // 2
    inside = {"in a corner": kernel - margin, "at an edge, far from the corners": kernel}
    place = random.choice([*inside])
    on_image = (kernel - margin) * inside[place]
    everything = kernel * kernel * channels
    return Step(
        title="At the border",
        text="With “same” padding and stride 1, the window has its centre on every pixel in turn, "
        "also on those of the border. What lies beyond the image counts as zero.",
        design=design,
        select=layer_id(first),
        question=NumberQuestion(
            prompt=f"The convolution has a kernel of {product(kernel, kernel)} and reads "
            f"{counted(channels, 'channel')}. Its window has its centre on a pixel {place}. Of "
            f"the {everything} products of a filter, how many are of zeros beyond the image?",
            answer=everything - on_image * channels,
            unit="products",
            mistakes=(
                Mistake(on_image * channels, "These are the products of pixels of the image."),
                Mistake(
                    kernel * kernel - on_image,
                    f"So many in each channel: the window reads {channels} channels.",
                ),
                Mistake(
                    everything
                    - (kernel - margin) * (2 * kernel - inside[place] - margin) * channels,
                    "That is so "
                    + ("at an edge." if inside[place] < kernel else "in a corner.")
                    + " Draw the window where the question has it.",
                ),
                Mistake(
                    2 * margin * kernel * channels,
                    "You counted the places beyond both edges twice: they share a square."
                    if inside[place] < kernel
                    else "Only one side of the window lies beyond the image.",
                ),
            ),
            reason=f"{product(kernel - margin, inside[place])} places of the window are on the "
            f"image, {kernel * kernel - on_image} beyond it, in each of "
            f"{counted(channels, 'channel')}. So numbers near the border rest on fewer pixels.",
            pictures=(_window(kernel, margin, margin if inside[place] < kernel else 0),),
        ),
    )


@telling_apart
def parameters_of_one(random: Random) -> Step:
    """Ask for the parameters of a convolution."""
    design = _network(random)
    kernel, channels = _block(design).kernel_size + 2, 5 - design.input.channels
    filters = random.choice([n for n in (4, 5, 6, 8, 10, 12, 16) if n != _block(design).filters])
    after = given(_with(design, filters=filters, kernel_size=kernel), channels=channels)
    weights = kernel * kernel * channels * filters
    return Step(
        title="Count them once",
        text="A filter has a weight for each place of its window in each channel that it reads, "
        "and one bias. How many pixels an image has plays no part: the same filter is used at "
        "every position.",
        design=design,
        select=layer_id(of_kind(design, Conv2D)[0]),
        question=NumberQuestion(
            prompt=f"With images of {counted(channels, 'channel')}, {filters} filters and kernels "
            f"of {product(kernel, kernel)}, how many parameters has the convolution?",
            answer=of_kind(after, Conv2D)[0].params,
            unit="parameters",
            mistakes=(
                Mistake(weights, "There is a bias for each filter as well."),
                *(
                    [
                        Mistake(
                            kernel * kernel * filters + filters,
                            f"Each filter has weights for each of the {channels} channels that it "
                            "reads.",
                        ),
                        Mistake(
                            weights + channels * filters,
                            "A filter has one bias, however many channels it reads.",
                        ),
                    ]
                    if channels > 1
                    else []
                ),
                Mistake(
                    kernel * channels * filters + filters,
                    "A kernel has two sides: its places are their product.",
                ),
                Mistake(
                    kernel * kernel * channels + 1,
                    f"So many has one filter: there are {filters}.",
                ),
            ),
            reason=f"{product(kernel, kernel, channels, filters)} weights and {filters} biases.",
            reveals=after,
        ),
    )


@telling_apart
def parameters_of_the_second(random: Random) -> Step:
    """Ask for the parameters of a convolution that reads another's output."""
    design = _network(random, count=2)
    channels = random.choice([n for n in (1, 2, 3, 4, 6) if n != design.input.channels])
    filters = random.choice([n for n in (4, 5, 6, 8, 10, 12, 16) if n != _block(design).filters])
    after = given(_with(design, filters=filters), channels=channels)
    second = of_kind(after, Conv2D)[1]
    kernel = _block(design).kernel_size
    return Step(
        title="What the second one reads",
        text="Here are two convolutions, one after the other, with as many filters each. The "
        "second one reads what the first one puts out.",
        design=design,
        select=layer_id(of_kind(design, Conv2D)[1]),
        question=NumberQuestion(
            prompt=f"The images get {counted(channels, 'channel')} in place of "
            f"{design.input.channels}, and both convolutions {filters} filters; the kernels stay "
            f"{product(kernel, kernel)}. How many parameters has the second convolution then?",
            answer=second.params,
            unit="parameters",
            mistakes=(
                Mistake(
                    of_kind(after, Conv2D)[0].params,
                    "That is the first convolution. The second reads what the first puts out, "
                    "whatever the channels of the image.",
                ),
                Mistake(second.params - filters, "Each filter has a bias as well."),
                Mistake(
                    kernel * kernel * filters + filters,
                    "Each filter reads every channel of its input, not one.",
                ),
                Mistake(
                    kernel * filters * filters + filters,
                    "The window has two sides: its places are their product.",
                ),
            ),
            reason=f"{product(kernel, kernel, filters, filters)} + {filters} = {second.params:,}: "
            "only the first convolution depends on the channels of the image.",
            reveals=after,
        ),
    )


@telling_apart
def multiply_adds(random: Random) -> Step:
    """Ask what a convolution costs on a whole image."""
    design = _network(random)
    height, width = (4 * random.randint(6, 16) for _ in range(2))
    after = given(design, height=height, width=width)
    first = of_kind(after, Conv2D)[0]
    kernel, filters = _block(design).kernel_size, first.shape[2]
    channels, stops = design.input.channels, height * width
    weights = kernel * kernel * channels * filters
    return Step(
        title="What an image costs",
        text="A multiplication with its addition is a multiply-add: one for each weight at each "
        "stop of the window. The biases are left out, since they multiply nothing. So a "
        "convolution costs its weights, times the number of positions of its output.",
        design=design,
        select=layer_id(of_kind(design, Conv2D)[0]),
        points_at="figure compute",
        question=NumberQuestion(
            prompt=f"The image becomes {product(height, width)}. How many multiply-adds does the "
            f"convolution then need: {product(kernel, kernel)}, {channels} channels in, "
            f"{filters} filters?",
            answer=float(first.macs or 0),
            unit="multiply-adds",
            mistakes=(
                Mistake(weights, "So many for one position: there are as many stops as pixels."),
                Mistake(weights // filters * stops, "So many for one filter."),
                Mistake(
                    weights // channels * stops,
                    f"Each filter reads {channels} channels at every stop.",
                ),
                Mistake(
                    weights * (height - kernel + 1) * (width - kernel + 1),
                    "With “same” padding the window stops at every pixel, also at the border.",
                ),
                Mistake(
                    (weights + filters) * stops,
                    "You counted the biases: they are added, but multiply nothing.",
                ),
            ),
            within=0.001,
            reason=f"{weights:,} weights × {product(height, width)} positions = "
            f"{weights * stops:,}.",
            reveals=after,
        ),
    )


#: What can be changed, with what is wrong where it isn't what is asked for.
_CHANGES = (
    ("height", "Only the height of the image is doubled"),
    ("both", "Height and width of the image are doubled"),
    ("filters", "The filters are doubled"),
    ("kernel", "The kernels grow by 2 in height and width"),
)


def _after(design: Design, change: str) -> Design:
    block, image = _block(design), design.input
    if change == "filters":
        return _with(design, filters=2 * block.filters)
    if change == "kernel":
        return _with(design, kernel_size=block.kernel_size + 2)
    if change == "height":
        return given(design, height=2 * image.height)
    return given(design, height=2 * image.height, width=2 * image.width)


def _costs(design: Design) -> tuple[int, int]:
    """Return the parameters and the multiply-adds."""
    return sum(node.params for node in design.graph), sum(node.macs or 0 for node in design.graph)


def change_of_cost(draw: Draw) -> Step:
    """Ask which change costs so much more without a parameter more."""
    random = draw.own
    design = _network(random)
    change = random.choice(["height", "both"])
    after = _after(design, change)
    parameters, macs = _costs(design)
    factor = _costs(after)[1] // macs
    mistakes = []
    for other, words in _CHANGES:
        more, found = _costs(_after(design, other))
        if more != parameters:
            reason = f"That makes more parameters: {more / parameters:.3g} times as many."
        else:
            reason = f"The parameters stay, but there are {found / macs:g} times the positions."
        mistakes.append(Mistake(words, reason))
    return Step(
        title="What costs, what is stored",
        text="Parameters are stored once. A multiply-add is done again for each position, each "
        "time an image passes through the network.",
        design=design,
        points_at="figure compute",
        question=ChoiceQuestion.drawn(
            random,
            dict(_CHANGES)[change],
            mistakes,
            prompt=f"Which change makes {factor} times the multiply-adds, and leaves the "
            "parameters as they are?",
            reason=f"The same weights are used at {factor} times as many positions.",
            reveals=after,
        ),
    )


def build_one(draw: Draw) -> Step:
    """Have a convolution made of which only its figures are known."""
    random = draw.own
    channels = random.choice([2, 3])
    kernel, filters = random.choice([(3, n) for n in range(9, 33)] + [(5, n) for n in range(5, 13)])
    sides = range(24, 65, 4)
    image = Input(random.choice(sides), random.choice(sides), channels)
    start = Design(_convolutions(7, 4), Input(96, 96, channels))
    example = Design(_convolutions(kernel, filters), image)
    macs = example.report.macs
    return Step(
        title="Backwards",
        text="Of one convolution only its figures are known: find what it is. What is on screen is "
        "your answer. “Edit this block”, beneath, has its kernel and its filters; height and width "
        "of the image are among the controls. The image’s channels stay.",
        design=start,
        select=block_id(of_kind(start, Conv2D)[0]),
        points_at="side",
        question=BuildQuestion(
            prompt=f"Build the convolution that has {example.report.total_params} parameters, sees "
            f"{kernel} px, and needs about {short_count(macs)} multiply-adds for images of "
            f"{channels} channels.",
            budgets=(
                Budget("receptive field", at_least=kernel, at_most=kernel),
                Budget(
                    "parameters",
                    at_least=example.report.total_params,
                    at_most=example.report.total_params,
                ),
                Budget("multiply-adds", at_least=0.95 * macs, at_most=1.05 * macs),
            ),
            example=example,
            words=f"{filters} filters of {product(kernel, kernel)} on an image of "
            f"{product(image.height, image.width, channels)}",
            reason=f"It sees its kernel: {product(kernel, kernel)}. A filter has "
            f"{kernel**2 * channels} weights and a bias, so there are {filters} filters. The "
            f"multiply-adds divided by all {kernel**2 * channels * filters:,} weights are the "
            "positions.",
        ),
    )


PLAN = Plan(
    4,
    "One convolution’s arithmetic",
    10,
    (
        "Work out one number of a convolution’s output by hand",
        "Count the parameters and the multiply-adds of a convolution",
        "Tell which changes of a convolution cost parameters, and which cost compute",
        "Work out from its figures what a convolution is",
    ),
    (
        ("A filter looks at one channel", "it adds up what it finds in all channels of its input"),
        ("A larger image needs more weights", "the same ones are used at more positions"),
        (
            "More parameters mean more compute",
            "compute is weights times positions: a small image needs little",
        ),
        ("The kernel is turned, as in mathematics", "layers don’t turn it"),
    ),
    (
        one_number,
        weighted_sum,
        products_with_padding,
        parameters_of_one,
        parameters_of_the_second,
        multiply_adds,
        change_of_cost,
        build_one,
    ),
)
