"""Providers' webhooks that would never come are told before a gateway starts, and by `easel check`."""

from typing import Any

import pytest

from gateway.cli.findings import Finding, of_mistakes
from gateway.settings import read_settings


def found(public_url: str | None, **webhooks: bool) -> list[Finding]:
    tables: dict[str, Any] = {
        "server": {"public_url": public_url},
        "providers": {name: {"webhooks": on} for name, on in webhooks.items()},
    }
    return [each for each in of_mistakes(read_settings(None, tables)) if each.verdict == "wrong"]


@pytest.mark.parametrize("public_url", ["https://easel.example.com", "http://127.0.0.1:8080", "http://localhost:8080"])
def test_an_address_that_can_be_called(public_url: str) -> None:
    assert found(public_url, fal=True, replicate=True, runware=True, openai=False) == []


@pytest.mark.parametrize("public_url", [None, "http://easel.example.com", "http://10.0.0.1", "https://u:p@example.com"])
def test_an_address_that_cannot(public_url: str | None) -> None:
    assert [each.what for each in found(public_url, fal=True, replicate=False)] == ["providers.fal.webhooks"]
    assert "https" in found(public_url, fal=True)[0].told


def test_a_provider_that_sends_none() -> None:
    [wrong] = found("https://easel.example.com", openai=True, fal=True)
    assert (wrong.what, wrong.told) == ("providers.openai.webhooks", "openai sends none; fal, replicate, runware do")
