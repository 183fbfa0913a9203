"""Lesson 10: how a decoder gets positions back, and where checkerboards come from.

Source: Odena et al. 2016, "Deconvolution and Checkerboard Artifacts", Distill.
"""

from itertools import product as pairs
from math import ceil
from random import Random

import attrs

from explorer.core.analysis.budgets import MEASURES, Budget
from explorer.core.analysis.design import Design, Input, changed, with_decoder_block
from explorer.core.families import Custom, UNet
from explorer.core.formatting import counted, listed, product
from explorer.core.network.blocks import SimpleConvBlock, SimpleUpsamplingBlock
from explorer.core.network.layers import Conv2D, Conv2DTranspose, UpSampling2D
from explorer.core.network.names import block_id, layer_id
from explorer.lessons.making import drawn_image, field_of, in_decoder, limit, of_kind
from explorer.lessons.pictures.grids import checkerboard_picture, grid_picture, overlap_picture
from explorer.lessons.plan import Draw, Plan, Step
from explorer.lessons.questions import (
    BuildQuestion,
    ChoiceQuestion,
    ClickQuestion,
    Mistake,
    NumberQuestion,
    of_blocks,
)

#: Strides with kernels whose contributions differ from pixel to pixel, and with others.
_UNEVEN = {2: (3, 5, 7), 3: (4, 5, 7, 8), 4: (5, 6, 7, 9)}
_EVEN = {2: (2, 4, 6), 3: (3, 6), 4: (4, 8)}


def _network(kernel: int, stride: int, random: Random) -> Design:
    """Return a network that goes down once, and up again by a transposed convolution."""
    filters = random.choice([4, 6, 8, 10, 12])
    down = SimpleConvBlock(num_convs=1, filters=filters, pooling_stride=stride)
    middle = SimpleConvBlock(num_convs=1, filters=2 * filters, pool=False)
    up = SimpleUpsamplingBlock(
        upsampling_stride=stride,
        transposed_conv=True,
        transposed_conv_filters=filters,
        transposed_conv_kernel_size=kernel,
        transposed_conv_batch_norm=False,
        refine_convs=1,
        refine_convs_filters=filters,
        refine_convs_batch_norm=False,
    )
    net = Custom(encoder=(down, middle), decoder=(up,))
    return Design(net, drawn_image(random, stride, 14, 24))


def _counts(kernel: int, stride: int) -> list[int]:
    """Return how many inputs add to each of the positions that repeat along an axis."""
    layer = Conv2DTranspose(name="up", filters=1, kernel_size=kernel, strides=stride)
    return [len(layer.sources(position, stride)) for position in range(stride)]


def _levels(kernel: int, stride: int) -> list[int]:
    """Return the different numbers of contributions that pixels of an output get."""
    counts = _counts(kernel, stride)
    return sorted({rows * columns for rows, columns in pairs(counts, counts)})


def _title(kernel: int, stride: int) -> str:
    return f"{product(kernel, kernel)}, stride {stride}"


def three_ways_up(draw: Draw) -> Step:
    """Say how each of the three works."""
    design = _network(3, 2, draw.shared)
    node = of_kind(design, Conv2DTranspose)[0]
    return Step(
        title="Three ways up",
        text="A decoder has to make more positions than it is given. Nearest-neighbour upsampling "
        "repeats each value. Bilinear interpolation weighs the values nearby; its weights are "
        "fixed. A transposed convolution has trained weights: each position of its input writes "
        "the whole kernel, times its value, into the output, one stride apart from its neighbour. "
        "Where kernels overlap, what they write is added up.\n\n"
        "Watch which cells of the output are written more than once.",
        design=design,
        select=layer_id(node),
        moves=node.layer,
    )


