"""Prices in micro-dollars, before anything is drawn."""

import pytest

from normalizers.price import Price, dollars, make_price
from tests.normalizers.offers import made_up, planned


@pytest.mark.parametrize(
    ("price", "size", "micros"),
    [
        (make_price(0.04, None, None), (1024, 1024), 40_000),
        (make_price(0.04, None, None), (None, None), 40_000),
        (make_price(None, 0.02, None), (1024, 1024), 20_000),
        (make_price(None, 0.02, None), (1000, 1000), 19_074),  # 19,073.49: never less than it will cost
        (make_price(None, 0.02, None, whole=True), (1000, 1000), 20_000),
        (make_price(None, 0.02, None, whole=True), (1025, 1024), 40_000),
        (make_price(None, 0.02, None), (None, None), None),  # `auto`: nobody knows the size
        (make_price(None, 0.02, 0.10), (None, None), 100_000),
        (make_price(0.01, 0.02, None), (1024, 512), 20_000),
        (make_price(0, None, None), (1024, 1024), 0),
        (make_price(None, None, None), (1024, 1024), None),
        (make_price(None, None, 0.25), (1024, 1024), 250_000),
    ],
)
def test_one_picture(price: Price, size: tuple[int | None, int | None], micros: int | None) -> None:
    assert price.one(*size) == micros


def test_only_a_maximum_is_not_a_published_price() -> None:
    assert make_price(0.04, None, None).published
    assert not make_price(None, None, 0.25).published


def test_a_price_in_another_currency_becomes_dollars() -> None:
    offer = made_up('price = { per_image = 0.25, max = 1, currency = "CNY" }')
    assert offer.price.currency == "CNY"
    price = offer.price.in_dollars(0.14)
    assert (price.currency, price.one(1024, 1024), price.max) == ("USD", 35_000, 140_000)
    assert make_price(None, 1, None, whole=True, currency="CNY").in_dollars(0.5).one(1025, 1024) == 1_000_000
    assert not make_price(None, None, 1, currency="CNY").in_dollars(0.5).published


@pytest.mark.parametrize(
    ("amount", "micros"), [(0.02, 20_000), (0.000001, 1), (0.1 + 0.2, 300_000), (None, 0), (12, 12_000_000)]
)
def test_dollars_are_whole_micro_dollars(amount: float | None, micros: int) -> None:
    assert dollars(amount) == micros


def test_what_is_drawn_is_paid_and_not_what_is_cut_from_it() -> None:
    offer = made_up(
        'price = { per_megapixel = 1 }\ncanvas = { kind = "pixels", pixels = [[1024, 1024], [2048, 1024]] }'
    )
    made = planned({"size": "900x450", "size_fit": "exact"}, offer)
    assert made.pixels == (900, 450)
    assert made.price == 2_000_000


def test_the_plan_of_qwen_image_on_fal() -> None:
    assert planned({"size": "1000x1000"}, "fal/qwen-image").price == 20_000
    assert planned({"size": "auto"}, "fal/qwen-image").price is None
    assert planned({}, "local/sketch").price == 0
