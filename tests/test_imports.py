"""What imports what: modules only from below, and nothing heavy before it is needed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "explorer"

#: What the first import of the package must not wait for.
HEAVY = {
    "IPython",
    "PIL",
    "anywidget",
    "ipywidgets",
    "jax",
    "keras",
    "loky",
    "matplotlib",
    "numpy",
    "pandas",
    "plotly",
    "scipy",
    "tensorflow",
    "torch",
    "yaml",
}


def run(code: str) -> str:
    """Return what a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def lint(folder: Path) -> subprocess.CompletedProcess:
    """Hold the package in a folder against the contracts beside it."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )


def test_modules_import_only_from_below():
    done = lint(PACKAGE.parent)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "source", "broken"),
    [
        ("core/network/graph.py", "from explorer.keras_side import build", "Wings import"),
        ("core/guard.py", "def f():\n    import explorer.core.words", "Within the core"),
        (
            "core/settling.py",
            "class A:\n    async def f(self):\n        import threading",
            "The core",
        ),
        ("core/words/arithmetic.py", "import numpy", "NumPy and Pillow"),
        (
            "keras_side/reader.py",
            "def f():\n    from explorer.keras_side import build",
            "No circles",
        ),
        ("worker/process.py", "import keras", "Keras is imported"),
    ],
)
def test_imports_from_above_are_found_in_functions_too(file, source, broken, tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "explorer")
    shutil.copy(PACKAGE.parent / "pyproject.toml", tmp_path)
    assert lint(tmp_path).returncode == 0
    with (tmp_path / "explorer" / file).open("a", encoding="utf-8") as module:
        module.write(f"\n\n{source}\n")

    done = lint(tmp_path)

    assert done.returncode == 1
    assert re.search(rf"^{broken}.* BROKEN\b", done.stdout, re.MULTILINE)


def test_importing_the_package_loads_nothing_heavy():
    loaded = run("import sys, explorer; print(*{name.split('.')[0] for name in sys.modules})")
    assert not HEAVY & set(loaded.split())


@pytest.mark.parametrize(
    "module",
    ["core.network.graph", "core.network.layers", "core.network.encoder_decoder", "worker.process"],
)
def test_whichever_module_is_imported_first_tracing_can_ask_keras_and_loads_none_of_it(module):
    printed = run(
        f"import sys, explorer.{module}\n"
        "from explorer.core.network import hooks\n"
        "print(hooks.by_keras.trace_with_keras.__module__, 'keras' in sys.modules)"
    )
    assert printed.split() == ["explorer.keras_side.build", "False"]


BACKENDS = ("tensorflow", "jax", "torch")


def run_without(absent: tuple[str, ...], code: str) -> str:
    """Return what code prints where some packages aren't installed."""
    return run(
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.split('.')[0] in {absent}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "import explorer\n" + code
    )


def test_everything_but_building_works_without_keras():
    printed = run_without(
        ("keras", *BACKENDS),
        "for architecture in explorer.presets.values():\n"
        "    report = explorer.analyze(explorer.trace(architecture, (256, 256, 1)))\n"
        "    assert explorer.from_json(explorer.to_json(architecture)) == architecture\n"
        "    print(report.total_params)\n",
    )
    assert len(printed.split()) >= 4


def test_the_core_works_where_only_python_code_can_be_installed():
    """As in a browser, where what is compiled or starts processes cannot be had."""
    absent = (*BACKENDS, "IPython", "PIL", "anywidget", "ipywidgets", "keras", "loky", "numpy")
    printed = run_without(
        (*absent, "psutil", "pygraphviz", "traitlets"),
        "from explorer.core.drawing.diagram import diagram\n"
        "for architecture in explorer.presets.values():\n"
        "    graph = explorer.trace(architecture, (256, 256, 1))\n"
        "    report = explorer.analyze(graph)\n"
        "    assert report.total_params and str(report) and diagram(graph, 'layers').dot\n"
        "    print(report.receptive_field)\n",
    )
    assert len(printed.splitlines()) >= 4


@pytest.mark.parametrize("absent", [("keras", *BACKENDS), BACKENDS], ids=["keras", "backend"])
def test_building_without_keras_or_a_backend_says_what_to_install(absent):
    printed = run_without(
        absent,
        "try:\n"
        "    explorer.build(explorer.UNet(), (256, 256, 1))\n"
        "except ImportError as error:\n"
        "    print(error)\n",
    )
    assert "pip install 'explorer[cpu]'" in printed
    assert f"No module named '{absent[0]}" in printed


def test_where_jax_alone_is_installed_keras_is_to_be_told():
    printed = run_without(
        ("tensorflow",),
        "import os\n"
        "os.environ.pop('KERAS_BACKEND', None)\n"
        "try:\n"
        "    explorer.build(explorer.UNet(), (256, 256, 1))\n"
        "except ImportError as error:\n"
        "    print(error)\n",
    )
    assert "set KERAS_BACKEND=jax" in printed


def test_keras_process_runs_on_jax_where_there_is_no_tensorflow(tmp_path):
    # Python runs this file in every process, so also in the one that Keras runs in.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'tensorflow':\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n",
        encoding="utf-8",
    )
    code = (
        "from explorer import UNet, time_each_layer, time_forward\n"
        "from explorer.worker.timing_functions import asked\n"
        "net, shape = UNet(filters=2, down_blocks=1, up_blocks=1), (32, 32, 1)\n"
        "def there():\n"
        "    import sys\n"
        "    return 'tensorflow' in sys.modules or type(sys.meta_path[0]).__name__\n"
        "print(time_forward(net, shape, step='training step', time_limit=0).backend)\n"
        "print(len(time_each_layer(net, shape).layers))\n"
        "print(asked(there))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(PACKAGE.parent)]),
            "KERAS_BACKEND": "jax",
            "JAX_PLATFORMS": "cpu",
        },
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    backend, layers, first = done.stdout.splitlines()
    assert backend.startswith("JAX ")
    assert int(layers) > 5
    assert first == "Absent"


def test_a_bad_design_is_told_before_a_missing_keras():
    printed = run_without(
        ("keras",),
        "try:\n"
        "    explorer.build(explorer.UNet(), (250, 256, 1))\n"
        "except explorer.ParameterError as error:\n"
        "    print(error)\n",
    )
    assert "use 240 or 256" in printed


def test_every_public_name_can_be_had():
    printed = run(
        "import explorer\n"
        "for name in explorer.__all__:\n"
        "    assert name in dir(explorer)\n"
        "    getattr(explorer, name)\n"
        "print(*explorer.__all__)\n"
    )
    names = printed.split()
    assert names == sorted(names)
    assert {"UNet", "trace", "analyze", "build", "from_json", "to_json"} <= set(names)