def contributions(draw: Draw) -> Step:
    """Ask how many positions of the input add to a pixel of the output."""
    random = draw.own
    stride = random.choice([2, 2, 3])
    kernel = random.choice(_UNEVEN[stride])
    design = _network(kernel, stride, random)
    node = of_kind(design, Conv2DTranspose)[0]
    rows = columns = 1
    while rows == columns == 1:  # one contribution would be an answer without counting
        row, column = (random.randint(2 * stride + kernel, 18) for _ in range(2))
        rows, columns = (len(node.layer.sources(at, design.input.height)) for at in (row, column))
    most = ceil(kernel / stride)
    return Step(
        title="The overlap map",
        text="Write into each pixel of the output how many positions of the input add to it: "
        "that is the overlap map of the transposed convolution. Rows and columns can be counted "
        "one after the other: the position i along an axis writes the output from i × stride on, "
        f"less what “same” padding cuts off: ({kernel} − {stride}) ÷ 2 at the start, rounded down.",
        design=design,
        select=layer_id(node),
        question=NumberQuestion(
            prompt=f"How many positions of the input add to the pixel in row {row}, column "
            f"{column} of the output, far from the border? Rows and columns count from 0; the "
            f"kernel is {_title(kernel, stride)}.",
            answer=rows * columns,
            unit="positions",
            mistakes=(
                Mistake(
                    kernel * kernel,
                    "So many pixels of the output get something from one position of the input. "
                    "The question is the other way round.",
                ),
                Mistake(most * most, "So many at most; this pixel lies where fewer kernels reach."),
                Mistake(
                    rows + columns,
                    f"{rows} along the height and {columns} along the width: each of the rows "
                    "meets each of the columns, so multiply.",
                ),
                *(
                    Mistake(each, "That is along one axis alone: multiply rows by columns.")
                    for each in {rows, columns}
                ),
                Mistake(1, "Kernels overlap wherever the kernel is larger than the stride."),
            ),
            reason=f"{rows} along the height × {columns} along the width.",
            pictures=(overlap_picture([node.layer]),),
        ),
    )


def an_even_kernel(draw: Draw) -> Step:
    """Ask which kernel gives each pixel equally many contributions."""
    random = draw.own
    stride = random.choice([2, 3, 4])
    right = random.choice(_EVEN[stride])
    wrong = random.sample(_UNEVEN[stride], 3)
    after = _network(right, stride, random)
    before = with_decoder_block(after, 0, transposed_conv_kernel_size=wrong[0])
    height, width, _ = of_kind(after, Conv2DTranspose)[0].shape

    def belief(kernel: int) -> str:
        if kernel > 2 * stride:
            return "A large kernel makes the difference smaller, and leaves it."
        if kernel % 2 and not stride % 2:
            return "An odd kernel has a centre, which is of no use here."
        return "What counts is whether the stride divides the kernel."

    return Step(
        title="Which kernel overlaps evenly?",
        text="On some overlap maps all numbers are the same, away from the border. On others they "
        "alternate, like the squares of a checkerboard.",
        design=before,
        select=layer_id(of_kind(before, Conv2DTranspose)[0]),
        question=ChoiceQuestion.drawn(
            random,
            prompt=f"The transposed convolution has stride {stride} and puts out "
            f"{product(height, width)}. With which kernel do all pixels away from the border get "
            "equally many contributions?",
            right=product(right, right),
            mistakes=[
                Mistake(
                    product(kernel, kernel),
                    f"Its pixels get {listed([*map(str, _levels(kernel, stride))], 'or')}. "
                    f"{belief(kernel)}",
                )
                for kernel in wrong
            ],
            reason=f"{stride} divides {right}: each pixel is reached {right // stride} times along "
            f"each axis, {_levels(right, stride)[0]} times in all."
            if right > stride
            else f"{stride} divides {right}: each pixel is reached once, and nothing overlaps.",
            reveals=after,
            pictures=tuple(
                overlap_picture(
                    [of_kind(design, Conv2DTranspose)[0].layer],
                    title=f"Contributions with {product(kernel, kernel)}, stride {stride}",
                )
                for design, kernel in ((after, right), (before, wrong[0]))
            ),
        ),
    )


