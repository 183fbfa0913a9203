"""The Binder image can be planned, and agrees with the package."""

import re
import shutil
import subprocess
import sys
import tomllib
from urllib.parse import unquote

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.write_links import FILES, linked, published

# Binder's machines.
MACHINE = {"platform_machine": "x86_64", "sys_platform": "linux"}


def pins(repository) -> dict[str, str]:
    """Versions in the requirements file, by package."""
    versions = {}
    for line in (repository / "binder/requirements.txt").read_text().splitlines():
        if line and line != "." and not line.startswith("#"):
            requirement = Requirement(line)
            (specifier,) = requirement.specifier
            assert specifier.operator == "==", f"{line} is not pinned"
            versions[canonicalize_name(requirement.name)] = specifier.version
    return versions


def project(repository) -> dict:
    return tomllib.loads((repository / "pyproject.toml").read_text())["project"]


def test_pins_are_the_direct_dependencies_within_their_ranges(repository):
    table = project(repository)
    extras = table["optional-dependencies"]
    wanted = {}
    for line in [*table["dependencies"], *extras["cpu"], *extras["pandas"]]:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(MACHINE):
            wanted[canonicalize_name(requirement.name)] = requirement.specifier

    versions = pins(repository)
    assert versions.keys() == wanted.keys()
    outside = [name for name, version in versions.items() if version not in wanted[name]]
    assert not outside


def test_python_is_one_that_the_package_supports(repository):
    name, _, version = (repository / "binder/runtime.txt").read_text().strip().partition("-")
    assert name == "python"
    assert version in SpecifierSet(project(repository)["requires-python"])


def test_repo2docker_accepts_the_folder(repository, tmp_path):
    copy = tmp_path / "repository"
    shutil.copytree(repository, copy, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    plan = subprocess.run(
        [sys.executable, "-m", "repo2docker", "--debug", "--no-build", "."],
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert plan.returncode == 0, plan.stderr
    assert 'pip install --no-cache-dir -r "binder/requirements.txt"' in plan.stdout + plan.stderr


def test_badge_opens_a_notebook_that_exists(repository):
    readme = unquote((repository / "README.md").read_text(encoding="utf-8"))
    notebooks = re.findall(r"urlpath=/?lab/tree/([\w./-]+)", readme)
    assert notebooks
    for notebook in notebooks:
        assert (repository / notebook).is_file()


def test_links_are_to_where_this_is_published(repository):
    for name in FILES:
        text = (repository / name).read_text(encoding="utf-8")
        assert linked(text, *published()) == text, f"{name}: call `make links`"


def test_no_other_page_has_such_links(repository):
    pages = [path for kind in ("*.md", "*.cff", "*.ipynb") for path in repository.glob(kind)]
    pages += [
        path for kind in ("*.md", "*.ipynb") for path in (repository / "notebooks").rglob(kind)
    ]
    linking = {
        page.relative_to(repository).as_posix()
        for page in pages
        if ".ipynb_checkpoints" not in page.parts
        and linked(page.read_text(encoding="utf-8"), "someone", "else") != page.read_text("utf-8")
    }
    assert "README.md" in linking
    assert linking <= set(FILES), "name it in tests/write_links.py"


def test_links_follow_the_address():
    text = (
        "[a](https://mybinder.org/v2/gh/OWNER/REPOSITORY/HEAD?urlpath=lab/tree/x.ipynb) "
        "[b](https://owner.github.io/REPOSITORY/lab/) [c](https://github.com/other/project)\n"
        "repository-code: https://github.com/OWNER/REPOSITORY"
    )
    assert linked(text, "Some", "thing.one") == (
        "[a](https://mybinder.org/v2/gh/Some/thing.one/HEAD?urlpath=lab/tree/x.ipynb) "
        "[b](https://some.github.io/thing.one/lab/) [c](https://github.com/other/project)\n"
        "repository-code: https://github.com/Some/thing.one"
    )
