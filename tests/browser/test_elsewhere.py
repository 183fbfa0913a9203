"""The explorer outside JupyterLab: as an app without code in Voilà, and in Notebook 7."""

from collections.abc import Callable, Iterator

import nbformat
import pytest
from attrs import evolve
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import READY, RUN_ALL, Lab, note_message, running_lab
from tests.browser.test_explorer import (
    COLOURS,
    OVERFLOWING,
    PATIENCE,
    TINY,
    TINY_NET,
    contrast,
    eventually,
    expect_views,
    open_tab,
    type_number,
)

SHAPE = (64, 64, 1)


# A server of their own: one that was asked for Notebook 7 refuses JupyterLab some of its fonts.
@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("elsewhere")) as lab:
        yield lab


@pytest.fixture
def visit(browser: Browser, server: Lab) -> Iterator[Callable[..., Page]]:
    """Opens a notebook that shows an explorer at an address of the server."""
    cell = nbformat.v4.new_code_cell(f"from explorer import *\n{TINY}")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})
    nbformat.write(content, server.notebooks / "elsewhere.ipynb")
    pages = []

    def open_at(path: str) -> Page:
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.console_errors = []
        page.on("console", lambda message: note_message(page, message))
        page.on("pageerror", lambda error: page.console_errors.append(str(error)))
        pages.append(page)
        page.goto(f"{server.url}/{path}token={server.token}")
        return page

    yield open_at

    for page in pages:
        page.context.close()
    for session in server.request("GET", "/api/sessions"):
        server.request("DELETE", f"/api/sessions/{session['id']}")
    # Voilà's kernels belong to no session.
    for kernel in server.request("GET", "/api/kernels"):
        server.request("DELETE", f"/api/kernels/{kernel['id']}")


def use(page: Page) -> None:
    """Edit, select and look: everything that a view does needs the kernel."""
    page.locator(".explorer-canvas svg").wait_for(timeout=PATIENCE)
    page.console_errors.clear()  # Voilà's page fetches fonts from elsewhere, in vain
    expect_views(page, TINY_NET, SHAPE)
    type_number(page, "filters", 6)
    expect_views(page, evolve(TINY_NET, filters=6), SHAPE)
    page.locator("[data-item='block-stack0_enc0']").click()
    open_tab(page, "Explain")
    expect(page.locator(".explorer-inspector h2")).to_have_text("encoder 0")
    page.get_by_role("tab", name="Charts").click()
    expect(page.locator(".js-plotly-plot .barlayer .point").first).to_be_attached()


def test_in_voila_it_is_an_app_without_code(visit):
    page = visit("voila/render/elsewhere.ipynb?")
    use(page)

    expect(page.get_by_text("from explorer import").locator("visible=true")).to_have_count(0)
    page.get_by_role("button", name="▶ Run").click()
    expect(page.locator(".explorer-timing")).to_contain_text("median")
    assert page.console_errors == []


def test_in_voila_it_is_readable_in_the_dark_and_in_a_narrow_window(visit):
    page = visit("voila/render/elsewhere.ipynb?theme=dark&")
    use(page)

    open_tab(page, "Diagram")
    texts = page.evaluate(COLOURS)
    assert len(texts) > 100
    for _, text, colour, behind in texts:
        assert contrast(colour, behind) >= 4.5, (text, colour, behind)
    page.set_viewport_size({"width": 480, "height": 900})
    assert eventually(page, lambda: page.evaluate(OVERFLOWING), [].__eq__) == []
    assert page.console_errors == []


def test_it_works_in_notebook_7(visit):
    page = visit("notebooks/elsewhere.ipynb?")
    page.wait_for_function(READY, timeout=PATIENCE)
    page.evaluate(RUN_ALL)
    use(page)

    assert page.console_errors == []