def the_uneven_block(draw: Draw) -> Step:
    """Ask which block of a decoder has an uneven overlap."""
    random = draw.own
    depth = random.choice([3, 4])
    design = Design(
        UNet(
            filters=random.choice([4, 6, 8]),
            down_blocks=depth,
            up_blocks=depth,
            convs_per_block=1,
            skips=random.choice(["concatenate", "add", "none"]),
        ),
        drawn_image(random, 2**depth, 4, 8),
    )
    uneven = random.randrange(depth)
    evens = [random.choice([2, 4, 4, 0]) for _ in range(depth)]
    evens[(uneven + 1) % depth], evens[(uneven + 2) % depth] = 4, 0
    for index, kernel in enumerate(evens):
        fields = {"transposed_conv": kernel > 0, "transposed_conv_kernel_size": kernel or 3}
        if index == uneven:
            kernel = random.choice([3, 5])
            fields = {"transposed_conv": True, "transposed_conv_kernel_size": kernel}
        design = with_decoder_block(design, index, **fields)
    ups = {
        index: in_decoder(design, index, UpSampling2D if kernel == 0 else Conv2DTranspose)
        for index, kernel in enumerate(evens)
        if index != uneven
    }
    [right] = in_decoder(design, uneven, Conv2DTranspose)
    size = right.layer.kernel_size  # type: ignore[attr-defined]

    def why_even(kernel: int) -> str:
        if not kernel:
            return "It interpolates: each pixel is a mean whose weights sum to 1."
        return (
            f"Its kernel is {product(kernel, kernel)}, which the stride of 2 divides: every pixel "
            f"gets {counted(kernel**2 // 4, 'contribution')}."
        )

    return Step(
        title="Where does it come from?",
        text="The blocks of this decoder go up in different ways. Each box lists its layers, with "
        "kernel and stride.",
        design=design,
        points_at="stage",
        question=ClickQuestion(
            design=design,
            prompt="Click the decoder block in which some pixels get more contributions than "
            "others, away from the border.",
            right=of_blocks([right]),
            mistakes=tuple(
                Mistake(block_id(node), why_even(evens[index])) for index, [node] in ups.items()
            ),
            reason=f"Its kernel is {product(size, size)}, stride 2: pixels get "
            f"{listed([*map(str, _levels(size, 2))], 'or')} contributions.",
            hint="This block does not raise the resolution.",
            pictures=(overlap_picture([right.layer]),),
        ),
    )


def spread_of_an_untrained_output(draw: Draw) -> Step:
    """Ask how much stronger an untrained layer writes where kernels overlap."""
    random = draw.own
    stride = random.choice([2, 2, 3])
    kernel = random.choice(_UNEVEN[stride])
    design = _network(kernel, stride, random)
    node = of_kind(design, Conv2DTranspose)[0]
    few, *_, many = _levels(kernel, stride)
    return Step(
        title="The checkerboard of an untrained network",
        text="Before training, weights are drawn at random, each independently of the others, with "
        "mean 0 and one variance. Give such a layer a flat feature, the same value at each "
        "position. The output is then a sum of weights, and random itself: of independent numbers "
        "variances add up, and the standard deviation is the root of the variance.",
        design=design,
        select=layer_id(node),
        pictures=(overlap_picture([node.layer]),),
        question=NumberQuestion(
            prompt=f"The kernel is {_title(kernel, stride)}, of {node.shape[2]} filters without "
            "bias; the feature is flat. Pixels with most contributions have a larger standard "
            "deviation, over many draws of the weights, than pixels with fewest. How many times "
            "larger is it?",
            answer=(many / few) ** 0.5,
            unit="times",
            within=0.02,
            mistakes=(
                Mistake(
                    many / few,
                    "By that their variances differ: take the root for the standard deviations.",
                ),
                Mistake(1, "They have equal means, 0. The sum of more numbers spreads farther."),
                Mistake(many, "So many contributions there are at most: divide by the fewest."),
                Mistake(
                    (many / few) ** 0.25,
                    "Rows and columns both count: multiply before you take the root.",
                ),
                # It may be as large as the ratio of variances.
                *(
                    [Mistake((many - few) ** 0.5, "Ratios are asked for, not a difference.")]
                    if abs((many - few) ** 0.5 - many / few) > 0.05 * many / few
                    else []
                ),
            ),
            reason=f"√({many} ÷ {few}). Of that kind is the checkerboard that comes from overlap: "
            "it is there before anything is learnt.",
        ),
    )


