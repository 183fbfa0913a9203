"""Text of the diagram stands within its box, and beside other text, where there is no Arial."""

import pytest
from playwright.sync_api import Page

from explorer import diagram, presets, trace
from explorer.widget.panels.diagram.panel import Canvas
from tests.browser.test_explorer import SHOW, opened  # noqa: F401 — a fixture

#: Texts that stand over the edge of their box, or over another text in their row.
OVERFLOWING = """
    () => {
        const found = [];
        for (const node of document.querySelectorAll('g.node')) {
            const boxes = [...node.querySelectorAll(':scope > polygon')].map(one => one.getBBox());
            const box = boxes.sort((a, b) => b.width * b.height - a.width * a.height)[0];
            if (!box) continue;
            const texts = [...node.querySelectorAll('text')].map(text => {
                const {x, y, width} = text.getBBox();
                return {text: text.textContent, x, y, end: x + width};
            }).filter(({text}) => text.trim());
            for (const text of texts) {
                if (text.x < box.x || text.end > box.x + box.width) found.push(text.text);
                for (const other of texts) {
                    const inRow = other !== text && Math.abs(other.y - text.y) < 2;
                    if (inRow && text.x <= other.x && text.end > other.x + 0.1) {
                        found.push(`${text.text} | ${other.text}`);
                    }
                }
            }
        }
        return found;
    }
"""
#: What became of the fonts of a name that the page has with it.
OURS = "name => [...document.fonts].filter(f => f.family === name).map(f => f.status)"
DRAWN = [(name, {"detail": detail}) for name in presets for detail in ("outline", "blocks")]
DRAWN += [("U-Net", {"detail": "layers"}), ("ResNet50", {"detail": "layers"})]
DRAWN += [("FC-DenseNet103", {"detail": "layers", "fold": True})]
DRAWN += [("ResNet152", {"detail": "layers", "fold": True, "colour_by": "MACs"})]
DRAWN += [("U-Net", {"colour_by": "memory"}), ("Residual hourglass", {"colour_by": "MACs"})]


@pytest.fixture(scope="module")
def page(browser) -> Page:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    yield page
    page.close()


@pytest.mark.parametrize(("name", "options"), DRAWN, ids=str)
def test_all_text_stands_in_its_box(page, name, options):
    svg = diagram(trace(presets[name], (256, 256, 1)), **options).svg()
    page.set_content(f"<style>{Canvas._css}</style><div class=explorer-canvas>{svg}</div>")
    page.evaluate("() => document.fonts.load('700 11px Explorer')")
    page.evaluate("() => document.fonts.load('400 11px Explorer')")

    assert page.locator("g.node text").count() > 9
    assert page.evaluate(OVERFLOWING) == []


@pytest.mark.parametrize("name", ["U-Net", "Residual hourglass"])
def test_a_saved_drawing_has_its_font_with_it(page, name, tmp_path):
    file = tmp_path / "net.svg"
    diagram(trace(presets[name], (256, 256, 1)), "layers").save(file)
    page.goto(file.as_uri())
    page.evaluate("() => document.fonts.ready")

    assert page.evaluate(OURS, "Arimo") == ["loaded", "loaded"]
    assert page.locator("g.node text").count() > 20
    assert page.evaluate(OVERFLOWING) == []


def test_the_explorer_has_its_font_with_it(opened, tmp_path):  # noqa: F811
    page = opened(SHOW, keras=False, viewport=(1440, 900))
    page.evaluate("() => document.fonts.ready")

    assert page.evaluate(OURS, "Explorer") == ["loaded", "loaded"]
    assert page.evaluate(OVERFLOWING) == []

    assert "@font-face" not in page.locator(".explorer-canvas svg").inner_html()
    with page.expect_download() as download:
        page.get_by_label("Save the diagram").select_option("SVG")
    download.value.save_as(tmp_path / "net.svg")
    page.goto((tmp_path / "net.svg").as_uri())
    page.evaluate("() => document.fonts.ready")
    assert page.evaluate(OURS, "Arimo") == ["loaded", "loaded"]
    assert page.evaluate(OVERFLOWING) == []
