"""A provider's receipt as the database holds it."""

from typing import cast

import orjson

from providers.base import Ticket


def packed(ticket: Ticket) -> str:
    return orjson.dumps([ticket.id, ticket.check_url, ticket.result_url, ticket.cancel_url]).decode()


def unpacked(text: str) -> Ticket:
    return Ticket(*cast("list[str]", orjson.loads(text)))
