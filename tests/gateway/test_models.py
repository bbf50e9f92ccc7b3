"""GET /v1/models and /v1/models/{id}: OpenAI's shape, and what each provider does with each parameter."""

from typing import Any

import jsonschema
import pytest

from tests.gateway.conftest import Start
from tests.gateway.nothing_spent import error_of
from tests.gateway.running import FOX, RunningGateway

SIX = {"passthrough", "renamed", "converted", "emulated", "dropped", "refused"}
OFFER = {
    "provider",
    "provider_name",
    "id",
    "operation",
    "available",
    "upstream",
    "source",
    "checked",
    "sizes",
    "parameters",
    "n",
    "output_formats",
    "sources",
    "price",
    "request_schema",
}


def models(gateway: RunningGateway) -> dict[str, Any]:
    listed = gateway.http.get("/v1/models").json()
    assert listed["object"] == "list"
    return {model["id"]: model for model in listed["data"]}


def test_the_list_is_openais_with_more(easel: RunningGateway) -> None:
    listed = models(easel)
    assert {"qwen-image", "flux-dev", "flux-schnell", "gpt-image-2", "sketch"} <= set(listed)
    for model in listed.values():
        assert set(model) == {"id", "object", "created", "owned_by", "title", "providers"}
        assert model["object"] == "model"
        assert isinstance(model["created"], int)
        assert model["owned_by"]
        for offer in model["providers"]:
            assert set(offer) == OFFER
            assert offer["id"] == f"{offer['provider']}/{model['id']}"


def test_every_parameter_has_one_of_the_six_words(easel: RunningGateway) -> None:
    for model in models(easel).values():
        for offer in model["providers"]:
            assert offer["parameters"]
            for name, row in offer["parameters"].items():
                assert row["behavior"] in SIX, (offer["id"], name)
                if row["behavior"] in {"dropped", "refused"}:
                    assert row["note"], (offer["id"], name)


def test_what_qwen_image_at_fal_is(easel: RunningGateway) -> None:
    offer = models(easel)["qwen-image"]["providers"][0]
    assert (offer["provider"], offer["provider_name"], offer["upstream"]) == ("fal", "fal.ai", "fal-ai/qwen-image")
    assert (offer["operation"], offer["available"]) == ("generate", True)
    assert offer["source"].startswith("https://fal.ai/")
    assert (offer["sizes"]["kind"], offer["sizes"]["default"]) == ("names_and_free", "1024x1024")
    assert offer["sizes"]["names"]["square_hd"] == "1024x1024"
    assert offer["n"] == {"max_per_call": 4, "seeds": offer["n"]["seeds"]}
    assert set(offer["output_formats"]["native"]) == {"png", "jpeg"}
    assert set(offer["output_formats"]["emulated"]) == {"webp", "avif", "gif"}
    assert offer["price"]["per_megapixel"] or offer["price"]["per_image"]


@pytest.mark.parametrize(
    ("model", "good", "bad"),
    [
        ("qwen-image", {"seed": 1, "size": "16:9", "n": 2, "steps": 3}, {"n": 11}),
        ("flux-schnell", {"num_inference_steps": 4}, {"num_inference_steps": 40}),
        ("gpt-image-2", {"quality": "low", "output_format": "webp"}, {"output_format": "bmp"}),
    ],
)
def test_the_schema_takes_what_is_served_and_refuses_what_is_not(
    easel: RunningGateway, model: str, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    schema = models(easel)[model]["providers"][0]["request_schema"]
    jsonschema.Draft202012Validator.check_schema(schema)
    validator: Any = jsonschema.Draft202012Validator(schema)
    served = {**FOX, "model": model, **{name: value for name, value in good.items() if name in schema["properties"]}}
    assert validator.is_valid(served)
    assert easel.http.post("/v1/images/plan", json=served).status_code == 200
    for refused in ({**served, **bad}, {"model": model}, {"prompt": "a fox", "model": "another"}):
        assert not validator.is_valid(refused)
        assert easel.http.post("/v1/images/generations", json=refused).status_code in {400, 404}


@pytest.mark.parametrize("prefix", ["/v1", "/openai/v1"])
@pytest.mark.parametrize("written", ["lumenfall/qwen-image", "lumenfall%2Fqwen-image", "lumenfall%2fqwen-image"])
def test_an_id_may_hold_a_slash_raw_or_escaped(easel: RunningGateway, prefix: str, written: str) -> None:
    model = easel.http.get(f"{prefix}/models/{written}").json()
    assert model["id"] == "qwen-image"
    assert {offer["provider"] for offer in model["providers"]} == {"lumenfall"}


def test_ids_of_a_server_of_ones_own_may_hold_slashes(start: Start) -> None:
    server = {"kind": "openai_compatible", "base_url": "http://127.0.0.1:9/v1", "models": {"my/own/model": "up"}}
    gateway = start(providers={"home": server})
    model = models(gateway)["my/own/model"]
    for written in ("my/own/model", "my%2Fown%2Fmodel", "home/my/own/model", "home%2Fmy%2Fown%2Fmodel"):
        assert gateway.http.get(f"/v1/models/{written}").json() == model
    assert model["providers"][0]["available"] is True


def test_a_single_model_is_the_bare_object_of_the_list(easel: RunningGateway) -> None:
    for name, model in models(easel).items():
        assert easel.http.get(f"/v1/models/{name}").json() == model


@pytest.mark.parametrize(
    ("name", "near"), [("qwen-imag", "qwen-image"), ("fal/qwen-imag", "qwen-image"), ("zz", "/v1")]
)
def test_an_unknown_id_names_what_there_is(easel: RunningGateway, name: str, near: str) -> None:
    assert near in error_of(easel.http.get(f"/v1/models/{name}"), 404, "model_not_found", "model")


def test_a_provider_without_a_key_is_listed_as_not_available(start: Start) -> None:
    gateway = start(providers={"openai": {}})
    offers = models(gateway)["gpt-image-2"]["providers"]
    assert {offer["available"] for offer in offers if offer["provider"] == "openai"} == {False}
    flux = {offer["provider"]: offer["available"] for offer in models(gateway)["flux-dev"]["providers"]}
    assert flux["fal"] is True
