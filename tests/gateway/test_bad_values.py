"""Values that no provider can be sent: a clear 400 that names the parameter and what works, and nothing is spent."""

import json
from typing import Any, NamedTuple

import pytest

from simulators.running import Simulators
from tests.gateway.nothing_spent import assert_nothing_spent, error_of
from tests.gateway.running import FOX, RunningGateway

SIZE = "1024x1024, 16:9, 2K or auto"
LORA = {"path": "https://example.com/style.safetensors"}


class Bad(NamedTuple):
    """A body field that cannot be served, and the error that it gets; `told` stands in the message."""

    what: str
    fields: dict[str, Any]
    param: str
    code: str
    told: str


BAD_VALUES = [
    Bad("prompt empty", {"prompt": ""}, "prompt", "invalid_value", "must not be empty"),
    Bad("prompt null", {"prompt": None}, "prompt", "invalid_value", "must not be empty"),
    Bad("prompt a number", {"prompt": 5}, "prompt", "invalid_value", "must be a string"),
    Bad("prompt a list", {"prompt": ["a fox"]}, "prompt", "invalid_value", "must be a string"),
    Bad("prompt of 10 MB", {"prompt": "x" * 10_000_000}, "prompt", "invalid_value", "at most 32000"),
    Bad("prompt with NUL", {"prompt": "a\x00fox"}, "prompt", "invalid_value", "NUL"),
    Bad("user with NUL", {"user": "ada\x00"}, "user", "invalid_value", "NUL"),
    Bad("NUL deep inside", {"fal": {"a": ["\x00"]}}, "fal", "invalid_value", "NUL"),
    Bad("n = 0", {"n": 0}, "n", "invalid_value", "from 1 to 10"),
    Bad("n = 11", {"n": 11}, "n", "invalid_value", "from 1 to 10"),
    Bad("n in a word", {"n": "two"}, "n", "invalid_value", "must be an integer"),
    Bad("n in digits", {"n": "2"}, "n", "invalid_value", "must be an integer"),
    Bad("n = 1.0", {"n": 1.0}, "n", "invalid_value", "must be an integer"),
    Bad("n = true", {"n": True}, "n", "invalid_value", "must be an integer"),
    Bad("n of 31 digits", {"n": 10**30}, "n", "invalid_value", "must be an integer of at most 64 bits"),
    Bad("size 0x0", {"size": "0x0"}, "size", "invalid_value", "from 1 to 14142"),
    Bad("size 100000x10000", {"size": "100000x10000"}, "size", "invalid_value", "from 1 to 14142"),
    Bad("size 1024*", {"size": "1024*"}, "size", "invalid_value", SIZE),
    Bad("size x", {"size": "x"}, "size", "invalid_value", SIZE),
    Bad("size empty", {"size": ""}, "size", "invalid_value", SIZE),
    Bad("size negative", {"size": "-512x512"}, "size", "invalid_value", SIZE),
    Bad("size in other digits", {"size": "١٠٢٤x1024"}, "size", "invalid_value", SIZE),
    Bad("size of 5,000 digits", {"size": "9" * 5000 + "x1"}, "size", "invalid_value", SIZE),
    Bad("size a number", {"size": 1024}, "size", "invalid_value", SIZE),
    Bad("size a list", {"size": [1024, 1024]}, "size", "invalid_value", SIZE),
    Bad("width alone", {"width": 1024}, "width", "invalid_value", "height"),
    Bad("four LoRAs", {"loras": [LORA] * 4}, "loras", "unsupported_parameter", "at most 3"),
    Bad("num_images of 20", {"num_images": 20}, "num_images", "invalid_value", "from 1 to 10"),
    Bad("num_images for fal", {"fal": {"num_images": 2}}, "fal.num_images", "unsupported_parameter", "use n"),
    Bad("a callback", {"fal_webhook": "https://a.example"}, "fal_webhook", "unsupported_parameter", "leave it out"),
    Bad(
        "a callback for fal",
        {"fal": {"fal_webhook": "https://a.example"}},
        "fal.fal_webhook",
        "unsupported_parameter",
        "leave it out",
    ),
    Bad("webhook to loopback", {"webhook_url": "https://127.0.0.1/x"}, "webhook_url", "invalid_value", "not public"),
    Bad(
        "webhook that resolves there", {"webhook_url": "https://localhost/x"}, "webhook_url", "invalid_value", "public"
    ),
    Bad(
        "webhook to the metadata", {"webhook_url": "https://169.254.169.254/"}, "webhook_url", "invalid_value", "public"
    ),
    Bad("webhook to http", {"webhook_url": "http://93.184.216.34/x"}, "webhook_url", "invalid_value", "not https"),
    Bad("webhook with a user", {"webhook_url": "https://a:b@93.184.216.34"}, "webhook_url", "invalid_value", "a user"),
    Bad("webhook a number", {"webhook_url": 5}, "webhook_url", "invalid_value", "a URL in a string"),
    Bad("webhook empty", {"webhook_url": ""}, "webhook_url", "invalid_value", "a URL in a string"),
    Bad("upload to loopback", {"upload_endpoint": "https://[::1]/x"}, "upload_endpoint", "invalid_value", "not public"),
    Bad(
        "upload to http",
        {"upload_endpoint": "http://93.184.216.34/x"},
        "upload_endpoint",
        "invalid_value",
        "not https",
    ),
    Bad(
        "two pictures uploaded to one place",
        {"upload_endpoint": "https://93.184.216.34/x", "n": 2},
        "upload_endpoint",
        "invalid_value",
        "{index}",
    ),
    Bad("upload a list", {"upload_endpoint": []}, "upload_endpoint", "invalid_value", "a URL in a string"),
    Bad("a stream in a word", {"stream": "yes"}, "stream", "invalid_value", "true or false"),
    Bad("a stream in a number", {"stream": 1}, "stream", "invalid_value", "must be"),
    Bad("previews without a stream", {"partial_images": 2}, "partial_images", "invalid_value", "needs stream"),
    Bad("cancelling in a word", {"cancel_on_disconnect": "ja"}, "cancel_on_disconnect", "invalid_value", "or false"),
    Bad(
        "two spellings",
        {"steps": 20, "num_inference_steps": 30},
        "num_inference_steps",
        "invalid_value",
        "give one of the two",
    ),
    Bad(
        "two sizes", {"size": "1024x1024", "width": 512, "height": 512}, "width", "invalid_value", "give one of the two"
    ),
    Bad("format bmp", {"output_format": "bmp"}, "output_format", "invalid_value", "png, jpeg, webp, avif, gif"),
    Bad("response as gif", {"response_format": "gif"}, "response_format", "invalid_value", "url, b64_json, both"),
    Bad("compression of 101", {"output_compression": 101}, "output_compression", "invalid_value", "from 0 to 100"),
    Bad("a model that is a number", {"model": 5}, "model", "invalid_value", "must be a string"),
    Bad("a model that is empty", {"model": " "}, "model", "invalid_value", "must not be empty"),
]


