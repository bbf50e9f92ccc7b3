"""Prices before anything is drawn: the worked examples of the providers' own pages, and what must hold of any price."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizers.errors import TableError
from normalizers.price import Facts, Price, Quote, configured_price, dollars, word
from normalizers.price_formula import formula_of
from normalizers.price_table import PriceTable
from normalizers.token_prices import TokenPrices
from tests.normalizers.offers import OFFERS, made_up, planned

SQUARE = (1024, 1024)


def price(**table: Any) -> Price:
    return PriceTable.model_validate(table).price


@pytest.mark.parametrize(
    ("table", "pixels", "micros"),
    [
        ({"per_image": 0.04}, SQUARE, 40_000),
        ({"per_image": 0.04}, None, 40_000),
        ({"per_megapixel": 0.02}, SQUARE, 20_000),
        ({"per_megapixel": 0.02}, (1000, 1000), 19_074),  # 19,073.49: never less than it will cost
        ({"per_megapixel": 0.02, "whole_megapixels": True}, (1000, 1000), 20_000),
        ({"per_megapixel": 0.02, "whole_megapixels": True}, (1025, 1024), 40_000),
        ({"per_megapixel": 0.02, "megapixel": 1_000_000}, (1000, 1000), 20_000),
        ({"per_megapixel": 0.02}, None, None),  # `auto`: nobody knows the size
        ({"per_megapixel": 0.02, "max": 0.10}, None, 100_000),
        ({"per_image": 0.01, "per_megapixel": 0.02}, (1024, 512), 20_000),
        ({"per_image": 0}, SQUARE, 0),
        ({}, SQUARE, None),
        ({"max": 0.25}, SQUARE, 250_000),
    ],
)
def test_one_picture(table: dict[str, Any], pixels: tuple[int, int] | None, micros: int | None) -> None:
    assert price(**table).one(Facts(pixels)).micros == micros


@pytest.mark.parametrize(
    ("table", "basis"),
    [
        ({"per_image": 0.04}, "published"),
        ({"per_image": 0.04, "estimated": True}, "estimated"),
        ({"max": 0.25}, "estimated"),
        ({"per_megapixel": 0.04, "max": 0.25}, "estimated"),  # where the size is unknown, the maximum is an estimate
        ({"per_megapixel": 0.04}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_what_a_price_rests_on_is_told(table: dict[str, Any], basis: str) -> None:
    assert price(**table).one(Facts()).basis == basis


# ---- Civitai developer docs, Qwen image generation: "Cost" ----------------------------------------------------------

CREATE = {"currency": "BUZZ", "per_image": 30, "at_pixels": 1328 * 1328, "at_steps": 20, "whole_units": True}
EDIT = {**CREATE, "per_image": 40, "at_pixels": 1024 * 1024, "per_source": 0.1}


@pytest.mark.parametrize(
    ("table", "pixels", "sources", "buzz"),
    [
        (CREATE, (1024, 1024), 0, 18),
        (CREATE, (1328, 1328), 0, 30),
        (EDIT, (1024, 1024), 1, 40),
        (EDIT, (1024, 1024), 3, 48),
    ],
)
def test_the_worked_examples_of_civitai(
    table: dict[str, Any], pixels: tuple[int, int], sources: int, buzz: int
) -> None:
    made = price(**table).in_dollars(0.001)
    assert made.one(Facts(pixels, steps=Fraction(20), sources=sources)) == (buzz * 1000, "published")


def test_four_pictures_of_civitai_are_72_buzz() -> None:
    offer = made_up(
        'price = { currency = "BUZZ", per_image = 30, at_pixels = 1763584, at_steps = 20, whole_units = true }',
        params='num_inference_steps = { how = "renamed", to = "steps", default = 20 }',
    )
    assert planned({"n": 4, "size": "1024x1024"}, offer).cost == 72_000_000
    assert planned({"size": "1024x1024", "num_inference_steps": 40}, offer).cost == 36_000_000


def test_steps_that_nobody_knows_leave_the_maximum() -> None:
    made = price(**CREATE, max=99)
    assert made.one(Facts(SQUARE)) == (99_000_000, "estimated")
    assert price(**CREATE).one(Facts(SQUARE)) == (None, "unknown")


@pytest.mark.parametrize(
    ("cfg_scale", "loras", "sources", "buzz"),
    [("1", "none", 0, 12), ("2.5", "none", 0, 24), ("1", "none", 2, 36), ("1", "2", 0, 24), ("none", "0", 0, 24)],
)
def test_factors_by_words_and_every_source_picture(cfg_scale: str, loras: str, sources: int, buzz: int) -> None:
    """flux2Klein: stepCost × steps × (pictures + 1) × (1 if cfgScale = 1 else 2); Civitai's Flux 2 guide."""
    made = price(
        currency="BUZZ",
        per_step=0.6,
        per_source=1,
        free_sources=0,
        factors={"cfg_scale": {"1": 1, "other": 2}, "loras": {"none": 1, "0": 1, "other": 2}},
    )
    facts = Facts(steps=Fraction(20), sources=sources, words={"cfg_scale": cfg_scale, "loras": loras})
    assert made.one(facts).micros == buzz * 1_000_000


