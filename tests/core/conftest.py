"""Where Keras has no backend, the tests that hold the core against Keras are left out."""

import re
from importlib.util import find_spec
from pathlib import Path

_ASKS_KERAS = re.compile(
    r"^\s*(import|from) (keras|tests\.keras_helpers)\b|\bbuild\(", re.MULTILINE
)

if not find_spec("tensorflow") and not find_spec("jax"):
    collect_ignore = [
        str(path.relative_to(Path(__file__).parent))
        for path in Path(__file__).parent.rglob("test_*.py")
        if _ASKS_KERAS.search(path.read_text(encoding="utf-8"))
    ]
