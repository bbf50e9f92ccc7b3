"""`easel explain`: what each provider would be asked, decision by decision; spends nothing."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.text import Text

from gateway.cli import options
from gateway.cli.generate import decisions
from gateway.cli.source import ask
from gateway.cli.terminal import out, plain, say_json, table
from gateway.rows.words import cost_words

ANY_PROMPT = "a lighthouse at dawn"


def command(
    *,
    prompt: Annotated[str | None, typer.Argument(help="What to draw; any text will do.", show_default=False)] = None,
    model: options.Model = options.DEFAULT_MODEL,
    size: options.Size = None,
    n: options.Count = None,
    seed: options.Seed = None,
    aspect_ratio: options.AspectRatio = None,
    resolution: options.Resolution = None,
    format: options.Format = None,
    negative: options.Negative = None,
    steps: options.Steps = None,
    cfg: options.Cfg = None,
    quality: options.Quality = None,
    image: options.Image = None,
    mask: options.Mask = None,
    strength: options.Strength = None,
    more: options.More = None,
    strict: options.Strict = False,
    offline: options.Offline = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Show what each provider would be asked; spends nothing."""
    body = options.request_body(
        model,
        more,
        prompt=prompt or ANY_PROMPT,
        size=size,
        n=n,
        seed=seed,
        aspect_ratio=aspect_ratio,
        resolution=resolution,
        output_format=format,
        negative_prompt=negative,
        num_inference_steps=steps,
        cfg_scale=cfg,
        quality=quality,
        image=options.pictures(image),
        mask=options.picture(mask, "--mask") if mask else None,
        strength=strength,
    )
    told = ask(lambda source: source.plan(body, strict=strict), url, api_key, offline=offline)
    if as_json:
        say_json(told)
        return
    for candidate in told["candidates"]:
        show(candidate, with_prompt=prompt is not None)


def show(candidate: Mapping[str, Any], *, with_prompt: bool) -> None:
    """One provider: its calls, its price and the table of its decisions, or why it is excluded."""
    console = out()
    console.print(Text(heading(candidate), "bold"))
    excluded = candidate.get("excluded")
    if excluded:
        about = f"{excluded['param']}: " if excluded.get("param") else ""
        console.print(Text(f"  excluded: {about}{plain(excluded['reason'])}\n"))
        return
    rows = [row for row in candidate["parameters"] if with_prompt or row["given_as"] != "prompt"]
    if rows:
        console.print(decisions(rows))
    if candidate["defaults"]:
        left_out = [[row["name"], row.get("sent_as"), row["value"], row["source"]] for row in candidate["defaults"]]
        console.print(table(["left out", "sent as", "value", "decided by"], left_out))
    console.print()


def heading(candidate: Mapping[str, Any]) -> str:
    """`fal/qwen-image · fal.ai · 2 calls to fal-ai/qwen-image · $0.04 (estimated)`."""
    parts = [candidate["id"], candidate["provider_name"]]
    calls = candidate.get("calls")
    if calls:
        parts.append(f"{len(calls)} {'call' if len(calls) == 1 else 'calls'} to {calls[0]['upstream']}")
        parts.append(cost_words(candidate))
    if not candidate["available"]:
        parts.append("not configured")
    return plain(" · ".join(parts))
