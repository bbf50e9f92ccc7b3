"""OpenAI's client at its default settings, where connections break and answers come late: each picture is paid once."""

import base64
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
from openai.types import ImagesResponse

from simulators.running import Simulators
from tests.gateway import written
from tests.gateway.conftest import GoOn, Start
from tests.gateway.cutting_proxy import CuttingProxy
from tests.gateway.drawn import asked
from tests.gateway.photos import photo
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.gateway.until import until


def picture(answer: ImagesResponse) -> bytes:
    [image] = answer.data or []
    return base64.b64decode(image.b64_json or "", validate=True)


def draw(client: openai.OpenAI, body: dict[str, Any]) -> ImagesResponse:
    generate: Any = client.images.generate  # its overloads know OpenAI's arguments only
    return generate(**body, response_format="b64_json")


def edit(client: openai.OpenAI, prompt: str) -> ImagesResponse:
    return client.images.edit(
        model="qwen-image-edit-plus", image=photo(), prompt=prompt, response_format="b64_json", size="1024x1024"
    )


def waited_for(gateway: RunningGateway) -> int:
    """Jobs that run and whose askers are there, as far as the database knows."""
    return len(written.rows(gateway, "SELECT id FROM jobs WHERE finished IS NULL AND NOT gone"))


def test_through_a_proxy_that_cuts_every_connection(
    start: Start, simulators: Simulators, go_on: GoOn, tmp_path: Path
) -> None:
    """Twice, which is as often as the client tries again."""
    gateways = [start(data_dir=tmp_path / "both") for _time in range(2)]
    same, other, prompt = asked(), asked(), asked()["prompt"]
    with (
        CuttingProxy(gateways) as proxy,
        openai.OpenAI(base_url=f"{proxy.url}/v1", api_key=ADMIN_KEY) as client,
        ThreadPoolExecutor() as threads,
    ):
        requests: list[Future[ImagesResponse]] = [threads.submit(draw, client, body) for body in (same, same, other)]
        requests.append(threads.submit(edit, client, prompt))
        until(lambda: len(simulators.calls("fal", "submit")) == 4)
        for connections in (8, 12):
            proxy.cut()
            until(lambda: proxy.connections == connections and waited_for(gateways[0]) == 4)  # noqa: B023 - used at once
        go_on()
        answers = [request.result() for request in requests]
    assert len({picture(answer) for answer in answers}) == 4
    assert simulators.paid("fal") == 4
    assert len(written.rows(gateways[0], "SELECT id FROM jobs WHERE status = 'succeeded'")) == 4


def test_at_a_gateway_that_answers_too_late(start: Start, simulators: Simulators, go_on: GoOn) -> None:
    gateway = start(server={"deadline": 0.5})
    statuses: list[int] = []
    late = threading.Event()

    def seen(answer: Any) -> None:
        statuses.append(answer.status_code)
        late.set()

    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=ADMIN_KEY) as client, ThreadPoolExecutor() as threads:
        client._client.event_hooks = {"response": [seen]}  # pyright: ignore[reportPrivateUsage] - to see what its retries hide
        request = threads.submit(draw, client, asked())
        assert late.wait(30)
        go_on()
        assert picture(request.result())
    assert statuses == [504, 200]
    assert simulators.paid("fal") == 1
    assert len(written.rows(gateway, "SELECT id FROM jobs")) == 1


def test_what_a_provider_lost_is_drawn_by_the_clients_own_retry(start: Start, simulators: Simulators) -> None:
    """Nothing was paid, so it is no matter that it is another job."""
    gateway = start(models={"qwen-image": {"route": ["fal"]}})
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "status", "status": 503, "times": 3}])
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=ADMIN_KEY) as client:
        assert picture(draw(client, asked()))
    statuses = [row["status"] for row in written.rows(gateway, "SELECT status FROM jobs ORDER BY created")]
    assert statuses == ["failed", "succeeded"]
    assert simulators.paid("fal") == 1
