"""The loader of models.toml: a bad row stops the start, with its path.

A file holds `[common]` (settings and rows that all its offers share) and one `[[offer]]` a model and operation, each
with its canvas, count, output and `[offer.params]`. An offer's row replaces the common one of the same name. Offers
that share more name it in `groups`: each `[group.NAME]` is laid over what comes before it, the offer over them all.
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from normalizers.canvas import ONE_K, read_tier
from normalizers.errors import TableError
from normalizers.fit import Canvas, Pixels
from normalizers.offer import INT32, Count, Delivery, ModelFacts, Offer, Output
from normalizers.parameters import NEEDS_ROW, STRUCTURED
from normalizers.rows import make_rule
from normalizers.rules import ABSENT, Default, Rule
from normalizers.schema import ModelRow, OfferTable
from normalizers.source import Sources

Table = TypeVar("Table", bound=BaseModel)


def read_offers(content: bytes, path: str, provider: str, models: Mapping[str, ModelFacts]) -> tuple[Offer, ...]:
    """All offers of one file. Raises TableError with the path of the bad row."""
    document = parse(content, path)
    common = mapping(document.pop("common", {}), f"{path}: common")
    mapping(common.get("params", {}), f"{path}: common.params")
    groups = mapping(document.pop("group", {}), f"{path}: group")
    rows = document.pop("offer", [])
    if document:
        raise TableError(path, f"unknown table [{min(document)}]; there are [common], [group] and [[offer]]")
    if not isinstance(rows, list):
        raise TableError(f"{path}: offer", "is written [[offer]], one for each")
    offers: dict[tuple[str, str], Offer] = {}
    for place, row in enumerate(cast("list[Any]", rows), 1):
        where = f"{path}: offer {place}"
        mapping(mapping(row, where).get("params", {}), f"{where}.params")
        offer = read_offer(merge(grouped(common, groups, row, where), row), where, provider, models)
        if (offer.model, offer.operation) in offers:
            raise TableError(f"{where} ({offer.model})", f"there is an offer to {offer.operation} with it already")
        offers[offer.model, offer.operation] = offer
    return tuple(offers.values())


def grouped(common: Mapping[str, Any], groups: Mapping[str, Any], row: dict[str, Any], path: str) -> Mapping[str, Any]:
    """What all offers share, with the groups over it that this one names; it names them no longer."""
    names = row.pop("groups", [])
    if not isinstance(names, list) or not all(str(name) in groups for name in cast("list[Any]", names)):
        raise TableError(f"{path}.groups", f"must be a list of {', '.join(groups) or 'groups, and there are none'}")
    for name in map(str, cast("list[Any]", names)):
        group = mapping(groups[name], f"{path}: group.{name}")
        mapping(group.get("params", {}), f"{path}: group.{name}.params")
        common = merge(common, group)
    return common


def mapping(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TableError(path, "must be a table")
    return cast("dict[str, Any]", value)


def parse(content: bytes, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as wrong:
        raise TableError(path, str(wrong)) from wrong


def merge(common: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """The offer's own settings over the common ones; `params` row by row, and a canvas without a kind key by key."""
    merged = {**common, **row}
    if "canvas" in row and "kind" not in mapping(row["canvas"], "canvas"):
        merged["canvas"] = {**mapping(common.get("canvas", {}), "canvas"), **row["canvas"]}
    merged["params"] = {**mapping(common.get("params", {}), "params"), **mapping(row.get("params", {}), "params")}
    return merged


def read_offer(row: Mapping[str, Any], path: str, provider: str, models: Mapping[str, ModelFacts]) -> Offer:
    """One merged row. Raises TableError with `path`, the model and the key."""
    table = validated(OfferTable, row, f"{path} ({row.get('model', 'no model')})")
    path = f"{path} ({table.model})"
    if missing := NEEDS_ROW - STRUCTURED - set(table.params):
        raise TableError(path, f"no row for {', '.join(sorted(missing))}")
    if doubled := STRUCTURED & set(table.params):
        raise TableError(path, f"{', '.join(sorted(doubled))} belongs in [canvas], [count] or [output]")
    rules = {name: make_rule(name, entry, f"{path}.params.{name}") for name, entry in table.params.items()}
    if unknown := table.price.price.names - set(rules):
        raise TableError(f"{path}.price", f"goes by {min(unknown)}, which has no row")
    seed = table.params["seed"].range or INT32
    if rules["seed"].works and table.count.seeds == "none":
        raise TableError(f"{path}.count.seeds", "none would leave out the seed that its row sends")
    return Offer(
        model=table.model,
        provider=provider,
        upstream=table.upstream,
        operation=table.operation,
        rules=rules,
        canvas=make_canvas(table, models.get(table.model)),
        count=Count(
            table.count.to,
            table.count.max,
            table.count.seeds if rules["seed"].works else "none",
            table.count.previews,
        ),
        output=Output(
            tuple(table.output.native),
            table.output.default,
            table.output.to,
            table.output.compression_to,
            table.output.words,
            table.output.compression_range,
        ),
        delivery=Delivery(tuple(table.delivery.ways), table.delivery.to, table.delivery.words),
        price=table.price.price,
        sources=Sources(
            tuple(table.sources.ways),
            tuple(table.sources.formats),
            table.sources.inline_bytes,
            table.sources.max_bytes,
            table.sources.sides,
            table.sources.opaque,
        ),
        native=native_fields(rules, table),
        owned=owned_fields(rules, table),
        unknown=table.unknown,
        open_at=tuple(filter(None, table.open_at.split("."))),
        fixed=table.fixed,
        needs=tuple(table.needs),
        seed_range=(int(seed[0]), int(seed[1])),
        sends=tuple(
            Default(name, rule.sent_as, rule.send, "gateway") for name, rule in rules.items() if rule.send is not ABSENT
        ),
        provider_defaults=tuple(
            Default(name, None, rule.default, "provider")
            for name, rule in rules.items()
            if rule.works and rule.send is ABSENT and rule.default is not ABSENT
        ),
        forbidden_in_prompt=tuple(table.forbidden_in_prompt),
        source=table.source,
        checked=table.checked.isoformat(),
    )


