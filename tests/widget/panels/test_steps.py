"""What a step of each parameter would do, as the inspector tells it."""

from typing import Any

import attrs

from explorer import FCDenseNet, UNet
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.sensitivity import Effect, Step, sensitivity
from explorer.widget.panels.inspector.steps import call_of, folded
from explorer.widget.parts import Fold
from tests.said import said

SMALL = UNet(filters=8, down_blocks=2, up_blocks=2)


def steps_of(architecture: Any) -> dict[str, Any]:
    told = sensitivity(Design(architecture, Input(64, 64, 1)))
    return {found.parameter.name: found for found in told}


def fold_of(found: Any) -> Fold:
    (fold,) = folded([found])
    return fold


def test_each_parameter_that_has_an_effect_has_a_line_in_the_order_of_the_controls() -> None:
    found = steps_of(SMALL)
    names = [fold.name for fold in folded(found.values())]
    assert "stem_kernel_size" in found
    assert names[:6] == [
        "filters", "filters_rate", "kernel_size", "convs_per_block", "stacks", "down_blocks",
    ]  # fmt: skip
    assert names[-1] == "stem_blocks"
    assert set(found) - set(names) == {"stem_kernel_size"}, "no effect without stem blocks"


def test_a_line_unfolds_to_what_each_step_does() -> None:
    found = steps_of(SMALL)["filters"]
    down, up = found.down, found.up
    percents = [f"{100 * step['parameters'].relative:+.0f} %" for step in (down, up)]
    first, *rest = said((fold_of(found),)).splitlines()
    assert first == "filters 8: parameters " + " / ".join(percents).replace("-", "−")
    assert rest[:2] == ["Steps of filters 8", "changes | → 6 | → 12"]
    assert rest[2] == f"parameters | {down['parameters'].change} | {up['parameters'].change}"
    assert rest[5:] == ["receptive field | same | same", "output stride | same | same"]


def test_what_goes_along_is_told_and_what_cannot_be_with_its_reason() -> None:
    found = steps_of(SMALL)
    assert "\nup blocks | → 1 | → 3\n" in said((fold_of(found["down_blocks"]),))
    told = said((fold_of(found["up_blocks"]),)).splitlines()
    assert told[0].startswith("up blocks 2: output stride +100 %")
    assert told[2] == "changes | → 1", "a column for each step that can be made"
    assert told[-1] == f"→ 3: {found['up_blocks'].up.reason}"


def test_what_changes_nothing_or_is_not_known_says_so() -> None:
    dropout = steps_of(FCDenseNet(layers_per_block=(1,), bottleneck_layers=1))["dropout"]
    assert fold_of(dropout).note == "no change"

    def with_effects(*effects: Effect) -> str:
        found = steps_of(SMALL)["stacks"]
        step = Step(2, found.up.design, effects)
        return fold_of(attrs.evolve(found, up=step)).note

    unknown = Effect("memory", None, None)
    assert with_effects(unknown, Effect("parameters", 4, 4)) == "not known"
    assert with_effects(unknown, Effect("parameters", 4, 5)) == "parameters +25 %"
    assert with_effects(unknown, Effect("parameters", 1000, 1011)) == "parameters +1.1 %"
    assert with_effects(unknown, Effect("parameters", 4, 0)) == "parameters −100 %"
    none_yet = "parameters from none to 4 parameters"
    assert with_effects(Effect("multiply-adds", 1, 9), Effect("parameters", 0, 4)) == none_yet


def test_no_step_possible() -> None:
    found = steps_of(SMALL)["stacks"]
    fold = fold_of(attrs.evolve(found, up=Step(2, reason="it is too large")))
    assert (fold.note, said(fold.parts)) == ("no step is possible", "→ 2: it is too large")


def test_no_two_steps_are_called_the_same() -> None:
    calls = [
        call_of(found, step)
        for found in steps_of(UNet()).values()
        for step in (found.down, found.up)
        if step.design
    ]
    assert len(calls) == len(set(calls)) > 15
