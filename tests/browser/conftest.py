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

CURRENT = "window.jupyterapp?.shell?.currentWidget"
READY = f"""
    () => {CURRENT}?.sessionContext?.isReady
        && {CURRENT}.sessionContext.session?.kernel?.status === 'idle'
"""
RUN_ALL = """
    () => {
        window.allCellsRan = false;
        window.jupyterapp.commands.execute('notebook:run-all-cells')
            .finally(() => { window.allCellsRan = true; });
    }
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
    if report.when == "call" and report.failed:
        for number, page in enumerate(item.stash.get(PAGES, [])):
            target = item.funcargs["tmp_path"] / f"page{number}.png"
            # A page that crashed has no picture, and must not hide the failure.
            with contextlib.suppress(Error):
                page.screenshot(path=target)
            found = [f"screenshot: {target}", f"server log: {item.funcargs['lab'].log}"]
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


@pytest.fixture
def notebook(
    browser: Browser, lab: Lab, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[..., Page]]:
    """Opens a notebook, runs all its cells, and gives the page.

    Arguments: ``cells``, the source of each code cell; ``theme``, "light" or "dark"; ``viewport``,
    width and height in pixels. ``page.console_errors`` grows with each error in the console and
    each uncaught exception. A cell that raises fails the test.
    """
    pages = request.node.stash.setdefault(PAGES, [])

    def open_and_run(
        cells: list[str], *, theme: str = "light", viewport: tuple[int, int] = (1440, 900)
    ) -> Page:
        lab.configure("apputils-extension/themes", theme=THEMES[theme])
        name = f"notebook{len(list(lab.notebooks.glob('*.ipynb')))}"
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        content = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": kernel},
        )
        nbformat.write(content, lab.notebooks / f"{name}.ipynb")

        width, height = viewport
        context = browser.new_context(viewport={"width": width, "height": height})
        page = context.new_page()
        page.console_errors = []
        page.on("console", lambda message: note_message(page, message))
        page.on("pageerror", lambda error: page.console_errors.append(str(error)))
        pages.append(page)

        # A workspace of its own: the default one reopens the notebooks of earlier tests.
        page.goto(f"{lab.url}/lab/workspaces/{name}/tree/{name}.ipynb?token={lab.token}")
        page.wait_for_function(READY, timeout=90_000)
        page.evaluate(RUN_ALL)
        page.wait_for_function("() => window.allCellsRan", timeout=180_000)
        failed = page.evaluate(FAILED_CELLS)
        if failed:
            pytest.fail("a cell raised " + "; ".join(failed))
        return page

    yield open_and_run

    for page in pages:
        page.context.close()
    for session in lab.request("GET", "/api/sessions"):
        lab.request("DELETE", f"/api/sessions/{session['id']}")


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
