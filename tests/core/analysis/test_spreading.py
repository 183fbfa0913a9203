"""What one pixel reaches is what a Keras model does with an impulse."""

import keras
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer import UNet, build, trace
from explorer.core.analysis.receptive_field import receptive_window
from explorer.core.analysis.spreading import reached_from
from tests.keras_helpers import make_positive, responses
from tests.strategies import leap_cnns, listed, unets

few = st.integers(1, 2)
drawn = (
    unets(filters=few, filters_rate=st.just(1), convs_per_block=few)
    | leap_cnns(filters=few, filters_rate=st.just(1), down_convs_per_block=few)
    | listed(
        max_encoder_blocks=2,
        filters=few,
        num_convs=st.integers(0, 2),
        refine_convs=st.integers(0, 2),
        activation=st.just("relu"),
        transposed_conv_activation=st.just("relu"),
        refine_convs_activation=st.just("relu"),
        transposed_conv_kernel_size=st.integers(1, 5),
        normalisation=st.sampled_from(["batch", "none"]),
    )
)


@given(drawn, st.sampled_from([0, 1]), st.data())
@settings(max_examples=15)
def test_a_pixel_reaches_what_an_impulse_does(architecture, axis, data):
    step = architecture.maximum_stride
    size = step * -(-40 // step)
    # As wide as any kernel spans: of one with gaps, no tap need lie in a single column.
    across = step * -(-16 // step)
    shape = (size, across, 1) if axis == 0 else (across, size, 1)
    graph = trace(architecture, shape)
    model = build(graph)
    make_positive(model.layers)
    shown = responses(keras.Model(model.input, [each.output for each in model.layers]), size, axis)
    pixel = data.draw(st.integers(0, size - 1))
    reached = reached_from(graph, pixel, axis)
    for node, reacts in zip(graph, shown, strict=True):
        assert reached[node] == set(np.flatnonzero(reacts[:, pixel])), node
    keras.backend.clear_session(free_memory=False)


def test_it_is_the_receptive_field_turned_round():
    graph = trace(UNet(filters=2, down_blocks=2, up_blocks=1, convs_per_block=1), (24, 24, 1))
    for pixel in (0, 7, 23):
        for node, positions in reached_from(graph, pixel).items():
            seen = {row: receptive_window(graph, node, row, 0) for row in range(node.shape[0])}
            looking = {
                row
                for row, window in seen.items()
                if window and window.inside and window.inside.top <= pixel <= window.inside.bottom
            }
            assert positions == looking, node
