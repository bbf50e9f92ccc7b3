"""DashScope's parameters (Model Studio docs read 2026-11-21), row by row: what reaches the wire, and how."""

from typing import Any

import pytest

from normalizers.errors import BadValue, NormalizerError, Owned, Refused
from normalizers.price import Facts
from normalizers.rules import How
from tests.normalizers.offers import OFFERS, carried, planned, refusal, row_of, sent_at

QWEN, TWO = "alibaba/qwen-image", "alibaba/qwen-image-2"
SAID = [{"role": "user", "content": [{"text": "a fox"}]}]
LONG = "x" * 800

# | offer | asked | wire field | sent | behavior |
ROWS: list[tuple[str, str, Any, str, Any, How]] = [
    (QWEN, "prompt", LONG, "input.prompt", LONG, "passthrough"),
    (TWO, "prompt", "a fox", "input.messages", SAID, "converted"),
    (QWEN, "negative_prompt", "x" * 500, "input.negative_prompt", "x" * 500, "passthrough"),
    (TWO, "negative_prompt", "blur", "parameters.negative_prompt", "blur", "passthrough"),
    (QWEN, "seed", 0, "parameters.seed", 0, "passthrough"),
    (TWO, "seed", 2147483647, "parameters.seed", 2147483647, "passthrough"),
    (QWEN, "n", 1, "parameters.n", 1, "passthrough"),
    (TWO, "n", 6, "parameters.n", 6, "passthrough"),
    (TWO, "num_images", 6, "parameters.n", 6, "renamed"),
    (QWEN, "prompt_extend", True, "parameters.prompt_extend", True, "passthrough"),
    (QWEN, "prompt_enhancement", "on", "parameters.prompt_extend", True, "converted"),
    (TWO, "prompt_enhancement", "off", "parameters.prompt_extend", False, "converted"),
    (QWEN, "watermark", True, "parameters.watermark", True, "passthrough"),
    (TWO, "watermark", False, "parameters.watermark", False, "passthrough"),
    (TWO, "brand_new", [1], "parameters.brand_new", [1], "passthrough"),
    (QWEN, "size", "1664*928", "parameters.size", "1664*928", "passthrough"),
    (QWEN, "size", "1664x928", "parameters.size", "1664*928", "converted"),
    (QWEN, "size", "1472x1104", "parameters.size", "1472*1104", "converted"),
    (QWEN, "size", "1328x1328", "parameters.size", "1328*1328", "converted"),
    (QWEN, "size", "1104x1472", "parameters.size", "1104*1472", "converted"),
    (QWEN, "size", "928x1664", "parameters.size", "928*1664", "converted"),
    (QWEN, "size", "1024x1024", "parameters.size", "1328*1328", "converted"),
    (QWEN, "aspect_ratio", "9:16", "parameters.size", "928*1664", "converted"),
    (QWEN, "aspect_ratio", "21:9", "parameters.size", "1664*928", "converted"),
    (QWEN, "resolution", "4K", "parameters.size", "1328*1328", "converted"),
    (TWO, "size", "512x512", "parameters.size", "512*512", "converted"),
    (TWO, "size", "2688*1536", "parameters.size", "2688*1536", "passthrough"),
    (TWO, "size", "100x100", "parameters.size", "512*512", "converted"),
    (TWO, "size", "4096x4096", "parameters.size", "2048*2048", "converted"),
    (TWO, "resolution", "2K", "parameters.size", "2048*2048", "converted"),
]


@pytest.mark.parametrize(("offer", "asked_as", "asked", "sent_as", "sent", "behavior"), ROWS)
def test_a_row_of_the_reference(  # noqa: PLR0917 - the columns of the table
    offer: str, asked_as: str, asked: Any, sent_as: str, sent: Any, behavior: How
) -> None:
    carried(offer, asked_as, asked, sent=(sent_as, sent), behavior=behavior)


# | offer | asked | error | the reason names |
REFUSED: list[tuple[str, str, Any, type[NormalizerError], str]] = [
    (QWEN, "prompt", LONG + "x", Refused, "at most 800"),
    (QWEN, "negative_prompt", "x" * 501, Refused, "at most 500"),
    (TWO, "negative_prompt", "x" * 501, Refused, "at most 500"),
    (QWEN, "seed", -1, Refused, "from 0 to 2147483647"),
    (QWEN, "seed", 2147483648, Refused, "from 0 to 2147483647"),
    (QWEN, "watermark", "yes", Refused, "must be true or false"),
    (QWEN, "prompt_extend", "maybe", BadValue, "on, off"),
    (QWEN, "loras", [{"path": "a"}], Refused, "LoRAs"),
    (QWEN, "background", "transparent", Refused, "opaque"),
    (QWEN, "version", "2512", Refused, "latest"),
    (QWEN, "scheduler", "euler", Refused, "leave it out"),
    (TWO, "max_images", 5, Owned, "gateway"),
    (TWO, "enable_sequential", True, Owned, "gateway"),
    (TWO, "parameters", {"n": 5}, Owned, "gateway"),
    (TWO, "input", {"prompt": "x"}, Owned, "gateway"),
]


@pytest.mark.parametrize(("offer", "asked_as", "asked", "error", "works"), REFUSED)
def test_what_is_refused(offer: str, asked_as: str, asked: Any, error: type[NormalizerError], works: str) -> None:
    found = refusal({asked_as: asked}, offer)
    assert (type(found), found.param) == (error, asked_as)
    assert works in found.reason


@pytest.mark.parametrize(
    ("name", "value"),
    [("cfg_scale", 4), ("num_inference_steps", 30), ("safety", "off"), ("user", "ada"), ("quality", "high")],
)
def test_what_has_no_field_there_is_dropped_with_a_reason(name: str, value: Any) -> None:
    row = row_of(planned({name: value}, QWEN), name)
    assert (row.behavior, row.sent_as) == ("dropped", None)
    assert row.note


def test_ten_with_and_without_a_seed() -> None:
    assert [sent_at(call.payload, "parameters.n") for call in planned({"n": 10}, TWO).calls()] == [6, 4]
    assert [sent_at(call.payload, "parameters.n") for call in planned({"n": 3}, QWEN).calls()] == [1, 1, 1]
    seeded = planned({"n": 3, "seed": 2147483647}, TWO).calls()
    assert [sent_at(call.payload, "parameters.seed") for call in seeded] == [2147483647, 0, 1]
    assert {sent_at(call.payload, "parameters.n") for call in seeded} == {1}


def test_the_whole_body_of_a_plain_request() -> None:
    assert planned({}, QWEN).calls()[0].payload == {
        "input": {"prompt": "a fox"},
        "parameters": {"size": "1328*1328", "n": 1, "prompt_extend": False},
    }
    assert planned({"size": "auto"}, TWO).calls()[0].payload == {
        "input": {"messages": SAID},
        "parameters": {"n": 1, "prompt_extend": False},
    }
    sent = {row.name: row.value for row in planned({}, QWEN).defaults}
    assert sent == {
        "size": "1328*1328",
        "n": 1,
        "output_format": "png",
        "prompt_enhancement": False,
        "watermark": False,
    }


def test_prices_are_in_yuan_until_the_configuration_says_what_those_are_worth() -> None:
    prices = {offer.model: offer.price for offer in OFFERS.values() if offer.provider == "alibaba"}
    assert {price.currency for price in prices.values()} == {"CNY"}
    assert prices["qwen-image-2"].one(Facts()) == (257_000, "published")
    assert not prices["qwen-image"].published
    assert prices["qwen-image"].one(Facts()) == (550_000, "estimated")
