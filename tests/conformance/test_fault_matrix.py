"""Whatever breaks at whichever point of a protocol: never more than one paid picture for one that is wanted.

Exactly one, and delivered, wherever there is a ticket to follow or the id of the submission is ours.
"""

import io
import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

import pybase64
import pytest
from PIL import Image

from gateway.settings import read_settings
from providers.registry import BUILT_IN
from simulators.faults import Step
from simulators.running import Simulators
from simulators.server import PROVIDERS
from tests.conformance.registered import STAND_INS, adapter_for
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.gateway.until import until

ASKED = [slug for slug in BUILT_IN if slug in STAND_INS]
MODEL = {"openai": "gpt-image-2"}
OURS = {"runware", "civitai"}  # the id of a submission is ours there: a lost answer is looked for
SIDE_STEPS = {"cancel", "upload", "webhook"}  # not on the way of a picture from text
AFTER = {"status", "result", "download"}
PATIENCE = 0.3  # seconds that the gateway of the delays waits for an answer
TRANSPORT: list[dict[str, Any]] = [
    {"effect": "status", "status": 429, "headers": {"retry-after": "0"}},
    {"effect": "status", "status": 500},
    {"effect": "status", "status": 502},
    {"effect": "status", "status": 503},
    {"effect": "html"},
    {"effect": "drop_before"},
    {"effect": "drop_after"},
    {"effect": "delay", "seconds": 1.6 * PATIENCE},
]
_numbers = itertools.count(1)


class Point(NamedTuple):
    """One thing that goes wrong, once, at one step of one provider."""

    provider: str
    step: Step
    fault: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.provider}-{self.step}-{self.fault.get('status') or self.fault['effect']}"


def steps_of(provider: str) -> list[Step]:
    """Without `generate` where the way begins with a submission: there it is the same request."""
    has = PROVIDERS[provider].steps - SIDE_STEPS
    return [step for step in get_args(Step) if step in has and not (step == "generate" and "submit" in has)]


POINTS = [Point(slug, step, fault) for slug in ASKED for step in steps_of(slug) for fault in TRANSPORT]
# With somebody behind it a proxy's 502 is no other case than its page, and a 500 no other than a 503.
FOLLOWED = [point for point in POINTS if point.provider not in MODEL and point.fault.get("status") not in {500, 502}]
UPLOADS = [Point(slug, "upload", fault) for slug in ASKED if "upload" in PROVIDERS[slug].steps for fault in TRANSPORT]


@pytest.fixture(scope="module")
def running() -> Iterator[Simulators]:
    with Simulators() as simulators:
        yield simulators


@pytest.fixture(scope="module")
def ticketed(running: Simulators) -> set[str]:
    return {slug for slug in ASKED if hasattr(adapter_for(slug, running.addresses), "submit")}


@pytest.fixture(scope="module")
def gateways(running: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, RunningGateway]]:
    """By provider: its models go to it first, then to a server that never fails."""
    made: dict[str, RunningGateway] = {}
    for slug in ASKED:
        told = {key: value for key, value in running.addresses[slug].items() if key != "key"}
        spare = running.addresses["vllm-omni"]
        model = MODEL.get(slug, "qwen-image")
        providers = {
            slug: {**told, "api_key": running.addresses[slug]["key"], "timeout": PATIENCE},
            "spare": {
                "kind": "openai_compatible",
                "dialect": "vllm-omni",
                "base_url": spare["base_url"],
                "models": {model: "Qwen/Qwen-Image"},
            },
        }
        tables = {
            "server": {"data_dir": tmp_path_factory.mktemp(slug)},
            "auth": {"admin_key": ADMIN_KEY},
            "providers": providers,
            "models": {model: {"route": [slug, "spare"]}},
        }
        made[slug] = RunningGateway(read_settings(None, tables))
    yield made
    for gateway in made.values():
        gateway.stop()


@pytest.fixture
def struck(running: Simulators, gateways: dict[str, RunningGateway], point: Point) -> RunningGateway:
    """A gateway that knows of no trouble yet, in front of a provider that is about to make some."""
    running.reset()
    running.set_faults([{"provider": point.provider, "on": point.step, **point.fault, **of_a_proxy(point)}])
    gateway = gateways[point.provider]
    assert gateway.app.deps is not None
    gateway.app.deps.routing.forget()
    return gateway


def of_a_proxy(point: Point) -> dict[str, Any]:
    """Once a job is done, a status is some proxy's: in the provider's own words it would be about the job itself."""
    return {"body": "upstream error"} if point.fault["effect"] == "status" and point.step in AFTER else {}


def ask(gateway: RunningGateway, running: Simulators, model: str, n: int = 1) -> tuple[int, str | None, int]:
    """The status, whether an SDK may send it again, and how many pictures came.

    No other request is the same: what is left of one that failed would be used by the next.
    """
    answer = gateway.generate({"model": model, "prompt": f"fox number {next(_numbers)}", "n": n, "cache": "off"})
    until(lambda: len(running.stage.spans) == len(running.stage.calls))  # the provider works on what was given up
    pictures = len(answer.json()["data"]) if answer.status_code == 200 else 0
    return answer.status_code, answer.headers.get("x-should-retry"), pictures


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_one_provider_alone(point: Point, struck: RunningGateway, running: Simulators, ticketed: set[str]) -> None:
    model = MODEL.get(point.provider, "qwen-image")
    status, again, pictures = ask(struck, running, f"{point.provider}/{model}")
    paid = running.paid(point.provider)
    assert paid <= 1, "paid twice for one picture"
    if status == 200:
        assert (paid, pictures) == (1, 1)
    elif paid:
        assert again == "false", "an SDK would pay for it a second time"
    if is_safe(point, ticketed):
        assert (status, paid) == (200, 1)


def is_safe(point: Point, ticketed: set[str]) -> bool:
    """Nothing may be lost here: there is a ticket, the id is ours, or the provider said no before it took anything."""
    if point.step not in {"submit", "generate"}:
        return point.step == "download" or point.provider in ticketed
    if point.provider in OURS:
        return True
    return point.fault.get("status") in {429, 503}


@pytest.mark.parametrize("point", FOLLOWED, ids=str)
def test_with_another_provider_behind_it(point: Point, struck: RunningGateway, running: Simulators) -> None:
    status, again, pictures = ask(struck, running, "qwen-image", n=2)
    paid = running.paid(point.provider) + running.paid("vllm-omni")
    assert paid <= 2, "a failover paid for a picture that was paid already"
    if status == 200:
        assert (paid, pictures) == (2, 2)
    elif paid:
        assert again == "false", "an SDK would pay for it a second time"


@pytest.fixture(scope="module")
def heavy() -> str:
    """A picture that no provider takes within the body."""
    out = io.BytesIO()
    Image.effect_noise((3000, 3000), 100).convert("RGB").save(out, "JPEG", quality=97)
    return f"data:image/jpeg;base64,{pybase64.b64encode(out.getvalue()).decode()}"


@pytest.mark.parametrize("point", UPLOADS, ids=str)
def test_a_picture_on_its_way_there(point: Point, struck: RunningGateway, running: Simulators, heavy: str) -> None:
    body = {
        "model": f"{point.provider}/qwen-image-edit",
        "prompt": "snow",
        "cache": "off",
    }
    answer = struck.http.post("/v1/images/edits", json={**body, "image": heavy})
    until(lambda: len(running.stage.spans) == len(running.stage.calls))
    assert running.calls(point.provider, "upload"), "it was not uploaded at all"
    assert running.paid(point.provider) == (1 if answer.status_code == 200 else 0), "an upload costs nothing"
