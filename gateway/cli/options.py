"""The options that describe pictures, the same for `generate` and `explain`, and the request that they make."""

import base64
import json
from pathlib import Path
from typing import Annotated, Any

import typer

DEFAULT_MODEL = "qwen-image"

Model = Annotated[str, typer.Option("-m", "--model", help="A model id, or provider/model to force the provider.")]
Size = Annotated[
    str | None, typer.Option("-s", "--size", help="1024x768, a ratio such as 16:9, a tier such as 2K, or auto.")
]
Count = Annotated[int | None, typer.Option("-n", "--n", help="How many pictures.")]
Seed = Annotated[int | None, typer.Option("--seed", help="The same seed draws the same picture.")]
AspectRatio = Annotated[str | None, typer.Option("--aspect-ratio", help="The shape, such as 3:2.")]
Resolution = Annotated[str | None, typer.Option("--resolution", help="The scale: 0.5K, 1K, 2K, 4K, or megapixels.")]
Format = Annotated[str | None, typer.Option("--format", help="png, jpeg, webp, avif or gif.")]
Negative = Annotated[str | None, typer.Option("--negative", help="What the picture must not show.")]
Steps = Annotated[int | None, typer.Option("--steps", help="Inference steps.")]
Cfg = Annotated[float | None, typer.Option("--cfg", help="Scale of the classifier-free guidance.")]
Quality = Annotated[str | None, typer.Option("--quality", help="low, medium, high or auto, where a model has it.")]
Image = Annotated[
    list[str] | None, typer.Option("-i", "--image", help="A picture to edit: a file or an https URL; repeatable.")
]
Mask = Annotated[
    str | None, typer.Option("--mask", help="A file or URL of the same size: what is transparent changes.")
]
Strength = Annotated[float | None, typer.Option("--strength", help="How far from its source, 0 to 1.")]
More = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=JSON", help='Any other field, such as loras=[{"path": "…"}]; repeatable.'),
]
Strict = Annotated[bool, typer.Option("--strict", help="An error instead of a dropped or snapped value.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]

# Better in the environment: every user of a machine sees what stands on its command lines.
Url = Annotated[
    str | None, typer.Option("--url", envvar="EASEL_URL", help="The gateway's address.", show_default=False)
]
ApiKey = Annotated[str | None, typer.Option("--api-key", envvar="EASEL_API_KEY", help="Better set in the environment.")]
Config = Annotated[Path | None, typer.Option("-c", "--config", envvar="EASEL_CONFIG", help="Default: ./easel.toml.")]
Offline = Annotated[bool, typer.Option("--offline", help="From the tables of this installation, without a gateway.")]


def request_body(model: str, more: list[str] | None, **named: Any) -> dict[str, Any]:
    """The request in OpenAI's words; what was not given is left out. Raises typer.BadParameter."""
    body = {"model": model, **{name: value for name, value in named.items() if value is not None}}
    for entry in more or []:
        name, value = one_more(entry)
        if name in body:
            raise typer.BadParameter(f"{name} is given twice", param_hint="--set")
        body[name] = value
    return body


def pictures(named: list[str] | None) -> list[str] | None:
    """Each as a request can hold it. Raises typer.BadParameter."""
    return [picture(name) for name in named] if named else None


def picture(name: str, option: str = "--image") -> str:
    """A URL as it is, a file as a data URI; the gateway looks at the bytes, so their type need not be told."""
    if "://" in name:
        return name
    try:
        content = Path(name).read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{name}: {error.strerror or error}", param_hint=option) from error
    return f"data:application/octet-stream;base64,{base64.b64encode(content).decode()}"


def one_more(entry: str) -> tuple[str, Any]:
    """`strength=0.5` is a number, `style=vivid` a word: what is not JSON is text."""
    name, equals, text = entry.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{entry!r} is not NAME=JSON", param_hint="--set")
    try:
        return name, json.loads(text)
    except ValueError:
        return name, text
