"""Civitai's tables (its developer docs, Qwen image generation, read 2026-11-21), row by row: what is sent, and how."""

from dataclasses import replace
from typing import Any

import pytest

from normalizers.errors import BadValue, Owned, Refused, TableError
from normalizers.rules import How
from tests.normalizers.offers import FOX, GENERATE, OFFERS, made_up, planned, refusal, row_of

QWEN, FAL, PRO = "civitai/qwen-image", "civitai/qwen-image-2", "civitai/qwen-image-2-pro"
VARIANT, EDIT = OFFERS["civitai/qwen-image image_to_image"], OFFERS["civitai/qwen-image edit"]
FAL_EDIT, PRO_EDIT = OFFERS["civitai/qwen-image-2 edit"], OFFERS["civitai/qwen-image-2-pro edit"]
SDCPP = {"engine": "sdcpp", "ecosystem": "qwen", "model": "20b"}
URN = "urn:air:qwen:lora:civitai:123456@789012"

# | asked | value | wire field | sent | behavior |
ROWS: list[tuple[str, Any, str, Any, How]] = [
    ("prompt", "a lighthouse", "prompt", "a lighthouse", "passthrough"),
    ("negative_prompt", "x" * 10_000, "negativePrompt", "x" * 10_000, "renamed"),
    ("negativePrompt", "blurry", "negativePrompt", "blurry", "passthrough"),
    ("seed", -(2**63), "seed", -(2**63), "passthrough"),
    ("seed", 2**63 - 1, "seed", 2**63 - 1, "passthrough"),
    ("num_inference_steps", 1, "steps", 1, "renamed"),
    ("steps", 150, "steps", 150, "passthrough"),
    ("cfg_scale", 0, "cfgScale", 0, "renamed"),
    ("cfgScale", 30, "cfgScale", 30, "passthrough"),
    ("guidance_scale", 2.5, "cfgScale", 2.5, "renamed"),
    ("sampleMethod", "dpm++2mv2", "sampleMethod", "dpm++2mv2", "passthrough"),
    ("schedule", "kl_optimal", "schedule", "kl_optimal", "passthrough"),
    ("scheduler", "euler", "sampleMethod", "euler", "converted"),
    ("scheduler", "dpmpp_2m/karras", "sampleMethod", "dpm++2m", "converted"),
    ("scheduler", "Euler A / SGM Uniform", "schedule", "sgm_uniform", "converted"),
    ("scheduler", "/ays", "schedule", "ays", "converted"),
    ("sampler_name", "heun", "sampleMethod", "heun", "converted"),
    ("version", "2512", "version", "2512", "passthrough"),
    ("version", "2509", "version", "2509", "passthrough"),
    ("n", 3, "quantity", 3, "renamed"),
    ("loras", [{"path": URN, "scale": 0.8}], "loras", {URN: 0.8}, "converted"),
    ("loras", ["civitai:1@2", "huggingface:a/b@main"], "loras", {}, "converted"),
    ("output_format", "jpeg", "outputFormat", "jpeg", "renamed"),
    ("output_format", "webp", "outputFormat", "webP", "converted"),
    ("outputFormat", "png", "outputFormat", "png", "passthrough"),
    ("imageMetadata", "mine", "imageMetadata", "mine", "passthrough"),
]


@pytest.mark.parametrize(("asked_as", "asked", "wire", "sent", "behavior"), ROWS, ids=lambda value: str(value)[:40])
def test_a_row_of_the_page(asked_as: str, asked: Any, wire: str, sent: Any, behavior: How) -> None:
    made = planned({asked_as: asked}, QWEN)
    [call] = made.calls()
    if sent == {}:
        sent = {"urn:air:qwen:lora:civitai:1@2": 1, "urn:air:qwen:lora:huggingface:a/b@main": 1}
    assert call.payload[wire] == sent
    assert call.payload.items() >= {**SDCPP, "operation": "createImage"}.items()
    assert row_of(made, asked_as).behavior == behavior


def test_a_sampler_alone_leaves_the_schedule_to_civitai() -> None:
    payload = planned({"scheduler": "res_2s"}, QWEN).payload
    assert payload["sampleMethod"] == "res_2s"
    assert "schedule" not in payload


