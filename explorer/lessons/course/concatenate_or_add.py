"""Lesson 9: the two ways to join a skip connection, and what they have in common."""

from random import Random
from typing import Any

from explorer.core.analysis.budgets import MEASURES, Budget
from explorer.core.analysis.design import Design, changed, with_decoder_block
from explorer.core.families import UNet
from explorer.core.formatting import counted, product
from explorer.core.network.layers import Concatenate, Conv2D
from explorer.core.network.names import block_id, layer_id
from explorer.lessons.making import (
    drawn_image,
    field_of,
    in_decoder,
    limit,
    of_kind,
    telling_apart,
)
from explorer.lessons.pictures.schemes import split_picture
from explorer.lessons.plan import Draw, Plan, Step
from explorer.lessons.questions import (
    BuildQuestion,
    ChoiceQuestion,
    ClickQuestion,
    Mistake,
    NumberQuestion,
    of_blocks,
)


def _network(random: Random, convolutions: int = 1) -> Design:
    """Return a U-Net whose skip connections are concatenated."""
    depth = random.choice([2, 3])
    net = UNet(
        filters=random.choice([4, 6, 8, 10, 12]),
        down_blocks=depth,
        up_blocks=depth,
        convs_per_block=convolutions,
        kernel_size=random.choice([2, 3, 4, 5]),
    )
    return Design(net, drawn_image(random, 2**depth, 8, 16))


def two_ways_to_join(draw: Draw) -> Step:
    """Say what both do."""
    design = _network(draw.shared)
    join = of_kind(design, Concatenate)[-1]
    return Step(
        title="Two ways to join",
        text="A decoder block has two features of one height and width: one from below, one from "
        "the encoder, by the skip connection. To concatenate them sets their channels side by "
        "side. To add them sums them value by value: channel 1 to channel 1, channel 2 to channel "
        "2, so both need equally many.\n\n"
        "U-Nets concatenate, hourglasses add. This lesson shows how far the two are the same.",
        design=design,
        select=layer_id(join),
    )


@telling_apart
def parameters_after_adding(random: Random) -> Step:
    """Ask for the parameters of the convolution after a sum."""
    before = _network(random)
    after = changed(before, skips="add")
    last = before.architecture.up_blocks - 1  # type: ignore[union-attr]
    [old], [new] = (in_decoder(design, last, Conv2D) for design in (before, after))
    filters = new.shape[2]
    kernel: int = before.architecture.kernel_size  # type: ignore[union-attr]
    return Step(
        title="What the next convolution reads",
        text="The convolution after the join reads all channels that the join puts out. Here the "
        "feature from below and that from the encoder have equally many.",
        design=before,
        select=block_id(new),
        points_at="control skips",
        question=NumberQuestion(
            prompt=f"In the last decoder block, {counted(filters, 'channel')} come from below and "
            f"{filters} from the encoder; the convolution is {product(kernel, kernel)} with "
            f"{filters} filters and a bias. How many parameters has it with skips = add?",
            answer=new.params,
            unit="parameters",
            mistakes=(
                Mistake(
                    old.params,
                    "That is what it has now. A sum has no more channels than one of its parts.",
                ),
                Mistake(
                    old.params / 2,
                    "The kernel is halved. The bias is not: it belongs to the filters, and they "
                    "stay.",
                ),
                Mistake(new.params - filters, "The bias adds a parameter for each filter."),
                Mistake(
                    kernel**2 * filters + filters,
                    "Each filter has a kernel for every channel that it reads.",
                ),
                Mistake(0, "The sum has none, but this is the convolution after it."),
            ),
            reason=f"{product(kernel, kernel)}×{filters}×{filters} + {filters}: it reads "
            f"{filters} channels instead of {2 * filters}.",
            reveals=after,
        ),
    )


