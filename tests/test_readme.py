"""What README and CONTRIBUTING say can be done, and the figures and files that they name."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README, CONTRIBUTING = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md")
)
PROGRAMS = re.findall(r"```python\n(.*?)```", README + CONTRIBUTING, re.DOTALL)


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


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_every_file_that_is_named_is_there(text):
    names = re.findall(r"`((?:explorer/|tests/)[\w./]+|[\w/]*(?:test|measure)_\w+\.py)`", text)
    assert names
    for name in names:
        assert (ROOT / name).exists() or (ROOT / "tests" / name).exists(), name


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
