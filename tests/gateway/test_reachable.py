"""A picture goes by URL only to a provider that can fetch it."""

import pytest

from gateway.flow.hand_over import is_reachable


@pytest.mark.parametrize(
    ("address", "reachable"),
    [
        (None, False),
        ("http://127.0.0.1:8080", False),
        ("http://localhost:8080", False),
        ("http://[::1]:8080", False),
        ("http://192.168.0.4:8080", False),
        ("http://8.8.8.8:8080", True),
        ("https://pictures.example/easel", True),
    ],
)
def test_the_address_that_pictures_are_fetched_from(address: str | None, reachable: bool) -> None:
    assert is_reachable(address) is reachable
