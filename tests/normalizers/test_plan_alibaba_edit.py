"""The edits of DashScope (Model Studio docs read 2026-11-21): one message, its sizes, and what is refused."""

from typing import Any

import pytest

from normalizers.errors import NormalizerError, Refused
from normalizers.source import Source
from tests.normalizers.offers import OFFERS, planned, refusal, row_of, sent_at

ONE = Source("aa", "png", 600, 400, 10_000)
TWO = Source("bb", "jpeg", 1000, 1000, 10_000)
GIF = Source("cc", "gif", 500, 500, 10_000)
MODELS = ("qwen-image-2", "qwen-image-2-pro", "qwen-image-2-edit", "qwen-image-3", "qwen-image-3-pro")
SIDED = ("qwen-image-edit-plus", "qwen-image-edit-max")
ALL = (*MODELS, "qwen-image-edit", *SIDED)


def edits(model: str) -> Any:
    return OFFERS[f"alibaba/{model} edit"]


def said(*sources: Source) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [*({"image": source} for source in sources), {"text": "a fox"}]}]


@pytest.mark.parametrize("model", MODELS)
def test_the_whole_body_of_an_edit(model: str) -> None:
    (call,) = planned({"image": [ONE, TWO], "n": 2, "negative_prompt": "blur"}, edits(model)).calls()
    assert call.payload == {
        "input": {"messages": said(ONE, TWO)},
        "parameters": {"size": "628*418", "n": 2, "negative_prompt": "blur", "prompt_extend": False},
    }


@pytest.mark.parametrize("model", SIDED)
def test_the_older_edits_want_sides_of_at_least_512(model: str) -> None:
    (call,) = planned({"image": [ONE], "seed": 2147483647, "watermark": True}, edits(model)).calls()
    assert call.payload == {
        "input": {"messages": said(ONE)},
        "parameters": {"size": "768*512", "n": 1, "seed": 2147483647, "watermark": True, "prompt_extend": False},
    }


def test_the_first_edit_takes_no_size_and_one_picture_a_call() -> None:
    made = planned({"image": [ONE, TWO, ONE], "n": 2}, edits("qwen-image-edit"))
    assert [call.payload for call in made.calls()] == [
        {"input": {"messages": said(ONE, TWO, ONE)}, "parameters": {"n": 1}}
    ] * 2
    assert made.pixels is None
    assert ("size", None, "as the first picture", "provider") in made.defaults
    error = refusal({"image": [ONE], "prompt_enhancement": "on"}, edits("qwen-image-edit"))
    assert "use off" in error.reason


@pytest.mark.parametrize("body", [{"prompt": "a fox", "image": [TWO]}, {"image": [TWO], "prompt": "a fox"}])
def test_pictures_come_first_whatever_the_order_of_the_fields(body: dict[str, Any]) -> None:
    made = planned(body, edits("qwen-image-2"))
    assert sent_at(made.payload, "input.messages") == said(TWO)
    prompt, image = (row_of(made, name) for name in ("prompt", "image"))
    assert (prompt.behavior, prompt.sent_as) == (image.behavior, image.sent_as) == ("converted", "input.messages")
    assert prompt.sent == [{"role": "user", "content": [{"text": "a fox"}]}]
    assert image.sent == [{"role": "user", "content": [{"image": TWO}]}]


@pytest.mark.parametrize(
    ("model", "size", "sent"),
    [
        ("qwen-image-2", "1024x768", "1024*768"),
        ("qwen-image-2", "4096x4096", "2048*2048"),
        ("qwen-image-3", "4096x256", "2896*362"),
        ("qwen-image-edit-plus", "256x1024", "512*2048"),
        ("qwen-image-2", "auto", None),
        ("qwen-image-2", "16:9", "683*384"),
    ],
)
def test_sizes(model: str, size: str, sent: str | None) -> None:
    assert sent_at(planned({"image": [ONE], "size": size}, edits(model)).payload, "parameters.size") == sent


def test_a_format_that_is_not_read_there_becomes_png() -> None:
    made = planned({"image": [GIF]}, edits("qwen-image-2"))
    assert sent_at(made.payload, "input.messages") == said(GIF.prepared("png"))


# | asked | the reason names |
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"image": [ONE] * 4}, "image", "1 to 3"),
    ({"image": [Source("d", "png", 383, 500, 1)]}, "image", "from 384 to 3072 pixels"),
    ({"image": [Source("d", "png", 500, 3073, 1)]}, "image", "from 384 to 3072 pixels"),
    ({"image": [Source("d", "png", 500, 500, 10_485_761)]}, "image", "10,485,760"),
    ({"image": [ONE], "mask": ONE}, "mask", "takes no mask"),
    ({"image": [ONE], "outpaint": {"top": 1}}, "outpaint", "no outpainting"),
    ({"image": [ONE], "negative_prompt": "x" * 501}, "negative_prompt", "500"),
]


@pytest.mark.parametrize("model", ALL)
@pytest.mark.parametrize(("asked", "param", "works"), REFUSED)
def test_what_is_refused(model: str, asked: dict[str, Any], param: str, works: str) -> None:
    found: NormalizerError = refusal(asked, edits(model))
    assert (type(found), found.param) == (Refused, param)
    assert works in found.reason


@pytest.mark.parametrize(
    ("model", "length"), [("qwen-image-edit", 800), ("qwen-image-edit-plus", 800), ("qwen-image-2", None)]
)
def test_what_would_be_cut_off_is_refused(model: str, length: int | None) -> None:
    if length is None:
        assert planned({"image": [ONE], "prompt": "x" * 5000}, edits(model))
        return
    assert planned({"image": [ONE], "prompt": "x" * length}, edits(model))
    assert str(length) in refusal({"image": [ONE], "prompt": "x" * (length + 1)}, edits(model)).reason


def test_how_the_prompt_is_extended_can_be_chosen_in_version_3() -> None:
    asked = {"prompt_enhancement": "on", "prompt_extend_mode": "direct", "enable_thinking": False}
    made = planned({"image": [ONE], **asked}, edits("qwen-image-3"))
    told = sent_at(made.payload, "parameters")
    assert told.items() >= {"prompt_extend": True, "prompt_extend_mode": "direct", "enable_thinking": False}.items()
    assert "direct" in refusal({"image": [ONE], "prompt_extend_mode": "agent"}, edits("qwen-image-3")).reason
    drawn = planned({"prompt_extend_mode": "agent"}, "alibaba/qwen-image-3")
    assert sent_at(drawn.payload, "parameters.prompt_extend_mode") == "agent"


def test_an_edit_without_strength_refuses_one() -> None:
    error = refusal({"image": [ONE], "strength": 0.5}, edits("qwen-image-2"))
    assert isinstance(error, Refused)
    assert error.reason.endswith("this edit has no strength; leave it out")
