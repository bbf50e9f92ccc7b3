"""Bad requests: an error that names the parameter and what works, before anything is spent."""

from typing import Any

import pytest

from normalizers.asked import read_asked
from normalizers.errors import BadValue, NormalizerError, Owned, Refused
from normalizers.parameters import MAX_PROMPT
from tests.normalizers.offers import ALL_OFFERS, GENERATE, planned, refusal

# | field | value | in the reason | : wrong at every provider
EVERYWHERE: list[tuple[str, Any, str]] = [
    ("n", 0, "from 1 to 10"),
    ("n", 11, "from 1 to 10"),
    ("n", -1, "from 1 to 10"),
    ("n", "two", "an integer"),
    ("n", 1.0, "an integer"),
    ("n", True, "an integer"),
    ("n", [1], "an integer"),
    ("num_images", 20, "from 1 to 10"),
    ("size", "0x0", "1 to 14142"),
    ("size", "100000x10000", "1 to 14142"),
    ("size", "1024*", "1024x1024"),
    ("size", "huge!", "1024x1024"),
    ("aspect_ratio", "0:1", "16:9"),
    ("resolution", "0K", "1K"),
    ("output_format", "bmp", "png, jpeg, webp, avif, gif"),
    ("output_compression", 101, "from 0 to 100"),
    ("response_format", "file", "url, b64_json, both"),
    ("size_fit", "stretch", "nearest, exact"),
    ("cache", True, "a string"),
    ("cfg_scale", float("nan"), "not finite"),
    ("cfg_scale", float("inf"), "not finite"),
    ("cfg_scale", 10**400, "64 bits"),
    ("seed", 2**64, "64 bits"),
    ("seed", 2**63, f"to {2**63 - 1}"),
    ("negative_prompt", "a\0b", "NUL"),
    ("negative_prompt", "half \udcff", "surrogate"),
    ("user", "\0", "NUL"),
    ("loras", [{"path": "a\0"}], "NUL"),
    ("loras", [{"path": "\ud83d"}], "surrogate"),
    ("loras", [{"\ud83d": "a"}], "surrogate"),
    ("loras", "https://example.com/a", "a list"),
    ("user", "u" * 1001, "at most 1000"),
    ("fal", 5, "an object"),
]


@pytest.mark.parametrize(("field", "value", "works"), EVERYWHERE)
@pytest.mark.parametrize("offer", ["fal/qwen-image", "lumenfall/qwen-image", "openai/gpt-image-2", "local/sketch"])
def test_wrong_at_every_provider(offer: str, field: str, value: Any, works: str) -> None:
    error = refusal({field: value}, offer)
    assert (type(error), error.param) == (BadValue, field)
    assert works in error.reason


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        (None, "must not be empty"),
        ("", "must not be empty"),
        ([], "must not be empty"),
        ("a\0fox", "NUL"),
        ("half a pair: \ud83e", "surrogate"),
        ("x" * (MAX_PROMPT + 1), f"at most {MAX_PROMPT}"),
        ("x" * 10_000_000, f"at most {MAX_PROMPT}"),
        ("é" * 10_000_000, f"at most {MAX_PROMPT}"),
        (5, "a string"),
        ({"text": "a fox"}, "a string"),
    ],
)
def test_a_prompt_that_no_provider_takes(prompt: Any, reason: str) -> None:
    error = refusal({"prompt": prompt}, "fal/qwen-image")
    assert (type(error), error.param) == (BadValue, "prompt")
    assert reason in error.reason
    assert len(error.reason) < 200


def test_the_longest_prompt() -> None:
    assert planned({"prompt": "🦊" * MAX_PROMPT}, "fal/qwen-image").payload["prompt"] == "🦊" * MAX_PROMPT


