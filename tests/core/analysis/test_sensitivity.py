"""What steps of parameters do, against networks made and traced by hand."""

from contextlib import suppress
from math import log2
from typing import Any

import attrs
import pytest

from explorer import Custom, ResNet, UNet, analyze, presets, trace
from explorer.core.analysis.budgets import MEASURES
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.device_profile import DeviceProfile, work_of
from explorer.core.analysis.sensitivity import TOLD, Effect, next_value, sensitivity
from explorer.core.network.errors import ParameterError
from explorer.core.network.parameters import inactive_reason, parameters_of

INPUT = Input(128, 128, 1)
FAMILIES = {type(made): made for made in reversed(presets.values())} | {ResNet: ResNet(up_blocks=3)}


def by_hand(architecture: Any) -> dict[str, float | None]:
    """What is told of an architecture, with nothing of the measures' own code."""
    graph = trace(architecture, INPUT.shape)
    report = analyze(graph)
    return {
        "parameters": report.total_params,
        "multiply-adds": report.macs,
        "memory": report.peak_memory_bytes,
        "receptive field": min(report.receptive_field),
        "output stride": 128 / graph.outputs[-1].shape[0],
    }


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_every_step_is_what_the_changed_network_has(family: type) -> None:
    architecture = FAMILIES[family]
    before = by_hand(architecture)
    told = sensitivity(Design(architecture, INPUT))
    assert [each.parameter.name for each in told] == [found.name for found in parameters_of(family)]
    steps = [(each.parameter.name, step) for each in told for step in (each.down, each.up)]
    assert sum(step.design is not None for _, step in steps) > len(steps) / 3
    for name, step in steps:
        changes = {name: step.value, **step.along}
        if step.design:
            after = by_hand(attrs.evolve(architecture, **changes))
            assert {e.of: (e.before, e.after) for e in step.effects} == {
                of: (before[of], after[of]) for of in before
            }
            assert not step.reason
        elif step.value is not None:
            with pytest.raises(ValueError, match=r"."):
                by_hand(attrs.evolve(architecture, **changes))
            assert step.reason


def strides(architecture: Any, changes: dict[str, Any], follower: str) -> dict[int, int]:
    """The output's stride with each value of what follows."""
    found = {}
    for value in range(11):
        with suppress(ValueError):
            made = attrs.evolve(architecture, **changes, **{follower: value})
            found[value] = made.output_stride
    return found


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_what_goes_along_keeps_the_resolution(family: type) -> None:
    architecture = FAMILIES[family]
    links = {found.name: found.follows for found in parameters_of(family) if found.follows}
    leaders = {name for follows in links.values() for name in follows}
    for each in sensitivity(Design(architecture, INPUT)):
        for step in (each.down, each.up):
            assert set(step.along) <= links.keys()
            if step.design and each.parameter.name in leaders:
                (follower,) = links
                changes = {each.parameter.name: step.value}
                reached = strides(architecture, changes, follower).values()
                nearest = min(abs(log2(s / architecture.output_stride)) for s in reached)
                assert abs(log2(1 + step["output stride"].relative)) == nearest
            if each.parameter.name not in leaders:
                assert not step.along


def of(architecture: Any, name: str) -> Any:
    return next(
        each for each in sensitivity(Design(architecture, INPUT)) if each.parameter.name == name
    )


def test_a_depth_takes_the_decoder_along_where_there_is_one() -> None:
    step = of(UNet(filters=4, down_blocks=2, up_blocks=1), "down_blocks").up
    assert step.value == 3
    assert step.along == {"up_blocks": 2}
    words = of(UNet(filters=4, down_blocks=2, up_blocks=1), "down_blocks").words
    assert words[1].startswith("down blocks 2 → 3, up blocks 2: +")
    alone = of(UNet(filters=4, down_blocks=2, up_blocks=0), "down_blocks").up
    assert alone.along == {}
    assert alone["output stride"].relative == 1


def test_says_what_a_step_does() -> None:
    told = of(UNet(filters=16, down_blocks=3, up_blocks=3), "filters")
    assert told.up.value == 24
    relative = told.up["parameters"].relative
    assert relative == pytest.approx(1.25, abs=0.01)
    assert told.words[1].startswith(f"filters 16 → 24: +{100 * relative:.1f} % parameters, ")
    assert "receptive field same" in told.words[1]
    assert told.words[0].startswith("filters 16 → 12: −43.")


def test_says_why_there_is_no_step() -> None:
    net = UNet(filters=4, down_blocks=1, up_blocks=1)
    assert of(net, "down_blocks").down.reason == "there is none before it"
    assert of(net, "stem_kernel_size").up.reason == inactive_reason(
        net, next(f for f in parameters_of(UNet) if f.name == "stem_kernel_size")
    )
    too_small = of(UNet(filters=4, down_blocks=7, up_blocks=7), "down_blocks").up
    assert too_small.value == 8
    assert "height=128 is not a multiple of 256" in too_small.reason


