"""`/v1/admin/workers`: the GPU workers of our own that this gateway knows, and how each is."""

from starlette.types import Receive, Scope, Send

from gateway.api.admin import AdminRoute
from gateway.api.asgi import send_json
from gateway.api.auth import Keys
from gateway.errors import NotAllowed
from gateway.flow.adapters import Adapters
from gateway.store.database import Database
from gateway.tenancy.caller import Caller


class Workers(AdminRoute):
    """GET, for admins: workers serve all teams."""

    name = "workers"

    def __init__(self, database: Database, keys: Keys, adapters: Adapters) -> None:
        super().__init__(database, keys)
        self.adapters = adapters

    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        if not caller.admin:
            raise NotAllowed("workers are for admins to see")
        local = self.adapters.local
        waiting = local.standing().waiting if local is not None else {"interactive": 0, "background": 0}
        rows = local.rows() if local is not None else []
        await send_json(200, {"object": "list", "data": rows, "line": dict(waiting)}, send)
