"""The offers of local workers say what the engine `diffusers` draws: neither table can change alone."""

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from normalizers.aliases import SPELLINGS
from normalizers.offer import Offer
from providers.registry import BUILT_IN
from tests.normalizers.offers import FOX, MODELS, OFFERS, planned, refusal
from workers.engine import SEEDS
from workers.wire import FORMATS, MOST_IMAGES

WORKERS = Path(__file__).parents[2] / "workers"
TABLES: dict[str, dict[str, Any]] = tomllib.loads((WORKERS / "diffusion" / "families.toml").read_text())
FAMILY_OF = {
    "qwen-image": "qwen-image",
    "qwen-image-2512": "qwen-image",
    "qwen-image-tiny": "qwen-image",
    "qwen-image-edit": "qwen-image-edit",
    "qwen-image-edit-plus": "qwen-image-edit-plus",
    "qwen-image-edit-2511": "qwen-image-edit-plus",
    "qwen-image-2.1": "qwen-image-2.1",
    "flux-dev": "flux",
    "sdxl": "sdxl",
}
LOCAL = {key: offer for key, offer in OFFERS.items() if offer.provider == "local" and offer.model != "sketch"}
GENERATE = [key for key, offer in LOCAL.items() if offer.operation == "generate"]
WITH_PICTURES = [key for key in LOCAL if key not in GENERATE]
TINY = WORKERS / "tiny" / "qwen-image-tiny" / "easel.toml"


def family(offer: Offer) -> dict[str, Any]:
    """As workers/diffusion/families.py reads it: over what it is like, and under what a model says of itself."""
    own = TABLES[FAMILY_OF[offer.model]]
    itself = tomllib.loads(TINY.read_text()) if offer.model == "qwen-image-tiny" and TINY.is_file() else {}
    return {**TABLES.get(own.get("like", ""), {}), **own, **itself}


def test_every_family_is_offered() -> None:
    assert set(FAMILY_OF.values()) == set(TABLES)
    assert {offer.model for offer in LOCAL.values()} == set(FAMILY_OF)


@pytest.mark.parametrize("key", LOCAL)
def test_limits_and_defaults_are_the_familys(key: str) -> None:
    offer, facts = LOCAL[key], family(LOCAL[key])
    tiny = offer.model == "qwen-image-tiny" and not TINY.is_file()  # until it says so itself
    limits = offer.canvas.limits
    assert limits.step == facts["multiple_of"]
    if not tiny:
        assert (limits.low, limits.high) == (facts["shortest_side"], facts["longest_side"])
        assert offer.rules["num_inference_steps"].default == facts["steps"]
    assert limits.high * limits.high <= facts["most_pixels"] or limits.area_high == facts["most_pixels"]
    told = refusal({**with_pictures(offer), "num_inference_steps": facts["most_steps"] + 1}, offer).reason
    assert f"from 1 to {facts['most_steps']}" in told
    guided = offer.rules["guidance" if "guidance" in facts else "cfg_scale"]
    assert guided.default == facts.get("guidance", facts["cfg_scale"])
    assert (offer.seed_range, offer.count.max, offer.count.seeds) == ((0, SEEDS - 1), MOST_IMAGES, "increments")
    assert set(offer.output.native) == set(FORMATS)
    assert planned({"image": [FOX], **with_pictures(offer)} if with_pictures(offer) else {}, offer).price == 0


@pytest.mark.parametrize("key", LOCAL)
def test_words_are_the_engines(key: str) -> None:
    offer, facts = LOCAL[key], family(LOCAL[key])
    assert set(offer.rules["scheduler"].table.values()) == set(facts["schedulers"])
    assert offer.rules["acceleration"].works == facts["caches_blocks"]
    assert offer.rules["loras"].works == (facts["most_loras"] > 0)
    if facts["most_loras"]:
        assert offer.rules["loras"].table["max_items"] == facts["most_loras"]


@pytest.mark.parametrize("key", LOCAL)
def test_operations_are_those_that_there_are_pipelines_for(key: str) -> None:
    offer, facts = LOCAL[key], family(LOCAL[key])
    pipelines = facts["pipelines"]
    if offer.operation == "generate":
        assert "text" in pipelines
        assert offer.rules["control_nets"].works == ("control" in pipelines)
    elif offer.operation == "image_to_image":
        assert "image" in pipelines
        assert offer.rules["strength"].default == facts["strength"]
    else:
        assert "references" in pipelines or ("mask" in pipelines and "mask or outpaint" in offer.needs)
    if offer.operation != "generate":
        assert not offer.rules["mask"].works or "mask" in pipelines
        assert offer.rules["strength"].works == ("image" in pipelines)
        assert offer.rules["outpaint"].works == offer.rules["mask"].works
        most = offer.rules["image"].table.get("max_items", 1)
        assert most == facts["most_images"]


@pytest.mark.parametrize("key", GENERATE)
def test_a_default_size_is_the_familys(key: str) -> None:
    offer = LOCAL[key]
    if offer.model != "qwen-image-tiny" or TINY.is_file():
        assert MODELS[offer.model].default_size == tuple(family(offer)["default_size"])
    assert offer.canvas.limits.legal(*(MODELS[offer.model].default_size or (0, 0)))


@pytest.mark.parametrize("key", LOCAL)
def test_one_word_means_the_same_at_every_offer_of_a_model(key: str) -> None:
    """`guidance_scale` is real guidance or that of a distilled model: that is up to the model, not to who serves it."""
    offer = LOCAL[key]
    others = [other for other in OFFERS.values() if other.model == offer.model and other.provider in BUILT_IN]
    meanings = Counter(meant for other in others if other is not offer and (meant := guidance_meant(other)))
    assert not meanings or meanings.most_common(1)[0][0] == guidance_meant(offer)


def guidance_meant(offer: Offer) -> str | None:
    return next((name for name in SPELLINGS["guidance_scale"].names if offer.rules[name].works), None)


def with_pictures(offer: Offer) -> dict[str, Any]:
    if offer.operation == "generate":
        return {}
    return {"image": [FOX], **({"mask": FOX} if offer.needs else {})}