def test_a_word_without_a_factor_is_not_guessed() -> None:
    made = price(per_image=1, factors={"acceleration": {"none": 1}}, max=3)
    assert made.one(Facts(words={"acceleration": "high"})) == (3_000_000, "estimated")


# ---- Tables by words ------------------------------------------------------------------------------------------------

BY_QUALITY = {"by": ["quality", "size"], "images": {"low 1024x1024": 0.009, "high 1024x1024": 0.133}, "max": 0.2}


@pytest.mark.parametrize(
    ("quality", "pixels", "quote"),
    [
        ("low", SQUARE, (9_000, "published")),
        ("high", SQUARE, (133_000, "published")),
        ("high", (1536, 1024), (200_000, "estimated")),
        ("auto", SQUARE, (200_000, "estimated")),
        ("low", None, (200_000, "estimated")),
    ],
)
def test_a_price_by_quality_and_size(quality: str, pixels: tuple[int, int] | None, quote: tuple[int, str]) -> None:
    assert price(**BY_QUALITY).one(Facts(pixels, words={"quality": quality})) == quote


@pytest.mark.parametrize(
    ("pixels", "micros"),
    [((1024, 1024), 100_000), ((1025, 1024), 200_000), ((4096, 4096), 400_000), ((5000, 5000), None)],
)
def test_a_price_by_the_smallest_tier_that_holds_the_picture(pixels: tuple[int, int], micros: int | None) -> None:
    made = price(by=["tier"], tiers=["4K", "1K", "2K"], images={"1K": 0.1, "2K": 0.2, "4K": 0.4})
    assert made.one(Facts(pixels)).micros == micros


def test_the_word_that_is_sent_decides_and_not_the_one_that_was_given() -> None:
    offer = made_up(
        'price = { by = ["quality"], images = { low = 0.1, high = 0.3 } }',
        params='quality = { how = "converted", to = "quality", by = "lookup", table = { low = "low", hd = "high" }, '
        'default = "low" }',
    )
    assert planned({"quality": "hd"}, offer).price == 300_000
    assert planned({}, offer).price == 100_000


def test_tokens_of_the_prompt_and_of_source_pictures_add_up() -> None:
    tokens = {"text_in": 5, "image_in": 8, "image_out": 32, "source": 1000}
    made = price(per_image=0.009, tokens=tokens)
    assert made.one(Facts(prompt=4000, sources=2)).micros == 9_000 + 5_000 + 16_000
    most = price(max=0.5, tokens=tokens)
    assert most.one(Facts(prompt=4000, sources=2)) == (500_000 + 5_000 + 16_000, "estimated")
    assert TokenPrices(text_in=Fraction(5), image_out=Fraction(32)).amount(text_in=1_000_000) == 5


# ---- Tables that cannot be ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{ at_steps = 20 }", "has no figure"),
        ('{ by = ["quality"], per_image = 1 }', "need each other"),
        ('{ by = ["quality"], images = { low = 1 }, per_image = 1 }', "takes the place"),
        ('{ by = ["quality", "size"], images = { low = 1 } }', "not a word for each"),
        ('{ by = ["tier"], images = { 1K = 1 } }', "`tiers` need each other"),
        ("{ per_image = 1, whole_megapixels = true }", "without `per_megapixel`"),
        ("{ per_image = 1, factors = { size = { other = 1 } } }", "`at_pixels`"),
        ("{ per_image = 1, factors = { colour = { other = 1 } } }", "has no row"),
        ("{ per_image = 1, per_source = -1 }", "greater than or equal to 0"),
        ("{ per_image = 1, per_image_by = 1 }", "Extra inputs"),
        ('{ per_image = 1, currency = "EUR" }', "USD"),
    ],
)
def test_tables_that_would_lie_stop_the_start(text: str, says: str) -> None:
    with pytest.raises(TableError, match=says):
        made_up(f"price = {text}")


# ---- What must hold of any price ------------------------------------------------------------------------------------

AMOUNTS = st.floats(0, 1000, allow_nan=False, width=32).map(lambda amount: round(amount, 4))
SIDES = st.integers(1, 14_142)
TABLES = st.fixed_dictionaries(
    {"per_image": AMOUNTS},
    optional={
        "per_megapixel": AMOUNTS,
        "per_step": AMOUNTS,
        "at_pixels": st.integers(1, 2**26),
        "at_steps": st.integers(1, 150),
        "per_source": st.floats(0, 10, width=16),
        "whole_units": st.booleans(),
        "max": AMOUNTS,
    },
)


