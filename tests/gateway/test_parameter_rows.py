"""`metadata.parameters` and `metadata.defaults`: a row for every field but `model`, in order, and all of it is true."""

from typing import Any

import pytest

from simulators.running import Simulators
from tests.gateway.running import FOX, RunningGateway

SIX = {"passthrough", "renamed", "converted", "emulated", "dropped", "refused"}
LORA = {"path": "https://example.com/style.safetensors", "scale": 0.5}

REQUESTS: dict[str, dict[str, Any]] = {
    "nothing but a prompt": FOX,
    "every parameter that qwen-image at fal has": {
        **FOX,
        "negative_prompt": "blurry",
        "seed": 41,
        "aspect_ratio": "3:2",
        "resolution": "1K",
        "num_inference_steps": 20,
        "cfg_scale": 3.0,
        "loras": [LORA],
        "acceleration": "none",
        "safety": "on",
        "n": 2,
        "output_format": "jpeg",
        "output_compression": 80,
        "response_format": "b64_json",
        "size_fit": "nearest",
        "cache": "off",
        "mix_providers": True,
        "cancel_on_disconnect": False,
        "stream": False,
        "use_turbo": False,
        "sync_mode": False,
    },
    "other spellings": {
        "steps": 20,
        **FOX,
        "width": 1000,
        "height": 700,
        "guidance_scale": 3,
        "negativePrompt": "blurry",
        "random_seed": 3,
        "batch_size": 2,
        "image_format": "jpg",
        "lora": LORA,
        "enable_safety_checker": True,
    },
    "what has no effect": {
        **FOX,
        "user": "ada",
        "quality": "high",
        "style": "vivid",
        "safety_identifier": "s",
        "moderation": "auto",
        "n": None,
        "webhook_url": None,
        "size": "512x512",
        "aspect_ratio": "1:1",
        "resolution": "2K",
    },
    "what nobody knows": {**FOX, "brand_new": {"a": [1, None]}, "fal": {"use_turbo": True, "newer": 1}},
    "fields of other providers": {**FOX, "openai": {"moderation": "low"}, "lumenfall": {}, "runware": {"steps": 3}},
    "lumenfall": {**FOX, "model": "lumenfall/qwen-image", "size": "16:9", "n": 3, "output_format": "webp", "user": "a"},
    "vllm-omni": {**FOX, "model": "vllm-omni/qwen-image", "size": "900x600", "seed": 5, "n": 2, "true_cfg_scale": 4},
    "flux": {**FOX, "model": "flux-dev", "guidance": 3, "steps": 20, "size": "2K", "enable_safety_checker": False},
    "gpt-image": {**FOX, "model": "gpt-image-2", "quality": "low", "size": "3:2", "n": 2, "background": "opaque"},
}


def at_path(body: dict[str, Any], path: str) -> Any:
    """The value at `a.b` in what was sent; `missing` where there is none."""
    place: Any = body
    for step in path.split("."):
        if not isinstance(place, dict) or step not in place:
            return "missing"
        place = place[step]  # pyright: ignore[reportUnknownVariableType] - JSON
    return place  # pyright: ignore[reportUnknownVariableType] - JSON


def drawn(gateway: RunningGateway, simulators: Simulators, body: dict[str, Any]) -> tuple[Any, list[dict[str, Any]]]:
    """The metadata of an answer, and the bodies of the calls that asked a provider for pictures."""
    answer = gateway.generate(body, headers={"X-Easel-Cache": "off"})
    assert answer.status_code == 200, answer.text
    sent = [call["body"] for call in simulators.calls() if call["step"] in {"submit", "generate"}]
    assert sent
    return answer.json()["metadata"], sent


@pytest.mark.parametrize("body", REQUESTS.values(), ids=REQUESTS)
def test_every_field_has_exactly_one_row_in_order(
    easel: RunningGateway, simulators: Simulators, body: dict[str, Any]
) -> None:
    rows = drawn(easel, simulators, body)[0]["parameters"]
    top = [row for row in rows if "." not in row["given_as"]]
    assert [row["given_as"] for row in top] == [name for name in body if name != "model"]
    of_providers = [row["given_as"] for row in rows if "." in row["given_as"]]
    assert of_providers == [f"fal.{name}" for name in body.get("fal", {})]
    for row in rows:
        assert set(row) == {"name", "given_as", "behavior", "asked", "sent_as", "sent", "note"}
        assert row["behavior"] in SIX - {"refused"}
        assert row["asked"] == at_path(body, row["given_as"])


