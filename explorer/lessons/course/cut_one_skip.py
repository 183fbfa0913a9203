"""Lesson 8: what a skip connection is there for, seen by taking one away."""

from collections.abc import Callable, Iterable
from random import Random

from explorer.core.analysis.budgets import MEASURES, Budget
from explorer.core.analysis.design import Design, Input, changed, with_decoder_block
from explorer.core.families import UNet
from explorer.core.formatting import byte_size, counted, listed, product
from explorer.core.network.graph import Graph, Node
from explorer.core.network.layers import Add, Concatenate, Conv2D, Conv2DTranspose
from explorer.core.network.names import block_id, layer_id
from explorer.lessons.making import (
    drawn_image,
    field_of,
    in_decoder,
    limit,
    of_kind,
    telling_apart,
)
from explorer.lessons.measured import measured
from explorer.lessons.pictures.schemes import memory_picture
from explorer.lessons.plan import Draw, Plan, Step
from explorer.lessons.questions import (
    BuildQuestion,
    ChoiceQuestion,
    ClickQuestion,
    Mistake,
    NumberQuestion,
    of_blocks,
)


def _network(random: Random, depth: int, convolutions: int = 1, kernel: int = 3) -> Design:
    """Return a U-Net whose skip connections are concatenated."""
    net = UNet(
        filters=random.choice([4, 6, 8, 10]),
        down_blocks=depth,
        up_blocks=depth,
        convs_per_block=convolutions,
        kernel_size=kernel,
    )
    return Design(net, drawn_image(random, 2**depth, 6, 12))


def _cut(design: Design, index: int) -> Design:
    """Return a design without the skip connection of a decoder block."""
    return with_decoder_block(design, index, skip_connection=False)


def what_a_cut_is(draw: Draw) -> Step:
    """Say how a skip connection is cut on screen."""
    design = _network(draw.shared, depth=3)
    return Step(
        title="What is cut",
        text="Each decoder block of this U-Net joins two features: one that took the way through "
        "the depth of the network, and one of the encoder, that a skip connection brings past it. "
        "To cut one, click its decoder block, press “Edit this block”, and take “skip connection” "
        "away among the settings that open at the left. All other blocks stay as they are.\n\n"
        "Cut one, look at what changes, and undo it.",
        design=design,
        select=block_id(of_kind(design, Concatenate)[-1]),
    )


@telling_apart
def parameters_that_go(random: Random) -> Step:
    """Ask how many parameters a skip connection costs."""
    kernel = random.choice([3, 5])
    before = _network(random, depth=3, kernel=kernel)
    index = random.randrange(3)
    after = _cut(before, index)
    join = of_kind(before, Concatenate)[index]
    skip, below = (node.shape[2] for node in join.inputs)
    [reader] = in_decoder(before, index, Conv2D)
    filters = reader.shape[2]
    other = of_kind(before, Concatenate)[(index + 1) % 3].inputs[0].shape[2]
    return Step(
        title="Has a skip connection parameters?",
        text="A skip connection itself only hands on a feature, and a concatenation has no "
        "parameters. Yet the network gets smaller by a cut.",
        design=before,
        select=layer_id(reader),
        question=NumberQuestion(
            prompt=f"The skip connection at {product(*join.shape[:2])} brings "
            f"{counted(skip, 'channel')}. The convolution after it is {product(kernel, kernel)} "
            f"with {filters} filters and a bias. How many parameters fewer has the network once "
            "this skip is cut?",
            answer=before.report.total_params - after.report.total_params,
            unit="parameters",
            mistakes=(
                Mistake(0, "The convolution after the join then reads fewer channels."),
                Mistake(reader.params, "It stays; only its weights for the skip’s channels go."),
                Mistake(
                    kernel**2 * skip * filters + filters,
                    "The bias belongs to the filters, which stay.",
                ),
                Mistake(kernel**2 * skip, "That is one filter: each of them reads the channels."),
                Mistake(skip * filters, "Each channel has a whole kernel in each filter."),
                Mistake(
                    kernel**2 * skip * (skip + below),
                    "Channels that come in meet filters, not each other.",
                ),
                Mistake(kernel**2 * other**2, "Those are the channels of another skip connection."),
            ),
            reason=f"{product(kernel, kernel)}×{skip}×{filters}: the weights with which the "
            "convolution read the skip’s channels.",
            reveals=after,
        ),
    )


