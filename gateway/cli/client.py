"""The gateway as a client sees it: requests with a key, answers as JSON, errors in one sentence."""

from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

import httpx

DEFAULT_URL = "http://127.0.0.1:8080"
PATIENCE = httpx.Timeout(660, connect=5)  # seconds; the gateway's own deadline is 600
MAX_DOWNLOAD = 256 * 1024 * 1024  # bytes of one picture


class GatewayFailed(Exception):
    """What went wrong, for the person at the terminal. `answered` is False when there is no gateway at all."""

    def __init__(self, message: str, *, answered: bool = True) -> None:
        super().__init__(message)
        self.answered = answered


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
        return self._ask("POST", f"/v1/images/{route}", body, strict=strict)

    def plan(self, body: dict[str, Any], *, strict: bool) -> dict[str, Any]:
        return self._ask("POST", "/v1/images/plan", body, strict=strict)

    def models(self) -> list[dict[str, Any]]:
        return self._ask("GET", "/v1/models")["data"]

    def model(self, id: str) -> dict[str, Any]:
        return self._ask("GET", f"/v1/models/{id}")

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

    def _ask(self, method: str, path: str, body: Any = None, *, strict: bool = False) -> dict[str, Any]:
        headers = {"x-easel-strict": "true"} if strict else {}
        try:
            answer = self._http.request(method, path, json=body, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            raise GatewayFailed(
                f"no gateway answers at {self.url}; start one with `easel serve`", answered=False
            ) from error
        except httpx.HTTPError as error:
            raise GatewayFailed(f"the gateway at {self.url} broke off: {type(error).__name__}") from error
        try:
            told = answer.json()
        except ValueError:
            told = None
        if not answer.is_success or not isinstance(told, dict):
            raise GatewayFailed(complaint(answer, told))
        return cast("dict[str, Any]", told)


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


def complaint(answer: httpx.Response, told: object) -> str:
    """`size: … (unsupported_parameter, parameter size, request req_…)` of an error in OpenAI's envelope."""
    body = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    inner: object = body.get("error")
    error = cast("dict[str, Any]", inner) if isinstance(inner, dict) else {}
    request = answer.headers.get("x-request-id")
    details = [str(error.get("code") or answer.status_code)]
    if error.get("param"):
        details.append(f"parameter {error['param']}")
    if request:
        details.append(f"request {request}")
    message = error.get("message") or f"{answer.url.host} did not answer as a gateway does"
    return f"{message} ({', '.join(details)})"
