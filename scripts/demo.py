"""`make demo`: pictures through every simulated provider with OpenAI's own client, and what became of each parameter.

Needs nothing but this checkout: the gateway, its store, the providers' stand-ins and the sketch worker all run here.
"""

import base64
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import openai
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from rich.table import Table
from rich.text import Text

OUTPUT = Path(__file__).resolve().parent.parent / "demo-output"
PROMPT = "a lighthouse on a cliff at dawn, gulls, long exposure"
SHEET_COLUMNS, THUMBNAIL, CAPTION, MARGIN = 4, 300, 44, 16  # pixels but for the columns


@dataclass(frozen=True)
class Wish:
    """One request in OpenAI's words; `more` are fields that OpenAI's client has no argument for."""

    title: str
    model: str
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    more: dict[str, Any] = field(default_factory=dict[str, Any])
    strict: bool = False


@dataclass(frozen=True)
class Drawn:
    """What came of it: the files, and the gateway's account of it."""

    wish: Wish
    files: list[Path]
    metadata: dict[str, Any]


WISHES = [
    Wish(
        "Qwen-Image over fal's queue; fal has no webp, so the gateway encodes it",
        "fal/qwen-image",
        {"size": "16:9", "n": 2, "output_format": "webp"},
        {"seed": 7, "steps": 30, "negative_prompt": "people"},
    ),
    Wish(
        "Qwen-Image over a vLLM-Omni server",
        "vllm-omni/qwen-image",
        {"size": "768x1024", "output_format": "jpeg"},
        {"seed": 7, "num_inference_steps": 20, "cfg_scale": 4},
    ),
    Wish(
        "Qwen-Image over Lumenfall: a shape and a scale instead of pixels",
        "lumenfall/qwen-image",
        {"n": 2},
        {"aspect_ratio": "3:2", "resolution": "1K", "guidance_scale": 4},
    ),
    Wish(
        "GPT Image 1.5 over OpenAI: the nearest of its three sizes, and a format that it does not have",
        "gpt-image-1.5",
        {"size": "1600x900", "quality": "high", "output_format": "avif"},
    ),
    Wish(
        "Qwen-Image-2.0 over DashScope: two pictures in one call, priced in yuan",
        "alibaba/qwen-image-2",
        {"size": "4:3", "n": 2},
    ),
    Wish(
        "FLUX.1 [schnell] over Replicate: a shape by name, and its own word for jpeg",
        "replicate/flux-schnell",
        {"size": "3:2", "output_format": "jpeg"},
        {"seed": 7, "steps": 4},
    ),
    Wish(
        "Qwen-Image over Runware: with a LoRA, in steps of 16 pixels",
        "runware/qwen-image",
        {"size": "1000x1000"},
        {"seed": 7, "loras": [{"path": "civitai:120096@135931", "scale": 0.8}]},
    ),
    Wish("A placeholder from the local worker", "sketch", {"size": "1024x768"}, {"seed": 7}),
    Wish(
        "The same in another shape, with a parameter that has no effect there",
        "sketch",
        {"size": "512x768", "output_format": "webp", "output_compression": 80},
        {"seed": 8, "loras": [{"path": "https://example.com/a.safetensors"}]},
    ),
    Wish(
        "Strict: no pictures rather than a parameter without effect",
        "fal/qwen-image",
        {"size": "1024x1024", "quality": "high"},
        strict=True,
    ),
]


def main() -> None:
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 160)
    OUTPUT.mkdir(exist_ok=True)
    told = ["# What happened to each parameter", "", f"Prompt: {PROMPT}", ""]
    drawn: list[Drawn] = []
    with tempfile.TemporaryDirectory(prefix="easel-demo-") as folder, gateway(Path(folder)) as (url, key):
        console.print(f"the gateway runs at {url}; its providers are simulated, and nothing is paid\n")
        with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
            for number, wish in enumerate(WISHES, 1):
                console.print(Text(f"{number}. {wish.title}", "bold"))
                try:
                    one = draw(client, wish, number)
                except openai.BadRequestError as refused:
                    told += [f"## {number}. {wish.title}", "", f"`{wish.model}`: {message(refused)}", ""]
                    console.print(Text(f"   {message(refused)}\n"))
                    continue
                drawn.append(one)
                told += markdown(number, one)
                console.print(shown(one))
    (OUTPUT / "parameters.md").write_text("\n".join(told), "utf-8")
    contact_sheet(drawn).save(OUTPUT / "contact-sheet.png")
    console.print(f"{sum(len(one.files) for one in drawn)} pictures are in {OUTPUT}")
    console.print("contact-sheet.png shows them all, parameters.md says what became of each parameter")


@contextmanager
def gateway(folder: Path) -> Generator[tuple[str, str]]:
    """A gateway of its own with everything simulated: its address and its key. It ends with the block."""
    key = f"ek_{secrets.token_urlsafe(24)}"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EASEL_")}  # noqa: TID251 - a person's own settings must not reach the demo
    environment = {**inherited, "EASEL_SERVER__DATA_DIR": str(folder / "data"), "EASEL_AUTH__ADMIN_KEY": key}
    easel = Path(sys.executable).with_name("easel")
    with (
        (folder / "gateway.log").open("wb") as log,
        subprocess.Popen(
            [easel, "serve", "--simulate", "--port", "0"],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.PIPE,
            text=True,
        ) as server,
    ):
        try:
            yield listening(server), key
        finally:
            server.terminate()


