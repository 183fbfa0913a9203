"""Take the README's screenshots again, in a real JupyterLab; needs Chromium.

Runs under pytest, for the fixtures of the browser tests: `python notebooks/images/shoot.py`.
"""

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

HERE = Path(__file__).parent
CELL = "from explorer import Explorer\nwidget = Explorer(input_shape=(256, 256, 3))\nwidget"


def main() -> None:
    root = str(HERE.parents[1])
    sys.path.insert(0, root)
    sys.exit(
        pytest.main([__file__, "--rootdir", root, "-p", "tests.browser.conftest", "--capture=no"])
    )


def take(shown: Page | Locator, name: str, **options: object) -> None:
    """Save a screenshot with 255 colours, which is enough and small."""
    picture = Image.open(io.BytesIO(shown.screenshot(**options)))
    picture.convert("RGB").quantize(255).save(HERE / f"{name}.png", optimize=True)


def tab(page: Page, title: str) -> Locator:
    page.get_by_role("tab", name=title).click()
    page.mouse.move(5, 5)
    return page.get_by_role("tabpanel").filter(visible=True).first


def draw(page: Page, colour: str, sizes: bool) -> None:
    """Choose how the diagram is drawn."""
    page.get_by_role("button", name="How it is drawn").click()
    page.get_by_label("colour by", exact=True).select_option(colour)
    page.get_by_label("draw sizes").set_checked(sizes)
    page.get_by_role("button", name="How it is drawn").click()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_views(notebook: Callable[..., Page], theme: str) -> None:
    page = notebook([CELL], theme=theme, viewport=(1440, 1040))
    page.locator(".explorer-good").wait_for(timeout=90_000)
    workspace = page.locator(".explorer-workspace")
    workspace.evaluate("element => element.scrollIntoView({block: 'end'})")
    page.locator("[data-item='block-stack0_dec0']").click()
    page.get_by_role("button", name="▶ Run").click()
    page.locator(".explorer-timing").wait_for(timeout=90_000)
    tab(page, "Explain")
    page.wait_for_timeout(500)
    take(workspace, f"explorer-{theme}")

    # Each view in the room that a large screen has.
    page.get_by_role("button", name="Fill the window").click()
    tab(page, "Run and time")
    page.get_by_role("button", name="Time every layer").click()
    expect(page.get_by_text("layers, each alone")).to_be_visible(timeout=90_000)
    draw(page, "time", True)
    page.mouse.move(5, 5)
    page.wait_for_timeout(2500)  # until the marks of the change are gone
    take(page.locator(".explorer-stage"), f"diagram-{theme}")
    draw(page, "kind", False)

    charts = tab(page, "Charts")
    expect(charts.locator(".point").first).to_be_attached(timeout=90_000)
    page.wait_for_timeout(1500)
    take(page.locator(".explorer-stage"), f"charts-{theme}")

    field = tab(page, "Receptive field")
    picture = field.get_by_role("application")
    expect(field.locator("image").first).to_have_attribute("href", re.compile("blob"))
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    at = lambda x, y: (box["x"] + x * box["width"], box["y"] + y * box["height"])  # noqa: E731
    page.mouse.click(*at(0.45, 0.3))
    page.mouse.move(*at(0.31, 0.08))
    page.mouse.down()
    page.mouse.move(*at(0.62, 0.55), steps=5)
    page.mouse.up()
    expect(field).to_contain_text("95 % of the gradient within", timeout=90_000)
    page.wait_for_timeout(1000)
    take(page.locator(".explorer-stage"), f"receptive-field-{theme}")

    film = tab(page, "Feature maps")
    expect(film.locator(".explorer-film button").first).to_be_visible(timeout=90_000)
    page.wait_for_timeout(2500)
    take(page.locator(".explorer-stage"), f"feature-maps-{theme}")

    tab(page, "Diagram")
    compared = page.locator(".explorer-side")
    tab(page, "Compare")
    page.get_by_role("button", name="Pin as A").click()
    page.get_by_label("upsample by").select_option("bilinear")
    page.get_by_role("button", name="Time both").click()
    expect(compared).to_contain_text(re.compile("as (fast|long) as A"), timeout=90_000)
    page.mouse.move(5, 5)
    page.wait_for_timeout(2500)
    take(workspace, f"compare-{theme}")


@pytest.mark.parametrize(("number", "step"), [(5, 3), (10, 0)])
def test_lessons(notebook: Callable[..., Page], number: int, step: int) -> None:
    cell = f"from explorer import Lesson\nlesson = Lesson({number}, seed='Ada')\nlesson"
    page = notebook([cell], viewport=(1440, 1040))
    pane = page.get_by_role("region", name="Lesson")
    pane.get_by_role("button", name=re.compile(rf"^Step {step + 1}\b")).click()
    page.locator(".explorer-canvas svg").wait_for(timeout=90_000)
    page.wait_for_timeout(4000)  # the window has slid some way
    workspace = page.locator(".explorer-workspace")
    workspace.evaluate("element => element.scrollIntoView({block: 'end'})")
    take(workspace, f"lesson-{number}")


def test_training(notebook: Callable[..., Page]) -> None:
    page = notebook([CELL], viewport=(1440, 1040))
    page.locator(".explorer-good").wait_for(timeout=90_000)
    workspace = page.locator(".explorer-workspace")
    workspace.evaluate("element => element.scrollIntoView({block: 'end'})")
    tab(page, "Train")
    page.get_by_role("button", name="▶ Train").click()
    expect(page.get_by_role("button", name="▶ Go on")).to_be_enabled(timeout=240_000)
    page.mouse.move(5, 5)
    take(workspace, "train-light")


if __name__ == "__main__":
    main()
