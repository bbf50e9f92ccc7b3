"""A server of the user's own is offered for what its dialect documents, or for what the configuration says."""

from collections.abc import Mapping
from typing import Any

import pytest

from normalizers.errors import TableError
from providers.registry import ProviderSettings, dialect_offers

DOCUMENTED = {
    "openai": ["generate", "edit"],
    "vllm-omni": ["generate", "edit"],
    "sglang": ["generate", "edit"],
    "sd-server": ["generate", "edit", "image_to_image"],
    "localai": ["generate", "edit", "image_to_image"],
    "xinference": ["generate", "edit", "image_to_image"],
    "lumenfall": ["generate", "edit"],
}


def server(dialect: str = "vllm-omni", **offers: Mapping[str, Any]) -> ProviderSettings:
    models = {"fox": "acme/fox", "owl": "acme/owl"}
    return ProviderSettings("mine", "openai_compatible", dialect=dialect, models=models, offers=offers)


def served(settings: ProviderSettings) -> list[tuple[str, str]]:
    return [(offer.model, offer.operation) for offer in dialect_offers(settings, {})]


@pytest.mark.parametrize("dialect", DOCUMENTED)
def test_each_model_is_offered_for_all_that_the_dialect_documents(dialect: str) -> None:
    expected = [(model, operation) for model in ("fox", "owl") for operation in DOCUMENTED[dialect]]
    assert served(server(dialect)) == expected


def test_a_model_may_be_for_some_operations_only() -> None:
    settings = server(fox={"operations": ["edit"]}, owl={"operations": ["generate", "generate"]})
    assert served(settings) == [("fox", "edit"), ("owl", "generate")]


def test_the_users_rows_are_over_those_of_every_operation() -> None:
    own = {"count": {"to": "n", "max": 2}, "params": {"seed": {"how": "dropped", "because": "it is fixed here"}}}
    offers = [offer for offer in dialect_offers(server(fox=own), {}) if offer.model == "fox"]
    assert [(offer.count.max, offer.rules["seed"].how) for offer in offers] == [(2, "dropped")] * 2
    assert [offer.rules["image"].how for offer in offers] == ["refused", "converted"]


@pytest.mark.parametrize("wrong", [["image_to_image"], [], "edit", ["edit", 1], {"edit": True}, [["edit"]]])
def test_operations_that_it_has_not(wrong: object) -> None:
    with pytest.raises(TableError, match=r"providers\.mine\.offers\.operations: must be a list of generate, edit"):
        dialect_offers(server(fox={"operations": wrong}), {})
