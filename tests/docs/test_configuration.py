"""docs/configuration.md has every key with its default and its variable, and none that is not there."""

import json
import operator
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from gateway.settings import KEY_VARIABLES, ConfigurationError, Settings, read_settings
from tests.docs.documents import blocks, code, rows, text

DOCUMENT = "docs/configuration.md"
NAMES = {"providers": "NAME", "models": "MODEL", "prices": "MODEL"}  # tables whose keys the user chooses


def keys(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, FieldInfo]]:
    """Every key with its dots, from the settings themselves."""
    for name, field in model.model_fields.items():
        own = (*path, name)
        inner = table_in(field.annotation)
        if inner is None or name == "prices":
            yield ".".join(own), field
        if inner is not None:
            yield from keys(inner, (*own, NAMES[name]) if name in NAMES else own)


def table_in(annotation: Any) -> type[BaseModel] | None:
    """The table that a key holds: itself, or as the values of a dictionary."""
    candidates = [annotation, *typing.get_args(annotation)]
    return next((kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


KEYS = dict(keys(Settings))
ROWS = {code(row["key"])[0]: row for row in rows(DOCUMENT, "key")}


def test_every_key_has_a_row_and_every_row_a_key() -> None:
    assert ROWS.keys() == KEYS.keys()


@pytest.mark.parametrize("key", KEYS)
def test_the_default_is_the_real_one(key: str) -> None:
    default = KEYS[key].get_default()
    written = ROWS[key]["default"]
    assert written == ("none" if default is None else f"`{json.dumps(default, default=str)}`")


@pytest.mark.parametrize("key", [key for key, row in ROWS.items() if "variable" in row])
def test_the_variable_is_read(key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is set to what no key but a text may be: the value arrives, or the complaint about it names the key."""
    variable = "EASEL_" + key.upper().replace(".", "__")
    assert code(ROWS[key]["variable"]) == [variable]
    place = key.replace("NAME", "fal").replace("MODEL", "model")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable.replace("__NAME__", "__FAL__"), '[[{"never": 1}]]')
    try:
        found: Any = read_settings()
    except ConfigurationError as wrong:
        assert [problem for problem in wrong.problems if problem.startswith(place)], wrong.problems
        return
    for step in place.split("."):
        found = operator.itemgetter(step)(found) if isinstance(found, dict) else getattr(found, step)
    assert "never" in str(found.get_secret_value() if isinstance(found, SecretStr) else found)


def test_every_key_variable_of_a_provider_is_named() -> None:
    assert [name for name in KEY_VARIABLES.values() if f"`{name}`" not in text(DOCUMENT)] == []


@pytest.mark.parametrize("document", [DOCUMENT, "README.md"])
def test_the_examples_are_accepted(document: str, tmp_path: Path) -> None:
    examples = blocks(document, "toml")
    assert examples
    for number, example in enumerate(examples):
        assert tomllib.loads(example)
        file = tmp_path / f"{number}.toml"
        file.write_text(example, "utf-8")
        assert read_settings(file).provider_settings()
