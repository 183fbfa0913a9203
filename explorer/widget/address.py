"""What the site shows, by the address that it was opened with."""

from typing import Any
from urllib.parse import parse_qs

from explorer.core.exchange.links import is_link
from explorer.core.network.errors import Refusal
from explorer.widget.explorer import Explorer
from explorer.widget.lesson import Lesson


def shown_at(address: str) -> Explorer:
    """Return the explorer with the design or the lesson that an address names, if it names one.

    What can't be shown is said in the explorer as it begins: whoever follows a link finds no error
    of Python.

    Args:
        address: Its query and fragment alone, "?lesson=5" say.
    """
    try:
        return _asked_for(address)
    except Refusal as error:
        begun = Explorer()
        begun._panels.exchange.refuse(str(error))
        return begun


def _asked_for(address: str) -> Explorer:
    if is_link(address):
        return Explorer.from_link(address)
    asked = parse_qs(address.partition("#")[0].lstrip("?"), keep_blank_values=True)
    if "lesson" not in asked:
        return Explorer()
    given = asked["lesson"][-1]
    number: Any = int(given) if given.isascii() and given.isdecimal() and len(given) < 9 else given
    return Lesson(number, seed=asked.get("name", [""])[-1])
