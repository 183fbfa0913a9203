"""What the README says can be done, and the figures that it gives."""

import re
import runpy
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def gallery(repository) -> dict:
    return runpy.run_path(str(repository / "notebooks/images/draw.py"))


def test_the_gallery_has_the_figures_of_every_preset(gallery):
    from explorer import presets

    assert set(gallery["PAPERS"]) == set(presets) - {"U-Net (small)"}
    for name in gallery["PAPERS"]:
        assert gallery["row"](name) in README


def test_every_picture_is_there(repository):
    pictures = re.findall(r"notebooks/images/[\w.-]+", README)
    assert pictures
    for picture in pictures:
        assert (repository / picture).is_file(), picture


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_the_programs_run(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(program, "README.md", "exec"), names)
    if "widget" in names:
        names["widget"].close()
        assert f"{names['report'].total_params:,} parameters" in program
        assert "{} × {} pixels".format(*names["report"].receptive_field) in program
        assert (tmp_path / "unet.pdf").exists()
        assert names["timing"].median > 0
