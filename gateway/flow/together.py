"""Work done side by side, all of it to its end."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

Part = TypeVar("Part")


async def together(work: Sequence[Coroutine[Any, Any, Part]]) -> list[Part]:
    """All of it to its end, whatever happens to one part: each may be paid. A single part needs no task of its own."""
    if len(work) == 1:
        return [await work[0]]
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
