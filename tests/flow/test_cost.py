"""What a call cost, from what its answer says."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.flow.cost import BASES, Cost, cost_of
from providers.base import Answer, Image
from tests.normalizers.offers import made_up, planned

PICTURE = Image(url="https://example.com/a.png")


def settled(price: str, answer: Answer, images: int = 2, **asked: Any) -> Cost:
    return cost_of(answer, planned({"size": "1024x1024", "n": images, **asked}, made_up(f"price = {price}")), images)


def answered(**told: Any) -> Answer:
    return Answer((PICTURE, PICTURE), **told)


@pytest.mark.parametrize(
    ("price", "told", "cost"),
    [
        ("{ per_image = 0.02 }", {"cost": 0.05}, (50_000, "charged")),
        ("{ per_image = 0.02 }", {"cost": 0.0, "units": 9.0}, (0, "charged")),
        ("{ per_image = 0.02 }", {"cost": 18.0, "currency": "BUZZ"}, (40_000, "published")),  # nobody said its worth
        ("{ per_image = 0.02 }", {"units": 3.0}, (60_000, "published")),
        ("{ per_megapixel = 0.02, whole_megapixels = true }", {"units": 8.0}, (160_000, "published")),
        ("{ per_megapixel = 0.02, estimated = true }", {"units": 1.5}, (30_000, "estimated")),
        ("{ per_image = 0.02 }", {}, (40_000, "published")),
        ("{ max = 0.5 }", {}, (1_000_000, "estimated")),
        ("{ max = 0.5 }", {"units": 1.0}, (500_000, "estimated")),  # of two pictures one was billed
        ("{ max = 0.5 }", {"units": 8.0}, (1_000_000, "estimated")),  # units of another kind
        ("{ }", {"units": 8.0}, (None, "unknown")),
    ],
)
def test_what_is_said_beats_what_is_counted_and_that_the_plan(price: str, told: dict[str, Any], cost: Cost) -> None:
    assert settled(price, answered(**told)) == cost


def test_buzz_is_worth_what_the_configuration_says() -> None:
    offer = made_up('price = { currency = "BUZZ", per_image = 1 }')
    made = planned({}, replace(offer, price=offer.price.in_dollars(0.002)))
    assert cost_of(answered(cost=18.0, currency="BUZZ"), made, 2) == (36_000, "charged")


TOKENS = "{ max = 1, tokens = { text_in = 5, image_in = 8, text_out = 10, image_out = 32 } }"


@pytest.mark.parametrize(
    ("usage", "micros"),
    [
        (
            {
                "input_tokens": 1010,
                "input_tokens_details": {"text_tokens": 10, "image_tokens": 1000},
                "output_tokens": 2000,
                "output_tokens_details": {"image_tokens": 2000, "text_tokens": 0},
            },
            50 + 8_000 + 64_000,
        ),
        ({"input_tokens": 1000, "output_tokens": 1000}, 8_000 + 32_000),
        ({"input_tokens": 10, "input_tokens_details": {"text_tokens": 99}, "output_tokens": 0}, 50),
        ({"input_tokens": 10, "input_tokens_details": {"text_tokens": -1}, "output_tokens": 0}, 80),
    ],
)
def test_tokens_are_charged_by_kind(usage: dict[str, Any], micros: int) -> None:
    assert settled(TOKENS, answered(extra={"usage": usage})) == (micros, "published")


NO_COUNTS: list[object] = [None, 3, "many", {"input_tokens": 1}, {"input_tokens": "1", "output_tokens": 1}]
WRONG = (-1, 1.5, True, 2**80, float("nan"))


@pytest.mark.parametrize("usage", [*NO_COUNTS, *({"input_tokens": 1, "output_tokens": wrong} for wrong in WRONG)])
def test_tokens_that_are_no_counts_leave_the_plan(usage: object) -> None:
    cost = settled(TOKENS, answered(extra={"usage": usage}), prompt="a fox")
    assert cost == (2 * (1_000_000 + 10), "estimated")


@pytest.mark.parametrize("less_sure", BASES[:-1])
def test_a_sum_is_as_sure_as_its_less_sure_part(less_sure: Any) -> None:
    assert Cost(1, "charged").plus(Cost(2, less_sure)) == (3, less_sure)
    assert Cost(1, less_sure).plus(Cost(2, "charged")) == (3, less_sure)
    assert Cost(1, less_sure).plus(Cost(None, "unknown")) == (None, "unknown")
