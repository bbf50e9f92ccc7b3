"""The gateway as a client sees it: requests with a key, answers as JSON, errors in one sentence."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

import httpx

DEFAULT_URL = "http://127.0.0.1:8080"
PATIENCE = httpx.Timeout(660, connect=5)  # seconds; the gateway's own deadline is 600
MAX_DOWNLOAD = 256 * 1024 * 1024  # bytes of one picture


class GatewayFailed(Exception):
    """What went wrong, for the person at the terminal. `answered` is False when there is no gateway at all; `code` is
    that of the error it answered.
    """

    def __init__(self, message: str, *, answered: bool = True, code: str | None = None) -> None:
        super().__init__(message)
        self.answered = answered
        self.code = code


class Gateway:
    """A running gateway. Use it as a context manager; every method raises GatewayFailed."""

    def __init__(self, url: str | None, key: str | None) -> None:
        self.url = (url or DEFAULT_URL).rstrip("/")
        headers = {"authorization": f"Bearer {key}"} if key else {}
        try:
            self._http = httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE, trust_env=False)
        except (httpx.InvalidURL, UnicodeEncodeError):
            raise GatewayFailed("EASEL_URL or EASEL_API_KEY holds something that cannot be sent") from None
        # A picture may lie elsewhere: whoever keeps it never sees the key.
        self._pictures = httpx.Client(timeout=PATIENCE, trust_env=False, follow_redirects=True, max_redirects=3)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()
        self._pictures.close()

    def generate(self, body: dict[str, Any], *, strict: bool) -> dict[str, Any]:
        route = "edits" if "image" in body else "generations"
        return self.ask("POST", f"/v1/images/{route}", body, strict=strict)

    def plan(self, body: dict[str, Any], *, strict: bool) -> dict[str, Any]:
        return self.ask("POST", "/v1/images/plan", body, strict=strict)

    def models(self) -> list[dict[str, Any]]:
        return self.ask("GET", "/v1/models")["data"]

    def model(self, id: str) -> dict[str, Any]:
        return self.ask("GET", f"/v1/models/{id}")

    def download(self, url: str, to: Path) -> str:
        """Write a picture into a new file, by its URL; returns its content type. FileExistsError if it is there."""
        try:
            with self._pictures.stream("GET", url) as answer:
                if not answer.is_success:
                    raise GatewayFailed(f"the picture's URL answered {answer.status_code}")
                with to.open("xb") as file:
                    keep(answer, file)
                return answer.headers.get("content-type", "")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise GatewayFailed(f"the picture's URL could not be read: {type(error).__name__}") from error

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        strict: bool = False,
    ) -> dict[str, Any]:
        """The answer, a JSON object. What is None in `query` is left out."""
        answer = self._send(method, path, body, query=query, strict=strict)
        told = parsed(answer)
        if not isinstance(told, dict):
            raise failed(answer, told)
        return cast("dict[str, Any]", told)

    def tell(self, method: str, path: str) -> None:
        """What is answered with nothing."""
        self._send(method, path)

    def text(self, path: str, query: Mapping[str, Any]) -> str:
        return self._send("GET", path, query=query).text

    def _send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        strict: bool = False,
    ) -> httpx.Response:
        headers = {"x-easel-strict": "true"} if strict else {}
        given = {name: value for name, value in (query or {}).items() if value is not None}
        try:
            answer = self._http.request(method, path, json=body, headers=headers, params=given or None)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            raise GatewayFailed(
                f"no gateway answers at {self.url}; start one with `easel serve`", answered=False
            ) from error
        except httpx.HTTPError as error:
            raise GatewayFailed(f"the gateway at {self.url} broke off: {type(error).__name__}") from error
        if not answer.is_success:
            raise failed(answer, parsed(answer))
        return answer


def parsed(answer: httpx.Response) -> object:
    """None for what is no JSON."""
    try:
        return answer.json()
    except ValueError:
        return None


def keep(answer: httpx.Response, file: BinaryIO) -> None:
    """The body into the file, or no file: half a picture is none."""
    try:
        for chunk in answer.iter_bytes():
            file.write(chunk)
            if file.tell() > MAX_DOWNLOAD:
                raise GatewayFailed(f"the picture is larger than {MAX_DOWNLOAD} bytes")
    except BaseException:
        Path(file.name).unlink(missing_ok=True)
        raise


def failed(answer: httpx.Response, told: object) -> GatewayFailed:
    """`size: … (unsupported_parameter, parameter size, request req_…)` of an error in OpenAI's envelope."""
    body = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    inner: object = body.get("error")
    error = cast("dict[str, Any]", inner) if isinstance(inner, dict) else {}
    request = answer.headers.get("x-request-id")
    code = error.get("code")
    details = [str(code or answer.status_code)]
    if error.get("param"):
        details.append(f"parameter {error['param']}")
    if request:
        details.append(f"request {request}")
    message = error.get("message") or f"{answer.url.host} did not answer as a gateway does"
    return GatewayFailed(f"{message} ({', '.join(details)})", code=code if isinstance(code, str) else None)
