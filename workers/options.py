"""What a worker was told at its start: one value that the command line makes and every part reads from."""

from dataclasses import dataclass
from pathlib import Path

CANNOT_LOAD = 4  # the exit status of a worker whose engine cannot be made ready here: starting it again is no use
STUCK_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """`model` is a folder, a hub id such as `Qwen/Qwen-Image` or a model of the package (`qwen-image-tiny`); `name` is
    the id that callers know it by, None: the engine's own. `device` is auto, cpu, cuda or cuda:1; `dtype` auto,
    float32, bfloat16 or float16. `together` is how many jobs may be under way at once, None: as the engine likes it;
    `waiting` more may stand in line. `loras` is the only folder that LoRAs may be named from, `lora_hosts` the only
    hosts that they may be fetched from. `announce` is the Redis where gateways find this worker at `url`. It ends when
    its device has been at the same thing for `stuck_seconds`.
    """

    engine: str = "sketch"
    model: str | None = None
    name: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    compile: bool = False
    host: str = "127.0.0.1"
    port: int = 0
    together: int | None = None
    waiting: int = 16
    loras: Path | None = None
    lora_hosts: tuple[str, ...] = ()
    announce: str | None = None
    url: str | None = None
    drain_seconds: float = 60.0
    stuck_seconds: float = STUCK_SECONDS
    follow_parent: bool = False
