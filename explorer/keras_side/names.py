"""The names that Keras gives to layers without one, counted for each network anew.

Keras counts all layers that a notebook has ever made, so that a network would have other names each
time, and others in the Keras process than in the notebook. The counters are private to Keras: where
a newer one has them elsewhere, names are as it counts.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from explorer.keras_side.reader import calls_to

_Made = TypeVar("_Made")


def with_own_names(make: Callable[[], _Made], outputs: Callable[[_Made], Any]) -> _Made:
    """Return what `make` makes, its unnamed layers counted from the first one of each kind.

    A layer that was made before keeps the name that it has. Where a new one would get the same, all
    is made once more, the new ones counted from the number after it.

    Args:
        make: Makes layers and calls them.
        outputs: Returns the Keras tensors among what was made.
    """
    counts: dict[str, int] = {}
    with _counters() as start:
        for _ in range(10):  # more layers of clashing names would be an error of the user's own
            start(counts)
            made = make()
            clashing = _clashing(outputs(made))
            if not clashing:
                break
            for name in clashing:
                kind, number = _split(name)
                counts[kind] = max(counts.get(kind, 0), number + 1)
    return made


@contextmanager
def _counters() -> Iterator[Callable[[dict[str, int]], None]]:
    """Give a function that sets Keras' counters, and set them back afterwards."""
    try:
        from keras.src.backend.common import global_state
    except ImportError:
        yield lambda counts: None
        return
    key = "object_name_uids"
    before = global_state.get_global_attribute(key)
    try:
        yield lambda counts: global_state.set_global_attribute(key, defaultdict(int, counts))
    finally:
        global_state.set_global_attribute(key, before)


def _clashing(outputs: Any) -> set[str]:
    """Return the names that several of the layers have which some tensors come from."""
    import keras

    owners: dict[str, set[int]] = defaultdict(set)
    for call in calls_to(keras.tree.flatten(outputs), set()):
        owners[call.operation.name].add(id(call.operation))
    return {name for name, found in owners.items() if len(found) > 1}


def _split(name: str) -> tuple[str, int]:
    """Return a name without the number at its end, and that number."""
    found = re.fullmatch(r"(.+)_(\d+)", name)
    return (found[1], int(found[2])) if found else (name, 0)
