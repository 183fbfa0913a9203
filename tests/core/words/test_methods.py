"""The paragraph for a paper says what the graph says, and cites what the family comes from."""

import re

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer import (
    BlockEdit,
    Custom,
    Graph,
    Head,
    ReadModel,
    ResNet,
    SimpleConvBlock,
    UNet,
    analyze,
    presets,
    trace,
)
from explorer.core.network.errors import Refusal
from explorer.core.network.graph import input_feature
from explorer.core.network.layers import Conv2D
from explorer.core.words.methods import methods
from explorer.core.words.sources import ORIGINS, bibtex, sources
from tests.strategies import FAMILIES, architectures, shapes_for, with_heads

SMALL = presets["U-Net (small)"]


def test_a_u_net_is_told_in_full():
    assert methods(SMALL, (256, 256, 1)) == (
        "The network is a U-Net (Ronneberger et al., 2015). Its features have 4 resolutions, from "
        "full size (256 × 256) to 1/8 (32 × 32), and 16 to 128 channels. It has 14 convolutions of "
        "3×3, 3 max poolings of 2×2 and 3 transposed convolutions of 3×3. There are 17 activations "
        "by relu. Features are joined by 3 skip connections (concatenated). Of an image of 256 × "
        "256 × 1 it makes 256 × 256 × 16. It has 535,488 parameters, all trainable, and does "
        "2.43 G (2,425,356,288) multiply-accumulates per image. A forward pass of one image holds "
        "at most 18.0 MiB of weights and features at a time, in float32. The theoretical receptive "
        "field of its output is 108 × 108 pixels.\n"
    )


def number(text, pattern):
    """The number before some words, or 0 where they are missing."""
    found = re.search(rf"([\d,]+) {pattern}", text)
    return int(found[1].replace(",", "")) if found else 0


@given(st.data())
def test_every_number_is_the_graphs(data):
    net = data.draw(architectures)
    if data.draw(st.booleans()):
        net = data.draw(with_heads(net))
    shape = data.draw(shapes_for(net))
    text = methods(net, shape)
    graph = trace(net, shape)
    report = analyze(graph)
    kinds = [node.kind for node in graph]

    assert number(text, "parameters?") == report.total_params
    assert re.search(rf"does (.* \()?{report.macs:,}\)? multiply-accumulates", text)
    if report.receptive_field:  # else no output has pixels
        assert f"is {' × '.join(map(str, report.receptive_field))} pixels" in text
    assert number(text, "convolutions?\\b") == kinds.count("Conv2D")
    assert number(text, "transposed convolutions?") == kinds.count("Conv2DTranspose")
    assert number(text, "batch normalisations?") == kinds.count("BatchNormalization")
    joins = "skip connections?|connections? past a whole|residual connections?"
    told = sum(number(text, join) for join in joins.split("|"))
    added = told - number(text, r"skip connections? \(concatenated\)")
    assert added <= kinds.count("Add")
    assert all(head.name in text for head in net.heads)


def test_what_differs_from_the_family_is_told():
    edit = BlockEdit(section="encoder", index=0, block=SimpleConvBlock(filters=8, pool=False))
    net = attrs.evolve(SMALL, edits=(edit,), stacks=2, heads=(Head("parts", channels=13),))
    text = methods(net, (256, 256, 1))
    assert "with own settings of encoder 0" in text
    assert "2 stacks" in text
    assert "256 × 256 × 13 (stack0_parts) and 256 × 256 × 13 (stack1_parts)" in text
    assert "plain convolutions" in methods(presets["Stacked hourglass"], (256, 256, 1))
    dilated = methods(ResNet(depth=101, encoder_stride=8), (256, 256, 3))
    assert "ResNet-101 encoder without decoder (He et al., 2016)" in dilated
    assert "dilation in place of its last strides (Chen et al., 2017)" in dilated


def test_what_the_user_made_is_nobodys():
    class Mine(UNet):
        """A class of the user's, which may be anything."""

    for net in (Mine(), Custom.of(SMALL)):
        assert sources(net) == ()
        with pytest.raises(Refusal, match="No publication of"):
            bibtex(net)
        assert "et al." not in methods(net, (256, 256, 1))
    conv = Conv2D(name="only", filters=2)(input_feature((8, 8, 1)))
    text = methods(ReadModel.of(Graph([conv], name="as\ngiven")), (8, 8, 1))
    assert r"the model “as\ngiven”" in text
    assert "It has 1 convolution of 3×3." in text


def test_a_network_without_weights_is_told_too():
    text = methods(Custom(encoder=(SimpleConvBlock(num_convs=0),)), (8, 8, 3))
    assert "It has no parameters, and does 0 multiply-accumulates" in text


@pytest.mark.parametrize("family", [family for family in FAMILIES if family is not Custom])
def test_every_family_has_its_sources_entry(family):
    entry = bibtex(family())
    assert ORIGINS[family].source.cited in methods(family(), (256, 256, 1))
    assert re.search(r"@\w+\{\w+,\n", entry)
    for name in re.findall(r"(\w+) et al\. (\d+)", family.__doc__)[:1]:
        assert all(part in entry or part == "Jégou" for part in name)
    for number_ in re.findall(r"arXiv (\d+\.\d+)", family.__doc__)[:1]:
        assert f"eprint = {{{number_}}}" in entry
    assert entry.count("{") == entry.count("}")