def _flat_output(layer: Conv2DTranspose, random: Random, size: int) -> list[list[float]]:
    """Return a part of what a layer makes of a flat feature of 1, with random weights.

    Args:
        layer: The layer.
        random: Draws its weights.
        size: Height and width of the part, which lies away from the border.
    """
    kernel, stride = layer.kernel_size, layer.strides
    assert isinstance(kernel, int)
    assert isinstance(stride, int)
    weights = [[random.gauss(0, 1) for _ in range(kernel)] for _ in range(kernel)]
    start = (kernel - stride) // 2  # of what “same” padding cuts off
    taps = [
        [at + start - source * stride for source in layer.sources(at, size)] for at in range(size)
    ]
    return [
        [sum(weights[i][j] for i in rows for j in columns) for columns in taps] for rows in taps
    ]


def values_of_a_flat_feature(draw: Draw) -> Step:
    """Ask how many different values a flat feature is made into."""
    random = draw.own
    stride = random.choice([2, 2, 3])
    kernel = random.choice([*_EVEN[stride], *_UNEVEN[stride]])
    design = _network(kernel, stride, random)
    node = of_kind(design, Conv2DTranspose)[0]
    height, width, _ = node.inputs[0].shape
    levels = _levels(kernel, stride)
    return Step(
        title="Is an even overlap enough?",
        text="An even overlap is often said to end checkerboards. Look at one draw of the weights, "
        "instead of many: which weights of the kernel does a pixel of the output get, and which "
        "its neighbour?",
        design=design,
        select=layer_id(node),
        question=NumberQuestion(
            prompt=f"A flat feature of {product(height, width)} goes through the transposed "
            f"convolution ({_title(kernel, stride)}) with one draw of random weights. How many "
            "different values are there in one channel of its output, away from the border?",
            answer=stride**2,
            unit="values",
            mistakes=(
                Mistake(
                    1,
                    "Pixels side by side get different weights of the kernel, also where they get "
                    "equally many.",
                ),
                Mistake(
                    len(levels),
                    "So many different numbers are on the overlap map; pixels with equal numbers "
                    "still get different weights.",
                ),
                Mistake(stride, "Along one axis. Rows and columns both repeat so."),
                Mistake(
                    kernel**2,
                    "The kernel has so many weights; each pixel gets a sum of those that lie one "
                    "stride apart.",
                ),
                Mistake(height * width, "The feature is flat: the pattern repeats."),
            ),
            reason=f"The pattern repeats every {stride} pixels along both axes. An even overlap "
            "makes the values alike in spread, not equal; training has to do that. Upsampling "
            "that interpolates, with a convolution after it, keeps a flat feature flat whatever "
            "the weights.",
            pictures=(
                grid_picture(
                    "One channel, with one draw of the weights",
                    f"A flat feature is put out in a pattern of {product(stride, stride)} pixels, "
                    "which repeats.",
                    _flat_output(node.layer, random, 4 * stride),  # type: ignore[arg-type]
                ),
            ),
        ),
    )


