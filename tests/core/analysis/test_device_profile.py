import json

import attrs
import pytest

from explorer import Budget, DeviceProfile, Graph, UNet, check, layers, presets, trace
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.device_profile import LANES, work_of
from explorer.core.network.errors import Refusal
from explorer.core.network.graph import input_feature


def profile_with(**seconds: float) -> DeviceProfile:
    """Return a profile that knows all kinds of work; what is not given takes no time."""
    kinds = {
        name: 0.0
        for architecture in presets.values()
        for name in work_of(trace(architecture, (256, 256, 1)), 1)
    }
    return DeviceProfile("CPU (some)", "TensorFlow", "graph", "float32", {**kinds, **seconds}, 0.1)


def chain(*kinds: layers.Layer, channels: int = 3) -> Graph:
    feature = input_feature((8, 8, channels))
    for kind in kinds:
        feature = kind(feature)
    return Graph([feature])


def test_the_work_of_a_convolution():
    graph = chain(layers.Conv2D(5, 3, strides=2, name="conv"))
    assert work_of(graph, 2) == {
        "calls": 1,
        "convolutions": 1,
        "convolutions: multiply-adds": 2 * 4 * 4 * 9 * 3 * LANES,
        "convolutions: values in": 2 * 8 * 8 * 3,
        "convolutions: positions out": 2 * 4 * 4,
        "weights": 9 * 3 * 5 + 5,
    }


def test_the_work_of_a_transposed_convolution():
    graph = chain(layers.Conv2DTranspose(5, 4, strides=2, use_bias=False, name="up"))
    work = work_of(graph, 1)
    assert work["transposed convolutions: multiply-adds"] == graph["up"].macs
    assert work["transposed convolutions: values spread"] * 3 == graph["up"].macs


def test_a_separable_convolution_is_a_depthwise_and_a_1x1_one():
    parts = chain(
        layers.DepthwiseConv2D(3, use_bias=False, name="depthwise"),
        layers.Conv2D(16, 1, name="pointwise"),
    )
    whole = chain(layers.SeparableConv2D(16, 3, name="both"))
    work, work_in_parts = work_of(whole, 1), work_of(parts, 1)
    for name in ("depthwise convolutions", "1×1 convolutions"):
        assert work[name] == work_in_parts[name]
        assert work[f"{name}: multiply-adds"] == work_in_parts[f"{name}: multiply-adds"]
    assert work["weights"] == work_in_parts["weights"]


def test_a_dense_layer_of_each_position_is_a_1x1_convolution():
    dense = chain(layers.Dense(5, name="dense"))
    pointwise = chain(layers.Conv2D(5, 1, name="conv"))
    assert work_of(dense, 2) == work_of(pointwise, 2)


def test_dropout_takes_no_time():
    assert work_of(chain(layers.Dropout(0.5, name="dropout")), 1) == {"calls": 1}


@pytest.mark.parametrize("name", presets)
def test_the_work_of_each_preset_is_known_and_grows_with_the_batch(name):
    graph = trace(presets[name], (256, 256, 1))
    one, four = work_of(graph, 1), work_of(graph, 4)
    for kind, amount in one.items():
        is_by_image = ":" in kind
        assert four[kind] == amount * (4 if is_by_image else 1), kind


def test_a_time_is_the_sum_of_its_work():
    design = Design(UNet(filters=4), Input(64, 64, 1))
    convolutions = sum(
        node.kind == "Conv2D" and node.layer.kernel_size == 3 for node in design.graph
    )
    profile = profile_with(calls=0.5, convolutions=0.01)
    assert profile.predict(design) == pytest.approx(0.5 + 0.01 * convolutions)


def test_a_time_is_unknown_where_work_was_not_timed():
    profile = profile_with(calls=0.5)
    known = {name: 1.0 for name in profile.seconds if name != "convolutions"}
    assert attrs.evolve(profile, seconds=known).predict(Design(UNet())) is None


def test_a_time_is_unknown_of_layers_that_are(monkeypatch):
    class Strange(layers.Activation):
        """A layer of a kind that nobody timed."""

    graph = chain(Strange(name="strange"))
    assert work_of(graph, 1) is None


def test_a_profile_travels():
    profile = profile_with(calls=0.00025)
    again = DeviceProfile.from_json(profile.to_json())
    assert again == profile
    assert "a call 250 µs" in repr(again)
    assert "within 10%" in again.words


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        (" " * 100_001, "over 100,000 characters"),
        ("[]", "give an object with device"),
        ("{}", "give an object with device"),
    ],
    ids=["empty", "deep", "long", "list", "object"],
)
def test_what_is_no_profile_is_refused(text, problem):
    with pytest.raises(Refusal, match=problem):
        DeviceProfile.from_json(text)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"device": 3}, "device=3 is no text"),
        ({"error": float("nan")}, "error=nan is no share"),
        ({"error": True}, "error=True is no share"),
        ({"seconds": []}, r"seconds=\[\] is no object"),
        ({"seconds": {"calls": -1}}, r"seconds\['calls'\]=-1 is no number"),
        ({"seconds": {"calls": 10**400}}, r"seconds\['calls'\]=10+ is no number"),
        ({"error": 1e308}, r"error=1e\+308 is no share"),
        ({"seconds": {"calls": "1"}}, r"seconds\['calls'\]='1' is no number"),
        ({"seconds": {"calls": float("inf")}}, r"seconds\['calls'\]=inf is no number"),
        ({"more": 1}, "give an object with device"),
    ],
)
def test_hostile_profiles_are_refused(changes, problem):
    fields = {**json.loads(profile_with().to_json()), **changes}
    with pytest.raises(Refusal, match=problem):
        DeviceProfile.from_json(json.dumps(fields))


def test_time_is_a_budget():
    profile = profile_with(calls=0.02)
    budget = Budget("time", at_most=0.015)
    (checked,) = check(UNet(), budget, (64, 64, 1), profile=profile)
    assert not checked.is_met
    assert checked.verdict == "missed by 5.00 ms"
    assert budget.words == "at most 15.0 ms for a forward pass of the batch"
    (unknown,) = check(UNet(), budget, (64, 64, 1))
    assert not unknown.is_met
    assert unknown.verdict == "not known"


def test_an_amount_of_time_is_read_as_it_is_written():
    measure = Budget("time").measure
    assert measure.read("20 ms") == 0.02
    assert measure.read("250 µs") == pytest.approx(0.00025)
    assert measure.read("1.5s") == 1.5
    with pytest.raises(Refusal, match="give a number with a unit: s, ms, µs"):
        measure.read("20")
    assert measure.read("33.3 ms") == 0.0333
    assert measure.exact(0.0333) == "33.3 ms"
    for tenths in range(1, 3000):
        assert measure.read(measure.exact(tenths / 10_000)) == tenths / 10_000
    for seconds in (0.02, 1.5, 0.00025, 3.0, 0.0123456, 1e-7):
        assert measure.read(measure.exact(seconds)) == pytest.approx(seconds)
