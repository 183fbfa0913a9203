"""A real JupyterLab in a real browser, with nothing else to reach on the network.

A test asks for ``notebook`` and calls it with the source of the cells:

    page = notebook(["import ipywidgets", "ipywidgets.IntSlider()"], theme="dark")
    page.locator(".widget-slider").wait_for()
    assert page.console_errors == []
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import attrs
import nbformat
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    # Whatever would be fetched from elsewhere fails, and with it the test.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}

PAGES = pytest.StashKey[list[Page]]()
FAILED = pytest.StashKey[bool]()

CURRENT = "window.jupyterapp?.shell?.currentWidget"
READY = f"""
    () => {CURRENT}?.sessionContext?.isReady
        && {CURRENT}.sessionContext.session?.kernel?.status === 'idle'
"""
#: Has what the kernel can't read of a page among the errors of its console.
TELL_UNREAD = f"""
    () => {{
        {CURRENT}.sessionContext.session.kernel.iopubMessage.connect((_, {{content}}) => {{
            if (content.text?.includes('is no message')) console.error(content.text);
        }});
    }}
"""
RUN_ALL = """
    () => {
        window.allCellsRan = false;
        window.jupyterapp.commands.execute('notebook:run-all-cells')
            .finally(() => { window.allCellsRan = true; });
    }
"""
#: Makes a kernel forget what a test made, but for the modules and the Keras process.
FORGET = """
import explorer, ipywidgets
for _found in list(ipywidgets.widgets.widget._instances.values()):
    if isinstance(_found, explorer.Explorer):
        _found.close()
ipywidgets.Widget.close_all()
get_ipython().run_line_magic("reset", "-f")
"""
#: Forgets, and puts other cells in place of those that are there; returns the kernel's answer.
BEGIN_ANEW = f"""
    async ([forget, sources, theme]) => {{
        const {{shell, commands}} = window.jupyterapp;
        const {{content, sessionContext}} = {CURRENT};
        const reply = await sessionContext.session.kernel.requestExecute({{code: forget}}).done;
        const shared = content.model.sharedModel;
        const before = shared.cells.length;
        shared.transact(() => {{
            const cells = sources.map(source => ({{cell_type: 'code', source, metadata: {{}}}}));
            shared.insertCells(before, cells);
            shared.deleteCellRange(0, before);
        }});
        await commands.execute('apputils:change-theme', {{theme}});
        if (shell.leftCollapsed) await commands.execute('application:toggle-left-area');
        await commands.execute('notebook:enter-command-mode');
        return reply.content.status;
    }}
