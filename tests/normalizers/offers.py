"""The real tables, read once, and offers made up for what no real one has."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from normalizers.asked import Options, read_asked
from normalizers.catalog import Catalog, make_catalog
from normalizers.errors import NormalizerError
from normalizers.offer import Offer
from normalizers.parameters import NEEDS_ROW, STRUCTURED
from normalizers.plan import Plan, plan
from normalizers.rules import Decision, How
from normalizers.source import Source
from normalizers.tables import parse, read_models, read_offer, read_offers
from providers import registry
from providers.registry import BUILT_IN, ProviderSettings

PROVIDERS = Path(__file__).parents[2] / "providers"
MODELS = read_models((PROVIDERS / "models.toml").read_bytes(), "providers/models.toml")
FOX = Source("f" * 64, "png", 1200, 800, 90_000)


def built_in_offers() -> list[Offer]:
    return [
        offer
        for slug in BUILT_IN
        for offer in read_offers((PROVIDERS / slug / "models.toml").read_bytes(), slug, slug, MODELS)
    ]


def dialect_offers() -> list[Offer]:
    """`qwen-image` on a server of each dialect; the server is named after it."""
    document = parse((PROVIDERS / "openai_compatible" / "models.toml").read_bytes(), "dialects")
    servers = [
        ProviderSettings(f"my-{row['name']}", "openai_compatible", dialect=row["name"], models={"qwen-image": "qwen"})
        for row in document["dialect"]
    ]
    return [offer for server in servers for offer in registry.dialect_offers(server, MODELS)]


ALL_OFFERS = [*built_in_offers(), *dialect_offers()]
CATALOG: Catalog = make_catalog(ALL_OFFERS, MODELS, {})
OFFERS: dict[str, Offer] = {f"{offer.id} {offer.operation}": offer for offer in ALL_OFFERS}
GENERATE: dict[str, Offer] = {offer.id: offer for offer in ALL_OFFERS if offer.operation == "generate"}


def with_picture(offer: Offer) -> dict[str, Any]:
    """What an edit needs beside its prompt; a table without `sources` has not learned to take pictures yet."""
    if offer.operation == "generate":
        return {}
    masked = {"mask": FOX} if any(needed.startswith("mask") for needed in offer.needs) else {}
    return {"image": [FOX] if offer.sources.ways else "https://example.com/a.png", **masked}


def planned(
    body: dict[str, Any], offer: str | Offer, *, strict: bool = False, keep: bool = True, prompted: bool = True
) -> Plan:
    """The plan of a body, to which a model is added if it is missing, and so is a prompt unless it needs none."""
    fields = {"model": "m", **({"prompt": "a fox"} if prompted else {}), **body}
    asked = read_asked(fields, prompt_needed=prompted)
    found = GENERATE[offer] if isinstance(offer, str) else offer
    return plan(asked, found, Options(strict=strict, keep=keep), CATALOG.known)


def refusal(body: dict[str, Any], offer: str | Offer, *, strict: bool = False) -> NormalizerError:
    """The error that a body gets."""
    try:
        made = planned(body, offer, strict=strict)
    except NormalizerError as error:
        return error
    raise AssertionError(f"{body} was planned as {made.payload}")


def carried(offer: str, asked_as: str, asked: Any, *, sent: tuple[str, Any], behavior: How) -> None:
    """One parameter alone: where it is sent, the value and its JSON type, and what the plan says of it."""
    made = planned({asked_as: asked}, offer)
    [call] = made.calls()
    place, expected = sent
    found = sent_at(call.payload, place)
    assert found == expected
    assert type(found) is type(expected)
    row = row_of(made, asked_as)
    assert (row.behavior, row.asked, row.sent_as, row.sent) == (behavior, asked, place, expected)


def sent_at(payload: Mapping[str, Any], path: str) -> Any:
    """The value of a wire field such as `parameters.size`, or None."""
    value: Any = payload
    for step in path.split("."):
        if not isinstance(value, dict) or step not in value:
            return None
        value = value[step]  # pyright: ignore[reportUnknownVariableType]
    return value  # pyright: ignore[reportUnknownVariableType]


def row_of(made: Plan, given_as: str) -> Decision:
    """The one row of a field."""
    (row,) = (decision for decision in made.decisions if decision.given_as == given_as)
    return row


def made_up(text: str = "", *, params: str = "") -> Offer:
    """An offer of a single TOML row, every parameter passed through where `params` says nothing else."""
    rows: dict[str, Any] = {name: {"how": "passthrough"} for name in NEEDS_ROW - STRUCTURED}
    row: dict[str, Any] = {
        "model": "made-up",
        "upstream": "made/up",
        "source": "no page",
        "checked": tomllib.loads("day = 2026-11-21")["day"],
        "canvas": {"kind": "free"},
        **tomllib.loads(text),
    }
    row["params"] = {**rows, **tomllib.loads(params)}
    return read_offer(row, "made-up", "nowhere", {})
