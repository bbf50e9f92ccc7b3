"""Commands that are wanted at the same moment go to Redis in one exchange.

Under load this is most of them: an exchange costs the client ten times what a further command in it does.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.exceptions import RedisError, ResponseError

Word = str | bytes | int | float
MOST = 100  # commands in one exchange, so that none waits for a very long one
LAG = 0.005  # seconds: a timer that fires so late says that this process stood still, or the machine, not Redis
MOST_STALLS = 3  # of this process in one exchange, that are made up for: a busy one has to notice a hung Redis too
LAST_LOOKS = 3  # turns of a busy loop in which an answer that came in time is still read and handed on
FURTHEST = 0.15  # seconds that an exchange with a server far away may take anyway, or the first with any


class Batches:
    """`pool` is redis-py's, from which one connection is kept; `limit` the seconds that an exchange may take longer
    than the fastest so far (`fastest`): a server far away is not taken for a hung one.

    The connection is used as such, below redis-py's pipeline, which takes twice the time of what it sends. Answers
    are as Redis gives them: `OK` is bytes.
    """

    def __init__(self, pool: Any, limit: float) -> None:
        self._pool = pool
        self._limit = limit
        self.fastest = FURTHEST
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
        """When it fails, so does what has waited for it meanwhile: nobody waits for a hung server twice."""
        try:
            results = await self._in_time([words for commands, _answers in batch for words in commands])
        except (RedisError, OSError, TimeoutError) as error:
            for _commands, answers in (*batch, *self._waiting):
                if not answers.done():
                    answers.set_exception(error)
            self._waiting.clear()
            await self._drop_connection()
            return
        start = 0
        for commands, answers in batch:
            settle(answers, results[start : start + len(commands)])
            start += len(commands)

    async def _drop_connection(self) -> None:
        """The next exchange gets one that a probe has connected in its own time."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._pool.release(connection)

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
        """A limit that blames Redis neither for the time in which this process itself stood still, nor for an answer
        that is here and was not read yet.
        """
        loop = asyncio.get_running_loop()
        started = loop.time()
        due, stalls, looks = started + self._limit + self.fastest, MOST_STALLS, LAST_LOOKS

        def expired() -> None:
            nonlocal timer, due, stalls, looks
            if stalls and looks == LAST_LOOKS and loop.time() - due > LAG:
                stalls -= 1
                due = loop.time() + self._limit
                timer = loop.call_at(due, expired)
            elif looks:
                looks -= 1
                timer = loop.call_soon(expired)
            else:
                scope.reschedule(loop.time())

        timer: asyncio.Handle = loop.call_at(due, expired)
        try:
            async with asyncio.timeout(None) as scope:
                results = await self._send(commands)
        finally:
            timer.cancel()
        self.fastest = min(self.fastest, loop.time() - started)
        return results


def settle(answers: asyncio.Future[list[Any]], results: list[Any]) -> None:
    if answers.done():  # who asked was cancelled
        return
    wrong = next((result for result in results if isinstance(result, Exception)), None)
    if wrong is None:
        answers.set_result(results)
    else:
        answers.set_exception(wrong)
