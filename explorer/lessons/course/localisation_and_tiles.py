"""Lesson 12: what an output stride costs in precision, and how images are predicted in tiles."""

from random import Random
from typing import Any

import attrs

from explorer.core.analysis.budgets import Budget
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.tiling import Tiling, tiling
from explorer.core.families import Custom, PlainConvUNet, UNet
from explorer.core.formatting import product
from explorer.core.network.blocks import SimpleConvBlock
from explorer.core.network.errors import Refusal
from explorer.core.network.names import block_id
from explorer.lessons.pictures.schemes import halo_picture, tiles_picture
from explorer.lessons.plan import Draw, Plan, Step
from explorer.lessons.questions import BuildQuestion, ChoiceQuestion, Mistake, NumberQuestion


def _network(random: Random, above: int, depth: int = 3) -> Design:
    """Return a U-Net whose decoder leaves out so many steps that its output stride is 2^above."""
    net = UNet(
        filters=random.choice([4, 6, 8]),
        down_blocks=depth,
        up_blocks=depth - above,
        convs_per_block=random.choice([1, 2]),
    )
    side = random.choice([96, 128, 160])
    return Design(net, Input(side, side, 1))


def _output_stride(design: Design) -> int:
    stride = design.graph.outputs[-1].stride
    assert isinstance(stride, int)
    return stride


def output_stride(draw: Draw) -> Step:
    """Say what an output stride is."""
    design = _network(draw.shared, above=2)
    stride = _output_stride(design)
    return Step(
        title="Where is it?",
        text="A network that finds a point, such as a joint, puts out a heat map: high where the "
        "point is. Its output stride is the distance of two neighbouring positions of this map, in "
        f"pixels of the image. Here the decoder leaves out two steps: the stride is {stride}, so "
        f"{product(stride, stride)} px of the image share one position, a cell.\n\n"
        "A coarser map is cheaper. What does it cost in precision?",
        design=design,
        select=block_id(design.graph.outputs[-1]),
    )


def how_far_off(draw: Draw) -> Step:
    """Ask for the largest error of a point that is put at the middle of a cell."""
    random = draw.own
    design = _network(random, above=random.randint(1, 2))
    stride, shrunk = _output_stride(design), random.choice([3, 5, 6, 7, 9])
    return Step(
        title="How far off?",
        text="Say the map is perfect: the highest cell is always the one that the point lies in. "
        "The point is then put at the middle of this cell.",
        design=design,
        question=NumberQuestion(
            prompt=f"Photographs are made {shrunk} times smaller before this network sees them. "
            "How far, at most, does the point lie from where it is put, along one axis, in pixels "
            "of the photograph?",
            answer=shrunk * stride / 2,
            unit="px",
            within=0.01,
            mistakes=(
                Mistake(
                    shrunk * stride,
                    "That is the side of a cell: from its middle it is half of that.",
                ),
                Mistake(
                    stride / 2,
                    "These are pixels of the small image: each is several of the photograph.",
                ),
                Mistake(shrunk / 2, "You forgot the output stride: a cell is wider than a pixel."),
                Mistake(
                    stride / 2 / shrunk,
                    "The photograph has more pixels than the small image, not fewer.",
                ),
                Mistake(stride, "That is the side of a cell, in pixels of the small image."),
                Mistake(0, "The map knows the cell, and nothing of where in it the point lies."),
            ),
            reason=f"A cell is {stride} px wide, {shrunk * stride} px of the photograph; from its "
            "middle, the point lies at most half of that away. An offset that the network learns "
            "beside the map, or a fit to the cells around, can do better.",
        ),
    )


