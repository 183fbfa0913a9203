"""What is on screen is put together in the browser, of text that stays text."""

import ast
import re
from pathlib import Path

import pytest

import explorer.widget

FOLDER = Path(explorer.widget.__file__).parent
TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
#: plotly takes its texts as lines with tags; it has no other way.
FOR_PLOTLY = {
    *(f"panels/charts/{name}.py" for name in ("data", "steps", "figure")),
    "panels/search/front_plot.py",
}
#: The drawing comes from Graphviz.
FOR_SVG = {"panels/diagram/panel.js"}
ADDS_HTML = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write")


def html_in(source: str) -> list[str]:
    """Return the texts with tags in a module, and its uses of ipywidgets' HTML."""
    tree = ast.parse(source)
    docs = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]
    names = [
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(tree)
        if isinstance(node, (ast.Attribute, ast.Name))
    ]
    return [text for text in texts if TAG.search(text)] + [
        name for name in names if name in ("HTML", "HTMLMath", "escape")
    ]


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: path.name)
def test_python_puts_no_html_together_for_the_screen(path):
    if path.relative_to(FOLDER).as_posix() not in FOR_PLOTLY:
        assert html_in(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.js")), ids=lambda path: path.name)
def test_javascript_sets_text_as_text(path):
    if path.relative_to(FOLDER).as_posix() not in FOR_SVG:
        assert not ADDS_HTML.search(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "source",
    [
        'x = f"<b>{y}</b>"',
        'x = "a" + "</div>"',
        "widgets.HTML()",
        "from html import escape\nescape(x)",
    ],
)
def test_html_is_noticed(source):
    assert html_in(source)
