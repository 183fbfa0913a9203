import attrs
import pytest

from explorer import Head, Hourglass, LeapCNN, ResNet, UNet
from explorer.core.network.balance import balanced
from explorer.core.network.parameters import parameter_of


def kept(net, **changes):
    """What upsampling goes with the changes, the output's resolution being kept."""
    return balanced(net, changes, parameter_of(type(net), "up_blocks"), net.output_stride)


@pytest.mark.parametrize("family", [UNet, LeapCNN, Hourglass])
@pytest.mark.parametrize("down", range(1, 7))
def test_as_much_upsampling_as_downsampling_keeps_the_resolution(family, down):
    assert kept(family(), down_blocks=down) == down


def test_another_resolution_than_the_full_one_is_kept_as_well():
    quarter = UNet(down_blocks=4, up_blocks=2)
    assert kept(quarter, down_blocks=6) == 4
    assert kept(quarter, down_blocks=2) == 0
    assert kept(quarter, down_blocks=1) == 0, "the nearest there is"


def test_a_stem_is_made_up_for_unless_the_stacks_need_it():
    assert kept(UNet(), stem_blocks=2) == 6
    assert kept(UNet(stacks=2), stem_blocks=2) == 4


def test_an_encoder_of_another_stride_is_made_up_for():
    net = ResNet(up_blocks=5, skips="concatenate")
    assert [kept(net, encoder_stride=stride) for stride in (8, 16, 32)] == [3, 4, 5]


def test_up_blocks_of_another_stride_are_made_up_for_as_far_as_they_can_be():
    net = ResNet(up_blocks=4)
    assert [kept(net, up_stride=stride) for stride in (2, 4, 8, 16, 32)] == [4, 2, 1, 1, 1]


def test_what_is_no_network_whatever_the_upsampling_has_no_value():
    assert kept(UNet(), down_blocks=0) is None
    assert kept(UNet(), down_blocks=float("nan")) is None
    assert kept(attrs.evolve(UNet(), heads=(Head(stride=16),)), down_blocks=3) is None
