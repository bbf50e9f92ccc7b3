"""Runware's error codes, as kinds of ours.

They are many and change, so they are told apart as its own client does (runware-sdk 1.8.0, errors.py, read
2026-11-21): whole words first, then by what they contain and how they begin.
"""

from providers.errors import Kind

_WORDS: dict[str, Kind] = {
    "taskNotFound": Kind.GONE,
    "taskFailedOrNotFound": Kind.GONE,
    "taskExpired": Kind.GONE,
    "taskCancelled": Kind.CANCELLED,
    "paymentRequired": Kind.CREDIT,
    "environmentPaused": Kind.CREDIT,
    "noAvailableServer": Kind.BUSY,
    "modelNotReady": Kind.BUSY,
    "modelUnavailable": Kind.BUSY,
    "serviceUnavailable": Kind.BUSY,
    "serverUnavailable": Kind.BUSY,
    "downloadFailed": Kind.FAILED,
    "uploadFailed": Kind.FAILED,
    "inferenceError": Kind.FAILED,
    "processingFailed": Kind.FAILED,
    "taskFailed": Kind.FAILED,
    "internalServerError": Kind.FAILED,
    "unknownError": Kind.FAILED,
    "invalidProviderContent": Kind.MODERATED,
    "modelNotFound": Kind.BAD_REQUEST,
    "modelDisabled": Kind.BAD_REQUEST,
    "unknownModel": Kind.BAD_REQUEST,
    "unknownParameter": Kind.BAD_REQUEST,
    "incompatibleParameters": Kind.BAD_REQUEST,
    "validationFailed": Kind.BAD_REQUEST,
}
# In this order: `providerContentPolicyViolation` is moderation and `missingApiKey` a key, whatever they begin with.
_PARTS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (Kind.MODERATED, ("contentpolicy", "nsfw", "sensitive", "unsafe", "moderation", "promptblocked", "imageblocked")),
    (Kind.CREDIT, ("credits", "quota", "balance")),
    (Kind.RATE, ("ratelimit",)),
    (Kind.KEY, ("apikey", "auth", "credential", "tokenexpired", "tokeninvalid", "tokenmissing", "tokenrevoked")),
    (
        Kind.KEY,
        ("permission", "forbidden", "suspended", "accountdisabled", "organizationdisabled", "workspacedisabled"),
    ),
    (Kind.FAILED, ("timeout",)),
    (Kind.BAD_REQUEST, ("notfound",)),
)
_BEGINNINGS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (Kind.FAILED, ("provider",)),
    (
        Kind.BAD_REQUEST,
        ("invalid", "missing", "conflict", "duplicate", "unsupported", "value", "array", "max", "failed"),
    ),
)


def kind_of(code: object) -> Kind | None:
    """The kind of a code; None for one that tells nothing."""
    if not isinstance(code, str):
        return None
    if code in _WORDS:
        return _WORDS[code]
    lower = code.lower()
    for kind, parts in _PARTS:
        if any(part in lower for part in parts):
            return kind
    return next((kind for kind, words in _BEGINNINGS if lower.startswith(words)), None)
