"""The picture of one pixel is what an impulse does in a Keras model."""

import keras
import numpy as np

from explorer.core.analysis.design import Design, Input
from explorer.core.families import Custom, UNet
from explorer.core.network.blocks import SimpleConvBlock
from explorer.keras_side.build import build
from explorer.lessons.pictures.grids import spread_picture
from tests.keras_helpers import make_positive


def test_each_row_is_what_keras_lights_up() -> None:
    net = UNet(filters=1, filters_rate=1, down_blocks=2, up_blocks=2, convs_per_block=1)
    design, pixel = Design(net, Input(64, 64, 1)), 31
    model = build(design.architecture, (64, 64, 1))
    make_positive(model.layers)
    every = keras.Model(model.input, [layer.output for layer in model.layers])
    image = np.zeros((1, 64, 64, 1), "float32")
    image[0, 32, pixel] = 1
    lit = [
        np.repeat(np.asarray(found)[0].max(axis=(0, 2)) > 0, 64 // found.shape[2])
        for node, found in zip(design.graph, every(image), strict=True)
        if not node.inputs or not node.layer.pointwise
    ]
    picture = spread_picture(design.graph, pixel)
    assert len(picture.rows) == len(lit)
    columns = np.flatnonzero(np.any(lit, axis=0))
    first = max(columns[0] - 2, 0)
    for row, found in zip(picture.rows, lit, strict=True):
        assert row == tuple(found[first : first + len(row)].astype(float))


def test_it_tells_how_many_positions_are_reached() -> None:
    blocks = tuple(
        SimpleConvBlock(num_convs=1, kernel_size=kernel, pool=pool)
        for kernel, pool in ((3, True), (5, False))
    )
    picture = spread_picture(Design(Custom(encoder=blocks), Input(64, 64, 1)).graph, 32)
    assert picture.row_names == ("image: 1", "3×3 conv: 3", "2×2 max pool: 2", "5×5 conv: 6")
    assert [sum(row) for row in picture.rows] == [1, 3, 4, 12]


def test_it_says_so_where_the_pixel_reaches_further_than_can_be_shown() -> None:
    net = UNet(filters=1, filters_rate=1, down_blocks=3, up_blocks=3)
    picture = spread_picture(Design(net, Input(160, 160, 1)).graph, 80)
    assert len(picture.rows[0]) == 64
    assert "further than the picture" in picture.text
