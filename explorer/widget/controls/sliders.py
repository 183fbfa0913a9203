"""Sliders beside a number: the number is what counts, and the handle rests as near as it can."""

import math
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from explorer.core.network.parameters import Parameter


class Slider:
    """A slider whose stops are equally far apart.

    Attributes:
        widget: What is shown.
    """

    def __init__(self, found: Parameter, value: float, make: Callable[..., Any]) -> None:
        """Make a slider.

        Args:
            found: What it is for.
            value: Where it begins.
            make: Makes a widget of a kind with these traits.
        """
        self._found = found
        low, high = self._range(value)
        kind = widgets.IntSlider if found.value_type is int else widgets.FloatSlider
        step = {"step": 0.1} if found.value_type is float else {}
        self.widget = make(kind, value=low, min=low, max=high, readout=False, **step)
        self.move(value)

    def _range(self, value: float) -> tuple[float, float]:
        """Return what can be reached: what is handy, and the value."""
        low, high = handy_range(self._found, value)
        return (min(low, value), max(high, value)) if math.isfinite(value) else (low, high)

    def fit(self, value: float) -> None:
        """Give the slider its range, widened where a value that counts lies outside."""
        slider = self.widget
        low, high = self._range(value)
        # A browser keeps no value that lies outside the range that it knows, so it hears of a
        # wider one first, and of the rest in one message: between two, it would move the slider
        # to where it can stop. In this order the range is never empty in between.
        slider.max = max(slider.max, high)
        with slider.hold_sync():
            slider.min = low
            slider.max = high
            self.move(value)

    def move(self, value: float) -> None:
        """Move the slider to where it can stop nearest to a value.

        A browser that is given another value than its slider can stop at sends back one where it
        can, which would overwrite what the user typed.
        """
        slider = self.widget
        if not math.isfinite(value):
            return
        value = min(max(value, slider.min), slider.max)  # a step below 1 makes 1e308 infinite
        most = math.floor((slider.max - slider.min) / slider.step + 1e-9)
        steps = min(most, round((value - slider.min) / slider.step))
        slider.value = round(slider.min + steps * slider.step, 10)


class LogSlider(Slider):
    """A slider over whole numbers whose stops lie at most an eighth of each apart.

    Attributes:
        multiple: What all stops are multiples of.
    """

    def __init__(self, found: Parameter, value: float, make: Callable[..., Any]) -> None:
        """Make a slider, as `Slider` is made."""
        self._found = found
        self.multiple = 1
        options = self._stops(value)
        self.widget = make(widgets.SelectionSlider, options=options, readout=False)
        self.widget.add_class("explorer-stops")
        self.move(value)

    def _stops(self, value: float) -> tuple[int, ...]:
        """Return the stops, always as many: a value that counts takes the place of the nearest."""
        found = stops(*handy_range(self._found, value), self.multiple)
        if not math.isfinite(value):
            return found
        place = _nearest(found, value)
        return (*found[:place], int(value), *found[place + 1 :])

    def fit(self, value: float) -> None:
        """Give the slider its stops, the value among them."""
        slider = self.widget
        options = self._stops(value)
        if options != slider.options:
            # A browser hears of new stops only in a message that does not move the handle, to a
            # place that the slider has before and after it.
            place = slider.index = min(slider.index, len(options) - 1)
            with slider.hold_sync():
                slider.options = options
                slider.index = place
        self.move(value)

    def move(self, value: float) -> None:
        """Move the slider to the stop nearest to a value."""
        if math.isfinite(value):
            self.widget.index = _nearest(self.widget.options, value)


def handy_range(found: Parameter, value: float) -> tuple[float, float]:
    """Return the slider range that a parameter declares, or else one around its value."""
    if found.slider:
        return found.slider
    low = found.minimum if found.minimum is not None else min(value, 0)
    return low, found.maximum if found.maximum is not None else max(2 * abs(value), low + 10)


def stops(low: float, high: float, multiple: int) -> tuple[int, ...]:
    """Return multiples from a number to another one: at first each, then 8 to 16 up to each double.

    Args:
        low: The first lies there or above.
        high: The last lies there or above.
        multiple: What they are multiples of.
    """
    count = max(1, math.ceil(low / multiple))
    last = max(count + 1, math.ceil(high / multiple))
    found = []
    while count < last:
        found.append(count * multiple)
        step = max(1, 2 ** (count.bit_length() - 4))
        count = (count // step + 1) * step
    return (*found, last * multiple)


def _nearest(options: tuple[int, ...], value: float) -> int:
    """Return the place of the number that is nearest to a value."""
    after = bisect_left(options, value)
    near = [place for place in (after - 1, after) if 0 <= place < len(options)]
    return min(near, key=lambda place: abs(options[place] - value))
