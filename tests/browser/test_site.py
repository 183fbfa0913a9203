"""The explorer without a server: a folder of files, opened with every other host out of reach."""

import functools
import gzip
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from textwrap import dedent
from typing import Any, ClassVar
from urllib.parse import urlencode
from urllib.request import urlopen

import attrs
import pytest
from playwright.sync_api import Browser, Page, expect

from explorer import UNet, trace
from explorer.core.analysis.design import Input
from explorer.core.asking.failures import NO_KERAS
from explorer.core.exchange.links import LONGEST, SharedDesign, to_link
from explorer.lessons.plan import lesson
from tests import reference
from tests.browser.conftest import CURRENT, FAILED_CELLS, PAGES, RUN_ALL, note_message
from tests.browser.test_explorer import (
    SMALL,
    expect_result,
    expect_views,
    handle,
    number,
    open_tab,
)

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
#: Milliseconds that a slow machine may take to start Python in the page.
START = 180_000
LINKED = UNet(filters=8, down_blocks=2, up_blocks=2)
#: Whether the photograph is in a picture, or beside it: not only its frame.
IS_DECODED = """
    selector => [...document.querySelectorAll(`${selector} img, ${selector} image, img${selector}`)]
        .some(image => image.naturalWidth > 0 || image.href?.baseVal)
"""
#: Whether all of an element's text is in view, as far as the element itself is.
IS_WHOLE = """
    element => element.scrollHeight <= element.clientHeight
        && element.scrollWidth <= element.clientWidth
        && element.getBoundingClientRect().right <= innerWidth
"""
#: Cells that show what is neither the explorer's nor plain.
SHOWING = [
    "from IPython.display import Code\nCode('[null]', language='json')",
    "from pathlib import Path\nnote = Path.home() / 'note.md'\n_ = note.write_text('# Title')",
    "Code(filename=str(note))",
    "Code('import os')",
    "from plotly.graph_objects import Figure, Scatter\nfigure = Figure(Scatter(y=[1, 3, 2]))",
    "figure",
    "figure.show()",
    "figure.show('notebook')",
    "try:\n    figure.write_html(note)\nexcept OSError as e:\n    print(e)",
]
#: Puts cells in place of those that are there.
PUT_CELLS = f"""
    sources => {{
        const shared = {CURRENT}.content.model.sharedModel;
        const cells = sources.map(source => ({{cell_type: 'code', source, metadata: {{}}}}));
        shared.deleteCellRange(0, shared.cells.length);
        shared.insertCells(0, cells);
    }}
"""
#: The HTML in the outputs of a notebook.
KEPT = f"""
    () => {CURRENT}.content.model.toJSON().cells.flatMap(cell => cell.outputs ?? [])
        .map(output => output.data?.["text/html"] ?? "").join("")
"""


class Handler(SimpleHTTPRequestHandler):
    """Serves files, and says nothing of it."""

    damaged: ClassVar[set[str]] = set()  # paths of files that are served as something else

    def do_GET(self) -> None:
        if self.path not in self.damaged:
            super().do_GET()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(gzip.compress(b"something else"))

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(repository: Path, browser: Browser) -> Iterator[str]:
    """The address of the folder that `make site` builds."""
    missing = [name for name in ("make", "npm") if shutil.which(name) is None]
    if missing:
        reason = f"not found, and needed to build the site: {', '.join(missing)}"
        if os.environ.get("EXPLORER_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run(
        ["make", "site", f"PYTHON={sys.executable}"],
        cwd=repository,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    handler = functools.partial(Handler, directory=repository / "build" / "site")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def visit(
    browser: Browser, site: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[str], Page]]:
    """Opens an address of the site in a window."""
    pages: list[Page] = request.node.stash.setdefault(PAGES, [])

    def open_at(path: str, width: int = 1440) -> Page:
        page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
        page.site = site
        page.console_errors = []
        page.on("console", lambda message: note_message(page, message))
        page.on("pageerror", lambda error: page.console_errors.append(str(error)))
        pages.append(page)
        page.goto(f"{site}/{path}")
        return page

    yield open_at

    for page in pages:
        page.context.close()


def wait_for_drawing(page: Page) -> None:
    page.locator(".explorer-canvas svg g.node").first.wait_for(timeout=START)


def reports_of(page: Page) -> str:
    """What the page's Python knows of the networks of `tests/reference.py`."""
    files = [Path(reference.__file__), reference.DATA]
    folder = files[0].parent
    given = {file.relative_to(folder).as_posix(): file.read_text() for file in files}
    code = f"""
        import sys
        import tempfile
        from pathlib import Path

        folder = Path(tempfile.mkdtemp())
        for path, text in {given!r}.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text)
        sys.path.append(str(folder))
        import reference

        print(reference.reports())
    """
    return printed(page, dedent(code))


