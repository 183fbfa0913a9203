"""A picture's way through the model, as small pictures of what layers make of it.

The model is run layer by layer, so that a feature is forgotten once its last reader has run: all
of a network's features at once would take many times the memory of a forward pass.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from explorer.core.asking.failures import GivenUp
from explorer.core.asking.feature_maps import Channel, FeatureMap, FeatureMaps, LayerChannels
from explorer.core.families import Architecture
from explorer.core.network.layers import Shape
from explorer.core.pictures import images
from explorer.keras_side.build import import_keras
from explorer.keras_side.reader import input_name, steps_of
from explorer.worker.in_process import is_overtaken
from explorer.worker.tasks.forward import DEFAULT, ready_model, weights_now

#: Most channels of the selected layer that are shown.
CHANNELS = 16
#: Most pixels along a side of a picture: where each value is a pixel, a checkerboard that a
#: transposed convolution leaves can be seen.
SIDE = 256


def run_feature_maps(
    architecture: Architecture,
    input_shape: Shape,
    upload: bytes | None,
    strip: Sequence[str],
    selected: str = "",
) -> FeatureMaps:
    """Run an image through the model, as far as is needed; runs in the worker.

    Args:
        architecture: The architecture.
        input_shape: `(height, width, channels)`.
        upload: Content of an image file, or None for the default photograph.
        strip: Names of the layers to show in one picture each.
        selected: Name of the layer to show channels of, or nothing.

    Raises:
        ImageError: If the file is not a picture that can be used.
        MemoryError: If the memory that is free is less than is needed.
        LookupError: If Keras' model has no layer of a name.
        GivenUp: If nobody waits for it any more.
    """
    picture = images.chosen(upload)
    kept = ready_model(architecture, input_shape, 1, DEFAULT)
    image = images.to_input(picture, input_shape)
    wanted = {*strip, selected} - {""}
    maps: dict[str, FeatureMap] = {}
    layer = None
    with import_keras().device(kept.device.name.lower()):
        for name, values in features(kept.model, image[None], wanted):
            if name in strip:
                maps[name] = _feature_map(name, values, is_input=name == kept.graph.inputs[0].name)
            if name == selected:
                layer = _channels(name, values)
            wanted.discard(name)
    if wanted:
        raise LookupError(
            f"Keras' model has no output of {', '.join(sorted(wanted))}: give each layer of your "
            "blocks a name of its own."
        )
    strip_maps = tuple(maps[name] for name in strip)
    return FeatureMaps(strip_maps, layer, weights_now(), images.note_of(picture))


def features(
    model: Any, batch: np.ndarray, wanted: Collection[str]
) -> Iterator[tuple[str, np.ndarray]]:
    """Run a functional model layer by layer, until all that is wanted was there.

    The model stays as it is.

    Args:
        model: A functional `keras.Model` with one input.
        batch: Its input, `(batch, height, width, channels)`.
        wanted: Names of layers, as a `Graph` has them.

    Yields:
        The name of each wanted layer, with its output for the first image as float32.
    """
    keras = import_keras()
    steps = steps_of(model)
    last_use = {name: step for step in steps for name in step.inputs}
    missing = set(wanted)

    def shown(outputs: dict[str, Any]) -> Iterator[tuple[str, np.ndarray]]:
        for name in missing & outputs.keys():
            missing.discard(name)
            yield name, np.asarray(keras.ops.cast(outputs[name], "float32"))[0]

    values = {input_name(model): keras.ops.convert_to_tensor(batch)}
    yield from shown(values)
    for step in steps:
        if not missing:
            return
        if is_overtaken():
            raise GivenUp
        outputs = step.run(values)
        for name in step.inputs:
            if last_use[name] is step:
                values.pop(name, None)
        values |= {name: output for name, output in outputs.items() if name in last_use}
        yield from shown(outputs)
        del outputs


def _feature_map(name: str, values: np.ndarray, is_input: bool) -> FeatureMap:
    spread = _spread(values)
    with np.errstate(all="ignore"):
        if not is_input:
            # Row by row, here and below: another copy of the largest feature may be too much.
            shown = np.stack([np.abs(row).mean(axis=1) for row in spread])
        else:
            shown = spread if spread.shape[2] == 3 else spread[:, :, 0]
        return FeatureMap(
            name,
            values.shape,
            float(values.min()),
            float(values.max()),
            float(values.mean(dtype=np.float64)),
            images.to_png(shown, SIDE),
        )


def _channels(name: str, values: np.ndarray) -> LayerChannels:
    spread = _spread(values)
    with np.errstate(all="ignore"):
        strength = np.stack([np.abs(row).mean(axis=0) for row in spread]).mean(axis=0)
        strongest = np.argsort(-strength, kind="stable")[:CHANNELS]
        channels = tuple(
            Channel(int(index), float(strength[index]), images.to_png(spread[:, :, index], SIDE))
            for index in strongest
        )
    return LayerChannels(name, values.shape, channels)


def _spread(values: np.ndarray) -> np.ndarray:
    """Return a feature as `(height, width, channels)`, also one of fewer or more axes."""
    if values.ndim > 3:
        return values.reshape(values.shape[0], -1, values.shape[-1])
    return values.reshape((1,) * (3 - values.ndim) + values.shape)