def price_of_resolution(draw: Draw) -> Step:
    """Ask how many positions a finer map has."""
    random = draw.own
    after = _network(random, above=random.randint(0, 1))
    net: Any = after.architecture
    before = attrs.evolve(after, architecture=attrs.evolve(net, up_blocks=net.up_blocks - 1))
    (height, width, _), (fine, finer, _) = (d.graph.outputs[-1].shape for d in (before, after))
    return Step(
        title="The price",
        text="One decoder step more halves the output stride, and with it the error. The last "
        "block then works on a finer grid, and so does the loss when the network is trained.",
        design=before,
        points_at="control up_blocks",
        question=NumberQuestion(
            prompt=f"The map has {product(height, width)} positions now. How many has it, in all, "
            "with one decoder step more?",
            answer=fine * finer,
            unit="positions",
            mistakes=(
                Mistake(2 * height * width, "Height and width are both doubled."),
                Mistake(height * width, "That is how many it has now."),
                Mistake(fine, "That is its height: it has as many positions in each column."),
                Mistake(height * width // 4, "A decoder step raises the resolution."),
                Mistake(8 * height * width, "Only height and width are doubled."),
            ),
            reason=f"{product(fine, finer)} = {fine * finer:,}: four times as many for half the "
            "error.",
            reveals=after,
        ),
    )


def build_one(draw: Draw) -> Step:
    """Have a network built that is precise enough and cheap enough."""
    random = draw.own
    wanted = random.choice([2, 4])  # output stride
    start = Design(
        UNet(filters=random.choice([8, 12]), down_blocks=3, up_blocks=0), Input(160, 160, 1)
    )
    above = {2: 1, 4: 2}[wanted]
    example = attrs.evolve(
        start,
        architecture=UNet(filters=random.choice([4, 5, 6]), down_blocks=3, up_blocks=3 - above),
    )
    least = min(example.report.receptive_field or (1,))
    most = float(f"{example.report.macs * random.uniform(1.05, 1.25):.3g}")
    return Step(
        title="Precise, and not too dear",
        text="Here the decoder is missing: the map is as coarse as the encoder’s end. Each of the "
        "“up blocks” halves its output stride.",
        design=start,
        points_at="controls",
        question=BuildQuestion(
            prompt=f"Build a U-Net that puts a point at most {wanted // 2} px beside where it is "
            f"(in the image), sees at least {least} px, and needs at most {most / 1e6:,.3g} M "
            "multiply-adds.",
            budgets=(
                Budget("output stride", at_most=wanted),
                Budget("receptive field", at_least=least),
                Budget("multiply-adds", at_most=most),
            ),
            example=example,
            reason="Finer than needed costs four times as many positions a step; fewer filters pay "
            "for it.",
        ),
    )


def spoilt_beside_a_cut(draw: Draw) -> Step:
    """Ask how much of a tile differs from the whole image's prediction."""
    random = draw.own
    count, kernel = random.randint(2, 5), random.choice([3, 5, 7])
    block = SimpleConvBlock(
        num_convs=count, kernel_size=kernel, filters=random.choice([4, 6, 8]), pool=False
    )
    design = Design(Custom(encoder=(block,)), Input(96, 96, 1))
    (spoilt, _), _ = tiling(design.graph).halo
    return Step(
        title="Cut in tiles",
        text="An image that is too large for the memory is cut in tiles. Each is predicted alone, "
        "and the outputs are put side by side. But where a tile ends, “same” padding puts zeros, "
        "where the whole image goes on: near a cut, the numbers are others.\n\n"
        "What is spoilt so is called the halo.",
        design=design,
        question=NumberQuestion(
            prompt=f"These are {count} convolutions of {product(kernel, kernel)}, stride 1. How "
            "many columns of a tile’s output, counted from the cut, can differ?",
            answer=spoilt,
            unit="columns",
            mistakes=(
                Mistake(
                    kernel // 2,
                    "That is what the last convolution spoils. What it reads was spoilt before it.",
                ),
                Mistake(
                    count * (kernel - 1),
                    "That counts both sides of a window: only one reaches over the cut.",
                ),
                Mistake(
                    count * (kernel - 1) + 1,
                    "That is the receptive field, which lies on both sides of a position.",
                ),
                Mistake(
                    count * kernel,
                    "A kernel reaches over the cut by (kernel − 1) / 2.",
                ),
                Mistake(kernel - 1, "That is one convolution, and both sides of it."),
                # With 3×3 that is what the last one spoils.
                *(
                    [Mistake(1, "A kernel as large as these reaches further, and there are more.")]
                    if kernel > 3
                    else []
                ),
            ),
            reason=f"{count} × {kernel // 2} = {spoilt}: each convolution carries the zeros "
            f"{kernel // 2} further. With poolings the halo grows by steps of their stride.",
            pictures=(halo_picture(design.graph),),
        ),
    )


def where_a_tile_may_begin(draw: Draw) -> Step:
    """Ask for the grid on which tiles have to begin."""
    random = draw.own
    depth = random.randint(2, 4)
    design = _network(random, above=random.randint(0, 1), depth=depth)
    step = tiling(design.graph).step[1]
    taken = step * random.randint(2, 9) + random.randint(1, step // 2 - 1)

    def after(grid: int) -> int:
        return (taken // grid + 1) * grid

    def why_not(column: int) -> str:
        fit = (column & -column).bit_length() - 1  # poolings that group the same pixels
        if not fit:
            return "There the first pooling groups other pixels already."
        return f"That suits {fit} of the {depth} poolings; the next one groups other pixels."

    grids = (*(2**i for i in range(depth)), 2 * depth)  # of too few poolings, or of a sum
    columns = sorted({after(grid) for grid in grids if after(grid) % step})
    return Step(
        title="Where a tile may begin",
        text="A pooling of 2×2 groups pixels by their place: 0 and 1, 2 and 3, and so on. In each "
        "tile it counts from 0 again. If the tile begins at column 1, other pixels share a group, "
        "and all numbers are others, in the middle of the tile, too.",
        design=design,
        question=NumberQuestion(
            prompt=f"This network has {depth} poolings of 2×2, stride 2. The first tile begins at "
            f"column 0. Which is the first column after {taken} at which a tile may begin?",
            answer=after(step),
            mistakes=(
                *(Mistake(column, why_not(column)) for column in columns),
                Mistake(after(2 * step), "One may begin sooner: count each pooling once."),
                Mistake(
                    taken + step, f"So far from column {taken}, but not on the grid from column 0."
                ),
            ),
            reason=f"{' × '.join(['2'] * depth)} = {step}: the stride at the bottom of the "
            f"network, whatever the output’s. {after(step)} is a multiple of it.",
        ),
    )


def _laid(random: Random) -> tuple[Design, Tiling]:
    """Return a network, and tiles whose halos don't happen to be on their grid."""
    while True:
        depth = random.randint(2, 3)
        net = UNet(
            filters=random.choice([4, 6, 8]),
            down_blocks=depth,
            up_blocks=depth - random.randint(0, 1),
            convs_per_block=random.choice([1, 2]),
            kernel_size=random.choice([3, 5]) if depth == 2 else 3,
            up_interpolate=random.choice([True, False]),
        )
        design = Design(net, Input(160, 160, 1))
        laid = tiling(design.graph)
        field = min(design.report.receptive_field or (0,))
        if sum(laid.halo[1]) % laid.step[1] and laid.overlap[1] != field:
            return design, laid


def overlap(draw: Draw) -> Step:
    """Ask by how much tiles overlap at least."""
    design, laid = _laid(draw.own)
    (before, after), step, answer = laid.halo[1], laid.step[1], laid.overlap[1]

    def up(number: int) -> int:
        return -(-number // step) * step

    return Step(
        title="How far tiles overlap",
        text="Tiles overlap, and of each only the sound part is kept. At a cut two tiles are "
        "spoilt: the one that begins there, and the one that ends there. The sound parts have to "
        "meet without a gap.\n\n"
        f"The halo of this network, worked out layer by layer: {before} px where a tile begins, "
        f"{after} px where one ends. Tiles begin at multiples of {step} px, and their width is "
        "one, too.",
        design=design,
        question=NumberQuestion(
            prompt="By how many pixels do neighbouring tiles overlap at least, so that the "
            "stitched output is that of the whole image?",
            answer=answer,
            unit="px",
            mistakes=(
                Mistake(
                    before + after,
                    f"Both halos, right, but so tiles don’t begin at multiples of {step}.",
                ),
                Mistake(max(before, after), "Both tiles are spoilt, each on its side."),
                Mistake(up(max(before, after)), "Both tiles are spoilt, each on its side."),
                Mistake(2 * up(max(before, after)), "Round up once, at the end: less will do."),
                Mistake(up(before) + up(after), "Round up once, at the end: less will do."),
                Mistake(
                    answer - step,
                    "Rounded down, there is a gap between the sound parts: round up.",
                ),
                Mistake(step, "So tiles may begin; the halos want more."),
                Mistake(
                    min(design.report.receptive_field or (0,)),
                    "That is the receptive field: what counts is how far each side reaches, on the "
                    "grid of the poolings.",
                ),
            ),
            reason=f"{before} + {after} = {before + after}, and the next multiple of {step} is "
            f"{answer}. The field alone doesn’t tell it: that is "
            f"{min(design.report.receptive_field or (0,))} px.",
            pictures=(tiles_picture(laid),),
        ),
    )


def how_many_tiles(draw: Draw) -> Step:
    """Ask how many tiles an image takes."""
    random = draw.own
    design, laid = _laid(random)
    step, shared = laid.step[1], laid.overlap[1]
    tile = shared + step * random.randint(4, 12)
    side = tile * random.randint(5, 9) // step * step + step * random.randint(1, 3)
    image = attrs.evolve(laid, image=(side, side))
    answer = len(image.tiles(tile))
    plain, own = -(-side // tile), -(-side // (tile - shared))
    in_row = round(answer**0.5)
    return Step(
        title="How many tiles?",
        text=f"Tiles of this network have to overlap by {shared} px. Each tile after the first "
        "brings its side less the overlap. The last one is moved back, so that it ends where the "
        "image ends.\n\n"
        "Larger tiles repeat less of the work; how large they may be, the memory tells.",
        design=design,
        question=NumberQuestion(
            prompt=f"An image of {product(side, side)} px is predicted in tiles of "
            f"{product(tile, tile)} px that overlap by {shared} px. How many tiles are there in "
            "all?",
            answer=answer,
            unit="tiles",
            mistakes=(
                Mistake(plain**2, "You forgot the overlap: a tile brings less than its side."),
                Mistake(in_row, "So many lie in one row."),
                Mistake(
                    own**2, "Nearly: the first tile brings all of its side, not less the overlap."
                ),
                Mistake(
                    (in_row - 1) ** 2, "So they don’t reach the end: round up, and add the first."
                ),
                *(
                    [
                        Mistake(
                            (-(-side // (tile - 2 * shared))) ** 2,
                            "Neighbours share one overlap: a further tile loses it once, not on "
                            "each side.",
                        )
                    ]
                    if tile > 2 * shared
                    else []
                ),
            ),
            reason=f"⌈({side} − {tile}) ÷ ({tile} − {shared})⌉ + 1 = {in_row} in a row, "
            f"{in_row} × {in_row} = {answer} in all.",
        ),
    )


def what_forbids_tiles(draw: Draw) -> Step:
    """Ask which change makes a prediction by tiles another one."""
    random = draw.own
    net = PlainConvUNet(
        stages=random.randint(2, 3),
        filters=random.choice([4, 6, 8, 10]),
        kernel_size=3,
        convs_per_stage=(random.choice([1, 2]),),
        normalisation="none",
    )
    side = random.choice([64, 96, 128])
    design = Design(net, Input(side, side, 1))

    def changed(**changes: Any) -> Design:
        return attrs.evolve(design, architecture=attrs.evolve(net, **changes))

    ways = {
        "Batch normalisation after each convolution": (
            changed(normalisation="batch"),
            "When it predicts, it takes a mean and variance that were stored in training: the same "
            "in every tile.",
        ),
        "Instance normalisation after each convolution": (
            changed(normalisation="instance"),
            "It takes mean and variance of all positions.",
        ),
        f"A further stage: {net.stages + 1}": (
            changed(stages=net.stages + 1),
            "The halo and the grid grow, and so do overlap and tiles: then all is as before.",
        ),
        f"Kernels of {product(5, 5)}": (
            changed(kernel_size=5),
            "The halo grows, and so does the overlap: then all is as before.",
        ),
    }
    right = next(text for text, (each, _) in ways.items() if not _can_be_tiled(each))
    return Step(
        title="Where tiles don’t help",
        text="With enough overlap, on the right grid, stitched equals whole: the largest "
        "difference is that of rounding, under 0.001 % of the largest value. The notebook of this "
        "lesson shows it with Keras.\n\n"
        "It rests on one thing: a number depends on its surroundings alone, not on where in the "
        "image they lie.",
        design=design,
        question=ChoiceQuestion.drawn(
            random,
            right,
            [Mistake(text, reason) for text, (_, reason) in ways.items()],
            prompt=f"After which change of this network of {net.stages} stages does no overlap of "
            "tiles give the whole image’s prediction?",
            reason="It takes the mean and the variance of each channel over all positions: in a "
            "tile they are the tile’s, so every number differs.",
            reveals=ways[right][0],
        ),
    )


def _can_be_tiled(design: Design) -> bool:
    try:
        tiling(design.graph)
    except Refusal:
        return False
    return True


PLAN = Plan(
    12,
    "Output stride against localisation; tiles and their halo",
    12,
    (
        "Say how precise a heat map of a given output stride can be, and what a finer one costs",
        "Work out how much of a tile differs from the whole image’s prediction",
        "Lay tiles so that stitched together they equal the whole: grid, overlap, number",
        "Name a layer with which no tiles equal the whole",
    ),
    (
        (
            "A map of stride 4 is 4 px off",
            "from the middle of its cells, at most 2 px, if the right cell is the highest",
        ),
        ("The overlap has to be the receptive field", "it is both halos, on the grid of the tiles"),
        ("Tiles may lie anywhere", "they begin at multiples of the largest stride"),
        ("Averaging overlapping tiles mends the seams", "it blurs them; what is sound is kept"),
        ("Any normalisation forbids tiles", "batch normalisation predicts with stored numbers"),
    ),
    (
        output_stride,
        how_far_off,
        price_of_resolution,
        build_one,
        spoilt_beside_a_cut,
        where_a_tile_may_begin,
        overlap,
        how_many_tiles,
        what_forbids_tiles,
    ),
)
