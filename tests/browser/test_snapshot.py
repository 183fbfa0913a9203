"""A design in a file of its own: opened from disk, without a kernel, a server or a network."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import explorer.worker.process
from explorer import Explorer, UNet
from tests.still_worker import StillWorker

CLICK_BLOCK = "[data-item='block-stack0_enc1']"


@pytest.fixture
def opened(browser: Browser, tmp_path: Path, monkeypatch) -> Iterator[Callable[..., Page]]:
    """Opens a file that holds a small U-Net; nothing may be asked for, and no error be logged."""
    monkeypatch.setattr(explorer.worker.process, "shared_worker", StillWorker)
    monkeypatch.setattr("explorer.core.settling.SETTLED", 3600)
    widget = Explorer(UNet(filters=4, down_blocks=2, up_blocks=2), (64, 64, 1))
    file = tmp_path / "design.html"
    widget.snapshot(file)
    widget.close()
    noted: list[str] = []
    contexts = []

    def open_file(**options) -> Page:
        contexts.append(browser.new_context(viewport={"width": 1440, "height": 900}, **options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: noted.append(message.text))
        page.on("pageerror", lambda error: noted.append(str(error)))
        page.on("request", lambda request: noted.append(request.url))
        page.goto(file.as_uri())
        noted.remove(file.as_uri())
        page.locator(".explorer-canvas svg").wait_for()
        return page

    yield open_file

    assert [text for text in noted if not text.startswith(("data:", "blob:"))] == []
    for context in contexts:
        context.close()


def test_one_can_select_and_hover_in_all_views(opened):
    page = opened()
    heading = page.locator(".explorer-inspector h2")
    expect(heading).to_have_text("U-Net, own settings")

    page.locator(CLICK_BLOCK).click()

    expect(heading).to_have_text("encoder 1")
    expect(page.locator(f"{CLICK_BLOCK}.explorer-selected")).to_have_count(1)
    chosen = page.locator(".explorer-table tr.explorer-selected")
    expect(chosen.filter(has_text="stack0_enc1")).to_have_count(5)
    expect(chosen).to_have_count(5)
    expect(page.locator(".explorer-strip-step.explorer-selected")).to_have_count(5)
    page.locator(".explorer-inspector button[data-select]").first.click()
    expect(heading).not_to_have_text("encoder 1")

    page.locator("[data-item='block-stack0_enc0']").hover()
    expect(page.locator(".explorer-table tr.explorer-hovered")).not_to_have_count(0)
    expect(page.locator(".explorer-canvas-view .explorer-hint")).to_contain_text("64 × 64 × 4")


def test_one_can_sort(opened):
    page = opened()
    cells = page.locator(".explorer-table tbody tr td:nth-child(5)")
    page.locator(".explorer-table").get_by_role("button", name="parameters", exact=True).click()
    found = [int(text.replace(",", "")) for text in cells.all_text_contents()]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]


def test_one_can_zoom_and_sees_more_from_near_by(opened):
    page = opened()
    svg = page.locator(".explorer-canvas > svg")
    before = svg.bounding_box()["width"]
    page.get_by_role("button", name="Zoom in").click()
    page.wait_for_function(
        "before => document.querySelector('.explorer-canvas > svg').clientWidth > before",
        arg=before,
    )
    page.locator(CLICK_BLOCK).click()
    layer = page.locator("[data-item='layer-stack0_enc1_conv0']")
    expect(layer).to_have_count(0)
    box = page.locator(".explorer-canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.keyboard.down("Control")
    for _ in range(8):
        page.mouse.wheel(0, -120)
    page.keyboard.up("Control")
    expect(layer).to_have_count(1)
    expect(page.locator(".explorer-inspector h2")).to_have_text("encoder 1")


def test_it_follows_the_readers_theme(opened):
    for theme, is_light in (("light", "true"), ("dark", "false")):
        page = opened(color_scheme=theme)
        assert page.evaluate("document.body.dataset.jpThemeLight") == is_light
