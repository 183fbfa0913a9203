"""What a step of each parameter would do to what a design has."""

from collections.abc import Sequence
from typing import Any

import attrs

from explorer.core.analysis.budgets import MEASURES, TIME, value_of
from explorer.core.analysis.design import Design
from explorer.core.analysis.device_profile import DeviceProfile
from explorer.core.families import ReadModel
from explorer.core.formatting import listed
from explorer.core.network.balance import following
from explorer.core.network.encoder_decoder import EncoderDecoder
from explorer.core.network.errors import ParameterError, problem_text
from explorer.core.network.parameters import Parameter, inactive_reason, parameters_of
from explorer.core.settling import Work, finished

#: The measures that are told where none are named, besides a time that is known.
TOLD = ("parameters", "multiply-adds", "memory", "receptive field", "output stride")


@attrs.frozen
class Effect:
    """What a measure is before a step and after it.

    Attributes:
        of: Name of the measure.
        before: What it is; None where that is not known.
        after: What it would be.
        device: The one that it is told for, of a time.
    """

    of: str
    before: float | None
    after: float | None
    device: str = ""

    @property
    def relative(self) -> float | None:
        """The change as a share of what it is: 0.5 is half as much again.

        None: it is not known, or begins with nothing.
        """
        if self.before is None or self.after is None:
            return None
        if self.before == self.after:
            return 0.0
        return self.after / self.before - 1 if self.before else None

    @property
    def change(self) -> str:
        """The change alone, as in "+125 %"."""
        if self.before is None or self.after is None:
            return "not known"
        if self.relative is None:
            return f"from none to {MEASURES[self.of].write(self.after)}"
        if not self.relative:
            return "same"
        percent = 100 * self.relative
        told = f"{percent:+,.1f}".removesuffix(".0") if abs(percent) >= 0.05 else f"{percent:+.1g}"
        return f"{told.replace('-', '−', 1)} %"

    @property
    def words(self) -> str:
        """The change, as in "+125 % parameters"."""
        if self.relative:
            return f"{self.change} {self.name}"
        is_from_none = self.before == 0 and self.after
        return self.change if is_from_none else f"{self.name} {self.change}"

    @property
    def name(self) -> str:
        """The measure, and of a time for what it is told."""
        return f"{self.of} told for {self.device}" if self.device else self.of


@attrs.frozen
class Step:
    """What another value of a parameter would do.

    Attributes:
        value: The value; None: there is none on this side.
        design: What it leads to; None: there is no such network.
        effects: What it does to each measure.
        reason: Why there is no such network; empty: there is one.
        along: Values of parameters that go along, so that the output keeps its resolution.
    """

    value: Any
    design: Design | None = None
    effects: tuple[Effect, ...] = ()
    reason: str = ""
    along: dict[str, Any] = attrs.field(factory=dict)

    def __getitem__(self, measure: str) -> Effect:
        """Return what it does to a measure."""
        return next(effect for effect in self.effects if effect.of == measure)


@attrs.frozen
class Sensitivity:
    """What the next steps of a parameter would do.

    Attributes:
        parameter: The parameter.
        value: Its value.
        down: The step to the value before; of a choice, to the choice before.
        up: The step to the value after.
    """

    parameter: Parameter
    value: Any
    down: Step
    up: Step

    @property
    def words(self) -> tuple[str, ...]:
        """A sentence for each step, as in "filters 16 → 24: +125 % parameters, …"."""
        return tuple(self._told(step) for step in (self.down, self.up))

    def _told(self, step: Step) -> str:
        found = self.parameter
        moved = f"{found.label} {found.told(self.value)}"
        if step.value is not None:
            moved += f" → {found.told(step.value)}"
        for name, value in step.along.items():
            moved += f", {name.replace('_', ' ')} {value}"
        return f"{moved}: {step.reason or listed([effect.words for effect in step.effects])}"


def sensitivity(
    design: Design,
    measures: Sequence[str] | None = None,
    of: str | None = None,
    profile: DeviceProfile | None = None,
) -> tuple[Sensitivity, ...]:
    """Return what the next step of each parameter, down and up, would do.

    Each step is traced. Blocks that follow on screen go along. Of a model that was read, which has
    no parameters, and of a network that Keras has to trace, nothing is returned.

    Args:
        design: The design.
        measures: Names of the measures to tell: see `MEASURES`; None: what one asks for first, the
            time among it where a profile is given.
        of: Name of the one parameter to tell of; None: all.
        profile: Of the device that times are told for; None: they are not known.

    Raises:
        ParameterError: If there is no such measure.
    """
    return finished(sensitivity_in_slices(design, measures, of, profile))


