"""From an HTTP request to an order: who asks, which model, what for, until when."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.types import Receive, Scope

from gateway.api.asgi import header
from gateway.api.auth import Keys
from gateway.api.body import checked_texts, read_json
from gateway.api.form import is_form, read_body
from gateway.api.form_values import typed
from gateway.errors import InvalidValue
from gateway.flow.allowed import check_allowed
from gateway.flow.candidates import bad_value, find_for_pictures, find_model, nobody
from gateway.flow.deps import Deps
from gateway.flow.failure import deadline_passed
from gateway.flow.order import CacheWish, Order, default_response_format
from gateway.flow.room import Held
from gateway.flow.sent_pictures import SentPictures
from gateway.flow.sources import SentSources, has_guides, has_pictures
from gateway.flow.unread import is_hopeless
from gateway.telemetry import Outcome
from gateway.tenancy.caller import Caller
from normalizers.asked import Asked, Options, read_asked
from normalizers.catalog import Found
from normalizers.checks import Type
from normalizers.errors import BadValue
from normalizers.offer import Operation
from normalizers.parameters import PARAMETERS

STRENGTH = ("strength", "denoising_strength", "image_strength", "prompt_strength")
# OpenAI's variations have no prompt, and every provider's image-to-image wants one.
VARIATION_PROMPT = "A variation of this picture."


class Orders:
    """Each method raises a GatewayError for everything that is wrong before a provider is chosen.

    `scope["held"]` is the request's share of the room, which its pictures take.
    """

    def __init__(self, at: Deps, keys: Keys) -> None:
        self.at = at
        self.keys = keys
        self.max_bytes = at.settings.server.max_body_mb * 1024 * 1024

    async def to_generate(self, scope: Scope, receive: Receive) -> Order:
        """Pictures from text alone, and from the guides of control nets."""
        caller = await self.keys.caller(scope)
        asked = read(await read_json(scope["headers"], receive, self.max_bytes))
        return await self.from_text(scope, asked, find_model(asked.model, self.at, "generate"), caller)

    async def to_edit(self, scope: Scope, receive: Receive) -> Order:
        """Pictures from pictures; a `strength` asks for image-to-image where the model has it."""
        caller = await self.keys.caller(scope)
        asked = read(await read_body(scope["headers"], receive, self.max_bytes), prompt_needed=False)
        return await self.with_pictures(scope, asked, caller)

    async def to_vary(self, scope: Scope, receive: Receive) -> Order:
        """Image-to-image without a prompt of the caller's."""
        caller = await self.keys.caller(scope)
        body = read(await read_body(scope["headers"], receive, self.max_bytes), prompt_needed=False)
        asked = Asked(body.model, body.fields, {"prompt": VARIATION_PROMPT})
        found = find_model(asked.model, self.at, "image_to_image")
        return await self.loaded(scope, asked, found, "image_to_image", caller)

    async def to_plan(self, scope: Scope, receive: Receive) -> Order:
        """Whatever the body would be sent for: with a picture it is an edit, without one it draws from text."""
        caller = await self.keys.caller(scope)
        asked = read(await read_body(scope["headers"], receive, self.max_bytes), prompt_needed=False)
        found = find_model(asked.model, self.at, "generate")
        if has_pictures(asked.fields, native_pictures(found), self.at.catalog.known.slugs):
            return await self.with_pictures(scope, asked, caller)
        return await self.from_text(scope, asked, found, caller)

    async def from_text(self, scope: Scope, asked: Asked, found: Found, caller: Caller) -> Order:
        if has_guides(asked.fields, native_pictures(found), self.at.catalog.known.slugs):
            return await self.loaded(scope, asked, found, "generate", caller)
        checked_texts(asked.fields)
        return await self.order(scope, asked, found, "generate", caller)

    async def with_pictures(self, scope: Scope, asked: Asked, caller: Caller) -> Order:
        wants_strength = any(asked.fields.get(name) is not None for name in STRENGTH)
        found, operation = find_for_pictures(asked.model, self.at, by_strength=wants_strength)
        return await self.loaded(scope, asked, found, operation, caller)

    async def loaded(self, scope: Scope, asked: Asked, found: Found, operation: Operation, caller: Caller) -> Order:
        """With the caller's pictures read and checked; an order that nobody could serve loads none."""
        order = await self.order(scope, asked, found, operation, caller)
        if not found.offers:
            raise nobody(order, (), self.at)
        slugs = self.at.catalog.known.slugs
        fields = typed(asked.fields, native_types(found), slugs) if is_form(scope["headers"]) else asked.fields
        sent = SentSources(fields, native_pictures(found), slugs)
        unread = replace(order, asked=replace(asked, fields=checked_texts(sent.stood_in())))
        if is_hopeless(unread, self.at):
            return unread
        held: Held = scope["held"]
        try:
            answer_by = order.started + self.at.settings.server.deadline
            async with asyncio.timeout(answer_by - time.monotonic()):
                fields, contents = await sent.take(answer_by, self.at, held)
        except TimeoutError:
            raise deadline_passed(order) from None
        return replace(order, asked=replace(asked, fields=fields), sent=SentPictures(contents))

    async def order(self, scope: Scope, asked: Asked, found: Found, operation: Operation, caller: Caller) -> Order:
        outcome: Outcome = scope["easel"]
        outcome.model = found.entry.facts.id
        check_allowed(caller, found.entry, asked.model)
        settings = self.at.settings
        usual = default_response_format(asked.model, settings.defaults.response_format)
        strict = settings.defaults.strict if caller.strict is None else caller.strict
        options = Options(
            response_format=caller.response_format or usual,
            keep=settings.storage.keep,
            strict=flag(header(scope, b"x-easel-strict"), "X-Easel-Strict", default=strict),
        )
        return Order(
            id=outcome.request_id,
            asked=asked,
            found=found,
            operation=operation,
            caller=caller,
            reach=await self.at.adapters.of(caller.team),
            options=options,
            started=outcome.started,
            deadline=outcome.started + settings.jobs.deadline,
            base_url=settings.server.public_url or address(scope),
            cache=cache_wish(header(scope, b"x-easel-cache")),
        )


