"""What the gateway promises about a plan: the worked example, the rows, defaults, provider objects, outputs."""

from typing import Any

import pytest

from normalizers.errors import BadValue, Owned, Refused
from normalizers.finishing import Finishing
from normalizers.rules import Decision
from tests.normalizers.offers import GENERATE, made_up, planned, refusal, row_of


def test_the_worked_example() -> None:
    made = planned({"size": "16:9"}, "fal/qwen-image")
    assert row_of(made, "size") == Decision(
        name="size",
        given_as="size",
        behavior="converted",
        asked="16:9",
        sent_as="image_size",
        sent={"width": 1365, "height": 768},
        note=None,
    )


@pytest.mark.parametrize(
    "field",
    [
        ("cache", "off"),
        ("mix_providers", True),
        ("cancel_on_disconnect", False),
        ("webhook_url", "https://example.com"),
        ("upload_endpoint", "https://example.com"),
        ("size_fit", "exact"),
        ("stream", False),
        ("partial_images", 2),
    ],
)
@pytest.mark.parametrize("offer", GENERATE)
def test_fields_for_the_gateway_alone_are_emulated_and_never_sent(offer: str, field: tuple[str, Any]) -> None:
    name, value = field
    made = planned({name: value}, offer)
    assert row_of(made, name) == Decision(name, name, "emulated", value)
    assert all(name not in call.payload for call in made.calls())


def test_null_is_the_same_as_leaving_it_out() -> None:
    made = planned({"seed": None, "size": None, "made_of": None}, "fal/qwen-image", strict=True)
    assert made.calls() == planned({}, "fal/qwen-image").calls()
    assert {row.behavior for row in made.decisions[1:]} == {"dropped"}


def test_a_providers_object_is_used_only_when_it_serves() -> None:
    body = {"fal": {"use_turbo": True, "steps": 10, "odd": {"a": 1}, "seed": None}}
    fal = planned(body, "fal/qwen-image", strict=True)
    assert fal.payload["use_turbo"] is True
    assert fal.payload["num_inference_steps"] == 10
    assert fal.payload["odd"] == {"a": 1}
    assert [row.given_as for row in fal.decisions] == ["prompt", "fal", "fal.use_turbo", "fal.steps", "fal.odd"]
    lumenfall = planned(body, "lumenfall/qwen-image", strict=True)
    assert lumenfall.calls() == planned({}, "lumenfall/qwen-image").calls()
    assert row_of(lumenfall, "fal").note == "used only when fal serves"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"fal": "fast"}, "fal"),
        ({"fal": []}, "fal"),
        ({"fal": {"cache": "off"}}, "fal.cache"),
        ({"steps": 20, "fal": {"num_inference_steps": 30}}, "fal.num_inference_steps"),
        ({"odd": 1, "fal": {"odd": 2}}, "fal.odd"),
        ({"fal": {"x" * 200: 2}}, "fal"),
        ({"fal": {"\ud800": 2}}, "fal"),
    ],
)
def test_a_providers_object_that_is_wrong(body: dict[str, Any], param: str) -> None:
    error = refusal(body, "fal/qwen-image")
    assert (type(error), error.param) == (BadValue, param)


def test_unknown_fields_go_where_the_offers_table_says() -> None:
    fal = planned({"odd": 1}, "fal/qwen-image")
    assert fal.payload["odd"] == 1
    assert row_of(fal, "odd") == Decision("odd", "odd", "passthrough", 1, "odd", 1, row_of(fal, "odd").note)
    xinference = planned({"odd": 1}, "my-xinference/qwen-image")
    assert xinference.payload["kwargs"] == {"odd": 1}
    assert row_of(xinference, "odd").sent_as == "kwargs.odd"
    vllm = planned({"odd": 1}, "my-vllm-omni/qwen-image")
    assert "odd" not in vllm.payload
    assert "ignores unknown fields" in (row_of(vllm, "odd").note or "")
    error = refusal({"odd": 1}, "openai/gpt-image-2")
    assert (type(error), error.param) == (Refused, "odd")


def test_a_field_that_another_offer_knows_is_dropped_with_that_reason() -> None:
    row = row_of(planned({"use_turbo": True}, "openai/gpt-image-2"), "use_turbo")
    assert (row.behavior, row.note) == ("dropped", "only fal knows it")