def validated(kind: type[Table], row: Mapping[str, Any], path: str) -> Table:
    try:
        return kind.model_validate(dict(row))
    except ValidationError as wrong:
        first = wrong.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise TableError(f"{path}{'.' if place else ''}{place}", first["msg"]) from wrong


def make_canvas(offer: OfferTable, facts: ModelFacts | None) -> Canvas:
    """The model's own size table and default apply; an edit has no default, it keeps the shape of its source.

    Who is sent a ratio draws what he likes for it: there the pixels are known only from his own table.
    """
    table = offer.canvas
    generates = offer.operation == "generate"
    usual = facts.default_size if facts and generates else None
    return Canvas(
        kind=table.kind,
        to=tuple(table.to),
        form=table.form,
        limits=table.limits.limits,
        pixels=tuple(table.pixels),
        names=table.names,
        ratios=tuple(table.ratios),
        tiers={name: read_tier(name).area or 0 for name in table.tiers},
        sizes={**(facts.sizes if facts and table.kind != "ratios" else {}), **read_sizes(table.sizes)},
        auto=table.auto,
        default=table.default or usual,
        provider_default=table.provider_default if generates else None,
        needed=table.needed,
        keeps_source=not generates and (table.auto is not None if table.keeps_source is None else table.keeps_source),
    )


def read_sizes(rows: Mapping[str, Pixels]) -> dict[tuple[str, int], Pixels]:
    """`{"4:3@1K": [1183, 887]}` by ratio and area."""
    sizes: dict[tuple[str, int], Pixels] = {}
    for key, pixels in rows.items():
        ratio, _at, tier = key.partition("@")
        sizes[ratio, read_tier(tier).area or ONE_K * ONE_K] = (pixels[0], pixels[1])
    return sizes


def native_fields(rules: Mapping[str, Rule], table: OfferTable) -> dict[str, str]:
    """The wire's own names, so that a caller who knows the provider may use them for the parameter they carry."""
    same_value = {
        name
        for name, rule in rules.items()
        if rule.how == "renamed" or table.params[name].by in {"picture", "pictures", "mask"}
    }
    native = {rules[name].to[0]: name for name in same_value if len(rules[name].to) == 1}
    if table.canvas.kind in {"names", "names_and_free", "free", "pixels"} and len(table.canvas.to) == 1:
        native[table.canvas.to[0]] = "size"
    for wire, name in ((table.output.to, "output_format"), (table.output.compression_to, "output_compression")):
        if wire:
            native[wire] = name
    return {wire: name for wire, name in native.items() if wire not in rules and wire != name}


def owned_fields(rules: Mapping[str, Rule], table: OfferTable) -> frozenset[str]:
    """What no caller may set: count, delivery, what is sent always, and objects that hold fields of ours."""
    paths = [rule.to for rule in rules.values()]
    paths += [tuple(wire.split(".")) for wire in (*table.canvas.to, table.output.to, table.output.compression_to)]
    holders = {path[0] for path in paths if len(path) > 1}
    return frozenset({*table.owned, *table.fixed, *holders, *filter(None, [table.count.to, table.delivery.to])})


def read_models(content: bytes, path: str) -> dict[str, ModelFacts]:
    """The facts about models that hold at every provider. Raises TableError."""
    document = parse(content, path)
    rows = mapping(document.pop("models", {}), f"{path}: models")
    if document:
        raise TableError(path, f"unknown table [{min(document)}]; there is [models]")
    models: dict[str, ModelFacts] = {}
    for name, row in rows.items():
        table = validated(ModelRow, mapping(row, f"{path}: models.{name}"), f"{path}: models.{name}")
        created = (table.created - date(1970, 1, 1)).days * 86_400 if table.created else 0
        models[name] = ModelFacts(name, table.title, table.owner, created, table.default_size, read_sizes(table.sizes))
    return models
