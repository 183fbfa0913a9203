"""Lesson 4: what one convolution computes, and what that costs."""

from math import prod
from random import Random

from explorer.core.analysis.budgets import Budget
from explorer.core.analysis.design import Design, Input, changed
from explorer.core.families import UNet
from explorer.core.formatting import counted, product
from explorer.core.network.graph import Node
from explorer.core.network.layers import Conv2D
from explorer.core.network.names import block_id, layer_id
from explorer.lessons.making import given, of_kind, telling_apart
from explorer.lessons.pictures.grids import GridPicture, grid_picture
from explorer.lessons.pictures.numbers import number_text
from explorer.lessons.plan import Draw, Plan, Step
from explorer.lessons.questions import (
    BuildQuestion,
    ChoiceQuestion,
    ClickQuestion,
    Mistake,
    NumberQuestion,
    of_blocks,
)


def _network(random: Random) -> Design:
    """Return a small U-Net of two convolutions a block, whose images have several channels."""
    net = UNet(
        filters=random.choice([4, 5, 6, 8, 10, 12]),
        down_blocks=1,
        up_blocks=1,
        kernel_size=random.choice([3, 5]),
    )
    height, width = (4 * random.randint(6, 16) for _ in range(2))
    return Design(net, Input(height, width, random.choice([2, 3, 4])))


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
        opens="Explain",
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
            hint="Not so. Multiply each value by the weight in the same place, add up all eight "
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
    design = changed(_network(random), kernel_size=random.choice([3, 5, 7, 9]))
    first = of_kind(design, Conv2D)[0]
    kernel, channels = design.architecture.kernel_size, design.input.channels  # type: ignore[union-attr]
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
            prompt=f"The first convolution has a kernel of {product(kernel, kernel)} and reads "
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
def parameters_of_the_second(random: Random) -> Step:
    """Ask for the parameters of a convolution that reads another's output."""
    design = _network(random)
    channels = random.choice([n for n in (1, 2, 3, 4, 6) if n != design.input.channels])
    net: UNet = design.architecture  # type: ignore[assignment]
    filters = random.choice([n for n in (4, 5, 6, 8, 10, 12, 16) if n != net.filters])
    after = given(changed(design, filters=filters), channels=channels)
    second = of_kind(after, Conv2D)[1]
    kernel = net.kernel_size
    return Step(
        title="What the second one reads",
        text="A filter has a weight for each place of its window in each channel that it reads, "
        "and one bias. The first block has two convolutions, one after the other, with as many "
        "filters each.",
        design=design,
        select=layer_id(of_kind(design, Conv2D)[1]),
        points_at="control filters",
        question=NumberQuestion(
            prompt=f"The images get {counted(channels, 'channel')} in place of "
            f"{design.input.channels}, and filters = {filters}; the kernels stay "
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
    kernel, filters = design.architecture.kernel_size, first.shape[2]  # type: ignore[union-attr]
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
            f"first convolution then need: {product(kernel, kernel)}, {channels} channels in, "
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
    ("filters", "The filters of all layers are doubled"),
    ("kernel", "The kernels grow by 2 in height and width"),
)


def _after(design: Design, change: str) -> Design:
    net: UNet = design.architecture  # type: ignore[assignment]
    image = design.input
    if change == "filters":
        return changed(design, filters=2 * net.filters)
    if change == "kernel":
        return changed(design, kernel_size=net.kernel_size + 2)
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
            reason = f"That makes more parameters: {more / parameters:.2f} times as many."
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
            reason=f"The same weights are used at {factor} times as many positions, in every "
            "layer.",
            reveals=after,
        ),
    )


def _uses(node: Node) -> int:
    """Return how often each weight of a convolution is used for one image."""
    return prod(node.shape[:2])