@telling_apart
def the_part_that_reads_the_skip(random: Random) -> Step:
    """Ask how a convolution over a concatenation is split in two."""
    design = changed(_network(random), up_interpolate=True)
    join = random.choice(of_kind(design, Concatenate))
    [convolution] = [node for node in design.graph if join in node.inputs]
    skip, below = (node.shape[2] for node in join.inputs)
    filters = convolution.shape[2]
    kernel: int = design.architecture.kernel_size  # type: ignore[union-attr]
    each = kernel**2 * filters
    return Step(
        title="A convolution, split in two",
        text="A convolution multiplies and adds up. Over a concatenation, some of its weights meet "
        "only channels of the encoder, the others only channels from below. So it can be written "
        "as two convolutions, one of each feature, whose outputs are added: the numbers that come "
        "out are the same.",
        design=design,
        select=layer_id(convolution),
        pictures=(split_picture(random, kernel),),
        question=NumberQuestion(
            prompt=f"Split the {product(kernel, kernel)} convolution that reads the concatenation "
            f"at {product(*join.shape[:2])} ({skip} channels from the encoder, {below} from "
            f"below; {filters} filters). How many weights, without biases, has the part that reads "
            "the encoder’s channels?",
            answer=each * skip,
            unit="weights",
            mistakes=(
                Mistake(each * (skip + below), "That is the whole kernel: both parts."),
                Mistake(each * below, "That is the part which reads the channels from below."),
                Mistake(
                    each * (skip + below) / 2,
                    "The parts are as large as what they read, which is not half of it each.",
                ),
                Mistake(
                    each * skip + filters, "Biases were left out: one, in either part, will do."
                ),
                Mistake(kernel**2 * skip, "That is one filter: each part has all the filters."),
            ),
            reason=f"{product(kernel, kernel)}×{skip}×{filters}. The other part has "
            f"{each * below:,}; together they are the kernel as it was.",
        ),
    )


def a_value_of_the_sum(draw: Draw) -> Step:
    """Ask where bias and activation come in."""
    random = draw.own
    while True:
        up, down, bias = random.randint(4, 20), -random.randint(1, 12), random.randint(1, 6)
        first, second = random.sample([up, down], 2)
        mistakes = (
            Mistake(
                max(up + bias, 0),
                "relu came too early: the negative part counts in the sum, and relu sees the sum.",
            ),
            Mistake(
                up + down + 2 * bias,
                "One bias, not two: the convolution had one, so only one part keeps it.",
            ),
            Mistake(up + down, "The bias is missing: one of the parts keeps it."),
            Mistake(up - down + bias, "Mind the sign: the negative part is taken away."),
            Mistake((up + down) / 2 + bias, "Parts of a convolution are summed, not averaged."),
        )
        if up + down > 0 and len({up + down + bias, *(m.answer for m in mistakes)}) == 6:
            break
    return Step(
        title="Before the activation",
        text="Take one filter at one position. The sum over all weights, times what they meet, "
        "splits into two partial sums: one over the encoder’s channels, one over those from below. "
        "Bias and activation (here relu, which makes negative numbers 0) come after all is summed.",
        design=_network(draw.shared),
        question=NumberQuestion(
            prompt=f"The partial sum over the encoder’s channels is {first}".replace("-", "−")
            + f", that over the channels from below {second}".replace("-", "−")
            + f"; the bias is {bias}. What does concatenate → convolution → relu put out there?",
            answer=up + down + bias,
            mistakes=mistakes,
            reason=f"relu({first} + {second} + {bias}) = {up + down + bias}.".replace(
                "+ -", "− "
            ).replace("-", "−"),
        ),
    )


def the_same_by_adding(draw: Draw) -> Step:
    """Ask which arrangement can do the same as a concatenation."""
    random = draw.own
    design = _network(random)
    activation = random.choice(["relu", "tanh", "sigmoid", "elu"])
    kernel: int = design.architecture.kernel_size  # type: ignore[union-attr]
    filters = of_kind(design, Concatenate)[-1].shape[2] // 2
    spoilt = {
        "relu": "relu takes negative parts away before they can cancel positive ones.",
        "tanh": "tanh of a sum is not the sum of two tanh.",
        "sigmoid": "The sigmoid of a sum is not the sum of two sigmoids.",
        "elu": "elu bends negative parts before they can cancel positive ones.",
    }[activation]
    return Step(
        title="When is it the same?",
        text="In the hourglass of Newell et al. (2016), what a skip connection brings passes "
        "layers of its own before it is added to what comes from below. Whether such an "
        "arrangement can replace a concatenation depends on what stands between its convolution "
        "and the sum.",
        design=design,
        select=layer_id(of_kind(design, Concatenate)[-1]),
        question=ChoiceQuestion.drawn(
            random,
            prompt=f"Concatenate → {product(kernel, kernel)} convolution of {filters} filters → "
            f"{activation}: which of these can put out the same for every input, if its weights "
            "are chosen well?",
            right=f"a convolution of each → add → {activation}",
            mistakes=[
                Mistake(f"a convolution of each → {activation} of each → add", spoilt),
                Mistake(
                    f"add → a convolution → {activation}",
                    "Here both features meet the same weights; after a concatenation each has its "
                    "own.",
                ),
                Mistake(
                    f"a convolution of each → multiply → {activation}",
                    "A convolution adds up what it meets; it multiplies no feature by another.",
                ),
            ],
            reason="Convolutions are linear up to the activation, so the sum of the two parts is "
            "the whole. The weights are those of the one kernel, cut in two.",
        ),
    )