def shapes_that_change(draw: Draw) -> Step:
    """Ask which outputs get another shape."""
    random = draw.own
    before = _network(random, depth=3)
    index = random.randrange(3)
    join = of_kind(before, Concatenate)[index]
    after = _cut(before, index)
    skip, below = (node.shape[2] for node in join.inputs)
    [reader] = in_decoder(before, index, Conv2D)
    filters = reader.shape[2]
    return Step(
        title="What happens to the shapes?",
        text="A layer’s output has the height and width that its input and its stride make, and as "
        "many channels as it has filters.",
        design=before,
        select=block_id(join),
        question=ChoiceQuestion.drawn(
            random,
            prompt=f"The skip connection at {product(*join.shape[:2])} is cut. What puts out "
            "another shape then?",
            right="no layer that stays: the concatenation alone is gone",
            mistakes=[
                Mistake(
                    f"the next convolution: {filters // 2} channels instead of {filters}",
                    f"It reads half as many channels. It puts out {filters}, one for each filter.",
                ),
                Mistake(
                    "each layer from there to the output: half the channels",
                    "The next convolution’s filters set the channels again: nothing of it is "
                    "handed on.",
                ),
                Mistake(
                    "that decoder block: half the height and width",
                    "Upsampling doubles height and width by itself. A skip brings what is to be "
                    "seen there, not the positions.",
                ),
            ],
            reason=f"The next convolution reads {below} channels instead of {skip + below}; what "
            "it puts out is set by its filters.",
            reveals=after,
        ),
    )


@telling_apart
def bytes_that_are_held(random: Random) -> Step:
    """Ask what a skip connection costs while the rest runs."""
    design = _network(random, depth=3)
    index = random.randrange(3)
    batch = random.choice([3, 5, 6, 8, 12, 16])
    join = of_kind(design, Concatenate)[index]
    source = join.inputs[0]
    held = source.memory_bytes * batch
    other = of_kind(design, Concatenate)[(index + 2) % 3].inputs[0]
    return Step(
        title="What is kept in memory",
        text="A feature can be dropped from memory once the last layer that reads it has run. What "
        "a skip connection brings is read late: it waits until the decoder has come up to it. "
        "A number of a feature takes 4 bytes (float32).",
        design=design,
        select=layer_id(join),
        question=NumberQuestion(
            prompt=f"The skip connection at {product(*join.shape[:2])} brings a feature of "
            f"{product(*source.shape)}. How many bytes are held for it, while {batch} images in "
            "one batch are in the middle of the network?",
            answer=held,
            unit="bytes",
            mistakes=(
                Mistake(held / batch, f"There are {batch} images, each with a feature of its own."),
                Mistake(held / 4, "That is how many numbers there are: each takes 4 bytes."),
                Mistake(held / 4 / batch, "So many numbers of one image: batch and bytes count."),
                Mistake(held / source.shape[2], "That is one channel of it."),
                Mistake(
                    join.memory_bytes * batch,
                    "That is the whole concatenation, which is not there yet.",
                ),
                Mistake(other.memory_bytes * batch, "That is another skip connection’s."),
            ),
            reason=f"{product(*source.shape)} numbers × 4 bytes × {batch} images.",
        ),
    )


def _peak(design: Design) -> int:
    return design.report.peak_activation_bytes


