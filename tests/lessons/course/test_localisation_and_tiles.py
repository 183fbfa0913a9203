"""Lesson 12 against Keras: images are predicted whole and in tiles, and compared."""

import re
from functools import lru_cache
from math import prod
from typing import Any

import attrs
import keras
import numpy as np

from explorer.core.analysis.tiling import tiling
from explorer.core.families import PlainConvUNet
from explorer.core.network.tracing import trace
from explorer.keras_side.build import build
from explorer.lessons.course.localisation_and_tiles import PLAN
from explorer.lessons.plan import Step
from explorer.lessons.questions import ChoiceQuestion
from tests.keras_helpers import draw_weight, make_positive
from tests.lessons.keras_answers import check, model_of, slim

NUMBER = re.compile(r"\d+")


def numbers(step: Step) -> list[int]:
    assert step.question
    return list(map(int, NUMBER.findall(step.question.prompt)))


def net_of(step: Step) -> Any:
    assert step.design
    return step.design.architecture


def strips(architecture: Any, whole: int, tile: int, narrow: int) -> tuple[Any, Any]:
    """Return Keras models for images of two heights, with the same random weights."""
    keras.backend.clear_session(free_memory=False)
    models = [build(architecture, (height, narrow, 1)) for height in (whole, tile)]
    generator = np.random.default_rng(0)
    for layer in models[0].layers:
        for weight in layer.weights:
            draw_weight(weight, generator)
    models[1].set_weights(models[0].get_weights())
    return models[0], models[1]


def stride_of(model: Any) -> int:
    return int(model.input_shape[1] // model.output_shape[1])


def farthest(step: Step) -> float:
    """Return the largest error, found by trying points all over a photograph."""
    (shrunk, *_) = numbers(step)
    cell = shrunk * stride_of(model_of(step.design))
    points = np.arange(0, 3 * cell, 0.125)
    put = (np.floor(points / cell) + 0.5) * cell
    return float(np.abs(points - put).max())


@lru_cache
def halo(architecture: Any, tile: int, narrow: int) -> tuple[int, int]:
    """Return how many pixels of a tile's output, before and after, what lies beside it reaches.

    The tile is black and all else is white; with positive weights and no biases, what of the
    whole image's output is not black there comes from beside the tile.
    """
    keras.backend.clear_session(free_memory=False)
    model = build(architecture, (3 * tile, narrow, 1))
    make_positive(model.layers)
    image = np.ones((1, 3 * tile, narrow, 1), "float32")
    image[:, tile : 2 * tile] = 0
    stride = stride_of(model)
    found = np.asarray(model(image, training=False))[0, :, 0].max(axis=-1)
    black = np.flatnonzero(found[tile // stride : 2 * tile // stride] == 0)
    assert black.size, "the tile is too small to tell"
    return int(black[0]) * stride, tile - int(black[-1] + 1) * stride


@lru_cache
def next_start(architecture: Any, tile: int, narrow: int) -> int:
    """Return by how many pixels a tile has to be moved so that its middle is as in the whole."""
    whole, part = strips(architecture, 2 * tile, tile, narrow)
    make_positive(whole.layers)
    part.set_weights(whole.get_weights())
    image = np.random.default_rng(0).uniform(size=(2 * tile, narrow, 1)).astype("float32")
    stride, starts = stride_of(whole), range(2 * narrow + 1)
    expected = np.asarray(whole(image[None], training=False))[0]
    found = np.asarray(part(np.stack([image[s : s + tile] for s in starts]), training=False))
    at = tile // stride // 2
    fits = [
        start
        for start in starts
        if start % stride == 0
        and np.allclose(found[start][at], expected[start // stride + at], rtol=1e-5, atol=0)
    ]
    assert fits[0] == 0
    return fits[1]


def first_start(step: Step) -> int:
    *_, taken = numbers(step)
    grid = next_start(slim(net_of(step)), 256, 2 ** net_of(step).down_blocks)
    return next(column for column in range(taken + 1, 1000) if column % grid == 0)


def spoilt(step: Step) -> int:
    before, after = halo(slim(net_of(step)), 64, 8)
    assert before == after
    return before


def overlap(step: Step) -> int:
    """Return the overlap that halos and grid want, both found with Keras; it is tried out, too."""
    net = slim(net_of(step))
    step_of = 2**net.down_blocks
    found = -(-sum(halo(net, 160, step_of)) // step_of) * step_of
    check_stitched(net, found)
    return found


@lru_cache
def check_stitched(architecture: Any, overlap: int) -> None:
    narrow = 2**architecture.down_blocks
    tile = overlap + narrow
    image = tile + 3 * narrow
    laid = tiling(trace(architecture, (image, narrow, 1)))
    assert laid.overlap[0] == overlap
    whole, part = strips(architecture, image, tile, narrow)
    picture = np.random.default_rng(0).normal(size=(image, narrow, 1)).astype("float32")
    expected = np.asarray(whole(picture[None], training=False))[0]
    stitched = np.full_like(expected, np.nan)
    for each in laid.tiles((tile, narrow)):
        given = picture[each.read][None]
        stitched[each.put] = np.asarray(part(given, training=False))[0][each.keep]
    assert np.abs(stitched - expected).max() <= 1e-5 * max(np.abs(expected).max(), 1)


def count(step: Step) -> int:
    """Return how many tiles there are, laid one after the other."""
    side, _, tile, _, shared = numbers(step)
    laid, end = 1, tile
    while end < side:
        laid, end = laid + 1, end + tile - shared
    return laid**2


@lru_cache
def is_as_whole(architecture: PlainConvUNet) -> bool:
    """Return whether the middle of a large tile is as in the whole image."""
    whole, part = strips(architecture, 768, 384, 16)
    image = np.random.default_rng(0).normal(size=(1, 768, 16, 1)).astype("float32")
    image[:, :192] *= 3
    stride = stride_of(whole)
    expected = np.asarray(whole(image, training=False))[0, 384 // stride]
    found = np.asarray(part(image[:, 192:576], training=False))[0, 192 // stride]
    return bool(np.allclose(found, expected, atol=1e-5))


def forbids(step: Step) -> str:
    assert isinstance(step.question, ChoiceQuestion)
    net = attrs.evolve(net_of(step), filters=2)
    changes: dict[str, dict[str, Any]] = {
        "Batch": {"normalisation": "batch"},
        "Instance": {"normalisation": "instance"},
        "A further": {"stages": net.stages + 1},
        "Kernels": {"kernel_size": 5},
    }
    differ = [
        choice
        for choice in step.question.choices
        for start, change in changes.items()
        if choice.startswith(start) and not is_as_whole(attrs.evolve(net, **change))
    ]
    (choice,) = differ
    return choice


def test_answers_are_those_of_keras() -> None:
    check(
        PLAN,
        {
            "how_far_off": farthest,
            "price_of_resolution": lambda step: prod(
                model_of(step.question.reveals).output_shape[1:3]  # type: ignore[union-attr]
            ),
            "spoilt_beside_a_cut": spoilt,
            "where_a_tile_may_begin": first_start,
            "overlap": overlap,
            "how_many_tiles": count,
            "what_forbids_tiles": forbids,
        },
    )


def test_what_is_built_is_precise_as_keras_makes_it() -> None:
    for seed in range(5):
        question = PLAN.step("build_one", str(seed)).question
        (off, *_) = map(int, NUMBER.findall(question.prompt))  # type: ignore[union-attr]
        assert stride_of(model_of(question.example)) / 2 <= off  # type: ignore[union-attr]
