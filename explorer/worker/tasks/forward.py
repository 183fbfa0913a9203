"""What the worker process does with Keras: rebuild, run, and measure.

These functions run in the worker, which keeps the last model; `time_forward` asks it from the
notebook kernel.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from math import prod
from pathlib import Path
from time import perf_counter
from typing import Any

import attrs
import numpy as np
import psutil

from explorer.core.analysis.report import analyze
from explorer.core.asking.forward_pass import Built, BuiltLayer, ForwardPass, Picture
from explorer.core.asking.measurement import Measurement
from explorer.core.asking.pretrained import pretrained_of
from explorer.core.asking.questions import TIME_LIMIT
from explorer.core.asking.timing import LayerTimes, Timing
from explorer.core.asking.weights import Weights
from explorer.core.families import Architecture
from explorer.core.network.errors import Refusal
from explorer.core.network.graph import Graph
from explorer.core.network.layers import Shape
from explorer.core.pictures import images
from explorer.keras_side.backends import Device, backend, environment, find_device, free_bytes
from explorer.keras_side.build import forget_builds, import_keras, read
from explorer.keras_side.layer_timing import time_layers
from explorer.keras_side.machine_memory import (
    NotEnoughMemory,
    check_fits,
    check_weights_fit,
    is_shared_fate,
    trim_heap,
)
from explorer.keras_side.pretrained import build_pretrained
from explorer.keras_side.rebuild import Rebuilder, Trained, check_weights_file
from explorer.keras_side.timing import compiler_for_memory, time_model
from explorer.worker.in_process import (
    RunAgain,
    expect,
    is_afresh,
    is_overtaken,
    is_tried,
)

DEFAULT = Measurement()
TRAINING = Measurement(step="training step")
#: What a run is not taken to hang at: a tenth of what one core reaches with 16-bit values.
SLOWEST_FLOPS_PER_SECOND = 1e9
#: Seconds that a layer may take to be compiled.
SLOWEST_COMPILATION = 1.0


@attrs.frozen
class KeptModel:
    """The last model, with what it is of."""

    key: tuple[Architecture, Shape, str, str]
    model: Any
    built: Built
    graph: Graph
    device: Device


# What follows runs in the worker process.

_last: KeptModel | None = None


@lru_cache(maxsize=1)
def _rebuilder() -> Rebuilder:
    """Return the one rebuilder, once Keras is there."""
    backend()
    # Else errors come as others, whose text is for a terminal.
    import_keras().config.disable_traceback_filtering()
    gc.collect()
    gc.freeze()  # what was imported stays; looking through it took most of each collection
    return Rebuilder()


def rebuild(architecture: Architecture, input_shape: Shape) -> Built:
    """Build the Keras model and return what Keras says of it; runs in the worker."""
    return _model(architecture, input_shape, DEFAULT).built


def _model(architecture: Architecture, input_shape: Shape, how: Measurement) -> KeptModel:
    """Return the model; its weights may have no values yet."""
    global _last
    device = find_device(how.device)
    key = (architecture, input_shape, how.precision, device.name)
    if _last and _last.key == key:
        return _last
    rebuilder = _rebuilder()
    _last = None
    gc.collect()  # models hold themselves in circles
    start = perf_counter()
    model = rebuilder.rebuild(*key)
    seconds = perf_counter() - start
    assert rebuilder.graph is not None
    built = Built(
        seconds=seconds,
        environment=environment(),
        devices=tuple(device.name for device in backend().devices()),
        layers=tuple(_layers(model, rebuilder.graph)),
        total_params=model.count_params(),
        trainable_params=sum(prod(weight.shape) for weight in model.trainable_weights),
    )
    _last = KeptModel(key, model, built, rebuilder.graph, device)
    return _last


def _layers(model: Any, graph: Graph) -> Iterator[BuiltLayer]:
    """Yield what Keras says of each layer.

    Args:
        model: The model.
        graph: What it was made of. Where that was read from Keras, the model may hold what it does
            not list as layers: functions, and further calls of a layer.
    """
    if graph.read_from_keras:
        for node in read(model):
            params = sum(node.weights)
            yield BuiltLayer(node.name, node.kind, node.shape, params)
        return
    for layer in model.layers:
        output = layer.output[0] if isinstance(layer.output, list) else layer.output
        kind = type(layer).__name__
        yield BuiltLayer(layer.name, kind, tuple(output.shape[1:]), layer.count_params())


def ready_model(
    architecture: Architecture,
    input_shape: Shape,
    batch_size: int,
    how: Measurement,
    step: str = "",
) -> KeptModel:
    """Return the model with its weights, if running it fits the device's memory.

    Args:
        architecture: The architecture.
        input_shape: `(height, width, channels)`.
        batch_size: Images in a run.
        how: What is measured, and how.
        step: "gradient" for that of the input.
    """
    global _has_run, _last_run
    kept = _model(architecture, input_shape, how)
    if len(kept.model.inputs) > 1:
        raise Refusal(
            f"This model has {len(kept.model.inputs)} inputs, and only models that take one image "
            "can be run here: give the explorer a part of it that takes one."
        )
    compiler = compiler_for_memory(how, kept.device)

    def check() -> None:
        check_fits(
            architecture,
            input_shape,
            batch_size,
            free=free_bytes(kept.device),
            held=_rebuilder().held_bytes,
            device=kept.device.kind,
            precision=how.precision,
            step=step or how.step,
            compiler=compiler,
        )

    run = (kept.key, batch_size, how, step)
    if run != _last_run:  # whose memory this process still has
        check_or_give_back(check)
    _has_run, _last_run = True, run
    expect_run([kept.graph], batch_size, how)
    _rebuilder().give_weights()
    return kept


def model_with_weights(
    architecture: Architecture, input_shape: Shape, check_size: Callable[[int], None]
) -> KeptModel:
    """Return the model with its weights, if these fit the memory; it need not run.

    Args:
        architecture: The architecture.
        input_shape: `(height, width, channels)`.
        check_size: Raises an error if the weights have more bytes than are wanted.
    """
    kept = _model(architecture, input_shape, DEFAULT)
    report = analyze(kept.graph)
    check_size(report.weights_bytes)
    check_or_give_back(partial(check_weights_fit, report))
    expect_run([kept.graph], 1, DEFAULT)
    _rebuilder().give_weights()
    return kept


_has_run = False  # whether this process holds more than what it imported and the last model
_last_run: tuple[object, ...] = ()  # what ran last, and how


def check_or_give_back(check: Callable[[], None]) -> None:
    """Check whether there is enough memory; what earlier models left is given back beforehand.

    What only the end of this process gives back, a new one has: libraries keep pools, and caches of
    what they compiled. It draws the same random weights; loaded ones would be lost. What may or may
    not fit there is tried, where that costs no more than the process.

    Args:
        check: Raises `NotEnoughMemory` if there is not.

    Raises:
        NotEnoughMemory: If a new process would not have enough either.
        RunAgain: If it might.
    """
    try:
        check()
        return
    except NotEnoughMemory:
        forget_builds()
        gc.collect()
        trim_heap()
    try:
        check()
    except NotEnoughMemory as error:
        if is_tried() and not error.is_certain:
            return
        if is_tried() or not weights_now().are_random:
            raise
        is_of_use = error.missing <= psutil.Process().memory_info().rss
        if _has_run and is_of_use and not is_afresh():
            raise RunAgain(partial(draw_weights, _rebuilder().seed)) from None
        if error.is_certain or is_shared_fate():
            raise
        raise RunAgain(refusal=str(error)) from None


def expect_run(graphs: Sequence[Graph], batch_size: int, how: Measurement) -> None:
    """Say how long it may take, on a slow and busy processor, to compile or run any of these."""
    passes = 3 if how.trains else 1  # with one for the features' gradients, one for the weights'
    expect(
        max(
            analyze(graph).flops * batch_size * passes / SLOWEST_FLOPS_PER_SECOND
            + SLOWEST_COMPILATION * len(graph) * passes
            for graph in graphs
        )
    )


def run_forward(
    architecture: Architecture,
    input_shape: Shape,
    batch_size: int,
    upload: bytes | None = None,
    how: Measurement = DEFAULT,
) -> ForwardPass:
    """Run an image through the model and time it; runs in the worker.

    Args:
        architecture: The architecture.
        input_shape: `(height, width, channels)`.
        batch_size: How many copies of the image a run has.
        upload: Content of an image file, or None for the default photograph.
        how: What is measured, and how.
    """
    picture = images.chosen(upload)
    kept = ready_model(architecture, input_shape, batch_size, how)
    image = images.to_input(picture, input_shape)
    timing, outputs = _time(kept, np.repeat(image[None], batch_size, axis=0), how, TIME_LIMIT)
    shown = image if input_shape[2] == 3 else image[:, :, 0]
    channels = []
    pictured = [output[0] for output in outputs if output.ndim == 4]
    if pictured:
        output = pictured[-1]
        channels = [
            Picture(f"channel {channel}", images.to_png(output[:, :, channel]))
            for channel in images.strongest_channels(output, count=8)
        ]
    return ForwardPass(
        kept.built,
        timing,
        Picture(_with_note("input", images.note_of(picture)), images.to_png(shown)),
        tuple(channels),
        str(weights_now()),
    )


def _with_note(caption: str, note: str) -> str:
    return f"{caption} ({note})" if note else caption


def weights_now() -> Weights:
    """Return where the weights of the last model come from; runs in the worker."""
    return _rebuilder().weights


def load_weights(architecture: Architecture, input_shape: Shape, path: str) -> Weights:
    """Load weights into the model, all or none; runs in the worker.

    Layers that later edits do not change keep them.

    Args:
        architecture: The architecture.
        input_shape: `(height, width, channels)`.
        path: Absolute path of a file that Keras' `save_weights` wrote.

    Raises:
        WeightsError: If there is no such file, or it is of another network.
        MemoryError: If the weights do not fit twice.
    """
    file = Path(path)
    check_weights_file(file)
    kept = ready_model(architecture, input_shape, 1, DEFAULT)
    check_or_give_back(partial(check_weights_fit, analyze(kept.graph)))
    _rebuilder().load_weights(file)
    return weights_now()


def give_trained(trained: Trained) -> None:
    """Have each model of an architecture get the weights of one that learns; runs in the worker."""
    _rebuilder().trained = trained


def use_pretrained(name: str) -> None:
    """Have each model of a tiny trained network's architecture get its weights; runs in the worker.

    What learnt here keeps its own, unless it is of that architecture.

    Args:
        name: One of `pretrained`.
    """
    example, rebuilder = pretrained_of(name), _rebuilder()
    rebuilder.example = Trained(example.architecture, build_pretrained(name), example.about)
    if rebuilder.trained and rebuilder.trained.architecture == example.architecture:
        rebuilder.trained = None


def draw_weights(seed: int) -> None:
    """Have all weights drawn anew before the next run; runs in the worker.

    Args:
        seed: What they are drawn with.
    """
    global _last
    _rebuilder().draw_weights(seed)
    _last = None


def run_layers(
    architecture: Architecture, input_shape: Shape, batch_size: int, how: Measurement = DEFAULT
) -> LayerTimes:
    """Time every layer alone, on what random images become; runs in the worker."""
    kept = ready_model(architecture, input_shape, batch_size, how)
    return time_layers(kept.model, noise(batch_size, input_shape), how, is_stale=is_overtaken)


def run_noise(
    architecture: Architecture,
    input_shape: Shape,
    batch_size: int,
    how: Measurement,
    time_limit: float,
) -> Timing:
    """Time a model on random images: what `time_forward` asks for; runs in the worker."""
    kept = ready_model(architecture, input_shape, batch_size, how)
    return _time(kept, noise(batch_size, input_shape), how, time_limit)[0]


def _time(
    kept: KeptModel, batch: np.ndarray, how: Measurement, time_limit: float
) -> tuple[Timing, list[np.ndarray]]:
    report = analyze(kept.graph)
    flops = report.flops if report.macs_are_known else None
    return time_model(
        kept.model, batch, how, flops=flops, time_limit=time_limit, is_stale=is_overtaken
    )


def noise(batch_size: int, input_shape: Shape) -> np.ndarray:
    """Return a batch of random images, always the same."""
    return np.random.default_rng(0).random((batch_size, *input_shape), dtype=np.float32)
