"""A widget whose other half is in the browser, and what the two send each other."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

import anywidget
import cattrs
import traitlets

from explorer.core.formatting import sendable

_log = logging.getLogger(__name__)


def shared(kind: Any, default: Any) -> Any:
    """Return a trait that the browser's half has, too, as JSON.

    Args:
        kind: The type of its values: see `messages`.
        default: Its first value.
    """
    converter = _converter()
    return traitlets.Any(default).tag(
        sync=True, kind=kind, to_json=lambda value, _: converter.unstructure(value, kind)
    )


class FrontWidget(anywidget.AnyWidget):
    """A widget of the explorer's own.

    Attributes:
        sends: What its half in the browser sends besides traits, as a type: see `messages`.
        gets: What that is sent besides traits.
    """

    sends: ClassVar[Any] = None
    gets: ClassVar[Any] = None

    @classmethod
    def as_json(cls, traits: Mapping[str, Any]) -> dict[str, Any]:
        """Return values of traits as the browser's half gets them."""
        known = cls.class_traits()
        return {
            name: known[name].metadata.get("to_json", _as_it_is)(value, None)
            for name, value in traits.items()
        }

    def on_sent(self, act: Callable[[Any, Sequence[memoryview]], object]) -> None:
        """Call with each message that the browser's half sends, and its buffers.

        Args:
            act: Called with messages of the type `sends`; what is none is logged, and left alone.
        """

        def received(_: object, content: object, buffers: Sequence[memoryview]) -> None:
            try:
                message = _converter().structure(content, self.sends)
            except Exception as error:  # cattrs lets through whatever it stumbles upon
                text = f"{content!r:.200}"
                _log.warning("%s: %s is no message: %s", type(self).__name__, text, error)
                return
            act(message, buffers)

        self.on_msg(received)

    def send_message(self, message: Any, buffers: Sequence[bytes] = ()) -> None:
        """Send the browser's half a message of the type `gets`."""
        self.send(_converter().unstructure(message), list(buffers))


def _as_it_is(value: Any, _: object) -> Any:
    return value


@cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_unstructure_hook(str, sendable)
    # cattrs would make any text or number of anything.
    for kind, accepted in ((str, str), (int, int), (float, (int, float)), (bool, bool)):
        converter.register_structure_hook(kind, _checker(accepted))
    return converter


def _checker(accepted: Any) -> Callable[[Any, type], Any]:
    def check(value: Any, kind: type) -> Any:
        # Python takes a truth value for a number.
        if not isinstance(value, accepted) or isinstance(value, bool) is not (kind is bool):
            raise TypeError(f"{value!r} is no {kind.__name__}")
        return value

    return check
