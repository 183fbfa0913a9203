"""GPUs are listed and shared as they are, held against backends made up here: none is needed."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from explorer.keras_side import backends
from explorer.keras_side.backends import Device, _analysis, _Jax, backend, find_device, free_bytes
from explorer.keras_side.machine_memory import Memory

GIB = 2**30
GPU = Device("GPU:0", "a model", 80 * GIB)


def jax_with(stats: dict | None, processor: bool = True) -> _Jax:
    """JAX on a machine with one GPU, with or without its platform of the processor."""
    gpu = SimpleNamespace(
        id=0, platform="gpu", device_kind="a model", memory_stats=lambda: stats and dict(stats)
    )
    cpu = SimpleNamespace(id=0, platform="cpu", device_kind="cpu", memory_stats=lambda: None)

    def local_devices(backend: str | None = None) -> list:
        if backend == "cpu" and not processor:
            raise RuntimeError("Unknown backend cpu. Available backends are ['cuda']")
        return [cpu] if backend == "cpu" else [gpu]

    made = object.__new__(_Jax)
    made._jax = SimpleNamespace(local_devices=local_devices, default_backend=lambda: "gpu")
    return made


STATS = {"bytes_in_use": 2 * GIB, "peak_bytes_in_use": 5 * GIB, "bytes_limit": 60 * GIB}


@pytest.mark.parametrize(("processor", "names"), [(True, ["GPU:0", "CPU:0"]), (False, ["GPU:0"])])
def test_jax_lists_what_it_was_given(processor, names):
    """JAX_PLATFORMS=cuda leaves the processor out."""
    assert [device.name for device in jax_with(None, processor).devices()] == names


@pytest.mark.parametrize(
    ("stats", "nvidia", "free"),
    [
        (STATS, Memory(80 * GIB, 30 * GIB), 33 * GIB),
        # JAX takes no more than three quarters of a GPU, however much of it is free.
        (STATS, Memory(80 * GIB, 74 * GIB), 58 * GIB),
        # What it has taken beforehand is free for models.
        ({**STATS, "pool_bytes": 60 * GIB}, Memory(80 * GIB, 19 * GIB), 58 * GIB),
        (STATS, None, 58 * GIB),
        (None, Memory(80 * GIB, 30 * GIB), None),
        # An allocator that counts in part.
        ({"bytes_limit": 60 * GIB}, Memory(80 * GIB, 30 * GIB), None),
    ],
)
def test_what_is_free_on_a_gpu(monkeypatch, stats, nvidia, free):
    monkeypatch.setattr(backends, "backend", lambda: jax_with(stats))
    monkeypatch.setattr(backends, "gpu_memory", lambda index: nvidia)

    assert free_bytes(GPU) == free


def test_the_memory_of_a_processor_is_not_counted_by_the_backend():
    assert backend().used(find_device("CPU:0")) is None


@pytest.mark.parametrize("listed", [False, True], ids=["new", "before 0.5"])
def test_xlas_account_is_read_from_old_and_new_jax(listed):
    cost = {"flops": 7.0}
    memory = SimpleNamespace(temp_size_in_bytes=1, argument_size_in_bytes=2, output_size_in_bytes=4)
    found = _analysis(
        SimpleNamespace(
            cost_analysis=lambda: [cost] if listed else cost, memory_analysis=lambda: memory
        )
    )

    assert found.flops == 7
    assert found.memory_bytes == 7


@pytest.mark.parametrize("own", [None, "true"])
def test_a_process_that_imports_keras_leaves_gpus_to_others(own):
    """TensorFlow and JAX take nearly all of a GPU's memory when they start."""
    names = "TF_FORCE_GPU_ALLOW_GROWTH", "XLA_PYTHON_CLIENT_PREALLOCATE"
    environment = {name: value for name, value in os.environ.items() if name not in names}
    if own:
        environment |= dict.fromkeys(names, own)
    code = "import os\nfrom explorer.keras_side.build import import_keras\nimport_keras()\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}print(*(os.environ[name] for name in {names}))"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == ([own, own] if own else ["true", "false"])
