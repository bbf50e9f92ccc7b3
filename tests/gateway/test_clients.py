"""Requests as popular clients send them, and what those clients read off the answer (their sources, read 2026-11-21).

Each runs as it is against the models that a person would choose there; none knows anything of this gateway.
"""

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, NamedTuple

import httpx
import pytest

from gateway.flow.picture_header import sniff
from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.running import ADMIN_KEY, RunningGateway

PROMPT = "a lighthouse at dusk"
OWN = ("qwen-image", "flux-dev")  # ids that clients know nothing of
OPENAIS = ("gpt-image-2",)  # ids that clients treat apart


class Client(NamedTuple):
    """`sends` is the body without model and prompt; `reads` is the field of each picture that it cannot do without."""

    name: str
    models: tuple[str, ...]
    sends: dict[str, Any]
    reads: Literal["url", "b64_json"]


CLIENTS = [
    Client("Open WebUI", OWN, {"n": 1, "size": "512x512", "response_format": "b64_json"}, "b64_json"),
    Client("Open WebUI, size auto", OPENAIS, {"n": 1, "size": "auto"}, "b64_json"),
    Client(
        "LibreChat",
        OPENAIS,
        {"n": 1, "background": "auto", "output_format": "png", "quality": "auto", "size": "auto"},
        "b64_json",
    ),
    Client(
        "LibreChat, webp",
        OPENAIS,
        {
            "n": 2,
            "background": "auto",
            "output_format": "webp",
            "output_compression": 80,
            "quality": "high",
            "size": "1024x1536",
        },
        "b64_json",
    ),
    Client("LangChain", OWN, {"n": 1, "size": "1024x1024", "quality": "standard"}, "url"),
    Client(
        "LangChain.js",
        OWN,
        {
            "n": 2,
            "size": "1024x1024",
            "quality": "standard",
            "style": "vivid",
            "response_format": "url",
            "user": "ada",
        },
        "url",
    ),
    Client(
        "LlamaIndex, url",
        OWN,
        {"size": "1024x1024", "quality": "standard", "style": "vivid", "response_format": "url"},
        "url",
    ),
    Client(
        "LlamaIndex, base64",
        OWN,
        {"size": "1792x1024", "quality": "standard", "style": "vivid", "response_format": "b64_json"},
        "b64_json",
    ),
    Client("Vercel AI SDK, openai", OPENAIS, {"n": 2, "size": "1024x1024", "quality": "low"}, "b64_json"),
    Client("Vercel AI SDK", OWN, {"n": 1, "size": "1024x1024", "response_format": "b64_json"}, "b64_json"),
    Client("LiteLLM", OWN, {"n": 1, "size": "1024x1024", "user": "ada", "seed": 5}, "url"),
    Client("LiteLLM, gpt-image", OPENAIS, {"n": 1, "moderation": "low", "output_format": "jpeg"}, "b64_json"),
    Client(
        "Dify",
        OPENAIS,
        {
            "n": 1,
            "size": "1024x1024",
            "quality": "low",
            "background": "opaque",
            "moderation": "auto",
            "output_format": "png",
        },
        "b64_json",
    ),
    Client(
        "n8n, url",
        OWN,
        {"response_format": "url", "quality": "standard", "size": "1024x1024", "style": "vivid", "n": 1},
        "url",
    ),
    Client("n8n, base64", OWN, {"response_format": "b64_json"}, "b64_json"),
    Client("n8n, gpt-image", OPENAIS, {"quality": "medium", "size": "1024x1024", "n": 1}, "b64_json"),
    Client("llms.py", OWN, {"aspect_ratio": "16:9", "n": 1, "response_format": "b64_json"}, "b64_json"),
    Client("Nextcloud", OWN, {"n": 1, "size": "1024x1024"}, "url"),
]
RUNS = [pytest.param(client, model, id=f"{client.name} with {model}") for client in CLIENTS for model in client.models]


def is_picture(content: bytes) -> bool:
    return sniff(content) is not None