def the_cut_that_lowers_the_peak(draw: Draw) -> Step:
    """Ask which skip connection decides on the peak memory."""
    random = draw.own
    while True:
        design = changed(
            _network(random, depth=3, convolutions=random.choice([1, 2])),
            filters=4,
            filters_rate=random.choice([1, 2, 3, 4, 5, 6]),
        )
        cuts = [_cut(design, index) for index in range(3)]
        peaks = [_peak(cut) for cut in cuts]
        lowest = min(peaks)
        if lowest < _peak(design) and peaks.count(lowest) == 1:
            break
    joins = of_kind(design, Concatenate)
    index = peaks.index(lowest)
    highest = max(design.memory, key=lambda point: point.total_bytes).node
    return Step(
        title="Which one is at the peak?",
        text="The peak is the most memory that features take at one time: while a layer runs, its "
        "inputs, its output, and all that waits for a later layer are there. A cut lowers it only "
        "if what goes was there at that time.\n\n"
        "Height and width halve from level to level; by what the channels grow differs.",
        design=design,
        points_at="stage",
        question=ClickQuestion(
            design=design,
            prompt="Click the decoder block whose skip connection has to be cut, if one cut is to "
            "lower the peak memory of a forward pass as far as possible.",
            right=of_blocks([joins[index]]),
            mistakes=tuple(
                Mistake(
                    block_id(join),
                    (
                        "This cut leaves the peak where it is: the most memory is taken elsewhere."
                        if peak == _peak(design)
                        else "This cut lowers the peak, but another lowers it further."
                        if peak < _peak(design)
                        else "This cut raises the peak."
                    ),
                )
                for join, peak in zip(joins, peaks, strict=True)
                if join is not joins[index]
            ),
            reason=f"The peak, while {highest.name} runs, falls from {_peak(design):,} to "
            f"{lowest:,} bytes for one image.",
            hint="No skip connection arrives there: click a block of the decoder.",
            reveals=cuts[index],
            pictures=(
                memory_picture(design, "Memory before the cut", _peak(design)),
                memory_picture(cuts[index], "Memory after the cut", _peak(design)),
            ),
        ),
    )


def _with_weights(node: Node) -> bool:
    return isinstance(node.layer, (Conv2D, Conv2DTranspose))


def _on_the_way(
    graph: Graph,
    source: str,
    choose: Callable[[Iterable[int]], int],
    counts: Callable[[Node], bool] = _with_weights,
) -> int:
    """Return how many layers there are between a layer's output and the network's.

    Args:
        graph: The network.
        source: Name of the layer.
        choose: `min` for the shortest way, `max` for the longest.
        counts: Says which layers are counted.
    """
    found: dict[Node, int] = {graph[source]: 0}
    for node in graph:
        if node not in found and (ways := [found[each] for each in node.inputs if each in found]):
            found[node] = choose(ways) + counts(node)
    return found[graph.outputs[-1]]


