"""openapi.yaml is what it should be, by itself and beside the tables that it restates."""

from typing import Any, cast

import pytest
from openapi_spec_validator import validate

from gateway import errors
from gateway.errors import GatewayError
from normalizers.aliases import PAIR_MEANS, SPELLINGS
from normalizers.parameters import PARAMETERS
from tests.contract.document import DOCUMENT, Json, operations, resolved, wrong_with

REQUEST: Json = DOCUMENT["components"]["schemas"]["GenerationRequest"]
EXAMPLES: dict[str, Json] = DOCUMENT["components"]["examples"]
ERRORS: list[type[GatewayError]] = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, GatewayError) and kind is not GatewayError
]
LIMITS = ("minimum", "maximum", "minLength", "maxLength", "maxItems")


def test_it_is_valid_openapi() -> None:
    validate(cast("Any", DOCUMENT))


def test_its_properties_are_the_canonical_parameters() -> None:
    assert set(REQUEST["properties"]) - {"model"} == set(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_property_has_the_parameters_type_and_limits(name: str) -> None:
    documented: Json = REQUEST["properties"][name]
    own = PARAMETERS[name].schema
    if own:  # without a schema the parameter is read by code of its own
        assert {limit: documented.get(limit) for limit in LIMITS} == {limit: own.get(limit) for limit in LIMITS}
        assert [word for word in documented.get("enum", ()) if word is not None] == own.get("enum", [])
        # `prompt` alone is no list: it cannot be null.
        assert documented["type"] in (own["type"], [own["type"], "null"])
    assert documented["description"].strip()


@pytest.mark.parametrize("name", [name for name in PARAMETERS if name not in {"prompt", "image", "mask"}])
def test_null_is_the_same_as_leaving_it_out(name: str) -> None:
    assert not wrong_with(None, REQUEST["properties"][name], strict=False)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_is_told_where_it_means_something(spelling: str) -> None:
    for name in SPELLINGS[spelling].names:
        assert f"`{spelling}`" in REQUEST["properties"][name]["description"]


@pytest.mark.parametrize(("pair", "name"), PAIR_MEANS.items())
def test_every_pair_is_told_where_it_means_something(pair: tuple[str, str], name: str) -> None:
    assert f"`{pair[0]}` with `{pair[1]}`" in REQUEST["properties"][name]["description"]


def test_every_error_code_is_documented_and_every_documented_one_exists() -> None:
    code = DOCUMENT["components"]["schemas"]["ErrorCode"]
    assert set(code["enum"]) == {kind.code for kind in ERRORS}
    for kind in ERRORS:
        assert f"| `{kind.code}` | {kind.status} |" in code["description"]


def test_error_types_are_those_that_exist() -> None:
    error = DOCUMENT["components"]["schemas"]["Error"]
    assert set(error["properties"]["type"]["enum"]) == {kind.type for kind in ERRORS}


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.code)
def test_every_error_has_an_example_under_its_status(kind: type[GatewayError]) -> None:
    shown = [
        example["value"]["error"]
        for _path, _method, operation in operations()
        for example in error_examples(operation, kind.status)
    ]
    assert kind.type in {error["type"] for error in shown if error["code"] == kind.code}


def test_no_error_is_shown_under_another_status() -> None:
    status_of = {kind.code: kind.status for kind in ERRORS}
    for path, method, operation in operations():
        for status in operation["responses"]:
            for example in error_examples(operation, int(status)):
                assert status_of[example["value"]["error"]["code"]] == int(status), (path, method)


def error_examples(operation: Json, status: int) -> list[Json]:
    answer: Json = resolved(operation["responses"].get(str(status), {}))
    media: Json = answer.get("content", {}).get("application/json", {})
    found = [cast("Json", resolved(example)) for example in media.get("examples", {}).values()]
    return [example for example in found if example["value"].get("error")]


def test_every_example_fits_its_schema_and_shows_nothing_undocumented() -> None:
    for path, method, operation in operations():
        media_types = [resolved(answer).get("content", {}) for answer in operation["responses"].values()]
        for content in media_types:
            for media in content.values():
                for example in shown_in(media):
                    assert not wrong_with(example, media["schema"], strict=True), (path, method, example)
        body: Json = resolved(operation.get("requestBody", {}))
        for media in body.get("content", {}).values():
            for example in shown_in(media):
                assert not wrong_with(example, media["schema"], strict=False), (path, method, example)


def shown_in(media: Json) -> list[Any]:
    named = [resolved(example)["value"] for example in media.get("examples", {}).values()]
    return [*named, media["example"]] if "example" in media else named


def test_every_example_is_shown_somewhere() -> None:
    assert unused("examples") == set()


def test_every_component_is_used() -> None:
    for kind in ("schemas", "responses", "parameters", "headers", "requestBodies"):
        assert unused(kind) == set()


def unused(kind: str) -> set[str]:
    text = str(DOCUMENT)
    return {name for name in DOCUMENT["components"][kind] if f"'#/components/{kind}/{name}'" not in text}
