"""Lesson 7: four ways to see as far, and what each of them costs."""

from collections import Counter
from math import prod
from random import Random

from explorer.core.analysis.budgets import Budget
from explorer.core.analysis.design import Design, Input, changed
from explorer.core.families import Custom, UNet
from explorer.core.formatting import counted, listed, product
from explorer.core.network.blocks import SimpleConvBlock
from explorer.core.network.layers import Conv2D
from explorer.lessons.making import field_of, of_kind, telling_apart
from explorer.lessons.pictures.grids import GridPicture, grid_picture
from explorer.lessons.plan import Draw, Plan, Step
from explorer.lessons.questions import (
    BuildQuestion,
    ChoiceQuestion,
    Mistake,
    NumberQuestion,
)


def _convolutions(
    filters: int, count: int = 1, kernel: int = 3, dilation: int = 1, pool: bool = False
) -> SimpleConvBlock:
    """Return a block of convolutions, with a pooling of stride 2 before them or without."""
    return SimpleConvBlock(
        pool=pool,
        pool_before_convs=True,
        num_convs=count,
        filters=filters,
        kernel_size=kernel,
        dilation_rate=dilation,
    )


def _dilated(filters: int, *rates: int) -> tuple[SimpleConvBlock, ...]:
    """Return convolutions of 3×3 with these dilations."""
    return tuple(_convolutions(filters, dilation=rate) for rate in rates)


def _image(random: Random, filters: int) -> Input:
    """Return an input with as many channels as the convolutions have filters."""
    height, width = (8 * random.randint(5, 10) for _ in range(2))
    return Input(height, width, filters)


def _filters(random: Random) -> int:
    return random.choice([2, 3, 4, 6, 8])


def _weights(design: Design) -> int:
    """Return the number of weights of convolutions, without their biases."""
    return sum(node.params - node.shape[2] for node in of_kind(design, Conv2D))


def four_ways(draw: Draw) -> Step:
    """Name the four ways."""
    random = draw.shared
    filters = _filters(random)
    design = Design(Custom(encoder=(_convolutions(filters, 3),)), _image(random, filters))
    return Step(
        title="Four ways to see farther",
        text="Along an axis, a layer adds (taps − 1) × distance to the receptive field. Taps are "
        "the places of its kernel; the distance is how many pixels of the image lie from one to "
        "the next. So four things help: more taps (a larger kernel); more layers (depth); taps "
        "farther apart (dilation, as shown); and a stride before, after which all positions are "
        "farther apart.\n\n"
        "All can reach the same field. They differ in parameters, multiply-adds, memory, and in "
        "how fine the output is.",
        design=design,
        moves=Conv2D(name="window", filters=1, kernel_size=3, dilation_rate=2),
    )


@telling_apart
def kernel_for_depth(random: Random) -> Step:
    """Ask which single kernel sees as far as several."""
    filters, kernel = _filters(random), random.choice([3, 5])
    now, then = random.sample([2, 3, 4, 5], 2)
    image = _image(random, filters)
    deep = Design(Custom(encoder=(_convolutions(filters, then, kernel),)), image)
    side = field_of(deep)
    return Step(
        title="Depth or kernel",
        text="Convolutions with stride 1 follow one another. Each sees a window of what the one "
        "before made, and so a little more of the image.",
        design=Design(Custom(encoder=(_convolutions(filters, now, kernel),)), image),
        points_at="stage",
        question=NumberQuestion(
            prompt=f"One convolution is to see as far as {then} of {product(kernel, kernel)}. How "
            "many places along a side must its kernel have?",
            answer=side,
            unit="places",
            mistakes=(
                Mistake(
                    kernel * then,
                    f"The windows overlap: after the first, each adds {kernel - 1}.",
                ),
                Mistake((kernel - 1) * then, "The pixel in the centre counts as well."),
                Mistake(kernel**then, "Without a stride, fields add up: they don’t multiply."),
                Mistake(
                    1 + (kernel - 1) * now,
                    f"So far the {now} on screen see: the question is about {then}.",
                ),
            ),
            reason=f"1 + {then} × ({kernel} − 1) = {side}.",
            reveals=Design(Custom(encoder=(_convolutions(filters, 1, side),)), image),
        ),
    )


