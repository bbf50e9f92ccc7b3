"""`easel models`: what there is to draw with, and what each provider of a model does with its parameters."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from gateway.cli import options
from gateway.cli.source import ask
from gateway.cli.terminal import cell, fail, out, plain, say, say_json, table
from gateway.rows.pages import file_name, index_page, model_page
from gateway.rows.words import price_words

STYLES = {"dropped": "yellow", "refused": "red", "emulated": "cyan"}


def command(
    *,
    model: Annotated[str | None, typer.Argument(metavar="[ID]", help="One model in full.", show_default=False)] = None,
    pages: Annotated[
        Path | None, typer.Option(help="Write a page of Markdown for each model into this folder.")
    ] = None,
    offline: options.Offline = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """List the models, or show one and what each provider does with its parameters."""
    if pages is not None:
        write_pages(ask(lambda source: source.models(), url, api_key, offline=offline), pages)
        return
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


def write_pages(models: list[dict[str, Any]], folder: Path) -> None:
    """A page for each model, and `index.md` with links to them all."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each in models:
            (folder / file_name(each["id"])).write_text(model_page(each))
        (folder / "index.md").write_text(index_page(models))
    except OSError as error:
        fail([f"{folder}: {error.strerror or error}"])
    say(f"{len(models)} pages in {folder}")


def offered(providers: list[dict[str, Any]]) -> str:
    """`✓ fal, lumenfall`: each provider once, whatever it offers the model for."""
    available = {offer["provider"]: offer["available"] for offer in providers}
    return ", ".join(f"✓ {name}" if configured else name for name, configured in available.items())


def prices(providers: list[dict[str, Any]]) -> str:
    return ", ".join(dict.fromkeys(price_words(offer["price"]) for offer in providers))


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
        price_words(offer["price"]),
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
