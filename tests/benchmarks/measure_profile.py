"""Prints how well a profile of this device tells the times of drawn networks.

    python tests/benchmarks/measure_profile.py
    python tests/benchmarks/measure_profile.py --count 100 --device GPU:0 --save profile.json

Networks are drawn from all families, sizes and batches, up to some multiply-adds; the profile knows
none of them. It takes some five minutes, and tells of a quiet machine.
"""

import argparse
from itertools import cycle
from pathlib import Path
from random import Random
from statistics import median

from explorer import (
    DeviceProfile,
    FCDenseNet,
    Hourglass,
    LeapCNN,
    ParameterError,
    PlainConvUNet,
    ResidualEncoderUNet,
    ResidualHourglass,
    ResNet,
    UNet,
    profile_device,
    time_forward,
)
from explorer.core.analysis.design import Design, Input
from explorer.searching.space import Duplicate, Space

FAMILIES = (
    UNet,
    LeapCNN,
    Hourglass,
    ResidualHourglass,
    FCDenseNet,
    ResNet,
    PlainConvUNet,
    ResidualEncoderUNet,
)
SIDES = (64, 96, 128, 160, 192, 256, 320, 384, 512)
#: What is drawn again where it has more: multiply-adds of a batch, parameters, layers.
MOST_MACS, MOST_PARAMETERS, MOST_LAYERS = 15e9, 30e6, 300
#: Draws of a family, after which another one is taken.
TRIES = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--profile", type=Path, help="one that was saved; else it is measured")
    parser.add_argument("--save", type=Path)
    given = parser.parse_args()

    designs = drawn(given.count, given.seed)
    if given.profile:
        profile = DeviceProfile.from_json(given.profile.read_text(encoding="utf-8"))
    else:
        profile = profile_device(device=given.device)
    print(profile, flush=True)
    if given.save:
        given.save.write_text(profile.to_json(), encoding="utf-8")
    told, measured = [], []
    for design in designs:
        seconds = time_forward(
            design.architecture,
            design.input.shape,
            design.input.batch_size,
            device=given.device,
            time_limit=0.5,
        ).median
        predicted = profile.predict(design)
        assert predicted is not None
        told.append(predicted)
        measured.append(seconds)
        print(
            f"{type(design.architecture).__name__:20} {design.input.shape} × "
            f"{design.input.batch_size}: told {1e3 * predicted:8.2f} ms, measured "
            f"{1e3 * seconds:8.2f} ms, {predicted / seconds:5.2f}",
            flush=True,
        )
    ratios = sorted(a / b for a, b in zip(told, measured, strict=True))
    errors = sorted(abs(ratio - 1) for ratio in ratios)
    print(f"{len(told)} networks: median error {median(errors):.1%}, aim at most 15 %")
    print(
        f"nine of ten within {errors[int(0.9 * len(errors))]:.0%}; median of told ÷ measured "
        f"{median(ratios):.2f}"
    )
    print(f"rank correlation {rank_correlation(told, measured):.3f}, aim at least 0.95")


def drawn(count: int, seed: int) -> list[Design]:
    """Return networks of all families in turns."""
    random = Random(seed)
    found: list[Design] = []
    for family in cycle(FAMILIES):
        if len(found) == count:
            break
        space = Space.of(family)
        for _ in range(TRIES):
            side = random.choice(SIDES)
            image = Input(side, side, random.choice((1, 3)), random.choice((1, 1, 1, 2, 4)))
            try:
                design = Design(space.architecture(random.randrange(space.size)), image)
                report = design.report
            except (ParameterError, Duplicate):
                continue
            macs = report.macs * image.batch_size
            is_large = report.total_params > MOST_PARAMETERS or len(design.graph) > MOST_LAYERS
            if macs <= MOST_MACS and not is_large and design not in found:
                found.append(design)
                break
    return found


def rank_correlation(a: list[float], b: list[float]) -> float:
    """Return Spearman's coefficient; there are hardly ties between times."""
    ranks = [
        {place: rank for rank, place in enumerate(sorted(range(len(v)), key=v.__getitem__))}
        for v in (a, b)
    ]
    squares = sum((ranks[0][place] - ranks[1][place]) ** 2 for place in range(len(a)))
    return 1 - 6 * squares / (len(a) * (len(a) ** 2 - 1))


if __name__ == "__main__":
    main()
