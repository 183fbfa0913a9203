"""The Keras process: it rebuilds, checks and runs models, so that the notebook never has to.

One process serves all explorers of a kernel. Each has at most one request waiting (a newer one
takes its place), and they take turns. A process that dies costs its request; the next request
starts a new one.
"""

import gc
import itertools
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import lru_cache, partial
from time import perf_counter
from typing import Any

import attrs
import loky
import numpy as np
import psutil

from explorer.encoder_decoder import EncoderDecoder
from explorer.graph import check_input_shape
from explorer.keras_model import build, import_keras
from explorer.layers import Shape
from explorer.parameters import ParameterError
from explorer.timing import Timing, environment, time_model


@attrs.frozen
class BuiltLayer:
    """What Keras says of a layer it built."""

    name: str
    kind: str
    shape: Shape
    params: int


@attrs.frozen
class Built:
    """A model that Keras built.

    Attributes:
        seconds: How long building took.
        environment: Versions and device.
        layers: The model's layers, in Keras' order.
        total_params: Number of parameters.
        trainable_params: Number of trainable ones.
    """

    seconds: float
    environment: str
    layers: tuple[BuiltLayer, ...]
    total_params: int
    trainable_params: int


@attrs.frozen
class Picture:
    """A small picture.

    Attributes:
        caption: What it shows.
        png: Its content.
    """

    caption: str
    png: bytes


@attrs.frozen
class ForwardPass:
    """An image's way through a model, timed.

    Attributes:
        built: The model that ran.
        timing: How long it took.
        image: The input.
        channels: The strongest channels of the last output.
    """

    built: Built
    timing: Timing
    image: Picture
    channels: tuple[Picture, ...]


# What follows runs in the worker process.

_last: tuple[tuple[EncoderDecoder, Shape], Any, Built] | None = None


def rebuild(architecture: EncoderDecoder, input_shape: Shape) -> Built:
    """Build the Keras model and return what Keras says of it; runs in the worker."""
    return _model(architecture, input_shape)[1]


def _model(architecture: EncoderDecoder, input_shape: Shape) -> tuple[Any, Built]:
    global _last
    key = (architecture, input_shape)
    if _last and _last[0] == key:
        return _last[1:]
    keras = import_keras()
    _last = None
    # Either alone leaves the memory of the model before.
    keras.backend.clear_session()
    gc.collect()
    start = perf_counter()
    model = build(architecture, input_shape)
    seconds = perf_counter() - start
    layers = []
    for layer in model.layers:
        output = layer.output[0] if isinstance(layer.output, list) else layer.output
        kind = type(layer).__name__
        layers.append(BuiltLayer(layer.name, kind, tuple(output.shape[1:]), layer.count_params()))
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    built = Built(seconds, environment(), tuple(layers), model.count_params(), trainable)
    _last = (key, model, built)
    return model, built


def run_forward(
    architecture: EncoderDecoder, input_shape: Shape, batch_size: int, upload: bytes | None
) -> ForwardPass:
    """Run an image through the model and time it; runs in the worker.

    Args:
        architecture: The architecture.
        input_shape: `(height, width, channels)`.
        batch_size: How many copies of the image a run has.
        upload: Content of an image file, or None for the default photograph.
    """
    from explorer import images

    picture = images.read_image(upload) if upload else images.default_photograph()
    model, built = _model(architecture, input_shape)
    image = images.to_input(picture, input_shape)
    timing, outputs = time_model(model, np.repeat(image[None], batch_size, axis=0))
    output = outputs[-1][0]
    shown = image if input_shape[2] == 3 else image[:, :, 0]
    return ForwardPass(
        built,
        timing,
        Picture("input", images.to_png(shown)),
        tuple(
            Picture(f"channel {channel}", images.to_png(output[:, :, channel]))
            for channel in images.strongest_channels(output, count=8)
        ),
    )


def _time(architecture: EncoderDecoder, input_shape: Shape, batch_size: int) -> Timing:
    model, _ = _model(architecture, input_shape)
    noise = np.random.default_rng(0).random((batch_size, *input_shape), dtype=np.float32)
    return time_model(model, noise)[0]


