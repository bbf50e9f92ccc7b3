"""For every id that a route of openapi.yaml takes: the same request about another team's, and about one that never was.

A route, method or parameter that is added there is probed without a word here, unless it takes a new kind of id.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.contract.document import DOCUMENT, Json, operations, resolved

# What a parameter's value is an id of, by its place, its name and how its route begins; the first that fits counts.
KINDS: Sequence[tuple[str, str, str, str]] = (
    ("path", "secret", "", "secret"),
    ("path", "token", "", "token"),
    ("path", "name", "/v1/images/files/", "file"),
    ("path", "id", "/v1/admin/teams/", "team"),
    ("path", "id", "/v1/admin/keys/", "key"),
    ("path", "id", "/v1/admin/ledger/", "line"),
    ("path", "id", "/v1/jobs/", "job"),
    ("query", "after", "/v1/admin/teams", "team"),
    ("query", "after", "/v1/admin/keys", "key"),
    ("query", "after", "/v1/admin/ledger", "line"),
    ("query", "after", "/v1/jobs", "job"),
    ("query", "request_id", "", "job"),
    ("query", "team", "", "team"),
    ("query", "key", "", "key"),
    ("header", "Last-Event-ID", "", "event"),
    ("body", "team", "", "team"),
)
# What names nothing of any team. An idempotency key is the caller's own word, and has a test of its own.
NO_IDS = {
    ("path", "provider"),
    ("path", "asset"),
    *(("query", name) for name in ("limit", "from", "to", "model", "provider", "group_by", "format", "assumed")),
    *(("query", name) for name in ("status", "created_from", "created_to", "wait", "dryRun", "expires", "signature")),
    *(("header", name) for name in ("X-Easel-Strict", "X-Easel-Cache", "Prefer", "Idempotency-Key")),
    *(("header", name) for name in ("Range", "If-Range", "If-None-Match", "If-Match")),
}
NO_IDS_THERE = {("path", "id", "/v1/models/{id}")}
FILLED = {"provider": "openai"}
BODIES: Mapping[str, Json] = {"overlap_seconds": {"overlap_seconds": 60}, "grace_seconds": {"grace_seconds": 60}}

Ids = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Json | None = None


@dataclass(frozen=True)
class Probe:
    """`given` are the values that stand in both requests' places: another team's, and one that never was."""

    name: str
    foreign: Request
    never: Request
    given: tuple[str, str]


@dataclass(frozen=True)
class Parameter:
    place: str
    name: str
    kind: str | None


class Route:
    """One operation of the document."""

    def __init__(self, path: str, method: str, operation: Json) -> None:
        self.path = path
        self.method = method
        content: Json = resolved(operation.get("requestBody", {})).get("content", {})
        self._body: Json | None = content.get("application/json")
        listed = (*DOCUMENT["paths"][path].get("parameters", ()), *operation.get("parameters", ()))
        told = [resolved(each) for each in listed]
        self.parameters = [
            Parameter(each["in"], each["name"], kind_of(each["in"], each["name"], path)) for each in told
        ]
        self.parameters += [Parameter("body", name, kind) for name, kind in (("team", "team"),) if name in self._fields]

    @property
    def _fields(self) -> Json:
        return resolved((self._body or {}).get("schema", {})).get("properties", {})

    def body(self) -> Json | None:
        """The first documented example, else the little that is known to do."""
        if self._body is None:
            return None
        examples: Json = self._body.get("examples", {})
        if examples:
            return dict(resolved(next(iter(examples.values())))["value"])
        return next((dict(body) for name, body in BODIES.items() if name in self._fields), Json())

    def request(self, ids: Mapping[str, str], probed: Parameter, value: str) -> Request:
        """About `value`, and with these ids where the path or the body needs more."""
        needed = {each.name: ids.get(each.kind or "") or FILLED.get(each.name, "") for each in self.parameters}
        in_path = {**needed, **({probed.name: value} if probed.place == "path" else {})}
        address = re.sub(r"\{(\w+)\}", lambda found: in_path[found[1]], self.path)
        body = self.body()
        if body is not None:
            body |= {each.name: needed[each.name] for each in self.parameters if each.place == "body"}
        given = {probed.name: value}
        return Request(
            self.method,
            address,
            query=given if probed.place == "query" else {},
            headers=given if probed.place == "header" else {},
            body={**(body or {}), **given} if probed.place == "body" else body,
        )


def probes(foreign: Ids, never: Ids, own: Ids) -> Iterator[Probe]:
    """By kind, the ids of another team, for each of them one that nobody has, and those of the team that asks."""
    mine = {kind: values[0] for kind, values in own.items()}
    for route in (Route(*each) for each in operations()):
        for probed in route.parameters:
            kind = probed.kind
            for value, nobodys in zip(foreign[kind], never[kind], strict=True) if kind else ():
                foreign_one, no_one = (route.request(mine, probed, each) for each in (value, nobodys))
                name = f"{route.method} {route.path} {probed.place} {probed.name}"
                yield Probe(name, foreign_one, no_one, (value, nobodys))


def kind_of(place: str, name: str, path: str) -> str | None:
    """Of what a parameter is an id. Fails for one of which this file says nothing."""
    for its_place, its_name, begins, kind in KINDS:
        if (place, name) == (its_place, its_name) and path.startswith(begins):
            return kind
    assert (place, name) in NO_IDS or (place, name, path) in NO_IDS_THERE, f"{path}: say of what {name} is an id"
    return None
