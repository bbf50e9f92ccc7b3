"""Every error a caller can meet: status, code, and whether an SDK should try again, decided where it is defined.

    GatewayError
    ├── 400  InvalidValue  InvalidJson  MissingParameter  UnsupportedParameter  ContentPolicyViolation
    ├── 401  InvalidKey          403  NotAllowed  UrlExpired
    ├── 404  ModelNotFound  NotFound  NotCached      405  MethodNotAllowed
    ├── 409  JobFinished  JobRunning  JobCancelled
    ├── 413  RequestTooLarge     415  UnsupportedMediaType      422  IdempotencyMismatch
    ├── 429  RateLimited  BudgetSpent
    ├── 500  InternalError       502  ProviderFailed  NotAsPlanned
    └── 503  NoProvider  Overloaded                  504  DeadlinePassed

OpenAI's SDKs send a request again on 408, 409, 429 and every 5xx unless `x-should-retry: false` stands in the answer
(openai-python 3.52.0, read 2026-11-21): a retry of something that may have been paid is a second payment.
"""

import math
from collections.abc import Mapping, Sequence

from normalizers.price import as_dollars


class GatewayError(Exception):
    """`message` is for the caller: it names the parameter, the reason and, where one is known, a value that works."""

    status = 500
    code = "internal_error"
    type = "invalid_request_error"
    should_retry: bool | None = None  # None leaves it to the status

    def __init__(self, message: str, *, param: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self._headers = dict(headers or {})

    @property
    def headers(self) -> dict[str, str]:
        """What the answer carries besides its body."""
        if self.should_retry is None:
            return self._headers
        return {"x-should-retry": "true" if self.should_retry else "false", **self._headers}

    def body(self) -> dict[str, object]:
        """OpenAI's envelope, always with its four keys."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


class InvalidValue(GatewayError):
    """A value that no provider could make sense of."""

    status, code = 400, "invalid_value"


class InvalidJson(GatewayError):
    status, code = 400, "invalid_json"


class MissingParameter(GatewayError):
    status, code = 400, "missing_required_parameter"


class UnsupportedParameter(GatewayError):
    """A parameter that none of the model's providers can honour, or that no caller may set."""

    status, code = 400, "unsupported_parameter"


class ContentPolicyViolation(GatewayError):
    """Blocked by a provider's moderation: never asked elsewhere. `cost` is what it charges, in micro-dollars."""

    status, code, type = 400, "content_policy_violation", "image_generation_user_error"

    def __init__(self, message: str, *, param: str | None = None, cost: int | None = None) -> None:
        super().__init__(message, param=param, headers=cost_headers(cost))


class InvalidKey(GatewayError):
    status, code = 401, "invalid_api_key"


class NotAllowed(GatewayError):
    status, code = 403, "not_allowed"


class UrlExpired(GatewayError):
    status, code = 403, "url_expired"


class ModelNotFound(GatewayError):
    status, code = 404, "model_not_found"


class NotFound(GatewayError):
    status, code = 404, "not_found"


class NotCached(GatewayError):
    """`X-Easel-Cache: only`, and not all of the pictures are there."""

    status, code = 404, "not_cached"


class MethodNotAllowed(GatewayError):
    status, code = 405, "method_not_allowed"


class JobFinished(GatewayError):
    """It can no longer be cancelled; what it came to stays."""

    status, code, should_retry = 409, "job_finished", False


class JobRunning(GatewayError):
    """It is not over, and only what is over can be deleted or told again."""

    status, code, should_retry = 409, "job_running", False


class JobCancelled(GatewayError):
    """Somebody cancelled the job that this request is; `cost` is what it is known to be charged, in micro-dollars."""

    status, code, should_retry = 409, "job_cancelled", False

    def __init__(self, job: str, why: str, *, cost: int | None = None) -> None:
        super().__init__(f"job {job} was cancelled. {why}", headers=cost_headers(cost))


class RequestTooLarge(GatewayError):
    status, code = 413, "request_too_large"


class UnsupportedMediaType(GatewayError):
    status, code = 415, "unsupported_media_type"


class IdempotencyMismatch(GatewayError):
    status, code, should_retry = 422, "idempotency_mismatch", False


class RateLimited(GatewayError):
    """More than a key, team, model or provider may be asked for at the moment; nothing was started.

    `retry_after` is in seconds.
    """

    status, code, type = 429, "rate_limit_exceeded", "rate_limit_error"

    def __init__(self, message: str, *, retry_after: float, headers: Mapping[str, str] | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message, headers={**(headers or {}), **retry_headers(retry_after)})


class BudgetSpent(GatewayError):
    """What was asked for may cost more than is left; nothing more was sent.

    `request` is the id of the one that it was refused to, `owner` that of the key or team whose budget it is; `cost` is
    what the request was charged before, in micro-dollars.
    """

    status, code, type, should_retry = 429, "insufficient_quota", "insufficient_quota", False

    def __init__(self, message: str, request: str, owner: str, *, cost: int | None = None) -> None:
        super().__init__(message, headers=cost_headers(cost))
        self.request = request
        self.owner = owner


class InternalError(GatewayError):
    """A fault of ours. It may have happened after a provider was paid, so nothing retries it blindly."""

    status, code, type, should_retry = 500, "internal_error", "server_error", False


class ProviderFailed(GatewayError):
    """Every provider failed; `paid` says that one of them may charge for it all the same.

    `cost` is what they are known to charge, in micro-dollars.
    """

    status, code, type = 502, "provider_error", "server_error"

    def __init__(
        self,
        message: str,
        *,
        paid: bool,
        retry_after: float | None = None,
        param: str | None = None,
        cost: int | None = None,
    ) -> None:
        headers = {} if retry_after is None else retry_headers(retry_after)
        super().__init__(message, param=param, headers=headers | cost_headers(cost))
        self.should_retry = False if paid else None


class NotAsPlanned(ProviderFailed):
    """Strict mode, and a provider drew another size or format than it was asked for.

    `urls` lead to the pictures that are stored, so that nothing paid is lost.
    """

    def __init__(self, message: str, *, urls: Sequence[str], cost: int | None) -> None:
        super().__init__(message, paid=True, cost=cost)
        self._urls = tuple(urls)

    def body(self) -> dict[str, object]:
        """The envelope, with `data` beside it as in an answer."""
        return {**super().body(), "data": [{"url": url} for url in self._urls]}


class NoProvider(GatewayError):
    """`retry_after`: seconds after which one that is expected may be there; None: nobody is."""

    status, code, type = 503, "no_provider", "server_error"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message, headers={} if retry_after is None else retry_headers(retry_after))
        self.should_retry = False if retry_after is None else None


