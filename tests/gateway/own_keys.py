"""Teams that bring their own keys to providers, for tests."""

import secrets
from collections import Counter
from dataclasses import dataclass
from typing import Any, Self

import httpx

from simulators.running import Simulators
from tests.gateway.running import FOX, RunningGateway
from tests.gateway.tenants import MadeKey, made_key


@dataclass(frozen=True)
class Team:
    """With a key of its own for the gateway, and perhaps for providers."""

    gateway: RunningGateway
    simulators: Simulators
    key: MadeKey

    @classmethod
    def new(cls, gateway: RunningGateway, simulators: Simulators, **fields: Any) -> Self:
        return cls(gateway, simulators, made_key(gateway, **fields))

    @property
    def id(self) -> str:
        return self.key.team

    def brings(self, provider: str, *, good: bool = True, gateway: RunningGateway | None = None) -> str:
        """A key that the provider knows, if it is `good`; its calls are recorded under the team's id."""
        text = f"own-{secrets.token_hex(16)}"
        if good:
            self.simulators.open_account(provider, text, self.id)
        answer = (gateway or self.gateway).http.put(self.path(provider), json={"api_key": text})
        assert answer.status_code in {200, 201}, answer.text
        return text

    def takes_back(self, provider: str) -> None:
        assert self.gateway.http.delete(self.path(provider)).status_code == 204

    def path(self, provider: str = "") -> str:
        return f"/v1/admin/teams/{self.id}/provider-keys" + (f"/{provider}" if provider else "")

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """With the team's key."""
        headers = {**self.key.headers, **more.pop("headers", {})}
        return self.gateway.http.request(method, path, headers=headers, **more)

    def draws(self, model: str = "qwen-image", *, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        body = {**FOX, "model": model, **more}
        return self.ask("POST", "/v1/images/generations", json=body, headers=headers or {})

    def drawn_by(self, **more: Any) -> str:
        """The provider that served."""
        answer = self.draws(**more)
        assert answer.status_code == 200, answer.text
        return answer.headers["x-easel-provider"]


def accounts(simulators: Simulators, provider: str) -> Counter[str]:
    """Under whose keys a provider was asked, but for its pictures, which take none; ours is empty."""
    return Counter(call["account"] for call in simulators.calls(provider) if call["step"] != "download")
