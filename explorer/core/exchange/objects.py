"""Sizes of what a network is to see, as people have them: lists, COCO's JSON, SLEAP's labels."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import attrs

from explorer.core.analysis.budgets import LARGEST, Budget
from explorer.core.formatting import counted
from explorer.core.network.errors import ParameterError, Refusal

#: Height and width in pixels.
Size = tuple[float, float]


@attrs.frozen(repr=False)
class Objects:
    """How large objects are, in pixels of the image that a network is given.

    Attributes:
        sizes: Height and width of each.
        left_out: How many were left out: nothing or one place of them is marked, or what is there
            is no size.
    """

    sizes: tuple[Size, ...]
    left_out: int = 0

    @classmethod
    def of(cls, source: Any) -> "Objects":
        """Return the sizes that a source tells.

        Args:
            source: Sizes (numbers, for squares, or pairs of height and width); the path of a JSON
                file of COCO's, or what it says; the path of labels of SLEAP's (`.slp`), which needs
                the package `sleap-io`, or labels that it read. Of COCO's objects the box counts, or
                else the points that are marked; of SLEAP's animals the box around the points, those
                of the user where there are any.

        Raises:
            Refusal: If it tells none, or is damaged.
        """
        if isinstance(source, (str, Path)):
            source = _read(Path(source))
        if isinstance(source, Mapping):
            found = list(_of_coco(source))
        elif hasattr(source, "labeled_frames"):
            found = list(_of_sleap(source))
        else:
            found = [_of_number(size) for size in source]
        sizes = tuple(size for size in found if size is not None)
        if not sizes:
            raise Refusal("There is no object in it whose size is known: mark some.")
        return cls(sizes, len(found) - len(sizes))

    def side_of(self, share: float) -> float:
        """Return the side of the smallest square that so many of the objects fit in.

        Args:
            share: Of the objects, above 0 and at most 1.

        Raises:
            ParameterError: If it is no share.
        """
        if not 0 < share <= 1:
            raise ParameterError(
                "Objects", "share", share, "is no share", "give a number above 0, and at most 1"
            )
        sides = sorted(map(max, self.sizes))
        # Of 0.1 of 30 objects, 3 are enough, though 0.1 × 30 is a little more.
        return sides[max(math.ceil(share * len(sides) - 1e-9), 1) - 1]

    def held_by(self, field: Sequence[float]) -> float:
        """Return the share of the objects that a receptive field of this height and width holds."""
        height, width = field
        return sum(h <= height and w <= width for h, w in self.sizes) / len(self.sizes)

    def budget(self, share: float = 0.95) -> Budget:
        """Return that a receptive field, along both axes, is to hold a share of the objects.

        Args:
            share: Of the objects, above 0 and at most 1.

        Raises:
            ParameterError: If it is no share.
        """
        return Budget("receptive field", at_least=math.ceil(self.side_of(share)))

    def __repr__(self) -> str:
        """How many there are, and how large."""
        told = f"{counted(len(self.sizes), 'object')}, half of them within {self.side_of(0.5):g} px"
        return f"<{told}, all within {self.side_of(1):g} px>"


def sizes_in(text: str) -> list[Any]:
    """Return the sizes that are typed, such as "30, 45, 60 × 40", as `Objects.of` takes them."""
    joined = re.sub(r"\s*[×xX*]\s*", "×", re.sub(r"\bpx\b|(?<=\d)px\b", " ", text))
    return [
        part.split("×") if "×" in part else part for part in re.split(r"[,;\s]+", joined) if part
    ]


def _of_number(size: Any) -> Size:
    is_pair = isinstance(size, Iterable) and not isinstance(size, str)
    pair = tuple(size) if is_pair else (size, size)
    try:
        height, width = map(float, pair)
    except (TypeError, ValueError, OverflowError) as error:
        raise _refused(size) from error
    if not (0 < height <= LARGEST and 0 < width <= LARGEST):
        raise _refused(size)
    return height, width


def _refused(size: Any) -> ParameterError:
    remedy = "give a number of pixels above 0, or (height, width)"
    return ParameterError("Objects", "size", size, "is no size", remedy)


def _read(file: Path) -> Any:
    """Return what a file says, or labels of SLEAP's."""
    if not file.is_file():
        raise Refusal(f"There is no file {file.name!r}: give its path.")
    if file.suffix.lower() == ".slp":
        try:
            import sleap_io
        except ImportError as error:
            raise Refusal(
                f"{file.name!r} is read by the package sleap-io: install it, as by "
                'pip install "explorer[labels]".'
            ) from error
        try:
            return sleap_io.load_slp(str(file), open_videos=False)
        except Exception as error:  # whatever a damaged file makes it raise
            raise Refusal(f"{file.name!r} can't be read as labels of SLEAP's: {error}") from error
    try:
        # Some editors put a mark before the text.
        found = json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Refusal(f"{file.name!r} is no JSON, or is damaged: {error}.") from error
    if not isinstance(found, (dict, list)):
        raise Refusal(f"{file.name!r} tells no sizes: give a list, or a JSON file of COCO's.")
    return found


def _of_coco(document: Mapping[str, Any]) -> Iterator[Size | None]:
    """Yield the size of each annotation that is one object; None: it is not known."""
    annotations = document.get("annotations")
    if not isinstance(annotations, list):
        raise Refusal("This JSON has no list of annotations, as COCO's have: give one that has.")
    for number, each in enumerate(annotations):
        if not isinstance(each, Mapping):
            raise Refusal(f"Annotation {number} is none of COCO's: it has no fields.")
        if each.get("iscrowd"):
            continue
        try:
            yield _of_annotation(each)
        except (TypeError, ValueError, OverflowError) as error:
            raise Refusal(f"Annotation {number} has no box of four numbers: mend it.") from error


def _of_annotation(annotation: Mapping[str, Any]) -> Size | None:
    if annotation.get("bbox"):
        _, _, width, height = map(float, annotation["bbox"])
        return (height, width) if 0 < height <= LARGEST and 0 < width <= LARGEST else None
    numbers = list(map(float, annotation.get("keypoints") or ()))
    points = zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)
    return _around((x, y) for x, y, is_marked in points if is_marked)


def _of_sleap(labels: Any) -> Iterator[Size | None]:
    """Yield the size of each animal; None: at most one of its points is marked."""
    frames = list(labels.labeled_frames)
    of_user = list(chain.from_iterable(frame.user_instances for frame in frames))
    for each in of_user or chain.from_iterable(frame.instances for frame in frames):
        yield _around(each.numpy().tolist())


def _around(points: Iterable[tuple[float, float]]) -> Size | None:
    """Return height and width of the box around points that have a place; None: it has no size."""
    found = [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
    if not found:
        return None
    width, height = (max(values) - min(values) for values in zip(*found, strict=True))
    return (height, width) if 0 < max(height, width) <= LARGEST else None
