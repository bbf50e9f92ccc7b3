"""Who asks for what is being drawn waits for it; a run that is over is nobody's to wait for."""

import asyncio

import pytest

from gateway.flow.shared import SharedRuns
from gateway.flow.stop import Stop


class Refused(Exception):
    """What becomes of the first run."""


async def test_who_comes_as_a_run_has_just_failed_begins_another() -> None:
    """Before the loop has told anybody that it is over: whoever tries again at once would meet it again, for ever."""
    runs, begun = SharedRuns(), 0
    late: list[asyncio.Task[tuple[int, bool]]] = []

    async def draw() -> int:
        nonlocal begun
        begun += 1
        if begun == 1:
            await asyncio.sleep(0)
            late.append(asyncio.ensure_future(runs.once("the same", draw, Stop())))  # runs before what is told next
            raise Refused
        return begun

    with pytest.raises(Refused):
        await runs.once("the same", draw, Stop())
    assert await late[0] == (2, False)
    assert runs.running == 0
