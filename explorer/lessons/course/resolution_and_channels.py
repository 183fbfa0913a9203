"""Lesson 1: what one level of an encoder-decoder does to height, width and channels."""

from math import prod
from random import Random

from explorer.core.analysis.budgets import Budget
from explorer.core.analysis.design import Design, Input, changed
from explorer.core.families import UNet
from explorer.core.formatting import counted, product
from explorer.core.network.layers import Concatenate, Conv2D, MaxPooling2D
from explorer.core.network.names import block_id, layer_id
from explorer.lessons.making import of_kind
from explorer.lessons.plan import Draw, Plan, Step
from explorer.lessons.questions import (
    BuildQuestion,
    ClickQuestion,
    Mistake,
    NumberQuestion,
    of_blocks,
)


def _network(random: Random) -> Design:
    """Return a U-Net whose sizes and filters differ from learner to learner."""
    depth = random.randint(2, 4)
    net = UNet(
        filters=random.choice([6, 8, 10, 12, 16, 20, 24]),
        down_blocks=depth,
        up_blocks=depth,
        convs_per_block=random.choice([1, 2, 3]),
        kernel_size=random.choice([3, 5, 7]),
    )
    height, width = (2**depth * random.randint(4, 12) for _ in range(2))
    return Design(net, Input(height=height, width=width, channels=random.choice([1, 3])))


def look_around(draw: Draw) -> Step:
    """Say what a box shows."""
    return Step(
        title="What a box says",
        text="Each box is a block of layers. Beneath its name stands the shape of its output, a "
        "feature: height × width × channels. Height and width say at how many positions the "
        "network describes the image, channels with how many numbers it describes each.\n\n"
        "Down the left side the encoder gives up positions and gains channels. Up the right side "
        "the decoder brings the positions back.",
        design=_network(draw.shared),
        points_at="stage",
    )


