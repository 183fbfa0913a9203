"""Errors in a widget's thread: raised there they would vanish, so they are shown instead."""

import functools
import traceback
from collections.abc import Callable
from typing import Any


def guarded(method: Callable[..., None]) -> Callable[..., None]:
    """Give an unforeseen error's traceback to the object's `_alert` method."""

    @functools.wraps(method)
    def guarded_method(self: Any, *args: Any) -> None:
        try:
            method(self, *args)
        except Exception:
            self._alert(traceback.format_exc())

    return guarded_method