KNOWN = st.builds(
    Facts,
    pixels=st.tuples(SIDES, SIDES),
    steps=st.integers(1, 999).map(Fraction),
    sources=st.integers(0, 15),
)


@given(TABLES, KNOWN, st.sampled_from([1, 0.001, 0.14]))
def test_more_never_costs_less_and_nothing_costs_less_than_nothing(
    table: dict[str, Any], facts: Facts, rate: float
) -> None:
    made = price(**table).in_dollars(rate)

    def micros(**more: Any) -> int:
        quoted = made.one(replace(facts, **more)).micros
        assert isinstance(quoted, int)
        return quoted

    width, height = facts.pixels or SQUARE
    one = micros()
    assert one >= 0
    assert micros(pixels=(width + 8, height)) >= one
    assert micros(steps=(facts.steps or 0) + 1) >= one
    assert micros(sources=facts.sources + 1) >= one


@given(TABLES, SIDES, SIDES)
def test_a_quote_is_never_below_the_exact_amount(table: dict[str, Any], width: int, height: int) -> None:
    made = price(**table)
    facts = Facts((width, height), Fraction(20))
    amount = made.amount(facts)
    assert amount is not None
    assert 0 <= made.one(facts).micros - amount * 1_000_000 < 1  # pyright: ignore[reportOptionalOperand] - an amount has a quote


# ---- Money ----------------------------------------------------------------------------------------------------------


def test_a_price_in_another_currency_becomes_dollars() -> None:
    offer = made_up('price = { per_image = 0.25, max = 1, currency = "CNY" }')
    assert offer.price.currency == "CNY"
    made = offer.price.in_dollars(0.14)
    assert (made.one(Facts()).micros, made.own) == (35_000, ("CNY", Fraction(14, 100)))
    assert price(per_megapixel=1, currency="CNY", whole_megapixels=True).in_dollars(0.5).one(Facts((1025, 1024))) == (
        1_000_000,
        "published",
    )


def test_the_users_price_wins_and_is_in_dollars() -> None:
    table = price(**CREATE).in_dollars(0.001)
    made = configured_price(0.02, None, None, table)
    assert made.one(Facts()) == Quote(20_000, "configured")
    assert made.own == ("BUZZ", Fraction(1, 1000))
    assert configured_price(None, None, 0.5, table).one(Facts()) == (500_000, "estimated")


@pytest.mark.parametrize(
    ("amount", "micros"), [(0.02, 20_000), (0.000001, 1), (0.1 + 0.2, 300_000), (None, 0), (12, 12_000_000)]
)
def test_dollars_are_whole_micro_dollars(amount: float | None, micros: int) -> None:
    assert dollars(amount) == micros


@pytest.mark.parametrize(
    ("value", "written"),
    [("high", "high"), (2.0, "2"), (2.5, "2.5"), (True, "true"), ([1, 2], "2"), ({}, "0"), (None, "none")],
)
def test_words(value: object, written: str) -> None:
    assert word(value) == written


@pytest.mark.parametrize(
    ("table", "formula"),
    [
        ({"per_image": 0.04}, "0.04 USD a picture"),
        ({"per_megapixel": 0.02, "whole_megapixels": True}, "0.02 × begun megapixels USD a picture"),
        (CREATE, "30 × pixels / 1763584 × steps / 20 BUZZ a picture"),
        (
            {**EDIT, "per_step": 1},
            "(40 + 1 × steps) × pixels / 1048576 × steps / 20 × (1 + 0.1 × source pictures beyond 1) BUZZ a picture",
        ),
        ({"max": 3}, None),
    ],
)
def test_the_formula_for_people(table: dict[str, Any], formula: str | None) -> None:
    assert formula_of(price(**table)) == formula


# ---- Plans ----------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("model", "asked", "micros"),
    [
        ("gpt-image-1-mini", {"quality": "low"}, 5_004),  # 5 bytes of prompt are two tokens, at 2 dollars a million
        ("gpt-image-1.5", {"quality": "hd", "size": "1536x1024"}, 200_010),
        ("gpt-image-2", {"quality": "medium"}, 53_010),
        ("gpt-image-1.5", {}, 200_010),  # `auto` may be anything
        ("gpt-image-2", {"quality": "low", "size": "2048x2048"}, 500_010),
    ],
)
def test_gpt_image_by_quality_and_size(model: str, asked: dict[str, Any], micros: int) -> None:
    made = planned({"size": "1024x1024", **asked}, f"openai/{model}")
    assert made.quote == (micros, "estimated")


@pytest.mark.parametrize("name", sorted(OFFERS))
def test_every_offer_has_a_price_or_a_maximum_or_is_a_server_of_the_users(name: str) -> None:
    offer = OFFERS[name]
    assert offer.price.basis != "unknown" or offer.provider.startswith("my-")
