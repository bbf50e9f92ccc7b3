"""Webhooks of each simulated provider are as documented, and hold against its own verifier where it has one."""

import base64
import hashlib
from collections.abc import Iterator

import fal_client
import fal_client.client
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from replicate.client import Client
from replicate.webhook import InvalidSignatureError, Webhooks

from simulators.replicate.webhooks import signed
from simulators.running import Simulators
from tests.simulators.fal_wire import Fal
from tests.simulators.receiver import Message, Receiver
from tests.simulators.replicate_wire import QWEN, Replicate
from tests.simulators.runware_wire import draw
from tests.simulators.wire import WIRE


def verify_fal(simulators: Simulators, message: Message) -> None:
    """fal's documents step by step. Raises InvalidSignature."""
    keys = WIRE.get(f"{simulators.addresses['fal']['rest_url']}/.well-known/jwks.json").json()["keys"]
    sent = message.headers
    lines = [sent[f"x-fal-webhook-{name}"] for name in ("request-id", "user-id", "timestamp")]
    text = "\n".join([*lines, hashlib.sha256(message.body).hexdigest()]).encode()
    [key] = [base64.urlsafe_b64decode(each["x"] + "=" * (-len(each["x"]) % 4)) for each in keys]
    Ed25519PublicKey.from_public_bytes(key).verify(bytes.fromhex(sent["x-fal-webhook-signature"]), text)


def test_fals_own_client_names_the_webhook_and_the_result_comes(
    simulators: Simulators, fal: Fal, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fal_client.client, "QUEUE_URL_FORMAT", fal.at["queue_url"] + "/")
    client = fal_client.SyncClient(key=fal.at["key"])
    handle = client.submit("fal-ai/qwen-image", {"prompt": "x", "num_images": 2}, webhook_url=receiver.url)
    result = handle.get()
    client._client.close()  # pyright: ignore[reportPrivateUsage]  # it has no close of its own
    message = receiver.take()
    verify_fal(simulators, message)
    assert message.headers["x-fal-webhook-request-id"] == handle.request_id
    told = message.json
    assert (told["request_id"], told["status"], told["payload"]) == (handle.request_id, "OK", result)


def test_fal_tells_of_failures_as_errors(simulators: Simulators, fal: Fal, receiver: Receiver) -> None:
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "moderated"}])
    told = fal.submit("fal-ai/qwen-image", {"prompt": "x"}, params={"fal_webhook": receiver.url}).json()
    error = fal.finish(told)
    message = receiver.take()
    verify_fal(simulators, message)
    assert message.json == {
        "request_id": told["request_id"],
        "gateway_request_id": told["request_id"],
        "status": "ERROR",
        "error": "Invalid status code: 422",
        "payload": error.json(),
    }


def test_fal_tells_of_a_cancellation(simulators: Simulators, fal: Fal, receiver: Receiver) -> None:
    told = fal.submit("fal-ai/qwen-image", {"prompt": "x"}, params={"fal_webhook": receiver.url}).json()
    WIRE.put(told["cancel_url"], headers=fal.headers)
    message = receiver.take().json
    assert (message["request_id"], message["status"]) == (told["request_id"], "ERROR")


def test_an_altered_message_of_fal_does_not_verify(simulators: Simulators, fal: Fal, receiver: Receiver) -> None:
    simulators.set_faults([{"provider": "fal", "on": "webhook", "effect": "altered"}])
    fal.finish(fal.submit("fal-ai/qwen-image", {"prompt": "x"}, params={"fal_webhook": receiver.url}).json())
    with pytest.raises(InvalidSignature):
        verify_fal(simulators, receiver.take())


@pytest.fixture
def client(simulators: Simulators) -> Iterator[Client]:
    at = simulators.addresses["replicate"]
    made = Client(api_token=at["key"], base_url=at["base_url"].removesuffix("/v1"))
    made.poll_interval = 0
    yield made
    made._client.close()  # pyright: ignore[reportPrivateUsage]  # it has no close of its own


def verify_replicate(client: Client, message: Message) -> None:
    """Raises InvalidSignatureError."""
    secret = client.webhooks.default.secret()
    Webhooks.validate(headers=message.headers, body=message.body.decode(), secret=secret, tolerance=300)