def sensitivity_in_slices(
    design: Design,
    measures: Sequence[str] | None = None,
    of: str | None = None,
    profile: DeviceProfile | None = None,
) -> Work[tuple[Sensitivity, ...]]:
    """Do the work of `sensitivity`."""
    if measures is None:
        measures = TOLD if profile is None else (*TOLD, TIME)
    for name in measures:
        if name not in MEASURES:
            raise ParameterError(
                "sensitivity", "measures", name, "is none", f"use some of {', '.join(MEASURES)}"
            )
    architecture: Any = design.architecture
    if isinstance(architecture, ReadModel) or design.graph.read_from_keras:
        return ()
    before = {name: value_of(name, design, profile) for name in measures}
    told = []
    for found in parameters_of(type(architecture)):
        can_step = found.choices or found.value_type in (int, float, bool, tuple)
        if can_step and of in (None, found.name):
            down = yield from _step(design, found, before, profile, is_up=False)
            up = yield from _step(design, found, before, profile, is_up=True)
            told.append(Sensitivity(found, getattr(architecture, found.name), down, up))
    return tuple(told)


def _step(
    design: Design,
    found: Parameter,
    before: dict[str, float | None],
    profile: DeviceProfile | None,
    is_up: bool,
) -> Work[Step]:
    architecture: Any = design.architecture
    if reason := inactive_reason(architecture, found):
        return Step(None, reason=reason)
    value = next_value(found, getattr(architecture, found.name), is_up)
    if value is None:
        return Step(None, reason=f"there is none {'after' if is_up else 'before'} it")
    along: dict[str, Any] = {}
    try:
        along = following(architecture, {found.name: value})
        changed: EncoderDecoder = attrs.evolve(architecture, **{found.name: value}, **along)
        tried = attrs.evolve(design, architecture=changed)
        yield
        tried.graph  # noqa: B018 — may raise, and takes about as long as what follows
        yield
        effects = tuple(
            Effect(
                name,
                has,
                value_of(name, tried, profile),
                profile.device if name == TIME and profile else "",
            )
            for name, has in before.items()
        )
    except Exception as error:  # a class of the user's can raise anything
        return Step(value, reason=problem_text(error), along=along)
    return Step(value, attrs.evolve(tried), effects, along=along)  # without what was computed


def next_value(found: Parameter, value: Any, is_up: bool) -> Any:
    """Return the value of a parameter before or after another one, or None if there is none.

    Choices go in their order. Whole numbers whose steps grow with them go by halves of the power of
    two below: 16, 24, 32. What can't be may be returned, where other parameters bound it.
    """
    if found.choices is not None or found.value_type is bool:
        choices = found.choices or (False, True)
        place = choices.index(value) + (1 if is_up else -1) if value in choices else -1
        return choices[place] if 0 <= place < len(choices) else None
    if isinstance(value, tuple):
        moved = [_next_number(found, item, is_up) for item in value]
        return None if None in moved else tuple(moved)
    return None if value is None or isinstance(value, str) else _next_number(found, value, is_up)


def _next_number(found: Parameter, value: float, is_up: bool) -> float | None:
    if found.logarithmic:
        moved: float = _next_half(int(value), is_up)
    elif isinstance(value, float) or found.value_type is float:
        moved = round(value + (0.1 if is_up else -0.1), 10)
    else:
        moved = value + (found.step if is_up else -found.step)
    too_low = found.minimum is not None and moved < found.minimum
    too_high = found.maximum is not None and moved > found.maximum
    return None if too_low or too_high else moved


def _next_half(value: int, is_up: bool) -> int:
    """Return the next power of two, or half of one and the next: 1, 2, 3, 4, 6, 8, 12, 16, 24."""
    low = 1 << max(value, 1).bit_length() - 1
    near = sorted({low // 2, 3 * low // 4, low, 3 * low // 2, 2 * low})
    if is_up:
        return next(each for each in near if each > value)
    return next((each for each in reversed(near) if each < value), value - 1)
