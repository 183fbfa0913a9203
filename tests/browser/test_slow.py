"""A slow browser shows the whole explorer in the end, and follows what the kernel sends later."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_explorer import IMPORT, TINY, open_tab, type_number

PATIENCE = 90_000
QUIET = "import explorer.core.settling\nexplorer.core.settling.SETTLED = 3600\n"

#: A browser for which whatever anywidget waits two seconds for is always too late.
TOO_LATE = """
    const timeout = AbortSignal.timeout;
    AbortSignal.timeout = limit => timeout.call(AbortSignal, limit === 2000 ? 0 : limit);
"""
RUN = """
    async ([setUp, source]) => {
        window.eval(setUp);
        const {commands, shell} = jupyterapp;
        await commands.execute('notebook:insert-cell-below');
        shell.currentWidget.content.activeCell.model.sharedModel.setSource(source);
        commands.execute('notebook:run-cell');
    }
"""


def expect_all(page: Page) -> None:
    """Every part of the opening view is there, and follows a click and an edit."""
    heading = page.locator(".explorer-inspector h2")
    expect(page.locator(".explorer-canvas g.node[data-item]")).to_have_count(8, timeout=PATIENCE)
    expect(page.locator(".explorer-strip-step")).not_to_have_count(0, timeout=PATIENCE)
    expect(page.locator(".explorer-total")).to_have_count(6, timeout=PATIENCE)
    expect(heading).to_have_text("U-Net, own settings", timeout=PATIENCE)
    expect(page.locator(".explorer-history option")).not_to_have_count(0, timeout=PATIENCE)
    page.locator("[data-item='block-stack0_enc1']").dispatch_event("click")
    expect(heading).to_have_text("encoder 1", timeout=PATIENCE)


@pytest.fixture
def started(notebook) -> Page:
    page = notebook([QUIET + IMPORT])
    page.set_default_timeout(PATIENCE)
    return page


def test_a_slow_browser_shows_all_and_follows(started):
    session = started.context.new_cdp_session(started)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 20})
    started.evaluate(RUN, ["", TINY])

    expect_all(started)


def test_what_took_the_browser_too_long_is_made_up_for(started):
    started.evaluate(RUN, [TOO_LATE, TINY])

    expect_all(started)
    type_number(started, "filters", "8")
    expect(started.locator("[data-item='block-stack0_enc0']")).to_contain_text("64 × 64 × 8")
    open_tab(started, "Layers")
    rows = started.locator(".explorer-table tbody tr").filter(has_text="stack0_enc0_conv0")
    expect(rows).to_contain_text("64 × 64 × 8")
