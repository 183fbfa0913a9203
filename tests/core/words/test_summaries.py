import pytest

from explorer import (
    Custom,
    Head,
    ResNet,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    UNet,
    presets,
    trace,
)
from explorer.core.words.summaries import in_few_words


def words_of(net, name: str) -> str:
    graph = trace(net, (256, 256, 1))
    return in_few_words([node for node in graph if node.block and node.block.name == name])


@pytest.mark.parametrize(
    ("preset", "name", "words"),
    [
        ("U-Net", "stack0_enc0", "2 conv 3×3, 64"),
        ("U-Net", "stack0_enc1", "2 conv 3×3, 128, max pool"),
        ("U-Net", "stack0_enc4", "max pool"),
        ("U-Net", "stack0_dec0", "2 conv 3×3, 512, transposed conv, skip"),
        ("Stacked hourglass", "stack0_dec0", "2 conv 3×3, 640, nearest upsampling, skip"),
        ("FC-DenseNet56", "stack0_enc1", "4 conv 3×3, conv 1×1, 144, max pool"),
        ("ResNet50", "stack0_enc0", "conv 7×7, 64, stride 2"),
        ("ResNet50", "stack0_enc1", "3 conv 3×3, 7 conv 1×1, 256, max pool"),
        ("ResNet50", "stack0_enc2", "4 conv 3×3, 9 conv 1×1, 512, stride 2"),
        ("Stacked hourglass", "stem0", "conv 7×7, 2 conv 3×3, 256, stride 2, max pool"),
    ],
)
def test_a_block_is_told_in_few_words(preset, name, words):
    assert words_of(presets[preset], name) == words


def test_a_stage_that_is_dilated_instead_has_no_stride():
    net = ResNet(filters=1, encoder_stride=16)
    assert words_of(net, "stack0_enc3").endswith("16, stride 2")
    assert "stride" not in words_of(net, "stack0_enc4")


def test_what_has_no_such_layers_is_told_by_those_that_it_has():
    bare = SimpleUpsamplingBlock(refine_convs=0, upsampling_stride=1)
    net = Custom(encoder=(SimpleConvBlock(filters=2),), decoder=(bare,))
    assert words_of(net, "stack0_dec0") == "bilinear upsampling"
    assert in_few_words(trace(net, (8, 8, 1)).nodes[:1]) == "image"


def test_a_head_is_told_by_its_channels():
    assert words_of(UNet(filters=1, heads=[Head("map", channels=5)]), "map") == "conv 1×1, 5"
