"""What our own designs are as ONNX, against what they are: counts, shapes, and how far they see.

The converter folds batch normalisation into convolutions where it can, and weights that are zero it
leaves out; so weights are drawn, and what is folded is worked out.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from explorer import Head, UNet, analyze, build, trace
from explorer.core.network.layers import BatchNormalization
from explorer.keras_side.saving import model_file
from explorer.onnx_side.files import read_onnx_file
from tests.strategies import FAMILIES, shapes_for

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def read_again(architecture, shape, folder):
    """Return the graph of a design, and that of its export with weights that are drawn."""
    model = build(architecture, shape)
    generator = np.random.default_rng(0)
    model.set_weights([generator.uniform(0.5, 1, w.shape) for w in model.get_weights()])
    path = folder / "a.onnx"
    path.write_bytes(model_file(model, "onnx"))
    return trace(architecture, shape), read_onnx_file(path).architecture.own_graph


def check(architecture, shape, folder):
    ours, theirs = read_again(architecture, shape, folder)
    own, found = analyze(ours), analyze(theirs)
    assert [each.shape for each in theirs.outputs] == [each.shape for each in ours.outputs]
    assert found.macs == own.macs
    assert found.macs_are_known
    for mine, other in zip(ours.outputs, theirs.outputs, strict=True):
        assert found[other.name].receptive_field == own[mine.name].receptive_field
    if not any(isinstance(node.layer, BatchNormalization) for node in ours):
        assert found.total_params == own.total_params


UNET = UNet(filters=2, down_blocks=2, up_blocks=2, heads=(Head("parts", 3),))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_design_comes_back_with_its_figures(channels, tmp_path):
    check(UNET, (32, 48, channels), tmp_path)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_drawn_designs_come_back_with_their_figures(data, tmp_path):
    architecture = data.draw(data.draw(st.sampled_from(list(FAMILIES.values())))())
    check(architecture, data.draw(shapes_for(architecture)), tmp_path)
