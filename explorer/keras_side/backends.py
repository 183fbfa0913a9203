"""What TensorFlow and JAX do differently under Keras: devices, compiling, waiting, accounts.

Everything else asks Keras, or the one of these two that Keras runs on.
"""

import os
import platform
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, Protocol

import attrs

from explorer.core.asking.timing import XlaAnalysis
from explorer.core.network.errors import ParameterError
from explorer.keras_side.build import import_keras
from explorer.keras_side.machine_memory import gpu_memory, machine_memory


@attrs.frozen
class Device:
    """A processor that models can run on.

    Attributes:
        name: Its name for Keras, such as "GPU:0".
        model: What the maker calls it.
        memory_bytes: Memory that it has, or None where that is not known.
    """

    name: str
    model: str
    memory_bytes: int | None

    @property
    def kind(self) -> str:
        """The part of the name before the number: "CPU", "GPU" or "TPU"."""
        return self.name.partition(":")[0]

    def __str__(self) -> str:
        """The kind, with the model."""
        return f"{self.kind} ({self.model})"


@attrs.frozen
class Compiled:
    """A compiled function.

    Attributes:
        run: Called with the inputs, it computes the result and waits for the device.
        analysis: The compiler's account of it, where it gives one.
    """

    run: Callable[..., Any]
    analysis: XlaAnalysis | None = None


@attrs.frozen
class Usage:
    """Memory that a process has on a device, in bytes.

    Attributes:
        now: What it uses.
        peak: The most that it has used.
        kept: What the backend has taken from the device, and keeps for what comes next.
        limit: The most that the backend lets it use, or None.
    """

    now: int
    peak: int
    kept: int
    limit: int | None = None


class Backend(Protocol):
    """What is asked of a backend.

    Attributes:
        name: Its name, with its version.
        compilers: Those it has.
    """

    name: str
    compilers: tuple[str, ...]

    def devices(self) -> tuple[Device, ...]:
        """Return every device, those first that a model runs on by default."""
        ...

    def forward(self, layer: Any, inputs: Sequence[Any], compiler: str) -> Compiled:
        """Compile a layer's or model's inference, for inputs such as these."""
        ...

    def training_step(self, trainer: Any, x: Any, y: Any, compiler: str) -> Compiled:
        """Compile a training step of a model that knows its loss and optimiser."""
        ...

    def adam(self, learning_rate: float) -> Any:
        """Return Keras' Adam, with what the backend computes it faster by."""
        ...

    def learning_step(self, model: Any, optimizer: Any, loss: Any, x: Any, y: Any) -> Compiled:
        """Compile a step after which the model has other weights; it is no measurement.

        Args:
            model: The model, whose weights lie on the device.
            optimizer: A Keras optimiser that was built for the model's trainable variables.
            loss: Returns, of the model's output or list of outputs and of `y`, what is minimised.
            x: A batch of images.
            y: What goes to the loss, as a tensor or a list of them.

        Returns:
            What is called with such `x` and `y`, and returns the loss before the step.
        """
        ...

    def inference(self, model: Any, x: Any) -> Compiled:
        """Compile a model's inference with the weights that it has at each call."""
        ...

    def function(self, call: Callable[..., Any], inputs: Sequence[Any], compiler: str) -> Compiled:
        """Compile a function of tensors."""
        ...

    def input_gradient(
        self, model: Any, images: Any, at: tuple[int, int], weights: Any
    ) -> Compiled:
        """Compile the gradient, for each image, of the weighed sum of an output's channels.

        Args:
            model: A model with one input and one output; inference, not training, is run, with the
                weights that it has at each call.
            images: `(count, height, width, channels)`.
            at: Row and column of the position in the output.
            weights: A weight for each channel of the output, `(channels,)`.

        Returns:
            What is called with such `images` and `weights`, and returns a tensor of the images'
            shape.
        """
        ...

    def used(self, device: Device) -> Usage | None:
        """Return the memory that this process has on the device, where that is counted."""
        ...

    def kept_bytes(self) -> int:
        """Return what of the machine's memory this process keeps for the next model's features."""
        ...


