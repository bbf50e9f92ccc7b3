"""Requests that provoke the answers which openapi.yaml shows as examples."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.store.signing import sign

SIGNING_KEY = "a key that signs the pictures of the contract tests"
NO_PICTURE = f"{'0' * 64}.png"
GENERATIONS, PLAN = "/v1/images/generations", "/v1/images/plan"
LIGHTHOUSE: dict[str, Any] = {
    "model": "fal/qwen-image",
    "prompt": "A lighthouse at dusk, oil on canvas",
    "size": "16:9",
    "n": 2,
    "seed": 7,
    "steps": 30,
}


@dataclass(frozen=True)
class Exchange:
    """`route` is the path as documented, `path` the one to ask where that differs.

    `first` is the body of a request that draws before, with the same headers; `{id}` in the path is then its job. With
    `running` that job is not over.
    """

    example: str
    status: int
    method: str
    route: str
    path: str = ""
    body: Mapping[str, Any] | None = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    faults: tuple[Mapping[str, Any], ...] = ()
    at: Literal["usual", "narrow"] = "usual"
    first: Mapping[str, Any] | None = None
    running: bool = False

    @property
    def address(self) -> str:
        return self.path or self.route


def drawn(example: str, status: int, body: Mapping[str, Any], **more: Any) -> Exchange:
    return Exchange(example, status, "POST", GENERATIONS, body=body, **more)


def file(example: str, status: int, query: str) -> Exchange:
    return Exchange(
        example, status, "GET", "/v1/images/files/{name}", f"/v1/images/files/{NO_PICTURE}?{query}", at="narrow"
    )


def signed(expires: int) -> str:
    return sign(NO_PICTURE, "default", expires, [SIGNING_KEY.encode()])


def of_job(example: str, status: int, method: str, path: str, **more: Any) -> Exchange:
    """A request about a job of a fox, unless `first` draws another one; `path` begins behind its id."""
    more.setdefault("first", FOX)
    route = f"/v1/jobs/{{id}}{path.partition('?')[0]}"
    return Exchange(example, status, method, route, f"/v1/jobs/{{id}}{path}", **more)


STANDS_STILL = ({"provider": "fal", "on": "status", "effect": "delay", "seconds": 30, "times": -1},)
ADJUST = "/v1/admin/ledger/{id}/adjust"
ONE_PROVIDER_KEY = "/v1/admin/teams/{id}/provider-keys/{provider}"
PROVIDER_KEYS = "/v1/admin/teams/default/provider-keys"
NO_JOB = "/v1/jobs/req_e53ed81003b01de4650e003e"
FOX: dict[str, Any] = {"model": "fal/qwen-image", "prompt": "A fox in the snow"}
QUICK: dict[str, Any] = {"model": "fal/flux-schnell", "prompt": "A fox in the snow"}

EXCHANGES = (
    drawn("Pictures", 200, LIGHTHOUSE),
    drawn("DryRun", 200, LIGHTHOUSE, path=f"{GENERATIONS}?dryRun=true"),
    Exchange("Plan", 200, "POST", PLAN, body=LIGHTHOUSE),
    Exchange("Sketch", 200, "GET", "/v1/models/{id}", "/v1/models/sketch", at="narrow"),
    drawn("InvalidValue", 400, {**FOX, "n": 11}),
    drawn("TwoSpellings", 400, {**FOX, "n": 2, "num_images": 3}),
    drawn("BadSize", 400, {**FOX, "size": "100000x10000"}),
    drawn("InvalidJson", 400, {}, content=b'{"model": "qwen-image"'),
    drawn("MissingPrompt", 400, {"model": "qwen-image"}),
    drawn("MissingModel", 400, {"prompt": "A fox in the snow"}),
    drawn("UnsupportedParameter", 400, {**FOX, "background": "transparent"}),
    drawn("OutOfRange", 400, {**FOX, "num_inference_steps": 500}),
    drawn("OwnedField", 400, {**FOX, "fal_webhook": "https://example.com/hook"}),
    drawn("Strict", 400, {**FOX, "quality": "high"}, headers={"x-easel-strict": "true"}),
    drawn("ContentPolicyViolation", 400, FOX, faults=({"provider": "fal", "on": "generate", "effect": "moderated"},)),
    Exchange("WrongHost", 400, "GET", "/v1/models", headers={"host": "elsewhere.example"}, at="narrow"),
    drawn("NoKey", 401, FOX, headers={"authorization": ""}),
    drawn("WrongKey", 401, FOX, headers={"authorization": "Bearer ek_wrong"}),
    file("UrlExpired", 403, signed(int(time.time()) - 1)),
    file("NotAllowed", 403, "team=default&expires=4102444800&signature=0"),
    drawn("ModelNotFound", 404, {**FOX, "model": "qwen"}),
    drawn("NotCached", 404, {**FOX, "seed": 1}, headers={"x-easel-cache": "only"}),
    file("NotFound", 404, signed(4102444800)),
    Exchange("NoSuchRoute", 404, "GET", "/v1/images/files/{name}", "/v1/pictures"),
    Exchange("MethodNotAllowed", 405, "GET", PLAN),
    drawn("RequestTooLarge", 413, {**FOX, "prompt": "a" * 1_100_000}, at="narrow"),
    drawn("UnsupportedMediaType", 415, {}, content=b"a fox", headers={"content-type": "text/plain"}),
    drawn("ProviderError", 502, FOX, faults=({"provider": "fal", "on": "submit", "effect": "drop_after"},)),
    drawn(
        "Flagged",
        400,
        {**FOX, "n": 4},
        faults=({"provider": "fal", "on": "submit", "effect": "nsfw_one"},),
    ),
    drawn(
        "NotAsPlanned",
        502,
        FOX,
        faults=({"provider": "fal", "on": "submit", "effect": "wrong_size"},),
        headers={"x-easel-strict": "true"},
    ),
    drawn("Accepted", 202, FOX, faults=STANDS_STILL, headers={"prefer": "respond-async, wait=1"}),
    of_job("Job", 200, "GET", "", first={**FOX, "seed": 100}, headers={"x-easel-cache": "off"}),
    Exchange("BadStatus", 400, "GET", "/v1/jobs", "/v1/jobs?status=done"),
    of_job("BadWait", 400, "GET", "?wait=1000000000", first=None),
    Exchange("BadLastEventId", 400, "GET", "/v1/events", headers={"last-event-id": "the last one"}),
    Exchange("NoSuchJob", 404, "GET", "/v1/jobs/{id}", NO_JOB),
    of_job("NoSuchWebhook", 404, "POST", "/webhooks/redeliver"),
    of_job("JobFinished", 409, "POST", "/cancel"),
    of_job("JobRunning", 409, "DELETE", "", faults=STANDS_STILL, running=True),
    drawn(
        "IdempotencyMismatch",
        422,
        {**FOX, "n": 2},
        first=FOX,
        headers={"idempotency-key": "2fd8a7c4-4c7e-4a52-9a8f-0e6f3c1f5b11"},
    ),
    drawn("RateLimited", 429, QUICK, first=QUICK, running=True, faults=STANDS_STILL, at="narrow"),
    Exchange("Team", 200, "PATCH", "/v1/admin/teams/{id}", "/v1/admin/teams/default", body={"image_ttl": 86400}),
    Exchange("TooShort", 400, "PATCH", "/v1/admin/teams/{id}", "/v1/admin/teams/default", body={"image_ttl": 1}),
    Exchange("NoSuchTeam", 404, "GET", "/v1/admin/teams/{id}", "/v1/admin/teams/nobody"),
    Exchange("NoSuchProviderKey", 404, "GET", ONE_PROVIDER_KEY, f"{PROVIDER_KEYS}/openai"),
    Exchange("BadProviderKey", 400, "PUT", ONE_PROVIDER_KEY, f"{PROVIDER_KEYS}/openai", body={"api_key": "a key"}),
    Exchange("NoKeysThere", 400, "PUT", ONE_PROVIDER_KEY, f"{PROVIDER_KEYS}/local", body={"api_key": "key"}),
    Exchange("BadMoment", 400, "GET", "/v1/usage", "/v1/usage?from=yesterday"),
    Exchange("NoSuchSpender", 404, "GET", "/v1/admin/usage", "/v1/admin/usage?team=nobody"),
    Exchange("BadCost", 400, "POST", ADJUST, "/v1/admin/ledger/1/adjust", body={"cost_usd": -1}),
    Exchange("NoSuchLine", 404, "POST", ADJUST, "/v1/admin/ledger/999999999999/adjust", body={"cost_usd": 0}),
    drawn("NoProvider", 503, {"model": "sketch", "prompt": "A fox in the snow"}),
    drawn(
        "Timeout",
        504,
        FOX,
        faults=STANDS_STILL,
        at="narrow",
    ),
)

# A request; what needs a fault of ours, several clients at once or a key of another kind is provoked by tests/gateway.
NOT_PROVOKED = {
    "TeamChange",
    "InternalError",
    "BudgetSpent",
    "Overloaded",
    "JobCancelled",
    "DatabaseAway",
    "NewTeam",
    "NewKey",
    "BringProviderKey",
    "MadeKey",
    "NotAnAdmin",
    "TooWide",
    "NotForThisKey",
    "HookRefused",
    "Usage",
    "LedgerLine",
    "Adjustment",
    "NotAdjustable",
}
