"""compose.yaml as Docker Compose understands it, as far as it is used: variables, and what is merged."""

import re
from collections.abc import Mapping
from typing import Any, cast

import yaml

from tests.deploy.programs import DEPLOY

Json = dict[str, Any]

VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<how>[-?])(?P<else>[^}]*))?\}")


def services() -> dict[str, Json]:
    """With the text of their variables as it stands in the file."""
    return cast("dict[str, Json]", yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"])


def variables() -> dict[str, str]:
    """Those that compose.yaml reads: "?" for one that must be there, "-" for one that has a default."""
    found = VARIABLE.finditer((DEPLOY / "compose.yaml").read_text())
    return {match["name"]: match["how"] or "" for match in found}


def environment(service: str, dot_env: Mapping[str, str]) -> dict[str, str]:
    """What its containers get in their environment."""
    given: dict[str, str | None] = services()[service]["environment"]
    values = {name: dot_env.get(name) if text is None else filled(text, dot_env) for name, text in given.items()}
    return {name: value for name, value in values.items() if value is not None}


def filled(text: str, dot_env: Mapping[str, str]) -> str:
    """The text with its variables replaced."""

    def value(match: re.Match[str]) -> str:
        given = dot_env.get(match["name"], "")
        assert given or match["how"] != "?", f"{match['name']} is missing: {match['else']}"
        return given or match["else"] or ""

    return VARIABLE.sub(value, text)


def read_dot_env(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}
