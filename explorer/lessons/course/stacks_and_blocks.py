"""Lesson 11: why hourglasses are stacked, and what residual and dense blocks link.

Sources: Newell et al. 2016 (arXiv 1603.06937), He et al. 2016 (arXiv 1603.05027), Huang et al. 2017
(arXiv 1608.06993), Jégou et al. 2017 (arXiv 1611.09326).
"""

from random import Random
from typing import Any

from explorer.core.analysis.budgets import Budget
from explorer.core.analysis.design import Design, changed
from explorer.core.families import FCDenseNet, Hourglass, ResidualHourglass
from explorer.core.network.graph import Node
from explorer.core.network.heads import Head
from explorer.core.network.layers import Conv2D
from explorer.core.network.names import block_id
from explorer.lessons.making import drawn_image, field_of, telling_apart
from explorer.lessons.pictures.grids import GridPicture
from explorer.lessons.pictures.schemes import dense_picture
from explorer.lessons.plan import Draw, Plan, Step
from explorer.lessons.questions import (
    BuildQuestion,
    ClickQuestion,
    Mistake,
    NumberQuestion,
    of_blocks,
)

_ORDINAL = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", 6: "sixth"}


def _hourglass(random: Random, stacks: int) -> Design:
    """Return a simple hourglass, with single convolutions."""
    net = Hourglass(
        stacks=stacks,
        down_blocks=(levels := random.choice([1, 2])),
        up_blocks=levels,
        stem_stride=random.choice([1, 2]),
        stem_filters=random.choice([4, 6, 8]),
        filters=random.choice([6, 8, 10, 12]),
        filter_increase=random.choice([0, 2, 4]),
    )
    return Design(net, drawn_image(random, 8, 8, 14))


def _residual(random: Random, **fields: Any) -> Design:
    """Return an hourglass of residual modules."""
    net = ResidualHourglass(
        down_blocks=2,
        stem_filters=random.choice([2, 4]),
        filters=random.choice([8, 12, 16]),
        **fields,
    )
    return Design(net, drawn_image(random, 16, 5, 8))


def _stem(design: Design) -> list[Node]:
    return [node for node in design.graph if node.block and node.block.role == "stem"]


def one_after_the_other(draw: Draw) -> Step:
    """Say what is stacked."""
    return Step(
        title="One after the other",
        text="An hourglass is an encoder-decoder that goes down to a low resolution and comes up "
        "again, evenly. Several can be stacked: the next takes what the one before puts out, and "
        "goes down again. So what was found from afar is brought to where it matters, and is "
        "looked at once more.\n\nA stem before all of them lowers the resolution once. Between "
        "two hourglasses there may be a merge: what went into one is added to what comes out of "
        "it.",
        design=_residual(draw.shared, stacks=2),
        points_at="stage",
    )


@telling_apart
def the_field_of_three(random: Random) -> Step:
    """Ask how far one more hourglass sees."""
    before = _hourglass(random, stacks=2)
    one, after = (changed(before, stacks=stacks) for stacks in (1, 3))
    near, far = field_of(one), field_of(before)
    return Step(
        title="How far does one more see?",
        text="A receptive field is the window of the image that one output pixel depends on. A "
        "layer widens it by its kernel less 1, times the stride that it works at. Layers one after "
        "the other add up.",
        design=before,
        points_at="control stacks",
        question=NumberQuestion(
            prompt=f"With one hourglass the network sees {near} px, with two {far} px. How many "
            "pixels wide is the receptive field with three? Take it for the theoretical one, as if "
            "the image had no border.",
            answer=field_of(after),
            unit="px",
            mistakes=(
                Mistake(3 * near, "The stem comes once, and its share of the field with it."),
                *(
                    [Mistake(far * 3 / 2, "The stem’s share, and the pixel itself, come once.")]
                    if far % 2 == 0
                    else []
                ),
                Mistake(far, "Every convolution widens the field, in each of them."),
                Mistake(far + near, "What one more adds is less than all that the first sees."),
                Mistake(2 * far, "It grows by what one more adds, not by a factor."),
            ),
            reason=f"{far} + ({far} − {near}): what the second added, the third adds again.",
            reveals=after,
        ),
    )


