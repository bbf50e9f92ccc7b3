"""Servers that speak OpenAI's images API: OpenAI itself, Lumenfall, and any server of one's own."""

from collections.abc import Awaitable
from dataclasses import replace
from typing import cast

from providers import multipart
from providers.account import Account
from providers.amounts import MOST_DOLLARS, amount
from providers.base import Answer, Call, Json, Watch
from providers.errors import Kind, ProviderError
from providers.event_stream import Listener
from providers.http_answer import HttpAnswer
from providers.image_stream import ImageStream
from providers.openai_compatible.dialects import DIALECTS
from providers.openai_compatible.streaming import as_stream, is_streamed, refuses_stream
from providers.openai_images import Complaint, read_answer, read_error
from providers.refusals import kind_of_status, public_text, retry_after, texts_of

# Codes and types in lower case: OpenAI's (API reference, error codes, read 2026-11-21) and Lumenfall's (docs, Errors,
# read 2026-11-21). A word that is not here leaves the decision to the status.
_KINDS: dict[str, Kind] = {
    "invalid_key": Kind.KEY,
    "authentication_failed": Kind.KEY,
    "authentication_error": Kind.KEY,
    "insufficient_quota": Kind.CREDIT,
    "insufficient_balance": Kind.CREDIT,
    "billing_error": Kind.CREDIT,
    "billing_hard_limit_reached": Kind.CREDIT,  # comes as a 400
    "credit_balance_exhausted": Kind.CREDIT,
    "organization_usage_limit_exceeded": Kind.CREDIT,
    "organization_spend_limit_exceeded": Kind.CREDIT,
    "project_spend_limit_exceeded": Kind.CREDIT,
    "rate_limit_exceeded": Kind.RATE,
    "rate_limited": Kind.RATE,
    "slow_down": Kind.RATE,
    "moderation_blocked": Kind.MODERATED,
    "content_policy_violation": Kind.MODERATED,
    "server_is_overloaded": Kind.BUSY,
    "service_unavailable_error": Kind.BUSY,
    "all_providers_exhausted": Kind.BUSY,
}

_OUR_TEXT: dict[Kind, str] = {
    Kind.KEY: "the provider does not accept our key, or not for this model",
    Kind.CREDIT: "our account at the provider has no credit, or has reached its limit",
    Kind.MODERATED: "the provider's moderation blocked the request",
}


class OpenAICompatible:
    """One server of the images API, by its dialect; raises `ValueError` for a dialect that does not exist.

    `key` is left out of the request where there is none: most servers of one's own have no authentication.
    """

    def __init__(self, account: Account, *, name: str, dialect: str = "openai") -> None:
        if dialect not in DIALECTS:
            raise ValueError(f"unknown dialect {dialect!r}; there are: {', '.join(DIALECTS)}")
        self.name = name
        self.dialect = DIALECTS[dialect]
        self.http = account.open(name)

    async def generate(self, call: Call) -> Answer:
        """Sends the call and reads its pictures; raises `ProviderError`, LOST when the answer never came."""
        return await self._named(self._ask(call))

    async def generate_watched(self, call: Call, watch: Watch) -> Answer:
        """Streams the call where its model does, and asks in the ordinary way where not, or where that is refused."""
        asking = self._stream(call, watch) if is_streamed(call, self.dialect) else self._ask(call)
        return await self._named(asking)

    async def close(self) -> None:
        await self.http.close()

    async def _named(self, asking: Awaitable[Answer]) -> Answer:
        try:
            return await asking
        except ProviderError as error:
            error.provider = self.name
            raise

    async def _ask(self, call: Call) -> Answer:
        return self._read(await self._post(call, self.dialect.body(call)), call)

    async def _stream(self, call: Call, watch: Watch) -> Answer:
        stream = ImageStream(call, watch, explain)
        listener = Listener(stream.told, times=1 + call.partial_images)
        answer = await self._post(call, as_stream(self.dialect.body(call), call), listener)
        if refuses_stream(answer):
            return await self._ask(call)
        return _with_cost(stream.answer(self.http.base_url)) if answer.streamed else self._read(answer, call)

    def _read(self, answer: HttpAnswer, call: Call) -> Answer:
        if answer.status >= 300:
            raise explain(answer, call)
        return _with_cost(read_answer(answer, self.http.base_url))

    async def _post(self, call: Call, body: Json, listener: Listener | None = None) -> HttpAnswer:
        """A payload with pictures in parts of their own goes out as a form, any other as JSON."""
        path = self.dialect.path(call)
        if not multipart.has_parts(body):
            return await self.http.post(path, json=body, listener=listener)
        try:
            form = multipart.encode(body, repeat=self.dialect.repeats.get(call.operation, frozenset()))
        except TypeError:
            raise ProviderError(Kind.BAD_REQUEST, "the request cannot be written as a form") from None
        content, content_type = form.body, form.content_type
        return await self.http.post_content(path, content=content, content_type=content_type, listener=listener)


def explain(answer: HttpAnswer, call: Call) -> ProviderError:
    """An error answer in our words; `param` is the server's own name of the field it complains about."""
    complaint = read_error(answer)
    kind = _kind(answer.status, complaint)
    theirs = public_text(complaint.message, hide=texts_of(call.payload)) if complaint else ""
    return ProviderError(
        kind,
        _OUR_TEXT.get(kind) or theirs or f"the provider answered {answer.status}",
        status=answer.status,
        retry_after=retry_after(answer.headers),
        param=complaint.param if complaint and kind is Kind.BAD_REQUEST else None,
    )


def _kind(status: int, complaint: Complaint | None) -> Kind:
    if complaint is not None:
        for word in (complaint.code, complaint.kind):
            if word in _KINDS:
                return _KINDS[word]
    return kind_of_status(status, own_words=complaint is not None)


def _with_cost(answer: Answer) -> Answer:
    """Lumenfall says under `metadata` what a call cost, in dollars (docs, Edit images, read 2026-11-21)."""
    metadata = answer.extra.get("metadata")
    if not isinstance(metadata, dict):
        return answer
    said = cast(Json, metadata)
    cost = amount(said.get("cost"), MOST_DOLLARS)
    return replace(answer, cost=cost) if said.get("cost_currency", "USD") == "USD" else answer
