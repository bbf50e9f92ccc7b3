"""The loader of models.toml: a bad row stops the start, with its path.

A file holds `[common]` (settings and rows that all its offers share) and one `[[offer]]` a model and operation, each
with its canvas, count, output and `[offer.params]`. An offer's row replaces the common one of the same name.
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, Self, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from normalizers.canvas import ONE_K, read_tier
from normalizers.checks import Type, make_check, make_schema
from normalizers.convert import CONVERTERS
from normalizers.errors import BadValue, TableError
from normalizers.fit import Canvas, Kind, Limits, Pixels
from normalizers.offer import INT32, Count, Delivery, ModelFacts, Offer, Operation, Output, Unknown
from normalizers.parameters import NEEDS_ROW, PARAMETERS
from normalizers.price import make_price
from normalizers.rules import ABSENT, Default, How, Rule
from normalizers.split import BatchSeeds

Table = TypeVar("Table", bound=BaseModel)

# These have tables of their own: [canvas], [count] and [output].
STRUCTURED = frozenset({"size", "aspect_ratio", "resolution", "n", "output_format", "output_compression"})


class Row(BaseModel):
    """One parameter; `default` and `send` may be absent, which is not null."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    how: How
    to: str = ""
    by: str = ""
    table: dict[str, Any] = {}
    type: Type | None = None
    range: tuple[float | int, float | int] | None = None
    enum: list[Any] = []
    max_length: int | None = None
    max_items: int | None = None
    default: Any = ABSENT
    send: Any = ABSENT
    because: str = ""
    neutral: list[Any] = []
    aside: bool = False

    @model_validator(mode="after")
    def consistent(self) -> Self:
        """Each word brings what it needs, and nothing that it would ignore."""
        sends = self.how in {"renamed", "converted"}
        if sends != bool(self.to):
            raise ValueError(f"{self.how} {'needs' if sends else 'must not have'} `to`")
        if (self.how == "converted") != bool(self.by):
            raise ValueError("`by` belongs to converted rows, and each of them needs one")
        if self.by and self.by not in CONVERTERS:
            raise ValueError(f"no converter is called {self.by!r}; there are {', '.join(CONVERTERS)}")
        if (self.how in {"dropped", "refused"}) != bool(self.because):
            raise ValueError("dropped and refused rows say why in `because`, and no others do")
        if self.send is not ABSENT and self.how not in {"passthrough", "renamed", "converted"}:
            raise ValueError(f"{self.how} sends nothing, so it cannot have `send`")
        return self


class LimitsTable(BaseModel):
    model_config = ConfigDict(extra="forbid")

    side: tuple[int, int] = (1, 14_142)
    step: int = Field(default=1, ge=1)
    area: tuple[int, int] = (1, 14_142 * 14_142)
    ratio: float = Field(default=14_142, ge=1)


