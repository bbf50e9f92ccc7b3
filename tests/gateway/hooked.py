"""Gateways that ask providers to call, and jobs that end at once only if somebody does."""

from pathlib import Path
from typing import Any

from simulators.running import Simulators
from tests.gateway.conftest import everyone
from tests.gateway.drawn import asked
from tests.gateway.post_office import PostOffice
from tests.gateway.running import ADMIN_KEY
from tests.gateway.until import until

SIGNED = ["fal", "replicate"]
EVERY = [*SIGNED, "runware"]
FIRST_LOOKS = {"fal": 2, "replicate": 1, "runware": 1}  # requests: fal is asked by a stream, then without
LAST_LOOKS = {"fal": 2, "replicate": 1, "runware": 2}  # where it stands, and what came of it
LONG = {"retry-after": "600"}


def tables(office: PostOffice, simulators: Simulators, data_dir: Path, **more: Any) -> dict[str, Any]:
    """Settings with all providers, whose webhooks go to the post office."""
    providers = everyone(simulators)
    for slug in EVERY:
        providers[slug]["webhooks"] = True
    providers["replicate"]["timeout"] = 2  # it holds a submission open for half of it
    server = {"data_dir": data_dir, "public_url": office.url}
    return {"server": server, "auth": {"admin_key": ADMIN_KEY}, "providers": providers, **more}


def drawing(slug: str) -> dict[str, Any]:
    return asked(model=f"{slug}/qwen-image", size="512x512")


def done_by_itself(simulators: Simulators, slug: str) -> None:
    """A job of it ends soon, and whoever looks too early is told to come back in ten minutes."""
    simulators.set_pace(slug, seconds_per_image=1.2 if slug == "replicate" else 0.05)
    told = {"provider": slug, "on": "status", "effect": "status", "status": 503, "headers": LONG}
    simulators.set_faults([{**told, "times": FIRST_LOOKS[slug]}])


def looks(simulators: Simulators, slug: str) -> int:
    return len(simulators.calls(slug, "status")) + len(simulators.calls(slug, "result"))


def looked_too_early(simulators: Simulators, slug: str) -> None:
    """Returns when nothing but a message can end the job soon."""
    until(lambda: looks(simulators, slug) >= FIRST_LOOKS[slug])
