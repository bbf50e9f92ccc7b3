"""The control API: what goes wrong from now on, how slow it is, and what was asked and paid so far.

| route | does |
|---|---|
| `GET  /_control/faults` | the faults still in the script |
| `POST /_control/faults` | replaces the script by a JSON list |
| `GET  /_control/calls`  | `{"calls": [...], "paid": {slug: pictures made}}` |
| `GET  /_control/spans`  | `[[slug, step, began, ended], …]`: when each request since the last look was answered |
| `GET  /_control/webhooks` | what the providers posted: `[{"provider", "url", "headers", "body", "status"}, …]` |
| `POST /_control/pace`   | `{"provider", "seconds_per_image", "queue_seconds", "keep_seconds"}`; absent: default |
| `POST /_control/reset`  | no faults, no calls, nothing posted or paid, no pace |

Writes answer 204; a mistake is a 400 `{"error": …}` and changes nothing.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.faults import BadFaults
from simulators.stage import Pace, Stage


def control_routes(stage: Stage) -> list[Route]:
    async def told_faults(_request: Request) -> Response:
        return JSONResponse(stage.script.told())

    async def told_calls(_request: Request) -> Response:
        return Response(orjson.dumps(stage.told()), media_type="application/json")

    async def take_spans(_request: Request) -> Response:
        return JSONResponse(stage.take_spans())

    async def told_webhooks(_request: Request) -> Response:
        return JSONResponse([each._asdict() for each in list(stage.posted)])

    async def set_faults(body: Any) -> None:
        stage.set_faults(body)

    async def set_pace(body: Any) -> None:
        if not isinstance(body, dict):
            raise BadFaults("a pace is an object")
        wanted: dict[str, Any] = {**body}
        stage.set_pace(str(wanted.pop("provider", "")), Pace.model_validate(wanted))

    async def reset(_body: Any) -> None:
        stage.reset()

    return [
        Route("/_control/faults", told_faults, methods=["GET"]),
        Route("/_control/faults", _writing(set_faults), methods=["POST"]),
        Route("/_control/calls", told_calls, methods=["GET"]),
        Route("/_control/spans", take_spans, methods=["GET"]),
        Route("/_control/webhooks", told_webhooks, methods=["GET"]),
        Route("/_control/pace", _writing(set_pace), methods=["POST"]),
        Route("/_control/reset", _writing(reset), methods=["POST"]),
    ]


def _writing(write: Callable[[Any], Awaitable[None]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        raw = await request.body()
        try:
            await write(orjson.loads(raw) if raw else None)
        except (BadFaults, ValidationError, orjson.JSONDecodeError) as wrong:
            return JSONResponse({"error": str(wrong)}, 400)
        return Response(status_code=204)

    return endpoint
