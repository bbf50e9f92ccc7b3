"""How a caller wants to be served, read from headers and body."""

import re
from collections.abc import Mapping
from typing import Any

from starlette.types import Scope

from gateway.api.asgi import header
from gateway.errors import InvalidValue
from gateway.jobs.manner import Manner
from gateway.settings import Settings
from gateway.tenancy.caller import Caller

LONGEST_WAIT = 600  # seconds
LONGEST_KEY = 255  # characters
PRINTABLE = re.compile(rb"[\x21-\x7e]+(?: [\x21-\x7e]+)*")
SECONDS = re.compile(r"[0-9]{1,9}")
COUNT = re.compile(rb"[0-9]{1,3}")


def read_manner(scope: Scope, fields: Mapping[str, Any], caller: Caller, settings: Settings) -> Manner:
    """`fields` are those of the body. Raises InvalidValue."""
    wishes = preferences(",".join(value.decode("latin-1") for value in headers(scope, b"prefer")))
    respond_async = "respond-async" in wishes
    tries = header(scope, b"x-stainless-retry-count").strip()
    sdk = settings.jobs.join_retries and caller.joins_retries and COUNT.fullmatch(tries) is not None
    manner = Manner(
        respond_async=respond_async,
        wait=wait_of(wishes["wait"]) if respond_async and "wait" in wishes else 0.0,
        stream=truth_of(fields, "stream"),
        webhook_url=text_of(fields, "webhook_url"),
        upload_endpoint=text_of(fields, "upload_endpoint"),
        cancel_on_disconnect=truth_of(fields, "cancel_on_disconnect"),
        idempotency_key=idempotency_key(headers(scope, b"idempotency-key")),
        sdk=sdk,
        resent=sdk and int(tries) > 0,
    )
    if manner.stream and respond_async:
        raise InvalidValue("Prefer: respond-async does not go with stream; leave one of them out", param="stream")
    if fields.get("partial_images") is not None and not manner.stream:
        raise InvalidValue("partial_images: needs stream; send stream true, or leave it out", param="partial_images")
    return manner


def preferences(value: str) -> dict[str, str]:
    """`respond-async, wait=10` by name (RFC 7240)."""
    parts = (part.partition("=") for part in re.split("[,;]", value) if part.strip())
    return {name.strip().lower(): given.strip().strip('"') for name, _equals, given in parts}


def wait_of(value: str) -> float:
    if not SECONDS.fullmatch(value) or int(value) > LONGEST_WAIT:
        told = f"wait must be a whole number of seconds from 0 to {LONGEST_WAIT}, such as wait=10"
        raise InvalidValue(f"Prefer: {told}", param="Prefer")
    return float(value)


def headers(scope: Scope, name: bytes) -> list[bytes]:
    return [value for given, value in scope["headers"] if given == name]


def idempotency_key(values: list[bytes]) -> str | None:
    if not values:
        return None
    value = b", ".join(values)
    if len(value) > LONGEST_KEY or not PRINTABLE.fullmatch(value):
        told = f"must have 1 to {LONGEST_KEY} printable ASCII characters, such as a UUID; this one has {len(value)}"
        raise InvalidValue(f"Idempotency-Key: {told}", param="Idempotency-Key")
    return value.decode("ascii")


def truth_of(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if value not in (None, True, False, "true", "false"):
        raise InvalidValue(f"{name}: must be true or false", param=name)
    return value is True or value == "true"


def text_of(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is not None and not (isinstance(value, str) and value):
        raise InvalidValue(f"{name}: must be a URL in a string", param=name)
    return value
