"""A timer of the event loop makes its call there, and can be called off."""

import asyncio

from explorer.core.guard import as_part_of, is_under_way
from explorer.worker.loop_timer import later


async def the_loop_has_made(seconds: float) -> None:
    """Wait for what was to come before."""
    come = asyncio.Event()
    later(seconds, come.set)
    await asyncio.wait_for(come.wait(), 30)


def test_calls_come_in_the_order_of_their_times():
    calls = []

    async def call():
        later(0.02, lambda: calls.append("last"))
        later(0.0, lambda: calls.append("first"))
        assert not calls
        await the_loop_has_made(0.03)

    asyncio.run(call())

    assert calls == ["first", "last"]


def test_what_is_called_off_does_not_come():
    calls = []

    async def call():
        timer = later(0.01, lambda: calls.append("called"))
        timer.cancel()
        timer.join(30)
        await the_loop_has_made(0.02)

    asyncio.run(call())

    assert not calls


def test_a_call_is_no_part_of_what_was_under_way_when_it_was_asked_for():
    owner, found = object(), []

    async def call():
        as_part_of(owner, later, 0.0, lambda: found.append(is_under_way(owner)))
        await the_loop_has_made(0.01)

    asyncio.run(call())

    assert found == [False]
