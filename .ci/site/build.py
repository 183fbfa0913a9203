"""Builds the explorer as a folder of files that any static host can serve.

JupyterLite runs the notebooks in the visitor's browser, on Pyodide. All that it loads lies in the
folder, so that a page needs no other host: Pyodide and its packages from npm and PyPI, in the
versions that `package.json`, `tools.txt` and `wheels.txt` name, and the package as it stands here.
"""

import argparse
import fnmatch
import gzip
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from email.parser import Parser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
#: Those that need no package with compiled parts, beside the lessons.
NOTEBOOKS = ("explorer.ipynb", "gallery.ipynb")
PYODIDE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
#: What of the wheels the page's Python does not use: most of their size.
UNUSED = (
    "*.so",
    "*.pyd",
    "*.data/*",  # JupyterLab's extensions, which it has already
    "*.dist-info/RECORD",
    "*/tests/*",
    "anywidget/labextension/*",
    "jedi/third_party/django-stubs/*",
    "jedi/third_party/typeshed/third_party/*",
    "jedi/third_party/typeshed/stdlib/2/*",
    "jedi/third_party/typeshed/stubs/*",
    "plotly/express/[!_]*",  # all but its beginning, which says that it needs NumPy
    "plotly/express/_[!_]*",
    "plotly/figure_factory/_[!_]*",  # as here
    "plotly/matplotlylib/*",
    "plotly/package_data/plotly.min.js",
    "plotly/package_data/datasets/*",
    "plotly/labextension/*",
)
#: What is added at the end of files of the wheels. Two copies of plotly's JavaScript are there, one
#: for widgets and one for JupyterLab: figures are shown by the latter, without a third, and without
#: nbformat, whose version alone plotly would ask for.
ADDED = {
    "plotly/io/_renderers.py": """

class PageRenderer(ExternalRenderer):
    def render(self, fig_dict):
        ipython_display.display(PlotlyRenderer().to_mimebundle(fig_dict), raw=True)


for _name in ("plotly_mimetype", "jupyterlab", "notebook", "notebook_connected"):
    renderers[_name] = PageRenderer()
renderers.default = "plotly_mimetype"
""",
    "plotly/offline/offline.py": """

def get_plotlyjs():
    from plotly.io._utils import plotly_cdn_url

    raise FileNotFoundError(
        "This page has no plotly.min.js that a file could hold: name where it can be had, "
        f"include_plotlyjs={plotly_cdn_url()!r}."
    )
""",
}
#: What is told of the page's Python when a package's needs depend on it.
BROWSER = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "wasm32",
    "platform_python_implementation": "CPython",
    "platform_system": "Emscripten",
    "python_full_version": "3.14.2",
    "python_version": "3.14",
    "sys_platform": "emscripten",
    "extra": "",
}
#: The page with the explorer alone has no cell to type in, and no room for prompts.
ALONE = """
.jp-CodeConsole-input, .jp-Collapser, .jp-OutputArea-prompt { display: none; }
.jp-CodeConsole-split > .lm-SplitPanel-handle { display: none; }
.jp-CodeConsole-split { background: var(--jp-layout-color0); }
.jp-CodeConsole-split > .jp-CodeConsole-content { height: 100% !important; }
"""
#: Most bytes of the folder.
LARGEST = 60_000_000


def main() -> None:
    """Build the site."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, help="the folder, which is replaced")
    out = parser.parse_args().out.resolve()
    npm = shutil.which("npm") or "npm"  # by its path, or Windows does not start it
    call([npm, "install", "--no-package-lock", "--no-audit", "--no-fund"], HERE)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        download(made)
        build_lite(made, out)
        fill(out / "static" / "pyodide", made)
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    if size > LARGEST:
        sys.exit(f"{out} has {size:,} bytes, and {LARGEST:,} are the most.")
    print(f"{out.name}: {size / 1e6:.1f} MB")


def call(command: list[str], folder: Path) -> None:
    """Run a command, whose output is shown if it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


