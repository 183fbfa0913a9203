"""Which lines of a text tell of a block: those that stand for it, and no others."""

import json
import re

import attrs
import pytest

from explorer import BlockEdit, Custom, Head, ResNet, SimpleConvBlock, UNet, export, presets
from explorer.core.analysis.design import Design, Input
from explorer.core.exchange.text_places import text_with_places
from explorer.core.network.names import block_id

NET = UNet(
    filters=4, down_blocks=2, up_blocks=2, heads=(Head("mask", 3), Head("edge", 2, stride=2))
)
POSE = UNet(
    filters=4,
    down_blocks=3,
    up_blocks=2,
    stem_kernel_size=7,
    heads=(
        Head("MultiInstanceConfmapsHead", 4, stride=2),
        Head("PartAffinityFieldsHead", 6, stride=4),
    ),
)
KINDS = ("keras", "torch", "json", "sleap", "sleap-nn")


def design(net, side=256):
    return Design(net, Input().of_shape((side, side, 1)))


def told(net, kind, block):
    """The lines of a text that tell of a block."""
    text, places = text_with_places(design(net), kind)
    lines = text.split("\n")
    return [lines[place] for place in places.get(block, ())]


NETS = {
    **presets,
    **{
        f"{name}, twice": attrs.evolve(net, stacks=2)
        for name, net in presets.items()
        if not isinstance(net, ResNet)
    },
}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("kind", ["keras", "torch", "json"])
def test_the_text_is_that_of_export_and_tells_of_every_block(name, kind):
    shown = design(NETS[name])
    text, places = text_with_places(shown, kind)
    assert text == export(shown.architecture, kind, shown.input.shape)
    blocks = {block_id(node) for node in shown.graph if node.block or kind != "json"}
    assert places.keys() == blocks
    assert max(max(each) for each in places.values()) < len(text.split("\n"))


@pytest.mark.parametrize("kind", ["keras", "torch"])
def test_code_tells_of_a_block_where_it_is_made_and_then_of_what_such_blocks_do(kind):
    lines = told(NET, kind, "block-stack0_dec1")
    made = [at for at, line in enumerate(lines) if re.search(r"stack0_dec(1|\{i\})", line)]
    starts = ("def upsampling_block", "class Upsampling")
    shared = next(at for at, line in enumerate(lines) if line.startswith(starts))
    assert made
    assert max(made) < shared
    assert any("enc{i}" in line for line in told(NET, kind, "block-stack0_enc0")[:2])
    heads = told(NET, kind, "head-mask")
    assert any("mask" in line for line in heads)
    assert not any("edge" in line or "stack0" in line for line in heads)
    assert told(NET, kind, "alone-image_in") != []
    assert told(NET, kind, "block-stack0_dec9") == []


@pytest.mark.parametrize("kind", ["keras", "torch"])
def test_blocks_that_are_alike_in_all_stacks_have_the_same_lines(kind):
    net = presets["Stacked hourglass"]
    first, last = (told(net, kind, f"block-stack{stack}_enc0") for stack in (0, net.stacks - 1))
    assert first == last != []


def test_in_json_a_head_an_edit_and_a_block_of_a_list_have_lines_of_their_own():
    edit = BlockEdit(section="encoder", index=1, block=SimpleConvBlock(filters=20))
    net = attrs.evolve(NET, edits=(edit,))
    head = json.loads("".join(told(net, "json", "head-edge")).rstrip(","))
    assert (head["name"], head["channels"]) == ("edge", 2)
    block = json.loads("".join(told(net, "json", "block-stack0_enc1")).rstrip(","))
    assert (block["index"], block["block"]["filters"]) == (1, 20)
    rest = "".join(told(net, "json", "block-stack0_enc0"))
    assert '"down_blocks": 2' in rest
    assert '"heads"' not in rest
    assert '"edits"' not in rest
    written = json.loads("".join(told(Custom.of(net), "json", "block-stack0_enc1")).rstrip(","))
    assert (written["class"], written["filters"]) == ("SimpleConvBlock", 20)


@pytest.mark.parametrize("kind", ["sleap", "sleap-nn"])
def test_in_files_for_poses_heads_have_their_section_and_blocks_the_backbone(kind):
    pafs = told(POSE, kind, "head-PartAffinityFieldsHead")
    assert "pafs" in pafs[0]
    assert not any("confmaps" in line or "max_stride" in line for line in pafs)
    block = told(POSE, kind, "block-stack0_enc1")
    assert "unet" in block[0]
    assert any("max_stride" in line for line in block)
    assert not any("hourglass" in line or "heads" in line for line in block)
