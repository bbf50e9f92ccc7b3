"""The one place where a key becomes a header, and where a provider's limits come from."""

import pytest

from providers.account import Account
from providers.base import Call
from providers.local.adapter import Local
from providers.registry import ProviderSettings, build_adapter
from tests.providers.failing import failure
from tests.providers.upstream import Reply, Upstream


@pytest.mark.parametrize(
    ("key", "scheme", "sent"), [("k1", "Key", "Key k1"), (None, "Bearer", None), ("", "Key", None)]
)
async def test_a_key_is_shown_as_the_provider_wants_it(
    key: str | None, scheme: str, sent: str | None, upstream: Upstream
) -> None:
    upstream.replies = [Reply(200, {})]
    http = Account(upstream.url, key).open("acme", scheme=scheme)
    await http.get("/x")
    await http.close()
    assert upstream.asked[0].headers.get("authorization") == sent


def test_nobody_sees_the_key() -> None:
    account = Account("https://api.example", "secret")
    assert "secret" not in f"{account!r} {account} {account.open('acme')!r}"


def test_an_exchange_takes_no_longer_than_it_may_or_than_the_whole_call() -> None:
    account = Account("https://api.example", timeout=90, max_bytes=7)
    assert [account.open("acme", longest=each).timeout for each in (60, 120)] == [60, 90]
    assert (account.open("acme").timeout, account.open("acme").max_bytes) == (90, 7)


def test_another_address_of_the_account_and_its_origins() -> None:
    account = Account("https://api.example")
    http = account.open("acme", url="https://queue.example", origins=(account.base_url,))
    assert http.base_url == "https://queue.example"
    assert http.origins == Account("https://queue.example").open("acme").origins | account.open("acme").origins


def test_plain_http_needs_to_be_allowed() -> None:
    with pytest.raises(ValueError, match="http"):
        Account("http://api.example").open("acme")
    assert Account("http://api.example", allow_http=True).open("acme").base_url == "http://api.example"


async def test_the_configured_account_is_that_of_each_worker(upstream: Upstream, second: Upstream) -> None:
    settings = ProviderSettings("local", "local", api_key="k1", workers=(upstream.url, second.url))
    local = build_adapter(settings)
    assert isinstance(local, Local)
    upstream.script = second.script = lambda asked: Reply(503, headers={"retry-after": "0"})
    await failure(local.generate(Call("req_1.1", "sketch", "generate", {"prompt": "a fox"}, 1, "bytes")))
    await local.close()
    assert {each.asked[0].headers["authorization"] for each in (upstream, second)} == {"Bearer k1"}
