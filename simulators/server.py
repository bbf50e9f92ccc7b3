"""Every simulator in one application, each under `/{slug}/…`. A new provider is a module and a line in `SIMULATORS`."""

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette

from simulators.alibaba import Alibaba
from simulators.civitai import Civitai
from simulators.control import control_routes
from simulators.fal import Fal
from simulators.faults import Providers
from simulators.front import Simulator
from simulators.images_api.localai import LocalAI
from simulators.images_api.lumenfall import Lumenfall
from simulators.images_api.openai import OpenAI
from simulators.images_api.sd_server import SdServer
from simulators.images_api.sglang import SGLang
from simulators.images_api.vllm_omni import VllmOmni
from simulators.images_api.xinference import Xinference
from simulators.oxen import Oxen
from simulators.replicate import Replicate
from simulators.runware import Runware
from simulators.stage import Stage

SIMULATORS: tuple[Simulator, ...] = (
    Fal(),
    OpenAI(),
    Lumenfall(),
    VllmOmni(),
    SdServer(),
    SGLang(),
    LocalAI(),
    Xinference(),
    Alibaba(),
    Replicate(),
    Runware(),
    Civitai(),
    Oxen(),
)
PROVIDERS: Providers = {simulator.slug: simulator.ability for simulator in SIMULATORS}


def create_app(faults: Sequence[Any] = (), *, stage: Stage | None = None) -> Starlette:
    """The ASGI application. `faults` is the JSON list of `faults.py`; raises `BadFaults`.

    Served by `simulators.running`, a scripted drop really cuts the connection; another server answers it as its own
    failure (`ConnectionCut`).
    """
    stage = stage or Stage(PROVIDERS)
    if faults:
        stage.set_faults(list(faults))
    routes = [route for simulator in SIMULATORS for route in simulator.routes(stage)]
    return Starlette(routes=[*control_routes(stage), *routes])