def printed(page: Page, code: str) -> str:
    """What code prints that the kernel in the page runs."""
    text: str = page.evaluate(
        """
        async code => {
            const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const future = kernel.requestExecute({code});
            const parts = [];
            future.onIOPub = ({content}) => parts.push(content.text ?? content.evalue ?? "");
            await future.done;
            return parts.join("");
        }
        """,
        code,
    )
    return text.strip()


@pytest.mark.skipif(shutil.which("make") is None, reason="make not found")
def test_where_npm_is_missing_nothing_is_begun(repository, tmp_path):
    shutil.copy(repository / "Makefile", tmp_path)

    done = subprocess.run(
        [shutil.which("make"), "site", f"PYTHON={sys.executable}"],
        cwd=tmp_path,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    assert done.returncode != 0
    assert "make site needs npm, which comes with Node.js" in done.stderr
    assert "Only the site needs npm" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["Makefile"]


def test_the_notebook_runs_in_the_page(visit, tmp_path):
    page = visit("lab/index.html?path=explorer.ipynb")
    page.wait_for_function(f"() => {CURRENT}?.sessionContext?.isReady", timeout=START)
    page.evaluate(RUN_ALL)
    wait_for_drawing(page)
    expect_views(page, SMALL)

    handle(page, "filters").press("ArrowRight")

    changed = attrs.evolve(SMALL, filters=18)
    expect(number(page, "filters")).to_have_value("18")
    expect_views(page, changed)
    expect(page.locator(".explorer-foot")).to_contain_text(NO_KERAS)
    page.wait_for_function("() => window.allCellsRan", timeout=START)
    expect(page.locator(".jp-OutputArea table").last).to_contain_text(
        list(trace(SMALL, (256, 256, 1)))[-1].name
    )
    open_tab(page, "Diagram")
    for ending, start in (("SVG", b"<?xml"), ("PDF", b"%PDF"), ("PNG", b"\x89PNG")):
        with page.expect_download(timeout=START) as download:
            page.get_by_label("Save the diagram").select_option(ending)
        assert download.value.suggested_filename == f"UNet.{ending.lower()}"
        assert download.value.path().read_bytes().startswith(start)
    assert reports_of(page) == reference.reports()
    assert "<img" in page.evaluate(KEPT)  # what a notebook keeps has the picture, too
    assert printed(page, "import gc; _ = gc.collect()") == ""  # nor does a file complain
    still = tmp_path / "design.html"
    still.write_text(printed(page, "print(widget.snapshot())"))
    alone = page.context.new_page()
    alone.goto(still.as_uri())
    alone.locator("[data-item='block-stack0_enc1']").click()
    expect(alone.locator(".explorer-inspector h2")).to_have_text("encoder 1")
    assert page.console_errors == []


def test_an_address_opens_the_design_that_it_holds_alone(visit):
    page = visit("?" + to_link(SharedDesign(LINKED, Input(64, 64, 3))).removeprefix("#"), width=700)
    wait_for_drawing(page)

    page.get_by_role("button", name="Hide or show explanation and tables").click()
    expect_views(page, LINKED, (64, 64, 3))
    page.get_by_role("button", name="Hide or show explanation and tables").click()
    expect(page.locator(".jp-NotebookPanel")).to_have_count(0)
    expect(page.locator(".jp-CodeConsole-input")).to_be_hidden()
    page.get_by_role("button", name="Save and share").click()
    link = to_link(SharedDesign(LINKED, Input(64, 64, 3)), f"{page.site}/index.html")
    expect(page.get_by_label("Link to this design")).to_have_value(link)
    page.get_by_role("button", name="Close").click()
    open_tab(page, "Charts")
    page.locator(".js-plotly-plot").wait_for(timeout=START)
    open_tab(page, "Receptive field")
    expect(page.locator(".explorer-field-picture")).to_be_visible()
    page.wait_for_function(IS_DECODED, arg=".explorer-field-picture")
    open_tab(page, "Feature maps")
    weights = page.locator(".explorer-weights")
    expect(weights).to_contain_text("drawn in the browser", timeout=START)
    page.get_by_label("trained example").select_option(index=1)
    expect(weights).to_contain_text("of training on drawn pictures", timeout=START)
    page.get_by_role("button", name="Undo").click()
    expect(weights).to_contain_text("drawn in the browser", timeout=START)
    page.get_by_role("button", name="▶ Run").click()
    expect_result(page, channels=8)
    expect(page.get_by_text("browser, forward")).to_be_visible()
    page.get_by_role("button", name="Time every layer").click()
    expect(page.locator(".explorer-bad:visible")).to_contain_text(NO_KERAS)
    assert page.console_errors == []


def test_an_address_that_cannot_be_shown_opens_the_explorer_and_says_why(visit):
    page = visit(f"#design={'A' * (LONGEST + 6000)}", width=390)  # more than servers take
    wait_for_drawing(page)

    pane = page.get_by_role("region", name="Open…")
    expect(pane.get_by_role("alert")).to_contain_text(f"at most {LONGEST:,}")
    assert page.reload().ok
    wait_for_drawing(page)
    expect(pane.get_by_role("alert")).to_contain_text(f"at most {LONGEST:,}")
    pane.get_by_role("textbox").fill(to_link(SharedDesign(LINKED, Input(64, 64, 3))))
    pane.get_by_role("button", name="Open", exact=True).click()
    expect(pane.get_by_role("alert")).to_be_hidden()
    pane.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Hide or show explanation and tables").click()
    expect_views(page, LINKED, (64, 64, 3))
    assert page.console_errors == []


def test_a_page_that_is_loaded_again_shows_the_same_design(visit):
    page = visit(to_link(SharedDesign(LINKED, Input(64, 64, 3))))
    wait_for_drawing(page)
    expect_views(page, LINKED, (64, 64, 3))
    asked = page.url

    page.reload()

    wait_for_drawing(page)
    expect_views(page, LINKED, (64, 64, 3))
    assert page.url == asked
    assert "?" not in asked  # or a server, which gets the query, may find it too long
    assert page.console_errors == []


def test_that_there_is_no_keras_is_said_whole_at_any_width(visit):
    page = visit("")
    wait_for_drawing(page)
    line = page.locator(".explorer-foot > .explorer-page")
    expect(line).to_have_text(NO_KERAS)

    for width in (360, 390, 701, 820, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        expect(line).to_be_visible()
        page.wait_for_function(IS_WHOLE, arg=line.element_handle())


def test_a_notebook_shows_figures_and_code_in_any_language(visit):
    page = visit("lab/index.html?path=gallery.ipynb")
    page.wait_for_function(f"() => {CURRENT}?.sessionContext?.isReady", timeout=START)
    page.evaluate(PUT_CELLS, SHOWING)
    page.evaluate(RUN_ALL)
    page.wait_for_function("() => window.allCellsRan", timeout=START)

    assert page.evaluate(FAILED_CELLS) == []
    outputs = page.locator(".jp-OutputArea-output")
    expect(outputs.locator(".highlight .kc")).to_have_text("null")
    expect(outputs.locator(".highlight .gh")).to_have_text("# Title")
    expect(outputs.locator(".highlight .kn")).to_have_text("import")
    expect(page.locator(".js-plotly-plot .trace")).to_have_count(3)
    expect(outputs.last).to_contain_text("no plotly.min.js that a file could hold")
    assert page.console_errors == []


def test_an_address_opens_a_lesson(visit):
    name = 'Ada "\\ O’Hara'
    page = visit("?" + urlencode({"lesson": 1, "name": name}))
    wait_for_drawing(page)
    pane = page.get_by_role("region", name="Lesson")
    plan = lesson(1)
    step = "channels_after_a_convolution"

    pane.get_by_role("button", name=re.compile(rf"^Step {plan.names.index(step) + 1}\b")).click()
    asked = plan.step(step, name).question
    expect(pane).to_contain_text(asked.prompt)
    pane.get_by_role("textbox").fill(asked.solution)
    pane.get_by_role("button", name="This is my answer").click()

    expect(pane.locator(".explorer-lesson-verdict")).to_contain_text(asked.reason)
    page.reload()
    wait_for_drawing(page)
    expect(pane).to_contain_text("Your answers of before are there again.")
    assert page.console_errors == []


def test_what_is_none_in_python_is_nothing_in_the_page(visit):
    page = visit("")
    wait_for_drawing(page)

    page.get_by_role("button", name="Lessons", exact=True).click()
    lessons = page.get_by_role("region", name="Lesson").get_by_role("button")
    expect(lessons.filter(has_text=lesson(1).title)).to_be_visible()
    page.locator(".explorer-term", has_text="block").first.click()
    page.get_by_role("button", name="All terms").click()
    expect(page.get_by_text("Batch normalisation", exact=False).first).to_be_visible()

    assert "undefined" not in page.locator("body").inner_text()
    assert page.console_errors == []


def test_every_lesson_is_there_as_a_notebook(site):
    for path in (NOTEBOOKS / "lessons").glob("*.ipynb"):
        with urlopen(f"{site}/files/lessons/{path.name}") as answer:
            assert answer.read() == path.read_bytes()


def test_a_page_opens_where_python_s_memory_cannot_be_used(visit, monkeypatch):
    monkeypatch.setattr(Handler, "damaged", {"/static/pyodide/memory.bin"})
    page = visit("")

    wait_for_drawing(page)

    expect_views(page, SMALL)
    [error] = page.console_errors
    assert "Python starts without its memory" in error
