"""What README, guide and CONTRIBUTING say can be done, and the figures and files that they name."""

import re
import runpy
from pathlib import Path

import pytest
from ipywidgets import Widget

from explorer import Explorer

ROOT = Path(__file__).parents[1]
TEXTS = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "notebooks/guide.md", "CONTRIBUTING.md")
}
PROGRAMS = re.findall(r"```python\n(.*?)```", "\n".join(TEXTS.values()), re.DOTALL)


@pytest.fixture(scope="module")
def gallery(repository) -> dict:
    return runpy.run_path(str(repository / "notebooks/images/draw.py"))


def test_the_gallery_has_the_figures_of_every_preset(gallery):
    from explorer import presets

    assert set(gallery["PAPERS"]) == set(presets) - {"U-Net (small)"}
    for name in gallery["PAPERS"]:
        assert gallery["row"](name) in TEXTS["notebooks/guide.md"]


@pytest.mark.parametrize("name", TEXTS)
def test_every_picture_and_every_link_leads_somewhere(name):
    text = TEXTS[name]
    found = re.findall(r"""(?:src|srcset)="([^"]+)"|\]\(([^)]+)\)""", text)
    addresses = [picture or link for picture, link in found]
    assert addresses
    for address in addresses:
        path, _, heading = address.partition("#")
        if path.startswith("https:"):
            continue
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.is_file(), address
        if heading:
            titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles]
            assert heading in anchors, address


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_every_file_that_is_named_is_there(text):
    names = re.findall(r"`((?:explorer/|tests/)[\w./]+|[\w/]*(?:test|measure)_\w+\.py)`", text)
    for name in names:
        assert (ROOT / name).exists() or (ROOT / "tests" / name).exists(), name


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_the_programs_run(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    made: list[Widget] = []
    Widget.on_widget_constructed(made.append)
    try:
        exec(compile(program, "README.md", "exec"), names)
    finally:
        Widget.on_widget_constructed(None)
        for widget in made:
            if isinstance(widget, Explorer):
                widget.close()  # else it would ask the worker of the next test
    if "widget" in names:
        assert f"{names['report'].total_params:,} parameters" in program
        assert "{} × {} pixels".format(*names["report"].receptive_field) in program
        assert (tmp_path / "unet.pdf").exists()
        assert names["timing"].median > 0
