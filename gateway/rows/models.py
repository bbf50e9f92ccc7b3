"""Models as rows of JSON: sizes, prices, and what each provider does with each parameter."""

from collections.abc import Container, Mapping
from typing import Any

from gateway.rows.plans import named, price_row
from normalizers.catalog import Entry
from normalizers.convert_pictures import picture
from normalizers.finishing import FORMATS
from normalizers.fit import Canvas
from normalizers.offer import Offer
from normalizers.parameters import PARAMETERS, STRUCTURED
from normalizers.rules import ABSENT, Rule


def model_row(entry: Entry, titles: Mapping[str, str], available: Container[str]) -> dict[str, Any]:
    """OpenAI's shape; `titles` are providers' names for people, `available` the configured providers."""
    facts = entry.facts
    return {
        "id": facts.id,
        "object": "model",
        "created": facts.created,
        "owned_by": facts.owner,
        "title": facts.title,
        "providers": [
            offer_row(offer, titles[offer.provider], available=offer.provider in available) for offer in entry.offers
        ],
    }


def offer_row(offer: Offer, title: str, *, available: bool) -> dict[str, Any]:
    parameters = {name: rule_row(rule) for name, rule in offer.rules.items()}
    return {
        **named(offer, title),
        "operation": offer.operation,
        "available": available,
        "upstream": offer.upstream,
        "source": offer.source,
        "checked": offer.checked,
        "sizes": sizes(offer.canvas),
        "parameters": parameters,
        "n": {"max_per_call": offer.count.max, "seeds": offer.count.seeds},
        "output_formats": {
            "native": list(offer.output.native),
            "emulated": [name for name in FORMATS if name not in offer.output.native],
        },
        "sources": sources(offer),
        "price": price_row(offer.price),
        "request_schema": request_schema(offer),
    }


def rule_row(rule: Rule) -> dict[str, Any]:
    row: dict[str, Any] = {"behavior": rule.how, "sent_as": rule.sent_as}
    if rule.default is not ABSENT:
        row["default"] = rule.default
    if rule.because:
        row["note"] = rule.because
    if rule.works and rule.schema:
        row["schema"] = rule.schema
    return row


def sizes(canvas: Canvas) -> dict[str, Any]:
    """What the offer draws, by the kind of its canvas; pixels, and rows of its size table as `16:9@1K`-like pairs."""
    shown: dict[str, Any] = {"kind": canvas.kind}
    if canvas.kind in {"free", "names_and_free"}:
        limits = canvas.limits
        shown["limits"] = {
            "side": [limits.low, limits.high],
            "step": limits.step,
            "area": [limits.area_low, limits.area_high],
        }
    if canvas.pixels:
        shown["pixels"] = [f"{width}x{height}" for width, height in canvas.pixels]
    if canvas.names:
        shown["names"] = {name: f"{width}x{height}" for name, (width, height) in canvas.names.items()}
    if canvas.ratios:
        shown["ratios"] = list(canvas.ratios)
    if canvas.tiers:
        shown["tiers"] = list(canvas.tiers)
    if canvas.sizes:
        shown["table"] = [
            {"aspect_ratio": ratio, "pixels": area, "size": f"{width}x{height}"}
            for (ratio, area), (width, height) in canvas.sizes.items()
        ]
    shown["default"] = f"{canvas.default[0]}x{canvas.default[1]}" if canvas.default else None
    return shown


def sources(offer: Offer) -> dict[str, Any] | None:
    """Which pictures the offer takes, how many and whether with a mask; null where it draws from text alone."""
    if offer.operation == "generate":
        return None
    table = offer.rules["image"].table
    one = offer.rules["image"].convert is picture
    return {
        "min": table.get("min_items", 1),
        "max": 1 if one else table.get("max_items"),
        "formats": list(offer.sources.formats),
        "max_bytes": offer.sources.max_bytes,
        "sides": list(offer.sources.sides),
        "mask": offer.rules["mask"].works,
    }


def request_schema(offer: Offer) -> dict[str, Any]:
    """A JSON Schema of the bodies that this offer serves; refused parameters are not in it."""
    properties: dict[str, Any] = {"model": {"enum": [offer.model, offer.id]}}
    for name, parameter in PARAMETERS.items():
        rule = offer.rules.get(name)
        if parameter.gateway or name in STRUCTURED:
            properties[name] = dict(parameter.schema)
        elif rule is not None and rule.how != "refused":
            properties[name] = dict(rule.schema)
    for name, rule in offer.rules.items():
        if name not in PARAMETERS and rule.how != "refused":
            properties[name] = dict(rule.schema)
    always = [name for name in ("prompt", "image") if needed(name, offer)]
    always += [name for name in offer.needs if " or " not in name]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["model", *always],
        "properties": properties,
        "additionalProperties": offer.unknown != "rejected",
    }


def needed(name: str, offer: Offer) -> bool:
    """A prompt where the offer reads one, a picture unless it draws from text."""
    return offer.rules["prompt"].works if name == "prompt" else offer.operation != "generate"
