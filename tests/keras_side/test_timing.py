"""What is measured is what was asked for; `tests/test_jax.py` runs this file on JAX as well."""

import itertools
import math
import statistics
import time

import attrs
import keras
import numpy as np
import pytest

from explorer import Custom, Hourglass, ParameterError, SimpleConvBlock, UNet, analyze, build, trace
from explorer.core.asking.measurement import Measurement
from explorer.core.asking.timing import (
    FEWEST_FOR_INTERVAL,
    LayerTime,
    LayerTimes,
    is_steady,
    median_interval,
)
from explorer.core.network.parameters import parameters_of
from explorer.keras_side import timing
from explorer.keras_side.backends import (
    Compiled,
    Device,
    backend,
    environment,
    find_device,
    free_bytes,
)
from explorer.keras_side.build import dtype_policy
from explorer.keras_side.layer_timing import time_layers
from explorer.keras_side.timing import (
    MINIMUM_RUNS,
    GivenUp,
    time_interleaved,
    time_model,
)

NET = UNet(filters=4, down_blocks=2, up_blocks=2)
SHAPE = (32, 32, 1)
ON_JAX = keras.backend.backend() == "jax"
COMPILER = "XLA" if ON_JAX else "graph"


@pytest.fixture(scope="module")
def model():
    return build(NET, SHAPE)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).random((2, *SHAPE), dtype=np.float32)


def test_a_timing_says_what_was_measured(model, images):
    flops = analyze(trace(NET, SHAPE)).flops
    found, outputs = time_model(model, images, flops=flops, time_limit=0.5)

    assert 0 < found.p10 <= found.median <= found.p90
    assert found.runs >= MINIMUM_RUNS
    assert found.warmup_runs > 0
    assert found.compile_time > 0
    assert found.first_call_time > 0
    assert (found.batch_size, found.input_shape, found.dtype) == (2, SHAPE, "float32")
    assert found.images_per_second == pytest.approx(2 / found.median)
    assert found.device.startswith(("CPU (", "GPU ("))
    assert found.device_name == find_device().name
    assert found.device_memory_bytes is None or found.device_memory_bytes > 10**8
    assert found.step == "forward pass"
    assert found.compiler in backend().compilers
    assert found.flops == 2 * flops
    assert found.flops_per_second == pytest.approx(2 * flops / found.median)
    assert found.peak_share == pytest.approx(found.flops_per_second / found.peak_flops_per_second)
    assert 0 < found.peak_share < 1.5
    np.testing.assert_allclose(outputs[0], model(images, training=False), atol=1e-5)


def independent_loop(model, images):
    """Compile a model as a user would, and return a call that runs it and waits."""
    if ON_JAX:
        import jax

        state = (
            [v.value for v in model.trainable_variables],
            [v.value for v in model.non_trainable_variables],
        )
        function = jax.jit(lambda state, x: model.stateless_call(*state, x)[0])
        data = jax.numpy.asarray(images)
        return lambda: function(state, data).block_until_ready()
    import tensorflow as tf

    compiled = tf.function(lambda x: model(x, training=False))
    data = tf.constant(images)
    return lambda: compiled(data).numpy()


def timed(run, runs: int) -> list[float]:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times


def test_the_median_agrees_with_an_independent_loop(model, images):
    run = independent_loop(model, images)
    timed(run, 5)
    ratios = []
    for _ in range(10):  # a busy machine disturbs single comparisons
        before = timed(run, 40)  # and changes its speed meanwhile
        found, _ = time_model(model, images, time_limit=0.5)
        ratios.append(found.median / statistics.median(before + timed(run, 40)))
        if abs(ratios[-1] - 1) < 0.1:
            return
    pytest.fail(f"medians differ by the factors {ratios}")