def test_a_default_is_not_told_where_its_field_was_sent() -> None:
    told = {row.name: row.value for row in planned({"scheduler": "heun"}, QWEN).defaults if row.source == "provider"}
    assert told == {
        "num_inference_steps": 20,
        "cfg_scale": 2.5,
        "schedule": "simple",
        "version": "latest",
        "uCache": "off",
    }


@pytest.mark.parametrize("native", [{"sampleMethod": "heun"}, {"schedule": "karras"}])
def test_a_sampler_said_twice_and_differently_is_a_mistake(native: dict[str, str]) -> None:
    assert type(refusal({"scheduler": "euler/ays", **native}, QWEN)) is BadValue


# | asked | value | what works, or why |
OUTSIDE: list[tuple[str, Any, str]] = [
    ("prompt", "x" * 10_001, "at most 10000"),
    ("negative_prompt", "x" * 10_001, "at most 10000"),
    ("num_inference_steps", 151, "from 1 to 150"),
    ("cfg_scale", 30.1, "from 0 to 30"),
    ("version", "2511", "latest, 2509, 2512"),
    ("scheduler", "unipc", "euler_a"),
    ("scheduler", "euler/normal", "sgm_uniform"),
    ("scheduler", "euler/", "euler/karras"),
    ("scheduler", "/", "euler/karras"),
    ("sampleMethod", "euler/karras", "dpm++2mv2"),
    ("schedule", "beta", "smoothstep"),
    ("loras", [{"path": "https://example.com/a.safetensors"}], URN),
    ("loras", ["urn:air:sdxl:lora:civitai:1@2"], URN),
    ("loras", ["urn:air:qwen:checkpoint:civitai:1@2"], URN),
    ("loras", ["civitai:1@2", "urn:air:qwen:lora:civitai:1@2"], "twice"),
    ("loras", [{"path": URN, "scale": "much"}], "number"),
    ("guidance", 3.5, "cfg_scale"),
    ("prompt_enhancement", "on", "use off"),
    ("background", "transparent", "opaque"),
    ("imageSize", "square_hd", "rejects unknown fields"),
    ("unheard_of", 1, "rejects unknown fields"),
]


@pytest.mark.parametrize(("asked_as", "asked", "works"), OUTSIDE, ids=lambda value: str(value)[:40])
def test_beyond_the_edges_it_is_refused_here_and_never_clamped(asked_as: str, asked: Any, works: str) -> None:
    error = refusal({asked_as: asked}, QWEN)
    assert (type(error), error.param) == (Refused, asked_as)
    assert works in error.reason


@pytest.mark.parametrize(
    ("offer", "legal", "illegal"), [(VARIANT, "2512", "2511"), (EDIT, "2511", "2512"), (GENERATE[QWEN], "2512", "2511")]
)
def test_each_operation_has_its_versions(offer: Any, legal: str, illegal: str) -> None:
    image = {} if offer.operation == "generate" else {"image": [FOX]}
    for version in ("latest", "2509", legal):
        assert planned({**image, "version": version}, offer).payload["version"] == version
    assert f"latest, 2509, {legal}" in refusal({**image, "version": illegal}, offer).reason


@pytest.mark.parametrize(
    ("size", "drawn"),
    [
        ("1024x768", (1024, 768)),
        ("1000x1001", (1000, 1000)),
        ("32x32", (64, 64)),
        ("4096x2048", (2048, 1024)),
        ("auto", None),
    ],
)
def test_sides_are_whole_steps_of_8(size: str, drawn: tuple[int, int] | None) -> None:
    payload = planned({"size": size}, QWEN).payload
    assert (payload.get("width"), payload.get("height")) == (drawn or (None, None))


def test_the_plainest_request() -> None:
    assert planned({}, QWEN).calls()[0].payload == {
        **SDCPP,
        "operation": "createImage",
        "prompt": "a fox",
        "width": 1024,
        "height": 1024,
        "outputFormat": "png",
        "quantity": 1,
    }


def test_a_batch_is_one_call_and_with_a_seed_a_call_each() -> None:
    assert [call.payload["quantity"] for call in planned({"n": 10}, QWEN).calls()] == [10]
    seeded = planned({"n": 2, "seed": 7}, QWEN).calls()
    assert [(call.payload["seed"], call.payload["quantity"]) for call in seeded] == [(7, 1), (8, 1)]