@pytest.mark.parametrize("body", REQUESTS.values(), ids=REQUESTS)
def test_rows_and_defaults_say_what_was_sent_and_nothing_else_was(
    easel: RunningGateway, simulators: Simulators, body: dict[str, Any]
) -> None:
    told, sent = drawn(easel, simulators, body)
    explained: set[str] = set()
    for row in told["parameters"]:
        if row["sent_as"] is None:
            continue
        explained.add(row["sent_as"].partition(".")[0])
        values = [at_path(call, row["sent_as"]) for call in sent]
        one_for_each = len(sent) > 1 and isinstance(row["sent"], list) and row["name"] in {"n", "seed"}
        assert values == (row["sent"] if one_for_each else [row["sent"]] * len(sent)), row
    for default in told["defaults"]:
        assert set(default) == {"name", "sent_as", "value", "source"}
        if default["sent_as"] is None:
            assert default["source"] == "provider"
            continue
        assert default["source"] == "gateway"
        explained.add(default["sent_as"].partition(".")[0])
        assert [at_path(call, default["sent_as"]) for call in sent] == [default["value"]] * len(sent), default
    # The model is the route itself, and how the picture travels to the gateway is no part of what was asked.
    assert {name for call in sent for name in call} - explained <= {"model", "response_format"}
    decided = [row["name"] for row in told["parameters"] if row["behavior"] != "dropped"]
    assert not set(decided) & {default["name"] for default in told["defaults"]}


def test_the_six_words_mean_what_they_say(easel: RunningGateway, simulators: Simulators) -> None:
    told, _sent = drawn(easel, simulators, REQUESTS["other spellings"] | {"user": "ada", "cache": "off"})
    rows = {row["given_as"]: (row["name"], row["behavior"], row["sent_as"], row["sent"]) for row in told["parameters"]}
    pixels = {"width": 1000, "height": 700}
    assert rows["prompt"] == ("prompt", "passthrough", "prompt", FOX["prompt"])
    assert rows["steps"] == ("num_inference_steps", "renamed", "num_inference_steps", 20)
    assert rows["guidance_scale"] == ("cfg_scale", "passthrough", "guidance_scale", 3)
    assert rows["width"] == rows["height"] == ("size", "converted", "image_size", pixels)
    assert rows["lora"] == ("loras", "converted", "loras", [LORA])
    assert rows["user"] == ("user", "dropped", None, None)
    assert rows["cache"] == ("cache", "emulated", None, None)


def test_a_snap_and_an_ignored_ratio_are_noted(easel: RunningGateway, simulators: Simulators) -> None:
    body = {**FOX, "model": "gpt-image-2", "size": "905x605", "aspect_ratio": "16:9"}
    told, sent = drawn(easel, simulators, body)
    rows = {row["given_as"]: row for row in told["parameters"]}
    assert rows["size"]["sent"] == sent[0]["size"] != "905x605"
    assert sent[0]["size"] in rows["size"]["note"]
    assert (rows["aspect_ratio"]["behavior"], rows["aspect_ratio"]["sent_as"]) == ("dropped", None)
    assert "size" in rows["aspect_ratio"]["note"]


def test_the_rows_are_those_of_the_offer_that_delivered(easel: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "status", "status": 401, "times": -1}])
    answer = easel.generate(user="ada", steps=20)
    told = answer.json()["metadata"]
    assert (told["provider"], told["executed_model"]) == ("lumenfall", "lumenfall/qwen-image")
    assert [attempt["outcome"] == "ok" for attempt in told["attempts"]].index(True) == len(told["attempts"]) - 1
    assert {attempt["provider"] for attempt in told["attempts"][:-1]} == {"fal"}
    [call] = simulators.calls("lumenfall", "generate")
    for row in told["parameters"]:
        assert row["sent_as"] is None or at_path(call["body"], row["sent_as"]) == row["sent"]
    assert {default["name"] for default in told["defaults"]} >= {"prompt_enhancement"}