def _end_with(parent: int) -> None:
    """End this process when its parent, the notebook kernel, is gone."""

    def watch() -> None:
        pause = threading.Event()
        while psutil.pid_exists(parent) and os.getppid() == parent:
            pause.wait(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


# What follows runs in the notebook kernel.


class WorkerDied(RuntimeError):
    """The worker process ended in the middle of a request."""


@attrs.frozen(eq=False)
class _Request:
    owner: object
    work: Callable[[], Any]
    done: Callable[[Any], None]
    failed: Callable[[Exception], None]


class Worker:
    """A process that runs one request after the other; for each owner the latest one counts."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._executor: Any = None
        self._running: _Request | None = None
        self._waiting: dict[object, _Request] = {}
        self.is_ready = False

    def submit(
        self,
        owner: object,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Run `work` in the process, in place of what this owner had waiting.

        Args:
            owner: Whose request it is.
            work: What to run; pickled, so a `functools.partial` of a module's function.
            done: Called in a thread with the result.
            failed: Called in a thread with the error; `WorkerDied` when the process ended.
        """
        with self._lock:
            self._waiting.pop(owner, None)
            self._waiting[owner] = _Request(owner, work, done, failed)
        self._start_next()

    def cancel(self, owner: object) -> None:
        """Forget what this owner has waiting."""
        with self._lock:
            self._waiting.pop(owner, None)

    def _start_next(self) -> None:
        with self._lock:
            if self._running or not self._waiting:
                return
            request = self._waiting.pop(next(iter(self._waiting)))
            self._running = request
            try:
                future = self._start(request.work)
            except Exception as error:  # the process could not be started, or was just lost
                future = Future()
                future.set_exception(error)
        # Outside the lock: a finished future calls back at once, in this thread.
        future.add_done_callback(partial(self._finish, request))

    def _start(self, work: Callable[[], Any]) -> "Future[Any]":
        """Give work to the process; one that ended while nothing was asked of it is replaced."""
        if self._executor is not None:
            try:
                return self._submit(work)
            except loky.process_executor.BrokenProcessPool:
                self.is_ready = False
        environment = {
            "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"),
            # Loky replaces processes that grow by 300 MB, as if they leaked; ours holds models.
            "LOKY_MAX_MEMORY_LEAK_SIZE": "1e18",
        }
        self._executor = loky.ProcessPoolExecutor(
            max_workers=1, initializer=partial(_end_with, os.getpid()), env=environment
        )
        return self._submit(work)

    def _submit(self, work: Callable[[], Any]) -> "Future[Any]":
        future: Future[Any] = self._executor.submit(work)
        return future

    def _finish(self, request: _Request, future: "Future[Any]") -> None:
        error = future.exception()
        lost = isinstance(error, loky.process_executor.BrokenProcessPool)
        with self._lock:
            self._running = None
            if lost:
                self._executor = None
            self.is_ready = not lost
        try:
            if error is None:
                request.done(future.result())
            elif lost:
                died = WorkerDied(
                    "The Keras process ended unexpectedly, most likely for lack of memory."
                )
                died.__cause__ = error
                request.failed(died)
            elif isinstance(error, Exception):
                request.failed(error)
        finally:
            self._start_next()

    def stop(self) -> None:
        """End the process; a later request starts a new one."""
        with self._lock:
            executor, self._executor = self._executor, None
            self.is_ready = False
        if executor is not None:
            executor.shutdown(wait=True, kill_workers=True)


@lru_cache(maxsize=1)
def shared_worker() -> Worker:
    """Return the worker of this kernel."""
    return Worker()


def time_forward(
    architecture: EncoderDecoder, input_shape: Sequence[int], batch_size: int = 1
) -> Timing:
    """Time a forward pass on random images, in the worker process.

    Args:
        architecture: The architecture; its weights are random.
        input_shape: `(height, width, channels)`.
        batch_size: Images in each run.

    Raises:
        ParameterError: If the shape or the batch size cannot be used.
        WorkerDied: If the process ended, most likely for lack of memory.
    """
    shape = check_input_shape(input_shape)
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ParameterError(
            "Input", "batch_size", batch_size, "is not a number of images", "give 1 or more"
        )
    result: Future[Timing] = Future()
    shared_worker().submit(
        next(_callers),
        partial(_time, architecture, shape, batch_size),
        result.set_result,
        result.set_exception,
    )
    return result.result()


_callers = itertools.count()
