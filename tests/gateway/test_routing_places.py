"""A provider has so many calls at once and no more; who waits is served in turn, for a bounded time."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from gateway.flow.places import Places


async def test_no_more_than_the_most_and_in_turn() -> None:
    places = Places({"fal": 2})
    held = [await places.take("fal", 0) for _call in range(2)]
    assert await places.take("fal", 0) is None
    waiting = [asyncio.create_task(places.take("fal", 60)) for _call in range(2)]
    await asyncio.sleep(0)
    held[0].leave()  # pyright: ignore[reportOptionalMemberAccess] - there were two
    assert await waiting[0] is not None
    assert not waiting[1].done()
    held[1].leave()  # pyright: ignore[reportOptionalMemberAccess] - there were two
    assert await waiting[1] is not None


async def test_who_gave_up_waiting_takes_no_place() -> None:
    places = Places({"fal": 1})
    held = await places.take("fal", 0)
    assert held is not None
    assert await places.take("fal", 0.001) is None
    held.leave()
    assert await places.take("fal", 0) is not None
    assert await places.take("runware", 0) is not None  # another provider, another count


async def test_nobody_overtakes_who_waits() -> None:
    places = Places({"fal": 1})
    held = await places.take("fal", 0)
    assert held is not None
    first = asyncio.create_task(places.take("fal", 60))
    await asyncio.sleep(0)
    held.leave()
    late = asyncio.create_task(places.take("fal", 0))
    assert await late is None
    assert await first is not None


@given(fates=st.lists(st.sampled_from(["cancelled", "out of time", "served"]), max_size=12), most=st.integers(1, 3))
def test_no_place_is_lost_whoever_is_cancelled(fates: list[str], most: int) -> None:
    async def scene() -> None:
        places = Places({"fal": most})

        async def call(fate: str) -> None:
            place = await places.take("fal", 0 if fate == "out of time" else 60)
            if place is None:
                return
            try:
                await asyncio.sleep(0)
            finally:
                place.leave()

        tasks = [asyncio.create_task(call(fate)) for fate in fates]
        for turn, (task, fate) in enumerate(zip(tasks, fates, strict=True)):
            if turn % 2:
                await asyncio.sleep(0)  # some in the very moment in which a place comes free
            if fate == "cancelled":
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert all([await places.take("fal", 0) for _place in range(most)])
        assert await places.take("fal", 0) is None

    asyncio.run(scene())
