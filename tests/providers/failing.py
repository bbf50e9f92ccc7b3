"""The error that a call to a provider ends with."""

from collections.abc import Awaitable, Sequence

import pytest

from providers.errors import ProviderError


async def failure(
    awaiting: Awaitable[object], *, provider: str | None = None, hidden: Sequence[str] = ()
) -> ProviderError:
    """Where `provider` is given the error names it; its message shows nothing of what is `hidden`."""
    with pytest.raises(ProviderError) as caught:
        await awaiting
    assert provider in (None, caught.value.provider)
    assert not [text for text in hidden if text in caught.value.message]
    return caught.value
