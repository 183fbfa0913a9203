"""The comparison with other tools says which of them are not installed."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent / "benchmarks" / "counting_tools.py"
NEEDED = ("torch", "ptflops", "torchinfo")


def test_what_is_not_installed_is_said():
    done = subprocess.run(
        [sys.executable, SCRIPT],
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )

    found = json.loads(done.stdout)
    lacking = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    assert set(found) == ({"missing"} if lacking else set(NEEDED[1:]))
    assert found.get("missing", []) == lacking
