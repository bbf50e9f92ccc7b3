"""What can be wrong with a request or a table, decided without a provider.

NormalizerError
├── BadValue      the caller must change the value, whoever serves
├── Refused       this offer cannot honour it; another one may
├── Owned         a wire field that is the gateway's own; no caller may set it
└── TableError    a row of an offer's table is wrong; the gateway does not start with it

CannotConvert is a converter's word to its caller, which knows the parameter and makes a Refused of it.
"""


class NormalizerError(Exception):
    """Anything this package raises on purpose. `param` is the caller's spelling of the parameter."""

    def __init__(self, param: str, reason: str) -> None:
        super().__init__(f"{param}: {reason}")
        self.param = param
        self.reason = reason


class BadValue(NormalizerError):
    """No provider could make sense of this value; the reason names one that works."""


class Refused(NormalizerError):
    """Honouring the request without this parameter would give another picture; the reason names what works."""


class Owned(NormalizerError):
    """The caller tried to set a wire field that the gateway sets itself: counts, callbacks, upload targets."""


class CannotConvert(ValueError):
    """A value that has no counterpart at a provider; the text says which values do."""


class TableError(Exception):
    """A bad row, with the path of its file and of the row within it."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message