class CanvasTable(BaseModel):
    """`sizes` is keyed `"4:3@1K"`."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    to: list[str] = ["size"]
    form: Literal["string", "star", "object", "fields"] = "string"
    limits: LimitsTable = LimitsTable()
    pixels: list[Pixels] = []
    names: dict[str, Pixels] = {}
    ratios: list[str] = []
    tiers: list[str] = []
    sizes: dict[str, Pixels] = {}
    auto: str | None = None
    default: Pixels | None = None
    provider_default: str | None = None

    @model_validator(mode="after")
    def complete(self) -> Self:
        needed = {"pixels": self.pixels, "names": self.names, "ratios": self.ratios, "names_and_free": self.names}
        if self.kind in needed and not needed[self.kind]:
            raise ValueError(f"kind {self.kind} needs its list of sizes")
        if self.form == "fields" and len(self.to) != 2:
            raise ValueError("form fields needs two names in `to`")
        if self.kind == "ratios" and len(self.to) != 1 + bool(self.tiers):
            raise ValueError("kind ratios needs a field in `to` for the ratio, and one for the tier if there are tiers")
        return self


class CountTable(BaseModel):
    model_config = ConfigDict(extra="forbid")

    to: str = ""
    max: int = Field(default=1, ge=1, le=100)
    seeds: BatchSeeds = "unknown"


class OutputTable(BaseModel):
    model_config = ConfigDict(extra="forbid")

    native: list[Literal["png", "jpeg", "webp", "avif", "gif"]] = ["png"]
    default: Literal["png", "jpeg", "webp", "avif", "gif"] = "png"
    to: str = ""
    compression_to: str = ""


class DeliveryTable(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ways: list[Literal["url", "bytes"]] = Field(default=["url"], min_length=1)
    to: str = ""
    words: dict[str, str] = {}

    @model_validator(mode="after")
    def complete(self) -> Self:
        if self.to and not set(self.ways) <= set(self.words):
            raise ValueError("`words` needs the provider's word for each of the ways")
        return self


class PriceTable(BaseModel):
    """Dollars."""

    model_config = ConfigDict(extra="forbid")

    per_image: float | None = Field(default=None, ge=0, le=1000, allow_inf_nan=False)
    per_megapixel: float | None = Field(default=None, ge=0, le=1000, allow_inf_nan=False)
    max: float | None = Field(default=None, ge=0, le=1000, allow_inf_nan=False)


class OfferTable(BaseModel):
    model_config = ConfigDict(extra="forbid")

    model: str
    upstream: str
    operation: Operation = "generate"
    source: str
    checked: date
    unknown: Unknown = "rejected"
    open_at: str = ""
    owned: list[str] = []
    fixed: dict[str, Any] = {}
    forbidden_in_prompt: list[str] = []
    canvas: CanvasTable
    count: CountTable = CountTable()
    output: OutputTable = OutputTable()
    delivery: DeliveryTable = DeliveryTable()
    price: PriceTable = PriceTable()
    params: dict[str, Row] = {}


def read_offers(content: bytes, path: str, provider: str, models: Mapping[str, ModelFacts]) -> tuple[Offer, ...]:
    """All offers of one file. Raises TableError with the path of the bad row."""
    document = parse(content, path)
    common = document.pop("common", {})
    rows = document.pop("offer", [])
    if document:
        raise TableError(path, f"unknown table [{min(document)}]; there are [common] and [[offer]]")
    offers = [
        read_offer(merge(common, row), f"{path}: offer {place}", provider, models) for place, row in enumerate(rows, 1)
    ]
    return tuple(offers)


def parse(content: bytes, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as wrong:
        raise TableError(path, str(wrong)) from wrong


def merge(common: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """The offer's own settings over the common ones; `params` row by row."""
    merged = {**common, **row}
    merged["params"] = {**common.get("params", {}), **row.get("params", {})}
    return merged