"""
FAILED_CELLS = f"""
    () => {CURRENT}.content.model.toJSON().cells
        .flatMap(cell => cell.outputs ?? [])
        .filter(output => output.output_type === 'error')
        .map(output => output.ename + ': ' + output.evalue)
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Pictures of the pages that a failed test had open."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    if report.when == "call" and report.failed:
        for number, page in enumerate(item.stash.get(PAGES, [])):
            target = item.funcargs["tmp_path"] / f"page{number}.png"
            # A page that crashed has no picture, and must not hide the failure.
            with contextlib.suppress(Error):
                page.screenshot(path=target)
            found = [f"screenshot: {target}"]
            if lab := item.funcargs.get("lab"):
                found.append(f"server log: {lab.log}")
            found += page.console_errors
            report.sections.append((f"browser page {number}", "\n".join(found)))
    return report


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: its address, access token and folders."""

    url: str
    token: str
    notebooks: Path
    settings: Path
    log: Path

    def request(self, method: str, path: str):
        """The JSON answer of the REST API, or None if it is empty."""
        request = urllib.request.Request(
            self.url + path, method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def configure(self, plugin: str, **settings: object) -> None:
        """Write what a user would choose in the settings editor; pages opened later follow it."""
        file = self.settings / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))


# Package scope: while Playwright is open, its event loop runs in the main thread, where the tests
# of other folders want to start their own.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        reason = f"no browser found, looked for {', '.join(BROWSERS)}"
        if os.environ.get("EXPLORER_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("jupyter")) as lab:
        yield lab


@contextlib.contextmanager
def running_lab(home: Path) -> Iterator[Lab]:
    """A server with its files in a folder of its own."""
    folders = {
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "IPYTHONDIR": home / "ipython",
    }
    notebooks = home / "notebooks"
    for folder in (notebooks, *folders.values()):
        folder.mkdir()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1"]
    # Both put themselves into `window.jupyterapp`.
    command.append("--LabApp.expose_app_in_browser=True")
    command.append("--JupyterNotebookApp.expose_app_in_browser=True")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")

    log = home / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            command,
            cwd=notebooks,
            env=os.environ | {name: str(folder) for name, folder in folders.items()},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        # The server writes this file once it listens, with the free port and the token it chose.
        info = folders["JUPYTER_RUNTIME_DIR"] / f"jpserver-{server.pid}.json"
        address = wait_for_json(info, server)
        if address is None:
            pytest.fail(f"JupyterLab did not start:\n{log.read_text()}")
        lab = Lab(
            url=address["url"].rstrip("/"),
            token=address["token"],
            notebooks=notebooks,
            settings=folders["JUPYTERLAB_SETTINGS_DIR"],
            log=log,
        )
        # Else each page asks whether to show the news, over what is to be tested.
        lab.configure("apputils-extension/notification", fetchNews="false", checkForUpdates=False)
        yield lab
    finally:
        server.terminate()
        try:
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@attrs.define
class Notebooks:
    """Opens notebooks in pages of their own, and runs their cells."""

    browser: Browser
    lab: Lab

    def open(self, cells: list[str], theme: str, viewport: tuple[int, int]) -> Page:
        """A page with a notebook of these cells; `close` ends it, and its kernel."""
        self.lab.configure("apputils-extension/themes", theme=THEMES[theme])
        name = f"notebook{len(list(self.lab.notebooks.glob('*.ipynb')))}"
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        content = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": kernel},
        )
        nbformat.write(content, self.lab.notebooks / f"{name}.ipynb")

        width, height = viewport
        context = self.browser.new_context(viewport={"width": width, "height": height})
        page = context.new_page()
        page.notebook = f"{name}.ipynb"
        page.console_errors = []
        page.on("console", lambda message: note_message(page, message))
        page.on("pageerror", lambda error: page.console_errors.append(str(error)))

        # A workspace of its own: the default one reopens the notebooks of earlier tests.
        lab = self.lab
        page.goto(f"{lab.url}/lab/workspaces/{name}/tree/{name}.ipynb?token={lab.token}")
        page.wait_for_function(READY, timeout=90_000)
        page.evaluate(TELL_UNREAD)
        return page

    def begin_anew(
        self, page: Page, cells: list[str], theme: str, viewport: tuple[int, int]
    ) -> bool:
        """Put other cells into a page whose kernel stays; whether that could be done."""
        if not page.evaluate(f"() => Boolean({CURRENT})"):  # a test has gone elsewhere
            return False
        width, height = viewport
        page.set_viewport_size({"width": width, "height": height})
        status = page.evaluate(BEGIN_ANEW, [FORGET, cells, THEMES[theme]])
        page.wait_for_function(
            "theme => document.body.dataset.jpThemeName === theme", arg=THEMES[theme]
        )
        page.console_errors.clear()
        return status == "ok"

    def run(self, page: Page) -> None:
        """Run all cells; one that raises fails the test."""
        page.evaluate(RUN_ALL)
        page.wait_for_function("() => window.allCellsRan", timeout=180_000)
        failed = page.evaluate(FAILED_CELLS)
        if failed:
            pytest.fail("a cell raised " + "; ".join(failed))

    def close(self, page: Page) -> None:
        page.context.close()
        for session in self.lab.request("GET", "/api/sessions"):
            if session["path"] == page.notebook:
                self.lab.request("DELETE", f"/api/sessions/{session['id']}")


@pytest.fixture(scope="package")
def notebooks(browser: Browser, lab: Lab) -> Notebooks:
    return Notebooks(browser, lab)


@pytest.fixture
def notebook(
    notebooks: Notebooks, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[..., Page]]:
    """Opens a notebook, runs all its cells, and gives the page.

    Arguments: ``cells``, the source of each code cell; ``theme``, "light" or "dark"; ``viewport``,
    width and height in pixels. ``page.console_errors`` grows with each error in the console and
    each uncaught exception. A cell that raises fails the test.
    """
    opened: list[Page] = []

    def open_and_run(
        cells: list[str], *, theme: str = "light", viewport: tuple[int, int] = (1440, 900)
    ) -> Page:
        page = notebooks.open(cells, theme, viewport)
        opened.append(page)
        request.node.stash.setdefault(PAGES, []).append(page)
        notebooks.run(page)
        return page

    yield open_and_run

    for page in opened:
        notebooks.close(page)


@pytest.fixture(scope="package")
def kept_pages(notebooks: Notebooks) -> Iterator[list[Page]]:
    """The page, if there is one, that waits with its kernel for the next test."""
    pages: list[Page] = []
    yield pages
    for page in pages:
        notebooks.close(page)


@pytest.fixture
def kept_notebook(
    notebooks: Notebooks,
    kept_pages: list[Page],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> Iterator[Callable[..., Page]]:
    """As ``notebook``, in a page and with a kernel that a test before had, if that went well.

    Opening JupyterLab takes seconds, and so does the import of Keras. The kernel forgets all names
    and closes all widgets; what stays is that modules are imported, and the Keras process.
    """
    used: list[Page] = []

    def run(
        cells: list[str], *, theme: str = "light", viewport: tuple[int, int] = (1440, 900)
    ) -> Page:
        page = kept_pages.pop() if kept_pages else None
        if page and not notebooks.begin_anew(page, cells, theme, viewport):
            notebooks.close(page)
            page = None
        page = page or notebooks.open(cells, theme, viewport)
        used.append(page)
        request.node.stash.setdefault(PAGES, []).append(page)
        notebooks.run(page)
        return page

    yield run

    if not request.node.stash.get(FAILED, False):
        kept_pages += used[:1]
        del used[:1]
    for page in used:
        notebooks.close(page)


def note_message(page: Page, message: ConsoleMessage) -> None:
    if message.type == "error":
        page.console_errors.append(f"{message.text} ({message.location['url']})")


def wait_for_json(path: Path, process: subprocess.Popen, seconds: float = 60):
    """The content of a file that a process is about to write, or None if it never does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            return json.loads(path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            # Ends early when the process does.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.1)
                return None
    return None
