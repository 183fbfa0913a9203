"""Writes the links to where this is published, as `pyproject.toml` has it: `make links`.

python tests/write_links.py
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: What has such links.
FILES = ("README.md", "CONTRIBUTING.md", "notebooks/guide.md", "CITATION.cff")


def published(root: Path = ROOT) -> tuple[str, str]:
    """Return whose the repository is, and its name."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    owner, name = project["urls"]["Repository"].rstrip("/").split("/")[-2:]
    return owner, name


def linked(text: str, owner: str, name: str) -> str:
    """Return a text whose links to Binder, and to the repository and its site, are those of it."""
    name_of_one = r"[\w.-]+"
    for pattern, link in (
        (rf"(?<=mybinder\.org/v2/gh/){name_of_one}/{name_of_one}", f"{owner}/{name}"),
        (
            rf"https://{name_of_one}\.github\.io/{name_of_one}",
            f"https://{owner.lower()}.github.io/{name}",
        ),
        (
            rf"(?<=^repository-code: https://github\.com/){name_of_one}/{name_of_one}",
            f"{owner}/{name}",
        ),
    ):
        text = re.sub(pattern, link, text, flags=re.MULTILINE)
    return text


def main() -> None:
    for name in FILES:
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        path.write_text(linked(text, *published()), encoding="utf-8")


if __name__ == "__main__":
    main()
