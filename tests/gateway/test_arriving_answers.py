"""Whether an answer reached its client's connection whole, as far as that can be known."""

import asyncio
from typing import Any

from gateway.api.leaving import arrives


class Client:
    """`receive` as the server has it: silent until the client has left, or was sent all of the answer."""

    def __init__(self) -> None:
        self._over = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self._over.wait()
        return {"type": "http.disconnect"}

    def leaves(self) -> None:
        self._over.set()

    def has_it_all(self) -> None:
        self._over.set()


async def test_an_answer_that_arrives() -> None:
    client = Client()

    async def sending() -> None:
        await asyncio.sleep(0)
        client.has_it_all()

    assert await arrives(client.receive, sending())


async def test_a_client_that_left_before() -> None:
    client = Client()
    client.leaves()

    async def sending() -> None:
        client.has_it_all()

    assert not await arrives(client.receive, sending())


async def test_a_client_that_leaves_in_the_middle() -> None:
    client = Client()

    async def sending() -> None:
        client.leaves()
        for _piece in range(3):
            await asyncio.sleep(0)

    assert not await arrives(client.receive, sending())