class _TensorFlow:
    compilers: tuple[str, ...] = ("graph", "XLA")

    def __init__(self) -> None:
        import tensorflow

        self._tf = tensorflow
        self.name = f"TensorFlow {tensorflow.__version__}"

    def devices(self) -> tuple[Device, ...]:
        gpus = [
            _gpu(
                f"GPU:{index}",
                self._tf.config.experimental.get_device_details(found).get("device_name"),
            )
            for index, found in enumerate(self._tf.config.list_physical_devices("GPU"))
        ]
        return (*gpus, _cpu())

    def forward(self, layer: Any, inputs: Sequence[Any], compiler: str) -> Compiled:
        return self.function(
            lambda *tensors: layer(tensors if len(tensors) > 1 else tensors[0]), inputs, compiler
        )

    def training_step(self, trainer: Any, x: Any, y: Any, compiler: str) -> Compiled:
        outputs = y if isinstance(y, list) else [y]
        return self.function(
            lambda x, *y: trainer.train_step((x, list(y) if len(y) > 1 else y[0])),
            [x, *outputs],
            compiler,
        )

    def adam(self, learning_rate: float) -> Any:
        """Return an Adam whose step is one operation of TensorFlow for each weight.

        That of Keras is a dozen, each of which reads and writes tensors of the weight's size.
        """
        tf = self._tf
        adam = import_keras().optimizers.Adam

        class Fused(adam):  # type: ignore[misc, valid-type]
            def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
                index = self._get_variable_index(variable)
                ops = import_keras().ops
                kind = variable.dtype
                step = ops.cast(self.iterations + 1, kind)
                rates = learning_rate, self.beta_1, self.beta_2, self.epsilon
                lr, beta1, beta2, epsilon = (ops.cast(rate, kind) for rate in rates)
                tf.raw_ops.ResourceApplyAdam(
                    var=variable.handle,
                    m=self._momentums[index].value.handle,
                    v=self._velocities[index].value.handle,
                    beta1_power=ops.power(beta1, step),
                    beta2_power=ops.power(beta2, step),
                    lr=lr,
                    beta1=beta1,
                    beta2=beta2,
                    epsilon=epsilon,
                    grad=tf.cast(tf.convert_to_tensor(gradient), kind),  # of some rows, too
                )

        return Fused(learning_rate)

    def learning_step(self, model: Any, optimizer: Any, loss: Any, x: Any, y: Any) -> Compiled:
        def step(x: Any, y: Any) -> Any:
            with self._tf.GradientTape() as tape:
                value = loss(model(x, training=True), y)
            weights = model.trainable_variables
            optimizer.apply(tape.gradient(value, weights), weights)
            return value

        with self._any_names():
            function = self._tf.function(step, autograph=False)
            function.get_concrete_function(x, y)
        return Compiled(function)

    def inference(self, model: Any, x: Any) -> Compiled:
        return self.function(lambda x: model(x, training=False), [x], "graph")

    @contextmanager
    def _any_names(self) -> Iterator[None]:
        """Let layers have any names: of a graph, which nobody sees, TensorFlow refuses most."""
        own = self._tf.name_scope

        class AnyName(own):  # type: ignore[misc, valid-type]
            def __init__(self, name: str | None) -> None:
                if name:
                    name = re.sub(r"[^A-Za-z0-9_./>-]", "_", name)
                    name = name if name[0].isalnum() or name[0] == "." else f"x{name}"
                super().__init__(name)

        self._tf.name_scope = AnyName
        try:
            yield
        finally:
            self._tf.name_scope = own

    def function(self, call: Callable[..., Any], inputs: Sequence[Any], compiler: str) -> Compiled:
        with self._any_names():
            function = self._tf.function(
                call, jit_compile=compiler == "XLA", autograph=False
            ).get_concrete_function(*inputs)

        def run(*tensors: Any) -> Any:
            result = function(*tensors)
            # Only the device of the scope; to wait for each in turn would add to short times.
            self._tf.raw_ops.SyncDevice()
            return result

        return Compiled(run)

    def input_gradient(
        self, model: Any, images: Any, at: tuple[int, int], weights: Any
    ) -> Compiled:
        def gradient(images: Any, weights: Any) -> Any:
            with self._tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(images)
                channels = model(images, training=False)[:, at[0], at[1]]
                total = self._tf.reduce_sum(channels * weights)
            return tape.gradient(total, images, unconnected_gradients="zero")

        # As a graph, in which TensorFlow leaves out the gradients of the kernels: they would cost
        # time, and that of a kernel smaller than its stride overwrites memory on CPUs (2.21).
        return self.function(gradient, [images, weights], "graph")

    def used(self, device: Device) -> Usage | None:
        if device.kind == "CPU":
            return None
        try:
            info = self._tf.config.experimental.get_memory_info(device.name)
        except ValueError:  # the allocator that was chosen does not count
            return None
        return Usage(info["current"], info["peak"], kept=info["peak"])

    def kept_bytes(self) -> int:
        try:
            info = self._tf.config.experimental.get_memory_info("CPU:0")
        except ValueError:  # without oneDNN there is no such pool
            return 0
        return int(info["peak"] - info["current"])


