"""openapi.yaml as the tests read it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import jsonschema
import yaml

FILE = Path(__file__).parents[2] / "openapi.yaml"
METHODS = ("get", "head", "post", "put", "patch", "delete")

Json = dict[str, Any]


class OncePerKey(yaml.CSafeLoader):
    """YAML lets the last one of equal keys win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _value in node.value if isinstance(key, yaml.ScalarNode)]
        twice = {key for key in keys if keys.count(key) > 1}
        assert not twice, f"{sorted(twice)} twice at line {node.start_mark.line + 1}"
        return super().construct_mapping(node, deep)


def read() -> Json:
    return cast("Json", yaml.load(FILE.read_text(), OncePerKey))  # noqa: S506 - it is a safe one


DOCUMENT = read()


def resolved(node: Any) -> Any:
    """What a node refers to, or the node itself."""
    while isinstance(node, dict) and "$ref" in node:
        path = cast("str", node["$ref"]).removeprefix("#/").split("/")
        node = DOCUMENT
        for step in path:
            node = node[step]
    return cast("Any", node)


def operations() -> Iterator[tuple[str, str, Json]]:
    """`(path, METHOD, operation)` of all there are."""
    for path, entry in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in entry:
                yield path, method.upper(), entry[method]


def response(path: str, method: str, status: int) -> Json:
    """The documented response; KeyError where that status is not documented."""
    return cast("Json", resolved(DOCUMENT["paths"][path][method.lower()]["responses"][str(status)]))


def schema_of(path: str, method: str, status: int) -> Json:
    return cast("Json", response(path, method, status)["content"]["application/json"]["schema"])


def closed(node: Any) -> Any:
    """The schemas with every object closed that does not say that it is open: an undocumented field is then wrong."""
    if isinstance(node, list):
        return [closed(entry) for entry in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    known = {name: closed(entry) for name, entry in cast("Mapping[str, Any]", node).items()}
    if isinstance(known.get("properties"), dict) and "additionalProperties" not in known:
        known["additionalProperties"] = False
    return known


CLOSED = closed(DOCUMENT["components"])


def wrong_with(value: Any, schema: Any, *, strict: bool) -> list[str]:
    """Every disagreement of a value with a schema of the document; `strict` allows no undocumented field."""
    components = CLOSED if strict else DOCUMENT["components"]
    rooted = {**(closed(schema) if strict else schema), "components": components}
    errors: Any = jsonschema.Draft202012Validator(rooted).iter_errors(value)  # pyright: ignore[reportUnknownMemberType]
    return [f"{error.json_path}: {error.message[:300]}" for error in errors]
