"""fal's own client runs against the simulator, over plain HTTP."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fal_client
import fal_client.client
import httpx
import pytest
from PIL import Image

from simulators.running import Simulators

MODEL = "fal-ai/qwen-image"


@pytest.fixture
def key(simulators: Simulators, monkeypatch: pytest.MonkeyPatch) -> str:
    """The client formats its addresses from constants; there is no option."""
    fal = simulators.addresses["fal"]
    monkeypatch.setattr(fal_client.client, "RUN_URL_FORMAT", fal["base_url"] + "/")
    monkeypatch.setattr(fal_client.client, "QUEUE_URL_FORMAT", fal["queue_url"] + "/")
    monkeypatch.setattr(fal_client.client, "REST_URL", fal["rest_url"])
    monkeypatch.setattr(fal_client.client, "CDN_URL", fal["rest_url"].replace("fal-rest", "fal-cdn"))
    return fal["key"]


@pytest.fixture
def client(key: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[fal_client.SyncClient]:
    """It leaves a connection open for each upload."""
    client = fal_client.SyncClient(key=key)
    opened: list[httpx.Client] = []
    for_uploads = fal_client.SyncClient._get_cdn_client  # pyright: ignore[reportPrivateUsage]

    def counted(self: fal_client.SyncClient) -> httpx.Client:
        opened.append(for_uploads(self))
        return opened[-1]

    monkeypatch.setattr(fal_client.SyncClient, "_get_cdn_client", counted)
    yield client
    for connection in (client._client, *opened):  # pyright: ignore[reportPrivateUsage]  # it has no close of its own
        connection.close()


def test_subscribe_draws_what_was_asked(client: fal_client.SyncClient, simulators: Simulators) -> None:
    arguments = {"prompt": "a lighthouse", "image_size": {"width": 640, "height": 320}, "num_images": 2, "seed": 7}
    seen: list[fal_client.Status] = []

    result = client.subscribe(MODEL, arguments, with_logs=True, on_queue_update=seen.append)

    assert [type(status) for status in seen] == [fal_client.Queued, fal_client.InProgress, fal_client.Completed]
    assert isinstance(seen[1], fal_client.InProgress)
    assert seen[1].logs and seen[1].logs[0]["source"] == "USER"
    assert result["seed"] == 7
    assert result["has_nsfw_concepts"] == [False, False]
    pictures = [Image.open(io.BytesIO(httpx.get(image["url"]).content)) for image in result["images"]]
    assert [(picture.format, picture.size) for picture in pictures] == [("PNG", (640, 320))] * 2
    assert pictures[0].tobytes() != pictures[1].tobytes()
    [submitted] = simulators.calls("fal", "submit")
    assert submitted["path"] == f"/fal-queue/{MODEL}"
    assert submitted["body"] == arguments
    assert "authorization" not in submitted["headers"]
    assert simulators.paid("fal") == 2


def test_submit_status_result_by_id(client: fal_client.SyncClient) -> None:
    handle = client.submit(f"{MODEL}/image-to-image", {"prompt": "x", "image_url": "https://example.com/a.png"})

    assert handle.status_url.endswith(f"/fal-queue/{MODEL}/requests/{handle.request_id}/status")
    assert isinstance(client.status(MODEL, handle.request_id), fal_client.Queued)
    assert isinstance(client.status(MODEL, handle.request_id), fal_client.InProgress)
    assert isinstance(client.status(MODEL, handle.request_id), fal_client.Completed)
    assert len(client.result(f"{MODEL}/image-to-image", handle.request_id)["images"]) == 1


@pytest.mark.parametrize("repository", ["fal_v3", "fal"])
def test_an_edit_of_an_uploaded_file(
    client: fal_client.SyncClient, simulators: Simulators, tmp_path: Path, repository: Any
) -> None:
    Image.new("RGB", (320, 200)).save(tmp_path / "source.png")

    url = client.upload_file(tmp_path / "source.png", repository=repository)  # pyright: ignore[reportUnknownMemberType]  # a bare PathLike
    result = client.subscribe("fal-ai/qwen-image-edit", {"prompt": "make it red", "image_url": url, "seed": 7})

    [image] = result["images"]
    assert (image["width"], image["height"]) == (320, 200)
    assert Image.open(io.BytesIO(httpx.get(image["url"]).content)).size == (320, 200)
    sent = [call["path"].rpartition("/")[0] for call in simulators.calls("fal", "upload")]
    assert sent == {"fal_v3": ["/fal-cdn/files"], "fal": ["/fal-rest/storage/upload", "/fal-cdn/signed"]}[repository]
    assert simulators.paid("fal") == 1


def test_a_data_uri_of_the_clients_own(client: fal_client.SyncClient) -> None:
    url = fal_client.encode_image(Image.new("RGB", (96, 64)), "png")
    result = client.run("fal-ai/flux/dev/image-to-image", {"prompt": "x", "image_url": url, "strength": 0.5})
    assert (result["images"][0]["width"], result["images"][0]["height"]) == (96, 64)


def test_run_is_direct(client: fal_client.SyncClient, simulators: Simulators) -> None:
    result = client.run("fal-ai/flux/dev", {"prompt": "x", "sync_mode": True, "image_size": "square"})

    assert result["images"][0]["url"].startswith("data:image/jpeg;base64,")
    assert [call["path"] for call in simulators.calls("fal")] == ["/fal/fal-ai/flux/dev"]


def test_cancel_in_the_queue_costs_nothing(client: fal_client.SyncClient, simulators: Simulators) -> None:
    handle = client.submit(MODEL, {"prompt": "x"})
    assert simulators.paid("fal") == 1
    handle.cancel()

    assert simulators.paid("fal") == 0
    with pytest.raises(fal_client.FalClientHTTPError) as cancelled:
        handle.get()
    assert (cancelled.value.status_code, cancelled.value.error_type) == (499, "client_cancelled")


def test_cancel_of_a_finished_job_is_refused(client: fal_client.SyncClient) -> None:
    handle = client.submit(MODEL, {"prompt": "x"})
    handle.get(interval=0)

    with pytest.raises(fal_client.FalClientHTTPError) as refused:
        handle.cancel()
    assert refused.value.status_code == 400
    assert refused.value.response.json() == {"status": "ALREADY_COMPLETED"}


def test_a_refused_input_is_completed_and_shows_in_the_result(
    client: fal_client.SyncClient, simulators: Simulators
) -> None:
    handle = client.submit(MODEL, {"prompt": "x", "num_images": 9})
    *_, last = handle.iter_events(interval=0)
    assert isinstance(last, fal_client.Completed)
    assert last.error == "Invalid status code: 422"
    assert last.error_type == "less_than_equal"

    with pytest.raises(fal_client.FalClientHTTPError) as refused:
        handle.get(interval=0)

    assert refused.value.status_code == 422
    assert refused.value.response.json()["detail"] == [
        {
            "loc": ["body", "num_images"],
            "msg": "Input should be less than or equal to 4",
            "type": "less_than_equal",
            "url": "https://docs.fal.ai/errors#less_than_equal",
            "input": 9,
            "ctx": {"le": 4},
        }
    ]
    assert simulators.paid("fal") == 0


def test_a_bad_key_is_refused(key: str) -> None:
    client = fal_client.SyncClient(key=key + "x")
    with pytest.raises(fal_client.FalClientHTTPError, match="invalid key credentials") as refused:
        client.submit(MODEL, {"prompt": "x"})
    client._client.close()  # pyright: ignore[reportPrivateUsage]  # it has no close of its own
    assert refused.value.status_code == 401


async def test_the_async_client(key: str, simulators: Simulators) -> None:
    client = fal_client.AsyncClient(key=key)
    result = await client.subscribe(MODEL, {"prompt": "x", "output_format": "jpeg"})
    assert result["images"][0]["content_type"] == "image/jpeg"

    handle = await client.submit(MODEL, {"prompt": "y"})
    assert isinstance(await handle.status(), fal_client.Queued)
    await handle.cancel()
    with pytest.raises(fal_client.FalClientHTTPError) as cancelled:
        await handle.get()
    assert cancelled.value.status_code == 499

    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "moderated"}])
    with pytest.raises(fal_client.FalClientHTTPError) as blocked:
        await client.subscribe(MODEL, {"prompt": "z"})
    assert (blocked.value.status_code, blocked.value.error_type) == (422, "content_policy_violation")
    await (await client._client).aclose()  # pyright: ignore[reportPrivateUsage]  # it has no close of its own
    assert simulators.paid("fal") == 1


def test_the_client_tries_a_busy_server_again(client: fal_client.SyncClient, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "status", "status": 429, "times": 2}])
    client.submit(MODEL, {"prompt": "x"})
    assert len(simulators.calls("fal", "submit")) == 3
    assert simulators.paid("fal") == 1
