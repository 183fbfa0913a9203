"""What may stand in the repository."""

import importlib.resources
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import explorer

TOP = {
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "binder",
    "explorer",
    "notebooks",
    "pyproject.toml",
    "tests",
}

# The lookbehind leaves addresses and relative paths alone.
MACHINE_PATH = re.compile(
    r"(?<![\w.~*/-])/(?:root|home|work|Users|opt|tmp|usr/(?!bin/env\b))(?:/|\b)"
    r"|\b[A-Z]:\\+Users\b"
)
REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|yarnpkg\.com|anaconda\.org"
    r"|index[-_]url|find[-_]links",
    re.IGNORECASE,
)


#: Made elsewhere, and unchanged: it names folders of the system that its compiler imitates.
VENDORED = "explorer/widget/front/graphviz/index.js"


@pytest.fixture(scope="module")
def tracked(repository) -> list[str]:
    if shutil.which("git") is None or not (repository / ".git").exists():
        pytest.skip("not a git checkout")
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=repository, capture_output=True, text=True, check=True
    )
    return [name for name in listing.stdout.split("\0") if (repository / name).is_file()]


def lines(repository: Path, names: list[str], pattern: re.Pattern[str]) -> list[str]:
    """Places whose line matches, as ``name:number: line``."""
    return [
        f"{name}:{number}: {line}"
        for name in names
        for number, line in enumerate(
            (repository / name).read_text(encoding="utf-8", errors="replace").splitlines(), 1
        )
        if pattern.search(line)
    ]


def test_top_level_holds_only_what_belongs_there(tracked):
    top = {name.split("/")[0] for name in tracked}
    assert {name for name in top if not name.startswith(".")} <= TOP


def test_no_path_of_a_machine(repository, tracked):
    ours = [name for name in tracked if name != VENDORED]
    assert not lines(repository, ours, MACHINE_PATH)


def test_no_address_of_a_package_registry(repository, tracked):
    assert not lines(repository, tracked, REGISTRY)


# Commas stand for slashes: this file is searched too.
@pytest.mark.parametrize("text", ["',root,venv'", "see ,home,jane", "A=,usr,bin,chromium"])
def test_machine_paths_are_recognised(text):
    assert MACHINE_PATH.search(text.replace(",", "/"))


@pytest.mark.parametrize("text", ["#!/usr/bin/env bash", "docs/home/x", "https://a.org/home/x"])
def test_other_paths_are_left_alone(text):
    assert not MACHINE_PATH.search(text)


def test_every_file_that_names_the_version_names_the_same(repository):
    def text(name: str) -> str:
        return (repository / name).read_text(encoding="utf-8")

    assert f"\nversion: {explorer.__version__}\n" in text("CITATION.cff")
    assert f"\n## {explorer.__version__}\n" in text("CHANGELOG.md")
    assert 'dynamic = ["version"]' in text("pyproject.toml")


def test_the_package_says_that_it_is_typed():
    assert importlib.resources.files("explorer").joinpath("py.typed").is_file()