def use_of_weights(draw: Draw) -> Step:
    """Ask where each weight is used most, or least."""
    random = draw.own
    depth = random.choice([2, 3])
    net = UNet(
        filters=random.choice([4, 6, 8, 10, 12]),
        down_blocks=depth,
        up_blocks=depth,
        convs_per_block=random.choice([1, 2]),
        kernel_size=random.choice([3, 5]),
        up_interpolate=True,
    )
    height, width = (2**depth * random.randint(4, 8) for _ in range(2))
    design = Design(net, Input(height, width, 1))
    most = random.choice([True, False])
    convolutions = of_kind(design, Conv2D)
    uses = [_uses(node) for node in convolutions]
    wanted = max(uses) if most else min(uses)
    right = of_blocks(node for node in convolutions if _uses(node) == wanted)
    largest = max(convolutions, key=lambda node: node.params)
    busiest = max(convolutions, key=lambda node: node.macs or 0)
    first = convolutions[0]
    reasons = (
        (
            largest,
            "It has most parameters, but each is used once a position: count those.",
        ),
        (busiest, "It makes most multiply-adds, by many weights: each is used once a position."),
        (first, "It has most positions, and so uses its weights most often."),
    )
    mistakes = {
        block_id(node): Mistake(block_id(node), reason)
        for node, reason in reversed(reasons)
        if block_id(node) not in right
    }
    often = "most" if most else "least"
    return Step(
        title="How often a weight is used",
        text="A convolution has few weights and uses them again and again: that is called weight "
        "sharing. Not all are used equally often: a filter has one stop for each position of its "
        "output.",
        design=design,
        points_at="stage",
        question=ClickQuestion(
            design=design,
            prompt=f"Click a block with a convolution whose single weight is used {often} often "
            "while one image passes.",
            right=right,
            mistakes=tuple(mistakes.values()),
            reason=f"{wanted:,} times: once for each position of the convolution’s output.",
            hint="Not there. Look for the "
            + ("largest" if most else "smallest")
            + " height × width at which a convolution works.",
        ),
    )


def build_one(draw: Draw) -> Step:
    """Have a network built that has many parameters, and needs little compute."""
    random = draw.own
    image = Input(64, 64, random.choice([1, 3]))
    start = Design(UNet(filters=random.choice([12, 16, 20]), down_blocks=1, up_blocks=1), image)
    depth = random.choice([3, 4])
    net = UNet(
        filters=random.choice([4, 5, 6, 7, 8]) * (6 - depth) // 2,
        down_blocks=depth,
        up_blocks=depth,
    )
    example = Design(net, image)
    least = float(f"{0.9 * example.report.total_params:.2g}")
    most = float(f"{1.1 * example.report.macs:.2g}")
    return Step(
        title="Many parameters, little compute",
        text="Move the controls: the network that is on screen is your answer. Think of where a "
        "weight is used least often. The image stays as it is.",
        design=start,
        points_at="controls",
        question=BuildQuestion(
            prompt="Build a U-Net with many parameters that needs little compute, within these "
            "limits.",
            budgets=(
                Budget("parameters", at_least=least),
                Budget("multiply-adds", at_most=most),
                Budget("image height", at_least=64, at_most=64),
                Budget("image width", at_least=64, at_most=64),
            ),
            example=example,
            reason="Weights of low resolutions are used at few positions. A level more has about "
            "four times the parameters of the one above, and about as many multiply-adds.",
        ),
    )


PLAN = Plan(
    4,
    "One convolution’s arithmetic",
    10,
    (
        "Work out one number of a convolution’s output by hand",
        "Count the parameters and the multiply-adds of a convolution",
        "Tell which changes of a network cost parameters, and which cost compute",
    ),
    (
        ("A filter looks at one channel", "it adds up what it finds in all channels of its input"),
        ("A larger image needs more weights", "the same ones are used at more positions"),
        (
            "More parameters mean more compute",
            "compute is parameters times positions, and low resolutions have few",
        ),
        ("The kernel is turned, as in mathematics", "layers don’t turn it"),
    ),
    (
        one_number,
        weighted_sum,
        products_with_padding,
        parameters_of_the_second,
        multiply_adds,
        change_of_cost,
        use_of_weights,
        build_one,
    ),
)
