"""`easel worker`, and `python -m workers` without the gateway's command line: the same options, the same messages."""

from pathlib import Path
from typing import Annotated, NoReturn
from urllib.parse import urlsplit

import typer

from workers.engine import CannotLoad
from workers.engines import UnknownEngine
from workers.options import CANNOT_LOAD, STUCK_SECONDS, WorkerOptions
from workers.run import run

Model = Annotated[
    str | None,
    typer.Option("--model", help="A folder, a hub id such as Qwen/Qwen-Image, or qwen-image-tiny.", show_default=False),
]
LoraHosts = Annotated[
    str, typer.Option("--lora-hosts", help="Hosts that LoRAs may be fetched from, with commas.", show_default=False)
]


def command(
    *,
    engine: Annotated[str, typer.Option("--engine", help="What draws: sketch needs no GPU.")] = "sketch",
    model: Model = None,
    name: Annotated[
        str | None, typer.Option("--name", help="The model's id for callers.", show_default="the model's own")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:1.")] = "auto",
    dtype: Annotated[str, typer.Option("--dtype", help="auto, float32, bfloat16 or float16.")] = "auto",
    compile_blocks: Annotated[
        bool, typer.Option("--compile", help="Compile the model's blocks, on a GPU: a slower start, faster pictures.")
    ] = False,
    host: Annotated[str, typer.Option("--host", help="0.0.0.0 for all of this machine's.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 picks a free one.")] = 8188,
    together: Annotated[
        int | None,
        typer.Option("--together", min=1, help="Jobs under way at once.", show_default="the engine's own"),
    ] = None,
    waiting: Annotated[int, typer.Option("--waiting", min=0, help="How many more jobs may stand in line.")] = 16,
    loras: Annotated[
        Path | None,
        typer.Option(
            "--loras", exists=True, file_okay=False, help="The folder that LoRAs may come from.", show_default=False
        ),
    ] = None,
    lora_hosts: LoraHosts = "",
    announce: Annotated[
        str | None,
        typer.Option(
            "--announce",
            envvar="EASEL_WORKER_ANNOUNCE",  # it may have a password, which options show to everybody
            help="Redis of the gateways that are to find this worker.",
            show_default=False,
        ),
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="Where those gateways reach it.", show_default="where it listens")
    ] = None,
    drain_seconds: Annotated[
        float, typer.Option("--drain-seconds", min=0, help="How long it may finish pictures when it is to end.")
    ] = 60.0,
    stuck_seconds: Annotated[
        float, typer.Option("--stuck-seconds", min=1, help="It ends when the device is at one forward for so long.")
    ] = STUCK_SECONDS,
    follow_parent: Annotated[
        bool, typer.Option("--follow-parent", help="End when the process that started it does.")
    ] = False,
) -> None:
    """Run a worker that draws pictures for a gateway."""
    _check_device(device)
    _check_url(url)
    options = WorkerOptions(
        engine=engine,
        model=model,
        name=name,
        device=device,
        dtype=dtype,
        compile=compile_blocks,
        host=host,
        port=port,
        together=together,
        waiting=waiting,
        loras=loras,
        lora_hosts=tuple(filter(None, (each.strip().lower() for each in lora_hosts.split(",")))),
        announce=announce,
        url=url,
        drain_seconds=drain_seconds,
        stuck_seconds=stuck_seconds,
        follow_parent=follow_parent,
    )
    try:
        status = run(options)
    except UnknownEngine as unknown:
        _fail(str(unknown), 2)
    except CannotLoad as wrong:
        _fail(str(wrong), CANNOT_LOAD)
    except ValueError as wrong:
        _fail(str(wrong), 2)
    except OSError as error:
        _fail(f"cannot listen on {host}:{port}: {error.strerror or error}")
    raise typer.Exit(status)


def _check_device(device: str) -> None:
    kind, _, number = device.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (number and not (kind == "cuda" and number.isdecimal())):
        _fail(f"no device '{device}'; give auto, cpu, cuda, or cuda:1 for the second of several", 2)


def _check_url(url: str | None) -> None:
    if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        _fail("--url has to be an address such as http://10.0.0.7:8188", 2)


def _fail(line: str, status: int = 1) -> NoReturn:
    typer.echo(f"easel: {line}", err=True)
    raise typer.Exit(status)
