"""Commands that are wanted at the same moment go to Redis in one exchange.

Under load this is most of them: an exchange costs the client ten times what a further command in it does.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.exceptions import RedisError

Word = str | bytes | int | float
MOST = 100  # commands in one exchange, so that none waits for a very long one
LAG = 0.02  # seconds: a timer that fires so much too late says that this process stood still, not Redis


class Batches:
    """`client` is redis-py's; `limit` the seconds that an exchange may take."""

    def __init__(self, client: Any, limit: float) -> None:
        self._client = client
        self._limit = limit
        self._waiting: list[tuple[Sequence[Sequence[Word]], asyncio.Future[list[Any]]]] = []
        self._sender: asyncio.Task[None] | None = None

    async def ask(self, *commands: Sequence[Word]) -> list[Any]:
        """The answers, in order. Raises RedisError (of the first command that was refused), OSError, TimeoutError."""
        answers: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append((commands, answers))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_all(), name="redis batches")
        return await answers

    async def close(self) -> None:
        """Nothing more is sent; whoever still waits is told so."""
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.wait([self._sender])

    async def _send_all(self) -> None:
        batch: list[tuple[Sequence[Sequence[Word]], asyncio.Future[list[Any]]]] = []
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._exchange(batch)
        finally:
            self._sender = None
            for _commands, answers in (*batch, *self._waiting):
                if not answers.done():
                    answers.set_exception(ConnectionError("closed"))
            self._waiting.clear()

    async def _exchange(self, batch: Sequence[tuple[Sequence[Sequence[Word]], asyncio.Future[list[Any]]]]) -> None:
        pipeline = self._client.pipeline(transaction=False)
        for commands, _answers in batch:
            for words in commands:
                pipeline.execute_command(*words)
        try:
            results: list[Any] = await self._in_time(pipeline)
        except (RedisError, OSError, TimeoutError) as error:
            for _commands, answers in batch:
                if not answers.done():
                    answers.set_exception(error)
            return
        start = 0
        for commands, answers in batch:
            settle(answers, results[start : start + len(commands)])
            start += len(commands)

    async def _in_time(self, pipeline: Any) -> list[Any]:
        """A limit that does not blame Redis for the time in which this process itself stood still."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._limit

        def expired() -> None:
            nonlocal timer, due
            if loop.time() - due > LAG:
                due = loop.time() + self._limit
                timer = loop.call_at(due, expired)
            else:
                scope.reschedule(loop.time())

        timer = loop.call_at(due, expired)
        try:
            async with asyncio.timeout(None) as scope:
                return await pipeline.execute(raise_on_error=False)
        finally:
            timer.cancel()


def settle(answers: asyncio.Future[list[Any]], results: list[Any]) -> None:
    if answers.done():  # who asked was cancelled
        return
    wrong = next((result for result in results if isinstance(result, Exception)), None)
    if wrong is None:
        answers.set_result(results)
    else:
        answers.set_exception(wrong)
