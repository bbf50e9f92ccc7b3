"""`easel models`: what there is to draw with, and what each provider of a model does with its parameters."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.text import Text

from gateway.cli import options
from gateway.cli.source import ask
from gateway.cli.terminal import cell, money, out, plain, say, say_json, table

STYLES = {"dropped": "yellow", "refused": "red", "emulated": "cyan"}


def command(
    model: Annotated[str | None, typer.Argument(metavar="[ID]", help="One model in full.", show_default=False)] = None,
    offline: options.Offline = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """List the models, or show one and what each provider does with its parameters."""
    if model is None:
        models = ask(lambda source: source.models(), url, api_key, offline=offline)
        if as_json:
            say_json(models)
        else:
            rows = [
                [each["id"], each["title"], offered(each["providers"]), prices(each["providers"])] for each in models
            ]
            out().print(table(["model", "title", "providers (✓ configured)", "price"], rows))
        return
    found = ask(lambda source: source.model(model), url, api_key, offline=offline)
    if as_json:
        say_json(found)
    else:
        show(found)


def offered(providers: list[dict[str, Any]]) -> str:
    """`✓ fal, lumenfall`: each provider once, whatever it offers the model for."""
    available = {offer["provider"]: offer["available"] for offer in providers}
    return ", ".join(f"✓ {name}" if configured else name for name, configured in available.items())


def prices(providers: list[dict[str, Any]]) -> str:
    return ", ".join(dict.fromkeys(price(offer["price"]) for offer in providers))


def price(known: Mapping[str, Any]) -> str:
    """`$0.02/MP`, `$0.04`, `at most $0.25` where no formula is published, or the formula of what is less simple."""
    image, megapixel, most = known.get("per_image"), known.get("per_megapixel"), known.get("max")
    if image is None and megapixel is None:
        return known.get("formula") or ("unknown" if most is None else f"at most {money(most)}")
    parts = [f"{money(megapixel)}/MP"] if megapixel else []
    return " + ".join([*([money(image)] if image or not parts else []), *parts])


def show(model: Mapping[str, Any]) -> None:
    """Each offer in a line, then the matrix of parameters and offers."""
    console = out()
    offers: list[dict[str, Any]] = model["providers"]
    say(plain(f"{model['id']} · {model['title']} · by {model['owned_by']}"))
    console.print(
        table(["offer", "for", "configured", "upstream", "n a call", "formats", "price", "checked"], map(line, offers))
    )
    names = list(dict.fromkeys(name for offer in offers for name in offer["parameters"]))
    rows = [[name, *(behaviour(name, offer["parameters"].get(name)) for offer in offers)] for name in names]
    console.print(table(["parameter", *map(column, offers)], rows))
    for source in dict.fromkeys(offer["source"] for offer in offers if offer["source"]):
        say(plain(f"source: {source}"))


def line(offer: Mapping[str, Any]) -> list[object]:
    return [
        offer["id"],
        offer["operation"],
        "yes" if offer["available"] else "no",
        offer["upstream"],
        offer["n"]["max_per_call"],
        " ".join(offer["output_formats"]["native"]),
        price(offer["price"]),
        offer["checked"],
    ]


def column(offer: Mapping[str, Any]) -> str:
    name = offer["provider"]
    return name if offer["operation"] == "generate" else f"{name} ({offer['operation'].replace('_', ' ')})"


def behaviour(name: str, rule: Mapping[str, Any] | None) -> Text:
    """`converted → image_size`: what happens, and the wire field where it has another name."""
    if rule is None:
        return cell("–", "dim")
    sent_as = rule.get("sent_as")
    target = f" → {sent_as}" if sent_as and sent_as != name else ""
    return cell(f"{rule['behavior']}{target}", STYLES.get(rule["behavior"], ""))
