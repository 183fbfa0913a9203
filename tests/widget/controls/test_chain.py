from typing import Any

import attrs
import pytest

from explorer import (
    EncoderDecoder,
    Hourglass,
    LeapCNN,
    ResNet,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    UNet,
    parameter,
)
from explorer.core.network.parameters import parameters_of
from explorer.widget.controls.form import Form


@attrs.frozen(slots=False)
class Own(EncoderDecoder):
    """A family of a user's, without headings."""

    down: int = 2
    up: int = parameter(2, minimum=0, follows=("down",))

    @property
    def encoder_stack(self):
        return [SimpleConvBlock(filters=2)] * self.down

    @property
    def decoder_stack(self):
        return [SimpleUpsamplingBlock(refine_convs_filters=2)] * self.up


class Edited:
    """A form whose moves are applied as the explorer applies them."""

    def __init__(self, net: Any) -> None:
        self.net = net
        self.form = Form(parameters_of(type(net)), net, self._changed)
        self.form.show(net)

    def _changed(self, name: str) -> None:
        self.form.follow(name)
        try:
            self.net = attrs.evolve(self.net, **self.form.values)
        except ValueError:
            return
        self.form.show(self.net)

    def move(self, **values: int) -> Any:
        for name, value in values.items():
            self.form.controls[name].holder.value = value
        return self.net

    @property
    def chain(self):
        return next(group.head for group in self.form.groups.values() if group.head.chain)


@pytest.mark.parametrize("net", [UNet(), LeapCNN(), Hourglass()])
def test_up_blocks_follow_down_blocks(net):
    edited = Edited(net)
    assert edited.chain.closed
    assert edited.chain.title == "Depth"
    assert edited.chain.chain.startswith("up blocks follow down blocks")

    for down in (5, 2, 3):
        moved = edited.move(down_blocks=down)
        assert (moved.down_blocks, moved.up_blocks) == (down, down)
        assert moved.output_stride == net.output_stride
        assert edited.form.controls["up_blocks"].value == down


def test_up_blocks_move_alone_and_the_new_resolution_is_kept():
    edited = Edited(UNet())

    assert edited.chain.chain.endswith("so that the output keeps its resolution: the input's")

    assert edited.move(up_blocks=3).down_blocks == 4
    assert edited.chain.chain.endswith("its resolution: 1/2 of the input's")
    assert edited.move(down_blocks=6).up_blocks == 5
    assert edited.net.output_stride == 2


def test_an_open_chain_lets_each_move_alone():
    edited = Edited(UNet())
    edited.chain.closed = False

    assert edited.move(down_blocks=5).up_blocks == 4
    edited.move(filters=8)
    assert not edited.chain.closed, "as the user left it"
    edited.chain.closed = True
    assert edited.move(down_blocks=6).up_blocks == 5


def test_to_and_fro_comes_back_to_where_it_was():
    edited = Edited(UNet(down_blocks=4, up_blocks=2))

    moved = [edited.move(down_blocks=down).up_blocks for down in (3, 2, 1, 2, 3, 4)]

    assert moved == [1, 0, 0, 0, 1, 2]


def test_a_refused_move_moves_nothing_along():
    edited = Edited(UNet())

    edited.move(down_blocks=0)
    assert edited.form.controls["up_blocks"].value == 4
    assert edited.move(down_blocks=3).up_blocks == 3


def test_an_encoder_alone_gets_no_decoder():
    edited = Edited(ResNet(encoder_stride=16))
    assert not edited.chain.closed
    assert edited.move(encoder_stride=32).up_blocks == 0
    edited.form.show(ResNet(up_blocks=5))
    assert edited.chain.closed


def test_up_blocks_follow_the_stride_of_each():
    edited = Edited(ResNet(up_blocks=4))
    assert edited.chain.chain.startswith("up blocks follow encoder stride and up stride")
    assert edited.move(up_stride=4).up_blocks == 2
    assert edited.move(up_stride=2).up_blocks == 4


def test_a_family_of_the_users_own_can_declare_it():
    edited = Edited(Own())
    assert (edited.chain.title, edited.chain.closed) == ("", True)

    assert edited.move(down=3) == Own(down=3, up=3)


def test_it_stays_closed_where_it_followed_to_nothing():
    edited = Edited(UNet(filters=2, up_blocks=3))
    assert edited.move(down_blocks=1).up_blocks == 0
    moved = edited.move(filters=3, down_blocks=4)
    assert (moved.up_blocks, moved.output_stride) == (3, 2)
