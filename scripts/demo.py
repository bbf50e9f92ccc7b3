"""`make demo`: pictures through every simulated provider with OpenAI's own client, and what became of each parameter.

Needs nothing but this checkout: the gateway, its store, the providers' stand-ins and the sketch worker all run here.
Where `make worker` has installed what real models need, a tiny one draws as well.
"""

import base64
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import openai
from contact_sheet import Shown, contact_sheet
from demo_wishes import LIGHTHOUSE, TINY, TINY_WISHES, WISHES, Wish
from PIL import Image, ImageDraw
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.rows.words import pictured
from workers.engines import lacking, packaged

OUTPUT = Path(__file__).resolve().parent.parent / "demo-output"
MASK = OUTPUT / "mask.png"
LOADING = 30  # times that the client asks again, over a minute: the worker may still be loading its model


@dataclass(frozen=True)
class Drawn:
    """What came of it: the files, and the gateway's account of it."""

    wish: Wish
    files: list[Path]
    metadata: dict[str, Any]
    previews: list[Path] = field(default_factory=list[Path])


def main() -> None:
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 160)
    OUTPUT.mkdir(exist_ok=True)
    told = ["# What happened to each parameter", "", f"Prompt: {LIGHTHOUSE}", ""]
    drawn: list[Drawn] = []
    sources: dict[str, Path] = {}
    tiny = packaged(TINY) is not None and not lacking()
    beside = ["--worker", TINY] if tiny else []
    with tempfile.TemporaryDirectory(prefix="easel-demo-") as folder, gateway(Path(folder), *beside) as (url, key):
        console.print(f"the gateway runs at {url}; its providers are simulated, and nothing is paid\n")
        with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
            for number, wish in enumerate(WISHES + TINY_WISHES if tiny else WISHES, 1):
                console.print(Text(f"{number}. {wish.title}", "bold"))
                try:
                    patient = client.with_options(max_retries=LOADING) if wish.model == TINY else client
                    one = draw(patient, wish, number, sources)
                except openai.BadRequestError as refused:
                    told += [f"## {number}. {wish.title}", "", f"`{wish.model}`: {message(refused)}", ""]
                    console.print(Text(f"   {message(refused)}\n"))
                    continue
                drawn.append(one)
                if wish.name:
                    sources[wish.name] = one.files[0]
                told += markdown(number, one)
                console.print(shown(one))
    (OUTPUT / "parameters.md").write_text("\n".join(told), "utf-8")
    contact_sheet(on_the_sheet(drawn, sources)).save(OUTPUT / "contact-sheet.png", optimize=True)
    console.print(f"{sum(len(one.files) + len(one.previews) for one in drawn)} pictures are in {OUTPUT}")
    console.print("contact-sheet.png shows them all, parameters.md says what became of each parameter")
    if not tiny:
        console.print("all of them are placeholders; after `make worker`, a tiny model draws real ones as well")


@contextmanager
def gateway(folder: Path, *more: str) -> Generator[tuple[str, str]]:
    """A gateway of its own with everything simulated: its address and its key. It ends with the block."""
    key = f"ek_{secrets.token_urlsafe(24)}"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EASEL_")}  # noqa: TID251 - a person's own settings must not reach the demo
    environment = {**inherited, "EASEL_SERVER__DATA_DIR": str(folder / "data"), "EASEL_AUTH__ADMIN_KEY": key}
    easel = Path(sys.executable).with_name("easel")
    with (
        (folder / "gateway.log").open("wb") as log,
        subprocess.Popen(
            [easel, "serve", "--simulate", "--port", "0", *more],
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


def draw(client: openai.OpenAI, wish: Wish, number: int, sources: Mapping[str, Path]) -> Drawn:
    """Ask as any program that uses OpenAI's client would, and write what comes."""
    ask: Any = client.images.edit if wish.of else client.images.generate  # overloads that know OpenAI's arguments only
    answer = ask(
        model=wish.model,
        prompt=wish.prompt,
        extra_body=wish.more,
        extra_headers={"X-Easel-Strict": "true"} if wish.strict else {},
        **({"stream": True, "partial_images": wish.previews} if wish.previews else {}),
        **wish.arguments,
        **pictures_of(wish, sources),
    )
    if wish.previews:
        return grown(answer, wish, f"{number:02}-{wish.model}")
    told: dict[str, Any] = answer.model_dump()
    files: list[Path] = []
    for index, picture in enumerate(told["data"], 1):
        ending = str(picture["content_type"]).removeprefix("image/")
        file = OUTPUT / f"{number:02}-{wish.model.replace('/', '-')}-{index}.{ending}"
        encoded = picture.get("b64_json")
        file.write_bytes(base64.b64decode(encoded) if encoded else httpx.get(picture["url"]).raise_for_status().content)
        files.append(file)
    return Drawn(wish, files, told["metadata"])


def grown(events: Iterable[Any], wish: Wish, name: str) -> Drawn:
    """Write each preview and the picture as they come."""
    previews: list[Path] = []
    for event in events:
        if event.type.endswith(".progress"):
            continue
        done = event.type.endswith(".completed")
        kind = "1" if done else f"preview-{event.partial_image_index + 1}"
        file = OUTPUT / f"{name}-{kind}.{event.output_format}"
        file.write_bytes(base64.b64decode(event.b64_json))
        if done:
            return Drawn(wish, [file], event.model_dump()["metadata"], previews)
        previews.append(file)
    raise AssertionError("the stream ended without its picture")


def pictures_of(wish: Wish, sources: Mapping[str, Path]) -> dict[str, Path]:
    """The files that an edit sends."""
    if not wish.of:
        return {}
    source = sources[wish.of]
    return {"image": source, "mask": mask_of(source)} if wish.masked else {"image": source}


def mask_of(source: Path) -> Path:
    """OpenAI's kind of mask for a picture: transparent where it may change, which is the middle here."""
    with Image.open(source) as picture:
        width, height = picture.size
    mask = Image.new("RGBA", (width, height), "black")
    ImageDraw.Draw(mask).ellipse((width // 4, height // 5, 3 * width // 4, 3 * height // 5), fill=(0, 0, 0, 0))
    mask.save(MASK)
    return MASK


def on_the_sheet(drawn: Sequence[Drawn], sources: Mapping[str, Path]) -> list[Shown]:
    shown: list[Shown] = []
    for one in drawn:
        title = f"{one.metadata['model']} · {one.metadata['provider_name']}"
        source, mask = sources.get(one.wish.of), MASK if one.wish.masked else None
        for file in (*one.previews, *one.files):
            with Image.open(file) as picture:
                width, height = picture.size
            kind = " · preview" if file in one.previews else one.wish.kind
            shown.append(Shown(file, title, f"{width}x{height} {file.suffix[1:]}{kind}", source, mask))
    return shown


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
        if row["name"] != "prompt" or row["behavior"] == "dropped"
    ]


COLUMNS = ["parameter", "asked", "behaviour", "sent as", "sent", "note"]


def short(value: Any) -> str:
    """In a table's cell; a picture as `webp 1024x768`."""
    text = "" if value is None else str(pictured(value))
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


if __name__ == "__main__":
    main()
