"""A notebook that is opened again without its kernel shows the design that was last on screen."""

import json
import shutil

import nbformat
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import CURRENT, READY
from tests.browser.test_explorer import IMPORT, PATIENCE, SHOW, TINY, open_tab, type_number

QUIET = "import explorer.core.settling\nexplorer.core.settling.SETTLED = 3600\n"
SAVE = "() => window.jupyterapp.commands.execute('docmanager:save')"
KEPT = f"""
    text => {CURRENT}.content.model.toJSON().cells[0].outputs
        .some(output => JSON.stringify(output.data['text/plain'] ?? '').includes(text))
"""


STATE = f"""
    () => JSON.stringify({CURRENT}.content.model.toJSON().metadata.widgets ?? '').length
"""


def reopened(page: Page, notebooks, is_trusted: bool = True) -> Page:
    """Return the page as it is after its notebook was saved, and its kernel ended.

    Args:
        page: The page.
        notebooks: What opened it.
        is_trusted: Whether JupyterLab trusts the notebook; else it is as one that others made.
    """
    page.evaluate(SAVE)
    if not is_trusted:
        file = notebooks.lab.notebooks / page.notebook
        content = nbformat.read(file, as_version=4)
        content.cells[0].source += "\n# changed elsewhere"
        nbformat.write(content, file)
    for session in notebooks.lab.request("GET", "/api/sessions"):
        if session["path"] == page.notebook:
            notebooks.lab.request("DELETE", f"/api/sessions/{session['id']}")
    page.goto("about:blank")
    name = page.notebook.removesuffix(".ipynb")
    lab = notebooks.lab
    page.goto(f"{lab.url}/lab/workspaces/{name}/tree/{name}.ipynb?token={lab.token}")
    page.wait_for_function(READY, timeout=PATIENCE)
    return page


def test_a_notebook_opened_again_shows_the_design_as_it_was(notebook, notebooks):
    page = notebook([f"{QUIET}{IMPORT}\n{TINY}"], theme="dark")
    kept = page.locator(".explorer-saved")
    page.locator(".explorer-canvas svg").wait_for(timeout=PATIENCE)
    expect(kept).to_have_count(1)
    expect(kept).to_be_hidden()
    type_number(page, "filters", "8")
    page.wait_for_function(KEPT, arg="parameters 32.5 k", timeout=PATIENCE)
    expect(kept).to_be_hidden()

    reopened(page, notebooks)

    expect(kept).to_be_visible(timeout=PATIENCE)
    gone = page.get_by_text("model not found")
    expect(gone).to_have_count(1)
    expect(gone).to_be_hidden()
    picture = kept.locator("img")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 200
    expect(kept).to_contain_text("input 64 × 64 × 1")
    kept.locator("summary").click()
    expect(kept.locator("tbody tr").nth(1)).to_contain_text("64 × 64 × 8")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_notebook_that_is_not_trusted_shows_the_design(notebook, notebooks, theme):
    page = notebook([f"{QUIET}{IMPORT}\n{TINY}"], theme=theme)
    page.locator(".explorer-canvas svg").wait_for(timeout=PATIENCE)
    reopened(page, notebooks, is_trusted=False)

    kept = page.locator(".explorer-saved")
    expect(kept).to_be_visible(timeout=PATIENCE)
    assert page.evaluate(f"() => {CURRENT}.content.widgets[0].model.trusted") is False
    expect(page.locator("style", has_text="explorer-saved")).to_have_count(0)
    picture = kept.locator("img")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 200
    expect(picture).to_be_in_viewport()
    expect(kept).to_contain_text("input 64 × 64 × 1")
    expect(page.get_by_text("model not found")).to_have_count(0)
    kept.locator("summary").click()
    expect(kept.locator("tbody tr").nth(1)).to_contain_text("64 × 64 × 4")


@pytest.fixture
def saving_state(lab):
    """JupyterLab as it is where the user has it save the state of widgets."""
    file = lab.settings / "@jupyter-widgets" / "jupyterlab-manager" / "plugin.jupyterlab-settings"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"saveState": True}))
    yield
    shutil.rmtree(file.parents[1])


def test_saved_state_is_small_and_shows_the_explorer_to_be_read(saving_state, notebook, notebooks):
    page = notebook([f"{QUIET}{IMPORT}\n{SHOW}"])
    page.locator(".explorer-canvas svg").wait_for(timeout=PATIENCE)
    for tab in ("Receptive field", "Feature maps", "Compare", "Code", "Run and time"):
        open_tab(page, tab)
    open_tab(page, "Charts")
    expect(page.locator(".js-plotly-plot .barlayer .point").first).to_be_attached()
    open_tab(page, "Diagram")
    open_tab(page, "Layers")
    rows = page.locator(".explorer-table tbody tr")
    expect(rows).to_have_count(41, timeout=PATIENCE)  # a view that is not there yet is not saved
    type_number(page, "filters", "8")
    expect(page.locator(".explorer-canvas")).to_contain_text("256 × 256 × 8")

    reopened(page, notebooks)

    expect(page.locator(".explorer-canvas")).to_contain_text("256 × 256 × 8", timeout=PATIENCE)
    expect(page.locator(".explorer-gone-line")).to_contain_text("run the cell to edit it")
    expect(rows).to_have_count(41)
    expect(page.locator(".explorer-saved")).to_be_hidden()
    expect(page.locator(".explorer-controls")).to_have_js_property("inert", True)
    assert 100_000 < page.evaluate(STATE) < 1_000_000
    assert page.console_errors == []