def test_a_variant_has_one_picture_as_a_plain_string_and_keeps_its_size() -> None:
    payload = planned({"image": [FOX], "strength": 0.4}, VARIANT).payload
    assert (payload["operation"], payload["image"], payload["strength"]) == ("createVariant", FOX, 0.4)
    assert not {"width", "height", "images"} & set(payload)
    assert "1" in refusal({"image": [FOX, FOX]}, VARIANT).reason


def test_an_edit_has_up_to_ten_pictures() -> None:
    payload = planned({"image": [FOX] * 10}, EDIT).payload
    assert (payload["operation"], payload["images"]) == ("editImage", [FOX] * 10)
    assert "width" not in payload
    error = refusal({"image": [FOX] * 11}, EDIT)
    assert (error.param, "1 to 10" in error.reason) == ("image", True)
    assert planned({"image": [FOX], "size": "640x448"}, EDIT).payload["width"] == 640


# ---- Qwen-Image 2 at fal

FAL_ROWS: list[tuple[str, Any, str, Any, How]] = [
    ("negative_prompt", "x" * 500, "negativePrompt", "x" * 500, "renamed"),
    ("size", "1024x1024", "imageSize", "square_hd", "converted"),
    ("size", "512x512", "imageSize", "square", "converted"),
    ("aspect_ratio", "9:16", "imageSize", "portrait_16_9", "converted"),
    ("imageSize", "landscape_16_9", "imageSize", "landscape_16_9", "passthrough"),
    ("seed", -(2**31), "seed", -(2**31), "passthrough"),
    ("seed", 2**31 - 1, "seed", 2**31 - 1, "passthrough"),
    ("n", 10, "quantity", 10, "renamed"),
    ("prompt_enhancement", "on", "enablePromptExpansion", True, "converted"),
    ("safety", "on", "enableSafetyChecker", True, "converted"),
]


@pytest.mark.parametrize(("asked_as", "asked", "wire", "sent", "behavior"), FAL_ROWS, ids=lambda value: str(value)[:40])
def test_a_row_of_fals_engine(asked_as: str, asked: Any, wire: str, sent: Any, behavior: How) -> None:
    made = planned({asked_as: asked}, FAL)
    assert made.calls()[0].payload[wire] == sent
    assert row_of(made, asked_as).behavior == behavior


@pytest.mark.parametrize(
    ("asked_as", "asked", "works"),
    [
        ("negative_prompt", "x" * 501, "at most 500"),
        ("loras", [URN], "qwen-image does"),
        ("seed", 2**31, "to 2147483647"),
        ("scheduler", "euler", "leave it out"),
        ("width", 640, "height"),
    ],
)
def test_what_fals_engine_does_not_take(asked_as: str, asked: Any, works: str) -> None:
    assert works in refusal({asked_as: asked}, FAL).reason


@pytest.mark.parametrize(
    ("offer", "operation"),
    [
        (GENERATE[FAL], "createImage"),
        (GENERATE[PRO], "proCreateImage"),
        (FAL_EDIT, "editImage"),
        (PRO_EDIT, "proEditImage"),
    ],
)
def test_prompts_are_not_rewritten_unless_that_is_asked(offer: Any, operation: str) -> None:
    edits = offer.operation == "edit"
    payload = planned({"image": [FOX] * 3} if edits else {}, offer).calls()[0].payload
    assert payload == {
        "engine": "fal",
        "model": "qwen2",
        "operation": operation,
        "prompt": "a fox",
        "imageSize": "landscape_4_3" if edits else "square_hd",  # of 1200x800, 4:3 is the nearest that there is
        "enablePromptExpansion": False,
        "outputFormat": "png",
        "quantity": 1,
        **({"images": [FOX] * 3} if edits else {}),
    }
    if edits:
        assert "1 to 3" in refusal({"image": [FOX] * 4}, offer).reason


def test_the_workers_have_a_cache_and_fal_has_none() -> None:
    assert planned({"uCache": "normal"}, QWEN).payload["uCache"] == "normal"
    assert "off, normal" in refusal({"uCache": "on"}, QWEN).reason
    row = row_of(planned({"uCache": "normal"}, FAL), "uCache")
    assert (row.behavior, row.sent_as, row.note) == ("dropped", None, "the model has no uCache there; qwen-image has")


