"""Builds the explorer as a folder of files that any static host can serve.

JupyterLite runs the notebooks in the visitor's browser, on Pyodide. All that it loads lies in the
folder, so that a page needs no other host: Pyodide and its packages from npm and PyPI, in the
versions that `package.json`, `tools.txt` and `wheels.txt` name, and the package as it stands here.
"""

import argparse
import fnmatch
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
#: Those that need no package with compiled parts.
NOTEBOOKS = ("explorer.ipynb",)
PYODIDE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
#: What of the wheels the page's Python does not use: most of their size.
UNUSED = (
    "*.so",
    "*.pyd",
    "*.data/*",  # JupyterLab's extensions, which it has already
    "jedi/third_party/django-stubs/*",
    "jedi/third_party/typeshed/third_party/*",
    "jedi/third_party/typeshed/stdlib/2/*",
    "jedi/third_party/typeshed/stubs/*",
    "plotly/package_data/plotly.min.js",
    "plotly/package_data/datasets/*",
    "plotly/labextension/*",
)
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
#: What is loaded when it is first needed, by name, with what needs it otherwise.
LATER: dict[str, str] = {}
#: Most bytes of the folder.
LARGEST = 60_000_000


def main() -> None:
    """Build the site."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, help="the folder, which is replaced")
    out = parser.parse_args().out.resolve()
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("make site needs npm, which comes with Node.js: install that, then try again.")
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
    command = [sys.executable, "-m", "jupyter", "lite", "build", "--no-sourcemaps"]
    command += ["--no-unused-shared-packages", "--output-dir", str(out), "--lite-dir", str(lite)]
    command += ["--apps", "lab", "--apps", "notebooks", "--apps", "repl"]
    for name in ("anywidget", "jupyterlab_widgets", "plotly"):
        [wheel] = made.glob(f"{name}-*.whl")
        command.append(f"--LiteBuildConfig.federated_extensions={wheel}")
    call(command, lite)
    shutil.copy(HERE / "index.html", out / "index.html")
    shutil.copy(out / "lab" / "favicon.ico", out / "favicon.ico")


def fill(folder: Path, made: Path) -> None:
    """Lay Pyodide and the wheels into a folder, with the list from which it loads them."""
    source = HERE / "node_modules" / "pyodide"
    folder.mkdir(parents=True, exist_ok=True)
    for name in PYODIDE:
        shutil.copy(source / name, folder / name)
    lock = json.loads((source / "pyodide-lock.json").read_text())
    # Those of JupyterLite's kernel, too: it then fetches all at once, while Pyodide starts.
    kernel = folder.parents[1] / "extensions" / "@jupyterlite" / "pyodide-kernel-extension"
    found = [file for name in OF_KERNEL for file in kernel.glob(f"static/pypi/{name}-*.whl")]
    wheels = [repacked(wheel, folder) for wheel in (*sorted(made.glob("*.whl")), *found)]
    names = {entry["name"] for entry in wheels}
    for entry in wheels:
        missing = sorted(set(entry["depends"]) - names - PROVIDED)
        if missing:
            sys.exit(f"{entry['name']} needs {', '.join(missing)}: name it in wheels.txt.")
        entry["depends"] = [
            name for name in entry["depends"] if name in names and LATER.get(name) != entry["name"]
        ]
    lock["packages"] = {entry["name"]: entry for entry in wheels}
    (folder / "pyodide-lock.json").write_text(json.dumps(lock, indent=1))


#: Wheels of JupyterLite's kernel.
OF_KERNEL = ("ipykernel", "piplite", "pyodide_kernel")
#: What a page does without.
PROVIDED = {"widgetsnbextension"}


def is_used(name: str) -> bool:
    """Return whether the page's Python uses a file of a wheel."""
    return not any(fnmatch.fnmatch(name, unused) for unused in UNUSED)


def repacked(wheel: Path, folder: Path) -> dict[str, Any]:
    """Write a wheel without what is not used, and return its entry in the list."""
    with zipfile.ZipFile(wheel) as source:
        names = list(filter(is_used, source.namelist()))
        [about] = [name for name in names if name.endswith(".dist-info/METADATA")]
        told = Parser().parsestr(source.read(about).decode())
        name, version = canonicalize_name(told["Name"]), told["Version"]
        target = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as smaller:
            for kept in names:
                smaller.writestr(kept, source.read(kept))
    scripts = [kept for kept in names if kept.endswith(".py")]
    modules = [kept.removesuffix("/__init__.py").removesuffix(".py") for kept in scripts]
    needs = map(Requirement, told.get_all("Requires-Dist") or ())
    depends = [need for need in needs if need.marker is None or need.marker.evaluate(BROWSER)]
    return {
        "name": name,
        "version": version,
        "file_name": target.name,
        "install_dir": "site",
        "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
        "package_type": "package",
        "imports": sorted({module for module in modules if module.isidentifier()}),
        "depends": sorted(canonicalize_name(need.name) for need in depends),
        "unvendored_tests": False,
    }


if __name__ == "__main__":
    main()
