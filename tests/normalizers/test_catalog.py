"""Finding a model by its public id, or at a provider that is named."""

from dataclasses import replace

import pytest

from normalizers.catalog import UnknownModel, make_catalog
from tests.normalizers.offers import CATALOG, MODELS, built_in_offers, made_up


def ids(model: str) -> list[str]:
    return [offer.id for offer in CATALOG.find(model, "generate").offers]


def test_a_public_id_has_all_its_offers_in_the_order_of_the_providers() -> None:
    found = CATALOG.find("qwen-image", "generate")
    assert [offer.provider for offer in found.offers][:3] == ["local", "fal", "lumenfall"]
    assert not found.forced
    assert found.entry.facts.title == "Qwen-Image"


def test_a_named_provider_is_the_only_one() -> None:
    found = CATALOG.find("lumenfall/qwen-image", "generate")
    assert ([offer.id for offer in found.offers], found.forced) == (["lumenfall/qwen-image"], True)


def test_an_operation_has_its_own_offers() -> None:
    found = CATALOG.find("fal/qwen-image", "image_to_image")
    assert [offer.upstream for offer in found.offers] == ["fal-ai/qwen-image/image-to-image"]
    assert CATALOG.find("qwen-image-edit", "generate").offers == ()


def test_an_exact_id_wins_over_provider_and_model() -> None:
    plain = replace(made_up(), model="fox", provider="den")
    slashed = replace(made_up(), model="den/fox", provider="elsewhere")
    catalog = make_catalog([plain, slashed], {}, {})
    found = catalog.find("den/fox", "generate")
    assert ([offer.id for offer in found.offers], found.forced) == (["elsewhere/den/fox"], False)
    forced = catalog.find("elsewhere/den/fox", "generate")
    assert ([offer.id for offer in forced.offers], forced.forced) == (["elsewhere/den/fox"], True)
    assert [offer.id for offer in catalog.find("fox", "generate").offers] == ["den/fox"]


@pytest.mark.parametrize(
    ("model", "near"),
    [
        ("qwen-imag", "qwen-image"),
        ("Qwen-Image", "qwen-image"),
        ("qwenimage", "qwen-image"),
        ("fal/qwen-imge", "qwen-image"),
        ("flux-dv", "flux-dev"),
        ("gpt-image-3", "gpt-image-2"),
        ("openai/flux-dev", "flux-dev"),  # a provider that does not offer it
    ],
)
def test_an_unknown_model_names_the_nearest(model: str, near: str) -> None:
    with pytest.raises(UnknownModel) as unknown:
        CATALOG.find(model, "generate")
    assert unknown.value.param == "model"
    assert near in unknown.value.reason


@pytest.mark.parametrize("model", ["/", "//", "x" * 1_000_000, "\ud800", "fal/", "/qwen-image", "\0"])
def test_any_text_may_be_asked_for(model: str) -> None:
    with pytest.raises(UnknownModel) as unknown:
        CATALOG.find(model, "generate")
    assert len(unknown.value.reason) < 400
    unknown.value.reason.encode()


def test_a_route_replaces_the_order_and_leaves_out_others() -> None:
    catalog = make_catalog(built_in_offers(), MODELS, {"qwen-image": ("lumenfall",)})
    assert [offer.id for offer in catalog.find("qwen-image", "generate").offers] == ["lumenfall/qwen-image"]


def test_the_catalog_knows_native_fields_and_slugs() -> None:
    assert CATALOG.known.fields["use_turbo"] == ("fal",)
    assert {"fal", "openai", "lumenfall", "local"} <= CATALOG.known.slugs
    assert "prompt" not in CATALOG.known.fields


def test_a_model_without_facts_is_its_providers() -> None:
    facts = make_catalog([made_up()], {}, {}).find("made-up", "generate").entry.facts
    assert (facts.id, facts.title, facts.owner) == ("made-up", "made-up", "nowhere")
