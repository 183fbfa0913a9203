"""Draw the guide's pictures of the presets again, and print the rows of its gallery."""

import re
from pathlib import Path

from explorer import analyze, diagram, presets, trace

SHAPE = (256, 256, 1)
PAPERS = {
    "U-Net": "Ronneberger et al. 2015, arXiv 1505.04597",
    "LEAP CNN": "Pereira et al. 2019, Nature Methods 16",
    "Stacked hourglass": "Newell et al. 2016, arXiv 1603.06937, with plain convolutions",
    "Residual hourglass": "Newell et al. 2016, arXiv 1603.06937",
    "FC-DenseNet56": "Jégou et al. 2017, arXiv 1611.09326",
    "FC-DenseNet67": "Jégou et al. 2017, arXiv 1611.09326",
    "FC-DenseNet103": "Jégou et al. 2017, arXiv 1611.09326",
    "ResNet50": "He et al. 2016, arXiv 1512.03385",
    "ResNet101": "He et al. 2016, arXiv 1512.03385",
    "ResNet152": "He et al. 2016, arXiv 1512.03385",
    "nnU-Net": "Isensee et al. 2021, Nature Methods 18; one of its 2D networks",
    "nnU-Net (residual)": "Isensee et al. 2024, arXiv 2404.09556; one of its 2D networks",
}


def row(name: str) -> str:
    """Return a preset's row of the gallery, in Markdown."""
    graph = trace(presets[name], SHAPE)
    report = analyze(graph)
    picture = f"[picture](images/{file_name(name)})"
    field = "{} × {}".format(*report.receptive_field)
    return (
        f"| {name} | {picture} | {len(graph)} | {report.total_params:,} "
        f"| {report.macs / 1e9:.2f} G | {field} | {PAPERS[name]} |"
    )


def file_name(name: str) -> str:
    """Return the name of a preset's picture."""
    return f"{re.sub('[()]', '', name.lower()).replace(' ', '-')}.svg"


if __name__ == "__main__":
    for preset in PAPERS:
        diagram(trace(presets[preset], SHAPE)).save(Path(__file__).parent / file_name(preset))
        print(row(preset))