@telling_apart
def the_shortest_way_back(random: Random) -> Step:
    """Ask how far the gradient has to go without a skip connection."""
    convolutions = random.choice([1, 2, 3])
    before = _network(random, depth=3, convolutions=convolutions)
    joins = of_kind(before, Concatenate)
    source = joins[-1].inputs[0]
    cut = random.choice([1, 2])
    after = before
    for index in range(3 - cut, 3):
        after = _cut(after, index)
    gone = listed([product(*join.shape[:2]) for join in reversed(joins[-cut:])])
    shortest = _on_the_way(after.graph, source.name, min)
    return Step(
        title="The way of the gradient",
        text="The loss says how wrong an output is. Training needs its gradient at each weight. "
        "It is computed backwards, from the output, and comes to a layer by every way that "
        "leads from there to the output. On each way every convolution multiplies it by its "
        "weights, so that over a long way it can fade. A skip connection is a short way.",
        design=before,
        select=layer_id(source),
        question=NumberQuestion(
            prompt=f"The skip connection{'s' if cut > 1 else ''} at {gone} "
            f"{'are' if cut > 1 else 'is'} cut; each block has "
            f"{counted(convolutions, 'convolution')}. How many convolutions does the gradient pass "
            "then on its shortest way from the output of the network to the output of the first "
            "encoder block? Count transposed ones, too.",
            answer=shortest,
            unit="convolutions",
            mistakes=(
                Mistake(
                    _on_the_way(before.graph, source.name, min),
                    "That was the way by the skip connection which is cut now.",
                ),
                Mistake(
                    _on_the_way(after.graph, source.name, max),
                    "That is the longest way, through the middle. There is a shorter one, by the "
                    "skip connection that is left.",
                ),
                Mistake(
                    _on_the_way(
                        after.graph, source.name, min, lambda node: isinstance(node.layer, Conv2D)
                    ),
                    "Transposed convolutions have weights and multiply, too.",
                ),
                Mistake(
                    _on_the_way(
                        after.graph,
                        source.name,
                        min,
                        lambda node: _with_weights(node) and "_dec" in node.name,
                    ),
                    "The encoder’s convolutions between the two skip connections are missing.",
                ),
                Mistake(
                    shortest + convolutions,
                    "The way ends at the output of the first block: its own convolutions are not "
                    "passed.",
                ),
            ),
            reason=f"{shortest}, up by the next skip connection that is left, where the way by the "
            f"cut one had {_on_the_way(before.graph, source.name, min)}.",
            reveals=after,
        ),
    )


def what_comes_back(draw: Draw) -> Step:
    """Ask what the gradient is where two ways meet."""
    random = draw.own
    design = changed(_network(random, depth=3), skips="add")
    join = random.choice(of_kind(design, Add))
    while True:
        skip, deep = random.randint(4, 40), random.randint(2, 20)
        mistakes = (
            Mistake(
                skip / 20 + deep / 10,
                "A sum does not share its gradient out: each input gets all of it.",
            ),
            Mistake((skip + deep) / 20, "What comes back by two ways is summed, not averaged."),
            Mistake(deep / 10, "So it is once the skip connection is cut."),
            Mistake(skip / 10, "What comes by the other way counts, too."),
            Mistake(skip * deep / 100, "Factors multiply along one way; two ways are summed."),
        )
        if len({(skip + deep) / 10, *(mistake.answer for mistake in mistakes)}) == 6:
            break
    return Step(
        title="Where two ways meet",
        text="Here skip connections are added. If the sum at some place grows by a little, the "
        "loss grows by its gradient there, times that little. The encoder’s value at this place is "
        "one part of the sum. It also takes part in all that lies deeper, and so acts on the loss "
        "a second time.",
        design=design,
        select=layer_id(join),
        question=NumberQuestion(
            prompt=f"At one place of the sum at {product(*join.shape[:2])} the gradient is "
            f"{skip / 10:g}. By the way through the depth, {deep / 10:g} comes back to the "
            "encoder’s value at this place. What is the gradient of the loss at the encoder’s "
            "value?",
            answer=(skip + deep) / 10,
            within=1e-6,
            mistakes=mistakes,
            reason=f"{skip / 10:g} + {deep / 10:g}. After a cut, {deep / 10:g} would be left. A "
            "concatenation hands on the gradient of the skip’s channels in the same way.",
        ),
    )