def download(into: Path) -> None:
    """Make the wheel of the package, and fetch all others."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    call([*pip, "wheel", "--no-deps", "--wheel-dir", str(into), str(ROOT)], ROOT)
    binary = [*pip, "download", "--no-deps", "--only-binary=:all:", "--dest", str(into)]
    call([*binary, "--platform=any", "--python-version=3.14", "-r", "wheels.txt"], HERE)
    # Its compiled part, without which there is no wheel, only makes it faster.
    call([*binary, "-r", "wheels-in-part.txt"], HERE)


def build_lite(made: Path, out: Path) -> None:
    """Build JupyterLite, with the extensions that are in the wheels."""
    shutil.rmtree(out, ignore_errors=True)
    lite = made / "lite"
    shutil.copytree(HERE / "lite", lite)
    contents = lite / "files"
    contents.mkdir()
    for name in NOTEBOOKS:
        shutil.copy(ROOT / "notebooks" / name, contents / name)
    lessons = shutil.ignore_patterns(".*", "*.json")  # not what somebody handed in here
    shutil.copytree(ROOT / "notebooks" / "lessons", contents / "lessons", ignore=lessons)
    command = [sys.executable, "-m", "jupyter", "lite", "build", "--no-sourcemaps"]
    command += ["--no-unused-shared-packages", "--output-dir", str(out), "--lite-dir", str(lite)]
    command += ["--apps", "lab", "--apps", "notebooks", "--apps", "repl"]
    for name in ("anywidget", "jupyterlab_widgets", "plotly"):
        [wheel] = made.glob(f"{name}-*.whl")
        command.append(f"--LiteBuildConfig.federated_extensions={wheel}")
    call(command, lite)
    shutil.copy(HERE / "index.html", out / "index.html")
    repl = out / "repl" / "index.html"  # which shows the explorer alone
    page = repl.read_text().replace("<title>REPLite<", "<title>Encoder-decoder explorer<")
    script = (HERE / "alone.js").read_text()
    alone = f"<style>{ALONE}</style><script>{script}</script></head>"
    repl.write_text(page.replace("</head>", alone))
    for font in (out / "build").glob("*.woff2"):  # which every browser with WebAssembly knows
        for other in (".eot", ".svg", ".ttf", ".woff"):
            font.with_suffix(other).unlink(missing_ok=True)
    small = out / "static" / "favicons" / "favicon.ico"  # JupyterLite's own has 300 kB
    for folder in (out, out / "lab"):
        shutil.copy(small, folder / "favicon.ico")


def fill(folder: Path, made: Path) -> None:
    """Lay Pyodide and the packages into a folder, as `boot.mjs` starts them."""
    modules = HERE / "node_modules"
    folder.mkdir(parents=True, exist_ok=True)
    for name in PYODIDE:
        shutil.copy(modules / "pyodide" / name, folder / name)
    shutil.copy(HERE / "boot.mjs", folder / "boot.mjs")
    lock = json.loads((modules / "pyodide" / "pyodide-lock.json").read_text())
    (folder / "pyodide-lock.json").write_text(json.dumps(lock | {"packages": {}}, indent=1))
    kernel = folder.parents[1] / "extensions" / "@jupyterlite" / "pyodide-kernel-extension"
    found = [file for name in OF_KERNEL for file in kernel.glob(f"static/pypi/{name}-*.whl")]
    (folder / "packages.bin").write_bytes(packed([*sorted(made.glob("*.whl")), *found]))
    # Pyodide needs a newer Node.js than most have.
    call([str(modules / ".bin" / "node"), "snapshot.mjs", str(folder)], HERE)


#: Wheels of JupyterLite's kernel.
OF_KERNEL = ("ipykernel", "piplite", "pyodide_kernel")
#: What a page does without: it has no terminal.
PROVIDED = {"prompt-toolkit", "widgetsnbextension"}
#: Where the page's Python looks for packages.
SITE_PACKAGES = "/lib/python3.14/site-packages"


def packed(wheels: list[Path]) -> bytes:
    """Return the files of wheels in the form in which `boot.mjs` takes them."""
    files: dict[str, bytes] = {}
    needs: dict[str, list[str]] = {}
    for wheel in wheels:
        content = used(wheel)
        files |= content
        [about] = [name for name in content if name.endswith(".dist-info/METADATA")]
        told = Parser().parsestr(content[about].decode())
        given = map(Requirement, told.get_all("Requires-Dist") or ())
        needs[canonicalize_name(told["Name"])] = [
            canonicalize_name(need.name)
            for need in given
            if need.marker is None or need.marker.evaluate(BROWSER)
        ]
    for name, text in ADDED.items():
        files[name] += text.encode()
    for name, needed in needs.items():
        if missing := sorted(set(needed) - needs.keys() - PROVIDED):
            sys.exit(f"{name} needs {', '.join(missing)}: name it in wheels.txt.")
    sizes = [(f"{SITE_PACKAGES}/{name}", len(content)) for name, content in files.items()]
    listed = json.dumps(sizes).encode()
    size = len(listed).to_bytes(4, "little")
    return gzip.compress(b"".join((size, listed, *files.values())), mtime=0)


def used(wheel: Path) -> dict[str, bytes]:
    """Return the files of a wheel that the page's Python uses, by their paths."""
    with zipfile.ZipFile(wheel) as source:
        names = [info.filename for info in source.infolist() if not info.is_dir()]
        return {name: source.read(name) for name in names if is_used(name)}


def is_used(name: str) -> bool:
    """Return whether the page's Python uses a file of a wheel."""
    return not any(fnmatch.fnmatch(name, unused) for unused in UNUSED)


if __name__ == "__main__":
    main()