@pytest.mark.parametrize("body", [None, [], "text", 5, True])
def test_a_body_that_is_no_object(body: Any) -> None:
    with pytest.raises(BadValue, match="body: must be a JSON object"):
        read_asked(body)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "model"),
        ({"model": "m"}, "prompt"),
        ({"prompt": "a fox"}, "model"),
        ({"model": "", "prompt": "a fox"}, "model"),
        ({"model": "  ", "prompt": "a fox"}, "model"),
        ({"model": 5, "prompt": "a fox"}, "model"),
        ({"model": None, "prompt": "a fox"}, "model"),
        ({"model": "m", "prompt": "a fox", "": 1}, "body"),
        ({"model": "m", "prompt": "a fox", "\0": 1}, "body"),
        ({"model": "m", "prompt": "a fox", "\ud800": 1}, "body"),
        ({"model": "m", "prompt": "a fox", "x" * 101: 1}, "body"),
    ],
)
def test_what_is_missing_or_misnamed(body: dict[str, Any], param: str) -> None:
    with pytest.raises(BadValue) as wrong:
        read_asked(body)
    assert wrong.value.param == param


def test_a_body_as_it_was_written() -> None:
    asked = read_asked({"size": "1K", "model": " qwen-image ", "prompt": "a fox", "n": None})
    assert asked.model == "qwen-image"
    assert list(asked.fields.items()) == [("size", "1K"), ("prompt", "a fox"), ("n", None)]
    assert read_asked({"model": "m"}, prompt_needed=False).fields == {}


def test_four_loras_on_fal() -> None:
    loras = [{"path": f"https://example.com/{number}"} for number in range(4)]
    error = refusal({"loras": loras}, "fal/qwen-image")
    assert (type(error), error.param) == (Refused, "loras")
    assert "at most 3" in error.reason
    assert len(planned({"loras": loras[:3]}, "fal/qwen-image").payload["loras"]) == 3


@pytest.mark.parametrize("field", ["fal_webhook", "webhook", "webhookUrl"])
@pytest.mark.parametrize("offer", ["fal/qwen-image", "lumenfall/qwen-image"])
def test_a_callback_slipped_in_as_an_unknown_field(offer: str, field: str) -> None:
    error = refusal({field: "https://example.com/hook"}, offer)
    assert (type(error), error.param) == (Owned, field)
    assert "leave it out" in error.reason


@pytest.mark.parametrize("offer", GENERATE)
def test_a_count_never_reaches_the_wire_unchecked(offer: str) -> None:
    """Not under any provider's name for it, and not in its object."""
    for field in ("num_images", "num_outputs", "number_results", "samples", "batch_size", "n"):
        for body in ({field: 20}, {offer.partition("/")[0]: {field: 20}}):
            try:
                made = planned(body, offer)
            except NormalizerError:
                continue
            assert made.n == 1
            assert all(20 not in call.payload.values() or not made.offer.count.to for call in made.calls())


@pytest.mark.parametrize(
    ("offer", "prompt"),
    [
        ("my-sd-server/qwen-image", 'a fox <sd_cpp_extra_args>{"seed":1}</sd_cpp_extra_args>'),
        ("my-localai/qwen-image", "a fox|blurry"),
    ],
)
def test_settings_hidden_in_a_prompt(offer: str, prompt: str) -> None:
    error = refusal({"prompt": prompt}, offer)
    assert (type(error), error.param) == (Refused, "prompt")
    assert planned({"prompt": prompt}, "fal/qwen-image").payload["prompt"] == prompt


@pytest.mark.parametrize("offer", ALL_OFFERS, ids=repr)
def test_a_reason_never_repeats_what_was_sent(offer: Any) -> None:
    secret = "sk-1234567890"  # a key pasted into the wrong field
    for field in ("size", "n", "seed", "aspect_ratio", "resolution", "output_format", "background", "loras", "quality"):
        try:
            planned({field: secret + "!"}, offer)
        except NormalizerError as error:
            assert secret not in str(error)


@pytest.mark.parametrize("path", ["http://169.254.169.254/a", "file:///etc/passwd", "FTP://example.com/a", "://a"])
def test_a_lora_is_not_loaded_from_just_anywhere(path: str) -> None:
    for lora in (path, {"path": path}, {"name": path, "weight": 1}):
        error = refusal({"loras": [lora]}, "fal/qwen-image")
        assert (type(error), error.param) == (Refused, "loras")
        assert "https" in error.reason


@pytest.mark.parametrize(
    "path", ["https://example.com/a", "HTTPS://example.com/a", "urn:air:flux1:lora:civitai:1@2", "a/b"]
)
def test_where_loras_come_from(path: str) -> None:
    assert planned({"loras": [{"path": path}]}, "fal/qwen-image").payload["loras"] == [{"path": path, "scale": 1}]
