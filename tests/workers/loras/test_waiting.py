"""LoRAs are fetched for those who have a place in the line, and for no longer than they wait."""

import asyncio
from collections.abc import Sequence

from tests.workers.qwen_models import QWEN
from tests.workers.serving import serve
from tests.workers.stepwise import Stepwise
from workers.loras.fetching import Fetcher
from workers.loras.resolver import Loras
from workers.loras.sources import Allowed

WITH_LORA = {"prompt": "p", "size": "64x64", "loras": [{"model": "https://models.example/fox.safetensors"}]}


class Names:
    """A name server that never answers."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def resolve(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        await asyncio.Event().wait()
        return ()

    def loras(self) -> Loras:
        allowed = Allowed(None, ("models.example",))
        return Loras(allowed, fetcher=Fetcher(allowed, resolver=self.resolve))


async def test_a_worker_whose_line_is_full_fetches_nothing() -> None:
    names = Names()
    engine = Stepwise(models=(QWEN,))
    async with serve(engine, waiting=0, loras=names.loras()) as served:
        drawn = asyncio.create_task(served.post({"prompt": "p", "size": "64x64"}))
        await served.until(lambda: bool(engine.steps()))
        status, answer = await served.post(WITH_LORA)
        assert (status, answer["error"]["code"]) == (503, "overloaded")
        assert names.asked == []
        engine.allowed.set()
        assert (await drawn)[0] == 200


async def test_a_caller_waits_for_a_lora_no_longer_than_he_said() -> None:
    names = Names()
    async with serve(Stepwise(models=(QWEN,)), loras=names.loras()) as served:
        status, answer = await served.post(WITH_LORA, {"x-easel-deadline-ms": "80"})
        assert (status, answer["error"]["code"]) == (504, "deadline_exceeded")
        assert names.asked == ["models.example"]
