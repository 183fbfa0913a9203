"""What is judged is what the report says, and no more is worked out than was asked."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer import UNet
from explorer.core.analysis import report
from explorer.core.analysis.budgets import MEASURES, Budget
from explorer.core.analysis.design import Design, Input
from explorer.searching.judging import Task, judge
from explorer.searching.space import Space
from tests.strategies import FAMILIES, shapes_for, with_heads

BATCH = 3


def reported(design: Design) -> dict[str, float | None]:
    """What the rows of the report come to, for the measures that it tells."""
    rows, told = design.report.layers, design.report
    weights = 4 * sum(row.params for row in rows)
    stride = told.maximum_stride
    return {
        "parameters": sum(row.params for row in rows),
        "multiply-adds": sum(row.macs for row in rows),
        "memory": told.peak_activation_bytes + weights,
        "memory of the batch": BATCH * told.peak_activation_bytes + weights,
        "receptive field": told.receptive_field and min(told.receptive_field),
        "maximum stride": max(stride) if isinstance(stride, tuple) else stride,
    }


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
@given(st.data())
@settings(max_examples=34)
def test_what_is_judged_is_what_the_report_says(family: type, data: st.DataObject) -> None:
    architecture = data.draw(FAMILIES[family]())
    if data.draw(st.booleans()):
        architecture = data.draw(with_heads(architecture))
    shape = data.draw(shapes_for(architecture))
    given = Input(batch_size=BATCH).of_shape(shape)
    budgets = tuple(Budget(name, at_least=data.draw(st.integers(1, 10**5))) for name in MEASURES)
    task = Task(Space.of(architecture, {}), given, budgets, ())
    [judged] = judge(task, [0])
    design = Design(architecture, given)
    expected = reported(design)
    expected |= {name: MEASURES[name].of(design) for name in MEASURES if name not in expected}
    assert not judged.reason
    assert dict(zip(task.wanted, judged.values, strict=True)) == expected
    assert judged.missed == tuple(
        budget.of for budget in budgets if not (expected[budget.of] or 0) >= budget.at_least
    )


def test_neighbours_do_not_take_each_others_numbers() -> None:
    """Of designs that differ in one value, whichever was judged first."""
    space = Space.of(
        UNet(filters=4, down_blocks=2, up_blocks=2),
        {
            "kernel_size": [2, 3],
            "filters_rate": [1.0, 2.0],
            "up_interpolate": [False, True],
            "block_contraction": [False, True],
            "skips": ["concatenate", "add", "none"],
        },
    )
    task = Task(space, Input(), (Budget("receptive field"),), ("parameters", "memory"))
    forth = judge(task, range(space.size))
    assert judge(task, reversed(range(space.size))) == forth[::-1]
    for judged in forth:
        if not judged.reason:
            expected = reported(task.design(judged.number))
            assert judged.values == tuple(expected[name] for name in task.wanted)


def test_what_is_not_asked_is_not_worked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("receptive_field", "receptive_fields", "_features_alive", "LayerReport"):
        monkeypatch.setattr(report, name, None)
    space = Space.of(UNet, {"filters": [4]})
    [judged] = judge(Task(space, Input(), (), ("parameters", "multiply-adds")), [0])
    assert not judged.reason
    [lacking] = judge(Task(space, Input(), (), ("memory",)), [0])
    assert lacking.reason  # it would have been seen


def test_what_cannot_be_is_no_network_whatever_is_asked() -> None:
    space = Space.of(UNet, {"down_blocks": [4]})
    [judged] = judge(Task(space, Input(height=100), (), ("image height",)), [0])
    assert "multiple of 16" in judged.reason
