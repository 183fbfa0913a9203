"""Each layer's own time, beside that of the whole model."""

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from explorer.backends import backend
from explorer.keras_model import import_keras
from explorer.measurement import Measurement
from explorer.timing import TIME_LIMIT, alternating, median_time, time_model


@attrs.frozen
class LayerTime:
    """The time of a layer that runs alone, on the input that it has in the model.

    Attributes:
        name: Name of the layer.
        seconds: Median time of a run.
    """

    name: str
    seconds: float


@attrs.frozen
class LayerTimes:
    """Every layer's own time, beside that of the whole.

    Alone, each layer is a call of its own and nothing is fused or run side by side, so the sum is
    usually more than the whole.

    Attributes:
        whole: The model's median time, in seconds, measured the same way.
        layers: The layers' times.
        call: Time of a call that does nothing, which is part of each layer's time.
    """

    whole: float
    layers: tuple[LayerTime, ...]
    call: float

    @property
    def total(self) -> float:
        """Sum of the layers' times, in seconds."""
        return sum(layer.seconds for layer in self.layers)

    @property
    def calls(self) -> float:
        """What of the sum is the calls themselves, in seconds."""
        return self.call * len(self.layers)


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
        model: A functional `keras.Model` with one input, each of whose layers is called once.
        images: `(batch, height, width, channels)`, float32.
        measurement: How; the faster compiler is tried on the whole model, and training is not
            taken apart.
        time_limit: Seconds for the whole model; the layers together have as much again.
        is_stale: Asked between repeats; once it is true, the measurement is given up.
    """
    how = attrs.evolve(measurement or Measurement(), step="forward pass")
    keras = import_keras()
    whole, _ = time_model(model, images, how, time_limit=time_limit, is_stale=is_stale)
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    share = time_limit / max(1, len(layers))
    with keras.device(whole.device_name.lower()):
        values: dict[int, Any] = {id(model.inputs[0]): keras.ops.convert_to_tensor(images)}
        last_use = {id(tensor): layer for layer in layers for tensor in _inputs(layer)}
        nothing = backend().function(lambda x: x, [values[id(model.inputs[0])]], whole.compiler)
        call = median_time(alternating(nothing.run, [list(values.values())]), share, is_stale)
        times = []
        for layer in layers:
            inputs = [values[id(tensor)] for tensor in _inputs(layer)]
            compiled = backend().forward(layer, inputs, whole.compiler)
            values[id(layer.output)] = compiled.run(*inputs)
            seconds = median_time(alternating(compiled.run, [inputs]), share, is_stale)
            times.append(LayerTime(layer.name, seconds))
            for tensor in _inputs(layer):
                if last_use[id(tensor)] is layer:
                    values.pop(id(tensor), None)
    return LayerTimes(whole.median, tuple(times), call)


def _inputs(layer: Any) -> Sequence[Any]:
    return layer.input if isinstance(layer.input, (list, tuple)) else [layer.input]