@telling_apart
def seen_by_the_skip_alone(random: Random) -> Step:
    """Ask how much of the image the gradient reaches by the last skip connection."""
    convolutions, kernel = random.choice([1, 2, 3]), random.choice([3, 5, 7])
    design = _network(random, depth=random.choice([2, 3]), convolutions=convolutions, kernel=kernel)
    source = of_kind(design, Concatenate)[-1].inputs[0]
    last = design.architecture.up_blocks - 1  # type: ignore[union-attr]
    after_join = len(in_decoder(design, last, Conv2D)) * (kernel - 1)
    [up] = in_decoder(design, last, Conv2DTranspose)
    of_encoder = min(design.report[source.name].receptive_field or (0,))
    whole = min(design.report.receptive_field or (0,))
    answer = of_encoder + after_join
    return Step(
        title="Seen by the skip alone",
        text="Take the gradient of one output pixel, and let it go back by the last skip "
        "connection alone, the one at full size. It reaches those pixels of the image that the "
        "output pixel sees by this way; each convolution of stride 1 widens that by its kernel "
        "less 1.",
        design=design,
        select=layer_id(source),
        question=NumberQuestion(
            prompt=f"Each block has {counted(convolutions, 'convolution')}, "
            f"{product(kernel, kernel)}. How many pixels wide is the window of the image that the "
            "gradient of an output pixel reaches by the last skip connection alone?",
            answer=answer,
            unit="px",
            mistakes=(
                Mistake(whole, "That is the field of all ways together: the depth sees farther."),
                Mistake(of_encoder, "The decoder’s convolutions after the join widen it, too."),
                Mistake(answer - 1, "The window starts with the pixel itself: 1 + what is added."),
                Mistake(
                    2 * convolutions * kernel,
                    "A convolution adds its kernel less 1: the windows of neighbours overlap.",
                ),
                Mistake(
                    answer + up.layer.kernel_size - 1,  # type: ignore[attr-defined]
                    "The transposed convolution is not on this way: it brings what comes from "
                    "below.",
                ),
            ),
            reason=f"1 + {2 * convolutions} × ({kernel} − 1). The whole network sees {whole} px: "
            "skips bring what is near and sharp, the depth what is far.",
        ),
    )


def where_half_of_the_gradient_lies(draw: Draw) -> Step:
    """Ask what a cut does to the effective field, and show it."""
    random = draw.own
    net = UNet(filters=random.choice([6, 8, 10]), down_blocks=3, up_blocks=3, convs_per_block=1)
    before = Design(net, drawn_image(random, 8, 10, 14))
    after = _cut(before, 2)
    field = min(before.report.receptive_field or (0,))
    return Step(
        title="Look at the gradient",
        text="“Receptive field” shows the gradient of one output pixel, computed with random "
        "weights: the brighter, the more a pixel of the image matters. The line “Effective” tells "
        "within how many pixels half of it lies: wait for it and note it.\n\n"
        "When you have answered, the network is cut: compare.",
        design=before,
        select=layer_id(before.graph.outputs[-1]),
        opens="Receptive field",
        question=ChoiceQuestion.drawn(
            random,
            prompt=f"The output sees {field} px, by all ways together. Once the skip connection at "
            f"{product(before.input.height, before.input.width)} is cut, within which window will "
            "half of the gradient lie?",
            right="a larger one: what came by the short way is gone",
            mistakes=[
                Mistake(
                    f"the same: the network still sees {field} px",
                    "The theoretical field stays, for the depth makes it. How strongly each pixel "
                    "in it counts does not.",
                ),
                Mistake(
                    "a smaller one: a skip connection lets a network see farther",
                    "A skip connection sees near. It is the depth that sees far, and that is left.",
                ),
                Mistake(
                    f"one of {field} px: without a skip all pixels count alike",
                    "There are far more ways to a near pixel than to one at the rim of the field, "
                    "in the depth, too.",
                ),
            ],
            reason="By the last skip connection the gradient comes to few pixels by a short way, "
            "and strongly. What is left comes by lower resolutions, which spread it.",
            reveals=after,
        ),
    )


def what_training_says(draw: Draw) -> Step:
    """Tell what was measured with skip connections and without."""
    pair, longer = measured()["skips"], measured()["skips, longer"]
    told, later = pair.told(), longer.told_of_time(pair.steps[-1])
    return Step(
        title="Does it show in a result?",
        text=f"Two small U-Nets learnt masks of {product(pair.side, pair.side)} px with lines of "
        f"2 px, one of them without any skip connection. {told[0].upper()}{told[1:]}. "
        f"{later[0].upper()}{later[1:]}.\n\n"
        "These are toy pictures, and minutes of training. See it yourself: pin this network as A "
        "(“Compare”), choose skips = none, and press “Train A beside it”, where Keras runs.",
        design=Design(UNet(filters=16, down_blocks=3, up_blocks=3), Input(pair.side, pair.side, 1)),
        opens="Train",
        points_at="control skips",
    )