@telling_apart
def times_the_weights(random: Random) -> Step:
    """Ask how many times the weights the single kernel has."""
    filters, count = _filters(random), random.choice([2, 3, 4, 5])
    image = _image(random, filters)
    deep = Design(Custom(encoder=(_convolutions(filters, count),)), image)
    side = field_of(deep)
    single = Design(Custom(encoder=(_convolutions(filters, 1, side),)), image)
    ratio = _weights(single) / _weights(deep)
    return Step(
        title="What the single one costs",
        text="Every convolution here reads and makes the same number of channels. Leave the "
        "biases aside.",
        design=deep,
        points_at="figure parameters",
        question=NumberQuestion(
            prompt=f"In place of {count} convolutions of 3×3, one of {product(side, side)} sees as "
            "far. How many times their weights does it have?",
            answer=ratio,
            unit="times",
            within=0.015,
            mistakes=(
                Mistake(1 / ratio, "The other way round: the single one is asked for."),
                Mistake(side / (3 * count), "A kernel has two sides: compare areas."),
                Mistake(side**2 / 9, f"That is beside one of them: there are {count}."),
                Mistake(
                    (side / 3) ** 2 * count,
                    f"There are {count} to compare with: divide by {count}.",
                ),
            ),
            reason=f"{side}² / ({count} × 3²) = {ratio:.3g}, and as many times the multiply-adds. "
            "The deeper network has more activations as well; but it has more features to keep.",
            reveals=single,
        ),
    )


@telling_apart
def dilated_field(random: Random) -> Step:
    """Ask how far dilated convolutions see."""
    filters, count = _filters(random), random.choice([2, 3, 4])
    rates = tuple(random.choice([1, 2, 3, 4]) for _ in range(count))
    image = _image(random, filters)
    before, after = (
        Design(Custom(encoder=_dilated(filters, *each)), image) for each in ((1,) * count, rates)
    )
    return Step(
        title="Taps farther apart",
        text="With a dilation of d, the nine taps of a 3×3 kernel lie d positions apart: the "
        "window spans 2d + 1, with holes in between. There are as many weights as before.",
        design=before,
        moves=Conv2D(name="window", filters=1, kernel_size=3, dilation_rate=2),
        question=NumberQuestion(
            prompt=f"The {count} convolutions of 3×3 get dilations of "
            f"{listed([*map(str, rates)])}. How many pixels does the output then see along an "
            "axis?",
            answer=field_of(after),
            unit="px",
            mistakes=(
                Mistake(field_of(before), "That is without dilation."),
                Mistake(1 + 2 * rates[-1], "That is the last one alone: those before add to it."),
                Mistake(2 * sum(rates), "The pixel in the centre counts as well."),
                Mistake(
                    sum(2 * rate + 1 for rate in rates),
                    "You added up what each window spans: of each, one is in the centre already.",
                ),
                Mistake(1 + sum(rates), "Each adds its dilation on both sides."),
            ),
            reason="1 + 2 × (" + " + ".join(map(str, rates)) + f") = {field_of(after)}.",
            reveals=after,
        ),
    )


#: What may change, and how each of it is told if it does and if it doesn't.
_QUANTITIES = {
    "parameters": (
        "The number of parameters changes: there are more weights.",
        "Parameters stay: there are as many weights as before.",
    ),
    "multiply-adds": (
        "Multiply-adds change: they are weights times positions.",
        "Multiply-adds stay: there are as many weights at as many positions.",
    ),
    "output": (
        "The output changes: after a stride there are fewer positions.",
        "The output is as large as before: only a stride leaves out positions.",
    ),
}
_SETS = (
    (),
    ("parameters", "multiply-adds"),
    ("multiply-adds", "output"),
    ("parameters", "multiply-adds", "output"),
)


def _told(changing: tuple[str, ...]) -> str:
    """Return which of the three change, as a choice says it."""
    if not changing:
        return "none of the three"
    return "all three" if len(changing) == 3 else f"{listed(changing)} alone"


def _costs(design: Design) -> dict[str, int]:
    graph = design.graph
    return {
        "parameters": sum(node.params for node in graph),
        "multiply-adds": sum(node.macs or 0 for node in graph),
        "output": prod(graph.outputs[-1].shape),
    }


def what_changes(draw: Draw) -> Step:
    """Ask what one of the four ways changes besides the field."""
    random = draw.own
    filters, count = _filters(random), random.choice([1, 2])
    image = _image(random, filters)
    first, second = _convolutions(filters, 2), _convolutions(filters, count)
    rate, kernel = random.choice([2, 3, 4]), random.choice([5, 7])
    words, block, reason = random.choice(
        [
            (
                f"The convolutions of the second block get a dilation of {rate}",
                _convolutions(filters, count, dilation=rate),
                "Dilation moves the taps apart, and costs nothing of all this. Its price is the "
                "holes between the taps.",
            ),
            (
                f"The kernels of the second block grow to {product(kernel, kernel)}",
                _convolutions(filters, count, kernel),
                "More weights, used at as many positions.",
            ),
            (
                "The second block gets one convolution more",
                _convolutions(filters, count + 1),
                "The added layer has weights, which are used at every position; and its output "
                "has to be kept besides.",
            ),
            (
                "The second block gets a pooling of stride 2 before its convolutions",
                _convolutions(filters, count, pool=True),
                "The same weights are used at a quarter of the positions: cheaper, but the output "
                "is coarser.",
            ),
        ]
    )
    before, after = (Design(Custom(encoder=(first, each)), image) for each in (second, block))
    costs, then = _costs(before), _costs(after)
    changing = tuple(name for name in costs if costs[name] != then[name])
    mistakes = []
    for others in _SETS:
        wrong = [name for name in costs if (name in others) != (name in changing)]
        told = " ".join(_QUANTITIES[name][name not in changing] for name in wrong)
        mistakes.append(Mistake(_told(others), told))
    return Step(
        title="What else changes?",
        text="Each of the four ways widens the field. Besides, it may change three things: the "
        "number of parameters, the multiply-adds, and the height and width of the output.",
        design=before,
        points_at="stage",
        question=ChoiceQuestion.drawn(
            random,
            _told(changing),
            mistakes,
            prompt=f"{words}. Which of the three change?",
            reason=f"{reason} The field grows from {field_of(before)} to {field_of(after)} px.",
            reveals=after,
        ),
    )


