"""GET /v1/models and /v1/models/{id}: OpenAI's shape, and what each provider does with each parameter."""

from starlette.types import Receive, Scope, Send

from gateway.api.asgi import send_json
from gateway.api.auth import Keys
from gateway.flow.candidates import find_model
from gateway.flow.deps import Deps
from gateway.rows.models import model_row


class Models:
    name = "models"

    def __init__(self, at: Deps, keys: Keys) -> None:
        self.at = at
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller, at = await self.keys.caller(scope), self.at
        reach = await at.adapters.of(caller.team)
        data = [model_row(entry, at.titles, reach) for entry in at.catalog.entries.values()]
        await send_json(200, {"object": "list", "data": data}, send)


class Model:
    """The id may hold slashes, raw or as %2F; `provider/model` gives that provider's part alone."""

    name = "model"

    def __init__(self, at: Deps, keys: Keys) -> None:
        self.at = at
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = await self.keys.caller(scope)
        entry = find_model(scope["path_params"]["id"], self.at).entry
        reach = await self.at.adapters.of(caller.team)
        await send_json(200, model_row(entry, self.at.titles, reach), send)