def look_at_it(draw: Draw) -> Step:
    """Show what an untrained layer makes of a picture."""
    design = _network(5, 4, draw.shared)
    design = with_decoder_block(design, 0, refine_convs=0, transposed_conv_activation="linear")
    design = attrs.evolve(design, input=Input(160, 160, 1))
    return Step(
        title="Look at it",
        text="“Feature maps” shows what this network makes of a picture with random weights. Its "
        "last layer is a transposed convolution, 5×5 with stride 4: in plain parts of the picture, "
        "such as the background, each channel repeats a pattern of 4×4 pixels. “Random "
        "again” draws other weights, and other patterns.\n\n"
        "Nothing was learnt here. Set “upsample by” of the block to interpolation, and the pattern "
        "is gone.",
        design=design,
        select=layer_id(of_kind(design, Conv2DTranspose)[0]),
        opens="Feature maps",
        pictures=(checkerboard_picture(design.graph),),
    )


def a_bilinear_value(draw: Draw) -> Step:
    """Ask for a value that bilinear interpolation makes."""
    random = draw.own
    design = changed(
        Design(
            UNet(filters=random.choice([4, 6, 8]), down_blocks=2, up_blocks=2, convs_per_block=1),
            Input(64, 64, 1),
        ),
        up_interpolate=True,
    )
    node = of_kind(design, UpSampling2D)[0]
    while True:
        near, beside, under, across = (16 * n for n in random.sample(range(13), 4))
        answer = (9 * near + 3 * beside + 3 * under + across) // 16
        mistakes = (
            Mistake(
                (near + beside + under + across) / 4,
                "Equal parts of all four would be right in the middle between them. Four new "
                "pixels lie there, none of them in the middle.",
            ),
            Mistake(near, "That is nearest-neighbour upsampling: it copies."),
            Mistake(
                (2 * near + beside + under) / 4,
                "The fourth value, across the corner, has a part, too.",
            ),
            Mistake(
                (3 * near + across) / 4, "The two values beside and below it have a part, too."
            ),
            Mistake(
                (4 * near + 2 * beside + 2 * under + across) / 9,
                "With parts of ⅔ and ⅓ the new pixel would lie a third of the way. It lies a "
                "quarter of the way, along each axis.",
            ),
        )
        if len({answer, *(mistake.answer for mistake in mistakes)}) == 6:
            break
    return Step(
        title="Bilinear, by hand",
        text="Doubled in height and width, each old pixel becomes 2×2 new ones. Their centres "
        "lie a quarter of the old pixel’s side away from its centre, along each axis. So along "
        "each axis a new pixel takes ¾ of the old one that it lies in, and ¼ of the next one on "
        "its side.",
        design=design,
        select=layer_id(node),
        moves=node.layer,
        question=NumberQuestion(
            prompt="Of a feature, four values that touch are: "
            f"{near} (upper left), {beside} (upper right), {under} (lower left) and {across} "
            "(lower right). Height and width are doubled, bilinearly. Which value has the new "
            f"pixel in the lower right corner of the old pixel of {near}?",
            answer=answer,
            within=0.002,
            mistakes=mistakes,
            reason=f"¾·¾·{near} + ¼·¾·{beside} + ¾·¼·{under} + ¼·¼·{across} = {answer}.",
        ),
    )


