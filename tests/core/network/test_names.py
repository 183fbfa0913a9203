"""One text names what every view has selected."""

import re

import pytest

from explorer import UNet, presets, trace
from explorer.core.analysis.design import Design, Input
from explorer.core.drawing.diagram import diagram
from explorer.core.editing.snapshot import Scene
from explorer.core.network.names import block_id, layer_id, nodes_of

SMALL = UNet(filters=2, down_blocks=2, up_blocks=2)


@pytest.mark.parametrize("name", ["U-Net", "Stacked hourglass", "FC-DenseNet56", "ResNet50"])
def test_every_layer_is_in_its_block_whose_last_is_what_it_returns(name):
    graph = trace(presets[name], (256, 256, 1))

    drawn = diagram(graph)
    selected = {drawn.places[name] for name in re.findall(r'id="?(box\d+)"?', drawn.dot)}
    for node in graph:
        assert nodes_of(graph, layer_id(node)) == (node,)
        block = nodes_of(graph, block_id(node))
        assert node in block
        assert block_id(node) in selected
        inside = {source for other in block for source in other.inputs}
        assert block[-1] not in inside


def test_what_is_gone_names_nothing():
    design = Design(SMALL, Input(64, 64, 1))

    assert Scene(design, "block-stack0_enc9").node is None
    assert Scene(design, "layer-nothing").nodes == ()
    assert Scene(design).nodes == ()
    assert Scene(design, "alone-image_in").node is design.graph.inputs[0]
