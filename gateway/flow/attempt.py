"""One call, as the caller is told about it."""

from typing import Any, NamedTuple


class Attempt(NamedTuple):
    """A call, or a candidate that was passed over.

    `outcome` is `ok`, the kind of failure, `unknown` (its answer was lost: it may have been paid), or `skipped`.
    """

    provider: str
    outcome: str
    images: int
    duration_ms: int
    reason: str | None = None

    def row(self) -> dict[str, Any]:
        """As JSON; `reason` only where there is one."""
        told = self._asdict()
        return told if self.reason else {name: value for name, value in told.items() if name != "reason"}