@telling_apart
def parameters_of_more(random: Random) -> Step:
    """Ask what one more hourglass costs."""
    before = _hourglass(random, stacks=1)
    stacks = random.choice([2, 3, 4])
    after = changed(before, stacks=stacks)
    stem = sum(node.params for node in _stem(before))
    total = before.report.total_params
    return Step(
        title="What does one more cost?",
        text="All hourglasses of this network are alike, and each has weights of its own. Each "
        "gets as many channels as it puts out.",
        design=before,
        points_at="control stacks",
        question=NumberQuestion(
            prompt=f"The network has {total:,} parameters with one hourglass; {stem:,} of them are "
            f"in the stem. How many has it with {stacks}?",
            answer=after.report.total_params,
            unit="parameters",
            mistakes=(
                Mistake(stacks * total, "The stem is there once, before the first hourglass."),
                Mistake(total, "They don’t share their weights: each has its own."),
                Mistake(stacks * (total - stem), "The stem is missing."),
                Mistake(total + (stacks - 1) * stem, "The hourglass comes again, not the stem."),
                Mistake(
                    stem + (total - stem) * (stacks + 1),
                    f"{stacks} in all, not {stacks} more.",
                ),
            ),
            reason=f"{stem:,} + {stacks} × {total - stem:,}.",
            reveals=after,
        ),
    )


@telling_apart
def heat_maps_of_all(random: Random) -> Step:
    """Ask what is predicted if each hourglass predicts."""
    stacks, parts = random.choice([3, 4, 5]), random.randint(6, 17)
    plain = _hourglass(random, stacks)
    after = changed(plain, heads=(Head(name="heat_maps", channels=parts),))
    return Step(
        title="Each of them predicts",
        text="A head turns a feature into a prediction, here a heat map for each body part. In a "
        "stack every hourglass gets one, and in training each of these predictions is compared "
        "with the truth: intermediate supervision. So the gradient need not come through all later "
        "hourglasses to reach the first, and each is asked to improve on the one before.\n\n"
        "In use, the last prediction counts.",
        design=plain,
        points_at="control stacks",
        question=NumberQuestion(
            prompt=f"Each of {stacks} hourglasses gets a head for {parts} body parts. How many "
            "heat maps does the network put out for an image in training?",
            answer=sum(node.shape[2] for node in after.graph.outputs),
            unit="heat maps",
            mistakes=(
                Mistake(parts, "Those are the last ones, which count in use."),
                Mistake(stacks, "Each head puts out one for every body part."),
                Mistake((stacks - 1) * parts, "The last hourglass predicts, too."),
                Mistake(stacks + parts, "Each of the hourglasses puts out one for every part."),
            ),
            reason=f"{stacks} × {parts}.",
            reveals=after,
        ),
    )


def who_reads_the_stem(draw: Draw) -> Step:
    """Ask where what the stem found is used again."""
    random = draw.own
    merges = random.random() < 0.7
    design = _residual(random, stacks=random.choice([2, 3]), merge_stacks=merges)
    stem = _stem(design)
    first = next(node for node in design.graph if node.block and node.block.role == "encoder")
    readers = [
        node
        for node in design.graph
        if stem[-1] in node.inputs and node.block not in (stem[-1].block, first.block)
    ]
    right = of_blocks(readers)
    merged = ", and the merge after the first" if merges else ""
    told = {
        "encoder": "It reads what the block before it puts out.",
        "middle": "It reads what the block before it puts out.",
        "decoder": "Its skip connection comes from an encoder block, at a lower resolution.",
        "merge": "It adds what went into the hourglass before it, which is not the first.",
    }
    blocks = {block_id(node): node for node in design.graph if node.block}
    return Step(
        title="Who feeds whom?",
        text="What the stem puts out is the image’s description at the highest resolution that the "
        "hourglasses work at. They use it more than once. Links between blocks show what reads "
        "what; hover over one, or select a block, to see its ends.",
        design=design,
        points_at="stage",
        question=ClickQuestion(
            design=design,
            prompt="Besides the first encoder block, other blocks read the stem’s output directly, "
            "not only what was made of it. Click one of them.",
            right=right,
            mistakes=(
                Mistake(block_id(first), "That is the first encoder block: find another."),
                Mistake(block_id(stem[-1]), "That is the stem itself."),
                *(
                    Mistake(selected, told[node.block.role])
                    for selected, node in blocks.items()
                    if node.block
                    and node.block.role in told
                    and selected not in {*right, block_id(first)}
                ),
            ),
            reason=f"{len(right)} besides the first do: the last decoder block of each hourglass, "
            f"by its skip connection{merged}. Newell et al. take the skip of a later hourglass "
            "from that hourglass’s own input instead.",
        ),
    )


