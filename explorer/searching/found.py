"""What a search found, as a value."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs

from explorer.core.analysis.budgets import MEASURES
from explorer.core.analysis.design import Design
from explorer.core.analysis.tables import data_frame
from explorer.core.exchange.tables import csv_text
from explorer.core.formatting import counted, duration, listed
from explorer.searching.front import Front
from explorer.searching.judging import Judged, Task

if TYPE_CHECKING:
    import pandas


@attrs.frozen(slots=False)
class Candidate:
    """A network that keeps to all budgets.

    Attributes:
        task: What it is one of.
        number: Its number there.
        values: What it has of each measure that was wanted, by name.
        measured: Seconds of a forward pass of its batch, where that was measured.
    """

    task: Task = attrs.field(repr=False)
    number: int
    values: Mapping[str, float | None]
    measured: float | None = None

    @cached_property
    def design(self) -> Design:
        """The network with its input."""
        return self.task.design(self.number)

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of what was varied, by name."""
        return self.task.space.values(self.number)


@attrs.frozen(slots=False, repr=False)
class Found(Sequence[Candidate]):
    """The best networks of a search: those that no other is better than in what was minimised.

    Attributes:
        task: What was searched.
        candidates: All that keep to the budgets, by number.
        tried: How many combinations were judged.
        skipped: How many of them are no networks, by reason.
        missed: How many networks miss each budget, by its measure.
    """

    task: Task
    candidates: tuple[Candidate, ...]
    tried: int
    skipped: Mapping[str, int]
    missed: Mapping[str, int]

    @property
    def minimised(self) -> tuple[str, ...]:
        """Names of the measures that were to be small."""
        return self.task.minimised

    @cached_property
    def best(self) -> tuple[Candidate, ...]:
        """The front, by the first measure that was minimised."""
        front: Front[Candidate] = Front()
        for each in self.candidates:
            scores = [each.values[name] for name in self.minimised]
            if None not in scores:  # what is not known is not the best
                front.offer(tuple(score for score in scores if score is not None), each)
        return tuple(
            sorted(
                front.items,
                key=lambda each: (
                    *(each.values[name] or 0 for name in self.minimised),
                    each.number,
                ),
            )
        )

    def __getitem__(self, index: Any) -> Any:
        return self.best[index]

    def __len__(self) -> int:
        return len(self.best)

    def __repr__(self) -> str:
        """Return what was found in a few lines."""
        lines = [
            f"{counted(len(self.best), 'network')} of {self.tried:,} tried: none is better in "
            f"{listed(self.minimised)}"
        ]
        for each in self.best[:10]:
            told = ", ".join(
                MEASURES[name].write(value)
                for name, value in each.values.items()
                if value is not None
            )
            if each.measured is not None:
                told += f", {duration(each.measured)} measured"
            own = ", ".join(f"{name}={value!r}" for name, value in each.parameters.items())
            lines.append(f"{own}: {told}")
        if len(self.best) > 10:
            lines.append(f"and {len(self.best) - 10} more")
        lines += [f"{count:,} missed: {name}" for name, count in self.missed.items()]
        lines += [f"{count:,} skipped: {reason}" for reason, count in self.skipped.items()]
        return "\n".join(lines)

    def rows(self) -> list[dict[str, Any]]:
        """Return the best as rows: what was varied, and what each has."""
        timed = any(each.measured is not None for each in self.best)
        return [
            {
                **each.parameters,
                **each.values,
                **({"measured time": each.measured} if timed else {}),
            }
            for each in self.best
        ]

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the best as a data frame."""
        return data_frame(self.rows())

    def to_csv(self) -> str:
        """Return the best as CSV."""
        rows = self.rows()
        heads = list(rows[0]) if rows else []
        return csv_text([heads, *(row.values() for row in rows)])

    def to_json(self) -> str:
        """Return the best as JSON."""
        return json.dumps(self.rows(), indent=1)


def gathered(task: Task, judged: Sequence[Judged]) -> Found:
    """Return what was found, whatever the order in which it came."""
    candidates, skipped, missed = [], Counter[str](), Counter[str]()
    for each in sorted(judged, key=lambda each: each.number):
        if each.reason:
            skipped[each.reason] += 1
        elif each.missed:
            missed.update(each.missed)
        else:
            values = dict(zip(task.wanted, each.values, strict=True))
            candidates.append(Candidate(task, each.number, values))
    return Found(task, tuple(candidates), len(judged), dict(sorted(skipped.items())), dict(missed))