def height_after_convolutions(draw: Draw) -> Step:
    """Ask what a convolution with "same" padding does to the height."""
    design = _network(draw.own)
    net: UNet = design.architecture  # type: ignore[assignment]
    more = net.kernel_size + 2
    after = changed(design, kernel_size=more)
    convolution = of_kind(after, Conv2D)[0]
    height = design.input.height
    return Step(
        title="A convolution keeps its positions",
        text="The first block on the left is made of convolutions with “same” padding, stride 1: "
        f"zeros are put around the image, so that the kernel of {product(*[net.kernel_size] * 2)} "
        "has its centre on every pixel, one after the other.",
        design=design,
        select=block_id(convolution),
        question=NumberQuestion(
            prompt=f"The kernels grow to {product(more, more)}. How high is then the output of the "
            "first convolution?",
            answer=convolution.shape[0],
            unit="px",
            mistakes=(
                Mistake(
                    height - more + 1,
                    "Without padding the kernel would lose its rim at the border, and this would "
                    "be right. With “same” padding nothing is lost.",
                ),
                Mistake(height - 2, "The kernel grows by 2, and the padding with it."),
                Mistake(height // 2, "Only pooling, or a stride, halves the height."),
                Mistake(convolution.shape[2], "These are the channels: height comes first."),
            ),
            reason="A convolution with “same” padding and stride 1 has an output for every "
            "position of its input, whatever its kernel.",
            reveals=after,
        ),
    )


def channels_after_a_convolution(draw: Draw) -> Step:
    """Ask what decides on the channels of a convolution's output."""
    random = draw.own
    design = _network(random)
    net: UNet = design.architecture  # type: ignore[assignment]
    filters = random.choice([n for n in range(5, 41) if n != net.filters])
    after = changed(design, filters=filters)
    convolution = of_kind(after, Conv2D)[0]
    channels, kernel = design.input.channels, net.kernel_size
    return Step(
        title="Filters make channels",
        text="A filter of a convolution looks at all channels of its input and gives one number "
        "for each position: one channel of the output.",
        design=design,
        select=block_id(convolution),
        points_at="control filters",
        question=NumberQuestion(
            prompt=f"The image has {counted(channels, 'channel')}. With filters = {filters}, how "
            "many channels has the output of the first convolution?",
            answer=convolution.shape[2],
            unit="channels",
            mistakes=(
                Mistake(
                    filters * channels,
                    "A filter does not make a channel for each channel of the input: it adds up "
                    "what it finds in all of them.",
                ),
                Mistake(filters + channels, "What goes in is not kept beside what comes out."),
                Mistake(channels, "The channels of the image end in the first convolution."),
                Mistake(
                    filters * kernel * kernel,
                    "So many products are added up for each channel of the input; the sum is one "
                    "number a filter.",
                ),
                Mistake(net.filters, "That is what it has now, before the change."),
            ),
            reason="As many channels as filters, whatever came in.",
            reveals=after,
        ),
    )


def values_after_pooling(draw: Draw) -> Step:
    """Ask how many numbers a feature has after pooling."""
    random = draw.own
    design = _network(random)
    net: UNet = design.architecture  # type: ignore[assignment]
    after = changed(design, filters=random.choice([n for n in range(5, 31) if n != net.filters]))
    pooling = of_kind(after, MaxPooling2D)[0]
    height, width, channels = pooling.inputs[0].shape
    before = height * width * channels
    return Step(
        title="Pooling gives up positions",
        text="Max pooling of 2×2 with stride 2 keeps the largest of four neighbours, in each "
        "channel for itself: its windows lie side by side.",
        design=design,
        select=layer_id(of_kind(design, MaxPooling2D)[0].inputs[0]),
        moves=pooling.layer,
        question=NumberQuestion(
            prompt=f"With filters = {channels}, the first pooling is given "
            f"{product(height, width, channels)}, which is {before:,} numbers. How many numbers "
            "does it put out?",
            answer=prod(pooling.shape),
            unit="numbers",
            mistakes=(
                Mistake(before / 2, "Height and width are both halved: a quarter is left."),
                Mistake(before, "The channels stay, but the positions don’t."),
                Mistake(
                    before / 8, "The channels are not pooled: height and width alone are halved."
                ),
                Mistake(before * 2, "Pooling adds no channels: the convolutions after it do."),
                Mistake(
                    height * width // 4, f"There are {counted(channels, 'channel')} of that size."
                ),
            ),
            reason=f"{product(*pooling.shape)}: half the height and width, the same channels.",
            reveals=after,
        ),
    )


def block_with_most_channels(draw: Draw) -> Step:
    """Ask where there are most channels."""
    after = _network(draw.own)
    design = changed(after, filters_rate=1)
    most = max(node.shape[2] for node in after.graph)
    rights = [node for node in after.graph if node.shape[2] == most]
    first, last = after.graph.nodes[1], after.graph.outputs[-1]
    return Step(
        title="Where is the description widest?",
        text="From one level of resolution to the next lower one, filters are multiplied by "
        "“filters × per level”; on the way up they are divided by it. Here it is 1: all "
        "convolutions have equally many filters. Most U-Nets take 2.\n\n"
        "In the decoder, what comes from the encoder by a skip connection is set beside what "
        "comes from below (concatenated), and a convolution reads both.",
        design=design,
        points_at="control filters_rate",
        question=ClickQuestion(
            design=design,
            prompt="With filters × per level = 2, where are most channels? Click a block in which "
            "some layer then puts out as many as any in the network.",
            right=of_blocks(rights),
            mistakes=tuple(
                Mistake(block_id(node), reason)
                for node, reason in (
                    (first, "It has most positions. Channels grow on the way down."),
                    (last, "Its positions are as many as the image’s, its channels few."),
                )
                if node not in rights
            ),
            reason=f"{most} channels: filters double on the way down. A concatenation counts too: "
            "it sets side by side what it is given.",
            hint="Double the filters at each lower resolution, and think of what is concatenated.",
            reveals=after,
        ),
    )


def channels_after_concatenating(draw: Draw) -> Step:
    """Ask for the channels where a skip connection is joined."""
    random = draw.own
    design = changed(_network(random), up_interpolate=True)
    hidden = changed(design, skips="none")
    join = random.choice(of_kind(design, Concatenate))
    skip, up = (source.shape[2] for source in join.inputs)
    return Step(
        title="A skip connection brings channels",
        text="In the decoder each resolution comes back once. A skip connection takes what the "
        "encoder had at that resolution, and sets its channels beside those that come from below: "
        "they are concatenated. The two need not have equally many.\n\n"
        "Here there are no skips yet, and upsampling keeps the channels that come from below.",
        design=hidden,
        points_at="control skips",
        question=NumberQuestion(
            prompt=f"With skips = concatenate, {up} channels come from below to the decoder block "
            f"of {product(*join.shape[:2])}, and {skip} from the encoder. How many channels does "
            "the next convolution read?",
            answer=join.shape[2],
            unit="channels",
            mistakes=(
                Mistake(
                    up,
                    "So many it reads now. The encoder’s channels are set beside them: nothing is "
                    "merged.",
                ),
                Mistake(skip, "What comes from below is read, too: a skip replaces nothing."),
                Mistake(2 * up, "The encoder brings fewer than come from below: add the two."),
            ),
            reason=f"{up} + {skip} = {join.shape[2]}: concatenated channels stand side by side.",
            reveals=design,
        ),
    )


def build_one(draw: Draw) -> Step:
    """Have a network built whose lowest resolution and size are given."""
    random = draw.own
    start = Design(
        UNet(filters=random.choice([8, 12, 16]), down_blocks=2, up_blocks=2), Input(128, 128, 1)
    )
    levels, filters = random.choice([3, 4]), random.choice([4, 6, 8, 10])
    above = random.randint(1, levels - 1)
    example = Design(
        UNet(filters=filters, down_blocks=levels, up_blocks=levels - above), start.input
    )
    most = example.report.total_params * random.uniform(1.02, 1.3)
    most = float(f"{most:.3g}")
    return Step(
        title="Build one",
        text="Move the controls: the network that is on screen is your answer. The chain beside "
        "“Depth” keeps the output’s resolution as it is; open it to move one side alone.\n\n"
        "A stride of 4 means: a quarter of the image’s height and width. Parameters are the "
        "numbers that training sets: fewer filters have fewer.",
        design=start,
        points_at="controls",
        question=BuildQuestion(
            prompt=f"Build a U-Net that goes down to {product(*[128 // 2**levels] * 2)} for this "
            f"image, and puts out {product(*[128 // 2**above] * 2)}.",
            budgets=(
                Budget("maximum stride", at_least=2**levels, at_most=2**levels),
                Budget("output stride", at_least=2**above, at_most=2**above),
                Budget("parameters", at_most=most),
            ),
            example=example,
            reason="Each down block halves height and width once, each up block doubles them once.",
        ),
    )


PLAN = Plan(
    1,
    "Resolution and channels: one level by hand",
    10,
    (
        "Tell the shape that a convolution, a pooling and a concatenation put out",
        "Say what height, width and channels of a feature stand for",
        "Set the depth and the filters for an output of a given size",
    ),
    (
        ("A larger kernel makes the output smaller", "with “same” padding the size stays"),
        ("A filter makes a channel for each channel of its input", "it makes one from all of them"),
        ("Pooling changes the channels", "it keeps them, and gives up positions"),
        ("A skip connection adds numbers up", "concatenated channels stand side by side"),
    ),
    (
        look_around,
        height_after_convolutions,
        channels_after_a_convolution,
        values_after_pooling,
        block_with_most_channels,
        channels_after_concatenating,
        build_one,
    ),
)