@pytest.mark.parametrize(("client", "model"), RUNS)
def test_a_client_finds_what_it_reads(
    easel: RunningGateway, simulators: Simulators, client: Client, model: str
) -> None:
    answer = easel.generate({"model": model, "prompt": PROMPT, **client.sends})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert isinstance(body["created"], int)
    assert len(body["data"]) == client.sends.get("n", 1)
    for image in body["data"]:
        if client.reads == "b64_json":
            assert is_picture(base64.b64decode(image["b64_json"], validate=True))
        else:
            fetched = httpx.get(image["url"], headers={"authorization": f"Bearer {ADMIN_KEY}"})
            assert fetched.headers["content-type"].startswith("image/")
            assert is_picture(fetched.content)
    wanted: str = client.sends.get("size", "auto")
    assert wanted == "auto" or body["size"] == wanted
    made = simulators.paid("openai" if model in OPENAIS else "fal")
    assert made == len(body["data"])


def test_open_webui_fetches_urls_with_its_key_and_looks_at_the_type_and_the_name(easel: RunningGateway) -> None:
    body = {"model": "qwen-image", "prompt": PROMPT, "n": 1, "size": "512x512"}
    answer = easel.http.post("/v1/images/generations?api-version=2024-02-01", json=body)
    url: str = answer.json()["data"][0]["url"]
    for headers in ({}, {"authorization": f"Bearer {ADMIN_KEY}"}, {"authorization": "Bearer another"}):
        fetched = httpx.get(url, headers=headers)
        assert (fetched.status_code, fetched.headers["content-type"]) == (200, "image/png")
    assert url.partition("?")[0].endswith(".png")


def test_open_webui_prefers_the_url_and_librechat_finds_base64_where_both_are_given(start: Start) -> None:
    gateway = start(defaults={"response_format": "both"})
    librechat = {"n": 1, "background": "auto", "output_format": "png", "quality": "auto", "size": "auto"}
    [image] = gateway.generate({"model": "qwen-image", "prompt": PROMPT, **librechat}).json()["data"]
    assert is_picture(base64.b64decode(image["b64_json"]))
    assert httpx.get(image["url"]).content == base64.b64decode(image["b64_json"])


def test_librechat_is_served_where_base64_is_the_default(start: Start) -> None:
    gateway = start(defaults={"response_format": "b64_json"})
    [image] = gateway.generate({"model": "qwen-image", "prompt": PROMPT, "n": 1, "size": "auto"}).json()["data"]
    assert is_picture(base64.b64decode(image["b64_json"]))
    assert "url" not in image


def test_vercel_asks_four_times_at_once_for_four_pictures(easel: RunningGateway, simulators: Simulators) -> None:
    body = {"model": "qwen-image", "prompt": PROMPT, "n": 1, "size": "512x512", "response_format": "b64_json"}
    with ThreadPoolExecutor(4) as callers:
        answers = list(callers.map(easel.generate, [body] * 4))
    pictures = {answer.json()["data"][0]["b64_json"] for answer in answers}
    assert len(pictures) == 4  # without a seed, equal requests are different pictures
    assert simulators.paid("fal") == 4


def test_dify_reads_the_usage_of_an_openai_model(easel: RunningGateway) -> None:
    usage = easel.generate({"model": "gpt-image-2", "prompt": PROMPT, "n": 2}).json()["usage"]
    assert {"input_tokens", "output_tokens", "total_tokens", "input_tokens_details"} <= set(usage)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0


def test_n8n_fills_its_list_from_the_models(easel: RunningGateway) -> None:
    ids = [model["id"] for model in easel.http.get("/v1/models").json()["data"]]
    assert len(ids) == len(set(ids)) >= 5
    for name in ids:
        plan = easel.http.post("/v1/images/plan", json={"model": name, "prompt": PROMPT})
        assert plan.status_code == 200, (name, plan.text)


def test_azures_clients_send_their_key_in_a_header_of_its_own(easel: RunningGateway) -> None:
    answer = httpx.post(
        f"{easel.url}/openai/v1/images/generations?api-version=preview",
        headers={"api-key": ADMIN_KEY},
        json={"model": "gpt-image-2", "prompt": PROMPT, "size": "1024x1024"},
    )
    assert is_picture(base64.b64decode(answer.json()["data"][0]["b64_json"]))


def test_an_error_is_readable_for_clients_that_show_its_message(easel: RunningGateway) -> None:
    error = easel.generate({"model": "qwen-image", "prompt": PROMPT, "n": 0}).json()["error"]
    assert isinstance(error["message"], str)
    assert all(error[name] is None or isinstance(error[name], str) for name in ("type", "param", "code"))
