"""The chain between what lowers the resolution and what raises it again."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from explorer.core.guard import as_part_of, is_under_way
from explorer.core.network.balance import balanced
from explorer.core.network.parameters import Parameter, parameter_of
from explorer.widget.controls.group_head import GroupHead


class Chain:
    """While it is closed, a parameter follows those that the user moves: the output keeps its size.

    It is closed at first where there is something to follow with: not without any upsampling.
    """

    def __init__(
        self, follower: Parameter, of: type, head: GroupHead, put: Callable[[int], None]
    ) -> None:
        """Begin with nothing shown.

        Args:
            follower: The parameter.
            of: The class that it belongs to.
            head: Where the user opens and closes the chain.
            put: Shows another value of the parameter.
        """
        self._follower = follower
        self._head = head
        self._put = put
        self._is_chosen = False  # by the user, whether it is closed
        self._stride = 1  # of the output that is to be kept
        self._proposed: Any = None  # what the last move was to lead to
        self._followed: Any = None  # the value of the parameter that is shown
        self._leaders = " and ".join(parameter_of(of, name).label for name in follower.follows)
        head.observe(self._toggled, names="closed")

    def show(self, architecture: Any) -> None:
        """Note what is shown: its resolution is kept from now on, if it is not the chain's own."""
        if architecture == self._proposed:
            return
        self._proposed = None
        self._stride = architecture.output_stride
        of_input = "the input's" if self._stride == 1 else f"1/{self._stride} of the input's"
        self._head.chain = (
            f"{self._follower.label} follow {self._leaders}, "
            f"so that the output keeps its resolution: {of_input}"
        )
        before, self._followed = self._followed, getattr(architecture, self._follower.name)
        if not self._is_chosen and self._followed != before:  # it may have followed to the lowest
            as_part_of(self, self._set, self._followed > (self._follower.minimum or 0))

    def begin(self, architecture: Any) -> None:
        """Show another beginning: whether the user opened the chain before counts no more."""
        self._is_chosen = False
        self._proposed = self._followed = None
        self.show(architecture)

    def _set(self, closed: bool) -> None:
        self._head.closed = closed

    def _toggled(self, _: Any) -> None:
        if not is_under_way(self):
            self._is_chosen = True
            self._proposed = None

    def follow(self, architecture: Any, values: Mapping[str, Any], moved: str) -> None:
        """Move along with a parameter that the user moved.

        Args:
            architecture: What was shown last.
            values: The values on screen.
            moved: Name of the parameter.
        """
        if not self._head.closed or moved not in self._follower.follows:
            return
        value = balanced(architecture, values, self._follower, self._stride)
        if value is not None:
            changes = {**values, self._follower.name: value}
            self._proposed = attrs.evolve(architecture, **changes)
            self._followed = value
            self._put(value)
