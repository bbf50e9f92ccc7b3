"""GET /v1/models and /v1/models/{id}: OpenAI's shape, and what each provider does with each parameter.

A key sees what it may use; for it there is nothing else.
"""

from starlette.types import Receive, Scope, Send

from gateway.api.asgi import send_json
from gateway.api.auth import Keys
from gateway.errors import ModelNotFound
from gateway.flow.candidates import find_model
from gateway.flow.deps import Deps
from gateway.rows.models import model_row
from gateway.tenancy.caller import Caller
from normalizers.catalog import Entry


class Models:
    name = "models"

    def __init__(self, at: Deps, keys: Keys) -> None:
        self.at = at
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller, at = await self.keys.caller(scope), self.at
        reach = await at.adapters.of(caller.team)
        entries = (allowed_part(entry, caller) for entry in at.catalog.entries.values())
        data = [model_row(entry, at.titles, reach) for entry in entries if entry.offers]
        await send_json(200, {"object": "list", "data": data}, send)


class Model:
    """The id may hold slashes, raw or as %2F; `provider/model` gives that provider's part alone."""

    name = "model"

    def __init__(self, at: Deps, keys: Keys) -> None:
        self.at = at
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = await self.keys.caller(scope)
        entry = self.find(scope["path_params"]["id"], caller)
        reach = await self.at.adapters.of(caller.team)
        await send_json(200, model_row(entry, self.at.titles, reach), send)

    def find(self, id: str, caller: Caller) -> Entry:
        """Raises ModelNotFound, which names near ids only to who may use all of them."""
        try:
            entry = allowed_part(find_model(id, self.at).entry, caller)
        except ModelNotFound:
            if not caller.rights:
                raise
        else:
            if entry.offers:
                return entry
        told = f"{id[:100]!r} is no model that this key may use; GET /v1/models lists those"
        raise ModelNotFound(told, param="model")


def allowed_part(entry: Entry, caller: Caller) -> Entry:
    if not caller.rights:
        return entry
    return Entry(entry.facts, tuple(offer for offer in entry.offers if caller.may_use(offer.model, offer.provider)))