def a_residual_sum(draw: Draw) -> Step:
    """Ask what a residual module puts out."""
    random = draw.own
    design = _residual(draw.shared, stacks=1)
    while True:
        given, added = random.randint(-9, 9), random.randint(-9, 9)
        out = given + added
        wrong = (
            (max(out, 0), "No relu follows the sum here: it stands before each convolution."),
            (max(given, 0) + added, "The shortcut hands on what comes in, before any relu."),
            (added, "That is what the convolutions make; the shortcut is added to it."),
            (given, "That is what comes in; what the convolutions make is added to it."),
            (given * added, "The two are added: nothing is multiplied."),
            (abs(given) + abs(added), "Mind the signs."),
        )
        mistakes = tuple(Mistake(*each) for each in wrong if each[0] >= 0 and each[0] != out)
        if (
            given
            and added
            and out
            and given != added
            and len({each.answer for each in mistakes}) >= 3
        ):
            break
    return Step(
        title="A residual module",
        text="The blocks here are made of residual modules. Normalisation, relu and a "
        "convolution, three times over, make something of what comes in. A shortcut hands on "
        "what came in, as it is where the width stays, and both are added. So the convolutions "
        "only have to learn what is to be changed, and a gradient comes back by the shortcut "
        "undiminished, however many modules there are.",
        design=design,
        select=block_id(_stem(design)[-1]),
        question=NumberQuestion(
            prompt=(
                f"At one position of one channel, {given} comes into such a module, which keeps "
                f"the width. Its last convolution puts out {added} there. What does the module put "
                "out?"
            ).replace("-", "−"),
            answer=out,
            mistakes=mistakes,
            reason=f"{given} + {added} = {out}".replace("-", "−").replace("+ −", "− ") + ".",
        ),
    )


@telling_apart
def weights_of_a_bottleneck(random: Random) -> Step:
    """Ask what the 1×1 convolutions save."""
    before = _residual(random, stacks=1)
    now: int = before.architecture.filters  # type: ignore[union-attr]
    filters = random.choice([n for n in range(10, 42, 2) if n != now])
    after = changed(before, filters=filters)
    module = [
        node
        for node in after.graph
        if node.name.startswith("stack0_enc0_res0_") and isinstance(node.layer, Conv2D)
    ]
    weights = sum(node.params - node.shape[2] for node in module)
    half = filters // 2
    return Step(
        title="A bottleneck",
        text="The convolutions of a residual module form a bottleneck: a 1×1 convolution halves "
        "the channels, a 3×3 one works on this half, and another 1×1 restores all of them. Only "
        "the 3×3 convolution looks at neighbours.",
        design=before,
        select=block_id(before.graph[module[0].name]),
        points_at="control filters",
        question=NumberQuestion(
            prompt=f"With filters = {filters}, a module of the encoder gets {filters} channels and "
            "puts out as many. How many weights have its three convolutions together, biases and "
            "normalisation not counted?",
            answer=weights,
            unit="weights",
            mistakes=(
                Mistake(
                    9 * filters**2,
                    "So many has one plain 3×3 convolution: the bottleneck saves the larger part.",
                ),
                Mistake(9 * half**2, "The two 1×1 convolutions have weights, too."),
                Mistake(11 * filters**2, "In the middle there are half the channels."),
                Mistake(
                    11 * half**2,
                    "There are two 1×1 convolutions, down to half the channels and up again. Each "
                    "has all channels on its one side, half on its other.",
                ),
                Mistake(weights + filters + 2 * half, "Biases were not to be counted."),
            ),
            reason=f"{filters}×{half} + 3×3×{half}×{half} + {half}×{filters}; a plain 3×3 "
            f"convolution has {9 * filters**2:,}.",
            reveals=after,
        ),
    )


def _dense(random: Random) -> Design:
    net = FCDenseNet(
        growth_rate=random.choice([3, 4, 6]),
        layers_per_block=(random.randint(3, 6), random.randint(3, 4)),
        bottleneck_layers=3,
        first_filters=random.choice([8, 10, 12, 16]),
        dropout=0,
    )
    return Design(net, drawn_image(random, 4, 8, 16))


def _what_is_read(design: Design) -> GridPicture:
    """Return what the layers of the first dense block read."""
    net: Any = design.architecture
    names = (f"stack0_enc0_dense{place}_bn" for place in range(net.layers_per_block[0]))
    return dense_picture([design.graph[name] for name in names])