@pytest.mark.parametrize("step", ["forward pass", "training step"])
@pytest.mark.parametrize(
    ("net", "precision"),
    [
        (NET, "float32"),
        (NET, "mixed_bfloat16"),
        (NET, "mixed_float16"),
        (Hourglass(2, 2, stem_filters=2, filters=2, filter_increase=1, stacks=2), "float32"),
    ],
    ids=["float32", "mixed_bfloat16", "mixed_float16", "two outputs"],
)
def test_every_choice_is_measured(net, precision, step, images):
    from explorer.keras_side.build import dtype_policy

    with dtype_policy(precision):
        made = build(net, SHAPE)
    before = made.get_weights()

    how = Measurement(precision=precision, step=step)
    found, outputs = time_model(made, images, how, flops=10, time_limit=0)

    assert found.dtype == precision.removeprefix("mixed_")
    assert found.step == step
    assert found.runs == MINIMUM_RUNS
    assert found.flops == 2 * 10 * (3 if how.trains else 1)
    assert len(outputs) == (0 if how.trains else len(made.outputs))
    for old, new in zip(before, made.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("wanted", ["auto", "fastest", "XLA"])
def test_the_compiler_is_the_one_that_was_chosen(model, images, wanted):
    found, _ = time_model(model, images, Measurement(compiler=wanted), time_limit=0)

    if wanted == "XLA":
        assert found.compiler == "XLA"
    assert (found.xla is not None) == ON_JAX


def test_the_faster_compiler_is_kept(model, images, monkeypatch):
    class TwoCompilers:
        name, compilers = backend().name, ("slow", "quick")
        used, function = backend().used, backend().function

        def forward(self, layer, inputs, compiler):
            made = backend().forward(layer, inputs, COMPILER)

            def run(*tensors):
                time.sleep(0.02 if compiler == "slow" else 0)
                return made.run(*tensors)

            return Compiled(run)

    two = TwoCompilers()
    monkeypatch.setattr(timing, "backend", lambda: two)
    found, _ = time_model(model, images, Measurement(compiler="fastest"), time_limit=0)
    assert found.compiler == "quick"


class OneBroken:
    """A backend of which all compilers but one fail."""

    name, compilers = backend().name, ("graph", "XLA")
    used = backend().used
    function = backend().function

    def __init__(self, *works: str) -> None:
        self.works = works

    def forward(self, layer, inputs, compiler):
        if compiler not in self.works:
            raise RuntimeError(f"{compiler} lacks libdevice\nand more")
        return backend().forward(layer, inputs, COMPILER)


@pytest.mark.parametrize(("works", "broken"), [("graph", "XLA"), ("XLA", "graph")])
def test_where_one_compiler_fails_the_other_is_used_and_told(
    model, images, monkeypatch, works, broken
):
    monkeypatch.setattr(timing, "backend", lambda: OneBroken(works))
    found, _ = time_model(model, images, Measurement(compiler="fastest"), time_limit=0)

    assert found.compiler == works
    assert found.problem == f"{broken} failed: {broken} lacks libdevice"


@pytest.mark.parametrize("wanted", ["fastest", "XLA"])
def test_where_none_of_the_wanted_compilers_works_it_is_an_error(
    model, images, monkeypatch, wanted
):
    monkeypatch.setattr(timing, "backend", lambda: OneBroken(*["graph"] * (wanted == "XLA")))

    with pytest.raises(RuntimeError, match="XLA lacks"):
        time_model(model, images, Measurement(compiler=wanted), time_limit=0)


@pytest.mark.parametrize(("room", "largest"), [(2 * 12 * 1024**2, 1024), (0, 512)])
def test_the_peak_is_looked_for_within_the_free_memory(monkeypatch, room, largest):
    sizes = []
    monkeypatch.setattr(timing, "free_bytes", lambda device: room)
    monkeypatch.setattr(timing, "_timed", lambda run: 1e-9)
    ones = keras.ops.ones

    def noting(shape, dtype):
        sizes.append(shape[0])
        assert shape[0] <= 1024
        return ones(shape, dtype)

    monkeypatch.setattr(keras.ops, "ones", noting)

    assert timing._peak_flops.__wrapped__("CPU:0", "float32") > 0
    assert max(sizes) == largest


def test_a_gpu_tries_both_compilers_and_a_cpu_one():
    gpu = Device("GPU:1", "a model", 80 * 10**9)
    assert timing._compilers("auto", gpu) == backend().compilers
    assert len(timing._compilers("auto", find_device("CPU:0"))) == 1
    assert str(gpu) == "GPU (a model)"


def test_what_the_machine_lacks_is_refused(model, images):
    with pytest.raises(ParameterError, match=r"device='GPU:7' is not a device.*CPU:0"):
        time_model(model, images, Measurement(device="GPU:7"))
    if ON_JAX:
        with pytest.raises(ParameterError, match=r"compiler='graph' is not .*choose XLA"):
            time_model(model, images, Measurement(compiler="graph"))


@pytest.mark.parametrize("found", parameters_of(Measurement), ids=lambda found: found.name)
def test_a_wrong_choice_names_itself(found):
    with pytest.raises(ParameterError, match=f"Measurement.{found.name}=3"):
        Measurement(**{found.name: 3})


def test_runs_take_different_inputs(model, images, monkeypatch):
    seen = []
    forward = type(backend()).forward

    def noting(self, *args):
        made = forward(self, *args)

        def run(*tensors):
            seen.append(keras.ops.convert_to_numpy(tensors[0]).tobytes())
            return made.run(*tensors)

        return attrs.evolve(made, run=run)

    monkeypatch.setattr(type(backend()), "forward", noting)
    time_model(model, images, time_limit=0)

    assert len(set(seen)) == 4
    assert all(now != following for now, following in itertools.pairwise(seen[1:]))


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_a_training_step_avoids_a_fault_of_small_transposed_kernels(precision, images, monkeypatch):
    """Such kernels get zeros around them while TensorFlow's step is timed, and not in a pass."""
    shapes = []
    convolve = keras.src.backend.nn.conv_transpose

    def spied(x, kernel, *rest, **options):
        shapes.append(tuple(kernel.shape[:2]))
        return convolve(x, kernel, *rest, **options)

    monkeypatch.setattr(keras.src.backend.nn, "conv_transpose", spied)
    with dtype_policy(precision):
        image = keras.Input(SHAPE)
        layer = keras.layers.Conv2DTranspose(3, (1, 2), strides=(3, 2))
        net = keras.Model(image, layer(image))
    before = net(images), net.get_weights()

    enlarged = (1, 2) if ON_JAX else (3, 2)
    for step, kernel in (("training step", enlarged), ("forward pass", (1, 2))):
        shapes.clear()
        time_model(net, images, Measurement(step=step, precision=precision), time_limit=0.0)
        assert set(shapes) == {kernel}
    assert np.array_equal(net(images), before[0])
    assert all(map(np.array_equal, net.get_weights(), before[1]))


def test_a_measurement_that_nobody_waits_for_is_given_up(model, images):
    asked = []

    def is_stale() -> bool:
        asked.append(True)
        return len(asked) > 6  # among the runs that are always made

    with pytest.raises(GivenUp):
        time_model(model, images, time_limit=60, is_stale=is_stale)
    assert len(asked) == 7


def test_without_known_operations_there_is_no_speed(model, images):
    found, _ = time_model(model, images, time_limit=0)

    assert found.flops is None
    assert found.flops_per_second is None
    assert found.peak_share is None


@pytest.mark.skipif(not ON_JAX, reason="only JAX gives XLA's account")
def test_xlas_account_is_near_ours(model, images):
    report = analyze(trace(NET, SHAPE))
    found, _ = time_model(model, images, flops=report.flops, time_limit=0)

    # XLA leaves out what falls on the border's zeros, and counts activations.
    assert 0.7 < found.xla.flops / found.flops < 1.3
    assert 0.5 < found.xla.memory_bytes / report.peak_memory(2) < 2


def test_every_layer_is_timed_on_its_own_input(model, images, monkeypatch):
    results = {}
    forward = type(backend()).forward

    def noting(self, layer, inputs, compiler):
        made = forward(self, layer, inputs, compiler)
        results[layer.name] = keras.ops.convert_to_numpy(made.run(*inputs))
        return made

    monkeypatch.setattr(type(backend()), "forward", noting)
    times = time_layers(model, images, time_limit=0)

    assert [layer.name for layer in times.layers] == [layer.name for layer in model.layers[1:]]
    assert all(layer.seconds > 0 for layer in times.layers)
    last = model.layers[-1].name
    np.testing.assert_allclose(results[last], model(images), rtol=1e-4, atol=1e-5)


def test_layers_times_are_compared_with_the_whole():
    layer = LayerTime("a", 0.25)
    times = LayerTimes(whole=0.75, layers=(layer, attrs.evolve(layer, name="b")), call=0.01)

    assert times.total == 0.5
    assert times.calls == 0.02


def test_a_slow_model_is_still_measured_several_times(model, images):
    found, _ = time_model(model, images, time_limit=0)

    assert found.runs == MINIMUM_RUNS


@pytest.mark.parametrize("count", [1, 3, 5])
def test_few_runs_are_never_steady(count):
    assert not is_steady([1.0] * count)


def test_equal_times_are_steady_and_scattered_ones_are_not():
    assert is_steady([1.0] * 10)
    assert not is_steady([1.0, 2.0] * 10)
    assert is_steady(list(np.random.default_rng(0).normal(1, 0.02, 100)))


def test_one_outlier_does_not_unsettle_a_median():
    assert is_steady([1.0] * 30 + [50.0])


@pytest.mark.parametrize("count", [6, 7, 8, 9, 20, 60, 333, 1000])
def test_the_interval_covers_the_true_median_as_often_as_promised(count):
    first, last = median_interval(range(count))

    # The number of values below the median is binomial; the interval covers it from rank to rank.
    ways = sum(math.comb(count, below) for below in range(first + 1, last + 1))
    assert 0.94 <= ways / 2**count <= 0.99


def test_five_values_are_too_few_for_an_interval():
    assert median_interval([1.0] * (FEWEST_FOR_INTERVAL - 1)) is None


# Two models in turns.


@pytest.fixture(scope="module")
def pair():
    tiny = Custom(encoder=(SimpleConvBlock(filters=2, num_convs=1),))
    return build(tiny, SHAPE), build(tiny, (16, 48, 1))


@pytest.fixture(scope="module")
def batches(images) -> tuple[np.ndarray, np.ndarray]:
    return images, np.random.default_rng(1).random((3, 16, 48, 1), dtype=np.float32)


def test_a_pair_has_a_timing_of_each_and_keeps_its_weights(pair, batches):
    before = [model.get_weights() for model in pair]

    how = Measurement(step="training step")
    found = time_interleaved(pair, batches, how, flops=(10, None), time_limit=0)

    assert (found.a.batch_size, found.a.input_shape) == (2, SHAPE)
    assert (found.b.batch_size, found.b.input_shape) == (3, (16, 48, 1))
    assert found.a.runs == found.b.runs == FEWEST_FOR_INTERVAL
    assert found.a.flops == 3 * 2 * 10
    assert found.b.flops is None
    assert found.a.step == found.b.step == "training step"
    assert 0 < found.low <= found.speedup <= found.high
    for model, kept in zip(pair, before, strict=True):
        for old, new in zip(kept, model.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)


def test_the_models_of_a_pair_run_in_turns_on_different_inputs(pair, batches, monkeypatch):
    seen = []
    forward = type(backend()).forward

    def noting(self, layer, *args):
        made = forward(self, layer, *args)

        def run(*tensors):
            seen.append((layer, keras.ops.convert_to_numpy(tensors[0]).tobytes()))
            return made.run(*tensors)

        return attrs.evolve(made, run=run)

    monkeypatch.setattr(type(backend()), "forward", noting)
    found = time_interleaved(pair, batches, time_limit=0)

    turns = seen[-2 * found.a.runs :]
    assert [layer for layer, _ in turns] == [*pair] * found.a.runs
    for first in (0, 1):
        inputs = [data for _, data in turns[first::2]]
        assert all(now != following for now, following in itertools.pairwise(inputs))
    assert len(seen) == 2 * (found.a.runs + found.a.warmup_runs)


class Machine:
    """A machine whose time is known: each run takes its seconds, times what disturbs all runs."""

    def __init__(self, disturbances) -> None:
        self.now = 0.0
        self.disturbances = disturbances
        self.started = 0

    def runs(self, seconds: float):
        def run() -> None:
            self.now += seconds * self.disturbances[self.started // 2 % len(self.disturbances)]
            self.started += 1

        return run


def timed_turns(machine: Machine, monkeypatch, time_limit: float):
    monkeypatch.setattr(timing, "perf_counter", lambda: machine.now)
    return timing._turns_until_steady(machine.runs(0.018), machine.runs(0.01), time_limit, bool)


def test_what_disturbs_both_alike_leaves_their_ratio_exact(monkeypatch):
    machine = Machine(np.random.default_rng(0).uniform(1, 3, 1000))

    times_a, times_b, ratios = timed_turns(machine, monkeypatch, time_limit=3)

    assert not is_steady(times_a)
    assert ratios == pytest.approx([1.8] * len(times_b))
    assert 3 < machine.now < 3.5


def test_turns_end_when_ratio_and_medians_are_steady(monkeypatch):
    machine = Machine([1.0])

    _, _, ratios = timed_turns(machine, monkeypatch, time_limit=60)

    assert len(ratios) == FEWEST_FOR_INTERVAL


def test_a_pair_that_nobody_waits_for_is_given_up(pair, batches):
    asked = []

    def is_stale() -> bool:
        asked.append(True)
        return len(asked) > 12

    with pytest.raises(GivenUp):
        time_interleaved(pair, batches, time_limit=60, is_stale=is_stale)
    assert len(asked) == 13


def test_the_environment_names_versions_and_device():
    text = environment()

    assert keras.__version__ in text
    assert backend().name in text
    assert str(find_device()) in text


def test_the_devices_include_the_processor():
    names = [device.name for device in backend().devices()]

    assert "CPU:0" in names
    assert 0 < free_bytes(find_device("CPU:0")) < find_device("CPU:0").memory_bytes
