"""Rows of budgets: what was typed, which budget that is, and how a design keeps to it."""

import attrs

from explorer.core.analysis.budgets import MEASURES, TIME, Budget
from explorer.core.analysis.design import Design
from explorer.core.analysis.device_profile import DeviceProfile
from explorer.core.formatting import printable
from explorer.core.network.errors import Refusal
from explorer.widget.messages import BudgetRow

#: What there is a place for from the start.
OFFERED = ("receptive field", "memory", "parameters")
#: Amounts as one may type them.
HINTS = {
    "receptive field": "180 px",
    "memory": "2 GB",
    "memory of the batch": "2 GB",
    "inference memory": "2 GB",
    "training memory": "8 GB",
    "parameters": "300 k",
    "multiply-adds": "2.5 G",
    TIME: "20 ms",
}
#: What there is usually too little of.
WANTED_LARGE = (
    *("receptive field", "image height", "image width", "output channels", "skip connections"),
)


def limit_of(of: str) -> str:
    """Return which side of a measure's amount is usually allowed."""
    return "at least" if of in WANTED_LARGE else "at most"


def amount_of(row: BudgetRow) -> float | None:
    """Return the amount of a row; None if there is none that can be used."""
    return None if row.problem or not row.amount else MEASURES[row.of].read(row.amount)


def budget_of(row: BudgetRow) -> Budget | None:
    """Return the budget of a row; None if there is none."""
    amount = amount_of(row)
    if amount is None:
        return None
    is_least = row.limit == "at least"
    return Budget(row.of, at_least=amount) if is_least else Budget(row.of, at_most=amount)


def with_amount(row: BudgetRow, text: str) -> BudgetRow:
    """Return a row with what was typed."""
    if not text.strip():
        return attrs.evolve(row, amount="", problem="")
    measure = MEASURES[row.of]
    try:
        return attrs.evolve(row, amount=measure.exact(measure.read(text)), problem="")
    except Refusal as error:
        return attrs.evolve(row, amount=text, problem=printable(str(error)))


def judged(row: BudgetRow, design: Design, profile: DeviceProfile | None) -> BudgetRow:
    """Return a row that says how a design keeps to it; a time is told by a device's profile."""
    budget = budget_of(row)
    if budget is None:
        return attrs.evolve(row, verdict="", is_kept=False)
    checked = budget.check(design, profile)
    value = "" if checked.value is None else f"{budget.measure.amount(checked.value)}: "
    return attrs.evolve(row, verdict=f"{value}{checked.verdict}", is_kept=checked.is_met)
