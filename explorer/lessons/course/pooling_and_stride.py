"""Lesson 2: what window and stride do to sizes, and which images fit a network."""

from itertools import product as product_of
from math import lcm, prod
from random import Random

from explorer.core.analysis.budgets import Budget
from explorer.core.analysis.design import Design, Input, changed
from explorer.core.families import Custom, UNet
from explorer.core.formatting import counted, listed, product
from explorer.core.network.blocks import SimpleConvBlock
from explorer.core.network.layers import Conv2D, MaxPooling2D
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


def _network(random: Random, depth: int, most: int = 10) -> Design:
    """Return a small U-Net with so many poolings, and an image that fits."""
    net = UNet(
        filters=random.choice([4, 6, 8, 10, 12]),
        down_blocks=depth,
        up_blocks=depth,
        convs_per_block=random.choice([1, 2]),
    )
    height, width = (16 * random.randint(3, most) for _ in range(2))
    return Design(net, Input(height, width, 1))


def windows_and_strides(draw: Draw) -> Step:
    """Say what window and stride are."""
    design = _network(draw.shared, 3)
    pooling = of_kind(design, MaxPooling2D)[0]
    return Step(
        title="Window and stride",
        text="At each stop, a pooling looks at a window; then it moves on by its stride. Each "
        "stop gives one position of the output.\n\n"
        "With a window of 2×2 and a stride of 2, windows lie side by side: along each axis there "
        "are half as many stops as positions. The window decides how much a position sees, the "
        "stride how many positions there are.",
        design=design,
        select=layer_id(pooling),
        moves=MaxPooling2D(name="window", pool_size=2, strides=2),
    )


