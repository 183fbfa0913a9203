"""What a step of each parameter would do: a line each, which unfolds to the steps."""

from collections.abc import Iterable
from math import inf

from explorer.core.analysis.sensitivity import Effect, Sensitivity, Step
from explorer.core.network.parameters import GROUPS
from explorer.widget.parts import Fold, Head, MoveButton, Part, Table, TableRow, words


def call_of(found: Sensitivity, step: Step) -> str:
    """Return what a step is called by: no other of the network is called so."""
    told = found.parameter.told
    return f"{found.parameter.name} {told(found.value)} → {told(step.value)}"


def folded(steps: Iterable[Sensitivity]) -> tuple[Fold, ...]:
    """Return a line for each parameter that has a step, in the order of the controls."""

    def place(found: Sensitivity) -> int:
        group = found.parameter.group
        return ("", *GROUPS, group).index(group)

    return tuple(_fold(found) for found in sorted(steps, key=place) if _steps(found))


def _steps(found: Sensitivity) -> list[Step]:
    return [step for step in (found.down, found.up) if step.value is not None]


def _fold(found: Sensitivity) -> Fold:
    steps = _steps(found)
    label = f"{found.parameter.label} {found.parameter.told(found.value)}"
    tried = [step for step in steps if step.design]
    parts: list[Part] = [_table(found, tried, label)] if tried else []
    for step in steps:
        if not step.design:
            parts.append(words(f"{_moved(found, step)}: {step.reason}"))
    return Fold(label, _most(tried), tuple(parts), found.parameter.name)


def _moved(found: Sensitivity, step: Step) -> str:
    return f"→ {found.parameter.told(step.value)}"


def _table(found: Sensitivity, tried: list[Step], label: str) -> Table:
    """Return what changes, a column for each step, whose head makes it."""
    heads = [
        Head("", True, MoveButton(call_of(found, step), moved, f"{label} {moved}"))
        for step in tried
        for moved in [_moved(found, step)]
    ]
    along = dict.fromkeys(name for step in tried for name in step.along)
    rows = [
        *((name.replace("_", " "), [_along(step, name) for step in tried]) for name in along),
        *((each.name, [step[each.of].change for step in tried]) for each in tried[0].effects),
    ]
    return Table(
        f"Steps of {label}",
        (Head("changes"), *heads),
        tuple(TableRow(name, tuple(cells)) for name, cells in rows),
    )


def _along(step: Step, name: str) -> str:
    return f"→ {step.along[name]}" if name in step.along else "same"


def _most(tried: list[Step]) -> str:
    """Return what changes most, and how with each step."""
    effects = [effect for step in tried for effect in step.effects]
    if not effects:
        return "no step is possible"
    most = max(effects, key=_factor)
    if _factor(most) == 1:
        return "no change" if all(each.relative == 0 for each in effects) else "not known"
    return f"{most.of} {' / '.join(_short(step[most.of]) for step in tried)}"


def _short(effect: Effect) -> str:
    """Return a change in whole percents, unless it is smaller than ten."""
    if effect.relative is None or abs(effect.relative) < 0.1:
        return effect.change
    return f"{100 * effect.relative:+,.0f} %".replace("-", "−")


def _factor(effect: Effect) -> float:
    """Return how many times as much or as little there is; 1 where that is not known."""
    if effect.before is None or effect.after is None or effect.before == effect.after:
        return 1
    smaller, larger = sorted((effect.before, effect.after))
    return larger / smaller if smaller > 0 else inf