def listening(server: subprocess.Popen[str]) -> str:
    """The address, once the gateway can serve; ends the program with its complaint if it cannot."""
    assert server.stderr is not None  # noqa: S101 - it was opened as a pipe
    said: list[str] = []
    for line in server.stderr:
        if line.startswith("listening on "):
            return line.removeprefix("listening on ").strip()
        said.append(line)
    sys.exit(f"the gateway did not start:\n{''.join(said)}")


def draw(client: openai.OpenAI, wish: Wish, number: int) -> Drawn:
    """Ask as any program that uses OpenAI's client would, and write what comes."""
    generate: Any = client.images.generate  # its overloads know only the arguments that OpenAI has
    answer = generate(
        model=wish.model,
        prompt=PROMPT,
        extra_body=wish.more,
        extra_headers={"X-Easel-Strict": "true"} if wish.strict else {},
        **wish.arguments,
    )
    told: dict[str, Any] = answer.model_dump()
    files: list[Path] = []
    for index, picture in enumerate(told["data"], 1):
        ending = str(picture["content_type"]).removeprefix("image/")
        file = OUTPUT / f"{number:02}-{wish.model.replace('/', '-')}-{index}.{ending}"
        encoded = picture.get("b64_json")
        file.write_bytes(base64.b64decode(encoded) if encoded else httpx.get(picture["url"]).raise_for_status().content)
        files.append(file)
    return Drawn(wish, files, told["metadata"])


def message(refused: openai.BadRequestError) -> str:
    body: Any = refused.body
    return f"{refused.status_code} {body['code']}: {body['message']}"


def rows(one: Drawn) -> list[list[str]]:
    """A row a parameter, in words."""
    return [
        [
            row["given_as"],
            short(row["asked"]),
            row["behavior"],
            row["sent_as"] or "",
            short(row["sent"]),
            row["note"] or "",
        ]
        for row in one.metadata["parameters"]
        if row["name"] != "prompt"
    ]


COLUMNS = ["parameter", "asked", "behaviour", "sent as", "sent", "note"]


def short(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def facts(one: Drawn) -> str:
    """`fal/qwen-image · fal.ai · $0.08 · 2 pictures`."""
    told = one.metadata
    cost = "price unknown" if told["cost"] is None else f"${told['cost']:g}"
    count = len(one.files)
    return " · ".join([told["executed_model"], told["provider_name"], cost, f"{count} picture{'s'[: count > 1]}"])


def shown(one: Drawn) -> Table:
    table = Table(title=Text(facts(one)), title_justify="left", box=None, padding=(0, 2, 0, 1))
    for name in COLUMNS:
        table.add_column(name, overflow="fold", no_wrap=name in {"parameter", "behaviour", "sent as"})
    for row in rows(one):
        table.add_row(*map(Text, row))
    table.add_row()
    return table


def markdown(number: int, one: Drawn) -> list[str]:
    lines = [line(row) for row in [COLUMNS, *rows(one)]]
    names = ", ".join(f"[{file.name}]({file.name})" for file in one.files)
    heading = [f"## {number}. {one.wish.title}", "", facts(one), "", names, ""]
    return [*heading, lines[0], f"|{' --- |' * len(COLUMNS)}", *lines[1:], ""]


def line(cells: Sequence[str]) -> str:
    """A row of a Markdown table."""
    escaped = [cell.replace("|", r"\|") for cell in cells]
    return f"| {' | '.join(escaped)} |"


def contact_sheet(drawn: Sequence[Drawn]) -> Image.Image:
    """All pictures, small, each with its model, provider and size."""
    pictures = [(one, file) for one in drawn for file in one.files]
    cell = (THUMBNAIL + MARGIN, THUMBNAIL + CAPTION + MARGIN)
    lines = -(-len(pictures) // SHEET_COLUMNS)
    sheet = Image.new("RGB", (cell[0] * SHEET_COLUMNS + MARGIN, cell[1] * lines + MARGIN), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for place, (one, file) in enumerate(pictures):
        left, top = MARGIN + place % SHEET_COLUMNS * cell[0], MARGIN + place // SHEET_COLUMNS * cell[1]
        with Image.open(file) as picture:
            width, height = picture.size
            small = picture.convert("RGB")
            small.thumbnail((THUMBNAIL, THUMBNAIL))
        sheet.paste(small, (left + (THUMBNAIL - small.width) // 2, top + THUMBNAIL - small.height))
        told = one.metadata
        pen.text((left, top + THUMBNAIL + 4), f"{told['model']} · {told['provider_name']}", "black", font)
        pen.text((left, top + THUMBNAIL + 23), f"{width}x{height} {file.suffix[1:]}", "dimgray", font)
    return sheet


if __name__ == "__main__":
    main()
