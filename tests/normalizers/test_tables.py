"""The real tables: they load, name their source, and have a row for everything that a caller may send."""

import re
from datetime import date

import pytest

from normalizers.canvas import read_tier
from normalizers.errors import TableError
from normalizers.offer import INT32, Offer
from normalizers.parameters import GATEWAY_FIELDS, NEEDS_ROW, PARAMETERS, STRUCTURED
from normalizers.rules import ABSENT
from normalizers.split import seed_of
from normalizers.tables import merge, parse, read_models, read_offers
from providers.registry import BUILT_IN
from tests.normalizers.offers import (
    ALL_OFFERS,
    GENERATE,
    MODELS,
    PROVIDERS,
    made_up,
    planned,
    refusal,
    sent_at,
    with_picture,
)


def test_every_providers_folder_with_a_table_is_read_here() -> None:
    folders = {path.parent.name for path in PROVIDERS.glob("*/models.toml")}
    assert set(BUILT_IN) | {"openai_compatible"} == folders
    assert {offer.provider for offer in ALL_OFFERS} >= set(BUILT_IN)


@pytest.mark.parametrize("offer", ALL_OFFERS, ids=repr)
def test_every_parameter_has_a_row(offer: Offer) -> None:
    assert set(offer.rules) >= NEEDS_ROW - STRUCTURED
    assert not set(offer.rules) & (STRUCTURED | GATEWAY_FIELDS)


@pytest.mark.parametrize("offer", ALL_OFFERS, ids=repr)
def test_every_offer_names_its_source_and_the_day_it_was_checked(offer: Offer) -> None:
    assert offer.source
    assert date.fromisoformat(offer.checked) <= date(2026, 11, 21)


@pytest.mark.parametrize("offer", ALL_OFFERS, ids=repr)
def test_every_offer_serves_the_plainest_request(offer: Offer) -> None:
    prompted = offer.rules["prompt"].works
    (call,) = planned(with_picture(offer), offer, strict=True, prompted=prompted).calls()
    if prompted:
        assert "a fox" in str(sent_at(call.payload, ".".join(offer.rules["prompt"].to)))
    assert not offer.count.to or sent_at(call.payload, offer.count.to) == 1


@pytest.mark.parametrize("offer", ALL_OFFERS, ids=repr)
def test_reasons_are_for_callers(offer: Offer) -> None:
    """A clause that can follow a colon."""
    for name, rule in offer.rules.items():
        if not rule.works:
            assert re.fullmatch(r"(?:[a-z]|OpenAI|Qwen|FLUX|GPT|Lumenfall).*[^.\s]", rule.because), name


@pytest.mark.parametrize("offer", [offer for offer in ALL_OFFERS if offer.operation != "generate"], ids=repr)
def test_reasons_are_those_of_an_operation_with_pictures(offer: Offer) -> None:
    """It never says that there are none, nor sends its caller where the caller is."""
    for name, rule in offer.rules.items():
        if not rule.works:
            assert not re.search(r"draws from text alone|send \w+ to /v1/images/edits|is no source", rule.because), name


@pytest.mark.parametrize("offer", ALL_OFFERS, ids=repr)
def test_defaults_are_legal(offer: Offer) -> None:
    for name, rule in offer.rules.items():
        if rule.check and rule.default is not ABSENT:
            assert rule.check(rule.default) is None, name
    if offer.canvas.default and offer.canvas.kind == "pixels":
        assert offer.canvas.default in offer.canvas.pixels
    elif offer.canvas.default:
        assert offer.canvas.limits.legal(*offer.canvas.default)


def test_qwen_images_own_size_table_holds_wherever_pixels_are_sent() -> None:
    """A provider of ratios draws what it likes: its pixels are known only where its own page tells them."""
    for offer in GENERATE.values():
        if offer.model == "qwen-image" and offer.canvas.kind != "ratios":
            assert offer.canvas.sizes["4:3", read_tier("1K").area or 0] == (1183, 887)
            assert offer.canvas.default == (1024, 1024) or (1024, 1024) not in offer.canvas.pixels


def test_strength_is_honoured_beside_a_picture_or_refused() -> None:
    """How far a picture may leave its source decides which picture it is, so it is never left out."""
    for offer in ALL_OFFERS:
        if offer.operation != "generate":
            assert offer.rules["strength"].how != "dropped", offer.id


def test_an_edit_has_no_default_size_and_no_borrowed_one() -> None:
    for offer in ALL_OFFERS:
        if offer.operation != "generate":
            assert offer.canvas.default is None
            assert offer.canvas.provider_default is None


def test_models_facts() -> None:
    assert MODELS["qwen-image"].owner == "alibaba"
    assert MODELS["qwen-image"].created == 1_754_265_600  # 2025-08-04
    assert len(MODELS["qwen-image"].sizes) == 7


def test_groups_are_laid_over_each_other_and_the_offer_over_them_all() -> None:
    text = """
        [group.first.params]
        style = { how = "dropped", because = "first" }
        quality = { how = "dropped", because = "first" }
        user = { how = "dropped", because = "first" }
        [group.second.params]
        quality = { how = "dropped", because = "second" }
        user = { how = "dropped", because = "second" }
        [[offer]]
        model = "fox"
        upstream = "den/fox"
        source = "https://example.com"
        checked = 2026-11-21
        canvas = { kind = "free" }
        groups = ["first", "second"]
        [offer.params]
        user = { how = "dropped", because = "own" }
    """
    shared = "[common.params]\n" + "\n".join(f'{name} = {{ how = "passthrough" }}' for name in NEEDS_ROW - STRUCTURED)
    (offer,) = read_offers(f"{shared}\n{text}".encode(), "den.toml", "den", {})
    assert [offer.rules[name].because for name in ("style", "quality", "user", "seed")] == [
        "first",
        "second",
        "own",
        "",
    ]


def test_an_offers_row_replaces_the_common_one_of_its_name() -> None:
    merged = merge(
        {"unknown": "open", "params": {"seed": {"how": "passthrough"}, "user": {"how": "passthrough"}}},
        {"unknown": "ignored", "params": {"seed": {"how": "dropped", "because": "none"}}},
    )
    assert merged == {
        "unknown": "ignored",
        "params": {"seed": {"how": "dropped", "because": "none"}, "user": {"how": "passthrough"}},
    }


def test_a_seed_without_a_range_is_of_31_bits_and_no_larger_one_is_wrapped() -> None:
    offer = made_up('count = { to = "n", max = 4 }')
    assert offer.seed_range == INT32
    assert "from 0 to 2147483647" in refusal({"seed": 2**31}, offer).reason
    assert planned({"seed": 2**31 - 1, "n": 2}, offer).seed_for(1) == seed_of(2**31 - 1, 1, *INT32) == 0


def test_a_row_may_narrow_a_parameter_and_never_widens_it() -> None:
    offer = made_up(params='strength = { how = "passthrough", range = [0, 5] }')
    assert "from 0 to 1" in refusal({"strength": 2}, offer).reason
    assert PARAMETERS["strength"].check(2) == "must be from 0 to 1"


def test_an_empty_file_has_no_offers_and_no_models() -> None:
    assert read_offers(b"", "x.toml", "x", {}) == ()
    assert read_models(b"", "x.toml") == {}
    assert parse(b"a = 1", "x.toml") == {"a": 1}


def test_a_table_error_carries_its_path() -> None:
    with pytest.raises(TableError) as wrong:
        parse(b"a = ", "x.toml")
    assert wrong.value.path == "x.toml"
    assert "Invalid value" in wrong.value.message
