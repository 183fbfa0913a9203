import statistics
import time

import numpy as np
import pytest

from explorer import UNet, build
from explorer.backends import environment, find_device
from explorer.timing import MINIMUM_RUNS, is_steady, time_model

SHAPE = (32, 32, 1)


@pytest.fixture(scope="module")
def model():
    return build(UNet(filters=4, down_blocks=2, up_blocks=2), SHAPE)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).random((2, *SHAPE), dtype=np.float32)


def test_a_timing_says_what_was_measured(model, images):
    timing, outputs = time_model(model, images, time_limit=0.5)

    assert 0 < timing.p10 <= timing.median <= timing.p90
    assert timing.runs >= MINIMUM_RUNS
    assert timing.warmup_runs > 0
    assert timing.compile_time > 0
    assert timing.first_call_time > 0
    assert (timing.batch_size, timing.input_shape, timing.dtype) == (2, SHAPE, "float32")
    assert timing.images_per_second == pytest.approx(2 / timing.median)
    assert timing.device.startswith(("CPU (", "GPU ("))
    assert timing.compiler in ("graph", "XLA")
    np.testing.assert_allclose(outputs[0], model(images, training=False), atol=1e-5)


def test_the_median_agrees_with_an_independent_loop(model, images):
    import tensorflow as tf

    function = tf.function(lambda x: model(x, training=False))
    data = tf.constant(images)
    ratios = []
    for _ in range(5):  # a busy machine disturbs single comparisons
        timing, _ = time_model(model, images, time_limit=0.5)
        for _ in range(5):
            function(data).numpy()
        times = []
        for _ in range(timing.runs):
            start = time.perf_counter()
            function(data).numpy()
            times.append(time.perf_counter() - start)
        ratios.append(timing.median / statistics.median(times))
        if abs(ratios[-1] - 1) < 0.1:
            return
    pytest.fail(f"medians differ by the factors {ratios}")


def test_a_slow_model_is_still_measured_several_times(model, images):
    timing, _ = time_model(model, images, time_limit=0)

    assert timing.runs == MINIMUM_RUNS


@pytest.mark.parametrize("count", [1, 3, 5])
def test_few_runs_are_never_steady(count):
    assert not is_steady([1.0] * count)


def test_equal_times_are_steady_and_scattered_ones_are_not():
    assert is_steady([1.0] * 10)
    assert not is_steady([1.0, 2.0] * 10)
    assert is_steady(list(np.random.default_rng(0).normal(1, 0.02, 100)))


def test_one_outlier_does_not_unsettle_a_median():
    assert is_steady([1.0] * 30 + [50.0])


def test_the_interval_covers_the_true_median_as_often_as_promised():
    """Ranks n/2 ± 1.96·√n/2 are those of a 95 % interval: check it by simulation."""
    random = np.random.default_rng(1)
    count, covered, trials = 60, 0, 2000
    half = 0.98 * count**0.5
    first, last = int(np.floor(count / 2 - half)), int(np.ceil(count / 2 + half))
    for _ in range(trials):
        ranked = np.sort(random.exponential(size=count))
        covered += ranked[first] <= np.log(2) <= ranked[last]

    assert 0.94 <= covered / trials <= 0.99


def test_the_environment_names_versions_and_device():
    import keras

    text = environment()

    assert keras.__version__ in text
    assert str(find_device()) in text
