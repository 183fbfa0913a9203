"""What is offered to be tried next can be done, changes something, and does what is said of it."""

import attrs
import pytest
from hypothesis import given, settings

from explorer import (
    Custom,
    EncoderDecoder,
    HourglassDownBlock,
    LeapCNN,
    PlainConvUNet,
    ReadModel,
    ResNet,
    SimpleConvBlock,
    UNet,
    presets,
    trace,
)
from explorer.core.analysis.connections import wiring_of
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.quantities import of_networks
from explorer.core.editing.moves import MOST_MOVES, Move, moves
from explorer.core.formatting import product
from explorer.core.network.graph import positions
from explorer.core.words.arithmetic import Fact
from tests.strategies import architectures, shapes_for

SMALL = UNet(filters=8, down_blocks=2, up_blocks=2)


def told(design: Design) -> list[str]:
    """Return the figures of a network, as they are written."""
    report = design.report
    field = report.receptive_field
    return [
        "unknown" if field is None else f"{product(*dict.fromkeys(field))} px",
        *(
            quantity.in_network(report, design.input.batch_size).written(quantity.short)
            for quantity in of_networks()
        ),
    ]


def links(design: Design) -> list[object]:
    """Return what a network is made of."""
    return [(node.layer, node.shape, [each.name for each in node.inputs]) for node in design.graph]


def check(design: Design, found: tuple[Move, ...]) -> None:
    """Check that each move is another design, whose figures are those that are told."""
    assert len({move.design for move in found} | {design}) == len(found) + 1
    assert len({move.words for move in found}) == len(found)
    assert len({str(links(move.design)) for move in found}) == len(found), "no two do the same"
    for move in found:
        after = Design(move.design.architecture, move.design.input)
        assert links(after) != links(design)
        names = ["sees", *(quantity.words for quantity in of_networks())]
        assert list(move.figures) == [
            Fact(name, before if before == now else f"{before} → {now}")
            for name, before, now in zip(names, told(design), told(after), strict=True)
        ]
        assert move.watch.endswith(".")


@pytest.mark.parametrize("name", presets)
def test_each_preset_has_three_moves_that_do_what_they_say(name):
    design = Design(presets[name], Input(batch_size=2))
    found = moves(design)
    assert len(found) == MOST_MOVES
    check(design, found)


@settings(max_examples=50)
@given(architectures.flatmap(lambda each: shapes_for(each).map(lambda shape: (each, shape))))
def test_whatever_is_offered_of_any_network_can_be_done(case):
    architecture, shape = case
    design = Design(architecture, Input().of_shape(shape))
    check(design, moves(design))


def test_the_finest_skip_is_cut_then_the_next_and_in_the_end_there_is_none():
    design = Design(SMALL)
    left = []
    for words in ("encoder 0 to decoder 1", "encoder 1 to decoder 0"):
        cut = next(move for move in moves(design) if move.words.startswith("Cut"))
        assert cut.words == f"Cut the skip from {words}"
        design = cut.design
        wiring = wiring_of(design.graph)
        left.append(max((positions(skip.source) for skip in wiring.skips), default=0))
        assert (f"that of {product(128, 128)}" in cut.watch) == (left[-1] == 128**2)
    assert left == [128**2, 0]
    assert "passed the lowest resolution, 64×64" in cut.watch
    back = moves(design)[0]
    assert back.words == "Bring a skip to decoder 1"
    assert "Detail of 256×256" in back.watch
    assert len(wiring_of(back.design.graph).skips) == 1


def test_a_level_more_where_the_input_allows_it_and_else_one_fewer():
    deeper = next(move for move in moves(Design(SMALL)) if "level" in move.words)
    assert deeper.words == "One level more"
    assert deeper.design.architecture == attrs.evolve(SMALL, down_blocks=3, up_blocks=3)
    assert "is 32×32 instead of 64×64: the same window covers 4 times as much" in deeper.watch
    fewer = next(move for move in moves(Design(SMALL, Input(4, 4))) if "level" in move.words)
    assert fewer.words == "One level fewer"
    assert "covers 1/4 as much of the image" in fewer.watch


def test_the_sight_is_changed_by_what_moves_the_figures_most_unlike_each_other():
    found = [move.words for move in moves(Design(presets["U-Net (small)"]))]
    assert found[0] == "Cut the skip from encoder 0 to decoder 2"
    assert found[1:] == ["One level more", "Half as many filters"]
    # At another output stride a decoder has one step less, so that its output stays as it was.
    dilated = next(move for move in moves(Design(ResNet(up_blocks=5))) if "dilation" in move.words)
    assert dilated.design.architecture.output_stride == 1


@pytest.mark.parametrize("net", [SMALL, LeapCNN(filters=16, down_blocks=2, up_blocks=2)])
def test_strided_convolutions_take_the_place_of_pooling_and_pooling_theirs(net):
    pooled = Design(net)
    strided = next(move for move in moves(pooled) if move.words.startswith("Strided"))
    assert strided.words == "Strided convolutions instead of pooling"
    assert strided.design.architecture == attrs.evolve(net, strided_conv=True)
    kinds = {node.kind for node in strided.design.graph}
    assert "MaxPooling2D" not in kinds
    levels = (net.filters, 2 * net.filters)
    weights = sum(4 * channels**2 + channels for channels in levels)
    before, after = pooled.report, strided.design.report
    assert after.total_params == before.total_params + weights
    assert after.receptive_field == before.receptive_field
    back = next(move for move in moves(strided.design) if move.words.startswith("Pooling"))
    assert back.words == "Pooling instead of strided convolutions"
    assert back.design.architecture == net


def test_the_pooling_of_listed_blocks_is_replaced_too():
    convolutions = SimpleConvBlock(filters=4, pooling_stride=3)
    design = Design(Custom(encoder=(convolutions, HourglassDownBlock(filters=4))), Input(36, 36))
    strided = next(move for move in moves(design) if move.words.startswith("Strided"))
    first, second = strided.design.architecture.encoder
    assert first == attrs.evolve(convolutions, strided_conv=True)
    assert second == HourglassDownBlock(filters=4), "it has no such choice"
    assert "unknown" not in strided.figures[0].value
    back = next(move for move in moves(strided.design) if move.words.startswith("Pooling"))
    assert back.design.architecture == design.architecture


def test_a_larger_image_is_offered_only_where_nothing_but_the_image_changes():
    design = Design(Custom.of(SMALL))
    larger = next(move for move in moves(design) if move.words == "An image of 512×512")
    assert larger.design.report.total_params == design.report.total_params
    assert larger.design.report.receptive_field == design.report.receptive_field
    # An instance normalisation sees all of an image, however large that is.
    assert not any("image" in move.words for move in moves(Design(PlainConvUNet())))


def test_nothing_is_offered_of_a_model_that_was_read():
    model = ReadModel.of(trace(SMALL, (64, 64, 1)))
    assert moves(Design(model, Input(64, 64, 1))) == ()


def test_a_class_that_breaks_is_offered_what_works():
    class Odd(EncoderDecoder):
        encoder_stack = (SimpleConvBlock(filters=4),)
        decoder_stack = ()

        def make_backbone(self, x_in, current_stride=1):
            if self.stacks > 1:
                raise RuntimeError("not thought of")
            return super().make_backbone(x_in, current_stride)

    design = Design(Odd())
    found = moves(design)
    check(design, found)
    assert [move.words for move in found] == ["An image of 512×512"]
