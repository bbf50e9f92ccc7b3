"""Commands that are wanted at the same moment go to Redis in one exchange.

Under load this is most of them: an exchange costs the client ten times what a further command in it does.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.exceptions import RedisError, ResponseError

Word = str | bytes | int | float
MOST = 100  # commands in one exchange, so that none waits for a very long one
LAG = 0.02  # seconds: a timer that fires so much too late says that this process stood still, not Redis


class Batches:
    """`pool` is redis-py's, from which one connection is kept; `limit` the seconds that an exchange may take.

    The connection is used as such, below redis-py's pipeline, which takes twice the time of what it sends. Answers
    are as Redis gives them: `OK` is bytes.
    """

    def __init__(self, pool: Any, limit: float) -> None:
        self._pool = pool
        self._limit = limit
        self._connection: Any = None
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
        if self._connection is not None:
            await self._pool.release(self._connection)
            self._connection = None

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
        try:
            results = await self._in_time([words for commands, _answers in batch for words in commands])
        except (RedisError, OSError, TimeoutError) as error:
            for _commands, answers in batch:
                if not answers.done():
                    answers.set_exception(error)
            return
        start = 0
        for commands, answers in batch:
            settle(answers, results[start : start + len(commands)])
            start += len(commands)

    async def _send(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """What fails or is cancelled in the middle closes the connection: no answer is ever read by somebody else."""
        if self._connection is None:
            self._connection = await self._pool.get_connection()
        connection = self._connection
        await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
        results: list[Any] = []
        for _command in commands:
            try:
                results.append(await connection.read_response())
            except ResponseError as refused:
                results.append(refused)
        return results

    async def _in_time(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
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
                return await self._send(commands)
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