def test_two_parameters_that_share_a_wire_field() -> None:
    made = planned({"moderation": "low", "safety": "off"}, "openai/gpt-image-2")
    assert made.payload["moderation"] == "low"
    error = refusal({"moderation": "auto", "safety": "off"}, "openai/gpt-image-2")
    assert (type(error), error.param) == (BadValue, "safety")


def test_what_is_always_sent_cannot_be_changed() -> None:
    offer = made_up('unknown = "open"\nfixed = { tier = "cheap" }\ncount = { to = "input.many", max = 2 }')
    assert planned({}, offer).calls()[0].payload["tier"] == "cheap"
    assert planned({"n": 2}, offer).calls()[0].payload["input"] == {"many": 2}
    for field in ("tier", "input.many"):
        assert type(refusal({field: 1}, offer)) is Owned


def test_an_object_that_holds_our_fields_is_ours() -> None:
    offer = made_up('unknown = "open"', params='seed = { how = "renamed", to = "input.seed" }')
    assert planned({"seed": 5}, offer).calls()[0].payload["input"] == {"seed": 5}
    assert type(refusal({"input": {"seed": 7}}, offer)) is Owned


@pytest.mark.parametrize(
    ("body", "offer", "sent", "finishing"),
    [
        ({}, "fal/qwen-image", "png", None),
        ({"output_format": "png"}, "fal/qwen-image", "png", Finishing("png")),
        ({"output_format": "jpeg"}, "fal/qwen-image", "jpeg", Finishing("jpeg")),
        ({"output_format": "jpeg", "output_compression": 70}, "fal/qwen-image", "png", Finishing("jpeg", 70)),
        ({"output_format": "avif", "output_compression": 70}, "fal/qwen-image", "png", Finishing("avif", 70)),
        ({"output_compression": 70}, "fal/flux-dev", "png", Finishing("jpeg", 70)),
        ({"output_format": "gif"}, "openai/gpt-image-2", "png", Finishing("gif")),
        ({"output_format": "webp", "output_compression": 70}, "openai/gpt-image-2", "webp", Finishing("webp")),
    ],
)
def test_formats(body: dict[str, Any], offer: str, sent: str, finishing: Finishing | None) -> None:
    made = planned(body, offer)
    assert made.payload["output_format"] == sent
    assert made.finishing == finishing


def test_exact_crops_and_resizes_what_the_provider_cannot_draw() -> None:
    made = planned({"size": "1000x600", "size_fit": "exact"}, "openai/gpt-image-1.5", strict=True)
    assert made.payload["size"] == "1536x1024"
    assert made.finishing == Finishing("png", None, (1000, 600))
    assert made.pixels == (1000, 600)
    assert row_of(made, "size").note == "drawn at 1536x1024, then cropped and resized to 1000x600"
    met = planned({"size": "1536x1024", "size_fit": "exact"}, "openai/gpt-image-1.5")
    assert met.finishing is None


@pytest.mark.parametrize(
    ("asked", "offer", "keep", "comes_as", "sent"),
    [
        ("url", "lumenfall/qwen-image", False, ("url", "url"), "url"),
        ("url", "lumenfall/qwen-image", True, ("url", "bytes"), "b64_json"),
        ("b64_json", "lumenfall/qwen-image", False, ("b64_json", "bytes"), "b64_json"),
        ("base64", "lumenfall/qwen-image", False, ("b64_json", "bytes"), "b64_json"),
        ("b64_json", "fal/qwen-image", False, ("b64_json", "url"), None),
        ("both", "fal/qwen-image", True, ("both", "url"), None),
        ("url", "openai/gpt-image-2", True, ("url", "bytes"), None),
    ],
)
def test_delivery(asked: str, offer: str, keep: bool, comes_as: tuple[str, str], sent: str | None) -> None:
    made = planned({"response_format": asked}, offer, keep=keep)
    assert (made.response_format, made.way) == comes_as
    assert made.calls()[0].payload.get("response_format") == sent
    row = row_of(made, "response_format")
    assert row.behavior == ("passthrough" if asked == sent else "emulated")


@pytest.mark.parametrize("extra", [{}, {"output_format": "avif"}])
def test_a_url_without_a_store_needs_the_providers_own(extra: dict[str, Any]) -> None:
    offer = "fal/qwen-image" if extra else "openai/gpt-image-2"
    made = planned(extra, offer, keep=False)
    assert made.response_format == "b64_json"
    with pytest.raises(Refused, match="ask for b64_json"):
        planned({"response_format": "url", **extra}, offer, keep=False)