def build_one(draw: Draw) -> Step:
    """Have the skip connection kept that a memory leaves room for."""
    random = draw.own
    memory = MEASURES["memory"].of
    while True:
        start = changed(
            _network(random, depth=3, convolutions=random.choice([1, 2])),
            filters=random.choice([4, 6, 8]),
            filters_rate=random.choice([2.5, 3, 3.5]),
            up_interpolate=random.random() < 0.9,
            block_contraction=random.random() < 0.5,
            middle_block=random.random() < 0.5,
        )
        # All but one are cut.
        two = [_cut(_cut(start, (index + 1) % 3), (index + 2) % 3) for index in range(3)]
        sizes = [memory(design) or 0 for design in two]
        kept = sizes.index(min(sizes))
        alone = [memory(_cut(start, index)) or 0 for index in range(3)]  # one that is cut
        others = [*alone, *(size for size in sizes if size != sizes[kept])]
        if len(others) == 5 and min(others) > 1.04 * sizes[kept]:
            break
    example = two[kept]
    places = [product(*join.shape[:2]) for join in of_kind(start, Concatenate)]
    cut = listed([place for place in places if place != places[kept]])
    told = [
        f"{byte_size(size)} (that at {place})"
        for place, size in zip(reversed(places), reversed(sizes), strict=True)
    ]
    return Step(
        title="Build one",
        text="The network that is on screen is your answer. Cut skip connections as in the first "
        "step: click a decoder block, press “Edit this block”.",
        design=start,
        points_at="stage",
        question=BuildQuestion(
            prompt="Make the network fit into less memory by cuts alone: keep one skip connection, "
            "the one with which it fits. All else stays as it is.",
            budgets=(
                Budget("memory", at_most=limit(example, "memory", random, 1.03)),
                Budget("skip connections", at_least=1, at_most=1),
                Budget("image height", at_least=start.input.height),
                Budget("image width", at_least=start.input.width),
                Budget("output stride", at_least=1, at_most=1),
                Budget("output channels", at_least=start.graph.outputs[-1].shape[2]),
                Budget("most filters", at_least=MEASURES["most filters"].of(start)),
                Budget("receptive field", at_least=field_of(start)),
            ),
            example=example,
            words=f"the same network, with the skip connections at {cut} cut",
            reason=f"Memory by which one is kept: {listed(told)}. The finer one is, the longer its "
            "feature waits, and the sharper what it brings: that is the price.",
        ),
    )


PLAN = Plan(
    8,
    "Cut one skip: shapes, parameters, memory and the way of the gradient",
    12,
    (
        "Say what goes when a skip connection is cut, and what stays as it is",
        "Tell what a skip connection costs in parameters and in memory, and when",
        "Follow the gradient back by its shortest way, with and without a skip connection",
    ),
    (
        ("Skip connections cost nothing", "the next convolution reads more, and features wait"),
        ("Without its skips a decoder puts out less", "shapes stay: what is in them differs"),
        ("A sum halves the gradient", "each of its inputs gets all of it"),
        ("A skip connection makes the network see farther", "it sees near; the depth sees far"),
    ),
    (
        what_a_cut_is,
        parameters_that_go,
        shapes_that_change,
        bytes_that_are_held,
        the_cut_that_lowers_the_peak,
        the_shortest_way_back,
        what_comes_back,
        seen_by_the_skip_alone,
        where_half_of_the_gradient_lies,
        what_training_says,
        build_one,
    ),
    needs_keras=True,
)
