"""What imports what: modules only from below, and nothing heavy before it is needed."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "explorer"

#: Modules and packages from the bottom up: each imports only from those before it.
ROWS = [
    "guard",
    "later",
    "parameters",
    "measurement",
    "fonts",
    "formatting",
    "layers",
    "foreign_layers",
    "graph",
    "selection",
    "blocks",
    "heads",
    "checks",
    "encoder_decoder",
    "architectures",
    "serialization",
    "receptive_field",
    "quantities",
    "tables",
    "analysis",
    "design",
    "comparison",
    "palette",
    "summaries",
    "wiring",
    "figures",
    "explanations",
    "cards",
    "dot",
    "diagram",
    "memory",
    "keras_layers",
    "keras_config",
    "keras_reader",
    "keras_names",
    "keras_model",
    "given_models",
    "keras_rebuild",
    "backends",
    "timing",
    "layer_timing",
    "worker",
    "images",
    "keras_tasks",
    "feature_tasks",
    "comparison_tasks",
    "gradient_tasks",
    "history",
    "state",
    "scene",
    "remedies",
    "controls",
    "asking",
    "views",
    "panels",
    "live_keras",
    "screen",
    "block_editor",
    "app",
]

MODULES = sorted(PACKAGE.rglob("*.py"))

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
    "skimage",
    "tensorflow",
    "torch",
}


def run(code: str) -> str:
    """Return what a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def row_of(path: Path) -> str:
    """Return the row that a file belongs to; that of the package itself is empty."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0].replace("__init__", "")


def run_at_some_time(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements of a module, in its functions too, without those for type checkers."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from run_at_some_time(child)


@cache
def names_imported(source: str) -> frozenset[str]:
    """Return the dotted names that the source of a module imports, when it is imported or later."""
    names = set()
    for node in run_at_some_time(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports hide the row: write explorer.…"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(names)


# Read before any test runs: Python 3.11 may fail to while another thread reads source, too.
SOURCES = {path: path.read_text(encoding="utf-8") for path in MODULES}
for source in SOURCES.values():
    names_imported(source)


def rows_imported(source: str) -> set[str]:
    """Return the rows that the source of a module imports from."""
    parts = [name.split(".") for name in names_imported(source)]
    return {part[1] for part in parts if part[0] == "explorer" and len(part) > 1}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_rows_below(path):
    row = row_of(path)
    imported = rows_imported(SOURCES[path])
    if not row:
        assert imported <= set(ROWS)
        return
    assert row in ROWS, "say where the module stands"
    # The files of one package may use each other.
    assert imported <= {*ROWS[: ROWS.index(row)], row}


def links(sources: dict[str, str]) -> dict[str, set[str]]:
    """Return the modules that each module imports, by their dotted names."""
    return {
        name: {found for full in names_imported(source) for found in sources if is_of(full, found)}
        for name, source in sources.items()
    }


def is_of(full: str, module: str) -> bool:
    """Return whether an imported name is a module, or something in its own file."""
    return full == module or full.rpartition(".")[0] == module


def test_no_modules_import_each_other_in_a_circle():
    sources = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path.read_text("utf-8")
        for path in MODULES
        if path.parent != PACKAGE or path.stem != "__init__"  # which imports all
    }
    sources = {name.removesuffix(".__init__"): source for name, source in sources.items()}
    assert list(TopologicalSorter(links(sources)).static_order())


@pytest.mark.parametrize(
    "lower",
    [
        "from explorer.b import b",
        "from explorer import b",
        "def f():\n    import explorer.b",
        "class A:\n    async def f(self):\n        from explorer.b import b",
    ],
)
def test_circles_are_found(lower):
    sources = {"explorer.a": lower, "explorer.b": "from explorer.a import a"}
    with pytest.raises(CycleError):
        list(TopologicalSorter(links(sources)).static_order())


def test_every_row_exists():
    assert {row_of(path) for path in MODULES} - {""} == set(ROWS)


@pytest.mark.parametrize(
    ("source", "rows"),
    [
        ("import explorer.app", {"app"}),
        ("from explorer import app", {"app"}),
        ("from explorer.views.totals import Totals", {"views"}),
        ("if True:\n    from explorer.app import Explorer", {"app"}),
        ("class A:\n    import explorer.app", {"app"}),
        ("def f():\n    import explorer.app", {"app"}),
        ("if TYPE_CHECKING:\n    import explorer.app", set()),
        ("import attrs\nfrom pathlib import Path", set()),
    ],
)
def test_imports_are_recognised(source, rows):
    assert rows_imported(source) == rows


def test_importing_the_package_loads_nothing_heavy():
    loaded = run("import sys, explorer; print(*{name.split('.')[0] for name in sys.modules})")
    assert not HEAVY & set(loaded.split())


@pytest.mark.parametrize("module", ["graph", "layers", "encoder_decoder", "worker"])
def test_whichever_module_is_imported_first_tracing_can_ask_keras_and_loads_none_of_it(module):
    printed = run(
        f"import sys, explorer.{module}\n"
        "from explorer import graph\n"
        "print(graph.by_keras.trace_with_keras.__module__, 'keras' in sys.modules)"
    )
    assert printed.split() == ["explorer.keras_model", "False"]


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
        "from explorer.keras_tasks import asked\n"
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
