"""GET /v1/models and /v1/models/{id}: OpenAI's shape, and what each provider does with each parameter."""

from typing import Any

from starlette.types import Receive, Scope, Send

from gateway.api.auth import Keys
from gateway.api.estimate import price_row
from gateway.api.front import send_json
from gateway.errors import ModelNotFound
from gateway.flow.deps import Deps
from normalizers.catalog import Entry, UnknownModel
from normalizers.finishing import FORMATS
from normalizers.fit import Canvas
from normalizers.offer import Offer
from normalizers.parameters import PARAMETERS
from normalizers.rules import ABSENT, Rule
from normalizers.tables import STRUCTURED


class Models:
    name = "models"

    def __init__(self, at: Deps, keys: Keys) -> None:
        self.at = at
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.keys.caller(scope["headers"])
        data = [model_row(entry, self.at) for entry in self.at.catalog.entries.values()]
        await send_json(200, {"object": "list", "data": data}, send)


class Model:
    """The id may hold slashes, raw or as %2F; `provider/model` gives that provider's part alone."""

    name = "model"

    def __init__(self, at: Deps, keys: Keys) -> None:
        self.at = at
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.keys.caller(scope["headers"])
        wanted: str = scope["path_params"]["id"]
        await send_json(200, model_row(self.find(wanted), self.at), send)

    def find(self, wanted: str) -> Entry:
        catalog = self.at.catalog
        try:
            found = catalog.find(wanted, "generate")
        except UnknownModel as unknown:
            raise ModelNotFound(unknown.reason, param="model") from None
        if not found.forced:
            return found.entry
        provider = wanted.partition("/")[0]
        theirs = tuple(offer for offer in found.entry.offers if offer.provider == provider)
        return Entry(found.entry.facts, theirs)


def model_row(entry: Entry, at: Deps) -> dict[str, Any]:
    facts = entry.facts
    return {
        "id": facts.id,
        "object": "model",
        "created": facts.created,
        "owned_by": facts.owner,
        "title": facts.title,
        "providers": [offer_row(offer, at) for offer in entry.offers],
    }


def offer_row(offer: Offer, at: Deps) -> dict[str, Any]:
    parameters = {name: rule_row(rule) for name, rule in offer.rules.items()}
    return {
        "provider": offer.provider,
        "provider_name": at.titles[offer.provider],
        "id": offer.id,
        "operation": offer.operation,
        "available": offer.provider in at.adapters,
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
        "price": price_row(offer),
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
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["model", "prompt"],
        "properties": properties,
        "additionalProperties": offer.unknown != "rejected",
    }
