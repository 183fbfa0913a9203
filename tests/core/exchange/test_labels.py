"""Labels as SLEAP's own package writes them, against sizes computed by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from explorer.core.exchange.objects import Objects
from explorer.core.network.errors import Refusal

sleap_io = pytest.importorskip("sleap_io")

GONE = (np.nan, np.nan)
MOUSE = sleap_io.Skeleton(["nose", "ear", "tail"], edges=[("nose", "ear"), ("ear", "tail")])
FLY = sleap_io.Skeleton(["head", "thorax"])
SPOT = sleap_io.Skeleton(["centre"])
VIDEO = sleap_io.Video(filename="mouse.mp4", open_backend=False)
OTHER_VIDEO = sleap_io.Video(filename="fly.avi", open_backend=False)


def marked(skeleton: Any, *points: tuple[float, float], track: Any = None) -> Any:
    return sleap_io.Instance.from_numpy(np.array(points), skeleton=skeleton, track=track)


def guessed(*points: tuple[float, float]) -> Any:
    return sleap_io.PredictedInstance.from_numpy(
        np.array(points), skeleton=MOUSE, point_scores=np.ones(len(points)), score=0.9
    )


def frame(number: int, *instances: Any, video: Any = VIDEO) -> Any:
    return sleap_io.LabeledFrame(video=video, frame_idx=number, instances=list(instances))


def saved(file: Path, *frames: Any, **how: Any) -> Path:
    sleap_io.Labels(list(frames)).save(str(file), verbose=False, **how)
    return file


WIDE = marked(MOUSE, (10, 20), GONE, (70, 50))
GUESS = guessed((0, 0), (500, 400), GONE)


@pytest.mark.parametrize(
    ("frames", "sizes", "left_out"),
    [
        ([frame(0, WIDE)], [(30, 60)], 0),
        (
            [
                frame(0, WIDE, marked(FLY, (5, 9), (2, 5))),
                frame(7, marked(FLY, (100.25, 3), (108, 1)), video=OTHER_VIDEO),
            ],
            [(30, 60), (4, 3), (2, 7.75)],
            0,
        ),
        ([frame(0, marked(FLY, (0, 0), (6, 8), track=sleap_io.Track("a")))], [(8, 6)], 0),
        ([frame(0, GUESS)], [(400, 500)], 0),
        ([frame(0, GUESS, WIDE), frame(1, GUESS)], [(30, 60)], 0),
        ([frame(0, marked(MOUSE, (-10, -20), GONE, (70, 50)))], [(70, 80)], 0),
        ([frame(0, marked(MOUSE, (3, 9), GONE, (3, 19)))], [(10, 0)], 0),
        ([frame(0, marked(MOUSE, (10, 20), (500, np.nan), (70, 50)))], [(30, 60)], 0),
        (
            [
                *(frame(0, WIDE, marked(MOUSE, GONE, GONE, GONE)), frame(1)),
                frame(2, marked(MOUSE, (3, 4), GONE, GONE), marked(SPOT, (3, 3))),
            ],
            [(30, 60)],
            3,
        ),
        ([frame(0, WIDE, marked(FLY, (-1e308, 0), (1e308, 1)))], [(30, 60)], 1),
        ([frame(0, marked(FLY, (-1e200, 0), (1e200, 1)))], [(1, 2e200)], 0),
    ],
    ids=[
        *("one", "several", "tracked", "predicted", "predicted-beside-marked", "beyond-the-edge"),
        *("a-line", "half-a-place", "missing", "too-large", "large"),
    ],
)
def test_animals_have_the_boxes_around_their_points(
    tmp_path: Path, frames: list[Any], sizes: list[Any], left_out: int
) -> None:
    file = saved(tmp_path / "labels.slp", *frames)
    found = Objects.of(file)
    assert list(found.sizes) == sizes
    assert found.left_out == left_out
    assert Objects.of(sleap_io.load_file(str(file), open_videos=False)) == found


def test_a_point_that_is_not_visible_is_not_marked(tmp_path: Path) -> None:
    hidden = marked(MOUSE, (10, 20), (500, 500), (70, 50))
    hidden.points["visible"][1] = False
    assert Objects.of(saved(tmp_path / "labels.SLP", frame(0, hidden))).sizes == ((30, 60),)


def test_pictures_may_be_in_the_file_or_gone(tmp_path: Path) -> None:
    from PIL import Image

    pictures = [tmp_path / f"{number}.png" for number in range(2)]
    for picture in pictures:
        Image.new("L", (80, 60)).save(picture)
    video = sleap_io.Video.from_filename(list(map(str, pictures)))
    frames = [frame(number, WIDE, video=video) for number in range(2)]
    beside = saved(tmp_path / "labels.slp", *frames, embed=False)
    within = saved(tmp_path / "labels.pkg.slp", *frames, embed=True)
    for picture in pictures:
        picture.unlink()
    for file in (beside, within):
        assert Objects.of(file).sizes == ((30, 60), (30, 60))


@pytest.mark.parametrize("frames", [[], [frame(0)], [frame(0, marked(SPOT, (3, 3)))]])
def test_labels_without_an_animal_that_has_a_size_are_refused(
    tmp_path: Path, frames: list[Any]
) -> None:
    file = saved(tmp_path / "labels.slp", *frames)
    with pytest.raises(Refusal, match="no object in it whose size is known"):
        Objects.of(file)


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
def test_a_file_that_is_cut_short_is_refused_by_its_name(tmp_path: Path, share: float) -> None:
    content = saved(tmp_path / "labels.slp", frame(0, WIDE)).read_bytes()
    damaged = tmp_path / "damaged.slp"
    damaged.write_bytes(content[: int(share * len(content))])
    with pytest.raises(Refusal, match=r"'damaged\.slp' can't be read as labels of SLEAP's"):
        Objects.of(damaged)


def test_another_file_of_hdf5_is_refused_by_its_name(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    file = tmp_path / "weights.slp"
    with h5py.File(file, "w") as made:
        made["a"] = [1, 2]
    with pytest.raises(Refusal, match=r"'weights\.slp' can't be read as labels of SLEAP's"):
        Objects.of(file)
