"""Each layer's own time, beside that of the whole model."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from explorer.core.asking.measurement import Measurement
from explorer.core.asking.questions import TIME_LIMIT
from explorer.core.asking.timing import LayerTime, LayerTimes
from explorer.keras_side.backends import backend
from explorer.keras_side.build import import_keras
from explorer.keras_side.reader import Step, input_name, steps_of
from explorer.keras_side.timing import alternating, median_time, time_model


def time_layers(
    model: Any,
    images: np.ndarray,
    measurement: Measurement | None = None,
    *,
    time_limit: float = TIME_LIMIT,
    is_stale: Callable[[], bool] = bool,
) -> LayerTimes:
    """Measure each layer of a model alone, compiled, on the input that it has in the model.

    Args:
        model: A functional `keras.Model` with one input.
        images: `(batch, height, width, channels)`, float32.
        measurement: How; the faster compiler is tried on the whole model, and training is not
            taken apart.
        time_limit: Seconds for the whole model; the layers together have as much again.
        is_stale: Asked between repeats; once it is true, the measurement is given up.
    """
    how = attrs.evolve(measurement or Measurement(), step="forward pass")
    keras = import_keras()
    whole, _ = time_model(model, images, how, time_limit=time_limit, is_stale=is_stale)
    steps = steps_of(model)
    share = time_limit / max(1, len(steps))
    with keras.device(whole.device_name.lower()):
        image = keras.ops.convert_to_tensor(images)
        values: dict[str, Any] = {input_name(model): image}
        last_use = {name: step for step in steps for name in step.inputs}
        nothing = backend().function(lambda x: x, [image], whole.compiler)
        call = median_time(alternating(nothing.run, [[image]]), share, is_stale)
        times, left_out = [], []
        for step in steps:
            given = list(dict.fromkeys(step.inputs))
            inputs = [values[name] for name in given]
            try:
                compiled = backend().forward(_alone(step, values), inputs, whole.compiler)
                compiled.run(*inputs)
            except Exception:  # some things can't be compiled alone, such as the user's Python code
                left_out.append(step.name)
            else:
                seconds = median_time(alternating(compiled.run, [inputs]), share, is_stale)
                times.append(LayerTime(step.name, seconds))
            outputs = step.run(values)
            values |= {name: output for name, output in outputs.items() if name in last_use}
            for name in given:
                if last_use[name] is step:
                    values.pop(name, None)
    return LayerTimes(whole.median, tuple(times), call, tuple(left_out))


def _alone(step: Step, values: Mapping[str, Any]) -> Any:
    """Return what runs a step by itself, on each of its inputs once: its layer, or a model."""
    if step.is_plain and len(set(step.inputs)) == len(step.inputs):
        return step.operation
    keras = import_keras()
    inputs = {
        name: keras.Input(batch_shape=values[name].shape, dtype=values[name].dtype)
        for name in dict.fromkeys(step.inputs)
    }
    return keras.Model(list(inputs.values()), list(step.run(inputs).values()))
