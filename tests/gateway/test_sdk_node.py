"""OpenAI's own Node client against the gateway; the scenarios are in tests/sdk/images.cjs."""

import base64
import json
from typing import Any

import httpx

from gateway.flow.picture_header import sniff
from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.counted import counted
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.sdk.node import HERE, installed, run_script


def scenario(gateway: RunningGateway, name: str, prefix: str = "/v1") -> Any:
    return run_script("images.cjs", f"{gateway.url}{prefix}", ADMIN_KEY, name)


def test_the_lock_file_names_the_client_and_no_registry() -> None:
    lock = (HERE / "package-lock.json").read_text()
    assert json.loads(lock)["packages"]["node_modules/openai"]["version"] == "7.55.0"
    assert "://" not in lock
    assert json.loads((installed() / "openai" / "package.json").read_text())["version"] == "7.55.0"


def test_a_url_that_needs_no_key(easel: RunningGateway, simulators: Simulators) -> None:
    answer = scenario(easel, "url")
    [image] = answer["data"]
    header = sniff(httpx.get(image["url"]).content)
    assert header is not None
    assert (header.format, header.width, header.height) == ("png", 1024, 768)
    assert "b64_json" not in image
    assert simulators.paid("fal") == 1


def test_base64_of_several(easel: RunningGateway, simulators: Simulators) -> None:
    answer = scenario(easel, "base64", "/openai/v1")
    headers = [sniff(base64.b64decode(image["b64_json"], validate=True)) for image in answer["data"]]
    assert [(header.format, header.width) for header in headers if header] == [("jpeg", 512)] * 2
    assert answer["_request_id"] == answer["metadata"]["request_id"]
    [call] = simulators.calls("fal", "submit")
    assert (call["body"]["num_images"], call["body"]["output_format"]) == (2, "jpeg")


def test_extensions_are_sent_as_further_parameters(easel: RunningGateway, simulators: Simulators) -> None:
    answer = scenario(easel, "extensions")
    [call] = simulators.calls("fal", "submit")
    sent = call["body"]
    assert sent["image_size"] == {"width": 1365, "height": 768}
    assert (sent["negative_prompt"], sent["seed"], sent["num_inference_steps"]) == ("blurry", 7, 20)
    assert (sent["loras"][0]["scale"], sent["use_turbo"]) == (0.5, False)
    assert answer["data"][0]["seed"] == 7


def test_a_dry_run_travels_as_a_query(easel: RunningGateway, simulators: Simulators) -> None:
    answer = scenario(easel, "dryRun")
    assert (answer["estimated"], answer["provider"]) == (True, "fal")
    assert simulators.calls() == []


def test_headers_are_there_for_who_looks(easel: RunningGateway) -> None:
    told = scenario(easel, "headers")
    assert told["request_id"] == told["metadata"]["request_id"] == told["headers"]["x-request-id"]
    assert (told["headers"]["x-easel-provider"], told["headers"]["x-easel-model"]) == ("fal", "qwen-image")


def test_models_are_listed_and_retrieved(easel: RunningGateway) -> None:
    told = scenario(easel, "models")
    assert {"qwen-image", "flux-dev", "gpt-image-2"} <= set(told["ids"])
    assert told["one"]["id"] == "qwen-image"
    assert {provider["provider"] for provider in told["one"]["providers"]} == {"lumenfall"}


def test_errors_have_their_class_code_param_and_type(easel: RunningGateway, simulators: Simulators) -> None:
    told = scenario(easel, "errors")
    assert {name: (error["class"], error["status"], error["code"], error["param"]) for name, error in told.items()} == {
        "key": ("AuthenticationError", 401, "invalid_api_key", None),
        "model": ("NotFoundError", 404, "model_not_found", "model"),
        "value": ("BadRequestError", 400, "invalid_value", "n"),
        "unsupported": ("BadRequestError", 400, "unsupported_parameter", "background"),
    }
    for error in told.values():
        assert error["type"] == "invalid_request_error"
        assert error["requestID"].startswith("req_")
        assert error["message"].startswith(f"{error['status']} ")
    assert simulators.calls() == []


def test_what_may_be_paid_is_never_sent_again(easel: RunningGateway, simulators: Simulators) -> None:
    before = counted(easel, "easel_requests_total", route="generations")
    simulators.set_faults([{"provider": "vllm-omni", "on": "generate", "effect": "drop_after", "times": -1}])
    error = scenario(easel, "paid")
    assert (error["class"], error["code"]) == ("InternalServerError", "provider_error")
    assert simulators.paid("vllm-omni") == 1
    assert counted(easel, "easel_requests_total", route="generations") == before + 1


def test_a_full_gateway_is_asked_again_after_the_wait_that_it_names(start: Start, simulators: Simulators) -> None:
    gateway = start(server={"max_in_flight": 1})
    simulators.set_pace("fal", seconds_per_image=0.5)
    told = scenario(gateway, "overloaded")
    assert told["pictures"] == [1, 1]
    assert simulators.paid("fal") == 2
    assert counted(gateway, "easel_requests_total", status="503", code="overloaded") >= 1
    assert 1000 in told["waits"]  # milliseconds; its own first wait would be at most half of that
