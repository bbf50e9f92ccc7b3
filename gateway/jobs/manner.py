"""How a caller wants to be served: what to wait for, what to be told, and what a repeated request is."""

from dataclasses import dataclass

SAME_REQUEST_SECONDS = 900.0  # that a finished job is still found by a request that an SDK sends again


@dataclass(frozen=True, slots=True)
class Manner:
    """`wait` is in seconds, of `Prefer: respond-async, wait=N`.

    `sdk`: an SDK that numbers its tries, and will find the job of an earlier one; `resent`: this is not the first.
    """

    respond_async: bool = False
    wait: float = 0.0
    stream: bool = False
    webhook_url: str | None = None
    upload_endpoint: str | None = None
    cancel_on_disconnect: bool = False
    idempotency_key: str | None = None
    sdk: bool = False
    resent: bool = False

    @property
    def at_once(self) -> bool:
        """The job is written down before anything else: somebody was promised it, or may ask for it again."""
        return bool(self.respond_async or self.webhook_url or self.upload_endpoint or self.idempotency_key)

    @property
    def watched(self) -> bool:
        """Somebody may look on while pictures are drawn."""
        return self.stream or self.respond_async