@telling_apart
def channels_of_a_dense_layer(random: Random) -> Step:
    """Ask what a layer of a dense block reads."""
    before = _dense(random)
    net: Any = before.architecture
    growth = random.choice([n for n in range(4, 15) if n != net.growth_rate])
    after = changed(before, growth_rate=growth)
    place = random.randint(3, net.layers_per_block[0])
    layer = after.graph[f"stack0_enc0_dense{place - 1}_bn"]
    read, first = layer.inputs[0].shape[2], net.first_filters
    return Step(
        title="A dense block",
        text="In a dense block nothing is added up: what each layer makes is set beside what it "
        "read (concatenated), and the next layer reads all of it. Each layer makes as many "
        "channels as the growth rate says.",
        design=before,
        select=block_id(layer),
        points_at="control growth_rate",
        question=NumberQuestion(
            prompt=f"The first dense block gets {first} channels from the convolution before it. "
            f"With a growth rate of {growth}, how many channels does its {_ORDINAL[place]} dense "
            "layer read?",
            answer=read,
            unit="channels",
            mistakes=(
                Mistake(
                    read + growth,
                    f"So many there are after it: before the {_ORDINAL[place]}, "
                    f"{place - 1} layers have added theirs.",
                ),
                Mistake(read - first, "What comes into the block is read, too."),
                Mistake(first + growth, "All layers before it count, not only the last."),
                Mistake(growth, "So many it makes. It reads all that was made before it."),
                Mistake(first, "That is what the first dense layer reads."),
            ),
            reason=f"{first} + {place - 1} × {growth}.",
            reveals=after,
            pictures=(_what_is_read(after),),
        ),
    )


@telling_apart
def links_of_a_dense_block(random: Random) -> Step:
    """Ask how much is linked in a dense block."""
    before = _dense(random)
    net: Any = before.architecture
    layers = random.choice([n for n in range(4, 12) if n != net.layers_per_block[0]])
    after = changed(before, layers_per_block=(layers, *net.layers_per_block[1:]))
    links = layers * (layers + 1) // 2
    return Step(
        title="Who reads whom?",
        text="In a plain chain each layer reads one other. In a residual module a sum of two goes "
        "on. In a dense block every layer reads the block’s input and what each layer before it "
        "made, so each of them has a short way to the loss.",
        design=before,
        select=block_id(before.graph["stack0_enc0_dense0_bn"]),
        question=NumberQuestion(
            prompt=f"The first dense block, which gets {net.first_filters} channels, is given "
            f"{layers} dense layers. Count for each of them what it reads: the block’s input, and "
            "each layer before it. How many such links are there in the block?",
            answer=links,
            unit="links",
            mistakes=(
                Mistake(links - layers, "Each also reads the block’s input."),
                Mistake(layers, "So many a chain has. Here each reads all before it."),
                Mistake(layers**2, "None reads itself, or one that comes after it."),
                Mistake(layers * (layers + 1), "You counted each link from both of its ends."),
                Mistake(2 * layers - 1, "Each reads all layers before it, not only the last."),
            ),
            reason=f"1 + 2 + … + {layers} = {layers} × {layers + 1} ÷ 2: the first reads the "
            "input, the second that and the first, and so on.",
            reveals=after,
            pictures=(_what_is_read(after),),
        ),
    )


def build_one(draw: Draw) -> Step:
    """Have a network built that sees farther without going lower."""
    random = draw.own
    start = _hourglass(random, stacks=1)
    net: Any = start.architecture
    stacks = random.choice([2, 3])
    most = start.report.total_params
    filters = net.filters
    while True:
        example = changed(start, stacks=stacks, filters=filters, filter_increase=0)
        if sum(node.params for node in example.graph) <= most:
            break
        filters -= 1
    stride = net.stem_stride * 2**net.down_blocks
    return Step(
        title="Build one",
        text="Move the controls: the network that is on screen is your answer.",
        design=start,
        points_at="controls",
        question=BuildQuestion(
            prompt="Build a network that sees farther, within these limits: no more parameters "
            "than this one has, and no lower resolution anywhere.",
            budgets=(
                Budget("receptive field", at_least=field_of(example)),
                Budget("parameters", at_most=most),
                Budget("maximum stride", at_most=stride),
            ),
            example=example,
            reason="Each further hourglass goes down and up again at the same resolutions, and so "
            "adds its share to the field. Fewer filters pay for it: the field doesn’t depend on "
            "them.",
        ),
    )


PLAN = Plan(
    11,
    "Why stack hourglasses; residual and dense blocks; who feeds whom",
    12,
    (
        "Say what one more hourglass adds to the field, to the parameters and to the outputs",
        "Tell what a residual module adds up, and what its bottleneck saves",
        "Tell what each layer of a dense block reads, and follow links between blocks",
    ),
    (
        ("Twice the hourglasses, twice the parameters", "the stem is there once"),
        ("Only the last hourglass is trained on", "each gets a head, and a loss"),
        ("A residual module ends in a relu", "in a pre-activation one nothing follows the sum"),
        ("A dense layer reads the layer before it", "it reads all that the block holds so far"),
    ),
    (
        one_after_the_other,
        the_field_of_three,
        parameters_of_more,
        heat_maps_of_all,
        who_reads_the_stem,
        a_residual_sum,
        weights_of_a_bottleneck,
        channels_of_a_dense_layer,
        links_of_a_dense_block,
        build_one,
    ),
)