@pytest.mark.parametrize(
    ("name", "value", "down", "up"),
    [
        ("filters", 16, 12, 24),
        ("filters", 24, 16, 32),
        ("filters", 20, 16, 24),
        ("filters", 1, None, 2),
        ("filters", 1_000_000, 786_432, None),
        ("kernel_size", 3, 1, 5),
        ("kernel_size", 2, None, 4),
        ("filters_rate", 2, 1.9, 2.1),
        ("filters_rate", 0.1, None, 0.2),
        ("middle_block", True, False, None),
        ("skips", "add", "concatenate", "none"),
        ("skips", "none", "add", None),
        ("down_blocks", 10, 9, None),
    ],
)
def test_steps_are_those_that_people_take(name: str, value: Any, down: Any, up: Any) -> None:
    found = next(found for found in parameters_of(UNet) if found.name == name)
    assert (next_value(found, value, False), next_value(found, value, True)) == (down, up)


@pytest.mark.parametrize(
    ("before", "after", "relative", "words"),
    [
        (4, 5, 0.25, "+25 % memory"),
        (4, 3, -0.25, "−25 % memory"),
        (4, 4, 0, "memory same"),
        (0, 0, 0, "memory same"),
        (0, 4, None, "from none to 4 B of memory"),
        (None, 4, None, "memory not known"),
        (0, None, None, "memory not known"),
        (4, None, None, "memory not known"),
        (1, 1001, 1000, "+100,000 % memory"),
        (8192, 8191, -1 / 8192, "−0.01 % memory"),
    ],
)
def test_a_change_is_told(before: Any, after: Any, relative: Any, words: str) -> None:
    effect = Effect("memory", before, after)
    assert effect.relative == (relative and pytest.approx(relative))
    assert effect.words == words


def test_what_is_made_of_blocks_has_the_steps_of_its_own_parameters() -> None:
    unet = UNet(filters=4, down_blocks=1, up_blocks=1)
    custom = Custom(encoder=unet.encoder_stack, decoder=unet.decoder_stack)
    told = sensitivity(Design(custom, INPUT))
    assert [each.parameter.name for each in told] == ["stacks", "merge_stacks"]


KINDS = dict.fromkeys(work_of(trace(UNet(), (64, 64, 1)), 1) or (), 0.0)
PROFILE = DeviceProfile(
    "CPU (some)", "TensorFlow", "graph", "float32", {**KINDS, "convolutions": 0.001}, 0.1
)


def larger_kernels(architecture: Any) -> int:
    """How many convolutions are larger than 1×1; each takes a millisecond."""
    return sum(
        node.kind == "Conv2D" and getattr(node.layer, "kernel_size", 1) not in (1, (1, 1))
        for node in trace(architecture, INPUT.shape)
    )


def test_times_are_told_where_a_device_is_known() -> None:
    net = UNet(filters=4, down_blocks=2, up_blocks=2)
    told = {each.parameter.name: each for each in sensitivity(Design(net, INPUT), profile=PROFILE)}
    step = told["convs_per_block"].up
    before, after = map(larger_kernels, (net, attrs.evolve(net, convs_per_block=3)))
    assert step["time"].before == pytest.approx(before / 1000)
    assert step["time"].after == pytest.approx(after / 1000)
    percent = f"{100 * (after / before - 1):+.1f}".removesuffix(".0")
    last = told["convs_per_block"].words[1].rpartition(" and ")[2]
    assert last == f"{percent} % time told for CPU (some)"
    assert told["filters"].words[1].endswith(" and time told for CPU (some) same")
    assert [effect.of for effect in step.effects][-2:] == ["output stride", "time"]


def test_a_time_that_is_not_known_says_so() -> None:
    net = UNet(filters=4, down_blocks=2, up_blocks=2)
    untimed = attrs.evolve(PROFILE, seconds={"calls": 0.001})
    for profile, name in ((None, "time"), (untimed, "time told for CPU (some)")):
        told = sensitivity(Design(net, INPUT), ["time"], "filters", profile)
        assert told[0].up["time"].relative is None
        assert told[0].words[1] == f"filters 4 → 6: {name} not known"
    assert [effect.of for effect in sensitivity(Design(net, INPUT))[0].up.effects] == list(TOLD)


def test_refuses_what_is_no_measure() -> None:
    with pytest.raises(ParameterError, match="beauty"):
        sensitivity(Design(UNet(), INPUT), ["beauty"])
    assert all(name in MEASURES for name in ("parameters", "multiply-adds"))
