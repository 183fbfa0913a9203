"""The same on JAX: in a process of its own, since Keras keeps one backend for life."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


@pytest.mark.parametrize(
    ("file", "chosen"),
    [
        ("test_timing.py", ""),
        ("test_rebuild.py", "kept_layer or along or private or they_are_given"),
        ("test_training.py", "same_curve or other_answers or right_gradient or looks_at"),
    ],
)
def test_on_jax(file, chosen):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    # Keras' own arrays on JAX, and numpy's new keyword.
    command += ["-W", "ignore:__array__ implementation:DeprecationWarning"]
    done = subprocess.run(
        [*command, TESTS / file, "-k", chosen],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