def test_replicates_own_client_verifies_what_comes(client: Client, receiver: Receiver) -> None:
    prediction = client.predictions.create(
        model=QWEN, input={"prompt": "x"}, webhook=receiver.url, webhook_events_filter=["completed"]
    )
    prediction.wait()
    message = receiver.take()
    verify_replicate(client, message)
    told = message.json
    assert (told["id"], told["status"], told["output"]) == (prediction.id, "succeeded", prediction.output)


def test_replicate_tells_of_the_start_too_unless_told_otherwise(client: Client, receiver: Receiver) -> None:
    prediction = client.predictions.create(model=QWEN, input={"prompt": "x"}, webhook=receiver.url)
    assert receiver.take().json["status"] == "starting"
    prediction.cancel()
    message = receiver.take()
    verify_replicate(client, message)
    assert (message.json["id"], message.json["status"]) == (prediction.id, "canceled")


def test_another_try_of_replicates_has_the_same_id_and_verifies(client: Client, receiver: Receiver) -> None:
    receiver.statuses = [500]
    prediction = client.predictions.create(
        model=QWEN, input={"prompt": "x"}, webhook=receiver.url, webhook_events_filter=["completed"]
    )
    prediction.wait()
    first, second = receiver.take(), receiver.take()
    verify_replicate(client, second)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_an_altered_message_of_replicate_does_not_verify(
    simulators: Simulators, client: Client, receiver: Receiver
) -> None:
    simulators.set_faults([{"provider": "replicate", "on": "webhook", "effect": "altered"}])
    client.predictions.create(
        model=QWEN, input={"prompt": "x"}, webhook=receiver.url, webhook_events_filter=["completed"]
    ).wait()
    with pytest.raises(InvalidSignatureError):
        verify_replicate(client, receiver.take())


def test_replicates_known_signature() -> None:
    """Of the tests of its Python client."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_replicates_secret_is_for_its_account_only(replicate: Replicate) -> None:
    url = f"{replicate.base_url}/webhooks/default/secret"
    assert WIRE.get(url).status_code == 401
    assert replicate.get(url).json()["key"].startswith("whsec_")


@pytest.mark.parametrize("method", ["sync", "async"])
def test_runware_tells_each_result_flat(simulators: Simulators, receiver: Receiver, method: str) -> None:
    simulators.set_pace("runware", seconds_per_image=0.02)
    told = draw(simulators, webhookURL=receiver.url, numberResults=2, deliveryMethod=method, includeCost=True)
    messages = [receiver.take() for _each in range(2)]
    assert not [name for name in messages[0].headers if "signature" in name]
    results = sorted((message.json for message in messages), key=lambda each: each["imageUUID"])
    assert {each["taskUUID"] for each in results} == {told[0]["taskUUID"]}
    assert len({each["imageUUID"] for each in results}) == 2
    if method == "sync":
        assert results == sorted(told, key=lambda each: each["imageUUID"])


def test_runware_tells_of_a_failure(simulators: Simulators, receiver: Receiver) -> None:
    simulators.set_pace("runware", seconds_per_image=0.02)
    simulators.set_faults([{"provider": "runware", "on": "submit", "effect": "failed"}])
    [told] = draw(simulators, webhookURL=receiver.url, deliveryMethod="async")
    message = receiver.take().json
    assert (message["code"], message["taskUUID"]) == ("inferenceError", told["taskUUID"])


def test_without_a_webhook_nothing_is_posted(
    simulators: Simulators, fal: Fal, replicate: Replicate, receiver: Receiver
) -> None:
    fal.finish(fal.submit("fal-ai/qwen-image", {"prompt": "x"}).json())
    replicate.draw(QWEN, {})
    url = "https://example.com/hook"
    elsewhere = fal.submit("fal-ai/qwen-image", {"prompt": "x"}, params={"fal_webhook": url}).json()
    assert fal.finish(elsewhere).status_code == 200
    here = fal.submit("fal-ai/qwen-image", {"prompt": "x"}, params={"fal_webhook": receiver.url}).json()
    fal.finish(here)
    assert receiver.take().json["request_id"] == here["request_id"]
    assert receiver.is_empty()
