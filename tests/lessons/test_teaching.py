"""What stands beside the lessons, for teachers and as notebooks, is that of the lessons."""

from pathlib import Path

import nbformat
import pytest

from explorer.lessons.plan import Plan, lessons
from tests.write_teaching import FILE, page

NOTEBOOKS = FILE.parent


def test_the_teachers_page_is_what_the_lessons_say() -> None:
    assert FILE.read_text(encoding="utf-8") == page(), "make lessons writes it"


@pytest.mark.parametrize("plan", lessons().values(), ids=lambda plan: str(plan.number))
def test_each_lesson_has_its_notebook(plan: Plan) -> None:
    [path] = NOTEBOOKS.glob(f"{plan.number:02}-*.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    head = cells[0].source
    assert head.startswith(f"# Lesson {plan.number}: {plan.title}\n")
    assert f"{plan.minutes} minutes" in head
    for aim in plan.aims:
        assert aim[1:] in head, aim
    assert any(f"Lesson({plan.number}, seed=" in cell.source for cell in cells)


def test_there_is_no_notebook_of_no_lesson() -> None:
    numbers = {int(path.name[:2]) for path in Path(NOTEBOOKS).glob("*.ipynb")}
    assert numbers == set(lessons())
