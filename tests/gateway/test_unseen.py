"""What is kept for a client that does not take it."""

import asyncio
import time

from gateway.api.unseen import Sight, Unseen
from gateway.flow.picture import Picture
from providers.base import Partial, Progress

PICTURE = Picture(format="png", width=64, height=64, provider="p", offer="p/m")


def preview(number: int) -> Partial:
    return Partial(b"aGFsZg==", "png", number=number)


async def all_of(unseen: Unseen) -> list[tuple[int, Sight]]:
    found: list[tuple[int, Sight]] = []
    while (sight := await unseen.next(time.monotonic())) is not None:
        found.append(sight)
    return found


async def test_a_client_that_takes_everything_misses_no_preview() -> None:
    unseen = Unseen(asyncio.get_running_loop().create_future())
    for number in range(3):
        unseen.see(0, preview(number))
    unseen.see(0, PICTURE)
    assert await all_of(unseen) == [(0, preview(0)), (0, preview(1)), (0, preview(2)), (0, PICTURE)]


async def test_of_each_picture_the_latest_preview_waits_for_a_slow_client() -> None:
    unseen = Unseen(asyncio.get_running_loop().create_future())
    unseen.busy = True
    for number in range(100):
        unseen.see(0, preview(number))
        unseen.see(1, preview(number))
    unseen.see(0, PICTURE)
    assert await all_of(unseen) == [(0, preview(99)), (1, preview(99)), (0, PICTURE)]


async def test_only_the_last_step_is_worth_telling() -> None:
    unseen = Unseen(asyncio.get_running_loop().create_future())
    for step in range(1000):
        unseen.see(0, Progress(step=step, steps=1000))
    assert await all_of(unseen) == [(0, Progress(step=999, steps=1000))]


async def test_whoever_waits_is_woken_by_the_next_sight_and_by_the_end() -> None:
    job: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    unseen = Unseen(job)
    waiting = asyncio.create_task(unseen.next(time.monotonic() + 60))
    await asyncio.sleep(0)
    unseen.see(2, PICTURE)
    assert await waiting == (2, PICTURE)
    waiting = asyncio.create_task(unseen.next(time.monotonic() + 60))
    await asyncio.sleep(0)
    job.set_result(None)
    assert await waiting is None


async def test_what_was_seen_before_the_end_is_told_after_it() -> None:
    job: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    unseen = Unseen(job)
    unseen.see(0, PICTURE)
    job.set_result(None)
    assert await unseen.next(time.monotonic() + 60) == (0, PICTURE)
    assert await unseen.next(time.monotonic() + 60) is None