class Overloaded(GatewayError):
    """More requests than this process takes on; nothing was started."""

    status, code, type = 503, "overloaded", "server_error"

    def __init__(self, message: str, *, retry_after: float = 1) -> None:
        super().__init__(message, headers=retry_headers(retry_after))


class DeadlinePassed(GatewayError):
    """The work may still be going on at the provider, and may be paid.

    `request` is the id of the one that had the work done; `cost` is what it is known to be charged, in micro-dollars.
    `joins`: the same request, sent again, finds the job instead of starting another.
    """

    status, code, type, should_retry = 504, "timeout", "server_error", False

    def __init__(self, message: str, request: str, *, cost: int | None = None, joins: bool = False) -> None:
        super().__init__(message, headers=cost_headers(cost))
        self.request = request
        self.should_retry = joins


def cost_headers(cost: int | None) -> dict[str, str]:
    """What was charged although nothing is delivered; nothing for what nobody knows, or for nothing."""
    return {"x-easel-cost": as_dollars(cost)} if cost else {}


def retry_headers(seconds: float) -> dict[str, str]:
    """Both headers that OpenAI's SDKs read; never more than 60 s, beyond which they stop waiting or give up.

    Rounded up: whoever comes back then does not come too early.
    """
    wait = min(60.0, max(0.001, seconds))
    return {"retry-after": str(math.ceil(wait)), "retry-after-ms": str(math.ceil(wait * 1000))}
