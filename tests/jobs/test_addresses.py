"""An address for webhooks or uploads is refused before anything is spent, with what would work."""

import asyncio
import socket
from collections.abc import Sequence

import pytest

from gateway.errors import InvalidValue
from gateway.jobs import addresses
from gateway.jobs.addresses import check_address, delivery_guard
from gateway.jobs.uploads import address_of, check_endpoint, uploads
from providers.guard import Guard
from tests.providers.cdn import names
from tests.providers.test_foreign_urls import REFUSED_URLS

PUBLIC = names(hooks_example_com=["93.184.216.34", "2606:4700::1111"])


async def refusal(url: object, guard: Guard, parameter: str = "webhook_url") -> InvalidValue:
    with pytest.raises(InvalidValue) as caught:
        await check_address(url, parameter, guard)
    assert caught.value.param == parameter
    assert caught.value.message.startswith(f"{parameter}: ")
    assert "https://" in caught.value.message
    return caught.value


async def test_an_ordinary_address_passes() -> None:
    await check_address("https://hooks.example.com:8443/easel?token=1", "webhook_url", Guard(resolver=PUBLIC))
    await check_address("https://93.184.216.34/easel", "webhook_url", Guard(resolver=PUBLIC))


@pytest.mark.parametrize(
    "url", [*REFUSED_URLS, 7, None, ["https://hooks.example.com"], "https://a.example/" + "a" * 9000]
)
async def test_what_is_refused_by_its_text(url: object) -> None:
    async def resolver(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    await refusal(url, Guard(resolver=resolver))


async def test_the_reason_is_told() -> None:
    guard = Guard(resolver=names(inside_example=["10.0.0.1"], mixed_example=["93.184.216.34", "127.0.0.1"]))
    assert "it is not https" in (await refusal("http://hooks.example.com/a", guard)).message
    assert "its port 25 is not allowed" in (await refusal("https://hooks.example.com:25/", guard)).message
    assert "its address is not public" in (await refusal("https://127.0.0.1/", guard)).message
    assert "a user or a password" in (await refusal("https://me:secret@hooks.example.com/", guard)).message
    for host in ("inside.example", "mixed.example"):
        wrong = await refusal(f"https://{host}/secret", guard, "upload_endpoint")
        assert "has an address that is not public" in wrong.message
        assert "secret" not in wrong.message


async def test_a_name_that_leads_to_loopback_by_the_systems_own_word() -> None:
    guard = delivery_guard([])
    assert "not public" in (await refusal("https://localhost/hook", guard)).message


async def test_the_operators_own_origins_may_be_anything() -> None:
    guard = delivery_guard(["http://127.0.0.1:9000", "http://hooks.internal"])
    await check_address("http://127.0.0.1:9000/hook", "webhook_url", guard)
    await check_address("http://hooks.internal/hook", "webhook_url", guard)
    await refusal("http://127.0.0.1:9001/hook", guard)
    await refusal("https://hooks.internal:8444/hook", guard)


async def test_a_name_that_cannot_be_resolved_now_is_left_to_the_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    async def endless(_host: str, _port: int) -> Sequence[str]:
        return await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(addresses, "LOOK_UP_SECONDS", 0.01)
    for resolver in (unknown, endless):
        await check_address("https://hooks.example.com/easel", "webhook_url", Guard(resolver=resolver))


async def test_pictures_that_would_overwrite_each_other_are_refused() -> None:
    guard = Guard(resolver=PUBLIC)
    with pytest.raises(InvalidValue, match=r"send n=1, or put \{index\} into the URL") as caught:
        await check_endpoint("https://hooks.example.com/a.png?sig=1", 2, guard, keep=True)
    assert caught.value.param == "upload_endpoint"
    assert "sig" not in caught.value.message
    await check_endpoint("https://hooks.example.com/a.png?sig=1", 1, guard, keep=True)
    await check_endpoint("https://hooks.example.com/{index}.png?sig=1", 2, guard, keep=True)


async def test_without_stored_pictures_there_is_nothing_to_upload() -> None:
    with pytest.raises(InvalidValue, match="keeps no pictures") as caught:
        await check_endpoint("https://hooks.example.com/a.png", 1, Guard(resolver=PUBLIC), keep=False)
    assert caught.value.param == "upload_endpoint"


@pytest.mark.parametrize(
    "url", ["https://{index}.hooks.example.com/", "http://hooks.example.com/{index}", "{index}", 5]
)
async def test_an_endpoint_is_checked_like_any_address(url: object) -> None:
    with pytest.raises(InvalidValue, match=r"^upload_endpoint: "):
        await check_endpoint(url, 2, Guard(resolver=PUBLIC), keep=True)


def test_each_picture_has_its_own_address() -> None:
    assert address_of("https://a.example/{index}/{index}.png", 3) == "https://a.example/3/3.png"
    made = uploads("https://a.example/{index}.png?sig=1", [0, 2], 5.0)
    assert [(each.kind, each.url, each.place, each.due) for each in made] == [
        ("upload", "https://a.example/0.png?sig=1", 0, 5.0),
        ("upload", "https://a.example/2.png?sig=1", 2, 5.0),
    ]
    assert len({each.id for each in made}) == 2