class _Jax:
    compilers: tuple[str, ...] = ("XLA",)

    def __init__(self) -> None:
        import jax

        self._jax = jax
        self.name = f"JAX {jax.__version__}"

    def _found(self) -> dict[str, Any]:
        found = list(self._jax.local_devices())
        if self._jax.default_backend() != "cpu":
            with suppress(RuntimeError):  # JAX_PLATFORMS may leave the processor out
                found += self._jax.local_devices(backend="cpu")
        # Cores that JAX was told to count as devices are still one processor each.
        return {f"{'CPU' if d.platform == 'cpu' else d.platform.upper()}:{d.id}": d for d in found}

    def devices(self) -> tuple[Device, ...]:
        return tuple(
            _cpu(name) if name.startswith("CPU") else _gpu(name, found.device_kind)
            for name, found in self._found().items()
        )

    def forward(self, layer: Any, inputs: Sequence[Any], compiler: str) -> Compiled:
        state = (
            [variable.value for variable in layer.trainable_variables],
            [variable.value for variable in layer.non_trainable_variables],
        )

        def call(state: Any, *tensors: Any) -> Any:
            return layer.stateless_call(*state, tensors if len(tensors) > 1 else tensors[0])[0]

        compiled = self.function(call, [state, *inputs], compiler)
        return Compiled(lambda *tensors: compiled.run(state, *tensors), compiled.analysis)

    def training_step(self, trainer: Any, x: Any, y: Any, compiler: str) -> Compiled:
        def state_now() -> Any:
            variables = (
                trainer.trainable_variables,
                trainer.non_trainable_variables,
                trainer.optimizer.variables,
                trainer.metrics_variables,
            )
            # A step gives up its state's memory for the next state, so it gets a copy.
            return self._jax.tree.map(lambda variable: variable.value.copy(), variables)

        step = self._jax.jit(lambda state, *data: trainer.train_step(state, data), donate_argnums=0)
        if isinstance(y, list):  # of several losses, Keras makes the means in the first step
            self._jax.eval_shape(step, state_now(), x, y)
        state = state_now()
        compiled = step.lower(state, x, y).compile()

        def run(x: Any, *outputs: Any) -> Any:
            nonlocal state
            logs, state = compiled(state, x, list(outputs) if len(outputs) > 1 else outputs[0])
            self._jax.block_until_ready(state)
            return logs

        return Compiled(run, _analysis(compiled))

    def adam(self, learning_rate: float) -> Any:
        return import_keras().optimizers.Adam(learning_rate)

    def learning_step(self, model: Any, optimizer: Any, loss: Any, x: Any, y: Any) -> Compiled:
        def value_of(trained: Any, others: Any, x: Any, y: Any) -> Any:
            outputs, others = model.stateless_call(trained, others, x, training=True)
            return loss(outputs, y), others

        gradient = self._jax.value_and_grad(value_of, has_aux=True)
        kinds = model.trainable_variables, model.non_trainable_variables, optimizer.variables

        def step(trained: Any, others: Any, rates: Any, x: Any, y: Any) -> Any:
            (value, others), slopes = gradient(trained, others, x, y)
            trained, rates = optimizer.stateless_apply(rates, slopes, trained)
            return value, (trained, others, rates)

        jitted = self._jax.jit(step, donate_argnums=(0, 1, 2))

        def values() -> Any:
            return [[variable.value for variable in kind] for kind in kinds]

        compiled = jitted.lower(*values(), x, y).compile()

        def run(x: Any, y: Any) -> Any:
            value, state = compiled(*values(), x, y)
            for kind, found in zip(kinds, state, strict=True):
                for variable, new in zip(kind, found, strict=True):
                    variable.assign(new)
            return value

        return Compiled(run)

    def inference(self, model: Any, x: Any) -> Compiled:
        def call(state: Any, x: Any) -> Any:
            return model.stateless_call(*state, x, training=False)[0]

        compiled = self.function(call, [_state(model), x], "XLA")
        return Compiled(lambda x: compiled.run(_state(model), x))

    def function(self, call: Callable[..., Any], inputs: Sequence[Any], compiler: str) -> Compiled:
        compiled = self._jax.jit(call).lower(*inputs).compile()
        return Compiled(
            lambda *tensors: self._jax.block_until_ready(compiled(*tensors)), _analysis(compiled)
        )

    def input_gradient(
        self, model: Any, images: Any, at: tuple[int, int], weights: Any
    ) -> Compiled:
        def total(images: Any, state: Any, weights: Any) -> Any:
            output = model.stateless_call(*state, images, training=False)[0]
            return (output[:, at[0], at[1]] * weights).sum()

        gradient = self._jax.grad(total)
        compiled = self.function(gradient, [images, _state(model), weights], "XLA")
        return Compiled(lambda images, weights: compiled.run(images, _state(model), weights))

    def used(self, device: Device) -> Usage | None:
        stats = self._found()[device.name].memory_stats() or {}
        if not {"bytes_in_use", "peak_bytes_in_use"} <= stats.keys():
            return None
        peak = stats["peak_bytes_in_use"]
        kept = max(peak, stats.get("pool_bytes", 0))
        return Usage(stats["bytes_in_use"], peak, kept, stats.get("bytes_limit"))

    def kept_bytes(self) -> int:
        return 0


