"""Webhooks of the simulated providers, from the submission to the answer that a hint brings at once."""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio

from providers.abilities import Hook, HookRefused, Hooks, Traces
from providers.base import Call, Queued, Ticket
from providers.fal.adapter import Fal
from providers.polling import follow
from providers.registry import BUILT_IN, CALLS_BACK, ProviderSettings, build_adapter
from providers.replicate.adapter import Replicate
from providers.runware.adapter import Runware
from simulators.running import Simulators
from tests.providers.simulated import SECONDS, account_at
from tests.providers.upstream import Asked, Reply, Upstream

SIGNED = ["fal", "replicate"]
EVERY = [*SIGNED, "runware"]
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "fal": ("fal-ai/qwen-image", {"prompt": "x"}),
    "replicate": ("qwen/qwen-image", {"prompt": "x"}),
    "runware": (
        "runware:108@1",
        {
            "taskType": "imageInference",
            "positivePrompt": "x",
            "width": 512,
            "height": 512,
            "deliveryMethod": "async",
            "numberResults": 1,
        },
    ),
}


class Hooked:
    """An adapter, and the messages that came for it."""

    def __init__(self, adapter: Any, call: Call, receiver: Upstream) -> None:
        self.adapter: Queued = adapter
        self.hooks: Hooks = adapter
        self.call = call
        self.messages: asyncio.Queue[Asked] = asyncio.Queue()
        receiver.script = self._taken

    def _taken(self, asked: Asked) -> Reply:
        self.messages.put_nowait(asked)
        return Reply(200)

    async def submit(self) -> Ticket:
        ticket = await self.adapter.submit(self.call)
        assert isinstance(ticket, Ticket)
        return ticket

    async def message(self) -> Asked:
        async with asyncio.timeout(SECONDS):
            return await self.messages.get()


@pytest_asyncio.fixture
async def hooked(slug: str, call_id: str, simulators: Simulators, upstream: Upstream) -> AsyncGenerator[Hooked]:
    """A job of it is done by itself."""
    simulators.set_pace(slug, seconds_per_image=0.05)
    account = account_at(simulators, slug, timeout=2.0)
    at = simulators.addresses[slug]
    adapter = (
        Fal(account, queue_url=at["queue_url"], rest_url=at["rest_url"])
        if slug == "fal"
        else (Replicate if slug == "replicate" else Runware)(account)
    )
    model, payload = MODELS[slug]
    call = Call(call_id, model, "generate", payload, 1, "url", webhook=f"{upstream.url}/v1/hooks/{slug}/token")
    yield Hooked(adapter, call, upstream)
    await adapter.close()


async def never(_seconds: float) -> None:
    """A pause that only a hint ends."""
    await asyncio.Event().wait()


@pytest.mark.parametrize("slug", EVERY)
async def test_a_message_brings_the_answer_without_another_pause(
    hooked: Hooked, slug: str, simulators: Simulators
) -> None:
    if slug == "replicate":  # it holds a submission open for half of the timeout
        simulators.set_pace(slug, seconds_per_image=1.2)
    ticket = await hooked.submit()
    hint = asyncio.Event()
    deadline = time.monotonic() + SECONDS
    answer = asyncio.create_task(follow(hooked.adapter, ticket, hooked.call, deadline, sleep=never, hint=hint))
    message = await hooked.message()
    hook = await hooked.hooks.read_hook(message.headers, message.body, time.time())
    hint.set()
    assert (message.path, hook.ticket) == (f"/v1/hooks/{hooked.adapter.name}/token", ticket.id)
    assert len((await answer).images) == 1


@pytest.mark.parametrize("slug", EVERY)
async def test_a_replayed_message_is_the_same_delivery(hooked: Hooked, slug: str, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": slug, "on": "webhook", "effect": "twice"}])
    await hooked.submit()
    first, second = [await hooked.message() for _copy in range(2)]
    hook = await hooked.hooks.read_hook(first.headers, first.body, time.time())
    assert hook == await hooked.hooks.read_hook(second.headers, second.body, time.time())


@pytest.mark.parametrize("slug", SIGNED)
async def test_an_altered_message_is_refused(hooked: Hooked, slug: str, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": slug, "on": "webhook", "effect": "altered"}])
    await hooked.submit()
    message = await hooked.message()
    with pytest.raises(HookRefused):
        await hooked.hooks.read_hook(message.headers, message.body, time.time())
    genuine = message.body.replace(b', "altered": true', b"")
    assert await hooked.hooks.read_hook(message.headers, genuine, time.time())


@pytest.mark.parametrize("slug", SIGNED)
async def test_a_lost_receipt_is_made_again_from_the_message(hooked: Hooked, slug: str) -> None:
    ticket = await hooked.submit()
    message = await hooked.message()
    hook = await hooked.hooks.read_hook(message.headers, message.body, time.time())
    assert isinstance(hooked.adapter, Traces)
    assert hooked.adapter.trace(hook, hooked.call.upstream) == ticket
    assert (await hooked.adapter.check(ticket)).done


@pytest.mark.parametrize("upstream_id", ["fal-ai/flux/dev", "fal-ai/qwen-image-2/pro/text-to-image"])
async def test_fals_urls_do_not_have_the_sub_path(simulators: Simulators, upstream_id: str) -> None:
    at = simulators.addresses["fal"]
    adapter = Fal(account_at(simulators, "fal"), queue_url=at["queue_url"], rest_url=at["rest_url"])
    ticket = await adapter.submit(Call("req_0.0", upstream_id, "generate", {"prompt": "x"}, 1, "url"))
    assert adapter.trace(Hook(ticket.id, "delivery"), upstream_id) == ticket
    await adapter.close()


def test_runware_finds_its_tasks_by_our_ids_and_believes_no_message() -> None:
    assert not issubclass(Runware, Traces)


def test_those_that_call_back_are_known() -> None:
    of_key = {name: ProviderSettings(name, name, api_key="key") for name in BUILT_IN if name != "local"}
    assert {name for name, each in of_key.items() if isinstance(build_adapter(each), Hooks)} == CALLS_BACK
