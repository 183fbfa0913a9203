"""The fonts that the diagram is measured with and drawn in."""

import os
import subprocess
import sys

import pytest
from PIL import ImageFont

from explorer.core.drawing.fonts import FILES, _widths, font_css, measured_with, width_of

PROGRAM = """
from explorer import *
print(diagram(trace(UNet(filters=4), (64, 64, 1))).svg())
"""


def drawn(**settings: str) -> str:
    """A drawing of a process with these settings."""
    environment = {key: os.environ[key] for key in os.environ if key != "FONTCONFIG_FILE"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        env=environment | settings,
    )
    return done.stdout


def test_a_drawing_is_the_same_whatever_fonts_the_machine_has(tmp_path):
    if sys.platform != "linux":
        pytest.skip("fontconfig is Linux'")
    bare = tmp_path / "fonts.conf"
    bare.write_text("<fontconfig></fontconfig>")

    # Settings of the user's own count; a machine with no fonts at all measures nothing right.
    assert drawn() != drawn(FONTCONFIG_FILE=str(bare))
    assert drawn() == drawn(HOME=str(tmp_path), FONTCONFIG_PATH=str(tmp_path))


def test_the_environment_is_left_as_it_was(monkeypatch):
    monkeypatch.delenv("FONTCONFIG_FILE", raising=False)
    with measured_with():
        assert os.path.exists(os.environ["FONTCONFIG_FILE"])
    assert "FONTCONFIG_FILE" not in os.environ

    monkeypatch.setenv("FONTCONFIG_FILE", "mine")
    with measured_with():
        assert os.environ["FONTCONFIG_FILE"] == "mine"
    assert os.environ["FONTCONFIG_FILE"] == "mine"


def test_the_fonts_are_small_and_have_their_licence_with_them():
    for file in FILES.values():
        assert file.read_bytes().startswith(b"wOFF")
        assert "SIL Open Font License" in (file.parent / "LICENSE").read_text(encoding="utf-8")
        assert "5.3.0" in (file.parent / "README.md").read_text(encoding="utf-8")
    assert len(font_css("Explorer")) < 45_000


@pytest.mark.parametrize("weight", FILES)
def test_the_widths_are_those_of_the_fonts(weight):
    font = ImageFont.truetype(FILES[weight], 2048, layout_engine=ImageFont.Layout.BASIC)
    widths = _widths()[weight]
    assert {each: font.getlength(each) for each in widths} == widths
    assert set("aZ0 ×−·…½") <= widths.keys()


def test_a_text_is_as_wide_as_its_characters():
    assert width_of("", 11) == 0
    assert width_of("256 × 256", 11) == pytest.approx(6 * 11 * 1139 / 2048 + 11 * 2334 / 2048)
    assert width_of("encoder", 11, 700) > width_of("encoder", 11)
    assert width_of("→", 11) == 11  # the fonts lack it
