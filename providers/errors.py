"""What can go wrong at a provider, in our words, and what may be done about it.

Every provider's errors are turned into one of these kinds by its adapter's `explain`. What follows from a kind
(may the call be sent again, may another provider be asked, may it have been paid) is decided here, once.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What happened, seen from the gateway."""

    BAD_REQUEST = "bad_request"  # the provider does not take this request; it was not paid
    MODERATED = "moderated"  # the provider's moderation blocked prompt or picture
    KEY = "key"  # the provider does not know our key
    NOT_ALLOWED = "not_allowed"  # the provider knows our key, which may not use this one model
    CREDIT = "credit"  # our account there is empty or locked
    RATE = "rate"  # too many requests there
    BUSY = "busy"  # not reached, overloaded, or a fault before the request was accepted
    FAILED = "failed"  # accepted, then failed at the provider, which does not bill such failures
    GONE = "gone"  # the ticket is unknown or its result expired
    TIMEOUT = "timeout"  # accepted, and not finished within our deadline
    BROKEN = "broken"  # an answer that cannot be read: HTML, no picture, something that is not one
    LOST = "lost"  # sent, but the answer never came: whether it was accepted is unknown
    CANCELLED = "cancelled"  # cancelled at the provider


@dataclass(frozen=True, slots=True)
class Consequence:
    """`again`: may it be sent again here; `elsewhere`: to another provider; `paid`: may it have cost money."""

    again: bool
    elsewhere: bool
    paid: bool


CONSEQUENCES: dict[Kind, Consequence] = {
    Kind.BAD_REQUEST: Consequence(again=False, elsewhere=True, paid=False),
    Kind.MODERATED: Consequence(again=False, elsewhere=False, paid=True),
    Kind.KEY: Consequence(again=False, elsewhere=True, paid=False),
    Kind.NOT_ALLOWED: Consequence(again=False, elsewhere=True, paid=False),
    Kind.CREDIT: Consequence(again=False, elsewhere=True, paid=False),
    Kind.RATE: Consequence(again=True, elsewhere=True, paid=False),
    Kind.BUSY: Consequence(again=True, elsewhere=True, paid=False),
    Kind.FAILED: Consequence(again=True, elsewhere=True, paid=False),
    Kind.GONE: Consequence(again=False, elsewhere=False, paid=True),
    Kind.TIMEOUT: Consequence(again=False, elsewhere=False, paid=True),
    Kind.BROKEN: Consequence(again=False, elsewhere=False, paid=True),
    Kind.LOST: Consequence(again=False, elsewhere=False, paid=True),
    Kind.CANCELLED: Consequence(again=False, elsewhere=False, paid=True),
}


class ProviderError(Exception):
    """A call to a provider failed.

    `message` is public: it never holds a key, a prompt or a picture. `status` is the provider's HTTP status where
    there was one, `retry_after` its wish in seconds, `param` its own name of the field it complains about.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        provider: str = "",
        status: int | None = None,
        retry_after: float | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.provider = provider
        self.status = status
        self.retry_after = retry_after
        self.param = param

    @property
    def again(self) -> bool:
        """The same call may be sent again to this provider."""
        return CONSEQUENCES[self.kind].again

    @property
    def elsewhere(self) -> bool:
        """Another provider may be asked for the same picture."""
        return CONSEQUENCES[self.kind].elsewhere

    @property
    def paid(self) -> bool:
        """It may have cost money."""
        return CONSEQUENCES[self.kind].paid

    def __repr__(self) -> str:
        return f"<ProviderError {self.provider or '?'} {self.kind}: {self.message}>"


class NotBegun(ProviderError):
    """The call was still waiting here when its time was over: nothing was sent, and nobody is to blame."""


# What may have been paid in a call is a mere hitch where nothing is for sale: at an upload.
_FOR_FREE: dict[Kind, Kind] = {
    Kind.LOST: Kind.BUSY,
    Kind.TIMEOUT: Kind.BUSY,
    Kind.BROKEN: Kind.FAILED,
    Kind.GONE: Kind.FAILED,
    Kind.CANCELLED: Kind.FAILED,
}


def unpaid(error: ProviderError) -> ProviderError:
    """The same error of an exchange that cannot cost anything: it may be tried again, and elsewhere."""
    error.kind = _FOR_FREE.get(error.kind, error.kind)
    return error