@pytest.mark.parametrize("offer", [QWEN, FAL, "civitai/sdxl", "civitai/flux-2-pro"])
def test_levels_of_acceleration_that_only_others_have_are_dropped(offer: str) -> None:
    made = planned({"acceleration": "high"}, offer)
    assert row_of(made, "acceleration").behavior == "dropped"
    assert "acceleration" not in made.payload


def test_a_field_of_another_model_there_is_not_said_to_be_somebody_elses() -> None:
    row = row_of(planned({"vaeModel": "civitai:1@2"}, QWEN), "vaeModel")
    assert (row.behavior, row.note) == ("dropped", "only another model of civitai knows it")


# ---- Other families, money, and what belongs to the gateway


def test_sdxl_names_its_checkpoint_and_takes_its_own_loras() -> None:
    payload = planned({"loras": ["civitai:1@2"], "cfg_scale": 7, "uCache": "normal"}, "civitai/sdxl").payload
    assert payload["model"] == "urn:air:sdxl:checkpoint:civitai:101055@128078"
    assert (payload["loras"], payload["uCache"]) == ({"urn:air:sdxl:lora:civitai:1@2": 1}, "normal")
    variant = planned({"image": [FOX]}, OFFERS["civitai/sdxl image_to_image"]).payload
    assert (variant["operation"], variant["image"]) == ("createVariant", FOX)
    assert (variant["width"], variant["height"]) == (1200, 800)


def test_flux_takes_a_short_prompt_four_pictures_and_no_sampler() -> None:
    calls = planned({"n": 6, "size": "1024x1536"}, "civitai/flux-2-pro").calls()
    assert [call.payload["quantity"] for call in calls] == [4, 2]
    assert calls[0].payload["engine"] == "flux2"
    assert "at most 1000" in refusal({"prompt": "x" * 1001}, "civitai/flux-2-pro").reason
    assert planned({"size": "256x256"}, "civitai/flux-2-pro").payload["width"] == 512


@pytest.mark.parametrize(
    ("offer", "body", "buzz"),
    [
        (QWEN, {}, 18),
        (QWEN, {"size": "1328x1328"}, 30),
        (QWEN, {"n": 4}, 72),
        (QWEN, {"num_inference_steps": 40, "size": "1328x1328"}, 60),
        (EDIT, {"image": 1}, 40),
        (EDIT, {"image": 3}, 48),
        (VARIANT, {"image": 1, "size": "1328x1328"}, 30),
        ("civitai/sdxl", {}, 8),
        ("civitai/sdxl", {"n": 4}, 32),
        ("civitai/sdxl", {"size": "1344x768", "num_inference_steps": 25}, 10),
        ("civitai/sdxl", {"num_inference_steps": 35}, 14),
        (FAL, {"n": 2}, 92),
    ],
)
def test_the_documented_prices_in_buzz(offer: Any, body: dict[str, Any], buzz: int) -> None:
    square = replace(FOX, width=1024, height=1024)
    given = {**body, "image": [square] * body["image"]} if "image" in body else body
    priced = GENERATE[offer] if isinstance(offer, str) else offer
    made = planned(given, replace(priced, price=priced.price.in_dollars(0.001)))
    assert made.cost == buzz * 1000


@pytest.mark.parametrize("field", ["externalId", "currencies", "callbacks", "tips", "steps", "allowMatureContent"])
def test_fields_around_the_step_are_the_gateways_own(field: str) -> None:
    for given in ({field: "x"}, {"civitai": {field: "x"}}):
        if field != "steps" or "civitai" in given:
            assert type(refusal(given, QWEN)) is Owned
    for fixed in ("engine", "ecosystem", "operation", "quantity"):
        assert type(refusal({"civitai": {fixed: "x"}}, QWEN)) is Owned


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ('loras = { how = "converted", to = "x", by = "urn_loras" }', "needs the key 'ecosystem'"),
        ('scheduler = { how = "converted", to = "x", by = "sampler_and_schedule" }', "needs the key 'sampler_to'"),
    ],
)
def test_a_table_lacks_nothing_that_its_converter_needs(params: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        made_up(params=params)
