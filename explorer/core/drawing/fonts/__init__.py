"""Arimo, which has the widths of Arial: Graphviz measures with it, and browsers draw it.

Else the kernel's machine would measure one font and the browser draw another, and text would stand
over its box. In a browser Graphviz has no fonts, and knows no more than the widths given here.
"""

import atexit
import json
import os
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

_FOLDER = Path(__file__).parent

#: The files by weight, of the encoding that both Graphviz' font library and browsers read.
FILES = {weight: _FOLDER / f"arimo-latin-{weight}-normal.woff" for weight in (400, 700)}

#: What fontconfig reads: the machine's own fonts, and these in place of Arial.
_SETTINGS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>{folder}</dir>
  <match target="pattern">
    <test name="family"><string>Arial</string></test>
    <edit name="family" mode="assign" binding="same"><string>Arimo</string></edit>
  </match>
</fontconfig>
"""


#: Units of the fonts' own that a text's size has.
_UNITS = 2048


def width_of(text: str, size: float, weight: int = 400) -> float:
    """Return how wide a text is, in the unit of its size.

    A character that the fonts don't have counts as wide as high: others draw it.

    Args:
        text: The text.
        size: Its size.
        weight: 400, or 700 for bold.
    """
    widths = _widths()[weight]
    return sum(widths.get(character, _UNITS) for character in text) * size / _UNITS


@cache
def _widths() -> dict[int, dict[str, int]]:
    """Return the width of each character by weight, in units of the fonts' own."""
    listed = json.loads((_FOLDER / "widths.json").read_text(encoding="utf-8"))
    return {
        int(weight): {each: int(width) for width, those in widths.items() for each in those}
        for weight, widths in listed.items()
    }


def font_css(family: str) -> str:
    """Return the rules by which a page has the fonts under a name."""
    return "\n".join(
        f"@font-face {{ font-family: {family}; font-weight: {weight}; "
        f"src: url(data:font/woff;base64,{b64encode(file.read_bytes()).decode()}); }}"
        for weight, file in FILES.items()
    )


@contextmanager
def measured_with() -> Iterator[None]:
    """Let Graphviz measure with these fonts, unless the environment names settings of its own."""
    if "FONTCONFIG_FILE" in os.environ:
        yield
        return
    os.environ["FONTCONFIG_FILE"] = _settings_file()
    try:
        yield
    finally:
        del os.environ["FONTCONFIG_FILE"]


@cache
def _settings_file() -> str:
    """Return the path of fontconfig's settings, which hold until the process ends."""
    folder = TemporaryDirectory(prefix="explorer-fonts-")
    atexit.register(folder.cleanup)
    file = Path(folder.name) / "fonts.conf"
    file.write_text(_SETTINGS.format(folder=escape(str(_FOLDER))), encoding="utf-8")
    return str(file)
