"""Our account at a provider: where it is asked, with which key and within which limits."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from providers.http import MAX_BYTES, Http


@dataclass(frozen=True, slots=True)
class Account:
    """`timeout` bounds a whole call in seconds, `max_concurrency` its connections, `max_bytes` an answer."""

    base_url: str
    key: str | None = field(default=None, repr=False)
    timeout: float = 300.0
    max_concurrency: int = 64
    max_bytes: int = MAX_BYTES
    allow_http: bool = False

    def open(
        self,
        provider: str,
        *,
        scheme: str = "Bearer",
        longest: float = math.inf,
        url: str | None = None,
        origins: Iterable[str] = (),
    ) -> Http:
        """A client for it, or for another `url` of the same account. Raises ValueError for an address not accepted.

        `scheme` is the word before the key, where there is one; no exchange takes more than `longest` seconds; a
        reply's URLs may lie on `origins` too.
        """
        return Http(
            url or self.base_url,
            headers={"authorization": f"{scheme} {self.key}"} if self.key else {},
            timeout=min(self.timeout, longest),
            max_concurrency=self.max_concurrency,
            max_bytes=self.max_bytes,
            origins=origins,
            allow_http=self.allow_http,
            provider=provider,
        )
