"""What a request went through, as spans of OpenTelemetry; off, each step costs one look at an attribute.

Never a prompt, a key, a picture, a body or a URL: of a span is told what comes from small fixed sets, ids and numbers.
"""

import re
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags, Tracer

Facts = Mapping[str, str | int | bool]

ERROR_TYPE = "error.type"
MODEL = "gen_ai.request.model"
PROVIDER = "gen_ai.provider.name"
IMAGES = "easel.images"
OUTCOME = "easel.outcome"
JOB = "easel.job.id"

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_ROOT = Context()
_DRAWING: Facts = {"gen_ai.operation.name": "generate_content", "gen_ai.output.type": "image"}
LONGEST_TRACEPARENT = 512  # characters; the form of today has 55


class Step:
    """Part of a request, for `with`: what is begun within belongs to it. This one is recorded nowhere."""

    __slots__ = ()
    recorded = False
    traceparent: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def tell(self, facts: Facts) -> None:
        """Says more of it."""

    def named(self, name: str) -> None:
        """Gives it the name that is known only now."""

    def failed(self, why: str) -> None:
        """`why` is a code or a kind of failure, never a text that may quote anything."""

    def end(self, _task: object = None) -> None:
        """Where `with` does not."""


NOTHING = Step()


class SpanStep(Step):
    """Recorded as a span. One that is `lasting` goes on after its `with`, until `end`."""

    __slots__ = ("_failed", "_lasting", "_span", "_token")

    def __init__(self, span: Span, *, lasting: bool = False) -> None:
        self._span = span
        self._lasting = lasting
        self._failed = False

    def __enter__(self) -> Self:
        self._token = attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        detach(self._token)
        if isinstance(error, Exception) and not self._failed:  # whoever was cancelled has not failed
            self.failed(type(error).__name__)
        if not self._lasting:
            self._span.end()

    @property
    def recorded(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] - read only, in both
        return self._span.is_recording()

    @property
    def traceparent(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride] - read only, in both
        return written(self._span.get_span_context())

    def tell(self, facts: Facts) -> None:
        self._span.set_attributes(facts)

    def named(self, name: str) -> None:
        self._span.update_name(name)

    def failed(self, why: str) -> None:
        self._failed = True
        self._span.set_attribute(ERROR_TYPE, why)
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self, _task: object = None) -> None:
        self._span.end()


class Tracing:
    """Without a tracer it is off. `trust`: what callers say of their own traces is continued, not only linked to."""

    def __init__(self, tracer: Tracer | None = None, *, trust: bool = False) -> None:
        self.on = tracer is not None
        self._tracer = tracer or trace.NoOpTracer()
        self._trust = trust

    def request(self, method: str, traceparent: str | None) -> Step:
        """`traceparent` is what the caller sent. A request that is not sampled has a step all the same, for its id."""
        caller = read(traceparent) if traceparent else None
        facts: Facts = {"http.request.method": method}
        if caller is not None and self._trust:
            parent = trace.set_span_in_context(trace.NonRecordingSpan(caller), _ROOT)
            return SpanStep(self._tracer.start_span("request", parent, SpanKind.SERVER, facts))
        links = [Link(caller)] if caller is not None else None
        return SpanStep(self._tracer.start_span("request", _ROOT, SpanKind.SERVER, facts, links))

    def plan(self, model: str) -> Step:
        return self._part("plan", {MODEL: model}) if self.on else NOTHING

    def attempt(self, provider: str, offer: str, call: str, images: int) -> Step:
        """A call that goes out, or is followed by its ticket; `call` is our own id of it."""
        if not self.on:
            return NOTHING
        facts: Facts = {**_DRAWING, PROVIDER: provider, "easel.offer": offer, "easel.call.id": call}
        return self._part("attempt", {**facts, "easel.images.asked": images}, SpanKind.CLIENT)

    def store(self, what: str) -> Step:
        """`what` is waited for: `picture`, `journal`, `cache`."""
        return self._part(f"store {what}") if self.on else NOTHING

    def resumed(self, job: str, attempt: int, traceparent: str | None) -> Step:
        """A job that goes on without its request, in a trace of its own; `traceparent` is that of its request."""
        if not self.on:
            return NOTHING
        before = read(traceparent) if traceparent else None
        links = [Link(before)] if before is not None else None
        facts: Facts = {JOB: job, "easel.job.attempt": attempt}
        return SpanStep(self._tracer.start_span("job", _ROOT, SpanKind.INTERNAL, facts, links), lasting=True)

    def traceparent(self) -> str | None:
        """Of the step that is under way."""
        if not self.on:
            return None
        context = trace.get_current_span().get_span_context()
        return written(context) if context.is_valid else None

    def trace_id(self) -> str | None:
        """Of the request that is under way, sampled or not."""
        if not self.on:
            return None
        context = trace.get_current_span().get_span_context()
        return f"{context.trace_id:032x}" if context.is_valid else None

    def _part(self, name: str, facts: Facts | None = None, kind: SpanKind = SpanKind.INTERNAL) -> Step:
        """Of a request that is recorded: of one that was not sampled nothing is made, and nothing outside of any."""
        if not trace.get_current_span().is_recording():
            return NOTHING
        return SpanStep(self._tracer.start_span(name, kind=kind, attributes=facts))


OFF = Tracing()


def read(traceparent: str) -> SpanContext | None:
    """A W3C `traceparent`, as the specification takes it from a stranger; None for what is none."""
    found = _TRACEPARENT.fullmatch(traceparent[:LONGEST_TRACEPARENT].strip())
    if found is None or (traceparent.startswith("00") and len(traceparent.strip()) != 55):
        return None
    flags = TraceFlags(int(found[3], 16) & TraceFlags.SAMPLED)
    return SpanContext(int(found[1], 16), int(found[2], 16), is_remote=True, trace_flags=flags)


def written(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & TraceFlags.SAMPLED:02x}"