def _state(model: Any) -> list[list[Any]]:
    """Return the values of a model's trainable variables, and of its others."""
    kinds = model.trainable_variables, model.non_trainable_variables
    return [[variable.value for variable in kind] for kind in kinds]


def _analysis(compiled: Any) -> XlaAnalysis | None:
    cost, memory = compiled.cost_analysis(), compiled.memory_analysis()
    if not cost or memory is None:
        return None
    if isinstance(cost, list):  # of JAX before 0.5, with an entry for each program
        cost = cost[0]
    return XlaAnalysis(
        flops=cost.get("flops", 0.0),
        temporary_bytes=memory.temp_size_in_bytes,
        argument_bytes=memory.argument_size_in_bytes,
        output_bytes=memory.output_size_in_bytes,
    )


def _gpu(name: str, model: str | None) -> Device:
    memory = gpu_memory(int(name.partition(":")[2]))
    return Device(name, model or "unknown model", memory.total if memory else None)


def _cpu(name: str = "CPU:0") -> Device:
    return Device(name, _cpu_model(), machine_memory().total)


@lru_cache(maxsize=1)
def _cpu_model() -> str:
    """Return the model of this machine's processor and the number of its cores to use."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            named = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    except OSError:
        named = []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{named[0] if named else name}, {cores} core{'' if cores == 1 else 's'}"


_BACKENDS: dict[str, Callable[[], Backend]] = {"tensorflow": _TensorFlow, "jax": _Jax}


@lru_cache(maxsize=1)
def backend() -> Backend:
    """Return the backend that Keras runs on.

    Raises:
        ImportError: If none is installed.
        NotImplementedError: If it is another one than these.
    """
    name = import_keras().backend.backend()
    if name not in _BACKENDS:
        raise NotImplementedError(
            f"Keras runs on {name}, whose passes are not timed here: set the environment variable "
            f"KERAS_BACKEND to {' or '.join(_BACKENDS)} before Keras is imported."
        )
    return _BACKENDS[name]()


def find_device(name: str = "auto") -> Device:
    """Return the device of this name, or for "auto" the one that models run on by default.

    Raises:
        ParameterError: If there is none of this name.
    """
    devices = backend().devices()
    found = next((device for device in devices if name in ("auto", device.name)), None)
    if found is None:
        raise ParameterError(
            "Measurement",
            "device",
            name,
            "is not a device of this machine",
            f"choose one of auto, {', '.join(device.name for device in devices)}",
        )
    return found


def free_bytes(device: Device) -> int | None:
    """Return the memory that models can take on a device, or None where that is not known."""
    if device.kind == "CPU":
        return machine_memory().free + backend().kept_bytes()
    memory, usage = gpu_memory(int(device.name.partition(":")[2])), backend().used(device)
    if usage is None:
        return None
    free = []
    if memory is not None:
        free.append(memory.free + usage.kept - usage.now)
    if usage.limit is not None:
        free.append(usage.limit - usage.now)
    return min(free, default=None)


def environment() -> str:
    """Return the versions of Keras and its backend, and the device, in a line."""
    return f"Keras {import_keras().__version__} on {backend().name}, {find_device()}"