def what_the_next_convolution_reads(draw: Draw) -> Step:
    """Ask for the parameters after upsampling without weights."""
    random = draw.own
    depth = random.choice([1, 2, 3])
    kernel = random.choice([2, 3])
    net = UNet(
        filters=random.choice([4, 6, 8, 10]),
        down_blocks=depth,
        up_blocks=depth,
        convs_per_block=1,
        kernel_size=kernel,
    )
    before = Design(net, drawn_image(random, 2**depth, 6, 12))
    after = changed(before, up_interpolate=True)
    [old], [new] = (in_decoder(design, depth - 1, Conv2D) for design in (before, after))
    filters, read = new.shape[2], new.inputs[0].shape[2]
    below = of_kind(after, UpSampling2D)[-1].shape[2]
    skip = read - below
    [up] = in_decoder(before, depth - 1, Conv2DTranspose)
    return Step(
        title="What does interpolation save?",
        text="A transposed convolution also sets the channels: here it halves them on the way up. "
        "Interpolation has no weights, and hands on the channels that it gets from below. The "
        "skip connection is then concatenated, and a convolution reads all of it.",
        design=before,
        select=block_id(new),
        points_at="control up_interpolate",
        question=NumberQuestion(
            prompt=f"The last decoder block has one convolution, {product(kernel, kernel)} with "
            f"{filters} filters and a bias. From below come {below} channels, from the encoder "
            f"{skip}. With “upsample by” on bilinear, how many parameters has this convolution?",
            answer=new.params,
            unit="parameters",
            mistakes=(
                Mistake(
                    old.params,
                    f"That is what it has now, reading {skip} + {skip} channels. What comes from "
                    "below is no longer narrowed on the way up.",
                ),
                Mistake(new.params - filters, "The bias adds a parameter for each filter."),
                Mistake(
                    kernel**2 * skip * filters + filters,
                    "It reads the channels from below, too.",
                ),
                Mistake(0, "Upsampling has none then, but this is the convolution after it."),
            ),
            reason=f"{product(kernel, kernel)}×({below} + {skip})×{filters} + {filters}. It grows "
            f"by {new.params - old.params:,}, while {up.params:,} of the transposed convolution "
            "go.",
            reveals=after,
        ),
    )


def build_an_even_one(draw: Draw) -> Step:
    """Have a decoder built whose transposed convolutions overlap evenly."""
    random = draw.own
    depth = random.choice([2, 3])
    convolutions, kernel, more = random.choice([(1, 3, 2), (1, 5, 1), (2, 5, 1)])
    net = UNet(
        filters=random.choice([6, 8, 10, 12]),
        down_blocks=depth,
        up_blocks=depth,
        convs_per_block=convolutions,
        kernel_size=kernel,
    )
    start = Design(net, Input(96, 96, random.choice([1, 3])))
    # A larger even kernel alone has too many parameters, and a smaller one alone sees less far.
    example = changed(start, kernel_size=kernel - 1, convs_per_block=convolutions + more)
    return Step(
        title="Build one",
        text="Move the controls: the network that is on screen is your answer. In these networks "
        "transposed convolutions have the kernel size of all others, and stride 2.",
        design=start,
        points_at="controls",
        question=BuildQuestion(
            prompt="Build a U-Net that still comes up by transposed convolutions, but with an even "
            "overlap, sees as far as this one, and has few parameters.",
            budgets=(
                Budget("transposed convolutions", at_least=depth),
                Budget("uneven upsamplings", at_least=0, at_most=0),
                Budget("output stride", at_least=1, at_most=1),
                Budget("receptive field", at_least=field_of(start)),
                Budget("most filters", at_least=MEASURES["most filters"].of(start)),
                Budget("parameters", at_most=limit(example, "parameters", random, 1.06)),
            ),
            example=example,
            reason="The stride divides an even kernel. A smaller one sees less far, which further "
            "convolutions make good, with fewer parameters than one larger kernel has.",
        ),
    )


PLAN = Plan(
    10,
    "Up again: transposed convolution, bilinear, nearest",
    10,
    (
        "Draw the overlap map of a transposed convolution",
        "Say which kernels and strides give an even overlap, and what an even one leaves open",
        "Tell what interpolation costs and saves, in values and in parameters",
    ),
    (
        (
            "Checkerboards come from training",
            "an untrained layer has them: they are in its overlap",
        ),
        (
            "An even overlap ends checkerboards",
            "neighbours still get different weights of the kernel, which training has to balance",
        ),
        (
            "A larger kernel is smoother",
            "only a kernel that the stride divides reaches all pixels equally often",
        ),
        (
            "Interpolation saves all parameters of the transposed convolution",
            "the next convolution reads more channels, and takes some of them back",
        ),
    ),
    (
        three_ways_up,
        contributions,
        an_even_kernel,
        the_uneven_block,
        spread_of_an_untrained_output,
        values_of_a_flat_feature,
        look_at_it,
        a_bilinear_value,
        what_the_next_convolution_reads,
        build_an_even_one,
    ),
)
