"""A database behind a line that breaks: before a transaction reaches it, or before its answer comes back."""

import asyncio
from collections.abc import Callable
from typing import Concatenate, Literal, ParamSpec, TypeVar

from sqlalchemy import Connection

from gateway.store.database import Database
from gateway.store.database_errors import DatabaseAway

P = ParamSpec("P")
Result = TypeVar("Result")


class Unsteady:
    """`line` is `up`, `down`, or `breaks`: one more transaction is done, nobody hears of it, and the line is down."""

    def __init__(self, database: Database) -> None:
        self.dialect = database.dialect
        self.line: Literal["up", "down", "breaks"] = "up"
        self.meanwhile: Callable[[], None] | None = None  # called once, while the next transaction is under way
        self._tried = asyncio.Event()
        self._database = database

    async def next_try(self) -> None:
        """Returns when one more transaction was done, or refused."""
        self._tried.clear()
        async with asyncio.timeout(10):
            await self._tried.wait()

    async def write(
        self, work: Callable[Concatenate[Connection, P], Result], *args: P.args, **named: P.kwargs
    ) -> Result:
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        try:
            if self.line == "down":
                raise DatabaseAway("the line is down")
            result = await self._database.write(work, *args, **named)
            if self.line == "breaks":
                self.line = "down"
                raise DatabaseAway("the line broke")
        finally:
            self._tried.set()
        return result

    async def patiently(self, work: Callable[[Connection], Result]) -> Result:
        return await self.write(work)

    async def read(
        self, work: Callable[Concatenate[Connection, P], Result], *args: P.args, **named: P.kwargs
    ) -> Result:
        return await self.write(work, *args, **named)

    async def close(self) -> None:
        await self._database.close()
