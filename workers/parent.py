"""Ends a worker whose parent has died, however it died: a child of a killed gateway must not hold the device."""

import asyncio
import os

_LOOK_EVERY = 0.25  # seconds


async def parent_gone(parent: int) -> None:
    """Returns when `parent` is no longer this process's parent: the kernel then gives it another one."""
    while os.getppid() == parent:  # noqa: ASYNC110 - the kernel sets no event that every system has
        await asyncio.sleep(_LOOK_EVERY)
