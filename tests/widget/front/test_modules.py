"""What a view is made of goes to the browser without what is written for readers."""

from pathlib import Path

import pytest

import explorer.widget
from explorer.widget.front.modules import module

FOLDER = Path(explorer.widget.__file__).parent
FILES = [path for path in sorted(FOLDER.rglob("*.js")) if "graphviz" not in path.parts]


def code_lines(source: str) -> list[str]:
    """Return the lines that are no part of a comment that has lines of its own."""
    lines, in_comment = [], False
    for line in source.splitlines():
        text = line.strip()
        in_comment |= text.startswith("/**")
        if in_comment and "*/" not in text:
            continue
        is_end, in_comment = in_comment, False
        if text and not text.startswith("//") and not (is_end and text.endswith("*/")):
            lines.append(line)
    return lines


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_all_code_of_a_file_is_there_and_no_comment(path):
    wanted = code_lines(path.read_text(encoding="utf-8"))
    sent = module(path)
    assert [line for line in sent.splitlines() if line.strip()][-len(wanted) :] == wanted
    assert "@ts-check" not in sent
