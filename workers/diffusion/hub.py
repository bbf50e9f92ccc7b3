"""A picture under way: the call of a stock pipeline, stopped wherever it asks for its denoiser.

Each call runs in a greenlet of its own. In the place of the denoiser it has a stand-in, which hands what it is called
with to whoever runs the greenlet and stops there until the answer comes. So the pipeline's own code does everything
but the forward passes, and those can be one for several pictures, interrupted, or never come.

All greenlets of an engine belong to the device thread.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from inspect import Parameter, signature
from typing import Any, Never

from greenlet import GreenletExit, getcurrent, greenlet
from torch import Tensor, nn


@dataclass(eq=False)
class Call:
    """What a pipeline wants from a module, and waits for. `context` is its own word for it: "cond", "uncond"."""

    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    context: str

    def argument(self, name: str) -> Any:
        """One of them by its name; none of the others is named for it where the pipeline did so itself."""
        return self.kwargs[name] if name in self.kwargs else self.named.get(name)

    @cached_property
    def named(self) -> dict[str, Any]:
        """All arguments by their names, those too that were not given."""
        defaults = _parameters(type(self.module))
        given = {**dict(zip(defaults, self.args, strict=False)), **self.kwargs}
        return {**{name: value for name, value in defaults.items() if value is not Parameter.empty}, **given}


@cache
def _parameters(module: type[nn.Module]) -> dict[str, Any]:
    """The names of what a module is called with, in order, and what each is if it is not given."""
    parameters = list(signature(module.forward).parameters.values())[1:]
    return {each.name: each.default for each in parameters if each.kind is not Parameter.VAR_KEYWORD}


class Decode(BaseException):
    """A pipeline is done but for the decoding of these latents; on its way out it lets go of all it holds."""

    def __init__(self, latents: Tensor) -> None:
        super().__init__()
        self.latents = latents


class StandIn:
    """Has every attribute of the module, and its class to those who ask; a call of it stops the picture."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._context = ""

    @property
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]  # pipelines ask isinstance
        return type(self._module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _runner().switch(Call(self._module, args, kwargs, self._context))

    @contextmanager
    def cache_context(self, name: str, **_told: object) -> Generator[None]:
        self._context = name
        try:
            yield
        finally:
            self._context = ""


class UndecodedVae(StandIn):
    """An autoencoder that encodes, and ends the pipeline where it would decode."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._module(*args, **kwargs)

    def decode(self, latents: Tensor, *_args: object, **_kwargs: object) -> Never:
        raise Decode(latents)

    def to(self, *_args: object, **_kwargs: object) -> "UndecodedVae":
        """Some pipelines change its type back and forth; others are using it, and it has the right one."""
        return self


def _runner() -> greenlet:
    runner = getcurrent().parent
    if runner is None:
        raise RuntimeError("a stand-in is called only within a course")
    return runner


class Course:
    """One pipeline call under way. `waits_for` is what it asks; None once it is over, and `latents` is what it made."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._greenlet = greenlet(call)
        self.waits_for: Call | None = None
        self.latents: Tensor | None = None

    def go_on(self, *answer: object) -> None:
        """Runs to the next question, or to the end. What the pipeline raises comes out here, and ends it."""
        self.waits_for = None
        try:
            asked = self._greenlet.switch(*answer)
        except Decode as end:
            self.latents = end.latents
            return
        if not isinstance(asked, Call):
            raise TypeError("the pipeline ended without decoding anything")
        self.waits_for = asked

    def stop(self) -> None:
        """Ends it where it stands, as if its caller had been interrupted; it lets go of all it holds."""
        self.waits_for = None
        if not self._greenlet.dead:
            self._greenlet.throw(GreenletExit)