def what_a_sum_cannot_tell(draw: Draw) -> Step:
    """Ask which features look alike after they were added."""
    random = draw.own
    while True:
        encoder, below = random.sample(range(1, 16), 2)
        shift = random.choice([n for n in range(-4, 5) if n])
        right = encoder + shift, below - shift
        wrong = (
            (
                (encoder + abs(shift), below + abs(shift)),
                "Both grow, and so does the sum: it is their difference that stays.",
            ),
            ((2 * encoder, 2 * below), "Their ratio stays, and the sum doubles."),
            ((encoder, below + shift), "One alone changes, so the sum changes."),
        )
        pairs = {(encoder, below), right, *(pair for pair, _ in wrong)}
        if min(right) > 0 and below + shift > 0 and len(pairs) == 5:
            break
    return Step(
        title="What is lost",
        text="Add first, and convolve then: that is the split convolution with the same weights in "
        "both parts. It has half the weights, and it sees only the sum. After a concatenation, a "
        "filter can weigh the two apart, for example subtract one from the other.",
        design=changed(_network(draw.shared), skips="add"),
        question=ChoiceQuestion.drawn(
            random,
            prompt=f"In one channel, at one position, the encoder gives {encoder}, and {below} "
            "comes from below. All else stays. Which other values make no difference after the two "
            "are added, but can make one after they are concatenated?",
            right=_pair(*right),
            mistakes=[Mistake(_pair(*pair), reason) for pair, reason in wrong],
            reason=f"The sum stays {encoder + below}, and so does whatever is computed from it.",
        ),
    )


def _pair(encoder: int, below: int) -> str:
    return f"{encoder} from the encoder, {below} from below"