#: What is compared, with how it is computed, and whether most or least of it is asked for.
_COMPARED = (
    ("has fewest parameters", "parameters", min),
    ("has most parameters", "parameters", max),
    ("needs fewest multiply-adds", "multiply-adds", min),
    ("has most numbers in all its features together", "features", max),
)
#: Why each of the four ways is the one that is asked for, if it is.
_WHY = (
    "The weights of a kernel grow with the square of its side.",
    "Every layer puts out a feature of the full resolution, and here are most layers.",
    "Few layers with small kernels: dilated taps reach far.",
    "After the stride, each weight is used at a quarter of the positions.",
)


def _some(count: int, kernel: int = 3) -> str:
    return f"{'one' if count == 1 else count} of {product(kernel, kernel)}"


def which_is_cheapest(draw: Draw) -> Step:
    """Ask which of four networks with as large a field has most or least of something."""
    random = draw.own
    filters = _filters(random)
    image = _image(random, filters)
    rates = random.choice([(1, 2, 3), (1, 2, 4), (2, 3, 4), (1, 3, 4), (1, 2, 3, 4)])
    field = 1 + 2 * sum(rates)
    before = random.choice([1, 3])
    # A pooling adds 1, and after it each convolution 4, so that this sees one pixel more.
    beyond = (field - 1 - 2 * before) // 4
    before += (field - 1 - 2 * before) % 4 // 2
    ways = {
        _some(1, field): (_convolutions(filters, 1, field),),
        _some((field - 1) // 2): (_convolutions(filters, (field - 1) // 2),),
        f"{_some(len(rates))}, dilated by {listed([*map(str, rates)])}": _dilated(filters, *rates),
        f"{_some(before)}, pooling of stride 2, {_some(beyond)}": (
            _convolutions(filters, before),
            _convolutions(filters, beyond, pool=True),
        ),
    }
    designs = {words: Design(Custom(encoder=blocks), image) for words, blocks in ways.items()}
    wanted, of, best = random.choice(_COMPARED)
    amounts = {
        words: sum(prod(node.shape) for node in design.graph)
        if of == "features"
        else _costs(design)[of]
        for words, design in designs.items()
    }
    right = best(amounts, key=lambda words: amounts[words])
    mistakes = []
    for words, amount in amounts.items():
        factor = max(amount, amounts[right]) / min(amount, amounts[right])
        less, more = (words, right) if best is max else (right, words)
        mistakes.append(Mistake(words, f"“{more}” has {factor:.3g} times as many as “{less}”."))
    return Step(
        title="Which would you take?",
        text=f"Here are four networks. Their convolutions have {counted(filters, 'channel')} in "
        f"and out, and stride 1. Each sees at least {field} px along an axis.",
        design=designs[f"{(field - 1) // 2} of 3×3"],
        points_at="stage",
        question=ChoiceQuestion.drawn(
            random,
            right,
            mistakes,
            prompt=f"Which of them {wanted}? Its convolutions:",
            reason=_WHY[[*designs].index(right)],
            reveals=designs[right],
        ),
    )


def _ways(design: Design) -> Counter[int]:
    """Return how many paths lead to an output pixel, by how far from it they begin along an axis.

    A path goes from tap to tap, through convolutions that follow one another.
    """
    ways = Counter({0: 1})
    for node in of_kind(design, Conv2D):
        taps, distance = node.layer.taps(axis=0)
        further: Counter[int] = Counter()
        for at, count in ways.items():
            for tap in range(taps):
                further[at + distance * (tap - taps // 2)] += count
        ways = further
    return ways


def _picture(title: str, design: Design) -> GridPicture:
    """Return a picture of the pixels of a field, with the paths that lead from each."""
    ways = _ways(design)
    line = [ways[at] for at in range(min(ways), max(ways) + 1)]
    left_out = len(line) ** 2 - sum(map(bool, line)) ** 2
    told = f"{left_out} have none: they are never read" if left_out else "all have some"
    return grid_picture(
        title,
        f"Paths from each of {product(len(line), len(line))} pixels to the output: {told}.",
        [[down * across for across in line] for down in line],
        "paths",
        low=0,
    )


@telling_apart
def holes(random: Random) -> Step:
    """Ask how many pixels of its field dilated convolutions really read."""
    filters = _filters(random)
    rates = random.choice([(2, 2), (2, 4), (3, 3), (2, 2, 2), (1, 4), (1, 5), (2, 3), (4, 4)])
    design = Design(Custom(encoder=_dilated(filters, *rates)), _image(random, filters))
    read = _ways(design)
    field, along = field_of(design), len(read)
    count = len(rates)
    return Step(
        title="The price of dilation",
        text="The receptive field is the square that holds all pixels with an influence. With "
        "dilation, some pixels in it may have none: those to which no path leads, from tap to tap "
        "through all the layers.",
        design=design,
        opens="Diagram",
        question=NumberQuestion(
            prompt=f"{count} convolutions of 3×3 follow each other, dilated by "
            f"{listed([*map(str, rates)])}. Of the {product(field, field)} pixels of the field of "
            "an output pixel, how many have an influence on it?",
            answer=along**2,
            unit="pixels",
            mistakes=(
                Mistake(field**2, "So many the square has: some lie in holes between the taps."),
                Mistake(along, "So many lie along one axis: the taps make a grid of both."),
                Mistake(9 * count, "Each tap of a layer leads to nine taps of the one before."),
                Mistake(
                    (field - along) ** 2,
                    "You squared those that are passed by: take those that are read.",
                ),
            ),
            reason=f"Along an axis, {along} of {field} are read: at distances of "
            f"{listed([str(each).replace('-', '−') for each in sorted(read)])}. Where "
            "dilations don’t fit together, holes are left; 1, 2, 4 would leave none.",
            pictures=(
                _picture(f"Dilated by {listed([*map(str, rates)])}", design),
                _picture(
                    "Dilated by 1, 2 and 4", changed(design, encoder=_dilated(filters, 1, 2, 4))
                ),
            ),
            hint="Write down which distances along one axis can be made of one tap of "
            "each layer, without those that come twice; then square their number.",
        ),
    )


def build_one(draw: Draw) -> Step:
    """Have a network built that sees far at little cost."""
    random = draw.own
    filters, depth = random.choice([4, 5, 6, 8]), random.choice([3, 4])
    size = 16 * random.randint(6, 9)
    start = Design(UNet(filters=filters, down_blocks=1, up_blocks=1), Input(size, size, 1))
    example = changed(start, down_blocks=depth, up_blocks=depth)
    field = 5 * (field_of(example) // 5)
    parameters = float(f"{1.15 * example.report.total_params:.2g}")
    macs = float(f"{1.15 * example.report.macs:.2g}")
    return Step(
        title="See far, spend little",
        text="Move the controls: the network that is on screen is your answer. The image, and "
        "the channels of the output, are to stay as they are.",
        design=start,
        points_at="controls",
        question=BuildQuestion(
            prompt=f"Build a U-Net whose output sees at least {field} px, within these limits.",
            budgets=(
                Budget("receptive field", at_least=field),
                Budget("parameters", at_most=parameters),
                Budget("multiply-adds", at_most=macs),
                Budget("output channels", at_least=filters),
                Budget("output stride", at_least=1, at_most=1),
                Budget("image height", at_least=size, at_most=size),
                Budget("image width", at_least=size, at_most=size),
            ),
            example=example,
            reason="Each pooling doubles what a convolution after it adds to the field, for no "
            "more multiply-adds; the decoder and its skip connections bring the fine grid back.",
        ),
    )


PLAN = Plan(
    7,
    "Equal field, different cost: stride, dilation, depth, kernel",
    10,
    (
        "Name four ways to the same receptive field",
        "Tell what each of them costs in parameters, multiply-adds and memory",
        "Say which pixels a dilated network passes by",
        "Reach a field within a budget",
    ),
    (
        (
            "Two convolutions of 3×3 see 6 pixels",
            "they see 5: the windows overlap, and each adds 2",
        ),
        (
            "A larger field needs more parameters",
            "dilation and stride widen it with the same weights",
        ),
        ("Dilation costs nothing", "it passes by pixels, unless the dilations fit together"),
        (
            "One large kernel is cheaper than several small ones",
            "its weights grow with the square of its side",
        ),
    ),
    (
        four_ways,
        kernel_for_depth,
        times_the_weights,
        dilated_field,
        what_changes,
        which_is_cheapest,
        holes,
        build_one,
    ),
)
