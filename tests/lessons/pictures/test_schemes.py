"""Pictures of memory, of a filter cut in two, of dense blocks and of tiles."""

import re
from random import Random

import numpy as np
import pytest

from explorer import Custom, FCDenseNet, SimpleConvBlock, UNet
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.tiling import tiling
from explorer.core.network.layers import Concatenate
from explorer.lessons.pictures.grids import GridPicture
from explorer.lessons.pictures.schemes import (
    dense_picture,
    halo_picture,
    memory_picture,
    split_picture,
    tiles_picture,
)


def kinds(picture: GridPicture) -> np.ndarray:
    """Return what each cell is, by its place in the legend."""
    return np.round(np.array(picture.rows) * (len(picture.legend) - 1)).astype(int)


def test_a_column_is_as_high_as_what_is_in_memory() -> None:
    design = Design(UNet(filters=4, down_blocks=2, up_blocks=2), Input(32, 32, 1))
    totals = [point.total_bytes for point in design.memory]
    picture = memory_picture(design, "Memory", max(totals))
    cells = kinds(picture)
    assert cells.shape[1] == len(totals)
    filled = (cells > 0).sum(axis=0)
    assert np.abs(filled / filled.max() - np.array(totals) / max(totals)).max() < 0.05
    waits = [sum(node.memory_bytes for node in point.held) for point in design.memory]
    assert (
        np.abs((cells == 1).sum(axis=0) / len(cells) - np.array(waits) / max(totals)).max() < 0.05
    )
    assert (np.diff((cells > 0).astype(int), axis=0) >= 0).all()  # from the bottom up


@pytest.mark.parametrize("seed", range(20))
def test_the_parts_of_a_filter_add_up_to_the_whole(seed: int) -> None:
    kernel = 2 + seed % 4
    picture = split_picture(Random(seed), kernel)
    products = np.array(
        [[np.prod([*map(int, text.split("·"))]) for text in row] for row in picture.texts]
    )
    parts = [products[kinds(picture) == part].sum() for part in (0, 1)]
    told = [*map(int, re.findall(r"\d+", picture.text.split(": ")[0]))]
    assert told == [products.size, products.sum(), *parts]
    assert picture.text.endswith(f"{parts[0]} + {parts[1]} = {products.sum()}.")


def test_a_dense_layer_reads_all_that_was_made_before_it() -> None:
    net = FCDenseNet(growth_rate=3, layers_per_block=(5, 3), first_filters=8)
    graph = Design(net, Input(16, 16, 1)).graph
    layers = [graph[f"stack0_enc0_dense{place}_bn"] for place in range(5)]
    picture = dense_picture(layers)
    channels = [[int(text) for text in row if text] for row in picture.texts]
    assert [sum(row) for row in channels] == [layer.shape[2] for layer in layers]
    assert (kinds(picture) == np.tri(5)).all()
    assert isinstance(layers[-1].inputs[0].layer, Concatenate)


@pytest.mark.parametrize(("count", "kernel"), [(1, 3), (3, 5), (4, 3), (2, 7)])
def test_what_differs_beside_a_cut_is_shown(count: int, kernel: int) -> None:
    block = SimpleConvBlock(num_convs=count, kernel_size=kernel, filters=2, pool=False)
    picture = halo_picture(Design(Custom(encoder=(block,)), Input(64, 64, 1)).graph)
    whole, tile = np.random.default_rng(0).normal(size=80), np.zeros(0)
    tile = whole[40:]
    for row in kinds(picture):
        whole, tile = (np.convolve(line, np.ones(kernel), "same") for line in (whole, tile))
        same = np.isclose(tile[: len(row)], whole[40 : 40 + len(row)])
        assert (same == (row == 1)).all()


@pytest.mark.parametrize("up_blocks", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
def test_each_column_is_kept_of_one_tile_where_it_is_sound(up_blocks: int, kernel: int) -> None:
    net = UNet(filters=2, down_blocks=2, up_blocks=up_blocks, kernel_size=kernel)
    laid = tiling(Design(net, Input(160, 160, 1)).graph)
    picture = tiles_picture(laid)
    upper, lower = kinds(picture)[0], kinds(picture)[-1]
    assert ((upper == 3) ^ (lower == 3)).all()
    assert len(upper) <= 64
    tile, cell = map(int, re.findall(r"(\d+) px", picture.text)[:2])
    (before, after), overlap = laid.halo[1], laid.overlap[1]
    assert abs((upper == 1).sum() * cell - after) < cell
    assert abs((lower == 1).sum() * cell - before) < cell
    assert (upper > 0).sum() * cell == (lower > 0).sum() * cell == tile
    assert ((upper > 0) & (lower > 0)).sum() * cell == overlap