@telling_apart
def stops_of_a_window(random: Random) -> Step:
    """Ask how many stops a window makes where it may not leave the image."""
    # On the grid that is shown, a window of 4 with a stride of 3 has no second stop.
    window, stride = random.choice([(2, 2), (3, 2), (4, 2), (2, 3), (3, 3)])
    size = random.randint(30, 99)
    pooling = MaxPooling2D(name="window", pool_size=window, strides=stride, padding="valid")
    stops, _, _ = pooling.output_shape([(size, size, 1)])
    return Step(
        title="How many stops?",
        text="With “valid” padding, a window stops only where all of it lies on the image: at the "
        "top first, then a stride further down, as long as it fits. The grid is another example.",
        moves=pooling,
        question=NumberQuestion(
            prompt=f"A pooling has a window of {product(window, window)}, a stride of {stride} and "
            f"“valid” padding. How high is its output for an image of {size} px in height?",
            answer=stops,
            unit="px",
            mistakes=(
                Mistake(size - window + 1, f"So many with stride 1: it moves by {stride}."),
                Mistake((size - window) // stride, "The first stop counts too."),
                Mistake(
                    -(-size // stride),
                    "So many with “same” padding, where windows may reach beyond the border.",
                ),
                Mistake(
                    size // window,
                    "You set windows side by side: the next one starts a stride further down.",
                ),
            )
            if window != stride
            else (
                Mistake(size - window + 1, f"So many with stride 1: it moves by {stride}."),
                Mistake(size // window - 1, "The first stop counts too."),
                Mistake(
                    -(-size // stride),
                    "So many with “same” padding, where windows may reach beyond the border.",
                ),
            ),
            reason=f"The first window leaves {size - window} px. A stride of {stride} goes into "
            f"them {(size - window) // stride} times, and the first stop makes {stops}.",
        ),
    )


@telling_apart
def height_at_the_bottom(random: Random) -> Step:
    """Ask for the height after several poolings."""
    depth = random.choice([3, 4])
    design = _network(random, random.randint(1, depth - 2))
    # A height that also 2 × depth divides, for who adds strides up.
    height = random.choice([n for n in range(32, 161, 16) if n % (2 * depth) == 0])
    design = given(design, height=height)
    after = changed(design, down_blocks=depth, up_blocks=depth)
    lowest = of_kind(after, MaxPooling2D)[-1]
    now = design.architecture.maximum_stride
    return Step(
        title="One after the other",
        text="In this network all paddings are “same”: windows may reach beyond the border, and "
        "the height of the output is that of the input, divided by the stride (rounded up). "
        "Convolutions here have stride 1, poolings 2.",
        design=design,
        points_at="control down_blocks",
        question=NumberQuestion(
            prompt=f"The image is {height} px high. With down blocks = {depth}, each of which "
            "pools once, how high are the features at the lowest resolution?",
            answer=lowest.shape[0],
            unit="px",
            mistakes=(
                Mistake(
                    height / (2 * depth),
                    f"Each pooling halves what the one before left: {depth} times by 2 is not "
                    f"once by {2 * depth}.",
                ),
                Mistake(height / 2 ** (depth - 1), f"You halved {depth - 1} times, not {depth}."),
                Mistake(height / 2 ** (depth + 1), f"You halved {depth + 1} times, not {depth}."),
                Mistake(height / now, "That is the lowest one now, before the change."),
            ),
            reason=f"{height} ÷ 2, {depth} times, is {height} ÷ {2**depth} = {lowest.shape[0]}.",
            reveals=after,
        ),
    )


#: Most pixels of an image along an axis.
_LARGEST = 160
#: Strides of three poolings, before and after one of them changes, that divide such a height.
_CHANGES = [
    (before, after)
    for before in product_of((2, 3, 4), repeat=3)
    for after in product_of((2, 3, 4), repeat=3)
    if sum(a != b for a, b in zip(before, after, strict=True)) == 1
    and lcm(prod(before), prod(after)) <= _LARGEST
]


def _encoder(strides: tuple[int, ...], filters: int, image: Input) -> Design:
    blocks = (
        SimpleConvBlock(num_convs=1, filters=filters * 2**i, pooling_stride=stride)
        for i, stride in enumerate(strides)
    )
    return Design(Custom(encoder=tuple(blocks)), image)


@telling_apart
def stride_of_a_feature(random: Random) -> Step:
    """Ask how far neighbours at the lowest resolution are from each other."""
    before, strides = random.choice(_CHANGES)
    step = lcm(prod(before), prod(strides))
    height, width = (step * random.randint(1, _LARGEST // step) for _ in range(2))
    image = Input(height, width, 1)
    place = next(i for i in range(3) if before[i] != strides[i])
    filters = random.choice([4, 6, 8, 10])
    after = _encoder(strides, filters, image)
    stride = after.graph.outputs[-1].stride
    which = ("first", "second", "third")[place]
    return Step(
        title="The stride of a feature",
        text="A feature has a stride as well: how many pixels of the image lie from one of its "
        "positions to the next. After one pooling of stride 2 it is 2. The window plays no part "
        "in it: here it is 2×2 in all poolings.\n\n"
        "A feature of stride 8 is described at every eighth pixel; the rows of the diagram call "
        "that 1/8.",
        design=_encoder(before, filters, image),
        points_at="stage",
        question=NumberQuestion(
            prompt="Three poolings follow each other, with strides of "
            f"{listed([*map(str, before)])} in this order. The {which} gets a "
            f"stride of {strides[place]}. What is the stride of the last output then?",
            answer=float(stride),  # type: ignore[arg-type]
            unit="px",
            mistakes=(
                Mistake(
                    sum(strides),
                    "Strides multiply: what a pooling steps over are positions that lie several "
                    "pixels apart already.",
                ),
                Mistake(
                    strides[-1],
                    "That is the last pooling’s step in its own input, whose positions lie several "
                    "pixels apart.",
                ),
                Mistake(prod(before), "That is the stride before the change."),
                Mistake(
                    image.height // prod(strides),
                    "That is the height of the output: so many positions, not their distance.",
                ),
            ),
            reason=f"{' × '.join(map(str, strides))} = {stride}: a step of the last pooling is "
            "made of steps of the ones before.",
            reveals=after,
        ),
    )


@telling_apart
def stops_that_a_stride_saves(random: Random) -> Step:
    """Ask what a strided convolution saves beside one that is followed by pooling."""
    design = _network(random, random.choice([2, 3]))
    height, width, _ = shape = design.input.shape
    kernel = random.choice([3, 5])
    every, some = (
        Conv2D(name="window", filters=1, kernel_size=kernel, strides=step) for step in (1, 2)
    )
    stops, left = (prod(layer.output_shape([shape])[:2]) for layer in (every, some))
    return Step(
        title="A convolution can have a stride, too",
        text="Other networks, such as ResNets, lower the resolution without pooling: the window "
        "of a convolution moves by 2 pixels. The output is as large as if a pooling of stride 2 "
        "had followed. But a pooling picks the largest of four results; here three of them are "
        "never made.",
        design=design,
        moves=some,
        question=NumberQuestion(
            prompt=f"For an image of {product(height, width)}, a convolution with stride 1 and a "
            "pooling after it are replaced by a convolution with stride 2 (“same” padding). How "
            "many stops does the convolution’s window save?",
            answer=stops - left,
            unit="stops",
            mistakes=(
                Mistake(left, "So many are left: the question is how many are saved."),
                Mistake(
                    stops // 2, "Every second stop is left out along each axis: a quarter is left."
                ),
                Mistake(stops, "So many there were with stride 1: some are left."),
                Mistake(
                    0,
                    "The outputs have the same size, but a pooling needs all results before it "
                    "chooses.",
                ),
            ),
            reason=f"{product(height, width)} = {stops:,} stops before, "
            f"{product(height // 2, width // 2)} = {left:,} after: three quarters are saved, and "
            "three quarters of the convolution’s work.",
        ),
    )


def _halvings(size: int) -> int:
    """Return how often a size can be halved without a remainder."""
    return (size & -size).bit_length() - 1


def _odd_size(random: Random, depth: int) -> int:
    """Return a height which so many poolings do not divide, some of them perhaps."""
    return random.choice([size for size in range(300, 400) if _halvings(size) < depth])


def _way_down(size: int, last: int) -> str:
    """Return the heights after each halving."""
    return " → ".join(str(size >> i) for i in range(last + 1))


def where_it_does_not_fit(draw: Draw) -> Step:
    """Ask which pooling meets an odd height."""
    random = draw.own
    depth = random.choice([3, 4])
    design = _network(random, depth, most=8)
    size = _odd_size(random, depth)
    halvings = _halvings(size)
    poolings = of_kind(design, MaxPooling2D)
    right = poolings[halvings]
    first = next(node for node in design.graph if node.block)
    reasons = (
        (first, "This block has no pooling: it works at the full height."),
        (poolings[0], f"{size} is even: this pooling leaves {size // 2} px."),
        (poolings[-1], "A pooling before it meets an odd height already."),
        (
            poolings[min(halvings + 1, depth - 1)],
            "The pooling before this one reads an odd height already.",
        ),
    )
    mistakes = {
        block_id(node): Mistake(block_id(node), reason)
        for node, reason in reasons
        if node is not right
    }
    return Step(
        title=f"Why {size} pixels don’t fit",
        text=f"Somebody’s images are {size} px high, and in place of a network there is an error. "
        "In the diagram, a block begins with a pooling where it stands a row lower than the block "
        "before it.",
        design=design,
        points_at="stage",
        question=ClickQuestion(
            design=design,
            prompt=f"Were the image {size} px high, one pooling would be the first to get an odd "
            "height, which 2 does not divide. Click its block.",
            right=frozenset({block_id(right)}),
            mistakes=tuple(mistakes.values()),
            reason=f"{_way_down(size, halvings)}: {counted(halvings, 'pooling')} without a "
            "remainder, and the next one meets an odd number."
            if halvings
            else f"{size} is odd: the first pooling meets it.",
            hint=f"Halve {size} again and again, and count down the left side.",
        ),
    )


@telling_apart
def pixels_too_many(random: Random) -> Step:
    """Ask how high the output would be if odd heights were rounded up."""
    depth = random.choice([3, 4])
    design = _network(random, depth, most=8)
    size = _odd_size(random, depth)
    shape = (size, size, 1)
    lowest = shape
    for node in of_kind(design, MaxPooling2D):
        lowest = node.layer.output_shape([lowest])  # type: ignore[assignment]
    step = 2**depth
    return Step(
        title="What rounding would do",
        text="With “same” padding, a pooling of an odd height rounds up: 179 px become 90. The "
        "decoder then doubles to 180, while the skip connection still brings 179. They can’t be "
        "concatenated: Keras stops with an error. The explorer refuses such an image at once. "
        "Without skip connections, the network would run, but its output would have another size "
        "than the image.",
        design=design,
        question=NumberQuestion(
            prompt=f"An image {size} px high passes {depth} poolings that round up, and {depth} "
            "upsamplings by 2. How high is the output?",
            answer=lowest[0] * step,
            unit="px",
            mistakes=(
                Mistake(size, "What was rounded up on the way down is not taken away again."),
                Mistake(size // step * step, "That is what rounding down would give."),
                Mistake(lowest[0], "That is the lowest feature: the decoder doubles it again."),
                Mistake(
                    lowest[0] * step + step,
                    f"{depth} poolings make a stride of {step}: that is one multiple of it too "
                    "many.",
                ),
            ),
            reason=f"The lowest feature has {size} ÷ {step}, rounded up: {lowest[0]} px; "
            f"{lowest[0]} × {step} = {lowest[0] * step}. The output is "
            f"{lowest[0] * step - size} px too high: so much has to be cropped, or the image "
            "padded before.",
        ),
    )


def size_that_fits(draw: Draw) -> Step:
    """Ask which of several images a network takes."""
    random = draw.own
    depth = random.choice([3, 4])
    step = 2**depth
    design = _network(random, random.choice([1, 2]))
    fits = [size for size in range(64, 161) if size % step == 0]
    # Multiples of half the step, of two per pooling, and of 2 alone.
    half = [size for size in range(64, 161) if size % step == step // 2]
    times = [size for size in range(64, 161) if size % (2 * depth) == 0 and size % step]
    even = [size for size in range(64, 161) if size % 4 == 2]
    height, width = random.sample(fits, 2)
    wrong = random.choice(half)
    two = random.sample(times, 2)
    evens = random.sample(even, 2)
    after = given(changed(design, down_blocks=depth, up_blocks=depth), height=height, width=width)
    return Step(
        title="Which image fits?",
        text="So height and width both have to be multiples of the largest stride in the network. "
        "Images of another size are resized, cropped, or padded before.",
        design=design,
        points_at="control down_blocks",
        question=ChoiceQuestion.drawn(
            random,
            product(height, width),
            (
                Mistake(
                    product(height, wrong),
                    f"The height fits. {wrong} can be halved {_halvings(wrong)} times, "
                    f"not {depth}.",
                ),
                Mistake(
                    product(*two),
                    f"These are multiples of 2 × {depth}: poolings multiply, {step} is asked for.",
                ),
                Mistake(
                    product(*evens),
                    "Even sizes do for a single pooling: after it they are odd.",
                ),
            ),
            prompt=f"With down blocks = {depth} and up blocks = {depth}, which image does the "
            "network take?",
            reason=f"Both are multiples of {step}, which is 2 to the power of {depth}.",
            reveals=after,
        ),
    )


def build_one(draw: Draw) -> Step:
    """Have a network built that is as deep as an image allows."""
    random = draw.own
    most = random.choice([3, 4])
    height, width = (2**most * n for n in random.sample([3, 5, 7, 9], 2))
    if random.random() < 0.5:
        height *= 2
    image = Input(height, width, random.choice([1, 3]))
    output = random.choice([1, 2])
    filters = random.choice([4, 6, 8])
    start = Design(UNet(filters=16, down_blocks=1, up_blocks=1), image)
    net = UNet(filters=filters, down_blocks=most, up_blocks=most - output + 1)
    example = Design(net, image)
    parameters = float(f"{1.2 * example.report.total_params:.2g}")
    return Step(
        title="As deep as it goes",
        text="Move the controls: the network that is on screen is your answer. The image stays as "
        "it is. The chain beside “Depth” keeps the output’s resolution as it is; open it to move "
        "one side alone. Try one step too deep, and read what the explorer says.",
        design=start,
        points_at="controls",
        question=BuildQuestion(
            prompt=f"Build a U-Net that goes as deep as images of {product(height, width)} allow, "
            f"and puts out {product(height // output, width // output)}.",
            budgets=(
                Budget("image height", at_least=height, at_most=height),
                Budget("image width", at_least=width, at_most=width),
                Budget("maximum stride", at_least=2**most),
                Budget("output stride", at_least=output, at_most=output),
                Budget("parameters", at_most=parameters),
            ),
            example=example,
            reason=f"{height} and {width} can both be halved {most} times, and no more.",
        ),
    )


PLAN = Plan(
    2,
    "Pooling, stride, and why 358 pixels don’t fit",
    10,
    (
        "Work out the size that a window and a stride leave",
        "Tell the stride of a feature from those of the layers before it",
        "Say which image sizes a network takes, and why it refuses the others",
    ),
    (
        (
            "A larger window lowers the resolution",
            "the stride does; with “same” padding the window changes no size at all",
        ),
        ("Three poolings of 2 divide by 6", "they divide by 8: strides multiply"),
        ("An even size fits", "it has to be a multiple of the network’s largest stride"),
        (
            "A strided convolution is a convolution and a pooling",
            "it never makes the results that a pooling would choose from",
        ),
    ),
    (
        windows_and_strides,
        stops_of_a_window,
        height_at_the_bottom,
        stride_of_a_feature,
        stops_that_a_stride_saves,
        where_it_does_not_fit,
        pixels_too_many,
        size_that_fits,
        build_one,
    ),
)
