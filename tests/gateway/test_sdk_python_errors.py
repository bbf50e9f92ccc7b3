"""What OpenAI's Python client makes of errors: class, code, param and type, and whether it sends a request again."""

import asyncio
import logging
from collections.abc import Iterator

import openai
import pytest

from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.counted import counted
from tests.gateway.running import ADMIN_KEY, RunningGateway

FOX = "a fox in the snow"


@pytest.fixture
def client(easel: RunningGateway) -> Iterator[openai.OpenAI]:
    """With the retries that it has by itself."""
    with openai.OpenAI(base_url=f"{easel.url}/v1", api_key=ADMIN_KEY) as client:
        yield client


def refused(client: openai.OpenAI, model: str = "qwen-image", **fields: object) -> openai.APIStatusError:
    with pytest.raises(openai.APIStatusError) as raised:
        client.images.generate(model=model, prompt=FOX, extra_body=fields)
    error = raised.value
    assert error.request_id == error.response.headers["x-request-id"]
    assert str(error).startswith(f"Error code: {error.status_code} - ")
    return error


def asked(gateway: RunningGateway) -> float:
    return counted(gateway, "easel_requests_total", route="generations")


def test_a_wrong_key(easel: RunningGateway) -> None:
    with openai.OpenAI(base_url=f"{easel.url}/v1", api_key="sk-wrong") as stranger:
        error = refused(stranger)
    assert isinstance(error, openai.AuthenticationError)
    assert (error.code, error.param, error.type) == ("invalid_api_key", None, "invalid_request_error")


def test_an_unknown_model(client: openai.OpenAI) -> None:
    error = refused(client, "qwen-imag")
    assert isinstance(error, openai.NotFoundError)
    assert (error.code, error.param, error.type) == ("model_not_found", "model", "invalid_request_error")
    assert "did you mean qwen-image" in str(error)


def test_a_bad_value_and_one_that_no_provider_honours(client: openai.OpenAI) -> None:
    bad = refused(client, n=11)
    assert isinstance(bad, openai.BadRequestError)
    assert (bad.code, bad.param, bad.type) == ("invalid_value", "n", "invalid_request_error")
    unsupported = refused(client, background="transparent")
    assert isinstance(unsupported, openai.BadRequestError)
    assert (unsupported.code, unsupported.param) == ("unsupported_parameter", "background")


def test_a_blocked_prompt(client: openai.OpenAI, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "moderated"}])
    error = refused(client)
    assert isinstance(error, openai.BadRequestError)
    assert (error.code, error.type) == ("content_policy_violation", "image_generation_user_error")
    assert {call["provider"] for call in simulators.calls()} == {"fal"}  # never asked elsewhere


def test_no_provider_is_not_asked_for_again(start: Start, simulators: Simulators) -> None:
    gateway = start(providers={name: {} for name in ("fal", "openai", "lumenfall")})
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=ADMIN_KEY) as client:
        error = refused(client, "flux-dev")
    assert isinstance(error, openai.InternalServerError)
    assert (error.status_code, error.code, error.type) == (503, "no_provider", "server_error")
    assert "FAL_KEY" in str(error)
    assert asked(gateway) == 1


def test_what_may_be_paid_is_never_sent_again(
    client: openai.OpenAI, easel: RunningGateway, simulators: Simulators
) -> None:
    before = asked(easel)
    simulators.set_faults([{"provider": "vllm-omni", "on": "generate", "effect": "drop_after", "times": -1}])
    error = refused(client, "vllm-omni/qwen-image")
    assert (error.status_code, error.code, error.type) == (502, "provider_error", "server_error")
    assert error.response.headers["x-should-retry"] == "false"
    assert simulators.paid("vllm-omni") == 1
    assert asked(easel) == before + 1


async def test_a_full_gateway_is_asked_again_after_the_wait_that_it_names(
    start: Start, simulators: Simulators, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = start(server={"max_in_flight": 1})
    simulators.set_pace("fal", seconds_per_image=0.5)
    with caplog.at_level(logging.INFO, logger="openai"):
        async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=ADMIN_KEY, max_retries=9) as client:
            both = [client.images.generate(model="qwen-image", prompt=f"fox {number}") for number in range(2)]
            answers = await asyncio.gather(*both)
    assert all(len(answer.data or []) == 1 for answer in answers)
    refusals = counted(gateway, "easel_requests_total", status="503", code="overloaded")
    assert refusals >= 1
    assert simulators.paid("fal") == 2
    waits = [record.args for record in caplog.records if str(record.msg).startswith("Retrying request")]
    # In seconds; its own first wait would be at most half of that.
    assert [wait[0] for wait in waits if isinstance(wait, tuple)] == [1.0] * int(refusals)
