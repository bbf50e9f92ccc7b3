"""Runware's own client (runware-sdk, REST) runs against the simulator, over plain HTTP."""

import io
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
import pytest_asyncio
import runware.client
from PIL import Image
from runware import Runware, RunwareError

from simulators.running import Simulators

PICTURE = {"model": "runware:108@1", "positivePrompt": "a lighthouse", "width": 640, "height": 320, "seed": 7}


def made(simulators: Simulators, key: str | None = None, **more: Any) -> Runware:
    at = simulators.addresses["runware"]
    common: dict[str, Any] = {"transport": "rest", "http_base_url": at["base_url"], "max_retries": 0}
    return Runware(api_key=key or at["key"], **common | more)


@pytest_asyncio.fixture
async def client(simulators: Simulators, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Runware]:
    """It waits a second before its first look; there is no option."""

    async def at_once(delay: float, cancel_event: object) -> None:
        del delay, cancel_event

    monkeypatch.setattr(runware.client, "_interruptible_sleep", at_once)
    async with made(simulators) as client:
        yield client


def picture_of(result: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(httpx.get(result["imageURL"]).content))


@pytest.mark.parametrize("method", ["sync", "async"])
async def test_it_draws_what_was_asked(client: Runware, simulators: Simulators, method: str) -> None:
    body: dict[str, Any] = {**PICTURE, "deliveryMethod": method, "includeCost": True, "outputFormat": "PNG"}
    [result] = await client.run(body)
    assert (result["seed"], result["cost"]) == (7, 0.0015)
    calls = simulators.calls("runware")
    assert [call["step"] for call in calls] == (["generate"] if method == "sync" else ["submit", "status", "result"])
    assert calls[0]["body"][0].items() >= body.items()
    assert "authorization" not in calls[0]["headers"]
    picture = picture_of(result)
    assert (picture.format, picture.size) == ("PNG", (640, 320))
    assert simulators.paid("runware") == 1


async def test_its_usual_way_is_to_submit_and_poll_for_every_result(client: Runware, simulators: Simulators) -> None:
    results = await client.run({**PICTURE, "numberResults": 3})
    assert [result["seed"] for result in results] == [7, 8, 9]
    assert len({picture_of(result).tobytes() for result in results}) == 3
    assert [call["step"] for call in simulators.calls("runware")][:4] == ["submit", "status", "status", "result"]
    assert simulators.paid("runware") == 3


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"effect": "status", "status": 401}, "auth"),
        ({"effect": "status", "status": 402}, "quota"),
        ({"effect": "status", "status": 429}, "rateLimit"),
        ({"effect": "status", "status": 500}, "serverError"),
        ({"effect": "status", "status": 503}, "provider"),
        ({"effect": "status", "status": 504}, "timeout"),
        ({"effect": "moderated"}, "safety"),
        ({"effect": "failed"}, "provider"),
    ],
)
async def test_it_understands_every_error(
    client: Runware, simulators: Simulators, fault: dict[str, Any], code: str
) -> None:
    simulators.set_faults([{"provider": "runware", "on": "generate", **fault}])
    with pytest.raises(RunwareError) as caught:
        await client.run(dict(PICTURE))
    assert caught.value.code == code
    assert simulators.paid("runware") == 0


async def test_a_refused_value_is_named(client: Runware, simulators: Simulators) -> None:
    with pytest.raises(RunwareError) as caught:
        await client.run({**PICTURE, "width": 1000})
    assert (caught.value.code, caught.value.parameter, caught.value.status_code) == ("validation", "width", 400)
    assert simulators.paid("runware") == 0


async def test_a_bad_key_is_refused(simulators: Simulators) -> None:
    async with made(simulators, "wrong") as client:
        with pytest.raises(RunwareError) as caught:
            await client.run(dict(PICTURE))
    assert (caught.value.code, caught.value.status_code) == ("auth", 401)


async def test_a_lost_submission_is_sent_again_under_its_id_and_refused(
    simulators: Simulators,
) -> None:
    simulators.set_faults([{"provider": "runware", "on": "submit", "effect": "drop_after"}])
    async with made(simulators, max_retries=1, retry_delay=1) as persistent:
        with pytest.raises(RunwareError) as caught:
            await persistent.run(dict(PICTURE))
    assert caught.value.code == "validation"
    first, second = (call["body"][0]["taskUUID"] for call in simulators.calls("runware", "submit"))
    assert first == second
    assert simulators.paid("runware") == 1