def read(body: Any, *, prompt_needed: bool = True) -> Asked:
    try:
        return read_asked(body, prompt_needed=prompt_needed)
    except BadValue as wrong:
        raise bad_value(wrong) from None


def native_pictures(found: Found) -> Mapping[str, str]:
    """The providers' own names of the fields that carry pictures: `image_urls` is `image`."""
    natives = (offer.native.items() for offer in found.entry.offers)
    return {wire: name for native in natives for wire, name in native if name in {"image", "mask"}}


def native_types(found: Found) -> dict[str, Type]:
    """The types of the providers' own fields: `use_turbo` is a boolean."""
    rules = (rule for offer in found.entry.offers for rule in offer.rules.items() if rule[0] not in PARAMETERS)
    return {name: rule.schema["type"] for name, rule in rules if "type" in rule.schema}


def flag(value: bytes, name: str, *, default: bool) -> bool:
    if not value:
        return default
    return truth(value.strip().decode("latin-1"), name)


def truth(word: str, name: str) -> bool:
    """Raises InvalidValue."""
    if word.lower() not in {"true", "false", "1", "0"}:
        raise InvalidValue(f"{name}: must be true or false", param=name)
    return word.lower() in {"true", "1"}


def cache_wish(value: bytes) -> CacheWish | None:
    match value.strip().lower():
        case b"":
            return None
        case b"off":
            return "off"
        case b"only":
            return "only"
        case _:
            raise InvalidValue("X-Easel-Cache: must be off or only", param="X-Easel-Cache")


def address(scope: Scope) -> str:
    """The address this request arrived at; the Host header is the caller's word and is not asked."""
    host, port = scope.get("server") or ("127.0.0.1", 80)
    return f"{scope['scheme']}://{f'[{host}]' if ':' in host else host}:{port}"
