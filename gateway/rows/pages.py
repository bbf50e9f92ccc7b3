"""A model as a page of Markdown: every parameter against every provider, from the rows that the API answers with."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway.rows.words import price_words

Row = Mapping[str, Any]

WORDS = """\
**passthrough** is sent as it is, **renamed** under another name, **converted** in another form; **emulated** is done
by the gateway around the call; **dropped** has no effect there and is left out; **refused** is an error, because the
picture would be another one. A dash: the provider does not know it.
"""
SHOWN = 8  # words of an enum; the rest are counted


def file_name(model: str) -> str:
    """`acme/paint-2` -> `acme--paint-2.md`."""
    return f"{model.replace('/', '--')}.md"


def model_page(model: Row) -> str:
    """The whole page of a row of `GET /v1/models`."""
    offers: list[Row] = model["providers"]
    names = list(dict.fromkeys(name for offer in offers for name in offer["parameters"]))
    parameters = [[f"`{name}`", *(cell(name, offer["parameters"].get(name)) for offer in offers)] for name in names]
    columns = [column(offer) for offer in offers]
    parts = [
        f"# {model['title']}",
        f"`{model['id']}`, by {model['owned_by']}.",
        "## Offers",
        table(["", *columns], facts(offers)),
        "## Parameters",
        WORDS.strip(),
        table(["parameter", *columns], parameters),
        "## Sources",
        "\n".join(f"- {column(offer)}: {linked(offer['source'])}, compared {offer['checked']}" for offer in offers),
    ]
    return "\n\n".join(parts) + "\n"


def index_page(models: Sequence[Row]) -> str:
    """All models, each with its providers and a link to its page."""
    rows = [
        [f"[{model['id']}]({file_name(model['id'])})", model["title"], ", ".join(providers(model))] for model in models
    ]
    return f"# Models\n\n{table(['model', 'title', 'providers'], rows)}\n"


def providers(model: Row) -> list[str]:
    return list(dict.fromkeys(offer["provider_name"] for offer in model["providers"]))


def column(offer: Row) -> str:
    """`fal.ai`, and what for where it is not drawing from text."""
    name = offer["provider_name"]
    return name if offer["operation"] == "generate" else f"{name}, {offer['operation'].replace('_', ' ')}"


def facts(offers: Sequence[Row]) -> list[list[str]]:
    """What is true of an offer whatever is asked of it."""
    return [
        ["model id", *(f"`{offer['id']}`" for offer in offers)],
        ["upstream", *(f"`{offer['upstream']}`" for offer in offers)],
        ["sizes", *(sizes(offer["sizes"]) for offer in offers)],
        ["pictures taken", *(sources(offer["sources"]) for offer in offers)],
        ["pictures a call", *(str(offer["n"]["max_per_call"]) for offer in offers)],
        ["formats", *(" ".join(offer["output_formats"]["native"]) for offer in offers)],
        ["price", *(price_words(offer["price"]) for offer in offers)],
    ]


def cell(name: str, rule: Row | None) -> str:
    """`converted → image_size`, its range or words, and why it is not done."""
    if rule is None:
        return "–"
    sent_as = rule.get("sent_as")
    told = [f"**{rule['behavior']}**" + (f" → `{sent_as}`" if sent_as and sent_as != name else "")]
    told += limits(rule.get("schema", {}))
    if "default" in rule:
        told.append(f"default {shown(rule['default'])}")
    if rule.get("note"):
        told.append(rule["note"])
    return "; ".join(told)


def limits(schema: Row) -> list[str]:
    told: list[str] = []
    if "enum" in schema:
        words = [shown(word) for word in schema["enum"]]
        more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
        told.append(" ".join(words[:SHOWN]) + more)
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None or high is not None:
        told.append(f"{'' if low is None else low}…{'' if high is None else high}")
    if "maxLength" in schema:
        told.append(f"up to {schema['maxLength']} characters")
    if "maxItems" in schema:
        told.append(f"up to {schema['maxItems']}")
    return told


def sizes(canvas: Row) -> str:
    told = [canvas["kind"].replace("_", " ")]
    if free := canvas.get("limits"):
        told.append(f"sides {free['side'][0]}–{free['side'][1]}, step {free['step']}")
    told += [" ".join(canvas[name]) for name in ("pixels", "names", "ratios", "tiers") if canvas.get(name)]
    if canvas["default"]:
        told.append(f"default {canvas['default']}")
    return "; ".join(told)


def sources(taken: Row | None) -> str:
    if taken is None:
        return "none"
    most = taken["max"] or "any number"
    count = str(most) if taken["min"] == most else f"{taken['min']}–{most}"
    return f"{count}{', mask' if taken['mask'] else ''}; {' '.join(taken['formats'])}"


def shown(value: object) -> str:
    return f"`{value}`" if value not in ("", " ") else "empty"


def linked(source: str) -> str:
    return f"<{source}>" if source.startswith("https://") else source


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(escaped(cell) for cell in line) + " |" for line in lines)


def escaped(text: str) -> str:
    """A table's cell holds no line break and no bar of its own."""
    return " ".join(str(text).split()).replace("|", "\\|")
