"""`easel generate`: pictures through a running gateway, into files."""

import base64
import binascii
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from gateway.cli import options
from gateway.cli.client import Gateway, GatewayFailed
from gateway.cli.terminal import fail, out, plain, say, say_json, table
from gateway.rows.words import cost_words, pictured

ENDINGS = {"png": "png", "jpeg": "jpg", "webp": "webp", "avif": "avif", "gif": "gif"}
UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


def command(
    *,
    prompt: Annotated[str, typer.Argument(help="What to draw.")],
    model: options.Model = options.DEFAULT_MODEL,
    size: options.Size = None,
    n: options.Count = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder for the files.")] = Path(),
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
    explain: Annotated[bool, typer.Option("--explain", help="Show every decision, also the plain ones.")] = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Draw pictures through a running gateway, into files; with --image it edits."""
    body = options.request_body(
        model,
        more,
        prompt=prompt,
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
    try:
        output.mkdir(parents=True, exist_ok=True)
        with Gateway(url, api_key) as gateway:
            with waiting(model):
                answer = gateway.generate(body, strict=strict)
            files = save(answer, gateway, output)
    except GatewayFailed as failed:
        fail([plain(str(failed))])
    except OSError as error:
        fail([f"{output}: {error.strerror or error}"])
    if as_json:
        say_json(without_bytes(answer, files))
    else:
        show(answer, files, everything=explain)


def waiting(model: str) -> Progress:
    """How long it has taken so far. Nobody knows how long it will take, so no share of it is claimed."""
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    progress.add_task(f"drawing with {plain(model)}", total=None)
    return progress


def save(answer: Mapping[str, Any], gateway: Gateway, folder: Path) -> list[Path]:
    """Every picture in a file of its own, `{request}-{i}.{ext}`; a file that is there is never replaced."""
    request = UNSAFE.sub("", str(answer.get("metadata", {}).get("request_id", ""))) or "picture"
    return [
        save_one(picture, gateway, folder, f"{request}-{index}", answer.get("output_format"))
        for index, picture in enumerate(answer.get("data", []), 1)
    ]


def save_one(picture: Mapping[str, Any], gateway: Gateway, folder: Path, stem: str, format: Any) -> Path:
    """Raises GatewayFailed for a picture that is neither there nor pointed to."""
    said = str(picture.get("content_type") or f"image/{format}")
    ending = ENDINGS.get(said.removeprefix("image/"), "bin")
    attempt = 1
    while True:
        file = folder / (f"{stem}.{ending}" if attempt == 1 else f"{stem}-{attempt}.{ending}")
        try:
            write(picture, gateway, file)
        except FileExistsError:
            attempt += 1
            continue
        return file


def write(picture: Mapping[str, Any], gateway: Gateway, file: Path) -> None:
    encoded, url = picture.get("b64_json"), picture.get("url")
    if isinstance(encoded, str):
        try:
            content = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise GatewayFailed("the gateway sent a picture that is not base64") from None
        with file.open("xb") as opened:
            opened.write(content)
    elif isinstance(url, str):
        gateway.download(url, file)
    else:
        raise GatewayFailed("the gateway sent a picture without its bytes and without a URL")


def show(answer: Mapping[str, Any], files: list[Path], *, everything: bool) -> None:
    """Where the files are, who drew them, what it cost, and what was not done word for word."""
    told: Mapping[str, Any] = answer.get("metadata", {})
    for file in files:
        say(str(file))
    say(" · ".join([plain(told.get("provider_name")), plain(told.get("executed_model")), plain(cost_words(told))]))
    say(f"cache: {plain(told.get('cache'))}")
    rows = [row for row in told.get("parameters", []) if everything or row["behavior"] != "passthrough"]
    if rows:
        out().print(decisions(rows))


def decisions(rows: list[dict[str, Any]]) -> Any:
    """One row a parameter of the request."""
    return table(
        ["parameter", "given", "behaviour", "sent as", "value", "note"],
        [
            [
                row["given_as"],
                pictured(row.get("asked")),
                row["behavior"],
                row.get("sent_as"),
                pictured(row.get("sent")),
                row.get("note"),
            ]
            for row in rows
        ],
    )


def without_bytes(answer: Mapping[str, Any], files: list[Path]) -> dict[str, Any]:
    """The answer as it came, with the path of each file in place of its base64."""
    pictures: list[dict[str, Any]] = list(answer.get("data", []))
    told = [
        {**{key: value for key, value in picture.items() if key != "b64_json"}, "file": str(file)}
        for picture, file in zip(pictures, files, strict=True)
    ]
    return {**answer, "data": told}
