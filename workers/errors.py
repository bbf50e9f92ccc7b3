"""What a worker refuses, in OpenAI's error envelope: `{"error": {message, type, param, code}}`, always all four."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from workers.engine import OutOfMemory, Unsupported, WrongAdapter


class Refusal(Exception):
    """An error that the caller is told of. The message holds neither prompt nor picture."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = "invalid_value",
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.param = param
        self.code = code
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        error = {"message": str(self), "type": self.kind, "param": self.param, "code": self.code}
        return {"error": error}

    def response(self) -> JSONResponse:
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        return JSONResponse(self.body(), self.status, headers)


def busy(message: str, *, retry_after: int) -> Refusal:
    """503 for a queue that is full or a worker that is about to end."""
    return Refusal(message, status=503, kind="service_unavailable_error", code="overloaded", retry_after=retry_after)


def draining() -> Refusal:
    """503 for what a worker that ends does not begin, or cannot finish: another worker can."""
    message = "This worker is about to end."
    return Refusal(message, status=503, kind="service_unavailable_error", code="draining", retry_after=1)


def late() -> Refusal:
    """For those who said how long they would wait."""
    return Refusal("The time for this request is over.", status=504, kind="server_error", code="deadline_exceeded")


def cancelled() -> Refusal:
    """For those who still wait for a job that somebody cancelled; 499 is nginx's 'client closed request'."""
    return Refusal("The job was cancelled.", status=499, code="job_cancelled")


def broken() -> Refusal:
    """The engine failed; the cause is in the worker's log."""
    return Refusal("The engine failed to draw the picture.", status=500, kind="server_error", code="engine_failed")


def explained(error: BaseException) -> Refusal:
    """What an engine raised, for the caller."""
    if isinstance(error, WrongAdapter):
        return Refusal(str(error), param="loras", code="invalid_lora")
    if isinstance(error, Unsupported):
        return Refusal(str(error), param=error.param)
    if isinstance(error, OutOfMemory):
        message = "The device has not enough memory for this picture; a smaller one may fit."
        return Refusal(message, status=503, kind="service_unavailable_error", code="out_of_memory", retry_after=5)
    return broken()


async def refused(_request: Request, error: Exception) -> JSONResponse:
    """Starlette's handler for `Refusal`."""
    if not isinstance(error, Refusal):
        raise error
    return error.response()


async def not_routed(_request: Request, error: Exception) -> JSONResponse:
    """Starlette's handler for its own 404 and 405."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = {404: "not_found", 405: "method_not_allowed"}.get(status, "http_error")
    message = "This route does not take this method." if status == 405 else "There is no such route here."
    return Refusal(message, status=status, code=code).response()


async def unforeseen(_request: Request, _error: Exception) -> JSONResponse:
    """Starlette's handler for everything else; the server logs the traceback."""
    return broken().response()