def read_offer(row: Mapping[str, Any], path: str, provider: str, models: Mapping[str, ModelFacts]) -> Offer:
    table = validated(OfferTable, row, f"{path} ({row.get('model', 'no model')})")
    path = f"{path} ({table.model})"
    if missing := NEEDS_ROW - STRUCTURED - set(table.params):
        raise TableError(path, f"no row for {', '.join(sorted(missing))}")
    if doubled := STRUCTURED & set(table.params):
        raise TableError(path, f"{', '.join(sorted(doubled))} belongs in [canvas], [count] or [output]")
    facts = models.get(table.model)
    rules = {name: make_rule(name, entry) for name, entry in table.params.items()}
    seed = table.params["seed"].range
    return Offer(
        model=table.model,
        provider=provider,
        upstream=table.upstream,
        operation=table.operation,
        rules=rules,
        canvas=make_canvas(table, facts, path),
        count=Count(table.count.to, table.count.max, table.count.seeds if rules["seed"].works else "none"),
        output=make_output(table.output, path),
        delivery=Delivery(tuple(table.delivery.ways), table.delivery.to, table.delivery.words),
        price=make_price(table.price.per_image, table.price.per_megapixel, table.price.max),
        native=native_fields(rules, table),
        owned=frozenset(table.owned) | frozenset(filter(None, [table.count.to, table.delivery.to])),
        unknown=table.unknown,
        open_at=tuple(filter(None, table.open_at.split("."))),
        fixed=table.fixed,
        seed_range=(int(seed[0]), int(seed[1])) if seed else INT32,
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


def make_rule(name: str, row: Row) -> Rule:
    known = PARAMETERS.get(name)
    kind: Type = row.type or (known.type if known else "any")
    low, high = row.range or (None, None)
    limited = row.range or row.enum or row.max_length is not None or row.max_items is not None or row.type
    limits: dict[str, Any] = {
        "low": low,
        "high": high,
        "words": row.enum,
        "max_length": row.max_length,
        "max_items": row.max_items,
    }
    to = (name,) if row.how == "passthrough" else tuple(filter(None, row.to.split(".")))
    return Rule(
        how=row.how,
        to=to,
        sent_as=".".join(to) or None,
        check=make_check(kind, **limits) if limited else None,
        convert=CONVERTERS.get(row.by),
        table=row.table,
        default=row.default,
        send=row.send,
        because=row.because,
        neutral=tuple(row.neutral),
        aside=row.aside,
        schema={**(known.schema if known else {}), **make_schema(kind, **limits)},
    )


def make_canvas(offer: OfferTable, facts: ModelFacts | None, path: str) -> Canvas:
    """The model's own size table and default apply; an edit has no default, it keeps the shape of its source."""
    table = offer.canvas
    usual = facts.default_size if facts and offer.operation == "generate" else None
    try:
        tiers = {name: read_tier(name).area or 0 for name in table.tiers}
        own = read_sizes(table.sizes)
    except BadValue as wrong:
        raise TableError(f"{path}.canvas", str(wrong)) from wrong
    limits = table.limits
    return Canvas(
        kind=table.kind,
        to=tuple(table.to),
        form=table.form,
        limits=Limits(*limits.side, limits.step, *limits.area, limits.ratio),
        pixels=tuple(table.pixels),
        names=table.names,
        ratios=tuple(table.ratios),
        tiers=tiers,
        sizes={**(facts.sizes if facts else {}), **own},
        auto=table.auto,
        default=table.default or usual,
        provider_default=table.provider_default,
    )


def read_sizes(rows: Mapping[str, Pixels]) -> dict[tuple[str, int], Pixels]:
    """`{"4:3@1K": [1183, 887]}` by ratio and area."""
    sizes: dict[tuple[str, int], Pixels] = {}
    for key, pixels in rows.items():
        ratio, _at, tier = key.partition("@")
        sizes[ratio, read_tier(tier, key).area or ONE_K * ONE_K] = (pixels[0], pixels[1])
    return sizes


def make_output(table: OutputTable, path: str) -> Output:
    if table.default not in table.native:
        raise TableError(f"{path}.output.default", f"{table.default} is not among the native formats")
    return Output(tuple(table.native), table.default, table.to, table.compression_to)


def native_fields(rules: Mapping[str, Rule], table: OfferTable) -> dict[str, str]:
    """The wire's own names, so that a caller who knows the provider may use them for the parameter they carry."""
    native = {rule.to[0]: name for name, rule in rules.items() if rule.how == "renamed" and len(rule.to) == 1}
    if table.canvas.kind in {"names", "names_and_free", "free", "pixels"} and len(table.canvas.to) == 1:
        native[table.canvas.to[0]] = "size"
    for wire, name in ((table.output.to, "output_format"), (table.output.compression_to, "output_compression")):
        if wire:
            native[wire] = name
    return {wire: name for wire, name in native.items() if wire not in rules and wire != name}


class ModelRow(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str
    owner: str
    created: date | None = None
    default_size: Pixels | None = None
    sizes: dict[str, Pixels] = {}


def read_models(content: bytes, path: str) -> dict[str, ModelFacts]:
    """The facts about models that hold at every provider. Raises TableError."""
    rows = cast("dict[str, dict[str, Any]]", parse(content, path).get("models", {}))
    models: dict[str, ModelFacts] = {}
    for name, row in rows.items():
        table = validated(ModelRow, row, f"{path}: models.{name}")
        created = (table.created - date(1970, 1, 1)).days * 86_400 if table.created else 0
        models[name] = ModelFacts(name, table.title, table.owner, created, table.default_size, read_sizes(table.sizes))
    return models
