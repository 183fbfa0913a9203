"""What a page gets from the kernel on request, once for all its views."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page as BrowserPage

from explorer.widget.panels.charts.plot import Frame
from explorer.widget.panels.diagram.canvas import Canvas
from explorer.widget.panels.keras.in_browser import InBrowser
from tests.browser.test_front import MODEL, run

#: What a view reads before it asks.
STATES = {
    Canvas: {"dot": "", "svg": "", "kept": "", "found": "", "shown": "", "items": [], "places": {}},
    Frame: {"drawing": 0, "steps": []},
    InBrowser: {"asked": {"number": 1, "program": {}, "batch": 1, "limit": 1}, "picture": ""},
}
BEGIN = dict.fromkeys((Canvas, Frame), "render({ model, el: document.body });")
BEGIN[InBrowser] = "serve({ model });"


@pytest.fixture
def page(browser) -> Iterator[BrowserPage]:
    page = browser.new_page()
    page.clock.install()
    yield page
    page.close()


@pytest.mark.parametrize(
    ("kind", "name"), [(Canvas, "graphviz"), (Frame, "plotly"), (InBrowser, "runner")]
)
def test_what_is_lost_is_asked_for_again_until_it_comes(page, kind, name):
    wanted = (
        "(globalThis.models ?? []).map(model => model.sent.filter(({ wants }) => wants).length)"
    )

    def open_view() -> None:
        model = MODEL.replace("STATE", json.dumps(STATES[kind]))
        run(page, kind, f"{model}{BEGIN[kind]}(globalThis.models ??= []).push(model);")

    open_view()
    assert page.evaluate("models[0].sent") == [{"wants": name}]
    page.clock.run_for(10_000)
    assert page.evaluate(wanted) == [2]

    kinds = page.evaluate(
        """
        async code => {
            // As Colab gives them: views of bytes that are no DataView.
            const wasm = new Uint8Array([9, 0, 97, 115, 109, 1]).subarray(1);
            for (const [event, listener] of models[0].heard)
                if (event === "msg:custom") listener({ code }, ["", "", "", "", wasm]);
            const { addresses } = explorerCode.get(code);
            const blobs = addresses.map(async each => (await fetch(each)).blob());
            return (await Promise.all(blobs)).map(({ type }) => type);
        }
        """,
        name,
    )
    assert kinds == [*["text/javascript"] * 4, "application/wasm"]
    page.clock.run_for(60_000)
    open_view()
    assert page.evaluate(wanted) == [2, 0]
