"""Civitai says beforehand what a workflow would cost (Civitai developer docs, Payments, read 2026-11-21)."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio

from providers.abilities import Quotes
from providers.account import Account
from providers.base import Call
from providers.civitai.adapter import Civitai
from providers.errors import Kind, ProviderError
from simulators.running import Simulators
from tests.providers.simulated import account_at
from tests.providers.test_civitai_simulated import call as planned_call
from tests.providers.upstream import Reply, Upstream

PAYLOAD = {"engine": "sdcpp", "prompt": "a lighthouse in a storm", "quantity": 2}
CALL = Call("req_1.1", "sdcpp/qwen/20b", "generate", PAYLOAD, 2, "url")


@pytest_asyncio.fixture
async def civitai(upstream: Upstream) -> AsyncGenerator[Civitai]:
    adapter = Civitai(Account(f"{upstream.url}/v2/consumer", "secret"), pauses=(0, 0, 0))
    yield adapter
    await adapter.close()


def told(cost: object, **more: Any) -> Reply:
    return Reply(200, {"id": "1-2", "status": "unassigned", "cost": cost, "steps": [], **more})


async def test_a_preview_is_asked_for_without_an_id_of_ours(civitai: Civitai, upstream: Upstream) -> None:
    upstream.replies = [told({"base": 30, "total": 36})]
    assert await civitai.quote(CALL) == (36, "BUZZ")
    [asked] = upstream.asked
    assert (asked.method, asked.path) == ("POST", "/v2/consumer/workflows?whatif=true")
    assert asked.json == {"steps": [{"$type": "imageGen", "input": PAYLOAD}]}


async def test_what_the_account_has_changes_no_price(civitai: Civitai, upstream: Upstream) -> None:
    few = {"list": [{"type": "debit", "amount": 5, "accountType": "blue"}], "insufficientBuzz": True}
    upstream.replies = [told({"total": 36}, transactions=few)]
    assert await civitai.quote(CALL) == (36, "BUZZ")


@pytest.mark.parametrize(
    "cost", [None, 36, [], {}, {"base": 30}, {"total": "36"}, {"total": True}, {"total": -1}, {"total": 1e300}]
)
async def test_what_is_no_price_is_none(civitai: Civitai, upstream: Upstream, cost: object) -> None:
    upstream.replies = [told(cost)]
    with pytest.raises(ProviderError) as caught:
        await civitai.quote(CALL)
    assert caught.value.kind is Kind.BROKEN


async def test_a_refusal_is_told_as_of_a_submission(civitai: Civitai, upstream: Upstream) -> None:
    problem = {"title": "Wrong", "status": 400, "errors": {"steps[0].input.steps": ["must be between 1 and 150."]}}
    upstream.replies = [Reply(400, problem)]
    with pytest.raises(ProviderError) as caught:
        await civitai.quote(CALL)
    assert (caught.value.kind, caught.value.param) == (Kind.BAD_REQUEST, "steps")


async def test_a_submission_after_a_preview_draws(simulators: Simulators) -> None:
    adapter = Civitai(account_at(simulators, "civitai"), pauses=(0, 0, 0))
    try:
        assert isinstance(adapter, Quotes)
        wanted = planned_call("req_previewed.0", size="1024x1024", n=4)
        assert await adapter.quote(wanted) == (72, "BUZZ")  # the docs' table of examples
        assert simulators.paid("civitai") == 0
        await adapter.submit(wanted)
        assert simulators.paid("civitai") == 4
    finally:
        await adapter.close()
