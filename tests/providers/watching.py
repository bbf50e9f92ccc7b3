"""Whoever watches a call remembers what it was told, and can wait for it."""

import asyncio

from providers.base import Partial, Progress, Ready


class Seen:
    """A `Watch`. `first` is set with the first thing told."""

    def __init__(self) -> None:
        self.all: list[Progress | Partial | Ready] = []
        self.first = asyncio.Event()

    def __call__(self, told: Progress | Partial | Ready) -> None:
        self.all.append(told)
        self.first.set()

    @property
    def steps(self) -> list[tuple[int | None, int | None]]:
        return [(told.step, told.steps) for told in self.all if isinstance(told, Progress)]

    @property
    def previews(self) -> list[Partial]:
        return [told for told in self.all if isinstance(told, Partial)]

    @property
    def ready(self) -> list[Ready]:
        return [told for told in self.all if isinstance(told, Ready)]

    @property
    def partials(self) -> list[tuple[int, int, str, str]]:
        """Place, number, format and text of every preview."""
        return [(told.place, told.number, told.format, bytes(told.base64).decode()) for told in self.previews]
