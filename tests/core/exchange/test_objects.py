"""Sizes of objects, from all that people have, and what is to hold them."""

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from explorer import UNet
from explorer.core.analysis.budgets import Budget
from explorer.core.analysis.design import Design, Input
from explorer.core.exchange.objects import Objects, sizes_in
from explorer.core.network.errors import ParameterError, Refusal

COCO = {
    "images": [{"id": 1, "height": 480, "width": 640}],
    "annotations": [
        {"image_id": 1, "bbox": [10, 20, 30, 40]},
        {"image_id": 1, "bbox": [0, 0, 500, 400], "iscrowd": 1},
        {"image_id": 1, "bbox": [5, 5, 0, 7]},
        {"image_id": 1, "keypoints": [10, 10, 2, 0, 0, 0, 70, 30, 1]},
        {"image_id": 1, "keypoints": [10, 10, 2, 0, 0, 0]},
    ],
}


def test_sizes_are_squares_or_pairs() -> None:
    assert Objects.of([180, (40, 60.5)]).sizes == ((180, 180), (40, 60.5))
    assert repr(Objects.of([10, 20])) == "<2 objects, half of them within 10 px, all within 20 px>"


def test_sizes_are_typed() -> None:
    found = Objects.of(sizes_in("180, 40 x 60.5;12 px 7×8 px\n3*4"))
    assert found.sizes == ((180, 180), (40, 60.5), (12, 12), (7, 8), (3, 4))
    assert sizes_in(" ") == []


def test_coco_tells_boxes_and_points(tmp_path: Path) -> None:
    file = tmp_path / "boxes.json"
    file.write_text(json.dumps(COCO))
    for found in (Objects.of(COCO), Objects.of(file), Objects.of(str(file))):
        assert found.sizes == ((40, 30), (20, 60))  # height, width
        assert found.left_out == 2


def animal(*points: tuple[float, float]) -> Any:
    return SimpleNamespace(numpy=lambda: np.array(points))


GONE = (np.nan, np.nan)


def test_labels_tell_the_boxes_around_points() -> None:
    mouse, guess = animal((10, 20), GONE, (70, 50)), animal((0, 0), (500, 500))
    point, none = animal((3, 4), GONE), animal(GONE, GONE)
    frames = [
        SimpleNamespace(user_instances=[mouse, point], instances=[mouse, point, guess]),
        SimpleNamespace(user_instances=[none], instances=[none]),
    ]
    found = Objects.of(SimpleNamespace(labeled_frames=frames))
    assert found.sizes == ((30, 60),)
    assert found.left_out == 2
    predicted = [SimpleNamespace(user_instances=[], instances=[guess])]
    assert Objects.of(SimpleNamespace(labeled_frames=predicted)).sizes == ((500, 500),)


HUGE = 1e308


@pytest.mark.parametrize(
    "given",
    [[10**400], {"annotations": [{"bbox": [0, 0, 10**400, 5]}]}],
    ids=["size", "box"],
)
def test_a_number_that_no_float_holds_is_refused(given: object, tmp_path: Path) -> None:
    file = tmp_path / "objects.json"
    file.write_text(json.dumps(given), encoding="utf-8")
    with pytest.raises(ValueError, match=r"is no size: give|Annotation 0 has no box"):
        Objects.of(file)


def test_a_mark_before_the_text_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "objects.json"
    file.write_text("[30]", encoding="utf-8-sig")
    assert Objects.of(file).sizes == ((30, 30),)


def test_what_has_no_finite_size_is_left_out() -> None:
    """Coordinates that are no places, and boxes that no field could hold."""
    inf = math.inf
    animals = [
        animal((10, 20), (inf, 30), (70, 50)),
        animal((inf, 0), (inf, 5), (-inf, 3)),
        animal((-HUGE, 0), (HUGE, 5)),
        animal((0, 0), (1e301, 5)),
    ]
    labels = SimpleNamespace(
        labeled_frames=[SimpleNamespace(user_instances=animals, instances=animals)]
    )
    found = Objects.of(labels)
    assert (found.sizes, found.left_out) == (((30, 60),), 3)
    annotations = [
        {"keypoints": [inf, 1, 2, inf, 5, 2]},
        {"keypoints": [math.nan, 1, 2, 10, 5, 2, 20, 8, 2]},
        {"bbox": [0, 0, 1e301, 5]},
    ]
    found = Objects.of({"annotations": annotations})
    assert (found.sizes, found.left_out) == (((3, 10),), 2)
    assert found.budget(1) == Budget("receptive field", at_least=10)


def test_without_its_package_it_is_named(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sleap_io", None)
    file = tmp_path / "labels.slp"
    file.write_bytes(b"")
    with pytest.raises(Refusal, match="sleap-io: install it"):
        Objects.of(file)


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.7, 0.95, 0.99, 1])
@pytest.mark.parametrize("count", [1, 3, 10, 30, 97])
def test_the_field_that_is_wanted_holds_the_share_and_no_smaller_one_does(
    share: float, count: int
) -> None:
    objects = Objects.of([(1 + (7 * n) % count, 3) for n in range(count)])
    side = objects.side_of(share)
    assert objects.held_by((side, side)) >= share - 1e-9
    assert objects.held_by((side - 0.5, side - 0.5)) < share


def test_a_budget_wants_it() -> None:
    objects = Objects.of([10.5, (20, 48), 49])
    assert objects.budget(0.6) == Budget("receptive field", at_least=48)
    net = Design(UNet(filters=4, down_blocks=2, up_blocks=2), Input(64, 64, 1))
    assert net.report.receptive_field == (48, 48)
    assert objects.budget(0.6).check(net).is_met
    assert not objects.budget(1).check(net).is_met
    assert objects.budget(0.3).at_least == 11
    assert objects.held_by((48, 48)) == pytest.approx(2 / 3)
    assert objects.held_by((20, 48)) == pytest.approx(2 / 3)
    assert objects.held_by((48, 20)) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "no object"),
        ([0], "is no size"),
        ([float("nan")], "is no size"),
        ([(1, 2, 3)], "is no size"),
        (["large"], "is no size"),
        ({}, "no list of annotations"),
        ({"annotations": [1]}, "Annotation 0"),
        ({"annotations": [{"bbox": [1, 2]}]}, "Annotation 0"),
        ({"annotations": [{"keypoints": [1, 2]}]}, "Annotation 0"),
        ("nowhere.json", "no file 'nowhere.json'"),
    ],
)
def test_what_tells_none_is_refused(given: Any, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        Objects.of(given)


@pytest.mark.parametrize("text", ["", "{", "3", '"a"', "[" * 100_000])
def test_a_file_that_is_no_json_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "sizes.json"
    file.write_text(text)
    with pytest.raises(Refusal, match=r"'sizes\.json'"):
        Objects.of(file)


@pytest.mark.parametrize("share", [0, -1, 1.01, float("nan")])
def test_a_share_is_a_part(share: float) -> None:
    with pytest.raises(ParameterError, match="share"):
        Objects.of([1]).budget(share)