@telling_apart
def multiply_adds_saved(random: Random) -> Step:
    """Ask how much cheaper the convolution after a sum is."""
    before = _network(random)
    after = changed(before, skips="add")
    last = before.architecture.up_blocks - 1  # type: ignore[union-attr]
    [old], [new] = (in_decoder(design, last, Conv2D) for design in (before, after))
    kernel: int = before.architecture.kernel_size  # type: ignore[union-attr]
    height, width, filters = new.shape
    saved = (old.macs or 0) - (new.macs or 0)
    return Step(
        title="What adding saves",
        text="A convolution does one multiply-add for each weight of its kernel at each position "
        "of its output. A sum has no multiplications.",
        design=before,
        select=layer_id(old),
        question=NumberQuestion(
            prompt=f"The convolution of the last decoder block ({product(kernel, kernel)}, "
            f"{filters} filters) puts out {product(height, width)}, and reads {filters} channels "
            f"from the encoder beside {filters} from below. How many multiply-adds does it save "
            "with skips = add?",
            answer=saved,
            unit="multiply-adds",
            mistakes=(
                Mistake(
                    old.params - new.params,
                    "So many weights it saves; each was used at every position.",
                ),
                Mistake(old.macs or 0, "That is all it does now: half of it stays."),
                Mistake(
                    saved // 4,
                    "Positions are those of its output, at the higher resolution.",
                ),
                Mistake(saved // filters, "For one filter: there are more."),
                Mistake(
                    height * width * filters,
                    "So many values are added; each weight that goes saved a multiply-add at each "
                    "position.",
                ),
            ),
            reason=f"{product(kernel, kernel)}×{filters}×{filters} weights less × "
            f"{product(height, width)} positions.",
            reveals=after,
        ),
    )


def _mixed(random: Random) -> tuple[Design, Design, int, int]:
    """Return a design with one join of unequal widths, its twin that adds, and two blocks.

    The blocks are that of the unequal join, and one that interpolates without being so.
    """
    depth = random.choice([3, 4])
    filters = random.choice([4, 6, 8])
    unequal = random.randrange(depth)
    alike = random.choice([index for index in range(1, depth) if index != unequal])
    by_filters = random.random() < 0.5
    widths = [filters * 2**level for level in reversed(range(depth))]  # of what skips bring
    image = drawn_image(random, 2**depth, 4, 8)
    made = []
    for skips in ("concatenate", "add"):
        net = UNet(
            filters=filters, down_blocks=depth, up_blocks=depth, convs_per_block=1, skips=skips
        )
        design = Design(net, image)
        # What the block before puts out is as wide as what the skip brings.
        design = with_decoder_block(design, alike - 1, refine_convs_first_filters=widths[alike])
        design = with_decoder_block(design, alike, transposed_conv=False)
        fields = (
            {"transposed_conv_filters": widths[unequal] + 2}
            if by_filters
            else {"transposed_conv": False}
        )
        made.append(with_decoder_block(design, unequal, **fields))
    before, after = made
    return before, after, unequal, alike


def where_widths_differ(draw: Draw) -> Step:
    """Ask where a sum needs a convolution first."""
    before, after, unequal, alike = _mixed(draw.own)
    joins = of_kind(before, Concatenate)
    right = joins[unequal]
    return Step(
        title="Equal widths",
        text="Only features of equal width can be added. Where the encoder’s has other channels "
        "than what comes from below, it passes a 1×1 convolution first. A concatenation takes "
        "any.\n\n"
        "On the way up, a transposed convolution sets the channels, by its filters; interpolation "
        "keeps those that it gets.",
        design=before,
        points_at="stage",
        question=ClickQuestion(
            design=before,
            prompt="Click the decoder block that needs such a 1×1 convolution, if all skip "
            "connections are added. (Open blocks by a double click.)",
            right=of_blocks([right]),
            mistakes=tuple(
                Mistake(
                    block_id(node),
                    "It interpolates, but what it gets from below is as wide as what the encoder "
                    "has."
                    if index == alike
                    else "Its transposed convolution makes as many channels as the encoder has: "
                    f"{node.inputs[0].shape[2]}.",
                )
                for index, node in enumerate(joins)
                if node is not right
            ),
            reason=f"{right.inputs[0].shape[2]} channels come from the encoder, and "
            f"{right.inputs[1].shape[2]} from below.",
            hint="Nothing is joined in this block: look at the decoder’s, where skips arrive.",
            reveals=after,
        ),
    )


def _with_fewer_parameters(start: Design) -> tuple[list[Design], list[Design]]:
    """Return what one change makes of a design, and what two do, one of which is to add skips."""
    others: tuple[dict[str, Any], ...] = ({"up_interpolate": True}, {"block_contraction": True})
    added = changed(start, skips="add")
    one = [added, *(changed(start, **other) for other in others)]
    return one, [changed(added, **other) for other in others]


def build_one(draw: Draw) -> Step:
    """Have a network built that keeps its skips with fewer parameters."""
    random = draw.own
    while True:
        start = _network(random, convolutions=random.choice([1, 2]))
        kept = (
            Budget("skip connections", at_least=len(of_kind(start, Concatenate))),
            Budget("most filters", at_least=MEASURES["most filters"].of(start)),
            Budget("receptive field", at_least=field_of(start)),
        )
        one, two = (
            [design for design in designs if all(budget.check(design).is_met for budget in kept)]
            for designs in _with_fewer_parameters(start)
        )
        if two:
            break
    example = min(two, key=lambda design: design.report.total_params)
    # No one of these changes is enough.
    most = min(design.report.total_params for design in (*one, start))
    room = (most / example.report.total_params) ** 0.6
    return Step(
        title="Build one",
        text="Move the controls: the network that is on screen is your answer. It has to keep its "
        "skip connections. One change is not enough.",
        design=start,
        points_at="controls",
        question=BuildQuestion(
            prompt="Build a network with as many skip connections, as large a receptive field and "
            "as many filters in its widest layer as this one, but far fewer parameters.",
            budgets=(
                Budget("parameters", at_most=limit(example, "parameters", random, room)),
                *kept,
            ),
            example=example,
            reason="Added skip connections leave the next convolution fewer channels to read. So "
            "do blocks that narrow at their end; and interpolation has no weights at all.",
        ),
    )


PLAN = Plan(
    9,
    "Concatenate or add: the same thing after a split convolution",
    10,
    (
        "Split a convolution over concatenated features into two whose outputs are added",
        "Say where bias and activation have to stand for that to be exact",
        "Tell what adding before the convolution saves, and what it can no longer tell apart",
    ),
    (
        (
            "Adding and concatenating do different things altogether",
            "a convolution over a concatenation is a sum of two convolutions",
        ),
        (
            "Adding is always as good: the convolution before it can adapt",
            "only if no activation stands between that convolution and the sum",
        ),
        ("Adding halves the parameters of the network", "only the kernels that read a join shrink"),
        (
            "Any two features can be added",
            "they need the same width; others pass a 1×1 convolution",
        ),
    ),
    (
        two_ways_to_join,
        parameters_after_adding,
        the_part_that_reads_the_skip,
        a_value_of_the_sum,
        the_same_by_adding,
        what_a_sum_cannot_tell,
        multiply_adds_saved,
        where_widths_differ,
        build_one,
    ),
)