@pytest.mark.parametrize("bad", BAD_VALUES, ids=[bad.what for bad in BAD_VALUES])
def test_a_bad_value_is_refused_by_name(easel: RunningGateway, simulators: Simulators, bad: Bad) -> None:
    message = error_of(easel.generate(FOX, **bad.fields), 400, bad.code, bad.param)
    assert message.startswith(f"{bad.param}: ")
    assert bad.told in message
    assert len(message) < 500
    assert_nothing_spent(easel, simulators)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", '"half a \\ud83d pair"'),
        ("prompt", '"\\udc00\\ud800"'),
        ("seed", "NaN"),
        ("cfg_scale", "Infinity"),
        ("cfg_scale", "1e999"),
        ("loras", "[" * 100_000 + "]" * 100_000),
        ("fal", '{"a":' * 100_000 + "1" + "}" * 100_000),
    ],
    ids=["lone surrogate", "surrogates swapped", "NaN", "Infinity", "1e999", "100k lists", "100k objects"],
)
def test_what_is_no_json_is_refused_with_the_place(
    easel: RunningGateway, simulators: Simulators, field: str, value: str
) -> None:
    body = f'{{"model": "qwen-image", "prompt": "a fox", "{field}": {value}}}'.encode()
    message = error_of(post(easel, body), 400, "invalid_json")
    assert message.startswith("the body is not valid JSON: ")
    assert " at byte " in message
    assert_nothing_spent(easel, simulators)


@pytest.mark.parametrize("inside", ["[%s]", '{"a": [%s]}'])
def test_a_flood_of_values_is_refused_before_it_is_parsed(
    easel: RunningGateway, simulators: Simulators, inside: str
) -> None:
    body = json.dumps({**FOX, "zzz": None}).replace("null", inside % ",".join(["[]"] * 20_000)).encode()
    assert "too many values" in error_of(post(easel, body), 400, "invalid_json")
    assert_nothing_spent(easel, simulators)


@pytest.mark.parametrize("levels", [33, 900])
def test_what_the_parser_still_takes_may_be_too_deep_for_us(
    easel: RunningGateway, simulators: Simulators, levels: int
) -> None:
    body = json.dumps({**FOX, "loras": None}).replace("null", "[" * levels + "]" * levels).encode()
    assert "32 levels" in error_of(post(easel, body), 400, "invalid_json", "loras")
    assert_nothing_spent(easel, simulators)


def test_missing_parameters_are_named(easel: RunningGateway, simulators: Simulators) -> None:
    no_prompt = easel.http.post("/v1/images/generations", json={"model": "qwen-image"})
    assert "describe the picture" in error_of(no_prompt, 400, "missing_required_parameter", "prompt")
    for body in ({"prompt": "a fox"}, {"prompt": "a fox", "model": None}):
        no_model = easel.http.post("/v1/images/generations", json=body)
        assert "/v1/models" in error_of(no_model, 400, "missing_required_parameter", "model")
    assert_nothing_spent(easel, simulators)


@pytest.mark.parametrize("body", [b"[]", b"null", b'"a fox"', b"7", b"true"])
def test_a_body_that_is_no_object_is_refused(easel: RunningGateway, simulators: Simulators, body: bytes) -> None:
    assert '{"model": "qwen-image"' in error_of(post(easel, body), 400, "invalid_value", "body")
    assert_nothing_spent(easel, simulators)


@pytest.mark.parametrize(
    ("model", "near"),
    [
        ("qwen-imag", "did you mean qwen-image"),
        ("fal/qwen-imgae", "did you mean qwen-image"),
        ("Qwen-Image", "did you mean qwen-image"),
        ("zzzzzz", "GET /v1/models"),
        ("nowhere/qwen-image", "did you mean qwen-image"),
        ("m" * 10_000, "GET /v1/models"),
    ],
)
def test_an_unknown_model_names_what_there_is(
    easel: RunningGateway, simulators: Simulators, model: str, near: str
) -> None:
    message = error_of(easel.generate(model=model), 404, "model_not_found", "model")
    assert near in message
    assert len(message) < 300
    assert_nothing_spent(easel, simulators)


def post(gateway: RunningGateway, body: bytes) -> Any:
    return gateway.http.post("/v1/images/generations", content=body, headers={"content-type": "application/json"})
